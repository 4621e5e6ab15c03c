"""All spans with a probability above a threshold.

The best path is the most probable whole, which is not the best list of parts. Where the list is judged by precision
and recall, each span counts by its own probability, and `interval_scheduling` resolves overlaps.

A span of a kind is one token with the tag `only`, or a token `first`, any number of `inner`, and a token `last`. It is
followed from its last token to its first. Its probability falls with every token, so that few are followed far:

    p(start … end) = α[start, first] · Π step · β[end, last]
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .interval_scheduling import Segment
from .posterior import Posterior
from .transitions import FloatsT, IntsT


class Unbegun(NamedTuple):
    """Spans that are `inner` at the first row of their sequence, and began in the rows before it.

    ends, kinds: (n,). log_p: (n,) float64 log probability of their part from that row on.
    """

    ends: IntsT
    kinds: IntsT
    log_p: FloatsT


NOTHING = Unbegun(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def probable_segments(posterior: Posterior, patterns: IntsT, threshold: float) -> list[Segment]:
    """Find every span with a probability of at least the threshold, overlapping ones included.

    posterior (Posterior): Of a batch.
    patterns (np.ndarray): (n_kinds, 4) the tags first, inner, last, only of each kind.
    threshold (float): More than 0.
    RETURNS (list[Segment]): In no order; rows count through the whole batch.
    """
    return follow(posterior, patterns, threshold)[0]


def follow(
    posterior: Posterior, patterns: IntsT, threshold: float, *, before: int = 0, unbegun: Unbegun = NOTHING
) -> tuple[list[Segment], Unbegun]:
    """Follow spans from their last rows to their first, in whole sequences or in one chunk of a longer sequence.

    posterior (Posterior), patterns (np.ndarray), threshold (float): See `probable_segments`.
    before (int): Rows of the sequence before the chunk. The first row of the chunk then is the last of another one,
        which looks at the spans that end there.
    unbegun (Unbegun): Spans that were followed to the last row of this chunk, from the chunk after it.
    RETURNS (tuple[list[Segment], Unbegun]): In no order; and the spans to be followed in the chunk before.
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
    # rows: where each span has been followed to. tags: its tag there. log_p: of its part from there on.
    open_: tuple[Any, ...] = (rows, rows + 1, kinds, last[kinds], posterior.log_beta(rows, last[kinds]))
    if len(unbegun.ends):
        border, tags = np.full_like(unbegun.kinds, len(marginals) - 1), inner[unbegun.kinds]
        log_p = unbegun.log_p - posterior.log_alpha(border, tags)
        coming = (border, unbegun.ends - before, unbegun.kinds, tags, log_p)
        open_ = tuple(np.concatenate(pair) for pair in zip(open_, coming, strict=True))
    stuck, floor = [], math.log(threshold)
    while len(open_[0]):
        rows, ends, kinds, tags, log_p = open_
        at_begin = rows == begins[rows]
        stuck.append((ends[at_begin] + before, kinds[at_begin], (log_p + posterior.log_alpha(rows, tags))[at_begin]))
        rows, ends, kinds, tags, log_p = (values[~at_begin] for values in open_)
        begun = log_p + posterior.log_step(rows, first[kinds], tags) + posterior.log_alpha(rows - 1, first[kinds])
        done = begun >= floor
        found.append((rows[done] - 1, ends[done], kinds[done], np.minimum(np.exp(begun[done]), 1.0)))
        log_p = log_p + posterior.log_step(rows, inner[kinds], tags)
        alive = log_p + posterior.log_alpha(rows - 1, inner[kinds]) >= floor
        open_ = tuple(values[alive] for values in (rows - 1, ends, kinds, inner[kinds], log_p))
    starts, ends, kinds, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    columns = ((starts + before).tolist(), (ends + before).tolist(), kinds.tolist(), scores.tolist())
    segments = [Segment(*fields) for fields in zip(*columns, strict=True)]
    return segments, Unbegun(*(np.concatenate(parts) for parts in zip(*stuck, strict=True))) if stuck else NOTHING
