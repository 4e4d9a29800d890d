"""Closed forms at the true point of an isolated region: one generated point, several of equal mass, no excess mass.

All generated points sit at the true point and the kernel is an RBF, or a sum of RBFs (`MultiScale`); only the
curvature c = sum_i 1/width_i^2 of the kernel enters.  With p the true mass, q one generated mass and lr_ratio = mu,
one generated point moves by (s + reg)(s + Q) + R with Q = mu q (p - q) c / reg and R = mu q^2 c, once for each of the d
coordinates.
"""

import math
from collections.abc import Iterable

from ..checks import choice, integer, number, widths
from ..errors import ParameterError

Widths = float | Iterable[float]


def single_point_threshold(true_mass: float, mass: float, width: Widths, *, lr_ratio: float) -> float:
    r"""Return the reg above which one generated point rests stably at the true point, for small enough learning rates.

    .. math:: \lambda_c = \sqrt{\mu q (q - p) \textstyle\sum_i \sigma_i^{-2}} \text{ for } q > p, \quad 0 \text{ else}

    Parameters
    ----------
    true_mass : float >= 0
        True mass p; with p = 0, an isolated point, this is the threshold of self-propulsion mass sqrt(mu)/width.
    mass : float > 0
        Generated mass q.
    width : float > 0, or the widths of a `MultiScale`
        Kernel width sigma [data length].
    lr_ratio : float > 0
        mu = lr_gen / lr_disc.

    Returns
    -------
    float
        lambda_c [1/time]; the point is stable iff reg > lambda_c.

    Raises
    ------
    ParameterError

    Notes
    -----
    Source: sharpens KD, theorem 1(c), (d): Routh-Hurwitz, reg + Q > 0 and reg Q + R > 0.  It contradicts 1(b), which
    calls every p < q unstable.

    Examples
    --------
    >>> single_point_threshold(1.0, 2.0, 1.0, lr_ratio=2.0)
    2.0
    """
    p, q, curvature, ratio = _checked(true_mass, mass, width, lr_ratio)
    return math.sqrt(max(0.0, ratio * q * (q - p) * curvature))


def single_point_max_lr_disc(
    true_mass: float,
    mass: float,
    width: Widths,
    *,
    reg: float,
    lr_ratio: float,
    order: str = "simultaneous",
) -> float:
    r"""Return the supremum of the stable learning rates eta_d of one generated point at the true point (Jury's test).

    .. math:: \eta_d < \min(2/\lambda, \; b / (\lambda Q + R)) \text{ if } (\lambda - Q)^2 < 4 R, \quad
              \eta_d < \min\Big(2/\lambda, \; \frac{4}{b + \sqrt{(\lambda - Q)^2 - 4 R}}\Big) \text{ else}

    with b = reg + Q, for simultaneous updates, and, for alternating ones,

    .. math:: \eta_d < \frac{4}{b + \sqrt{(\lambda - Q)^2 + 4 R}} .

    Parameters
    ----------
    true_mass, mass, width, lr_ratio
        As in `single_point_threshold`; lr_gen = lr_ratio lr_disc moves with lr_disc.
    reg : float > 0
        Discriminator regulariser lambda [1/time].
    order : {"simultaneous", "alternating"}

    Returns
    -------
    float
        0.0 if the point is unstable for every lr_disc.  It includes the root s = -reg; for p = 0 translations are
        neutral and left out.

    Raises
    ------
    ParameterError

    Notes
    -----
    Source: in the place of KD, eq. (62).

    Examples
    --------
    >>> single_point_max_lr_disc(1.0, 1.0, 1.0, reg=0.1, lr_ratio=1.0)
    0.1
    >>> round(single_point_max_lr_disc(1.0, 1.0, 1.0, reg=0.1, lr_ratio=1.0, order="alternating"), 6)
    1.902498
    """
    p, q, curvature, ratio = _checked(true_mass, mass, width, lr_ratio)
    reg = number("reg", reg, above=0)
    alternating = choice("order", order, ("simultaneous", "alternating")) == "alternating"
    damping, coupling = ratio * q * (p - q) * curvature / reg, ratio * q * q * curvature
    total = reg + damping
    if not total > 0:
        return 0.0
    if alternating:
        return 4.0 / (total + math.sqrt((reg - damping) ** 2 + 4.0 * coupling))
    overdamped = (reg - damping) ** 2 - 4.0 * coupling
    if overdamped >= 0:
        return min(2.0 / reg, 4.0 / (total + math.sqrt(overdamped)))
    return min(2.0 / reg, total / (ratio * q * p * curvature))


