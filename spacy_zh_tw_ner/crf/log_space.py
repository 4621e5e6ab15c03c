"""The forward-backward recursion of one sequence in float64 log space: slow, and right for any finite numbers."""

from typing import NamedTuple

import torch

from .transitions import Transitions


class Exact(NamedTuple):
    """One sequence in float64. In each row alpha sums to 1, and so does alpha ∘ beta.

    log_alpha, log_beta: (length, n_tags). log_scale: (length,). log_z: (). expected: (n_tags, n_tags).
    """

    log_alpha: torch.Tensor
    log_beta: torch.Tensor
    log_scale: torch.Tensor
    log_z: torch.Tensor
    expected: torch.Tensor

    def marginals(self) -> torch.Tensor:
        """(length, n_tags) probability of each tag for each token."""
        return (self.log_alpha + self.log_beta).exp()


def run_log_space(emissions: torch.Tensor, transitions: Transitions) -> Exact:
    """Compute one sequence.

    emissions (torch.Tensor): (length, n_tags), at least one row.
    transitions (Transitions): Constrained scores.
    RETURNS (Exact): Forward and backward values.
    """
    emissions = emissions.double()
    matrix, start, end = (scores.double() for scores in transitions)
    forward, backward = torch.empty_like(emissions), torch.empty_like(emissions)
    forward[0] = start + emissions[0]
    for step in range(1, len(emissions)):
        forward[step] = torch.logsumexp(forward[step - 1, :, None] + matrix, 0) + emissions[step]
    backward[-1] = end
    for step in range(len(emissions) - 2, -1, -1):
        backward[step] = torch.logsumexp(matrix + emissions[step + 1] + backward[step + 1], 1)
    log_z = torch.logsumexp(forward[-1] + end, 0)
    reached = torch.logsumexp(forward, 1)
    log_scale = torch.diff(reached, prepend=reached.new_zeros(1))
    expected = torch.zeros_like(matrix)
    for step in range(len(emissions) - 1):
        expected += (forward[step, :, None] + matrix + emissions[step + 1] + backward[step + 1] - log_z).exp()
    return Exact(forward - reached[:, None], backward + reached[:, None] - log_z, log_scale, log_z, expected)
