"""FiniteWidthGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import deep_cuda, finite_width_cuda, fourier_cuda, one_hidden_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}
DISCRIMINATORS = {
    "dense": {"width": 6, "activation": "tanh"},
    "deep": {"width": 5, "depth": 1},
    "fourier": {"modes": ganth.discriminators.FourierModes(per_axis=2), "data": "population"},
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        for loops, threads in ((deep_cuda, 4), (finite_width_cuda, 4), (fourier_cuda, 2), (one_hidden_cuda, 2)):
            monkeypatch.setattr(loops, "BLOCK", threads)
        monkeypatch.setattr(finite_width_cuda, "SETTLING", 2)


def game(axes=2, kind="dense", width=9, dim=3, generator=None, seeds=None, optimiser="sgd", **changes):
    target = ganth.targets.GaussianMixture(2 * ganth.streams.uniform(3, (3, axes)) - 1, 0.05)
    call = {"n_particles": 4, "n_data": 3, "lr_disc": 0.05, "lr_gen": 0.2, "n_disc": 1} | DISCRIMINATORS[kind]
    rules = ganth.EffectiveGAN(target, discriminator=kind, **call | changes)
    network = ganth.generators.WideGenerator(dim, width, outputs=axes, var_w=0.8, var_b=0.3, **(generator or {}))
    return ganth.FiniteWidthGAN(rules, network, seeds=seeds, optimiser=optimiser)


def both(one, **call):
    runs = [one.run(backend=backend, **call) for backend in ("cpu", "cuda")]
    assert runs[1].options["backend"] == "cuda"
    return runs


def assert_near(on_cpu, on_gpu):
    bound = BOUND[on_cpu.options["dtype"]]
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    for name, wanted in on_cpu.state.items():
        np.testing.assert_allclose(on_gpu.state[name], wanted, rtol=bound, atol=bound, err_msg=name)


@given(
    axes=st.integers(1, 3), kind=st.sampled_from(["dense", "deep"]), width=st.integers(1, 20),
    activation=st.sampled_from(["relu", "tanh", "erf"]), dim=st.integers(1, 18), n=st.integers(1, 9),
    optimiser=st.sampled_from(["sgd", "rmsprop"]), order=st.sampled_from(["alternating", "simultaneous"]),
    data=st.sampled_from(["fixed", "resampled"]), dtype=st.sampled_from(sorted(BOUND)), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=6)
def test_iterations_are_those_of_the_cpu(axes, kind, activation, width, dim, n, optimiser, order, data, dtype, seed):
    one = game(
        axes, kind, width, dim, {"activation": activation}, n_particles=n, optimiser=optimiser, order=order, data=data,
        lr_gen=0.2 if optimiser == "sgd" else 0.01,
    )  # fmt: skip
    assert_near(*both(one, steps=2, seed=seed, dtype=dtype))


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
@pytest.mark.parametrize(
    ("kind", "activation", "optimiser", "dtype"),
    [
        ("dense", "tanh", "rmsprop", "float32"), ("deep", "erf", "sgd", "float64"),
        ("fourier", "relu", "rmsprop", "float64"), ("fourier", "erf", "sgd", "float32"),
    ],
)  # fmt: skip
def test_an_iteration_of_each_kind(kind, activation, optimiser, dtype, order):
    one = game(
        1, kind, generator={"activation": activation}, optimiser=optimiser, order=order,
        lr_gen=0.2 if optimiser == "sgd" else 0.01,
    )  # fmt: skip
    on_cpu, on_gpu = both(one, steps=2, seed=2, dtype=dtype)
    assert_near(on_cpu, on_gpu)
    assert np.abs(on_gpu.state["generator"] - one.run(steps=0, seed=2).state["generator"]).max() > 1e-4


def test_more_groups_of_units_than_one_and_given_seeds():
    seeds = ganth.streams.normal(5, (4, 2))
    on_cpu, on_gpu = both(game(1, width=70, dim=2, seeds=seeds), steps=1, trials=2, seed=3)
    assert_near(on_cpu, on_gpu)
    assert (on_gpu.final[0] != on_gpu.final[1]).all()


@pytest.mark.skipif(not ganth.backend.simulated(), reason="blocks of one size on a GPU")
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_neither_the_block_nor_what_is_staged_changes_a_bit(monkeypatch, order):
    one, call = game(width=21, dim=7, n_particles=9, order=order), {"steps": 1, "seed": 4, "backend": "cuda"}
    wanted = one.run(**call)
    for block, staged in ((8, 16), (2, 3)):
        monkeypatch.setattr(finite_width_cuda, "BLOCK", block)
        monkeypatch.setattr(finite_width_cuda, "SETTLING", 2 * block)
        monkeypatch.setattr(finite_width_cuda, "STEP", staged)
        found = one.run(**call)
        for name, values in wanted.state.items():
            np.testing.assert_array_equal(found.state[name], values)


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_a_run_goes_on_bit_for_bit(order):
    one, call = game(optimiser="rmsprop", lr_gen=0.01, order=order), {"seed": 1, "backend": "cuda", "record_every": 1}
    whole, parts = (one.run(steps=3, trials=2, **call), one.run(steps=1, trials=2, **call).extend(2))
    for name, values in whole.state.items():
        np.testing.assert_array_equal(parts.state[name], values)
    np.testing.assert_array_equal(parts.particles, whole.particles)
    np.testing.assert_array_equal(one.run(steps=3, first_trial=1, **call).particles, whole.particles[1:])
    np.testing.assert_allclose(one.network(whole, 1)(one.seeds_of(whole, 1)), whole.final[1], rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
@pytest.mark.parametrize(
    "changes",
    [{"lr_gen": 1e200}, {"lr_disc": 1e200, "activation": "relu"}, {"kind": "deep", "lr_disc": 1e200},
     {"kind": "fourier", "lr_disc": 1e200}],
    ids=str,
)  # fmt: skip
def test_a_trial_stops_where_it_diverges(changes, order):
    on_cpu, on_gpu = both(game(**changes, order=order), steps=4, seed=1, record_every=1)
    assert on_cpu.diverged_at.min() > 0
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    assert np.isfinite(on_gpu.particles).all()
    np.testing.assert_allclose(on_gpu.particles, on_cpu.particles, rtol=1e-9)
