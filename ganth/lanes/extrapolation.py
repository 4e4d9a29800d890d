"""Gragg's extrapolation of a rule whose error is even in the step: columns of pieces 2, 4, 6, ..."""

import math

from numba import njit

from ..formulas.extrapolation import COLUMNS as COLUMNS
from ..formulas.extrapolation import share


@njit
def refine(xs, ys, k, tolerance):
    """Bring column k into the tables xs, ys (columns,), in place; return whether xs[0] and ys[0] have settled.

    That is to `tolerance` times the larger of the two: their scales should be alike.
    """
    gap = math.inf
    for j in range(k - 1, -1, -1):  # Aitken and Neville, in the square of the step
        weight = share(k, j)
        up, down = weight * (xs[j + 1] - xs[j]), weight * (ys[j + 1] - ys[j])
        gap = max(abs(up), abs(down))
        xs[j], ys[j] = xs[j + 1] + up, ys[j + 1] + down
    return gap <= tolerance * max(abs(xs[0]), abs(ys[0]))
