"""ED Figs. 5 and 6: the transition to mode collapse against a ReLU discriminator, in the (g2/g1, n_disc) plane.

Shows the mode-collapse metric and the mean log-likelihood over the plane, the line where the metric is (1/2) log 8 with
its intervals, a power law and an exponential through it, and what the ambiguous average 5000 +- 20 n does to it.
Source: ED, section IV, eqs. (22)-(26), Figs. 5, 6.  It states neither rate; those used here are printed.  Writes
fig05.json, fig05.npz, fig05.png.

The rule for ED-Fig5-power, written down before the seeds that it uses were run.  Columns share their seeds, so that
seeds are the independent units and all intervals leave out each seed in turn; columns that cross whichever seed is out.
- D: log-likelihood of log n_disc on the line under a power law in r less that under an exponential.
- c in log n_disc = a + b log r + c r: 0 for a power law, b = 0 for an exponential.
Reproduced: D > 0 and c = 0 is not rejected.  Not reproduced: D < 0, or c = 0 is rejected.  Else open.  Four seeds left
it open; four more are run at the cells within a factor NEAR of the line of the first four.  Afterwards n_disc there was
made finer, to steps of at most STEP or of one, as the last column's crossing depended on it: both grids reject c = 0.
Two runs at H = 512 that are not kept: at lambda = 2/512 both laws are rejected too, but the line is too high for the
grid; at lambda = 2/1024 the exponential alone is rejected, which is "reproduced" by the rule.
"""

import functools
import warnings

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.stability import local_weight
from ganth.sweeps import sweep_near_level
from ganth.transitions import compare_laws, crossings, fit_boundary

TITLE = "Transition to mode collapse, ReLU discriminator (Figs. 5, 6)"
CAPTION = (
    "(a) Mode-collapse metric (22), mean over seeds (far from the line, one), and the line where it is ½ log 8; "
    "crossed: a seed diverged. (b) Mean log-likelihood of the particles, with the same line; a sample of the target "
    "has 2.9. (c) The line at three times, 95 % over seeds at the last, with a power law and an exponential in "
    "r = g₂/g₁, and a power law in 1/ε, ε = (g₁ − g₂)/N; b and c as in log n = a + b log r + c r; all intervals over "
    "seeds. The line moves to larger r with T, so that lines at different T are not comparable. (d) All cells by how "
    "far above the line they are: the likelihood is high only well above it. The source states no rate; those used are "
    "printed."
)
CLAIMS = ("ED-Fig5-trans", "ED-Fig5-power", "ED-Fig6", "ED-Num-avg")
MINUTES = 0.8

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL = np.log(8) / 2
SAMPLE = -1 - np.log(2 * np.pi * 8 * 0.02**2)  # mean log-likelihood of a sample of the target
PRECISE = -10.0  # root-mean-square distance to the modes: five of their standard deviations
WELL_ABOVE = 1.2  # times n_disc of the line
AROUND = 2  # cells on either side of the first seed's crossing that all seeds are run at
NEAR, STEP = 1.4, 1.1  # cells that more seeds are run at: n_disc within this factor of the line's, in finer steps
N, EVERY, READINGS = 200, 20, ("before", "after", "around", "at")
AT_LINE = (*READINGS, "part_1", "part_2")
# width, iterations, rates, ratios, discriminator steps, seeds, more seeds near the line
SIZES = {
    "smoke": (64, 180, 0.1, 0.1, np.geomspace(0.005, 0.2, 5), [2, 4, 8], 2, 1),
    "quick": (1024, 1000, 0.3, 0.1, np.geomspace(0.005, 0.2, 7)[:-1], [2, 3, 4, 5, 6, 8, 10, 12], 4, 4),
    "paper": (2048, 5000, 0.1, 0.1, np.geomspace(0.006, 0.6, 15), [3, 4, 6, 8, 11, 16, 22, 32, 45, 64], 8, 8),
}


