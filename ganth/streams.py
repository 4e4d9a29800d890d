"""Arrays of counter-based random numbers: the same (seed, purpose, trial, step) gives the same bits, always."""

import math

import numpy as np

from .checks import Floats, integer, seed_key
from .formulas.random import DATA


def _fill(loop: str, seed: object, shape: int | tuple[int, ...], purpose: int, trial: int, step: int) -> Floats:
    out = np.empty(math.prod(shape) if isinstance(shape, tuple) else shape)
    _draw(loop, out, seed, purpose, trial, step)
    return out.reshape(shape)


def _draw(loop: str, out: Floats, seed: object, purpose: int, trial: int, step: int) -> None:
    from . import streams_cpu

    key = np.uint64(seed_key(seed))
    trial, step = integer("trial", trial, at_least=0), integer("step", step, at_least=0)
    getattr(streams_cpu, loop)(out, key, np.uint64(step), np.uint64(trial), np.uint64(purpose))


def normal(
    seed: int | np.random.Generator,
    shape: int | tuple[int, ...],
    *,
    purpose: int = DATA,
    trial: int = 0,
    step: int = 0,
) -> Floats:
    """Return standard normal float64 numbers of the given shape, in C order of the counter.

    `purpose` is one of the codes of `ganth.formulas.random`.  Cost: O(size), about 10 ns a number.

    >>> normal(7, 3).shape, bool((normal(7, 3) == normal(7, 5)[:3]).all())
    ((3,), True)
    """
    return _fill("normal", seed, shape, purpose, trial, step)


def uniform(
    seed: int | np.random.Generator,
    shape: int | tuple[int, ...],
    *,
    purpose: int = DATA,
    trial: int = 0,
    step: int = 0,
) -> Floats:
    """Return float64 numbers uniform in the open interval (0, 1), in C order of the counter.

    >>> u = uniform(7, (2, 2))
    >>> bool(((u > 0) & (u < 1)).all())
    True
    """
    return _fill("uniform", seed, shape, purpose, trial, step)


def fill_normal(
    out: Floats, seed: int | np.random.Generator, *, purpose: int = DATA, trial: int = 0, step: int = 0
) -> None:
    """Set `out`, a C-contiguous float64 array, to what `normal` returns for its shape.

    >>> out = np.empty((2, 3))
    >>> fill_normal(out, 7)
    >>> bool((out == normal(7, (2, 3))).all())
    True
    """
    _draw("normal", out.reshape(-1), seed, purpose, trial, step)
