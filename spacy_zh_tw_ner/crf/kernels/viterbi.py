"""Compiled loops of Viterbi decoding. The module `crf.viterbi` computes the same in numpy."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..layout import Layout
from ..transitions import PENALTY, BoolsT, FloatsT, IntsT, Transitions
from . import LANES, jit, padded

Array = npt.NDArray[Any]

LOWEST = np.float32(-3e38)

# Emissions are finite (`nnan`), which lets the compiler vectorize maxima.
compiled = jit("contract", "reassoc", "nsz", "nnan")


@compiled
def maximize_four(x: Array, matrix: Array, out: Array) -> None:
    """Set out[lane, j] = max_i (x[lane, i] + matrix[i, j]) for four sequences (lanes), in place.

    x: (4, at least n) score of each tag i at the previous token.
    matrix: (n, width) transition scores from i to j; n is even.
    out: (4, width) result.
    """
    a, b, c, d = out[0], out[1], out[2], out[3]
    for j in range(matrix.shape[1]):
        a[j] = b[j] = c[j] = d[j] = LOWEST
    for i in range(0, matrix.shape[0], 2):
        a0, a1, b0, b1 = x[0, i], x[0, i + 1], x[1, i], x[1, i + 1]
        c0, c1, d0, d1 = x[2, i], x[2, i + 1], x[3, i], x[3, i + 1]
        m0, m1 = matrix[i], matrix[i + 1]
        for j in range(matrix.shape[1]):
            p, q = m0[j], m1[j]
            a[j] = max(a[j], a0 + p, a1 + q)
            b[j] = max(b[j], b0 + p, b1 + q)
            c[j] = max(c[j], c0 + p, c1 + q)
            d[j] = max(d[j], d0 + p, d1 + q)


@compiled
def run_viterbi(
    emissions: Array, first_rows: Array, lengths: Array, matrix: Array, into: Array, start: Array, end: Array,
    tags: Array, finals: Array, legal: Array,
) -> None:  # fmt: skip
    """Find the best path of each sequence.

    Only scores are stored, no back pointers. The path is traced back from its last tag: the best previous tag is
    computed again, but only for the tag of each token that is on the path.

    The arguments `tags`, `finals` and `legal` are results, which are written in place.

    emissions: (n_rows, n_tags) emissions of all tokens, one sequence after another.
    first_rows, lengths: (n_sequences,) first row in `emissions` and length (at least 1) of each sequence. The sequences
        are in the order of their lengths, longest first.
    matrix: (n_padded_tags, width) transition scores from row to column, as `padded` returns them for vector
        instructions. into: (n_tags, n_tags) the same scores from column to row, without padding.
    start, end: (n_tags,) start and end scores.
    tags: (n_rows,) result: tags of the best paths.
    finals: (n_sequences, n_tags) result: score of the best path that ends in each tag, without end scores, minus the
        largest of these scores.
    legal: (n_sequences,) bool result: whether the sequence has a path without forbidden tags and transitions,
        whose scores are PENALTY, a large negative number.
    """
    n_tags, width = emissions.shape[1], matrix.shape[1]
    after = np.empty((LANES, width), np.float32)
    before = np.full((LANES, width), PENALTY, np.float32)
    scores = np.empty((LANES, lengths[0] if len(lengths) else 0, n_tags), np.float32)
    for group in range(0, len(lengths), LANES):
        in_group = min(LANES, len(lengths) - group)
        n_lanes = in_group
        legal[group : group + in_group] = True
        for t in range(lengths[group]):
            while lengths[group + n_lanes - 1] <= t:
                n_lanes -= 1
            if t == 0:
                after[:, :n_tags] = start
            else:
                maximize_four(before, matrix, after)
            for lane in range(n_lanes):
                row = first_rows[group + lane] + t
                best, previous, emission, kept = after[lane], before[lane], emissions[row], scores[lane, t]
                peak = LOWEST
                for j in range(n_tags):
                    kept[j] = best[j] + emission[j]
                    peak = max(peak, kept[j])
                if peak < PENALTY / 2:
                    legal[group + lane] = False
                for j in range(n_tags):  # keeps the scores of long sequences in the range of float32
                    kept[j] -= peak
                    previous[j] = kept[j]
        for lane in range(in_group):
            first, length, final = first_rows[group + lane], lengths[group + lane], finals[group + lane]
            final[:] = scores[lane, length - 1]
            tag = best_before(final, end)
            if final[tag] + end[tag] < PENALTY / 2:
                legal[group + lane] = False
            for t in range(length - 1, -1, -1):
                tags[first + t] = tag
                if t:
                    tag = best_before(scores[lane, t - 1], into[tag])


@compiled
def best_before(scores: Array, into: Array) -> int:
    """Return the best previous tag of a tag: the i with the largest scores[i] + into[i]; of equal ones the first.

    scores: (n_tags,) scores of the best paths to the previous token. into: (n_tags,) transition scores to the tag.
    """
    best = LOWEST
    for i in range(len(scores)):
        best = max(best, scores[i] + into[i])
    for i in range(len(scores)):
        if scores[i] + into[i] >= best:
            return i
    return 0


def find_best_paths(emissions: FloatsT, layout: Layout, transitions: Transitions) -> tuple[IntsT, FloatsT, BoolsT]:
    """Find the best path of each sequence with compiled loops.

    The results are the same as those of the numpy function `crf.viterbi._find_best_paths`.

    emissions: (n_rows, n_tags) emissions of all tokens, one sequence after another.
    layout: Lengths and row indices of the sequences.
    transitions: Transition, start and end scores.
    RETURNS: (n_rows,) tags; (n_sequences, n_tags) score of the best path that ends in each tag, without end scores and
        up to a constant per sequence; and (n_sequences,) bool: whether the sequence has a path without forbidden tags
        and transitions, whose scores are PENALTY.
    """
    n_tags = emissions.shape[1]
    tags = np.empty(len(emissions), np.int64)
    order = layout.order[: len(layout.firsts)]
    finals, legal = np.empty((len(order), n_tags), np.float32), np.empty(len(order), np.bool_)
    lengths = layout.sizes[order]
    start, end = (np.ascontiguousarray(scores, np.float32) for scores in transitions[1:])
    matrix, into = transitions.matrix.astype(np.float32), np.ascontiguousarray(transitions.matrix.T, np.float32)
    first_rows = layout.ends[order] - lengths
    run_viterbi(emissions, first_rows, lengths, padded(matrix, PENALTY), into, start, end, tags, finals, legal)
    all_finals, all_legal = np.zeros((layout.n_sequences, n_tags), np.float32), np.ones(layout.n_sequences, np.bool_)
    all_finals[order], all_legal[order] = finals, legal
    return tags, all_finals, all_legal
