"""Divergences, frozen critics, best fits, instance noise and toy games in SymPy and mpmath: TS, re-derived.

p is the density of the data, q that of the model, u = p/q.
"""

import functools

import mpmath as mp
import sympy as sp

p, q, u = sp.symbols("p q u", positive=True)
m = (p + q) / 2
A = sp.Symbol("a", positive=True)  # mass of a missed mode, below one

# f of each divergence, D_f(p || q) = int q f(p/q).
F = {
    "kl": u * sp.log(u),
    "reverse_kl": -sp.log(u),
    "js": (u * sp.log(u) - (u + 1) * sp.log((u + 1) / 2)) / 2,
    "ns": (u + 1) * sp.log((u + 1) / (2 * u)),
    "ns_loss": sp.log(1 + 1 / u),
    "pearson": (u - 1) ** 2,
    "hellinger": (sp.sqrt(u) - 1) ** 2,
}


def _zero(expression: sp.Expr) -> sp.Expr:
    return sp.simplify(sp.expand_log(sp.expand(sp.expand_log(expression, force=True)), force=True))


@functools.cache
def optimal_discriminator() -> sp.Expr:
    """Return where p log d + q log(1 - d) is largest.

    >>> optimal_discriminator()
    p/(p + q)
    """
    d = sp.Symbol("d", positive=True)
    (best,) = sp.solve(sp.diff(p * sp.log(d) + q * sp.log(1 - d), d), d)
    return best


@functools.cache
def value_gap() -> sp.Expr:
    """Return p log d* + q log(1 - d*) less (2 JS's integrand - (p + q) log 2), whose integral is 2 JS - log 4: zero.

    >>> value_gap()
    0
    """
    jensen = p * sp.log(p / m) + q * sp.log(q / m)
    return _zero(p * sp.log(p / (p + q)) + q * sp.log(q / (p + q)) - jensen + (p + q) * sp.log(2))


@functools.cache
def ns_value_gap() -> sp.Expr:
    """Return -q log d* less q log(1 + q/p): zero.

    >>> ns_value_gap()
    0
    """
    return _zero(-q * sp.log(p / (p + q)) - q * (sp.log(p + q) - sp.log(p)))


@functools.cache
def ns_forms_gap() -> sp.Expr:
    """Return the integrand of KL(q || p) - 2 JS less that of 2 KL(m || p): zero.

    >>> ns_forms_gap()
    0
    """
    jensen = p * sp.log(p / m) + q * sp.log(q / m)
    return _zero(q * sp.log(q / p) - jensen - 2 * m * sp.log(m / p))


@functools.cache
def frozen_gaps() -> dict[str, sp.Expr]:
    """Return dF/dq less what a sample of q pays against a frozen D = p/(p + q): a constant where F is descended.

    "minimax": log(1 - D) and F = 2 JS; "ns": -log D and F = KL(q || p) - 2 JS; "substituted": -log D and
    F = int q log(1 + q/p).

    >>> frozen_gaps()["minimax"], frozen_gaps()["ns"], frozen_gaps()["substituted"]
    (log(2), 1 - log(2), q/(p + q))
    """
    d = p / (p + q)
    two_js = p * sp.log(p / m) + q * sp.log(q / m)
    ns = 2 * m * sp.log(m / p)
    found = {
        "minimax": sp.diff(two_js, q) - sp.log(q / (p + q)),
        "ns": sp.diff(ns, q) + sp.log(d),
        "substituted": sp.diff(q * sp.log(1 + q / p), q) + sp.log(d),
    }
    return {name: _zero(sp.simplify(gap)) for name, gap in found.items()}


def limits(name: str) -> tuple[sp.Expr, sp.Expr]:
    """Return f(0) and lim f(u)/u: what mass of q without p costs, and mass of p without q.

    >>> limits("kl"), limits("pearson"), limits("hellinger")
    ((0, oo), (1, oo), (1, 1))
    """
    f = F[name]
    return sp.limit(f, u, 0, "+"), sp.simplify(sp.limit(f / u, u, sp.oo))


def curvature(name: str) -> sp.Expr:
    """Return f'' >= 0.

    >>> curvature("js")
    1/(2*u*(u + 1))
    """
    return sp.factor(sp.simplify(sp.diff(F[name], u, 2)))


def missing_costs() -> dict[str, sp.Expr]:
    """Return f(1 - a): by Jensen's inequality at least what D_f on the support of q is, if q misses mass a of p.

    E_q f(p/q) >= f(E_q p/q) and E_q p/q = 1 - a.

    >>> missing_costs()["reverse_kl"]
    -log(1 - a)
    """
    return {name: F[name].subs(u, 1 - A) for name in ("reverse_kl", "ns_loss")}


