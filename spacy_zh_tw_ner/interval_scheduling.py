"""Choose among overlapping spans by weighted interval scheduling."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Segment(NamedTuple):
    """Candidate entity: rows `start` to `end` (exclusive), index of its label (`kind`), and probability (`score`)."""

    start: int
    end: int
    kind: int
    score: float


def choose(segments: Sequence[Segment], threshold: float) -> list[Segment]:
    """Choose segments that do not overlap and have the largest Σ (score − threshold): weighted interval scheduling.

    segments (Sequence[Segment]): Any number, overlapping.
    threshold (float): Subtracted from each score; segments below it are never chosen.
    RETURNS (list[Segment]): In order.
    """
    by_end = sorted(segments, key=lambda segment: segment.end)
    ends = [segment.end for segment in by_end]
    worth = [0.0]  # worth[n]: sum of the best choice among the first n segments
    # For each segment, the number of segments before it that remain to choose from; None where it is not chosen.
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
