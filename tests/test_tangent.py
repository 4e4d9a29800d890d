"""Tangent kernels of infinitely wide networks, against mpmath's integrals, plain recursions and each other.

Theory: 2 (E[s(u) s(v)] + var_a E[s'(u) s'(v)] (x . y + 1)) with Gaussian pre-activations; for deep ReLU networks the
recursion of covariances and kernels.
"""

import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth import ParameterError, ShapeError
from ganth.formulas import ntk as formula
from ganth.ntk import TwoValues, deep_relu, one_hidden, two_values
from ganth.theory import tangent as theory

variances = st.floats(0, 12)
ACTIVATIONS = {  # s, s' and how far from the real line it is tame
    "erf": (mp.erf, lambda u: 2 / mp.sqrt(mp.pi) * mp.exp(-u * u), 1.5),
    "tanh": (mp.tanh, lambda u: mp.sech(u) ** 2, 1.5),
}


def spherical(angle):
    return np.array([[1.0, 0.0]]), np.array([[math.cos(angle), math.sin(angle)]])


def pre_activations(x, y, var_w, var_b):
    """Standard deviations and correlation of u and v, to mpmath's precision, of the very floats given."""
    x, y = ([mp.mpf(float(v)) for v in p] for p in (x, y))
    xx, xy, yy = (var_w * sum(a * b for a, b in zip(p, q, strict=True)) + var_b for p, q in ((x, x), (x, y), (y, y)))
    return mp.sqrt(xx), mp.sqrt(yy), xy / mp.sqrt(xx * yy)


def assembled(means, x, y, var_a):
    dot = sum(mp.mpf(float(a)) * mp.mpf(float(b)) for a, b in zip(x, y, strict=True))
    return 2 * (means[0] + var_a * means[1] * (dot + 1))


@pytest.mark.parametrize("name", ["relu", "erf"])
@given(
    angle=st.one_of(st.floats(0, math.pi), st.floats(-12, -1).map(lambda e: 10.0**e)),
    lengths=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)),
    var_a=variances,
    var_w=st.floats(0.01, 12),
    var_b=variances,
)
def test_closed_forms_keep_their_digits_down_to_coincident_inputs(name, angle, lengths, var_a, var_w, var_b):
    x, y = (p * length for p, length in zip(spherical(angle), lengths, strict=True))
    means = theory.relu_means() if name == "relu" else theory.erf_means()
    exact = sp.lambdify((theory.size_x, theory.size_y, theory.rho), means, "mpmath")
    with mp.workdps(60):
        p, q, rho = pre_activations(x[0], y[0], mp.mpf(var_w), mp.mpf(var_b))
        expected = assembled(exact(p, q, min(rho, mp.mpf(1))), x[0], y[0], mp.mpf(var_a))
        scale = mp.sqrt(assembled(exact(p, p, mp.mpf(1)), x[0], x[0], mp.mpf(var_a)))
        scale *= mp.sqrt(assembled(exact(q, q, mp.mpf(1)), y[0], y[0], mp.mpf(var_a)))
    got = one_hidden(x, y, activation=name, var_a=var_a, var_w=var_w, var_b=var_b)[0, 0]
    # Where K cancels, at nearly opposite inputs, no more can be had than digits of the scale |K(x,x) K(y,y)|^(1/2);
    # lifted coordinates are rounded, and the slope of the ReLU kernel in the angle is infinite in their cosine.
    assert abs(got - expected) <= 4e-15 * scale


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize(
    ("deviation", "other", "correlation"), [(0.3, 0.3, 1.0), (0.3, 2.0, 0.5), (1.0, 1.0, 0.999999), (2.5, 1.5, -0.9)]
)
def test_means_match_an_integral_in_the_plane(name, deviation, other, correlation):
    s, slope, strip = ACTIVATIONS[name]
    sine = math.sqrt((1 - correlation) * (1 + correlation))
    if name == "erf":
        got = formula.one_hidden(formula.ERF, deviation, other, sine, correlation)
    else:
        arrays = (np.array([deviation]), np.array([other]), np.array([[correlation]]))
        got = [v[0, 0] for v in ganth.ntk.hermite.tanh_means(*arrays)]
    with mp.workdps(16):
        at = [mp.mpf(v) for v in (deviation, other, correlation)]
        expected = [theory.gaussian_mean(f, f, *at, strip) for f in (s, slope)]
    for one, two in zip(got, expected, strict=True):
        assert math.isclose(one, two, rel_tol=2e-14)


