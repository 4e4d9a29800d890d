"""What each layer of a network does to a batch, there and back."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .. import streams
from ..formulas.random import NOISE
from . import parts as kinds

Array = NDArray[Any]
Views = dict[str, Array]
_TINY = 1e-12  # added where a spectral vector is normalised
_STD_EPSILON = 1e-8
_FIRST_ITERATIONS = 15


class Context(NamedTuple):
    """What holds for one pass: training or not, and where random numbers come from."""

    training: bool
    key: int
    step: int
    trial: int


def step_of(part: Any, shape: tuple[int, ...], dtype: Any, counter: int) -> tuple[Any, int]:
    """Return the layer bound to inputs of a shape, batch first, and where the next stream of noise starts."""
    step = _STEPS[type(part)](part, shape, dtype)
    if step.draws:
        step.counter = counter
        counter += -(-math.prod(shape) // 2)
    return step, counter


class _Step:
    draws = False
    counter = 0

    def __init__(self, part: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.part, self.shape, self.dtype = part, shape, dtype


class _Spectral(_Step):
    """Weights over their largest singular value, and the slopes back through it."""

    matrix_axes: tuple[int, ...] = (0, 1, 2, 3)
    used: Array

    def weights(self, own: Views, kept: Views, context: Context) -> Array:
        given = own["weights"]
        if not self.part.spectral:
            return given
        left, right, matrix = kept["left"], kept["right"], self._matrix(given)
        if not right.any():
            left, right = left.copy(), right.copy()
            for _ in range(_FIRST_ITERATIONS):
                self._iterate(matrix, left, right)
            if context.training:
                kept["left"][:], kept["right"][:] = left, right
                left, right = kept["left"], kept["right"]
        if context.training:
            self._iterate(matrix, left, right)
        self.left, self.right = left.copy(), right.copy()
        self.largest = left @ matrix @ right
        return given / self.largest

    def _matrix(self, weights: Array) -> Array:
        return weights.transpose(self.matrix_axes[: weights.ndim]).reshape(weights.shape[self.matrix_axes[0]], -1)

    @staticmethod
    def _iterate(matrix: Array, left: Array, right: Array) -> None:
        right[:] = left @ matrix
        right /= max(np.sqrt(right @ right), _TINY)
        left[:] = matrix @ right
        left /= max(np.sqrt(left @ left), _TINY)

    def add_slopes(self, slopes: Views, found: Array) -> None:
        """Add the slopes in the weights, given those in the weights that were used."""
        if self.part.spectral:
            along = self._matrix(found).ravel() @ self._matrix(self.used).ravel()
            whole = (self._matrix(found) - along * np.outer(self.left, self.right)) / self.largest
            order = self.matrix_axes[: found.ndim]
            found = whole.reshape([found.shape[i] for i in order]).transpose(np.argsort(order))
        slopes["weights"] += found


class _ConvStep(_Spectral):
    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        part = self.part
        self.used = self.weights(own, kept, context)
        self.columns = _columns(x, part.kernel, part.stride, part.padding)
        out = self.columns.reshape(-1, self.used[0].size) @ self.used.reshape(part.channels, -1).T
        out = out.reshape(*self.columns.shape[:3], part.channels)
        return out + own["biases"] if part.bias else out

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        part = self.part
        flat = above.reshape(-1, part.channels)
        if slopes is not None:
            self.add_slopes(slopes, (flat.T @ self.columns.reshape(len(flat), -1)).reshape(self.used.shape))
            if part.bias:
                slopes["biases"] += flat.sum(0)
        if not goes_on:
            return None
        columns = (flat @ self.used.reshape(part.channels, -1)).reshape(self.columns.shape)
        return _images(columns, self.shape, part.kernel, part.stride, part.padding)


class _ConvTransposeStep(_Spectral):
    matrix_axes = (3, 0, 1, 2)

    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        part = self.part
        self.used, self.x = self.weights(own, kept, context), x
        inputs = x.shape[-1]
        columns = (x.reshape(-1, inputs) @ self.used.reshape(inputs, -1)).reshape(
            *x.shape[:3], part.kernel, part.kernel, part.channels
        )
        shape = (len(x), *part.outputs(x.shape[1:]))
        out = _images(columns, shape, part.kernel, part.stride, part.padding)
        return out + own["biases"] if part.bias else out

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        part = self.part
        columns = _columns(above, part.kernel, part.stride, part.padding).reshape(-1, self.used[0].size)
        if slopes is not None:
            self.add_slopes(slopes, (self.x.reshape(len(columns), -1).T @ columns).reshape(self.used.shape))
            if part.bias:
                slopes["biases"] += above.sum((0, 1, 2))
        if not goes_on:
            return None
        return (columns @ self.used.reshape(len(self.used), -1).T).reshape(self.shape)


class _LinearStep(_Spectral):
    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        self.used, self.x = self.weights(own, kept, context), x.reshape(len(x), -1)
        out = self.x @ self.used.T
        return out + own["biases"] if self.part.bias else out

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        if slopes is not None:
            self.add_slopes(slopes, above.T @ self.x)
            if self.part.bias:
                slopes["biases"] += above.sum(0)
        return (above @ self.used).reshape(self.shape) if goes_on else None


class _ReshapeStep(_Step):
    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        return x.reshape(len(x), *self.part.shape)

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        return above.reshape(self.shape)


class _BatchNormStep(_Step):
    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        flat, part = x.reshape(-1, x.shape[-1]), self.part
        count = len(flat)
        self.training = context.training
        if context.training:
            mean = flat.mean(0)
            variance = ((flat - mean) ** 2).mean(0)
            for name, new in (("mean", mean), ("variance", variance * (count / max(count - 1, 1)))):
                kept[name][:] += self.dtype.type(part.momentum) * (new - kept[name])
        else:
            mean, variance = kept["mean"], kept["variance"]
        self.over = 1 / np.sqrt(variance + self.dtype.type(part.epsilon))
        self.normal = ((flat - mean) * self.over).reshape(x.shape)
        return self.normal * own["scale"] + own["shift"]

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        channels = self.shape[-1]
        flat, normal = above.reshape(-1, channels), self.normal.reshape(-1, channels)
        total, along = flat.sum(0), (flat * normal).sum(0)
        if slopes is not None:
            slopes["scale"] += along
            slopes["shift"] += total
        if self.training:
            flat = flat - total / len(flat) - normal * (along / len(flat))
        return (flat * (own["scale"] * self.over)).reshape(self.shape)


class _ActivationStep(_Step):
    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        if self.part.kind == "tanh":
            self.out = np.tanh(x)
        elif self.part.kind == "sigmoid":
            half = self.dtype.type(0.5)
            self.out = half * np.tanh(half * x) + half
        else:
            slope = self.dtype.type(self.part.slope if self.part.kind == "leaky" else 0)
            self.out = np.where(x <= 0, slope * x, x)
        return self.out

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        if self.part.kind == "tanh":
            return above * (1 - self.out**2)
        if self.part.kind == "sigmoid":
            return above * (self.out * (1 - self.out))
        slope = self.dtype.type(self.part.slope if self.part.kind == "leaky" else 0)
        return np.where(self.out <= 0, slope * above, above)


class _NoiseStep(_Step):
    draws = True

    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        if not context.training or self.part.std == 0:
            return x
        drawn = streams.normal(
            context.key, 2 * self.counter + x.size, purpose=NOISE, step=context.step, trial=context.trial
        )
        return x + (self.part.std * drawn[2 * self.counter :]).astype(x.dtype).reshape(x.shape)

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        return above


class _MinibatchStdStep(_Step):
    def forward(self, own: Views, kept: Views, x: Array, context: Context) -> Array:
        self.centred = x - x.mean(0)
        self.std = np.sqrt((self.centred**2).mean(0) + self.dtype.type(_STD_EPSILON))
        more = np.full((*x.shape[:-1], 1), self.std.mean(), x.dtype)
        return np.concatenate([x, more], axis=-1)

    def backward(self, own: Views, above: Array, slopes: Views | None, goes_on: bool) -> Array | None:
        pull = above[..., -1].sum() / self.std.size
        return above[..., :-1] + self.centred * (pull / (self.std * len(above)))


_STEPS: dict[type, Any] = {
    kinds.Conv: _ConvStep,
    kinds.ConvTranspose: _ConvTransposeStep,
    kinds.Linear: _LinearStep,
    kinds.Reshape: _ReshapeStep,
    kinds.BatchNorm: _BatchNormStep,
    kinds.Activation: _ActivationStep,
    kinds.Noise: _NoiseStep,
    kinds.MinibatchStd: _MinibatchStdStep,
}


def _columns(x: Array, kernel: int, stride: int, padding: int) -> Array:
    """Return the windows of images, (n, height, width, kernel, kernel, channels)."""
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    return np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3))


def _images(columns: Array, shape: tuple[int, ...], kernel: int, stride: int, padding: int) -> Array:
    """Return images of a shape that are the sums of windows: the adjoint of `_columns`."""
    n, height, width, channels = shape
    padded = np.zeros((n, height + 2 * padding, width + 2 * padding, channels), columns.dtype)
    rows, wide = columns.shape[1:3]
    for a in range(kernel):
        for b in range(kernel):
            window = padded[:, a : a + stride * rows : stride, b : b + stride * wide : stride]
            window += columns[:, :, :, a, b]
    return np.ascontiguousarray(padded[:, padding : padding + height, padding : padding + width])