def splitting_rate(
    n: int, dim: int, true_mass: float, mass: float, width: Widths, *, reg: float, lr_ratio: float
) -> tuple[float, int]:
    r"""Return the rate at which n generated points of equal mass part from the true point, and its multiplicity.

    .. math:: s = \mu q (n q - p) \textstyle\sum_i \sigma_i^{-2} / \lambda, \quad (n - 1) d \text{ times}

    the real positive root of psi for motions v with sum_j v_j = 0, which the discriminator does not see.

    Parameters
    ----------
    n : int >= 2
        Generated points at the true point.
    dim : int >= 1
    true_mass : float >= 0
        True mass p < n q.
    mass : float > 0
        Mass q of each generated point.
    width, reg, lr_ratio
        As in `single_point_max_lr_disc`.

    Returns
    -------
    rate : float > 0
        s [1/time].
    multiplicity : int

    Raises
    ------
    ParameterError
        Also for n q <= p, where no such root exists.

    Notes
    -----
    Source: makes KD, theorem 1(b) explicit for two or more points.  Their mean moves as one point of mass n q, with
    the pencil (s + reg)(s - rate) + lr_ratio n q^2 c.

    Examples
    --------
    >>> splitting_rate(3, 2, 1.0, 0.5, 1.0, reg=0.5, lr_ratio=1.0)
    (0.5, 4)
    """
    p, q, curvature, ratio = _checked(true_mass, mass, width, lr_ratio)
    n, dim = integer("n", n, at_least=2), integer("dim", dim, at_least=1)
    reg = number("reg", reg, above=0)
    if not n * q > p:
        raise ParameterError(f"n * mass must be > true_mass, got {n * q!r} and {p!r}")
    return ratio * q * (n * q - p) * curvature / reg, (n - 1) * dim


def balanced_max_lr_gen(mass: float, width: Widths, *, reg: float) -> float:
    r"""Return the supremum of the stable eta_g where one generated point carries the true mass exactly.

    .. math:: \eta_g < \lambda \, / \, \big(q^2 \textstyle\sum_i \sigma_i^{-2}\big)

    Parameters
    ----------
    mass : float > 0
        q = p.
    width : float > 0, or the widths of a `MultiScale`
    reg : float > 0

    Returns
    -------
    float
        For simultaneous updates with reg^2 <= 2 lr_ratio q^2 sum_i 1/width_i^2; with more damping the features'
        own bound lr_disc < 2 / reg or the overdamped root comes first: see `single_point_max_lr_disc`.

    Raises
    ------
    ParameterError

    Notes
    -----
    Source: not in KD; it decides KD, section 7 and appendix H.

    Examples
    --------
    At KD's reg = 0.01 and q = 1/4 the rate 1e-3 needs width > 0.079:

    >>> balanced_max_lr_gen(0.25, 0.08, reg=0.01) > 1e-3 > balanced_max_lr_gen(0.25, 0.079, reg=0.01)
    True
    """
    _, q, curvature, _ = _checked(mass, mass, width, 1.0)
    return number("reg", reg, above=0) / (q * q * curvature)


def _checked(true_mass: float, mass: float, width: Widths, lr_ratio: float) -> tuple[float, float, float, float]:
    sizes = widths("width", width) if isinstance(width, Iterable) else (number("width", width, above=0),)
    return (
        number("true_mass", true_mass, at_least=0),
        number("mass", mass, above=0),
        math.fsum(1.0 / (size * size) for size in sizes),
        number("lr_ratio", lr_ratio, above=0),
    )
