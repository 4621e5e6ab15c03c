"""The k best paths of every sequence, for lists of alternatives and for doubt that one path does not show."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from ..errors import Errors
from .arrays import as_tensors
from .layout import Layout, check_finite, check_shapes
from .transitions import Transitions, is_allowed


class KBest(NamedTuple):
    """tags: (k, n_rows), the best path first. scores: (batch_size, k) float64, −inf where there are fewer legal paths.

    The probability of a path is exp(score − log_z), with `infer(...).log_z`. Tags of a path that does not exist are −1.
    """

    tags: torch.Tensor
    scores: torch.Tensor


def decode_k_best(emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, k: int) -> KBest:
    """Find the k most probable legal paths of each sequence, all different.

    This is the list Viterbi algorithm (Seshadri and Sundberg 1994).

    Each tag keeps the k best ways to reach it. Scores are summed in float64.

    emissions (torch.Tensor): (n_rows, n_tags), any floating type.
    lengths (Sequence[int]): Rows of each sequence.
    transitions (Transitions): Constrained scores.
    k (int): How many, 1 or more.
    RETURNS (KBest): Paths and scores. A sequence of length 0 has one path, the empty one, of score 0.
    RAISES (ValueError): For shapes that do not fit, emissions that are not finite, or no legal path.
    """
    if k < 1:
        raise ValueError(Errors.ZT112.format(name="k", value=k, remedy="Ask for 1 path or more."))
    check_shapes(emissions, lengths, len(transitions.start))
    check_finite(emissions)
    layout = Layout(lengths, emissions.device)
    n_tags = emissions.shape[1]
    matrix, start, end = (torch.where(is_allowed(scores), scores.double(), -torch.inf) for scores in transitions)
    emissions = torch.where(is_allowed(emissions), emissions.double(), -torch.inf)
    # shape: (running, n_tags, k) scores of the k best ways to each tag; there is one way to begin with it
    best = emissions.new_full((layout.n_begun, n_tags, k), -torch.inf, dtype=torch.float64)
    best[:, :, 0] = start
    ways: list[torch.Tensor] = []
    ends: list[torch.Tensor] = []
    for step, block in enumerate(layout.to_walk(emissions).split(layout.active)):  # type: ignore[no-untyped-call]
        ends.append(best[len(block) :])
        if step:
            # shape: (running, n_tags from · k, n_tags to)
            come = (best[: len(block), :, :, None] + matrix[:, None, :]).flatten(1, 2)
            top = come.topk(min(k, n_tags * k), dim=1)
            best = top.values.transpose(1, 2)
            ways.append(top.indices.transpose(1, 2))
        best = best + block[:, :, None]
    ends.append(best)

    # shape: (n_begun, k) a tag and a rank each, as one number
    finals = torch.cat(ends[::-1]) if layout.n_begun else best
    chosen = (finals + end[:, None]).flatten(1, 2).topk(k, dim=1)
    scores = emissions.new_full((len(lengths), k), -torch.inf, dtype=torch.float64)
    scores[:, 0] = 0.0
    sequences, rows = as_tensors(layout.sequences, layout.rows)
    scores[sequences[rows[: layout.n_begun, 0]]] = chosen.values
    stuck = torch.isinf(scores[:, 0]).nonzero()[:, 0].tolist()
    if stuck:
        raise ValueError(Errors.ZT108.format(index=stuck[0], length=lengths[stuck[0]]))

    path: list[torch.Tensor] = []
    for step in reversed(range(len(layout.active))):
        running = layout.active[step]
        n_going_on = len(path[-1]) if path else 0
        state = chosen.indices[:running].clone()
        if n_going_on:
            following = path[-1]
            rows = torch.arange(n_going_on, device=following.device)[:, None]
            state[:n_going_on] = ways[step][:n_going_on].flatten(1, 2)[rows, following]
        path.append(state)
    states = torch.cat(path[::-1]) if path else chosen.indices.new_empty((0, k))
    missing = torch.isinf(scores)[sequences]
    tags = torch.where(missing, -1, layout.to_batch(states // k))
    return KBest(tags.T.contiguous(), scores)
