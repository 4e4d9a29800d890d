"""The kernel game in SymPy: function-space update, converged loss and its gradient, KD sections 2 and 6."""

import sympy as sp

rate, reg = sp.symbols("lr_disc reg", positive=True)


def function_space_gap(n_features: int = 3, n_true: int = 2, n_generated: int = 2) -> sp.Expr:
    """Return a(x) . theta^{k+1} of (4) minus the right-hand side of (5): zero, whatever the feature map.

    The map enters by its values at x, at the true and at the generated points only, each a free symbol.
    """
    theta = sp.Matrix(sp.symbols(f"theta0:{n_features}"))
    at = sp.Matrix(sp.symbols(f"a0:{n_features}"))
    true = [sp.Matrix(sp.symbols(f"r{i}_0:{n_features}")) for i in range(n_true)]
    fake = [sp.Matrix(sp.symbols(f"g{j}_0:{n_features}")) for j in range(n_generated)]
    p, q = sp.symbols(f"p0:{n_true}"), sp.symbols(f"q0:{n_generated}")
    embedding = sum((m * a for m, a in zip(p, true, strict=True)), sp.zeros(n_features, 1))
    embedding -= sum((m * a for m, a in zip(q, fake, strict=True)), sp.zeros(n_features, 1))
    loss = embedding.dot(theta) - reg / 2 * theta.dot(theta)  # (3)
    ascent = theta + rate * sp.Matrix([sp.diff(loss, t) for t in theta])  # (4)
    kernel_sums = sum(m * at.dot(a) for m, a in zip(p, true, strict=True))
    kernel_sums -= sum(m * at.dot(a) for m, a in zip(q, fake, strict=True))
    value = at.dot(theta)
    return sp.expand(at.dot(ascent) - (value + rate * (kernel_sums - reg * value)))


def generator_gap() -> sp.Expr:
    """Return update (9) of one coordinate minus a gradient step on the loss (8): zero for any discriminator f."""
    x, mass, step = sp.symbols("x mass lr_gen")
    f = sp.Function("f")
    return sp.expand((x + step * mass * sp.diff(f(x), x)) - (x - step * sp.diff(-mass * f(x), x)))


distance, width, true_mass, mass = sp.symbols("distance width true_mass mass", positive=True)
_kernel = sp.exp(-(distance**2) / (2 * width**2))


def converged_loss() -> sp.Expr:
    """Return the generator's loss -q f*(x) of one true and one generated point at the converged discriminator.

    f* = (p K(., y) - q K(., x)) / reg, (37b).  At p = q = 1 it is (26).
    """
    return sp.simplify(-mass * (true_mass * _kernel - mass) / reg)


def converged_mmd() -> sp.Expr:
    """Return MMD^2 / (2 reg) of the same two points: the converged value of the discriminator's loss (3)."""
    return sp.simplify((true_mass**2 - 2 * true_mass * mass * _kernel + mass**2) / (2 * reg))


def loss_slope() -> sp.Expr:
    """Return d/d distance of (26): distance exp(-distance^2 / 2 width^2) / (reg width^2)."""
    return sp.simplify(sp.diff(converged_loss().subs({true_mass: 1, mass: 1}), distance))


def rest_rate() -> sp.Expr:
    """Return the slower decay rate -Re s of s^2 + reg s + mu q^2 / width^2 at P_g = P_r, one point, lr_ratio mu.

    It is reg/2 while width < 2 q sqrt(mu) / reg, whatever the width; beyond, it falls to 0 as 1 / width^2.
    """
    lr_ratio = sp.Symbol("lr_ratio", positive=True)
    stiffness = lr_ratio * mass**2 / width**2
    overdamped = (reg - sp.sqrt(reg**2 - 4 * stiffness)) / 2
    return sp.Piecewise((reg / 2, 4 * stiffness >= reg**2), (overdamped, True))
