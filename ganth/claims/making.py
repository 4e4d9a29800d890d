"""One validation made: computed, its evidence written, decided and drawn from that alone, and put in place."""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace

from .. import __version__
from ..errors import ParameterError
from ..files import write_atomically
from ..sweeps.workers import shared
from .checkout import Validation
from .digits import with_few_digits
from .evidence import Evidence, store
from .gpu import agreement, computed
from .index import registry
from .job import Job
from .verdicts import OF_FIGURES, Verdict

_PACKAGES = ("numpy", "numba", "scipy", "matplotlib", "sympy", "joblib", "pot")


def versions() -> dict[str, str]:
    """Return the versions of Python, ganth and the packages that results depend on."""
    found = {"python": platform.python_version(), "ganth": __version__}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def make(validation: Validation, job: Job) -> Evidence:
    """Run one validation; put its evidence and figure in place together, when all of it has succeeded.

    Raises `ParameterError` for a result that cannot be stored and for verdicts that are not those it lists.
    """
    evidence = _decide(validation, job)
    draw(validation, job.work_folder(validation))
    _put_in_place(validation, job)
    return evidence


def redraw(validation: Validation, job: Job) -> None:
    """Draw a figure again from the evidence that is in place."""
    draw(validation, job.out / validation.source)
    write_atomically(job.stamp_file(validation), job.stamp(validation).encode())


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


def _decide(validation: Validation, job: Job) -> Evidence:
    """Compute, write the evidence, and decide by what was written."""
    work, name = job.work_folder(validation), validation.path.stem
    shutil.rmtree(work, ignore_errors=True)  # what a killed run left
    work.mkdir(parents=True)
    module = validation.load()
    began = time.perf_counter()
    with shared(module.compute):
        result, gpu = computed(module, job)
        seconds = time.perf_counter() - began
        if gpu is not None and gpu["launches"]:
            gpu["agreement"] = agreement(module, job)
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
        gpu=gpu,
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
    work, name, place = job.work_folder(validation), validation.path.stem, job.out / validation.source
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
