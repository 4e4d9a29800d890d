"""ED Fig. 10: mode collapse over the discriminator's rate and g2/g1, for a ReLU discriminator.

Shows the metric and the distance to the nearest mode over the grid, the line on which the metric crosses (1/2) log 8,
a power law and an exponential fitted to that line, and the same line for sweeps over n_disc.
Theory: none for the law; it is decided by likelihood and by tests within a law that holds both (ganth.transitions).
Source: ED, section IV and app. A 1, Fig. 10.  Writes fig10.json, fig10.png.
"""

import functools
import math
import warnings

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.metrics import mean_log_likelihood, mode_collapse, nearest_mode_distance
from ganth.sweeps import sweep_near_level
from ganth.transitions import compare_laws, crossings, fit_boundary

TITLE = "Mode collapse over the discriminator's rate, ReLU (Fig. 10)"
CAPTION = (
    "ReLU discriminator, α_D swept at n_disc = 1, which the source does not state, nor α_G. (a) The metric (22), mean "
    "of the seeds (far from the line, of one), of iterations T ± 20n, n = 0..3; crosses: some run left the finite "
    "numbers, and is left out. Line: the power law fitted to the crossings of (1/2) log 8. (b) Mean distance to the "
    "nearest mode: the metric calls a cloud converged long before it is on the modes. (c), (d) Crossings with 95 % "
    "intervals over seeds (jackknife), and both laws; diamonds: n_disc swept instead at fixed α_D, drawn at n_disc α_D."
)
CLAIMS = ("ED-Fig10", "ED-AppA-alphaD")
MINUTES = 0.25

SIZES = {
    "smoke": {"width": 32, "steps": 60, "ratios": 5, "rates": 4, "seeds": 2},
    "quick": {"width": 512, "steps": 4000, "ratios": 8, "rates": 9, "seeds": 3},
    "paper": {"width": 2048, "steps": 4000, "ratios": 12, "rates": 14, "seeds": 10},
}
RATIOS, RATES = (0.01, 0.3), (0.1, 1.6)
N, LR_GEN = 200, 0.03
COUNTED = {"lr_disc": 0.14, "n_disc": (1, 2, 3, 4), "ratios": (0.02, 0.04, 0.08), "seeds": 2}
NEAR = 1  # cells on either side of the first seed's crossing that all seeds are run at
EVERY, WINDOW = 20, 7  # records: T - 60, ..., T + 60
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL = math.log(8) / 2


