"""The early stop in SymPy and mpmath: TP's cone discriminator, balls of Gaussians, thresholds (sec. 5, apps. F.2, H).

Around each mode, up to 2 sqrt(2) h, d = 1/2 - sqrt(2)/(8 h) distance; beyond, d = 0.  h = sqrt(2) standard deviations.
"""

from typing import Any

import mpmath
import sympy as sp

bandwidth, separation, distance, factor, step = sp.symbols("h S rho c s", positive=True)
scale, entries, variance, radius = sp.symbols("k_s D v r", positive=True)

# App. F.2: k_s, the variance that is printed, and the number of entries that it is divided by.
PRINTED: dict[str, tuple[sp.Rational, sp.Rational, int]] = {
    "mixture": (sp.Integer(2), sp.Rational(125, 10_000), 1),
    "mnist": (sp.Rational(337, 10), sp.Rational(33, 100), 64 * 64),
    "fashion-mnist": (sp.Rational(481, 10), sp.Rational(33, 100), 64 * 64),
    "cifar-10": (sp.Integer(38), sp.Rational(23, 100), 64 * 64 * 3),
}


def cone(away: sp.Expr) -> sp.Expr:
    """Return d of Assumption 5.1 at a distance below 2 sqrt(2) h from a mode.

    >>> cone(0), cone(sp.sqrt(2) * bandwidth), cone(2 * sp.sqrt(2) * bandwidth)
    (1/2, 1/4, 0)
    """
    return sp.Rational(1, 2) - sp.sqrt(2) / (8 * bandwidth) * away


def cone_slope(dim: int = 1) -> sp.Expr:
    """Return |grad d|/d of the cone in `dim` dimensions at distance rho from its mode: 1/(2 sqrt(2) h - rho).

    >>> cone_slope(), cone_slope(dim=3).subs(distance, sp.sqrt(2) * bandwidth)
    (1/(2*sqrt(2)*h - rho), sqrt(2)/(2*h))
    """
    at = sp.symbols(f"x1:{dim + 1}", positive=True)
    length = sp.sqrt(sum(x**2 for x in at))
    value = cone(length)
    square = sp.simplify(sum(sp.diff(value, x) ** 2 for x in at))  # of the gradient
    found = sp.simplify(sp.sqrt(square) / cone(distance))
    return sp.simplify(1 / sp.expand(sp.simplify(1 / found)))


def cone_slope_at(deviations: sp.Expr) -> sp.Expr:
    """Return |grad d|/d of the cone so many standard deviations from its mode.

    >>> cone_slope_at(0), cone_slope_at(2), cone_slope_at(3)
    (sqrt(2)/(4*h), sqrt(2)/(2*h), sqrt(2)/h)
    """
    return sp.simplify(cone_slope().subs(distance, deviations * bandwidth / sp.sqrt(2)))


def cone_edge() -> sp.Expr:
    """Return the limit of |grad d|/d at the edge of the cone: unbounded.

    >>> cone_edge()
    oo
    """
    return sp.limit(cone_slope().subs(bandwidth, 1), distance, 2 * sp.sqrt(2), "-")


def disagreement() -> sp.Expr:
    """Return the largest difference of the two values of d where balls of two modes meet, S their distance.

    It is attained where a ball's edge cuts the other ball on the line of the modes; valid for 2 sqrt(2) h <= S.

    >>> disagreement()
    -sqrt(2)*S/(8*h) + 1
    """
    edge = separation - 2 * sp.sqrt(2) * bandwidth  # distance from one mode, at the edge of the other's ball
    return sp.expand(cone(edge) - cone(separation - edge))


def least_separation() -> sp.Expr:
    """Return the distance of modes from which on the cones do not disagree.

    >>> least_separation(), disagreement().subs(separation, 2 * sp.sqrt(2) * bandwidth)
    (4*sqrt(2)*h, 1/2)
    """
    (found,) = sp.solve(disagreement(), separation)
    return found


def ball_mass(dim: int, deviations: sp.Expr = radius) -> sp.Expr:
    """Return the mass of an isotropic Gaussian within so many standard deviations of its mean.

    >>> ball_mass(2), ball_mass(1, 2)
    (1 - exp(-r**2/2), erf(sqrt(2)))
    """
    half = sp.Rational(dim, 2)
    mass = sp.lowergamma(half, deviations**2 / sp.S(2)) / sp.gamma(half)
    return sp.simplify(sp.expand_func(mass))


def ball_mass_gap(dim: int) -> sp.Expr:
    """Return the derivative of `ball_mass` less the density of the distance, r^(n-1) exp(-r^2/2) times a constant: 0.

    >>> ball_mass_gap(3)
    0
    """
    half = sp.Rational(dim, 2)
    sphere = 2 * sp.pi**half / sp.gamma(half)  # surface of the unit sphere
    density = sphere * radius ** (dim - 1) * sp.exp(-(radius**2) / 2) / (2 * sp.pi) ** half
    return sp.simplify(sp.diff(ball_mass(dim), radius) - density)


