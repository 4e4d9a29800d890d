"""A generator and a discriminator of images, bound to the size of a batch: what both say, whoever trains them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import streams
from ..checks import Floats
from ..formulas.losses import LEAST_SQUARES, MINIMAX
from ..formulas.losses import NSGAN as NON_SATURATING
from ..formulas.random import START
from ..nn import Network, Noise
from .play import State

LOSSES = {"nsgan": NON_SATURATING, "minimax": MINIMAX, "lsgan": LEAST_SQUARES}
STATISTICS = ("batch", "running")


class Players:
    """Both networks of a game for batches of one size.

    Fewer points are filled up with themselves, from the first on, so that each batch is full: with statistics="batch"
    what becomes of a point depends on those in its batch, as it does in training.  `generate`, `logits_of` and `field`
    leave noise out.
    """

    def __init__(
        self,
        generator: Network,
        discriminator: Network,
        *,
        batch: int,
        dtype: str,
        loss: str,
        statistics: str,
        threads: int | None = None,
        backend: str = "cpu",
    ) -> None:
        self.batch, self.dtype, self.code = batch, np.dtype(dtype), LOSSES[loss]
        self.training = statistics == "batch"
        networks = (generator, discriminator)
        call: dict[str, Any] = {"batch": batch, "dtype": dtype, "threads": threads, "backend": backend}
        self.generator, self.discriminator = (one.bind(**call) for one in networks)
        self.still = [
            layers if (still := _without_noise(network)) == network else still.bind(**call)
            for network, layers in zip(networks, (self.generator, self.discriminator), strict=True)
        ]
        self.latents = np.empty((batch, *generator.inputs), self.dtype)
        self.images = np.empty((batch, *generator.outputs), self.dtype)
        self.slopes = np.empty_like(self.images)
        self.logits = np.empty((batch, *discriminator.outputs), self.dtype)
        self.above = np.empty_like(self.logits)

    def judge(self, kind: str) -> tuple[float, float]:
        """Set `above` to the slopes in `logits` of a loss, and return the loss and the mean of d.

        What D pays at data ("real") or at generated images ("fake"), what G pays ("teach"), or sum log d ("show").
        """
        from .image_players_cpu import KINDS, judge

        paid, share = judge(self.above.reshape(-1), self.logits.reshape(-1), self.code, KINDS[kind])
        return float(paid), float(share)

    def generate(self, state: State, latents: Floats) -> NDArray[Any]:
        """Return what the generator makes of latents (n, latent_dim)."""
        made = np.empty((len(latents), *self.images.shape[1:]), self.dtype)
        kept = state["generator_state"].copy()
        for rows, count in self._fill(self.latents, latents):
            self.still[0].forward(state["generator"], self.latents, self.images, state=kept, training=self.training)
            made[rows] = self.images[:count]
        return made

    def logits_of(self, state: State, images: NDArray[Any]) -> Floats:
        """Return the discriminator's outputs (n,) at images (n, height, width, channels)."""
        return self._say(state, images, slopes=False)[0]

    def field(self, state: State, images: NDArray[Any]) -> Floats:
        """Return |grad sum log d| at images, (n,): |grad d|/d where images of a batch do not feel each other."""
        return self._say(state, images, slopes=True)[1]

    def _say(self, state: State, images: NDArray[Any], *, slopes: bool) -> tuple[Floats, Floats]:
        logits, field = np.empty(len(images)), np.empty(len(images))
        disc, still, kept = state["discriminator"], self.still[1], state["discriminator_state"].copy()
        for rows, count in self._fill(self.images, images):
            still.forward(disc, self.images, self.logits, state=kept, training=self.training)
            logits[rows] = self.logits.reshape(-1)[:count]
            if slopes:
                self.judge("show")
                still.backward(disc, self.above, below=self.slopes)
                norms = np.linalg.norm(self.slopes.reshape(self.batch, -1).astype(np.float64), axis=1)
                field[rows] = norms[:count]
        return logits, field

    def _fill(self, room: NDArray[Any], points: NDArray[Any]) -> Iterator[tuple[slice, int]]:
        """Put one batch of points after another into `room`; give their places, and how many there are."""
        for first in range(0, len(points), self.batch):
            rows = points[first : first + self.batch]
            room[: len(rows)] = rows
            for filled in range(len(rows), self.batch):
                room[filled] = room[filled - len(rows)]
            yield slice(first, first + len(rows)), len(rows)


def fixed_latents(key: int, trial: int, shape: tuple[int, int]) -> Floats:
    """Return the latents of what is recorded: the same at every record."""
    return streams.normal(key, shape, purpose=START, trial=trial)


def _without_noise(network: Network) -> Network:
    """Return a network without its noise, which has no parameters."""
    return Network(tuple(part for part in network.parts if not isinstance(part, Noise)), network.inputs)
