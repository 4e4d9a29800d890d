"""Extrapolation of a rule whose error is even in the step, from 2, 4, 6, ... pieces: one entry of its table."""

from numba import njit

COLUMNS = 8  # order 16


@njit
def share(k, j):
    """Return how much of the step from entry j to entry j + 1 of column k = 0, 1, ... lies beyond it, j < k."""
    ratio = (k + 1.0) / (j + 1.0)
    return 1.0 / (ratio * ratio - 1.0)
