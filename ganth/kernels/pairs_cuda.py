"""Loops of pairs, for CUDA: a thread a pair, slabs of rows one after another; and sums over pairs, none of them stored.

A sum has two stages.  A thread takes a row, SLICE points of y and AXES axes of a gradient, and adds in order; then
`_fold` adds the slices in order.  All threads of a warp read the same point of y, so that it comes from the nearest
cache at once for all of them, and x lies axis by axis.  Nothing depends on a block's size or on how the slabs are cut.
"""

import math

import numpy as np
from numba import boolean, cuda, float64, int64

from ..device import Work, back, empty, kernel, there
from ..formulas import kernels as formula
from ..formulas import ntk

BLOCK = 128
ROOM = 256 * 2**20  # bytes of results on the device at once
WORK = 2**30  # terms and axes of pairs in a launch: a fraction of a second where float64 is slow
SLICE = 256  # points of y that a thread adds
AXES = 4  # of a gradient, in registers
VALUE, GRADIENT, HESSIAN, CROSS, ANGLES = range(5)
EPSILON = 2.0**-52
_TERMS_OF_ANGLES = 8  # what a layer of the tangent kernel costs, in terms
_MATRIX = float64[:, ::1]  # kernels are float64 alone
_CUBE = float64[:, :, ::1]


@cuda.jit(device=True)
def _summed(code, order, r2, parameters):
    total = 0.0
    for term in range(parameters.shape[0]):
        total += formula.radial(code, order, r2, parameters[term, 0], parameters[term, 1])
    return total


@kernel((_CUBE, boolean[:, ::1], _MATRIX, _MATRIX, int64, int64, int64, _MATRIX), block=BLOCK)
def _radial(out, same, x, y, verb, code, order, parameters):
    at = cuda.grid(1)
    columns, axes = y.shape[0], x.shape[1]
    i, j = at // columns, at % columns
    if i >= x.shape[0]:
        return
    r2 = 0.0
    coincide = True
    for axis in range(axes):
        difference = x[i, axis] - y[j, axis]
        r2 += difference * difference
        coincide = coincide and difference == 0.0
    first = _summed(code, order, r2, parameters)
    if verb == VALUE:
        out[i, j, 0] = first
        return
    first += first
    if verb == GRADIENT:
        for axis in range(axes):
            out[i, j, axis] = (x[i, axis] - y[j, axis]) * first
        return
    same[i, j] = coincide
    second = 4.0 * _summed(code, 2, r2, parameters)
    for a in range(axes):
        along = second * (x[i, a] - y[j, a])
        for b in range(axes):
            out[i, j, a * axes + b] = along * (x[i, b] - y[j, b]) + (first if a == b else 0.0)


@cuda.jit(device=True)
def _norm(x, i):
    total = 0.0
    for axis in range(x.shape[1]):
        total += x[i, axis] * x[i, axis]
    return math.sqrt(total)


@cuda.jit(device=True)
def _across(x, i, y, j, axis, near, slope):
    """Return a coordinate of y less its projection on x; see pairs_cpu._tangent."""
    return (y[j, axis] - x[i, axis] if near else y[j, axis]) - slope * x[i, axis]


@cuda.jit(device=True)
def _plane(x, i, y, j, norm):
    """Return what `_across` takes, the lengths of y across x, along x and in all, and if x = y; norm = |x| > 0."""
    axes = x.shape[1]
    product = size = gap = slope = 0.0
    same = True
    for axis in range(axes):
        difference = y[j, axis] - x[i, axis]
        same = same and difference == 0.0
        product += x[i, axis] * y[j, axis]
        size += y[j, axis] * y[j, axis]
        slope += x[i, axis] * difference
        gap += difference * difference
    near = 4.0 * gap < size
    slope = (slope if near else product) / (norm * norm)
    length = 0.0
    for axis in range(axes):
        part = _across(x, i, y, j, axis, near, slope)
        length += part * part
    rounding = (4.0 + axes) * EPSILON
    if length <= rounding * rounding * (gap if near else size):
        length = 0.0
    return near, slope, math.sqrt(length), product / norm, math.sqrt(size), same


