"""The mean-field WGAN: its slopes, its steps, its draws and its regression."""

import naive_mean_field as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.errors import ParameterError, ShapeError
from ganth.games import mean_field
from ganth.nn import SGD, Adam, RMSProp

PAIR = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.04)
sizes = st.integers(1, 4)


def cloud(rng, neurons, dim):
    return rng.normal(size=(neurons, dim))


@given(sizes, sizes, st.integers(1, 2), st.integers(1, 2), st.integers(0, 10**6))
def test_velocities_are_slopes_of_the_naive_objective(neurons, critics, dim, latents, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(3, dim))
    game = ganth.MeanFieldWGAN(
        points, neurons=neurons, critic_neurons=critics, latent_dim=latents, lr=0.1, batch="full", nodes=3
    )
    atoms, omega = cloud(rng, neurons, dim * (latents + 2)), cloud(rng, critics, dim + 2)
    nodes = game.expectations()
    assert game.objective(atoms, omega) == pytest.approx(naive.objective(atoms, omega, *nodes), abs=1e-13)
    v, w = game.velocities(atoms, omega)
    slope = naive.slopes(lambda at: naive.objective(at, omega, *nodes), atoms)
    climb = naive.slopes(lambda at: naive.objective(atoms, at, *nodes), omega)
    np.testing.assert_allclose(v, -neurons * slope, atol=1e-9)
    np.testing.assert_allclose(w, critics * climb, atol=1e-9)


@given(sizes, sizes, st.integers(1, 3), st.sampled_from(["alternating", "simultaneous"]), st.integers(0, 10**6))
def test_a_full_iteration_is_eulers_rule(neurons, critics, n_critic, order, seed):
    game = ganth.MeanFieldWGAN(
        PAIR, neurons=neurons, critic_neurons=critics, lr=0.7, n_critic=n_critic, clip=0.4, batch="full", order=order
    )
    run = game.run(steps=1, seed=seed)
    atoms, omega = run.particles[0, 0], run.recorded["critic"][0, 0]
    v, w = game.velocities(atoms, omega)
    if order == "simultaneous":
        omega = np.clip(omega + game.critic_speed * game.time_step * w, -0.4, 0.4)
    else:
        for _ in range(n_critic):
            omega = np.clip(omega + 0.7 / critics * game.velocities(atoms, omega)[1], -0.4, 0.4)
        v = game.velocities(atoms, omega)[0]
    np.testing.assert_allclose(run.recorded["critic"][0, 1], omega, atol=1e-14)
    np.testing.assert_allclose(run.final, atoms + game.time_step * v, atol=1e-14)


@pytest.mark.parametrize("optimiser", [SGD(momentum=0.9), RMSProp(decay=0.9), RMSProp(decay=0.5, epsilon=1e-3), Adam()])
def test_optimisers_are_those_of_nn(optimiser):
    game = ganth.MeanFieldWGAN(PAIR, neurons=4, critic_neurons=3, lr=0.05, batch="full", optimiser=optimiser, clip=1.0)
    run = game.run(steps=3, seed=2)
    atoms, omega = run.particles[0, 0].copy(), run.recorded["critic"][0, 0].copy()
    kept, kept_critic = optimiser.start(atoms.size), optimiser.start(omega.size)
    for step in (1, 2, 3):
        optimiser.step(
            omega.reshape(-1), -game.velocities(atoms, omega)[1].ravel() / 3, kept_critic, rate=0.05, step=step
        )
        np.clip(omega, -1, 1, out=omega)
        optimiser.step(atoms.reshape(-1), -game.velocities(atoms, omega)[0].ravel() / 4, kept, rate=0.05, step=step)
    np.testing.assert_allclose(run.final, atoms, atol=1e-12)
    np.testing.assert_allclose(run.recorded["critic"][0, -1], omega, atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2])
def test_a_batch_has_the_mean_of_the_expectation(dim):
    target = ganth.targets.GaussianMixture([[-1.0] * dim, [1.0] * dim], [0.04, 0.3], [0.3, 0.7])
    settings = {"neurons": 3, "latent_dim": dim, "lr": 1.0, "order": "simultaneous"}
    game = ganth.MeanFieldWGAN(target, batch=1, **settings)
    first = game.run(steps=0, seed=5)
    atoms, omega = first.particles[0, 0], first.recorded["critic"][0, 0]
    many = game.run(atoms, critic=omega, steps=1, trials=40_000, seed=5)
    v, w = game.velocities(atoms, omega)
    for moves, mean in ((many.final - atoms, v / 3), (many.recorded["critic"][:, -1] - omega, w / 3)):
        spread = moves.std(axis=0) / 200
        assert (np.abs(moves.mean(axis=0) - mean) < 4.5 * spread + 1e-12).all()


