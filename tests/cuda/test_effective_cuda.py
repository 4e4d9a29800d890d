"""EffectiveGAN against one hidden layer on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import one_hidden_cuda

BOUND = {"float64": 1e-11, "float32": 2e-4}  # of sums over points and units in another order


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(one_hidden_cuda, "BLOCK", 8)


def game(axes, **changes):
    means = 2 * ganth.streams.uniform(3, (3, axes)) - 1
    target = ganth.targets.GaussianMixture(means, 0.05)
    coupling = {} if "gram" in changes else {"ntk_ratio": 0.2}
    call = coupling | {"n_particles": 5, "width": 11, "lr_disc": 0.1, "lr_gen": 0.2, "n_disc": 2, "n_data": 7}
    return ganth.EffectiveGAN(target, **call | changes)


@given(
    axes=st.integers(1, 3), activation=st.sampled_from(["relu", "tanh", "erf"]),
    dtype=st.sampled_from(sorted(BOUND)),
    grad_reg=st.sampled_from([0.0, 0.7]), form=st.sampled_from(["half", "full"]),
    order=st.sampled_from(["alternating", "simultaneous"]), data=st.sampled_from(["fixed", "resampled"]),
    optimiser=st.sampled_from(["sgd", "rmsprop"]), steps=st.integers(1, 3), trials=st.integers(1, 2),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=8)
def test_steps_are_those_of_the_cpu(
    axes, activation, dtype, grad_reg, form, order, data, optimiser, steps, trials, seed
):
    rate = 0.1 if optimiser == "sgd" else 0.01
    one = game(
        axes, activation=activation, grad_reg=grad_reg, grad_reg_form=form, order=order, data=data,
        optimiser=optimiser, lr_disc=rate,
    )  # fmt: skip
    call = {"steps": steps, "trials": trials, "seed": seed, "dtype": dtype}
    on_cpu, on_gpu = (one.run(backend=backend, **call) for backend in ("cpu", "cuda"))
    for name in ("particles", "parameters"):
        np.testing.assert_allclose(on_gpu.state[name], on_cpu.state[name], rtol=BOUND[dtype], atol=BOUND[dtype])


@pytest.mark.parametrize("shared", [0, 400, 10**6])
def test_what_does_not_fit_lies_in_global_memory(monkeypatch, shared):
    one, call = game(2), {"steps": 2, "seed": 4}
    wanted = one.run(backend="cuda", **call)
    monkeypatch.setattr(one_hidden_cuda, "SHARED", shared)
    found = one.run(backend="cuda", **call)
    inside = one_hidden_cuda.places(found.state["particles"], found.state["parameters"], 7)[0]
    assert inside == {0: 0, 400: 0, 10**6: 2}[shared] or inside == 1
    np.testing.assert_array_equal(found.particles, wanted.particles)
    np.testing.assert_array_equal(found.state["parameters"], wanted.state["parameters"])


def test_more_dimensions_are_compiled_when_they_are_played():
    one = game(5, activation="relu", grad_reg=0.7)
    on_cpu, on_gpu = (one.run(steps=2, seed=2, backend=backend) for backend in ("cpu", "cuda"))
    for name in ("particles", "parameters"):
        np.testing.assert_allclose(on_gpu.state[name], on_cpu.state[name], rtol=1e-11, atol=1e-11)
    assert (5, False) in one_hidden_cuda.PLAYERS


def test_a_gram_matrix_couples():
    one = game(2, gram=5 * np.eye(5) + 0.3)
    on_cpu, on_gpu = (one.run(steps=2, seed=2, backend=backend) for backend in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.final, on_cpu.final, rtol=1e-11, atol=1e-11)


def test_a_run_goes_on_bit_for_bit_and_stops_where_it_diverges():
    one = game(2)
    whole = one.run(steps=3, seed=1, backend="cuda")
    np.testing.assert_array_equal(one.run(steps=1, seed=1, backend="cuda").extend(2).final, whole.final)
    wild = game(2, lr_disc=1e200, lr_gen=1e200)
    with pytest.warns(ganth.DivergenceWarning):
        on_cpu, on_gpu = (wild.run(steps=3, seed=1, backend=backend) for backend in ("cpu", "cuda"))
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    assert np.isfinite(on_gpu.final).all()
