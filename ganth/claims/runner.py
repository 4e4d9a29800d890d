"""Run validations: find which must be made, make them, keep the register and the report."""

import contextlib
import logging
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Sequence

from ..errors import ParameterError
from . import ledger
from .checkout import Validation
from .evidence import Evidence, sha256
from .job import PROFILES as PROFILES
from .job import Job as Job
from .lanes import Task, outcomes
from .report import write_report

# Minutes of a profile for each minute of quick, until the first validation has shown the pace of this machine.
_PACE = {"smoke": 0.1, "quick": 1.0, "paper": 20.0}
_UP_TO_DATE = ""
_REDRAW = "drawn again from its evidence"
Say = Callable[[str], None]


def run(
    chosen: Sequence[Validation], every: Sequence[Validation], job: Job, *, force: bool = False, say: Say | None = None
) -> list[str]:
    """Run the chosen validations; write `claims.json` and `index.html` from all there is.

    A validation whose evidence was made here from the same inputs is not computed again, unless `force`.  One that
    fails is reported and the others go on.

    Parameters
    ----------
    chosen, every : sequences of Validation
        Those to run, and all of the checkout.
    job : Job
    force : bool
    say : function of a line, optional
        Default: the logger "ganth".

    Returns
    -------
    list of str
        What went wrong, a line each; empty if nothing did.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after claims.json and the report hold the validations that were finished.
    """
    say = say or logging.getLogger("ganth").info
    reasons = {v.id: "forced" if force else reason_to_run(v, job, say) for v in chosen}
    tasks = [Task(v, reasons[v.id] != _REDRAW) for v in chosen if reasons[v.id] != _UP_TO_DATE]
    clock = _Clock(sum(task.validation.minutes for task in tasks if task.compute), _PACE[job.profile])
    say(
        f"validations: {len(chosen)}; profile {job.profile}; seed {job.seed}; backend {job.backend}; jobs {job.jobs}; "
        f"{clock.estimate()}; figures go to {job.out}"
    )
    for validation in chosen:
        if reasons[validation.id] == _UP_TO_DATE:
            say(f"{clock.bar()} {validation.id}: up to date")
    problems: list[str] = []

    def began(task: Task) -> None:
        validation = task.validation
        say(f"{clock.bar()} {validation.id}: {validation.title} ({reasons[validation.id]})")

    try:
        with contextlib.closing(outcomes(tasks, job, began)) as told:
            for task, outcome in told:
                say(f"{'':19}{task.validation.id}: {outcome.line}")
                if outcome.problem:
                    problems.append(outcome.problem)
                    say(outcome.trace or outcome.problem)
                if task.compute:
                    clock.done(task.validation.minutes)
        say(f"{clock.bar()} done")
    finally:
        problems += finish(every, job.out)
    return problems


def finish(every: Iterable[Validation], out: pathlib.Path) -> list[str]:
    """Write `claims.json` and `index.html` from the evidence in `out`; return what is wrong with it, a line each."""
    every = list(every)
    evidence, problems = ledger.gather(every, out)
    ledger.save(ledger.records(evidence), out)
    write_report(every, evidence, out)
    return problems


def reason_to_run(validation: Validation, job: Job, say: Say) -> str:
    """Return why a validation must be computed, or drawn again from its evidence; "" if its figure is up to date.

    A damaged or foreign file is set aside as `<stem>.json.damaged`.
    """
    path = job.out / f"{validation.id}.json"
    try:
        evidence = Evidence.load(path)
        if evidence.id != validation.id:
            raise ParameterError(f"{path} is evidence of {evidence.id}")
    except FileNotFoundError:
        return "new"
    except ParameterError as error:
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        say(f"{error}; set aside as {aside.name}")
        return "its evidence was damaged"
    for name in ("profile", "seed", "backend"):
        if getattr(evidence, name) != getattr(job, name):
            return f"another {name}"
    if evidence.inputs_hash != job.inputs_hash(validation):
        return "its sources have changed"
    stamp = job.stamp_file(validation)
    if not stamp.is_file() or stamp.read_text().split()[0] != sha256(path):
        return "its evidence was not made here"
    if lost := evidence.missing(path.parent):
        return f"{lost} is missing or was changed"
    drawn = path.with_suffix(".png").is_file() and stamp.read_text() == job.stamp(validation)
    return _UP_TO_DATE if drawn else _REDRAW


class _Clock:
    """How far a run is, and how long the rest will take at the pace seen so far; time is planned in quick minutes."""

    def __init__(self, minutes: float, pace: float) -> None:
        self.planned, self.pace, self.finished = minutes, pace, 0.0
        self.began = time.monotonic()

    def done(self, minutes: float) -> None:
        self.finished += minutes
        if self.finished > 0:
            self.pace = (time.monotonic() - self.began) / 60 / self.finished

    def seconds_left(self) -> int:
        return round(max(0.0, self.planned - self.finished) * self.pace * 60)

    def bar(self) -> str:
        share = self.finished / self.planned if self.planned > 0 else 1.0
        minutes, seconds = divmod(self.seconds_left(), 60)
        return f"[{'#' * round(10 * min(share, 1.0)):.<10}] {minutes}:{seconds:02d} left"

    def estimate(self) -> str:
        minutes = self.seconds_left() / 60
        return (
            f"about {minutes:.0f} min on two cores"
            if minutes > 1.5
            else "a minute or so"
            if minutes > 0.5
            else "seconds"
        )
