"""KD, sections 2 and 6, App. G: the game's equations and isolation, claim by claim.

Theory: gradient ascent on a loss linear in theta but for -reg/2 |theta|^2 acts on f = a . theta through K = a^T a only;
kernels that vanish between regions decouple them; a bounded coupling moves an exponentially stable state by O(eps).
"""

import naive_game
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.theory import game as theory

RATES = {"reg": 0.1, "lr_disc": 0.02, "lr_gen": 0.05}
seeds = st.integers(0, 1000)


@given(seed=seeds, n=st.integers(1, 3), m=st.integers(1, 3), dim=st.integers(1, 3))
def test_KD_Eq4_9(seed, n, m, dim):
    """Ascent (4) in parameters is (5) in function space, symbolically for any map and over 40 steps of a game."""
    rng = np.random.default_rng(seed)
    true_points, start = rng.normal(size=(n, dim)), rng.normal(size=(m, dim))
    p, q = rng.uniform(0.1, 1, n), rng.uniform(0.1, 1, m)
    game = ganth.KernelGAN(true_points, p, kernel=ganth.RBF(0.8), n_frequencies=12, **RATES)
    run = game.run(start, q, steps=40, seed=seed)
    features = ganth.RandomFeatures(ganth.RBF(0.8), 12, dim, seed)
    particles, value = naive_game.play_in_function_space(features, true_points, p, start, q, steps=40, **RATES)
    np.testing.assert_allclose(run.final, particles, rtol=1e-9, atol=1e-10)
    probes = rng.normal(size=(5, dim))
    np.testing.assert_allclose(run.discriminator(probes), value(probes), rtol=1e-9, atol=1e-10)


def test_KD_Eq4_9_symbolically():
    assert theory.function_space_gap() == 0
    assert theory.generator_gap() == 0


