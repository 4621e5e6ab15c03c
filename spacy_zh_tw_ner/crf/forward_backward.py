"""The forward-backward algorithm for a ragged batch, in float32 probability space.

Emissions and transitions are exponentiated once, each row after its maximum is subtracted:

    φ[t, j] = exp(e[t, j] − max_j e[t, j]),     ψ = exp(A − max A).

The logsumexp of the recursion (see `reference`) is then a product of a vector and a matrix,

    α[t] = (α[t−1] · ψ) ∘ φ[t] / s[t],     β[t] = ψ · (φ[t+1] ∘ β[t+1]) / r[t],

which float32 can hold because each step is divided by the sum s or r of its values (Rabiner 1989, section V.A). The
second recursion is the first one read from the other end with ψ transposed: one function computes both, `walk`. It has
two implementations, compiled loops for one CPU core (`kernels`, where numba is installed) and numpy. With
o[t] = α[t] · β[t],

    p(y_t = j) = α[t, j] β[t, j] / o[t],     p(y_t = i, y_t+1 = j) = α[t, i] ψ[i, j] φ[t+1, j] β[t+1, j] / (o[t] r[t]),
    log Z = Σ_t log s[t] + Σ_t max e[t] + (T − 1) max A + … + log o[T].

**Underflow.** A value below 1.2e-38 is lost. As α and β are at most 1 where they are scaled, a probability loses at
most n_tags² × 1.2e-38 / o, so that a sequence is *stable* where o (and o times the scales) is above `UNDERFLOW_BOUND`
everywhere. Sequences that are not (emissions of ±1e4, constraints against all that the emissions favour) are computed
again by `reference`, in float64 log space.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .compiled import KernelsT
from .layout import Layout
from .transitions import PENALTY, BoolsT, FloatsT, Transitions

UNDERFLOW_BOUND = 1e-26  # a probability loses less than n_tags² × 1.2e-38 / UNDERFLOW_BOUND
BLOCK = 128  # rows of a matrix product, for which BLAS libraries have kernels that copy nothing


@dataclass
class ForwardBackward:
    """What the recursions give. The values of sequences that are not stable have no meaning.

    alpha, beta: (n_rows, n_tags), each row up to a factor. overlap: (n_rows,) α · β.
    incoming: (n_rows, n_tags) φ ∘ β. backward_scale: (n_rows,) r. factors: ψ and the same of start and end.
    log_scale: (n_rows,) float64, the logarithm of s with the maxima that were subtracted.
    log_z: (batch_size,) float64. stable: (batch_size,) bool.
    """

    layout: Layout
    alpha: FloatsT
    beta: FloatsT
    overlap: FloatsT
    incoming: FloatsT
    backward_scale: FloatsT
    factors: Transitions
    log_scale: FloatsT
    log_z: FloatsT
    stable: BoolsT

    def marginals(self) -> FloatsT:
        """(n_rows, n_tags) probability of each tag at each row."""
        marginals: FloatsT = self.alpha * self.beta
        marginals /= self.overlap[:, None]
        return marginals

    def leaving(self, weights: FloatsT) -> FloatsT:
        """(n_rows, n_tags) α / (o r), so that leaving[t] ⊗ incoming[t + 1] ∘ ψ is the probability of a pair of tags.

        weights (np.ndarray): (n_rows,) by which each row is multiplied. The last row of each sequence becomes 0.
        """
        per_pair = weights / (self.overlap * self.backward_scale)
        per_pair[self.layout.lasts] = 0.0
        per_pair[weights == 0.0] = 0.0  # sequences that are not stable can have NaN
        leaving: FloatsT = self.alpha * per_pair[:, None].astype(self.alpha.dtype)
        return leaving

    def expected_counts(self, counted: BoolsT) -> FloatsT:
        """(n_tags, n_tags) expected number of each transition in the counted sequences, (n_rows,) bool."""
        left, incoming = self.leaving(counted.astype(np.float32)), self.incoming
        if not counted.all():
            left[~counted] = 0.0
            incoming = np.where(counted[:, None], incoming, np.float32(0.0))
        counts: FloatsT = sum_of_products(left[:-1], incoming[1:]) * self.factors.matrix
        return counts


class Expectations(NamedTuple):
    """Expected counts of a batch. The values of sequences that are not stable have no meaning.

    marginals: (n_rows, n_tags) expected count of each tag at each row. transitions: (n_tags, n_tags) of each
    transition, over the counted sequences that are stable. log_z: (batch_size,) float64. stable: (batch_size,) bool.
    """

    marginals: FloatsT
    transitions: FloatsT
    log_z: FloatsT
    stable: BoolsT


class Constants(NamedTuple):
    """Maxima of the transitions that every path has: `step` once a transition, `begin` and `begin_and_end` once."""

    step: float
    begin: float
    begin_and_end: float


def make_factors(transitions: Transitions, dtype: np.dtype[Any]) -> tuple[Transitions, Constants]:
    """Exponentiate the transitions, and return the maxima that were subtracted."""
    # Where everything is forbidden the peak stays above PENALTY, so that the factors are 0 and not 1.
    peaks = [max(float(scores.max(initial=PENALTY)), PENALTY / 2) for scores in transitions]
    factors = [np.exp(scores - peak).astype(dtype) for scores, peak in zip(transitions, peaks, strict=True)]
    return Transitions(*factors), Constants(peaks[0], peaks[1], peaks[1] + peaks[2])


def expect(emissions: FloatsT, layout: Layout, transitions: Transitions, counted: BoolsT) -> Expectations:
    """Compute the expected counts of tags and transitions.

    emissions (np.ndarray): (n_rows, n_tags) float32.
    layout (Layout): Of the batch.
    transitions (Transitions): Constrained scores.
    counted (np.ndarray): (batch_size,) bool, the sequences whose transitions are counted.
    """
    found = run_forward_backward(emissions, layout, transitions, kernels=None)
    counts = found.expected_counts((counted & found.stable)[layout.sequences])
    return Expectations(found.marginals(), counts, found.log_z, found.stable)


def sum_of_products(left: FloatsT, right: FloatsT) -> FloatsT:
    """Σ over rows of left[row] ⊗ right[row]: one matrix product for each block of rows."""
    n_tags, whole = left.shape[1], len(left) // BLOCK * BLOCK
    blocks = [rows[:whole].reshape(-1, BLOCK, n_tags) for rows in (left, right)]
    # shape: (n_blocks, n_tags, n_tags) → (n_tags, n_tags)
    total: FloatsT = (blocks[0].swapaxes(1, 2) @ blocks[1]).sum(0) + left[whole:].T @ right[whole:]
    return total


@np.errstate(all="ignore")
def run_forward_backward(
    emissions: FloatsT, layout: Layout, transitions: Transitions, kernels: KernelsT | None
) -> ForwardBackward:
    """Run both recursions.

    emissions (np.ndarray): (n_rows, n_tags), float32 or float64, in which everything is computed.
    layout (Layout): Of the batch.
    transitions (Transitions): Constrained scores.
    kernels (Optional[module]): The compiled loops, or None for numpy.
    RETURNS (ForwardBackward): For all sequences.
    """
    factors, constants = make_factors(transitions, emissions.dtype)
    row_peaks = np.maximum(emissions.max(1, initial=PENALTY), emissions.dtype.type(PENALTY / 2))
    potentials = emissions - row_peaks[:, None]
    np.exp(potentials, out=potentials)
    walk = _walk if kernels is None else kernels.walk
    alpha, scale, beta, backward_scale, incoming = walk(potentials, layout, factors)
    overlap = np.einsum("ij,ij->i", alpha, beta)
    # The negation makes NaN unstable.
    unstable = ~((overlap > UNDERFLOW_BOUND) & (overlap * np.minimum(scale, backward_scale) > UNDERFLOW_BOUND))
    log_scale = np.log(scale.astype(np.float64)) + row_peaks + constants.step
    log_scale[layout.firsts] += constants.begin - constants.step
    log_z = layout.sum_by_sequence(log_scale)
    log_z[layout.sizes > 0] += np.log(overlap[layout.lasts].astype(np.float64))
    log_z[layout.sizes > 0] += constants.begin_and_end - constants.begin
    stable = layout.sum_by_sequence(unstable) == 0
    return ForwardBackward(
        layout, alpha, beta, overlap, incoming, backward_scale, factors, log_scale, log_z, stable
    )  # fmt: skip


def _walk(potentials: FloatsT, layout: Layout, factors: Transitions) -> tuple[FloatsT, ...]:
    """Run the recursion from both ends at once, one step of all sequences at a time.

    potentials (np.ndarray): (n_rows, n_tags) φ.
    factors (Transitions): ψ.
    RETURNS (tuple[np.ndarray, ...]): alpha, s, beta, r and φ ∘ β, in the order of the rows.
    """
    n_rows, n_tags = potentials.shape
    # shape: (2, n_rows, n_tags) in the order of the walks; both directions of a row are neighbours in memory
    values = np.stack([potentials[layout.walk], potentials[layout.walk_back]], 1).swapaxes(0, 1)
    carried = np.empty((n_rows, 2, n_tags), potentials.dtype).swapaxes(0, 1)
    scales = np.ones((2, n_rows, 1), potentials.dtype)
    matrices = np.stack([factors.matrix, factors.matrix.T])
    begins, ones = np.stack([factors.start, factors.end]), np.ones((2, n_tags, 1), potentials.dtype)
    end = layout.active[0] if layout.active else 0
    carried[:, :end] = begins[:, None]
    values[:, :end] *= begins[:, None]
    before = values
    for n in layout.active[1:]:
        here = slice(end, end + n)
        value, arrived, scale = values[:, here], carried[:, here], scales[:, here]
        np.matmul(before[:, :n], matrices, out=arrived)
        np.matmul(arrived, ones, out=scale)
        np.divide(arrived, scale, out=arrived)
        np.multiply(value, arrived, out=value)
        before, end = value, end + n
    walks = layout.walk, layout.walk_back
    places = [np.empty_like(walk) for walk in walks]
    for place, walk in zip(places, walks, strict=True):
        place[walk] = np.arange(n_rows)
    forward, backward = places
    return (
        values[0][forward], scales[0, forward, 0], carried[1][backward], scales[1, backward, 0], values[1][backward]
    )  # fmt: skip