@kernel(
    (_CUBE, boolean[:, ::1], _MATRIX, _MATRIX, int64, int64, int64), block=BLOCK, resident=4,
    frame="sines and a tangent of float64 have 40 bytes for arguments of 1e5 and more, which no angle is",
)  # fmt: skip
def _relu_ntk(out, kinks, x, y, verb, depth, dim):
    at = cuda.grid(1)
    columns, axes = y.shape[0], x.shape[1]
    i, j = at // columns, at % columns
    if i >= x.shape[0]:
        return
    norm = _norm(x, i)
    near, step, opposite, adjacent, size, same = False, 0.0, 0.0, 0.0, 0.0, True
    if norm > 0.0:
        near, step, opposite, adjacent, size, same = _plane(x, i, y, j, norm)
    sine, cosine = 0.0, 1.0
    if size > 0.0:
        sine, cosine = opposite / size, adjacent / size
    if verb == ANGLES:
        out[i, j, 0], out[i, j, 1] = sine, cosine
        return
    kink = size == 0.0 or (verb != VALUE and same) or (verb > GRADIENT and opposite == 0.0 and axes > 1)
    if verb > GRADIENT:
        kinks[i, j] = kink
    if kink:
        for axis in range(out.shape[2]):
            out[i, j, axis] = 0.0
        return
    value, slope, bend = ntk.relu_ntk(sine, cosine, depth, min(verb, 2))
    if verb == VALUE:
        out[i, j, 0] = norm * size * value
        return
    inverse = 1.0 / opposite if opposite > 0.0 else 0.0
    if verb == GRADIENT:
        along, turn = size * value / norm, size * slope * inverse
        for axis in range(dim):
            out[i, j, axis] = along * x[i, axis] - turn * _across(x, i, y, j, axis, near, step)
        return
    cross = verb == CROSS
    unit = 1.0 if cross else size / norm
    aa, ac, ca, cc, rest = ntk.second_derivatives(value, slope, bend, sine, cosine, cross)
    if axes < 3:  # no more directions; what would be subtracted is rounding, which 1 / sine would magnify
        rest = 0.0
    for a in range(dim):
        along, across = x[i, a] / norm, _across(x, i, y, j, a, near, step) * inverse
        to_along, to_across = aa * along + ca * across, ac * along + cc * across
        for b in range(dim):
            along_b, across_b = x[i, b] / norm, _across(x, i, y, j, b, near, step) * inverse
            other = (1.0 if a == b else 0.0) - along * along_b - across * across_b
            out[i, j, a * dim + b] = unit * (to_along * along_b + to_across * across_b + rest * other)


