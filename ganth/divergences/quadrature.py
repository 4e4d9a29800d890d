"""Adaptive quadrature on the line: Gauss-Kronrod panels, all that are too coarse halved at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

Floats = NDArray[np.float64]
Integrand = Callable[[Floats], Floats]

# Kronrod's 15 points, every second of them Gauss's (Piessens et al., QUADPACK, 1983).
_NODES = np.array(
    [
        0.991455371120812639206854697526329, 0.949107912342758524526189684047851, 0.864864423359769072789712788640926,
        0.741531185599394439863864773280788, 0.586087235467691130294144691829, 0.405845151377397166906606412076961,
        0.207784955007898467600689403773245, 0.0,
    ]
)  # fmt: skip
_KRONROD = np.array(
    [
        0.022935322010529224963732008058970, 0.063092092629978553290700663189204, 0.104790010322250183839876322541518,
        0.140653259715525918745189590510238, 0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
        0.204432940075298892414161999234649, 0.209482141084727828012999174891714,
    ]
)  # fmt: skip
_GAUSS = np.array(
    [
        0.129484966168869693270611432679082, 0.279705391489276667901467771423780, 0.381830050505118944950369775488975,
        0.417959183673469387755102040816327,
    ]
)  # fmt: skip
NODES = np.concatenate([-_NODES[:-1], _NODES[::-1]])
KRONROD = np.concatenate([_KRONROD[:-1], _KRONROD[::-1]])
GAUSS = np.zeros(15)
GAUSS[1::2] = np.concatenate([_GAUSS[:-1], _GAUSS[::-1]])

TOLERANCE = 1e-13
_LEVELS = 70
_PANELS = 200_000
_DOUBLINGS = 40
_NEGLIGIBLE = 1e-22
_SAMPLES, _HALVINGS = 64, 60


def integrate(function: Integrand, edges: Floats) -> Floats:
    """Return the integral of a function of (n,) points, (n,) or (rows, n), over panels between sorted `edges`.

    The difference of two rules bounds the error of each panel, which is halved until it is below `TOLERANCE` times
    the larger of 1 and the integral of the modulus, shared out; a panel at the spacing of numbers stays as it is.

    Raises
    ------
    ParameterError
        If the integral has not converged.

    Examples
    --------
    >>> float(integrate(lambda x: np.sqrt(np.abs(x - 0.3)), np.array([0.0, 1.0])).round(12))
    0.499985857217
    """
    edges = np.unique(edges)
    low, high = edges[:-1], edges[1:]
    total: Floats | None = None
    scale = 1.0
    for level in range(_LEVELS):
        half, middle = 0.5 * (high - low), 0.5 * (high + low)
        x = middle[:, None] + half[:, None] * NODES
        values = np.atleast_2d(function(x.ravel()))
        values = values.reshape(len(values), *x.shape)
        if np.isinf(values).any():  # beyond the range of numbers
            return np.full(len(values), np.inf) if len(values) > 1 else np.array(np.inf)
        fine = (values @ KRONROD) * half
        error = np.abs(fine - (values @ GAUSS) * half)
        if level == 0:
            scale = max(1.0, float((np.abs(values) @ KRONROD * half).sum(axis=1).max()))
            total = np.zeros(len(values))
        coarse = (error > TOLERANCE * scale * 0.5 ** min(level, 8)).any(axis=0)
        coarse &= half > 4e-16 * np.maximum(np.abs(low), np.abs(high))
        if level == _LEVELS - 1:
            coarse[:] = False
        assert total is not None
        total += fine[:, ~coarse].sum(axis=1)
        if not coarse.any():
            break
        low, high, middle = low[coarse], high[coarse], middle[coarse]
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        if len(low) > _PANELS:
            raise ParameterError(f"the integral needs more than {_PANELS} panels: it has not converged")
    assert total is not None
    return total if len(total) > 1 else total[0]


def stretched(function: Integrand, edges: Floats) -> Floats | None:
    """Return `edges` and, outside, as many more, each twice as far out, as the function needs to die out.

    None if it does not die out: the integral is infinite.
    """
    edges = np.unique(edges)
    middle, reach = 0.5 * (edges[0] + edges[-1]), 0.5 * (edges[-1] - edges[0])
    out = reach * 2.0 ** np.arange(_DOUBLINGS + 1)
    more = []
    for side in (-1.0, 1.0):
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.abs(np.atleast_2d(function(middle + side * out))).max(axis=0)
        alive = ~(values * out < _NEGLIGIBLE)
        if alive[-1]:
            return None
        last = int(np.flatnonzero(alive)[-1]) if alive.any() else -1
        # Four panels for each doubling.
        steps = reach * 2.0 ** (0.25 * np.arange(1, 4 * (last + 1) + 1))
        more.append(middle + side * steps)
    return np.unique(np.concatenate([edges, *more]))


def crossings(function: Integrand, edges: Floats) -> Floats:
    """Return where a function of (n,) points changes its sign between sorted `edges`, as 64 points a panel show.

    A rule of a few points may miss a jump next to the end of a panel; with an end at the jump there is none to miss.

    >>> crossings(lambda x: x * x - 0.5, np.array([-1.0, 0.0, 1.0])).round(12).tolist()
    [-0.707106781187, 0.707106781187]
    """
    edges = np.unique(edges)
    x = np.append((edges[:-1, None] + np.diff(edges)[:, None] * np.arange(_SAMPLES) / _SAMPLES).ravel(), edges[-1])
    signs = np.sign(function(x))
    at = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    low, high, left = x[at], x[at + 1], signs[at]
    for _ in range(_HALVINGS if len(at) else 0):
        middle = 0.5 * (low + high)
        same = np.sign(function(middle)) == left
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return 0.5 * (low + high)
