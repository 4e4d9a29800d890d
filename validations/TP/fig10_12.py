"""TP Figures 10 to 12, appendices E and F.2: how far apart the labels of image data sets are, and their variances.

Heat maps of the Frobenius distances of label means; the largest of them, k_s, by all images and by many draws of ten a
label; the variance by every definition; bandwidths and thresholds that follow.  The digits that come with ganth always;
MNIST, Fashion-MNIST and CIFAR-10 where ganth.targets.images.load finds their files.  Theory: ten images a label of
total variance s^2 add about 2 s^2/10 to the squared distance of two means.  Writes fig10_12.json, fig10_12.png.
"""

import math

import numpy as np

import ganth
from ganth import streams
from ganth.claims import Verdict
from ganth.errors import DataUnavailableError
from ganth.metrics import mode_distances
from ganth.targets import images

TITLE = "How far apart the labels of image data sets are, and how wide"
CAPTION = (
    "Top: distances of the mean images of labels, all images, at 64 × 64 in [−1, 1], of the data sets whose files are "
    "there; the diagonal, 0, left blank; × the farthest pair, ○ the digits 1 and 7. (k) Largest distance of two label "
    "means by draws of ten images a label, as the source takes them: range (thin), central 95 % (thick), mean (bar); "
    "by all images (crosses); printed (dots). (v) Average variance of a label by definition; printed (dots). "
    "(t) Thresholds k_s/(2σ) with the k_s of all images; printed (dots)."
)
CLAIMS = (
    "TP-Fig10-12-heatmaps", "TP-S3.1-one-seven", "TP-Num-ks-mnist", "TP-Num-ks-fashion", "TP-Num-var", "TP-Num-cifar",
)  # fmt: skip
GROUP = "TP-images"
MINUTES = 0.3

SETS = ("mnist-sample", "mnist", "fashion-mnist", "cifar-10")
SIZE, EACH = 64, 10
PRINTED_SCALE = {"mnist": 33.7, "fashion-mnist": 48.1, "cifar-10": 38.0}
PRINTED_VARIANCE = {"mnist": 0.33, "fashion-mnist": 0.33, "cifar-10": 0.23}
PRINTED_THRESHOLD = {"mnist": 1877.0, "fashion-mnist": 2679.0, "cifar-10": 4391.0}
SCALE_DIGIT, VARIANCE_DIGIT = 0.05, 0.005  # half a unit of the last printed digit
# Of one label's images, averaged over labels: of all their entries; about the label's mean image; of one image.
VARIANCES = ("entries", "within", "one image")
SCALES = ("farthest, all images", "farthest, ten images", "median", "closest")
DEVIATIONS = ("entries / their number", *VARIANCES, "within, total")  # what h = sqrt(2) sigma is made of
DRAWS = {"smoke": 20, "quick": 400, "paper": 4000}
LIMIT = {"smoke": 1500, "quick": None, "paper": None}
BLOCK = 500


def found_sets(profile):
    """Return what is there, by name, and why the others are not."""
    there, missing = {"mnist-sample": images.sample()}, {}
    for name in SETS[1:]:
        try:
            there[name] = images.load(name, limit=LIMIT[profile])
        except DataUnavailableError as error:
            missing[name] = str(error)
    return there, missing


def moments(data, size):
    """Return the sum and the sum of squares of the entries of each image at a size."""
    rows = []
    for first in range(0, len(data), BLOCK):
        block = images.resize(data.images[first : first + BLOCK], size).reshape(-1, size * size * data.images.shape[-1])
        block = block.astype(np.float64)
        rows.append(np.stack([block.sum(axis=1), np.einsum("ij,ij->i", block, block)]))
    return np.concatenate(rows, axis=1)


def measured(data, sums, chosen, size):
    """Return distances of label means and the variances of VARIANCES, from the images `chosen` of each label."""
    entries = size * size * data.images.shape[-1]
    means = np.array([data.images[at].mean(axis=0, dtype=np.float64) for at in chosen])
    means = images.resize(means, size).reshape(len(chosen), -1)  # resizing is linear: the means of resized images
    rows = []
    for at, mean in zip(chosen, means, strict=True):
        total, squares = sums[:, at]
        rows.append([
            squares.mean() / entries - (total.mean() / entries) ** 2,
            (squares.mean() - mean @ mean) / entries,
            (squares / entries - (total / entries) ** 2).mean(),
        ])  # fmt: skip
    return mode_distances(means, np.arange(len(means))), np.mean(rows, axis=0)


def drawn(labels, seed, trial):
    """Return the indices of EACH images of each label, drawn without replacement."""
    order = streams.uniform(seed, len(labels), trial=trial)
    return [at[np.argsort(order[at])[:EACH]] for at in (np.flatnonzero(labels == k) for k in range(10))]


