"""Work that threads share: each takes the next part that is left, so that nobody waits for one that is late."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def take_next(typing, taken):
    """Return how many parts have been taken, taken[0] (int64), and take one more, in one indivisible operation."""

    def build(context, builder, signature, args):
        place = context.make_array(taken)(context, builder, args[0]).data
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(taken), build
