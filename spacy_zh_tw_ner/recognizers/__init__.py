"""Recognizers turn texts into entities with scores, using a spaCy pipeline or an exported model.

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
    """Interface of recognizers, which find the entities of texts. No part of a text stays in memory afterwards.

    labels: Labels that an entity may have.
    span_labels: Labels that an overlapping entity may have; empty if the recognizer finds none.
    evidence_labels: Labels for which gazetteer matches can raise the probability of an entity.
    min_score: Lowest score of an entity; 0 for no limit.
    """

    labels: tuple[str, ...]
    span_labels: tuple[str, ...]
    evidence_labels: tuple[str, ...]
    min_score: float

    def __call__(
        self, texts: Sequence[str], gazetteers: Sequence[Hints | None] | None = None
    ) -> list[tuple[Found, ...]]:
        """Recognize the entities of texts.

        texts (Sequence[str]): Any number of texts, of any length.
        gazetteers (Optional[Sequence[Optional[Hints]]]): For each text, the words of a gazetteer that occur in it, or
            None if there are none. None instead of a sequence: no text has such words.
        RETURNS (list[tuple[Found, ...]]): The entities of each text, with offsets in characters. If the pipeline also
            finds overlapping entities, each tuple is a `FoundEntities`, whose attribute `spans` has these entities.
        RAISES (ValueError): If a text is not valid Unicode, or is too long.
        """

    def check(self, text: str) -> None:
        """Raise a ValueError if a text cannot be processed: it is not valid Unicode, or is too long."""


def load_recognizer(
    source: str, *, max_chars: int = 0, threads: int = 0, gpu_id: int = -1, learn_characters: bool = False
) -> Recognizer:
    """Load the recognizer of a spaCy pipeline or an exported model.

    source (str): Folder of a pipeline or exported model, or name of an installed package.
    max_chars (int): Length in characters of the longest text to accept. A lower `nlp.max_length` is raised to it.
    threads (int): CPU threads; 0 for the default of torch or ONNX Runtime.
    gpu_id (int): GPU id for a spaCy pipeline, or -1 for the CPU.
    learn_characters (bool): For a spaCy pipeline: whether to add all characters of ASCII and Big5 to the vocabulary
        permanently. This takes half a second, and short texts are processed a fifth faster.
    RETURNS (Recognizer): The recognizer.
    RAISES (ValueError): If the source does not exist or cannot be loaded.
    RAISES (DeviceError): If a GPU is requested for an exported model, or there is no such GPU.
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
    """Recognize the entities of texts, and yield them with a spaCy document for each text.

    Documents of a spaCy pipeline have all annotation that its components set. Documents of an exported model have
    character tokens, entities and scores.

    recognizer (Recognizer): The recognizer.
    texts (Sequence[str]): The texts.
    YIELDS (tuple[Doc, tuple[Found, ...]]): Document and entities of each text. Do not use a document after the
        iteration has ended: its strings are freed then.
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
    """Return a new document with entities in `doc.ents`.

    Their scores are in `doc.spans["ner"]` and in `doc.user_data`, where `ent._.score` finds them.

    nlp (Language): Pipeline with a character tokenizer.
    found (Sequence[Found]): Entities of the text, no two of which overlap. A missing score becomes 0.
    """
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
