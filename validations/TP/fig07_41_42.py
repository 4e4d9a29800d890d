"""TP Figs. 7, 41 and 42: the metric with noise of 0.1 in the discriminator's layers, beside the same without.

Pairs of trainings on digits, each of one start, one order of the data and one row of latents; whether a noise-free one
collapses is measured.  The source shows one pair on Fashion-MNIST.  Writes fig07_41_42.json, fig07_41_42.png.
"""

import dataclasses

import numpy as np
from scipy.stats import binomtest

import ganth
from ganth.claims import Verdict
from ganth.studies import TRIALS, collapse, gathered, three_phases

TITLE = "Noise in the discriminator's layers: what it does to the metric and to the images"
CAPTION = (
    "Top: the 0.9 quantile of ‖∇d‖/d at three settings, every seed thin and the median thick; the metric with noise "
    "over that without, every pair; the Fréchet distance in a classifier's features at the last epoch, pair by pair. "
    "Middle: histograms of ‖∇d‖/d at the generated images of all seeds, lines at the 0.9 quantile, and below them "
    "images of seed 0, at the faster rates. Quick: 28 × 28, 2,000 digits (small: 200), epochs of 31 iterations: thirty "
    "are one of the source's, whose noise-free training collapses at the 54th. The metric is taken without noise in "
    "both."
)
CLAIMS = ("TP-Fig7-41-42-noise",)
GROUP = "TP-images"
MINUTES = 1.7

NOISE = 0.1
EPOCHS = {"smoke": 3, "quick": 30, "paper": 100}
SHOWN = (0.1, 0.3, 0.5, 0.7, 1.0)  # parts of a training at which histograms and images are taken
BINS = np.geomspace(0.05, 5000, 61)
LOWER, NEARLY, GOOD, CLASSES = 0.05, 0.9, 1.25, 8  # p, share of epochs, Fréchet distance over the other's, classes
WORDS = ("without noise", "with noise")
COLOURS = {"slow": "green", "fast": "orange", "small": "purple"}
PICTURED = "fast"


def compute(profile, seed, backend, jobs):
    studies, found, last = three_phases(profile), {}, EPOCHS[profile]
    for name, study in studies.items():
        noisy = dataclasses.replace(study, noise=NOISE, epochs=last)
        for word, one in zip(WORDS, (study, noisy), strict=True):
            found[name, word] = one.train(TRIALS[profile], seed=seed, jobs=jobs, backend=backend)
    study = studies[PICTURED]
    shown = sorted({max(study.every, round(part * last / study.every) * study.every) for part in SHOWN})
    result = {
        "settings": {
            "studies": list(studies), "rates": [study.lr_gen for study in studies.values()], "noise": NOISE,
            "images": [len(study.game().images) for study in studies.values()], "trials": TRIALS[profile],
            "epochs": last, "iterations": last * study.game().steps_per_epoch, "shown": shown, "width": study.width,
            "size": study.size, "data": study.data, "dtype": "float32",
        },
    }  # fmt: skip
    for name in ("metric", "frechet", "coverage"):
        whole = [[gathered(found[study, word])[name] for word in WORDS] for study in studies]
        result[name] = np.array([[_until(last, rows) for rows in both] for both in whole])
    pictured = [found[PICTURED, word] for word in WORDS]
    # One that diverged shows its last whole epoch.
    fields = [[np.concatenate([t.field[: e + 1][-1] for t in rows]) for e in shown] for rows in pictured]
    result["histograms"] = np.array([[np.histogram(x, BINS)[0] for x in row] for row in fields])
    result["quantiles"] = np.quantile(fields, 0.9, axis=-1)
    result["images"] = np.array([[rows[0].samples[rows[0].kept <= e][-1, :9] for e in shown] for rows in pictured])
    return result


def _until(last, rows):
    """Return records (trials, ...) up to an epoch, with NaN where all have diverged before it."""
    return np.pad(rows, ((0, 0), (0, max(0, last + 1 - rows.shape[1]))), constant_values=np.nan)[:, : last + 1]


