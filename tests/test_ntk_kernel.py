"""The ReLU tangent kernel: 60-digit SymPy derivatives, plain loops, finite networks, and its kinks.

Theory: K(x, y) = |x| |y| N(angle) with N(0) = depth + 1 and N'(0) = -depth (depth + 1) / (2 pi), so that K has a kink
at coincident points; for one hidden layer N(pi - e) = -e / pi + O(e^3).
"""

import functools
import math

import mpmath as mp
import naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ganth import ParameterError, ReLUNTK, ShapeError
from ganth.formulas import ntk as formula
from ganth.theory import kernels as theory

DEPTHS = (1, 2, 3, 4)
coordinates = st.floats(-3, 3, allow_subnormal=False)


@st.composite
def clouds(draw, least_angle=0.0, bias=False):
    d = draw(st.integers(2 - bias, 4))
    x, y = (draw(arrays(np.float64, (draw(st.integers(1, 4)), d), elements=coordinates)) for _ in range(2))
    if least_angle:
        assume(min(np.linalg.norm(x, axis=1).min(), np.linalg.norm(y, axis=1).min()) > 0.1)
        first, second = (np.column_stack([p, np.ones(len(p))]) if bias else p for p in (x, y))
        cosine = first @ second.T / np.outer(np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1))
        assume(abs(cosine).max() < math.cos(least_angle))
    return x, y


@functools.cache
def symbolic(depth):
    return theory.outer(theory.relu_ntk(depth), theory.angle)


def exact(depth, angle):
    """N_depth and its first two derivatives in the angle, by SymPy and mpmath."""
    with mp.workdps(120):
        return symbolic(depth)(mp.mpf(angle))


def both_sides():
    """Angles from 1e-14 of 0 to 1e-14 of pi, as the distance from the nearer end and which end it is."""
    return st.tuples(st.floats(-14, math.log10(math.pi / 2)).map(lambda e: 10.0**e), st.booleans())


@pytest.mark.parametrize("depth", DEPTHS)
@given(side=both_sides())
def test_formula_matches_sympy_to_rounding_near_both_kinks_too(depth, side):
    distance, far = side
    sine, cosine = math.sin(distance), math.cos(distance) * (-1 if far else 1)
    with mp.workdps(60):
        angle = mp.atan2(sine, cosine)  # of the very floats that the formula sees
    got, expected = formula.relu_ntk(sine, cosine, depth, 2), exact(depth, angle)
    assert max(abs(a - b) for a, b in zip(got, expected, strict=True)) < 2e-15 * (depth + 1) ** 2
    if depth == 1 and far and distance < 0.5:  # K vanishes at opposite points, and keeps its relative accuracy there
        assert abs(got[0] / expected[0] - 1) < 1e-14


@pytest.mark.parametrize("depth", DEPTHS)
def test_formula_at_the_kinks_themselves(depth):
    value, slope, _ = formula.relu_ntk(0.0, 1.0, depth, 2)
    assert value == depth + 1
    assert math.isclose(slope, -depth * (depth + 1) / (2 * math.pi), rel_tol=1e-14)
    with mp.workdps(120):
        near, opposite = mp.mpf("1e-20"), mp.pi - mp.mpf("1e-20")
    for cosine, angle in ((1.0, near), (-1.0, opposite)):
        got = formula.relu_ntk(0.0, cosine, depth, 2)
        assert max(abs(a - b) for a, b in zip(got, exact(depth, angle), strict=True)) < 1e-14


@pytest.mark.parametrize("order", [0, 1, 2])
def test_formula_of_lower_order_is_the_same_and_the_rest_is_zero(order):
    full, part = (formula.relu_ntk(math.sin(0.7), math.cos(0.7), 3, o) for o in (2, order))
    assert part[: order + 1] == full[: order + 1]
    assert all(v == 0 for v in part[order + 1 :])


