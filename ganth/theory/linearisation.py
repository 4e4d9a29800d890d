"""The linearised game (KD, appendices A and B), in SymPy: J, Q, R, psi and the step sizes they allow.

With mu = lr_gen / lr_disc, the update map at an equilibrium is I + lr_disc A,

    A = [[-reg I, -G P], [mu P G^T, -Q]],     det(s I - A) = (s + reg)^(p - N d) psi(s),
    psi(s) = det D(s),   D(s) = (s + reg)(s I + Q) + R,   R = mu P G^T G P,

and reg Q + R = mu Hess J at every configuration, so that D(s) = s^2 I + s (reg I + Q) + mu Hess J: an oscillator of
mass I, friction reg I + Q and stiffness mu Hess J.  The identity and its use are not in KD.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import mpmath
import sympy as sp

Number: TypeAlias = sp.Expr | int | float
Point: TypeAlias = Sequence[Number]
Kernel: TypeAlias = Callable[[Point, Point], sp.Expr]
Features: TypeAlias = Callable[[Point], Sequence[Number]]


def rbf(*widths: Number) -> Kernel:
    """Return exp(-sum_a (x_a - y_a)^2 / (2 w_a^2)); one width serves every coordinate.  KD, eq. (7).

    >>> rbf(2)((0,), (2,))
    exp(-1/2)
    """

    def kernel(x: Point, y: Point) -> sp.Expr:
        scales = widths if len(widths) > 1 else widths * len(x)
        exponent = sum((a - b) ** 2 / (2 * sp.sympify(w) ** 2) for a, b, w in zip(x, y, scales, strict=True))
        return sp.exp(-exponent)

    return kernel


def feature_kernel(features: Features) -> Kernel:
    """Return K(x, y) = a(x)^T a(y) of a map from a point to a sequence of features.  KD, eq. (6).

    >>> feature_kernel(lambda x: (1, x[0]))((2,), (3,))
    7
    """
    return lambda x, y: sp.Add(*(a * b for a, b in zip(features(x), features(y), strict=True)))


def curved(hill: sp.Matrix, slope: sp.Matrix) -> Kernel:
    """Return (1 - x^T B x / 2)(1 - y^T B y / 2) + x^T C y, a kernel with free curvatures at the origin.

    B = `hill` is -d2K/dx2 and C = `slope` is d2K/dxdy at x = y = 0: positive definite both, it obeys KD's Assumption 1.

    >>> curved(sp.Matrix([[2]]), sp.Matrix([[3]]))((1,), (1,))
    3
    """
    b, c = sp.Matrix(hill), sp.Matrix(slope)

    def kernel(x: Point, y: Point) -> sp.Expr:
        u, v = sp.Matrix(list(x)), sp.Matrix(list(y))
        return (1 - (u.T * b * u)[0] / 2) * (1 - (v.T * b * v)[0] / 2) + (u.T * c * v)[0]

    return kernel


@dataclass(frozen=True)
class Configuration:
    """True points x_i of mass p_i, generated points of mass q_j, and the kernel between them.

    One true point makes `mmd` the restricted J_i of KD (35), several make it J of (34).

    >>> pair = Configuration(rbf(1), ((0,),), (1,), ((0,),), (1,))
    >>> pair.mmd(), pair.hessian(), pair.friction(reg=1, mu=1)
    (0, Matrix([[1]]), Matrix([[0]]))
    """

    kernel: Kernel
    true_points: tuple[Point, ...]
    true_masses: tuple[Number, ...]
    points: tuple[Point, ...]
    masses: tuple[Number, ...]

    def mmd(self) -> sp.Expr:
        """Return J, half the squared kernel MMD of true and generated masses.  KD, eqs. (33)-(35)."""
        return _mmd(self, self.points)

    def gradient(self) -> sp.Matrix:
        """Return dJ/dX, (N d, 1), not divided by the masses."""
        moved, back = _symbols(self.points)
        return sp.Matrix([_mmd(self, moved)]).jacobian(sp.flatten(moved)).T.subs(back, simultaneous=True)

    def hessian(self) -> sp.Matrix:
        """Return d2J/dX2, (N d, N d)."""
        moved, back = _symbols(self.points)
        return sp.hessian(_mmd(self, moved), sp.flatten(moved)).subs(back, simultaneous=True)

    def discriminator(self, x: Point, reg: Number) -> sp.Expr:
        """Return f*(x), the discriminator trained to convergence against these points.  KD, eq. (37b)."""
        true = (p * self.kernel(x, y) for p, y in zip(self.true_masses, self.true_points, strict=True))
        generated = (q * self.kernel(x, y) for q, y in zip(self.masses, self.points, strict=True))
        return (sp.Add(*true) - sp.Add(*generated)) / reg

    def slopes(self, reg: Number) -> sp.Matrix:
        """Return the gradient of f* at each generated point, (N d, 1)."""
        return sp.Matrix([self._at(point, reg, 1) for point in self.points])

    def friction(self, reg: Number, mu: Number) -> sp.Matrix:
        """Return Q of KD (47): -mu q_j times the Hessian of f* at point j, block by block."""
        return sp.diag(*(-mu * q * self._at(point, reg, 2) for q, point in zip(self.masses, self.points, strict=True)))

    def coupling(self, mu: Number) -> sp.Matrix:
        """Return R of KD (47): mu q_j q_k d2K/dxdx' at points j and k."""
        dim = len(self.points[0])
        x, y = _coordinates("x", dim), _coordinates("y", dim)
        cross = sp.Matrix(dim, dim, lambda a, b: sp.diff(self.kernel(x, y), x[a], y[b]))
        return sp.Matrix(
            sp.BlockMatrix(
                [
                    [mu * q * r * cross.subs([*zip(x, u, strict=True), *zip(y, v, strict=True)], simultaneous=True)
                     for r, v in zip(self.masses, self.points, strict=True)]
                    for q, u in zip(self.masses, self.points, strict=True)
                ]
            )
        )  # fmt: skip

    def oscillator(self, s: sp.Expr, reg: Number, mu: Number) -> sp.Matrix:
        """Return D(s) = (s + reg)(s I + Q) + R.  KD, eq. (46)."""
        q, r = self.friction(reg, mu), self.coupling(mu)
        return (s + reg) * (s * sp.eye(q.rows) + q) + r

    def roots(self, reg: Number, mu: Number, digits: int = 30) -> list[mpmath.mpc]:
        """Return the 2 N d roots of psi(s) = det D(s), to about `digits` digits where they are simple."""
        s = sp.Symbol("s")
        q, r = (m.evalf(2 * digits) for m in (self.friction(reg, mu), self.coupling(mu)))
        psi = ((s + reg) * (s * sp.eye(q.rows) + q) + r).det(method="berkowitz")
        return polynomial_roots(sp.Poly(psi, s), digits)

    def _at(self, point: Point, reg: Number, order: int) -> sp.Matrix:
        x = _coordinates("x", len(point))
        f = self.discriminator(x, reg)
        derivative = sp.Matrix([f]).jacobian(x).T if order == 1 else sp.hessian(f, x)
        return derivative.subs([*zip(x, point, strict=True)], simultaneous=True)


