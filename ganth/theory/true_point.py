"""Generated points at the true point (KD, section 3, appendices C and D), in SymPy: modes, criteria, counterexamples.

B = -d2K/dx2 ("hill") has its eigenvalues in [k1, k2], C = d2K/dxdx' ("slope") in [k3, k4]; an RBF has
B = C = I/width^2.  With p the true mass, q a generated one and excess = p - sum q, one point has the pencil

    D(s) = s^2 I + s (reg I + mu q excess B / reg) + mu q (excess B + q C).
"""

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from .linearisation import Configuration, Kernel, Number, Point, curved, rbf


def single_mode(
    true_mass: Number, mass: Number, reg: Number, mu: Number, hill: Number, slope: Number
) -> tuple[sp.Expr, sp.Expr]:
    """Return friction c and stiffness k of one point along an axis with curvatures B = hill and C = slope.

    The roots obey s^2 + c s + k = 0.  For an RBF hill = slope = 1/width^2 and k = mu q p / width^2.

    >>> single_mode(2, 1, reg=1, mu=1, hill=1, slope=1)
    (2, 2)
    """
    excess = sp.sympify(true_mass) - mass
    return reg + mu * mass * excess * hill / reg, mu * mass * (excess * hill + mass * slope)


def mean_mode(
    true_mass: Number, mass: Number, count: int, reg: Number, mu: Number, width: Number
) -> tuple[sp.Expr, sp.Expr]:
    """Return friction and stiffness of the mean of `count` points of equal mass q, RBF: stiffness mu q p / width^2.

    >>> mean_mode(1, 1, 2, reg=2, mu=1, width=1)
    (3/2, 1)
    """
    inverse = 1 / sp.sympify(width) ** 2
    excess = sp.sympify(true_mass) - count * sp.sympify(mass)
    return reg + mu * mass * excess * inverse / reg, mu * mass * true_mass * inverse


def difference_root(true_mass: Number, mass: Number, count: int, reg: Number, mu: Number, width: Number) -> sp.Expr:
    """Return the root s = mu q (N q - p) / (reg width^2) of the differences of N equal points, RBF.

    It is real, and its multiplicity is (N - 1) d; the discriminator does not feel a difference (R v = 0), whose other
    root is -reg.

    >>> difference_root(1, 1, 2, reg=2, mu=1, width=1)
    1/2
    """
    return mu * mass * (count * sp.sympify(mass) - true_mass) / (reg * sp.sympify(width) ** 2)


def critical_reg_squared(true_mass: Number, mass: Number, count: int, mu: Number, width: Number) -> sp.Expr:
    """Return mu q (N q - p) / width^2: the mean of N equal points is stable iff reg^2 is above it (RBF, p > 0).

    With N = 1 this decides the equilibrium, for small lr_disc.

    >>> critical_reg_squared(sp.Rational(1, 2), 1, 1, mu=1, width=1)
    1/2
    """
    return mu * mass * (count * sp.sympify(mass) - true_mass) / sp.sympify(width) ** 2


def secular(
    s: sp.Expr, true_mass: Number, masses: tuple[Number, ...], reg: Number, mu: Number, width: Number
) -> sp.Expr:
    """Return 1 + (mu/width^2) sum_j q_j^2 / ((s + reg)(s - a q_j)), a = -mu excess / (reg width^2), RBF.

    Its zeros are the roots of psi where the masses differ (each one d times).  For excess < 0 it falls from +inf to
    -inf between neighbouring poles a q_j: N - 1 positive roots, one in each gap.
    """
    inverse = 1 / sp.sympify(width) ** 2
    rate = -mu * (sp.sympify(true_mass) - sp.Add(*masses)) * inverse / reg
    return 1 + mu * inverse * sp.Add(*(sp.sympify(q) ** 2 / ((s + reg) * (s - rate * q)) for q in masses))


