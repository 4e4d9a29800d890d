"""Loops of neighbours, for CUDA: a block compares some rows of x with all of y, tile by tile.

A thread has SIDE x SIDE pairs of a tile in registers, so that what it loads from shared memory serves several of them;
then a thread a row scans the tile's squares.  Squares are formed as the CPU does, each product and sum rounded once, so
that they are the same to the bit, and with them all ties.  Points lie as (n, d), not in groups as the CPU's do.
"""

import numpy as np
from numba import cuda, float64, int64

from ..device import Work, back, empty, kernel, there

BLOCK = 128  # a power of two
SIDE = 4
PAIRS = SIDE * SIDE
AXES = 16  # of a tile's points that are in shared memory at once
WORK = 2**36  # squares in a launch: a fraction of a second where float64 is slow
_POINTS = 10_000


def places(threads):
    """Return how many threads lie across a tile, its rows and columns, and the bytes that it takes of shared memory.

    >>> places(128), places(8)
    ((16, 32, 64, 16640), (4, 8, 16, 3328))
    """
    across = 1 << (threads.bit_length() // 2)
    rows, columns = SIDE * threads // across, SIDE * across
    return across, rows, columns, 8 * max(AXES * (rows + columns + 2), rows * (columns + 1))


@kernel(
    (float64[:, ::1], int64[::1], float64[:, ::1], float64[:, ::1], float64[::1], *[int64] * 5),
    block=BLOCK, resident=3, shared=places(BLOCK)[3],
    work=Work(
        "precision and recall of 10,000 + 10,000 points of 64 numbers", -(-_POINTS // 32), 8 * 64 * _POINTS**2,
        shared=4 * (64 / 2 + 2) * _POINTS**2, traffic=4 * 8 * 64 * _POINTS**2 / 32, launches=4,
    ),
)  # fmt: skip
def _scan(nearest, held, x, y, squares, first, last, across, others, closed):
    """Compare x with the points of y from first to last.

    Where there are lists nearest[place, point of x], keep them ascending: the least squared distances, for `others` but
    to the point of the same number.  Else add to `held` in how many balls about y, of these squared radii, x lies.
    """
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    down = threads // across
    rows, columns = SIDE * down, SIDE * across
    over, beside = thread // across, thread % across
    top = cuda.blockIdx.x * rows
    n, axes = x.shape
    k = nearest.shape[0]
    room = cuda.shared.array(0, float64)
    theirs = AXES * (rows + 1)
    total = cuda.local.array(PAIRS, float64)
    mine = cuda.local.array(SIDE, float64)
    for left in range(first, last, columns):
        for pair in range(PAIRS):
            total[pair] = 0.0
        for start in range(0, axes, AXES):
            cuda.syncthreads()
            for at in range(thread, rows * AXES, threads):
                p, axis = at // AXES, at % AXES
                there_is = top + p < n and start + axis < axes
                room[axis * (rows + 1) + p] = x[top + p, start + axis] if there_is else 0.0
            for at in range(thread, columns * AXES, threads):
                q, axis = at // AXES, at % AXES
                there_is = left + q < last and start + axis < axes
                room[theirs + axis * (columns + 1) + q] = y[left + q, start + axis] if there_is else 0.0
            cuda.syncthreads()
            for axis in range(AXES):
                for p in range(SIDE):
                    mine[p] = room[axis * (rows + 1) + over + p * down]
                for q in range(SIDE):
                    other = room[theirs + axis * (columns + 1) + beside + q * across]
                    for p in range(SIDE):
                        apart = other - mine[p]
                        total[p * SIDE + q] = cuda.fma(apart, apart, total[p * SIDE + q])
        cuda.syncthreads()
        for p in range(SIDE):
            for q in range(SIDE):
                room[(over + p * down) * (columns + 1) + beside + q * across] = total[p * SIDE + q]
        cuda.syncthreads()
        for p in range(thread, min(rows, n - top), threads):
            i = top + p
            found = 0
            bound = nearest[k - 1, i] if k > 0 else 0.0
            for q in range(min(columns, last - left)):
                value = room[p * (columns + 1) + q]
                if k == 0:
                    radius = squares[left + q]
                    if value < radius or (closed == 1 and value == radius):
                        found += 1
                elif value < bound and (others == 0 or left + q != i):
                    place = k - 1
                    while place > 0 and nearest[place - 1, i] > value:
                        nearest[place, i] = nearest[place - 1, i]
                        place -= 1
                    nearest[place, i] = value
                    bound = nearest[k - 1, i]
            if k == 0:
                held[i] += found


def _compare(nearest, held, x, y, squares, others, closed):
    """Run `_scan` over all of y, so many points at once as a launch's time allows."""
    across, rows, columns, size = places(BLOCK)
    points, centres, radii = there(x), there(y), there(squares)
    step = max(WORK // x.size // columns, 1) * columns
    for first in range(0, len(y), step):
        _scan.launch_blocks(
            -(-len(x) // rows), nearest, held, points, centres, radii, first, min(first + step, len(y)), across,
            int(others), int(closed), block=BLOCK, shared=size,
        )  # fmt: skip


def _kth(out, x, y, k, others):
    lists = np.full((k, len(x)), np.inf)
    on_device = there(lists)
    _compare(on_device, empty(1, np.int64), x, y, np.zeros(1), others, False)
    back((on_device, lists))
    out[...] = lists[-1]


def _balls(x, y, squares, closed):
    counts = np.zeros(len(x), np.int64)
    on_device = there(counts)
    _compare(empty((0, 1), np.float64), on_device, x, y, squares, False, closed)
    back((on_device, counts))
    return counts


def kth_squared(out, x, axes, k):
    """See neighbours_cpu.kth_squared."""
    _kth(out, x, x, k, True)


def inside(out, x, y, squares, axes, closed):
    """See neighbours_cpu.inside."""
    out[...] = _balls(x, y, squares, closed) > 0


def counted(out, x, y, squares, axes):
    """See neighbours_cpu.counted."""
    out[...] = _balls(x, y, squares, False)


def nearest_squared(out, x, y, m, axes):
    """See neighbours_cpu.nearest_squared."""
    _kth(out, x, y, 1, False)
