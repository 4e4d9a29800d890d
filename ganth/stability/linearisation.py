"""The linearised dynamics: the quadratic pencil of KD, lemma 4, its roots and modes."""

import logging
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import Floats, number
from ..errors import ParameterError
from .region import Region

_LOG = logging.getLogger(__name__)
_AT_REST = 1e-6  # relative gradient beyond which points are called no equilibrium
_INDEFINITE = 1e-9  # relative negative eigenvalue of the coupling that is more than rounding
Complexes = NDArray[np.complex128]


def equilibrium_residual(
    true_point: ArrayLike, true_mass: ArrayLike, points: ArrayLike, masses: ArrayLike, kernel: Any
) -> float:
    r"""Return how far the points are from rest: the largest gradient of J over the largest that it could be.

    .. math:: \max_j |\partial J / \partial x_j| \; / \; q_j \big(\sum_i p_i + \sum_k q_k\big) \sup |\partial K|

    Parameters
    ----------
    true_point, true_mass, points, masses, kernel
        As in `spectrum`.

    Returns
    -------
    float in [0, 1]
        0 at an equilibrium; the slope of K is bounded by Cauchy and Schwarz.

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, eq. (36).  Cost: O(n (n + m) d).

    Examples
    --------
    >>> import ganth
    >>> equilibrium_residual([0.0], 1.0, [[0.0], [0.0]], None, ganth.RBF(1.0))
    0.0
    """
    return _residual(Region.checked(true_point, true_mass, points, masses, kernel))


def _residual(region: Region) -> float:
    steepest = np.linalg.norm(region.gradient() / region.masses[:, None], axis=1).max()
    bound = (region.masses.sum() + region.true_masses.sum()) * region.scales()[0]
    return float(steepest / bound) if steepest > 0 else 0.0


def quadratic_pencil(
    true_point: ArrayLike,
    true_mass: ArrayLike,
    points: ArrayLike,
    masses: ArrayLike,
    kernel: Any,
    *,
    reg: float,
    lr_ratio: float,
) -> tuple[Floats, Floats]:
    r"""Return the matrices Q and R of the quadratic pencil D(s) = (s + reg)(s I + Q) + R.

    .. math:: Q_{jj} = -\mu q_j \nabla^2 f^*(x_j), \qquad
              R_{jk} = \mu q_j q_k \frac{\partial^2 K}{\partial x \partial x'}(x_j, x_k), \qquad
              \lambda Q + R = \mu \nabla^2 J

    so that D(s) = s^2 I + s (reg I + Q) + lr_ratio Hess J: unit masses on springs lr_ratio Hess J, damped by
    reg I + Q.  The last identity holds at every X, critical or not.

    Parameters
    ----------
    true_point, true_mass, points, masses, kernel, reg, lr_ratio
        As in `spectrum`.

    Returns
    -------
    damping : (n d, n d) array
        Q, block-diagonal and symmetric [1/time].
    coupling : (n d, n d) array
        R, positive semi-definite [1/time^2].

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, eqs. (46), (47), with H taken at x_j as in (54c); the identity is not in KD.  Cost: O((n + m) n d^2).

    Examples
    --------
    One generated point at the true point (p = 2, q = 1): Q = mu q (p - q) / (reg width^2), R = mu q^2 / width^2.

    >>> import ganth
    >>> damping, coupling = quadratic_pencil([0.0], 2.0, [[0.0]], [1.0], ganth.RBF(1.0), reg=0.5, lr_ratio=1.0)
    >>> damping.item(), coupling.item()
    (2.0, 1.0)
    """
    reg, lr_ratio = number("reg", reg, above=0), number("lr_ratio", lr_ratio, above=0)
    return pencil_of(Region.checked(true_point, true_mass, points, masses, kernel), reg, lr_ratio)


