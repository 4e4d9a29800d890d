"""Loops of mean_field_wgan, for CUDA: a block plays one whole trial.

A generator's unit of one coordinate and a critic's unit are alike: amplitude, slopes along its inputs, bias.  Learning,
a thread has units of its own and sums over the points, in order; the values and gradients that these need are sums over
units, of which a thread takes every `slices`-th, added in a tree.  How many slices there are (`slices_of`) follows from
the sizes of the game, so that nothing depends on how many threads a block has.

What all threads read lies in shared memory as far as it fits (`places`), else in global memory: the points, then the
atoms of both, then their slopes and what they were before the iteration.
"""

import math

import numpy as np
from numba import cuda, float64, int64, uint64

from ..device import SHARED, Work, back, empty, held, kernel, there
from ..formulas import optimisers
from ..formulas.draws import normal_at, uniform_at
from ..formulas.mean_field import sigmoid
from ..formulas.random import DATA, LATENT
from ..lanes.descent import MOMENTUM, RMSPROP, SGD

BLOCK = 128
_SPREAD = 256  # slices of sums that keep a block's threads busy
_AXES = 4  # of the inputs, summed at once


@cuda.jit(device=True)
def _unit(atoms, unit, inputs, points, at):
    """Return the logistic function of a unit, and its slope, at one point."""
    u = atoms[unit + inputs + 1]
    for q in range(inputs):
        u += atoms[unit + 1 + q] * points[at + q]
    return sigmoid(u)


@cuda.jit(device=True)
def _add_slopes(slopes, atoms, unit, inputs, points, at, number, weights, apart, sign):
    """Add to a unit's slopes sign times the weighted sum over points; weights lie `apart` from one another."""
    sums = cuda.local.array(_AXES, float64)
    for start in range(0, inputs, _AXES):
        on_value = on_bias = 0.0
        for q in range(_AXES):
            sums[q] = 0.0
        for p in range(number):
            value, slope = _unit(atoms, unit, inputs, points, at + p * inputs)
            pull = sign * points[weights + p * apart]
            on_value += pull * value
            pull *= atoms[unit] * slope
            on_bias += pull
            for q in range(_AXES):
                if start + q < inputs:
                    sums[q] += pull * points[at + p * inputs + start + q]
        for q in range(_AXES):
            if start + q < inputs:
                slopes[unit + 1 + start + q] += sums[q]
        if start == 0:
            slopes[unit] += on_value
            slopes[unit + inputs + 1] += on_bias


@cuda.jit(device=True)
def _descend(atoms, slopes, moments, at, size, over, kind, decay, second, epsilon, rate, number, clip):
    """Take step `number` of atoms[at:at + size]; return 1 where one leaves the finite numbers, else 0."""
    first = root = 1.0
    if kind > RMSPROP:
        first = 1.0 - math.pow(decay, float64(number))
        root = math.sqrt(1.0 - math.pow(second, float64(number)))
    lost = 0
    for i in range(at, at + size):
        move = slopes[i] / over
        if not math.isfinite(move):
            lost = 1
        if kind == MOMENTUM:
            move = moments[0, i] = optimisers.momentum(move, moments[0, i], decay)
        elif kind == RMSPROP:
            move, moments[0, i] = optimisers.rmsprop(move, moments[0, i], decay, 1.0 - decay, epsilon)
        elif kind != SGD:
            move, moments[0, i], moments[1, i] = optimisers.adam(
                move, moments[0, i], moments[1, i], 1.0 - decay, second, 1.0 - second, root, epsilon
            )
        moved = atoms[i] - rate / first * move
        if not math.isfinite(moved):
            lost = 1
        atoms[i] = min(max(moved, -clip), clip)
    return lost


@cuda.jit(device=True)
def _fold(parts, at, width, slices):
    """Add the slices of sums, each of `width` numbers, into the first."""
    half = slices // 2
    while half > 0:
        for i in range(cuda.threadIdx.x, half * width, cuda.blockDim.x):
            parts[at + i] += parts[at + half * width + i]
        cuda.syncthreads()
        half //= 2


@cuda.jit(device=True)
def _draw(points, zs, xs, p, latents, dim, modes, spreads, shares, key, step, trial):
    """Set latent and datum number p of a step; see mean_field_wgan_cpu."""
    wide_z, wide_x = (latents + 1) // 2, 1 + (dim + 1) // 2
    for q in range(latents):
        points[zs + p * latents + q] = normal_at(2 * p * wide_z + q, key, step, trial, LATENT)
    chosen, mode = uniform_at(2 * p * wide_x, key, step, trial, DATA), 0
    for k in range(shares.size - 1):
        mode += 1 if shares[k] <= chosen else 0
    for k in range(dim):
        normal = normal_at(2 * (p * wide_x + 1) + k, key, step, trial, DATA)
        points[xs + p * dim + k] = modes[mode, k] + spreads[mode] * normal


