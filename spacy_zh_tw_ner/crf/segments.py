"""All segments that are at least so probable.

The best path is the most probable whole, which is not the best list of parts. Where the list is judged by precision
and recall, each segment counts by its own probability, and `choice` says which of those that overlap stay.
"""

import math
from typing import NamedTuple

import torch

from ..choice import Segment
from .posterior import Posterior


class Unbegun(NamedTuple):
    """Segments that are `inner` at the first row of their sequence, and must have begun before it.

    ends, kinds: (n,) long. log_p: (n,) float64 log probability of what there is of them, from that row on.
    """

    ends: torch.Tensor
    kinds: torch.Tensor
    log_p: torch.Tensor


NO_ROWS = torch.empty(0, dtype=torch.long)
NOTHING = Unbegun(NO_ROWS, NO_ROWS, torch.empty(0, dtype=torch.float64))


def probable_segments(posterior: Posterior, patterns: torch.Tensor, threshold: float) -> list[Segment]:
    """Find every segment with a probability of at least the threshold, overlapping ones included.

    A segment is one row tagged `only`, or `first`, any number of `inner`, and `last`.

    posterior (Posterior): Of a batch.
    patterns (torch.Tensor): (n_kinds, 4) long: the tags first, inner, last, only of each kind.
    threshold (float): More than 0.
    RETURNS (list[Segment]): In no order; rows count through the whole batch.
    """
    return follow(posterior, patterns, threshold)[0]


def follow(
    posterior: Posterior, patterns: torch.Tensor, threshold: float, *, before: int = 0, unbegun: Unbegun = NOTHING
) -> tuple[list[Segment], Unbegun]:
    """Follow segments from their last rows back to their first, in a sequence or in a part of a longer one.

    The probability of a segment falls with every row that it is longer, so that each is followed only while it can
    still be reached: few are looked at.

    posterior (Posterior), patterns (torch.Tensor), threshold (float): See `probable_segments`.
    before (int): Rows before those of a part. Its first row then is the last of another part, in which it is looked at.
    unbegun (Unbegun): What has been followed back to the last row, of the part that begins with it.
    RETURNS (tuple[list[Segment], Unbegun]): In no order; and what is to be followed further.
    """
    marginals, own = posterior.marginals, int(before > 0)
    patterns = patterns.to(marginals.device)
    first, inner, last, only = patterns.T
    sizes = torch.as_tensor(posterior.lengths, device=marginals.device)
    begins = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)  # (n_rows,) where the sequence of each row begins
    rows, kinds = (marginals[own:, only] >= threshold).nonzero(as_tuple=True)
    rows = rows + own
    found = [(rows, rows + 1, kinds, marginals[rows, only[kinds]].double())]
    rows, kinds = (marginals[own:, last] >= threshold).nonzero(as_tuple=True)
    rows = rows + own
    open_: tuple[torch.Tensor, ...] = (rows, rows + 1, kinds, last[kinds], posterior.log_beta(rows, last[kinds]))
    if len(unbegun.ends):
        border, tags = torch.full_like(unbegun.kinds, len(marginals) - 1), inner[unbegun.kinds]
        log_p = unbegun.log_p - posterior.log_alpha(border, tags)
        coming = (border, unbegun.ends - before, unbegun.kinds, tags, log_p)
        open_ = tuple(torch.cat(pair) for pair in zip(open_, coming, strict=True))
    stuck, floor = [], math.log(threshold)
    while len(open_[0]):
        rows, ends, kinds, tags, log_p = open_
        at_begin = rows == begins[rows]
        stuck.append((ends[at_begin] + before, kinds[at_begin], (log_p + posterior.log_alpha(rows, tags))[at_begin]))
        rows, ends, kinds, tags, log_p = (values[~at_begin] for values in open_)
        begun = log_p + posterior.log_step(rows, first[kinds], tags) + posterior.log_alpha(rows - 1, first[kinds])
        done = begun >= floor
        found.append((rows[done] - 1, ends[done], kinds[done], begun[done].exp().clamp(max=1.0)))
        log_p = log_p + posterior.log_step(rows, inner[kinds], tags)
        alive = log_p + posterior.log_alpha(rows - 1, inner[kinds]) >= floor
        open_ = tuple(values[alive] for values in (rows - 1, ends, kinds, inner[kinds], log_p))
    starts, ends, kinds, scores = (torch.cat(parts) for parts in zip(*found, strict=True))
    columns = ((starts + before).tolist(), (ends + before).tolist(), kinds.tolist(), scores.tolist())
    segments = [Segment(*fields) for fields in zip(*columns, strict=True)]
    return segments, Unbegun(*(torch.cat(parts) for parts in zip(*stuck, strict=True))) if stuck else NOTHING
