"""The effective GAN as its users meet it: records, bits, disk, coupling, start, divergence, for every discriminator."""

import json

import naive_coupling as naive
import numpy as np
import pytest

import ganth
from ganth.errors import BackendUnavailableError, DivergedError, DivergenceWarning, ParameterError, ShapeError
from ganth.games.effective import coupled

RING = ganth.targets.GaussianMixture.ring(4, 1.5, 0.1**2)
UNEVEN = ganth.targets.GaussianMixture([[0.0, 1.0], [2.0, 0.0]], [0.04, 0.09], [0.3, 0.7])
MODES = ganth.FourierModes(per_axis=4, lowest=0.3, highest=3.0, law="exponential", factor=2.0, decay=0.5)
RATES = {"lr_disc": 0.02, "lr_gen": 0.05, "n_particles": 7, "ntk_ratio": 0.2, "n_disc": 2}
GAMES = {
    "relu": ganth.EffectiveGAN(RING, width=12, **RATES),
    "tanh": ganth.EffectiveGAN(UNEVEN, width=9, activation="tanh", data="fixed", n_data=5, **RATES),
    "erf, old field": ganth.EffectiveGAN(RING, width=8, activation="erf", order="simultaneous", **RATES),
    "regularised": ganth.EffectiveGAN(RING, width=8, grad_reg=0.5, grad_reg_form="full", **RATES),
    "rmsprop": ganth.EffectiveGAN(RING, width=8, optimiser="rmsprop", **{**RATES, "lr_disc": 1e-3}),
    "gram": ganth.EffectiveGAN(RING, width=8, gram=np.diag(np.arange(7.0)) + 1.0, **{**RATES, "ntk_ratio": 0.0}),
    "deep": ganth.EffectiveGAN(RING, discriminator="deep", width=24, depth=3, **RATES),
    "deep, old field": ganth.EffectiveGAN(
        RING, discriminator="deep", width=16, depth=2, order="simultaneous", data="fixed", **RATES
    ),
    "fourier": ganth.EffectiveGAN(RING, discriminator="fourier", modes=MODES, **RATES),
    "fourier, closed": ganth.EffectiveGAN(UNEVEN, discriminator="fourier", modes=MODES, data="population", **RATES),
    "fourier, old field": ganth.EffectiveGAN(
        RING, discriminator="fourier", modes=MODES, data="fixed", order="simultaneous", reg=0.0, **RATES
    ),
}
PROBES = np.array([[0.0, 0.0], [0.4, 1.0], [-2.0, 0.3]])


@pytest.fixture(params=GAMES)
def game(request):
    return GAMES[request.param]


def assert_same_bits(run, other):
    np.testing.assert_array_equal(run.particles, other.particles)
    np.testing.assert_array_equal(run.steps, other.steps)
    np.testing.assert_array_equal(run.diverged_at, other.diverged_at)
    assert run.recorded.keys() == other.recorded.keys()
    for name, values in run.recorded.items():
        np.testing.assert_array_equal(values, other.recorded[name])


def test_the_record_keeps_its_contract(game):
    run = game.run(steps=25, trials=2, record_every=10, seed=3)
    assert run.particles.shape == (2, 4, 7, 2)
    assert run.particles.dtype == np.float64
    assert run.steps.tolist() == [0, 10, 20, 25]
    np.testing.assert_allclose(run.time, run.steps * game.lr_disc)
    assert run.diverged_at.tolist() == [-1, -1]
    np.testing.assert_allclose(run.masses, 1 / 7)
    assert run.raise_if_diverged() is run
    assert (np.abs(run.particles[:, -1] - run.particles[:, 0]).max(axis=(1, 2)) > 1e-4).all()
    assert game.run(steps=2).final.shape == (7, 2)
    assert repr(run).startswith("Run(EffectiveGAN, trials=2, steps=25, records=4, n=7, d=2, seed=3")


