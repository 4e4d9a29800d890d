"""A discriminator that is linear in random features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError
from ..kernels import RandomFeatures


@dataclass(frozen=True, eq=False)
class LinearFeatures:
    r"""The function f(x) = a(x)^T theta of a random feature map.

    Parameters
    ----------
    features : RandomFeatures
        The map a, R frequencies in dimension d.
    parameters : (2 R,) array
        theta: those of the cosines, then those of the sines.

    Raises
    ------
    ParameterError, ShapeError
        If features are no RandomFeatures, or parameters do not have one entry for each feature.

    Notes
    -----
    Source: KD, eqs. (8) and (9).  Cost: O(m R d) for m points.

    Examples
    --------
    >>> from ganth.kernels import RBF
    >>> features = RandomFeatures(RBF(1.0), 3, dim=2, seed=0)
    >>> f = LinearFeatures(features, features.features([[0.0, 0.0]])[0])  # f = K(., 0)
    >>> f([[0.0, 0.0]]).round(12)
    array([1.])
    """

    features: RandomFeatures
    parameters: Floats

    def __post_init__(self) -> None:
        if not isinstance(self.features, RandomFeatures):
            raise ParameterError(f"features must be a RandomFeatures, got {self.features!r}")
        parameters = checks.array("parameters", self.parameters, "(2 R,)", 1)
        expected = 2 * len(self.features.frequencies)
        if len(parameters) != expected:
            raise ShapeError(f"parameters must have shape ({expected},), one for each feature, got {parameters.shape}")
        object.__setattr__(self, "parameters", parameters)

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (m, d), shape (m,)."""
        return self.features.features(x) @ self.parameters

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of f at points x (m, d), shape (m, d)."""
        cosines, sines = np.split(self.features.features(x), 2, axis=1)
        of_cosines, of_sines = np.split(self.parameters, 2)
        return (cosines * of_sines - sines * of_cosines) @ self.features.frequencies