def _slabs(out, kinks, x, y, work, launch):
    """Fill out (n, m, numbers) and kinks (n, m) slab by slab."""
    bytes_of_row = len(y) * (out.shape[2] * out.itemsize + 1)
    rows = min(len(x), max(min(ROOM // bytes_of_row, WORK // (len(y) * work)), 1))
    others = there(y)
    room, told = empty((rows, *out.shape[1:]), out.dtype), empty((rows, kinks.shape[1]), np.bool_)
    for first in range(0, len(x), rows):
        result, flags = out[first : first + rows], kinks[first : first + rows]
        on_device, flags_there = room[: len(result)], told[: len(result)]
        launch(len(result) * len(y), on_device, flags_there, there(x[first : first + rows]), others)
        back((on_device, result))
        if flags.size:
            back((flags_there, flags))


def _radial_pairs(out, same, x, y, verb, code, order, parameters):
    numbers = there(parameters)
    work = parameters.shape[0] * (1 + verb) + out[0, 0].size + x.shape[1]

    def launch(pairs, *arrays):
        _radial.launch(pairs, *arrays, verb, code, order, numbers, block=BLOCK)

    _slabs(out.reshape(len(x), len(y), -1), same, x, y, work, launch)


def _no_flags(x):
    return np.empty((len(x), 0), np.bool_)


def radial(out, x, y, code, order, parameters):
    """See pairs.radial."""
    _radial_pairs(out, _no_flags(x), x, y, VALUE, code, order, parameters)


def radial_gradient(out, x, y, code, parameters):
    """See pairs.radial_gradient."""
    _radial_pairs(out, _no_flags(x), x, y, GRADIENT, code, 1, parameters)


def radial_hessian(out, same, x, y, code, parameters):
    """See pairs.radial_hessian."""
    _radial_pairs(out, same, x, y, HESSIAN, code, 1, parameters)


def _relu_ntk_pairs(out, kinks, x, y, verb, depth, dim):
    work = _TERMS_OF_ANGLES * depth + out[0, 0].size + 2 * x.shape[1]

    def launch(pairs, *arrays):
        _relu_ntk.launch(pairs, *arrays, verb, depth, dim, block=BLOCK)

    _slabs(out.reshape(len(x), len(y), -1), kinks, x, y, work, launch)


def angles(sine, cosine, x, y):
    """See pairs.angles."""
    both = np.empty((len(x), len(y), 2))
    _relu_ntk_pairs(both, _no_flags(x), x, y, ANGLES, 0, 0)
    sine[...], cosine[...] = both[..., 0], both[..., 1]


def relu_ntk(out, x, y, depth):
    """See pairs.relu_ntk."""
    _relu_ntk_pairs(out, _no_flags(x), x, y, VALUE, depth, 0)


def relu_ntk_gradient(out, x, y, depth):
    """See pairs.relu_ntk_gradient."""
    _relu_ntk_pairs(out, _no_flags(x), x, y, GRADIENT, depth, out.shape[2])


def relu_ntk_hessian(out, kinks, x, y, depth, cross):
    """See pairs.relu_ntk_hessian."""
    _relu_ntk_pairs(out, kinks, x, y, CROSS if cross else HESSIAN, depth, out.shape[2])


# Sums.  The work is of an MMD of 10,000 points in two dimensions against as many: per pair 4 of 2 axes, 30 of exp.
_PAIRS = 10_000**2


@kernel(
    (_CUBE, _MATRIX, _MATRIX, float64[::1], int64, int64, int64, _MATRIX), block=BLOCK,
    work=Work("sums of RBF over 10,000 x 10,000 points of 2 numbers", 40 * 79, 36 * _PAIRS, _PAIRS, 0, 9 * 10_000 * 40),
)  # fmt: skip
def _radial_sums(parts, x, y, weights, length, gradient, code, parameters):
    """Set parts[slice, axis, row], or parts[slice, 0, row]; x lies as [axis][row]."""
    at = cuda.grid(1)
    axes, rows = x.shape
    i, part, base = at % rows, at // rows % parts.shape[0], at // rows // parts.shape[0] * AXES
    if base >= parts.shape[1]:
        return
    total = cuda.local.array(AXES, float64)
    difference = cuda.local.array(AXES, float64)
    for axis in range(AXES):
        total[axis] = 0.0
    for j in range(part * length, min(part * length + length, y.shape[0])):
        r2 = 0.0
        for axis in range(axes):
            apart = x[axis, i] - y[j, axis]
            r2 += apart * apart
        if gradient == 0:
            total[0] += weights[j] * _summed(code, 0, r2, parameters)
            continue
        for axis in range(AXES):
            difference[axis] = x[base + axis, i] - y[j, base + axis] if base + axis < axes else 0.0
        slope = _summed(code, 1, r2, parameters) * weights[j]
        slope += slope
        for axis in range(AXES):
            total[axis] += slope * difference[axis]
    for axis in range(AXES):
        if base + axis < parts.shape[1]:
            parts[part, base + axis, i] = total[axis]


@kernel((_CUBE, _MATRIX, _MATRIX, float64[::1], int64, int64, int64), block=BLOCK)
def _relu_ntk_sums(parts, x, y, weights, length, gradient, depth):
    """Set parts[slice, axis, row], or parts[slice, 0, row]."""
    at = cuda.grid(1)
    rows = x.shape[0]
    i, part, base = at % rows, at // rows % parts.shape[0], at // rows // parts.shape[0] * AXES
    if base >= parts.shape[1]:
        return
    norm = _norm(x, i)
    total = cuda.local.array(AXES, float64)
    for axis in range(AXES):
        total[axis] = 0.0
    for j in range(part * length, min(part * length + length, y.shape[0]) if norm > 0.0 else 0):
        near, step, opposite, adjacent, size, same = _plane(x, i, y, j, norm)
        if size == 0.0 or (gradient > 0 and same):
            continue
        value, slope, _ = ntk.relu_ntk(opposite / size, adjacent / size, depth, gradient)
        if gradient == 0:
            total[0] += weights[j] * (norm * size * value)
            continue
        along = weights[j] * size * value / norm
        turn = weights[j] * size * slope / opposite if opposite > 0.0 else 0.0
        for axis in range(AXES):
            if base + axis < parts.shape[1]:
                total[axis] += along * x[i, base + axis] - turn * _across(x, i, y, j, base + axis, near, step)
    for axis in range(AXES):
        if base + axis < parts.shape[1]:
            parts[part, base + axis, i] = total[axis]


@kernel((_MATRIX, _CUBE), block=BLOCK)
def _fold(out, parts):
    at = cuda.grid(1)
    numbers, rows = parts.shape[1:]
    if at >= numbers * rows:
        return
    axis, i = at // rows, at % rows
    total = parts[0, axis, i]
    for part in range(1, parts.shape[0]):
        total += parts[part, axis, i]
    out[i, axis] = total


def _sums(out, points, y, weights, work, launch):
    """Fill out (n, numbers) slab by slab."""
    numbers = out.shape[1]
    slices = -(-len(y) // SLICE)
    rows = min(len(out), max(min(ROOM // (slices * numbers * out.itemsize), WORK // (len(y) * work)), 1))
    others, by = there(y), there(weights)
    for first in range(0, len(out), rows):
        result = out[first : first + rows]
        parts, whole = empty((slices, numbers, len(result)), out.dtype), empty(result.shape, out.dtype)
        threads = slices * len(result) * -(-numbers // AXES)
        launch(threads, parts, there(points(first, first + rows)), others, by, SLICE)
        _fold.launch(result.size, whole, parts, block=BLOCK)
        back((whole, result))


def radial_sums(out, x, y, weights, code, parameters, gradient):
    """See pairs.radial_sums."""
    numbers = there(parameters)

    def launch(threads, *arrays):
        _radial_sums.launch(threads, *arrays, int(gradient), code, numbers, block=BLOCK)

    groups = -(-out.shape[1] // AXES)
    work = groups * (parameters.shape[0] + x.shape[1])
    _sums(out, lambda *at: np.ascontiguousarray(x[slice(*at)].T), y, weights, work, launch)


def relu_ntk_sums(out, x, y, weights, depth, gradient):
    """See pairs.relu_ntk_sums."""

    def launch(threads, *arrays):
        _relu_ntk_sums.launch(threads, *arrays, int(gradient), depth, block=BLOCK)

    groups = -(-out.shape[1] // AXES)
    work = groups * (_TERMS_OF_ANGLES * depth + 2 * x.shape[1])
    _sums(out, lambda *at: x[slice(*at)], y, weights, work, launch)
