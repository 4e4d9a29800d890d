"""Loops of one_hidden, for CUDA: a block plays one whole game.

Between two barriers a thread has units of its own (a step of the discriminator: sums over all points, in order) or
points of its own (grad D: sums over all units, in order), so that no sum crosses threads and nothing depends on how
many there are.  What all threads read lies in shared memory where it fits (`_places`), else in global memory: in this
order the points and what belongs to them, then the parameters.

Parameters of a trial are flat: rows a, w_1, ..., w_d, b of `units` numbers.
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64, uint64

from ..device import SHARED, back, empty, held, kernel, there
from ..lanes.blocks import coupled, descend, draw

DIMENSIONS = (1, 2, 3)  # of the points: loops over axes are unrolled
RELU, TANH, ERF = range(3)
CODES = {"relu": RELU, "tanh": TANH, "erf": ERF}
BLOCK = 256
_FLAG = 16  # bytes of shared memory that the kernel declares itself
_TWO_OVER_ROOT_PI = 1.1283791670955126


@cuda.jit(device=True)
def _activated(code, u, one):
    """Return s(u), s'(u) and s''(u)."""
    if code == RELU:
        on = one if u > 0 else one - one
        return on * u, on, one - one
    if code == TANH:
        value = math.tanh(u)
        slope = one - value * value
        return value, slope, -(value * slope + value * slope)
    slope = type(one)(_TWO_OVER_ROOT_PI) * math.exp(-u * u)
    return math.erf(u), slope, -(u * slope + u * slope)


