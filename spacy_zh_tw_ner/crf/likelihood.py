"""Log-likelihood of the gold tags, or of soft gold, and its gradient: expected counts − observed counts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import (
    Errors,
    SettingError,
)
from .forward_backward import compute_expectations, run_forward_backward, sum_outer_products
from .gold import Gold, SoftGold, expected_scores, gold_from_mask, score_paths
from .kernels import Kernels, kernels_for
from .layout import Layout, check_finite, check_shapes
from .reference import recompute_sequence, run_reference
from .transitions import PENALTY, BoolsT, FloatsT, Transitions, is_allowed


class Likelihood(NamedTuple):
    """Log-likelihoods, and gradients of the *loss*, which is the negated sum of the log-likelihoods; all float32.

    log_likelihood: (batch_size,) log p(gold) of each sequence. emissions: (n_rows, n_tags) gradient of the loss.
    transitions: gradients of the loss, in the shapes of `Transitions`.
    """

    log_likelihood: FloatsT
    emissions: FloatsT
    transitions: Transitions


def log_likelihood(
    emissions: FloatsT,
    lengths: Sequence[int],
    transitions: Transitions,
    gold: BoolsT | SoftGold,
    *,
    log_weights: FloatsT | None = None,
    smoothing: float = 0.0,
    compiled: bool | None = None,
) -> Likelihood:
    """Compute log p(gold | emissions) of every sequence, and the gradients of the loss.

    The gold mask allows a set of tags at each token: one if the tag is annotated, all if it is not, several if the
    annotation is ambiguous. With Z over all paths and Z_gold over the paths that the mask allows,

        log p(gold) = log Z_gold − log Z
        ∂loss / ∂score = expected count over all paths − expected count over the allowed paths

    so unannotated tokens contribute nothing (Tsuboi et al. 2008, "Training Conditional Random Fields Using Incomplete
    Annotations"). If every tag of a sequence is annotated, log Z_gold is the score of one path.

    Weights w between 0 and 1 make the mask soft: a path y counts in Z_gold with the product of the weights of its tags
    (virtual evidence, Pearl 1988). Forbidden tags have the weight 0, all others 1 without `log_weights`.

        Z_gold = Σ_y exp(score(y)) · Π_t w[t, y_t]

    Soft gold has the expected counts of another distribution p over paths instead, such as that of a teacher. The value
    is then −H(p, q), the negated cross entropy between p and the distribution q of this CRF.

    emissions (np.ndarray): (n_rows, n_tags), of any floating type; computed in float32.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    gold (np.ndarray | SoftGold): (n_rows, n_tags) bool: the allowed tags of each token; or expected counts.
    log_weights (Optional[np.ndarray]): (n_rows, n_tags) float32, at most 0: log w. Soft gold has no weights.
    smoothing (float): Label smoothing: weight of the uniform distribution over all legal paths, with which the gold
        path is mixed. From 0 to less than 1. Soft gold is not smoothed.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (Likelihood): Values and gradients in float32.
    RAISES (SettingError): If the gold mask allows no legal path, or shapes do not match.
    RAISES (TrainingError): If emissions are not finite.
    """
    check_shapes(emissions, lengths, len(transitions.start))
    is_soft, layout = isinstance(gold, SoftGold), Layout(lengths)
    values = gold.marginals if isinstance(gold, SoftGold) else gold
    if values.shape != emissions.shape or (values.dtype != np.bool_ and not is_soft):
        raise SettingError(Errors.ZT111.format(seen=f"{values.shape} {values.dtype}", expected=emissions.shape))
    if not 0.0 <= smoothing < 1.0:
        remedy = "Give at least 0 and less than 1."
        raise SettingError(Errors.ZT112.format(name="smoothing", value=smoothing, remedy=remedy))
    check_finite(emissions)
    emissions, kernels = np.ascontiguousarray(emissions, np.float32), kernels_for(compiled)
    with np.errstate(all="ignore"):  # sequences that are not stable can have NaN or infinity
        if isinstance(gold, SoftGold):
            return _soft_log_likelihood(emissions, layout, transitions, gold, kernels)
        gold_mask = np.ascontiguousarray(gold)
        indices = gold_from_mask(gold_mask, layout)
        weighted = emissions
        if log_weights is not None:
            if log_weights.shape != emissions.shape or not (log_weights <= 0.0).all():
                seen = f"{log_weights.shape}, at most {log_weights.max(initial=0.0):g}"
                raise SettingError(Errors.ZT776.format(seen=seen, expected=emissions.shape))
            weighted = np.maximum(emissions + log_weights.astype(np.float32), np.float32(PENALTY))
            is_weighted: BoolsT = np.any(log_weights < 0.0, axis=1)
            indices = indices.with_weights(layout.sum_by_sequence(is_weighted) > 0)
        result = _log_likelihood(emissions, layout, transitions, gold_mask, indices, kernels, weighted)
    if smoothing:
        _add_smoothing(result, emissions, layout, transitions, indices, smoothing)
    return result


def _soft_log_likelihood(
    emissions: FloatsT, layout: Layout, transitions: Transitions, gold: SoftGold, kernels: Kernels | None
) -> Likelihood:
    """Compute the negated cross entropy of each sequence, and the gradients of the loss, for soft gold.

    emissions (np.ndarray), layout (Layout), transitions (Transitions): Scores and row indices of the batch.
    gold (SoftGold): Marginals and expected counts of transitions under the distribution of the teacher.
    kernels (Optional[Kernels]): The compiled loops, or None for numpy.
    RETURNS (Likelihood): Values and gradients in float32.
    """
    expect_of = compute_expectations if kernels is None else kernels.compute_expectations
    n_tags = emissions.shape[1]
    if gold.counts.shape != (layout.n_sequences, n_tags, n_tags):
        expected = (layout.n_sequences, n_tags, n_tags)
        raise SettingError(Errors.ZT276.format(seen=gold.counts.shape, expected=expected))
    log_gold = expected_scores(gold, emissions, layout, transitions)
    found = expect_of(emissions, layout, transitions, np.ones(layout.n_sequences, np.bool_))
    marginals, matrix, log_z = found.marginals, found.transitions, found.log_z
    for sequence in np.flatnonzero(~found.stable).tolist():  # `found.transitions` does not count these
        rows = layout.rows(sequence)
        exact = recompute_sequence(emissions[rows], transitions, sequence=sequence)
        marginals[rows], log_z[sequence] = exact.marginals(), exact.log_z
        matrix += exact.expected_counts
    marginals -= gold.marginals
    matrix -= gold.counts.sum(0)
    ends = marginals[layout.firsts].sum(0), marginals[layout.lasts].sum(0)
    return Likelihood((log_gold - log_z).astype(np.float32), marginals, Transitions(matrix, *ends))


def _log_likelihood(
    emissions: FloatsT,
    layout: Layout,
    transitions: Transitions,
    gold_mask: BoolsT,
    gold: Gold,
    kernels: Kernels | None,
    weighted: FloatsT,
) -> Likelihood:
    """Compute log p(gold | emissions) of each sequence, and the gradients of the loss, without label smoothing.

    emissions (np.ndarray), layout (Layout), transitions (Transitions): Scores and row indices of the batch.
    gold_mask (np.ndarray): (n_rows, n_tags) bool: the tags that each row may have.
    gold (Gold): The same gold tags as index arrays.
    kernels (Optional[Kernels]): The compiled loops, or None for numpy.
    weighted (np.ndarray): (n_rows, n_tags) float32 emissions with the log-weights of gold tags added.
    RETURNS (Likelihood): Values and gradients in float32.
    """
    expect_of = compute_expectations if kernels is None else kernels.compute_expectations
    counted, partly = ~(gold.unannotated | gold.impossible), gold.partly_annotated
    partly_rows = partly[layout.sequences] if partly.any() else None
    while True:
        free = expect_of(emissions, layout, transitions, counted)
        stable = free.stable
        if partly_rows is not None:
            restricted = np.where(gold_mask[partly_rows], weighted[partly_rows], np.float32(PENALTY))
            under_gold = expect_of(restricted, Layout(layout.sizes[partly].tolist()), transitions, counted[partly])
            stable[partly] &= under_gold.stable
        if (stable | ~counted).all():
            break
        counted &= stable  # repeat without the sequences that underflow in float32

    gradient, matrix, log_gold = free.marginals, free.transitions, score_paths(gold, emissions, layout, transitions)
    if partly_rows is not None:
        log_gold[partly] = under_gold.log_z
        gradient[partly_rows] -= under_gold.marginals
        matrix -= under_gold.transitions
    illegal = gold.impossible | (gold.annotated & (log_gold < PENALTY / 2))
    if illegal.any():
        raise SettingError(Errors.ZT105.format(index=int(np.flatnonzero(illegal)[0])))
    others = np.flatnonzero(~counted)  # not annotated, or not stable
    if len(others):
        gradient[~counted[layout.sequences]] = 0.0
    # The observed counts of an annotated path are 1 for each of its tags and transitions.
    observed = (counted & gold.annotated)[layout.sequences].astype(np.float32)
    gradient.reshape(-1)[gold.emissions] -= observed
    observed[layout.lasts] = 0.0
    matrix -= np.bincount(gold.transitions, observed[:-1], matrix.size).reshape(matrix.shape)
    result = Likelihood(
        np.where(counted, log_gold - free.log_z, 0.0).astype(np.float32),
        gradient,
        Transitions(matrix, gradient[layout.firsts].sum(0), gradient[layout.lasts].sum(0)),
    )
    for sequence in others[~gold.unannotated[others]].tolist():
        _add_reference(result, sequence, layout.rows(sequence), emissions, transitions, gold_mask, weighted)
    return result


def _add_reference(
    result: Likelihood,
    sequence: int,
    rows: slice,
    emissions: FloatsT,
    transitions: Transitions,
    gold_mask: BoolsT,
    weighted: FloatsT,
) -> None:
    """Recompute a sequence that underflows in float32 in float64 log space, and add it to the result in place.

    result (Likelihood): Result of the batch, to which this sequence has not contributed; changed in place.
    sequence (int), rows (slice): Index of the sequence in the batch, and its rows.
    emissions, transitions, gold_mask: Scores and gold mask of the whole batch.
    weighted (np.ndarray): (n_rows, n_tags) emissions with the log-weights of gold tags added.
    RAISES (SettingError): If the sequence has no legal path, or its gold mask allows none.
    """
    free = recompute_sequence(emissions[rows], transitions, sequence=sequence)
    gold = run_reference(np.where(gold_mask[rows], weighted[rows], PENALTY), transitions)
    if gold.log_z < PENALTY / 2:
        raise SettingError(Errors.ZT105.format(index=sequence))
    gradient = free.marginals() - gold.marginals()
    result.log_likelihood[sequence] = gold.log_z - free.log_z
    result.emissions[rows] = gradient
    result.transitions.matrix[:] += free.expected_counts - gold.expected_counts
    result.transitions.start[:] += gradient[0]
    result.transitions.end[:] += gradient[-1]


def _add_smoothing(
    likelihood: Likelihood,
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

    u is computed by a CRF whose scores are 0, except those of forbidden tags and transitions. Smoothing each tag
    separately would be wrong: in general, no distribution over legal paths has such marginals. Only sequences with a
    gold tag for every token are smoothed.

    likelihood (Likelihood): Values and gradients without smoothing; changed in place.
    emissions (np.ndarray): (n_rows, n_tags) float32.
    layout (Layout), transitions (Transitions), gold (Gold): Row indices, scores and gold tags of the batch.
    share (float): ε, from 0 to less than 1.
    """
    # With all scores 0, float64 cannot underflow, so every sequence is stable.
    flat, *legal = (np.where(is_allowed(scores), 0.0, PENALTY) for scores in (emissions, *transitions))
    emissions, *allowed = (
        np.where(is_allowed(scores), scores, 0.0).astype(np.float64) for scores in (emissions, *transitions)
    )
    scores = Transitions(*allowed)
    uniform = run_forward_backward(flat, layout, Transitions(*legal), kernels=None)
    weight = gold.annotated[layout.sequences] * share  # (n_rows,)
    # (n_rows, n_tags) weight · (observed − expected under u): the change of the gradient
    moved = -uniform.marginals()
    moved.reshape(-1)[gold.emissions] += 1.0
    moved *= weight[:, None]
    value = -(moved * emissions).sum(1)
    value[layout.firsts] -= moved[layout.firsts] @ scores.start
    value[layout.lasts] -= moved[layout.lasts] @ scores.end
    outgoing, incoming = uniform.outgoing(np.ones(layout.n_rows))[:-1], uniform.incoming[1:]
    has_next = weight.copy()
    has_next[layout.lasts] = 0.0
    has_next = has_next[:-1]
    # E_u of the transition scores of each step, less the score of the gold transition
    expected_steps = ((outgoing @ (uniform.factors.matrix * scores.matrix)) * incoming).sum(1)
    value[:-1] += (expected_steps - scores.matrix.reshape(-1)[gold.transitions]) * has_next
    pairs = -sum_outer_products(outgoing * has_next[:, None], incoming) * uniform.factors.matrix
    pairs += np.bincount(gold.transitions, has_next, pairs.size).reshape(pairs.shape)
    likelihood.log_likelihood[:] += layout.sum_by_sequence(value)
    likelihood.emissions[:] += moved
    likelihood.transitions.matrix[:] += pairs
    likelihood.transitions.start[:] += moved[layout.firsts].sum(0)
    likelihood.transitions.end[:] += moved[layout.lasts].sum(0)
