"""ED Fig. 19 and where the regulariser begins to help: a Tanh discriminator, and the onset against the three rates.

Shows the mode-collapse metric (22) against beta at g2/g1 = 1/5 after 2000 iterations, all seeds; its unrest in time;
clouds at three beta that a rule picks; and the onset of the particle game (ReLU, g2/g1 = 0.275) beside that of the
Dirac-GAN when alpha_D, alpha_G and n_disc change.  Theory: the Dirac-GAN stops oscillating at beta_c =
2 sqrt(alpha_G / (alpha_D n_disc)), in continuous time and for simultaneous single steps; for n alternating steps at
beta (1 - q^(n/2)) = alpha_G (1 + q^(n/2)), q = 1 - alpha_D beta (theory.dirac).  Writes fig19.json, fig19.npz,
fig19.png.
"""

import functools
import math
import warnings

import numpy as np
import sympy as sp
from scipy import stats
from scipy.optimize import brentq

import ganth
from ganth.claims import Verdict
from ganth.sweeps import each
from ganth.theory import dirac as theory

TITLE = "A Tanh discriminator, and where damping begins (Fig. 19)"
CAPTION = (
    "(a) Tanh discriminator, (28): the metric after T iterations against β (β = 0 at the left edge), every seed a "
    "dot, medians joined, and ½ log 8. (b) Standard deviation of the metric over the second half of each run: large "
    "below the dip, small in it. (c) ReLU discriminator: onset in β, where the mean metric falls below ½ log 8, with "
    "95 % intervals over seeds, against the Dirac-GAN's exact β_c at the same rates. The onset moves with all three "
    "rates the way β_c does, with other powers (in brackets those of β_c; dotted: slope 1). (d)–(f) The first seed of "
    "(a) at three β: a hundredth of the dip's β, the dip (the middle, in log β, of the β whose median is below "
    "⅛ log 8), the last β without overflow."
)
CLAIMS = ("ED-Fig19", "ED-New-onset")
MINUTES = 0.4

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL, DIP = math.log(8) / 2, math.log(8) / 8
PARTICLES, STEPS, RECORDS = 200, 2000, 40
TANH = {"ntk_ratio": 0.2, "lr_disc": 0.01, "lr_gen": 0.1, "n_disc": 5, "activation": "tanh"}
RELU = {"ntk_ratio": 0.275, "lr_disc": 0.01, "lr_gen": 0.3, "n_disc": 5}
RATES = (
    {}, {"lr_disc": 0.03}, {"lr_disc": 0.0033}, {"lr_gen": 0.03}, {"lr_gen": 1.0}, {"n_disc": 2}, {"n_disc": 10},
)  # fmt: skip
# width; betas beside 0; seeds; iterations; betas, seeds and iterations of the onset
SIZES = {
    "smoke": (32, 3, 2, 80, 3, 2, 40),
    "quick": (256, 8, 4, STEPS, 5, 3, 1600),
    "paper": (2048, 21, 16, STEPS, 13, 16, 1600),
}


def dirac_critical(lr_disc, lr_gen, n_disc, order):
    """Return the beta at which the multipliers of the Dirac-GAN meet, found on the game itself."""
    game = ganth.DiracGAN(lr_disc=lr_disc, lr_gen=lr_gen, n_disc=n_disc, order=order)

    def discriminant(beta):
        both = game.with_settings(grad_reg=beta).multipliers()
        return float(((both[0] - both[1]) ** 2).real)

    guess = 2 * math.sqrt(lr_gen / (lr_disc * n_disc))
    return brentq(discriminant, 0.2 * guess, 1.6 * guess, xtol=1e-13)


def dirac_table():
    """Return rows of rates, the law, and the critical beta of the flow, of single simultaneous and of n steps.

    The last two columns: the law that SymPy derives for the flow, and what is left of its condition for the steps.
    """
    law = sp.lambdify([theory.lr_disc, theory.lr_gen, theory.n_disc], theory.critical_with_rates())
    left = sp.lambdify(
        [theory.lr_disc, theory.lr_gen, theory.n_disc, theory.beta], theory.critical_condition("alternating")
    )
    rows = []
    for lr_disc in (0.003, 0.01, 0.03):
        for lr_gen in (0.03, 0.3):
            for n_disc in (1, 2, 5, 10):
                flow = dirac_critical(lr_disc, lr_gen, n_disc, "continuous")
                single = dirac_critical(lr_disc, lr_gen, 1, "simultaneous")
                steps = dirac_critical(lr_disc, lr_gen, n_disc, "alternating")
                rest = left(lr_disc, lr_gen, n_disc, steps) / steps
                rows.append([
                    lr_disc, lr_gen, n_disc, 2 * math.sqrt(lr_gen / (lr_disc * n_disc)), flow, single, steps,
                    law(lr_disc, lr_gen, n_disc), rest,
                ])  # fmt: skip
    return np.array(rows)


