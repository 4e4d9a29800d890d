"""What of a validation ran on a GPU, and how near it is to what the CPU computes."""

from types import ModuleType
from typing import Any

import numpy as np

from .job import Job

_ALIKE = 1e-6  # relative: numbers of one game in another order of sums


def computed(module: ModuleType, job: Job) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the result of a validation and, for ``backend="cuda"``, what ran on the GPU.

    It is asked for "auto": what has CUDA loops takes them, the rest of a validation is the CPU's.
    """
    if job.backend != "cuda":
        return dict(module.compute(job.profile, job.seed, job.backend, job.jobs)), None
    from .. import device

    before = device.launches()
    result = dict(module.compute(job.profile, job.seed, "auto", job.jobs))
    return result, {"device": device.name(), "launches": device.launches() - before}


def agreement(module: ModuleType, job: Job) -> dict[str, Any]:
    """Compare the smoke profile of a validation on both: numbers by name, relative to the largest of each name.

    Runs of chaotic games part sooner or later, so that a large difference is no error by itself.
    """
    on_cpu, on_gpu = (module.compute("smoke", job.seed, backend, job.jobs) for backend in ("cpu", "auto"))
    apart = {}
    for name, value in on_cpu.items():
        here, there = np.asarray(value), np.asarray(on_gpu.get(name))
        if name == "settings" or here.dtype.kind not in "biuf" or there.dtype.kind not in "biuf":
            continue
        apart[name] = _apart(here.astype(np.float64), there.astype(np.float64))
    worst = max(apart, key=lambda name: apart[name], default=None)
    return {
        "profile": "smoke",
        "names": len(apart),
        "alike": sum(value <= _ALIKE for value in apart.values()),
        "bound": _ALIKE,
        "farthest": worst,
        "by": None if worst is None else apart[worst],
    }


def _apart(here: Any, there: Any) -> float:
    """Return how far numbers are apart, over the largest; inf where shapes or what is not finite differ."""
    if here.shape != there.shape:
        return float("inf")
    lost = ~np.isfinite(here)
    if not np.array_equal(here[lost], there[lost], equal_nan=True) or not np.isfinite(there[~lost]).all():
        return float("inf")
    largest = np.abs(here[~lost]).max(initial=0.0)
    return float(np.abs(here - there)[~lost].max(initial=0.0) / (largest or 1.0))