def criterion(true_mass: Number, mass: Number, reg: Number, mu: Number, hill: Number, slope: Number) -> sp.Expr:
    """Return mu excess hill q + min(reg^2, mu q^2 slope), the form of KD's (19), (20), (85) and (88).

    Which constants go in is the question: `PRINTED` and `CORRECTED` answer it.

    >>> criterion(sp.Rational(1, 2), 1, reg=1, mu=1, hill=1, slope=1)
    1/2
    """
    q = sp.sympify(mass)
    return mu * (true_mass - q) * hill * q + sp.Min(sp.sympify(reg) ** 2, mu * q**2 * slope)


# The constants (of B, of C) in each criterion, counted from 1, and what its sign is to decide.
PRINTED = {
    "19": (1, 3, "stable if > 0"),
    "20": (2, 4, "unstable if < 0"),
    "85": (2, 4, "stable if > 0"),
    "88": (1, 3, "unstable if < 0"),
}
CORRECTED = {"stable": (2, 3, "stable if > 0"), "unstable": (1, 4, "unstable if < 0")}


@dataclass(frozen=True)
class OnePoint:
    """One generated point at the true point, under a kernel of curvatures B = `hill` and C = `slope`."""

    hill: sp.ImmutableMatrix
    slope: sp.ImmutableMatrix
    true_mass: Number
    mass: Number
    reg: Number
    mu: Number
    kernel: Kernel

    def constants(self) -> tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr]:
        """Return (k1, k2, k3, k4), the extreme eigenvalues of B and C: the sharpest that Assumption 1 allows."""
        b, c = (sorted(m.eigenvals(multiple=True), key=lambda v: float(v.evalf())) for m in (self.hill, self.slope))
        return b[0], b[-1], c[0], c[-1]

    def value(self, which: tuple[int, int, str]) -> sp.Expr:
        """Return a criterion of `PRINTED` or `CORRECTED` with these constants."""
        k = self.constants()
        return criterion(self.true_mass, self.mass, self.reg, self.mu, k[which[0] - 1], k[which[1] - 1])

    def configuration(self) -> Configuration:
        """Return the point as a `Configuration` in the plane (or on the line)."""
        origin = (0,) * self.hill.rows
        return Configuration(self.kernel, (origin,), (self.true_mass,), (origin,), (self.mass,))

    def psi(self, s: sp.Symbol) -> sp.Poly:
        """Return psi(s), from the derivatives of the kernel itself."""
        return sp.Poly(sp.expand(self.configuration().oscillator(s, self.reg, self.mu).det()), s)


def _one_point(hill: list, slope: list, reg: Number, kernel: Callable[..., Kernel] = curved) -> OnePoint:
    b, c = sp.ImmutableMatrix(hill), sp.ImmutableMatrix(slope)
    return OnePoint(b, c, sp.Rational(1, 2), sp.Integer(1), sp.sympify(reg), sp.Integer(1), kernel(b, c))


# (19) holds, yet the steep axis is anti-damped: c = reg - 4 / (2 reg) = -1.  An anisotropic RBF, widths 1 and 1/2.
AGAINST_19 = _one_point([[1, 0], [0, 4]], [[1, 0], [0, 4]], 1, lambda b, c: rbf(1, sp.Rational(1, 2)))
# (20) holds, yet the springs couple the anti-damped axis to the damped one: all Re s < 0.  B and C must not commute.
AGAINST_20 = _one_point(
    [[sp.Rational(1, 5), 0], [0, sp.Rational(11, 5)]], [[sp.Rational(21, 10), 1], [1, sp.Rational(31, 10)]], 1
)
# (85) holds, yet J curves down along the axis of small C: a positive real root.
AGAINST_85 = _one_point([[1, 0], [0, 1]], [[sp.Rational(1, 4), 0], [0, 4]], 1)
# An RBF: (88) with k3 = 1/100, a bound that Assumption 1 allows but C does not attain, would call it unstable.
AGAINST_LOOSE_88 = _one_point([[1]], [[1]], 1, lambda b, c: rbf(1))


