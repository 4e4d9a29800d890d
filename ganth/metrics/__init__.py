"""Metrics: distances between point sets, how images are spread over classes, and how a run failed."""

from .failures import diverging_fraction
from .frechet import frechet_distance
from .labels import class_coverage, label_variance, mode_distances, mode_pairs
from .mmd import mmd2
from .modes import mean_log_likelihood, mode_collapse, nearest_mode_distance
from .neighbours import density_coverage, precision_recall
from .prd import prd
from .scores import class_histogram_distance, inception_score, kid
from .transport import wasserstein2, wasserstein2_many

__all__ = [
    "class_coverage",
    "class_histogram_distance",
    "density_coverage",
    "diverging_fraction",
    "frechet_distance",
    "inception_score",
    "kid",
    "label_variance",
    "mean_log_likelihood",
    "mmd2",
    "mode_collapse",
    "mode_distances",
    "mode_pairs",
    "nearest_mode_distance",
    "prd",
    "precision_recall",
    "wasserstein2",
    "wasserstein2_many",
]
