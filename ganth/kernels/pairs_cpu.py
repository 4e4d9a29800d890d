"""Loops of pairs, for the CPU.  A pair's number never depends on the other pairs, so threads change no bit."""

import math

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..formulas import kernels as formula
from ..formulas.ntk import angles
from ..formulas.ntk import relu_ntk as relu_ntk_of

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
def _tangent(out, x, y):
    """Write y less its projection on x, x != 0, and return (its norm, the length of the projection).

    Near points subtract first: y - x is exact there, so the direction keeps its digits however close they are.
    What is no larger than its own rounding error becomes 0: parallel vectors.
    """
    squared = product = size = gap = 0.0
    for axis in range(x.size):
        squared += x[axis] * x[axis]
        product += x[axis] * y[axis]
        size += y[axis] * y[axis]
        gap += (y[axis] - x[axis]) * (y[axis] - x[axis])
    near = 4.0 * gap < size
    slope = product
    if near:
        slope = 0.0
        for axis in range(x.size):
            slope += x[axis] * (y[axis] - x[axis])
    slope /= squared
    length = 0.0
    for axis in range(x.size):
        out[axis] = (y[axis] - x[axis] if near else y[axis]) - slope * x[axis]
        length += out[axis] * out[axis]
    rounding = (4.0 + x.size) * EPSILON
    if length <= rounding * rounding * (gap if near else size):
        out[:] = 0.0
        length = 0.0
    return math.sqrt(length), product / math.sqrt(squared)


@njit
def _norm(x):
    total = 0.0
    for axis in range(x.size):
        total += x[axis] * x[axis]
    return math.sqrt(total)


@compiled
def tangent(out, x, y):
    """See pairs.tangent."""
    for i in range(x.shape[0]):
        if _norm(x[i]) > 0.0:
            for j in range(y.shape[0]):
                _tangent(out[i, j], x[i], y[j])


@njit
def _relu_ntk_row(out, x, y, depth, order):
    norm = _norm(x)
    across = np.empty_like(x)
    for j in range(y.shape[0]):
        size = norm * _norm(y[j])
        out[j] = 0.0
        if size > 0.0:
            opposite, adjacent = _tangent(across, x, y[j])
            angle, supplement = angles(opposite, adjacent, math.pi)
            out[j] = size * relu_ntk_of(angle, supplement, depth, order)[order]


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
