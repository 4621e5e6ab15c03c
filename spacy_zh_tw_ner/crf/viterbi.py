"""The best path (Viterbi 1967) of every sequence of a ragged batch."""

from collections.abc import Sequence

import torch

from ..errors import Errors
from .layout import Layout, check
from .transitions import PENALTY, Transitions


def decode(emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions) -> torch.Tensor:
    """Find the most probable legal tags.

    emissions (torch.Tensor): (n_rows, n_tags), any floating type; computed in float32.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    RETURNS (torch.Tensor): (n_rows,) one tag index a token.
    RAISES (ValueError): For shapes that do not fit, emissions that are not finite, or no legal path.
    """
    check(emissions, lengths, len(transitions.start))
    layout = Layout(lengths, emissions.device)
    # shape: (n_rows, n_tags), in the order of the walk
    walked = emissions.float()[layout.rows]
    # shape: (n_rows, n_tags) the best tag before each; a tag index fits 16 bits
    previous = torch.zeros(walked.shape, dtype=torch.int16, device=walked.device)
    # shape: (begun, n_tags) best score of a path that ends here, less its maximum, which keeps long texts in range
    best = transitions.start + walked[: layout.n_begun]
    last = torch.zeros_like(best)
    tops = best.new_zeros(layout.n_begun)
    for step, here in enumerate(layout.steps):
        running = layout.active[step]
        if step:
            # shape: (running, n_tags from, n_tags to)
            scores, origin = (best[:running, :, None] + transitions.matrix).max(1)
            previous[here] = origin.to(torch.int16)
            best = scores + walked[here]
        peak = best.amax(1, keepdim=True)
        tops[:running] = torch.minimum(tops[:running], peak[:, 0])
        best = best - peak
        last[:running] = best
    finals, tags = (last + transitions.end).max(1)
    if bool((torch.minimum(finals, tops) < PENALTY / 2).any()):
        index = int((torch.minimum(finals, tops) < PENALTY / 2).nonzero()[0])
        sequence = int(layout.order[index])
        raise ValueError(Errors.ZT108.format(index=sequence, length=int(layout.lengths[sequence])))

    path = torch.empty(layout.n_rows, dtype=torch.long, device=walked.device)
    for step in reversed(range(len(layout.steps))):
        running = layout.active[step]
        path[layout.steps[step]] = tags[:running]
        if step:
            tags[:running] = previous[layout.steps[step]].gather(1, tags[:running, None])[:, 0].long()
    return layout.to_batch(path)
