"""TS section 10 and A.4: precision and recall, by balls of one radius, by k nearest neighbours, and as curves.

Generators that keep k of eight modes; both numbers by radius; one outlying fake; the early stop by recall.
Writes recall.json, recall.png.
"""

import numpy as np
from scipy.spatial.distance import cdist

import ganth
from ganth import metrics
from ganth.claims import Verdict
from ganth.stopping import RecallStopping
from ganth.targets import GaussianMixture

TITLE = "Precision, recall, coverage: what falls when modes are dropped"
CAPTION = (
    "(a) A ring of eight modes, a generator on k of them: precision and recall (5 nearest neighbours), density and "
    "coverage. (b) "
    "Precision and recall by the radius τ of all balls, half of the modes kept: both grow, there is no trade-off. "
    "(c) PRD curves "
    "of class shares: these are curves. (d) One mode kept: adding fakes far out one by one takes recall by balls to 1, "
    "coverage stays. (e) Recall of a generator that loses its modes one after another, and where the early stop "
    "would halt and "
    "which state it would keep."
)
CLAIMS = ("TS-S10-prd", "TS-A4-pr-formulas", "TS-A4-pr-curve", "TS-New-outlier")
MINUTES = 0.03

COUNT = {"smoke": 160, "quick": 800, "paper": 8000}
NEAREST = 5
RADII = np.geomspace(0.01, 6, 40)
FAR = 200.0
EDGE = np.array([2.9, 0.0])  # where a collapsed generator sits: just outside one mode
EPOCHS = 24


def kept(modes, count, seed, step=0):
    """Return samples of the ring's first modes."""
    ring = GaussianMixture.ring(8, 2.0, 0.02)
    part = GaussianMixture(ring.means[:modes], 0.02)
    return part.sample(count, seed, step=step)


def by_radius(real, fake):
    """Return precision and recall by the radius of all balls, and by plain loops for three of them, as a check."""
    gaps = cdist(fake, real)
    nearest_real, nearest_fake = gaps.min(axis=1), gaps.min(axis=0)
    rows = np.array([[(nearest_real <= t).mean(), (nearest_fake <= t).mean()] for t in RADII])
    loops = []
    for t in RADII[[10, 20, 30]]:
        inside = sum(any(np.hypot(*(v - u)) <= t for u in real) for v in fake[:40])
        loops.append(inside / 40 - (nearest_real[:40] <= t).mean())
    return rows, np.array(loops)


