"""Single elements of streams of random numbers, for loops in which each draws its own."""

import math

from numba import njit, uint64

from .random import philox, uniform
from .turns import sin_cos_float64


@njit
def uniform_at(index, key, step, trial, purpose):
    """Return element `index` of a stream of uniform numbers; see streams.uniform."""
    a, b, c, d = philox(key, uint64(index // 2), step, trial, uint64(purpose))
    return uniform(a, b) if index % 2 == 0 else uniform(c, d)


@njit
def normal_at(index, key, step, trial, purpose):
    """Return element `index` of a stream of standard normal numbers; see streams.normal."""
    a, b, c, d = philox(key, uint64(index // 2), step, trial, uint64(purpose))
    turn = uniform(c, d)
    sine, cosine = sin_cos_float64(turn - 1.0 if turn >= 0.5 else turn)
    return math.sqrt(-2.0 * math.log(uniform(a, b))) * (cosine if index % 2 == 0 else sine)
