"""Annotate records with a spaCy pipeline."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial

import torch
from spacy.tokens import Doc, Span

from ..components.folders import load_pipeline
from ..devices import require_gpu
from ..entities import Found
from ..process_memory import limit_primitive_cache
from .annotators import Annotated
from .records import Loaded, Record, reject


class SpacyAnnotator:
    """See `annotators.Annotator`.

    pipeline (str): Folder or package name.
    gpu (Optional[int]): Number of the GPU; None for one core.
    """

    def __init__(self, pipeline: str, gpu: int | None) -> None:
        if gpu is None:
            # As many threads as cores in each of as many processes would stand in each other's way.
            torch.set_num_threads(1)
            limit_primitive_cache()
        else:
            require_gpu(gpu)
        self._nlp = load_pipeline(pipeline)

    def zone(self) -> AbstractContextManager[object]:
        """A memory zone of the pipeline."""
        return self._nlp.memory_zone()

    def __call__(self, loaded: Loaded) -> Iterator[Annotated]:
        """Annotate a chunk."""
        for doc, record in self._nlp.pipe(self._docs(loaded), as_tuples=True):
            yield Annotated(record, found_in(doc), partial(_itself, doc), len(doc))

    def _docs(self, loaded: Loaded) -> Iterator[tuple[Doc, Record]]:
        for record in loaded.records:
            try:
                doc = self._nlp.make_doc(record.text)
            except ValueError as error:  # half of a UTF-16 pair; longer than the nlp.max_length of another language
                loaded.rejects.append(reject(record, error))
            else:
                yield doc, record


def _itself(doc: Doc) -> Doc:
    return doc


def found_in(doc: Doc) -> list[Found]:
    """Entities of a document, with scores where the pipeline gives any."""
    scored = Span.has_extension("score")
    return [Found(e.start_char, e.end_char, e.label_, e._.score if scored else None) for e in doc.ents]
