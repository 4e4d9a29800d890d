"""TS sections 1, 5, 6, 8 and A.1: what generators descend, saturation, and which expectation decides.

Theory: with D = p/(p + q) held, log(1 - D) gives the gradient of 2 JS and -log D that of KL(q || p) - 2 JS.
"""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_mixtures import pair

import ganth
from ganth.targets import GaussianMixture
from ganth.theory import divergences as theory

D = ganth.divergences
seeds = st.integers(0, 2**32)
few = settings(max_examples=6)


def even(r):
    return GaussianMixture([[-r], [r]], 1.0)


def flat(slopes):
    return np.concatenate([slopes["means"].ravel(), slopes["variances"]])


def in_mean(loss, p, q, **settings):
    return float(D.pathwise_gradient(loss, p, q, **settings)["means"][0, 0])


@pytest.mark.parametrize("r", [2.0, 4.0, 6.0])
def test_TS_S1_blind(r):
    """Blind with a local critic; with the exact one hardly for JS, and not at all for W1."""
    p, q = even(r), GaussianMixture([[-r]], 1.0)
    for loss in ("minimax", "ns", "wgan"):
        assert abs(in_mean(loss, p, q, data=q)) < 1e-12
    assert in_mean("wgan", p, q) == pytest.approx(-1, abs=1e-10)
    assert 0 < abs(in_mean("ns", p, q)) < 0.3 * np.exp(-(r**2) / 2) * r


def test_TS_S1_saturation():
    pulls = [abs(in_mean("minimax", GaussianMixture([[0.0]], 1.0), GaussianMixture([[d]], 1.0))) for d in (2, 4, 8)]
    assert pulls[0] > pulls[1] > pulls[2]
    assert pulls[2] < 1e-3
    z = np.random.default_rng(0).normal(size=(2000, 1))
    d = ganth.fields.optimal(8 + z, GaussianMixture([[0.0]], 1.0), GaussianMixture([[8.0]], 1.0))[0]
    assert d.mean() < 1e-3


@given(a=st.floats(-700, 700))
def test_TS_A1_slopes(a):
    assert theory.logit_slopes() == (0, 0)
    assert theory.logit_limits() == (0, -1)
    minimax, non_saturating = D.logit_slopes(a)
    with mp.workdps(30):
        assert float(minimax) == pytest.approx(float(-1 / (1 + mp.exp(-mp.mpf(a)))), rel=1e-14)
        assert float(non_saturating) == pytest.approx(float(-1 / (1 + mp.exp(mp.mpf(a)))), rel=1e-14)


def test_TS_S6_ns_strong():
    """The loss is large, the slope in the logit is -1, and a flat D gives no signal all the same."""
    p, q = GaussianMixture([[0.0]], 1.0), GaussianMixture([[16.0]], 1.0)
    assert D.ns_loss(p, q) > 100
    assert in_mean("ns", p, q) == pytest.approx(16, abs=0.1)
    assert abs(in_mean("ns", p, q, clip=10.0)) < 1e-6


def test_TS_S2_ns_descended():
    assert str(theory.frozen_gaps()["substituted"]) == "q/(p + q)"  # not a constant: another gradient
    p, q = GaussianMixture([[-2.0], [2.0]], 0.5), GaussianMixture([[1.0]], 0.5)
    descended, substituted = (flat(D.gradient(name, p, q)) for name in ("ns", "ns_loss"))
    assert np.abs(flat(D.pathwise_gradient("ns", p, q)) - descended).max() < 1e-10
    assert np.abs(descended - substituted).max() > 0.05


@given(seed=seeds)
@few
def test_TS_S5_not_js(seed):
    """Minimax does minimise JS to first order, against the claim; the non-saturating loss does not."""
    p, q = pair(seed)
    two_js = 2 * flat(D.gradient("js", p, q))
    np.testing.assert_allclose(flat(D.pathwise_gradient("minimax", p, q)), two_js, atol=1e-10)
    one, other = even(1.5), GaussianMixture([[0.8]], 1.2)
    gap = flat(D.pathwise_gradient("ns", one, other)) - 2 * flat(D.gradient("js", one, other))
    assert np.abs(gap).max() > 0.05


