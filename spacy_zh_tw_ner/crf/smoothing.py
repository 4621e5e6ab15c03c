"""Label smoothing for a sequence: a share of the target is spread evenly over all legal paths."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ..errors import Errors
from .arrays import as_arrays, as_tensors
from .chains import run_scaled
from .layout import Layout
from .transitions import PENALTY, Transitions, is_allowed

if TYPE_CHECKING:
    from .likelihood import Likelihood


def smoothed(
    likelihood: "Likelihood",
    emissions: torch.Tensor,
    lengths: Sequence[int],
    transitions: Transitions,
    allowed: torch.Tensor,
    share: float,
) -> "Likelihood":
    """Replace log p(gold) by what label smoothing makes of it, and the gradients with it.

    Szegedy et al. (2016), "Rethinking the Inception Architecture", section 7, mix the target of a classifier with the
    uniform distribution over its classes. The classes of a CRF are the legal paths, so that with u uniform over them

        log-likelihood(ε) = (1 − ε) · log p(gold) + ε · E_u[log p(y)],
        gradient(ε) = expected − (1 − ε) · gold − ε · expected under u.

    Smoothing each token's tag alone would ask for tags and transitions that no distribution over paths has together.
    u is a CRF whose allowed emissions and transitions are all 0. Sequences whose gold is not wholly known stay as they
    are: what is unknown says nothing.

    likelihood (Likelihood): Without smoothing.
    emissions (torch.Tensor): (n_rows, n_tags) float32. lengths, transitions, allowed: as in `log_likelihood`.
    share (float): ε.
    RETURNS (Likelihood): With smoothing.
    RAISES (ValueError): For a share outside 0 … 1.
    """
    if not 0.0 <= share < 1.0:
        raise ValueError(Errors.ZT112.format(name="smoothing", value=share, remedy="Give at least 0 and less than 1."))
    # float64, and the certificate may be left aside: with nothing but zeros no path outweighs another by 1e280.
    legal = Transitions(*(torch.where(is_allowed(scores), 0.0, PENALTY).double() for scores in transitions))
    scores = Transitions(*(torch.where(is_allowed(scores), scores, 0.0).double() for scores in transitions))
    layout = Layout(lengths, emissions.device)
    allowed_emissions = is_allowed(emissions)
    even = run_scaled(torch.where(allowed_emissions, 0.0, PENALTY).double(), layout, legal)
    emissions = torch.where(allowed_emissions, emissions, 0.0)
    leaving, arriving = even.leaving[:-1], even.arriving[1:]
    n_doubtful = layout.sum_of(*as_arrays(allowed.sum(1) != 1))
    sequences, firsts, lasts, known = as_tensors(layout.sequences, layout.firsts, layout.lasts, n_doubtful == 0)
    # shape: (n_rows,)
    weight = known[sequences].double() * share
    tags = allowed.to(torch.uint8).argmax(1)
    here, after = tags[:-1], tags[1:]

    # shape: (n_rows, n_tags) what is taken from the gold and given to all paths
    moved = (allowed.double() - even.marginals) * weight[:, None]
    value = -(moved * emissions.double()).sum(1)
    value[firsts] -= moved[firsts] @ scores.start
    value[lasts] -= moved[lasts] @ scores.end
    going_on = weight.index_fill(0, lasts, 0.0)[:-1]
    evenly = ((leaving @ (even.factors * scores.matrix)) * arriving).sum(1)
    value[:-1] += (evenly - scores.matrix[here, after]) * going_on
    pairs = -((leaving * going_on[:, None]).T @ arriving) * even.factors
    pairs.index_put_((here, after), going_on, accumulate=True)

    gradient = likelihood.transitions
    return likelihood._replace(
        log_likelihood=likelihood.log_likelihood + as_tensors(layout.sum_of(*as_arrays(value)))[0].float(),
        emissions=likelihood.emissions + moved.float(),
        transitions=Transitions(
            matrix=gradient.matrix + pairs.float(),
            start=gradient.start + moved[firsts].sum(0).float(),
            end=gradient.end + moved[lasts].sum(0).float(),
        ),
    )
