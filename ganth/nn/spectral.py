"""Weights over their largest singular value (Miyato et al. 2018): power iteration, and the slopes back through it."""

import math
from typing import Any

from .parts import ConvTranspose
from .steps import Array, Context, DeviceStep, Places, Step

_FIRST_ITERATIONS = 15


def _matrix(step: Step, weights: tuple[int, ...]) -> tuple[tuple[int, int], bool]:
    """Return the shape in which weights lie as a matrix, and whether its rows are those of the output's channels."""
    if isinstance(step.part, ConvTranspose):
        return (math.prod(weights[:-1]), weights[-1]), True
    return (weights[0], math.prod(weights[1:])), False


class Spectral:
    """The largest singular value of a layer's weights, estimated by one power iteration a pass, as PyTorch does.

    The weights are a matrix with a row for each channel (or unit) of the output.
    """

    def __init__(self, step: Step, weights: tuple[int, ...]) -> None:
        self.on = bool(step.part.spectral)
        self.places: Places = step.state
        self.one = step.bound.dtype.type(1)
        if not self.on:
            return
        self.shape, self.turned = _matrix(step, weights)
        rows, columns = self.shape[::-1] if self.turned else self.shape
        self.left, self.right = step.buffer(rows), step.buffer(columns)
        self.found = step.buffer(rows * columns)
        self.value = self.one

    def over(self, weights: Array, state: Array, context: Context) -> Any:
        """Return one over the largest singular value, by which a pass multiplies the weights."""
        if not self.on:
            return self.one
        from .spectral_cpu import iterate

        left, right = self.places.of(state, "left"), self.places.of(state, "right")
        self.left[:], self.right[:] = left, right
        count = int(context.training) + (0 if left.any() else _FIRST_ITERATIONS)
        self.value = iterate(weights.reshape(-1), *self.shape, self.turned, self.left, self.right, count)
        if context.training:
            left[:], right[:] = self.left, self.right
        return self.one / self.value

    def target(self, gradient: Array) -> Array:
        """Return where a pass adds the slopes in the weights that it used."""
        if not self.on:
            return gradient
        self.found[:] = 0
        return self.found

    def settle(self, weights: Array, gradient: Array) -> None:
        """Add the slopes in the weights themselves, once those in the ones that were used are known."""
        if self.on:
            from .spectral_cpu import add_slopes

            add_slopes(gradient, self.found, weights, *self.shape, self.turned, self.left, self.right, self.value)


class DeviceSpectral:
    """As `Spectral`, on a GPU: vectors, value and slopes stay there."""

    def __init__(self, step: DeviceStep, weights: tuple[int, ...]) -> None:
        self.on, self.one = bool(step.part.spectral), step.ones()
        if not self.on:
            return
        from .spectral_cuda import room_of

        self.left_at, self.right_at = step.state.at("left"), step.state.at("right")
        self.shape, self.turned = _matrix(step, weights)
        self.found, self.room = step.buffer(math.prod(weights)), step.buffer(room_of(*self.shape))
        self.outer, self.inner, self.scale = step.buffer(self.shape[0]), step.buffer(self.shape[1]), step.buffer(1)

    def over(self, parameters: Any, at: int, state: Any, context: Context) -> Any:
        """Return one over the largest singular value, by which a pass multiplies the weights."""
        if not self.on:
            return self.one
        from .spectral_cuda import iterate

        iterate(
            self.scale, self.outer, self.inner, self.room, state, parameters, at, *self.shape, self.left_at,
            self.right_at, self.turned, context.training, _FIRST_ITERATIONS,
        )  # fmt: skip
        return self.scale

    def target(self, gradient: Any, at: int) -> tuple[Any, int]:
        """Return where a pass puts the slopes in the weights that it used, and from where on."""
        return (self.found, 0) if self.on else (gradient, at)

    def settle(self, parameters: Any, at: int, gradient: Any) -> None:
        """Add the slopes in the weights themselves, once those in the ones that were used are known."""
        if self.on:
            from .spectral_cuda import add_slopes

            add_slopes(gradient, self.room, self.found, parameters, self.scale, self.outer, self.inner, at)
