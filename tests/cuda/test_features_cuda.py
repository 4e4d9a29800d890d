"""KernelGAN against random features on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import features_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}
KERNELS = (ganth.RBF(0.7), ganth.MultiScale([0.4, 1.5]), ganth.Laplace(0.9))
MASSES = [0.1, 0.3, 0.2, 0.25, 0.05]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(features_cuda, "BLOCK", 8)


def points(number, axes, seed=0):
    return ganth.streams.normal(seed, (number, axes)) / np.sqrt(axes)


def game(axes, **changes):
    call = {"kernel": ganth.RBF(0.7), "n_frequencies": 21, "reg": 0.3, "lr_disc": 0.05, "lr_gen": 0.05}
    return ganth.KernelGAN(points(3, axes, 7), **call | changes)


def assert_near(found, wanted, bound):
    for name in ("particles", "coefficients"):
        scale = max(1.0, np.abs(wanted.state[name]).max()) if name == "particles" else np.abs(wanted.state[name]).max()
        np.testing.assert_allclose(found.state[name], wanted.state[name], rtol=bound, atol=bound * scale)
    moves = [run.particles[:, -1] - run.particles[:, 0] for run in (found, wanted)]
    np.testing.assert_allclose(*moves, rtol=0, atol=bound)


@given(
    axes=st.integers(1, 5), n=st.integers(1, 5), n_frequencies=st.integers(1, 21), kernel=st.sampled_from(KERNELS),
    order=st.sampled_from(["alternating", "simultaneous"]), weighted=st.booleans(), own=st.booleans(),
    dtype=st.sampled_from(sorted(BOUND)), steps=st.integers(1, 4), trials=st.integers(1, 2), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=10)
def test_steps_are_those_of_the_cpu(
    axes, n, n_frequencies, kernel, order, weighted, own, dtype, steps, trials, seed
):  # fmt: skip
    one = game(axes, kernel=kernel, n_frequencies=n_frequencies, order=order)
    if own:
        one = one.with_settings(true_points=np.stack([points(3, axes, t) for t in range(trials)]))
    call = {"masses": MASSES[:n] if weighted else None, "steps": steps, "trials": trials, "seed": seed, "dtype": dtype}
    start = np.stack([points(n, axes, 50 + t) for t in range(trials)])
    on_cpu, on_gpu = (one.run(start, backend=backend, **call) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, BOUND[dtype])
    assert on_gpu.options["backend"] == "cuda"


@pytest.mark.parametrize(("axes", "dtype"), [(1, "float32"), (2, "float64"), (3, "float32"), (4, "float64")])
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_every_kernel(axes, dtype, order):
    one, call = game(axes, order=order), {"masses": MASSES, "steps": 3, "seed": 5, "dtype": dtype}
    on_cpu, on_gpu = (one.run(points(5, axes), backend=backend, **call) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, BOUND[dtype])


def test_far_particles_turn_as_on_the_cpu():
    """Phases of thousands of turns, and particles so far that no number there has a fraction."""
    one, far = game(1, n_frequencies=4), [[3e3], [-3e3], [1e18], [-1e18]]
    on_cpu, on_gpu = (one.run(far, steps=2, seed=1, backend=backend) for backend in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.state["coefficients"], on_cpu.state["coefficients"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("axes", [2, 4])
def test_what_does_not_fit_lies_in_global_memory_and_any_block_has_the_same_bits(monkeypatch, caplog, axes):
    caplog.set_level("INFO", "ganth")
    one, start, call = game(axes, order="alternating"), points(2, axes), {"steps": 2, "seed": 4, "backend": "cuda"}
    wanted = one.run(start, **call)
    room = (1 + features_cuda.slices_of(2, 21, axes)) * 2 * axes * 8
    for inside, shared in enumerate([0, room, room + 42 * 8, 10**6]):
        monkeypatch.setattr(features_cuda, "SHARED", shared)
        monkeypatch.setattr(features_cuda, "BLOCK", 2 << inside)
        tables = np.empty((1, (2 + axes) * 21))
        assert features_cuda.places(wanted.state["particles"], wanted.state["coefficients"], tables)[0] == inside
        found = one.run(start, **call)
        for name in ("particles", "coefficients"):
            np.testing.assert_array_equal(found.state[name], wanted.state[name])
    assert "in global memory: particles, coefficients, tables" in caplog.text


def test_a_run_goes_on_bit_for_bit():
    one, call = game(2, order="alternating"), {"seed": 1, "trials": 2, "backend": "cuda"}
    whole = one.run(points(5, 2), steps=3, **call)
    parts = one.run(points(5, 2), steps=1, **call).extend(2)
    last = one.run(points(5, 2), steps=3, seed=1, first_trial=1, backend="cuda")
    for name in ("particles", "coefficients"):
        np.testing.assert_array_equal(parts.state[name], whole.state[name])
        np.testing.assert_array_equal(last.state[name], whole.state[name][1:])


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
@pytest.mark.parametrize("dtype", sorted(BOUND))
@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
def test_a_trial_that_diverges_keeps_its_last_finite_particles_and_their_coefficients(dtype, order):
    """With lr_disc reg far above 2 the coefficients grow by a factor a step, until the particles overflow."""
    one = game(2, order=order, n_frequencies=5, reg=1e40 if dtype == "float64" else 1e6, lr_disc=1.0)
    call = {"masses": MASSES, "trials": 2, "dtype": dtype}
    on_cpu, on_gpu = (one.run(points(5, 2), steps=14, backend=backend, **call) for backend in ("cpu", "cuda"))
    assert on_gpu.diverged_at.min() > 3
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    assert np.isfinite(on_gpu.final).all()
    for trial, step in enumerate(on_gpu.diverged_at):
        before = one.run(points(5, 2), steps=int(step) - 1, backend="cuda", **call)
        for name in ("particles", "coefficients"):
            np.testing.assert_array_equal(on_gpu.state[name][trial], before.state[name][trial])
