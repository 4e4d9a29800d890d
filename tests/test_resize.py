"""Resizing of images against Pillow, PyTorch and a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganth.targets.images import resize

seeds = st.integers(0, 2**32)


@given(
    seed=seeds,
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)),
    size=st.integers(1, 20),
    single=st.booleans(),
)
def test_resize_is_pillows_on_floats(seed, shape, size, single):
    x = np.random.default_rng(seed).uniform(-1, 1, size=shape).astype(np.float32 if single else np.float64)
    found = resize(x, size)
    assert found.dtype == x.dtype
    for one, got in zip(x, found, strict=True):
        for channel in range(shape[-1]):
            plane = Image.fromarray(one[..., channel].astype(np.float32))
            wanted = np.asarray(plane.resize((size, size), Image.Resampling.BILINEAR))
            np.testing.assert_allclose(got[..., channel], wanted, atol=1e-5)


@given(seed=seeds, height=st.integers(1, 6), width=st.integers(1, 6), size=st.integers(6, 15))
def test_enlarging_is_a_plain_loop(seed, height, width, size):
    """PyTorch's rule with half-pixel centres: the two neighbours on each axis, those at the rim repeated."""
    x = np.random.default_rng(seed).normal(size=(1, height, width, 1))
    found = resize(x, size)
    for row in range(size):
        for column in range(size):
            value = 0.0
            u, v = (row + 0.5) * height / size - 0.5, (column + 0.5) * width / size - 0.5
            for i in (int(np.floor(u)), int(np.floor(u)) + 1):
                for j in (int(np.floor(v)), int(np.floor(v)) + 1):
                    weight = (1 - abs(u - i)) * (1 - abs(v - j))
                    value += weight * x[0, min(max(i, 0), height - 1), min(max(j, 0), width - 1), 0]
            assert found[0, row, column, 0] == pytest.approx(value, abs=1e-12)


def test_resize_is_torchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.random.default_rng(0).uniform(-1, 1, size=(3, 28, 28, 2)).astype(np.float32)
    planes = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    wanted = torch.nn.functional.interpolate(planes, size=(64, 64), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(resize(x, 64), wanted.numpy().transpose(0, 2, 3, 1), atol=1e-6)
