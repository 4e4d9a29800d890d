"""Uniform distributions on boxes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, streams
from ..errors import ParameterError
from ..formulas.random import DATA


@dataclass(frozen=True, eq=False)
class UniformBox:
    r"""The uniform distribution on :math:`\prod_a [low_a, high_a]`.

    Parameters
    ----------
    low, high : (d,) arrays
        Corners, low < high in every coordinate [data length].

    Raises
    ------
    ParameterError, ShapeError
        If low >= high in a coordinate, or the shapes differ.

    Examples
    --------
    >>> box = UniformBox([0.0, 0.0], [2.0, 1.0])
    >>> box.log_density([[1.0, 0.5], [3.0, 0.5]]).round(6).tolist()
    [-0.693147, -inf]
    """

    low: checks.Held
    high: checks.Held

    def __post_init__(self) -> None:
        low, high = (checks.array(name, getattr(self, name), "(d,)", 1).copy() for name in ("low", "high"))
        checks.same_dim(low=low, high=high)
        if low.size == 0 or not (low < high).all():
            raise ParameterError(f"low must be < high in every coordinate, got {low.tolist()} and {high.tolist()}")
        low.flags.writeable = high.flags.writeable = False
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def sample(self, n: int, seed: int | np.random.Generator) -> NDArray[np.float64]:
        """Return n >= 1 points, shape (n, d)."""
        n = checks.integer("n", n, at_least=1)
        draws = streams.uniform(seed, (n, len(self.low)), purpose=DATA)
        return self.low + (self.high - self.low) * draws

    def log_density(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the log density at x (m, d), shape (m,): minus the log volume in the closed box, -inf outside."""
        x = checks.points("x", x, dim=len(self.low))
        inside = ((x >= self.low) & (x <= self.high)).all(axis=1)
        return np.where(inside, -np.log(self.high - self.low).sum(), -np.inf)

    def score(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the gradient of the log density at x (m, d), shape (m, d): 0 inside and on the faces, NaN outside."""
        inside = np.isfinite(self.log_density(x))
        return np.where(inside[:, None], 0.0, np.full(np.shape(x), np.nan))
