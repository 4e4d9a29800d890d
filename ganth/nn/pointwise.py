"""What is done to single numbers of a batch: activations, noise, and how much its samples differ."""

from typing import Any

import numpy as np

from ..formulas.random import NOISE
from .steps import Array, Bound, Context, DeviceStep, Places, Step

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


class DeviceActivationStep(DeviceStep):
    """An activation that stands alone, on a GPU."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        super().__init__(part, bound, places, part)
        self.out = self.buffer_out()

    def forward(self, parameters: Any, state: Any, x: Any, context: Context) -> Any:
        from .pointwise_cuda import activated_all

        activated_all(self.out, x, self.activation, self.slope)
        return self.out

    def backward(self, parameters: Any, above: Any, gradient: Any, goes_on: bool) -> Any:
        return self.slopes_before(above, self.buffer_below(), self.out)


class DeviceNoiseStep(DeviceStep):
    """Gaussian noise in training, on a GPU."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        super().__init__(part, bound, places)
        self.draws, self.out = self.count, self.buffer_out()

    def forward(self, parameters: Any, state: Any, x: Any, context: Context) -> Any:
        if not context.training or self.part.std == 0:
            return x
        from .pointwise_cuda import noisy

        whole = np.uint64
        noisy(
            self.out, x, self.bound.dtype.type(self.part.std), whole(context.key), whole(context.step),
            whole(context.trial), whole(NOISE), whole(self.first),
        )  # fmt: skip
        return self.out

    def backward(self, parameters: Any, above: Any, gradient: Any, goes_on: bool) -> Any:
        return above


class DeviceMinibatchStdStep(DeviceStep):
    """One channel more, with the mean deviation of the batch, on a GPU."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from ..device import empty
        from .pointwise_cuda import chunks_of

        super().__init__(part, bound, places)
        each, self.channels = self.count // bound.batch, bound.shape[-1]
        self.means, self.deviations = self.buffer(each), self.buffer(each)
        most = max(chunks_of(count)[1] for count in (each, self.count // self.channels))
        self.sums, self.out, self.x = empty(most, np.float64), self.buffer_out(), self.nothing

    def forward(self, parameters: Any, state: Any, x: Any, context: Context) -> Any:
        from .pointwise_cuda import deviations, widened

        self.x = x
        deviations(self.means, self.deviations, x, self.bound.batch, _STD_EPSILON)
        widened(self.out, x, self.deviations, self.sums, self.channels)
        return self.out

    def backward(self, parameters: Any, above: Any, gradient: Any, goes_on: bool) -> Any:
        from .pointwise_cuda import narrowed

        below = self.buffer_below()
        narrowed(below, above, self.x, self.means, self.deviations, self.sums, self.channels, self.bound.batch)
        return below
