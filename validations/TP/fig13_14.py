"""TP Figs. 1 (second row), 13 and 14, app. G.1: generated digits among real ones, at six starts and through training.

Embeds both by umap-learn where it is installed, else by the principal axes of the real ones; what is decided rests on
numbers that no embedding enters.  Writes fig13_14.json, fig13_14.png.
"""

import importlib.metadata

import numpy as np

import ganth
from ganth import nn
from ganth.claims import Verdict
from ganth.studies import TRIALS, collapse, gathered, three_phases

TITLE = "Generated digits among real ones: six starts, fitting, and what comes after"
CAPTION = (
    "Real digits in colours by label, generated ones black, in two coordinates. First row: the six starts of Fig. 14, "
    "as many latent numbers as pixels; second: a few epochs on, at the faster rates. Then seed 0 of two settings by "
    "epoch. Below, all seeds (thin; median thick): variance along the data's first three axes, of the data's; share of "
    "the data's neighbourhoods reached, of what held-out digits reach; classes covered. Dashed: the bounds of the "
    "verdict. Quick: 28 × 28, 2,000 digits (small: 200), epochs of 31 iterations, the source's of 938 on 60,000."
)
CLAIMS = ("TP-Fig1-13-14-umap",)
GROUP = "TP-images"
MINUTES = 0.5

