"""Discriminators: functions of a point with a gradient, as a game leaves them."""

from typing import Protocol

from numpy.typing import ArrayLike

from ..checks import Floats
from .dense import DenseNetwork, DenseReLU
from .expansion import KernelExpansion
from .features import LinearFeatures
from .fourier import FourierModes, FourierWaves
from .line import HingeCritic, LinearDiscriminator
from .one_hidden import OneHidden

__all__ = [
    "DenseNetwork",
    "DenseReLU",
    "Discriminator",
    "FourierModes",
    "FourierWaves",
    "HingeCritic",
    "KernelExpansion",
    "LinearDiscriminator",
    "LinearFeatures",
    "OneHidden",
]


class Discriminator(Protocol):
    """A real function on R^d and its gradient."""

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (m, d), shape (m,)."""
        ...

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of f at points x (m, d), shape (m, d)."""
        ...
