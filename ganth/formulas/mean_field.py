"""A unit of the mean-field networks: amplitude times the logistic function of an affine map (MF, "Neural Networks")."""

import math

from numba import njit


@njit
def sigmoid(u):
    """Return s = 1/(1 + exp(-u)) and its derivative s (1 - s), without overflow or cancellation."""
    small = math.exp(-abs(u))
    over = 1.0 / (1.0 + small)
    return over if u >= 0 else small * over, small * over * over