def rank_of(distances, i, j):
    """Return which place a pair has among all, the closest first."""
    upper = distances[np.triu_indices(len(distances), 1)]
    return 1 + int((upper < distances[i, j]).sum())


def compute(profile, seed, backend, jobs):
    there, missing = found_sets(profile)
    result = {
        "settings": {
            "sets": list(there), "images": {name: len(data) for name, data in there.items()},
            "files": {name: list(data.files) for name, data in there.items()}, "each": EACH, "draws": DRAWS[profile],
            "classes": {name: list(data.classes) for name, data in there.items()}, "missing": sorted(missing),
            "scales": list(SCALES), "deviations": list(DEVIATIONS),
        },
    }  # fmt: skip
    for name, data in there.items():
        native = data.images.shape[1]
        whole = [np.flatnonzero(data.labels == k) for k in range(10)]
        for size in (native, SIZE):
            sums = moments(data, size)
            distances, variances = measured(data, sums, whole, size)
            largest, of_draws, ranks = [], [], []
            for trial in range(DRAWS[profile]):
                ten, spread = measured(data, sums, drawn(data.labels, seed, trial), size)
                largest.append(ten.max())
                of_draws.append(spread)
                ranks.append(rank_of(ten, 1, 7))
            upper = distances[np.triu_indices(10, 1)]
            entries = size * size * data.images.shape[-1]
            scales = np.array([upper.max(), np.mean(largest), np.median(upper), upper.min()])
            deviations = np.sqrt([variances[0] / entries, *variances, variances[1] * entries])
            key = f"{name}_{'native' if size == native else size}"
            result |= {
                f"{key}_distances": distances, f"{key}_variances": variances, f"{key}_largest": np.array(largest),
                f"{key}_draws": np.array(of_draws), f"{key}_ranks": np.array(ranks), f"{key}_scales": scales,
                f"{key}_bandwidths": math.sqrt(2) * deviations, f"{key}_entries": entries,
                f"{key}_thresholds": scales[:, None] / (2 * deviations),
            }  # fmt: skip
    return result


def interval(values):
    return np.quantile(np.asarray(values, dtype=float), [0.025, 0.975])


def by_definition(result, name):
    """Return variances by definition, at both sizes, of all images: per entry, total, and per entry in [0, 1]."""
    found = {}
    for key in ("native", str(SIZE)):
        entries, label = int(result[f"{name}_{key}_entries"]), result["settings"]["images"][name] / 10
        for word, value in zip(VARIANCES, np.asarray(result[f"{name}_{key}_variances"], dtype=float), strict=True):
            found |= {f"{word}, {key}": value, f"{word}, {key}, in [0, 1]": value / 4}
            found[f"{word}, {key}, total"] = value * entries
        within = found[f"within, {key}"]
        found[f"within, {key}, sample"] = within * label / (label - 1)
    return found


def scale_verdict(claim, result, name):
    """Decide whether a printed k_s is that of draws of ten images a label, of all images, or of neither."""
    printed = PRINTED_SCALE[name]
    of = name if name in result["settings"]["sets"] else "mnist-sample"
    largest = np.asarray(result[f"{of}_{SIZE}_largest"], dtype=float)
    low, high = interval(largest)
    whole = float(np.asarray(result[f"{of}_{SIZE}_distances"]).max())
    native = np.asarray(result[f"{of}_native_scales"], dtype=float)[:2].tolist()
    if high - low <= 2 * SCALE_DIGIT and low <= printed <= high:
        verdict = "holds"
    elif low <= printed <= high or abs(whole - printed) <= SCALE_DIGIT:
        verdict = "corrected"  # a draw of many, or the number of all images
    else:
        verdict = "false"
    return Verdict(
        claim, verdict,
        [float(largest.mean()), float(largest.std()), float(low), float(high), float((largest < printed).mean()), whole,
         *native],
        [printed, 0.0, printed, printed, None, printed, None, None],
        [None, SCALE_DIGIT, SCALE_DIGIT, SCALE_DIGIT, None, SCALE_DIGIT, None, None],
        f"{of}, {result['settings']['images'][of]} images: largest distance of label means of ten images at 64 x 64 "
        f"over {len(largest)} draws, mean, standard deviation, central 95 percent, share of draws below the printed "
        "number; by all images; at the native size by all images and as mean of the draws",
    )  # fmt: skip


def missing_verdict(claim, names, measured=None, expected=None):
    files = {"mnist": "MNIST's IDX files", "fashion-mnist": "Fashion-MNIST's IDX files",
             "cifar-10": "CIFAR-10's binary batches (data_batch_1.bin ...)"}  # fmt: skip
    wanted = " and ".join(files[name] for name in names)
    return Verdict(
        claim, "open", measured, expected, None, f"needs {wanted}, in the folder that GANTH_DATA names: not there"
    )


