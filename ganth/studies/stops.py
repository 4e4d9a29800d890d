"""The early stop in the trainings of a study: all that the figures of one data set show, and what is decided by it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..errors import DataUnavailableError
from ..games import Training
from ..targets.places import DATA_SETS
from .courses import RULES, first_above, gathered, limits, surge
from .plans import three_phases

TRIALS = {"smoke": 2, "quick": 4, "paper": 4}
WARMUPS = {"mnist": 20, "fashion-mnist": 50, "cifar-10": 50}  # app. F.2, epochs
_SHOWN, _NEAR = 9, 10
_ROUGH, _EMPTY, _ONE, _GOOD = 1.5, 1e-2, 0.9, 0.5
PARTS = ("good", "rises", "crosses", "drops", "noisy", "few")
WORDS = {True: "reproduced", False: "not-reproduced", None: "open"}  # verdicts on an `account`


def early_stops(profile: str, data: str, *, seed: int = 0, jobs: int = 1, backend: str = "cpu") -> dict[str, Any]:
    """Train the studies of a profile and return what the early stop does in them, as arrays for evidence.

    Parameters
    ----------
    profile : {"smoke", "quick", "paper"}
    data : {"mnist", "fashion-mnist", "cifar-10"}
    seed : int in [0, 2**64)
    jobs : int >= 1
    backend : {"cpu", "cuda", "auto"}
        Of the trainings; see `ImageStudy.train`.

    Returns
    -------
    dict
        "settings"; "units", see `ImageStudy.units`, and "limits", by rule; "real_NAME", see `ImageStudy.trial`; and for
        each study, NAME before the underscore: "NAME_metric", "NAME_frechet", "NAME_coverage", "NAME_largest",
        "NAME_roughness", "NAME_mixed", "NAME_recall" (trials, records), "NAME_stops" (rules, trials), and the images
        "NAME_images" (trials, columns, 9, height, width, channels) uint8 of the epochs "NAME_epochs" (trials, columns),
        in the order of time: start, best Fréchet distance before the stop by the printed rule, the stop, ten epochs
        on, end; without a stop the last three are at three quarters, nine tenths and the end.  Where the files of the
        data are nowhere it has "missing" alone, which says so.
    """
    studies = three_phases(profile, data)
    first = next(iter(studies.values()))
    try:
        units, warmup = first.units(), min(WARMUPS[data], first.epochs // 2)
    except DataUnavailableError:
        return {"missing": missing(data)}
    found: dict[str, Any] = {
        "settings": {
            "data": first.data, "size": first.size, "images": len(first.images()),
            "epochs": {name: study.epochs for name, study in studies.items()},
            "batch": first.batch, "width": first.width, "warmup": warmup, "trials": TRIALS[profile],
            "steps_per_epoch": first.game().steps_per_epoch, "dtype": "float32", "studies": list(studies),
            "rates": {name: [study.lr_disc, study.lr_gen] for name, study in studies.items()},
            "given": {name: len(study.game().images) for name, study in studies.items()},
        },
        "units": list(units.values()),
        "limits": list(limits(units).values()),
        **{f"real_{key}": float(value) for key, value in first.trial().items() if np.ndim(value) == 0},
    }  # fmt: skip
    for name, study in studies.items():
        trainings = study.train(TRIALS[profile], seed=seed, jobs=jobs, backend=backend)
        course = gathered(trainings)
        stops = np.array([first_above(course["metric"], limit, warmup) for limit in found["limits"]])
        kept = ("metric", "frechet", "coverage", "largest", "roughness", "mixed", "recall", "loss_disc")
        found |= {f"{name}_{key}": course[key] for key in kept}
        shown = [
            _shown(one, row, int(stop)) for one, row, stop in zip(trainings, course["frechet"], stops[0], strict=True)
        ]
        found |= {
            f"{name}_stops": stops,
            f"{name}_epochs": np.array([epochs for epochs, _ in shown]),
            f"{name}_images": np.stack([images for _, images in shown]),
        }
    return found


def decide(result: dict[str, Any], name: str, *, few: int = 1, rule: str = RULES[0]) -> dict[str, NDArray[np.bool_]]:
    """Return which trials of a study show which part of TP's account of the early stop.

    Parameters
    ----------
    result : dict
        Of `early_stops`.
    name : str
        Of the study.
    few : int >= 0
        Classes that "one mode", or "few modes", may leave.
    rule : {"printed", "divided once", "scale-invariant"}

    Returns
    -------
    dict of (trials,) bool arrays
        "good": the Fréchet distance falls below half of what it is after epoch 1 before the stop (or the end);
        "rises": the metric's median over the quarter before the stop is above its median over the first five epochs;
        "crosses": there is a stop; "drops": later the metric falls below a hundredth of the limit; "noisy": within ten
        epochs of the stop images are 1.5 times as rough as at the stop; "few": in the last tenth of the epochs at most
        `few` classes are covered, or one holds nine tenths, after more were.
    """
    checks.choice("rule", rule, RULES)
    get = {
        key: np.asarray(result[f"{name}_{key}"], float)
        for key in ("metric", "frechet", "coverage", "largest", "roughness")
    }
    stops, limit = np.asarray(result[f"{name}_stops"])[RULES.index(rule)], result["limits"][RULES.index(rule)]
    parts: dict[str, list[bool]] = {part: [] for part in PARTS}
    for k, stop in enumerate(stops):
        q, fid, cover, top, rough = (get[key][k] for key in get)
        length = int(np.isfinite(q).sum())
        until = int(stop) if stop > 0 else length - 1
        tail = slice(max(1, length - max(1, length // 10)), length)
        parts["good"].append(bool(np.nanmin(fid[1 : until + 1]) < _GOOD * fid[1]))
        parts["rises"].append(bool(np.median(q[until - until // 4 : until + 1]) > np.median(q[1:6])))
        parts["crosses"].append(bool(stop > 0))
        parts["drops"].append(bool(stop > 0 and q[until:length].min() < _EMPTY * limit))
        near = rough[until : min(length, until + _NEAR + 1)]
        parts["noisy"].append(bool(stop > 0 and near.max() > _ROUGH * rough[until]))
        last, most = np.median(cover[tail]), np.median(top[tail])
        before = cover[1 : tail.start] if tail.start > 1 else cover[1:]
        parts["few"].append(bool((last <= few or most >= _ONE) and before.max(initial=0) > max(few, last)))
    return {part: np.array(values) for part, values in parts.items()}


def account(result: dict[str, Any], *, few: int = 1) -> tuple[bool | None, list[float] | None, str]:
    """Return whether TP's account of the early stop is seen, the numbers that decide, and what these are.

    Parameters
    ----------
    result : dict
        Of `early_stops`.
    few : int >= 0
        See `decide`.

    Returns
    -------
    (seen, numbers, how)
        Seen: in one study more than half of the trials show all of `PARTS` by the printed rule; None, as numbers are,
        where files are missing (`WORDS` has the verdicts).  Numbers: for each study the shares of trials that show each
        part, then the share that crosses the other two thresholds.
    """
    if "missing" in result:
        return None, None, result["missing"]
    names, seen = result["settings"]["studies"], False
    numbers: list[float] = []
    for name in names:
        parts = decide(result, name, few=few)
        seen |= bool(np.logical_and.reduce(list(parts.values())).mean() > 0.5)
        numbers += [float(values.mean()) for values in parts.values()]
        numbers += [float((np.asarray(result[f"{name}_stops"])[k] > 0).mean()) for k in (1, 2)]
    how = (
        f"share of trials, for {' and '.join(names)}, in which: the Fréchet distance halves before the stop; the "
        "metric rises; it crosses the printed threshold after the warm-up; it falls below a hundredth of that later; "
        f"images become 1.5 times as rough within {_NEAR} epochs; {few} or fewer classes are left at the end, or nine "
        "tenths of the images are of one; and that cross the threshold of a variance divided once, and the "
        "scale-invariant one"
    )
    return seen, numbers, how


def missing(data: str) -> str:
    """Return what to say of a data set whose files are nowhere.

    Parameters
    ----------
    data : {"fashion-mnist", "cifar-10"}

    Examples
    --------
    >>> missing("cifar-10")
    'the files of cifar-10 (cifar-10-binary.tar.gz, unpacked) are not here: see ganth.targets.images.load'
    """
    names = [name for name in DATA_SETS[data].md5 if not name.startswith("t10k")]
    packed = ", unpacked" if names[0].endswith(".tar.gz") else ""
    return f"the files of {data} ({', '.join(names)}{packed}) are not here: see ganth.targets.images.load"


def surges(result: dict[str, Any], name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the epochs of the first surge of the metric and of the Fréchet distance, (trials,) each; see `surge`.

    Parameters
    ----------
    result : dict
        Of `early_stops`.
    name : str
        Of the study.
    """
    return surge(result[f"{name}_metric"]), surge(result[f"{name}_frechet"])


def _shown(training: Training, frechet: NDArray[Any], stop: int) -> tuple[list[int], NDArray[np.uint8]]:
    """Return the kept epochs nearest to those that a figure shows, and images of them, of the same latents."""
    end = int(training.epochs[-1])
    until = stop if stop > 0 else end
    best = int(np.nanargmin(frechet[: until + 1]))
    wanted = [0, best, *((stop, min(end, stop + _NEAR)) if stop > 0 else (3 * end // 4, 9 * end // 10)), end]
    places = [int(np.abs(training.kept - epoch).argmin()) for epoch in sorted(wanted)]
    images = training.samples[places, :_SHOWN]
    return training.kept[places].tolist(), np.clip(127.5 * (images + 1) + 0.5, 0, 255).astype(np.uint8)