def _coordinates(name: str, dim: int) -> list[sp.Symbol]:
    return [sp.Dummy(f"{name}{a}", real=True) for a in range(dim)]


def _symbols(points: Sequence[Point]) -> tuple[list[list[sp.Symbol]], list[tuple[sp.Symbol, sp.Expr]]]:
    moved = [_coordinates(f"x{j}_", len(point)) for j, point in enumerate(points)]
    return moved, [*zip(sp.flatten(moved), sp.flatten(points), strict=True)]


def _mmd(given: Configuration, points: Sequence[Point]) -> sp.Expr:
    signed = [*zip(given.true_masses, given.true_points, strict=True)]
    signed += [(-q, y) for q, y in zip(given.masses, points, strict=True)]
    return sp.Add(*(u * v * given.kernel(x, y) for u, x in signed for v, y in signed)) / 2


def update_matrix(
    features: Features,
    given: Configuration,
    reg: Number,
    mu: Number,
) -> sp.Matrix:
    """Return A of KD (49), by differentiating the update (12) in all of its variables.

    The variables are the p features' weights, then the N d coordinates; `given.kernel` is not used.  At f* this equals
    KD (53); rows and columns are in that order.

    >>> dirac = Configuration(None, ((0,),), (1,), ((0,),), (1,))
    >>> update_matrix(lambda x: (x[0],), dirac, reg=2, mu=3)
    Matrix([
    [-2, -1],
    [ 3,  0]])
    """
    moved, back = _symbols(given.points)
    weights = _coordinates("theta", len(features(given.points[0])))

    def embedding(masses: Sequence[Number], points: Sequence[Point]) -> sp.Matrix:
        zero = sp.zeros(len(weights), 1)
        return sum((m * sp.Matrix(list(features(x))) for m, x in zip(masses, points, strict=True)), zero)

    pull = embedding(given.true_masses, given.true_points)
    ascent = pull - embedding(given.masses, moved) - reg * sp.Matrix(weights)
    climb = [
        mu * q * sp.diff(sp.Add(*(w * a for w, a in zip(weights, features(x), strict=True))), coordinate)
        for q, x in zip(given.masses, moved, strict=True)
        for coordinate in x
    ]
    jacobian = sp.Matrix([*ascent, *climb]).jacobian([*weights, *sp.flatten(moved)])
    rest = (pull - embedding(given.masses, given.points)) / reg  # theta* of (37a)
    return jacobian.subs([*back, *zip(weights, rest, strict=True)], simultaneous=True)