def play(game, steps, every, seed, trial, *, backend):
    """Return the course of the metric of one seed, NaN if it overflowed, and its last cloud."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)  # they are counted
        run = game.run(
            steps=steps, seed=seed, first_trial=trial, record_every=every, dtype="float32", threads=1, backend=backend
        )
    gone = np.nan if run.diverged_at[0] >= 0 else 0.0
    return ganth.metrics.mode_collapse(run.particles[0], RING.means) + gone, run.particles[0, -1]


def compute(profile, seed, backend, jobs):
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    width, count, seeds, steps, onset_count, onset_seeds, onset_steps = SIZES[profile]
    common = {"n_particles": PARTICLES, "width": width, "grad_reg_form": "full"}
    betas = np.append(0.0, np.geomspace(0.1, 215.0, count))
    shares = np.geomspace(0.12, 0.7, onset_count)  # of the Dirac-GAN's beta: where the onset is looked for
    rates = np.array([[{**RELU, **changes}[name] for name in ("lr_disc", "lr_gen", "n_disc")] for changes in RATES])
    law = 2 * np.sqrt(rates[:, 1] / (rates[:, 0] * rates[:, 2]))

    def game(settings, beta):
        return ganth.EffectiveGAN(RING, **common, **settings, grad_reg=float(beta))

    every, one = max(steps // RECORDS, 1), functools.partial(play, backend=backend)
    onsets = [game({**RELU, **changes}, share * at) for changes, at in zip(RATES, law, strict=True) for share in shares]
    tanh = each(one, [(game(TANH, beta), steps, every, seed, k) for beta in betas for k in range(seeds)], **how)
    relu = each(one, [(other, onset_steps, None, seed, k) for other in onsets for k in range(onset_seeds)], **how)
    courses = np.array([course for course, _ in tanh]).reshape(len(betas), seeds, -1)
    clouds = np.array([cloud for _, cloud in tanh]).reshape(len(betas), seeds, PARTICLES, 2)
    metric, unrest = courses[..., -1], courses[..., courses.shape[2] // 2 :].std(axis=2)
    distance = ganth.metrics.nearest_mode_distance(clouds, RING.means)
    table = np.array([course[-1] for course, _ in relu]).reshape(len(RATES), onset_count, onset_seeds)
    lost = np.isnan(metric).any(axis=1)
    last = int(np.flatnonzero(~lost)[-1])
    median = np.median(np.where(lost[:, None], np.nan, metric), axis=1)
    low = np.flatnonzero(median < DIP)
    dip = float(np.sqrt(betas[low[0]] * betas[low[-1]])) if low.size and low[0] > 0 else math.nan
    middle = int(np.argmin(np.abs(np.log(betas[1:]) - math.log(dip)))) + 1 if dip > 0 else 1
    under = int(np.argmin(np.abs(np.log(betas[1:]) - np.log(betas[middle] / 100)))) + 1
    found = ganth.transitions.crossings(shares, table, LEVEL, direction="falling")
    onset, replicates = found.at * law, found.replicates * law
    powers = exponents(rates, onset)
    return {
        "settings": {
            "tanh": TANH, "relu": RELU, "n_particles": PARTICLES, "width": width, "reg": 2 / width, "steps": steps,
            "onset_steps": onset_steps, "seeds": seeds, "onset_seeds": onset_seeds, "dtype": "float32",
            "grad_reg_form": "full", "printed_width": 2048,
        },
        "betas": betas, "metric": metric, "distance": distance, "unrest": unrest, "median": median, "last": last,
        "dip": dip, "chosen": np.array([under, middle, last]), "clouds": clouds[[under, middle, last], 0],
        "modes": RING.means, "rates": rates, "onset_shares": shares, "onset_table": table, "onset": onset,
        "onset_intervals": found.intervals * law[:, None], "law": law, "exponents": powers,
        "exponent_halves": halves(np.array([exponents(rates, row) for row in replicates])),
        "dirac": dirac_table(),
    }  # fmt: skip


def exponents(rates, onset):
    """Return the powers of alpha_D, alpha_G and n_disc in the onset, by least squares over the rows that have one."""
    good = np.isfinite(onset)
    if good.sum() < 4:
        return np.full(3, np.nan)
    columns = np.column_stack([np.log(rates[good]), np.ones(good.sum())])
    return np.linalg.lstsq(columns, np.log(onset[good]), rcond=None)[0][:3]


def halves(replicates):
    """Return the half-widths of 95 % jackknife intervals over seeds, Student's t."""
    count = len(replicates)
    error = np.sqrt((count - 1) / count * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0))
    return stats.t.ppf(0.975, count - 1) * error


