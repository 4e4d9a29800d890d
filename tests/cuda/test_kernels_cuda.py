"""Kernels on CUDA against their CPU loops, through the public door: all verbs, sums of them, and MMD."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.kernels import RBF, AnisotropicRBF, Laplace, MultiScale, RandomFeatures, RationalQuadratic, ReLUNTK, pairs
from ganth.kernels import pairs_cuda as loops
from ganth.metrics import mmd2

BOUND = 1e-12
SMOOTH = [RBF(0.7), MultiScale([0.1, 1.0, 9.0]), RationalQuadratic(1.1, mixing=0.6), "anisotropic"]
KERNELS = [*SMOOTH, Laplace(0.8), ReLUNTK(1), ReLUNTK(3, bias=True)]
VERBS = ("gram", "gradient", "hessian", "cross_hessian")


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, "BLOCK", 8)
        yield


def of_dim(kernel, dim):
    return AnisotropicRBF(np.arange(1, dim + 1) / 2) if kernel == "anisotropic" else kernel


def clouds(seed, n, m, dim):
    return ganth.streams.normal(seed, (n, dim)), ganth.streams.normal(seed + 1, (m, dim))


def compare(found, wanted):
    """Hold each pair's numbers to its largest one."""
    axes = tuple(range(2, wanted.ndim))
    unit = np.abs(wanted).max(axis=axes, keepdims=True) if axes else np.abs(wanted)
    assert (np.abs(found - wanted) <= BOUND * unit).all(), np.abs(found - wanted).max()


@given(
    kernel=st.sampled_from(KERNELS), n=st.integers(1, 5), m=st.integers(1, 4), dim=st.integers(2, 4),
    room=st.sampled_from([1, 500, 2**28]), block=st.sampled_from([1, 16]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=10)
def test_verbs_are_those_of_the_cpu(kernel, n, m, dim, room, block, seed):
    x, y = clouds(seed, n, m, dim)
    kernel = of_dim(kernel, dim)
    for verb in VERBS:
        if verb in ("gram", "gradient"):
            x[0], y[0] = [(y[0], y[0]), (-2 * y[0], y[0]), (0 * y[0], y[0])][seed % 3]  # the kinks of some
        else:
            x, y = clouds(seed, n, m, dim)
        on_cpu, whole = (getattr(kernel, verb)(x, y, backend=backend) for backend in ("cpu", "cuda"))
        assert on_cpu.shape == whole.shape
        compare(whole, on_cpu)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loops, "ROOM", room)
            patch.setattr(loops, "BLOCK", block)
            np.testing.assert_array_equal(getattr(kernel, verb)(x, y, backend="cuda"), whole)


@pytest.mark.parametrize("kernel", [Laplace(1.0), ReLUNTK(2), ReLUNTK(1, bias=True)])
def test_a_kink_is_named(kernel):
    x, y = clouds(3, 3, 2, 2)
    y[1] = x[2]
    for verb in VERBS[2:]:
        with pytest.raises(ganth.ParameterError, match=r"avoid the kink .* got x\[2\] and y\[1\]"):
            getattr(kernel, verb)(x, y, backend="cuda")
    if kernel == ReLUNTK(2):
        y[1] = -1.7 * x[0]
        with pytest.raises(ganth.ParameterError, match=r"got x\[0\] and y\[1\]"):
            kernel.hessian(x, y, backend="cuda")


def test_on_a_line_parallel_vectors_are_no_kink():
    x, y = np.array([[0.5], [-2.0]]), np.array([[1.0], [3.0]])
    for verb in VERBS:
        on_cpu, on_gpu = (getattr(ReLUNTK(2), verb)(x, y, backend=backend) for backend in ("cpu", "cuda"))
        compare(on_gpu, on_cpu)


@given(
    kernel=st.sampled_from(KERNELS), n=st.integers(1, 3), m=st.integers(1, 7), dim=st.integers(1, 6),
    cut=st.sampled_from([1, 3, 256]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=8)
def test_sums_are_those_of_the_cpu(kernel, n, m, dim, cut, seed):
    x, y = clouds(seed, n, m, dim)
    weights = ganth.streams.normal(seed, m)
    x[0] = y[0]
    kernel = of_dim(kernel, dim)
    sizes = np.abs(weights)
    units = np.abs(kernel.gram(x, y)) @ sizes, np.einsum("nma,m->n", np.abs(kernel.gradient(x, y)), sizes)
    for verb, unit in zip(("weighted_sum", "weighted_gradient"), units, strict=True):
        form = getattr(kernel, verb)
        on_cpu = form(x, y, weights)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loops, "SLICE", cut)
            on_gpu = form(x, y, weights, backend="cuda")
            patch.setattr(loops, "ROOM", 1)
            patch.setattr(loops, "BLOCK", 2)
            np.testing.assert_array_equal(form(x, y, weights, backend="cuda"), on_gpu)
        assert on_gpu.shape == on_cpu.shape
        error = np.abs(on_gpu - on_cpu).T
        assert (error <= BOUND * unit).all()


def test_an_expansion_is_that_of_the_cpu():
    x, y = clouds(7, 3, 5, 2)
    function = ganth.discriminators.KernelExpansion(RBF(0.7), y, [1.0, -2.0, 0.5, 1.0, -1.0])
    for form in (function, function.gradient):
        np.testing.assert_allclose(form(x, backend="cuda"), form(x), rtol=0, atol=BOUND)


def test_mmd_is_that_of_the_cpu():
    x, y = clouds(5, 6, 4, 2)
    for kernel in (RBF(0.7), ReLUNTK(1)):
        for masses in ((None, None), ([1.0, 0.0, 2.0, 0.5, 1.0, 1.0], None)):
            on_cpu, on_gpu = (mmd2(x, y, kernel, *masses, backend=backend) for backend in ("cpu", "cuda"))
            assert abs(on_gpu - on_cpu) <= BOUND * 20


def test_angles_are_those_of_the_cpu():
    x, y = clouds(6, 4, 3, 3)
    x[0], x[1] = 0.0, y[1]
    for found, wanted in zip(*(pairs.angles(x, y, backend=backend) for backend in ("cuda", "cpu")), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=BOUND)


def test_other_kernels_have_no_cuda_loops():
    kernel = RandomFeatures(RBF(1.0), 3, dim=1, seed=0)
    for verb in VERBS:
        with pytest.raises(ganth.BackendUnavailableError, match=rf"RandomFeatures.{verb} has no CUDA loops"):
            getattr(kernel, verb)([[1.0]], [[2.0]], backend="cuda")
    with pytest.raises(ganth.BackendUnavailableError, match="weighted_sum has no CUDA loops"):
        mmd2([[1.0]], [[2.0]], kernel, backend="cuda")
