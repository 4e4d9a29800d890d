"""Matrix products in registers for matrices of any size: tiles of rows x vectors, each element summed in order.

    out (rows, n) = left (rows, count) right (count, n),    n whole vectors of 64 bytes

`left` may have any strides, so that a transpose costs nothing.  An element is the sum of its terms in their order,
each rounded once, whatever tile it lies in: how the work is cut changes no bit.
"""

from llvmlite import ir
from numba import int64, njit, types
from numba.extending import intrinsic

from .products import tile_of
from .tiles import Lanes, lanes_of
from .wide import BYTES, pointer

FULL = BYTES == 64  # registers hold whole vectors: tiles of 16 of them, else of 4, which are two registers each


def _block_of(rows, columns):
    """Return a loop that fills a tile."""
    _, add_term, store = tile_of(rows, columns)

    @intrinsic
    def begin(typing, out, at, step, add):
        """Return what stands in `out`, or zeros."""
        lanes = Lanes(out.dtype)
        result = types.UniTuple(lanes, rows * columns)

        def build(context, builder, signature, args):
            vector = context.get_value_type(lanes)
            base, place, stride, wanted = args
            before, found = builder.basic_block, []
            with builder.if_then(wanted):
                for _ in range(rows):
                    for c in range(columns):
                        address = builder.add(place, context.get_constant(types.intp, c * lanes.count))
                        address = builder.bitcast(builder.gep(base, [address]), vector.as_pointer())
                        found.append(builder.load(address, align=out.dtype.bitwidth // 8))
                    place = builder.add(place, stride)
                inside = builder.basic_block
            totals = []
            for value in found:
                phi = builder.phi(vector)
                phi.add_incoming(ir.Constant(vector, None), before)
                phi.add_incoming(value, inside)
                totals.append(phi)
            return context.make_tuple(builder, result, totals)

        return result(out, types.intp, types.intp, types.boolean), build

    @njit(forceinline=True)
    def product(out, at, step, left, left_at, left_row, left_column, right, right_at, right_row, count, add):
        totals = begin(out, at, step, add)
        for k in range(count):
            totals = add_term(totals, left, left_at + k * left_column, left_row, right, right_at + k * right_row)
        store(out, at, step, totals)

    return product


_wide, _middle, _narrow, _row = _block_of(4, 4), _block_of(8, 2), _block_of(16 if FULL else 4, 1), _block_of(1, 1)


@njit
def multiply(
    room, at, step, left, left_row, left_column, right, right_row, rows, columns, count, add
):  # fmt: skip
    """Set room[at + r step + c], r < rows, c < columns, to a product, or add one to it; see this file's head.

    Element (r, k) of left is room[left + r left_row + k left_column], (k, c) of right is room[right + k right_row + c].
    """
    place, lanes = pointer(room, 0), lanes_of(room)
    c = 0
    while c < columns:
        vectors = (columns - c) // lanes
        vectors = 4 if FULL and vectors >= 4 else (2 if FULL and vectors >= 2 else 1)
        high = 16 // vectors if FULL else 4
        r = 0
        while r < rows:
            if rows - r < high and (add or rows < high):
                for v in range(c, c + vectors * lanes, lanes):
                    _row(
                        place, at + r * step + v, step, place, left + r * left_row, left_row, left_column, place,
                        right + v, right_row, count, add,
                    )  # fmt: skip
                r += 1
                continue
            r = min(r, rows - high)  # the last tile may cover rows of the one before: they come out the same
            to, first = at + r * step + c, left + r * left_row
            if vectors == 4:
                _wide(place, to, step, place, first, left_row, left_column, place, right + c, right_row, count, add)
            elif vectors == 2:
                _middle(place, to, step, place, first, left_row, left_column, place, right + c, right_row, count, add)
            else:
                _narrow(place, to, step, place, first, left_row, left_column, place, right + c, right_row, count, add)
            r += high
        c += vectors * lanes


@njit
def multiply_panels(room, at, step, left, left_row, right, panel, rows, columns, count, add):
    """Set room to a product with a right matrix that lies in panels of `panel` columns, or add one to it."""
    for c in range(0, columns, panel):
        wide = min(panel, columns - c)
        multiply(room, at + c, step, left, left_row, int64(1), right + c * count, wide, rows, wide, count, add)
