"""The obvious loop for each kernel, good for complex points too.  Imports nothing of ganth."""

import cmath
import math

import numpy as np


def rbf(x, y, width):
    return cmath.exp(-sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * width**2))


def multi_scale(x, y, widths):
    return sum(rbf(x, y, width) for width in widths)


def laplace(x, y, width):
    return cmath.exp(-cmath.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True))) / width)


def rational_quadratic(x, y, width, mixing):
    return (1 + sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * mixing * width**2)) ** -mixing


def anisotropic_rbf(x, y, widths):
    return cmath.exp(-sum((a - b) ** 2 / (2 * w**2) for a, b, w in zip(x, y, widths, strict=True)))


def relu_ntk(x, y, depth, bias=False):
    if bias:
        x, y = [*x, 1.0], [*y, 1.0]
    norms = cmath.sqrt(sum(a * a for a in x)) * cmath.sqrt(sum(b * b for b in y))
    if norms == 0:
        return 0.0
    cosine = tangent = sum(a * b for a, b in zip(x, y, strict=True)) / norms
    for _ in range(depth):
        angle = cmath.acos(cosine)
        tangent *= (math.pi - angle) / math.pi
        cosine = (cmath.sin(angle) + (math.pi - angle) * cosine) / math.pi
        tangent += cosine
    return norms * tangent


def random_features(x, y, frequencies, amplitude):
    total = 0.0
    for frequency in frequencies:
        here, there = (sum(w * a for w, a in zip(frequency, point, strict=True)) for point in (x, y))
        total += amplitude**2 * (cmath.cos(here) * cmath.cos(there) + cmath.sin(here) * cmath.sin(there))
    return total


def gram(pair, x, y):
    """K(x_i, y_j), one pair at a time."""
    return np.array([[complex(pair(a, b)).real for b in y] for a in x])


def gradient(pair, x, y):
    """dK/dx_a, one pair and one axis at a time, by a complex step: exact to rounding."""
    step = 1e-30
    result = np.empty((len(x), len(y), len(x[0])))
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            for axis in range(len(a)):
                moved = [complex(v) for v in a]
                moved[axis] += 1j * step
                result[i, j, axis] = complex(pair(moved, b)).imag / step
    return result


def hessians(pair, x, y, step=1e-5):
    """d2K/dx_a dx_b and d2K/dx_a dy_b, central differences of `gradient`: to about 1e-9."""
    dim = len(x[0])
    by_x, by_y = np.empty((2, len(x), len(y), dim, dim))
    for axis in range(dim):
        shift = np.zeros(dim)
        shift[axis] = step
        by_x[..., axis] = (gradient(pair, x + shift, y) - gradient(pair, x - shift, y)) / (2 * step)
        by_y[..., axis] = (gradient(pair, x, y + shift) - gradient(pair, x, y - shift)) / (2 * step)
    return by_x, by_y
