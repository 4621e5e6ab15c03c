"""Exact posterior probabilities: marginals of tags, and probabilities of parts of a path."""

from collections.abc import Sequence

import numpy as np

from .forward_backward import run_forward_backward
from .kernels import kernels_for
from .layout import Layout, check_finite, check_shapes
from .reference import log_sum_exp, recompute_sequence
from .transitions import BoolsT, FloatsT, IntsT, Transitions


class Posterior:
    """The posterior distribution over the tag paths of each sequence of a batch. `infer` creates it.

    A row is a token; the rows of all sequences follow each other. Sequences that underflow in float32 are recomputed in
    float64 log space, by the module `reference`.

    lengths: Number of rows of each sequence.
    log_z: (batch_size,) float64, the logarithm of the partition function of each sequence.
    marginals: (n_rows, n_tags) marginal probability of each tag at each row.
    """

    def __init__(
        self,
        emissions: FloatsT,
        layout: Layout,
        transitions: Transitions,
        *,
        alpha: FloatsT,
        beta: FloatsT,
        log_scale: FloatsT,
        log_z: FloatsT,
        stable: BoolsT,
    ) -> None:
        self.lengths: list[int] = layout.sizes.tolist()
        self.log_z, self.marginals = log_z, alpha * beta
        self._emissions, self._transitions, self._log_scale = emissions, transitions, log_scale
        self._alpha, self._beta = alpha, beta
        self._exact: dict[int, tuple[slice, FloatsT, FloatsT]] = {}
        for sequence in np.flatnonzero(~stable).tolist():
            rows = layout.rows(sequence)
            exact = recompute_sequence(emissions[rows], transitions, sequence=sequence)
            # Normalize the rows of alpha to sum to 1: they differ from the scaled float32 rows by a factor only.
            log_sums = log_sum_exp(exact.log_alpha, axis=1)
            log_alpha = exact.log_alpha - log_sums[:, None]
            self._exact[sequence] = rows, log_alpha, exact.log_beta + log_sums[:, None] - exact.log_z
            self.marginals[rows] = exact.marginals()
            log_scale[rows], log_z[sequence] = np.diff(log_sums, prepend=0.0), exact.log_z

    @property
    def in_log_space(self) -> list[int]:
        """Return the indices of the sequences that were computed in float64 log space."""
        return list(self._exact)

    def path_probabilities(self, tags: IntsT, starts: Sequence[int], ends: Sequence[int]) -> FloatsT:
        """Return, for each part of a sequence, the probability that its tokens have exactly the given tags.

        For a part from row a to row c, whose row t has the tag y_t:

            p(y_a … y_c) = α[a, y_a] · Π_{t=a+1…c} step[t] · β[c, y_c]

        α and β are the forward and backward variables, scaled so that α[t, j] · β[t, j] is the marginal probability of
        tag j at row t. step[t] extends the path from row t − 1 to row t: it is exp(emission of y_t + transition from
        y_{t−1} to y_t) / c[t], where c[t] is the number by which α was divided at row t. If the tags are those of an
        entity, from its first token to its last, p is the probability of exactly this entity.

        tags (np.ndarray): (n_rows,) a tag for every row of the batch.
        starts, ends (Sequence[int]): First row of each part, and the row after its last. No part may reach from one
            sequence into another.
        RETURNS (np.ndarray): (n_parts,) float64, from 0 to 1.
        """
        first, last = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64) - 1
        steps = np.zeros(len(tags))
        steps[1:] = self.log_step(np.arange(1, len(tags)), tags[:-1], tags[1:])
        # Transitions between sequences are not part of a path. A PENALTY there would absorb all digits of the sum.
        sizes = np.asarray(self.lengths, dtype=np.int64)
        steps[(np.cumsum(sizes) - sizes)[sizes > 0]] = 0.0
        total = np.cumsum(steps)
        log_p = self.log_alpha(first, tags[first]) + (total[last] - total[first]) + self.log_beta(last, tags[last])
        probabilities: FloatsT = np.minimum(np.exp(log_p), 1.0)
        return probabilities

    def log_alpha(self, rows: IntsT, tags: IntsT) -> FloatsT:
        """Return the logarithm of the scaled forward variable α for n pairs of a row and a tag, (n,) float64.

        The scale depends only on the row. The sum with `log_beta` is the logarithm of the marginal probability.
        """
        return self._look_up(self._alpha, 1, rows, tags)

    def log_beta(self, rows: IntsT, tags: IntsT) -> FloatsT:
        """Return the logarithm of the scaled backward variable β for n pairs of a row and a tag, (n,) float64.

        The scale depends only on the row. The sum with `log_alpha` is the logarithm of the marginal probability.
        """
        return self._look_up(self._beta, 2, rows, tags)

    @np.errstate(divide="ignore", invalid="ignore")
    def _look_up(self, values: FloatsT, which: int, rows: IntsT, tags: IntsT) -> FloatsT:
        """Return the logarithms of the forward or backward variables for n pairs of a row and a tag, (n,) float64.

        Sequences that underflow in float32 were recomputed in log space. For these, the recomputed values are returned:
        `_exact` maps the index of such a sequence to its rows, its log α and its log β.

        values (np.ndarray): (n_rows, n_tags) forward variables α or backward variables β in float32.
        which (int): 1 if `values` are α, 2 if they are β: index in the tuples of `_exact`.
        rows, tags (np.ndarray): (n,) the row and the tag of each pair.
        """
        found = np.log(values[rows, tags].astype(np.float64))
        for exact in self._exact.values():
            inside = (rows >= exact[0].start) & (rows < exact[0].stop)
            log_values: FloatsT = exact[which]  # type: ignore[assignment]
            found[inside] = log_values[rows[inside] - exact[0].start, tags[inside]]
        return found

    def log_step(self, rows: IntsT, before: IntsT, tags: IntsT) -> FloatsT:
        """Return the logarithms of the factors for n extensions of a path by one row, (n,) float64.

        log factor = emission of the new tag + transition from the previous tag to the new tag − log c. The number c,
        one for each row, is that by which the forward variables α were divided, to keep them in the range of float32.
        So α of a new tag is the sum over all previous tags of (α of the previous tag × factor).

        rows (np.ndarray): (n,) the row by which the path is extended.
        before, tags (np.ndarray): (n,) tag of the previous row, and tag of this row.
        RETURNS (np.ndarray): (n,) float64.
        """
        emitted = self._emissions[rows, tags].astype(np.float64) - self._log_scale[rows]
        step: FloatsT = emitted + self._transitions.matrix[before, tags]
        return step


@np.errstate(all="ignore")  # sequences that are not stable can have NaN or infinity
def infer(
    emissions: FloatsT, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> Posterior:
    """Compute the posterior of a ragged batch.

    emissions (np.ndarray): (n_rows, n_tags), of any floating type; computed in float32.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Transition scores; illegal transitions have the score PENALTY, a large negative number.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (Posterior): Marginals, and methods for the probabilities of parts of paths.
    RAISES (SettingError): If shapes do not match, or there is no legal path.
    RAISES (TrainingError): If emissions are not finite.
    """
    check_shapes(emissions, lengths, len(transitions.start))
    check_finite(emissions)
    emissions, layout = np.ascontiguousarray(emissions, dtype=np.float32), Layout(lengths)
    found = run_forward_backward(emissions, layout, transitions, kernels_for(compiled))
    return Posterior(
        emissions,
        layout,
        transitions,
        alpha=found.alpha,
        beta=found.beta / found.overlap[:, None],
        log_scale=found.log_scale,
        log_z=found.log_z,
        stable=found.stable,
    )
