"""Critical points of the restricted MMD: precision, Morse index, and the search for bounded minima (KD, theorem 2)."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ganth
from ganth import stability

SEEDS = st.integers(0, 2**32 - 1)
RBF = ganth.RBF(1.0)


def simplex(n, dim, radius):
    corners = np.eye(n) - 1 / n
    basis = np.linalg.svd(corners)[2][: n - 1]
    points = np.zeros((n, dim))
    points[:, : n - 1] = radius * corners @ basis.T / math.sqrt(1 - 1 / n)
    return points


@given(st.integers(2, 4), st.integers(0, 1), st.floats(1.01, 3.0), st.floats(0.1, 10.0), SEEDS)
def test_find_equilibrium_reaches_the_simplex_to_1e_10(n, spare, excess, width, seed):
    """m = q/p: r^2 = 2 (n-1)/(n+1) ln(m n) width^2; a minimum iff m n < e^(1+1/n)."""
    mass_ratio, dim = excess / n, n - 1 + spare
    assume(abs(math.log(excess) - 1 - 1 / n) > 1e-2)
    radius = width * math.sqrt(2 * (n - 1) / (n + 1) * math.log(excess))
    start = simplex(n, dim, radius) + 0.01 * radius * np.random.default_rng(seed).normal(size=(n, dim))
    found = stability.find_equilibrium(np.zeros(dim), 2.0, start, np.full(n, 2.0 * mass_ratio), ganth.RBF(width))
    radii = np.linalg.norm(found.points, axis=1)
    np.testing.assert_allclose(radii, radius, atol=1e-10 * width)
    assert found.neutral == found.rotations == dim * (dim - 1) // 2
    assert found.is_minimum == (found.index == 0) == (math.log(excess) < 1 + 1 / n)
    assert (np.diff(found.curvatures) >= 0).all()


def test_saddles_are_found_with_their_index():
    square = stability.find_equilibrium([0.0, 0.0], 1.0, [[1, 0.1], [0, 1.0], [-1, 0], [0, -1.0]], np.ones(4), RBF)
    np.testing.assert_allclose(np.ptp(np.linalg.norm(square.points, axis=1)), 0, atol=1e-10)
    assert square.index > 0
    assert not square.is_minimum
    center = stability.find_equilibrium([0.0], 1.0, [[0.01], [-0.01]], [1.0, 1.0], RBF)
    assert np.abs(center.points).max() < 1e-10
    assert center.index == 1


def test_find_equilibrium_says_when_there_is_none():
    with pytest.raises(ArithmeticError, match="a point escapes to infinity"):
        stability.find_equilibrium([0.0], 1.0, [[2.9]], [1.0], RBF)


@pytest.mark.parametrize(
    ("n", "dim", "count"), [(1, 2, 1), (2, 1, 1), (2, 3, 1), (3, 2, 1), (3, 1, 0), (4, 2, 0), (4, 3, 0)]
)
def test_local_minima_of_equal_masses(n, dim, count):
    """KD theorem 2 corrected: with q = p only the pair and the triangle are bounded minima."""
    found = stability.local_minima(np.ones(dim), 1.0, np.ones(n), ganth.RBF(0.5), starts=25, seed=4)
    assert len(found.minima) == count
    assert sum(found.hits) + found.escaped + found.undecided == 25
    assert found.undecided == 0
    for state in found.minima:
        expected = 0.5 * math.sqrt(2 * (n - 1) / (n + 1) * math.log(n))
        np.testing.assert_allclose(np.linalg.norm(state.points - 1, axis=1), expected, atol=1e-10)
        _, gradient, hessian = stability.restricted_mmd(np.ones(dim), 1.0, state.points, np.ones(n), ganth.RBF(0.5))
        assert np.abs(gradient).max() < 1e-13
        assert stability.morse_index(hessian) == (0, state.rotations)


def test_local_minima_of_unequal_masses_are_told_apart_and_repeat():
    settings = {"starts": 30, "seed": 1}
    first = stability.local_minima([0.0], 1.0, [0.2, 0.5, 0.6], RBF, **settings)
    again = stability.local_minima([0.0], 1.0, [0.2, 0.5, 0.6], RBF, **settings)
    assert first.hits == again.hits
    assert [state.energy for state in first.minima] == sorted(state.energy for state in again.minima)
    assert len({round(state.energy, 9) for state in first.minima}) == len(first.minima)


def test_a_true_mass_to_spare_holds_every_point_at_the_true_point():
    found = stability.local_minima([0.0, 0.0], 1.0, [0.3, 0.4], RBF, starts=10)
    assert found.hits == (10,)
    assert np.abs(found.minima[0].points).max() < 1e-10


def test_degenerate_minima_are_undecided():
    found = stability.local_minima([0.0], 1.0, [0.5, 0.5], RBF, starts=5, spread=0.5)
    assert (found.minima, found.undecided) == ((), 5)
