"""Scalar kernel formulas applied to all pairs of two point sets, already checked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backend as machine
from ..checks import Floats

# Below this many pairs a thread costs more than it saves.
_PARALLEL_PAIRS = 1 << 15


def radial(x: Floats, y: Floats, code: int, order: int, parameters: Floats, *, backend: str = "cpu") -> Floats:
    """Return (n, m): the derivative of this order with respect to r2 = |x_i - y_j|^2, summed over terms.

    `parameters` (terms, 2) holds the arguments of `formulas.kernels.radial`, `code` names its formula.
    """
    return _fill("radial", _room(x, y), x, y, code, order, parameters, backend=backend)


def radial_gradient(x: Floats, y: Floats, code: int, parameters: Floats, *, backend: str = "cpu") -> Floats:
    """Return (n, m, d): 2 k' (x_i - y_j), the gradient in x_i."""
    return _fill("radial_gradient", _room(x, y, x.shape[1]), x, y, code, parameters, backend=backend)


def radial_hessian(
    x: Floats, y: Floats, code: int, parameters: Floats, *, backend: str = "cpu"
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return (n, m, d, d): 2 k' I + 4 k'' (x_i - y_j)(x_i - y_j)^T, and (n, m): whether x_i = y_j."""
    out, same = _room(x, y, x.shape[1], x.shape[1]), np.empty((len(x), len(y)), np.bool_)
    return _fill("radial_hessian", out, same, x, y, code, parameters, backend=backend), same


def relu_ntk(x: Floats, y: Floats, depth: int, *, backend: str = "cpu") -> Floats:
    """Return (n, m): K(x_i, y_j); 0 for a zero vector."""
    return _fill("relu_ntk", _room(x, y), x, y, depth, backend=backend)


def relu_ntk_gradient(x: Floats, y: Floats, depth: int, axes: int, *, backend: str = "cpu") -> Floats:
    """Return (n, m, axes): the gradient of K(x_i, y_j) along the first axes of x_i; see ntk.ReLUNTK for its kinks."""
    return _fill("relu_ntk_gradient", _room(x, y, axes), x, y, depth, backend=backend)


def relu_ntk_hessian(
    x: Floats, y: Floats, depth: int, axes: int, cross: bool, *, backend: str = "cpu"
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return (n, m, axes, axes): d2K/dx_a dx_b or, if `cross`, d2K/dx_a dy_b; and (n, m): where K has a kink."""
    out, kinks = _room(x, y, axes, axes), np.empty((len(x), len(y)), np.bool_)
    return _fill("relu_ntk_hessian", out, kinks, x, y, depth, cross, backend=backend), kinks


def angles(x: Floats, y: Floats, *, backend: str = "cpu") -> tuple[Floats, Floats]:
    """Return the sine and the cosine of the angle of each pair, (n, m) each; 0 and 1 for a zero vector."""
    sine, cosine = np.empty((2, len(x), len(y)))
    if machine.resolve(backend) == "cpu":
        from . import pairs_cpu as loops
    else:
        from . import pairs_cuda as loops  # type: ignore[no-redef]

    loops.angles(sine, cosine, x, y)
    return sine, cosine


def radial_sums(x: Floats, y: Floats, weights: Floats, code: int, parameters: Floats, *, gradient: bool) -> Floats:
    """Return (n,): sum_j K(x_i, y_j) w_j, or its gradient in x_i (n, d), on CUDA."""
    from . import pairs_cuda

    out = np.empty(x.shape if gradient else (len(x), 1))
    pairs_cuda.radial_sums(out, x, y, weights, code, parameters, gradient)
    return out if gradient else out[:, 0]


def relu_ntk_sums(x: Floats, y: Floats, weights: Floats, depth: int, axes: int) -> Floats:
    """Return (n,): sum_j K(x_i, y_j) w_j, or, for axes > 0, its gradient along the first axes of x_i, on CUDA."""
    from . import pairs_cuda

    out = np.empty((len(x), max(axes, 1)))
    pairs_cuda.relu_ntk_sums(out, x, y, weights, depth, axes > 0)
    return out if axes > 0 else out[:, 0]


def _room(x: Floats, y: Floats, *shape: int) -> Floats:
    return np.empty((len(x), len(y), *shape))


def _fill(loop: str, out: Floats, *arguments: Any, backend: str) -> Floats:
    """Let a loop write `out` and return it."""
    if machine.resolve(backend) == "cuda":
        from . import pairs_cuda

        getattr(pairs_cuda, loop)(out, *arguments)
        return out
    from . import pairs_cpu

    if out.shape[0] * out.shape[1] < _PARALLEL_PAIRS:
        getattr(pairs_cpu, loop)(out, *arguments)
    else:
        with machine.parallel_region():
            getattr(pairs_cpu, loop + "_parallel")(out, *arguments)
    return out
