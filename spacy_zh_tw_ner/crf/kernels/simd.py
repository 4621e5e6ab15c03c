"""What numba is told about the processor: how to compile, and two loops that must stay in vector registers.

All rows are LANES × n floats wide, the tags padded with zeros, so that no loop has a remainder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast
from zlib import crc32

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .vectors import FLOATS, LANES, larger_of, pointer_to, splat

Array = npt.NDArray[Any]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

ROW_STEP = 2  # rows of matrices are padded to a multiple of this
INFINITE = np.int32(0x7F800000)  # bits of infinity
WIDEST = 6  # vectors that the registers hold at once

_SOURCES = [(file.name, crc32(file.read_bytes())) for file in sorted(Path(__file__).parent.glob("*.py"))]

# No NaN and no infinity reaches a comparison in the kernels: they refuse such emissions, and leave off before they
# divide by 0. `reassoc` lets a sum be taken in vectors.
FAST = {"nnan", "nsz", "contract", "reassoc", "arcp"}


def jit(function: FunctionT) -> FunctionT:
    """Compile at the first call, and keep the machine code on disk where a folder can be written.

    numba compiles again what it finds on disk when the function's own file has changed. But these functions contain
    each other, across files: what is kept is stamped with all of them. Where numba has no such stamp nothing is kept.
    """
    compiled = njit(function, nogil=True, fastmath=FAST, error_model="numpy")
    try:
        compiled.enable_caching()
        cache = compiled._cache._cache_file
        cache._source_stamp = (cache._source_stamp, *_SOURCES)
    except RuntimeError:  # neither beside the package nor in the user's cache can anything be written
        pass
    except AttributeError:
        compiled = njit(function, nogil=True, fastmath=FAST, error_model="numpy")
    return cast(FunctionT, compiled)


@jit
def aligned_zeros(size: int) -> Array:
    """Zeros that begin where a cache line does: a vector that lies across two of them takes twice as long to read."""
    memory = np.zeros(size + LANES, np.float32)
    skipped = -memory.ctypes.data // 4 % LANES
    return memory[skipped : skipped + size]


@intrinsic  # type: ignore[untyped-decorator]
def _as_bits(typingctx: Any, value: Any) -> Any:
    """The bits of a float32."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), emit


@jit
def size_bits(value: Any) -> Any:
    """The bits of |value|: larger for larger numbers, INFINITE or more where there is no number.

    No fast mathematics can optimise that away.
    """
    return _as_bits(value) & np.int32(0x7FFFFFFF)


