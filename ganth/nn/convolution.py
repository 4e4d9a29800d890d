"""Convolutions and transposed convolutions of a batch: their plan, and what they call of the loops."""

import math
from typing import Any

import numpy as np

from ..errors import ParameterError
from .parts import Conv, Linear
from .spectral import DeviceSpectral, Spectral
from .steps import NO_ACTIVATION, Array, Bound, Context, DeviceStep, Places, Step, lay, panel_of, whole_vectors

_CHUNK_BYTES = 2**19  # of a chunk's windows and outputs: they stay in a core's own cache
_MOST_IN_CHUNK = 8
_FEWEST_FOR_POINTS = 8  # channels from which on Winograd's points pay
_SCRATCH = 512


class ConvolutionStep(Step):
    """A convolution of a batch, from large images to small ones, or a transposed one, the other way."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from . import convolution_cpu as loops

        super().__init__(part, bound, places, activation)
        large, small = bound.shape, self.outputs
        self.there, self.back, self.frame = loops.DOWN, loops.UP, loops.SMALL  # the frame of what is put out
        if not isinstance(part, Conv):
            large, small = small, large
            self.there, self.back, self.frame = loops.UP, loops.DOWN, loops.LARGE
        self.plan, room = plan_of(part.kernel, part.stride, part.padding, large, small, bound)
        self.room = self.buffer(room)
        self.out = self.buffer_out()
        chunks = -(-self.plan[loops.BATCH] // self.plan[loops.CHUNK])
        blocks = -(-self.plan[loops.OUTPUT] // loops.BLOCK)
        panels = self.plan[loops.POINTS] * -(-self.plan[loops.WINDOW] // panel_of(bound.dtype))
        self.parts_of = {
            loops.PACK: int(blocks), loops.DOWN: int(chunks), loops.UP: int(chunks), loops.LEARN: int(panels),
            loops.UNPACK: int(blocks),
        }  # fmt: skip
        self.spectral = Spectral(self, part.weights(bound.shape))

    def _work(self, task: int, **changes: Any) -> None:
        from .convolution_cpu import work

        nothing, none = self.nothing, NO_ACTIVATION
        given: dict[str, Any] = {
            "weights": nothing, "scale": self.spectral.one, "given": nothing, "judged": nothing, "activation": none,
            "summed": False, "made": nothing, "made_activation": none, "slope": self.slope, "biased": False,
        } | changes  # fmt: skip
        self.team.work(work, task, self.plan, self.room, *given.values(), parts=self.parts_of[task])

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        from .convolution_cpu import PACK, spread_biases

        weights = self.parameters.of(parameters, "weights")
        self._work(PACK, weights=weights, scale=self.spectral.over(weights, state, context))
        if self.part.bias:
            spread_biases(self.plan, self.room, self.frame, self.parameters.of(parameters, "biases"))
        self._work(self.there, given=x, made=self.out, made_activation=self.activation, biased=self.part.bias)
        return self.out

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        from .convolution_cpu import LEARN, UNPACK, add_sums

        below = self.buffer_below() if goes_on else self.nothing
        summed = gradient is not None and self.part.bias
        self._work(self.back, given=above, judged=self.out, activation=self.activation, summed=summed, made=below)
        if gradient is not None:
            own = self.parameters.of(gradient, "weights")
            self._work(LEARN)
            self._work(UNPACK, weights=self.spectral.target(own))
            self.spectral.settle(self.parameters.of(parameters, "weights"), own)
            if summed:
                add_sums(self.plan, self.room, self.frame, self.parameters.of(gradient, "biases"))
        return below if goes_on else None


class DeviceConvolutionStep(DeviceStep):
    """A convolution, a transposed one or a fully connected layer of a batch on a GPU.

    A fully connected layer is a convolution of images of a single pixel.
    """

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        from . import convolution_cuda as loops

        super().__init__(part, bound, places, activation)
        large, small, self.there, self.back = bound.shape, self.outputs, loops.DOWN, loops.UP
        if isinstance(part, Linear):
            large, small, filter_ = (1, 1, math.prod(large)), (1, 1, part.units), (1, 1, 0)
        else:
            filter_ = (part.kernel, part.stride, part.padding)
            if not isinstance(part, Conv):
                large, small, self.there, self.back = small, large, loops.UP, loops.DOWN
        sizes: tuple[int, ...] = (bound.batch, *large, *small, *filter_)
        self.shapes = loops.Shapes(*sizes)
        forms = (loops.DOWN, loops.UP, loops.LEARN)
        self.room = self.buffer(max(loops.room_of(form, self.shapes) for form in forms))
        self.out, self.x = self.buffer_out(), self.nothing
        self.weights_at, self.biases_at = self.parameters.at("weights"), self.parameters.at("biases")
        self.slopes = self.nothing if self.activation == NO_ACTIVATION else self.buffer_out()
        self.sums = self.sums_room() if part.bias else None
        self.one = self.scale = self.ones()
        self.plain = bound.dtype.type(0)  # the slope of no activation
        self.spectral = DeviceSpectral(self, part.parameters(bound.shape)["weights"])

    def forward(self, parameters: Any, state: Any, x: Any, context: Context) -> Any:
        from .convolution_cuda import multiply

        self.x, self.scale = x, self.spectral.over(parameters, self.weights_at, state, context)
        multiply(
            self.there, self.out, self.room, x, parameters, self.scale, self.shapes, plain_at=self.weights_at,
            biases_at=self.biases_at, out_at=0, activation=self.activation, slope=self.slope, adds=False,
        )  # fmt: skip
        return self.out

    def backward(self, parameters: Any, above: Any, gradient: Any, goes_on: bool) -> Any:
        from .convolution_cuda import DOWN, LEARN, multiply

        sums = None if gradient is None else self.sums
        slopes = self.slopes_before(above, self.slopes, self.out, sums)
        plain: dict[str, Any] = {"biases_at": -1, "activation": NO_ACTIVATION, "slope": self.plain}
        if gradient is not None:
            if sums is not None:
                self.add_sums(gradient, self.biases_at, sums)
            large, small = (self.x, slopes) if self.there == DOWN else (slopes, self.x)
            target, at = self.spectral.target(gradient, self.weights_at)
            multiply(
                LEARN, target, self.room, large, small, self.one, self.shapes, plain_at=0, out_at=at,
                adds=target is gradient, **plain,
            )  # fmt: skip
            self.spectral.settle(parameters, self.weights_at, gradient)
        if not goes_on:
            return None
        below = self.buffer_below()
        multiply(
            self.back, below, self.room, slopes, parameters, self.scale, self.shapes, plain_at=self.weights_at,
            out_at=0, adds=False, **plain,
        )  # fmt: skip
        return below


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
    start = head[loops.WORKER] = lay(head, 0, {
        loops.INPUTS: bound.batch * lines * window, loops.OUTPUTS: bound.batch * lines * output,
        loops.FOR_DOWN: weights, loops.FOR_UP: weights, loops.SLOPES: weights, loops.BIASES: run,
        loops.SUMS: chunks * run,
    })  # fmt: skip
    own = head[loops.WORKER_SIZE] = lay(head, 0, {
        loops.SOME: chunk * lines * max(window, output), loops.TAKEN: cells, loops.MADE: cells,
        loops.SMALLS: rows * columns * output,
        loops.MIDDLE: max((rows + 1) * across_slots * window, rows * across_slots * output) if pointed else 0,
        loops.TAPS: (4 if pointed else 1) * window, loops.EVEN: 2 * _SCRATCH,
    })  # fmt: skip
    entries = [head[key] for key in range(loops.FRAMES)] + [n for part in frames.values() for n in part]
    try:
        plan = np.array(entries, np.int64)
    except OverflowError:
        raise ParameterError(f"batch must be smaller: {bound.batch} samples of {large} do not fit") from None
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