def check(result):
    median, betas, unrest = (np.asarray(result[name]) for name in ("median", "betas", "unrest"))
    dip, last = float(result["dip"]), int(result["last"])
    below = betas < 1
    in_dip = (median < DIP) & (betas > 0)
    restless, calm = float(np.median(unrest[below])), float(np.median(unrest[in_dip])) if in_dip.any() else np.inf
    collapsed = float(median[below].min())
    dirac = np.asarray(result["dirac"])
    flow_gap = float(np.abs(dirac[:, 4] / dirac[:, 3] - 1).max())
    single_gap = float(np.abs(dirac[:, 5] / (2 * np.sqrt(dirac[:, 1] / dirac[:, 0])) - 1).max())
    symbolic = float(max(np.abs(dirac[:, 7] / dirac[:, 3] - 1).max(), np.abs(dirac[:, 8]).max()))
    apart = float(np.abs(dirac[:, 6] / dirac[:, 3] - 1).max())
    found, half = np.asarray(result["exponents"]), np.asarray(result["exponent_halves"])
    signs = np.array([-1, 1, -1])
    moves = bool((signs * found - half > 0).all())
    exact = max(flow_gap, single_gap, symbolic) < 1e-6
    settings = result["settings"]
    return [
        Verdict(
            "ED-Fig19",
            "reproduced" if collapsed > LEVEL and 3 < dip < 30 and restless > 5 * calm else "not-reproduced",
            [collapsed, dip, restless, calm],
            [f"> {LEVEL:.2f}", "about 10", "-", "far below the third"],
            [LEVEL, [3, 30], None, 0.2],
            "least median metric at beta < 1; middle in log beta of the dip below (1/8) log 8; median over seeds of "
            "the standard deviation of the metric in time at beta < 1, and in the dip; at the last beta without "
            f"overflow, {betas[last]:.0f}, the metric is {median[last]:.2f}; {settings['seeds']} seeds, width "
            f"{settings['width']}",
        ),
        Verdict(
            "ED-New-onset",
            "holds" if exact and moves else "open",
            [flow_gap, single_gap, symbolic, apart, *found, *half],
            [0.0, 0.0, 0.0, "-", -0.5, 0.5, -0.5, "-", "-", "-"],
            [1e-6, 1e-6, 1e-6, None, None, None, None, None, None, None],
            "Dirac-GAN: relative gap of the game's critical beta to 2 sqrt(alpha_G / (alpha_D n)), for the flow and "
            "for single simultaneous steps, and of SymPy's law and condition for n alternating steps, which part from "
            "the law by the fourth number at most; particles: powers of alpha_D, alpha_G, n_disc in the onset, the "
            "Dirac-GAN's beside them, and half-widths of 95 % intervals over seeds: it moves the same way, not by the "
            "same powers",
        ),
    ]


