"""A generator of finite width as a game: its steps by plain loops, and its outputs by its tangent kernel.

Theory: a step of gradient ascent moves the outputs by (alpha_G / N) Gamma grad D + O(alpha_G^2).
"""

import functools
import itertools
import math

import naive_tangent as naive
import numpy as np
import pytest

import ganth
from ganth import EffectiveGAN, FiniteWidthGAN, ParameterError, ShapeError
from ganth.generators import WideGenerator, WideNetwork
from ganth.ntk import empirical

RING = ganth.targets.GaussianMixture.ring(4, 2.0, 0.02**2)
SMALL = WideGenerator(3, 5, var_w=0.8, var_b=0.3)
N = 4


def rules(**changes):
    settings = {"n_particles": N, "width": 16, "lr_disc": 0.05, "lr_gen": 0.1, "n_disc": 2}
    return EffectiveGAN(RING, **(settings | changes))


def tiny(optimiser="sgd", **changes):
    return FiniteWidthGAN(rules(**changes), SMALL, optimiser=optimiser)


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop"])
def test_parameters_follow_plain_loops(optimiser, order):
    game = tiny(optimiser, order=order)
    runs = [game.run(steps=k, seed=3) for k in range(4)]
    seeds = game.seeds_of(runs[0])
    plain = functools.partial(naive.one_hidden, activation="relu", width=5, outputs=2)
    theta, squares = game.network(runs[0]).parameters, 0.0
    for k in range(1, 4):
        before, after = runs[k - 1], runs[k]
        pull = (after if order == "alternating" else before).discriminator_of().gradient(before.final)
        slopes = sum(g @ naive.jacobian(plain, theta, z) / N for g, z in zip(pull, seeds, strict=True))
        if optimiser == "rmsprop":
            squares = 0.99 * squares + 0.01 * slopes**2
            slopes = slopes / (np.sqrt(squares) + 1e-8)
        theta = theta + 0.1 * slopes
        np.testing.assert_allclose(game.network(after).parameters, theta, rtol=1e-11, atol=1e-13)
        outputs = [[v.real for v in plain(theta, z)] for z in seeds]
        np.testing.assert_allclose(after.final, outputs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", ["dense", "deep", "fourier"])
def test_the_discriminator_learns_as_against_particles_that_stand_still(kind):
    game = tiny(discriminator=kind, width=None if kind == "fourier" else 16, lr_gen=1e-300)
    run = game.run(steps=3, seed=3)
    still = rules(discriminator=kind, width=None if kind == "fourier" else 16, gram=np.zeros((N, N)))
    alone = still.run(game.run(steps=0, seed=3).final, steps=3, seed=3)
    x = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(run.discriminator(x), alone.discriminator(x))
    assert (run.discriminator(x) != game.run(steps=0, seed=3).discriminator(x)).all()


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_one_step_moves_outputs_by_the_tangent_kernel_up_to_second_order(order):
    generator = WideGenerator(32, 200, activation="tanh")
    left = []
    for rate in (4e-3, 2e-3, 1e-3):
        game = FiniteWidthGAN(rules(n_particles=20, order=order, lr_gen=rate), generator)
        start, end = (game.run(steps=k, seed=5) for k in (0, 1))
        gamma = empirical(game.network(start), game.seeds_of(start))
        source = end if order == "alternating" else start
        pull = source.discriminator_of().gradient(start.final) / 20
        move = rate * np.einsum("abij,bj->ai", gamma, pull)
        left.append(np.abs(end.final - start.final - move).max() / np.abs(move).max())
    assert left[-1] < 1e-3
    for coarse, fine in itertools.pairwise(left):
        assert math.isclose(coarse / fine, 2.0, rel_tol=0.05)  # relative to a move of order alpha_G


def test_same_bits_whatever_the_call(tmp_path):
    game = tiny("rmsprop")
    many = game.run(steps=7, trials=3, seed=9, record_every=2, threads=2)
    one = game.run(steps=7, first_trial=1, seed=9, record_every=2, threads=1)
    np.testing.assert_array_equal(many.particles[1], one.particles[0])
    halves = game.run(steps=3, trials=3, seed=9, record_every=2).extend(4)
    np.testing.assert_array_equal(many.particles, halves.particles)
    stored = ganth.Run.load(game.run(steps=3, trials=3, seed=9, record_every=2).save(tmp_path / "run"))
    np.testing.assert_array_equal(many.particles, stored.extend(4).particles)
    assert (many.particles[0] != many.particles[1]).all()
    assert math.isclose(many.time[-1], 7 * 0.05)


def test_float32_follows_float64():
    game = tiny("rmsprop")
    double, single = (game.run(steps=5, seed=2, dtype=dtype).final for dtype in ("float64", "float32"))
    assert 0 < np.abs(double - single).max() < 1e-4


def test_given_seeds_are_used_by_every_trial():
    seeds = np.eye(4, 3)
    game = FiniteWidthGAN(rules(), SMALL, seeds=seeds)
    run = game.run(steps=0, trials=2, seed=1)
    np.testing.assert_array_equal(game.seeds_of(run, 1), seeds)
    np.testing.assert_allclose(run.final[1], game.network(run, 1)(seeds), rtol=1e-15)
    np.testing.assert_array_equal(run.final[1], SMALL.initial(1, trial=1)(seeds))


def test_divergence_keeps_the_last_finite_outputs():
    game = tiny(lr_gen=1e200)
    with pytest.warns(ganth.DivergenceWarning, match="2 of 2 trials diverged"):
        run = game.run(steps=20, trials=2, seed=1, record_every=1)
    assert np.isfinite(run.particles).all()
    for trial, at in enumerate(run.diverged_at):
        assert at >= 1
        np.testing.assert_array_equal(run.particles[trial, at:], run.particles[trial, [at - 1] * (21 - at)])


def test_blocks_of_units_change_nothing_but_the_rounding(monkeypatch):
    game = FiniteWidthGAN(rules(), WideGenerator(3, 40), optimiser="rmsprop")
    whole = game.run(steps=4, seed=1).final
    monkeypatch.setattr("ganth.generators.wide.UNITS", 16)
    np.testing.assert_allclose(game.run(steps=4, seed=1).final, whole, rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: FiniteWidthGAN(RING, SMALL), ParameterError, "^effective must be an EffectiveGAN"),
        (lambda: FiniteWidthGAN(rules(), 3), ParameterError, "^generator must be a WideGenerator, got 3$"),
        (
            lambda: FiniteWidthGAN(rules(ntk_ratio=0.2), SMALL),
            ParameterError,
            "^effective.ntk_ratio must be 0",
        ),
        (lambda: FiniteWidthGAN(rules(grad_reg=1), SMALL), ParameterError, "^effective.grad_reg must be 0"),
        (lambda: FiniteWidthGAN(rules(gram=np.eye(N)), SMALL), ParameterError, "^effective.gram must be None"),
        (
            lambda: FiniteWidthGAN(rules(), WideGenerator(3, 5, outputs=1)),
            ParameterError,
            "^generator must have the target's 2 outputs, got 1$",
        ),
        (
            lambda: FiniteWidthGAN(rules(), SMALL, seeds=np.eye(3)),
            ShapeError,
            r"^seeds must hold n_particles = 4 seeds, got shape \(3, 3\)$",
        ),
        (lambda: tiny("adam"), ParameterError, "^optimiser must be one of 'sgd', 'rmsprop', got 'adam'$"),
        (lambda: tiny().run(steps=-1), ParameterError, "^steps must be an integer >= 0, got -1$"),
    ],
)
def test_bad_settings_get_one_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_network_of_a_run_is_the_one_that_was_trained():
    run = (game := tiny()).run(steps=2, seed=1)
    assert isinstance(game.network(run), WideNetwork)
    np.testing.assert_allclose(game.network(run)(game.seeds_of(run)), run.final, rtol=1e-12)
