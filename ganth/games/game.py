"""What every game shares: how a call is checked, played, recorded and continued."""

import contextvars
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, streams
from ..backend import no_cuda_loops, resolve
from ..checks import Floats
from ..errors import InterruptedRun, ShapeError
from ..formulas.random import START
from .play import Engine, Observer, State, play, record_steps
from .run import Run

_DTYPES = ("float64", "float32")
Progress = bool | Callable[[int, int], None] | None
Steps = NDArray[np.int64]
# Who collects the games that are played on a GPU here, if anyone does: see `together`.
PARTY: contextvars.ContextVar[Any] = contextvars.ContextVar("party", default=None)


class Game:
    """A frozen dataclass of settings that can be played.

    A game gives `_engine`, and a `run` that checks its call with `_options`, makes the particles' start and ends in
    `_play`; records, chunks, divergence, interruption and continuation are the same for all.
    """

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        """Return the engine that plays this game for a call's options."""
        raise NotImplementedError

    def _has_cuda_loops(self) -> bool:
        """Return whether there are CUDA loops for these settings."""
        return True

    def _options(
        self,
        *,
        steps: int,
        trials: int,
        first_trial: int,
        record_every: int | None,
        backend: str,
        dtype: str,
    ) -> dict[str, Any]:
        """Return the checked options of a call to `run`, as a record keeps them."""
        if self._has_cuda_loops():
            backend = resolve(backend)
        else:
            backend = no_cuda_loops(backend, f"{type(self).__name__} with these settings")
        return {
            "steps": checks.integer("steps", steps, at_least=0),
            "trials": checks.integer("trials", trials, at_least=1),
            "first_trial": checks.integer("first_trial", first_trial, at_least=0),
            "record_every": None if record_every is None else checks.integer("record_every", record_every, at_least=1),
            "dtype": checks.choice("dtype", dtype, _DTYPES),
            "backend": backend,
        }

    def _play(
        self,
        start: Floats,
        masses: Floats,
        key: int,
        options: dict[str, Any],
        *,
        observer: Observer | None,
        progress: Progress,
        threads: int | None,
        particles_start: bool = True,
    ) -> Run:
        """Play from `start` (trials, n, d) and return the record; with `particles_start` it is where particles are."""
        engine = self._engine(key, options, threads)
        engine.check_length(options["steps"], masses)
        state = engine.start(start, masses)
        wanted = record_steps(options["steps"], options["record_every"])

        def finish(kept: Steps, particles: Floats, recorded: dict[str, Floats], interrupted: bool) -> Run:
            if particles_start:  # given in float64 and kept so, whatever the arithmetic
                particles[:, 0] = start
            return self._finish(kept, particles, recorded, interrupted, state, options, key, masses)

        return Turn(engine, state, wanted, options, observer, progress, finish).take()

    def continue_run(
        self,
        run: Run,
        steps: int,
        *,
        observer: Observer | None = None,
        progress: Progress = None,
        threads: int | None = None,
    ) -> Run:
        """Return `run` played `steps` further; `Run.extend` is its public face."""
        steps = checks.integer("steps", steps, at_least=1)
        done = int(run.steps[-1])
        options = {**run.options, "steps": done + steps}
        resolve(options["backend"])
        engine = self._engine(run.seed, options, threads)
        engine.check_length(done + steps, run.masses)
        state = {name: value.copy() for name, value in run.state.items()}
        wanted = record_steps(done + steps, options["record_every"])
        ahead = np.append(np.int64(done), wanted[wanted > done])

        def finish(kept: Steps, particles: Floats, recorded: dict[str, Floats], interrupted: bool) -> Run:
            # Records of one long run: the old ones it would have kept, then the new ones.
            old = np.isin(run.steps, wanted)
            kept = np.append(run.steps[old], kept[1:])
            particles = np.concatenate([run.particles[:, old], particles[:, 1:]], axis=1)
            recorded = {
                name: np.concatenate([run.recorded[name][:, old], values[:, 1:]], axis=1)
                for name, values in recorded.items()
            }
            return self._finish(kept, particles, recorded, interrupted, state, options, run.seed, run.masses)

        return Turn(engine, state, ahead, options, observer, progress, finish).take()

    def engine(self, run: Run) -> Engine:
        """Return the engine that plays `run`."""
        return self._engine(run.seed, run.options, None)

    def _finish(
        self,
        steps: NDArray[np.int64],
        particles: Floats,
        recorded: dict[str, Floats],
        interrupted: bool,
        state: State,
        options: dict[str, Any],
        key: int,
        masses: Floats,
    ) -> Run:
        run = Run(
            particles=particles,
            steps=steps,
            diverged_at=state["diverged_at"].copy(),
            masses=masses,
            seed=key,
            game=self,
            options=options,
            state=state,
            recorded=recorded,
        )
        if interrupted:
            raise InterruptedRun(run)
        return run

    def with_settings(self, **changes: Any) -> Self:
        """Return this game with some settings changed.

        >>> import ganth
        >>> game = ganth.KernelGAN([[0.0]], kernel=ganth.RBF(1.0), reg=0.1, lr_disc=0.01, lr_gen=0.01)
        >>> game.with_settings(reg=0.2).reg
        0.2
        """
        return replace(self, **changes)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class Turn:
    """A game about to be played on from a state: all that is needed for its record."""

    engine: Engine
    state: State
    wanted: Steps  # those that are recorded, the state's first
    options: dict[str, Any]
    observer: Observer | None
    progress: Progress
    finish: Callable[[Steps, Floats, dict[str, Floats], bool], Run]  # of what `play` tells

    @property
    def alike(self) -> Any:
        """What turns have in common whose trials one launch can play; of others, what is theirs alone."""
        common = getattr(self.engine, "alike", None)
        if common is None or self.observer is not None:
            return id(self)
        particles = self.state["particles"]
        return (*common, particles.shape, self.state["masses"].tobytes(), self.wanted.tobytes())

    def take(self) -> Run:
        """Play it, with others if someone collects them; return its record, or raise it as `InterruptedRun`."""
        party = PARTY.get()
        return self.play() if party is None or self.options["backend"] != "cuda" else party.play(self)

    def play(self) -> Run:
        """Play it alone."""
        told = play(
            self.engine, self.state, self.wanted, observer=self.observer, progress=self.progress,
            backend=self.options["backend"],
        )  # fmt: skip
        return self.finish(*told)


