"""TP, sections 4.1, D.4-D.6 and appendix J: maps to mixtures on the line, where they are steep, densities of images."""

import naive_maps as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.special import ndtr, ndtri

from ganth.maps import REARRANGEMENTS, Branch, pushforward_density, rearranged, transport_1d
from ganth.targets import GaussianMixture
from ganth.theory import transport as theory

seeds = st.integers(0, 2**32)
CURVATURE, SQUARE = theory.curvature_at_the_middle(), theory.image_of_a_square(theory.mu)[0]


def line(means, variances=1.0, weights=None):
    return GaussianMixture(np.asarray(means, dtype=float)[:, None], variances, weights)


def random_line(seed, common=False):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 5)
    variances = rng.uniform(0.3, 2) if common else rng.uniform(0.3, 2, size=count)
    return line(np.sort(3 * rng.normal(size=count)), variances, rng.dirichlet(np.full(count, 3.0)))


@given(seed=seeds, name=st.sampled_from(sorted(REARRANGEMENTS)))
def test_TP_Thm4_1(seed, name):
    """h = Psi o g o Phi^-1 preserves the uniform law, for g made with an h and for one made without."""
    g = transport_1d(random_line(seed))
    u = (np.arange(1000) + 0.5) / 1000
    x = ndtri(u)
    for y in (rearranged(g, name)(x), np.where(np.abs(x) < 1, g(x), g(-x))):
        np.testing.assert_allclose(np.sort(g.cdf(y)), u, atol=3e-3)


@given(seed=seeds)
def test_TP_LemD_1(seed):
    target = random_line(seed)
    g, u = transport_1d(target), (np.arange(500) + 0.5) / 500
    parts = zip(target.weights, target.means[:, 0], target.covariances[:, 0, 0], strict=True)
    y = g.quantile(u)
    np.testing.assert_allclose(sum(w * ndtr((y - m) / np.sqrt(v)) for w, m, v in parts), u, atol=1e-12)
    drawn = np.sort(g.cdf(target.sample(2000, seed)[:, 0]))
    assert np.abs(drawn - (np.arange(2000) + 0.5) / 2000).max() < 2.3 / np.sqrt(2000)


def test_TP_LemD_1_fails_with_atoms():
    coin = np.array([0.0, 1.0])
    levels = np.where(coin < 1, 0.5, 1.0)  # F(X) of a fair coin
    assert (levels <= 0.25).mean() == 0
    assert (levels <= 0.75).mean() == 0.5


@given(seed=seeds, power=st.sampled_from([1.5, 2.0, 4.0]))
def test_TP_S4_1_optimal_transport(seed, power):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.normal(size=30))
    cost = np.abs(x[:, None] - transport_1d(random_line(seed))(x)) ** power
    assert np.trace(cost) == pytest.approx(cost[linear_sum_assignment(cost)].sum(), rel=1e-12)


@given(count=st.integers(2, 5), gap=st.floats(5, 12))
def test_TP_Fig3_maps(count, gap):
    means = gap * np.arange(count)
    _, y, height = transport_1d(line(means)).peaks()
    assert len(y) == count - 1
    assert ((y > means[:-1]) & (y < means[1:])).all()
    assert height.min() > np.log(5)


def test_TP_S4_1_peaks():
    """No peak between two modes of the density on one side of the median, nor between components that are close."""
    g = transport_1d(line([0, 8, 10.2], 1.0, [0.9, 0.05, 0.05]))
    grid = np.linspace(7, 11, 4001)
    density = g.log_density(grid)
    modes = grid[1:-1][(density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])]
    assert len(modes) == 2
    assert not ((g.peaks()[1] > modes[0]) & (g.peaks()[1] < modes[1])).any()
    slopes = g.derivative(g.inverse(np.linspace(*modes, 500)))
    assert (np.diff(slopes) < 0).all()
    close = transport_1d(line([-1, 0, 1], 1.0, [0.25, 0.5, 0.25])).peaks()[1]
    assert len(close) == 1
    assert abs(close[0]) < 1e-6


