"""Tangent kernels of one hidden layer in SymPy and mpmath: Gaussian means by their integrals, and seeds on a sphere."""

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath as mp
import sympy as sp

from .kernels import angle, arc_cosine

size_x, size_y = sp.symbols("size_x size_y", positive=True)  # standard deviations of u and v
rho = sp.Symbol("rho", real=True)  # their correlation
dim = sp.Symbol("dim", integer=True, positive=True)
var_a, var_w, var_b = sp.symbols("var_a var_w var_b", nonnegative=True)


def covariance() -> sp.Matrix:
    """Return the covariance of the two pre-activations."""
    across = size_x * size_y * rho
    return sp.Matrix([[size_x**2, across], [across, size_y**2]])


@cache
def erf_means() -> tuple[sp.Expr, sp.Expr]:
    r"""Return E[erf(u) erf(v)] and E[erf'(u) erf'(v)].

    erf' is a Gaussian, so that the second is (4 / pi) det(1 + 2 C)^(-1/2).  It is the derivative of the first in the
    covariance (Price 1958), and the first is 0 at covariance 0, erf being odd.

    >>> sp.simplify(erf_means()[0].subs({size_x: 1, size_y: 1, rho: 1}) - 2 / sp.pi * sp.asin(sp.Rational(2, 3)))
    0
    """
    across = sp.Symbol("across", real=True)
    bound = sp.Symbol("bound", positive=True)  # (1 + 2 size_x^2)(1 + 2 size_y^2)
    determinant = (sp.eye(2) + 2 * sp.Matrix([[size_x**2, across], [across, size_y**2]])).det()
    rest = sp.expand(determinant + 4 * across**2)
    slope = 4 / sp.pi / sp.sqrt(bound - 4 * across**2)
    mean = 2 / sp.pi * sp.asin(2 * across / sp.sqrt(bound))
    assert sp.simplify(sp.diff(mean, across) - slope) == 0
    assert mean.subs(across, 0) == 0
    at = {bound: sp.factor(rest), across: size_x * size_y * rho}
    return mean.subs(at, simultaneous=True), slope.subs(at, simultaneous=True)


@cache
def relu_means() -> tuple[sp.Expr, sp.Expr]:
    """Return E[relu(u) relu(v)] and E[relu'(u) relu'(v)]: half the arc-cosine kernels.

    >>> relu_means()[1].subs(rho, 0)
    1/4
    """
    at = sp.acos(rho)
    return size_x * size_y * arc_cosine(1).subs(angle, at) / 2, arc_cosine(0).subs(angle, at) / 2


def kernel(means: tuple[Any, Any], dot: Any) -> Any:
    """Return the tangent kernel 2 (E[s s] + var_a E[s' s'] (x . y + 1)) of given means.

    The derivative in a_i is sqrt(2 / width) s(u_i), in w_i it is sqrt(2 / width) a_i s'(u_i) x and in b_i the same with
    1 for x: squares add up over the units, and their mean is a Gaussian one.

    >>> kernel((1, 1), 0)
    2*var_a + 2
    """
    return 2 * (means[0] + var_a * means[1] * (dot + 1))


def on_unit_sphere(means: tuple[sp.Expr, sp.Expr], cosine: Any) -> sp.Expr:
    """Return the tangent kernel of two unit vectors as a function of the cosine of their angle.

    >>> on_unit_sphere(relu_means(), sp.Integer(1))
    2*var_a + var_b + var_w
    """
    deviation = sp.sqrt(var_w + var_b)
    correlation = (var_w * cosine + var_b) / (var_w + var_b)
    at = {size_x: deviation, size_y: deviation, rho: sp.simplify(correlation)}
    return sp.simplify(kernel(tuple(mean.subs(at, simultaneous=True) for mean in means), cosine))


def gaussian_mean(
    first: Callable[[Any], Any],
    second: Callable[[Any], Any],
    deviation: Any,
    other: Any,
    correlation: Any,
    strip: float,
) -> Any:
    """Return E[first(u) second(v)] by the trapezoidal rule in the plane, to the working precision of mpmath.

    Both functions are analytic and of moderate size within `strip` of the real line: then the rule with spacing h errs
    by exp(-2 pi strip / h), the strip being that of the standard normal numbers behind u and v.

    >>> round(float(gaussian_mean(lambda u: u, lambda v: v, mp.mpf(1), mp.mpf(2), mp.mpf("0.25"), 2.0)), 12)
    0.5
    """
    digits = mp.mp.dps * mp.log(10) + 3
    strip = mp.mpf(strip) / max(deviation, other, 1)
    spacing = 2 * mp.pi * strip / (digits + strip**2)  # the Gaussian grows like exp(strip^2 / 2)
    count = int(mp.ceil(mp.sqrt(2 * digits) / spacing))
    nodes = [k * spacing for k in range(-count, count + 1)]
    weights = [mp.exp(-node * node / 2) for node in nodes]
    rest = mp.sqrt((1 - correlation) * (1 + correlation))
    total = mp.mpf(0)
    for node, weight in zip(nodes, weights, strict=True):
        inner = mp.fsum(
            w * second(other * (correlation * node + rest * n)) for n, w in zip(nodes, weights, strict=True)
        )
        total += weight * first(deviation * node) * inner
    return total * spacing**2 / (2 * mp.pi)


def squared_length() -> tuple[sp.Expr, sp.Expr]:
    """Return the mean and the relative standard deviation of |z|^2, z standard normal in `dim` dimensions.

    >>> squared_length()
    (dim, sqrt(2)/sqrt(dim))
    """
    z = sp.Symbol("z", real=True)
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    second, fourth = (sp.integrate(z**power * density, (z, -sp.oo, sp.oo)) for power in (2, 4))
    return dim * second, sp.simplify(sp.sqrt(dim * (fourth - second**2)) / (dim * second))


@cache
def cosine_moment(order: int) -> sp.Expr:
    """Return E[cos^(2 order)] of two independent uniform points of the sphere in `dim` dimensions.

    The density in the cosine is (1 - cos^2)^((dim - 3) / 2): a ratio of Beta functions.

    >>> cosine_moment(1)
    1/dim
    """

    def beta(shift: int) -> sp.Expr:
        a, b = sp.Rational(1, 2) + shift, (dim - 1) / 2
        return sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b)

    return sp.factor(sp.gammasimp(beta(order) / beta(0)))
