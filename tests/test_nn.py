"""Dense networks without PyTorch: forward, gradients in parameters and inputs, penalties, optimisers."""

import naive_nets as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganth import nn, streams
from ganth.errors import ParameterError, ShapeError

ACTIVATIONS = ("relu", "leaky", "tanh", "sigmoid")
networks = st.tuples(st.lists(st.integers(1, 37), min_size=1, max_size=3).map(tuple), st.sampled_from(ACTIVATIONS)).map(
    lambda pair: nn.Dense(pair[0], activation=pair[1])
)


def numbers(seed, *shape):
    return streams.normal(seed, shape)


@settings(max_examples=25, deadline=None)
@given(networks, st.integers(1, 19), st.integers(1, 4), st.integers(1, 40), st.integers(0, 99))
def test_outputs_and_gradients_are_those_of_plain_loops(network, inputs, outputs, points, seed):
    parameters, x = network.initial(inputs, outputs, seed), numbers(seed, points, inputs)
    layers = nn.DenseLayers(network, inputs, outputs, batch=points)
    sizes = network.sizes(inputs, outputs)
    found = layers.forward(parameters, x)
    plain = [naive.network(sizes, network.activation, parameters, point) for point in x]
    np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-14)
    above, along, step = numbers(seed + 1, points, outputs), numbers(seed + 2, layers.size), 1e-6
    gradient, below = np.zeros(layers.size), np.empty_like(x)
    layers.backward(parameters, above, gradient=gradient, below=below)

    def loss(parameters, x):
        return (above * layers.forward(parameters, x)).sum()

    if network.activation in ("tanh", "sigmoid"):  # a kink may lie between the two ends of a difference
        slope = (loss(parameters + step * along, x) - loss(parameters - step * along, x)) / (2 * step)
        assert gradient @ along == pytest.approx(slope, rel=1e-7, abs=1e-7)
        aside = numbers(seed + 3, points, inputs)
        slope = (loss(parameters, x + step * aside) - loss(parameters, x - step * aside)) / (2 * step)
        assert (below * aside).sum() == pytest.approx(slope, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_wide_networks_against_differences(activation):
    network = nn.Dense((64, 64), activation=activation)
    parameters, x, along = network.initial(3, 1, 5), numbers(1, 50, 3), numbers(2, network.size(3, 1))
    layers, step = nn.DenseLayers(network, 3, 1, batch=50), 1e-7
    layers.forward(parameters, x)
    gradient = np.zeros(layers.size)
    layers.backward(parameters, np.ones((50, 1)), gradient=gradient)
    up, down = (layers.forward(parameters + s * step * along, x).sum() for s in (1, -1))
    assert gradient @ along == pytest.approx((up - down) / (2 * step), rel=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(7,), (20, 35), (16, 5, 9)])
def test_slopes_of_a_penalty_on_gradients(activation, hidden):
    network = nn.Dense(hidden, activation=activation)
    parameters, x, pulls = network.initial(4, 1, 7), numbers(3, 45, 4), numbers(4, 45, 4)
    layers = nn.DenseLayers(network, 4, 1, batch=45)
    layers.forward(parameters, x)
    gradient, along, step = np.zeros(layers.size), numbers(5, layers.size), 1e-6
    layers.add_pulled(parameters, pulls, gradient)

    def pulled(parameters):
        return (pulls * nn.DenseFunction(network, 4, 1, parameters).gradient(x)).sum()

    slope = (pulled(parameters + step * along) - pulled(parameters - step * along)) / (2 * step)
    assert gradient @ along == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_a_gradient_is_added_to_what_is_there():
    network = nn.Dense((5,), activation="tanh")
    layers, parameters = nn.DenseLayers(network, 2, 1, batch=3), network.initial(2, 1, 1)
    layers.forward(parameters, numbers(1, 3, 2))
    once, twice = np.zeros(layers.size), np.ones(layers.size)
    layers.backward(parameters, np.ones((3, 1)), gradient=once)
    layers.backward(parameters, np.ones((3, 1)), gradient=twice)
    np.testing.assert_allclose(twice, 1 + once, rtol=1e-14)


def test_infinite_outputs_are_not_hidden():
    network = nn.Dense((3,))
    parameters = network.initial(1, 1, 0)
    parameters[0] = np.nan
    assert np.isnan(nn.DenseLayers(network, 1, 1, batch=1).forward(parameters, np.ones((1, 1)))).all()


