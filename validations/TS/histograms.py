"""TS sections 10 and A.9: class histograms, the two directions of chi^2, and latent traversals.

Histogram distances as a class dies out and when modes within classes do; generators that map many latents alike and
cover everything.  Writes histograms.json, histograms.png.
"""

import numpy as np

import ganth
from ganth import metrics
from ganth.claims import Verdict
from ganth.targets import GaussianMixture

TITLE = "Class histograms see classes, in one direction without bound; latent traversals see neither"
CAPTION = (
    "(a) One of ten even classes dies out: total variation and χ² over the real shares stay small, χ² over the "
    "generated shares grows "
    "like 0.1²/share. (b) Two classes of four modes each: a generator that drops three modes of each has an even "
    "histogram, recall "
    "sees it. (c) The histogram distance of finite samples of the data themselves: the size of what is "
    "noise. (d) A "
    "generator with 32 latents of which 30 do nothing covers eight modes evenly; one that uses all of them covers one."
)
CLAIMS = ("TS-S10-class-histogram", "TS-A9-histogram", "TS-S10-latent")
MINUTES = 0.02

SHARES = 0.1 * 10.0 ** -np.arange(0, 8.5, 0.5)
COUNT = {"smoke": 200, "quick": 1000, "paper": 10_000}
DISTANCES = ("total_variation", "chi2", "chi2_reverse")
LATENTS = 32


def dying():
    """Return the three distances as one of ten classes goes down to a share, (n, 3)."""
    rows = []
    for share in SHARES:
        fake = np.full(10, (1 - share) / 9)
        fake[0] = share
        rows.append([metrics.class_histogram_distance(np.full(10, 0.1), fake, d) for d in DISTANCES])
    return np.array(rows)


def within(count, seed, *, backend):
    """Return histogram distance and recall of generators that keep 1 to 4 of the 4 modes of each class, (4, 2)."""
    ring = GaussianMixture.ring(8, 2.0, 0.01)  # modes 0 to 3 are class 0, 4 to 7 class 1
    real = ring.sample(count, seed)
    rows = []
    for modes in (1, 2, 3, 4):
        chosen = np.concatenate([np.arange(modes), 4 + np.arange(modes)])
        fake = GaussianMixture(ring.means[chosen], 0.01).sample(count, seed, step=modes)
        label = [(((x[:, None] - ring.means) ** 2).sum(-1).argmin(1) >= 4) for x in (real, fake)]
        counts = [np.bincount(v.astype(int), minlength=2) for v in label]
        rows.append(
            [metrics.class_histogram_distance(*counts), metrics.precision_recall(real, fake, 5, backend=backend)[1]]
        )
    return np.array(rows)


def noise_floor(count, seed):
    """Return the mean total variation of two samples of ten even classes, by their size, (n, 2)."""
    rng, sizes = np.random.default_rng(seed), np.geomspace(20, 20 * count, 9).astype(int)
    return np.array(
        [
            [
                n,
                np.mean(
                    [metrics.class_histogram_distance(*rng.multinomial(n, np.full(10, 0.1), size=2)) for _ in range(20)]
                ),
            ]
            for n in sizes
        ]
    )


def traversals(count, seed):
    """Return, of two generators, the part of latent directions that change the output, and the modes covered."""
    ring = GaussianMixture.ring(8, 2.0, 0.01)
    z = np.random.default_rng(seed).normal(size=(count, LATENTS))

    def idle(z):  # two latents choose everything
        angle = np.arctan2(z[:, 1], z[:, 0])
        mode = np.floor((angle + np.pi) / (2 * np.pi) * 8).astype(int) % 8
        return ring.means[mode] + 0.1 * np.column_stack([np.tanh(z[:, 0]), np.tanh(z[:, 1])])

    mixing = np.random.default_rng(1).normal(size=(LATENTS, 2)) / np.sqrt(LATENTS)

    def busy(z):  # every latent moves the point, about one mode
        return ring.means[0] + 0.1 * np.tanh(z @ mixing)

    rows = []
    for generator in (idle, busy):
        base, live = generator(z), 0
        for axis in range(LATENTS):
            moved = z.copy()
            moved[:, axis] += 1.0
            live += np.abs(generator(moved) - base).max() > 1e-9
        rows.append([live / LATENTS, (ring.shares(base) >= 1 / 32).sum(), metrics.mode_collapse(base, ring.means)])
    return np.array(rows, dtype=float)


