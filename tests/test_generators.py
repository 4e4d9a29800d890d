"""Generators of finite width and their tangent kernels, against plain loops with complex steps and infinite width.

Theory: Gamma = sum_k dG/dtheta_k dG/dtheta_k; around its mean, the kernel of infinite width, it scatters like
width^(-1/2).
"""

import functools
import math

import naive_tangent as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth import ParameterError, ShapeError
from ganth.generators import DeepReLU, WideGenerator, WideNetwork, sphere
from ganth.ntk import batch_normalised, deep_relu, empirical, one_hidden

VARIANCES = {"var_a": 1.5, "var_w": 0.8, "var_b": 0.3}
ACTIVATIONS = ("relu", "erf", "tanh")


def plain(shape):
    return functools.partial(naive.one_hidden, activation=shape.activation, width=shape.width, outputs=shape.outputs)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(seed=st.integers(0, 2**63), dim=st.integers(1, 3), width=st.integers(1, 4), outputs=st.integers(1, 3))
def test_a_wide_network_matches_plain_loops(activation, seed, dim, width, outputs):
    shape = WideGenerator(dim, width, outputs=outputs, activation=activation, **VARIANCES)
    network = shape.initial(seed)
    rng = np.random.default_rng(seed)
    x, y, gradients = rng.normal(size=(3, dim)), rng.normal(size=(2, dim)), rng.normal(size=(3, outputs))
    values = np.array([plain(shape)(network.parameters, p) for p in x]).real
    np.testing.assert_allclose(network(x), values, rtol=1e-12, atol=1e-14)
    slopes = sum(g @ naive.jacobian(plain(shape), network.parameters, p) for g, p in zip(gradients, x, strict=True))
    np.testing.assert_allclose(network.pullback(x, gradients), slopes, rtol=1e-11, atol=1e-13)
    for others in (None, y):
        expected = naive.ntk(plain(shape), network.parameters, x, x if others is None else others)
        np.testing.assert_allclose(empirical(network, x, others), expected, rtol=1e-11, atol=1e-13)
    scales = rng.uniform(size=shape.size)
    left, right = ([naive.jacobian(plain(shape), network.parameters, p) for p in points] for points in (x, y))
    expected = np.array([[a * scales @ b.T for b in right] for a in left])
    np.testing.assert_allclose(empirical(network, x, y, preconditioner=scales), expected, rtol=1e-11, atol=1e-13)
    ones = empirical(network, x, preconditioner=np.ones(shape.size))
    np.testing.assert_allclose(ones, empirical(network, x), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(seed=st.integers(0, 2**63), width=st.integers(1, 3), outputs=st.integers(1, 2))
def test_batch_normalisation_matches_plain_loops(activation, seed, width, outputs):
    shape = WideGenerator(3, width, outputs=outputs, activation=activation, **VARIANCES)
    network, x = shape.initial(seed), np.random.default_rng(seed).normal(size=(4, 3))
    rows, heads = network.split
    parameters = np.concatenate([rows[:, :-1].ravel(), heads.ravel(), np.ones(width), np.zeros(width)])
    batch = functools.partial(naive.batch_normalised, activation=activation, width=width, outputs=outputs)
    slopes = naive.jacobian(batch, parameters, x).reshape(4, outputs, -1)
    expected = np.einsum("aik,bjk->abij", slopes, slopes)
    np.testing.assert_allclose(batch_normalised(network, x), expected, rtol=1e-9, atol=1e-11 * expected.max())


@pytest.mark.parametrize("convention", ["plain", "standardised"])
@given(seed=st.integers(0, 2**63), mu=st.floats(0, 1), layers=st.integers(1, 3))
def test_a_deep_network_matches_plain_loops(convention, seed, mu, layers):
    shape = DeepReLU(2, 3, layers, mu=mu, convention=convention)
    network = shape.initial(seed)
    parameters = np.concatenate([v.ravel() for k in range(layers + 1) for v in network.layer(k)])
    plain_network = functools.partial(
        naive.deep, widths=[3] * layers + [1], mu=mu, slope={"plain": 1.0, "standardised": math.sqrt(2)}[convention]
    )
    x, y = np.random.default_rng(seed).normal(size=(2, 2, 2))
    values = np.array([plain_network(parameters, p) for p in x]).real
    np.testing.assert_allclose(network(x), values, rtol=1e-12, atol=1e-14)
    for others in (None, y):
        expected = naive.ntk(plain_network, parameters, x, x if others is None else others)
        np.testing.assert_allclose(empirical(network, x, others), expected, rtol=1e-10, atol=1e-12)


def test_blocks_of_units_change_nothing_but_the_rounding(monkeypatch):
    network, z = WideGenerator(5, 70, **VARIANCES).initial(3), sphere(6, 5, 1)
    gradients = np.random.default_rng(0).normal(size=(6, 2))

    def everything():
        return network(z), network.pullback(z, gradients), empirical(network, z), batch_normalised(network, z)

    whole = everything()
    monkeypatch.setattr("ganth.generators.wide.UNITS", 16)
    monkeypatch.setattr("ganth.ntk.finite._UNITS", 16)
    monkeypatch.setattr("ganth.ntk.batch._UNITS", 16)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_wide_networks_scatter_around_the_kernel_of_infinite_width(activation):
    """Mean of 60 networks within 4 standard errors at every pair; their deviation falls like width^(-1/2)."""
    z = sphere(5, 8, 2)
    exact = one_hidden(z, z, activation=activation, **VARIANCES)
    deviations = []
    for width in (64, 1024):
        shape = WideGenerator(8, width, activation=activation, **VARIANCES)
        drawn = np.array([empirical(shape.initial(7, trial=trial), z) for trial in range(60)])
        for i in range(2):
            for j in range(2):
                sample = drawn[..., i, j]
                error = sample.std(axis=0, ddof=1) / math.sqrt(len(sample))
                assert (abs(sample.mean(axis=0) - exact * (i == j)) < 4 * error).all()
        deviations.append(drawn[..., 0, 1].std())
        assert error.max() < 0.1 * exact.max()  # the comparison means something
    assert math.isclose(deviations[0] / deviations[1], 4.0, rel_tol=0.25)


@pytest.mark.parametrize("convention", ["plain", "standardised"])
@pytest.mark.parametrize("mu", [0.0, 0.5])
def test_deep_networks_scatter_around_the_recursion(convention, mu):
    """Mean of 60 networks of width 128 within 4 standard errors and a width bias of 3 / width."""
    z = sphere(4, 16, 5, radius=4.0)
    shape = DeepReLU(16, 128, 3, mu=mu, convention=convention)
    sample = np.array([empirical(shape.initial(1, trial=trial), z)[..., 0, 0] for trial in range(60)])
    error = sample.std(axis=0, ddof=1) / math.sqrt(len(sample))
    exact = deep_relu(np.clip(z @ z.T / 16, -1, 1), 3, mu, convention)
    assert (abs(sample.mean(axis=0) - exact) < 4 * error + 3 / 128 * exact.max()).all()
    assert error.max() < 0.1 * exact.max()


def test_at_mu_one_a_deep_network_is_its_last_bias():
    network = DeepReLU(3, 4, 2, mu=1.0).initial(1)
    np.testing.assert_array_equal(network(np.eye(3)), np.full((3, 1), network.layer(2)[1][0]))
    np.testing.assert_array_equal(empirical(network, np.eye(3)), 1.0)


def test_trials_and_seeds_draw_their_own_networks():
    shape = WideGenerator(3, 4)
    same, again = shape.initial(1, trial=2).parameters, shape.initial(1, trial=2).parameters
    np.testing.assert_array_equal(same, again)
    for other in (shape.initial(1, trial=3), shape.initial(2, trial=2)):
        assert (other.split[1] != shape.initial(1, trial=2).split[1]).all()
    assert (sphere(3, 4, 1, trial=0) != sphere(3, 4, 1, trial=1)).all()


def test_the_start_has_the_variances_that_were_asked_for():
    rows, heads = WideGenerator(20, 4000, **VARIANCES).initial(5).split
    for values, name in ((heads, "var_a"), (rows[:, :-1], "var_w"), (rows[:, -1], "var_b")):
        spread = math.sqrt(2 / values.size)  # of a mean square, relative
        assert abs((values**2).mean() / VARIANCES[name] - 1) < 4 * spread


def test_seeds_lie_on_their_sphere_and_are_nearly_orthogonal():
    z = sphere(300, 64, 3, radius=2.5)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 2.5, rtol=1e-14)
    cosines = (z @ z.T / 2.5**2)[np.triu_indices(300, 1)]
    assert abs(cosines.mean()) < 4 / math.sqrt(64 * cosines.size)
    assert math.isclose(cosines.var(), 1 / 64, rel_tol=4 * math.sqrt(2 / cosines.size))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: WideGenerator(0, 4), ParameterError, "^dim must be an integer >= 1, got 0$"),
        (lambda: WideGenerator(2, 4, var_w=-1), ParameterError, "^var_w must be >= 0, got -1$"),
        (lambda: WideGenerator(2, 4, activation="sine"), ParameterError, "^activation must be one of"),
        (lambda: DeepReLU(2, 4, 1, mu=2), ParameterError, r"^mu must be in \[0, 1\], got 2$"),
        (lambda: sphere(2, 3, radius=0), ParameterError, "^radius must be > 0, got 0$"),
        (lambda: WideNetwork(WideGenerator(2, 2), [1.0]), ShapeError, r"^parameters must have shape \(10,\)"),
        (lambda: WideGenerator(2, 2).initial()([[1.0]]), ShapeError, "^seeds must have points in 2 dimensions"),
        (
            lambda: WideGenerator(2, 2).initial().pullback([[1.0, 0.0]], np.ones((2, 2))),
            ShapeError,
            "^gradients and seeds must agree, got 2 and 1 rows$",
        ),
        (
            lambda: batch_normalised(WideGenerator(1, 2).initial(), [[1.0]]),
            ShapeError,
            "^x must hold at least two seeds",
        ),
        (lambda: empirical(ganth.RBF(1.0), [[1.0]]), ParameterError, "^network must be a WideNetwork or"),
    ],
)
def test_bad_input_gets_one_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()
