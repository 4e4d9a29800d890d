"""ED Fig. 3: particles with a diagonal kernel (g2 = 0) against four hidden ReLU layers.

Shows time slices of one run over its discriminator; mode collapse, distance to the nearest mode and log-likelihood of
all seeds, from a start at the origin and from one off it; where runs end at other rates.
Source: ED, section III B, Fig. 3, Algorithm 1, notes [30] and [31]; it states neither rates nor decay nor the start's
centre.  Held against: the metric (22) below log(8/7) leaves no mode empty; a sample of the target has log-likelihood
-log 8 - log(2 pi sd^2) - 1.  alpha_G was 1 at first: Fig. 8, which shares the rates, did not converge at it.  Runs of
800 iterations were lengthened to the source's 1000 when other rounding left one seed of eight at 0.27 of its start,
above the bound.  Writes fig03.json, fig03.npz, fig03.png.
"""

import functools
import math
import warnings

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.metrics import mean_log_likelihood, mode_collapse, nearest_mode_distance
from ganth.sweeps import each

TITLE = "With g₂ = 0 the cloud splits and covers all eight modes (Fig. 3)"
CAPTION = (
    "Eight modes of sd 0.02 on a circle of radius 2 (crosses), particles (white) started with sd 0.5, a discriminator "
    "of 4 hidden ReLU layers with a Glorot start, SGD. Top: one run, brighter is higher. Bottom: the metric (22), the "
    "mean distance to the nearest mode and what the mean log-likelihood lacks of a sample's; every seed is thin, their "
    "median thick, from the origin and from (1/√2, 1/√2); below the dotted line no mode is empty. Right: the distance "
    "at other rates, 100 particles, 4 × 64 units, one seed a cell; crosses overflowed, the square marks the rates used."
)
CLAIMS = ("ED-Fig3",)
MINUTES = 0.15

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
RATES = {"lr_disc": 0.01, "lr_gen": 3.0, "reg": 0.03, "n_disc": 1}
CENTRES = {"(0, 0)": (0.0, 0.0), "(1/√2, 1/√2)": (1 / math.sqrt(2), 1 / math.sqrt(2))}
# particles, units of a layer, seeds, iterations; iterations of the scan
SIZES = {"smoke": (40, 16, 2, 60, 20), "quick": (192, 128, 4, 1000, 400), "paper": (2000, 512, 2, 1000, 1000)}
SCAN = {"lr_disc": [0.001, 0.003, 0.01, 0.03, 0.1], "lr_gen": [0.03, 0.3, 3.0, 30.0, 300.0]}
SCAN_SIZE = (64, 64)
SLICES = (0.0, 0.125, 0.25, 0.5, 1.0)  # of the run
SPLIT = 100  # the step at which the source shows the cloud split
EVERY, GRID = 10, np.linspace(-3, 3, 61)
NONE_EMPTY = math.log(8 / 7)
OF_A_SAMPLE = -math.log(8 * 2 * math.pi * 0.02**2) - 1


def game(n, width, centre=(0.0, 0.0), **changes):
    return ganth.EffectiveGAN(
        RING, n_particles=n, discriminator="deep", depth=4, width=width, start_mean=centre, start_scale=0.5,
        **RATES | changes,
    )  # fmt: skip


def readings(particles):
    """Return metric, mean distance, mean log-likelihood and rms spread of clouds (records, n, 2): (4, records)."""
    spread = np.sqrt(particles.var(axis=1).sum(axis=-1))
    return np.stack(
        [
            mode_collapse(particles, RING.means),
            nearest_mode_distance(particles, RING.means),
            mean_log_likelihood(particles, RING),
            spread,
        ]
    )


def play(n, width, centre, steps, seed, trial, *, backend):
    """Return a run's (recorded steps, readings), and its clouds and discriminators at SLICES."""
    points = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
    call = {"seed": seed, "first_trial": trial, "dtype": "float32", "threads": 1, "record_every": EVERY}
    clouds, fields, run = [], [], game(n, width, centre).run(steps=0, **call, backend=backend)
    for share in SLICES:
        ahead = int(share * steps) - int(run.steps[-1])
        run = run.extend(ahead, threads=1) if ahead else run
        clouds.append(run.final)
        fields.append(run.discriminator(points).reshape(len(GRID), -1))
    return run.steps, readings(run.particles[0]), np.array(clouds), np.array(fields)


