"""Loops of pairs, for the CPU.  A pair's number never depends on the other pairs, so threads change no bit."""

from numba import njit, prange

from ..backend import compiled
from ..formulas import kernels as formula


@njit
def _radial_row(out, i, x, y, code, order, parameters):
    for j in range(y.shape[0]):
        r2 = x[i, 0] - x[i, 0]
        for axis in range(x.shape[1]):
            difference = x[i, axis] - y[j, axis]
            r2 += difference * difference
        total = r2 - r2
        for term in range(parameters.shape[0]):
            total += formula.radial(code, order, r2, parameters[term, 0], parameters[term, 1])
        out[i, j] = total


@compiled
def radial(out, x, y, code, order, parameters):
    """See pairs.radial."""
    for i in range(x.shape[0]):
        _radial_row(out, i, x, y, code, order, parameters)


@compiled(parallel=True)
def radial_parallel(out, x, y, code, order, parameters):
    """See pairs.radial."""
    for i in prange(x.shape[0]):
        _radial_row(out, i, x, y, code, order, parameters)
