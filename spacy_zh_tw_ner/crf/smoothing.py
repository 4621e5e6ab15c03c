"""Label smoothing for sequences: part of the target distribution is uniform over all legal paths."""

from typing import TYPE_CHECKING

import numpy as np

from .forward_backward import run_forward_backward, sum_outer_products
from .gold import Gold
from .layout import Layout
from .transitions import PENALTY, FloatsT, Transitions, is_allowed

if TYPE_CHECKING:
    from .likelihood import Likelihood


def add_smoothing(
    likelihood: "Likelihood",
    emissions: FloatsT,
    layout: Layout,
    transitions: Transitions,
    gold: Gold,
    share: float,
) -> None:
    """Add label smoothing to a log-likelihood and its gradients, in place.

    Szegedy et al. (2016), "Rethinking the Inception Architecture", section 7, mix the target of a classifier with the
    uniform distribution over its classes. The classes of a CRF are the legal paths, so that with u uniform over them

        log-likelihood(ε) = (1 − ε) · log p(gold) + ε · E_u[log p(y)],
        gradient(ε) = expected counts − (1 − ε) · observed counts − ε · expected counts under u.

    Smoothing the tag of each token separately would give a target that no distribution over paths has. u is the CRF
    whose allowed emissions and transitions are all 0. Only sequences whose tags are all annotated are smoothed.

    likelihood (Likelihood): Without smoothing; changed in place.
    emissions (np.ndarray): (n_rows, n_tags) float32.
    layout (Layout), transitions (Transitions), gold (Gold): Of the batch.
    share (float): ε, from 0 to less than 1.
    """
    # In float64 every sequence is stable: with all scores 0, no path outweighs another by 1e280.
    flat, *legal = (np.where(is_allowed(scores), 0.0, PENALTY) for scores in (emissions, *transitions))
    emissions, *allowed = (
        np.where(is_allowed(scores), scores, 0.0).astype(np.float64) for scores in (emissions, *transitions)
    )
    scores = Transitions(*allowed)
    even = run_forward_backward(flat, layout, Transitions(*legal), kernels=None)
    weight = gold.known[layout.sequences] * share  # (n_rows,)
    # (n_rows, n_tags) weight · (observed − expected under u): the change of the gradient
    moved = -even.marginals()
    moved.reshape(-1)[gold.emissions] += 1.0
    moved *= weight[:, None]
    value = -(moved * emissions).sum(1)
    value[layout.firsts] -= moved[layout.firsts] @ scores.start
    value[layout.lasts] -= moved[layout.lasts] @ scores.end
    outgoing, incoming = even.outgoing(np.ones(layout.n_rows))[:-1], even.incoming[1:]
    has_next = weight.copy()
    has_next[layout.lasts] = 0.0
    has_next = has_next[:-1]
    # E_u of the transition scores of each step, less the score of the gold transition
    evenly = ((outgoing @ (even.factors.matrix * scores.matrix)) * incoming).sum(1)
    value[:-1] += (evenly - scores.matrix.reshape(-1)[gold.transitions]) * has_next
    pairs = -sum_outer_products(outgoing * has_next[:, None], incoming) * even.factors.matrix
    pairs += np.bincount(gold.transitions, has_next, pairs.size).reshape(pairs.shape)
    likelihood.log_likelihood[:] += layout.sum_by_sequence(value)
    likelihood.emissions[:] += moved
    likelihood.transitions.matrix[:] += pairs
    likelihood.transitions.start[:] += moved[layout.firsts].sum(0)
    likelihood.transitions.end[:] += moved[layout.lasts].sum(0)
