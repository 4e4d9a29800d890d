"""Arrays in, Axes out: the style sheet of every figure, and the panels that many of them share."""

from .clouds import cloud, courses
from .panels import complex_roots, heatmap, quantile_band, trajectories
from .phases import boundary, phase_points
from .sheet import PALETTE, compact, figure, save, style

__all__ = [
    "PALETTE",
    "boundary",
    "cloud",
    "compact",
    "complex_roots",
    "courses",
    "figure",
    "heatmap",
    "phase_points",
    "quantile_band",
    "save",
    "style",
    "trajectories",
]
