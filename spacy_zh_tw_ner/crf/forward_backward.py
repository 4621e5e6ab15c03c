"""Forward-backward algorithm for a ragged batch, in float32 probability space.

The tokens 1 … T of a sequence have the tags y_1 … y_T. e[t, j] is the emission of tag j at token t. A[i, j] is the
score of the transition from tag i to tag j. π and η are the start and end scores of each tag. Z is the sum of
exp(score) over all paths. `reference` has the equations in log space. Here emissions and transitions are exponentiated
once, after their maxima are subtracted (∘ is the product of elements, · the product of vectors and matrices, and Σ
without an index the sum of all elements):

    φ[t, j] = exp(e[t, j] − max_j e[t, j])
    ψ = exp(A − max A),     ψ_start = exp(π − max π),     ψ_end = exp(η − max η)

The logsumexp of the recursions becomes a product of a vector and a matrix:

    α[1] = ψ_start ∘ φ[1],     α[t] = φ[t] ∘ (α[t−1] · ψ) / s[t],              s[t] = Σ (α[t−1] · ψ),          s[1] = 1
    β[T] = ψ_end,              β[t] = ψ · (φ[t+1] ∘ β[t+1]) / r[t],            r[t] = Σ ψ · (φ[t+1] ∘ β[t+1]),  r[T] = 1

The division by the sums s and r keeps the values in the range of float32 (Rabiner 1989, section V.A). The backward
recursion is the forward recursion from the last token to the first with ψ transposed, so one function computes both:
`_run_recursions` in numpy, or `kernels.run_recursions`, compiled for one CPU core. With the overlap o[t] = α[t] · β[t]:

    p(y_t = j) = α[t, j] β[t, j] / o[t]
    p(y_t = i, y_t+1 = j) = α[t, i] ψ[i, j] φ[t+1, j] β[t+1, j] / (o[t] r[t])
    log Z = Σ_t log s[t] + Σ_t max e[t] + (T − 1) max A + max π + max η + log o[T]

**Underflow.** Values below 1.2e-38, the smallest normal float32, become 0. α and β are at most 1, so a probability
loses at most n_tags² × 1.2e-38 / o. A sequence is *stable* if o, and o times the scales, are above `UNDERFLOW_BOUND`
at every token. All other sequences (emissions of ±1e4, constraints that contradict the emissions) are recomputed by
`reference`, in float64 log space.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .kernels import Kernels
from .layout import Layout
from .transitions import PENALTY, BoolsT, FloatsT, Transitions

UNDERFLOW_BOUND = 1e-26  # a probability loses less than n_tags² × 1.2e-38 / UNDERFLOW_BOUND
BLOCK = 128  # rows of a matrix product: for this size BLAS libraries need no copy of their inputs


@dataclass
class ForwardBackward:
    """Results of the forward and the backward recursion. The docstring of this module defines the symbols.

    Each row is one token; the sequences of the batch follow one another. A sequence that underflows in float32 is not
    stable, and its values are undefined.

    layout: The rows of each sequence. alpha, beta: (n_rows, n_tags) forward and backward variables α and β.
    overlap: (n_rows,) o, the sum of α ∘ β. incoming: (n_rows, n_tags) φ ∘ β.
    backward_scale: (n_rows,) r, by which β was divided. factors: the exponentiated transitions ψ, ψ_start and ψ_end.
    log_scale: (n_rows,) float64, log s plus the maxima that were subtracted; s are the sums by which α was divided.
    log_z: (batch_size,) float64, log Z. stable: (batch_size,) bool.
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
        """Return the marginal probability of each tag at each row, (n_rows, n_tags)."""
        marginals: FloatsT = self.alpha * self.beta
        marginals /= self.overlap[:, None]
        return marginals

    def outgoing(self, weights: FloatsT) -> FloatsT:
        """Return the left factor of the transition probabilities: α / (overlap · backward_scale), times weights.

        The probabilities of the transitions from row t to row t + 1 are (outgoing[t] ⊗ incoming[t + 1]) ∘ ψ, times the
        weight of row t. ⊗ is the outer product, ∘ the product of elements, and ψ is `factors.matrix`.

        weights (np.ndarray): (n_rows,) factor of each row, such as 0 for rows that are not counted.
        RETURNS (np.ndarray): (n_rows, n_tags). The last row of each sequence, which has no next row, is 0.
        """
        per_pair = weights / (self.overlap * self.backward_scale)
        per_pair[self.layout.lasts] = 0.0
        per_pair[weights == 0.0] = 0.0  # sequences that are not stable can have NaN
        outgoing: FloatsT = self.alpha * per_pair[:, None].astype(self.alpha.dtype)
        return outgoing

    def expected_counts(self, counted: BoolsT) -> FloatsT:
        """Return the expected counts of transitions, (n_tags, n_tags), summed over the rows in `counted`.

        counted (np.ndarray): (n_rows,) bool: whether the transition from each row to the next is counted.
        """
        left, incoming = self.outgoing(counted.astype(np.float32)), self.incoming
        if not counted.all():
            left[~counted] = 0.0
            incoming = np.where(counted[:, None], incoming, np.float32(0.0))
        counts: FloatsT = sum_outer_products(left[:-1], incoming[1:]) * self.factors.matrix
        return counts


class Expectations(NamedTuple):
    """Expected counts of a batch. A sequence that underflows in float32 is not stable, and its values are undefined.

    marginals: (n_rows, n_tags) marginal probabilities. transitions: (n_tags, n_tags) expected counts of transitions,
    summed over the stable sequences that the caller selected. log_z: (batch_size,) float64. stable: (batch_size,) bool.
    """

    marginals: FloatsT
    transitions: FloatsT
    log_z: FloatsT
    stable: BoolsT


