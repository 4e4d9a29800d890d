"""The toy WGAN: its law's functions, its orbits, its integrators and its walls."""

import math

import mpmath as mp
import naive_mean_field as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad, solve_ivp

import ganth
from ganth.errors import ParameterError, ShapeError
from ganth.theory import toy_wgan as theory

LAWS = {"normal": stats.norm, "logistic": stats.logistic, "laplace": stats.laplace, "cauchy": stats.cauchy}
INTEGRATORS = ("reference", "explicit", "alternating", "symplectic")
priors = st.sampled_from(sorted(LAWS))
energies = st.floats(-9, 9).map(lambda p: 10.0**p)


@given(priors, st.floats(-6, 6).filter(lambda at: at == 0 or abs(at) > 1e-3))
def test_functions_of_the_prior_agree_with_scipy(prior, theta):
    toy, law = ganth.ToyWGAN(prior), LAWS[prior]
    assert toy.share(theta) == pytest.approx(law.cdf(theta), rel=1e-13, abs=1e-15)
    assert toy.distance(theta) == pytest.approx(abs(2 * law.cdf(theta) - 1), abs=1e-14)
    potential = quad(lambda s: (0.5 - law.sf(s)) / law.pdf(s), 0, abs(theta), epsabs=0, epsrel=1e-12)[0]
    coordinate = quad(lambda s: 1 / law.pdf(s), 0, theta, epsabs=0, epsrel=1e-12)[0]
    assert toy.energy(theta, 0.0) == pytest.approx(potential, rel=1e-10, abs=1e-14)
    assert toy.coordinate(theta) == pytest.approx(coordinate, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("theta", [1e-8, 0.3, 3.0, 8.0, 20.0])
def test_energy_of_the_normal_law_to_rounding(theta):
    assert ganth.ToyWGAN().energy(theta, 0.0) == pytest.approx(float(theory.potential_digits(theta)), rel=1e-14)
    assert ganth.ToyWGAN().energy(-theta, 0.0) == ganth.ToyWGAN().energy(theta, 0.0)
    with mp.workdps(30):
        coordinate = mp.pi * mp.erfi(theta / mp.sqrt(2))
    assert ganth.ToyWGAN().coordinate(theta) == pytest.approx(float(coordinate), rel=1e-14)
    assert ganth.ToyWGAN().energy(40.0, 0.0) == math.inf


@given(priors, energies)
def test_turning_points_undo_the_potential(prior, energy):
    toy = ganth.ToyWGAN(prior)
    assert toy.energy(toy.turning_point(energy), 0.0) == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("energy", ["1e-12", "0.01", "1", "30", "1e6"])
def test_period_to_twelve_digits(energy):
    expected = float(theory.period_digits(energy, 16))
    assert ganth.ToyWGAN().period(float(energy)) == pytest.approx(expected, rel=1e-12)
    assert ganth.ToyWGAN(gamma=9.0).period(float(energy)) == pytest.approx(expected / 3, rel=1e-12)


@pytest.mark.parametrize("prior", sorted(LAWS))
@pytest.mark.parametrize("theta", [0.1, 1.0, 2.5])
def test_period_is_that_of_the_flow(prior, theta):
    toy = ganth.ToyWGAN(prior, 2.0)
    period = float(toy.period(toy.energy(theta, 0.0)))
    run = toy.with_settings(time_step=period / 8).run(theta, steps=8, record_every=1)
    np.testing.assert_allclose(run.particles[0, ::2, 0, 0], theta * np.array([1, 0, -1, 0, 1]), atol=1e-10)


@pytest.mark.parametrize("prior", sorted(LAWS))
@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_reference_keeps_the_energy(prior, gamma):
    toy = ganth.ToyWGAN(prior, gamma)
    run = toy.run(np.array([0.3, 1.0, 2.0]).reshape(-1, 1, 1), trials=3, steps=10_000, record_every=50)
    energy = toy.energy(run.particles[..., 0, 0], run.recorded["omega"])
    assert run.time[-1] == pytest.approx(1000)
    assert np.abs(energy - energy[:, :1]).max() < 1e-12


def test_reference_is_scipys():
    toy = ganth.ToyWGAN("normal", 3.0, time_step=0.7)
    run = toy.run(-0.8, omega0=0.4, steps=20, record_every=1)

    def field(_, state):
        return [naive.phi(state[0]) * state[1], 3.0 * (0.5 - naive.big_phi(state[0]))]

    found = solve_ivp(field, (0, 14), [-0.8, 0.4], "DOP853", rtol=1e-12, atol=1e-13, t_eval=run.time)
    np.testing.assert_allclose(run.particles[0, :, 0, 0], found.y[0], atol=1e-9)
    np.testing.assert_allclose(run.recorded["omega"][0], found.y[1], atol=1e-9)


@given(st.floats(-3, 3), st.lists(st.floats(-2, 2), min_size=1, max_size=4), st.floats(0.1, 5), st.booleans())
def test_steps_are_the_naive_ones(theta, omegas, gamma, alternating):
    name = "alternating" if alternating else "explicit"
    toy = ganth.ToyWGAN("normal", gamma, 1.0, time_step=0.3, integrator=name)
    run = toy.run(theta, omega0=[omegas], steps=7)
    omegas = list(np.clip(omegas, -1, 1))
    for _ in range(7):
        theta, omegas = naive.toy_step(theta, omegas, gamma, 1.0, 0.3, alternating)
    assert run.final[0, 0] == pytest.approx(theta, abs=1e-12)
    np.testing.assert_allclose(run.recorded["omega"][0, -1], omegas, atol=1e-12)


@pytest.mark.parametrize("prior", ["normal", "logistic", "cauchy"])
def test_leapfrog_turns_back_in_time(prior):
    toy = ganth.ToyWGAN(prior, 1.5, time_step=0.2, integrator="symplectic")
    there = toy.run(1.3, omega0=0.2, steps=200)
    back = toy.run(float(there.final[0, 0]), omega0=-there.recorded["omega"][0, -1], steps=200)
    assert back.final[0, 0] == pytest.approx(1.3, abs=1e-9)


@pytest.mark.parametrize("energy", [0.7, 3.0, 40.0])
@pytest.mark.parametrize("time_step", [0.05, 1.3])
def test_walls_whatever_the_step(energy, time_step):
    """The plateau, its end, and the cycle after it do not depend on how the flow is cut into steps."""
    toy = ganth.ToyWGAN(clip=1.0, time_step=time_step)
    theta = -float(toy.turning_point(energy))
    run = toy.run(theta, steps=math.ceil(150 / time_step), record_every=1)
    omega, energies = run.recorded["omega"][0], toy.energy(run.particles[0, :, 0, 0], run.recorded["omega"][0])
    held = (omega == 1.0) & (run.particles[0, :, 0, 0] < 0)
    assert held.sum() * time_step == pytest.approx(float(toy.plateau(energy)), abs=1.01 * time_step)
    end = run.time[np.flatnonzero(held)[-1]] if held.any() else 60.0
    settled = energies[run.time > end + 2 * time_step]
    assert np.abs(settled - toy.wall_energy).max() < 1e-12
    assert np.abs(omega).max() <= 1.0


def test_plateau_with_another_clip_and_speed():
    toy = ganth.ToyWGAN("logistic", 2.0, 0.5)
    hit = float(np.arccosh(1 + 4.0 - 0.0625))
    assert toy.plateau(4.0) == pytest.approx(2 * (hit + math.sinh(hit)) / 0.5, rel=1e-12)
    assert toy.plateau(0.06) == 0.0
    assert ganth.ToyWGAN().wall_energy == math.inf


@pytest.mark.parametrize("start", [-3.0, 1.45])
def test_coagulation_time_is_that_of_many_atoms(start):
    toy = ganth.ToyWGAN("normal", 1.0, 1.0, time_step=2e-3, integrator="symplectic")
    atoms = np.linspace(-1, 1, 801)[None]
    run = toy.run(start, omega0=atoms, steps=4000, record_every=5)
    width = np.ptp(run.recorded["omega"][0], axis=1)
    assert run.time[np.flatnonzero(width == 0)[0]] == pytest.approx(toy.coagulation_time(start), abs=0.02)


def test_run_is_split_and_saved_like_any_game(tmp_path):
    for integrator in INTEGRATORS:
        toy = ganth.ToyWGAN("cauchy", 2.0, 1.0, integrator=integrator)
        start = np.array([0.5, -2.0]).reshape(2, 1, 1)
        whole = toy.run(start, trials=2, steps=60, record_every=7)
        parts = toy.run(start, trials=2, steps=21, record_every=7).extend(39)
        again = ganth.Run.load(parts.save(tmp_path / integrator))
        for one in (parts, again):
            np.testing.assert_array_equal(whole.particles, one.particles)
            np.testing.assert_array_equal(whole.recorded["omega"], one.recorded["omega"])
        alone = toy.run(start[1], trials=1, first_trial=1, steps=60, record_every=7)
        np.testing.assert_array_equal(alone.particles[0], whole.particles[1])
        assert whole.discriminator([[2.0]], trial=1)[0] == max(2.0 * whole.recorded["omega"][1, -1], 0)


def test_float32_state_and_divergence():
    toy = ganth.ToyWGAN(integrator="explicit")
    assert toy.run(1.0, steps=5, dtype="float32").final[0, 0] == pytest.approx(toy.run(1.0, steps=5).final[0, 0], 1e-6)
    lost = ganth.ToyWGAN("normal", 1e308, time_step=10.0, integrator="explicit")
    with pytest.warns(ganth.DivergenceWarning):
        run = lost.run(5.0, steps=10)
    assert run.diverged_at[0] > 0
    assert np.isfinite(run.final).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prior": "uniform"}, "prior must be one of"),
        ({"gamma": 0.0}, "gamma must be > 0"),
        ({"clip": -1.0}, "clip must be > 0"),
        ({"time_step": 0}, "time_step must be > 0"),
        ({"integrator": "euler"}, "integrator must be one of"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ParameterError, match=words):
        ganth.ToyWGAN(**settings)


def test_bad_calls():
    with pytest.raises(ParameterError, match="energy must be >= 0"):
        ganth.ToyWGAN().period(-1.0)
    with pytest.raises(ParameterError, match="clip must be a number"):
        ganth.ToyWGAN().plateau(1.0)
    with pytest.raises(ParameterError, match="several atoms"):
        ganth.ToyWGAN().run(omega0=[[0.0, 1.0]], steps=1)
    with pytest.raises(ShapeError, match="omega0 must"):
        ganth.ToyWGAN().run(omega0=[0.0, 1.0], steps=1)