def _player(axes):
    """Return the kernel for points of so many dimensions."""

    def signature(real):
        whole = [int64] * 8
        return (
            real[:, :, ::1], real[:, ::1], real[:, ::1], real[:, ::1], int64[::1],
            uint64[::1], int64[:, ::1], real[:, ::1], int64, int64,
            real[:, ::1], float64[::1], float64[:, ::1], float64[:, :, ::1], real, real, *whole,
        )  # fmt: skip

    @kernel(*map(signature, (float32, float64)), block=BLOCK, resident=1, shared=SHARED - _FLAG)
    def play(
        particles, parameters, squares, rooms, diverged_at, keys, plays, rates, first, count,
        gram, cumulative, means, factors, scale, one,
        code, n_data, simultaneous, resampled, rms, inside, units, where,
    ):  # fmt: skip
        t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        if diverged_at[t] >= 0:
            return
        shared = cuda.shared.array(0, rooms.dtype)
        lost = cuda.shared.array(1, int64)
        n = particles.shape[1]
        size = n * axes
        row, means_of_squares, room = parameters[t], squares[t], rooms[t]
        if inside >= 1:
            room = shared[:where]
        if inside >= 2:
            row = shared[where : where + (axes + 2) * units]
            for i in range(thread, row.size, threads):
                row[i] = parameters[t, i]
        points, gradients, pulls, velocities, data = 0, size, 2 * size, 3 * size, 4 * size  # places in the room
        for i in range(thread, size, threads):
            room[i] = particles[t, i // axes, i % axes]
        if thread == 0:
            lost[0] = 0
        key, trial, n_disc, bias = keys[t], uint64(plays[t, 0]), plays[t, 1], (axes + 1) * units
        lr_disc, reg, lr_gen = rates[t, 0], rates[t, 1], rates[t, 2]
        penalty, local, other = rates[t, 3], rates[t, 4], rates[t, 5]
        gain, loss = scale / type(one)(n), -scale / type(one)(n_data)
        cuda.syncthreads()
        for iteration in range(first, first + count):
            for j in range(n_disc + 1):
                # grad D at the particles, where the penalty or the generator takes it here.
                if (penalty != 0 and j < n_disc) or j == (0 if simultaneous else n_disc):
                    for p in range(thread, n, threads):
                        x = cuda.local.array(axes, rooms.dtype)
                        slopes = cuda.local.array(axes, rooms.dtype)
                        for axis in range(axes):
                            x[axis] = room[points + p * axes + axis]
                            slopes[axis] = one - one
                        for i in range(units):
                            u = row[bias + i]
                            for axis in range(axes):
                                u += row[(axis + 1) * units + i] * x[axis]
                            push = _activated(code, u, one)[1] * row[i]
                            for axis in range(axes):
                                slopes[axis] += push * row[(axis + 1) * units + i]
                        for axis in range(axes):
                            room[gradients + p * axes + axis] = scale * slopes[axis]
                    cuda.syncthreads()
                    for i in range(thread, size, threads):
                        p, axis = i // axes, i % axes
                        moved = coupled(room, gradients + axis, axes, gram, local, other, p, n, one)
                        if j == (0 if simultaneous else n_disc):
                            room[velocities + i] = moved
                        pull = penalty * moved
                        room[pulls + i] = room[points + i] + pull if code == RELU else pull
                if j == n_disc:
                    break
                if resampled or (iteration == first and j == 0):
                    step = uint64(iteration * n_disc + j if resampled else 0)
                    for p in range(thread, n_data, threads):
                        draw(room, data + p * axes, 1, means, factors, cumulative, key, step, trial, p, axes)
                cuda.syncthreads()
                for i in range(thread, units, threads):
                    w = cuda.local.array(axes, rooms.dtype)
                    sums = cuda.local.array(axes, rooms.dtype)
                    ours = cuda.local.array(axes, rooms.dtype)
                    for axis in range(axes):
                        w[axis] = row[(axis + 1) * units + i]
                        ours[axis] = one - one
                    b, push = row[bias + i], row[i]
                    values = slopes_sum = one - one
                    for side in range(2):  # generated points, then data
                        at, number = (points, n) if side == 0 else (data, n_data)
                        value_total = slope_total = one - one
                        for axis in range(axes):
                            sums[axis] = one - one
                        for p in range(number):
                            u = b
                            for axis in range(axes):
                                u += w[axis] * room[at + p * axes + axis]
                            value, slope, bend = _activated(code, u, one)
                            if code == RELU:
                                from_where = pulls if side == 0 and penalty != 0 else at
                                for axis in range(axes):
                                    sums[axis] += slope * room[from_where + p * axes + axis]
                            else:
                                if side == 0 and penalty != 0:
                                    along = one - one
                                    for axis in range(axes):
                                        pull = room[pulls + p * axes + axis]
                                        along += w[axis] * pull
                                        sums[axis] += slope * pull
                                    value, slope = value + slope * along, slope + bend * along
                                for axis in range(axes):
                                    sums[axis] += slope * room[at + p * axes + axis]
                            value_total += value
                            slope_total += slope
                        factor = gain if side == 0 else loss
                        values += factor * value_total
                        slopes_sum += factor * slope_total
                        for axis in range(axes):
                            ours[axis] += factor * sums[axis]
                    if code == RELU:
                        values = b * slopes_sum
                        for axis in range(axes):
                            values += w[axis] * ours[axis]
                    descend(row, means_of_squares, rms, i, values, reg, lr_disc, one)
                    descend(row, means_of_squares, rms, bias + i, slopes_sum * push, reg, lr_disc, one)
                    for axis in range(axes):
                        descend(
                            row, means_of_squares, rms, (axis + 1) * units + i, ours[axis] * push, reg, lr_disc, one
                        )
                cuda.syncthreads()
            cuda.syncthreads()
            for i in range(thread, size, threads):
                moved = room[points + i] + lr_gen * room[velocities + i]
                room[velocities + i] = moved
                if not math.isfinite(moved):
                    lost[0] = 1
            cuda.syncthreads()
            if lost[0] == 1:
                if thread == 0:
                    diverged_at[t] = iteration + 1
                break
            for i in range(thread, size, threads):
                room[points + i] = room[velocities + i]
            cuda.syncthreads()
        for i in range(thread, size, threads):
            particles[t, i // axes, i % axes] = room[points + i]
        if inside >= 2:
            for i in range(thread, row.size, threads):
                parameters[t, i] = row[i]

    play.function.__name__ = f"play_{axes}"
    return play


_PLAYERS = {axes: _player(axes) for axes in DIMENSIONS}


def places(particles, parameters, n_data):
    """Return what is in shared memory (0: nothing, 1: points, 2: parameters too), numbers of a room, and its bytes."""
    n, axes = particles.shape[1:]
    room = (4 * n + n_data) * axes
    sizes = [0, room * particles.itemsize, (room + parameters[0].size) * particles.itemsize]
    inside = max(level for level, size in enumerate(sizes) if size <= max(SHARED - _FLAG, 0))
    return inside, room, sizes[inside]


def play_trials(particles, parameters, squares, diverged_at, players, first, count, code, rules):
    """See one_hidden_cpu.play_alone; `code` is the activation's of CODES, parameters are not padded.

    Trials may be of games that differ in numbers: `players` are keys (trials,), trial and n_disc (trials, 2), and
    lr_disc, reg, lr_gen, penalty, local and other of `rules`, (trials, 6).
    """
    trials, _, axes = particles.shape
    units = parameters.shape[2]
    inside, room, size = places(particles, parameters, rules.n_data)
    here = (
        particles, parameters.reshape(trials, -1),
        squares.reshape(trials, -1) if squares.size else np.zeros((trials, 1), particles.dtype),
    )  # fmt: skip
    on_device = [held(here[0]), held(here[1]), (held if squares.size else there)(here[2])]
    rooms = empty((trials, room if inside == 0 else 1), particles.dtype)
    stops = held(diverged_at)
    one = particles.dtype.type(1)
    _PLAYERS[axes].launch_blocks(
        trials, *on_device, rooms, stops, *map(held, players), first, count,
        *(there(array) for array in (rules.gram, rules.cumulative, rules.means, rules.factors)), rules.scale, one,
        code, rules.n_data, int(rules.simultaneous), int(rules.resampled), int(squares.size > 0),
        inside, units, room, block=BLOCK, shared=size,
    )  # fmt: skip
    back((on_device[0], particles), (on_device[1], here[1]), (stops, diverged_at))
    if squares.size:
        back((on_device[2], here[2]))