def _combiner(n_vectors: int, n_sets: int, start: float | None, combine: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Build out[: n_vectors × LANES] = the combination over all rows of (one weight, that row's values).

    The results stay in registers until the last row is done, which is what compilers do not find out by themselves.
    Two sets of weights, each with its own results, share the reading of the rows. Few vectors are combined in several
    chains, so that none waits for the one before. They begin with `start` or, where it is None, with what `out` holds.
    """
    n_chains = {1: 2, 2: 2, 3: 2}.get(n_vectors * n_sets, 1)

    @intrinsic  # type: ignore[untyped-decorator]
    def combine_rows(
        typingctx: Any,
        out: Any, out_at: Any, out_step: Any, weights: Any, weights_at: Any, weights_step: Any, stride: Any,
        rows: Any, rows_at: Any, width: Any, n_rows: Any,
    ) -> Any:  # fmt: skip
        i64 = types.int64
        signature = types.void(out, i64, i64, weights, i64, i64, i64, rows, i64, i64, i64)

        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            (
                out_,
                out_at_,
                out_step_,
                weights_,
                weights_at_,
                weights_step_,
                stride_,
                rows_,
                rows_at_,
                width_,
                n_rows_,
            ) = args
            
            def address(index: int, value: Any, offset: Any) -> Any:
                return pointer_to(context, builder, sig.args[index], value, offset)

            def vector_at(pointer: Any, index: int) -> Any:
                place = builder.gep(pointer, [ir.IntType(64)(index * LANES)])
                return builder.bitcast(place, FLOATS.as_pointer())

            def moved(at: Any, step: Any, n: int) -> Any:
                return builder.add(at, builder.mul(step, ir.IntType(64)(n)))

            weights_from = [address(3, weights_, moved(weights_at_, weights_step_, n)) for n in range(n_sets)]
            rows_from = address(7, rows_, rows_at_)
            outs_from = [address(0, out_, moved(out_at_, out_step_, n)) for n in range(n_sets)]
            first = ir.Constant(FLOATS, [start or 0.0] * LANES)
            totals = [
                [[cgutils.alloca_once_value(builder, first) for _ in range(n_vectors)] for _ in range(n_sets)]
                for _ in range(n_chains)
            ]
            if start is None:
                for out_from, places in zip(outs_from, totals[0], strict=True):
                    for i, place in enumerate(places):
                        builder.store(builder.load(vector_at(out_from, i), align=4), place)
            every = ir.IntType(64)(n_chains)
            with cgutils.for_range_slice(builder, ir.IntType(64)(0), n_rows_, every, inc=True) as (row, _):
                for chain in range(n_chains):
                    here = builder.add(row, ir.IntType(64)(chain))
                    values_from = builder.gep(rows_from, [builder.mul(here, width_)])
                    values = [builder.load(vector_at(values_from, i), align=4) for i in range(n_vectors)]
                    for weight_from, places in zip(weights_from, totals[chain], strict=True):
                        weight = splat(builder, builder.load(builder.gep(weight_from, [builder.mul(here, stride_)])))
                        for value, place in zip(values, places, strict=True):
                            builder.store(combine(builder, builder.load(place), weight, value), place)
            for n, out_from in enumerate(outs_from):
                for i in range(n_vectors):
                    total = builder.load(totals[0][n][i])
                    for chain in range(1, n_chains):
                        total = _join(combine, builder, total, builder.load(totals[chain][n][i]))
                    builder.store(total, vector_at(out_from, i), align=4)
            return context.get_dummy_value()

        return signature, emit

    return combine_rows


def _plus_product(builder: Any, total: Any, weight: Any, values: Any) -> Any:
    return builder.fadd(total, builder.fmul(weight, values, flags=("contract",)), flags=("contract",))


def _max_sum(builder: Any, total: Any, weight: Any, values: Any) -> Any:
    return larger_of(builder, total, builder.fadd(weight, values))


def _join(combine: Any, builder: Any, one: Any, other: Any) -> Any:
    return builder.fadd(one, other) if combine is _plus_product else larger_of(builder, one, other)


_sum_1, _sum_2, _sum_3, _sum_4, _sum_5, _sum_6 = (_combiner(n, 1, 0.0, _plus_product) for n in range(1, WIDEST + 1))
_max_1, _max_2, _max_3, _max_4, _max_5, _max_6 = (_combiner(n, 1, -3.4e38, _max_sum) for n in range(1, WIDEST + 1))
_add_1, _add_2, _add_3 = (_combiner(n, 2, None, _plus_product) for n in range(1, WIDEST // 2 + 1))
_two_1, _two_2, _two_3 = (_combiner(n, 2, 0.0, _plus_product) for n in range(1, WIDEST // 2 + 1))


@jit
def sum_rows(
    out: Array, out_at: int, weights: Array, weights_at: int, stride: int,
    rows: Array, rows_at: int, width: int, n_rows: int,
) -> None:  # fmt: skip
    """out[j] = Σ over rows i of weights[i] · rows[i, j].

    Each array begins at the element that `…_at` says; weights lie `stride` apart, rows `width`, a multiple of LANES.
    The number of rows is a multiple of ROW_STEP.
    """
    at = 0
    while at < width:
        left = (width - at) // LANES
        # What does not fit into the registers at once is taken in turns.
        n = left if left <= WIDEST else 4
        if n == 1:
            _sum_1(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 2:
            _sum_2(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 3:
            _sum_3(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 4:
            _sum_4(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 5:
            _sum_5(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        else:
            _sum_6(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        at += n * LANES


@jit
def max_rows(
    out: Array, out_at: int, weights: Array, weights_at: int, stride: int,
    rows: Array, rows_at: int, width: int, n_rows: int,
) -> None:  # fmt: skip
    """out[j] = the maximum over rows i of weights[i] + rows[i, j]."""
    at = 0
    while at < width:
        left = (width - at) // LANES
        n = left if left <= WIDEST else 4
        if n == 1:
            _max_1(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 2:
            _max_2(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 3:
            _max_3(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 4:
            _max_4(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        elif n == 5:
            _max_5(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        else:
            _max_6(out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        at += n * LANES


@jit
def two_rows(
    out: Array, out_at: int, out_step: int, weights: Array, weights_at: int, weights_step: int, stride: int,
    rows: Array, rows_at: int, width: int, n_rows: int,
) -> None:  # fmt: skip
    """sum_rows for two sets of weights, `weights_step` apart, into two results, `out_step` apart."""
    at = 0
    while at < width:
        left = (width - at) // LANES
        n = min(left, 3)
        if n == 1:
            _two_1(
                out, out_at + at, out_step, weights, weights_at, weights_step, stride, rows, rows_at + at, width, n_rows
            )
        elif n == 2:
            _two_2(
                out, out_at + at, out_step, weights, weights_at, weights_step, stride, rows, rows_at + at, width, n_rows
            )
        else:
            _two_3(
                out, out_at + at, out_step, weights, weights_at, weights_step, stride, rows, rows_at + at, width, n_rows
            )
        at += n * LANES


@jit
def add_two_rows(
    out: Array, out_at: int, out_step: int, weights: Array, weights_at: int, weights_step: int, stride: int,
    rows: Array, rows_at: int, width: int, n_rows: int,
) -> None:  # fmt: skip
    """two_rows, added to what `out` holds."""
    at = 0
    while at < width:
        left = (width - at) // LANES
        n = min(left, 3)
        if n == 1:
            _add_1(
                out, out_at + at, out_step, weights, weights_at, weights_step, stride, rows, rows_at + at, width, n_rows
            )
        elif n == 2:
            _add_2(
                out, out_at + at, out_step, weights, weights_at, weights_step, stride, rows, rows_at + at, width, n_rows
            )
        else:
            _add_3(
                out, out_at + at, out_step, weights, weights_at, weights_step, stride, rows, rows_at + at, width, n_rows
            )
        at += n * LANES
