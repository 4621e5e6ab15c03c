"""The best path (Viterbi 1967) of every sequence of a ragged batch."""

from collections.abc import Sequence

import torch

from ..errors import Errors
from .compiled import as_arrays, kernels_for, settle
from .layout import Layout, check_finite, check_shapes
from .transitions import PENALTY, Transitions

LEVEL_EVERY = 8  # steps after which the maximum is taken off the scores


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
    check_shapes(emissions, lengths, len(transitions.start))
    emissions = emissions.float()
    kernels = kernels_for(emissions, compiled)
    if kernels is None:
        check_finite(emissions)
        tags, illegal = _by_torch(emissions, Layout(lengths, emissions.device), transitions)
    else:
        path, status = kernels.best_paths(*as_arrays(emissions, lengths, transitions))
        tags = torch.from_numpy(path)
        _, illegal = settle(status, emissions, kernels)
    if illegal:
        raise ValueError(Errors.ZT108.format(index=illegal[0], length=lengths[illegal[0]]))
    return tags


def _by_torch(emissions: torch.Tensor, layout: Layout, transitions: Transitions) -> tuple[torch.Tensor, list[int]]:
    """The tags, and the sequences that have no legal path.

    Only scores are kept on the way there. Which tag was before another is found on the way back, for the one tag of
    each sequence that matters, from the same sums.
    """
    # shape: (n_tags to, n_tags from): the maximum is taken over the last axis
    into = transitions.matrix.T.contiguous()
    walked = layout.to_walk(emissions)
    blocks = (walked - walked.amax(1, keepdim=True)).split(layout.active)  # type: ignore[no-untyped-call]
    scores: list[torch.Tensor] = []
    stuck = torch.zeros(layout.n_sequences, dtype=torch.bool, device=emissions.device)
    for step, (block, running) in enumerate(zip(blocks, layout.active, strict=True)):
        come = (scores[-1][:running, None] + into).amax(2) if scores else transitions.start
        here = come + block
        if step % LEVEL_EVERY == LEVEL_EVERY - 1:  # keeps long texts in range
            peak = here.amax(1, keepdim=True)
            here -= peak
            stuck[layout.sequences[:running][peak[:, 0] < PENALTY / 2]] = True
        scores.append(here)
    if not scores:
        return torch.empty(0, dtype=torch.long, device=emissions.device), []

    path: list[torch.Tensor] = []
    finals: list[torch.Tensor] = []
    tags = torch.empty(0, dtype=torch.long, device=emissions.device)
    for here in reversed(scores):
        # Of the sequences that go on the tag is known by what follows it; those that end here choose it themselves.
        n_going_on = len(tags)
        before = (here[:n_going_on] + into[tags]).argmax(1)
        if n_going_on < len(here):
            best, last = (here[n_going_on:] + transitions.end).max(1)
            finals.append(best)
            before = torch.cat([before, last])
        tags = before
        path.append(tags)
    # The shortest sequences came first: in reverse these are in the order of the walk's first step.
    stuck[layout.sequences[: layout.n_begun]] |= torch.cat(finals[::-1]) < PENALTY / 2
    return layout.to_batch(torch.cat(path[::-1])), stuck.nonzero()[:, 0].tolist()
