"""Spread over modes against plain loops, the definition, and clouds whose values are known in closed form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

import ganth
from ganth.metrics import mean_log_likelihood, mode_collapse, nearest_mode_distance
from ganth.targets import GaussianMixture

RING = GaussianMixture.ring(8, 2.0, 0.02**2)
cases = st.tuples(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 9), st.integers(1, 4))


def draw(case):
    seed, n, k, dim = case
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)) * 3, rng.normal(size=(k, dim)) * 2 + 5 * rng.normal(size=dim)


def loop(cloud, modes):
    """Return the metric and the mean distance of one cloud, point by point."""
    counts, total = [0] * len(modes), 0.0
    for x in cloud:
        distances = [math.dist(x, m) for m in modes]
        total += min(distances)
        counts[distances.index(min(distances))] += 1
    shares = [c / len(cloud) for c in counts if c]
    return math.log(len(modes)) + sum(p * math.log(p) for p in shares), total / len(cloud)


@given(case=cases)
def test_a_plain_loop_agrees(case):
    cloud, modes = draw(case)
    metric, distance = loop(cloud, modes)
    assert mode_collapse(cloud, modes) == pytest.approx(metric, abs=1e-13)
    assert nearest_mode_distance(cloud, modes) == pytest.approx(distance, rel=1e-13)


@given(case=cases)
def test_likelihood_is_scipys(case):
    cloud, modes = draw(case)
    rng = np.random.default_rng(case[0])
    weights = rng.dirichlet(np.ones(len(modes)))
    dim = modes.shape[1]
    density = sum(w * multivariate_normal(m, 4.0 * np.eye(dim)).pdf(cloud) for w, m in zip(weights, modes, strict=True))
    got = mean_log_likelihood(cloud, GaussianMixture(modes, 4.0, weights))
    assert got == pytest.approx(np.log(density).mean(), rel=1e-9, abs=1e-9)


@given(case=cases, shift=st.floats(-50, 50))
def test_order_place_and_names_do_not_matter(case, shift):
    cloud, modes = draw(case)
    metric = mode_collapse(cloud, modes)
    assert mode_collapse(cloud[::-1] + shift, modes + shift) == pytest.approx(metric.item(), abs=1e-13)
    assert mode_collapse(cloud, modes[::-1]) == pytest.approx(metric.item(), abs=1e-13)
    assert 0 <= metric <= math.log(len(modes)) + 1e-13


@pytest.mark.parametrize("k", [1, 2, 3, 7, 8, 10])
def test_even_shares_of_m_modes_give_log_k_over_m(k):
    modes = GaussianMixture.ring(k, 2.0, 1.0).means
    for m in range(1, k + 1):
        got = mode_collapse(np.repeat(modes[:m], 7, axis=0), modes)
        assert got == pytest.approx(math.log(k / m), abs=1e-15)
    assert got == 0.0


def test_a_tie_goes_to_the_first_mode():
    assert mode_collapse([[0.0], [0.0], [1.0]], [[1.0], [-1.0]]) == pytest.approx(math.log(2))
    assert mode_collapse([[0.0], [0.0], [1.0]], [[-1.0], [1.0]]) < math.log(2)


def test_leading_axes_are_clouds_of_their_own(monkeypatch):
    cloud = np.random.default_rng(1).normal(size=(3, 4, 20, 2))
    for name, target in (
        ("mode_collapse", RING.means),
        ("nearest_mode_distance", RING.means),
        ("mean_log_likelihood", RING),
    ):
        measure = getattr(ganth.metrics, name)
        whole = measure(cloud, target)
        assert whole.shape == (3, 4)
        assert whole[1, 2] == measure(cloud[1, 2], target)
        monkeypatch.setattr("ganth.metrics.modes._BLOCK", 1)
        np.testing.assert_array_equal(measure(cloud, target), whole)
        monkeypatch.undo()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_cloud_that_is_not_finite_has_no_value_and_spoils_no_other(bad):
    cloud = np.random.default_rng(1).normal(size=(3, 20, 2))
    cloud[1, 4, 0] = bad
    for measure, target in (
        (mode_collapse, RING.means),
        (nearest_mode_distance, RING.means),
        (mean_log_likelihood, RING),
    ):
        np.testing.assert_array_equal(np.isnan(measure(cloud, target)), [False, True, False])
        assert measure(cloud[2], target) == measure(cloud, target)[2]


@pytest.mark.parametrize("size", [1e4, 1e20, 1e120, 1e300])
def test_far_out_the_nearest_mode_is_still_found(size):
    turned = RING.means * size  # in the direction of each mode
    assert mode_collapse(turned, RING.means) == 0.0
    assert nearest_mode_distance(turned, RING.means) == pytest.approx(2 * (size - 1), rel=1e-12)
    expected = -((2 * size - 2) ** 2) / 2 / 0.02**2 - math.log(8 * 2 * math.pi * 0.02**2) if size < 1e150 else -np.inf
    assert mean_log_likelihood(turned, RING) == pytest.approx(expected, rel=1e-12)


def test_a_sample_of_the_target_has_the_stated_means():
    sample = RING.sample(40_000, 3)
    assert mode_collapse(sample, RING.means) < 7 / 40_000  # 7 degrees of freedom: mean 7/(2n)
    spread = 0.02 * math.sqrt(2 - math.pi / 2) / 200
    assert nearest_mode_distance(sample, RING.means) == pytest.approx(0.02 * math.sqrt(math.pi / 2), abs=4 * spread)
    expected = -1 - math.log(2 * math.pi * 8 * 0.02**2)
    assert mean_log_likelihood(sample, RING) == pytest.approx(expected, abs=4 / 200)


@pytest.mark.parametrize(
    ("particles", "message"),
    [
        ([0.0, 1.0], r"particles must have shape \(..., n, d\)"),
        (np.empty((0, 2)), "n >= 1"),
        ([[0.0, 1.0, 2.0]], "particles and modes must share their dimension d"),
    ],
)
def test_bad_shapes_are_named(particles, message):
    for measure, target in (
        (mode_collapse, RING.means),
        (nearest_mode_distance, RING.means),
        (mean_log_likelihood, RING),
    ):
        with pytest.raises(ganth.ShapeError, match=message):
            measure(particles, target)


def test_the_target_must_be_a_mixture():
    with pytest.raises(ganth.ParameterError, match="target must be a GaussianMixture"):
        mean_log_likelihood([[0.0, 0.0]], RING.means)
    with pytest.raises(ganth.ParameterError, match="modes must be finite"):
        mode_collapse([[0.0, 0.0]], [[np.nan, 0.0]])
