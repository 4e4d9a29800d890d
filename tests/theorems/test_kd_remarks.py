"""KD, section 3: the remarks after theorem 1, corollary 1, and what is true without isolation."""

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

Q, REG, MU = sp.symbols("q lambda mu", positive=True)
FEATURES = ganth.RandomFeatures(ganth.RBF(1.0), 12, 1, seed=3)
mass = st.floats(0.05, 2.0)
rate = st.floats(0.05, 2.0)
width = st.floats(0.4, 2.5)


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


# ---- the remarks -----------------------------------------------------------------------------------------------------


@given(st.integers(2, 3), mass, st.floats(0.05, 0.95), width, st.floats(0.3, 3), rate)
def test_KD_Rem_mean(n, q, share, sigma, factor, mu):
    """The mean is a mode of its own: stable iff reg^2 > mu q (N q - p)/width^2, whatever the differences do."""
    p = share * n * q
    critical = float(true_point.critical_reg_squared(p, q, n, mu, sigma))
    reg = factor * critical**0.5
    assume(abs(factor - 1) > 1e-3)
    region = at_the_true_point(p, [q] * n, ganth.RBF(sigma), 1)
    roots, motions = stability.modes(**region, reg=reg, lr_ratio=mu)
    means = np.abs(motions[:, :, 0].mean(axis=1))
    spreads = np.abs(motions[:, :, 0] - motions[:, :, :1].mean(axis=1)).max(axis=1)
    moving = means > 1e-6
    friction, stiffness = map(float, true_point.mean_mode(p, q, n, reg, mu, sigma))
    expected = np.roots([1.0, friction, stiffness])
    for root in expected:
        assert np.abs(roots[moving] - root).min() < 1e-5 * np.abs(roots).max()
    assert (expected.real.max() < 0) == (factor > 1)
    assert roots[spreads > 1e-6].real.max() > 0  # the differences always part


def test_KD_Rem_boundary():
    """Excess 0, two points: a root 0, hence a multiplier 1 and never exponential; the pair closes like t^(-1/2)."""
    region = at_the_true_point(1.0, [0.5, 0.5], ganth.RBF(1.0), 2)
    roots = stability.spectrum(**region, reg=1.0, lr_ratio=1.0)
    assert (np.abs(roots) < 1e-12).sum() == 2
    assert roots.real.max() < 1e-12
    every = 10
    paths = play(FEATURES, 1.0, [0.5, 0.5], [0.3, -0.3], reg=1.0, lr=0.1, steps=1500, every=every)
    fourth = float((FEATURES.frequencies**4).mean())
    inverse_square = 4 / np.diff(paths, axis=1)[:, 0] ** 2
    slope = np.polyfit(0.1 * every * np.arange(len(paths))[50:], inverse_square[50:], 1)[0]
    assert slope == pytest.approx(float(true_point.slow_rate(1, 0.5, 1, 1, fourth)), rel=0.05)
    assert np.abs(np.diff(paths[-1])) < 0.5 * np.abs(np.diff(paths[0]))


def test_KD_Rem_boundary_needs_two_points():
    """Drop |N| > 1: one point at excess 0 is exponentially stable."""
    assert stability.spectrum(**one_point(1.0, 1.0, 1.0), reg=1.0, lr_ratio=1.0).real.max() < -0.4


def test_KD_Rem_dirac():
    """Excess 0: the curvature of K(., x_i) drops out, and the RBF's quadratic is the Dirac-GAN's."""
    s = sp.Symbol("s")
    single = theory.Configuration(theory.rbf(1), ((0,),), (Q,), ((0,),), (Q,))
    features = lambda x: (x[0],)  # noqa: E731
    dirac = theory.update_matrix(features, single, REG, MU).charpoly(s).as_expr()
    assert sp.expand(single.oscillator(s, REG, MU).det() - dirac) == 0
    assert theory.hurwitz_minors(sp.Poly(dirac, s)) == [REG, MU * Q**2 * REG]
    assert true_point.criterion(Q, Q, REG, MU, 1, 1) == sp.Min(REG**2, MU * Q**2)
    # The kernel x x' itself breaks Assumption 1 (k1 = 0), so that (19) does not contain it.
    assert Curved([[0.0]], [[1.0]]).hessian(np.zeros((1, 1)), np.zeros((1, 1))).item() == 0


@given(mass, width, rate, rate)
def test_KD_Rem_dirac_in_numbers(q, sigma, reg, mu):
    roots = stability.spectrum(**one_point(q, q, sigma), reg=reg, lr_ratio=mu)
    assert roots.real.max() < 0
    oracle = np.linalg.eigvals([[-reg, -q / sigma], [mu * q / sigma, 0.0]])  # theta' = -x - reg theta, x' = mu theta
    assert np.poly(roots) == pytest.approx(np.poly(oracle), rel=1e-10)


