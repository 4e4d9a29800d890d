"""MF, "Toy Example": masses, energy, period, walls, atoms.  SymPy and SciPy first, then ganth."""

import functools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import erfi

import ganth
from ganth.theory import toy_wgan as theory

thetas = st.floats(-4, 4)
gammas = st.floats(0.05, 20)


@functools.cache
def energy_is_derived():
    assert str(theory.objective()) == "omega*(1/2 - Phi(theta))"
    assert theory.conserved_defect() == 0
    assert sp.expand(theory.potential_series(5) - theory.hypergeometric_series(5)) == 0
    return True


def orbit(toy, theta, turns=1.0, pieces=40):
    """Return theta and omega along an orbit from (theta, 0)."""
    step = float(toy.period(toy.energy(theta, 0.0))) / pieces
    run = toy.with_settings(time_step=step).run(theta, steps=round(turns * pieces), record_every=1)
    return run.particles[0, :, 0, 0], run.recorded["omega"][0]


@given(thetas)
def test_MF_toy_pushforward(theta):
    """The mass at -1 is P(z < theta)."""
    assert ganth.ToyWGAN().share(theta) == pytest.approx(stats.norm.cdf(theta), abs=1e-15)
    z = ganth.streams.normal(3, 20_000)
    assert abs((z < theta).mean() - stats.norm.cdf(theta)) < 5 * 0.5 / math.sqrt(20_000)


@given(st.floats(0.05, 4))
def test_MF_toy_d1(theta):
    """False: the maximum over the hinges is half of the distance."""
    p = stats.norm.cdf(theta)
    true = stats.wasserstein_distance([-1, 1], [-1, 1], [p, 1 - p], [0.5, 0.5])
    hinges = [w * (0.5 - p) for w in np.linspace(-1, 1, 21)]
    assert max(hinges) == pytest.approx(true / 2, rel=1e-9)
    assert ganth.ToyWGAN().distance(theta) == pytest.approx(true, rel=1e-9)


def test_MF_toy_graphs():
    """The distance is even, 0 at 0 and rises to 1."""
    grid = np.linspace(0, 6, 50)
    values = ganth.ToyWGAN().distance(grid)
    assert values[0] == 0
    assert (np.diff(values) > 0).all()
    np.testing.assert_allclose(values, ganth.ToyWGAN().distance(-grid), atol=1e-16)
    assert values[-1] == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("gamma", [1.0, 10.0])
def test_MF_toy_energy(gamma):
    """False: the printed energy moves, with 1/2 as well; F + omega^2/(2 gamma) does not."""
    assert theory.printed_defect(theory.normal, sp.Integer(1), 4) != 0
    assert theory.printed_defect(theory.normal, sp.Rational(1, 2), 4) != 0
    toy = ganth.ToyWGAN("normal", gamma)
    theta, omega = orbit(toy, 2.0)
    for factor in (1.0, 0.5):
        printed = np.cosh(theta) + factor * omega**2 / gamma
        assert np.ptp(printed) > 0.3 * printed[0]
    assert np.ptp(toy.energy(theta, omega)) < 1e-12


@given(st.floats(0.1, 3), gammas)
def test_MF_toy_periodic(theta, gamma):
    """Orbits close after a period, and not before."""
    assert energy_is_derived()
    path, omega = orbit(ganth.ToyWGAN("normal", gamma), theta)
    assert path[-1] == pytest.approx(path[0], abs=1e-9)
    assert omega[-1] == pytest.approx(0, abs=1e-8 * math.sqrt(gamma))
    assert path[1:-1].max() < path[0]


def test_MF_toy_orbits():
    """gamma = 1 and 10 are one family: omega scales by sqrt(gamma)."""
    assert theory.gamma_scaling_defect() == sp.zeros(2, 1)
    for theta in (0.5, 1.5, 2.5):
        one, ten = (orbit(ganth.ToyWGAN("normal", g), theta) for g in (1.0, 10.0))
        np.testing.assert_allclose(one[0], ten[0], atol=1e-9)
        np.testing.assert_allclose(math.sqrt(10) * one[1], ten[1], atol=1e-8)


def test_MF_New_energy():
    """Conserved for any prior; no rescaling of the printed form is, by its fifth order."""
    assert energy_is_derived()
    assert theory.rescalings() == []
    first, third, fifth = theory.rescaling_conditions()
    a, c = sorted(fifth.free_symbols, key=str)
    found = sp.solve([first, third], [a, c], dict=True)
    assert found
    assert all(sp.simplify(fifth.subs(one)) != 0 for one in found)


@given(st.floats(0.2, 4), gammas)
def test_MF_New_logistic(theta, gamma):
    """cosh(theta) + omega^2/(2 gamma) is exact for the logistic prior; with 1/gamma it is not."""
    assert theory.printed_defect(theory.logistic, sp.Rational(1, 2)) == 0
    assert theory.printed_defect(theory.logistic, sp.Integer(1), 2) != 0
    path, omega = orbit(ganth.ToyWGAN("logistic", gamma), theta)
    assert np.ptp(np.cosh(path) + omega**2 / (2 * gamma)) < 1e-10 * math.cosh(theta)
    assert np.ptp(np.cosh(path) + omega**2 / gamma) > 0.5 * (math.cosh(theta) - 1)


@given(st.floats(-6, 3).map(lambda p: 10.0**p), gammas)
def test_MF_New_period(energy, gamma):
    """gamma^(-1/2) at fixed energy; (2 pi)^(3/2)/sqrt(gamma) for small orbits, longer beyond."""
    small = (2 * math.pi) ** 1.5 / math.sqrt(gamma)
    found = ganth.ToyWGAN("normal", gamma).period(energy)
    assert found == pytest.approx(ganth.ToyWGAN().period(energy) / math.sqrt(gamma), rel=1e-12)
    assert found > small
    assert float(theory.smallest_period(theory.normal).subs(theory.gamma, gamma)) == pytest.approx(small, rel=1e-13)
    assert ganth.ToyWGAN("normal", gamma).period(1e-9) == pytest.approx(small, rel=1e-8)


