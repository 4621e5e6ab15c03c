"""What leads from tag to tag: learnt scores, and what is forbidden."""

from typing import NamedTuple

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
