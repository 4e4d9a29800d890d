"""KD, appendix B, lemmas 4 and 5 and the step sizes, claim by claim: roots, multipliers, thresholds."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from naive_linearisation import differences, rest, update

import ganth
from ganth import stability
from ganth.theory import linearisation as theory
from ganth.theory import true_point

REG, MU, ETA = sp.symbols("lambda mu eta", positive=True)
rate = st.floats(0.05, 2.0)


def gap(multipliers, others):
    """The largest distance from a number of one multiset to a partner of its own in the other."""
    from scipy.optimize import linear_sum_assignment

    distance = np.abs(np.asarray(multipliers)[:, None] - np.asarray(others))
    return distance[linear_sum_assignment(distance)].max()


def random_instance(seed, n, dim, n_frequencies):
    rng = np.random.default_rng(seed)
    kernel = ganth.RandomFeatures(ganth.RBF(1.0), n_frequencies, dim, seed=seed)
    return rng.normal(size=(1, dim)), rng.uniform(0.2, 2, 1), rng.normal(size=(n, dim)), rng.uniform(0.2, 2, n), kernel


# ---- lemma 4 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "n", "dim"), [(3, 2, 1), (2, 1, 2), (3, 1, 1)])
def test_KD_Eq47_58(p, n, dim):
    """The update's Jacobian, by differentiation, is (53); det(s I - A) = (s + reg)^(p - n d) psi(s)."""
    s = sp.Symbol("s")
    powers = [(1, 0), (0, 1), (1, 1), (2, 0)] if dim == 2 else [(1,), (2,), (3,)]

    def features(x):
        return [sp.prod(c**e for c, e in zip(x, power, strict=True)) + m for m, power in enumerate(powers[:p])]

    points = tuple(tuple(sp.Integer(2 * j + a - 1) for a in range(dim)) for j in range(n))
    region = theory.Configuration(
        theory.feature_kernel(features), ((sp.Rational(1, 3),) * dim,), (2,), points, tuple(range(1, n + 1))
    )
    reg, mu = sp.Rational(3, 2), sp.Rational(5, 7)
    matrix = theory.update_matrix(features, region, reg, mu)
    block = matrix[:p, p:]
    assert matrix[:p, :p] == -reg * sp.eye(p)
    assert matrix[p:, :p] == -mu * block.T
    assert matrix[p:, p:] == -region.friction(reg, mu)
    assert mu * block.T * block == region.coupling(mu)
    psi = region.oscillator(s, reg, mu).det()
    assert sp.expand(matrix.charpoly(s).as_expr() - (s + reg) ** (p - n * dim) * psi) == 0


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2), rate, rate)
def test_KD_Eq47_58_is_the_jacobian_of_the_played_update(seed, n, dim, reg, lr_gen):
    x, p, points, masses, kernel = random_instance(seed, n, dim, 4)
    state = rest(kernel, x, p, points, masses, reg)
    played = differences(lambda z: update(z, kernel, x, p, points.shape, masses, reg, 0.1, lr_gen), state)
    exact = stability.full_jacobian(x, p, points, masses, kernel, reg=reg, lr_disc=0.1, lr_gen=lr_gen)
    np.testing.assert_allclose(exact, played, atol=2e-8 * np.abs(exact).max())


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2), rate, rate)
def test_KD_Lem4(seed, n, dim, reg, mu):
    """Multipliers 1 + lr_disc s: the roots of psi, and -reg exactly p - n d times."""
    x, p, points, masses, kernel = random_instance(seed, n, dim, 5)
    jacobian = stability.full_jacobian(x, p, points, masses, kernel, reg=reg, lr_disc=0.1, lr_gen=0.1 * mu)
    roots = stability.spectrum(x, p, points, masses, kernel, reg=reg, lr_ratio=mu)
    roots = np.concatenate([roots, np.full(10 - n * dim, -reg)])
    assert gap(np.linalg.eigvals(jacobian), 1 + 0.1 * roots) < 1e-9 * max(1.0, np.abs(roots).max())


def test_KD_Lem4_needs_more_features_than_coordinates():
    """Drop p > n d: at p = n d no multiplier is 1 - reg lr_disc, at p < n d psi has a root that is none of A's."""
    s = sp.Symbol("s")
    dirac = theory.Configuration(theory.feature_kernel(lambda x: (x[0],)), ((0,),), (1,), ((0,),), (1,))
    matrix = theory.update_matrix(lambda x: (x[0],), dirac, REG, MU)
    assert sp.simplify((matrix + REG * sp.eye(2)).det()) == MU  # > 0: -reg is no eigenvalue
    pair = theory.Configuration(dirac.kernel, ((0,),), (1,), ((0,), (0,)), (1, 1))
    matrix = theory.update_matrix(lambda x: (x[0],), pair, REG, MU)
    assert sp.simplify((matrix + REG * sp.eye(3)).det()) == 2 * MU * REG
    assert sp.simplify(pair.oscillator(s, REG, MU).det().subs(s, -REG)) == 0
    # The same in numbers: one frequency makes two features, three points are one coordinate too many.
    x, p, points, masses, kernel = random_instance(1, 3, 1, 1)
    jacobian = stability.full_jacobian(x, p, points, masses, kernel, reg=0.7, lr_disc=1.0, lr_gen=1.0) - np.eye(5)
    roots = stability.spectrum(x, p, points, masses, kernel, reg=0.7, lr_ratio=1.0)
    assert np.abs(roots + 0.7).min() < 1e-12
    assert np.abs(np.linalg.eigvals(jacobian) + 0.7).min() > 1e-3


