"""Loops of pairs, for the CPU.  A pair's number never depends on the other pairs, so threads change no bit."""

import math

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..formulas import kernels as formula
from ..formulas import ntk

EPSILON = 2.0**-52


@njit
def _radial_row(out, x, y, code, order, parameters):
    for j in range(y.shape[0]):
        r2 = 0.0
        for axis in range(x.size):
            difference = x[axis] - y[j, axis]
            r2 += difference * difference
        total = 0.0
        for term in range(parameters.shape[0]):
            total += formula.radial(code, order, r2, parameters[term, 0], parameters[term, 1])
        out[j] = total


@compiled
def radial(out, x, y, code, order, parameters):
    """See pairs.radial."""
    for i in range(x.shape[0]):
        _radial_row(out[i], x[i], y, code, order, parameters)


@compiled(parallel=True)
def radial_parallel(out, x, y, code, order, parameters):
    """See pairs.radial."""
    for i in prange(x.shape[0]):
        _radial_row(out[i], x[i], y, code, order, parameters)


@njit
def _square_and_slopes(x, y, code, parameters):
    """Return whether x = y, and the first and second derivatives in |x - y|^2, summed over terms."""
    r2 = 0.0
    same = True
    for axis in range(x.size):
        difference = x[axis] - y[axis]
        r2 += difference * difference
        same = same and difference == 0.0
    slope = bend = 0.0
    for term in range(parameters.shape[0]):
        slope += formula.radial(code, 1, r2, parameters[term, 0], parameters[term, 1])
        bend += formula.radial(code, 2, r2, parameters[term, 0], parameters[term, 1])
    return same, slope, bend


@njit
def _radial_gradient_row(out, x, y, code, parameters):
    for j in range(y.shape[0]):
        slope = _square_and_slopes(x, y[j], code, parameters)[1]
        for axis in range(x.size):
            out[j, axis] = (x[axis] - y[j, axis]) * (2.0 * slope)


@compiled
def radial_gradient(out, x, y, code, parameters):
    """See pairs.radial_gradient."""
    for i in range(x.shape[0]):
        _radial_gradient_row(out[i], x[i], y, code, parameters)


@compiled(parallel=True)
def radial_gradient_parallel(out, x, y, code, parameters):
    """See pairs.radial_gradient."""
    for i in prange(x.shape[0]):
        _radial_gradient_row(out[i], x[i], y, code, parameters)


@njit
def _radial_hessian_row(out, kinks, x, y, code, parameters):
    for j in range(y.shape[0]):
        kinks[j], slope, bend = _square_and_slopes(x, y[j], code, parameters)
        for a in range(x.size):
            along = 4.0 * bend * (x[a] - y[j, a])
            for b in range(x.size):
                out[j, a, b] = along * (x[b] - y[j, b])
            out[j, a, a] += 2.0 * slope


@compiled
def radial_hessian(out, kinks, x, y, code, parameters):
    """See pairs.radial_hessian."""
    for i in range(x.shape[0]):
        _radial_hessian_row(out[i], kinks[i], x[i], y, code, parameters)


@compiled(parallel=True)
def radial_hessian_parallel(out, kinks, x, y, code, parameters):
    """See pairs.radial_hessian."""
    for i in prange(x.shape[0]):
        _radial_hessian_row(out[i], kinks[i], x[i], y, code, parameters)


@njit
def _norm(x):
    total = 0.0
    for axis in range(x.size):
        total += x[axis] * x[axis]
    return math.sqrt(total)


@njit
def _tangent(out, x, y, norm):
    """Write y less its projection on x and return (its length, that of the projection, that of y); norm = |x| > 0.

    Near points subtract first: y - x is exact there, so the direction keeps its digits however close they are.
    What is no larger than its own rounding error becomes 0: parallel vectors.
    """
    product = size = gap = slope = 0.0
    for axis in range(x.size):
        difference = y[axis] - x[axis]
        product += x[axis] * y[axis]
        size += y[axis] * y[axis]
        slope += x[axis] * difference
        gap += difference * difference
    near = 4.0 * gap < size
    slope = (slope if near else product) / (norm * norm)
    length = 0.0
    for axis in range(x.size):
        out[axis] = (y[axis] - x[axis] if near else y[axis]) - slope * x[axis]
        length += out[axis] * out[axis]
    rounding = (4.0 + x.size) * EPSILON
    if length <= rounding * rounding * (gap if near else size):
        out[:] = 0.0
        length = 0.0
    return math.sqrt(length), product / norm, math.sqrt(size)


