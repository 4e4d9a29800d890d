"""KD, section 3 and appendices C, D: generated points at the true point; the remarks are in test_kd_remarks."""

import itertools

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from naive_linearisation import Curved, play

import ganth
from ganth import stability
from ganth.theory import linearisation as theory
from ganth.theory import true_point

P, Q, REG, MU, SIGMA = sp.symbols("p q lambda mu sigma", positive=True)
mass = st.floats(0.05, 2.0)
rate = st.floats(0.05, 2.0)
width = st.floats(0.4, 2.5)
kernels = st.sampled_from(
    [
        ganth.RBF(0.7),
        ganth.MultiScale((0.5, 2.0)),
        ganth.AnisotropicRBF((0.6, 1.5)),
        Curved([[1.0, 0.2], [0.2, 0.5]], [[2.0, -0.3], [-0.3, 0.4]]),
    ]
)


def at_the_true_point(p, masses, kernel, dim):
    return {
        "true_point": np.zeros(dim),
        "true_mass": p,
        "points": np.zeros((len(masses), dim)),
        "masses": masses,
        "kernel": kernel,
    }


def one_point(p, q, sigma):
    return at_the_true_point(p, [q], ganth.RBF(sigma), 1)


# ---- assumption 1 and the equilibrium --------------------------------------------------------------------------------


@given(width, st.integers(1, 3))
def test_KD_A1_RBF(sigma, dim):
    kernel, origin = ganth.RBF(sigma), np.full((1, dim), 0.3)
    assert not kernel.gradient(origin, origin).any()
    for curvature in (-kernel.hessian(origin, origin)[0, 0], kernel.cross_hessian(origin, origin)[0, 0]):
        np.testing.assert_allclose(curvature, np.eye(dim) / sigma**2, rtol=1e-14)


def test_KD_A1_RBF_in_symbols():
    single = theory.Configuration(theory.rbf(SIGMA), ((0, 0),), (P,), ((0, 0),), (Q,))
    friction = MU * Q * (P - Q) / (REG * SIGMA**2) * sp.eye(2)
    assert sp.simplify(single.friction(REG, MU) - friction).is_zero_matrix
    assert sp.simplify(single.coupling(MU) - MU * Q**2 / SIGMA**2 * sp.eye(2)).is_zero_matrix


def test_a_laplace_kernel_breaks_assumption_1():
    with pytest.raises(ganth.ParameterError, match="kink"):
        stability.spectrum(**at_the_true_point(1.0, [1.0], ganth.Laplace(1.0), 1), reg=1.0, lr_ratio=1.0)


@given(mass, st.lists(mass, min_size=1, max_size=4), kernels)
def test_KD_Thm1_eq(p, masses, kernel):
    assert stability.equilibrium_residual(**at_the_true_point(p, masses, kernel, 2)) == 0.0


def test_KD_Thm1_eq_is_unique_and_needs_its_hypotheses():
    theta, feature = sp.symbols("theta a", real=True)
    rest_of = sp.Eq((P - Q) * feature - REG * theta, 0)
    assert sp.solve(rest_of, theta) == [feature * (P - Q) / REG]  # reg > 0: one theta*
    assert sp.solve(rest_of.subs({REG: 0, P: 2, Q: 1, feature: 1}), theta) == []  # reg = 0, excess: none
    assert rest_of.subs({REG: 0, P: 1, Q: 1}) == sp.true  # reg = 0, no excess: any
    # A kernel whose hill is elsewhere, (16) dropped: 1 + x y at 1 pushes the point away.
    slope = theory.Configuration(theory.feature_kernel(lambda x: (1, x[0])), ((1,),), (2,), ((1,),), (1,)).slopes(1)
    assert slope[0] == 1


def test_KD_Eq64_71():
    """f* = (excess / reg) K(., x_i), Q = (mu excess / reg) diag(q_j B) and R_jk = mu q_j q_k C, any B and C."""
    b, c = (sp.Matrix(2, 2, lambda i, j, name=name: sp.Symbol(f"{name}{min(i, j)}{max(i, j)}")) for name in "bc")
    q = sp.symbols("q1 q2", positive=True)
    origin = (0, 0)
    region = theory.Configuration(theory.curved(b, c), (origin,), (P,), (origin, origin), q)
    excess = P - sum(q)
    assert region.gradient().is_zero_matrix
    assert sp.expand(region.discriminator((3, 4), REG) - excess / REG * region.kernel((3, 4), origin)) == 0
    friction = MU * excess / REG * sp.diag(*(m * b for m in q))
    coupling = MU * sp.kronecker_product(sp.Matrix(2, 2, lambda i, j: q[i] * q[j]), c)
    assert (region.friction(REG, MU) - friction).applyfunc(sp.simplify).is_zero_matrix
    assert (region.coupling(MU) - coupling).applyfunc(sp.simplify).is_zero_matrix


