"""A fully connected layer of a batch."""

import math
from typing import Any

import numpy as np

from .spectral import Spectral
from .steps import NO_ACTIVATION, Array, Bound, Context, Places, Step, lay, panel_of, whole_vectors

_SCRATCH = 512


class LinearStep(Step):
    """A fully connected layer of a batch."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from . import linear_cpu as loops

        super().__init__(part, bound, places, activation)
        inputs, units, panel = math.prod(bound.shape), part.units, panel_of(bound.dtype)
        wide, high = whole_vectors(inputs), whole_vectors(units)
        plan = {loops.BATCH: bound.batch, loops.INPUTS: inputs, loops.UNITS: units, loops.WIDE: wide, loops.HIGH: high}
        batch = {loops.X: bound.batch * wide, loops.Y: bound.batch * high, loops.SLOPES: bound.batch * wide}
        start = plan[loops.WORKER] = lay(plan, 0, batch)
        worker = {loops.ROWS: panel * max(wide, panel), loops.PANEL: panel * wide, loops.EVEN: 2 * _SCRATCH}
        own = plan[loops.WORKER_SIZE] = lay(plan, 0, worker)
        plan[loops.SCRATCH] = _SCRATCH
        self.plan = np.array([plan[key] for key in range(loops.PLAN)], np.int64)
        self.room = self.buffer(start + own * self.team.threads)
        self.out = self.buffer_out()
        self.spectral = Spectral(self, (units, inputs))
        self.scale = self.spectral.one
        of_units = -(-units // panel)
        self.parts_of = {
            loops.TAKE_INPUTS: bound.batch, loops.TAKE_SLOPES: bound.batch, loops.FORWARD: of_units,
            loops.BACK: -(-wide // panel), loops.LEARN: of_units,
        }  # fmt: skip

    def _work(
        self, task: int, weights: Array, biases: Array, given: Array, made: Array, activation: int = NO_ACTIVATION
    ) -> None:
        from .linear_cpu import work

        self.team.work(
            work, task, self.plan, self.room, weights, self.scale, biases, given, self.out, made, activation,
            self.slope, parts=self.parts_of[task],
        )  # fmt: skip

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .linear_cpu import FORWARD, TAKE_INPUTS

        nothing, weights = self.nothing, self.parameters.of(parameters, "weights")
        self.scale = self.spectral.over(weights, state, context)
        self._work(TAKE_INPUTS, nothing, nothing, x, nothing)
        self._work(FORWARD, weights, self.parameters.of(parameters, "biases"), nothing, self.out, self.activation)
        return self.out

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        from .linear_cpu import BACK, LEARN, TAKE_SLOPES

        nothing, weights = self.nothing, self.parameters.of(parameters, "weights")
        self._work(TAKE_SLOPES, nothing, nothing, above, nothing, self.activation)
        if gradient is not None:
            own = self.parameters.of(gradient, "weights")
            self._work(LEARN, self.spectral.target(own), self.parameters.of(gradient, "biases"), nothing, nothing)
            self.spectral.settle(weights, own)
        if not goes_on:
            return None
        below = self.buffer_below()
        self._work(BACK, weights, nothing, nothing, below)
        return below
