"""A pipeline of spaCy, as the service reads with it."""

from collections.abc import Sequence

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from ..encoders.transformer.lean_imports import import_transformers
from ..entities import Found
from ..pipeline.crf_ner import CRFEntityRecognizer
from ..pipeline.gazetteer import write_found
from ..pipeline.scores import get_score
from ..process_memory import limit_primitive_cache
from ..tokenization.word_list import Hints
from .warm_up import learn_characters


class SpacyReader:
    """Finds what a pipeline finds, and leaves nothing of a text in memory.

    nlp (Language): The pipeline.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp
        self.labels, self.evidence_labels = entity_labels(nlp), evidence_labels(nlp)

    def __call__(self, texts: Sequence[str], hints: Sequence[Hints | None]) -> list[tuple[Found, ...]]:
        """Read texts; what a document holds is copied out inside the memory zone, which frees all of it at its end.

        Hints are written on their documents: they touch no other of the batch, nor the pipeline.
        """
        with self._nlp.memory_zone():
            docs = [self._nlp.make_doc(text) for text in texts]
            for doc, hinted in zip(docs, hints, strict=True):
                if hinted is not None:
                    _write(doc, hinted)
            return [_entities(doc) for doc in self._nlp.pipe(docs, batch_size=len(docs))]


def load_pipeline(source: str, *, max_chars: int, threads: int = 0) -> Language:
    """Load a pipeline as a service wants it: lean, warm, and for long texts.

    source (str): Folder or package.
    max_chars (int): Characters of the longest text.
    threads (int): CPU threads; 0 for torch's choice.
    RETURNS (Language): The pipeline.
    """
    limit_primitive_cache()  # a text that comes alone then takes about a seventh longer
    if threads:
        import torch

        torch.set_num_threads(threads)
    import_transformers()
    nlp = spacy.load(source)
    learn_characters(nlp)
    nlp.max_length = max(nlp.max_length, max_chars)
    return nlp


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


def _entities(doc: Doc) -> tuple[Found, ...]:
    return tuple(Found(ent.start_char, ent.end_char, ent.label_, get_score(ent)) for ent in doc.ents)
