"""What numba is told about the processor: how to compile, and two loops that must stay in vector registers.

All rows are LANES × n floats wide, the tags padded with zeros, so that no loop has a remainder.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast
from zlib import crc32

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .vectors import FLOATS, LANES, larger_of, pointer_to, splat

Array = npt.NDArray[Any]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

ROW_STEP = 2  # rows of matrices are padded to a multiple of this
INFINITE = np.int32(0x7F800000)  # bits of infinity


def widest(n_sets: int) -> int:
    """Vectors of each set of results that the registers hold at once: 32 registers of 16 lanes, or 16 of 8."""
    return 6 if "avx512f" in _FEATURES else 6 // n_sets


_FEATURES = {name for name, present in get_host_cpu_features().items() if present}
WIDEST, WIDEST_TWO = widest(1), widest(2)

_SOURCES = [(file.name, crc32(file.read_bytes())) for file in sorted(Path(__file__).parent.glob("*.py"))]

# No NaN and no infinity reaches a comparison in the kernels: they refuse such emissions, and leave off before they
# divide by 0. `reassoc` lets a sum be taken in vectors.
FAST = {"nnan", "nsz", "contract", "reassoc", "arcp"}


def jit(function: FunctionT, *, forceinline: bool = False) -> FunctionT:
    """Compile at the first call, and keep the machine code on disk where a folder can be written.

    numba compiles again what it finds on disk when the function's own file has changed. But these functions contain
    each other, across files: what is kept is stamped with all of them. Where numba has no such stamp nothing is kept.
    """
    options = {"nogil": True, "fastmath": FAST, "error_model": "numpy", "forceinline": forceinline}
    compiled = njit(function, **options)
    try:
        compiled.enable_caching()
        cache = compiled._cache._cache_file
        cache._source_stamp = (cache._source_stamp, *_SOURCES)
    except RuntimeError:  # neither beside the package nor in the user's cache can anything be written
        pass
    except AttributeError:
        compiled = njit(function, **options)
    return cast(FunctionT, compiled)


# A call that hands over arrays takes as long as the arithmetic of a few rows.
inlined = partial(jit, forceinline=True)


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


def _combiner(n_sets: int, start: float | None, combine: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Build out[: n_vectors × LANES] = the combination over all rows of (one weight, that row's values).

    The results stay in registers until the last row is done, which is what compilers do not find out by themselves.
    Two sets of weights, each with its own results, share the reading of the rows. Few vectors are combined in two
    chains, so that none waits for the one before. They begin with `start` or, where it is None, with what `out` holds.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def combine_rows(
        typingctx: Any,
        n_vectors: Any, out: Any, out_at: Any, out_step: Any, weights: Any, weights_at: Any, weights_step: Any,
        stride: Any, rows: Any, rows_at: Any, width: Any, n_rows: Any,
    ) -> Any:  # fmt: skip
        i64 = types.int64
        signature = types.void(i64, out, i64, i64, weights, i64, i64, i64, rows, i64, i64, i64)

        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            (
                n_vectors,
                out,
                out_at,
                out_step,
                weights,
                weights_at,
                weights_step,
                stride,
                rows,
                rows_at,
                width,
                n_rows,
            ) = args

            def address(index: int, value: Any, at: Any, step: Any = None, n: int = 0) -> Any:
                offset = builder.add(at, builder.mul(step, ir.IntType(64)(n))) if n else at
                return pointer_to(context, builder, sig.args[index], value, offset)

            weights_from = [address(4, weights, weights_at, weights_step, n) for n in range(n_sets)]
            outs = [address(1, out, out_at, out_step, n) for n in range(n_sets)]
            for n in range(1, widest(n_sets) + 1):  # a loop for each number of vectors, of which one runs
                with builder.if_then(builder.icmp_signed("==", n_vectors, ir.IntType(64)(n))):
                    emit_loop(builder, n, outs, weights_from, stride, address(8, rows, rows_at), width, n_rows)
            return context.get_dummy_value()

        return signature, emit

    def emit_loop(
        builder: Any, n_vectors: int, outs: Any, weights_from: Any, stride: Any, rows_from: Any, width: Any, n_rows: Any
    ) -> None:
        n_chains = 2 if n_vectors * n_sets <= 3 else 1

        def vector_at(pointer: Any, index: int) -> Any:
            place = builder.gep(pointer, [ir.IntType(64)(index * LANES)])
            return builder.bitcast(place, FLOATS.as_pointer())

        first = ir.Constant(FLOATS, [start or 0.0] * LANES)
        totals = [
            [[cgutils.alloca_once_value(builder, first) for _ in range(n_vectors)] for _ in outs]
            for _ in range(n_chains)
        ]
        if start is None:
            for out, places in zip(outs, totals[0], strict=True):
                for i, place in enumerate(places):
                    builder.store(builder.load(vector_at(out, i), align=4), place)
        every = ir.IntType(64)(n_chains)
        with cgutils.for_range_slice(builder, ir.IntType(64)(0), n_rows, every, inc=True) as (row, _):
            for chain in range(n_chains):
                here = builder.add(row, ir.IntType(64)(chain))
                values_from = builder.gep(rows_from, [builder.mul(here, width)])
                values = [builder.load(vector_at(values_from, i), align=4) for i in range(n_vectors)]
                for weight_from, places in zip(weights_from, totals[chain], strict=True):
                    weight = splat(builder, builder.load(builder.gep(weight_from, [builder.mul(here, stride)])))
                    for value, place in zip(values, places, strict=True):
                        builder.store(combine(builder, builder.load(place), weight, value), place)
        for n, out in enumerate(outs):
            for i in range(n_vectors):
                total = builder.load(totals[0][n][i])
                for chain in range(1, n_chains):
                    total = _join(combine, builder, total, builder.load(totals[chain][n][i]))
                builder.store(total, vector_at(out, i), align=4)

    return combine_rows


def _plus_product(builder: Any, total: Any, weight: Any, values: Any) -> Any:
    return builder.fadd(total, builder.fmul(weight, values, flags=("contract",)), flags=("contract",))


def _max_sum(builder: Any, total: Any, weight: Any, values: Any) -> Any:
    return larger_of(builder, total, builder.fadd(weight, values))


def _join(combine: Any, builder: Any, one: Any, other: Any) -> Any:
    return builder.fadd(one, other) if combine is _plus_product else larger_of(builder, one, other)


_sum, _two = _combiner(1, 0.0, _plus_product), _combiner(2, 0.0, _plus_product)
_add_two, _max = _combiner(2, None, _plus_product), _combiner(1, -3.4e38, _max_sum)


@inlined
def turn(left: int, most: int) -> int:
    """How many of the vectors that are left to take at once: all, or the most, or two turns of about the same."""
    return left if left <= most else min(most, (left + 1) // 2)


@inlined
def sum_rows(
    out: Array, out_at: int, weights: Array, weights_at: int, stride: int,
    rows: Array, rows_at: int, width: int, n_rows: int,
) -> None:  # fmt: skip
    """out[j] = Σ over rows i of weights[i] · rows[i, j].

    Each array begins at the element that `…_at` says; weights lie `stride` apart, rows `width`, a multiple of LANES.
    Where their number is no multiple of ROW_STEP, what follows the last one is read, too, and must add nothing.
    """
    at = 0
    while at < width:
        n = turn((width - at) // LANES, WIDEST)
        _sum(n, out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        at += n * LANES


@inlined
def max_rows(
    out: Array, out_at: int, weights: Array, weights_at: int, stride: int,
    rows: Array, rows_at: int, width: int, n_rows: int,
) -> None:  # fmt: skip
    """out[j] = the maximum over rows i of weights[i] + rows[i, j]."""
    at = 0
    while at < width:
        n = turn((width - at) // LANES, WIDEST)
        _max(n, out, out_at + at, 0, weights, weights_at, 0, stride, rows, rows_at + at, width, n_rows)
        at += n * LANES


@inlined
def two_rows(
    out: Array, out_at: int, out_step: int, weights: Array, weights_at: int, weights_step: int, stride: int,
    rows: Array, rows_at: int, width: int, n_rows: int,
) -> None:  # fmt: skip
    """sum_rows for two sets of weights, `weights_step` apart, into two results, `out_step` apart."""
    at = 0
    while at < width:
        n = turn((width - at) // LANES, WIDEST_TWO)
        _two(
            n, out, out_at + at, out_step, weights, weights_at, weights_step, stride, rows, rows_at + at, width, n_rows
        )
        at += n * LANES


@jit
def add_products(
    out: Array, left: Array, left_at: int, right: Array, right_at: int, width: int, n_tags: int, n_rows: int
) -> None:
    """out[i, j] += Σ over rows of left[row, i] · right[row, j], for all i < n_tags and, where that is odd, the next."""
    for i in range(0, n_tags, 2):
        at = 0
        while at < width:
            n = turn((width - at) // LANES, WIDEST_TWO)
            _add_two(n, out, i * width + at, width, left, left_at + i, 1, width, right, right_at + at, width, n_rows)
            at += n * LANES
