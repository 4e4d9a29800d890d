"""The record of a run: contract, bits, disk, interruption, divergence - for every kind of discriminator."""

import io
import json
import signal
import zipfile

import numpy as np
import pytest

import ganth

RING = ganth.targets.PointMasses.ring(3).points
START = np.array([[0.1, 0.2], [-0.3, 0.1], [0.2, -0.4]])
RATES = {"reg": 0.1, "lr_disc": 0.01, "lr_gen": 0.02}
GAMES = {
    "features": ganth.KernelGAN(RING, kernel=ganth.RBF(0.6), n_frequencies=40, **RATES),
    "paper features": ganth.KernelGAN(RING, kernel=ganth.RBF(0.6), n_frequencies=40, feature_norm="paper", **RATES),
    "multi-scale": ganth.KernelGAN(RING, kernel=ganth.MultiScale([0.3, 1.0]), n_frequencies=20, **RATES),
    "alternating": ganth.KernelGAN(RING, kernel=ganth.RBF(0.6), n_frequencies=40, order="alternating", **RATES),
    "exact": ganth.KernelGAN(RING, [0.5, 0.2, 0.4], kernel=ganth.RBF(0.6), **RATES),
    "ntk": ganth.KernelGAN(RING, kernel=ganth.ReLUNTK(2, bias=True), **RATES),
    "dense": ganth.KernelGAN(RING, kernel=ganth.DenseReLU(2, 12), **RATES),
}


@pytest.fixture(params=GAMES)
def game(request):
    return GAMES[request.param]


def assert_same_bits(run, other):
    np.testing.assert_array_equal(run.particles, other.particles)
    np.testing.assert_array_equal(run.steps, other.steps)
    np.testing.assert_array_equal(run.diverged_at, other.diverged_at)


def test_the_record_keeps_its_contract(game):
    run = game.run(START, steps=25, trials=2, record_every=10, seed=3)
    assert run.particles.shape == (2, 4, 3, 2)
    assert run.particles.dtype == np.float64
    assert run.steps.tolist() == [0, 10, 20, 25]
    np.testing.assert_allclose(run.time, run.steps * 0.01)
    np.testing.assert_array_equal(run.particles[:, 0], [START, START])
    np.testing.assert_array_equal(run.final, run.particles[:, -1])
    assert run.diverged_at.tolist() == [-1, -1]
    assert run.diverged_at.dtype == np.int64
    assert run.masses.tolist() == [1 / 3] * 3
    assert game.run(START, steps=5).final.shape == (3, 2)
    assert run.raise_if_diverged() is run
    assert not np.array_equal(run.particles[0, -1], START)


def test_run_is_pure(game):
    before = START.copy()
    first, again = game.run(START, steps=12, seed=5), game.run(START, steps=12, seed=5)
    assert_same_bits(first, again)
    np.testing.assert_array_equal(START, before)


def test_trial_t_is_trial_t_of_any_call(game):
    many = game.run(steps=12, trials=5, seed=7, record_every=6)
    few = game.run(steps=12, trials=2, first_trial=2, seed=7, record_every=6)
    np.testing.assert_array_equal(many.particles[2:4], few.particles)


def test_threads_change_no_bit(game):
    one, two = (game.run(steps=20, trials=4, seed=1, threads=t) for t in (1, 2))
    assert_same_bits(one, two)


@pytest.mark.parametrize("record_every", [None, 7])
def test_extend_is_one_long_run(game, record_every):
    whole = game.run(START, steps=30, seed=2, trials=2, record_every=record_every)
    parts = game.run(START, steps=11, seed=2, trials=2, record_every=record_every).extend(4).extend(15)
    assert_same_bits(whole, parts)
    assert parts.options["steps"] == 30


def test_a_saved_run_goes_on_where_it_stopped(game, tmp_path):
    run = game.run(START, steps=9, seed=4, trials=2, record_every=4)
    path = run.save(tmp_path / "run.npz")
    loaded = ganth.Run.load(path)
    assert_same_bits(run, loaded)
    assert loaded.settings == run.settings
    assert loaded.seed == run.seed
    assert_same_bits(run.extend(8), loaded.extend(8))
    x = np.array([[0.0, 0.0], [0.4, 1.0]])
    np.testing.assert_array_equal(run.discriminator(x, trial=1), loaded.discriminator(x, trial=1))


