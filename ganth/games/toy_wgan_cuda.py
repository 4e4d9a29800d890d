"""Loops of toy_wgan, for CUDA: a thread plays one trial.

The atoms of a critic are read and written as (m, trials), so that neighbouring threads read neighbouring numbers.  By
the reference each thread has a column of the extrapolation's table in shared memory, and extrapolates in one place of
the code, whatever for: a step, the search for a zero or a wall, what there is at one.
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64

from ..device import Work, back, held, kernel, there
from ..formulas import toy_wgan as formula
from ..formulas.extrapolation import COLUMNS, narrowed
from ..formulas.toy_wgan import EXPLICIT, REFERENCE, SYMPLECTIC
from ..lanes.columns import refine

BLOCK = 64  # threads along the reference
_TOLERANCE = 1e-14
_SHORTEST = 2.0**-40  # of a span: an unsettled step is taken as it is
_TRIES = 80  # of a search
_STEP, _ZERO, _WALL, _AT_ZERO, _AT_WALL, _AT_REST = range(6)  # what is extrapolated for


@cuda.jit(device=True)
def _kick(omegas, t, push, clip):
    """Add `push` to each omega of a trial, held in [-clip, clip]; return their mean before and after."""
    before = after = 0.0
    for j in range(omegas.shape[0]):
        before += omegas[j, t]
        moved = min(max(omegas[j, t] + push, -clip), clip)
        omegas[j, t] = moved
        after += moved
    return before / omegas.shape[0], after / omegas.shape[0]


def _signature(real):
    numbers = (int64, int64, int64, float64, float64, int64, float64)
    return (real[:, :, ::1], float64[::1], real[:, ::1], float64[:, ::1], int64[::1], *numbers)


@kernel(*map(_signature, (float32, float64)), resident=4)
def _play(particles, coordinates, omegas, moving, diverged_at, first, count, prior, gamma, clip, kind, step):
    t = cuda.grid(1)
    if t >= coordinates.size or diverged_at[t] >= 0:
        return
    theta, u = float64(particles[t, 0, 0]), coordinates[t]
    for done in range(count):
        push = -step * gamma * formula.excess(prior, theta)
        if kind == SYMPLECTIC:
            u += step * _kick(moving, t, 0.5 * push, clip)[1]
            theta = formula.from_coordinate(prior, u)
            _kick(moving, t, -0.5 * step * gamma * formula.excess(prior, theta), clip)
        else:
            before, after = _kick(moving, t, push, clip)
            theta = theta + step * formula.density(prior, theta) * (before if kind == EXPLICIT else after)
        if not (math.isfinite(theta) and math.isfinite(moving[0, t]) and math.isfinite(u)):
            diverged_at[t] = first + done + 1
            break
        particles[t, 0, 0], coordinates[t] = theta, u
        for j in range(moving.shape[0]):
            omegas[j, t] = moving[j, t]
            moving[j, t] = omegas[j, t]
        theta = float64(particles[t, 0, 0])


@cuda.jit(device=True)
def _extrapolated(table, prior, gamma, theta, omega, span):
    """See toy_wgan_cpu; the rates are taken in one place."""
    root = math.sqrt(gamma)  # omega is of the order of this times theta
    end, slope, settled = theta, omega, False
    for k in range(COLUMNS):
        pieces = 2 * k + 2
        step = span / pieces
        x, y, old_x, old_y = theta, omega, theta, omega
        for i in range(pieces + 1):
            climb, learn = formula.density(prior, x) * y, -gamma * formula.excess(prior, x)
            if i == 0:
                x, y = x + step * climb, y + step * learn
            elif i < pieces:
                old_x, x = x, old_x + (step + step) * climb
                old_y, y = y, old_y + (step + step) * learn
            else:
                x, y = 0.5 * (old_x + x + step * climb), 0.5 * (old_y + y + step * learn)
        end, slope, settled = refine(table, cuda.threadIdx.x, cuda.blockDim.x, k, x, y / root, _TOLERANCE)
        if settled:
            break
    return end, root * slope, settled


@cuda.jit(device=True)
def _energy(prior, gamma, theta, omega):
    return formula.potential(prior, theta) + omega * omega / (2.0 * gamma)


@cuda.jit(device=True)
def _levelled(prior, gamma, theta, omega, energy):
    """See toy_wgan_cpu."""
    off = _energy(prior, gamma, theta, omega) - energy
    across, up = formula.potential_slope(prior, theta), omega / math.sqrt(gamma)
    square = across * across + up * up
    if square == 0.0 or not math.isfinite(off / square):
        return theta, omega
    return theta - off * across / square, omega - off * omega / square


@cuda.jit(device=True)
def _flow(table, prior, gamma, clip, theta, omega, span):
    """See toy_wgan_cpu; its searches (`_meets`) are turns of the same loop."""
    left, step, energy, mode = span, span, _energy(prior, gamma, theta, omega), _STEP
    new_theta = new_omega = low = high = wall = time = taken = 0.0
    tries, falls = 0, False
    while True:
        if mode == _STEP:
            if not (left > 0 and math.isfinite(theta) and math.isfinite(omega)):
                return theta, omega
            if abs(omega) >= clip and omega * theta < 0:
                u = formula.coordinate(prior, theta)
                if -u / omega > left:
                    return formula.from_coordinate(prior, u + omega * left), omega
                theta, left = 0.0, left + u / omega
                step, energy = left, _energy(prior, gamma, 0.0, omega)
                continue
            step = min(step, left)
            time = step
        x, y, settled = _extrapolated(table, prior, gamma, theta, omega, time)
        if mode == _STEP:
            if not settled and step > _SHORTEST * span:
                step *= 0.5
                continue
            taken = step
            new_theta, new_omega = _levelled(prior, gamma, x, y, energy)
            if clip < math.inf and theta * new_theta < 0:
                mode, low, high, falls, tries = _ZERO, 0.0, taken, theta > 0, 0
                time = taken
                continue
        elif mode in (_ZERO, _WALL):
            value = x if mode == _ZERO else y - wall
            slope = formula.density(prior, x) * y if mode == _ZERO else -gamma * formula.excess(prior, x)
            low, high, after = narrowed(low, high, time, value, slope, falls)
            tries += 1
            found = abs(after - time) <= 1e-16 * taken or value == 0
            time = time if found else after
            if found or tries == _TRIES:
                taken, mode = time, _AT_ZERO if mode == _ZERO else _AT_WALL
            continue
        elif mode == _AT_ZERO:
            new_theta, new_omega = 0.0, y
        elif mode == _AT_WALL:
            new_theta, new_omega = x, wall
        else:
            new_theta, new_omega, taken = x, min(max(omega, -clip), clip), step
        if mode <= _AT_ZERO and abs(new_omega) > clip:
            wall = math.copysign(clip, new_omega)
            if abs(omega) < clip:
                mode, low, high, falls, tries = _WALL, 0.0, taken, omega > wall, 0
                time = taken
                continue
            new_theta, new_omega, taken = theta, wall, 0.0
        if mode != _AT_REST and taken == 0.0 and step == left:  # a wall is met by rounding alone: the rest is nothing
            mode, time = _AT_REST, step
            continue
        theta, omega, left, mode = new_theta, new_omega, left - taken, _STEP
        step += step


def _flowing(real):
    return (real[:, :, ::1], float64[::1], real[:, ::1], int64[::1], *[int64] * 3, *[float64] * 3)


@kernel(
    *map(_flowing, (float32, float64)), block=BLOCK, resident=1, shared=2 * COLUMNS * BLOCK * 8,
    # 6 columns a step: 48 rates, of an exponential and an error function (40 instructions) each
    work=Work("400 orbits of 10,000 steps, normal prior, no wall", 7, 400 * 1e4 * 48 * 60, 400 * 1e4 * 48 * 2),
)  # fmt: skip
def _play_reference(particles, coordinates, omegas, diverged_at, first, count, prior, gamma, clip, step):
    t = cuda.grid(1)
    if t >= coordinates.size or diverged_at[t] >= 0:
        return
    table = cuda.shared.array(0, float64)
    for done in range(count):
        theta, omega = _flow(table, prior, gamma, clip, float64(particles[t, 0, 0]), float64(omegas[0, t]), step)
        if not (math.isfinite(theta) and math.isfinite(omega) and math.isfinite(coordinates[t])):
            diverged_at[t] = first + done + 1
            break
        particles[t, 0, 0], omegas[0, t] = theta, omega


def play(particles, coordinates, omegas, diverged_at, first, count, law, kind, step):
    """See toy_wgan_cpu.play."""
    by_atom = np.ascontiguousarray(omegas.T)
    here = (particles, coordinates, by_atom, diverged_at)
    on_device = [there(array) if array is by_atom else held(array) for array in here]
    if kind == REFERENCE:
        _play_reference.launch(
            len(coordinates), *on_device, first, count, *law, step, block=BLOCK, shared=2 * COLUMNS * BLOCK * 8
        )
    else:
        moving = there(by_atom.astype(np.float64))
        played = (*on_device[:3], moving, on_device[3])
        _play.launch(len(coordinates), *played, first, count, *law, kind, step)
    back(*zip(on_device, here, strict=True))
    omegas[...] = by_atom.T
