"""Metrics: distances between point sets, and how a run failed."""

from .failures import diverging_fraction
from .mmd import mmd2
from .modes import mean_log_likelihood, mode_collapse, nearest_mode_distance
from .transport import wasserstein2, wasserstein2_many

__all__ = [
    "diverging_fraction",
    "mean_log_likelihood",
    "mmd2",
    "mode_collapse",
    "nearest_mode_distance",
    "wasserstein2",
    "wasserstein2_many",
]
