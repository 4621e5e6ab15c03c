"""Of segments that overlap, those that stay.

A segment counts by its own probability: take those above a threshold, and the threshold sets the balance of precision
and recall. The F1 that one can expect is highest at a threshold of half that F1 (Lipton, Elkan and Naryanaswamy 2014,
"Optimal Thresholding of Classifiers to Maximize F1 Measure").
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Segment(NamedTuple):
    """A stretch of rows of one kind; `end` is exclusive, `score` its probability."""

    start: int
    end: int
    kind: int
    score: float


def choose(segments: Sequence[Segment], threshold: float) -> list[Segment]:
    """Choose segments that do not overlap, so that Σ (score − threshold) is highest: weighted interval scheduling.

    segments (Sequence[Segment]): Any number, overlapping.
    threshold (float): What a segment must be worth.
    RETURNS (list[Segment]): In order.
    """
    by_end = sorted(segments, key=lambda segment: segment.end)
    ends = [segment.end for segment in by_end]
    worth = [0.0]  # of the best choice among the first so many
    back: list[int | None] = []  # how many are left to choose from once this one is taken, or None where it is not
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
