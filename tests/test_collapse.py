"""Collapse states: closed forms against the restricted MMD and the spectrum.

Theory: a regular simplex of N generated points around a true point is critical at r^2 = 2(N-1)/(N+1) ln(N m); the
eigenvectors of Hess J are those of the symmetric group, the damping is a multiple of the identity within the simplex's
span and across it.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth import ParameterError, ShapeError
from ganth.stability import (
    CollapseMode,
    collapse_equilibrium,
    collapse_modes,
    damping_threshold,
    local_minima,
    restricted_mmd,
    shell_radius,
    spectrum,
)
from ganth.stability.collapse import simplex_directions
from ganth.theory import collapse as theory

RBF = ganth.RBF(1.0)
RADIUS2 = theory.simplex_radius2()


@st.composite
def simplices(draw, minima=False):
    """(n, dim, mass_ratio) of a simplex that exists; with `minima`, of one that is a minimum of J."""
    n = draw(st.integers(2, 6))
    dim = n - 1 + draw(st.integers(0, 2))
    spread = draw(st.floats(0.05, 1.95 if minima else 5.0))
    return n, dim, math.exp(spread * (n + 1) / (2 * n)) / n


def hessian_at(n, dim, ratio):
    _, points, _ = collapse_equilibrium(n, dim, ratio)
    _, gradient, hessian = restricted_mmd(np.zeros(dim), 1.0 / ratio, points, np.ones(n), RBF)
    return points, gradient, hessian.reshape(n * dim, n * dim)


@given(simplices())
def test_simplex_is_critical_and_regular(state):
    n, dim, ratio = state
    radius, points, _ = collapse_equilibrium(n, dim, ratio)
    _, gradient, _ = restricted_mmd(np.zeros(dim), 1.0 / ratio, points, np.ones(n), RBF)
    assert points.shape == (n, dim)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), radius, rtol=1e-14)
    np.testing.assert_allclose(points.sum(axis=0), 0, atol=1e-14 * n)
    np.testing.assert_allclose(gradient, 0, atol=1e-14 * n)


@given(simplices())
def test_radius_is_the_sympy_expression(state):
    n, dim, ratio = state
    exact = RADIUS2.subs({theory.n: n, theory.m: ratio}).evalf(30)
    assert collapse_equilibrium(n, dim, ratio)[0] == pytest.approx(float(exact) ** 0.5, rel=1e-13)


@given(simplices())
def test_modes_are_the_eigenvalues_of_the_hessian(state):
    n, dim, ratio = state
    _, _, hessian = hessian_at(*state)
    listed = collapse_modes(n, dim, ratio)
    assert sum(mode.count for mode in listed) == n * dim
    expected = np.sort(np.repeat([mode.stiffness for mode in listed], [mode.count for mode in listed]))
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), expected, atol=1e-13 * n)


@given(simplices())
def test_index_counts_the_negative_eigenvalues(state):
    n, dim, ratio = state
    _, _, hessian = hessian_at(*state)
    eigenvalues = np.linalg.eigvalsh(hessian)
    soft = min(mode.stiffness for mode in collapse_modes(n, dim, ratio) if not mode.name.startswith("rotation"))
    if abs(soft) > 1e-9:
        assert collapse_equilibrium(n, dim, ratio)[2] == (eigenvalues < -1e-10).sum()


@given(simplices(), st.floats(0.1, 2.0), st.floats(0.2, 5.0), st.floats(0.3, 3.0))
def test_roots_of_the_modes_are_the_spectrum(state, reg_ratio, lr_ratio, width):
    n, dim, ratio = state
    _, points, _ = collapse_equilibrium(n, dim, ratio)
    mass = 0.7
    scale = mass * math.sqrt(lr_ratio) / width
    found = spectrum(
        np.zeros(dim), mass / ratio, width * points, np.full(n, mass), ganth.RBF(width),
        reg=reg_ratio * scale, lr_ratio=lr_ratio,
    )  # fmt: skip
    expected = [root for mode in collapse_modes(n, dim, ratio) for root in mode.roots(reg_ratio) * mode.count]
    # Coefficients of the characteristic polynomial do not mind how multiple roots are split.
    for power in (1, 2, 3):
        np.testing.assert_allclose(
            np.sum((found / scale) ** power), np.sum(np.array(expected) ** power), rtol=1e-9, atol=1e-9 * n * dim
        )
    assert found.real.max() / scale == pytest.approx(max(root.real for root in expected), abs=2e-6)


@given(simplices(minima=True))
def test_threshold_is_where_the_spectrum_crosses(state):
    """Second route: bisection on the damping of the spectrum itself, no formula of collapse states."""
    n, dim, ratio = state
    points, _, _ = hessian_at(*state)

    def growth(reg):
        """Largest real part but for the rotations at zero: along them the other root is minus their damping."""
        roots = spectrum(np.zeros(dim), 1.0 / ratio, points, np.ones(n), RBF, reg=reg, lr_ratio=1.0)
        roots = roots[np.abs(roots) > 1e-7]
        return roots.real.max()

    exact = damping_threshold(n, dim, ratio)
    assert growth(exact * (1 - 1e-5)) > 0 > growth(exact * (1 + 1e-5))


@pytest.mark.parametrize(
    ("n", "dim", "ratio"), [(2, 1, 1.0), (2, 1, 0.6), (3, 2, 1.2), (2, 2, 1.5), (3, 3, 0.5), (4, 3, 0.6)]
)
def test_threshold_to_twelve_digits_by_bisection(n, dim, ratio):
    """Where lambda I + Q stops being positive: the trace of its softest block, from the pencil, by bisection."""
    points, _, _ = hessian_at(n, dim, ratio)

    def damping(reg):
        damping, _ = ganth.stability.quadratic_pencil(
            np.zeros(dim), 1.0 / ratio, points, np.ones(n), RBF, reg=reg, lr_ratio=1.0
        )
        return np.linalg.eigvalsh(reg * np.eye(n * dim) + damping)[0]

    low, high = 1e-3, 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if damping(middle) < 0 else (low, middle)
    assert damping_threshold(n, dim, ratio) == pytest.approx(low, rel=1e-12)


def test_thresholds_near_the_birth_of_a_simplex_keep_their_digits():
    ratio = 0.5 * (1 + 1e-9)
    rho = 4 / 3 * math.log(2 * ratio)
    assert damping_threshold(2, 1, ratio) == pytest.approx(rho / math.sqrt(2), rel=1e-8)
    assert damping_threshold(2, 2, ratio) == pytest.approx(math.sqrt(rho), rel=1e-8)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_no_threshold_outside_the_range_of_minima(n):
    low, high = 1 / n, math.exp(1 + 1 / n) / n
    assert math.isnan(damping_threshold(n, n, low * (1 - 1e-12)))
    assert 0 < damping_threshold(n, n, low * (1 + 1e-12)) < damping_threshold(n, n, high * (1 - 1e-12)) < 1
    assert math.isnan(damping_threshold(n, n, high * (1 + 1e-12)))


@pytest.mark.parametrize(("n", "dim", "ratio"), [(2, 1, 1.0), (2, 3, 0.8), (3, 2, 0.8), (3, 3, 1.0)])
def test_search_finds_the_simplex_and_no_other(n, dim, ratio):
    found = local_minima(np.zeros(dim), 1.0, np.full(n, ratio), RBF, starts=15, spread=1.0)
    (state,) = found.minima
    radius = collapse_equilibrium(n, dim, ratio)[0]
    np.testing.assert_allclose(np.linalg.norm(state.points, axis=1), radius, atol=1e-9)


def test_shells():
    angles = 2 * np.pi * np.arange(5) / 5
    pentagon = np.column_stack([np.cos(angles), np.sin(angles)])
    octahedron = np.vstack([np.eye(3), -np.eye(3)])
    for directions in (pentagon, octahedron, simplex_directions(4, 3)):
        n, dim = directions.shape
        points = shell_radius(directions, 0.9) * directions
        _, gradient, _ = restricted_mmd(np.zeros(dim), 1 / 0.9, points, np.ones(n), RBF)
        np.testing.assert_allclose(gradient, 0, atol=1e-13)
    assert shell_radius(simplex_directions(4, 3), 0.9) == pytest.approx(collapse_equilibrium(4, 3, 0.9)[0], rel=1e-14)


def test_modes_of_a_mode():
    assert CollapseMode("rotation", 1, 0.0, -0.75).roots(0.5) == (1.0, 0.0)
    assert CollapseMode("rotation", 1, 0.0, -0.25).roots(1.0) == (0.0, -0.75)
    assert CollapseMode("rotation", 1, 0.0, -0.25).roots(0.5) == (0.0, 0.0)
    for root in CollapseMode("shear", 1, 0.8, -0.3).roots(0.7):
        assert abs(root * root + (0.7 - 0.3 / 0.7) * root + 0.8) < 1e-15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 2, 1.0), "n must be an integer >= 2, got 1"),
        ((4, 2, 1.0), "dim must be >= n - 1 = 3 for a simplex of 4 points, got 2"),
        ((2, 0, 1.0), "dim must be an integer >= 1, got 0"),
        ((2, 1, 0.5), "mass_ratio must be > 1/n = 0.5 for a simplex of 2 points, got 0.5"),
        ((2, 1, -1.0), "mass_ratio must be > 0, got -1.0"),
        ((2, 1, math.nan), "mass_ratio must be > 0, got nan"),
    ],
)
def test_bad_simplices_are_refused(arguments, message):
    for function in (collapse_equilibrium, collapse_modes):
        with pytest.raises(ParameterError, match=f"^{message.replace('+', '[+]')}$"):
            function(*arguments)


def test_bad_thresholds_and_shells_are_refused():
    with pytest.raises(ParameterError, match="n must be an integer >= 2"):
        damping_threshold(1, 1, 1.0)
    with pytest.raises(ParameterError, match="mass_ratio must be > 0"):
        damping_threshold(2, 1, 0.0)
    with pytest.raises(ParameterError, match="norm 1, got 2"):
        shell_radius([[1.0], [-2.0]], 1.0)
    with pytest.raises(ParameterError, match=r"cosines < 0.5 with each other, got 0\.5"):
        shell_radius([[1.0, 0.0], [0.5, 0.75**0.5], [-1.0, 0.0]], 1.0)
    with pytest.raises(ParameterError, match="all alike"):
        shell_radius([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], 1.0)
    with pytest.raises(ShapeError):
        shell_radius([1.0, -1.0], 1.0)