def test_settings_are_plain_json(game):
    settings = game.run(START, steps=1).settings
    assert json.loads(json.dumps(settings)) == settings
    assert settings["reg"] == 0.1
    assert settings["kernel"]["type"] == type(game.kernel).__name__


def test_the_discriminator_drives_the_next_step(game):
    """The final discriminator's gradient is what the generator climbs at the next simultaneous step."""
    run = game.run(START, steps=6, seed=8)
    moved = run.extend(1).final - run.final
    climber = run if game.order == "simultaneous" else run.extend(1)
    gradient = climber.discriminator_of().gradient(run.final)
    np.testing.assert_allclose(moved, game.lr_gen * gradient / 3, rtol=1e-7, atol=1e-12)
    assert run.discriminator([[0.0, 0.0], [1.0, 1.0]]).shape == (2,)


def test_the_loss_rises_when_only_the_discriminator_plays(game):
    """With the particles all but frozen, gradient ascent on the loss (3) raises its first two terms."""
    frozen = game.with_settings(lr_gen=1e-12)
    run = frozen.run(START, steps=40, seed=1)

    def gap(r):
        return game.true_masses @ r.discriminator(RING) - r.masses @ r.discriminator(START)

    assert gap(run.extend(40)) > gap(run) > gap(frozen.run(START, steps=1, seed=1))


def test_float32_is_near_float64_at_first(game):
    double, single = (game.run(START, steps=20, seed=6, dtype=d) for d in ("float64", "float32"))
    np.testing.assert_allclose(single.final, double.final, atol=2e-5)
    assert single.particles.dtype == np.float64
    assert single.state["particles"].dtype == np.float32
    assert not np.array_equal(single.final, double.final)


def test_divergence_is_recorded_warned_of_and_raised():
    wild = ganth.KernelGAN([[1.0]], kernel=ganth.ReLUNTK(2), reg=1.0, lr_disc=10.0, lr_gen=1e3)
    with pytest.warns(ganth.DivergenceWarning, match="2 of 2 trials diverged, the first at step"):
        run = wild.run([[0.5]], steps=400, trials=2, record_every=100)
    step = int(run.diverged_at[0])
    assert 0 < step <= 400
    assert np.isfinite(run.particles).all()
    np.testing.assert_array_equal(
        run.particles[:, run.steps >= step], run.particles[:, -1:].repeat((run.steps >= step).sum(), 1)
    )
    assert np.isfinite(wild.run([[0.5]], steps=step - 1).final).all()
    with pytest.raises(ganth.DivergedError, match=f"trial 0 diverged at step {step}"):
        run.raise_if_diverged()


@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
def test_a_diverged_run_says_so_once_and_extends():
    wild = ganth.KernelGAN([[1.0]], kernel=ganth.ReLUNTK(2), reg=1.0, lr_disc=10.0, lr_gen=1e3)
    run = wild.run([[0.5]], steps=400)
    longer = run.extend(10)
    np.testing.assert_array_equal(longer.final, run.final)
    np.testing.assert_array_equal(longer.diverged_at, run.diverged_at)


def test_an_observer_sees_each_record():
    seen = []
    run = GAMES["features"].run(START, steps=9, record_every=4, observer=lambda step, x: seen.append((step, x.copy())))
    assert [step for step, _ in seen] == [0, 4, 8, 9]
    np.testing.assert_array_equal(np.stack([x for _, x in seen], axis=1), run.particles)


