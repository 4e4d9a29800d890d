"""DiracGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import dirac_cuda
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


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(dirac_cuda, "BLOCK", 4)


@given(
    law=st.sampled_from([
        {"loss": "linear", "n_disc": 2}, {"loss": "wgan", "clip": 0.2}, {"loss": "wgan_gp", "target_norm": 0.1},
        {"loss": "vanilla"}, {"loss": "nsgan", "noise": 0.4}, {"loss": "linear", "consensus": 0.3},
    ]),
    dtype=st.sampled_from(sorted(BOUND)), trials=st.integers(1, 6), steps=st.integers(0, 5),
    grad_reg=st.floats(0, 4), seed=st.integers(0, 100),
)  # fmt: skip
@settings(max_examples=25)
def test_a_flow_is_that_of_the_cpu(law, dtype, trials, steps, grad_reg, seed):
    game = ganth.DiracGAN(grad_reg, order="continuous", lr_disc=0.3, lr_gen=0.5, **law)
    starts = 2 * ganth.streams.uniform(seed, (2, trials)) - 1
    call = {"phi0": starts[1], "steps": steps, "trials": trials, "record_every": 5, "dtype": dtype}
    on_cpu, on_gpu = (game.run(starts[0, :, None, None], backend=backend, **call) for backend in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.particles, on_cpu.particles, rtol=BOUND[dtype], atol=BOUND[dtype])
    np.testing.assert_allclose(on_gpu.recorded["phi"], on_cpu.recorded["phi"], rtol=BOUND[dtype], atol=BOUND[dtype])


def test_a_flow_goes_on_and_any_block_has_the_same_bits(monkeypatch):
    game = ganth.DiracGAN(0.2, loss="vanilla", order="continuous", lr_disc=0.5)
    call, starts = {"trials": 5, "backend": "cuda"}, np.linspace(-1, 2, 5)[:, None, None]
    whole = game.run(starts, steps=4, **call)
    monkeypatch.setattr(dirac_cuda, "BLOCK", 2)
    np.testing.assert_array_equal(game.run(starts, steps=1, **call).extend(3).final, whole.final)


@pytest.mark.parametrize("law", [{"loss": "linear"}, {"loss": "vanilla", "consensus": 2.0}])
def test_a_flow_that_overflows_keeps_its_last_finite_state(law):
    game = ganth.DiracGAN(order="continuous", lr_disc=1.0, **law)
    starts = np.array([1e308, 0.5, 1.0])[:, None, None]
    with pytest.warns(ganth.DivergenceWarning):
        on_cpu, on_gpu = (
            game.run(starts, phi0=[1.5e308, 0.0, 0.1], steps=3, trials=3, backend=backend)
            for backend in ("cpu", "cuda")
        )
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    np.testing.assert_allclose(on_gpu.final, on_cpu.final, rtol=1e-12)
