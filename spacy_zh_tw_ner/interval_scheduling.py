"""Choose among overlapping spans: by weighted interval scheduling, or the longest ones."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .entities import Entity


class Segment(NamedTuple):
    """Candidate entity, with its probability.

    start: Index of the first token. end: Index after the last token. kind: Index of the label. score: Probability.
    """

    start: int
    end: int
    kind: int
    score: float


def choose(segments: Sequence[Segment], threshold: float) -> list[Segment]:
    """Choose segments that do not overlap and have the largest Σ (score − threshold): weighted interval scheduling.

    segments (Sequence[Segment]): Segments in any order, which may overlap.
    threshold (float): Subtracted from each score; segments with a lower score are never chosen.
    RETURNS (list[Segment]): The chosen segments, in order.
    """
    by_end = sorted(segments, key=lambda segment: segment.end)
    ends = [segment.end for segment in by_end]
    worth = [0.0]  # worth[n]: largest sum with the first n segments
    # For each segment that is chosen, the number of segments that end before it; None if it is not chosen.
    back: list[int | None] = []
    for index, segment in enumerate(by_end):
        free = bisect_right(ends, segment.start, 0, index)
        taken = worth[free] + segment.score - threshold
        back.append(free if taken > worth[-1] else None)
        worth.append(max(taken, worth[-1]))
    chosen, index = [], len(by_end)
    while index:
        free_before = back[index - 1]
        if free_before is not None:
            chosen.append(by_end[index - 1])
        index = index - 1 if free_before is None else free_before
    return chosen[::-1]


def keep_longest(entities: Iterable[Entity]) -> tuple[list[Entity], list[tuple[Entity, Entity]]]:
    """Keep the longest of annotations that overlap; of two of equal length, the first one in the text.

    entities (Iterable[Entity]): Entities in any order.
    RETURNS (tuple[list[Entity], list[tuple[Entity, Entity]]]): The kept entities in order; and the others, each with
        the kept entity that it overlaps.
    """
    kept: list[Entity] = []
    dropped: list[tuple[Entity, Entity]] = []
    for entity in sorted(entities, key=lambda e: (e.start - e.end, e.start)):
        # `kept` is sorted and without overlaps, so only the two neighbours can overlap.
        i = bisect_left(kept, entity.start, key=lambda e: e.start)
        rival = next((k for k in kept[max(0, i - 1) : i + 1] if entity.start < k.end and k.start < entity.end), None)
        if rival is None:
            kept.insert(i, entity)
        else:
            dropped.append((entity, rival))
    return kept, dropped
