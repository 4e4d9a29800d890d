"""A network bound to the size of a batch: forward, backward, and the buffers between its layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError
from . import parts as kinds
from .convolution import ConvolutionStep
from .linear import LinearStep
from .network import Network, slices_of
from .normalisation import BatchNormStep
from .parts import Shape
from .pointwise import ActivationStep, MinibatchStdStep, NoiseStep
from .steps import Bound, Context, Places, ReshapeStep, Step
from .team import Team

Draw = tuple[int, int, int]
_STEPS: dict[type, Any] = {
    kinds.Conv: ConvolutionStep,
    kinds.ConvTranspose: ConvolutionStep,
    kinds.Linear: LinearStep,
    kinds.Reshape: ReshapeStep,
    kinds.BatchNorm: BatchNormStep,
    kinds.Activation: ActivationStep,
    kinds.Noise: NoiseStep,
    kinds.MinibatchStd: MinibatchStdStep,
}
_BEFORE_ACTIVATION = (kinds.Conv, kinds.ConvTranspose, kinds.Linear, kinds.BatchNorm)  # they apply it as they write


class NetworkLayers:
    """The layers of a `Network` for a batch of a size that does not change.

    Parameters
    ----------
    network : Network
    batch : int >= 1
        Samples of a batch.
    dtype : {"float32", "float64"}
    threads : int >= 1, optional
        That share the work; they change no bit.  None: as many as Numba has.

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

    _kinds: Mapping[type, Any] = _STEPS

    def __init__(
        self, network: Network, *, batch: int, dtype: DTypeLike = "float32", threads: int | None = None
    ) -> None:
        if not isinstance(network, Network):
            raise ParameterError(f"network must be a Network, got {network!r}")
        self.network = network
        self.batch = checks.integer("batch", batch, at_least=1)
        self.dtype = np.dtype(checks.choice("dtype", np.dtype(dtype).name, ("float64", "float32")))
        self.size, self.state_size = network.size, network.state_size
        self._inputs, self._outputs = (self.batch, *network.inputs), (self.batch, *network.outputs)
        self._steps = self._bound(Team(threads))
        self._no_state: Any = np.empty(0, self.dtype)
        self._ran = False

    def _bound(self, team: Team) -> list[Step]:
        """Return the layers, an activation with the one before it where that applies it."""
        parts, shapes = self.network.parts, self.network.shapes
        own, kept = slices_of(self.network, "parameters"), slices_of(self.network, "state")
        steps: list[Step] = []
        i = first = 0
        while i < len(parts):
            part, after = parts[i], parts[i + 1] if i + 1 < len(parts) else None
            joined = after if isinstance(part, _BEFORE_ACTIVATION) and isinstance(after, kinds.Activation) else None
            bound = Bound(self.batch, shapes[i], self.dtype, team)
            step = self._kinds[type(part)](part, bound, (Places(own[i]), Places(kept[i])), joined)
            if step.draws:
                step.first, first = first, first + -(-step.draws // 2)
            steps.append(step)
            i += 1 if joined is None else 2
        return steps

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
        parameters = self._fits("parameters", parameters, (self.size,))
        x = self._fits("x", x, self._inputs)
        if state is not None:
            state = self._fits("state", state, (self.state_size,), written=training)
        if out is None:
            out = np.empty(self._outputs, self.dtype)
        self._fits("out", out, self._outputs, written=True)
        np.copyto(out.reshape(-1), self._up(parameters, x.reshape(-1), state, training, draw))
        return out

    def _up(self, parameters: Any, value: Any, state: Any, training: bool, draw: Draw | None) -> Any:
        """Return what the layers make of flat numbers."""
        if state is None:
            if self.state_size:
                raise ParameterError("state must be given: the network has running means or spectral vectors")
            state = self._no_state
        if training and draw is None and any(step.draws for step in self._steps):
            raise ParameterError("draw must be given: the network has noise in training")
        key, at, trial = (0, 0, 0) if draw is None else draw
        context = Context(bool(training), key, at, trial)
        self._ran = True
        for step in self._steps:
            value = step.forward(parameters, state, value, context)
        return value

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
        parameters = self._fits("parameters", parameters, (self.size,))
        above = self._fits("above", above, self._outputs)
        if gradient is not None:
            self._fits("gradient", gradient, (self.size,), written=True)
        if below is not None:
            self._fits("below", below, self._inputs, written=True)
        value = self._down(parameters, above.reshape(-1), gradient, below is not None)
        if below is not None:
            np.copyto(below.reshape(-1), value)

    def _down(self, parameters: Any, value: Any, gradient: Any, to_inputs: bool) -> Any:
        """Take flat slopes in the outputs down through the layers, and return those in the inputs if wanted."""
        if not self._ran:
            raise ParameterError("backward must come after a forward")
        for i in range(len(self._steps) - 1, -1, -1):
            found = self._steps[i].backward(parameters, value, gradient, i > 0 or to_inputs)
            if found is not None:
                value = found
        return value

    def _fits(self, name: str, value: NDArray[Any], shape: Shape, *, written: bool = False) -> NDArray[Any]:
        """Return an array, or a copy where it may not be written: loops would be compiled anew for its type."""
        if value.shape != shape or value.dtype != self.dtype or not value.flags.c_contiguous:
            raise ShapeError(
                f"{name} must be a C-contiguous {self.dtype} array of shape {shape}, got {value.dtype} of shape "
                f"{value.shape}"
            )
        if value.flags.behaved:
            return value
        if written:
            raise ShapeError(f"{name} must be an array that can be written to")
        return value.copy()
