"""Sixteen float32 as one value in compiled code: `read` it, `write` it, and reckon with it.

Loops of unknown length over rows of some dozen tags are what compilers vectorise worst: most of the time goes into
what is left over when the length is divided by the lanes. Here a row is always whole vectors, the last one perhaps
read and written in part.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 16  # of AVX-512; LLVM splits them in 2 for AVX2 and in 4 for NEON
FLOATS, INTS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
FLAGS = 64  # booleans that `read_flags` reads at once


class Vector(types.Type):  # type: ignore[misc]
    """numba's type of it."""

    def __init__(self) -> None:
        super().__init__(name=f"Vector({LANES})")


VECTOR = Vector()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


def splat(builder: Any, value: Any) -> Any:
    """A number in all lanes."""
    lone = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(lone, lone, ir.Constant(INTS, [0] * LANES))


def pointer_to(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    """The address of an element."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [at])


def _place(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    """The address of a vector that begins with an element."""
    return builder.bitcast(pointer_to(context, builder, array_type, array, at), FLOATS.as_pointer())


def _constant(kind: Any, value: float) -> Any:
    return ir.Constant(kind, [value] * LANES)


def _first(builder: Any, n: Any) -> Any:
    """True in the first n lanes."""
    lone = builder.insert_element(ir.Constant(INTS, ir.Undefined), builder.trunc(n, ir.IntType(32)), ir.IntType(32)(0))
    every = builder.shuffle_vector(lone, lone, ir.Constant(INTS, [0] * LANES))
    return builder.icmp_signed("<", ir.Constant(INTS, list(range(LANES))), every)


def _call(builder: Any, name: str, result: Any, *args: Any) -> Any:
    """An operation that LLVM has under a name."""
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(result, [arg.type for arg in args]), name)
    return builder.call(function, args)


@intrinsic  # type: ignore[untyped-decorator]
def read(typingctx: Any, array: Any, at: Any) -> Any:
    """array[at : at + LANES]."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_place(context, builder, signature.args[0], *args), align=4)

    return VECTOR(array, types.int64), emit


@intrinsic  # type: ignore[untyped-decorator]
def write(typingctx: Any, array: Any, at: Any, values: Any) -> Any:
    """array[at : at + LANES] = values."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _place(context, builder, signature.args[0], *args[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, values), emit


@intrinsic  # type: ignore[untyped-decorator]
def read_part(typingctx: Any, array: Any, at: Any, n: Any, otherwise: Any) -> Any:
    """array[at : at + n], n ≤ LANES, and a number in the lanes behind it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _place(context, builder, signature.args[0], *args[:2])
        others = splat(builder, args[3])
        align = ir.IntType(32)(4)
        return _call(
            builder, f"llvm.masked.load.v{LANES}f32.p0", FLOATS, pointer, align, _first(builder, args[2]), others
        )

    return VECTOR(array, types.int64, types.int64, types.float32), emit


@intrinsic  # type: ignore[untyped-decorator]
def write_part(typingctx: Any, array: Any, at: Any, n: Any, values: Any) -> Any:
    """array[at : at + n] = the first of the values, n ≤ LANES."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _place(context, builder, signature.args[0], *args[:2])
        mask = _first(builder, args[2])
        _call(builder, f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), args[3], pointer, ir.IntType(32)(4), mask)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, values), emit


@intrinsic  # type: ignore[untyped-decorator]
def filled(typingctx: Any, value: Any) -> Any:
    """A number in all lanes."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return splat(builder, args[0])

    return VECTOR(types.float32), emit


def _binary(emit_one: Callable[[Any, Any, Any], Any]) -> Any:
    """Build an operation on two vectors."""

    @intrinsic  # type: ignore[untyped-decorator]
    def operation(typingctx: Any, one: Any, other: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return emit_one(builder, *args)

        return VECTOR(VECTOR, VECTOR), emit

    return operation


def larger_of(builder: Any, one: Any, other: Any) -> Any:
    """The larger number in each lane, none of which is a NaN."""
    return builder.select(builder.fcmp_ordered(">", one, other, flags=("nnan", "nsz")), one, other)


def smaller_of(builder: Any, one: Any, other: Any) -> Any:
    """The smaller number in each lane, none of which is a NaN."""
    return builder.select(builder.fcmp_ordered("<", one, other, flags=("nnan", "nsz")), one, other)


plus = _binary(lambda builder, one, other: builder.fadd(one, other, flags=("contract",)))
minus = _binary(lambda builder, one, other: builder.fsub(one, other, flags=("contract",)))
times = _binary(lambda builder, one, other: builder.fmul(one, other, flags=("contract",)))
larger = _binary(larger_of)
smaller = _binary(smaller_of)


def _reduction(name: str, start: float | None) -> Any:
    """Build a vector → number."""

    @intrinsic  # type: ignore[untyped-decorator]
    def operation(typingctx: Any, values: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            begin = () if start is None else (ir.FloatType()(start),)
            function = f"llvm.vector.reduce.{name}.v{LANES}f32"
            kind = ir.FunctionType(ir.FloatType(), [arg.type for arg in (*begin, *args)])
            found = builder.module.globals.get(function) or ir.Function(builder.module, kind, function)
            return builder.call(found, (*begin, *args), fastmath=("reassoc", "nnan", "nsz"))

        return types.float32(VECTOR), emit

    return operation


sum_of, max_of = _reduction("fadd", 0.0), _reduction("fmax", None)


@intrinsic  # type: ignore[untyped-decorator]
def exp(typingctx: Any, values: Any) -> Any:
    """e^x for x ≤ 0, within 3e-7 of the value; 0 below −87.

    2^n · e^r with n = round(x / ln 2), as in Cody and Waite (1980), "Software Manual for the Elementary Functions"; the
    polynomial is Taylor's to the seventh power on |r| ≤ ln 2 / 2.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def multiply_add(one: Any, other: Any, more: Any) -> Any:
            return builder.fadd(builder.fmul(one, other, flags=("contract",)), more, flags=("contract",))

        lowest = _constant(FLOATS, -87.0)
        x = larger_of(builder, args[0], lowest)
        n = builder.fptosi(multiply_add(x, _constant(FLOATS, 1.44269504), _constant(FLOATS, -0.5)), INTS)
        r = multiply_add(builder.sitofp(n, FLOATS), _constant(FLOATS, -0.69314718), x)
        p = _constant(FLOATS, 1 / 5040)
        for factor in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0):
            p = multiply_add(p, r, _constant(FLOATS, factor))
        power = builder.shl(builder.add(n, _constant(INTS, 127)), _constant(INTS, 23))
        value = builder.fmul(p, builder.bitcast(power, FLOATS))
        return builder.select(builder.fcmp_ordered(">", args[0], lowest), value, _constant(FLOATS, 0.0))

    return VECTOR(VECTOR), emit


@intrinsic  # type: ignore[untyped-decorator]
def read_flags(typingctx: Any, array: Any, at: Any) -> Any:
    """array[at : at + FLAGS], booleans, as the bits of an integer, the first of them the lowest bit."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        flags = ir.VectorType(ir.IntType(8), FLAGS)
        pointer = pointer_to(context, builder, signature.args[0], *args)
        values = builder.load(builder.bitcast(pointer, flags.as_pointer()), align=1)
        return builder.bitcast(builder.icmp_unsigned("!=", values, ir.Constant(flags, None)), ir.IntType(FLAGS))

    return types.uint64(array, types.int64), emit


@intrinsic  # type: ignore[untyped-decorator]
def count_bits(typingctx: Any, bits: Any) -> Any:
    """How many bits are set."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), emit


@intrinsic  # type: ignore[untyped-decorator]
def lowest_bit(typingctx: Any, bits: Any) -> Any:
    """The place of the lowest bit that is set; 64 where none is."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(0))

    return types.int64(types.uint64), emit
