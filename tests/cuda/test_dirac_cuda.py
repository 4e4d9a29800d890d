"""DiracGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games.dirac import _LOSSES

BOUND = {"float64": 1e-12, "float32": 2e-5}


@given(
    loss=st.sampled_from(sorted(_LOSSES)), order=st.sampled_from(["simultaneous", "alternating"]),
    dtype=st.sampled_from(sorted(BOUND)), trials=st.integers(1, 9), steps=st.integers(0, 12), n_disc=st.integers(1, 3),
    grad_reg=st.floats(0, 1), seed=st.integers(0, 100),
)  # fmt: skip
@settings(max_examples=25)
def test_steps_are_those_of_the_cpu(loss, order, dtype, trials, steps, n_disc, grad_reg, seed):
    game = ganth.DiracGAN(grad_reg, loss=loss, order=order, lr_disc=0.1, lr_gen=0.2, n_disc=n_disc)
    starts = 2 * ganth.streams.uniform(seed, trials).reshape(trials, 1, 1) - 1
    call = {"steps": steps, "trials": trials, "record_every": 5, "dtype": dtype}
    on_cpu, on_gpu = (game.run(starts, backend=backend, **call) for backend in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.particles, on_cpu.particles, rtol=BOUND[dtype], atol=BOUND[dtype])
    assert on_gpu.options["backend"] == "cuda"
    np.testing.assert_array_equal(game.run(starts, backend="cuda", **call).particles, on_gpu.particles)


def test_a_trial_that_overflows_keeps_its_last_finite_state():
    game = ganth.DiracGAN(0.0, lr_disc=1e200, lr_gen=1e200)
    with pytest.warns(ganth.DivergenceWarning):
        on_gpu = game.run(np.ones((2, 1, 1)), steps=9, trials=2, backend="cuda")
    with pytest.warns(ganth.DivergenceWarning):
        on_cpu = game.run(np.ones((2, 1, 1)), steps=9, trials=2)
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    np.testing.assert_array_equal(on_gpu.final, on_cpu.final)


def test_a_run_goes_on_where_it_began():
    game = ganth.DiracGAN(0.3)
    whole = game.run([[1.0]], steps=20, record_every=10, backend="cuda")
    parts = game.run([[1.0]], steps=10, record_every=10, backend="cuda").extend(10)
    np.testing.assert_array_equal(parts.particles, whole.particles)
    assert parts.options["backend"] == "cuda"


def test_a_flow_has_no_cuda_loops():
    with pytest.raises(ganth.BackendUnavailableError, match="DiracGAN with these settings has no CUDA loops"):
        ganth.DiracGAN(0.3, order="continuous").run([[1.0]], steps=1, backend="cuda")
