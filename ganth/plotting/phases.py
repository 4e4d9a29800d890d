"""Panels of a phase diagram: a measure over a grid of settings, and the line along which it passes a level."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ShapeError
from .sheet import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LAW_COLOURS = ("blue", "orange", "green", "sky")


def phase_points(
    ax: "Axes",
    x: ArrayLike,
    y: ArrayLike,
    values: ArrayLike,
    *,
    played: ArrayLike | None = None,
    label: str = "",
    limits: tuple[float, float] | None = None,
    size: float = 150.0,
) -> Any:
    """Draw the mean over seeds at each setting as a dot, on logarithmic axes; return the dots.

    Parameters
    ----------
    ax : Axes
    x, y : (nx,) and (ny,) arrays > 0
    values : (nx, ny, seeds) array
        NaN: a run without a value; it is left out of its mean, and the setting is crossed.
    played : (nx, ny, seeds) array of truth values, optional
        Which runs there were: where not all seeds were played, the first one, which always is, stands for the rest.
    label : str
        Of the colour bar; none is drawn for "".
    limits : (low, high), optional
        Of the colours.  None: those of the means.
    size : float
        Of a dot, in square points.

    Raises
    ------
    ShapeError
        If values is not (nx, ny, seeds).
    """
    x, y, values = (np.asarray(a, dtype=float) for a in (x, y, values))
    if values.ndim != 3 or values.shape[:2] != (x.size, y.size):
        raise ShapeError(f"values must have shape ({x.size}, {y.size}, seeds), got {values.shape}")
    if played is not None:
        values = np.where(played, values, values[..., :1])
    known = np.isfinite(values)
    means = np.where(known, values, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    across, up = np.meshgrid(x, y, indexing="ij")
    some, whole = known.any(axis=2), known.all(axis=2)
    low, high = limits or (None, None)
    dots = ax.scatter(across[some], up[some], c=means[some], s=size, cmap="cividis", vmin=low, vmax=high)
    ax.plot(across[~whole], up[~whole], "x", color=PALETTE["vermillion"], ms=6, mew=1.5)
    ax.set(xscale="log", yscale="log")
    ax.grid(False)
    if label:
        ax.get_figure().colorbar(dots, ax=ax, label=label)  # type: ignore[union-attr]
    return dots


def boundary(
    ax: "Axes",
    x: ArrayLike,
    y: ArrayLike,
    intervals: ArrayLike,
    laws: Mapping[str, Callable[[Any], Any]],
    *,
    label: str = "",
    xscale: str = "log",
) -> None:
    """Draw the points of a boundary with their intervals, and laws of it, on a logarithmic y axis.

    Parameters
    ----------
    ax : Axes
    x, y : (n,) arrays > 0
        Points; those with y NaN are left out.
    intervals : (n, 2) array
        NaN: none is drawn.
    laws : dict of str to function of x
        By their labels.
    label : str
        Of the points.
    xscale : {"log", "linear"}

    Raises
    ------
    ShapeError
        If x, y and intervals disagree.
    """
    x, y, intervals = (np.asarray(a, dtype=float) for a in (x, y, intervals))
    if x.shape != y.shape or intervals.shape != (x.size, 2):
        raise ShapeError(f"x, y (n,) and intervals (n, 2) must agree, got {x.shape}, {y.shape}, {intervals.shape}")
    there = np.isfinite(y)
    ends = np.abs(intervals - y[:, None])[there].T
    ax.errorbar(x[there], y[there], np.nan_to_num(ends), fmt="o", ms=5, capsize=3, color="black", label=label, zorder=3)
    fine = np.geomspace(x.min(), x.max(), 200)
    for (name, law), colour in zip(laws.items(), _LAW_COLOURS, strict=False):
        ax.plot(fine, law(fine), color=PALETTE[colour], label=name)
    ax.set(xscale=xscale, yscale="log")
