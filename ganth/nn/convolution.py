"""Convolutions and transposed convolutions of a batch: their plan, and what they call of the loops."""

import math
from typing import Any

import numpy as np

from ..errors import ParameterError
from .parts import Conv
from .spectral import Spectral
from .steps import NO_ACTIVATION, Array, Bound, Context, Places, Step, whole_vectors

_CHUNK_BYTES = 2**19  # of a chunk's windows and outputs: they stay in a core's own cache
_MOST_IN_CHUNK = 8
_FEWEST_FOR_POINTS = 8  # channels from which on Winograd's points pay
_SCRATCH = 512


class _ConvolutionStep(Step):
    """What both kinds share: large images, small ones, and the products between them."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        super().__init__(part, bound, places, activation)
        large, small = bound.shape, self.outputs
        if not isinstance(part, Conv):
            large, small = small, large
        self.plan, room = plan_of(part.kernel, part.stride, part.padding, large, small, bound)
        self.room = self.buffer(room)
        self.out = self.buffer_out()
        self.below = self.nothing
        self.spectral = Spectral(self, part.weights(bound.shape))

    def _work(self, task: int, **changes: Any) -> None:
        from .convolution_cpu import BATCH, CHUNK, DOWN, LEARN, OUTPUT, POINTS, UP, work

        nothing, none = self.nothing, NO_ACTIVATION
        given: dict[str, Any] = {
            "weights": nothing, "scale": self.spectral.one, "given": nothing, "judged": nothing, "activation": none,
            "summed": False, "made": nothing, "made_activation": none, "slope": self.slope, "biased": False,
        } | changes  # fmt: skip
        plan = self.plan
        parts = (
            -(-plan[BATCH] // plan[CHUNK]) if task in (DOWN, UP) else plan[POINTS] if task == LEARN else plan[OUTPUT]
        )
        self.team.work(work, task, plan, self.room, *given.values(), parts=int(parts))

    def _forward(self, task: int, frame: int, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .convolution_cpu import PACK, spread_biases

        weights = self.parameters.of(parameters, "weights")
        self._work(PACK, weights=weights, scale=self.spectral.over(weights, state, context))
        if self.part.bias:
            spread_biases(self.plan, self.room, frame, self.parameters.of(parameters, "biases"))
        self._work(task, given=x, made=self.out, made_activation=self.activation, biased=self.part.bias)
        return self.out

    def _backward(
        self, task: int, frame: int, parameters: Array, above: Array, gradient: Array | None, goes_on: bool
    ) -> Array | None:
        from .convolution_cpu import LEARN, UNPACK, add_sums

        if goes_on and not self.below.size:
            self.below = self.buffer(self.count)
        summed = gradient is not None and self.part.bias
        self._work(
            task, given=above, judged=self.out, activation=self.activation, summed=summed,
            made=self.below if goes_on else self.nothing,
        )  # fmt: skip
        if gradient is not None:
            own = self.parameters.of(gradient, "weights")
            self._work(LEARN)
            self._work(UNPACK, weights=self.spectral.target(own))
            self.spectral.settle(self.parameters.of(parameters, "weights"), own)
            if summed:
                add_sums(self.plan, self.room, frame, self.parameters.of(gradient, "biases"))
        return self.below if goes_on else None


class ConvStep(_ConvolutionStep):
    """A convolution of a batch."""

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .convolution_cpu import DOWN, SMALL

        return self._forward(DOWN, SMALL, parameters, state, x, context)

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        from .convolution_cpu import SMALL, UP

        return self._backward(UP, SMALL, parameters, above, gradient, goes_on)


class ConvTransposeStep(_ConvolutionStep):
    """A transposed convolution of a batch."""

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .convolution_cpu import LARGE, UP

        return self._forward(UP, LARGE, parameters, state, x, context)

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        from .convolution_cpu import DOWN, LARGE

        return self._backward(DOWN, LARGE, parameters, above, gradient, goes_on)


def plan_of(
    kernel: int, stride: int, padding: int, large: tuple[int, ...], small: tuple[int, ...], bound: Bound
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """Return the plan of a convolution from large to small images, and how many numbers its room has.

    A filter with twice as many taps as its stride is, over squares of stride x stride pixels, one of 2 x 2 taps:
    Winograd's tiles do it with about half of the multiplications.
    """
    from . import convolution_cpu as loops

    (height, width, channels), (rows, columns, outputs) = large, small
    pointed = kernel == 2 * stride and channels >= _FEWEST_FOR_POINTS
    window = whole_vectors((stride**2 if pointed else kernel**2) * channels)
    output = whole_vectors(outputs)
    down, down_slots = _axis(rows)
    across, across_slots = _axis(columns)
    frames: dict[int, list[int]] = {
        loops.LARGE: (
            [height, width, channels, padding, stride, rows + 1, columns + 1, window, channels]
            if pointed
            else [height, width, channels, padding, 1, *_reach(large, padding), channels, channels * width]
        ),
        loops.SMALL: [
            rows, columns, outputs, 0, 1, rows, columns, output, outputs * (columns if output == outputs else 1),
        ],
        loops.DOWNWARD: down,
        loops.ACROSS: across,
        loops.TABLE: _table(down[2:6], across[2:6]) if pointed else [0, rows * columns],
    }  # fmt: skip
    lines = down_slots * across_slots if pointed else rows * columns
    fits = _CHUNK_BYTES // (lines * (window + output) * bound.dtype.itemsize)
    chunk = min(_MOST_IN_CHUNK, 2 ** max(0, fits.bit_length() - 1))
    chunks = -(-bound.batch // chunk)
    points = 16 if pointed else 1
    head = {
        loops.KERNEL: kernel, loops.STRIDE: stride, loops.WINDOW: window, loops.OUTPUT: output, loops.POINTS: points,
        loops.CHUNK: chunk, loops.BATCH: bound.batch, loops.SCRATCH: _SCRATCH,
    }  # fmt: skip
    place = loops.FRAMES
    for key, numbers in frames.items():
        head[key] = place
        place += len(numbers)
    run = max(frames[loops.LARGE][-1], frames[loops.SMALL][-1])
    cells = math.prod(frames[loops.LARGE][5:8])
    weights = points * window * output
    start = 0
    for key, size in (
        (loops.INPUTS, bound.batch * lines * window), (loops.OUTPUTS, bound.batch * lines * output),
        (loops.FOR_DOWN, weights), (loops.FOR_UP, weights), (loops.SLOPES, weights), (loops.BIASES, run),
        (loops.SUMS, chunks * run),
    ):  # fmt: skip
        head[key] = start
        start += whole_vectors(size)
    head[loops.WORKER] = start
    own = 0
    for key, size in (
        (loops.SOME, chunk * lines * max(window, output)), (loops.TAKEN, cells), (loops.MADE, cells),
        (loops.SMALLS, rows * columns * output),
        (loops.MIDDLE, max((rows + 1) * across_slots * window, rows * across_slots * output) if pointed else 0),
        (loops.TAPS, (4 if pointed else 1) * window), (loops.EVEN, 2 * _SCRATCH),
    ):  # fmt: skip
        head[key] = own
        own += whole_vectors(size)
    head[loops.WORKER_SIZE] = own
    plan = np.array([head[key] for key in range(loops.FRAMES)] + [n for part in frames.values() for n in part])
    if plan.dtype != np.int64:
        raise ParameterError(f"batch must be smaller: {bound.batch} samples of {large} do not fit")
    return plan, start + bound.team.threads * own


def _reach(large: tuple[int, ...], padding: int) -> tuple[int, int]:
    return large[0] + 2 * padding, large[1] + 2 * padding


def _axis(outputs: int) -> tuple[list[int], int]:
    """Return an axis as lanes.winograd takes it: tiles of 3, and of 2 so that none is left over; and its slots."""
    threes, rest = divmod(outputs, 3)
    if rest == 1 and threes:
        threes, rest = threes - 1, 4
    sizes = [3] * threes + {0: [], 1: [1], 2: [2], 4: [2, 2]}[rest]
    counts = [len(sizes), sum(size > 1 for size in sizes), len(sizes), threes]
    slots = [sum(counts[:p]) for p in range(5)]
    return [outputs, len(sizes), *counts, *slots, *sizes, *(sum(sizes[:t]) for t in range(len(sizes)))], slots[-1]


def _table(down: list[int], across: list[int]) -> list[int]:
    """Return for each point how many rows those before it have for an image, and how many it has."""
    found, before = [], 0
    for rows in down:
        for columns in across:
            found += [before, rows * columns]
            before += rows * columns
    return found
