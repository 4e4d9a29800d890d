"""ED Fig. 14 (app. C): when a cloud covers the modes against a discriminator that learns waves at |k|^-3.

Shows the mode-collapse metric over (g2/g1, n_disc) after 3000 iterations, where it passes (1/2) log 8, and three laws
for that line: a power law, an exponential, and a power of 1/eps.  Theory beside it: deviations of a tight cloud grow at
eps = (g1 - g2)/N = (1 - r)/(1 + (N - 1) r), so that r enters through eps.  The source's slope is 4.90; it states
neither rates nor regulariser.  Writes fig14.json, fig14.png.
"""

import functools
import math

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.metrics import mode_collapse, nearest_mode_distance
from ganth.stability import local_weight
from ganth.sweeps import sweep_near_level

TITLE = "Mode collapse against waves learned at |k|⁻³ (Fig. 14)"
CAPTION = (
    "Data as means of the exact distribution, so that runs differ by their start alone. Left: metric (22), mean over "
    "the starts (far from the line, one); squares: where a column passes (1/2) log 8, with 95 % intervals over the "
    "starts; lines: the two laws fitted to them, and the slope that the source prints through the middle of ours. "
    "Middle: mean distance to the nearest mode. Right: what each law leaves of log n_disc; the third takes 1/ε = (1 + "
    "(N − 1) r)/(1 − r), not r, as the variable."
)
CLAIMS = ("ED-Fig14",)
MINUTES = 0.2

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL, N = math.log(8) / 2, 200
RATES = {"lr_disc": 1e-4, "lr_gen": 1e-3, "reg": 1.0}
PRINTED_SLOPE = 4.90
POWER, EXPONENTIAL, WEIGHT = range(3)  # rows of "laws": slope, its two intervals, intercept, log-likelihood
NEAR = 1  # cells on either side of the first start's crossing that all starts are run at
# ratios, n_disc, starts, iterations
SIZES = {
    "smoke": (np.geomspace(0.04, 0.3, 4), [2, 20, 200], 2, 100),
    "quick": (np.geomspace(0.04, 0.42, 7), [6, 12, 24, 48, 96, 192, 384, 768], 3, 3000),
    "paper": (
        np.geomspace(0.02, 0.8, 20),
        [1, 2, 3, 4, 6, 8, 11, 15, 21, 29, 40, 55, 76, 105, 145, 200, 276, 380, 525, 724],
        8,
        3000,
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
        modes=ganth.FourierModes("power"),
        **RATES,
    )
    final = game.run(steps=steps, seed=key, first_trial=seed, dtype="float32", threads=1, backend=backend).final
    return {"metric": mode_collapse(final, RING.means), "distance": nearest_mode_distance(final, RING.means)}


def boundary(ratios, n_discs, metric):
    """Return where each column of (ratios, n_discs, starts) passes the level, and the laws of that line."""
    found = ganth.transitions.crossings(n_discs, metric, LEVEL, direction="falling")
    inside = {"n_star": found.at, "n_star_intervals": found.intervals, "sides": found.sides.tolist()}
    if np.isfinite(found.at).sum() < 4:
        return inside
    laws = ganth.transitions.compare_laws(ratios, found.at, replicates=found.replicates)
    stretched = np.array([1 / local_weight(ratio, N) for ratio in ratios])
    of_weight = ganth.transitions.fit_boundary(stretched, found.at, law="power", replicates=found.replicates)
    fits = ((laws.power, ratios), (laws.exponential, ratios), (of_weight, stretched))
    return inside | {
        "laws": np.array(
            [[fit.slope, *fit.slope_interval, *fit.seed_interval, fit.intercept, fit.log_likelihood] for fit, _ in fits]
        ),
        "residuals": np.array([np.log(found.at / fit.at(x)) for fit, x in fits]),
        "difference": laws.difference,
        "favoured": laws.favoured,
        "p_values": [laws.p_power, laws.p_exponential],
    }


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    ratios, n_discs, starts, steps = SIZES[profile]
    table = sweep_near_level(
        functools.partial(final_state, steps=steps, key=seed, backend=backend),
        {"ratio": ratios, "n_disc": n_discs}, level=LEVEL, name="metric", seeds=range(starts), steps=NEAR, **how,
    )  # fmt: skip
    metric = table["metric"]
    settings = {
        **RATES, "n_particles": N, "steps": steps, "starts": starts, "law": "min(1000, |k|⁻³)", "data": "population",
        "dtype": "float32", "cells": f"{len(ratios)} x {len(n_discs)}",
    }  # fmt: skip
    return {
        "settings": settings,
        "ratios": np.asarray(ratios),
        "n_discs": np.array(n_discs),
        "metric": np.nanmean(metric, axis=2),
        "distance": np.nanmean(table["distance"], axis=2),
        **boundary(ratios, n_discs, metric),
    }


def check(result):
    if "laws" not in result:
        reason = f"only {int(np.isfinite(result['n_star']).sum())} columns pass the level: too few to fit"
        return [Verdict("ED-Fig14", "open", None, PRINTED_SLOPE, None, reason)]
    slope, low, high = result["laws"][POWER][:3]
    a_power_law = result["favoured"] == "power"
    settings = result["settings"]
    return [
        Verdict(
            "ED-Fig14",
            "reproduced" if a_power_law and low <= PRINTED_SLOPE <= high else "not-reproduced",
            [slope, low, high, result["difference"]],
            PRINTED_SLOPE,
            "inside the 95 % interval, and a power law favoured",
            f"log-log slope with its 95 % interval, log-likelihood of the power law over the exponential (favoured: "
            f"{result['favoured']}; a power of 1/ε: {result['laws'][WEIGHT][-1] - result['laws'][POWER][-1]:.1f} above "
            f"the power law); slope over the upper half of the columns {upper_slope(result):.2f}; "
            f"α_D = {settings['lr_disc']:g}, α_G = {settings['lr_gen']:g}, λ = {settings['reg']:g}: the source states "
            "none of them (what the slope depends on: ED-New-fourierpars)",
        )
    ]


def upper_slope(result):
    """Return the log-log slope of the upper half of the crossings."""
    ratios, n_star = np.asarray(result["ratios"]), np.asarray(result["n_star"], dtype=float)
    ratios, n_star = ratios[np.isfinite(n_star)], n_star[np.isfinite(n_star)]
    half = len(ratios) // 2
    return float(np.polyfit(np.log(ratios[half:]), np.log(n_star[half:]), 1)[0])


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(11.5, 4.1)
    left, middle, right = fig.subplots(1, 3, width_ratios=[1.25, 1.1, 1])
    ratios, n_discs = np.asarray(result["ratios"]), np.asarray(result["n_discs"])
    n_star = np.asarray(result["n_star"], dtype=float)
    intervals = np.asarray(result["n_star_intervals"], dtype=float)
    mesh = ganth.plotting.heatmap
    mesh(left, ratios, n_discs, np.asarray(result["metric"]).T, label="metric (22)", limits=(0, math.log(8)))
    mesh(middle, ratios, n_discs, np.asarray(result["distance"]).T, label="distance to a mode", limits=(0, 1))
    inside = np.isfinite(n_star)
    reach = np.abs(np.nan_to_num(intervals[inside].T - n_star[inside]))
    for ax in (left, middle):
        ax.set(yscale="log", xlabel="$g_2/g_1$", ylabel="$n_{disc}$")
        ax.set_ylim(n_discs[0] / 1.4, n_discs[-1] * 1.4)
    for ax in (left, middle, right):
        ax.set_xscale("log")
        ticks = [
            tick for tick in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8) if ratios[0] < 1.2 * tick and tick < 1.2 * ratios[-1]
        ]
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_xticks([], minor=True)
    left.errorbar(
        ratios[inside], n_star[inside], reach, fmt="s", ms=5, color="white", mec="black", ecolor="white", zorder=4
    )
    middle.plot(ratios[inside], n_star[inside], "s", ms=4, color="white", mec="black")
    if "laws" in result:
        fine = np.geomspace(ratios[inside][0], ratios[inside][-1], 50)
        slope, low, high, *_, intercept, _ = result["laws"][POWER]
        power = np.exp(intercept) * fine**slope
        left.plot(
            fine, power, color=colours["vermillion"], label=f"power law, slope {slope:.2f} [{low:.2f}, {high:.2f}]"
        )
        rate, _, _, *_, intercept, _ = result["laws"][EXPONENTIAL]
        left.plot(fine, np.exp(intercept + rate * fine), "--", color=colours["sky"], label=f"exponential, {rate:.1f} r")
        centre = np.exp(np.log(ratios[inside]).mean()), np.exp(np.log(n_star[inside]).mean())
        steep = centre[1] * (fine / centre[0]) ** PRINTED_SLOPE
        shown = (steep > n_discs[0]) & (steep < n_discs[-1])
        left.plot(fine[shown], steep[shown], ":", color="white", lw=2, label="slope 4.90 (printed)")
        left.legend(loc="lower right", fontsize=7, frameon=True, framealpha=0.9, facecolor="0.75")
        styles = (("vermillion", "power of r", "o"), ("sky", "exponential in r", "x"), ("green", "power of 1/ε", "s"))
        residuals = np.asarray(result["residuals"], dtype=float)
        for (colour, label, marker), row, of in zip(styles, residuals, result["laws"], strict=True):
            right.plot(
                ratios, row, f"{marker}-", color=colours[colour], mfc="none", lw=0.8,
                label=f"{label}: {of[0]:.2f} ± {(of[2] - of[1]) / 2:.2f}, log L = {of[-1]:.1f}",
            )  # fmt: skip
        right.axhline(0, color="black", lw=0.8)
        spread = 1.15 * np.nanmax(np.abs(residuals))
        right.set(xlabel="$g_2/g_1$", ylabel="log of measured over fitted $n_{disc}$")
        right.set_ylim(-spread, 1.9 * spread)
        right.legend(fontsize=6.5, loc="upper left")
    s = result["settings"]
    fig.supxlabel(
        rf"N = {s['n_particles']}, γ = {s['law']}, $\alpha_D$ = {s['lr_disc']:g}, $\alpha_G$ = {s['lr_gen']:g}, "
        f"λ = {s['reg']:g}, T = {s['steps']}, {s['starts']} starts, {s['cells']} cells "
        "(source: T = 3000, 20 x 20, no rates stated)",
        fontsize="small",
    )
