"""MF, networks, algorithm, scheme, supervised learning: identities by differences, counterexamples by hand."""

import math

import naive_mean_field as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import ganth
from ganth.errors import ParameterError
from ganth.nn import SGD, RMSProp

PAIR = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.0625)
POINTS = np.linspace(-1, 1, 9)[:, None]
seeds = st.integers(0, 10**6)


def game(**settings):
    defaults = {"neurons": 5, "critic_neurons": 3, "lr": 0.3, "clip": 0.6, "batch": "full", "order": "simultaneous"}
    return ganth.MeanFieldWGAN(PAIR, **{**defaults, "nodes": 12, **settings})


def regression():
    return ganth.MeanFieldRegression(POINTS, np.sin(2 * POINTS[:, 0]))


@given(seeds)
def test_MF_exchangeability(seed):
    """Permuting units changes nothing; the critic has M of them, which may differ from N."""
    one, rng = game(), np.random.default_rng(seed)
    atoms, critic = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
    z = rng.normal(size=(4, 1))
    np.testing.assert_allclose(one.generator(atoms[rng.permutation(5)], z), one.generator(atoms, z), atol=1e-14)
    np.testing.assert_allclose(one.critic(critic[rng.permutation(3)], z), one.critic(critic, z), atol=1e-14)
    assert one.run(steps=0).recorded["critic"].shape[2] == 3 != one.neurons


@given(seeds)
def test_MF_algorithm(seed):
    """n_critic steps, not n_critic + 1; ascending E f(x) - E f(g) is our game with alpha -> -alpha."""
    alternating = game(order="alternating", n_critic=2, clip=None)
    run = alternating.run(steps=1, seed=seed)
    atoms, critic = run.particles[0, 0], run.recorded["critic"][0, 0]
    for _ in range(2):
        critic = critic + 0.3 / 3 * alternating.velocities(atoms, critic)[1]
    np.testing.assert_allclose(run.recorded["critic"][0, 1], critic, atol=1e-13)
    further = 0.3 / 3 * alternating.velocities(atoms, critic)[1]  # of t = 0, ..., n_critic as printed
    assert np.abs(further).max() > 1e-9
    mirror = critic * [-1, 1, 1]
    v, w = alternating.velocities(atoms, critic)
    v_mirror, w_mirror = alternating.velocities(atoms, mirror)
    np.testing.assert_allclose(-v_mirror, v, atol=1e-14)  # the printed generator's, which sees -Psi
    np.testing.assert_allclose(-w_mirror * [-1, 1, 1], w, atol=1e-14)


def test_MF_time_step():
    """With plain descent units move by alpha/N times a velocity; with RMSProp the 1/N is gone."""
    moves = {}
    for optimiser in (SGD(), RMSProp(decay=0.9, epsilon=0.0)):
        small = game(optimiser=optimiser).run(steps=1, seed=1)
        atoms, critic = small.particles[0, 0], small.recorded["critic"][0, 0]
        large = game(neurons=10, critic_neurons=6, optimiser=optimiser)
        run = large.run(np.repeat(atoms, 2, axis=0), critic=np.repeat(critic, 2, axis=0), steps=1)
        moves[type(optimiser)] = (run.final - run.particles[0, 0])[::2] / (small.final - atoms)
    np.testing.assert_allclose(moves[SGD], 0.5, rtol=1e-8)
    np.testing.assert_allclose(moves[RMSProp], 1.0, rtol=1e-8)


@given(seeds, st.floats(0.05, 3), st.integers(1, 3))
def test_MF_clip_lipschitz(seed, clip, dim):
    """No clipped critic is steeper than c^2 sqrt(K)/4, and one is as steep."""
    one = ganth.MeanFieldWGAN(np.zeros((1, dim)), neurons=1, critic_neurons=3, lr=1.0, clip=clip)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(50, dim)) * 5
    for atoms in (rng.uniform(-clip, clip, size=(3, dim + 2)), np.full((3, dim + 2), clip) * [*[1] * (dim + 1), 0]):
        critic = ganth.games.mean_field_wgan.SigmoidCritic(atoms)
        steep = np.linalg.norm(critic.gradient(np.vstack([x, np.zeros((1, dim))])), axis=1).max()
        assert steep <= one.lipschitz_bound * (1 + 1e-12)
    assert steep == pytest.approx(one.lipschitz_bound)