def test_formulas_keep_float32():
    small = [np.float32(v) for v in (0.6, 0.8)]
    double = [float(v) for v in small]
    for order in range(3):
        got, expected = (formula.relu_ntk(*v, 3, order) for v in (small, double))
        assert abs(np.array(got) - expected).max() < 1e-5
    formula.sine_excess(small[0], *small)
    formula.next_angle_d2(*small, small[0])
    for cross in (False, True):
        formula.second_derivatives(*small, *small, small[0], cross)
    formulas = (formula.relu_ntk, formula.sine_excess, formula.next_angle_d2, formula.second_derivatives)
    for function in formulas:
        types = {str(s.return_type) for s in function.nopython_signatures if "float64" not in str(s.args)}
        assert types
        assert all("float64" not in t for t in types)


@given(t=st.floats(1e-15, math.pi))
def test_sine_excess_keeps_its_digits(t):
    with mp.workdps(60):
        exact = mp.sin(mp.mpf(t)) - mp.mpf(t) * mp.cos(mp.mpf(t))
    assert math.isclose(formula.sine_excess(t, math.sin(t), math.cos(t)), exact, rel_tol=2e-15)


def test_arc_cosine_kernels_are_their_gaussian_integrals():
    t = theory.angle
    assert sp.simplify(theory.arc_cosine(0) - (sp.pi - t) / sp.pi) == 0
    assert sp.simplify(theory.arc_cosine(1) - (sp.sin(t) + (sp.pi - t) * sp.cos(t)) / sp.pi) == 0
    # d kappa_1 / d cos t = kappa_0: a relu differentiated twice.
    assert sp.simplify(sp.diff(theory.arc_cosine(1), t) / -sp.sin(t) - theory.arc_cosine(0)) == 0


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
@given(data=st.data())
def test_gram_matches_the_plain_loop(depth, bias, data):
    x, y = data.draw(clouds(bias=bias))
    got = ReLUNTK(depth, bias).gram(x, y)
    expected = naive.gram(lambda a, b: naive.relu_ntk(a, b, depth, bias), x, y)
    # The plain loop's arccos loses half the digits near parallel vectors.
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
@given(data=st.data())
def test_gradient_matches_the_complex_step(depth, bias, data):
    x, y = data.draw(clouds(0.05, bias))
    got = ReLUNTK(depth, bias).gradient(x, y)
    assert got.shape == (len(x), len(y), x.shape[1])
    expected = naive.gradient(lambda a, b: naive.relu_ntk(a, b, depth, bias), x, y)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


@functools.cache
def witness(depth, bias, dim):
    """The kernel's derivatives at one pair of points, by SymPy and mpmath with 60 digits."""
    norms, angle = theory.norms, theory.angle_between
    if bias:
        norms, angle = theory.lifted(norms), theory.lifted(angle)
    return theory.derivatives(norms, angle, symbolic(depth), dim)


@pytest.mark.parametrize(("depth", "bias", "dim"), [(1, False, 2), (2, False, 3), (3, True, 2), (4, True, 1)])
@given(gap=st.floats(-8, 0), data=st.data())
def test_all_verbs_match_sixty_digits_down_to_close_points(depth, bias, dim, gap, data):
    x = data.draw(arrays(np.float64, (dim,), elements=st.floats(0.5, 2)))
    direction = data.draw(arrays(np.float64, (dim,), elements=st.floats(-1, 1)))
    y = x + 10**gap * direction
    lift = np.append if bias else lambda a, _: a
    across = np.linalg.norm((a := lift(x, 1.0)) * ((b := lift(y, 1.0)) @ a) / (a @ a) - b)
    assume(across > 0.05 * 10**gap)  # else the pair is nearly parallel, which is another test
    kernel = ReLUNTK(depth, bias)
    expected_all = witness(depth, bias, dim)(x, y)
    for verb, expected in zip(("gram", "gradient", "hessian", "cross_hessian"), expected_all, strict=True):
        got = getattr(kernel, verb)(x[None], y[None])[0, 0]
        expected = np.array(expected, dtype=float)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * max(1.0, abs(expected).max()), err_msg=verb)