@given(st.lists(mass, min_size=1, max_size=3), st.floats(0.01, 2), kernels, rate, rate, st.floats(0, 20))
def test_KD_Eq64_71_in_numbers(masses, excess, kernel, reg, mu, alpha):
    region = at_the_true_point(sum(masses) + excess, masses, kernel, 2)
    damping, coupling = stability.quadratic_pencil(**region, reg=reg, lr_ratio=mu)
    matrix = (alpha + reg) * (alpha * np.eye(len(damping)) + damping) + coupling
    least = np.linalg.eigvalsh(reg * damping)[0]
    assert least > 0
    assert np.linalg.eigvalsh(matrix)[0] >= least * (1 - 1e-9)
    # Drop excess > 0 (here 0): D(0) is no longer above reg Q, which is 0, and two points make it singular.
    if len(masses) > 1:
        damping, coupling = stability.quadratic_pencil(**region | {"true_mass": sum(masses)}, reg=reg, lr_ratio=mu)
        assert np.linalg.eigvalsh(reg * damping + coupling)[0] < 1e-9 * np.abs(coupling).max()


# ---- theorem 1 (a), (b) and the RBF's (c), (d) -----------------------------------------------------------------------


@given(st.lists(mass, min_size=1, max_size=3), st.floats(0.01, 2), kernels, rate, rate)
def test_KD_Thm1a(masses, excess, kernel, reg, mu):
    region = at_the_true_point(sum(masses) + excess, masses, kernel, 2)
    roots = stability.spectrum(**region, reg=reg, lr_ratio=mu)
    assert roots.real.max() < 0
    bound = stability.max_lr_disc(roots, reg)
    assert bound > 0
    # "small lr_disc" dropped: past the bound a multiplier leaves the unit circle.
    multipliers = np.append(1 + 1.01 * bound * roots, 1 - 1.01 * bound * reg)
    assert np.abs(multipliers).max() > 1


def test_KD_Thm1a_needs_a_hill():
    """Drop k1 > 0: K(., x_i) has a valley at x_i, excess > 0, and the point runs away."""
    valley = Curved([[-1.0]], [[0.5]])
    roots = stability.spectrum([0.0], 2.0, [[0.0]], [1.0], valley, reg=1.0, lr_ratio=1.0)
    assert roots.real.max() > 0.2


def test_KD_Thm1b():
    """False for one point: p = 1/2, q = 1, reg = 1 has excess -1/2 and is stable; played, it converges."""
    roots = stability.spectrum(**one_point(0.5, 1.0, 1.0), reg=1.0, lr_ratio=1.0)
    np.testing.assert_allclose(roots.real, -0.25)
    assert stability.single_point_threshold(0.5, 1.0, 1.0, lr_ratio=1.0) == pytest.approx(0.5**0.5)
    features = ganth.RandomFeatures(ganth.RBF(1.0), 12, 1, seed=3)
    paths = play(features, 0.5, [1.0], [0.05], reg=1.0, lr=0.05, steps=1200)
    assert 0.5 * (features.frequencies**2).mean() < 1.0  # the drawn kernel's own threshold
    assert np.abs(paths[-20:]).max() < 1e-3 * 0.05


def test_KD_Thm1b_needs_reg_below_the_threshold():
    """Drop that threshold and (b) is right for one point: reg = 1/2 < 0.707."""
    features = ganth.RandomFeatures(ganth.RBF(1.0), 12, 1, seed=3)
    paths = play(features, 0.5, [1.0], [1e-6], reg=0.5, lr=0.05, steps=1200)
    assert np.abs(paths[-200:]).max() > 1e-5


def test_KD_Thm1b_multi():
    """Two equal masses, in symbols: the pencil factors; the difference has the root mu q (2q - p)/(reg width^2)."""
    s = sp.Symbol("s")
    pair = theory.Configuration(theory.rbf(SIGMA), ((0,),), (P,), ((0,), (0,)), (Q, Q))
    apart = true_point.difference_root(P, Q, 2, REG, MU, SIGMA)
    friction, stiffness = true_point.mean_mode(P, Q, 2, REG, MU, SIGMA)
    product = (s + REG) * (s - apart) * (s**2 + friction * s + stiffness)
    assert sp.simplify(pair.oscillator(s, REG, MU).det() - product) == 0
    assert apart.subs({P: 1, Q: 1}).is_positive