def variance_verdict(result, names, sets):
    """Decide whether one definition gives the printed variances of all sets, some definition each, or none."""
    tables = {name: by_definition(result, of) for name, of in zip(names, sets, strict=True)}
    hits = {
        name: {key for key, value in table.items() if abs(value - PRINTED_VARIANCE[name]) <= VARIANCE_DIGIT}
        for name, table in tables.items()
    }
    chance = {}
    for name, of in zip(names, sets, strict=True):
        for at, word in enumerate(VARIANCES):
            low, high = interval(np.asarray(result[f"{of}_{SIZE}_draws"])[:, at])
            if low - VARIANCE_DIGIT <= PRINTED_VARIANCE[name] <= high + VARIANCE_DIGIT:
                chance.setdefault(name, set()).add(word)
    if set.intersection(*hits.values()):
        verdict = "holds"
    elif all(hits[name] or name in chance for name in names):
        verdict = "corrected"
    else:
        verdict = "false"
    nearest = {name: min(table, key=lambda key: abs(table[key] - PRINTED_VARIANCE[name]))
               for name, table in tables.items()}  # fmt: skip
    shown = [*(f"{word}, {SIZE}" for word in VARIANCES), f"within, {SIZE}, total"]
    listed = [[float(table[key]) for key in shown] for table in tables.values()]
    return verdict, listed, nearest, hits, chance


