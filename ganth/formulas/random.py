"""Counter-based random numbers: Philox4x32-10 and the reals made of its words.

A number is a function of (key, index, step, trial, purpose) and of nothing else, so that threads, the order of work
and the number of trials cannot change it.  All arithmetic is on uint64 values below 2**32, masked after each
operation: Numba widens mixed integer arithmetic, and a hash that is not masked is silently another hash.
"""

import math

from numba import float64, njit, uint32, uint64

# What a stream is for: the last word of the counter.
START, DATA, FREQUENCIES, FREQUENCY_SCALES, WEIGHTS, NOISE, RESAMPLING, GENERATOR = range(8)
LATENT, BETWEEN, LAYERS = range(8, 11)

_MASK = 0xFFFFFFFF
_MULTIPLIER_0 = 0xD2511F53
_MULTIPLIER_1 = 0xCD9E8D57
_WEYL_0 = 0x9E3779B9
_WEYL_1 = 0xBB67AE85


@njit
def philox(key, index, step, trial, purpose):
    """Return the four uint32 words of Philox4x32-10 at counter (index, step, trial, purpose) under a 64-bit key.

    Salmon, Moraes, Dror, Shaw 2011 (Random123); held to its known-answer vectors by the tests.
    """
    mask = uint64(_MASK)
    half = uint64(32)
    multiplier_0, multiplier_1 = uint64(_MULTIPLIER_0), uint64(_MULTIPLIER_1)
    weyl_0, weyl_1 = uint64(_WEYL_0), uint64(_WEYL_1)
    key_0, key_1 = uint64(key) & mask, uint64(key) >> half
    a, b = uint64(index) & mask, uint64(step) & mask
    c, d = uint64(trial) & mask, uint64(purpose) & mask
    for _ in range(10):
        product_0 = multiplier_0 * a
        product_1 = multiplier_1 * c
        a = (product_1 >> half) ^ b ^ key_0
        b = product_1 & mask
        c = (product_0 >> half) ^ d ^ key_1
        d = product_0 & mask
        key_0 = (key_0 + weyl_0) & mask
        key_1 = (key_1 + weyl_1) & mask
    return uint32(a), uint32(b), uint32(c), uint32(d)


@njit
def uniform(high, low):
    """Return a float64 in the open interval (0, 1) from two words.

    52 bits and a half, so that no rounding reaches 1.
    """
    mantissa = (uint64(high) >> uint64(6)) * uint64(67108864) + (uint64(low) >> uint64(6))
    return (float64(mantissa) + 0.5) * (1.0 / 4503599627370496.0)


@njit
def normal_pair(a, b, c, d):
    """Return two independent standard normal float64 numbers from four words (Box-Muller)."""
    radius = math.sqrt(-2.0 * math.log(uniform(a, b)))
    angle = 2.0 * math.pi * uniform(c, d)
    return radius * math.cos(angle), radius * math.sin(angle)
