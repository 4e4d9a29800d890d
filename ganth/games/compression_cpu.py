"""Loops of compression, for threads."""

import math

import numpy as np
from numba import prange

from ..backend import compiled


@compiled(error_model="numpy")
def _product(matrix, curve):
    """Return matrix @ curve: the same bits on any number of threads, which a BLAS does not promise."""
    out = np.zeros((matrix.shape[0], curve.shape[1]))
    for i in range(matrix.shape[0]):
        for k in range(matrix.shape[1]):
            for column in range(curve.shape[1]):
                out[i, column] += matrix[i, k] * curve[k, column]
    return out


@compiled(error_model="numpy")
def _length(row, first, axes):
    square = 0.0
    for column in range(first, first + axes):
        square += row[column] * row[column]
    return math.sqrt(square)


@compiled(error_model="numpy")
def _trim(curve, axes, allowed):
    """Zero the last coefficients of each particle's curve, as many as sum to `allowed` at most."""
    for first in range(0, curve.shape[1], axes):
        cut = 0.0
        for degree in range(curve.shape[0] - 1, 0, -1):
            cut += _length(curve[degree], first, axes)
            if not cut <= allowed:
                break
            for column in range(first, first + axes):
                curve[degree, column] = 0.0


@compiled(error_model="numpy")
def _rounding(base, rules):
    """Return what rounding may do to a curve near `base` at each level."""
    largest = 0.0
    for column in range(base.size):
        largest = max(largest, abs(base[column]))
    return rules.rounding * largest


@compiled(error_model="numpy")
def _shifted(curve, base, sign):
    """Return a curve moved by sign base: near the origin the arithmetic of a small curve far away loses no digits."""
    moved = curve.copy()
    for column in range(base.size):
        moved[0, column] += sign * base[column]
    return moved


@compiled(error_model="numpy")
def _misfit(path, curve, axes, basis):
    """Return the largest distance of a particle from its curve, over the steps of its path."""
    worst = 0.0
    off = _product(basis, curve)
    for step in range(path.shape[0]):
        for column in range(path.shape[1]):
            off[step, column] -= path[step, column]
        for first in range(0, path.shape[1], axes):
            worst = max(worst, _length(off[step], first, axes))
    return worst


@compiled(error_model="numpy")
def _distance(curve, other, axes):
    """Return a bound of the largest distance of two curves over [-1, 1], over all particles."""
    worst = 0.0
    total = np.zeros(curve.shape[1])
    for k in range(curve.shape[0]):
        for column in range(curve.shape[1]):
            total[column] += abs(curve[k, column] - other[k, column])
    for first in range(0, curve.shape[1], axes):
        worst = max(worst, _length(total, first, axes))
    return worst


@compiled(error_model="numpy")
def _fewest_nodes(curve, first, rules, tables):
    """Return how many Gauss nodes hold the second term of the bound below slack / 2, for one particle's curve."""
    degree = curve.shape[0] - 1
    while degree > 0 and _length(curve[degree], first, rules.axes) == 0.0:
        degree -= 1
    if degree == 0:
        return 1
    fewest = np.inf
    for i in range(tables.log_radius.size):
        square = 0.0
        for column in range(first, first + rules.axes):
            reach = 0.0
            for k in range(1, degree + 1):
                reach += abs(curve[k, column]) * tables.growth[i, k]
            square += reach * reach
        if square >= rules.pole or square > 1e4:  # and larger still for the radii to come
            break
        if rules.pole == np.inf:
            log_bound = 0.5 * square
        else:
            log_bound = -rules.power * math.log1p(-square / rules.pole)
        log_bound += math.log1p(math.sqrt(square)) + tables.log_lead[i] - math.log(0.5 * rules.slack)
        fewest = min(fewest, 0.5 * (log_bound / tables.log_radius[i] + 1.0))
    return max(1, math.ceil(fewest)) if fewest <= tables.nodes.shape[1] else tables.nodes.shape[1] + 1


@compiled(error_model="numpy")
def _replace(t, old_blocks, level, misfit, rounding, curve, step, memory, rules, tables):
    """Put nodes on a curve in the place of the newest `old_blocks` blocks, if the bound allows it; return whether."""
    n = rules.shares.size
    if not misfit <= 0.5 * rules.slack + tables.nodes.shape[0] * rounding:
        return False
    needed = np.empty(n, np.int64)
    for j in range(n):
        needed[j] = _fewest_nodes(curve, j * rules.axes, rules, tables)
        if needed[j] > tables.nodes.shape[1]:
            return False
    block, place = memory.sizes[t, 0], memory.sizes[t, 1]
    for _ in range(old_blocks):
        block -= 1
        place -= memory.blocks[t, block, 1]
    start = place
    for j in range(n):
        for i in range(needed[j]):
            u = tables.nodes[level, needed[j] - 1, i]
            memory.node_weights[t, place] = rules.shares[j] * tables.weights[level, needed[j] - 1, i]
            for axis in range(rules.axes):
                column = j * rules.axes + axis
                last, value = 0.0, 0.0
                for k in range(curve.shape[0] - 1, 0, -1):
                    last, value = value, curve[k, column] + 2.0 * u * value - last
                memory.nodes[t, axis, place] = curve[0, column] + u * value - last
            place += 1
    for k in range(curve.shape[0]):
        for column in range(curve.shape[1]):
            memory.curves[t, block, k, column] = curve[k, column]
    memory.misfits[t, block] = misfit
    _close(t, block, level, start, place, step, memory)
    return True


