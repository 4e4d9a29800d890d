"""Distances against brute force, SciPy and POT; failure counts against their definition."""

import itertools

import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import ganth
from ganth import metrics

sizes = st.tuples(st.integers(0, 10_000), st.integers(1, 16), st.integers(1, 5))


def clouds(seed, n, dim, ties=False):
    rng = np.random.default_rng(seed)
    draw = rng.integers(-2, 3, size=(2, n, dim)).astype(float) if ties else rng.normal(size=(2, n, dim)) * 3
    return draw[0], draw[1]


@given(case=sizes, ties=st.booleans())
def test_w2_is_pots_and_scipys(case, ties):
    x, y = clouds(*case, ties=ties)
    got = metrics.wasserstein2(x, y)
    uniform = np.full(len(x), 1 / len(x))
    assert got**2 == pytest.approx(ot.emd2(uniform, uniform, ot.dist(x, y)), rel=1e-12, abs=1e-12)
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    assert got**2 == pytest.approx(cost[linear_sum_assignment(cost)].mean(), rel=1e-13, abs=1e-14)


@given(seed=st.integers(0, 1000), n=st.integers(1, 5))
def test_w2_is_the_best_of_all_permutations(seed, n):
    x, y = clouds(seed, n, 2)
    best = min(((x - y[list(order)]) ** 2).sum() for order in itertools.permutations(range(n)))
    assert metrics.wasserstein2(x, y) == pytest.approx(np.sqrt(best / n), rel=1e-12)


@given(seed=st.integers(0, 1000), n=st.integers(1, 20), m=st.integers(1, 20))
def test_weighted_w2_is_pots(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(m, 3))
    wx, wy = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    assert metrics.wasserstein2(x, y, wx, wy) == pytest.approx(np.sqrt(ot.emd2(wx, wy, ot.dist(x, y))), rel=1e-12)


def test_large_and_unequal_sets_go_to_pot():
    x, y = clouds(1, 40, 2)
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    assert metrics.wasserstein2(x, y) == pytest.approx(np.sqrt(cost[linear_sum_assignment(cost)].mean()), rel=1e-12)
    assert metrics.wasserstein2_many(x[None], y) == pytest.approx([metrics.wasserstein2(x, y)])


@given(seed=st.integers(0, 1000), n=st.integers(1, 6))
def test_w2_is_a_metric(seed, n):
    x, y = clouds(seed, n, 2)
    z = np.random.default_rng(seed + 1).normal(size=(n, 2))
    assert metrics.wasserstein2(x, x[::-1]) == 0
    assert metrics.wasserstein2(x, y) == pytest.approx(metrics.wasserstein2(y, x), rel=1e-12)
    assert metrics.wasserstein2(x, y) <= metrics.wasserstein2(x, z) + metrics.wasserstein2(z, y) + 1e-12
    shift = np.array([3.0, -4.0])
    assert metrics.wasserstein2(x, x + shift) == pytest.approx(5.0, rel=1e-12)


@pytest.mark.parametrize("n", [4, 20])
def test_w2_of_a_run_that_left_has_no_overflow(n):
    x, y = clouds(3, n, 2)
    far = metrics.wasserstein2_many(np.stack([x * 1e250, x]), y)
    np.testing.assert_allclose(
        far, [np.sqrt((x**2).sum(axis=1).mean()) * 1e250, metrics.wasserstein2(x, y)], rtol=1e-12
    )


def test_a_batch_is_its_pairs_whatever_the_threads():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(200, 7, 3)), rng.normal(size=(200, 7, 3))
    one, two = (metrics.wasserstein2_many(x, y, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one[:5], [metrics.wasserstein2(a, b) for a, b in zip(x[:5], y[:5], strict=True)])


@given(seed=st.integers(0, 1000), n=st.integers(1, 6), m=st.integers(1, 6))
def test_mmd2_is_the_double_sum(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    wx, wy = rng.uniform(size=n), rng.uniform(size=m)
    points, signed = np.vstack([x, y]), np.concatenate([wx, -wy])
    total = sum(
        a * b * np.exp(-np.sum((p - q) ** 2) / (2 * 0.7**2))
        for a, p in zip(signed, points, strict=True)
        for b, q in zip(signed, points, strict=True)
    )
    assert metrics.mmd2(x, y, ganth.RBF(0.7), wx, wy) == pytest.approx(total, rel=1e-10, abs=1e-13)


def test_diverging_fraction_counts_the_lost():
    cloud = np.array([[[0.0, 2.0], [0.0, 2.1]], [[np.nan, 0.0], [np.inf, 0.0]]])
    assert metrics.diverging_fraction(cloud).tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.wasserstein2([[0.0]], [[0.0, 1.0]]), "x and y must share their dimension d"),
        (lambda: metrics.wasserstein2([[0.0]], [[np.inf]]), "y must be finite"),
        (lambda: metrics.wasserstein2([[0.0]], [[1.0]], wx=[0.5]), "wx must sum to 1"),
        (lambda: metrics.wasserstein2_many(np.zeros((2, 3, 1)), np.zeros((2, 1))), "must agree"),
        (lambda: metrics.mmd2([[0.0]], [[1.0]], ganth.RBF(1.0), wx=[-1.0]), r"wx must be >= 0, got -1\.0"),
        (lambda: metrics.diverging_fraction([[0.0]], radius=0), "radius must be > 0, got 0"),
        (lambda: metrics.diverging_fraction([0.0]), "particles must have shape"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