class Constants(NamedTuple):
    """Largest transition scores. `make_factors` subtracts them before exp, and they are added to log Z afterwards.

    step: largest score of a transition between two tags. It is added once per transition.
    begin: largest start score. It is added to `log_scale` at the first token of each sequence.
    begin_and_end: largest start score plus largest end score. The sum is added once per sequence.
    """

    step: float
    begin: float
    begin_and_end: float


def make_factors(transitions: Transitions, dtype: np.dtype[Any]) -> tuple[Transitions, Constants]:
    """Exponentiate the transition, start and end scores: ψ = exp(scores − max scores).

    The maximum of each of the three arrays is subtracted, so that no factor overflows.

    transitions (Transitions): Constrained transition scores.
    dtype (np.dtype): Type of the factors.
    RETURNS (tuple[Transitions, Constants]): The factors ψ, ψ_start and ψ_end, and the maxima.
    """
    # If all scores are forbidden, a maximum above PENALTY makes the factors 0 and not 1.
    peaks = [max(float(scores.max(initial=PENALTY)), PENALTY / 2) for scores in transitions]
    factors = [np.exp(scores - peak).astype(dtype) for scores, peak in zip(transitions, peaks, strict=True)]
    return Transitions(*factors), Constants(peaks[0], peaks[1], peaks[1] + peaks[2])


def compute_expectations(emissions: FloatsT, layout: Layout, transitions: Transitions, counted: BoolsT) -> Expectations:
    """Compute the expected counts of tags and transitions in numpy.

    `kernels.forward_backward.compute_expectations` does the same with compiled loops.

    emissions (np.ndarray): (n_rows, n_tags) float32.
    layout (Layout): The rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    counted (np.ndarray): (batch_size,) bool: whether the transitions of each sequence are counted.
    RETURNS (Expectations): Marginals and log Z of all sequences; expected transitions of those selected by `counted`.
    """
    found = run_forward_backward(emissions, layout, transitions, kernels=None)
    counts = found.expected_counts((counted & found.stable)[layout.sequences])
    return Expectations(found.marginals(), counts, found.log_z, found.stable)


def sum_outer_products(left: FloatsT, right: FloatsT) -> FloatsT:
    """Sum the outer products of corresponding rows: Σ_row left[row] ⊗ right[row].

    left, right (np.ndarray): (n_rows, n_tags).
    RETURNS (np.ndarray): (n_tags, n_tags).
    """
    n_tags, whole = left.shape[1], len(left) // BLOCK * BLOCK
    blocks = [rows[:whole].reshape(-1, BLOCK, n_tags) for rows in (left, right)]
    # one product per block: (n_blocks, n_tags, n_tags) → (n_tags, n_tags)
    total: FloatsT = (blocks[0].swapaxes(1, 2) @ blocks[1]).sum(0) + left[whole:].T @ right[whole:]
    return total


@np.errstate(all="ignore")
def run_forward_backward(
    emissions: FloatsT, layout: Layout, transitions: Transitions, kernels: Kernels | None
) -> ForwardBackward:
    """Run the forward and the backward recursion, and check each sequence for underflow.

    emissions (np.ndarray): (n_rows, n_tags), float32 or float64; everything is computed in this type.
    layout (Layout): The rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    kernels (Optional[Kernels]): The compiled loops, or None for numpy.
    RETURNS (ForwardBackward): Results of all sequences.
    """
    factors, constants = make_factors(transitions, emissions.dtype)
    row_peaks = np.maximum(emissions.max(1, initial=PENALTY), emissions.dtype.type(PENALTY / 2))
    potentials = emissions - row_peaks[:, None]
    np.exp(potentials, out=potentials)
    run = _run_recursions if kernels is None else kernels.run_recursions
    alpha, scale, beta, backward_scale, incoming = run(potentials, layout, factors)
    overlap = np.einsum("ij,ij->i", alpha, beta)
    # Written as a negation, so that NaN counts as unstable.
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


def _run_recursions(potentials: FloatsT, layout: Layout, factors: Transitions) -> tuple[FloatsT, ...]:
    """Run the forward and the backward recursion together in numpy, one time step of all sequences at a time.

    potentials (np.ndarray): (n_rows, n_tags) exponentiated emissions φ.
    layout (Layout): The rows of each sequence, and their order by time step.
    factors (Transitions): Exponentiated transitions ψ, ψ_start and ψ_end.
    RETURNS (tuple[np.ndarray, ...]): (n_rows, n_tags) forward variables α, (n_rows,) the sums s by which they were
        divided, (n_rows, n_tags) backward variables β, (n_rows,) their sums r, and (n_rows, n_tags) φ ∘ β.
    """
    n_rows, n_tags = potentials.shape
    # (2, n_rows, n_tags) in time-major order, forward and backward; both directions of a step are adjacent in memory
    values = np.stack([potentials[layout.time_major], potentials[layout.time_major_back]], 1).swapaxes(0, 1)
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
        value, product, scale = values[:, here], carried[:, here], scales[:, here]
        np.matmul(before[:, :n], matrices, out=product)  # (2, n, n_tags)
        np.matmul(product, ones, out=scale)  # (2, n, 1) sums
        np.divide(product, scale, out=product)
        np.multiply(value, product, out=value)
        before, end = value, end + n
    orders = layout.time_major, layout.time_major_back
    inverses = [np.empty_like(order) for order in orders]  # back from time-major order to the rows of the batch
    for inverse, order in zip(inverses, orders, strict=True):
        inverse[order] = np.arange(n_rows)
    forward, backward = inverses
    return (
        values[0][forward], scales[0, forward, 0], carried[1][backward], scales[1, backward, 0], values[1][backward]
    )  # fmt: skip
