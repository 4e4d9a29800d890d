"""Loops of features, for the CPU: random-feature games, PARTS vectors of frequencies at a time.

The loops below are written for numbers but run on `Wide` values, PARTS full vector registers in one variable: each
operation is PARTS independent instructions, which hides their latency, and no compiler has to find the vectors itself.

A trial's table is flat and starts at a multiple of BYTES.  It holds tiles of `width` frequencies, padded with
zeros; a tile is 4 + d rows of that width:

    0, 1    coefficients of the cosines and of the sines: f(x) = sum_r C_r cos(w_r x) + S_r sin(w_r x)
    2, 3    what the true points, and the 1 in cos(2 a) = 1 - 2 sin(a)^2, add to them in a step
    4 ...   the frequencies, axis by axis [turns / data length]

One sweep over the tiles is one step: at a tile every particle's phase, sine and cosine, its share of the coefficients'
update and of its own force.  So a tile is read from memory once a step, and stays in the first cache meanwhile.
"""

import math

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from ..backend import compiled
from ..formulas import turns
from ..lanes.wide import (
    BYTES as BYTES,
)
from ..lanes.wide import (
    PARTS,
    add_product,
    fraction,
    load,
    number,
    pointer,
    store,
    take_total,
    width,
    zeros,
)


def _half_turn(r):
    """See turns: the polynomials of r's type."""


@overload(_half_turn, jit_options={"forceinline": True})
def _half_turn_of(r):
    return (turns.half_turn_float32 if r.number == types.float32 else turns.half_turn_float64).py_func


@njit(forceinline=True)
def _phase(table, at, points, j, axes):
    """Return the phases of particle j at a tile [turns]."""
    n = width(table)
    phase = zeros(table)
    for axis in range(axes):
        phase = load(table, at + (4 + axis) * n) * number(points, j * axes + axis) + phase
    return phase