def draw(result, fig):
    settings, palette = result["settings"], ganth.plotting.PALETTE
    betas, median, metric, unrest = (np.asarray(result[name]) for name in ("betas", "median", "metric", "unrest"))
    fig.set_size_inches(12, 7)
    (collapse, rest, law), panels = fig.subplots(2, 3)
    shown = np.where(betas > 0, betas, betas[1] / 2.2)
    for axis, values, middle in ((collapse, metric, median), (rest, unrest, np.median(unrest, axis=1))):
        for x, dots in zip(shown, values, strict=True):
            axis.plot(np.full(dots.shape, x), dots, ".", color=palette["blue"], ms=4, alpha=0.6)
            if np.isnan(dots).any():
                axis.plot(x, 0.97, "x", color=palette["vermillion"], ms=6, transform=axis.get_xaxis_transform())
        axis.plot(shown, middle, color=palette["blue"])
        if result["dip"] > 0:
            axis.axvline(result["dip"], color=palette["green"], lw=1.0, ls=":")
        axis.set(xscale="log", xlabel=r"$\beta$")
    collapse.axhline(LEVEL, color="black", ls="--", lw=0.8)
    collapse.set(ylim=(-0.1, 2.2), title=rf"(a) metric (22), Tanh, $T = {settings['steps']}$")
    rest.set(ylim=(-0.02, None), title="(b) its standard deviation in time")

    onset, intervals, predicted = (np.asarray(result[name]) for name in ("onset", "onset_intervals", "law"))
    rates = np.asarray(result["rates"])
    kinds = (
        ("lr_disc", "blue", r"$\alpha_D$"),
        ("lr_gen", "orange", r"$\alpha_G$"),
        ("n_disc", "green", r"$n_{disc}$"),
    )
    found, half = np.asarray(result["exponents"]), np.asarray(result["exponent_halves"])
    for column, (_, colour, label) in enumerate(kinds):
        rows = [k for k in range(len(rates)) if k == 0 or rates[k, column] != rates[0, column]]
        rows.sort(key=lambda k: predicted[k])
        gaps = np.abs(intervals[rows] - onset[rows, None]).T
        law.errorbar(
            predicted[rows], onset[rows], yerr=gaps, fmt="o-", ms=4, lw=1.0, capsize=2, color=palette[colour],
            label=rf"{label}: power ${found[column]:.2f} \pm {half[column]:.2f}$ (${(-0.5, 0.5, -0.5)[column]:g}$)",
        )  # fmt: skip
    ends = np.array([predicted.min(), predicted.max()])
    law.plot(ends, onset[0] * ends / predicted[0], "k:", lw=0.9)
    law.set(xlabel=r"Dirac-GAN: $2\sqrt{\alpha_G / (\alpha_D n_{disc})}$", ylabel="onset in β")
    if np.isfinite(onset).any():  # not in the smallest runs
        law.set(xscale="log", yscale="log")
        law.set_xticks([2, 3, 5, 8], ["2", "3", "5", "8"])
        law.set_yticks([0.5, 1, 2, 3], ["0.5", "1", "2", "3"])
        law.minorticks_off()
    law.set_title(rf"(c) ReLU, $g_2/g_1 = {settings['relu']['ntk_ratio']}$, $T = {settings['onset_steps']}$")
    law.legend(fontsize=7.5, loc="upper left")

    modes, reach = np.asarray(result["modes"]), 2.8
    for letter, name, axis, cloud, i in zip(
        "def", ("under", "critical", "over"), panels, np.asarray(result["clouds"]), np.asarray(result["chosen"]),
        strict=True,
    ):  # fmt: skip
        axis.plot(modes[:, 0], modes[:, 1], "+", color="black", ms=8, mew=1)
        axis.plot(cloud[:, 0], cloud[:, 1], ".", color=palette["blue"], ms=3)
        axis.set(aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
        axis.set_title(rf"({letter}) {name}: $\beta = {betas[i]:.3g}$, metric {metric[i, 0]:.2f}")
    tanh, relu = settings["tanh"], settings["relu"]
    fig.suptitle(
        rf"(a), (b), (d)–(f): $g_2/g_1 = {tanh['ntk_ratio']}$, $\alpha_D = {tanh['lr_disc']}$, "
        rf"$\alpha_G = {tanh['lr_gen']}$, $n_{{disc}} = {tanh['n_disc']}$, {settings['seeds']} seeds; "
        rf"(c): around $\alpha_D = {relu['lr_disc']}$, $\alpha_G = {relu['lr_gen']}$, $n_{{disc}} = {relu['n_disc']}$, "
        rf"{settings['onset_seeds']} seeds; $N = {PARTICLES}$, $\lambda = 2/H$, $H = {settings['width']}$ "
        "(source: 2048)",
        fontsize=9,
    )
