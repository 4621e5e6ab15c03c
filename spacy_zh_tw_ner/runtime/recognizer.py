"""texts → entities and their scores: the whole flow, from the folder on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..choice import Segment, choose
from ..entities import Found
from ..errors import Errors
from ..tokenization.word_list import Hints
from .chain import Chain
from .characters import Characters, read_characters
from .emitter import EmissionsT, Emitter
from .folder import Exported, Transitions, read_folder

FORBIDDEN = -1e29  # what is below it stays forbidden, whatever the temperature
KINDS = ("B", "I", "E", "S")


class Recognizer:
    """Finds the entities that the exported pipeline would find.

    exported (Exported): Pieces, tags and transitions.
    emit (Callable[[Sequence[Characters]], list[EmissionsT]]): Computes emissions.
    """

    def __init__(self, exported: Exported, emit: Callable[[Sequence[Characters]], list[EmissionsT]]) -> None:
        self.labels = self.evidence_labels = exported.labels
        self.min_score = exported.min_score
        self._exported, self._emit = exported, emit
        self._temperature = exported.temperature
        cooled = (np.where(s > FORBIDDEN, s / self._temperature, s) for s in exported.transitions)
        self._transitions = Transitions(*cooled)
        tags = {tag: index for index, tag in enumerate(exported.tags)}
        self._patterns = [[tags[f"{kind}-{label}"] for kind in KINDS] for label in self.labels]

    def __call__(self, texts: Sequence[str], hints: Sequence[Hints | None] | None = None) -> list[tuple[Found, ...]]:
        """Read texts.

        texts (Sequence[str]): Of any length.
        hints (Optional[Sequence[Optional[Hints]]]): What is believed of each.
        RETURNS (list[tuple[Found, ...]]): One a text, in its order.
        RAISES (ValueError): For a text that is not valid Unicode, and hints of a label that the pipeline has not.
        """
        read = [read_characters(text, self._exported) for text in texts]
        hinted = hints if hints is not None else [None] * len(read)
        return [
            self._entities(characters, emissions, hint)
            for characters, emissions, hint in zip(read, self._emit(read), hinted, strict=True)
        ]

    def _entities(self, characters: Characters, emissions: EmissionsT, hints: Hints | None) -> tuple[Found, ...]:
        if not len(emissions):
            return ()
        scores = emissions / np.float32(self._temperature)
        places = _by_token(hints, characters.offsets, self.labels) if hints is not None else []
        if hints is None or not hints.override:
            self._raise(scores, places, hints.bonus if hints is not None else 0.0)
            return _found(self._decode(scores), characters.offsets, self.labels)
        kept = _without_overlap(places)
        beside = [
            segment
            for segment in self._decode(scores)
            if segment[:3] in kept or not any(segment.start < end and start < segment.end for start, end, _ in kept)
        ]
        scored = {segment[:3] for segment in beside}
        fixed = (place for place in kept if place not in scored)
        own = [Found(*_span(characters.offsets, start, end), self.labels[kind], None) for start, end, kind in fixed]
        return tuple(sorted([*own, *_found(beside, characters.offsets, self.labels)], key=lambda found: found.start))

    def _raise(self, scores: EmissionsT, places: list[tuple[int, int, int]], bonus: float) -> None:
        """Add the bonus where a tag would make an entity of a place; once, however many ask for it."""
        cells = {
            (start + i, tag)
            for start, end, kind in places
            for i, tag in enumerate(_path(self._patterns[kind], end - start))
        }
        for row, tag in cells:
            scores[row, tag] += bonus

    def _decode(self, scores: EmissionsT) -> list[Segment]:
        chain = Chain(scores, self._transitions)
        if self.min_score:
            return choose(list(chain.probable_segments(self._patterns, self.min_score)), self.min_score)
        found, start, path = [], 0, chain.best_path()
        kinds = {tags[place]: (kind, place) for kind, tags in enumerate(self._patterns) for place in range(4)}
        for row in np.flatnonzero(path).tolist():
            kind, place = kinds[int(path[row])]
            if KINDS[place] in "BS":
                start = row
            if KINDS[place] in "ES":
                score = chain.probability(start, path[start : row + 1].tolist())
                found.append(Segment(start, row + 1, kind, score))
        return found


def load(folder: str | Path, *, threads: int = 0) -> Recognizer:
    """Load what `export-onnx` has written.

    folder (str | Path): The folder.
    threads (int): CPU threads; 0 for one a core.
    RETURNS (Recognizer): Finds entities.
    RAISES (ValueError): For another folder, or without onnxruntime.
    """
    exported = read_folder(Path(folder))
    return Recognizer(exported, Emitter(Path(folder), exported, threads))


def _path(pattern: Sequence[int], length: int) -> list[int]:
    first, inner, last, only = pattern
    return [only] if length == 1 else [first, *[inner] * (length - 2), last]


def _span(offsets: npt.NDArray[np.int64], start: int, end: int) -> tuple[int, int]:
    return int(offsets[start]), int(offsets[end - 1]) + 1


def _found(segments: Sequence[Segment], offsets: npt.NDArray[np.int64], labels: Sequence[str]) -> tuple[Found, ...]:
    return tuple(Found(*_span(offsets, s.start, s.end), labels[s.kind], s.score) for s in segments)


def _by_token(hints: Hints, offsets: npt.NDArray[np.int64], labels: Sequence[str]) -> list[tuple[int, int, int]]:
    """Places that begin and end with a token: start, end and kind."""
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


def _without_overlap(places: list[tuple[int, int, int]]) -> set[tuple[int, int, int]]:
    """Of places that overlap the longest, and of these the first."""
    kept: set[tuple[int, int, int]] = set()
    taken: set[int] = set()
    for start, end, kind in sorted(places, key=lambda place: (place[0] - place[1], place[0])):
        if taken.isdisjoint(range(start, end)):
            kept.add((start, end, kind))
            taken.update(range(start, end))
    return kept
