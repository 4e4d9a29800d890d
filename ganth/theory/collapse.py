"""Collapse states of an RBF kernel (KD, section 4 and appendix E), re-derived in SymPy.

Units: the kernel's width for lengths, the true mass p = 1.  `m` is one generated mass q over p, rho half the squared
distance of two points of a regular simplex; at its radius 1/m = n exp(r^2/2 - rho).
"""

from collections.abc import Sequence
from itertools import combinations

import sympy as sp

m, rho, r, reg_ratio = sp.symbols("m rho r l", positive=True)
n = sp.symbols("N", integer=True, positive=True)
a, b = sp.symbols("a b", positive=True)


def energy(points: Sequence[Sequence[sp.Expr]], masses: Sequence[sp.Expr]) -> sp.Expr:
    """Return J of KD (35) for p = 1, without its constant.

    >>> energy([[r]], [m])
    -m*exp(-r**2/2)
    """
    pull = sum(q * sp.exp(-sum(c**2 for c in x) / 2) for q, x in zip(masses, points, strict=True))
    push = sum(
        q * k * sp.exp(-sum((c - e) ** 2 for c, e in zip(x, y, strict=True)) / 2)
        for (q, x), (k, y) in combinations(list(zip(masses, points, strict=True)), 2)
    )
    return push - pull


def simplex_energy() -> sp.Expr:
    """Return J / q of the regular simplex of N points at radius r: N pulls and N (N - 1) / 2 pushes.

    >>> sp.simplify(simplex_energy().subs(n, 2) - 2 * (m * sp.exp(-2 * r**2) / 2 - sp.exp(-(r**2) / 2)))
    0
    """
    return -n * sp.exp(-(r**2) / 2) + m * n * (n - 1) / 2 * sp.exp(-(r**2) * n / (n - 1))


def simplex_radius2() -> sp.Expr:
    """Return r^2 of the simplex at rest: where the radial derivative of its energy vanishes.

    Every force is radial by symmetry, so this is a critical point of J itself.

    >>> sp.simplify(simplex_radius2() - 2 * (n - 1) / (n + 1) * sp.log(m * n))
    0
    """
    square = sp.symbols("r2", positive=True)
    slope = sp.diff(simplex_energy().subs(r, sp.sqrt(square)), square)
    (found,) = sp.solve(sp.Eq(slope, 0), square)
    return sp.simplify(sp.expand_log(found))


def simplex(size: int) -> sp.Matrix:
    """Return the unit vectors of a regular simplex as the rows of a (size, size - 1) matrix.

    >>> simplex(3) * simplex(3).T
    Matrix([
    [   1, -1/2, -1/2],
    [-1/2,    1, -1/2],
    [-1/2, -1/2,    1]])
    """
    rows = sp.zeros(size, size - 1)
    for axis in range(size - 1):
        rest = size - axis
        norm = sp.sqrt(sp.Rational(size, rest * (size - 1) * (rest - 1)))
        rows[axis, axis] = (rest - 1) * norm
        for later in range(axis + 1, size):
            rows[later, axis] = -norm
    return rows


def bump_hessian(offset: Sequence[sp.Expr]) -> sp.Matrix:
    """Return exp(|z|^2/2) times the Hessian of exp(-|z|^2/2) at z = `offset`, differentiated by SymPy.

    >>> bump_hessian([r])
    Matrix([[r**2 - 1]])
    """
    z = sp.symbols(f"z:{len(offset)}", real=True)
    square = sum(c**2 for c in z)
    hessian = (sp.hessian(sp.exp(-square / 2), z) * sp.exp(square / 2)).applyfunc(sp.simplify)
    return hessian.subs(dict(zip(z, offset, strict=True)), simultaneous=True)


def simplex_hessian(size: int, dim: int) -> sp.Matrix:
    """Return exp(rho) Hess J / q^2 at the simplex at rest: polynomials in rho.

    There exp(rho) K(x_j, x_k) = 1 and, by the radius, exp(rho) K(x_j, 0) / m = size.

    >>> simplex_hessian(2, 1)
    Matrix([
    [  rho + 1, 1 - 2*rho],
    [1 - 2*rho,   rho + 1]])
    """
    radius = sp.sqrt(rho * (size - 1) / size)
    at = simplex(size).row_join(sp.zeros(size, dim - size + 1)) * radius
    total = sp.zeros(size * dim)
    for j in range(size):
        rows = slice(j * dim, (j + 1) * dim)
        total[rows, rows] -= size * bump_hessian(at.row(j))
        for k in range(j):
            columns = slice(k * dim, (k + 1) * dim)
            block = bump_hessian(at.row(j) - at.row(k))
            total[rows, rows] += block
            total[columns, columns] += block
            total[rows, columns] -= block
            total[columns, rows] -= block
    return total.applyfunc(lambda entry: sp.expand(sp.expand(entry)))


