"""tokens → windows: a document of any length in stretches that a Transformer can read.

Windows are measured in pieces. Each has tokens that it is asked about, and context around them: neighbours overlap,
and a token is asked of the window in which it stands most centrally, so that the overlap is cut in its middle. Where
two windows meet, the cut comes after a clause if there is one to be found.
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
    overlap: Pieces of context that a window has on each side, where the document has them.
    """

    size: int = 254
    overlap: int = 16

    def __post_init__(self) -> None:
        if not 0 <= 4 * self.overlap <= self.size:
            raise ValueError(Errors.ZT312.format(size=self.size, overlap=self.overlap))

    def __call__(self, docs: Iterable[Doc]) -> list[list[Span]]:
        """Cut as if each token were one piece: what spacy-transformers asks of a `get_spans`."""
        return [
            [doc[w.start : w.end] for w in self.cut(np.ones(len(doc), dtype=np.int64), clause_ends(doc))]
            for doc in docs
        ]

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
        windows, start = [], 0
        while start < n_tokens:
            left = total - before[start]
            room = size - min(context, before[start])  # for own tokens, and context behind them
            if left <= room:
                end = n_tokens
            else:
                own = room - context
                # As many as are needed, each as long as the next: no window of three characters at the end.
                fair = -(-left // -(-left // own))
                furthest, target = np.searchsorted(before, before[start] + [own, fair], side="right").tolist()
                end = _cut_between(start, target - 1, furthest - 1, ends)
            first = int(np.searchsorted(before, before[start] - context))
            last = int(np.searchsorted(before, before[end] + context, side="right")) - 1
            windows.append(Window(first, last, start, end))
            start = end
        return windows


def _cut_between(start: int, target: int, furthest: int, ends: npt.NDArray[np.int64]) -> int:
    """The last end of a clause that fits, unless it would waste more than half of the window."""
    latest = int(np.searchsorted(ends, furthest)) - 1
    cut = int(ends[latest]) + 1 if latest >= 0 else start
    return cut if cut > start + (furthest - start) // 2 else max(target, start + 1)


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
    overlap (int): Pieces of context on each side, at most a quarter of the size.
    RETURNS (Callable[[Iterable[Doc]], list[list[Span]]]): For the `get_spans` of a transformer.
    RAISES (ValueError): If the overlap is too large.
    """
    return ClauseWindows(size, overlap)
