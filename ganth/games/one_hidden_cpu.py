"""Loops of one_hidden, for the CPU.

The loss is linear in D, so what a unit's step needs of the points are the moments of its slope, sum s'(u) (x, 1), and
nothing of size points x units is ever stored.  Units are in the lanes: a Wide of them is loaded once for all points of
a step, and its moments stay in registers.  Where units do not depend on one another, between two moves of the
particles or with the regulariser between two steps, BLOCKS fixed blocks of them can be played by different threads;
what a block adds to grad D is kept apart and added in order.

Arrays of a trial: parameters (d + 2, units) with rows a, w_1, ..., w_d, b, units a multiple of the Wide's width;
forces (BLOCKS, points, d, vector), zeros between phases; data (n_disc, M, d).
"""

import math
from collections import namedtuple
from typing import Any

import numpy as np
from numba import njit, prange, types, uint64
from numba.extending import overload

from ..backend import compiled
from ..formulas import activations, exponentials, random
from ..lanes.draws import inlined, normals, pick, uniforms
from ..lanes.rows import (
    add_multiples,
    add_numbers_where,
    add_rows,
    add_rows_where,
    add_scaled,
    add_where,
    affine,
    bounded,
    dot,
    load_rows,
    magnitude,
    scaled,
    square_root,
    store_rows,
    times_power,
    with_sign,
    zero_rows,
)
from ..lanes.tiles import aligned
from ..lanes.wide import BYTES as BYTES
from ..lanes.wide import PARTS as PARTS
from ..lanes.wide import load, pointer, store, take_total, width, zeros

BLOCKS = 8


_tanh_float32, _tanh_of_exp = inlined(activations.tanh_float32), inlined(activations.tanh_of_exp)
_erfcx_float32, _erfcx_float64 = inlined(activations.erfcx_float32), inlined(activations.erfcx_float64)
_exp_parts_float32, _exp_parts = inlined(exponentials.exp_parts_float32), inlined(exponentials.exp_parts)

_FIELDS = (
    "scale lr_disc reg lr_gen penalty local other gram n_disc n_data simultaneous resampled cumulative means factors"
)
# The rules' type tells the activation, so that a loop is compiled for it.
ReLU, Tanh, Erf = (namedtuple(name, _FIELDS) for name in ("ReLU", "Tanh", "Erf"))
RULES: dict[str, Any] = {"relu": ReLU, "tanh": Tanh, "erf": Erf}
Room = namedtuple("Room", "slopes forces data gradients velocities pulls draws modes")


