"""The kernel GAN against random features: the fast loop against the plain one, its bits, and where it settles."""

import naive_features
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.games import features_cpu

KERNELS = (ganth.RBF(0.7), ganth.MultiScale([0.4, 1.5]), ganth.Laplace(0.9))
ORDERS = ("simultaneous", "alternating")
SQUARE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
START = np.array([[0.3, 0.1], [-0.2, 0.4], [0.5, -0.6], [-0.7, -0.1], [0.1, 0.2]])
MASSES = np.array([0.1, 0.3, 0.2, 0.25, 0.05])


def square(order="simultaneous", n_frequencies=300, **settings):
    rates = {"reg": 0.1, "lr_disc": 0.02, "lr_gen": 0.05, **settings}
    return ganth.KernelGAN(SQUARE, kernel=ganth.RBF(0.6), n_frequencies=n_frequencies, order=order, **rates)


def random_features(game, trial, seed):
    dim = game.true_points.shape[-1]
    return ganth.RandomFeatures(game.kernel, game.n_frequencies, dim, seed, trial=trial, feature_norm=game.feature_norm)


def naive_trial(game, run, trial, steps):
    """Play a trial of `run` in NumPy from its first record."""
    features = random_features(game, run.options["first_trial"] + trial, run.seed)
    true = game.true_points if game.true_points.ndim == 2 else game.true_points[trial]
    rates = {"reg": game.reg, "lr_disc": game.lr_disc, "lr_gen": game.lr_gen, "order": game.order}
    start = run.particles[trial, 0]
    return naive_features.play(
        features.frequencies, features.amplitude, true, game.true_masses, start, run.masses, steps=steps, **rates
    )


