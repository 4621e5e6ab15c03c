"""Forward and backward values of a batch: what probabilities, gradients and scores are made of.

Emissions are exponentiated once, after each row's maximum has been taken off; so are the transitions, after theirs.
What would be a log-sum-exp over (batch, from, to) is then a matrix product:

    alpha(t) = alpha(t − 1) · exp(A) ∘ exp(e(t)),     arriving(t) = exp(A) · arriving(t + 1) ∘ exp(e(t)),

and float32 holds it because every few steps are scaled to sum to 1. The second line is the first one read from the
other end with the matrix transposed, so that one loop of batched products runs both. With
behind(t) = exp(A) · arriving(t + 1), the probability of a tag is alpha ∘ behind, scaled to sum to 1, and that of a pair
of tags alpha(t) ⊗ arriving(t + 1) ∘ exp(A), scaled by the same.

**The certificate.** What underflow flushes is below 1.2e-38, and the more it counts the less alpha and behind overlap,
which is known once they are there: both are at most 1 where each step is scaled, so that of a probability as much is
lost as 1.2e-38 / overlap. A sequence that the scaling cannot hold (emissions of ±1e4, constraints against all that the
emissions want) fails the certificate, and is computed again, alone, in float64 log space.
"""

from dataclasses import dataclass

import numpy as np
import torch

from .arrays import Array, as_arrays, as_tensors, take_rows
from .layout import Layout
from .transitions import PENALTY, SOUND, Transitions

BLOCK = 128  # rows that a product takes at once, for which libraries have kernels that copy nothing
SCALE_EVERY = 4  # what a step takes out is seldom more than float32 holds of four


@dataclass
class Chains:
    """Rows are those of the batch. What belongs to a sequence that is not sound is of no use.

    alpha, behind: (n_rows, n_tags) up to a factor each. overlap: (n_rows, 1) alpha · behind.
    marginals: (n_rows, n_tags) alpha ∘ behind / overlap, the probability of each tag for each token.
    leaving, arriving: (n_rows, n_tags) such that leaving[t] ⊗ arriving[t + 1] ∘ factors is the probability of two
    neighbouring tags; leaving is 0 where a sequence ends. factors: exp(A − peak).
    log_scale: (n_rows,) float64 log of what each step has taken out of alpha. log_z: (batch_size,) float64.
    sound: (batch_size,) bool, where float32 has held the sequence.
    """

    alpha: torch.Tensor
    behind: torch.Tensor
    overlap: torch.Tensor
    marginals: torch.Tensor
    leaving: torch.Tensor
    arriving: torch.Tensor
    factors: torch.Tensor
    log_scale: torch.Tensor
    log_z: torch.Tensor
    sound: torch.Tensor

    @property
    def beta(self) -> torch.Tensor:
        """(n_rows, n_tags) such that alpha ∘ beta is the probability of each tag for each token."""
        return self.behind / self.overlap

    def expected(self, counted: Array) -> Array:
        """(n_tags, n_tags) transitions expected in some sequences, (n_rows,) bool: one product for many steps."""
        leaving, arriving = self.leaving, self.arriving
        if not bool(counted.all()):  # what is not sound may be NaN
            (kept,) = as_tensors(counted[:, None])
            leaving, arriving = leaving.where(kept, 0.0), arriving.where(kept, 0.0)
        left, arrived, factors = as_arrays(leaving[:-1], arriving[1:], self.factors)
        whole, n_tags = len(left) // BLOCK * BLOCK, len(factors)
        blocks = [rows[:whole].reshape(-1, BLOCK, n_tags) for rows in (left, arrived)]
        expected = (blocks[0].swapaxes(1, 2) @ blocks[1]).sum(0) + left[whole:].T @ arrived[whole:]
        return expected * factors


