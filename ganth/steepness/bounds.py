"""Lower bounds of the steepness of a map: the printed one (TP, Theorem 4.3) and two that hold."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..errors import ParameterError, ShapeError
from ..maps import Transport
from ..targets import GaussianMixture


def of_jacobians(jacobians: ArrayLike) -> float:
    """Return the largest entry of Jacobians (m, n, n), in absolute value: Definition 4.1 over the points they are of.

    >>> of_jacobians([[[1.0, -3.0], [0.0, 2.0]]])
    3.0
    """
    values = checks.array("jacobians", jacobians, "(m, n, n)", 3)
    if values.shape[1] != values.shape[2] or 0 in values.shape:
        raise ShapeError(f"jacobians must have shape (m, n, n), got {values.shape}")
    return float(np.abs(values).max())


def printed_bound(points: ArrayLike, bandwidth: float, radius: float, *, repaired: bool = False) -> float:
    r"""Return the bound of Theorem 4.3, which does not hold.

    .. math::
        M = \delta h^{1/n} \sqrt{\pi/n} \max_i \exp\frac{|\bar x - x_i|^2}{n h^2}, \quad
        \bar x = \frac1n \sum_i x_i, \quad \delta = \frac{e^{-r^2/2}}{\sqrt{2\pi}}

    Parameters
    ----------
    points : (N, n) array
        x_i.
    bandwidth : float > 0
        h.
    radius : float > 0
        r, of the ball that the source, a normal law, is truncated to.
    repaired : bool
        Every slip of the pen put right: h for its root, the mean over N, min for max.  It does not hold either, unless
        the mean of the points is in the image of the map.

    Raises
    ------
    ParameterError, ShapeError
        For points that are not (N, n), h or r that are not > 0.

    Notes
    -----
    Source: TP, Theorem 4.3.  As printed the theorem does not ask that the map pushes the source to the target; if it
    does, a target of full support makes the steepness of a map from a bounded ball infinite: the bound says nothing.

    Examples
    --------
    >>> f"{printed_bound([[-1.0], [1.0]], 0.5, 1.0):.6f}", f"{printed_bound([[9.0], [11.0]], 0.5, 1.0):.1e}"
    ('11.708080', '3.4e+209')
    """
    points = checks.points("points", points)
    bandwidth = checks.number("bandwidth", bandwidth, above=0)
    radius = checks.number("radius", radius, above=0)
    count, dim = points.shape
    mean = points.sum(axis=0) / (count if repaired else dim)
    distances = ((points - mean) ** 2).sum(axis=1) / (dim * bandwidth**2)
    log = np.log(bandwidth) / (1 if repaired else dim) + 0.5 * np.log(np.pi / dim)
    log += (distances.min() if repaired else distances.max()) - 0.5 * radius**2 - 0.5 * np.log(2 * np.pi)
    with np.errstate(over="ignore"):
        return float(np.exp(log))


def pointwise_bound(x: ArrayLike, image: ArrayLike, source: Any, target: Any) -> float:
    r"""Return a lower bound of the steepness of every C^1 map that takes x to `image` and pushes source to target.

    .. math:: S(g) \ge n^{-1/2} \sup_x \left(\frac{\rho(x)}{q(g(x))}\right)^{1/n}

    Parameters
    ----------
    x, image : (m, n) arrays
        Points and g of them; the bound is the best over the m.
    source, target : GaussianMixture, UniformBox, or anything with a method log_density
        The laws rho and q.

    Raises
    ------
    ParameterError, ShapeError
        If the shapes differ, or the source has no mass at any x.

    Notes
    -----
    By Hadamard, |det J| <= (sqrt(n) S)^n, and q(g(x)) >= rho(x)/|det J(x)|, one preimage being x.  For n = 1 and
    monotone g the supremum is S(g).  New: it replaces Theorem 4.3 of TP.

    Examples
    --------
    >>> import ganth
    >>> normal, pair = ganth.targets.GaussianMixture([[0.0]], 1.0), ganth.targets.GaussianMixture([[-3.0], [3.0]], 1.0)
    >>> bool(abs(pointwise_bound([[0.0]], [[0.0]], normal, pair) / np.exp(4.5) - 1) < 1e-12)
    True
    """
    x, image = checks.points("x", x), checks.points("image", image)
    if x.shape != image.shape:
        raise ShapeError(f"x and image must have the same shape, got {x.shape} and {image.shape}")
    dim = x.shape[1]
    with np.errstate(invalid="ignore"):
        gaps = np.asarray(source.log_density(x)) - np.asarray(target.log_density(image))
    gaps = gaps[~np.isnan(gaps)]
    if not len(gaps):
        raise ParameterError("x must hold a point where the source or the target has mass")
    with np.errstate(over="ignore"):
        return float(np.exp(gaps.max() / dim) / np.sqrt(dim))


def isoperimetric_bound(target: GaussianMixture, direction: ArrayLike | None = None) -> float:
    r"""Return a lower bound of the steepness of every map that pushes a normal law, whole or in a ball, to the target.

    .. math:: S(g) \ge \frac{1}{\sqrt n \, |e|_1} \sup_t \frac{\varphi(\Phi^{-1}(\Psi_e(t)))}{\psi_e(t)}

    Psi_e is the distribution function of <e, Y>, Y of the target, and the supremum is the steepness of the monotone map
    to that law.

    Parameters
    ----------
    target : GaussianMixture
        In n dimensions.
    direction : (n,) array, optional
        e, not zero; it is scaled to length one.  None: the best of the axes and of the differences of two means, up to
        64 of them.

    Raises
    ------
    ParameterError, ShapeError
        If the target is no GaussianMixture, or the direction is zero or of another dimension.

    Notes
    -----
    <e, g> is Lipschitz with constant sqrt(n) |e|_1 S(g), and Gaussian isoperimetry bounds the density of a Lipschitz
    image of a normal law from below.  g need not be injective nor C^1, and the exponent is not divided by n: two modes
    +-a e_1 of variance h^2/2 give (h/sqrt(2)) exp(a^2/h^2)/sqrt(n).  For n = 1 and monotone g the bound is S(g).  New:
    it replaces Theorem 4.3 of TP.

    Examples
    --------
    >>> import ganth
    >>> pair = ganth.targets.GaussianMixture([[-2.0, 0.0], [2.0, 0.0]], 0.5)
    >>> bool(abs(isoperimetric_bound(pair) / np.exp(4.0) - 0.5) < 1e-12)
    True
    """
    if not isinstance(target, GaussianMixture):
        raise ParameterError(f"target must be a GaussianMixture, got {target!r}")
    dim = target.means.shape[1]
    if direction is not None:
        given = checks.array("direction", direction, "(n,)", 1)
        if given.shape != (dim,):
            raise ShapeError(f"direction must have shape ({dim},), got {given.shape}")
        if not given.any():
            raise ParameterError("direction must not be zero")
        directions = given[None]
    else:
        first, second = np.triu_indices(len(target.means), 1)
        gaps = target.means[first] - target.means[second]
        gaps = gaps[gaps.any(axis=1)]
        longest = np.argsort(-(gaps**2).sum(axis=1), kind="stable")[:64]
        directions = np.concatenate([np.eye(dim), gaps[longest]])
    return max(_along(target, way / np.linalg.norm(way)) for way in directions)


def _along(target: GaussianMixture, way: checks.Floats) -> float:
    means = target.means @ way
    variances = np.einsum("i,kij,j->k", way, target.covariances, way)
    if np.ptp(means) == np.ptp(variances) == 0:
        steepness = float(np.sqrt(variances[0]))
    else:
        steepness = Transport(GaussianMixture(means[:, None], variances, target.weights)).steepness()
    return steepness / float(np.sqrt(len(way)) * np.abs(way).sum())
