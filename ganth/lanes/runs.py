"""Short runs of numbers, copied or added: vectors as long as they fit, then four numbers, then one.

The compiler's own loops are made for long runs, and lose more than they take on these.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from .wide import BYTES, lone, number

FOUR = 4


def _piece(several, adds):
    """Return an intrinsic that sets a piece of a run, a vector or FOUR numbers, to another, or to the sum of two."""

    @intrinsic
    def piece(typing, to, at, given, place, more):
        def build(context, builder, signature, args):
            base, target, source, first, second = args
            size = to.dtype.bitwidth // 8
            count = BYTES // size if several else FOUR
            vector = ir.VectorType(context.get_value_type(to.dtype), count).as_pointer()
            value = builder.load(builder.bitcast(builder.gep(source, [first]), vector), align=size)
            if adds:
                other = builder.load(builder.bitcast(builder.gep(source, [second]), vector), align=size)
                value = builder.fadd(value, other)
            builder.store(value, builder.bitcast(builder.gep(base, [target]), vector), align=size)
            return context.get_dummy_value()

        return types.none(to, types.intp, given, types.intp, types.intp), build

    return piece


_copy_vector, _copy_four = _piece(True, False), _piece(False, False)
_add_vector, _add_four = _piece(True, True), _piece(False, True)


@intrinsic
def _put(typing, to, at, value):
    """Write a number."""

    def build(context, builder, signature, args):
        builder.store(args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.none(to, types.intp, to.dtype), build


@njit(forceinline=True)
def copy(to, at, given, place, count):
    """Set `count` numbers to those of another pointer; see wide.pointer."""
    i, lanes = 0, lone(to)
    while i + lanes <= count:
        _copy_vector(to, at + i, given, place + i, place)
        i += lanes
    while i + FOUR <= count:
        _copy_four(to, at + i, given, place + i, place)
        i += FOUR
    while i < count:
        _put(to, at + i, number(given, place + i))
        i += 1


@njit(forceinline=True)
def add_up(to, at, given, place, more, count):
    """Set `count` numbers to sums of those from `place` and from `more` on."""
    i, lanes = 0, lone(to)
    while i + lanes <= count:
        _add_vector(to, at + i, given, place + i, more + i)
        i += lanes
    while i + FOUR <= count:
        _add_four(to, at + i, given, place + i, more + i)
        i += FOUR
    while i < count:
        _put(to, at + i, number(given, place + i) + number(given, more + i))
        i += 1