@given(sizes=st.tuples(st.floats(0, 4), st.floats(0, 4)), correlation=st.floats(-1, 1))
def test_tanh_lies_where_its_slopes_put_it(sizes, correlation):
    """|E[s s]| <= size size and 0 <= E[s' s'] <= 1, with Price's derivative by central differences."""
    p, q = (np.array([size]) for size in sizes)
    near = max(-1 + 1e-6, min(1 - 1e-6, correlation))
    low, mid, high = (ganth.ntk.hermite.tanh_means(p, q, np.array([[near + d]])) for d in (-1e-6, 0, 1e-6))
    assert abs(mid[0][0, 0]) <= sizes[0] * sizes[1] + 1e-15
    assert 0 <= mid[1][0, 0] <= 1 + 1e-14
    slope = (high[0] - low[0]) / 2e-6
    np.testing.assert_allclose(slope, sizes[0] * sizes[1] * mid[1], rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["relu", "erf", "tanh"])
def test_grams_are_symmetric_and_positive_semidefinite(name):
    x = np.random.default_rng(0).normal(size=(20, 3))
    x[1] = x[0]
    gram = one_hidden(x, x, activation=name, var_a=1.5, var_w=0.7, var_b=0.2)
    np.testing.assert_allclose(gram, gram.T, rtol=0, atol=1e-15 * gram.max())
    np.testing.assert_allclose(gram[0], gram[1], rtol=0, atol=1e-15 * gram.max())
    assert np.linalg.eigvalsh(gram).min() > -1e-13 * np.trace(gram)


@pytest.mark.parametrize("name", ["erf", "tanh"])
def test_sigmoids_without_biases_at_the_origin_are_linear(name):
    slope = {"erf": 4 / math.pi, "tanh": 1.0}[name]
    got = one_hidden([[0.0, 0.0]], [[0.0, 0.0], [1e-9, 0.0]], activation=name, var_a=1.5, var_w=0.7, var_b=0.0)
    np.testing.assert_allclose(got, 2 * 1.5 * slope, rtol=1e-12)


def test_a_relu_unit_at_its_kink_counts_as_off():
    got = one_hidden([[0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]], var_a=1.0, var_w=1.0, var_b=0.0)
    np.testing.assert_array_equal(got, 0.0)


@given(angle=st.floats(0, math.pi), length=st.floats(0.1, 3), depth=st.integers(1, 6))
def test_deep_relu_without_biases_is_the_kernel_of_bietti_and_mairal(angle, length, depth):
    x, y = spherical(angle)
    expected = ganth.ReLUNTK(depth).gram(x, y)[0, 0]
    got = deep_relu(math.cos(angle), depth, 0.0, "standardised")
    # The cosine's own rounding moves the angle by 1e-16 / sin.
    slack = 1e-16 / max(math.sin(angle), 1e-8) * (depth + 1) ** 2
    assert abs(got - expected) < 1e-14 * (depth + 1) + slack


@given(
    cosine=st.floats(-1, 1),
    depth=st.integers(1, 8),
    mu=st.floats(0, 1),
    convention=st.sampled_from(["plain", "standardised"]),
)
def test_deep_relu_matches_the_recursion_in_forty_digits(cosine, depth, mu, convention):
    with mp.workdps(40):
        gain = mp.mpf(1) if convention == "standardised" else mp.mpf(1) / 2
        share, variance = 1 - mp.mpf(mu) ** 2, mp.mpf(1)
        covariance = tangent = mp.mpf(mu) ** 2 + share * mp.mpf(cosine)
        for _ in range(depth):
            t = mp.acos(covariance / variance)
            covariance = mp.mpf(mu) ** 2 + share * gain * variance * (mp.sin(t) + (mp.pi - t) * mp.cos(t)) / mp.pi
            variance = mp.mpf(mu) ** 2 + share * gain * variance
            tangent = covariance + share * gain * (mp.pi - t) / mp.pi * tangent
    assert math.isclose(deep_relu(cosine, depth, mu, convention), tangent, rel_tol=1e-13, abs_tol=1e-15)


def test_deep_relu_near_coincident_inputs_has_the_slope_of_its_kink():
    """1 - Theta / Theta(1) falls like the angle: 1e-8 at a cosine of 1 - 1e-16, not 0 and not 1e-6."""
    drop = [1 - deep_relu(1 - 2.0**-e, 3, 0.2) / deep_relu(1.0, 3, 0.2) for e in (40, 52)]
    assert math.isclose(drop[0] / drop[1], 2.0**6, rel_tol=1e-4)


def test_deep_relu_may_be_so_deep_that_nothing_is_left():
    assert deep_relu(0.0, 5000, 0.0) == 0
    assert math.isclose(
        deep_relu(0.0, 5000, 0.0, "standardised") / deep_relu(1.0, 5000, 0.0, "standardised"), 0.25, rel_tol=0.01
    )


