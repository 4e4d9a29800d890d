"""Density, coverage, PRD, Inception Score, KID, class histograms and recall-sensitive stopping."""

import math

import naive_metrics as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganth import ParameterError, ShapeError
from ganth.metrics import class_histogram_distance, density_coverage, inception_score, kid, prd
from ganth.stopping import RecallStopping

seeds = st.integers(0, 2**32)


@given(
    seed=seeds,
    n=st.integers(2, 40),
    m=st.integers(1, 40),
    dim=st.integers(1, 5),
    k=st.integers(1, 5),
    grid=st.booleans(),
)
@settings(max_examples=15)
def test_density_coverage_is_a_plain_loop(seed, n, m, dim, k, grid):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 3, size=(c, dim)).astype(float) if grid else rng.normal(size=(c, dim)) for c in (n, m))
    k = min(k, n - 1)
    found = density_coverage(x, y, k)
    assert found == pytest.approx(naive.density_coverage(x, y, k), abs=1e-15)
    assert density_coverage(x, y, k, threads=1) == found


def test_density_coverage_over_many_tiles():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(333, 4)), rng.normal(size=(257, 4)) + 0.5
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    radii = np.sort(squares, axis=1)[:, 5]
    cross = ((x[:, None] - y[None]) ** 2).sum(-1)
    wanted = ((cross < radii[:, None]).sum() / (5 * len(y)), (cross.min(axis=1) < radii).mean())
    assert density_coverage(x, y, 5) == pytest.approx(wanted, abs=1e-15)


def test_density_coverage_is_prdcs():
    prdc = pytest.importorskip("prdc", reason="prdc is not installed")
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(200, 3)), rng.normal(size=(150, 3)) * 0.7
    wanted = prdc.compute_prdc(x, y, nearest_k=4)
    assert density_coverage(x, y, 4) == pytest.approx((wanted["density"], wanted["coverage"]), abs=1e-12)


@given(seed=seeds, c=st.integers(1, 6))
def test_prd_is_a_curve_between_the_axes(seed, c):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.full(c, 0.5), size=2)
    precision, recall = prd(p, q, 101)
    assert (np.diff(precision) >= -1e-15).all()
    assert (np.diff(recall) <= 1e-15).all()
    np.testing.assert_allclose(prd(q, p, 101)[0], recall[::-1], atol=1e-12)
    # At lambda = 1 both are one less the total variation.
    assert precision[50] == pytest.approx(1 - class_histogram_distance(p, q), abs=1e-12)


@pytest.mark.parametrize("kept", [1, 3, 8])
def test_scores_of_a_generator_that_keeps_some_classes(kept):
    labels = np.eye(8)[np.tile(np.arange(kept), 5)]
    assert inception_score(labels) == pytest.approx(kept)
    real, fake = np.full(8, 1 / 8), np.arange(8) < kept
    precision, recall = prd(real, fake / kept, 2001)
    assert recall.max() == pytest.approx(kept / 8, abs=1e-9)
    assert precision.max() == pytest.approx(1.0)
    assert class_histogram_distance(real, fake) == pytest.approx(1 - kept / 8)
    assert class_histogram_distance(real, fake, "chi2") == pytest.approx(8 / kept - 1)
    assert class_histogram_distance(real, fake, "chi2_reverse") == (math.inf if kept < 8 else 0)


@given(seed=seeds, n=st.integers(2, 9), m=st.integers(2, 9), degree=st.integers(1, 3))
@settings(max_examples=15)
def test_kid_is_a_plain_loop(seed, n, m, degree):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(m, 3))
    assert kid(x, y, degree=degree) == pytest.approx(naive.kid(x, y, degree, 1 / 3, 1.0), abs=1e-9)


def test_kid_over_tiles_is_unbiased():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(1100, 2)), rng.normal(size=(700, 2))
    whole = (0.5 * x @ x.T + 1) ** 3, (0.5 * y @ y.T + 1) ** 3, (0.5 * x @ y.T + 1) ** 3
    own = [(g.sum() - np.trace(g)) / (len(g) * (len(g) - 1)) for g in whole[:2]]
    assert kid(x, y) == pytest.approx(sum(own) - 2 * whole[2].mean(), abs=1e-9)
    assert kid(x, y + 1.0) > 1.0


def test_recall_stopping_waits_for_the_warmup_and_forgives_noise():
    stop = RecallStopping(patience=2, drop=0.1, warmup=4)
    assert [stop.observe(r) for r in (0.9, 0.1, 0.1, 0.1, 0.1)] == [False] * 4 + [True]
    calm = RecallStopping(patience=1, drop=0.1)
    assert not any(calm.observe(r) for r in (0.9, 0.85, 0.81, 0.95, 0.9))
    assert calm.best_at == 4
    for bad in (1.2, -0.1, math.nan):
        with pytest.raises(ParameterError, match="recall must be in"):
            calm.observe(bad)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: density_coverage([[0.0], [1.0]], [[0.0]], 2), ParameterError, "k must be < 2"),
        (lambda: density_coverage(np.empty((0, 2)), [[0.0, 0.0]], 1), ShapeError, "at least one point"),
        (lambda: density_coverage([[0.0], [1.0]], [[0.0, 1.0]], 1), ShapeError, "share their dimension"),
        (lambda: prd([0.5, 0.4], [0.5, 0.5]), ParameterError, "real must sum to 1"),
        (lambda: prd([0.5, 0.5], [1.0]), ShapeError, "share their classes"),
        (lambda: kid([[0.0]], [[0.0], [1.0]]), ShapeError, "at least two points"),
        (lambda: inception_score([[0.5, 0.4]]), ParameterError, "sum to 1"),
        (lambda: class_histogram_distance([0, 0], [1, 1]), ParameterError, "at least one sample"),
        (lambda: class_histogram_distance([1, -1], [1, 1]), ParameterError, "real must be >= 0"),
        (lambda: class_histogram_distance([1, 1], [1, 1], "chi"), ParameterError, "distance must be one of"),
        (lambda: RecallStopping(patience=0), ParameterError, "patience must be an integer >= 1"),
        (lambda: RecallStopping(drop=-1.0), ParameterError, "drop must be >= 0"),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
