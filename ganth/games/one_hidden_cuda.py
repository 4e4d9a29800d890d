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

from ..device import SHARED, Work, back, empty, held, kernel, there
from ..lanes.blocks import coupled, descend, draw

DIMENSIONS = (1, 2, 3)  # of the points: loops over axes are unrolled; more are compiled when they are first played
RELU, TANH, ERF = range(3)
CODES = {"relu": RELU, "tanh": TANH, "erf": ERF}
BLOCK = 256
TOGETHER = {1: 4, 2: 4, 3: 2}  # ReLU units that a thread takes at once, by dimension: what registers allow
_FLAG = 16  # bytes of shared memory that the kernel declares itself
_TWO_OVER_ROOT_PI = 1.1283791670955126


@cuda.jit(device=True)
def _smooth(code, u, one):
    """Return s(u), s'(u) and s''(u) of tanh or erf."""
    if code == TANH:
        value = math.tanh(u)
        slope = one - value * value
        return value, slope, -(value * slope + value * slope)
    slope = type(one)(_TWO_OVER_ROOT_PI) * math.exp(-u * u)
    return math.erf(u), slope, -(u * slope + u * slope)


def _figure(together):
    """Return the work of ED Fig. 5 in full: for a unit and a point 2 + 2 products, a sign of two and a count.

    Numbers of steps of the discriminator are spaced evenly in their logarithm from 3 to 64.  A point read from shared
    memory, twice, serves `together` units.
    """
    cells, iterations, width, points, axes = 20 * 20, 5000, 2048, 200 + 200, 2
    n_discs = np.geomspace(3, 64, 20)
    pairs = cells * iterations * n_discs.mean() * width * points
    return Work(
        "ED Fig. 5 in full: 20 x 20 cells, width 2048, 5000 iterations",
        blocks=cells,
        arithmetic=pairs * (2 * axes + 3),
        shared=pairs * 2 * axes / together,
        independent=together,
        longest=float(n_discs.max() / n_discs.mean()),
    )


