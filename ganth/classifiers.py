"""A small convolutional classifier of images: the judge of what a GAN generates (TP, sec. 6.1)."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks, streams
from .blas import one_thread
from .checks import Floats
from .errors import DivergedError, ParameterError, ShapeError
from .formulas.random import DATA, NOISE
from .nn import Activation, Adam, BatchNorm, Conv, Linear, Network, load, save

__all__ = ["Classifier"]

_BATCH = 256  # images that are looked at together
_SMALLEST = 7  # side down to which strided convolutions go


@dataclass(frozen=True, eq=False, repr=False)
class Classifier:
    r"""A trained network that gives images probabilities of classes.

    Parameters
    ----------
    body : ganth.nn.Network
        From images to features.
    head : ganth.nn.Network
        From features to one logit for each class.
    parameters : (body.size + head.size,) float32 array
        Of the two, one after the other.
    state : (body.state_size,) float32 array
        The body's running means.

    Raises
    ------
    ShapeError
        Where the arrays or the networks do not fit each other.

    Notes
    -----
    Strided 4x4 convolutions, each twice as wide as the last, with batch norm and ReLU, down to 7x7 or less; a linear
    layer to the features with batch norm and ReLU; a linear layer to the classes.  Source: TP, sec. 6.1 and app. F.1,
    which takes a network of others for this.

    Examples
    --------
    >>> import ganth
    >>> digits = ganth.targets.images.sample()
    >>> one = Classifier.fit(digits.images[:200], digits.labels[:200], epochs=1, width=4, features=8)
    >>> one.probabilities(digits.images[:5]).shape, one.features(digits.images[:5]).shape
    ((5, 10), (5, 8))
    """

    body: Network
    head: Network
    parameters: NDArray[np.float32]
    state: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.body.outputs != self.head.inputs or self.head.state_size:
            raise ShapeError(f"head must take {self.body.outputs} and keep no state, got {self.head!r}")
        size = self.body.size + self.head.size
        for name, wanted in (("parameters", size), ("state", self.body.state_size)):
            value = np.array(getattr(self, name), np.float32)
            if value.shape != (wanted,):
                raise ShapeError(f"{name} must have shape ({wanted},), got {value.shape}")
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Classifier(inputs={self.body.inputs}, features={self.body.outputs[0]}, classes={self.classes})"

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.head.outputs[0])

    @classmethod
    def fit(
        cls,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        classes: int | None = None,
        epochs: int = 30,
        seed: int | np.random.Generator = 0,
        batch: int = 64,
        rate: float = 2e-3,
        width: int = 32,
        features: int = 64,
        shift: float = 2.0,
        turn: float = 15.0,
        stretch: float = 0.15,
        progress: Callable[[int, int], None] | None = None,
        threads: int | None = None,
    ) -> Classifier:
        r"""Return a classifier trained down the cross entropy, on images that are shifted, turned and stretched anew.

        Parameters
        ----------
        images : (n, height, width, channels) array in [-1, 1]
        labels : (n,) array of int in [0, classes)
        classes : int >= 2, optional
            None: the largest label and one.
        epochs : int >= 1
            Times through the data, each in another order.
        seed : int in [0, 2**64) or numpy Generator
        batch : int in [2, n]
            Images of a step; what is left over of an epoch and fills no batch is left out of it.
        rate : float > 0
            Of Adam at the start; it falls to 0 along half a cosine.
        width : int >= 1
            Channels of the first convolution.
        features : int >= 1
            Of the layer before the last.
        shift : float >= 0
            Largest shift along an axis [pixels].
        turn : float >= 0
            Largest turn either way [degrees].
        stretch : float in [0, 1)
            Largest change of scale either way.
        progress : callable, optional
            A function of (epochs done, epochs in all).
        threads : int >= 1, optional
            None: as many as Numba has.  Bits do not depend on it.

        Raises
        ------
        ParameterError, ShapeError
            Naming the argument, the rule and the value.
        DivergedError
            If the parameters leave the finite numbers.

        Notes
        -----
        The same seed gives the same bits.  Cost at 28x28 and width 32: a third of a GAN's iteration for each batch;
        1,600 digits take 30 epochs of 25 batches.
        """
        x, y = _labelled(images, labels)
        n, classes = len(x), int(y.max()) + 1 if classes is None else checks.integer("classes", classes, at_least=2)
        if y.min() < 0 or y.max() >= classes:
            raise ParameterError(f"labels must be in [0, {classes}), got values from {y.min()} to {y.max()}")
        epochs, batch = (checks.integer(k, v, at_least=m) for k, v, m in (("epochs", epochs, 1), ("batch", batch, 2)))
        if batch > n:
            raise ParameterError(f"batch must be <= the number of images, {n}, got {batch}")
        rate, shift = checks.number("rate", rate, above=0), checks.number("shift", shift, at_least=0)
        turn, stretch = checks.number("turn", turn, at_least=0), checks.number("stretch", stretch, at_least=0)
        if stretch >= 1:
            raise ParameterError(f"stretch must be < 1, got {stretch!r}")
        body, head = _networks(x.shape[1:], classes, width, features)
        key = checks.seed_key(seed)
        teacher = _Teacher(body, head, key, batch, threads)
        steps = n // batch
        for epoch in range(epochs):
            order = np.argsort(streams.uniform(key, n, purpose=DATA, step=epoch), kind="stable")
            turns = _turns(key, steps * batch, epoch, shift, math.radians(turn), stretch)
            for s in range(steps):
                part = slice(s * batch, (s + 1) * batch)
                done = epoch * steps + s
                now = rate * 0.5 * (1.0 + math.cos(math.pi * done / (epochs * steps)))
                teacher.step(x, y, order[part], turns[part], now, done + 1)
            if not np.isfinite(teacher.parameters).all():
                raise DivergedError(f"the classifier is not finite after epoch {epoch + 1}")
            if progress is not None:
                progress(epoch + 1, epochs)
        return cls(body, head, teacher.parameters, teacher.state)

    def features(self, images: ArrayLike) -> Floats:
        """Return the numbers of the layer before the last at images (n, height, width, channels), (n, features)."""
        x = _images(images)
        if x.shape[1:] != self.body.inputs:
            raise ShapeError(f"images must have shape (n, {', '.join(map(str, self.body.inputs))}), got {x.shape}")
        own, size = self._layers, self.body.outputs[0]
        room, found = np.zeros((_BATCH, *self.body.inputs), np.float32), np.empty((len(x), size))
        for first in range(0, len(x), _BATCH):
            part = x[first : first + _BATCH]
            room[: len(part)] = part
            made = own.forward(self.parameters[: self.body.size], room, state=self.state, training=False)
            found[first : first + len(part)] = made[: len(part)]
        return found

    def probabilities(self, images: ArrayLike) -> Floats:
        """Return the probabilities of classes at images (n, height, width, channels), (n, classes), rows sum to 1."""
        from scipy.special import softmax

        return np.asarray(softmax(self._logits(self.features(images)), axis=1))

    def accuracy(self, images: ArrayLike, labels: ArrayLike) -> float:
        """Return the share of images whose most probable class is their label (n,)."""
        x, y = _labelled(images, labels)
        return float((self._logits(self.features(x)).argmax(axis=1) == y).mean())

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write the classifier to `path` (npz, versioned, no pickle), atomically; return the path."""
        whole = Network((*self.body.parts, *self.head.parts), self.body.inputs)
        return save(path, whole, self.parameters, self.state)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Classifier:
        """Read a classifier that `save` wrote.

        Raises `ParameterError` naming the file if it is damaged, or was written by a newer ganth.
        """
        whole, parameters, state = load(path)
        body = Network(whole.parts[:-1], whole.inputs)
        return cls(body, Network(whole.parts[-1:], body.outputs), parameters, state)

    def _logits(self, found: Floats) -> Floats:
        weights = self.head.split(self.parameters[self.body.size :])[0]
        with one_thread():
            return np.asarray(found @ weights["weights"].T.astype(np.float64) + weights["biases"])

    @cached_property
    def _layers(self) -> Any:
        return self.body.bind(_BATCH)


