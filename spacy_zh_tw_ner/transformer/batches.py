"""windows + pieces → micro-batches: padded arrays that a model reads, and where its answers belong."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from spacy.attrs import NORM  # type: ignore[import-not-found]
from spacy.tokens import Doc

from ..encoders.torch_interop import group_by_length
from ..tokenization.clause_cuts import Window
from .windows import ClauseWindows, SpanGetterT, windows_of_spans
from .wordpieces import IdsT, Wordpieces, WordpieceTable

MAX_PADDED = 16_384  # pieces with padding that run at once where nothing is trained
# Longer windows are padded to a multiple of eight, so that long documents ask for memory in few sizes, which leave few
# holes, and for products of few sizes, for each of which oneDNN keeps code. Short ones would become longer by too much.
SHORT, EVEN = 128, 8


class MicroBatch(NamedTuple):
    """Some windows that run together.

    input_ids: (n_windows, length) long. attention_mask: the same, 1 for pieces and 0 for padding.
    places: (n,) where in the flattened hidden states the pieces are that were asked about.
    tokens: (n,) whose pieces these are, counted through all documents.
    shares: (n,) float32, one over the pieces of the token: a token's vector is the mean of its pieces'.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    places: torch.Tensor
    tokens: torch.Tensor
    shares: torch.Tensor

    @property
    def n_windows(self) -> int:
        """How many windows there are."""
        return len(self.input_ids)

    @property
    def size(self) -> int:
        """Pieces, padding included."""
        return self.input_ids.numel()

    def cut(self, limit: int | None) -> "list[MicroBatch]":
        """Halve it until each part has at most so many pieces, or is one window.

        limit (Optional[int]): Pieces, padding included; None for no limit.
        RETURNS (list[MicroBatch]): In their order; itself, if there is nothing to cut.
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


class Cut(NamedTuple):
    """Documents, one behind the other, as pieces and windows: what does not take a model to know.

    pieces: Of all tokens. before: (n_tokens + 1,) how many pieces come before each token.
    windows: Of all documents in turn, counted through all tokens.
    """

    pieces: Wordpieces
    before: IdsT
    windows: Sequence[Window]

    @property
    def n_tokens(self) -> int:
        """Of all documents."""
        return len(self.before) - 1

    def stretches(self, n_tokens: int) -> "Iterator[Cut]":
        """Take the windows of about so many tokens at a time, each time as if there were no others."""
        first = 0
        while first < len(self.windows):
            start = self.windows[first].own_start
            last = first + 1
            while last < len(self.windows) and self.windows[last].own_end - start <= n_tokens:
                last += 1
            yield self._between(first, last)
            first = last

    def _between(self, first: int, last: int) -> "Cut":
        """The windows from `first` to `last`. What they only read for context becomes a part of them."""
        windows = self.windows[first:last]
        start, end = windows[0].start, max(window.end for window in windows)
        pieces = slice(int(self.before[start]), int(self.before[end]))
        return Cut(
            Wordpieces(self.pieces.ids[pieces], self.pieces.counts[start:end]),
            self.before[start : end + 1] - self.before[start],
            [Window(*(token - start for token in window)) for window in windows],
        )


def cut_documents(
    docs: Sequence[Doc], table: WordpieceTable, get_spans: SpanGetterT, *, max_length: int | None = None
) -> Cut:
    """Look up the pieces of documents, and cut them into windows.

    docs (Sequence[Doc]): Any, empty ones included.
    table (WordpieceTable): Gives the pieces.
    get_spans (Callable[[Iterable[Doc]], list[list[Span]]]): Says where to cut. `ClauseWindows` counts in pieces.
    max_length (Optional[int]): Pieces that the model takes, special ones included.
    RETURNS (Cut): Every token is asked of one window.
    """
    norms = np.concatenate([np.empty(0, np.uint64), *(doc.to_array(NORM) for doc in docs)])
    strings = docs[0].vocab.strings if docs else None
    if strings is None or not len(norms):
        return Cut(Wordpieces(np.empty(0, np.int32), np.empty(0, np.int32)), np.zeros(1, np.int32), [])
    pieces = table(norms, strings)
    size = None if max_length is None else max_length - table.n_special
    bounds = np.cumsum([0, *(len(doc) for doc in docs)]).tolist()
    if isinstance(get_spans, ClauseWindows):
        by_doc = [
            get_spans.windows(doc, pieces.counts[start:end], size=size)
            for doc, start, end in zip(docs, bounds, bounds[1:], strict=False)
        ]
    else:
        by_doc = [windows_of_spans(spans) for spans in get_spans(docs)]
    windows = [
        Window(*(start + token for token in window))
        for start, of_doc in zip(bounds, by_doc, strict=False)
        for window in of_doc
    ]
    before = np.zeros(len(pieces.counts) + 1, np.int32)
    np.cumsum(pieces.counts, out=before[1:])
    return Cut(pieces, before, windows)


def make_micro_batches(
    cut: Cut,
    table: WordpieceTable,
    *,
    max_windows: int | None = None,
    max_padded: int | None = None,
    max_length: int | None = None,
) -> list[MicroBatch]:
    """Put windows of about one length together.

    cut (Cut): Some documents.
    table (WordpieceTable): That it was cut by.
    max_windows (Optional[int]): That run at once, at most.
    max_padded (Optional[int]): Pieces with padding that run at once, at most; never more than MAX_PADDED.
    max_length (Optional[int]): Pieces of a window that the model takes, with special ones and padding.
    RETURNS (list[MicroBatch]): On the CPU, the longest first, so that what does not fit in memory fails at once.
    """
    bounds = cut.before[np.array([(window.start, window.end) for window in cut.windows], dtype=np.int64).reshape(-1, 2)]
    sizes = bounds[:, 1] - bounds[:, 0] + table.n_special
    even = np.where(sizes > SHORT, -(-sizes // EVEN) * EVEN, sizes)
    lengths = (even if max_length is None else np.maximum(sizes, np.minimum(even, max_length))).tolist()
    groups = group_by_length(lengths, max_padded=min(max_padded or MAX_PADDED, MAX_PADDED), max_items=max_windows)
    return [_micro_batch([cut.windows[i] for i in group], lengths[group[0]], cut, table) for group in groups]


def _micro_batch(group: Sequence[Window], length: int, cut: Cut, table: WordpieceTable) -> MicroBatch:
    pieces, before = cut.pieces, cut.before
    bounds = before[np.array(group)]  # (n_windows, 4) by piece
    sizes, n_before = bounds[:, 1] - bounds[:, 0], len(table.prefix)
    input_ids = np.full((len(group), length), table.pad_id, dtype=np.int64)
    input_ids[:, :n_before] = table.prefix
    columns = np.arange(length - table.n_special)
    rows, inside = np.nonzero(columns < sizes[:, None])
    input_ids[rows, n_before + inside] = pieces.ids[bounds[rows, 0] + inside]
    for i, special in enumerate(table.suffix):
        input_ids[np.arange(len(group)), n_before + sizes + i] = special
    places = bounds[rows, 0] + inside
    own = (places >= bounds[rows, 2]) & (places < bounds[rows, 3])
    rows, inside = rows[own], inside[own]
    tokens = np.searchsorted(before, places[own].astype(before.dtype), side="right") - 1
    arrays = (
        input_ids,
        (np.arange(length) < (sizes + table.n_special)[:, None]).astype(np.int64),
        rows * length + n_before + inside,
        tokens,
        (1.0 / pieces.counts[tokens]).astype(np.float32),
    )
    return MicroBatch(*(torch.from_numpy(array) for array in arrays))
