"""A thread's own column of an extrapolation's table, for CUDA.  Nothing here names `cuda`: see blocks."""

import math

from numba import cuda

from ..formulas.extrapolation import share


@cuda.jit(device=True)
def refine(table, at, apart, k, x, y, tolerance):
    """Bring x and y, column k, into a thread's tables; see lanes.extrapolation.refine."""
    table[at + 2 * k * apart], table[at + (2 * k + 1) * apart] = x, y
    gap = math.inf
    for i in range(k):
        j = k - 1 - i
        weight, place = share(k, j), at + 2 * j * apart
        up, down = weight * (x - table[place]), weight * (y - table[place + apart])
        gap = max(abs(up), abs(down))
        x, y = x + up, y + down
        table[place], table[place + apart] = x, y
    return x, y, gap <= tolerance * max(abs(x), abs(y))
