"""Sums and products of Wides with their rounding errors: pairs (value, rest) of about twice the working precision.

No instruction here may be contracted or reordered, so none carries a fast-math flag.  Beside them stand the few
choices by lane that a log-sum-exp needs.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import call_vector, spread
from .wide import Wide


def _widen(context, builder, wide, value, kind):
    vector = context.get_value_type(wide)
    return value if isinstance(kind, Wide) else spread(builder, vector, context.cast(builder, value, kind, wide.number))


def _sum(builder, a, b):
    total = builder.fadd(a, b)
    from_b = builder.fsub(total, a)
    from_a = builder.fsub(total, from_b)
    return total, builder.fadd(builder.fsub(a, from_a), builder.fsub(b, from_b))


@intrinsic
def exact_sum(typing, wide, more):
    """Return wide + more as rounded, and what rounding took from it (Knuth)."""
    pair = types.UniTuple(wide, 2)
    return pair(wide, more), lambda context, builder, signature, args: context.make_tuple(
        builder, pair, _sum(builder, *args)
    )


@intrinsic
def exact_difference(typing, wide, number):
    """Return wide - number as rounded, and what rounding took from it."""
    pair = types.UniTuple(wide, 2)

    def build(context, builder, signature, args):
        minus = builder.fneg(_widen(context, builder, wide, args[1], number))
        return context.make_tuple(builder, pair, _sum(builder, args[0], minus))

    return pair(wide, number), build


@intrinsic
def product_rest(typing, wide, factor, product):
    """Return wide factor - product, rounded once: what rounding took from a product of Wides, or with a number."""

    def build(context, builder, signature, args):
        by = _widen(context, builder, wide, args[1], factor)
        return call_vector(builder, "fma", args[0].type, [args[0], by, builder.fneg(args[2])])

    return wide(wide, factor, product), build


@intrinsic
def larger(typing, wide, other):
    """Return the larger of a Wide and another or a number in each lane, the second where one is NaN."""

    def build(context, builder, signature, args):
        bound = _widen(context, builder, wide, args[1], other)
        return builder.select(builder.fcmp_ordered(">", args[0], bound), args[0], bound)

    return wide(wide, other), build


@intrinsic
def where_negative(typing, signal, value, other):
    """Return a Wide or a number where the signal is < 0, and another elsewhere."""

    def build(context, builder, signature, args):
        below = builder.fcmp_ordered("<", args[0], ir.Constant(args[0].type, None))
        pairs = zip(args[1:], signature.args[1:], strict=True)
        return builder.select(below, *(_widen(context, builder, signal, *pair) for pair in pairs))

    return signal(signal, value, other), build


@intrinsic
def any_above(typing, wide, limit):
    """Return whether some lane is > limit."""

    def build(context, builder, signature, args):
        above = builder.fcmp_ordered(">", args[0], _widen(context, builder, wide, args[1], limit))
        lanes = builder.bitcast(above, ir.IntType(args[0].type.count))
        return builder.icmp_unsigned("!=", lanes, lanes.type(0))

    return types.boolean(wide, limit), build


@intrinsic
def kept_within(typing, wide, x, low, high, otherwise):
    """Return wide where low <= x <= high, and a number where x is outside or NaN."""

    def build(context, builder, signature, args):
        below, above, rest = (
            _widen(context, builder, wide, *pair) for pair in zip(args[2:], signature.args[2:], strict=True)
        )
        inside = builder.and_(builder.fcmp_ordered(">=", args[1], below), builder.fcmp_ordered("<=", args[1], above))
        return builder.select(inside, args[0], rest)

    return wide(wide, x, low, high, otherwise), build


@intrinsic
def nearest_power(typing, wide, other):
    """Return wide 2^-n and n, where 2^n is about wide / other: what is left is within 2^0.59 of the other.

    Both are normal and positive.  The bits of a positive number are its logarithm, nearly.
    """
    pair = types.UniTuple(wide, 2)

    def build(context, builder, signature, args):
        bits, mantissa = (64, 52) if wide.number.bitwidth == 64 else (32, 23)
        word = ir.VectorType(ir.IntType(bits), args[0].type.count)

        def each(value):
            return ir.Constant(word, [value] * word.count)

        a, b = (builder.bitcast(arg, word) for arg in args)
        n = builder.ashr(builder.add(builder.sub(a, b), each(1 << (mantissa - 1))), each(mantissa))
        left = builder.bitcast(builder.sub(a, builder.shl(n, each(mantissa))), args[0].type)
        return context.make_tuple(builder, pair, (left, builder.sitofp(n, args[0].type)))

    return pair(wide, other), build