def discriminator_loss(given: Configuration, reg: Number) -> sp.Expr:
    """Return the discriminator's objective (3) at its optimum: J / reg.  This is what KD (31) gives.

    It is written out from (3): the pairing of f* with both measures, less reg/2 times its squared kernel norm.
    """
    pairing = _pairing(given, reg, given.true_masses, given.true_points) - _pairing(
        given, reg, given.masses, given.points
    )
    return pairing - reg * (pairing / reg) / 2  # |theta*|^2 = pairing / reg


def generator_loss(given: Configuration, reg: Number) -> sp.Expr:
    """Return the generator's loss (8) at f*: (J + (|P_g|^2 - |P_r|^2)/2) / reg, so not KD (31).

    >>> heavy = Configuration(rbf(1), ((0,),), (1,), ((0,),), (2,))
    >>> generator_loss(heavy, 1), heavy.mmd()
    (2, 1/2)
    """
    return -_pairing(given, reg, given.masses, given.points)


def _pairing(given: Configuration, reg: Number, masses: Sequence, points: Sequence[Point]) -> sp.Expr:
    return sp.Add(*(m * given.discriminator(x, reg) for m, x in zip(masses, points, strict=True)))


def polynomial_roots(polynomial: sp.Poly, digits: int = 30) -> list[mpmath.mpc]:
    """Return all roots of a polynomial with numerical coefficients, by mpmath at twice the digits asked for.

    >>> s = sp.Symbol("s")
    >>> [int(r.real) for r in polynomial_roots(sp.Poly(s**2 - 3 * s + 2, s))]
    [1, 2]
    """
    with mpmath.workdps(2 * digits):
        coefficients = [mpmath.mpmathify(sp.N(c, 2 * digits)) for c in polynomial.all_coeffs()]
        return [mpmath.mpc(r) for r in mpmath.polyroots(coefficients, maxsteps=400, extraprec=8 * digits)]


def hurwitz_minors(polynomial: sp.Poly) -> list[sp.Expr]:
    """Return the leading principal minors of the Hurwitz matrix: all > 0 iff every root has Re s < 0 (leading one > 0).

    >>> s, c, k = sp.symbols("s c k")
    >>> hurwitz_minors(sp.Poly(s**2 + c * s + k, s))
    [c, c*k]
    """
    a, n = polynomial.all_coeffs(), polynomial.degree()
    matrix = sp.Matrix(n, n, lambda i, j: a[2 * j - i + 1] if 0 <= 2 * j - i + 1 <= n else 0)
    return [sp.factor(matrix[:m, :m].det()) for m in range(1, n + 1)]


