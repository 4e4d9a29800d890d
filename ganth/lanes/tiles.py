"""Vectors of 64 bytes and tiles of them, meant to stay in registers.

`Lanes` is a vector of n = 8 float64 or 16 float32 numbers; a tile is GROUP of them, mostly one for each of GROUP
points, meant to stay in registers.  The compiler splits them where registers are shorter, which changes no bit.
Addresses of lanes must be multiples of 64 bytes (`numbers_to_boundary`).
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from .vectors import call_vector
from .vectors import spread as spread_number

GROUP = 8
BYTES = 64


class Lanes(types.Type):
    """A vector of BYTES bytes of floating-point numbers."""

    def __init__(self, number):
        self.number, self.count = number, 8 * BYTES // number.bitwidth
        super().__init__(name=f"Lanes({number})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(dmm.lookup(fe_type.number).get_value_type(), fe_type.count))


def _tile(array):
    return types.UniTuple(Lanes(array.dtype), GROUP)


def _addresses(context, builder, array_type, array, at, count=1, step=1):
    """Return the addresses of array[at], array[at + step] ...; negative indices do not wrap."""
    start = builder.gep(context.make_array(array_type)(context, builder, array).data, [at])
    return [builder.gep(start, [context.get_constant(types.intp, i * step)]) for i in range(count)]


def _load(context, builder, lanes, address):
    return builder.load(builder.bitcast(address, context.get_value_type(lanes).as_pointer()), align=BYTES)


def _store(builder, lanes, address):
    builder.store(lanes, builder.bitcast(address, lanes.type.as_pointer()), align=BYTES)


def _add_product(builder, total, a, b):
    return call_vector(builder, "fma", total.type, [a, b, total])


@intrinsic
def lanes_of(typing, array):
    """Return n, the lanes of an array's numbers, as a constant."""

    def build(context, builder, signature, args):
        return context.get_constant(types.intp, Lanes(array.dtype).count)

    return types.intp(array), build


@intrinsic
def numbers_to_boundary(typing, array):
    """Return how many numbers lie before the first address of an array that is a multiple of BYTES."""

    def build(context, builder, signature, args):
        (address,) = _addresses(context, builder, array, *args, context.get_constant(types.intp, 0))
        size = context.get_abi_sizeof(context.get_data_type(array.dtype))
        before = builder.neg(builder.ptrtoint(address, context.get_value_type(types.intp)))
        before = builder.and_(before, context.get_constant(types.intp, BYTES - 1))
        return builder.udiv(before, context.get_constant(types.intp, size))

    return types.intp(array), build


@njit
def aligned(size, like):
    """Return zeros of an array's type that start at a multiple of BYTES."""
    room = np.zeros(size + lanes_of(like), like.dtype)
    skip = numbers_to_boundary(room)
    return room[skip : skip + size]


@intrinsic
def load(typing, array, at):
    """Return array[at : at + n] as lanes."""

    def build(context, builder, signature, args):
        return _load(context, builder, signature.return_type, *_addresses(context, builder, array, *args))

    return Lanes(array.dtype)(array, types.intp), build


@intrinsic
def store(typing, array, at, lanes):
    """Set array[at : at + n]."""

    def build(context, builder, signature, args):
        _store(builder, args[2], *_addresses(context, builder, array, *args[:2]))
        return context.get_dummy_value()

    return types.none(array, types.intp, lanes), build


@intrinsic
def load_tile(typing, array, at):
    """Return array[at : at + GROUP n] as a tile."""
    tile = _tile(array)

    def build(context, builder, signature, args):
        found = _addresses(context, builder, array, *args, GROUP, tile.dtype.count)
        return context.make_tuple(builder, tile, [_load(context, builder, tile.dtype, address) for address in found])

    return tile(array, types.intp), build


@intrinsic
def store_tile(typing, array, at, tile):
    """Set array[at : at + GROUP n]."""

    def build(context, builder, signature, args):
        found = _addresses(context, builder, array, *args[:2], GROUP, tile.dtype.count)
        for lanes, address in zip(cgutils.unpack_tuple(builder, args[2]), found, strict=True):
            _store(builder, lanes, address)
        return context.get_dummy_value()

    return types.none(array, types.intp, tile), build


