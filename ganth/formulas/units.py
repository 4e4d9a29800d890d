"""Activations of hidden units, their slopes and bends from what a unit puts out.

Every one is monotone, so that a unit's output h = s(u) tells its slope: a network keeps outputs alone.  `slope` is that
of a leaky unit where it is off: 0 for ReLU.  NaN passes, so that it is not hidden.
"""

import math

from numba import njit

from .losses import sigmoid

LEAKY, TANH, SIGMOID = range(3)
NO_ACTIVATION = -1


@njit
def leaky(u, slope):
    """Return u where it is positive, else slope u."""
    return slope * u if u <= 0 else u


@njit
def activated(code, u, slope):
    """Return s(u); u itself for NO_ACTIVATION."""
    if code == LEAKY:
        return leaky(u, slope)
    if code == TANH:
        return math.tanh(u)
    return sigmoid(u) if code == SIGMOID else u


@njit
def slope_of(code, h, slope):
    """Return s'(u) of a unit with output h; a leaky unit at its kink counts as off."""
    one = type(slope)(1)
    if code == LEAKY:
        return slope if h <= 0 else one
    return one - h * h if code == TANH else h * (one - h)


@njit
def bend_of(code, h, slope):
    """Return s''(u) / s'(u) of a unit with output h."""
    one = type(slope)(1)
    if code == LEAKY:
        return slope * type(slope)(0)
    return -(h + h) if code == TANH else one - (h + h)
