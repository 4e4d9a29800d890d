"""The classifier: how well it reads digits, its warps and gradients against plain loops, its files and its errors."""

import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.classifiers import Classifier
from ganth.errors import ParameterError, ShapeError

DIGITS = ganth.targets.images.sample()
SMALL = {"epochs": 1, "width": 4, "features": 8}


def small(n=80, **settings):
    return Classifier.fit(DIGITS.images[:n], DIGITS.labels[:n], **{**SMALL, **settings})


@pytest.mark.slow
def test_it_reads_digits_that_it_has_not_seen():
    one = Classifier.fit(DIGITS.images[:1600], DIGITS.labels[:1600], seed=0)
    assert one.accuracy(DIGITS.images[1600:], DIGITS.labels[1600:]) >= 0.965


@pytest.mark.slow
def test_it_reads_the_test_set_of_mnist():
    if "GANTH_DATA" not in os.environ:
        pytest.skip("the full MNIST is not here: GANTH_DATA names no folder")
    try:
        train = ganth.targets.images.load("mnist", split="train")
    except ParameterError as error:
        pytest.skip(f"the full MNIST is not here: {error}")
    x, y, held = train.images, train.labels, len(train) * 5 // 6
    try:
        test = ganth.targets.images.load("mnist", split="test")
        unseen, labels = test.images, test.labels
    except ParameterError:  # a part of MNIST that is not split
        x, y, unseen, labels = x[:held], y[:held], x[held:], y[held:]
    one = Classifier.fit(x, y, seed=0, epochs=max(3, 120_000 // len(x)))
    assert one.accuracy(unseen, labels) >= 0.98


def plain_warp(image, scale, angle, down, right):
    """Turn an image about its middle by an angle, stretch it by a scale and shift it, pixel by pixel."""
    height, width, channels = image.shape
    out = np.empty_like(image)
    for row in range(height):
        for column in range(width):
            y, x = row - (height - 1) / 2 - down, column - (width - 1) / 2 - right
            # Where it comes from: turned back, shrunk.
            from_y = (math.cos(angle) * y + math.sin(angle) * x) / scale + (height - 1) / 2
            from_x = (-math.sin(angle) * y + math.cos(angle) * x) / scale + (width - 1) / 2
            from_y, from_x = min(max(from_y, 0), height - 1), min(max(from_x, 0), width - 1)
            for k in range(channels):
                total = 0.0
                for a in range(height):
                    for b in range(width):
                        total += max(0, 1 - abs(from_y - a)) * max(0, 1 - abs(from_x - b)) * image[a, b, k]
                out[row, column, k] = total
    return out


@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**32),
    st.sampled_from(["float32", "float64"]),
)  # fmt: skip
def test_warps_are_those_of_plain_loops(height, width, channels, seed, dtype):
    from ganth.classifiers_cpu import warp

    rng = np.random.default_rng(seed)
    images = rng.uniform(-1, 1, (3, height, width, channels)).astype(dtype)
    chosen = np.array([2, 0])
    scale, angle = rng.uniform(0.7, 1.4, 2), rng.uniform(-1, 1, 2)
    shifts = rng.uniform(-3, 3, (2, 2))
    turns = np.column_stack([np.cos(angle) / scale, np.sin(angle) / scale, shifts])
    out = np.empty((2, height, width, channels), dtype)
    warp(out, images, chosen, turns)
    for i in range(2):
        expected = plain_warp(images[chosen[i]].astype(float), scale[i], angle[i], *shifts[i])
        np.testing.assert_allclose(out[i], expected, atol=1e-12 if dtype == "float64" else 1e-4)


def test_warps_keep_their_precision():
    from numba import njit

    from ganth.formulas import warps

    @njit
    def all_of(a, b):
        return warps.turned(a, a, b, b), warps.held(a, 3), warps.between(a, b, a)

    assert all_of(np.float32(0.3), np.float32(0.7)) == pytest.approx((0.42, 0.3, 0.42), rel=1e-6)
    assert {str(kind) for kind in all_of.nopython_signatures[0].return_type} == {"float32"}


