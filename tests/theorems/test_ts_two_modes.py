"""TS sections 3.3, 13, 14 and A.7: the best single Gaussian for two modes, and the evidence lower bound.

Theory: forward KL mean 0, variance r^2 + 1; reverse KL D_mm = 1/s^2 where stationary; log p - ELBO is a reverse KL.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.targets import GaussianMixture
from ganth.theory import divergences as theory

D = ganth.divergences
few = settings(max_examples=6)


@given(r=st.floats(0, 20))
@few
def test_TS_S3_3_forward(r):
    assert str(theory.forward_optimum()) == "(0, mu**2 + sigma**2)"
    ((mean, std, value, least),) = D.best_gaussian("kl", r)
    assert (mean, least) == (0.0, True)
    assert std**2 == pytest.approx(1 + r * r)
    p = GaussianMixture([[-r], [r]], 1.0)
    for dm, ds in ((0.01, 0), (0, 0.01), (0, -0.01)):
        assert D.kl(p, GaussianMixture([[mean + dm]], (std + ds) ** 2)) > value


def test_TS_S3_3_reverse():
    """Only beyond a separation: below the best fit covers both modes."""
    assert D.best_gaussian("reverse_kl", 2.7)[0][0] == 0
    assert D.best_gaussian("reverse_kl", 2.9)[0][0] > 2.5
    mean, std, *_ = D.best_gaussian("reverse_kl", 7.0)[0]
    assert (mean, std) == pytest.approx((7.0, 1.0), abs=1e-6)


@pytest.mark.parametrize("r", [0.3, 1.5, 3.0, 6.0])
def test_TS_New_first_order(r):
    from ganth.divergences.best import slopes

    assert theory.reverse_curvature() == 0
    fits = D.best_gaussian("reverse_kl", r)
    for mean, std, *_ in fits:
        hessian = slopes("reverse_kl", r, np.array(mean), np.array(std))[1]
        assert hessian[0, 0] == pytest.approx(1 / std**2, rel=1e-9)
    (symmetric,) = [fit for fit in fits if fit[0] == 0]
    assert symmetric[3]
    assert len(fits) == (3 if r > 2.4122 else 1)
    switch = D.switch_points("reverse_kl")
    assert switch["saddle_node"] < switch["transition"]


def test_TS_New_switch_order():
    found = [D.switch_points(name) for name in ("ns", "ns_loss", "reverse_kl", "js")]
    for key in ("saddle_node", "transition"):
        values = [one[key] for one in found]
        assert values == sorted(values)
    for name in ("kl", "w1", "w2"):
        assert D.switch_points(name)["transition"] is None
        assert len(D.best_gaussian(name, 8.0)) == 1


@given(r=st.floats(2, 20))
@few
def test_TS_S13_underweight(r):
    p = GaussianMixture([[-r], [r]], 1.0)
    lobe = D.kl(p, GaussianMixture([[r]], 1.0))
    assert lobe == pytest.approx(r * r - math.log(2), abs=0.6 * math.exp(-r * r / 2) + 1e-9)
    assert lobe > 4 * D.best_gaussian("kl", r)[0][2]


@given(r=st.floats(0.3, 6))
@few
def test_TS_S14_variance(r):
    assert D.best_gaussian("reverse_kl", r)[0][1] < math.sqrt(1 + r * r)


@given(seed=st.integers(0, 2**32))
def test_TS_S14_elbo(seed):
    assert theory.elbo_gap() == 0
    rng = np.random.default_rng(seed)
    joint, guess = rng.dirichlet(np.ones(5))[:4], rng.dirichlet(np.ones(4))
    elbo = (guess * np.log(joint / guess)).sum()
    gap = (guess * np.log(guess / (joint / joint.sum()))).sum()
    assert math.log(joint.sum()) - elbo == pytest.approx(gap, abs=1e-12)
    assert gap >= 0
