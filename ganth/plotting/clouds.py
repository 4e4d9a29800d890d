"""Panels of games with many particles: a cloud over its discriminator, and what every seed measures of it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ShapeError
from .panels import heatmap
from .sheet import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def cloud(
    ax: "Axes", particles: ArrayLike, modes: ArrayLike, x: ArrayLike, y: ArrayLike, discriminator: ArrayLike
) -> None:
    """Draw particles (white) and a target's modes (black crosses) over a discriminator; brighter is higher.

    Parameters
    ----------
    ax : Axes
    particles : (n, 2) array
        Those outside the grid are drawn at its edge, as red triangles.
    modes : (k, 2) array
    x, y : (nx,) and (ny,) arrays
        Of the grid, ascending [data length].
    discriminator : (ny, nx) array
        Its values, each panel with colours of its own.

    Raises
    ------
    ShapeError
        If particles or modes are not points of the plane, or discriminator is not (ny, nx).
    """
    points, centres = np.asarray(particles, dtype=float), np.asarray(modes, dtype=float)
    for name, value in (("particles", points), ("modes", centres)):
        if value.ndim != 2 or value.shape[1] != 2:
            raise ShapeError(f"{name} must have shape (n, 2), got {value.shape}")
    heatmap(ax, x, y, discriminator)
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    ax.plot(*centres.T, "x", color="black", ms=7, mew=1.8)
    low, high = np.array([x[0], y[0]]), np.array([x[-1], y[-1]])
    shown = np.clip(points, low, high)
    inside = (shown == points).all(axis=1)
    ax.plot(*shown[inside].T, "o", color="white", mec="black", mew=0.25, ms=2.6)
    if not inside.all():  # an empty line that is not clipped has no box, which breaks the layout
        ax.plot(*shown[~inside].T, "^", color=PALETTE["vermillion"], ms=4, clip_on=False)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")


def courses(
    ax: "Axes", steps: ArrayLike, values: ArrayLike, *, label: str = "", color: str | None = None, ls: str = "-"
) -> None:
    """Draw what every seed measures against the step: each a thin line, their median a thick one.

    Parameters
    ----------
    ax : Axes
    steps : (records,) array
    values : (seeds, records) array
        NaN and infinite values leave gaps; the median is over the seeds that are finite.
    label : str
        Of the median.
    color : str, optional
        A Matplotlib colour or a name of `PALETTE`.  None: the next of the cycle.
    ls : str
        Style of the median's line.

    Raises
    ------
    ShapeError
        If values is not (seeds, records).
    """
    steps, values = np.asarray(steps, dtype=float), np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1:] != steps.shape:
        raise ShapeError(f"values must have shape (seeds, records) = (..., {len(steps)}), got {values.shape}")
    finite = np.ma.masked_invalid(values)
    median = np.ma.filled(np.ma.median(finite, axis=0), np.nan)
    (line,) = ax.plot(steps, median, ls, label=label, color=PALETTE.get(color or "", color), zorder=3)
    ax.plot(steps, finite.T, color=line.get_color(), lw=0.6, alpha=0.4)
