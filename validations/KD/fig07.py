"""KD Fig. 7: trajectories against ReLU networks of depth 1 to 4.

Shows, for each depth, the four generated points and the discriminator of the seed whose swing is the upper quartile of
its depth, and for all seeds how much the distance to the origin still swings over the last quarter of the run, and in
how many each true point has found a generated one.
Source: KD, App. I, Fig. 7.  Writes fig07.json, fig07.npz, fig07.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict

TITLE = "Trajectories against ReLU discriminators (Fig. 7)"
CAPTION = (
    "Top: trajectories (red, cross at the end), true points (green) and the final discriminator for 1 to 4 hidden "
    "layers of 400 units, λ = 0, rates 1e-2, 2000 steps; each panel is the seed at the upper quartile of its depth's "
    "swings. Bottom left: largest swing of a point's distance to the origin over the last quarter of the run, one dot "
    "a seed, bar: median; crosses at the top: seeds that overflowed. Bottom right: share of seeds in which the points "
    "still swing by more than 0.1, in which each true point has a generated one within 0.1, and which overflowed; 95 % "
    "intervals. The printed runs have 40,000 steps; Fig. 6 follows depth 1 so far."
)
CLAIMS = ("KD-Fig7",)
MINUTES = 0.15

DEPTHS = np.array([1, 2, 3, 4])
WIDTH, RATE, SWINGS, NEAR = 400, 1e-2, 0.1, 0.1
SIZES = {"smoke": (3, 300), "quick": (28, 2000), "paper": (100, 2000)}
HALF_WIDTH = 1.9
LEAST = 1e-5


def compute(profile, seed, backend, jobs):
    import warnings

    trials, steps = SIZES[profile]
    points = ganth.targets.PointMasses.ring(4).points
    side = 31 if profile == "smoke" else 81
    axis = np.linspace(-HALF_WIDTH, HALF_WIDTH, side)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    paths, maps, chosen, swing, settled, lost = [], [], [], [], [], []
    for depth in DEPTHS:
        game = ganth.KernelGAN(points, kernel=ganth.DenseReLU(int(depth), WIDTH), reg=0.0, lr_disc=RATE, lr_gen=RATE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ganth.DivergenceWarning)  # they are counted
            run = game.run(
                steps=steps, trials=trials, seed=seed, record_every=10, threads=jobs, dtype="float32", backend=backend
            )
        radius = np.linalg.norm(run.particles[:, -(len(run.steps) // 4) :], axis=-1)
        swing.append(np.ptp(radius, axis=1).max(axis=1))
        lost.append(run.diverged_at >= 0)
        distance = np.linalg.norm(run.particles[:, -1, :, None] - points, axis=-1)
        settled.append((distance.min(axis=1) < NEAR).all(axis=1))
        alive = np.flatnonzero(~lost[-1])
        alive = alive if alive.size else np.arange(trials)
        trial = int(alive[np.argsort(swing[-1][alive])[3 * len(alive) // 4]])
        chosen.append(trial)
        paths.append(run.particles[trial])
        maps.append(run.discriminator(grid, trial=trial).reshape(side, side))
    return {
        "settings": {
            "reg": 0.0, "lr_disc": RATE, "lr_gen": RATE, "width": WIDTH, "steps": steps, "trials": trials,
            "dtype": "float32",
        },
        "depths": DEPTHS,
        "chosen_trials": chosen,
        "paths": np.array(paths),
        "maps": np.array(maps),
        "swing": np.array(swing),
        "settled": np.array(settled, dtype=float),
        "overflowed": np.array(lost, dtype=float),
    }  # fmt: skip


def interval(share, count):
    """Return the 95 % Wilson interval of shares out of `count`."""
    centre = (share + 1.92 / count) / (1 + 3.84 / count)
    half = 1.96 / (1 + 3.84 / count) * np.sqrt(share * (1 - share) / count + 0.96 / count**2)
    return centre - half, centre + half


def shares(result):
    """Return the shares of seeds that swing, have settled, and overflowed, each (depths,)."""
    lost, swing = np.asarray(result["overflowed"]), np.asarray(result["swing"])
    settled = np.asarray(result["settled"])
    return ((swing > SWINGS) & (lost == 0)).mean(axis=1), settled.mean(axis=1), lost.mean(axis=1)


def check(result):
    trials = result["settings"]["trials"]
    swinging, settled, lost = shares(result)
    low, high = interval(swinging, trials)
    apart = bool(low[0] > high[3] and settled[3] > 0.5)
    return [
        Verdict(
            "KD-Fig7",
            "reproduced" if apart else "not-reproduced",
            [*swinging.tolist(), *settled.tolist()],
            "depth 1 swings, depth 4 has every true point found in most seeds",
            [float(low[0]), float(high[3])],
            f"shares of {trials} seeds that still swing by more than 0.1 over the last quarter of "
            f"{result['settings']['steps']} steps, then shares in which each true point is found, depths 1 to 4; "
            "bound: 95 % limits that must not meet. Depth 2 is like 3 and 4; overflowed: "
            + ", ".join(f"{share:.2f}" for share in lost),
        )
    ]


def draw(result, fig):
    fig.set_size_inches(11, 6.2)
    top, bottom = fig.subfigures(2, 1, height_ratios=[1, 0.95])
    panels = top.subplots(1, 4, sharey=True)
    points = ganth.targets.PointMasses.ring(4).points
    maps = np.asarray(result["maps"])
    axis = np.linspace(-HALF_WIDTH, HALF_WIDTH, maps.shape[-1])
    for panel, path, values, depth in zip(panels, np.asarray(result["paths"]), maps, DEPTHS, strict=True):
        ganth.plotting.heatmap(panel, axis, axis, values)
        ganth.plotting.trajectories(panel, path, points)
        panel.set(
            xlim=(-HALF_WIDTH, HALF_WIDTH), ylim=(-HALF_WIDTH, HALF_WIDTH), xlabel="$x_1$", title=f"depth {depth}"
        )
        panel.set_aspect("equal", adjustable="box")
    panels[0].set_ylabel("$x_2$")

    left, right = bottom.subplots(1, 2)
    swing, lost = np.asarray(result["swing"]), np.asarray(result["overflowed"]) > 0
    for depth, values, gone in zip(DEPTHS, swing, lost, strict=True):
        place = depth + 0.4 * (np.arange(len(values)) / len(values) - 0.5)
        left.semilogy(place[~gone], np.maximum(values[~gone], LEAST), "o", ms=4, color="#0072B2", alpha=0.6)
        left.semilogy(place[gone], np.full(gone.sum(), 10.0), "x", color="#D55E00")
        if not gone.all():
            left.plot(depth, np.median(values[~gone]), "_", color="k", ms=22)
    left.axhline(SWINGS, color="0.5", ls=":")
    left.set(xticks=DEPTHS, xlabel="hidden layers", ylabel="swing of |x|", ylim=(LEAST, 20))
    trials = result["settings"]["trials"]
    names = (("still swinging", "#D55E00", "o"), ("each true point found", "#009E73", "s"), ("overflowed", "k", "x"))
    for k, ((name, colour, marker), share) in enumerate(zip(names, shares(result), strict=True)):
        low, high = interval(share, trials)
        right.errorbar(
            DEPTHS + 0.12 * (k - 1),
            share,
            yerr=[share - low, high - share],
            fmt=marker,
            color=colour,
            capsize=3,
            label=name,
        )
    right.set(
        xticks=DEPTHS,
        xlabel="hidden layers",
        ylabel=f"share of {trials} seeds",
        ylim=(-0.03, 1.25),
        yticks=np.linspace(0, 1, 6),
    )
    right.legend(fontsize="small", ncols=3, loc="upper center")
