"""Calibrate a component by temperature scaling on held-out gold documents."""

from collections.abc import Iterable, Sequence
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..crf import fit_temperature
from ..errors import Errors
from ..language import BATCH_CHARACTERS, divide
from .crf_ner import CRFEntityRecognizer


def find_recognizer(nlp: Language, name: str | None = None) -> CRFEntityRecognizer:
    """Find the component in a pipeline.

    nlp (Language): The pipeline.
    name (Optional[str]): Its name; by default the first `zh_tw_crf_ner` there is.
    RETURNS (CRFEntityRecognizer): The component.
    RAISES (ValueError): Where there is none of this name, or it is something else.
    """
    for candidate, component in nlp.pipeline:
        if isinstance(component, CRFEntityRecognizer) and name in (None, candidate):
            return component
    raise ValueError(Errors.ZT113.format(name=name or "zh_tw_crf_ner", names=", ".join(nlp.pipe_names) or "nothing"))


def run_before(nlp: Language, component: CRFEntityRecognizer, docs: Iterable[Doc]) -> list[Doc]:
    """Process documents with the components before a recognizer, which may listen to them.

    The pipeline itself is not changed: `nlp.select_pipes` would disable components for other threads, too.

    nlp (Language): The pipeline.
    component (CRFEntityRecognizer): One of its components.
    docs (Iterable[Doc]): Documents of its vocabulary, which are written on.
    RETURNS (list[Doc]): The same.
    """
    others: list[Any] = [other for _, other in nlp.pipeline]
    before = others[: others.index(component)]
    processed: list[Doc] = []
    for batch in divide(docs, max_items=nlp.batch_size, max_characters=BATCH_CHARACTERS):
        for other in before:
            batch = list(other.pipe(batch)) if hasattr(other, "pipe") else [other(doc) for doc in batch]  # noqa: PLW2901
        processed += batch
    return processed


def calibrate(nlp: Language, golds: Sequence[Doc], name: str | None = None) -> float:
    """Fit the temperature of a component, and set it.

    The temperature is the one under which the gold is most probable: see `crf.fit_temperature`.

    nlp (Language): The pipeline.
    golds (Sequence[Doc]): Held-out documents with gold entities, on which it was not trained.
    name (Optional[str]): The component, see `find_recognizer`.
    RETURNS (float): The temperature. Above 1 the component was too sure of itself.
    RAISES (ValueError): Where no document has an entity with a label of the component.
    """
    component = find_recognizer(nlp, name)
    # Without gold entities the likelihood is largest at temperature 0, and all scores would be 1.
    if not any(ent.label_ in component.labels for gold in golds for ent in gold.ents):
        labels = ", ".join(component.labels) or "none"
        raise ValueError(Errors.ZT115.format(n=len(golds), name=component.name, labels=labels))
    docs = run_before(nlp, component, (nlp.make_doc(gold.text) for gold in golds))
    examples = [Example(doc, gold) for doc, gold in zip(docs, golds, strict=True)]
    component.temperature = fit_temperature(*component.potentials(docs), component.gold(examples))
    return component.temperature
