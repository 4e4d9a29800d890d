"""Run validations: compute, write the evidence, read it back, decide and draw from that alone."""

import contextlib
import functools
import hashlib
import importlib.metadata
import logging
import os
import pathlib
import platform
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from .. import __version__
from ..errors import ParameterError
from ..files import data_places, write_atomically
from ..sweeps.workers import shared
from . import ledger
from .checkout import Validation
from .digits import with_few_digits
from .drawing import draw, drawing
from .evidence import Evidence, sha256, store
from .index import registry
from .report import write_report
from .verdicts import OF_FIGURES, Verdict

PROFILES = ("smoke", "quick", "paper")
_PACKAGES = ("numpy", "numba", "scipy", "matplotlib", "sympy", "joblib", "pot")
_GANTH = pathlib.Path(__file__).resolve().parents[1]
_NO_INPUT = ("claims", "plotting", "cli.py", "cli_train.py", "__main__.py")
# Minutes of a profile for each minute of quick, until the first validation has shown the pace of this machine.
_PACE = {"smoke": 0.1, "quick": 1.0, "paper": 20.0}
_READS_DATA = "TP-images"  # the group that takes the image data sets whose files it finds
_DATA = ("*-ubyte*", "*_batch*")  # names of these files
_UP_TO_DATE = ""
_REDRAW = "drawn again from its evidence"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """How validations are run: profile, seed, backend, processes or threads, and the folder of the figures."""

    out: pathlib.Path
    profile: str = "quick"
    seed: int = 0
    backend: str = "cpu"
    jobs: int = 1

    def inputs_hash(self, validation: Validation) -> str:
        """Return a hash of all that the result depends on: the file, ganth's sources, profile, seed, backend."""
        digest = hashlib.sha256(validation.path.read_bytes())
        digest.update(f"{_hash_of_sources()} {self.profile} {self.seed} {self.backend}".encode())
        if validation.group == _READS_DATA:
            digest.update(_files_of_data().encode())
        return digest.hexdigest()

    def stamp(self, validation: Validation) -> str:
        """Return what tells figures made here, as they are now, from files that were edited or came with a clone."""
        files = [self.out / f"{validation.id}{suffix}" for suffix in (".json", ".png", ".gif")]
        made = (sha256(file) for file in files if file.suffix != ".gif" or file.is_file())
        return " ".join((*made, _hash_of_plotting()))

    def stamp_file(self, validation: Validation) -> pathlib.Path:
        """Return where the stamp of a validation is kept."""
        return self.out / ".partial" / f"{validation.id}.made"


