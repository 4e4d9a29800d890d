"""What an optimiser makes of one slope, in PyTorch's formulas.  Rates and constants come in the working type."""

import math

from numba import njit


@njit
def momentum(slope, velocity, decay):
    """Return the new velocity: decay velocity + slope, which is also the step over the rate."""
    return decay * velocity + slope


@njit
def rmsprop(slope, square, decay, keep, epsilon):
    """Return (step over the rate, running mean of squares); keep = 1 - decay."""
    square = square * decay + slope * slope * keep
    return slope / (math.sqrt(square) + epsilon), square


@njit
def adam(slope, mean, square, keep_mean, decay, keep, root, epsilon):
    """Return (step over rate / (1 - beta1^t), running means of slopes and of squares).

    keep_mean = 1 - beta1, decay = beta2, keep = 1 - beta2, root = sqrt(1 - beta2^t) at step t = 1, 2, ...
    """
    mean = mean + keep_mean * (slope - mean)
    square = square * decay + slope * slope * keep
    return mean / (math.sqrt(square) / root + epsilon), mean, square
