"""Formulas of a discriminator that is the sum of its history."""

import math

from numba import njit

from .exponentials import arcsine
from .kernels import LAPLACE, RATIONAL_QUADRATIC, RBF

# Which kernel a loop evaluates; a sum of Gaussians is one.
GAUSSIAN, TANGENT = RBF, 3
_PARALLEL = 1e-31  # squared chord below which two directions are equal up to rounding

__all__ = ["GAUSSIAN", "LAPLACE", "RATIONAL_QUADRATIC", "TANGENT", "place_on_circle", "pull", "turning"]


@njit(error_model="numpy")
def pull(code, r2, rate, power):
    """Return -2 dK/dr2 of a Gaussian exp(-rate r2), of Laplace's exp(-rate r), or of (1 + rate r2)^(1 - power).

    The last in units in which 2 rate (power - 1) = 1.  One exponential for all, for machine code holds it many times.
    """
    if code == RATIONAL_QUADRATIC:
        exponent, factor = -power * math.log1p(rate * r2), rate / rate
    elif code == LAPLACE:
        r = math.sqrt(r2)
        exponent, factor = -rate * r, rate / r if r > 0 else r
    else:
        exponent, factor = -rate * r2, rate + rate
    return factor * math.exp(exponent)


@njit(error_model="numpy", fastmath={"contract"})
def place_on_circle(r2):
    """Return 2 angle / pi - 1 of two directions, r2 of their chord: float64 alone."""
    chord, counter = math.sqrt(r2), math.sqrt(max(4.0 - r2, 0.0))  # 2 sin, 2 cos of half the angle
    u = 4.0 / math.pi * arcsine(0.5 * min(chord, counter)) - 1.0
    return u if chord <= counter else -u


@njit(error_model="numpy", fastmath={"contract"})
def turning(r2, slope):
    """Return slope / (2 sin(angle)), and 0 where two directions are parallel: float64 alone."""
    rest = 4.0 - r2
    return slope / math.sqrt(r2 * max(rest, 0.0)) if min(r2, rest) > _PARALLEL else 0.0
