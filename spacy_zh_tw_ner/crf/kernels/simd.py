"""What numba is told about the processor: how to compile, and two loops that must stay in vector registers.

All rows are LANES × n floats wide, the tags padded with zeros, so that no loop has a remainder.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

LANES = 16  # of AVX-512; LLVM splits them in 2 for AVX2 and in 4 for NEON
ROW_STEP = 4  # rows of matrices are padded to a multiple of this
WIDEST = 6  # vectors that the registers hold at once

# No NaN and no infinity reaches a comparison in the kernels: they refuse such emissions, and leave off before they
# divide by 0. `reassoc` lets a sum be taken in vectors.
FAST = {"nnan", "nsz", "contract", "reassoc", "arcp"}


def jit(function: FunctionT) -> FunctionT:
    """Compile at the first call, and keep the machine code on disk where a folder can be written."""
    options = {"nogil": True, "fastmath": FAST, "error_model": "numpy"}
    try:
        return cast(FunctionT, njit(cache=True, **options)(function))
    except RuntimeError:  # neither beside the package nor in the user's cache
        return cast(FunctionT, njit(**options)(function))


@intrinsic
def _as_float(typingctx: Any, bits: Any) -> Any:  # noqa: ARG001
    """The float32 that has these bits."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), emit


@intrinsic
def _as_bits(typingctx: Any, value: Any) -> Any:  # noqa: ARG001
    """The bits of a float32."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), emit


@jit
def is_finite(value: Any) -> Any:
    """Whether a float32 is a number; no fast mathematics can optimise that away."""
    return (_as_bits(value) & np.int32(0x7F800000)) != np.int32(0x7F800000)


@jit
def exp(x: Any) -> Any:
    """e^x in float32 for x ≤ 0, within 2e-7 of the value, in arithmetic that vectorises; 0 below −87.

    2^n · e^r with n = round(x / ln 2), as in Cody and Waite (1980), "Software Manual for the Elementary Functions"; the
    polynomial is Taylor's to the seventh power on |r| ≤ ln 2 / 2.
    """
    x_or_floor = max(x, np.float32(-87.0))
    n = np.int32(x_or_floor * np.float32(1.44269504) - np.float32(0.5))
    r = x_or_floor - np.float32(n) * np.float32(0.69314718)
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(0.5)
    p = p * r + np.float32(1.0)
    p = p * r + np.float32(1.0)
    value = p * _as_float((n + np.int32(127)) << np.int32(23))
    return value if x > np.float32(-87.0) else np.float32(0.0)


def _combiner(n_vectors: int, start: float, combine: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Build out[: n_vectors × LANES] = the combination over all rows of (one weight, that row's values).

    The results stay in registers until the last row is done, which is what compilers do not find out by themselves.
    Few vectors are combined in several chains, so that none waits for the one before.
    """
    n_chains = max(1, ROW_STEP // n_vectors) if n_vectors != 3 else 2

    @intrinsic
    def combine_rows(  # noqa: PLR0917
        typingctx: Any, out: Any, out_at: Any, weights: Any, weights_at: Any, stride: Any, rows: Any, rows_at: Any, width: Any, n_rows: Any
    ) -> Any:  # noqa: ARG001
        i64 = types.int64
        signature = types.void(out, i64, weights, i64, i64, rows, i64, i64, i64)

        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_, out_at_, weights_, weights_at_, stride_, rows_, rows_at_, width_, n_rows_ = args
            vector = ir.VectorType(ir.FloatType(), LANES)

            def address(index: int, value: Any, offset: Any) -> Any:
                array = context.make_array(sig.args[index])(context, builder, value)
                return builder.gep(array.data, [offset])

            def splat(value: Any) -> Any:
                lone = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
                return builder.shuffle_vector(lone, lone, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))

            def load(pointer: Any, at: int) -> Any:
                place = builder.gep(pointer, [ir.IntType(64)(at * LANES)])
                return builder.load(builder.bitcast(place, vector.as_pointer()), align=4)

            weight_from = address(2, weights_, weights_at_)
            row_from = address(5, rows_, rows_at_)
            first = ir.Constant(vector, [start] * LANES)
            sums = [[cgutils.alloca_once_value(builder, first) for _ in range(n_vectors)] for _ in range(n_chains)]
            step = ir.IntType(64)(n_chains)
            with cgutils.for_range_slice(builder, ir.IntType(64)(0), n_rows_, step, inc=True) as (row, _):
                for chain in range(n_chains):
                    here = builder.add(row, ir.IntType(64)(chain))
                    weight = splat(builder.load(builder.gep(weight_from, [builder.mul(here, stride_)])))
                    values = builder.gep(row_from, [builder.mul(here, width_)])
                    for i, place in enumerate(sums[chain]):
                        builder.store(combine(builder, builder.load(place), weight, load(values, i)), place)
            out_from = address(0, out_, out_at_)
            for i in range(n_vectors):
                total = builder.load(sums[0][i])
                for chain in range(1, n_chains):
                    total = _join(combine, builder, total, builder.load(sums[chain][i]))
                place = builder.gep(out_from, [ir.IntType(64)(i * LANES)])
                builder.store(total, builder.bitcast(place, vector.as_pointer()), align=4)
            return context.get_dummy_value()

        return signature, emit

    return combine_rows


