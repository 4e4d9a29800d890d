"""Radial kernels on CUDA against their CPU loops: one Gram matrix through the public door, derivatives below it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.kernels import RBF, Laplace, MultiScale, RationalQuadratic, ReLUNTK, pairs, pairs_cuda

BOUND = 1e-12
KERNELS = [RBF(0.7), MultiScale([0.1, 1.0, 9.0]), Laplace(0.8), RationalQuadratic(1.1, mixing=0.6)]


@given(
    kernel=st.sampled_from(KERNELS), n=st.integers(1, 7), m=st.integers(1, 5), dim=st.integers(1, 4),
    room=st.sampled_from([1, 100, 2**28]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=10)
def test_a_gram_matrix_is_that_of_the_cpu(kernel, n, m, dim, room, seed):
    x, y = ganth.streams.normal(seed, (n, dim)), ganth.streams.normal(seed + 1, (m, dim))
    y[0] = x[0]  # the kink of some
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_cuda, "ROOM", room)
        on_gpu = kernel.gram(x, y, backend="cuda")
    np.testing.assert_allclose(on_gpu, kernel.gram(x, y), rtol=BOUND)
    np.testing.assert_array_equal(on_gpu, kernel.gram(x, y, backend="cuda"))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("code", range(3))
def test_derivatives_are_those_of_the_cpu(code, order):
    x, y = ganth.streams.normal(3, (3, 2)), ganth.streams.normal(4, (2, 2))
    on_cpu, on_gpu = (
        pairs.radial(x, y, code, order, np.array([[0.7, 1.3], [2.0, 0.4]]), backend=backend)
        for backend in ("cpu", "cuda")
    )
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=BOUND)


def test_other_kernels_have_no_cuda_loops():
    with pytest.raises(ganth.BackendUnavailableError, match=r"ReLUNTK.gram has no CUDA loops"):
        ReLUNTK(depth=1).gram([[1.0]], [[2.0]], backend="cuda")
