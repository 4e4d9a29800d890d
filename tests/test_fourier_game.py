"""The effective GAN against Fourier modes: the fast loop against the plain one, its bits, and its closed form."""

import naive_fourier
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.discriminators import FourierWaves

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
SMALL = ganth.FourierModes(per_axis=5, lowest=0.2, highest=6.0)
RATES = {"lr_disc": 0.02, "lr_gen": 0.01}


def game_of(target=RING, **settings):
    defaults = {"discriminator": "fourier", "modes": SMALL, "n_particles": 20, "n_disc": 3, "data": "population"}
    return ganth.EffectiveGAN(target, **{**defaults, **RATES, **settings})


def gram_of(game):
    if game.gram is not None:
        return game.gram
    diagonal, other = game.ntk_values
    return np.full((game.n_particles,) * 2, other) + (diagonal - other) * np.eye(game.n_particles)


def naive_trial(game, run, trial, steps):
    """Play a trial of `run` on the whole grid from its first record."""
    dim = game.target.means.shape[1]
    k = naive_fourier.grid(game.modes.axis, dim)
    means = naive_fourier.gaussian_means(k, game.target.weights, game.target.means, game.target.covariances)

    def data(step, again):
        if game.data == "population":
            return means
        at = step * game.n_disc + again if game.data == "resampled" else 0
        sample = game.target.sample(game.n_data, run.seed, trial=run.options["first_trial"] + trial, step=at)
        return [wave.mean(axis=0) for wave in naive_fourier.waves(k, sample)]

    return k, naive_fourier.play(
        k,
        game.modes.rate(np.linalg.norm(k, axis=1)),
        run.particles[trial, 0],
        gram_of(game),
        data,
        lr_disc=game.lr_disc,
        lr_gen=game.lr_gen,
        reg=game.reg,
        n_disc=game.n_disc,
        order=game.order,
        steps=steps,
    )


