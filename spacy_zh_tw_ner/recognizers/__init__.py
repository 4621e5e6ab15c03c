"""Recognizers: texts → entities with scores, by a spaCy pipeline or an exported model.

Recognizer (Protocol)
├── SpacyRecognizer       a spaCy pipeline
└── ExportedRecognizer    an exported model (`export-onnx`); needs neither spaCy nor torch
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from ..entities import Entity, Found, Prediction
from ..errors import DeviceError, Errors
from ..runtime.folder import is_exported
from ..tokenization.word_list import Hints

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span


class Recognizer(Protocol):
    """Recognizes the entities of texts, and keeps nothing of the texts in memory.

    labels: Labels that an entity may have. evidence_labels: Labels for which gazetteer matches are evidence.
    min_score: Lowest score of an entity; 0 if there is no limit.
    """

    labels: tuple[str, ...]
    evidence_labels: tuple[str, ...]
    min_score: float

    def __call__(
        self, texts: Sequence[str], gazetteers: Sequence[Hints | None] | None = None
    ) -> list[tuple[Found, ...]]:
        """Recognize the entities of texts.

        texts (Sequence[str]): Any number, of any length.
        gazetteers (Optional[Sequence[Optional[Hints]]]): Gazetteer matches in each text, which affect that text alone.
        RETURNS (list[tuple[Found, ...]]): One for each text.
        RAISES (ValueError): For a text that cannot be processed, see `check`.
        """

    def check(self, text: str) -> None:
        """Raise a ValueError if a text cannot be processed: it is not valid Unicode, or too long."""


def load_recognizer(
    source: str, *, max_chars: int = 0, threads: int = 0, gpu_id: int = -1, learn_characters: bool = False
) -> Recognizer:
    """Load a spaCy pipeline or an exported model.

    source (str): Folder, or name of an installed package.
    max_chars (int): Characters of the longest text, if that is more than the limit of the pipeline.
    threads (int): CPU threads; 0 for the default of torch or ONNX Runtime.
    gpu_id (int): Number of the GPU for a spaCy pipeline, or -1 for the CPU.
    learn_characters (bool): Take half a second to make short texts a fifth faster; see `SpacyRecognizer`.
    RETURNS (Recognizer): The recognizer.
    RAISES (ValueError): If there is none of this name, or it cannot be loaded. DeviceError, for an exported model on a
        GPU, or if there is no such GPU.
    """
    if is_exported(Path(source)):
        if gpu_id >= 0:
            raise DeviceError(Errors.ZT703.format(pipeline=source))
        from ..runtime import load

        return load(source, threads=threads)
    from .spacy_recognizer import load_spacy_recognizer

    return load_spacy_recognizer(
        source, max_chars=max_chars, threads=threads, gpu_id=gpu_id, learn_characters=learn_characters
    )


def recognize_docs(recognizer: Recognizer, texts: Sequence[str]) -> Iterator[tuple["Doc", tuple[Found, ...]]]:
    """Recognize the entities of texts, and write them to documents of spaCy.

    recognizer (Recognizer): Of an exported model, documents have character tokens, entities and scores; of a spaCy
        pipeline, all that its components set.
    texts (Sequence[str]): The texts.
    YIELDS (tuple[Doc, tuple[Found, ...]]): The document of each text, valid until the next one, and its entities.
    """
    from .spacy_recognizer import SpacyRecognizer

    if isinstance(recognizer, SpacyRecognizer):
        yield from recognizer.docs(texts)
        return
    nlp = _blank_pipeline()
    with nlp.memory_zone():
        for text, found in zip(texts, recognizer(texts), strict=True):
            yield _to_doc(nlp, text, found), found


def _to_doc(nlp: "Language", text: str, found: Sequence[Found]) -> "Doc":
    from ..components.span_annotations import write_scores

    doc = nlp.make_doc(text)
    spans = cast("list[Span]", [doc.char_span(place.start, place.end, label=place.label) for place in found])
    doc.ents = spans
    ents = tuple(Entity(span.start, span.end, span.label_) for span in spans)
    write_scores(doc, Prediction(ents, tuple(place.score or 0.0 for place in found)))
    return doc


@cache
def _blank_pipeline() -> "Language":
    import spacy

    return spacy.blank("zh_tw")
