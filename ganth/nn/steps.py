"""What a layer bound to a batch has in common with others; arrays between layers are flat, in C order."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend import aligned
from ..formulas.units import LEAKY, NO_ACTIVATION, SIGMOID, TANH
from .team import Team

Array = NDArray[Any]
VECTOR = 16  # numbers in 64 bytes of float32; sizes are made up to it for float64 too
_PANEL_BYTES = 256  # of the columns that a worker takes at a time: as lanes.products.block
_CODES = {"relu": LEAKY, "leaky": LEAKY, "tanh": TANH, "sigmoid": SIGMOID}


class Context(NamedTuple):
    """What holds for one pass: training or not, and where random numbers come from."""

    training: bool
    key: int
    step: int
    trial: int


class Bound(NamedTuple):
    """What a layer is bound to: samples of a batch, the shape of one, a type, and threads."""

    batch: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    team: Team


class Places(NamedTuple):
    """Where a layer's numbers lie in flat parameters, or in a flat state, by name."""

    slices: dict[str, slice]

    def of(self, flat: Array, name: str) -> Array:
        """Return a view, empty where the layer has no such numbers."""
        return flat[self.slices.get(name, _NOTHING)]

    def at(self, name: str) -> int:
        """Return where numbers begin, or -1 where the layer has no such numbers."""
        return int(self.slices[name].start) if name in self.slices else -1


_NOTHING = slice(0, 0)


class Step:
    """A layer bound to a batch; one with an activation after it, if `activation` (an Activation) is given.

    forward(parameters, state, x, context) returns what it puts out.  backward(parameters, above, gradient, goes_on)
    takes the slopes in that, adds to the gradient unless it is None, and returns the slopes in x if `goes_on`.
    """

    draws = 0  # random numbers of a pass
    first = 0  # the counter of the first one in the stream of a pass: layers take theirs one after the other

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        self.part, self.bound, self.team = part, bound, bound.team
        self.parameters, self.state = places
        self.count = bound.batch * math.prod(bound.shape)
        self.outputs = part.outputs(bound.shape)
        self.activation = NO_ACTIVATION if activation is None else _CODES[activation.kind]
        leaky = activation is not None and activation.kind == "leaky"
        self.slope = bound.dtype.type(activation.slope if leaky else 0)
        self.nothing = self.below = self.buffer(0)

    def buffer(self, *shape: int) -> Array:
        """Return zeros that start at a cache line."""
        return aligned(shape, self.bound.dtype)

    def buffer_out(self) -> Array:
        """Return a buffer for what the layer puts out."""
        return self.buffer(self.bound.batch * math.prod(self.outputs))

    def buffer_below(self) -> Array:
        """Return the buffer for the slopes in x, made where a pass first needs it."""
        if not self.below.size:
            self.below = self.buffer(self.count)
        return self.below

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        """Return what the layer makes of x."""
        raise NotImplementedError

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        """Take the slopes in the output, and return those in x if wanted."""
        raise NotImplementedError


class DeviceStep(Step):
    """A layer bound to a batch on a GPU: its arrays are there, and flat."""

    def __init__(self, part: Any, bound: Bound, places: tuple[Places, Places], activation: Any = None) -> None:
        super().__init__(part, bound, places, activation)
        self._below: Any = None

    def buffer(self, *shape: int) -> Any:
        """Return flat memory on the device, of one number at least, whose numbers are not set."""
        from ..device import empty

        return empty(max(1, math.prod(shape)), self.bound.dtype)

    def buffer_below(self) -> Any:
        """Return the buffer for the slopes in x, made where a pass first needs it."""
        if self._below is None:
            self._below = self.buffer(self.count)
        return self._below

    def ones(self) -> Any:
        """Return one number on the device, 1."""
        from ..device import there

        return there(np.ones(1, self.bound.dtype))

    @property
    def rows(self) -> int:
        """How many numbers the layer puts out for each channel."""
        return self.bound.batch * math.prod(self.outputs[:-1])

    def slopes_before(
        self, above: Any, room: Any, outputs: Any, sums: Any = None, along: tuple[Any, Any, Any] | None = None
    ) -> Any:
        """Return the slopes before the activation, in the room if there is one.

        `sums`, if given, is set to those of each channel's chunks; along: room for sums of slopes times x - mean, x,
        and the channels' means.
        """
        from .steps_cuda import NO_SUMS, SUMS, SUMS_ALONG, slopes

        if self.activation == NO_ACTIVATION and sums is None:
            return above
        kind = NO_SUMS if sums is None else SUMS if along is None else SUMS_ALONG
        alongs, x, means = (self.nothing,) * 3 if along is None else along
        given = self.nothing if sums is None else sums
        channels = self.outputs[-1]
        slopes(room, given, alongs, above, outputs, x, means, self.rows, channels, self.activation, self.slope, kind)
        return above if self.activation == NO_ACTIVATION else room

    def chunk(self) -> int:
        """Return how many rows make a chunk of a sum."""
        from .steps_cuda import chunk_of

        return chunk_of(self.rows)

    def sums_room(self) -> Any:
        """Return memory for the sums of each channel's chunks."""
        return self.buffer(-(-self.rows // self.chunk()) * self.outputs[-1])

    def add_sums(self, gradient: Any, at: int, sums: Any) -> None:
        """Add the sums of chunks to a gradient from `at` on."""
        from .steps_cuda import add_to

        add_to(gradient, sums, at, self.rows, self.outputs[-1])


class ReshapeStep(Step):
    """The same numbers in another shape: nothing to do for flat arrays."""

    def forward(self, parameters: Array, state: Array, x: Array, context: Context) -> Array:
        return x

    def backward(self, parameters: Array, above: Array, gradient: Array | None, goes_on: bool) -> Array | None:
        return above


def whole_vectors(count: int) -> int:
    """Return the next multiple of VECTOR."""
    return -(-count // VECTOR) * VECTOR


def panel_of(dtype: np.dtype[Any]) -> int:
    """Return how many columns of a matrix make a panel."""
    return _PANEL_BYTES // dtype.itemsize


def lay(plan: dict[int, int], start: int, sizes: Mapping[int, int]) -> int:
    """Lay parts of these sizes one after the other, in whole vectors; note where they begin, and return their end."""
    for key, size in sizes.items():
        plan[key] = start
        start += whole_vectors(size)
    return start