def ball_mass_number(dim: int, deviations: float, digits: int = 30) -> Any:
    """Return `ball_mass` as an mpmath number, for any dimension.

    >>> [mpmath.nstr(ball_mass_number(dim, 2), 4) for dim in (1, 2, 3, 10)]
    ['0.9545', '0.8647', '0.7385', '0.05265']
    """
    with mpmath.workdps(digits):
        return mpmath.gammainc(mpmath.mpf(dim) / 2, 0, mpmath.mpf(deviations) ** 2 / 2, regularized=True)


def ball_radius(dim: int, mass: float, digits: int = 30) -> Any:
    """Return the radius, in standard deviations, of the ball that holds a share of an isotropic Gaussian.

    >>> [mpmath.nstr(ball_radius(dim, 0.95), 4) for dim in (1, 2, 3, 4096)]
    ['1.96', '2.448', '2.795', '65.16']
    """
    with mpmath.workdps(digits):
        middle = mpmath.sqrt(dim)
        low, high = mpmath.mpf("1e-9"), middle + 8
        wanted = mpmath.mpf(mass)
        for _ in range(int(3.4 * digits)):
            middle = (low + high) / 2
            low, high = (middle, high) if ball_mass_number(dim, middle, digits) < wanted else (low, middle)
        return middle


def threshold(of_scale: sp.Expr = scale, of_variance: sp.Expr = variance, divided_by: sp.Expr = 1) -> sp.Expr:
    """Return k_s sqrt(2)/(2 h) with h = sqrt(2 variance / entries).

    >>> threshold(), threshold(2, sp.Rational(1, 80))
    (k_s/(2*sqrt(v)), 4*sqrt(5))
    """
    h = sp.sqrt(2 * of_variance / divided_by)
    return sp.simplify(of_scale * sp.sqrt(2) / (2 * h))


def printed_thresholds(digits: int = 8) -> dict[str, sp.Float]:
    """Return the thresholds of app. F.2, by data set.

    >>> {name: str(value) for name, value in printed_thresholds(6).items()}
    {'mixture': '8.94427', 'mnist': '1877.25', 'fashion-mnist': '2679.40', 'cifar-10': '4391.68'}
    """
    return {name: sp.N(threshold(*numbers), digits) for name, numbers in PRINTED.items()}


def rescaled() -> dict[str, sp.Expr]:
    """Return, for data multiplied by c, new over old: of the slope, and of what each rule compares it with.

    The discriminator x -> d(x/c) is what training would reach.  "printed" takes k_s for the distance of modes.

    >>> rescaled()
    {'slope': 1/c, 'printed': 1, 'scale-invariant': 1/c}
    """
    at = sp.Symbol("x", real=True)
    d = sp.Function("d", positive=True)
    slope = sp.diff(sp.log(d(at / factor)), at).subs(at, factor * at).doit()
    old = sp.diff(sp.log(d(at)), at)
    limit = scale * sp.sqrt(2) / (2 * bandwidth)
    invariant = scale / bandwidth  # k_s a number that no unit changes
    return {
        "slope": sp.simplify(slope / old),
        "printed": sp.simplify(limit.subs({scale: factor * scale, bandwidth: factor * bandwidth}) / limit),
        "scale-invariant": sp.simplify(invariant.subs(bandwidth, factor * bandwidth) / invariant),
    }


def normalised_twice() -> sp.Expr:
    """Return the true bandwidth over that of a variance per entry divided by the number D of entries once more.

    >>> normalised_twice(), normalised_twice().subs(entries, 64 * 64)
    (sqrt(D), 64)
    """
    return sp.simplify(sp.sqrt(2 * variance) / sp.sqrt(2 * variance / entries))


def leaving_slope(modes_apart: sp.Expr = separation, away: sp.Expr = distance) -> sp.Expr:
    """Return the |grad d|/d from which on one step of Algorithm 1 takes a particle past the middle to the next mode.

    The particle, at rho from its mode, is moved by s |grad d|/(2 d) through its mode, in line with the next one.

    >>> leaving_slope()
    (S + 2*rho)/s
    """
    slope = sp.Symbol("q", positive=True)
    (found,) = sp.solve(step * slope / 2 - away - modes_apart / 2, slope)
    return sp.simplify(found)


def leaving_step() -> sp.Expr:
    """Return the step s at which the printed threshold, k_s = S, is `leaving_slope` at rho = sqrt(2) h.

    >>> leaving_step()
    sqrt(2)*h + 4*h**2/S
    """
    printed = threshold(separation, bandwidth**2 / 2)
    slope = leaving_slope(separation, sp.sqrt(2) * bandwidth)
    (found,) = sp.solve(slope - printed, step)
    return sp.expand(found)


def watershed(half: float, mode_variance: float, start: float, start_variance: float) -> Any:
    """Return where, between modes at -half and half, the field of p_data over a Gaussian at `start` changes its sign.

    Along the line of the modes, as along any parallel of it, grad log r is (half tanh(half x/v) - x)/v
    + (x - start)/w, v and w the variances of a mode and of the Gaussian.

    >>> mpmath.nstr(watershed(3, 0.1, 3, 3), 6)
    '0.0011236'
    """
    with mpmath.workdps(30):
        m, v, a, w = (mpmath.mpf(value) for value in (half, mode_variance, start, start_variance))
        return mpmath.findroot(
            lambda at: (m * mpmath.tanh(m * at / v) - at) / v + (at - a) / w, v * a / (w * m * m / v)
        )
