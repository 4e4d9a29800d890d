"""The Dirac-GAN: the published rules step for step, flows by SciPy, orders of convergence, bits."""

import math

import naive_dirac as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import ganth

# Settings of a game and the published forces they stand for.
RULES = {
    "linear": ({}, naive.wgan),
    "linear, penalty": ({"grad_reg": 0.4}, naive.penalised(naive.wgan, 0.4)),
    "vanilla": ({"loss": "vanilla"}, naive.gan),
    "vanilla, penalty": ({"loss": "vanilla", "grad_reg": 0.3}, naive.penalised(naive.gan, 0.3)),
    "nsgan": ({"loss": "nsgan"}, naive.nsgan),
    "nsgan, penalty": ({"loss": "nsgan", "grad_reg": 0.7}, naive.penalised(naive.nsgan, 0.7)),
    "wgan": ({"loss": "wgan", "clip": 0.25}, naive.wgan),
    "wgan_gp": ({"loss": "wgan_gp", "grad_reg": 0.9, "target_norm": 0.2}, lambda t, p: naive.wgan_gp(t, p, 0.9, 0.2)),
    "vanilla, noise": ({"loss": "vanilla", "noise": 1.3}, naive.noisy(1.3)),
    "nsgan, noise": ({"loss": "nsgan", "noise": 0.4, "grad_reg": 0.1}, naive.penalised(naive.noisy(0.4, True), 0.1)),
    "linear, consensus": ({"consensus": 0.3}, naive.consensus(naive.wgan, 0.3)),
    "vanilla, consensus": ({"loss": "vanilla", "consensus": 0.5}, naive.consensus(naive.gan, 0.5)),
    "nsgan, consensus": ({"loss": "nsgan", "consensus": 0.2}, naive.consensus(naive.nsgan, 0.2)),
    "both": (
        {"loss": "vanilla", "consensus": 0.5, "grad_reg": 0.2},
        naive.penalised(naive.consensus(naive.gan, 0.5), 0.2),
    ),
}
rules = pytest.mark.parametrize("name", RULES)
starts = st.floats(-2.0, 2.0)
rates = st.floats(0.01, 0.3)


def game(name, **changes):
    return ganth.DiracGAN(**{**RULES[name][0], **changes})


def path(run, trial=0):
    return run.particles[trial, :, 0, 0], run.recorded["phi"][trial]


@rules
@given(theta=starts, phi=starts, lr_gen=rates, lr_disc=rates)
def test_simultaneous_steps_are_the_published_ones(name, theta, phi, lr_gen, lr_disc):
    gan, forces = game(name, lr_gen=lr_gen, lr_disc=lr_disc), RULES[name][1]
    run = gan.run(theta, phi0=phi, steps=30, record_every=1)
    thetas, psis = naive.simultaneous(forces, theta, -phi, 30, lr_gen, lr_disc, gan.clip or np.inf)
    scale = np.abs(thetas).max() + np.abs(psis).max()
    np.testing.assert_allclose(path(run)[0], thetas, rtol=0, atol=1e-13 + 1e-12 * scale)
    np.testing.assert_allclose(path(run)[1], -psis, rtol=0, atol=1e-13 + 1e-12 * scale)


@rules
@given(theta=starts, phi=starts, lr_gen=rates, lr_disc=rates, n_disc=st.integers(1, 4))
def test_alternating_steps_are_the_published_ones_from_half_an_iteration_later(
    name, theta, phi, lr_gen, lr_disc, n_disc
):
    gan = game(name, lr_gen=lr_gen, lr_disc=lr_disc, n_disc=n_disc, order="alternating")
    thetas, psis = naive.alternating(RULES[name][1], theta, -phi, 31, lr_gen, lr_disc, n_disc, gan.clip or np.inf)
    run = gan.run(thetas[1], phi0=phi, steps=30, record_every=1)
    scale = np.abs(thetas).max() + np.abs(psis).max()
    np.testing.assert_allclose(path(run)[0], thetas[1:], rtol=0, atol=1e-13 + 1e-12 * scale)
    np.testing.assert_allclose(path(run)[1], -psis[:-1], rtol=0, atol=1e-13 + 1e-12 * scale)


