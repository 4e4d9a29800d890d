"""Point masses: the true distributions of the isolated points model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, streams
from ..formulas.random import DATA


@dataclass(frozen=True, eq=False)
class PointMasses:
    r"""A discrete distribution :math:`\sum_i p_i \delta(x - x_i)` (KD, eq. 1).

    Parameters
    ----------
    points : (n, d) array
        Where the masses sit [data length].
    masses : (n,) array, optional
        p_i >= 0; they need not sum to one.  None: 1/n each.

    Raises
    ------
    ParameterError, ShapeError
        For a negative or non-finite mass, no point, or shapes that disagree.

    Examples
    --------
    >>> PointMasses.ring(4).points.round(12).tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
    """

    points: checks.Held
    masses: checks.Held = None

    def __post_init__(self) -> None:
        points = checks.points("points", self.points).copy()
        masses = checks.masses("masses", self.masses, len(points), zero_allowed=True).copy()
        points.flags.writeable = masses.flags.writeable = False
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "masses", masses)

    @classmethod
    def ring(cls, n: int, radius: float = 1.0) -> PointMasses:
        """Return n >= 1 equal masses spaced evenly on the circle of the given radius > 0 in the plane."""
        angles = 2.0 * np.pi * np.arange(checks.integer("n", n, at_least=1)) / n
        return cls(checks.number("radius", radius, above=0) * np.column_stack([np.cos(angles), np.sin(angles)]))

    @classmethod
    def random_sphere(cls, n: int, dim: int, seed: int | np.random.Generator, trial: int = 0) -> PointMasses:
        """Return n >= 1 equal masses drawn uniformly on the unit sphere in `dim` >= 1 dimensions.

        >>> import numpy as np
        >>> bool(np.allclose(np.linalg.norm(PointMasses.random_sphere(5, 3, seed=1).points, axis=1), 1))
        True
        """
        n, dim = checks.integer("n", n, at_least=1), checks.integer("dim", dim, at_least=1)
        draws = streams.normal(seed, (n, dim), purpose=DATA, trial=trial)
        return cls(draws / np.linalg.norm(draws, axis=1, keepdims=True))

    def sample(self, n: int, seed: int | np.random.Generator) -> NDArray[np.float64]:
        """Return n >= 1 points drawn with probability proportional to their mass, shape (n, d)."""
        return self.points[pick(self.masses, n, seed)]

    def log_density(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return +inf on a point of positive mass and -inf elsewhere, shape (m,): there is no density."""
        x = checks.points("x", x, dim=self.points.shape[1])
        heavy = self.points[self.masses > 0]
        on = (x[:, None, :] == heavy[None]).all(axis=2).any(axis=1)
        return np.where(on, np.inf, -np.inf)


def pick(
    masses: NDArray[np.float64], n: int, seed: int | np.random.Generator, *, trial: int = 0, step: int = 1
) -> NDArray[np.intp]:
    """Return n indices drawn with probabilities proportional to `masses` (inverse distribution function)."""
    n = checks.integer("n", n, at_least=1)
    cumulative = np.cumsum(masses)
    draws = streams.uniform(seed, n, purpose=DATA, trial=trial, step=step) * cumulative[-1]
    return np.searchsorted(cumulative, draws, side="right")
