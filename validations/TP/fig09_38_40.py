"""TP Figs. 9 and 38 to 40, app. G.8: does the Fréchet distance surge when the metric does?

Takes the trainings that the figures of image training share.  For every trial: the rank correlation of both courses,
the lag at which their steps correlate most, and whether a surge of one meets a surge of the other within three epochs.
Writes fig09_38_40.json, fig09_38_40.png.
"""

import math

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.studies import RULES, early_stops, surges

TITLE = "The metric beside the Fréchet distance: correlation, lag, surges"
CAPTION = (
    "Left: metric (lines) and Fréchet distance in the classifier's features (dotted) of all trials. Middle: rank "
    "correlation of their steps at each lag, thin: trials, thick: mean; right of 0 the distance follows. Right: rank "
    "correlation of the courses, trials (dots) and mean with its 95 % interval. Quick: 28x28, 2,000 images or 200, "
    "features of a small classifier; the source: 64x64, features of another network."
)
CLAIMS = ("TP-Fig9-38-40-fid",)
GROUP = "TP-images"
MINUTES = 0.1

MOST, NEAR, SOME = 10, 3, 3
DATA = ("mnist", "fashion-mnist", "cifar-10")
COLOURS = ("blue", "orange", "purple", "green")


def compute(profile, seed, backend, jobs):
    found = {"settings": {"dtype": "float32", "rows": [], "lags": list(range(-MOST, MOST + 1))}}
    for data in DATA:
        one = early_stops(profile, data, seed=seed, jobs=jobs, backend=backend)
        if "missing" in one:
            found[f"missing_{data}"] = one["missing"]
            continue
        for name in one["settings"]["studies"]:
            row = f"{data}_{name}"
            metric, frechet = one[f"{name}_metric"], one[f"{name}_frechet"]
            up, high = surges(one, name)
            found["settings"]["rows"].append(row)
            found |= {
                f"{row}_metric": metric, f"{row}_frechet": frechet, f"{row}_surges": np.stack([up, high]),
                f"{row}_stops": one[f"{name}_stops"], f"{row}_limits": one["limits"],
                f"{row}_levels": np.array([rank(q, f, 0, steps=False) for q, f in zip(metric, frechet, strict=True)]),
                f"{row}_lags": np.array([
                    [rank(q, f, lag, steps=True) for lag in range(-MOST, MOST + 1)]
                    for q, f in zip(metric, frechet, strict=True)
                ]),
            }  # fmt: skip
    return found


def rank(metric, frechet, lag, *, steps):
    """Return the rank correlation of the logarithms, or of their steps, the distance `lag` epochs after the metric.

    0 where there are too few epochs, or one of them never changes.
    """
    from scipy.stats import rankdata

    whole = np.isfinite(metric) & np.isfinite(frechet)
    x, y = (np.log(np.maximum(line[whole][1:], 1e-300)) for line in (metric, frechet))
    if steps:
        x, y = np.diff(x), np.diff(y)
    x, y = (x[: len(x) - lag], y[lag:]) if lag >= 0 else (x[-lag:], y[:lag])
    if len(x) < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def interval(values):
    """Return the mean of correlations and its 95 % interval, by Fisher's z and Student's t over trials."""
    from scipy.stats import t

    z = np.arctanh(np.clip(values, -0.999999, 0.999999))
    half = t.ppf(0.975, len(z) - 1) * z.std(ddof=1) / math.sqrt(len(z)) if len(z) > 1 else math.inf
    return [float(np.tanh(v)) for v in (z.mean(), z.mean() - half, z.mean() + half)]


def met(result, row):
    """Return how many trials surge in the metric or cross the printed threshold, and in how many the distance joins."""
    up, high = np.asarray(result[f"{row}_surges"])
    stop = np.asarray(result[f"{row}_stops"])[RULES.index("printed")]
    moments = [[e for e in (a, b) if e > 0] for a, b in zip(up, stop, strict=True)]
    joined = [any(abs(e - h) <= NEAR for e in some) and h > 0 for some, h in zip(moments, high, strict=True)]
    return sum(map(bool, moments)), sum(joined)


def check(result):
    rows = result["settings"]["rows"]
    levels = [interval(np.asarray(result[f"{row}_levels"])) for row in rows]
    lags = np.array(result["settings"]["lags"])
    lead, now = [], []
    for row in rows:
        by_trial = np.asarray(result[f"{row}_lags"])
        lead.append(float(np.median(lags[by_trial.argmax(axis=1)])))
        now.append(interval(by_trial[:, MOST]))
    counts = [met(result, row) for row in rows]
    surged, joined = (sum(column) for column in zip(*counts, strict=True))
    apart = all(low_high[2] < 0.5 for low_high in [*levels, *now])
    if surged >= SOME:
        word = "reproduced" if joined > surged / 2 else "not-reproduced"
    else:
        word = "not-reproduced" if apart else "open"
    gone = "; ".join(result[f"missing_{data}"] for data in DATA if f"missing_{data}" in result)
    return [
        Verdict(
            "TP-Fig9-38-40-fid", word,
            [surged, joined, *(v for one in levels for v in one), *(v for one in now for v in one), *lead],
            [None, surged, *([1.0] * (6 * len(rows))), *([0.0] * len(rows))], None,
            "trials whose metric surges (thrice the median of the ten epochs before) or crosses the printed threshold; "
            f"of these, trials in which the Fréchet distance surges within {NEAR} epochs; for {', '.join(rows)}: rank "
            "correlation of the courses (mean over trials, 95 % interval), then of their steps in the same epoch, then "
            f"the median lag of the highest correlation of steps. With fewer than {SOME} surges it is not reproduced "
            f"if all intervals end below 0.5, else open{'; ' if gone else ''}{gone}",
        )
    ]  # fmt: skip


def draw(result, fig):
    rows, palette = result["settings"]["rows"], ganth.plotting.PALETTE
    fig.set_size_inches(11.0, 2.7 * len(rows))
    grid = fig.subplots(len(rows), 3, squeeze=False, width_ratios=(1.5, 1.2, 0.7))
    for (ax, middle, right), row, color in zip(grid, rows, COLOURS * 3, strict=False):
        ganth.plotting.course(ax, result[f"{row}_metric"], color=color, stops=np.asarray(result[f"{row}_stops"])[0])
        for line in np.asarray(result[f"{row}_frechet"], float):
            ax.plot(np.arange(1, len(line)), line[1:], ":", color="0.3", lw=1.0)
        ax.set(yscale="log", title=f"{row.replace('_', ', ')}: metric (lines), Fréchet (dotted)")
        lags, by_trial = result["settings"]["lags"], np.asarray(result[f"{row}_lags"], float)
        middle.plot(lags, by_trial.T, color="0.75", lw=0.8)
        middle.plot(lags, by_trial.mean(axis=0), color=palette[color], lw=2)
        middle.axvline(0, color="black", lw=0.6)
        middle.set(xlabel="lag of the distance, epochs", title="steps: rank correlation", ylim=(-1, 1))
        values = np.asarray(result[f"{row}_levels"], float)
        mean, low, high = interval(values)
        right.plot(np.linspace(-0.2, 0.2, len(values)), values, "o", color=palette[color])
        right.errorbar([0.6], [mean], [[mean - low], [high - mean]], fmt="s", color="black", capsize=4)
        right.set(xlim=(-0.5, 1), ylim=(-1.05, 1.05), xticks=(0, 0.6), title="courses: rank correlation")
        right.set_xticklabels(("trials", "mean"))
