"""ED Fig. 11: mode collapse over the discriminator's rate and g2/g1, for a Tanh discriminator.

Shows the metric and the distance to the nearest mode over the grid, the line on which the metric crosses (1/2) log 8,
and a power law and an exponential fitted to that line.
Theory: none for the law; it is decided by likelihood and by tests within a law that holds both (ganth.transitions).
The decision is borderline: for Tanh at H = 256 the power law is the likelier at alpha_G = 0.03 and not at 0.3; for ReLU
at H = 256 and alpha_G = 0.3 neither is (a run that is not kept: 0.8, 95 % -2.7 to 4.3).
Source: ED, section IV and app. A 1, Fig. 11.  Writes fig11.json, fig11.png.
"""

import functools
import math
import warnings

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.metrics import mean_log_likelihood, mode_collapse, nearest_mode_distance
from ganth.sweeps import sweep_near_level
from ganth.transitions import compare_laws, crossings

TITLE = "Mode collapse over the discriminator's rate, Tanh (Fig. 11)"
CAPTION = (
    "Tanh discriminator, α_D swept at n_disc = 1; the source states neither n_disc nor α_G, so two α_G are shown, a "
    "row each. Left: the metric (22), mean of the seeds (far from the line, of one), of T ± 20n, n = 0..3; dashed: the "
    "exponential fitted to the crossings of (1/2) log 8. Middle: mean distance to the nearest mode: the metric calls a "
    "cloud converged long before it is on the modes. Right: crossings with 95 % intervals over seeds (jackknife) and "
    "both laws; an exponential is straight here. Δ is the log-likelihood of the power law less that of the "
    "exponential, with its 95 % interval: its sign changes with α_G."
)
CLAIMS = ("ED-Fig11",)
MINUTES = 0.5

# alpha_G -> the least and the largest alpha_D, for the boundary to lie between
RATES = {0.03: (0.06, 0.8), 0.3: (0.2, 2.6)}
SIZES = {
    "smoke": {"width": 32, "steps": 60, "ratios": 5, "rates": 4, "seeds": 2},
    "quick": {"width": 256, "steps": 4000, "ratios": 7, "rates": 6, "seeds": 3},
    "paper": {"width": 2048, "steps": 4000, "ratios": 12, "rates": 14, "seeds": 10},
}
WIDER = {"smoke": 1.0, "quick": 1.0, "paper": math.sqrt(8)}  # alpha_D at the boundary grows like the root of the width
RATIOS = (0.01, 0.6)
N = 200
NEAR = 1  # cells on either side of the first seed's crossing that all seeds are run at
EVERY, WINDOW = 20, 7  # records: T - 60, ..., T + 60
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL = math.log(8) / 2
MEASURES = ("metric", "distance", "log_likelihood")


