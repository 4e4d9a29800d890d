"""Loops of history, for CUDA: a block plays one trial for the steps of a span.

A step: each particle's place enters the history; particles, SOME at a time, are pulled by a slice of all kept places,
every `slices`-th of them, which a thread sums in order (what it loads of a place serves SOME sums); the slices are
added in a tree of BRANCHES.  How many slices there are (`slices_of`) follows from the number of particles, so that
nothing depends on how many threads a block has.

The places kept lie in global memory; what belongs to the particles (`room_of`) lies in shared memory where it fits,
else in global memory too, in this order: points, row by row, positions, where they move, the profile, the slices' sums.

Arithmetic is that of the dtype, but float64 for float32 where that has too few digits: for the tangent kernel, of
nearly parallel directions, and for weights that grow from step to step.
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64

from ..device import SHARED, Work, back, empty, kernel, there
from ..formulas import history as formula

UNROLLED = (1, 2)  # dimensions whose loops over axes are unrolled
BLOCK = 256
SOME = 2
BRANCHES = 16
_ITEMS = 256  # groups of particles times slices that keep a block's threads busy


@cuda.jit(device=True)
def _locate(points, at, stride, positions, first, dim, axes, one):
    """Set the coordinates points[at + stride row] of a position for the tangent kernel; see history_cpu."""
    zero = one - one
    largest = one if axes > dim else zero
    for axis in range(dim):
        largest = max(largest, abs(positions[first + axis]))
    unit = one / largest if axes > dim else zero
    # By fma, so that a particle on a true point has its very coordinates, whatever the compiler does around it.
    square = cuda.fma(unit, unit, zero)
    for axis in range(dim):
        share = positions[first + axis] / largest if largest > zero else zero
        points[at + axis * stride] = share
        square = cuda.fma(share, share, square)
    length = math.sqrt(square)
    for axis in range(dim):
        points[at + axis * stride] = points[at + axis * stride] / length if length > zero else zero
    if axes > dim:
        points[at + dim * stride] = unit / length
    points[at + axes * stride] = largest * length


@kernel((float64[:, ::1], float64[:, ::1], int64, int64, float64), resident=2)
def _locate_all(points, positions, dim, axes, one):
    n = positions.shape[1] // dim
    i = cuda.grid(1)
    if i < n * positions.shape[0]:
        _locate(points[i // n], i % n, n, positions[i // n], i % n * dim, dim, axes, one)


def _radial(dimensions, some):
    """Return what sums a slice's pulls on so many particles of so many dimensions, 0: of any."""
    own = max(dimensions, 1)
    both = some * own

    @cuda.jit(device=True)
    def pull(
        room, sums, n, first, start, slices, nodes, node_weights, size, fresh, fresh_weights, n_true, recent,
        shift, fade, factor, code, terms, profile, dim, rows, one,
    ):  # fmt: skip
        x = cuda.local.array(both, room.dtype)
        off = cuda.local.array(both, room.dtype)
        total = cuda.local.array(both, room.dtype)
        slope = cuda.local.array(some, room.dtype)
        zero, axes = one - one, dimensions if dimensions > 0 else dim
        for axis in range(axes):
            for p in range(some):
                if dimensions > 0:
                    x[p * own + axis] = room[axis * n + first + p]
                    total[p * own + axis] = zero
                else:
                    room[sums + (first + p) * dim + axis] = zero
        power = terms[terms.size - 1]
        more = terms.size if code == formula.GAUSSIAN else 1
        for part in range(3):
            # Old places, the true points, the places since the last block.
            places = nodes if part == 0 else fresh
            weights = node_weights if part == 0 else fresh_weights
            at = n_true if part == 2 else 0
            begin = n_true + shift if part == 2 else 0
            count = size if part == 0 else (n_true if part == 1 else recent)
            scale = fade if part == 0 else (factor if part == 1 else one)
            for i in range(start, count, slices):
                weight = scale * weights[begin + i]
                for p in range(some):
                    slope[p] = zero
                for axis in range(axes):
                    place = places[axis, at + i]
                    for p in range(some):
                        other = x[p * own + axis] if dimensions > 0 else room[axis * n + first + p]
                        difference = place - other
                        if dimensions > 0:
                            off[p * own + axis] = difference
                        slope[p] += difference * difference
                for p in range(some):
                    r2 = slope[p]
                    along = zero
                    for term in range(more):
                        along += formula.pull(code, r2, terms[term], power)
                    slope[p] = weight * along
                for axis in range(axes):
                    for p in range(some):
                        if dimensions > 0:
                            total[p * own + axis] += slope[p] * off[p * own + axis]
                        else:
                            difference = places[axis, at + i] - room[axis * n + first + p]
                            room[sums + (first + p) * dim + axis] += slope[p] * difference
        if dimensions > 0:
            for axis in range(axes):
                for p in range(some):
                    room[sums + (first + p) * dim + axis] = total[p * own + axis]

    return pull


