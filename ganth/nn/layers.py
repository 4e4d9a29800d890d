"""Layers that train: buffers for a batch, made once, and gradients in a flat array that one optimiser's loop takes."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError
from .dense import Dense


class Layer(Protocol):
    """A part of a network that is bound to the size of a batch: what a training loop, or a chain of layers, calls.

    Its parameters are a stretch of a flat array, which the caller keeps; a chain gives each layer its stretch, and one
    step of an optimiser is one loop over the whole.  `forward` remembers what `backward` needs.  Neither allocates
    where it is given `out`.
    """

    size: int

    def forward(self, parameters: NDArray[Any], x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return what the layer makes of x (batch, ...)."""
        ...

    def backward(
        self,
        parameters: NDArray[Any],
        above: NDArray[Any],
        *,
        gradient: NDArray[Any] | None = None,
        below: NDArray[Any] | None = None,
    ) -> None:
        """Take the slopes of a loss in the output; add those in the parameters, set those in x, where given."""
        ...


class DenseLayers:
    """The layers of a `Dense` network for a batch of a size that does not change.

    Parameters
    ----------
    architecture : Dense
    inputs, outputs : int >= 1
    batch : int >= 1
        Points of a batch.
    dtype : {"float64", "float32"}

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Cost of a batch: 2 (forward), 2 (to inputs) and 2 (to parameters) FLOP for each weight and point, in loops of its
    own on one thread, at nine tenths of what a core can do for layers of 64 units that fill whole vectors.

    Examples
    --------
    >>> layers = DenseLayers(Dense((8,), activation="tanh"), 2, 1, batch=3)
    >>> parameters = layers.architecture.initial(2, 1, seed=1)
    >>> gradient = np.zeros(layers.size)
    >>> layers.forward(parameters, np.ones((3, 2))).shape
    (3, 1)
    >>> layers.backward(parameters, np.ones((3, 1)), gradient=gradient)
    >>> float(gradient[-1])  # of the output's bias: it counts the points
    3.0
    """

    def __init__(
        self, architecture: Dense, inputs: int, outputs: int, *, batch: int, dtype: DTypeLike = "float64"
    ) -> None:
        from .layers_cpu import Network, buffers

        if not isinstance(architecture, Dense):
            raise ParameterError(f"architecture must be a Dense, got {architecture!r}")
        self.architecture, self.inputs, self.outputs = architecture, inputs, outputs
        self.batch = checks.integer("batch", batch, at_least=1)
        self.dtype = np.dtype(checks.choice("dtype", np.dtype(dtype).name, ("float64", "float32")))
        self.size = architecture.size(inputs, outputs)
        self._rules = Network(*architecture.rules(inputs, outputs, self.dtype))
        self._hidden, self._room = buffers(self._rules, self.batch, np.empty(1, self.dtype))
        self._no_gradient, self._no_points = np.empty(0, self.dtype), np.empty((0, 1), self.dtype)
        self._seed = np.zeros((self.batch, outputs), self.dtype)
        self._seed[:, 0] = 1

    def forward(self, parameters: NDArray[Any], x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the outputs (batch, outputs) at x (batch, inputs)."""
        from .layers_cpu import FORWARD

        out = np.empty((self.batch, self.outputs), self.dtype) if out is None else out
        self._fits(parameters=(parameters, (self.size,)), x=(x, (self.batch, self.inputs)))
        self._fits(out=(out, (self.batch, self.outputs)))
        self._work(FORWARD, parameters, x, out, self._no_gradient, self._no_points)
        return out

    def backward(
        self,
        parameters: NDArray[Any],
        above: NDArray[Any],
        *,
        gradient: NDArray[Any] | None = None,
        below: NDArray[Any] | None = None,
    ) -> None:
        """Go back from the slopes of a loss in the outputs of the last `forward`.

        Parameters
        ----------
        parameters : (size,) array
        above : (batch, outputs) array
            Slopes of the loss in the outputs.
        gradient : (size,) array, optional
            The slopes in the parameters are added to it.
        below : (batch, inputs) array, optional
            Set to the slopes in the inputs.
        """
        from .layers_cpu import BACKWARD

        self._fits(parameters=(parameters, (self.size,)), above=(above, (self.batch, self.outputs)))
        if gradient is not None:
            self._fits(gradient=(gradient, (self.size,)))
        if below is not None:
            self._fits(below=(below, (self.batch, self.inputs)))
        gradient = self._no_gradient if gradient is None else gradient
        self._work(BACKWARD, parameters, self._no_points, above, gradient, self._no_points if below is None else below)

    def add_pulled(self, parameters: NDArray[Any], pulls: NDArray[Any], gradient: NDArray[Any]) -> None:
        """Add to `gradient` the slopes in the parameters of sum_p pulls_p . grad f(x_p), f the first output.

        A penalty on the gradients of f, sum_p c(grad f(x_p)), has these slopes with pulls_p = c'(grad f(x_p)) held
        fixed: WGAN-GP, R1.  x are the points of the last `forward`.

        Parameters
        ----------
        parameters : (size,) array
        pulls : (batch, inputs) array
        gradient : (size,) array
        """
        from .layers_cpu import PULL

        self._fits(parameters=(parameters, (self.size,)), pulls=(pulls, (self.batch, self.inputs)))
        self._fits(gradient=(gradient, (self.size,)))
        self._work(PULL, parameters, pulls, self._seed, gradient, self._no_points)

    def _work(self, phase: int, parameters: NDArray[Any], x: NDArray[Any], *arrays: NDArray[Any]) -> None:
        from .layers_cpu import work

        work(phase, self._rules, parameters, x, *arrays, self._hidden, self._room)

    def _fits(self, **arrays: tuple[NDArray[Any], tuple[int, ...]]) -> None:
        for name, (value, shape) in arrays.items():
            if value.shape != shape or value.dtype != self.dtype or not value.flags.c_contiguous:
                raise ShapeError(
                    f"{name} must be a C-contiguous {self.dtype} array of shape {shape}, got {value.dtype} of shape "
                    f"{value.shape}"
                )
