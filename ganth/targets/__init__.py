"""Targets: what is to be learned - point masses, Gaussian mixtures, uniform boxes."""

from .boxes import UniformBox
from .mixtures import GaussianMixture, kde
from .points import PointMasses

__all__ = ["GaussianMixture", "PointMasses", "UniformBox", "kde"]
