"""Stability of the kernel GAN's equilibria: J, the quadratic pencil, step sizes, and what is refused.

Theory (KD, appendix B): near an equilibrium the game is an oscillator s^2 I + s (reg I + Q) + mu Hess J, and the
update's multipliers are 1 + lr_disc s.
"""

import logging
import math

import naive_stability as naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from naive_stability import farthest, instance

import ganth
from ganth import ParameterError, ShapeError, stability

SEEDS = st.integers(0, 2**32 - 1)
RATES = st.floats(0.05, 20.0)
RBF = ganth.RBF(1.0)
SMOOTH = [
    RBF,
    ganth.MultiScale((0.7, 2.0)),
    ganth.RationalQuadratic(0.9, 1.5),
    ganth.AnisotropicRBF((0.6, 1.4)),
    ganth.RandomFeatures(RBF, 9, 2, seed=3),
]


# --- the restricted MMD -----------------------------------------------------------------------------------------------


@given(SEEDS, st.floats(0.4, 3.0))
def test_energy_is_the_sum_written_out(seed, width):
    target, p, points, q = instance(seed)
    energy, _, _ = stability.mmd_energy(target, p, points, q, ganth.RBF(width))
    assert energy == pytest.approx(naive.energy(target, p, points, q, width), abs=1e-13)


@pytest.mark.parametrize("kernel", SMOOTH, ids=lambda kernel: type(kernel).__name__)
@given(seed=SEEDS)
def test_gradient_and_hessian_are_the_derivatives_of_the_energy(kernel, seed):
    target, p, points, q = instance(seed, dim=2)
    shape = points.shape
    energy, gradient, hessian = stability.mmd_energy(target, p, points, q, kernel)

    def at(part):
        return lambda flat: stability.mmd_energy(target, p, flat.reshape(shape), q, kernel)[part]

    assert isinstance(energy, float)
    np.testing.assert_allclose(naive.differences(at(0), points.ravel()).reshape(shape), gradient, atol=2e-9)
    np.testing.assert_allclose(naive.differences(at(1), points.ravel()).reshape(shape * 2), hessian, atol=2e-8)
    np.testing.assert_allclose(hessian, hessian.transpose(2, 3, 0, 1), atol=1e-14)


@given(SEEDS)
def test_restricted_mmd_is_the_case_of_one_true_point(seed):
    target, p, points, q = instance(seed)
    full = stability.mmd_energy(target[:1], p[:1], points, q, RBF)
    for one, other in zip(stability.restricted_mmd(target[0], p[0], points, q, RBF), full, strict=True):
        np.testing.assert_array_equal(one, other)


# --- the pencil and its roots -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", SMOOTH, ids=lambda kernel: type(kernel).__name__)
@given(seed=SEEDS, reg=RATES, lr_ratio=RATES)
def test_reg_Q_plus_R_is_lr_ratio_times_the_hessian_of_J(kernel, seed, reg, lr_ratio):
    target, p, points, q = instance(seed, dim=2)
    _, _, hessian = stability.mmd_energy(target, p, points, q, kernel)
    damping, coupling = stability.quadratic_pencil(target, p, points, q, kernel, reg=reg, lr_ratio=lr_ratio)
    np.testing.assert_allclose(
        reg * damping + coupling, lr_ratio * hessian.reshape(damping.shape), atol=1e-13 * (1 + lr_ratio)
    )


@given(SEEDS, RATES, RATES, st.floats(0.5, 2.0))
def test_roots_and_modes_solve_the_pencil_written_out(seed, reg, lr_ratio, width):
    target, p, points, q = instance(seed)
    region = (target, p, points, q)
    roots = stability.spectrum(*region, ganth.RBF(width), reg=reg, lr_ratio=lr_ratio)
    assert roots.dtype == np.complex128
    assert roots.shape == (2 * points.size,)
    assert (np.diff(roots.real) <= 0).all()
    np.testing.assert_allclose(np.sort_complex(roots), np.sort_complex(roots.conj()), rtol=0, atol=0)
    again, motions = stability.modes(*region, ganth.RBF(width), reg=reg, lr_ratio=lr_ratio)
    size = np.abs(roots).max()
    assert farthest(again, roots) <= 1e-9 * size
    for s, motion in zip(again, motions, strict=True):
        matrix = naive.pencil(s, *region, width, reg, lr_ratio)
        scale = (size + reg) ** 2 + np.linalg.norm(matrix, 2)
        assert np.linalg.svd(matrix, compute_uv=False)[-1] <= 1e-12 * scale
        np.testing.assert_allclose(matrix @ motion.ravel(), 0, atol=1e-12 * scale)


