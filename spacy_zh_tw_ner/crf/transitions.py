"""Scores of transitions, and the constraints on transitions and emissions."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

# Added to what is forbidden. exp(PENALTY) is 0 in any precision, no sum of emissions outweighs it, and, unlike −inf, it
# makes no NaN when one is subtracted from another.
PENALTY = -1e30

# The certificate of the scaled recursions, see `chains`: what underflow can have lost is less than n_tags² × 1.2e-38 /
# SOUND of a probability.
SOUND = 1e-26


class Transitions(NamedTuple):
    """Scores of going from tag to tag, of beginning, and of ending, in float32.

    matrix: (n_tags, n_tags), from row to column. start, end: (n_tags,).
    """

    matrix: torch.Tensor
    start: torch.Tensor
    end: torch.Tensor


def constrain(scores: Transitions, legal: Transitions) -> Transitions:
    """Forbid what is illegal.

    scores (Transitions): Learnt scores.
    legal (Transitions): Boolean arrays of the same shapes, True where allowed.
    RETURNS (Transitions): Scores with PENALTY in place of what is forbidden.
    """
    return Transitions(*(torch.where(ok, score, PENALTY) for score, ok in zip(scores, legal, strict=True)))


def constrain_emissions(
    emissions: torch.Tensor, rows: npt.NDArray[np.intp], tags: npt.NDArray[np.intp]
) -> torch.Tensor:
    """Forbid some tags on some tokens.

    The partition function, marginals, paths and gradients of the result are those of the chain without the paths that
    pass a forbidden cell. Each token must keep a tag that can be reached.

    emissions (torch.Tensor): (n_rows, n_tags) float32.
    rows, tags (npt.NDArray[np.intp]): (n_cells,) the forbidden cells.
    RETURNS (torch.Tensor): (n_rows, n_tags) with PENALTY in these cells; the same tensor if there are none.
    """
    if not len(rows):
        return emissions
    cells = torch.from_numpy(rows * emissions.shape[1] + tags).to(emissions.device)
    return emissions.flatten().index_fill(0, cells, PENALTY).view_as(emissions)


def is_allowed(scores: torch.Tensor) -> torch.Tensor:
    """Tell allowed scores from forbidden ones, which may have been divided by a temperature or summed: bool."""
    return scores > PENALTY / 2
