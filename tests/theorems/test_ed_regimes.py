"""ED, section V and apps. E and F: how much gradient regulariser, claim by claim.  Few seeds; the figures show more."""

import functools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

import ganth
from ganth.metrics import mean_log_likelihood, mode_collapse, nearest_mode_distance
from ganth.theory import dirac as theory

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL = math.log(8) / 2
RELU = {"ntk_ratio": 0.275, "lr_disc": 0.01, "lr_gen": 0.3, "n_disc": 5}
TANH = {"ntk_ratio": 0.2, "lr_disc": 0.01, "lr_gen": 0.1, "n_disc": 5, "activation": "tanh"}
rates = st.floats(0.003, 0.2)


@functools.cache
def played(kind, grad_reg, seeds=4, steps=1600, **changes):
    """Return a run of 256 units, with one record in 50 steps."""
    settings = {**(RELU if kind == "relu" else TANH), **changes}
    game = ganth.EffectiveGAN(
        RING, n_particles=200, width=256, grad_reg=float(grad_reg), grad_reg_form="full", **settings
    )
    return game.run(steps=steps, trials=seeds, seed=3, record_every=50, dtype="float32").raise_if_diverged()


def metric(run):
    return float(np.median(mode_collapse(run.particles[:, -1], RING.means)))


def distance(run):
    return float(np.median(nearest_mode_distance(run.particles[:, -1], RING.means)))


def test_ED_Fig9():
    """Collapse without regulariser; an intermediate beta brings a spread cloud nearest; at a large one it is late."""
    without, critical, over = (played("relu", beta) for beta in (0.0, 10.0, 80.0))
    assert metric(without) > LEVEL
    assert metric(critical) < 0.1
    assert distance(critical) < 0.5 * min(distance(without), distance(over))


def test_ED_New_overdamp():
    """Corrected: distance and likelihood show it first, the metric too where alpha_G T / beta is about 1 or less."""
    critical, over = played("relu", 10.0), played("relu", 80.0)
    assert distance(over) > 2 * distance(critical)
    likelihoods = [np.median(mean_log_likelihood(run.particles[:, -1], RING)) for run in (critical, over)]
    assert likelihoods[1] < 3 * likelihoods[0] < 0
    assert metric(over) < 0.1
    slow = played("relu", 80.0, lr_gen=0.03)
    assert metric(slow) > 3 * metric(over)
    assert metric(slow) > 0.25
    # The Dirac-GAN's slow eigenvalue is -alpha_G / beta there: exp(-alpha_G T / beta) is left after T iterations.
    assert theory.overdamped_rate() == -theory.lr_gen / theory.beta
    game = ganth.DiracGAN(80.0, lr_disc=0.01, lr_gen=0.3, n_disc=5, order="continuous")
    assert game.run(steps=1600).final[0, 0] == pytest.approx(math.exp(-0.3 * 1600 / 80), rel=0.05)


def test_ED_Fig19():
    """Tanh: the metric dips about beta = 10 and rests there; below 1 it is high and restless; far up it rises again."""
    courses = {
        beta: mode_collapse(played("tanh", beta, steps=2000).particles, RING.means) for beta in (0.2, 0.5, 10.0, 150.0)
    }
    final = {beta: np.median(course[:, -1]) for beta, course in courses.items()}
    unrest = {beta: np.median(course[:, 20:].std(axis=1)) for beta, course in courses.items()}
    assert min(final[0.2], final[0.5]) > LEVEL
    assert final[10.0] < 0.1 < final[150.0]
    assert max(unrest[0.2], unrest[0.5]) > 5 * unrest[10.0]


def critical(lr_disc, lr_gen, n_disc, order):
    """The beta at which the multipliers of the Dirac-GAN meet, found on the game."""
    game = ganth.DiracGAN(lr_disc=lr_disc, lr_gen=lr_gen, n_disc=n_disc, order=order)

    def discriminant(beta):
        both = game.with_settings(grad_reg=beta).multipliers()
        return ((both[0] - both[1]) ** 2).real

    law = 2 * math.sqrt(lr_gen / (lr_disc * n_disc))
    return brentq(discriminant, 0.3 * law, 1.5 * law, xtol=1e-13), law


@given(rates, rates, st.integers(1, 8))
def test_ED_New_onset(lr_disc, lr_gen, n_disc):
    """2 sqrt(alpha_G / (alpha_D n)) in continuous time and for single simultaneous steps; alternating ones by SymPy."""
    values = {theory.lr_disc: lr_disc, theory.lr_gen: lr_gen, theory.n_disc: n_disc}
    found, law = critical(lr_disc, lr_gen, n_disc, "continuous")
    assert found == pytest.approx(law, rel=1e-7)
    assert float(theory.critical_with_rates().subs(values)) == pytest.approx(law, rel=1e-12)
    found, law = critical(lr_disc, lr_gen, 1, "simultaneous")
    assert found == pytest.approx(law, rel=1e-7)
    found, law = critical(lr_disc, lr_gen, 1, "alternating")
    assert found == pytest.approx(law - lr_gen, rel=1e-7)
    for order in ("simultaneous", "alternating"):
        found, law = critical(lr_disc, lr_gen, n_disc, order)
        assert abs(float(theory.critical_condition(order).subs({**values, theory.beta: found}))) < 1e-7 * found
        assert abs(found / law - 1) < n_disc * lr_disc * law  # the law is the limit of small steps


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_critical_condition_is_where_the_eigenvalues_meet(order, steps):
    """The discriminant of the matrix of an iteration vanishes with the condition, factor by factor."""
    keep = sp.Symbol("r", positive=True)  # r^2 = q = 1 - alpha_D beta
    beta = (1 - keep**2) / theory.lr_disc
    matrix = theory.step_matrix(order, steps).subs(theory.beta, beta)
    discriminant = matrix.trace() ** 2 - 4 * matrix.det()
    condition = theory.critical_condition(order).subs(theory.n_disc, steps).subs(theory.beta, beta)
    rest = (1 - keep ** (2 * steps)) / beta
    if order == "alternating":
        rest *= (1 + keep**steps) - theory.lr_gen / beta * (1 - keep**steps)  # no zero while alpha_G < beta
    assert sp.simplify(discriminant - rest * condition) == 0


def test_the_onset_of_particles_moves_with_every_rate():
    """At one beta the cloud collapses for the slower discriminator, or the faster generator, and spreads otherwise."""
    for beta, early, late in (
        (1.4, {"lr_disc": 0.03}, {"lr_disc": 0.0033}),
        (1.2, {"lr_gen": 0.03}, {"lr_gen": 1.0}),
        (1.7, {"n_disc": 10}, {"n_disc": 2}),
    ):
        assert metric(played("relu", beta, **early)) < LEVEL < metric(played("relu", beta, **late))