@given(st.floats(0.01, 1), seeds)
def test_MF_rmsprop(beta, seed):
    """False as printed; with its index corrected it is RMSProp of decay 1 - beta without epsilon: 0/0 at rest."""
    slopes = np.random.default_rng(seed).normal(size=(6, 3))
    mean, place, expected = np.zeros(3), np.zeros(3), []
    for slope in slopes:
        mean = (1 - beta) * mean + beta * slope**2
        expected.append(-0.1 * slope / np.sqrt(mean))
    optimiser = RMSProp(decay=1 - beta, epsilon=0.0)
    kept = optimiser.start(3)
    for k, slope in enumerate(slopes, start=1):
        before = place.copy()
        optimiser.step(place, slope.copy(), kept, rate=0.1, step=k)
        np.testing.assert_allclose(place - before, expected[k - 1], rtol=1e-9, atol=1e-12)
    at_rest = np.zeros(3)
    with np.errstate(all="ignore"):
        optimiser.step(at_rest, np.zeros(3), optimiser.start(3), rate=0.1, step=1)
    assert np.isnan(at_rest).all()


@given(st.floats(1e-6, 1e6), seeds)
def test_MF_New_rmsprop_scale(factor, seed):
    """Without epsilon steps do not depend on the slopes' scale."""
    slopes, ends = np.random.default_rng(seed).normal(size=(5, 3)), []
    for scale in (1.0, factor):
        optimiser, place = RMSProp(decay=0.9, epsilon=0.0), np.zeros(3)
        kept = optimiser.start(3)
        for k, slope in enumerate(slopes, start=1):
            optimiser.step(place, scale * slope, kept, rate=0.1, step=k)
        ends.append(place)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9)


@given(seeds)
def test_MF_discrete_scheme(seed):
    """A simultaneous step is the scheme; a critic's unit has K + 2 parameters, not 1 + L + 1."""
    one = game(n_critic=2)
    run = one.run(steps=1, seed=seed)
    v, w = one.velocities(run.particles[0, 0], run.recorded["critic"][0, 0])
    np.testing.assert_allclose(run.final, run.particles[0, 0] + one.time_step * v, atol=1e-14)
    moved = run.recorded["critic"][0, 0] + one.critic_speed * one.time_step * w
    np.testing.assert_allclose(run.recorded["critic"][0, 1], np.clip(moved, -0.6, 0.6), atol=1e-14)
    plane = ganth.MeanFieldWGAN(np.zeros((1, 2)), neurons=2, lr=1.0).run(steps=0)
    assert plane.recorded["critic"].shape[-1] == 4 != 1 + 1 + 1


@given(seeds)
def test_MF_wgan_pde(seed):
    """Velocities are N and M times the slopes of Psi, by differences, down and up."""
    one, rng = game(), np.random.default_rng(seed)
    atoms, critic, nodes = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), game(nodes=3).expectations()
    small = game(nodes=3, neurons=2, critic_neurons=2)
    v, w = small.velocities(atoms, critic)
    np.testing.assert_allclose(v, -2 * naive.slopes(lambda a: naive.objective(a, critic, *nodes), atoms), atol=1e-8)
    np.testing.assert_allclose(w, 2 * naive.slopes(lambda a: naive.objective(atoms, a, *nodes), critic), atol=1e-8)
    assert one.critic_speed == pytest.approx(5 / 3)


@given(st.floats(1e-9, 0.5))
def test_MF_projection(gap):
    """Inside the whole push is felt, on the wall none: the projection jumps."""
    at = {"neurons": 1, "critic_neurons": 1, "lr": 1e-10, "clip": 0.6}
    one = ganth.MeanFieldWGAN([[1.0]], batch="full", nodes=2, **at)
    atoms = [[6.0, 0.0, 0.0]]
    for distance, felt in ((gap, 1.0), (0.0, 0.0)):
        critic = np.array([[0.6 - distance, 0.25, 0.0]])
        push = one.velocities(atoms, critic)[1][0, 0]
        run = one.run(atoms, critic=critic, steps=1)
        assert push > 0
        moved = run.recorded["critic"][0, 1, 0, 0] - run.recorded["critic"][0, 0, 0, 0]
        assert moved == pytest.approx(felt * 1e-10 * push, rel=1e-3, abs=1e-18)


@given(seeds)
def test_MF_sgd_gradient(seed):
    """d E/d theta_i = (2/N) int (g - g*) d sigma for E without 1/2."""
    task, atoms = regression(), np.random.default_rng(seed).normal(size=(4, 3))
    slope = naive.slopes(lambda at: 2 * task.energy(at), atoms)
    np.testing.assert_allclose(slope, -2 / 4 * task.velocity(atoms), atol=1e-8)


