"""Loops of fourier, for CUDA: a block plays one whole game.

A discriminator is a sum of weights [wave of x][wave of y] times products of a wave in x and one in y.  A stage of a
step goes through the points, a tile of them at a time: threads make the waves of a tile, then each takes a few waves of
x and of y (sums of their products over the points of the tile) or a few points and waves of y (D and its slopes there).
Who sums what, in which order, follows from the sizes alone, so that nothing depends on how many threads there are.

What all threads read lies in shared memory where it fits (`places`), else in global memory: in this order the tile,
then the weights.  In one dimension y has one wave, the constant 1.
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64, uint64

from ..device import SHARED, Work, back, empty, held, kernel, there
from ..formulas.turns import fraction, half_turn_float32, half_turn_float64
from ..lanes.blocks import draw

BLOCK = 128
_TILES = {1: 64, 2: 32}  # points of a tile, by dimension
_EACH = {1: 1, 2: 4}  # waves of x, waves of y, points that a thread takes at once
_HALF_TURNS = {float32: half_turn_float32, float64: half_turn_float64}
_WHOLE = {float32: np.float32(2.0**23), float64: np.float64(2.0**52)}  # numbers from here on have no fraction
# An iteration: 3 multiply-adds for each particle and weight, and the waves of each particle twice.
_WORK = Work(
    "ED App. C: P = 25, N = 200, exact data: 400 games of 500 iterations", 400, 400 * 500 * (1.5e6 + 6e5), 0.0,
    400 * 500 * 6e5, 400 * 500 * 1.7e5,
)  # fmt: skip


def _player(axes, real):
    """Return the kernel for points of so many dimensions and numbers of a type."""
    half_turn, whole, tile, each = _HALF_TURNS[real], _WHOLE[real], _TILES[axes], _EACH[axes]
    stride, groups, pairs = tile + 1, tile // each, each * each
    matrix = real[:, ::1]
    signature = (
        real[:, :, ::1], matrix, int64[::1], matrix, matrix, real[::1], real[::1], real[::1], real[::1], matrix,
        float64[:, ::1], float64[:, :, ::1], float64[::1], real, real, real, real,
        uint64, int64, int64, int64, *[int64] * 8,
    )  # fmt: skip

    @kernel(signature, block=BLOCK, resident=1, shared=SHARED, work=_WORK if axes == 2 else None)
    def play(
        particles, weights, diverged_at, rooms, data, frequencies, turns_of, forget, gain, gram,
        centres, factors, cumulative, local, other, rate, one,
        key, first_trial, first, count, n_data, repeats, alternating, moves, waves, columns, inside, small,
    ):  # fmt: skip
        t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        if diverged_at[t] >= 0:
            return
        shared = cuda.shared.array(0, real)
        number, size, half, zero = particles.shape[1], waves * columns, waves // 2, one - one
        row_tiles, column_tiles = (waves + each - 1) // each, (columns + each - 1) // each
        room, w = rooms[t], weights[t]
        drawn, kept, slopes = size, 2 * size, 3 * size  # places in the room; first: means over particles
        moved, totals = 3 * size + number * axes, 3 * size + 2 * number * axes
        tiles = (number + tile - 1) // tile
        mine = room[totals + tiles * axes :]
        if inside >= 1:
            mine = shared[:small]
        right = waves * stride  # places in the tile; first: waves of x
        parts = right + (columns * stride if axes == 2 else 0)
        points = parts + column_tiles * tile * axes
        if inside >= 2:
            w = shared[small : small + size]
            for i in range(thread, size, threads):
                w[i] = weights[t, i]
        sums = cuda.local.array(pairs, real)
        values = cuda.local.array(pairs, real)
        xs = cuda.local.array(each, real)
        ys = cuda.local.array(each, real)
        zs = cuda.local.array(each, real)
        stages = 2 + (repeats if n_data > 0 else 0)
        pulling = stages - 1 if alternating == 1 else 1
        learning = pulling if n_data == 0 and alternating == 0 else 0  # the first stage that may end in a learning step
        trial = uint64(first_trial + t)
        for step in range(first, first + count):
            fresh = True
            for stage in range(stages):
                draws = 0 < stage != pulling
                present = n_data if draws else number
                for at in range(0, present, tile):
                    these = min(tile, present - at)
                    if draws:
                        turn = uint64(step * repeats + stage - (1 if alternating == 1 else 2))
                        for p in range(thread, these, threads):
                            draw(
                                mine, points + p * axes, 1, centres, factors, cumulative, key, turn, trial, at + p, axes
                            )
                    else:
                        for i in range(thread, these * axes, threads):
                            mine[points + i] = particles[t, at + i // axes, i % axes]
                    cuda.syncthreads()
                    for i in range(thread, axes * half * tile, threads):
                        p, k, axis = i % tile, i // tile % half, i // (tile * half)
                        if p < these:
                            s, c = half_turn(fraction(turns_of[k] * mine[points + p * axes + axis], whole))
                            place = axis * right + k * stride + p
                            mine[place], mine[place + half * stride] = s * c, one - (s + s) * s
                    cuda.syncthreads()
                    if stage == pulling:
                        for task in range(thread, groups * column_tiles, threads):
                            group, column = task // column_tiles, task % column_tiles
                            for i in range(pairs):
                                values[i] = sums[i] = zero
                            for k in range(half):
                                for a in range(each):
                                    place = k * stride + group + a * groups
                                    xs[a], ys[a] = mine[place], mine[place + half * stride]
                                frequency = frequencies[k]
                                for b in range(each):
                                    place = k * columns + min(column + b * column_tiles, columns - 1)
                                    of_sine, of_cosine = w[place], w[place + half * columns]
                                    up, down = frequency * of_sine, frequency * of_cosine
                                    for a in range(each):
                                        i = a * each + b
                                        if axes == 2:
                                            values[i] = values[i] + xs[a] * of_sine + ys[a] * of_cosine
                                        sums[i] = sums[i] + ys[a] * up - xs[a] * down
                            for a in range(each):
                                p = group + a * groups
                                along_x = along_y = zero
                                for b in range(each):
                                    j = column + b * column_tiles
                                    if j < columns and p < these:
                                        if axes == 2:
                                            along_x += sums[a * each + b] * mine[right + j * stride + p]
                                            slope = (
                                                frequencies[j] * mine[right + (j + half) * stride + p]
                                                if j < half
                                                else -frequencies[j - half] * mine[right + (j - half) * stride + p]
                                            )
                                            along_y += values[a * each + b] * slope
                                        else:
                                            along_x += sums[a * each + b]
                                place = parts + (column * tile + p) * axes
                                mine[place] = along_x
                                if axes == 2:
                                    mine[place + 1] = along_y
                        cuda.syncthreads()
                        for i in range(thread, these * axes, threads):
                            total = zero
                            for column in range(column_tiles):
                                total += mine[parts + column * tile * axes + i]
                            room[slopes + at * axes + i] = total
                    else:
                        to = drawn if draws else 0
                        for task in range(thread, row_tiles * column_tiles, threads):
                            row, column = task // column_tiles, task % column_tiles
                            for i in range(pairs):
                                sums[i] = zero
                            for p in range(these):
                                for a in range(each):
                                    xs[a] = mine[min(row + a * row_tiles, waves - 1) * stride + p]
                                for b in range(each):
                                    zs[b] = one
                                    if axes == 2:
                                        zs[b] = mine[right + min(column + b * column_tiles, columns - 1) * stride + p]
                                for a in range(each):
                                    for b in range(each):
                                        sums[a * each + b] = sums[a * each + b] + xs[a] * zs[b]
                            for a in range(each):
                                for b in range(each):
                                    i, j = row + a * row_tiles, column + b * column_tiles
                                    if i < waves and j < columns:
                                        place = to + i * columns + j
                                        room[place] = sums[a * each + b] + (zero if at == 0 else room[place])
                    cuda.syncthreads()
                if draws or (n_data == 0 and stage == learning):
                    over, over_data = one / type(one)(number), one / type(one)(max(n_data, 1))
                    for i in range(thread, size, threads):
                        there_is = room[drawn + i] * over_data if draws else data[t % data.shape[0], i]
                        change = gain[i] * (room[i] * over - there_is)
                        value = w[i]
                        if fresh:
                            room[kept + i] = value
                        for _ in range(1 if draws else repeats):
                            value -= forget[i] * value + change
                        w[i] = value
                    fresh = False
                    cuda.syncthreads()
            for i in range(thread, tiles * axes, threads):
                total, start = zero, i // axes * tile
                for p in range(start, min(start + tile, number)):
                    total += room[slopes + p * axes + i % axes]
                room[totals + i] = total
            cuda.syncthreads()
            lost = 0
            for i in range(thread, number * axes, threads):
                p, axis = i // axes, i % axes
                mean = zero
                if gram.size > 0:
                    velocity = zero
                    for q in range(number):
                        velocity += gram[q, p] * room[slopes + q * axes + axis]
                else:
                    for k in range(tiles):
                        mean += room[totals + k * axes + axis]
                    velocity = local * room[slopes + i] + other * (mean / type(one)(number))
                x = (particles[t, p, axis] if moves == 1 else zero) + rate * velocity
                room[moved + i] = x
                if not math.isfinite(x):
                    lost = 1
            if cuda.syncthreads_or(lost):
                for i in range(thread, size, threads):
                    w[i] = room[kept + i]
                if thread == 0:
                    diverged_at[t] = step + 1
                break
            for i in range(thread, number * axes, threads):
                particles[t, i // axes, i % axes] = room[moved + i]
            cuda.syncthreads()
        if inside >= 2:
            for i in range(thread, size, threads):
                weights[t, i] = w[i]

    play.function.__name__ = f"play_{axes}_{real}"
    return play


_PLAYERS = {(axes, np.dtype(str(real))): _player(axes, real) for axes in _TILES for real in _WHOLE}


def places(waves, columns, axes, itemsize):
    """Return what is in shared memory (0: nothing, 1: a tile, 2: weights too), numbers of a tile, and bytes.

    >>> [places(50, 50, 2, itemsize) for itemsize in (4, 8)]
    [(2, 4196, 26784), (1, 4196, 33568)]
    """
    tile, each = _TILES[axes], _EACH[axes]
    room = (waves + (columns if axes == 2 else 0)) * (tile + 1) + (-(-columns // each) + 1) * tile * axes
    sizes = [0, room * itemsize, (room + waves * columns) * itemsize]
    inside = max(level for level, size in enumerate(sizes) if size <= SHARED)
    return inside, room, sizes[inside]


def advance(
    particles, weights, diverged_at, data, axis, forget, gain, coupling, target, n_data, key, trials, first, count,
    repeats, alternating, moves=True,
):  # fmt: skip
    """See fourier_cpu.advance; tables are not padded: data (1 or trials, size), forget and gain (size,).

    Unless it `moves`, a particle is replaced by what it would move by.
    """
    games, number, axes = particles.shape
    waves, columns = weights.shape[1:]
    inside, room, size = places(waves, columns, axes, particles.itemsize)
    rest = 3 * waves * columns + (2 * number + -(-number // _TILES[axes])) * axes
    rooms = empty((games, rest + (room if inside == 0 else 0)), particles.dtype)
    gram, local, other, rate = coupling
    played = (particles, weights.reshape(games, -1), diverged_at)
    on_device = [held(array) for array in played]
    turns_of = (axis.astype(np.float64) / (2 * math.pi)).astype(axis.dtype)
    _PLAYERS[axes, particles.dtype].launch_blocks(
        games, *on_device, rooms, held(data), held(axis), there(turns_of), held(forget), held(gain),
        there(np.ascontiguousarray(gram.T)), *(there(array) for array in target), local, other, rate,
        particles.dtype.type(1), key, trials, first, count, n_data, repeats, int(alternating), int(moves), waves,
        columns, inside, room, block=BLOCK, shared=size, outside="" if inside else "waves",
    )  # fmt: skip
    back(*zip(on_device, played, strict=True))
