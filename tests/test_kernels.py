"""Radial kernels: the formulas against SymPy, the verbs against plain loops and 60-digit derivatives."""

import math

import mpmath as mp
import naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ganth import ParameterError, ShapeError
from ganth.formulas import kernels as formulas
from ganth.kernels import RBF, AnisotropicRBF, Laplace, MultiScale, RationalQuadratic, base, pairs
from ganth.theory import kernels as theory

KERNELS = {
    "rbf": (RBF(0.8), lambda x, y: naive.rbf(x, y, 0.8)),
    "multi_scale": (MultiScale([0.5, 1.0, 3.0]), lambda x, y: naive.multi_scale(x, y, [0.5, 1.0, 3.0])),
    "laplace": (Laplace(1.3), lambda x, y: naive.laplace(x, y, 1.3)),
    "rational_quadratic": (RationalQuadratic(0.9, 1.5), lambda x, y: naive.rational_quadratic(x, y, 0.9, 1.5)),
    "anisotropic_rbf": (
        AnisotropicRBF([0.5, 1.0, 2.0, 0.8]),
        lambda x, y: naive.anisotropic_rbf(x, y, [0.5, 1.0, 2.0, 0.8][: len(x)]),
    ),
}
named_kernel = pytest.mark.parametrize("name", KERNELS)
coordinates = st.floats(-3, 3, allow_subnormal=False)


@st.composite
def clouds(draw, dim=None):
    """Two point sets in a shared dimension 1 to 4, of sizes 1 to 5 each."""
    d = draw(st.integers(1, 4)) if dim is None else dim
    return tuple(draw(arrays(np.float64, (draw(st.integers(1, 5)), d), elements=coordinates)) for _ in range(2))


def of_dim(kernel, dim):
    return AnisotropicRBF(kernel.widths[:dim]) if isinstance(kernel, AnisotropicRBF) else kernel


def apart(x, y, least=1e-2):
    return np.linalg.norm(x[:, None] - y, axis=-1).min() > least


# The formulas, one by one.

EXPRESSIONS = {
    "rbf": (theory.RBF, lambda width, mixing: (0.5 / width**2,)),
    "laplace": (theory.LAPLACE, lambda width, mixing: (1 / width,)),
    "rational_quadratic": (theory.RATIONAL_QUADRATIC, lambda width, mixing: (0.5 / width**2, mixing)),
}


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", EXPRESSIONS)
@given(r2=st.floats(1e-3, 30.0), width=st.floats(0.3, 10.0), mixing=st.floats(0.1, 20.0))
def test_formula_is_its_sympy_expression(name, order, r2, width, mixing):
    expression, arguments = EXPRESSIONS[name]
    here = {theory.r2: r2, theory.width: width, theory.mixing: mixing}
    exact = float(sp.diff(expression, theory.r2, order).evalf(30, subs=here))
    formula = getattr(formulas, name + ("", "_d_r2", "_d2_r2")[order])
    rounding = 4e-16 * (10 + r2 / width**2)  # exp multiplies the rounding of its argument
    assert math.isclose(formula(r2, *arguments(width, mixing)), exact, rel_tol=rounding)


