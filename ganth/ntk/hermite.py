r"""Gaussian means of tanh by its Hermite series.

.. math::
    E[s(u) s(v)] = \sum_k c_k(p) c_k(q) \rho^k, \qquad c_k(p) = E[s(p g) h_k(g)]

for u, v of standard deviations p, q and correlation rho, h_k the normalised Hermite polynomials (Mehler 1866).  All
terms of a diagonal are positive, so that coincident inputs, rho = 1, are as good as any.  By Price's theorem
E[s'(u) s'(v)] is the derivative of the sum in rho over p q.  The poles of tanh(p z) at distance delta = pi / (2 p) from
the real line make c_k fall like exp(-delta sqrt(k)), and the trapezoidal rule for c_k converge exponentially.
"""

import numpy as np

from ..checks import Floats

LARGEST = 100.0
_EPSILON = 37.0  # -log of a rounding error
_TAIL = 12.5  # exp(-_TAIL^2 / 4), the weight at the end of the rule, is one


def tanh_means(sizes_x: Floats, sizes_y: Floats, cosine: Floats) -> tuple[Floats, Floats]:
    """Return E[s(u) s(v)] and E[s'(u) s'(v)], (n, m) each, for sizes (n,) and (m,) and correlations (n, m)."""
    sizes, place = np.unique(np.concatenate([sizes_x, sizes_y]), return_inverse=True)
    coefficients = _coefficients(sizes)
    left, right = coefficients[:, place[: len(sizes_x)]], coefficients[:, place[len(sizes_x) :]]
    square = cosine * cosine
    value, slope = np.zeros((2, *cosine.shape))
    for row in range(len(coefficients) - 1, -1, -1):  # Horner, k = 2 row + 1
        product = np.outer(left[row], right[row])
        value = value * square + product
        slope = slope * square + (2 * row + 1) * product
    return np.outer(sizes_x, sizes_y) * cosine * value, slope


def _coefficients(sizes: Floats) -> Floats:
    """Return c_k / size, k = 1, 3, 5, ..., of each size, (terms, sizes): tanh is odd; size 0 is its limit."""
    largest = float(sizes.max())
    root = 2 * _EPSILON / np.pi * largest / 2 + 6.0  # of the last k: squared coefficients fall like exp(-2 delta k^1/2)
    terms = int(root * root) // 2 + 1
    # The integrand's spectrum: h_k under the weight up to root + 8, tanh up to where exp(-delta frequency) ends.
    spacing = 2 * np.pi / (root + 8.0 + 2 * _EPSILON / np.pi * largest)
    nodes = spacing * np.arange(1, int(_TAIL / spacing) + 2)
    with np.errstate(invalid="ignore"):
        scaled = np.where(sizes > 0, np.tanh(np.outer(nodes, sizes)) / sizes, nodes[:, None])
    weight = np.exp(-(nodes**2) / 4)  # the root of the density: the other half goes with h_k, which grows
    scaled *= (2 * spacing / np.sqrt(2 * np.pi)) * weight[:, None]
    before, now = np.zeros_like(nodes), weight
    result = np.empty((terms, len(sizes)))
    for k in range(1, 2 * terms):
        before, now = now, (nodes * now - np.sqrt(k - 1.0) * before) / np.sqrt(float(k))
        if k % 2:
            result[k // 2] = now @ scaled
    return result
