"""Tangent kernels of infinitely wide networks on CUDA against their CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth import ntk
from ganth.kernels import pairs_cuda
from ganth.ntk import infinite_cuda

BOUND = 1e-12
VARIANCES = {"var_a": 2.25, "var_w": 0.4, "var_b": 0.3}


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        for loops in (pairs_cuda, infinite_cuda):
            patch.setattr(loops, "BLOCK", 8)
        yield


@given(
    activation=st.sampled_from(["relu", "erf"]), n=st.integers(1, 5), m=st.integers(1, 4), dim=st.integers(1, 4),
    bias=st.booleans(), room=st.sampled_from([1, 2**28]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=8)
def test_one_hidden_layer(activation, n, m, dim, bias, room, seed):
    x, y = ganth.streams.normal(seed, (n, dim)), ganth.streams.normal(seed + 1, (m, dim))
    y[0] = [x[0], -2 * x[0], 0 * x[0]][seed % 3]
    law = VARIANCES if bias else VARIANCES | {"var_b": 0.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(infinite_cuda, "ROOM", room)
        on_gpu = ntk.one_hidden(x, y, activation=activation, backend="cuda", **law)
    on_cpu = ntk.one_hidden(x, y, activation=activation, **law)
    unit = 2 * (1 + 2.25) * (1 + np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)))
    assert (np.abs(on_gpu - on_cpu) <= BOUND * unit).all()


@given(layers=st.integers(1, 9), mu=st.sampled_from([0.0, 0.3, 1.0]), room=st.sampled_from([1, 48, 2**28]))
@settings(max_examples=6)
def test_deep_networks(layers, mu, room):
    cosines = np.array([[-1.0, -0.3, 0.0], [0.4, 1 - 1e-9, 1.0]])
    for convention in ("plain", "standardised"):
        on_cpu = ntk.deep_relu(cosines, layers, mu, convention)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(infinite_cuda, "ROOM", room)
            on_gpu = ntk.deep_relu(cosines, layers, mu, convention, backend="cuda")
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=BOUND, atol=1e-15)
    assert np.ndim(ntk.deep_relu(0.5, layers, mu, backend="cuda")) == 0


def test_two_values():
    seeds = ganth.streams.normal(1, (4, 3))
    for network in ({"hidden_layers": 2, "mu": 0.5}, VARIANCES):
        found, wanted = (ntk.two_values(seeds, backend=backend, **network) for backend in ("cuda", "cpu"))
        np.testing.assert_allclose(found, wanted, rtol=BOUND)


def test_tanh_has_no_cuda_loops():
    with pytest.raises(ganth.BackendUnavailableError, match="activation='tanh' has no CUDA loops"):
        ntk.one_hidden([[1.0]], [[2.0]], activation="tanh", backend="cuda", **VARIANCES)
