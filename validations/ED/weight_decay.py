"""ED section IV and App. A: what the two settings decide that the source leaves open, weight decay and the start.

Shows the mode-collapse metric, the distance to the nearest mode and the share of runs that overflow against lambda at
fixed g2/g1 and n_disc, all seeds; and the metric against g2/g1 from both printed starts.  Theory: without decay nothing
bounds the weights, which grow with the moment mismatch; held against lambda = 2/H, eq. (24).  Writes weight_decay.json,
weight_decay.png.
"""

import functools
import math
import warnings

import numpy as np
from scipy.stats import t

import ganth
from ganth.claims import Verdict

TITLE = "Weight decay and the start of the cloud (section IV, App. A)"
CAPTION = (
    "(a) Mode-collapse metric at T against λ H at fixed r = g₂/g₁ and n_disc: dots are seeds, crosses on top runs that "
    "overflowed, the line their medians; the source has λ = 2/H. (b) Mean distance to the nearest mode of the same "
    "runs: where the metric falls, the cloud is far from the modes. (c) Metric against r from the start of section IV, "
    "(1/√2, 1/√2), and from that of App. A, (√2, √2): seeds and medians."
)
CLAIMS = ("ED-New-lambda", "ED-Num-start")
MINUTES = 0.2

LEVEL = 0.5 * math.log(8)
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
RATES = {"lr_disc": 0.1, "lr_gen": 0.1, "n_disc": 5}
RATIO = 0.1
STARTS = (1 / math.sqrt(2), math.sqrt(2))
# width; iterations; lambda H; ratios; seeds
SIZES = {
    "smoke": (32, 60, [0.0, 2.0, 20.0], [0.01, 0.1], 2),
    "quick": (512, 1500, [0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [0.003, 0.01, 0.02, 0.04, 0.08, 0.16], 8),
    "paper": (2048, 5000, [0.0, *np.geomspace(0.05, 64, 16)], list(np.geomspace(0.003, 0.3, 12)), 16),
}


def cell(ratio, decay, start, seed, *, width, steps):
    """Return the metric and distance at the end, NaN where the run has overflowed."""
    game = ganth.EffectiveGAN(RING, ntk_ratio=ratio, width=width, reg=decay / width, start_mean=[start] * 2, **RATES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # NaN says so
        run = game.run(steps=steps, seed=seed, dtype="float32", threads=1)
    cloud = run.final if run.diverged_at[0] < 0 else np.full_like(run.final, np.nan)
    return {
        "metric": float(ganth.metrics.mode_collapse(cloud, RING.means)),
        "distance": float(ganth.metrics.nearest_mode_distance(cloud, RING.means)),
    }


def compute(profile, seed, backend, jobs):
    width, steps, decays, ratios, seeds = SIZES[profile]
    play = functools.partial(cell, width=width, steps=steps)
    numbers = range(seed, seed + seeds)
    by_decay = ganth.sweep(play, {"ratio": [RATIO], "decay": decays, "start": STARTS[:1]}, seeds=numbers, jobs=jobs)
    by_start = ganth.sweep(play, {"start": STARTS, "ratio": ratios, "decay": [2.0]}, seeds=numbers, jobs=jobs)
    return {
        "settings": {**RATES, "width": width, "steps": steps, "n_particles": 200, "seeds": seeds, "dtype": "float32"},
        "decays": np.array(decays),
        "metric": by_decay.columns["metric"].reshape(len(decays), seeds),
        "distance": by_decay.columns["distance"].reshape(len(decays), seeds),
        "ratios": np.array(ratios),
        "metric_of_start": by_start.columns["metric"].reshape(2, len(ratios), seeds),
    }


def centre(values):
    """Return the median over seeds of each row, an overflow counting as the worst."""
    return np.median(np.where(np.isnan(values), np.inf, values), axis=-1)


def check(result):
    decays, metric = np.asarray(result["decays"]), np.asarray(result["metric"], dtype=float)
    lost = float(np.isnan(metric[decays == 0]).mean())
    bounded = metric[decays > 0]
    medians = centre(bounded)
    distances = centre(np.asarray(result["distance"], dtype=float)[decays > 0])
    first = int(np.argmax(medians > LEVEL))  # the smallest lambda that collapses
    below = medians[first:] < LEVEL
    falls = bool(medians[first] > LEVEL and below.any())
    converges = falls and bool((distances[first:][below] < distances[first]).any())
    pairs = np.asarray(result["metric_of_start"], dtype=float)
    differences = np.nanmean(pairs[1] - pairs[0], axis=0)  # one number a seed: the mean over ratios
    mean = float(differences.mean())
    half = float(t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / math.sqrt(len(differences)))
    largest = float(np.nanmax(np.abs(np.nanmedian(pairs[1], axis=1) - np.nanmedian(pairs[0], axis=1))))
    matters = abs(mean) > half or largest > LEVEL / 2
    word = "holds" if lost == 1.0 and converges else "corrected" if falls else "false"
    return [
        Verdict(
            "ED-New-lambda",
            word,
            {"overflow": lost, "metric": medians.tolist(), "distance": distances.tolist()},
            {
                "overflow": 1.0,
                "metric": f"above {LEVEL:.2f} for a small lambda, below for a larger",
                "distance": "falls",
            },
            LEVEL,
            f"share of runs at lambda = 0 that overflow; medians at lambda H = {decays[decays > 0].tolist()}, "
            f"r = {RATIO}, n_disc = {RATES['n_disc']}, {metric.shape[1]} seeds",
        ),
        Verdict(
            "ED-Num-start",
            "corrected" if matters else "holds",
            [mean, mean - half, mean + half, largest],
            [0.0, "<= 0", ">= 0", 0.0],
            LEVEL / 2,
            "metric from (sqrt2, sqrt2) less metric from (1/sqrt2, 1/sqrt2): mean over r with its 95 % interval over "
            "seeds, and largest difference of medians at one r. The source prints both starts for one experiment",
        ),
    ]


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(11, 3.7)
    axes = fig.subplots(1, 3)
    decays, settings = np.asarray(result["decays"]), result["settings"]
    shown = np.where(decays > 0, decays, decays[decays > 0].min() / 4)
    for axis, name, label in (
        (axes[0], "metric", "metric (22)"),
        (axes[1], "distance", "distance to the nearest mode"),
    ):
        values = np.asarray(result[name], dtype=float)
        axis.plot(shown, values, ".", color=palette["blue"], alpha=0.6)
        finite = ~np.isnan(values).all(axis=1)
        axis.plot(shown[finite], np.nanmedian(values[finite], axis=1), color=palette["blue"])
        for x, row in zip(shown, values, strict=True):
            if np.isnan(row).any():
                axis.plot(x, 0.97, "x", color=palette["vermillion"], transform=axis.get_xaxis_transform())
                axis.text(
                    x, 0.9, f"{np.isnan(row).sum()}/{row.size}", ha="center", fontsize=7,
                    transform=axis.get_xaxis_transform(),
                )  # fmt: skip
        axis.axvline(2.0, color=palette["black"], lw=0.8, ls=":")
        axis.set(xscale="log", xlabel="λ H (first point: 0)", ylabel=label)
    axes[0].axhline(LEVEL, color=palette["black"], lw=0.8, ls="--")
    axes[0].set(title=f"(a) r = {RATIO}", ylim=(-0.1, 2.3))
    axes[1].set(title="(b) the same runs", yscale="log")
    pairs, ratios = np.asarray(result["metric_of_start"], dtype=float), np.asarray(result["ratios"])
    for values, colour, label, shift in zip(
        pairs, ("blue", "vermillion"), ("(1/√2, 1/√2)", "(√2, √2)"), (0.97, 1.03), strict=True
    ):
        axes[2].plot(ratios * shift, values, ".", color=palette[colour], alpha=0.6)
        axes[2].plot(ratios, np.nanmedian(values, axis=1), color=palette[colour], label=label)
    axes[2].axhline(LEVEL, color=palette["black"], lw=0.8, ls="--")
    axes[2].set(xscale="log", xlabel="g₂/g₁", ylabel="metric (22)", title="(c) λ = 2/H, two starts", ylim=(-0.1, 2.3))
    axes[2].legend(loc="upper left")
    fig.suptitle(
        f"ReLU, H = {settings['width']} (source: 2048), N = 200, T = {settings['steps']} (source: 5000), "
        f"α_D = {RATES['lr_disc']}, α_G = {RATES['lr_gen']}, n_disc = {RATES['n_disc']}, β = 0; "
        f"{settings['seeds']} seeds, float32",
        fontsize=9,
    )
