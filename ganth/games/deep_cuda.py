"""Loops of deep, for CUDA: a block plays one whole game against a dense ReLU network.

All that a step costs are products of matrices: of the weights with what a layer reads, of their transpose with the
deltas, of these with what the layer read.  There is one routine for them, called at one place.  The block takes a piece
of the product at a time, of which a thread owns UNITS x POINTS numbers in registers; what it multiplies is staged
through shared memory, a few columns of the left factor and rows of the right one at a time.  A number is summed by one
thread in order, so that nothing depends on how many there are.

What an iteration does is a list of jobs that the host writes (`program`), a row of numbers each: a kernel that kept
all these in registers would spill them.

Weights and what layers put out lie in global memory.  A trial's room is flat: outputs, then deltas of all layers, layer
by layer (the points themselves are layer 0), [unit][point], generated points first; the deltas of the output; the
tangents of two layers; velocities [axis][point]; and what threads put aside.
"""

import math
from itertools import pairwise

import numpy as np
from numba import cuda, float32, float64, int64, uint64

from ..device import Work, back, empty, held, kernel, there
from ..lanes.blocks import coupled, descend, descended, draw

UNIT_BITS, POINT_BITS = 3, 2
UNITS, POINTS, STEP = 1 << UNIT_BITS, 1 << POINT_BITS, 16  # rows and columns of a thread; most that is staged of a row
BATCH = 8  # numbers that a thread has under way from global to shared memory
BLOCK = 256  # a power of two
FORWARD, BACKWARD, TANGENT, LEARN, BIASES, PUT, COUPLE = range(7)
# Where a job has its numbers: its kind; of a product, the left factor (whether it lies in the room, where, from one row
# to the next, along a row), the right one, sizes, what comes out, the place of units that gate it, biases, and binary
# logarithms: rows and columns of a piece, the numbers staged of a row.
(
    KIND, LEFT_INSIDE, LEFT, LEFT_ROW, LEFT_ALONG, RIGHT, RIGHT_COLUMN, RIGHT_ALONG, ROWS, COLUMNS, LENGTH,
    OUT, OUT_ROW, GATE, BIAS, TALL, BROAD, STAGED, NUMBERS,
) = range(19)  # fmt: skip
# Of the other kinds.  BIASES: deltas, their number, biases, whether it is the output's.  PUT: when data are drawn (0:
# not, 1: at the start, 2: always) and for which step of the discriminator.  COUPLE: what it is for, and where.
DELTAS, UNIT_COUNT, PLACE, OUTPUT = range(1, 5)
DRAWS, DISC_STEP = range(1, 3)
CLIMBS, PULLS, SLOPES, VELOCITIES, TANGENTS = range(1, 6)


