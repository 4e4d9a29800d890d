"""KernelGAN against exact kernels on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import history_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}
KERNELS = {
    "rbf": ganth.RBF(0.7),
    "multi-scale": ganth.MultiScale([1.5, 0.5, 0.9]),
    "laplace": ganth.Laplace(0.8),
    "rational": ganth.RationalQuadratic(0.7, 0.6),
    "ntk": ganth.ReLUNTK(1),
    "deep ntk": ganth.ReLUNTK(3, bias=True),
}
MASSES = [0.1, 0.3, 0.2, 0.25, 0.05]
ARRAYS = ("particles", "fresh", "nodes", "node_weights", "blocks", "sizes", "diverged_at")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(history_cuda, "BLOCK", 8)
        monkeypatch.setattr(history_cuda, "_ITEMS", 32)


def points(number, axes, seed=0):
    return ganth.streams.normal(seed, (number, axes)) / np.sqrt(axes)


def game(axes, name="rbf", **changes):
    call = {"kernel": KERNELS[name], "reg": 0.3, "lr_disc": 0.3, "lr_gen": 0.3}
    return ganth.KernelGAN(points(3, axes, 7), **call | changes)


def assert_near(found, wanted, bound):
    for name in ("particles", "fresh"):
        np.testing.assert_allclose(found.state[name], wanted.state[name], rtol=bound, atol=bound)
    np.testing.assert_array_equal(found.diverged_at, wanted.diverged_at)
    np.testing.assert_array_equal(found.state["sizes"], wanted.state["sizes"])


def assert_same(found, wanted, trials=slice(None)):
    for name in ARRAYS:
        one, other = found.state[name], wanted.state[name][trials]
        if name in ("nodes", "node_weights", "blocks"):  # of which not all is in use
            size = int(found.state["sizes"][:, 0 if name == "blocks" else 1].max())
            chosen = (slice(None), slice(size)) if name != "nodes" else (slice(None), slice(None), slice(size))
            one, other = one[chosen], other[chosen]
        np.testing.assert_array_equal(one, other)


@given(
    axes=st.integers(1, 4), n=st.integers(1, 5), name=st.sampled_from(sorted(KERNELS)),
    order=st.sampled_from(["alternating", "simultaneous"]), reg=st.sampled_from([0.0, 0.3, 5.0]),
    weighted=st.booleans(), own=st.booleans(), dtype=st.sampled_from(sorted(BOUND)), steps=st.integers(1, 4),
    trials=st.integers(1, 2), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=8)
def test_steps_are_those_of_the_cpu(axes, n, name, order, reg, weighted, own, dtype, steps, trials, seed):
    one = game(axes, name, order=order, reg=reg)
    if own:
        one = one.with_settings(true_points=np.stack([points(3, axes, t) for t in range(trials)]))
    call = {"masses": MASSES[:n] if weighted else None, "steps": steps, "trials": trials, "dtype": dtype}
    start = np.stack([points(n, axes, seed + t) for t in range(trials)])
    on_cpu, on_gpu = (one.run(start, backend=backend, **call) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, BOUND[dtype])
    assert on_gpu.options["backend"] == "cuda"


@pytest.mark.parametrize("dtype", sorted(BOUND))
@pytest.mark.parametrize("name", sorted(KERNELS))
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_every_kernel(axes, name, dtype):
    one, call = game(axes, name, order="alternating"), {"masses": MASSES[:3], "steps": 3, "dtype": dtype}
    on_cpu, on_gpu = (one.run(points(3, axes), backend=backend, **call) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, BOUND[dtype])
    moved = np.abs(on_gpu.final - points(3, axes)).max()
    assert moved > 100 * BOUND[dtype]


def test_widths_of_their_own():
    one = game(2, kernel=ganth.AnisotropicRBF((0.5, 1.2)))
    on_cpu, on_gpu = (one.run(points(3, 2), steps=3, backend=backend) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, 1e-12)


@pytest.fixture
def one_thread(monkeypatch):
    """For tests of many steps: the simulator's time goes into threads."""
    if ganth.backend.simulated():
        monkeypatch.setattr(history_cuda, "BLOCK", 1)
        monkeypatch.setattr(history_cuda, "_ITEMS", 4)


