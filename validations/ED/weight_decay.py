"""ED section IV and App. A: what the two settings decide that the source leaves open, weight decay and the start.

Shows the mode-collapse metric, the distance to the nearest mode and the share of runs that overflow against lambda at
fixed g2/g1 and n_disc, all seeds, at three pairs of rates, as the source states none; and the metric against g2/g1 from
both printed starts.  Theory: without decay nothing
bounds the weights, which grow with the moment mismatch; held against lambda = 2/H, eq. (24).  Writes weight_decay.json,
weight_decay.png.
"""

import functools
import math
import warnings

import numpy as np
from scipy.stats import t

import ganth
from ganth.claims import Verdict

TITLE = "Weight decay and the start of the cloud (section IV, App. A)"
CAPTION = (
    "(a) Mode-collapse metric at T against λ H at fixed r = g₂/g₁ and n_disc, a colour for each pair (α_D, α_G): dots "
    "are seeds, lines their medians where fewer than half overflowed, crosses on top say how many did; the source "
    "has λ = 2/H (dotted). (b) Mean distance to the nearest mode of the same "
    "runs: where the metric falls, the cloud is far from the modes. (c) Metric against r from the start of section IV, "
    "(1/√2, 1/√2), and from that of App. A, (√2, √2): seeds and medians."
)
CLAIMS = ("ED-New-lambda", "ED-Num-start")
MINUTES = 0.3

