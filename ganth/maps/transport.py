"""The monotone map that pushes N(0, 1) to a Gaussian mixture on the line (TP, section 4.1 and appendix J)."""

import functools
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import backend as machine
from .. import checks
from ..errors import ParameterError, ShapeError
from ..targets import GaussianMixture
from .anchors import anchors

Floats = NDArray[np.float64]
_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)
_PROMINENCE = 1e-9  # of a peak of log g': less is rounding
_PEAK_STEPS = 45
_FEW = 4096  # points


class Transport:
    r"""g = Psi^-1 o Phi, with Phi of N(0, 1) and Psi of a mixture: monotone, so optimal for every strictly convex cost.

    Made by `transport_1d`.  Arrays of any shape go in and come out alike.

    Parameters
    ----------
    target : GaussianMixture
        On the line.
    threads : int, optional

    Raises
    ------
    ParameterError, ShapeError
        If the target is no GaussianMixture, or not one-dimensional.

    Examples
    --------
    >>> import ganth
    >>> g = Transport(ganth.targets.GaussianMixture([[-8.0], [8.0]], 1.0))
    >>> np.array([f"{y:.12g}" for y in g([-35.0, -1e-20, 0.0, 1e-15, 1.0])]).tolist()
    ['-42.9802063342', '-7.89629601822e-07', '0', '0.0745421371393', '8.47523284925']
    """

    def __init__(self, target: GaussianMixture, *, threads: int | None = None) -> None:
        if not isinstance(target, GaussianMixture):
            raise ParameterError(f"target must be a GaussianMixture, got {target!r}")
        if target.means.shape[1] != 1:
            raise ShapeError(f"target must be one-dimensional, got means of shape {target.means.shape}")
        self.target, self._threads = target, threads
        kept = np.flatnonzero(target.weights > 0)
        kept = kept[np.argsort(target.means[kept, 0], kind="stable")]
        weights, variances = target.weights[kept], target.covariances[kept, 0, 0]
        self._variances = [Fraction(float(variance)) for variance in variances]
        self._means, self._scales = np.ascontiguousarray(target.means[kept, 0]), np.sqrt(variances)
        self._log_weights = np.log(weights) - np.log(weights.sum())
        self._rows = anchors(self._means, variances, weights)
        self._places = self.inverse(self._means)

    def _pieces(self) -> tuple[Floats, Floats, Floats]:
        return self._means, self._scales, self._log_weights

    def _team(self, size: int) -> int | None:
        """Return how many threads to use: one for few points, where starting others takes longer."""
        return 1 if size < _FEW else self._threads

    def _both(self, x: ArrayLike) -> tuple[Any, Any]:
        from . import transport_cpu

        points = _array("x", x)
        value, log_slope = np.empty(points.size), np.empty(points.size)
        with machine.parallel_region(self._team(points.size)):
            if len(self._means) == 1:
                scale = self._scales[0]
                low = float((self._variances[0] - Fraction(float(scale)) ** 2) / (2 * Fraction(float(scale))))
                transport_cpu.affine(value, log_slope, points.ravel(), self._means[0], scale, low)
            else:
                transport_cpu.transport(value, log_slope, points.ravel(), *self._pieces(), self._places, self._rows)
        return value.reshape(points.shape)[()], log_slope.reshape(points.shape)[()]

    def __call__(self, x: ArrayLike) -> Any:
        """Return g(x) [data length]."""
        return self._both(x)[0]

    def log_derivative(self, x: ArrayLike) -> Any:
        """Return log g'(x), finite where g' is beyond the range of numbers."""
        return self._both(x)[1]

    def derivative(self, x: ArrayLike) -> Any:
        """Return g'(x) = phi(x)/psi(g(x)) > 0 [data length]; infinite where it is above 1.8e308."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_derivative(x))

    def inverse(self, y: ArrayLike) -> Any:
        """Return x with g(x) = y: Phi^-1(Psi(y)), which needs no equation in Psi to be solved."""
        from . import transport_cpu

        points = _array("y", y)
        out = np.empty(points.size)
        with machine.parallel_region(self._team(points.size)):
            transport_cpu.inverse(out, points.ravel(), *self._pieces(), self._rows)
        return out.reshape(points.shape)[()]

    def quantile(self, u: ArrayLike) -> Any:
        """Return Psi^-1(u), 0 < u < 1."""
        from scipy.special import ndtri

        return self(ndtri(_unit("u", u)))

    def cdf(self, y: ArrayLike) -> Any:
        """Return Psi(y)."""
        from scipy.special import ndtr

        return ndtr(self.inverse(y))

    def log_density(self, y: ArrayLike) -> Any:
        """Return log psi(y), the mixture's weights normalised."""
        from . import transport_cpu

        points = _array("y", y)
        out = np.empty(points.size)
        with machine.parallel_region(self._team(points.size)):
            transport_cpu.log_densities(out, points.ravel(), *self._pieces())
        return out.reshape(points.shape)[()]

    def peaks(self) -> tuple[Floats, Floats, Floats]:
        """Return x, y = g(x) and log g'(x) of the local maxima of g', by x.

        They are sought over y, in which valleys are wide; those within 1e-9 of the lower of their neighbours in log g'
        are not told from rounding.
        """
        x, y, height = self._peaks
        return x.copy(), y.copy(), height.copy()

    @functools.cached_property
    def _peaks(self) -> tuple[Floats, Floats, Floats]:
        from scipy.signal import find_peaks

        offsets = np.concatenate([np.arange(-40.0, -12.0), np.linspace(-12, 12, 193), np.arange(13.0, 41.0)])
        grid = np.unique((self._means[:, None] + self._scales[:, None] * offsets).ravel())
        heights = self._log_slope_at(grid)
        found, _ = find_peaks(heights, prominence=_PROMINENCE)
        low, high = grid[found - 1], grid[found + 1]
        golden = (np.sqrt(5.0) - 1) / 2
        for _ in range(_PEAK_STEPS if len(found) else 0):
            left, right = high - golden * (high - low), low + golden * (high - low)
            rising = self._log_slope_at(left) < self._log_slope_at(right)
            low, high = np.where(rising, left, low), np.where(rising, high, right)
        y = 0.5 * (low + high)
        return self.inverse(y), y, self._log_slope_at(y)

    def _log_slope_at(self, y: Floats) -> Floats:
        """Return log g' at g^-1(y); in a valley neighbouring x are far apart in y, and y is the finer coordinate."""
        if not len(y):
            return np.empty(0)
        x = self.inverse(y)
        return -0.5 * x * x - _LOG_ROOT_TWO_PI - self.log_density(y)

    def steepness(self) -> float:
        """Return sup g' over the line: the highest peak, or the slope at infinity, the largest standard deviation."""
        with np.errstate(over="ignore"):
            return float(max(self._scales.max(), np.exp(self.peaks()[2]).max(initial=0.0)))