def pencil_of(region: Region, reg: float, lr_ratio: float) -> tuple[Floats, Floats]:
    """Return Q and R of a checked region."""
    n, dim = region.points.shape
    damping = np.zeros((n, dim, n, dim))
    diagonal = np.arange(n)
    damping[diagonal, :, diagonal, :] = lr_ratio / reg * region.curvature()
    coupling = lr_ratio * region.coupling()
    size = n * dim
    return damping.reshape(size, size), coupling.reshape(size, size)


def _factor(coupling: Floats) -> Floats:
    """Return B with B^T B = R; eigenvalues of R within rounding of zero are set to zero, else B would hold 1e-8."""
    values, vectors = np.linalg.eigh(0.5 * (coupling + coupling.T))
    largest = np.abs(values).max()
    if values[0] < -_INDEFINITE * largest:
        raise ParameterError(
            f"kernel must be positive definite, got a coupling d2K/dxdx' with eigenvalue {values[0]:.3g}"
        )
    values[values <= len(values) * np.finfo(float).eps * largest] = 0.0
    return np.sqrt(values)[:, None] * vectors.T


def _system(region: Region, reg: float, lr_ratio: float, lr_disc: float = 0.0) -> Floats:
    """Return the (2 n d, 2 n d) matrix whose eigenvalues are the roots; lr_disc > 0 for alternating updates."""
    residual = _residual(region)
    if residual > _AT_REST:
        _LOG.warning(
            "points are not an equilibrium: the gradient of J is %.3g of the largest possible; the roots are those of "
            "the update's Jacobian with the discriminator at its optimum for these points",
            residual,
        )
    damping, coupling = pencil_of(region, reg, lr_ratio)
    factor = _factor(coupling)
    return np.block(
        [
            [-reg * np.eye(len(factor)), -factor],
            [(1.0 - lr_disc * reg) * factor.T, -damping - lr_disc * coupling],
        ]
    )


def _least_stable_first(roots: Complexes) -> NDArray[np.intp]:
    return np.lexsort((-roots.imag, -roots.real))


def spectrum(
    true_point: ArrayLike,
    true_mass: ArrayLike,
    points: ArrayLike,
    masses: ArrayLike,
    kernel: Any,
    *,
    reg: float,
    lr_ratio: float,
) -> Complexes:
    r"""Return the 2 n d roots of psi(s) = det((s + reg)(s I + Q) + R), simultaneous updates.

    The multipliers of the linearised updates are 1 + lr_disc s for these s, and for s = -reg as often as the features
    outnumber the coordinates.

    Parameters
    ----------
    true_point : (d,) array, or (m, d) for several true points
        Of the isolated region, or of everything [data length].
    true_mass : float >= 0, or (m,) array
    points : (n, d) array
        An equilibrium: a critical point of J.  Elsewhere the roots are those of the update's Jacobian with the
        discriminator at its optimum f*, which is no equilibrium; the measured gradient is then logged as a warning.
    masses : (n,) array
        Generated masses q_j > 0.  None: 1/n each.
    kernel : object with the methods of `ganth.kernels.Kernel`
        Positive definite and twice differentiable.
    reg : float > 0
        Discriminator regulariser lambda [1/time].
    lr_ratio : float > 0
        mu = lr_gen / lr_disc.

    Returns
    -------
    (2 n d,) complex array
        Largest real part first; complex roots come in conjugate pairs [1/time, time = steps * lr_disc].

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, lemma 4, eqs. (45)-(47).  With R = B^T B the roots are the eigenvalues of [[-reg I, -B], [B^T, -Q]], the
    Jacobian's own form with the features reduced to n d: directions without coupling stay decoupled, so that
    coincident roots -reg keep full accuracy.  Cost: O((n d)^3).

    Examples
    --------
    Two points of the true mass around it, little regularised: a growing oscillation.

    >>> import ganth
    >>> pair = [[-0.679780], [0.679780]]
    >>> spectrum([0.0], 1.0, pair, [1.0, 1.0], ganth.RBF(1.0), reg=0.1, lr_ratio=1.0).real.max() > 0
    np.True_
    """
    reg, lr_ratio = number("reg", reg, above=0), number("lr_ratio", lr_ratio, above=0)
    region = Region.checked(true_point, true_mass, points, masses, kernel)
    roots = np.linalg.eigvals(_system(region, reg, lr_ratio)).astype(np.complex128)
    return roots[_least_stable_first(roots)]


