"""A discriminator with one hidden layer in SymPy: its penalty, and when its units die (ED, eqs. 23-24)."""

import sympy as sp

width, decay, scale, mismatch = sp.symbols("H lambda s m", positive=True)
eigenvalue = sp.Symbol("rho", real=True)


def penalty_weight() -> sp.Expr:
    """Return the lambda at which lambda/2 sum phi^2 of Algorithm 1 is the penalty (1/H) sum phi^2 of (24).

    >>> penalty_weight()
    2/H
    """
    square = sp.Symbol("square", positive=True)
    (found,) = sp.solve(decay / 2 * square - square / width, decay)
    return found


def unit_flow(dim: int) -> sp.Matrix:
    """Return the matrix of the flow of one ReLU unit (a, w, b) down (24) at fixed particles and data.

    The unit adds s a v . m to L_D, v = (w, b), where m is the mean of (x, 1) over the particles that v sees (w . x + b
    > 0) minus that over the data: constant as long as v sees the same points, so that the flow is linear, however
    large the unit.

    >>> unit_flow(1)
    Matrix([
    [-lambda,   -m1*s,   -m2*s],
    [  -m1*s, -lambda,       0],
    [  -m2*s,       0, -lambda]])
    """
    moments = sp.Matrix(sp.symbols(f"m1:{dim + 2}", real=True))
    unit = sp.Matrix(sp.symbols(f"a v1:{dim + 2}", real=True))
    loss = scale * unit[0] * (unit[1:, :].T * moments)[0] + decay / 2 * (unit.T * unit)[0]
    return -sp.hessian(loss, list(unit))


def growth_rates(dim: int) -> dict[sp.Expr, int]:
    """Return the rates of `unit_flow` with their multiplicities, |m| the length of the moments' difference.

    >>> growth_rates(2)
    {-lambda: 2, -lambda + m*s: 1, -lambda - m*s: 1}
    """
    flow = unit_flow(dim)
    moments = list(sp.symbols(f"m1:{dim + 2}", real=True))
    length = mismatch**2 - sum(m**2 for m in moments[:-1])
    polynomial = sp.expand((flow - eigenvalue * sp.eye(dim + 2)).det(method="berkowitz"))
    return sp.roots(sp.expand(polynomial.subs(moments[-1] ** 2, length)), eigenvalue)


def death_threshold() -> sp.Expr:
    """Return the mismatch |m| below which every unit decays, with the s and the lambda of (23) and (24).

    >>> death_threshold()
    sqrt(2)/sqrt(H)
    """
    (found,) = sp.solve(scale * mismatch - decay, mismatch)
    return sp.simplify(found.subs({scale: sp.sqrt(2 / width), decay: penalty_weight()}))
