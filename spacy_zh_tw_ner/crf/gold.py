"""What is known of a batch, and the score of a path that is wholly known."""

from dataclasses import dataclass

import numpy as np
import torch

from .arrays import Array, as_arrays
from .layout import Layout
from .transitions import Transitions


@dataclass
class Gold:
    """Arrays of the namespace.

    tags: (n_rows,) where one is known. at: (n_rows,) where these stand in (n_rows, n_tags), flattened.
    pairs: (n_rows − 1,) where in the matrix, flattened, the step to the next tag stands.
    known, unknown, impossible: (batch_size,) bool: of a sequence all is known, nothing, or that it has no path.
    """

    tags: Array
    at: Array
    pairs: Array
    known: Array
    unknown: Array
    impossible: Array


def read_gold(allowed: torch.Tensor, layout: Layout) -> Gold:
    """Tell what is known from (n_rows, n_tags) bool."""
    xp, n_tags = layout.xp, allowed.shape[1]
    (flags,) = as_arrays(allowed)
    tags = flags.argmax(1) if xp is np else allowed.byte().argmax(1)  # numpy finds flags fast; torch takes numbers
    at, pairs = tags + layout.numbers * n_tags, tags[:-1] * n_tags + tags[1:]
    if int(xp.count_nonzero(flags)) == layout.n_rows and bool(xp.take(flags, at).all()):
        return Gold(tags, at, pairs, layout.sizes >= 0, layout.sizes < 0, layout.sizes < 0)
    n_allowed = flags.sum(1)
    known, impossible = layout.sum_of(n_allowed != 1) == 0, layout.sum_of(n_allowed == 0) > 0
    return Gold(tags, at, pairs, known, (layout.sum_of(n_allowed < n_tags) == 0) & ~known, impossible)


def score(gold: Gold, emissions: torch.Tensor, layout: Layout, transitions: Transitions) -> Array:
    """(batch_size,) float64 scores of the paths, of which those that are known mean something."""
    xp = layout.xp
    values, matrix, start, end = as_arrays(emissions, *transitions)
    scores, steps = xp.asarray(xp.take(values, gold.at), dtype=xp.float64), xp.take(matrix, gold.pairs)
    steps[layout.lasts[:-1]] = 0.0
    scores[:-1] += steps
    scores[layout.firsts] += start[gold.tags[layout.firsts]]
    scores[layout.lasts] += end[gold.tags[layout.lasts]]
    return layout.sum_of(scores)