def _tangent(some):
    """Return what sums a slice's pulls of the tangent kernel on so many particles."""

    @cuda.jit(device=True)
    def pull(
        room, sums, n, first, start, slices, nodes, node_weights, size, fresh, fresh_weights, n_true, recent,
        shift, fade, factor, code, terms, profile, dim, rows, one,
    ):  # fmt: skip
        angle = cuda.local.array(some, room.dtype)
        chord2 = cuda.local.array(some, room.dtype)
        value = cuda.local.array(some, room.dtype)
        slope = cuda.local.array(some, room.dtype)
        along = cuda.local.array(some, room.dtype)
        zero, degrees = one - one, terms.size // 2
        for p in range(some):
            along[p] = zero
            for axis in range(dim):
                room[sums + (first + p) * dim + axis] = zero
        for part in range(3):
            places = nodes if part == 0 else fresh
            weights = node_weights if part == 0 else fresh_weights
            at = n_true if part == 2 else 0
            begin = n_true + shift if part == 2 else 0
            count = size if part == 0 else (n_true if part == 1 else recent)
            scale = fade if part == 0 else (factor if part == 1 else one)
            for i in range(start, count, slices):
                for p in range(some):
                    chord2[p] = zero
                    value[p] = zero
                    slope[p] = zero
                for axis in range(rows - 1):
                    place = places[axis, at + i]
                    for p in range(some):
                        difference = place - room[axis * n + first + p]
                        chord2[p] += difference * difference
                for p in range(some):
                    angle[p] = formula.place_on_circle(chord2[p])
                for k in range(degrees):
                    v, d = room[profile + k], room[profile + degrees + k]
                    for p in range(some):
                        value[p] = value[p] * angle[p] + v
                        slope[p] = slope[p] * angle[p] + d
                weight, norm = scale * weights[begin + i], places[rows - 1, at + i]
                for p in range(some):
                    turn = formula.turning(chord2[p], slope[p])
                    share = weight * norm
                    if chord2[p] == 0 and norm == room[(rows - 1) * n + first + p]:
                        share = zero
                    along[p] += share * (value[p] - turn * chord2[p])
                    slope[p] = -(share + share) * turn
                for axis in range(dim):
                    place = places[axis, at + i]
                    for p in range(some):
                        difference = place - room[axis * n + first + p]
                        room[sums + (first + p) * dim + axis] += slope[p] * difference
        for p in range(some):
            for axis in range(dim):
                room[sums + (first + p) * dim + axis] += along[p] * room[axis * n + first + p]

    return pull


_SIZE = "a span of 100 trials of 10 particles in the plane, 2,000 places kept"
_PAIRS = 100 * 10 * 2000 * 64
_WORK = {
    # Of a pair: differences, squares, the sums and the tangent kernel's two polynomials of degree 31.
    False: Work(_SIZE + ", RBF", 100, arithmetic=12 * _PAIRS, special=_PAIRS, shared=2e7, traffic=1e7),
    True: Work(_SIZE + ", ReLUNTK", 100, 110 * _PAIRS, special=4 * _PAIRS, shared=46 * _PAIRS, traffic=1e7),
}


