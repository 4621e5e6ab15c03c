"""Choose among overlapping spans by weighted interval scheduling."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


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
