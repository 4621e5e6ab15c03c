"""The best path (Viterbi 1967) of every sequence of a ragged batch."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from ..errors import Errors
from .arrays import as_tensors
from .compiled import as_inputs, kernels_for, settle
from .layout import Layout, check_finite, check_shapes
from .transitions import PENALTY, Transitions

LEVEL_EVERY = 8  # steps after which the maximum is taken off the scores


class Paths(NamedTuple):
    """tags: (n_rows,) of the best paths. finals: (batch_size, n_tags) score of the best way to each last tag.

    Scores of one sequence are less the same unknown number, those of an empty one say nothing. `end` is not in them.
    """

    tags: torch.Tensor
    finals: torch.Tensor


def decode(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> torch.Tensor:
    """Find the most probable legal tags.

    emissions (torch.Tensor): (n_rows, n_tags), any floating type; computed in float32.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    compiled (Optional[bool]): Insist on the compiled kernels or on torch; by default whichever is faster.
    RETURNS (torch.Tensor): (n_rows,) one tag index a token.
    RAISES (ValueError): For shapes that do not fit, emissions that are not finite, or no legal path.
    """
    return best_paths(emissions, lengths, transitions, compiled=compiled).tags


def best_paths(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> Paths:
    """The same as `decode`, with what a sequence that goes on needs to know."""
    check_shapes(emissions, lengths, len(transitions.start))
    emissions = emissions.float()
    kernels = kernels_for(emissions, compiled)
    if kernels is None:
        check_finite(emissions)
        *found, illegal = _by_torch(emissions, Layout(lengths, emissions.device), transitions)
        # Which everybody may use; what inference mode leaves behind is good for little else.
        tags, finals = (tensor.clone() for tensor in found)
    else:
        *arrays, status = kernels.best_paths(*as_inputs(emissions, lengths, transitions))
        tags, finals = map(torch.from_numpy, arrays)
        _, illegal = settle(status, emissions, kernels)
    if illegal:
        raise ValueError(Errors.ZT108.format(index=illegal[0], length=lengths[illegal[0]]))
    return Paths(tags, finals)


@torch.inference_mode()
def _by_torch(
    emissions: torch.Tensor, layout: Layout, transitions: Transitions
) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """The paths, and the sequences that have no legal one.

    Only scores are kept on the way there. Which tag was before another is found on the way back, for the one tag of
    each sequence that matters, from the same sums.
    """
    walked = layout.to_walk(emissions)
    walked -= walked.amax(1, keepdim=True)
    path = torch.empty(layout.n_rows, dtype=torch.long, device=emissions.device)
    # In each step the sequences that go on come first, and then those that end.
    pieces = [n for here, after in pairwise((*layout.active, 0)) for n in (after, here - after)]
    blocks, going_on = walked.split(layout.active), walked.split(pieces)[::2]  # type: ignore[no-untyped-call]
    # shape: (n_tags from, n_going_on, 1) and (n_tags from, 1, n_tags to): a maximum over the first axis is one of whole
    # rows, and several times as fast as one within rows.
    leaving, matrix = walked.T[:, :, None].split(pieces, 1)[::2], transitions.matrix[:, None]  # type: ignore[no-untyped-call]
    n_tags, peaks = len(matrix), walked.new_zeros(layout.n_rows, 1)
    sums = walked.new_empty(n_tags, layout.n_begun, n_tags)
    for step, (here, peak, n_here) in enumerate(zip(blocks, peaks.split(layout.active), layout.active, strict=True)):  # type: ignore[no-untyped-call]
        if step:
            if n_here != layout.active[step - 1]:
                sums.resize_(n_tags, n_here, n_tags)  # it only shrinks
            here.add_(torch.add(leaving[step - 1], matrix, out=sums).amax(0))
        else:
            here.add_(transitions.start)
        if step % LEVEL_EVERY == LEVEL_EVERY - 1:  # keeps long texts in range
            here.sub_(torch.amax(here, 1, keepdim=True, out=peak))
    places, rows, sequences = as_tensors(layout.walk_ends, layout.rows, layout.sequences)
    at_last = walked.index_select(0, places)
    best, path[places] = (at_last + transitions.end).max(1)
    peaks[places, 0] += best
    finals = walked.new_zeros(layout.n_sequences, n_tags)
    finals[sequences[rows[places, 0]]] = at_last

    into = transitions.matrix.T.contiguous()
    tags, before = path.split(layout.active), path.split(pieces)[::2]  # type: ignore[no-untyped-call]
    for step in range(len(blocks) - 1, 0, -1):
        scores = into.index_select(0, tags[step]).add_(going_on[step - 1])
        torch.argmax(scores, 1, out=before[step - 1])
    stuck = torch.unique(sequences[layout.to_batch(peaks[:, 0]) < PENALTY / 2])
    return layout.to_batch(path), finals, stuck.tolist()
