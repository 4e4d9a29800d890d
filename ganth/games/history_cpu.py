"""Loops of history, for threads: the pull of a history on its particles, and a step."""

import math
from typing import Any

import numpy as np
from numba import get_num_threads, prange  # noqa: F401 (history asks here)

from ..backend import compiled
from ..formulas import exponentials as fast
from ..formulas import history as formula
from ..formulas.history import GAUSSIAN, LAPLACE, TANGENT

TILE = 1024  # sources summed at a time: a sum's bits depend on this, and on nothing else about how work is split
_SHARED_TILES = 64  # below this many tiles times particles a step, threads cost more than they save
# Sums may be reordered, so that they are vectorised; a division by zero is infinite.
_sums: Any = {"error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}


@compiled(error_model="numpy", fastmath={"contract"})
def exp(x):
    """Return exp(x) for x <= 0; 0 below the normal numbers."""
    mantissa, shifted = fast.exp_parts(x)
    bits = np.float64(mantissa).view(np.int64) + (np.float64(shifted).view(np.int64) << np.int64(52))
    return np.int64(bits).view(np.float64) if x > fast.SMALLEST_EXPONENT else 0.0


@compiled(error_model="numpy", fastmath={"contract"})
def log1p(x):
    """Return log(1 + x) for x >= 0."""
    total = 1.0 + x
    bits = np.float64(total).view(np.int64)
    exponent = np.float64((bits >> np.int64(52)) - np.int64(1023))
    mantissa = np.int64((bits & np.int64(0x000FFFFFFFFFFFFF)) | np.int64(0x3FF0000000000000)).view(np.float64)
    return fast.log1p_of_parts(x, total, mantissa, exponent)


@compiled(inline="always", **_sums)
def _tangent_slopes(scratch, size, weights, norms, own_norm, profile):
    """Set slopes for directions, r2 of their chord; return the pull along the point itself."""
    r2, slope, value, angle = scratch[0, :size], scratch[1, :size], scratch[2, :size], scratch[3, :size]
    for i in range(size):
        angle[i] = formula.place_on_circle(r2[i])
        value[i] = 0.0
        slope[i] = 0.0
    for first in range(0, profile.shape[1], 8):
        values, derivatives = profile[0, first : first + 8], profile[1, first : first + 8]
        for i in range(size):
            v, d, u = value[i], slope[i], angle[i]
            for k in range(8):
                v = v * u + values[k]
                d = d * u + derivatives[k]
            value[i], slope[i] = v, d
    along = 0.0
    for i in range(size):
        turning = formula.turning(r2[i], slope[i])
        weight = 0.0 if r2[i] == 0.0 and norms[i] == own_norm else weights[i] * norms[i]
        slope[i] = -2.0 * weight * turning
        along += weight * (value[i] - turning * r2[i])
    return along


@compiled(inline="always", **_sums)
def _slopes(slope, r2, weights, kernel):
    """Set slope_i = -2 w_i dK/dr2 at r2_i."""
    if kernel.code == GAUSSIAN:
        for term in range(kernel.terms.size):
            rate = kernel.terms[term]
            for i in range(slope.size):
                gradient = 2.0 * rate * weights[i] * exp(-rate * r2[i])
                slope[i] = gradient if term == 0 else slope[i] + gradient
    elif kernel.code == LAPLACE:
        rate = kernel.terms[0]
        for i in range(slope.size):
            r = math.sqrt(r2[i])
            slope[i] = rate * weights[i] * exp(-rate * r) / r if r > 0.0 else 0.0
    else:
        rate, power = kernel.terms[0], kernel.terms[1]
        for i in range(slope.size):
            slope[i] = weights[i] * exp(-power * log1p(rate * r2[i]))


@compiled(**_sums)
def _pull(sums, points, places, weights, begin, end, kernel, scratch):
    """Add sum_i w_i grad K(., z_i) at each point to `sums`: sources begin <= i < end, no more than TILE."""
    size = end - begin
    axes = kernel.axes
    r2, slope = scratch[0, :size], scratch[1, :size]
    for j in range(points.shape[0]):
        for axis in range(axes):
            place, own = places[axis, begin:end], points[j, axis]
            if axis == 0:
                for i in range(size):
                    r2[i] = (place[i] - own) * (place[i] - own)
            else:
                for i in range(size):
                    r2[i] += (place[i] - own) * (place[i] - own)
        along = 0.0
        if kernel.code == TANGENT:
            norms, norm = places[axes, begin:end], points[j, axes]
            along = _tangent_slopes(scratch, size, weights[begin:end], norms, norm, kernel.profile)
        else:
            _slopes(slope, r2, weights[begin:end], kernel)
        for axis in range(axes):
            place, own = places[axis, begin:end], points[j, axis]
            total = along * own
            for i in range(size):
                total += slope[i] * (place[i] - own)
            sums[j, axis] += total


@compiled(error_model="numpy")
def true_factor(step, lr_disc, reg):
    """Return (1 - rho^step) / reg, the weight of a true point in f^step for mass 1; rho = 1 - lr_disc reg."""
    shrink = lr_disc * reg
    if shrink == 0.0:
        return lr_disc * step
    if shrink < 1.0:
        return -math.expm1(step * math.log1p(-shrink)) / reg
    return (1.0 - math.pow(1.0 - shrink, step)) / reg


@compiled(error_model="numpy")
def _locate(point, position, axes, code, inverse_widths):
    """Set `point` to the coordinates in which the kernel works: units of the width, or direction and norm."""
    dim = position.size
    if code != TANGENT:
        for axis in range(dim):
            point[axis] = position[axis] * inverse_widths[axis]
        return
    # Divided by the largest coordinate first, so that squares do not overflow.
    largest = 1.0 if axes > dim else 0.0
    for axis in range(dim):
        largest = max(largest, abs(np.float64(position[axis])))
    unit = 1.0 / largest if axes > dim else 0.0
    square = unit * unit
    for axis in range(dim):
        point[axis] = position[axis] / largest if largest > 0.0 else 0.0
        square += point[axis] * point[axis]
    length = math.sqrt(square)
    for axis in range(dim):
        point[axis] = point[axis] / length if length > 0.0 else 0.0
    if axes > dim:
        point[dim] = unit / length
    point[axes] = largest * length


@compiled(error_model="numpy")
def locate(points, positions, kernel):
    """Set points (trials, rows, m) to the coordinates of positions (trials, m, d)."""
    point = np.empty(points.shape[1])
    for t in range(points.shape[0]):
        for i in range(points.shape[2]):
            _locate(point, positions[t, i], kernel.axes, kernel.code, kernel.inverse_widths)
            for row in range(point.size):
                points[t, row, i] = point[row]


def _player(shared, **options):
    """Return the loop over the steps of a trial; `shared`: with the tiles of its history shared among threads.

    One text for both, an integer closed over to tell them apart in the cache of compiled code.
    """

    @compiled(error_model="numpy", **options)
    def play(t, particles, diverged_at, first_step, count, game, memory, kernel, threads):
        if diverged_at[t] >= 0:
            return
        position, fresh, nodes, node_weights = particles[t], memory.fresh[t], memory.nodes[t], memory.node_weights[t]
        size, n, rows, n_true = memory.sizes[t, 1], position.shape[0], fresh.shape[0], game.true_masses.size
        tiles = (size + TILE - 1) // TILE
        points, moved = np.empty((n, rows)), np.empty_like(position)
        sums = np.empty((tiles + 1, n, rows))
        weights = np.empty(fresh.shape[1])
        scratch = np.empty((threads, 4, TILE))
        for step in range(first_step, first_step + count):
            age = step % game.span
            for j in range(n):
                _locate(points[j], position[j], kernel.axes, kernel.code, kernel.inverse_widths)
                for row in range(rows):
                    fresh[row, n_true + age * n + j] = points[j, row]
            for tile in range(tiles + 1):
                for j in range(n):
                    for row in range(rows):
                        sums[tile, j, row] = 0.0
            if shared and tiles * n >= _SHARED_TILES:
                for slot in prange(threads):
                    for tile in range(slot, tiles, threads):
                        end = min((tile + 1) * TILE, size)
                        _pull(sums[tile], points, nodes, node_weights, tile * TILE, end, kernel, scratch[slot])
            else:
                for tile in range(tiles):
                    end = min((tile + 1) * TILE, size)
                    _pull(sums[tile], points, nodes, node_weights, tile * TILE, end, kernel, scratch[0])
            age += game.alternating
            factor = true_factor(step + game.alternating, game.lr_disc, game.reg)
            for i in range(n_true):
                weights[i] = -factor * game.true_masses[i]
            for i in range(age * n):
                weights[n_true + i] = game.recent_weights[(game.span - age) * n + i]
            for begin in range(0, n_true + age * n, TILE):
                end = min(begin + TILE, n_true + age * n)
                _pull(sums[tiles], points, fresh, weights, begin, end, kernel, scratch[0])
            finite = True
            for j in range(n):
                for axis in range(position.shape[1]):
                    old = 0.0
                    for tile in range(tiles):
                        old += sums[tile, j, axis]
                    gradient = -(sums[tiles, j, axis] + game.decays[age] * old) * kernel.inverse_widths[axis]
                    if kernel.code == TANGENT and points[j, kernel.axes] == 0.0:
                        gradient = 0.0
                    moved[j, axis] = position[j, axis] + game.lr_gen * game.masses[j] * gradient
                    finite = finite and math.isfinite(moved[j, axis])
            if not finite:
                diverged_at[t] = step + 1
                return
            for j in range(n):
                for axis in range(position.shape[1]):
                    position[j, axis] = moved[j, axis]

    return play


play_alone = _player(1, parallel=True)
_play_trial = _player(0)


@compiled(parallel=True, error_model="numpy")
def play_trials(particles, diverged_at, first_step, count, game, memory, kernel):
    """Play `count` steps, within one span, of every trial, a thread for each."""
    for t in prange(particles.shape[0]):
        _play_trial(t, particles, diverged_at, first_step, count, game, memory, kernel, 1)
