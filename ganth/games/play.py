"""The loop that every game shares: records, chunks, progress, divergence, interruption."""

import contextlib
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..discriminators import Discriminator
from ..errors import DivergenceWarning

State = dict[str, NDArray[Any]]
Observer = Callable[[int, NDArray[np.float64]], None]
_CHUNK_SECONDS = 0.2


class Engine(Protocol):
    """One kind of discriminator, playing against free particles for a batch of trials.

    A state is a dict of arrays and holds all that a step needs, so that it can be saved and continued bit for bit:
    "particles" (trials, n, d) and "masses" (n,) in the working type, "step" () int64, "diverged_at" (trials,) int64,
    and what the engine adds.  `advance` works in place; it may replace an entry by a longer array, never by a view of
    another one.  A trial that has diverged keeps its last finite particles.  Entries of the state named in `recorded`,
    (trials, ...), are kept at every record beside the particles.
    """

    recorded: tuple[str, ...]

    def start(self, particles: NDArray[np.float64], masses: NDArray[np.float64]) -> State:
        """Return the state at step 0."""

    def check_length(self, steps: int, masses: NDArray[np.float64]) -> None:
        """Raise `ParameterError` if `steps` steps would take particles of these masses unreasonably long."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps.  The result must not depend on how steps are split into calls."""

    def discriminator(self, state: State, trial: int) -> Discriminator:
        """Return the discriminator of a trial (its place in the state) as a function of points."""


def record_steps(steps: int, record_every: int | None) -> NDArray[np.int64]:
    """Return the steps that a run of `steps` keeps: 0, every `record_every`-th, and the last."""
    every = record_every or max(steps, 1)
    return np.unique(np.append(np.arange(0, steps + 1, every, dtype=np.int64), steps))


def play(
    engine: Engine,
    state: State,
    steps: NDArray[np.int64],
    *,
    observer: Observer | None,
    progress: bool | Callable[[int, int], None] | None,
    backend: str = "cpu",
) -> tuple[NDArray[np.int64], NDArray[np.float64], dict[str, NDArray[np.float64]], bool]:
    """Advance `state` through the recorded `steps`.

    Returns the steps kept, the particles (trials, steps kept, n, d), what else the engine records, (trials, steps
    kept, ...) by name, and whether Ctrl-C cut the run short: then the last step is where it was stopped.
    `observer(step, particles)` sees each new record, (trials, n, d); `progress` is True for a bar, or a function of
    (steps done, steps in all).  With ``backend="cuda"`` what engines hold on the device stays there between records.
    """
    trials, n, dim = state["particles"].shape
    kept, particles = steps.copy(), np.empty((trials, len(steps), n, dim))
    recorded = {name: np.empty((trials, len(steps), *state[name].shape[1:])) for name in engine.recorded}
    filled = 0

    def keep() -> None:
        nonlocal filled
        fetch()
        kept[filled], particles[:, filled] = state["step"], state["particles"]
        for name, values in recorded.items():
            values[:, filled] = state[name]
        filled += 1
        if observer is not None:
            observer(int(state["step"]), particles[:, filled - 1])

    known = (state["diverged_at"] >= 0).copy()
    count = 16
    report, close = reporting(progress, int(steps[-1] - steps[0]))
    try:
        with deferred_interrupt() as pressed, staying(backend) as fetch:
            keep()
            for target in steps[1:]:
                while (left := int(target - state["step"])) > 0 and not pressed:
                    size = min(count, left)
                    began = time.perf_counter()
                    engine.advance(state, size)
                    seconds = time.perf_counter() - began
                    state["step"] += size
                    # The size of a chunk changes when the clock is read, never the numbers.
                    if size == count:
                        count = max(1, min(4 * count, int(count * _CHUNK_SECONDS / max(seconds, 1e-6))))
                    report(int(state["step"] - steps[0]))
                if pressed and kept[filled - 1] == state["step"]:
                    break
                keep()
    finally:
        close()
    fresh = np.flatnonzero((state["diverged_at"] >= 0) & ~known)
    if fresh.size:
        first = fresh[np.argmin(state["diverged_at"][fresh])]
        warnings.warn(
            f"{fresh.size} of {len(known)} trials diverged, the first at step {state['diverged_at'][first]}; "
            "their later records repeat the last finite state",
            DivergenceWarning,
            stacklevel=4,
        )
    recorded = {name: values[:, :filled] for name, values in recorded.items()}
    return kept[:filled], particles[:, :filled], recorded, bool(pressed)


@contextlib.contextmanager
def staying(backend: str) -> Iterator[Callable[[], None]]:
    """Let engines hold arrays on the device; give what brings their changes to the host."""
    if backend != "cuda":
        yield lambda: None
        return
    from ..device import residence

    with residence() as kept_there:
        yield kept_there.fetch


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of raising it, so that it stops a run between two chunks; a second one raises."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def note(number: int, frame: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def reporting(
    progress: bool | Callable[[int, int], None] | None, total: int
) -> tuple[Callable[[int], None], Callable[[], None]]:
    if not progress:
        return (lambda done: None), (lambda: None)
    if callable(progress):
        tell = progress
        return (lambda done: tell(done, total)), (lambda: None)
    from tqdm import tqdm

    bar = tqdm(total=total, unit="step", unit_scale=True, dynamic_ncols=True)
    return (lambda done: bar.update(done - bar.n)), bar.close
