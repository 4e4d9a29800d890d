"""Loops of ratio, for the CPU: fixed blocks of points over threads, a Wide of points at a time.

A density is a table of numbers, one row for each component of a mixture, of `dim` coordinates:

    log weight, mean [dim], halved precision [dim] and its rest [dim], shear [dim, dim] and its rest [dim, dim]

so that log(w N(x)) = log weight - sum_i halved_i z_i^2, z_i = y_i + sum_{j > i} shear_ij y_j, y = x - mean.  The rests
are what rounding took from the numbers before them.  A box has one row: log density, low [dim], high [dim].
Exponents are formed with about twice the working precision: those of points far out cancel.
"""

from typing import Any

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from ..backend import compiled
from ..formulas import exponentials
from ..lanes.doubled import (
    any_above,
    exact_difference,
    exact_sum,
    kept_within,
    larger,
    nearest_power,
    product_rest,
    where_negative,
)
from ..lanes.draws import inlined
from ..lanes.rows import magnitude, times_power
from ..lanes.tiles import aligned
from ..lanes.wide import load, number, pointer, store, width, zeros

BLOCK = 256  # points; a multiple of every Wide
CHUNK = 32 * BLOCK  # points of one task of a thread
BOX, ROUND, SHEARED = 0, 1, 2  # kinds of densities

_INLINE: Any = {"forceinline": True}
_exp_parts, _exp_parts_float32 = inlined(exponentials.exp_parts), inlined(exponentials.exp_parts_float32)
_log_of_ratio = inlined(exponentials.log_of_ratio)
_log_of_ratio_float32 = inlined(exponentials.log_of_ratio_float32)


def _exp(x):
    """Return exp of a Wide <= 0, and 0 where that is next to no normal number."""


@overload(_exp, jit_options=_INLINE)
def _exp_of(x):
    parts, end = (_exp_parts_float32, -80.0) if x.number == types.float32 else (_exp_parts, -708.0)
    return lambda x: where_negative(x - end, 0.0, times_power(*parts(larger(x, end))))


def _log(t, exponent):
    """Return log((1 + t) / (1 - t)) + exponent log 2."""


@overload(_log, jit_options=_INLINE)
def _log_of(t, exponent):
    log = _log_of_ratio_float32 if t.number == types.float32 else _log_of_ratio
    return lambda t, exponent: log(t, exponent)


@njit(**_INLINE)
def _squared(value, rest):
    """Return the square of a pair, as a pair."""
    square = value * value
    return square, product_rest(value, value, square) + value * rest * 2


@njit(**_INLINE)
def _times(value, rest, by, by_rest):
    """Return a pair times a pair of numbers, as a pair."""
    product = value * by
    return product, product_rest(value, by, product) + rest * by + value * by_rest


@njit(**_INLINE)
def _plain_exponent(spare, to, x, at, table, row, dim):
    """Return p = halved |x - mean|^2 and leave x - mean at spare[to:]."""
    n = width(x)
    total = zeros(x)
    for i in range(dim):
        y = load(x, i * BLOCK + at) - number(table, row + 1 + i)
        store(spare, to + i * n, y)
        total = total + y * y
    return total * number(table, row + 1 + dim)


@njit(**_INLINE)
def _round_exponent(x, at, table, row, dim):
    """Return (p, rest) = halved |x - mean|^2."""
    total = rest = zeros(x)
    for i in range(dim):
        square, more = _squared(*exact_difference(load(x, i * BLOCK + at), number(table, row + 1 + i)))
        total, carry = exact_sum(total, square)
        rest = rest + (more + carry)
    return _times(total, rest, number(table, row + 1 + dim), number(table, row + 1 + 2 * dim))


@njit(**_INLINE)
def _sheared_exponent(spare, to, offsets, x, at, table, row, dim):
    """Return (p, rest) = sum_i halved_i z_i^2 and leave 2 halved_i z_i at spare[to:]; y at spare[offsets:]."""
    n = width(x)
    halved, shear = row + 1 + dim, row + 1 + 3 * dim
    for i in range(dim):
        y, low = exact_difference(load(x, i * BLOCK + at), number(table, row + 1 + i))
        store(spare, offsets + 2 * i * n, y)
        store(spare, offsets + (2 * i + 1) * n, low)
    total = rest = zeros(x)
    for i in range(dim):
        z, low = load(spare, offsets + 2 * i * n), load(spare, offsets + (2 * i + 1) * n)
        for j in range(i + 1, dim):
            place = shear + i * dim + j
            y, y_low = load(spare, offsets + 2 * j * n), load(spare, offsets + (2 * j + 1) * n)
            product, more = _times(y, y_low, number(table, place), number(table, place + dim * dim))
            z, carry = exact_sum(z, product)
            low = low + (more + carry)
        z, low = exact_sum(z, low)
        half = number(table, halved + i)
        store(spare, to + i * n, z * (half + half))
        square, more = _squared(z, low)
        product, more = _times(square, more, half, number(table, halved + dim + i))
        total, carry = exact_sum(total, product)
        rest = rest + (more + carry)
    return total, rest


