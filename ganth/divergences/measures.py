"""f-divergences of two laws: quadrature on the line, quasi-Monte-Carlo in more dimensions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..errors import ParameterError
from . import laws
from .functionals import FUNCTIONALS, log_mean
from .laws import Law
from .quadrature import crossings, integrate, stretched
from .sampling import POINTS, balanced

Floats = NDArray[np.float64]


def kl(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return the forward KL divergence :math:`KL(p \| q) = \int p \log(p/q)`, p the data and q the model.

    Parameters
    ----------
    p, q : GaussianMixture or UniformBox
    seed : int in [0, 2**64) or numpy Generator
        Of quasi-Monte-Carlo, in two dimensions and more.
    points : int >= 16
        Of quasi-Monte-Carlo; `estimate` gives the error too.

    Returns
    -------
    float
        Infinite if q = 0 on a set that has mass of p.

    Raises
    ------
    ParameterError, ShapeError
        For laws of other kinds or of different dimensions.

    Notes
    -----
    On the line by adaptive quadrature of log densities, to 1e-12 and better.

    Examples
    --------
    >>> import ganth
    >>> near, far = (ganth.targets.GaussianMixture([[m]], 1.0) for m in (0.0, 2.0))
    >>> round(kl(near, far), 10)
    2.0
    """
    return estimate("kl", p, q, seed=seed, points=points)[0]


