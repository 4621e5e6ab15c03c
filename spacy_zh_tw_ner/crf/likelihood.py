"""How probable the gold is, and the gradient, by hand: what is expected freely − what is expected under the gold."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..errors import Errors
from .arrays import as_arrays, as_tensors
from .chains import run_scaled
from .compiled import as_inputs, kernels_for, settle
from .gold import read_gold, score
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


@np.errstate(all="ignore")  # what is not sound may be anything
def _by_recursion(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, allowed: torch.Tensor
) -> tuple[Likelihood, list[int], list[int]]:
    """Values and gradients of what is sound; then the sequences that are not, and those whose gold is illegal."""
    check_finite(emissions)
    layout = Layout(lengths, emissions.device)
    xp, n_tags = layout.xp, emissions.shape[1]
    gold, free = read_gold(allowed, layout), run_scaled(emissions, layout, transitions)
    log_gold, under_gold = score(gold, emissions, layout, transitions), 0.0
    surplus, sound, log_z = as_arrays(free.marginals, free.sound, free.log_z)
    partly = ~(gold.known | gold.unknown | gold.impossible)
    if bool(partly.any()):
        part = Layout([n for n, wanted in zip(lengths, partly.tolist(), strict=True) if wanted], emissions.device)
        rows = partly[layout.sequences]
        under = run_scaled(torch.where(allowed, emissions, PENALTY)[rows], part, transitions)
        marginals, log_gold[partly], held = as_arrays(under.marginals, under.log_z, under.sound)
        surplus[rows] -= marginals
        sound[partly] &= held
        under_gold = under.expected(sound[partly][part.sequences])
    counts = sound & ~(gold.unknown | gold.impossible)
    counted = counts[layout.sequences]
    if not bool(counts.all()):
        surplus = xp.where(counted[:, None], surplus, 0.0)
    # A path that is known is taken off where it goes.
    seen = xp.asarray((counts & gold.known)[layout.sequences], dtype=xp.float32)
    surplus.reshape(-1)[gold.at] -= seen
    seen[layout.lasts] = 0.0
    under_gold += xp.bincount(gold.pairs, seen[:-1], n_tags**2).reshape(n_tags, n_tags)
    illegal = gold.impossible | gold.known & (log_gold < PENALTY / 2)
    values, g_emissions, *g_transitions, unsound, illegal = as_tensors(
        xp.where(counts, log_gold - log_z, 0.0),
        surplus,
        free.expected(counted) - under_gold,
        surplus[layout.firsts].sum(0),
        surplus[layout.lasts].sum(0),
        ~sound & ~gold.unknown,
        illegal,
    )
    result = Likelihood(values.float(), g_emissions, Transitions(*(gradient.float() for gradient in g_transitions)))
    return result, unsound.nonzero()[:, 0].tolist(), illegal.nonzero()[:, 0].tolist()


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
