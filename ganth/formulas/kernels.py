"""Radial kernels as scalar functions of r2 = |x - y|^2, each with its first two derivatives with respect to r2.

They hold no floating literal: the parameters carry the working type, so float32 in is float32 out.
"""

import math

from numba import njit

# Which formula `radial` evaluates; the loops take the code as an argument.
RBF, LAPLACE, RATIONAL_QUADRATIC = range(3)


@njit
def rbf(r2, half_inverse_width2):
    """Return exp(-r2 / (2 width^2)), half_inverse_width2 = 1 / (2 width^2).  KD, section 7."""
    return math.exp(-r2 * half_inverse_width2)


@njit
def rbf_d_r2(r2, half_inverse_width2):
    """Return the first derivative of `rbf` with respect to r2."""
    return -half_inverse_width2 * math.exp(-r2 * half_inverse_width2)


@njit
def rbf_d2_r2(r2, half_inverse_width2):
    """Return the second derivative of `rbf` with respect to r2."""
    return half_inverse_width2 * half_inverse_width2 * math.exp(-r2 * half_inverse_width2)


@njit
def laplace(r2, inverse_width):
    """Return exp(-r / width), r the 2-norm."""
    return math.exp(-math.sqrt(r2) * inverse_width)


@njit
def laplace_d_r2(r2, inverse_width):
    """Return the first derivative of `laplace` with respect to r2, and 0 at the kink r2 = 0 (the symmetric choice)."""
    if r2 == 0:
        return r2
    r = math.sqrt(r2)
    return -inverse_width * math.exp(-r * inverse_width) / (r + r)


@njit
def laplace_d2_r2(r2, inverse_width):
    """Return the second derivative of `laplace` with respect to r2, for r2 > 0; 0 at the kink, where there is none."""
    if r2 == 0:
        return r2
    r = math.sqrt(r2)
    return inverse_width * math.exp(-r * inverse_width) * (inverse_width + r / r2) / (r2 + r2 + r2 + r2)


@njit
def rational_quadratic(r2, half_inverse_width2, mixing):
    """Return (1 + r2 / (2 mixing width^2))^-mixing, through log1p so that a large mixing keeps its digits."""
    return math.exp(-mixing * math.log1p(r2 * half_inverse_width2 / mixing))


@njit
def rational_quadratic_d_r2(r2, half_inverse_width2, mixing):
    """Return the first derivative of `rational_quadratic` with respect to r2."""
    log_base = math.log1p(r2 * half_inverse_width2 / mixing)
    return -half_inverse_width2 * math.exp(-mixing * log_base - log_base)


@njit
def rational_quadratic_d2_r2(r2, half_inverse_width2, mixing):
    """Return the second derivative of `rational_quadratic` with respect to r2."""
    log_base = math.log1p(r2 * half_inverse_width2 / mixing)
    factor = half_inverse_width2 * (half_inverse_width2 + half_inverse_width2 / mixing)
    return factor * math.exp(-mixing * log_base - log_base - log_base)


@njit
def radial(formula, order, r2, scale, shape):
    """Return the derivative of this order (0, 1, 2) with respect to r2 of the kernel with this code.

    `scale` is half_inverse_width2 or inverse_width, as the formula takes it; `shape` is the mixing, unused by others.
    """
    if formula == RBF:
        if order == 0:
            return rbf(r2, scale)
        if order == 1:
            return rbf_d_r2(r2, scale)
        return rbf_d2_r2(r2, scale)
    if formula == LAPLACE:
        if order == 0:
            return laplace(r2, scale)
        if order == 1:
            return laplace_d_r2(r2, scale)
        return laplace_d2_r2(r2, scale)
    if order == 0:
        return rational_quadratic(r2, scale, shape)
    if order == 1:
        return rational_quadratic_d_r2(r2, scale, shape)
    return rational_quadratic_d2_r2(r2, scale, shape)
