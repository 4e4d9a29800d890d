"""Bounds, recurrences and the refining model against plain loops, fields and what is refused."""

import math

import naive_maps as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganth import fields, steepness
from ganth.errors import ParameterError, ShapeError
from ganth.targets import GaussianMixture

seeds = st.integers(0, 2**32)
PAIR = GaussianMixture([[-2.0], [2.0]], 0.5)


@given(seed=seeds, count=st.integers(1, 5), dim=st.integers(1, 3))
def test_printed_bound_is_the_plain_loop(seed, count, dim):
    points = np.random.default_rng(seed).normal(size=(count, dim))
    for repaired in (False, True):
        found = steepness.printed_bound(points, 0.8, 1.5, repaired=repaired)
        assert found == pytest.approx(naive.printed_bound(points.tolist(), 0.8, 1.5, repaired), rel=1e-12)


@given(
    k=st.floats(0.3, 5), target=st.floats(0.5, 1e6), step=st.floats(0, 0.05), x0=st.floats(0, 3), dim=st.integers(1, 4),
    law=st.sampled_from(["corrected", "printed"]),
)  # fmt: skip
def test_recurrence_is_the_plain_loop(k, target, step, x0, dim, law):
    found = steepness.recurrence(k, target, step, x0, dim, 5, law=law)
    np.testing.assert_allclose(found, naive.recurrence(k, target, step, x0, dim, 5, law), rtol=1e-12)
    for f in (lambda r: 1.0, (lambda r: 1.0, lambda r: 0.0)):
        np.testing.assert_allclose(steepness.recurrence(k, target, step, x0, dim, 5, law=law, f=f), found, rtol=1e-9)


@given(seed=seeds, dim=st.integers(1, 3))
def test_a_function_alone_is_differentiated(seed, dim):
    a, b, x0 = np.random.default_rng(seed).uniform(0.2, 2, size=3)
    f, slope = (lambda r: 1 + a * r + b * r * r), (lambda r: a + 2 * b * r)
    pair, alone = (steepness.recurrence(1.3, 2.0, 0.3, x0, dim, 3, f=one) for one in ((f, slope), f))
    np.testing.assert_allclose(alone, pair, rtol=1e-8)


def test_a_fixed_point_stays():
    assert steepness.recurrence(3.0, 3.0, 0.5, 1.0, 2, 4).tolist() == [3.0] * 5
    assert steepness.recurrence(3.0, 9.0, 0.5, 1.0, 2, 0).tolist() == [3.0]
    assert steepness.recurrence(1.0, 1e200, 5.0, 30.0, 3, 1)[1] == 6.0  # log r far below the range of numbers


@given(seed=seeds)
def test_the_refining_map_is_continuous_and_odd(seed):
    rng = np.random.default_rng(seed)
    k, z = rng.uniform(1.01, 300), rng.normal(size=20)
    np.testing.assert_array_equal(steepness.refining_map(-z, k), -steepness.refining_map(z, k))
    edge = 8 / (k - 1)
    near = steepness.refining_map([edge * (1 - 1e-9), edge * (1 + 1e-9)], k)
    assert near[1] - near[0] == pytest.approx(0, abs=1e-6 * k * edge)
    inside = np.abs(steepness.refining_map(z, k)) < 8
    np.testing.assert_array_equal(inside, np.abs(z) < 8 / k)


def test_jacobian_of_the_polar_map_is_its_derivative():
    g = steepness.PolarMap(1.0, 0.3)
    x = np.random.default_rng(0).normal(size=(6, 2))
    step = 1e-5 * np.eye(2)
    slopes = np.stack([(g(x + way) - g(x - way)) / 2e-5 for way in step], axis=2)
    np.testing.assert_allclose(g.jacobian(x), slopes, rtol=1e-5, atol=1e-7)
    assert (np.linalg.det(g.jacobian(x)) < 0).all()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: steepness.recurrence(0, 1, 1, 1, 1, 1), ParameterError, "k0 must be > 0"),
        (lambda: steepness.recurrence(1, 1, 1, -1, 1, 1), ParameterError, "x0 must be >= 0"),
        (lambda: steepness.recurrence(1, 1, 1, 1, 0, 1), ParameterError, "dim must be an integer >= 1"),
        (lambda: steepness.recurrence(1, 2, 1, 1, 1, 1, law="right"), ParameterError, "law must be one of"),
        (lambda: steepness.recurrence(9, 1, 50, 0, 1, 1), ParameterError, "step must be small enough"),
        (lambda: steepness.recurrence(1, 2, 1, 1, 1, 1, f=3), ParameterError, "f must be a function or a pair"),
        (lambda: steepness.recurrence(1, 2, 1, 1, 1, 1, f=lambda r: -1.0), ParameterError, "f must be > 0"),
        (lambda: steepness.printed_bound([[0.0]], 0, 1), ParameterError, "bandwidth must be > 0"),
        (lambda: steepness.printed_bound([], 1, 1), ShapeError, "points must have shape"),
        (lambda: steepness.pointwise_bound([[0.0]], [[0.0, 1.0]], PAIR, PAIR), ShapeError, "the same shape"),
        (lambda: steepness.isoperimetric_bound(PAIR, [0.0]), ParameterError, "direction must not be zero"),
        (lambda: steepness.isoperimetric_bound(PAIR, [1.0, 0.0]), ShapeError, "direction must have shape"),
        (lambda: steepness.isoperimetric_bound([[0.0]]), ParameterError, "target must be a GaussianMixture"),
        (lambda: steepness.of_jacobians(np.zeros((1, 2, 3))), ShapeError, "jacobians must have shape"),
        (lambda: steepness.refining_map(0.0, 1.0), ParameterError, "k must be > 1"),
        (lambda: steepness.mixture_probability(2.0, region="x"), ParameterError, "region must be one of"),
        (lambda: steepness.PolarMap(0.0, 1.0), ParameterError, "circle must be > 0"),
    ],
)
def test_what_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@given(seed=seeds, dim=st.integers(1, 3))
def test_one_step_is_the_step_of_a_particle(seed, dim):
    rng = np.random.default_rng(seed)
    k, target, z = rng.uniform(0.3, 3), rng.uniform(0.5, 5), rng.normal(size=dim)
    data, drawn = (GaussianMixture(np.zeros((1, dim)), scale**2) for scale in (target, k))
    moved = k * z + 0.1 * fields.optimal([k * z], data, drawn)[1][0]
    found = steepness.recurrence(k, target, 0.1, math.sqrt(z @ z), dim, 1)[1]
    np.testing.assert_allclose(moved, found * z, rtol=1e-11, atol=1e-14)
