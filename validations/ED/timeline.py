"""ED Figs. 5 and 14, a new result: the mode-collapse transition is a line in time.

Shows the metric (22) against r = g2/g1 after T, 3T and 9T iterations of the same runs, where it crosses (1/2) log 8,
and the same against eps T, eps = (g1 - g2)/N.  Theory: a tight cluster splits when eps times the integral of Hess D
reaches a level, so that eps(r*) T is constant while that grows linearly.  Writes timeline.json, timeline.png.
"""

import functools

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.stability import local_weight
from ganth.sweeps import each
from ganth.transitions import crossings, fit_boundary

TITLE = "The transition is a line in time: r* after T, 3T and 9T iterations"
CAPTION = (
    "Mode-collapse metric (22) at several times of the same runs; every seed is a dot, lines are medians. (a), (c) "
    "Against r = g₂/g₁: what has collapsed at T has converged at 9T. (b), (d) Against ε T, ε = (1−r)/(1+(N−1)r): "
    "nearly one curve. (e) ε at the crossing of ½ log 8 against T, 95 % intervals over seeds; dotted: ε* ∝ 1/T. "
    "(f) r* against T, dotted: ε(r*) T = const through the first point. One line for both N in (e) is two in (f): ε, "
    "and not r, is what counts."
)
CLAIMS = ("ED-New-timeline",)
MINUTES = 0.2

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL = np.log(8) / 2
FOURIER = {"discriminator": "fourier", "n_disc": 20, "lr_disc": 1e-3, "lr_gen": 1e-3, "data": "population", "reg": 1.0}
SETUPS = {
    "quick": {
        "Fourier, N = 50": {"N": 50, "T": 1000, "trials": 6, "game": FOURIER, "eps": (0.002, 0.13)},
        "Fourier, N = 200": {"N": 200, "T": 1000, "trials": 4, "game": FOURIER, "eps": (0.002, 0.13)},
        "ReLU, N = 50": {
            "N": 50, "T": 200, "trials": 6, "eps": (0.01, 0.64),
            "game": {"width": 128, "n_disc": 5, "lr_disc": 0.1, "lr_gen": 0.1, "reg": 2 / 128},
        },
    },
    "smoke": {
        "Fourier, N = 20": {"N": 20, "T": 150, "trials": 2, "game": FOURIER, "eps": (0.02, 1.0)},
        "Fourier, N = 40": {"N": 40, "T": 150, "trials": 2, "game": FOURIER, "eps": (0.02, 1.0)},
        "ReLU, N = 20": {
            "N": 20, "T": 40, "trials": 2, "eps": (0.05, 1.0),
            "game": {"width": 32, "n_disc": 5, "lr_disc": 0.1, "lr_gen": 0.1, "reg": 2 / 32},
        },
    },
    "paper": {
        "Fourier, N = 50": {"N": 50, "T": 3000, "trials": 20, "game": FOURIER, "eps": (0.0005, 0.13)},
        "Fourier, N = 200": {"N": 200, "T": 3000, "trials": 20, "game": FOURIER, "eps": (0.0005, 0.13)},
        "ReLU, N = 200": {
            "N": 200, "T": 1500, "trials": 20, "eps": (0.001, 0.3),
            "game": {"width": 512, "n_disc": 5, "lr_disc": 0.3, "lr_gen": 0.1, "reg": 2 / 512},
        },
    },
}  # fmt: skip
POINTS = {"smoke": 5, "quick": 7, "paper": 20}
PARTS = 4  # records in a time T
TIMES = np.array([4, 7, 12, 21, 36])  # of those: 1, 1.75, 3, 5.25 and 9 times T
SHOWN = (0, 2, 4)