@intrinsic
def spread(typing, number):
    """Return lanes that all hold `number`."""

    def build(context, builder, signature, args):
        return spread_number(builder, context.get_value_type(signature.return_type), args[0])

    return Lanes(number)(number), build


@intrinsic
def spread_tile(typing, array, at):
    """Return the tile whose lanes for point p all hold array[at + p]."""
    tile = _tile(array)

    def build(context, builder, signature, args):
        numbers = [builder.load(address) for address in _addresses(context, builder, array, *args, GROUP)]
        return context.make_tuple(
            builder, tile, [spread_number(builder, context.get_value_type(tile.dtype), number) for number in numbers]
        )

    return tile(array, types.intp), build


@intrinsic
def zero_tile(typing, array):
    """Return a tile of zeros of an array's type."""
    tile = _tile(array)

    def build(context, builder, signature, args):
        zero = ir.Constant(context.get_value_type(tile.dtype), None)
        return context.make_tuple(builder, tile, [zero] * GROUP)

    return tile(array), build


@intrinsic
def product(typing, a, b):
    """Return a b, lanes."""

    def build(context, builder, signature, args):
        return builder.fmul(*args)

    return a(a, b), build


@intrinsic
def add_products(typing, total, tile, other):
    """Return the tile total_p + tile_p other, rounded once; other is lanes, or a tile of its own lanes for each p."""

    def build(context, builder, signature, args):
        totals, left = (cgutils.unpack_tuple(builder, each) for each in args[:2])
        right = [args[2]] * GROUP if isinstance(other, Lanes) else cgutils.unpack_tuple(builder, args[2])
        products = zip(totals, left, right, strict=True)
        return context.make_tuple(builder, total, [_add_product(builder, *each) for each in products])

    return total(total, tile, other), build


@intrinsic
def add_squares(typing, total, tile, other):
    """Return the tile total_p + (other - tile_p)^2, the sum rounded once; other is lanes."""

    def build(context, builder, signature, args):
        totals, left = (cgutils.unpack_tuple(builder, each) for each in args[:2])
        # This way round a number that is spread is read from memory by the subtraction itself.
        apart = [builder.fsub(args[2], lanes) for lanes in left]
        squares = [_add_product(builder, *each) for each in zip(totals, apart, apart, strict=True)]
        return context.make_tuple(builder, total, squares)

    return total(total, tile, other), build


@intrinsic
def add_dot(typing, total, left, right):
    """Return the lanes total + sum_p left_p right_p."""

    def build(context, builder, signature, args):
        result = args[0]
        for a, b in zip(*(cgutils.unpack_tuple(builder, each) for each in args[1:]), strict=True):
            result = _add_product(builder, result, a, b)
        return result

    return total(total, left, right), build


@intrinsic
def gate(typing, signal, value):
    """Return the tile value where signal > 0, else 0; NaN in signal lets it pass, so that it is not hidden."""

    def build(context, builder, signature, args):
        zero = ir.Constant(context.get_value_type(value.dtype), None)
        pairs = zip(*(cgutils.unpack_tuple(builder, each) for each in args), strict=True)
        gated = [builder.select(builder.fcmp_ordered("<=", s, zero), zero, v) for s, v in pairs]
        return context.make_tuple(builder, value, gated)

    return value(signal, value), build


@intrinsic
def store_totals(typing, array, at, step, tile):
    """Set array[at + p step] to the sum of the tile's lanes for point p, added as a tree."""

    def build(context, builder, signature, args):
        for p, lanes in enumerate(cgutils.unpack_tuple(builder, args[3])):
            start = ir.Constant(lanes.type.element, -0.0)
            whole = call_vector(builder, "vector.reduce.fadd", lanes.type.element, [start, lanes], fastmath=["reassoc"])
            at_p = builder.add(args[1], builder.mul(args[2], context.get_constant(types.intp, p)))
            builder.store(whole, *_addresses(context, builder, array, args[0], at_p))
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, tile), build


@intrinsic
def prefetch(typing, array, at):
    """Ask for the cache line of array[at], which may lie outside."""

    def build(context, builder, signature, args):
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", (byte,), function_type)
        (address,) = _addresses(context, builder, array, *args)
        builder.call(function, [builder.bitcast(address, byte), word(0), word(3), word(1)])  # to read, keep, data
        return context.get_dummy_value()

    return types.none(array, types.intp), build