@st.composite
def games(draw):
    """Return a random game, its generated points and their masses; no step is longer than the shortest wave."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, n_true, dim, trials = (draw(st.integers(1, most)) for most in (9, 4, 12, 3))
    shared = draw(st.booleans())
    game = ganth.KernelGAN(
        rng.normal(size=(n_true, dim) if shared else (trials, n_true, dim)) / np.sqrt(dim),
        rng.uniform(0, 1, n_true),
        kernel=draw(st.sampled_from(KERNELS)),
        n_frequencies=draw(st.integers(1, 150)),
        feature_norm=draw(st.sampled_from(("unit", "paper"))),
        reg=draw(st.sampled_from((0.0, 0.3))),
        lr_disc=0.05,
        lr_gen=0.1,
        order=draw(st.sampled_from(ORDERS)),
    )
    highest = max(np.abs(random_features(game, trial, 5).frequencies).max() for trial in range(trials))
    game = game.with_settings(lr_gen=min(0.1, highest**-2))
    masses = np.full(n, 0.3) if draw(st.booleans()) else rng.uniform(0.1, 1, n)
    return game, rng.normal(size=(trials, n, dim)) / np.sqrt(dim), masses


@given(games())
def test_the_loop_is_the_plain_loop(case):
    game, start, masses = case
    run = game.run(start, masses, steps=15, trials=len(start), seed=5)
    for trial in range(len(start)):
        theta, particles, _ = naive_trial(game, run, trial, 15)
        np.testing.assert_allclose(run.particles[trial, -1], particles, rtol=1e-10, atol=1e-10)
        moves = particles - start[trial]
        np.testing.assert_allclose(
            run.particles[trial, -1] - start[trial], moves, atol=1e-9 + 1e-6 * np.abs(moves).max()
        )
        found = run.discriminator_of(trial).parameters
        np.testing.assert_allclose(found, theta, rtol=1e-10, atol=1e-10 * np.abs(theta).max())


@given(games())
def test_float32_is_near_float64_on_short_runs(case):
    game, start, masses = case
    single, double = (
        game.run(start, masses, steps=15, trials=len(start), seed=5, dtype=d) for d in ("float32", "float64")
    )
    np.testing.assert_allclose(single.particles, double.particles, atol=1e-4)
    assert single.state["particles"].dtype == single.state["coefficients"].dtype == np.float32


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
class TestBits:
    """One trial, computed in whatever way, has the same bits."""

    @pytest.mark.parametrize("masses", [None, MASSES], ids=["equal", "weighted"])
    def test_threads_trials_and_calls(self, dtype, order, masses):
        call = {"masses": masses, "seed": 3, "dtype": dtype}
        game = square(order)
        whole = game.run(START, steps=80, trials=6, threads=2, **call)
        for trials, first, threads in ((6, 0, 1), (2, 3, 2), (1, 5, 2)):
            part = game.run(START, steps=80, trials=trials, first_trial=first, threads=threads, **call)
            np.testing.assert_array_equal(part.particles, whole.particles[first : first + trials])
            for name in ("coefficients", "particles"):
                np.testing.assert_array_equal(part.state[name], whole.state[name][first : first + trials])

    def test_any_split_of_the_steps(self, dtype, order):
        game = square(order)
        whole = game.run(START, steps=60, trials=2, seed=3, dtype=dtype)
        often = game.run(START, steps=60, trials=2, seed=3, dtype=dtype, record_every=1)
        later = game.run(START, steps=23, trials=2, seed=3, dtype=dtype).extend(37)
        for run in (often, later):
            np.testing.assert_array_equal(run.final, whole.final)
            np.testing.assert_array_equal(run.state["coefficients"], whole.state["coefficients"])

    def test_by_engine_calls(self, dtype, order):
        game = square(order)
        run = game.run(START, steps=1, trials=3, dtype=dtype)
        states = []
        for split in ((8,), (5, 3), (1, 1, 6)):
            engine = game.engine(run)
            states.append(engine.start(np.array([START] * 3), MASSES))
            for count in split:
                engine.advance(states[-1], count)
                states[-1]["step"] += count
        for state in states[1:]:
            for name, value in state.items():
                np.testing.assert_array_equal(value, states[0][name])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
def test_divergence_is_the_first_step_that_is_not_finite(dtype, order):
    """With lr_disc reg far above 2 the coefficients grow by a factor a step, until the particles overflow."""
    game = square(order, reg=1e40 if dtype == "float64" else 1e6, lr_disc=1.0)
    run = game.run(START, MASSES, steps=60, trials=2, dtype=dtype, record_every=1)
    with np.errstate(over="ignore", invalid="ignore"):
        wanted = [naive_trial(game, run, trial, 60) for trial in range(2)]
    assert run.diverged_at.min() > 3
    assert run.diverged_at.max() < 12
    if dtype == "float64":
        assert run.diverged_at.tolist() == [step for _, _, step in wanted]
    for trial, step in enumerate(run.diverged_at):
        assert np.isfinite(run.particles[trial]).all()
        np.testing.assert_array_equal(run.particles[trial, step:], run.particles[trial, step - 1 : -1])
        assert (run.particles[trial, step - 1] != run.particles[trial, step - 2]).any()
        # The discriminator is the one that these particles belong to.
        before = game.run(START, MASSES, steps=int(step) - 1, trials=2, dtype=dtype)
        np.testing.assert_array_equal(run.state["coefficients"][trial], before.state["coefficients"][trial])
        if np.isfinite(run.state["coefficients"][trial]).all():
            assert run.discriminator(SQUARE, trial=trial).shape == (4,)
        else:
            with pytest.raises(
                ganth.DivergedError, match=f"trial {trial} is not finite: the trial diverged at step {step}"
            ):
                run.discriminator(SQUARE, trial=trial)
    assert (run.extend(10).diverged_at == run.diverged_at).all()
    at_once = game.run(START, MASSES, steps=60, trials=2, dtype=dtype)
    for name in ("particles", "coefficients", "diverged_at"):
        np.testing.assert_array_equal(at_once.state[name], run.state[name])


def test_the_frequencies_and_the_discriminator_are_those_of_random_features():
    game = square(n_frequencies=50, feature_norm="paper")
    run = game.run(START, steps=10, trials=2, first_trial=4, seed=9)
    features = ganth.RandomFeatures(game.kernel, 50, 2, seed=9, trial=5, feature_norm="paper")
    assert run.discriminator_of(1).features == features
    theta, _, _ = naive_trial(game, run, 1, 10)
    np.testing.assert_allclose(run.discriminator(START, trial=1), features.features(START) @ theta, rtol=1e-9)


@pytest.mark.parametrize(("reg", "settles"), [(1.5, True), (0.6, False)])
def test_one_point_settles_where_its_damping_is_positive(reg, settles):
    """KD, Thm. 1(c) for an RBF: stable iff lambda^2 > mu q (q - p) / sigma^2, here 0.72."""
    game = ganth.KernelGAN(
        [[0.5, -0.2]], [0.6], kernel=ganth.RBF(1.0), n_frequencies=4000, reg=reg, lr_disc=0.02, lr_gen=0.02
    )
    run = game.run([[0.55, -0.2]], [1.2], steps=4000)
    distance = np.linalg.norm(run.final - [0.5, -0.2])
    assert distance < 1e-8 if settles else distance > 0.2


def test_a_point_on_its_true_point_stays():
    for dtype, bound in (("float64", 1e-13), ("float32", 1e-5)):
        game = ganth.KernelGAN(SQUARE, kernel=ganth.RBF(0.6), n_frequencies=200, reg=0.1, lr_disc=0.1, lr_gen=0.1)
        run = game.run(SQUARE, steps=200, dtype=dtype)
        np.testing.assert_allclose(run.final, SQUARE, atol=bound)


def test_far_particles_feel_no_frequency_that_pads_the_table():
    """Frequencies fill whole vectors with zeros; these must stay without weight, however long the game."""
    for n_frequencies in (1, 31, 32, 33, 64, 65):
        game = square(n_frequencies=n_frequencies)
        run = game.run(1e3 * START, steps=50)
        _, particles, _ = naive_trial(game, run, 0, 50)
        np.testing.assert_allclose(run.final, particles, rtol=1e-9)


def test_the_float32_loop_has_no_float64_arithmetic():
    """One float64 literal would halve the speed of every vector."""
    square().run(START, steps=1, dtype="float32")
    signature = next(s for s in features_cpu.play_alone.signatures if s[0].dtype == numba.float32)
    loop = numba.njit(features_cpu.play_alone.py_func)
    loop.compile(signature)
    (code,) = loop.inspect_llvm().values()
    arithmetic = [line for line in code.splitlines() if " fmul " in line or " fadd " in line or " fsub " in line]
    assert any("x float>" in line for line in arithmetic)
    assert [line for line in arithmetic if "double" in line] == []
