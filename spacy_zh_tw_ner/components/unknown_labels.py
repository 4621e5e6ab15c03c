"""Report labels of gold entities that a pipeline cannot predict."""

from collections import Counter
from collections.abc import Iterable

from spacy.language import Language
from spacy.tokens import Doc

from .crf_ner import CRFEntityRecognizer


def unknown_labels_message(nlp: Language, golds: Iterable[Doc]) -> str | None:
    """Compare the labels of gold documents with those of a pipeline.

    nlp (Language): The pipeline. Labels that another of its components writes to `doc.ents`, such as an entity ruler,
        are known.
    golds (Iterable[Doc]): Documents with gold entities.
    RETURNS (Optional[str]): A warning that names the unknown labels and how many entities have each; None if all are
        known, have been reported before, or no component decodes a CRF.
    """
    counts = count_labels(golds)
    recognizer = None
    for name, component in nlp.components:
        if "doc.ents" in nlp.get_pipe_meta(name).assigns:
            for label in getattr(component, "labels", ()):
                counts.pop(label, None)
        if recognizer is None and isinstance(component, CRFEntityRecognizer):
            recognizer = component
    if recognizer is None:
        return None
    return recognizer.gold_warnings.unknown_labels(counts, recognizer.name, recognizer.labels)


def count_labels(docs: Iterable[Doc]) -> Counter[str]:
    """Count the entities of some documents by label."""
    return Counter(ent.label_ for doc in docs for ent in doc.ents if ent.label_)
