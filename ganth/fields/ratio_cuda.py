"""Loops of ratio, for CUDA: a thread an evaluation point, tiles of points one after another.

Tables are those of ratio_cpu, the two densities' one behind the other, and so is the arithmetic: exponents that matter
are formed in twice the working precision.  Nothing of a component is kept: a thread forms its exponent anew in each of
three passes (largest, slack, sums), so that it needs registers alone, however many components there are.

The compiler may contract a product and a sum into one rounding.  Where the rounded product matters, it is formed by an
fma with a zero that comes in as an argument, and so is what rounding took from it.
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64

from ..device import back, kernel, there

BOX, ROUND, SHEARED = 0, 1, 2  # kinds of densities, as in ratio_cpu
DIMENSIONS = (1, 2, 3)  # loops over so many axes are unrolled; 0, any other, keeps sums in global memory
ROOM = 256 * 2**20  # bytes of points and results on the device at once
WORK = 2**28  # terms of exponents in a launch: a fraction of a second where float64 is slow
_SMALLEST = {"float32": -80.0, "float64": -708.0}  # exponents of which exp is taken


@cuda.jit(device=True)
def _exact_sum(a, b):
    """Return a + b as rounded, and what rounding took from it (Knuth)."""
    total = a + b
    from_b = total - a
    return total, (a - (total - from_b)) + (b - from_b)


@cuda.jit(device=True)
def _times(value, rest, by, by_rest, zero):
    """Return a pair times a pair, as a pair."""
    product = cuda.fma(value, by, zero)
    return product, cuda.fma(value, by, -product) + rest * by + value * by_rest


@cuda.jit(device=True)
def _exp(x, end, zero):
    """Return exp of x <= 0, and 0 where that is next to no normal number."""
    return zero if x < end else math.exp(x)


@cuda.jit(device=True)
def _log_quotient(a, b):
    """Return log(a / b), relatively accurate where the two are close."""
    return math.log1p((a - b) / b) if a >= b else -math.log1p((b - a) / a)


@cuda.jit(device=True)
def _plain_exponent(table, row, x, t, dim, zero):
    """Return halved |x - mean|^2."""
    total = zero
    for i in range(dim):
        y = x[t, i] - table[row + 1 + i]
        total += y * y
    return cuda.fma(total, table[row + 1 + dim], zero)


@cuda.jit(device=True)
def _round_exponent(table, row, x, t, dim, zero):
    """Return (p, rest) = halved |x - mean|^2."""
    total = rest = zero
    for i in range(dim):
        y, low = _exact_sum(x[t, i], -table[row + 1 + i])
        square, more = _times(y, low, y, low, zero)
        total, carry = _exact_sum(total, square)
        rest += more + carry
    return _times(total, rest, table[row + 1 + dim], table[row + 1 + 2 * dim], zero)


@cuda.jit(device=True)
def _sheared(table, row, x, t, i, dim, zero):
    """Return z_i of a component, as a pair."""
    shear = row + 1 + 3 * dim + i * dim
    z, low = _exact_sum(x[t, i], -table[row + 1 + i])
    for j in range(i + 1, dim):
        y, y_low = _exact_sum(x[t, j], -table[row + 1 + j])
        product, more = _times(y, y_low, table[shear + j], table[shear + j + dim * dim], zero)
        z, carry = _exact_sum(z, product)
        low += more + carry
    return _exact_sum(z, low)


@cuda.jit(device=True)
def _sheared_exponent(table, row, x, t, dim, zero):
    """Return (p, rest) = sum_i halved_i z_i^2."""
    total = rest = zero
    for i in range(dim):
        z, low = _sheared(table, row, x, t, i, dim, zero)
        square, more = _times(z, low, z, low, zero)
        product, more = _times(square, more, table[row + 1 + dim + i], table[row + 1 + 2 * dim + i], zero)
        total, carry = _exact_sum(total, product)
        rest += more + carry
    return total, rest


@cuda.jit(device=True)
def _exponent(table, row, x, t, dim, whole, precise, zero):
    """Return p and log weight - rest of a component."""
    if whole:
        p, rest = _sheared_exponent(table, row, x, t, dim, zero)
    elif precise:
        p, rest = _round_exponent(table, row, x, t, dim, zero)
    else:
        p, rest = _plain_exponent(table, row, x, t, dim, zero), zero
    return p, table[row] - rest


@cuda.jit(device=True)
def _largest(table, base, count, x, t, dim, whole, precise, zero):
    """Return the largest of log weight - p of a mixture, rounded, and the largest log weight."""
    p, shift = _exponent(table, base, x, t, dim, whole, precise, zero)
    shift, top = shift - p, table[base]
    length = 1 + 3 * dim + 2 * dim * dim
    for k in range(1, count):
        p, weight = _exponent(table, base + k * length, x, t, dim, whole, precise, zero)
        shift, top = max(shift, weight - p), max(top, table[base + k * length])
    return shift, top


@cuda.jit(device=True)
def _slack(table, base, count, x, t, dim, whole, shift, zero):
    """Return what rounding took from the shift, for it may be large where p is huge."""
    p, weight = _exponent(table, base, x, t, dim, whole, True, zero)
    slack = weight - (p + shift)
    length = 1 + 3 * dim + 2 * dim * dim
    for k in range(1, count):
        p, weight = _exponent(table, base + k * length, x, t, dim, whole, True, zero)
        slack = max(slack, weight - (p + shift))
    return slack


@cuda.jit(device=True)
def _box(table, base, x, t, dim, zero, far):
    """Return the log density of a box."""
    inside = True
    for i in range(dim):
        inside = inside and table[base + 1 + i] <= x[t, i] and x[t, i] <= table[base + 1 + dim + i]
    return table[base] if inside else far


def _evaluator(axes):
    """Return the kernel for points of so many dimensions, or for any, given as an argument, where axes is 0."""
    width = max(axes, 1)

    def signature(real):
        return (
            real[::1], real[:, ::1], real[::1], real[:, ::1], int64[::1], real[:, ::1], real[::1],
            *[int64] * 7, *[real] * 5,
        )  # fmt: skip

    @kernel(*map(signature, (float32, float64)))
    def values(
        discriminator, field, log_ratio, rooms, broken, x, table,
        dimensions, second, data_count, data_kind, generated_count, generated_kind, bare,
        limit, end, far, zero, one,
    ):  # fmt: skip
        t = cuda.grid(1)
        if t >= discriminator.size:
            return
        dim = axes if axes > 0 else dimensions
        pull = cuda.local.array(width, table.dtype)
        kept = cuda.local.array(width, table.dtype)
        total = other = shift = shift_data = slack = slack_data = zero
        for side in range(2):  # data, then generated
            base, count, kind = 0, data_count, data_kind
            if side == 1:
                base, count, kind = second, generated_count, generated_kind
                other, shift_data, slack_data = total, shift, slack
            for i in range(dim):
                if axes > 0:
                    kept[i], pull[i] = pull[i] if side == 1 else zero, zero
                else:
                    rooms[side * dim + i, t] = zero
            total = slack = zero
            if kind == BOX:
                shift, total = _box(table, base, x, t, dim, zero, far), one
                continue
            whole = kind == SHEARED
            precise = whole
            shift, top = _largest(table, base, count, x, t, dim, whole, precise, zero)
            if not whole:
                precise = not top - shift < limit
                if precise:
                    shift = _largest(table, base, count, x, t, dim, whole, precise, zero)[0]
            if precise:
                slack = _slack(table, base, count, x, t, dim, whole, shift, zero)
            for k in range(count):
                row = base + k * (1 + 3 * dim + 2 * dim * dim)
                p, weight = _exponent(table, row, x, t, dim, whole, precise, zero)
                # p + shift is exact where it matters: the two nearly cancel for the largest component.
                share = one
                if count > 1:
                    share = _exp((weight - slack) - (p + shift), end, zero)
                else:
                    share += (weight - slack) - (p + shift)
                total += share
                for j in range(dim):
                    half = table[row + 1 + dim + j]
                    along = _sheared(table, row, x, t, j, dim, zero)[0] if whole else x[t, j] - table[row + 1 + j]
                    along *= (half + half) * share
                    for i in range(0 if axes > 0 else j, dim if axes > 0 or whole else j + 1):
                        part = along
                        if i != j:
                            part = along * table[row + 1 + 3 * dim + j * dim + i] if whole and i > j else zero
                        if axes > 0:
                            pull[i] += part
                        else:
                            rooms[side * dim + i, t] += part
        total, other = other, total  # of the data, of the other density
        delta = (shift_data - shift) + (slack_data - slack)
        near = _exp(-abs(delta), end, zero)
        mass, rest = total * (near if delta < 0 else one), one if delta < 0 else near
        both = mass + other * rest
        discriminator[t] = mass / both
        log_ratio[t] = delta + _log_quotient(total, other)
        factor = one / (total * other) if bare != 0 else rest / (both * total)
        for i in range(dim):
            if not math.isfinite(x[t, i]):
                broken[0] = 1
            if axes > 0:
                field[t, i] = (pull[i] * total - kept[i] * other) * factor
            else:
                field[t, i] = (rooms[dim + i, t] * total - rooms[i, t] * other) * factor

    values.function.__name__ = f"values_{axes}"
    return values


_EVALUATORS = {axes: _evaluator(axes) for axes in (0, *DIMENSIONS)}


def tile(dim, itemsize, components):
    """Return how many points are on the device at once: as many as its room and a launch's time allow."""
    numbers = 2 + 2 * dim + (0 if dim in DIMENSIONS else 2 * dim)
    return max(min(ROOM // (numbers * itemsize), WORK // (components * dim * dim)), 1)


def evaluate(
    discriminator, field, log_ratio, finite, x, data, data_count, data_kind, generated, count, kind, limit, bare
):
    """See ratio_cpu.evaluate."""
    points, dim = x.shape
    dtype = data.dtype
    real = dtype.type
    size = min(points, tile(dim, dtype.itemsize, data_count + count))
    axes = dim if dim in DIMENSIONS else 0
    table, broken = there(np.concatenate([data, generated])), np.zeros(1, np.int64)
    broken_there = there(broken)
    rooms = cuda.device_array((2 * dim, size) if axes == 0 else (1, 1), dtype)
    room_for = [cuda.device_array((size, *array.shape[1:]), dtype) for array in (discriminator, field, log_ratio)]
    numbers = limit, *map(real, (_SMALLEST[dtype.name], -math.inf, 0, 1))
    for first in range(0, points, size):
        at = slice(first, min(first + size, points))
        with np.errstate(over="ignore"):  # what is beyond float32 is infinite, and told
            some = there(np.ascontiguousarray(x[at], dtype))
        results = [array[at] for array in (discriminator, field, log_ratio)]
        on_device = [room[: len(result)] for room, result in zip(room_for, results, strict=True)]
        _EVALUATORS[axes].launch(
            len(results[0]), *on_device, rooms, broken_there, some, table,
            dim, data.size, data_count, data_kind, count, kind, int(bare), *numbers,
        )  # fmt: skip
        for device, result in zip(on_device, results, strict=True):
            host = result if result.dtype == dtype else np.empty(result.shape, dtype)
            back((device, host))
            if host is not result:
                result[...] = host
    back((broken_there, broken))
    finite[...] = broken[0] == 0