def cell(ratio, n_disc, seed, *, width, steps, lr_disc, lr_gen, dtype="float32", backend):
    """Return the metric at three times, its averages at the last in all readings, and the likelihood there."""
    game = ganth.EffectiveGAN(
        RING, n_particles=N, ntk_ratio=ratio, n_disc=n_disc, width=width, lr_disc=lr_disc, lr_gen=lr_gen
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # it is in the table, as NaN
        run = game.run(steps=steps + 3 * EVERY, record_every=EVERY, seed=seed, dtype=dtype, threads=1, backend=backend)
    particles, last = run.particles[0], steps // EVERY
    if run.diverged_at[0] >= 0:
        particles[run.steps >= run.diverged_at[0]] = np.nan
    metric = ganth.metrics.mode_collapse(particles, RING.means)
    before = slice(last - 3, last + 1)
    windows = {"after": slice(last, last + 4), "around": slice(last - 3, last + 4), "at": slice(last, last + 1)}
    return {
        "before": metric[before].mean(),
        **{name: metric[window].mean() for name, window in windows.items()},
        **{f"part_{k}": metric[last * k // 3 - 3 : last * k // 3 + 1].mean() for k in (1, 2)},
        "likelihood": ganth.metrics.mean_log_likelihood(particles[before], RING).mean(),
    }


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    width, steps, lr_disc, lr_gen, ratios, n_discs, seeds, more = SIZES[profile]
    settings = {"width": width, "steps": steps, "lr_disc": lr_disc, "lr_gen": lr_gen}
    fn, seed_list = functools.partial(cell, **settings, backend=backend), range(seed, seed + seeds)
    table = sweep_near_level(
        fn, {"ratio": ratios, "n_disc": n_discs}, level=LEVEL, name="before", seeds=seed_list, steps=AROUND, **how
    )
    # The same cells at the middle of the line in float64, for how little the type matters.
    middle, few = len(ratios) // 2, slice(len(n_discs) // 2 - 1, len(n_discs) // 2 + 2)
    double = ganth.sweep(
        functools.partial(fn, dtype="float64"), {"ratio": [ratios[middle]], "n_disc": n_discs[few]},
        seeds=seed_list[:2], **how,
    )  # fmt: skip
    zero = ganth.sweep(fn, {"ratio": [0.0], "n_disc": [1, 2]}, seeds=seed_list, **how)
    fine = finer(n_discs)
    near = near_line(n_discs, table["before"], fine)
    lines = {name: np.full((len(ratios), len(fine), seeds + more), np.nan) for name in AT_LINE}
    for name, values in lines.items():
        values[:, np.isin(fine, n_discs), :seeds] = table[name]
    for row, (ratio, cells) in enumerate(zip(ratios, near, strict=True)):
        for known, drawn in ((True, slice(seeds, seeds + more)), (False, slice(0, seeds + more))):
            there = np.flatnonzero(cells & (np.isin(fine, n_discs) == known))
            if there.size == 0:
                continue
            numbers = range(seed, seed + seeds + more)[drawn]
            one = ganth.sweep(fn, {"ratio": [ratio], "n_disc": fine[there].tolist()}, seeds=numbers, **how)
            for name, values in lines.items():
                values[row, there, drawn] = one.grid(name)[0]
    return {
        "settings": settings | {"N": N, "lambda": 2 / width, "seeds": seeds, "more": more, "dtype": "float32"},
        "ratios": ratios,
        "n_discs": np.array(n_discs, dtype=float),
        "fine": fine.astype(float),
        **{name: table[name] for name in ("before", "likelihood", "played")},
        **{f"line_{name}": values for name, values in lines.items()},
        "zero": zero.grid("before"),
        "double_less_single": double.grid("before")[0] - table["before"][middle, few, :2],
    }


def finer(n_discs):
    """Return n_disc in steps of at most STEP, or of one, with those given among them."""
    count = int(np.ceil(np.log(n_discs[-1] / n_discs[0]) / np.log(STEP))) + 1
    return np.union1d(n_discs, np.geomspace(n_discs[0], n_discs[-1], count).round().astype(int))


def near_line(n_discs, metric, fine):
    """Return which cells of the finer grid are within a factor NEAR of where their column crosses, if it does."""
    found = crossings(n_discs, metric, LEVEL, direction="falling")
    return np.array([np.abs(np.log(fine / at)) <= np.log(NEAR) for at in found.at])


def line(result, name="before"):
    """Return where each ratio's column falls through the level: the least n_disc that avoids collapse."""
    return crossings(result["fine"], result[f"line_{name}"], LEVEL, direction="falling")


def always(found):
    """Return which columns cross whichever seed is left out."""
    return np.isfinite(found.at) & np.isfinite(found.replicates).all(axis=0)


def laws(result, found):
    """Return both laws of n_disc, of the columns that cross whichever seed is left out; None for fewer than four."""
    there = always(found)
    if there.sum() < 4:
        return None
    return compare_laws(result["ratios"][there], found.at[there], replicates=found.replicates[:, there])


def departures(result, found):
    """Return 95 % intervals over seeds of b and c in log n_disc = a + b log r + c r: (2, 2)."""
    from scipy.special import stdtrit

    there = always(found)
    ratios, seeds = result["ratios"][there], len(found.replicates)
    columns = np.stack([np.ones_like(ratios), np.log(ratios), ratios], axis=1)
    whole, *without = (np.linalg.lstsq(columns, np.log(at[there]))[0][1:] for at in (found.at, *found.replicates))
    spread = (np.array(without) - np.mean(without, axis=0)) ** 2
    reach = stdtrit(seeds - 1, 0.975) * np.sqrt((seeds - 1) / seeds * spread.sum(axis=0))
    return np.stack([whole - reach, whole + reach], axis=1)


def decision(both, bends):
    """Return the verdict that the rule above gives for an interval of D and the intervals of b and c."""
    low, high = both.seed_interval
    bent = not bends[1, 0] <= 0 <= bends[1, 1]
    if bent or high < 0:
        return "not-reproduced"
    return "reproduced" if low > 0 else "open"


def rejected(bends):
    """Return in words which laws the intervals of b and c reject."""
    slope, bend = (not low <= 0 <= high for low, high in bends)
    words = {
        (1, 1): "both laws are rejected",
        (0, 1): "the power law is rejected",
        (1, 0): "the exponential is rejected",
    }
    return words.get((slope, bend), "no law is rejected")


def in_weight(result, found):
    """Return the power law of n_disc in 1/eps, eps = (g1 - g2)/N the weight of a particle's own gradient."""
    there = always(found)
    stretched = inverse_weight(result["ratios"][there])
    return fit_boundary(stretched, found.at[there], law="power", replicates=found.replicates[:, there])


def inverse_weight(ratios):
    """Return 1/eps."""
    return np.array([1 / local_weight(ratio, N) for ratio in ratios])


def mean_over_seeds(result, name):
    """Return the means over seeds on the plane; where one seed was run, its number."""
    values = result[name]
    return np.where(result["played"], values, values[..., :1]).mean(axis=2)


def above(result, found):
    """Return (n_disc over the line's, likelihood) of all cells whose column crosses."""
    inside = found.sides == "inside"
    times = result["n_discs"][None, :] / found.at[inside, None]
    return times.ravel(), mean_over_seeds(result, "likelihood")[inside].ravel()


def as_arrays(result):
    return {name: value if name == "settings" else np.asarray(value, dtype=float) for name, value in result.items()}


def check(result):
    result = as_arrays(result)
    lines = {name: line(result, name) for name in READINGS}
    found = lines["before"]
    both, settings = laws(result, found), result["settings"]
    bends, seeds = (departures(result, found) if both else None), settings["seeds"] + settings["more"]
    metric = mean_over_seeds(result, "before")
    phases = [float(np.nanmin(metric)), float(np.nanmax(metric))]
    inside = found.sides == "inside"
    rising = bool(both and both.power.seed_interval[0] > 0)
    times, likelihood = above(result, found)
    precise = likelihood > PRECISE
    lowest = float(times[precise].min()) if precise.any() else None
    reach = np.log(found.intervals[:, 1] / found.intervals[:, 0]) / 2
    weight = in_weight(result, found) if both else None
    shifts = np.abs([np.log(lines[name].at / found.at) for name in READINGS[1:]])
    moved, usual = float(np.nanmax(shifts, initial=0.0)), float(np.nanmedian(reach))
    return [
        Verdict(
            "ED-Fig5-trans",
            "reproduced" if rising and phases[0] < 0.1 and phases[1] > 1.9 else "open",
            [*phases, *(both.power.seed_interval if both else ())],
            [0.0, float(np.log(8)), "> 0"],
            ["< 0.1", "> 1.9", "95 % interval"],
            "least and largest mean metric on the plane; slope of log n_disc against log r along the line of (1/2) "
            f"log 8, which {int(inside.sum())} of {len(inside)} columns cross",
        ),
        Verdict(
            "ED-Fig5-power",
            decision(both, bends) if both else "open",
            [both.difference, *both.seed_interval, *bends.ravel().tolist(), both.power.slope, weight.slope,
             weight.log_likelihood - both.power.log_likelihood, float(np.nanmean(result["zero"][0, 0])),
             float(weight.at(1))]
            if both else None,
            "D > 0; c = 0",
            "95 % over seeds",
            "D, log-likelihood of a power law less that of an exponential, with its 95 % interval over seeds; those of "
            "b and c in a + b log r + c r, c = 0 for the power law, b = 0 for the exponential; exponents in r and "
            "in 1/eps, eps = (g1 - g2)/N, and the log-likelihood gained by the second; metric at r = 0 and n_disc = 1, "
            f"and n_disc of the line there by 1/eps. Here {rejected(bends)}. {seeds} seeds: the first "
            f"{settings['seeds']} left it undecided, so that {settings['more']} were added near the line, under a rule "
            "written before they were run; then n_disc was made finer there, with the same outcome. Not robust: of two "
            "runs at H = 512 that are not kept, lambda = 2/512 rejects both laws, 2/1024 the exponential alone. At "
            "r = 1, eps = 0, nothing splits, so that no power law in r holds up to there"
            if both else "fewer than four columns cross the level",
        ),
        Verdict(
            "ED-Fig6",
            "open" if lowest is None else "reproduced" if lowest > WELL_ABOVE else "not-reproduced",
            [lowest, float(np.nanmax(mean_over_seeds(result, "likelihood")))],
            [f"> {WELL_ABOVE}", float(SAMPLE)],
            WELL_ABOVE,
            "least n_disc, over that of the line at the same r, with a mean log-likelihood above "
            f"{PRECISE:g}; the largest, and that of a sample" + ("; no cell is precise" if lowest is None else ""),
        ),
        Verdict(
            "ED-Num-avg",
            "holds" if moved < usual else "open",
            moved,
            0.0,
            usual,
            "largest shift of log n_disc on the line when the average is taken after, around or at T and not before "
            "it; bound: the median half-width of its 95 % intervals. No reading of 5000 +- 20 n changes the line",
        ),
    ]  # fmt: skip


def draw(result, fig):
    result = as_arrays(result)
    settings, ratios, n_discs = result["settings"], result["ratios"], result["n_discs"]
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(11, 8.4)
    (metric, likelihood), (lines, heights) = fig.subplots(2, 2)
    found = line(result)
    both = laws(result, found)
    ganth.plotting.phase_points(
        metric, ratios, n_discs, result["before"], played=result["played"], label="mode-collapse metric",
        limits=(0, np.log(8)),
    )  # fmt: skip
    ganth.plotting.phase_points(
        likelihood, ratios, n_discs, result["likelihood"], played=result["played"], label="mean log-likelihood",
        limits=(-1000, SAMPLE),
    )  # fmt: skip
    for axis, title in ((metric, "(a) metric at T"), (likelihood, "(b) log-likelihood at T")):
        axis.plot(ratios, found.at, "-", color=colours["vermillion"], lw=1.5)
        axis.set(title=title)
    for k, colour in ((1, "sky"), (2, "purple")):
        part = line(result, f"part_{k}")
        label = f"T = {settings['steps'] * k // 3}"
        lines.plot(ratios, part.at, "s-", ms=4, lw=0.8, color=colours[colour], label=label)
    fits = {}
    if both:
        weight = in_weight(result, found)
        fits = {
            "power law in r": both.power.at,
            "exponential in r": both.exponential.at,
            "power law in 1/ε": lambda r: weight.at(inverse_weight(r)),
        }
        (low_b, high_b), (low_c, high_c) = departures(result, found)
        low, high = both.seed_interval
        words = (
            f"exponents: {in_words(both.power)} in r,\n{in_words(weight)} in 1/ε\nlog L of power law less that\n"
            f"of exponential: {both.difference:.1f} [{low:.1f}, {high:.1f}],\n"
            f"of 1/ε less of r: {weight.log_likelihood - both.power.log_likelihood:+.1f}\n"
            f"b: [{low_b:.2f}, {high_b:.2f}], c: [{low_c:.1f}, {high_c:.1f}]"
        )
        lines.text(0.03, 0.97, words.replace("-", "−"), transform=lines.transAxes, va="top", fontsize=7.5)
    ganth.plotting.boundary(lines, ratios, found.at, found.intervals, fits, label=f"T = {settings['steps']}")
    lines.set(title="(c) the line at three times")
    lines.legend(loc="lower right", fontsize=8)
    for axis in (metric, likelihood, lines):
        axis.set(xlabel="r = g₂/g₁", ylabel="$n_{disc}$", ylim=(n_discs[0] / 1.3, n_discs[-1] * 1.3))
        axis.set_yticks(n_discs, [f"{n:.0f}" for n in n_discs])
        axis.set_yticks([], minor=True)
    times, values = above(result, found)
    heights.plot(times, values, "o", ms=4, color=colours["blue"], alpha=0.7)
    heights.axhline(SAMPLE, color=colours["green"], lw=1, label="a sample of the target")
    heights.axhline(PRECISE, color="0.4", ls="--", lw=1, label="called precise here")
    heights.axvline(1, color="0.4", lw=0.8)
    heights.set_yscale("symlog", linthresh=10)
    heights.set(xscale="log", xlabel="$n_{disc}$ over that of the line at the same r", ylabel="mean log-likelihood")
    heights.set(title="(d) how far above the line", ylim=(-2000, 60))
    heights.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    heights.set_xticks([], minor=True)
    heights.legend(loc="upper left")
    gap = result["double_less_single"][np.isfinite(result["double_less_single"])]
    source = "" if settings["width"] == 2048 and settings["steps"] == 5000 else " (source: H = 2048, T = 5000)"
    fig.suptitle(
        rf"ReLU, H = {settings['width']}, N = 200, T = {settings['steps']}{source}; "
        rf"$\alpha_D$ = {settings['lr_disc']:g}, $\alpha_G$ = {settings['lr_gen']:g}, λ = 2/H; {settings['seeds']} "
        f"seeds, {settings['more']} more near the line, float32\n(in float64 the metric of {gap.size} runs at the line "
        f"differs by {gap.mean():.2f} ± {gap.std(ddof=1) / np.sqrt(gap.size):.2f})",
        fontsize=10,
    )


def in_words(fit):
    return f"{fit.slope:.2f} [{fit.seed_interval[0]:.2f}, {fit.seed_interval[1]:.2f}]"
