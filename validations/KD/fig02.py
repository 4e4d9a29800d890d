"""KD Fig. 2: trajectories in the plane for a small, a medium and a large width.

Shows four generated points and the final discriminator at widths 0.1, 0.6 and 3, and how long a shared true
point stays shared.  Theory: lambda is far below the damping threshold of a collapsed pair, so a shared state can last
as an orbit but not at rest.
Source: KD, section 7, Fig. 2.  Writes fig02.json, fig02.npz, fig02.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict

TITLE = "Trajectories of four points in the plane (Fig. 2)"
CAPTION = (
    "Top: trajectories of one seed (red lines, crosses at the end), true points (green) and the final discriminator, "
    "for three widths. The middle panel is a seed in which two generated points end near one true point. Bottom left: "
    "net distance travelled, and path length over net distance (large where points swing to and fro), all "
    "seeds. Bottom right: over all seeds at width 0.6, share of trials in which some true point holds two or more "
    "generated points within one width while another has none, against the step."
)
CLAIMS = ("KD-Fig2ac", "KD-Fig2b")
MINUTES = 0.15

WIDTHS = np.array([0.1, 0.6, 3.0])
REG, RATE, FREQUENCIES = 0.01, 1e-3, 1000
SIZES = {"smoke": (4, 4000, 2), "quick": (16, 40_000, 2), "paper": (100, 40_000, 5)}
HALF_WIDTH = 3.0


def shared(particles, points, reach):
    """Return whether some true point has two or more particles within `reach` and another one has none, (...)."""
    inside = np.linalg.norm(particles[..., :, None, :] - points, axis=-1) < reach
    held = inside.sum(axis=-2)
    return (held >= 2).any(axis=-1) & (held == 0).any(axis=-1)


def pair_motion(path, points, reach):
    """Return the largest range of a coordinate of the points that share a true point, path (records, n, d)."""
    inside = np.linalg.norm(path[-1][:, None, :] - points, axis=-1) < reach
    sharing = inside[:, inside.sum(axis=0) >= 2].any(axis=1)
    return float(np.ptp(path[:, sharing], axis=0).max()) if sharing.any() else 0.0


def compute(profile, seed, backend, jobs):
    trials, steps, stretches = SIZES[profile]
    points = ganth.targets.PointMasses.ring(4).points
    side = 41 if profile == "smoke" else 81
    axis = np.linspace(-HALF_WIDTH, HALF_WIDTH, side)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    every = steps // 200
    paths, maps, travel, swing, settled, chosen = [], [], [], [], [], []
    rates = {"reg": REG, "lr_disc": RATE, "lr_gen": RATE}
    games = [ganth.KernelGAN(points, kernel=ganth.RBF(w), n_frequencies=FREQUENCIES, **rates) for w in WIDTHS]
    call = {"steps": steps, "trials": trials, "seeds": seed, "record_every": every, "threads": jobs}
    for width, run in zip(WIDTHS, ganth.play_together(games, **call, backend=backend), strict=True):
        length = np.linalg.norm(np.diff(run.particles, axis=1), axis=-1).sum(axis=1)
        net = np.linalg.norm(run.particles[:, -1] - run.particles[:, 0], axis=-1)
        travel.append(net.mean(axis=1))
        swing.append(length.sum(axis=1) / net.sum(axis=1))
        nearest = np.linalg.norm(run.particles[:, -1, :, None] - points, axis=-1).min(axis=-1)
        settled.append((nearest < width).mean())
        trial = 0
        if width == 0.6:
            at_end = shared(run.particles, points, width)[:, -1]
            trial = int(np.argmax(at_end))
            whole = run.extend((stretches - 1) * steps, threads=jobs)
            held = shared(whole.particles, points, width)
            # does the state that is there at `steps` last, give or take half a width?
            loosely = shared(whole.particles[at_end], points, 1.5 * width)
            survives = loosely[:, 200:].mean(axis=1) > 0.9
            motion = [pair_motion(path[-100:], points, 1.5 * width) for path in whole.particles[at_end]]
        paths.append(run.particles[trial])
        maps.append(run.discriminator(grid, trial=trial).reshape(side, side))
        chosen.append(trial)
    threshold = ganth.stability.damping_threshold(2, 2, 1.0)
    return {
        "settings": {
            "reg": REG, "lr_disc": RATE, "lr_gen": RATE, "n_frequencies": FREQUENCIES, "steps": steps,
            "trials": trials, "feature_norm": "unit",
        },
        "paths": np.array(paths),
        "maps": np.array(maps),
        "chosen_trials": chosen,
        "travel": np.array(travel),
        "swing": np.array(swing),
        "settled": np.array(settled),
        "steps": whole.steps,
        "shared_fraction": held.mean(axis=0),
        "shared_at_end": float(at_end.mean()),
        "shared_trials": int(at_end.sum()),
        "shared_lasting": int(survives.sum()),
        "shared_motion": float(np.median(motion)) if len(motion) else 0.0,
        "damping_threshold": float(threshold * 0.25 / 0.6),
    }  # fmt: skip


def check(result):
    travel, swing = (np.median(np.asarray(result[k]), axis=1) for k in ("travel", "swing"))
    settled = np.asarray(result["settled"])
    wander = bool(travel[0] > 0.5 and settled[0] < 0.75)
    swings = bool(swing[2] > 2 and travel[2] > 0.3)
    lasting, seen = int(result["shared_lasting"]), int(result["shared_trials"])
    return [
        Verdict(
            "KD-Fig2ac",
            "reproduced" if wander and swings else "not-reproduced",
            [float(travel[0]), float(settled[0]), float(swing[2])],
            "wandering: first above 0.5, second below 0.75; oscillation: third above 2",
            [0.5, 0.75, 2.0],
            "width 0.1: median travel and fraction that ends within a width of a true point; width 3: path length over "
            "net travel (the common mode's period is 4 pi sigma: in 40 time units wider kernels complete none)",
        ),
        Verdict(
            "KD-Fig2b",
            "reproduced" if lasting > 0 else "not-reproduced",
            [float(result["shared_at_end"]), lasting],
            "a shared true point that stays shared",
            float(result["damping_threshold"]),
            f"share of seeds with two points within a width of one true point at the end ({seen} of "
            f"{result['settings']['trials']}), and how many hold it in nine tenths of the later records, within 1.5 "
            f"widths. They do not rest: the pair still moves over {result['shared_motion']:.2f}, an orbit (bound: the "
            "regulariser above which a pair at rest is stable; 0.01 was used)",
        ),
    ]


def draw(result, fig):
    fig.set_size_inches(10, 6.6)
    top, bottom = fig.subfigures(2, 1, height_ratios=[1.25, 1])
    axes = top.subplots(1, 3)
    points = ganth.targets.PointMasses.ring(4).points
    names = ["(a) small", "(b) medium", "(c) large"]
    for axis, path, values, width, name in zip(
        axes, np.asarray(result["paths"]), np.asarray(result["maps"]), WIDTHS, names, strict=True
    ):
        level = np.abs(values).max()
        axis.imshow(
            values,
            origin="lower",
            extent=[-HALF_WIDTH, HALF_WIDTH] * 2,
            cmap="cividis",
            vmin=-level,
            vmax=level,
            alpha=0.8,
        )
        for j in range(path.shape[1]):
            axis.plot(*path[:, j].T, color="#D55E00", lw=0.9, label="generated" if j == 0 else None)
            axis.plot(*path[-1, j], "X", color="#D55E00", mec="white", ms=8, zorder=5)
        axis.plot(*points.T, "o", color="#009E73", mec="white", ms=8, label="true")
        axis.set(xlim=(-HALF_WIDTH, HALF_WIDTH), ylim=(-HALF_WIDTH, HALF_WIDTH), aspect="equal", xlabel="$x_1$")
        axis.grid(False)
        axis.set_title(f"{name} width, σ = {width:g}")
    axes[0].set_ylabel("$x_2$")
    axes[0].legend(loc="upper left", fontsize="small")

    left, right = bottom.subplots(1, 2)
    for k, (name, colour) in enumerate((("net distance", "#0072B2"), ("path / net", "#E69F00"))):
        values = np.asarray(result["travel" if k == 0 else "swing"])
        for i in range(len(WIDTHS)):
            place = np.full(values.shape[1], i + 0.2 * (k - 0.5))
            left.plot(place, values[i], ".", color=colour, alpha=0.6, label=name if i == 0 else None)
            left.plot(i + 0.2 * (k - 0.5), np.median(values[i]), "_", color="k", ms=14)
    left.set_xticks(range(len(WIDTHS)), [f"σ = {w:g}" for w in WIDTHS])
    left.set(yscale="log", ylabel="distance, ratio")
    left.legend(title=f"{result['settings']['trials']} seeds, bar: median")
    right.plot(np.asarray(result["steps"]) / 1000, result["shared_fraction"], color="#0072B2")
    right.axvline(result["settings"]["steps"] / 1000, color="0.5", ls=":", label="end of the printed run")
    right.set(xlabel="step / 1000", ylabel="share of seeds sharing", ylim=(0, None))
    right.legend()
