"""Rows of a ragged batch ⇄ steps that all its sequences take together.

The recursions take one step of every sequence at a time. With the sequences sorted by length, longest first, those
that still run at a step are always the first ones: a step is one slice of the walk, and nothing is ever padded.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from ..errors import Errors
from .arrays import Array, namespace_at


class Layout:
    """Where things are in a ragged batch, and in the walks of the recursions over it. Indices are of the namespace.

    lengths (Sequence[int]): Tokens of each sequence; zeros are allowed.
    device (torch.device): Where the emissions lie.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        sizes = np.asarray(lengths, dtype=np.int64)
        self.device, self.xp = device, namespace_at(device)
        self._sizes, self._ends = sizes, np.cumsum(sizes)
        self._order = np.argsort(-sizes, kind="stable")
        self._steps = np.arange(max(lengths, default=0))[:, None]
        # shape: (n_steps, batch_size)
        self._runs = self._steps < sizes[self._order]
        # sequences running at each step
        self.active: list[int] = self._runs.sum(1).tolist()
        self.n_begun = self.active[0] if self.active else 0
        self.n_sequences, self.n_rows = len(sizes), int(sizes.sum())

    def _index(self, values: npt.NDArray[np.int64]) -> Array:
        return values if self.xp is np else torch.from_numpy(values).to(self.device)

    # Nobody needs all of these, and a small batch takes as long to prepare as to decode.
    @cached_property
    def _forth(self) -> npt.NDArray[np.int64]:
        return ((self._ends - self._sizes)[self._order] + self._steps)[self._runs]

    @cached_property
    def _forth_and_back(self) -> npt.NDArray[np.int64]:
        return np.stack([self._forth, ((self._ends - 1)[self._order] - self._steps)[self._runs]], 1)

    @cached_property
    def rows(self) -> Array:
        """(n_rows, 2) at each place of the walk, the row of the batch; and the same of the walk from the ends."""
        return self._index(self._forth_and_back)

    @cached_property
    def places(self) -> Array:
        """(2, n_rows) where in `rows`, flattened, each row of the batch is found: the walk forth, and that back."""
        places, walks = np.empty((2, self.n_rows), np.int64), np.arange(2 * self.n_rows).reshape(-1, 2)
        for way in range(2):
            places[way, self._forth_and_back[:, way]] = walks[:, way]
        return self._index(places)

    @cached_property
    def walk_ends(self) -> Array:
        """(n_begun,) places of the walk that none of their sequence follows."""
        return self._index(np.flatnonzero((self._steps == self._sizes[self._order] - 1)[self._runs]))

    @cached_property
    def numbers(self) -> Array:
        """(n_rows,) 0, 1, 2, …"""
        return self._index(np.arange(self.n_rows))

    @cached_property
    def sequences(self) -> Array:
        """(n_rows,) the sequence of each row of the batch."""
        return self._index(np.repeat(np.arange(self.n_sequences), self._sizes))

    @cached_property
    def sizes(self) -> Array:
        """(batch_size,) rows of each sequence."""
        return self._index(self._sizes)

    @cached_property
    def begun(self) -> Array:
        """(n_begun,) the sequences that have any rows."""
        return self._index(np.flatnonzero(self._sizes))

    @cached_property
    def firsts(self) -> Array:
        """(n_begun,) first rows of the sequences that have any."""
        return self._index((self._ends - self._sizes)[self._sizes > 0])

    @cached_property
    def lasts(self) -> Array:
        """(n_begun,) last rows of the sequences that have any."""
        return self._index(self._ends[self._sizes > 0] - 1)

    def sum_of(self, values: Array) -> Array:
        """Add up (n_rows,) values by sequence, in float64."""
        float64 = self.xp.float64
        sums = self.xp.bincount(self.sequences, self.xp.asarray(values, dtype=float64), self.n_sequences)
        return self.xp.asarray(sums, dtype=float64)  # where there is nothing to count, both count in integers

    def to_walk(self, rows: torch.Tensor) -> torch.Tensor:
        """Put rows of the batch in the order of the walk."""
        return rows.index_select(0, torch.from_numpy(self._forth).to(self.device))

    def to_batch(self, walked: torch.Tensor) -> torch.Tensor:
        """Put rows of the walk in the order of the batch."""
        return torch.empty_like(walked).index_copy_(0, torch.from_numpy(self._forth).to(self.device), walked)


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
    # One number tells without an array of answers.
    if not math.isfinite(emissions.sum()):
        finite = torch.isfinite(emissions)
        if not bool(finite.all()):  # finite numbers can have an infinite sum
            row = int((~finite).any(1).nonzero()[0])
            raise ValueError(Errors.ZT102.format(count=int((~finite).sum()), row=before + row))