@njit
def _box(spare, to, x, at, table, dim):
    """Leave the log density, 1 and 0 as _mixture does."""
    n = width(x)
    shift = zeros(x) + number(table, 0)
    for i in range(dim):
        low, high = number(table, 1 + i), number(table, 1 + dim + i)
        shift = kept_within(shift, load(x, i * BLOCK + at), low, high, -np.inf)
        store(spare, to + (2 + i) * n, zeros(x))
    store(spare, to, shift)
    store(spare, to + n, zeros(x) + 1)
    store(spare, to + (2 + dim) * n, zeros(x))


@njit
def _exponents(spare, work, x, at, table, count, dim, sheared, limit):
    """Leave p and log weight - rest of every component at spare[work:], and what its pull is made of behind them.

    The largest of log weight - p is returned in two parts, the second taken off what is left.  Where the p that matters
    is below the limit, round components are formed plainly: lane by lane, so that a point's numbers do not depend on
    its neighbours.
    """
    n, length = width(x), 1 + 3 * dim + 2 * dim * dim
    ys = work + 2 * count * n
    shift = slack = beyond = zeros(x)
    top = number(table, 0)
    if not sheared:
        for k in range(count):
            weight = number(table, k * length)
            p = _plain_exponent(spare, ys + k * dim * n, x, at, table, k * length, dim)
            store(spare, work + 2 * k * n, p)
            store(spare, work + (2 * k + 1) * n, zeros(x) + weight)
            shift = larger(p * -1 + weight, shift) if k > 0 else p * -1 + weight
            top = max(top, weight)
    if sheared or any_above(shift * -1 + top, limit):
        beyond = shift * -1 + (top - limit)
        for k in range(count):
            row = k * length
            if sheared:
                p, rest = _sheared_exponent(spare, ys + k * dim * n, ys + count * dim * n, x, at, table, row, dim)
            else:
                p, rest = _round_exponent(x, at, table, row, dim)
                p = where_negative(beyond, load(spare, work + 2 * k * n), p)
                rest = where_negative(beyond, 0.0, rest)
            rest = rest * -1 + number(table, row)
            store(spare, work + 2 * k * n, p)
            store(spare, work + (2 * k + 1) * n, rest)
            shift = larger(rest - p, shift) if k > 0 else rest - p
        # What rounding took from the shift, for it may be large where p is huge.
        for k in range(count):
            gap = load(spare, work + (2 * k + 1) * n) - (load(spare, work + 2 * k * n) + shift)
            slack = larger(gap, slack) if k > 0 else gap
        if not sheared:
            slack = where_negative(beyond, 0.0, slack)
        for k in range(count):
            store(spare, work + (2 * k + 1) * n, load(spare, work + (2 * k + 1) * n) - slack)
    return shift, slack


@njit
def _mixture(spare, to, work, x, at, table, count, dim, sheared, limit):
    """Leave shift, total, -total times the score and slack, dim + 3 Wides, at spare[to:].

    The log density is shift + (slack + log(total)).

    At spare[work:] two Wides and dim more of every component are kept, and 2 dim others.
    """
    n, length = width(x), 1 + 3 * dim + 2 * dim * dim
    ys = work + 2 * count * n
    shift, slack = _exponents(spare, work, x, at, table, count, dim, sheared, limit)
    total = zeros(x)
    for k in range(count):
        # p + shift is exact where it matters: the two nearly cancel for the largest component.
        share = load(spare, work + (2 * k + 1) * n) - (load(spare, work + 2 * k * n) + shift)
        share = _exp(share) if count > 1 else share + 1
        total = total + share
        half = number(table, k * length + 1 + dim)
        store(spare, work + 2 * k * n, share if sheared else share * (half + half))
    for i in range(dim):
        pull = zeros(x)
        for k in range(count):
            y = ys + k * dim * n
            along = load(spare, y + i * n)
            if sheared:
                for j in range(i):
                    along = along + load(spare, y + j * n) * number(table, k * length + 1 + 3 * dim + j * dim + i)
            pull = pull + load(spare, work + 2 * k * n) * along
        store(spare, to + (2 + i) * n, pull)
    store(spare, to, shift)
    store(spare, to + n, total)
    store(spare, to + (2 + dim) * n, slack)


