"""ED Fig. 15 (app. C): when a cloud covers the modes against a discriminator that learns waves at exp(-2.05 |k|).

Shows the mode-collapse metric over (g2/g1, n_disc) after 2000 iterations on a log-linear plot, where it passes
(1/2) log 8, and how far that line is an exponential in r = g2/g1.  Theory beside it: deviations of a tight cloud grow
at eps = (1 - r)/(1 + (N - 1) r), whose logarithm has slope -199/(1 + 199 r) - 1/(1 - r) in r: nearly constant in the
middle of (0, 1) and nowhere else.  The source's slope is 1.86, of which logarithm it does not say.
Writes fig15.json, fig15.png.
"""

import functools
import math

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.metrics import mode_collapse, nearest_mode_distance
from ganth.stability import local_weight
from ganth.sweeps import sweep_near_level

TITLE = "Mode collapse against waves learned at exp(−2.05 |k|) (Fig. 15)"
CAPTION = (
    "Data as means of the exact distribution, so that runs differ by their start alone. Left: metric (22), mean over "
    "the starts (far from the line, one); squares: where a column passes (1/2) log 8, with 95 % intervals over the "
    "starts; lines: an exponential in r = g₂/g₁, and a power of 1/ε = (1 + (N − 1) r)/(1 − r). Middle: mean distance "
    "to the nearest mode. Right: slope of log n_disc in r between neighbouring columns, beside the slopes of both laws "
    "and the slope that the source prints, read as one of the natural or of the decimal logarithm."
)
CLAIMS = ("ED-Fig15", "ED-AppC-range")
MINUTES = 0.15

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL, N = math.log(8) / 2, 200
RATES = {"lr_disc": 1e-4, "lr_gen": 1e-3, "reg": 1.0}
PRINTED_SLOPE, FAR = 1.86, 0.65
EXPONENTIAL, POWER, WEIGHT = range(3)  # rows of "laws": slope, its two intervals, intercept, log-likelihood
NEAR = 1  # cells on either side of the first start's crossing that all starts are run at
# ratios, n_disc, starts, iterations
SIZES = {
    "smoke": ([0.1, 0.3, 0.5, 0.7], [2, 20, 200], 2, 100),
    "quick": (np.linspace(0.1, 0.7, 7), [1, 2, 4, 8, 16, 32, 64, 128, 256], 3, 2000),
    "paper": (
        np.linspace(0.04, 0.9, 20),
        [1, 2, 3, 4, 5, 7, 9, 12, 15, 20, 26, 34, 45, 60, 79, 104, 137, 181, 239, 315],
        8,
        2000,
    ),
}


def final_state(ratio, n_disc, seed, *, steps, key, backend):
    """Return metric and distance at the end of one run: `seed` numbers the starts drawn under `key`."""
    game = ganth.EffectiveGAN(
        RING,
        discriminator="fourier",
        data="population",
        n_particles=N,
        ntk_ratio=ratio,
        n_disc=n_disc,
        modes=ganth.FourierModes("exponential"),
        **RATES,
    )
    final = game.run(steps=steps, seed=key, first_trial=seed, dtype="float32", threads=1, backend=backend).final
    return {"metric": mode_collapse(final, RING.means), "distance": nearest_mode_distance(final, RING.means)}


def laws_of(ratios, found):
    """Return the exponential, the power law and the power of 1/eps that are fitted to the crossings."""
    both = ganth.transitions.compare_laws(ratios, found.at, replicates=found.replicates)
    stretched = [1 / local_weight(float(ratio), N) for ratio in ratios]
    of_weight = ganth.transitions.fit_boundary(stretched, found.at, law="power", replicates=found.replicates)
    fits = (both.exponential, both.power, of_weight)
    return {
        "laws": np.array(
            [[fit.slope, *fit.slope_interval, *fit.seed_interval, fit.intercept, fit.log_likelihood] for fit in fits]
        ),
        "residual": both.exponential.residual_scale,
        "difference": both.difference,
        "favoured": both.favoured,
        "p_values": [both.p_power, both.p_exponential],
    }


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    ratios, n_discs, starts, steps = SIZES[profile]
    table = sweep_near_level(
        functools.partial(final_state, steps=steps, key=seed, backend=backend),
        {"ratio": ratios, "n_disc": n_discs}, level=LEVEL, name="metric", seeds=range(starts), steps=NEAR, **how,
    )  # fmt: skip
    metric = table["metric"]
    found = ganth.transitions.crossings(n_discs, metric, LEVEL, direction="falling")
    settings = {
        **RATES, "n_particles": N, "steps": steps, "starts": starts, "law": "668.8 exp(−2.05 |k|)",
        "data": "population", "dtype": "float32", "cells": f"{len(ratios)} x {len(n_discs)}",
    }  # fmt: skip
    return {
        "settings": settings,
        "ratios": np.asarray(ratios),
        "n_discs": np.array(n_discs),
        "metric": np.nanmean(metric, axis=2),
        "distance": np.nanmean(table["distance"], axis=2),
        "n_star": found.at,
        "n_star_intervals": found.intervals,
        "sides": found.sides.tolist(),
        **(laws_of(ratios, found) if np.isfinite(found.at).sum() >= 4 else {}),
    }


