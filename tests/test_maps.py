"""Transport against 50 digits, its inverse, rearrangements, densities of images, and what is refused."""

import math

import mpmath as mp
import naive_maps as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import ndtr, ndtri

from ganth.errors import ParameterError, ShapeError
from ganth.formulas import normal as formula
from ganth.maps import REARRANGEMENTS, Branch, Transport, exchange, fold, pushforward_density, rearranged, transport_1d
from ganth.targets import GaussianMixture

seeds = st.integers(0, 2**32)
VALLEY = GaussianMixture([[-8.0], [8.0]], 1.0)


def line(means, variances, weights=None):
    return GaussianMixture(np.asarray(means, dtype=float)[:, None], variances, weights)


def random_line(rng):
    count = rng.integers(1, 6)
    means = rng.normal(size=count) * rng.choice([1, 5, 20])
    means[rng.random(count) < 0.1] = 0.0
    means.sort()
    return line(means, np.exp(rng.normal(size=count) * rng.choice([0, 1, 3])), rng.dirichlet(np.full(count, 2.0)))


def assert_exact(target, x, bound=1e-12):
    g = transport_1d(target)
    parts = target.means[:, 0], target.covariances[:, 0, 0], target.weights
    for at, y, log_slope in zip(x, g(x), g.log_derivative(x), strict=True):
        value, slope = naive.transport(at, y, *parts)
        # Where g crosses zero at no special x, the spacing of numbers is the limit: 1e-28 standard deviations.
        assert abs(mp.mpf(float(y)) - value) <= bound * abs(value) + 1e-28 * float(np.sqrt(parts[1].max()))
        assert abs(mp.mpf(float(log_slope)) - mp.log(slope)) <= bound


@given(seed=seeds)
def test_transport_is_what_50_digits_say(seed):
    rng = np.random.default_rng(seed)
    target = random_line(rng)
    g = transport_1d(target)
    order = np.argsort(target.means[:, 0])
    edges = ndtri(np.cumsum(target.weights[order])[:-1])  # where valleys are
    within = g.inverse(rng.uniform(target.means.min() - 3, target.means.max() + 3, size=1))
    x = np.concatenate([rng.uniform(-35, 35, size=2), edges[:2], np.nextafter(edges[:1], 9), within, [g.inverse(0.0)]])
    assert_exact(target, x)


@pytest.mark.parametrize("x", [1e-300, 1e-20, 3e-16, 1e-15, 1e-14, 1e-13, 1e-9, 0.1, 5.0, 8.3, 35.0])
def test_transport_across_a_deep_valley(x):
    assert_exact(VALLEY, [x, -x], 1e-13)
    assert transport_1d(VALLEY)(0.0) == 0.0


@pytest.mark.parametrize(
    ("means", "variances", "weights"),
    [
        ([-8, 8], 1.0, [0.3, 0.7]),  # Phi(x) - 0.3 must keep 27 digits
        ([-8, 8], 1.0, [0.1, 0.9]),
        ([-8, 8], 1.0, [0.9, 0.1]),
        ([92, 108], 1.0, None),
        ([-20, 20], 1.0, None),
        ([-6, -2, 2, 6], [0.1, 0.2, 0.2, 0.1], None),
        ([0, 3], [1.0, 1e-6], [1 - 1e-12, 1e-12]),
        ([0, 0], [1.0, 100.0], [1 - 1e-30, 1e-30]),
        ([5], 2.0, None),
    ],
)
def test_transport_of_hard_mixtures(means, variances, weights):
    target = line(means, variances, weights)
    edge = ndtri(target.weights[0]) if target.weights[0] < 1 - 1e-16 else 1.0
    assert_exact(target, [edge, np.nextafter(edge, 9), 1e-30, -1.0, 12.0, 35.0, -35.0])


def test_slopes_beyond_the_range_of_numbers():
    far = transport_1d(line([-40, 40], 1.0))
    assert far.log_derivative(0.0) == pytest.approx(800.0, rel=1e-15)
    assert far.derivative(0.0) == far.steepness() == math.inf
    assert far(0.0) == 0.0


