"""What a network is made of: descriptions of layers, checked when they are made, and the shapes that follow."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Protocol

from .. import checks
from ..errors import ParameterError, ShapeError

Shape = tuple[int, ...]
ACTIVATIONS = ("relu", "leaky", "tanh", "sigmoid")


class Part(Protocol):
    """A layer by its settings: what it makes of a shape, and the arrays that it needs."""

    def outputs(self, inputs: Shape) -> Shape:
        """Return the shape of one output for inputs of a shape, or raise `ShapeError`."""
        ...

    def parameters(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is trained, by name."""
        ...

    def state(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is kept but not trained, by name."""
        ...


class _Plain:
    """A layer that keeps the shape and has nothing to train."""

    def outputs(self, inputs: Shape) -> Shape:
        """Return the shape of one output: that of the input."""
        return inputs

    def parameters(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is trained, by name: none."""
        return {}

    def state(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is kept but not trained, by name: none."""
        return {}


def _image(name: str, inputs: Shape) -> Shape:
    if len(inputs) != 3:
        raise ShapeError(f"{name} needs images (height, width, channels), got inputs of shape {inputs}")
    return inputs


@dataclass(frozen=True)
class _Convolution:
    """What convolutions share: their settings, the checks of them, and the arrays that they need."""

    channels: int
    kernel: int = 4
    stride: int = 2
    padding: int = 1
    _: KW_ONLY
    bias: bool = True
    spectral: bool = False

    def __post_init__(self) -> None:
        for name, least in (("channels", 1), ("kernel", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, checks.integer(name, getattr(self, name), at_least=least))
        if self.padding >= self.kernel:
            raise ParameterError(f"padding must be < kernel = {self.kernel}, got {self.padding}")

    def weights(self, inputs: Shape) -> Shape:
        """Return the shape of the weights."""
        raise NotImplementedError

    def parameters(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is trained, by name: "weights", and "biases" where there are some."""
        shapes = {"weights": self.weights(inputs)}
        return shapes | ({"biases": (self.channels,)} if self.bias else {})

    def state(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is kept: "left" and "right", the spectral vectors, if `spectral`."""
        count = math.prod(self.weights(inputs)) // self.channels
        return {"left": (self.channels,), "right": (count,)} if self.spectral else {}


@dataclass(frozen=True)
class Conv(_Convolution):
    r"""A convolution of images, without a flip, as PyTorch's Conv2d.

    .. math:: y_{n,i,j,c} = b_c + \sum_{a,b,k} W_{c,a,b,k}\, x_{n,\, s i + a - p,\, s j + b - p,\, k}

    Parameters
    ----------
    channels : int >= 1
        Of the output.
    kernel : int >= 1
        Height and width of W.
    stride : int >= 1
        s.
    padding : int in [0, kernel)
        p: zeros around the image.
    bias : bool
        Whether there is a b.
    spectral : bool
        Whether W is divided by its largest singular value, as a matrix with a row for each output channel, by one
        power iteration for each forward pass in training (Miyato et al. 2018).

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Weights are (channels, kernel, kernel, channels of the input).

    Examples
    --------
    >>> Conv(32).outputs((28, 28, 1))
    (14, 14, 32)
    """

    def outputs(self, inputs: Shape) -> Shape:
        """Return the shape of one output for inputs of a shape."""
        height, width, _ = _image("Conv", inputs)
        if min(height, width) + 2 * self.padding < self.kernel:
            raise ShapeError(f"Conv of kernel {self.kernel} and padding {self.padding} does not fit into {inputs}")
        size = [(n + 2 * self.padding - self.kernel) // self.stride + 1 for n in (height, width)]
        return (*size, self.channels)

    def weights(self, inputs: Shape) -> Shape:
        """Return the shape of the weights: (channels, kernel, kernel, channels of the input)."""
        return self.channels, self.kernel, self.kernel, _image("Conv", inputs)[2]


@dataclass(frozen=True)
class ConvTranspose(_Convolution):
    r"""The adjoint of a convolution of images, as PyTorch's ConvTranspose2d: it makes images larger.

    .. math:: y_{n,u,v,c} = b_c + \sum_{s i + a - p = u,\, s j + b - p = v,\, k} W_{k,a,b,c}\, x_{n,i,j,k}

    Parameters
    ----------
    channels : int >= 1
        Of the output.
    kernel : int >= 1
        Height and width of W.
    stride : int >= 1
        s.
    padding : int in [0, kernel)
        p: rows and columns cut off at each side.
    bias : bool
        Whether there is a b.
    spectral : bool
        As for `Conv`.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Weights are (channels of the input, kernel, kernel, channels).

    Examples
    --------
    >>> ConvTranspose(32).outputs((7, 7, 64))
    (14, 14, 32)
    """

    def outputs(self, inputs: Shape) -> Shape:
        """Return the shape of one output for inputs of a shape."""
        size = [(n - 1) * self.stride - 2 * self.padding + self.kernel for n in _image("ConvTranspose", inputs)[:2]]
        if min(size) < 1:
            raise ShapeError(f"ConvTranspose with padding {self.padding} leaves nothing of {inputs}")
        return (*size, self.channels)

    def weights(self, inputs: Shape) -> Shape:
        """Return the shape of the weights: (channels of the input, kernel, kernel, channels)."""
        return _image("ConvTranspose", inputs)[2], self.kernel, self.kernel, self.channels


@dataclass(frozen=True)
class Linear:
    r"""A fully connected layer, y = W x + b; an image is flattened in C order, channels running fastest.

    Parameters
    ----------
    units : int >= 1
    bias : bool
        Whether there is a b.
    spectral : bool
        As for `Conv`.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Weights are (units, inputs).

    Examples
    --------
    >>> Linear(1).parameters((7, 7, 64))
    {'weights': (1, 3136), 'biases': (1,)}
    """

    units: int
    _: KW_ONLY
    bias: bool = True
    spectral: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", checks.integer("units", self.units, at_least=1))

    def outputs(self, inputs: Shape) -> Shape:
        """Return the shape of one output: (units,)."""
        return (self.units,)

    def parameters(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is trained, by name: "weights", and "biases" where there are some."""
        return {"weights": (self.units, math.prod(inputs))} | ({"biases": (self.units,)} if self.bias else {})

    def state(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is kept: "left" and "right", the spectral vectors, if `spectral`."""
        return {"left": (self.units,), "right": (math.prod(inputs),)} if self.spectral else {}


@dataclass(frozen=True)
class Reshape(_Plain):
    """The same numbers in another shape, in C order.

    Parameters
    ----------
    shape : tuple of int >= 1
        Of one output.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.
    """

    shape: Shape

    def __post_init__(self) -> None:
        try:
            shape = tuple(self.shape)
        except TypeError:
            raise ParameterError(f"shape must be a sequence of integers >= 1, got {self.shape!r}") from None
        shape = tuple(checks.integer(f"shape[{i}]", n, at_least=1) for i, n in enumerate(shape))
        object.__setattr__(self, "shape", shape)

    def outputs(self, inputs: Shape) -> Shape:
        """Return the shape of one output, or raise `ShapeError` where its size is not that of the input."""
        if math.prod(inputs) != math.prod(self.shape):
            raise ShapeError(f"Reshape to {self.shape} must keep the size, got inputs of shape {inputs}")
        return self.shape


@dataclass(frozen=True)
class BatchNorm(_Plain):
    r"""Batch normalisation of each channel (or unit), as PyTorch's (Ioffe and Szegedy 2015).

    .. math:: y = g (x - m) / \sqrt{v + \epsilon} + b

    m and v are the mean and the biased variance over the batch and the image in training, and their running means
    (of the unbiased variance) else.

    Parameters
    ----------
    momentum : float in [0, 1]
        Weight of a new batch in the running means.
    epsilon : float > 0

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Parameters: "scale" g and "shift" b; state: "mean" and "variance", (channels,) each.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "momentum", checks.number("momentum", self.momentum, at_least=0))
        if self.momentum > 1:
            raise ParameterError(f"momentum must be <= 1, got {self.momentum!r}")
        object.__setattr__(self, "epsilon", checks.number("epsilon", self.epsilon, above=0))

    def parameters(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of what is trained: "scale" and "shift"."""
        return {"scale": inputs[-1:], "shift": inputs[-1:]}

    def state(self, inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes of the running "mean" and "variance"."""
        return {"mean": inputs[-1:], "variance": inputs[-1:]}


@dataclass(frozen=True)
class Activation(_Plain):
    """A function of each number.

    Parameters
    ----------
    kind : {"relu", "leaky", "tanh", "sigmoid"}
    slope : float >= 0
        Of "leaky" below 0.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.
    """

    kind: str
    slope: float = 0.2

    def __post_init__(self) -> None:
        checks.choice("kind", self.kind, ACTIVATIONS)
        object.__setattr__(self, "slope", checks.number("slope", self.slope, at_least=0))


@dataclass(frozen=True)
class Noise(_Plain):
    """Gaussian noise added to each number, in training only.

    Parameters
    ----------
    std : float >= 0
        Standard deviation.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.
    """

    std: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "std", checks.number("std", self.std, at_least=0))


@dataclass(frozen=True)
class MinibatchStd(_Plain):
    r"""One more channel (or unit): how much the samples of a batch differ (Karras et al. 2018).

    It holds one number for the whole batch, the mean over the image of :math:`\sqrt{v + 10^{-8}}`, v the biased
    variance over the batch.

    Examples
    --------
    >>> MinibatchStd().outputs((7, 7, 64))
    (7, 7, 65)
    """

    def outputs(self, inputs: Shape) -> Shape:
        """Return the shape of one output: one channel more."""
        return (*inputs[:-1], inputs[-1] + 1)