@given(w=st.floats(0.05, 0.95))
@few
def test_TS_S5_expectation(w):
    q = GaussianMixture([[-2.0], [2.0]], 1.0, [1 - w, w])
    data, model = (D.likelihood_gradient(even(2.0), q, side) for side in ("data", "model"))
    np.testing.assert_allclose(data, model, atol=1e-12)


@given(seed=seeds)
@few
def test_TS_New_ns_divergence(seed):
    assert str(theory.frozen_gaps()["ns"]) == "1 - log(2)"
    assert theory.ns_forms_gap() == 0
    p, q = pair(seed)
    np.testing.assert_allclose(flat(D.pathwise_gradient("ns", p, q)), flat(D.gradient("ns", p, q)), atol=1e-10)
    assert D.ns(p, q) == pytest.approx(D.reverse_kl(p, q) - 2 * D.js(p, q), abs=1e-11)
    assert D.ns(p, q) > 0
    assert abs(D.ns(p, p)) < 1e-13


@given(seed=seeds)
@few
def test_TS_New_envelope(seed):
    assert str(theory.frozen_gaps()["minimax"]) == "log(2)"
    p, q = pair(seed)
    np.testing.assert_allclose(flat(D.pathwise_gradient("minimax", p, q)), 2 * flat(D.gradient("js", p, q)), atol=1e-10)


def from_a_collapse(loss, steps=150):
    means = np.array([-4.1, -3.9])
    for _ in range(steps):
        means = means - 0.15 * D.pathwise_gradient(loss, even(4.0), GaussianMixture(means[:, None], 1.0))["means"][:, 0]
    return np.sort(means)


def test_TS_S7_common():
    assert from_a_collapse("wgan") == pytest.approx([-4, 4], abs=0.5)
    assert from_a_collapse("ns", 60) == pytest.approx([-4, -4], abs=0.5)


def descend_weight(gradient, w, steps=300, rate=1.0):
    logit = np.log(w / (1 - w))
    for _ in range(steps):
        logit -= rate * gradient(1 / (1 + np.exp(-logit)))
    return 1 / (1 + np.exp(-logit))


def modes(w, r=5.0):
    return GaussianMixture([[-r], [r]], 1.0, [1 - w, w])


def test_TS_S8_theme():
    covered = descend_weight(lambda w: D.likelihood_gradient(even(5.0), modes(w), "model")[1], 0.02, steps=40)
    assert covered == pytest.approx(0.5, abs=0.01)  # a model expectation that covers

    def matching(w, step=1e-4):
        logit = np.log(w / (1 - w))
        up, down = (D.fisher(even(5.0), modes(1 / (1 + np.exp(-logit - s)))) for s in (step, -step))
        return (up - down) / (2 * step)

    assert descend_weight(matching, 0.02, steps=20) < 0.05  # a data expectation that does not


def test_TS_S8_wgan():
    assert from_a_collapse("wgan")[1] > 3.5


@pytest.mark.parametrize("w", [0.01, 0.2])
def test_TS_S8_diffusion(w):
    assert D.fisher(even(5.0), modes(w)) < 2e-4
    assert D.kl(even(5.0), modes(w)) > 0.2
    smooth = [D.noised(one, 4.0) for one in (even(5.0), modes(w))]
    assert D.fisher(*smooth) > 20 * D.fisher(even(5.0), modes(w))


def test_TS_New_three_counterexamples():
    q = modes(0.02)
    data, model = (D.likelihood_gradient(even(5.0), q, side) for side in ("data", "model"))
    np.testing.assert_allclose(data, model, atol=1e-12)
    assert from_a_collapse("wgan") == pytest.approx([-4, 4], abs=0.5)
    assert D.fisher(even(5.0), q) < 2e-4


@given(r=st.floats(0.5, 30))
@few
def test_TS_New_w1_collapsed(r):
    assert in_mean("wgan", even(r), GaussianMixture([[-r]], 1.0)) == pytest.approx(-1, abs=1e-9)