@st.composite
def games(draw):
    """Return a random game in one or two dimensions and its number of trials."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dim, k, n = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 19))
    factors = rng.normal(size=(k, dim, dim)) * 0.3
    variances = draw(
        st.sampled_from((0.01, np.full(k, 0.1), factors @ factors.transpose(0, 2, 1) + 0.01 * np.eye(dim)))
    )
    weights = rng.uniform(0.1, 1, k)
    gram = None
    if draw(st.booleans()):
        root = rng.normal(size=(n, n))
        gram = root @ root.T
    data, closed = draw(
        st.sampled_from(
            (("population", True), ("population", False), ("fixed", True), ("fixed", False), ("resampled", False))
        )
    )
    game = ganth.EffectiveGAN(
        ganth.targets.GaussianMixture(rng.normal(size=(k, dim)), variances, weights / weights.sum()),
        discriminator="fourier",
        modes=ganth.FourierModes(
            law=draw(st.sampled_from(("power", "exponential"))),
            factor=draw(st.sampled_from((0.5, 2.0))),
            decay=1.0,
            cap=3.0,
            per_axis=draw(st.integers(1, 9)),
            lowest=0.2,
            highest=5.0,
        ),
        n_particles=n,
        ntk_ratio=0.0 if gram is not None else draw(st.sampled_from((0.0, 0.1, 1.0))),
        gram=gram,
        n_data=draw(st.integers(1, 17)),
        n_disc=draw(st.integers(1, 4)),
        reg=draw(st.sampled_from((0.0, 0.3, 20.0))),
        order=draw(st.sampled_from(("simultaneous", "alternating"))),
        data=data,
        inner="closed" if closed else "loop",
        **RATES,
    )
    return game, draw(st.integers(1, 3))


@given(games())
def test_the_loop_is_the_plain_loop(case):
    game, trials = case
    run = game.run(steps=8, trials=trials, seed=5, first_trial=2)
    for trial in range(trials):
        k, (w_sine, w_cosine, particles, _) = naive_trial(game, run, trial, 8)
        start = run.particles[trial, 0]
        moves = np.abs(particles - start).max()
        np.testing.assert_allclose(run.particles[trial, -1], particles, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(run.particles[trial, -1] - start, particles - start, atol=1e-12 + 1e-9 * moves)
        found = run.discriminator_of(trial)
        np.testing.assert_allclose(found.modes.frequencies(k.shape[1]), k)
        for mine, naive in zip(found.amplitudes, (w_sine, w_cosine), strict=True):
            np.testing.assert_allclose(mine, naive, atol=1e-10 * max(np.abs(w_sine).max(), np.abs(w_cosine).max()))


@given(games())
def test_one_step_in_float32(case):
    game, trials = case
    run = game.run(steps=1, trials=trials, seed=5, dtype="float32")
    for trial in range(trials):
        _, (w_sine, w_cosine, particles, _) = naive_trial(game, run, trial, 1)
        start = run.particles[trial, 0]
        scale = np.abs(particles - start).max() + 1e-3
        np.testing.assert_allclose(run.particles[trial, -1] - start, particles - start, atol=2e-4 * scale)
        for mine, naive in zip(run.discriminator_of(trial).amplitudes, (w_sine, w_cosine), strict=True):
            np.testing.assert_allclose(mine, naive, atol=2e-4 * np.hypot(w_sine, w_cosine).max())
    assert run.state["weights"].dtype == run.state["particles"].dtype == np.float32


def test_the_printed_grid_for_a_few_steps():
    modes = ganth.FourierModes()
    assert (modes.per_axis, modes.axis[0], modes.axis[-1]) == (25, 0.01, pytest.approx(20.0))
    game = game_of(modes=modes, n_particles=200, ntk_ratio=0.1, lr_disc=1e-3, lr_gen=1e-3, n_disc=5)
    run = game.run(steps=5, seed=1)
    _, (w_sine, w_cosine, particles, _) = naive_trial(game, run, 0, 5)
    np.testing.assert_allclose(run.final, particles, rtol=1e-10, atol=1e-12)
    sine, cosine = run.discriminator_of(0).amplitudes
    np.testing.assert_allclose(np.hypot(sine, cosine), np.hypot(w_sine, w_cosine), atol=1e-11)


@given(
    reg=st.sampled_from((0.0, 1e-9, 1e-3, 1.0, 30.0)),
    n_disc=st.integers(1, 60),
    data=st.sampled_from(("population", "fixed")),
)
def test_closed_inner_steps_are_the_loop(reg, n_disc, data):
    game = game_of(reg=reg, n_disc=n_disc, data=data, lr_gen=1e-4)
    runs = [game.with_settings(inner=inner).run(steps=4, seed=3) for inner in ("closed", "loop")]
    closed, loop = (run.discriminator_of(0).weights for run in runs)
    np.testing.assert_allclose(closed, loop, rtol=1e-12, atol=1e-12 * np.abs(loop).max())
    np.testing.assert_allclose(runs[0].final, runs[1].final, rtol=1e-12)


@pytest.mark.parametrize("data", ["population", "fixed", "resampled"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
class TestBits:
    """One trial, computed in whatever way, has the same bits."""

    def test_threads_and_trials(self, dtype, data):
        call = {"steps": 30, "seed": 3, "dtype": dtype}
        game = game_of(data=data)
        whole = game.run(trials=5, threads=2, **call)
        for trials, first, threads in ((5, 0, 1), (2, 3, 2), (1, 4, 1)):
            part = game.run(trials=trials, first_trial=first, threads=threads, **call)
            np.testing.assert_array_equal(part.particles, whole.particles[first : first + trials])
            np.testing.assert_array_equal(part.state["weights"], whole.state["weights"][first : first + trials])

    def test_any_split_of_the_steps(self, dtype, data, tmp_path):
        call = {"trials": 2, "seed": 3, "dtype": dtype}
        game = game_of(data=data)
        whole = game.run(steps=40, **call)
        often = game.run(steps=40, record_every=1, **call)
        stored = game.run(steps=13, **call).save(tmp_path / "run.npz")
        for run in (often, ganth.Run.load(stored).extend(27)):
            np.testing.assert_array_equal(run.final, whole.final)
            np.testing.assert_array_equal(run.state["weights"], whole.state["weights"])


def test_a_diverged_trial_keeps_its_last_finite_state():
    game = game_of(lr_disc=3.0, reg=1.0, lr_gen=1e-3, modes=ganth.FourierModes(per_axis=3, lowest=0.1))
    with pytest.warns(ganth.DivergenceWarning, match="1 of 1 trials diverged"):
        run = game.run(steps=400, seed=0)
    at = int(run.diverged_at[0])
    assert 1 < at < 400
    before = game.run(steps=at - 1, seed=0)
    np.testing.assert_array_equal(run.final, before.final)
    np.testing.assert_array_equal(run.discriminator_of(0).weights, before.discriminator_of(0).weights)
    with np.errstate(over="ignore", invalid="ignore"):
        assert abs(naive_trial(game, run, 0, 400)[1][3] - at) <= 2  # numbers this large part ways


def test_only_one_and_two_dimensions():
    target = ganth.targets.GaussianMixture([[0.0, 0.0, 0.0]], 1.0)
    with pytest.raises(ganth.ParameterError, match="dimension 1 or 2 for discriminator='fourier', got 3"):
        game_of(target).run(steps=1)


class TestModes:
    def test_expectation_is_the_mean_of_many_points(self):
        covariance = [[[0.09, 0.05], [0.05, 0.04]], [[0.01, 0.0], [0.0, 0.2]]]
        target = ganth.targets.GaussianMixture([[1.0, 0.3], [-0.5, 0.2]], covariance, [0.3, 0.7])
        modes = ganth.FourierModes(per_axis=4, lowest=0.3, highest=4.0)
        count = 40_000
        estimate = modes.mean(target.sample(count, 1))
        assert np.abs(estimate - modes.expectation(target)).max() < 4.5 / count**0.5

    @given(seed=st.integers(0, 2**32), dim=st.integers(1, 3))
    def test_waves_are_the_sum_of_their_amplitudes(self, seed, dim):
        rng = np.random.default_rng(seed)
        modes = ganth.FourierModes(per_axis=2, lowest=0.5, highest=2.0)
        d = FourierWaves(modes, rng.normal(size=(4,) * dim))
        k, x = modes.frequencies(dim), rng.normal(size=(6, dim))
        sine, cosine = naive_fourier.waves(k, x)
        w_sine, w_cosine = d.amplitudes
        np.testing.assert_allclose(d(x), sine @ w_sine + cosine @ w_cosine, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(
            d.gradient(x), naive_fourier.gradient(k, w_sine, w_cosine, x), rtol=1e-11, atol=1e-11
        )
        step = 1e-6 * np.eye(dim)
        slope = np.stack([(d(x + e) - d(x - e)) / 2e-6 for e in step], axis=1)
        np.testing.assert_allclose(d.gradient(x), slope, atol=1e-7)

    def test_rates_are_those_printed(self):
        power, exponential = ganth.FourierModes(), ganth.FourierModes("exponential")
        k = np.array([0.05, 0.1, 1.0, 10.0])
        np.testing.assert_allclose(power.rate(k), [1000, 1000, 1, 1e-3])
        np.testing.assert_allclose(exponential.rate(k), 668.8 * np.exp(-2.05 * k))
        table = power.rates(2)
        assert table.shape == (50, 50)
        assert table[3, 30] == pytest.approx(power.rate(np.hypot(power.axis[3], power.axis[5])))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"law": "cubic"}, "law must be one of"),
            ({"decay": 0.0}, "decay must be > 0, got 0.0"),
            ({"highest": 0.001}, "highest must be >= lowest = 0.01, got 0.001"),
            ({"per_axis": 0}, "per_axis must be an integer >= 1, got 0"),
        ],
    )
    def test_wrong_modes(self, wrong, message):
        with pytest.raises(ganth.ParameterError, match=message):
            ganth.FourierModes(**wrong)

    def test_wrong_weights(self):
        with pytest.raises(ganth.ShapeError, match="2 per_axis entries along each axis"):
            FourierWaves(SMALL, np.zeros((10, 9)))
        with pytest.raises(ganth.ParameterError, match="modes must be a FourierModes"):
            FourierWaves(3, [0.0])
        with pytest.raises(ganth.ShapeError, match="x must have points in 1 dimensions"):
            FourierWaves(SMALL, np.zeros(10))([[0.0, 0.0]])