def test_run_is_pure(game):
    assert_same_bits(game.run(steps=6, seed=5), game.run(steps=6, seed=5))
    assert not np.array_equal(game.run(steps=6, seed=5).final, game.run(steps=6, seed=6).final)


def test_trial_t_is_trial_t_of_any_call(game):
    many = game.run(steps=8, trials=5, seed=7, record_every=4)
    few = game.run(steps=8, trials=2, first_trial=2, seed=7, record_every=4)
    np.testing.assert_array_equal(many.particles[2:4], few.particles)
    np.testing.assert_array_equal(many.discriminator(PROBES, trial=2), few.discriminator(PROBES, trial=0))
    assert not np.array_equal(many.particles[0], many.particles[1])


@pytest.mark.parametrize("trials", [1, 4])
def test_threads_change_no_bit(game, trials):
    one, two = (game.run(steps=12, trials=trials, seed=1, threads=t) for t in (1, 2))
    assert_same_bits(one, two)
    np.testing.assert_array_equal(one.discriminator(PROBES), two.discriminator(PROBES))


@pytest.mark.parametrize("record_every", [None, 7])
def test_extend_is_one_long_run(game, record_every):
    whole = game.run(steps=30, seed=2, trials=2, record_every=record_every)
    parts = game.run(steps=11, seed=2, trials=2, record_every=record_every).extend(4).extend(15)
    assert_same_bits(whole, parts)


def test_records_change_no_bit(game):
    seen = []
    dense = game.run(steps=9, seed=2, record_every=1, observer=lambda step, x: seen.append((step, x.copy())))
    np.testing.assert_array_equal(game.run(steps=9, seed=2).final, dense.final)
    assert [step for step, _ in seen] == dense.steps.tolist()
    np.testing.assert_array_equal(np.stack([x for _, x in seen], axis=1), dense.particles)


def test_a_saved_run_goes_on_where_it_stopped(game, tmp_path):
    run = game.run(steps=9, seed=4, trials=2, record_every=4)
    loaded = ganth.Run.load(run.save(tmp_path / "run"))
    assert_same_bits(run, loaded)
    assert loaded.settings == run.settings
    assert type(loaded.game.target) is ganth.targets.GaussianMixture
    assert loaded.game.modes == game.modes
    assert_same_bits(run.extend(8), loaded.extend(8))
    np.testing.assert_array_equal(run.discriminator(PROBES, trial=1), loaded.discriminator(PROBES, trial=1))
    assert_same_bits(game.with_settings(n_disc=3).run(steps=3), loaded.game.with_settings(n_disc=3).run(steps=3))


def test_settings_are_plain_json(game):
    settings = game.run(steps=1).settings
    assert json.loads(json.dumps(settings)) == settings
    assert settings["target"]["type"] == "GaussianMixture"
    assert settings["modes"]["per_axis"] == game.modes.per_axis
    assert (settings["n_disc"], settings["steps"]) == (2, 1)


