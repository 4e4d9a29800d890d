"""Precision and recall of generated samples by balls about each point, in memory that grows with the points only."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..backend import aligned, parallel_region, resolve
from ..checks import Floats
from ..errors import ParameterError

BALLS = ("open", "closed")
_GROUP = 8  # points that lie side by side, as neighbours_cpu.py wants them
_LARGE, _SMALL = 1e100, 1e-100  # coordinates beyond are scaled: their squares would overflow or vanish


def precision_recall(
    real: ArrayLike,
    fake: ArrayLike,
    k: int,
    balls: str = "open",
    *,
    threads: int | None = None,
    backend: str = "cpu",
) -> tuple[float, float]:
    r"""Return improved precision and recall of generated samples.

    .. math:: \text{precision} = \frac1m \sum_j 1\Big[y_j \in \bigcup_i B(x_i, r_k(x_i))\Big], \qquad
        \text{recall} = \frac1n \sum_i 1\Big[x_i \in \bigcup_j B(y_j, r_k(y_j))\Big]

    where :math:`r_k` is the distance to the k-th nearest other point of the same set.

    Parameters
    ----------
    real, fake : (n, d) and (m, d) arrays
        Points, or features of images, x and y.
    k : int >= 1
        Less than n and m.
    balls : {"open", "closed"}
        Whether a point on the rim is outside, as in prdc, or inside.  It matters where distances tie: among copies.
    threads : int, optional
        None: all.  The result is the same for any number.
    backend : {"cpu", "cuda", "auto"}
        The result is the same on all of them.

    Returns
    -------
    (precision, recall) : floats in [0, 1]

    Raises
    ------
    ParameterError, ShapeError
        For k < 1, k >= n or k >= m, another name of balls, empty sets, non-finite points, shapes that disagree.
    BackendUnavailableError
        For backend="cuda" without a GPU.

    Notes
    -----
    Source: Kynkäänniemi et al. 2019; open balls as in prdc (Naeem et al. 2020).  Cost: O((n^2 + m^2 + n m) d) time,
    O((n + m) d) memory; 10,000 + 10,000 points of 64 numbers take about a second on one core.

    Examples
    --------
    >>> precision_recall([[0.0], [1.0], [2.0], [9.0]], [[0.5], [1.0], [20.0]], k=1)
    (0.6666666666666666, 0.75)
    """
    x, y, k = _checked(real, fake, k)
    closed = checks.choice("balls", balls, BALLS) == "closed"
    axes = x.shape[1]
    loops, arranged_x, arranged_y = _loops(backend, x, y)
    radii_x, radii_y = np.empty(len(x)), np.empty(len(y))
    precise, recalled = np.empty(len(y), np.bool_), np.empty(len(x), np.bool_)
    with parallel_region(threads):
        loops.kth_squared(radii_x, arranged_x, axes, k)
        loops.kth_squared(radii_y, arranged_y, axes, k)
        loops.inside(precise, arranged_y, arranged_x, radii_x, axes, closed)
        loops.inside(recalled, arranged_x, arranged_y, radii_y, axes, closed)
    return float(precise.mean()), float(recalled.mean())


def density_coverage(
    real: ArrayLike, fake: ArrayLike, k: int, *, threads: int | None = None, backend: str = "cpu"
) -> tuple[float, float]:
    r"""Return density and coverage of generated samples (Naeem et al. 2020).

    .. math:: \text{density} = \frac1{k m} \sum_j \sum_i 1[y_j \in B(x_i, r_k(x_i))], \qquad
        \text{coverage} = \frac1n \sum_i 1\Big[\min_j \|x_i - y_j\| < r_k(x_i)\Big]

    Parameters
    ----------
    real, fake : (n, d) and (m, d) arrays
        Points, or features of images, x and y.
    k : int >= 1
        Less than n; :math:`r_k` is the distance of a real point to the k-th nearest other one.
    threads : int, optional
        None: all.  The result is the same for any number.
    backend : {"cpu", "cuda", "auto"}
        The result is the same on all of them.

    Returns
    -------
    density : float >= 0
        It may exceed 1, where fakes crowd.
    coverage : float in [0, 1]

    Raises
    ------
    ParameterError, ShapeError
        For k < 1, k >= n, empty sets, non-finite points, shapes that disagree.
    BackendUnavailableError
        For backend="cuda" without a GPU.

    Notes
    -----
    Balls are open and about real points only, so that an outlying fake changes little.  Cost: O((n^2 + n m) d) time,
    O((n + m) d) memory.

    Examples
    --------
    >>> density_coverage([[0.0], [1.0], [2.0]], [[0.5], [5.0], [6.0]], k=1)
    (0.6666666666666666, 0.6666666666666666)
    """
    x, y, k = _checked(real, fake, k, both=False)
    axes = x.shape[1]
    loops, arranged_x, arranged_y = _loops(backend, x, y)
    radii, nearest = np.empty(len(x)), np.empty(len(x))
    held = np.empty(len(y), np.int64)
    with parallel_region(threads):
        loops.kth_squared(radii, arranged_x, axes, k)
        loops.counted(held, arranged_y, arranged_x, radii, axes)
        loops.nearest_squared(nearest, arranged_x, arranged_y, len(y), axes)
    return float(held.sum() / (k * len(y))), float((nearest < radii).mean())


def _checked(real: ArrayLike, fake: ArrayLike, k: int, *, both: bool = True) -> tuple[Floats, Floats, int]:
    """Return the points, scaled where their squares would overflow or vanish, and k."""
    x, y = checks.points("real", real), checks.points("fake", fake)
    checks.same_dim(real=x, fake=y)
    k = checks.integer("k", k, at_least=1)
    for name, points in (("real", x), ("fake", y))[: 2 if both else 1]:
        if k >= len(points):
            raise ParameterError(f"k must be < {len(points)}, the number of {name} points, got {k}")
    size = max(np.abs(x).max(), np.abs(y).max())
    scale = 2.0 ** -np.floor(np.log2(size)) if size > _LARGE or 0 < size < _SMALL else 1.0  # exact: powers of two
    return x * scale, y * scale, k


def _loops(backend: str, x: Floats, y: Floats) -> tuple[Any, Floats, Floats]:
    """Return the loops for a backend, and the points as these want them."""
    if resolve(backend) == "cuda":
        from . import neighbours_cuda

        return neighbours_cuda, x, y
    from . import neighbours_cpu

    return neighbours_cpu, _grouped(x), _grouped(y)


def _grouped(points: Floats) -> NDArray[np.float64]:
    """Return points flat, as [group of 8][axis][point of the group], filled up with inf."""
    n, axes = points.shape
    groups = -(-n // _GROUP)
    out = aligned((groups, axes, _GROUP), "float64")
    whole = n // _GROUP
    out[:whole] = points[: whole * _GROUP].reshape(whole, _GROUP, axes).transpose(0, 2, 1)
    if whole < groups:
        out[whole] = np.inf
        out[whole, :, : n - whole * _GROUP] = points[whole * _GROUP :].T
    return out.reshape(-1)
