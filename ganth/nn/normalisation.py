"""Batch normalisation of a batch, with an activation after it."""

from typing import Any

import numpy as np

from .steps import Array, Bound, Context, DeviceStep, Places, Step, lay

_CHUNK_NUMBERS = 2**14  # of a chunk: it stays in a core's own cache
_SCRATCH = 512


class BatchNormStep(Step):
    """Batch normalisation of a batch."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from . import normalisation_cpu as loops

        super().__init__(part, bound, places, activation)
        channels = bound.shape[-1]
        run = channels * (bound.shape[-2] if len(bound.shape) > 1 else 1)
        runs = self.count // run
        chunk = max(1, min(runs, _CHUNK_NUMBERS // run))
        self.chunks = -(-runs // chunk)
        plan = {loops.RUNS: runs, loops.CHUNK: chunk, loops.RUN: run, loops.CHANNELS: channels}
        size = lay(plan, 0, {
            loops.FIRST: self.chunks * run, loops.SECOND: self.chunks * run, loops.MEAN: run, loops.FACTOR: run,
            loops.SHIFT: run, loops.CENTRED: run, loops.EVEN: 2 * _SCRATCH * self.team.threads,
        })  # fmt: skip
        plan[loops.SCRATCH] = _SCRATCH
        self.plan = np.array([plan[key] for key in range(loops.PLAN)], np.int64)
        self.room, self.out = self.buffer(size), self.buffer_out()
        self.own = np.zeros((2, channels))
        self.momentum, self.epsilon = float(part.momentum), float(part.epsilon)
        self.training = True
        self.x = self.nothing

    def _work(self, task: int, above: Array, below: Array) -> None:
        from .normalisation_cpu import work

        self.team.work(
            work, task, self.plan, self.room, self.x, self.out, above, below, self.activation, self.slope,
            parts=self.chunks,
        )  # fmt: skip

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .normalisation_cpu import APPLY, MOMENTS, settle

        self.x, self.training = x, context.training
        if self.training:
            self._work(MOMENTS, self.nothing, self.nothing)
        settle(
            self.plan, self.room, self.own, self.parameters.of(parameters, "scale"),
            self.parameters.of(parameters, "shift"), self.state.of(state, "mean"), self.state.of(state, "variance"),
            self.momentum, self.epsilon, self.training,
        )  # fmt: skip
        self._work(APPLY, self.nothing, self.nothing)
        return self.out

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        from .normalisation_cpu import BACK, SUMS, settle_back

        below, scale = self.buffer_below(), self.parameters.of(parameters, "scale")
        self._work(SUMS, above, below)
        scale_slopes = shift_slopes = self.nothing
        if gradient is not None:
            scale_slopes, shift_slopes = self.parameters.of(gradient, "scale"), self.parameters.of(gradient, "shift")
        settle_back(
            self.plan, self.room, self.own, scale, scale_slopes, shift_slopes, gradient is not None, self.training
        )
        if not goes_on:
            return None
        self._work(BACK, self.nothing, below)
        return below


class DeviceBatchNormStep(DeviceStep):
    """Batch normalisation of a batch on a GPU."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from .normalisation_cuda import TABLE

        super().__init__(part, bound, places, activation)
        self.channels = bound.shape[-1]
        self.sizes = (self.rows, self.channels, self.chunk())
        self.chunks = -(-self.rows // self.chunk())
        self.first, self.second = self.sums_room(), self.sums_room()
        self.table, self.out, self.x = self.buffer(TABLE, self.channels), self.buffer_out(), self.nothing
        self.own = (self.parameters.at("scale"), self.parameters.at("shift"))
        self.kept = (self.state.at("mean"), self.state.at("variance"))
        self.momentum, self.epsilon = float(part.momentum), float(part.epsilon)
        self.training = True

    def forward(self, parameters: Any, state: Any, x: Any, context: Context) -> Any:
        from . import normalisation_cuda as loops

        self.x, self.training, block = x, context.training, loops.BLOCK
        sums = (self.first, self.second)
        if self.training:
            loops.take_moments.launch(self.chunks * self.channels, *sums, x, *self.sizes, block=block)
        loops.settle.launch(
            self.channels, self.table, state, parameters, *sums, *self.sizes, *self.kept, *self.own, self.momentum,
            self.epsilon, int(self.training), block=block,
        )  # fmt: skip
        loops.apply.launch(
            self.count, self.out, x, self.table, self.count, self.channels, self.activation, self.slope, block=block
        )
        return self.out

    def backward(self, parameters: Any, above: Any, gradient: Any, goes_on: bool) -> Any:
        from . import normalisation_cuda as loops

        below, block = self.buffer_below(), loops.BLOCK
        slopes = self.slopes_before(above, below, self.out, self.first, (self.second, self.x, self.table))
        learns = gradient is not None
        loops.settle_back.launch(
            self.channels, self.table, gradient if learns else parameters, parameters, self.first, self.second,
            *self.sizes, *self.own, int(learns), int(self.training), block=block,
        )  # fmt: skip
        if not goes_on:
            return None
        loops.back.launch(self.count, below, slopes, self.x, self.table, self.count, self.channels, block=block)
        return below
