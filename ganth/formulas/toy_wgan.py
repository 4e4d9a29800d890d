"""The toy WGAN of a step generator: its prior's law, the conserved potential, the coordinate that makes it Newton's.

theta' = phi(theta) omega, omega' = gamma (1/2 - Phi(theta)), Phi and phi the prior's distribution and density, both
symmetric.  F(theta), F' = (Phi - 1/2)/phi, F(0) = 0, is the potential; u(theta), u' = 1/phi, u(0) = 0, the coordinate:
u' = omega in time, and dF/du = Phi - 1/2.  All but the density are without cancellation at 0 and in the tails.
"""

import math

from numba import njit

NORMAL, LOGISTIC, LAPLACE, CAUCHY = range(4)
EXPLICIT, ALTERNATING, SYMPLECTIC, REFERENCE = range(4)  # rules of a step
_ROOT_TWO_PI = 2.5066282746310002
_SQRT_HALF = 0.7071067811865476
_MOST_TERMS = 2000  # the normal law's series: theta = 38, beyond which they overflow, takes 1,100


@njit
def density(prior, theta):
    """Return phi(theta)."""
    if prior == NORMAL:
        return math.exp(-0.5 * theta * theta) / _ROOT_TWO_PI
    if prior == CAUCHY:
        return 1.0 / (math.pi * (1.0 + theta * theta))
    small = math.exp(-abs(theta))
    return 0.5 * small if prior == LAPLACE else small / ((1.0 + small) * (1.0 + small))


@njit
def slope_of_density(prior, theta):
    """Return phi'(theta); at 0 the Laplace law's is taken as 0."""
    value = density(prior, theta)
    if prior == NORMAL:
        return -theta * value
    if prior == CAUCHY:
        return -2.0 * math.pi * theta * value * value
    return -value * (math.copysign(1.0, theta) if prior == LAPLACE and theta != 0 else math.tanh(0.5 * theta))


@njit
def excess(prior, theta):
    """Return Phi(theta) - 1/2."""
    if prior == NORMAL:
        return 0.5 * math.erf(theta * _SQRT_HALF)
    if prior == CAUCHY:
        return math.atan(theta) / math.pi
    if prior == LAPLACE:
        return math.copysign(0.5 * -math.expm1(-abs(theta)), theta)
    return 0.5 * math.tanh(0.5 * theta)


@njit
def potential_slope(prior, theta):
    """Return F'(theta) = (Phi - 1/2)/phi."""
    if prior == CAUCHY:
        return (1.0 + theta * theta) * math.atan(theta)
    if prior == NORMAL:
        return excess(prior, theta) * _ROOT_TWO_PI * math.exp(min(0.5 * theta * theta, 709.0))
    size = min(abs(theta), 709.0)
    return math.copysign(math.expm1(size) if prior == LAPLACE else math.sinh(size), theta)


@njit
def potential(prior, theta):
    """Return F(theta) = int_0^theta (Phi - 1/2)/phi.

    Normal: theta^2/2 2F2(1, 1; 3/2, 2; theta^2/2); logistic: cosh(theta) - 1; Laplace: exp(|theta|) - 1 - |theta|;
    Cauchy: (theta + theta^3/3) atan(theta) - theta^2/6 - log(1 + theta^2)/3.
    """
    square = theta * theta
    if prior == NORMAL:
        if square > 1400.0:
            return math.inf
        term, total, k = square, 0.5 * square, 1.0  # term: theta^2k / (2k - 1)!!
        while k < _MOST_TERMS:
            term *= square / (2.0 * k + 1.0)
            part = term / (2.0 * k + 2.0)
            total += part
            k += 1.0
            if part <= 1e-17 * total:
                break
        return total
    if prior == CAUCHY:
        if square < 0.01:  # theta^2/2 + sum over k >= 1 of -(-1)^k theta^(2k + 2) / ((2k - 1)(2k + 1)(k + 1))
            total, power = 0.5 * square, square * square
            for k in range(1, 9):
                total += power / ((2.0 * k - 1.0) * (2.0 * k + 1.0) * (k + 1.0))
                power *= -square
            return total
        return theta * (1.0 + square / 3.0) * math.atan(theta) - square / 6.0 - math.log1p(square) / 3.0
    size = abs(theta)
    if size > 709.0:
        return math.inf
    if prior == LOGISTIC:
        return 2.0 * math.sinh(0.5 * size) ** 2
    if size > 0.5:
        return math.expm1(size) - size
    term, total = 0.5 * square, 0.0
    for k in range(3, 20):
        total += term
        term *= size / k
    return total


@njit
def coordinate(prior, theta):
    """Return u(theta) = int_0^theta 1/phi: for the normal law pi erfi(theta / sqrt 2)."""
    square = theta * theta
    if prior == NORMAL:
        if square > 1400.0:
            return math.copysign(math.inf, theta)
        term, total, k = 1.0, 1.0, 0.0  # term: (theta^2/2)^k / k!
        while k < _MOST_TERMS:
            k += 1.0
            term *= 0.5 * square / k
            part = term / (2.0 * k + 1.0)
            total += part
            if part <= 1e-17 * total:
                break
        return _ROOT_TWO_PI * theta * total
    if prior == CAUCHY:
        return math.pi * theta * (1.0 + square / 3.0)
    if abs(theta) > 709.0:
        return math.copysign(math.inf, theta)
    return math.copysign(2.0 * math.expm1(abs(theta)), theta) if prior == LAPLACE else 2.0 * (theta + math.sinh(theta))


@njit
def _root(prior, wanted, of_potential, start):
    """Return theta > 0 at which the potential, or the coordinate, is `wanted` > 0.

    Newton on the logarithm, kept in a bracket that every value shrinks.
    """
    low, high, theta = 0.0, start, start
    for _ in range(200):
        value = potential(prior, theta) if of_potential else coordinate(prior, theta)
        if value > wanted:
            high = theta
        else:
            low = theta
        after = 0.5 * (low + high)
        if value < math.inf:
            slope = potential_slope(prior, theta) if of_potential else 1.0 / density(prior, theta)
            newton = theta - value / slope * math.log(value / wanted)
            if low <= newton <= high:
                after = newton
        if abs(after - theta) <= 1e-16 * theta or high <= low:
            return after
        theta = after
    return theta


@njit
def turning_point(prior, energy):
    """Return theta >= 0 with F(theta) = energy >= 0; F >= theta^2/2 for each of these laws."""
    if energy <= 0.0:
        return 0.0
    bound = math.sqrt(2.0 * energy)
    if prior == NORMAL:
        bound = min(bound, 1.6 + math.sqrt(2.0 * math.log1p(energy)))
    elif prior != CAUCHY:
        bound = min(bound, 1.3 + math.log1p(2.0 * energy))
    return _root(prior, energy, True, bound)


@njit
def from_coordinate(prior, u):
    """Return theta with coordinate u."""
    size = abs(u)
    if prior == LAPLACE:
        return math.copysign(math.log1p(0.5 * size), u)
    if size == 0.0:
        return u
    bound = size * density(prior, 0.0)
    if prior == NORMAL:
        bound = min(bound, 1.0 + math.sqrt(2.0 * math.log1p(size)))
    elif prior == LOGISTIC:
        bound = min(bound, math.log1p(size))
    else:
        bound = min(bound, 1.000001 * size ** (1.0 / 3.0))
    return math.copysign(_root(prior, size, False, bound), u)
