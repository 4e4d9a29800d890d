"""The activations of a generator, on arrays, in place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import Floats

ACTIVATIONS = ("relu", "erf", "tanh")
Array = NDArray[Any]


def activate(name: str, signal: Array, out: Array) -> Array:
    """Write s(signal) to `out` and return it."""
    if name == "relu":
        return np.maximum(signal, 0, out=out)
    if name == "tanh":
        return np.tanh(signal, out=out)
    from scipy.special import erf

    return np.asarray(erf(signal, out=out))


def slope(name: str, signal: Array, out: Array) -> Array:
    """Write s'(signal) to `out` and return it; a ReLU unit at its kink counts as off."""
    if name == "relu":
        return np.greater(signal, 0, out=out)
    if name == "tanh":
        np.tanh(signal, out=out)
        out *= out
        return np.subtract(1, out, out=out)
    np.multiply(signal, signal, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out *= signal.dtype.type(2 / np.sqrt(np.pi))
    return out


def activated(name: str, signal: Floats) -> Floats:
    """Return s(signal)."""
    return activate(name, signal, np.empty_like(signal))


def sloped(name: str, signal: Floats) -> Floats:
    """Return s'(signal)."""
    return slope(name, signal, np.empty_like(signal))
