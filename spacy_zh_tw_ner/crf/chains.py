"""Forward and backward values of a batch: what probabilities, gradients and scores are made of.

Emissions are exponentiated once, after each row's maximum has been taken off. What would be a log-sum-exp over
(batch, from, to) is then a matrix product, and float32 holds it because every step is scaled to sum to 1. A sequence
that the scaling cannot hold (emissions of ±1e4, constraints against all that the emissions want) is found by a
certificate and computed again, alone, in float64 log space.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import Errors
from .layout import Layout, check
from .log_space import run_log_space
from .transitions import PENALTY, Transitions

# What the forward pass flushes is below 1.2e-38, and counts as much as its backward value says. Under this bound that
# is less than 1e-8 of the whole.
LARGEST_BACKWARD = 1e30


@dataclass
class Chains:
    """Rows are in the order of the batch.

    log_alpha, log_beta: (n_rows, n_tags) scaled so that exp(log_alpha) sums to 1 in a row, exp(log_alpha + log_beta), too.
    log_scale: (n_rows,) log of the factor that the scaling took out of each step.
    marginals: (n_rows, n_tags). expected: (n_tags, n_tags) transitions expected in the batch. log_z: (batch_size,).
    """

    log_alpha: torch.Tensor
    log_beta: torch.Tensor
    log_scale: torch.Tensor
    marginals: torch.Tensor
    expected: torch.Tensor
    log_z: torch.Tensor


def run_chains(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, allowed: torch.Tensor | None = None
) -> Chains:
    """Run the forward-backward recursion.

    emissions (torch.Tensor): (n_rows, n_tags), any floating type; computed in float32.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    allowed (Optional[torch.Tensor]): (n_rows, n_tags) bool, the tags each token may have; all by default.
    RETURNS (Chains): Forward and backward values and what follows from them.
    RAISES (ValueError): For shapes that do not fit, emissions that are not finite, or no legal path.
    """
    check(emissions, lengths, len(transitions.start))
    emissions = emissions.float()
    if allowed is not None:
        emissions = torch.where(allowed, emissions, PENALTY)
    layout = Layout(lengths, emissions.device)
    chains, unsound = _run_scaled(emissions[layout.rows], layout, transitions)
    for sequence in unsound:
        rows = layout.rows_of(sequence)
        alpha, beta, scale, log_z, expected = run_log_space(emissions[rows], transitions)
        if float(log_z) < PENALTY / 2:
            raise ValueError(Errors.ZT108.format(index=sequence, length=len(alpha)))
        chains.log_alpha[rows], chains.log_beta[rows], chains.log_scale[rows] = alpha.float(), beta.float(), scale
        chains.marginals[rows] = (alpha + beta).exp().float()
        chains.expected += expected.float()
        chains.log_z[sequence] = log_z
    return chains


def _run_scaled(emissions: torch.Tensor, layout: Layout, transitions: Transitions) -> tuple[Chains, list[int]]:
    """The recursion in probability space, on rows in the order of the walk; and the sequences it could not hold."""
    # Where everything is forbidden the peak stays above PENALTY, so that the factors are 0 and not 1.
    peaks = Transitions(*(scores.max().clamp(min=PENALTY / 2) for scores in transitions))
    factors = Transitions(*((scores - peak).exp() for scores, peak in zip(transitions, peaks, strict=True)))
    row_peaks = emissions.amax(1).clamp(min=PENALTY / 2) if len(emissions) else emissions.new_empty(0)
    # shape: (n_rows, n_tags)
    potentials = (emissions - row_peaks[:, None]).exp()
    alpha, beta, arriving = torch.empty_like(potentials), torch.empty_like(potentials), torch.zeros_like(potentials)
    scale = torch.empty_like(row_peaks)
    ends = emissions.new_ones(layout.n_begun)

    for step, here in enumerate(layout.steps):
        # shape: (running, n_tags)
        incoming = factors.start if step == 0 else alpha[layout.steps[step - 1]][: layout.active[step]] @ factors.matrix
        values = incoming * potentials[here]
        scale[here] = values.sum(1)
        torch.div(values, scale[here, None], out=alpha[here])

    for step in reversed(range(len(layout.steps))):
        here, running = layout.steps[step], layout.active[step]
        going_on = layout.active[step + 1] if step + 1 < len(layout.steps) else 0
        ends[going_on:running] = alpha[here][going_on:] @ factors.end
        beta[here][going_on:] = factors.end / ends[going_on:running, None]
        if going_on:
            ahead = layout.steps[step + 1]
            torch.mul(potentials[ahead], beta[ahead] / scale[ahead, None], out=arriving[ahead])
            torch.matmul(arriving[ahead], factors.matrix.T, out=beta[here][:going_on])

    sound = _sound(scale, beta, ends, layout)
    log_scale = scale.double().log() + row_peaks
    log_scale[: layout.n_begun] += peaks.start
    log_scale[layout.n_begun :] += peaks.matrix
    log_z = torch.zeros(len(layout.lengths), dtype=torch.float64, device=emissions.device)
    log_z.index_add_(0, layout.sequences, log_scale)
    log_z[layout.order[: layout.n_begun]] += ends.double().log() + peaks.end
    return (
        Chains(
            log_alpha=layout.to_batch(alpha.log()),
            log_beta=layout.to_batch(beta.log()),
            log_scale=layout.to_batch(log_scale),
            marginals=layout.to_batch(alpha * beta),
            expected=_expected(alpha, arriving, layout, sound) * factors.matrix,
            log_z=log_z,
        ),
        torch.nonzero(~sound).flatten().tolist(),
    )


def _sound(scale: torch.Tensor, beta: torch.Tensor, ends: torch.Tensor, layout: Layout) -> torch.Tensor:
    """The certificate: (batch_size,) True where float32 has held the sequence."""
    # shape: (n_rows,) NaN fails every comparison
    held = (beta.amax(1) < LARGEST_BACKWARD) & (scale > 0) if len(scale) else scale > 0
    unsound = torch.zeros(len(layout.lengths), dtype=torch.long, device=scale.device)
    unsound.index_add_(0, layout.sequences, (~held).long())
    unsound[layout.order[: layout.n_begun]] += (~(ends > 0)).long()
    return unsound == 0


def _expected(alpha: torch.Tensor, arriving: torch.Tensor, layout: Layout, sound: torch.Tensor) -> torch.Tensor:
    """Σ over steps of (what leaves a tag) × (what arrives at the next): one matrix product for the whole batch."""
    n_tags = alpha.shape[1]
    leaving = [alpha[here][:n] for here, n in zip(layout.steps, layout.active[1:], strict=False)]
    if not leaving:
        return alpha.new_zeros(n_tags, n_tags)
    keep = sound[layout.sequences[layout.n_begun :], None]
    before, after = torch.cat(leaving), arriving[layout.n_begun :]
    if not bool(sound.all()):
        before, after = torch.where(keep, before, 0.0), torch.where(keep, after, 0.0)
    return before.T @ after