def stiffnesses(size: sp.Expr = n) -> dict[str, sp.Expr]:
    """Return exp(rho) times the eigenvalues of Hess J / q^2 at the simplex, by symmetry class, size >= 3.

    >>> stiffnesses()["breathing"]
    rho*(N + 1)
    """
    soft, hard = sorted(translation_block(size).eigenvals(), key=lambda root: root.subs({n: 3, rho: 1}).evalf())
    return {
        "breathing": rho * (size + 1),
        "translation": soft,
        "stretching": hard,
        "shear": 2 * rho,
        "rotation": sp.Integer(0),
        "translation across": size,
        "rotation across": sp.Integer(0),
    }


def translation_block(size: sp.Expr = n) -> sp.Matrix:
    """Return exp(rho) Hess J / q^2 on the motions x_j -> v (first) and x_j -> x_j (x_j . v), size >= 3.

    Its determinant N rho (2 - rho) is the one that changes sign: the simplex is a minimum iff rho < 2.  For a pair the
    two motions are the same, with eigenvalue 2 - rho.

    >>> translation_block().det().factor()
    -N*rho*(rho - 2)
    """
    return sp.Matrix([[size, rho * (1 - rho)], [-size, rho]])


def largest_mass_ratio() -> sp.Expr:
    """Return m at rho = 2, where the simplex stops being a minimum.

    >>> sp.simplify(largest_mass_ratio() - sp.exp(1 + 1 / n) / n)
    0
    """
    spread = simplex_radius2() * n / (n - 1)
    (found,) = sp.solve(sp.Eq(spread, 2), m)
    return found


def curvature(across: bool) -> sp.Expr:
    """Return reg Q_jj sigma^2 / (mu q^2) at the simplex: what a point feels of the discriminator's Hessian.

    The diagonal blocks of Hess J are exp(-rho) (1 + rho) within the simplex's span and exp(-rho) across it, less the
    1 that the point's own kernel gives; always negative.

    >>> curvature(across=True)
    -1 + exp(-rho)
    """
    return (sp.Integer(1) if across else 1 + rho) * sp.exp(-rho) - 1


def threshold2(across: bool) -> sp.Expr:
    """Return l_c^2, where the damping l + curvature / l of a motion vanishes, l = reg sigma / (q sqrt(mu)).

    >>> threshold2(across=True)
    1 - exp(-rho)
    """
    square = sp.symbols("l2", positive=True)
    (found,) = sp.solve(sp.Eq(square + curvature(across), 0), square)
    return sp.expand(found)


def pair_masses() -> tuple[sp.Expr, sp.Expr]:
    """Return (q_1 / p, q_2 / p) of two points at rest at -a and +b on a line through the true point.

    Two distinct points of any masses at rest lie so: each force is along x_j and along x_1 - x_2.

    >>> [sp.simplify(q.subs(b, a)) for q in pair_masses()]
    [exp(3*a**2/2)/2, exp(3*a**2/2)/2]
    """
    first, second = sp.symbols("q_1 q_2", positive=True)
    x, y = sp.symbols("x y", real=True)
    total = energy([[x], [y]], [first, second])
    forces = [sp.diff(total, c).subs({x: -a, y: b}) for c in (x, y)]
    (q2,) = sp.solve(sp.expand(forces[0] / first), second)
    (q1,) = sp.solve(sp.expand(forces[1] / second), first)
    return sp.powsimp(sp.simplify(q1)), sp.powsimp(sp.simplify(q2))


def pair_condition() -> sp.Expr:
    """Return det Hess J along the line at `pair_masses`, without a positive factor: a minimum iff it is > 0.

    >>> pair_condition()
    -a**2 - a*b - b**2 + 3
    """
    first, second = pair_masses()
    x, y, q, k = sp.symbols("x y q k", real=True)
    hessian = sp.hessian(energy([[x], [y]], [q, k]), [x, y]).subs({x: -a, y: b})
    positive = (first * second * sp.exp(-((a + b) ** 2) / 2) * (a + b)) ** 2
    return sp.expand(sp.simplify(sp.expand(hessian.det().subs({q: first, k: second})) / positive))