@compiled
def angles(sine, cosine, x, y):
    """See pairs.angles."""
    across = np.empty(x.shape[1])
    for i in range(x.shape[0]):
        norm = _norm(x[i])
        for j in range(y.shape[0]):
            sine[i, j], cosine[i, j] = 0.0, 1.0
            if norm > 0.0:
                opposite, adjacent, size = _tangent(across, x[i], y[j], norm)
                if size > 0.0:
                    sine[i, j], cosine[i, j] = opposite / size, adjacent / size


@njit
def _relu_ntk_row(out, x, y, depth):
    out[:] = 0.0
    norm = _norm(x)
    if norm == 0.0:
        return
    across = np.empty_like(x)
    for j in range(y.shape[0]):
        opposite, adjacent, size = _tangent(across, x, y[j], norm)
        if size > 0.0:
            out[j] = norm * size * ntk.relu_ntk(opposite / size, adjacent / size, depth, 0)[0]


@compiled
def relu_ntk(out, x, y, depth):
    """See pairs.relu_ntk."""
    for i in range(x.shape[0]):
        _relu_ntk_row(out[i], x[i], y, depth)


@compiled(parallel=True)
def relu_ntk_parallel(out, x, y, depth):
    """See pairs.relu_ntk."""
    for i in prange(x.shape[0]):
        _relu_ntk_row(out[i], x[i], y, depth)


@njit
def _same(x, y):
    same = True
    for axis in range(x.size):
        same = same and x[axis] == y[axis]
    return same


@njit
def _relu_ntk_gradient_row(out, x, y, depth):
    out[:] = 0.0
    norm = _norm(x)
    if norm == 0.0:
        return
    across = np.empty_like(x)
    for j in range(y.shape[0]):
        opposite, adjacent, size = _tangent(across, x, y[j], norm)
        if size == 0.0 or _same(x, y[j]):
            continue
        value, slope, _ = ntk.relu_ntk(opposite / size, adjacent / size, depth, 1)
        value, slope = size * value, norm * size * slope
        for axis in range(out.shape[1]):
            turn = slope * (across[axis] / opposite) if opposite > 0.0 else 0.0
            out[j, axis] = (value * x[axis] - turn) / norm


@compiled
def relu_ntk_gradient(out, x, y, depth):
    """See pairs.relu_ntk_gradient."""
    for i in range(x.shape[0]):
        _relu_ntk_gradient_row(out[i], x[i], y, depth)


@compiled(parallel=True)
def relu_ntk_gradient_parallel(out, x, y, depth):
    """See pairs.relu_ntk_gradient."""
    for i in prange(x.shape[0]):
        _relu_ntk_gradient_row(out[i], x[i], y, depth)


@njit
def _relu_ntk_hessian_row(out, kinks, x, y, depth, cross):
    axes = x.size
    norm = _norm(x)
    along, across = np.zeros_like(x), np.empty_like(x)
    if norm > 0.0:
        along[:] = x / norm
    for j in range(y.shape[0]):
        out[j], kinks[j] = 0.0, True
        if norm == 0.0 or _same(x, y[j]):
            continue
        opposite, adjacent, size = _tangent(across, x, y[j], norm)
        if size == 0.0 or (opposite == 0.0 and axes > 1):
            continue
        kinks[j] = False
        if opposite > 0.0:
            across /= opposite
        sine, cosine = opposite / size, adjacent / size
        value, slope, bend = ntk.relu_ntk(sine, cosine, depth, 2)
        unit = 1.0 if cross else size / norm
        aa, ac, ca, cc, rest = ntk.second_derivatives(value, slope, bend, sine, cosine, cross)
        if axes < 3:  # no more directions; what would be subtracted is rounding, which 1 / sine would magnify
            rest = 0.0
        for a in range(out.shape[1]):
            for b in range(out.shape[2]):
                other = (1.0 if a == b else 0.0) - along[a] * along[b] - across[a] * across[b]
                total = (aa * along[a] + ca * across[a]) * along[b] + (ac * along[a] + cc * across[a]) * across[b]
                out[j, a, b] = unit * (total + rest * other)


@compiled
def relu_ntk_hessian(out, kinks, x, y, depth, cross):
    """See pairs.relu_ntk_hessian."""
    for i in range(x.shape[0]):
        _relu_ntk_hessian_row(out[i], kinks[i], x[i], y, depth, cross)


@compiled(parallel=True)
def relu_ntk_hessian_parallel(out, kinks, x, y, depth, cross):
    """See pairs.relu_ntk_hessian."""
    for i in prange(x.shape[0]):
        _relu_ntk_hessian_row(out[i], kinks[i], x[i], y, depth, cross)