OPTIMISERS = {"sgd": nn.SGD(), "momentum": nn.SGD(momentum=0.9), "rmsprop": nn.RMSProp(), "adam": nn.Adam()}


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_optimisers_are_those_of_plain_loops(kind):
    slopes, x = numbers(1, 6, 5), np.zeros(5)
    optimiser = OPTIMISERS[kind]
    moments = optimiser.start(5)
    for t, slope in enumerate(slopes, 1):
        optimiser.step(x, slope, moments, rate=0.03, step=t)
    np.testing.assert_allclose(x, [naive.optimise(kind, column, 0.03) for column in slopes.T], rtol=1e-12)


def test_bad_arguments_name_themselves():
    for call, message in (
        (lambda: nn.Dense(()), "hidden must hold at least one layer"),
        (lambda: nn.Dense((3, 0)), r"hidden\[1\] must be an integer >= 1, got 0"),
        (lambda: nn.Dense((3,), activation="step"), "activation must be one of"),
        (lambda: nn.SGD(momentum=1.0), "momentum must be < 1, got 1.0"),
        (lambda: nn.Adam(epsilon=-1), "epsilon must be >= 0, got -1"),
        (lambda: nn.DenseFunction(nn.Dense((2,)), 1, 1, np.zeros(7)).gradient([[0.0]], output=1), "output must be < "),
    ):
        with pytest.raises(ParameterError, match=message):
            call()
    layers = nn.DenseLayers(nn.Dense((2,)), 1, 1, batch=4)
    with pytest.raises(ShapeError, match=r"x must be a C-contiguous float64 array of shape \(4, 1\)"):
        layers.forward(np.zeros(7), np.zeros((3, 1)))
    with pytest.raises(ShapeError, match=r"gradient must be .* got float32"):
        layers.backward(np.zeros(7), np.zeros((4, 1)), gradient=np.zeros(7, np.float32))
    with pytest.raises(ShapeError, match="parameters, slopes and moments"):
        nn.SGD().step(np.zeros(3), np.zeros(2), np.zeros((0, 3)), rate=0.1, step=1)


TORCH = {
    "sgd": lambda torch, x: torch.optim.SGD([x], lr=0.03),
    "momentum": lambda torch, x: torch.optim.SGD([x], lr=0.03, momentum=0.9),
    "rmsprop": lambda torch, x: torch.optim.RMSprop([x], lr=0.03),
    "adam": lambda torch, x: torch.optim.Adam([x], lr=0.03),
}


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_optimisers_are_those_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    slopes = numbers(1, 20, 5)
    x = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    theirs, ours, optimiser = TORCH[kind](torch, x), np.zeros(5), OPTIMISERS[kind]
    moments = optimiser.start(5)
    for t, slope in enumerate(slopes, 1):
        x.grad = torch.tensor(slope)
        theirs.step()
        optimiser.step(ours, slope, moments, rate=0.03, step=t)
    np.testing.assert_allclose(ours, x.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_and_penalties_are_those_of_pytorch(activation):
    torch = pytest.importorskip("torch")
    units = {
        "relu": torch.nn.ReLU, "leaky": lambda: torch.nn.LeakyReLU(0.2), "tanh": torch.nn.Tanh,
        "sigmoid": torch.nn.Sigmoid,
    }[activation]  # fmt: skip
    network = nn.Dense((17, 40), activation=activation)
    parameters, x = network.initial(3, 1, 5), numbers(1, 33, 3)
    linear = torch.nn.Linear
    model = torch.nn.Sequential(linear(3, 17), units(), linear(17, 40), units(), linear(40, 1)).double()
    torch.nn.utils.vector_to_parameters(torch.tensor(parameters), model.parameters())
    points = torch.tensor(x, requires_grad=True)
    values = model(points)
    (slopes,) = torch.autograd.grad(values.sum(), points, create_graph=True)
    ((slopes.norm(dim=1) - 1) ** 2).sum().backward()
    # The output's bias has no part in it.
    parts = [np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in model.parameters()]
    wanted = np.concatenate([part.ravel() for part in parts])
    layers = nn.DenseLayers(network, 3, 1, batch=33)
    np.testing.assert_allclose(layers.forward(parameters, x), values.detach().numpy(), rtol=1e-12, atol=1e-14)
    gradient, below = np.zeros(layers.size), np.empty_like(x)
    layers.backward(parameters, np.ones((33, 1)), below=below)
    np.testing.assert_allclose(below, slopes.detach().numpy(), rtol=1e-11, atol=1e-14)
    norm = np.linalg.norm(below, axis=1, keepdims=True)
    layers.add_pulled(parameters, 2 * (norm - 1) / norm * below, gradient)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-10, atol=1e-12)
