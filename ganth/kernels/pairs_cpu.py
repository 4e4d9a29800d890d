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
def tangent(out, x, y):
    """See pairs.tangent."""
    for i in range(x.shape[0]):
        norm = _norm(x[i])
        if norm > 0.0:
            for j in range(y.shape[0]):
                _tangent(out[i, j], x[i], y[j], norm)


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
def _relu_ntk_row(out, x, y, depth, order):
    out[:] = 0.0
    norm = _norm(x)
    if norm == 0.0:
        return
    across = np.empty_like(x)
    for j in range(y.shape[0]):
        opposite, adjacent, size = _tangent(across, x, y[j], norm)
        if size > 0.0:
            out[j] = norm * size * ntk.relu_ntk(opposite / size, adjacent / size, depth, order)[order]


@compiled
def relu_ntk(out, x, y, depth, order):
    """See pairs.relu_ntk."""
    for i in range(x.shape[0]):
        _relu_ntk_row(out[i], x[i], y, depth, order)


@compiled(parallel=True)
def relu_ntk_parallel(out, x, y, depth, order):
    """See pairs.relu_ntk."""
    for i in prange(x.shape[0]):
        _relu_ntk_row(out[i], x[i], y, depth, order)
