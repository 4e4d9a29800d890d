"""Fields of optimal and suboptimal discriminators in SymPy: TP, section 3, appendices B, C, D and I, re-derived.

p is the density of the data, q that of the generator, r = p/q.
"""

from collections.abc import Iterable

import sympy as sp

p, q, u, r = sp.symbols("p q u r", positive=True)
x = sp.symbols("x1 x2", real=True)
bandwidth = sp.Symbol("h", positive=True)


def field_gap() -> sp.Expr:
    """Return grad d/d - grad r/(r (1 + r)) for d = p/(p + q), along one axis: zero.

    >>> field_gap()
    0
    """
    at = sp.Symbol("x", real=True)
    data, drawn = (sp.Function(name, positive=True)(at) for name in ("p", "q"))
    d, ratio = data / (data + drawn), data / drawn
    return sp.simplify(sp.diff(d, at) / d - sp.diff(ratio, at) / (ratio * (1 + ratio)))


def stable_gap() -> sp.Expr:
    """Return grad d/d - sigmoid(-log r) (grad log p - grad log q), along one axis: zero."""
    at = sp.Symbol("x", real=True)
    data, drawn = (sp.Function(name, positive=True)(at) for name in ("p", "q"))
    d = data / (data + drawn)
    weight = 1 / (1 + data / drawn)
    return sp.simplify(sp.diff(d, at) / d - weight * sp.diff(sp.log(data) - sp.log(drawn), at))


def field_limits() -> tuple[sp.Expr, sp.Expr]:
    """Return the field over grad log r as r -> 0, and over grad(-1/r) as r -> infinity (Theorem D.2): one, one."""
    field = 1 / (r * (1 + r))  # times grad r
    return sp.limit(field / sp.diff(sp.log(r), r), r, 0), sp.limit(field / sp.diff(-1 / r, r), r, sp.oo)


def squared(
    centre: Iterable[sp.Expr], variance: sp.Expr, start: Iterable[sp.Expr], start_variance: sp.Expr
) -> tuple[sp.Expr, sp.Expr, tuple[sp.Expr, ...], sp.Expr]:
    """Return (prefactor, rate, aim, constant) of a plane mode of weight 1/4 over a Gaussian, the square completed.

    N(x; centre, variance)/4 / N(x; start, start_variance) = prefactor exp(-rate |x - aim|^2 + constant), so that its
    gradient is -2 rate prefactor exp(...) (x - aim): the field is a mean of pulls towards the aims.

    >>> squared((3, -3), sp.Rational(1, 10), (3, 3), 3)
    (15/2, 29/6, (3, -93/29), 180/29)
    """
    variance, start_variance = sp.nsimplify(variance), sp.nsimplify(start_variance)
    rate = 1 / (2 * variance) - 1 / (2 * start_variance)
    pairs = list(zip(centre, start, strict=True))
    aim = tuple((m / variance - s / start_variance) / (2 * rate) for m, s in pairs)
    constant = sum((m - s) ** 2 for m, s in pairs) / (2 * (start_variance - variance))
    return start_variance / (4 * variance), rate, aim, sp.nsimplify(constant)


def squared_gap(
    centre: Iterable[sp.Expr], variance: sp.Expr, start: Iterable[sp.Expr], start_variance: sp.Expr
) -> sp.Expr:
    """Return the log of the mode over the Gaussian less that of what `squared` says: zero."""
    centre, start = tuple(centre), tuple(start)
    prefactor, rate, aim, constant = squared(centre, variance, start, start_variance)

    def log_density(mean: tuple[sp.Expr, ...], spread: sp.Expr) -> sp.Expr:
        return -sum((a - m) ** 2 for a, m in zip(x, mean, strict=True)) / (2 * spread) - sp.log(2 * sp.pi * spread)

    wanted = log_density(centre, variance) - sp.log(4) - log_density(start, start_variance)
    found = sp.log(prefactor) - rate * sum((a - t) ** 2 for a, t in zip(x, aim, strict=True)) + constant
    return sp.simplify(sp.expand_log(sp.expand(wanted - found), force=True))


