"""Divergence: an isolated generated point that runs from its own past at constant speed (KD, section 5)."""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..checks import Floats, array, choice, number
from ..errors import ParameterError
from ..kernels import RBF, MultiScale, RationalQuadratic
from .series import smooth_sum

ORDERS = ("simultaneous", "alternating")
_FORGOTTEN = 46.0  # e^-46 = 1e-20: older history counts for nothing
_FAR = 9.6  # widths at which a Gaussian is 1e-20
_NO_TAIL = 1e-20
_LEAST_MIXING = 0.05  # of a rational quadratic kernel without forgetting: below, its tail reaches beyond 1e200 widths
_BLOCK = 4096  # steps of the trail summed at once


def _components(kernel: Any) -> list[tuple[float, float]]:
    """Return (width, mixing) of each term of a smooth radial kernel; a Gaussian has mixing infinity."""
    if isinstance(kernel, RBF):
        return [(kernel.width, math.inf)]
    if isinstance(kernel, MultiScale):
        return [(width, math.inf) for width in kernel.widths]
    if isinstance(kernel, RationalQuadratic):
        return [(kernel.width, kernel.mixing)]
    raise ParameterError(f"kernel must be RBF, MultiScale or RationalQuadratic (smooth and radial), got {kernel!r}")


def _checked(kernel: Any, mass: float, reg: float, lr_disc: float, lr_gen: float, order: str) -> tuple[Any, ...]:
    mass, reg = number("mass", mass, above=0), number("reg", reg, at_least=0)
    lr_disc, lr_gen = number("lr_disc", lr_disc, above=0), number("lr_gen", lr_gen, above=0)
    if not lr_disc * reg < 1:
        raise ParameterError(f"lr_disc must be < 1 / reg = {1 / reg:g}, got {lr_disc!r}")
    return _components(kernel), mass, reg, lr_disc, lr_gen, choice("order", order, ORDERS)


def _excess(
    terms: list[tuple[float, float]], mass: float, reg: float, lr_disc: float, lr_gen: float, order: str
) -> float:
    """Return what the slope of the history at rest has beyond the generator's step: a wave exists iff it is > 0.

    That is C / (lr_disc reg)^2 - 1, C = lr_gen lr_disc mass^2 (-phi''(0)), times 1 - lr_disc reg if alternating; in
    exact arithmetic, for close to the threshold every digit of the speed hangs on it.
    """
    if reg == 0:
        return math.inf
    forget = Fraction(lr_disc) * Fraction(reg)
    steepness = sum(1 / Fraction(width) ** 2 for width, _ in terms)
    share = Fraction(lr_gen) * Fraction(lr_disc) * Fraction(mass) ** 2 * steepness / forget**2
    return float((1 - forget if order == "alternating" else 1) * share - 1)


def _history(width: float, mixing: float, speed: float, lost: float, deficit: bool) -> float:
    """Return sum_{j>=1} rho^(j-1) j g(j speed), rho = 1 - lost, g = -phi'(r) / r or what it lacks to g(0)."""
    pace = speed / width
    forget = -math.log1p(-lost)

    def term(j: Floats) -> Floats:
        half_r2 = 0.5 * (j * pace) ** 2
        log_slope = -half_r2 if mixing == math.inf else -(mixing + 1.0) * np.log1p(half_r2 / mixing)
        return j * np.exp(-(j - 1.0) * forget) * (-np.expm1(log_slope) if deficit else np.exp(log_slope))

    memory = _FORGOTTEN / forget if forget else math.inf
    limit = max(1.0, 4.0 / forget if forget else math.inf)
    if mixing == math.inf:
        reach = memory if deficit else min(memory, _FAR / pace)
        scale = limit = max(1.0, min(limit, 2.0 / pace))
    else:
        tail = math.sqrt(2.0 * mixing) * _NO_TAIL ** (-0.5 / mixing) / pace
        reach = memory if deficit else min(memory, tail)
        scale = max(1.0, min(limit, 2.0 / pace, math.sqrt(2.0 * mixing) / pace))
        limit = min(limit, max(reach, 1.0))
    return smooth_sum(term, reach=max(reach, 1.0), scale=scale, limit=limit) / width**2


