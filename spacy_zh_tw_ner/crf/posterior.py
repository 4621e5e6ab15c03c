"""How sure the model is: of each token's tag, and of whole stretches of tags."""

from collections.abc import Sequence

import torch

from ..errors import Errors
from .chains import run_scaled
from .compiled import as_inputs, kernels_for, settle
from .layout import Layout, check_finite, check_shapes, rows_of
from .log_space import Exact, run_log_space
from .transitions import PENALTY, Transitions


class Posterior:
    """Probabilities given the emissions of a batch.

    lengths: rows of each sequence. log_z: (batch_size,) float64 log-partition. log_scale: (n_rows,) float64.
    alpha, beta: (n_rows, n_tags), see `chains.Chains`. exact: sequences that float32 does not hold, by index.
    """

    def __init__(
        self,
        emissions: torch.Tensor,
        lengths: Sequence[int],
        transitions: Transitions,
        *,
        alpha: torch.Tensor,
        beta: torch.Tensor,
        log_scale: torch.Tensor,
        log_z: torch.Tensor,
        unsound: Sequence[int],
    ) -> None:
        self.lengths = lengths
        self._emissions, self._transitions = emissions, transitions
        self._alpha, self._beta, self._log_scale = alpha, beta, log_scale
        self.log_z = log_z
        self.exact: dict[int, Exact] = {}
        for sequence in unsound:
            rows = rows_of(lengths, sequence)
            exact = run_log_space(emissions[rows], transitions)
            if float(exact.log_z) < PENALTY / 2:
                raise ValueError(Errors.ZT108.format(index=sequence, length=lengths[sequence]))
            self.exact[sequence] = exact
            log_scale[rows], log_z[sequence] = exact.log_scale, exact.log_z

    @property
    def marginals(self) -> torch.Tensor:
        """(n_rows, n_tags) float32 probability of each tag for each token."""
        product = self._alpha * self._beta
        for sequence, exact in self.exact.items():
            product[rows_of(self.lengths, sequence)] = exact.marginals().float()
        return product

    def path_probabilities(self, tags: torch.Tensor, starts: Sequence[int], ends: Sequence[int]) -> torch.Tensor:
        """Probability of each of some stretches of a path: that these tokens have exactly these tags.

        For the tags of an entity, from its first to its last, that is the probability of exactly this entity.

        tags (torch.Tensor): (n_rows,) a tag for every token of the batch.
        starts, ends (Sequence[int]): First rows of the stretches, and the rows after their last, in one sequence each.
        RETURNS (torch.Tensor): (n_stretches,) float64, from 0 to 1.
        """
        first = torch.as_tensor(starts, dtype=torch.long, device=tags.device)
        last = torch.as_tensor(ends, dtype=torch.long, device=tags.device) - 1
        going_on = torch.zeros(len(tags), dtype=torch.float64, device=tags.device)
        going_on[1:] = self.log_step(torch.arange(len(tags), device=tags.device)[1:], tags[:-1], tags[1:])
        # What lies between two sequences is no part of any stretch, and its PENALTY would swallow the sum.
        sizes = torch.as_tensor(self.lengths)
        going_on[(torch.cumsum(sizes, 0) - sizes)[sizes > 0].to(tags.device)] = 0.0
        total = torch.cumsum(going_on, 0)
        log_p = self.log_alpha(first, tags[first]) + (total[last] - total[first]) + self.log_beta(last, tags[last])
        return log_p.exp().clamp(max=1.0)

    def log_alpha(self, rows: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
        """Log probability of these tags at these rows, given the emissions up to there. (n,) float64.

        It can be less one number for all tags of a row, which `log_beta` then has more.
        """
        found = self._alpha[rows, tags].double().log()
        for sequence, exact in self.exact.items():
            _replace(found, rows, tags, rows_of(self.lengths, sequence), exact.log_alpha)
        return found

    def log_beta(self, rows: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
        """What the emissions behind these rows add to `log_alpha`: the two give the marginal. (n,) float64."""
        found = self._beta[rows, tags].double().log()
        for sequence, exact in self.exact.items():
            _replace(found, rows, tags, rows_of(self.lengths, sequence), exact.log_beta)
        return found

    def log_step(self, rows: torch.Tensor, before: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
        """Log factor by which a path's probability changes when it goes on from `before` to `tags` at these rows."""
        emitted = self._emissions[rows, tags].double() - self._log_scale[rows]
        return emitted + self._transitions.matrix[before, tags]


def _replace(
    values: torch.Tensor, rows: torch.Tensor, tags: torch.Tensor, sequence: slice, exact: torch.Tensor
) -> None:
    inside = (rows >= sequence.start) & (rows < sequence.stop)
    values[inside] = exact[rows[inside] - sequence.start, tags[inside]]


def infer(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> Posterior:
    """Compute the posterior of a ragged batch.

    emissions (torch.Tensor): (n_rows, n_tags), any floating type; computed in float32.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    compiled (Optional[bool]): Insist on the compiled kernels or on torch; by default whichever is faster.
    RETURNS (Posterior): Marginals, and probabilities of stretches on request.
    RAISES (ValueError): For shapes that do not fit, emissions that are not finite, or no legal path.
    """
    check_shapes(emissions, lengths, len(transitions.start))
    emissions = emissions.float()
    kernels = kernels_for(emissions, compiled)
    if kernels is None:
        check_finite(emissions)
        layout = Layout(lengths, emissions.device)
        chains = run_scaled(emissions, layout, transitions)
        alpha, beta, log_scale, log_z = chains.alpha.clone(), chains.beta, chains.log_scale, chains.log_z
        unsound = (~chains.sound).nonzero()[:, 0].tolist()
    else:
        *outcome, status = kernels.posterior(*as_inputs(emissions, lengths, transitions))
        alpha, beta, log_scale, log_z = (torch.from_numpy(array) for array in outcome)
        unsound, _ = settle(status, emissions, kernels)
    return Posterior(
        emissions, lengths, transitions, alpha=alpha, beta=beta, log_scale=log_scale, log_z=log_z, unsound=unsound
    )