def pairs(result):
    """Return what each pair comes to, study by study and seed by seed: arrays (studies * seeds,) by name."""
    metric, frechet, coverage = (np.asarray(result[name], float) for name in ("metric", "frechet", "coverage"))
    rows = []
    for q, distance, cover in zip(metric, frechet, coverage, strict=True):
        ended = [collapse(one) for one in cover]
        for k, until in enumerate(ended[0]):
            part = slice(1, until if until > 0 else None)  # up to the noise-free collapse, if there is one
            ratio, near = q[1, k, part] / q[0, k, part], distance[:, k, part][:, -1]
            classes = np.median(cover[1, k, -max(1, cover.shape[-1] // 10) :])
            rows.append((np.median(ratio), (ratio < 1).mean(), near[1] / near[0], classes, until, ended[1][k]))
    names = ("ratio", "share", "frechet", "classes", "free", "noisy")
    return dict(zip(names, np.array(rows, float).T, strict=True))


def check(result):
    told, settings = pairs(result), result["settings"]
    count, lower = len(told["ratio"]), int((told["ratio"] < 1).sum())
    chance, share = float(binomtest(lower, count, alternative="greater").pvalue), float(np.median(told["share"]))
    distance, classes = float(np.median(told["frechet"])), float(told["classes"].min())
    free, noisy = (int((told[name] >= 0).sum()) for name in ("free", "noisy"))
    low, good = chance < LOWER and share >= NEARLY, distance <= GOOD and classes >= CLASSES and noisy == 0
    ratios = [float(np.median(row)) for row in told["ratio"].reshape(len(settings["studies"]), -1)]
    words = ["yes" if true else "no" for true in (low, good, free)]
    return [
        Verdict(
            "TP-Fig7-41-42-noise", "reproduced" if low and good and free else "not-reproduced",
            [lower, chance, share, distance, classes, free, noisy, *ratios],
            [count, 0.0, 1.0, 1.0, 10, count, 0, *[None] * len(ratios)],
            [None, LOWER, NEARLY, GOOD, CLASSES, 1, 0, *[1.0] * len(ratios)],
            f"of {count} pairs, those in which noise lowers the metric's median ratio over epochs below 1; p of the "
            "one-sided sign test; medians over pairs of the share of epochs at which it is lower, and of the Fréchet "
            "distance with noise over that without at the last epoch; fewest classes covered with noise at the end; "
            f"noise-free and noisy trainings that collapse; median ratio for {', '.join(settings['studies'])}. Epochs "
            "count up to a noise-free collapse. The metric of both is taken without noise, where a discriminator that "
            f"has learned with it saturates. The metric is lower: {words[0]}; images stay good: {words[1]}; a "
            f"noise-free training collapses: {words[2]}, in {settings['iterations']:,} iterations, where the source's "
            "took about 50,700",
        ),
    ]  # fmt: skip


def draw(result, fig):
    settings = result["settings"]
    palette, names, shown = ganth.plotting.PALETTE, settings["studies"], settings["shown"]
    tone = dict(zip(WORDS, (palette["blue"], palette["vermillion"]), strict=True))
    fig.set_size_inches(13.5, 9.6)
    grid = fig.add_gridspec(4, 5, height_ratios=(1.35, 0.85, 0.95, 0.95))
    metric, frechet = np.asarray(result["metric"], float), np.asarray(result["frechet"], float)
    epochs = np.arange(metric.shape[-1])
    for column, name in enumerate(names):
        ax = fig.add_subplot(grid[0, column])
        for lines, word in zip(metric[column], WORDS, strict=True):
            ganth.plotting.courses(ax, epochs, lines, color=tone[word], label=word)
        title = f"{name}: rate {settings['rates'][column]:g}, {settings['images'][column]:,} images"
        ax.set(xlabel="epoch", yscale="log")
        ax.set_title(title, fontsize=9)
        if column == 0:
            ax.set_ylabel("metric")
            ax.legend()
    ratios, ends = fig.add_subplot(grid[0, 3]), fig.add_subplot(grid[0, 4])
    for name, lines, both in zip(names, metric, frechet, strict=True):
        colour = palette[COLOURS[name]]
        ganth.plotting.courses(ratios, epochs[1:], (lines[1] / lines[0])[:, 1:], color=colour, label=name)
        ends.plot(both[0, :, -1], both[1, :, -1], "o", color=colour, label=name)
    ratios.axhline(1, color="black", lw=0.8, ls=":")
    ratios.set(xlabel="epoch", yscale="log")
    ratios.set_title("metric, with noise / without", fontsize=9)
    ratios.legend()
    most = 1.1 * float(np.nanmax(frechet[..., -1]))
    ends.plot([0, most], [0, most], color="black", lw=0.8)
    ends.set(xlabel=WORDS[0], ylabel=WORDS[1])
    ends.set_title("Fréchet distance at the end", fontsize=9)
    counts, lines = np.asarray(result["histograms"]), np.asarray(result["quantiles"])
    used = np.flatnonzero(counts.sum(axis=(0, 1)))
    limits = BINS[max(0, used[0] - 1)], BINS[min(len(BINS) - 1, used[-1] + 2)]
    for column, epoch in enumerate(shown):
        ax = fig.add_subplot(grid[1, column])
        for side, word in enumerate(WORDS):
            ax.stairs(counts[side, column] / counts[side, column].sum(), BINS, fill=True, color=tone[word], alpha=0.5)
            ax.axvline(lines[side, column], color=tone[word], lw=1.2)
            sheet = fig.add_subplot(grid[2 + side, column])
            ganth.plotting.image_grid(sheet, np.asarray(result["images"])[side, column], columns=3)
            sheet.set_title(f"{word}, epoch {epoch}", color=tone[word], fontsize=9)
        ax.set(xscale="log", xlim=limits, yticks=[])
        ax.set_title(f"‖∇d‖/d, epoch {epoch}, {PICTURED}", fontsize=9)