def test_slope_and_curvature_in_the_middle():
    assert sp.simplify(theory.slope_at_the_middle() - sp.exp(theory.mu**2 / 2)) == 0
    assert theory.curvature_is_negative()


@given(mu=st.floats(0.01, 30))
def test_TP_Thm4_2(mu):
    assert transport_1d(line([-mu, mu])).log_derivative(0.0) == pytest.approx(mu**2 / 2, rel=1e-12, abs=1e-14)


@given(mu=st.floats(0.1, 8))
def test_TP_New_local_max(mu):
    exact = float(CURVATURE.subs(theory.mu, sp.Float(mu, 40)))
    assert exact < 0
    g, step = transport_1d(line([-mu, mu])), 0.02 * np.exp(-(mu**2) / 2)
    left, middle, right = g.log_derivative([-step, 0.0, step])
    assert max(left, right) < middle
    assert (left - 2 * middle + right) / step**2 == pytest.approx(exact, rel=0.02, abs=1e-7)


@given(seed=seeds)
def test_TP_Tab2_variance(seed):
    target = random_line(seed, common=True)
    g, sigma = transport_1d(target), float(np.sqrt(target.variances))
    assert g.derivative(1e6) == pytest.approx(sigma, rel=1e-5)
    assert g(1e6) - sigma * 1e6 == pytest.approx(target.means.max(), abs=1e-3)


def test_TP_Tab2_variance_by_brackets():
    weights = (sp.Rational(1, 4), sp.Rational(3, 4))
    assert theory.tail_slope((-1, 3), weights, theory.scale) == (theory.scale, 3)


def test_TP_Tab2_others():
    """Farther means are steeper, weights say what goes where; more components need not give more segments."""
    steep = [transport_1d(line([-a, a])).steepness() for a in (1, 2, 3, 4)]
    assert (np.diff(steep) > 0).all()
    for weight in (0.1, 0.5, 0.8):
        assert ndtr(transport_1d(line([-8, 8], 1.0, [weight, 1 - weight])).inverse(0.0)) == pytest.approx(weight)
    assert [len(transport_1d(line(6.0 * np.arange(n))).peaks()[0]) for n in (2, 3, 4)] == [1, 2, 3]
    assert len(transport_1d(line(1.0 * np.arange(4))).peaks()[0]) == 1


@given(seed=seeds)
def test_TP_AppJ_inverse(seed):
    target = random_line(seed)
    g, y = transport_1d(target), np.linspace(-12, 12, 25)
    np.testing.assert_allclose(g(g.inverse(y)), y, rtol=1e-9, atol=1e-9)
    wanted = naive.inverse(y[3], target.means[:, 0], target.covariances[:, 0, 0], target.weights)
    assert g.inverse(y[3]) == pytest.approx(float(wanted), rel=1e-12)


def square_branches():
    return [
        Branch(lambda y, s=s: s * np.sqrt(y), lambda y: 0.5 / np.sqrt(y[:, 0]), lambda y: y[:, 0] > 0) for s in (-1, 1)
    ]


@given(mean=st.floats(-2, 2), x=st.floats(0.1, 3))
def test_TP_LemD_2(mean, x):
    wanted = float(SQUARE.subs({theory.x: x, theory.mu: mean}))
    found = pushforward_density([[x * x]], line([mean]), square_branches())[0]
    assert found == pytest.approx(wanted, rel=1e-12)


def test_TP_LemD_2_equivalent():
    """It is right for a source that is symmetric about the fold, and wrong for N(1, 1)."""
    assert sp.simplify(theory.image_of_a_square(sp.S.Zero)[2]) == 0
    right, printed, _ = theory.image_of_a_square(sp.S.One)
    assert float((printed / right).subs(theory.x, 1)) == pytest.approx(2 / (1 + np.exp(-2)))