@njit
def _combine(results, at, spare, data, generated, dim, bare):
    """Leave d*, log ratio and the field, or where `bare` grad log ratio, in the rows of results."""
    n = width(spare)
    end = (2 + dim) * n
    delta = (load(spare, data) - load(spare, generated)) + (load(spare, data + end) - load(spare, generated + end))
    total, other = load(spare, data + n), load(spare, generated + n)
    near, one = _exp(magnitude(delta) * -1), zeros(spare) + 1
    mass, rest = total * where_negative(delta, near, 1.0), where_negative(delta, 1.0, near)
    both = mass + other * rest
    scaled, exponent = nearest_power(total, other)
    store(results, at, mass / both)  # exactly 1 where the other density is 0
    # One division serves the other two quotients.
    product = both * total
    inverse = one / (product * (scaled + other))
    store(results, BLOCK + at, delta + _log((scaled - other) * (inverse * product), exponent))
    weight = one / (total * other) if bare else rest * (inverse * (scaled + other))
    for i in range(dim):
        pull = load(spare, generated + (2 + i) * n) * total - load(spare, data + (2 + i) * n) * other
        store(results, (2 + i) * BLOCK + at, pull * weight)


@njit
def _to_rows(rows, points, some, dim):
    """Set the rows, one for each axis, to the coordinates of points; strides that are known make vectors."""
    if dim == 2:
        for p in range(some):
            rows[p] = points[2 * p]
            rows[BLOCK + p] = points[2 * p + 1]
    elif dim == 3:
        for p in range(some):
            rows[p] = points[3 * p]
            rows[BLOCK + p] = points[3 * p + 1]
            rows[2 * BLOCK + p] = points[3 * p + 2]
    else:
        for i in range(dim):
            for p in range(some):
                rows[i * BLOCK + p] = points[p * dim + i]


@njit
def _of_rows(points, rows, some, dim):
    if dim == 2:
        for p in range(some):
            points[2 * p] = rows[p]
            points[2 * p + 1] = rows[BLOCK + p]
    elif dim == 3:
        for p in range(some):
            points[3 * p] = rows[p]
            points[3 * p + 1] = rows[BLOCK + p]
            points[3 * p + 2] = rows[2 * BLOCK + p]
    else:
        for i in range(dim):
            for p in range(some):
                points[p * dim + i] = rows[i * BLOCK + p]


@njit
def _density(spare, to, work, rows, at, table, count, kind, limit, dim):
    """Leave what _mixture does, of a box or a mixture at a Wide of points."""
    place, x, of = pointer(spare, 0), pointer(rows, 0), pointer(table, 0)
    if kind == BOX:
        _box(place, to, x, at, of, dim)
    else:
        _mixture(place, to, work, x, at, of, count, dim, kind == SHEARED, limit)


@njit(fastmath={"reassoc"})
def _chunk(discriminator, field, log_ratio, x, data, data_count, data_kind, generated, count, kind, limit, bare):
    dim = x.shape[1]
    n = width(pointer(data, 0))
    rows, results = aligned(dim * BLOCK, data), aligned((2 + dim) * BLOCK, data)
    of_data, of_generated, work = 0, (3 + dim) * n, 2 * (3 + dim) * n
    spare = aligned(work + ((2 + dim) * max(count, data_count) + 2 * dim) * n, data)
    points, pulls, finite = x.ravel(), field.ravel(), True
    for first in range(0, len(x), BLOCK):
        some = min(BLOCK, len(x) - first)
        _to_rows(rows, points[first * dim :], some, dim)
        total = rows[0] * 0
        for p in range(dim * BLOCK):
            total += rows[p] * 0
        finite = finite and total == 0
        for at in range(0, some, n):
            _density(spare, of_data, work, rows, at, data, data_count, data_kind, limit, dim)
            _density(spare, of_generated, work, rows, at, generated, count, kind, limit, dim)
            _combine(pointer(results, 0), at, pointer(spare, 0), of_data, of_generated, dim, bare)
        for p in range(some):
            discriminator[first + p] = results[p]
        for p in range(some):
            log_ratio[first + p] = results[BLOCK + p]
        _of_rows(pulls[first * dim :], results[2 * BLOCK :], some, dim)
    return finite


@compiled(parallel=True, error_model="numpy")
def evaluate(
    discriminator, field, log_ratio, finite, x, data, data_count, data_kind, generated, count, kind, limit, bare
):
    """See ratio.evaluate; finite[i] says whether all coordinates of a chunk are."""
    for chunk in prange(len(finite)):
        at = slice(chunk * CHUNK, min((chunk + 1) * CHUNK, len(x)))
        finite[chunk] = _chunk(
            discriminator[at],
            field[at],
            log_ratio[at],
            x[at],
            data,
            data_count,
            data_kind,
            generated,
            count,
            kind,
            limit,
            bare,
        )
