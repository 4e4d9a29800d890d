"""Loops over single numbers of a batch, for the CPU: activations, noise, and how much samples differ."""

import math

from numba import njit

from ..backend import compiled
from ..lanes.draws import normals, uniforms
from ..lanes.networks import activate, times_slopes
from ..lanes.shares import take_next
from ..lanes.windows import Rules

BLOCK = 1024  # numbers that a worker takes at a time


@compiled(error_model="numpy", nogil=True)
def activated(worker, taken, out, x, even, odd, activation, slope):
    """Set out to the activation of x; even, odd: scratch, a row for each worker."""
    rules = Rules(activation, slope)
    first = BLOCK * take_next(taken)
    while first < out.size:
        to, given = out[first : first + BLOCK], x[first : first + BLOCK]
        for i in range(to.size):
            to[i] = given[i]
        activate(to, rules, even[worker], odd[worker])
        first = BLOCK * take_next(taken)


@compiled(error_model="numpy", nogil=True)
def sloped(worker, taken, below, above, out, activation, slope):
    """Set below to above times the slopes of an activation that put `out` out."""
    rules = Rules(activation, slope)
    first = BLOCK * take_next(taken)
    while first < out.size:
        to, given = below[first : first + BLOCK], above[first : first + BLOCK]
        for i in range(to.size):
            to[i] = given[i]
        times_slopes(to, rules, out[first : first + BLOCK])
        first = BLOCK * take_next(taken)


@compiled(error_model="numpy", nogil=True)
def noisy(worker, taken, out, x, even, odd, deviation, key, step, trial, purpose, start):
    """Set out to x with noise: numbers 2 i and 2 i + 1 take the stream's counter start + i."""
    first = BLOCK * take_next(taken)
    while first < out.size:
        to, given = out[first : first + BLOCK], x[first : first + BLOCK]
        one, two = even[worker], odd[worker]
        uniforms(one, two, BLOCK // 2, key, step, trial, purpose, start + first // 2)
        normals(one, two)
        for i in range(to.size):
            to[i] = given[i] + deviation * (one[i // 2] if i % 2 == 0 else two[i // 2])
        first = BLOCK * take_next(taken)


@njit
def _deviation(x, batch, count, i, epsilon):
    """Return the mean over the batch of feature i, and its deviation."""
    mean = square = 0.0
    for n in range(batch):
        mean += x[n * count + i]
    mean /= batch
    for n in range(batch):
        off = x[n * count + i] - mean
        square += off * off
    return mean, math.sqrt(square / batch + epsilon)


@compiled(error_model="numpy", nogil=True)
def deviations(worker, taken, means, found, x, batch, epsilon):
    """Set means and deviations over the batch, feature by feature."""
    first = BLOCK * take_next(taken)
    while first < found.size:
        for i in range(first, min(first + BLOCK, found.size)):
            means[i], found[i] = _deviation(x, batch, found.size, i, epsilon)
        first = BLOCK * take_next(taken)


@compiled(error_model="numpy", nogil=True)
def widen(out, x, found, channels):
    """Set out to x with one channel more, the mean of `found`."""
    total = 0.0
    for value in found:
        total += value
    for at in range(x.size // channels):
        to, given = out[at * (channels + 1) : (at + 1) * (channels + 1)], x[at * channels : (at + 1) * channels]
        for i in range(channels):
            to[i] = given[i]
        to[channels] = total / found.size


@compiled(error_model="numpy", nogil=True)
def narrow(below, above, x, means, found, channels, batch):
    """Take slopes in what `widen` put out to slopes in x."""
    pull = 0.0
    for at in range(channels, above.size, channels + 1):
        pull += above[at]
    pull /= found.size * batch
    for at in range(x.size // channels):
        place = at * channels % found.size
        for i in range(channels):
            off = x[at * channels + i] - means[place + i]
            below[at * channels + i] = above[at * (channels + 1) + i] + pull * off / found[place + i]