@pytest.mark.parametrize(
    ("name", "dtype"), [("rbf", "float64"), ("rbf", "float32"), ("laplace", "float32"), ("ntk", "float64")]
)
@pytest.mark.usefixtures("one_thread")
def test_spans_are_compressed_and_forgotten_as_on_the_cpu(name, dtype):
    """Two spans and some steps, the oldest block dropped: smooth kernels keep few nodes, others every position."""
    one = game(1, name, reg=2.0, lr_disc=0.1, lr_gen=0.02, tolerance=1e-6)
    call = {"steps": 131, "trials": 1, "dtype": dtype}
    on_cpu, on_gpu = (one.run([[0.5]], backend=backend, **call) for backend in ("cpu", "cuda"))
    if name == "rbf" and dtype == "float32":  # how many nodes a bound asks for may turn on the last digit
        np.testing.assert_allclose(on_gpu.final, on_cpu.final, rtol=0, atol=2e-5)
    else:
        assert_near(on_gpu, on_cpu, BOUND[dtype])
    x = np.array([[0.1], [0.7]])
    np.testing.assert_allclose(on_gpu.discriminator(x), on_cpu.discriminator(x), rtol=0, atol=BOUND[dtype])


def test_a_particle_on_a_true_point_feels_no_pull_of_it():
    """The tangent kernel's gradient at coincident points is 0: places must agree to the last digit."""
    one = game(2, "deep ntk", order="alternating")
    start = np.concatenate([one.true_points[:2], [[0.0, 0.0]]])
    on_cpu, on_gpu = (one.run(start, steps=1, backend=backend) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, 1e-12)
    at_origin = game(2, "ntk").run([[0.0, 0.0]], steps=1, backend="cuda")
    np.testing.assert_array_equal(at_origin.final, [[0.0, 0.0]])


@pytest.mark.parametrize(("axes", "name"), [(2, "rbf"), (3, "laplace"), (2, "ntk")])
def test_what_does_not_fit_lies_in_global_memory_and_any_block_has_the_same_bits(axes, name, monkeypatch):
    one, call = game(axes, name), {"steps": 2, "backend": "cuda"}
    wanted = one.run(points(3, axes), **call)
    for shared, block in ((0, 2), (48 * 1024, 4)):
        monkeypatch.setattr(history_cuda, "SHARED", shared)
        monkeypatch.setattr(history_cuda, "BLOCK", block)
        assert_same(one.run(points(3, axes), **call), wanted)


@pytest.mark.parametrize(("name", "dtype", "steps"), [("rbf", "float32", 61), ("ntk", "float64", 1)])
@pytest.mark.usefixtures("one_thread")
def test_a_run_goes_on_bit_for_bit(name, dtype, steps):
    one, call = game(1, name, lr_disc=0.05, lr_gen=0.05), {"trials": 2, "backend": "cuda", "dtype": dtype}
    start = np.array([[[0.5]], [[-0.2]]])
    whole = one.run(start, steps=steps + 5, **call)
    parts = one.run(start, steps=steps, **call).extend(5)
    assert_same(parts, whole)
    last = one.run(start[1:], steps=steps + 5, **call | {"trials": 1})
    assert_same(last, whole, slice(1, 2))


@pytest.mark.parametrize("name", ["rational", "ntk"])
@pytest.mark.parametrize("dtype", sorted(BOUND))
@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
def test_a_trial_that_diverges_keeps_its_last_finite_particles(dtype, name):
    """With lr_disc reg far above 2 weights grow by a factor a step, until the particles overflow."""
    one = game(2, name, reg=1e40 if dtype == "float64" else 1e10, lr_disc=1.0)
    call = {"masses": MASSES[:3], "trials": 2, "dtype": dtype}
    on_cpu, on_gpu = (one.run(points(3, 2), steps=14, backend=backend, **call) for backend in ("cpu", "cuda"))
    assert on_gpu.diverged_at.min() > 1
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    assert np.isfinite(on_gpu.final).all()
    before = one.run(points(3, 2), steps=int(on_gpu.diverged_at[0]) - 1, backend="cuda", **call)
    np.testing.assert_array_equal(on_gpu.final[0], before.final[0])
    bound = BOUND[dtype] * np.abs(on_cpu.final).max()
    np.testing.assert_allclose(on_gpu.final, on_cpu.final, rtol=0, atol=bound)


def test_a_kernel_of_another_kind_has_no_cuda_loops():
    one = game(2, kernel=ganth.RandomFeatures(ganth.RBF(0.8), 30, 2, 5))
    with pytest.raises(ganth.BackendUnavailableError, match="KernelGAN with these settings has no CUDA loops"):
        one.run(points(2, 2), steps=1, backend="cuda")
