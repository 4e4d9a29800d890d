"""ED Fig. 13: the transition against a tanh discriminator; and which law four lines of transition follow.

Shows the mode-collapse metric over the (g2/g1, n_disc) plane for tanh, the lines where it is (1/2) log 8 for tanh, ReLU
and the two Fourier discriminators of app. C, a power law and an exponential through each, and what their likelihoods
differ by.  Source: ED, app. C, eqs. (C1)-(C4), Figs. 13-15.  Writes fig13.json, fig13.npz, fig13.png.
"""

import functools
import warnings

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.discriminators import FourierModes
from ganth.sweeps import sweep_near_level
from ganth.transitions import compare_laws, crossings

TITLE = "Transition for tanh, and the law of four lines (Fig. 13)"
CAPTION = (
    "(a) Mode-collapse metric for a tanh discriminator, mean over seeds (far from the line, one), and its line at ½ "
    "log 8; crossed: a seed ran away. (b)-(e) The line for tanh and ReLU layers and for waves with rates |k|⁻³ and "
    "668.8 exp(−2.05 |k|), 95 % over seeds, with the power law and the exponential that fit best; here an exponential "
    "is straight. (f) Log-likelihood of the power law less that of the exponential with 95 % intervals, the law that "
    "t-tests at 5 % leave, and p of a departure from the power law and from the exponential. The source states no "
    "rate; those used are printed."
)
CLAIMS = ("ED-Fig13", "ED-New-shapes")
MINUTES = 0.3

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL = np.log(8) / 2
NAMES = {"tanh": "tanh", "relu": "ReLU", "power": "waves, |k|⁻³", "exponential": "waves, exp(−2.05 |k|)"}
_FIG13 = {"exponential": "reproduced", "power": "not-reproduced", "neither": "not-reproduced", "undecided": "open"}
NEAR = 2  # cells on either side of the first seed's crossing that all seeds are run at
N, EVERY, FAR = 200, 20, 2.0  # a cloud this far from every mode has run away: it covers none
# of layers: width, iterations, rate of the particles; of waves: iterations, rate of the particles; seeds; and for each
# discriminator its rate, ratios and steps
SIZES = {
    "smoke": ((64, 180, 0.1), (100, 3e-3), 2, {
        "tanh": (0.3, np.geomspace(0.01, 0.2, 5), [1, 2, 4]),
        "relu": (0.1, np.geomspace(0.01, 0.2, 5), [2, 4, 8]),
        "power": (1e-4, np.geomspace(0.04, 0.4, 5), [3, 30, 300]),
        "exponential": (2e-5, np.geomspace(0.04, 0.4, 5), [3, 30, 300]),
    }),
    "quick": ((512, 600, 0.1), (1000, 3e-3), 3, {
        "tanh": (0.3, np.geomspace(0.004, 0.25, 8)[:-1], [1, 2, 3, 4, 5, 6]),
        "relu": (0.3, np.geomspace(0.004, 0.1, 7)[1:], [2, 3, 4, 5, 6, 8, 10]),
        "power": (1e-4, np.geomspace(0.03, 0.45, 7)[1:-1], [15, 40, 100, 250, 600, 1500]),
        "exponential": (2e-5, np.geomspace(0.02, 0.7, 7), [1, 3, 10, 30, 100, 300, 1000]),
    }),
    "paper": ((2048, 2500, 0.1), (3000, 1e-3), 8, {
        "tanh": (0.1, np.geomspace(0.004, 0.6, 15), [2, 3, 4, 6, 8, 11, 16, 22, 32]),
        "relu": (0.1, np.geomspace(0.004, 0.3, 15), [4, 6, 8, 11, 16, 22, 32, 45]),
        "power": (1e-4, np.geomspace(0.02, 0.6, 15), [1, 3, 6, 15, 40, 100, 250, 600, 1500, 4000]),
        "exponential": (2e-5, np.geomspace(0.01, 0.8, 15), [1, 3, 6, 15, 40, 100, 250, 600, 1500, 4000]),
    }),
}  # fmt: skip


