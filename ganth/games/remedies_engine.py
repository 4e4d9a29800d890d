"""Plays `RemedyGAN`: all trials of a call at once."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import blas, streams
from ..checks import Floats
from ..formulas.random import BETWEEN, DATA, FREQUENCIES, GENERATOR, LATENT, LAYERS, NOISE, WEIGHTS
from .play import State
from .stack import AdamSteps, Array, Spectral, Stack

if TYPE_CHECKING:
    from .remedies import RemedyGAN

_BLOCK = 32  # iterations whose random numbers are drawn together
_TENSORS, _DEPTH = 2, 2
_STEEPEST = 10.0  # of what the dispersion term rewards
_DIFFERENCE = 1e-2
_LARGE = 1e50  # parameters and latents below it give finite points


class RemedyEngine:
    """Plays `RemedyGAN`; the state keeps parameters and moments of both networks, and the spectral vectors."""

    recorded: tuple[str, ...] = ("modes", "precision")

    def __init__(self, game: "RemedyGAN", *, key: int, trials: range, backend: str = "cpu") -> None:
        self.game, self.key, self.trials, self.backend = game, key, trials, backend
        self.dim = game.target.means.shape[1]
        extra = {"none": 0, "features": _TENSORS, "deviation": 1}[game.minibatch]
        self.gen = Stack((game.latent_dim, game.width_gen, game.width_gen, self.dim), key, trials, GENERATOR)
        self.disc = Stack((self.dim + extra, game.width, game.width, 1), key, trials, WEIGHTS)
        self.steps_gen, self.steps_disc = AdamSteps(self.gen), AdamSteps(self.disc)
        self.spectral = Spectral(self.disc)
        self.tensor = streams.normal(key, (self.dim, _TENSORS, _DEPTH), purpose=FREQUENCIES)
        self.factors = np.linalg.cholesky(game.target.covariances)
        self.cumulative = np.cumsum(game.target.weights)
        self.block, self.drawn = -1, {}  # type: int, dict[str, Array]

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0; `particles` are the latents of those that are recorded."""
        count = len(self.trials)
        state: State = {
            "particles": np.zeros((*particles.shape[:2], self.dim)),
            "masses": masses.copy(),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(count, -1, dtype=np.int64),
            "latents": np.array(particles),
            "modes": np.empty(count),
            "precision": np.empty(count),
            "counts": np.zeros(2, dtype=np.int64),
        }
        for name, values in self._kept():
            for i, value in enumerate(values):
                state[f"{name}_{i}"] = value.copy()
        with blas.one_thread(), np.errstate(over="ignore", invalid="ignore"):
            state["diverged_at"][~self._finite(state["latents"])] = 0
        self.advance(state, 0)
        return state

    def _kept(self) -> list[tuple[str, list[Array]]]:
        return [
            ("generator", self.gen.parameters), ("discriminator", self.disc.parameters),
            ("generator_first", self.steps_gen.first), ("generator_second", self.steps_gen.second),
            ("discriminator_first", self.steps_disc.first), ("discriminator_second", self.steps_disc.second),
            ("spectral", self.spectral.left),
        ]  # fmt: skip

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length: the cost is linear in the steps."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` iterations, and bring what is recorded up to date."""
        if self.backend == "cuda" and count > 0:
            self._play_there(state, count)
            count = 0
        for name, values in self._kept():
            for i in range(len(values)):
                values[i] = state[f"{name}_{i}"]
        self.steps_gen.count, self.steps_disc.count = (int(c) for c in state["counts"])
        first, lost = int(state["step"]), state["diverged_at"] >= 0
        with blas.one_thread(), np.errstate(over="ignore", invalid="ignore"):
            for step in range(first, first + count):
                before = [[value.copy() for value in values] for _, values in self._kept()]
                self._iterate(step)
                fresh = ~lost & ~self._finite(state["latents"])
                state["diverged_at"][fresh] = step + 1
                lost |= fresh
                if lost.any():  # these stay where they were last finite
                    for (_, values), olds in zip(self._kept(), before, strict=True):
                        for value, old in zip(values, olds, strict=True):
                            value[lost] = old[lost]
            points = self.gen.forward(state["latents"])
        for name, values in self._kept():
            for i, value in enumerate(values):
                state[f"{name}_{i}"] = value
        state["counts"][:] = self.steps_gen.count, self.steps_disc.count
        finite = np.isfinite(points).all(axis=(1, 2))
        state["particles"][finite] = points[finite]
        shares = self.game.target.shares(state["particles"])
        state["modes"][:] = (shares >= self.game.target.weights / 4).sum(axis=-1)
        state["precision"][:] = shares.sum(axis=-1)

    def _play_there(self, state: State, count: int) -> None:
        """Play `count` iterations on the device."""
        from .remedies_engine_cuda import play

        names = {name: [f"{name}_{i}" for i in range(len(values))] for name, values in self._kept()}
        kinds = [names["generator" + end] + names["discriminator" + end] for end in ("", "_first", "_second")]
        kinds.append(names["spectral"])
        flat = [np.concatenate([state[name].reshape(len(self.trials), -1) for name in kind], axis=1) for kind in kinds]
        target, size = self.game.target, sum(p[0].size for p in self.gen.parameters)
        tables = (self.tensor, target.means, self.factors, self.cumulative, size, self.disc.sizes[0])
        play(
            flat[0], flat[1], flat[2], flat[3], state["diverged_at"], np.ascontiguousarray(state["latents"]),
            int(state["step"]), count,
            [int(c) for c in state["counts"]], self.game, tables, np.uint64(self.key), self.trials[0],
        )  # fmt: skip
        for kind, values in zip(kinds, flat, strict=True):
            start = 0
            for name in kind:
                size = state[name][0].size
                state[name] = np.ascontiguousarray(values[:, start : start + size]).reshape(state[name].shape)
                start += size
        state["counts"] += count * np.array([1, self.game.n_disc])

    def _finite(self, latents: Array) -> NDArray[np.bool_]:
        """Return which trials have finite parameters, and finite points of `latents`."""
        largest = np.max([np.abs(p).max(axis=(1, 2)) for p in (*self.gen.parameters, *self.disc.parameters)], axis=0)
        finite = np.isfinite(largest)
        if (largest > _LARGE).any() or np.abs(latents).max() > _LARGE:
            finite &= np.isfinite(self.gen.forward(latents)).all(axis=(1, 2))
        return np.asarray(finite)

    def _draw(self, step: int) -> dict[str, Array]:
        """Return the random numbers of an iteration, each (trials, sets, batch, ...)."""
        game, block = self.game, step // _BLOCK
        if block != self.block:
            self.block, shape = block, (_BLOCK, game.n_disc + 1, game.batch)

            def each(kind: Any, purpose: int, *tail: int) -> Array:
                return np.stack(
                    [kind(self.key, (*shape, *tail), purpose=purpose, trial=t, step=block) for t in self.trials]
                )

            self.drawn = {
                "mode": each(streams.uniform, DATA),
                "data": each(streams.normal, NOISE, self.dim),
                "latents": each(streams.normal, LATENT, game.latent_dim),
            }
            if game.instance_noise > 0:
                self.drawn["noise"] = each(streams.normal, BETWEEN, 2, self.dim)
            if game.label_flips > 0:
                self.drawn["flips"] = each(streams.uniform, FREQUENCIES, 2)
            if game.layer_noise > 0 or game.path_length > 0:
                self.drawn["layers"] = each(streams.normal, LAYERS, 2 * game.width_gen + game.latent_dim)
        return {name: values[:, step % _BLOCK] for name, values in self.drawn.items()}

    def _iterate(self, step: int) -> None:
        game, drawn = self.game, self._draw(step)
        left = max(0.0, 1.0 - step / game.anneal) if game.anneal else 1.0
        sd = game.instance_noise * left
        for turn in range(game.n_disc):
            real = self._data(drawn["mode"][:, turn], drawn["data"][:, turn])
            fake = self._generate(drawn, turn)
            if "noise" in drawn:
                real = real + sd * drawn["noise"][:, turn, :, 0]
                fake = fake + sd * drawn["noise"][:, turn, :, 1]
            self._teach(real, fake, drawn["flips"][:, turn] if "flips" in drawn else None)
        self._learn(drawn, game.n_disc, sd)

    def _data(self, mode: Array, normal: Array) -> Array:
        which = np.minimum(
            np.searchsorted(self.cumulative, mode * self.cumulative[-1], side="right"), len(self.cumulative) - 1
        )
        target = self.game.target
        return target.means[which] + np.einsum("tnab,tnb->tna", self.factors[which], normal)

    def _generate(self, drawn: dict[str, Array], turn: int) -> Array:
        noise = None
        if self.game.layer_noise > 0:
            width = self.game.width_gen
            both = self.game.layer_noise * drawn["layers"][:, turn, :, : 2 * width]
            noise = [both[..., :width], both[..., width:]]
        return self.gen.forward(drawn["latents"][:, turn], noise=noise)

    def _told(self, x: Array) -> Array:
        """Return what the discriminator is told of a batch of points."""
        if self.game.minibatch == "none":
            return x
        if self.game.minibatch == "deviation":
            more = x.std(axis=1).mean(axis=-1)[:, None, None]
            return np.concatenate([x, np.broadcast_to(more, (*x.shape[:2], 1))], axis=-1)
        _, near = self._near(x)
        return np.concatenate([x, near.sum(axis=2) / self.game.batch], axis=-1)

    def _near(self, x: Array) -> tuple[Array, Array]:
        projected = np.tensordot(x, self.tensor, axes=1)  # (trials, n, k, c)
        gap = projected[:, :, None] - projected[:, None]
        return gap, np.exp(-np.abs(gap).sum(axis=-1))

    def _untold(self, x: Array, slopes: Array) -> Array:
        """Return the slopes in the points, given those in what the discriminator is told."""
        own, more = slopes[..., : self.dim], slopes[..., self.dim :]
        if self.game.minibatch == "none":
            return own
        if self.game.minibatch == "deviation":
            centred, sd = x - x.mean(axis=1, keepdims=True), x.std(axis=1, keepdims=True) + 1e-12
            return own + more.sum(axis=1, keepdims=True) * centred / (sd * x.shape[1] * self.dim)
        gap, near = self._near(x)
        both = near * (more[:, :, None] + more[:, None]) / self.game.batch
        in_projected = -(both[..., None] * np.sign(gap)).sum(axis=2)
        return own + np.einsum("tnkc,dkc->tnd", in_projected, self.tensor)

    def _weights(self) -> list[Array]:
        return self.spectral.weights(self.disc.parameters) if self.game.spectral else self.disc.parameters

    def _teach(self, real: Array, fake: Array, flips: Array | None) -> None:
        game, disc = self.game, self.disc
        used, slopes = self._weights(), disc.zeros()
        for points, label in ((real, 1.0), (fake, 0.0)):
            value = disc.forward(self._told(points), used)
            wanted = np.full(value.shape, (1.0 - game.label_smoothing) if label else 0.0)
            if flips is not None:
                wrong = flips[..., 0 if label else 1, None] < game.label_flips
                wanted = np.where(wrong, 1.0 - label, wanted)
            disc.backward((_sigmoid(value) - wanted) / game.batch, slopes)
            if label and game.grad_penalty > 0:
                slope = disc.backward(np.ones_like(value))
                slope[..., self.dim :] = 0.0
                disc.add_pulled(game.grad_penalty * slope / game.batch, slopes)
        if game.spectral:
            self.spectral.back(slopes, used)
        self.steps_disc.step(disc.parameters, slopes, game.lr_disc)

    def _learn(self, drawn: dict[str, Array], turn: int, sd: float) -> None:
        game, gen, disc = self.game, self.gen, self.disc
        latents = drawn["latents"][:, turn]
        slopes = gen.zeros()
        if game.path_length > 0:
            self._path_length(latents, drawn["layers"][:, turn, :, -game.latent_dim :], slopes)
        fake = self._generate(drawn, turn)
        seen = fake + sd * drawn["noise"][:, turn, :, 1] if "noise" in drawn else fake
        used = self._weights()
        matched = None
        if game.feature_matching > 0:
            real = self._data(drawn["mode"][:, turn], drawn["data"][:, turn])
            disc.forward(self._told(real), used)
            matched = disc.hidden[-1].mean(axis=1, keepdims=True)
        value = disc.forward(self._told(seen), used)
        above = -_sigmoid(-value) if game.loss == "nsgan" else -_sigmoid(value)
        if game.top_k > 0:
            least = np.quantile(value, game.top_k, axis=1, keepdims=True)
            above = np.where(value >= least, above / (1.0 - game.top_k), 0.0)
        features = None
        if matched is not None:
            gap = disc.hidden[-1].mean(axis=1, keepdims=True) - matched
            features = np.broadcast_to(2.0 * game.feature_matching * gap / game.batch, disc.hidden[-1].shape)
        below = self._untold(seen, disc.backward(above / game.batch, feature_slopes=features))
        if game.dispersion > 0:
            below = below + self._dispersion(fake, latents)
        gen.backward(below, slopes)
        self.steps_gen.step(gen.parameters, slopes, game.lr_gen)

    def _dispersion(self, fake: Array, latents: Array) -> Array:
        """Return the slopes in the points of minus the mean of their distance over that of their latents."""
        half = fake.shape[1] // 2
        gap = fake[:, :half] - fake[:, half:]
        size = np.linalg.norm(gap, axis=-1, keepdims=True) + 1e-12
        apart = np.linalg.norm(latents[:, :half] - latents[:, half:], axis=-1, keepdims=True) + 1e-12
        slope = np.where(size / apart < _STEEPEST, gap / (size * apart), 0.0) * (-self.game.dispersion / half)
        return np.concatenate([slope, -slope], axis=1)

    def _path_length(self, latents: Array, direction: Array, slopes: list[Array]) -> None:
        """Add the slopes in the parameters of the variance of |G(z + e y) - G(z - e y)|/2e."""
        gen = self.gen
        unit = direction / (np.linalg.norm(direction, axis=-1, keepdims=True) + 1e-12)
        ends = [gen.forward(latents + side * _DIFFERENCE * unit) for side in (1.0, -1.0)]
        gap = (ends[0] - ends[1]) / (2.0 * _DIFFERENCE)
        size = np.linalg.norm(gap, axis=-1, keepdims=True) + 1e-12
        off = size - size.mean(axis=1, keepdims=True)
        pull = 2.0 * self.game.path_length * off * gap / size / (latents.shape[1] * 2.0 * _DIFFERENCE)
        for side in (1.0, -1.0):
            gen.forward(latents + side * _DIFFERENCE * unit)
            gen.backward(side * pull, slopes)

    def discriminator(self, state: State, trial: int) -> Any:
        """Return the discriminator of a trial, where it takes single points."""
        values = [state[f"discriminator_{i}"][trial : trial + 1] for i in range(len(self.disc.parameters))]
        return _Judge(self, values)


class _Judge:
    """sigmoid(D) at points, each taken as a batch of its own."""

    def __init__(self, engine: RemedyEngine, parameters: list[NDArray[Any]]) -> None:
        self.engine, self.parameters = engine, parameters

    def __call__(self, x: ArrayLike) -> Floats:
        """Return d at points x (m, d), shape (m,)."""
        points = np.asarray(x, dtype=np.float64)[None]
        return _sigmoid(self.engine.disc.forward(self.engine._told(points), self.parameters))[0, :, 0]


def _sigmoid(v: Array) -> Array:
    small = np.exp(-np.abs(v))
    return np.where(v >= 0, 1.0, small) / (1.0 + small)