def played(setup, weight, seed, *, backend):
    """Return the metric of all trials at one eps, (times, trials): each run is looked at at all times."""
    n, every = setup["N"], setup["T"] // PARTS
    game = ganth.EffectiveGAN(RING, n_particles=n, ntk_ratio=local_weight(weight, n), **setup["game"])
    call = {"trials": setup["trials"], "seed": seed, "record_every": every, "dtype": "float32", "threads": 1}
    run = game.run(steps=int(TIMES[-1]) * every, **call, backend=backend)
    return ganth.metrics.mode_collapse(run.particles[:, TIMES], RING.means).T


def compute(profile, seed, backend, jobs):
    setups, points = SETUPS[profile], POINTS[profile]
    result = {
        "settings": {
            "level": float(LEVEL), "parts": PARTS, "times": TIMES.tolist(), "setups": setups, "start_scale": 0.1,
            "dtype": "float32",
        }
    }  # fmt: skip
    weights = [np.geomspace(*setup["eps"], points) for setup in setups.values()]
    cells = [(setup, weight) for setup, row in zip(setups.values(), weights, strict=True) for weight in row]
    longest_first = sorted(range(len(cells)), key=lambda i: -cells[i][0]["N"])
    rows = each(
        functools.partial(played, backend=backend),
        [(*cells[i], seed) for i in longest_first],
        executor=ganth.executor_for(backend),
        jobs=jobs,
    )
    by_cell = dict(zip(longest_first, rows, strict=True))
    for place, row in enumerate(weights):
        metric = np.array([by_cell[place * points + i] for i in range(points)])
        result[f"eps_{place}"], result[f"metric_{place}"] = row, metric.transpose(1, 0, 2)
    return result


