"""Latent seeds: what a generator maps to data."""

import numpy as np

from .. import checks, streams
from ..checks import Floats
from ..formulas.random import START


def sphere(n: int, dim: int, seed: int | np.random.Generator = 0, *, radius: float = 1.0, trial: int = 0) -> Floats:
    """Return n independent points, uniform on the sphere of this radius in `dim` dimensions, (n, dim).

    Parameters
    ----------
    n, dim : int >= 1
    seed : int in [0, 2**64) or numpy Generator
    radius : float > 0
    trial : int >= 0
        Each trial draws from its own stream (purpose START).

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, section III A.  The cosine of two of them has mean 0 and variance 1/dim: nearly orthogonal.

    Examples
    --------
    >>> z = sphere(50, 100, seed=1)
    >>> z.shape, bool(abs(z @ z.T - np.eye(50)).max() < 0.5)
    ((50, 100), True)
    """
    shape = checks.integer("n", n, at_least=1), checks.integer("dim", dim, at_least=1)
    radius = checks.number("radius", radius, above=0)
    draws = streams.normal(seed, shape, purpose=START, trial=trial)
    return np.asarray(radius * draws / np.linalg.norm(draws, axis=1, keepdims=True))
