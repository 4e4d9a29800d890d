"""Metrics of images and samples: against plain loops, POT, exact Gaussians, and closed forms."""

import math

import naive_metrics as naive
import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganth import ParameterError, ShapeError
from ganth.metrics import class_coverage, frechet_distance, label_variance, mode_distances, mode_pairs, precision_recall

seeds = st.integers(0, 2**32)


def gaussian(rng, dim, rank=None):
    factor = rng.normal(size=(dim, rank or dim + 3))
    return rng.normal(size=dim), factor


@given(seed=seeds, dim=st.integers(1, 12))
def test_frechet_is_pots_bures_wasserstein_squared(seed, dim):
    rng = np.random.default_rng(seed)
    (m1, a1), (m2, a2) = gaussian(rng, dim), gaussian(rng, dim)
    wanted = ot.gaussian.bures_wasserstein_distance(m1, m2, a1 @ a1.T, a2 @ a2.T) ** 2
    assert frechet_distance(m1, a1 @ a1.T, m2, a2 @ a2.T) == pytest.approx(wanted, rel=1e-10, abs=1e-10)


@given(seed=seeds, dim=st.integers(1, 12), ranks=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_frechet_of_covariances_without_full_rank(seed, dim, ranks):
    """By the factors themselves: tr (C1^(1/2) C2 C1^(1/2))^(1/2) is the nuclear norm of A1^T A2."""
    rng = np.random.default_rng(seed)
    (m1, a1), (m2, a2) = (gaussian(rng, dim, min(rank, dim)) for rank in ranks)
    overlap = np.linalg.norm(a1.T @ a2, "nuc")
    wanted = ((m1 - m2) ** 2).sum() + (a1**2).sum() + (a2**2).sum() - 2 * overlap
    assert frechet_distance(m1, a1 @ a1.T, m2, a2 @ a2.T) == pytest.approx(wanted, rel=1e-10, abs=1e-9)


@given(seed=seeds, dim=st.integers(1, 8), rank=st.integers(1, 8), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_frechet_of_a_gaussian_with_itself_moved_turned_and_widened(seed, dim, rank, scale):
    rng = np.random.default_rng(seed)
    mean, factor = gaussian(rng, dim, rank)
    cov = scale * factor @ factor.T
    size = np.trace(cov)
    assert frechet_distance(mean, cov, mean, cov) == pytest.approx(0, abs=1e-12 * size)
    assert frechet_distance(mean, cov, mean + 3, cov) == pytest.approx(9 * dim, abs=1e-12 * size)
    assert frechet_distance(mean, cov, mean, 4 * cov) == pytest.approx(size, rel=1e-10)  # (2 - 1)^2 tr C
    assert frechet_distance(mean, cov, mean, 0 * cov) == pytest.approx(size, rel=1e-10)
    turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    other = rng.normal(size=(dim, dim))
    other = other @ other.T
    there, turned = (
        frechet_distance(t @ mean, t @ cov @ t.T, np.zeros(dim), t @ other @ t.T) for t in (np.eye(dim), turn)
    )
    assert turned == pytest.approx(there, rel=1e-9, abs=1e-9)
    assert frechet_distance(np.zeros(dim), other, mean, cov) == pytest.approx(there, rel=1e-9, abs=1e-9)


def test_frechet_of_covariances_of_samples():
    """As it is used: features of images, more of them than images, float32 and float64."""
    x, y = (np.random.default_rng(seed).normal(size=(20, 50)) * (1 + seed) for seed in (0, 1))
    found = frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    single = frechet_distance(x.mean(0), np.cov(x.T).astype(np.float32), y.mean(0), np.cov(y.T).astype(np.float32))
    assert single == pytest.approx(found, rel=1e-3)
    assert frechet_distance([1.0], 4.0, [2.0], 9.0) == pytest.approx(2.0)


@given(
    seed=seeds, n=st.integers(2, 30), m=st.integers(2, 30), dim=st.integers(1, 9), k=st.integers(1, 8),
    grid=st.booleans(), closed=st.booleans(),
)  # fmt: skip
def test_precision_recall_is_a_plain_loop(seed, n, m, dim, k, grid, closed):
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(n, dim)), rng.normal(size=(m, dim)) + 0.5
    if grid:  # ties, to the bit
        real, fake = np.round(real), np.round(fake)
    k = min(k, n - 1, m - 1)
    balls = "closed" if closed else "open"
    assert precision_recall(real, fake, k, balls) == naive.precision_recall(real, fake, k, closed)
    assert precision_recall(fake, real, k, balls) == naive.precision_recall(real, fake, k, closed)[::-1]


@given(seed=seeds, n=st.integers(60, 200), m=st.integers(60, 200), k=st.integers(1, 50), dim=st.integers(1, 70))
def test_precision_recall_over_many_tiles(seed, n, m, k, dim):
    """By whole matrices of differences; the same for any number of threads."""
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(n, dim)), rng.normal(size=(m, dim)) * rng.uniform(0.3, 2)
    within = [((x[:, None] - x) ** 2).sum(axis=2) for x in (real, fake)]
    radii = [np.sort(distances, axis=1)[:, k] for distances in within]  # the first is the point itself
    between = ((real[:, None] - fake) ** 2).sum(axis=2)
    wanted = (between < radii[0][:, None]).any(axis=0).mean(), (between < radii[1]).any(axis=1).mean()
    assert precision_recall(real, fake, k, threads=1) == pytest.approx(wanted)
    assert precision_recall(real, fake, k, threads=2) == precision_recall(real, fake, k, threads=1)


