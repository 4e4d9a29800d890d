"""Threads that share work: loops that hold no GIL take its parts one by one."""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import thread_count
from ..checks import integer

_HELPERS: list["_Helper"] = []
_busy = threading.Lock()
_process = os.getpid()


class _Helper:
    """A thread that waits for a function to call.  (A pool's futures take three times as long to start.)"""

    def __init__(self) -> None:
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._job: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._wait, name="ganth", daemon=True).start()

    def _wait(self) -> None:
        while True:
            self._go.acquire()
            assert self._job is not None
            function, arguments = self._job
            try:
                function(*arguments)
            except BaseException as error:  # handed to who waits
                self._error = error
            self._job = function = arguments = None  # type: ignore[assignment]
            self._done.release()

    def start(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._job, self._error = (function, arguments), None
        self._go.release()

    def finish(self) -> BaseException | None:
        """Withdraw a job that has not begun, or wait for its end, Ctrl-C or not, and return what went wrong.

        (A helper that goes on writing would spoil what comes next.)
        """
        interrupted: BaseException | None = None
        if self._go.acquire(blocking=False):
            return None
        while True:
            try:
                self._done.acquire()
                return self._error or interrupted
            except KeyboardInterrupt as error:
                interrupted = error


class Team:
    """Up to `threads` threads for loops f(worker, taken, ...), which take parts until none is left (lanes.shares).

    What a loop computes may not depend on who does which part.  Helpers are shared by all teams of a process; while
    another team uses them, the caller's thread does all the parts.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = thread_count() if threads is None else integer("threads", threads, at_least=1)
        self._taken = np.zeros(1, np.int64)

    def work(self, function: Callable[..., Any], *arguments: Any, parts: int | None = None) -> None:
        """Call function(worker, taken, *arguments) in each thread; `parts`: how many the work has, if few."""
        workers, taken = self.threads if parts is None else min(self.threads, parts), self._taken
        taken[0] = 0
        if workers <= 1 or not _busy.acquire(blocking=False):
            function(0, taken, *arguments)
            return
        try:
            started: list[_Helper] = []
            error: BaseException | None = None
            try:
                for worker, helper in enumerate(_helpers(workers - 1), 1):
                    helper.start(function, worker, taken, *arguments)
                    started.append(helper)
                function(0, taken, *arguments)
            finally:
                for helper in started:
                    error = helper.finish() or error
            if error is not None:
                raise error
        finally:
            _busy.release()


def _helpers(count: int) -> list[_Helper]:
    """Return that many helpers; threads do not survive a fork."""
    global _process
    if os.getpid() != _process:
        _HELPERS.clear()
        _process = os.getpid()
    while len(_HELPERS) < count:
        _HELPERS.append(_Helper())
    return _HELPERS[:count]