def test_the_published_code_halves_a_term_of_consensus():
    """Their rule is not the gradient that its own comment names; ours is."""
    theirs, exact = naive.consensus_of_their_code(1.0, 0.8, 0.3), naive.consensus(naive.gan, 0.3)(1.0, 0.8)
    run = ganth.DiracGAN(loss="vanilla", consensus=0.3).run(1.0, phi0=-0.8, steps=1)
    ours = run.final[0, 0] - 1.0, -run.recorded["phi"][0, -1] - 0.8
    np.testing.assert_allclose(ours, exact, rtol=1e-14)
    assert np.abs(np.subtract(theirs, exact)).max() > 1e-2


SMOOTH = [name for name in RULES if not name.startswith("wgan")]


@pytest.mark.parametrize("name", SMOOTH)
def test_the_flow_is_that_of_scipy(name):
    gan = game(name, lr_disc=0.5, lr_gen=0.3, n_disc=2, order="continuous")
    run = gan.run(1.5, phi0=0.4, steps=12, record_every=3)
    forces = RULES[name][1]

    def field(_, state):
        v1, v2 = forces(state[0], -state[1])
        return [0.6 * v1, -2 * v2]

    oracle = solve_ivp(field, (0, run.time[-1]), [1.5, 0.4], "DOP853", t_eval=run.time, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(path(run), oracle.y, atol=2e-11)


def test_the_clipped_flow_ends_on_a_circle():
    """A quarter turn to the clip, along it to theta = 0, then round at the radius of the clip: all in closed form."""
    clip = 0.3
    reached, left = math.asin(clip), math.sqrt(1 - clip**2) / clip
    gan = ganth.DiracGAN(loss="wgan", clip=clip, lr_disc=0.1, lr_gen=0.1, order="continuous")
    theta, phi = path(run := gan.run(steps=200, record_every=1))
    turned, along = run.time < reached, (run.time >= reached) & (run.time < reached + left)
    rest = run.time[~turned & ~along] - reached - left
    np.testing.assert_allclose(theta[turned], np.cos(run.time[turned]), atol=1e-12)
    np.testing.assert_allclose(theta[along], math.sqrt(1 - clip**2) - clip * (run.time[along] - reached), atol=1e-10)
    np.testing.assert_allclose(theta[~turned & ~along], -clip * np.sin(rest), atol=1e-9)
    np.testing.assert_allclose(phi[~turned & ~along], -clip * np.cos(rest), atol=1e-9)


def test_the_flow_of_the_gradient_penalty_crosses_its_jump():
    """Piecewise linear: SciPy with an event at phi = 0, which is where the force jumps."""
    gan = game("wgan_gp", lr_disc=0.25, lr_gen=0.25, order="continuous")
    run = gan.run(1.5, phi0=0.4, steps=80)
    state, t = np.array([1.5, 0.4]), 0.0
    while t < run.time[-1]:
        side = np.sign(state[1]) or -np.sign(state[0])
        crossing = lambda t, s, since=t: s[1] if t > since else side  # noqa: B023, E731
        crossing.terminal = True
        piece = solve_ivp(
            lambda t, s, side=side: [s[1], -s[0] - 0.9 * (s[1] - 0.2 * side)],
            (t, run.time[-1]), state, "DOP853", rtol=1e-13, atol=1e-14, events=crossing,
        )  # fmt: skip
        t, state = piece.t[-1], piece.y[:, -1]
        state[1] = 0.0 if piece.status == 1 else state[1]
    np.testing.assert_allclose([run.final[0, 0], run.recorded["phi"][0, -1]], state, atol=1e-8)


@pytest.mark.parametrize("name", ["linear, penalty", "vanilla, penalty", "nsgan, noise", "vanilla, consensus"])
@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_steps_approach_the_flow_with_order_one(name, order):
    errors, sizes = [], [0.02, 0.01, 0.005, 0.0025]
    flow = game(name, lr_disc=0.02, lr_gen=0.02, order="continuous").run(steps=200)
    for size in sizes:
        run = game(name, lr_disc=size, lr_gen=size, order=order).run(steps=round(4 / size))
        errors.append(
            math.hypot(run.final[0, 0] - flow.final[0, 0], (run.recorded["phi"] - flow.recorded["phi"])[0, -1])
        )
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.08)