def test_a_step_goes_down_the_cross_entropy():
    # With no warp and a batch of all images, Adam's first step has the size of its rate against the slope's sign.
    from ganth.nn import Network

    n, rate = 24, 1e-3
    still = {"shift": 0.0, "turn": 0.0, "stretch": 0.0, "batch": n, "classes": 10}
    one = small(n, **still, rate=1e-30, seed=3)
    moved = small(n, **still, rate=rate, seed=3)
    whole = Network((*one.body.parts, *one.head.parts), one.body.inputs)
    layers = whole.bind(n, "float64")

    def loss(parameters):
        state = whole.initial_state(3)
        logits = layers.forward(parameters, DIGITS.images[:n].astype(float), state=state, training=True)
        total = 0.0
        for row, label in zip(logits, DIGITS.labels[:n], strict=True):
            total += math.log(sum(math.exp(v) for v in row)) - row[label]
        return total / n

    start = one.parameters.astype(float)
    chosen = np.random.default_rng(0).choice(len(start), 40, replace=False)
    for i in chosen:
        up, down = start.copy(), start.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        slope = (loss(up) - loss(down)) / 2e-6
        if abs(slope) > 1e-4:
            assert moved.parameters[i] - start[i] == pytest.approx(-rate * np.sign(slope), rel=2e-3)


def test_what_it_tells():
    one = small(200, epochs=2)
    x = DIGITS.images[:300]
    found, told = one.features(x), one.probabilities(x)
    assert (found.shape, told.shape, one.classes) == ((300, 8), (300, 10), 10)
    assert repr(one) == "Classifier(inputs=(28, 28, 1), features=8, classes=10)"
    np.testing.assert_allclose(told.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(one.features(x[7:9]), found[7:9], rtol=1e-5, atol=1e-6)  # of an image alone
    assert one.accuracy(x, DIGITS.labels[:300]) == (told.argmax(axis=1) == DIGITS.labels[:300]).mean()
    assert one.accuracy(x, told.argmax(axis=1)) == 1.0
    assert (found >= 0).all()
    assert found.max() > 0


def test_the_same_seed_gives_the_same_bits_and_another_others(tmp_path):
    one, two, three = (small(seed=seed, threads=threads) for seed, threads in ((1, 1), (1, 2), (2, None)))
    np.testing.assert_array_equal(one.parameters, two.parameters)
    assert not np.array_equal(one.parameters, three.parameters)
    back = Classifier.load(one.save(tmp_path / "one.npz"))
    np.testing.assert_array_equal(back.probabilities(DIGITS.images[:9]), one.probabilities(DIGITS.images[:9]))
    (tmp_path / "one.npz").write_bytes(b"nothing")
    with pytest.raises(ParameterError, match=r"one\.npz"):
        Classifier.load(tmp_path / "one.npz")


def test_it_takes_colours_and_other_sizes():
    images = np.random.default_rng(0).uniform(-1, 1, (20, 10, 13, 3))
    one = Classifier.fit(images, np.arange(20) % 2, classes=3, batch=8, **SMALL)
    assert one.probabilities(images).shape == (20, 3)
    told = []
    small(progress=lambda *done: told.append(done), epochs=2)
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"epochs": 0}, ParameterError, "epochs must be an integer >= 1, got 0"),
        ({"batch": 81}, ParameterError, "batch must be <= the number of images, 80, got 81"),
        ({"batch": 1}, ParameterError, "batch must be an integer >= 2, got 1"),
        ({"rate": 0.0}, ParameterError, "rate must be > 0, got 0.0"),
        ({"shift": -1.0}, ParameterError, "shift must be >= 0, got -1.0"),
        ({"stretch": 1.0}, ParameterError, "stretch must be < 1, got 1.0"),
        ({"width": 0}, ParameterError, "width must be an integer >= 1, got 0"),
        ({"features": 0}, ParameterError, "features must be an integer >= 1, got 0"),
        ({"classes": 5}, ParameterError, r"labels must be in \[0, 5\), got values from 0 to 9"),
    ],
)
def test_settings_are_checked(settings, error, message):
    with pytest.raises(error, match=message):
        small(**settings)


def test_images_and_labels_are_checked():
    one = small()
    with pytest.raises(ShapeError, match=r"labels must be \(80,\) integers, one for each image, got float64"):
        Classifier.fit(DIGITS.images[:80], np.zeros(80))
    with pytest.raises(ShapeError, match=r"images must have shape \(n, height, width, channels\), got \(28, 28, 1\)"):
        one.features(DIGITS.images[0])
    with pytest.raises(ShapeError, match=r"images must have shape \(n, 28, 28, 1\), got \(2, 14, 14, 1\)"):
        one.probabilities(np.zeros((2, 14, 14, 1)))
    with pytest.raises(ParameterError, match="images must be finite"):
        one.features(np.full((1, 28, 28, 1), np.inf))
    with pytest.raises(ShapeError, match="parameters must have shape"):
        Classifier(one.body, one.head, one.parameters[1:], one.state)
    with pytest.raises(ShapeError, match="head must take"):
        Classifier(one.body, one.body, one.parameters, one.state)
