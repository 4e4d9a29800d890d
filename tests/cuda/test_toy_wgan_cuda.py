"""ToyWGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import toy_wgan_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}


@given(
    prior=st.sampled_from(["normal", "logistic", "laplace", "cauchy"]),
    integrator=st.sampled_from(["explicit", "alternating", "symplectic"]), dtype=st.sampled_from(sorted(BOUND)),
    trials=st.integers(1, 9), atoms=st.integers(1, 4), steps=st.integers(0, 12), clip=st.sampled_from([None, 0.3]),
    seed=st.integers(0, 100),
)  # fmt: skip
@settings(max_examples=25)
def test_steps_are_those_of_the_cpu(prior, integrator, dtype, trials, atoms, steps, clip, seed):
    game = ganth.ToyWGAN(prior, gamma=2.0, integrator=integrator, time_step=0.1, clip=clip)
    numbers = 2 * ganth.streams.uniform(seed, (trials, atoms + 1)) - 1
    call = {"omega0": numbers[:, 1:], "steps": steps, "trials": trials, "record_every": 5, "dtype": dtype}
    starts = numbers[:, :1, None]
    on_cpu, on_gpu = (game.run(starts, backend=backend, **call) for backend in ("cpu", "cuda"))
    for name in ("particles", "u", "omega"):
        np.testing.assert_allclose(on_gpu.state[name], on_cpu.state[name], rtol=BOUND[dtype], atol=BOUND[dtype])
    np.testing.assert_array_equal(game.run(starts, backend="cuda", **call).particles, on_gpu.particles)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(toy_wgan_cuda, "BLOCK", 4)


@given(
    prior=st.sampled_from(["normal", "logistic", "laplace", "cauchy"]), dtype=st.sampled_from(sorted(BOUND)),
    trials=st.integers(1, 4), steps=st.integers(0, 4), clip=st.sampled_from([None, 0.2, 0.6]),
    time_step=st.sampled_from([0.1, 2.0]), seed=st.integers(0, 100),
)  # fmt: skip
@settings(max_examples=15)
def test_the_reference_is_that_of_the_cpu(prior, dtype, trials, steps, clip, time_step, seed):
    game = ganth.ToyWGAN(prior, gamma=2.0, time_step=time_step, clip=clip)
    numbers = 4 * ganth.streams.uniform(seed, (2, trials)) - 2
    call = {"omega0": numbers[1], "steps": steps, "trials": trials, "record_every": 5, "dtype": dtype}
    on_cpu, on_gpu = (game.run(numbers[0, :, None, None], backend=backend, **call) for backend in ("cpu", "cuda"))
    for name in ("particles", "u", "omega"):
        np.testing.assert_allclose(on_gpu.state[name], on_cpu.state[name], rtol=BOUND[dtype], atol=BOUND[dtype])


@pytest.mark.parametrize("integrator", ["reference", "symplectic"])
def test_a_run_goes_on_and_any_block_has_the_same_bits(monkeypatch, integrator):
    game = ganth.ToyWGAN(clip=0.5, time_step=1.0, integrator=integrator)
    call, starts = {"trials": 5, "backend": "cuda"}, np.linspace(-1, 2, 5)[:, None, None]
    whole = game.run(starts, steps=8, **call)
    monkeypatch.setattr(toy_wgan_cuda, "BLOCK", 2)
    parts = game.run(starts, steps=3, **call).extend(5)
    for name in ("particles", "omega"):
        np.testing.assert_array_equal(parts.state[name], whole.state[name])


def test_an_orbit_that_is_not_finite_stops():
    """At 60 the normal law's coordinate is not a number of the machine."""
    with pytest.warns(ganth.DivergenceWarning):
        on_cpu, on_gpu = (
            ganth.ToyWGAN().run([[[60.0]], [[1.0]]], steps=2, trials=2, backend=backend) for backend in ("cpu", "cuda")
        )
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    np.testing.assert_allclose(on_gpu.final, on_cpu.final, rtol=1e-12)
