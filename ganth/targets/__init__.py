"""Targets: what is to be learned - point masses, Gaussian mixtures, uniform boxes, images."""

from . import images
from .boxes import UniformBox
from .mixtures import GaussianMixture, kde
from .points import PointMasses

__all__ = ["GaussianMixture", "PointMasses", "UniformBox", "images", "kde"]