def test_the_discriminator_drives_the_next_step(game):
    """Alternating: particles climb the discriminator of their own iteration; simultaneous: the one before."""
    run = game.run(steps=5, seed=8)
    longer = run.extend(1)
    climbed = run if game.order == "simultaneous" else longer
    gram = game.gram if game.gram is not None else naive.two_values(7, 0.2, "mean")
    gradients = climbed.discriminator_of().gradient(run.final)
    moved = longer.final - run.final
    np.testing.assert_allclose(moved, game.lr_gen * naive.velocities(gram, gradients), rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(moved, game.lr_gen * coupled(game, gradients), rtol=1e-6, atol=1e-13)


def test_the_discriminator_learns_what_tells_data_from_particles(game):
    """With the particles all but frozen the loss, without its penalties, falls."""
    frozen = game.with_settings(lr_gen=1e-12, reg=0.0, grad_reg=0.0)
    data = game.target.sample(500, 11)

    def gap(steps):
        run = frozen.run(steps=steps, seed=1)
        return run.discriminator(run.final).mean() - run.discriminator(data).mean()

    assert gap(0) > gap(4) > gap(8)


@pytest.mark.parametrize("name", ["relu", "deep", "fourier", "fourier, closed"])
def test_a_gram_of_two_values_plays_the_same_game(name):
    game = GAMES[name]
    by_gram = game.with_settings(ntk_ratio=0.0, gram=naive.two_values(7, 0.2, "mean"))
    one, other = (g.run(steps=15, trials=2, seed=3) for g in (game, by_gram))
    np.testing.assert_allclose(other.final, one.final, rtol=1e-9, atol=1e-12)
    assert np.abs(one.final - game.with_settings(ntk_ratio=0.0).run(steps=15, trials=2, seed=3).final).max() > 1e-6


@pytest.mark.parametrize("name", ["relu", "deep", "fourier", "fourier, closed"])
def test_one_particle_sees_no_ratio(name):
    alone = GAMES[name].with_settings(n_particles=1, n_data=4)
    runs = [alone.with_settings(ntk_ratio=ratio).run(steps=10, seed=3) for ratio in (0.0, 0.4, 1.0)]
    assert runs[0].final.shape == (1, 2)
    for run in runs[1:]:
        np.testing.assert_allclose(run.final, runs[0].final, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in GAMES if GAMES[name].gram is None])
def test_a_fully_coupled_cloud_is_rigid(name):
    run = GAMES[name].with_settings(ntk_ratio=1.0).run(steps=10, seed=3)
    first, last = run.particles[0, 0], run.final
    np.testing.assert_allclose(last - last.mean(axis=0), first - first.mean(axis=0), atol=1e-13)
    assert np.abs(last - first).max() > 1e-4


def test_float32_is_near_float64_at_first(game):
    double, single = (game.run(steps=8, seed=6, dtype=d) for d in ("float64", "float32"))
    assert single.particles.dtype == np.float64
    assert not np.array_equal(single.final, double.final)
    np.testing.assert_allclose(single.final, double.final, atol=1e-4)


def test_the_cloud_starts_around_its_mean():
    game = GAMES["relu"].with_settings(n_particles=4000, start_mean=[3.0, -1.0], start_scale=0.25)
    starts = game.run(steps=0, trials=2, seed=1).particles[:, 0]
    np.testing.assert_allclose(starts.mean(axis=1), [[3.0, -1.0]] * 2, atol=0.02)
    np.testing.assert_allclose(starts.std(axis=1), 0.25, atol=0.01)
    assert abs(np.corrcoef(starts[0, :, 0], starts[1, :, 0])[0, 1]) < 0.1
    assert (game.with_settings(start_scale=0.0).run(steps=0).final == [3.0, -1.0]).all()
    np.testing.assert_allclose(GAMES["relu"].start_mean, 2**-0.5)


def test_the_start_can_be_given(game):
    start = np.arange(14.0).reshape(7, 2) / 10
    before = start.copy()
    run = game.run(start, steps=3, trials=2)
    np.testing.assert_array_equal(start, before)
    np.testing.assert_array_equal(run.particles[:, 0], [start, start])
    each = game.run([start, start + 1], steps=3, trials=2)
    np.testing.assert_array_equal(each.particles[0], run.particles[0])
    np.testing.assert_array_equal(each.particles[1, 0], start + 1)


