"""One sequence of any length in bounded memory: chunks, with the same result as the whole.

A chunk reaches from one row to another, both included, and the next chunk begins with the last row of this one. Given
the tag of that row, the tokens before it and after it are independent (Lafferty, McCallum and Pereira 2001). So each
chunk is a sequence of its own:

    chunk 1   ├────────────┤                  its end scores are log β of its last row
    chunk 2                ├────────────┤     the emissions of its first row are log α of that row
    chunk 3                             ├───  (for the best path: the score of the best way there)

One pass carries α from the first chunk to the last, a second one β back. The probability of a span over a border b is
p(a … c) = p(a … b) · p(b … c) / p(b).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from ..safe_points import safe_point
from .interval_scheduling import Segment
from .layout import check_finite
from .posterior import Posterior, infer
from .probable_spans import NOTHING, follow
from .reference import run_reference
from .transitions import PENALTY, FloatsT, IntsT, Transitions
from .viterbi import best_paths

CHUNK = 4096  # rows whose forward and backward variables are held at a time
Found = TypeVar("Found")


class RowsT(Protocol):
    """(n_rows, n_tags) emissions that are read in slices: an array, or a `DiskArray`."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> FloatsT: ...


class LongSequence:
    """What `decode`, `infer` and `probable_segments` return for one sequence, in memory that does not grow with it.

    rows (RowsT): Emissions, which are read several times.
    transitions (Transitions): Constrained scores.
    size (int): Rows of a chunk.
    compiled (Optional[bool]): Insist on compiled loops or on numpy; by default whichever is available and faster.
    """

    def __init__(
        self, rows: RowsT, transitions: Transitions, *, size: int = CHUNK, compiled: bool | None = None
    ) -> None:
        self._rows, self._transitions, self._size, self._compiled = rows, transitions, size, compiled
        # The first row of each chunk. A sequence of a single row is a chunk, too.
        self._firsts = range(0, max(len(rows) - 1, min(len(rows), 1)), size)
        self._in_log_space: set[int] = set()

    def decode(self) -> IntsT:
        """Find the most probable legal tags, (n_rows,).

        RAISES (ValueError): Where there is no legal path.
        """
        tags, ways = np.empty(len(self._rows), np.int64), self._room()
        for i, first in enumerate(self._firsts):
            paths = best_paths(*self._chunk(first, ways[i]), compiled=self._compiled)
            ways[i + 1] = paths.finals[0] - paths.finals.max()
        end: FloatsT | None = None
        for i, first in reversed(list(enumerate(self._firsts))):
            emissions, lengths, transitions = self._chunk(first, ways[i], end)
            path = best_paths(emissions, lengths, transitions, compiled=self._compiled).tags
            tags[first : first + len(path)] = path
            end = np.full_like(transitions.end, PENALTY)
            end[path[0]] = 0.0
        return tags

    def path_probabilities(self, tags: IntsT, starts: Sequence[int], ends: Sequence[int]) -> FloatsT:
        """Return the probability of parts of a path; see `Posterior.path_probabilities`."""
        begin, end = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)

        def multiply(posteriors: Iterator[tuple[int, Posterior]]) -> FloatsT:
            product = np.ones(len(begin))
            for first, posterior in posteriors:
                after = first + posterior.lengths[0]
                here = np.flatnonzero((begin < after) & (end > first))
                inside = [(np.clip(values[here], first, after) - first).tolist() for values in (begin, end)]
                path = tags[first:after]
                p = posterior.path_probabilities(path, *inside)
                if first:
                    come = begin[here] <= first
                    border = posterior.path_probabilities(path, [0], [1])
                    with np.errstate(divide="ignore", invalid="ignore"):
                        p[come] = np.minimum(np.nan_to_num(p[come] / border, nan=0.0), 1.0)
                product[here] *= p
            return product

        return self._settled(multiply)

    def probable_segments(self, patterns: IntsT, threshold: float) -> list[Segment]:
        """Find every span with a probability of at least the threshold; see `probable_spans.probable_segments`."""

        def collect(posteriors: Iterator[tuple[int, Posterior]]) -> list[Segment]:
            found, unbegun = [], NOTHING
            for first, posterior in posteriors:
                here, unbegun = follow(posterior, patterns, threshold, before=first, unbegun=unbegun)
                found += here
            return found

        return self._settled(collect)

    def _settled(self, look: Callable[[Iterator[tuple[int, Posterior]]], Found]) -> Found:
        """Look at the posteriors, again if a chunk gets its α from one that float32 cannot hold."""
        while True:
            unstable: set[int] = set()
            found = look(self._posteriors(unstable))
            if unstable <= self._in_log_space:
                return found
            self._in_log_space |= unstable

    def _posteriors(self, unstable: set[int]) -> Iterator[tuple[int, Posterior]]:
        """YIELDS: First row and posterior of each chunk, from the last. Adds to `unstable` those in log space."""
        alphas = self._room()
        for i, first in enumerate(self._firsts):
            emissions, lengths, transitions = self._chunk(first, alphas[i])
            if first in self._in_log_space:
                incoming = run_reference(emissions, transitions).log_alpha[-1]
            else:
                posterior = infer(emissions, lengths, transitions, compiled=self._compiled)
                incoming = _at(posterior.log_alpha, lengths[0] - 1, emissions.shape[1])
            alphas[i + 1] = _in_float32(incoming)
        end: FloatsT | None = None
        for i, first in reversed(list(enumerate(self._firsts))):
            emissions, lengths, transitions = self._chunk(first, alphas[i], end)
            posterior = infer(emissions, lengths, transitions, compiled=self._compiled)
            if posterior.in_log_space:
                unstable.add(first)
            yield first, posterior
            end = _in_float32(_at(posterior.log_beta, 0, emissions.shape[1]))

    def _room(self) -> FloatsT:
        """(n_chunks + 1, n_tags) for the values that are carried into each chunk.

        In one piece: small arrays that stay, each after large ones that go, would keep the heap from shrinking.
        """
        return np.empty((len(self._firsts) + 1, len(self._transitions.start)), np.float32)

    def _chunk(
        self, first: int, incoming: FloatsT, end: FloatsT | None = None
    ) -> tuple[FloatsT, list[int], Transitions]:
        """Return a chunk as a sequence of its own.

        first (int): Its first row.
        incoming (np.ndarray): (n_tags,) log α or scores at this row, emissions included; not used at the beginning.
        end (Optional[np.ndarray]): (n_tags,) log β at its last row; None where it is not known yet.
        """
        safe_point()
        emissions, transitions = self._rows[first : first + self._size + 1].astype(np.float32), self._transitions
        check_finite(emissions, before=first)
        if first:
            emissions[0] = incoming
            transitions = transitions._replace(start=np.zeros_like(transitions.start))
        if first + len(emissions) < len(self._rows):
            transitions = transitions._replace(end=np.zeros_like(transitions.end) if end is None else end)
        return emissions, [len(emissions)], transitions


def _at(log_values: Callable[[IntsT, IntsT], FloatsT], row: int, n_tags: int) -> FloatsT:
    """(n_tags,) of one row."""
    tags = np.arange(n_tags)
    return log_values(np.full_like(tags, row), tags)


def _in_float32(logs: FloatsT) -> FloatsT:
    """Subtract the maximum, and put PENALTY in place of −∞."""
    values: FloatsT = np.maximum(logs - logs.max(), PENALTY).astype(np.float32)
    return values