@given(seed=seeds, ranks=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_KD_Eq10_12_projected_parameters(seed, ranks):
    """If a(x) . a(x') = 0 between regions, the projected theta_i obeys (12a), with lambda theta_i^k."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(sum(ranks), sum(ranks))))[0]
    first, second = np.split(basis, [ranks[0]], axis=1)
    here = first @ rng.normal(size=(ranks[0], 4))  # features of points in V_1, as columns
    there = second @ rng.normal(size=(ranks[1], 4))
    projector = first @ first.T
    theta = rng.normal(size=sum(ranks))
    p, q, rate, reg = 0.5, 0.3, 0.1, 0.2
    full = theta + rate * (p * (here[:, 0] + there[:, 0]) - q * (here[:, 1] + there[:, 1]) - reg * theta)
    part = projector @ theta
    regional = part + rate * (p * here[:, 0] - q * here[:, 1] - reg * part)
    np.testing.assert_allclose(projector @ full, regional, atol=1e-12)
    np.testing.assert_allclose(here.T @ full, here.T @ regional, atol=1e-12)  # f on V_1 needs theta_1 only


def test_KD_Eq10_12():
    """Isolation decouples regions up to rounding; a generated point in no region must be isolated too."""
    far, near = np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([[0.3, 0.1], [100.2, -0.1]])
    joint = ganth.KernelGAN(far, [0.5, 0.5], kernel=ganth.RBF(1.0), **RATES)
    both = joint.run(near, [0.4, 0.6], steps=200).final
    one = ganth.KernelGAN(far[:1], [0.5], kernel=ganth.RBF(1.0), **RATES).run(near[:1], [0.4], steps=200).final
    np.testing.assert_allclose(both[0], one[0], atol=1e-11)
    stray = joint.run(np.vstack([near, [[0.0, 2.0]]]), [0.4, 0.6, 0.5], steps=200).final
    assert np.abs(stray[0] - both[0]).max() > 1e-4


def test_KD_Eq10_12_needs_isolation():
    """Drop (10): regions two widths apart are not on their own."""
    close, near = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[0.3, 0.1], [2.2, -0.1]])
    joint = ganth.KernelGAN(close, [0.5, 0.5], kernel=ganth.RBF(1.0), **RATES).run(near, [0.4, 0.6], steps=200).final
    one = ganth.KernelGAN(close[:1], [0.5], kernel=ganth.RBF(1.0), **RATES).run(near[:1], [0.4], steps=200).final
    assert np.abs(joint[0] - one[0]).max() > 1e-3
    assert ganth.RBF(1.0).gram([[0.0]], [[8.0]])[0, 0] > 0  # and for an RBF (10) is never exact in real numbers


@given(distance=st.floats(0.01, 5.0), width=st.floats(0.3, 3.0), reg=st.floats(0.05, 1.0))
def test_KD_Eq26(distance, width, reg):
    """-f* at the generated point is (1 - K) / reg; with unequal masses it is not half the squared MMD."""
    expected = (1 - np.exp(-(distance**2) / (2 * width**2))) / reg
    symbolic = theory.converged_loss().subs(
        {theory.mass: 1, theory.true_mass: 1, theory.distance: distance, theory.width: width, theory.reg: reg}
    )
    assert float(symbolic) == pytest.approx(expected, rel=1e-9)
    value = ganth.discriminators.KernelExpansion(ganth.RBF(width), [[0.0], [distance]], [1 / reg, -1 / reg])
    assert -float(value([[distance]])[0]) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    half_mmd = ganth.metrics.mmd2([[0.0]], [[distance]], ganth.RBF(width), [1.0], [1.0]) / (2 * reg)
    assert half_mmd == pytest.approx(expected, rel=1e-9, abs=1e-12)
    unequal = {theory.mass: sp.Rational(1, 2), theory.true_mass: 1}
    assert sp.simplify((theory.converged_loss() - theory.converged_mmd()).subs(unequal)) != 0


def test_KD_Rem_widthgrad():
    """The slope of (26) vanishes near for wide kernels, far for narrow ones; the best width at r is r/sqrt 2."""
    slope = theory.loss_slope()
    assert sp.limit(slope, theory.width, sp.oo) == 0
    assert sp.limit(slope, theory.width, 0, "+") == 0
    best = sp.solve(sp.diff(slope, theory.width), theory.width)
    assert [sp.simplify(b - theory.distance / sp.sqrt(2)) for b in best] == [0]
    value = sp.lambdify((theory.distance, theory.width, theory.reg), slope)
    assert value(1.0, 100.0, 1.0) < 1e-3 * value(1.0, 0.5**0.5, 1.0)
    assert value(1.0, 0.1, 1.0) < 1e-3 * value(1.0, 0.5**0.5, 1.0)


@given(width=st.floats(0.1, 200.0), reg=st.floats(0.05, 1.0), mass=st.floats(0.2, 2.0), lr_ratio=st.floats(0.2, 5.0))
def test_KD_Rem_wideslow(width, reg, mass, lr_ratio):
    """At P_g = P_r the slowest rate is reg/2 for every width below 2 q sqrt(mu)/reg: wider is slower only beyond."""
    roots = ganth.stability.spectrum([0.0], mass, [[0.0]], [mass], ganth.RBF(width), reg=reg, lr_ratio=lr_ratio)
    rate = theory.rest_rate().subs(
        {theory.width: width, theory.reg: reg, theory.mass: mass, sp.Symbol("lr_ratio", positive=True): lr_ratio}
    )
    slowest = -roots.real.max()
    assert slowest == pytest.approx(float(rate), rel=1e-6, abs=1e-9)
    if width < 2 * mass * lr_ratio**0.5 / reg * (1 - 1e-6):
        assert slowest == pytest.approx(reg / 2, rel=1e-6)
    else:
        assert slowest <= reg / 2 * (1 + 1e-6)


def test_KD_Rem_wideslow_beyond_the_threshold_wider_is_slower():
    rates = [
        -ganth.stability.spectrum([0.0], 1.0, [[0.0]], [1.0], ganth.RBF(w), reg=0.2, lr_ratio=1.0).real.max()
        for w in (5.0, 20.0, 40.0, 80.0)
    ]
    assert rates[0] == pytest.approx(0.1)
    assert rates[0] > rates[1] > rates[2] > rates[3]
    assert rates[2] / rates[3] == pytest.approx(4, rel=0.1)  # as 1 / width^2


def test_KD_Eq122():
    """(122b) has lost the mass: its step is 1/q times that of (11b); with the mass back the two agree."""
    game = ganth.KernelGAN([[0.0]], [1.0], kernel=ganth.RBF(1.0), **RATES)
    for mass in (0.4, 0.25):
        before, after = (game.run([[0.5]], [mass], steps=s) for s in (1, 2))
        gradient = before.discriminator_of().gradient([[0.5]])[0, 0]
        step = float(after.final[0, 0] - before.final[0, 0])
        assert RATES["lr_gen"] * mass * gradient == pytest.approx(step, rel=1e-9)
        assert RATES["lr_gen"] * gradient / step == pytest.approx(1 / mass, rel=1e-9)


def shift(gap, p=0.6, q=0.4, reg=1.0):
    kernel, true_points = ganth.RBF(1.0), np.array([[0.0], [gap]])
    game = ganth.KernelGAN(true_points, [p, p], kernel=kernel, reg=reg, lr_disc=0.1, lr_gen=0.1)
    final = game.run(true_points, [q, q], steps=3000).final
    reach = gap - 2 * np.abs(final - true_points).max()
    eps = np.abs(kernel.gradient([[0.0]], [[reach]])).max()
    coupling = np.abs(p * kernel.gradient(final[:1], true_points[1:]) - q * kernel.gradient(final[:1], final[1:])).max()
    return eps, np.abs(final - true_points).max(), coupling


def test_KD_Eq127_129():
    """The shift of an exponentially stable equilibrium is proportional to the coupling, and |v| <= 2 eps."""
    eps, moved, coupling = np.array([shift(gap) for gap in (4.0, 5.0, 6.0)]).T
    assert (coupling <= 2 * eps).all()
    constants = moved / eps
    assert constants.max() < 2 * constants.min()
    assert moved[0] > 1e-5


def test_KD_Eq127_129_needs_exponential_stability():
    """A collapsed pair in the plane is neutral to rotation: weak coupling turns it by O(1), whatever eps."""
    radius, axes, _ = ganth.stability.collapse_equilibrium(2, 2, 1.0)
    rates = {"reg": 2.0, "lr_disc": 0.2, "lr_gen": 0.2}
    for gap, steps in ((3.5, 3000), (4.0, 12_000)):
        # a light true point far along the x axis; the pair starts a little off the y axis
        game = ganth.KernelGAN([[0.0, 0.0], [gap, 0.0]], [1.0, 0.5], kernel=ganth.RBF(1.0), **rates)
        turned = axes @ np.array([[np.cos(1.4), np.sin(1.4)], [-np.sin(1.4), np.cos(1.4)]])
        alone = ganth.KernelGAN([[0.0, 0.0]], [1.0], kernel=ganth.RBF(1.0), **rates)
        free = alone.run(turned, [1.0, 1.0], steps=500).final
        pulled = game.run(turned, [1.0, 1.0], steps=steps).final
        assert np.abs(np.linalg.norm(free, axis=1) - radius).max() < 1e-3
        assert np.abs(free - turned).max() < 1e-2  # alone it stays where it is put
        assert np.abs(pulled - turned).max() > 0.3  # coupled it turns by O(1)


@given(seed=seeds, n=st.integers(1, 8))
def test_KD_Eq134(seed, n):
    """beta is a ratio of W2, not of its square; W2 is POT's optimum."""
    import ot

    rng = np.random.default_rng(seed)
    true_points, before, after = rng.normal(size=(3, n, 2))
    uniform = np.full(n, 1 / n)
    squares = [ot.emd2(uniform, uniform, ot.dist(cloud, true_points)) for cloud in (before, after)]
    beta = ganth.metrics.wasserstein2(after, true_points) / ganth.metrics.wasserstein2(before, true_points)
    assert beta == pytest.approx(np.sqrt(squares[1] / squares[0]), rel=1e-10)
    scaled = ganth.metrics.wasserstein2(3 * after, 3 * true_points) / ganth.metrics.wasserstein2(before, true_points)
    assert scaled == pytest.approx(3 * beta, rel=1e-10)  # a squared distance would give 9
