"""KD, section 4, new results: the collapsed simplex, its threshold, and every other minimum of J.

SymPy first, then ganth and the game.  Units: width 1 and true mass p = 1; m = q / p; g = q sqrt(mu) / width.
"""

import functools
import itertools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.stability import (
    collapse_equilibrium,
    collapse_modes,
    damping_threshold,
    equilibrium_residual,
    local_minima,
    modes,
    quadratic_pencil,
    restricted_mmd,
    shell_radius,
    spectrum,
)
from ganth.theory import collapse as theory

RBF = ganth.RBF(1.0)
SQUARE = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
PENTAGON = np.column_stack([f(2 * np.pi * np.arange(5) / 5) for f in (np.cos, np.sin)])
TETRAHEDRON = collapse_equilibrium(4, 3, 1.0)[1] / collapse_equilibrium(4, 3, 1.0)[0]
OCTAHEDRON = np.vstack([np.eye(3), -np.eye(3)])


@functools.cache
def search(dim, masses, starts=20, seed=0):
    """The bounded minima of J that a multistart search finds, p = 1."""
    return local_minima(np.zeros(dim), 1.0, list(masses), RBF, starts=starts, seed=seed)


def roots_at(points, masses, reg, lr_ratio=1.0, true_mass=1.0):
    return spectrum(np.zeros(points.shape[1]), true_mass, points, masses, RBF, reg=reg, lr_ratio=lr_ratio)


def critical(points, masses, true_mass=1.0):
    return equilibrium_residual(np.zeros(points.shape[1]), true_mass, points, masses, RBF) < 1e-13


def hessian(points, masses, true_mass=1.0):
    size = points.size
    return restricted_mmd(np.zeros(points.shape[1]), true_mass, points, masses, RBF)[2].reshape(size, size)


# ---- new: the simplex ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (2, 2), (3, 2), (3, 3), (4, 3)])
def test_KD_New_simplex(n, dim):
    """Holds: SymPy's Hessian at the simplex has the stated eigenvectors; one eigenvalue changes sign, at rho = 2."""
    matrix, rho = theory.simplex_hessian(n, dim), theory.rho
    flat = theory.simplex(n).row_join(sp.zeros(n, dim - n + 1))
    at = flat * sp.sqrt(rho * (n - 1) / n)

    def holds(motion, image):
        difference = matrix * sp.Matrix(list(motion)) - sp.Matrix(list(image))
        return difference.applyfunc(lambda entry: sp.simplify(sp.expand(entry))).is_zero_matrix

    table = theory.stiffnesses(n)
    assert holds(at, table["breathing"] * at)
    axis = sp.zeros(1, dim)
    axis[0] = 1
    shift = sp.Matrix([axis] * n)
    stretch = sp.Matrix([at.row(j) * (at.row(j) * axis.T)[0] for j in range(n)])
    if n == 2:
        assert holds(shift, (2 - rho) * shift)
    else:
        block = theory.translation_block(n)
        assert holds(shift, block[0, 0] * shift + block[1, 0] * stretch)
        assert holds(stretch, block[0, 1] * shift + block[1, 1] * stretch)
        turn = sp.zeros(dim)
        turn[0, 1], turn[1, 0] = 1, -1
        assert holds(at * turn, sp.zeros(n, dim))
    if n > 3:
        # x_j -> S x_j with x_j . S x_j = 0 for all j; S solves n linear equations in the symmetric matrices.
        entries = sp.symbols(f"s:{dim * (dim + 1) // 2}")
        tensor = sp.zeros(dim)
        for (i, j), entry in zip(itertools.combinations_with_replacement(range(dim), 2), entries, strict=True):
            tensor[i, j] = tensor[j, i] = entry
        tensor = tensor.subs(
            sp.solve([(flat.row(j) * tensor * flat.row(j).T)[0] for j in range(n)], entries, dict=True)[0]
        )
        free = sorted(tensor.free_symbols, key=str)
        tensor = tensor.subs({free[0]: 1} | dict.fromkeys(free[1:], 0))
        assert holds(at * tensor, table["shear"] * at * tensor)
    if dim >= n:
        lift = sp.zeros(n, dim)
        lift[:, dim - 1] = sp.ones(n, 1)
        assert holds(lift, n * lift)
        lift[:, dim - 1] = flat[:, 0]
        assert holds(lift, sp.zeros(n, dim))


