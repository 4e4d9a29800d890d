"""What is done to single numbers of a batch: activations, noise, and how much its samples differ."""

from typing import Any

import numpy as np

from ..formulas.random import NOISE
from .steps import Array, Bound, Context, Places, Step

_STD_EPSILON = 1e-8


class ActivationStep(Step):
    """An activation that stands alone."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from .pointwise_cpu import BLOCK

        super().__init__(part, bound, places, part)
        self.out, self.blocks = self.buffer_out(), -(-self.count // BLOCK)
        self.scratch = np.empty((2, self.team.threads, BLOCK))

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .pointwise_cpu import activated

        self.team.work(activated, self.out, x, *self.scratch, self.activation, self.slope, parts=self.blocks)
        return self.out

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        from .pointwise_cpu import sloped

        below = self.buffer_below()
        self.team.work(sloped, below, above, self.out, self.activation, self.slope, parts=self.blocks)
        return below


class NoiseStep(Step):
    """Gaussian noise in training."""

    first = 0  # its first number's counter in the stream of a pass: layers take theirs one after the other

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from .pointwise_cpu import BLOCK

        super().__init__(part, bound, places)
        self.draws, self.blocks = self.count, -(-self.count // BLOCK)
        self.out = self.buffer_out()
        self.scratch = np.empty((2, self.team.threads, BLOCK // 2))

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        if not context.training or self.part.std == 0:
            return x
        from .pointwise_cpu import noisy

        whole = np.uint64
        self.team.work(
            noisy, self.out, x, *self.scratch, self.bound.dtype.type(self.part.std), whole(context.key),
            whole(context.step), whole(context.trial), whole(NOISE), self.first, parts=self.blocks,
        )  # fmt: skip
        return self.out

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        return above


class MinibatchStdStep(Step):
    """One channel more, with the mean deviation of the batch."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from .pointwise_cpu import BLOCK

        super().__init__(part, bound, places)
        each = self.count // bound.batch
        self.means, self.deviations, self.blocks = self.buffer(each), self.buffer(each), -(-each // BLOCK)
        self.out, self.x = self.buffer_out(), self.nothing

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .pointwise_cpu import deviations, widen

        self.x = x
        self.team.work(deviations, self.means, self.deviations, x, self.bound.batch, _STD_EPSILON, parts=self.blocks)
        widen(self.out, x, self.deviations, self.bound.shape[-1])
        return self.out

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        from .pointwise_cpu import narrow

        below = self.buffer_below()
        narrow(below, above, self.x, self.means, self.deviations, self.bound.shape[-1], self.bound.batch)
        return below