def cell(ntk_ratio, lr_disc, seed, *, n_disc=1, width, steps, backend):
    """Return what one game shows around `steps` iterations; NaN if it left the finite numbers."""
    game = ganth.EffectiveGAN(
        RING, n_particles=N, ntk_ratio=ntk_ratio, width=width, lr_disc=lr_disc, lr_gen=LR_GEN, n_disc=n_disc
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # they are counted
        run = game.run(steps=steps + 60, seed=seed, record_every=EVERY, dtype="float32", threads=1, backend=backend)
    seen = run.particles[0, -WINDOW:]
    gone = np.nan if run.diverged_at[0] >= 0 else 0.0
    return {
        "metric": mode_collapse(seen, RING.means).mean() + gone,
        "distance": nearest_mode_distance(seen, RING.means).mean() + gone,
        "log_likelihood": mean_log_likelihood(seen, RING).mean() + gone,
    }


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    size = SIZES[profile]
    fn = functools.partial(cell, width=size["width"], steps=size["steps"], backend=backend)
    ratios, rates = np.geomspace(*RATIOS, size["ratios"]), np.geomspace(*RATES, size["rates"])
    seeds = range(1000 * seed, 1000 * seed + size["seeds"])
    counted = seeds[: COUNTED["seeds"]]
    table = sweep_near_level(
        fn, {"ntk_ratio": ratios, "lr_disc": rates}, level=LEVEL, name="metric", seeds=seeds, steps=NEAR, **how
    )
    grid = {"ntk_ratio": COUNTED["ratios"], "lr_disc": [COUNTED["lr_disc"]], "n_disc": COUNTED["n_disc"]}
    steps = ganth.sweep(fn, grid, seeds=counted, **how)
    return {
        "settings": {
            **size, "n_particles": N, "lr_gen": LR_GEN, "n_disc": 1, "reg": 2 / size["width"], "activation": "relu",
            "start_mean": 2**-0.5, "start_scale": 0.1, "dtype": "float32", "level": LEVEL, "counted": COUNTED,
        },
        "ratios": ratios,
        "rates": rates,
        "counted_metric": steps.grid("metric")[:, 0],
        **table,
    }  # fmt: skip


def boundary(result):
    """Return the crossings along alpha_D, those along n_disc as n_disc alpha_D, and the comparison (None: too few)."""
    level, counted = result["settings"]["level"], result["settings"]["counted"]
    found = crossings(result["rates"], np.asarray(result["metric"]), level, direction="falling")
    steps = np.asarray(result["counted_metric"])
    by_count = crossings(counted["n_disc"], steps, level, direction="falling").at * counted["lr_disc"]
    if np.isfinite(found.at).sum() < 5:
        return found, by_count, None
    return found, by_count, compare_laws(result["ratios"], found.at, replicates=found.replicates)


def splitting(ratios):
    """Return 1/eps = N / (g1 - g2), by which a tight cluster resists splitting, relative to g2 = 0."""
    return (1 + (N - 1) * np.asarray(ratios)) / (1 - np.asarray(ratios))


def check(result):
    found, by_count, laws = boundary(result)
    if laws is None:
        reason = f"only {np.isfinite(found.at).sum()} of {len(found.at)} rows cross the level on this grid"
        return [Verdict(claim, "open", None, None, None, reason) for claim in CLAIMS]
    ratios = np.asarray(result["ratios"])
    low, high = laws.interval
    other = fit_boundary(splitting(ratios), found.at, law="power")
    slope = laws.power.slope_interval
    rises = bool((np.diff(found.at[np.isfinite(found.at)]) > 0).all())
    along = np.exp(np.interp(np.log(result["settings"]["counted"]["ratios"]), np.log(ratios), np.log(found.at)))
    products = by_count / along
    return [
        Verdict(
            "ED-Fig10",
            "reproduced" if low > 0 else "not-reproduced" if high < 0 else "open",
            [laws.difference, low, high],
            "> 0: power law more likely than exponential",
            0.0,
            f"log-likelihood difference of the laws and its 95 % interval, {laws.power.points} of {len(ratios)} rows; "
            f"exponent {laws.power.slope:.2f} [{slope[0]:.2f}, {slope[1]:.2f}], residuals in log alpha_D "
            f"{laws.power.residual_scale:.2f}, exponential {laws.exponential.residual_scale:.2f}; departures within a "
            f"law that holds both: p = {laws.p_power:.2g} from the power law, {laws.p_exponential:.2g} from the "
            "exponential. In N/(g1 - g2) instead of g2/g1 the power law has residuals "
            f"{other.residual_scale:.2f}, log-likelihood {other.log_likelihood - laws.power.log_likelihood:+.1f}",
        ),
        Verdict(
            "ED-AppA-alphaD",
            "holds" if slope[0] > 0 and rises else "false" if slope[1] < 0 else "open",
            [laws.power.slope, *slope],
            "> 0",
            0.0,
            f"d log alpha_D / d log(g2/g1) along the boundary, 95 %; the boundary rises at every step: {rises}; "
            f"swept over n_disc it lies at n_disc alpha_D = {np.nanmin(products):.2f} to {np.nanmax(products):.2f} "
            "times alpha_D at n_disc = 1",
        ),
    ]


def draw(result, fig):
    settings, plotting = result["settings"], ganth.plotting
    fig.set_size_inches(11, 8.2)
    (metric, distance), lines = fig.subplots(2, 2)
    ratios, rates = np.asarray(result["ratios"]), np.asarray(result["rates"])
    found, by_count, laws = boundary(result)
    fits = {}
    if laws:
        spread = fit_boundary(splitting(ratios), found.at, law="power")
        fits = {
            f"power law, exponent {number(laws.power)}": laws.power.at,
            f"exponential, rate {number(laws.exponential)}": laws.exponential.at,
            f"power law in N/(g₁ − g₂), {number(spread)}": lambda x: spread.at(splitting(x)),
        }
        fine = np.geomspace(ratios[0], ratios[-1], 200)
        for axis in (metric, distance):
            axis.plot(fine, laws.power.at(fine), "--", color=plotting.PALETTE["vermillion"])
    plotting.phase_points(
        metric, ratios, rates, result["metric"], played=result["played"], label="mode-collapse metric (22)",
        limits=(0, math.log(8)),
    )  # fmt: skip
    plotting.phase_points(
        distance, ratios, rates, result["distance"], played=result["played"], label="distance to the nearest mode",
        limits=(0, 1),
    )  # fmt: skip
    counted = settings["counted"]
    for axis, scale in zip(lines, ("log", "linear"), strict=True):
        plotting.boundary(axis, ratios, found.at, found.intervals, fits, label="α_D at n_disc = 1", xscale=scale)
        axis.plot(
            counted["ratios"], by_count, "D", mfc="none", ms=9, color=plotting.PALETTE["purple"],
            label=f"n_disc α_D at α_D = {counted['lr_disc']}",
        )  # fmt: skip
        axis.set(ylim=(rates[0] * 0.8, rates[-1] * 1.6))
    lines[0].legend(loc="upper left")
    for axis, letter in zip((metric, distance, *lines), "abcd", strict=True):
        axis.set(xlabel="g₂/g₁", ylabel="α_D", title=f"({letter})")
    if laws:
        low, high = laws.interval
        lines[1].set_title(f"(d) log-likelihood, power − exponential: {laws.difference:.1f} [{low:.1f}, {high:.1f}]")
    small = "" if settings["width"] == 2048 else " (source: 2048)"
    fig.suptitle(
        f"ReLU, H = {settings['width']}{small}, N = {N}, T = {settings['steps']}, n_disc = 1, α_G = {LR_GEN}, λ = 2/H, "
        f"β = 0, {settings['seeds']} seeds",
        fontsize=10,
    )


def number(fit):
    """Return a fit's slope with its interval as a text."""
    return f"{fit.slope:.2f} [{fit.slope_interval[0]:.2f}, {fit.slope_interval[1]:.2f}]"
