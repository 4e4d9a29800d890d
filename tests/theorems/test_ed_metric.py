"""ED, section IV: what the mode-collapse metric (22) and the mean log-likelihood say of a cloud, and what not."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

import ganth
from ganth.metrics import mean_log_likelihood, mode_collapse, nearest_mode_distance
from ganth.targets import GaussianMixture

SD = 0.02
RING = GaussianMixture.ring(8, 2.0, SD**2)
MODES = RING.means
LEVEL = math.log(8) / 2
counts_of_modes = st.lists(st.integers(0, 60), min_size=8, max_size=8).filter(any)


def cloud_of(counts):
    return np.repeat(MODES, counts, axis=0)


def value(counts):
    return float(mode_collapse(cloud_of(counts), MODES))


@given(counts_of_modes, st.permutations(range(8)))
def test_ED_Eq22(counts, order):
    shares = np.array([c for c in counts if c]) / sum(counts)
    assert value(counts) == pytest.approx(math.log(8) + (shares * np.log(shares)).sum(), abs=1e-14)
    assert value([counts[i] for i in order]) == pytest.approx(value(counts), abs=1e-14)
    even, one = len(set(counts)) == 1, np.count_nonzero(counts) == 1
    assert (value(counts) == 0) == even
    assert (value(counts) == math.log(8)) == one
    assert -1e-14 <= value(counts) <= math.log(8)


def test_ED_Eq22_is_least_at_the_even_split():
    shares = sp.symbols("P1:8", positive=True)
    metric = sum(p * sp.log(p) for p in (*shares, 1 - sum(shares))) + sp.log(8)
    even = dict.fromkeys(shares, sp.Rational(1, 8))
    assert all(sp.diff(metric, p).subs(even) == 0 for p in shares)
    assert sp.hessian(metric, shares).subs(even).is_positive_definite
    assert sp.simplify(metric.subs(even)) == 0


def test_ED_Eq22_thr():
    """The level is passed at sqrt(8) modes: three of eight are "converged", and an uneven cover of all is not."""
    evenly = [value([40] * m + [0] * (8 - m)) for m in range(1, 9)]
    assert [v < LEVEL for v in evenly] == [m * m > 8 for m in range(1, 9)]
    assert [v < LEVEL for v in evenly].index(True) == 2
    assert value([158, *[6] * 7]) > LEVEL  # every mode has particles


@given(st.integers(0, 200))
def test_ED_Eq22_thr_two_modes_are_always_above(first):
    assert value([first, 200 - first, *[0] * 6]) > LEVEL


@given(counts_of_modes)
def test_ED_Eq22_thr_below_log_8_over_7_no_mode_is_missing(counts):
    counts[0] = 0
    assume(any(counts))
    assert value(counts) >= math.log(8 / 7) - 1e-14
    assert value([0, *[5] * 7]) == pytest.approx(math.log(8 / 7), abs=1e-14)


@given(counts_of_modes, st.integers(0, 10_000), st.floats(-4, 1))
def test_ED_Rem_loglik(counts, seed, size):
    """The two bound how uneven the shares are and how far the particles: Pinsker, and p <= the nearest mode's peak."""
    cloud = cloud_of(counts) + 10**size * np.random.default_rng(seed).normal(size=(sum(counts), 2))
    distances = np.linalg.norm(cloud[:, None] - MODES, axis=2)
    shares = np.bincount(distances.argmin(axis=1), minlength=8) / len(cloud)
    assert np.abs(shares - 1 / 8).sum() / 2 <= math.sqrt(max(mode_collapse(cloud, MODES), 0) / 2) + 1e-9
    top = -math.log(2 * math.pi * SD**2)
    room = top - float(mean_log_likelihood(cloud, RING))
    assert (distances.min(axis=1) ** 2).mean() <= 2 * SD**2 * room * (1 + 1e-9)
    assert room <= (distances.min(axis=1) ** 2).mean() / (2 * SD**2) + math.log(8) + 1e-9


def test_ED_Rem_loglik_neither_is_enough_alone():
    sample, collapsed = RING.sample(4000, 1), MODES[0] + SD * np.random.default_rng(1).normal(size=(4000, 2))
    assert mean_log_likelihood(collapsed, RING) == pytest.approx(float(mean_log_likelihood(sample, RING)), abs=0.1)
    assert mode_collapse(collapsed, MODES) == math.log(8)
    assert mode_collapse(3 * sample, MODES) < 0.01
    assert mean_log_likelihood(3 * sample, RING) < -1e4


def test_ED_New_metricfail():
    """Clouds with no particle near a mode have the value of convergence, and non-finite ones none."""
    rng = np.random.default_rng(2)
    for size, distance in ((1e-3, 2.0), (1e6, 1.25e6)):  # at the origin; exploded
        cloud = size * rng.normal(size=(4000, 2))
        assert mode_collapse(cloud, MODES) < 0.01
        assert nearest_mode_distance(cloud, MODES) == pytest.approx(distance, rel=0.02)
        assert mean_log_likelihood(cloud, RING) < -4900
    cloud[7] = np.nan
    assert np.isnan(mode_collapse(cloud, MODES))
    assert np.linalg.norm(cloud[7] - MODES, axis=1).argmin() == 0  # a plain argmin calls it near to the first


def test_ED_New_metricfail_one_point_has_the_value_of_collapse():
    assert mode_collapse(np.zeros((200, 2)), MODES) == math.log(8)
    assert ganth.metrics.diverging_fraction(np.full((200, 2), np.nan), radius=4.0) == 1