def cell(ratio, n_disc, seed, *, kind, width, steps, lr_disc, lr_gen, backend):
    """Return the metric, averaged over the last iterations; NaN if the cloud has run away."""
    game = ganth.EffectiveGAN(
        RING, n_particles=N, ntk_ratio=ratio, n_disc=n_disc, lr_disc=lr_disc, lr_gen=lr_gen,
        **({"discriminator": "fourier", "modes": FourierModes(law=kind), "data": "population"}
           if kind in ("power", "exponential") else {"activation": kind, "width": width}),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # it is in the table, as NaN
        run = game.run(steps=steps, record_every=EVERY, seed=seed, dtype="float32", threads=1, backend=backend)
    last = run.particles[0, -4:]
    away = run.diverged_at[0] >= 0 or ganth.metrics.nearest_mode_distance(last, RING.means).max() > FAR
    return np.nan if away else ganth.metrics.mode_collapse(last, RING.means).mean()


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    (width, steps, lr_gen), (wave_steps, wave_lr_gen), seeds, grids = SIZES[profile]
    result = {
        "settings": {
            "width": width, "N": N, "steps": steps, "lr_gen": lr_gen, "lambda": 2 / width, "wave_steps": wave_steps,
            "wave_lr_gen": wave_lr_gen, "wave_lambda": 1.0, "lr_disc": {kind: grid[0] for kind, grid in grids.items()},
            "seeds": seeds, "dtype": "float32",
        }
    }  # fmt: skip
    for kind, (lr_disc, ratios, n_discs) in grids.items():
        wave = kind in ("power", "exponential")
        fn = functools.partial(
            cell,
            kind=kind,
            width=0 if wave else width,
            steps=wave_steps if wave else steps,
            lr_disc=lr_disc,
            lr_gen=wave_lr_gen if wave else lr_gen,
            backend=backend,
        )
        grid = {"ratio": ratios, "n_disc": n_discs}
        table = sweep_near_level(fn, grid, level=LEVEL, seeds=range(seed, seed + seeds), steps=NEAR, **how)
        result |= {f"ratios_{kind}": ratios, f"n_discs_{kind}": np.array(n_discs, dtype=float)}
        result |= {kind: table["value"], f"played_{kind}": table["played"]}
    return result


def line(result, kind):
    """Return the ratios and where each one's column falls through the level."""
    found = crossings(result[f"n_discs_{kind}"], result[kind], LEVEL, direction="falling")
    return result[f"ratios_{kind}"], found


def laws(result, kind):
    """Return both laws of the line, or None where fewer than four columns cross."""
    ratios, found = line(result, kind)
    if (found.sides == "inside").sum() < 4:
        return None
    return compare_laws(ratios, found.at, replicates=found.replicates)


def as_arrays(result):
    return {name: value if name == "settings" else np.asarray(value, dtype=float) for name, value in result.items()}


def check(result):
    result = as_arrays(result)
    both = {kind: laws(result, kind) for kind in NAMES}
    known = all(both.values())
    favoured = [one.favoured if one else "too few crossings" for one in both.values()]
    p = [x for one in both.values() if one for x in (one.p_power, one.p_exponential)]
    intervals = [list(one.interval) if one else None for one in both.values()]
    alike = [one is not None and one.interval[0] < 0 < one.interval[1] for one in both.values()]
    tanh = both["tanh"]
    return [
        Verdict(
            "ED-Fig13",
            _FIG13[tanh.favoured] if tanh and both["relu"] else "open",
            [favoured[0], favoured[1], tanh.difference, *tanh.interval, tanh.p_power, tanh.p_exponential]
            if tanh
            else favoured,
            "p of the exponential > 0.05 > p of the power law",
            0.05,
            "law that t-tests leave for tanh, and for ReLU beside it; log-likelihood of the power law less that of the "
            "exponential for tanh with 95 % interval; p of a departure from either"
            + ("" if tanh and tanh.favoured != "undecided" else "; not decided: neither law is rejected"),
        ),
        Verdict(
            "ED-New-shapes",
            "open" if not known else "holds" if all(alike) else "false",
            [*intervals, *p],
            "every interval holds 0",
            "95 % intervals",
            "log-likelihood of the power law less that of the exponential for tanh, ReLU, waves at |k|^-3 and at "
            f"exp(-2.05 |k|), and p of a departure from either law; t-tests leave: {', '.join(favoured)}"
            + ("" if known else "; not decided: a line has fewer than four points"),
        ),
    ]


def draw(result, fig):
    result = as_arrays(result)
    settings = result["settings"]
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(12.5, 7.8)
    axes = fig.subplots(2, 3).ravel()
    ganth.plotting.phase_points(
        axes[0], result["ratios_tanh"], result["n_discs_tanh"], result["tanh"], played=result["played_tanh"],
        label="mode-collapse metric", limits=(0, np.log(8)), size=90,
    )  # fmt: skip
    axes[0].plot(*(lambda ratios, found: (ratios, found.at))(*line(result, "tanh")), color=colours["vermillion"])
    axes[0].set(title="(a) tanh", ylabel="$n_{disc}$", xlabel="r = g₂/g₁")
    forest = axes[5]
    for k, (kind, name) in enumerate(NAMES.items()):
        axis, both = axes[k + 1], laws(result, kind)
        ratios, found = line(result, kind)
        fits = {"power law": both.power.at, "exponential": both.exponential.at} if both else {}
        ganth.plotting.boundary(
            axis, ratios, found.at, found.intervals, fits, label="metric = ½ log 8", xscale="linear"
        )
        n_discs = result[f"n_discs_{kind}"]
        rate = settings["lr_disc"][kind]
        axis.set(
            title=f"({'bcde'[k]}) {name}, α_D = {rate:g}", xlabel="r = g₂/g₁", ylabel="$n_{disc}$",
            ylim=(n_discs[0] / 2, n_discs[-1] * 2),
        )  # fmt: skip
        if k == 0:
            axis.legend(loc="lower right", fontsize=8)
        if both:
            reach = np.abs(np.array(both.interval) - both.difference)[:, None]
            forest.errorbar(both.difference, -k, xerr=reach, fmt="o", color=colours["black"], capsize=4)
            text = f"{name}: {both.favoured}\np = {both.p_power:.2g} and {both.p_exponential:.2g}"
            forest.annotate(text, (both.difference, -k), (0, 8), textcoords="offset points", fontsize=8, ha="center")
    forest.axvline(0, color="0.4", lw=0.8)
    forest.set(title="(f) which law", xlabel="log-likelihood: power law less exponential", yticks=[], ylim=(-3.5, 0.8))
    source = "" if settings["width"] == 2048 and settings["steps"] == 2500 else " (source: H = 2048, T = 2500)"
    fig.suptitle(
        f"layers: H = {settings['width']}, T = {settings['steps']}{source}, α_G = {settings['lr_gen']:g}, λ = 2/H; "
        f"waves: population data, T = {settings['wave_steps']}, α_G = {settings['wave_lr_gen']:g}, λ = 1; N = {N}, "
        f"{settings['seeds']} seeds",
        fontsize=10,
    )
