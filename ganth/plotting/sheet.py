"""The one style sheet: colours that the colour-blind can tell apart, sizes that a phone can show."""

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

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
_COLOURS, _MOST_COLOURS = (32, 64, 128), 256  # of a palette: the first that shows a picture as it is
_MEAN_ERROR, _LARGE_ERROR = 0.5, 24  # of 255, over all pixels and of all but a thousandth
PAGE_WIDTH, PAGE_QUALITY = 1000, 45  # of a picture on the page
_SCREEN_DPI, _FRAME_COLOURS = 72, 32  # of an animation
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


def save(fig: "Figure", path: str | os.PathLike[str] | BinaryIO) -> None:
    """Write `fig` to a path or a file as a PNG of 160 dots an inch; the same figure gives the same bytes.

    It has a palette of at most 256 colours, which makes it a third of the size: a report carries some hundred figures.
    """
    from PIL import Image

    picture = _picture(fig, _DPI)
    most = picture.quantize(_MOST_COLOURS, dither=Image.Dither.NONE)
    few = most.convert("RGB")  # of many colours the search for the best takes seconds
    for colours in _COLOURS:
        reduced = few.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        mean, large = _errors(picture, reduced.convert("RGB"))
        if mean < _MEAN_ERROR and large <= _LARGE_ERROR:
            break
    else:
        reduced = most
    reduced.save(path, format="png", dpi=(_DPI, _DPI), optimize=True)


def _picture(fig: "Figure", dots: int) -> Any:
    """Return what a figure shows at so many dots an inch."""
    from PIL import Image

    drawn = io.BytesIO()
    fig.savefig(drawn, format="png", dpi=dots, metadata={"Software": None}, pil_kwargs={"compress_level": 1})
    return Image.open(drawn).convert("RGB")


def _errors(picture: Any, reduced: Any) -> tuple[float, int]:
    """Return the mean over pixels of the largest error of a channel, and what all but a thousandth stay at or below."""
    from PIL import ImageChops

    red, green, blue = ImageChops.difference(picture, reduced).split()
    counts = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()
    pixels = sum(counts)
    large = next(error for error in range(256) if sum(counts[: error + 1]) >= 0.999 * pixels)
    return sum(error * count for error, count in enumerate(counts)) / pixels, large


def compact(png: bytes) -> tuple[str, bytes]:
    """Return (media type, data) of a PNG for a page: WebP, at most 1000 pixels wide, where that is smaller.

    That is about what a screen shows of it; the PNG with all of its pixels lies beside the page.
    """
    from PIL import Image, features

    if features.check("webp"):
        made = io.BytesIO()
        with contextlib.suppress(OSError):
            picture = Image.open(io.BytesIO(png)).convert("RGB")
            picture.thumbnail((PAGE_WIDTH, picture.height), Image.Resampling.LANCZOS)
            picture.save(made, format="webp", quality=PAGE_QUALITY, method=4)
        if 0 < made.tell() < len(png):
            return "image/webp", made.getvalue()
    return "image/png", png


def animate(fig: "Figure", frames: Iterable[object], path: str | os.PathLike[str], *, seconds: float = 0.1) -> None:
    """Write a GIF of what `fig` shows after each step of `frames`, 72 dots an inch and 32 colours, without end.

    `frames` draws on the figure and yields, once a frame of `seconds` > 0.  Pixels that stay are stored once.
    """
    from PIL import Image

    first, *rest = [_picture(fig, _SCREEN_DPI).quantize(_FRAME_COLOURS, dither=Image.Dither.NONE) for _ in frames]
    first.save(path, format="gif", save_all=True, append_images=rest, duration=round(1000 * seconds), loop=0)
