"""Random starts of a network's layers: DCGAN's, PyTorch's, and the six of TP's Fig 14."""

import math
from typing import Any

import numpy as np

from .. import streams
from ..blas import one_thread
from ..checks import Floats
from ..formulas.random import START
from .parts import Linear

START_NAMES = (
    "dcgan", "torch", "xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "orthogonal", "dirac",
)  # fmt: skip
_DCGAN = 0.02


def start_of(
    part: Any, views: dict[str, Floats], start: str, key: int, *, trial: int, purpose: int, layer: int
) -> None:
    """Fill the parameters of a layer; `Network.initial` says how."""
    numbers = {"purpose": purpose, "trial": trial, "step": 2 * layer}
    if "scale" in views:
        views["scale"][:] = 1.0
        views["shift"][:] = 0.0
        if start == "dcgan":
            views["scale"] += _DCGAN * streams.normal(key, views["scale"].shape, **numbers)
    if "weights" not in views:
        return
    weights = views["weights"]
    fan_in, fan_out = _fans(weights.shape)
    biases = views.get("biases", np.empty(0))
    biases[:] = 0.0
    bound = 1.0 / math.sqrt(fan_in)
    if start == "dirac":
        _dirac(part, weights)
    elif start == "orthogonal":
        _orthogonal(weights, streams.normal(key, weights.shape, **numbers))
    elif start in ("dcgan", "xavier_normal", "kaiming_normal"):
        std = {"dcgan": _DCGAN, "xavier_normal": math.sqrt(2 / (fan_in + fan_out))}.get(start, math.sqrt(2 / fan_in))
        weights[:] = std * streams.normal(key, weights.shape, **numbers)
    else:
        variance = {"xavier_uniform": 2 / (fan_in + fan_out), "kaiming_uniform": 2 / fan_in}.get(start, bound**2 / 3)
        weights[:] = math.sqrt(3 * variance) * (2 * streams.uniform(key, weights.shape, **numbers) - 1)
        if start == "torch":
            numbers["step"] += 1
            biases[:] = bound * (2 * streams.uniform(key, biases.shape, **numbers) - 1)


def state_of(views: dict[str, Floats], key: int, *, trial: int, layer: int) -> None:
    """Fill what a layer keeps; `Network.initial_state` says how."""
    for name, value in (("mean", 0.0), ("variance", 1.0), ("left", 0.0)):
        if name in views:
            views[name][:] = value
    if "right" in views:
        drawn = streams.normal(key, views["right"].shape, purpose=START, trial=trial, step=layer)
        views["right"][:] = drawn / math.sqrt(math.fsum(drawn**2))


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return fan in and fan out as PyTorch counts them: of a transposed convolution it takes the two the wrong way."""
    first, *kernel, last = shape
    area = math.prod(kernel)
    return last * area, first * area


def _orthogonal(weights: Floats, drawn: Floats) -> None:
    """Set the matrix (first axis, all others) of the weights to orthonormal rows or columns, uniformly distributed."""
    matrix = drawn.reshape(len(weights), -1)
    wide = matrix.shape[0] < matrix.shape[1]
    with one_thread():  # its number would change the last bits
        q, r = np.linalg.qr(matrix.T if wide else matrix)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    weights[:] = (q.T if wide else q).reshape(weights.shape)


def _dirac(part: Any, weights: Floats) -> None:
    """Set weights to 1 where a channel meets its own number, at the middle of the kernel."""
    weights[:] = 0.0
    count = min(weights.shape[0], weights.shape[-1])
    own = np.arange(count)
    if isinstance(part, Linear):
        weights[own, own] = 1.0
    else:
        middle = weights.shape[1] // 2
        weights[own, middle, middle, own] = 1.0
