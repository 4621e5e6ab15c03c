"""Index arrays of a ragged batch, and its time-major order.

The sequences of a batch are concatenated in the rows of one array, without padding. The recursions compute one time
step of all sequences at once. In time-major order, with the longest sequence first, the rows of a step are one slice,
and the sequences that are still active are the first ones of the step before (torch's PackedSequence has this order):

    rows         a0 a1 a2 | b0 b1 b2 b3 | c0
    time-major   b0 a0 c0 | b1 a1 | b2 a2 | b3          active: 3, 2, 2, 1 sequences at each step
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import Errors, SettingError, TrainingError
from .transitions import FloatsT

IndicesT = npt.NDArray[np.int64]


class Layout:
    """Indices of a ragged batch.

    lengths (Sequence[int]): Number of tokens of each sequence; 0 is allowed.

    Attributes: sizes, (batch_size,) the lengths; ends, (batch_size,) the row after the last row of each sequence;
    order, (batch_size,) the sequence indices by length, longest first; firsts and lasts, (n_nonempty,) the first
    and last rows of the non-empty sequences, in the order of the batch; n_sequences and n_rows, their numbers.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.sizes = np.asarray(lengths, dtype=np.int64)
        self.ends = np.cumsum(self.sizes)
        self.n_sequences, self.n_rows = len(self.sizes), int(self.sizes.sum())
        self.order = np.argsort(-self.sizes, kind="stable")
        nonempty = self.sizes > 0
        self.firsts, self.lasts = (self.ends - self.sizes)[nonempty], self.ends[nonempty] - 1

    def rows(self, sequence: int) -> slice:
        """Return the slice of the rows of one sequence in arrays with one row per token of the batch."""
        return slice(int(self.ends[sequence] - self.sizes[sequence]), int(self.ends[sequence]))

    @cached_property
    def sequences(self) -> IndicesT:
        """Return the (n_rows,) index of the sequence of each row."""
        return np.repeat(np.arange(self.n_sequences), self.sizes)

    @cached_property
    def _active_mask(self) -> npt.NDArray[np.bool_]:
        """Return a (n_steps, batch_size) mask: True if a sequence has a token at a step; columns as in `order`."""
        return np.arange(max(self.sizes, default=0))[:, None] < self.sizes[self.order]

    @cached_property
    def active(self) -> list[int]:
        """Return the number of sequences with a token at each step, like torch's `PackedSequence.batch_sizes`."""
        counts: list[int] = self._active_mask.sum(1).tolist()
        return counts

    @cached_property
    def time_major(self) -> IndicesT:
        """Return the (n_rows,) row indices by step, longest sequence first: first tokens, then second tokens, …."""
        steps = np.arange(len(self._active_mask))[:, None]
        rows: IndicesT = ((self.ends - self.sizes)[self.order] + steps)[self._active_mask]
        return rows

    @cached_property
    def time_major_back(self) -> IndicesT:
        """Return the (n_rows,) row indices by step from the end of each sequence, longest sequence first.

        The first step has the last tokens, the second step the tokens before them, ….
        """
        steps = np.arange(len(self._active_mask))[:, None]
        rows: IndicesT = ((self.ends - 1)[self.order] - steps)[self._active_mask]
        return rows

    def sum_by_sequence(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """Sum the (n_rows,) values of each sequence, in float64; return (batch_size,) sums."""
        return np.bincount(self.sequences, values.astype(np.float64), self.n_sequences).astype(np.float64)


def check_shapes(emissions: FloatsT, lengths: Sequence[int], n_tags: int) -> None:
    """Check that emissions have a row for each token and a column for each tag.

    emissions (np.ndarray): Must be (sum of lengths, n_tags).
    lengths (Sequence[int]): Number of tokens of each sequence.
    n_tags (int): Number of tags of the transitions.
    RAISES (SettingError): If the emissions have another shape, or `n_tags` is 0.
    """
    if n_tags == 0:
        raise SettingError(Errors.ZT109)
    if emissions.ndim != 2 or emissions.shape[1] != n_tags:
        raise SettingError(Errors.ZT104.format(seen=tuple(emissions.shape), expected=n_tags))
    if sum(lengths) != len(emissions) or min(lengths, default=0) < 0:
        raise SettingError(Errors.ZT103.format(total=sum(lengths), rows=len(emissions), least=min(lengths, default=0)))


def check_finite(emissions: FloatsT, before: int = 0) -> None:
    """Check that all emissions are finite.

    emissions (np.ndarray): (n_rows, n_tags)
    before (int): Number of rows that precede these in the whole sequence; added to the row number in the message.
    RAISES (TrainingError): If a value is NaN or infinite.
    """
    with np.errstate(all="ignore"):
        total = float(emissions.sum())
    if not math.isfinite(total):  # the sum of finite numbers can be infinite, too
        finite = np.isfinite(emissions)
        if not finite.all():
            row = int(np.flatnonzero(~finite.all(1))[0])
            raise TrainingError(Errors.ZT102.format(count=int((~finite).sum()), row=before + row))
