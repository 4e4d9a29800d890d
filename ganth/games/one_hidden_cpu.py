"""Loops of one_hidden, for the CPU."""

import math
from collections import namedtuple

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..formulas import random as formula

Rules = namedtuple(
    "Rules",
    "activation scale lr_disc reg lr_gen penalty local other gram n_disc n_data simultaneous resampled "
    "cumulative means factors",
)


@njit
def _draw(data, key, step, trial, cumulative, means, factors):
    """Set data (M, d) to what GaussianMixture.sample returns."""
    count, dim = data.shape
    noise = np.empty(count * dim + 1)
    for i in range((count * dim + 1) // 2):
        a, b, c, d = formula.philox(key, i, step, trial, formula.NOISE)
        noise[2 * i], noise[2 * i + 1] = formula.normal_pair(a, b, c, d)
    for i in range(count):
        a, b, c, d = formula.philox(key, i // 2, step + 1, trial, formula.DATA)
        u = formula.uniform(a, b) if i % 2 == 0 else formula.uniform(c, d)
        mode = 0
        while mode + 1 < cumulative.size and cumulative[mode] <= u * cumulative[-1]:
            mode += 1
        for axis in range(dim):
            x = means[mode, axis]
            for k in range(axis + 1):
                x += factors[mode, axis, k] * noise[i * dim + k]
            data[i, axis] = x


@njit
def _activation(u, kind):
    one, two = type(u)(1), type(u)(2)
    if kind == 0:
        return (u, one, u - u) if not u <= 0 else (u - u, u - u, u - u)
    if kind == 1:
        t = math.tanh(u)
        return t, one - t * t, -two * t * (one - t * t)
    slope = two / math.sqrt(type(u)(math.pi)) * math.exp(-u * u)
    return math.erf(u), slope, -two * u * slope


@njit
def _field(gradients, parameters, points, rules):
    """Set gradients (N, d) to those of D at the points."""
    gradients[:] = 0
    dim, units = points.shape[1], parameters.shape[1]
    for i in range(units):
        for p in range(len(points)):
            u = parameters[dim + 1, i]
            for axis in range(dim):
                u += parameters[1 + axis, i] * points[p, axis]
            _, slope, _ = _activation(u, rules.activation)
            push = rules.scale * parameters[0, i] * slope
            for axis in range(dim):
                gradients[p, axis] += push * parameters[1 + axis, i]


@njit
def _couple(velocities, gradients, rules):
    """Set velocities to (1/N) sum_b Gamma_ab gradient_b; see effective.coupled."""
    count, dim = gradients.shape
    for axis in range(dim):
        mean = gradients[0, axis] - gradients[0, axis]
        for p in range(count):
            mean += gradients[p, axis]
        mean /= type(mean)(count)
        for p in range(count):
            if rules.gram.size == 0:
                velocities[p, axis] = rules.local * gradients[p, axis] + rules.other * mean
            else:
                total = mean - mean
                for q in range(count):
                    total += rules.gram[p, q] * gradients[q, axis]
                velocities[p, axis] = total


@njit
def _learn(parameters, squares, slopes, points, pushes, data, rules):
    """Take one step of the discriminator; pushes are N h."""
    dim, units = points.shape[1], parameters.shape[1]
    zero = rules.scale - rules.scale
    for i in range(units):
        weight = parameters[0, i]
        slopes[:] = 0
        for q in range(len(points) + len(data)):
            generated = q < len(points)
            x = points[q] if generated else data[q - len(points)]
            c = type(zero)(1) / type(zero)(len(points)) if generated else -type(zero)(1) / type(zero)(len(data))
            u = parameters[dim + 1, i]
            for axis in range(dim):
                u += parameters[1 + axis, i] * x[axis]
            s, s1, s2 = _activation(u, rules.activation)
            along = zero
            if generated and rules.penalty > 0:
                for axis in range(dim):
                    along += parameters[1 + axis, i] * pushes[q, axis]
            slopes[0] += c * (s + s1 * along)
            slopes[dim + 1] += weight * c * (s1 + s2 * along)
            for axis in range(dim):
                slopes[1 + axis] += weight * c * (s1 + s2 * along) * x[axis]
                if generated and rules.penalty > 0:
                    slopes[1 + axis] += weight * c * s1 * pushes[q, axis]
        for k in range(dim + 2):
            slope = rules.scale * slopes[k] + rules.reg * parameters[k, i]
            if squares is not None:
                squares[k, i] = type(zero)(0.99) * squares[k, i] + type(zero)(0.01) * slope * slope
                slope /= math.sqrt(squares[k, i]) + type(zero)(1e-8)
            parameters[k, i] -= rules.lr_disc * slope


@njit
def _play(points, parameters, squares, key, trial, first, count, rules):
    """Play one trial; return the iterations that left its particles finite."""
    gradients, velocities, pushes = np.zeros_like(points), np.zeros_like(points), np.zeros_like(points)
    slopes = np.zeros_like(parameters[:, 0])
    data = np.empty((rules.n_data, points.shape[1]), points.dtype)
    if not rules.resampled:
        _draw(data, key, 0, trial, rules.cumulative, rules.means, rules.factors)
    for t in range(first, first + count):
        if rules.simultaneous:
            _field(gradients, parameters, points, rules)
            _couple(velocities, gradients, rules)
        for j in range(rules.n_disc):
            if rules.resampled:
                _draw(data, key, t * rules.n_disc + j, trial, rules.cumulative, rules.means, rules.factors)
            if rules.penalty > 0:
                _field(gradients, parameters, points, rules)
                _couple(pushes, gradients, rules)
                pushes *= rules.penalty
            _learn(parameters, squares, slopes, points, pushes, data, rules)
        if not rules.simultaneous:
            _field(gradients, parameters, points, rules)
            _couple(velocities, gradients, rules)
        finite = True
        for place in np.ndindex(points.shape):
            velocities[place] = points[place] + rules.lr_gen * velocities[place]
            finite = finite and math.isfinite(velocities[place])
        if not finite:
            return t - first
        points[:] = velocities
    return count


@njit
def _play_trial(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, rules):
    if diverged_at[k] < 0:
        moments = None if squares is None else squares[k]
        done = _play(particles[k], parameters[k], moments, key, first_trial + k, first, count, rules)
        if done < count:
            diverged_at[k] = first + done + 1


@compiled(error_model="numpy")
def play_alone(particles, parameters, squares, diverged_at, key, first_trial, first, count, rules):
    """Play `count` iterations of each trial in turn, in place."""
    for k in range(len(particles)):
        _play_trial(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, rules)


@compiled(parallel=True, error_model="numpy")
def play_trials(particles, parameters, squares, diverged_at, key, first_trial, first, count, rules):
    """See play_alone: trials side by side."""
    for k in prange(len(particles)):
        _play_trial(k, particles, parameters, squares, diverged_at, key, first_trial, first, count, rules)