def over_uniform(variance: sp.Expr, side: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return the prefactors of r and of grad r for a mode of weight 1/4 over the uniform law on a square.

    >>> over_uniform(sp.Rational(1, 10), 4)
    (20/pi, -200/pi)
    """
    prefactor = side**2 / (8 * sp.pi * variance)
    return prefactor, -prefactor / variance


# Appendix B, first display.
nsgan_f = -(u + 1) * sp.log(u / (u + 1)) + u * (1 - 2 * sp.log(2)) - 1


def perspective(f: sp.Expr) -> sp.Expr:
    """Return q f(p/q), the integrand of D_f(p || q)."""
    return q * f.subs(u, p / q)


def nsgan_gaps() -> tuple[sp.Expr, sp.Expr]:
    """Return what q f(p/q) of the NSGAN has beyond 2 m log(m/p), and that beyond q log(q/p) - p log(p/m) - q log(q/m).

    m = (p + q)/2.  The first is (1 - log 2)(p - q), whose integral is 0; the second is 0.
    """
    m = (p + q) / 2
    mean = 2 * m * sp.log(m / p)
    jensen = q * sp.log(q / p) - p * sp.log(p / m) - q * sp.log(q / m)

    def zero(expression: sp.Expr) -> sp.Expr:
        return sp.factor(sp.simplify(sp.expand_log(sp.expand(expression), force=True)))

    return zero(sp.expand_log(perspective(nsgan_f) - mean, force=True)), zero(sp.expand_log(mean - jensen, force=True))


def convexity(f: sp.Expr) -> sp.Expr:
    """Return f''.

    >>> convexity(nsgan_f)
    1/(u**2*(u + 1))
    """
    return sp.factor(sp.simplify(sp.diff(f, u, 2)))


def singular_limits(f: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return f(0) and lim f(u)/u as u -> infinity: D_f of two mutually singular laws is their sum.

    The second is the value at 0 of u f(1/u), not of the Fenchel conjugate.

    >>> singular_limits(nsgan_f)
    (oo, 1 - log(4))
    """
    return sp.limit(f, u, 0, "+"), sp.simplify(sp.limit(f / u, u, sp.oo))


def flow_weight(f: sp.Expr) -> sp.Expr:
    """Return w in w grad log r, the velocity - grad dF/dq of the Wasserstein gradient flow of F(q) = int q f(p/q).

    dF/dq = f(r) - r f'(r), so w = r^2 f''(r).

    >>> flow_weight(nsgan_f)
    1/(u + 1)
    """
    variation = sp.diff(perspective(f), q).subs(p, u * q)
    return sp.simplify(-u * sp.diff(sp.simplify(variation), u))


def game_weight(f: sp.Expr) -> sp.Expr:
    """Return w in w grad log r, the velocity grad f'(r) of the particles of an f-GAN at its optimal V."""
    return sp.simplify(u * sp.diff(f, u, 2))


# f of f-GANs, and of what their particles descend, up to terms a + b u.
GAMES = {
    "kl": (u * sp.log(u), -sp.log(u)),
    "reverse-kl": (-sp.log(u), 1 / (2 * u)),
    "pearson": ((u - 1) ** 2, 2 * u * sp.log(u)),
    "hellinger": ((sp.sqrt(u) - 1) ** 2, sp.Rational(2, 3) / sp.sqrt(u)),
    "js": (u * sp.log(u) - (u + 1) * sp.log((u + 1) / 2), nsgan_f),
    "gan": (u * sp.log(u) - (u + 1) * sp.log(u + 1), nsgan_f),
}


def printed_divergence_is_negative() -> sp.Expr:
    """Return the largest value of int p f(p/q) for f = -log u: - KL(p || q) of two unit Gaussians a apart.

    An f-divergence is at least f(1) = 0.

    >>> printed_divergence_is_negative()
    -a**2/2
    """
    a, at = sp.symbols("a x", real=True)
    data = sp.exp(-(at**2) / 2) / sp.sqrt(2 * sp.pi)
    log_ratio = (-(at**2) + (at - a) ** 2) / 2
    return sp.simplify(sp.integrate(sp.expand(-log_ratio) * data, (at, -sp.oo, sp.oo)))


def particle_step_factor(step: sp.Expr) -> sp.Expr:
    """Return the gradient of the mean squared loss to Z + step v over that of the f-GAN, one parameter, one particle.

    >>> particle_step_factor(sp.Integer(1)), particle_step_factor(sp.Symbol("s") / 2)
    (2, s)
    """
    slope, speed = sp.symbols("slope v", nonzero=True)  # dg/dtheta and g_f'(V) grad V
    output, moved = sp.symbols("g Z_hat")
    squared_loss = sp.diff((output - moved) ** 2, output) * slope
    game = -speed * slope
    return sp.simplify(squared_loss.subs(moved, output + step * speed) / game)


def suboptimal_weight(f: sp.Expr) -> sp.Expr:
    """Return w in w grad log r, the field of d = p/(p + f(r) q); f in the symbol r.

    >>> suboptimal_weight(sp.Integer(1))
    1/(r + 1)
    """
    return sp.simplify(r * sp.diff(sp.log(r / (r + f)), r))


def cosine_sign(f: sp.Expr) -> sp.Expr:
    """Return f - r f', whose sign is the cosine between the suboptimal and the optimal field (Proposition C.1)."""
    return sp.simplify(f - r * sp.diff(f, r))


def taylor_rest(f: sp.Expr) -> sp.Expr:
    """Return (f(0) - (f - r f')) / (r^2 f''(0)/2) as r -> 0: 1, so the sign is a minus, not the plus of appendix C."""
    at_zero = sp.limit(f, r, 0)
    return sp.limit((at_zero - cosine_sign(f)) / (r**2 * sp.diff(f, r, 2).subs(r, 0) / 2), r, 0)


# Against "1 whenever r is small": f(0) = 0, and f that is not C^2 at 0.
BACKWARD = r**2
WAVERING = 1 + r * sp.sin(1 / r**2)


def kernel_mass(dim: int, power: sp.Expr) -> sp.Expr:
    """Return the mass of K(x/h, y/h)/h^power in `dim` dimensions, K the normalised RBF kernel of Definition 2.1.

    >>> kernel_mass(1, 1), kernel_mass(3, 1), kernel_mass(3, 3)
    (1, h**2, 1)
    """
    at = sp.Symbol("x", real=True)
    one = sp.integrate(sp.exp(-((at / bandwidth) ** 2)) / sp.sqrt(sp.pi), (at, -sp.oo, sp.oo))
    return sp.simplify(one**dim / bandwidth**power)
