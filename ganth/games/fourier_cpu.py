"""Loops of fourier, for the CPU: waves on a product grid, GROUP particles at a time.

A discriminator is a sum of weights times products of a wave in x and one in y, so that its means over particles and its
gradients at them are products of matrices: the waves of one axis, those of the other, and the weights.  Arrays are
flat, of n lanes a vector.  The sines of a group in one coordinate fill `half` numbers, padded to whole Wide values, and
so do the cosines; the waves of y are padded with zeros to `panels` vectors:

    weights, means, forget, gain   [wave of x][wave of y]
    left                           [group][sines, cosines][frequency][point of GROUP]
    right, slopes                  [group][panel of n waves of y][point of GROUP][wave of the panel]

Waves are the sines of all frequencies, then the cosines.  In one dimension y has one wave, the constant 1.
"""

import math

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from ..backend import compiled
from ..formulas import turns
from ..lanes import wide
from ..lanes.draws import mixture
from ..lanes.tiles import BYTES as BYTES
from ..lanes.tiles import (
    GROUP,
    add_dot,
    add_products,
    aligned,
    lanes_of,
    load,
    load_tile,
    product,
    spread,
    spread_tile,
    store,
    store_totals,
    zero_tile,
)


def _half_turn(r):
    """See turns: the polynomials of r's type."""


@overload(_half_turn, jit_options={"forceinline": True})
def _half_turn_of(r):
    return (turns.half_turn_float32 if r.number == types.float32 else turns.half_turn_float64).py_func


@njit
def _copy(to, source):
    for i in np.ndindex(to.shape):
        to[i] = source[i]


@njit
def _waves(waves, at, turns_of, points, first, axis, repeated):
    """Set the sines and cosines of a group, waves[at:], to those of coordinate `axis` of points[first:]."""
    width, half = repeated.size, turns_of.size
    for i in range(width):
        p = first + i % GROUP
        repeated[i] = points[p, axis] if p < points.shape[0] else points.dtype.type(0)
    x, frequency = wide.load(wide.pointer(repeated, 0), 0), wide.pointer(turns_of, 0)
    sines, cosines = wide.pointer(waves, at), wide.pointer(waves, at + half)
    for i in range(0, half, width):
        s, c = _half_turn(wide.fraction(wide.load(frequency, i) * x))
        wide.store(sines, i, s * c)
        wide.store(cosines, i, 1 - (s + s) * s)


@njit
def _by_point(right, slopes, group, waves, axis, half, panels, present):
    """Reorder the waves of y and their derivatives; those of points that are not there are 0."""
    n = lanes_of(right)
    tile = group * panels * GROUP * n
    for j in range(axis.size):
        other, k = axis.size + j, right.dtype.type(axis[j])
        sine, cosine = tile + j // n * GROUP * n + j % n, tile + other // n * GROUP * n + other % n
        for p in range(GROUP):
            s, c = waves[j * GROUP + p], waves[half + j * GROUP + p]
            right[sine + p * n], right[cosine + p * n] = s, c
            slopes[sine + p * n], slopes[cosine + p * n] = k * c, -k * s
    for p in range(present, GROUP):
        for panel in range(panels):
            for lane in range(n):
                right[tile + (panel * GROUP + p) * n + lane] = 0


@njit
def _add_products(sums, left, right, group, count, half, panels):
    """Add the products of a group's waves of x and y to their sums."""
    n = lanes_of(sums)
    for panel in range(panels):
        y = load_tile(right, (group * panels + panel) * GROUP * n)
        for sort in range(2):
            of = (2 * group + sort) * half
            to = (sort * count * panels + panel) * n
            for i in range(count):
                at = to + i * panels * n
                store(sums, at, add_dot(load(sums, at), spread_tile(left, of + i * GROUP), y))


@njit
def _average(means, left, right, slopes, points, axis, turns_of, repeated, spare, panels, keep):
    """Set means to those of the products of waves over points (n, d); keep the waves of all groups, or of one."""
    half, number = turns_of.size, points.shape[0]
    for i in range(means.size):
        means[i] = 0
    for first in range(0, number, GROUP):
        group = first // GROUP if keep else 0
        for coordinate in range(points.shape[1]):
            waves, at = (left, group * 2 * half) if coordinate == 0 else (spare, 0)
            _waves(waves, at, turns_of, points, first, coordinate, repeated)
        if points.shape[1] == 2:
            _by_point(right, slopes, group, spare, axis, half, panels, number - first)
        else:
            for p in range(GROUP):
                right[(group * GROUP + p) * lanes_of(right)] = first + p < number
        _add_products(means, left, right, group, axis.size, half, panels)
    scale = means.dtype.type(1) / means.dtype.type(number)
    for i in range(means.size):
        means[i] *= scale


@njit
def _gradients(gradients, weights, left, right, slopes, axis, half, groups, panels, axes):
    """Set gradients[particle][axis]."""
    n, count = lanes_of(weights), axis.size
    for group in range(groups):
        along_x = along_y = zero_tile(weights)
        for panel in range(panels):
            value = slope = zero_tile(weights)  # sums over the waves of x, and over their derivatives
            for i in range(count):
                at = group * 2 * half + i * GROUP
                s, c = spread_tile(left, at), spread_tile(left, at + half)
                of_sine = load(weights, (i * panels + panel) * n)
                of_cosine = load(weights, ((count + i) * panels + panel) * n)
                k = weights.dtype.type(axis[i])
                value = add_products(add_products(value, s, of_sine), c, of_cosine)
                slope = add_products(slope, c, product(spread(k), of_sine))
                slope = add_products(slope, s, product(spread(-k), of_cosine))
            tile = (group * panels + panel) * GROUP * n
            along_x = add_products(along_x, slope, load_tile(right, tile))
            along_y = add_products(along_y, value, load_tile(slopes, tile))
        store_totals(gradients, group * GROUP * axes, axes, along_x)
        if axes == 2:
            store_totals(gradients, group * GROUP * axes + 1, axes, along_y)


