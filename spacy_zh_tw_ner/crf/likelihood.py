"""Log-likelihood of the gold tags, and its gradient: expected counts − observed counts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import Errors
from .compiled import KernelsT, kernels_for
from .forward_backward import compute_expectations
from .gold import Gold, gold_from_mask, score_paths
from .layout import Layout, check_finite, check_shapes
from .reference import run_reference
from .smoothing import add_smoothing
from .transitions import PENALTY, BoolsT, FloatsT, Transitions


class Likelihood(NamedTuple):
    """Log-likelihoods, and gradients of the *loss*, the negated sum of the log-likelihoods, in float32.

    log_likelihood: (batch_size,). emissions: (n_rows, n_tags) gradient. transitions: gradients, see Transitions.
    """

    log_likelihood: FloatsT
    emissions: FloatsT
    transitions: Transitions


def log_likelihood(
    emissions: FloatsT,
    lengths: Sequence[int],
    transitions: Transitions,
    gold_mask: BoolsT,
    *,
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

    emissions (np.ndarray): (n_rows, n_tags), of any floating type; computed in float32.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    gold_mask (np.ndarray): (n_rows, n_tags) bool, the allowed tags.
    smoothing (float): Weight of label smoothing, from 0 to less than 1; see `add_smoothing`.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (Likelihood): Values and gradients in float32.
    RAISES (ValueError): If the gold mask allows no legal path, shapes do not match, or emissions are not finite.
    """
    check_shapes(emissions, lengths, len(transitions.start))
    if gold_mask.shape != emissions.shape or gold_mask.dtype != np.bool_:
        raise ValueError(Errors.ZT111.format(seen=f"{gold_mask.shape} {gold_mask.dtype}", expected=emissions.shape))
    if not 0.0 <= smoothing < 1.0:
        remedy = "Give at least 0 and less than 1."
        raise ValueError(Errors.ZT112.format(name="smoothing", value=smoothing, remedy=remedy))
    check_finite(emissions)
    emissions, gold_mask = np.ascontiguousarray(emissions, np.float32), np.ascontiguousarray(gold_mask)
    layout, kernels = Layout(lengths), kernels_for(compiled)
    gold = gold_from_mask(gold_mask, layout)
    with np.errstate(all="ignore"):  # the values of sequences that are not stable
        result = _log_likelihood(emissions, layout, transitions, gold_mask, gold, kernels)
    if smoothing:
        add_smoothing(result, emissions, layout, transitions, gold, smoothing)
    return result


def _log_likelihood(
    emissions: FloatsT,
    layout: Layout,
    transitions: Transitions,
    gold_mask: BoolsT,
    gold: Gold,
    kernels: KernelsT | None,
) -> Likelihood:
    expect_of = compute_expectations if kernels is None else kernels.compute_expectations
    counted, partly = ~(gold.unknown | gold.impossible), gold.partly_known
    partly_rows = partly[layout.sequences] if partly.any() else None
    while True:
        free = expect_of(emissions, layout, transitions, counted)
        stable = free.stable
        if partly_rows is not None:
            restricted = np.where(gold_mask[partly_rows], emissions[partly_rows], np.float32(PENALTY))
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
    illegal = gold.impossible | (gold.known & (log_gold < PENALTY / 2))
    if illegal.any():
        raise ValueError(Errors.ZT105.format(index=int(np.flatnonzero(illegal)[0])))
    if not counted.all():
        gradient[~counted[layout.sequences]] = 0.0
    # The observed counts of a known path are 1 for each of its tags and transitions.
    observed = (counted & gold.known)[layout.sequences].astype(np.float32)
    gradient.reshape(-1)[gold.emissions] -= observed
    observed[layout.lasts] = 0.0
    matrix -= np.bincount(gold.transitions, observed[:-1], matrix.size).reshape(matrix.shape)
    result = Likelihood(
        np.where(counted, log_gold - free.log_z, 0.0).astype(np.float32),
        gradient,
        Transitions(matrix, gradient[layout.firsts].sum(0), gradient[layout.lasts].sum(0)),
    )
    for sequence in np.flatnonzero(~counted & ~gold.unknown).tolist():
        _add_reference(result, sequence, layout.rows(sequence), emissions, transitions, gold_mask)
    return result


def _add_reference(
    result: Likelihood,
    sequence: int,
    rows: slice,
    emissions: FloatsT,
    transitions: Transitions,
    gold_mask: BoolsT,
) -> None:
    """Recompute one sequence that underflows in float32 by `reference`, and add it to the result in place.

    RAISES (ValueError): If the sequence has no legal path, or its gold mask allows none.
    """
    free = run_reference(emissions[rows], transitions)
    gold = run_reference(np.where(gold_mask[rows], emissions[rows], PENALTY), transitions)
    if free.log_z < PENALTY / 2:
        raise ValueError(Errors.ZT108.format(index=sequence, length=rows.stop - rows.start))
    if gold.log_z < PENALTY / 2:
        raise ValueError(Errors.ZT105.format(index=sequence))
    gradient = free.marginals() - gold.marginals()
    result.log_likelihood[sequence] = gold.log_z - free.log_z
    result.emissions[rows] = gradient
    result.transitions.matrix[:] += free.expected_counts - gold.expected_counts
    result.transitions.start[:] += gradient[0]
    result.transitions.end[:] += gradient[-1]
