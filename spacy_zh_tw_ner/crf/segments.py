"""All segments that are at least so probable, and the choice among those that overlap.

The best path is the most probable whole, which is not the best list of parts. Where the list is judged by precision
and recall, each segment counts by its own probability: take those above a threshold, and the threshold sets the
balance of the two. The F1 that one can expect is highest at a threshold of half that F1 (Lipton, Elkan and
Naryanaswamy 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure").
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import torch

from .posterior import Posterior


class Segment(NamedTuple):
    """A stretch of rows of one kind; `end` is exclusive, `score` its probability."""

    start: int
    end: int
    kind: int
    score: float


def probable_segments(posterior: Posterior, patterns: torch.Tensor, threshold: float) -> list[Segment]:
    """Find every segment with a probability of at least the threshold, overlapping ones included.

    A segment is one row tagged `only`, or `first`, any number of `inner`, and `last`. Its probability falls with every
    row that it is longer, so that each is followed only while it can still be reached: few are looked at.

    posterior (Posterior): Of a batch.
    patterns (torch.Tensor): (n_kinds, 4) long: the tags first, inner, last, only of each kind.
    threshold (float): More than 0.
    RETURNS (list[Segment]): In no order; rows count through the whole batch.
    """
    marginals = posterior.marginals
    patterns = patterns.to(marginals.device)
    first, inner, last, only = patterns.T
    rows, kinds = (marginals[:, only] >= threshold).nonzero(as_tuple=True)
    found = [(rows, rows + 1, kinds, marginals[rows, only[kinds]].double())]
    sizes = torch.as_tensor(posterior.lengths, device=marginals.device)
    ends = torch.repeat_interleave(sizes.cumsum(0), sizes)  # (n_rows,) where the sequence of each row ends
    starts, kinds = (marginals[:, first] >= threshold).nonzero(as_tuple=True)
    rows, before, log_p = starts, first[kinds], posterior.log_alpha(starts, first[kinds])
    floor = math.log(threshold)
    while len(starts):
        going_on = rows + 1 < ends[starts]
        starts, kinds, before, log_p = (values[going_on] for values in (starts, kinds, before, log_p))
        rows = rows[going_on] + 1
        closed = log_p + posterior.log_step(rows, before, last[kinds]) + posterior.log_beta(rows, last[kinds])
        done = closed >= floor
        found.append((starts[done], rows[done] + 1, kinds[done], closed[done].exp().clamp(max=1.0)))
        log_p = log_p + posterior.log_step(rows, before, inner[kinds])
        before = inner[kinds]
        alive = log_p + posterior.log_beta(rows, before) >= floor
        starts, kinds, before, log_p, rows = (values[alive] for values in (starts, kinds, before, log_p, rows))
    columns = (torch.cat(parts).tolist() for parts in zip(*found, strict=True))
    return [Segment(*fields) for fields in zip(*columns, strict=True)]


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
