"""TP Figs. 6 and 16, sec. 6.1, app. F.1: pair heatmaps of generated digits through fitting, refining and collapsing.

Trains NSGAN on digits at three settings, four trials each, and counts in 256 images an epoch which classes a classifier
sees together, by both definitions.  Theory: none; what is a phase is told below.  Writes fig06_16.json, fig06_16.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.studies import TRIALS, gathered, three_phases

TITLE = "Pairs of classes in generated digits: fitting, refining, collapsing?"
CAPTION = (
    "Top: log(1 + number of 256 images with p_i and p_j above 0.01), first trial of each setting, by epoch (quick: of "
    "31 iterations on 2,000 digits of 28x28; the source's are of 938 on 60,000 of 64x64). Below, all trials: nonzero "
    "entries of 100; pairs off the diagonal; share of images with two (lines) and with more than three (dotted) "
    "classes above 0.01, dashed: of held-out real digits; the diagonal by sec. 6.1 (lines) and by app. F.1 (dotted)."
)
CLAIMS = ("TP-Fig6-16-mnist", "TP-Num-three-classes", "TP-S6.1-pairs")
GROUP = "TP-images"
MINUTES = 2.6  # with the trainings, which other figures share

FEW_AT_START, FILLED, REFINED, FEW_AT_END = 10, 50, 0.8, 4
SHOWN = 5
COLOURS = {"slow": "blue", "fast": "orange", "small": "purple"}


def compute(profile, seed, backend, jobs):
    studies = three_phases(profile)
    first = next(iter(studies.values()))
    real = first.trial()
    found = {
        "settings": {
            "dtype": "float32", "watched": first.watched, "steps_per_epoch": first.game().steps_per_epoch,
            "size": first.size, "width": first.width, "batch": first.batch,
            "trials": TRIALS[profile],
            "epochs": {name: study.epochs for name, study in studies.items()},
            "images": {name: len(study.game().images) for name, study in studies.items()},
            "rates": {name: study.lr_gen for name, study in studies.items()},
        },
        **{f"real_{name}": float(real[name]) for name in ("accuracy", "mixed", "crowded")},
    }  # fmt: skip
    for name, study in studies.items():
        course = gathered(study.train(TRIALS[profile], seed=seed, jobs=jobs, backend=backend))
        section, appendix = course["pairs_section"], course["pairs_appendix"]
        upper = np.triu(np.ones(section.shape[-2:], bool), 1)
        found |= {
            f"{name}_first": section[0, epochs_shown(section.shape[1])],
            f"{name}_nonzero": (section > 0).sum(axis=(2, 3)),
            f"{name}_pairs": section[:, :, upper].sum(axis=2),
            f"{name}_diagonal": np.stack([np.trace(p, axis1=2, axis2=3) for p in (section, appendix)]),
            f"{name}_same": bool((section[:, :, upper] == appendix[:, :, upper]).all()),
            **{f"{name}_{key}": course[key] for key in ("mixed", "crowded", "frechet", "coverage")},
        }
    return found


def epochs_shown(records):
    """Return epochs from the start to the end, denser at the start, as in the source."""
    return np.unique(np.round((records - 1) * np.array([0, 0.05, 0.1, 0.3, 1.0])).astype(int))


def parts(result, name):
    """Return for every trial which parts it shows: few entries, many, fewer pairs but some, hardly any at the end."""
    nonzero, pairs = np.asarray(result[f"{name}_nonzero"], float), np.asarray(result[f"{name}_pairs"], float)
    tail = slice(-max(1, nonzero.shape[1] // 10), None)
    last = np.median(pairs[:, tail], axis=1)
    return {
        "few entries at the start": nonzero[:, 0] <= FEW_AT_START,
        "filled": nonzero.max(axis=1) >= FILLED,
        "refined": (last <= REFINED * pairs.max(axis=1)) & (last > 0),
        "collapsed": np.median(nonzero[:, tail], axis=1) <= FEW_AT_END,
    }


def check(result):
    names = list(result["settings"]["rates"])
    found = {name: parts(result, name) for name in names}
    shares = [float(values.mean()) for name in names for values in found[name].values()]
    whole = [np.logical_and.reduce(list(found[name].values())).mean() for name in names]
    crowded = [np.asarray(result[f"{name}_crowded"]) for name in names]
    middle = [float(np.median(x[:, x.shape[1] // 2 :])) for x in crowded]
    section, appendix = (sum(np.asarray(result[f"{name}_diagonal"])[k].sum() for name in names) for k in (0, 1))
    same = all(result[f"{name}_same"] for name in names)
    return [
        Verdict(
            "TP-Fig6-16-mnist", "reproduced" if max(whole) > 0.5 else "not-reproduced", shares, [1.0] * len(shares),
            0.5,
            f"share of trials, for {' and '.join(names)}, that start with at most {FEW_AT_START} nonzero entries of "
            f"100; that reach {FILLED}; whose pairs off the diagonal end at {REFINED:g} of their maximum or less, not "
            f"at 0; that end with at most {FEW_AT_END} nonzero entries. Fitting and refining are decided by the first "
            "three, collapsing by the fourth",
        ),
        Verdict(
            "TP-Num-three-classes", "holds" if max(middle) < 0.05 else "false" if min(middle) > 0.25 else "heuristic",
            [*middle, result["real_crowded"], result["real_accuracy"]], [0.0] * len(middle) + [None, None],
            [0.05] * len(middle) + [None, None],
            f"median share of generated images with more than three probabilities above 0.01, second half of the "
            f"epochs, for {' and '.join(names)}; the same of held-out real digits; the classifier's accuracy on these. "
            "The number is one of the classifier as much as of the images",
        ),
        Verdict(
            "TP-S6.1-pairs", "corrected" if same and section > appendix else "holds",
            [float(section), float(appendix), float(same)], [float(section)] * 2 + [1.0], [0, 0, 0],
            "sum of the diagonals over all epochs and trials by the section and by the appendix, which are to be equal "
            "if there is one definition; whether all other entries are",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette, names = ganth.plotting.PALETTE, list(result["settings"]["rates"])
    fig.set_size_inches(11.0, 2.1 * len(names) + 5.6)
    rows, below = fig.subfigures(2, 1, height_ratios=(2.1 * len(names), 5.6))
    axes = rows.subplots(len(names), SHOWN, squeeze=False)
    top = max(np.log1p(np.asarray(result[f"{name}_first"], float)).max() for name in names)
    for row, name in zip(axes, names, strict=True):
        maps = np.log1p(np.asarray(result[f"{name}_first"], float))
        epochs = epochs_shown(np.asarray(result[f"{name}_nonzero"]).shape[1])
        for ax, one, epoch in zip(row, maps, epochs, strict=False):
            mesh = ax.imshow(one, cmap="cividis", vmin=0, vmax=top)
            ax.grid(False)
            ax.set(title=f"{name}: epoch {epoch}", xticks=range(0, 10, 3), yticks=range(0, 10, 3))
        for ax in row[len(maps) :]:
            ax.set_axis_off()
        fig.colorbar(mesh, ax=row, label="log(1 + count)")
    panels = below.subplots(2, 2)
    for name in names:
        colour = palette[COLOURS[name]]
        rate, count = result["settings"]["rates"][name], result["settings"]["images"][name]
        label = f"{name}: rate {rate:g}, {count:,} images"
        for k, (ax, key) in enumerate(zip(panels.flat, ("nonzero", "pairs", "mixed"), strict=False)):
            lines = np.asarray(result[f"{name}_{key}"], float)
            for j, line in enumerate(lines):
                ax.plot(line, color=colour, lw=0.9, label=label if j == k == 0 else None)
        for line in np.asarray(result[f"{name}_crowded"], float):
            panels[1, 0].plot(line, ":", color=colour, lw=0.9)
        for style, lines in zip(("-", ":"), np.asarray(result[f"{name}_diagonal"], float), strict=True):
            for line in lines:
                panels[1, 1].plot(line, style, color=colour, lw=0.9)
    panels[0, 0].legend()
    panels[1, 0].axhline(result["real_mixed"], color="black", ls="--", lw=1)
    for ax, title in zip(
        panels.flat,
        ("nonzero entries, of 100", "pairs off the diagonal", "share of images: two and more, more than three",
         "sum of the diagonal: sec. 6.1, app. F.1"),
        strict=True,
    ):  # fmt: skip
        ax.set(xlabel="epoch", title=title)
