"""Extrapolation of a rule whose error is even in the step, from 2, 4, 6, ... pieces, and roots along what it finds."""

from numba import njit

COLUMNS = 8  # order 16


@njit
def share(k, j):
    """Return how much of the step from entry j to entry j + 1 of column k = 0, 1, ... lies beyond it, j < k."""
    ratio = (k + 1.0) / (j + 1.0)
    return 1.0 / (ratio * ratio - 1.0)


@njit
def narrowed(low, high, time, value, slope, falls):
    """Return a bracket of a root cut at `time`, and Newton's next time, or the middle where that leaves the bracket.

    `falls`: whether the function is positive before the root.
    """
    if (value > 0) == falls:
        low = time
    else:
        high = time
    after = time - value / slope if slope != 0 else -1.0
    if not low < after < high:
        after = 0.5 * (low + high)
    return low, high, after