@given(rates, rates)
def test_alternating_keeps_its_form_and_simultaneous_grows(lr_disc, lr_gen):
    rates = {"lr_disc": lr_disc, "lr_gen": lr_gen}
    theta, phi = path(ganth.DiracGAN(order="alternating", **rates).run(phi0=0.3, steps=500, record_every=1))
    form = lr_disc * theta**2 + lr_gen * phi**2 - lr_disc * lr_gen * theta * phi
    np.testing.assert_allclose(form, form[0], rtol=1e-12)
    theta, phi = path(ganth.DiracGAN(**rates).run(phi0=0.3, steps=500, record_every=1))
    form = lr_disc * theta**2 + lr_gen * phi**2
    np.testing.assert_allclose(form[1:] / form[:-1], 1 + lr_disc * lr_gen, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in RULES if name != "wgan_gp"])
@pytest.mark.parametrize("order", ["simultaneous", "alternating", "continuous"])
def test_multipliers_are_those_of_a_small_iteration(name, order):
    gan = game(name, lr_disc=0.3, lr_gen=0.2, n_disc=3, order=order)
    small = 1e-5
    columns = [
        [run.final[0, 0], run.recorded["phi"][0, -1]]
        for run in (gan.run(small, phi0=0.0, steps=1), gan.run(0.0, phi0=small, steps=1))
    ]
    map_ = np.array(columns).T / small
    found = gan.multipliers()
    np.testing.assert_allclose([found.sum(), found.prod()], [np.trace(map_), np.linalg.det(map_)], atol=1e-9)
    assert abs(found[0]) >= abs(found[1])


def test_multipliers_need_a_slope():
    with pytest.raises(ganth.ParameterError, match="target_norm must be 0 for a linear map to exist"):
        game("wgan_gp").multipliers()


STARTS = np.linspace(-1, 2, 5).reshape(5, 1, 1)


