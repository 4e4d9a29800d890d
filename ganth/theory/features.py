"""Random Fourier features and concatenated feature maps in SymPy: what KD, Apps. H and I, state, re-derived."""

import sympy as sp

frequency = sp.Symbol("frequency", real=True)
offset = sp.Symbol("offset", real=True)  # x - x', one-dimensional
width = sp.Symbol("width", positive=True)
features = sp.Symbol("features", positive=True, integer=True)  # R

# Density of one coordinate of w ~ N(0, 1 / width^2), KD (133).
frequency_density = width / sp.sqrt(2 * sp.pi) * sp.exp(-(width**2) * frequency**2 / 2)
rbf = sp.exp(-(offset**2) / (2 * width**2))


def expectation(function: sp.Expr) -> sp.Expr:
    """Return E[function(w)] over the one-dimensional Gaussian frequency."""
    return sp.simplify(sp.integrate(function * frequency_density, (frequency, -sp.oo, sp.oo)))


def pair_kernel() -> sp.Expr:
    """Return cos(wx) cos(wx') + sin(wx) sin(wx') as a function of the offset: what one cosine-sine pair adds."""
    x, y = sp.symbols("x y", real=True)
    pair = sp.cos(frequency * x) * sp.cos(frequency * y) + sp.sin(frequency * x) * sp.sin(frequency * y)
    return sp.simplify(sp.trigsimp(pair).subs(x, y + offset))


def mean_kernel(scale_squared: sp.Expr) -> sp.Expr:
    """Return E[a(x) . a(x')] for R cosine-sine pairs scaled by sqrt(scale_squared).

    Printed in (133): scale_squared = 2/R, which gives twice the RBF; 1/R gives the RBF.
    """
    return sp.simplify(scale_squared * features * expectation(pair_kernel()))


def pair_variance() -> sp.Expr:
    """Return Var[cos(w offset)]: R times the variance of the unit-norm kernel estimate at that offset.

    It is 0 at offset 0 and tends to 1/2, not to 0, far away.
    """
    second = expectation(sp.expand(sp.cos(2 * frequency * offset) / 2 + sp.Rational(1, 2)))
    return sp.simplify(second - expectation(sp.cos(frequency * offset)) ** 2)


def concatenated_kernel(first: list[sp.Expr], second: list[sp.Expr], x: sp.Symbol, y: sp.Symbol) -> sp.Expr:
    """Return the kernel of two feature maps of x laid end to end, KD (130): the sum of the two kernels, (131)."""
    joined = sp.Matrix(first + second)
    return sp.expand(joined.dot(joined.subs(x, y)))
