"""The best path of each sequence (Viterbi 1967), in memory that does not grow with its length."""

import numpy as np

from .forward_backward import FLOOR, ILLEGAL, NOT_FINITE, Array, is_broken
from .simd import ROW_STEP, jit, max_rows
from .vectors import LANES

# Scores of so many tokens are kept. Of a longer sequence each stretch is walked a second time, from the last to the
# first, when its tags are read off.
STRETCH = 4096
UNREACHED = np.float32(-1e38)


@jit
def walk(emissions: Array, first: int, begin: int, end: int, matrix: Array, start: Array, scores: Array) -> bool:
    """Fill rows 1 … end − begin of `scores` from row 0, each less its maximum; whether every token can be reached."""
    n_tags, width = emissions.shape[1], scores.shape[1]
    flat = scores.reshape(-1)
    for t in range(begin, end):
        here, values = scores[t - begin + 1], emissions[first + t]
        if t == 0:
            here[:] = start
        else:
            max_rows(
                flat, (t - begin + 1) * width, flat, (t - begin) * width, 1, matrix, 0, width, len(matrix) // width
            )
        for j in range(n_tags):
            here[j] += values[j]
        peak = UNREACHED
        for j in range(width):
            peak = max(peak, here[j])
        if peak < FLOOR:
            return False
        for j in range(width):
            here[j] -= peak
    return True


@jit
def best_before(scores: Array, into: Array) -> int:
    """The first i with the largest scores[i] + into[i]."""
    best = UNREACHED
    for i in range(len(into)):
        best = max(best, scores[i] + into[i])
    for i in range(len(into)):
        if scores[i] + into[i] >= best:
            return i
    return 0


@jit
def best_paths(emissions: Array, lengths: Array, matrix: Array, start: Array, end: Array) -> tuple[Array, Array, Array]:
    """Find the best tags of all sequences, the scores of `viterbi.Paths`, and what became of each sequence."""
    n_tags, longest = emissions.shape[1], max(1, lengths.max()) if len(lengths) else 1
    width, n_rows = (n_tags + LANES - 1) // LANES * LANES, (n_tags + ROW_STEP - 1) // ROW_STEP * ROW_STEP
    padded, begin = np.full((n_rows, width), UNREACHED, np.float32), np.full(width, UNREACHED, np.float32)
    padded[:n_tags, :n_tags], begin[:n_tags] = matrix, start
    flat, into = padded.reshape(-1), np.ascontiguousarray(matrix.T)
    scores = np.empty((min(longest, STRETCH) + 1, width), np.float32)
    # shape: (stretches, width) the scores before each stretch
    kept = np.empty(((longest - 1) // STRETCH + 1, width), np.float32)
    tags, status = np.empty(len(emissions), np.int64), np.zeros(len(lengths), np.int64)
    finals = np.zeros((len(lengths), n_tags), np.float32)
    stop = 0
    for b in range(len(lengths)):
        first, length = stop, lengths[b]
        stop += length
        if length == 0:
            continue
        if is_broken(emissions, first, length):
            status[b] = NOT_FINITE
            continue
        last, reached = (length - 1) // STRETCH, True
        for stretch in range(last + 1):
            at, until = stretch * STRETCH, min(length, (stretch + 1) * STRETCH)
            if stretch:
                scores[0] = scores[STRETCH]
            kept[stretch] = scores[0]
            reached = reached and walk(emissions, first, at, until, flat, begin, scores)
        final = scores[length - last * STRETCH]
        finals[b] = final[:n_tags]
        tag = best_before(final, end)
        if not reached or final[tag] + end[tag] < FLOOR:
            status[b] = ILLEGAL
            continue
        for stretch in range(last, -1, -1):
            at, until = stretch * STRETCH, min(length, (stretch + 1) * STRETCH)
            if stretch < last:
                scores[0] = kept[stretch]
                walk(emissions, first, at, until, flat, begin, scores)
            for t in range(until - 1, at - 1, -1):
                tags[first + t] = tag
                if t:
                    tag = best_before(scores[t - at], into[tag])
    return tags, finals, status
