"""The density of phi(X) for a map phi that is injective on each of several pieces (TP, Lemma D.2, corrected)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Branch:
    r"""One piece of a piecewise injective map: what its inverse is and where that is defined.

    Parameters
    ----------
    inverse : function of a (m, n) array
        :math:`\phi_k^{-1}`, (m, n).
    determinant : function of a (m, n) array
        det of the Jacobian of the inverse, (m,).
    image : function of a (m, n) array
        Which points are in :math:`\phi(D_k)`, (m,) of booleans.

    Examples
    --------
    >>> half = Branch(np.sqrt, lambda y: 0.5 / np.sqrt(y[:, 0]), lambda y: y[:, 0] > 0)
    >>> half.inverse(np.array([[4.0]])).tolist()
    [[2.0]]
    """

    inverse: Callable[[Floats], ArrayLike]
    determinant: Callable[[Floats], ArrayLike]
    image: Callable[[Floats], ArrayLike]


def pushforward_density(y: ArrayLike, source: Any, branches: Sequence[Branch]) -> Floats:
    r"""Return the density of phi(X) at y, (m,).

    .. math:: \rho_Y(y) = \sum_k \rho_X(\phi_k^{-1}(y)) \, |\det J_{\phi_k^{-1}}(y)| \, 1[y \in \phi(D_k)]

    Parameters
    ----------
    y : (m, n) array
        Points.
    source : GaussianMixture, UniformBox, or anything with a method log_density
        The law of X.
    branches : sequence of Branch
        The pieces of phi: disjoint, of full measure together.

    Raises
    ------
    ParameterError, ShapeError
        If there is no branch, or one returns another shape.

    Notes
    -----
    Source: TP, Lemma D.2, whose first display writes phi^-1 for the inverse of each branch and whose second,
    "equivalent" display has rho_X(x) |det J(x)|^-1 in every term: each must be taken at its own preimage of phi(x).

    Examples
    --------
    >>> import ganth
    >>> normal = ganth.targets.GaussianMixture([[0.0]], 1.0)
    >>> roots = [Branch(lambda y, s=s: s * np.sqrt(y), lambda y: 0.5 / np.sqrt(y[:, 0]), lambda y: y[:, 0] > 0)
    ...          for s in (-1, 1)]
    >>> pushforward_density([[1.0], [-1.0]], normal, roots).round(6).tolist()  # chi squared
    [0.241971, 0.0]
    """
    points = checks.points("y", y)
    if not len(branches):
        raise ParameterError("branches must hold at least one branch, got none")
    total = np.zeros(len(points))
    for index, branch in enumerate(branches):
        inside = np.asarray(branch.image(points), dtype=bool)
        if inside.shape != total.shape:
            raise ShapeError(f"image of branch {index} must have shape {total.shape}, got {inside.shape}")
        if not inside.any():
            continue
        chosen = points[inside]
        before = np.asarray(branch.inverse(chosen), dtype=np.float64)
        scale = np.abs(np.asarray(branch.determinant(chosen), dtype=np.float64))
        if scale.shape != (len(chosen),):
            raise ShapeError(f"determinant of branch {index} must have shape {(len(chosen),)}, got {scale.shape}")
        total[inside] += np.exp(source.log_density(before)) * scale
    return total
