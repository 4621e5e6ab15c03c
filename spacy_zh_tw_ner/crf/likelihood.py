"""How probable the gold tags are, and the gradient, by hand: what is expected freely − what is expected under the gold."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from .chains import Chains, run_chains
from .transitions import Transitions


class Likelihood(NamedTuple):
    """Log-likelihoods, and the gradient of the *loss* (their negated sum).

    log_likelihood: (batch_size,). emissions: (n_rows, n_tags). transitions: shapes of Transitions.
    """

    log_likelihood: torch.Tensor
    emissions: torch.Tensor
    transitions: Transitions


def log_likelihood(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, allowed: torch.Tensor
) -> Likelihood:
    """Compute log p(gold tags | emissions) of every sequence, and the gradient of the loss.

    The gold is a set of tags for every token: one where the tag is known, several where it is partly known, all where
    nothing is known. The numerator is the log-partition over the paths that keep to the sets, so that what is unknown
    says nothing (Tsuboi et al. 2008, "Training Conditional Random Fields Using Incomplete Annotations").

    emissions (torch.Tensor): (n_rows, n_tags).
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    allowed (torch.Tensor): (n_rows, n_tags) bool, the gold.
    RETURNS (Likelihood): Values and gradients in float32.
    RAISES (ValueError): Where the gold forms no legal path, or the input is broken.
    """
    free = run_chains(emissions, lengths, transitions)
    gold = run_chains(emissions, lengths, transitions, allowed)
    firsts, lasts = _edges(lengths)
    return Likelihood(
        log_likelihood=(gold.log_z - free.log_z).float(),
        emissions=free.marginals - gold.marginals,
        transitions=Transitions(
            matrix=free.expected - gold.expected, start=_surplus(free, gold, firsts), end=_surplus(free, gold, lasts)
        ),
    )


def _surplus(free: Chains, gold: Chains, rows: torch.Tensor) -> torch.Tensor:
    """Marginals of some rows, free − gold, summed: the gradient of start or end scores."""
    return (free.marginals[rows] - gold.marginals[rows]).sum(0)


def _edges(lengths: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """First and last rows of the sequences that have any."""
    sizes = torch.as_tensor(lengths, dtype=torch.long)
    ends = torch.cumsum(sizes, 0)
    return (ends - sizes)[sizes > 0], (ends - 1)[sizes > 0]
