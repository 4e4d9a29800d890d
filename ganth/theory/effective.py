"""The effective GAN in SymPy: players, particle law, Gram matrix, splitting and tight clusters (ED, II-V, A, B)."""

from collections.abc import Sequence
from itertools import product

import sympy as sp

g1, g2 = sp.symbols("g1 g2", real=True)
n = sp.symbols("N", positive=True)
ratio = sp.symbols("phi", nonnegative=True)  # g2 / g1
rate_disc, rate_gen, reg = sp.symbols("alpha_D alpha_G lambda", positive=True)


def objective_gaps() -> list[sp.Expr]:
    """Return what each player's step (10), (11) has beyond a step of the saddle problem (3): zeros.

    A step of phi down L_D is one up L - lambda R; a step of theta down L_G is one down L.  D = a tanh(w x + b) and
    G = u tanh(v z + c), two data, two seeds.

    >>> set(objective_gaps())
    {0}
    """
    a, w, b, u, v, c = sp.symbols("a w b u v c", real=True)
    data, seeds = sp.symbols("x1:3", real=True), sp.symbols("z1:3", real=True)

    def score(x: sp.Expr) -> sp.Expr:
        return a * sp.tanh(w * x + b)

    of_data = sum(score(x) for x in data) / 2
    generated = sum(score(u * sp.tanh(v * z + c)) for z in seeds) / 2
    penalty = (a**2 + w**2 + b**2) / 2
    value = of_data - generated  # (4)
    loss_disc, loss_gen = generated - of_data + reg * penalty, value  # (5), (6)
    disc = [-rate_disc * sp.diff(loss_disc, p) - rate_disc * sp.diff(value - reg * penalty, p) for p in (a, w, b)]
    gen = [-rate_gen * sp.diff(loss_gen, p) + rate_gen * sp.diff(value, p) for p in (u, v, c)]
    return [sp.simplify(gap) for gap in disc + gen]


def _outputs(size: int, dim: int, count: int) -> tuple[list[sp.Symbol], sp.Matrix, sp.Expr]:
    """Return theta, the outputs G^i(z_a) as functions of theta, (size, dim), and <D> at them, D a generic cubic."""
    theta = list(sp.symbols(f"theta0:{count}", real=True))
    outputs = sp.Matrix(size, dim, lambda a, i: sp.Function(f"G{a}{i}")(*theta))
    mean = sum(cubic([outputs[a, i] for i in range(dim)]) for a in range(size)) / size
    return theta, outputs, mean


def cubic(x: Sequence[sp.Expr]) -> sp.Expr:
    """Return a discriminator with free derivatives up to the third at 0: what a tight cluster feels of any one.

    >>> cubic([sp.Symbol("x")])
    D0*x + D00*x**2/2 + D000*x**3/6
    """
    total = sp.S.Zero
    for order in (1, 2, 3):
        for place in product(range(len(x)), repeat=order):
            name = "D" + "".join(map(str, sorted(place)))
            total += sp.Symbol(name, real=True) * sp.prod([x[i] for i in place]) / sp.factorial(order)
    return total


def _gradient(point: Sequence[sp.Expr]) -> sp.Matrix:
    at = sp.symbols(f"y0:{len(point)}", real=True)
    value = cubic(at)
    places = dict(zip(at, point, strict=True))
    return sp.Matrix([sp.diff(value, y).subs(places, simultaneous=True) for y in at])


def tangent_kernel(outputs: sp.Matrix, theta: Sequence[sp.Symbol], a: int, b: int) -> sp.Matrix:
    """Return Gamma^{ij}(z_a, z_b) of (18) for outputs G^i(z_a) given as a matrix of functions of theta."""
    return outputs.row(a).jacobian(theta) * outputs.row(b).jacobian(theta).T


def particle_law_gap(size: int = 2, dim: int = 2, count: int = 2) -> sp.Matrix:
    """Return dX/dt by the chain rule (12)-(13) minus (16), for any generator of `count` parameters: zeros.

    >>> particle_law_gap(size=2, dim=1)
    Matrix([
    [0],
    [0]])
    """
    theta, outputs, mean = _outputs(size, dim, count)
    flow = sp.Matrix([rate_gen * sp.diff(mean, t) for t in theta])  # (13)
    gaps = sp.zeros(size, dim)
    for a in range(size):
        moved = outputs.row(a).jacobian(theta) * flow  # (12)
        law = sp.zeros(dim, 1)
        for b in range(size):
            law += rate_gen / size * tangent_kernel(outputs, theta, a, b) * _gradient(outputs.row(b))  # (16)
        gaps[a, :] = (moved - law).applyfunc(sp.expand).T
    return gaps


def kinetic_gap(size: int = 2, dim: int = 2, count: int = 2) -> sp.Expr:
    """Return |grad_theta <D>|^2 minus its form in the tangent kernel, ED section V between (27) and (28): zero.

    >>> kinetic_gap(size=2, dim=1)
    0
    """
    theta, outputs, mean = _outputs(size, dim, count)
    square = sum(sp.diff(mean, t) ** 2 for t in theta)
    form = sum(
        (_gradient(outputs.row(a)).T * tangent_kernel(outputs, theta, a, b) * _gradient(outputs.row(b)))[0]
        for a, b in product(range(size), repeat=2)
    )
    return sp.expand(square - form / size**2)


