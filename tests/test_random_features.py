"""Random features: the feature map against plain loops, its kernel against the one it estimates.

Theory: with R frequencies and c = K(x, x), the error of the estimate at offset z is unbiased with variance
c^2 (1 + k(2 z) - 2 k(z)^2) / (2 R), k the estimated kernel, for one width.
"""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ganth import (
    RBF,
    Laplace,
    MultiScale,
    ParameterError,
    RandomFeatures,
    RationalQuadratic,
    ReLUNTK,
    ShapeError,
    streams,
)
from ganth.formulas.random import FREQUENCIES, FREQUENCY_SCALES
from ganth.kernels import AnisotropicRBF, has_random_features

KERNELS = [RBF(0.7), MultiScale([0.5, 2.0]), Laplace(1.5)]
any_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
coordinates = st.floats(-3, 3, allow_subnormal=False)


@st.composite
def maps_and_clouds(draw, kernel):
    dim = draw(st.integers(1, 4))
    features = RandomFeatures(
        kernel,
        draw(st.integers(1, 5)),
        dim,
        draw(st.integers(0, 2**64 - 1)),
        feature_norm=draw(st.sampled_from(["unit", "paper"])),
        trial=draw(st.integers(0, 3)),
    )
    return features, *(draw(arrays(np.float64, (draw(st.integers(1, 4)), dim), elements=coordinates)) for _ in range(2))


@any_kernel
@given(data=st.data())
def test_verbs_are_those_of_the_finite_map(kernel, data):
    features, x, y = data.draw(maps_and_clouds(kernel))
    # The frequencies of a Laplace kernel have heavy tails: errors scale with the largest one.
    unit = max(1.0, np.linalg.norm(features.frequencies, axis=1).max())
    pair = lambda a, b: naive.random_features(a, b, features.frequencies, features.amplitude)  # noqa: E731
    np.testing.assert_allclose(features.gram(x, y), naive.gram(pair, x, y), rtol=0, atol=1e-13 * unit)
    np.testing.assert_allclose(features.gradient(x, y), naive.gradient(pair, x, y), rtol=0, atol=1e-13 * unit**2)
    by_x, by_y = naive.hessians(pair, x, y, step=1e-5 / unit)
    np.testing.assert_allclose(features.hessian(x, y), by_x, rtol=0, atol=1e-8 * unit**2)
    np.testing.assert_allclose(features.cross_hessian(x, y), by_y, rtol=0, atol=1e-8 * unit**2)


@any_kernel
@given(data=st.data())
def test_features_and_their_jacobian_give_the_verbs(kernel, data):
    features, x, y = data.draw(maps_and_clouds(kernel))
    a, slopes = features.features(x), features.features_jacobian(x)
    count = len(features.frequencies)
    assert a.shape == (len(x), 2 * count)
    assert slopes.shape == (len(x), 2 * count, x.shape[1])
    phases = x @ features.frequencies.T
    np.testing.assert_allclose(a[:, :count], features.amplitude * np.cos(phases), atol=1e-15)
    np.testing.assert_allclose(a[:, count:], features.amplitude * np.sin(phases), atol=1e-15)
    scale = max(1.0, abs(features.frequencies).max())
    np.testing.assert_allclose(
        np.einsum("nka,mk->nma", slopes, features.features(y)), features.gradient(x, y), atol=1e-13 * scale
    )


@pytest.mark.parametrize(("norm", "value"), [("unit", 1.0), ("paper", 2.0)])
@any_kernel
def test_the_diagonal_is_one_or_two_for_each_width(kernel, norm, value):
    features = RandomFeatures(kernel, 500, dim=3, seed=1, feature_norm=norm)
    x = np.random.default_rng(0).normal(size=(20, 3))
    expected = value * len(getattr(kernel, "widths", (0,)))
    np.testing.assert_allclose(features.diagonal(x), expected, rtol=1e-15)
    np.testing.assert_allclose(np.diag(features.gram(x, x)), expected, rtol=1e-14)


