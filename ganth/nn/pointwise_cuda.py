"""Loops over single numbers of a batch, for CUDA: activations, noise, and how much samples differ."""

import math

from numba import cuda, float32, float64, int64, uint64

from ..device import kernel
from ..formulas.random import philox, uniform
from ..formulas.turns import sin_cos_float64
from ..formulas.units import activated

BLOCK = 256
_REALS = (float32, float64)


@kernel(*((real[::1], real[::1], int64, int64, real) for real in _REALS), block=BLOCK, wait=False)
def activate(out, x, count, activation, slope):
    """Set out to the activation of x."""
    i = cuda.grid(1)
    if i < count:
        out[i] = activated(activation, x[i], slope)


@kernel(*((real[::1], real[::1], int64, real, *[uint64] * 5) for real in _REALS), block=BLOCK, wait=False)
def add_noise(out, x, count, deviation, key, step, trial, purpose, start):
    """Set out to x with noise: numbers 2 i and 2 i + 1 take the stream's counter start + i, a thread both."""
    i = cuda.grid(1)
    if 2 * i < count:
        a, b, c, d = philox(key, start + uint64(i), step, trial, purpose)
        radius, turn = math.sqrt(-2.0 * math.log(uniform(a, b))), uniform(c, d)
        sine, cosine = sin_cos_float64(turn - 1.0 if turn >= 0.5 else turn)
        out[2 * i] = x[2 * i] + deviation * (radius * cosine)
        if 2 * i + 1 < count:
            out[2 * i + 1] = x[2 * i + 1] + deviation * (radius * sine)


@kernel(*((*[real[::1]] * 3, int64, int64, float64) for real in _REALS), block=BLOCK, wait=False)
def take_deviations(means, found, x, batch, count, epsilon):
    """Set means and deviations over the batch, feature by feature."""
    i = cuda.grid(1)
    if i < count:
        mean = square = float64(0)
        for n in range(batch):
            mean += x[n * count + i]
        mean /= float64(batch)
        for n in range(batch):
            off = x[n * count + i] - mean
            square += off * off
        means[i], found[i] = mean, math.sqrt(square / float64(batch) + epsilon)


@kernel(*((float64[::1], real[::1], *[int64] * 4) for real in _REALS), block=BLOCK, wait=False)
def sum_chunks(sums, x, first, apart, count, chunk):
    """Set the sums of chunks of `count` numbers of x, `apart` from one another, from `first` on."""
    c = cuda.grid(1)
    if c * chunk < count:
        total = float64(0)
        for i in range(c * chunk, min(c * chunk + chunk, count)):
            total += x[first + i * apart]
        sums[c] = total


@kernel(*((real[::1], real[::1], float64[::1], *[int64] * 4) for real in _REALS), block=BLOCK, wait=False)
def widen(out, x, sums, chunks, count, channels, size):
    """Set out to x with one channel more, the mean of deviations."""
    i = cuda.grid(1)
    if i >= count:
        return
    row, channel = i // (channels + 1), i % (channels + 1)
    if channel < channels:
        out[i] = x[row * channels + channel]
    else:
        total = float64(0)
        for c in range(chunks):
            total += sums[c]
        out[i] = total / float64(size)


@kernel(*((*[real[::1]] * 5, float64[::1], *[int64] * 5) for real in _REALS), block=BLOCK, wait=False)
def narrow(below, above, x, means, found, sums, chunks, count, channels, size, batch):
    """Take slopes in what `widen` put out to slopes in x."""
    i = cuda.grid(1)
    if i < count:
        pull = float64(0)
        for c in range(chunks):
            pull += sums[c]
        pull /= float64(size * batch)
        feature = i % size
        off = (x[i] - means[feature]) / found[feature]
        below[i] = above[i // channels * (channels + 1) + i % channels] + pull * off


def deviations(means, found, x, batch, epsilon):
    """See pointwise_cpu.deviations."""
    take_deviations.launch(found.size, means, found, x, batch, found.size, epsilon, block=BLOCK)


def noisy(out, x, deviation, key, step, trial, purpose, start):
    """See pointwise_cpu.noisy."""
    add_noise.launch(-(-x.size // 2), out, x, x.size, deviation, key, step, trial, purpose, start, block=BLOCK)


def activated_all(out, x, activation, slope):
    """See pointwise_cpu.activated."""
    activate.launch(x.size, out, x, x.size, activation, slope, block=BLOCK)


def chunks_of(count):
    """Return how many numbers make a chunk of a sum, and how many chunks there are.

    >>> chunks_of(100), chunks_of(3137)
    ((10, 10), (56, 57))
    """
    chunk = max(1, math.isqrt(count))
    return chunk, -(-count // chunk)


def widened(out, x, found, sums, channels):
    """See pointwise_cpu.widen; sums: room for those of chunks."""
    chunk, chunks = chunks_of(found.size)
    sum_chunks.launch(chunks, sums, found, 0, 1, found.size, chunk, block=BLOCK)
    widen.launch(out.size, out, x, sums, chunks, out.size, channels, found.size, block=BLOCK)


def narrowed(below, above, x, means, found, sums, channels, batch):
    """See pointwise_cpu.narrow; sums: room for those of chunks."""
    count = x.size // channels
    chunk, chunks = chunks_of(count)
    sum_chunks.launch(chunks, sums, above, channels, channels + 1, count, chunk, block=BLOCK)
    narrow.launch(x.size, below, above, x, means, found, sums, chunks, x.size, channels, found.size, batch, block=BLOCK)
