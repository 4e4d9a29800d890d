"""Figures drawn from their evidence by a process of their own, while the next validation is computed."""

import concurrent.futures
import contextlib
import multiprocessing
import pathlib
import signal
from collections.abc import Callable, Iterator

from .checkout import Validation
from .evidence import Evidence

Drawn = Callable[[Validation, BaseException | None], None]


def draw(validation: Validation, folder: pathlib.Path) -> None:
    """Draw the figure of a validation, and its animation if it has `frames`, from the evidence in a folder, into it."""
    from .. import plotting

    name = validation.path.stem
    evidence = Evidence.load(folder / f"{name}.json")
    with plotting.style():
        figure = plotting.figure()
        module = validation.load()
        module.draw(evidence.result(folder), figure)
        plotting.save(figure, folder / f"{name}.png")
        if hasattr(module, "frames"):
            figure = plotting.figure()
            plotting.animate(figure, module.frames(evidence.result(folder), figure), folder / f"{name}.gif")


class Drawing:
    """Draws here (`aside` False) or in a process beside this one, and says of each figure when it is done.

    `drawn(validation, error)` is called in this process, by `submit` or by `wait`.
    """

    def __init__(self, pool: concurrent.futures.Executor | None, drawn: Drawn) -> None:
        self._pool, self._drawn = pool, drawn
        self._begun: list[tuple[Validation, concurrent.futures.Future[None]]] = []

    def submit(self, validation: Validation, folder: pathlib.Path) -> None:
        """Draw a figure, or let it be drawn; tell of those that have been drawn meanwhile."""
        if self._pool is None:
            future: concurrent.futures.Future[None] = concurrent.futures.Future()
            try:
                draw(validation, folder)
                future.set_result(None)
            except Exception as error:
                future.set_exception(error)
        else:
            future = self._pool.submit(draw, validation, folder)
        self._begun.append((validation, future))
        self._tell(lambda future: future.done())

    def wait(self) -> None:
        """Wait for all figures and tell of them."""
        self._tell(lambda future: True)

    def _tell(self, due: Callable[[concurrent.futures.Future[None]], bool]) -> None:
        for entry in [entry for entry in self._begun if due(entry[1])]:
            self._begun.remove(entry)
            self._drawn(entry[0], entry[1].exception())


@contextlib.contextmanager
def drawing(drawn: Drawn, *, aside: bool) -> Iterator[Drawing]:
    """Give a `Drawing` whose figures are all drawn and told of at the end of the `with` block, even on Ctrl-C."""
    pool = None
    if aside:
        spawn = multiprocessing.get_context("spawn")
        pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin)
    one = Drawing(pool, drawn)
    try:
        yield one
    finally:
        try:
            one.wait()
        finally:
            if pool is not None:
                pool.shutdown()


def _begin() -> None:
    """Leave Ctrl-C to the process that waits: a figure whose numbers are there is drawn to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
