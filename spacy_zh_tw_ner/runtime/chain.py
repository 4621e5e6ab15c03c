"""emissions → probabilities and the best path of one text: the linear chain of `crf`, in numpy and float64.

The recursions are those of Rabiner (1989), "A Tutorial on Hidden Markov Models", section V.A: each step is scaled to
sum to 1. A text that float64 cannot hold so (emissions that no legal path
can follow) is computed again from logarithms.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..crf import Segment
from .folder import Transitions

FloatsT = npt.NDArray[np.float64]
# What underflow takes from alpha is below 5e-324. As much of a probability is lost as that times the largest beta.
LARGEST_BETA = 1e290


class Chain:
    """What is known of one text, of at least one token.

    emissions (npt.NDArray): (n_tokens, n_tags), in which evidence is and temperature is not any more.
    transitions (Transitions): Likewise. For a part of a text `start` is the `log_arriving` of what is before it, and
        `end` the `log_beta` of its last token.
    """

    def __init__(self, emissions: npt.NDArray[np.floating], transitions: Transitions) -> None:
        self._transitions = transitions
        self._emissions = emissions.astype(np.float64)
        self._emissions -= self._emissions.max(1, keepdims=True)
        self.log_alpha, self.log_beta, self._log_scale = self._scaled() or self._in_logs()

    def __len__(self) -> int:
        return len(self._emissions)

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
        found: FloatsT = np.exp(self.log_alpha + self.log_beta)
        return found

    def log_arriving(self) -> FloatsT:
        """(n_tags,) how probable each tag is for the token behind the last, by what is known up to there."""
        arriving: FloatsT = np.logaddexp.reduce(self.log_alpha[-1][:, None] + self._transitions.matrix, axis=0)
        return arriving

    def _step(self, row: int, before: int, tag: int) -> float:
        """Log factor by which a path's probability changes when it goes on from one tag to another."""
        emitted = self._emissions[row, tag] - self._log_scale[row]
        return float(emitted + self._transitions.matrix[before, tag])

    def best_path(self) -> npt.NDArray[np.int64]:
        """(n_tokens,) the most probable legal tags (Viterbi 1967)."""
        came_from, scores = best_ways(self._emissions, self._transitions)
        return trace(came_from, int((scores + self._transitions.end).argmax()))

    def probability(self, start: int, tags: Sequence[int]) -> float:
        """How probable it is that the tokens from `start` on have exactly these tags."""
        log_p = self.log_alpha[start, tags[0]] + self.log_beta[start + len(tags) - 1, tags[-1]]
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
                log_p, tag = float(self.log_beta[end, last]), last
                for row in range(end, 0, -1):
                    begun = log_p + self._step(row, first, tag) + float(self.log_alpha[row - 1, first])
                    if begun >= floor:
                        yield Segment(row - 1, end + 1, kind, min(1.0, math.exp(begun)))
                    log_p, tag = log_p + self._step(row, inner, tag), inner
                    if log_p + float(self.log_alpha[row - 1, inner]) < floor:
                        break


def best_ways(
    emissions: npt.NDArray[np.floating], transitions: Transitions, before: FloatsT | None = None
) -> tuple[npt.NDArray[np.int64], FloatsT]:
    """Find the best way to each tag of each token.

    emissions (npt.NDArray): (n_tokens, n_tags)
    transitions (Transitions): Of the text.
    before (Optional[npt.NDArray]): (n_tags,) scores of the best ways to the token before; None at the beginning.
    RETURNS (tuple[npt.NDArray, npt.NDArray]): (n, n_tags) the tag before each, without the first token at the
        beginning; and (n_tags,) scores at the last token.
    """
    into, tags = np.ascontiguousarray(transitions.matrix.T), np.arange(len(transitions.start))
    if before is None:
        before, emissions = transitions.start + emissions[0], emissions[1:]
    came_from = np.empty(emissions.shape, dtype=np.int64)
    for step, row in enumerate(emissions):
        paths = into + before
        came_from[step] = paths.argmax(1)
        before = paths[tags, came_from[step]] + row
    return came_from, before


def trace(came_from: npt.NDArray[np.integer], last: int) -> npt.NDArray[np.int64]:
    """Follow the best ways back.

    came_from (npt.NDArray): (n, n_tags), see `best_ways`.
    last (int): The last tag.
    RETURNS (npt.NDArray): (n + 1,) tags.
    """
    path = np.empty(len(came_from) + 1, dtype=np.int64)
    path[-1] = last
    for step in range(len(came_from) - 1, -1, -1):
        path[step] = came_from[step, path[step + 1]]
    return path
