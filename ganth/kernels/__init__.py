"""Kernels: K(x, y) and its derivatives over all pairs of two point sets, and random features of the stationary ones."""

from .base import Kernel
from .ntk import ReLUNTK
from .radial import RBF, AnisotropicRBF, Laplace, MultiScale, RationalQuadratic
from .random_features import RandomFeatures, has_random_features

__all__ = [
    "RBF",
    "AnisotropicRBF",
    "Kernel",
    "Laplace",
    "MultiScale",
    "RandomFeatures",
    "RationalQuadratic",
    "ReLUNTK",
    "has_random_features",
]
