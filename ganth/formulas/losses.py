"""What games pay for a discriminator's output v at a real or a generated point, and the slopes of that in v.

A discriminator descends the mean of `real` over data plus that of `fake` over generated points; a generator that of
`generated`.  For f-GANs (Nowozin et al. 2016, table 6; here after TP, app. I), v = V, T = g_f(V): real = -T, fake =
f*(T), generated = -T.
"""

import math

from numba import njit

NSGAN, MINIMAX, LEAST_SQUARES, WASSERSTEIN, KL, REVERSE_KL, PEARSON, HELLINGER = range(8)


@njit
def softplus(v):
    """Return log(1 + exp(v)) without overflow."""
    zero = v - v
    return (v if v > zero else zero) + math.log1p(math.exp(-math.fabs(v)))


@njit
def sigmoid(v):
    """Return 1 / (1 + exp(-v)), accurate in both tails."""
    e = math.exp(-math.fabs(v))
    one = type(v)(1)
    return (one if v >= 0 else e) / (one + e)


@njit
def real(code, v):
    """Return what a discriminator pays at a real point."""
    one = type(v)(1)
    if code <= MINIMAX:
        return softplus(-v)
    if code == LEAST_SQUARES:
        return (v - one) * (v - one) * type(v)(0.5)
    if code == REVERSE_KL:
        return math.exp(-v)
    return math.exp(-v) - one if code == HELLINGER else -v


@njit
def real_slope(code, v):
    """Return the slope of `real`."""
    one = type(v)(1)
    if code <= MINIMAX:
        return -sigmoid(-v)
    if code == LEAST_SQUARES:
        return v - one
    return -math.exp(-v) if code in (REVERSE_KL, HELLINGER) else -one


@njit
def fake(code, v):
    """Return what a discriminator pays at a generated point."""
    one = type(v)(1)
    if code <= MINIMAX:
        return softplus(v)
    if code == LEAST_SQUARES:
        return v * v * type(v)(0.5)
    if code == KL:
        return math.exp(v - one)
    if code == REVERSE_KL:
        return v - one
    if code == PEARSON:
        return v + v * v * type(v)(0.25)
    return math.exp(v) - one if code == HELLINGER else v


@njit
def fake_slope(code, v):
    """Return the slope of `fake`."""
    one = type(v)(1)
    if code <= MINIMAX:
        return sigmoid(v)
    if code == LEAST_SQUARES:
        return v
    if code == KL:
        return math.exp(v - one)
    if code == PEARSON:
        return one + v * type(v)(0.5)
    return math.exp(v) if code == HELLINGER else one


@njit
def generated(code, v):
    """Return what a generator pays at a point that it made."""
    return -softplus(v) if code == MINIMAX else real(code, v)


@njit
def generated_slope(code, v):
    """Return the slope of `generated`."""
    return -sigmoid(v) if code == MINIMAX else real_slope(code, v)


@njit
def steepness(code, v):
    """Return |grad d| / d over |grad v|, d = sigmoid(v), for losses of a probability; else |slope of `generated`|."""
    return sigmoid(-v) if code <= MINIMAX else math.fabs(generated_slope(code, v))
