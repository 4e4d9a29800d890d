"""Discriminators on the line: a slope, and a mean of hinges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats


@dataclass(frozen=True)
class LinearDiscriminator:
    """The function f(x) = slope x on the line.

    Parameters
    ----------
    slope : float

    Examples
    --------
    >>> LinearDiscriminator(2.0)([[0.5], [1.0]])
    array([1., 2.])
    """

    slope: float

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (m, 1), shape (m,)."""
        return self.slope * checks.points("x", x, dim=1)[:, 0]

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of f at points x (m, 1), shape (m, 1)."""
        return np.full(checks.points("x", x, dim=1).shape, self.slope)


@dataclass(frozen=True)
class HingeCritic:
    """The function f(x) = mean of max(omega_j x, 0) on the line.

    Parameters
    ----------
    slopes : (m,) array
        omega.

    Examples
    --------
    >>> HingeCritic(np.array([1.0, -2.0]))([[1.0], [-1.0]])
    array([0.5, 1. ])
    """

    slopes: Floats

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (m, 1), shape (m,)."""
        return np.asarray(np.maximum(checks.points("x", x, dim=1) * self.slopes, 0.0).mean(axis=1))

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of f at points x (m, 1), shape (m, 1); 0 of an atom at its kink."""
        rising = checks.points("x", x, dim=1) * self.slopes > 0
        return np.asarray((rising * self.slopes).mean(axis=1, keepdims=True))
