"""RemedyGAN on CUDA against NumPy, through the public door."""

import numpy as np
import pytest

import ganth
from ganth.games import remedies_engine_cuda

BOUND = 1e-9  # Adam divides by the root of a square as small as the rounding of sums in another order
RING = ganth.targets.GaussianMixture.ring(4, 2.0, 0.01)
REMEDIES = (
    {"n_disc": 2, "instance_noise": 0.3, "anneal": 5}, {"loss": "minimax", "label_smoothing": 0.1, "label_flips": 0.3},
    {"grad_penalty": 1.0, "spectral": True, "minibatch": "features", "feature_matching": 0.5},
    {"minibatch": "deviation", "dispersion": 1.0, "grad_penalty": 0.5}, {"path_length": 0.1, "layer_noise": 0.2},
    {"top_k": 0.4, "width": 3, "latent_dim": 3},
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(remedies_engine_cuda, "BLOCK", 8)


def small(**settings):
    return ganth.RemedyGAN(RING, **{"width": 4, "width_gen": 3, "batch": 4, "n_samples": 3} | settings)


@pytest.mark.parametrize("remedy", REMEDIES, ids="-".join)
def test_iterations_are_those_of_the_cpu(remedy):
    on_cpu, on_gpu = (small(**remedy).run(steps=3, seed=5, backend=backend) for backend in ("cpu", "cuda"))
    for name, wanted in on_cpu.state.items():
        np.testing.assert_allclose(on_gpu.state[name], wanted, rtol=BOUND, atol=BOUND, err_msg=name)
    assert on_gpu.options["backend"] == "cuda"


def test_what_does_not_fit_lies_in_global_memory_and_any_block_has_the_same_bits(monkeypatch):
    one, call = small(spectral=True), {"steps": 2, "seed": 4, "backend": "cuda"}
    wanted = one.run(**call)
    for inside, shared in enumerate([0, 2000, 10**6]):
        monkeypatch.setattr(remedies_engine_cuda, "SHARED", shared)
        monkeypatch.setattr(remedies_engine_cuda, "BLOCK", 3 << inside)
        assert remedies_engine_cuda.places(one, 2, 2, 120)[0] == inside
        found = one.run(**call)
        for name, values in wanted.state.items():
            np.testing.assert_array_equal(found.state[name], values)


def test_a_run_goes_on_bit_for_bit():
    one, call = small(), {"seed": 1, "backend": "cuda"}
    whole = one.run(steps=3, trials=2, **call)
    parts = one.run(steps=1, trials=2, **call).extend(2)
    last = one.run(steps=3, first_trial=1, **call)
    for name in ("particles", "generator_0", "discriminator_first_2"):
        np.testing.assert_array_equal(parts.state[name], whole.state[name])
        np.testing.assert_array_equal(last.state[name], whole.state[name][1:])


@pytest.mark.parametrize("rate", [1e60, 1e200])
def test_a_trial_that_diverges_keeps_its_last_finite_state(rate):
    one = small(lr_gen=rate, lr_disc=rate)
    with pytest.warns(ganth.DivergenceWarning):
        on_cpu, on_gpu = (one.run(steps=9, seed=5, trials=2, backend=backend) for backend in ("cpu", "cuda"))
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    for name in ("particles", "generator_0", "discriminator_0", "generator_first_1"):
        assert np.isfinite(on_gpu.state[name]).all()
        np.testing.assert_allclose(on_gpu.state[name], on_cpu.state[name], rtol=1e-9)
