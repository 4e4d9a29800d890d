"""Loops of dense, for the CPU: a ReLU network that learns at a handful of points.

A step is three products per layer between its weights and some eight points; so each weight is fetched once on the
way forward, and once more on the way back, where it is used and updated.  Arrays are flat, of n lanes a vector; units
are padded with zeros to a multiple of n, points to a multiple of GROUP:

    points              [group][axis, then a row of ones for the biases][point of GROUP]
    hidden, pull        [group][panel of n units][point of GROUP][unit of the panel]
    delta               [group][unit][point of GROUP]
    weights             first layer: [axis, then biases][unit]
                        each inner layer: [panel of n inputs][unit][input of the panel], then biases [unit]
                        output: [unit], then its bias
"""

import math

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..lanes.tiles import BYTES as BYTES
from ..lanes.tiles import (
    GROUP,
    add_dot,
    add_products,
    aligned,
    gate,
    lanes_of,
    load,
    load_tile,
    prefetch,
    product,
    spread,
    spread_tile,
    store,
    store_tile,
    store_totals,
    zero_tile,
)


@njit
def _first_forward(hidden, points, weights, axes, panels, groups):
    n = lanes_of(weights)
    for group in range(groups):
        for panel in range(panels):
            z = zero_tile(weights)
            for axis in range(axes):
                x = spread_tile(points, (group * axes + axis) * GROUP)
                z = add_products(z, x, load(weights, (axis * panels + panel) * n))
            store_tile(hidden, (group * panels + panel) * GROUP * n, gate(z, z))


@njit
def _inner_forward(hidden, to, of, ones, weights, start, panels):
    """Set the layer of one group at hidden[to:] from the one at hidden[of:], two units at a time."""
    n = lanes_of(weights)
    units = panels * n
    for unit in range(0, units, 2):
        a = b = zero_tile(weights)
        for panel in range(panels):
            at = start + (panel * units + unit) * n
            prefetch(weights, at + 2 * n)  # for the next two units: the hardware does not foresee this stride
            prefetch(weights, at + 3 * n)
            h = load_tile(hidden, of + panel * GROUP * n)
            a = add_products(a, h, load(weights, at))
            b = add_products(b, h, load(weights, at + n))
        lane = unit % n
        at = to + (unit - lane) * GROUP
        store_totals(hidden, at + lane, n, a)
        store_totals(hidden, at + lane + 1, n, b)
        if lane == n - 2:
            z = add_products(load_tile(hidden, at), ones, load(weights, start + units * units + unit - lane))
            store_tile(hidden, at, gate(z, z))


@njit
def _output_backward(pull, hidden, top, coefficients, weights, start, panels, groups, decay, learn):
    """Start the way back at the output: its coefficients are d loss / d f."""
    n = lanes_of(weights)
    shrink = spread(decay)
    for panel in range(panels):
        old = load(weights, start + panel * n)
        new = product(shrink, old)
        for group in range(groups):
            at = (group * panels + panel) * GROUP * n
            c, h = spread_tile(coefficients, group * GROUP), load_tile(hidden, top + at)
            store_tile(pull, at, gate(h, add_products(zero_tile(weights), c, old)))
            new = add_dot(new, c, h)
        if learn:
            store(weights, start + panel * n, new)
    if learn:
        bias = start + panels * n
        weights[bias] = decay * weights[bias] + coefficients.sum()


@njit
def _by_unit(delta, rows, pull, weights, start, panels, groups, decay, learn):
    """Reorder pull into delta, update the layer's biases, list the rows that a sweep must visit and count them."""
    n = lanes_of(weights)
    units = panels * n
    visited = 0
    for unit in range(units):
        lane = unit % n
        change = weights.dtype.type(0)
        quiet = True
        for group in range(groups):
            for p in range(GROUP):
                d = pull[(group * units + unit - lane) * GROUP + p * n + lane]
                delta[(group * units + unit) * GROUP + p] = d
                change += d
                quiet = quiet and d == 0
        if learn:
            bias = start + units * units + unit
            weights[bias] = decay * weights[bias] + change
        # A unit that is off at every point pulls at nothing and, undecayed, keeps its weights.
        if not quiet or (learn and decay != 1):
            rows[visited] = unit
            visited += 1
    return visited


@njit
def _inner_backward(pull, delta, rows, spare, hidden, below, weights, start, panels, groups, decay, learn):
    """Take pull from a layer to the one below and set the weights between them to decay weights + delta hidden."""
    n = lanes_of(weights)
    units = panels * n
    visited = _by_unit(delta, rows, pull, weights, start, panels, groups, decay, learn)
    for panel in range(panels):
        at = start + panel * units * n
        for group in range(groups):
            # Every group pulls by the old weights, so that only the last one may overwrite them.
            old, old_at, shrink = (weights, at, decay) if group == 0 else (spare, 0, weights.dtype.type(1))
            new, new_at = (weights, at) if group == groups - 1 else (spare, 0)
            factor, tile_at = spread(shrink), (group * panels + panel) * GROUP * n
            g, h = zero_tile(weights), load_tile(hidden, below + tile_at)
            for k in range(visited):
                row = rows[k]
                d = spread_tile(delta, (group * units + row) * GROUP)
                g = add_products(g, d, load(weights, at + row * n))
                if learn:
                    store(new, new_at + row * n, add_dot(product(factor, load(old, old_at + row * n)), d, h))
            store_tile(pull, tile_at, gate(h, g))