def _player(dimensions, tangent, some, reals):
    """Return the kernel for particles of so many dimensions, 0: of any, so many at a time."""
    pull_one = _tangent(1) if tangent else _radial(dimensions, 1)
    pull_some = _tangent(some) if tangent else _radial(dimensions, some)

    def signature(real):
        return (
            real[:, :, ::1], int64[::1], real[:, ::1], real[:, :, ::1], real[:, :, ::1], real[:, ::1], int64[::1],
            int64, int64, *[real[::1]] * 6, *[int64] * 6, real,
        )  # fmt: skip

    work = _WORK[tangent] if tangent or dimensions == 2 else None

    @kernel(*map(signature, reals), block=BLOCK, resident=1, shared=SHARED, work=work)
    def play(
        particles, diverged_at, rooms, fresh, nodes, node_weights, sizes,
        first_step, count, factors, decays, fresh_weights, gains, inverse_widths, terms,
        span, alternating, code, slices, inside, single, one,
    ):  # fmt: skip
        t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        if diverged_at[t] >= 0:
            return
        n, dim, rows = particles.shape[1], particles.shape[2], fresh.shape[1]
        n_true, size = fresh.shape[2] - span * n, n * dim
        positions, moves = rows * n, rows * n + size  # places in the room, after the points
        profile = moves + size
        sums = profile + (terms.size if tangent else 0)
        shared = cuda.shared.array(0, rooms.dtype)
        room = rooms[t]
        if inside:
            room = shared[: sums + slices * size]
        for i in range(thread, size, threads):
            room[positions + i] = particles[t, i // dim, i % dim]
        if tangent:
            for i in range(thread, terms.size, threads):
                room[profile + i] = terms[i]
        cuda.syncthreads()
        groups = n // some
        for step in range(count):
            age = (first_step + step) % span
            for j in range(thread, n, threads):
                if tangent:
                    _locate(room, j, n, room, positions + j * dim, dim, rows - 1, one)
                else:
                    for axis in range(dim):
                        room[axis * n + j] = room[positions + j * dim + axis] * inverse_widths[axis]
                for row in range(rows):
                    fresh[t, row, n_true + age * n + j] = room[row * n + j]
            cuda.syncthreads()
            age += alternating
            for i in range(thread, (groups + n % some) * slices, threads):
                group, start = i // slices, i % slices
                at = sums + start * size
                if group < groups:
                    pull_some(
                        room, at, n, group * some, start, slices, nodes[t], node_weights[t], sizes[t], fresh[t],
                        fresh_weights, n_true, age * n, (span - age) * n, decays[age], factors[step], code, terms,
                        profile, dim, rows, one,
                    )  # fmt: skip
                else:
                    pull_one(
                        room, at, n, groups * some + group - groups, start, slices, nodes[t], node_weights[t],
                        sizes[t], fresh[t], fresh_weights, n_true, age * n, (span - age) * n, decays[age],
                        factors[step], code, terms, profile, dim, rows, one,
                    )  # fmt: skip
            cuda.syncthreads()
            left = slices
            while left > BRANCHES:
                left //= BRANCHES
                for i in range(thread, left * size, threads):
                    total = room[sums + i]
                    for branch in range(1, BRANCHES):
                        total += room[sums + branch * left * size + i]
                    room[sums + i] = total
                cuda.syncthreads()
            lost = 0
            for i in range(thread, size, threads):
                total = room[sums + i]
                for branch in range(1, left):
                    total += room[sums + branch * size + i]
                if tangent and room[(rows - 1) * n + i // dim] == 0:
                    total = one - one
                moved = room[positions + i] - gains[i // dim] * (total * inverse_widths[i % dim])
                if single:
                    moved = type(one)(np.float32(moved))
                room[moves + i] = moved
                if not math.isfinite(moved):
                    lost = 1
            if cuda.syncthreads_or(lost):
                if thread == 0:
                    diverged_at[t] = first_step + step + 1
                break
            # A thread's own particles: the next step begins with them.
            for j in range(thread, n, threads):
                for axis in range(dim):
                    room[positions + j * dim + axis] = room[moves + j * dim + axis]
        cuda.syncthreads()
        for i in range(thread, size, threads):
            particles[t, i // dim, i % dim] = room[positions + i]

    play.function.__name__ = "play_tangent" if tangent else f"play_{dimensions or 'any'}"
    return play


_PLAYERS = {dimensions: _player(dimensions, False, SOME, (float32, float64)) for dimensions in (*UNROLLED, 0)}
_TANGENT = _player(0, True, SOME, (float64,))


def slices_of(n):
    """Return how many slices of the places kept n particles have: a power of two.

    >>> slices_of(1), slices_of(4), slices_of(100), slices_of(5000)
    (256, 128, 8, 1)
    """
    return 1 << math.ceil(math.log2(max(_ITEMS / (n // SOME + n % SOME), 1)))


def room_of(particles, rows, terms):
    """Return how many numbers belong to a trial's particles; `terms`: of the profile, 0 for a radial kernel."""
    n, dim = particles.shape[1:]
    return (rows + 2 * dim) * n + terms + slices_of(n) * n * dim


def locate(points, positions, kernel):
    """See history_cpu.locate: for the tangent kernel."""
    trials, n, dim = positions.shape
    on_device = empty((trials, points[0].size), points.dtype)
    flat = there(np.ascontiguousarray(positions, points.dtype).reshape(trials, -1))
    _locate_all.launch(trials * n, on_device, flat, dim, kernel.axes, points.dtype.type(1))
    points[...] = on_device.copy_to_host().reshape(points.shape)


def play_trials(particles, diverged_at, first_step, count, game, memory, kernel, factors):
    """See history_cpu.play_trials; `factors` are the true points' weights in each of the steps."""
    tangent, single = kernel.code == formula.TANGENT, particles.dtype == np.float32
    real = np.float32 if single and not tangent and abs(game.decays[1]) <= 1 else np.float64

    def sent(array):
        return there(np.ascontiguousarray(array, real))

    trials, n, dim = particles.shape
    n_true, largest = len(game.true_masses), int(memory.sizes[:, 1].max())
    nodes, weights = memory.nodes[:, :, :largest], memory.node_weights[:, :largest]
    if largest == 0:
        nodes, weights = np.zeros((trials, nodes.shape[1], 1)), np.zeros((trials, 1))
    terms = kernel.profile.ravel() if tangent else kernel.terms
    numbers = room_of(particles, nodes.shape[1], terms.size if tangent else 0)
    size = numbers * np.dtype(real).itemsize
    inside = size <= SHARED
    on_device, stops, fresh = sent(particles), there(diverged_at), sent(memory.fresh)
    player = _TANGENT if tangent else _PLAYERS[dim if dim in UNROLLED else 0]
    player.launch_blocks(
        trials, on_device, stops, empty((trials, 1 if inside else numbers), real), fresh, sent(nodes), sent(weights),
        there(memory.sizes[:, 1].copy()), first_step, count,
        *map(sent, (-np.asarray(factors), game.decays, np.append(game.true_masses, game.recent_weights))),
        *map(sent, (game.lr_gen * game.masses, kernel.inverse_widths, terms)),
        game.span, game.alternating, kernel.code, slices_of(n), int(inside), int(single), real(1),
        block=BLOCK, shared=size if inside else 0, outside="places kept" if inside else "places kept, particles",
    )  # fmt: skip
    back((stops, diverged_at))
    particles[...] = on_device.copy_to_host()
    age = first_step % game.span
    new = slice(n_true + age * n, n_true + (age + count) * n)
    memory.fresh[:, :, new] = fresh.copy_to_host()[:, :, new]