@pytest.mark.parametrize("order", ["simultaneous", "alternating", "continuous"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_do_not_depend_on_threads_trials_records_or_extension(order, dtype, tmp_path):
    gan = game("nsgan, penalty", lr_disc=0.1, lr_gen=0.05, order=order)
    call = {"phi0": np.linspace(0, 1, 5), "steps": 60, "trials": 5, "dtype": dtype}
    whole = gan.run(STARTS, **call, threads=1)

    def same(other):
        return all(
            np.array_equal(a, b)
            for a, b in (
                (whole.particles, other.particles),
                (whole.recorded["phi"], other.recorded["phi"]),
                (whole.steps, other.steps),
            )
        )

    assert same(gan.run(STARTS, **call, threads=2))
    alone = gan.run(STARTS[3:4], **{**call, "phi0": 0.75, "trials": 1})
    assert np.array_equal(alone.particles[0], whole.particles[3])
    fine = gan.run(STARTS, **call, record_every=7)
    assert np.array_equal(fine.recorded["phi"][:, -1], whole.recorded["phi"][:, -1])
    part = gan.run(STARTS, **{**call, "steps": 23})
    assert same(part.extend(37))
    assert same(ganth.Run.load(part.save(tmp_path / "part")).extend(37))
    assert whole.state["phi"].dtype == whole.state["particles"].dtype == dtype
    assert whole.particles.dtype == whole.recorded["phi"].dtype == np.float64


def test_float32_follows_float64():
    for name in RULES:
        double, single = (game(name, lr_disc=0.1, lr_gen=0.1).run(steps=50, dtype=d) for d in ("float64", "float32"))
        assert abs(double.final - single.final).max() < 1e-4


def test_overflow_stops_at_the_naive_step():
    gan = ganth.DiracGAN(lr_disc=10.0, lr_gen=7.0)
    with pytest.warns(ganth.DivergenceWarning, match="1 of 2 trials diverged, the first at step"):
        run = gan.run(np.array([1.0, 0.0]).reshape(2, 1, 1), steps=1000, trials=2, record_every=1)
    theta, phi, lost = 1.0, 0.0, 0
    while math.isfinite(theta) and math.isfinite(phi):
        last = theta, phi
        theta, phi, lost = theta + 7.0 * phi, phi - 10.0 * theta, lost + 1
    assert run.diverged_at.tolist() == [lost, -1]
    assert lost == pytest.approx(math.log(1.797e308) / math.log(math.sqrt(71)), abs=3)
    assert (run.particles[0, -1, 0, 0], run.recorded["phi"][0, -1]) == last
    with pytest.raises(ganth.DivergedError, match=f"trial 0 diverged at step {lost}"):
        run.raise_if_diverged()
    with pytest.warns(ganth.DivergenceWarning):
        wild = ganth.DiracGAN(loss="vanilla", consensus=1.0, order="continuous").run(1e200, phi0=-1e200, steps=3)
    assert wild.diverged_at[0] == 1


def test_a_run_names_what_it_holds():
    run = ganth.DiracGAN(0.5, lr_disc=0.2).run(phi0=0.25, steps=6, record_every=2)
    assert run.particles.shape == (1, 4, 1, 1)
    assert run.recorded["phi"].shape == (1, 4)
    np.testing.assert_allclose(run.time, [0.0, 0.4, 0.8, 1.2])
    slope = run.recorded["phi"][0, -1]
    np.testing.assert_array_equal(run.discriminator([[2.0], [-1.0]]), [2 * slope, -slope])
    np.testing.assert_array_equal(run.discriminator_of().gradient([[2.0], [-1.0]]), [[slope], [slope]])
    assert run.settings["grad_reg"] == 0.5
    assert run.settings["phi0"] == 0.25
    assert ganth.DiracGAN(loss="wgan").run(phi0=2.0, steps=0).recorded["phi"][0, 0] == 0.3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"grad_reg": -1}, "grad_reg must be >= 0, got -1"),
        ({"loss": "hinge"}, "loss must be one of 'linear', 'wgan', 'wgan_gp', 'vanilla', 'nsgan', got 'hinge'"),
        ({"order": "both"}, "order must be one of 'simultaneous', 'alternating', 'continuous', got 'both'"),
        ({"lr_gen": 0}, "lr_gen must be > 0, got 0"),
        ({"n_disc": 0}, "n_disc must be an integer >= 1, got 0"),
        ({"noise": -0.1}, "noise must be >= 0, got -0.1"),
        ({"clip": 0.1}, "clip must be None for loss='linear', got 0.1"),
        ({"loss": "wgan", "clip": 0.0}, "clip must be > 0, got 0.0"),
        ({"loss": "wgan_gp", "target_norm": -1.0}, "target_norm must be >= 0, got -1.0"),
        ({"loss": "vanilla", "target_norm": 1.0}, "target_norm must be None for loss='vanilla', got 1.0"),
        ({"noise": 1.0, "consensus": 2.0}, "consensus must be 0 where noise > 0, got 2.0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ganth.ParameterError) as caught:
        ganth.DiracGAN(**settings)
    assert str(caught.value) == message


def test_bad_calls():
    gan = ganth.DiracGAN()
    with pytest.raises(ganth.ShapeError, match="phi0 must be a number or have shape"):
        gan.run(steps=1, trials=2, phi0=[0.0, 1.0, 2.0])
    with pytest.raises(ganth.ShapeError, match="generated must hold n_particles = 1"):
        gan.run([[1.0], [2.0]], steps=1)
    with pytest.raises(ganth.ParameterError, match="steps must be fewer for order='continuous'"):
        ganth.DiracGAN(1e9, loss="vanilla", order="continuous").run(steps=100)