def test_KD_New_simplex_range():
    """The range of minima, symbolically; dropping equal masses, the regular simplex is not at rest."""
    assert sp.simplify(theory.largest_mass_ratio() - sp.exp(1 + 1 / theory.n) / theory.n) == 0
    assert sp.factor(theory.translation_block().det()) == -theory.n * theory.rho * (theory.rho - 2)
    assert theory.simplex_radius2().subs(theory.m, 1 / theory.n) == 0
    _, points, _ = collapse_equilibrium(3, 2, 0.8)
    assert critical(points, np.full(3, 0.8))
    assert not critical(points, np.array([0.8, 0.8, 0.7]))


@given(st.integers(2, 7), st.floats(0.02, 4.0))
def test_KD_New_simplex_is_a_minimum_in_its_range_only(n, spread):
    ratio = math.exp(spread * (n + 1) / (2 * n)) / n
    _, points, index = collapse_equilibrium(n, n - 1, ratio)
    curvatures = np.linalg.eigvalsh(hessian(points, np.full(n, ratio)))
    inside = ratio < math.exp(1 + 1 / n) / n
    if abs(spread - 2) > 1e-6:
        assert (curvatures[0] > -1e-12 * ratio**2) == inside == (index == 0)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_KD_New_equalmass(dim):
    """Holds: with q = p minima for N = 2 (d = 1) and N = 2, 3 (d = 2, 3) only; the platonic shells are saddles."""
    for n in range(2, 7):
        expected = n == 2 or (n == 3 and dim > 1)
        assert bool(search(dim, (1.0,) * n, starts=12).minima) == expected
    for directions in {1: [], 2: [SQUARE, PENTAGON], 3: [TETRAHEDRON, OCTAHEDRON]}[dim]:
        points = shell_radius(directions, 1.0) * directions
        ones = np.ones(len(points))
        assert critical(points, ones)
        assert np.linalg.eigvalsh(hessian(points, ones))[0] < -0.01


@pytest.mark.parametrize(("directions", "ratio"), [(SQUARE, 0.4), (TETRAHEDRON, 0.6)], ids=["square", "tetrahedron"])
def test_KD_New_equalmass_needs_its_mass(directions, ratio):
    """Dropping q = p: lighter points are held in a square, and in a tetrahedron."""
    points = shell_radius(directions, ratio) * directions
    masses = np.full(len(points), ratio)
    assert critical(points, masses)
    curvatures = np.linalg.eigvalsh(hessian(points, masses))
    dim = directions.shape[1]
    rotations = dim * (dim - 1) // 2
    assert np.abs(curvatures[:rotations]).max() < 1e-14 < 1e-3 < curvatures[rotations]


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (2, 2), (2, 3), (3, 2), (3, 3), (4, 3)])
@given(position=st.floats(0.05, 0.95))
def test_KD_New_lamc(n, dim, position):
    """Holds, in closed form: l_c^2 = 1 - (1 + rho) e^{-rho}, or 1 - e^{-rho} with room across; the crossing roots."""
    ratio = math.exp(2 * position * (n + 1) / (2 * n)) / n
    rho = 2 * position
    exact = float(theory.threshold2(across=dim >= n).subs(theory.rho, rho)) ** 0.5
    assert damping_threshold(n, dim, ratio) == pytest.approx(exact, rel=1e-12)
    _, points, _ = collapse_equilibrium(n, dim, ratio)
    masses = np.full(n, ratio)
    above = roots_at(points, masses, reg=1.001 * exact * ratio)
    below, motions = modes(np.zeros(dim), 1.0, points, masses, RBF, reg=0.999 * exact * ratio, lr_ratio=1.0)
    assert above.real.max() < 1e-7 * ratio
    assert below[0].real > 1e-5 * ratio
    if dim == 1:
        assert abs(below[0].imag) > 0.1 * ratio
    else:  # a real root, whose motion is a rotation: J does not feel it
        assert abs(below[0].imag) < 1e-6
        motion = motions[0].real.ravel() / np.linalg.norm(motions[0].real)
        assert abs(motion @ hessian(points, masses) @ motion) < 1e-9


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (2, 2), (3, 2)])
def test_KD_New_lamc_in_the_game(n, dim):
    """The exact game, kicked by 1e-7: the points leave below the threshold and return above it."""
    _, points, _ = collapse_equilibrium(n, dim, 1.0)
    kick = 1e-7 * np.random.default_rng(1).normal(size=points.shape)
    if dim == 1:
        kick = 1e-7 * points
    wandered = {}
    for share in (0.75, 1.25):
        reg = share * damping_threshold(n, dim, 1.0)
        game = ganth.KernelGAN(np.zeros((1, dim)), [1.0], kernel=RBF, reg=reg, lr_disc=0.1, lr_gen=0.1)
        end = game.run(points + kick, np.ones(n), steps=1500).final
        shape = np.linalg.norm(end[:, None] - end, axis=-1) - np.linalg.norm(points[:, None] - points, axis=-1)
        wandered[share] = np.abs(end - points).max() if dim > 1 else np.abs(shape).max()
    assert wandered[0.75] > 1e-2
    assert wandered[1.25] < 1e-6 if dim > 1 else wandered[1.25] < 1e-8


