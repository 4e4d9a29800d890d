"""The Dirac-GAN re-derived in SymPy (ED, app. E): regulariser, eigenvalues, closed form, zeros, steps, critical beta.

D(x) = phi x, the generator at theta, true mass at 0: theta' = lr_gen dD/dtheta, phi' = -lr_disc n d(D + penalty)/dphi.
"""

import mpmath as mp
import sympy as sp

beta, t, lr_disc, lr_gen = sp.symbols("beta t alpha_D alpha_G", positive=True)
n_disc = sp.symbols("n", positive=True, integer=True)
theta, phi = sp.symbols("theta phi", real=True)
_inverse = sp.symbols("u", positive=True)  # 1 / T
FORMS = {"half": sp.Rational(1, 2), "full": sp.Integer(1)}  # the factor of (27), of (28)


def penalty(form: str = "half") -> sp.Expr:
    """Return the gradient regulariser |grad_theta D(theta)|^2 times beta and the factor of (27) or (28).

    >>> penalty("half")
    beta*phi**2/2
    """
    return FORMS[form] * beta * sp.diff(phi * theta, theta) ** 2


def dynamics(form: str = "half") -> sp.Matrix:
    """Return the matrix of (E1), (E2): (theta, phi)' = matrix (theta, phi), from the losses.

    >>> dynamics()
    Matrix([
    [ 0,     1],
    [-1, -beta]])
    """
    value = phi * theta
    forces = sp.Matrix([sp.diff(value, theta), -sp.diff(value + penalty(form), phi)])
    return forces.jacobian([theta, phi])


def eigenvalues(form: str = "half") -> list[sp.Expr]:
    """Return the eigenvalues of `dynamics`: their sum is its trace, so that their real parts are not positive."""
    return list(dynamics(form).eigenvals())


def printed_eigenvalues() -> list[sp.Expr]:
    """Return those that the source prints, (beta +- sqrt(beta^2 - 4)) / 2: the negatives."""
    root = sp.sqrt(beta**2 - 4)
    return [(beta - root) / 2, (beta + root) / 2]


def critical(form: str = "half") -> sp.Expr:
    """Return the beta at which the two eigenvalues meet.

    >>> critical("half"), critical("full")
    (2, 1)
    """
    s = sp.symbols("s")
    (found,) = sp.solve(sp.discriminant(dynamics(form).charpoly(s).as_expr(), s), beta)
    return found


def path(regime: str) -> sp.Expr:
    """Return theta(t) from (1, 0): "under" beta = 2, at it ("critical"), or "over"."""
    if regime == "critical":
        return sp.exp(-t) * (1 + t)
    wave = sp.sqrt(1 - beta**2 / 4) if regime == "under" else sp.sqrt(beta**2 / 4 - 1)
    cosine, sine = (sp.cos, sp.sin) if regime == "under" else (sp.cosh, sp.sinh)
    return sp.exp(-beta * t / 2) * (cosine(wave * t) + beta / (2 * wave) * sine(wave * t))


def path_defects(regime: str) -> list[sp.Expr]:
    """Return theta'' + beta theta' + theta, theta(0) - 1 and theta'(0) of `path`: zeros."""
    here = 2 if regime == "critical" else beta
    x = path(regime)
    equation = sp.diff(x, t, 2) + here * sp.diff(x, t) + x
    starts = (x.subs(t, 0) - 1, sp.diff(x, t).subs(t, 0))
    return [sp.simplify(sp.expand(defect)) for defect in (equation, *starts)]


def winding_defect() -> sp.Expr:
    """Return theta(t) less exp(-beta t/2) sin(t sin e + e) / sin e at beta = 2 cos e: zero.

    So theta(T) = 0 iff T sin e + e is a multiple of pi.
    """
    e = sp.symbols("e", positive=True)
    moved = path("under").subs(beta, 2 * sp.cos(e)).subs(sp.sqrt(1 - sp.cos(e) ** 2), sp.sin(e))
    claimed = sp.exp(-t * sp.cos(e)) * sp.sin(t * sp.sin(e) + e) / sp.sin(e)
    return sp.simplify(sp.expand_trig(sp.expand(moved - claimed)))


def overdamped_terms() -> list[sp.Expr]:
    """Return two terms whose sum is theta(t) above beta = 2, each positive for t > 0: there is no zero.

    theta(t) = exp(-beta t/2) (cosh(w t) + beta sinh(w t) / (2 w)), w^2 = beta^2/4 - 1 > 0.
    """
    wave = sp.sqrt(beta**2 / 4 - 1)
    shrink = sp.exp(-beta * t / 2)
    return [shrink * sp.cosh(wave * t), shrink * beta / (2 * wave) * sp.sinh(wave * t)]


