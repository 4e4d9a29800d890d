"""ED sections II, III, V and app. A: the players' steps, the particle law, and matrices of two values."""

import math

import naive_coupling as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.games.effective import coupled
from ganth.stability import local_weight
from ganth.theory import effective as theory

seeds = st.integers(0, 2**32)
sizes = st.integers(2, 9)
RATIOS = st.floats(0.0, 1.0)
LINE = ganth.targets.GaussianMixture([[0.0]], 1.0)


def game_of(n, ratio, **settings):
    return ganth.EffectiveGAN(LINE, n_particles=n, ntk_ratio=ratio, lr_disc=0.1, lr_gen=0.1, **settings)


def random_generator(seed, n_seeds=4, dim=2):
    """Return (outputs of parameters, parameters) of a generator that is nonlinear in everything."""
    rng = np.random.default_rng(seed)
    mixing, inputs = rng.normal(size=(dim, 6)), rng.normal(size=(n_seeds, 6))
    return lambda theta: np.sin(inputs * theta + theta[::-1]) @ mixing.T, rng.normal(size=6)


def wave(x):
    """Return a discriminator at points (n, 2) and its gradient."""
    gradient = np.stack([np.cos(x[:, 0] + 2 * x[:, 1]), 2 * np.cos(x[:, 0] + 2 * x[:, 1]) - 0.6 * x[:, 1]], axis=1)
    return np.sin(x[:, 0] + 2 * x[:, 1]) - 0.3 * x[:, 1] ** 2, gradient


def differences(function, at, step=1e-6):
    return np.stack([(function(at + step * e) - function(at - step * e)) / (2 * step) for e in np.eye(len(at))], -1)


def test_ED_Eq3_11():
    assert set(theory.objective_gaps()) == {0}


@given(seed=seeds)
def test_ED_Eq3_11_both_players_gain_what_their_gradient_says(seed):
    """A small step down L_D raises L by rate |grad|^2, one down L_G lowers it; averages over batches are the whole."""
    outputs, theta = random_generator(seed)
    rng = np.random.default_rng(seed)
    data, frequencies, weights = rng.normal(size=(3, 2)), rng.normal(size=(5, 2)), rng.normal(size=5)

    def value(phi, t, x=data):  # (4)
        return (np.cos(x @ frequencies.T) @ phi).mean() - (np.cos(outputs(t) @ frequencies.T) @ phi).mean()

    of_disc = -differences(lambda phi: -value(phi, theta), weights)
    of_gen = -differences(lambda t: value(weights, t), theta)
    step = 1e-6
    gained = value(weights + step * of_disc, theta) - value(weights, theta)
    lost = value(weights, theta) - value(weights, theta + step * of_gen)
    assert gained == pytest.approx(step * of_disc @ of_disc, rel=1e-3)
    assert lost == pytest.approx(step * of_gen @ of_gen, rel=1e-2, abs=1e-14)
    batches = [differences(lambda phi, x=x: value(phi, theta, x[None]), weights) for x in data]
    np.testing.assert_allclose(np.mean(batches, axis=0), of_disc, atol=1e-7)


def test_ED_Eq16():
    assert theory.particle_law_gap(size=2, dim=2, count=2) == sp.zeros(2, 2)


@given(seed=seeds)
def test_ED_Eq16_one_small_step_of_any_generator(seed):
    outputs, theta = random_generator(seed)
    n = len(outputs(theta))
    jacobian = differences(outputs, theta)
    kernel = np.einsum("aik,bjk->abij", jacobian, jacobian)
    law = np.einsum("abij,bj->ai", kernel, wave(outputs(theta))[1]) / n
    ascent = differences(lambda t: wave(outputs(t))[0].mean(), theta)

    def moved(rate):
        return (outputs(theta + rate * ascent) - outputs(theta)) / rate

    # Finite steps are first order beside the law: extrapolated to rate 0 nothing is left.
    small = 1e-4 / (np.abs(ascent).max() + 1e-3)
    scale = np.abs(moved(small)).max() + 1e-3
    np.testing.assert_allclose(2 * moved(small) - moved(2 * small), law, rtol=0, atol=1e-5 * scale)
    first, second = (np.abs(moved(k * small) - law).max() for k in (100, 50))
    assert 1.8 < first / second < 2.2


def test_ED_Eq26():
    assert theory.velocity_gap(3) == sp.zeros(3, 1)
    assert theory.velocity_gap(5) == sp.zeros(5, 1)


@given(n=sizes, ratio=RATIOS, seed=seeds)
def test_ED_Eq26_is_the_double_sum(n, ratio, seed):
    gradients = np.random.default_rng(seed).normal(size=(n, 2))
    g1, g2 = game_of(n, ratio).ntk_values
    expected = (g1 - g2) / n * gradients + g2 * gradients.mean(axis=0)
    np.testing.assert_allclose(naive.velocities(naive.two_values(n, ratio, "mean"), gradients), expected, atol=1e-12)
    np.testing.assert_allclose(coupled(game_of(n, ratio), gradients), expected, atol=1e-12)
    np.testing.assert_allclose(coupled(game_of(n, 0.0, normalisation="diagonal"), gradients), gradients, atol=1e-12)


