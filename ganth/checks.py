"""Every input check of ganth, in one wording: "width must be > 0, got -1.0"."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ParameterError, ShapeError

Floats = NDArray[np.float64]
# A field given as anything array-like (or None), held as a read-only float64 array once checked.
Held = Any
_SUM_TOLERANCE = 1e-9


def number(name: str, value: object, *, above: float | None = None, at_least: float | None = None) -> float:
    """Return `value` as a finite float that obeys the bound."""
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be a number, got {value!r}") from None
    if above is not None and not (result > above and np.isfinite(result)):
        raise ParameterError(f"{name} must be > {above:g}, got {value!r}")
    if at_least is not None and not (result >= at_least and np.isfinite(result)):
        raise ParameterError(f"{name} must be >= {at_least:g}, got {value!r}")
    if not np.isfinite(result):
        raise ParameterError(f"{name} must be finite, got {value!r}")
    return result


def integer(name: str, value: object, *, at_least: int) -> int:
    """Return `value` as an int >= `at_least`; booleans and fractions are errors."""
    try:
        result = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ParameterError(f"{name} must be an integer >= {at_least}, got {value!r}") from None
    if isinstance(value, bool) or result < at_least:
        raise ParameterError(f"{name} must be an integer >= {at_least}, got {value!r}")
    return result


def choice(name: str, value: object, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ParameterError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def array(name: str, value: ArrayLike, shape: str, ndim: int | tuple[int, ...]) -> Floats:
    """Return `value` as a finite, C-contiguous float64 array with `ndim` axes; `shape` names them in the message.

    One that lies on a GPU (with ``__cuda_array_interface__``: CuPy's, PyTorch's, Numba's) is copied from there.
    """
    if hasattr(value, "__cuda_array_interface__"):
        from .device import here

        value = here(name, value)
    try:
        given = np.asarray(value)
        if given.dtype.kind == "c":
            raise ShapeError(f"{name} must be a {shape} array of real numbers, got complex ones")
        result = np.ascontiguousarray(given, dtype=np.float64)
    except ShapeError:
        raise
    except (TypeError, ValueError):
        raise ShapeError(f"{name} must be a {shape} array of numbers, got {type(value).__name__}") from None
    result = result.reshape(given.shape)  # ascontiguousarray turns a scalar into (1,)
    if result.ndim not in (ndim if isinstance(ndim, tuple) else (ndim,)):
        raise ShapeError(f"{name} must have shape {shape}, got {result.shape}")
    if not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise ParameterError(f"{name} must be finite, got {result[where]} at index {where}")
    return result


def parameters(value: ArrayLike, size: int, architecture: object) -> Floats:
    """Return a copy, which cannot be written to, of the `size` parameters of a network of this architecture."""
    result = array("parameters", value, f"({size},)", 1).copy()
    if len(result) != size:
        raise ShapeError(f"parameters must have shape ({size},) for {architecture}, got {result.shape}")
    result.flags.writeable = False
    return result


def points(name: str, value: ArrayLike, *, dim: int | None = None, trials: bool = False) -> Floats:
    """Return `value` as a finite (n, d) array, n >= 1 and d >= 1; with `trials`, (trials, n, d) passes too."""
    shape = "(n, d) or (trials, n, d)" if trials else "(n, d)"
    result = array(name, value, shape, (2, 3) if trials else 2)
    if 0 in result.shape:
        raise ShapeError(f"{name} must hold at least one point and one coordinate, got shape {result.shape}")
    if dim is not None and result.shape[-1] != dim:
        raise ShapeError(f"{name} must have points in {dim} dimensions, got shape {result.shape}")
    return result


def same_dim(**arrays: Floats) -> None:
    """Raise unless all arrays, given by name, share their last axis."""
    if len({a.shape[-1] for a in arrays.values()}) > 1:
        names = " and ".join(arrays)
        shapes = " and ".join(str(a.shape) for a in arrays.values())
        raise ShapeError(f"{names} must share their dimension d, got {shapes}")


def masses(name: str, value: ArrayLike | None, n: int, *, zero_allowed: bool = False) -> Floats:
    """Return (n,) masses, > 0 (or >= 0), that need not sum to one; None means 1/n each."""
    if value is None:
        return np.full(n, 1.0 / n)
    result = array(name, value, "(n,)", 1)
    if result.shape != (n,):
        raise ShapeError(f"{name} must have shape ({n},), one for each point, got {result.shape}")
    bad = result < 0 if zero_allowed else result <= 0
    if bad.any():
        at = int(np.argmax(bad))
        raise ParameterError(f"{name} must be {'>=' if zero_allowed else '>'} 0, got {result[at]} at index {at}")
    return result


def weights(name: str, value: ArrayLike | None, n: int) -> Floats:
    """Return (n,) weights >= 0 that sum to one within 1e-9; None means 1/n each."""
    result = masses(name, value, n, zero_allowed=True)
    if abs(result.sum() - 1.0) > _SUM_TOLERANCE:
        raise ParameterError(f"{name} must sum to 1 within {_SUM_TOLERANCE:g}, got a sum of {float(result.sum())!r}")
    return result


def widths(name: str, value: Iterable[float]) -> tuple[float, ...]:
    """Return a non-empty tuple of widths > 0."""
    try:
        result = tuple(value)
    except TypeError:
        raise ParameterError(f"{name} must be a sequence of numbers > 0, got {value!r}") from None
    if not result:
        raise ParameterError(f"{name} must hold at least one width, got none")
    return tuple(number(f"{name}[{i}]", w, above=0) for i, w in enumerate(result))


def seed_key(seed: object) -> int:
    """Return the 64-bit key of a seed: an int in [0, 2**64) is the key, a Generator gives one by integers(2**63)."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    try:
        key = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        key = -1
    if isinstance(seed, bool) or not 0 <= key < 2**64:
        raise ParameterError(f"seed must be an int in [0, 2**64) or a numpy Generator, got {seed!r}")
    return key