class _Teacher:
    """Both networks bound to a batch, with their gradient and Adam's moments."""

    def __init__(self, body: Network, head: Network, key: int, batch: int, threads: int | None) -> None:
        self.sizes, self.optimiser = (body.size, head.size), Adam()
        start = [network.initial(key, trial=turn, start="kaiming_normal") for turn, network in enumerate((body, head))]
        self.parameters = np.concatenate(start).astype(np.float32)
        self.state = body.initial_state(key).astype(np.float32)
        self.body, self.head = (network.bind(batch, threads=threads) for network in (body, head))
        self.moments = self.optimiser.start(len(self.parameters), np.float32)
        self.gradient = np.empty_like(self.parameters)
        self.images = np.empty((batch, *body.inputs), np.float32)
        self.hidden = np.empty((batch, *body.outputs), np.float32)
        self.slopes = np.empty_like(self.hidden)

    def step(self, x: Any, y: Any, chosen: Any, turns: Any, rate: float, number: int) -> None:
        from scipy.special import softmax

        from .classifiers_cpu import warp

        middle = self.sizes[0]
        body, head = self.parameters[:middle], self.parameters[middle:]
        warp(self.images, x, chosen, turns)
        self.body.forward(body, self.images, self.hidden, state=self.state, training=True)
        above = softmax(self.head.forward(head, self.hidden), axis=1)
        above[np.arange(len(chosen)), y[chosen]] -= 1
        above /= np.float32(len(chosen))
        self.gradient.fill(0)
        self.head.backward(head, above, gradient=self.gradient[middle:], below=self.slopes)
        self.body.backward(body, self.slopes, gradient=self.gradient[:middle])
        self.optimiser.step(self.parameters, self.gradient, self.moments, rate=rate, step=number)