@functools.cache
def logit_slopes() -> tuple[sp.Expr, sp.Expr]:
    """Return the slopes of log(1 - sigmoid) less -sigmoid, and of -log sigmoid less sigmoid - 1: zeros.

    >>> logit_slopes()
    (0, 0)
    """
    a = sp.Symbol("a", real=True)
    s = 1 / (1 + sp.exp(-a))
    return sp.simplify(sp.diff(sp.log(1 - s), a) + s), sp.simplify(sp.diff(-sp.log(s), a) - (s - 1))


@functools.cache
def logit_limits() -> tuple[sp.Expr, sp.Expr]:
    """Return the two slopes as a -> -infinity.

    >>> logit_limits()
    (0, -1)
    """
    a = sp.Symbol("a", real=True)
    s = 1 / (1 + sp.exp(-a))
    return sp.limit(-s, a, -sp.oo), sp.limit(s - 1, a, -sp.oo)


@functools.cache
def forward_optimum() -> tuple[sp.Expr, sp.Expr]:
    """Return mean and variance of the best Gaussian in KL(p || q) for modes -mu and mu of variance sigma^2.

    >>> forward_optimum()
    (0, mu**2 + sigma**2)
    """
    mu, sigma, variance = sp.symbols("mu sigma v", positive=True)
    mean = sp.Symbol("mean", real=True)
    cost = (mu**2 + sigma**2 + mean**2) / (2 * variance) + sp.log(variance) / 2
    (best_mean,) = sp.solve(sp.diff(cost, mean), mean)
    (best,) = sp.solve(sp.diff(cost, variance).subs(mean, best_mean), variance)
    return best_mean, sp.expand(best)


@functools.cache
def reverse_curvature() -> sp.Expr:
    """Return D_mm less 1/s^2 at a stationary fit in reverse KL, whatever the data: zero.

    D = -log s + E g(m + s z), g = -log p.  By Stein's lemma E z g'(m + s z) = s E g'', so D_s = -1/s + s E g'' while
    D_mm = E g'': D_s = 0 makes D_mm = 1/s^2.  For two modes E g'' = 1 - r^2 E sech^2(r s z) grows with s at m = 0, so
    that s is unique, D_ss > 0, D_ms = 0, and the symmetric fit a strict minimum for every r.

    >>> reverse_curvature()
    0
    """
    s, bend = sp.symbols("s E", positive=True)
    (stationary,) = sp.solve(-1 / s + s * bend, bend)
    return sp.simplify(stationary - 1 / s**2)


