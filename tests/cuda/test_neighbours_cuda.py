"""Precision, recall, density and coverage on CUDA: squares, ties and all to the bit of the CPU's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.metrics import density_coverage, neighbours, neighbours_cpu, neighbours_cuda, precision_recall


@pytest.fixture(autouse=True, scope="module")
def small_blocks(one_rounding):
    """Let blocks be small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours_cuda, "BLOCK", 8)
        yield


def clouds(seed, n, m, dim, grid):
    """Return two clouds, on a grid, where distances tie, or off it."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dim)), rng.normal(size=(m, dim))
    return (np.rint(x), np.rint(y)) if grid else (x, y)


@given(
    n=st.integers(4, 19), m=st.integers(4, 19), dim=st.sampled_from([1, 2, 3, 17]), k=st.integers(1, 3),
    grid=st.booleans(), balls=st.sampled_from(neighbours.BALLS), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=6)
def test_numbers_are_those_of_the_cpu(n, m, dim, k, grid, balls, seed):
    real, fake = clouds(seed, n, m, dim, grid)
    for metric in (precision_recall, density_coverage):
        by = (k, balls) if metric is precision_recall else (k,)
        assert metric(real, fake, *by, backend="cuda") == metric(real, fake, *by)


@pytest.mark.parametrize("block", [4, 8, 16])
def test_squares_are_the_cpus_to_the_bit(monkeypatch, block):
    """Whatever the tiles, and where the points of y come in several launches."""
    x, y = clouds(block, 13, 21, 5, False)
    monkeypatch.setattr(neighbours_cuda, "BLOCK", block)
    monkeypatch.setattr(neighbours_cuda, "WORK", 1)
    for loop, others in ((neighbours_cpu.kth_squared, (3,)), (neighbours_cpu.nearest_squared, None)):
        found, wanted = np.empty((2, len(x)))
        grouped = neighbours._grouped(x)
        if others:
            loop(wanted, grouped, 5, *others)
            neighbours_cuda.kth_squared(found, x, 5, *others)
        else:
            loop(wanted, grouped, neighbours._grouped(y), len(y), 5)
            neighbours_cuda.nearest_squared(found, x, y, len(y), 5)
        np.testing.assert_array_equal(found, wanted)
    held, wanted = np.empty((2, len(x)), np.int64)
    radii = np.linspace(0.5, 9.0, len(y))
    neighbours_cpu.counted(wanted, neighbours._grouped(x), neighbours._grouped(y), radii, 5)
    neighbours_cuda.counted(held, x, y, radii, 5)
    np.testing.assert_array_equal(held, wanted)


def test_copies_lie_on_the_rim():
    twice = np.array([[0.0], [0.0], [1.0], [1.0]])
    assert precision_recall(twice, twice, 1, backend="cuda") == (0.0, 0.0)
    assert precision_recall(twice, twice, 1, "closed", backend="cuda") == (1.0, 1.0)


def test_errors_are_those_of_the_cpu():
    with pytest.raises(ganth.ParameterError, match="k must be < 2, the number of fake points, got 2"):
        precision_recall([[0.0], [1.0], [2.0]], [[0.0], [1.0]], 2, backend="cuda")
