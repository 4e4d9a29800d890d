"""Loops of one_hidden, for the CPU.

The loss is linear in D, so what a unit's step needs of the points are sums of its slope, sum s'(u) (x, 1), and nothing
of size points x units is ever stored.  Units are in the lanes: a Wide of them is loaded once for all points of a step,
and its sums stay in registers.  Where units do not depend on one another, between two moves of the particles or with
the regulariser between two steps, BLOCKS fixed blocks of them can be played by different threads; what a block adds to
grad D is kept apart and added in order.

Arrays of a trial: parameters (d + 2, units) with rows a, w_1, ..., w_d, b, units a multiple of the Wide's width; room:

    slopes              (BLOCKS, d Wides) gradients in w on their way to memory
    forces              (BLOCKS, points d vectors), zeros between phases
    data                (n_disc, M d)
    gradients, velocities, pulls    (points d)
    even, odd           what numbers of a random stream become; kept apart, so that loops over them are vectorised
    modes               (2, ...) where the data come from, likewise
"""

import math
from collections import namedtuple

import numpy as np
from numba import njit, prange, uint64

from ..backend import compiled
from ..lanes.draws import mixture
from ..lanes.rows import add_scaled, affine, dot, load_rows, scaled, square_root, store_rows
from ..lanes.tiles import aligned
from ..lanes.units import add_pushes, homogeneous, moments
from ..lanes.wide import BYTES as BYTES
from ..lanes.wide import PARTS as PARTS
from ..lanes.wide import load, pointer, store, take_total, width

BLOCKS = 8

Rules = namedtuple(
    "Rules",
    "scale lr_disc reg lr_gen penalty local other gram n_disc n_data simultaneous resampled cumulative means factors",
)
# The class tells the activation; see lanes.units.  Rules are apart, so that loops that know no activation are compiled
# once.
ReLU, Tanh, Erf = (namedtuple(name, "one") for name in ("ReLU", "Tanh", "Erf"))
UNITS = {"relu": ReLU, "tanh": Tanh, "erf": Erf}
Room = namedtuple("Room", "slopes forces data gradients velocities pulls even odd modes")


