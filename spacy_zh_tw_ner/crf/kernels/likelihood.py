"""The likelihood of the gold, and its gradient, in one visit to each sequence."""

import numpy as np

from .forward_backward import (
    FLOOR,
    ILLEGAL,
    NOT_FINITE,
    UNSOUND,
    Array,
    add_expected,
    make_factors,
    make_scratch,
    run_backward,
    run_forward,
    set_potentials,
)
from .simd import jit

KNOWN, PARTLY, UNKNOWN, IMPOSSIBLE = 0, 1, 2, 3  # what the gold of a sequence is


@jit
def read_gold(allowed: Array, first: int, length: int, tags: Array) -> int:
    """Tell what is known of a sequence, and write its tags where each is."""
    n_tags = allowed.shape[1]
    kind, n_all = KNOWN, 0
    for t in range(length):
        n_here, tag = 0, 0
        for j in range(n_tags):
            n_here += 1 if allowed[first + t, j] else 0
            tag += j if allowed[first + t, j] else 0
        if n_here == 0:
            return IMPOSSIBLE
        if n_here > 1:
            kind = PARTLY
        n_all += 1 if n_here == n_tags else 0
        tags[t] = tag
    return UNKNOWN if n_all == length and kind == PARTLY else kind


@jit
def subtract_gold(
    emissions: Array, first: int, length: int, tags: Array, matrix: Array, start: Array, end: Array,
    g_emissions: Array, g_matrix: Array,
) -> float:  # fmt: skip
    """Score one known path, and take it off the gradients."""
    score = float(start[tags[0]]) + float(end[tags[length - 1]])
    for t in range(length):
        score += emissions[first + t, tags[t]]
        g_emissions[first + t, tags[t]] -= np.float32(1.0)
        if t:
            score += matrix[tags[t - 1], tags[t]]
            g_matrix[tags[t - 1], tags[t]] -= np.float32(1.0)
    return score


@jit
def likelihood(
    emissions: Array, lengths: Array, allowed: Array, matrix: Array, start: Array, end: Array
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Compute log p(gold) of each sequence, the gradients of the negated sum, and what became of each sequence."""
    n_tags, longest = emissions.shape[1], max(1, lengths.max()) if len(lengths) else 1
    factors = make_factors(matrix, start, end)
    width = len(factors.begin)
    free, gold = make_scratch(longest, width), make_scratch(0, width)
    tags = np.empty(longest, np.int64)
    values, status = np.zeros(len(lengths), np.float64), np.zeros(len(lengths), np.int64)
    g_emissions, expected = np.zeros_like(emissions), np.zeros((n_tags, width), np.float32)
    g_matrix, g_start, g_end = np.zeros_like(matrix), np.zeros_like(start), np.zeros_like(end)
    stop = 0
    for b in range(len(lengths)):
        first, length = stop, lengths[b]
        stop += length
        if length == 0:
            continue
        kind = read_gold(allowed, first, length, tags)
        finite = set_potentials(emissions, allowed, False, first, length, free)
        if kind == IMPOSSIBLE or not finite:
            status[b] = ILLEGAL if finite else NOT_FINITE
            continue
        if kind == UNKNOWN:
            continue
        log_z, sound = run_forward(length, factors, free)
        sound = sound and run_backward(first, length, factors, free, g_emissions, 1.0)
        log_gold = 0.0
        if sound and kind == PARTLY:
            if len(gold.scales) == 0:
                gold = make_scratch(longest, width)
            set_potentials(emissions, allowed, True, first, length, gold)
            log_gold, sound = run_forward(length, factors, gold)
            sound = sound and run_backward(first, length, factors, gold, g_emissions, -1.0)
        if not sound:
            status[b] = UNSOUND
            continue
        if kind == PARTLY:
            add_expected(length, gold, -1.0, expected)
        else:
            log_gold = subtract_gold(emissions, first, length, tags, matrix, start, end, g_emissions, g_matrix)
        if log_gold < FLOOR:
            status[b] = ILLEGAL
            continue
        add_expected(length, free, 1.0, expected)
        values[b] = log_gold - log_z
        for j in range(n_tags):
            g_start[j] += g_emissions[first, j]
            g_end[j] += g_emissions[first + length - 1, j]
    for i in range(n_tags):
        for j in range(n_tags):
            g_matrix[i, j] += expected[i, j] * factors.forward[i * width + j]
    return values, g_emissions, g_matrix, g_start, g_end, status
