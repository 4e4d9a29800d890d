"""Loops of transport, for CUDA: a thread solves one assignment.

Costs are formed on the device and lie in global memory, a trial's side by side: a step reads one row of them.  Prices
and paths lie in shared memory where those of a block fit, else in global memory, one thread's beside the next one's.
Costs are summed as the CPU does, so that prices, ties and the matching are the same to the bit: a product is formed by
an fma with a zero that comes in as an argument, for the compiler would contract it with the sum.
"""

import math

import numpy as np
from numba import cuda, float64, int32, int64

from ..device import SHARED, Work, back, empty, kernel, there

BLOCK = 64
ROOM = 256 * 2**20  # bytes of costs on the device at once
WORK = 2**33  # steps of a path in a launch: a fraction of a second where float64 is slow
_CUBE = float64[:, :, ::1]
_TRIALS, _POINTS = 100_000, 10


@kernel(
    (float64[::1], _CUBE, _CUBE, _CUBE, float64[::1], int32[::1], int64, float64), block=BLOCK,
    shared=BLOCK * (_POINTS + 1) * 36, resident=2,
    work=Work(
        "W2 of 100,000 pairs of 10 points in the plane", -(-_TRIALS // BLOCK), 6 * _POINTS**3 / 2 * _TRIALS,
        shared=5 * _POINTS**3 / 2 * _TRIALS, traffic=8 * (_POINTS**3 / 2 + 6 * _POINTS**2) * _TRIALS,
    ),
)  # fmt: skip
def _assign(out, x, y, cost, prices, places, inside, zero):
    """Set out (trials,) to W2 of each pair; see transport_cpu for the algorithm and its names.

    A thread has three rows of n + 1 numbers: prices of rows and of columns, best; and three of integers: row_of, path,
    used.
    """
    t = cuda.grid(1)
    n, axes = x.shape[1:]
    if t >= out.size:
        return
    step, own = out.size, t
    numbers, whole = prices, places
    if inside == 1:
        step, own = cuda.blockDim.x, cuda.threadIdx.x
        rest = 3 * (n + 1) * step
        numbers = cuda.shared.array(0, float64)[:rest]
        whole = cuda.shared.array(0, int32)[2 * rest : 3 * rest]
    row_price, column_price, best = own, own + (n + 1) * step, own + 2 * (n + 1) * step
    row_of, path, used = row_price, column_price, best
    for i in range(n):
        for j in range(n):
            total = zero
            for axis in range(axes):
                apart = x[t, i, axis] - y[t, j, axis]
                total += cuda.fma(apart, apart, zero)
            cost[t, i, j] = total
    for j in range(n + 1):
        numbers[row_price + j * step] = zero
        numbers[column_price + j * step] = zero
        whole[row_of + j * step] = 0
    for row in range(1, n + 1):
        whole[row_of] = row
        column = 0
        for j in range(n + 1):
            numbers[best + j * step] = math.inf
            whole[used + j * step] = 0
        at = row
        while at != 0:
            whole[used + column * step] = 1
            price = numbers[row_price + at * step]
            least, chosen = math.inf, 0
            for j in range(1, n + 1):
                if whole[used + j * step] != 0:
                    continue
                reduced = cost[t, at - 1, j - 1] - price - numbers[column_price + j * step]
                known = numbers[best + j * step]
                if reduced < known:
                    known = reduced
                    numbers[best + j * step] = reduced
                    whole[path + j * step] = column
                if known < least:
                    least, chosen = known, j
            for j in range(n + 1):
                if whole[used + j * step] != 0:
                    numbers[row_price + whole[row_of + j * step] * step] += least
                    numbers[column_price + j * step] -= least
                else:
                    numbers[best + j * step] -= least
            column = chosen
            at = whole[row_of + column * step]
        while column != 0:
            before = whole[path + column * step]
            whole[row_of + column * step] = whole[row_of + before * step]
            column = before
    total = zero
    for j in range(1, n + 1):
        total += cost[t, whole[row_of + j * step] - 1, j - 1]
    out[t] = math.sqrt(total / n)


def wasserstein2(out, x, y):
    """See transport.wasserstein2_many."""
    trials, n, _ = x.shape
    size = BLOCK * (n + 1) * 3 * (8 + 4)
    inside = size <= SHARED
    most = min(trials, max(min(ROOM // (8 * n * n), WORK // n**3), 1))
    cost = empty((most, n, n), np.float64)
    scratch = 1 if inside else 3 * (n + 1) * most
    prices, places = empty(scratch, np.float64), empty(scratch, np.int32)
    for first in range(0, trials, most):
        result = out[first : first + most]
        on_device = empty(len(result), np.float64)
        some = [there(points[first : first + most]) for points in (x, y)]
        _assign.launch(
            len(result), on_device, *some, cost, prices, places, int(inside), 0.0, block=BLOCK,
            shared=size if inside else 0,
        )  # fmt: skip
        back((on_device, result))
