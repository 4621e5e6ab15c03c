"""Cut a long text into windows at clause boundaries.

Windows are measured in pieces. Where two meet, the cut comes after a clause if there is one to be found, and neither
reads into the other: what is read twice is paid twice. Where a clause is longer than that, neighbours overlap, and a
token is asked of the window in which it stands most centrally, so that the overlap is cut in its middle.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

CLAUSE_ENDS = frozenset("。！？；!?;\n")
CountsT: TypeAlias = npt.NDArray[np.integer]


class Window(NamedTuple):
    """Tokens `start` to `end` are read, and of these `own_start` to `own_end` are asked about; ends are exclusive."""

    start: int
    end: int
    own_start: int
    own_end: int


def cut_at_clauses(counts: CountsT, ends: npt.NDArray[np.int64], *, size: int, overlap: int) -> list[Window]:
    """Cut one text.

    counts (CountsT): (n_tokens,) pieces of each token, no more than a quarter of `size`.
    ends (npt.NDArray[np.int64]): Tokens that end a clause, in order.
    size (int): Pieces of a window, without the model's special ones.
    overlap (int): Pieces of context on a side that is cut within a clause; a quarter of `size` at most.
    RETURNS (list[Window]): In order. Every token is asked of exactly one.
    """
    n_tokens, before = len(counts), np.concatenate([[0], np.cumsum(counts)])
    total = int(before[-1])
    if total <= size:
        return [Window(0, n_tokens, 0, n_tokens)] if n_tokens else []
    context = min(overlap, size // 4)
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
