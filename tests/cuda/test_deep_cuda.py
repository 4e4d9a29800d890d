"""Games against dense networks on CUDA, coupled (EffectiveGAN) and free (KernelGAN), against their CPU loops."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth.games import deep_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(deep_cuda, "BLOCK", 4)


def coupled(axes=2, **changes):
    means = 2 * ganth.streams.uniform(3, (3, axes)) - 1
    call = {
        "discriminator": "deep", "n_particles": 5, "n_data": 6, "width": 9, "depth": 2, "n_disc": 1, "reg": 0.1,
        "lr_disc": 0.1, "lr_gen": 0.3, "start_scale": 0.5,
    }  # fmt: skip
    coupling = {} if "gram" in changes else {"ntk_ratio": 0.2}
    return ganth.EffectiveGAN(ganth.targets.GaussianMixture(means, 0.05), **call | coupling | changes)


def free(axes=2, true=(3,), depth=2, width=9, **changes):
    points = 2 * ganth.streams.uniform(4, (*true, axes)) - 1
    call = {"reg": 0.2, "lr_disc": 0.1, "lr_gen": 0.3}
    masses = np.linspace(0.1, 0.9, true[-1])
    return ganth.KernelGAN(points, masses, kernel=ganth.DenseReLU(depth, width), **call | changes)


def both(one, *start, **call):
    """Run on the CPU and on CUDA; return parameters in the order that `DenseNetwork` has them, too."""
    runs = [one.run(*start, backend=backend, **call) for backend in ("cpu", "cuda")]
    return [(run, [run.discriminator_of(trial).parameters for trial in range(len(run.diverged_at))]) for run in runs]


def assert_close(one, bound, *start, **call):
    (on_cpu, theirs), (on_gpu, ours) = both(one, *start, **call)
    np.testing.assert_allclose(on_gpu.particles, on_cpu.particles, rtol=bound, atol=bound)
    np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound)
    return on_cpu, on_gpu


@given(
    axes=st.integers(1, 4), depth=st.integers(1, 3), width=st.integers(8, 12), dtype=st.sampled_from(sorted(BOUND)),
    grad_reg=st.sampled_from([0.0, 0.7]), form=st.sampled_from(["half", "full"]), n=st.integers(1, 9),
    order=st.sampled_from(["alternating", "simultaneous"]), data=st.sampled_from(["fixed", "resampled"]),
    n_data=st.integers(1, 11), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=5)
def test_steps_of_coupled_particles_are_those_of_the_cpu(
    axes, depth, width, dtype, grad_reg, form, n, order, data, n_data, seed
):
    one = coupled(
        axes, depth=depth, width=width, grad_reg=grad_reg, grad_reg_form=form, n_particles=n, n_data=n_data,
        order=order, data=data, n_disc=2, ntk_ratio=0.2 if n > 1 else 0.0,
    )  # fmt: skip
    assert_close(one, BOUND[dtype], steps=2, seed=seed, dtype=dtype)


@given(
    axes=st.integers(1, 4), depth=st.integers(1, 3), width=st.integers(8, 12), dtype=st.sampled_from(sorted(BOUND)),
    reg=st.sampled_from([0.0, 0.4]), order=st.sampled_from(["alternating", "simultaneous"]), n=st.integers(1, 9),
    n_true=st.integers(1, 9), own=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=5)
def test_steps_of_free_particles_are_those_of_the_cpu(axes, depth, width, dtype, reg, order, n, n_true, own, seed):
    one = free(axes, (2, n_true) if own else (n_true,), depth, width, reg=reg, order=order)
    start = ganth.streams.uniform(seed, (n, axes)), np.linspace(0.2, 1.1, n)
    assert_close(one, BOUND[dtype], *start, steps=2, trials=2, seed=seed, dtype=dtype)


def test_rmsprop_and_a_gram_matrix():
    one = coupled(gram=5 * np.eye(5) + 0.3, optimiser="rmsprop", lr_disc=0.01, grad_reg=0.7)
    on_cpu, on_gpu = (one.run(steps=2, seed=2, backend=backend) for backend in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.particles, on_cpu.particles, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(on_gpu.state["squares"], on_cpu.state["squares"], rtol=1e-6, atol=1e-8)
    # Where slopes cancel, a step is made of what rounding leaves of them over epsilon, 1e-8, and so again.
    real = on_cpu.state["squares"] > 1e-6
    assert real.mean() > 0.5
    ours, theirs = (run.state["parameters"][real] for run in (on_gpu, on_cpu))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(not ganth.backend.simulated(), reason="blocks of one size on a GPU")
def test_neither_the_block_nor_what_is_staged_changes_a_bit(monkeypatch):
    one, call = coupled(width=35, depth=1, grad_reg=0.4), {"steps": 1, "seed": 4, "backend": "cuda"}
    wanted = one.run(**call)
    monkeypatch.setattr(deep_cuda, "BLOCK", 8)
    found = one.run(**call)
    monkeypatch.setattr(deep_cuda, "tile_numbers", lambda threads: 200)
    assert deep_cuda.spread(35, 11, 8)[2] == 2  # four numbers of a row at a time
    for run in (found, one.run(**call)):
        np.testing.assert_array_equal(run.particles, wanted.particles)
        np.testing.assert_array_equal(run.state["parameters"], wanted.state["parameters"])


@pytest.mark.parametrize("make", [coupled, free])
def test_a_run_goes_on_bit_for_bit(make):
    one, call = make(), {"seed": 1, "backend": "cuda"}
    whole, parts = one.run(steps=3, **call), one.run(steps=1, **call).extend(2)
    for name, values in whole.state.items():
        np.testing.assert_array_equal(parts.state[name], values)


@pytest.mark.parametrize(
    "one", [coupled(lr_disc=1e80), coupled(lr_gen=1e200), free(lr_disc=1e80, order="alternating"), free(lr_gen=1e308)]
)
def test_a_trial_stops_where_it_diverges(one):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)
        on_cpu, on_gpu = (one.run(steps=5, seed=1, backend=backend, record_every=1) for backend in ("cpu", "cuda"))
    assert on_cpu.diverged_at[0] > 0
    np.testing.assert_array_equal(on_gpu.diverged_at, on_cpu.diverged_at)
    np.testing.assert_allclose(on_gpu.particles, on_cpu.particles, rtol=1e-9)