@pytest.mark.parametrize("suffix", ["", "_d_r2", "_d2_r2"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_formula_keeps_float32(name, suffix):
    formula = getattr(formulas, name + suffix)
    arguments = [np.float32(0.7)] * (3 if name == "rational_quadratic" else 2)
    formula(*arguments)
    types = {str(s.return_type) for s in formula.nopython_signatures if "float64" not in str(s.args)}
    assert types == {"float32"}


@pytest.mark.parametrize("code", [formulas.RBF, formulas.LAPLACE, formulas.RATIONAL_QUADRATIC])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_radial_keeps_float32_and_calls_the_formula_of_its_code(code, order):
    one = np.float32(1)
    got = formulas.radial(code, order, one / 2, one / 4, one * 3)
    name, count = (("rbf", 1), ("laplace", 1), ("rational_quadratic", 2))[code]
    expected = getattr(formulas, name + ("", "_d_r2", "_d2_r2")[order])(one / 2, *(one / 4, one * 3)[:count])
    assert got == expected
    assert {str(s.return_type) for s in formulas.radial.nopython_signatures if "float64" not in str(s.args)} == {
        "float32"
    }


# The verbs.


@named_kernel
@given(points=clouds())
def test_gram_matches_the_plain_loop(name, points):
    kernel, pair = KERNELS[name]
    x, y = points
    got = of_dim(kernel, x.shape[1]).gram(x, y)
    assert got.shape == (len(x), len(y))
    np.testing.assert_allclose(got, naive.gram(pair, x, y), rtol=1e-13, atol=1e-300)


@named_kernel
@given(points=clouds())
def test_gradient_matches_the_complex_step(name, points):
    kernel, pair = KERNELS[name]
    x, y = points
    assume(kernel is not KERNELS["laplace"][0] or apart(x, y))
    got = of_dim(kernel, x.shape[1]).gradient(x, y)
    assert got.shape == (len(x), len(y), x.shape[1])
    np.testing.assert_allclose(got, naive.gradient(pair, x, y), rtol=1e-12, atol=1e-14)


@named_kernel
@pytest.mark.parametrize("dim", [1, 3])
@given(data=st.data())
def test_hessians_match_sixty_digits(name, dim, data):
    kernel = of_dim(KERNELS[name][0], dim)
    x, y = data.draw(clouds(dim))
    assume(name != "laplace" or apart(x, y, 0.1))
    exact = WITNESSES[name, dim](x[0], y[0])
    for got, expected in zip((kernel.gram, kernel.gradient, kernel.hessian, kernel.cross_hessian), exact, strict=True):
        expected = np.array(mp.matrix(expected).tolist() if isinstance(expected, list) else expected, dtype=float)
        np.testing.assert_allclose(got(x, y)[0, 0], expected.reshape(got(x, y)[0, 0].shape), rtol=2e-13, atol=1e-14)


def _witness(name, dim):
    """The kernel's derivatives by SymPy and mpmath, for one pair of points."""
    one, distance = (lambda x, y: sp.Integer(1)), theory.squared_distance
    if name == "anisotropic_rbf":
        widths = [sp.Rational(w) for w in (0.5, 1.0, 2.0)]
        distance = lambda x, y: sum(((a - b) / w) ** 2 for a, b, w in zip(x, y, widths, strict=False))  # noqa: E731
    formula = {
        "rbf": theory.RBF.subs(theory.width, mp.mpf(0.8)),
        "multi_scale": sum(theory.RBF.subs(theory.width, sp.Rational(w)) for w in (0.5, 1.0, 3.0)),
        "laplace": theory.LAPLACE.subs(theory.width, mp.mpf(1.3)),
        "rational_quadratic": theory.RATIONAL_QUADRATIC.subs({theory.width: mp.mpf(0.9), theory.mixing: 1.5}),
        "anisotropic_rbf": theory.RBF.subs(theory.width, 1),
    }[name]
    return theory.derivatives(one, distance, theory.outer(formula, theory.r2), dim)


WITNESSES = {(name, dim): _witness(name, dim) for name in KERNELS for dim in (1, 3)}


@pytest.mark.parametrize("kernel", [RBF(0.7), MultiScale([0.7, 2.0]), RationalQuadratic(0.7, 2.0)])
def test_at_coincident_points_the_cross_hessian_is_minus_the_hessian_and_positive(kernel):
    x = np.array([[0.3, -1.2]])
    curvature = sum(1 / w**2 for w in getattr(kernel, "widths", (0.7,)))
    np.testing.assert_allclose(kernel.cross_hessian(x, x)[0, 0], curvature * np.eye(2), rtol=1e-14)
    np.testing.assert_allclose(kernel.hessian(x, x)[0, 0], -curvature * np.eye(2), rtol=1e-14)
    assert (kernel.gradient(x, x) == 0).all()


@named_kernel
@given(points=clouds())
def test_kernels_are_symmetric_and_positive_semidefinite(name, points):
    x = np.concatenate(points)
    kernel = of_dim(KERNELS[name][0], x.shape[1])
    gram = kernel.gram(x, x)
    np.testing.assert_array_equal(gram, gram.T)
    np.testing.assert_array_equal(np.diag(gram), kernel.diagonal(x))
    assert np.linalg.eigvalsh(gram).min() > -1e-13 * np.trace(gram)


@given(points=clouds())
def test_laplace_has_gradient_zero_and_no_hessian_where_points_coincide(points):
    x, y = points
    kernel = Laplace(0.7)
    y[-1] = x[0] + 1.0
    x[-1] = y[-1]
    gradient = kernel.gradient(x, y)
    assert np.isfinite(gradient).all()
    assert (gradient[-1, -1] == 0).all()
    i, j = np.argwhere((x[:, None] == y).all(axis=-1))[0]
    for verb in (kernel.hessian, kernel.cross_hessian):
        with pytest.raises(ParameterError, match=rf"coincident points, got x\[{i}\] and y\[{j}\]"):
            verb(x, y)


@named_kernel
@given(points=clouds(), seed=st.integers(0, 9), pairs_at_once=st.sampled_from([1, 7, 1 << 20]))
def test_weighted_sums_are_those_of_the_matrix(name, points, seed, pairs_at_once):
    x, y = points
    weights = np.random.default_rng(seed).normal(size=len(y))
    kernel = of_dim(KERNELS[name][0], x.shape[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_PAIRS", pairs_at_once)
        total, slope = kernel.weighted_sum(x, y, weights), kernel.weighted_gradient(x, y, weights)
    np.testing.assert_allclose(total, kernel.gram(x, y) @ weights, rtol=0, atol=1e-14 * len(y) * 3)
    np.testing.assert_allclose(slope, np.einsum("nma,m->na", kernel.gradient(x, y), weights), rtol=0, atol=1e-12)


def test_there_is_a_weight_for_each_point():
    with pytest.raises(ShapeError, match=r"weights must have shape \(1,\), one for each point of y, got \(2,\)"):
        RBF(1.0).weighted_sum([[0.0]], [[1.0]], [1.0, 2.0])


def test_rational_quadratic_becomes_the_rbf_as_mixing_grows():
    x, y = np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]])
    errors = [abs(RationalQuadratic(1.0, m).gram(x, y) - RBF(1.0).gram(x, y)).item() for m in (1e3, 1e6, 1e9)]
    assert errors[1] < 2e-3 * errors[0]
    assert errors[2] < 2e-9


def test_equal_widths_make_the_anisotropic_kernel_isotropic():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(2, 3))
    for verb in ("gram", "gradient", "hessian", "cross_hessian"):
        one, other = getattr(AnisotropicRBF([0.6] * 3), verb)(x, y), getattr(RBF(0.6), verb)(x, y)
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("kernel", [RBF(0.5), Laplace(0.5), MultiScale([0.5, 1.0])])
def test_the_number_of_pairs_changes_no_bit(kernel):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(300, 2)), rng.normal(size=(200, 2))
    assert len(x) * len(y) > pairs._PARALLEL_PAIRS > len(y)
    rows = np.concatenate([kernel.gram(x[i : i + 1], y) for i in range(len(x))])
    np.testing.assert_array_equal(kernel.gram(x, y), rows)


