"""NSGAN and its kin: every step against plain loops, bits, forms, records."""

import naive_nets as naive
import numpy as np
import pytest

import ganth
from ganth import nn, streams
from ganth.errors import DivergenceWarning, ParameterError, ShapeError

CUBE = ganth.targets.GaussianMixture.cube(3, 0.0125)
SMALL = {"generator": nn.Dense((5, 4), activation="tanh"), "discriminator": nn.Dense((4, 6), activation="tanh")}


def game(**settings):
    base = {"batch": 7, "lr_disc": 0.05, "lr_gen": 0.03, **SMALL}
    return ganth.NSGAN(CUBE, **{**base, **settings})


CASES = [
    *({"loss": loss} for loss in naive.LOSSES),
    {"loss": "nsgan", "grad_penalty": 2.0},
    {"loss": "nsgan", "grad_penalty": 2.0, "grad_penalty_at": "between"},
    {"n_disc": 2, "optimiser_disc": nn.Adam(), "optimiser_gen": nn.RMSProp()},
    {"latent_dim": 2, "batch": 40},
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_an_iteration_is_that_of_plain_loops(settings):
    one = game(**settings)
    seed, trial, t = 11, 3, 2
    before, after = (one.run(steps=s, seed=seed, first_trial=trial) for s in (t, t + 1))
    gen, disc = before.state["generator"][0], before.state["discriminator"][0].copy()
    gen_sizes, sizes = (one.latents, 5, 4, 3), (3, 4, 6, 1)
    weight, where = one.penalty

    def latents(j):
        shape = (one.batch, one.latents)
        return streams.normal(seed, shape, purpose=naive.LATENT, trial=trial, step=t * (one.n_disc + 1) + j)

    moments = before.state["discriminator_moments"][0].copy()
    for j in range(one.n_disc):
        real = CUBE.sample(one.batch, seed, trial=trial, step=t * one.n_disc + j)
        fake = np.array([naive.network(gen_sizes, "tanh", gen, z) for z in latents(j)])
        step = t * (one.n_disc + 1) + j
        share = streams.uniform(seed, one.batch, purpose=naive.BETWEEN, trial=trial, step=step)[:, None]
        points = {"none": None, "data": real, "between": share * real + (1 - share) * fake}[where]
        slopes = naive.difference(
            lambda p, real=real, fake=fake, points=points: naive.critic_loss(
                one.loss, sizes, "tanh", p, real, fake, weight, points, where == "between"
            ),
            disc,
            1e-5,
        )
        one.optimiser_disc.step(disc, slopes, moments, rate=one.lr_disc, step=t * one.n_disc + j + 1)
    found = after.state["discriminator"][0]
    assert np.abs(found - before.state["discriminator"][0]).max() > 1e-4
    # An optimiser that divides by the slope's size passes on the relative error of the difference.
    np.testing.assert_allclose(found, disc, rtol=0, atol=1e-8 if one.n_disc == 1 and weight == 0 else 1e-5)
    slopes = naive.difference(
        lambda p: naive.teacher_loss(one.loss, gen_sizes, sizes, "tanh", p, found, latents(one.n_disc)),
        gen.copy(),
        1e-5,
    )
    moved, moments = gen.copy(), before.state["generator_moments"][0].copy()
    one.optimiser_gen.step(moved, slopes, moments, rate=one.lr_gen, step=t + 1)
    np.testing.assert_allclose(after.state["generator"][0], moved, rtol=0, atol=1e-8 if one.n_disc == 1 else 1e-5)


def test_bits_do_not_depend_on_threads_trials_records_or_resume():
    one = game(noise=0.1, grad_penalty=0.5)
    whole = one.run(steps=60, trials=3, seed=5, record_every=7, threads=2)
    for threads in (1, 3):
        again = one.run(steps=60, trials=3, seed=5, record_every=7, threads=threads)
        assert np.array_equal(whole.particles, again.particles)
    alone = one.run(steps=60, seed=5, first_trial=2, record_every=30)
    assert np.array_equal(alone.final, whole.particles[2, -1])
    longer = one.run(steps=21, trials=3, seed=5, record_every=7).extend(39)
    assert np.array_equal(longer.particles, whole.particles)
    for name, values in whole.recorded.items():
        assert np.array_equal(values, longer.recorded[name])


def test_a_run_comes_back_from_disk(tmp_path):
    one = game(optimiser_disc=nn.Adam(beta1=0.5))
    run = one.run(steps=5, seed=1)
    back = ganth.Run.load(run.save(tmp_path / "run"))
    assert back.game.optimiser_disc == nn.Adam(beta1=0.5)
    assert back.game.generator == one.generator
    assert np.array_equal(back.extend(4).final, one.run(steps=9, seed=1).final)


def test_what_is_recorded():
    run = game().run(steps=20, trials=2, record_every=10, seed=2)
    x = run.particles[1, -1]
    judge = run.discriminator_of(1)
    field = judge.field(x)
    np.testing.assert_allclose(field, judge.gradient(x) / judge(x)[:, None], rtol=1e-12)
    np.testing.assert_allclose(run.recorded["field"][1, -1], np.linalg.norm(field, axis=1), rtol=1e-10)
    assert run.recorded["metric"][1, -1] == np.quantile(run.recorded["field"][1, -1], 7 / 8)
    latents = streams.normal(2, (512, 3), purpose=naive.START)
    np.testing.assert_allclose(run.game.generator_of(run, 1)(latents), x, rtol=1e-12)
    assert run.recorded["modes"][1, -1] == (CUBE.shares(x) >= 1 / 32).sum()
    given = game().run(latents[:4], steps=20, trials=2, seed=2)
    assert np.array_equal(given.final, run.final[:, :4])


def test_js_and_gan_are_nsgan_to_the_bit():
    runs = [game(loss=loss).run(steps=30, seed=1).final for loss in ("nsgan", "js", "gan")]
    assert np.array_equal(runs[0], runs[1])
    assert np.array_equal(runs[0], runs[2])


def test_the_critic_of_wgan_is_itself():
    one = game(loss="wgan_gp")
    assert one.penalty == (10.0, "between")
    assert game().with_settings(loss="wgan_gp").penalty == (10.0, "between")
    run = one.run(steps=5, seed=1)
    judge, x = run.discriminator_of(), run.final
    np.testing.assert_array_equal(judge.field(x), judge.gradient(x))
    np.testing.assert_allclose(run.recorded["field"][0, -1], np.linalg.norm(judge.gradient(x), axis=1), rtol=1e-12)


def test_noise_is_fresh_and_has_its_deviation():
    # D's update is linear in small noise around the quiet one: over trials, differences have mean 0 and scale with it.
    def moved(noise):
        run = game(noise=noise, batch=40, discriminator=nn.Dense((16,), activation="tanh")).run(
            steps=1, trials=8, seed=3
        )
        return run.state["discriminator"]

    quiet, small, large = moved(0.0), moved(1e-4), moved(2e-4)
    np.testing.assert_allclose(large - quiet, 2 * (small - quiet), rtol=0.02, atol=1e-9)
    assert np.abs(small - quiet).max() > 1e-7
    assert np.corrcoef((small - quiet)[:, -17:-1])[np.triu_indices(8, 1)].max() < 0.9


def test_float32_follows_float64_for_a_while():
    one = game(batch=70, discriminator=nn.Dense((64, 20)), generator=nn.Dense((33,), activation="sigmoid"))
    double, single = (one.run(steps=30, seed=4, dtype=dtype).final for dtype in ("float64", "float32"))
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-4)
    assert not np.array_equal(single, double)


