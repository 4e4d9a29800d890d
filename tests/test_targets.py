"""Targets against quadrature, finite differences, SciPy, and their own samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

import ganth
from ganth.errors import ParameterError, ShapeError
from ganth.targets import GaussianMixture, PointMasses, UniformBox

seeds = st.integers(0, 2**64 - 1)


def random_mixture(seed, k, dim):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(k, dim, dim)) + 2 * np.eye(dim)
    weights = rng.dirichlet(np.ones(k))
    return GaussianMixture(3 * rng.normal(size=(k, dim)), factors @ factors.transpose(0, 2, 1), weights)


@given(seed=st.integers(0, 1000), k=st.integers(1, 4), dim=st.integers(1, 3))
def test_log_density_is_scipys(seed, k, dim):
    target = random_mixture(seed, k, dim)
    x = np.random.default_rng(seed + 1).normal(size=(5, dim)) * 4
    expected = sum(
        w * stats.multivariate_normal(m, c).pdf(x)
        for w, m, c in zip(target.weights, target.means, target.variances, strict=True)
    )
    np.testing.assert_allclose(np.exp(target.log_density(x)), np.atleast_1d(expected), rtol=1e-9, atol=1e-300)


@given(seed=st.integers(0, 1000), k=st.integers(1, 4), dim=st.integers(1, 3))
def test_score_is_the_gradient_of_the_log_density(seed, k, dim):
    target = random_mixture(seed, k, dim)
    x = np.random.default_rng(seed + 2).normal(size=(4, dim))
    for axis in range(dim):
        step = 1e-5 * np.eye(dim)[axis]
        slope = (target.log_density(x + step) - target.log_density(x - step)) / 2e-5
        np.testing.assert_allclose(target.score(x)[:, axis], slope, rtol=1e-5, atol=1e-6)


def test_density_integrates_to_one():
    target = GaussianMixture([[-2.0], [1.0]], [0.25, 2.0], [0.3, 0.7])
    mass, _ = integrate.quad(lambda x: np.exp(target.log_density([[x]])[0]), -30, 30, points=[-2, 1])
    assert mass == pytest.approx(1, abs=1e-10)


def test_far_out_nothing_underflows():
    target = GaussianMixture([[-1.0], [1.0]], 1.0)
    assert target.score([[1e6]])[0, 0] == pytest.approx(-(1e6 - 1))
    assert target.log_density([[1e6]])[0] == pytest.approx(-0.5 * (1e6 - 1) ** 2, rel=1e-9)


def test_scalar_and_per_mode_variances_are_full_covariances():
    means, x = [[0.0, 1.0], [2.0, 0.0]], [[0.3, 0.4], [5.0, -1.0]]
    full = GaussianMixture(means, np.array([np.eye(2) * 0.5, np.eye(2) * 0.5]))
    for variances in (0.5, [0.5, 0.5]):
        np.testing.assert_allclose(GaussianMixture(means, variances).log_density(x), full.log_density(x), rtol=1e-14)


def test_samples_have_the_mixtures_moments_and_weights():
    target = random_mixture(3, 3, 2)
    draws = target.sample(40_000, seed=11)
    mean = target.weights @ target.means
    spread = target.covariances + np.einsum("ka,kb->kab", target.means - mean, target.means - mean)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(draws.T), np.einsum("k,kab->ab", target.weights, spread), rtol=0.05, atol=0.2)


@given(seed=seeds)
def test_the_same_seed_gives_the_same_sample(seed):
    box = UniformBox([0.0, -1.0], [1.0, 3.0])
    np.testing.assert_array_equal(box.sample(4, seed), box.sample(6, seed)[:4])
    assert box.log_density(box.sample(50, seed)).tolist() == [-np.log(4.0)] * 50


def test_a_generator_moves_on():
    rng = np.random.default_rng(0)
    box = UniformBox([0.0], [1.0])
    assert not np.array_equal(box.sample(3, rng), box.sample(3, rng))


def test_box_samples_pass_kolmogorov_smirnov():
    draws = UniformBox([-2.0], [5.0]).sample(5000, seed=4)[:, 0]
    assert stats.kstest(draws, stats.uniform(-2, 7).cdf).pvalue > 1e-3


def test_box_outside_there_is_no_score():
    np.testing.assert_array_equal(UniformBox([0.0], [1.0]).score([[0.5], [2.0]]), [[0.0], [np.nan]])


def test_point_masses_sample_in_proportion():
    target = PointMasses([[0.0], [1.0], [2.0]], [1.0, 0.0, 3.0])
    draws = target.sample(8000, seed=2)[:, 0]
    assert set(draws) == {0.0, 2.0}
    assert (draws == 2.0).mean() == pytest.approx(0.75, abs=0.02)
    assert target.log_density([[0.0], [1.0], [0.5]]).tolist() == [np.inf, -np.inf, -np.inf]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianMixture([[0.0]], -1.0), r"variances must be > 0, got -1\.0"),
        (lambda: GaussianMixture([[0.0]], [1.0, 1.0]), r"variances must have shape"),
        (lambda: GaussianMixture([[0.0, 0.0]], [[[1.0, 2.0], [2.0, 1.0]]]), "positive definite"),
        (lambda: GaussianMixture([[0.0], [1.0]], 1.0, [0.5, 0.6]), r"weights must sum to 1"),
        (lambda: GaussianMixture(np.zeros((0, 2)), 1.0), "means must hold at least one point"),
        (lambda: GaussianMixture([[np.nan]], 1.0), r"means must be finite, got nan at index \(0, 0\)"),
        (lambda: UniformBox([0.0], [0.0]), "low must be < high"),
        (lambda: UniformBox([0.0], [1.0, 2.0]), "low and high must share"),
        (lambda: PointMasses([[0.0]], [-1.0]), r"masses must be >= 0, got -1\.0 at index 0"),
        (lambda: PointMasses.ring(0), "n must be an integer >= 1, got 0"),
        (lambda: UniformBox([0.0], [1.0]).sample(0, 1), "n must be an integer >= 1"),
        (lambda: UniformBox([0.0], [1.0]).sample(1, None), r"seed must be an int in \[0, 2\*\*64\)"),
        (lambda: UniformBox([0.0], [1.0]).sample(1, -1), "seed must be an int"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_package_gives_the_room():
    assert ganth.targets.UniformBox is UniformBox


def test_kde_is_the_mean_of_kernels():
    points, h = np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]]), 0.7
    x = np.array([[0.3, 0.2], [5.0, 5.0]])
    kernels = np.exp(-(((x[:, None] - points) / h) ** 2).sum(axis=2)) / np.pi
    np.testing.assert_allclose(
        np.exp(ganth.targets.kde(points, h).log_density(x)), kernels.mean(axis=1) / h**2, rtol=1e-9
    )
    with pytest.raises(ganth.ParameterError, match=r"bandwidth must be > 0, got 0"):
        ganth.targets.kde(points, 0)


def test_shares_of_modes():
    cube = GaussianMixture.cube(3, 0.0125)
    drawn = cube.sample(4000, 3)
    shares = cube.shares(drawn)
    assert shares.sum() == pytest.approx(0.9989, abs=0.002)  # four standard deviations, three dimensions
    assert abs(shares - 1 / 8).max() < 0.02
    assert cube.shares(np.stack([drawn, drawn + 9.0])).shape == (2, 8)
    assert cube.shares(drawn + 9.0).sum() == 0
    assert cube.shares([[np.nan] * 3, [1e300] * 3, [1.0] * 3]).sum() == pytest.approx(1 / 3)
    # Distances are in units of each mode's own shape: (0.8, 0) lies nearer to the wide mode's edge.
    pair = GaussianMixture([[0.0, 0.0], [1.0, 0.0]], [1.0, 0.0001])
    assert pair.shares([[0.8, 0.0], [1.01, 0.0]]).tolist() == [0.5, 0.5]
    with pytest.raises(ShapeError, match=r"points must have shape \(..., n, 3\)"):
        cube.shares([[0.0, 1.0]])
    with pytest.raises(ParameterError, match="within must be > 0"):
        cube.shares(drawn, within=0.0)
