"""TS appendices A.5 and A.6: what minibatch features show of a collapse, and what feature matching does not.

The features of batches from one mode to eight; moments of laws that differ; RemedyGANs with feature matching and
without.  Writes minibatch.json, minibatch.png.
"""

import numpy as np

import ganth
from ganth import nn
from ganth.claims import Verdict
from ganth.targets import GaussianMixture

TITLE = "Minibatch features see a collapse; feature matching may be content with one"
CAPTION = (
    "(a) Minibatch-discrimination feature M/B and batch deviation of 64 samples from k of eight modes, 20 batches "
    "each, the "
    "former with unit-length projections. (b) Copies: M reaches the size of the batch, the deviation 0. (c) Feature "
    "matching loss of "
    "three generators for two modes at ±1 by its features: with x and x² a point mass at +1 and −1 in turn is exact; "
    "with x² alone "
    "total collapse to +1 has loss 0. (d) Modes covered by RemedyGANs on the ring, with feature matching and "
    "without, one dot a seed."
)
CLAIMS = ("TS-A5-features", "TS-A6-fm")
MINUTES = 0.06

BATCHES = {"smoke": 5, "quick": 20, "paper": 100}
BATCH = 64
STEPS = {"smoke": 15, "quick": 400, "paper": 6000}
TRIALS = {"smoke": 2, "quick": 4, "paper": 16}
GAMES = {"plain": {}, "feature matching": {"feature_matching": 1.0}, "minibatch deviation": {"minibatch": "deviation"}}
FEATURES = {"x": lambda x: x, "x²": lambda x: x**2, "x, x²": lambda x: np.concatenate([x, x**2], axis=1),
            "x, x², x⁴": lambda x: np.concatenate([x, x**2, x**4], axis=1)}  # fmt: skip
GENERATORS = {
    "both modes": np.array([[-1.0], [1.0]]),
    "collapse to +1": np.array([[1.0], [1.0]]),
    "collapse to 0": np.zeros((2, 1)),
}


def features(seed, batches):
    """Return M/B and the deviation of batches from 1 to 8 modes, (8, batches, 2)."""
    ring = GaussianMixture.ring(8, 2.0, 0.01)
    tensor = np.random.default_rng(seed).normal(size=(2, 4, 3))
    tensor /= np.linalg.norm(tensor, axis=0)
    rows = []
    for modes in range(1, 9):
        law = GaussianMixture(ring.means[:modes], 0.01)
        found = []
        for k in range(batches):
            x = law.sample(BATCH, seed, step=2 * k)
            found.append([nn.minibatch_features(x, tensor).mean() / BATCH, nn.minibatch_deviation(x)])
        rows.append(found)
    return np.array(rows)


def matching():
    """Return the feature matching loss of each generator by features, (features, generators)."""
    data = GENERATORS["both modes"]
    return np.array(
        [[((f(data).mean(0) - f(x).mean(0)) ** 2).sum() for x in GENERATORS.values()] for f in FEATURES.values()]
    )


def compute(profile, seed, backend, jobs):
    ring = GaussianMixture.ring(8, 2.0, 0.01)
    modes = []
    for settings in GAMES.values():
        game = ganth.RemedyGAN(ring, lr_disc=5e-4, lr_gen=2e-3, **settings)
        modes.append(
            game.run(steps=STEPS[profile], trials=TRIALS[profile], seed=seed, backend=backend).recorded["modes"][:, -1]
        )
    copies = np.repeat(np.random.default_rng(seed).normal(size=(1, 2)), BATCH, axis=0)
    return {
        "settings": {"batch": BATCH, "batches": BATCHES[profile], "steps": STEPS[profile], "trials": TRIALS[profile]},
        "features": features(seed, BATCHES[profile]),
        "copies": [float(nn.minibatch_features(copies, np.ones((2, 1, 1)))[0, 0]), nn.minibatch_deviation(copies)],
        "matching": matching(),
        "modes": np.array(modes),
    }


def check(result):
    found, matching, modes = (np.asarray(result[k], dtype=float) for k in ("features", "matching", "modes"))
    copies = [float(v) for v in result["copies"]]
    one, all_ = found[0], found[-1]
    apart = [float(one[:, 0].min() - all_[:, 0].max()), float(all_[:, 1].min() - one[:, 1].max())]
    return [
        Verdict(
            "TS-A5-features",
            "holds" if min(apart) > 0 and copies[0] == BATCH and copies[1] < 1e-12 else "open",
            [
                found[:, :, 0].mean(axis=1)[[0, 7]].tolist(),
                found[:, :, 1].mean(axis=1)[[0, 7]].tolist(),
                *apart,
                *copies,
            ],
            ["falls with modes", "grows with modes", "> 0", "> 0", BATCH, 0.0],
            None,
            f"mean M/B and mean deviation of batches of one and of eight modes; least gap between any two such "
            f"batches of "
            f"{found.shape[1]} each; M and deviation of {BATCH} copies",
        ),
        Verdict(
            "TS-A6-fm",
            "false" if matching[1, 1] == 0 and matching[2, 1] > 0.5 else "open",
            [matching[:, 1].tolist(), modes.mean(axis=1).tolist()],
            ["> 0", None],
            None,
            f"feature matching loss of a total collapse to +1, data at -1 and +1, by features {'; '.join(FEATURES)}: "
            f"0 for x^2, so "
            "several modes are needed only if the features tell them apart; mean modes of 8 covered by games on the "
            "ring at "
            f"collapsing rates: {', '.join(GAMES)}",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    found, matching, modes = (np.asarray(result[k], dtype=float) for k in ("features", "matching", "modes"))
    fig.set_size_inches(12, 3.4)
    near, spread, match, games = fig.subplots(1, 4)
    kept = np.arange(1, 9)
    for ax, column, hue, title in ((near, 0, "blue", "(a) M/B"), (spread, 1, "green", "(b) batch deviation")):
        ganth.plotting.quantile_band(
            ax, kept, *np.quantile(found[:, :, column], [0.5, 0, 1], axis=1), color=hue, label="median, range"
        )
        ax.set(xlabel="modes in the batch", title=title)
        ax.legend()
    near.axhline(1, color="black", lw=0.8)
    spread.axhline(0, color="black", lw=0.8)
    at = np.arange(len(FEATURES))
    for k, (name, hue) in enumerate(zip(GENERATORS, ("green", "vermillion", "orange"), strict=True)):
        match.bar(at + 0.27 * (k - 1), matching[:, k], width=0.25, color=colours[hue], label=name)
    match.set_xticks(at, list(FEATURES))
    match.set(ylabel="feature matching loss", title="(c) by its features")
    match.legend(fontsize=8)
    for k, row in enumerate(modes):
        games.bar(k, row.mean(), color=colours["sky"], alpha=0.5)
        games.plot(k + np.linspace(-0.2, 0.2, len(row)), row, "o", ms=4, color=colours["blue"])
    games.set_xticks(range(len(GAMES)), [name.replace(" ", "\n") for name in GAMES], fontsize=8)
    games.set(ylabel="modes covered of 8", title="(d) on the ring", ylim=(0, 8.6))