def tile_numbers(threads):
    """Return how many numbers of shared memory a block of so many threads stages its factors in.

    >>> tile_numbers(256) * 8 < 48 * 1024
    True
    """
    bits = threads.bit_length() - 1
    return STEP * ((UNITS << (bits - bits // 2 + 1)) + (POINTS << max(bits // 2 - 1, 0)) + 2)


def spread(rows, columns, threads):
    """Return binary logarithms: rows and columns of a piece of a product, and how many numbers of a row are staged.

    >>> [spread(rows, columns, 256) for rows, columns in ((512, 400), (400, 16), (1, 512))]
    [(7, 6, 4), (9, 4, 3), (4, 9, 3)]
    """
    bits = threads.bit_length() - 1
    across, staged = bits // 2, STEP.bit_length() - 1
    while across < bits - 1 and (UNITS << (bits - across)) >= 2 * rows:
        across += 1
    while across > max(0, bits - 6) and (POINTS << across) >= 2 * columns:
        across -= 1
    while ((UNITS << (bits - across)) + (POINTS << across) + 2) << staged > tile_numbers(threads):
        staged -= 1
    return bits - across + UNIT_BITS, across + POINT_BITS, staged


def program(axes, depth, units, n, n_data, rules, drawn, threads):
    """Return the jobs of an iteration (jobs, NUMBERS), and where a room has slopes, seeds, velocities and the rest."""
    points = n + n_data
    sizes = [axes, *[units] * depth, 1]
    outputs = np.cumsum([0, *sizes]) * points  # where layers lie
    weights = np.cumsum([0, *((a + 1) * b for a, b in pairwise(sizes))])
    slopes = outputs[depth + 1]
    tangents, wide = 2 * slopes + points, max(axes, units) * points
    velocities = tangents + 2 * wide
    jobs = []

    def add(kind, *numbers):
        jobs.append([kind, *numbers, *[0] * (NUMBERS - 1 - len(numbers))])

    def multiply(kind, left, right, shape, out, gate=-1, bias=0):
        add(kind, *left, *right, *shape, *out, gate, bias, *spread(*shape[:2], threads))

    for j in range(rules.n_disc + 1):
        learns, climbs = j < rules.n_disc, j == (rules.n_disc if rules.alternating else 0)
        pulls, columns = learns and rules.penalty > 0, points if learns else n
        if not (learns or climbs):
            break
        add(PUT, (2 if rules.resampled else 1 if j == 0 else 0) if learns and drawn else 0, j)
        for k in range(1, depth + 1):
            multiply(
                FORWARD, (0, weights[k - 1], sizes[k - 1], 1), (outputs[k - 1], 1, points),
                (units, columns, sizes[k - 1]), (outputs[k], points), bias=weights[k - 1] + units * sizes[k - 1],
            )  # fmt: skip
        for k in range(depth + 1, 0 if climbs or pulls else 1, -1):
            multiply(
                BACKWARD, (0, weights[k - 1], 1, sizes[k - 1]), (slopes + outputs[k], 1, points),
                (sizes[k - 1], columns if k > 1 else n, sizes[k]), (slopes + outputs[k - 1], points),
                gate=outputs[k - 1] if k > 1 else -1,
            )  # fmt: skip
        if climbs or pulls:
            add(COUPLE, int(climbs), int(pulls), slopes, velocities, tangents)
        for k in range(1, depth + 1 if pulls else 0):
            multiply(
                TANGENT, (0, weights[k - 1], sizes[k - 1], 1), (tangents + (k - 1) % 2 * wide, 1, points),
                (units, n, sizes[k - 1]), (tangents + k % 2 * wide, points), gate=outputs[k],
            )  # fmt: skip
        for k in range(1, depth + 2 if learns else 0):
            multiply(
                LEARN, (1, slopes + outputs[k], points, 1), (outputs[k - 1], points, 1),
                (sizes[k], sizes[k - 1], points), (weights[k - 1], sizes[k - 1]),
            )  # fmt: skip
            add(BIASES, slopes + outputs[k], sizes[k], weights[k - 1] + sizes[k] * sizes[k - 1], int(k > depth))
    places = 2 * slopes, velocities, velocities + n * axes
    return np.array(jobs, np.int64), tuple(map(int, places)), int(places[2]) + UNITS * POINTS * threads


@cuda.jit(device=True)
def _stage(tiles, at, bits, staged, source, place, row, along, rows, length, zero):
    """Copy a piece of a factor, 2^bits rows of 2^staged numbers, to tiles[at + k (2^bits + 1) + row].

    What lies beyond so many rows, or so far along them, is 0.
    """
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    values = cuda.local.array(BATCH, tiles.dtype)
    # Neighbouring threads read neighbouring numbers, along rows or across them.
    fast_bits, fast_end, fast_on, fast_to = bits, rows, row, 1
    slow_bits, slow_end, slow_on, slow_to = staged, length, along, (1 << bits) + 1
    if along == 1:
        fast_bits, fast_end, fast_on, fast_to = staged, length, 1, (1 << bits) + 1
        slow_bits, slow_end, slow_on, slow_to = bits, rows, row, 1
    fast, beside, start = thread & ((1 << fast_bits) - 1), threads >> fast_bits, thread >> fast_bits
    if beside == 0:
        beside, start = 1, 0
    while fast < 1 << fast_bits:
        slow = start
        while slow < 1 << slow_bits:
            read, mark = place + fast * fast_on + slow * slow_on, slow
            for u in range(BATCH):
                values[u] = zero
                if fast < fast_end and mark < slow_end:
                    values[u] = source[uint64(read)]
                read += beside * slow_on
                mark += beside
            write = at + fast * fast_to + slow * slow_to
            for u in range(BATCH):
                if slow < 1 << slow_bits:
                    tiles[uint64(write)] = values[u]
                write += beside * slow_to
                slow += beside
        fast += threads


@cuda.jit(device=True)
def _multiply(tiles, jobs, job, room, row, aside, squares, rms, reg, rate, strict, one):
    """Do what a job does with each number of left (rows, length) times right (length, columns).

    FORWARD: it and the bias, through the ReLU, is what a unit puts out.  BACKWARD: where the unit of the gate is on, it
    is a delta.  TANGENT: there it is a tangent, which is added to what the unit puts out.  LEARN: it is a slope.
    """
    thread, threads, zero = cuda.threadIdx.x, cuda.blockDim.x, one - one
    tall, broad, staged = jobs[uint64(job + TALL)], jobs[uint64(job + BROAD)], jobs[uint64(job + STAGED)]
    across = broad - POINT_BITS
    x, y = thread & ((1 << across) - 1), (thread >> across) << UNIT_BITS
    other = ((1 << tall) + 1) << staged
    sums = cuda.local.array((UNITS, POINTS), tiles.dtype)
    factors = cuda.local.array(POINTS, tiles.dtype)
    first_row = first_column = 0
    while first_row < jobs[uint64(job + ROWS)]:
        for r in range(UNITS):
            for c in range(POINTS):
                sums[r, c] = zero
        length = jobs[uint64(job + LENGTH)]
        first = 0
        while first < length:
            cuda.syncthreads()
            left_row, along = jobs[uint64(job + LEFT_ROW)], jobs[uint64(job + LEFT_ALONG)]
            _stage(
                tiles, 0, tall, staged, room if jobs[uint64(job + LEFT_INSIDE)] == 1 else row,
                jobs[uint64(job + LEFT)] + first_row * left_row + first * along,
                left_row, along, jobs[uint64(job + ROWS)] - first_row, length - first, zero,
            )  # fmt: skip
            column, along = jobs[uint64(job + RIGHT_COLUMN)], jobs[uint64(job + RIGHT_ALONG)]
            _stage(
                tiles, other, broad, staged, room,
                jobs[uint64(job + RIGHT)] + first_column * column + first * along,
                column, along, jobs[uint64(job + COLUMNS)] - first_column, length - first, zero,
            )  # fmt: skip
            cuda.syncthreads()
            at_left, at_right = y, other + x
            for _ in range(min(1 << staged, length - first)):
                for c in range(POINTS):
                    factors[c] = tiles[uint64(at_right + (c << across))]
                for r in range(UNITS):
                    factor = tiles[uint64(at_left + r)]
                    for c in range(POINTS):
                        sums[r, c] += factor * factors[c]
                at_left += (1 << tall) + 1
                at_right += (1 << broad) + 1
            first += 1 << staged
        own = aside + thread
        for r in range(UNITS):
            for c in range(POINTS):
                room[uint64(own)] = sums[r, c]
                own += threads
        cuda.syncthreads()
        own, kind = aside + thread, jobs[uint64(job + KIND)]
        out_row, rows, columns = jobs[uint64(job + OUT_ROW)], jobs[uint64(job + ROWS)], jobs[uint64(job + COLUMNS)]
        out, gate, i = jobs[uint64(job + OUT)], jobs[uint64(job + GATE)], first_row + y
        place = i * out_row + first_column + x
        while i < min(first_row + y + UNITS, rows):
            for c in range(POINTS):
                factors[c] = one
                if first_column + x + (c << across) < columns:
                    if kind == LEARN:
                        factors[c] = row[uint64(out + place + (c << across))]
                    elif gate >= 0:
                        factors[c] = room[uint64(gate + place + (c << across))]
            for c in range(POINTS):
                if first_column + x + (c << across) < columns:
                    value, at = room[uint64(own)], uint64(out + place + (c << across))
                    if kind == LEARN:
                        row[at] = descended(factors[c], value, squares, rms, at, reg, rate, one)
                    else:
                        if kind == FORWARD:
                            value += row[uint64(jobs[uint64(job + BIAS)] + i)]
                        # A unit at its kink is off; NaN passes, so that it is not hidden.
                        if (value if kind == FORWARD else factors[c]) <= 0:
                            value = value * zero if strict == 1 else zero
                        room[at] = value
                        if kind == TANGENT:
                            room[uint64(gate + place + (c << across))] = factors[c] + value
                own += threads
            place += out_row
            i += 1
        first_column += 1 << broad
        if first_column >= columns:
            first_column = 0
            first_row += 1 << tall


def _signature(real):
    table = real[:, ::1]
    return (
        real[:, :, ::1], table, table, table, int64[::1], uint64, int64, int64, int64, int64[::1],
        table, real[:, :, ::1], real[::1], float64[::1], float64[:, ::1], float64[:, :, ::1],
        *[real] * 9, *[int64] * 9,
    )  # fmt: skip


# At N = 2000: 18 000 points go through 3 512^2 weights in an iteration.
_WORK = Work(
    "ED Fig. 4 in full",
    blocks=2,
    arithmetic=2.8e13,
    shared=1.1e13,
    traffic=2.8e12,
    launches=250,
    independent=UNITS * POINTS,
)


@kernel(
    *map(_signature, (float32, float64)), block=BLOCK, resident=1, shared=tile_numbers(BLOCK) * 8, work=_WORK
)  # fmt: skip
def play(
    particles, parameters, squares, rooms, diverged_at, key, first_trial, first, count, jobs,
    gram, given, seeds, cumulative, means, factors,
    lr_disc, reg, lr_gen, penalty, local, other, gain, bias_slope, one,
    points, n_disc, resampled, rms, strict, moves, seeds_at, velocities, aside,
):  # fmt: skip
    """Play `count` iterations of a trial."""
    t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    if diverged_at[t] >= 0:
        return
    tiles = cuda.shared.array(0, rooms.dtype)
    n, axes = particles.shape[1], particles.shape[2]
    for p in range(thread, points, threads):
        rooms[t, seeds_at + p] = seeds[p]
    for axis in range(axes):
        for p in range(thread, given.shape[1], threads):
            rooms[t, axis * points + n + p] = given[t % given.shape[0], p, axis]
    for iteration in range(first, first + count):
        for job in range(0, jobs.size, NUMBERS):
            kind = jobs[uint64(job)]
            if kind == PUT:
                for axis in range(axes):
                    for p in range(thread, n, threads):
                        rooms[t, axis * points + p] = particles[t, p, axis]
                if jobs[uint64(job + DRAWS)] == 2 or (jobs[uint64(job + DRAWS)] == 1 and iteration == first):
                    step = uint64(iteration * n_disc + jobs[uint64(job + DISC_STEP)] if resampled == 1 else 0)
                    for p in range(thread, points - n, threads):
                        draw(
                            rooms[t], n + p, points, means, factors, cumulative, key, step, uint64(first_trial + t),
                            p, axes,
                        )  # fmt: skip
            elif kind == COUPLE:
                cuda.syncthreads()
                climbs, pulls = jobs[uint64(job + CLIMBS)], jobs[uint64(job + PULLS)]
                for axis in range(axes):
                    at = jobs[uint64(job + SLOPES)] + axis * points
                    for p in range(thread, n, threads):
                        moved = gain * coupled(rooms[t], at, 1, gram, local, other, p, n, one)
                        if climbs == 1:
                            rooms[t, velocities + axis * n + p] = moved
                        if pulls == 1:
                            rooms[t, jobs[uint64(job + TANGENTS)] + axis * points + p] = penalty * moved
                            rooms[t, axis * points + p] += penalty * moved
            elif kind == BIASES:
                for i in range(thread, jobs[uint64(job + UNIT_COUNT)], threads):
                    slope = bias_slope
                    if jobs[uint64(job + OUTPUT)] == 0:
                        slope = one - one
                        at = jobs[uint64(job + DELTAS)] + i * points
                        for p in range(points):
                            slope += rooms[t, uint64(at + p)]
                    descend(parameters[t], squares[t], rms, jobs[uint64(job + PLACE)] + i, slope, reg, lr_disc, one)
            else:
                _multiply(tiles, jobs, job, rooms[t], parameters[t], aside, squares[t], rms, reg, lr_disc, strict, one)
        cuda.syncthreads()
        lost = 0
        for axis in range(axes):
            for p in range(thread, n, threads):
                moved = lr_gen * rooms[t, velocities + axis * n + p]
                if moves == 1:
                    moved += particles[t, p, axis]
                rooms[t, velocities + axis * n + p] = moved
                if not math.isfinite(moved):
                    lost = 1
        if strict == 1:
            for i in range(thread, parameters.shape[1], threads):
                if not math.isfinite(parameters[t, i]):
                    lost = 1
        if cuda.syncthreads_or(lost):
            if thread == 0:
                diverged_at[t] = iteration + 1
            break
        for axis in range(axes):
            for p in range(thread, n, threads):
                particles[t, p, axis] = rooms[t, velocities + axis * n + p]
        cuda.syncthreads()


def play_trials(
    particles, parameters, squares, diverged_at, key, first_trial, first, count, depth, units, seeds, given, rules,
    gain, bias_slope, strict, moves=True,
):  # fmt: skip
    """Play `count` iterations of each trial in place; see deep_cpu.play_alone, whose `rules` these are.

    Parameters (trials, size); squares the same, or empty without RMSProp.  `seeds`: what the loss weighs D with at the
    generated points and at the data.  given (1 or trials, data, axes): data that are not drawn; (1, 0, axes) if they
    are.  The particles' velocities are gain times the coupled slopes; the output's bias has the slope `bias_slope`.
    `strict`: parameters that are not finite stop a trial as particles do.  Unless it `moves`, a particle is replaced by
    what it would move by.
    """
    trials, n, axes = particles.shape
    real = particles.dtype.type
    jobs, places, size = program(axes, depth, units, n, len(seeds) - n, rules, given.shape[1] == 0, BLOCK)
    rooms = empty((trials, size), particles.dtype)
    rms = squares.size > 0
    on_device = [held(array) for array in (particles, parameters, diverged_at)]
    moments = held(squares) if rms else there(np.zeros((trials, 1), real))
    play.launch_blocks(
        trials, *on_device[:2], moments, rooms, on_device[2], key, first_trial, first, count, there(jobs.ravel()),
        *(there(array) for array in (rules.gram, given, seeds, rules.cumulative, rules.means, rules.factors)),
        rules.lr_disc, rules.reg, rules.lr_gen, rules.penalty, rules.local, rules.other, gain, bias_slope, real(1),
        len(seeds), rules.n_disc, int(rules.resampled), int(rms), int(strict), int(moves), *places,
        block=BLOCK, shared=tile_numbers(BLOCK) * particles.itemsize, outside="weights, layers",
    )  # fmt: skip
    back(*zip(on_device, (particles, parameters, diverged_at), strict=True))
    if rms:
        back((moments, squares))
