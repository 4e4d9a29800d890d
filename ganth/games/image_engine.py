"""The iterations of an image GAN: what moves both networks, and what is measured between epochs."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import streams
from ..checks import Floats
from ..formulas.random import DATA, GENERATOR, LATENT, WEIGHTS
from .image_players import fixed_latents
from .play import State

if TYPE_CHECKING:
    from .images import ImageGAN

_NETWORKS = ("generator", "discriminator")


class ImageEngine:
    """Plays `ImageGAN`, one trial.

    A state holds for both networks their parameters, "generator" and "discriminator", what else they carry,
    "generator_state" and "discriminator_state", and their optimisers' moments, "generator_moments" and
    "discriminator_moments"; and "step" () int64, the iterations done.  An iteration depends on nothing else but the
    settings, the key and the trial.
    """

    def __init__(self, game: "ImageGAN", *, key: int, trial: int, dtype: str, threads: int | None = None) -> None:
        self.game, self.key, self.trial, self.dtype = game, key, trial, np.dtype(dtype)
        self.players = game.players(dtype, threads)
        self.images = np.ascontiguousarray(game.images, self.dtype)
        self.per_pass = len(self.images) // game.batch
        self._pass, self._order = -1, np.empty(0, np.int64)
        self._drawn = np.empty((game.batch, game.latent_dim))
        self._gradients = {name: np.zeros(getattr(game, name).size, self.dtype) for name in _NETWORKS}

    def start(self) -> State:
        """Return the state at step 0."""
        game, state = self.game, {"step": np.array(0, np.int64)}
        for name, purpose, optimiser in (
            ("generator", GENERATOR, game.optimiser_gen),
            ("discriminator", WEIGHTS, game.optimiser_disc),
        ):
            network = getattr(game, name)
            start = network.initial(self.key, trial=self.trial, purpose=purpose, start=game.start)
            state[name] = start.astype(self.dtype)
            state[f"{name}_state"] = network.initial_state(self.key, trial=self.trial).astype(self.dtype)
            state[f"{name}_moments"] = optimiser.start(network.size, self.dtype)
        return state

    def advance(self, state: State) -> tuple[float, ...] | None:
        """Play an iteration; return losses of D and G and the means of d, or None where they are not finite."""
        game, players, t = self.game, self.players, int(state["step"])
        looks = t * (2 * game.n_disc + 1)  # how often D has looked at a batch
        for j in range(game.n_disc):
            s = t * game.n_disc + j
            gradient = self._gradients["discriminator"]
            gradient.fill(0)
            self._put_data(s)
            paid_real, mean_real = self._look(state, "real", looks, gradient)
            self._put_generated(state, s)
            paid_fake, mean_fake = self._look(state, "fake", looks + 1, gradient)
            looks += 2
            self._descend(state, "discriminator", s + 1)
        paid, _ = self._look(state, "teach", looks)
        gradient = self._gradients["generator"]
        gradient.fill(0)
        players.generator.backward(state["generator"], players.slopes, gradient=gradient)
        self._descend(state, "generator", t + 1)
        state["step"] += 1
        told = (paid_real + paid_fake, paid, mean_real, mean_fake)
        return told if all(map(math.isfinite, told)) else None

    def measure(self, state: State) -> Floats:
        """Return \\|grad d\\|/d at the generated points that are recorded, (metric_samples,)."""
        made = self.players.generate(state, self.latents(self.game.metric_samples))
        return self.players.field(state, made)

    def latents(self, count: int) -> Floats:
        """Return the first of the latents that every record shows, (count, latent_dim)."""
        return fixed_latents(self.key, self.trial, (count, self.game.latent_dim))

    def _look(self, state: State, kind: str, look: int, gradient: NDArray[Any] | None = None) -> tuple[float, float]:
        """Let D judge images: add to its gradient, or set the slopes in them; return the loss and the mean of d."""
        players, disc = self.players, state["discriminator"]
        players.discriminator.forward(
            disc,
            players.images,
            players.logits,
            state=state["discriminator_state"],
            training=True,
            draw=(self.key, look, self.trial),
        )
        told = players.judge(kind)
        below = players.slopes if gradient is None else None
        players.discriminator.backward(disc, players.above, gradient=gradient, below=below)
        return told

    def _put_data(self, s: int) -> None:
        """Put batch s of the data into the room; they are gone through again and again, each time in another order."""
        number, place = divmod(s, self.per_pass)
        if number != self._pass:
            drawn = streams.uniform(self.key, len(self.images), purpose=DATA, trial=self.trial, step=number)
            self._pass, self._order = number, np.argsort(drawn, kind="stable")
        batch = self.game.batch
        chosen = self._order[place * batch : (place + 1) * batch]
        np.take(self.images, chosen, axis=0, out=self.players.images, mode="clip")

    def _put_generated(self, state: State, s: int) -> None:
        players = self.players
        streams.fill_normal(self._drawn, self.key, purpose=LATENT, trial=self.trial, step=s)
        players.latents[...] = self._drawn
        players.generator.forward(
            state["generator"],
            players.latents,
            players.images,
            state=state["generator_state"],
            training=True,
            draw=(self.key, s, self.trial),
        )

    def _descend(self, state: State, name: str, step: int) -> None:
        short = "gen" if name == "generator" else "disc"
        optimiser, rate = getattr(self.game, f"optimiser_{short}"), getattr(self.game, f"lr_{short}")
        optimiser.step(state[name], self._gradients[name], state[f"{name}_moments"], rate=rate, step=step)
