"""Calibrate a component by temperature scaling on held-out gold documents."""

from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..crf import fit_temperature
from ..errors import (
    CorpusError,
    Errors,
)
from .inspection import find_recognizer, run_before


def calibrate(nlp: Language, golds: Sequence[Doc], name: str | None = None) -> float:
    """Fit the temperature of a CRF component, and set it as the component's attribute `temperature`.

    The fitted temperature maximizes the likelihood of the gold entities.

    nlp (Language): The pipeline; its component is changed.
    golds (Sequence[Doc]): Held-out documents with gold entities, on which the pipeline was not trained.
    name (Optional[str]): Name of the component; by default the first that decodes a CRF.
    RETURNS (float): The temperature. A value above 1 means that the scores were too high.
    RAISES (ZhTwNerError): If there is no such component, or no document has an entity with a label of the component.
    """
    component = find_recognizer(nlp, name)
    # Without gold entities the likelihood is largest at temperature 0, and all scores would be 1.
    if not any(ent.label_ in component.labels for gold in golds for ent in gold.ents):
        labels = ", ".join(component.labels) or "none"
        raise CorpusError(Errors.ZT115.format(n=len(golds), name=component.name, labels=labels))
    docs = run_before(nlp, component, (nlp.make_doc(gold.text) for gold in golds))
    examples = [Example(doc, gold) for doc, gold in zip(docs, golds, strict=True)]
    component.temperature = fit_temperature(*component.potentials(docs), component.gold_mask(examples))
    return component.temperature
