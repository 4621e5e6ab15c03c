"""Sequences one behind the other ⇄ steps one behind the other.

The recursions take one step of every sequence at a time. With the sequences sorted by length, longest first, those
that still run at a step are always the first ones: a step is one slice of the walk, and nothing is ever padded.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from ..errors import Errors


class Layout:
    """The walk of the recursions over a ragged batch.

    lengths (Sequence[int]): Tokens of each sequence; zeros are allowed.
    device (torch.device): Where the emissions lie.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        # numpy, because its calls on small arrays take a third of torch's time.
        sizes = np.asarray(lengths, dtype=np.int64)
        order = np.argsort(-sizes, kind="stable")
        ends = np.cumsum(sizes)
        steps = np.arange(max(lengths, default=0))[:, None]
        # shape: (n_steps, batch_size)
        runs = sizes[order] > steps
        # sequences running at each step
        self.active: list[int] = runs.sum(1).tolist()
        self.n_begun = self.active[0] if self.active else 0
        step, rank = np.nonzero(runs)
        sequences = order[rank]
        self._step, self._sizes, self._begins = step, sizes[sequences], (ends - sizes)[sequences]
        rows, is_last = self._begins + step, step == self._sizes - 1
        # shape: (n_rows,) at each place of the walk, the row of the batch, and its sequence
        self.rows, self.sequences = (torch.from_numpy(array).to(device) for array in (rows, sequences))
        # Places that none of their sequence follows.
        self.lasts = torch.from_numpy(np.flatnonzero(is_last)).to(device)
        self.n_sequences, self.n_rows = len(lengths), len(rows)

    # Decoding needs neither of these two, and a small batch takes as long to prepare as to decode.
    @cached_property
    def before(self) -> torch.Tensor:
        """Places that another of their sequence follows, in the order of those that follow, which begin at n_begun."""
        return torch.from_numpy(np.flatnonzero(self._step != self._sizes - 1)).to(self.rows.device)

    @cached_property
    def mirrored(self) -> torch.Tensor:
        """(n_rows,) at each place of the walk, where a walk from the ends comes to the same row, and back."""
        places = np.empty_like(self._step)
        places[self._begins + self._step] = np.arange(self.n_rows)
        return torch.from_numpy(places[self._begins + self._sizes - 1 - self._step]).to(self.rows.device)

    def to_walk(self, rows: torch.Tensor) -> torch.Tensor:
        """Put rows of the batch in the order of the walk."""
        return rows.index_select(0, self.rows)

    def mirror(self, rows: torch.Tensor) -> torch.Tensor:
        """Put rows of the walk in the order of the walk from the ends, or back."""
        return rows.index_select(0, self.mirrored)

    def to_batch(self, walked: torch.Tensor) -> torch.Tensor:
        """Put rows of the walk in the order of the batch."""
        return torch.empty_like(walked).index_copy_(0, self.rows, walked)

    def sum_of(self, values: torch.Tensor) -> torch.Tensor:
        """Add up (n_rows,) values of the walk by sequence, in float64."""
        sums = torch.zeros(self.n_sequences, dtype=torch.float64, device=values.device)
        return sums.index_add_(0, self.sequences, values.double())


def rows_of(lengths: Sequence[int], sequence: int) -> slice:
    """Rows of the batch that belong to one sequence."""
    start = sum(lengths[:sequence])
    return slice(start, start + lengths[sequence])


def check_shapes(emissions: torch.Tensor, lengths: Sequence[int], n_tags: int) -> None:
    """Refuse shapes that do not fit.

    RAISES (ValueError): Where there are no tags, or rows or columns do not fit.
    """
    if n_tags == 0:
        raise ValueError(Errors.ZT109)
    if emissions.ndim != 2 or emissions.shape[1] != n_tags:
        raise ValueError(Errors.ZT104.format(seen=tuple(emissions.shape)[1:], expected=n_tags))
    if sum(lengths) != len(emissions) or min(lengths, default=0) < 0:
        raise ValueError(Errors.ZT103.format(total=sum(lengths), rows=len(emissions), least=min(lengths, default=0)))


def check_finite(emissions: torch.Tensor, before: int = 0) -> None:
    """Refuse what would give a wrong number.

    emissions (torch.Tensor): (n_rows, n_tags)
    before (int): Rows before these, to be counted where one is named.
    RAISES (ValueError): Where an emission is not finite.
    """
    # The least and the largest tell without an array of answers: a NaN is both.
    if emissions.numel() and not bool(torch.isfinite(torch.stack(emissions.aminmax())).all()):
        finite = torch.isfinite(emissions)
        row = int((~finite).any(1).nonzero()[0])
        raise ValueError(Errors.ZT102.format(count=int((~finite).sum()), row=before + row))
