"""Networks of image layers on CUDA against their CPU loops, through Network.bind; optimisers of arrays there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import cuda

import ganth
from ganth import nn, streams
from ganth.nn import (
    convolution_cuda,
    normalisation_cuda,
    optimisers_cuda,
    pointwise_cuda,
    spectral_cuda,
    steps_cuda,
)

BOUND = {"float64": 1e-12, "float32": 2e-5}
Conv, Up, Norm, Act, Linear, Reshape = nn.Conv, nn.ConvTranspose, nn.BatchNorm, nn.Activation, nn.Linear, nn.Reshape
TILES = [convolution_cuda.Tile(*sizes) for sizes in ((4, 4, 2, 4, 4), (2, 8, 2, 2, 2))]
NETWORKS = {
    "discriminator": nn.Network(
        (nn.Noise(0.3), Conv(2), Act("leaky"), Conv(3, bias=False), Norm(), Linear(1)), (4, 4, 1)
    ),
    "generator": nn.Network((Linear(8), Reshape((2, 2, 2)), Norm(), Act("relu"), Up(1), Act("tanh")), (3,)),
    "alone": nn.Network(
        (Act("sigmoid"), Norm(), Act("tanh"), Act("leaky"), nn.MinibatchStd(), nn.Noise(0.0)), (2, 1, 3)
    ),
    "spectral": nn.Network(
        (Conv(2, 2, 1, 0, spectral=True), Up(2, 2, 1, 0, spectral=True), Linear(2, spectral=True)), (2, 3, 2)
    ),
}
PRODUCTS = [convolution_cuda.products(tile) for tile in TILES]


def set_sizes(monkeypatch, which):
    monkeypatch.setattr(convolution_cuda, "TILE", TILES[which])
    monkeypatch.setattr(convolution_cuda, "PRODUCTS", PRODUCTS[which])
    for loops in (convolution_cuda, normalisation_cuda, optimisers_cuda, pointwise_cuda, spectral_cuda, steps_cuda):
        monkeypatch.setattr(loops, "BLOCK", 8 >> which)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        set_sizes(monkeypatch, 0)


def passes(net, backend, dtype, batch=3, training=True, count=1):
    """Return what passes there and back make of the same numbers, and the state that they leave."""
    layers, parameters = net.bind(batch, dtype, backend=backend), net.initial(3, start="torch").astype(dtype)
    x = streams.normal(1, (batch, *net.inputs)).astype(dtype)
    above = streams.normal(2, (batch, *net.outputs)).astype(dtype)
    state, gradient, below = net.initial_state(3).astype(dtype), np.ones(net.size, dtype), np.empty_like(x)
    for step in range(count):
        out = layers.forward(parameters, x, state=state, training=training, draw=(5, step, 1))
        layers.backward(parameters, above, gradient, below)
    return {"out": out, "gradient": gradient, "below": below, "state": state}


def assert_near(found, wanted, bound):
    for name, value in wanted.items():
        scale = np.abs(value).max(initial=1e-300)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=bound * scale, err_msg=name)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", sorted(BOUND))
def test_passes_are_those_of_the_cpu(name, dtype):
    call = {"dtype": dtype, "training": dtype == "float64" or name != "discriminator", "batch": 2}
    assert_near(passes(NETWORKS[name], "cuda", **call), passes(NETWORKS[name], "cpu", **call), BOUND[dtype])


@given(
    transposed=st.booleans(), size=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 2)),
    filter_=st.integers(1, 3).flatmap(lambda k: st.tuples(st.just(k), st.integers(1, 3), st.integers(0, k - 1))),
    channels=st.integers(1, 3), batch=st.integers(1, 2), dtype=st.sampled_from(sorted(BOUND)), bias=st.booleans(),
)  # fmt: skip
@settings(max_examples=8)
def test_convolutions_of_any_shape(transposed, size, filter_, channels, batch, dtype, bias):
    try:
        net = nn.Network(((Up if transposed else Conv)(channels, *filter_, bias=bias),), size)
    except ganth.errors.ShapeError:
        return
    assert_near(passes(net, "cuda", dtype, batch), passes(net, "cpu", dtype, batch), BOUND[dtype])


def test_sums_in_slices_are_those_of_the_cpu_and_no_size_of_a_tile_or_block_changes_a_bit(monkeypatch):
    net = nn.Network((Conv(3, 2, 1, 0), Act("tanh"), Up(1, 3, 2, 1), Norm(), Linear(2)), (2, 3, 2))
    monkeypatch.setattr(convolution_cuda, "SHORTEST", 3)
    shapes = convolution_cuda.Shapes(2, 2, 3, 2, 1, 2, 3, 2, 1, 0)
    assert [convolution_cuda.slices_of(form, shapes) for form in range(3)] == [(2, 4), (4, 3), (1, 4)]
    wanted = passes(net, "cuda", "float64", 2)
    assert_near(wanted, passes(net, "cpu", "float64", 2), BOUND["float64"])
    if ganth.backend.simulated():
        set_sizes(monkeypatch, 1)
        for name, value in passes(net, "cuda", "float64", 2).items():
            np.testing.assert_array_equal(value, wanted[name], err_msg=name)


def test_arrays_of_the_device_stay_there_and_two_passes_have_the_same_bits():
    net, wanted = NETWORKS["generator"], passes(NETWORKS["generator"], "cuda", "float32", 2)
    layers, there = net.bind(2, "float32", backend="cuda"), cuda.to_device
    parameters, state = there(net.initial(3, start="torch").astype("f4")), there(net.initial_state(3).astype("f4"))
    x, above = (there(streams.normal(seed, (2, *shape)).astype("f4")) for seed, shape in ((1, (3,)), (2, (4, 4, 1))))
    gradient, below, out = (
        there(np.ones(net.size, "f4")),
        there(np.ones((2, 3), "f4")),
        there(np.ones((2, 4, 4, 1), "f4")),
    )
    assert layers.forward(parameters, x, out, state=state) is out
    layers.backward(parameters, above, gradient, below)
    for name, found in {"out": out, "gradient": gradient, "below": below, "state": state}.items():
        np.testing.assert_array_equal(found.copy_to_host(), wanted[name])
    assert layers.forward(parameters, x, state=state).shape == (32,)
    with pytest.raises(ganth.errors.ShapeError, match=r"x must be a C-contiguous float32 array of shape \(2, 3\)"):
        layers.forward(parameters, above, state=state)
    with pytest.raises(ganth.errors.ParameterError, match="state must be given"):
        layers.forward(parameters, x)


@pytest.mark.parametrize("dtype", sorted(BOUND))
@pytest.mark.parametrize("optimiser", [nn.SGD(), nn.SGD(momentum=0.9), nn.RMSProp(), nn.Adam(beta1=0.5)], ids=repr)
def test_optimisers_step_as_on_the_cpu(optimiser, dtype):
    here, moments = streams.normal(1, 11).astype(dtype), optimiser.start(11, dtype)
    there, moments_there = cuda.to_device(here), cuda.to_device(moments)
    for t in (1, 2):
        slopes = streams.normal(t + 1, 11).astype(dtype)
        optimiser.step(here, slopes, moments, rate=0.1, step=t)
        optimiser.step(there, cuda.to_device(slopes), moments_there, rate=0.1, step=t)
    assert_near({"x": there.copy_to_host(), "m": moments_there.copy_to_host()}, {"x": here, "m": moments}, BOUND[dtype])