def _plus_product(builder: Any, total: Any, weight: Any, values: Any) -> Any:
    return builder.fadd(total, builder.fmul(weight, values, flags=("contract",)), flags=("contract",))


def _max_sum(builder: Any, total: Any, weight: Any, values: Any) -> Any:
    return _larger(builder, total, builder.fadd(weight, values))


def _larger(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", one, other, flags=("nnan", "nsz")), one, other)


def _join(combine: Any, builder: Any, one: Any, other: Any) -> Any:
    return builder.fadd(one, other) if combine is _plus_product else _larger(builder, one, other)


_sum_1, _sum_2, _sum_3, _sum_4, _sum_5, _sum_6 = (_combiner(n, 0.0, _plus_product) for n in range(1, WIDEST + 1))
_max_1, _max_2, _max_3, _max_4, _max_5, _max_6 = (_combiner(n, -3.4e38, _max_sum) for n in range(1, WIDEST + 1))


@jit
def sum_rows(out: Any, out_at: Any, weights: Any, weights_at: Any, stride: Any, rows: Any, rows_at: Any, width: Any, n_rows: Any) -> None:
    """out[j] = Σ over rows i of weights[i] · rows[i, j].

    Each array begins at the element that `…_at` says; weights lie `stride` apart, rows `width`, a multiple of LANES.
    The number of rows is a multiple of ROW_STEP.
    """
    at = 0
    while at < width:
        left = (width - at) // LANES
        # What does not fit into the registers at once is taken in halves or thirds.
        n = left if left <= WIDEST else 4
        if n == 1:
            _sum_1(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 2:
            _sum_2(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 3:
            _sum_3(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 4:
            _sum_4(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 5:
            _sum_5(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        else:
            _sum_6(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        at += n * LANES


@jit
def max_rows(out: Any, out_at: Any, weights: Any, weights_at: Any, stride: Any, rows: Any, rows_at: Any, width: Any, n_rows: Any) -> None:
    """out[j] = maximum over rows i of weights[i] + rows[i, j].

    Each array begins at the element that `…_at` says; weights lie `stride` apart, rows `width`, a multiple of LANES.
    The number of rows is a multiple of ROW_STEP.
    """
    at = 0
    while at < width:
        left = (width - at) // LANES
        # What does not fit into the registers at once is taken in halves or thirds.
        n = left if left <= WIDEST else 4
        if n == 1:
            _max_1(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 2:
            _max_2(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 3:
            _max_3(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 4:
            _max_4(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        elif n == 5:
            _max_5(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        else:
            _max_6(out, out_at + at, weights, weights_at, stride, rows, rows_at + at, width, n_rows)
        at += n * LANES
