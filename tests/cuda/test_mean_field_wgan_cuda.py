"""MeanFieldWGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import mean_field_wgan_cuda
from ganth.nn import SGD, Adam, RMSProp

BOUND = 1e-12
NAMES = ("particles", "critic", "moments", "critic_moments")
PAIR = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.04)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(mean_field_wgan_cuda, "BLOCK", 8)


def game(**changes):
    return ganth.MeanFieldWGAN(
        **{"target": PAIR, "neurons": 5, "critic_neurons": 3, "lr": 0.5, "clip": 0.6, "batch": 2, "nodes": 3} | changes
    )


@given(
    dim=st.sampled_from([1, 2, 5]), latents=st.sampled_from([1, 3]), neurons=st.integers(1, 6),
    critics=st.integers(1, 9), batch=st.sampled_from([1, 3, "full"]), n_critic=st.integers(1, 2),
    order=st.sampled_from(["alternating", "simultaneous"]), clip=st.sampled_from([None, 0.5]),
    optimiser=st.sampled_from([SGD(), SGD(momentum=0.5), RMSProp(decay=0.9), Adam()]), mixed=st.booleans(),
    steps=st.integers(1, 2), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=8)
def test_steps_are_those_of_the_cpu(
    dim, latents, neurons, critics, batch, n_critic, order, clip, optimiser, mixed, steps, seed
):
    target = ganth.streams.normal(7, (3, dim))
    one = game(
        target=ganth.targets.GaussianMixture(target, 0.3) if mixed and (dim < 5 or batch != "full") else target,
        latent_dim=latents, neurons=neurons, critic_neurons=critics, batch=batch, n_critic=n_critic, order=order,
        clip=clip, optimiser=optimiser,
    )  # fmt: skip
    on_cpu, on_gpu = (one.run(steps=steps, seed=seed, backend=backend) for backend in ("cpu", "cuda"))
    for name in NAMES:
        np.testing.assert_allclose(on_gpu.state[name], on_cpu.state[name], rtol=BOUND, atol=BOUND)
    assert on_gpu.options["backend"] == "cuda"


def test_what_does_not_fit_lies_in_global_memory_and_any_block_has_the_same_bits(monkeypatch):
    one, call = game(optimiser=Adam()), {"steps": 2, "seed": 4, "backend": "cuda"}
    wanted = one.run(**call)
    _, small, middle, whole = mean_field_wgan_cuda.places(5, 3, 1, 1, 2, 2)
    for inside, shared in enumerate([0, 8 * small, 8 * (small + middle), whole]):
        monkeypatch.setattr(mean_field_wgan_cuda, "SHARED", shared)
        monkeypatch.setattr(mean_field_wgan_cuda, "BLOCK", 2 << inside)
        assert mean_field_wgan_cuda.places(5, 3, 1, 1, 2, 2)[0] == inside
        found = one.run(**call)
        for name in NAMES:
            np.testing.assert_array_equal(found.state[name], wanted.state[name])


def test_a_run_goes_on_bit_for_bit():
    one, call = game(n_critic=2, optimiser=RMSProp()), {"seed": 1, "backend": "cuda"}
    whole = one.run(steps=3, trials=2, **call)
    parts = one.run(steps=1, trials=2, **call).extend(2)
    last = one.run(steps=3, first_trial=1, **call)
    for name in NAMES:
        np.testing.assert_array_equal(parts.state[name], whole.state[name])
        np.testing.assert_array_equal(last.state[name], whole.state[name][1:])


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_a_trial_that_diverges_keeps_its_last_finite_atoms(order):
    one = game(lr=1.5e308, clip=None, order=order)
    with pytest.warns(ganth.DivergenceWarning):
        on_cpu, on_gpu = (one.run(steps=30, trials=2, backend=backend) for backend in ("cpu", "cuda"))
    assert on_gpu.diverged_at.max() > 1
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    for name in NAMES[:2]:
        assert np.isfinite(on_gpu.state[name]).all()
        np.testing.assert_allclose(on_gpu.state[name], on_cpu.state[name], rtol=1e-9)
