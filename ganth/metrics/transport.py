"""Wasserstein-2 distances between point sets: own assignment for small equal sets, POT beyond."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import backend as machine
from .. import checks
from ..errors import ShapeError

SMALL = 16  # points up to which the own assignment is faster than POT's call
_LARGEST_ON_CUDA = 128  # points: one thread takes a tenth of a second for so many
_POT_ITERATIONS = 10_000_000
_LARGE = 1e100  # larger coordinates are scaled: their squares might overflow, and no assignment has a cost then


def wasserstein2(x: ArrayLike, y: ArrayLike, wx: ArrayLike | None = None, wy: ArrayLike | None = None) -> float:
    r"""Return the Wasserstein-2 distance, not squared, of two weighted point sets.

    .. math:: W_2 = \Big(\min_{P \geq 0,\ P 1 = w,\ P^T 1 = v} \sum_{ij} P_{ij} \|x_i - y_j\|^2\Big)^{1/2}

    Parameters
    ----------
    x, y : (n, d) and (m, d) arrays [data length].
    wx, wy : (n,) and (m,) arrays, optional
        Weights >= 0 that sum to 1 within 1e-9.  None: 1/n, 1/m each.

    Returns
    -------
    float
        A distance [data length].

    Raises
    ------
    ParameterError, ShapeError
        For weights off their sum or negative, non-finite points, shapes that disagree.

    Notes
    -----
    Source: KD, eq. (134), whose ratio is of W2, not of its square.  Equal weights and n = m <= 16: shortest augmenting
    paths, O(n^3), microseconds; otherwise POT's network simplex.

    Examples
    --------
    >>> wasserstein2([[0.0], [1.0]], [[1.0], [3.0]])
    1.5811388300841898
    >>> wasserstein2([[0.0]], [[3.0], [4.0]], wy=[0.5, 0.5])
    3.5355339059327378
    """
    x, y = checks.points("x", x), checks.points("y", y)
    checks.same_dim(x=x, y=y)
    n, m = len(x), len(y)
    if wx is None and wy is None and n == m <= SMALL:
        return float(wasserstein2_many(x[None], y, threads=1)[0])
    weights_x, weights_y = checks.weights("wx", wx, n), checks.weights("wy", wy, m)
    import ot

    scale = float(_scale(x[None], y[None])[0])
    cost = ((x[:, None, :] / scale - y[None, :, :] / scale) ** 2).sum(axis=2)
    plan = ot.emd(weights_x / weights_x.sum(), weights_y / weights_y.sum(), cost, numItermax=_POT_ITERATIONS)
    return scale * float(np.sqrt(np.sum(plan * cost)))


def wasserstein2_many(
    x: ArrayLike, y: ArrayLike, *, threads: int | None = None, backend: str = "cpu"
) -> NDArray[np.float64]:
    """Return the Wasserstein-2 distance of each of many pairs of equal-weight point sets, shape (trials,).

    Parameters
    ----------
    x : (trials, n, d) array
    y : (n, d) or (trials, n, d) array
        As many points as x has.
    threads : int, optional
    backend : {"cpu", "cuda", "auto"}
        The result is the same on all of them up to 16 points, and beyond to rounding.

    Raises
    ------
    ParameterError, ShapeError
        For non-finite points or shapes that disagree.
    BackendUnavailableError
        For backend="cuda" without a GPU, or for more than 128 points.

    Notes
    -----
    Cost: O(trials n^3); 0.5 us a pair of 4 points, 1 us of 10.  Above 16 points each pair goes to POT; on CUDA
    a thread solves an assignment, of up to 128 points.

    Examples
    --------
    >>> wasserstein2_many([[[0.0]], [[2.0]]], [[5.0]]).tolist()
    [5.0, 3.0]
    """
    x = checks.array("x", x, "(trials, n, d)", 3)
    y = checks.points("y", y, trials=True)
    if 0 in x.shape or y.shape[-2:] != x.shape[1:] or (y.ndim == 3 and len(y) != len(x)):
        raise ShapeError(f"x (trials, n, d) and y (n, d) or (trials, n, d) must agree, got {x.shape} and {y.shape}")
    y = np.ascontiguousarray(np.broadcast_to(y, x.shape))
    where = machine.resolve(backend)
    if x.shape[1] > _LARGEST_ON_CUDA:
        where = machine.no_cuda_loops(backend, f"wasserstein2_many of more than {_LARGEST_ON_CUDA} points")
    if where == "cpu" and x.shape[1] > SMALL:
        return np.array([wasserstein2(a, b) for a, b in zip(x, y, strict=True)])
    out, scale = np.empty(len(x)), _scale(x, y)
    if (scale != 1.0).any():
        x, y = x / scale[:, None, None], y / scale[:, None, None]
    if where == "cuda":
        from . import transport_cuda

        transport_cuda.wasserstein2(out, np.ascontiguousarray(x), y)
        return scale * out
    from . import transport_cpu

    if len(x) == 1 or threads == 1:
        transport_cpu.wasserstein2_serial(out, x, y)
    else:
        with machine.parallel_region(threads):
            transport_cpu.wasserstein2(out, x, y)
    return scale * out


def _scale(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (trials,) what x and y are to be divided by: 1, or the largest coordinate where it is large."""
    size = np.maximum(np.abs(x).max(axis=(1, 2)), np.abs(y).max(axis=(1, 2)))
    return np.where(size > _LARGE, size, 1.0)
