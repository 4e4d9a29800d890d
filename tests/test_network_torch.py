"""Networks of image layers beside PyTorch's, float32: outputs, slopes, running statistics, steps of Adam."""

import numpy as np
import pytest

from ganth import nn, streams

torch = pytest.importorskip("torch")

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def numbers(seed, *shape):
    return streams.normal(seed, shape).astype(np.float32)


class Channels(torch.nn.Module):
    """Brings images to PyTorch's order of axes, or back."""

    def __init__(self, *order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return x.permute(*self.order) if x.ndim == 4 else x


class Deviation(torch.nn.Module):
    def forward(self, x):
        std = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean()
        return torch.cat([x, std.expand(len(x), 1, *x.shape[2:])], 1)


def module_of(part, shape):
    if isinstance(part, nn.Conv | nn.ConvTranspose):
        kind = torch.nn.Conv2d if isinstance(part, nn.Conv) else torch.nn.ConvTranspose2d
        module = kind(shape[2], part.channels, part.kernel, part.stride, part.padding, bias=part.bias)
    elif isinstance(part, nn.Linear):
        module = torch.nn.Linear(int(np.prod(shape)), part.units, bias=part.bias)
    elif isinstance(part, nn.BatchNorm):
        kind = torch.nn.BatchNorm2d if len(shape) == 3 else torch.nn.BatchNorm1d
        module = kind(shape[-1], eps=part.epsilon, momentum=part.momentum)
    elif isinstance(part, nn.Activation):
        kinds = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}
        module = torch.nn.LeakyReLU(part.slope) if part.kind == "leaky" else kinds[part.kind]()
    elif isinstance(part, nn.MinibatchStd):
        module = Deviation()
    elif isinstance(part, nn.Reshape):
        module = torch.nn.Sequential(torch.nn.Unflatten(1, part.shape), Channels(0, 3, 1, 2))
    if getattr(part, "spectral", False):
        module = torch.nn.utils.parametrizations.spectral_norm(module)
    if isinstance(part, nn.Linear) and len(shape) == 3:
        module = torch.nn.Sequential(Channels(0, 2, 3, 1), torch.nn.Flatten(), module)
    return module


def turned(array):
    """Return weights in PyTorch's order of axes."""
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def tensors(module):
    """Return the tensors that train, by our names."""
    names = {"weight": "weights", "bias": "biases", "original": "weights"}
    if any(isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d) for part in module.modules()):
        names = {"weight": "scale", "bias": "shift"}
    return {names[name.rpartition(".")[2].rstrip("01")]: tensor for name, tensor in module.named_parameters()}


def twin(net, parameters, state):
    """Return PyTorch's modules of a network, with the same numbers."""
    modules = []
    triples = zip(net.parts, net.shapes, net.split(parameters), net.split_state(state), strict=False)
    for part, shape, own, kept in triples:
        module = module_of(part, shape)
        with torch.no_grad():
            for name, tensor in tensors(module).items():
                tensor.copy_(torch.from_numpy(turned(own[name]).copy()))
            buffers = {name.rpartition(".")[2]: buffer for name, buffer in module.named_buffers()}
            for name, theirs in (
                ("mean", "running_mean"),
                ("variance", "running_var"),
                ("left", "_u"),
                ("right", "_v"),
            ):
                if name in kept:
                    buffers[theirs].copy_(torch.from_numpy(columns(part, shape, kept[name].copy(), name)))
        modules.append(module)
    images_in, images_out = len(net.inputs) == 3, len(net.outputs) == 3
    return torch.nn.Sequential(
        Channels(0, 3, 1, 2) if images_in else torch.nn.Identity(), *modules,
        Channels(0, 2, 3, 1) if images_out else torch.nn.Identity(),
    )  # fmt: skip


def columns(part, shape, vector, name):
    """Return a right spectral vector in the order of PyTorch's matrix."""
    if name == "right" and isinstance(part, nn.Conv | nn.ConvTranspose):
        if isinstance(part, nn.Conv):
            return vector.reshape(part.kernel, part.kernel, shape[2]).transpose(2, 0, 1).ravel().copy()
        return vector.copy()  # (inputs, kernel, kernel) for both
    return vector