def test_KD_Rem_lambda0():
    """reg = 0: |rho|^2 = 1 + lr_disc lr_gen q^2 C > 1 at every step; alternating and the ODE are centres."""
    a, b, c, x, w = sp.symbols("a b c x w", positive=True)
    simultaneous = true_point.dirac_update("simultaneous", Q, c, 0, a, b)
    assert sp.expand(simultaneous.det()) == 1 + a * b * c * Q**2
    assert sp.factor(simultaneous.trace() ** 2 - 4 * simultaneous.det()).is_negative  # a complex pair: |rho|^2 = det
    alternating = true_point.dirac_update("alternating", Q, c, 0, a, b)
    assert sp.expand(alternating.det()) == 1
    assert sp.expand(alternating.trace() - 2 + a * b * c * Q**2) == 0  # |rho| = 1 iff a b c q^2 < 4
    for order, growth in (("simultaneous", 1 + a * b * c * Q**2), ("alternating", 1)):
        moved = true_point.dirac_update(order, Q, c, 0, a, b) * sp.Matrix([w, x])
        before = true_point.dirac_invariant(order, w, x, Q, c, a, b)
        after = true_point.dirac_invariant(order, moved[0], moved[1], Q, c, a, b)
        assert sp.expand(after - growth * before) == 0
    # Its orbits are a family, one for each start: no limit cycle.
    assert theory.linear_orbit_is_never_isolated().is_zero_matrix


def test_KD_Rem_lambda0_played():
    paths = play(FEATURES, 1.0, [1.0], [1e-6], reg=0, lr=0.1, steps=2000)
    growth = 1 + 0.01 * (FEATURES.frequencies**2).mean()
    frame = np.abs(paths[:, 0])
    early, late = frame[:500].max(), frame[1500:].max()
    assert np.log(late / early) == pytest.approx(1500 * np.log(growth) / 2, rel=0.02)


def test_KD_Rem_lambda0_alternating_needs_small_steps():
    """Drop lr_disc lr_gen q^2 C < 4: alternating updates are unstable too."""
    matrix = np.array(true_point.dirac_update("alternating", 1, 1, 0, 2.1, 2.1), dtype=float)
    assert np.abs(np.linalg.eigvals(matrix)).max() > 1.1


# ---- corollary 1 -----------------------------------------------------------------------------------------------------


def supported(true_points, masses, held, kernel, reg, true_masses=None):
    """The largest real part at the state where generated point j sits at true point held[j]."""
    p = masses if true_masses is None else true_masses
    return stability.spectrum(true_points, p, true_points[list(held)], masses, kernel, reg=reg, lr_ratio=1.0).real.max()


@pytest.mark.parametrize("reg", [0.01, 0.3, 3.0])
def test_KD_Cor1(reg):
    """Three isolated points, all 27 states with support on them: the 6 permutations are stable, no other is."""
    true_points = np.array([[0.0], [100.0], [200.0]])
    for held in itertools.product(range(3), repeat=3):
        worst = supported(true_points, [1 / 3] * 3, held, ganth.RBF(1.0), reg)
        assert (worst < -1e-6) == (len(set(held)) == 3), held


def test_KD_Cor1_needs_equal_masses():
    """p = (0.8, 0.1, 0.1), q = 1/3 each: two generated points rest stably at the heavy point, one at another."""
    true_points = np.array([[0.0], [100.0], [200.0]])
    assert supported(true_points, [1 / 3] * 3, (0, 0, 1), ganth.RBF(1.0), 0.5, [0.8, 0.1, 0.1]) < -0.01


def test_KD_Cor1_needs_isolation():
    """True points one width apart: the collapsed states are no equilibria, so the corollary says nothing of them."""
    kernel, true_points = ganth.RBF(1.0), np.array([[0.0], [1.0]])
    residual = stability.equilibrium_residual(true_points, [0.5, 0.5], true_points[[0, 0]], [0.5, 0.5], kernel)
    assert residual > 0.1


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 2), rate)
def test_KD_New_noiso(seed, n, dim, reg):
    """P_g = P_r: f* = 0, Q = 0, and reg > 0 damps every mode, isolated or not, for random features too."""
    points = np.random.default_rng(seed).normal(size=(n, dim))
    assume(min(np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2)) > 0.2)
    masses = [1 / n] * n
    for kernel in (ganth.RBF(0.7), ganth.RandomFeatures(ganth.RBF(0.7), 40, dim, seed=seed)):
        damping, coupling = stability.quadratic_pencil(points, masses, points, masses, kernel, reg=reg, lr_ratio=1.0)
        assert np.abs(damping).max() < 1e-9
        assert np.linalg.eigvalsh(coupling)[0] > 0
        roots = stability.spectrum(points, masses, points, masses, kernel, reg=reg, lr_ratio=1.0)
        assert roots.real.max() < 0
        assert stability.max_lr_disc(roots, reg) > 0
    collapsed = points[[0, *range(n - 1)]]
    assert stability.equilibrium_residual(points, masses, collapsed, masses, ganth.RBF(0.7)) > 1e-6


def test_KD_New_noiso_needs_enough_features():
    """Drop 2 R >= n d: one frequency cannot tell three points on a line apart, and a mode is neutral."""
    points, masses = np.array([[0.0], [1.0], [2.5]]), [1 / 3] * 3
    features = ganth.RandomFeatures(ganth.RBF(1.0), 1, 1, seed=0)
    roots = stability.spectrum(points, masses, points, masses, features, reg=0.5, lr_ratio=1.0)
    assert np.abs(roots).min() < 1e-9


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 3))
def test_one_overfull_point_is_unstable_without_isolation(seed, n, dim):
    """RBF, equal masses, one point shared: reg tr Hess f* there is sum_l w_l h(r_l) > 0, so its pair parts."""
    points = np.random.default_rng(seed).normal(size=(n, dim))
    held = [0, 0, *range(2, n)]
    masses = [1 / n] * n
    damping, _ = stability.quadratic_pencil(points, masses, points[held], masses, ganth.RBF(1.0), reg=1.0, lr_ratio=1.0)
    assert np.trace(damping[:dim, :dim]) < 0
