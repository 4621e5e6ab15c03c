"""Forward and backward values of a batch."""

import numpy as np

from .forward_backward import NOT_FINITE, UNSOUND, Array, is_broken, make_factors, make_scratch, run_pairs
from .simd import jit


@jit
def posterior(
    emissions: Array, lengths: Array, matrix: Array, start: Array, end: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Compute alpha, beta, log_scale and log_z as in `crf.chains.Chains`, and what became of each sequence."""
    n_tags, n_sequences = emissions.shape[1], len(lengths)
    factors = make_factors(matrix, start, end)
    width = len(factors.begin)
    alpha, beta, log_scale = np.zeros_like(emissions), np.zeros_like(emissions), np.zeros(len(emissions), np.float64)
    log_z, status = np.zeros(n_sequences, np.float64), np.zeros(n_sequences, np.int64)
    firsts, order, n_todo = np.zeros(n_sequences, np.int64), np.argsort(-lengths), 0
    for b in range(1, n_sequences):
        firsts[b] = firsts[b - 1] + lengths[b - 1]
    for b in order:
        if is_broken(emissions, firsts[b], lengths[b]):
            status[b] = NOT_FINITE
        elif lengths[b]:
            order[n_todo] = b
            n_todo += 1
    scratch = make_scratch(lengths[order[0]] if n_todo else 0, width)
    lane, at, alone = len(scratch.alpha) // 2, 0, 0
    while at < n_todo:
        n = 2 if alone == 0 and at + 1 < n_todo else 1
        n_done = run_pairs(emissions, order, firsts, lengths, factors, scratch, beta, 0.0, at, n)
        if n_done == 0 and n == 2:  # see which of the two it is
            alone = 2
            continue
        alone = max(0, alone - 1)
        if n_done == 0:
            status[order[at]] = UNSOUND
        for s in range(n_done):
            b = order[at + s]
            log_z[b] = scratch.log_z[s]
            for t in range(lengths[b]):
                row, place = firsts[b] + t, s * lane + t * width
                alpha[row] = scratch.alpha[place : place + n_tags]
                log_scale[row] = np.log(float(scratch.scales[s, t])) + scratch.peaks[s, t]
                log_scale[row] += factors.matrix_peak if t else factors.begin_peak
        at += n
    return alpha, beta, log_scale, log_z, status
