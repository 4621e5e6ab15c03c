"""Exact measures of uncertainty of each sequence: the entropy over all paths, and the two best paths.

    entropy    H = log Z − E[score(y)], the expectation over paths y under the CRF
    margin     P(best path) − P(second best path)

Z is the partition function, the sum of exp(score(y)) over all paths, and P(y) = exp(score(y)) / Z.

The second best path differs from the best path in at least one row. So it is the best path through some tag that is not
on the best path. The scores of the best paths through each tag are computed by two Viterbi recursions, one from the
first row to the last and one from the last row to the first:

    score of the best path through tag j of row t = L[t, j] + R[t, j]

L[t, j] is the score of the best path for the rows up to t that ends in tag j, including the emission of row t. R[t, j]
is the score of the best continuation of tag j for the rows after t, without the emission of row t.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .gold import expect, expected_scores
from .layout import Layout
from .posterior import infer
from .transitions import PENALTY, FloatsT, Transitions
from .viterbi import decode


class TwoBest(NamedTuple):
    """Probabilities of the best and the second best path of each sequence, (batch_size,) float64 each."""

    best: FloatsT
    second: FloatsT


def entropies(
    emissions: FloatsT, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> FloatsT:
    """Compute the entropy over the paths of each sequence.

    emissions (np.ndarray): (n_rows, n_tags), of any floating type; computed in float32.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (np.ndarray): (batch_size,) float64 entropies in nats, at least 0.
    RAISES (SettingError): If shapes do not match, or there is no legal path.
    RAISES (TrainingError): If emissions are not finite.
    """
    expected = expect(emissions, lengths, transitions, compiled=compiled)
    log_z = infer(emissions, lengths, transitions, compiled=compiled).log_z
    scores = expected_scores(expected, np.asarray(emissions, np.float32), Layout(lengths), transitions)
    found: FloatsT = np.maximum(np.where(np.asarray(lengths) > 0, log_z - scores, 0.0), 0.0)
    return found


def two_best(
    emissions: FloatsT, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> TwoBest:
    """Compute the probabilities of the two best paths of each sequence.

    emissions (np.ndarray): (n_rows, n_tags), of any floating type.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (TwoBest): The probabilities. The second one is 0 if a sequence has only one legal path. For a sequence
        without rows, they are 1 and 0.
    RAISES (SettingError): If shapes do not match, or there is no legal path.
    RAISES (TrainingError): If emissions are not finite.
    """
    layout, log_z = Layout(lengths), infer(emissions, lengths, transitions, compiled=compiled).log_z
    tags = decode(emissions, lengths, transitions, compiled=compiled)
    best, second = np.ones(layout.n_sequences), np.zeros(layout.n_sequences)
    for sequence in range(layout.n_sequences):
        rows = layout.rows(sequence)
        if rows.stop > rows.start:
            through = _through(np.asarray(emissions[rows], np.float64), transitions)
            others = through.copy()
            others[np.arange(len(others)), tags[rows]] = PENALTY
            best[sequence] = min(1.0, np.exp(through.max() - log_z[sequence]))
            second[sequence] = min(1.0, np.exp(max(others.max(), PENALTY) - log_z[sequence]))
    return TwoBest(best, np.minimum(second, best))


def _through(emissions: FloatsT, transitions: Transitions) -> FloatsT:
    """Return the score of the best path through each tag of each row of one sequence, (n_rows, n_tags)."""
    n_rows, matrix = len(emissions), transitions.matrix.astype(np.float64)
    left, right = emissions.copy(), np.zeros_like(emissions)
    left[0] += transitions.start
    right[-1] = transitions.end
    for t in range(1, n_rows):
        left[t] += (left[t - 1, :, None] + matrix).max(0)  # (n_tags, n_tags) → (n_tags,)
    for t in range(n_rows - 2, -1, -1):
        right[t] = (matrix + (emissions[t + 1] + right[t + 1])).max(1)
    through: FloatsT = left + right
    return through
