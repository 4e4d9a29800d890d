"""What each divergence integrates, from log densities: q f(p/q), its limits where a law has no mass, its slope."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_LOG_2 = float(np.log(2.0))


@dataclass(frozen=True)
class Functional:
    r"""The functional :math:`F(q) = \int q f(p/q)` of a model q, p the data.

    Parameters
    ----------
    name : str
    integrand : function of (log p, log q)
        q f(p/q) where both are positive.
    at_zero : float
        f(0): what a unit of mass of q costs where p = 0.
    at_infinity : float
        lim f(u)/u: what a unit of mass of p costs where q = 0.
    variation : function of log r, r = p/q
        f - r f', the derivative of F in q, up to a constant.
    curvature : function of log r
        r^2 f'' >= 0, minus the slope of `variation` in log r.

    Examples
    --------
    >>> kl = FUNCTIONALS["kl"]
    >>> kl.at_zero, kl.at_infinity, float(kl.integrand(np.float64(0.0), np.float64(-2.0)))
    (0.0, inf, 2.0)
    """

    name: str
    integrand: Callable[[Floats, Floats], Floats]
    at_zero: float
    at_infinity: float
    variation: Callable[[Floats], Floats]
    curvature: Callable[[Floats], Floats]


def softplus(v: Floats) -> Floats:
    """Return log(1 + exp(v)).

    >>> float(softplus(np.float64(-800.0))), float(softplus(np.float64(800.0)))
    (0.0, 800.0)
    """
    return np.logaddexp(0.0, v)


def sigmoid(v: Floats) -> Floats:
    """Return 1/(1 + exp(-v)), relatively accurate on both sides."""
    small = np.exp(-np.abs(v))
    return np.where(np.asarray(v) >= 0, 1.0, small) / (1.0 + small)


def log_mean(log_p: Floats, log_q: Floats) -> Floats:
    """Return log((p + q)/2)."""
    return np.logaddexp(log_p, log_q) - _LOG_2


def _jensen_shannon(log_p: Floats, log_q: Floats) -> Floats:
    # log p - log m through log1p: p log(p/m) is small where p is near q, and log m would lose it.
    r = log_p - log_q
    return 0.5 * np.exp(log_p) * (_LOG_2 - softplus(-r)) + 0.5 * np.exp(log_q) * (_LOG_2 - softplus(r))


def _power(r: Floats, exponent: float) -> Floats:
    with np.errstate(over="ignore"):
        return np.exp(exponent * r)


def _pearson(log_p: Floats, log_q: Floats) -> Floats:
    # (p - q)^2/q in two forms: where p is the larger, p (1 - q/p)^2 p/q overflows only if the whole does.
    with np.errstate(over="ignore"):
        high = np.exp(2.0 * log_p - log_q) * np.expm1(np.minimum(log_q - log_p, 0.0)) ** 2
        low = np.exp(log_q) * np.expm1(np.minimum(log_p - log_q, 0.0)) ** 2
    return np.where(log_p > log_q, high, low)


FUNCTIONALS = {
    one.name: one
    for one in (
        Functional(
            "kl", lambda p, q: np.exp(p) * (p - q), 0.0, np.inf, lambda r: -_power(r, 1.0), lambda r: _power(r, 1.0)
        ),
        Functional("reverse_kl", lambda p, q: np.exp(q) * (q - p), np.inf, 0.0, lambda r: -r, np.ones_like),
        Functional(
            "js", _jensen_shannon, 0.5 * _LOG_2, 0.5 * _LOG_2, lambda r: -0.5 * softplus(r), lambda r: 0.5 * sigmoid(r)
        ),
        Functional(
            "ns",
            lambda p, q: 2.0 * np.exp(log_mean(p, q)) * (softplus(q - p) - _LOG_2),
            np.inf,
            -_LOG_2,
            lambda r: softplus(-r),
            lambda r: sigmoid(-r),
        ),
        Functional(
            "ns_loss",
            lambda p, q: np.exp(q) * softplus(q - p),
            np.inf,
            0.0,
            lambda r: softplus(-r) + sigmoid(-r),
            lambda r: sigmoid(-r) * (1.0 + sigmoid(r)),
        ),
        Functional("pearson", _pearson, 1.0, np.inf, lambda r: -_power(r, 2.0), lambda r: 2.0 * _power(r, 2.0)),
        Functional(
            "hellinger",
            lambda p, q: np.exp(np.maximum(p, q)) * np.expm1(-0.5 * np.abs(p - q)) ** 2,
            1.0,
            1.0,
            lambda r: -_power(r, 0.5),
            lambda r: 0.5 * _power(r, 0.5),
        ),
        Functional(
            "total_variation",
            lambda p, q: -0.5 * np.exp(np.maximum(p, q)) * np.expm1(-np.abs(p - q)),
            0.5,
            0.5,
            lambda r: -0.5 * np.sign(r),
            np.zeros_like,
        ),
    )
}
