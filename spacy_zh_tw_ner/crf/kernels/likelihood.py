"""The likelihood of the gold, and its gradient, in one visit to each sequence, two at a time."""

from typing import Any

import numpy as np

from .forward_backward import (
    FLOOR,
    ILLEGAL,
    NOT_FINITE,
    UNSOUND,
    Array,
    add_expected,
    is_broken,
    load,
    make_factors,
    make_scratch,
    run_backward,
    run_forward,
    run_pairs,
)
from .simd import aligned_zeros, jit
from .vectors import FLAGS, count_bits, lowest_bit, read_flags

KNOWN, PARTLY, UNKNOWN, IMPOSSIBLE = 0, 1, 2, 3  # what the gold of a sequence is


@jit
def flags(values: Array, at: int, n: int) -> Any:
    """Booleans as the bits of an integer, n ≤ FLAGS of them."""
    if at + FLAGS <= len(values):
        return read_flags(values, at) & (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(FLAGS - n))
    bits = np.uint64(0)
    for i in range(n):
        bits |= np.uint64(values[at + i]) << np.uint64(i)
    return bits


@jit
def read_gold(allowed: Array, first: int, length: int, tags: Array) -> int:
    """Tell what is known of a sequence, and write its tags where each is."""
    n_tags, flat = allowed.shape[1], allowed.reshape(-1)
    kind, n_all = KNOWN, 0
    for t in range(length):
        n_here, tag = 0, 0
        for j in range(0, n_tags, FLAGS):
            bits = flags(flat, (first + t) * n_tags + j, min(FLAGS, n_tags - j))
            n_here += count_bits(bits)
            tag = j + lowest_bit(bits) if bits else tag
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
    n_tags, n_sequences, longest = emissions.shape[1], len(lengths), 1
    factors = make_factors(matrix, start, end)
    width = len(factors.begin)
    values, status = np.zeros(n_sequences, np.float64), np.zeros(n_sequences, np.int64)
    g_emissions = np.empty_like(emissions)
    expected, under_gold = aligned_zeros((n_tags + 1) * width), aligned_zeros((n_tags + 1) * width)
    g_matrix, g_start, g_end = np.zeros_like(matrix), np.zeros_like(start), np.zeros_like(end)
    kinds, tags = np.zeros(n_sequences, np.int64), np.zeros(len(emissions), np.int64)
    firsts, order, n_todo = np.zeros(n_sequences, np.int64), np.argsort(-lengths), 0
    for b in range(1, n_sequences):
        firsts[b] = firsts[b - 1] + lengths[b - 1]
    for b in order:
        if lengths[b] == 0:
            continue
        kinds[b] = read_gold(allowed, firsts[b], lengths[b], tags[firsts[b] : firsts[b] + lengths[b]])
        if is_broken(emissions, firsts[b], lengths[b]):
            status[b] = NOT_FINITE
        elif kinds[b] == IMPOSSIBLE:
            status[b] = ILLEGAL
        elif kinds[b] != UNKNOWN:
            longest = max(longest, lengths[b])
            order[n_todo] = b
            n_todo += 1
            continue
        g_emissions[firsts[b] : firsts[b] + lengths[b]] = 0.0
    free, gold = make_scratch(longest, width), make_scratch(0, width)
    at, alone = 0, 0
    while at < n_todo:
        n = 2 if alone == 0 and at + 1 < n_todo else 1
        n_done = run_pairs(emissions, order, firsts, lengths, factors, free, g_emissions, 1.0, at, n)
        if n_done == 0 and n == 2:  # see which of the two it is
            alone = 2
            continue
        alone = max(0, alone - 1)
        if n_done == 0:
            status[order[at]] = UNSOUND
        for s in range(n_done):
            b = order[at + s]
            first, length = firsts[b], lengths[b]
            if kinds[b] == KNOWN:
                here = tags[first : first + length]
                log_gold = subtract_gold(emissions, first, length, here, matrix, start, end, g_emissions, g_matrix)
            else:
                if gold.scales.shape[1] == 0:
                    gold = make_scratch(longest, width)
                load(emissions, allowed, True, first, length, gold, 0)
                if not (run_forward(1, factors, gold) and run_backward(1, factors, gold, g_emissions, -1.0)):
                    status[b] = UNSOUND
                    continue
                log_gold = gold.log_z[0]
                add_expected(0, n_tags, gold, under_gold)
            if log_gold < FLOOR:
                status[b] = ILLEGAL
                continue
            add_expected(s, n_tags, free, expected)
            values[b] = log_gold - free.log_z[s]
            for j in range(n_tags):
                g_start[j] += g_emissions[first, j]
                g_end[j] += g_emissions[first + length - 1, j]
        at += n
    for i in range(n_tags):
        for j in range(n_tags):
            surplus = expected[i * width + j] - under_gold[i * width + j]
            g_matrix[i, j] += surplus * factors.forward[i * width + j]
    return values, g_emissions, g_matrix, g_start, g_end, status
