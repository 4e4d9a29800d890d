"""TS sections 2 to 5, 7 and 12: divergences and the cost of a missing mode.

Theory: D* = p/(p + q), V = -log 4 + 2 JS; D_f = int q f(p/q) + f'(inf) p(q = 0); if q(A) = 0,
KL(q || p) >= -log(1 - p(A)).
"""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from random_mixtures import law, pair

import ganth
from ganth.targets import GaussianMixture, UniformBox
from ganth.theory import divergences as theory

D = ganth.divergences
seeds = st.integers(0, 2**32)
few = settings(max_examples=8)
WHOLE = UniformBox([0.0], [1.0])


def mean(values, density, x):
    return float((values * np.exp(density.log_density(x[:, None]))).sum() * (x[1] - x[0]))


GRID = np.linspace(-30, 30, 12_001)


@given(seed=seeds)
@few
def test_TS_S2_value(seed):
    assert str(theory.optimal_discriminator()) == "p/(p + q)"
    assert theory.value_gap() == 0
    p, q = pair(seed)
    d = ganth.fields.optimal(GRID[:, None], p, q)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = mean(np.where(d > 0, np.log(d), 0), p, GRID) + mean(np.where(d < 1, np.log1p(-d), 0), q, GRID)
    assert value == pytest.approx(-math.log(4) + 2 * D.js(p, q), abs=1e-6)


@given(overlap=st.floats(0, 0.99))
@few
def test_TS_S2_js_singular(overlap):
    found = D.js(WHOLE, UniformBox([1 - overlap], [2 - overlap]))
    assert found == pytest.approx((1 - overlap) * math.log(2), abs=1e-12)
    assert D.js_of_points(10.0, 1.0)[1] < 1e-4


@given(seed=seeds)
@few
def test_TS_S2_js_symmetric(seed):
    p, q = pair(seed)
    assert D.js(p, q) == pytest.approx(D.js(q, p), abs=1e-13)
    assert D.w1(p, q) == pytest.approx(D.w1(q, p), abs=1e-12)  # symmetric too, and covering
    assert len(D.best_gaussian("w1", 5.0)) == 1


@given(seed=seeds)
@few
def test_TS_S2_ns_value(seed):
    assert theory.ns_value_gap() == 0
    p, q = pair(seed)
    log_r = ganth.fields.log_ratio(GRID[:, None], p, q)[0]
    assert mean(np.logaddexp(0, -log_r), q, GRID) == pytest.approx(D.ns_loss(p, q), abs=1e-9)


@given(seed=seeds)
@few
def test_TS_S3_formulas(seed):
    p, q = pair(seed)
    log_p, log_q = p.log_density(GRID[:, None]), q.log_density(GRID[:, None])
    assert D.kl(p, q) == pytest.approx(mean(log_p, p, GRID) - mean(log_q, p, GRID), abs=1e-9)
    assert D.reverse_kl(p, q) == pytest.approx(mean(log_q, q, GRID) - mean(log_p, q, GRID), abs=1e-9)


@given(s=st.floats(0.1, 5))
@few
def test_TS_S4_entropy(s):
    assert theory.entropy_gap() == 0
    x = s * np.linspace(-10, 10, 4001)
    one = GaussianMixture([[0.0]], s * s)
    entropy = 0.5 * math.log(2 * math.pi * math.e * s * s)
    assert mean(one.log_density(x[:, None]), one, x) == pytest.approx(-entropy, abs=1e-9)


@given(a=st.floats(0.05, 0.95))
@few
def test_TS_S5_missing_mode(a):
    """The loss of the data without A is above log 2, and mass that moves into A lowers it."""
    part = UniformBox([0.0], [1 - a])
    assert D.ns_loss(WHOLE, part) == pytest.approx(math.log(1 + 1 / (1 - a)), abs=1e-12)
    assert D.ns_loss(WHOLE, part) > math.log(2)
    f = D.FUNCTIONALS["ns_loss"].integrand
    log_p = np.log([1 - a, a])
    moved = f(log_p, np.log([1 - 1e-6, 1e-6])).sum()
    assert (moved - D.ns_loss(WHOLE, part)) / 1e-6 < -0.5