def quadratic_root_printed(reg: Number, q1: Number, r1: Number) -> sp.Basic:
    """Return KD (87) as printed: "a^2 + (reg - q1) a + r2 - q1 reg has a positive root" iff this."""
    return sp.Or(sp.sympify(reg) - q1 > 0, sp.sympify(r1) - q1 * reg > 0)


def quadratic_root(reg: Number, q1: Number, r2: Number) -> sp.Basic:
    """Return when the quadratic of KD (86), a^2 + (reg - q1) a + r2 - q1 reg, has a positive root.

    >>> quadratic_root(2, 1, 4), quadratic_root_printed(2, 1, 4)
    (False, True)
    """
    reg, q1, r2 = map(sp.sympify, (reg, q1, r2))
    slope, end = reg - q1, r2 - q1 * reg
    return sp.Or(end < 0, sp.And(slope < 0, slope**2 >= 4 * end))


def slow_rate(true_mass: Number, mass: Number, reg: Number, mu: Number, fourth: Number) -> sp.Expr:
    """Return d(e^-2)/dt on the slow manifold x = +-e of two points, excess 0, K(r) = 1 - m2 r^2/2 + m4 r^4/24 + ...

    The roots are s = 0 and linearisation is silent; J = m4 q^2 e^4 / 2 + O(e^6) and q_j f*'(x_j) = -dJ/dx_j / reg give
    de/dt = -mu m4 q^2 e^3 / reg, so that e falls like t^(-1/2).  An RBF of width 1 has m4 = 3.

    >>> slow_rate(1, sp.Rational(1, 2), reg=1, mu=1, fourth=3)
    3/2
    """
    e, second = sp.symbols("e m2", positive=True)

    def kernel(x: Point, y: Point) -> sp.Expr:
        r = x[0] - y[0]
        return 1 - second * r**2 / 2 + sp.sympify(fourth) * r**4 / 24

    pair = Configuration(kernel, ((0,),), (true_mass,), ((e,), (-e,)), (mass, mass))
    # time = lr_disc * steps: de/dt = mu q f*'(e)
    climb = sp.series(sp.expand(mu * mass * pair.slopes(reg)[0]), e, 0, 4).removeO()
    return sp.simplify(-2 * climb / e**3)


def dirac_update(order: str, mass: Number, slope: Number, reg: Number, lr_disc: Number, lr_gen: Number) -> sp.Matrix:
    """Return the update of (discriminator slope, point) of one point at a true point of its own mass, linearised.

    `slope` is C; with excess 0 the curvature B drops out, so that KD's RBF and the Dirac-GAN's x x' agree.

    >>> dirac_update("simultaneous", 1, 1, 0, *sp.symbols("a b"))
    Matrix([
    [1, -a],
    [b,  1]])
    """
    g = sp.sympify(mass) * sp.sqrt(slope)
    disc = sp.Matrix([[1 - lr_disc * reg, -lr_disc * g]])
    seen = disc if order == "alternating" else sp.Matrix([[1, 0]])
    return sp.Matrix.vstack(disc, sp.Matrix([[0, 1]]) + lr_gen * g * seen)


def dirac_invariant(
    order: str, weight: Number, point: Number, mass: Number, slope: Number, lr_disc: Number, lr_gen: Number
) -> sp.Expr:
    """Return what the reg = 0 game conserves: mu theta^2 + x^2, less lr_gen g theta x for alternating updates.

    "ode" and "alternating" conserve their form exactly; simultaneous updates multiply it by 1 + lr_disc lr_gen g^2.
    """
    g = sp.sympify(mass) * sp.sqrt(slope)
    rest = lr_gen * g * weight * point if order == "alternating" else 0
    return lr_gen / lr_disc * weight**2 + point**2 - rest
