"""NSGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth import nn
from ganth.games import nsgan_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}
LOSSES = ("nsgan", "minimax", "lsgan", "wgan_gp", "kl", "reverse_kl", "pearson", "hellinger", "js", "gan")
NETWORKS = ("generator", "discriminator")
# Optimisers that divide by a slope's size pass on its error: epsilon bounds by how much.
OPTIMISERS = (nn.SGD(), nn.SGD(momentum=0.5), nn.RMSProp(epsilon=1e-2), nn.Adam(beta1=0.5, epsilon=1e-2))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(nsgan_cuda, "BLOCK", 4)


def mixture(dim, modes=3):
    means = ganth.streams.normal(8, (modes, dim))
    mixing = 0.3 * ganth.streams.normal(9, (modes, dim, dim))
    weights = np.arange(1.0, modes + 1)
    covariances = mixing @ mixing.swapaxes(1, 2) + 0.01 * np.eye(dim)
    return ganth.targets.GaussianMixture(means, covariances, weights / weights.sum())


def game(dim=2, hidden=(5, 4), activation="tanh", **changes):
    network = nn.Dense(hidden, activation=activation)
    call = {
        "generator": nn.Dense((4,), activation="tanh"), "discriminator": network, "batch": 9, "n_samples": 5,
        "lr_disc": 0.05, "lr_gen": 0.1,
    }  # fmt: skip
    return ganth.NSGAN(mixture(dim), **call | changes)


def both(one, **call):
    runs = [one.run(backend=backend, **call) for backend in ("cpu", "cuda")]
    assert runs[1].options["backend"] == "cuda"
    return runs


def assert_near(on_cpu, on_gpu):
    bound = BOUND[on_cpu.options["dtype"]]
    for name in ("particles", "field", *NETWORKS, "generator_moments", "discriminator_moments"):
        found, wanted = on_gpu.state[name], on_cpu.state[name]
        scale = max(1.0, np.abs(wanted).max()) if wanted.size else 1.0
        np.testing.assert_allclose(found, wanted, rtol=0, atol=bound * scale, err_msg=name)
    np.testing.assert_allclose(on_gpu.recorded["metric"], on_cpu.recorded["metric"], rtol=30 * bound)
    np.testing.assert_array_equal(on_gpu.recorded["modes"], on_cpu.recorded["modes"])


@given(
    dim=st.integers(1, 3), latents=st.integers(1, 3), batch=st.integers(1, 7), loss=st.sampled_from(LOSSES),
    hidden=st.lists(st.integers(1, 5), min_size=1, max_size=2), noise=st.sampled_from([0.0, 0.3]),
    activation=st.sampled_from(["relu", "leaky", "tanh", "sigmoid"]), penalty=st.sampled_from([0.0, 0.7]),
    place=st.sampled_from(["between", "data"]), form=st.sampled_from(["network", "particle"]),
    n_disc=st.integers(1, 2), optimisers=st.tuples(*[st.sampled_from(OPTIMISERS)] * 2),
    dtype=st.sampled_from(sorted(BOUND)), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=5)
def test_iterations_are_those_of_the_cpu(
    dim, latents, batch, loss, hidden, noise, activation, penalty, place, form, n_disc, optimisers, dtype, seed
):
    one = game(
        dim, tuple(hidden), activation, latent_dim=latents, batch=batch, loss=loss, noise=noise, grad_penalty=penalty,
        grad_penalty_at=place, form=form, n_disc=n_disc, optimiser_gen=optimisers[0], optimiser_disc=optimisers[1],
        n_samples=3, particle_step=0.4,
    )  # fmt: skip
    assert_near(*both(one, steps=1, seed=seed, dtype=dtype))


CASES = [
    *({"loss": loss} for loss in LOSSES[:-2]),
    *({"activation": activation, "hidden": (3, 3)} for activation in ("relu", "sigmoid")),
    *({"activation": activation, "grad_penalty": 2.0} for activation in ("leaky", "tanh", "sigmoid")),
    *(
        {"activation": activation, "grad_penalty": 2.0, "grad_penalty_at": "between"}
        for activation in ("leaky", "tanh")
    ),
    *({"optimiser_gen": optimiser, "optimiser_disc": optimiser} for optimiser in OPTIMISERS[1:]),
    {"form": "particle", "particle_step": 2.0},
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_an_iteration_of_each_kind(settings):
    one = game(**{"hidden": (4,), "batch": 5, "n_samples": 2} | settings)
    on_cpu, on_gpu = both(one, steps=2 if "optimiser_gen" in settings else 1, seed=2)
    assert_near(on_cpu, on_gpu)
    start = one.run(steps=0, seed=2)
    for name in NETWORKS:
        assert np.abs(on_gpu.state[name] - start.state[name]).max() > 1e-6


@pytest.mark.parametrize("dtype", sorted(BOUND))
def test_noise_is_numbered_as_by_the_blocks_of_the_cpu(dtype):
    """A batch of more than one block of the CPU's (32 or 64 points), and of more than one tile."""
    one = game(hidden=(3, 2), noise=0.5, batch=69, n_samples=2)
    assert_near(*both(one, steps=1, seed=3, dtype=dtype))


