"""TP, Theorems 4.3 and 4.4, Proposition C.2, section 4.2: bounds of steepness and how it grows."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from ganth import fields, steepness
from ganth.maps import transport_1d
from ganth.targets import GaussianMixture, PointMasses
from ganth.theory import steepness as theory

seeds = st.integers(0, 2**32)
PAIR_BOUND = sp.lambdify(theory.half_distance, theory.isoperimetric_pair().subs(theory.bandwidth, 1), "math")


def normal(dim, scale=1.0):
    return GaussianMixture(np.zeros((1, dim)), scale**2)


def image_of(matrix):
    covariance = matrix @ matrix.T
    return GaussianMixture(np.zeros((1, len(matrix))), [(covariance + covariance.T) / 2])


def random_line(seed):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 5)
    means = np.sort(3 * rng.normal(size=(count, 1)), axis=0)
    return GaussianMixture(means, rng.uniform(0.3, 2), rng.dirichlet(np.full(count, 3.0)))


def test_TP_Def4_1():
    k, edge, gap = 5.0, 2.0, 1e-6
    ends = steepness.refining_map([edge - 2 * gap, edge - gap, edge + gap, edge + 2 * gap], k)
    np.testing.assert_allclose(np.diff(ends)[[0, 2]] / gap, [k, 1], rtol=1e-6)
    assert steepness.of_jacobians([[[0.5]], [[-2.0]]]) == 2.0


def test_TP_Thm4_3():
    for found in (steepness.shifted_points(6.0), steepness.repeated_points(2)):
        assert found.printed > 1e10 * found.steepness
    ring = steepness.ring_of_points(100)
    assert ring.steepness < 4
    assert min(ring.printed, ring.repaired) > 1e14


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_TP_Thm4_3_exponential(dim):
    distances = np.linspace(1, 3, 4)
    bounds = [
        steepness.isoperimetric_bound(GaussianMixture(np.outer([-a, a], np.eye(dim)[0]), 0.5), np.eye(dim)[0])
        for a in distances
    ]
    np.testing.assert_allclose(np.diff(np.log(bounds)), np.diff(distances**2), rtol=1e-9)
    a, h = theory.half_distance, theory.bandwidth
    assert sp.simplify(sp.diff(sp.log(theory.isoperimetric_pair()), a) - 2 * a / h**2) == 0


def test_TP_ThmD_5_proof():
    # Coordinates above 1.5 are both beyond the disc of radius 2: the image has no mass in (0.95, 1)^2.
    edge = (ndtr(1.5) - ndtr(-2)) / (ndtr(2) - ndtr(-2))
    assert edge < 0.96 < 1
    assert 2 * 1.5**2 > 4
    law = GaussianMixture([[9.0], [11.0]], 0.5)
    between, printed_mean = law.log_density([[10.0], [20.0]])
    assert between > printed_mean
    assert theory.repaired_from_pointwise(1) == theory.repaired_from_pointwise(2) == 1


@given(seed=seeds, dim=st.integers(1, 4))
def test_TP_New_pointwise(seed, dim):
    rng = np.random.default_rng(seed)
    matrix, x = rng.normal(size=(dim, dim)), rng.normal(size=(10, dim))
    bound = steepness.pointwise_bound(x, x @ matrix.T, normal(dim), image_of(matrix))
    assert np.abs(matrix).max() >= bound * (1 - 1e-9)
    g = transport_1d(random_line(seed))
    places = np.append(g.peaks()[0], np.linspace(-30, 30, 201))[:, None]
    sharp = steepness.pointwise_bound(places, g(places), normal(1), g.target)
    assert g.steepness() == pytest.approx(sharp, rel=2e-2)  # the slope at infinity is only nearly met
    assert g.steepness() >= sharp * (1 - 1e-9)


@settings(max_examples=12)
@given(seed=seeds, dim=st.integers(1, 4))
def test_TP_New_isoperimetric(seed, dim):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(dim, dim))
    assert np.abs(matrix).max() >= steepness.isoperimetric_bound(image_of(matrix)) * (1 - 1e-9)
    assert np.abs(matrix).max() >= steepness.isoperimetric_bound(image_of(matrix), rng.normal(size=dim)) * (1 - 1e-9)
    target = random_line(seed)
    assert steepness.isoperimetric_bound(target) == pytest.approx(transport_1d(target).steepness(), rel=1e-12)
    a = rng.uniform(0.5, 3)
    modes = GaussianMixture(np.outer([-a, a], np.eye(dim)[0]), 0.5)
    exact = PAIR_BOUND(a) / math.sqrt(dim)
    assert steepness.isoperimetric_bound(modes) == pytest.approx(max(exact, math.sqrt(0.5 / dim)), rel=1e-9)


def test_the_steps_of_both_proofs_are_sharp():
    assert all(theory.hadamard_gap(size) == 0 for size in (1, 2, 4))
    assert all(theory.lipschitz_gap(size) == 0 for size in (1, 2, 3))


def test_TP_New_isoperimetric_needs_no_injective_map():
    # (g(x_1), |x_2|): the direction e_1 asks for the law of the first coordinate alone.
    g = transport_1d(GaussianMixture([[-2.0], [2.0]], 0.5))
    bound = steepness.isoperimetric_bound(GaussianMixture([[-2.0, 0.0], [2.0, 0.0]], 0.5), [1.0, 0.0])
    assert max(g.steepness(), 1.0) >= bound == pytest.approx(g.steepness() / math.sqrt(2))


def test_TP_New_ring():
    ring, g = GaussianMixture(PointMasses.ring(100, 1.0).points, 0.005), steepness.PolarMap(1.0, 0.1)
    x = np.random.default_rng(1).normal(size=(200, 2))
    image, jacobian = g(x), g.jacobian(x)
    pushed = normal(2).log_density(x) - np.log(np.abs(np.linalg.det(jacobian)))
    np.testing.assert_allclose(pushed, ring.log_density(image), atol=1e-7)
    found = steepness.ring_of_points(100, 1.0, 0.1)
    assert steepness.isoperimetric_bound(ring, [1.0, 0.0]) < found.steepness < 1e-10 * found.repaired
    assert np.linalg.norm(g(np.array([[0.0, -5.0]]))) > 0.5  # nothing near the mean


@given(shift=st.floats(-5, 5))
def test_TP_New_vacuous(shift):
    assert steepness.printed_bound([[-1.0], [1.0]], 1.0, 1.0) > 1e-3  # S of x -> x/1000
    plane = np.array([[0.0, 1.0], [2.0, -1.0]])
    assert steepness.printed_bound(plane + shift, 1, 1) == pytest.approx(steepness.printed_bound(plane, 1, 1), rel=1e-9)
    pair = transport_1d(GaussianMixture([[-1.0], [1.0]], 0.5))
    steep = []
    for short in (1e-2, 1e-5, 1e-8):  # next to the edge of (-3, 3), the source cut there
        x = 3 * (1 - short)
        place = -ndtri((ndtr(-x) - ndtr(-3)) / (1 - 2 * ndtr(-3)))
        steep.append(math.exp(-0.5 * (x * x - place * place)) * pair.derivative(place))
    assert steep[0] < 1e-2 * steep[1] < 1e-4 * steep[2]


def suboptimal_step(k, target, step, z, f, slope):
    data, drawn = normal(len(z), target), normal(len(z), k)
    return k * z + step * fields.suboptimal([k * z], data, drawn, f, slope)[1][0]


def test_TP_Thm4_4():
    assert sp.simplify(theory.particle_step() - theory.corrected()) == 0
    gap = theory.particle_step().subs(theory.n, 2) - theory.printed()
    assert abs(float(gap.subs({theory.k: 2, theory.target: 3, theory.step: 1, theory.z: 1}))) > 0.01
    assert (theory.growth("corrected")[1], theory.growth("printed")[1]) == (sp.Rational(1, 2), sp.Rational(1, 3))


@given(seed=seeds, dim=st.integers(1, 3))
def test_TP_New_recurrence(seed, dim):
    rng = np.random.default_rng(seed)
    k, target, z = rng.uniform(1.5, 3), rng.uniform(4, 9), rng.normal(size=dim)
    moved = k * z + 0.2 * fields.optimal([k * z], normal(dim, target), normal(dim, k))[1][0]
    right, printed = (
        steepness.recurrence(k, target, 0.2, math.sqrt(z @ z), dim, 1, law=law)[1] for law in ("corrected", "printed")
    )
    np.testing.assert_allclose(moved, right * z, rtol=1e-11)
    assert abs(printed - k) < 0.75 * abs(right - k) or dim > 1


def test_TP_New_recurrence_powers():
    for law, power in (("corrected", 1 / 2), ("printed", 1 / 3)):
        path = steepness.recurrence(1.0, math.exp(32), 5.0, 1.0, 1, 20_000, law=law)
        assert math.log(path[-1] / path[2000]) / math.log(10) == pytest.approx(power, abs=0.005)


@given(seed=seeds, dim=st.integers(1, 3))
def test_TP_PropC_2(seed, dim):
    rng = np.random.default_rng(seed)
    k, target, z = rng.uniform(0.5, 3), rng.uniform(0.5, 5), rng.normal(size=dim)
    f, slope = (lambda r: 1 + r * r), (lambda r: 2 * r)
    moved = suboptimal_step(k, target, 0.05, z, f, slope)
    found = steepness.recurrence(k, target, 0.05, math.sqrt(z @ z), dim, 1, f=(f, slope))[1]
    np.testing.assert_allclose(moved, found * z, rtol=1e-10, atol=1e-13)


def test_TP_PropC_2_as_printed_fails():
    moved = suboptimal_step(3.0, 9.0, 0.5, np.array([1.0]), np.ones_like, np.zeros_like)[0]
    one = lambda r: 1.0  # noqa: E731
    printed = steepness.recurrence(3.0, 9.0, 0.5, 1.0, 1, 1, law="printed", f=(one, lambda r: 0.0))[1]
    assert moved - 3 == pytest.approx(3 * (printed - 3), rel=1e-9)


def test_TP_New_one_step():
    steps = [steepness.recurrence(1.0, 2.0, 0.5, x0, 1, 1)[1] for x0 in (0.1, 1.0, 2.0, 3.0)]
    assert steps[0] - 1 > 2 * (steps[2] - 1) > 4 * (steps[3] - 1) > 0
    alike = [steepness.recurrence(1.0, math.exp(32), 0.5, x0, 1, 1)[1] for x0 in (0.1, 3.0)]
    assert alike[0] == pytest.approx(alike[1], rel=1e-11)


@given(k=st.floats(1.01, 400))
def test_TP_S4_2_between(k):
    edge = float(steepness.refining_map(4 / (k - 1), k))
    assert (edge < 8) == (k > 2) or abs(k - 2) < 1e-9


def test_TP_S4_2_between_has_its_threshold_at_two():
    assert theory.refining_threshold() == 2


def test_TP_Num_k250():
    assert steepness.mixture_probability(250.0) == pytest.approx(0.012817, abs=1e-6)
    assert steepness.mixture_probability(250.0) == pytest.approx(2 * ndtr(4 / 249) - 1, rel=1e-12)


def test_TP_Fig4():
    path = steepness.recurrence(1.0, math.exp(32), 5.0, 1.0, 1, 7000)
    assert (np.diff(path) > 0).all()
    assert (np.diff(path, 2) < 0).all()
    assert int(np.searchsorted(path, 250)) == pytest.approx(6250, rel=0.01)
    chances = [steepness.mixture_probability(k) for k in np.linspace(2, 300, 50)]
    assert (np.diff(chances) < 0).all()


@given(k=st.floats(1.05, 500), seed=seeds)
def test_TP_New_gk_limit(k, seed):
    z = 3 * np.random.default_rng(seed).normal(size=50)
    np.testing.assert_array_equal(np.abs(steepness.refining_map(z, k)) < 8, np.abs(z) < 8 / k)
    np.testing.assert_allclose(steepness.refining_map(z, 1e9), z + 8 * np.sign(z), atol=1e-6)  # |z| + 8: half-normals
    # The target has half its mass within +-8 of the modes' inner sides; the half-normals have none.
    assert 0.5 * (ndtr(16) + ndtr(0)) - 0.5 == pytest.approx(0.25)