def _networks(shape: tuple[int, ...], classes: int, width: int, features: int) -> tuple[Network, Network]:
    channels, features = checks.integer("width", width, at_least=1), checks.integer("features", features, at_least=1)
    parts: list[Any] = []
    side = min(shape[:2])
    while not parts or side > _SMALLEST:
        parts += [Conv(channels, bias=False), BatchNorm(), Activation("relu")]
        channels, side = 2 * channels, side // 2
    parts += [Linear(features, bias=False), BatchNorm(), Activation("relu")]
    body = Network(tuple(parts), shape)
    return body, Network((Linear(classes),), body.outputs)


def _turns(key: int, count: int, epoch: int, shift: float, turn: float, stretch: float) -> Floats:
    """Return what `warp` takes for each image of an epoch: cosine and sine over the scale, and shifts in pixels."""
    drawn = 2.0 * streams.uniform(key, (count, 4), purpose=NOISE, step=epoch) - 1.0
    scale = 1.0 / (1.0 + stretch * drawn[:, 1])
    angle = turn * drawn[:, 0]
    return np.column_stack([scale * np.cos(angle), scale * np.sin(angle), shift * drawn[:, 2], shift * drawn[:, 3]])


def _images(images: ArrayLike) -> NDArray[np.float32]:
    x = np.ascontiguousarray(images, np.float32)
    if x.ndim != 4 or 0 in x.shape:
        raise ShapeError(f"images must have shape (n, height, width, channels), got {x.shape}")
    if not np.isfinite(x).all():
        raise ParameterError("images must be finite")
    return x


def _labelled(images: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    x, y = _images(images), np.asarray(labels)
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise ShapeError(f"labels must be ({len(x)},) integers, one for each image, got {y.dtype} of shape {y.shape}")
    return x, y.astype(np.int64)