@compiled(error_model="numpy")
def _close(t, block, level, start, place, step, memory):
    memory.blocks[t, block, 0] = level
    memory.blocks[t, block, 1] = place - start
    memory.blocks[t, block, 2] = step
    memory.sizes[t, 0] = block + 1
    memory.sizes[t, 1] = place


@compiled(error_model="numpy")
def _store(t, step, memory, rules):
    """Keep the recent steps as they are."""
    start = memory.sizes[t, 1]
    for i in range(rules.recent_weights.size):
        memory.node_weights[t, start + i] = rules.recent_weights[i]
        for row in range(memory.nodes.shape[1]):
            memory.nodes[t, row, start + i] = memory.fresh[t, row, rules.n_true + i]
    _close(t, memory.sizes[t, 0], -1, start, start + rules.recent_weights.size, step, memory)


@compiled(error_model="numpy")
def _fit(t, step, memory, rules, tables):
    """Keep the recent steps as a curve, if the bound allows it; return whether."""
    n = rules.shares.size
    path = np.empty((tables.fit.shape[1], n * rules.axes))
    base = np.empty(n * rules.axes)
    for j in range(n):
        for axis in range(rules.axes):
            column = j * rules.axes + axis
            base[column] = memory.fresh[t, axis, rules.n_true + j]
            for i in range(path.shape[0]):
                path[i, column] = memory.fresh[t, axis, rules.n_true + i * n + j] - base[column]
    curve, rounding = _product(tables.fit, path), _rounding(base, rules)
    _trim(curve, rules.axes, rules.trim + rounding)
    curve = _shifted(curve, base, 1.0)
    misfit = _misfit(path, _shifted(curve, base, -1.0), rules.axes, tables.basis)
    return _replace(t, 0, 0, misfit, rounding, curve, step, memory, rules, tables)


@compiled(error_model="numpy")
def _join(t, step, memory, rules, tables):
    """Join the newest two blocks, if they are of one length and the bound allows it; return whether."""
    last = memory.sizes[t, 0] - 1
    level = memory.blocks[t, last, 0]
    if last < 1 or memory.blocks[t, last - 1, 0] != level or level + 1 >= tables.nodes.shape[0]:
        return False
    base = memory.curves[t, last - 1, 0].copy()
    old, new = _shifted(memory.curves[t, last - 1], base, -1.0), _shifted(memory.curves[t, last], base, -1.0)
    curve, second = _product(tables.join[0], old), _product(tables.join[1], new)
    for k in range(curve.shape[0]):
        for column in range(curve.shape[1]):
            curve[k, column] += second[k, column]
    rounding = _rounding(base, rules)
    _trim(curve, rules.axes, rules.trim + rounding)
    whole = _shifted(curve, base, 1.0)
    curve = _shifted(whole, base, -1.0)
    before = memory.misfits[t, last - 1] + _distance(old, _product(tables.halve[0], curve), rules.axes)
    after = memory.misfits[t, last] + _distance(new, _product(tables.halve[1], curve), rules.axes)
    return _replace(t, 2, level + 1, max(before, after), rounding, whole, step, memory, rules, tables)


@compiled(error_model="numpy")
def _age(t, step, memory, rules):
    """Let the weights of all kept nodes fade by a span, and drop the blocks that are too old to count."""
    count, size = memory.sizes[t, 0], memory.sizes[t, 1]
    blocks, places = 0, 0
    while blocks < count and step - memory.blocks[t, blocks, 2] >= rules.drop_age:
        places += memory.blocks[t, blocks, 1]
        blocks += 1
    for i in range(places, size):
        memory.node_weights[t, i - places] = memory.node_weights[t, i] * rules.span_decay
    if blocks == 0:
        return
    for row in range(memory.nodes.shape[1]):
        for i in range(places, size):
            memory.nodes[t, row, i - places] = memory.nodes[t, row, i]
    for block in range(blocks, count):
        memory.misfits[t, block - blocks] = memory.misfits[t, block]
        for field in range(3):
            memory.blocks[t, block - blocks, field] = memory.blocks[t, block, field]
        for k in range(memory.curves.shape[2]):
            for column in range(memory.curves.shape[3]):
                memory.curves[t, block - blocks, k, column] = memory.curves[t, block, k, column]
    memory.sizes[t, 0] = count - blocks
    memory.sizes[t, 1] = size - places


@compiled(parallel=True, error_model="numpy")
def keep(step, diverged_at, memory, rules, tables):
    """See compression.keep."""
    for t in prange(diverged_at.size):
        if diverged_at[t] >= 0:
            continue
        _age(t, step, memory, rules)
        smooth = tables.nodes.shape[0] > 0 and _fit(t, step, memory, rules, tables)
        if not smooth:
            _store(t, step, memory, rules)
        while smooth:
            smooth = _join(t, step, memory, rules, tables)
