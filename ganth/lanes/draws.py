"""Random numbers by the row: streams, normal numbers and choices in loops that are vectorised."""

import math

import numpy as np
from numba import njit, uint64

from ..formulas import exponentials, random, turns


def inlined(formula):
    """Return a formula that is compiled into its caller: a loop over calls is not vectorised."""
    return njit(forceinline=True, fastmath={"contract"})(formula.py_func)


_philox = inlined(random.philox)


@njit
def uniforms(even, odd, count, key, step, trial, purpose, first=0):
    """Set the first numbers of even and odd to elements 0, 2, ... and 1, 3, ... of a stream, from counter `first` on.

    They are kept apart so that every loop over them is vectorised.
    """
    for i in range(count):
        a, b, c, d = _philox(key, uint64(first + i), step, trial, purpose)
        even[i], odd[i] = random.uniform(a, b), random.uniform(c, d)


@njit(fastmath={"contract"})
def normals(even, odd):
    """Turn uniform pairs into normal ones, as random.normal_pair does, without a branch or a call."""
    bits = even.view(np.int64)
    for i in range(even.size):
        exponent = np.float64((bits[i] >> 52) - 1023)
        bits[i] = (bits[i] & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
        radius = math.sqrt(-2.0 * exponentials.log_of_parts(even[i], exponent))
        sine, cosine = turns.sin_cos_float64(odd[i] - np.rint(odd[i]))
        even[i], odd[i] = radius * cosine, radius * sine


@njit
def pick(modes, uniforms, cumulative):
    """Set modes to the places of uniform numbers in a distribution; see targets.points.pick."""
    for i in range(modes.size):
        uniforms[i] *= cumulative[cumulative.size - 1]
        modes[i] = 0
    for k in range(cumulative.size - 1):
        edge = cumulative[k]
        for i in range(modes.size):
            modes[i] += 1 if edge <= uniforms[i] else 0


@njit
def mixture(points, means, factors, cumulative, key, step, trial, even, odd, modes):
    """Set points (n, d) to GaussianMixture.sample(n, key, trial=trial, step=step); even, odd and modes are room.

    factors: Cholesky's, of each mode; even, odd: n d / 2 numbers each, modes: (2, n / 2), rounded up.
    """
    n, axes = points.shape
    half = (n + 1) // 2
    for stage in range(2):  # one loop: random numbers take long to compile
        count, purpose = (half, random.DATA) if stage == 0 else (even.size, random.NOISE)
        uniforms(even, odd, count, key, step + uint64(1 - stage), trial, uint64(purpose))
        if stage == 0:
            pick(modes[0], even[:half], cumulative)
            pick(modes[1], odd[:half], cumulative)
    normals(even, odd)
    if axes == 2:  # as below, without a branch in the loop
        for parity in range(2):
            for i in range((n + 1 - parity) // 2):
                mode, p = modes[parity, i], 2 * i + parity
                points[p, 0] = means[mode, 0] + factors[mode, 0, 0] * even[p]
                points[p, 1] = means[mode, 1] + factors[mode, 1, 0] * even[p] + factors[mode, 1, 1] * odd[p]
        return
    for p in range(n):
        mode = modes[p % 2, p // 2]
        for axis in range(axes):
            x = means[mode, axis]
            for other in range(axis + 1):
                i = p * axes + other
                x += factors[mode, axis, other] * (even[i // 2] if i % 2 == 0 else odd[i // 2])
            points[p, axis] = x