def compute(profile, seed, backend, jobs):
    count = COUNT[profile]
    real = kept(8, count, seed)
    table = []
    for modes in range(1, 9):
        fake = kept(modes, count, seed, step=modes)
        table.append(
            [
                *metrics.precision_recall(real, fake, NEAREST, backend=backend),
                *metrics.density_coverage(real, fake, NEAREST, backend=backend),
            ]
        )
    half = kept(4, count, seed, step=20)
    rows, loops = by_radius(real[: min(count, 400)], half[: min(count, 400)])
    curves = [metrics.prd(np.full(8, 1 / 8), (np.arange(8) < m) / m, 101) for m in (2, 4, 8)]
    fake, outliers = kept(1, count, seed, step=30), []
    far = -FAR * np.column_stack([np.cos(np.arange(8) * 0.1), np.sin(np.arange(8) * 0.1)])
    for extra in range(9):
        points = np.concatenate([fake, far[:extra]])
        outliers.append(
            [
                metrics.precision_recall(real, points, 3, backend=backend)[1],
                metrics.density_coverage(real, points, 3, backend=backend)[1],
            ]
        )
    edge = EDGE + 0.01 * (fake - fake.mean(axis=0))
    both = [edge, np.concatenate([edge, far[:1]])]
    single = [metrics.precision_recall(real, points, 1, backend=backend)[1] for points in both]
    steady = [metrics.density_coverage(real, points, 1, backend=backend)[1] for points in both]
    stop, course = RecallStopping(patience=3, drop=0.1), []
    for epoch in range(EPOCHS):
        modes = int(np.clip(min(2 + epoch, 8 - (epoch - 10) // 2), 1, 8))
        fake_now = kept(modes, count, seed, step=40 + epoch)
        course.append(metrics.precision_recall(real, fake_now, NEAREST, backend=backend)[1])
        stop.observe(course[-1])
    return {
        "settings": {"count": count, "nearest": NEAREST, "radii": RADII.tolist()},
        "table": np.array(table),
        "radii": rows,
        "loops": loops,
        "curves": np.array(curves),
        "outliers": np.array(outliers),
        "single": single,
        "steady": steady,
        "course": np.array(course),
        "stop": [stop.best_at or 0, stop.stopped_at or 0],
    }


def check(result):
    table, radii, loops, curves, outliers = (
        np.asarray(result[k], dtype=float) for k in ("table", "radii", "loops", "curves", "outliers")
    )
    share = np.arange(1, 9) / 8
    single, steady = ([float(v) for v in result[k]] for k in ("single", "steady"))
    recalled = float(np.abs(table[:, 1] - share).max())
    growing = bool((np.diff(radii, axis=0) >= 0).all())
    ends = [float(curves[1][1].max()), float(curves[1][0].max())]
    return [
        Verdict(
            "TS-S10-prd",
            "holds" if table[:, 0].min() > 0.9 and recalled < 0.12 and (np.diff(table[:, 1]) > 0).all() else "open",
            [float(table[:, 0].min()), table[:, 1].tolist()],
            ["> 0.9", share.tolist()],
            [None, 0.12],
            "least precision, and recall, of generators that keep 1 to 8 of eight modes: precision stays, recall is "
            "the part kept",
        ),
        Verdict(
            "TS-A4-pr-formulas",
            "holds" if np.abs(loops).max() < 1e-12 and radii[0].max() < 1 and radii[-1, 0] == 1 else "open",
            [float(np.abs(loops).max()), radii[[0, 20, -1]].tolist()],
            [0.0, "between 0 and 1"],
            1e-12,
            "fractions by nearest distances less those by loops over all balls, three radii; precision and recall at "
            "the smallest, "
            "a middle and the largest radius. As well defined they depend on tau, of which nothing says how to "
            "choose it",
        ),
        Verdict(
            "TS-A4-pr-curve",
            "false" if growing and abs(ends[0] - 0.5) < 1e-6 and ends[1] > 0.99 else "open",
            [str(growing), ends],
            ["False", [0.5, 1.0]],
            [None, 0.01],
            "whether both grow along tau: then any larger tau is better, and there is no curve of trade-offs; the "
            "ends of the PRD "
            "curve with half of eight classes kept: recall 1/2 at most, precision 1 at most",
        ),
        Verdict(
            "TS-New-outlier",
            "holds"
            if single[0] < 0.1 and single[1] == 1.0 and steady[1] == steady[0] and outliers[1, 0] > 0.9
            else "open",
            [single, steady, outliers[:2].tolist()],
            [[0.0, 1.0], "equal", [["1/8", "1/8"], ["about 1", "1/8"]]],
            0,
            "recall (k = 1) and coverage of a generator collapsed next to one of eight modes, without and with one "
            "fake 200 "
            "away on the other side, whose ball holds all data; recall and coverage (k = 3) of one that keeps one mode",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    table, radii, curves, outliers, course = (
        np.asarray(result[k], dtype=float) for k in ("table", "radii", "curves", "outliers", "course")
    )
    fig.set_size_inches(14, 3.3)
    axes = fig.subplots(1, 5)
    for column, (label, hue) in enumerate(
        (("precision", "blue"), ("recall", "vermillion"), ("density", "sky"), ("coverage", "orange"))
    ):
        axes[0].plot(np.arange(1, 9), table[:, column], "o-", ms=4, color=colours[hue], label=label)
    axes[0].set(xlabel="modes kept of 8", title="(a) modes dropped")
    axes[0].legend(fontsize=8)
    axes[1].semilogx(RADII, radii[:, 0], color=colours["blue"], label="precision")
    axes[1].semilogx(RADII, radii[:, 1], color=colours["vermillion"], label="recall")
    axes[1].set(xlabel="radius τ", title="(b) both grow with τ")
    axes[1].legend()
    for (precision, recall), hue, label in zip(curves, ("vermillion", "orange", "green"), ("2", "4", "8"), strict=True):
        axes[2].plot(recall, precision, color=colours[hue], label=f"{label} of 8")
    axes[2].set(xlabel="recall β", ylabel="precision α", title="(c) PRD curves", xlim=(0, 1.03), ylim=(0, 1.03))
    axes[2].legend()
    axes[3].plot(np.arange(9), outliers[:, 0], "o-", ms=4, color=colours["vermillion"], label="recall, k = 3")
    axes[3].plot(np.arange(9), outliers[:, 1], "o-", ms=4, color=colours["orange"], label="coverage, k = 3")
    axes[3].set(xlabel="far fakes added", title="(d) one mode and outliers", ylim=(0, 1.05))
    axes[3].legend()
    best, stopped = (int(v) for v in result["stop"])
    axes[4].plot(np.arange(1, EPOCHS + 1), course, "o-", ms=4, color=colours["vermillion"])
    axes[4].axvline(best, color=colours["green"], label="kept")
    axes[4].axvline(stopped, color="black", ls="--", label="stopped")
    axes[4].set(xlabel="epoch", ylabel="recall", title="(e) early stop by recall", ylim=(0, 1.05))
    axes[4].legend()
