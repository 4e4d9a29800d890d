"""Dense networks of any depth: the architecture, and a network with given parameters as a function of points."""

from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import checks, streams
from ..checks import Floats
from ..errors import ParameterError
from ..formulas.random import WEIGHTS
from ..formulas.units import LEAKY, SIGMOID, TANH

_CODES = {"relu": LEAKY, "leaky": LEAKY, "tanh": TANH, "sigmoid": SIGMOID}


@dataclass(frozen=True)
class Dense:
    r"""Fully connected layers: hidden ones with an activation, and a linear output.

    .. math:: h_0 = x, \quad h_l = s(W_l h_{l-1} + b_l), \quad f(x) = W h_L + b

    Parameters
    ----------
    hidden : tuple of int >= 1
        Units of each hidden layer; one or more.
    activation : {"relu", "leaky", "tanh", "sigmoid"}
    slope : float >= 0
        Of "leaky" where a unit is off.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Parameters are one flat array: layer by layer the weights (units, inputs) row by row, then the biases, as PyTorch's
    linear layers have them.

    Examples
    --------
    >>> Dense((64, 64)).size(inputs=3, outputs=1)
    4481
    """

    hidden: tuple[int, ...] = (64, 64)
    _: KW_ONLY
    activation: str = "relu"
    slope: float = 0.2

    def __post_init__(self) -> None:
        try:
            hidden = tuple(self.hidden)
        except TypeError:
            raise ParameterError(f"hidden must be a sequence of integers >= 1, got {self.hidden!r}") from None
        if not hidden:
            raise ParameterError("hidden must hold at least one layer, got none")
        hidden = tuple(checks.integer(f"hidden[{i}]", units, at_least=1) for i, units in enumerate(hidden))
        object.__setattr__(self, "hidden", hidden)
        checks.choice("activation", self.activation, tuple(_CODES))
        object.__setattr__(self, "slope", checks.number("slope", self.slope, at_least=0))

    def sizes(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """Return the numbers of inputs, of units of every hidden layer, and of outputs."""
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            checks.integer(name, value, at_least=1)
        return (inputs, *self.hidden, outputs)

    def size(self, inputs: int, outputs: int) -> int:
        """Return the number of parameters."""
        sizes = self.sizes(inputs, outputs)
        return sum(units * (before + 1) for before, units in pairwise(sizes))

    def split(
        self, parameters: NDArray[Any], inputs: int, outputs: int
    ) -> tuple[tuple[NDArray[Any], NDArray[Any]], ...]:
        """Return the (weights (units, inputs), biases (units,)) of each layer: views of `parameters`.

        >>> [(weights.shape, biases.shape) for weights, biases in Dense((5,)).split(np.zeros(26), 3, 1)]
        [((5, 3), (5,)), ((1, 5), (1,))]
        """
        sizes, views, at = self.sizes(inputs, outputs), [], 0
        for before, units in pairwise(sizes):
            middle = at + units * before
            views.append((parameters[at:middle].reshape(units, before), parameters[middle : middle + units]))
            at = middle + units
        return tuple(views)

    def initial(
        self,
        inputs: int,
        outputs: int,
        seed: int | np.random.Generator = 0,
        *,
        trial: int = 0,
        purpose: int = WEIGHTS,
        start: str = "linear",
    ) -> Floats:
        """Return parameters at their random start, (size,).

        Parameters
        ----------
        inputs, outputs : int >= 1
        seed : int in [0, 2**64) or numpy Generator
        trial : int >= 0
        purpose : int
            Of the random stream; layer l draws from its step l.
        start : {"linear", "glorot"}
            "linear": weights and biases uniform in (-1, 1) / sqrt(inputs of the layer), as PyTorch's linear layers
            start; "glorot": weights uniform in (-1, 1) sqrt(6 / (inputs + units)) and biases 0.

        Raises
        ------
        ParameterError
            Naming the argument, the rule and the value.

        Examples
        --------
        >>> bool(abs(Dense((100,)).initial(4, 1, seed=3)[:400]).max() < 0.5)
        True
        """
        key = checks.seed_key(seed)
        glorot = checks.choice("start", start, ("linear", "glorot")) == "glorot"
        sizes, drawn = self.sizes(inputs, outputs), []
        for layer, (before, units) in enumerate(pairwise(sizes)):
            count = units * before if glorot else units * (before + 1)
            uniform = 2.0 * streams.uniform(key, count, purpose=purpose, trial=trial, step=layer) - 1.0
            if glorot:
                drawn += [uniform * np.sqrt(6.0 / (before + units)), np.zeros(units)]
            else:
                drawn.append(uniform / np.sqrt(before))
        return np.concatenate(drawn)

    def rules(self, inputs: int, outputs: int, dtype: DTypeLike) -> tuple[NDArray[np.int64], int, Any]:
        """Return sizes, the activation's code and the slope of units that are off, as loops take them."""
        real: Any = np.dtype(dtype).type
        slope = real(0.0 if self.activation == "relu" else self.slope)
        return np.array(self.sizes(inputs, outputs)), _CODES[self.activation], slope


@dataclass(frozen=True, eq=False)
class DenseFunction:
    """A dense network with given parameters, as a function of points, in float64.

    Parameters
    ----------
    architecture : Dense
    inputs, outputs : int >= 1
    parameters : (size,) array

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Examples
    --------
    f(x) = 2 max(0, x_1 - 3 x_2 + 1) - 5:

    >>> f = DenseFunction(Dense((1,)), 2, 1, [1.0, -3.0, 1.0, 2.0, -5.0])
    >>> f([[3.0, 1.0], [0.0, 1.0]]).tolist()
    [[-3.0], [-5.0]]
    >>> f.gradient([[3.0, 1.0], [0.0, 1.0]]).tolist()
    [[2.0, -6.0], [0.0, 0.0]]
    """

    architecture: Dense
    inputs: int
    outputs: int
    parameters: Floats

    def __post_init__(self) -> None:
        size = self.architecture.size(self.inputs, self.outputs)
        object.__setattr__(self, "parameters", checks.parameters(self.parameters, size, self.architecture))

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (m, inputs), shape (m, outputs)."""
        points = checks.points("x", x, dim=self.inputs)
        return self._bound(points).forward(self.parameters, points)

    def gradient(self, x: ArrayLike, *, output: int = 0) -> Floats:
        """Return the gradient of one output at points x (m, inputs), shape (m, inputs)."""
        points = checks.points("x", x, dim=self.inputs)
        if not 0 <= checks.integer("output", output, at_least=0) < self.outputs:
            raise ParameterError(f"output must be < outputs = {self.outputs}, got {output}")
        layers = self._bound(points)
        layers.forward(self.parameters, points)
        above = np.zeros((len(points), self.outputs))
        above[:, output] = 1.0
        below = np.empty_like(points)
        layers.backward(self.parameters, above, below=below)
        return below

    def _bound(self, points: Floats) -> Any:
        from .layers import DenseLayers

        return DenseLayers(self.architecture, self.inputs, self.outputs, batch=len(points))
