"""Matrix products of small matrices in registers: tiles of ROWS x COLUMNS vectors, for loops that call no library.

    out (rows, n) = start + left (rows, count) right (count, n),    n a multiple of COLUMNS vectors

Elements of `left` are spread over vectors of `right`, so that `left` may have any strides: a transpose costs nothing.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .tiles import Lanes, lanes_of
from .vectors import call_vector, spread
from .wide import pointer

ROWS, COLUMNS = 4, 4


def _at(builder, context, base, at, more=0):
    return builder.gep(builder.gep(base, [at]), [context.get_constant(types.intp, more)])


def _vector(context, kind):
    return context.get_value_type(Lanes(kind.dtype))


def _size(kind):
    return kind.dtype.bitwidth // 8


def _move(context, builder, kind, base, at, more):
    place = _at(builder, context, base, at, more)
    return builder.bitcast(place, _vector(context, kind).as_pointer())


def tile_of(rows, columns=COLUMNS):
    """Return intrinsics of tiles of rows x columns vectors: start from one number a row, add a term, store."""

    def tile(kind):
        return types.UniTuple(Lanes(kind.dtype), rows * columns)

    @intrinsic
    def start(typing, biases, at):
        """Return the tile whose row r is biases[at + r]."""
        result = tile(biases)

        def build(context, builder, signature, args):
            vector, found = _vector(context, biases), []
            for r in range(rows):
                found += [spread(builder, vector, builder.load(_at(builder, context, *args, r)))] * columns
            return context.make_tuple(builder, result, found)

        return result(biases, at), build

    @intrinsic
    def add_term(typing, totals, left, left_at, left_step, right, right_at):
        """Return totals + left[left_at + r left_step] times the vectors of right from right_at on."""

        def build(context, builder, signature, args):
            total, base, at, step, other, other_at = args
            vector, lanes = _vector(context, right), Lanes(right.dtype).count
            above = [
                builder.load(_move(context, builder, right, other, other_at, c * lanes), align=_size(right))
                for c in range(columns)
            ]
            sums = cgutils.unpack_tuple(builder, total)
            found, place = [], builder.gep(base, [at])
            for r in range(rows):
                one = spread(builder, vector, builder.load(place))
                for c in range(columns):
                    found.append(call_vector(builder, "fma", vector, [one, above[c], sums[r * columns + c]]))
                place = builder.gep(place, [step])
            return context.make_tuple(builder, totals, found)

        return totals(totals, left, left_at, left_step, right, right_at), build

    @intrinsic
    def store(typing, out, at, step, totals):
        """Write row r of the tile to out[at + r step] and on."""

        def build(context, builder, signature, args):
            base, place, stride, total = args
            lanes = Lanes(out.dtype).count
            for i, value in enumerate(cgutils.unpack_tuple(builder, total)):
                builder.store(value, _move(context, builder, out, base, place, i % columns * lanes), align=_size(out))
                if i % columns == columns - 1:
                    place = builder.add(place, stride)
            return context.get_dummy_value()

        return types.none(out, at, step, totals), build

    return start, add_term, store


def _product_of(rows):
    start, add_term, store = tile_of(rows)

    @njit(forceinline=True)
    def product(
        out, at, step, biases, bias_at, left, left_at, left_row, left_column, right, right_at, right_row, count
    ):
        totals = start(biases, bias_at)
        for k in range(count):
            totals = add_term(totals, left, left_at + k * left_column, left_row, right, right_at + k * right_row)
        store(out, at, step, totals)

    return product


_four, _one = _product_of(ROWS), _product_of(1)


@njit
def block(like):
    """Return how many numbers of an array's type COLUMNS vectors hold."""
    return COLUMNS * lanes_of(like)


