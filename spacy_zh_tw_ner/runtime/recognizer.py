"""Recognizer of an exported model: emissions with ONNX Runtime, decoding with the CRF in numpy."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..entities import Entity, Found, Prediction
from ..entity_decoding import NO_EVIDENCE, EntityDecoder, Evidence, make_evidence
from ..errors import Errors, SettingError
from ..safe_points import is_interruptible
from ..tag_scheme import TagScheme, WhiteSpace
from ..tokenization.word_list import Hints
from .emissions import Characters, EmissionsT, Emitter, IndicesT, code_points, read_characters
from .folder import Exported, read_folder

LONG = 8_192  # a text with more tokens is processed in chunks, with its emissions on disk
SLICED = 1_024  # the same limit where other work may run at safe points
BATCH_CHARS = 16_384  # largest number of characters of the texts that are processed together


class ExportedRecognizer:
    """Recognizer of an exported model, with the same results as the exported pipeline. `load` creates it.

    Call it with texts. The attribute `labels` has the labels that it predicts. Gazetteer matches may have the same
    labels (`evidence_labels`). `span_labels`, the labels of overlapping entities, is always empty.

    exported (Exported): Wordpieces, labels and transitions of the model.
    emitter (Emitter): Computes emissions, the score of each tag for each token, with ONNX Runtime.
    """

    def __init__(self, exported: Exported, emitter: Emitter) -> None:
        self.labels = self.evidence_labels = exported.labels
        self.span_labels: tuple[str, ...] = ()
        self.min_score = exported.min_score
        self._exported, self._emitter, self._scheme = exported, emitter, TagScheme(exported.labels)
        self._decoder = EntityDecoder(
            self._scheme, exported.transitions, temperature=exported.temperature, min_score=exported.min_score
        )

    def __call__(
        self, texts: Sequence[str], gazetteers: Sequence[Hints | None] | None = None
    ) -> list[tuple[Found, ...]]:
        """Recognize the entities of texts.

        texts (Sequence[str]): Any number of texts, of any length. They are processed in batches of limited memory.
        gazetteers (Optional[Sequence[Optional[Hints]]]): Gazetteer matches of each text, or None for a text without
            matches. None instead of a sequence: no text has matches.
        RETURNS (list[tuple[Found, ...]]): The entities of each text, with offsets in characters.
        RAISES (ZhTwNerError): If a text is not valid Unicode, or a match has a label that the model lacks.
        """
        matches = gazetteers if gazetteers is not None else [None] * len(texts)
        return [found for some in _batches(zip(texts, matches, strict=True)) for found in self._recognize(some)]

    def check(self, text: str) -> None:
        """Raise a ZhTwNerError if a text is not valid Unicode."""
        code_points(text)

    def _recognize(self, texts: Sequence[tuple[str, Hints | None]]) -> list[tuple[Found, ...]]:
        """Recognize the entities of a batch of texts. Short texts are processed together, and long texts in chunks."""
        tokenized = [read_characters(text, self._exported) for text, _ in texts]
        short = iter(self._emitter([characters for characters in tokenized if not _is_long(characters)]))
        return [
            self._decode(characters, self._emitter.chunks(characters) if _is_long(characters) else next(short), hints)
            for characters, (_, hints) in zip(tokenized, texts, strict=True)
        ]

    def _decode(
        self, characters: Characters, emissions: EmissionsT | Iterator[EmissionsT], hints: Hints | None
    ) -> tuple[Found, ...]:
        """Decode the emissions of a text into entities.

        characters (Characters): The tokens of the text, each one character, with their offsets.
        emissions (EmissionsT | Iterator[EmissionsT]): (n_tokens, n_tags), or chunks of it for a long text.
        hints (Optional[Hints]): Gazetteer matches. If `hints.override` is True, every match becomes an entity;
            otherwise, matches only raise the emissions of their tags.
        """
        if not len(characters.offsets):
            return ()
        matches = _by_token(hints, characters.offsets, self.labels) if hints is not None else []
        is_fixed = hints is not None and hints.override
        evidence = NO_EVIDENCE if hints is None or is_fixed else self._evidence(matches, hints.bonus)
        # Tokens are single characters, so one array serves for all three fields.
        white_space = WhiteSpace(*[characters.is_white_space] * 3)
        if isinstance(emissions, np.ndarray):
            (prediction,) = self._decoder.decode(emissions, [len(emissions)], white_space, evidence)
        else:
            prediction = self._decoder.decode_long(emissions, white_space, evidence)
        kept = _without_overlap(matches) if is_fixed else set()
        return tuple(_found(prediction, kept, characters.offsets))

    def _evidence(self, matches: Sequence[Entity], bonus: float) -> Evidence:
        """Return the evidence for the decoder that raises the probability of gazetteer matches.

        Each token of a match gets one bonus, which is added to the emission of its tag in the match.

        matches (Sequence[Entity]): The matches, with token indices.
        bonus (float): The number that is added.
        """
        cells = [(match.start + i, tag) for match in matches for i, tag in enumerate(self._scheme.path(match))]
        return make_evidence([row for row, _ in cells], [tag for _, tag in cells], [bonus] * len(cells))


def load(folder: str | Path, *, min_score: float | None = None, threads: int = 0) -> ExportedRecognizer:
    """Load an exported model.

    folder (str | Path): Folder written by `export-onnx`.
    min_score (Optional[float]): Lowest score of a predicted entity. 0: entities of the best tag path, whatever their
        score. None: the value that was exported with the pipeline.
    threads (int): CPU threads; 0 for one per core.
    RETURNS (ExportedRecognizer): The recognizer.
    RAISES (ZhTwNerError): If the folder is not an exported model or is damaged, `min_score` is out of range, or
        onnxruntime is not installed.
    """
    exported = read_folder(Path(folder))
    if min_score is not None:
        if not 0.0 <= min_score <= 1.0:
            raise SettingError(Errors.ZT112.format(name="min_score", value=min_score, remedy="Give 0 to 1."))
        exported = exported._replace(min_score=min_score)
    return ExportedRecognizer(exported, Emitter(Path(folder), exported, threads))


def _batches(texts: Iterable[tuple[str, Hints | None]]) -> Iterator[list[tuple[str, Hints | None]]]:
    """Group texts, in order, into batches of at most BATCH_CHARS characters; a longer text is a batch of its own."""
    batch: list[tuple[str, Hints | None]] = []
    n_chars = 0
    for text, hints in texts:
        if batch and n_chars + len(text) > BATCH_CHARS:
            yield batch
            batch, n_chars = [], 0
        batch.append((text, hints))
        n_chars += len(text)
    if batch:
        yield batch


def _is_long(characters: Characters) -> bool:
    """Return whether a text is so long that its emissions are computed and decoded in chunks."""
    return len(characters.offsets) > (SLICED if is_interruptible() else LONG)


def _by_token(hints: Hints, offsets: IndicesT, labels: Sequence[str]) -> list[Entity]:
    """Convert gazetteer matches from character offsets to token indices.

    Matches whose ends are not token boundaries are dropped.

    hints (Hints): Matches with character offsets.
    offsets (IndicesT): (n_tokens,) offset of each token.
    labels (Sequence[str]): Labels of the model.
    RETURNS (list[Entity]): Matches with token indices.
    RAISES (SettingError): If a match has a label that the model lacks.
    """
    unknown = next((place for place in hints.places if place.label not in labels), None)
    if unknown is not None:
        raise SettingError(Errors.ZT360.format(label=unknown.label, text=tuple(unknown), labels=list(labels)))
    bounds = [(place.start, place.end - 1) for place in hints.places]
    found = np.searchsorted(offsets, np.array(bounds, dtype=np.int64).reshape(-1, 2)).tolist()
    return [
        Entity(first, last + 1, place.label)
        for place, bound, (first, last) in zip(hints.places, bounds, found, strict=True)
        if last < len(offsets) and (offsets[first], offsets[last]) == bound
    ]


def _without_overlap(places: list[Entity]) -> set[Entity]:
    """Return matches that do not overlap: the longest of overlapping matches, or the first of equally long matches."""
    kept: set[Entity] = set()
    taken: set[int] = set()
    for place in sorted(places, key=lambda place: (place.start - place.end, place.start)):
        tokens = range(place.start, place.end)
        if taken.isdisjoint(tokens):
            kept.add(place)
            taken.update(tokens)
    return kept


def _found(prediction: Prediction, kept: set[Entity], offsets: IndicesT) -> Iterator[Found]:
    """Merge predicted entities and gazetteer matches that override them, in the order of the text.

    prediction (Prediction): Predicted entities with scores.
    kept (set[Entity]): Gazetteer matches, which do not overlap. A match that the model has not predicted gets no score,
        and predictions that overlap a match are dropped.
    offsets (IndicesT): (n_tokens,) offset of each token.
    YIELDS (Found): Entities with character offsets.
    """
    taken = {token for place in kept for token in range(place.start, place.end)}
    scores: dict[Entity, float | None] = dict.fromkeys(kept)
    for entity, score in zip(*prediction, strict=True):
        if entity in kept or taken.isdisjoint(range(entity.start, entity.end)):
            scores[entity] = score
    for entity in sorted(scores):
        yield Found(int(offsets[entity.start]), int(offsets[entity.end - 1]) + 1, entity.label, scores[entity])
