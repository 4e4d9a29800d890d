"""Tuples of Wides, one for each coordinate, for loops that serve any dimension and keep coordinates in registers.

How many rows there are is known when a loop is compiled: from the length of a tuple `axes`, or of a tuple of rows.
A signal is "on" where it is positive; NaN counts as on, so that it is not hidden.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vectors import call_vector, spread
from .wide import BYTES, PARTS, Wide, _parts

_CONTRACT = ("contract",)


def _places(context, builder, pointer, at, count, step=1):
    """Return the addresses `at`, `at + step`, ... places on."""
    step = step if isinstance(step, ir.Value) else context.get_constant(types.intp, step)
    start = builder.gep(pointer, [at])
    return [builder.gep(start, [builder.mul(step, context.get_constant(types.intp, i))]) for i in range(count)]


def _spread_numbers(context, builder, pointer, at, count, vector):
    places = _places(context, builder, pointer, at, count)
    return [spread(builder, vector, builder.load(place)) for place in places]


def _add_product(builder, total, a, b):
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), total, flags=_CONTRACT)


def _on(builder, signal):
    return builder.fcmp_unordered(">", signal, ir.Constant(signal.type, None))


def _total_vector(context, pointer):
    return ir.VectorType(context.get_value_type(pointer.dtype), Wide(pointer.dtype).count // PARTS)


@intrinsic
def load_rows(typing, pointer, at, step, axes):
    """Return the Wides `at`, `at + step`, ... places on, as many as there are axes."""
    wide = Wide(pointer.dtype)
    rows = types.UniTuple(wide, len(axes))

    def build(context, builder, signature, args):
        vector = context.get_value_type(wide).as_pointer()
        places = _places(context, builder, *args[:2], len(rows), args[2])
        found = [builder.load(builder.bitcast(place, vector), align=BYTES) for place in places]
        return context.make_tuple(builder, rows, found)

    return rows(pointer, types.intp, types.intp, axes), build


@intrinsic
def store_rows(typing, pointer, at, step, rows):
    """Write the rows `at`, `at + step`, ... places on."""

    def build(context, builder, signature, args):
        places = _places(context, builder, *args[:2], len(rows), args[2])
        for place, row in zip(places, cgutils.unpack_tuple(builder, args[3]), strict=True):
            builder.store(row, builder.bitcast(place, row.type.as_pointer()), align=BYTES)
        return context.get_dummy_value()

    return types.none(pointer, types.intp, types.intp, rows), build


@intrinsic
def zero_rows(typing, pointer, axes):
    """Return rows of zeros, as many as there are axes."""
    rows = types.UniTuple(Wide(pointer.dtype), len(axes))

    def build(context, builder, signature, args):
        return context.make_tuple(builder, rows, [ir.Constant(context.get_value_type(rows.dtype), None)] * len(rows))

    return rows(pointer, axes), build


@intrinsic
def scaled(typing, rows, factor):
    """Return the rows times a Wide or a number."""

    def build(context, builder, signature, args):
        wide = args[1] if isinstance(factor, Wide) else spread(builder, context.get_value_type(rows.dtype), args[1])
        return context.make_tuple(
            builder, rows, [builder.fmul(row, wide) for row in cgutils.unpack_tuple(builder, args[0])]
        )

    return rows(rows, factor), build


@intrinsic
def add_scaled(typing, totals, rows, factor):
    """Return totals + rows times a number."""

    def build(context, builder, signature, args):
        pairs = list(zip(*(cgutils.unpack_tuple(builder, arg) for arg in args[:2]), strict=True))
        wide = spread(builder, pairs[0][0].type, args[2])
        return context.make_tuple(builder, totals, [_add_product(builder, total, row, wide) for total, row in pairs])

    return totals(totals, rows, factor), build


@intrinsic
def square_root(typing, wide):
    """Return the square root of a Wide."""
    return wide(wide), lambda context, builder, signature, args: call_vector(builder, "sqrt", args[0].type, args)


@intrinsic
def bounded(typing, wide, bound):
    """Return a Wide brought into [-bound, bound]; NaN stays."""

    def build(context, builder, signature, args):
        vector = args[0].type
        high = spread(builder, vector, context.cast(builder, args[1], bound, wide.number))
        low = builder.fneg(high)
        below = builder.select(builder.fcmp_ordered(">", args[0], high), high, args[0])
        return builder.select(builder.fcmp_ordered("<", below, low), low, below)

    return wide(wide, bound), build


@intrinsic
def magnitude(typing, wide):
    """Return the absolute value of a Wide."""
    return wide(wide), lambda context, builder, signature, args: call_vector(builder, "fabs", args[0].type, args)


@intrinsic
def with_sign(typing, wide, sign):
    """Return the absolute value of a Wide with the sign of another."""
    return wide(wide, sign), lambda context, builder, signature, args: call_vector(
        builder, "copysign", args[0].type, args
    )


@intrinsic
def times_power(typing, wide, shifted):
    """Return wide 2^n, normal numbers, with n in the low bits of `shifted`; see formulas.exponentials."""

    def build(context, builder, signature, args):
        bits = wide.number.bitwidth
        word = ir.VectorType(ir.IntType(bits), args[0].type.count)
        by = ir.Constant(word, [52 if bits == 64 else 23] * word.count)
        value, n = (builder.bitcast(arg, word) for arg in args)
        return builder.bitcast(builder.add(value, builder.shl(n, by)), args[0].type)

    return wide(wide, shifted), build


@intrinsic
def dot(typing, left, right):
    """Return the Wide sum_k left_k right_k."""

    def build(context, builder, signature, args):
        total, *more = [
            builder.fmul(a, b) for a, b in zip(*(cgutils.unpack_tuple(builder, a) for a in args), strict=True)
        ]
        for term in more:
            total = builder.fadd(total, term)
        return total

    return left.dtype(left, right), build


@intrinsic
def affine(typing, start, rows, pointer, at):
    """Return start + sum_k rows_k times the number `at + k` places on."""

    def build(context, builder, signature, args):
        total = args[0]
        numbers = _spread_numbers(context, builder, *args[2:], len(rows), total.type)
        for row, number in zip(cgutils.unpack_tuple(builder, args[1]), numbers, strict=True):
            total = _add_product(builder, total, row, number)
        return total

    return start(start, rows, pointer, types.intp), build


@intrinsic
def add_multiples(typing, totals, wide, pointer, at):
    """Return totals_k + wide times the number `at + k` places on."""

    def build(context, builder, signature, args):
        numbers = _spread_numbers(context, builder, *args[2:], len(totals), args[1].type)
        pairs = zip(cgutils.unpack_tuple(builder, args[0]), numbers, strict=True)
        return context.make_tuple(
            builder, totals, [_add_product(builder, total, args[1], number) for total, number in pairs]
        )

    return totals(totals, wide, pointer, types.intp), build


@intrinsic
def add_where(typing, total, signal, number):
    """Return total + number where the signal is on."""

    def build(context, builder, signature, args):
        more = builder.fadd(args[0], spread(builder, args[0].type, args[2]))
        return builder.select(_on(builder, args[1]), more, args[0])

    return total(total, signal, number), build


@intrinsic
def add_numbers_where(typing, totals, signal, pointer, at):
    """Return totals_k + the number `at + k` places on, where the signal is on."""

    def build(context, builder, signature, args):
        on = _on(builder, args[1])
        numbers = _spread_numbers(context, builder, *args[2:], len(totals), args[1].type)
        pairs = zip(cgutils.unpack_tuple(builder, args[0]), numbers, strict=True)
        return context.make_tuple(
            builder, totals, [builder.select(on, builder.fadd(total, number), total) for total, number in pairs]
        )

    return totals(totals, signal, pointer, types.intp), build


@intrinsic
def add_rows_where(typing, pointer, at, signal, rows):
    """Add to the vectors from `at` on, one for each row, the PARTS vectors of the row where the signal is on."""

    def build(context, builder, signature, args):
        on = [_on(builder, part) for part in _parts(builder, args[2])]
        vector = _total_vector(context, pointer)
        places = _places(context, builder, *args[:2], len(rows), vector.count)
        for row, place in zip(cgutils.unpack_tuple(builder, args[3]), places, strict=True):
            place = builder.bitcast(place, vector.as_pointer())
            total = builder.load(place, align=BYTES)
            for where, part in zip(on, _parts(builder, row), strict=True):
                total = builder.select(where, builder.fadd(total, part), total)
            builder.store(total, place, align=BYTES)
        return context.get_dummy_value()

    return types.none(pointer, types.intp, signal, rows), build


@intrinsic
def add_rows(typing, pointer, at, wide, rows):
    """Add to the vectors from `at` on, one for each row, the PARTS vectors of wide times the row."""

    def build(context, builder, signature, args):
        factors = _parts(builder, args[2])
        vector = _total_vector(context, pointer)
        places = _places(context, builder, *args[:2], len(rows), vector.count)
        for row, place in zip(cgutils.unpack_tuple(builder, args[3]), places, strict=True):
            place = builder.bitcast(place, vector.as_pointer())
            total = builder.load(place, align=BYTES)
            for factor, part in zip(factors, _parts(builder, row), strict=True):
                total = _add_product(builder, total, factor, part)
            builder.store(total, place, align=BYTES)
        return context.get_dummy_value()

    return types.none(pointer, types.intp, wide, rows), build
