"""tokens → windows: a document of any length in stretches that a Transformer can read.

Windows are measured in pieces. Where two meet, the cut comes after a clause if there is one to be found, and neither
reads into the other: what is read twice is paid twice. Where a clause is longer than that, neighbours overlap, and a
token is asked of the window in which it stands most centrally, so that the overlap is cut in its middle.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from spacy.attrs import ORTH  # type: ignore[import-not-found]
from spacy.tokens import Doc, Span

from ...errors import Errors

CLAUSE_ENDS = frozenset("。！？；!?;\n")
CountsT = npt.NDArray[np.int64]
SpanGetterT = Callable[[Iterable[Doc]], list[list[Span]]]


class Window(NamedTuple):
    """Tokens `start` to `end` are read, and of these `own_start` to `own_end` are asked about; ends are exclusive."""

    start: int
    end: int
    own_start: int
    own_end: int


@dataclass(frozen=True)
class ClauseWindows:
    """How documents are cut.

    size: Pieces of a window, without the model's special ones.
    overlap: Pieces of context that a window has on a side where it had to be cut within a clause.
    """

    size: int = 254
    overlap: int = 16

    def __post_init__(self) -> None:
        if not 0 <= 4 * self.overlap <= self.size:
            raise ValueError(Errors.ZT312.format(size=self.size, overlap=self.overlap))

    def __call__(self, docs: Iterable[Doc]) -> list[list[Span]]:
        """Cut as if each token were one piece: what spacy-transformers asks of a `get_spans`."""
        return [[doc[w.start : w.end] for w in self.windows(doc, np.ones(len(doc), dtype=np.int64))] for doc in docs]

    def windows(self, doc: Doc, counts: CountsT, *, size: int | None = None) -> list[Window]:
        """Cut one document; see `cut`."""
        fits = counts.sum() <= min(self.size, size or self.size)
        return self.cut(counts, clause_ends(doc) if not fits else np.empty(0, dtype=np.int64), size=size)

    def cut(self, counts: CountsT, ends: npt.NDArray[np.int64], *, size: int | None = None) -> list[Window]:
        """Cut one document.

        counts (CountsT): (n_tokens,) pieces of each token, no more than a quarter of `size`.
        ends (npt.NDArray[np.int64]): Tokens that end a clause, in order.
        size (Optional[int]): Another size, of a model that takes no more.
        RETURNS (list[Window]): In order. Every token is asked of exactly one.
        """
        size = min(self.size, size or self.size)
        n_tokens, before = len(counts), np.concatenate([[0], np.cumsum(counts)])
        total = int(before[-1])
        if total <= size:
            return [Window(0, n_tokens, 0, n_tokens)] if n_tokens else []
        context = min(self.overlap, size // 4)
        windows, start, first = [], 0, 0
        while start < n_tokens:
            room = size - int(before[start] - before[first])
            furthest = int(np.searchsorted(before, before[start] + room, side="right")) - 1
            if furthest == n_tokens:
                end = last = next_first = n_tokens
            elif end := _clause_before(start, furthest, ends):
                last = next_first = end
            else:
                left, own = int(total - before[start]), room - context
                # As many as are needed, each as long as the next: no window of three characters at the end.
                target = before[start] + -(-left // -(-left // own))
                end = max(int(np.searchsorted(before, target, side="right")) - 1, start + 1)
                last = int(np.searchsorted(before, before[end] + context, side="right")) - 1
                next_first = int(np.searchsorted(before, before[end] - context))
            windows.append(Window(first, last, start, end))
            start, first = end, next_first
        return windows


def _clause_before(start: int, furthest: int, ends: npt.NDArray[np.int64]) -> int:
    """Behind the last clause that fits; 0 where that would waste more than half of the window."""
    latest = int(np.searchsorted(ends, furthest)) - 1
    cut = int(ends[latest]) + 1 if latest >= 0 else 0
    return cut if cut > start + (furthest - start) // 2 else 0


def clause_ends(doc: Doc) -> npt.NDArray[np.int64]:
    """Find the tokens of a document that end a clause."""
    strings = doc.vocab.strings
    marks = [strings[mark] for mark in CLAUSE_ENDS if mark in strings]
    found: npt.NDArray[np.int64] = np.flatnonzero(np.isin(doc.to_array(ORTH), np.array(marks, dtype=np.uint64)))
    return found


def windows_of_spans(spans: Sequence[Span]) -> list[Window]:
    """Take the spans of one document, from any span getter, as windows; what lies in two is divided in the middle."""
    bounds = sorted((span.start, span.end) for span in spans)
    starts, ends = [start for start, _ in bounds], [end for _, end in bounds]
    for i in range(1, len(bounds)):
        if starts[i] < ends[i - 1]:
            starts[i] = ends[i - 1] = (starts[i] + ends[i - 1]) // 2
    return [Window(*bound, start, end) for bound, start, end in zip(bounds, starts, ends, strict=True) if start < end]


def create_clause_windows_v1(size: int = 254, overlap: int = 16) -> ClauseWindows:
    """Registered as `spacy-zh-tw-ner.clause_windows.v1`.

    size (int): Pieces of a window, without special ones such as [CLS].
    overlap (int): Pieces of context on each side that is cut within a clause, at most a quarter of the size.
    RETURNS (Callable[[Iterable[Doc]], list[list[Span]]]): For the `get_spans` of a transformer.
    RAISES (ValueError): If the overlap is too large.
    """
    return ClauseWindows(size, overlap)