@given(seeds)
def test_MF_sgd_discretisation(seed):
    """The mean of a one-point step over the points is the flow's step."""
    task, atoms = regression(), np.random.default_rng(seed).normal(size=(3, 3))
    steps = []
    for point, value in zip(POINTS, task.values, strict=True):
        alone = ganth.MeanFieldRegression(point[None], [value])
        steps.append(alone.velocity(atoms))
    np.testing.assert_allclose(np.mean(steps, axis=0), task.velocity(atoms), atol=1e-13)
    drawn = task.descend(atoms, steps=1, time_step=1.0, batch=1, seed=seed) - atoms
    assert min(np.abs(drawn - step).max() for step in steps) < 1e-12


@given(seeds)
def test_MF_sgd_pde_sign(seed):
    """False: under -grad E the mean of |theta|^2 moves against what the printed equation says."""
    task, atoms = regression(), np.random.default_rng(seed).normal(size=(4, 3))
    v = -2 * task.velocity(atoms)  # V of the slide
    printed = (2 * atoms * v / 4).sum(axis=1).mean()
    step = 1e-6
    slope = naive.slopes(lambda at: 2 * task.energy(at), atoms)
    for sign in (-1.0, 1.0):  # down the energy, and up
        moved = atoms + sign * step * slope
        seen = (np.square(moved).sum(axis=1).mean() - np.square(atoms).sum(axis=1).mean()) / step
        assert seen == pytest.approx(sign * printed, abs=1e-4)


@given(seeds)
def test_MF_gradient_flow(seed):
    """Half of V, with a minus: then dE/dt is minus the mean square velocity."""
    task, atoms = regression(), np.random.default_rng(seed).normal(size=(4, 3))
    velocity = task.velocity(atoms)
    step = 1e-5
    up, down = (task.energy(atoms + s * velocity) for s in (step, -step))
    assert (up - down) / (2 * step) == pytest.approx(-np.square(velocity).sum(axis=1).mean(), abs=1e-8)


@given(seeds)
def test_MF_aggregation(seed):
    """The energy is half the mean of W plus the mean of V plus C, and its velocity the gradient of W * mu + V."""
    task, atoms = regression(), np.random.default_rng(seed).normal(size=(4, 3))
    both = 0.5 * task.interaction(atoms, atoms).mean() + task.potential(atoms).mean() + task.constant
    assert both == pytest.approx(task.energy(atoms), abs=1e-13)
    field = naive.slopes(lambda at: float(task.interaction(at, atoms).mean() + task.potential(at)[0]), atoms[:1])
    np.testing.assert_allclose(task.velocity(atoms)[0], -field[0], atol=1e-8)


def test_MF_lln():
    """The spread of the empirical law falls like 1/N under the flow; with the printed sign the energy would rise."""
    task = regression()
    spread = []
    for n in (8, 128):
        ends = [task.descend(ganth.streams.normal(5, (n, 3), trial=k), steps=5, time_step=0.2) for k in range(40)]
        spread.append(np.var([np.square(end).sum(axis=1).mean() for end in ends]))
    assert 6 < spread[0] / spread[1] < 40
    atoms = ganth.streams.normal(6, (16, 3))
    assert task.energy(atoms + 0.01 * task.velocity(atoms)) < task.energy(atoms)
    assert task.energy(atoms - 0.01 * task.velocity(atoms)) > task.energy(atoms)


def test_MF_target_variance():
    """False: a variance is not negative, and two equal means give one mode."""
    with pytest.raises(ParameterError, match="variances must be > 0"):
        ganth.targets.GaussianMixture([[0.0], [0.0]], [-1.0, 1.0])
    x = np.linspace(-4, 4, 801)[:, None]
    for means, modes in (([[0.0], [0.0]], 1), ([[-1.0], [1.0]], 2)):
        density = ganth.targets.GaussianMixture(means, 0.0625).log_density(x)
        assert ((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])).sum() == modes


def test_MF_video():
    """The game of K = L = 1 on two modes, played: it moves on when it has come close."""
    one = ganth.MeanFieldWGAN(PAIR, neurons=32, lr=1.0, n_critic=5, clip=2.0, batch="full", nodes=16)
    run = one.run(steps=4000, seed=1, record_every=100)
    z = stats.norm.ppf((np.arange(200) + 0.5) / 200)[:, None]
    means = np.array([one.generator(atoms, z).mean() for atoms in run.particles[0]])
    assert np.ptp(means) > 0.1
    assert math.isfinite(means[-1])
