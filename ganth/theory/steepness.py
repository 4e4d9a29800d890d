"""Bounds of steepness and its growth (TP, Theorems 4.3 and 4.4, Proposition C.2), in SymPy."""

import sympy as sp

k, target, step, z = sp.symbols("k k_star s z", positive=True)
n = sp.Symbol("n", positive=True, integer=True)
bandwidth, half_distance = sp.symbols("h a", positive=True)
_x = sp.Symbol("x", positive=True)
_f = sp.Function("f", positive=True)


def log_density(at: sp.Expr, deviation: sp.Expr, dim: sp.Expr = n) -> sp.Expr:
    """Return the log density of N(0, deviation^2 I) at distance `at`: (log phi(at/deviation)) - dim log(deviation)."""
    return -(at**2) / (2 * deviation**2) - dim * sp.log(deviation) - dim * sp.log(2 * sp.pi) / 2


def ratio() -> sp.Expr:
    """Return r at the particle k z: (k/k_star)^n phi(k z/k_star)/phi(z).

    >>> sp.simplify(ratio().subs({k: target}))
    1
    """
    return sp.exp(sp.expand_log(log_density(k * z, target) - log_density(k * z, k), force=True))


def particle_step(suboptimal: bool = False) -> sp.Expr:
    """Return k after one step of the particle k z along grad d/d, d = r/(r + f(r)); f = 1 unless `suboptimal`.

    The field is taken from the densities: grad log d, by differentiation.

    >>> sp.simplify(particle_step() - corrected())
    0
    """
    log_r = log_density(_x, target) - log_density(_x, k)
    r = sp.exp(log_r)
    deviation = _f(r) if suboptimal else sp.S.One
    field = sp.diff(log_r - sp.log(r + deviation), _x).doit()
    return sp.simplify((k * z + step * field.subs(_x, k * z).doit()) / z)


def weight(r: sp.Expr, f: sp.Expr | None = None) -> sp.Expr:
    """Return (f - r f')/(r + f), f an expression in r; 1/(1 + r) for None."""
    if f is None:
        return 1 / (1 + r)
    return (f - r * sp.diff(f, r)) / (r + f)


def corrected(dim: sp.Expr = n) -> sp.Expr:
    """Return k + s k (1/k^2 - 1/k_star^2)/(1 + (k/k_star)^n phi(k z/k_star)/phi(z))."""
    r = (k / target) ** dim * sp.exp(z**2 * (1 - k**2 / target**2) / 2)
    return k + step * k * (1 / k**2 - 1 / target**2) * weight(r)


def printed() -> sp.Expr:
    """Return the step of Theorem 4.4: without the factor k, and with k/k_star for its n-th power."""
    r = (k / target) * sp.exp(z**2 * (1 - k**2 / target**2) / 2)
    return k + step * (1 / k**2 - 1 / target**2) * weight(r)


def growth(law: str) -> tuple[sp.Expr, sp.Expr]:
    """Return k(t) of the recurrence in continuous time, for k << k_star and k(0) = 1, and the power of t it grows with.

    >>> growth("corrected")[1], growth("printed")[1]
    (1/2, 1/3)
    """
    t = sp.Symbol("t", positive=True)
    power = 2 if law == "corrected" else 3
    solution = (power * step * t + 1) ** sp.Rational(1, power)
    rate = 1 / solution if law == "corrected" else 1 / solution**2
    assert sp.simplify(sp.diff(solution, t) - step * rate) == 0
    return solution, sp.limit(t * sp.diff(sp.log(solution), t), t, sp.oo)


def hadamard_gap(size: int) -> sp.Expr:
    """Return n^n S^(2n) - det(J)^2 at the matrix with columns of equal entries S orthogonal signs: 0 for n = 1, 2, 4.

    >>> hadamard_gap(1), hadamard_gap(2), hadamard_gap(4)
    (0, 0, 0)
    """
    bound = sp.Symbol("S", positive=True)
    signs = sp.Matrix([[1]])
    while signs.rows < size:
        signs = sp.Matrix(sp.BlockMatrix([[signs, signs], [signs, -signs]]))
    return sp.simplify(size**size * bound ** (2 * size) - (bound * signs).det() ** 2)


def repaired_from_pointwise(dim: int) -> sp.Expr:
    """Return the pointwise bound's value over the repaired printed one at a point g(x) = mean, |x| = r the ball's edge.

    With all modes at the distance D of the mean: rho(x) = phi(r)^n and q(mean) = exp(-D^2/h^2)/(pi^(n/2) h^n).
    The ratio is 1: the printed proof is the pointwise bound at a point that g need not reach.

    >>> repaired_from_pointwise(1)
    1
    """
    far, radius = sp.symbols("D r", positive=True)
    delta = sp.exp(-(radius**2) / 2) / sp.sqrt(2 * sp.pi)
    density = sp.exp(-(far**2) / bandwidth**2) / (sp.pi ** sp.Rational(dim, 2) * bandwidth**dim)
    pointwise = (delta**dim / density) ** sp.Rational(1, dim) / sp.sqrt(dim)
    repaired = delta * bandwidth * sp.sqrt(sp.pi / dim) * sp.exp(far**2 / (dim * bandwidth**2))
    return sp.simplify(sp.powsimp(sp.expand_power_base(pointwise / repaired, force=True), force=True))


def isoperimetric_pair() -> sp.Expr:
    """Return sqrt(n) times the isoperimetric bound at t = 0 of two modes +-a e_1, variance h^2/2: phi(0)/psi(0).

    >>> isoperimetric_pair()
    sqrt(2)*h*exp(a**2/h**2)/2
    """
    density = sp.exp(-(half_distance**2) / bandwidth**2) / (sp.sqrt(sp.pi) * bandwidth)
    return sp.simplify(1 / sp.sqrt(2 * sp.pi) / density)


def lipschitz_gap(size: int) -> sp.Expr:
    """Return n |e|_1^2 S^2 - |J^T e|^2 where all entries of J are S and e >= 0: 0, the worst case of <e, g>.

    >>> lipschitz_gap(3)
    0
    """
    bound = sp.Symbol("S", positive=True)
    e = sp.Matrix(sp.symbols(f"e1:{size + 1}", positive=True))
    slope = (bound * sp.ones(size)).T * e
    return sp.expand(size * sum(e) ** 2 * bound**2 - slope.dot(slope))


def refining_threshold() -> sp.Expr:
    """Return the k above which k z < 8 for all z <= 4/(k - 1).

    >>> refining_threshold()
    2
    """
    slope = sp.Symbol("slope", positive=True)
    return sp.solve(sp.Eq(slope * 4 / (slope - 1), 8), slope)[0]