# ---- lemma 5 ---------------------------------------------------------------------------------------------------------


def test_KD_Lem5():
    """p = 1/2, q = 1, reg = 1/2: s^2 - s/2 + 1/2 has no real root at all, and both roots are on the right."""
    s = sp.Symbol("s")
    half = sp.Rational(1, 2)
    single = theory.Configuration(theory.rbf(1), ((0,),), (half,), ((0,),), (1,))
    psi = sp.Poly(single.oscillator(s, half, 1).det(), s)
    assert psi == sp.Poly(s**2 - s / 2 + half, s)
    assert sp.real_roots(psi) == []
    assert [sp.re(root) for root in psi.all_roots()] == [sp.Rational(1, 4)] * 2
    # The proof's step: D(s) v = 0 does not give D(Re s) v = 0.
    assert psi.eval(sp.Rational(1, 4)) == sp.Rational(7, 16)
    roots = stability.spectrum([0.0], 0.5, [[0.0]], [1.0], ganth.RBF(1.0), reg=0.5, lr_ratio=1.0)
    np.testing.assert_allclose(roots, [0.25 + 7**0.5 / 4 * 1j, 0.25 - 7**0.5 / 4 * 1j], rtol=1e-14)
    assert stability.max_lr_disc(roots, 0.5) == 0.0


def test_KD_Lem5_for_two_points():
    """The collapsed pair, a strict minimum of J: every real root is negative and a complex pair is on the right."""
    x = sp.sqrt(2 * sp.log(2) / 3)
    pair = theory.Configuration(theory.rbf(1), ((0,),), (1,), ((x,), (-x,)), (1, 1))
    assert sp.simplify(pair.gradient()).is_zero_matrix
    assert all(value.evalf() > 0 for value in sp.simplify(pair.hessian()).eigenvals())
    roots = np.array([complex(root) for root in pair.roots(sp.Rational(2, 5), 1)])
    ours = stability.spectrum([0.0], 1.0, [[float(x)], [-float(x)]], [1.0, 1.0], ganth.RBF(1.0), reg=0.4, lr_ratio=1.0)
    assert gap(ours, roots) < 1e-12
    real = roots[np.abs(roots.imag) < 1e-20].real
    assert (real < 0).all()
    assert roots.real.max() > 0.01


@given(st.floats(0.1, 2), st.floats(0.1, 2), rate, rate)
def test_KD_Lem5_holds_where_the_friction_is_positive(p, q, reg, mu):
    """Restore the hypothesis that lemma 5 needs: under reg I + Q > 0 the sign of the real roots does decide."""
    roots = stability.spectrum([0.0], p, [[0.0]], [q], ganth.RBF(1.0), reg=reg, lr_ratio=mu)
    friction, _ = true_point.single_mode(p, q, reg, mu, 1, 1)
    if friction > 1e-6:
        assert roots.real.max() < 0


# ---- step sizes ------------------------------------------------------------------------------------------------------


def test_KD_Eq61_63():
    alpha, beta = sp.symbols("alpha beta", real=True)
    rho = 1 + ETA * (alpha + sp.I * beta)
    exact = sp.expand(rho * sp.conjugate(rho))
    assert sp.expand(theory.modulus_squared(alpha, beta, ETA) - exact) == 0
    assert sp.expand(theory.modulus_squared_printed(alpha, beta, ETA) - exact) == sp.expand(ETA * (1 - ETA) * beta**2)
    # |rho| = 1 at -2 alpha / |s|^2, twice (62).
    assert sp.simplify(exact.subs(ETA, theory.step_bound(alpha, beta)) - 1) == 0
    # (62) forgets s = -reg: p = 1/100, q = 1, reg = 21/20, lr_disc = 4 is inside it and 1 - reg lr_disc = -3.2.
    reg = sp.Rational(21, 20)
    friction, stiffness = true_point.single_mode(sp.Rational(1, 100), 1, reg, 1, 1, 1)
    assert friction**2 < 4 * stiffness
    printed = friction / 2 / stiffness  # -alpha / |s|^2 of the complex pair
    assert printed > 4
    assert abs(1 - 4 * reg) > 3
    # (63): a real root alpha > 0 gives |rho| > 1 for every step, not only below 1 / alpha.
    positive = sp.Symbol("a", positive=True)
    assert sp.expand((1 + ETA * positive) ** 2 - 1).is_positive


