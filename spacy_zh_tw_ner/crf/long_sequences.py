"""A sequence that is too long for all that is computed of it to be held: a part at a time, with the same result.

A part reaches from one row to another, both included, and the next part begins with the row that it ends with. Given
the tag of that row, what lies before it and what lies behind it do not depend on each other (Lafferty, McCallum and
Pereira 2001). So each part is a sequence of its own: the emissions of its first row stand for all that came before,
which is alpha of that row or, for the best path, the score of the best way there; its end scores stand for all that
follows, which is beta. Two walks pass them on, from the first part to the last, and back.

Of what reaches over a border b the parts multiply: p(a … c) = p(a … b) · p(b … c) / p(b).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import torch

from ..choice import Segment
from ..safe_points import safe_point
from .layout import check_finite
from .log_space import run_log_space
from .posterior import Posterior, infer
from .segments import NOTHING, follow
from .transitions import PENALTY, Transitions
from .viterbi import best_paths

PART = 4096  # rows whose alphas and betas are held at once
Found = TypeVar("Found")


class Rows(Protocol):
    """(n_rows, n_tags) emissions, of which some are read at a time: a tensor, or `RowsOnDisk`."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> torch.Tensor: ...


class LongSequence:
    """What `decode`, `infer` and `probable_segments` say of one sequence, in memory that does not grow with it.

    rows (Rows): Emissions, which are read several times.
    transitions (Transitions): Constrained scores.
    size (int): Rows of a part.
    compiled (Optional[bool]): Insist on the compiled kernels or on torch; by default whichever is faster.
    """

    def __init__(self, rows: Rows, transitions: Transitions, *, size: int = PART, compiled: bool | None = None) -> None:
        self._rows, self._transitions, self._size, self._compiled = rows, transitions, size, compiled
        # The first row of each part. A single row is a part, too.
        self._firsts = range(0, max(len(rows) - 1, min(len(rows), 1)), size)
        self._in_log_space: set[int] = set()

    def decode(self) -> torch.Tensor:
        """Find the most probable legal tags: (n_rows,), on the CPU.

        RAISES (ValueError): Where there is no legal path.
        """
        tags, ways = torch.empty(len(self._rows), dtype=torch.long), self._room()
        for i, first in enumerate(self._firsts):
            paths = best_paths(*self._part(first, ways[i]), compiled=self._compiled)
            ways[i + 1] = paths.finals[0] - paths.finals.max()
        end: torch.Tensor | None = None
        for i, first in reversed(list(enumerate(self._firsts))):
            emissions, lengths, transitions = self._part(first, ways[i], end)
            path = best_paths(emissions, lengths, transitions, compiled=self._compiled).tags
            tags[first : first + len(path)] = path
            end = torch.full_like(transitions.end, PENALTY)
            end[path[0]] = 0.0
        return tags

    def path_probabilities(self, tags: torch.Tensor, starts: Sequence[int], ends: Sequence[int]) -> torch.Tensor:
        """Probability of each of some stretches of a path; see `Posterior.path_probabilities`."""
        begin, end = torch.as_tensor(starts, dtype=torch.long), torch.as_tensor(ends, dtype=torch.long)

        def multiply(posteriors: Iterator[tuple[int, Posterior]]) -> torch.Tensor:
            product = torch.ones(len(begin), dtype=torch.float64)
            for first, posterior in posteriors:
                after = first + posterior.lengths[0]
                here = ((begin < after) & (end > first)).nonzero()[:, 0]
                inside = (values[here].clamp(first, after) - first for values in (begin, end))
                path = tags[first:after].to(posterior.log_z.device)
                p = posterior.path_probabilities(path, *(values.tolist() for values in inside)).cpu()
                if first:
                    come = begin[here] <= first
                    border = posterior.path_probabilities(path, [0], [1]).cpu()
                    p[come] = (p[come] / border).nan_to_num(0.0).clamp(max=1.0)
                product[here] *= p
            return product

        return self._settled(multiply)

    def probable_segments(self, patterns: torch.Tensor, threshold: float) -> list[Segment]:
        """Find every segment with a probability of at least the threshold; see `segments.probable_segments`."""

        def collect(posteriors: Iterator[tuple[int, Posterior]]) -> list[Segment]:
            found, unbegun = [], NOTHING
            for first, posterior in posteriors:
                here, unbegun = follow(posterior, patterns, threshold, before=first, unbegun=unbegun)
                found += here
            return found

        return self._settled(collect)

    def _settled(self, look: Callable[[Iterator[tuple[int, Posterior]]], Found]) -> Found:
        """Look at the posteriors until no part gets its alphas from one that float32 does not hold."""
        while True:
            unsound: set[int] = set()
            found = look(self._posteriors(unsound))
            if unsound <= self._in_log_space:
                return found
            self._in_log_space |= unsound

    def _posteriors(self, unsound: set[int]) -> Iterator[tuple[int, Posterior]]:
        """YIELDS: First row and posterior of each part, from the last. Notes which of them float32 does not hold."""
        alphas = self._room()
        for i, first in enumerate(self._firsts):
            emissions, lengths, transitions = self._part(first, alphas[i])
            if first in self._in_log_space:
                arriving = run_log_space(emissions, transitions).log_alpha[-1]
            else:
                posterior = infer(emissions, lengths, transitions, compiled=self._compiled)
                arriving = _at(posterior.log_alpha, lengths[0] - 1, emissions)
            alphas[i + 1] = _in_float32(arriving)
        end: torch.Tensor | None = None
        for i, first in reversed(list(enumerate(self._firsts))):
            emissions, lengths, transitions = self._part(first, alphas[i], end)
            posterior = infer(emissions, lengths, transitions, compiled=self._compiled)
            if posterior.exact:
                unsound.add(first)
            yield first, posterior
            end = _in_float32(_at(posterior.log_beta, 0, emissions))

    def _room(self) -> torch.Tensor:
        """(n_parts + 1, n_tags) for what arrives at each part.

        In one piece: small tensors that stay, each behind large ones that go, would keep the heap from shrinking.
        """
        return torch.empty(len(self._firsts) + 1, len(self._transitions.start), device=self._transitions.start.device)

    def _part(
        self, first: int, arriving: torch.Tensor, end: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, list[int], Transitions]:
        """A part as a sequence of its own.

        first (int): Its first row.
        arriving (torch.Tensor): (n_tags,) log alpha or scores at this row, emissions included; of no meaning where the
            sequence begins.
        end (Optional[torch.Tensor]): (n_tags,) log beta at its last row; None for what is not known yet.
        """
        safe_point()
        emissions, transitions = self._rows[first : first + self._size + 1].float(), self._transitions
        check_finite(emissions, before=first)
        if first:
            emissions = torch.cat([arriving[None], emissions[1:]])
            transitions = transitions._replace(start=torch.zeros_like(transitions.start))
        if first + len(emissions) < len(self._rows):
            transitions = transitions._replace(end=torch.zeros_like(transitions.end) if end is None else end)
        return emissions, [len(emissions)], transitions


def _at(log_values: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], row: int, like: torch.Tensor) -> torch.Tensor:
    """(n_tags,) of one row."""
    tags = torch.arange(like.shape[1], device=like.device)
    return log_values(torch.full_like(tags, row), tags)


def _in_float32(logs: torch.Tensor) -> torch.Tensor:
    """Less their maximum, and with PENALTY in place of −∞."""
    return (logs - logs.max()).clamp(min=PENALTY).float()
