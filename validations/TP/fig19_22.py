"""TP Figs. 8 (column 1) and 19-22: generated samples before and after the early stop, all seeds.

Plays twenty seeds of dense ReLU networks (2 x 64) on the cube mixture; shows the points of the first four at their
best, at the stop, and long after.  The source shows four trials chosen among many.  Writes fig19_22.json, fig19_22.png.
"""

import math

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.stopping import EarlyStopping

TITLE = "Samples before, at and after the stop"
CAPTION = (
    "First four seeds, not chosen: points (first two axes, third up and right) at the epoch of best coverage before "
    "the stop, at the stop, and at the end; m = modes covered. Below, for every seed: modes covered at its best before "
    "the stop, at the stop, ten epochs on, and at the end; and the epochs of the stops."
)
CLAIMS = ("TP-Fig8-19-22-mixture",)
MINUTES = 0.25

SIGMA2 = 0.0125
CUBE = ganth.targets.GaussianMixture.cube(3, SIGMA2)
RATE, BATCH, EPOCH, WARMUP = 0.05, 128, 50, 50
EPOCHS = {"smoke": 12, "quick": 120, "paper": 360}
SEEDS = {"smoke": 2, "quick": 20, "paper": 50}
DTYPE = {"smoke": "float64", "quick": "float32", "paper": "float64"}


def stop_of(metric, warmup):
    """Return the epoch at which the printed rule says stop, or -1: calls are epochs 1, 2, ..."""
    stop = EarlyStopping(bandwidth=math.sqrt(2 * SIGMA2), scale=2.0, modes=8, warmup=warmup)
    for q in metric[1:]:
        stop.observe(q)
    return -1 if stop.stopped_at is None else stop.stopped_at


def compute(profile, seed, backend, jobs):
    game = ganth.NSGAN(CUBE, lr_disc=RATE, lr_gen=RATE, batch=BATCH)
    run = game.run(
        steps=EPOCH * EPOCHS[profile], trials=SEEDS[profile], seed=seed + 2, record_every=EPOCH, dtype=DTYPE[profile],
        threads=jobs, backend=backend,
    )  # fmt: skip
    modes, metric = run.recorded["modes"].astype(int), run.recorded["metric"]
    warmup = min(WARMUP, EPOCHS[profile] // 2)
    stops = np.array([stop_of(row, warmup) for row in metric])
    inside = CUBE.shares(run.particles).sum(axis=-1)
    until = np.where(stops >= 0, stops, modes.shape[1] - 1)
    # Best: most modes, then most points within modes.
    score = modes + inside
    best = np.array([int(np.argmax(row[: k + 1])) for row, k in zip(score, until, strict=True)])
    shown = min(4, len(modes))
    picture = [run.particles[k, [best[k], until[k], -1], :256] for k in range(shown)]
    later = np.minimum(until + 10, modes.shape[1] - 1)
    rows = np.arange(len(modes))
    table = np.stack([modes[rows, best], modes[rows, until], modes[rows, later], modes[:, -1]], axis=1)
    return {
        "settings": {
            "rate": RATE, "batch": BATCH, "epoch": EPOCH, "warmup": warmup, "seeds": SEEDS[profile],
            "epochs": EPOCHS[profile], "dtype": DTYPE[profile],
        },
        "stops": stops, "best": best, "table": table, "samples": np.array(picture),
        "end": np.median(modes[:, -10:], axis=1),
    }  # fmt: skip


def check(result):
    stops, table, end = (np.asarray(result[name]) for name in ("stops", "table", "end"))
    warmup, stopped = result["settings"]["warmup"], stops >= 0
    good = table[:, 0] >= 7
    half = (end >= 3) & (end <= 5)
    few = end <= 5
    whole = good & stopped & half
    low, middle, high = np.quantile(stops[stopped], (0.25, 0.5, 0.75)) if stopped.any() else (-1, -1, -1)
    return [
        Verdict(
            "TP-Fig8-19-22-mixture",
            "reproduced" if whole.sum() >= 4 and warmup < middle < 120 else "not-reproduced",
            [int(whole.sum()), good.mean().item(), stopped.mean().item(), float(low), float(middle), float(high),
             half.mean().item(), few.mean().item()],
            [4, 1.0, 1.0, 60, 72, 77, 1.0, 1.0],
            [4, None, None, None, 48, None, None, None],
            "seeds (the source shows four) that cover at least seven modes before the stop, stop, and end with about "
            "half of them, three to five; fractions of all seeds that cover seven before; that stop; quartiles of the "
            "epoch of the stop; fractions that end with three to five modes, and with five or fewer",
        )
    ]  # fmt: skip


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    samples, table = np.asarray(result["samples"]), np.asarray(result["table"])
    stops, best, settings = result["stops"], result["best"], result["settings"]
    fig.set_size_inches(11.5, 8.5)
    grid = fig.add_gridspec(4, 4, height_ratios=(1, 1, 1, 1.1))
    for k, seed in enumerate(samples):
        epochs = (best[k], stops[k] if stops[k] >= 0 else settings["epochs"], settings["epochs"])
        for row, (points, name, epoch, column) in enumerate(
            zip(seed, ("best", "stop", "end"), epochs, (0, 1, 3), strict=True)
        ):
            ax = fig.add_subplot(grid[row, k])
            corners = CUBE.means[:, :2] + 0.25 * CUBE.means[:, 2:]
            ax.plot(*corners.T, "o", ms=11, color=colours["orange"], alpha=0.45, mew=0)
            ax.plot(*(points[:, :2] + 0.25 * points[:, 2:]).T, ".", ms=2.2, color=colours["blue"])
            ax.set(xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), aspect="equal", xticks=[], yticks=[])
            ax.set_title(f"seed {k}: {name}, epoch {epoch}, m = {table[k, column]}", fontsize=9)
            ax.grid(False)
    ax = fig.add_subplot(grid[3, :2])
    shift = np.linspace(-0.25, 0.25, len(table))
    for row, offset in zip(table, shift, strict=True):
        ax.plot(range(4), row + offset, color="0.6", lw=0.6)
    ax.plot(range(4), np.median(table, axis=0), "o-", color=colours["vermillion"], label="median")
    ax.set_xticks(range(4), ("best before", "stop", "10 epochs on", "end"))
    ax.set(ylabel="modes covered", title="all seeds")
    ax.legend(loc="upper right")
    ax = fig.add_subplot(grid[3, 2:])
    found = [e for e in stops if e >= 0]
    ax.hist(found, bins=range(settings["warmup"], settings["epochs"] + 6, 5), color=colours["blue"])
    ax.axvspan(60, 77, color=colours["orange"], alpha=0.3, lw=0, label="source's four")
    ax.set(xlabel="epoch of the stop", ylabel="seeds", title=f"{len(found)} of {len(stops)} seeds stop")
    ax.legend(loc="upper right")