@torch.no_grad()
@np.errstate(all="ignore")
def run_scaled(
    emissions: torch.Tensor, layout: Layout, transitions: Transitions, scale_every: int = SCALE_EVERY
) -> Chains:
    """Run the recursions in probability space.

    emissions (torch.Tensor): (n_rows, n_tags) float32.
    layout (Layout): The walk over the batch.
    transitions (Transitions): Constrained scores.
    scale_every (int): Steps from one scaling to the next. Where they prove too many, every step is scaled.
    RETURNS (Chains): Forward and backward values and what follows from them.
    """
    xp, (n_rows, n_tags) = layout.xp, emissions.shape
    scores = as_arrays(*transitions)
    # Where everything is forbidden the peak stays above PENALTY, so that the factors are 0 and not 1.
    to_next, to_first, to_end = peaks = [max(float(part.max()), PENALTY / 2) for part in scores]
    factors = Transitions(*(xp.exp(part - peak) for part, peak in zip(scores, peaks, strict=True)))
    row_peaks = emissions.amax(1).clamp_(min=PENALTY / 2)
    # Memory that is new costs more than what is done in it: one piece, and results go where nothing is needed any more.
    tensors = emissions.new_empty(6, n_rows, n_tags)
    alpha, potentials, behind, leaving = tensors[:4]
    torch.sub(emissions, row_peaks[:, None], out=potentials)
    space, row_peaks = as_arrays(tensors, row_peaks)
    xp.exp(space[1], out=space[1])
    values, come = space[2:4].reshape(-1, n_tags), space[4:].reshape(-1, n_tags)
    take_rows(space[1], layout.rows.reshape(-1), values)
    scales = _walk(values.reshape(-1, 2, n_tags), come.reshape(-1, 2, n_tags), factors, layout, scale_every)
    take_rows(values, layout.places[0], space[0])
    take_rows(come, layout.places[1], space[2])
    marginals = alpha * behind
    sums = marginals.sum(1, keepdim=True)
    marginals /= sums
    (overlap,) = as_arrays(sums[:, 0])

    # shape: (n_rows,) all of these
    scale, scale_back = (xp.take(scales, way) for way in layout.places)
    least = SOUND * n_tags ** (scale_every - 1)  # between two scalings values can grow by so much
    held = (overlap > least) & (overlap * xp.minimum(scale, scale_back) > least)  # NaN fails
    sound = layout.sum_of(~held) == 0
    if scale_every > 1 and not bool(sound.all()):
        return run_scaled(emissions, layout, transitions, scale_every=1)
    log_scale = xp.log(xp.asarray(scale, dtype=xp.float64)) + row_peaks + to_next
    log_scale[layout.firsts] += to_first - to_next
    log_z = layout.sum_of(log_scale)
    log_z[layout.begun] += xp.log(xp.asarray(overlap[layout.lasts], dtype=xp.float64)) + to_end
    per_pair = 1.0 / (overlap * scale_back)
    per_pair[layout.lasts] = 0.0

    per_pair, *rest = as_tensors(per_pair[:, None], factors.matrix, log_scale, log_z, sound)
    torch.mul(alpha, per_pair, out=leaving)
    return Chains(alpha, behind, sums, marginals, leaving, potentials.mul_(behind), *rest)


def _walk(values: Array, come: Array, factors: Transitions, layout: Layout, scale_every: int) -> Array:
    """Run the recursion from both ends at once.

    values (Array): (n_rows, 2, n_tags) potentials in the order of the walk forth and of that back. What the
        recursion gives takes their place.
    come (Array): (n_rows, 2, n_tags) is filled with that before the potentials are multiplied in.
    factors (Transitions): Arrays of the namespace.
    RETURNS (Array): (n_rows · 2,) what each row of `come` was divided by.
    """
    xp, scales = layout.xp, layout.xp.ones_like(values[..., :1])
    # shape: (2, n_rows, n_tags), though the two of a row lie together: then a step is one stretch of memory
    v, c, s = (part.swapaxes(0, 1) for part in (values, come, scales))
    matrices, begins = xp.stack([factors.matrix, factors.matrix.T]), xp.stack([factors.start, factors.end])
    ones = xp.ones_like(begins[0, :, None])
    c[:, : layout.n_begun] = begins[:, None]
    v[:, : layout.n_begun] *= begins[:, None]
    before, end = v, layout.n_begun
    for step, n in enumerate(layout.active[1:], 1):
        here = slice(end, end + n)
        value, arrived = v[:, here], c[:, here]
        xp.matmul(before[:, :n], matrices, out=arrived)
        if step % scale_every == 0:
            xp.divide(arrived, xp.matmul(arrived, ones, out=s[:, here]), out=arrived)
        xp.multiply(value, arrived, out=value)
        before, end = value, end + n
    return scales.reshape(-1)