STARTS = ("xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "orthogonal", "dirac")
FITTED = {"smoke": 1, "quick": 6, "paper": 10}
PARTS = (0, 0.1, 0.2, 0.4, 0.7, 1.0)  # of a training, at which images are placed
AXES, NEIGHBOURS, AGAINST, DRAWN = 3, 5, 500, 150
SMALL, NONE, WIDE, MUCH = 0.25, 0.05, 0.5, 0.5
NAMES = ("variance of all pixels", "variance along three axes", "neighbourhoods reached")
COLOURS = {"slow": "green", "fast": "orange", "small": "purple"}
PICTURED = ("slow", "small")


class Data:
    """Real images as what generated ones are held against."""

    def __init__(self, study):
        whole = study.images()
        probes = min(study.watched, len(whole) // 3)
        self.real, self.labels = whole.images[probes:][:AGAINST], whole.labels[probes:][:AGAINST]
        self.judge = study.classifier()
        flat = self.real.reshape(len(self.real), -1).astype(float)
        self.mean, self.total = flat.mean(axis=0), flat.var(axis=0).sum()
        self.axes = np.linalg.svd(flat - self.mean, full_matrices=False)[2][:AXES]
        self.along = self.places(self.real).var(axis=0).sum()
        self.features = self.judge.features(self.real)
        self.most = 1.0
        self.most = self.reached(whole.images[:probes])

    def places(self, images):
        """Return the coordinates of images along the first axes, (n, 3)."""
        return (images.reshape(len(images), -1) - self.mean) @ self.axes.T

    def reached(self, images):
        """Return the share of real images within whose five nearest real ones an image lies, of held-out images'."""
        return ganth.metrics.density_coverage(self.features, self.judge.features(images), NEIGHBOURS)[1] / self.most

    def spread(self, images):
        """Return the three numbers of `NAMES`, of the data's."""
        total = images.reshape(len(images), -1).var(axis=0, dtype=float).sum() / self.total
        return [total, self.places(images).var(axis=0).sum() / self.along, self.reached(images)]


def embedded(data, sets, seed):
    """Return coordinates of the real images (n, 3) and of each set of generated ones, and by what."""
    sizes = np.cumsum([len(data.real), *map(len, sets)])[:-1]
    try:
        import umap
    except ImportError:
        return [data.places(data.real), *map(data.places, sets)], "principal axes of the real digits"
    whole = np.concatenate([data.real, *sets]).reshape(sizes[-1] + len(sets[-1]), -1)
    found = umap.UMAP(n_components=AXES, random_state=seed, n_jobs=1).fit_transform(whole)
    return np.split(found, sizes), f"umap-learn {importlib.metadata.version('umap-learn')}"


def compute(profile, seed, backend, jobs):
    studies, trials = three_phases(profile), TRIALS[profile]
    data, first = Data(studies["slow"]), studies["fast"]
    count, starts, fitted, sets = first.watched, [], [], []
    for start in STARTS:
        game = start_game(first, start)
        for trial in range(trials):
            epochs = FITTED[profile] if trial == 0 else 0
            training = game.train(epochs, seed=seed, trial=trial, keep=(0,), backend=backend, threads=jobs)
            first_images = training.generate(count, epoch=0)
            starts.append(data.spread(first_images))
            if trial == 0:
                later = training.generate(count)
                sets += [first_images[:DRAWN], later[:DRAWN]]
                fitted.append(data.spread(later))
    result = {
        "starts": np.reshape(starts, (len(STARTS), trials, 3)), "fitted": np.array(fitted), "most": data.most,
        "labels": data.labels,
    }  # fmt: skip
    epochs = {}
    for name, study in studies.items():
        trainings = study.train(trials, seed=seed, jobs=jobs, backend=backend)
        epochs[name] = sorted({round(part * study.epochs / study.every) * study.every for part in PARTS})
        # One that diverged shows its last whole epoch.
        at = [[t.generate(count, epoch=int(t.kept[t.kept <= e][-1])) for e in epochs[name]] for t in trainings]
        result[f"{name}_spread"] = np.array([[data.spread(images) for images in row] for row in at])
        result[f"{name}_coverage"] = gathered(trainings)["coverage"]
        if name in PICTURED:
            sets += [images[:DRAWN] for images in at[0]]
    places, means = embedded(data, sets, seed)
    result["real"], result["generated"] = places[0][:, :2], np.array(places[1:])[:, :, :2]
    result["settings"] = {
        "embedding": means, "starts": list(STARTS), "studies": list(studies), "epochs": epochs, "trials": trials,
        "fitted": FITTED[profile], "pictured": list(PICTURED), "size": first.size, "width": first.width,
        "rates": {name: study.lr_gen for name, study in studies.items()}, "watched": count, "dtype": "float32",
    }  # fmt: skip
    return result


def start_game(study, start):
    """Return the game of a study with as many latent numbers as an image has, and another start."""
    images, pixels = study.images().images, study.size**2
    generator, discriminator = nn.dcgan(study.size, images.shape[-1], width=study.width, latent_dim=pixels)
    return ganth.ImageGAN(
        images, generator=generator, discriminator=discriminator, latent_dim=pixels, batch=study.batch, start=start,
        lr_disc=study.lr_disc, lr_gen=study.lr_gen, epoch_steps=study.epoch_steps, metric_samples=study.watched,
    )  # fmt: skip


def parts(result):
    """Return which starts are in a small region in every seed, and by setting which seeds spread, which collapse."""
    starts, spread, gone = np.asarray(result["starts"]), {}, {}
    for name in result["settings"]["studies"]:
        numbers = np.asarray(result[f"{name}_spread"])
        spread[name] = ((numbers[..., 1] > WIDE) & (numbers[..., 2] > MUCH)).any(axis=1)
        gone[name] = collapse(np.asarray(result[f"{name}_coverage"], float)) >= 0
    return ((starts[..., 1] < SMALL) & (starts[..., 2] < NONE)).all(axis=1), spread, gone


def check(result):
    starts, fitted, settings = np.asarray(result["starts"]), np.asarray(result["fitted"]), result["settings"]
    small, spread, gone = parts(result)
    shares = [[float(x.mean()) for x in part.values()] for part in (spread, gone)]
    seen = bool(small.all()), max(shares[0]) == 1.0, max(shares[1]) >= 0.5
    after = int(((fitted[:, 1] > WIDE) & (fitted[:, 2] > MUCH)).sum())
    words, names = ["yes" if true else "no" for true in seen], ", ".join(settings["studies"])
    return [
        Verdict(
            "TP-Fig1-13-14-umap", "reproduced" if all(seen) else "not-reproduced",
            [int(small.sum()), *(float(starts[..., k].max()) for k in (1, 2, 0)), after, *shares[0], *shares[1]],
            [len(small), 0.0, 0.0, None, None, *[1.0] * (2 * len(spread))],
            [len(small), SMALL, NONE, None, None, *[1.0] * len(spread), *[0.5] * len(gone)],
            f"of six starts, those at which every seed's images have under {SMALL:g} of the data's variance along its "
            f"three first axes and reach under {NONE:g} of its neighbourhoods (of what held-out digits reach); the "
            "largest of either, and of the variance of all pixels; starts with a spread above "
            f"{WIDE:g} and {MUCH:g} at epoch {settings['fitted']}, faster rates; share of seeds that come to such a "
            f"spread, and that collapse to three classes or fewer, for {names}. "
            f"Small at first: {words[0]}; over the data later: {words[1]}; collapse: {words[2]}."
            f" Coordinates of the figure, which decide nothing: {settings['embedding']}",
        ),
    ]  # fmt: skip


def draw(result, fig):
    settings, palette = result["settings"], ganth.plotting.PALETTE
    real, labels, generated = np.asarray(result["real"]), np.asarray(result["labels"]), np.asarray(result["generated"])
    fig.set_size_inches(12.0, 11.5)
    above, below = fig.subfigures(2, 1, height_ratios=(8.6, 2.9))
    above.suptitle(f"coordinates: {settings['embedding']}", fontsize=9)
    axes = above.subplots(4, len(PARTS))
    titles = [[start.replace("_", " ") for start in STARTS], [f"{settings['fitted']} epochs later"] * len(STARTS)]
    order = [*range(0, 2 * len(STARTS), 2), *range(1, 2 * len(STARTS), 2)]
    sets = [generated[order[: len(STARTS)]], generated[order[len(STARTS) :]]]
    first = 2 * len(STARTS)
    for name in settings["pictured"]:
        epochs = settings["epochs"][name]
        titles.append([f"{name}, epoch {epoch}" for epoch in epochs])
        sets.append(generated[first : first + len(epochs)])
        first += len(epochs)
    for row, words, points in zip(axes, titles, sets, strict=True):
        for ax in row[len(words) :]:
            ax.set_axis_off()
        for ax, title, black in zip(row, words, points, strict=False):
            ax.scatter(*real[:300].T, c=labels[:300], cmap="tab10", vmin=0, vmax=9, s=4, lw=0, alpha=0.7)
            ax.plot(*black.T, ".", color="black", ms=2.4)
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize=8, pad=3)
            ax.grid(False)
    along, reached, covered = below.subplots(1, 3)
    for name in settings["studies"]:
        numbers, colour = np.asarray(result[f"{name}_spread"]), palette[COLOURS[name]]
        epochs, coverage = settings["epochs"][name], np.asarray(result[f"{name}_coverage"], float)
        ganth.plotting.courses(along, epochs, numbers[..., 1], color=colour, label=name)
        ganth.plotting.courses(reached, epochs, numbers[..., 2], color=colour, label=name)
        ganth.plotting.courses(covered, np.arange(coverage.shape[1]), coverage, color=colour, label=name)
    for ax, title, bounds in ((along, NAMES[1], (SMALL, WIDE)), (reached, NAMES[2], (NONE, MUCH)), (covered, "", ())):
        for bound in bounds:
            ax.axhline(bound, color="black", lw=0.8, ls="--")
        ax.set(xlabel="epoch", ylim=(0, None))
        ax.set_title(title or "classes covered", fontsize=9)
    covered.legend()
