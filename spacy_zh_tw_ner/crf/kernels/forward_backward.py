"""Forward and backward values of one or two sequences: nothing but their own tokens is read or written.

The equations, the scaling and the certificate are those that `crf.chains` explains, except that beta is scaled by the
factors of the forward pass (Rabiner 1989, equation 94). They lie in scratch arrays of rows `width` wide, the
tags padded with zeros. Potentials are overwritten, row by row, by what arrives at their token from behind.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..transitions import PENALTY, SOUND
from .simd import INFINITE, ROW_STEP, add_products, aligned_zeros, jit, size_bits, sum_rows, two_rows
from .vectors import (
    LANES,
    exp,
    filled,
    larger,
    max_of,
    minus,
    plus,
    read,
    read_part,
    smaller,
    sum_of,
    times,
    write,
    write_part,
)

Array = npt.NDArray[Any]

LOWEST, FLOOR, ZERO = np.float32(PENALTY), np.float32(PENALTY / 2), np.float32(0.0)
BEYOND = np.float32(1e4 / SOUND)
SMALL, LARGE = np.float32(1e-8), np.float32(1e8)  # sums of alpha between which no step is scaled
BLOCK = 32  # rows whose outer products are summed at once: what the first-level cache holds
FINE, UNSOUND, NOT_FINITE, ILLEGAL = 0, 1, 2, 3  # what became of a sequence


class Factors(NamedTuple):
    """exp(scores − peak). forward: (n, width) flat, n even; backward: its transpose. begin, finish: (width,)."""

    n_tags: Any
    forward: Array
    backward: Array
    begin: Array
    finish: Array
    matrix_peak: Any
    begin_peak: Any
    finish_peak: Any


class Scratch(NamedTuple):
    """Two sequences. alpha, beta: (2, lane) flat, a lane (length + ROW_STEP, width). scales, peaks: (2, length).

    row: (2, width) flat. firsts, lengths: (2,) where the sequences stand in the batch, the longer one first.
    log_z: (2,).
    """

    alpha: Array
    beta: Array
    scales: Array
    peaks: Array
    row: Array
    firsts: Array
    lengths: Array
    log_z: Array


@jit
def make_factors(matrix: Array, start: Array, end: Array) -> Factors:
    """Exponentiate the transitions."""
    n_tags = len(start)
    width = (n_tags + LANES - 1) // LANES * LANES
    n_rows = (n_tags + ROW_STEP - 1) // ROW_STEP * ROW_STEP
    forward, backward = aligned_zeros(n_rows * width), aligned_zeros(n_rows * width)
    begin, finish = aligned_zeros(width), aligned_zeros(width)
    peaks = max(FLOOR, matrix.max()), max(FLOOR, start.max()), max(FLOOR, end.max())
    exp_less(start, 0, n_tags, peaks[1], begin, 0)
    exp_less(end, 0, n_tags, peaks[2], finish, 0)
    flat = matrix.reshape(-1)
    for i in range(n_tags):
        exp_less(flat, i * n_tags, n_tags, peaks[0], forward, i * width)
        for j in range(n_tags):
            backward[j * width + i] = forward[i * width + j]
    return Factors(n_tags, forward, backward, begin, finish, peaks[0], peaks[1], peaks[2])


@jit
def exp_less(values: Array, at: int, n: int, peak: Any, out: Array, out_at: int) -> None:
    """Write exp(values − peak), and zeros up to the next multiple of LANES."""
    for j in range(0, n, LANES):
        part = read_part(values, at + j, n - j, LOWEST)
        write(out, out_at + j, exp(minus(part, filled(peak))))


@jit
def make_scratch(length: int, width: int) -> Scratch:
    """Allocate for sequences of up to this length."""
    size = 2 * (length + ROW_STEP) * width
    alpha, beta, row = aligned_zeros(size), aligned_zeros(size), aligned_zeros(2 * width)
    scales, peaks = np.empty((2, length), np.float32), np.empty((2, length), np.float32)
    return Scratch(
        alpha, beta, scales, peaks, row, np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.float64)
    )


@jit
def is_broken(emissions: Array, first: int, length: int) -> Any:
    """Whether an emission of a sequence is not finite."""
    n_tags = emissions.shape[1]
    values, largest = emissions.reshape(-1)[first * n_tags : (first + length) * n_tags], np.int32(0)
    for i in range(len(values)):
        largest = max(largest, size_bits(values[i]))
    return largest >= INFINITE


@jit
def load(
    emissions: Array, allowed: Array, restricted: bool, first: int, length: int, scratch: Scratch, lane: int
) -> None:
    """Write exp(emissions − the row's peak) where beta will be."""
    n_tags, width = emissions.shape[1], len(scratch.row) // 2
    scratch.firsts[lane], scratch.lengths[lane] = first, length
    size = len(scratch.beta) // 2
    beta = scratch.beta[lane * size : (lane + 1) * size]
    flat = emissions.reshape(-1)
    for t in range(length):
        at, row, peaks = t * width, (first + t) * n_tags, filled(FLOOR)
        for j in range(0, width, LANES):
            is_whole = j + LANES <= n_tags
            values = read(flat, row + j) if is_whole else read_part(flat, row + j, n_tags - j, LOWEST)
            write(beta, at + j, values)
            peaks = larger(peaks, values)
        peak = max_of(peaks)
        if restricted:
            peak = FLOOR
            for j in range(n_tags):
                if allowed[first + t, j]:
                    peak = max(peak, beta[at + j])
                else:
                    beta[at + j] = LOWEST
        for j in range(0, width, LANES):
            write(beta, at + j, exp(minus(read(beta, at + j), filled(peak))))
        scratch.peaks[lane, t] = peak
    # Sums of transition counts are taken in steps of several rows, past the end of the sequence.
    beta[length * width : (length + ROW_STEP) * width] = 0.0


@jit
def run_forward(n: int, factors: Factors, scratch: Scratch) -> bool:
    """Fill alpha, scales and log_z of the first n sequences; whether float32 has held them so far.

    Two sequences walk side by side, because the matrix then is read once for both.
    """
    alpha, potentials, row, lengths = scratch.alpha, scratch.beta, scratch.row, scratch.lengths
    width, lane = len(row) // 2, len(alpha) // 2
    for s in range(n):
        scratch.log_z[s] = float(factors.begin_peak) + float(factors.finish_peak)
        scratch.log_z[s] += float(factors.matrix_peak) * (lengths[s] - 1)
    for t in range(lengths[0]):
        n_here = n if t < lengths[n - 1] else 1
        if t == 0:
            row[:width] = factors.begin
            row[width:] = factors.begin
        elif n_here == 2:
            two_rows(row, 0, width, alpha, (t - 1) * width, lane, 1, factors.forward, 0, width, factors.n_tags)
        else:
            sum_rows(row, 0, alpha, (t - 1) * width, 1, factors.forward, 0, width, factors.n_tags)
        for s in range(n_here):
            at, totals = s * lane + t * width, filled(ZERO)
            for j in range(0, width, LANES):
                values = times(read(row, s * width + j), read(potentials, at + j))
                write(alpha, at + j, values)
                totals = plus(totals, values)
            total = sum_of(totals)
            if not total > SOUND:
                return False
            scratch.log_z[s] += scratch.peaks[s, t]
            scratch.scales[s, t] = np.float32(1.0)
            if SMALL < total < LARGE:  # there is room for another step
                continue
            inverse = np.float32(1.0) / total
            for j in range(0, width, LANES):
                write(alpha, at + j, times(read(alpha, at + j), filled(inverse)))
            scratch.scales[s, t] = total
            scratch.log_z[s] += np.log(float(total))
    for s in range(n):
        last = ending(s, factors, scratch)
        if not last > SOUND:
            return False
        scratch.log_z[s] += np.log(float(last))
    return True


@jit
def ending(s: int, factors: Factors, scratch: Scratch) -> Any:
    """The probability of ending where the sequence ends, given alpha."""
    width = len(scratch.row) // 2
    at, totals = s * (len(scratch.alpha) // 2) + (scratch.lengths[s] - 1) * width, filled(ZERO)
    for j in range(0, width, LANES):
        totals = plus(totals, times(read(scratch.alpha, at + j), read(factors.finish, j)))
    return sum_of(totals)


@jit
def run_backward(n: int, factors: Factors, scratch: Scratch, out: Array, sign: float) -> Any:
    """Write marginals to the rows of `out`, whether float32 has held them. Sign −1 takes them off; with 0 it is beta.

    What arrives at each token is put where its potentials were.
    """
    alpha, beta, row, lengths, n_tags = scratch.alpha, scratch.beta, scratch.row, scratch.lengths, out.shape[1]
    width, lane, factor = len(row) // 2, len(alpha) // 2, np.float32(sign)
    flat = out.reshape(-1)
    largest = filled(ZERO)
    apart = lane + (lengths[1] - lengths[0]) * width  # the sequences stand side by side at their ends
    for back in range(lengths[0]):
        n_here, after = n if back < lengths[n - 1] else 1, (lengths[0] - back) * width
        if back == 0:
            for s in range(n):
                last = ending(s, factors, scratch)
                for j in range(width):
                    row[s * width + j] = factors.finish[j] / last
        elif n_here == 2:
            two_rows(row, 0, width, beta, after, apart, 1, factors.backward, 0, width, factors.n_tags)
        else:
            sum_rows(row, 0, beta, after, 1, factors.backward, 0, width, factors.n_tags)
        for s in range(n_here):
            t = lengths[s] - 1 - back
            at, here = s * lane + t * width, (scratch.firsts[s] + t) * n_tags
            inverse = filled(np.float32(1.0) / scratch.scales[s, t])
            for j in range(0, width, LANES):
                come = read(row, s * width + j)
                # What is beyond fails the certificate; infinite, it would be a NaN beside a potential of 0.
                scaled = smaller(times(come, inverse), filled(BEYOND))
                write(beta, at + j, times(read(beta, at + j), scaled))
                largest = larger(largest, scaled)
                if factor != ZERO:
                    come = times(times(come, read(alpha, at + j)), filled(factor))
                if factor < ZERO:
                    come = plus(come, read_part(flat, here + j, n_tags - j, ZERO))
                if j + LANES <= n_tags:
                    write(flat, here + j, come)
                else:
                    write_part(flat, here + j, n_tags - j, come)
    return max_of(largest) * SOUND < np.float32(1.0)


@jit
def add_expected(s: int, n_tags: int, scratch: Scratch, expected: Array) -> None:
    """Add Σ over steps of (what leaves a tag) × (what arrives at the next).

    expected (Array): (n_tags or one more, width) flat.
    """
    alpha, beta, width, n_steps = scratch.alpha, scratch.beta, len(scratch.row) // 2, scratch.lengths[s] - 1
    for begin in range(0, n_steps, BLOCK):
        n = min(BLOCK, n_steps - begin)
        at = s * (len(alpha) // 2) + begin * width
        add_products(expected, alpha, at, beta, at + width, width, n_tags, n)


@jit
def run_pairs(
    emissions: Array, order: Array, firsts: Array, lengths: Array, factors: Factors, scratch: Scratch, out: Array,
    sign: float, at: int, n: int,
) -> int:  # fmt: skip
    """Run both recursions for the sequences order[at : at + n]; returns for how many, 0 where float32 failed one."""
    for s in range(n):
        b = order[at + s]
        load(emissions, np.empty((0, 0), np.bool_), False, firsts[b], lengths[b], scratch, s)
    if run_forward(n, factors, scratch) and run_backward(n, factors, scratch, out, sign):
        return n
    for s in range(n):
        b = order[at + s]
        out[firsts[b] : firsts[b] + lengths[b]] = 0.0
    return 0
