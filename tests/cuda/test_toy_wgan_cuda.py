"""ToyWGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth

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


def test_the_reference_has_no_cuda_loops():
    with pytest.raises(ganth.BackendUnavailableError, match="ToyWGAN with these settings has no CUDA loops"):
        ganth.ToyWGAN(integrator="reference").run(0.5, steps=1, backend="cuda")