def jury(friction: sp.Expr, stiffness: sp.Expr, lr_disc: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Return three expressions, all > 0 iff both rho = 1 + lr_disc s with s^2 + c s + k = 0 lie in the unit circle.

    They are P(1), P(-1) and 1 - P(0) of the monic quadratic P(rho).

    >>> jury(*sp.symbols("c k eta"))
    (eta**2*k, -2*c*eta + eta**2*k + 4, c*eta - eta**2*k)
    """
    rho = sp.Dummy("rho")
    s = (rho - 1) / lr_disc
    p = sp.Poly(sp.expand(lr_disc**2 * (s**2 + friction * s + stiffness)), rho)
    return sp.expand(p.eval(1)), sp.expand(p.eval(-1)), sp.expand(1 - p.eval(0))


def modulus_squared(alpha: sp.Expr, beta: sp.Expr, lr_disc: sp.Expr) -> sp.Expr:
    """Return |1 + lr_disc (alpha + i beta)|^2 = 1 + 2 alpha lr_disc + lr_disc^2 (alpha^2 + beta^2).

    The first form of KD (61) has lr_disc beta^2 where lr_disc^2 beta^2 is meant.
    """
    return sp.expand((1 + lr_disc * alpha) ** 2 + (lr_disc * beta) ** 2)


def modulus_squared_printed(alpha: sp.Expr, beta: sp.Expr, lr_disc: sp.Expr) -> sp.Expr:
    """Return the first form of KD (61) as printed."""
    return sp.expand((1 + lr_disc * alpha) ** 2 + lr_disc * beta**2)


def step_bound(alpha: sp.Expr, beta: sp.Expr) -> sp.Expr:
    """Return the supremum of steps with |1 + lr_disc s| < 1, s = alpha + i beta and alpha < 0: -2 alpha / |s|^2.

    KD (62) has half of it.  The bound of a game is the least one over the roots of psi and s = -reg; (62) forgets the
    latter.
    """
    return -2 * alpha / (alpha**2 + beta**2)


def single_step_bound(friction: sp.Expr, stiffness: sp.Expr, reg: sp.Expr) -> sp.Expr:
    """Return the supremum of lr_disc for s^2 + c s + k = 0 (c, k > 0) and s = -reg, in closed form.

    Underdamped (c^2 < 4 k) it is c / k, else 4 / (c + sqrt(c^2 - 4 k)); never above 2 / reg.

    >>> single_step_bound(1, 1, 1), single_step_bound(5, 4, 1)
    (1, 1/2)
    """
    c, k = sp.sympify(friction), sp.sympify(stiffness)
    pair = sp.Piecewise((c / k, c**2 < 4 * k), (4 / (c + sp.sqrt(c**2 - 4 * k)), True))
    return sp.Min(pair, 2 / sp.sympify(reg))


def linear_orbit_is_never_isolated() -> sp.Expr:
    """Return A (c z) - c A z for a general 2 x 2 A: zero, so orbits of a linear map come in families z -> c z.

    A limit cycle is isolated; hence no linear map has one, whatever KD says of critically stable ones.

    >>> linear_orbit_is_never_isolated()
    Matrix([
    [0],
    [0]])
    """
    a = sp.Matrix(2, 2, sp.symbols("a:4"))
    z, c = sp.Matrix(sp.symbols("z:2")), sp.Symbol("c")
    return (a * (c * z) - c * (a * z)).applyfunc(sp.expand)


def jordan_power(k: sp.Expr) -> sp.Matrix:
    """Return the k-th power of [[1, 1], [0, 1]]: its eigenvalues have modulus 1, its orbits grow like k.

    KD's Lemma 1(b) calls it stable; unit-modulus eigenvalues must be semisimple as well.

    >>> jordan_power(sp.Symbol("k", integer=True, positive=True))
    Matrix([
    [1, k],
    [0, 1]])
    """
    return (sp.Matrix([[1, 1], [0, 1]]) ** k).applyfunc(sp.simplify)