def compute(profile, seed, backend, jobs):
    count = COUNT[profile]
    gone = np.full(10, 1 / 9)
    gone[0] = 0
    return {
        "settings": {"count": count, "latents": LATENTS},
        "dying": dying(),
        "gone": [str(metrics.class_histogram_distance(np.full(10, 0.1), gone, d)) for d in DISTANCES],
        "within": within(count, seed, backend=backend),
        "floor": noise_floor(count, seed),
        "traversals": traversals(count, seed),
    }


def check(result):
    dying, within, latent = (np.asarray(result[k], dtype=float) for k in ("dying", "within", "traversals"))
    gone = [str(v) for v in result["gone"]]
    bounded = float(dying[:, :2].max())
    slope = float(np.log(dying[-1, 2] / dying[-5, 2]) / np.log(SHARES[-1] / SHARES[-5]))
    return [
        Verdict(
            "TS-S10-class-histogram",
            "corrected" if within[0, 0] < 0.1 and within[0, 1] < 0.4 and float(gone[0]) > 0.09 else "open",
            [float(gone[0]), within[0].tolist(), within[-1].tolist()],
            [0.1, ["> 0", "1/4"], ["0", "1"]],
            None,
            "total variation when one of ten classes is gone: it shows; and when three of four modes of each of two "
            "classes are gone, "
            "with recall beside it: an even histogram; the same with all modes. It reveals dropped classes, not "
            "modes within them",
        ),
        Verdict(
            "TS-A9-histogram",
            "corrected" if bounded < 0.2 and abs(slope + 1) < 0.01 and gone[2] == "inf" else "open",
            [bounded, slope, *gone],
            ["bounded", -1.0, 0.1, 1 / 9, "inf"],
            [None, 0.01, None, None, None],
            "largest total variation and chi^2 over real shares as a class of ten dies; power with which chi^2 over "
            "generated shares "
            "grows; the three when it is gone: the direction decides",
        ),
        Verdict(
            "TS-S10-latent",
            "false" if latent[0, 0] < 0.1 and latent[0, 1] == 8 and latent[1, 0] == 1 and latent[1, 1] == 1 else "open",
            latent.tolist(),
            [["few", "few", "> 0"], ["all", "all", 0.0]],
            None,
            "part of latent directions that move the output, modes covered of 8, ED's mode-collapse metric: a "
            "generator that ignores "
            "30 of 32 latents covers all, one that uses each of them covers one",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    dying, within, floor, latent = (
        np.asarray(result[k], dtype=float) for k in ("dying", "within", "floor", "traversals")
    )
    fig.set_size_inches(12, 3.4)
    one, two, three, four = fig.subplots(1, 4)
    for column, (label, hue) in enumerate(
        (("total variation", "blue"), ("χ² over real", "orange"), ("χ² over generated", "vermillion"))
    ):
        one.loglog(SHARES, np.maximum(dying[:, column], 1e-4), "o-", ms=3, color=colours[hue], label=label)
    one.set(xlabel="share of one of ten classes", title="(a) a class dies out")
    one.legend(fontsize=8)
    two.plot([1, 2, 3, 4], within[:, 0], "o-", color=colours["blue"], label="total variation")
    two.plot([1, 2, 3, 4], within[:, 1], "o-", color=colours["vermillion"], label="recall")
    two.set(xlabel="modes kept of 4 in each class", title="(b) within classes", ylim=(-0.03, 1.05))
    two.legend()
    three.loglog(floor[:, 0], floor[:, 1], "o-", ms=4, color=colours["blue"])
    three.set(xlabel="samples", ylabel="total variation", title="(c) of the data themselves")
    at = np.arange(2)
    four.bar(at - 0.2, latent[:, 0], width=0.38, color=colours["sky"], label="latents that matter")
    four.bar(at + 0.2, latent[:, 1] / 8, width=0.38, color=colours["green"], label="modes covered")
    four.set_xticks(at, ["30 of 32 idle", "all in use"])
    four.set(title="(d) traversals", ylim=(0, 1.35), ylabel="part")
    four.legend(fontsize=8)
