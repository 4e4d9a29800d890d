"""Several games played side by side: on a GPU those that differ in numbers alone are one launch."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..backend import resolve
from ..checks import Floats
from ..errors import InterruptedRun, ParameterError, ShapeError
from .game import Call, Game, Progress
from .play import Engine, State, play, record_steps
from .run import Run


def play_together(
    games: Iterable[Any],
    generated: ArrayLike | None = None,
    *,
    steps: int,
    seeds: int | Sequence[int] = 0,
    trials: int = 1,
    record_every: int | None = None,
    backend: str = "cpu",
    dtype: str = "float64",
    progress: Progress = None,
    threads: int | None = None,
) -> list[Run]:
    """Play several games and return the record of each: bit for bit what each one's own `run` returns.

    Parameters
    ----------
    games : iterable of games
    generated : array, optional
        A start that they share; see their `run`.
    steps : int >= 0
    seeds : int, or sequence of int
        One for all, or one for each game.
    trials, record_every, dtype, threads
        See their `run`.
    backend : {"cpu", "cuda", "auto"}
        "cpu": one after another.  "cuda": games of one kind, of equal sizes, that differ in rates, regularisers,
        numbers of steps of the discriminator, couplings or kernels are blocks of one launch: a whole phase diagram.
        That holds for `EffectiveGAN` against "dense" and `KernelGAN` with random features; others are played one after
        another.
    progress : bool or function of (steps done, steps), optional
        Of each launch.

    Raises
    ------
    ParameterError, ShapeError, BackendUnavailableError
        As their `run`; `DeviceMemoryError` where all of them do not fit on the device.
    InterruptedRun
        On Ctrl-C: its `.run` is the list of the records made so far.

    Notes
    -----
    Cost: that of the longest game, and of all of them over what runs at once; see ``ganth info --kernels``.

    Examples
    --------
    >>> import ganth
    >>> game = ganth.KernelGAN([[0.0]], kernel=ganth.RBF(1.0), n_frequencies=50, reg=0.1, lr_disc=0.01, lr_gen=0.01)
    >>> runs = ganth.play_together([game.with_settings(reg=reg) for reg in (0.0, 0.1, 0.2)], steps=5, seeds=3)
    >>> [run.game.reg for run in runs], runs[1].final.tolist() == game.run(steps=5, seed=3).final.tolist()
    ([0.0, 0.1, 0.2], True)
    """
    chosen = list(games)
    for i, game in enumerate(chosen):
        if not isinstance(game, Game):
            raise ParameterError(f"games[{i}] must be a game of ganth, got {game!r}")
    numbers = list(seeds) if isinstance(seeds, Sequence | np.ndarray) else [seeds] * len(chosen)
    if len(numbers) != len(chosen):
        raise ShapeError(f"seeds must be one, or one for each of {len(chosen)} games, got {len(numbers)}")
    call: dict[str, Any] = {
        "steps": steps, "trials": trials, "record_every": record_every, "backend": resolve(backend), "dtype": dtype,
    }  # fmt: skip
    groups: dict[Any, list[int]] = {}
    engines: dict[int, tuple[Engine, Call]] = {}
    for i, (game, seed) in enumerate(zip(chosen, numbers, strict=True)):
        kind: Any = i  # alone
        if call["backend"] == "cuda" and game.beside:
            prepared = game._call(generated, None, seed=checks.seed_key(seed), first_trial=0, **call)
            engine = game._engine(prepared.key, prepared.options, threads)
            engines[i] = engine, prepared
            kind = (*engine.alike, prepared.start.shape, prepared.masses.tobytes())
        groups.setdefault(kind, []).append(i)
    runs: dict[int, Run] = {}
    try:
        for group in groups.values():
            if group[0] in engines:
                members = [chosen[i] for i in group], [engines[i] for i in group]
                runs |= zip(group, _play_group(*members, progress), strict=True)
            else:
                runs[group[0]] = chosen[group[0]].run(
                    generated, seed=numbers[group[0]], progress=progress, threads=threads, **call
                )
    except InterruptedRun as stopped:
        partial = stopped.run if isinstance(stopped.run, list) else [stopped.run]
        raise InterruptedRun([*runs.values(), *partial]) from None
    return [runs[i] for i in range(len(chosen))]


def _play_group(games: list[Game], members: list[tuple[Any, Call]], progress: Progress) -> list[Run]:
    calls = [call for _, call in members]
    options, masses = calls[0].options, calls[0].masses
    together = _Together([engine for engine, _ in members])
    together.check_length(options["steps"], masses)
    state = together.start(np.concatenate([call.start for call in calls]), masses)
    wanted = record_steps(options["steps"], options["record_every"])
    kept, particles, recorded, interrupted = play(
        together, state, wanted, observer=None, progress=progress, backend=options["backend"]
    )
    runs, each = [], options["trials"]
    for i, (game, call) in enumerate(zip(games, calls, strict=True)):
        own = slice(i * each, (i + 1) * each)
        particles[own, 0] = call.start
        run_state = {name: value.copy() if _shared(name) else value[own].copy() for name, value in state.items()}
        records = {name: values[own] for name, values in recorded.items()}
        runs.append(
            game._finish(kept, particles[own], records, False, run_state, call.options, call.key, masses)
        )  # fmt: skip
    if interrupted:
        raise InterruptedRun(runs)
    return runs


class _Together:
    """Engines that are alike as one: trial after trial, engine after engine."""

    def __init__(self, engines: list[Any]) -> None:
        self.engines = engines
        self.recorded: tuple[str, ...] = engines[0].recorded

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the states at step 0 as one."""
        parts = np.split(particles, len(self.engines))
        states = [engine.start(part, masses) for engine, part in zip(self.engines, parts, strict=True)]
        return {
            name: value if _shared(name) else np.concatenate([state[name] for state in states])
            for name, value in states[0].items()
        }

    def check_length(self, steps: int, masses: Floats) -> None:
        """Ask each engine."""
        for engine in self.engines:
            engine.check_length(steps, masses)

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps of all."""
        self.engines[0].advance_together(self.engines, state, count)

    def discriminator(self, state: State, trial: int) -> Any:
        """Return the discriminator of a trial of all."""
        each = len(state["diverged_at"]) // len(self.engines)
        own = {name: value if _shared(name) else value[trial // each * each :] for name, value in state.items()}
        return self.engines[trial // each].discriminator(own, trial % each)


def _shared(name: str) -> bool:
    """Return whether an entry of a state belongs to all trials."""
    return name in ("step", "masses")
