"""Inspect pipelines: find the recognizer, run the components before it, compare tokenizers and labels."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors, PipelineError
from ..language import BATCH_CHARACTERS, divide
from .crf_component import CRFComponent
from .crf_pipe import CRFPipe
from .crf_spans import CRFSpanRecognizer

ComponentT = TypeVar("ComponentT", bound=CRFPipe)


@overload
def find_recognizer(nlp: Language, name: str | None = None) -> CRFComponent: ...


@overload
def find_recognizer(nlp: Language, name: str | None, kind: type[ComponentT]) -> ComponentT: ...


def find_recognizer(nlp: Language, name: str | None = None, kind: type[CRFPipe] = CRFComponent) -> CRFPipe:
    """Find the recognizer of a pipeline.

    nlp (Language): The pipeline.
    name (Optional[str]): Name of the component; None for the first component of the class `kind`.
    kind (type[CRFPipe]): Class of the component; by default the base class of the CRF components that write `doc.ents`.
    RETURNS (CRFPipe): The component.
    RAISES (ZhTwNerError): If the pipeline has no component of this name and class.
    """
    for candidate, component in nlp.pipeline:
        if isinstance(component, kind) and name in (None, candidate):
            return component
    for candidate, component in nlp.pipeline:
        if isinstance(component, CRFComponent) and name in (None, candidate):
            raise PipelineError(Errors.ZT943.format(name=candidate))
    raise PipelineError(Errors.ZT113.format(name=name or "zh_tw_crf_ner", names=", ".join(nlp.pipe_names) or "nothing"))


def find_span_recognizers(nlp: Language) -> list[CRFSpanRecognizer]:
    """Return the components of a pipeline that recognize overlapping entities, in the order of the pipeline."""
    return [component for _, component in nlp.pipeline if isinstance(component, CRFSpanRecognizer)]


def only_spans_key(nlp: Language) -> str:
    """Return the key of `doc.spans` of a pipeline whose entities are only there, not in `doc.ents`.

    RETURNS (str): The key of the first `zh_tw_crf_spans`. Empty if the pipeline has none, or if one of its components
        sets `doc.ents`.
    """
    recognizers = find_span_recognizers(nlp)
    has_ents = any("doc.ents" in nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names)
    return recognizers[0].spans_key if recognizers and not has_ents else ""


def run_before(nlp: Language, component: CRFPipe, docs: Iterable[Doc]) -> list[Doc]:
    """Process documents with the components before a recognizer, such as the encoder to which it listens.

    No component is disabled for this: `nlp.select_pipes` would disable it for other threads, too.

    nlp (Language): The pipeline.
    component (CRFPipe): The recognizer, a component of the pipeline.
    docs (Iterable[Doc]): Documents with the vocabulary of the pipeline; the components annotate them.
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
    """Return the settings of a pipeline that determine its tokens and norms.

    RETURNS (dict[str, Any]): "lang" → code of the language; and name → value for the settings of [nlp.tokenizer].
    """
    return {"lang": nlp.lang, **nlp.config.interpolate()["nlp"]["tokenizer"]}


def differences_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Compare two sets of settings, such as those that `tokenization_of` returns for two pipelines.

    one, other (Mapping[str, Any]): Name → value of each setting. A missing setting has the value None.
    RETURNS (list[str]): One description for each setting that is not equal in both: "NAME is VALUE instead of VALUE".
        The first value is that of `other`, the second that of `one`. Empty if all settings are equal.
    """
    pairs = {name: (one.get(name), other.get(name)) for name in [*one, *other]}
    return [f"{name} is {theirs!r} instead of {ours!r}" for name, (ours, theirs) in pairs.items() if ours != theirs]


def unknown_labels_message(nlp: Language, golds: Iterable[Doc]) -> str | None:
    """Compare the labels of gold documents with those of a pipeline. Each label is reported only once per pipeline.

    nlp (Language): The pipeline. Its labels are those of all components that write to `doc.ents`, for example also
        those of an entity ruler.
    golds (Iterable[Doc]): Documents with gold entities.
    RETURNS (Optional[str]): A warning that lists the labels that the pipeline lacks, each with the number of gold
        entities. None if there are no such labels, if all of them have been reported before, or if the pipeline has
        no CRF component that writes to `doc.ents`.
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
    """Return label → number of entities in `doc.ents` of all documents together. Empty labels are not counted."""
    return Counter(ent.label_ for doc in docs for ent in doc.ents if ent.label_)
