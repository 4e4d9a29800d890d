"""Loops of transport, for the CPU: the assignment problem by shortest augmenting paths."""

import numpy as np
from numba import prange

from ..backend import compiled


@compiled
def _assignment_distance(x, y, cost, row_price, column_price, row_of, path, best, used):
    """Return W2 of two sets of n points; the rest is scratch of n and n + 1 numbers.

    Jonker-Volgenant: rows enter one by one, each by the cheapest augmenting path in reduced costs.  Rows and columns
    count from 1; column 0 holds the row that seeks its place.
    """
    n = x.shape[0]
    for i in range(n):
        for j in range(n):
            total = 0.0
            for axis in range(x.shape[1]):
                diff = x[i, axis] - y[j, axis]
                total += diff * diff
            cost[i, j] = total
    for j in range(n + 1):
        row_price[j] = 0.0
        column_price[j] = 0.0
        row_of[j] = 0
    for row in range(1, n + 1):
        row_of[0] = row
        column = 0
        for j in range(n + 1):
            best[j] = np.inf
            used[j] = False
        while row_of[column] != 0:
            used[column] = True
            at = row_of[column]
            least, chosen = np.inf, 0
            for j in range(1, n + 1):
                if used[j]:
                    continue
                reduced = cost[at - 1, j - 1] - row_price[at] - column_price[j]
                if reduced < best[j]:
                    best[j] = reduced
                    path[j] = column
                if best[j] < least:
                    least, chosen = best[j], j
            for j in range(n + 1):
                if used[j]:
                    row_price[row_of[j]] += least
                    column_price[j] -= least
                else:
                    best[j] -= least
            column = chosen
        while column != 0:
            row_of[column] = row_of[path[column]]
            column = path[column]
    total = 0.0
    for j in range(1, n + 1):
        total += cost[row_of[j] - 1, j - 1]
    return np.sqrt(total / n)


@compiled
def wasserstein2_serial(out, x, y):
    """See transport.wasserstein2_many, on the calling thread."""
    n = x.shape[1]
    cost, numbers = np.empty((n, n)), np.empty((3, n + 1))
    places, used = np.empty((2, n + 1), np.int64), np.empty(n + 1, np.bool_)
    for trial in range(x.shape[0]):
        out[trial] = _assignment_distance(
            x[trial], y[trial], cost, numbers[0], numbers[1], places[0], places[1], numbers[2], used
        )


@compiled(parallel=True)
def wasserstein2(out, x, y):
    """See transport.wasserstein2_many: blocks of trials over threads, scratch once a block."""
    block = 64
    for first in prange((x.shape[0] + block - 1) // block):
        last = min((first + 1) * block, x.shape[0])
        wasserstein2_serial(out[first * block : last], x[first * block : last], y[first * block : last])
