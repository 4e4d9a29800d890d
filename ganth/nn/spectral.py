"""Weights over their largest singular value (Miyato et al. 2018): power iteration, and the slopes back through it."""

import math
from typing import Any

from .parts import ConvTranspose
from .steps import Array, Context, Places, Step

_FIRST_ITERATIONS = 15


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
        self.turned = isinstance(step.part, ConvTranspose)  # rows of the matrix run fastest
        self.shape = (weights[0], math.prod(weights[1:]))
        if self.turned:
            self.shape = (math.prod(weights[:-1]), weights[-1])
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
