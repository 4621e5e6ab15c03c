"""Find all spans with a probability of at least a threshold, and choose among those that overlap.

The best path is the most probable sequence of tags, but its spans do not have the best expected F1: for precision and
recall each span counts by its own probability. Spans above a threshold are candidates. Of these, the function
`interval_scheduling.choose` returns spans that do not overlap, with the largest sum of (probability − threshold). The
threshold sets the balance of precision and recall. The expected F1 is highest at a threshold of half that F1 (Lipton,
Elkan and Naryanaswamy 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure").

A span is one token with the tag `only`, or tokens with the tags `first`, any number of `inner`, and `last`. Candidates
are extended from their last token towards their first. Every token lowers their probability, so few become long:

    p(start … end) = α[start, first] · Π_{t = start+1 … end} step[t] · β[end, last]

start and end are rows, of which each token of a batch has one. α and β are the scaled forward and backward variables
of a row and a tag, whose product is the marginal probability of the tag. step[t] is the factor by which the probability
of a path changes if it is extended by row t. It contains the transition to the tag of the row, and its emission.
`Posterior.path_probabilities` has the same formula.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..interval_scheduling import Segment, choose
from .posterior import Posterior
from .transitions import FloatsT, IntsT

__all__ = ["NO_SPANS", "PartialSpans", "Segment", "choose", "extend_spans", "probable_segments"]


class PartialSpans(NamedTuple):
    """Spans that have the tag `inner` at the first row of a chunk, and so begin in an earlier chunk.

    ends: (n,) row after the last row of each span, counted from the beginning of the sequence. kinds: (n,) kind (label)
    of each span. log_p: (n,) float64 log probability of the part of each span that begins at the first row of the
    chunk.
    """

    ends: IntsT
    kinds: IntsT
    log_p: FloatsT


NO_SPANS = PartialSpans(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def probable_segments(posterior: Posterior, patterns: IntsT, threshold: float) -> list[Segment]:
    """Find every span with a probability of at least the threshold, overlapping ones included.

    posterior (Posterior): Posterior of a batch.
    patterns (np.ndarray): (n_kinds, 4) the tags `first`, `inner`, `last` and `only` of each kind (label).
    threshold (float): Probability, greater than 0.
    RETURNS (list[Segment]): (start, end, kind, probability) of each span, in no particular order. Start and end
        (exclusive) are rows of the whole batch.
    """
    return extend_spans(posterior, patterns, threshold)[0]


def extend_spans(
    posterior: Posterior, patterns: IntsT, threshold: float, *, before: int = 0, partial: PartialSpans = NO_SPANS
) -> tuple[list[Segment], PartialSpans]:
    """Extend spans from their last rows to their first, in whole sequences or in one chunk of a longer sequence.

    posterior (Posterior): Posterior of a batch, or of the chunk.
    patterns (np.ndarray): (n_kinds, 4) the tags `first`, `inner`, `last` and `only` of each kind (label).
    threshold (float): Smallest probability of a span, greater than 0.
    before (int): Number of rows of the sequence that precede the chunk. If it is not 0, the first row of this chunk is
        also the last row of the previous chunk. Spans that end at this row are found in the previous chunk only.
    partial (PartialSpans): Spans of the next chunk that have the tag `inner` at the last row of this chunk.
    RETURNS (tuple[list[Segment], PartialSpans]): Complete spans, as (start, end, kind, probability), whose start and
        end (exclusive) are rows of the batch or, for a chunk, rows counted from the beginning of the sequence; and
        spans that are to be extended in the previous chunk, because their first token may be in it.
    """
    marginals, own = posterior.marginals, int(before > 0)
    first, inner, last, only = patterns.T
    sizes = np.asarray(posterior.lengths, dtype=np.int64)
    begins = np.repeat(sizes.cumsum() - sizes, sizes)  # (n_rows,) first row of the sequence of each row
    rows, kinds = np.nonzero(marginals[own:][:, only] >= threshold)
    rows += own
    found = [(rows, rows + 1, kinds, marginals[rows, only[kinds]].astype(np.float64))]
    rows, kinds = np.nonzero(marginals[own:][:, last] >= threshold)
    rows += own
    # rows: the row to which each span has been extended. tags: its tag at this row. log_p: log probability from it on.
    spans: tuple[Any, ...] = (rows, rows + 1, kinds, last[kinds], posterior.log_beta(rows, last[kinds]))
    if len(partial.ends):
        border, tags = np.full_like(partial.kinds, len(marginals) - 1), inner[partial.kinds]
        log_p = partial.log_p - posterior.log_alpha(border, tags)
        coming = (border, partial.ends - before, partial.kinds, tags, log_p)
        spans = tuple(np.concatenate(pair) for pair in zip(spans, coming, strict=True))
    at_first_row, floor = [], math.log(threshold)
    while len(spans[0]):
        rows, ends, kinds, tags, log_p = spans
        at_begin = rows == begins[rows]
        at_first_row.append(
            (ends[at_begin] + before, kinds[at_begin], (log_p + posterior.log_alpha(rows, tags))[at_begin])
        )
        rows, ends, kinds, tags, log_p = (values[~at_begin] for values in spans)
        begun = log_p + posterior.log_step(rows, first[kinds], tags) + posterior.log_alpha(rows - 1, first[kinds])
        done = begun >= floor
        found.append((rows[done] - 1, ends[done], kinds[done], np.minimum(np.exp(begun[done]), 1.0)))
        log_p = log_p + posterior.log_step(rows, inner[kinds], tags)
        alive = log_p + posterior.log_alpha(rows - 1, inner[kinds]) >= floor
        spans = tuple(values[alive] for values in (rows - 1, ends, kinds, inner[kinds], log_p))
    starts, ends, kinds, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    columns = ((starts + before).tolist(), (ends + before).tolist(), kinds.tolist(), scores.tolist())
    segments = [Segment(*fields) for fields in zip(*columns, strict=True)]
    return segments, PartialSpans(
        *(np.concatenate(parts) for parts in zip(*at_first_row, strict=True))
    ) if at_first_row else NO_SPANS
