"""Loops of features, for CUDA: a block plays one trial.

A step has two parts, in the order of play.  Learning: a thread has frequencies of its own and sums over the particles,
in order.  Pulling: a thread has a particle and a slice of the frequencies, every `slices`-th of them, which it sums in
order; the slices are then added in a tree.  How many there are (`slices_of`) follows from the sizes of the game, so
that nothing depends on how many threads a block has.

What all threads read lies in shared memory as far as it fits (`places`), else in global memory: in this order the
particles with the slices' sums, the coefficients, the table.  A trial's table is flat: rows of R numbers, what the true
points add to the cosines and to the sines in a step, then the frequencies, axis by axis [turns / data length].
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64

from ..device import SHARED, Work, back, empty, held, kernel
from ..formulas.turns import fraction, half_turn_float32, half_turn_float64

UNROLLED = (1, 2, 3)  # dimensions whose loops over axes are unrolled
BLOCK = 256
_SPREAD = 512  # sums of slices that keep a block's threads busy
_MOST = 3400  # numbers that these sums may take of shared memory
_HALF_TURNS = {float32: half_turn_float32, float64: half_turn_float64}
_WHOLE = {float32: np.float32(2.0**23), float64: np.float64(2.0**52)}  # numbers from here on have no fraction


def _figure(axes, particles):
    """Return the work of one half of KD Fig. 3, whose games have so many axes and particles.

    A phase is `axes` products, its fraction 7 instructions, a half turn 10; learning adds 3 and pulling 6 + 2 axes.
    Coordinates, coefficients and, where it fits, the table come from shared memory.
    """
    widths, trials, steps, waves = 15, 100, 40_000, 1000
    pairs = widths * trials * steps * particles * waves
    fits = axes in UNROLLED
    return Work(
        f"KD Fig. 3 in full, d = {axes}: {widths} widths, {trials} trials, {steps} steps",
        blocks=widths * trials,
        arithmetic=pairs * (2 * axes + 34 + 9 + 2 * axes),
        shared=pairs * ((axes if fits else 0) + 2 + 2 * axes),
        traffic=0 if fits else pairs / particles * 4 * (2 + axes),
    )


def _player(dimensions, real):
    """Return the kernel for particles of so many dimensions, 0: of any, and numbers of a type."""
    half_turn, whole, own = _HALF_TURNS[real], _WHOLE[real], max(dimensions, 1)
    signature = (
        real[:, :, ::1], int64[::1], real[:, ::1], int64, int64, real[:, ::1], real[:, ::1], real[:, :, ::1],
        real[:, ::1], int64, int64, int64, int64,
    )  # fmt: skip

    work = {2: _figure(2, 4), 0: _figure(10, 10)}.get(dimensions)

    @kernel(signature, block=BLOCK, resident=1, shared=SHARED, work=work)
    def play(
        particles, diverged_at, coefficients, first, count, tables, rooms, shares,
        rates, alternating, slices, inside, where,
    ):  # fmt: skip
        t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        if diverged_at[t] >= 0:
            return
        axes = dimensions if dimensions > 0 else particles.shape[2]
        n, waves = particles.shape[1], coefficients.shape[1] // 2
        masses, gains, reg, scale = shares[t, 0], shares[t, 1], rates[t, 0], rates[t, 1]
        size, both = n * axes, 2 * waves
        shared = cuda.shared.array(0, real)
        room, row, table = rooms[t], rooms[t, where : where + both], tables[t]
        if inside >= 1:
            room = shared[:where]
        if inside >= 2:
            row = shared[where : where + both]
        if inside >= 3:
            table = shared[where + both : where + both + tables.shape[1]]
            for i in range(thread, tables.shape[1], threads):
                table[i] = tables[t, i]
        zero = reg - reg
        w = cuda.local.array(own, real)
        x = cuda.local.array(own, real)
        pull = cuda.local.array(own, real)
        left = count
        while True:
            for i in range(thread, size, threads):
                room[i] = particles[t, i // axes, i % axes]
            for r in range(thread, both, threads):
                row[r] = coefficients[t, r]
            cuda.syncthreads()
            done = left
            for step in range(left):
                for part in range(2):
                    if part == (0 if alternating == 1 else 1):
                        for r in range(thread, waves, threads):
                            squares = products = zero
                            if dimensions > 0:
                                for axis in range(axes):
                                    w[axis] = table[both + axis * waves + r]
                            for j in range(n):
                                phase = zero
                                for axis in range(axes):
                                    frequency = w[axis] if dimensions > 0 else table[both + axis * waves + r]
                                    phase += frequency * room[j * axes + axis]
                                s, c = half_turn(fraction(phase, whole))
                                share = s * masses[j]
                                squares += share * s
                                products += share * c
                            cosine, sine = row[r], row[waves + r]
                            row[r] = cosine + (table[r] - cosine * reg + squares * (scale + scale))
                            row[waves + r] = sine + (table[waves + r] - sine * reg - products * scale)
                    else:
                        for i in range(thread, n * slices, threads):
                            j, start = i // slices, i % slices
                            at = size + start * size + j * axes
                            for axis in range(axes):
                                if dimensions > 0:
                                    x[axis] = room[j * axes + axis]
                                    pull[axis] = zero
                                else:
                                    room[at + axis] = zero
                            for r in range(start, waves, slices):
                                phase = zero
                                for axis in range(axes):
                                    frequency = table[both + axis * waves + r]
                                    phase += frequency * (x[axis] if dimensions > 0 else room[j * axes + axis])
                                s, c = half_turn(fraction(phase, whole))
                                cosine, sine = row[r], row[waves + r]
                                slope = sine - s * ((sine + sine) * s + cosine * c)
                                for axis in range(axes):
                                    share = slope * table[both + axis * waves + r]
                                    if dimensions > 0:
                                        pull[axis] += share
                                    else:
                                        room[at + axis] += share
                            if dimensions > 0:
                                for axis in range(axes):
                                    room[at + axis] = pull[axis]
                    cuda.syncthreads()
                half = slices // 2
                while half > 0:
                    for i in range(thread, half * size, threads):
                        room[size + i] += room[size + half * size + i]
                    cuda.syncthreads()
                    half //= 2
                lost = 0
                for i in range(thread, size, threads):
                    moved = room[i] + gains[i // axes] * room[size + i]
                    room[size + i] = moved
                    if not math.isfinite(moved):
                        lost = 1
                if cuda.syncthreads_or(lost):
                    done = step
                    break
                for i in range(thread, size, threads):
                    room[i] = room[size + i]
                cuda.syncthreads()
            if done == left:
                break
            # The coefficients are a step ahead of the last finite particles: play again, up to these.
            if thread == 0:
                diverged_at[t] = first + done + 1
            left = done
        for i in range(thread, size, threads):
            particles[t, i // axes, i % axes] = room[i]
        for r in range(thread, both, threads):
            coefficients[t, r] = row[r]

    play.function.__name__ = f"play_{dimensions or 'any'}_{real}"
    return play


_PLAYERS = {
    (dimensions, np.dtype(str(real))): _player(dimensions, real) for dimensions in (*UNROLLED, 0) for real in _WHOLE
}


def slices_of(n, waves, axes):
    """Return how many slices of the frequencies each particle has: a power of two.

    >>> [slices_of(*sizes) for sizes in ((1, 1000, 2), (100, 1000, 2), (1, 3, 2), (5000, 10, 2), (10, 1000, 10))]
    [512, 8, 4, 1, 32]
    """
    slices = 1 << max(0, math.ceil(math.log2(min(max(_SPREAD / n, 1), waves))))
    while slices > 1 and (1 + slices) * n * axes > _MOST:
        slices //= 2
    return slices


def places(particles, coefficients, tables):
    """Return what is in shared memory (0: nothing, 1: particles, 2: coefficients too, 3: the table too) and its bytes.

    Between the two: how many numbers the particles take there, their slices' sums included.
    """
    n, axes = particles.shape[1:]
    both = coefficients.shape[1]
    room = (1 + slices_of(n, both // 2, axes)) * n * axes
    sizes = [0, *(number * particles.itemsize for number in (room, room + both, room + both + tables.shape[1]))]
    inside = max(level for level, size in enumerate(sizes) if size <= SHARED)
    return inside, room, sizes[inside]


def play_trials(particles, diverged_at, coefficients, first, count, tables, alternating, shares, rates):
    """See features_cpu.play_alone: a block for each trial; `tables` as above, (trials, (2 + d) R).

    Trials may be of games that differ in numbers: `shares` are `weights` (1 where there is None) and `gains`, (trials,
    2, n), and `rates` reg and scale, (trials, 2).
    """
    trials, n, axes = particles.shape
    inside, room, size = places(particles, coefficients, tables)
    rooms = empty((trials, room + coefficients.shape[1] if inside < 2 else 1), particles.dtype)
    played = (particles, diverged_at, coefficients)
    on_device = [held(array) for array in played]
    _PLAYERS[axes if axes in UNROLLED else 0, particles.dtype].launch_blocks(
        trials, *on_device, first, count, held(tables), rooms, held(shares), held(rates),
        int(alternating), slices_of(n, coefficients.shape[1] // 2, axes), inside, room, block=BLOCK, shared=size,
        outside=", ".join(("particles", "coefficients", "tables")[inside:]),
    )  # fmt: skip
    back(*zip(on_device, played, strict=True))
