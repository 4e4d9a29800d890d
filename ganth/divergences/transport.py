"""Wasserstein distances and MMD of two laws."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ShapeError
from ..kernels import RBF, MultiScale
from ..maps import Transport
from ..targets import GaussianMixture, UniformBox
from . import laws
from .laws import Law
from .quadrature import crossings, integrate

Floats = NDArray[np.float64]
_FAR = 9.5  # standard deviations of a normal z: beyond, z^4 phi(z) is 1e-16


def w1(p: Law, q: Law) -> float:
    r"""Return the Wasserstein-1 distance on the line, :math:`\int |F - G|`, F and G the distribution functions.

    Parameters
    ----------
    p, q : GaussianMixture or UniformBox
        One-dimensional; for samples in more dimensions see POT.

    Raises
    ------
    ParameterError, ShapeError
        For laws of other kinds, or not on the line.

    Examples
    --------
    >>> import ganth
    >>> p, q = (ganth.targets.GaussianMixture([[m]], 1.0) for m in (0.0, 3.0))
    >>> round(w1(p, q), 10)
    3.0
    """
    _line(p, q, "w1")
    edges = laws.corners(p, q)
    level = crossings(lambda x: distribution_gap(p, q, x), edges)
    return float(integrate(lambda x: np.abs(distribution_gap(p, q, x)), np.concatenate([edges, level])))


def distribution_gap(p: Law, q: Law, x: Floats) -> Floats:
    """Return F(x) - G(x) of two laws on the line, from whichever tails are small.

    >>> import ganth
    >>> box = ganth.targets.UniformBox([0.0], [1.0])
    >>> distribution_gap(box, ganth.targets.UniformBox([0.0], [2.0]), np.array([0.5, 1.5])).tolist()
    [0.25, 0.25]
    """
    (below_p, above_p), (below_q, above_q) = laws.tails(p, x), laws.tails(q, x)
    return np.where(below_p + below_q < 1.0, below_p - below_q, above_q - above_p)


def w2(p: Law, q: Law) -> float:
    r"""Return the Wasserstein-2 distance, not squared.

    On the line by quadrature of :math:`\int (F^{-1} - G^{-1})^2 du`; of two Gaussians, each of one mode, in closed form
    (Bures) in any dimension.

    Parameters
    ----------
    p, q : GaussianMixture or UniformBox

    Raises
    ------
    ParameterError, ShapeError
        For laws of other kinds, or mixtures in two dimensions and more: `ganth.metrics.wasserstein2` takes samples.

    Examples
    --------
    >>> import ganth
    >>> p, q = ganth.targets.GaussianMixture([[0.0]], 1.0), ganth.targets.GaussianMixture([[3.0]], 25.0)
    >>> round(w2(p, q), 10)  # sqrt(3^2 + 4^2)
    5.0
    """
    if laws.check_pair(p, q) > 1:
        return _bures(p, q)
    from_normal = [_monotone(law) for law in (p, q)]
    edges = [np.linspace(-_FAR, _FAR, 39)]
    edges += [_seams(law) for law in (p, q)]

    def function(z: Floats) -> Floats:
        return (from_normal[0](z) - from_normal[1](z)) ** 2 * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)

    return float(np.sqrt(integrate(function, np.concatenate(edges))))


def mmd(p: Law, q: Law, kernel: Any) -> float:
    r"""Return the kernel MMD of two mixtures, :math:`\|E_p K(x, \cdot) - E_q K(y, \cdot)\|`, in closed form.

    Parameters
    ----------
    p, q : GaussianMixture
    kernel : ganth.RBF or ganth.MultiScale

    Raises
    ------
    ParameterError, ShapeError
        For laws or kernels of other kinds; `ganth.metrics.mmd2` takes samples and any kernel.

    Examples
    --------
    >>> import ganth
    >>> p, q = (ganth.targets.GaussianMixture([[m]], 0.5) for m in (0.0, 2.0))
    >>> abs(mmd(p, q, ganth.RBF(1.0)) ** 2 - 2**0.5 * (1 - float(np.exp(-1.0)))) < 1e-12
    True
    """
    laws.check_pair(p, q)
    if not (isinstance(p, GaussianMixture) and isinstance(q, GaussianMixture)):
        raise ParameterError(f"p and q must be GaussianMixtures, got {p!r} and {q!r}")
    if not isinstance(kernel, RBF | MultiScale):
        raise ParameterError(f"kernel must be an RBF or a MultiScale, got {kernel!r}")
    widths = (kernel.width,) if isinstance(kernel, RBF) else kernel.widths
    means = np.concatenate([p.means, q.means])
    covariances = np.concatenate([p.covariances, q.covariances])
    weights = np.concatenate([p.weights, -q.weights])
    total = 0.0
    for width in widths:
        spread = covariances[:, None] + covariances[None] + width**2 * np.eye(p.means.shape[1])
        offset = means[:, None] - means[None]
        squares = np.einsum("ija,ijab,ijb->ij", offset, np.linalg.inv(spread), offset)
        log_scale = 0.5 * np.linalg.slogdet(spread / width**2)[1]
        total += float(weights @ np.exp(-0.5 * squares - log_scale) @ weights)
    return float(np.sqrt(max(total, 0.0)))


def _line(p: object, q: object, name: str) -> None:
    dim = laws.check_pair(p, q)
    if dim != 1:
        raise ShapeError(f"{name} needs laws on the line, got {dim} dimensions")


def _monotone(law: Law) -> Callable[[Floats], Floats]:
    """Return the monotone map from N(0, 1) to a law on the line."""
    from scipy.special import ndtr

    if isinstance(law, UniformBox):
        low, high = law.low[0], law.high[0]
        return lambda z: low + (high - low) * ndtr(z)
    return Transport(law)


def _seams(law: Law) -> Floats:
    """Return where in z the map to a mixture is steep: at the weight on the left of each mode."""
    from scipy.special import ndtri

    if isinstance(law, UniformBox):
        return np.empty(0)
    _, _, weights = laws.line_parts(law)
    order = np.argsort(laws.line_parts(law)[0])
    inner = ndtri(np.clip(np.cumsum(weights[order])[:-1], 1e-20, 1 - 1e-16))
    near = np.concatenate([[0.0], 10.0 ** np.arange(-12.0, 0.0)])
    return np.clip((inner[:, None] + np.concatenate([-near, near])).ravel(), -_FAR, _FAR)


def _bures(p: Law, q: Law) -> float:
    single = all(isinstance(law, GaussianMixture) and len(law.means) == 1 for law in (p, q))
    if not single:
        raise ParameterError("w2 in two dimensions and more needs p and q of one Gaussian mode each")
    assert isinstance(p, GaussianMixture)
    assert isinstance(q, GaussianMixture)
    a, b = p.covariances[0], q.covariances[0]
    # Tr (a^1/2 b a^1/2)^1/2 is the nuclear norm of the product of the Cholesky factors.
    cross = np.linalg.svd(np.linalg.cholesky(a).T @ np.linalg.cholesky(b), compute_uv=False).sum()
    square = ((p.means[0] - q.means[0]) ** 2).sum() + np.trace(a) + np.trace(b) - 2.0 * cross
    return float(np.sqrt(max(square, 0.0)))
