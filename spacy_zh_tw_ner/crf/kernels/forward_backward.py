"""Forward and backward values of one sequence: nothing but its own tokens is read or written.

The equations, the scaling and the certificate are those that `crf.chains` explains, except that beta is scaled by the
factors of the forward pass (Rabiner 1989, equation 94). A sequence lies in scratch arrays of rows `width` wide, the
tags padded with zeros. Potentials are overwritten, row by row, by what arrives at their token from behind.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..transitions import PENALTY, SOUND
from .simd import LANES, ROW_STEP, exp, is_finite, jit, sum_rows

Array = npt.NDArray[Any]

LOWEST, FLOOR = np.float32(PENALTY), np.float32(PENALTY / 2)
BLOCK = 64  # rows whose outer products are summed at once: what the first-level cache holds
FINE, UNSOUND, NOT_FINITE, ILLEGAL = 0, 1, 2, 3  # what became of a sequence


class Factors(NamedTuple):
    """exp(scores − peak). forward: (n, width) flat; backward: its transpose. begin, finish: (width,)."""

    forward: Array
    backward: Array
    begin: Array
    finish: Array
    matrix_peak: Any
    begin_peak: Any
    finish_peak: Any


class Scratch(NamedTuple):
    """alpha, beta: (length + ROW_STEP, width) flat. scales, peaks: (length,). row: (width,)."""

    alpha: Array
    beta: Array
    scales: Array
    peaks: Array
    row: Array


@jit
def make_factors(matrix: Array, start: Array, end: Array) -> Factors:
    """Exponentiate the transitions."""
    n_tags = len(start)
    width = (n_tags + LANES - 1) // LANES * LANES
    n_rows = (n_tags + ROW_STEP - 1) // ROW_STEP * ROW_STEP
    forward, backward = np.zeros(n_rows * width, np.float32), np.zeros(n_rows * width, np.float32)
    begin, finish = np.zeros(width, np.float32), np.zeros(width, np.float32)
    peaks = max(FLOOR, matrix.max()), max(FLOOR, start.max()), max(FLOOR, end.max())
    for i in range(n_tags):
        begin[i], finish[i] = exp(start[i] - peaks[1]), exp(end[i] - peaks[2])
        for j in range(n_tags):
            forward[i * width + j] = exp(matrix[i, j] - peaks[0])
        for j in range(n_tags):
            backward[j * width + i] = forward[i * width + j]
    return Factors(forward, backward, begin, finish, peaks[0], peaks[1], peaks[2])


@jit
def make_scratch(length: int, width: int) -> Scratch:
    """Allocate for sequences of up to this length."""
    size = (length + ROW_STEP) * width
    alpha, beta = np.zeros(size, np.float32), np.zeros(size, np.float32)
    return Scratch(alpha, beta, np.empty(length, np.float32), np.empty(length, np.float32), np.empty(width, np.float32))


@jit
def set_potentials(emissions: Array, allowed: Array, restricted: bool, first: int, length: int, scratch: Scratch) -> bool:
    """Write exp(emissions − the row's peak) where beta will be; False where an emission is not finite."""
    n_tags, width, peaks = emissions.shape[1], len(scratch.row), scratch.peaks
    n_broken = 0
    for value in emissions.reshape(-1)[first * n_tags : (first + length) * n_tags]:
        n_broken += 0 if is_finite(value) else 1
    for t in range(length):
        out, values = scratch.beta[t * width : (t + 1) * width], emissions[first + t]
        peak = FLOOR
        if restricted:
            for j in range(n_tags):
                out[j] = values[j] if allowed[first + t, j] else LOWEST
                peak = max(peak, out[j])
        else:
            for j in range(n_tags):
                peak = max(peak, values[j])
                out[j] = values[j]
        for j in range(width):
            out[j] -= peak
        for j in range(n_tags, width):
            out[j] = LOWEST
        peaks[t] = peak
    for i in range(length * width):
        scratch.beta[i] = exp(scratch.beta[i])
    # Sums of transition counts are taken in steps of several rows, past the end of the sequence.
    scratch.beta[length * width : (length + ROW_STEP) * width] = 0.0
    return n_broken == 0


@jit
def run_forward(length: int, factors: Factors, scratch: Scratch) -> tuple[float, bool]:
    """Fill alpha and scales; returns log Z, and whether float32 has held it so far."""
    alpha, potentials, row, width = scratch.alpha, scratch.beta, scratch.row, len(scratch.row)
    n_rows = len(factors.forward) // width
    log_z, product = float(factors.begin_peak) + float(factors.finish_peak), 1.0
    log_z += float(factors.matrix_peak) * (length - 1)
    for t in range(length):
        at = t * width
        if t == 0:
            row[:] = factors.begin
        else:
            sum_rows(row, 0, alpha, at - width, 1, factors.forward, 0, width, n_rows)
        total = np.float32(0.0)
        for j in range(width):
            value = row[j] * potentials[at + j]
            alpha[at + j] = value
            total += value
        if not total > SOUND:
            return 0.0, False
        inverse = np.float32(1.0) / total
        for j in range(width):
            alpha[at + j] *= inverse
        scratch.scales[t] = total
        log_z += scratch.peaks[t]
        product *= total
        if product < 1e-250 or product > 1e250:  # one logarithm for many steps
            log_z, product = log_z + np.log(product), 1.0
    last, at = np.float32(0.0), (length - 1) * width
    for j in range(width):
        last += alpha[at + j] * factors.finish[j]
    if not last > SOUND:
        return 0.0, False
    return log_z + np.log(product * last), True


@jit
def run_backward(first: int, length: int, factors: Factors, scratch: Scratch, out: Array, sign: float) -> bool:
    """Add sign × marginals to the rows of `out` or, where sign is 0, write beta there; whether float32 has held it."""
    alpha, beta, row, width, n_tags = scratch.alpha, scratch.beta, scratch.row, len(scratch.row), out.shape[1]
    n_rows = len(factors.backward) // width
    factor, last = np.float32(sign), np.float32(0.0)
    for j in range(width):
        last += alpha[(length - 1) * width + j] * factors.finish[j]
    for j in range(width):
        row[j] = factors.finish[j] / last
    for t in range(length - 1, -1, -1):
        if t < length - 1:
            sum_rows(row, 0, beta, (t + 1) * width, 1, factors.backward, 0, width, n_rows)
        # Slices, because in them numba sees that no index is negative.
        leaving, arriving, here = alpha[t * width : (t + 1) * width], beta[t * width : (t + 1) * width], out[first + t]
        inverse, largest = np.float32(1.0) / scratch.scales[t], np.float32(0.0)
        for j in range(width):
            arriving[j] *= row[j] * inverse
            largest = max(largest, row[j])
        if not largest * SOUND < scratch.scales[t]:
            return False
        if factor == np.float32(0.0):
            here[:] = row[:n_tags]
        else:
            for j in range(n_tags):
                here[j] += factor * leaving[j] * row[j]
    return True


@jit
def add_expected(length: int, scratch: Scratch, sign: float, expected: Array) -> None:
    """Add sign × Σ over steps of (what leaves a tag) × (what arrives at the next)."""
    width = len(scratch.row)
    factor = np.float32(sign)
    for begin in range(0, length - 1, BLOCK):
        n_steps = min(BLOCK, (length - 1 - begin + ROW_STEP - 1) // ROW_STEP * ROW_STEP)
        for i in range(expected.shape[0]):
            at = begin * width
            sum_rows(scratch.row, 0, scratch.alpha, at + i, width, scratch.beta, at + width, width, n_steps)
            for j in range(width):
                expected[i, j] += factor * scratch.row[j]
