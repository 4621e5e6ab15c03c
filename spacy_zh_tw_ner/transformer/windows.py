"""Cut documents into windows that a Transformer can encode.

Sizes are in wordpieces. A window ends after a clause if a clause ends in its second half. Otherwise it is cut within a
clause and overlaps with the next window. A token gets its hidden state from the window in which it has more context on
both sides: it is one of that window's *own* tokens. An example with size 8, overlap 2 and one wordpiece per token:

    tokens      國 立 臺 灣 。 大 安 區 的 國 立 臺 灣 大 學
    window 1    國 立 臺 灣 。                                  cut after a clause
    window 2                   大 安 區 的 國 立 臺             own tokens: 5 to 10, 大 to 國
    window 3                            的 國 立 臺 灣 大 學    own tokens: 10 to 15, 立 to 學
    own in      1  1  1  1  1  2  2  2  2  2  3  3  3  3  3

The CRF decodes the hidden states of the whole document, so a cut never divides an entity.
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
    """Span getter that cuts documents after clauses.

    size: Largest number of wordpieces in a window, without special wordpieces.
    overlap: Number of wordpieces that a window has as context where it is cut within a clause; at most a quarter of
        the size.
    """

    size: int = 254
    overlap: int = 16

    def __post_init__(self) -> None:
        if not 0 <= 4 * self.overlap <= self.size:
            raise SettingError(Errors.ZT312.format(size=self.size, overlap=self.overlap))

    def __call__(self, docs: Iterable[Doc]) -> list[list[Span]]:
        """Cut documents into windows in which every token counts as one wordpiece; spacy-transformers calls it.

        RETURNS (list[list[Span]]): The windows of each document as spans, which may overlap.
        """
        return [[doc[w.start : w.end] for w in self.windows(doc, np.ones(len(doc), dtype=np.int64))] for doc in docs]

    def windows(self, doc: Doc, counts: CountsT, *, size: int | None = None) -> list[Window]:
        """Cut one document into windows.

        doc (Doc): The document.
        counts (CountsT): (n_tokens,) number of wordpieces of each token, at most a quarter of `size`.
        size (Optional[int]): Longest window that the model supports, if that is shorter than `self.size`.
        RETURNS (list[Window]): Windows in order. Every token is an own token of exactly one window.
        """
        size = min(self.size, size or self.size)
        ends = clause_ends(doc) if counts.sum() > size else np.empty(0, dtype=np.int64)
        return cut_at_clauses(counts, ends, size=size, overlap=self.overlap)


def create_clause_windows_v1(size: int = 254, overlap: int = 16) -> ClauseWindows:
    """Registered as `spacy-zh-tw-ner.clause_windows.v1`: cut documents into windows after clauses.

    size (int): Largest number of wordpieces in a window, without special wordpieces.
    overlap (int): Number of wordpieces that a window has as context where it is cut within a clause; at most a quarter
        of the size.
    RETURNS (Callable[[Iterable[Doc]], list[list[Span]]]): The `get_spans` of a Transformer.
    RAISES (ValueError): If the overlap is negative, or more than a quarter of the size.
    """
    return ClauseWindows(size, overlap)


class WindowedDocs(NamedTuple):
    """Wordpieces and windows of several documents.

    Indices of tokens count through all documents: the first token of a document follows the last one of the document
    before it.

    wordpieces: Wordpieces of all tokens. before: (n_tokens + 1,) number of wordpieces before each token.
    windows: Windows of all documents in order.
    """

    wordpieces: Wordpieces
    before: IdsT
    windows: Sequence[Window]

    @property
    def n_tokens(self) -> int:
        """Number of tokens of all documents."""
        return len(self.before) - 1

    def chunks(self, n_tokens: int) -> "Iterator[WindowedDocs]":
        """Divide the windows into chunks, so that a long document can be encoded in parts.

        n_tokens (int): Largest number of own tokens in a chunk. A window that has more is a chunk of its own.
        YIELDS (WindowedDocs): Consecutive windows, with their wordpieces. Indices of tokens begin at 0 in each chunk.
        """
        first = 0
        while first < len(self.windows):
            start = self.windows[first].own_start
            last = first + 1
            while last < len(self.windows) and self.windows[last].own_end - start <= n_tokens:
                last += 1
            yield self._between(first, last)
            first = last

    def _between(self, first: int, last: int) -> "WindowedDocs":
        """Return some windows with the wordpieces of their own tokens and context. Indices of tokens begin at 0.

        first, last (int): Index of the first window, and of the one after the last.
        """
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

    docs (Sequence[Doc]): Documents, which may be empty.
    table (WordpieceTable): Table of the wordpieces of each token.
    get_spans (Callable[[Iterable[Doc]], list[list[Span]]]): A `ClauseWindows`, or a span getter of spacy-transformers,
        which counts tokens instead of wordpieces.
    max_length (Optional[int]): Longest sequence that the model supports, special wordpieces included.
    RETURNS (WindowedDocs): Wordpieces and windows of all documents.
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
    """Return the indices of the tokens that end a clause, such as 。 and ；, as an ascending (n,) array."""
    strings = doc.vocab.strings
    marks = [strings[mark] for mark in CLAUSE_ENDS if mark in strings]
    found: npt.NDArray[np.int64] = np.flatnonzero(np.isin(doc.to_array(ORTH), np.array(marks, dtype=np.uint64)))
    return found


def windows_of_spans(spans: Sequence[Span]) -> list[Window]:
    """Convert the spans of one document to windows, in order. Each of two overlapping windows owns half of the overlap.

    A window without own tokens is left out.
    """
    bounds = sorted((span.start, span.end) for span in spans)
    starts, ends = [start for start, _ in bounds], [end for _, end in bounds]
    for i in range(1, len(bounds)):
        if starts[i] < ends[i - 1]:
            starts[i] = ends[i - 1] = (starts[i] + ends[i - 1]) // 2
    return [Window(*bound, start, end) for bound, start, end in zip(bounds, starts, ends, strict=True) if start < end]
