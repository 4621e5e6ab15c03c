"""Add labels to a recognizer that is trained further, which `initialize` does not do for sourced components."""

from collections.abc import Callable, Iterable

from spacy.language import Language
from spacy.training import Example

from ..components.crf_ner import CRFEntityRecognizer
from ..components.inspection import count_labels
from ..errors import Errors

CorpusT = Callable[[Language], Iterable[Example]]


def create_add_labels_v1(
    labels: list[str] | None = None, corpus: CorpusT | None = None, component: str | None = None
) -> Callable[[Language], None]:
    """Registered as `spacy-zh-tw-ner.add_labels.v1`, for `after_init` in [initialize].

    Labels that the component has already stay as they are, and so does all that it has learnt.

    labels (Optional[list[str]]): Labels to add.
    corpus (Optional[Callable]): A reader, all of whose labels are added, too.
    component (Optional[str]): Name of the recognizer, if there are several.
    RETURNS (Callable[[Language], None]): What spaCy calls once the pipeline is initialized.
    """

    def add_labels(nlp: Language) -> None:
        recognizer = _find(nlp, component)
        found = count_labels(example.reference for example in corpus(nlp)) if corpus is not None else ()
        for label in (*(labels or ()), *sorted(found)):
            recognizer.add_label(label)

    return add_labels


def _find(nlp: Language, name: str | None) -> CRFEntityRecognizer:
    """Find the component even if it is disabled: spaCy disables sourced components during initialization."""
    for candidate, component in nlp.components:
        if isinstance(component, CRFEntityRecognizer) and name in (None, candidate):
            return component
    raise ValueError(Errors.ZT113.format(name=name or "zh_tw_crf_ner", names=", ".join(nlp.component_names) or "none"))
