"""Networks of image layers: gradients against differences, starts, files, errors."""

import numpy as np
import pytest

from ganth import nn, streams
from ganth.errors import ParameterError, ShapeError

Conv, Up, Norm, Act, Linear, Reshape = nn.Conv, nn.ConvTranspose, nn.BatchNorm, nn.Activation, nn.Linear, nn.Reshape
NETWORKS = {
    "convolution": nn.Network((Conv(3),), (6, 8, 2)),
    "stride 1": nn.Network((Conv(3, 3, 1, 1), Act("tanh"), Norm(), Up(4, 3, 2, 0), Act("sigmoid")), (5, 6, 2)),
    "generator": nn.Network(
        (Linear(24), Reshape((2, 3, 4)), Norm(), Act("tanh"), Up(3), Norm(), Act("tanh"), Up(1), Act("tanh")), (5,)
    ),
    "deviation": nn.Network((Conv(3), Act("tanh"), nn.MinibatchStd(), Linear(2)), (6, 6, 1)),
    "noise": nn.Network((nn.Noise(0.3), Conv(3), Act("tanh"), nn.Noise(0.2), Linear(2)), (6, 6, 1)),
    "spectral": nn.Network(
        (Conv(5, spectral=True), Act("tanh"), Up(4, spectral=True), Linear(3, spectral=True)), (6, 6, 2)
    ),
}  # fmt: skip
DRAW = (5, 3, 1)


def numbers(seed, *shape):
    return streams.normal(seed, shape)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_against_differences(name, training):
    net = NETWORKS[name]
    layers, parameters = net.bind(4, "float64"), net.initial(3, start="torch")
    x, above, state = numbers(1, 4, *net.inputs), numbers(2, 4, *net.outputs), net.initial_state(3)
    for _ in range(400 if name == "spectral" else 1):  # spectral vectors are held fixed: differences see the limit
        layers.forward(parameters, x, state=state, draw=DRAW)

    def loss(parameters, x):
        return (above * layers.forward(parameters, x, state=state.copy(), training=training, draw=DRAW)).sum()

    loss(parameters, x)
    gradient, below = np.ones(net.size), np.empty_like(x)
    layers.backward(parameters, above, gradient, below)
    for k in range(3):
        along, aside, step = numbers(10 + k, net.size), numbers(20 + k, *x.shape), 1e-5
        slope = (loss(parameters + step * along, x) - loss(parameters - step * along, x)) / (2 * step)
        assert (gradient - 1) @ along == pytest.approx(slope, rel=1e-6, abs=1e-8)
        slope = (loss(parameters, x + step * aside) - loss(parameters, x - step * aside)) / (2 * step)
        assert (below * aside).sum() == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_networks_are_kept_in_files(tmp_path):
    _, net = nn.dcgan(28, width=2, noise=0.1, spectral=True, minibatch_std=True)
    parameters, state = net.initial(1).astype("float32"), net.initial_state(1).astype("float32")
    path = nn.save(tmp_path / "d.npz", net, parameters, state)
    again, found, kept = nn.load(path)
    assert again == net
    assert found.dtype == np.float32
    assert (found == parameters).all()
    assert (kept == state).all()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ParameterError, match=r"must be a file that ganth.nn.save wrote"):
        nn.load(path)


def test_bad_arguments_name_themselves():
    for call, message in (
        (lambda: Conv(0), "channels must be an integer >= 1, got 0"),
        (lambda: Conv(3, 4, 2, 4), "padding must be < kernel = 4, got 4"),
        (lambda: Norm(epsilon=0), "epsilon must be > 0, got 0"),
        (lambda: Act("gelu"), "kind must be one of"),
        (lambda: nn.Noise(-1), "std must be >= 0, got -1"),
        (lambda: nn.Network((), (3,)), "parts must hold at least one layer"),
        (lambda: nn.Network((Linear(2), "tanh"), (3,)), r"parts\[1\] must be one of Conv, "),
        (lambda: nn.Network((Linear(2),), ()), "inputs must be a shape"),
        (lambda: nn.dcgan(32), "size must be 28 or 64, got 32"),
        (lambda: nn.dcgan(28, 2), "channels must be 1 or 3, got 2"),
        (lambda: NETWORKS["generator"].initial(1, start="ones"), "start must be one of"),
        (lambda: NETWORKS["generator"].bind(2).forward(np.zeros(0), np.zeros(0)), "parameters must be"),
    ):
        with pytest.raises((ParameterError, ShapeError), match=message):
            call()
    with pytest.raises(ShapeError, match=r"parts\[1\]: Conv needs images"):
        nn.Network((Linear(2), Conv(3)), (3,))
    with pytest.raises(ShapeError, match=r"parts\[0\]: Reshape to \(2, 2\) must keep the size"):
        nn.Network((Reshape((2, 2)),), (3,))
    net = NETWORKS["noise"]
    layers, parameters, x = net.bind(2), net.initial(1).astype("float32"), np.zeros((2, 6, 6, 1), "float32")
    with pytest.raises(ParameterError, match="draw must be given"):
        layers.forward(parameters, x)
    with pytest.raises(ParameterError, match="backward must come after a forward"):
        layers.backward(parameters, np.zeros((2, 2), "float32"))
    with pytest.raises(ShapeError, match=r"x must be a C-contiguous float32 array of shape \(2, 6, 6, 1\)"):
        layers.forward(parameters, np.zeros((2, 1, 6, 6), "float32"))
    net = NETWORKS["generator"]
    with pytest.raises(ParameterError, match="state must be given"):
        net.bind(2, "float64").forward(net.initial(1), np.zeros((2, 5)))
