"""The restricted MMD, whose critical points are the equilibria of the kernel GAN (KD, appendix B)."""

from typing import Any

from numpy.typing import ArrayLike

from ..checks import Floats, array
from .region import Region


def mmd_energy(
    true_points: ArrayLike, true_masses: ArrayLike, points: ArrayLike, masses: ArrayLike, kernel: Any
) -> tuple[float, Floats, Floats]:
    r"""Return half the squared MMD between true and generated point masses, with its gradient and Hessian.

    .. math:: J = \tfrac12 \sum_{ik} p_i p_k K(x_i, x_k) - \sum_{ij} p_i q_j K(x_i, \tilde x_j)
                  + \tfrac12 \sum_{jk} q_j q_k K(\tilde x_j, \tilde x_k)

    Parameters
    ----------
    true_points : (m, d) array
        True points x_i [data length].
    true_masses : (m,) array
        True masses p_i >= 0.
    points : (n, d) array
        Generated points [data length].
    masses : (n,) array
        Generated masses q_j > 0.  None: 1/n each.
    kernel : object with the methods of `ganth.kernels.Kernel`
        Symmetric, K(x, y) = K(y, x), and twice differentiable: a `Laplace` or `ReLUNTK` kernel has a kink at each
        point and raises.

    Returns
    -------
    energy : float
        J [K].
    gradient : (n, d) array
        dJ/dx_j = -reg q_j grad f*(x_j), not divided by the masses [K/length].
    hessian : (n, d, n, d) array
        Second derivatives, [j, a, k, b] by x_j's coordinate a and x_k's coordinate b [K/length^2].

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, eq. (34); the gradient carries the factor q_j that KD (41) lacks, and the Hessian's diagonal blocks the
    term q_j^2 d2K/dxdx' that KD (38) lacks.  Cost: O((n + m)^2 d^2).

    Examples
    --------
    >>> import ganth
    >>> energy, gradient, hessian = mmd_energy([[0.0], [9.0]], [0.5, 0.5], [[0.0], [9.0]], None, ganth.RBF(1.0))
    >>> energy, hessian.shape
    (0.0, (2, 1, 2, 1))
    """
    true_points = array("true_points", true_points, "(m, d)", 2)
    names = ("true_points", "true_masses", "points")
    return _derivatives(Region.checked(true_points, true_masses, points, masses, kernel, names=names))


def restricted_mmd(
    true_point: ArrayLike, true_mass: float, points: ArrayLike, masses: ArrayLike, kernel: Any
) -> tuple[float, Floats, Floats]:
    r"""Return the restricted squared MMD J_i of one true point, with its gradient and Hessian.

    .. math:: J_i = \tfrac12 p^2 K(x, x) - p \sum_j q_j K(x, \tilde x_j)
                    + \tfrac12 \sum_{jk} q_j q_k K(\tilde x_j, \tilde x_k)

    Parameters
    ----------
    true_point : (d,) array
        The true point x of the region [data length].
    true_mass : float >= 0
        Its mass p.
    points : (n, d) array
        Generated points of the region.
    masses : (n,) array
        Generated masses q_j > 0.  None: 1/n each.
    kernel : object with the methods of `ganth.kernels.Kernel`

    Returns
    -------
    energy : float
    gradient : (n, d) array
        Not divided by the masses.
    hessian : (n, d, n, d) array

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, eq. (35): the case of one true point of `mmd_energy`.  The points are an equilibrium of the region's
    dynamics iff the gradient vanishes (KD, lemma 3).

    Examples
    --------
    Two generated points of the true mass rest at distance sqrt(2/3 ln 2) = 0.6798 on either side:

    >>> import ganth
    >>> energy, gradient, hessian = restricted_mmd([0.0], 1.0, [[-0.679780], [0.679780]], [1.0, 1.0], ganth.RBF(1.0))
    >>> bool(abs(gradient).max() < 1e-5), round(energy, 6)
    (True, 0.309449)
    """
    true_point = array("true_point", true_point, "(d,)", 1)
    return _derivatives(Region.checked(true_point, true_mass, points, masses, kernel))


def _derivatives(region: Region) -> tuple[float, Floats, Floats]:
    return region.energy(), region.gradient(), region.hessian()
