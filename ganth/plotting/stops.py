"""The sheet of an early stop on images: courses of all trials, and samples before, at and after it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from .images import image_grid
from .sheet import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 3  # images of a sample, a row
_LINES = ("--", "-.", ":")
_COLOURS = ("blue", "orange", "purple", "green")


def course(ax: "Axes", values: Any, *, color: str = "blue", stops: Any = None, label: str = "") -> None:
    """Draw the course of every trial by epoch, from epoch 1 on, a cross where it stops.

    Parameters
    ----------
    ax : Axes
    values : (trials, records) array
    color : str
        A name of `PALETTE`.
    stops : (trials,) array of int, optional
        Epochs; below 1: none.
    label : str
        Of the first trial.

    Raises
    ------
    ShapeError
        If values has other axes.
    """
    lines = np.asarray(values, dtype=float)
    if lines.ndim != 2:
        raise ShapeError(f"values must have shape (trials, records), got {lines.shape}")
    for k, line in enumerate(lines):
        ax.plot(np.arange(1, len(line)), line[1:], color=PALETTE[color], lw=1.0, label=label if k == 0 else None)
        if stops is not None and stops[k] > 0:
            ax.plot(stops[k], line[int(stops[k])], "x", color=PALETTE["vermillion"], ms=7, mew=2, zorder=3)
    ax.set_xlabel("epoch")


def early_stop(fig: "Figure", result: Mapping[str, Any], rules: Sequence[str], *, shown: int = 4) -> None:
    """Fill a figure with what `ganth.studies.early_stops` returned: courses above, samples of all trials below.

    Where files are missing it says so.

    Parameters
    ----------
    fig : Figure
    result : mapping
        Its arrays "NAME_metric", "NAME_stops", "NAME_frechet", "NAME_roughness", "NAME_coverage", "NAME_images",
        "NAME_epochs" of each of its settings' "studies", and "limits"; or "missing".
    rules : sequence of str
        Names of the limits.
    shown : int >= 1
        Trials whose samples are drawn.
    """
    if "missing" in result:
        nothing(fig, result["missing"])
        return
    names: Sequence[str] = result["settings"]["studies"]
    trials = min(shown, len(np.asarray(result[f"{names[0]}_metric"])))
    heights = 4.4, 1.0 * trials * ((len(names) + 1) // 2)
    fig.set_size_inches(9.2, sum(heights))
    halves: Any = fig.subfigures(2, 1, height_ratios=heights)
    above, below = halves
    axes: Any = above.subplots(2, 2)
    (metric, frechet), (rough, cover) = axes
    for name, color in zip(names, _COLOURS, strict=False):
        course(metric, result[f"{name}_metric"], color=color, stops=np.asarray(result[f"{name}_stops"])[0], label=name)
        course(frechet, result[f"{name}_frechet"], color=color, label=name)
        course(rough, result[f"{name}_roughness"], color=color)
        course(cover, result[f"{name}_coverage"], color=color)
    for limit, rule, style in zip(result["limits"], rules, _LINES, strict=True):
        metric.axhline(limit, color="black", ls=style, lw=1.0)
        metric.text(1.0, limit, rule, transform=metric.get_yaxis_transform(), ha="right", va="bottom", fontsize=8)
    metric.set(yscale="log", title="the metric, and the thresholds")
    metric.set_ylim(top=2.5 * max(result["limits"]))
    frechet.set(yscale="log", title="Fréchet distance, features of the classifier")
    frechet.legend()
    rough.set(title="roughness of images, of real ones")
    cover.set(title="classes covered", ylim=(0, None))
    made: Any = below.subfigures((len(names) + 1) // 2, 2 if len(names) > 1 else 1, squeeze=False)
    blocks = made.ravel()
    for block, name in zip(blocks, names, strict=False):
        images, epochs = np.asarray(result[f"{name}_images"], float), np.asarray(result[f"{name}_epochs"])
        grid = block.subplots(trials, images.shape[1], squeeze=False)
        for k in range(trials):
            for ax, sample, epoch in zip(grid[k], images[k], epochs[k], strict=True):
                image_grid(ax, sample / 127.5 - 1.0, columns=_SIDE)
                ax.set_title(f"{name} {k}: {epoch}", fontsize=7, pad=2)


def nothing(fig: "Figure", why: str) -> None:
    """Say in an empty figure why there is none.

    Parameters
    ----------
    fig : Figure
    why : str
    """
    fig.set_size_inches(8.0, 1.2)
    fig.text(0.5, 0.5, why, ha="center", va="center", wrap=True)
