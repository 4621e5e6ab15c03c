"""Cut a long text into windows at clause boundaries.

The size of a window is its number of wordpieces. If possible, a window ends with the last token of a clause, and the
next window begins with the next token. These windows do not overlap, since tokens in an overlap are encoded twice. If a
clause does not fit into a window, it is divided, and the two windows overlap. Then, both windows encode the tokens of
the overlap, but only one result for each token is used: from the window in which the token has more context on both
sides. The *own* tokens of a window are those whose result is used.

    window 1   [ own tokens ........ | context ]
    window 2             [ context | own tokens ........ ]
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

CLAUSE_ENDS = frozenset("。！？；!?;\n")
CountsT: TypeAlias = npt.NDArray[np.integer]


class Window(NamedTuple):
    """Window of a text. Tokens `start` to `end` are encoded; hidden states are used of `own_start` to `own_end` only.

    All ends are exclusive.
    """

    start: int
    end: int
    own_start: int
    own_end: int


def cut_at_clauses(counts: CountsT, ends: npt.NDArray[np.int64], *, size: int, overlap: int) -> list[Window]:
    """Cut one text into windows.

    counts (CountsT): (n_tokens,) number of wordpieces of each token, at most a quarter of `size`.
    ends (npt.NDArray[np.int64]): Indices of the tokens that end a clause, in order.
    size (int): Largest number of wordpieces in a window, without [CLS] and other special wordpieces.
    overlap (int): Number of wordpieces of context before or after the own tokens, where a clause is divided; at most a
        quarter of `size`.
    RETURNS (list[Window]): Windows in order. Each token is an own token of exactly one window.
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
            # The fewest windows needed, of equal lengths, so that the last is not tiny.
            target = before[start] + -(-left // -(-left // own))
            end = max(int(np.searchsorted(before, target, side="right")) - 1, start + 1)
            last = int(np.searchsorted(before, before[end] + context, side="right")) - 1
            next_first = int(np.searchsorted(before, before[end] - context))
        windows.append(Window(first, last, start, end))
        start, first = end, next_first
    return windows


def _clause_before(start: int, furthest: int, ends: npt.NDArray[np.int64]) -> int:
    """Return the end of a window that is cut after the last clause that fits into it.

    start (int): First own token of the window.
    furthest (int): Index of the first token that does not fit into the window.
    ends (npt.NDArray[np.int64]): Indices of the tokens that end a clause, in order.
    RETURNS (int): Index of the token after the clause; 0 if no clause ends in the second half of the window.
    """
    latest = int(np.searchsorted(ends, furthest)) - 1
    cut = int(ends[latest]) + 1 if latest >= 0 else 0
    return cut if cut > start + (furthest - start) // 2 else 0
