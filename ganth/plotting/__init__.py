"""Arrays in, Axes out: the style sheet of every figure, and the panels that many of them share."""

from .panels import complex_roots, heatmap, quantile_band, trajectories
from .sheet import PALETTE, figure, save, style

__all__ = ["PALETTE", "complex_roots", "figure", "heatmap", "quantile_band", "save", "style", "trajectories"]