def test_deep_relu_takes_scalars_and_arrays():
    assert deep_relu(0.5, 2, 0.1).shape == ()
    grid = np.linspace(-1, 1, 6).reshape(2, 3)
    got = deep_relu(grid, 2, 0.1)
    assert got.shape == (2, 3)
    assert got[1, 1] == deep_relu(grid[1, 1], 2, 0.1)
    assert deep_relu(np.array([]), 2, 0.1).shape == (0,)


def test_formulas_keep_float32():
    small = [np.float32(v) for v in (0.3, 0.8, 0.6, 0.8)]
    for code in (formula.RELU, formula.ERF):
        got, expected = (formula.one_hidden(code, *values) for values in (small, [float(v) for v in small]))
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    arguments = [np.float32(v) for v in (0.36, 0.64, 0.5)]
    got = formula.deep_relu(np.float32(0.4), 3, *arguments)
    assert math.isclose(got, formula.deep_relu(float(np.float32(0.4)), 3, *map(float, arguments)), rel_tol=1e-5)
    for function in (formula.one_hidden, formula.deep_relu, formula.arc_cosine, formula.angle):
        types = {str(s.return_type) for s in function.nopython_signatures if "float64" not in str(s.args)}
        assert types
        assert all("float64" not in t for t in types)


NETWORKS = {
    "relu": {"activation": "relu", "var_a": 2.25, "var_w": 0.046, "var_b": 0.0},
    "tanh": {"activation": "tanh", "var_a": 1.0, "var_w": 2.0, "var_b": 0.5},
    "deep": {"hidden_layers": 6, "mu": 0.3},
}


@pytest.mark.parametrize("dim", [2, 3, 10, 400])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_two_values_of_a_dimension_are_the_moments_of_many_seeds(name, dim):
    z = np.random.default_rng(dim).normal(size=(150, dim))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    exact, sample = two_values(dim, **NETWORKS[name]), two_values(z, **NETWORKS[name])
    assert math.isclose(sample.g1, exact.g1, rel_tol=1e-13)
    assert sample.spread1 < 1e-13
    assert exact.spread1 == 0
    pairs = 150 * 149 / 2  # cosines of pairs are pairwise independent
    assert abs(sample.g2 - exact.g2) < 4 * exact.spread2 / math.sqrt(pairs)
    assert abs(sample.spread2 / exact.spread2 - 1) < 0.1
    assert math.isclose(exact.ratio, exact.g2 / exact.g1)


def test_two_values_of_a_linear_kernel_are_known(monkeypatch):
    """Of the kernel x . y + 1 in d dimensions: g1 = 2, g2 = 1, spread2 = d^(-1/2)."""
    monkeypatch.setattr("ganth.ntk.values.one_hidden", lambda x, y: x @ y.T + 1.0)
    for dim in (2, 3, 50, 5000):
        np.testing.assert_allclose(two_values(dim), (2.0, 1.0, 0.0, dim**-0.5), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: one_hidden([[1.0]], [[1.0]], var_a=-1, var_w=1, var_b=0), "^var_a must be >= 0, got -1$"),
        (
            lambda: one_hidden([[1.0]], [[1.0]], activation="sine", var_a=1, var_w=1, var_b=0),
            "^activation must be one of 'relu', 'erf', 'tanh', got 'sine'$",
        ),
        (
            lambda: one_hidden([[200.0]], [[1.0]], activation="tanh", var_a=1, var_w=1, var_b=0),
            "standard deviation <= 100 for activation='tanh', got 200.0$",
        ),
        (lambda: deep_relu([0.0, 1.5], 2, 0.1), r"^cos must be in \[-1, 1\], got 1.5$"),
        (lambda: deep_relu(0.0, 2, 1.5), r"^mu must be in \[0, 1\], got 1.5$"),
        (lambda: deep_relu(0.0, 0, 0.5), "^hidden_layers must be an integer >= 1, got 0$"),
        (lambda: deep_relu(0.0, 2, 0.5, "he"), "^convention must be one of 'plain', 'standardised', got 'he'$"),
        (lambda: two_values(1, **NETWORKS["relu"]), "^seeds must be an integer >= 2, got 1$"),
    ],
)
def test_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_bad_shapes_get_one_clear_error():
    with pytest.raises(ShapeError, match="x and y must share their dimension"):
        one_hidden([[1.0]], [[1.0, 2.0]], var_a=1, var_w=1, var_b=0)
    with pytest.raises(ShapeError, match=r"gram must have shape \(n, n\), n >= 2, got \(1, 1\)"):
        TwoValues.of_gram([[1.0]])
