"""Discriminators that are linear in features, or expansions in kernel sections: values and gradients by their sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganth import RBF, Laplace, MultiScale, ParameterError, RandomFeatures, ReLUNTK, ShapeError
from ganth.discriminators import KernelExpansion, LinearFeatures
from ganth.kernels import base


def functions(seed, dim):
    """A discriminator of each kind, in this dimension."""
    rng = np.random.default_rng(seed)
    features = RandomFeatures(MultiScale([0.7, 2.0]), 5, dim, seed)
    yield LinearFeatures(features, rng.normal(size=20))
    for kernel in (RBF(0.8), Laplace(1.1), ReLUNTK(2, bias=True)):
        yield KernelExpansion(kernel, rng.normal(size=(6, dim)), rng.normal(size=6))


@given(seed=st.integers(0, 2**32), dim=st.integers(1, 4), m=st.integers(1, 5))
def test_gradients_match_central_differences(seed, dim, m):
    x, step = np.random.default_rng(seed + 1).normal(size=(m, dim)) + 3.0, 1e-6  # away from the centers' kinks
    for function in functions(seed, dim):
        gradient = function.gradient(x)
        assert function(x).shape == (m,)
        assert gradient.shape == (m, dim)
        for axis in range(dim):
            shift = step * np.eye(dim)[axis]
            difference = (function(x + shift) - function(x - shift)) / (2 * step)
            np.testing.assert_allclose(gradient[:, axis], difference, rtol=1e-6, atol=1e-7)


@given(seed=st.integers(0, 2**32))
def test_linear_features_are_the_sum_over_features(seed):
    function = next(functions(seed, 2))
    x = np.random.default_rng(seed + 1).normal(size=(3, 2))
    expected = [
        sum(a * t for a, t in zip(row, function.parameters, strict=True)) for row in function.features.features(x)
    ]
    np.testing.assert_allclose(function(x), expected, atol=1e-13)


@given(seed=st.integers(0, 2**32))
def test_an_expansion_is_the_sum_over_its_centers(seed):
    for function in list(functions(seed, 3))[1:]:
        x = np.random.default_rng(seed + 1).normal(size=(4, 3))
        expected = sum(
            w * function.kernel.gram(x, [c])[:, 0] for w, c in zip(function.weights, function.centers, strict=True)
        )
        np.testing.assert_allclose(function(x), expected, rtol=1e-12, atol=1e-13)


def test_an_expansion_in_features_is_the_linear_function_of_the_summed_features():
    features = RandomFeatures(RBF(1.0), 50, 2, seed=0)
    rng = np.random.default_rng(0)
    centers, weights, x = rng.normal(size=(4, 2)), rng.normal(size=4), rng.normal(size=(5, 2))
    sections = KernelExpansion(features, centers, weights)
    linear = LinearFeatures(features, weights @ features.features(centers))
    np.testing.assert_allclose(sections(x), linear(x), rtol=1e-13)
    np.testing.assert_allclose(sections.gradient(x), linear.gradient(x), rtol=1e-12)


@pytest.mark.parametrize("pairs", [1, 7, 20])
def test_blocks_change_no_value(monkeypatch, pairs):
    function = list(functions(3, 2))[1]
    x = np.random.default_rng(4).normal(size=(9, 2))
    value, gradient = function(x), function.gradient(x)
    monkeypatch.setattr(base, "_PAIRS", pairs)
    np.testing.assert_allclose(function(x), value, rtol=1e-14)
    np.testing.assert_allclose(function.gradient(x), gradient, rtol=1e-14)


def test_bad_input_gets_one_clear_error():
    features = RandomFeatures(RBF(1.0), 3, 2, seed=0)
    with pytest.raises(ShapeError, match=r"parameters must have shape \(6,\), one for each feature, got \(5,\)"):
        LinearFeatures(features, np.zeros(5))
    with pytest.raises(ParameterError, match="parameters must be finite, got nan at index"):
        LinearFeatures(features, np.full(6, np.nan))
    with pytest.raises(ParameterError, match="features must be a RandomFeatures, got 3"):
        LinearFeatures(3, np.zeros(6))
    with pytest.raises(ParameterError, match=r"kernel must be a kernel of ganth\.kernels, got None"):
        KernelExpansion(None, [[0.0]], [1.0])
    with pytest.raises(ShapeError, match=r"weights must have shape \(2,\), one for each center, got \(1,\)"):
        KernelExpansion(RBF(1.0), [[0.0], [1.0]], [1.0])
    for function in functions(0, 2):
        for verb in (function, function.gradient):
            with pytest.raises(ShapeError, match=r"x must have points in 2 dimensions, got shape \(1, 3\)"):
                verb(np.zeros((1, 3)))