def compare(net, batch, rounds=3, rate=1e-3):
    parameters, state = (made.astype(np.float32) for made in (net.initial(3, start="torch"), net.initial_state(3)))
    layers, first = net.bind(batch, threads=1), numbers(1, batch, *net.inputs)
    if any(getattr(part, "spectral", False) for part in net.parts):  # vectors that are there from the start
        layers.forward(parameters, first, state=state)
    model = twin(net, parameters, state)
    fast = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.5, 0.999))
    adam = nn.Adam(beta1=0.5)
    moments, gradient = adam.start(net.size, np.float32), np.empty_like(parameters)
    for t in range(1, rounds + 1):
        x, above = numbers(2 * t, batch, *net.inputs), numbers(2 * t + 1, batch, *net.outputs) / batch
        given = torch.from_numpy(x).requires_grad_()
        value = model(given)
        found = layers.forward(parameters, x, state=state)
        np.testing.assert_allclose(found, value.detach().numpy(), **CLOSE)
        fast.zero_grad()
        (value * torch.from_numpy(above)).sum().backward()
        gradient[:], below = 0, np.empty_like(x)
        layers.backward(parameters, above, gradient, below)
        most = abs(given.grad.numpy()).max()
        np.testing.assert_allclose(below, given.grad.numpy(), rtol=1e-5, atol=1e-5 * max(most, 1e-3))
        for own, module in zip(net.split(gradient), list(model)[1:-1], strict=True):
            for name, tensor in tensors(module).items():
                wanted = tensor.grad.numpy()
                scale = max(abs(wanted).max(), abs(gradient).max())
                np.testing.assert_allclose(turned(own[name]), wanted, rtol=1e-5, atol=1e-5 * scale)
        adam.step(parameters, gradient, moments, rate=rate, step=t)
        fast.step()
        for own, module in zip(net.split(parameters), list(model)[1:-1], strict=True):
            with torch.no_grad():  # a slope that is rounding alone moves a parameter by the rate
                for name, tensor in tensors(module).items():
                    off = abs(turned(own[name]) - tensor.numpy())
                    assert np.quantile(off, 0.99) < 1e-5
                    assert off.max() <= 2.1 * rate
                    tensor.copy_(torch.from_numpy(turned(own[name]).copy()))
    for kept, module in zip(net.split_state(state), list(model)[1:-1], strict=True):
        buffers = {name.rpartition(".")[2]: buffer for name, buffer in module.named_buffers()}
        if "mean" in kept:
            np.testing.assert_allclose(kept["mean"], buffers["running_mean"], **CLOSE)
            np.testing.assert_allclose(kept["variance"], buffers["running_var"], **CLOSE)
        if "left" in kept:
            np.testing.assert_allclose(kept["left"], buffers["_u"], rtol=1e-4, atol=1e-5)
    model.eval()
    np.testing.assert_allclose(
        layers.forward(parameters, x, state=state, training=False), model(torch.from_numpy(x)).detach().numpy(), **CLOSE
    )


LEAKY = nn.Activation("leaky")
LAYERS = {
    "conv": (nn.Network((nn.Conv(5),), (9, 8, 3)), 4),
    "conv by points": (nn.Network((nn.Conv(24),), (14, 14, 16)), 4),
    "conv 3 x 3": (nn.Network((nn.Conv(6, 3, 1, 1, bias=False),), (7, 5, 8)), 4),
    "transposed": (nn.Network((nn.ConvTranspose(5, 3, 2, 1),), (4, 5, 3)), 4),
    "transposed by points": (nn.Network((nn.ConvTranspose(16),), (7, 7, 24)), 4),
    "linear": (nn.Network((nn.Linear(70),), (33,)), 5),
    "norm": (nn.Network((nn.BatchNorm(0.2, 1e-3),), (4, 4, 6)), 7),
    "norm of units": (nn.Network((nn.BatchNorm(),), (20,)), 7),
    "deviation": (nn.Network((nn.Linear(36), nn.Reshape((3, 3, 4)), nn.MinibatchStd()), (8,)), 6),
    "spectral": (nn.Network((nn.Conv(6, spectral=True), LEAKY, nn.Conv(9, 3, 1, 1, spectral=True)), (8, 8, 3)), 4),
    "spectral transposed": (nn.Network((nn.ConvTranspose(6, spectral=True),), (3, 3, 5)), 4),
    "spectral linear": (nn.Network((nn.Linear(6, spectral=True),), (11,)), 4),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_those_of_pytorch(name):
    compare(*LAYERS[name])


@pytest.mark.parametrize("kind", ["relu", "leaky", "tanh", "sigmoid"])
def test_activations_are_those_of_pytorch(kind):
    compare(nn.Network((nn.Linear(50), nn.Activation(kind, 0.1)), (30,)), 6)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "options",
    [{"size": 28}, {"size": 64, "channels": 3}, {"size": 28, "minibatch_std": True}, {"size": 28, "spectral": True}],
)
def test_whole_networks_are_those_of_pytorch(which, options):
    compare(nn.dcgan(**options, width=8)[which], 16, rounds=3, rate=2e-4)
