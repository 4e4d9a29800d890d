"""Learning by Fourier modes in SymPy: Algorithm 2, its inner steps, its redundant grid and what it resolves (ED, C)."""

import sympy as sp

weight, start = sp.symbols("w w_0", real=True)
gap = sp.Symbol("f", real=True)  # <phi>_gen - <phi>_data of one wave
rate_disc, rate_gen, rate, reg = sp.symbols("alpha_D alpha_G gamma lambda", positive=True)
steps = sp.Symbol("n", positive=True, integer=True)
k, sd = sp.symbols("k sigma", positive=True)


def loss(penalty: str = "square") -> sp.Expr:
    """Return what one weight adds to L_D: "square" for lambda/2 w^2, "printed" for lambda/2 (w^2)^2, "none".

    >>> loss("square"), loss("printed")
    (f*w + lambda*w**2/2, f*w + lambda*w**4/2)
    """
    return gap * weight + {"square": reg * weight**2 / 2, "printed": reg * weight**4 / 2, "none": sp.S.Zero}[penalty]


def step(penalty: str = "square", *, ascending: bool = False) -> sp.Expr:
    """Return the weight after one step of gradient descent of the loss, or of ascent as Algorithm 2 is printed.

    >>> step()
    -alpha_D*gamma*(f + lambda*w) + w
    """
    sign = 1 if ascending else -1
    return weight + sign * rate_disc * rate * sp.diff(loss(penalty), weight)


def first_order_change(penalty: str = "square", *, ascending: bool = False) -> sp.Expr:
    """Return d loss / d alpha_D of one step at alpha_D = 0: negative where the discriminator learns.

    >>> first_order_change("none"), first_order_change("none", ascending=True)
    (-f**2*gamma, f**2*gamma)
    """
    after = loss(penalty).subs(weight, step(penalty, ascending=ascending))
    return sp.factor(sp.diff(after, rate_disc).subs(rate_disc, 0))


def damping(penalty: str = "square") -> sp.Expr:
    """Return how much of a small weight a step forgets where the means agree, per alpha_D gamma: at f = 0, w -> 0.

    >>> damping("square"), damping("printed")
    (lambda, 0)
    """
    kept = sp.diff(step(penalty), weight).subs({gap: 0, weight: 0})
    return sp.simplify((1 - kept) / (rate_disc * rate))


def after_steps(count: sp.Expr = steps) -> sp.Expr:
    """Return the weight after `count` steps from w_0 at a fixed gap: q^n w_0 - (1 - q^n)/lambda f.

    >>> sp.expand(after_steps(sp.Integer(1)) - step().subs(weight, start))
    0
    """
    kept = (1 - rate_disc * rate * reg) ** count
    return kept * start - (1 - kept) / reg * gap


def unregularised_steps() -> sp.Expr:
    """Return the limit of `after_steps` for lambda -> 0.

    >>> unregularised_steps()
    -alpha_D*f*gamma*n + w_0
    """
    return sp.expand(sp.limit(after_steps(), reg, 0))


def products(dim: int) -> sp.Matrix:
    """Return the waves sin(k.x), cos(k.x) of all signs of (k_1, ..., k_d) by the products of one wave an axis.

    Row by row: the sines of all signs, then the cosines; columns: products, an axis' sine before its cosine.

    >>> products(1)
    Matrix([
    [ 1, 0],
    [-1, 0],
    [ 0, 1],
    [ 0, 1]])
    """
    from itertools import product

    x, p = sp.symbols(f"x1:{dim + 1}", real=True), sp.symbols(f"p1:{dim + 1}", positive=True)
    s, c = sp.symbols(f"s1:{dim + 1}"), sp.symbols(f"c1:{dim + 1}")
    values: dict[sp.Expr, sp.Expr] = {}
    for i in range(dim):
        values |= {sp.sin(p[i] * x[i]): s[i], sp.cos(p[i] * x[i]): c[i]}
    basis = [sp.prod(each) for each in product(*zip(s, c, strict=True))]
    rows = []
    for wave in (sp.sin, sp.cos):
        for signs in product((1, -1), repeat=dim):
            phase = sum(sign * pi * xi for sign, pi, xi in zip(signs, p, x, strict=True))
            expanded = sp.Poly(sp.expand(sp.expand_trig(wave(phase)).subs(values)), *s, *c)
            rows.append([expanded.coeff_monomial(monomial) for monomial in basis])
    return sp.Matrix(rows)


def rescaling_gap() -> list[sp.Expr]:
    """Return the steps in v = w / alpha_D minus those with rates (alpha_D alpha_G, alpha_D lambda) alone: zeros.

    The particle's step is alpha_G times the slope w phi' of one wave.
    """
    slope, scaled = sp.symbols("s v", real=True)
    learned = step().subs(weight, rate_disc * scaled) / rate_disc
    moved = rate_gen * rate_disc * scaled * slope
    both, decay = sp.symbols("A B", positive=True)
    alone = scaled - rate * (gap + decay * scaled), both * scaled * slope
    fixed = {both: rate_disc * rate_gen, decay: rate_disc * reg}
    return [sp.simplify(a - b.subs(fixed)) for a, b in zip((learned, moved), alone, strict=True)]


def blurred(wavenumber: sp.Expr = k, width: sp.Expr = sd) -> sp.Expr:
    """Return E cos(k x) for x ~ N(0, sigma^2): what a mode's width leaves of the wave of a point, by integration.

    >>> blurred()
    exp(-k**2*sigma**2/2)
    """
    x = sp.Symbol("x", real=True)
    density = sp.exp(-(x**2) / (2 * width**2)) / sp.sqrt(2 * sp.pi * width**2)
    return sp.simplify(sp.integrate(sp.cos(wavenumber * x) * density, (x, -sp.oo, sp.oo)))


def mean_log_likelihood(spread: sp.Expr, modes: int = 8, dim: int = 2) -> sp.Expr:
    """Return the mean log density of particles N(mode, spread^2) under equal modes of sd sigma far apart.

    >>> float(mean_log_likelihood(sd).subs(sd, 0.02))  # the data themselves  # doctest: +ELLIPSIS
    2.9067...
    >>> float(mean_log_likelihood(sp.S.Zero).subs(sd, 0.02))  # the most there is  # doctest: +ELLIPSIS
    3.9067...
    """
    return -sp.log(modes) - sp.Rational(dim, 2) * sp.log(2 * sp.pi * sd**2) - dim * spread**2 / (2 * sd**2)
