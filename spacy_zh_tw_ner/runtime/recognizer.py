"""texts → entities and their scores: the whole flow, from the folder on."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..choice import Segment
from ..entities import Found
from ..errors import Errors
from ..tokenization.word_list import Hints
from .characters import Characters, IndicesT, read_characters
from .decoding import Decoder
from .emitter import EmissionsT, Emitter
from .folder import Exported, read_folder
from .long_texts import is_long, on_disk

PlaceT = tuple[int, int, int]  # start, end and kind, by token


class Recognizer:
    """Finds the entities that the exported pipeline would find.

    exported (Exported): Pieces, tags and transitions.
    emitter (Emitter): Computes emissions.
    """

    def __init__(self, exported: Exported, emitter: Emitter) -> None:
        self.labels = self.evidence_labels = exported.labels
        self.min_score = exported.min_score
        self._exported, self._emitter, self._decoder = exported, emitter, Decoder(exported)

    def __call__(self, texts: Sequence[str], hints: Sequence[Hints | None] | None = None) -> list[tuple[Found, ...]]:
        """Read texts.

        texts (Sequence[str]): Of any length; of long ones only a part is held at a time.
        hints (Optional[Sequence[Optional[Hints]]]): What is believed of each.
        RETURNS (list[tuple[Found, ...]]): One a text, in its order.
        RAISES (ValueError): For a text that is not valid Unicode, and hints of a label that the pipeline has not.
        """
        read = [read_characters(text, self._exported) for text in texts]
        short = iter(self._emitter([characters for characters in read if not is_long(len(characters.offsets))]))
        hinted = hints if hints is not None else [None] * len(read)
        return [
            self._entities(characters, [next(short)], hint)
            if not is_long(len(characters.offsets))
            else self._entities(characters, self._emitter.stretches(characters), hint)
            for characters, hint in zip(read, hinted, strict=True)
        ]

    def _entities(
        self, characters: Characters, emissions: Iterable[EmissionsT], hints: Hints | None
    ) -> tuple[Found, ...]:
        n_tokens = len(characters.offsets)
        if not n_tokens:
            return ()
        places = _by_token(hints, characters.offsets, self.labels) if hints is not None else []
        weighed = places if hints is not None and not hints.override else []
        cooled = self._cooled(emissions, characters)
        scores = self._raised(cooled, weighed, hints.bonus if hints is not None else 0.0)
        if not is_long(n_tokens):
            segments = self._decoder(next(scores))
        else:
            with on_disk(scores, self._exported.n_tags) as rows:
                segments = self._decoder.long(rows)
        kept = _without_overlap(places) if hints is not None and hints.override else set()
        return tuple(_found(_beside(segments, kept), kept, characters.offsets, self.labels))

    def _cooled(self, stretches: Iterable[EmissionsT], characters: Characters) -> Iterator[EmissionsT]:
        first = 0
        for stretch in stretches:
            yield self._decoder.cooled(stretch, characters.is_white_space[first : first + len(stretch)])
            first += len(stretch)

    def _raised(self, stretches: Iterable[EmissionsT], places: list[PlaceT], bonus: float) -> Iterator[EmissionsT]:
        """Add the bonus where a tag would make an entity of a place; once, however many ask for it."""
        cells = {
            (start + i, tag)
            for start, end, kind in places
            for i, tag in enumerate(self._decoder.path(kind, end - start))
        }
        rows, tags = np.array(sorted(cells), dtype=np.int64).reshape(-1, 2).T
        first = 0
        for stretch in stretches:
            here = slice(*np.searchsorted(rows, [first, first + len(stretch)]).tolist())
            stretch[rows[here] - first, tags[here]] += bonus
            yield stretch
            first += len(stretch)


def load(folder: str | Path, *, min_score: float | None = None, threads: int = 0) -> Recognizer:
    """Load what `export-onnx` has written.

    folder (str | Path): The folder.
    min_score (Optional[float]): In place of that which the pipeline had: 0 for the best path, else what an entity must
        be worth.
    threads (int): CPU threads; 0 for one a core.
    RETURNS (Recognizer): Finds entities.
    RAISES (ValueError): For another folder, a score that is none, or without onnxruntime.
    """
    exported = read_folder(Path(folder))
    if min_score is not None:
        if not 0.0 <= min_score <= 1.0:
            raise ValueError(Errors.ZT112.format(name="min_score", value=min_score, remedy="Give 0 to 1."))
        exported = exported._replace(min_score=min_score)
    return Recognizer(exported, Emitter(Path(folder), exported, threads))


def _by_token(hints: Hints, offsets: IndicesT, labels: Sequence[str]) -> list[PlaceT]:
    """Places that begin and end with a token."""
    unknown = next((place for place in hints.places if place.label not in labels), None)
    if unknown is not None:
        raise ValueError(Errors.ZT360.format(label=unknown.label, text=tuple(unknown), labels=list(labels)))
    bounds = [(place.start, place.end - 1) for place in hints.places]
    found = np.searchsorted(offsets, np.array(bounds, dtype=np.int64).reshape(-1, 2)).tolist()
    return [
        (first, last + 1, labels.index(place.label))
        for place, bound, (first, last) in zip(hints.places, bounds, found, strict=True)
        if last < len(offsets) and (offsets[first], offsets[last]) == bound
    ]


def _without_overlap(places: list[PlaceT]) -> set[PlaceT]:
    """Of places that overlap the longest, and of these the first."""
    kept: set[PlaceT] = set()
    taken: set[int] = set()
    for start, end, kind in sorted(places, key=lambda place: (place[0] - place[1], place[0])):
        if taken.isdisjoint(range(start, end)):
            kept.add((start, end, kind))
            taken.update(range(start, end))
    return kept


def _beside(segments: list[Segment], kept: set[PlaceT]) -> list[Segment]:
    """Segments that do not overlap what is kept, or are one of these."""
    taken = {token for start, end, _ in kept for token in range(start, end)}
    return [s for s in segments if s[:3] in kept or taken.isdisjoint(range(s.start, s.end))]


def _found(segments: list[Segment], kept: set[PlaceT], offsets: IndicesT, labels: Sequence[str]) -> Iterator[Found]:
    """Entities in the order of the text; of what is kept without having been found, nobody knows how probable it is."""
    scores: dict[PlaceT, float | None] = dict.fromkeys(kept)
    scores |= {segment[:3]: segment.score for segment in segments}
    for (start, end, kind), score in sorted(scores.items(), key=lambda item: item[0][0]):
        yield Found(int(offsets[start]), int(offsets[end - 1]) + 1, labels[kind], score)