def gram(size: int) -> sp.Matrix:
    """Return the two values (20) as a matrix over the particles.

    >>> gram(2)
    Matrix([
    [g1, g2],
    [g2, g1]])
    """
    return sp.Matrix(size, size, lambda a, b: g1 if a == b else g2)


def gram_eigenvalues() -> tuple[sp.Expr, sp.Expr]:
    """Return the eigenvalue of the constant mode and the one of all others, N - 1 times; both >= 0 is (20)'s limit.

    >>> gram_eigenvalues()
    (g1 + g2*(N - 1), g1 - g2)
    >>> constant, other = (value.subs(n, 3).expand() for value in gram_eigenvalues())
    >>> gram(3).eigenvals() == {constant: 1, other: 2}
    True
    """
    return g1 + g2 * (n - 1), g1 - g2


def normalised_values() -> tuple[sp.Expr, sp.Expr]:
    """Return (g1, g2) at g2 = phi g1 under g1 + g2 (N - 1) = N, ED app. A: (N, 0) at phi = 0 and (1, 1) at phi = 1.

    >>> normalised_values()
    (N/(N*phi - phi + 1), N*phi/(N*phi - phi + 1))
    """
    (found,) = sp.solve([gram_eigenvalues()[0] - n, g2 - ratio * g1], [g1, g2], dict=True)
    return sp.simplify(found[g1]), sp.simplify(found[g2])


def other_eigenvalue() -> sp.Expr:
    """Return g1 - g2 under the normalisation, N (1 - phi) / ((N - 1) phi + 1)."""
    first, second = normalised_values()
    return sp.factor(first - second)


def printed_other_eigenvalue() -> sp.Expr:
    """Return the same as ED, app. A, prints it.

    >>> sp.simplify(printed_other_eigenvalue() - other_eigenvalue())
    0
    """
    return n / (n - 1) * (n / ((n - 1) * ratio + 1) - 1)


def local_weight() -> sp.Expr:
    """Return eps = (g1 - g2) / N under the normalisation: what a particle's own gradient weighs.

    >>> local_weight()
    (1 - phi)/(N*phi - phi + 1)
    """
    return sp.simplify(other_eigenvalue() / n)


def ratio_of_local_weight(eps: sp.Expr) -> sp.Expr:
    """Return the ratio phi at which (g1 - g2) / N has the value eps: `local_weight` is its own inverse.

    >>> sp.simplify(ratio_of_local_weight(ratio) - local_weight())
    0
    """
    unknown = sp.Symbol("unknown")
    (found,) = sp.solve(sp.numer(sp.together(local_weight().subs(ratio, unknown) - eps)), unknown)
    return sp.simplify(found)


def velocity_gap(size: int = 3) -> sp.Matrix:
    """Return (21) at the two values (20) minus (26), gradients any numbers: zeros.

    >>> velocity_gap(2).T
    Matrix([[0, 0]])
    """
    gradients = sp.Matrix(sp.symbols(f"q0:{size}", real=True))
    mean = sum(gradients) / size
    law = gram(size) * gradients / size  # (21)
    return sp.simplify(law - ((g1 - g2) / size * gradients + sp.ones(size, 1) * g2 * mean))  # (26)


def regulariser_gap(size: int = 3) -> sp.Expr:
    """Return (28) at the two values minus (29), both over beta, gradients any numbers: zero.

    >>> regulariser_gap(3)
    0
    """
    gradients = sp.Matrix(sp.symbols(f"q0:{size}", real=True))
    form = (gradients.T * gram(size) * gradients)[0] / size**2  # (28)
    mean, square = sum(gradients) / size, sum(q**2 for q in gradients) / size
    return sp.simplify(form - (g2 * mean**2 + (g1 - g2) / size * square))  # (29)


def coincident_weight() -> sp.Expr:
    """Return what multiplies alpha_G grad D where all particles sit at one point, ED app. A: a row of (20) over N."""
    return sp.factor((g1 + (n - 1) * g2) / n)


p, length, slope = sp.symbols("p l c", positive=True)


def split_velocities() -> tuple[sp.Expr, sp.Expr]:
    """Return (v_L, v_R) / alpha_G of a uniform cluster on [-p l, (1 - p) l] under D = c |x|, from (26), ED app. B.

    >>> split_velocities()
    (-c*(2*N*g2*p - N*g2 + g1 - g2)/N, -c*(2*N*g2*p - N*g2 - g1 + g2)/N)
    """
    x = sp.Symbol("x", real=True)
    left = sp.integrate(-slope, (x, -p * length, 0))
    right = sp.integrate(slope, (x, 0, (1 - p) * length))
    mean = (left + right) / length
    one, other = (sp.factor((g1 - g2) / n * side * slope + g2 * mean) for side in (-1, 1))
    return one, other