def test_copies_are_on_the_rim():
    twice = np.repeat(np.random.default_rng(0).normal(size=(12, 3)), 2, axis=0)
    assert precision_recall(twice, twice, 1) == (0.0, 0.0)  # balls of radius 0 are empty where they are open
    assert precision_recall(twice, twice, 1, "closed") == (1.0, 1.0)


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e90, 1e200])
def test_precision_recall_has_no_unit(scale):
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(40, 4)), rng.normal(size=(30, 4))
    assert precision_recall(scale * real, scale * fake, 3) == precision_recall(real, fake, 3)
    assert precision_recall(0 * real, 0 * fake, 3, "closed") == (1.0, 1.0)


def test_precision_recall_is_prdcs():
    prdc = pytest.importorskip("prdc", reason="prdc is not installed")
    rng = np.random.default_rng(2)
    for n, m, dim, k in ((50, 70, 3, 1), (300, 200, 16, 5), (1000, 900, 64, 3)):
        real, fake = rng.normal(size=(n, dim)), 0.9 * rng.normal(size=(m, dim))
        found = prdc.compute_prdc(real, fake, k)
        assert precision_recall(real, fake, k) == pytest.approx((found["precision"], found["recall"]), abs=1e-12)


@given(
    seed=seeds, n=st.integers(0, 20), classes=st.integers(1, 5), kind=st.sampled_from(["float32", "float64", "uint8"])
)
def test_mode_distances_are_a_plain_loop(seed, n, classes, kind):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, size=n)]))
    images = (10 * rng.normal(size=(len(labels), 3, 2, 2)) + 100).astype(kind)
    found = mode_distances(images, labels)
    np.testing.assert_allclose(found, naive.mode_distances(images, labels.tolist()), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    for definition in ("entries", "within", "total"):
        wanted = naive.label_variance(images, labels.tolist(), definition)
        assert label_variance(images, labels, definition) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(
    seed=seeds, n=st.integers(1, 20), classes=st.integers(1, 6), threshold=st.sampled_from([0.0, 0.01, 0.3, 0.9]),
    definition=st.sampled_from(["section", "appendix"]),
)  # fmt: skip
def test_mode_pairs_are_a_plain_loop(seed, n, classes, threshold, definition):
    p = np.random.default_rng(seed).dirichlet(np.full(classes, 0.15), size=n)
    found = mode_pairs(p, threshold=threshold, definition=definition)
    np.testing.assert_array_equal(found, naive.mode_pairs(p.tolist(), threshold, definition))
    assert found.dtype == np.int64


@given(seed=seeds, n=st.integers(1, 40), classes=st.integers(1, 8), least=st.sampled_from([0.25, 0.5, 1.0, 2.0]))
def test_class_coverage_is_a_plain_loop(seed, n, classes, least):
    samples = np.random.default_rng(seed).integers(0, classes, size=n)
    found = class_coverage(samples, classes, least=least)
    assert found == naive.class_coverage(samples.tolist(), classes, least)
    sure = np.eye(classes)[samples]
    assert class_coverage(sure, least=least) == class_coverage(sure, classes, least=least) == found


POINTS = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: precision_recall(POINTS, POINTS, 0), "k must be an integer >= 1, got 0"),
        (lambda: precision_recall(POINTS, POINTS[:3], 3), "k must be < 3, the number of fake points, got 3"),
        (lambda: precision_recall(POINTS[:2], POINTS, 2), "k must be < 2, the number of real points, got 2"),
        (lambda: precision_recall(POINTS[:0], POINTS, 1), r"real must hold at least one point .* got shape \(0, 2\)"),
        (lambda: precision_recall(POINTS, POINTS[:, :1], 1), "real and fake must share their dimension d"),
        (lambda: precision_recall(POINTS, POINTS * math.nan, 1), r"fake must be finite, got nan at index \(0, 0\)"),
        (lambda: precision_recall(POINTS, POINTS, 1, "ajar"), "balls must be one of 'open', 'closed', got 'ajar'"),
        (lambda: frechet_distance([0.0], [[-1.0]], [0.0], [[1.0]]), r"cov1 must be positive semidefinite, got .*-1\.0"),
        (lambda: frechet_distance([0.0], [[1.0]], [0.0], [[math.inf]]), "cov2 must be finite"),
        (lambda: frechet_distance([0.0] * 2, [[1, 2], [2, 1]], [0.0] * 2, np.eye(2)), "cov1 must be positive semidef"),
        (lambda: frechet_distance([0.0] * 2, np.eye(2), [0.0] * 2, [[1, 0.1], [0, 1]]), "cov2 must be symmetric"),
        (lambda: frechet_distance([0.0] * 2, np.eye(3), [0.0] * 2, np.eye(2)), r"cov1 must have shape \(2, 2\)"),
        (lambda: frechet_distance([0.0], [[1.0]], [0.0] * 2, np.eye(2)), "mu1 and mu2 must share"),
        (lambda: frechet_distance([], np.zeros((0, 0)), [], np.zeros((0, 0))), "share their dimension d >= 1"),
        (lambda: mode_distances(POINTS, [0, 0, 0, 2, 2, 2]), r"labels must hold each of 0\.\.2, got none of 1"),
        (lambda: mode_distances(POINTS, [0, 0, 0, -1, 1, 1]), "labels must be >= 0, got -1"),
        (lambda: mode_distances(POINTS, [0, 1]), r"labels must be integers of shape \(6,\), got int64 of shape \(2,\)"),
        (lambda: mode_distances(POINTS, np.zeros(6)), r"got float64 of shape \(6,\)"),
        (lambda: mode_distances(POINTS * math.nan, [0, 0, 0, 1, 1, 1]), "images must be finite, got others with label"),
        (lambda: mode_distances(POINTS[0], [0, 1]), r"images must be numbers of shape \(n, \.\.\.\)"),
        (lambda: label_variance(POINTS, [0, 0, 0, 1, 1, 1], "all"), "definition must be one of 'within', 'entries',"),
        (lambda: label_variance(POINTS, [0, 0, 0, 2, 2, 2]), r"labels must hold each of 0\.\.2, got none of 1"),
        (lambda: label_variance(POINTS * math.nan, [0] * 6), "images must be finite, got others with label 0"),
        (lambda: mode_pairs([[0.5, 0.6]]), r"must sum to 1 within 1e-05, got 1\.1 for sample 0"),
        (lambda: mode_pairs([[-0.5, 1.5]]), r"probabilities must be >= 0, got -0\.5"),
        (lambda: mode_pairs([[1.0]], threshold=1), r"threshold must be < 1, got 1\.0"),
        (lambda: mode_pairs([[1.0]], definition="both"), "definition must be one of 'section', 'appendix', got 'both'"),
        (lambda: class_coverage([0, 1]), "classes must be given with samples of shape"),
        (lambda: class_coverage([0, 3], 3), r"samples must be in 0\.\.2, got 3"),
        (lambda: class_coverage([], 3), "samples must be integers of shape"),
        (lambda: class_coverage([0], 3, least=0), "least must be > 0, got 0"),
        (lambda: class_coverage([[1.0, 0.0]], 3), r"samples must have shape \(n, 3\), got \(1, 2\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make, message):
    with pytest.raises((ParameterError, ShapeError), match=message):
        make()
