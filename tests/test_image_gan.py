"""GANs on images: iterations against plain loops, what is measured, bits, settings and what they refuse."""

import image_games
import naive_images as naive
import numpy as np
import pytest
from image_games import DISCRIMINATOR, GENERATOR, IMAGES, NOISED, PLAIN, game

import ganth
from ganth import nn, streams
from ganth.errors import BackendUnavailableError, DivergedError, DivergenceWarning, ParameterError, ShapeError
from ganth.games.image_players import Players
from ganth.stopping import metric

GEN_LAYERS = (("linear", 6), ("norm",), ("leaky",), ("linear", 16), ("tanh",))
DISC_LAYERS = (("linear", 5), ("norm",), ("leaky",), ("linear", 1))


def arrays(training):
    """Return all arrays of a training by name."""
    found = {f"state {name}": value for name, value in training.state.items()}
    found |= {name: getattr(training, name) for name in ("epochs", "metric", "field", "kept", "samples", "loss_disc")}
    found |= {name: getattr(training, name) for name in ("loss_gen", "mean_real", "mean_fake")}
    found |= {f"observed {name}": value for name, value in training.observed.items()}
    return found | {f"kept {i}": value for i, value in enumerate(training.kept_generators)}


def assert_same_bits(training, other):
    one, two = arrays(training), arrays(other)
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)
        assert value.dtype == two[name].dtype, name