@njit(forceinline=True)
def _pull(force, table, at, slope, j, axes):
    """Add to the force on particle j: the slope of f along each wave, times its frequency."""
    n = width(table)
    for axis in range(axes):
        add_product(force, (j * axes + axis) * n // PARTS, slope, load(table, at + (4 + axis) * n))


@njit(forceinline=True)
def _pull_and_phase(force, table, at, slope, points, j, axes):
    """Pull particle j and return the phases of the next: two sums that fill each other's waits."""
    n = width(table)
    phase = zeros(table)
    for axis in range(axes):
        frequency = load(table, at + (4 + axis) * n)
        add_product(force, (j * axes + axis) * n // PARTS, slope, frequency)
        phase = frequency * number(points, (j + 1) * axes + axis) + phase
    return phase


@njit(forceinline=True)
def _slope(cosines, sines, s, c):
    """Return S cos(2 a) - C sin(2 a) from s = sin(a), c = 2 cos(a): the slope of C cos + S sin along its phase."""
    return sines - s * ((sines + sines) * s + cosines * c)


@njit
def _sweep(force, table, size, waves, points, particles, axes, masses, reg, scale):
    """Update the coefficients by one step and add up the particles' forces."""
    n = width(table)
    tile = (4 + axes) * n
    phase = _phase(table, 0, points, 0, axes)
    for at in range(0, size, tile):
        cosines, sines = load(table, at), load(table, at + n)
        squares = products = zeros(table)
        for j in range(particles):
            s, c = _half_turn(fraction(phase))
            share = s if masses is None else s * number(masses, j)
            squares += share * s
            products += share * c
            if waves is not None:
                store(waves, 2 * j * n, s)
                store(waves, 2 * j * n + n, c)
            if j + 1 == particles:
                if waves is None:
                    _pull(force, table, at, _slope(cosines, sines, s, c), j, axes)
                phase = _phase(table, at + tile if at + tile < size else 0, points, 0, axes)
            elif waves is None:
                phase = _pull_and_phase(force, table, at, _slope(cosines, sines, s, c), points, j, axes)
            else:
                phase = _phase(table, at, points, j + 1, axes)
        cosines += load(table, at + 2 * n) - cosines * reg + squares * (scale + scale)
        sines += load(table, at + 3 * n) - sines * reg - products * scale
        store(table, at, cosines)
        store(table, at + n, sines)
        if waves is not None:
            for j in range(particles):
                s, c = load(waves, 2 * j * n), load(waves, 2 * j * n + n)
                _pull(force, table, at, _slope(cosines, sines, s, c), j, axes)


@njit
def _copy(points, source):
    for place in np.ndindex(points.shape):
        points[place] = source[place]


@njit
def _steps(t, count, points, moved, tables, forces, waves, masses, gains, reg, scale):
    """Play up to `count` steps and return how many left the particles finite; `points` keeps the last finite ones."""
    particles, axes = points.shape
    size = tables.shape[1]
    table, force, start = pointer(tables, t * size), pointer(forces, t * forces.shape[1]), pointer(points, 0)
    n = width(table)
    room, weights = pointer(waves, t * 2 * particles * n), pointer(masses, 0)
    for step in range(count):
        _sweep(force, table, size, room, start, particles, axes, weights, reg, scale)
        finite = True
        for j in range(particles):
            for axis in range(axes):
                x = points[j, axis] + gains[j] * take_total(force, (j * axes + axis) * n // PARTS)
                finite = finite and math.isfinite(x)
                moved[j, axis] = x
        if not finite:
            return step
        _copy(points, moved)
    return count


@njit
def _exchange(table, coefficients, axes, inwards):
    """Copy the coefficients (2 R,) of a trial into its table, or back."""
    n = width(pointer(table, 0))
    count = coefficients.size // 2
    for r in range(count):
        at = r // n * (4 + axes) * n + r % n
        if inwards:
            table[at], table[at + n] = coefficients[r], coefficients[count + r]
        else:
            coefficients[r], coefficients[count + r] = table[at], table[at + n]


@njit
def _play(t, particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale):
    """Play `count` steps of trial t; where the particles leave the finite numbers, those before that."""
    if diverged_at[t] >= 0:
        return
    points = particles[t]
    axes = points.shape[1]
    start, moved = np.empty_like(points), np.empty_like(points)
    _copy(start, points)
    left = count
    while True:
        _exchange(tables[t], coefficients[t], axes, True)
        done = _steps(t, left, points, moved, tables, forces, waves, masses, gains, reg, scale)
        if done == left:
            break
        # The coefficients are a step ahead of the last finite particles: play again, up to these.
        diverged_at[t] = first + done + 1
        left = done
        _copy(points, start)
    _exchange(tables[t], coefficients[t], axes, False)


@compiled
def play_alone(particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale):
    """Play `count` steps of each trial in turn, in place: particles (trials, n, d), coefficients (trials, 2 R).

    `first` steps were played before.  Room: `forces` (trials, n, d, vector), zeros between steps, and `waves` (trials,
    n, 2, Wide), None for a simultaneous game.  A particle weighs masses[j] scale, or scale if masses is None; it moves
    by gains[j] times its force [in turns].  A step forgets `reg` of the coefficients.
    """
    for t in range(particles.shape[0]):
        _play(t, particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale)


@compiled(parallel=True)
def play_trials(particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale):
    """See play_alone: trials side by side."""
    for t in prange(particles.shape[0]):
        _play(t, particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale)


@compiled
def fill(table, frequencies, points, true_masses, factor, mass):
    """Write a trial's table, zeros so far: frequencies (R, d) [turns / length], and what true points (n, d) add."""
    n = width(pointer(table, 0))
    count, axes = frequencies.shape
    for r in range(count):
        at = r // n * (4 + axes) * n + r % n
        cosine, sine = -mass, 0.0
        for axis in range(axes):
            table[at + (4 + axis) * n] = frequencies[r, axis]
        for i in range(points.shape[0]):
            phase = 0.0
            for axis in range(axes):
                phase += np.float64(frequencies[r, axis]) * points[i, axis]
            s, c = turns.sin_cos_float64(phase - np.rint(phase))
            cosine += true_masses[i] * c
            sine += true_masses[i] * s
        table[at + 2 * n], table[at + 3 * n] = factor * cosine, factor * sine
