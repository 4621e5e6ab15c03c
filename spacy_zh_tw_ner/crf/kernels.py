"""The recursions for CPUs, compiled by numba: one sequence after the other, and nothing but its own tokens.

The equations, the scaling and the certificate are those that `chains` explains. Sequences lie in scratch arrays of
rows `width` wide, the tags padded with zeros. Potentials are overwritten by the scaled backward values, row by row.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .simd import LANES, ROW_STEP, exp, is_finite, jit, sum_rows
from .transitions import SOUND

Array = npt.NDArray[Any]

FLOOR = np.float32(-5e29)  # PENALTY / 2; numba takes module constants as constants
BLOCK = 64  # rows whose outer products are summed at once: what the first-level cache holds
KNOWN, PARTLY, UNKNOWN, IMPOSSIBLE = 0, 1, 2, 3  # what the gold of a sequence is
SOUND_STATUS, UNSOUND, NOT_FINITE, ILLEGAL = 0, 1, 2, 3  # what became of a sequence


class Factors(NamedTuple):
    """exp(scores − peak). forward: (n, width) flat, backward: its transpose. begin, finish: (width,)."""

    forward: Array
    backward: Array
    begin: Array
    finish: Array
    matrix_peak: Any
    begin_peak: Any
    finish_peak: Any


class Scratch(NamedTuple):
    """One sequence. alpha, beta: (length + ROW_STEP, width) flat. scales: (length,). row: (width,)."""

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
                out[j] = values[j] if allowed[first + t, j] else np.float32(-1e30)
                peak = max(peak, out[j])
        else:
            for j in range(n_tags):
                peak = max(peak, values[j])
                out[j] = values[j]
        for j in range(width):
            out[j] -= peak
        for j in range(n_tags, width):
            out[j] = np.float32(-1e30)
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
def run_backward(first: int, length: int, factors: Factors, scratch: Scratch, marginals: Array, sign: float) -> bool:
    """Add sign × marginals, and put what arrives at each token where its potentials were; whether float32 has held."""
    alpha, beta, row, width, n_tags = scratch.alpha, scratch.beta, scratch.row, len(scratch.row), marginals.shape[1]
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
        leaving, arriving, out = alpha[t * width : (t + 1) * width], beta[t * width : (t + 1) * width], marginals[first + t]
        inverse, largest = np.float32(1.0) / scratch.scales[t], np.float32(0.0)
        for j in range(width):
            arriving[j] *= row[j] * inverse
            largest = max(largest, row[j])
        if not largest * SOUND < scratch.scales[t]:
            return False
        for j in range(n_tags):
            out[j] += factor * leaving[j] * row[j]
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
        sound = set_potentials(emissions, allowed, False, first, length, free)
        if kind == IMPOSSIBLE or not sound:
            status[b] = ILLEGAL if sound else NOT_FINITE
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


@jit
def posterior(
    emissions: Array, lengths: Array, matrix: Array, start: Array, end: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Compute what `chains.Chains` holds: alpha, beta, log_scale, log_z; and what became of each sequence."""
    n_tags, longest = emissions.shape[1], max(1, lengths.max()) if len(lengths) else 1
    factors = make_factors(matrix, start, end)
    width = len(factors.begin)
    scratch = make_scratch(longest, width)
    alpha, beta, log_scale = np.empty_like(emissions), np.zeros_like(emissions), np.empty(len(emissions), np.float64)
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
        for t in range(length):
            if not sound:
                break
            alpha[first + t] = scratch.alpha[t * width : t * width + n_tags]
            log_scale[first + t] = np.log(float(scratch.scales[t])) + scratch.peaks[t]
            log_scale[first + t] += factors.matrix_peak if t else factors.begin_peak
        # Marginals of 1 in every place of alpha leave beta itself.
        scratch.alpha_as_one(length * width)