def _player(axes, smooth):
    """Return the kernel for points of so many dimensions and ReLU units, or smooth ones."""
    together = 1 if smooth else TOGETHER.get(axes, 1)
    own = together * axes

    def signature(real):
        whole = [int64] * 9
        return (
            real[:, :, ::1], real[:, ::1], real[:, ::1], real[:, ::1], int64[::1],
            uint64[::1], int64[:, ::1], real[:, ::1], int64, int64,
            real[:, ::1], float64[::1], float64[:, ::1], float64[:, :, ::1], real, real, *whole,
        )  # fmt: skip

    work = _figure(together) if (axes, smooth) == (2, False) else None

    @kernel(*map(signature, (float32, float64)), block=BLOCK, resident=1, shared=SHARED - _FLAG, work=work)
    def play(
        particles, parameters, squares, rooms, diverged_at, keys, plays, rates, first, count,
        gram, cumulative, means, factors, scale, one,
        code, n_data, simultaneous, resampled, rms, moves, inside, units, where,
    ):  # fmt: skip
        t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        if diverged_at[t] >= 0:
            return
        shared = cuda.shared.array(0, rooms.dtype)
        lost = cuda.shared.array(1, int64)
        n = particles.shape[1]
        size = n * axes
        row, squares_row, room = parameters[t], squares[t], rooms[t]
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
                            if smooth:
                                push = _smooth(code, u, one)[1] * row[i]
                            else:
                                push = row[i] if u > 0 else one - one
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
                        room[pulls + i] = pull if smooth else room[points + i] + pull
                if j == n_disc:
                    break
                if resampled or (iteration == first and j == 0):
                    step = uint64(iteration * n_disc + j if resampled else 0)
                    for p in range(thread, n_data, threads):
                        draw(room, data + p * axes, 1, means, factors, cumulative, key, step, trial, p, axes)
                cuda.syncthreads()
                # A thread's units together, so that a point that is read serves them all.
                for base in range(thread, units, together * threads):
                    w = cuda.local.array(own, rooms.dtype)
                    sums = cuda.local.array(own, rooms.dtype)
                    ours = cuda.local.array(own, rooms.dtype)
                    b = cuda.local.array(together, rooms.dtype)
                    values = cuda.local.array(together, rooms.dtype)
                    slopes_sum = cuda.local.array(together, rooms.dtype)
                    value_total = cuda.local.array(together, rooms.dtype)
                    slope_total = cuda.local.array(together, rooms.dtype)
                    x = cuda.local.array(axes, rooms.dtype)
                    pull = cuda.local.array(axes, rooms.dtype)
                    for k in range(together):
                        i = base + k * threads
                        if i >= units:  # taken twice, written once
                            i = base
                        b[k] = row[bias + i]
                        values[k] = slopes_sum[k] = one - one
                        for axis in range(axes):
                            w[k * axes + axis] = row[(axis + 1) * units + i]
                            ours[k * axes + axis] = one - one
                    for side in range(2):  # generated points, then data
                        at, number = (points, n) if side == 0 else (data, n_data)
                        pulled = side == 0 and penalty != 0
                        from_where = pulls if pulled else at
                        for k in range(together):
                            value_total[k] = slope_total[k] = one - one
                            for axis in range(axes):
                                sums[k * axes + axis] = one - one
                        for p in range(number):
                            for axis in range(axes):
                                x[axis] = room[at + p * axes + axis]
                                pull[axis] = room[from_where + p * axes + axis]
                            for k in range(together):
                                u = b[k]
                                for axis in range(axes):
                                    u += w[k * axes + axis] * x[axis]
                                if smooth:
                                    value, slope, bend = _smooth(code, u, one)
                                    if pulled:
                                        along = one - one
                                        for axis in range(axes):
                                            along += w[k * axes + axis] * pull[axis]
                                            sums[k * axes + axis] += slope * pull[axis]
                                        value, slope = value + slope * along, slope + bend * along
                                    value_total[k] += value
                                    for axis in range(axes):
                                        sums[k * axes + axis] += slope * x[axis]
                                else:
                                    slope = one if u > 0 else one - one
                                    for axis in range(axes):
                                        sums[k * axes + axis] += slope * pull[axis]
                                slope_total[k] += slope
                        factor = gain if side == 0 else loss
                        for k in range(together):
                            values[k] += factor * value_total[k]
                            slopes_sum[k] += factor * slope_total[k]
                            for axis in range(axes):
                                ours[k * axes + axis] += factor * sums[k * axes + axis]
                    for k in range(together):
                        i = base + k * threads
                        if i < units:
                            push, value = row[i], values[k]
                            if not smooth:
                                value = b[k] * slopes_sum[k]
                                for axis in range(axes):
                                    value += w[k * axes + axis] * ours[k * axes + axis]
                            descend(row, squares_row, rms, i, value, reg, lr_disc, one)
                            descend(row, squares_row, rms, bias + i, slopes_sum[k] * push, reg, lr_disc, one)
                            for axis in range(axes):
                                descend(
                                    row, squares_row, rms, (axis + 1) * units + i, ours[k * axes + axis] * push, reg,
                                    lr_disc, one,
                                )  # fmt: skip
                cuda.syncthreads()
            cuda.syncthreads()
            for i in range(thread, size, threads):
                moved = (room[points + i] if moves == 1 else one - one) + lr_gen * room[velocities + i]
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

    play.function.__name__ = f"play_{'smooth' if smooth else 'relu'}_{axes}"
    return play


PLAYERS = {(axes, smooth): _player(axes, smooth) for axes in DIMENSIONS for smooth in (False, True)}


def places(particles, parameters, n_data):
    """Return what is in shared memory (0: nothing, 1: points, 2: parameters too), numbers of a room, and its bytes."""
    n, axes = particles.shape[1:]
    room = (4 * n + n_data) * axes
    sizes = [0, room * particles.itemsize, (room + parameters[0].size) * particles.itemsize]
    inside = max(level for level, size in enumerate(sizes) if size <= max(SHARED - _FLAG, 0))
    return inside, room, sizes[inside]


def play_trials(particles, parameters, squares, diverged_at, players, first, count, code, rules, moves=True):
    """See one_hidden_cpu.play_alone; `code` is the activation's of CODES, parameters are not padded.

    `rules` are the same at every call of a run.  Trials may be of games that differ in numbers: `players` are keys
    (trials,), trial and n_disc (trials, 2), and lr_disc, reg, lr_gen, penalty, local and other of `rules`, (trials, 6).
    Unless it `moves`, a particle is replaced by what it would move by.
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
    kind = (axes, code != RELU)
    if kind not in PLAYERS:
        PLAYERS[kind] = _player(*kind)
    PLAYERS[kind].launch_blocks(
        trials, *on_device, rooms, stops, *map(held, players), first, count,
        *map(held, (rules.gram, rules.cumulative, rules.means, rules.factors)), rules.scale, one,
        code, rules.n_data, int(rules.simultaneous), int(rules.resampled), int(squares.size > 0),
        int(moves), inside, units, room, block=BLOCK, shared=size, outside=", ".join(("points", "parameters")[inside:]),
    )  # fmt: skip
    back((on_device[0], particles), (on_device[1], here[1]), (stops, diverged_at))
    if squares.size:
        back((on_device[2], here[2]))
