"""The Fréchet distance of two Gaussians: the squared Wasserstein-2 distance that the FID is."""

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError


def frechet_distance(mu1: ArrayLike, cov1: ArrayLike, mu2: ArrayLike, cov2: ArrayLike) -> float:
    r"""Return the Fréchet distance of two Gaussians, which is their squared Wasserstein-2 distance.

    .. math:: \|\mu_1 - \mu_2\|^2 + \operatorname{tr} C_1 + \operatorname{tr} C_2 - 2 \|A_1^T A_2\|_*,
        \qquad C_i = A_i A_i^T

    The nuclear norm is the trace of :math:`(C_1^{1/2} C_2 C_1^{1/2})^{1/2}`; singular values of a product of factors
    stay exact where covariances have no full rank, of which square roots of eigenvalues lose half of the digits.

    Parameters
    ----------
    mu1, mu2 : (d,) arrays
        Means.
    cov1, cov2 : (d, d) arrays
        Covariances: symmetric, positive semidefinite, both up to rounding.  Scalars for d = 1.

    Returns
    -------
    float >= 0
        Squared: for images by features of a network it is the FID of those features.

    Raises
    ------
    ParameterError, ShapeError
        For a covariance that is not symmetric or has a negative eigenvalue, non-finite numbers, shapes that disagree.

    Notes
    -----
    Source: Dowson and Landau 1982; Heusel et al. 2017 for images; TP, fig. 9.  Eigenvalues below 4 d eps times the
    largest one of a covariance, eps of its type, are rounding and count as 0.  Cost: O(d^3).

    Examples
    --------
    >>> frechet_distance([0.0, 0.0], [[4.0, 0.0], [0.0, 0.0]], [3.0, 0.0], [[1.0, 0.0], [0.0, 0.0]])
    10.0
    """
    means = [checks.array(name, value, "(d,)", 1) for name, value in (("mu1", mu1), ("mu2", mu2))]
    if means[0].shape != means[1].shape or means[0].size == 0:
        raise ShapeError(f"mu1 and mu2 must share their dimension d >= 1, got {means[0].shape} and {means[1].shape}")
    dim = len(means[0])
    factors = [_factor(name, value, dim) for name, value in (("cov1", cov1), ("cov2", cov2))]
    traces = sum(float((factor**2).sum()) for factor in factors)
    overlap = float(np.linalg.svd(factors[0].T @ factors[1], compute_uv=False).sum())
    return float(((means[0] - means[1]) ** 2).sum()) + max(0.0, traces - 2.0 * overlap)


def _factor(name: str, covariance: ArrayLike, dim: int) -> Floats:
    """Return A (d, rank), at least one column, with A A^T = covariance."""
    single = getattr(covariance, "dtype", None) == np.float32
    values = checks.array(name, covariance, "(d, d)", (0, 2)).reshape(np.shape(covariance) or (1, 1))
    if values.shape != (dim, dim):
        raise ShapeError(f"{name} must have shape ({dim}, {dim}), got {values.shape}")
    rounding = 4 * dim * float(np.finfo(np.float32 if single else np.float64).eps)
    size = float(np.abs(values).max())
    gap = np.abs(values - values.T)
    if gap.max() > rounding * size:
        i, j = (int(at) for at in np.unravel_index(gap.argmax(), gap.shape))
        raise ParameterError(f"{name} must be symmetric, got {values[i, j]} and {values[j, i]} across {(i, j)}")
    eigenvalues, vectors = np.linalg.eigh(0.5 * (values + values.T))
    least, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    if least < -rounding * max(largest, size):
        raise ParameterError(f"{name} must be positive semidefinite, got the eigenvalue {least}")
    kept = eigenvalues > rounding * largest
    if not kept.any():
        return np.zeros((dim, 1))
    return vectors[:, kept] * np.sqrt(eigenvalues[kept])
