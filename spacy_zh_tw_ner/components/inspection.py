"""Inspect pipelines: find the recognizer, run the components before it, compare tokenizers and labels."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors, PipelineError
from ..language import BATCH_CHARACTERS, divide
from .crf_component import CRFComponent

ComponentT = TypeVar("ComponentT", bound=CRFComponent)


@overload
def find_recognizer(nlp: Language, name: str | None = None) -> CRFComponent: ...


@overload
def find_recognizer(nlp: Language, name: str | None, kind: type[ComponentT]) -> ComponentT: ...


def find_recognizer(nlp: Language, name: str | None = None, kind: type[CRFComponent] = CRFComponent) -> CRFComponent:
    """Find the recognizer of a pipeline.

    nlp (Language): The pipeline.
    name (Optional[str]): Its name; by default the first there is.
    kind (type[CRFComponent]): Class that it must have; by default any that decodes a CRF.
    RETURNS (CRFComponent): The component.
    RAISES (ZhTwNerError): If there is none of this name and class.
    """
    for candidate, component in nlp.pipeline:
        if isinstance(component, kind) and name in (None, candidate):
            return component
    for candidate, component in nlp.pipeline:
        if isinstance(component, CRFComponent) and name in (None, candidate):
            raise PipelineError(Errors.ZT943.format(name=candidate))
    raise PipelineError(Errors.ZT113.format(name=name or "zh_tw_crf_ner", names=", ".join(nlp.pipe_names) or "nothing"))


def run_before(nlp: Language, component: CRFComponent, docs: Iterable[Doc]) -> list[Doc]:
    """Process documents with the components before a recognizer, which it may listen to.

    The pipeline itself is not changed: `nlp.select_pipes` would disable components for other threads, too.

    nlp (Language): The pipeline.
    component (CRFComponent): One of its components.
    docs (Iterable[Doc]): Documents of its vocabulary, which are changed.
    RETURNS (list[Doc]): The same documents.
    """
    others: list[Any] = [other for _, other in nlp.pipeline]
    before = others[: others.index(component)]
    processed: list[Doc] = []
    for batch in divide(docs, max_items=nlp.batch_size, max_characters=BATCH_CHARACTERS):
        for other in before:
            batch = list(other.pipe(batch)) if hasattr(other, "pipe") else [other(doc) for doc in batch]  # noqa: PLW2901
        processed += batch
    return processed


def tokenization_of(nlp: Language) -> dict[str, Any]:
    """Return the settings on which tokens and their norms depend."""
    return {"lang": nlp.lang, **nlp.config.interpolate()["nlp"]["tokenizer"]}


def differences_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Describe the settings of `other` that differ from those of `one`."""
    pairs = {name: (one.get(name), other.get(name)) for name in [*one, *other]}
    return [f"{name} is {theirs!r} instead of {ours!r}" for name, (ours, theirs) in pairs.items() if ours != theirs]


def unknown_labels_message(nlp: Language, golds: Iterable[Doc]) -> str | None:
    """Compare the labels of gold documents with those of a pipeline.

    nlp (Language): The pipeline. Labels that another of its components writes to `doc.ents`, such as an entity ruler,
        are known.
    golds (Iterable[Doc]): Documents with gold entities.
    RETURNS (Optional[str]): A warning that names the unknown labels and how many entities have each; None if all are
        known, have been reported before, or no component decodes a CRF.
    """
    counts = count_labels(golds)
    recognizer: CRFComponent | None = None
    for name, component in nlp.components:
        if "doc.ents" in nlp.get_pipe_meta(name).assigns:
            for label in getattr(component, "labels", ()):
                counts.pop(label, None)
        if recognizer is None and isinstance(component, CRFComponent):
            recognizer = component
    if recognizer is None:
        return None
    return recognizer.warnings.unknown_labels(counts, recognizer.labels)


def count_labels(docs: Iterable[Doc]) -> Counter[str]:
    """Count the entities of documents by label."""
    return Counter(ent.label_ for doc in docs for ent in doc.ents if ent.label_)
