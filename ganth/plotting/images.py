"""Panels of trainings on images: sheets of samples, and the course of the metric that says stop."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ShapeError
from .sheet import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 2  # pixels between images


def image_grid(ax: "Axes", images: ArrayLike, *, columns: int = 8) -> None:
    """Draw images row by row as one picture, black at -1 and white at 1.

    Parameters
    ----------
    ax : Axes
    images : (n, height, width, channels) array in [-1, 1], channels 1 or 3
    columns : int >= 1
        Images in a row.

    Raises
    ------
    ShapeError
        If images has other axes.
    """
    given = np.asarray(images, dtype=float)
    if given.ndim != 4 or given.shape[-1] not in (1, 3) or len(given) == 0:
        raise ShapeError(f"images must have shape (n, height, width, 1 or 3), n >= 1, got {given.shape}")
    n, height, width, channels = given.shape
    rows = -(-n // columns)
    sheet = np.ones((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels))
    for i in range(n):
        top, left = i // columns * (height + _GAP), i % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = given[i]
    shown = np.clip((sheet + 1.0) / 2.0, 0.0, 1.0)
    ax.imshow(shown[..., 0] if channels == 1 else shown, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    ax.set_axis_off()


def metric_trace(
    ax: "Axes",
    epochs: ArrayLike,
    metric: ArrayLike,
    thresholds: Mapping[str, float],
    stops: Mapping[str, int | None],
) -> None:
    """Draw a training's metric by epoch, on a logarithmic axis, with each rule's threshold and where it says stop.

    Parameters
    ----------
    ax : Axes
    epochs, metric : (n,) arrays
    thresholds : mapping of str to float
        What the metric must exceed, by the rule's name.
    stops : mapping of str to int or None
        The epoch at which each rule says stop, a cross; None: never.
    """
    epochs, metric = np.asarray(epochs), np.asarray(metric)
    ax.plot(epochs, metric, color=PALETTE["blue"], label="metric")
    for (name, level), color in zip(thresholds.items(), ("vermillion", "green", "purple", "orange"), strict=False):
        at = stops.get(name)
        label = f"{name}: {'never' if at is None else f'epoch {at}'}"
        ax.axhline(level, color=PALETTE[color], ls="--", lw=1.0, label=label)
        if at is not None:
            ax.plot(at, metric[epochs == at], "x", color=PALETTE[color], ms=8, mew=2, zorder=3)
    ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel(r"quantile of $\|\nabla d\|/d$")
    ax.legend()
