"""Metrics: distances between point sets, and how a run failed."""

from .failures import diverging_fraction
from .mmd import mmd2
from .transport import wasserstein2, wasserstein2_many

__all__ = ["diverging_fraction", "mmd2", "wasserstein2", "wasserstein2_many"]
