"""Validations made side by side: a few processes, each of which makes one at a time with its share of the cores.

Much of a validation is one thread's work (compiling, analysis, drawing), so that two on one core each take less time
than one after the other on two.  A lane outlives its validations, and ends with the process that started it.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait

from .. import blas
from .checkout import Validation
from .job import Job
from .making import make, redraw

_LANES = 2  # a lone long validation at the end has half of the cores, whatever their number
_PATIENCE = 5.0  # seconds that a lane has to leave by itself


@dataclass(frozen=True)
class Task:
    """A validation that is to be computed and drawn, or (`compute` False) drawn again from its evidence."""

    validation: Validation
    compute: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a line about it; or what went wrong, and the traceback."""

    line: str
    problem: str = ""
    trace: str = ""


Outcomes = Generator[tuple[Task, Outcome], None, None]


def done(task: Task, job: Job) -> Outcome:
    """Do a task in this process."""
    validation = task.validation
    try:
        if not task.compute:
            redraw(validation, job)
            return Outcome("drawn")
        evidence = make(validation, job)
    except Exception as error:
        trace = "".join(traceback.format_exception(error)).rstrip()
        return Outcome("failed", f"{validation.id}: {type(error).__name__}: {error}", trace)
    words = [verdict.verdict for verdict in evidence.verdicts]
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return Outcome(f"{evidence.seconds:.1f} s; {counts or 'decides no claim'}")


def outcomes(tasks: Sequence[Task], job: Job, began: Callable[[Task], None]) -> Outcomes:
    """Do all tasks and yield what became of each, in whatever order; `began(task)` is called as one begins.

    Where there are cores and tasks for it, two go side by side, the longest first.  Validations of a group share
    trainings, and go one after the other on all cores.
    """
    alone = [task for task in tasks if task.validation.group and task.compute]
    beside = [task for task in tasks if task not in alone]
    lanes = min(_LANES, job.jobs, len(beside))
    if lanes > 1:
        beside.sort(key=lambda task: -task.validation.minutes * task.compute)
        yield from _side_by_side(beside, replace(job, jobs=job.jobs // lanes), lanes, began)
    else:
        alone = list(tasks)
    for task in alone:
        began(task)
        yield task, done(task, job)


def _side_by_side(queue: Sequence[Task], job: Job, lanes: int, began: Callable[[Task], None]) -> Outcomes:
    left, free, busy = list(queue), [_Lane(job) for _ in range(lanes)], dict[Connection, tuple[_Lane, Task]]()
    try:
        while left or busy:
            while left and free:
                lane, task = free.pop(), left.pop(0)
                began(task)
                lane.pipe.send(task)
                busy[lane.pipe] = lane, task
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                lane, task = busy.pop(pipe)
                try:
                    outcome = pipe.recv()
                except EOFError:
                    lane.close()
                    code = lane.process.exitcode
                    outcome = Outcome("failed", f"{task.validation.id}: its process ended with exit code {code}")
                    lane = _Lane(job)
                free.append(lane)
                yield task, outcome
    finally:
        for lane in [*free, *(lane for lane, _ in busy.values())]:
            lane.close()


class _Lane:
    """A process that does the tasks that come through `pipe`, one after the other."""

    def __init__(self, job: Job) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, other = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(other, job))
        self.process.start()
        other.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.pipe.close()
        self.process.terminate()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(pipe: Connection, job: Job) -> None:
    """Do tasks until there is nobody to ask for more.  Ctrl-C is for the process that asks, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_leave_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    os.environ.setdefault("NUMBA_NUM_THREADS", str(job.jobs))  # it is not imported yet
    with blas.one_thread() if job.jobs == 1 else contextlib.nullcontext(), contextlib.suppress(EOFError):
        while True:
            pipe.send(done(pipe.recv(), job))


def _leave_with(parent: multiprocessing.process.BaseProcess | None) -> None:
    """End this process when the one that started it has ended, however it did: two would write the same files."""
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)
