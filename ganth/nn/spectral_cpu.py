"""Loops of spectral normalisation, for the CPU.

A matrix lies row by row, (rows, columns); `turned` says that its transpose is meant.  `left` has a number for each row
of what is meant, `right` for each column.
"""

import math

from numba import njit

from ..backend import compiled

_TINY = 1e-12  # a vector is divided by this at least, as PyTorch does


@njit(fastmath={"contract", "reassoc"})
def _times(out, matrix, vector, columns):
    """Set out to the matrix times a vector."""
    for r in range(out.size):
        row, total = matrix[r * columns : (r + 1) * columns], vector[0] * 0
        for c in range(columns):
            total += row[c] * vector[c]
        out[r] = total


@njit(fastmath={"contract"})
def _transpose_times(out, matrix, vector, columns):
    """Set out to the transpose of the matrix times a vector."""
    for c in range(columns):
        out[c] = 0
    for r in range(vector.size):
        row, factor = matrix[r * columns : (r + 1) * columns], vector[r]
        for c in range(columns):
            out[c] += factor * row[c]


@njit
def _normalise(vector):
    total = 0.0
    for value in vector:
        total += value * value
    length = max(math.sqrt(total), _TINY)
    for i in range(vector.size):
        vector[i] /= length


@compiled(error_model="numpy")
def iterate(matrix, rows, columns, turned, left, right, count):
    """Make `count` power iterations, and return left^T matrix right."""
    for _ in range(count):
        if turned:
            _transpose_times(left, matrix, right, columns)
        else:
            _times(left, matrix, right, columns)
        _normalise(left)
        if turned:
            _times(right, matrix, left, columns)
        else:
            _transpose_times(right, matrix, left, columns)
        _normalise(right)
    outer, inner = (right, left) if turned else (left, right)
    total = 0.0
    for r in range(rows):
        row, part = matrix[r * columns : (r + 1) * columns], 0.0
        for c in range(columns):
            part += row[c] * inner[c]
        total += outer[r] * part
    return type(matrix[0])(total)


@compiled(error_model="numpy")
def add_slopes(gradient, found, matrix, rows, columns, turned, left, right, value):
    """Add (found - <found, matrix> / value left right^T) / value to the gradient."""
    along = 0.0
    for i in range(found.size):
        along += found[i] * matrix[i]
    outer, inner = (right, left) if turned else (left, right)
    for r in range(rows):
        factor = type(value)(along / value) * outer[r]
        for i in range(columns):
            at = r * columns + i
            gradient[at] += (found[at] - factor * inner[i]) / value
