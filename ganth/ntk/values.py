"""The two values g1 and g2 that a tangent kernel takes on high-dimensional seeds (ED, eqs. 19 and 20)."""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ShapeError
from ..kernels import pairs
from .infinite import deep_relu, one_hidden

_NODES = 128
_REACH = 10.0  # standard deviations of the angle


class TwoValues(NamedTuple):
    """Means and standard deviations of a tangent kernel over coincident and over distinct seeds.

    Attributes
    ----------
    g1, g2 : float
        Mean at coincident seeds, and at two distinct ones.
    spread1, spread2 : float
        Standard deviations of both.
    """

    g1: float
    g2: float
    spread1: float
    spread2: float

    @property
    def ratio(self) -> float:
        """g2 / g1."""
        return self.g2 / self.g1

    @classmethod
    def of_gram(cls, gram: ArrayLike) -> "TwoValues":
        """Return the two values of an (n, n) kernel matrix, n >= 2.

        Raises `ShapeError` for a matrix that is not square or has one row.

        >>> TwoValues.of_gram([[2.0, 1.0], [1.0, 4.0]])
        TwoValues(g1=3.0, g2=1.0, spread1=1.0, spread2=0.0)
        """
        matrix = checks.array("gram", gram, "(n, n)", 2)
        if matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
            raise ShapeError(f"gram must have shape (n, n), n >= 2, got {matrix.shape}")
        diagonal, others = np.diag(matrix), matrix[~np.eye(len(matrix), dtype=bool)]
        return cls(float(diagonal.mean()), float(others.mean()), float(diagonal.std()), float(others.std()))


def two_values(seeds: int | ArrayLike, **network: Any) -> TwoValues:
    r"""Return g1, g2 and their spreads for an infinitely wide generator on seeds of a sphere.

    Parameters
    ----------
    seeds : (n, d) array, or int >= 2
        The seeds themselves, n >= 2; or a dimension: then independent seeds, uniform on the unit sphere (for
        `deep_relu` on its own sphere), and g2 and spread2 are exact moments over the angle's law

        .. math:: p(\theta) \propto \sin^{d-2} \theta
    **network
        Keywords of `one_hidden` (activation, var_a, var_w, var_b) or of `deep_relu` (hidden_layers, mu, convention),
        and `backend` of either.

    Returns
    -------
    TwoValues

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eqs. (19) and (20), Figs. 2 and 21.  On a sphere both kernels depend on the angle only; `deep_relu`
    takes nothing else from given seeds.  For large d the angle is pi/2 within d^(-1/2), so that g2 is the kernel at
    orthogonal seeds and spread2 falls like d^(-1/2).

    Examples
    --------
    >>> values = two_values(100, activation="erf", var_a=1.18, var_w=1.18, var_b=11.67)
    >>> [round(value, 3) for value in values]
    [2.481, 1.588, 0.0, 0.054]
    """
    kernel = _deep if "hidden_layers" in network else one_hidden
    if np.ndim(seeds):
        points = checks.points("seeds", seeds)
        return TwoValues.of_gram(kernel(points, points, **network))
    dim = checks.integer("seeds", seeds, at_least=2)
    half = min(np.pi / 2, _REACH / np.sqrt(dim))
    nodes, weights = _rule()
    angles = np.pi / 2 + half * nodes
    weights = weights * np.sin(angles) ** (dim - 2)
    weights /= weights.sum()
    there = np.column_stack([np.cos(angles), np.sin(angles)])
    values = kernel(np.eye(2)[:1], there, **network)[0]
    coincident = kernel(np.eye(2)[:1], np.eye(2)[:1], **network)
    mean = float(weights @ values)
    return TwoValues(float(coincident[0, 0]), mean, 0.0, float(np.sqrt(weights @ (values - mean) ** 2)))


@functools.cache
def _rule() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(_NODES)


def _deep(x: Floats, y: Floats, **network: Any) -> Floats:
    sine, cosine = pairs.angles(x, y, backend=network.get("backend", "cpu"))
    # From the sine, so that coincident seeds have 1 to the last bit.
    return deep_relu(np.where(cosine > 0, 1.0 - sine * sine / (1.0 + cosine), cosine), **network)