@given(st.lists(mass, min_size=2, max_size=4), st.floats(0.02, 0.98), st.integers(1, 2), width, rate, rate)
def test_KD_Thm1b_multi_in_numbers(masses, share, dim, sigma, reg, mu):
    """Any masses, excess < 0: at least (N - 1) d positive real roots, one in each gap of the poles a q_j."""
    p = share * sum(masses)
    region = at_the_true_point(p, masses, ganth.RBF(sigma), dim)
    roots = stability.spectrum(**region, reg=reg, lr_ratio=mu)
    scale = np.abs(roots).max()
    positive = np.sort(roots[(np.abs(roots.imag) < 1e-5 * scale) & (roots.real > 0)].real)[::-1]
    assert len(positive) >= (len(masses) - 1) * dim
    poles = np.sort(masses) * -mu * (p - sum(masses)) / (reg * sigma**2)
    for low, high in itertools.pairwise(poles):
        inside = (positive > low - 1e-5 * scale) & (positive < high + 1e-5 * scale)
        assert inside.sum() >= dim
    # N = 1 dropped in: one point of the same mass need not have any.
    assert stability.spectrum(**one_point(0.5, 1.0, 1.0), reg=1.0, lr_ratio=1.0).real.max() < 0


@given(st.integers(2, 4), st.integers(1, 2), mass, st.floats(0.02, 0.98), width, rate, rate)
def test_equal_masses_part_at_a_known_rate(n, dim, q, share, sigma, reg, mu):
    p = share * n * q
    roots = stability.spectrum(**at_the_true_point(p, [q] * n, ganth.RBF(sigma), dim), reg=reg, lr_ratio=mu)
    expected, multiplicity = stability.splitting_rate(n, dim, p, q, sigma, reg=reg, lr_ratio=mu)
    assert expected == pytest.approx(float(true_point.difference_root(p, q, n, reg, mu, sigma)), rel=1e-12)
    near = np.abs(roots - expected) < 1e-7 * np.abs(roots).max()
    assert multiplicity == (n - 1) * dim
    assert near.sum() >= multiplicity


@given(st.floats(0.0, 2), mass, width, rate, rate)
def test_KD_Thm1cd_RBF(p, q, sigma, reg, mu):
    inverse = 1 / sp.sympify(sigma) ** 2
    value = float(true_point.criterion(p, q, reg, mu, inverse, inverse))
    assume(abs(value) > 1e-9)
    roots = stability.spectrum(**one_point(p, q, sigma), reg=reg, lr_ratio=mu)
    assert (roots.real.max() < 0) == (value > 0)


def test_KD_Thm1cd_RBF_needs_the_rbf():
    """Drop the RBF: an anisotropic one obeys (19) and is unstable."""
    against = true_point.AGAINST_19
    assert against.value(true_point.PRINTED["19"]) > 0
    kernel = ganth.AnisotropicRBF((1.0, 0.5))
    roots = stability.spectrum(np.zeros(2), 0.5, np.zeros((1, 2)), [1.0], kernel, reg=1.0, lr_ratio=1.0)
    assert roots.real.max() == pytest.approx(0.5)


@given(st.floats(0.01, 2), mass, width, rate, rate)
def test_KD_New_single(p, q, sigma, reg, mu):
    """RBF, p > 0: stable iff reg^2 > mu q (q - p)/width^2, and the largest lr_disc in closed form, twice."""
    critical = float(true_point.critical_reg_squared(p, q, 1, mu, sigma))
    assume(abs(reg**2 - critical) > 1e-6)
    region = one_point(p, q, sigma)
    roots = stability.spectrum(**region, reg=reg, lr_ratio=mu)
    assert (roots.real.max() < 0) == (reg**2 > critical)
    assert stability.single_point_threshold(p, q, sigma, lr_ratio=mu) == pytest.approx(max(critical, 0) ** 0.5)
    bound = stability.max_lr_disc(roots, reg)
    ours = stability.single_point_max_lr_disc(p, q, sigma, reg=reg, lr_ratio=mu)
    friction, stiffness = true_point.single_mode(p, q, reg, mu, sigma**-2, sigma**-2)
    if reg**2 < critical:
        assert bound == ours == 0.0
    elif abs(friction**2 - 4 * stiffness) > 1e-6:
        assert bound == pytest.approx(ours, rel=1e-8)
        assert ours == pytest.approx(float(theory.single_step_bound(friction, stiffness, reg)), rel=1e-12)


def test_KD_New_single_needs_true_mass():
    """Drop p > 0: nothing holds the point, and reg above the threshold leaves it neutral."""
    roots = stability.spectrum(**one_point(0.0, 1.0, 1.0), reg=2.0, lr_ratio=1.0)
    assert np.abs(roots).min() < 1e-12
    assert stability.neutral_roots(roots).sum() == 1
