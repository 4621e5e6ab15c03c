"""A folder of `export-onnx` that annotates, with numpy and ONNX Runtime."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, cast

from ..entities import Entity, Found
from ..runtime import load
from ..runtime.characters import code_points
from .annotators import Annotated
from .records import Loaded, Record, reject

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span

AT_ONCE = 16_384  # characters that are read at once


class ExportedAnnotator:
    """See `annotators.Annotator`.

    folder (str): The folder.
    makes_docs (bool): Whether documents will be asked for, which takes spaCy.
    """

    def __init__(self, folder: str, *, makes_docs: bool) -> None:
        self._recognize = load(folder, threads=1)
        self._nlp = _blank() if makes_docs else None

    def zone(self) -> AbstractContextManager[object]:
        """A memory zone, where there is spaCy."""
        return nullcontext() if self._nlp is None else self._nlp.memory_zone()

    def __call__(self, loaded: Loaded) -> Iterator[Annotated]:
        """Annotate a chunk."""
        for records in _batches(_valid(loaded)):
            for record, found in zip(records, self._recognize([record.text for record in records]), strict=True):
                yield Annotated(record, found, partial(self._doc, record.text, found), len(record.text))

    def _doc(self, text: str, found: tuple[Found, ...]) -> "Doc":
        """What the pipeline that was exported would have made."""
        from ..components.span_annotations import write_scores
        from ..entities import Prediction

        assert self._nlp is not None
        doc = self._nlp.make_doc(text)
        spans = cast("list[Span]", [doc.char_span(place.start, place.end, label=place.label) for place in found])
        doc.ents = spans
        ents = tuple(Entity(span.start, span.end, span.label_) for span in spans)
        write_scores(doc, Prediction(ents, tuple(place.score or 0.0 for place in found)))
        return doc


def _blank() -> "Language":
    import spacy

    return spacy.blank("zh_tw")


def _valid(loaded: Loaded) -> Iterator[Record]:
    for record in loaded.records:
        try:
            code_points(record.text)
        except ValueError as error:
            loaded.rejects.append(reject(record, error))
        else:
            yield record


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    n_chars = 0
    for record in records:
        if batch and n_chars + len(record.text) > AT_ONCE:
            yield batch
            batch, n_chars = [], 0
        batch.append(record)
        n_chars += len(record.text)
    if batch:
        yield batch