@njit
def _move(moved, points, gradients, gram, local, shared, rate):
    """Set moved to points + rate (local gradient_a + shared mean gradient), or to points + rate gram gradient."""
    n, axes = points.shape
    finite = True
    for axis in range(axes):
        mean = points.dtype.type(0)
        for b in range(n):
            mean += gradients[b * axes + axis]
        mean /= points.dtype.type(n)
        for a in range(n):
            velocity = local * gradients[a * axes + axis] + shared * mean
            if gram.size > 0:
                velocity = points.dtype.type(0)
                for b in range(n):
                    velocity += gram[a, b] * gradients[b * axes + axis]
            x = points[a, axis] + rate * velocity
            finite = finite and math.isfinite(x)
            moved[a, axis] = x
    return finite


@njit
def _exchange(padded, weights, panels, inwards):
    """Copy weights [wave of x][wave of y] into their padded place, or back."""
    columns = panels * lanes_of(padded)
    for i, j in np.ndindex(weights.shape):
        if inwards:
            padded[i * columns + j] = weights[i, j]
        else:
            weights[i, j] = padded[i * columns + j]


@njit
def _learn(weights, change, data, forget, gain, means, fresh):
    """Take a step of the weights; `change` is what pulls at them, which stays while the data do."""
    for i in range(weights.size):
        if fresh:
            change[i] = gain[i] * (means[i] - data[i])
        weights[i] -= forget[i] * weights[i] + change[i]


@njit
def _play(particles, weights, data, axis, forget, gain, coupling, target, n_data, stream, repeats, count, alternating):
    """Play one trial; return the step, from 1, at which a particle would leave the finite numbers, or 0."""
    gram, local, shared, rate = coupling
    centres, factors, cumulative = target
    key, trial, first = stream
    number, axes = particles.shape
    n, width = lanes_of(forget), wide.width(wide.pointer(forget, 0))
    panels, groups = forget.size // (2 * axis.size * n), (number + GROUP - 1) // GROUP
    half = (axis.size * GROUP + width - 1) // width * width
    tables = aligned(5 * forget.size, forget).reshape(5, forget.size)
    held, kept, change, means, drawn = tables[0], tables[1], tables[2], tables[3], tables[4]
    turns_of, repeated, spare = aligned(half, forget), aligned(width, forget), aligned(2 * half, forget)
    left, left_data = aligned(groups * 2 * half, forget), aligned(2 * half, forget)
    tiles = aligned(2 * (groups + 1) * panels * GROUP * n, forget).reshape(2 * (groups + 1), panels * GROUP * n)
    right, slopes = tiles[:groups].ravel(), tiles[groups:-2].ravel()
    right_data, slopes_data = tiles[-2], tiles[-1]
    gradients, moved = aligned(groups * GROUP * axes, forget), np.empty_like(particles)
    points, modes = np.empty((n_data, axes), forget.dtype), np.empty((2, (n_data + 1) // 2), np.int64)
    even, odd = np.empty((n_data * axes + 1) // 2), np.empty((n_data * axes + 1) // 2)
    for i in range(axis.size * GROUP):
        turns_of[i] = axis[i // GROUP] / (2 * math.pi)
    _exchange(held, weights, panels, True)
    lost = 0
    for step in range(count):
        _average(means, left, right, slopes, particles, axis, turns_of, repeated, spare, panels, True)
        if not alternating:
            _gradients(gradients, held, left, right, slopes, axis, half, groups, panels, axes)
        _copy(kept, held)
        for again in range(repeats):
            if n_data > 0:
                at = (first + step) * repeats + again
                mixture(points, centres, factors, cumulative, key, np.uint64(at), trial, even, odd, modes)
                _average(
                    drawn, left_data, right_data, slopes_data, points, axis, turns_of, repeated, spare, panels, False
                )
            _learn(held, change, drawn if n_data > 0 else data, forget, gain, means, n_data > 0 or again == 0)
        if alternating:
            _gradients(gradients, held, left, right, slopes, axis, half, groups, panels, axes)
        if not _move(moved, particles, gradients, gram, local, shared, rate):
            _copy(held, kept)
            lost = first + step + 1
            break
        _copy(particles, moved)
    _exchange(held, weights, panels, False)
    return lost


@compiled(parallel=True, error_model="numpy")
def advance(
    particles,
    weights,
    diverged_at,
    data,
    axis,
    forget,
    gain,
    coupling,
    target,
    n_data,
    key,
    trials,
    first,
    count,
    repeats,
    alternating,
):
    """Play `count` steps of every trial that has not diverged, after `first` steps; see fourier.FourierEngine.

    A step of the discriminator takes w to w - forget w - gain (mean over particles - mean over data), padded tables; an
    iteration makes `repeats` of them.  `data` holds the means over data, for each trial or for all, which n_data > 0
    points drawn from `target` (means, Cholesky factors, cumulative weights) replace at each step.  `coupling` is
    (gram / n, or empty for two values; (g1 - g2) / n; g2; the generator's rate).
    """
    for t in prange(len(particles)):
        if diverged_at[t] < 0:
            stream = (key, np.uint64(trials + t), first)
            lost = _play(
                particles[t],
                weights[t],
                data[t % len(data)],
                axis,
                forget,
                gain,
                coupling,
                target,
                n_data,
                stream,
                repeats,
                count,
                alternating,
            )
            if lost > 0:
                diverged_at[t] = lost
