"""Viterbi decoding: the most probable path of every sequence.

Viterbi (1967), "Error bounds for convolutional codes". `reference.best_path` is the same for one sequence.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..errors import Errors, SettingError
from .kernels import kernels_for
from .layout import Layout, check_finite, check_shapes
from .transitions import PENALTY, BoolsT, FloatsT, IntsT, Transitions


class Paths(NamedTuple):
    """Best paths, and the scores from which `LongSequence` continues a path in the next chunk.

    tags: (n_rows,) tags of the best paths. finals: (batch_size, n_tags) score of the best path that ends in each tag,
    without the end scores and up to a constant per sequence; 0 for empty sequences.
    """

    tags: IntsT
    finals: FloatsT


def decode(
    emissions: FloatsT, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> IntsT:
    """Find the most probable legal tags.

    emissions (np.ndarray): (n_rows, n_tags), of any floating type; computed in float32.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (np.ndarray): (n_rows,) a tag index for each token.
    RAISES (SettingError): If shapes do not match, or there is no legal path.
    RAISES (TrainingError): If emissions are not finite.
    """
    return best_paths(emissions, lengths, transitions, compiled=compiled).tags


def best_paths(
    emissions: FloatsT, lengths: Sequence[int], transitions: Transitions, *, compiled: bool | None = None
) -> Paths:
    """Find the most probable legal path of each sequence.

    emissions (np.ndarray): (n_rows, n_tags), of any floating type; computed in float32.
    lengths (Sequence[int]): Number of rows of each sequence.
    transitions (Transitions): Constrained transition scores.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    RETURNS (Paths): The tags of the paths, and the score of the best path that ends in each tag.
    RAISES (SettingError): If shapes do not match, or there is no legal path.
    RAISES (TrainingError): If emissions are not finite.
    """
    check_shapes(emissions, lengths, len(transitions.start))
    check_finite(emissions)
    emissions, layout = np.ascontiguousarray(emissions, dtype=np.float32), Layout(lengths)
    kernels = kernels_for(compiled)
    if not layout.n_rows:
        return Paths(np.empty(0, np.int64), np.zeros((layout.n_sequences, emissions.shape[1]), np.float32))
    find = _find_best_paths if kernels is None else kernels.find_best_paths
    tags, finals, legal = find(emissions, layout, transitions)
    if not legal.all():
        index = int(np.flatnonzero(~legal)[0])
        raise SettingError(Errors.ZT108.format(index=index, length=lengths[index]))
    return Paths(tags, finals)


def _find_best_paths(emissions: FloatsT, layout: Layout, transitions: Transitions) -> tuple[IntsT, FloatsT, BoolsT]:
    """Find the best paths, one time step of all sequences at a time.

    Only scores are stored, no back pointers. The path is traced back from its last tag: the best previous tag is
    computed again, but only for the tag of each token that is on the path.

    RETURNS (tuple): (n_rows,) tags; (batch_size, n_tags) score of the best path that ends in each tag; and
        (batch_size,) bool: whether the sequence has a legal path.
    """
    matrix, start, end = transitions
    n_tags, time_major, active = len(start), layout.time_major, layout.active
    # shape: (n_rows, n_tags) in time-major order
    scores = emissions[time_major]
    peaks = np.empty((layout.n_rows, 1), np.float32)
    room = np.empty(n_tags * active[0] * n_tags, np.float32)
    bounds = list(pairwise(np.cumsum([0, *active]).tolist()))
    for step, (first, last) in enumerate(bounds):
        here, n = scores[first:last], last - first
        if step:
            before = scores[bounds[step - 1][0] :][:n]
            # (n_tags from, n, n_tags to): a maximum over the first axis compares whole rows, which is fast
            sums = room[: n_tags * n * n_tags].reshape(n_tags, n, n_tags)
            here += np.add(before.T[:, :, None], matrix[:, None], out=sums).max(0)
        else:
            here += start
        here.max(1, keepdims=True, out=peaks[first:last])
        here -= peaks[first:last]  # keeps the scores of long sequences in the range of float32
    path, finals = np.empty(layout.n_rows, np.int64), np.zeros((layout.n_sequences, n_tags), np.float32)
    into = np.ascontiguousarray(matrix.T)
    # A sequence ends at the last step at which it is active.
    n_after = [*active[1:], 0]
    for step in range(len(active) - 1, -1, -1):
        first, last = bounds[step]
        going_on, n = n_after[step], last - first
        if going_on:
            following = path[bounds[step + 1][0] : bounds[step + 1][1]]
            path[first : first + going_on] = (into[following] + scores[first : first + going_on]).argmax(1)
        if going_on < n:
            ends = scores[first + going_on : last] + end
            path[first + going_on : last] = ends.argmax(1)
            peaks[first + going_on : last, 0] = np.minimum(peaks[first + going_on : last, 0], ends.max(1))
            finals[layout.order[going_on:n]] = scores[first + going_on : last]
    tags = np.empty(layout.n_rows, np.int64)
    tags[time_major] = path
    blocked = np.zeros(layout.n_rows)
    blocked[time_major] = peaks[:, 0] < PENALTY / 2
    return tags, finals, layout.sum_by_sequence(blocked) == 0