def test_KD_Eq61_63_in_numbers():
    point = {"true_point": [0.0], "true_mass": 0.01, "points": [[0.0]], "masses": [1.0], "kernel": ganth.RBF(1.0)}
    roots = stability.spectrum(**point, reg=1.05, lr_ratio=1.0)
    assert (np.abs(1 + 4 * roots) < 1).all()
    printed = (-roots.real / np.abs(roots) ** 2).min()
    assert printed > 4
    assert stability.max_lr_disc(roots, 1.05) == pytest.approx(2 / 1.05)


@given(st.floats(0.05, 2), st.floats(0.05, 2), st.floats(0.3, 3), rate, rate)
def test_the_step_bound_has_a_closed_form_for_one_point(p, q, width, reg, mu):
    friction, stiffness = true_point.single_mode(p, q, reg, mu, width**-2, width**-2)
    roots = stability.spectrum([0.0], p, [[0.0]], [q], ganth.RBF(width), reg=reg, lr_ratio=mu)
    bound = stability.max_lr_disc(roots, reg)
    if friction <= 1e-9:
        assert bound == pytest.approx(0.0, abs=1e-6)
        return
    if abs(friction**2 - 4 * stiffness) > 1e-6:
        assert bound == pytest.approx(float(theory.single_step_bound(friction, stiffness, reg)), rel=1e-9)
    steps = np.array([0.999, 1.001]) * bound
    for step, inside in zip(steps, (True, False), strict=True):
        multipliers = 1 + step * np.append(roots, -reg)
        assert (np.abs(multipliers).max() < 1) == inside
        jury = [float(e) for e in theory.jury(friction, stiffness, step)]
        assert (min(jury) > 0 and step < 2 / reg) == inside


@given(st.lists(st.floats(0.2, 3), min_size=1, max_size=3), st.floats(0.05, 1), st.floats(0.01, 1.5), rate)
def test_KD_New_step(widths, mass, reg, mu):
    """Excess 0: stable iff lr_gen q^2 sum_i 1/width_i^2 < reg, where reg^2 <= 2 k.

    Drop reg^2 <= 2 k and it fails: up to 4 k the pair is underdamped still, and s = -reg comes first; then the pair is
    overdamped.
    """
    curvature = sum(1 / w**2 for w in widths)
    k = mu * mass**2 * curvature
    roots = stability.spectrum([0.0], mass, [[0.0]], [mass], ganth.MultiScale(tuple(widths)), reg=reg, lr_ratio=mu)
    bound = stability.max_lr_disc(roots, reg)
    claimed = reg / k
    assert claimed * mu == pytest.approx(stability.balanced_max_lr_gen(mass, widths, reg=reg))
    if reg**2 < 2 * k:
        assert bound == pytest.approx(claimed, rel=1e-9)
    elif 2 * k * (1 + 1e-6) < reg**2 < 4 * k:
        assert bound == pytest.approx(2 / reg)
        assert bound < claimed
    elif reg**2 > 4 * k * (1 + 1e-6):
        assert bound < claimed
        assert bound == pytest.approx(float(theory.single_step_bound(reg, k, reg)), rel=1e-6)


def test_KD_New_step_between_2k_and_4k():
    """reg^2 = 3 k: underdamped, lr_gen q^2 / width^2 = 0.9 reg, and 1 - reg lr_disc = -1.7."""
    reg, step = 3**0.5, 0.9 * 3**0.5
    roots = stability.spectrum([0.0], 1.0, [[0.0]], [1.0], ganth.RBF(1.0), reg=reg, lr_ratio=1.0)
    assert (np.abs(roots.imag) > 0.1).all()
    assert (np.abs(1 + step * roots) < 1).all()
    assert abs(1 - step * reg) > 1.5
    assert stability.max_lr_disc(roots, reg) < step


def test_KD_New_step_in_symbols():
    """The Jury condition 1 - P(0) > 0 at friction reg is reg > lr_disc k; underdamped P(-1) > 0 follows."""
    k = sp.Symbol("k", positive=True)
    at_one, at_minus_one, inside = theory.jury(REG, k, ETA)
    assert sp.factor(inside - ETA * (REG - ETA * k)) == 0
    assert at_one == ETA**2 * k
    # P(-1) is a quadratic in the step without real zeros.
    assert sp.factor(sp.discriminant(at_minus_one, ETA) - 4 * (REG**2 - 4 * k)) == 0
    # KD section 7: reg = 0.01, lr = 1e-3; q = 1/4 fails below width 0.079, q = 1/10 below 0.032.
    smallest = [float(sp.sqrt(sp.Rational(1, 1000) * q**2 * 100)) for q in (sp.Rational(1, 4), sp.Rational(1, 10))]
    assert smallest == pytest.approx([0.0790569, 0.0316228], rel=1e-6)