LEVEL = 0.5 * math.log(8)
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
N_DISC = 5
RATES = {"lr_disc": 0.1, "lr_gen": 0.1}  # of the starts
PAIRS = ((0.1, 0.1), (0.3, 0.1), (0.1, 0.3))  # rates of discriminator and generator
RATIO = 0.1
STARTS = (1 / math.sqrt(2), math.sqrt(2))
# width; iterations; lambda H; ratios; seeds
SIZES = {
    "smoke": (32, 60, [0.0, 2.0, 20.0], [0.01, 0.1], 2),
    "quick": (512, 1500, [0.0, 0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [0.003, 0.01, 0.02, 0.04, 0.08, 0.16], 6),
    "paper": (2048, 5000, [0.0, *np.geomspace(0.05, 64, 16)], list(np.geomspace(0.003, 0.3, 12)), 16),
}


def cell(ratio, decay, start, seed, *, width, steps, lr_disc, lr_gen, backend):
    """Return the metric and distance at the end, NaN where the run has overflowed."""
    game = ganth.EffectiveGAN(
        RING, ntk_ratio=ratio, width=width, reg=decay / width, start_mean=[start] * 2, n_disc=N_DISC, lr_disc=lr_disc,
        lr_gen=lr_gen,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # NaN says so
        run = game.run(steps=steps, seed=seed, dtype="float32", threads=1, backend=backend)
    cloud = run.final if run.diverged_at[0] < 0 else np.full_like(run.final, np.nan)
    return {
        "metric": float(ganth.metrics.mode_collapse(cloud, RING.means)),
        "distance": float(ganth.metrics.nearest_mode_distance(cloud, RING.means)),
    }


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    width, steps, decays, ratios, seeds = SIZES[profile]
    play = functools.partial(cell, width=width, steps=steps, backend=backend)
    numbers = range(seed, seed + seeds)
    grid = {"ratio": [RATIO], "decay": decays, "start": STARTS[:1]}
    by_decay = [
        ganth.sweep(functools.partial(play, lr_disc=disc, lr_gen=gen), grid, seeds=numbers, **how).columns
        for disc, gen in PAIRS
    ]
    at_rates = functools.partial(play, **RATES)
    by_start = ganth.sweep(at_rates, {"start": STARTS, "ratio": ratios, "decay": [2.0]}, seeds=numbers, **how)
    shape = (len(PAIRS), len(decays), seeds)
    return {
        "settings": {
            **RATES, "pairs": PAIRS, "n_disc": N_DISC, "width": width, "steps": steps, "n_particles": 200,
            "seeds": seeds, "dtype": "float32",
        },
        "decays": np.array(decays),
        "metric": np.array([columns["metric"] for columns in by_decay]).reshape(shape),
        "distance": np.array([columns["distance"] for columns in by_decay]).reshape(shape),
        "ratios": np.array(ratios),
        "metric_of_start": by_start.columns["metric"].reshape(2, len(ratios), seeds),
    }  # fmt: skip


def centre(values):
    """Return the median over seeds of each row, an overflow counting as the worst."""
    return np.median(np.where(np.isnan(values), np.inf, values), axis=-1)


def by_decay(decays, metric, distance):
    """Return what lambda does at one pair of rates: whether runs at 0 overflow, collapse ends, and clouds get nearer.

    Collapse ends at the first lambda, above one whose median metric is beyond the level, where it is below.
    """
    medians, distances = centre(metric[decays > 0]), centre(distance[decays > 0])
    positive, lost = decays[decays > 0], float(np.isnan(metric[decays == 0]).mean())
    seen = {"overflow": lost, "metric": medians.tolist(), "distance": distances.tolist()}
    collapsed = np.flatnonzero((medians > LEVEL) & np.isfinite(medians))
    over = np.flatnonzero(medians < LEVEL)
    over = over[over > collapsed[0]] if collapsed.size else over[:0]
    if over.size == 0:
        return seen | {"ends": None, "nearer": None}
    first, best = collapsed[0], over[np.argmin(distances[over])]
    return seen | {"ends": float(positive[over[0]]), "nearer": float(distances[best] / distances[first])}


def in_words(rates, seen):
    """Return one sentence on a pair of rates."""
    ends = "the collapse does not end" if seen["ends"] is None else (
        f"collapse ends at lambda H = {seen['ends']:g}, with the cloud {seen['nearer']:.1f} times as far from the "
        "modes as at the least lambda that collapses"
    )  # fmt: skip
    return f"alpha_D = {rates[0]:g}, alpha_G = {rates[1]:g}: {seen['overflow']:.0%} overflow at 0, {ends}"


def check(result):
    decays, settings = np.asarray(result["decays"]), result["settings"]
    metric, distance = (np.asarray(result[name], dtype=float) for name in ("metric", "distance"))
    seen = [by_decay(decays, *of_pair) for of_pair in zip(metric, distance, strict=True)]
    whole = [one["overflow"] == 1.0 and one["nearer"] is not None and one["nearer"] < 1 for one in seen]
    part = [one["overflow"] == 1.0 or one["ends"] is not None for one in seen]
    word = "holds" if all(whole) else "corrected" if any(part) else "false"
    pairs = np.asarray(result["metric_of_start"], dtype=float)
    differences = np.nanmean(pairs[1] - pairs[0], axis=0)  # one number a seed: the mean over ratios
    mean = float(differences.mean())
    half = float(t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / math.sqrt(len(differences)))
    largest = float(np.nanmax(np.abs(np.nanmedian(pairs[1], axis=1) - np.nanmedian(pairs[0], axis=1))))
    matters = abs(mean) > half or largest > LEVEL / 2
    return [
        Verdict(
            "ED-New-lambda",
            word,
            seen,
            {"overflow": 1.0, "ends": "at a larger lambda", "nearer": "< 1"},
            {"overflow": 1.0, "ends": LEVEL, "nearer": 1.0},
            f"for each pair of rates: share of runs at lambda = 0 that overflow; medians at lambda H = "
            f"{decays[decays > 0].tolist()}, an overflow counting as the worst; the first lambda H without collapse. "
            f"{'; '.join(map(in_words, settings['pairs'], seen))}. "
            f"r = {RATIO}, n_disc = {N_DISC}, {metric.shape[2]} seeds, {settings['steps']} iterations",
        ),
        Verdict(
            "ED-Num-start",
            "corrected" if matters else "holds",
            [mean, mean - half, mean + half, largest],
            [0.0, "<= 0", ">= 0", 0.0],
            LEVEL / 2,
            "metric from (sqrt2, sqrt2) less metric from (1/sqrt2, 1/sqrt2): mean over r with its 95 % interval over "
            "seeds, and largest difference of medians at one r. The source prints both starts for one experiment",
        ),
    ]


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(11, 3.7)
    axes = fig.subplots(1, 3)
    decays, settings = np.asarray(result["decays"]), result["settings"]
    shown = np.where(decays > 0, decays, decays[decays > 0].min() / 4)
    colours = [palette[name] for name in ("blue", "vermillion", "green")]
    for axis, name, label in (
        (axes[0], "metric", "metric (22)"),
        (axes[1], "distance", "distance to the nearest mode"),
    ):
        for k, (values, colour, rates) in enumerate(
            zip(np.asarray(result[name], dtype=float), colours, settings["pairs"], strict=True)
        ):
            x = shown * 1.12 ** (k - 1)
            axis.plot(x, values, ".", color=colour, alpha=0.5)
            lost, medians = np.isnan(values).sum(axis=1), centre(values)
            text = rf"$\alpha_D$ = {rates[0]:g}, $\alpha_G$ = {rates[1]:g}"
            axis.plot(x, np.where(np.isfinite(medians), medians, np.nan), color=colour, label=text)
            for at in np.flatnonzero(lost):
                place = {"transform": axis.get_xaxis_transform(), "color": colour}
                axis.plot(x[at], 0.98 - 0.06 * k, "x", **place, clip_on=False)
                axis.text(
                    x[at] * 1.15, 0.98 - 0.06 * k, f"{lost[at]}/{values.shape[1]}", va="center", fontsize=7, **place
                )
        axis.axvline(2.0, color=palette["black"], lw=0.8, ls=":")
        axis.set(xscale="log", xlabel="λ H (first point: 0)", ylabel=label)
    axes[1].legend(fontsize=7.5)
    axes[0].axhline(LEVEL, color=palette["black"], lw=0.8, ls="--")
    axes[0].set(title=f"(a) r = {RATIO}", ylim=(-0.1, 2.6))
    axes[1].set(title="(b) the same runs", yscale="log")
    pairs, ratios = np.asarray(result["metric_of_start"], dtype=float), np.asarray(result["ratios"])
    for values, colour, label, shift in zip(
        pairs, ("blue", "vermillion"), ("(1/√2, 1/√2)", "(√2, √2)"), (0.97, 1.03), strict=True
    ):
        axes[2].plot(ratios * shift, values, ".", color=palette[colour], alpha=0.6)
        axes[2].plot(ratios, np.nanmedian(values, axis=1), color=palette[colour], label=label)
    axes[2].axhline(LEVEL, color=palette["black"], lw=0.8, ls="--")
    axes[2].set(
        xscale="log", xlabel="g₂/g₁", ylabel="metric (22)", title="(c) λ = 2/H, both rates 0.1", ylim=(-0.1, 2.3)
    )
    axes[2].legend(loc="upper left")
    fig.suptitle(
        f"ReLU, H = {settings['width']} (source: 2048), N = 200, T = {settings['steps']} (source: 5000), "
        rf"$n_{{disc}}$ = {N_DISC}, β = 0; {settings['seeds']} seeds, float32",
        fontsize=9,
    )
