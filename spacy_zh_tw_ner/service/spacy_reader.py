"""Recognizer of the service that uses a spaCy pipeline."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import spacy
from spacy.attrs import LENGTH, SPACY  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.tokens import Doc

from ..components.crf_ner import CRFEntityRecognizer
from ..components.gazetteer import write_found
from ..components.span_annotations import get_score
from ..devices import require_gpu
from ..entities import Found, Prediction
from ..process_memory import limit_primitive_cache
from ..safe_points import is_interruptible, safe_point
from ..tokenization.word_list import Hints
from .warm_up import learn_characters


class SpacyReader:
    """Finds what a pipeline finds, and leaves nothing of a text in memory.

    nlp (Language): The pipeline.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp
        self.labels, self.evidence_labels = entity_labels(nlp), evidence_labels(nlp)
        self.min_score = lowest_score(nlp)
        writers = [i for i, (name, _) in enumerate(nlp.pipeline) if "doc.ents" in nlp.get_pipe_meta(name).assigns]
        self._last_writer = max(writers, default=-1)

    def __call__(self, texts: Sequence[str], hints: Sequence[Hints | None]) -> list[tuple[Found, ...]]:
        """Read texts; what a document holds is copied out inside the memory zone, which frees all of it at its end.

        Hints are written on their documents: they touch no other of the batch, nor the pipeline.
        """
        with self._memory_zone():
            docs = [self._nlp.make_doc(text) for text in texts]
            for doc, hinted in zip(docs, hints, strict=True):
                if hinted is not None:
                    _write(doc, hinted)
            if is_interruptible():
                return [self._read_in_slices(doc) for doc in docs]
            return [_entities(doc) for doc in self._nlp.pipe(docs, batch_size=len(docs))]

    @contextmanager
    def _memory_zone(self) -> Iterator[None]:
        """Open a memory zone, unless this batch is read in the middle of a long text, whose zone must stay whole."""
        if self._nlp.vocab.in_memory_zone:  # type: ignore[attr-defined]  # missing in spaCy's stub
            yield
        else:
            with self._nlp.memory_zone():
                yield

    def _read_in_slices(self, doc: Doc) -> tuple[Found, ...]:
        """Read one long document with safe points, where possible without writing its entities on it.

        For the entities of a million characters spaCy holds the GIL for a tenth of a second at a time.
        """
        for index, (_, pipe) in enumerate(self._nlp.pipeline):
            if index == self._last_writer and isinstance(pipe, CRFEntityRecognizer) and not doc.ents:
                (prediction,) = pipe.predict([doc])
                return _from_prediction(doc, prediction)
            doc = pipe(doc)
            safe_point()
        return _entities(doc)


def load_pipeline(source: str, *, max_chars: int, threads: int = 0, gpu_id: int = -1) -> Language:
    """Load a pipeline as a service wants it: lean, warm, and for long texts.

    source (str): Folder or package.
    max_chars (int): Characters of the longest text.
    threads (int): CPU threads; 0 for torch's choice.
    gpu_id (int): Number of the GPU, or -1 for the CPU.
    RETURNS (Language): The pipeline.
    """
    limit_primitive_cache()  # a text that comes alone then takes about a seventh longer
    if threads:
        import torch

        torch.set_num_threads(threads)
    if gpu_id >= 0:
        require_gpu(gpu_id)
    nlp = spacy.load(source)
    learn_characters(nlp)
    nlp.max_length = max(nlp.max_length, max_chars)
    return nlp


def lowest_score(nlp: Language) -> float:
    """Return the lowest `min_score` of the components that score entities, 0 without any."""
    return min((pipe.min_score for _, pipe in nlp.pipeline if isinstance(pipe, CRFEntityRecognizer)), default=0.0)


def entity_labels(nlp: Language) -> tuple[str, ...]:
    """Labels that any component says it can give to an entity."""
    found: set[str] = set()
    for name, _ in nlp.pipeline:
        if "doc.ents" in nlp.get_pipe_meta(name).assigns:
            found.update(nlp.pipe_labels.get(name, ()))
    return tuple(sorted(found))


def evidence_labels(nlp: Language) -> tuple[str, ...]:
    """Labels for which words are evidence: those that every `zh_tw_crf_ner` and `zh_tw_crf_ensemble` can give."""
    heads = [set(pipe.labels) for _, pipe in nlp.pipeline if isinstance(pipe, CRFEntityRecognizer)]
    return tuple(sorted(set.intersection(*heads))) if heads else ()


def _write(doc: Doc, hints: Hints) -> None:
    spans = [doc.char_span(start, end, label=label) for start, end, label in hints.places]
    # A pipeline may have tokens of several characters, in which a word cannot begin.
    whole = [span for span in spans if span is not None]
    write_found(doc, whole, bonus=hints.bonus, override=hints.override)


def _from_prediction(doc: Doc, prediction: Prediction) -> tuple[Found, ...]:
    # shape: (n_tokens + 1,) the first character of each token
    bounds = np.concatenate([[0], np.cumsum(doc.to_array([LENGTH, SPACY]).sum(1))])
    lengths = doc.to_array([LENGTH])
    return tuple(
        Found(int(bounds[ent.start]), int(bounds[ent.end - 1] + lengths[ent.end - 1]), ent.label, score)
        for ent, score in zip(prediction.ents, prediction.scores, strict=True)
    )


def _entities(doc: Doc) -> tuple[Found, ...]:
    return tuple(Found(ent.start_char, ent.end_char, ent.label_, get_score(ent)) for ent in doc.ents)