@njit
def _first_backward(force, pull, points, weights, axes, panels, groups, decay, learn):
    """Set force[group][axis][point] = d loss / d point from pull, and update the first layer."""
    n = lanes_of(weights)
    factor = spread(decay)
    for axis in range(axes):
        for group in range(groups):
            f = zero_tile(weights)
            for panel in range(panels):
                f = add_products(
                    f, load_tile(pull, (group * panels + panel) * GROUP * n), load(weights, (axis * panels + panel) * n)
                )
            store_totals(force, (group * axes + axis) * GROUP, 1, f)
        if learn:
            for panel in range(panels):
                at = (axis * panels + panel) * n
                new = product(factor, load(weights, at))
                for group in range(groups):
                    x = spread_tile(points, (group * axes + axis) * GROUP)
                    new = add_dot(new, x, load_tile(pull, (group * panels + panel) * GROUP * n))
                store(weights, at, new)


@njit
def _pass(force, points, coefficients, weights, hidden, pull, delta, rows, spare, depth, axes, decay, learn):
    """Go forward and back once; with `learn`, ascend the loss."""
    n = lanes_of(weights)
    groups = coefficients.size // GROUP
    panels = rows.size // n
    units = panels * n
    layer, between, first = groups * units * GROUP, units * units + units, axes * units
    _first_forward(hidden, points, weights, axes, panels, groups)
    for k in range(depth - 1):
        for group in range(groups):
            ones = spread_tile(points, (group * axes + axes - 1) * GROUP)
            of = k * layer + group * units * GROUP
            _inner_forward(hidden, of + layer, of, ones, weights, first + k * between, panels)
    start = first + (depth - 1) * between
    _output_backward(pull, hidden, (depth - 1) * layer, coefficients, weights, start, panels, groups, decay, learn)
    for k in range(depth - 2, -1, -1):
        start = first + k * between
        _inner_backward(pull, delta, rows, spare, hidden, k * layer, weights, start, panels, groups, decay, learn)
    _first_backward(force, pull, points, weights, axes, panels, groups, decay, learn)


@njit
def _place(slot, axis, axes):
    """Return where points and force keep a coordinate of the point in a slot."""
    return (slot // GROUP * axes + axis) * GROUP + slot % GROUP


@njit
def _play(particles, weights, true_points, coefficients, count, depth, units, decay, ratio, passes):
    """Play one trial; return the step, from 1, at which a particle would leave the finite numbers, or 0."""
    n_true, dim = true_points.shape
    axes, slots = dim + 1, coefficients.size
    points, force = aligned(slots * axes, weights), aligned(slots * axes, weights)
    hidden = aligned(depth * slots * units, weights)
    pull, delta = aligned(slots * units, weights), aligned(slots * units, weights)
    spare, rows = aligned(units * lanes_of(weights), weights), np.empty(units, np.intp)
    for slot in range(slots):
        points[_place(slot, dim, axes)] = 1
    for axis in range(dim):
        for i in range(n_true):
            points[_place(i, axis, axes)] = true_points[i, axis]
        for j in range(len(particles)):
            points[_place(n_true + j, axis, axes)] = particles[j, axis]
    for step in range(1, count + 1):
        for again in range(passes):
            learn = again == 0
            _pass(force, points, coefficients, weights, hidden, pull, delta, rows, spare, depth, axes, decay, learn)
        finite = True
        for slot in range(n_true, n_true + len(particles)):
            for axis in range(dim):
                at = _place(slot, axis, axes)
                force[at] = points[at] - ratio * force[at]
                finite = finite and math.isfinite(force[at])
        if not finite:
            return step
        for j in range(len(particles)):
            for axis in range(dim):
                at = _place(n_true + j, axis, axes)
                points[at] = particles[j, axis] = force[at]
    return 0


@compiled(parallel=True, error_model="numpy")
def advance(
    particles, weights, diverged_at, true_points, coefficients, step, count, depth, units, decay, ratio, passes
):
    """Play `count` steps of every trial that has not diverged, from step `step` on; see dense.DenseEngine.

    `coefficients` (a multiple of GROUP) are d loss / d f times the discriminator's rate at true points, particles and
    nothing; `ratio` is the generator's rate over the discriminator's; with two
    `passes` a step the generator uses the new network.
    """
    for trial in prange(len(particles)):
        if diverged_at[trial] < 0:
            true = true_points[trial % len(true_points)]
            lost = _play(
                particles[trial], weights[trial], true, coefficients, count, depth, units, decay, ratio, passes
            )
            if lost > 0:
                diverged_at[trial] = step + lost