def test_divergence_is_told_and_the_last_finite_state_kept():
    one = game(loss="wgan_gp", grad_penalty=0.0, lr_disc=1e3, lr_gen=1e3, discriminator=nn.Dense((4, 6)))
    with pytest.warns(DivergenceWarning):
        run = one.run(steps=400, trials=2, seed=0, record_every=20)
    assert (run.diverged_at > 0).all()
    assert np.isfinite(run.particles).all()
    first = one.run(steps=int(run.diverged_at[0]) - 1, seed=0)
    assert np.array_equal(first.final, run.particles[0, -1])
    assert first.diverged_at[0] == -1


def test_bad_arguments_name_themselves():
    for settings, message in (
        ({"loss": "hinge"}, "loss must be one of"),
        ({"batch": 0}, "batch must be an integer >= 1, got 0"),
        ({"lr_gen": 0.0}, "lr_gen must be > 0, got 0.0"),
        ({"noise": -1.0}, "noise must be >= 0, got -1.0"),
        ({"form": "flow"}, "form must be one of"),
        ({"grad_penalty_at": "here"}, "grad_penalty_at must be one of"),
        ({"generator": 3}, "generator must be a ganth.nn.Dense, got 3"),
        ({"optimiser_gen": "adam"}, "optimiser_gen must be a ganth.nn.SGD, RMSProp or Adam, got 'adam'"),
    ):
        with pytest.raises(ParameterError, match=message):
            game(**settings)
    with pytest.raises(ShapeError, match=r"generated must have shape \(n, latent_dim = 3\)"):
        game().run(np.zeros((2, 2)), steps=1)
