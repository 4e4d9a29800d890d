"""A network bound to the size of a batch: forward, backward, and the buffers between its layers."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError
from .network import Network
from .steps import Context, step_of

Draw = tuple[int, int, int]


class NetworkLayers:
    """The layers of a `Network` for a batch of a size that does not change.

    Parameters
    ----------
    network : Network
    batch : int >= 1
        Samples of a batch.
    dtype : {"float32", "float64"}

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Examples
    --------
    >>> from ganth import nn
    >>> net = nn.Network((nn.Conv(8), nn.BatchNorm(), nn.Activation("leaky"), nn.Linear(1)), inputs=(8, 8, 1))
    >>> layers = net.bind(batch=5, dtype="float64")
    >>> parameters, state = net.initial(seed=1), net.initial_state(seed=1)
    >>> layers.forward(parameters, np.ones((5, 8, 8, 1)), state=state).shape
    (5, 1)
    >>> gradient = np.zeros(net.size)
    >>> layers.backward(parameters, np.ones((5, 1)), gradient)
    >>> float(gradient[-1])  # of the last bias: it counts the samples
    5.0
    """

    def __init__(self, network: Network, *, batch: int, dtype: DTypeLike = "float32") -> None:
        if not isinstance(network, Network):
            raise ParameterError(f"network must be a Network, got {network!r}")
        self.network = network
        self.batch = checks.integer("batch", batch, at_least=1)
        self.dtype = np.dtype(checks.choice("dtype", np.dtype(dtype).name, ("float64", "float32")))
        self.size, self.state_size = network.size, network.state_size
        self._steps = []
        counter = 0
        for part, shape in zip(network.parts, network.shapes, strict=False):
            step, counter = step_of(part, (self.batch, *shape), self.dtype, counter)
            self._steps.append(step)
        self._training: bool | None = None

    def forward(
        self,
        parameters: NDArray[Any],
        x: NDArray[Any],
        out: NDArray[Any] | None = None,
        *,
        state: NDArray[Any] | None = None,
        training: bool = True,
        draw: Draw | None = None,
    ) -> NDArray[Any]:
        """Return the outputs (batch, *outputs) at x (batch, *inputs).

        Parameters
        ----------
        parameters : (size,) array
        x : (batch, *inputs) array
        out : (batch, *outputs) array, optional
            Written and returned, if given.
        state : (state_size,) array, optional
            Running means and spectral vectors; needed where the network has some, changed in training.
        training : bool
            Whether batch normalisation takes the batch's own moments, power iterations go on, and noise is added.
        draw : (key, step, trial), optional
            Of the random numbers of noise; needed where there is noise in training.  Two passes with the same draw have
            the same noise.
        """
        self._fits(parameters=(parameters, (self.size,)), x=(x, (self.batch, *self.network.inputs)))
        if state is None:
            if self.state_size:
                raise ParameterError("state must be given: the network has running means or spectral vectors")
            state = np.empty(0, self.dtype)
        self._fits(state=(state, (self.state_size,)))
        if out is not None:
            self._fits(out=(out, (self.batch, *self.network.outputs)))
        if training and draw is None and any(step.draws for step in self._steps):
            raise ParameterError("draw must be given: the network has noise in training")
        key, at, trial = (0, 0, 0) if draw is None else draw
        context = Context(training, checks.seed_key(key), at, trial)
        self._training, value = training, x
        views = zip(self.network.split(parameters), self.network.split_state(state), strict=True)
        for step, (own, kept) in zip(self._steps, views, strict=True):
            value = step.forward(own, kept, value, context)
        if out is None:
            return np.array(value)
        out[...] = value
        return out

    def backward(
        self,
        parameters: NDArray[Any],
        above: NDArray[Any],
        gradient: NDArray[Any] | None = None,
        below: NDArray[Any] | None = None,
    ) -> None:
        """Go back from the slopes of a loss in the outputs of the last `forward`.

        Parameters
        ----------
        parameters : (size,) array
            Those of the last `forward`.
        above : (batch, *outputs) array
            Slopes of the loss in the outputs.
        gradient : (size,) array, optional
            The slopes in the parameters are added to it.
        below : (batch, *inputs) array, optional
            Set to the slopes in the inputs.
        """
        if self._training is None:
            raise ParameterError("backward must come after a forward")
        self._fits(parameters=(parameters, (self.size,)), above=(above, (self.batch, *self.network.outputs)))
        if gradient is not None:
            self._fits(gradient=(gradient, (self.size,)))
        if below is not None:
            self._fits(below=(below, (self.batch, *self.network.inputs)))
        views = self.network.split(parameters)
        slopes: Any = [None] * len(views) if gradient is None else self.network.split(gradient)
        value = above
        for i in reversed(range(len(self._steps))):
            goes_on = i > 0 or below is not None
            value = self._steps[i].backward(views[i], value, slopes[i], goes_on)
        if below is not None:
            below[...] = value

    def _fits(self, **arrays: tuple[NDArray[Any], tuple[int, ...]]) -> None:
        for name, (value, shape) in arrays.items():
            if value.shape != shape or value.dtype != self.dtype or not value.flags.c_contiguous:
                raise ShapeError(
                    f"{name} must be a C-contiguous {self.dtype} array of shape {shape}, got {value.dtype} of shape "
                    f"{value.shape}"
                )