@pytest.mark.parametrize("rule", ["explicit", "alternating"])
def test_MF_New_integrators(rule):
    """Both simple rules drift outwards at the derived rate; leapfrog's error is bounded and of the second order."""
    assert theory.alternating_remainder() == 0
    assert sp.simplify(theory.energy_rate("explicit") - theory.drift("explicit")) == 0
    assert theory.leapfrog_energy()[1] == 0
    toy = ganth.ToyWGAN(integrator=rule, time_step=0.02)
    steps = round(2 * float(toy.period(0.5)) / 0.02)
    run = toy.run(float(toy.turning_point(0.5)), steps=steps)
    end = float(toy.energy(run.final[0, 0], run.recorded["omega"][0, -1]))
    assert (end - 0.5) / run.time[-1] == pytest.approx(float(toy.drift((end + 0.5) / 2)), rel=0.03)
    errors = []
    for step in (0.1, 0.05):
        leap = ganth.ToyWGAN(integrator="symplectic", time_step=step)
        path = leap.run(1.0, steps=round(400 / step), record_every=1)
        energy = leap.energy(path.particles[0, :, 0, 0], path.recorded["omega"][0])
        half = len(energy) // 2
        assert np.ptp(energy[half:]) == pytest.approx(np.ptp(energy[:half]), rel=0.02)
        errors.append(np.ptp(energy))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.02)


@given(st.floats(-3, 3), st.floats(-1, 1), st.sampled_from([0.5, 1.0, 4.0]))
def test_MF_New_wall_cycle(theta, omega, gamma):
    """Beyond 1/(2 gamma) every orbit joins the cycle of that energy; below it nothing happens."""
    toy = ganth.ToyWGAN("normal", gamma, 1.0)
    start = float(toy.energy(theta, omega))
    time = float(toy.period(start) + toy.plateau(start)) + 1
    run = toy.with_settings(time_step=time / 50).run(theta, omega0=omega, steps=100, record_every=1)
    energy = toy.energy(run.particles[0, 51:, 0, 0], run.recorded["omega"][0, 51:])
    np.testing.assert_allclose(energy, min(start, toy.wall_energy), atol=1e-10)


@given(st.floats(0.1, 5), st.floats(0.3, 2))
def test_MF_New_plateau(hit, clip):
    """On the wall for pi erfi(hit/sqrt 2)/clip: just before it ends omega is the clip, just after it is less."""
    toy = ganth.ToyWGAN(clip=clip)
    wait = math.pi * erfi(hit / math.sqrt(2)) / clip
    assert toy.plateau(toy.energy(hit, clip)) == pytest.approx(wait, rel=1e-9)
    before = toy.with_settings(time_step=wait * (1 - 1e-6)).run(-hit, omega0=clip, steps=1)
    after = toy.with_settings(time_step=wait + 0.5).run(-hit, omega0=clip, steps=1)
    assert before.recorded["omega"][0, -1] == clip > after.recorded["omega"][0, -1]
    assert before.final[0, 0] < 0 < after.final[0, 0]


@given(st.floats(-2, 2), st.floats(0.1, 1))
def test_MF_New_zero_gradient(theta, omega):
    """Moving theta by 1e-13 moves no sample's f(g(z)), though the expectation's slope is -omega phi(theta)."""
    z = ganth.streams.normal(1, 5000)

    def value(at):
        return np.maximum(omega * np.where(z < at, -1.0, 1.0), 0)

    assert (value(theta + 1e-13) == value(theta)).all()
    slope = sp.diff(theory.objective(theory.normal), theory.theta)
    exact = float(slope.subs({theory.theta: theta, theory.omega: omega}))
    assert exact == pytest.approx(-omega * stats.norm.pdf(theta), rel=1e-12)


@pytest.mark.parametrize("level", [0.9, 1.1])
@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_MF_New_coagulation(level, gamma):
    """One atom on the first swing iff F(theta0) > 4/(3 gamma); below it a width stays, through later swings too."""
    threshold = float(theory.coagulation_threshold().subs(theory.gamma, gamma))
    assert threshold == pytest.approx(4 / (3 * gamma))
    assert str(theory.later_swings()) == "(w - 1)*(w + 3)/2"
    toy = ganth.ToyWGAN("normal", gamma, 1.0, time_step=0.01, integrator="symplectic")
    theta = float(toy.turning_point(level * threshold))
    run = toy.run(theta, omega0=np.linspace(-1, 1, 201)[None], steps=6000, record_every=10)
    width = np.ptp(run.recorded["omega"][0], axis=1)
    assert (width[-1] == 0) == (level > 1) == math.isfinite(toy.coagulation_time(theta))
    assert (np.diff(width) < 1e-12).all()
    if level > 1:
        assert run.time[np.flatnonzero(width == 0)[0]] == pytest.approx(toy.coagulation_time(theta), abs=0.15)


@given(st.floats(0.5, 500))
def test_MF_New_two_atoms(s):
    """tanh(s z) puts mass between the atoms, whatever s; the least is its share of |z| < atanh(1/2)/s."""
    between = 2 * stats.norm.cdf(math.atanh(0.5) / s) - 1
    z = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert (np.abs(np.tanh(s * z)) < 0.5).mean() == pytest.approx(between, abs=1e-5)
    assert between > 0
