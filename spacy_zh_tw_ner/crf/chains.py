"""Forward and backward values of a batch: what probabilities, gradients and scores are made of.

Emissions are exponentiated once, after each row's maximum has been taken off; so are the transitions, after theirs.
What would be a log-sum-exp over (batch, from, to) is then a matrix product:

    alpha(t) = alpha(t − 1) · exp(A) ∘ exp(e(t)),     arriving(t) = exp(A) · arriving(t + 1) ∘ exp(e(t)),

and float32 holds it because every step is scaled to sum to 1. The second line is the first one read from the other end
with the matrix transposed, so that one loop of batched products runs both. beta(t) = exp(A) · arriving(t + 1), the
probability of a tag is alpha ∘ beta, scaled to sum to 1, that of a pair of tags alpha(t) ⊗ arriving(t + 1) ∘ exp(A).

**The certificate.** What underflow flushes is below 1.2e-38, and the more it counts the less alpha and beta overlap,
which is known once they are there. A sequence that the scaling cannot hold (emissions of ±1e4, constraints against all
that the emissions want) fails the certificate, and is computed again, alone, in float64 log space.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch

from .layout import Layout
from .transitions import PENALTY, SOUND, Transitions

SCALE_EVERY = 4  # what a step takes out is seldom more than float32 holds of four


@dataclass
class Chains:
    """Rows are in the order of the walk. What belongs to a sequence that is not sound is of no use.

    alpha, beta: (n_rows, n_tags) scaled so that alpha sums to 1 in a row, and marginals = alpha ∘ beta, too.
    behind, overlap: (n_rows, n_tags) and (n_rows,), beta before it is divided by alpha · beta, and this divisor.
    leaving, arriving: (n_pairs, n_tags) of each two neighbours, such that leaving ⊗ arriving ∘ exp(A) is the
    probability of their tags. factors: exp(A − peak).
    log_scale: (n_rows,) float64 log of the factor that the scaling took out of each step. log_z: (batch_size,) float64.
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
        """What likelihoods can do without."""
        return self.behind / self.overlap[:, None]

    def expected(self, layout: Layout, wanted: torch.Tensor) -> torch.Tensor:
        """(n_tags, n_tags) transitions expected in some sequences, (batch_size,) bool: one product for all steps."""
        leaving, arriving = self.leaving, self.arriving
        if not bool(wanted.all()):
            keep = wanted[layout.sequences[layout.n_begun :], None]
            leaving, arriving = torch.where(keep, leaving, 0.0), torch.where(keep, arriving, 0.0)
        return (leaving.T @ arriving) * self.factors


def run_scaled(
    emissions: torch.Tensor, layout: Layout, transitions: Transitions, scale_every: int = SCALE_EVERY
) -> Chains:
    """Run the recursions in probability space.

    emissions (torch.Tensor): (n_rows, n_tags) float32, in the order of the walk.
    layout (Layout): The walk over the batch.
    transitions (Transitions): Constrained scores.
    scale_every (int): Steps from one scaling to the next. Where they prove too many, every step is scaled.
    RETURNS (Chains): Forward and backward values and what follows from them.
    """
    # Where everything is forbidden the peak stays above PENALTY, so that the factors are 0 and not 1.
    peaks = Transitions(*(scores.max().clamp(min=PENALTY / 2) for scores in transitions))
    factors = Transitions(*((scores - peak).exp() for scores, peak in zip(transitions, peaks, strict=True)))
    row_peaks = emissions.amax(1).clamp(min=PENALTY / 2)
    # Memory that is new costs more than what is done in it: results go where nothing is needed any more.
    values = emissions.new_empty(2, *emissions.shape)
    torch.sub(emissions, row_peaks[:, None], out=values[0]).exp_()
    torch.index_select(values[0], 0, layout.mirrored, out=values[1])
    scales, carried = _walk(values, factors, layout, scale_every)
    before, alpha, arriving = layout.before, values[0], layout.mirror(values[1])[layout.n_begun :]
    behind = torch.empty_like(alpha)
    behind[layout.lasts] = factors.end
    behind.index_copy_(0, before, torch.mm(arriving, factors.matrix.T, out=values[1, : len(before)]))
    marginals = torch.mul(alpha, behind, out=values[1])
    overlap = marginals.sum(1)
    marginals /= overlap[:, None]
    held = scales[0] * carried[0] * overlap > SOUND  # NaN fails
    held[before] &= layout.mirror(scales[1] * carried[1])[layout.n_begun :] * overlap[before] > SOUND
    sound = layout.sum_of(~held) == 0
    if scale_every > 1 and not bool(sound.all()):
        return run_scaled(emissions, layout, transitions, scale_every=1)

    log_carried = carried[0].double().log()
    log_scale = scales[0].double().log() + log_carried + row_peaks + peaks.matrix
    log_scale[: layout.n_begun] += peaks.start - peaks.matrix
    log_scale[layout.n_begun :] -= log_carried[before]
    log_z = layout.sum_of(log_scale)
    log_z[layout.sequences[layout.lasts]] += overlap[layout.lasts].double().log() + peaks.end
    leaving = alpha.index_select(0, before).div_(overlap[before, None])
    return Chains(alpha, behind, overlap, marginals, leaving, arriving, factors.matrix, log_scale, log_z, sound)


def _walk(
    values: torch.Tensor, factors: Transitions, layout: Layout, scale_every: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the recursion from both ends at once, in place.

    values (torch.Tensor): (2, n_rows, n_tags) potentials from the beginning and, mirrored, from the end. Scaled values
        take their place.
    RETURNS: (2, n_rows) what a row was divided by; and what it had left then for the next step to inherit, which is 1
        where a step has been scaled on the way.
    """
    scales = torch.ones_like(values[..., 0])
    begin, matrices = (
        torch.stack([factors.start, factors.end])[:, None],
        torch.stack([factors.matrix, factors.matrix.T]),
    )
    # In each step the sequences that go on come first, and then those that end.
    pieces = [n for here, after in pairwise((*layout.active, 0)) for n in (after, here - after)]
    going_on = values.split(pieces, 1)[::2]  # type: ignore[no-untyped-call]
    blocks = zip(values.split(layout.active, 1), scales.split(layout.active, 1), strict=True)  # type: ignore[no-untyped-call]
    for step, (here, scale) in enumerate(blocks):
        here.mul_(torch.bmm(going_on[step - 1], matrices) if step else begin)
        if step % scale_every == scale_every - 1:
            torch.sum(here, 2, out=scale)
            here.div_(scale[:, :, None])
    carried = values.sum(2)
    values /= carried[:, :, None]
    return scales, carried
