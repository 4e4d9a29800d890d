"""Small dense networks of many trials at once in NumPy, whose features and input gradients can be trained upon."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .. import streams

Array = NDArray[np.float64]
_SLOPE = 0.2


class Stack:
    """Leaky ReLU networks, one for each trial, with layers of the given sizes; the output is linear.

    Parameters are a list of arrays: for each layer weights (trials, inputs, units) and biases (trials, 1, units).
    """

    def __init__(self, sizes: tuple[int, ...], key: int, trials: range, purpose: int) -> None:
        self.sizes = sizes
        self.parameters: list[Array] = []
        for layer, (before, units) in enumerate(pairwise(sizes)):
            bound = 1.0 / np.sqrt(before)
            drawn = np.stack(
                [streams.uniform(key, (before + 1, units), purpose=purpose, trial=t, step=layer) for t in trials]
            )
            drawn = bound * (2.0 * drawn - 1.0)
            self.parameters += [np.ascontiguousarray(drawn[:, :before]), np.ascontiguousarray(drawn[:, before:])]
        self.hidden: list[Array] = []
        self.masks: list[Array] = []

    def forward(self, x: Array, weights: list[Array] | None = None, noise: list[Array] | None = None) -> Array:
        """Return the outputs (trials, n, outputs) at x (trials, n, inputs); keeps what `backward` needs."""
        own = self.parameters if weights is None else weights
        self.used = own
        self.hidden, self.masks = [x], []
        last = len(own) // 2 - 1
        for layer in range(last + 1):
            x = x @ own[2 * layer] + own[2 * layer + 1]
            if layer < last:
                mask = np.where(x > 0, 1.0, _SLOPE)
                x = x * mask
                if noise is not None:
                    x = x + noise[layer]
                self.masks.append(mask)
                self.hidden.append(x)
        return x

    def backward(
        self, above: Array, slopes: list[Array] | None = None, *, feature_slopes: Array | None = None
    ) -> Array:
        """Return the slopes in x, given those in the outputs, and in the last hidden layer; add those in parameters."""
        for layer in range(len(self.used) // 2 - 1, -1, -1):
            if layer < len(self.masks):
                if layer == len(self.masks) - 1 and feature_slopes is not None:
                    above = above + feature_slopes
                above = above * self.masks[layer]
            if slopes is not None:
                slopes[2 * layer] += self.hidden[layer].transpose(0, 2, 1) @ above
                slopes[2 * layer + 1] += above.sum(axis=1, keepdims=True)
            above = above @ self.used[2 * layer].transpose(0, 2, 1)
        return above

    def add_pulled(self, pulls: Array, slopes: list[Array]) -> None:
        """Add the slopes in the parameters of sum_n pulls_n . grad f(x_n), x those of the last `forward`.

        With the masks of x held, f is linear: its derivative along a pull is the network without biases, and that
        network's slopes are the ones wanted.
        """
        last = len(self.used) // 2 - 1
        along = [pulls]
        for layer in range(last):
            along.append((along[-1] @ self.used[2 * layer]) * self.masks[layer])
        above = np.ones((*pulls.shape[:2], self.used[-1].shape[-1]))
        for layer in range(last, -1, -1):
            if layer < last:
                above = above * self.masks[layer]
            slopes[2 * layer] += along[layer].transpose(0, 2, 1) @ above
            above = above @ self.used[2 * layer].transpose(0, 2, 1)

    def zeros(self) -> list[Array]:
        """Return zeros in the shapes of the parameters."""
        return [np.zeros_like(p) for p in self.parameters]


class Spectral:
    """Weights over their largest singular value by power iteration, and slopes back through it."""

    def __init__(self, stack: Stack) -> None:
        self.left = [np.ones((w.shape[0], w.shape[1], 1)) / np.sqrt(w.shape[1]) for w in stack.parameters[::2]]
        self.largest: list[Array] = []
        self.right: list[Array] = []

    def weights(self, parameters: list[Array], iterations: int = 1) -> list[Array]:
        """Return the normalised parameters; the left vectors go on from call to call."""
        found = list(parameters)
        self.largest, self.right = [], []
        for i, w in enumerate(parameters[::2]):
            for _ in range(iterations):
                right = w.transpose(0, 2, 1) @ self.left[i]
                right /= np.linalg.norm(right, axis=1, keepdims=True) + 1e-12
                left = w @ right
                largest = np.linalg.norm(left, axis=1, keepdims=True) + 1e-12
                self.left[i] = left / largest
            self.largest.append(largest)
            self.right.append(right)
            found[2 * i] = w / largest
        return found

    def back(self, slopes: list[Array], used: list[Array]) -> None:
        """Turn slopes in the normalised weights into those in the weights, in place."""
        for i, largest in enumerate(self.largest):
            along = (slopes[2 * i] * used[2 * i]).sum(axis=(1, 2), keepdims=True)
            outer = self.left[i] @ self.right[i].transpose(0, 2, 1)
            slopes[2 * i] = (slopes[2 * i] - along * outer) / largest


class AdamSteps:
    """Adam on a list of arrays, beta1 = 0.5, beta2 = 0.999."""

    def __init__(self, stack: Stack) -> None:
        self.first, self.second, self.count = stack.zeros(), stack.zeros(), 0

    def step(self, parameters: list[Array], slopes: list[Array], rate: float) -> None:
        """Take one step in place."""
        self.count += 1
        for p, g, m, v in zip(parameters, slopes, self.first, self.second, strict=True):
            m += 0.5 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * (m / (1 - 0.5**self.count)) / (np.sqrt(v / (1 - 0.999**self.count)) + 1e-8)