@compiled
def room_of(points, parameters, rules):
    """Return a trial's scratch memory."""
    count, dim = points.shape
    n = width(pointer(parameters, 0))
    chosen, drawn = (rules.n_data + 1) // 2, (rules.n_data * dim + 1) // 2
    return Room(
        aligned(BLOCKS * dim * n, parameters).reshape(BLOCKS, dim, n),
        aligned(BLOCKS * count * dim * (n // PARTS), parameters).reshape(BLOCKS, count * dim * (n // PARTS)),
        np.empty((rules.n_disc if rules.resampled else 1, rules.n_data, dim), points.dtype),
        np.empty_like(points),
        np.empty_like(points),
        points.copy(),
        np.empty((2, max(drawn, chosen))),
        np.empty((2, chosen), np.int64),
    )


@njit
def _draw(data, room, key, step, trial, rules):
    """Set data (M, d) to what GaussianMixture.sample returns."""
    dim, even, odd = data.shape[1], room.draws[0], room.draws[1]
    uniforms(even, odd, room.modes.shape[1], key, uint64(step + 1), trial, uint64(random.DATA))
    pick(room.modes[0], even, rules.cumulative)
    pick(room.modes[1], odd, rules.cumulative)
    uniforms(even, odd, even.size, key, uint64(step), trial, uint64(random.NOISE))
    normals(even, odd)
    for i in range(len(data)):
        mode = room.modes[i & 1, i >> 1]
        for axis in range(dim):
            x = rules.means[mode, axis]
            for k in range(axis + 1):
                at = i * dim + k
                x += rules.factors[mode, axis, k] * (odd[at >> 1] if at & 1 else even[at >> 1])
            data[i, axis] = x


def _activate(u, rules):
    """Return s(u), s'(u) and s''(u) of a Wide."""


@overload(_activate, jit_options={"forceinline": True, "fastmath": {"contract"}})
def _activate_of(u, rules):
    single = u.number == types.float32
    if rules.instance_class is Tanh and single:

        def activate(u, rules):
            value = _tanh_float32(bounded(u, activations.TANH_END))
            slope = 1 - value * value
            return value, slope, value * slope * -2

    elif rules.instance_class is Tanh:

        def activate(u, rules):
            value = _tanh_of_exp(times_power(*_exp_parts(bounded(u, 20) * 2)))
            slope = 1 - value * value
            return value, slope, value * slope * -2

    else:
        parts, tail, end = (_exp_parts_float32, _erfcx_float32, 8.5) if single else (_exp_parts, _erfcx_float64, 26)

        def activate(u, rules):
            x = bounded(u, end)
            r = magnitude(x)
            fall = times_power(*parts(r * r * -1))
            value = with_sign(1 - fall * tail((2.5 - r) / (r + 2.5)), x)
            slope = fall * 1.1283791670955126  # 2 / sqrt(pi)
            return value, slope, x * slope * -2

    return activate


def _push(force, at, u, pushes, rules):
    """Add s'(u) times the pushes, rows of Wides, to a force."""


@overload(_push, jit_options={"forceinline": True})
def _push_of(force, at, u, pushes, rules):
    if rules.instance_class is ReLU:
        return lambda force, at, u, pushes, rules: add_rows_where(force, at, u, pushes)
    return lambda force, at, u, pushes, rules: add_rows(force, at, _activate(u, rules)[1], pushes)


def _homogeneous(rules):
    """Return whether s(u) = u s'(u)."""


@overload(_homogeneous)
def _homogeneous_of(rules):
    relu = rules.instance_class is ReLU
    return lambda rules: relu


def _moments(weights, biases, points, pulls, count, pulled, axes, rules):
    """Return the sums over the points that a step needs of a Wide of units: of values, slopes and slopes times points.

    Where `pulled`, the points pull on grad D.  For ReLU, values are not needed (0 is returned), and `pulls` are where
    the points would be if they moved by what pulls on them; for smooth units they are what pulls.
    """


@overload(_moments, jit_options={"forceinline": True})
def _moments_of(weights, biases, points, pulls, count, pulled, axes, rules):
    def of_relu(weights, biases, points, pulls, count, pulled, axes, rules):
        slopes, sums = zeros(points), zero_rows(points, axes)
        for p in range(count):
            u = affine(biases, weights, points, p * len(axes))
            slopes = add_where(slopes, u, type(rules.scale)(1))
            sums = add_numbers_where(sums, u, pulls, p * len(axes))
        return zeros(points), slopes, sums

    def of_smooth(weights, biases, points, pulls, count, pulled, axes, rules):
        nothing = values = slopes = zeros(points)
        sums = zero_rows(points, axes)
        for p in range(count):
            value, slope, bend = _activate(affine(biases, weights, points, p * len(axes)), rules)
            if pulled:
                along = affine(nothing, weights, pulls, p * len(axes))
                sums = add_multiples(sums, slope, pulls, p * len(axes))
                value, slope = value + slope * along, slope + bend * along
            values += value
            slopes += slope
            sums = add_multiples(sums, slope, points, p * len(axes))
        return values, slopes, sums

    return of_relu if rules.instance_class is ReLU else of_smooth


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
def _learn(parameters, squares, spare, at, points, pulls, data, rules, axes):
    """Take one step of the discriminator with a Wide of units."""
    units, last = parameters.shape[1], len(axes) + 1
    real = type(rules.scale)
    place, n = pointer(parameters, at), width(pointer(parameters, 0))
    weights, biases = load_rows(place, units, units, axes), load(place, last * units)
    where, to = pointer(points, 0), pointer(pulls, 0)
    if rules.penalty == 0:
        values, slopes, sums = _moments(weights, biases, where, where, len(points), False, axes, rules)
    else:
        values, slopes, sums = _moments(weights, biases, where, to, len(points), True, axes, rules)
    # The data count minus.
    gain, loss = rules.scale / real(len(points)), -rules.scale / real(len(data))
    values, slopes, sums = values * gain, slopes * gain, scaled(sums, gain)
    where = pointer(data, 0)
    of_data = _moments(weights, biases, where, where, len(data), False, axes, rules)
    values += of_data[0] * loss
    slopes += of_data[1] * loss
    sums = add_scaled(sums, of_data[2], loss)
    if _homogeneous(rules):  # s(u) = u s'(u)
        values = biases * slopes + dot(weights, sums)

    rms, push = squares.size > 0, load(place, 0)
    means = pointer(squares, at if rms else 0)
    _descend(place, means, 0, values, rules, rms)
    _descend(place, means, last * units, slopes * push, rules, rms)
    store_rows(pointer(spare, 0), 0, n, scaled(sums, push))
    for k in range(len(axes)):
        _descend(place, means, (k + 1) * units, load(pointer(spare, 0), k * n), rules, rms)


@njit
def _add_field(force, parameters, at, points, rules, axes):
    """Add what a Wide of units adds to grad D at the points, over the factor sqrt(2 / H)."""
    units, dim = parameters.shape[1], points.shape[1]
    place, to, where = pointer(parameters, at), pointer(force, 0), pointer(points, 0)
    weights = load_rows(place, units, units, axes)
    biases, pushes = load(place, (dim + 1) * units), scaled(weights, load(place, 0))
    step = dim * (width(place) // PARTS)
    for p in range(len(points)):
        _push(to, p * step, affine(biases, weights, where, p * dim), pushes, rules)


@njit
def _phases(rules):
    """Return how many phases an iteration has: in each, units do not depend on one another."""
    return 1 if rules.penalty == 0 else rules.n_disc + 1


@njit
def _work(block, phase, points, parameters, squares, room, rules, axes):
    """Play one phase with one block of units.

    Without the regulariser the only phase has all steps; with it, phase j has the step j - 1.  grad D is taken before
    the steps or after them, as whoever comes next needs it.
    """
    n, _dim = width(pointer(parameters, 0)), points.shape[1]
    wides = parameters.shape[1] // n
    if rules.penalty == 0:
        steps, before, after = (0, rules.n_disc), rules.simultaneous, not rules.simultaneous
    else:
        steps, before = (phase - 1, phase), False
        after = phase < rules.n_disc or not rules.simultaneous
    for wide in range(block * wides // BLOCKS, (block + 1) * wides // BLOCKS):
        if before:
            _add_field(room.forces[block], parameters, wide * n, points, rules, axes)
        for j in range(max(0, steps[0]), steps[1]):
            data = room.data[j if rules.resampled else 0]
            _learn(parameters, squares, room.slopes[block], wide * n, points, room.pulls, data, rules, axes)
        if after:
            _add_field(room.forces[block], parameters, wide * n, points, rules, axes)


@njit
def _couple(velocities, gradients, rules):
    """Set velocities to (1/N) sum_b Gamma_ab gradient_b; see effective.coupled."""
    count, dim = gradients.shape
    real = type(rules.scale)
    for axis in range(dim):
        mean = real(0)
        for p in range(count):
            mean += gradients[p, axis]
        mean /= real(count)
        for p in range(count):
            if rules.gram.size == 0:
                velocities[p, axis] = rules.local * gradients[p, axis] + rules.other * mean
            else:
                total = real(0)
                for q in range(count):
                    total += rules.gram[p, q] * gradients[q, axis]
                velocities[p, axis] = total


@njit
def _close(phase, points, room, rules):
    """Add up the blocks' forces after a phase, for the particles or for the regulariser."""
    total = room.forces[0]
    for block in range(1, BLOCKS):
        force = room.forces[block]
        for i in range(total.size):
            total[i] += force[i]
            force[i] = 0
    place, dim = pointer(total, 0), points.shape[1]
    step = width(place) // PARTS
    for p in range(len(points)):
        for axis in range(dim):
            room.gradients[p, axis] = rules.scale * take_total(place, (p * dim + axis) * step)
    last = phase + 1 == _phases(rules)
    if phase == 0 if rules.simultaneous else last:
        _couple(room.velocities, room.gradients, rules)
    if not last:
        _couple(room.pulls, room.gradients, rules)
        for p in range(len(points)):
            for axis in range(dim):
                pull = rules.penalty * room.pulls[p, axis]
                room.pulls[p, axis] = points[p, axis] + pull if _homogeneous(rules) else pull


@njit
def _move(points, room, rules):
    """Move the particles and return whether they stay finite; if not, leave them where they are."""
    finite = True
    for p in range(len(points)):
        for axis in range(points.shape[1]):
            x = points[p, axis] + rules.lr_gen * room.velocities[p, axis]
            finite = finite and math.isfinite(x)
            room.velocities[p, axis] = x
    if finite:
        points[:] = room.velocities
    return finite


@njit
def _draw_all(room, key, iteration, trial, rules):
    """Draw the data of an iteration."""
    for j in range(len(room.data)):
        step = iteration * rules.n_disc + j if rules.resampled else 0
        _draw(room.data[j], room, key, step, uint64(trial), rules)


@njit
def _play(points, parameters, squares, key, trial, first, count, rules, axes):
    """Play one trial; return the iterations that left its particles finite."""
    room = room_of(points, parameters, rules)
    for t in range(count):
        if rules.resampled or t == 0:
            _draw_all(room, key, first + t, trial, rules)
        for phase in range(_phases(rules)):
            for block in range(BLOCKS):
                _work(block, phase, points, parameters, squares, room, rules, axes)
            _close(phase, points, room, rules)
        if not _move(points, room, rules):
            return t
    return count


@njit
def _play_trial(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, rules, axes):
    if diverged_at[k] < 0:
        done = _play(particles[k], parameters[k], squares[k], key, first_trial + k, first, count, rules, axes)
        if done < count:
            diverged_at[k] = first + done + 1


@compiled(error_model="numpy")
def play_alone(particles, parameters, squares, diverged_at, key, first_trial, first, count, rules, axes):
    """Play `count` iterations of each trial in turn, in place."""
    for k in range(len(particles)):
        _play_trial(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, rules, axes)


@compiled(parallel=True, error_model="numpy")
def play_trials(particles, parameters, squares, diverged_at, key, first_trial, first, count, rules, axes):
    """See play_alone: trials side by side."""
    for k in prange(len(particles)):
        _play_trial(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, rules, axes)


@compiled(parallel=True, error_model="numpy")
def play_blocks(points, parameters, squares, key, trial, first, count, rules, axes, room):
    """Play one trial, its units side by side, and return the iterations that left its particles finite.

    Numba wants the tuple `room` (`room_of`) from outside.
    """
    for t in range(count):
        if rules.resampled or t == 0:
            _draw_all(room, key, first + t, trial, rules)
        for phase in range(_phases(rules)):
            for block in prange(BLOCKS):
                _work(block, phase, points, parameters, squares, room, rules, axes)
            _close(phase, points, room, rules)
        if not _move(points, room, rules):
            return t
    return count
