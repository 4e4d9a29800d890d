"""Batch normalisation of a batch, with an activation after it."""

from typing import Any

import numpy as np

from .steps import Array, Bound, Context, Places, Step, lay

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