@pytest.mark.parametrize("depth", DEPTHS)
@given(points=clouds())
def test_diagonal_symmetry_and_positive_semidefiniteness(depth, points):
    x = np.concatenate(points)
    for bias in (False, True):
        kernel = ReLUNTK(depth, bias)
        gram = kernel.gram(x, x)
        np.testing.assert_allclose(gram, gram.T, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(kernel.diagonal(x), (depth + 1) * ((x**2).sum(axis=1) + bias), rtol=1e-14)
        np.testing.assert_allclose(np.diag(gram), kernel.diagonal(x), rtol=1e-14)
        assert np.linalg.eigvalsh(gram).min() >= -1e-13 * np.trace(gram)


@given(points=clouds(), scale=st.floats(0.1, 10))
def test_it_is_homogeneous_of_degree_one_without_bias(points, scale):
    x, y = points
    kernel = ReLUNTK(2)
    np.testing.assert_allclose(kernel.gram(scale * x, y), scale * kernel.gram(x, y), rtol=1e-12, atol=1e-14)


def test_euler_on_the_gradient_and_the_hessian():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 3)), rng.normal(size=(4, 3))
    kernel = ReLUNTK(3)
    np.testing.assert_allclose(np.einsum("nma,na->nm", kernel.gradient(x, y), x), kernel.gram(x, y), rtol=1e-13)
    np.testing.assert_allclose(np.einsum("nmab,nb->nma", kernel.hessian(x, y), x), 0, atol=1e-12)
    # The cross Hessian contracted with y gives the gradient back, for K is homogeneous in y too.
    np.testing.assert_allclose(
        np.einsum("nmab,mb->nma", kernel.cross_hessian(x, y), y), kernel.gradient(x, y), atol=1e-12
    )


def test_finite_networks_agree_within_the_error_of_their_mean():
    """Mean over 200 random networks of width 300, against K: within 4 standard errors and a width bias of 4 / width."""
    width, networks = 300, 200
    rng = np.random.default_rng(0)
    points = np.array([[1.0, 0.0], [math.cos(2.0), math.sin(2.0)], [0.5, 0.5]])
    for depth in (1, 3):
        samples = np.empty((networks, 3, 3))
        for sample in samples:
            shapes = [(width, 2)] + [(width, width)] * (depth - 1) + [(1, width)]
            layers = [rng.normal(size=shape) for shape in shapes]
            inputs, slopes, h = [points.T], [], points.T
            for weight in layers[:-1]:
                u = weight @ h
                h = math.sqrt(2 / width) * np.maximum(u, 0)
                slopes.append(math.sqrt(2 / width) * (u > 0))
                inputs.append(h)
            back = [np.ones((1, 3))]
            for weight, slope in zip(layers[:0:-1], slopes[::-1], strict=True):
                back.append(slope * (weight.T @ back[-1]))
            sample[:] = sum((a.T @ a) * (b.T @ b) for a, b in zip(inputs, back[::-1], strict=True))
        error = samples.std(axis=0, ddof=1) / math.sqrt(networks)
        expected = ReLUNTK(depth).gram(points, points)
        bound = 4 * error + 4 / width * (depth > 1) * np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
        assert (abs(samples.mean(axis=0) - expected) < bound).all()
        assert bound.max() < 0.1 * expected.max()  # the comparison means something


# The kinks.


@pytest.mark.parametrize("bias", [False, True])
def test_coincident_points_have_gradient_zero_and_no_hessian(bias):
    kernel = ReLUNTK(2, bias)
    x, y = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])
    gradient = kernel.gradient(x, y)
    assert (gradient[1, 0] == 0).all()
    assert (gradient[0] != 0).any(axis=-1).all()
    for verb in (kernel.hessian, kernel.cross_hessian):
        with pytest.raises(ParameterError, match=r"avoid the kink of ReLUNTK .* got x\[1\] and y\[0\]"):
            verb(x, y)