@functools.cache
def entropy_gap() -> sp.Expr:
    """Return int p log p plus the entropy of N(0, s^2): zero, so that int p log p is minus the entropy.

    >>> entropy_gap()
    0
    """
    s = sp.Symbol("s", positive=True)
    x = sp.Symbol("x", real=True)
    density = sp.exp(-(x**2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))
    log_density = -(x**2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2
    integral = sp.integrate(sp.expand(density * log_density), (x, -sp.oo, sp.oo))
    return sp.simplify(integral + sp.log(2 * sp.pi * sp.E * s**2) / 2)


@functools.cache
def noise_scaling() -> sp.Expr:
    """Return N(x; d, s^2) dx in y = x/s less N(y; d/s, 1) dy: zero, so that JS of noised points is a function of d/s.

    >>> noise_scaling()
    0
    """
    y, d = sp.symbols("y d", real=True)
    s = sp.Symbol("s", positive=True)
    density = sp.exp(-((s * y - d) ** 2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi)) * s
    return sp.simplify(density - sp.exp(-((y - d / s) ** 2) / 2) / sp.sqrt(2 * sp.pi))


@functools.cache
def elbo_gap() -> sp.Expr:
    """Return log p(x) - ELBO - KL(q(z|x) || p(z|x)) for a latent of three values: zero.

    >>> elbo_gap()
    0
    """
    joint = sp.symbols("j1:4", positive=True)
    first, second = sp.symbols("q1 q2", positive=True)
    guess = (first, second, 1 - first - second)
    marginal = sum(joint)
    elbo = sum(w * (sp.log(j) - sp.log(w)) for w, j in zip(guess, joint, strict=True))
    reverse = sum(w * (sp.log(w) - sp.log(j) + sp.log(marginal)) for w, j in zip(guess, joint, strict=True))
    return sp.simplify(sp.expand(sp.log(marginal) - elbo - reverse))


@functools.cache
def bilinear_moduli() -> list[sp.Expr]:
    """Return the squared moduli of the eigenvalues of a simultaneous step of min max theta phi.

    >>> bilinear_moduli()
    [eta_D*eta_G + 1, eta_D*eta_G + 1]
    """
    disc, gen = sp.symbols("eta_D eta_G", positive=True)
    step = sp.Matrix([[1, -gen], [disc, 1]])
    return [sp.expand(sp.simplify(value * sp.conjugate(value))) for value in step.eigenvals(multiple=True)]


@functools.cache
def bilinear_flow() -> list[sp.Expr]:
    """Return the real parts of the eigenvalues of the flow at rates eta_D and eta_G: zeros, whatever their ratio.

    >>> bilinear_flow()
    [0, 0]
    """
    disc, gen = sp.symbols("eta_D eta_G", positive=True)
    return [sp.re(value) for value in sp.Matrix([[0, -gen], [disc, 0]]).eigenvals(multiple=True)]


def penalty_costs() -> tuple[sp.Expr, sp.Expr]:
    """Return what a constant critic and one of unit slope pay for lambda (|f'| - 1)^2 where P = Q.

    >>> penalty_costs()
    (lambda, 0)
    """
    weight, slope = sp.Symbol("lambda", positive=True), sp.Symbol("k", nonnegative=True)
    cost = weight * (slope - 1) ** 2
    return cost.subs(slope, 0), cost.subs(slope, 1)


@functools.cache
def penalised_slope() -> sp.Expr:
    """Return the best slope of a linear critic k x for point masses a apart: above 1, by the distance over 2 lambda.

    >>> penalised_slope()
    a/(2*lambda) + 1
    """
    weight, slope = sp.Symbol("lambda", positive=True), sp.Symbol("k", positive=True)
    (best,) = sp.solve(sp.diff(-slope * A + weight * (slope - 1) ** 2, slope), slope)
    return sp.expand(best)


@functools.cache
def bures_gap() -> sp.Expr:
    """Return the squared W2 of two Gaussians on the line, E (T_1 - T_2)^2, less the Frechet distance: zero.

    >>> bures_gap()
    0
    """
    z, m1, m2 = sp.symbols("z m1 m2", real=True)
    s1, s2 = sp.symbols("s1 s2", positive=True)
    normal = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    squared = sp.integrate(sp.expand((m1 + s1 * z - m2 - s2 * z) ** 2) * normal, (z, -sp.oo, sp.oo))
    frechet = (m1 - m2) ** 2 + s1**2 + s2**2 - 2 * sp.sqrt(s1**2 * s2**2)
    return sp.simplify(sp.expand(squared - frechet))


# dF/dq up to a constant, as a function of log u.
_VARIATION = {
    "reverse_kl": lambda log_u: -log_u,
    "js": lambda log_u: -mp.log1p(mp.exp(log_u)) / 2,
    "ns": lambda log_u: mp.log1p(mp.exp(-log_u)),
    "ns_loss": lambda log_u: mp.log1p(mp.exp(-log_u)) + 1 / (1 + mp.exp(log_u)),
}


def _log_laws(separation: mp.mpf, mean: mp.mpf, std: mp.mpf, x: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    root = mp.log(2 * mp.pi) / 2
    bend = abs(separation * x)
    data = -(x * x + separation**2) / 2 + bend + mp.log1p(mp.exp(-2 * bend)) - mp.log(2) - root
    return data, -(((x - mean) / std) ** 2) / 2 - mp.log(std) - root


def fit_slopes(
    objective: str, separation: float, mean: float, std: float, *, digits: int = 25
) -> tuple[mp.mpf, mp.mpf]:
    """Return the slopes in mean and std of a divergence of N(mean, std^2) from half N(-r, 1) and half N(r, 1).

    >>> [abs(slope) < 1e-20 for slope in fit_slopes("reverse_kl", 0, 0, 1)]
    [True, True]
    """
    with mp.workdps(digits):
        r, centre, spread = mp.mpf(separation), mp.mpf(mean), mp.mpf(std)

        def part(z: mp.mpf, first: mp.mpf) -> mp.mpf:
            data, model = _log_laws(r, centre, spread, centre + spread * z)
            return _VARIATION[objective](data - model) * first * mp.npdf(z)

        panels = [mp.mpf(k) for k in range(-11, 12)]
        return (
            mp.quad(lambda z: part(z, z / spread), panels),
            mp.quad(lambda z: part(z, (z * z - 1) / spread), panels),
        )


def fit_value(objective: str, separation: float, mean: float, std: float, *, digits: int = 25) -> mp.mpf:
    """Return the divergence itself.

    >>> abs(fit_value("reverse_kl", 0, 0, 1)) < 1e-20
    True
    """
    with mp.workdps(digits):
        r, centre, spread = mp.mpf(separation), mp.mpf(mean), mp.mpf(std)

        def part(x: mp.mpf) -> mp.mpf:
            data, model = _log_laws(r, centre, spread, x)
            density_p, density_q = mp.exp(data), mp.exp(model)
            if objective == "reverse_kl":
                return density_q * (model - data)
            if objective == "ns_loss":
                return density_q * mp.log1p(mp.exp(model - data))
            to_p = mp.log(2) - mp.log1p(mp.exp(model - data))  # log p/m
            if objective == "ns":
                return -(density_p + density_q) * to_p
            to_q = mp.log(2) - mp.log1p(mp.exp(data - model))
            return (density_p * to_p + density_q * to_q) / 2

        reach = mp.mpf(12) * max(1, spread) + r + abs(centre)
        return mp.quad(part, mp.linspace(-reach, reach, 41))
