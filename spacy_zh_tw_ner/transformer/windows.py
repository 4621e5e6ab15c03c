"""Cut documents into windows that a Transformer can read.

Sizes are in wordpieces. A window is cut after a clause where one ends in its second half. Where it has to be cut within
a clause, it overlaps with the next window, and a token gets its hidden state from the window in which it has more
context on both sides; see `tokenization.clause_cuts`. With size 8 and overlap 2, one wordpiece a token:

    tokens      國 立 臺 灣 。 大 安 區 的 國 立 臺 灣 大 學
    window 1    國 立 臺 灣 。                                  cut after a clause
    window 2                   大 安 區 的 國 立 臺             tokens 5 to 10 are its own: 大 to 國
    window 3                            的 國 立 臺 灣 大 學    tokens 10 to 15 are its own: 立 to 學
    own         1  1  1  1  1  2  2  2  2  2  3  3  3  3  3

The CRF then decodes the hidden states of the whole document, so that no entity is cut.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.attrs import NORM, ORTH  # type: ignore[import-not-found]
from spacy.tokens import Doc, Span

from ..errors import Errors, SettingError
from ..tokenization.clause_cuts import CLAUSE_ENDS, CountsT, Window, cut_at_clauses
from .wordpieces import IdsT, Wordpieces, WordpieceTable

SpanGetterT: TypeAlias = Callable[[Iterable[Doc]], list[list[Span]]]


@dataclass(frozen=True)
class ClauseWindows:
    """A span getter that cuts documents at clauses.

    size: Largest number of wordpieces in a window, without special ones.
    overlap: Wordpieces of context on a side where a window is cut within a clause, at most a quarter of the size.
    """

    size: int = 254
    overlap: int = 16

    def __post_init__(self) -> None:
        if not 0 <= 4 * self.overlap <= self.size:
            raise SettingError(Errors.ZT312.format(size=self.size, overlap=self.overlap))

    def __call__(self, docs: Iterable[Doc]) -> list[list[Span]]:
        """Cut as if each token were one wordpiece, for callers in spacy-transformers."""
        return [[doc[w.start : w.end] for w in self.windows(doc, np.ones(len(doc), dtype=np.int64))] for doc in docs]

    def windows(self, doc: Doc, counts: CountsT, *, size: int | None = None) -> list[Window]:
        """Cut one document.

        counts (CountsT): (n_tokens,) wordpieces of each token, no more than a quarter of `size`.
        size (Optional[int]): A smaller size, of a model that supports no more.
        RETURNS (list[Window]): In order. Every token is in exactly one window's own part.
        """
        size = min(self.size, size or self.size)
        ends = clause_ends(doc) if counts.sum() > size else np.empty(0, dtype=np.int64)
        return cut_at_clauses(counts, ends, size=size, overlap=self.overlap)


def create_clause_windows_v1(size: int = 254, overlap: int = 16) -> ClauseWindows:
    """Registered as `spacy-zh-tw-ner.clause_windows.v1`. Arguments as in `ClauseWindows`.

    RETURNS (Callable[[Iterable[Doc]], list[list[Span]]]): For the `get_spans` of a transformer.
    RAISES (ValueError): If the overlap is too large.
    """
    return ClauseWindows(size, overlap)


class WindowedDocs(NamedTuple):
    """Documents, concatenated, as wordpieces and windows.

    wordpieces: Of all tokens. before: (n_tokens + 1,) number of wordpieces before each token.
    windows: Of all documents in order; tokens are numbered through all documents.
    """

    wordpieces: Wordpieces
    before: IdsT
    windows: Sequence[Window]

    @property
    def n_tokens(self) -> int:
        """Number of tokens of all documents."""
        return len(self.before) - 1

    def chunks(self, n_tokens: int) -> "Iterator[WindowedDocs]":
        """Split the windows into chunks of about `n_tokens` own tokens, each as if it were a document."""
        first = 0
        while first < len(self.windows):
            start = self.windows[first].own_start
            last = first + 1
            while last < len(self.windows) and self.windows[last].own_end - start <= n_tokens:
                last += 1
            yield self._between(first, last)
            first = last

    def _between(self, first: int, last: int) -> "WindowedDocs":
        """Return the windows from `first` to `last`, with the tokens that they have as context only."""
        windows = self.windows[first:last]
        start, end = windows[0].start, max(window.end for window in windows)
        ids = self.wordpieces.ids[int(self.before[start]) : int(self.before[end])]
        return WindowedDocs(
            Wordpieces(ids, self.wordpieces.counts[start:end]),
            self.before[start : end + 1] - self.before[start],
            [Window(*(token - start for token in window)) for window in windows],
        )


def cut_documents(
    docs: Sequence[Doc], table: WordpieceTable, get_spans: SpanGetterT, *, max_length: int | None = None
) -> WindowedDocs:
    """Look up the wordpieces of documents, and cut them into windows.

    docs (Sequence[Doc]): Any, empty ones included.
    table (WordpieceTable): Returns the wordpieces.
    get_spans (Callable[[Iterable[Doc]], list[list[Span]]]): Cuts. `ClauseWindows` counts wordpieces, others tokens.
    max_length (Optional[int]): Longest sequence that the model supports, special wordpieces included.
    """
    # (n_tokens, 2) keys of norms and texts
    keys = np.concatenate([np.empty((0, 2), np.uint64), *(doc.to_array([NORM, ORTH]) for doc in docs)])
    strings = docs[0].vocab.strings if docs else None
    if strings is None or not len(keys):
        return WindowedDocs(Wordpieces(np.empty(0, np.int32), np.empty(0, np.int32)), np.zeros(1, np.int32), [])
    wordpieces = table(keys[:, 0], strings, keys[:, 1])
    size = None if max_length is None else max_length - table.n_special
    bounds = np.cumsum([0, *(len(doc) for doc in docs)]).tolist()
    if isinstance(get_spans, ClauseWindows):
        by_doc = [
            get_spans.windows(doc, wordpieces.counts[start:end], size=size)
            for doc, start, end in zip(docs, bounds, bounds[1:], strict=False)
        ]
    else:
        by_doc = [windows_of_spans(spans) for spans in get_spans(docs)]
    windows = [
        Window(*(start + token for token in window))
        for start, of_doc in zip(bounds, by_doc, strict=False)
        for window in of_doc
    ]
    before = np.zeros(len(wordpieces.counts) + 1, np.int32)
    np.cumsum(wordpieces.counts, out=before[1:])
    return WindowedDocs(wordpieces, before, windows)


def clause_ends(doc: Doc) -> npt.NDArray[np.int64]:
    """Return the indices of the tokens that end a clause."""
    strings = doc.vocab.strings
    marks = [strings[mark] for mark in CLAUSE_ENDS if mark in strings]
    found: npt.NDArray[np.int64] = np.flatnonzero(np.isin(doc.to_array(ORTH), np.array(marks, dtype=np.uint64)))
    return found


def windows_of_spans(spans: Sequence[Span]) -> list[Window]:
    """Convert the spans of one document, from any span getter, to windows; overlaps are divided in the middle."""
    bounds = sorted((span.start, span.end) for span in spans)
    starts, ends = [start for start, _ in bounds], [end for _, end in bounds]
    for i in range(1, len(bounds)):
        if starts[i] < ends[i - 1]:
            starts[i] = ends[i - 1] = (starts[i] + ends[i - 1]) // 2
    return [Window(*bound, start, end) for bound, start, end in zip(bounds, starts, ends, strict=True) if start < end]
