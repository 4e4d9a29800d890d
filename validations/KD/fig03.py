"""KD Fig. 3: how often training fails against the kernel width, in 2 and 10 dimensions.

Shows the Wasserstein-2 distance to the target after training over its start (a), the fraction of generated points
outside radius 2 (b, with its value at step 0) and the whole distribution of (a) at width 0.6 (c).  Theory beside it:
e^-4, the chance that a planar start lies outside radius 2; e^{-lambda t / 2}, the linear contraction at the target.
Source: KD, section 7, Fig. 3, eq. (134).  Writes fig03.json, fig03.npz, fig03.png.
"""

from operator import methodcaller

import numpy as np
from scipy import stats

import ganth
from ganth.claims import Verdict
from ganth.sweeps import each

TITLE = "Failure against the kernel width (Fig. 3)"
CAPTION = (
    "(a) W2 to the target after training, relative to its start: median and quartiles over all seeds. Above 1 training "
    "moved the points away. (b) Mean fraction of generated points with norm > 2; dashed: its expectation at step 0. "
    "(c) d = 2, width 0.6: one dot a seed. The ratios fall into two groups, so their median says little; quartiles and "
    "the fraction below 0.1 do. Feature map with K(x, x) = 1."
)
CLAIMS = ("KD-Fig3a", "KD-Fig3b", "KD-Num-div2", "KD-Rem-rff10", "KD-New-bimodal", "KD-New-extradamp")
MINUTES = 0.5

# trials in 2 and in 10 dimensions, widths, steps
SIZES = {
    "smoke": (6, 2, [0.05, 0.6, 10.0], 2000),
    "quick": (24, 6, [0.05, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 10.0], 40_000),
    "paper": (100, 100, [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0], 40_000),
}
REG, RATE, FREQUENCIES, RADIUS, NEAR_ZERO = 0.01, 1e-3, 1000, 2.0, 0.1
BIMODAL_WIDTH = 0.6


def target_points(dim, trials, seed):
    """Return the paper's targets: four points on the unit circle, or ten on the unit sphere anew for each trial."""
    if dim == 2:
        return ganth.targets.PointMasses.ring(4).points
    spheres = [ganth.targets.PointMasses.random_sphere(10, dim, seed, trial=t).points for t in range(trials)]
    return np.array(spheres)


def play(dim, widths, trials, steps, seed, jobs, *, backend):
    """Return (width, run, W2 ratios) of each width: `trials` trials of the paper's game."""
    points, rates = target_points(dim, trials, seed), {"reg": REG, "lr_disc": RATE, "lr_gen": RATE}
    games = [ganth.KernelGAN(points, kernel=ganth.RBF(w), n_frequencies=FREQUENCIES, **rates) for w in widths]
    call = {"steps": steps, "trials": trials, "seeds": seed, "threads": jobs}
    found = []
    for width, run in zip(widths, ganth.play_together(games, **call, backend=backend), strict=True):
        before, after = (ganth.metrics.wasserstein2_many(run.particles[:, k], points, backend=backend) for k in (0, -1))
        found.append((width, run, after / before))
    return found


def summary(ratios):
    """Return (q25, median, q75, fraction near zero) of the ratios."""
    return [*np.quantile(ratios, [0.25, 0.5, 0.75]), np.mean(ratios < NEAR_ZERO)]


def exact_speed(width, *, backend):
    """Return the speed per step of an isolated point of mass 1/10 under the exact kernel, set off by a faint push."""
    push = np.zeros((1, 10))
    push[0, 0] = width
    game = ganth.KernelGAN(push, [1e-6], kernel=ganth.RBF(width), reg=REG, lr_disc=RATE, lr_gen=RATE)
    run = game.run(np.zeros((1, 10)), [0.1], steps=12_000, record_every=1000, backend=backend)
    return float(np.linalg.norm(run.particles[0, -1] - run.particles[0, -2]) / 1000)


