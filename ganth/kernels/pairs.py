"""Scalar kernel formulas applied to all pairs of two point sets, already checked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backend

Floats = NDArray[np.float64]
# Below this many pairs a thread costs more than it saves.
_PARALLEL_PAIRS = 1 << 15


def radial(x: Floats, y: Floats, code: int, order: int, parameters: Floats) -> Floats:
    """Return (n, m): the derivative of this order with respect to r2 = |x_i - y_j|^2, summed over terms.

    `parameters` (terms, 2) holds the arguments of `formulas.kernels.radial`, `code` names its formula.
    """
    return _fill("radial", x, y, code, order, parameters)


def _fill(loop: str, x: Floats, y: Floats, *arguments: Any) -> Floats:
    from . import pairs_cpu

    out = np.empty((len(x), len(y)))
    if out.size < _PARALLEL_PAIRS:
        getattr(pairs_cpu, loop)(out, x, y, *arguments)
    else:
        with backend.parallel_region():
            getattr(pairs_cpu, loop + "_parallel")(out, x, y, *arguments)
    return out
