"""Compiled loops of the recursions, marginals and expected counts; `crf.forward_backward` has equations and symbols.

Padding appends zeros. In shapes, height is n_tags rounded up to a multiple of 4; width, n_tags to a multiple of 16.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..forward_backward import UNDERFLOW_BOUND, Expectations, make_factors
from ..layout import Layout
from ..transitions import PENALTY, BoolsT, FloatsT, Transitions
from . import LANES, jit, padded

Array = npt.NDArray[Any]

BLOCK = 32  # rows of an outer product that fit into the L1 cache
SMALLEST, LARGEST = 1e-200, 1e200  # range of a product of float32 scales, with room for one more
FLOOR, LOWEST_EXPONENT = np.float32(PENALTY / 2), np.float32(-87)

# `reassoc` lets the compiler vectorize sums. NaN and infinity must be kept: they mark sequences that are not stable.
compiled = jit("contract", "reassoc", "nsz", "arcp")
# Emissions are finite (`nnan`), which lets the compiler vectorize maxima.
compiled_finite = jit("contract", "reassoc", "nsz", "nnan")


@compiled
def multiply_four(values: Array, rows: Array, into: Array, out: Array) -> None:
    """Multiply four row vectors by a matrix: out[lane, j] = Σ_i values[rows[lane], i] · into[j, i].

    values: (n_rows, width). rows: (4,) row of `values` for each lane, one of the four vectors. into: (height, width)
    the transposed matrix, padded. out: (4, width) result; columns from `height` on are not changed.
    """
    w, x, y, z = values[rows[0]], values[rows[1]], values[rows[2]], values[rows[3]]
    zero = w[0] - w[0]
    for j in range(0, into.shape[0], 4):
        a, b, c, d = into[j], into[j + 1], into[j + 2], into[j + 3]
        wa = wb = wc = wd = xa = xb = xc = xd = ya = yb = yc = yd = za = zb = zc = zd = zero
        for i in range(into.shape[1]):
            wa += w[i] * a[i]
            wb += w[i] * b[i]
            wc += w[i] * c[i]
            wd += w[i] * d[i]
            xa += x[i] * a[i]
            xb += x[i] * b[i]
            xc += x[i] * c[i]
            xd += x[i] * d[i]
            ya += y[i] * a[i]
            yb += y[i] * b[i]
            yc += y[i] * c[i]
            yd += y[i] * d[i]
            za += z[i] * a[i]
            zb += z[i] * b[i]
            zc += z[i] * c[i]
            zd += z[i] * d[i]
        out[0, j], out[0, j + 1], out[0, j + 2], out[0, j + 3] = wa, wb, wc, wd
        out[1, j], out[1, j + 1], out[1, j + 2], out[1, j + 3] = xa, xb, xc, xd
        out[2, j], out[2, j + 1], out[2, j + 2], out[2, j + 3] = ya, yb, yc, yd
        out[3, j], out[3, j + 1], out[3, j + 2], out[3, j + 3] = za, zb, zc, zd


@compiled
def run_recursion(
    potentials: Array, first_rows: Array, step: int, lengths: Array, into: Array, begin: Array,
    carried: Array, values: Array, scales: Array,
) -> None:  # fmt: skip
    """Run one recursion: carried[t] = values[t−1] · into.T / scale[t], values[t] = carried[t] ∘ potentials[t].

    ∘ is the product of elements. scale[t] is the sum of the product values[t−1] · into.T; 1 at the first step.

    potentials: (n_rows, width) φ: exponentials of the emissions, after the maximum of each row is subtracted; padded.
    first_rows, lengths: (n_sequences,) row at which the recursion begins, and length, of each sequence; longest first.
    step: 1 for the forward recursion from the first row of each sequence, −1 for the backward recursion from its last.
    into: (height, width) ψ, the exponentials of the transition scores, padded; transposed for the forward recursion.
    begin: (width,) `carried` at the first step: exponentials of the start scores (forward) or end scores, padded.
    carried, values: (n_rows, width) results, padded. In the forward recursion, `values` is α, the forward variables. In
        the backward recursion, `carried` is β, the backward variables, and `values` is φ ∘ β. They must be different
        arrays: the compiler does not vectorize a loop that writes to one array twice.
    scales: (n_rows,) result: `scale`.
    """
    width, one = into.shape[1], potentials.dtype.type(1)
    after = np.zeros((LANES, width), potentials.dtype)
    for group in range(0, len(lengths), LANES):
        n_lanes = min(LANES, len(lengths) - group)
        rows = np.full(LANES, first_rows[group])
        rows[:n_lanes] = first_rows[group : group + n_lanes]
        for t in range(lengths[group]):
            while lengths[group + n_lanes - 1] <= t:  # the shorter sequences have ended
                n_lanes -= 1
            if t == 0:
                after[:] = begin
            else:
                multiply_four(values, rows, into, after)
                for lane in range(n_lanes):
                    rows[lane] += step
            for lane in range(n_lanes):
                row = rows[lane]
                product, carry, potential, value = after[lane], carried[row], potentials[row], values[row]
                total = one - one
                for j in range(width):
                    total += product[j]
                scales[row] = total if t else one
                inverse = one / scales[row]
                for j in range(width):
                    scaled = product[j] * inverse
                    carry[j] = scaled
                    value[j] = scaled * potential[j]


@compiled_finite
def exp(x: Any) -> Any:
    """Return e^x for a float32 x ≤ 0, with a relative error of at most 3e-7; 0 for x below −87.

    The method is that of Cody and Waite (1980), "Software Manual for the Elementary Functions": 2^n · e^r with
    n = round(x / ln 2) and a Taylor polynomial for |r| ≤ ln 2 / 2. Loops that call this function are vectorized; loops
    that call np.exp are not.
    """
    bounded = max(x, LOWEST_EXPONENT)
    n = np.int32(bounded * np.float32(1.44269504) - np.float32(0.5))
    r = bounded - np.float32(n) * np.float32(0.69314718)
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(0.5)
    p = p * r + np.float32(1)
    p = p * r + np.float32(1)
    power = np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)
    return p * power if x > LOWEST_EXPONENT else np.float32(0)


@compiled_finite
def load(emissions: Array, first: int, length: int, potentials: Array, target: int, peaks: Array) -> float:
    """Write φ = exp(emission − maximum of its row) of one sequence to padded rows.

    All maxima are computed before any φ: in one loop, the exponentials of each row would wait for its maximum.

    emissions: (n_rows, n_tags). first, length: first row of the sequence in `emissions`, and its number of rows.
    potentials: (n_rows, width) result, written from row `target` on.
    peaks: (length or more,) buffer, overwritten with the maxima.
    RETURNS (float): The sum of the maxima.
    """
    n_tags, total = emissions.shape[1], 0.0
    for t in range(length):
        row = emissions[first + t]
        peak: Any = FLOOR
        for j in range(n_tags):
            peak = max(peak, row[j])
        peaks[t] = peak
        total += peak
    for t in range(length):
        row, out, peak = emissions[first + t], potentials[target + t], peaks[t]
        for j in range(n_tags):
            out[j] = exp(row[j] - peak)
    return total


@compiled
def add_products(left: Array, right: Array, n_rows: int, out: Array) -> None:
    """Add the outer products of the first `n_rows` rows of two arrays to `out`.

    out[i, j] += Σ_row left[row, i] · right[row, j], computed for four rows i of `out` at a time.
    """
    width = out.shape[1]
    for begin in range(0, n_rows, BLOCK):
        end = min(begin + BLOCK, n_rows)
        for i in range(0, out.shape[0], 4):
            a, b, c, d = out[i], out[i + 1], out[i + 2], out[i + 3]
            whole = end - (end - begin) % 4
            for row in range(begin, whole, 4):
                a0, b0, c0, d0 = left[row, i], left[row, i + 1], left[row, i + 2], left[row, i + 3]
                a1, b1, c1, d1 = left[row + 1, i], left[row + 1, i + 1], left[row + 1, i + 2], left[row + 1, i + 3]
                a2, b2, c2, d2 = left[row + 2, i], left[row + 2, i + 1], left[row + 2, i + 2], left[row + 2, i + 3]
                a3, b3, c3, d3 = left[row + 3, i], left[row + 3, i + 1], left[row + 3, i + 2], left[row + 3, i + 3]
                r0, r1, r2, r3 = right[row], right[row + 1], right[row + 2], right[row + 3]
                for j in range(width):
                    p, q, r, s = r0[j], r1[j], r2[j], r3[j]
                    a[j] += a0 * p + a1 * q + a2 * r + a3 * s
                    b[j] += b0 * p + b1 * q + b2 * r + b3 * s
                    c[j] += c0 * p + c1 * q + c2 * r + c3 * s
                    d[j] += d0 * p + d1 * q + d2 * r + d3 * s
            for row in range(whole, end):
                a0, b0, c0, d0 = left[row, i], left[row, i + 1], left[row, i + 2], left[row, i + 3]
                for j in range(width):
                    p = right[row, j]
                    a[j] += a0 * p
                    b[j] += b0 * p
                    c[j] += c0 * p
                    d[j] += d0 * p


@compiled
def run_expectations(
    emissions: Array, first_rows: Array, lengths: Array, counted: Array, forward: Array, backward: Array,
    begin: Array, end: Array, bound: float, marginals: Array, counts: Array, log_z: Array, stable: Array,
) -> None:  # fmt: skip
    """Compute marginals, expected counts divided by ψ, log Z without the maxima of the transitions, and stability.

    emissions: (n_rows, n_tags). ψ: exponentials of the transition scores, after their maximum is subtracted.
    first_rows, lengths, counted: (n_sequences,) first row and length of each sequence, and whether its transitions are
        included in `counts`; longest first.
    forward, backward: (height, width) ψ transposed, and ψ. begin, end: (width,) the same of start and end scores.
    bound: UNDERFLOW_BOUND. A sequence is stable if, at each row, Σ of α · β over the tags is larger than this, also if
        it is multiplied by the smaller of the two scales by which α and β were divided at this row.
    marginals: (n_rows, n_tags) result: marginal probabilities.
    counts: (height, width) result: expected counts divided by ψ are added to it, so it must contain zeros.
    log_z: (n_sequences,) result: log Z, to which the caller adds the maxima of transition, start and end scores.
    stable: (n_sequences,) bool result: whether float32 was precise enough for the sequence (`bound`).
    """
    n_tags, width = emissions.shape[1], forward.shape[1]
    size = LANES * lengths[0] if len(lengths) else 0
    potentials, alpha = np.zeros((size, width), np.float32), np.zeros((size, width), np.float32)
    beta, incoming = np.zeros((size, width), np.float32), np.zeros((size, width), np.float32)
    scale, backward_scale = np.empty(size, np.float32), np.empty(size, np.float32)
    for group in range(0, len(lengths), LANES):
        here = lengths[group : group + LANES]
        firsts = np.cumsum(here) - here
        for lane in range(len(here)):
            row = first_rows[group + lane]
            log_z[group + lane] = load(emissions, row, here[lane], potentials, firsts[lane], scale)
        run_recursion(potentials, firsts, 1, here, forward, begin, beta, alpha, scale)
        run_recursion(potentials, firsts + here - 1, -1, here, backward, end, beta, incoming, backward_scale)
        for lane in range(len(here)):
            sequence, first, overlap = group + lane, firsts[lane], np.float32(0)
            stable[sequence], product = True, 1.0
            for t in range(here[lane]):
                row, out = first + t, marginals[first_rows[sequence] + t]
                one, other = alpha[row], beta[row]
                overlap = np.float32(0)
                for j in range(width):
                    overlap += one[j] * other[j]
                if not (overlap > bound and overlap * min(scale[row], backward_scale[row]) > bound):
                    stable[sequence] = False
                inverse = np.float32(1) / overlap
                for j in range(n_tags):
                    out[j] = one[j] * other[j] * inverse
                inverse /= backward_scale[row]
                for j in range(width):  # α becomes the left factor of the expected counts
                    one[j] *= inverse
                product *= scale[row]  # one logarithm for many rows
                if not SMALLEST < product < LARGEST:
                    log_z[sequence] += np.log(product)
                    product = 1.0
            log_z[sequence] += np.log(product) + np.log(float(overlap))
            last = first + here[lane] - 1
            if not (stable[sequence] and counted[sequence]):
                alpha[first:last], incoming[first : last + 1] = 0, 0  # NaN times 0 would be NaN
            alpha[last] = 0  # no transition leads to the next sequence
        add_products(alpha, incoming[1:], here.sum() - 1, counts)


def run_recursions(potentials: FloatsT, layout: Layout, factors: Transitions) -> tuple[FloatsT, ...]:
    """Run the forward and the backward recursion with compiled loops.

    potentials: (n_rows, n_tags) φ, exponentials of the emissions. layout: row indices of the batch. factors: ψ, the
        exponentials of the transition, start and end scores.
    RETURNS: (n_rows, n_tags) forward variables; (n_rows,) the sums by which they were divided; the same two for the
        backward variables β; and (n_rows, n_tags) φ ∘ β, the product of elements.
    """
    n_tags = potentials.shape[1]
    order = layout.order[: len(layout.firsts)]
    lengths, lasts = layout.sizes[order], layout.ends[order] - 1
    forward, backward, begin, end = _padded_factors(factors)
    wide = padded(potentials, 0.0)
    alpha, beta, incoming = (np.empty_like(wide) for _ in range(3))
    scale, backward_scale = (np.empty(len(wide), wide.dtype) for _ in range(2))
    run_recursion(wide, lasts - lengths + 1, 1, lengths, forward, begin, beta, alpha, scale)
    run_recursion(wide, lasts, -1, lengths, backward, end, beta, incoming, backward_scale)
    rows = layout.n_rows
    return alpha[:rows, :n_tags], scale[:rows], beta[:rows, :n_tags], backward_scale[:rows], incoming[:rows, :n_tags]


def compute_expectations(emissions: FloatsT, layout: Layout, transitions: Transitions, counted: BoolsT) -> Expectations:
    """Compute the marginals of the tags and the expected counts of the transitions with compiled loops.

    emissions: (n_rows, n_tags) float32. layout: row indices of the batch. transitions: scores; PENALTY if illegal.
    counted: (batch_size,) bool: whether the transitions of each sequence are included in the expected counts.
    RETURNS: marginals; expected counts, summed over the stable sequences in `counted`; log Z; and stability.
    """
    factors, constants = make_factors(transitions, emissions.dtype)
    order = layout.order[: len(layout.firsts)]
    lengths, n_tags, marginals = layout.sizes[order], emissions.shape[1], np.empty_like(emissions)
    matrices = _padded_factors(factors)
    counts, log_z, stable = np.zeros_like(matrices[0]), np.empty(len(order)), np.empty(len(order), np.bool_)
    run_expectations(
        emissions, layout.ends[order] - lengths, lengths, counted[order], *matrices, UNDERFLOW_BOUND, marginals, counts,
        log_z, stable,
    )  # fmt: skip
    all_log_z, all_stable = np.zeros(layout.n_sequences), np.ones(layout.n_sequences, np.bool_)
    all_log_z[order] = log_z + constants.begin_and_end + constants.step * (lengths - 1)
    all_stable[order] = stable
    return Expectations(marginals, counts[:n_tags, :n_tags] * factors.matrix, all_log_z, all_stable)


def _padded_factors(factors: Transitions) -> tuple[FloatsT, FloatsT, FloatsT, FloatsT]:
    """Return ψ, exponentials of scores, padded: of transitions, transposed and not; of the start and end scores."""
    begin, end = (padded(scores[None], 0.0)[0] for scores in (factors.start, factors.end))
    return padded(factors.matrix.T, 0.0), padded(factors.matrix, 0.0), begin, end
