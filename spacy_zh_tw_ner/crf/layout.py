"""The order in which the recursions visit the tokens of a ragged batch.

The sequences of a batch lie one after the other in the rows of one array, without padding. The recursions take one
step of every sequence at a time. With the sequences sorted by length, longest first, the ones that still run at a step
are always the first ones, so that a step is one slice of the *walk*:

    sequences  a0 a1 a2 | b0 b1 b2 b3 | c0          steps  0: b0 a0 c0   1: b1 a1   2: b2 a2   3: b3
    walk       b0 a0 c0 b1 a1 b2 a2 b3              active 3, 2, 2, 1
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import Errors
from .transitions import FloatsT

IndicesT = npt.NDArray[np.int64]


class Layout:
    """Indices of a ragged batch.

    lengths (Sequence[int]): Tokens of each sequence; zeros are allowed.

    sizes: (batch_size,) the lengths. ends: (batch_size,) the row after the last of each sequence. order: (batch_size,)
    sequences by length, longest first. firsts, lasts: (n_nonempty,) first and last rows of sequences that are not
    empty.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.sizes = np.asarray(lengths, dtype=np.int64)
        self.ends = np.cumsum(self.sizes)
        self.n_sequences, self.n_rows = len(self.sizes), int(self.sizes.sum())
        self.order = np.argsort(-self.sizes, kind="stable")
        nonempty = self.sizes > 0
        self.firsts, self.lasts = (self.ends - self.sizes)[nonempty], self.ends[nonempty] - 1

    def rows(self, sequence: int) -> slice:
        """Return the rows of one sequence."""
        return slice(int(self.ends[sequence] - self.sizes[sequence]), int(self.ends[sequence]))

    @cached_property
    def sequences(self) -> IndicesT:
        """(n_rows,) the sequence of each row."""
        return np.repeat(np.arange(self.n_sequences), self.sizes)

    @cached_property
    def _runs(self) -> npt.NDArray[np.bool_]:
        """(n_steps, batch_size) whether a sequence, in order, runs at a step."""
        return np.arange(max(self.sizes, default=0))[:, None] < self.sizes[self.order]

    @cached_property
    def active(self) -> list[int]:
        """Number of sequences that run at each step."""
        counts: list[int] = self._runs.sum(1).tolist()
        return counts

    @cached_property
    def walk(self) -> IndicesT:
        """(n_rows,) row at each place of the walk from the first tokens to the last."""
        steps = np.arange(len(self._runs))[:, None]
        rows: IndicesT = ((self.ends - self.sizes)[self.order] + steps)[self._runs]
        return rows

    @cached_property
    def walk_back(self) -> IndicesT:
        """(n_rows,) row at each place of the walk from the last tokens to the first."""
        steps = np.arange(len(self._runs))[:, None]
        rows: IndicesT = ((self.ends - 1)[self.order] - steps)[self._runs]
        return rows

    def sum_by_sequence(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """Sum (n_rows,) values by sequence, in float64."""
        return np.bincount(self.sequences, values.astype(np.float64), self.n_sequences).astype(np.float64)


def check_shapes(emissions: FloatsT, lengths: Sequence[int], n_tags: int) -> None:
    """Raise a ValueError where there are no tags, or where rows or columns do not fit."""
    if n_tags == 0:
        raise ValueError(Errors.ZT109)
    if emissions.ndim != 2 or emissions.shape[1] != n_tags:
        raise ValueError(Errors.ZT104.format(seen=tuple(emissions.shape)[1:], expected=n_tags))
    if sum(lengths) != len(emissions) or min(lengths, default=0) < 0:
        raise ValueError(Errors.ZT103.format(total=sum(lengths), rows=len(emissions), least=min(lengths, default=0)))


def check_finite(emissions: FloatsT, before: int = 0) -> None:
    """Raise a ValueError where an emission is NaN or infinite.

    emissions (np.ndarray): (n_rows, n_tags)
    before (int): Rows before these, which are added to the row that the message names.
    """
    with np.errstate(all="ignore"):
        total = float(emissions.sum())
    if not math.isfinite(total):  # the sum of finite numbers can be infinite, too
        finite = np.isfinite(emissions)
        if not finite.all():
            row = int(np.flatnonzero(~finite.all(1))[0])
            raise ValueError(Errors.ZT102.format(count=int((~finite).sum()), row=before + row))