@given(seed=seeds)
def test_inverse_undoes_the_map(seed):
    rng = np.random.default_rng(seed)
    target = random_line(rng)
    g = transport_1d(target)
    x = np.concatenate([rng.uniform(-30, 30, size=3), rng.normal(size=3)])
    np.testing.assert_allclose(g.inverse(g(x)), x, rtol=1e-12, atol=1e-14)
    y = rng.uniform(target.means.min() - 8, target.means.max() + 8)
    wanted = naive.inverse(y, target.means[:, 0], target.covariances[:, 0, 0], target.weights)
    assert g.inverse(y) == pytest.approx(float(wanted), rel=1e-12, abs=1e-14)


@given(seed=seeds)
def test_the_map_is_monotone_and_its_derivative_is_the_slope(seed):
    rng = np.random.default_rng(seed)
    g = transport_1d(random_line(rng))
    x = np.sort(rng.normal(size=50) * 4)
    assert (np.diff(g(x)) > 0).all()
    at, step = rng.normal(size=4), 1e-6
    slope = (g(at + step) - g(at - step)) / (2 * step)
    np.testing.assert_allclose(g.derivative(at), slope, rtol=1e-3)


@given(seed=seeds)
def test_steepness_is_the_largest_slope_found(seed):
    rng = np.random.default_rng(seed)
    target = random_line(rng)
    g = transport_1d(target)
    spread = 8 * np.sqrt(target.covariances.max())
    y = np.linspace(target.means.min() - spread, target.means.max() + spread, 4001)
    x = g.inverse(y)
    seen = np.exp(-0.5 * x * x - 0.5 * np.log(2 * np.pi) - g.log_density(y)).max()
    limit = np.sqrt(target.covariances.max())
    assert g.steepness() >= max(seen, limit) * (1 - 1e-10)
    assert g.steepness() <= max(seen * 1.5, limit * (1 + 1e-10))
    x, y, height = g.peaks()
    np.testing.assert_allclose(g.inverse(y), x)
    assert len(target.means) > 1 or len(x) == 0
    for beside in (1e-3, -1e-3):
        near = g.inverse(y + beside * np.sqrt(target.covariances.min()))
        assert (g.log_derivative(near) <= height + 1e-9).all()


@given(seed=seeds)
def test_order_and_threads_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    target = random_line(rng)
    order = rng.permutation(len(target.means))
    other = GaussianMixture(target.means[order], target.covariances[order], target.weights[order])
    x = rng.normal(size=(3, 5)) * 5
    one, two = transport_1d(target, threads=1), transport_1d(target, threads=2)
    np.testing.assert_array_equal(one(x), two(x))
    np.testing.assert_allclose(Transport(other)(x), one(x), rtol=1e-12, atol=1e-13)


def test_shapes_follow_the_argument():
    g = transport_1d(VALLEY)
    assert g(0.5).shape == ()
    assert g([0.5]).shape == (1,)
    assert g(np.zeros((2, 0))).shape == (2, 0)
    assert g.derivative([[1.0, 2.0]]).shape == g.inverse([[1.0, 2.0]]).shape == (1, 2)
    assert g.quantile(ndtr(0.5)) == pytest.approx(g(0.5), rel=1e-14)
    assert g.cdf(g(-1.5)) == pytest.approx(ndtr(-1.5), rel=1e-14)
    assert g.log_density(1.0) == pytest.approx(VALLEY.log_density([[1.0]])[0], rel=1e-14)