_matrix, _row = float64[:, ::1], float64[::1]


@kernel(
    (
        _matrix, _matrix, float64[:, :, ::1], float64[:, :, ::1], int64[::1], _matrix, int64, int64, uint64, int64,
        _matrix, _row, _row, _matrix, _row, _matrix, _row, *[float64] * 5, *[int64] * 13,
    ),
    block=BLOCK, resident=1, shared=SHARED,
    # Of an atom and point 2 units' values and 2 slopes, of 40 instructions, an exponential and a quotient each.
    work=Work("N = M = 100, full batch of 40 and 80 points: 100 games of 1,000 iterations", 100, 1e5 * 2.4e4 * 40,
              1e5 * 2.4e4 * 2, 1e5 * 2.4e4 * 8),
)  # fmt: skip
def _play(
    particles, critics, moments, critic_moments, diverged_at, rooms, first, count, key, first_trial,
    modes, spreads, shares, z, wz, x, wx, rate, clip, decay, second, epsilon,
    kind, simultaneous, n_critic, batch, n, m, latents, dim, n_z, n_x, inside, small, middle,
):  # fmt: skip
    t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    if diverged_at[t] >= 0:
        return
    shared = cuda.shared.array(0, float64)
    wide, long = dim * (latents + 2), dim + 2  # numbers of an atom
    size, size_critic = n * wide, m * long
    points, rest = rooms[t], rooms[t, small + middle :]
    atoms, units = rooms[t, small : small + size], rooms[t, small + size : small + middle]
    if inside >= 1:
        points = shared[:small]
    if inside >= 2:
        atoms, units = shared[small : small + size], shared[small + size : small + middle]
    if inside >= 3:
        rest = shared[small + middle : small + 3 * middle]
    slopes, climbs, kept, kept_critic = rest, rest[size:], rest[middle:], rest[middle + size :]
    zs, xs, weights = 0, n_z * latents, n_z * latents + n_x * dim  # places in the points
    weights_x, gs = weights + n_z, weights + n_z + n_x
    pushes, parts = gs + n_z * dim, gs + 2 * n_z * dim
    slices, slices_critic = _slices(n_z * dim, n), _slices(n_z, m)
    sums = cuda.local.array(_AXES, float64)
    for i in range(thread, size, threads):
        atoms[i] = particles[t, i]
    for i in range(thread, size_critic, threads):
        units[i] = critics[t, i]
    for p in range(thread, n_z, threads):
        points[weights + p] = 1.0 / n_z if batch > 0 else wz[p]
        if batch == 0:
            for q in range(latents):
                points[zs + p * latents + q] = z[p, q]
    for p in range(thread, n_x, threads):
        points[weights_x + p] = 1.0 / n_x if batch > 0 else wx[p]
        if batch == 0:
            for k in range(dim):
                points[xs + p * dim + k] = x[p, k]
    rounds, trial = 1 if simultaneous == 1 else n_critic, uint64(first_trial + t)
    once = simultaneous == 1 or batch == 0  # the points of an iteration are the same
    cuda.syncthreads()
    for number in range(first + 1, first + count + 1):
        lost = 0
        for i in range(thread, size, threads):
            kept[i] = atoms[i]
        for i in range(thread, size_critic, threads):
            kept_critic[i] = units[i]
        cuda.syncthreads()
        for r in range(rounds + 1):
            if r == 0 or not once:
                if batch > 0:
                    step = uint64((number - 1) * (n_critic + 1) + r)
                    for p in range(thread, batch, threads):
                        _draw(points, zs, xs, p, latents, dim, modes, spreads, shares, key, step, trial)
                    cuda.syncthreads()
                for i in range(thread, n_z * dim * slices, threads):
                    place, k, total = i // slices, i // slices % dim, 0.0
                    for unit in range(i % slices, n, slices):
                        at = unit * wide + k * (latents + 2)
                        total += atoms[at] * _unit(atoms, at, latents, points, zs + place // dim * latents)[0]
                    points[parts + i % slices * n_z * dim + place] = total
                cuda.syncthreads()
                _fold(points, parts, n_z * dim, slices)
                for i in range(thread, n_z * dim, threads):
                    points[gs + i] = points[parts + i] / n
                cuda.syncthreads()
            if r == (0 if simultaneous == 1 else rounds):
                for i in range(thread, n_z * slices_critic, threads):
                    p, part = i // slices_critic, i % slices_critic
                    for start in range(0, dim, _AXES):
                        for q in range(_AXES):
                            sums[q] = 0.0
                        for unit in range(part, m, slices_critic):
                            slope = units[unit * long] * _unit(units, unit * long, dim, points, gs + p * dim)[1] / m
                            for q in range(_AXES):
                                if start + q < dim:
                                    sums[q] += slope * units[unit * long + 1 + start + q]
                        for q in range(_AXES):
                            if start + q < dim:
                                points[parts + (part * n_z + p) * dim + start + q] = sums[q]
                cuda.syncthreads()
                _fold(points, parts, n_z * dim, slices_critic)
                for i in range(thread, n_z * dim, threads):
                    points[pushes + i] = points[weights + i // dim] * points[parts + i]
                cuda.syncthreads()
                for i in range(thread, n * dim, threads):
                    at = i * (latents + 2)
                    for q in range(at, at + latents + 2):
                        slopes[q] = 0.0
                    _add_slopes(slopes, atoms, at, latents, points, zs, n_z, pushes + i % dim, dim, 1.0)
            else:
                for i in range(thread, m, threads):
                    at = i * long
                    for q in range(at, at + long):
                        climbs[q] = 0.0
                    _add_slopes(climbs, units, at, dim, points, xs, n_x, weights_x, 1, 1.0 / m)
                    _add_slopes(climbs, units, at, dim, points, gs, n_z, weights, 1, -1.0 / m)
                    pace = rate * (n_critic if simultaneous == 1 else 1)
                    turn = number if simultaneous == 1 else (number - 1) * rounds + r + 1
                    lost |= _descend(
                        units, climbs, critic_moments[t], at, long, 1.0, kind, decay, second, epsilon, pace, turn, clip
                    )
                cuda.syncthreads()
        for i in range(thread, n * dim, threads):
            lost |= _descend(
                atoms, slopes, moments[t], i * (latents + 2), latents + 2, float64(n), kind, decay, second, epsilon,
                rate, number, math.inf,
            )  # fmt: skip
        if cuda.syncthreads_or(lost):
            for i in range(thread, size, threads):
                atoms[i] = kept[i]
            for i in range(thread, size_critic, threads):
                units[i] = kept_critic[i]
            if thread == 0:
                diverged_at[t] = number
            break
    cuda.syncthreads()
    for i in range(thread, size, threads):
        particles[t, i] = atoms[i]
    for i in range(thread, size_critic, threads):
        critics[t, i] = units[i]


@cuda.jit(device=True)
def _slices(outputs, units):
    """See slices_of."""
    slices = 1
    while slices * outputs < _SPREAD and 2 * slices <= units:
        slices *= 2
    return slices


def slices_of(outputs, units):
    """Return how many slices each of some sums over units has: a power of two.

    >>> slices_of(1, 100), slices_of(40, 100), slices_of(300, 100), slices_of(1, 3)
    (64, 8, 1, 2)
    """
    slices = 1
    while slices * outputs < _SPREAD and 2 * slices <= units:
        slices *= 2
    return slices


def places(n, m, latents, dim, n_z, n_x):
    """Return what is in shared memory (0: nothing, 1: points, 2: atoms too, 3: all), numbers of the first two, bytes.

    >>> places(100, 100, 1, 1, 40, 80), places(2000, 2000, 1, 1, 1, 1)[0]
    ((3, 640, 600, 19520), 1)
    """
    parts = n_z * dim * max(slices_of(n_z * dim, n), slices_of(n_z, m))
    small = n_z * (latents + 1 + 2 * dim) + n_x * (dim + 1) + parts
    middle = n * dim * (latents + 2) + m * (dim + 2)
    sizes = [0, 8 * small, 8 * (small + middle), 8 * (small + 3 * middle)]
    inside = max(level for level, size in enumerate(sizes) if size <= SHARED)
    return inside, small, middle, sizes[inside]


def play(particles, critics, moments, critic_moments, diverged_at, first, count, law, key, first_trial):
    """See mean_field_wgan_cpu.play."""
    games, n = particles.shape[:2]
    m, latents, dim = critics.shape[1], law.z.shape[1], law.x.shape[1]
    n_z, n_x = (law.batch, law.batch) if law.batch > 0 else (len(law.z), len(law.x))
    inside, small, middle, size = places(n, m, latents, dim, n_z, n_x)
    here = (particles.reshape(games, -1), critics.reshape(games, -1), moments, critic_moments, diverged_at)
    on_device = [held(array) if array.size else there(array) for array in here]
    _play.launch_blocks(
        games, *on_device, empty((games, small + 3 * middle if inside < 3 else 1), np.float64), first, count, key,
        first_trial, *(there(a) for a in (law.modes, law.spreads, law.shares, law.z, law.wz, law.x, law.wx)),
        law.rate, law.clip, law.decay, law.second, law.epsilon, law.kind, int(law.simultaneous), law.n_critic,
        law.batch, n, m, latents, dim, n_z, n_x, inside, small, middle, block=BLOCK, shared=size,
        outside=", ".join(("points", "atoms", "moments")[inside:]),
    )  # fmt: skip
    back(*(pair for pair in zip(on_device, here, strict=True) if pair[1].size))
