"""TP Fig. 18: the metric against epochs, every seed.

Plays twenty seeds of dense leaky ReLU networks (3 x 64, slope 0.2) on the cube mixture, where rise, fall and rise again
are seen, and asks in how many.  The source shows four trials chosen among many.  Writes fig18.json, fig18.png.
"""

import math

import numpy as np

import ganth
from ganth import nn
from ganth.claims import Verdict
from ganth.stopping import EarlyStopping

TITLE = "The metric against epochs: which seeds rise, fall and rise again"
CAPTION = (
    "The (1 − 1/8) quantile of ‖∇d‖/d in all seeds, the dotted line at 8.94; crosses: stops after the warm-up of 50. "
    "Coloured: seeds that fall below 1 with seven or eight modes covered and cross the threshold later, the shape of "
    "the source's four trials; grey: the others. Below: modes covered by the same seeds, and the metric at the end "
    "against its value at the crossing."
)
CLAIMS = ("TP-Fig18-traces", "TP-Fig18-tail")
MINUTES = 0.65

SIGMA2 = 0.0125
CUBE = ganth.targets.GaussianMixture.cube(3, SIGMA2)
NETWORK = nn.Dense((64, 64, 64), activation="leaky")
RATE, BATCH, EPOCH, WARMUP, LOW = 0.07, 256, 50, 50, 1.0
EPOCHS = {"smoke": 8, "quick": 120, "paper": 240}
SEEDS = {"smoke": 2, "quick": 20, "paper": 50}
DTYPE = {"smoke": "float64", "quick": "float32", "paper": "float64"}


def compute(profile, seed, backend, jobs):
    game = ganth.NSGAN(CUBE, generator=NETWORK, discriminator=NETWORK, lr_disc=RATE, lr_gen=RATE, batch=BATCH)
    run = game.run(
        steps=EPOCH * EPOCHS[profile], trials=SEEDS[profile], seed=seed, record_every=EPOCH, dtype=DTYPE[profile],
        threads=jobs, backend=backend,
    )  # fmt: skip
    warmup, metric, stops = min(WARMUP, EPOCHS[profile] // 2), run.recorded["metric"], []
    for row in metric:
        stop = EarlyStopping(bandwidth=math.sqrt(2 * SIGMA2), scale=2.0, modes=8, warmup=warmup)
        for q in row[1:]:
            stop.observe(q)
        stops.append(stop.stopped_at or -1)
    return {
        "settings": {
            "rate": RATE, "batch": BATCH, "epoch": EPOCH, "warmup": warmup, "low": LOW, "seeds": SEEDS[profile],
            "epochs": EPOCHS[profile], "dtype": DTYPE[profile],
            "limit": EarlyStopping(bandwidth=math.sqrt(2 * SIGMA2), scale=2.0, modes=8).limit,
        },
        "metric": metric, "modes": run.recorded["modes"].astype(int), "stops": np.array(stops),
    }  # fmt: skip


def shaped(result):
    """Return which seeds rise, fall below LOW while they cover seven modes, and cross the threshold after that."""
    metric, modes, limit = np.asarray(result["metric"]), np.asarray(result["modes"]), result["settings"]["limit"]
    found = []
    for q, m in zip(metric, modes, strict=True):
        calm = np.flatnonzero((q < LOW) & (m >= 7))
        found.append(bool(len(calm)) and q[: calm[0]].max() > 2 * LOW and (q[calm[0] :] > limit).any())
    return np.array(found)


def check(result):
    metric, stops = np.asarray(result["metric"]), np.asarray(result["stops"])
    shape, stopped = shaped(result), stops >= 0
    at = metric[np.arange(len(metric)), np.maximum(stops, 0)]
    end = np.median(metric[:, -10:], axis=1)
    early = stopped & (stops < metric.shape[1] - 20)
    rising = (end > at)[early].mean() if early.any() else 0.0
    return [
        Verdict(
            "TP-Fig18-traces", "reproduced" if shape.sum() >= 1 else "not-reproduced",
            [int(shape.sum()), shape.mean().item(), stopped.mean().item()], [4, 1.0, 1.0], [1, None, None],
            f"seeds, of {len(shape)}, and their fraction, that rise, fall below {LOW:g} with at least seven modes "
            "covered, and cross the threshold afterwards; fraction that cross it at all after the warm-up. The shape "
            "is real and rare here: the source shows four trials chosen among many",
        ),
        Verdict(
            "TP-Fig18-tail", "holds" if rising > 0.9 else "false",
            [float(rising), int(early.sum()), float(np.median(end[early])) if early.any() else 0.0], [1.0, None, None],
            [0.1, None, None],
            "fraction of the seeds that stop at least twenty epochs before the end in which the metric's last ten "
            "epochs (median) lie above its value at the crossing; how many they are; the median of that end",
        ),
    ]  # fmt: skip


def draw(result, fig):
    colours = list(ganth.plotting.PALETTE.values())
    metric, modes = np.asarray(result["metric"]), np.asarray(result["modes"])
    stops, shape, limit = np.asarray(result["stops"]), shaped(result), result["settings"]["limit"]
    fig.set_size_inches(11.0, 7.4)
    grid = fig.add_gridspec(2, 2, height_ratios=(1.2, 1))
    ax, below, ends = fig.add_subplot(grid[0, :]), fig.add_subplot(grid[1, 0]), fig.add_subplot(grid[1, 1])
    epochs = np.arange(metric.shape[1])
    order = np.flatnonzero(shape)
    for k in range(len(metric)):
        colour = colours[int(np.flatnonzero(order == k)[0]) % 6] if shape[k] else "0.7"
        lines = {"color": colour, "lw": 1.6 if shape[k] else 0.6, "zorder": 3 if shape[k] else 1}
        ax.plot(epochs, metric[k], label=f"seed {k}" if shape[k] else None, **lines)
        below.plot(epochs, modes[k], **lines)
        if stops[k] >= 0:
            ax.plot(stops[k], metric[k, stops[k]], "x", color=colours[3], ms=6, mew=1.6, zorder=4)
    ax.axhline(limit, color="black", ls=":", lw=1)
    ax.axvspan(0, result["settings"]["warmup"], color="0.93", lw=0, zorder=0)
    ax.set(xlabel="epoch (50 iterations)", ylabel="quantile of ‖∇d‖/d", title="the metric in every seed")
    if shape.any():
        ax.legend(ncols=4)
    below.set(xlabel="epoch", ylabel="modes covered", title="modes covered")
    stopped = stops >= 0
    at, end = metric[np.arange(len(metric)), np.maximum(stops, 0)], np.median(metric[:, -10:], axis=1)
    ends.plot(at[stopped], end[stopped], "o", color=colours[0])
    ends.plot([limit, 16], [limit, 16], color="black", lw=0.8)
    ends.set(xlabel="metric at the crossing", ylabel="median of the last ten epochs", title="does it go on rising?")