def split_window() -> tuple[sp.Expr, sp.Expr]:
    """Return the p at which v_R and v_L vanish: the sides part for p between 1/2 -+ (g1 - g2) / (2 N g2).

    >>> low, high = split_window()
    >>> sp.simplify(high - low), sp.simplify(low + high)
    ((g1 - g2)/(N*g2), 1)
    """
    left, right = split_velocities()
    return sp.solve(left, p)[0], sp.solve(right, p)[0]


def cluster_centre() -> sp.Expr:
    """Return the centre of [-p l, (1 - p) l], ED Fig. 12."""
    return sp.factor((-p * length + (1 - p) * length) / 2)


size_of_cluster = sp.symbols("s", positive=True)


def tight_cluster(size: int = 3, dim: int = 1) -> tuple[sp.Matrix, sp.Matrix, sp.Matrix]:
    """Return the velocity of a cluster's mean and the deviations' velocities, over alpha_G, and the deviations.

    The cluster sits at 0: X_a = s xi_a with sum_a xi_a = 0, and D has any derivatives up to the third.  Velocities are
    (26), exact for such a D; the mean's is (dim,), the deviations' and the xi_a are (size, dim).
    """
    free = sp.Matrix(size - 1, dim, lambda a, i: sp.Symbol(f"xi{a}{i}", real=True))
    shapes = free.col_join(sp.Matrix(1, dim, lambda _, i: -sum(free.col(i))))
    gradients = sp.Matrix.vstack(*[_gradient(list(size_of_cluster * shapes.row(a))).T for a in range(size)])
    mean_gradient = sp.ones(1, size) * gradients / size
    velocities = (g1 - g2) / size * gradients + sp.ones(size, 1) * g2 * mean_gradient  # (26)
    mean = sp.ones(1, size) * velocities / size
    return mean.T.applyfunc(sp.expand), (velocities - sp.ones(size, 1) * mean).applyfunc(sp.expand), shapes


def reduction_gaps(size: int = 3, dim: int = 2) -> tuple[sp.Matrix, sp.Matrix]:
    """Return what `tight_cluster` has beyond the reduction to second order in s: zeros.

    The mean moves by ((g1 + (N-1) g2)/N) (grad D + 1/2 D_ijk C_jk), C the cluster's covariance; deviations move by
    eps (H xi_a + 1/2 D_ijk (xi_j xi_k - C_jk)), eps = (g1 - g2)/N: no g2 beside eps.
    """
    mean, deviations, shapes = tight_cluster(size, dim)
    s, zero = size_of_cluster, [sp.S.Zero] * dim
    at = sp.symbols(f"y0:{dim}", real=True)
    hessian = sp.hessian(cubic(at), at)
    at_zero = hessian.subs(dict(zip(at, zero, strict=True)))
    covariance = shapes.T * shapes / size

    def curving(square: sp.Matrix) -> sp.Matrix:
        third = [sum(sp.diff(hessian[j, k], y) * square[j, k] for j, k in product(range(dim), repeat=2)) for y in at]
        return sp.Matrix(third) / 2

    weight = coincident_weight().subs(n, size)
    wanted_mean = weight * (_gradient(zero) + s**2 * curving(covariance))
    rows = []
    for a in range(size):
        xi = shapes.row(a).T
        rows.append((s * at_zero * xi + s**2 * curving(xi * xi.T - covariance)).T * (g1 - g2) / size)
    wanted = sp.Matrix.vstack(*rows)
    return (mean - wanted_mean).applyfunc(sp.expand), (deviations - wanted).applyfunc(sp.expand)


preactivation = sp.Symbol("u", real=True)
_positive = sp.Symbol("u_plus", positive=True)


def orthogonal_value(activation: sp.Expr, derivative: sp.Expr, *, biases: bool) -> sp.Expr:
    """Return Gamma at orthogonal unit inputs of f = sum_i a_i s(w_i . x + b_i) / sqrt(width), width -> infinity.

    Weights are standard normal and biases start at 0; `biases` says whether they are trained.  `activation` and
    `derivative` are s and s' in the symbol `preactivation`.  The w-part carries x . x' = 0.

    >>> u = preactivation
    >>> orthogonal_value(sp.erf(u), sp.diff(sp.erf(u), u), biases=False)
    0
    >>> orthogonal_value(sp.Max(0, u), sp.Heaviside(u), biases=False)
    1/(2*pi)
    """
    density = sp.exp(-(preactivation**2) / 2) / sp.sqrt(2 * sp.pi)

    def mean(of: sp.Expr) -> sp.Expr:
        halves = (
            (of.subs(preactivation, -_positive) + of.subs(preactivation, _positive)).rewrite(sp.Piecewise).doit(),
            density.subs(preactivation, _positive),
        )
        return sp.simplify(sp.integrate(sp.simplify(halves[0]) * halves[1], (_positive, 0, sp.oo)))

    return sp.simplify(mean(activation) ** 2 + (mean(derivative) ** 2 if biases else 0))
