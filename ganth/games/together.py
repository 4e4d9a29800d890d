"""Games that wait for one another: on a GPU those that differ in numbers alone are one launch."""

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..backend import resolve
from ..checks import Floats
from ..errors import InterruptedRun, ParameterError, ShapeError
from .game import PARTY, Game, Progress, Turn
from .play import State, play
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
        "cpu": one after another.  "cuda": see `Together`.
    progress : bool or function of (steps done, steps), optional
        Of each game, or of each launch.

    Raises
    ------
    ParameterError, ShapeError, BackendUnavailableError
        As their `run`; `DeviceMemoryError` where all of them do not fit on the device.
    InterruptedRun
        On Ctrl-C: its `.run` is the list of the records made so far.

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
    for number in numbers:
        checks.seed_key(number)
    backend = resolve(backend)
    done: list[Run] = []

    def run(game: Any, seed: int) -> Any:
        return game.run(
            generated, steps=steps, seed=seed, trials=trials, record_every=record_every, backend=backend, dtype=dtype,
            progress=progress, threads=threads,
        )  # fmt: skip

    calls = list(zip(chosen, numbers, strict=True))
    if backend == "cuda":
        return list(Together().map(run, calls))
    try:
        for call in calls:
            done.append(run(*call))
    except InterruptedRun as stopped:
        raise InterruptedRun([*done, stopped.run]) from None
    return done


