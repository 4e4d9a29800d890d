"""Scalar kernel formulas applied to all pairs of two point sets, already checked."""

from typing import Any

import numpy as np

from .. import backend as machine
from ..checks import Floats

# Below this many pairs a thread costs more than it saves.
_PARALLEL_PAIRS = 1 << 15


def radial(x: Floats, y: Floats, code: int, order: int, parameters: Floats, *, backend: str = "cpu") -> Floats:
    """Return (n, m): the derivative of this order with respect to r2 = |x_i - y_j|^2, summed over terms.

    `parameters` (terms, 2) holds the arguments of `formulas.kernels.radial`, `code` names its formula.
    """
    if machine.resolve(backend) == "cpu":
        return _fill("radial", x, y, code, order, parameters)
    from . import pairs_cuda

    out = np.empty((len(x), len(y)))
    pairs_cuda.radial(out, x, y, code, order, parameters)
    return out


def relu_ntk(x: Floats, y: Floats, depth: int, order: int) -> Floats:
    """Return (n, m): the derivative of K(x_i, y_j) of this order in the angle, norms fixed; 0 for a zero vector."""
    return _fill("relu_ntk", x, y, depth, order)


def tangent(x: Floats, y: Floats) -> Floats:
    """Return (n, m, d): y_j less its projection on x_i, so that it is |y_j| sin(angle) long; 0 where x_i = 0."""
    from . import pairs_cpu

    out = np.zeros((len(x), *y.shape))
    pairs_cpu.tangent(out, x, y)
    return out


def angles(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the sine and the cosine of the angle of each pair, (n, m) each; 0 and 1 for a zero vector."""
    from . import pairs_cpu

    sine, cosine = np.empty((2, len(x), len(y)))
    pairs_cpu.angles(sine, cosine, x, y)
    return sine, cosine


def _fill(loop: str, x: Floats, y: Floats, *arguments: Any) -> Floats:
    from . import pairs_cpu

    out = np.empty((len(x), len(y)))
    if out.size < _PARALLEL_PAIRS:
        getattr(pairs_cpu, loop)(out, x, y, *arguments)
    else:
        with machine.parallel_region():
            getattr(pairs_cpu, loop + "_parallel")(out, x, y, *arguments)
    return out
