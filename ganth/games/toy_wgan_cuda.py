"""Loops of toy_wgan, for CUDA: a thread plays one trial by one of the simple rules.

The atoms of a critic are read and written as (m, trials), so that neighbouring threads read neighbouring numbers.
"""

import math

import numpy as np
from numba import cuda, float32, float64, int64

from ..device import back, held, kernel, there
from ..formulas import toy_wgan as formula
from ..formulas.toy_wgan import EXPLICIT, SYMPLECTIC


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


def play(particles, coordinates, omegas, diverged_at, first, count, law, kind, step):
    """See toy_wgan_cpu.play; not for `kind` REFERENCE."""
    by_atom = np.ascontiguousarray(omegas.T)
    here = (particles, coordinates, by_atom, diverged_at)
    on_device = [there(array) if array is by_atom else held(array) for array in here]
    moving = there(by_atom.astype(np.float64))
    played = (*on_device[:3], moving, on_device[3])
    _play.launch(len(coordinates), *played, first, count, *law, kind, step)
    back(*zip(on_device, here, strict=True))
    omegas[...] = by_atom.T
