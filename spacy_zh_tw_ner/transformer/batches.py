"""Group windows into micro-batches: padded input ids, and the token that each hidden state belongs to."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..encoders.torch_interop import group_by_length
from ..tokenization.clause_cuts import Window
from .windows import WindowedDocs
from .wordpieces import WordpieceTable

MAX_PADDED = 16_384  # largest micro-batch, in wordpieces with padding
# Windows of more than SHORT wordpieces are padded to a multiple of EVEN, so that tensors have few different shapes:
# memory is less fragmented, and oneDNN, which caches a kernel per shape, has fewer. Short windows would get too much
# padding.
SHORT, EVEN = 128, 8


class MicroBatch(NamedTuple):
    """Windows that run through the model together.

    Of each window, only the hidden states of its own tokens are used: the tokens from `own_start` to `own_end`, without
    the context around them. `n` is the number of wordpieces of these tokens in all windows of the micro-batch.

    input_ids: (n_windows, length) int64.
    attention_mask: (n_windows, length) int64, 1 for wordpieces and 0 for padding.
    places: (n,) row of each wordpiece in the hidden states, after these are reshaped to (n_windows × length, width).
    tokens: (n,) index of the token of each wordpiece. Indices continue from one document to the next.
    shares: (n,) float32, 1 / number of wordpieces of the token. Hidden states are multiplied by it and summed, so that
        the vector of a token is the mean over its wordpieces.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    places: torch.Tensor
    tokens: torch.Tensor
    shares: torch.Tensor

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return len(self.input_ids)

    @property
    def size(self) -> int:
        """Number of wordpieces, padding included."""
        return self.input_ids.numel()

    def cut(self, limit: int | None) -> "list[MicroBatch]":
        """Halve the batch until each part has at most `limit` wordpieces, padding included, or is a single window.

        RETURNS (list[MicroBatch]): The parts in order. If the batch is small enough or `limit` is None, the only part
            is the batch itself.
        """
        n, length = self.input_ids.shape
        if limit is None or self.size <= limit or n == 1:
            return [self]
        middle = n // 2
        first = self.places < middle * length
        halves = (
            MicroBatch(self.input_ids[rows], self.attention_mask[rows], self.places[own] - start, *others)
            for rows, own, start in ((slice(middle), first, 0), (slice(middle, None), ~first, middle * length))
            for others in [(self.tokens[own], self.shares[own])]
        )
        return [part for half in halves for part in half.cut(limit)]


def make_micro_batches(
    cut: WindowedDocs,
    table: WordpieceTable,
    *,
    max_windows: int | None = None,
    max_padded: int | None = None,
    max_length: int | None = None,
) -> list[MicroBatch]:
    """Group windows of similar length into micro-batches.

    cut (WindowedDocs): The documents, cut into windows.
    table (WordpieceTable): Holds the special wordpieces and the padding id of the tokenizer.
    max_windows (Optional[int]): Most windows in a micro-batch; None for no limit.
    max_padded (Optional[int]): Most wordpieces in a micro-batch, padding included; at most MAX_PADDED, the default.
    max_length (Optional[int]): Longest sequence that the model supports, in wordpieces, special wordpieces and padding
        included; None for no limit.
    RETURNS (list[MicroBatch]): Micro-batches on the CPU. The longest windows come first, so that memory runs out at
        once if they do not fit.
    """
    bounds = cut.before[np.array([(window.start, window.end) for window in cut.windows], dtype=np.int64).reshape(-1, 2)]
    sizes = bounds[:, 1] - bounds[:, 0] + table.n_special  # (n_windows,)
    even = np.where(sizes > SHORT, -(-sizes // EVEN) * EVEN, sizes)
    lengths = (even if max_length is None else np.maximum(sizes, np.minimum(even, max_length))).tolist()
    groups = group_by_length(lengths, max_padded=min(max_padded or MAX_PADDED, MAX_PADDED), max_items=max_windows)
    return [_micro_batch([cut.windows[i] for i in group], lengths[group[0]], cut, table) for group in groups]


def _micro_batch(group: Sequence[Window], length: int, cut: WindowedDocs, table: WordpieceTable) -> MicroBatch:
    """Build the micro-batch of a group of windows.

    group (Sequence[Window]): The windows.
    length (int): Number of wordpieces to which each window is padded, special wordpieces included.
    cut (WindowedDocs): The documents of the windows.
    table (WordpieceTable): Holds the special wordpieces and the padding id of the tokenizer.
    """
    wordpieces, before = cut.wordpieces, cut.before
    bounds = before[np.array(group)]  # (n_windows, 4) in wordpieces: start, end, own_start, own_end
    sizes, n_before = bounds[:, 1] - bounds[:, 0], len(table.prefix)
    input_ids = np.full((len(group), length), table.pad_id, dtype=np.int64)
    input_ids[:, :n_before] = table.prefix
    columns = np.arange(length - table.n_special)
    rows, inside = np.nonzero(columns < sizes[:, None])  # (n_wordpieces,) window, and position in it
    input_ids[rows, n_before + inside] = wordpieces.ids[bounds[rows, 0] + inside]
    for i, special in enumerate(table.suffix):
        input_ids[np.arange(len(group)), n_before + sizes + i] = special
    places = bounds[rows, 0] + inside
    own = (places >= bounds[rows, 2]) & (places < bounds[rows, 3])
    rows, inside = rows[own], inside[own]  # (n,)
    tokens = np.searchsorted(before, places[own].astype(before.dtype), side="right") - 1
    arrays = (
        input_ids,
        (np.arange(length) < (sizes + table.n_special)[:, None]).astype(np.int64),
        rows * length + n_before + inside,
        tokens,
        (1.0 / wordpieces.counts[tokens]).astype(np.float32),
    )
    return MicroBatch(*(torch.from_numpy(array) for array in arrays))
