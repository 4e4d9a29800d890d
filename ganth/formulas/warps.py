"""Where a pixel of a shifted, turned and scaled image comes from, and what lies between pixels."""

import math

from numba import njit


@njit
def turned(row, column, cosine, sine):
    """Return the row of a point after a turn by an angle of this cosine and sine; its column is that of -sine, swapped.

    turned(row, column, c, s) is the new row, turned(column, row, c, -s) the new column.
    """
    return cosine * row + sine * column


@njit
def held(position, size):
    """Return a position along an axis of `size` pixels, at the nearest border where it lies outside."""
    low = position - position
    high = type(position)(size - 1)
    return low if position < low else high if position > high else position


@njit
def between(a, b, share):
    """Return a value at `share` of the way from a to b."""
    return a + share * (b - a)


@njit
def below(position, size):
    """Return the pixel below a position that is `held`, such that the next one exists where there are two."""
    pixel = math.floor(position)
    return min(pixel, size - 2) if size > 1 else 0
