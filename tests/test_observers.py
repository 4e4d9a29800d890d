"""What an image training is watched with, beside plain loops."""

import types

import naive_observers as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.errors import ParameterError, ShapeError
from ganth.observers import ImageObserver, roughness


class Judge:
    """Features are a few pixels, probabilities a soft-max of them."""

    def __init__(self, classes, sharpness=4.0):
        self.classes, self.sharpness = classes, sharpness

    def features(self, images):
        x = np.asarray(images, float)
        return x.reshape(len(x), -1)[:, : self.classes]

    def probabilities(self, images):
        weights = np.exp(self.sharpness * self.features(images))
        return weights / weights.sum(axis=1, keepdims=True)


class Projecting(Judge):
    def features(self, images):
        x = np.asarray(images, float).reshape(len(images), -1)
        return x @ np.random.default_rng(0).standard_normal((x.shape[1], self.classes))


def pictures(rng, n, shape, dtype):
    return rng.uniform(-1, 1, (n, *shape)).astype(dtype)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(5, 12),
    more=st.integers(0, 9),
    shape=st.sampled_from([(2, 3, 1), (4, 4, 1), (3, 2, 3)]),
    classes=st.integers(2, 5),
    dtype=st.sampled_from(["float32", "float64"]),
    threshold=st.sampled_from([0.0, 0.01, 0.3]),
)
def test_it_tells_what_plain_loops_count(seed, count, more, shape, classes, dtype, threshold):
    rng = np.random.default_rng(seed)
    real, fake = pictures(rng, count + more, shape, dtype), pictures(rng, count, shape, dtype)
    judge = Judge(classes)
    watch = ImageObserver(judge, real, count=count, neighbours=2, threshold=threshold)
    found = watch.look(fake)
    wanted = naive.told(judge.probabilities(fake), judge.features(fake), judge.features(real), fake, real, 2, threshold)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_an_observer_is_called_with_the_training_and_asks_for_its_images():
    rng = np.random.default_rng(0)
    real, fake = (pictures(rng, 8, (4, 4, 1), "float32") for _ in range(2))
    asked = []
    training = types.SimpleNamespace(generate=lambda count: asked.append(count) or fake[:count])
    watch = ImageObserver(Judge(3), real, count=6)
    told = watch(training)
    assert asked == [6]
    assert told["classes"].sum() == 6
    assert told["frechet"] == watch.look(fake[:6])["frechet"]


def test_real_images_are_near_themselves_and_noise_is_rough():
    digits = ganth.targets.images.sample().images
    watch = ImageObserver(Projecting(9), digits[:300], count=64)
    same = watch.look(digits[:300])
    assert same["frechet"] < 1e-12
    assert same["roughness"] == pytest.approx(1.0)
    assert same["recall"] == 1.0
    noise = np.random.default_rng(1).uniform(-1, 1, digits[:64].shape)
    assert watch.look(noise)["roughness"] > 3
    assert roughness(np.sign(noise)) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"neighbours": 0}, ParameterError, "neighbours must be an integer >= 1, got 0"),
        ({"count": 3}, ParameterError, "count must be > neighbours = 3, got 3"),
        ({"threshold": 1.0}, ParameterError, "threshold must be < 1, got 1.0"),
        ({"threshold": -0.1}, ParameterError, "threshold must be >= 0, got -0.1"),
        ({"real": np.zeros((8, 4, 4, 1))}, ParameterError, "not of one colour"),
        (
            {"real": np.eye(4).reshape(1, 4, 4, 1)},
            ParameterError,
            "the number of real images must be > neighbours = 3, got 1",
        ),
    ],
)
def test_bad_input(change, error, text):
    real = np.random.default_rng(0).uniform(-1, 1, (8, 4, 4, 1))
    given = {"real": real, "count": 6, **change}
    with pytest.raises(error, match=text):
        ImageObserver(Judge(3), given.pop("real"), **given)


def test_bad_images():
    with pytest.raises(ShapeError, match="2 x 2 or more"):
        roughness(np.zeros((3, 1, 4, 1)))
    watch = ImageObserver(Judge(3), np.random.default_rng(0).uniform(-1, 1, (8, 4, 4, 1)), count=6)
    with pytest.raises(ParameterError, match="images must be > neighbours = 3 in number, got 2"):
        watch.look(np.zeros((2, 4, 4, 1)))
