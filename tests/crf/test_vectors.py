"""The vectors of compiled code: what is read and written in part, the exponential, and flags."""

import numpy as np
import pytest

from spacy_zh_tw_ner._compat import has_numba

if not has_numba():
    pytest.skip("numba is not installed", allow_module_level=True)

from numba import njit

from spacy_zh_tw_ner.crf.kernels.likelihood import flags
from spacy_zh_tw_ner.crf.kernels.simd import aligned_zeros
from spacy_zh_tw_ner.crf.kernels.vectors import (
    FLAGS,
    LANES,
    count_bits,
    exp,
    filled,
    larger,
    lowest_bit,
    max_of,
    minus,
    plus,
    read,
    read_part,
    sum_of,
    times,
    write,
    write_part,
)


@njit
def exponentiate(values, out):
    for at in range(0, len(values), LANES):
        write(out, at, exp(read(values, at)))


@njit
def part(values, n, out):
    write_part(out, 1, n, read_part(values, 1, n, np.float32(7.0)))
    return sum_of(read_part(values, 1, n, np.float32(7.0)))


@njit
def arithmetic(values, out):
    one, other = read(values, 0), filled(np.float32(2.0))
    write(out, 0, plus(times(one, other), minus(one, larger(one, other))))
    return max_of(one)


@njit
def bits_of(values, at, n):
    bits = flags(values, at, n)
    return count_bits(bits), lowest_bit(bits)


def test_exp_is_within_3e_7_and_ends_in_zero() -> None:
    values = np.concatenate([np.linspace(-86.9, 0, 4000), [-87.5, -1e4, -1e30] * 32]).astype(np.float32)
    out = np.empty_like(values)
    exponentiate(values, out)
    true = np.exp(values.astype(np.float64))
    assert np.abs(out[:4000] / true[:4000] - 1).max() < 3e-7
    assert not out[4000:].any()


@pytest.mark.parametrize("n", [0, 1, 7, LANES - 1, LANES])
def test_a_part_leaves_what_is_behind_it_alone(n: int) -> None:
    values, out = np.arange(LANES + 1, dtype=np.float32), np.full(LANES + 2, -1, np.float32)
    total = part(values, n, out)
    assert out.tolist() == [-1.0, *range(1, n + 1), *([-1.0] * (LANES + 1 - n))]
    assert total == sum(range(1, n + 1)) + 7.0 * (LANES - n)


def test_arithmetic_goes_lane_by_lane() -> None:
    values, out = np.linspace(-3, 5, LANES, dtype=np.float32), np.empty(LANES, np.float32)
    assert arithmetic(values, out) == 5.0
    np.testing.assert_allclose(out, values * 2 + values - np.maximum(values, 2), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [3, FLAGS, 2 * FLAGS + 5])
def test_flags_are_those_of_the_row_alone_to_the_end_of_the_array(size: int) -> None:
    values = np.random.default_rng(size).random(size) < 0.3
    for at in range(size):
        for n in range(1, min(FLAGS, size - at) + 1):
            row = values[at : at + n]
            assert bits_of(values, at, n) == (row.sum(), row.argmax() if row.any() else FLAGS)


def test_memory_begins_where_a_cache_line_does() -> None:
    for size in (1, 80, 1000):
        memory = aligned_zeros(size)
        assert len(memory) == size
        assert memory.ctypes.data % 64 == 0
