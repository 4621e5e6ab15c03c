"""tokens → windows: documents in stretches that a Transformer can read; see `tokenization.clause_cuts`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from spacy.attrs import ORTH  # type: ignore[import-not-found]
from spacy.tokens import Doc, Span

from ..errors import Errors, SettingError
from ..tokenization.clause_cuts import CLAUSE_ENDS, CountsT, Window, cut_at_clauses

SpanGetterT = Callable[[Iterable[Doc]], list[list[Span]]]


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
            raise SettingError(Errors.ZT312.format(size=self.size, overlap=self.overlap))

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
        return cut_at_clauses(counts, ends, size=min(self.size, size or self.size), overlap=self.overlap)


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
