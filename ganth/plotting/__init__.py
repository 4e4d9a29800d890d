"""Arrays in, Axes out: the style sheet of every figure, and the panels that many of them share."""

from .clouds import cloud, courses
from .images import image_grid, metric_trace
from .panels import complex_roots, heatmap, quantile_band, trajectories
from .phases import boundary, phase_points
from .sheet import PALETTE, animate, compact, figure, save, style
from .stops import course, early_stop, nothing

__all__ = [
    "PALETTE",
    "animate",
    "boundary",
    "cloud",
    "compact",
    "complex_roots",
    "course",
    "courses",
    "early_stop",
    "figure",
    "heatmap",
    "image_grid",
    "metric_trace",
    "nothing",
    "phase_points",
    "quantile_band",
    "save",
    "style",
    "trajectories",
]
