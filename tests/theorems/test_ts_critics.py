"""TS A.3 and A.8: Wasserstein critics, penalties, spectral norms, two rates.

Theory: best penalised slope 1 + |F - G|/(2 lambda rho); bilinear steps have radius sqrt(1 + eta_D eta_G).
"""

import math

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.spatial.distance import cdist

import ganth
from ganth import nn
from ganth.theory import divergences as theory

few = settings(max_examples=8)


@given(seed=st.integers(0, 2**32))
@few
def test_TS_A3_duality(seed):
    rng = np.random.default_rng(seed)
    n = 5
    x = rng.normal(size=(n, 2))
    w, v = rng.dirichlet(np.ones(n), size=2)
    gaps = cdist(x, x)
    rows, bounds = [], []
    for i in range(n):
        for j in range(n):
            if i != j:
                rows.append(np.eye(n)[i] - np.eye(n)[j])
                bounds.append(gaps[i, j])
    best = -optimize.linprog(v - w, A_ub=np.array(rows), b_ub=bounds, bounds=[(-50, 50)] * n).fun
    assert best == pytest.approx(ot.emd2(w, v, gaps), abs=1e-9)


def test_TS_A3_sign():
    """As printed both go down phi theta: a saddle of rate 1.  The right sign circles."""

    def play(sign, rounds=400, rate=0.05):
        theta, phi, largest = 1.0, 0.1, 0.0
        for _ in range(rounds):
            phi -= rate * theta
            theta -= rate * sign * phi
            largest = max(largest, abs(theta))
        return abs(theta), largest

    assert math.log(play(1)[0]) == pytest.approx(20, abs=2)
    assert play(-1)[1] < 1.2


@given(a=st.floats(0.1, 5), weight=st.floats(1, 20))
@few
def test_TS_A3_gp(a, weight):
    """Two points a apart: the best linear critic is steeper than 1 by a/(2 lambda)."""
    assert str(theory.penalised_slope()) == "a/(2*lambda) + 1"
    k = optimize.minimize_scalar(lambda k: -k * a + weight * (k - 1) ** 2, bracket=(0, 1, 3)).x
    assert k == pytest.approx(1 + a / (2 * weight), abs=1e-6)


def test_TS_New_gp_equilibrium():
    assert [str(v) for v in theory.penalty_costs()] == ["lambda", "0"]

    def late(loss, **settings):
        game = ganth.DiracGAN(1.0, loss=loss, lr_disc=0.05, lr_gen=0.05, order="alternating", **settings)
        run = game.run([[0.0]], phi0=0.1, steps=3000, record_every=10)
        return np.abs(run.particles[0, -100:, 0, 0]).max()

    assert late("wgan_gp", target_norm=1.0) > 0.1
    assert late("linear") < 1e-4


@given(seed=st.integers(0, 2**32))
@few
def test_TS_A3_spectral(seed):
    """Unit norms bound slopes from above; a reshaped kernel's norm is not the map's; iterations stay below."""
    rng = np.random.default_rng(seed)
    architecture = nn.Dense((8, 8), activation="leaky")
    parameters = np.zeros(architecture.size(2, 1))
    for weights, _ in architecture.split(parameters, 2, 1):
        drawn = rng.normal(size=weights.shape)
        weights[:] = drawn / nn.spectral_norm(drawn)
    slopes = nn.DenseFunction(architecture, 2, 1, parameters).gradient(rng.normal(size=(50, 2)))
    assert np.linalg.norm(slopes, axis=1).max() <= 1 + 1e-9
    box = np.ones((1, 3, 3, 1))
    assert nn.convolution_norm(box, (8, 8), padding=1) > 2.5 * nn.spectral_norm(box)
    matrix = rng.normal(size=(6, 6))
    assert nn.power_iteration(matrix, 1, seed=seed) <= nn.spectral_norm(matrix) * (1 + 1e-12)


@given(ratio=st.floats(0.01, 100), product=st.floats(1e-4, 1))
def test_TS_New_bilinear_ratio(ratio, product):
    assert [str(v) for v in theory.bilinear_moduli()] == ["eta_D*eta_G + 1"] * 2
    disc, gen = math.sqrt(product * ratio), math.sqrt(product / ratio)
    step = np.array([[1, -gen], [disc, 1]])
    assert np.abs(np.linalg.eigvals(step)) == pytest.approx(math.sqrt(1 + product), rel=1e-12)
    assert abs(ganth.DiracGAN(lr_disc=disc, lr_gen=gen).multipliers()[0]) == pytest.approx(math.sqrt(1 + product))


@given(ratio=st.floats(0.01, 100))
def test_TS_A8_ttur(ratio):
    """No ratio stabilises the bilinear game; damping does."""
    assert theory.bilinear_flow() == [0, 0]
    rates = {"lr_disc": 0.1 * math.sqrt(ratio), "lr_gen": 0.1 / math.sqrt(ratio)}
    assert abs(ganth.DiracGAN(**rates).multipliers()[0]) > 1
    assert abs(ganth.DiracGAN(1.0, lr_disc=0.1, lr_gen=0.01).multipliers()[0]) < 1
