"""TP Algorithm 2, sec. 5.3, app. F.2: the early-stopping rule on the cube mixture, every seed, with a control.

Plays twenty seeds of dense ReLU networks (2 x 64) and of Tanh networks, and asks when the rule says stop, when modes
are lost, and what comes first.  Data are fresh at every step.  Writes stopping.json, stopping.png.
"""

import math
from itertools import pairwise

import numpy as np

import ganth
from ganth import nn
from ganth.claims import Verdict
from ganth.stopping import RULES, EarlyStopping

TITLE = "Does the early stop come before the collapse?"
CAPTION = (
    "(a) The metric in every seed, ReLU (blue) and Tanh (green), with the threshold 8.94 that both rules share in the "
    "mixture's units. (b) Modes covered. (c) For every ReLU seed: first epoch with seven modes (dot), stop (cross), "
    "last epoch with seven modes (bar's end); a collapse is silent where the cross comes later. (d) How often a latent "
    "changes its nearest mode in an epoch, against the metric: below the threshold (dotted) too. (e) Stops of the "
    "two rules when the data are multiplied by c."
)
CLAIMS = (
    "TP-Alg2", "TP-S5.3-warmup", "TP-S5.3-best", "TP-AppF-always-collapse", "TP-New-fresh-data",
    "TP-New-false-alarms",
)  # fmt: skip
MINUTES = 0.6

SIGMA2 = 0.0125
CUBE = ganth.targets.GaussianMixture.cube(3, SIGMA2)
RATE, BATCH, EPOCH, WARMUP = 0.05, 128, 50, 50
EPOCHS = {"smoke": 10, "quick": 160, "paper": 360}
SEEDS = {"smoke": 2, "quick": 20, "paper": 100}
DTYPE = {"smoke": "float64", "quick": "float32", "paper": "float64"}
NAMES = {"relu": "ReLU", "tanh": "Tanh"}
FACTORS = (0.1, 0.5, 1.0, 2.0, 10.0)
EDGES = (0.0, 2.0, 4.0, 6.0, 8.94, 12.0, np.inf)  # of the metric


def first_stop(metric, warmup, rule="printed", factor=1.0):
    """Return the epoch at which a rule says stop, or -1, when the data are multiplied by `factor`."""
    scale = 2.0 * factor if rule == "printed" else 2.0
    stop = EarlyStopping(bandwidth=factor * math.sqrt(2 * SIGMA2), scale=scale, modes=8, warmup=warmup, rule=rule)
    for q in metric[1:]:
        stop.observe(q / factor)
    return -1 if stop.stopped_at is None else stop.stopped_at


def leaving(particles):
    """Return (seeds, epochs): the share of latents whose point changes its nearest mode from an epoch to the next."""
    corner = (particles > 0) @ (1 << np.arange(3))
    return (corner[:, 1:] != corner[:, :-1]).mean(axis=-1)