# ---- new: every minimum ----------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 3]), st.floats(1.0001, 3.0), st.floats(0.2, 5.0))
def test_KD_New_universal(seed, dim, excess, lr_ratio):
    """Holds: C = lambda I + Q > 0 for lambda > sqrt(mu) max q / sigma, since lambda Q >= -mu diag(q^2) / sigma^2.

    With C > 0 and Hess J >= 0 no root is to the right, and s = 0 only along Hess J u = 0: rotations, never damped.
    """
    rng = np.random.default_rng(seed)
    masses = rng.uniform(0.3, 1.2, rng.integers(2, 5))
    found = local_minima(np.zeros(dim), 1.0, masses, RBF, starts=2, spread=1.0, seed=seed)
    for state in found.minima:
        reg = excess * math.sqrt(lr_ratio) * masses.max()
        roots = roots_at(state.points, masses, reg, lr_ratio)
        assert roots.real.max() < 1e-7
        assert (np.abs(roots) < 1e-7).sum() == state.rotations


@given(st.integers(0, 10**6), st.sampled_from([2, 3]))
def test_KD_New_universal_every_collapse_state_rotates(seed, dim):
    """Along a rotation u, Hess J u = 0 makes lambda u Q u = -u R u < 0: for small lambda u D(s) u < 0 at a small s > 0,
    while D(s) > 0 at a large one, so that psi has a positive root; it grows as 1 / lambda.
    """
    rng = np.random.default_rng(seed)
    masses = rng.uniform(0.3, 1.2, rng.integers(2, 5))
    found = local_minima(np.zeros(dim), 1.0, masses, RBF, starts=2, spread=1.0, seed=seed)
    for state in found.minima:
        if np.abs(state.points).max() < 1e-6:
            continue
        turn = np.zeros((dim, dim))
        turn[0, 1], turn[1, 0] = 1.0, -1.0
        motion = (state.points @ turn).ravel()
        if np.linalg.norm(motion) < 0.1:
            continue
        motion /= np.linalg.norm(motion)
        _, coupling = quadratic_pencil(np.zeros(dim), 1.0, state.points, masses, RBF, reg=1.0, lr_ratio=1.0)
        threshold = math.sqrt(motion @ coupling @ motion)
        assert threshold > 0
        leading = roots_at(state.points, masses, 0.9 * threshold)[0]
        assert leading.real > 1e-3
        slow, fast = (roots_at(state.points, masses, share * threshold)[0].real for share in (0.02, 0.01))
        assert fast / slow == pytest.approx(2, rel=0.05)


def test_KD_New_universal_needs_the_damping_and_the_minimum():
    """Dropping lambda > g: a pair on a line is unstable at 0.24 g.  Dropping the minimum: a saddle stays unstable."""
    _, points, _ = collapse_equilibrium(2, 1, 1.0)
    assert roots_at(points, [1.0, 1.0], reg=0.24).real.max() > 0
    _, saddle, index = collapse_equilibrium(4, 3, 1.0)
    assert index == 3
    assert roots_at(saddle, np.ones(4), reg=3.0).real.max() > 1e-3


@given(st.integers(2, 6), st.integers(0, 2), st.floats(0.01, 0.99))
def test_KD_New_universal_bounds_every_simplex(n, room, position):
    ratio = math.exp(2 * position * (n + 1) / (2 * n)) / n
    assert 0 < damping_threshold(n, n - 1 + room, ratio) < 1
    neutral = sum(mode.count for mode in collapse_modes(n, n - 1 + room, ratio) if mode.stiffness == 0)
    dim = n - 1 + room
    assert neutral == (n - 1) * (n - 2) // 2 + room * (n - 1) == dim * (dim - 1) // 2 - room * (room - 1) // 2