@njit
def multiply(
    out, at, step, biases, bias_at, left, left_at, left_row, left_column, right, right_at, right_row, count, rows
):
    """Set out[at + r step + c] for r < rows, c < COLUMNS vectors, to a product; see this file's head.

    The elements of `biases` from bias_at on start the rows.
    """
    outs, lefts, rights = pointer(out, 0), pointer(left, 0), pointer(right, 0)
    starts = pointer(biases, 0)
    r = 0
    while r + ROWS <= rows:
        _four(
            outs, at + r * step, step, starts, bias_at + r,
            lefts, left_at + r * left_row, left_row, left_column, rights, right_at, right_row, count,
        )  # fmt: skip
        r += ROWS
    while r < rows:
        _one(
            outs, at + r * step, step, starts, bias_at + r,
            lefts, left_at + r * left_row, left_row, left_column, rights, right_at, right_row, count,
        )  # fmt: skip
        r += 1


@intrinsic
def _sum_of_products(typing, left, left_at, right, right_at):
    """Return the sum over COLUMNS vectors of left times right (or of left alone, for None), added as a tree."""

    def build(context, builder, signature, args):
        vector, lanes = _vector(context, left), Lanes(left.dtype).count
        total = None
        for c in range(COLUMNS):
            a = builder.load(_move(context, builder, left, *args[:2], c * lanes), align=_size(left))
            if isinstance(right, types.CPointer):
                b = builder.load(_move(context, builder, right, *args[2:], c * lanes), align=_size(right))
                a = builder.fmul(a, b) if total is None else call_vector(builder, "fma", vector, [a, b, total])
                total = a
            else:
                total = a if total is None else builder.fadd(total, a)
        start = ir.Constant(vector.element, -0.0)
        return call_vector(builder, "vector.reduce.fadd", vector.element, [start, total], fastmath=["reassoc"])

    return left.dtype(left, left_at, right, right_at), build


@njit
def add_dots(out, at, out_row, left, left_at, right, right_at, step, rows, columns):
    """Add to out[at + r out_row + k] the product of row r of left and row k of right, COLUMNS vectors long.

    Rows are `step` numbers apart.
    """
    lefts, rights = pointer(left, 0), pointer(right, 0)
    for r in range(rows):
        for k in range(columns):
            out[at + r * out_row + k] += _sum_of_products(lefts, left_at + r * step, rights, right_at + k * step)


@njit
def add_sums(out, at, left, left_at, step, rows):
    """Add to out[at + r] the sum of row r of left, COLUMNS vectors long."""
    lefts = pointer(left, 0)
    for r in range(rows):
        out[at + r] += _sum_of_products(lefts, left_at + r * step, None, 0)


@intrinsic
def _turn(typing, out, at, out_row, source, source_at, source_row):
    """Set a square of n x n numbers, n the lanes of a vector, to the transpose of another."""

    def build(context, builder, signature, args):
        n = Lanes(out.dtype).count
        rows, place = [], args[4]
        for _ in range(n):
            rows.append(builder.load(_move(context, builder, source, args[3], place, 0), align=_size(source)))
            place = builder.add(place, args[5])
        half = n // 2
        while half:  # swap the off-diagonal squares of every square of 2 half rows
            for i in (i for i in range(n) if not i & half):
                a, b = rows[i], rows[i + half]
                low = [j if not j & half else n + j - half for j in range(n)]
                high = [j + half if not j & half else n + j for j in range(n)]
                for r, chosen in ((i, low), (i + half, high)):
                    mask = ir.Constant(ir.VectorType(ir.IntType(32), n), chosen)
                    rows[r] = builder.shuffle_vector(a, b, mask)
            half //= 2
        place = args[1]
        for row in rows:
            builder.store(row, _move(context, builder, out, args[0], place, 0), align=_size(out))
            place = builder.add(place, args[2])
        return context.get_dummy_value()

    return types.none(out, at, out_row, source, source_at, source_row), build


@njit
def transpose(out, out_row, source, at, row, rows, columns):
    """Set out[c, r] = source[at + r row + c] for c < columns, a multiple of the lanes, and r < rows.

    Rows are read, and `out` is written, up to the next multiple of the lanes.
    """
    n = lanes_of(out)
    outs, sources = pointer(out, 0), pointer(source, 0)
    for r in range(0, rows, n):
        for c in range(0, columns, n):
            _turn(outs, c * out_row + r, out_row, sources, at + r * row + c, row)