@pytest.mark.parametrize("settings", [*({"loss": loss} for loss in naive.LOSSES), {"n_disc": 2}], ids=str)
def test_an_iteration_is_that_of_plain_loops(settings):
    still = {"optimiser_disc": nn.SGD(), "optimiser_gen": nn.SGD(), "epoch_steps": 1, "lr_disc": 0.3, "lr_gen": 0.2}
    one, seed, trial, t = game(**still, **settings), 11, 3, 2
    before, after = (one.train(e, seed=seed, trial=trial, dtype="float64").state for e in (t, t + 1))
    gen, disc = before["generator"], before["discriminator"].copy()
    paid = []
    for j in range(one.n_disc):
        s = t * one.n_disc + j
        order = np.argsort(streams.uniform(seed, 10, purpose=naive.DATA, trial=trial, step=s // 2))
        real = IMAGES.astype(np.float32)[order[s % 2 * 4 : s % 2 * 4 + 4]].reshape(4, 16).astype(float)
        latents = streams.normal(seed, (4, 3), purpose=naive.LATENT, trial=trial, step=s)
        fake = naive.network(GEN_LAYERS, gen, latents)
        paid.append(naive.disc_loss(one.loss, DISC_LAYERS, disc, real, fake))
        disc -= one.lr_disc * naive.difference(
            lambda p, real=real, fake=fake: naive.disc_loss(one.loss, DISC_LAYERS, p, real, fake), disc
        )
    np.testing.assert_allclose(after["discriminator"], disc, rtol=0, atol=1e-8)
    assert np.abs(disc - before["discriminator"]).max() > 1e-3
    last = after["discriminator"]
    slopes = naive.difference(lambda p: naive.gen_loss(one.loss, GEN_LAYERS, DISC_LAYERS, p, last, latents), gen)
    np.testing.assert_allclose(after["generator"], gen - one.lr_gen * slopes, rtol=0, atol=1e-8)
    told = one.train(t + 1, seed=seed, trial=trial, dtype="float64")
    assert told.loss_disc[-1] == pytest.approx(paid[-1], rel=1e-7)
    assert told.loss_gen[-1] == pytest.approx(
        naive.gen_loss(one.loss, GEN_LAYERS, DISC_LAYERS, gen, last, latents), rel=1e-12
    )
    assert np.isnan(told.loss_disc[0])


def test_the_field_is_the_push_of_a_batch():
    training = game().train(3, seed=2, dtype="float64")
    made = training.generate(10)
    assert made.shape == (10, 4, 4, 1)
    # Two batches and a half: the last is filled up with its own first images.
    last = np.concatenate([made[8:], made[8:]])
    expected = []
    for images, count in ((made[:4], 4), (made[4:8], 4), (last, 2)):
        slopes = naive.difference(
            lambda x: naive.log_sum(DISC_LAYERS, training.state["discriminator"], x), images.reshape(4, 16)
        )
        expected += list(np.linalg.norm(slopes, axis=1)[:count])
    np.testing.assert_allclose(training.field[-1], expected, rtol=1e-6)
    np.testing.assert_array_equal(training.steepness(made), training.field[-1])
    assert training.metric[-1] == np.quantile(training.field[-1], 2 / 3)


@pytest.mark.parametrize("settings", [{"discriminator": PLAIN}, {"statistics": "running"}], ids=str)
def test_without_a_batchs_statistics_the_metric_is_that_of_stopping(settings):
    training = game(**settings).train(3, seed=2, dtype="float64")
    made, h = training.generate(10), 1e-5
    d = training.discriminator(made)
    slopes = np.empty_like(made)
    for place in np.ndindex(4, 4, 1):
        step = np.zeros((4, 4, 1))
        step[place] = h
        slopes[(slice(None), *place)] = training.discriminator(made + step) - training.discriminator(made - step)
    assert metric(d, slopes / (2 * h), 3) == pytest.approx(training.metric[-1], rel=1e-6)


def test_generated_images_come_from_fixed_latents():
    training = game().train(2, seed=2, keep=(0, 2), samples=6, dtype="float64")
    latents = streams.normal(2, (6, 3), purpose=naive.START)
    expected = naive.network(GEN_LAYERS, training.state["generator"], latents[:4]).reshape(4, 4, 4, 1)
    np.testing.assert_allclose(training.generate(latents)[:4], expected, atol=1e-12)
    np.testing.assert_array_equal(training.generate(latents), training.generate(6))
    np.testing.assert_array_equal(training.generate(6, epoch=2), training.generate(6))
    np.testing.assert_array_equal(training.samples[0], training.generate(6, epoch=0).astype(np.float32))
    assert not np.array_equal(training.samples[0], training.samples[1])
    assert training.samples.shape == (2, 6, 4, 4, 1)
    running = game(statistics="running").train(2, seed=2, dtype="float64")
    assert np.array_equal(running.generate(latents[:1]), running.generate(latents)[:1])
    assert not np.allclose(running.generate(6), training.generate(6))


def test_looking_changes_nothing(monkeypatch):
    quiet = game().train(4, seed=1)

    def look(training):
        training.generate(7)
        return {"seen": training.discriminator(IMAGES), "mean": training.steepness(IMAGES).mean()}

    bound, bind = [], Players.__init__
    monkeypatch.setattr(Players, "__init__", lambda *given, **told: bound.append(1) or bind(*given, **told))
    seen = game(metric_samples=3).train(4, seed=1, observer=look)
    assert len(bound) == 1  # what observers ask of the networks binds none anew
    np.testing.assert_array_equal(seen.state["generator"], quiet.state["generator"])
    np.testing.assert_array_equal(seen.state["discriminator_state"], quiet.state["discriminator_state"])
    assert {name: values.shape for name, values in seen.observed.items()} == {"seen": (5, 10), "mean": (5,)}
    np.testing.assert_array_equal(seen.observed["seen"][-1], seen.discriminator(IMAGES))


def test_noise_changes_training_and_neither_start_nor_metric():
    quiet, noised = (game(discriminator=network).train(2, seed=5) for network in (DISCRIMINATOR, NOISED))
    np.testing.assert_array_equal(quiet.field[0], noised.field[0])
    assert not np.allclose(quiet.field[1], noised.field[1])
    np.testing.assert_array_equal(noised.steepness(IMAGES), noised.steepness(IMAGES))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_depend_on_neither_threads_nor_company(dtype):
    one = image_games.convolutional()
    whole = one.train(2, seed=6, trial=1, dtype=dtype, keep=(1,), threads=2)
    assert_same_bits(whole, one.train(2, seed=6, trial=1, dtype=dtype, keep=(1,), threads=1))
    assert whole.state["generator"].dtype == dtype
    other = one.train(2, seed=6, trial=2, dtype=dtype)
    assert not np.allclose(other.field[0], whole.field[0])


def test_a_training_comes_back_from_disk(tmp_path):
    training = game().train(3, seed=1, keep=(1,), samples=2, observer=lambda now: {"a": np.arange(3.0)})
    back = ganth.Training.load(training.save(tmp_path / "one"))
    assert_same_bits(training, back)
    assert (back.networks, back.settings) == (training.networks, training.settings)
    assert repr(back) == "Training(epochs=3, seed=1, trial=0, kept=[1], diverged_at=-1)"
    np.testing.assert_array_equal(back.generate(9), training.generate(9))
    np.testing.assert_array_equal(back.generate(9, epoch=1), training.generate(9, epoch=1))
    (tmp_path / "one.npz").write_bytes((tmp_path / "one.npz").read_bytes()[:-500])
    with pytest.raises(ParameterError, match=r"path must be a training that ganth saved, got '.*one.npz'"):
        ganth.Training.load(tmp_path / "one.npz")


def test_divergence_ends_the_record_and_is_told_once():
    with pytest.warns(
        DivergenceWarning, match=r"trial 2 diverged at iteration \d+, in epoch \d+; the record ends"
    ) as told:
        training = game(optimiser_gen=nn.SGD(), discriminator=PLAIN, optimiser_disc=nn.SGD(), lr_disc=1e30).train(
            9, seed=1, trial=2
        )
    assert len(told) == 1
    assert 0 < training.diverged_at <= 18
    assert len(training.epochs) == len(training.field) == (training.diverged_at - 1) // 2 + 1
    assert all(np.isfinite(value).all() for value in training.state.values())
    with pytest.raises(DivergedError, match="trial 2 diverged at iteration"):
        training.raise_if_diverged()
    assert (fine := game().train(0)).raise_if_diverged() is fine


def test_when_rules_say_stop():
    training = game(lr_disc=0.05).train(12, seed=3)
    later = training.metric[3:]  # the warm-up leaves out record 0, which is no epoch, and two epochs
    second, first = np.sort(later)[-2:]
    level, h = (first + second) / 2, 0.25
    expected = 3 + int(np.argmax(later))
    found = training.stops(bandwidth=2**0.5 / level, printed_bandwidth=h, scale=level * h * 2**0.5, warmup=2)
    assert found == {"printed": expected, "scale-invariant": expected}
    assert training.stops(bandwidth=1e-9, scale=1.0) == {"printed": None, "scale-invariant": None}
    assert training.stops(bandwidth=1e9, scale=1.0) == {"printed": 1, "scale-invariant": 1}


def test_defaults_are_dcgan():
    digits = ganth.targets.images.sample()
    one = ganth.ImageGAN(digits)
    assert (one.generator, one.discriminator) == nn.dcgan(28, 1)
    assert one.images is not None
    assert np.shares_memory(one.images, digits.images)
    assert one.steps_per_epoch == 31
    assert ganth.ImageGAN(digits, n_disc=3).steps_per_epoch == 10


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"batch": 11}, ParameterError, "batch must be <= the number of images, 10, got 11"),
        ({"batch": 0}, ParameterError, "batch must be an integer >= 1, got 0"),
        ({"lr_gen": 0.0}, ParameterError, "lr_gen must be > 0, got 0.0"),
        ({"loss": "wgan"}, ParameterError, "loss must be one of 'nsgan', 'minimax', 'lsgan', got 'wgan'"),
        ({"statistics": "none"}, ParameterError, "statistics must be one of 'batch', 'running', got 'none'"),
        ({"start": "best"}, ParameterError, "start must be one of"),
        ({"epoch_steps": 0}, ParameterError, "epoch_steps must be an integer >= 1, got 0"),
        (
            {"images": IMAGES[..., 0]},
            ShapeError,
            r"images must have shape \(n, height, width, channels\), got \(10, 4, 4\)",
        ),
        ({"images": 255 * IMAGES}, ParameterError, r"images must be in \[-1, 1\], got values from"),
        ({"images": np.nan * IMAGES}, ParameterError, r"images must be in \[-1, 1\], got values from nan"),
        ({"images": "digits"}, ShapeError, "images must be an"),
        ({"latent_dim": 4}, ShapeError, r"generator must take inputs of shape \(4,\), got \(3,\)"),
        ({"discriminator": GENERATOR}, ShapeError, r"discriminator must take inputs of shape \(4, 4, 1\), got \(3,\)"),
        ({"generator": nn.Network((nn.Linear(16),), (3,))}, ShapeError, "generator must give images of shape"),
        ({"discriminator": nn.Network((nn.Linear(2),), (4, 4, 1))}, ShapeError, "discriminator must give one number"),
        ({"discriminator": None}, ParameterError, "generator and discriminator must be given for images other than"),
        ({"generator": nn.Dense()}, ParameterError, "generator must be a ganth.nn.Network, got Dense"),
        (
            {"optimiser_gen": "adam"},
            ParameterError,
            "optimiser_gen must be a ganth.nn.SGD, RMSProp or Adam, got 'adam'",
        ),
    ],
)
def test_settings_are_checked(settings, error, message):
    with pytest.raises(error, match=message):
        game(**settings)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"epochs": -1}, ParameterError, "epochs must be an integer >= 0, got -1"),
        ({"keep": (3,)}, ParameterError, "keep must be <= epochs = 2, got 3"),
        ({"keep": (-1,)}, ParameterError, "keep must be an integer >= 0, got -1"),
        ({"samples": 0}, ParameterError, "samples must be an integer >= 1, got 0"),
        ({"threads": 0}, ParameterError, "threads must be an integer >= 1, got 0"),
        ({"checkpoint_every": 0}, ParameterError, "checkpoint_every must be an integer >= 1, got 0"),
        ({"dtype": "float16"}, ParameterError, "dtype must be one of"),
        ({"backend": "cuda"}, BackendUnavailableError, "cuda"),
        ({"observer": lambda now: {"a": np.zeros(len(now.epochs))}}, ShapeError, "observer must return the same names"),
    ],
)
def test_a_call_is_checked(call, error, message):
    with pytest.raises(error, match=message):
        game().train(**{"epochs": 2, **call})


def test_what_a_training_is_asked_for_is_checked():
    training = game().train(1, keep=(1,))
    with pytest.raises(ParameterError, match=r"epoch must be None or one of those kept, \[1\], got 0"):
        training.generate(3, epoch=0)
    with pytest.raises(ShapeError, match="latents must have points in 3 dimensions"):
        training.generate(np.zeros((2, 4)))
    with pytest.raises(ShapeError, match=r"images must have shape \(n, 4, 4, 1\), n >= 1, got \(4, 4, 1\)"):
        training.discriminator(IMAGES[0])


def test_an_iteration_allocates_nothing_once_it_is_warm():
    import tracemalloc

    from ganth.games.image_engine import ImageEngine

    engine = ImageEngine(image_games.convolutional(), key=1, trial=0, dtype="float32")
    state = engine.start()
    for _ in range(4):  # a pass through the data
        engine.advance(state)
    tracemalloc.start()
    for _ in range(4):
        engine.advance(state)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16_000  # the images of a batch alone have 50,000 bytes
