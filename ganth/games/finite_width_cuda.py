"""Loops of finite_width, for CUDA: a step of wide generators, a block for each group of units.

A unit's step needs nothing of another unit's: only what a network puts out is a sum over all.  So a trial, whose
network may have millions of parameters, is not left to one block: each takes the step of GROUP units and what they then
put out, and `settle`, a block for each trial, adds up.  Launches follow one another without the host waiting for any;
between them the discriminator learns by the loops of its own game, which leave its slopes in the place of particles.

A block's products, of deltas with seeds and of weights with seeds, are made a piece at a time, of which a thread owns
UNITS x COLUMNS numbers in registers; what it multiplies is staged through shared memory, and so is the piece on its way
out.  Each number is summed by one thread in order, so that nothing depends on how many there are.

Parameters of a trial are flat, as `WideGenerator.split` has them; signals are [seed][unit].
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64

from ..device import Work, back, empty, held, kernel, there
from ..lanes.blocks import descended

UNITS, COLUMNS, STEP = 8, 4, 16  # rows and columns of a thread; what is staged of a row
GROUP = 64  # units of a block, of whose outputs there is one sum
TOGETHER = 8  # sums that a thread has on their way from global memory
BLOCK, SETTLING = 128, 512  # threads, powers of two: of a group of units; of a trial where its groups are added up
RELU, TANH, ERF = range(3)
CODES = {"relu": RELU, "tanh": TANH, "erf": ERF}
_TWO_OVER_ROOT_PI = 1.1283791670955126


def piece(threads):
    """Return how many threads share a row of a piece, its rows and columns, and the numbers of shared memory it takes.

    >>> piece(128)
    (16, 64, 64, 4160)
    """
    across = 1 << threads.bit_length() // 2
    tall, broad = threads // across * UNITS, across * COLUMNS
    return across, tall, broad, max(STEP * (tall + broad + 2), tall * (broad + 1))


@cuda.jit(device=True)
def _activated(code, u, zero):
    """Return s(u)."""
    if code == TANH:
        return math.tanh(u)
    if code == ERF:
        return math.erf(u)
    return zero if u <= zero else u  # NaN passes


@cuda.jit(device=True)
def _slope(code, u, one):
    """Return s'(u); a ReLU unit at its kink counts as off."""
    if code == TANH:
        value = math.tanh(u)
        return one - value * value
    if code == ERF:
        return type(one)(_TWO_OVER_ROOT_PI) * math.exp(-u * u)
    return one if u > 0 else one - one


def _signature(real):
    cube = real[:, :, ::1]
    return (
        real[:, ::1], real[:, ::1], cube, real[:, ::1], cube, cube, cube, int64[::1],
        *[real] * 3, *[int64] * 7,
    )  # fmt: skip


# Two products of 2^16 units, 257 inputs and 200 seeds; of a number read from shared memory come 8/3 multiply-adds.
_PAIRS = 2**16 * 257 * 200
_WORK = Work(
    "ED App. G: width 2^16, 200 seeds in 256 dimensions, 1000 steps", 1024, arithmetic=1e3 * 2 * _PAIRS,
    special=1e3 * 2 * 2**16 * 259, shared=1e3 * 2 * _PAIRS * 3 / 8, traffic=1e3 * 4 * 2**16 * (4 * 259 + 12 * 200),
    launches=1000, independent=UNITS * COLUMNS,
)  # fmt: skip


@kernel(*map(_signature, (float32, float64)), block=BLOCK, resident=1, shared=piece(BLOCK)[3] * 8, work=_WORK,
        wait=False)  # fmt: skip