class Together:
    """An executor for `ganth.sweep`: the games that cells play with ``backend="cuda"`` become blocks of one launch.

    Each cell has a thread of its own.  A game that it plays on the GPU waits until all other cells wait, or are done;
    then games of one kind, of equal sizes, that differ in rates, regularisers, steps of the discriminator, couplings or
    kernels are played by one launch, a block each.  That holds for `EffectiveGAN` against "dense" and `KernelGAN` with
    random features; others are played one after another.  Each has the bits of a run of its own.

    Parameters
    ----------
    at_once : int >= 1
        Most cells, and threads, at a time.

    Examples
    --------
    >>> import ganth
    >>> def cell(reg, seed, backend="cpu"):
    ...     game = ganth.KernelGAN([[0.0]], kernel=ganth.RBF(1.0), n_frequencies=9, reg=reg, lr_disc=0.1, lr_gen=0.1)
    ...     return float(game.run(steps=5, seed=seed, backend=backend).final[0, 0])
    >>> table = ganth.sweep(cell, {"reg": [0.0, 0.1]}, seeds=2, executor=ganth.Together())
    >>> table.grid("value").shape
    (2, 2)
    """

    def __init__(self, at_once: int = 1024) -> None:
        self.at_once = checks.integer("at_once", at_once, at_least=1)

    def map(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield function(*item) of all items, in order; raise the first error that one raises."""
        for first in range(0, len(items), self.at_once):
            with warnings.catch_warnings():  # threads that change the filters leave them in no order
                found = _Party().map(function, items[first : first + self.at_once])
            yield from found


def executor_for(backend: str) -> Any:
    """Return the executor of cells that play games with this backend: "local", or on a GPU a `Together`.

    Parameters
    ----------
    backend : {"cpu", "cuda", "auto"}
        What the cells are given.

    Raises
    ------
    ParameterError, BackendUnavailableError
        As `ganth.backend.resolve`.

    Examples
    --------
    >>> executor_for("cpu")
    'local'
    """
    return "local" if resolve(backend) == "cpu" else Together()


@dataclass(eq=False)
class _Seat:
    """A game that waits for its turn, and what became of it."""

    turn: Turn
    run: Run | None = None
    error: BaseException | None = None
    ready: threading.Event = field(default_factory=threading.Event)


class _Party:
    """Threads that play, and one, the caller's, that launches when all of them wait."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._there = 0
        self._waiting: list[_Seat] = []
        self._seats: list[_Seat] = []  # whose turn it is
        self._closed: BaseException | None = None

    def map(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        results: list[Any] = [None] * len(items)
        errors: list[BaseException | None] = [None] * len(items)

        def member(i: int) -> None:
            PARTY.set(self)
            try:
                results[i] = function(*items[i])
            except BaseException as error:  # for who called map
                errors[i] = error
            finally:
                with self._change:
                    self._there -= 1
                    self._change.notify_all()

        self._there = len(items)
        threads = [threading.Thread(target=member, args=(i,), daemon=True) for i in range(len(items))]
        for thread in threads:
            thread.start()
        try:
            while seats := self._all_waiting():
                _play_seats(seats)
        except BaseException as error:  # Ctrl-C: let those who wait go home
            self._close(error)
            raise
        for thread in threads:
            thread.join()
        for told in errors:
            if told is not None:
                raise told
        return results

    def play(self, turn: Turn) -> Run:
        """Wait for a turn to be played, in a member's thread."""
        seat = _Seat(turn)
        with self._change:
            if self._closed is not None:
                raise self._closed
            self._waiting.append(seat)
            self._change.notify_all()
        seat.ready.wait()
        if seat.error is not None:
            raise seat.error
        assert seat.run is not None
        return seat.run

    def _all_waiting(self) -> list[_Seat]:
        """Return the seats of all that are still there, once all of them wait."""
        with self._change:
            self._change.wait_for(lambda: len(self._waiting) == self._there)
            self._seats, self._waiting = self._waiting, []
            return self._seats

    def _close(self, error: BaseException) -> None:
        with self._change:
            self._closed = error
            for seat in (*self._seats, *self._waiting):
                if seat.run is None:
                    seat.error = error
                seat.ready.set()


def _play_seats(seats: list[_Seat]) -> None:
    """Play the turns of seats: those that are alike in one launch."""
    groups: dict[Any, list[_Seat]] = {}
    for seat in seats:
        groups.setdefault(seat.turn.alike, []).append(seat)
    for group in groups.values():
        try:
            for seat, run in zip(group, _runs([seat.turn for seat in group]), strict=True):
                seat.run = run
        except InterruptedRun as stopped:
            partial: Any = stopped.run if isinstance(stopped.run, list) else [stopped.run]
            raise InterruptedRun([*(seat.run for seat in seats if seat.run is not None), *partial]) from None
        except Exception as error:
            for seat in group:
                seat.error = error
        for seat in group:
            seat.ready.set()


def _runs(turns: list[Turn]) -> list[Run]:
    first = turns[0]
    if len(turns) == 1:
        return [first.play()]
    state = {
        name: value.copy() if _shared(name) else np.concatenate([turn.state[name] for turn in turns])
        for name, value in first.state.items()
    }
    engine = _Engines([turn.engine for turn in turns])
    kept, particles, recorded, interrupted = play(
        engine, state, first.wanted, observer=None, progress=first.progress, backend=first.options["backend"]
    )
    runs, each = [], len(first.state["diverged_at"])
    for i, turn in enumerate(turns):
        own = slice(i * each, (i + 1) * each)
        turn.state.update(
            {name: value.copy() if _shared(name) else value[own].copy() for name, value in state.items()}
        )  # fmt: skip
        records = {name: values[own] for name, values in recorded.items()}
        runs.append(turn.finish(kept, particles[own], records, False))
    if interrupted:
        raise InterruptedRun(runs)
    return runs


class _Engines:
    """Engines that are alike as one: trial after trial, engine after engine."""

    def __init__(self, engines: list[Any]) -> None:
        self.engines = engines
        self.recorded: tuple[str, ...] = engines[0].recorded

    def start(self, particles: Floats, masses: Floats) -> State:
        """Each has started."""
        raise NotImplementedError

    def check_length(self, steps: int, masses: Floats) -> None:
        """Each has been asked."""
        raise NotImplementedError

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps of all."""
        self.engines[0].advance_together(self.engines, state, count)

    def discriminator(self, state: State, trial: int) -> Any:
        """Each has its own."""
        raise NotImplementedError


def _shared(name: str) -> bool:
    """Return whether an entry of a state belongs to all trials."""
    return name in ("step", "masses")