def check(result):
    sets = list(result["settings"]["sets"])
    lost = [name for name in SETS[1:] if name not in sets]
    digits = "mnist" if "mnist" in sets else "mnist-sample"
    distances = np.asarray(result[f"{digits}_{SIZE}_distances"], dtype=float)
    rank, ranks = rank_of(distances, 1, 7), np.asarray(result[f"{digits}_{SIZE}_ranks"])
    upper = distances[np.triu_indices(10, 1)]
    verdicts = []
    if heat_lost := [name for name in lost if name != "mnist"]:
        verdicts.append(missing_verdict("TP-Fig10-12-heatmaps", heat_lost))
    else:
        shares = []
        for name, printed in PRINTED_SCALE.items():
            of = name if name in sets else "mnist-sample"
            shares.append(float((np.asarray(result[f"{of}_{SIZE}_largest"], dtype=float) < printed).mean()))
        verdicts.append(Verdict(
            "TP-Fig10-12-heatmaps", "reproduced" if all(0.005 <= s <= 0.995 for s in shares) else "not-reproduced",
            shares, None, [0.005, 0.995],
            "MNIST, Fashion-MNIST, CIFAR-10: share of draws of ten images a label whose largest distance is below the "
            "printed one; the numbers in the printed heat maps are not in the text",
        ))  # fmt: skip
    verdicts.append(Verdict(
        "TP-S3.1-one-seven", "holds" if rank <= 5 else "corrected" if rank <= len(upper) // 2 else "false",
        [rank, float(distances[1, 7]), float(upper.min()), float(np.median(upper)), float(upper.max()),
         float(np.median(ranks)), float((ranks <= 5).mean())],
        ["<= 5", None, None, None, None, "<= 5", 1.0], [5, None, None, None, None, 5, None],
        f"{digits}: place of the pair (1, 7) among {len(upper)}, the closest first; its distance, the least, the "
        f"median, the largest, at 64 x 64; over {len(ranks)} draws of ten images a label, the median place and the "
        "share of draws where it is among the five closest",
    ))  # fmt: skip
    verdicts.append(scale_verdict("TP-Num-ks-mnist", result, "mnist"))
    if "fashion-mnist" in sets:
        verdicts.append(scale_verdict("TP-Num-ks-fashion", result, "fashion-mnist"))
        verdict, listed, nearest, hits, chance = variance_verdict(
            result, ["mnist", "fashion-mnist"], [digits, "fashion-mnist"]
        )
        verdicts.append(Verdict(
            "TP-Num-var", verdict,
            [*listed, *nearest.values(), *(len(found) for found in hits.values())],
            [[0.33, None, None, None], [0.33, None, None, None], None, None, None, None], VARIANCE_DIGIT,
            f"{digits}, then Fashion-MNIST, at 64 x 64, average over labels: variance of all entries, about the "
            "label's mean image, of one image, total about the mean; then the definition that comes nearest to 0.33, "
            "of sizes, [0, 1] or [-1, 1], total or per entry; how many give it, for each set. By draws of ten images: "
            + "; ".join(f"{name}: {', '.join(sorted(chance.get(name, ['none'])))}" for name in hits),
        ))  # fmt: skip
    else:
        verdicts.append(missing_verdict("TP-Num-ks-fashion", ["fashion-mnist"]))
        own = np.asarray(result[f"{digits}_{SIZE}_variances"], dtype=float).tolist()
        verdicts.append(missing_verdict("TP-Num-var", ["fashion-mnist"], own, [0.33, None, None]))
    if "cifar-10" in sets:
        verdict, listed, nearest, hits, chance = variance_verdict(result, ["cifar-10"], ["cifar-10"])
        scale = scale_verdict("TP-Num-cifar", result, "cifar-10")
        both = "false" if "false" in (verdict, scale.verdict) else scale.verdict if verdict == "holds" else "corrected"
        verdicts.append(Verdict(
            "TP-Num-cifar", both, [*scale.measured, *listed[0], nearest["cifar-10"]], [*scale.expected, 0.23], None,
            scale.how + "; then the variance: of all entries, about the mean image, of one image, total; the "
            "definition that comes nearest",
        ))  # fmt: skip
    else:
        verdicts.append(missing_verdict("TP-Num-cifar", ["cifar-10"]))
    return verdicts


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    sets = list(result["settings"]["sets"])
    words = {
        "mnist-sample": "MNIST, packaged",
        "mnist": "MNIST",
        "fashion-mnist": "Fashion-MNIST",
        "cifar-10": "CIFAR-10",
    }
    fig.set_size_inches(3.8 * max(3, len(sets)), 7.8)
    top, bottom = fig.subfigures(2, 1, height_ratios=(1.15, 1))
    fig.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    for ax, name in zip(np.atleast_1d(top.subplots(1, len(sets))), sets, strict=True):
        distances = np.array(result[f"{name}_{SIZE}_distances"], dtype=float)
        i, j = (int(at) for at in np.unravel_index(distances.argmax(), distances.shape))
        np.fill_diagonal(distances, np.nan)
        mesh = ganth.plotting.heatmap(ax, np.arange(10), np.arange(10), distances)
        top.colorbar(mesh, ax=ax, label="distance of mean images", shrink=0.75)
        ax.plot([i, j], [j, i], "x", color="black", ms=6, mew=1.5)
        if name.startswith("mnist"):
            ax.plot([1, 7], [7, 1], "o", mfc="none", color="white", ms=9, mew=2)
        classes = result["settings"]["classes"][name]
        ax.set_aspect("equal")
        ax.invert_yaxis()
        ax.set_xticks(range(10), classes, rotation=90 if max(map(len, classes)) > 1 else 0, fontsize=7)
        ax.set_yticks(range(10), classes, fontsize=7)
        ax.set_title(
            f"{words[name]}, {result['settings']['images'][name]:,} images\nlargest {np.nanmax(distances):.1f}"
        )
    scales, widths, limits = bottom.subplots(1, 3)
    for at, name in enumerate(sets):
        largest = np.asarray(result[f"{name}_{SIZE}_largest"], dtype=float)
        scales.plot([at, at], [largest.min(), largest.max()], color=palette["blue"], lw=1)
        scales.plot([at, at], interval(largest), color=palette["blue"], lw=6, solid_capstyle="butt", label="ten images")
        scales.plot(at, largest.mean(), "_", color="black", ms=16, mew=2, label="their mean")
        whole = np.asarray(result[f"{name}_{SIZE}_scales"], dtype=float)[0]
        scales.plot(at + 0.2, whole, "x", color=palette["vermillion"], ms=8, mew=2, label="all images")
        of = np.asarray(result[f"{name}_{SIZE}_variances"], dtype=float)
        for value, word, mark, hue in zip(of, VARIANCES, "sx^", ("blue", "vermillion", "green"), strict=True):
            widths.plot(at, value, mark, color=palette[hue], ms=8, mew=2, mfc="none", label=word)
        found = np.asarray(result[f"{name}_{SIZE}_thresholds"], dtype=float)[0]
        for which, mark, hue in ((0, "+", "purple"), (1, "s", "blue"), (2, "x", "vermillion"), (4, "v", "sky")):
            limits.semilogy(
                at, found[which], mark, color=palette[hue], ms=8, mew=2, mfc="none", label=DEVIATIONS[which]
            )
        printed = name.removesuffix("-sample")
        for ax, table in ((scales, PRINTED_SCALE), (widths, PRINTED_VARIANCE), (limits, PRINTED_THRESHOLD)):
            ax.plot(at - 0.2, table[printed], "o", color="black", ms=6, label="printed")
    scales.set(ylabel="largest distance of label means", title="(k) $k_s$ at 64 × 64")
    widths.set(ylabel="variance per entry", title="(v) variance of a label at 64 × 64", ylim=(0, None))
    limits.set(ylabel="threshold $k_s$ / (2σ)", title="(t) threshold, by what σ² is")
    for ax in (scales, widths, limits):
        ax.set_xticks(range(len(sets)), [words[name].replace(", ", ",\n").replace("-M", "-\nM") for name in sets])
        ax.set_xlim(-0.6, len(sets) - 0.4)
        handles, labels = ax.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))
        ax.legend(once.values(), once.keys(), fontsize=7.5, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))