def trial_keys(options: dict[str, Any]) -> range:
    """Return the numbers of a call's trials: each draws from its own stream."""
    return range(options["first_trial"], options["first_trial"] + options["trials"])


def latents_start(
    generated: ArrayLike | None, *, n_samples: int, latent_dim: int, key: int, trials: int
) -> tuple[Floats, Floats]:
    """Return latents of recorded points, the same for all trials, (trials, n, latent_dim), and their masses, 1/n each.

    Given ones, (n, latent_dim), or `n_samples` standard normal ones.  Raises `ShapeError` where given ones have not
    `latent_dim` dimensions.
    """
    if generated is None:
        latents = streams.normal(key, (n_samples, latent_dim), purpose=START)
    else:
        latents = checks.points("generated", generated)
        if latents.shape[1] != latent_dim:
            raise ShapeError(f"generated must have shape (n, latent_dim = {latent_dim}), got {latents.shape}")
    return np.broadcast_to(latents, (trials, *latents.shape)), np.full(len(latents), 1.0 / len(latents))


def given_start(generated: ArrayLike, dim: int, trials: int, n: int | None = None) -> Floats:
    """Return a given start of the particles, (n, d) or (trials, n, d), as (trials, n, d).

    Raises `ShapeError` where it has not `dim` dimensions, `trials` trials or (if given) `n` particles.
    """
    start = checks.points("generated", generated, dim=dim, trials=True)
    if start.ndim == 3 and len(start) != trials:
        raise ShapeError(f"generated and trials must agree, got shape {start.shape} and {trials}")
    if n is not None and start.shape[-2] != n:
        raise ShapeError(f"generated must hold n_particles = {n} particles, got shape {start.shape}")
    return np.array(np.broadcast_to(start, (trials, *start.shape[-2:])), order="C")