def small_game(seed):
    """A random-feature region at one of its own equilibria, with at least as many features as coordinates."""
    rng = np.random.default_rng(seed)
    n, dim = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    features = ganth.RandomFeatures(RBF, -(-n * dim // 2) + int(rng.integers(0, 12)), dim, seed=seed)
    masses, mass = rng.uniform(0.2, 1, n), rng.uniform(0.2, 2)
    found = stability.find_equilibrium(np.zeros(dim), mass, rng.normal(size=(n, dim)), masses, features)
    rates = {"reg": 10 ** rng.uniform(-2, 0.5), "lr_disc": 10 ** rng.uniform(-2, 0)}
    return (np.zeros(dim), mass, found.points, masses, features), {
        **rates,
        "lr_gen": rates["lr_disc"] * rng.uniform(0.1, 9),
    }


@given(SEEDS)
def test_roots_are_the_eigenvalues_of_the_full_jacobian(seed):
    try:
        region, rates = small_game(seed)
    except ArithmeticError:
        assume(False)
    reg, lr_disc, lr_gen = rates["reg"], rates["lr_disc"], rates["lr_gen"]
    assert stability.equilibrium_residual(*region) < 1e-10
    roots = {
        "simultaneous": stability.spectrum(*region, reg=reg, lr_ratio=lr_gen / lr_disc),
        "alternating": stability.alternating_spectrum(*region, **rates),
    }
    for order, each in roots.items():
        jacobian = stability.full_jacobian(*region, **rates, order=order)
        spare = len(jacobian) - 2 * region[2].size  # 2R - n d times s = -reg
        found = (np.linalg.eigvals(jacobian) - 1) / lr_disc
        assert farthest(found, np.append(each, np.full(spare, -reg))) <= 1e-9 * max(1.0, np.abs(each).max())


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@given(seed=SEEDS)
def test_full_jacobian_is_the_derivative_of_the_update(order, seed):
    rng = np.random.default_rng(seed)
    target, p, points, q = instance(seed, n_max=3)
    features = ganth.RandomFeatures(RBF, 4, points.shape[1], seed=seed)
    rates = {"reg": rng.uniform(0.1, 2), "lr_disc": rng.uniform(0.1, 0.9), "lr_gen": rng.uniform(0.1, 0.9)}
    theta = (p @ features.features(target) - q @ features.features(points)) / rates["reg"]
    maps = (lambda x: features.features(x[None])[0], lambda x: features.features_jacobian(x[None])[0])

    def step(state):
        return naive.update(state, maps, target, p, points.shape, q, **rates, alternating=order == "alternating")

    found = stability.full_jacobian(target, p, points, q, features, **rates, order=order)
    expected = naive.differences(step, np.concatenate([theta, points.ravel()]))
    np.testing.assert_allclose(found, expected, atol=1e-8 * (1 + np.abs(expected).max()))


def test_fewer_features_than_coordinates_make_spurious_roots():
    features = ganth.RandomFeatures(RBF, 1, 3, seed=0)
    region = (np.zeros(3), 1.0, np.zeros((1, 3)), [0.5], features)
    roots = stability.spectrum(*region, reg=0.3, lr_ratio=1.0)
    jacobian = stability.full_jacobian(*region, reg=0.3, lr_disc=0.5, lr_gen=0.5)
    found = (np.linalg.eigvals(jacobian) - 1) / 0.5
    assert (len(found), len(roots)) == (5, 6)
    assert farthest(np.append(found, -0.3), roots) < 1e-9


def test_a_double_root_at_minus_reg_keeps_full_accuracy():
    """Q = reg for the difference modes of three points, so -reg is a semisimple root: 2 (n - 1) d = 8 of them."""
    reg = math.sqrt(0.3 * (1.9 - 0.9))
    roots = stability.spectrum([0.0, 0.0], 1.9, np.zeros((3, 2)), [0.3, 0.3, 0.3], RBF, reg=reg, lr_ratio=1.0)
    assert np.sort(np.abs(roots + reg))[:8].max() < 1e-14


# --- step sizes -------------------------------------------------------------------------------------------------------


@given(SEEDS)
def test_max_lr_disc_parts_decay_from_growth(seed):
    """Iterate the linear map 2^40 times, by squaring, just below and just above the bound."""
    rng = np.random.default_rng(seed)
    n, dim = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    masses, reg, lr_ratio = rng.uniform(0.1, 0.5, n), rng.uniform(0.1, 3), rng.uniform(0.1, 5)
    region = (np.zeros(dim), masses.sum() * rng.uniform(1.2, 3), np.zeros((n, dim)), masses, RBF)
    damping, coupling = stability.quadratic_pencil(*region, reg=reg, lr_ratio=lr_ratio)
    eye, zero = np.eye(n * dim), np.zeros((n * dim, 1))
    flow = np.block(  # (velocity, points, one feature that sees no point)
        [
            [-reg * eye - damping, -reg * damping - coupling, zero],
            [eye, 0 * eye, zero],
            [zero.T, zero.T, np.array([[-reg]])],
        ]
    )
    bound = stability.max_lr_disc(stability.spectrum(*region, reg=reg, lr_ratio=lr_ratio), reg)

    def log_growth(lr_disc):
        power, log_size = np.eye(len(flow)) + lr_disc * flow, 0.0
        for _ in range(40):
            power = power @ power
            size = np.linalg.norm(power)
            power, log_size = power / size, 2 * log_size + math.log(size)
        return log_size

    assert bound > 0
    assert log_growth(bound * (1 - 1e-6)) < -1
    assert log_growth(bound * (1 + 1e-6)) > 1


def test_max_lr_disc_leaves_neutral_roots_out_and_says_so(caplog):
    with caplog.at_level(logging.WARNING, logger="ganth"):
        assert stability.max_lr_disc([-1.0, 1e-10, -2.0], reg=0.5) == 1.0
    assert "1 neutral root" in caplog.text
    assert stability.max_lr_disc([-1.0, 1e-8, -2.0], reg=0.5) == 0.0
    assert stability.max_lr_disc([-1.0, 2j, -2j], reg=0.5) == 0.0
    assert stability.max_lr_disc([0.0, 0.0], reg=0.0) == math.inf
    assert stability.neutral_roots([1e-10, -1.0]).tolist() == [True, False]


def test_a_collapsed_pair_has_one_neutral_root_for_each_rotation():
    for dim in (1, 2, 3):
        start = np.vstack([0.6 * np.eye(dim)[0], -0.7 * np.eye(dim)[0]])
        found = stability.find_equilibrium(np.zeros(dim), 1.0, start, [1.0, 1.0], RBF)
        roots = stability.spectrum(np.zeros(dim), 1.0, found.points, [1.0, 1.0], RBF, reg=2.0, lr_ratio=1.0)
        assert stability.neutral_roots(roots).sum() == found.neutral == found.rotations == dim - 1
        assert stability.max_lr_disc(roots, 2.0) > 0


# --- what is refused --------------------------------------------------------------------------------------------------


class Indefinite(ganth.RBF):
    def cross_hessian(self, x, y):
        return -super().cross_hessian(x, y)


def spectrum_of(**changes):
    setting = {
        "true_point": [0.0, 0.0],
        "true_mass": 1.0,
        "points": [[0.0, 0.0]],
        "masses": [1.0],
        "kernel": RBF,
        "reg": 1.0,
        "lr_ratio": 1.0,
    }
    return stability.spectrum(**{**setting, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"true_point": [[[0.0]]]}, ShapeError, r"true_point must have shape \(d,\) or \(m, d\), got \(1, 1, 1\)"),
        ({"true_point": [0.0]}, ShapeError, "true_point and points must share their dimension d"),
        ({"true_mass": -1.0}, ParameterError, "true_mass must be >= 0, got -1.0"),
        ({"points": np.zeros((0, 2))}, ShapeError, "points must hold at least one point"),
        ({"points": [[0.0, np.nan]]}, ParameterError, "points must be finite, got nan"),
        ({"masses": [0.0]}, ParameterError, "masses must be > 0, got 0.0 at index 0"),
        ({"masses": [1.0, 1.0]}, ShapeError, r"masses must have shape \(1,\)"),
        ({"kernel": "rbf"}, ParameterError, "kernel must have the methods gram, gradient, .* got 'rbf'"),
        ({"kernel": Indefinite(1.0)}, ParameterError, "kernel must be positive definite"),
        ({"kernel": ganth.Laplace(1.0)}, ParameterError, "."),
        ({"reg": 0.0}, ParameterError, "reg must be > 0, got 0.0"),
        ({"lr_ratio": -1.0}, ParameterError, "lr_ratio must be > 0, got -1.0"),
    ],
)
def test_bad_regions_get_one_clear_error(changes, error, message):
    with pytest.raises(error, match=message):
        spectrum_of(**changes)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stability.max_lr_disc([], 1.0), ShapeError, r"roots must have shape \(k,\), k >= 1, got \(0,\)"),
        (lambda: stability.max_lr_disc([np.nan], 1.0), ParameterError, "roots must be finite"),
        (lambda: stability.max_lr_disc("abc", 1.0), ShapeError, "roots must be a .* array of complex numbers"),
        (lambda: stability.max_lr_disc([-1.0], -1.0), ParameterError, "reg must be >= 0, got -1.0"),
        (lambda: stability.restricted_mmd([[0.0]], 1.0, [[0.0]], None, RBF), ShapeError, r"true_point .* \(d,\)"),
        (lambda: stability.mmd_energy([0.0], [1.0], [[0.0]], None, RBF), ShapeError, r"true_points .* \(m, d\)"),
        (lambda: stability.mmd_energy([[0.0]], [-1.0], [[0.0]], None, RBF), ParameterError, "true_masses must be >= 0"),
        (lambda: stability.find_equilibrium([0.0], 1.0, [[np.inf]], None, RBF), ParameterError, "start must be finite"),
        (
            lambda: stability.find_equilibrium([0.0], 1.0, [[0, 0]], None, RBF),
            ShapeError,
            "true_point and start must share",
        ),
        (lambda: stability.morse_index(np.zeros((2, 3))), ShapeError, r"hessian .* got \(2, 3\)"),
        (lambda: stability.local_minima([0.0], 1.0, [1.0], RBF, starts=0), ParameterError, "starts .* >= 1, got 0"),
        (lambda: stability.local_minima([0.0], 1.0, [1.0], RBF, spread=0), ParameterError, "spread must be > 0"),
        (lambda: stability.local_minima([0.0], 1.0, [1.0], RBF, seed=-1), ParameterError, "seed must be"),
        (lambda: stability.splitting_rate(2, 1, 2.0, 1.0, 1.0, reg=1.0, lr_ratio=1.0), ParameterError, "n . mass"),
        (lambda: stability.single_point_threshold(1.0, 1.0, [], lr_ratio=1.0), ParameterError, "width must hold"),
        (lambda: stability.balanced_max_lr_gen(1.0, -1.0, reg=1.0), ParameterError, "width must be > 0, got -1.0"),
        (
            lambda: stability.full_jacobian([0.0], 1.0, [[0.0]], None, RBF, reg=1.0, lr_disc=1.0, lr_gen=1.0),
            ParameterError,
            "features must have the methods features and features_jacobian",
        ),
    ],
)
def test_bad_arguments_get_one_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_points_that_do_not_rest_are_measured_in_the_log(caplog):
    with caplog.at_level(logging.WARNING, logger="ganth"):
        assert len(spectrum_of(points=[[0.5, 0.0]])) == 4
    assert "not an equilibrium: the gradient of J is" in caplog.text