def test_TS_S3_1_infinite():
    assert D.kl(WHOLE, UniformBox([0.0], [0.999])) == math.inf
    x = (np.arange(200_000) + 0.5) / 200_000
    assert -np.log(3 * x * x).mean() == pytest.approx(2 - math.log(3), abs=1e-4)  # q = 3 x^2 vanishes at 0: finite
    starved = GaussianMixture([[-8.0], [8.0]], 1.0, [1 - 1e-12, 1e-12])
    assert D.kl(GaussianMixture([[-8.0], [8.0]], 1.0), starved) < 14


@given(a=st.floats(0.05, 0.95))
@few
def test_TS_S3_2_free(a):
    assert D.reverse_kl(WHOLE, UniformBox([0.0], [1 - a])) == pytest.approx(-math.log1p(-a), abs=1e-12)


def test_TS_S12_forward():
    p = GaussianMixture([[-8.0], [8.0]], 1.0)
    found = [D.kl(p, GaussianMixture([[-8.0], [8.0]], 1.0, [1 - e, e])) for e in (1e-2, 1e-4, 1e-6, 1e-8)]
    assert np.diff(found) == pytest.approx(math.log(10), abs=0.01)  # half of log 100 a step
    assert D.kl(WHOLE, UniformBox([0.0], [0.5])) == math.inf


@given(seed=seeds, low=st.floats(-3, 1), width=st.floats(0.3, 5))
@few
def test_TS_New_missing_cost(seed, low, width):
    from ganth.divergences.laws import mass_outside

    assert theory.missing_costs()["ns_loss"] == sp.log(1 + 1 / (1 - theory.A))
    p, q = law(np.random.default_rng(seed)), UniformBox([low], [low + width])
    kept = 1 - mass_outside(p, q)
    if kept > 1e-12:
        assert D.reverse_kl(p, q) >= -math.log(kept) - 1e-9
        assert D.ns_loss(p, q) >= math.log1p(1 / kept) - 1e-9


CHOICES = {
    "kl": (lambda u: u * np.log(u), 0.0, np.inf),
    "reverse_kl": (lambda u: -np.log(u), np.inf, 0.0),
    "pearson": (lambda u: (u - 1) ** 2, 1.0, np.inf),
    "js": (lambda u: 0.5 * (u * np.log(u) - (u + 1) * np.log((u + 1) / 2)), math.log(2) / 2, math.log(2) / 2),
}


def test_TS_S7_df():
    """As printed, KL from a model that misses half is negative, and of disjoint laws 0."""
    f, zero, infinity = CHOICES["kl"]
    assert f(np.float64(0.5)) < 0
    assert zero == 0
    assert D.f_divergence(WHOLE, UniformBox([2.0], [3.0]), f, zero, infinity) == math.inf
    assert D.f_divergence(WHOLE, UniformBox([2.0], [3.0]), *CHOICES["js"]) == pytest.approx(math.log(2), abs=1e-12)


@given(seed=seeds)
@few
def test_TS_S7_choices(seed):
    rng = np.random.default_rng(seed)
    p, q = (GaussianMixture(rng.normal(size=(2, 1)), rng.uniform(0.8, 1.4, size=2)) for _ in range(2))
    for name, choice in CHOICES.items():
        assert D.f_divergence(p, q, *choice) == pytest.approx(getattr(D, name)(p, q), rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("name", ["js", "hellinger", "total_variation"])
def test_TS_New_recession(name):
    """The whole is the limit of models that miss nothing; f'(inf) p(q = 0) is what the integral leaves out."""
    one = D.FUNCTIONALS[name]
    half = UniformBox([0.0], [0.5])
    log_p = np.log([0.5, 0.5])
    limit = float(one.integrand(log_p, np.log([1 - 5e-13, 5e-13])).sum())
    printed = float(one.integrand(log_p[:1], np.zeros(1)).sum())
    whole = getattr(D, name)(WHOLE, half)
    assert whole == pytest.approx(limit, abs=1e-5)
    assert whole - printed == pytest.approx(one.at_infinity / 2, abs=1e-12)
    assert theory.limits("hellinger")[1] == 1
