"""Loops of batch normalisation, for CUDA.

Numbers are (rows, channels), a row being a pixel of an image or a sample.  Sums over rows are taken in two stages: a
thread takes a chunk of rows for one channel, then a thread puts a channel's chunks together in their order.  A chunk's
size follows from the number of rows alone.
"""

import math

from numba import cuda, float32, float64, int64

from ..device import kernel
from ..formulas.units import activated

BLOCK = 256
MEAN, FACTOR, SHIFT, CENTRED, OVER = range(5)  # rows of a table (5, channels); OVER: 1 / deviation
TABLE = 5
_REALS = (float32, float64)


@kernel(*((*[real[::1]] * 3, *[int64] * 3) for real in _REALS), block=BLOCK, wait=False)
def take_moments(means, squares, x, rows, channels, chunk):
    """Set the means of chunks, and their sums of squares about them."""
    i = cuda.grid(1)
    c, channel = i // channels, i % channels
    if c * chunk >= rows:
        return
    first, last = c * chunk, min(c * chunk + chunk, rows)
    mean = square = x[channel] * 0
    for r in range(first, last):
        mean += x[r * channels + channel]
    mean /= type(mean)(last - first)
    for r in range(first, last):
        off = x[r * channels + channel] - mean
        square += off * off
    means[i], squares[i] = mean, square


@kernel(*((*[real[::1]] * 5, *[int64] * 7, float64, float64, int64) for real in _REALS), block=BLOCK, wait=False)
def settle(
    table, state, parameters, means, squares, rows, channels, chunk, mean_at, variance_at, scale_at, shift_at,
    momentum, epsilon, training,
):  # fmt: skip
    """Set a channel's mean, factor and shift: in training its batch's, and the running ones move."""
    c = cuda.grid(1)
    if c >= channels:
        return
    middle, square = float64(state[mean_at + c]), float64(state[variance_at + c])
    if training:
        middle, square, count = float64(0), float64(0), float64(rows)
        chunks = (rows + chunk - 1) // chunk
        for k in range(chunks):
            part = float64(min(chunk, rows - k * chunk))
            middle += means[k * channels + c] * (part / count)
        for k in range(chunks):
            part = float64(min(chunk, rows - k * chunk))
            off = means[k * channels + c] - middle
            square += part * off * off + squares[k * channels + c]
        state[mean_at + c] += momentum * (middle - state[mean_at + c])
        unbiased = square / float64(max(rows - 1, 1))
        state[variance_at + c] += momentum * (unbiased - state[variance_at + c])
        square /= count
    over = float64(1) / math.sqrt(square + epsilon)
    table[MEAN * channels + c], table[OVER * channels + c] = middle, over
    table[FACTOR * channels + c] = parameters[scale_at + c] * over
    table[SHIFT * channels + c] = parameters[shift_at + c]


@kernel(*((*[real[::1]] * 3, int64, int64, int64, real) for real in _REALS), block=BLOCK, wait=False)
def apply(out, x, table, count, channels, activation, slope):
    """Set out to (x - mean) factor + shift, and an activation."""
    i = cuda.grid(1)
    if i < count:
        c = i % channels
        value = (x[i] - table[MEAN * channels + c]) * table[FACTOR * channels + c] + table[SHIFT * channels + c]
        out[i] = activated(activation, value, slope)


@kernel(*((*[real[::1]] * 5, *[int64] * 7) for real in _REALS), block=BLOCK, wait=False)
def settle_back(table, gradient, parameters, sums, alongs, rows, channels, chunk, scale_at, shift_at, learns, training):
    """Add the slopes in a channel's scale and shift, and set the coefficients of the way back."""
    c = cuda.grid(1)
    if c >= channels:
        return
    total = along = float64(0)
    for k in range((rows + chunk - 1) // chunk):
        total += sums[k * channels + c]
        along += alongs[k * channels + c]
    over = float64(table[OVER * channels + c])
    if learns:
        gradient[scale_at + c] += along * over
        gradient[shift_at + c] += total
    factor = parameters[scale_at + c] * over if training else float64(0)
    table[SHIFT * channels + c] = -factor * total / float64(rows)
    table[CENTRED * channels + c] = -factor * over * over * along / float64(rows)


@kernel(*((*[real[::1]] * 4, int64, int64) for real in _REALS), block=BLOCK, wait=False)
def back(below, slopes, x, table, count, channels):
    """Turn slopes behind the normalisation into slopes before it."""
    i = cuda.grid(1)
    if i < count:
        c = i % channels
        centred = (x[i] - table[MEAN * channels + c]) * table[CENTRED * channels + c]
        below[i] = slopes[i] * table[FACTOR * channels + c] + (centred + table[SHIFT * channels + c])