def largest_zero_gap(terms: int = 3) -> sp.Expr:
    """Return 2 - beta of the largest zero of theta(T) as a series in u = 1/T, its first `terms` powers.

    With beta = 2 cos e, T sin e + e = pi, so that e = arcsin(u (pi - e)), iterated; the gap is 2 - 2 cos e.

    >>> largest_zero_gap(2)
    -2*pi**2*u**3 + pi**2*u**2
    """
    odd = range(1, terms + 1, 2)
    arcsine = {k: sp.binomial(k - 1, (k - 1) // 2) / (sp.Integer(2) ** (k - 1) * k) for k in odd}
    e = sp.Integer(0)
    for _ in range(terms):
        sine = _inverse * (sp.pi - e)
        e = _first_powers(sum(factor * sine**k for k, factor in arcsine.items()), terms)
    cosine = sum((-1) ** k * e ** (2 * k) / sp.factorial(2 * k) for k in range(1, terms // 2 + 2))
    return _first_powers(-2 * cosine, terms + 1)


def _first_powers(series: sp.Expr, highest: int) -> sp.Expr:
    """Return a polynomial in u without the powers above `highest`."""
    expanded = sp.expand(series)
    return sum((expanded.coeff(_inverse, k) * _inverse**k for k in range(highest + 1)), sp.Integer(0))


def digits(damping: float | str, time: float | str, places: int = 40) -> mp.mpf:
    """Return theta(time) from (1, 0) to `places` digits, whatever the regime."""
    with mp.workdps(2 * places):
        b, at = mp.mpf(damping), mp.mpf(time)
        root = mp.sqrt(b * b / 4 - 1 + mp.mpc(0))
        sine = mp.sinh(root * at) / root if root else at
        return (mp.exp(-b * at / 2) * (mp.cosh(root * at) + b / 2 * sine)).real


# ---- steps of finite size, and rates ------------------------------------------------------------------------------


def step_matrix(order: str, steps: int = 1, penalised: bool = True) -> sp.Matrix:
    """Return the matrix of an iteration: `steps` of phi and one of theta, which takes the new phi if "alternating"."""
    here = beta if penalised else 0
    learn = sp.Matrix([[1, 0], [-lr_disc, 1 - lr_disc * here]]) ** steps
    climb = sp.Matrix([[1, lr_gen], [0, 1]])
    return sp.expand(climb * learn if order == "alternating" else climb + learn - sp.eye(2))


def growth() -> sp.Expr:
    """Return the squared modulus of both eigenvalues of a simultaneous iteration without penalty.

    >>> growth()
    alpha_D*alpha_G + 1
    """
    return sp.expand(step_matrix("simultaneous", penalised=False).det())


def conserved_form() -> sp.Matrix:
    """Return the quadratic form that an alternating iteration without penalty keeps; definite iff lr_disc lr_gen < 4.

    >>> conserved_form()
    Matrix([
    [           alpha_D, -alpha_D*alpha_G/2],
    [-alpha_D*alpha_G/2,            alpha_G]])
    """
    return sp.Matrix([[lr_disc, -lr_disc * lr_gen / 2], [-lr_disc * lr_gen / 2, lr_gen]])


def critical_with_rates() -> sp.Expr:
    """Return the beta at which the eigenvalues meet in continuous time, theta' = lr_gen phi, phi' = -lr_disc n (...).

    >>> critical_with_rates()
    2*sqrt(alpha_G)/(sqrt(alpha_D)*sqrt(n))
    """
    s = sp.symbols("s")
    pace = sp.diag(lr_gen, lr_disc * n_disc)
    (found,) = sp.solve(sp.discriminant((pace * dynamics()).charpoly(s).as_expr(), s), beta)
    return found


def critical_condition(order: str) -> sp.Expr:
    """Return what vanishes at the beta where the eigenvalues of an iteration of n steps meet; q = 1 - lr_disc beta > 0.

    phi takes q^n phi - (1 - q^n) theta / beta.  Alternating: beta (1 - q^(n/2)) - lr_gen (1 + q^(n/2)); simultaneous:
    beta (1 - q^n) - 4 lr_gen.  For small lr_disc beta n both are lr_disc n beta^2 / 4 = lr_gen: `critical_with_rates`.
    At n = 1 simultaneous is that exactly, and alternating it less lr_gen.  As n grows beta tends to lr_gen and
    4 lr_gen, where phi has its best answer each time.
    """
    keep = 1 - lr_disc * beta
    if order == "alternating":
        half = keep ** (n_disc / 2)
        return beta * (1 - half) - lr_gen * (1 + half)
    return beta * (1 - keep**n_disc) - 4 * lr_gen


def overdamped_rate() -> sp.Expr:
    """Return the slower eigenvalue, per iteration, of the game with rates as beta grows: what is left moves at it.

    >>> overdamped_rate()
    -alpha_G/beta
    """
    s, small = sp.symbols("s"), sp.symbols("delta", positive=True)  # delta = 1 / beta
    pace = sp.diag(lr_gen, lr_disc * n_disc)
    roots = sp.solve((pace * dynamics()).charpoly(s).as_expr().subs(beta, 1 / small), s)
    (slow,) = (root for root in roots if sp.limit(root, small, 0) == 0)
    return sp.series(slow, small, 0, 2).removeO().subs(small, 1 / beta)
