"""Panels that many figures share: arrays in, drawn into the Axes that is given."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ShapeError
from .sheet import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def trajectories(ax: "Axes", particles: ArrayLike, true_points: ArrayLike, *, label: str = "generated") -> None:
    """Draw the paths of particles (red, a cross at the end) and the true points (green), in their first two axes.

    Parameters
    ----------
    ax : Axes
    particles : (records, n, d) or (trials, records, n, d) array, d >= 2
        Path of each generated point [data length].
    true_points : (n, d) array
        True points [data length].
    label : str
        Of the generated points.

    Raises
    ------
    ShapeError
        If particles has other axes, or d < 2.
    """
    paths = np.asarray(particles, dtype=float)
    true = np.asarray(true_points, dtype=float)
    if paths.ndim not in (3, 4) or paths.shape[-1] < 2:
        raise ShapeError(
            f"particles must have shape (records, n, d) or (trials, records, n, d), d >= 2, got {paths.shape}"
        )
    if true.ndim != 2 or true.shape[1] != paths.shape[-1]:
        raise ShapeError(f"true_points must have shape (n, {paths.shape[-1]}), got {true.shape}")
    paths = paths.reshape(-1, *paths.shape[-3:])
    for trial in paths:
        ax.plot(trial[:, :, 0], trial[:, :, 1], color=PALETTE["vermillion"], lw=0.8, alpha=0.8)
    ends = paths[:, -1].reshape(-1, paths.shape[-1])
    ax.plot(true[:, 0], true[:, 1], "o", color=PALETTE["green"], ms=7, label="true", zorder=3)
    ax.plot(ends[:, 0], ends[:, 1], "x", color=PALETTE["vermillion"], ms=7, mew=2, label=label, zorder=4)
    ax.set_aspect("equal", adjustable="datalim")


def heatmap(
    ax: "Axes",
    x: ArrayLike,
    y: ArrayLike,
    values: ArrayLike,
    *,
    label: str = "",
    centred: bool = False,
    limits: tuple[float, float] | None = None,
) -> Any:
    """Draw `values` over a grid, with a colour bar if it has a label; return the mesh.

    Parameters
    ----------
    ax : Axes
    x, y : (nx,) and (ny,) arrays
        Centres of the cells.
    values : (ny, nx) array
        NaN cells stay blank.
    label : str
        Of the colour bar; none is drawn for "".
    centred : bool
        Take colours on both sides of zero.
    limits : (low, high), optional
        Of the colours.  None: those of the values.

    Raises
    ------
    ShapeError
        If values is not (ny, nx).
    """
    x, y, values = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.asarray(values, dtype=float)
    if values.shape != (y.size, x.size):
        raise ShapeError(f"values must have shape (ny, nx) = {(y.size, x.size)}, got {values.shape}")
    if limits is None and centred:
        largest = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
        limits = (-largest, largest)
    low, high = limits or (None, None)
    mesh = ax.pcolormesh(
        x, y, values, shading="nearest", cmap="RdBu_r" if centred else "cividis", vmin=low, vmax=high, rasterized=True
    )
    ax.grid(False)
    if label:
        ax.get_figure().colorbar(mesh, ax=ax, label=label)  # type: ignore[union-attr]
    return mesh


def quantile_band(
    ax: "Axes",
    x: ArrayLike,
    median: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    label: str = "",
    color: str | None = None,
) -> None:
    """Draw a median as a line in the band of two quantiles.

    Parameters
    ----------
    ax : Axes
    x, median, low, high : (n,) arrays
    label : str
    color : str, optional
        A Matplotlib colour or a name of `PALETTE`.  None: the next of the cycle.
    """
    (line,) = ax.plot(x, median, marker="o", ms=3, label=label, color=PALETTE.get(color or "", color))
    ax.fill_between(np.asarray(x), np.asarray(low), np.asarray(high), color=line.get_color(), alpha=0.2, lw=0)


def complex_roots(
    ax: "Axes", roots: ArrayLike, *, label: str = "", color: str | None = None, marker: str = "o"
) -> None:
    """Draw complex numbers in the plane with the line Re s = 0, right of which a mode grows.

    Parameters
    ----------
    ax : Axes
    roots : array of complex, or (n, 2) array of (Re s, Im s)
    label : str
    color : str, optional
        A Matplotlib colour or a name of `PALETTE`.  None: the next of the cycle.
    marker : str

    Raises
    ------
    ShapeError
        If roots are real and not (n, 2).
    """
    values = np.asarray(roots)
    if not np.iscomplexobj(values):
        if values.ndim != 2 or values.shape[1] != 2:
            raise ShapeError(f"roots must be complex, or have shape (n, 2), got a real array of shape {values.shape}")
        values = values[:, 0] + 1j * values[:, 1]
    values = values.ravel()
    if not any(line.get_gid() == "stability limit" for line in ax.lines):
        ax.axvline(0.0, color=PALETTE["black"], lw=0.8, gid="stability limit")
        ax.axhline(0.0, color=PALETTE["black"], lw=0.4)
        ax.set_xlabel("Re s")
        ax.set_ylabel("Im s")
    ax.plot(values.real, values.imag, marker, ls="none", mfc="none", label=label, color=PALETTE.get(color or "", color))
