"""TP Fig. 17, app. G.3: pair heatmaps of generated Fashion-MNIST from the start on, beside those of digits.

Counts in 256 images an epoch which classes a classifier sees together; without the files of Fashion-MNIST the verdict
stays open.  The source shows its first four epochs, five maps each.  Writes fig17.json, fig17.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.errors import DataUnavailableError
from ganth.studies import TRIALS, gathered, missing, three_phases

TITLE = "Pairs of classes in generated Fashion-MNIST: how few at the start, how soon they settle"
CAPTION = (
    "Top: log(1 + number of 256 images with p_i and p_j above 0.01), seed 0, at the source's rates and at fifty times "
    "these; 0 to 9: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Below, all seeds "
    "(thin; median thick), digits dotted: pairs off the diagonal, nonzero entries, share of images between classes "
    "(dashed: held-out real ones). Quick: 28 × 28, 2,000 images, epochs of 31 iterations, of which 30 make one of the "
    "source's."
)
CLAIMS = ("TP-Fig17-fashion",)
GROUP = "TP-images"
MINUTES = 0.1  # and a minute of training where the files are

DATA, STUDIES = "fashion-mnist", ("slow", "fast")
COLLECTION = 188  # iterations: a fifth of the source's epoch
FEW, FILLED, WITHIN, LAST = 4, 50, 0.2, 0.75
PARTS = (0, 0.1, 0.2, 0.4, 0.7, 1.0)
COLOURS = {"slow": "green", "fast": "orange"}


def compute(profile, seed, backend, jobs):
    studies = three_phases(profile, DATA)
    first = studies[STUDIES[0]]
    try:
        real = first.trial()
    except DataUnavailableError:
        return {"settings": {"missing": missing(DATA)}}
    upper = np.triu(np.ones((10, 10), bool), 1)
    steps = first.game().steps_per_epoch
    result = {
        "settings": {
            "steps_per_epoch": steps, "studies": list(STUDIES), "rates": [studies[name].lr_gen for name in STUDIES],
            "images": len(first.images()), "size": first.size, "width": first.width, "trials": TRIALS[profile],
            "watched": first.watched, "together": max(1, round(COLLECTION / steps)), "dtype": "float32",
        },
        "accuracy": float(real["accuracy"]), "mixed": float(real["mixed"]),
    }  # fmt: skip
    for data in (DATA, "mnist"):
        for name in STUDIES:
            course = gathered(
                three_phases(profile, data)[name].train(TRIALS[profile], seed=seed, jobs=jobs, backend=backend)
            )
            section, key = course["pairs_section"], f"{data}_{name}"
            result[f"{key}_pairs"] = section[:, :, upper].sum(axis=2)
            result[f"{key}_nonzero"] = (section > 0).sum(axis=(2, 3))
            result[f"{key}_mixed"] = course["mixed"]
            if data == DATA:
                result[f"{key}_appendix"] = (course["pairs_appendix"][:, 0] > 0).sum(axis=(1, 2))
                result[f"{key}_maps"] = section[0, shown(section.shape[1])]
    return result


def shown(records):
    """Return the epochs of the maps."""
    return np.unique(np.round((records - 1) * np.array(PARTS)).astype(int))


def settled(pairs, together):
    """Return for every trial from which part of the training on pairs stay within a fifth of their last number.

    `together` epochs make a number, as the source's collections do; 1: only at the end.
    """
    count = max(1, (pairs.shape[1] - 1) // together)
    means = pairs[:, 1 : 1 + count * together].reshape(len(pairs), count, -1).mean(axis=2)
    off = np.abs(means - means[:, -1:]) > WITHIN * means[:, -1:]
    return np.where(off.any(axis=1), count - off[:, ::-1].argmax(axis=1), 0) / count


def parts(result, data, name):
    """Return for every trial: entries at the start, entries at most, and from which part on pairs are settled."""
    pairs, nonzero = (np.asarray(result[f"{data}_{name}_{key}"], float) for key in ("pairs", "nonzero"))
    return nonzero[:, 0], nonzero.max(axis=1), settled(pairs, result["settings"]["together"])


def check(result):
    settings = result["settings"]
    if "missing" in settings:
        return [Verdict("TP-Fig17-fashion", "open", None, None, None, settings["missing"])]
    numbers, digits, seen = [], [], []
    for name in settings["studies"]:
        start, most, since = parts(result, DATA, name)
        seen.append((start <= FEW) & (most >= FILLED) & (since <= LAST))
        numbers += [float(seen[-1].mean()), float(np.median(start)), float(start.max()), float(np.median(since))]
        digits.append(float(np.median(parts(result, "mnist", name)[2])))
    printed = [np.asarray(result[f"{DATA}_{name}_appendix"]).max() for name in settings["studies"]]
    epochs = np.asarray(result[f"{DATA}_slow_pairs"]).shape[1] - 1
    length = epochs * settings["steps_per_epoch"] / (5 * COLLECTION)
    whole = max(float(values.mean()) for values in seen) > 0.5
    return [
        Verdict(
            "TP-Fig17-fashion", "reproduced" if whole else "not-reproduced",
            [*numbers, *digits, float(max(printed)), result["accuracy"]],
            [1.0, 2, 2, None] * len(seen) + [None] * len(digits) + [2, None],
            [0.5, FEW, FEW, LAST] * len(seen) + [None] * len(digits) + [FEW, None],
            f"for {' and '.join(settings['studies'])}: share of seeds that start with at most {FEW} nonzero entries, "
            f"come to {FILLED}, and whose pairs off the diagonal stay within {WITHIN:g} of their last number from "
            f"{LAST:g} of the training on, or sooner; median and largest number of entries at the start; median part "
            "of the training from which on pairs stay so. Then this part for digits; most entries at the start by app. "
            f"F.1's definition; the classifier's accuracy on held-out images. The slow training is {length:.1f} of the "
            "source's epochs long",
        ),
    ]  # fmt: skip


def draw(result, fig):
    settings, palette = result["settings"], ganth.plotting.PALETTE
    if "missing" in settings:
        ganth.plotting.nothing(fig, settings["missing"])
        return
    fig.set_size_inches(12.0, 7.4)
    above, below = fig.subfigures(2, 1, height_ratios=(4.4, 3.0))
    axes = above.subplots(len(settings["studies"]), len(PARTS), squeeze=False)
    maps = {name: np.log1p(np.asarray(result[f"{DATA}_{name}_maps"], float)) for name in settings["studies"]}
    top = max(values.max() for values in maps.values()) or 1.0
    for row, (name, values) in zip(axes, maps.items(), strict=True):
        epochs = shown(np.asarray(result[f"{DATA}_{name}_pairs"]).shape[1])
        for ax in row[len(values) :]:
            ax.set_axis_off()
        for ax, one, epoch in zip(row, values, epochs, strict=False):
            mesh = ganth.plotting.heatmap(ax, range(10), range(10), one, limits=(0, top))
            ax.invert_yaxis()
            ax.set(aspect="equal", xticks=range(10), yticks=range(10))
            ax.tick_params(labelsize=6, length=0)
            ax.set_title(f"{name}, epoch {epoch}", fontsize=9)
    above.colorbar(mesh, ax=axes, label="log(1 + count)", shrink=0.8)
    panels = below.subplots(1, 3)
    for ax, key, title in zip(
        panels, ("pairs", "nonzero", "mixed"),
        ("pairs off the diagonal", "nonzero entries, of 100", "images with two classes or more"), strict=True,
    ):  # fmt: skip
        for name in settings["studies"]:
            for data, style in ((DATA, "-"), ("mnist", ":")):
                lines = np.asarray(result[f"{data}_{name}_{key}"], float)
                label = f"{name}, {'Fashion-MNIST' if data == DATA else 'digits'}"
                x = np.arange(lines.shape[1]) * settings["steps_per_epoch"]
                ganth.plotting.courses(ax, x, lines, color=palette[COLOURS[name]], ls=style, label=label)
        ax.set(xlabel="iteration", ylim=(0, None))
        ax.set_title(title, fontsize=9)
    panels[2].axhline(result["mixed"], color="black", ls="--", lw=0.8)
    panels[1].legend()
