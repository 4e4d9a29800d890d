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

    backend = "cpu"

    def __init__(self, game: "ImageGAN", *, key: int, trial: int, dtype: str, threads: int | None = None) -> None:
        self.game, self.key, self.trial, self.dtype = game, key, trial, np.dtype(dtype)
        self.players = game.players(dtype, threads, self.backend)
        self.images = np.ascontiguousarray(game.images, self.dtype)
        self.per_pass = len(self.images) // game.batch
        self._pass, self._order = -1, self._ordered(-1)
        self._drawn = np.empty((game.batch, game.latent_dim))
        self._gradients: dict[str, Any] = {name: np.zeros(getattr(game, name).size, self.dtype) for name in _NETWORKS}

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
            self._pass, self._order = number, self._ordered(number)
        batch = self.game.batch
        chosen = self._order[place * batch : (place + 1) * batch]
        np.take(self.images, chosen, axis=0, out=self.players.images, mode="clip")

    def _ordered(self, number: int) -> Any:
        """Return the order of the data in a pass; none in pass -1."""
        if number < 0:
            return np.empty(0, np.int64)
        drawn = streams.uniform(self.key, len(self.images), purpose=DATA, trial=self.trial, step=number)
        return np.argsort(drawn, kind="stable")

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

    def _descend(self, state: Any, name: str, step: int) -> None:
        short = "gen" if name == "generator" else "disc"
        optimiser, rate = getattr(self.game, f"optimiser_{short}"), getattr(self.game, f"lr_{short}")
        optimiser.step(state[name], self._gradients[name], state[f"{name}_moments"], rate=rate, step=step)


class DeviceImageEngine(ImageEngine):
    """As `ImageEngine`, on a GPU: data and state stay there, and of an iteration six numbers come back."""

    backend = "cuda"

    def __init__(self, game: "ImageGAN", *, key: int, trial: int, dtype: str, threads: int | None = None) -> None:
        from ..device import empty, there

        super().__init__(game, key=key, trial=trial, dtype=dtype, threads=threads)
        size, self._size = self.images.size // len(self.images) * game.batch, self.images.size // len(self.images)
        self._data, self._latents = there(self.images.reshape(-1)), empty(game.batch * game.latent_dim, self.dtype)
        self._batch, self._slopes = empty(size, self.dtype), empty(size, self.dtype)
        self._above, self._terms = empty(game.batch, self.dtype), empty((2, game.batch), np.float64)
        self._told = there(np.zeros((3, 2)))  # rows as image_engine_cuda.REAL ...: a loss, and the mean of d
        self._zeros = {name: there(zeros) for name, zeros in self._gradients.items()}
        self._gradients = {name: there(zeros) for name, zeros in self._gradients.items()}

    def advance(self, state: State) -> tuple[float, ...] | None:
        """Play an iteration; return losses of D and G and the means of d, or None where they are not finite."""
        from ..device import back, held
        from .image_engine_cuda import FAKE, REAL, TEACH

        game, players, t = self.game, self.players, int(state["step"])
        there: dict[str, Any] = {n: held(x) for n, x in state.items() if n != "step" and x.size}
        there |= {n: x for n, x in state.items() if not x.size}
        looks = t * (2 * game.n_disc + 1)
        for j in range(game.n_disc):
            s = t * game.n_disc + j
            self._gradients["discriminator"].copy_to_device(self._zeros["discriminator"])
            self._judged(there, self._data_of(s), REAL, looks, self._gradients["discriminator"])
            made = self._generated(there, s)
            self._judged(there, made, FAKE, looks + 1, self._gradients["discriminator"])
            looks += 2
            self._descend(there, "discriminator", s + 1)
        self._judged(there, made, TEACH, looks)
        self._gradients["generator"].copy_to_device(self._zeros["generator"])
        players.generator.backward(there["generator"], self._slopes, gradient=self._gradients["generator"])
        self._descend(there, "generator", t + 1)
        back(*((there[n], state[n]) for n in there if state[n].size))
        state["step"] += 1
        (real, mean_real), (fake, mean_fake), (paid, _) = self._told.copy_to_host().tolist()
        told = (real + fake, paid, mean_real, mean_fake)
        return told if all(map(math.isfinite, told)) else None

    def _judged(self, there: dict[str, Any], images: Any, kind: int, look: int, gradient: Any = None) -> None:
        """Let D judge images: add to its gradient, or set the slopes in them."""
        from .image_engine_cuda import judge_logits

        disc, players, kept = there["discriminator"], self.players, there["discriminator_state"]
        logits = players.discriminator.forward(
            disc, images, state=kept if kept.size else None, training=True, draw=(self.key, look, self.trial)
        )
        judge_logits(self._above, self._told, self._terms, logits, players.code, kind)
        below = self._slopes if gradient is None else None
        players.discriminator.backward(disc, self._above, gradient=gradient, below=below)

    def _data_of(self, s: int) -> Any:
        """Return batch s of the data."""
        from .image_engine_cuda import take_batch

        number, place = divmod(s, self.per_pass)
        if number != self._pass:
            self._pass, self._order = number, self._ordered(number)
        take_batch(self._batch, self._data, self._order, place * self.game.batch, self._size)
        return self._batch

    def _ordered(self, number: int) -> Any:
        from ..device import there

        order = super()._ordered(number)
        return there(order) if order.size else order

    def _generated(self, there: dict[str, Any], s: int) -> Any:
        """Return a batch of generated images; the generator keeps it until it makes the next."""
        from .image_engine_cuda import draw_latents

        whole, kept = np.uint64, there["generator_state"]
        draw_latents(self._latents, whole(self.key), whole(s), whole(self.trial), whole(LATENT))
        return self.players.generator.forward(
            there["generator"], self._latents, state=kept if kept.size else None, training=True,
            draw=(self.key, s, self.trial),
        )  # fmt: skip