def test_tails_and_pairs_are_exact():
    for z in [*np.linspace(-8, 35, 60).tolist(), 1e3, 1e6]:
        with mp.workdps(50 + int(z * z / 4.6) if z < 100 else 50):
            tail = naive.tail(mp.mpf(z))
            if z < 1e3:
                assert abs(formula.log_tail(z) - mp.log(tail)) <= 2e-14 * abs(mp.log(tail))
                assert abs(formula.hazard(z) / (mp.npdf(mp.mpf(z)) / tail) - 1) < 1e-14
            else:
                assert formula.hazard(z) == pytest.approx(z, rel=1e-5)
            if 0 <= z < 36:
                high, low = formula.tail_pair(z)
                assert abs((mp.mpf(high) + mp.mpf(low)) / tail - 1) < 1e-27
            if -3 < z < 3:
                high, low = formula.centre_pair(z)
                assert abs((mp.mpf(high) + mp.mpf(low)) - (mp.mpf(1) / 2 - tail)) < 1e-29


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: transport_1d(GaussianMixture([[0.0, 1.0]], 1.0)), ShapeError, "target must be one-dimensional"),
        (lambda: transport_1d([[0.0]]), ParameterError, "target must be a GaussianMixture"),
        (lambda: transport_1d(line([1, 0], 1.0)), ParameterError, "target must have its means in ascending order"),
        (lambda: line([], 1.0), ShapeError, "means must hold at least one point"),
        (lambda: line([0, 1], [1.0, 0.0]), ParameterError, "variances must be > 0, got 0.0"),
        (lambda: line([0, 1], [[[1.0]], [[-1.0]]]), ParameterError, "variances must be positive definite"),
        (lambda: line([0, 1], 1.0, [0.3, 0.6]), ParameterError, "weights must sum to 1"),
        (lambda: line([0, 1], 1.0, [-0.3, 1.3]), ParameterError, "weights must be >= 0"),
        (lambda: line([0, math.nan], 1.0), ParameterError, "means must be finite"),
        (lambda: transport_1d(VALLEY)([0.0, math.inf]), ParameterError, "x must be finite, got inf"),
        (lambda: transport_1d(VALLEY).quantile([0.0]), ParameterError, "the least of u must be > 0"),
        (lambda: transport_1d(VALLEY).quantile([1.0]), ParameterError, "u must be < 1"),
        (lambda: rearranged(VALLEY, "shuffle"), ParameterError, "h must be one of"),
        (lambda: rearranged(VALLEY, lambda u: 2 * u)([1.0]), ParameterError, "h must keep"),
        (lambda: exchange([0, 2]), ParameterError, "order must be a permutation"),
        (lambda: fold(0), ParameterError, "times must be an integer >= 1"),
        (lambda: pushforward_density([[0.0]], VALLEY, []), ParameterError, "branches must hold"),
    ],
)
def test_what_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("h", REARRANGEMENTS)
def test_rearranged_maps_have_the_law_of_the_target(h):
    target = line([-2, 0, 3], [1.0, 0.2, 0.5], [0.5, 0.2, 0.3])
    g = transport_1d(target)
    u = (np.arange(20_000) + 0.5) / 20_000  # midpoints: their image must have the distribution function Psi
    values = np.sort(rearranged(g, h)(ndtri(u)))
    assert np.abs(g.cdf(values) - u).max() < 2e-4


def test_density_of_an_image_integrates_and_is_the_samples():
    source = line([0.5], 1.0)
    roots = [
        Branch(lambda y, s=s: s * np.sqrt(y), lambda y: 0.5 / np.sqrt(y[:, 0]), lambda y: y[:, 0] > 0) for s in (-1, 1)
    ]
    y = np.array([[0.3], [2.0], [-1.0]])
    expected = stats.ncx2(1, 0.25).pdf(y[:, 0])
    np.testing.assert_allclose(pushforward_density(y, source, roots), expected, rtol=1e-9)
    mass = integrate.quad(lambda t: 2 * t * pushforward_density([[t * t]], source, roots)[0], 1e-12, 8)[0]
    assert mass == pytest.approx(1, abs=1e-8)


def test_a_branch_must_keep_shapes():
    wrong = Branch(lambda y: y, lambda y: np.ones((len(y), 1)), lambda y: y[:, 0] > -9)
    with pytest.raises(ShapeError, match="determinant of branch 0"):
        pushforward_density([[0.0]], VALLEY, [wrong])
    with pytest.raises(ShapeError, match="image of branch 0"):
        pushforward_density([[0.0]], VALLEY, [Branch(wrong.inverse, wrong.determinant, lambda y: True)])
