"""Loops of spectral normalisation, for CUDA: one block makes all power iterations of a layer.

A matrix lies row by row, (rows, columns); `outer` has a number for each row, `inner` for each column.  Sums are taken
by a fixed number of lanes, each of every LANES-th number, and then over the lanes in their order: they do not depend on
the size of a block.
"""

import math

from numba import cuda, float32, float64, int64

from ..device import kernel

BLOCK = 256
LANES = 32  # as a warp, whose threads read numbers that lie side by side
_TINY = 1e-12  # a vector is divided by this at least, as PyTorch does


@cuda.jit(device=True)
def _normalise(vector, lanes, size, thread, threads):
    """Divide a vector by its length; all threads of the block."""
    for lane in range(thread, LANES, threads):
        total = float64(0)
        for i in range(lane, size, LANES):
            total += float64(vector[i]) * float64(vector[i])
        lanes[lane] = total
    cuda.syncthreads()
    total = float64(0)
    for lane in range(LANES):
        total += lanes[lane]
    length = max(math.sqrt(total), float64(_TINY))
    for i in range(thread, size, threads):
        vector[i] /= length
    cuda.syncthreads()


@cuda.jit(device=True)
def _times_in_lanes(room, matrix, at, inner, rows, columns, thread, threads):
    """Set room to LANES parts of each number of the matrix times inner."""
    for i in range(thread, rows * LANES, threads):
        r, lane = i // LANES, i % LANES
        total = inner[0] * 0
        for c in range(lane, columns, LANES):
            total += matrix[at + r * columns + c] * inner[c]
        room[i] = total
    cuda.syncthreads()


@cuda.jit(device=True)
def _times(outer, room, matrix, at, inner, rows, columns, thread, threads):
    """Set outer to the matrix times inner; room: LANES numbers for each row."""
    _times_in_lanes(room, matrix, at, inner, rows, columns, thread, threads)
    for r in range(thread, rows, threads):
        total = room[r * LANES]
        for lane in range(1, LANES):
            total += room[r * LANES + lane]
        outer[r] = total
    cuda.syncthreads()


def _signature(real):
    return *[real[::1]] * 6, *[int64] * 8


@kernel(*map(_signature, (float32, float64)), block=BLOCK, resident=1, wait=False)
def power_iterations(
    scale, outer, inner, room, state, parameters, at, rows, columns, outer_at, inner_at, turned, training, first
):
    """Make a power iteration in training, and `first` more where the left vector is 0; set scale to one over value."""
    lanes = cuda.shared.array(LANES, float64)
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    some = 0
    for i in range(thread, rows, threads):
        outer[i] = state[outer_at + i]
        some |= 1 if turned == 0 and outer[i] != 0 else 0
    for i in range(thread, columns, threads):
        inner[i] = state[inner_at + i]
        some |= 1 if turned != 0 and inner[i] != 0 else 0
    count = training if cuda.syncthreads_or(some) else training + first
    for half in range(2 * count):
        if (half % 2 == 0) == (turned == 0):
            _times(outer, room, parameters, at, inner, rows, columns, thread, threads)
            _normalise(outer, lanes, rows, thread, threads)
        else:
            for c in range(thread, columns, threads):
                total = outer[0] * 0
                for r in range(rows):
                    total += parameters[at + r * columns + c] * outer[r]
                inner[c] = total
            cuda.syncthreads()
            _normalise(inner, lanes, columns, thread, threads)
    if training:
        for i in range(thread, rows, threads):
            state[outer_at + i] = outer[i]
        for i in range(thread, columns, threads):
            state[inner_at + i] = inner[i]
    _times_in_lanes(room, parameters, at, inner, rows, columns, thread, threads)
    for lane in range(thread, LANES, threads):
        total = float64(0)
        for r in range(rows):
            total += float64(outer[r]) * float64(room[r * LANES + lane])
        lanes[lane] = total
    cuda.syncthreads()
    if thread == 0:
        total = float64(0)
        for lane in range(LANES):
            total += lanes[lane]
        scale[0] = float64(1) / total


@kernel(*((real[::1], real[::1], real[::1], int64, int64) for real in (float32, float64)), block=BLOCK, wait=False)
def take_along(room, found, parameters, at, chunk):
    """Set the room to the sums of found times weights, of a chunk each."""
    c = cuda.grid(1)
    if c * chunk < found.size:
        total = float64(0)
        for i in range(c * chunk, min(c * chunk + chunk, found.size)):
            total += float64(found[i]) * float64(parameters[at + i])
        room[c] = total


@kernel(*((*[real[::1]] * 7, int64, int64) for real in (float32, float64)), block=BLOCK, wait=False)
def settle(gradient, room, found, parameters, scale, outer, inner, at, chunks):
    """Add (found - <found, matrix> / value outer inner^T) / value to the gradient."""
    i = cuda.grid(1)
    if i < found.size:
        along = float64(0)
        for c in range(chunks):
            along += room[c]
        over = scale[0]
        factor = outer[0] * 0 + along * over
        columns = inner.size
        pull = factor * outer[i // columns] * inner[i % columns]
        gradient[at + i] += (found[i] - pull) * over


def room_of(rows, columns):
    """Return the numbers of scratch memory that a layer takes."""
    return max(rows * LANES, math.isqrt(rows * columns) + 2)


def iterate(
    scale, outer, inner, room, state, parameters, at, rows, columns, left_at, right_at, turned, training, first
):
    """See spectral_cpu.iterate; scale is set to one over what that returns."""
    places = (right_at, left_at) if turned else (left_at, right_at)
    power_iterations.launch_blocks(
        1, scale, outer, inner, room, state, parameters, at, rows, columns, *places, int(turned), int(training), first,
        block=BLOCK,
    )  # fmt: skip


def add_slopes(gradient, room, found, parameters, scale, outer, inner, at):
    """See spectral_cpu.add_slopes."""
    chunk = max(1, math.isqrt(found.size))
    chunks = -(-found.size // chunk)
    take_along.launch(chunks, room, found, parameters, at, chunk, block=BLOCK)
    settle.launch(found.size, gradient, room, found, parameters, scale, outer, inner, at, chunks, block=BLOCK)