CALLS = [
    ({"generated": np.zeros((6, 2))}, ShapeError, r"generated must hold n_particles = 7 particles, got shape \(6, 2\)"),
    ({"generated": np.zeros((7, 3))}, ShapeError, r"generated must have points in 2 dimensions, got shape \(7, 3\)"),
    (
        {"generated": np.zeros((3, 7, 2)), "trials": 2},
        ShapeError,
        r"generated and trials must agree, got shape \(3, 7, 2\) and 2",
    ),
    ({"generated": [[np.nan, 0.0]] * 7}, ParameterError, r"generated must be finite, got nan at index \(0, 0\)"),
    ({"steps": -1}, ParameterError, "steps must be an integer >= 0, got -1"),
    ({"trials": 0}, ParameterError, "trials must be an integer >= 1, got 0"),
    ({"first_trial": -1}, ParameterError, "first_trial must be an integer >= 0, got -1"),
    ({"record_every": 0}, ParameterError, "record_every must be an integer >= 1, got 0"),
    ({"dtype": "float16"}, ParameterError, "dtype must be one of 'float64', 'float32', got 'float16'"),
    ({"seed": -1}, ParameterError, r"seed must be an int in \[0, 2\*\*64\) or a numpy Generator, got -1"),
    ({"seed": None}, ParameterError, r"seed must be an int in \[0, 2\*\*64\) or a numpy Generator, got None"),
    ({"backend": "tpu"}, ParameterError, "backend must be one of"),
    ({"backend": "cuda"}, BackendUnavailableError, "backend"),
]


@pytest.mark.parametrize(("call", "error", "text"), CALLS, ids=[text[:40] for _, _, text in CALLS])
def test_wrong_calls_are_named(call, error, text):
    with pytest.raises(error, match=text):
        GAMES["relu"].run(**{"steps": 1, **call})


@pytest.mark.parametrize("name", ["relu", "tanh", "deep", "fourier", "fourier, closed"])
def test_divergence_is_dated_and_never_raises(name):
    """The step named is the first whose particles are not finite; what is kept before it is one finite state."""
    game = GAMES[name].with_settings(lr_disc=1e60, lr_gen=1e60)
    with pytest.warns(DivergenceWarning, match=r"2 of 2 trials diverged, the first at step \d+"):
        run = game.run(steps=40, trials=2, seed=3, record_every=1)
    assert np.isfinite(run.particles).all()
    assert (run.diverged_at > 0).all()
    for trial, step in enumerate(run.diverged_at):
        kept = run.particles[trial]
        assert (kept[step:] == kept[step - 1]).all()
        before = game.run(steps=int(step) - 1, first_trial=trial, seed=3)
        assert before.diverged_at.tolist() == [-1]
        np.testing.assert_array_equal(before.final, kept[step - 1])
    first = int(run.diverged_at.min())
    with pytest.raises(DivergedError, match=rf"diverged at step {first} \(2 of 2 trials diverged\)"):
        run.raise_if_diverged()
    assert_same_bits(run.extend(3), game_run_quietly(game, 43))


def game_run_quietly(game, steps):
    with pytest.warns(DivergenceWarning):
        return game.run(steps=steps, trials=2, seed=3, record_every=1)


def test_a_generator_of_numpy_gives_one_key():
    run = GAMES["relu"].run(steps=2, seed=np.random.default_rng(5))
    again = GAMES["relu"].run(steps=2, seed=int(np.random.default_rng(5).integers(2**63)))
    assert_same_bits(run, again)
    assert run.seed == again.seed


def test_a_line_is_a_space_too():
    line = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.01)
    for kind, settings in {"dense": {"width": 8}, "deep": {"width": 6}, "fourier": {"modes": MODES}}.items():
        game = ganth.EffectiveGAN(line, discriminator=kind, **settings, **RATES)
        run = game.run(steps=5, seed=1)
        assert run.final.shape == (7, 1)
        assert run.discriminator([[0.3]]).shape == (1,)
        assert run.discriminator_of().gradient([[0.3]]).shape == (1, 1)


def test_more_than_two_dimensions():
    cube = ganth.targets.GaussianMixture(np.eye(3), 0.01)
    for kind in ("dense", "deep"):
        run = ganth.EffectiveGAN(cube, discriminator=kind, width=6, **RATES).run(steps=5, seed=1)
        assert run.final.shape == (7, 3)
    with pytest.raises(ParameterError, match="target must have dimension 1 or 2 for discriminator='fourier', got 3"):
        ganth.EffectiveGAN(cube, discriminator="fourier", modes=MODES, **RATES).run(steps=1)