def _hash_of(paths: Iterable[pathlib.Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(_GANTH).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _hash_of_sources() -> str:
    return _hash_of(path for path in _GANTH.rglob("*.py") if path.relative_to(_GANTH).parts[0] not in _NO_INPUT)


@functools.cache
def _hash_of_plotting() -> str:
    return _hash_of((_GANTH / "plotting").rglob("*.py"))


def _files_of_data() -> str:
    """Return names and sizes of the files where data sets lie: what waits for them is run again once they are there."""
    depths = ("", "*/", "*/*/")
    found = {path for place in data_places() for depth in depths for name in _DATA for path in place.glob(depth + name)}
    return " ".join(f"{path}:{path.stat().st_size}" for path in sorted(found) if path.is_file())


def versions() -> dict[str, str]:
    """Return the versions of Python, ganth and the packages that results depend on."""
    found = {"python": platform.python_version(), "ganth": __version__}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def run(
    chosen: Sequence[Validation], every: Sequence[Validation], job: Job, *, force: bool = False, say: Say | None = None
) -> list[str]:
    """Run the chosen validations one after another; write `claims.json` and `index.html` from all there is.

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
    plan = [(validation, "forced" if force else reason_to_run(validation, job, say)) for validation in chosen]
    clock = _Clock(sum(v.minutes for v, why in plan if why not in (_UP_TO_DATE, _REDRAW)), _PACE[job.profile])
    say(
        f"validations: {len(plan)}; profile {job.profile}; seed {job.seed}; backend {job.backend}; jobs {job.jobs}; "
        f"{clock.estimate()}; figures go to {job.out}"
    )
    problems: list[str] = []

    def failed(validation: Validation, error: BaseException) -> None:
        problems.append(f"{validation.id}: {type(error).__name__}: {error}")
        say("".join(traceback.format_exception(error)).rstrip())

    def drawn(validation: Validation, error: BaseException | None) -> None:
        try:
            if error is not None:
                raise error
            _put_in_place(validation, job)
        except Exception as problem:
            failed(validation, problem)

    try:
        with drawing(drawn, aside=job.jobs > 1 and len(plan) > 1) as figures:
            for validation, why in plan:
                say(f"{clock.bar()} {validation.id}: {f'{validation.title} ({why})' if why else 'up to date'}")
                began = time.monotonic()
                try:
                    if why == _REDRAW:
                        redraw(validation, job)
                    elif why:
                        say(f"{'':19}{_outcome(_decide(validation, job))}")
                        figures.submit(validation, _work(validation, job))
                except Exception as error:
                    failed(validation, error)
                if why not in (_UP_TO_DATE, _REDRAW):
                    clock.done(validation.minutes, time.monotonic() - began)
        say(f"{clock.bar()} done")
    finally:
        problems += finish(every, job.out)
    return problems


def _outcome(evidence: Evidence) -> str:
    words = [verdict.verdict for verdict in evidence.verdicts]
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return f"{evidence.seconds:.1f} s; {counts or 'decides no claim'}"


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


def redraw(validation: Validation, job: Job) -> None:
    """Draw a figure again from the evidence that is in place."""
    draw(validation, job.out / validation.source)
    write_atomically(job.stamp_file(validation), job.stamp(validation).encode())


def run_one(validation: Validation, job: Job) -> Evidence:
    """Run one validation; put its evidence and figure in place together, when all of it has succeeded.

    Raises `ParameterError` for a result that cannot be stored and for verdicts that are not those it lists.
    """
    evidence = _decide(validation, job)
    draw(validation, _work(validation, job))
    _put_in_place(validation, job)
    return evidence


def _work(validation: Validation, job: Job) -> pathlib.Path:
    """Return the folder of what is not yet complete."""
    return job.out / ".partial" / validation.id


def _decide(validation: Validation, job: Job) -> Evidence:
    """Compute, write the evidence, and decide by what was written."""
    work, name = _work(validation, job), validation.path.stem
    shutil.rmtree(work, ignore_errors=True)  # what a killed run left
    work.mkdir(parents=True)
    module = validation.load()
    began = time.perf_counter()
    with shared(module.compute):
        result = dict(module.compute(job.profile, job.seed, job.backend, job.jobs))
    seconds = time.perf_counter() - began
    settings = dict(result.pop("settings", {}))
    measured, arrays = store(result, work, name)
    path = work / f"{name}.json"
    Evidence(
        id=validation.id,
        source=validation.source,
        profile=job.profile,
        seed=job.seed,
        backend=job.backend,
        dtype=str(settings.get("dtype", "float64")),
        settings=settings,
        measured=measured,
        arrays=arrays,
        verdicts=(),
        seconds=round(seconds, 1),
        versions=versions(),
        inputs_hash=job.inputs_hash(validation),
    ).save(path)
    evidence = Evidence.load(path)

    def decide(known: Evidence) -> tuple[Verdict, ...]:
        return _decided(validation, module.check(known.result(work)))

    evidence = with_few_digits(evidence, decide)
    evidence = replace(evidence, verdicts=decide(evidence))
    evidence.save(path)
    return evidence


def _put_in_place(validation: Validation, job: Job) -> None:
    """Move evidence and figure, which are complete, to where they belong."""
    work, name, place = _work(validation, job), validation.path.stem, job.out / validation.source
    files = {file for file, _, _ in Evidence.load(work / f"{name}.json").arrays.values()}
    place.mkdir(exist_ok=True)
    if (work / f"{name}.gif").exists():
        files.add(f"{name}.gif")
    for old in (f"{name}.npz", f"{name}.gif"):  # of a validation that no longer makes one
        if old not in files:
            (place / old).unlink(missing_ok=True)
    for file in (*sorted(files), f"{name}.png", f"{name}.json"):  # the evidence last
        os.replace(work / file, place / file)
    work.rmdir()
    write_atomically(job.stamp_file(validation), job.stamp(validation).encode())


def _decided(validation: Validation, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    kinds = {claim.id: claim.kind for claim in registry()}
    seen = [verdict.claim for verdict in verdicts]
    for verdict in verdicts:
        if verdict.claim not in kinds:
            raise ParameterError(f"{verdict.claim} is no registered claim")
        if verdict.claim not in validation.claims:
            raise ParameterError(f"{verdict.claim} is decided but not listed in CLAIMS")
        if verdict.verdict in OF_FIGURES and kinds[verdict.claim] != "figure":
            raise ParameterError(f"{verdict.claim} is a {kinds[verdict.claim]}: {verdict.verdict} is for figures")
        if seen.count(verdict.claim) > 1:
            raise ParameterError(f"{verdict.claim} is decided twice")
    if open_ := [claim for claim in validation.claims if claim not in seen]:
        raise ParameterError(f"{', '.join(open_)} listed in CLAIMS but not decided")
    return tuple(sorted(verdicts, key=lambda verdict: validation.claims.index(verdict.claim)))


class _Clock:
    """How far a run is, and how long the rest will take at the pace seen so far; time is planned in quick minutes."""

    def __init__(self, minutes: float, pace: float) -> None:
        self.planned, self.pace = minutes, pace
        self.finished = self.spent = 0.0

    def done(self, minutes: float, seconds: float) -> None:
        self.finished += minutes
        self.spent += seconds / 60
        if self.finished > 0:
            self.pace = self.spent / self.finished

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