def climb(
    generators, squares, signals, heads, sums_of_groups, pulls, seeds, diverged_at,
    scale, rate, one, climbs, rms, code, across, tall, broad, groups,
):  # fmt: skip
    """Take a step of a group of units (unless it `climbs`, none), and set its signals and the sum of what they give."""
    t, group, thread, threads = cuda.blockIdx.x // groups, cuda.blockIdx.x % groups, cuda.threadIdx.x, cuda.blockDim.x
    if diverged_at[t] >= 0:
        return
    tiles, zero = cuda.shared.array(0, signals.dtype), one - one
    n, width, row, outputs = signals.shape[1], signals.shape[2], seeds.shape[2], pulls.shape[2]
    parameters, means, given = generators[t], squares[t], t % seeds.shape[0]
    base, after = group * GROUP, width * row
    units = min(GROUP, width - base)
    if climbs == 1:
        # New heads wait until the old ones have made the deltas, which take the place of the signals.
        for item in range(thread, outputs * units, threads):
            i, k = item // units, base + item % units
            slope, place = zero, i * width + k
            for a in range(n):
                slope += pulls[t, a, i] * _activated(code, signals[t, a, k], zero)
            heads[t, place] = descended(
                parameters[after + place], scale * slope, means, rms == 1, after + place, zero, -rate, one
            )
        cuda.syncthreads()
        for item in range(thread, n * units, threads):
            a, k = item // units, base + item % units
            push = zero
            for i in range(outputs):
                push += parameters[after + i * width + k] * pulls[t, a, i]
            signals[t, a, k] = push * _slope(code, signals[t, a, k], one) * scale
        cuda.syncthreads()
        for item in range(thread, outputs * units, threads):
            place = item // units * width + base + item % units
            parameters[after + place] = heads[t, place]
    sums = cuda.local.array((UNITS, COLUMNS), signals.dtype)
    factors = cuda.local.array(COLUMNS, signals.dtype)
    x, y = thread % across, thread // across * UNITS
    for phase in range(0 if climbs == 1 else 1, 2):  # slopes are deltas times seeds; signals are weights times seeds
        columns, length = (row, n) if phase == 0 else (n, row)
        for first_row in range(0, units, tall):
            for first_column in range(0, columns, broad):
                for r in range(UNITS):
                    for c in range(COLUMNS):
                        sums[r, c] = zero
                for first in range(0, length, STEP):
                    cuda.syncthreads()
                    for item in range(thread, tall * STEP, threads):
                        # Neighbouring threads read neighbouring numbers.
                        r, m = (item % tall, item // tall) if phase == 0 else (item // STEP, item % STEP)
                        value, unit = zero, base + first_row + r
                        if first_row + r < units and first + m < length:
                            value = signals[t, first + m, unit] if phase == 0 else parameters[unit * row + first + m]
                        tiles[m * (tall + 1) + r] = value
                    for item in range(thread, broad * STEP, threads):
                        c, m = (item % broad, item // broad) if phase == 0 else (item // STEP, item % STEP)
                        value, column = zero, first_column + c
                        if column < columns and first + m < length:
                            value = seeds[given, first + m, column] if phase == 0 else seeds[given, column, first + m]
                        tiles[STEP * (tall + 1) + m * (broad + 1) + c] = value
                    cuda.syncthreads()
                    left, right = y, STEP * (tall + 1) + x
                    for _ in range(min(STEP, length - first)):
                        for c in range(COLUMNS):
                            factors[c] = tiles[right + c * across]
                        for r in range(UNITS):
                            factor = tiles[left + r]
                            for c in range(COLUMNS):
                                sums[r, c] += factor * factors[c]
                        left += tall + 1
                        right += broad + 1
                cuda.syncthreads()
                for r in range(UNITS):
                    for c in range(COLUMNS):
                        tiles[(y + r) * (broad + 1) + x + c * across] = sums[r, c]
                cuda.syncthreads()
                for item in range(thread, tall * broad, threads):
                    r, c = (item // broad, item % broad) if phase == 0 else (item % tall, item // tall)
                    unit, column, value = base + first_row + r, first_column + c, tiles[r * (broad + 1) + c]
                    if first_row + r < units and column < columns:
                        if phase == 0:
                            place = unit * row + column
                            parameters[place] = descended(
                                parameters[place], value, means, rms == 1, place, zero, -rate, one
                            )
                        else:
                            signals[t, column, unit] = value
    cuda.syncthreads()
    for item in range(thread, outputs * n, threads):
        i, a = item // n, item % n
        total = zero
        for k in range(base, base + units):
            total += parameters[after + i * width + k] * _activated(code, signals[t, a, k], zero)
        sums_of_groups[t, group, item] = scale * total


def _settle_signature(real):
    cube = real[:, :, ::1]
    return cube, cube, cube, int64[::1], int64, int64, real


@kernel(*map(_settle_signature, (float32, float64)), block=SETTLING, resident=1, wait=False)
def settle(particles, pulls, sums_of_groups, diverged_at, step, climbs, zero):
    """Set a trial's particles to what its network puts out, unless it is not finite; `pulls` are to begin from them."""
    t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    if diverged_at[t] >= 0:
        return
    n, groups, numbers = particles.shape[1], sums_of_groups.shape[1], sums_of_groups.shape[2]
    values = cuda.local.array(TOGETHER, particles.dtype)
    if climbs == 1:
        lost = 0
        for item in range(thread, numbers, threads):
            total = zero
            for first in range(0, groups, TOGETHER):
                for u in range(TOGETHER):
                    values[u] = sums_of_groups[t, first + u, item] if first + u < groups else zero
                for u in range(TOGETHER):
                    total += values[u]
            pulls[t, item % n, item // n] = total
            if not math.isfinite(total):
                lost = 1
        if cuda.syncthreads_or(lost):
            if thread == 0:
                diverged_at[t] = step + 1
            return
        for item in range(thread, numbers, threads):
            particles[t, item % n, item // n] = pulls[t, item % n, item // n]
    else:
        for item in range(thread, numbers, threads):
            pulls[t, item % n, item // n] = particles[t, item % n, item // n]


@kernel(
    *((real[:, ::1], int64[::1], int64) for real in (float32, float64)), block=SETTLING, resident=1, wait=False
)  # fmt: skip
def look(parameters, diverged_at, step):
    """Stop a trial whose discriminator is not finite."""
    t, lost = cuda.blockIdx.x, 0
    for i in range(cuda.threadIdx.x, parameters.shape[1], cuda.blockDim.x):
        if not math.isfinite(parameters[t, i]):
            lost = 1
    if cuda.syncthreads_or(lost) and cuda.threadIdx.x == 0 and diverged_at[t] < 0:
        diverged_at[t] = step + 1


class Climb:
    """The steps of generators, one for each trial, in the arrays of a state.

    Parameters
    ----------
    particles, pulls : (trials, n, d) arrays
        What networks put out, and what a step climbs; afterwards pulls are the particles.
    generators : (trials, size) array
    squares : the same, or None
        The running means of RMSProp.
    diverged_at : (trials,) array
    seeds : (1 or trials, n, dim + 1) array
        The last column 1.
    width, code : int
        Units, and the place of their activation in CODES.
    scale, rate : numbers of the arrays' type
    """

    def __init__(
        self, particles, pulls, generators, squares, diverged_at, seeds, width, code, scale, rate,
    ):  # fmt: skip
        trials, n, outputs = particles.shape
        real, self.code, self.numbers = generators.dtype, code, (scale, rate, generators.dtype.type(1))
        self.particles, self.pulls, self.diverged_at, self.seeds = particles, pulls, diverged_at, seeds
        self.generators, self.squares = generators, squares
        self.groups = -(-width // GROUP)
        self.signals, self.heads = empty((trials, n, width), real), empty((trials, outputs * width), real)
        self.sums = empty((trials, self.groups, n * outputs), real)
        self.no_squares = there(np.zeros((trials, 1), real))
        self._play(0, 0)

    def look(self, parameters, step):
        """Stop trials whose discriminators are not finite, parameters (trials, ...)."""
        stops = held(self.diverged_at)
        flat = parameters.reshape(len(parameters), -1)
        look.launch_blocks(len(flat), held(flat), stops, step, block=SETTLING)
        back((stops, self.diverged_at))

    def step(self, step):
        """Take a step of each generator, and its particles with it."""
        self._play(1, step)

    def _play(self, climbs, step):
        changed = [self.generators, self.diverged_at, self.particles, self.pulls]
        changed += [] if self.squares is None else [self.squares]
        generators, stops, particles, pulls, *squares = on_device = [held(array) for array in changed]
        across, tall, broad, size = piece(BLOCK)
        climb.launch_blocks(
            len(self.particles) * self.groups, generators, squares[0] if squares else self.no_squares, self.signals,
            self.heads, self.sums, pulls, held(self.seeds), stops, *self.numbers, climbs, len(squares), self.code,
            across, tall, broad, self.groups, block=BLOCK, shared=size * self.particles.itemsize,
        )  # fmt: skip
        settle.launch_blocks(
            len(self.particles), particles, pulls, self.sums, stops, step, climbs, self.particles.dtype.type(0),
            block=SETTLING,
        )  # fmt: skip
        back(*zip(on_device, changed, strict=True))