# Wrong input.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RBF(-1.0), r"^width must be > 0, got -1\.0$"),
        (lambda: RBF(0), "^width must be > 0, got 0$"),
        (lambda: RBF(math.nan), "^width must be > 0, got nan$"),
        (lambda: RBF("wide"), "^width must be a number, got 'wide'$"),
        (lambda: Laplace(math.inf), "^width must be > 0, got inf$"),
        (lambda: RationalQuadratic(1.0, 0.0), r"^mixing must be > 0, got 0\.0$"),
        (lambda: MultiScale([]), "^widths must hold at least one width, got none$"),
        (lambda: MultiScale([1.0, -2.0]), r"^widths\[1\] must be > 0, got -2\.0$"),
        (lambda: AnisotropicRBF(3.0), r"^widths must be a sequence of numbers > 0, got 3\.0$"),
        (lambda: RBF(1.0).gram([[0.0, math.nan]], [[0.0, 0.0]]), r"^x must be finite, got nan at index \(0, 1\)$"),
    ],
)
def test_bad_settings_get_one_clear_error(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize("verb", ["gram", "gradient", "hessian", "cross_hessian"])
def test_bad_shapes_get_one_clear_error(verb):
    with pytest.raises(ShapeError, match=r"x and y must share their dimension d, got \(1, 2\) and \(1, 3\)"):
        getattr(RBF(1.0), verb)(np.zeros((1, 2)), np.zeros((1, 3)))
    with pytest.raises(ShapeError, match=r"y must have shape \(n, d\), got \(2,\)"):
        getattr(RBF(1.0), verb)(np.zeros((1, 2)), np.zeros(2))
    with pytest.raises(ShapeError, match="x must hold at least one point"):
        getattr(RBF(1.0), verb)(np.zeros((0, 2)), np.zeros((1, 2)))
    with pytest.raises(ShapeError, match="x must have points in 3 dimensions"):
        getattr(AnisotropicRBF([1.0, 1.0, 1.0]), verb)(np.zeros((1, 2)), np.zeros((1, 2)))