def compute(profile, seed, backend, jobs):
    found, warmup = {}, min(WARMUP, EPOCHS[profile] // 2)
    for activation in NAMES:
        network = nn.Dense((64, 64), activation=activation)
        game = ganth.NSGAN(CUBE, generator=network, discriminator=network, lr_disc=RATE, lr_gen=RATE, batch=BATCH)
        run = game.run(
            steps=EPOCH * EPOCHS[profile], trials=SEEDS[profile], seed=seed, record_every=EPOCH, dtype=DTYPE[profile],
            threads=jobs, backend=backend,
        )  # fmt: skip
        metric = run.recorded["metric"]
        found |= {
            f"metric_{activation}": metric,
            f"modes_{activation}": run.recorded["modes"].astype(int),
            f"inside_{activation}": CUBE.shares(run.particles).sum(axis=-1),
            f"leaving_{activation}": leaving(run.particles),
            f"stops_{activation}": np.array(
                [[[first_stop(q, warmup, rule, c) for q in metric] for c in FACTORS] for rule in RULES]
            ),
        }
    limit = EarlyStopping(bandwidth=math.sqrt(2 * SIGMA2), scale=2.0, modes=8).limit
    return {
        "settings": {
            "rate": RATE, "batch": BATCH, "epoch": EPOCH, "warmup": warmup, "epochs": EPOCHS[profile],
            "seeds": SEEDS[profile], "factors": list(FACTORS), "limit": limit, "dtype": DTYPE[profile],
        },
        **found,
    }  # fmt: skip


def events(result, activation):
    """Return for every seed: first and last epoch with its best coverage (from seven modes on), first loss, stop.

    -1 where there is none; a first loss is the first epoch with fewer modes after the first with seven.
    """
    modes = np.asarray(result[f"modes_{activation}"])
    stops = np.asarray(result[f"stops_{activation}"])[0, FACTORS.index(1.0)]
    rows = []
    for m, stop in zip(modes, stops, strict=True):
        good = np.flatnonzero(m >= 7)
        if not len(good):
            rows.append([-1, -1, -1, stop])
            continue
        lost = np.flatnonzero(m[good[0] :] < 7)
        rows.append([good[0], good[-1], good[0] + lost[0] if len(lost) else -1, stop])
    return np.array(rows)


def collapsed(result, activation):
    """Return which seeds end with at most half of the modes (median of the last ten epochs)."""
    return np.median(np.asarray(result[f"modes_{activation}"])[:, -10:], axis=1) <= 4


def leaving_by_metric(result):
    """Return the mean share of latents that change their mode, for ranges of the metric, ReLU."""
    metric, share = np.asarray(result["metric_relu"])[:, 1:], np.asarray(result["leaving_relu"])
    late = np.arange(metric.shape[1]) >= 25
    return np.array([
        share[:, late][(metric[:, late] >= low) & (metric[:, late] < high)].mean()
        if ((metric[:, late] >= low) & (metric[:, late] < high)).any() else np.nan
        for low, high in pairwise(EDGES)
    ])  # fmt: skip


def check(result):
    settings = result["settings"]
    table, control = events(result, "relu"), events(result, "tanh")
    last_epoch, limit = settings["epochs"], settings["limit"]
    metric, modes = np.asarray(result["metric_relu"]), np.asarray(result["modes_relu"])
    lost, kept = collapsed(result, "relu"), ~collapsed(result, "tanh")
    reached = table[:, 0] >= 0
    gone = reached & (table[:, 1] < last_epoch - 5)
    stopped = table[:, 3] >= 0
    before_good = (stopped & (table[:, 3] <= table[:, 1]))[gone].mean() if gone.any() else 0.0
    before_first = (stopped & (table[:, 3] < table[:, 2]))[gone].mean() if gone.any() else 0.0
    lead = np.median((table[:, 1] - table[:, 3])[gone & stopped]) if (gone & stopped).any() else 0.0
    silent = (gone & ((table[:, 3] < 0) | (table[:, 3] > table[:, 1]))).sum()
    crossed = np.flatnonzero(stopped)
    again = [(modes[k, table[k, 3] + 1 :] >= 7).any() for k in crossed]
    alarms = int(np.sum(again))
    fitting = np.array([(q[: max(row[0], 0)] > limit).any() for q, row in zip(metric, table, strict=True)])
    early = np.array([
        ((q[: settings["warmup"] + 1] > limit) & (row[1] > np.arange(settings["warmup"] + 1))).any()
        for q, row in zip(metric, table, strict=True)
    ])  # fmt: skip
    score = modes + np.asarray(result["inside_relu"])
    best = score.argmax(axis=1)
    among = ((best <= table[:, 3]) & stopped).mean()
    tanh_modes = np.median(np.asarray(result["modes_tanh"])[:, -10:], axis=1)
    tanh_stops = (control[:, 3] >= 0).mean()
    counts = [len(modes), int(reached.sum()), int(gone.sum())]
    return [
        Verdict(
            "TP-Alg2", "holds" if before_first > 0.9 else "false" if before_good < 0.1 else "heuristic",
            [float(before_first), float(before_good), float(lead), stopped.mean().item(), *counts],
            [1.0, 1.0, "> 0", 1.0, None, None, None], [0.1, None, None, None, None, None, None],
            "of the ReLU seeds that cover seven modes and lose them for good: fraction in which the stop precedes the "
            "first epoch with fewer than seven, and the last epoch with seven; median epochs between the stop and the "
            "latter; fraction of all seeds that stop; seeds in all, with seven modes once, with a loss for good",
        ),
        Verdict(
            "TP-S5.3-warmup", "holds" if fitting.any() or early.any() else "false",
            [fitting.mean().item(), early.mean().item()], ["> 0", "> 0"], None,
            "fraction of seeds whose metric exceeds the threshold before they first cover seven modes; fraction in "
            "which it does within the warm-up of 50 epochs and seven modes are covered later on",
        ),
        Verdict(
            "TP-S5.3-best", "holds" if among > 0.95 else "false" if among < 0.05 else "heuristic",
            among.item(), 1.0, 0.05,
            "fraction of seeds that stop after the epoch with most modes covered (and of these most points in modes)",
        ),
        Verdict(
            "TP-AppF-always-collapse", "false" if kept.mean() > 0.5 else "holds",
            [lost.mean().item(), kept.mean().item(), float(np.median(tanh_modes)), tanh_stops.item()],
            [1.0, 0.0, None, None], [None, 0.5, None, None],
            f"fraction of ReLU seeds with at most four modes at epoch {last_epoch}; fraction of Tanh seeds with more; "
            "their median number of modes; fraction of them that ever stop",
        ),
        Verdict(
            "TP-New-fresh-data", "holds" if (lost & (modes.max(axis=1) >= 5)).any() else "false",
            lost.mean().item(), "> 0", None,
            "fraction of ReLU seeds that end with at most four modes though no sample is ever seen twice",
        ),
        Verdict(
            "TP-New-false-alarms", "holds" if alarms and silent else "false", [alarms, int(silent), int(stopped.sum())],
            ["> 0", "> 0", None], None,
            "seeds that cover seven modes again after the stop; seeds that lose them for good before any stop; seeds "
            "that stop",
        ),
    ]  # fmt: skip


def draw(result, fig):
    colours, settings = ganth.plotting.PALETTE, result["settings"]
    fig.set_size_inches(12.0, 8.4)
    grid = fig.add_gridspec(2, 6)
    metric, modes = fig.add_subplot(grid[0, :3]), fig.add_subplot(grid[0, 3:])
    order, leave, scaled = (fig.add_subplot(grid[1, 2 * k : 2 * k + 2]) for k in range(3))
    for activation, colour in (("relu", "blue"), ("tanh", "green")):
        for ax, name in ((metric, "metric"), (modes, "modes")):
            values = np.asarray(result[f"{name}_{activation}"])
            ganth.plotting.courses(ax, np.arange(values.shape[1]), values, color=colour, label=NAMES[activation])
    metric.axhline(settings["limit"], color="black", ls=":", lw=1)
    metric.axvspan(0, settings["warmup"], color="0.92", lw=0, zorder=0)
    metric.set(xlabel="epoch (50 iterations)", ylabel="quantile of ‖∇d‖/d", title="(a) the metric")
    modes.set(xlabel="epoch", ylabel="modes covered", title="(b) modes")
    metric.legend(loc="upper left")
    for k, (first, last, _, stop) in enumerate(events(result, "relu")):
        if first >= 0:
            order.plot([first, last], [k, k], color=colours["sky"], lw=3, solid_capstyle="butt")
            order.plot(first, k, "o", ms=4, color=colours["blue"])
        if stop >= 0:
            order.plot(stop, k, "x", ms=6, mew=1.6, color=colours["vermillion"])
    order.yaxis.get_major_locator().set_params(integer=True)
    order.set(xlabel="epoch", ylabel="seed", title="(c) seven modes, and the stop")
    names = [f"{low:g}–{high:g}" for low, high in pairwise(EDGES[:-1])] + [f"> {EDGES[-2]:g}"]
    leave.bar(range(len(names)), leaving_by_metric(result), color=colours["blue"])
    leave.set_xticks(range(len(names)), names, fontsize=7)
    leave.axvline(3.5, color="black", ls=":", lw=1)
    leave.set(xlabel="metric", ylabel="latents that change mode", title="(d) who leaves, from epoch 25 on")
    for row, rule, colour in zip(np.asarray(result["stops_relu"]), RULES, ("blue", "orange"), strict=True):
        scaled.semilogx(settings["factors"], (row >= 0).mean(axis=1), "o-", color=colours[colour], label=rule)
    scaled.set(xlabel="data multiplied by c", ylabel="seeds that stop", title="(e) the two rules", ylim=(-0.05, 1.05))
    scaled.legend(loc="lower left")
