"""Infinitely wide ReLU networks in SymPy: the kink and the width of their tangent kernel, the motion along rays."""

from functools import cache

import sympy as sp

from .kernels import angle, arc_cosine

depth = sp.Symbol("depth", integer=True, positive=True)
share = sp.Symbol("share", positive=True)  # u = depth angle / (3 pi)
reg, lr_ratio, mass, time = sp.symbols("reg lr_ratio mass time", positive=True)


@cache
def kink() -> sp.Expr:
    """Return the slope of K / (|x| |y|) in the angle, from the right at angle 0, for any depth.

    kappa_1 keeps a small angle to first order, so N_l = N_{l-1} kappa_0 + Sigma_l adds -l / pi to the slope.

    >>> sp.factor(kink() + depth * (depth + 1) / (2 * sp.pi))
    0
    """
    loss = sp.diff(arc_cosine(0), angle).subs(angle, 0)
    slope, layer = sp.Function("slope"), sp.Symbol("layer", integer=True)
    found = sp.rsolve(slope(layer + 1) - slope(layer) - (layer + 1) * loss, slope(layer), {slope(0): 0})
    return sp.factor(found.subs(layer, depth))


@cache
def layer_angle() -> sp.Expr:
    """Return the angle after one layer less the angle before it, to second order: how deep networks lose angles.

    >>> layer_angle()
    -angle**2/(3*pi)
    """
    lost = sp.series(1 - arc_cosine(1), angle, 0, 4).removeO()
    # arccos(1 - e) = sqrt(2 e) (1 + O(e))
    return sp.expand(sp.series(sp.sqrt(2 * sp.expand(lost / angle**2)), angle, 0, 2).removeO() * angle) - angle


@cache
def deep_profile() -> sp.Expr:
    r"""Return K(x, y) / K(x, x) of unit vectors at angle 3 pi u / depth as depth grows, a function of `share` = u.

    .. math:: \theta' = -\theta^2 / (3 \pi), \qquad N' = 1 - N \theta / \pi

    along the layers, from theta = 3 pi u / depth and N = 0.

    >>> sp.factor(deep_profile() - ((1 + share) ** 4 - 1) / (4 * share * (1 + share) ** 3))
    0
    """
    place = sp.Symbol("place", positive=True)  # layer / depth
    rate = -layer_angle() / angle**2
    bend = 3 * sp.pi * share / (1 + rate * 3 * sp.pi * share * place)  # depth * theta
    assert sp.simplify(sp.diff(bend, place) + rate * bend**2) == 0
    forget = -sp.diff(arc_cosine(0), angle) * bend
    # exp of the integral of -forget from `place` to 1: both ends of a logarithm
    kept = sp.simplify(sp.exp(sp.integrate(forget, place) - sp.integrate(forget, place).subs(place, 1)))
    return sp.factor(sp.integrate(sp.expand(kept), (place, 0, 1)))


@cache
def deep_half_width() -> sp.Expr:
    """Return depth * angle at which K falls to K(x, x) / 2, as depth grows: 3 pi (w - 1), w^3 = w^2 + w + 1.

    >>> round(float(deep_half_width()), 6)
    7.910091
    """
    numerator = sp.Poly(sp.numer(sp.together(deep_profile() - sp.Rational(1, 2))), share)
    (root,) = [r for r in sp.real_roots(numerator) if r > 0]
    return 3 * sp.pi * root


def radial_roots() -> tuple[sp.Expr, sp.Expr]:
    """Return the two rates of a generated point on the ray of its true point, masses equal, no bias.

    There K = (depth + 1) |x| |y| is the kernel of one feature sqrt(depth + 1) |x|, and the game is a damped oscillator.

    >>> sp.simplify(sp.expand(sp.prod(radial_roots())) - (depth + 1) * lr_ratio * mass**2)
    0
    """
    feature = sp.sqrt(depth + 1)
    # parameter' = -reg parameter - mass feature offset, offset' = lr_ratio mass feature parameter
    step = sp.Matrix([[-reg, -mass * feature], [lr_ratio * mass * feature, 0]])
    low, high = step.eigenvals()
    return low, high
