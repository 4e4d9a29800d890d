"""Instance noise: laws smoothed by a Gaussian, and the Jensen-Shannon divergence of two smoothed points."""

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ParameterError
from ..targets import GaussianMixture, PointMasses
from .functionals import sigmoid, softplus

Floats = NDArray[np.float64]
_NODES = np.linspace(-9.5, 9.5, 4001)
_SHARES = np.exp(-0.5 * _NODES**2) / np.sqrt(2.0 * np.pi) * (_NODES[1] - _NODES[0])
_FAR = 60.0  # standard deviations: beyond, JS is log 2 to 1e-190


def noised(law: GaussianMixture | PointMasses, noise: float) -> GaussianMixture:
    r"""Return a law with Gaussian noise of standard deviation `noise` added, :math:`p * N(0, \sigma^2 I)`.

    Parameters
    ----------
    law : GaussianMixture or PointMasses
        Masses are normalised.
    noise : float
        sigma >= 0, > 0 for point masses.

    Raises
    ------
    ParameterError
        For laws of other kinds, or a noise below that.

    Examples
    --------
    >>> noised(PointMasses([[0.0], [1.0]]), 0.5).variances.tolist()
    0.25
    """
    if isinstance(law, PointMasses):
        square = checks.number("noise", noise, above=0) ** 2
        return GaussianMixture(law.points, square, law.masses / law.masses.sum())
    if not isinstance(law, GaussianMixture):
        raise ParameterError(f"law must be a GaussianMixture or PointMasses, got {law!r}")
    square = checks.number("noise", noise, at_least=0) ** 2
    if law.variances.ndim == 3:
        return GaussianMixture(law.means, law.variances + square * np.eye(law.means.shape[1]), law.weights)
    return GaussianMixture(law.means, law.variances + square, law.weights)


def js_of_points(distance: ArrayLike, noise: float) -> tuple[Floats, Floats]:
    r"""Return JS of N(0, noise^2) and N(distance, noise^2), and its slope in the distance.

    .. math:: JS = J(t), \quad \partial JS = J'(t)/\sigma, \quad t = d/\sigma, \qquad
        J(t) = \log 2 - E_z \log(1 + e^{t z - t^2/2})

    Parameters
    ----------
    distance : float or array
        d, in any dimension along the line of the two points [data length].
    noise : float >= 0
        sigma; 0 gives 0 or log 2, and the slope 0 (NaN at distance 0, where JS jumps).

    Raises
    ------
    ParameterError
        For a negative noise.

    Notes
    -----
    Source: TS, section A.2.  It depends on d/sigma alone, so max |dJS/dd| = `noise_slope`/sigma grows without bound as
    sigma falls.  Trapezoidal rule, to 1e-14.

    Examples
    --------
    >>> value, slope = js_of_points([0.0, 1.0, 100.0], 1.0)
    >>> value.round(6).tolist(), abs(slope).round(6).tolist()
    ([0.0, 0.111421, 0.693147], [0.0, 0.198986, 0.0])
    """
    noise = checks.number("noise", noise, at_least=0)
    at = np.asarray(distance, dtype=np.float64)
    if noise == 0.0:
        return np.where(at == 0, 0.0, np.log(2.0)), np.where(at == 0, np.nan, 0.0)
    t = np.clip(at / noise, -_FAR, _FAR)[..., None]
    # 0.5 KL(P||M) twice, by symmetry: E_P log(2 p/(p + q)) with log q/p = t z - t^2/2.
    log_ratio = t * _NODES - 0.5 * t * t
    value = ((np.log(2.0) - softplus(log_ratio)) * _SHARES).sum(axis=-1)
    slope = -(sigmoid(log_ratio) * (_NODES - t) * _SHARES).sum(axis=-1)
    return value, slope / noise


@functools.cache
def noise_slope() -> tuple[float, float]:
    """Return the largest slope of JS of two noised points times sigma, and the distance over sigma where it is.

    >>> slope, at = noise_slope()
    >>> round(slope, 6), round(at, 4)
    (0.23366, 1.6363)
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda t: -float(js_of_points(t, 1.0)[1]), bracket=(0.5, 1.5, 4.0), method="brent", options={"xtol": 1e-10}
    )
    return -float(found.fun), float(found.x)
