"""Recognize entities of texts with a spaCy pipeline, for the service, batch annotation and other callers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from spacy.attrs import LENGTH, NORM, ORTH, SPACY  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.tokens import Doc

from ..components.crf_component import CRFComponent
from ..components.gazetteer import write_found
from ..components.inspection import find_span_recognizers
from ..components.normalizer import Normalizer, get_normalized
from ..components.span_annotations import SCORES, entity_score, read_scores
from ..devices import require_gpu
from ..entities import Entity, Found, FoundEntities, Prediction
from ..export.quantize import backbone_shims
from ..process_memory import limit_primitive_cache
from ..safe_points import is_interruptible, safe_point
from ..tokenization.word_list import Hints
from .pipelines import load_pipeline

# Printable ASCII characters, and lead and trail bytes of Big5
ASCII, LEAD, TRAIL = range(33, 127), range(0xA1, 0xFA), (*range(0x40, 0x7F), *range(0xA1, 0xFF))


class SpacyRecognizer:
    """Recognizes the entities of texts with a spaCy pipeline.

    Texts are processed in a memory zone: the strings and lexemes that a batch adds to the vocabulary are freed after
    it. spaCy therefore creates the lexemes of the same characters again for each batch, which takes a fifth of the time
    of a short text. `learn_characters` avoids that.

    nlp (Language): The pipeline.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp
        self._ner = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, CRFComponent)]
        writers = [(i, name) for i, name in enumerate(nlp.pipe_names) if "doc.ents" in nlp.get_pipe_meta(name).assigns]
        self._last_writer = max((i for i, _ in writers), default=-1)
        overlapping = find_span_recognizers(nlp)
        self._span_keys = [component.spans_key for component in overlapping]
        self.labels = tuple(sorted({label for _, name in writers for label in nlp.pipe_labels.get(name, ())}))
        self.span_labels = tuple(sorted({label for component in overlapping for label in component.labels}))
        heads = [set(pipe.labels) for pipe in self._ner or overlapping[:1]]
        self.evidence_labels = tuple(sorted(set.intersection(*heads))) if heads else ()
        self._normalizes = any(isinstance(pipe, Normalizer) for _, pipe in nlp.pipeline)
        self.min_score = min((pipe.min_score for pipe in (*self._ner, *overlapping)), default=0.0)

    def __call__(
        self, texts: Sequence[str], gazetteers: Sequence[Hints | None] | None = None
    ) -> list[tuple[Found, ...]]:
        """Recognize the entities of texts.

        texts (Sequence[str]): Any number of texts, of any length up to `nlp.max_length`.
        gazetteers (Optional[Sequence[Optional[Hints]]]): Gazetteer matches of each text, or None for a text without
            matches. None instead of a sequence: no text has matches.
        RETURNS (list[tuple[Found, ...]]): The entities of each text, with offsets in characters. If the pipeline has
            `zh_tw_crf_spans`, each tuple is a `FoundEntities`, whose attribute `spans` has the overlapping entities.
        RAISES (ValueError): If a text is not valid Unicode, or is too long.
        """
        with self._memory_zone():
            docs = self._make_docs(texts, gazetteers if gazetteers is not None else [None] * len(texts))
            if is_interruptible():
                return [self._recognize_in_slices(doc) for doc in docs]
            return [self._entities(doc) for doc in self._nlp.pipe(docs)]

    def check(self, text: str) -> None:
        """Raise a ValueError if a text is not valid Unicode, or longer than `nlp.max_length`."""
        if len(text) > self._nlp.max_length or not _is_unicode(text):
            self._nlp.make_doc(text)

    def docs(self, texts: Sequence[str]) -> Iterator[tuple[Doc, tuple[Found, ...]]]:
        """Yield the document and the entities of each text.

        Do not use a document after the iteration has ended: its strings are freed then.
        """
        with self._memory_zone():
            for doc in self._nlp.pipe(texts):
                yield doc, self._entities(doc)

    def learn_characters(self) -> None:
        """Add the lexemes and wordpieces of all ASCII and Big5 characters permanently, which speeds up short texts.

        This takes about half a second and a few MiB.
        """
        doc = self._nlp.make_doc("".join(big5())[: self._nlp.max_length])
        keys = np.asarray(doc.to_array([NORM, ORTH]), dtype=np.uint64)  # (n_tokens, 2)
        for shim in backbone_shims(self._nlp):
            shim.table(keys[:, 0], self._nlp.vocab.strings, keys[:, 1])

    def _make_docs(self, texts: Sequence[str], gazetteers: Sequence[Hints | None]) -> Iterator[Doc]:
        for text, hints in zip(texts, gazetteers, strict=True):
            doc = self._nlp.make_doc(text)
            if hints is not None:
                _write_matches(doc, hints)
            yield doc

    @contextmanager
    def _memory_zone(self) -> Iterator[None]:
        """Context manager: open a memory zone of spaCy, unless one is open already.

        A zone is already open if this thread is processing a long text, and has interrupted it for this batch.
        """
        if self._nlp.vocab.in_memory_zone:  # type: ignore[attr-defined]  # missing in spaCy's stub
            yield
        else:
            with self._nlp.memory_zone():
                yield

    def _recognize_in_slices(self, doc: Doc) -> tuple[Found, ...]:
        """Process one document with one component after the other, and return its entities.

        It is called if long texts may be interrupted. After each component is a safe point, where this thread may
        process other texts before it continues (see the module `safe_points`).

        If the last component that sets entities is a CRF recognizer, its prediction is returned without being written
        to the document: writing the entities of a million characters would hold the GIL for a tenth of a second.
        """
        for index, (_, pipe) in enumerate(self._nlp.pipeline):
            is_last = index == self._last_writer and not (self._normalizes or self._span_keys)
            if is_last and isinstance(pipe, CRFComponent) and not doc.ents:
                (prediction,) = pipe.predict([doc])
                return _from_prediction(doc, prediction)
            doc = pipe(doc)
            safe_point()
        return self._entities(doc)

    def _entities(self, doc: Doc) -> tuple[Found, ...]:
        """Return the entities in `doc.ents`, with character offsets, scores and normal forms.

        RETURNS (tuple[Found, ...]): The entities. If the pipeline has `zh_tw_crf_spans`, the tuple is a
            `FoundEntities`, whose attribute `spans` has the overlapping entities in `doc.spans`.
        """
        scores = read_scores(doc)  # all at once; `entity_score` searches the scores of the document for each entity
        found: list[Found] = []
        for ent in doc.ents:
            score = scores.get(Entity(ent.start, ent.end, ent.label_))
            score = entity_score(ent) if score is None else score
            found.append(Found(ent.start_char, ent.end_char, ent.label_, score, get_normalized(ent)))
        if not self._span_keys:
            return tuple(found)
        spans = [
            Found(span.start_char, span.end_char, span.label_, score)
            for key in self._span_keys
            for span, score in zip(doc.spans[key], doc.spans[key].attrs[SCORES], strict=True)
        ]
        return FoundEntities.with_spans(tuple(found), sorted(spans, key=lambda e: (e.start, -e.end, e.label)))