def scanned(lr_disc, lr_gen, steps, seed, *, backend):
    """Return the mean distance over the last tenth of a small run, infinite if it overflowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # it is counted
        run = game(*SCAN_SIZE, lr_disc=lr_disc, lr_gen=lr_gen).run(
            steps=steps, seed=seed, dtype="float32", threads=1, record_every=max(steps // 50, 1), backend=backend
        )
    if run.diverged_at[0] >= 0:
        return np.inf
    return float(nearest_mode_distance(run.particles[0, -6:], RING.means).mean())


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    n, width, seeds, steps, scan_steps = SIZES[profile]
    starts = [(n, width, centre, steps, seed, trial) for centre in CENTRES.values() for trial in range(seeds)]
    runs = each(functools.partial(play, backend=backend), starts, **how)
    cells = [(a, b, scan_steps, seed) for a in SCAN["lr_disc"] for b in SCAN["lr_gen"]]
    ends = each(functools.partial(scanned, backend=backend), cells, **how)
    recorded = np.array([one[1] for one in runs]).reshape(len(CENTRES), seeds, 4, -1)
    return {
        "settings": {
            **RATES, "optimiser": "sgd", "N": n, "width": width, "depth": 4, "seeds": seeds, "T": steps, "beta": 0.0,
            "centres": list(CENTRES), "start_scale": 0.5, "scan_T": scan_steps, "scan_N": SCAN_SIZE[0],
            "scan_width": SCAN_SIZE[1], "dtype": "float32", "source_N": 2000, "source_width": 512,
        },
        "steps": runs[0][0],
        "readings": recorded,
        "slice_steps": [int(share * steps) for share in SLICES],
        "clouds": runs[0][2],
        "fields": runs[0][3],
        "scan": np.array(ends).reshape(len(SCAN["lr_disc"]), -1),
    }  # fmt: skip


def check(result):
    steps, recorded = np.asarray(result["steps"]), np.asarray(result["readings"], dtype=float)
    late = recorded[..., -max(len(steps) // 10, 1) :].mean(axis=-1)  # over the last tenth: (centres, seeds, 4)
    start = recorded[..., 0]
    at_split = recorded[..., 3, np.argmin(np.abs(steps - SPLIT))] / start[..., 3]
    nearer = late[..., 1] / start[..., 1]
    good = (late[..., 0] < NONE_EMPTY) & (nearer < 0.25) & (at_split > 1.2)
    scan = np.asarray(result["scan"], dtype=float)
    settled, lost = int((scan < 0.25 * start[..., 1].mean()).sum()), int(np.isinf(scan).sum())
    return [
        Verdict(
            "ED-Fig3",
            "reproduced" if good.all() else "not-reproduced",
            [float(late[..., 0].max()), float(nearer.max()), float(at_split.min()), int(good.sum())],
            [0.0, 0.0, "above 1", good.size],
            [NONE_EMPTY, 0.25, 1.2, good.size],
            f"largest metric and largest mean distance over its start, last tenth of {steps[-1]:.0f} iterations; least "
            f"spread over its start at step {SPLIT}; runs of {good.size} (two centres) within all three bounds. At "
            f"other rates {settled} of {scan.size} cells end below a quarter of the start's distance, {lost} overflow. "
            "alpha_G was raised from 1 to 3 because Fig. 8, which shares the rates, did not converge at 1",
        )
    ]


def draw(result, fig):
    from ganth.plotting import cloud, courses, heatmap

    settings = result["settings"]
    fig.set_size_inches(12, 6)
    top, bottom = fig.subfigures(2, 1)
    clouds, fields = np.asarray(result["clouds"]), np.asarray(result["fields"])
    for place, axis in enumerate(top.subplots(1, len(SLICES), sharey=True)):
        cloud(axis, clouds[place], RING.means, GRID, GRID, fields[place])
        axis.set(title=f"step {result['slice_steps'][place]}", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    *panels, scan = bottom.subplots(1, 4)
    recorded = np.asarray(result["readings"], dtype=float)
    titles = ("mode-collapse metric", "distance to the nearest mode", "log-likelihood: sample − ours")
    for place, (axis, title) in enumerate(zip(panels, titles, strict=True)):
        for values, centre, colour in zip(recorded, settings["centres"], ("blue", "orange"), strict=True):
            shown = OF_A_SAMPLE - values[:, place] if place == 2 else values[:, place]
            courses(axis, result["steps"], shown, label=f"from {centre}", color=colour)
        axis.set(xlabel="iteration", title=title)
        if place == 0:
            axis.axhline(NONE_EMPTY, color="k", ls=":", lw=1)
            axis.legend(fontsize="small")
        if place == 1:
            axis.set_ylim(0, None)
        if place == 2:
            axis.set_yscale("log")
    ends = np.asarray(result["scan"], dtype=float)
    lost = np.isinf(ends)
    mesh = heatmap(scan, range(ends.shape[1]), range(len(ends)), np.where(lost, np.nan, ends), limits=(0, 1.5))
    bottom.colorbar(mesh, ax=scan)
    scan.plot(*np.argwhere(lost).T[::-1], "x", color="#D55E00", ms=8, mew=2)
    here = SCAN["lr_gen"].index(settings["lr_gen"]), SCAN["lr_disc"].index(settings["lr_disc"])
    scan.plot(*here, "s", mfc="none", mec="white", mew=1.5, ms=18)
    scan.set_xticks(range(ends.shape[1]), [f"{value:g}" for value in SCAN["lr_gen"]])
    scan.set_yticks(range(len(ends)), [f"{value:g}" for value in SCAN["lr_disc"]])
    scan.set(xlabel=r"$\alpha_G$", ylabel=r"$\alpha_D$", title=f"distance after {settings['scan_T']}, other rates")
    smaller = "" if settings["N"] == settings["source_N"] else " (the source: N = 2000, H = 4 × 512)"
    top.suptitle(
        rf"$g_2 = 0$, $\alpha_D$ = {settings['lr_disc']:g}, $\alpha_G$ = {settings['lr_gen']:g}, $\lambda$ = "
        rf"{settings['reg']:g}, $n_{{disc}}$ = {settings['n_disc']}, $\beta$ = 0, SGD, N = {settings['N']}, H = 4 × "
        f"{settings['width']}, T = {settings['T']}, {settings['seeds']} seeds a start{smaller}",
        fontsize=10,
    )
