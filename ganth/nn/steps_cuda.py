"""Loops that layers share, for CUDA: slopes before an activation, and sums of them over the batch.

Sums over a batch are taken in two stages: a thread sums a chunk of rows for one channel, then a thread adds the chunks
of a channel in their order.  A chunk's size follows from the number of rows alone.
"""

import math

from numba import cuda, float32, float64, int64

from ..device import kernel
from ..formulas.units import NO_ACTIVATION, slope_of

BLOCK = 256
NO_SUMS, SUMS, SUMS_ALONG = range(3)


def chunk_of(rows):
    """Return how many rows make a chunk: about as many as there are chunks then.

    >>> chunk_of(1), chunk_of(12544), chunk_of(64)
    (1, 112, 8)
    """
    return max(1, math.isqrt(rows))


def _slopes(real):
    return *[real[::1]] * 7, *[int64] * 4, real, int64


@kernel(*map(_slopes, (float32, float64)), block=BLOCK, wait=False)
def take_slopes(below, sums, alongs, above, outputs, x, means, rows, channels, chunk, activation, slope, kind):
    """Set below to above times the slopes of the activation that put `outputs` out, and the sums of chunks.

    Without an activation nothing is written below.  For SUMS_ALONG there are also sums of slopes times x - mean.
    """
    i = cuda.grid(1)
    c, channel = i // channels, i % channels
    if c * chunk >= rows:
        return
    total = along = slope - slope
    for r in range(c * chunk, min(c * chunk + chunk, rows)):
        at = r * channels + channel
        value = above[at]
        if activation != NO_ACTIVATION:
            value *= slope_of(activation, outputs[at], slope)
            below[at] = value
        total += value
        if kind == SUMS_ALONG:
            along += value * (x[at] - means[channel])
    if kind != NO_SUMS:
        sums[i] = total
    if kind == SUMS_ALONG:
        alongs[i] = along


@kernel(*((real[::1], real[::1], int64, int64, int64) for real in (float32, float64)), block=BLOCK, wait=False)
def add_sums(gradient, sums, at, chunks, channels):
    """Add the sums of chunks to numbers of a gradient from `at` on."""
    channel = cuda.grid(1)
    if channel < channels:
        total = float64(0)
        for c in range(chunks):
            total += sums[c * channels + channel]
        gradient[at + channel] += total


def slopes(below, sums, alongs, above, outputs, x, means, rows, channels, activation, slope, kind):
    """See `take_slopes`; sums and alongs are (chunks, channels)."""
    chunk = 1 if kind == NO_SUMS else chunk_of(rows)
    take_slopes.launch(
        -(-rows // chunk) * channels, below, sums, alongs, above, outputs, x, means, rows, channels, chunk, activation,
        slope, kind, block=BLOCK,
    )  # fmt: skip


def add_to(gradient, sums, at, rows, channels):
    """See `add_sums`."""
    add_sums.launch(channels, gradient, sums, at, -(-rows // chunk_of(rows)), channels, block=BLOCK)
