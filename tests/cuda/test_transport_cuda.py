"""Wasserstein-2 on CUDA, a thread an assignment: to the bit of the CPU's own, to rounding of POT's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.metrics import transport, transport_cuda, wasserstein2_many


@pytest.fixture(autouse=True, scope="module")
def small_blocks(one_rounding):
    """Let blocks be small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport_cuda, "BLOCK", 8)
        yield


@given(
    trials=st.integers(1, 11), n=st.integers(1, 7), dim=st.integers(1, 4), shared=st.booleans(), grid=st.booleans(),
    room=st.sampled_from([1, 1000, 2**28]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=10)
def test_distances_are_the_cpus_to_the_bit(trials, n, dim, shared, grid, room, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(trials, n, dim)), rng.normal(size=(trials, n, dim))
    if grid:  # costs tie
        x, y = np.rint(x), np.rint(y)
    y = y[0] if seed % 2 else y
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport_cuda, "ROOM", room)
        patch.setattr(transport_cuda, "SHARED", transport_cuda.SHARED if shared else 0)
        found = wasserstein2_many(x, y, backend="cuda")
    np.testing.assert_array_equal(found, wasserstein2_many(x, y))


def test_more_points_than_the_cpus_own_loops_take():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, transport.SMALL + 3, 2)), rng.normal(size=(transport.SMALL + 3, 2))
    np.testing.assert_allclose(wasserstein2_many(x, y, backend="cuda"), wasserstein2_many(x, y), rtol=1e-12)


def test_coordinates_whose_squares_overflow():
    x = np.array([[[1e200], [0.0]], [[1.0], [0.0]]])
    found, wanted = (wasserstein2_many(x, [[0.0], [2.0]], backend=backend) for backend in ("cuda", "cpu"))
    np.testing.assert_array_equal(found, wanted)
    assert found[0] > 1e199


def test_too_many_points_are_refused():
    far = np.zeros((1, 129, 1))
    with pytest.raises(ganth.BackendUnavailableError, match="more than 128 points has no CUDA loops"):
        wasserstein2_many(far, far, backend="cuda")