def load_spacy_recognizer(
    source: str, *, max_chars: int, threads: int, gpu_id: int, learn_characters: bool
) -> SpacyRecognizer:
    """Load the recognizer of a spaCy pipeline.

    source (str): Folder of the pipeline, or name of an installed package.
    max_chars (int): Length in characters of the longest text to accept. A lower `nlp.max_length` is raised to it.
    threads (int): CPU threads; 0 for the default of torch.
    gpu_id (int): GPU id, or -1 for the CPU.
    learn_characters (bool): Whether to add all characters of ASCII and Big5 to the vocabulary permanently.
    RETURNS (SpacyRecognizer): The recognizer.
    RAISES (ZhTwNerError): If the pipeline cannot be loaded, or there is no GPU of this id.
    """
    if gpu_id >= 0:
        require_gpu(gpu_id)
    limit_primitive_cache()  # bounds the memory; a single short text takes about a seventh longer
    if threads:
        import torch

        torch.set_num_threads(threads)
    nlp = load_pipeline(source)
    nlp.max_length = max(nlp.max_length, max_chars)
    recognizer = SpacyRecognizer(nlp)
    if learn_characters:
        recognizer.learn_characters()
    return recognizer


def big5() -> list[str]:
    """Return the printable characters of ASCII and Big5, which cover nearly all text in Taiwan."""
    pairs = (bytes((lead, trail)).decode("big5", "replace") for lead in LEAD for trail in TRAIL)
    return list(dict.fromkeys([*map(chr, ASCII), *(char for char in pairs if len(char) == 1 and char.isprintable())]))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _write_matches(doc: Doc, hints: Hints) -> None:
    """Write gazetteer matches to `doc.spans["gazetteer"]`, where the CRF components of the pipeline read them.

    If `hints.override` is True, they are written to `doc.ents` instead, and are kept as entities. The component
    `zh_tw_gazetteer` writes its matches in the same way.

    doc (Doc): The document, before the components are called; changed in place.
    hints (Hints): The matches, with offsets in characters. Those that begin or end inside a token are dropped.
    """
    spans = [doc.char_span(start, end, label=label) for start, end, label in hints.places]
    # Matches that do not start and end at token boundaries are dropped.
    whole = [span for span in spans if span is not None]
    write_found(doc, whole, bonus=hints.bonus, override=hints.override)


def _from_prediction(doc: Doc, prediction: Prediction) -> tuple[Found, ...]:
    """Convert a prediction, whose entities have token indices, to entities with character offsets."""
    # (n_tokens + 1,) offset of the first character of each token, and the length of the text
    bounds = np.concatenate([[0], np.cumsum(doc.to_array([LENGTH, SPACY]).sum(1))])
    lengths = doc.to_array([LENGTH])
    return tuple(
        Found(int(bounds[ent.start]), int(bounds[ent.end - 1] + lengths[ent.end - 1]), ent.label, score)
        for ent, score in zip(prediction.ents, prediction.scores, strict=True)
    )
