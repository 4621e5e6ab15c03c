"""Forward and backward values of a batch."""

import numpy as np

from .forward_backward import NOT_FINITE, UNSOUND, Array, make_factors, make_scratch, run_backward, run_forward, set_potentials
from .simd import jit


@jit
def posterior(
    emissions: Array, lengths: Array, matrix: Array, start: Array, end: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Compute alpha, beta, log_scale and log_z as in `crf.chains.Chains`, and what became of each sequence."""
    n_tags, longest = emissions.shape[1], max(1, lengths.max()) if len(lengths) else 1
    factors = make_factors(matrix, start, end)
    width = len(factors.begin)
    scratch = make_scratch(longest, width)
    alpha, beta, log_scale = np.zeros_like(emissions), np.zeros_like(emissions), np.zeros(len(emissions), np.float64)
    log_z, status = np.zeros(len(lengths), np.float64), np.zeros(len(lengths), np.int64)
    nothing = np.empty((0, 0), np.bool_)
    stop = 0
    for b in range(len(lengths)):
        first, length = stop, lengths[b]
        stop += length
        if length == 0:
            continue
        if not set_potentials(emissions, nothing, False, first, length, scratch):
            status[b] = NOT_FINITE
            continue
        log_z[b], sound = run_forward(length, factors, scratch)
        if not sound or not run_backward(first, length, factors, scratch, beta, 0.0):
            status[b] = UNSOUND
            continue
        for t in range(length):
            alpha[first + t] = scratch.alpha[t * width : t * width + n_tags]
            log_scale[first + t] = np.log(float(scratch.scales[t])) + scratch.peaks[t]
            log_scale[first + t] += factors.matrix_peak if t else factors.begin_peak
    return alpha, beta, log_scale, log_z, status