def modes(
    true_point: ArrayLike,
    true_mass: ArrayLike,
    points: ArrayLike,
    masses: ArrayLike,
    kernel: Any,
    *,
    reg: float,
    lr_ratio: float,
) -> tuple[Complexes, Complexes]:
    r"""Return the roots of `spectrum` and, for each, the motion of the points: D(s) v = 0.

    Parameters
    ----------
    true_point, true_mass, points, masses, kernel, reg, lr_ratio
        As in `spectrum`.

    Returns
    -------
    roots : (2 n d,) complex array
    motions : (2 n d, n, d) complex array
        ``motions[r]`` belongs to ``roots[r]``; the vector of discriminator and points together has norm one, so the
        motion is zero where the discriminator moves alone (s = -reg).

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, eq. (59); these tell the mean of the points from their differences.  Cost: O((n d)^3).

    Examples
    --------
    Too much mass at the true point: the fastest mode moves the two points apart.

    >>> import ganth, numpy as np
    >>> roots, motions = modes([0.0], 1.0, [[0.0], [0.0]], [1.0, 1.0], ganth.RBF(1.0), reg=2.0, lr_ratio=1.0)
    >>> round(float(roots[0].real), 12), round(float(abs(motions[0].sum())), 12)
    (0.5, 0.0)
    """
    reg, lr_ratio = number("reg", reg, above=0), number("lr_ratio", lr_ratio, above=0)
    region = Region.checked(true_point, true_mass, points, masses, kernel)
    roots, vectors = np.linalg.eig(_system(region, reg, lr_ratio))
    order = _least_stable_first(roots)
    motions = vectors[region.points.size :, order].T.reshape(-1, *region.points.shape)
    return roots[order].astype(np.complex128), motions.astype(np.complex128)


def alternating_spectrum(
    true_point: ArrayLike,
    true_mass: ArrayLike,
    points: ArrayLike,
    masses: ArrayLike,
    kernel: Any,
    *,
    reg: float,
    lr_disc: float,
    lr_gen: float,
) -> Complexes:
    r"""Return the 2 n d roots for alternating updates, where the points climb the new discriminator f^{k+1}.

    .. math:: \det\big((s + \lambda)(s I + Q) + (1 + \eta_d s) R\big) = 0

    Parameters
    ----------
    true_point, true_mass, points, masses, kernel, reg
        As in `spectrum`.
    lr_disc, lr_gen : float > 0
        Learning rates eta_d, eta_g; unlike the simultaneous roots these depend on eta_d itself.

    Returns
    -------
    (2 n d,) complex array
        Largest real part first.  The multipliers are 1 + lr_disc s: the equilibrium is stable for these rates iff
        ``abs(1 + lr_disc * roots).max() < 1`` and lr_disc < 2 / reg.

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, eqs. (12), (45), with f^{k+1} in the place of f^k; the pencil gains the damping lr_disc R.

    Examples
    --------
    >>> import ganth, numpy as np
    >>> roots = alternating_spectrum([0.0], 1.0, [[0.0]], [1.0], ganth.RBF(1.0), reg=0.1, lr_disc=1.0, lr_gen=1.0)
    >>> bool((abs(1 + roots) < 1).all())
    True
    """
    reg = number("reg", reg, above=0)
    lr_disc, lr_gen = number("lr_disc", lr_disc, above=0), number("lr_gen", lr_gen, above=0)
    region = Region.checked(true_point, true_mass, points, masses, kernel)
    roots = np.linalg.eigvals(_system(region, reg, lr_gen / lr_disc, lr_disc)).astype(np.complex128)
    return roots[_least_stable_first(roots)]