def transport_1d(target: GaussianMixture, *, threads: int | None = None) -> Transport:
    r"""Return the monotone map g = Psi^-1 o Phi from N(0, 1) to a Gaussian mixture on the line.

    .. math:: \Psi(g(x)) = \Phi(x), \qquad g'(x) = \varphi(x)/\psi(g(x))

    Parameters
    ----------
    target : GaussianMixture
        One-dimensional, its means in ascending order; its weights are normalised.
    threads : int, optional

    Returns
    -------
    Transport
        With `__call__`, `.derivative`, `.inverse`, `.steepness`, and more.

    Raises
    ------
    ParameterError, ShapeError
        If the target is no GaussianMixture, not one-dimensional, or its means are not ascending.

    Notes
    -----
    Source: TP, section 4.1, Theorem 4.2, appendix J.  Relative accuracy of g and g' 1e-12 and better for |x| <= 37,
    in valleys too: there Phi(x) less the weight on the left of the valley is formed in twice the working precision, and
    Newton's method runs on the difference of the logs of two tails.  Around y = 0 the unknown is Psi(y) - Psi(0).
    Cost: about 10 us a point and component.

    Examples
    --------
    >>> import ganth
    >>> g = transport_1d(ganth.targets.GaussianMixture([[-8.0], [8.0]], 1.0))
    >>> [round(float(ratio), 12) for ratio in (g.derivative(0.0) / np.exp(32), g.steepness() / np.exp(32))]
    [1.0, 1.0]
    """
    if isinstance(target, GaussianMixture) and (np.diff(target.means[:, 0]) < 0).any():
        raise ParameterError(f"target must have its means in ascending order, got {target.means[:, 0].tolist()}")
    return Transport(target, threads=threads)


def _array(name: str, value: ArrayLike) -> Floats:
    result = np.asarray(value, dtype=np.float64)
    if not np.isfinite(result).all():
        raise ParameterError(f"{name} must be finite, got {result[~np.isfinite(result)].flat[0]}")
    return np.ascontiguousarray(result).reshape(result.shape)


def _unit(name: str, value: ArrayLike) -> Floats:
    result = _array(name, value)
    checks.number(f"the least of {name}", result.min(initial=1.0), above=0)
    if result.max(initial=0.0) >= 1:
        raise ParameterError(f"{name} must be < 1, got {float(result.max())}")
    return result