def reverse_kl(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return :math:`KL(q \| p)`; arguments as `kl`.

    >>> import ganth
    >>> round(reverse_kl(ganth.targets.UniformBox([0], [1]), ganth.targets.UniformBox([0], [0.5])), 10)  # log 2
    0.6931471806
    """
    return estimate("reverse_kl", p, q, seed=seed, points=points)[0]


def js(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return the Jensen-Shannon divergence, (KL(p || m) + KL(q || m))/2 with m = (p + q)/2; arguments as `kl`.

    It is log 2 if and only if the laws are mutually singular.

    >>> import ganth
    >>> round(js(ganth.targets.UniformBox([0], [1]), ganth.targets.UniformBox([2], [3])), 10)
    0.6931471806
    """
    return estimate("js", p, q, seed=seed, points=points)[0]


def ns(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return the non-saturating divergence KL(q || p) - 2 JS(p, q) = 2 KL((p + q)/2 || p); arguments as `kl`.

    Its gradient in q is what a generator descends on -E log D with D held at the optimum.

    >>> import ganth
    >>> p, q = (ganth.targets.GaussianMixture([[m]], 1.0) for m in (0.0, 1.0))
    >>> abs(ns(p, q) - (reverse_kl(p, q) - 2 * js(p, q))) < 1e-12
    True
    """
    return estimate("ns", p, q, seed=seed, points=points)[0]


def ns_loss(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return the non-saturating loss at the optimal discriminator, :math:`E_q \log(1 + q/p)`; arguments as `kl`.

    It is log 2 at q = p, and at least log(1 + 1/(1 - p(A))) if q(A) = 0.

    >>> import ganth
    >>> p = ganth.targets.GaussianMixture([[0.0]], 1.0)
    >>> round(ns_loss(p, p), 10)
    0.6931471806
    """
    return estimate("ns_loss", p, q, seed=seed, points=points)[0]


def pearson(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return Pearson's :math:`\chi^2(p \| q) = \int (p - q)^2/q`; arguments as `kl`.

    >>> import ganth
    >>> p, q = (ganth.targets.GaussianMixture([[m]], 1.0) for m in (0.0, 1.0))
    >>> round(pearson(p, q), 10)  # e - 1
    1.7182818285
    """
    return estimate("pearson", p, q, seed=seed, points=points)[0]


def hellinger(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return the squared Hellinger distance without a half, :math:`\int (\sqrt p - \sqrt q)^2` in [0, 2].

    Arguments as `kl`.

    >>> import ganth
    >>> p, q = (ganth.targets.GaussianMixture([[m]], 1.0) for m in (0.0, 2.0))
    >>> round(hellinger(p, q), 10)  # 2 - 2 exp(-1/2)
    0.7869386806
    """
    return estimate("hellinger", p, q, seed=seed, points=points)[0]


def total_variation(p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS) -> float:
    r"""Return the total variation distance, :math:`\frac12 \int |p - q|` in [0, 1]; arguments as `kl`.

    >>> import ganth
    >>> round(total_variation(ganth.targets.UniformBox([0], [1]), ganth.targets.UniformBox([0.25], [1.25])), 10)
    0.25
    """
    return estimate("total_variation", p, q, seed=seed, points=points)[0]


def estimate(
    name: str, p: Law, q: Law, *, seed: int | np.random.Generator = 0, points: int = POINTS
) -> tuple[float, float]:
    """Return a divergence by its name, and its standard error: 0 on the line, where it is by quadrature.

    Parameters
    ----------
    name : {"kl", "reverse_kl", "js", "ns", "ns_loss", "pearson", "hellinger", "total_variation"}
    p, q : GaussianMixture or UniformBox
    seed : int in [0, 2**64) or numpy Generator
    points : int >= 16
        In 16 shifts of Sobol's sequence, rounded up to 16 times a power of two.

    Returns
    -------
    value, error : float
        The error is that of the mean of 16 independent shifts.

    Raises
    ------
    ParameterError, ShapeError
        For another name, laws of other kinds or of different dimensions.

    Notes
    -----
    Points are drawn from (p + q)/2, so that a mode that one of the laws misses is seen all the same.

    Examples
    --------
    >>> import ganth
    >>> ring, one = ganth.targets.GaussianMixture.ring(8, 2.0, 0.04), ganth.targets.GaussianMixture([[0, 0]], 2.0)
    >>> value, error = estimate("js", ring, one)
    >>> bool(error < 1e-3), round(value, 2)
    (True, 0.42)
    """
    checks.choice("name", name, tuple(FUNCTIONALS))
    one = FUNCTIONALS[name]
    dim = laws.check_pair(p, q)
    if dim == 1:
        return _on_line(one.integrand, one.at_zero, one.at_infinity, p, q), 0.0
    return _sampled(one.integrand, one.at_zero, one.at_infinity, p, q, dim, seed, points)


def f_divergence(
    p: Law,
    q: Law,
    f: Callable[[Floats], Any],
    at_zero: float,
    at_infinity: float,
    *,
    seed: int | np.random.Generator = 0,
    points: int = POINTS,
) -> float:
    r"""Return :math:`D_f(p \| q) = \int_{q>0} q f(p/q) + f'(\infty)\, p(q = 0)` of any convex f.

    Parameters
    ----------
    p, q : GaussianMixture or UniformBox
    f : function of an array u > 0
        Convex, f(1) = 0, element by element; u may be as small as 1e-300 and as large as 1e300.
    at_zero : float
        f(0), may be infinite.
    at_infinity : float
        lim f(u)/u as u -> infinity, may be infinite: what a missed mode costs a unit of its mass.
    seed : int in [0, 2**64) or numpy Generator
    points : int >= 16

    Raises
    ------
    ParameterError, ShapeError
        For laws of other kinds or of different dimensions, or an f with f(1) != 0.

    Notes
    -----
    Source: TS, section 7, which leaves out the second term.

    Examples
    --------
    A law and its half: u log u charges the missing half without end, (1 - u)^2/(1 + u) a half.

    >>> import ganth
    >>> p, q = ganth.targets.UniformBox([0], [1]), ganth.targets.UniformBox([0], [0.5])
    >>> f_divergence(p, q, lambda u: u * np.log(u), 0.0, np.inf)
    inf
    >>> round(f_divergence(p, q, lambda u: (1 - u) ** 2 / (1 + u), 1.0, 1.0), 10)  # (1/4)/(3/2) + 1/2
    0.6666666667
    """
    if abs(float(np.asarray(f(np.array([1.0])))[0])) > 1e-12:
        raise ParameterError(f"f must be 0 at 1, got {float(np.asarray(f(np.array([1.0])))[0])!r}")

    def integrand(log_p: Floats, log_q: Floats) -> Floats:
        u = np.exp(np.clip(log_p - log_q, -690.0, 690.0))
        return np.exp(log_q) * np.asarray(f(u), dtype=np.float64)

    dim = laws.check_pair(p, q)
    if dim == 1:
        return _on_line(integrand, float(at_zero), float(at_infinity), p, q)
    return _sampled(integrand, float(at_zero), float(at_infinity), p, q, dim, seed, points)[0]


def _cost(rate: float, mass: float) -> float:
    return rate * mass if mass > 0 else 0.0  # 0 times infinity is 0 here


def _on_line(
    integrand: Callable[[Floats, Floats], Floats], at_zero: float, at_infinity: float, p: Law, q: Law
) -> float:
    (low_p, high_p), (low_q, high_q) = laws.support(p), laws.support(q)
    low, high = max(low_p, low_q), min(high_p, high_q)
    alone = _cost(at_zero, laws.mass_outside(q, p)) + _cost(at_infinity, laws.mass_outside(p, q))
    if low >= high or np.isinf(alone):
        return float(alone)

    def function(x: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            values = integrand(laws.log_density(p, x), laws.log_density(q, x))
        return np.where(np.isnan(values), 0.0, values)

    edges = laws.corners(p, q)
    if np.isinf(low) and np.isinf(high):
        outer = stretched(function, edges)
        if outer is None:
            return float("inf")
        edges = outer
    else:
        # A box bounds the integral; its density is constant, so the other law's corners within are all there is.
        edges = np.concatenate([edges[(edges > low) & (edges < high)], [low, high]])
    level = crossings(lambda x: laws.log_ratio(p, q, x), edges)
    value = float(integrate(function, np.concatenate([edges, level])))
    return value + float(alone)


def _sampled(
    integrand: Callable[[Floats, Floats], Floats],
    at_zero: float,
    at_infinity: float,
    p: Law,
    q: Law,
    dim: int,
    seed: int | np.random.Generator,
    points: int,
) -> tuple[float, float]:
    means = []
    for x in balanced(p, q, dim, seed, points):
        log_p, log_q = p.log_density(x), q.log_density(x)
        with np.errstate(over="ignore", invalid="ignore"):
            shares = integrand(log_p, log_q) * np.exp(-log_mean(log_p, log_q))
            shares = np.where(
                np.isneginf(log_q), 2.0 * at_infinity, np.where(np.isneginf(log_p), 2.0 * at_zero, shares)
            )
        means.append(shares.mean())
    if np.isinf(means).any():
        return float("inf"), 0.0
    return float(np.mean(means)), float(np.std(means, ddof=1) / np.sqrt(len(means)))