def test_progress_counts_up_to_the_end():
    told = []
    GAMES["features"].run(START, steps=100, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (100, 100)
    assert [d for d, _ in told] == sorted(d for d, _ in told)


def test_ctrl_c_keeps_the_finished_records():
    game = GAMES["features"]

    def press(step, particles):
        if step == 20:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        game.run(START, steps=1000, record_every=10, observer=press, seed=3)
    kept = caught.value.run
    assert kept.steps.tolist()[:3] == [0, 10, 20]
    assert_same_bits(kept.extend(50), game.run(START, steps=int(kept.steps[-1]) + 50, record_every=10, seed=3))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_default_start_is_the_papers():
    run = GAMES["features"].run(steps=0, trials=400, seed=9)
    assert run.particles.shape == (400, 1, 3, 2)
    assert np.mean(np.sum(run.final**2, axis=-1)) == pytest.approx(1, abs=0.08)


def test_a_damaged_file_is_named(tmp_path):
    path = GAMES["features"].run(START, steps=1).save(tmp_path / "run")
    assert path.suffix == ".npz"
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]
    content = path.read_bytes()
    path.write_bytes(content[:200])
    with pytest.raises(ganth.ParameterError, match=r"run\.npz"):
        ganth.Run.load(path)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first = archive.getinfo("particles.npy").header_offset
    stream = first + 30 + sum(int.from_bytes(content[first + at : first + at + 2], "little") for at in (26, 28))
    directory = content.index(b"PK\x01\x02")
    for at, value, words in ((stream, 0xFF, "decompress"), (directory + 8, 1, "encrypted")):
        path.write_bytes(content[:at] + bytes([value]) + content[at + 1 :])
        with pytest.raises(
            ganth.ParameterError, match=rf"path must be a run that ganth saved, got .*run\.npz.*{words}"
        ):
            ganth.Run.load(path)
    path.write_bytes(content.replace(b"masses.npy", b"messes.npy"))
    with pytest.raises(ganth.ParameterError, match=r"masses, messes, state_masses, state_messes lost or not known"):
        ganth.Run.load(path)


def test_a_newer_schema_is_refused_by_name(tmp_path, monkeypatch):
    from ganth.games import run as module

    monkeypatch.setattr(module, "SCHEMA", 99)
    path = GAMES["features"].run(START, steps=1).save(tmp_path / "run.npz")
    monkeypatch.undo()
    with pytest.raises(ganth.ParameterError, match=r"schema 99 in .*run\.npz.*newer ganth"):
        ganth.Run.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reg": -1.0}, r"reg must be >= 0, got -1\.0"),
        ({"lr_disc": 0.0}, r"lr_disc must be > 0, got 0\.0"),
        ({"lr_gen": float("nan")}, "lr_gen must be > 0, got nan"),
        ({"order": "together"}, "order must be one of 'simultaneous', 'alternating', got 'together'"),
        ({"feature_norm": "none"}, "feature_norm must be one of"),
        ({"kernel": "rbf"}, "kernel must be a kernel"),
        ({"n_frequencies": 0}, "n_frequencies must be an integer >= 1, got 0"),
        ({"kernel": ganth.ReLUNTK(1)}, "n_frequencies must be None for ReLUNTK"),
        ({"kernel": ganth.RationalQuadratic(1.0, 1.0)}, "n_frequencies must be None for RationalQuadratic"),
        ({"kernel": ganth.DenseReLU(1, 4)}, "n_frequencies must be None for DenseReLU"),
        ({"true_points": np.zeros((0, 2))}, "true_points must hold at least one point"),
        ({"true_points": [0.0, 1.0]}, r"true_points must have shape"),
        ({"true_masses": [1.0]}, r"true_masses must have shape \(3,\)"),
        ({"true_masses": [1.0, 1.0, -1.0]}, r"true_masses must be >= 0, got -1\.0 at index 2"),
        ({"tolerance": 0.0}, "tolerance must be > 0"),
    ],
)
def test_a_bad_game_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        GAMES["features"].with_settings(**changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps must be an integer >= 0, got -1"),
        ({"steps": 1.5}, "steps must be an integer >= 0"),
        ({"trials": 0}, "trials must be an integer >= 1, got 0"),
        ({"record_every": 0}, "record_every must be an integer >= 1"),
        ({"seed": None}, "seed must be an int in"),
        ({"dtype": "float16"}, "dtype must be one of 'float64', 'float32', got 'float16'"),
        ({"backend": "gpu"}, "backend must be one of"),
        ({"generated": [[0.0]]}, "generated must have points in 2 dimensions"),
        ({"generated": [[0.0, np.nan]]}, "generated must be finite"),
        ({"generated": np.zeros((3, 2, 2))}, "generated and trials must agree"),
        ({"masses": [1.0, 0.0, 1.0]}, r"masses must be > 0, got 0\.0 at index 1"),
        ({"masses": [1.0]}, r"masses must have shape \(3,\)"),
    ],
)
def test_a_bad_call_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        GAMES["features"].run(**{"generated": START, "steps": 1, **options})


def test_a_missing_trial_is_named():
    with pytest.raises(ganth.ParameterError, match=r"trial must be in \[0, 1\), got 3"):
        GAMES["features"].run(START, steps=1).discriminator([[0.0, 0.0]], trial=3)
