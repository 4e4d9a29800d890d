"""Monotone maps to Gaussian mixtures (TP, section 4.1 and appendix D.4-D.6), in SymPy and mpmath.

psi is the density and Psi the distribution function of the target, phi and Phi of N(0, 1); g = Psi^-1 o Phi.
"""

import mpmath as mp
import sympy as sp

x, y, mu, scale, width = sp.symbols("x y mu sigma h", positive=True)
_t = sp.Symbol("t", real=True)


def normal(at: sp.Expr, mean: sp.Expr = sp.S.Zero, deviation: sp.Expr = sp.S.One) -> sp.Expr:
    """Return the density of N(mean, deviation^2).

    >>> normal(sp.S.Zero)
    sqrt(2)/(2*sqrt(pi))
    """
    return sp.exp(-((at - mean) ** 2) / (2 * deviation**2)) / (sp.sqrt(2 * sp.pi) * deviation)


def pair(at: sp.Expr) -> sp.Expr:
    """Return the density of the equal mixture of N(-mu, 1) and N(mu, 1)."""
    return (normal(at, -mu) + normal(at, mu)) / 2


def slope_at_the_middle() -> sp.Expr:
    """Return g'(0) = phi(0)/psi(0) of the equal mixture; Phi(0) = Psi(0) = 1/2, so that g(0) = 0 (Theorem 4.2).

    >>> slope_at_the_middle()
    exp(mu**2/2)
    """
    half = sp.integrate(pair(_t), (_t, -sp.oo, 0))
    assert sp.simplify(half - sp.Rational(1, 2)) == 0
    return sp.simplify(normal(sp.S.Zero) / pair(sp.S.Zero))


def curvature_at_the_middle() -> sp.Expr:
    """Return (log g')''(0) of the equal mixture: negative for every mu > 0, so that 0 is a strict local maximum of g'.

    log g'(x) = log phi(x) - log psi(g(x)), with (log phi)'' = -1, (log psi)'(0) = 0 and (log psi)''(0) = mu^2 - 1:
    the second derivative is -1 - (mu^2 - 1) g'(0)^2.

    >>> curvature_at_the_middle()
    -(mu - 1)*(mu + 1)*exp(mu**2) - 1
    """
    z = sp.Symbol("z", real=True)
    log_density = sp.log(sp.simplify(pair(z)))
    first, second = (sp.simplify(sp.diff(log_density, z, order).subs(z, 0)) for order in (1, 2))
    assert first == 0
    return -1 - sp.factor(second) * slope_at_the_middle() ** 2


def curvature_is_negative() -> bool:
    """Return whether 1 + (m - 1) exp(m) > 0 for all m = mu^2 > 0: it is 0 at m = 0 and its derivative is m exp(m).

    >>> curvature_is_negative()
    True
    """
    m = sp.Symbol("m", positive=True)
    gap = 1 + (m - 1) * sp.exp(m)
    return bool(gap.subs(m, 0) == 0 and sp.simplify(sp.diff(gap, m) - m * sp.exp(m)) == 0)


def tail_slope(means: tuple[int, ...], weights: tuple[sp.Rational, ...], deviation: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return the limits of g' and of g(x) - deviation x as x -> oo, for components of one deviation.

    Bracketed: w Q((y - m)/s) <= 1 - Psi(y) <= Q((y - m)/s), m the largest mean and w its weight, so that y is between
    m + s Q^-1(Q(x)/w) and m + s x, and Q^-1(Q(x)/w) - x -> 0 as log(w)/x.

    >>> tail_slope((-1, 3), (sp.Rational(1, 4), sp.Rational(3, 4)), sp.Integer(2))
    (2, 3)
    """
    largest = max(means)
    weight = sum(w for m, w in zip(means, weights, strict=True) if m == largest)
    offset = sp.limit(sp.log(weight) / x, x, sp.oo)
    # The hazards of the tails: h(z) ~ z, and g' = h(x) deviation / h((g - m)/deviation).
    return sp.limit(x * deviation / (x + offset), x, sp.oo), largest + deviation * offset


def derivative(
    at: float, means: tuple[float, ...], deviation: float, weights: tuple[float, ...]
) -> tuple[mp.mpf, mp.mpf]:
    """Return g and g' at a point, by bisection in 60 digits.

    >>> value, slope = derivative(0.0, (-8.0, 8.0), 1.0, (0.5, 0.5))
    >>> bool(abs(slope / mp.exp(32) - 1) < mp.mpf(10) ** -20)
    True
    """
    with mp.workdps(60):
        point = mp.mpf(at)
        parts = [(mp.mpf(w), mp.mpf(m)) for w, m in zip(weights, means, strict=True)]
        wanted = mp.ncdf(point)
        low = min(means) + deviation * (point - 1)
        high = max(means) + deviation * (point + 1)
        for _ in range(200):
            middle = (low + high) / 2
            below = mp.fsum(w * mp.ncdf((middle - m) / deviation) for w, m in parts)
            low, high = (middle, high) if below < wanted else (low, middle)
        density = mp.fsum(w * mp.npdf((low - m) / deviation) / deviation for w, m in parts)
        return low, mp.npdf(point) / density


def image_of_a_square(mean: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Return the density of X^2 at x^2, X of N(mean, 1): right, by Lemma D.2's second display, and their difference.

    The display sums rho(x) |det J(x)|^-1 over the branches whose image holds y, at the one x.

    >>> right, printed, _ = image_of_a_square(sp.S.Zero)
    >>> sp.simplify(right - printed)
    0
    """
    right = (normal(x, mean) + normal(-x, mean)) / (2 * x)
    printed = 2 * normal(x, mean) / (2 * x)
    return right, printed, sp.simplify(right - printed)