def compute(profile, seed, backend, jobs):
    trials_2, trials_10, widths, steps = SIZES[profile]
    measured = {"widths": np.array(widths)}
    returned = outside = 0
    for dim, trials in ((2, trials_2), (10, trials_10)):
        rows, lost, start, travel = [], [], [], []
        played = play(dim, widths, trials, steps, seed, jobs, backend=backend)
        if dim == 2:
            further = methodcaller("extend", steps // 4, threads=jobs)
            longer = each(further, [(run,) for _, run, _ in played], executor=ganth.executor_for(backend), jobs=1)
        for place, (width, run, ratios) in enumerate(played):
            rows.append(summary(ratios))
            lost.append(ganth.metrics.diverging_fraction(run.particles[:, -1], RADIUS).mean())
            start.append(ganth.metrics.diverging_fraction(run.particles[:, 0], RADIUS).mean())
            travel.append(np.linalg.norm(run.particles[:, -1] - run.particles[:, 0], axis=-1).mean())
            if dim == 2 and width == BIMODAL_WIDTH:
                measured["ratios_bimodal"] = ratios
            if dim == 2:
                # do the points outside at the end stay outside?
                far = np.linalg.norm(run.particles[:, -1], axis=-1) > RADIUS
                later = longer[place].particles[:, -1]
                outside += int(far.sum())
                returned += int((np.linalg.norm(later[far], axis=-1) <= RADIUS).sum())
        low, median, high, near_zero = np.array(rows).T
        measured |= {
            f"w2_ratio_median_d{dim}": median,
            f"w2_ratio_q25_d{dim}": low,
            f"w2_ratio_q75_d{dim}": high,
            f"diverged_fraction_d{dim}": np.array(lost),
            f"diverged_fraction_start_d{dim}": np.array(start),
            f"near_zero_fraction_d{dim}": near_zero,
            f"travel_d{dim}": np.array(travel),
            f"trials_d{dim}": trials,
        }

    # From next to the target with f = 0 the linear rate rules.
    points = target_points(2, 1, seed)
    game = ganth.KernelGAN(
        points, kernel=ganth.RBF(BIMODAL_WIDTH), n_frequencies=FREQUENCIES, reg=REG, lr_disc=RATE, lr_gen=RATE
    )
    offset = 0.02 * ganth.streams.normal(seed, (4, 2))
    near = game.run(points + offset, steps=steps, record_every=max(1, steps // 200), seed=seed, backend=backend)
    spread = np.sqrt(((near.particles[0] - points) ** 2).sum(axis=(1, 2)))
    tail = spread[-len(spread) // 4 :].max() / spread[: len(spread) // 4].max()
    return measured | {
        "settings": {
            "reg": REG, "lr_disc": RATE, "lr_gen": RATE, "n_frequencies": FREQUENCIES, "steps": steps,
            "feature_norm": "unit", "near_zero": NEAR_ZERO, "radius": RADIUS,
        },
        "outside": outside,
        "returned": returned,
        "exact_travel": exact_speed(widths[0], backend=backend) * steps,
        "predicted_travel": steps
        * ganth.stability.divergence_speed(
            ganth.RBF(widths[0]), 0.1, reg=REG, lr_disc=RATE, lr_gen=RATE, order="simultaneous"
        ),
        "near_contraction": float(tail),
        "linear_contraction": float(np.exp(-REG * RATE * steps * 0.75 / 2)),
    }  # fmt: skip


def check(result):
    result = {key: np.asarray(value) if isinstance(value, list) else value for key, value in result.items()}
    verdicts, shapes, medians = [], [], []
    for dim in (2, 10):
        median = result[f"w2_ratio_median_d{dim}"]
        best = int(np.argmin(median))
        shapes.append(bool(median[0] > 1 and 0 < best < len(median) - 1 and median[-1] > median[best] + 0.1))
        medians.append([float(median[0]), float(median[best]), float(median[-1])])
    verdicts.append(
        Verdict(
            "KD-Fig3a",
            "reproduced" if all(shapes) else "not-reproduced",
            medians[0] + medians[1],
            "first above 1, second smallest, third above it by 0.1",
            0.1,
            "median ratio at the smallest, the best and the largest width, for d = 2 and d = 10",
        )
    )
    planar, spherical = result["diverged_fraction_d2"], result["diverged_fraction_d10"]
    rises = planar[:2].mean() > planar[-3:].mean() + 0.1
    falls_back = spherical[0] < spherical.max() - 0.1 and np.argmax(spherical) > 0
    verdicts.append(
        Verdict(
            "KD-Fig3b",
            "reproduced" if rises and falls_back else "not-reproduced",
            [float(planar[0]), float(planar[-1]), float(spherical[0]), float(spherical.max())],
            "d = 2: first above second; d = 10: third below fourth",
            0.1,
            f"fraction outside radius 2: d = 2 smallest and largest width, d = 10 smallest and worst width; "
            f"d = 2 at step 0: {float(result['diverged_fraction_start_d2'].mean()):.3f} (e^-4 = {np.exp(-4):.3f})",
        )
    )
    outside, returned = result["outside"], result["returned"]
    share = returned / outside if outside else float("nan")
    verdicts.append(
        Verdict(
            "KD-Num-div2",
            "open" if not outside else ("holds" if share < 0.02 else "corrected"),
            share,
            0.0,
            0.02,
            f"share of the {outside} points outside radius 2 at the end, d = 2, all widths, back inside after a "
            "quarter as many steps again: all are at least 1 from every true point",
        )
    )
    exact, travelled = float(result["exact_travel"]), float(result["travel_d10"][0])
    verdicts.append(
        Verdict(
            "KD-Rem-rff10",
            "holds" if exact > RADIUS > travelled and exact > 2 * travelled else "open",
            [travelled, exact],
            float(result["predicted_travel"]),
            RADIUS,
            f"distance travelled at the smallest width, d = 10: mean with {FREQUENCIES} frequencies, and by an "
            "isolated point under the exact kernel, whose wave goes the expected distance and leaves radius 2",
        )
    )
    ratios = result["ratios_bimodal"]
    low, high = float(np.mean(ratios < NEAR_ZERO)), float(np.mean(ratios > 0.3))
    verdicts.append(
        Verdict(
            "KD-New-bimodal",
            "holds" if low > 0.15 and high > 0.15 and low + high > 0.8 else "open",
            [low, 1 - low - high, high],
            "both ends above 0.15, the middle below 0.2",
            0.2,
            f"fractions of {len(ratios)} seeds with ratio < 0.1, between, and > 0.3 at width 0.6, d = 2",
        )
    )
    linear = float(result["linear_contraction"])
    verdicts.append(
        Verdict(
            "KD-New-extradamp",
            "heuristic" if low > 0.15 and result["near_contraction"] > 0.5 * linear else "open",
            [low, float(result["near_contraction"])],
            linear,
            0.5,
            "fraction of seeds that contract below 0.1, and contraction of a run started at the target with f = 0, "
            "where e^{-lambda t/2} allows the expected value: the excess is seen, its mechanism is not proved",
        )
    )
    return verdicts


def draw(result, fig):
    fig.set_size_inches(10.5, 3.6)
    distance, lost, single = fig.subplots(1, 3)
    widths = np.asarray(result["widths"])
    for dim, n, colour, marker in ((2, 4, "#0072B2", "o"), (10, 10, "#D55E00", "s")):
        label = f"d = {dim}, N = {n}, {result[f'trials_d{dim}']} seeds"
        q25, median, q75 = (np.asarray(result[f"w2_ratio_{k}_d{dim}"]) for k in ("q25", "median", "q75"))
        distance.fill_between(widths, q25, q75, color=colour, alpha=0.2, lw=0)
        distance.plot(widths, median, marker=marker, color=colour, label=label)
        lost.plot(widths, result[f"diverged_fraction_d{dim}"], marker=marker, color=colour, label=f"d = {dim}")
        lost.axhline(stats.chi2.sf(RADIUS**2 * dim, dim), ls="--", color=colour, lw=1)  # E|x|^2 = 1 at the start
    distance.axhline(1, color="0.5", lw=0.8)
    distance.set(xscale="log", xlabel="kernel width σ", ylabel="W2 after / W2 at start", title="(a)", ylim=(0, None))
    distance.legend(loc="upper right", fontsize="small")
    lost.set(xscale="log", xlabel="kernel width σ", ylabel="fraction with norm > 2", title="(b)", ylim=(-0.01, None))
    lost.legend(title="dashed: step 0")
    ratios = np.sort(np.asarray(result["ratios_bimodal"]))
    single.plot(ratios, (np.arange(len(ratios)) + 0.5) / len(ratios), ".", color="#009E73")
    single.axvline(np.median(ratios), color="0.4", ls="--", lw=1, label="median")
    single.axvspan(0, NEAR_ZERO, color="#009E73", alpha=0.15, lw=0, label="ratio < 0.1")
    single.set(
        xlabel="W2 after / W2 at start", ylabel="share of seeds below", title="(c) d = 2, σ = 0.6", xlim=(0, None)
    )
    single.legend(loc="lower right")
    settings = result["settings"]
    fig.supxlabel(
        f"λ = {settings['reg']}, rates {settings['lr_disc']:g}, {settings['n_frequencies']} frequencies, "
        f"{settings['steps']:,} steps",
        fontsize="small",
    )
