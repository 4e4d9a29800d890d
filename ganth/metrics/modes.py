"""How generated points are spread over the modes of a target: mode collapse, distance, likelihood."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError
from ..targets import GaussianMixture

_BLOCK = 1 << 20  # numbers of one temporary array
_LARGE = 1e100  # larger coordinates are scaled before they are multiplied


def mode_collapse(particles: ArrayLike, modes: ArrayLike) -> Floats:
    r"""Return the mode-collapse metric of each cloud: how far its shares of the modes are from even.

    .. math:: \log k + \sum_i P_i \log P_i, \qquad P_i \text{ the share of particles nearest to mode } i

    It is 0 for even shares, log(k/m) where m modes share the cloud evenly, and log k where one has all of it.

    Parameters
    ----------
    particles : (..., n, d) array
        Clouds of n >= 1 particles [data length].
    modes : (k, d) array
        Means of the target, k >= 1.

    Returns
    -------
    (...) float64 array in [0, log k]
        NaN for a cloud with a non-finite particle.

    Raises
    ------
    ParameterError, ShapeError
        For non-finite modes, or shapes that disagree.

    Notes
    -----
    Source: ED, eq. (22), with k = 8.  A particle as near to two modes belongs to the first.  Low values alone do not
    show convergence: any cloud that surrounds the modes evenly has 0, however far out it is; read
    `nearest_mode_distance` and `mean_log_likelihood` beside it.  Cost: O(n k d) a cloud.

    Examples
    --------
    >>> modes = [[-1.0], [1.0]]
    >>> mode_collapse([[-1.1], [0.9], [3.0], [-2.0]], modes).item()
    0.0
    >>> round(mode_collapse([[0.9], [1.1]], modes).item(), 6)  # log 2
    0.693147
    """
    cloud, modes = _clouds(particles, modes)
    n, k = cloud.shape[-2], len(modes)
    return _for_each_cloud(cloud, k, lambda block: _unevenness(_nearest(block, modes), n, k))


def nearest_mode_distance(particles: ArrayLike, modes: ArrayLike) -> Floats:
    """Return the mean Euclidean distance of the particles of each cloud to the mode nearest to each.

    Parameters
    ----------
    particles : (..., n, d) array
        Clouds of n >= 1 particles [data length].
    modes : (k, d) array
        Means of the target, k >= 1.

    Returns
    -------
    (...) float64 array >= 0
        NaN for a cloud with a non-finite particle.

    Raises
    ------
    ParameterError, ShapeError
        For non-finite modes, or shapes that disagree.

    Notes
    -----
    Source: ED, Fig. 17.  It is small for a collapsed cloud too: one mode is near.  A sample of the target itself has
    sqrt(pi/2) sd for round modes in the plane, far apart.  Cost: O(n k d) a cloud.

    Examples
    --------
    >>> nearest_mode_distance([[0.0, 0.0], [3.0, 1.0]], [[3.0, 4.0], [-9.0, 0.0]]).item()
    4.0
    """
    cloud, modes = _clouds(particles, modes)

    def mean_distance(block: Floats) -> Floats:
        offset = block - modes[_nearest(block, modes)]
        return np.hypot.reduce(offset, axis=-1, initial=0.0).mean(axis=-1)  # squares overflow far out

    return _for_each_cloud(cloud, len(modes), mean_distance)


def mean_log_likelihood(particles: ArrayLike, target: GaussianMixture) -> Floats:
    r"""Return the mean log density :math:`\frac1n \sum_a \log p(x_a)` of each cloud under the target.

    Parameters
    ----------
    particles : (..., n, d) array
        Clouds of n >= 1 particles [data length].
    target : GaussianMixture

    Returns
    -------
    (...) float64 array
        NaN for a cloud with a non-finite particle; -inf where a squared distance overflows, beyond about 1e153.

    Raises
    ------
    ParameterError, ShapeError
        If target is no mixture, or shapes disagree.

    Notes
    -----
    Source: ED, section IV.  It does not see which modes are missing: a cloud on one mode has that of a cloud on all.
    For a sample of k equal, round modes in the plane, far apart, its mean is -1 - log(2 pi k variance).
    Cost: O(n k d^2) a cloud.

    Examples
    --------
    >>> ring = GaussianMixture.ring(8, 2.0, 0.02**2)
    >>> mean_log_likelihood([ring.means, 10 * ring.means], ring).round(3).tolist()
    [3.907, -404996.093]
    """
    if not isinstance(target, GaussianMixture):
        raise ParameterError(f"target must be a GaussianMixture, got {target!r}")
    cloud, modes = _clouds(particles, target.means)
    n, dim = cloud.shape[-2:]

    def mean_log_density(block: Floats) -> Floats:
        return target.log_density(block.reshape(-1, dim)).reshape(-1, n).mean(axis=1)

    return _for_each_cloud(cloud, len(modes) * dim, mean_log_density)


def _clouds(particles: ArrayLike, modes: ArrayLike) -> tuple[Floats, Floats]:
    modes = checks.points("modes", modes)
    cloud = np.asarray(particles, dtype=np.float64)
    if cloud.ndim < 2 or 0 in cloud.shape[-2:]:
        raise ShapeError(f"particles must have shape (..., n, d), n >= 1 and d >= 1, got {cloud.shape}")
    checks.same_dim(particles=cloud, modes=modes)
    return cloud, modes


def _for_each_cloud(cloud: Floats, per_particle: int, measure: Callable[[Floats], Floats]) -> Floats:
    """Return measure of blocks of clouds, NaN where a particle is not finite; temporaries stay small."""
    lead, (n, dim) = cloud.shape[:-2], cloud.shape[-2:]
    flat = cloud.reshape(-1, n, dim)
    out = np.full(len(flat), np.nan)
    finite = np.flatnonzero(np.isfinite(flat).all(axis=(1, 2)))
    block = max(1, _BLOCK // (n * per_particle))
    with np.errstate(over="ignore"):
        for first in range(0, len(finite), block):
            chosen = finite[first : first + block]
            out[chosen] = measure(flat[chosen])
    return out.reshape(lead)


def _nearest(cloud: Floats, modes: Floats) -> NDArray[np.intp]:
    r"""Return the index of the mode nearest to each particle, (..., n).

    The largest of :math:`x \cdot m - \|m\|^2/2`, both taken from the middle of the modes: distances of their own
    would overflow, or agree to rounding, far out.
    """
    middle = modes.mean(axis=0)
    arms = modes - middle
    x = cloud - middle
    size = np.abs(x).max(axis=-1, keepdims=True)
    scale = np.where(size > _LARGE, size, 1.0)
    score = np.einsum("...d,kd->...k", x / scale, arms) - 0.5 * (arms**2).sum(axis=1) / scale
    return score.argmax(axis=-1)


def _unevenness(nearest: NDArray[np.intp], n: int, k: int) -> Floats:
    r"""Return log k + sum P log P of indices (clouds, n): sum P log(k P), which is 0 to the bit for even shares."""
    clouds = len(nearest)
    counts = np.bincount((nearest + k * np.arange(clouds)[:, None]).ravel(), minlength=k * clouds).reshape(clouds, k)
    return (counts / n * np.log(np.maximum(counts, 1) * k / n)).sum(axis=1)