def transition(result, place):
    """Return times in iterations, the Crossings in eps, and the power law that they follow (None if too few)."""
    setup = list(result["settings"]["setups"].values())[place]
    times = np.asarray(result["settings"]["times"]) * (setup["T"] // result["settings"]["parts"])
    metric = np.asarray(result[f"metric_{place}"], dtype=float)
    found = crossings(result[f"eps_{place}"], metric, result["settings"]["level"], direction="falling")
    enough = np.isfinite(found.at).sum() >= 3
    fit = fit_boundary(times, found.at, law="power", replicates=found.replicates) if enough else None
    return times, found, fit


def ratios_at(eps, n):
    """Return r at each eps; an end of an interval may lie beyond what r = 0 and 1 give."""
    return np.array([local_weight(float(np.clip(e, 0, 1)), n) if np.isfinite(e) else np.nan for e in np.ravel(eps)])


def check(result):
    setups = result["settings"]["setups"]
    factors, slopes, intervals, moves, texts = [], [], [], [], []
    for place, (name, setup) in enumerate(setups.items()):
        times, found, fit = transition(result, place)
        product = found.at * times
        ratios = ratios_at(found.at, setup["N"])
        factors.append(float(product.max() / product.min()))
        slopes.append(fit.slope if fit else np.nan)
        intervals.append(fit.seed_interval if fit else (np.nan, np.nan))
        moves.append(bool((np.diff(ratios) > 0).all()))
        texts.append(
            f"{name}: r* {ratios[0]:.3f}, {ratios[2]:.3f}, {ratios[4]:.3f} at T = {times[0]}, {times[2]}, {times[4]}, "
            f"eps* ∝ T^{slopes[-1]:.2f} ({intervals[-1][0]:.2f} to {intervals[-1][1]:.2f})"
        )
    exact = max(factors) < 1.2 and all(low <= -1 <= high for low, high in intervals)
    rough = max(factors) < 2.5 and all(-1.3 < slope < -0.6 for slope in slopes)
    measured = np.isfinite(factors).all() and np.isfinite(slopes).all()
    word = (
        "open"
        if not measured
        else "holds"
        if exact and all(moves)
        else "heuristic"
        if rough and all(moves)
        else "false"
    )
    return [
        Verdict(
            "ED-New-timeline",
            word if measured else "open",
            [*factors, *slopes],
            [1.0] * len(factors) + [-1.0] * len(slopes),
            ["heuristic below 2.5"] * len(factors) + ["heuristic in (-1.3, -0.6)"] * len(slopes),
            "largest over least eps(r*) T from T to 9T, then the exponent of eps* in T (95 % over seeds). "
            + "; ".join(texts),
        )
    ]


def draw(result, fig):
    colours = list(ganth.plotting.PALETTE.values())
    setups = result["settings"]["setups"]
    names = list(setups)
    fig.set_size_inches(11.5, 7.0)
    axes = fig.subplots(2, 3)
    for column, place in ((0, 0), (1, 2)):
        setup = setups[names[place]]
        eps, metric = np.asarray(result[f"eps_{place}"]), np.asarray(result[f"metric_{place}"], dtype=float)
        times, _, _ = transition(result, place)
        ratios = ratios_at(eps, setup["N"])
        for shown, colour, marker in zip(SHOWN, (colours[0], colours[1], colours[3]), "os^", strict=True):
            rows = metric[shown]
            for axis, x in ((axes[0, column], ratios), (axes[1, column], eps * times[shown])):
                axis.plot(np.repeat(x, rows.shape[1]), rows.ravel(), marker, ms=3, color=colour, alpha=0.4)
                axis.plot(x, np.median(rows, axis=1), color=colour, label=f"T = {times[shown]}")
                axis.axhline(result["settings"]["level"], color="0.5", ls=":")
        axes[0, column].set(xlabel="r = g₂/g₁", ylabel="mode-collapse metric", title=f"({'ac'[column]}) {names[place]}")
        axes[1, column].set(xscale="log", xlabel="ε T", ylabel="mode-collapse metric")
        axes[1, column].set_title(f"({'bd'[column]}) {names[place]}")
        axes[0, column].legend(fontsize=8, loc="lower right")
    law, line = axes[0, 2], axes[1, 2]
    for place, (name, colour, marker) in enumerate(
        zip(names, (colours[0], colours[5], colours[3]), "os^", strict=True)
    ):
        n = setups[name]["N"]
        times, found, fit = transition(result, place)
        below, above = np.nan_to_num(found.at - found.intervals[:, 0]), np.nan_to_num(found.intervals[:, 1] - found.at)
        slope = f": slope {fit.slope:.2f}" if fit else ""
        law.errorbar(times, found.at, [below, above], fmt=marker, ms=5, color=colour, capsize=2, label=name + slope)
        ends = ratios_at(found.intervals.ravel(), n).reshape(-1, 2)
        ratios = ratios_at(found.at, n)
        spans = np.nan_to_num(np.abs(ends[:, ::-1] - ratios[:, None])).T
        line.errorbar(times, ratios, spans, fmt=marker, ms=5, color=colour, capsize=2, label=name)
        fine = np.geomspace(times[0], times[-1], 50)
        law.plot(fine, found.at[0] * times[0] / fine, ":", color=colour)
        line.plot(fine, ratios_at(found.at[0] * times[0] / fine, n), ":", color=colour)
    law.set(xscale="log", yscale="log", xlabel="iterations T", ylabel="ε at the transition", title="(e) ε* against T")
    line.set(xscale="log", xlabel="iterations T", ylabel="r at the transition", title="(f) r* against T", ylim=(0, 1))
    law.legend(fontsize=8)
    line.legend(fontsize=8, loc="upper left")
    lines = []
    for name in (names[0], names[2]):
        game, setup = setups[name]["game"], setups[name]
        width = f"H = {game['width']}, λ = 2/H" if "width" in game else f"λ = {game['reg']:g}, exact means"
        lines.append(
            rf"{name.split(',')[0]}: $\alpha_D$ = {game['lr_disc']:g}, $\alpha_G$ = {game['lr_gen']:g}, $n_{{disc}}$ = "
            rf"{game['n_disc']}, {width}, {setup['trials']} seeds"
        )
    fig.suptitle(".  ".join(lines) + ".  Start (1/√2, 1/√2), spread 0.1; float32", fontsize=9)
