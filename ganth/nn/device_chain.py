"""A network bound to the size of a batch, on a GPU."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ShapeError
from . import parts as kinds
from .chain import Draw, NetworkLayers
from .convolution import DeviceConvolutionStep
from .network import Network
from .normalisation import DeviceBatchNormStep
from .parts import Shape
from .pointwise import DeviceActivationStep, DeviceMinibatchStdStep, DeviceNoiseStep
from .steps import ReshapeStep


class DeviceLayers(NetworkLayers):
    """The layers of a `Network` on a GPU: what passes between them stays there.

    Arrays may be the host's: then they are copied there, and back where they are written.  Arrays of the device, in the
    same shape or flat, are used as they are.
    """

    _kinds: Mapping[type, Any] = {
        kinds.Conv: DeviceConvolutionStep,
        kinds.ConvTranspose: DeviceConvolutionStep,
        kinds.Linear: DeviceConvolutionStep,
        kinds.Reshape: ReshapeStep,
        kinds.BatchNorm: DeviceBatchNormStep,
        kinds.Activation: DeviceActivationStep,
        kinds.Noise: DeviceNoiseStep,
        kinds.MinibatchStd: DeviceMinibatchStdStep,
    }

    def __init__(
        self, network: Network, *, batch: int, dtype: DTypeLike = "float32", threads: int | None = None
    ) -> None:
        super().__init__(network, batch=batch, dtype=dtype, threads=threads)
        self._no_state = self._there(self._no_state)

    def forward(
        self,
        parameters: Any,
        x: Any,
        out: Any = None,
        *,
        state: Any = None,
        training: bool = True,
        draw: Draw | None = None,
    ) -> Any:
        """Return the outputs at x; see `NetworkLayers.forward`.

        Parameters
        ----------
        parameters, x, out, state, training, draw
            Without `out` and with x on the device, the outputs returned are there, flat, and the next pass writes over
            them.
        """
        kept = None if state is None else self._fits("state", state, (self.state_size,), written=training)
        if out is not None:
            self._check("out", out, self._outputs, written=True)
        given = self._fits("parameters", parameters, (self.size,)), self._fits("x", x, self._inputs)
        made = self._up(*given, kept, training, draw)
        if training:
            _bring(kept, state)
        if out is None:
            return made.copy_to_host().reshape(self._outputs) if _is_here(x) else made
        return self._put(made, out)

    def backward(self, parameters: Any, above: Any, gradient: Any = None, below: Any = None) -> None:
        """Go back from the slopes of a loss in the outputs; see `NetworkLayers.backward`.

        Parameters
        ----------
        parameters, above, gradient, below
            Of the host or of the device.
        """
        given = self._fits("parameters", parameters, (self.size,)), self._fits("above", above, self._outputs)
        slopes = None if gradient is None else self._fits("gradient", gradient, (self.size,), written=True)
        if below is not None:
            self._check("below", below, self._inputs, written=True)
        found = self._down(*given, slopes, below is not None)
        _bring(slopes, gradient)
        if below is not None:
            self._put(found, below)

    def _check(self, name: str, value: Any, shape: Shape, *, written: bool = False) -> None:
        if _is_here(value):
            super()._fits(name, value, shape, written=written)
            return
        fits = tuple(value.shape) in (shape, (int(np.prod(shape)),))
        if not fits or value.dtype != self.dtype or not value.is_c_contiguous():
            raise ShapeError(
                f"{name} must be a C-contiguous {self.dtype} array of shape {shape}, got {value.dtype} of shape "
                f"{tuple(value.shape)}"
            )

    def _fits(self, name: str, value: Any, shape: Shape, *, written: bool = False) -> Any:
        """Return a flat array on the device: a copy of one of the host."""
        self._check(name, value, shape, written=written)
        if _is_here(value):
            return self._there(value)
        return value if len(value.shape) == 1 else value.reshape(int(np.prod(shape)))

    def _there(self, array: Any) -> Any:
        from ..device import empty, there

        return there(array.reshape(-1)) if array.size else empty(1, self.dtype)

    def _put(self, found: Any, target: Any) -> Any:
        """Copy flat numbers of the device into an array of the host or of the device, and return that."""
        if _is_here(target):
            found.copy_to_host(target.reshape(-1))
        else:
            (target if len(target.shape) == 1 else target.reshape(found.size)).copy_to_device(found)
        return target


def _is_here(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _bring(found: Any, target: Any) -> None:
    """Copy what was written on the device into the host's array that it stood for."""
    if found is not None and _is_here(target) and target.size:
        found.copy_to_host(target.reshape(-1))