def test_ED_AppA_vel():
    first, second = theory.normalised_values()
    at = {theory.g1: first, theory.g2: second}
    assert sp.simplify(theory.coincident_weight().subs(at)) == 1
    assert [sp.simplify(v.subs(theory.ratio, 0)) for v in (first, second)] == [theory.n, 0]
    assert [sp.simplify(v.subs(theory.ratio, 1)) for v in (first, second)] == [1, 1]


@given(n=sizes, ratio=RATIOS, seed=seeds)
def test_ED_AppA_vel_of_particles_at_one_point(n, ratio, seed):
    gradient = np.random.default_rng(seed).normal(size=2)
    together = np.tile(gradient, (n, 1))
    np.testing.assert_allclose(coupled(game_of(n, ratio), together), together, atol=1e-12)
    # With g1 = N instead the drift grows with the ratio: App. A's reason for its normalisation.
    drift = coupled(game_of(n, ratio, normalisation="diagonal"), together)
    np.testing.assert_allclose(drift, (1 + (n - 1) * ratio) * together, atol=1e-10)


def test_ED_AppA_fair():
    """Equal drift, unequal splitting: over one and the same path log growth is eps times a common number."""

    def slope(x):
        return x / np.sqrt(1 + x**2)

    start = 0.05 + 1e-6 * np.linspace(-1, 1, 20)[:, None]
    growth, ends = {}, {}
    for ratio in (0.0, 0.02, 0.1, 0.5, 1.0):
        last = naive.climb(naive.two_values(20, ratio, "mean"), slope, start, 0.01, 300)
        growth[ratio], ends[ratio] = np.log(last.std() / start.std()), last.mean()
    assert np.ptp(list(ends.values())) < 1e-9
    assert growth[0.0] > 2
    for ratio, value in growth.items():
        assert value == pytest.approx(local_weight(ratio, 20) * growth[0.0], rel=0.02, abs=1e-9)
    assert growth[0.1] < growth[0.0] / 3  # a comparison at equal T is not one at equal stages of splitting


def test_ED_AppA_eig():
    assert sp.simplify(theory.printed_other_eigenvalue() - theory.other_eigenvalue()) == 0
    for size in (2, 3, 4):
        constant, other = (sp.expand(v.subs(theory.n, size)) for v in theory.gram_eigenvalues())
        assert theory.gram(size).eigenvals() == {constant: 1, other: size - 1}


@given(n=sizes, ratio=RATIOS)
def test_ED_AppA_eig_of_a_solver(n, ratio):
    values = np.sort(np.linalg.eigvalsh(naive.two_values(n, ratio, "mean")))
    assert values[-1] == pytest.approx(n)
    printed = n / (n - 1) * (n / ((n - 1) * ratio + 1) - 1)
    np.testing.assert_allclose(values[:-1], printed, atol=1e-10 * n)
    assert local_weight(ratio, n) == pytest.approx(printed / n, abs=1e-12)


def test_ED_Eq27():
    assert theory.kinetic_gap(size=2, dim=2, count=2) == 0


@given(seed=seeds)
def test_ED_Eq27_in_the_tangent_kernel(seed):
    outputs, theta = random_generator(seed)
    local = wave(outputs(theta))[1]
    jacobian = differences(outputs, theta)
    kernel = np.einsum("aik,bjk->abij", jacobian, jacobian)
    ascent = differences(lambda t: wave(outputs(t))[0].mean(), theta)
    form = np.einsum("ai,abij,bj->", local, kernel, local) / len(local) ** 2
    assert ascent @ ascent == pytest.approx(form, rel=1e-5, abs=1e-8)


def test_ED_New_gram():
    for size in (2, 3, 5):
        least = {sp.expand(v.subs(theory.n, size)) for v in theory.gram_eigenvalues()}
        assert set(theory.gram(size).eigenvals()) == least
    u = theory.preactivation
    assert theory.orthogonal_value(sp.erf(u), sp.diff(sp.erf(u), u), biases=False) == 0
    assert theory.orthogonal_value(sp.Max(0, u), sp.Heaviside(u), biases=False) == 1 / (2 * sp.pi)
    assert theory.orthogonal_value(sp.erf(u), sp.diff(sp.erf(u), u), biases=True) == 4 / (3 * sp.pi)


@given(n=sizes, g1=st.floats(-5, 5), share=st.floats(-1.5, 1.5))
def test_ED_New_gram_is_semidefinite_where_both_inequalities_hold(n, g1, share):
    g2 = share * g1 / (n - 1 if share < 0 else 1)
    values = np.linalg.eigvalsh(np.where(np.eye(n, dtype=bool), g1, g2))
    margin = min(g1 - g2, g1 + (n - 1) * g2)
    assert values.min() == pytest.approx(margin, abs=1e-9)


@pytest.mark.parametrize("odd", [math.tanh, math.erf, math.atan])
def test_ED_New_gram_an_odd_activation_leaves_nothing_between_orthogonal_inputs(odd):
    """E s(u) s(v) over independent u, v by Gauss-Hermite quadrature; trained biases add (E s')^2 > 0."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    values = np.array([odd(x) for x in nodes])
    assert weights @ values == pytest.approx(0, abs=1e-15)
    assert weights @ (nodes * values) > 0.3  # E s' by Stein's identity
    assert weights @ np.maximum(nodes, 0) > 0.3  # ReLU is not odd
