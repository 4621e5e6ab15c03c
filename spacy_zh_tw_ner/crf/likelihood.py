"""How probable the gold is, and the gradient, by hand: what is expected freely − what is expected under the gold."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..errors import Errors
from .chains import run_scaled
from .compiled import as_arrays, kernels_for, settle
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
        found, unsound, illegal = _by_torch(emissions, lengths, transitions, allowed)
        # Copies, because what inference mode leaves behind can take no part in a graph.
        by_transition = Transitions(*(gradient.clone() for gradient in found.transitions))
        result = Likelihood(found.log_likelihood.clone(), found.emissions.clone(), by_transition)
    else:
        arrays = as_arrays(emissions, lengths, transitions)
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


@torch.inference_mode()  # a tenth of a small batch's time is autograd's question whether it is wanted
def _by_torch(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, allowed: torch.Tensor
) -> tuple[Likelihood, list[int], list[int]]:
    """Values and gradients of what is sound; then the sequences that are not, and those whose gold is illegal."""
    check_finite(emissions)
    layout = Layout(lengths, emissions.device)
    n_allowed = allowed.sum(1)
    # shape: (batch_size,) each
    known = torch.ones(layout.n_sequences, dtype=torch.bool, device=emissions.device)
    impossible = unknown = ~known
    if bool((n_allowed != 1).any()):
        n_allowed = layout.to_walk(n_allowed)
        known, impossible = layout.sum_of(n_allowed != 1) == 0, layout.sum_of(n_allowed == 0) > 0
        unknown = (layout.sum_of(n_allowed < allowed.shape[1]) == 0) & ~known
    walked = layout.to_walk(emissions)
    free = run_scaled(walked, layout, transitions)
    tags = layout.to_walk(allowed.view(torch.uint8).argmax(1))
    sound, taken = free.sound, known[layout.sequences, None].float()
    surplus = free.marginals.scatter_add_(1, tags[:, None], -taken)
    log_gold, g_matrix = _known_gold(walked, tags, layout, transitions, known & sound)
    partly = ~(known | unknown | impossible)
    if bool(partly.any()):
        some = partly.tolist()
        rows = torch.repeat_interleave(partly, torch.tensor(lengths, device=partly.device))
        gold_layout = Layout([n for n, wanted in zip(lengths, some, strict=True) if wanted], emissions.device)
        gold_emissions = torch.where(allowed, emissions, PENALTY)[rows]
        gold = run_scaled(gold_layout.to_walk(gold_emissions), gold_layout, transitions)
        target = torch.zeros_like(emissions)
        log_gold[partly], target[rows] = gold.log_z, gold_layout.to_batch(gold.marginals)
        surplus -= layout.to_walk(target)
        sound[partly] &= gold.sound
        g_matrix -= gold.expected(gold_layout, sound[partly])
    counts = sound & ~unknown & ~impossible
    if not bool(counts.all()):
        surplus = torch.where(counts[layout.sequences, None], surplus, 0.0)
    g_transitions = Transitions(
        matrix=g_matrix + free.expected(layout, counts),
        start=surplus[: layout.n_begun].sum(0),
        end=surplus[layout.lasts].sum(0),
    )
    values = torch.where(counts, log_gold - free.log_z, 0.0).float()
    illegal = (impossible | known & (log_gold < PENALTY / 2)).nonzero()[:, 0].tolist()
    unsound = (~sound & ~unknown).nonzero()[:, 0].tolist()
    return Likelihood(values, layout.to_batch(surplus), g_transitions), unsound, illegal


def _known_gold(
    emissions: torch.Tensor, tags: torch.Tensor, layout: Layout, transitions: Transitions, counted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of given paths, and the transitions of the counted sequences, negated. Rows are those of the walk."""
    here, after = tags[layout.before], tags[layout.n_begun :]
    scores = emissions.gather(1, tags[:, None])[:, 0].double()
    scores[layout.n_begun :] += transitions.matrix[here, after]
    scores[: layout.n_begun] += transitions.start[tags[: layout.n_begun]]
    scores[layout.lasts] += transitions.end[tags[layout.lasts]]
    counts = torch.zeros_like(transitions.matrix)
    counts.index_put_((here, after), -counted[layout.sequences[layout.n_begun :]].float(), accumulate=True)
    return layout.sum_of(scores), counts


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