def cell(ntk_ratio, lr_disc, seed, *, lr_gen, width, steps, backend):
    """Return what one game shows around `steps` iterations; NaN if it left the finite numbers."""
    game = ganth.EffectiveGAN(
        RING, n_particles=N, ntk_ratio=ntk_ratio, width=width, activation="tanh", lr_disc=lr_disc, lr_gen=lr_gen
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # they are crossed in the figure
        run = game.run(steps=steps + 60, seed=seed, record_every=EVERY, dtype="float32", threads=1, backend=backend)
    seen = run.particles[0, -WINDOW:]
    gone = np.nan if run.diverged_at[0] >= 0 else 0.0
    values = mode_collapse(seen, RING.means), nearest_mode_distance(seen, RING.means), mean_log_likelihood(seen, RING)
    return {name: value.mean() + gone for name, value in zip(MEASURES, values, strict=True)}


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    size = SIZES[profile]
    ratios = np.geomspace(*RATIOS, size["ratios"])
    rates = WIDER[profile] * np.array([np.geomspace(*ends, size["rates"]) for ends in RATES.values()])
    seeds = range(1000 * seed, 1000 * seed + size["seeds"])
    tables = []
    for lr_gen, row in zip(RATES, rates, strict=True):
        fn = functools.partial(cell, lr_gen=lr_gen, width=size["width"], steps=size["steps"], backend=backend)
        grid = {"ntk_ratio": ratios, "lr_disc": row}
        tables.append(sweep_near_level(fn, grid, level=LEVEL, name="metric", seeds=seeds, steps=NEAR, **how))
    return {
        "settings": {
            **size, "lr_gen": list(RATES), "n_particles": N, "n_disc": 1, "reg": 2 / size["width"],
            "activation": "tanh", "start_mean": 2**-0.5, "start_scale": 0.1, "dtype": "float32", "level": LEVEL,
        },
        "ratios": ratios,
        "rates": rates,
        **{name: np.array([table[name] for table in tables]) for name in (*MEASURES, "played")},
    }  # fmt: skip


def boundaries(result):
    """Return for each alpha_G the crossings along alpha_D and the comparison of laws (None: too few cross)."""
    pairs = []
    for rates, metric in zip(result["rates"], np.asarray(result["metric"], dtype=float), strict=True):
        found = crossings(rates, metric, result["settings"]["level"], direction="falling")
        enough = (found.sides == "inside").sum() >= 5
        pairs.append((found, compare_laws(result["ratios"], found.at, replicates=found.replicates) if enough else None))
    return pairs


def check(result):
    pairs, rates_gen = boundaries(result), result["settings"]["lr_gen"]
    if any(laws is None for _, laws in pairs):
        counts = [int((found.sides == "inside").sum()) for found, _ in pairs]
        return [Verdict("ED-Fig11", "open", None, None, None, f"rows that cross the level on this grid: {counts}")]
    likelier = {"exponential" if laws.interval[1] < 0 else "power" for _, laws in pairs if not covers_zero(laws)}
    words = [
        f"{rate:g}: rate {number(laws.exponential)}, exponent {number(laws.power)}, residuals in log alpha_D "
        f"{laws.exponential.residual_scale:.2f} and {laws.power.residual_scale:.2f}, departures p = "
        f"{laws.p_exponential:.2g} from the exponential and {laws.p_power:.2g} from the power law"
        for rate, (_, laws) in zip(rates_gen, pairs, strict=True)
    ]
    return [
        Verdict(
            "ED-Fig11",
            {("exponential",): "reproduced", ("power",): "not-reproduced"}.get(tuple(likelier), "open"),
            [[laws.difference, *laws.interval] for _, laws in pairs],
            "< 0: exponential more likely than power law",
            0.0,
            "log-likelihood of the power law less that of the exponential, with 95 % intervals, at two alpha_G: the "
            f"source states none. {standing(rates_gen, pairs)} The width is {result['settings']['width']}, the "
            "source's 2048. (For ReLU at width 256 and alpha_G = 0.3 a run not kept gave a tie, 0.8 [-2.7, 4.3].) "
            f"alpha_G = {'; '.join(words)}",
        ),
    ]


def standing(rates_gen, pairs):
    """Return in one sentence which law each alpha_G prefers, and whether that is borderline."""
    preferred = {
        rate: "neither law" if covers_zero(laws) else "the power law" if laws.difference > 0 else "the exponential"
        for rate, (_, laws) in zip(rates_gen, pairs, strict=True)
    }
    said = ", ".join(f"{law} preferred at {rate:g}" for rate, law in preferred.items())
    return f"{'Borderline' if len(set(preferred.values())) > 1 else 'Alike'}: {said}."


def covers_zero(laws):
    """Return whether the likelihood leaves open which law is the better."""
    return laws.interval[0] <= 0 <= laws.interval[1]


def number(fit):
    """Return a fit's slope with its interval as a text."""
    return f"{fit.slope:.2f} [{fit.slope_interval[0]:.2f}, {fit.slope_interval[1]:.2f}]"


def draw(result, fig):
    settings, plotting = result["settings"], ganth.plotting
    fig.set_size_inches(12, 7.6)
    ratios = np.asarray(result["ratios"])
    fine = np.geomspace(ratios[0], ratios[-1], 200)
    played = np.asarray(result["played"])
    values = {name: np.asarray(result[name], dtype=float) for name in ("metric", "distance")}
    rows = zip(fig.subplots(2, 3), settings["lr_gen"], np.asarray(result["rates"]), boundaries(result), strict=True)
    for at, ((metric, distance, line), lr_gen, rates, (found, laws)) in enumerate(rows):
        rate = rf"$\alpha_G$ = {lr_gen:g}"
        fits, title = {}, rate
        if laws:
            low, high = laws.interval
            title += f";  Δ = {laws.difference:.1f} [{low:.1f}, {high:.1f}]".replace("-", "−")
            fits = {
                f"power law, exponent {number(laws.power)}": laws.power.at,
                f"exponential, rate {number(laws.exponential)}": laws.exponential.at,
            }
            for axis in (metric, distance):
                axis.plot(fine, laws.exponential.at(fine), "--", color=plotting.PALETTE["vermillion"])
        plotting.phase_points(
            metric, ratios, rates, values["metric"][at], played=played[at], label="metric (22)", limits=(0, math.log(8))
        )
        plotting.phase_points(
            distance, ratios, rates, values["distance"][at], played=played[at], label="distance to the nearest mode",
            limits=(0, 1),
        )  # fmt: skip
        plotting.boundary(line, ratios, found.at, found.intervals, fits, label="crossings", xscale="linear")
        line.legend(loc="upper left", fontsize=8)
        for axis, text in ((metric, rate), (distance, rate), (line, title)):
            axis.set(xlabel="g₂/g₁", ylabel=r"$\alpha_D$", title=text, ylim=(rates[0] * 0.8, rates[-1] * 1.25))
        line.set_ylim(rates[0] * 0.8, rates[-1] * 3)
    small = "" if settings["width"] == 2048 else " (source: 2048)"
    fig.suptitle(
        f"Tanh, H = {settings['width']}{small}, N = {N}, T = {settings['steps']}, $n_{{disc}}$ = 1, λ = 2/H, β = 0, "
        f"{settings['seeds']} seeds",
        fontsize=10,
    )
