"""EffectiveGAN against Fourier modes on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.discriminators import FourierModes
from ganth.games import fourier_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}
NAMES = ("particles", "weights")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(fourier_cuda, "BLOCK", 8)


def game(axes, per_axis=3, **changes):
    target = ganth.targets.GaussianMixture(2 * ganth.streams.uniform(3, (3, axes)) - 1, 0.05)
    modes = FourierModes(per_axis=per_axis, lowest=0.3, highest=4.0, cap=5.0)
    call = {} if "gram" in changes else {"ntk_ratio": 0.2}
    call |= {"n_particles": 5, "lr_disc": 0.1, "lr_gen": 0.2, "n_disc": 2, "n_data": 7, "modes": modes}
    return ganth.EffectiveGAN(target, discriminator="fourier", **call | changes)


def assert_near(found, wanted, bound):
    for name in NAMES:
        np.testing.assert_allclose(found.state[name], wanted.state[name], rtol=bound, atol=bound)


@given(
    axes=st.integers(1, 2), per_axis=st.integers(1, 3),
    n=st.sampled_from([1, 3, 34]), n_data=st.sampled_from([1, 6, 33]),
    data=st.sampled_from(["resampled", "fixed", "population"]), inner=st.sampled_from([None, "loop"]),
    order=st.sampled_from(["alternating", "simultaneous"]), n_disc=st.integers(1, 2),
    dtype=st.sampled_from(sorted(BOUND)), steps=st.integers(1, 2), trials=st.just(1), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=6)
def test_steps_are_those_of_the_cpu(axes, per_axis, n, n_data, data, inner, order, n_disc, dtype, steps, trials, seed):
    one = game(
        axes, per_axis, n_particles=n, n_data=n_data, data=data, inner=inner, order=order, n_disc=n_disc,
        ntk_ratio=0.2 if n > 1 else 0.0,
    )  # fmt: skip
    call = {"steps": steps, "trials": trials, "seed": seed, "dtype": dtype}
    on_cpu, on_gpu = (one.run(backend=backend, **call) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, BOUND[dtype])
    assert on_gpu.options["backend"] == "cuda"


@pytest.mark.parametrize("dtype", sorted(BOUND))
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_every_kernel(axes, dtype, order):
    one = game(axes, order=order, gram=5 * np.eye(5) + 0.3 if axes == 2 else 3 * np.eye(5))
    on_cpu, on_gpu = (one.run(steps=2, seed=2, dtype=dtype, backend=backend) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, BOUND[dtype])


def test_what_does_not_fit_lies_in_global_memory_and_any_block_has_the_same_bits(monkeypatch):
    one, call = game(2, n_particles=34), {"steps": 2, "seed": 4, "backend": "cuda"}
    wanted = one.run(**call)
    for inside, shared in enumerate([0, 4800, 10**6]):
        monkeypatch.setattr(fourier_cuda, "SHARED", shared)
        monkeypatch.setattr(fourier_cuda, "BLOCK", 3 << inside)
        assert fourier_cuda.places(6, 6, 2, 8)[0] == inside
        found = one.run(**call)
        for name in NAMES:
            np.testing.assert_array_equal(found.state[name], wanted.state[name])


def test_a_run_goes_on_bit_for_bit():
    one, call = game(2), {"seed": 1, "backend": "cuda"}
    whole = one.run(steps=3, trials=2, **call)
    parts = one.run(steps=1, trials=2, **call).extend(2)
    last = one.run(steps=3, first_trial=1, **call)
    for name in NAMES:
        np.testing.assert_array_equal(parts.state[name], whole.state[name])
        np.testing.assert_array_equal(last.state[name], whole.state[name][1:])


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
def test_a_trial_that_diverges_keeps_its_last_finite_state(order):
    one = game(2, order=order, lr_gen=1e150, lr_disc=1e60, reg=1.0, data="population", inner="loop", n_disc=1)
    on_cpu, on_gpu = (one.run(steps=12, trials=2, seed=3, backend=backend) for backend in ("cpu", "cuda"))
    assert on_gpu.diverged_at.min() > 1
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    for trial, step in enumerate(on_gpu.diverged_at):
        before = one.run(steps=int(step) - 1, trials=2, seed=3, backend="cuda")
        for name in NAMES:
            assert np.isfinite(on_gpu.state[name][trial]).all()
            np.testing.assert_array_equal(on_gpu.state[name][trial], before.state[name][trial])