def test_runs_are_split_and_saved_like_any_game(tmp_path):
    for optimiser in (SGD(), RMSProp(decay=0.9)):
        game = ganth.MeanFieldWGAN(PAIR, neurons=6, lr=0.3, n_critic=2, clip=0.5, batch=3, optimiser=optimiser)
        whole = game.run(steps=30, trials=3, seed=7, record_every=5)
        parts = game.run(steps=10, trials=3, seed=7, record_every=5).extend(20)
        again = ganth.Run.load(parts.save(tmp_path / "run"))
        for one in (parts, again, game.run(steps=30, trials=3, seed=7, record_every=5, threads=1)):
            np.testing.assert_array_equal(whole.particles, one.particles)
            np.testing.assert_array_equal(whole.recorded["critic"], one.recorded["critic"])
        alone = game.run(steps=30, first_trial=2, seed=7, record_every=5)
        np.testing.assert_array_equal(alone.particles[0], whole.particles[2])
        x = np.array([[0.3], [-2.0]])
        critic = whole.recorded["critic"][0, -1]
        np.testing.assert_allclose(whole.discriminator(x), [naive.critic(critic, p) for p in x], atol=1e-14)
        assert np.abs(whole.recorded["critic"]).max() <= 0.5


def test_point_masses_and_generator():
    game = ganth.MeanFieldWGAN([[0.0, 1.0], [2.0, 3.0]], neurons=2, latent_dim=3, lr=0.1)
    run = game.run(steps=2, seed=1)
    z = np.ones((1, 3))
    np.testing.assert_allclose(game.generator(run.final, z)[0], naive.generator(run.final, z[0], 2), atol=1e-14)
    assert game.critic_speed == 1.0
    assert game.lipschitz_bound == np.inf


def test_divergence_keeps_the_last_finite_atoms():
    game = ganth.MeanFieldWGAN(PAIR, neurons=2, lr=1e308, batch=1)
    with pytest.warns(ganth.DivergenceWarning):
        run = game.run(steps=50, seed=1, record_every=1)
    lost = run.diverged_at[0]
    assert lost > 0
    for kept in (run.particles[0], run.recorded["critic"][0]):
        assert np.isfinite(kept).all()
        assert (kept[lost:] == kept[lost - 1]).all()


@given(sizes, st.integers(1, 3), st.integers(0, 10**6))
def test_the_regression_is_an_aggregation_equation(neurons, dim, seed):
    rng = np.random.default_rng(seed)
    task = mean_field.MeanFieldRegression(rng.normal(size=(5, dim)), rng.normal(size=5))
    atoms = cloud(rng, neurons, dim + 2)
    both = 0.5 * task.interaction(atoms, atoms).mean() + task.potential(atoms).mean() + task.constant
    assert both == pytest.approx(task.energy(atoms), abs=1e-12)
    np.testing.assert_allclose(task.velocity(atoms), -neurons * naive.slopes(task.energy, atoms), atol=1e-8)
    np.testing.assert_allclose(
        task.descend(atoms, steps=1, time_step=0.3), atoms + 0.3 * task.velocity(atoms), atol=1e-13
    )
    moved = task.descend(atoms, steps=3, time_step=0.3, batch=2, seed=1)
    assert moved.shape == atoms.shape


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "lr must be > 0"),
        ({"lr": 1.0, "clip": 0.0}, "clip must be > 0"),
        ({"lr": 1.0, "batch": 0}, "batch must be an integer"),
        ({"lr": 1.0, "order": "both"}, "order must be one of"),
        ({"lr": 1.0, "optimiser": "sgd"}, "optimiser must be"),
        ({"lr": 1.0, "batch": "full", "latent_dim": 4}, "nodes must give"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ParameterError, match=words):
        ganth.MeanFieldWGAN(PAIR, **settings)


def test_bad_calls():
    game = ganth.MeanFieldWGAN(PAIR, neurons=2, lr=0.1)
    with pytest.raises(ShapeError, match="critic must have shape"):
        game.run(critic=np.zeros((3, 3)), steps=1)
    with pytest.raises(ShapeError, match="generated must hold"):
        game.run(np.zeros((3, 3)), steps=1)
    with pytest.raises(ParameterError, match="dtype"):
        game.run(steps=1, dtype="float32")
    with pytest.raises(ShapeError, match="one variance for each mode"):
        ganth.MeanFieldWGAN(ganth.targets.GaussianMixture([[0.0]], [[[1.0]]]), lr=0.1)