def divergence_speed(
    kernel: Any, mass: float, *, reg: float, lr_disc: float, lr_gen: float, order: str = "simultaneous"
) -> float | None:
    r"""Return the speed of the self-propelled isolated point, x^k = x^0 + k v u, or None where there is no such wave.

    .. math:: v = -\eta_g \eta_d q^2 \sum_{j \ge 1} \rho^{j-1} \phi'(j v), \qquad \rho = 1 - \eta_d \lambda

    with rho^j in the place of rho^{j-1} for ``order="alternating"``; K(x, y) = phi(|x - y|).

    Parameters
    ----------
    kernel : RBF, MultiScale or RationalQuadratic
    mass : float > 0
        q of the point.
    reg : float >= 0
        Discriminator regulariser lambda [1/time].
    lr_disc : float > 0
        eta_d, below 1/reg [time/step].
    lr_gen : float > 0
        eta_g.
    order : {"simultaneous", "alternating"}

    Returns
    -------
    float or None
        v > 0, the only one [data length per step]; None iff reg >= `divergence_threshold`, decided exactly.

    Raises
    ------
    ParameterError
        Also for a kernel that is not smooth and radial, and for lr_disc >= 1/reg.

    Notes
    -----
    Corrects KD, eqs. (114) and (119), which have eta_d^2, no mass, and rho^j for simultaneous updates.  Relative error
    below 1e-12 at a thousandth below the threshold and 1e-14 far from it; for small rates v -> q sqrt(lr_gen lr_disc
    phi(0)) as reg -> 0, whatever the width.  Cost: some milliseconds, however long the history.

    Examples
    --------
    >>> import ganth
    >>> speed = divergence_speed(ganth.RBF(0.5), 0.25, reg=0.0, lr_disc=1e-3, lr_gen=1e-3)
    >>> round(speed / 0.25e-3, 6)
    1.0
    >>> divergence_speed(ganth.RBF(0.5), 0.25, reg=0.5, lr_disc=1e-3, lr_gen=1e-3) is None
    True
    """
    terms, mass, reg, lr_disc, lr_gen, order = _checked(kernel, mass, reg, lr_disc, lr_gen, order)
    if reg == 0 and min(mixing for _, mixing in terms) < _LEAST_MIXING:
        raise ParameterError(f"reg must be > 0 for mixing < {_LEAST_MIXING:g}, where history never fades, got {reg!r}")
    excess = _excess(terms, mass, reg, lr_disc, lr_gen, order)
    if not excess > 0:
        return None
    lost = lr_disc * reg
    strength = lr_gen * lr_disc * mass * mass * (1.0 - lost if order == "alternating" else 1.0)
    # Near the threshold the sum is nearly its value at rest, so what it lacks is summed instead.
    deficit = excess < 1

    def imbalance(log_speed: float) -> float:
        speed = math.exp(log_speed)
        total = strength * math.fsum(_history(width, mixing, speed, lost, deficit) for width, mixing in terms)
        return total - excess if deficit else 1.0 - total

    from scipy.optimize import brentq

    # imbalance grows with the speed, from below zero to above it.
    low = high = math.log(mass * math.sqrt(lr_gen * lr_disc * len(terms)))
    while imbalance(low) > 0:
        low -= 1.0
    while imbalance(high) < 0:
        high += 1.0
    return math.exp(brentq(imbalance, low, high, xtol=1e-15, rtol=4 * np.finfo(float).eps))


def divergence_threshold(
    kernel: Any, mass: float, *, lr_disc: float, lr_gen: float, order: str = "simultaneous"
) -> float:
    r"""Return the regulariser from which on an isolated point cannot propel itself.

    .. math:: g = q \sqrt{\frac{\eta_g}{\eta_d} (-\phi''(0))}, \qquad
              \lambda = \frac{g}{h + \sqrt{1 + h^2}}, \quad h = g \eta_d / 2 \quad \text{if alternating}

    Parameters
    ----------
    kernel : RBF, MultiScale or RationalQuadratic
    mass, lr_disc, lr_gen, order
        As in `divergence_speed`.

    Returns
    -------
    float > 0
        lambda [1/time]: the wave exists iff reg < lambda (simultaneous: and lr_disc < 1/reg).  For an RBF and
        simultaneous updates it is g = q sqrt(mu) / sigma.  From the same lambda on the point at rest is stable.

    Raises
    ------
    ParameterError
        Also for a kernel that is not smooth and radial.

    Notes
    -----
    Not in KD, which has "lambda sufficiently small".  No wave exists from lambda on for every smooth positive
    definite kernel, since -phi'(r) <= -phi''(0) r; that the speed is unique needs -phi'(r) / r to fall.  Cost: O(1).

    Examples
    --------
    >>> import ganth
    >>> divergence_threshold(ganth.RBF(0.5), 0.25, lr_disc=1e-3, lr_gen=1e-3)
    0.5
    """
    terms, mass, _, lr_disc, lr_gen, order = _checked(kernel, mass, 0.0, lr_disc, lr_gen, order)
    g = mass * math.sqrt(lr_gen / lr_disc * math.fsum(1.0 / width**2 for width, _ in terms))
    if order == "simultaneous":
        return g
    h = 0.5 * g * lr_disc
    return g / (h + math.hypot(1.0, h))


def divergence_profile(
    kernel: Any,
    mass: float,
    displacements: Any,
    *,
    reg: float,
    lr_disc: float,
    lr_gen: float,
    order: str = "simultaneous",
) -> Floats:
    r"""Return the discriminator around a self-propelled point, along its path.

    .. math:: f^k(x^k + s u) = -\eta_d q \sum_{j \ge 1} \rho^{j-1} \phi(|s + j v|)

    Parameters
    ----------
    kernel : RBF, MultiScale or RationalQuadratic
    mass : float > 0
    displacements : (m,) array
        s, ahead of the point where positive [data length].
    reg : float > 0
    lr_disc, lr_gen, order
        As in `divergence_speed`.

    Returns
    -------
    (m,) array
        f^k before its update with x^k, <= 0: the trail that the point runs from.

    Raises
    ------
    ParameterError
        Also where no wave exists.

    Notes
    -----
    Source: KD, eq. (117), with the mass, for the speed of `divergence_speed`.  Cost: O(m / (reg lr_disc)).

    Examples
    --------
    >>> import ganth
    >>> behind, ahead = divergence_profile(ganth.RBF(1.0), 1.0, [-1, 1], reg=0.1, lr_disc=0.01, lr_gen=0.01)
    >>> bool(behind < ahead < 0)
    True
    """
    where = array("displacements", displacements, "(m,)", 1)
    number("reg", reg, above=0)
    speed = divergence_speed(kernel, mass, reg=reg, lr_disc=lr_disc, lr_gen=lr_gen, order=order)
    if speed is None:
        raise ParameterError(f"reg must be below divergence_threshold for a wave to exist, got {reg!r}")
    forget = -math.log1p(-lr_disc * reg)
    result = np.zeros(len(where))
    for first in range(1, math.ceil(_FORGOTTEN / forget) + 1, _BLOCK):
        steps = np.arange(first, first + _BLOCK)
        gram = kernel.gram(where[:, None], -speed * steps[:, None])
        result -= gram @ np.exp(-(steps - 1.0) * forget)
    return lr_disc * mass * result