def check(result):
    n_star, ratios = np.asarray(result["n_star"], dtype=float), np.asarray(result["ratios"])
    if "laws" not in result:
        reason = f"only {int(np.isfinite(n_star).sum())} columns pass the level: too few to fit"
        return [Verdict(claim, "open", None, None, None, reason) for claim in CLAIMS]
    slope, low, high = result["laws"][EXPONENTIAL][:3]
    decimal = [value / math.log(10) for value in (slope, low, high)]
    agrees = low <= PRINTED_SLOPE <= high or decimal[1] <= PRINTED_SLOPE <= decimal[2]
    settings, furthest = result["settings"], float(ratios[np.isfinite(n_star)].max())
    straight = result["p_values"][1] >= 0.05
    reaches = furthest >= FAR
    return [
        Verdict(
            "ED-Fig15",
            "reproduced" if result["favoured"] == "exponential" and agrees else "not-reproduced",
            [slope, low, high, decimal[0], result["difference"]],
            PRINTED_SLOPE,
            "inside the 95 % interval of either logarithm, and an exponential favoured",
            "slope of ln n_disc in r with its 95 % interval, of log10 n_disc, and log-likelihood of a power law over "
            f"the exponential (favoured: {result['favoured']}); α_D = {settings['lr_disc']:g}, α_G = "
            f"{settings['lr_gen']:g}, λ = {settings['reg']:g}: the source states none of them",
        ),
        Verdict(
            "ED-AppC-range",
            "open" if not reaches else ("holds" if straight else "false"),
            [furthest, result["p_values"][1], result["residual"]],
            "a line up to 0.7",
            [FAR, 0.05],
            "largest ratio of a column that passes the level; probability of so large a departure from an exponential "
            "towards a power law; scatter of ln n_disc about the line.  A power of 1/ε, which is not straight, has "
            f"log-likelihood {result['laws'][WEIGHT][-1]:.1f} beside the exponential's "
            f"{result['laws'][EXPONENTIAL][-1]:.1f}",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(11.5, 4.1)
    left, middle, right = fig.subplots(1, 3, width_ratios=[1.25, 1.1, 1])
    ratios, n_discs = np.asarray(result["ratios"]), np.asarray(result["n_discs"])
    n_star = np.asarray(result["n_star"], dtype=float)
    intervals = np.asarray(result["n_star_intervals"], dtype=float)
    inside = np.isfinite(n_star)
    panels = ((left, "metric", "metric (22)", math.log(8)), (middle, "distance", "distance to a mode", 1))
    for ax, name, label, top in panels:
        ganth.plotting.heatmap(ax, ratios, n_discs, np.asarray(result[name]).T, label=label, limits=(0, top))
        ax.set(yscale="log", xlabel="$g_2/g_1$", ylabel="$n_{disc}$", ylim=(n_discs[0] / 1.4, n_discs[-1] * 1.4))
    reach = np.abs(np.nan_to_num(intervals[inside].T - n_star[inside]))
    left.errorbar(
        ratios[inside], n_star[inside], reach, fmt="s", ms=5, color="white", mec="black", ecolor="white", zorder=4
    )
    middle.plot(ratios[inside], n_star[inside], "s", ms=4, color="white", mec="black")
    if "laws" in result:
        fine = np.linspace(ratios[inside][0], ratios[inside][-1], 80)
        slope, low, high, *_, intercept, likelihood = result["laws"][EXPONENTIAL]
        label = f"exponential: {slope:.1f} [{low:.1f}, {high:.1f}], log L = {likelihood:.1f}"
        left.plot(fine, np.exp(intercept + slope * fine), color=colours["vermillion"], label=label)
        power, _, _, *_, intercept, likelihood = result["laws"][WEIGHT]
        by_weight = np.exp(intercept) * np.array([1 / local_weight(r, N) for r in fine]) ** power
        label = f"power of 1/ε: {power:.2f}, log L = {likelihood:.1f}"
        left.plot(fine, by_weight, "--", color=colours["green"], label=label)
        left.legend(loc="lower right", fontsize=7, frameon=True, framealpha=0.85)
        right.axhspan(low, high, color=colours["vermillion"], alpha=0.15, lw=0)
        right.axhline(slope, color=colours["vermillion"], label="exponential, 95 % interval")
        bent = power * ((N - 1) / (1 + (N - 1) * fine) + 1 / (1 - fine))
        right.plot(fine, bent, "--", color=colours["green"], label="power of 1/ε")
    centres, jumps = (ratios[1:] + ratios[:-1]) / 2, np.diff(np.log(n_star)) / np.diff(ratios)
    right.plot(centres, jumps, "o", color=colours["blue"], label="measured")
    for value, name, style in ((PRINTED_SLOPE, "ln", ":"), (PRINTED_SLOPE * math.log(10), "log₁₀", "-.")):
        right.axhline(value, color="black", ls=style, lw=1, label=f"1.86 in {name} (printed)")
    top = np.nanmax([*jumps[np.isfinite(jumps)], 5.0])
    right.set(
        xlabel="$g_2/g_1$", ylabel="d ln $n_{disc}$ / d$(g_2/g_1)$", ylim=(min(0, np.nanmin([*jumps, 0])), 2 * top)
    )
    right.legend(fontsize=7.5, loc="upper center")
    s = result["settings"]
    fig.supxlabel(
        rf"N = {s['n_particles']}, γ = {s['law']}, $\alpha_D$ = {s['lr_disc']:g}, $\alpha_G$ = {s['lr_gen']:g}, "
        f"λ = {s['reg']:g}, T = {s['steps']}, {s['starts']} starts, {s['cells']} cells "
        "(source: T = 2000, 20 x 20, no rates stated)",
        fontsize="small",
    )
