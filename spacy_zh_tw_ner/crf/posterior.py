"""How sure the model is: of each token's tag, and of whole stretches of tags."""

from collections.abc import Sequence

import torch

from .chains import Chains, run_chains
from .transitions import Transitions


class Posterior:
    """Probabilities given the emissions of a batch.

    marginals: (n_rows, n_tags), probability of each tag for each token. log_z: (batch_size,) log-partition.
    """

    def __init__(self, emissions: torch.Tensor, lengths: Sequence[int], chains: Chains, transitions: Transitions) -> None:
        self.marginals = chains.marginals
        self.log_z = chains.log_z
        self._emissions, self._lengths, self._chains, self._transitions = emissions, lengths, chains, transitions

    def path_probabilities(self, tags: torch.Tensor, starts: Sequence[int], ends: Sequence[int]) -> torch.Tensor:
        """Probability of each of some stretches of a path: that these tokens have exactly these tags.

        For the tags of an entity, from its first to its last, that is the probability of exactly this entity.

        tags (torch.Tensor): (n_rows,) a tag for every token of the batch.
        starts, ends (Sequence[int]): First rows of the stretches, and the rows after their last; none crosses a sequence.
        RETURNS (torch.Tensor): (n_stretches,) float64, from 0 to 1.
        """
        chains, first = self._chains, torch.as_tensor(starts, dtype=torch.long)
        last = torch.as_tensor(ends, dtype=torch.long) - 1
        # shape: (n_rows,) log probability of going on as the path does, given all before
        going_on = self._emissions.gather(1, tags[:, None])[:, 0].double() - chains.log_scale
        going_on[1:] += self._transitions.matrix[tags[:-1], tags[1:]]
        # What lies between two sequences is no part of any stretch, and its PENALTY would swallow the sum.
        sizes = torch.as_tensor(self._lengths)
        going_on[(torch.cumsum(sizes, 0) - sizes)[sizes > 0]] = 0.0
        total = torch.cumsum(going_on, 0)
        log_p = chains.log_alpha[first, tags[first]] + (total[last] - total[first]) + chains.log_beta[last, tags[last]]
        return log_p.double().exp().clamp(max=1.0)


def infer(emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions) -> Posterior:
    """Compute the posterior of a ragged batch.

    emissions (torch.Tensor): (n_rows, n_tags).
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    RETURNS (Posterior): Marginals, and probabilities of stretches on request.
    RAISES (ValueError): For shapes that do not fit, emissions that are not finite, or no legal path.
    """
    return Posterior(emissions.float(), lengths, run_chains(emissions, lengths, transitions), transitions)