@pytest.mark.parametrize("norm", ["unit", "paper"])
@pytest.mark.parametrize("kernel", [RBF(0.7), Laplace(1.5)])
def test_the_error_has_mean_zero_and_the_predicted_size(kernel, norm):
    """At R = 100 and 1600, over 300 trials: mean within 4 standard errors, rms within 15 % of theory, ~ 1/sqrt(R)."""
    scale, trials = {"unit": 1.0, "paper": 2.0}[norm], 300
    z = np.array([[0.5, -0.4]])
    k, k2 = (kernel.gram(factor * z, np.zeros((1, 2))).item() for factor in (1, 2))
    for count in (100, 1600):
        estimates = np.array(
            [
                RandomFeatures(kernel, count, 2, 7, feature_norm=norm, trial=t).gram(z, np.zeros((1, 2))).item()
                for t in range(trials)
            ]
        )
        sigma = scale * math.sqrt((1 + k2 - 2 * k * k) / (2 * count))
        errors = estimates - scale * k
        assert abs(errors.mean()) < 4 * sigma / math.sqrt(trials)
        assert abs(math.sqrt((errors**2).mean()) / sigma - 1) < 0.15


def test_each_width_has_frequencies_of_its_own_and_the_maps_are_concatenated():
    widths, count, key = (0.5, 2.0), 40, 9
    whole = RandomFeatures(MultiScale(widths), count, 3, key)
    assert whole.frequencies.shape == (80, 3)
    for component, width in enumerate(widths):
        block = whole.frequencies[component * count : (component + 1) * count]
        drawn = streams.normal(key, (count, 3), purpose=FREQUENCIES, step=component) / width
        np.testing.assert_array_equal(block, drawn)
    x = np.random.default_rng(0).normal(size=(4, 3))
    first = RandomFeatures(RBF(widths[0]), count, 3, key)
    np.testing.assert_array_equal(first.frequencies, whole.frequencies[:count])
    rest = whole.gram(x, x) - first.gram(x, x)
    phases = np.einsum("ra,nma->nmr", whole.frequencies[count:], x[:, None] - x)
    np.testing.assert_allclose(rest, np.cos(phases).mean(axis=-1), atol=1e-14)


def test_laplace_frequencies_are_normal_over_an_independent_normal():
    features = RandomFeatures(Laplace(2.0), 30, 2, seed=5, trial=3)
    normal = streams.normal(5, (30, 2), purpose=FREQUENCIES, trial=3)
    scale = streams.normal(5, 30, purpose=FREQUENCY_SCALES, trial=3)
    np.testing.assert_allclose(features.frequencies, normal / np.abs(scale)[:, None] / 2.0, rtol=1e-15)


def test_trials_and_counts_do_not_disturb_one_another():
    few, many = (RandomFeatures(RBF(1.0), count, 2, 11, trial=2).frequencies for count in (10, 1000))
    np.testing.assert_array_equal(few, many[:10])
    other = RandomFeatures(RBF(1.0), 10, 2, 11, trial=1).frequencies
    assert not np.isin(other, few).any()


def test_the_key_of_a_generator_is_kept():
    features = RandomFeatures(RBF(1.0), 10, 2, np.random.default_rng(3))
    assert features.seed == int(np.random.default_rng(3).integers(2**63))
    np.testing.assert_array_equal(features.frequencies, RandomFeatures(RBF(1.0), 10, 2, features.seed).frequencies)


def test_frequencies_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        RandomFeatures(RBF(1.0), 3, 2, 0).frequencies[0] = 1.0


def test_which_kernels_have_random_features():
    assert all(map(has_random_features, KERNELS))
    without = [RationalQuadratic(1.0, 1.0), AnisotropicRBF([1.0]), ReLUNTK(1), RandomFeatures(RBF(1.0), 3, 2, 0), None]
    assert not any(map(has_random_features, without))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": ReLUNTK(1)}, "^kernel must be an RBF, MultiScale or Laplace, got ReLUNTK"),
        ({"n_frequencies": 0}, "^n_frequencies must be an integer >= 1, got 0$"),
        ({"dim": 2.5}, r"^dim must be an integer >= 1, got 2\.5$"),
        ({"seed": None}, "^seed must be an int .* got None$"),
        ({"seed": -1}, "^seed must be an int .* got -1$"),
        ({"feature_norm": "two"}, "^feature_norm must be one of 'unit', 'paper', got 'two'$"),
        ({"trial": -1}, "^trial must be an integer >= 0, got -1$"),
    ],
)
def test_bad_settings_get_one_clear_error(changes, message):
    with pytest.raises(ParameterError, match=message):
        RandomFeatures(**{"kernel": RBF(1.0), "n_frequencies": 3, "dim": 2, "seed": 0, **changes})


@pytest.mark.parametrize("verb", ["features", "features_jacobian", "diagonal"])
def test_points_of_another_dimension_get_one_clear_error(verb):
    with pytest.raises(ShapeError, match=r"x must have points in 2 dimensions, got shape \(4, 3\)"):
        getattr(RandomFeatures(RBF(1.0), 3, 2, 0), verb)(np.zeros((4, 3)))
