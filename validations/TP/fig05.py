"""TP Fig. 5 and sec. 5.1: where particles near a mode go, and whether the discriminator's slope peaks at its edge.

Plays twenty seeds of dense ReLU networks until they cover the modes; then measures the step grad d/(2 d) of particles
by their distance from the nearest mode, whether it leads inward, where |grad d| and |grad d|/d are largest on rays from
a mode, and how wide generated modes are.  Writes fig05.json, fig05.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict

TITLE = "The edge of a mode: who is pushed far, and whether modes contract"
CAPTION = (
    "(a) Median step ‖∇d/(2d)‖ of particles at a distance ρ from a mode, every seed (thin) and the median of seeds "
    "(thick). (b) Share of the step that leads to the centre: −1 outward, 1 inward. (c) Median over rays of ‖∇d‖ over "
    "its value at the centre. (d) Width of the generated modes over that of the data (median distances), and the "
    "number of modes covered, as training goes on."
)
CLAIMS = ("TP-Fig5-contraction", "TP-S5.1-overfitting")
MINUTES = 0.12

SIGMA = np.sqrt(0.0125)
CUBE = ganth.targets.GaussianMixture.cube(3, SIGMA**2)
RATE, BATCH, EPOCH = 0.05, 128, 50
EPOCHS = {"smoke": 8, "quick": 50, "paper": 100}
SEEDS = {"smoke": 2, "quick": 20, "paper": 50}
DTYPE = {"smoke": "float64", "quick": "float32", "paper": "float64"}
RADII = np.arange(0.25, 6.01, 0.25)  # in standard deviations
INSIDE, EDGE = 1.5, (2.0, 4.0)
DIRECTIONS = 200
MEDIAN = 1.5382  # of the distance from the mean of a standard Gaussian in three dimensions


def rays(judge, directions):
    """Return (radii, 3): median step and its inward share, and median |grad d|, on spheres around all modes."""
    rows = []
    for r in RADII:
        offset = r * SIGMA * directions
        x = (CUBE.means[:, None] + offset).reshape(-1, 3)
        field, slope = judge.field(x) / 2, judge.gradient(x)
        length = np.linalg.norm(field, axis=1)
        inward = -(field * np.tile(directions, (len(CUBE.means), 1))).sum(axis=1) / np.maximum(length, 1e-300)
        rows.append([np.median(length), np.median(inward), np.median(np.linalg.norm(slope, axis=1))])
    return np.array(rows)


def widths(particles):
    """Return the median distance of points from the nearest mode over that of the data (1.538 sigma in three axes).

    Points beyond six standard deviations, which are between modes, do not count; NaN where more than nine in ten are.
    """
    distance = np.linalg.norm(particles[..., None, :] - CUBE.means, axis=-1).min(axis=-1) / SIGMA
    near = np.where(distance < 6, distance, np.nan)
    few = np.isnan(near).mean(axis=-1) > 0.9
    near[few] = 0.0
    return np.where(few, np.nan, np.nanmedian(near, axis=-1) / MEDIAN)


def compute(profile, seed, backend, jobs):
    game = ganth.NSGAN(CUBE, lr_disc=RATE, lr_gen=RATE, batch=BATCH)
    run = game.run(
        steps=EPOCH * EPOCHS[profile], trials=SEEDS[profile], seed=seed + 3, record_every=EPOCH, dtype=DTYPE[profile],
        threads=jobs, backend=backend,
    )  # fmt: skip
    directions = ganth.streams.normal(seed, (DIRECTIONS, 3), step=1)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return {
        "settings": {
            "rate": RATE, "batch": BATCH, "epoch": EPOCH, "epochs": EPOCHS[profile], "seeds": SEEDS[profile],
            "dtype": DTYPE[profile],
        },
        "radii": RADII,
        "rays": np.array([rays(run.discriminator_of(k), directions) for k in range(SEEDS[profile])]),
        "widths": widths(run.particles), "modes": run.recorded["modes"].astype(int),
    }  # fmt: skip


def check(result):
    radii, lines = np.asarray(result["radii"]), np.asarray(result["rays"])
    inner, edge = radii <= INSIDE, (radii >= EDGE[0]) & (radii <= EDGE[1])
    ratio = np.median(lines[:, edge, 0], axis=1) / np.median(lines[:, inner, 0], axis=1)
    inward = np.median(lines[:, edge, 1], axis=1)
    peak = radii[lines[:, :, 2].argmax(axis=1)]
    at_edge = ((peak >= EDGE[0]) & (peak <= EDGE[1])).mean()
    width = np.asarray(result["widths"])[:, -1]
    modes = np.asarray(result["modes"])[:, -1]
    far, pulled, narrow = (ratio > 1.5).mean(), (inward > 0).mean(), (width < 1).mean()
    return [
        Verdict(
            "TP-Fig5-contraction", "reproduced" if far > 0.8 and pulled > 0.8 else "not-reproduced",
            [far.item(), np.median(ratio).item(), pulled.item(), np.median(inward).item()], [1.0, "> 1", 1.0, "> 0"],
            [0.2, None, 0.2, None],
            "fraction of seeds in which the step grad d/(2 d) at 2 to 4 standard deviations from a mode is more than "
            "1.5 times that within 1.5; median ratio; fraction in which it leads inward there; median cosine with the "
            "way to the centre",
        ),
        Verdict(
            "TP-S5.1-overfitting",
            "holds" if min(at_edge, pulled, narrow) > 0.9 else "false" if max(at_edge, narrow) < 0.1 else "heuristic",
            [at_edge.item(), np.median(peak).item(), pulled.item(), narrow.item(), np.median(width).item(),
             np.median(modes).item()],
            [1.0, "2 to 4", 1.0, 1.0, "< 1", None], [0.1, None, 0.1, 0.1, None, None],
            "fraction of seeds whose |grad d| peaks at 2 to 4 standard deviations; median place of the peak; fraction "
            "with steps inward there; fraction whose generated modes are narrower than the data's; their median width "
            "over the data's; modes covered then",
        ),
    ]  # fmt: skip


def draw(result, fig):
    radii, lines = np.asarray(result["radii"]), np.asarray(result["rays"])
    fig.set_size_inches(11.0, 7.0)
    (step, inward), (slope, width) = fig.subplots(2, 2)
    for ax, column, label, title in (
        (step, 0, "‖∇d/(2d)‖", "(a) the step of a particle"),
        (inward, 1, "cosine with the way to the centre", "(b) inward or outward"),
    ):
        ganth.plotting.courses(ax, radii, lines[:, :, column], color="blue")
        ax.set(xlabel="ρ / σ", ylabel=label, title=title)
    inward.axhline(0, color="black", lw=0.8)
    ganth.plotting.courses(slope, radii, lines[:, :, 2] / lines[:, :1, 2], color="green")
    slope.set(xlabel="ρ / σ", ylabel="‖∇d‖ / ‖∇d‖ at the centre", title="(c) where the slope of d peaks", yscale="log")
    for ax in (step, inward, slope):
        ax.axvspan(*EDGE, color="0.92", lw=0, zorder=0)
    widths_ = np.asarray(result["widths"])
    ganth.plotting.courses(width, np.arange(widths_.shape[1]), widths_, color="vermillion", label="width, median")
    width.axhline(1, color="black", lw=0.8, ls=":")
    width.set(
        xlabel="epoch (50 iterations)",
        ylabel="width over the data's",
        ylim=(0, 4),
        title="(d) do modes contract?",
    )
    other = width.twinx()
    other.plot(
        np.median(np.asarray(result["modes"]), axis=0), color=ganth.plotting.PALETTE["blue"], label="modes, median"
    )
    other.set(ylabel="modes covered", ylim=(0, 8.2))
    other.grid(False)
    handles = [*width.get_lines()[:1], *other.get_lines()]
    width.legend(handles, [line.get_label() for line in handles], loc="lower right")
