"""TS A.2 and section 6: instance noise.

Theory: JS of two noised points is J(d/sigma), its slope J'(d/sigma)/sigma, J' <= 0.2337 at 1.636.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.targets import GaussianMixture, PointMasses
from ganth.theory import divergences as theory

D = ganth.divergences
few = settings(max_examples=8)


def test_TS_S6_noise_helps():
    """The slope at a fixed distance is largest for a noise of its size; a Dirac-GAN comes to rest with noise."""
    slopes = [float(D.js_of_points(1.0, s)[1]) for s in (0.05, 0.2, 1 / 1.636, 2.0, 20.0)]
    assert max(slopes) == slopes[2]
    assert slopes[0] < 1e-15
    ends = []
    for noise in (0.0, 1.0):
        game = ganth.DiracGAN(loss="vanilla", lr_disc=0.05, lr_gen=0.05, order="alternating", noise=noise)
        ends.append(abs(float(game.run([[1.0]], steps=2000).final[0, 0])))
    assert ends[1] < 1e-3 < ends[0]


@given(sigma=st.floats(0.01, 5), x=st.floats(-100, 100))
@few
def test_TS_A2_support(sigma, x):
    law = D.noised(PointMasses([[0.0], [3.0]]), sigma)
    assert np.isfinite(law.log_density([[x]])).all()


@given(seed=st.integers(0, 2**32))
@few
def test_TS_A2_js_continuous(seed):
    rng = np.random.default_rng(seed)
    p, q = (GaussianMixture(rng.normal(size=(2, 1)), 0.1) for _ in range(2))
    found = [D.js(D.noised(p, s), D.noised(q, s)) for s in (0.0, 1e-4, 0.1, 0.3, 1.0)]
    assert (np.diff(found) <= 1e-13).all()
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert D.js_of_points(1.0, 0.01)[0] == pytest.approx(D.js_of_points(1.0, 0.0)[0], abs=1e-12)


def test_TS_A2_weak_limits():
    """Points that sample a law ever more finely stay singular to it, and with noise come as near as one likes."""
    law = GaussianMixture([[-1.0], [1.0]], 0.04)
    found = []
    for count in (4, 16, 64):
        points = ganth.maps.Transport(law).quantile((np.arange(count) + 0.5) / count)
        found.append(D.js(D.noised(PointMasses(points[:, None]), 0.3), D.noised(law, 0.3)))
    assert found[0] > 5 * found[1] > 25 * found[2]
    assert found[2] < 5e-5


def test_TS_A2_gradients():
    """At ten sigma D* is as saturated as ever, and the minimax gradient gone."""
    p, q = (GaussianMixture([[m]], 1.0) for m in (0.0, 10.0))
    assert ganth.fields.optimal([[10.0]], p, q)[0][0] < 1e-20
    assert D.js_of_points(10.0, 1.0)[1] < 1e-5


@given(t=st.floats(0.01, 10), sigma=st.floats(1e-3, 1e3))
def test_TS_New_noise_scale(t, sigma):
    assert theory.noise_scaling() == 0
    value, slope = D.js_of_points(t * sigma, sigma)
    one, unit = D.js_of_points(t, 1.0)
    assert value == pytest.approx(one, abs=1e-12)
    assert slope * sigma == pytest.approx(unit, abs=1e-12)
    bound, at = D.noise_slope()
    assert unit <= bound + 1e-12
    assert D.js_of_points(at, 1.0)[1] == pytest.approx(bound)
    assert math.isclose(bound, 0.23366, abs_tol=1e-5)
