"""emissions → probabilities and the best path of one text: the linear chain of `crf`, in numpy and float64.

The recursions are those of Rabiner (1989), "A Tutorial on Hidden Markov Models", section V.A: each step is scaled to
sum to 1. A text that float64 cannot hold so (emissions that no legal path
can follow) is computed again from logarithms.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..choice import Segment
from .folder import Transitions

FloatsT = npt.NDArray[np.float64]
# What underflow takes from alpha is below 5e-324. As much of a probability is lost as that times the largest beta.
LARGEST_BETA = 1e290


class Chain:
    """What is known of one text, of at least one token.

    emissions (npt.NDArray): (n_tokens, n_tags), in which evidence is and temperature is not any more.
    transitions (Transitions): Likewise.
    """

    def __init__(self, emissions: npt.NDArray[np.floating], transitions: Transitions) -> None:
        self._transitions = transitions
        self._emissions = emissions.astype(np.float64)
        self._emissions -= self._emissions.max(1, keepdims=True)
        self._log_alpha, self._log_beta, self._log_scale = self._scaled() or self._in_logs()

    @np.errstate(all="ignore")
    def _scaled(self) -> tuple[FloatsT, FloatsT, FloatsT] | None:
        """log alpha, log beta and log scale, or None where float64 does not hold them."""
        matrix, start, end = map(np.exp, self._transitions)
        potentials = np.exp(self._emissions)
        alpha, beta, scale = np.empty_like(potentials), np.empty_like(potentials), np.empty(len(potentials))
        arriving = start
        for step, potential in enumerate(potentials):
            row = arriving * potential
            scale[step] = total = row.sum()
            alpha[step] = row = row / total
            arriving = row @ matrix
        beta[-1] = row = end / (alpha[-1] @ end)
        for step in range(len(potentials) - 1, 0, -1):
            beta[step - 1] = row = matrix @ (potentials[step] * row / scale[step])
        if not (np.isfinite(alpha).all() and beta.max() < LARGEST_BETA):  # NaN fails, too
            return None
        return np.log(alpha), np.log(beta), np.log(scale)

    @np.errstate(all="ignore")
    def _in_logs(self) -> tuple[FloatsT, FloatsT, FloatsT]:
        matrix, start, end = self._transitions
        forward, backward = np.empty_like(self._emissions), np.empty_like(self._emissions)
        arriving = start
        for step, row in enumerate(self._emissions):
            forward[step] = arriving + row
            arriving = np.logaddexp.reduce(forward[step][:, None] + matrix, axis=0)
        backward[-1] = end
        for step in range(len(forward) - 1, 0, -1):
            backward[step - 1] = np.logaddexp.reduce(matrix + self._emissions[step] + backward[step], axis=1)
        log_z = np.logaddexp.reduce(forward[-1] + end)
        reached = np.logaddexp.reduce(forward, axis=1, keepdims=True)
        log_scale = np.diff(reached[:, 0], prepend=0.0)
        return forward - reached, backward + reached - log_z, log_scale

    def marginals(self) -> FloatsT:
        """(n_tokens, n_tags) probability of each tag for each token."""
        found: FloatsT = np.exp(self._log_alpha + self._log_beta)
        return found

    def _step(self, row: int, before: int, tag: int) -> float:
        """Log factor by which a path's probability changes when it goes on from one tag to another."""
        emitted = self._emissions[row, tag] - self._log_scale[row]
        return float(emitted + self._transitions.matrix[before, tag])

    def best_path(self) -> npt.NDArray[np.int64]:
        """(n_tokens,) the most probable legal tags (Viterbi 1967)."""
        into, n_tags = np.ascontiguousarray(self._transitions.matrix.T), len(self._transitions.start)
        came_from = np.empty((len(self._emissions) - 1, n_tags), dtype=np.int64)
        score, tags = self._transitions.start + self._emissions[0], np.arange(n_tags)
        for step, row in enumerate(self._emissions[1:]):
            paths = into + score
            came_from[step] = paths.argmax(1)
            score = paths[tags, came_from[step]] + row
        path = np.empty(len(self._emissions), dtype=np.int64)
        path[-1] = (score + self._transitions.end).argmax()
        for step in range(len(came_from) - 1, -1, -1):
            path[step] = came_from[step, path[step + 1]]
        return path

    def probability(self, start: int, tags: Sequence[int]) -> float:
        """How probable it is that the tokens from `start` on have exactly these tags."""
        log_p = self._log_alpha[start, tags[0]] + self._log_beta[start + len(tags) - 1, tags[-1]]
        log_p += sum(self._step(start + i, tags[i - 1], tags[i]) for i in range(1, len(tags)))
        return min(1.0, math.exp(log_p))

    def probable_segments(self, patterns: Sequence[Sequence[int]], threshold: float) -> Iterator[Segment]:
        """Find every segment with a probability of at least the threshold, overlapping ones included.

        Each is followed from its last token to its first. Its probability falls with every token that it is longer, so
        that few are looked at.

        patterns (Sequence[Sequence[int]]): Of each kind the tags first, inner, last, only.
        threshold (float): More than 0.
        YIELDS (Segment): In no order.
        """
        marginals, floor = self.marginals(), math.log(threshold)
        for kind, (first, inner, last, only) in enumerate(patterns):
            for row in np.flatnonzero(marginals[:, only] >= threshold).tolist():
                yield Segment(row, row + 1, kind, min(1.0, float(marginals[row, only])))
            for end in np.flatnonzero(marginals[:, last] >= threshold).tolist():
                log_p, tag = float(self._log_beta[end, last]), last
                for row in range(end, 0, -1):
                    begun = log_p + self._step(row, first, tag) + float(self._log_alpha[row - 1, first])
                    if begun >= floor:
                        yield Segment(row - 1, end + 1, kind, min(1.0, math.exp(begun)))
                    log_p, tag = log_p + self._step(row, inner, tag), inner
                    if log_p + float(self._log_alpha[row - 1, inner]) < floor:
                        break