@pytest.mark.parametrize("settings", [{"noise": 0.2}, {"grad_penalty": 0.5, "grad_penalty_at": "between"}], ids=str)
def test_what_does_not_fit_lies_in_global_memory_and_any_block_has_the_same_bits(monkeypatch, settings):
    one, call = game(**settings), {"steps": 1, "seed": 4, "backend": "cuda"}
    wanted = one.run(**call)
    for block, shared in (
        (2, 0),
        (16, 8 * 120),
        (8, 8 * 400),
    ):  # nothing; the discriminator's layers; a part in between
        monkeypatch.setattr(nsgan_cuda, "BLOCK", block)
        monkeypatch.setattr(nsgan_cuda, "SHARED", shared)
        found = one.run(**call)
        for name in ("particles", "field", *NETWORKS):
            np.testing.assert_array_equal(found.state[name], wanted.state[name])


def test_tiles_of_any_size_have_the_same_bits_without_a_penalty(monkeypatch):
    one, call = game(), {"steps": 1, "seed": 5, "backend": "cuda"}
    wanted = one.run(**call)
    monkeypatch.setattr(nsgan_cuda, "POINTS", 4)
    found = one.run(**call)
    for name in ("particles", "field", *NETWORKS):
        np.testing.assert_array_equal(found.state[name], wanted.state[name])
    assert_near(*both(game(grad_penalty=1.0), steps=1, seed=5))


def test_a_run_goes_on_bit_for_bit():
    adam = nn.Adam()
    one = game(hidden=(3,), batch=3, n_samples=2, optimiser_gen=adam, optimiser_disc=adam, noise=0.1)
    call = {"seed": 1, "backend": "cuda", "record_every": 1}
    whole = one.run(steps=2, trials=2, **call)
    parts = one.run(steps=1, trials=2, **call).extend(1)
    last = one.run(steps=2, first_trial=1, **call)
    for name in whole.state:
        np.testing.assert_array_equal(parts.state[name], whole.state[name])
    np.testing.assert_array_equal(parts.particles, whole.particles)
    np.testing.assert_array_equal(last.particles, whole.particles[1:])
    for name, values in whole.recorded.items():
        np.testing.assert_array_equal(parts.recorded[name], values)


@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
@pytest.mark.parametrize("dtype", sorted(BOUND))
def test_a_trial_that_diverges_keeps_its_last_finite_networks(dtype):
    rate = 1e40 if dtype == "float64" else 1e6
    one = game(
        hidden=(2, 3), activation="relu", loss="wgan_gp", grad_penalty=0.0, lr_disc=rate, lr_gen=rate, batch=3,
        n_samples=2,
    )  # fmt: skip
    on_cpu, on_gpu = both(one, steps=12, trials=2, dtype=dtype, record_every=4)
    assert on_gpu.diverged_at.min() > 1
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    for trial, step in enumerate(on_gpu.diverged_at):
        before = one.run(steps=int(step) - 1, first_trial=trial, backend="cuda", dtype=dtype)
        for name in ("particles", "field", *NETWORKS):
            assert np.isfinite(on_gpu.state[name][trial]).all()
            np.testing.assert_array_equal(on_gpu.state[name][trial], before.state[name][0])
