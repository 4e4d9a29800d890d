"""The one style sheet: colours that the colour-blind can tell apart, sizes that a phone can show."""

import contextlib
import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito, 2008.
PALETTE = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "black": "#000000",
}
_DPI = 160
_COLOURS = (24, 32, 48, 96, 160, 256)  # of a palette: the first that shows a picture as it is
_MEAN_ERROR, _LARGE_ERROR = 0.5, 24  # of 255, over all pixels and of all but a thousandth
_SETTINGS: dict[Any, Any] = {
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "figure.dpi": _DPI,
    "figure.figsize": (6.4, 4.0),
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "image.cmap": "cividis",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "mathtext.fontset": "dejavusans",
    "savefig.dpi": _DPI,
    "savefig.facecolor": "white",
    "text.usetex": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw with ganth's style inside a `with` block; Matplotlib's own settings come back after it.

    >>> import matplotlib
    >>> with style():
    ...     matplotlib.rcParams["font.size"]
    10.0
    """
    import matplotlib
    from cycler import cycler

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # what a user set elsewhere must not reach a figure of ours
        matplotlib.rcParams.update(_SETTINGS)
        matplotlib.rcParams["axes.prop_cycle"] = cycler(color=list(PALETTE.values()))
        yield


def figure() -> "Figure":
    """Return an empty figure that no window and no global state knows of."""
    from matplotlib.figure import Figure

    return Figure()


def save(fig: "Figure", path: str | os.PathLike[str]) -> None:
    """Write `fig` as a PNG of 160 dots an inch; the same figure gives the same bytes.

    It has a palette of at most 256 colours, which makes it a third of the size: a report carries some hundred figures.
    """
    import numpy as np
    from PIL import Image

    drawn = io.BytesIO()
    fig.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 1})
    picture = Image.open(drawn).convert("RGB")
    wanted = np.asarray(picture, dtype=np.int16)
    for colours in _COLOURS:
        reduced = picture.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        error = np.abs(np.asarray(reduced.convert("RGB"), dtype=np.int16) - wanted).max(axis=-1)
        if error.mean() < _MEAN_ERROR and np.quantile(error, 0.999) <= _LARGE_ERROR:
            break
    reduced.save(path, format="png", dpi=(_DPI, _DPI), optimize=True)


def compact(png: bytes) -> tuple[str, bytes]:
    """Return (media type, data) of a PNG for a page: WebP of the same pixels where it is smaller and can be made."""
    from PIL import Image, features

    if features.check("webp"):
        made = io.BytesIO()
        with contextlib.suppress(OSError):
            Image.open(io.BytesIO(png)).convert("RGB").save(made, format="webp", lossless=True, quality=75, method=4)
        if 0 < made.tell() < len(png):
            return "image/webp", made.getvalue()
    return "image/png", png
