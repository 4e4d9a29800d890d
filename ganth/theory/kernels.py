"""The kernels in SymPy: radial functions of r2 = |x - y|^2, and the ReLU tangent kernel from its Gaussian integrals."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import mpmath as mp
import sympy as sp

r2 = sp.Symbol("r2", nonnegative=True)
width, mixing = sp.symbols("width mixing", positive=True)
angle = sp.Symbol("angle", positive=True)

RBF = sp.exp(-r2 / (2 * width**2))
LAPLACE = sp.exp(-sp.sqrt(r2) / width)
RATIONAL_QUADRATIC = (1 + r2 / (2 * mixing * width**2)) ** (-mixing)

Point: TypeAlias = Sequence[sp.Expr]
Pair: TypeAlias = Callable[[Point, Point], sp.Expr]
Outer: TypeAlias = Callable[[Any], tuple[Any, Any, Any]]


def arc_cosine(order: int) -> sp.Expr:
    """Return kappa_order = 2 E[relu^(1-order)'(u) relu^(1-order)'(v)], u and v standard normal at this angle.

    In polar coordinates u = r cos(a), v = r cos(a - angle), both positive for a in (angle - pi/2, pi/2).  Order 0 is
    the integral of 1, order 1 that of u v.

    >>> sp.expand(arc_cosine(0))
    -angle/pi + 1
    """
    r, a = sp.symbols("r a", positive=True)
    radial = sp.integrate(r ** (1 + 2 * order) * sp.exp(-(r**2) / 2), (r, 0, sp.oo)) / (2 * sp.pi)
    arc = sp.integrate(sp.expand_trig(sp.cos(a) * sp.cos(a - angle)) ** order, (a, angle - sp.pi / 2, sp.pi / 2))
    return sp.factor(sp.simplify(2 * radial * arc))


def relu_ntk(depth: int) -> sp.Expr:
    """Return K(x, y) / (|x| |y|) of a network with `depth` hidden layers, as a function of the angle.

    >>> relu_ntk(1).subs(angle, 0)
    2
    """
    kappa_0, kappa_1 = arc_cosine(0), arc_cosine(1)
    tangent = cosine = sp.cos(angle)
    t: sp.Expr = angle
    for _ in range(depth):
        cosine = kappa_1.subs(angle, t)
        tangent = tangent * kappa_0.subs(angle, t) + cosine
        t = sp.acos(cosine)
    return tangent


def outer(formula: sp.Expr, variable: sp.Symbol) -> Outer:
    """Return a function of an mpmath number: the formula there and its first two derivatives.

    >>> [int(v) for v in outer(angle**3, angle)(mp.mpf(2))]
    [8, 12, 12]
    """
    both = [sp.diff(formula, variable, order) for order in (0, 1, 2)]
    return sp.lambdify(variable, tuple(both), "mpmath", cse=True)


def squared_distance(x: Point, y: Point) -> sp.Expr:
    """Return |x - y|^2."""
    return sp.Add(*((a - b) ** 2 for a, b in zip(x, y, strict=True)))


def norms(x: Point, y: Point) -> sp.Expr:
    """Return |x| |y|."""
    return sp.sqrt(sp.Add(*(a * a for a in x))) * sp.sqrt(sp.Add(*(b * b for b in y)))


def angle_between(x: Point, y: Point) -> sp.Expr:
    """Return the angle of x and y."""
    return sp.acos(sp.Add(*(a * b for a, b in zip(x, y, strict=True))) / norms(x, y))


def lifted(pair: Pair) -> Pair:
    """Return the function of a pair of points after a coordinate 1 is appended to each."""
    return lambda x, y: pair([*x, sp.Integer(1)], [*y, sp.Integer(1)])


def derivatives(factor: Pair, inner: Pair, outside: Outer, dim: int, digits: int = 60) -> Callable[..., Any]:
    """Return a function of two points: K, dK/dx_a, d2K/dx_a dx_b and d2K/dx_a dy_b of K = factor * F(inner).

    F comes as `outer` gives it; matrices are nested lists; inputs are the floats as they are, `digits` the precision.

    >>> rbf = outer(RBF.subs(width, 2), r2)
    >>> at = derivatives(lambda x, y: sp.Integer(1), squared_distance, rbf, dim=1)
    >>> [float(v[0][0]) for v in at([1.0], [1.0])[2:]]
    [-0.25, 0.25]
    """
    x, y = sp.symbols(f"x:{dim}", real=True), sp.symbols(f"y:{dim}", real=True)

    def jet(f: sp.Expr) -> list[Any]:
        return [f, [sp.diff(f, b) for b in x + y], [[sp.diff(f, a, b) for b in x + y] for a in x]]

    evaluate = sp.lambdify([x, y], (jet(factor(x, y)), jet(inner(x, y))), "mpmath", cse=True)

    def at(first: Sequence[float], second: Sequence[float]) -> Any:
        with mp.workdps(digits):
            points = [[mp.mpf(float(v)) for v in point] for point in (first, second)]
            (n, n_d, n_d2), (t, t_d, t_d2) = evaluate(*points)
            f, f_d, f_d2 = outside(t)
            gradient = [n_d[a] * f + n * f_d * t_d[a] for a in range(dim)]
            both = [
                [
                    n_d2[a][b] * f
                    + (n_d[a] * t_d[b] + n_d[b] * t_d[a]) * f_d
                    + n * (f_d2 * t_d[a] * t_d[b] + f_d * t_d2[a][b])
                    for b in range(2 * dim)
                ]
                for a in range(dim)
            ]
            return n * f, gradient, [row[:dim] for row in both], [row[dim:] for row in both]

    return at
