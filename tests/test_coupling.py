"""How the effective GAN couples its particles, and what it says of settings that are wrong."""

import json

import naive_coupling as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.errors import ParameterError, ShapeError
from ganth.games.effective import coupled

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
RATES = {"lr_disc": 0.1, "lr_gen": 0.1}
seeds = st.integers(0, 2**32)
sizes = st.integers(1, 9)
normalisations = st.sampled_from(["mean", "diagonal"])
TINY = 1e-12


@st.composite
def ratios(draw, n):
    """Draw a ratio that the matrix allows: in [-1/(n-1), 1], here a little above the lower end."""
    lowest = -0.99 / (n - 1) if n > 1 else 0.0
    return draw(st.floats(lowest, 1.0))


def game_of(n, ratio=0.0, **settings):
    return ganth.EffectiveGAN(RING, n_particles=n, ntk_ratio=ratio, **RATES, **settings)


def gradients_of(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@given(data=st.data(), n=sizes, dim=st.integers(1, 4), normalisation=normalisations, seed=seeds)
def test_two_values_are_the_double_sum(data, n, dim, normalisation, seed):
    ratio = data.draw(ratios(n))
    gradients = gradients_of(seed, n, dim)
    game = game_of(n, ratio, normalisation=normalisation)
    expected = naive.velocities(naive.two_values(n, ratio, normalisation), gradients)
    scale = np.abs(naive.two_values(n, ratio, normalisation)).max()
    np.testing.assert_allclose(coupled(game, gradients), expected, rtol=0, atol=TINY * scale)


@given(n=sizes, dim=st.integers(1, 3), seed=seeds)
def test_a_gram_is_the_double_sum(n, dim, seed):
    factor = gradients_of(seed, n, n)
    gram, gradients = factor @ factor.T, gradients_of(seed + 1, n, dim)
    np.testing.assert_allclose(
        coupled(game_of(n, gram=gram), gradients), naive.velocities(gram, gradients), rtol=0, atol=TINY * n
    )


@given(data=st.data(), n=sizes, normalisation=normalisations, seed=seeds)
def test_a_gram_of_two_values_is_the_ratio(data, n, normalisation, seed):
    ratio = data.draw(ratios(n))
    gram = np.array(naive.two_values(n, ratio, normalisation))
    gradients = gradients_of(seed, n, 2)
    by_ratio = coupled(game_of(n, ratio, normalisation=normalisation), gradients)
    np.testing.assert_allclose(
        coupled(game_of(n, gram=gram), gradients), by_ratio, rtol=0, atol=TINY * np.abs(gram).max()
    )


@given(data=st.data(), n=sizes, trials=st.integers(1, 5), dim=st.integers(1, 3), by_gram=st.booleans(), seed=seeds)
def test_a_trial_of_many_has_the_bits_of_a_trial_alone(data, n, trials, dim, by_gram, seed):
    ratio = data.draw(ratios(n))
    game = game_of(n, gram=naive.two_values(n, ratio, "mean")) if by_gram else game_of(n, ratio)
    gradients = gradients_of(seed, trials, n, dim)
    many = coupled(game, gradients)
    for trial in range(trials):
        np.testing.assert_array_equal(many[trial], coupled(game, gradients[trial : trial + 1])[0])


@given(data=st.data(), n=sizes, by_gram=st.booleans(), seed=seeds)
def test_float32_stays_float32(data, n, by_gram, seed):
    ratio = data.draw(ratios(n))
    game = game_of(n, gram=naive.two_values(n, ratio, "mean")) if by_gram else game_of(n, ratio)
    gradients = gradients_of(seed, n, 2)
    single = coupled(game, gradients.astype(np.float32))
    assert single.dtype == np.float32
    scale = np.abs(naive.two_values(n, ratio, "mean")).max()
    np.testing.assert_allclose(single, coupled(game, gradients), rtol=0, atol=1e-5 * scale)


@given(data=st.data(), n=st.integers(2, 9), normalisation=normalisations, seed=seeds)
def test_two_particles_part_by_the_local_term_alone(data, n, normalisation, seed):
    """X_a - X_b never sees g2 times the mean gradient: the constant cancels."""
    game = game_of(n, data.draw(ratios(n)), normalisation=normalisation)
    diagonal, other = game.ntk_values
    gradients = gradients_of(seed, n, 2)
    moved = coupled(game, gradients)
    np.testing.assert_allclose(
        moved[0] - moved[1], (diagonal - other) / n * (gradients[0] - gradients[1]), rtol=0, atol=TINY * abs(diagonal)
    )


@given(data=st.data(), n=sizes, seed=seeds)
def test_the_mean_moves_by_the_mean_gradient(data, n, seed):
    """Under the normalisation "mean" the centre of the cloud sees no ratio."""
    game = game_of(n, data.draw(ratios(n)))
    gradients = gradients_of(seed, n, 2)
    scale = np.abs(game.ntk_values).max()
    np.testing.assert_allclose(coupled(game, gradients).mean(axis=0), gradients.mean(axis=0), rtol=0, atol=TINY * scale)


@given(data=st.data(), n=sizes, normalisation=normalisations)
def test_ntk_values(data, n, normalisation):
    ratio = data.draw(ratios(n))
    diagonal, other = game_of(n, ratio, normalisation=normalisation).ntk_values
    assert other == pytest.approx(ratio * diagonal, abs=1e-12)
    assert (diagonal + (n - 1) * other if normalisation == "mean" else diagonal) == pytest.approx(n, rel=1e-9)
    matrix = np.array(naive.two_values(n, ratio, normalisation))
    assert np.linalg.eigvalsh(matrix).min() >= -1e-9 * np.abs(matrix).max()


def test_one_particle_climbs_its_own_gradient():
    for ratio in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(coupled(game_of(1, ratio), np.array([[2.0, -3.0]])), [[2.0, -3.0]], rtol=1e-15)


@pytest.mark.parametrize("n", [2, 3, 50, 99, 104, 200])
def test_the_lower_end_of_the_ratio(n):
    """1 + (n - 1) (-1 / (n - 1)) rounds to 0 or just above it: both are refused under "mean", allowed otherwise."""
    with pytest.raises(ParameterError, match=r"above the lower end for normalisation='mean'"):
        game_of(n, -1 / (n - 1))
    assert game_of(n, -1 / (n - 1), normalisation="diagonal").ntk_values == (n, pytest.approx(-n / (n - 1)))


LIMITS = "ntk_ratio must be in [-1/(n_particles - 1), 1] (above the lower end for normalisation='mean'), got"
PARAMETERS = [
    ({"n_particles": 0}, "n_particles must be an integer >= 1, got 0"),
    ({"n_particles": 2.5}, "n_particles must be an integer >= 1, got 2.5"),
    ({"n_particles": True}, "n_particles must be an integer >= 1, got True"),
    ({"ntk_ratio": 1.1}, f"{LIMITS} 1.1"),
    ({"ntk_ratio": -1.5}, f"{LIMITS} -1.5"),
    ({"ntk_ratio": float("nan")}, "ntk_ratio must be finite, got nan"),
    ({"n_particles": 1, "ntk_ratio": -0.1}, f"{LIMITS} -0.1"),
    ({"normalisation": "sum"}, "normalisation must be one of 'mean', 'diagonal', got 'sum'"),
    ({"discriminator": "cnn"}, "discriminator must be one of 'dense', 'deep', 'fourier', got 'cnn'"),
    ({"width": 0}, "width must be an integer >= 1, got 0"),
    ({"width": 1.5, "discriminator": "fourier"}, "width must be an integer >= 1, got 1.5"),
    ({"depth": 0}, "depth must be an integer >= 1, got 0"),
    ({"activation": "sin"}, "activation must be one of 'relu', 'tanh', 'erf', got 'sin'"),
    ({"weight_variance": -1.0}, "weight_variance must be >= 0, got -1.0"),
    ({"bias_variance": float("inf")}, "bias_variance must be >= 0, got inf"),
    ({"reg": -0.1}, "reg must be >= 0, got -0.1"),
    ({"lr_disc": 0}, "lr_disc must be > 0, got 0"),
    ({"lr_gen": "fast"}, "lr_gen must be a number, got 'fast'"),
    ({"n_disc": 0}, "n_disc must be an integer >= 1, got 0"),
    ({"grad_reg": -1}, "grad_reg must be >= 0, got -1"),
    ({"grad_reg_form": "double"}, "grad_reg_form must be one of 'half', 'full', got 'double'"),
    ({"order": "both"}, "order must be one of 'alternating', 'simultaneous', got 'both'"),
    ({"data": "all"}, "data must be one of 'resampled', 'fixed', 'population', got 'all'"),
    ({"data": "population"}, "data must be 'resampled' or 'fixed' for discriminator='dense': no exact means"),
    ({"n_data": 0}, "n_data must be an integer >= 1, got 0"),
    ({"inner": "loop"}, "inner must be None for discriminator='dense', got 'loop'"),
    ({"optimiser": "adam"}, "optimiser must be one of 'sgd', 'rmsprop', got 'adam'"),
    ({"start_scale": -0.1}, "start_scale must be >= 0, got -0.1"),
    ({"start_mean": [0.0, float("nan")]}, "start_mean must be finite, got nan at index (1,)"),
    ({"gram": [[1.0, 0.5], [0.4, 1.0]]}, "gram must be symmetric, got a matrix that is not"),
    ({"gram": np.eye(2), "ntk_ratio": 0.5}, "ntk_ratio must be 0 where gram is given, got 0.5"),
    ({"gram": [[1.0, float("inf")], [0.0, 1.0]]}, "gram must be finite, got inf at index (0, 1)"),
    ({"discriminator": "fourier", "modes": 3}, "modes must be a FourierModes, got 3"),
    ({"discriminator": "fourier", "grad_reg": 1.0}, "grad_reg must be 0 for discriminator='fourier', got 1.0"),
    (
        {"discriminator": "fourier", "optimiser": "rmsprop"},
        "optimiser must be 'sgd' for discriminator='fourier', got 'rmsprop'",
    ),
    (
        {"discriminator": "fourier", "inner": "closed"},
        "inner must be 'loop' for data='resampled': data that change have no closed form",
    ),
    ({"discriminator": "fourier", "inner": "none"}, "inner must be one of 'closed', 'loop', got 'none'"),
]
SHAPES = [
    ({"gram": np.eye(3)}, "gram must have shape (2, 2), got (3, 3)"),
    ({"gram": [1.0, 2.0]}, "gram must have shape (n_particles, n_particles), got (2,)"),
    ({"start_mean": [0.0]}, "start_mean must have shape (2,), got (1,)"),
    ({"start_mean": 0.0}, "start_mean must have shape (d,), got ()"),
    ({"start_mean": "here"}, "start_mean must be a (d,) array of numbers, got str"),
]


@pytest.mark.parametrize(("changes", "text"), PARAMETERS, ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_settings_are_named(changes, text):
    with pytest.raises(ParameterError) as caught:
        ganth.EffectiveGAN(RING, **{"n_particles": 2, **RATES, **changes})
    assert str(caught.value) == text


@pytest.mark.parametrize(("changes", "text"), SHAPES, ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_shapes_are_named(changes, text):
    with pytest.raises(ShapeError) as caught:
        ganth.EffectiveGAN(RING, **{"n_particles": 2, **RATES, **changes})
    assert str(caught.value) == text


def test_a_target_must_be_a_mixture():
    with pytest.raises(ParameterError, match=r"target must be a GaussianMixture, got \[\[0.0, 0.0\]\]"):
        ganth.EffectiveGAN([[0.0, 0.0]], **RATES)


def test_the_rates_have_no_default():
    with pytest.raises(TypeError, match="lr_disc"):
        ganth.EffectiveGAN(RING)


def test_a_gram_has_no_two_values():
    with pytest.raises(ParameterError, match="gram must be None: a given Gram matrix has no two values"):
        _ = game_of(2, gram=np.eye(2)).ntk_values


def test_settings_left_open_follow_the_others():
    game = game_of(50)
    assert (game.width, game.n_data, game.reg, game.inner) == (2048, 50, 2 / 2048, None)
    assert game.start_mean.tolist() == pytest.approx([2**-0.5] * 2)
    assert game.with_settings(n_particles=80).n_data == 80
    assert game.with_settings(width=64).reg == 2 / 64
    deep = game.with_settings(discriminator="deep")
    assert (deep.width, deep.reg) == (512, 2 / 512)
    fourier = game.with_settings(discriminator="fourier")
    assert (fourier.width, fourier.reg, fourier.inner) == (None, 1.0, "loop")
    assert fourier.with_settings(data="population").inner == "closed"
    assert fourier.with_settings(data="fixed").with_settings(data="resampled").inner == "loop"
    assert fourier.with_settings(discriminator="dense").reg == 2 / 2048
    cube = ganth.targets.GaussianMixture(np.eye(3), 0.01)
    assert game.with_settings(target=cube).start_mean.shape == (3,)


def test_settings_that_were_given_stay():
    game = game_of(50, n_data=30, width=100, reg=0.5, start_mean=[1.0, 2.0])
    other = game.with_settings(n_particles=80, ntk_ratio=0.1)
    assert (other.n_data, other.width, other.reg, other.ntk_ratio) == (30, 100, 0.5, 0.1)
    assert other.start_mean.tolist() == [1.0, 2.0]
    assert game.with_settings(discriminator="deep").width == 100
    assert game.n_particles == 50
    with pytest.raises(ParameterError, match="n_disc must be an integer >= 1, got 0"):
        game.with_settings(n_disc=0)


def test_settings_are_held_read_only():
    gram, mean = np.eye(2), np.zeros(2)
    game = game_of(2, gram=gram, start_mean=mean)
    gram[0, 0] = mean[0] = 7.0
    assert game.gram[0, 0] == 1.0
    assert game.start_mean[0] == 0.0
    for held in (game.gram, game.start_mean):
        with pytest.raises(ValueError, match="read-only"):
            held[0] = 1.0
    with pytest.raises(AttributeError):
        game.n_disc = 3


def test_settings_describe_themselves():
    from ganth.games import settings

    for game in (game_of(3, 0.25), game_of(2, gram=np.eye(2)), game_of(2, discriminator="fourier", data="fixed")):
        assert "ntk_ratio=" in repr(game)
        plain = settings.plain(game)
        assert json.loads(json.dumps(plain)) == plain
        back = settings.restore(*settings.describe(game))
        assert settings.plain(back) == plain
        assert settings.plain(back.with_settings(n_disc=2)) == {**plain, "n_disc": 2}
