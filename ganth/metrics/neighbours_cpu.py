"""CPU loops of neighbours.py: squared distances of GROUP points to GROUP others at a time, kept in registers.

Points lie as [group of GROUP][axis][point of the group], the last group filled up with inf: squares to such a point are
inf, or NaN, and no comparison takes them.  A pair has one distance to the bit, whichever of its points comes first.
"""

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..lanes.tiles import GROUP, add_squares, aligned, load, spread_tile, store_tile, zero_tile

BLOCK = 8  # groups that share the others' points while these are in the nearest cache


@njit
def _squares(out, x, group, y, other, axes):
    """Set out[GROUP p + q] to the squared distance of point p of a group of x to point q of a group of y."""
    total = zero_tile(x)
    for axis in range(axes):
        total = add_squares(
            total, spread_tile(x, (group * axes + axis) * GROUP), load(y, (other * axes + axis) * GROUP)
        )
    store_tile(out, 0, total)


@njit
def _insert(nearest, value):
    """Put a value below the last of an ascending row into its place; the last falls out."""
    at = len(nearest) - 1
    while at > 0 and nearest[at - 1] > value:
        nearest[at] = nearest[at - 1]
        at -= 1
    nearest[at] = value


@compiled(parallel=True)
def kth_squared(out, x, axes, k):
    """Set out (n,) to the squared distance of each point to its k-th nearest other one."""
    n = len(out)
    groups = (n + GROUP - 1) // GROUP
    for block in prange((groups + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min((block + 1) * BLOCK, groups)
        nearest = np.full((BLOCK * GROUP, k), np.inf)
        tile = aligned(GROUP * GROUP, x)
        for other in range(groups):
            for group in range(first, last):
                _squares(tile, x, group, x, other, axes)
                for p in range(GROUP):
                    row = nearest[(group - first) * GROUP + p]
                    for q in range(GROUP):
                        value = tile[p * GROUP + q]
                        if value < row[k - 1] and (group != other or p != q):
                            _insert(row, value)
        for i in range(first * GROUP, min(last * GROUP, n)):
            out[i] = nearest[i - first * GROUP, k - 1]


@compiled(parallel=True)
def inside(out, x, y, squares, axes, closed):
    """Set out (n,) to whether each point of x lies in a ball: about the points of y, with these squared radii."""
    n, m = len(out), len(squares)
    groups, others = (n + GROUP - 1) // GROUP, (m + GROUP - 1) // GROUP
    for block in prange((groups + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min((block + 1) * BLOCK, groups)
        missing = np.empty(BLOCK, np.int64)  # of each group, the points not found in a ball yet
        for group in range(first, last):
            missing[group - first] = min(GROUP, n - group * GROUP)
            for i in range(group * GROUP, group * GROUP + missing[group - first]):
                out[i] = False
        tile = aligned(GROUP * GROUP, x)
        for other in range(others):
            for group in range(first, last):
                if missing[group - first] == 0:
                    continue
                _squares(tile, x, group, y, other, axes)
                for p in range(min(GROUP, n - group * GROUP)):
                    i = group * GROUP + p
                    if out[i]:
                        continue
                    for q in range(min(GROUP, m - other * GROUP)):
                        value, radius = tile[p * GROUP + q], squares[other * GROUP + q]
                        if value < radius or (closed and value == radius):
                            out[i] = True
                            missing[group - first] -= 1
                            break


@compiled(parallel=True)
def counted(out, x, y, squares, axes):
    """Set out (n,) to the number of open balls about the points of y, with these squared radii, that hold a point."""
    n, m = len(out), len(squares)
    groups, others = (n + GROUP - 1) // GROUP, (m + GROUP - 1) // GROUP
    for block in prange((groups + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min((block + 1) * BLOCK, groups)
        tile = aligned(GROUP * GROUP, x)
        for i in range(first * GROUP, min(last * GROUP, n)):
            out[i] = 0
        for other in range(others):
            for group in range(first, last):
                _squares(tile, x, group, y, other, axes)
                for p in range(min(GROUP, n - group * GROUP)):
                    total = 0
                    for q in range(min(GROUP, m - other * GROUP)):
                        total += tile[p * GROUP + q] < squares[other * GROUP + q]
                    out[group * GROUP + p] += total


@compiled(parallel=True)
def nearest_squared(out, x, y, m, axes):
    """Set out (n,) to the squared distance of each point of x to the nearest of the m points of y."""
    n = len(out)
    groups, others = (n + GROUP - 1) // GROUP, (m + GROUP - 1) // GROUP
    for block in prange((groups + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min((block + 1) * BLOCK, groups)
        tile = aligned(GROUP * GROUP, x)
        for i in range(first * GROUP, min(last * GROUP, n)):
            out[i] = np.inf
        for other in range(others):
            for group in range(first, last):
                _squares(tile, x, group, y, other, axes)
                for p in range(min(GROUP, n - group * GROUP)):
                    i = group * GROUP + p
                    for q in range(min(GROUP, m - other * GROUP)):
                        out[i] = min(out[i], tile[p * GROUP + q])
