"""How probable the gold is, and the gradient, by hand: what is expected freely − what is expected under the gold."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..errors import Errors
from .arrays import Array, as_arrays, as_tensors
from .chains import run_scaled
from .compiled import as_inputs, kernels_for, settle
from .layout import Layout, check_finite, check_shapes, rows_of
from .log_space import run_log_space
from .transitions import PENALTY, Transitions


class Likelihood(NamedTuple):
    """Log-likelihoods, and the gradient of the *loss* (their negated sum), in float32.

    log_likelihood: (batch_size,). emissions: (n_rows, n_tags). transitions: shapes of Transitions.
    """

    log_likelihood: torch.Tensor
    emissions: torch.Tensor
    transitions: Transitions


def log_likelihood(
    emissions: torch.Tensor,
    lengths: Sequence[int],
    transitions: Transitions,
    allowed: torch.Tensor,
    *,
    smoothing: float = 0.0,
    compiled: bool | None = None,
) -> Likelihood:
    """Compute log p(gold tags | emissions) of every sequence, and the gradient of the loss.

    The gold is a set of tags for every token: one where the tag is known, several where it is partly known, all where
    nothing is known. The numerator is the log-partition over the paths that keep to the sets, so that what is unknown
    says nothing (Tsuboi et al. 2008, "Training Conditional Random Fields Using Incomplete Annotations"). Where every
    tag of a sequence is known the numerator is the score of one path, and costs next to nothing.

    emissions (torch.Tensor): (n_rows, n_tags), any floating type; computed in float32.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    allowed (torch.Tensor): (n_rows, n_tags) bool, the gold.
    smoothing (float): Share of label smoothing, see `smoothing.smoothed`; 0 for none.
    compiled (Optional[bool]): Insist on the compiled kernels or on torch; by default whichever is faster.
    RETURNS (Likelihood): Values and gradients in float32.
    RAISES (ValueError): Where the gold forms no legal path, or the input is broken.
    """
    check_shapes(emissions, lengths, len(transitions.start))
    if allowed.shape != emissions.shape or allowed.dtype != torch.bool:
        raise ValueError(
            Errors.ZT111.format(seen=f"{tuple(allowed.shape)} {allowed.dtype}", expected=tuple(emissions.shape))
        )
    emissions = emissions.float()
    kernels = kernels_for(emissions, compiled)
    if kernels is None:
        result, unsound, illegal = _by_recursion(emissions, lengths, transitions, allowed)
    else:
        arrays = as_inputs(emissions, lengths, transitions)
        *outcome, status = kernels.likelihood(*arrays[:2], np.ascontiguousarray(allowed.numpy()), *arrays[2:])
        values, g_emissions, *g_transitions = (torch.from_numpy(array) for array in outcome)
        result = Likelihood(values.float(), g_emissions, Transitions(*g_transitions))
        unsound, illegal = settle(status, emissions, kernels)
    if illegal:
        raise ValueError(Errors.ZT105.format(index=illegal[0]))
    for sequence in unsound:
        _add_exact(result, sequence, rows_of(lengths, sequence), emissions, transitions, allowed)
    if smoothing:
        from .smoothing import smoothed

        return smoothed(result, emissions, lengths, transitions, allowed, smoothing)
    return result


@torch.no_grad()
@np.errstate(all="ignore")
def _by_recursion(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, allowed: torch.Tensor
) -> tuple[Likelihood, list[int], list[int]]:
    """Values and gradients of what is sound; then the sequences that are not, and those whose gold is illegal."""
    check_finite(emissions)
    layout = Layout(lengths, emissions.device)
    xp, n_tags = layout.xp, emissions.shape[1]
    gold = _read_gold(allowed, layout)
    free = run_scaled(emissions, layout, transitions)
    log_gold = _score(emissions, gold, layout, transitions)
    surplus, g_matrix = free.marginals, torch.zeros_like(free.factors)
    sound, log_z, array = as_arrays(free.sound, free.log_z, surplus)
    known = gold.known[layout.sequences]
    array.reshape(-1)[gold.at] -= known
    partly = ~(gold.known | gold.unknown | gold.impossible)
    if bool(partly.any()):
        rows = as_tensors(partly[layout.sequences])[0]
        part = Layout([n for n, wanted in zip(lengths, partly.tolist(), strict=True) if wanted], emissions.device)
        under = run_scaled(torch.where(allowed, emissions, PENALTY)[rows], part, transitions)
        surplus[rows] -= under.marginals
        log_gold[partly], under_sound = as_arrays(under.log_z, under.sound)
        sound[partly] &= under_sound
        g_matrix -= under.expected(*as_tensors(sound[partly][part.sequences]))
    counts = sound & ~(gold.unknown | gold.impossible)
    counted = counts[layout.sequences]
    if not bool(counts.all()):
        surplus = surplus.where(as_tensors(counted)[0][:, None], 0.0)
    seen = known & counted
    seen[layout.lasts] = False
    pairs = gold.tags[:-1] * n_tags + gold.tags[1:]
    n_seen = xp.bincount(pairs, xp.asarray(seen[:-1], dtype=xp.float32), n_tags**2).reshape(n_tags, n_tags)
    g_matrix += free.expected(*as_tensors(counted)).sub_(*as_tensors(n_seen))
    (array,) = as_arrays(surplus)
    illegal = gold.impossible | gold.known & (log_gold < PENALTY / 2)
    values, start, end, unsound, illegal = as_tensors(
        xp.where(counts, log_gold - log_z, 0.0),
        array[layout.firsts].sum(0),
        array[layout.lasts].sum(0),
        ~sound & ~gold.unknown,
        illegal,
    )
    result = Likelihood(values.float(), surplus, Transitions(g_matrix, start, end))
    return result, unsound.nonzero()[:, 0].tolist(), illegal.nonzero()[:, 0].tolist()


class _Gold(NamedTuple):
    """Arrays. tags: (n_rows,) where one is known; at: where they stand in (n_rows, n_tags), flattened.

    known, unknown, impossible: (batch_size,) bool, whether all is known of a sequence, nothing, or that it has none.
    """

    tags: Array
    at: Array
    known: Array
    unknown: Array
    impossible: Array


def _read_gold(allowed: torch.Tensor, layout: Layout) -> _Gold:
    xp, (n_rows, n_tags) = layout.xp, allowed.shape
    (flags,) = as_arrays(allowed)
    tags = flags.argmax(1) if xp is np else allowed.byte().argmax(1)
    at = tags + layout.numbers * n_tags
    nothing = layout.sum_of(layout.numbers) < 0
    if int(xp.count_nonzero(flags)) == n_rows and bool(xp.take(flags, at).all()):
        return _Gold(tags, at, ~nothing, nothing, nothing)
    n_allowed = flags.sum(1)
    known, impossible = layout.sum_of(n_allowed != 1) == 0, layout.sum_of(n_allowed == 0) > 0
    return _Gold(tags, at, known, (layout.sum_of(n_allowed < n_tags) == 0) & ~known, impossible)


def _score(emissions: torch.Tensor, gold: _Gold, layout: Layout, transitions: Transitions) -> Array:
    """(batch_size,) scores of the given paths."""
    values, matrix, start, end = as_arrays(emissions, *transitions)
    scores = layout.xp.asarray(layout.xp.take(values, gold.at), dtype=layout.xp.float64)
    going_on = matrix[gold.tags[:-1], gold.tags[1:]]
    going_on[layout.lasts[:-1]] = 0.0
    scores[:-1] += going_on
    scores[layout.firsts] += start[gold.tags[layout.firsts]]
    scores[layout.lasts] += end[gold.tags[layout.lasts]]
    return layout.sum_of(scores)


def _add_exact(
    result: Likelihood,
    sequence: int,
    rows: slice,
    emissions: torch.Tensor,
    transitions: Transitions,
    allowed: torch.Tensor,
) -> None:
    """Compute one sequence in float64 log space, and put it where nothing is yet.

    RAISES (ValueError): Where it has no legal path, or its gold is none.
    """
    free = run_log_space(emissions[rows], transitions)
    gold = run_log_space(torch.where(allowed[rows], emissions[rows], PENALTY), transitions)
    if float(free.log_z) < PENALTY / 2:
        raise ValueError(Errors.ZT108.format(index=sequence, length=rows.stop - rows.start))
    if float(gold.log_z) < PENALTY / 2:
        raise ValueError(Errors.ZT105.format(index=sequence))
    surplus = free.marginals() - gold.marginals()
    result.log_likelihood[sequence] = gold.log_z - free.log_z
    result.emissions[rows] = surplus.float()
    result.transitions.matrix.add_((free.expected - gold.expected).float())
    result.transitions.start.add_(surplus[0].float())
    result.transitions.end.add_(surplus[-1].float())
