"""Gaussian mixtures with scalar, per-mode or full covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, streams
from ..errors import ParameterError, ShapeError
from ..formulas.random import NOISE
from .points import pick


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    r"""The density :math:`\sum_k w_k N(x; m_k, C_k)`.

    Parameters
    ----------
    means : (k, d) array
        Means [data length].
    variances : float > 0, (k,) array > 0, or (k, d, d) array of symmetric positive definite matrices
        One variance for all modes and axes, one for each mode, or full covariances [data length squared].
    weights : (k,) array, optional
        Weights >= 0 that sum to 1 within 1e-9.  None: 1/k each.

    Raises
    ------
    ParameterError, ShapeError
        For variances that are not positive (definite) or not symmetric, weights off their sum, wrong shapes.

    Notes
    -----
    Log density and score go through log-sum-exp and stay finite far out: at distance r, log density ~ -r^2 / 2 C.

    Examples
    --------
    >>> pair = GaussianMixture([[-2.0], [2.0]], 1.0)
    >>> pair.score([[1.0], [100.0]]).round(6).tolist()
    [[0.928055], [-98.0]]
    """

    means: checks.Held
    variances: checks.Held
    weights: checks.Held = None

    def __post_init__(self) -> None:
        means = checks.points("means", self.means).copy()
        k, dim = means.shape
        variances = checks.array("variances", self.variances, "(), (k,) or (k, d, d)", (0, 1, 3)).copy()
        if variances.shape not in ((), (k,), (k, dim, dim)):
            raise ShapeError(f"variances must have shape (), ({k},) or ({k}, {dim}, {dim}), got {variances.shape}")
        if variances.ndim < 3 and not (variances > 0).all():
            raise ParameterError(f"variances must be > 0, got {float(variances.min())}")
        if variances.ndim == 3:
            if not np.allclose(variances, variances.transpose(0, 2, 1), rtol=1e-12, atol=0):
                raise ParameterError("variances must be symmetric matrices, got one that is not")
            lowest = np.linalg.eigvalsh(variances)[:, 0]
            if not (lowest > 0).all():
                at = int(np.argmin(lowest))
                raise ParameterError(
                    f"variances must be positive definite, got an eigenvalue {lowest[at]} at index {at}"
                )
        weights = checks.weights("weights", self.weights, k).copy()
        for name, value in (("means", means), ("variances", variances), ("weights", weights)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def ring(cls, n: int, radius: float, variance: float) -> GaussianMixture:
        """Return n >= 1 equal round modes spaced evenly on a circle of radius > 0 in the plane."""
        from .points import PointMasses

        return cls(PointMasses.ring(n, radius).points, checks.number("variance", variance, above=0))

    @classmethod
    def cube(cls, dim: int, variance: float) -> GaussianMixture:
        """Return 2^dim equal round modes at (+-1, ..., +-1).

        >>> GaussianMixture.cube(2, 0.0125).means.tolist()
        [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
        """
        corners = np.indices((2,) * checks.integer("dim", dim, at_least=1)).reshape(dim, -1).T
        return cls(2.0 * corners - 1.0, checks.number("variance", variance, above=0))

    @property
    def covariances(self) -> NDArray[np.float64]:
        """The covariance of each mode, (k, d, d)."""
        k, dim = self.means.shape
        if self.variances.ndim == 3:
            return self.variances
        return np.broadcast_to(self.variances, (k,))[:, None, None] * np.eye(dim)

    def sample(self, n: int, seed: int | np.random.Generator, *, trial: int = 0, step: int = 0) -> NDArray[np.float64]:
        """Return n >= 1 points, shape (n, d); each trial >= 0 and step >= 0 draws from a stream of its own."""
        key = checks.seed_key(seed)
        mode = pick(self.weights, n, key, trial=trial, step=step + 1)
        draws = streams.normal(key, (n, self.means.shape[1]), purpose=NOISE, trial=trial, step=step)
        factors = np.linalg.cholesky(self.covariances)
        return self.means[mode] + np.einsum("nab,nb->na", factors[mode], draws)

    def shares(self, points: ArrayLike, *, within: float = 4.0) -> NDArray[np.float64]:
        """Return the share of points (..., n, d) that lie in each mode, (..., k).

        A point is in the mode nearest to it by (x - m)^T C^-1 (x - m), if that is at most within^2, within > 0: four
        standard deviations leave out 0.1 % of a Gaussian in three dimensions.  Others, and NaN, are in none.

        >>> GaussianMixture.cube(1, 0.01).shares([[1.3], [-0.9], [0.0], [-1.0]]).tolist()
        [0.5, 0.25]
        """
        bound = checks.number("within", within, above=0) ** 2
        cloud = np.asarray(points, dtype=np.float64)
        if cloud.ndim < 2 or cloud.shape[-1] != self.means.shape[1] or 0 in cloud.shape[-2:]:
            raise ShapeError(f"points must have shape (..., n, {self.means.shape[1]}), n >= 1, got {cloud.shape}")
        factors = np.linalg.inv(np.linalg.cholesky(self.covariances))
        squares = np.empty((*cloud.shape[:-1], len(self.means)))
        with np.errstate(over="ignore", invalid="ignore"):
            for mode, (mean, factor) in enumerate(zip(self.means, factors, strict=True)):
                squares[..., mode] = (((cloud - mean) @ factor.T) ** 2).sum(axis=-1)
        nearest: NDArray[np.intp] = np.where(np.isnan(squares), np.inf, squares).argmin(axis=-1)
        inside = (squares <= bound).any(axis=-1)
        modes = np.arange(len(self.means))
        held = np.equal(np.expand_dims(nearest, -1), modes) & np.expand_dims(inside, -1)
        return np.asarray(np.mean(held, axis=-2))

    def log_density(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the log density at x (m, d), shape (m,)."""
        return np.logaddexp.reduce(self._parts(x)[0], axis=1)

    def score(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the gradient of the log density at x (m, d), shape (m, d)."""
        parts, pulls = self._parts(x)
        share = np.exp(parts - np.logaddexp.reduce(parts, axis=1)[:, None])
        return -np.einsum("mk,mkd->md", share, pulls)

    def _parts(self, x: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return log(w_k N_k(x)), (m, k), and C_k^-1 (x - m_k), (m, k, d)."""
        x = checks.points("x", x, dim=self.means.shape[1])
        offset = x[:, None, :] - self.means
        covariances = self.covariances
        pulls = np.einsum("kab,mkb->mka", np.linalg.inv(covariances), offset)
        log_scale = np.linalg.slogdet(2.0 * np.pi * covariances)[1]
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        return log_weights - 0.5 * (log_scale + (offset * pulls).sum(axis=2)), pulls


def kde(points: ArrayLike, bandwidth: float) -> GaussianMixture:
    r"""Return the continuous data augmentation of points: :math:`\frac{1}{N} \sum_i K((x - x_i)/h)/h^n`.

    Parameters
    ----------
    points : (N, n) array
        x_i [data length].
    bandwidth : float > 0
        h [data length].

    Raises
    ------
    ParameterError, ShapeError
        For a bandwidth <= 0, points that are not finite.

    Notes
    -----
    Source: TP, Definition 2.1, K(x) = pi^(-n/2) exp(-|x|^2), so that each mode has variance h^2/2.  As printed, with
    K/h, the mass is h^(n-1).

    Examples
    --------
    >>> float(kde([[0.0, 0.0]], 2.0).variances)
    2.0
    """
    return GaussianMixture(points, 0.5 * checks.number("bandwidth", bandwidth, above=0) ** 2)