@compiled
def room_of(points, parameters, rules):
    """Return a trial's scratch memory."""
    n, dim, size = width(pointer(parameters, 0)), points.shape[1], points.size
    half = (rules.n_data + 1) // 2
    numbers = max(half, (rules.n_data * dim + 1) // 2)
    flat = np.empty(3 * size, points.dtype)
    return Room(
        aligned(BLOCKS * dim * n, parameters).reshape(BLOCKS, dim * n),
        aligned(BLOCKS * size * n // PARTS, parameters).reshape(BLOCKS, size * n // PARTS),
        np.empty((rules.n_disc if rules.resampled else 1, rules.n_data * dim), points.dtype),
        flat[:size],
        flat[size : 2 * size],
        flat[2 * size :],
        np.empty(numbers),
        np.empty(numbers),
        np.empty((2, half), np.int64),
    )


@njit
def _draw(room, key, iteration, trial, rules):
    """Set the data of an iteration to what GaussianMixture.sample returns."""
    shape = rules.n_data, rules.means.shape[1]
    for j in range(len(room.data)):
        step = uint64(iteration * rules.n_disc + j if rules.resampled else 0)
        points = room.data[j].reshape(shape)
        mixture(points, rules.means, rules.factors, rules.cumulative, key, step, trial, room.even, room.odd, room.modes)


@njit
def _descend(place, squares, at, slope, rules, rms):
    """Take one step of a Wide of one kind of parameters."""
    real = type(rules.scale)
    old = load(place, at)
    slope += old * rules.reg
    if rms:
        mean = load(squares, at) * real(0.99) + slope * slope * real(0.01)
        store(squares, at, mean)
        slope = slope / (square_root(mean) + real(1e-8))
    store(place, at, old - slope * rules.lr_disc)


@njit
def _learn(parameters, squares, at, points, j, block, room, unit, rules, axes):
    """Take step j of the discriminator with a Wide of units."""
    units, last, count = parameters.shape[1], len(axes) + 1, len(points)
    real = type(rules.scale)
    place = pointer(parameters, at)
    n = width(place)
    weights, biases = load_rows(place, units, units, axes), load(place, last * units)
    where, pulls, data = pointer(points, 0), pointer(room.pulls, 0), pointer(room.data, j * room.data.shape[1])
    if rules.penalty == 0:
        values, slopes, sums = moments(weights, biases, where, where, count, False, axes, unit)
    else:
        values, slopes, sums = moments(weights, biases, where, pulls, count, True, axes, unit)
    gain, loss = rules.scale / real(count), -rules.scale / real(rules.n_data)
    values, slopes, sums = values * gain, slopes * gain, scaled(sums, gain)
    data_values, data_slopes, data_sums = moments(weights, biases, data, data, rules.n_data, False, axes, unit)
    values, slopes, sums = values + data_values * loss, slopes + data_slopes * loss, add_scaled(sums, data_sums, loss)
    if homogeneous(unit):
        values = biases * slopes + dot(weights, sums)

    rms, push, spare = squares.size > 0, load(place, 0), pointer(room.slopes, block * room.slopes.shape[1])
    means = pointer(squares, at if rms else 0)
    _descend(place, means, 0, values, rules, rms)
    _descend(place, means, last * units, slopes * push, rules, rms)
    store_rows(spare, 0, n, scaled(sums, push))
    for k in range(len(axes)):
        _descend(place, means, (k + 1) * units, load(spare, k * n), rules, rms)


@njit
def _add_field(parameters, at, points, block, room, unit, axes):
    """Add what a Wide of units adds to grad D at the points, over the factor sqrt(2 / H)."""
    units = parameters.shape[1]
    place, where = pointer(parameters, at), pointer(points, 0)
    force = pointer(room.forces, block * room.forces.shape[1])
    weights, biases = load_rows(place, units, units, axes), load(place, (len(axes) + 1) * units)
    pushes = scaled(weights, load(place, 0))
    step = len(axes) * width(place) // PARTS
    for p in range(len(points)):
        add_pushes(force, p * step, affine(biases, weights, where, p * len(axes)), pushes, unit)


@njit
def _phases(rules):
    """Return how many phases an iteration has: in each, units do not depend on one another."""
    return 1 if rules.penalty == 0 else rules.n_disc + 1


@njit
def _work(block, phase, points, parameters, squares, room, unit, rules, axes):
    """Play one phase with one block of units.

    Without the regulariser the only phase has all steps; with it, phase j has the step j - 1.  grad D is taken before
    the steps or after them, as whoever comes next needs it.
    """
    n = width(pointer(parameters, 0))
    wides = parameters.shape[1] // n
    if rules.penalty == 0:
        first, last, before = 0, rules.n_disc, rules.simultaneous
        after = not before
    else:
        first, last, before = max(0, phase - 1), phase, False
        after = phase < rules.n_disc or not rules.simultaneous
    for wide in range(block * wides // BLOCKS, (block + 1) * wides // BLOCKS):
        # One call for both places, which are the same code.
        for turn in range(0 if before else 1, 3 if after else 2):
            if turn == 1:
                for j in range(first, last):
                    _learn(parameters, squares, wide * n, points, j * rules.resampled, block, room, unit, rules, axes)
            else:
                _add_field(parameters, wide * n, points, block, room, unit, axes)


@njit
def _couple(out, gradients, dim, rules):
    """Set out to (1/N) sum_b Gamma_ab gradient_b; see effective.coupled."""
    real, count = type(rules.scale), gradients.size // dim
    for axis in range(dim):
        mean = real(0)
        for p in range(count):
            mean += gradients[p * dim + axis]
        mean /= real(count)
        for p in range(count):
            if rules.gram.size == 0:
                out[p * dim + axis] = rules.local * gradients[p * dim + axis] + rules.other * mean
            else:
                total = real(0)
                for q in range(count):
                    total += rules.gram[p, q] * gradients[q * dim + axis]
                out[p * dim + axis] = total


@njit
def _close(phase, points, room, unit, rules, axes):
    """Add up the blocks' forces after a phase, for the particles or for the regulariser."""
    forces, dim = room.forces, len(axes)
    for block in range(1, BLOCKS):
        for i in range(forces.shape[1]):
            forces[0, i] += forces[block, i]
            forces[block, i] = 0
    place = pointer(forces, 0)
    step = width(place) // PARTS
    for i in range(room.gradients.size):
        room.gradients[i] = rules.scale * take_total(place, i * step)
    last = phase + 1 == _phases(rules)
    if phase == 0 if rules.simultaneous else last:
        _couple(room.velocities, room.gradients, dim, rules)
    if not last:
        _couple(room.pulls, room.gradients, dim, rules)
        for p in range(len(points)):
            for axis in range(dim):
                pull = rules.penalty * room.pulls[p * dim + axis]
                room.pulls[p * dim + axis] = points[p, axis] + pull if homogeneous(unit) else pull


@njit
def _move(points, velocities, rules, axes):
    """Move the particles and return whether they stay finite; if not, leave them where they are."""
    finite, dim = True, len(axes)
    for p in range(len(points)):
        for axis in range(dim):
            x = points[p, axis] + rules.lr_gen * velocities[p * dim + axis]
            finite = finite and math.isfinite(x)
            velocities[p * dim + axis] = x
    if finite:
        for p in range(len(points)):
            for axis in range(dim):
                points[p, axis] = velocities[p * dim + axis]
    return finite


@njit
def _play(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, unit, rules, axes):
    """Play one trial."""
    if diverged_at[k] >= 0:
        return
    points, of_trial, means = particles[k], parameters[k], squares[k]
    room = room_of(points, of_trial, rules)
    for t in range(first, first + count):
        if rules.resampled or t == first:
            _draw(room, key, t, uint64(first_trial + k), rules)
        for phase in range(_phases(rules)):
            for block in range(BLOCKS):
                _work(block, phase, points, of_trial, means, room, unit, rules, axes)
            _close(phase, points, room, unit, rules, axes)
        if not _move(points, room.velocities, rules, axes):
            diverged_at[k] = t + 1
            return


@compiled(error_model="numpy")
def play_alone(particles, parameters, squares, diverged_at, key, first_trial, first, count, unit, rules, axes):
    """Play `count` iterations of each trial in turn, in place."""
    for k in range(len(particles)):
        _play(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, unit, rules, axes)


@compiled(parallel=True, error_model="numpy")
def play_trials(particles, parameters, squares, diverged_at, key, first_trial, first, count, unit, rules, axes):
    """See play_alone: trials side by side."""
    for k in prange(len(particles)):
        _play(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, unit, rules, axes)


@compiled(parallel=True, error_model="numpy")
def play_blocks(points, parameters, squares, key, trial, first, count, unit, rules, axes, room):
    """Play one trial, its units side by side; return the first step whose particles are not finite, or -1.

    Numba wants the tuple `room` (`room_of`) from outside.
    """
    for t in range(first, first + count):
        if rules.resampled or t == first:
            _draw(room, key, t, uint64(trial), rules)
        for phase in range(_phases(rules)):
            for block in prange(BLOCKS):
                _work(block, phase, points, parameters, squares, room, unit, rules, axes)
            _close(phase, points, room, unit, rules, axes)
        if not _move(points, room.velocities, rules, axes):
            return t + 1
    return -1