@pytest.mark.parametrize("factor", [2.0, 3.0, 0.1, -1.0, -0.7])
def test_parallel_vectors_get_the_mean_gradient_over_directions_of_approach(factor):
    kernel, x = ReLUNTK(2), np.array([[0.6, 0.9]])
    y = factor * x  # rounded: for 3 and -0.7 no longer parallel to the last bit
    normal = 1e-7 * np.array([[-0.9, 0.6]])
    sides = (kernel.gradient(x + normal, y) + kernel.gradient(x - normal, y)) / 2
    np.testing.assert_allclose(kernel.gradient(x, y), sides, atol=1e-6)
    for verb in (kernel.hessian, kernel.cross_hessian):
        with pytest.raises(ParameterError, match=r"parallel vectors, got x\[0\] and y\[0\]"):
            verb(x, y)


def test_the_gradient_jumps_across_the_kink_by_the_slope():
    kernel, y = ReLUNTK(3), np.array([[0.0, 1.0]])
    left, right = (kernel.gradient([[side * 1e-9, 1.0]], y)[0, 0, 0] for side in (-1, 1))
    assert math.isclose(left - right, 2 * 3 * 4 / (2 * math.pi), rel_tol=1e-8)


def test_zero_vectors_have_value_and_gradient_zero_and_no_hessian():
    kernel, zero, y = ReLUNTK(2), np.zeros((1, 2)), np.array([[1.0, 2.0]])
    for one, other in ((zero, y), (y, zero), (zero, zero)):
        assert kernel.gram(one, other) == 0
        assert (kernel.gradient(one, other) == 0).all()
        for verb in (kernel.hessian, kernel.cross_hessian):
            with pytest.raises(ParameterError, match="kink"):
                verb(one, other)
    assert kernel.diagonal(zero) == 0
    assert ReLUNTK(2, bias=True).diagonal(zero) == 3


def test_on_a_line_without_bias_the_kernel_is_linear_on_each_side():
    kernel = ReLUNTK(2)
    x, y = np.array([[2.0], [-1.0]]), np.array([[3.0]])
    np.testing.assert_allclose(kernel.gram(x, y).ravel(), [18.0, 3 * formula.relu_ntk(0.0, -1.0, 2, 0)[0]], rtol=1e-15)
    np.testing.assert_allclose(kernel.gradient(x, y)[:, 0, 0] * x[:, 0], kernel.gram(x, y)[:, 0], rtol=1e-15)
    assert (kernel.hessian(x, y) == 0).all()
    np.testing.assert_allclose(
        kernel.cross_hessian(x, y)[:, 0, 0, 0] * x[:, 0] * 3, kernel.gram(x, y)[:, 0], rtol=1e-15
    )


def test_many_pairs_change_no_bit():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(200, 2)), rng.normal(size=(200, 2))
    rows = np.concatenate([ReLUNTK(2).gram(x[i : i + 1], y) for i in range(len(x))])
    np.testing.assert_array_equal(ReLUNTK(2).gram(x, y), rows)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReLUNTK(0), "^depth must be an integer >= 1, got 0$"),
        (lambda: ReLUNTK(1.5), r"^depth must be an integer >= 1, got 1\.5$"),
        (lambda: ReLUNTK(True), "^depth must be an integer >= 1, got True$"),
        (lambda: ReLUNTK(1, bias="yes"), "^bias must be True or False, got 'yes'$"),
    ],
)
def test_bad_settings_get_one_clear_error(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
    with pytest.raises(ShapeError, match="share their dimension"):
        ReLUNTK(1).gram(np.ones((1, 2)), np.ones((1, 3)))
