"""KD Fig. 4: three single widths and their concatenation, one true and one generated point ten apart.

Shows the distance against time for the exact kernels and for random features, and the speed of the concatenated kernel
against the regulariser.  Theory: the concatenated kernel is stable for eta < lambda / sum 1/sigma_i^2; a point held by
the narrow widths propels itself below lambda = g, g^2 = sum 1/sigma_i^2, at a speed known in closed form; above g they
magnify the wide kernel's pull by 1 / (1 - g^2/lambda^2).
Source: KD, App. H, (130)-(131), Fig. 4.  Writes fig04.json, fig04.npz, fig04.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict

TITLE = "Single widths and their concatenation (Fig. 4)"
CAPTION = (
    "One true and one generated point of mass 1, distance 10, λ = 0.5 and both rates half the bound λ / Σ 1/σᵢ² (the "
    "source gives neither). (a) Exact kernels: widths 0.1 and 1 never move, for their pull is below the rounding of "
    "the number 10. (b) Random features, 1000 frequencies a width, in one dimension (lines) and two (dashes): share of "
    "seeds within 1 of the true point. (c) Mean speed from distance 9 to 4 against λ: circles the concatenation, "
    "squares width 10 alone; lines in closed form, the self-propelled wave below λ = g (dotted) and the magnified pull "
    "above it."
)
CLAIMS = ("KD-Fig4-concat", "KD-Fig4-wide", "KD-New-fig4mech")
MINUTES = 0.15

WIDTHS = [0.1, 1.0, 10.0]
KERNELS = [*(ganth.RBF(width) for width in WIDTHS), ganth.MultiScale(WIDTHS)]
STEEPNESS = sum(width**-2 for width in WIDTHS)  # g^2 for masses 1 and equal rates
REG, START = 0.5, 10.0
RATE = REG / STEEPNESS / 2
NEAR = 1.0
UNCOMPRESSED = 1e-15  # a tolerance below rounding: the history is summed as it is
# time of the exact runs, of those that do not compress, and of random features; seeds; regularisers of (c)
SIZES = {
    "smoke": (20.0, 5.0, 10.0, 2, [1.0, 12.0]),
    "quick": (200.0, 60.0, 60.0, 24, [0.2, 0.5, 1.0, 2.0, 4.0, 7.0, 9.0, 11.0, 14.0, 20.0]),
    "paper": (400.0, 100.0, 200.0, 100, [0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 9.0, 11.0, 12.0, 14.0, 17.0, 20.0]),
}  # fmt: skip


def course(kernel, duration, *, reg=REG, rate=RATE, true=0.0, tolerance=1e-10, records=400, backend):
    """Return (time, distance) of one exact run on a line, the generated point ten to the right or left."""
    generated = START - true
    game = ganth.KernelGAN([[true]], [1.0], kernel=kernel, reg=reg, lr_disc=rate, lr_gen=rate, tolerance=tolerance)
    steps = round(duration / rate)
    # One thread: a run of one point has nothing to share.
    run = game.run([[generated]], [1.0], steps=steps, record_every=max(1, steps // records), threads=1, backend=backend)
    return run.time, np.abs(run.particles[0, :, 0, 0] - true)


def first(time, distance, level):
    """Return the first time at which the distance is below `level`, or inf."""
    below = distance < level
    return float(time[np.argmax(below)]) if below.any() else float("inf")


def mean_speed(kernel, reg, *, backend):
    """Return the mean speed from distance 9 to 4, or over the run where it does not get there."""
    time, distance = course(
        kernel, 40.0 if reg > 4 else 15.0, reg=reg, rate=min(reg / STEEPNESS / 2, 0.01), records=3000, backend=backend
    )
    if distance.min() < 4:
        return 5.0 / (first(time, distance, 4.0) - first(time, distance, 9.0))
    return (START - distance[-1]) / time[-1]


def compute(profile, seed, backend, jobs):
    duration, uncompressed, random_duration, trials, regs = SIZES[profile]
    exact = [course(kernel, uncompressed, tolerance=UNCOMPRESSED, backend=backend) for kernel in KERNELS[:2]]
    exact += [course(kernel, duration, backend=backend) for kernel in KERNELS[2:]]
    narrow = course(ganth.MultiScale(WIDTHS[:2]), uncompressed / 3, tolerance=UNCOMPRESSED, backend=backend)
    # Width 1 again where the generated point sits at the origin: there the smallest step is not rounded away.
    small = [
        course(KERNELS[1], uncompressed, reg=reg, true=START, tolerance=UNCOMPRESSED, backend=backend)
        for reg in (REG, 4 * REG)
    ]

    steps = round(random_duration / RATE)
    shares = []
    for dim in (1, 2):
        start = np.zeros((1, dim))
        start[0, 0] = START
        game = ganth.KernelGAN(
            np.zeros((1, dim)), [1.0], kernel=KERNELS[0], n_frequencies=1000, reg=REG, lr_disc=RATE, lr_gen=RATE
        )
        games = [game.with_settings(kernel=kernel) for kernel in KERNELS]
        call = {"steps": steps, "trials": trials, "record_every": steps // 60, "seeds": seed, "threads": jobs}
        for run in ganth.play_together(games, start, **call, backend=backend):
            shares.append((np.linalg.norm(run.particles[:, :, 0], axis=-1) < NEAR).mean(axis=0))
    speeds = np.array(
        [[mean_speed(kernel, reg, backend=backend) for kernel in (KERNELS[3], KERNELS[2])] for reg in regs]
    )
    return {
        "settings": {
            "reg": REG, "lr_disc": RATE, "lr_gen": RATE, "widths": WIDTHS, "n_frequencies": 1000,
            "feature_norm": "unit", "trials": trials, "duration": duration, "uncompressed_duration": uncompressed,
        },
        **{f"time_{k}": time for k, (time, _) in enumerate(exact)},
        **{f"distance_{k}": distance for k, (_, distance) in enumerate(exact)},
        "arrivals": [first(*one, NEAR) for one in exact],
        "finals": [float(distance[-1]) for _, distance in exact],
        "late_rates": [late_rate(*one) for one in exact[2:]],
        "narrow_final": float(narrow[1][-1]),
        "small_arrivals": [first(*one, NEAR) for one in small],
        "random_time": run.time,
        "random_shares": np.array(shares).reshape(2, len(KERNELS), -1),
        "regs": np.array(regs),
        "speeds": speeds,
        "wave_speeds": np.array([wave_speed(reg) for reg in regs]),
    }  # fmt: skip


def late_rate(time, distance):
    """Return the rate at which the distance decays between 1 and 1e-6, or 0 where it does not get below 1."""
    inside = np.flatnonzero((distance < 1.0) & (distance > 1e-6))
    if len(inside) < 2:
        return 0.0
    return float(-np.polyfit(time[inside], np.log(distance[inside]), 1)[0])


def wave_speed(reg):
    """Return the closed-form speed per time of a self-propelled point, 0 where there is none."""
    rate = min(reg / STEEPNESS / 2, 0.01)
    speed = ganth.stability.divergence_speed(KERNELS[3], 1.0, reg=reg, lr_disc=rate, lr_gen=rate)
    return 0.0 if speed is None else speed / rate


def check(result):
    arrivals, finals, late = (np.asarray(result[key], dtype=float) for key in ("arrivals", "finals", "late_rates"))
    at_end = np.asarray(result["random_shares"])[:, :, -1]
    speeds, waves, regs = (np.asarray(result[key]) for key in ("speeds", "wave_speeds", "regs"))
    ahead = bool(arrivals[3] < arrivals[:3].min() and late[1] > 2 * late[0] and finals[3] < 1e-6)
    below = waves > 0
    magnified = speeds[~below, 1] / (1 - STEEPNESS / regs[~below] ** 2)
    gaps = [
        float(np.abs(speeds[below, 0] / waves[below] - 1).max()),
        float(np.abs(speeds[~below, 0] / magnified - 1).max()),
    ]
    ratio = float((speeds[below, 1] / speeds[below, 0]).max())
    small = np.asarray(result["small_arrivals"], dtype=float)
    return [
        Verdict(
            "KD-Fig4-concat",
            "reproduced" if ahead and finals[0] > START / 2 else "not-reproduced",
            [float(arrivals[3]), float(arrivals[2]), float(late[1]), float(late[0]), float(finals[0])],
            "concatenation first and faster; width 0.1 stays",
            2.0,
            "exact kernels, lambda 0.5: times at distance 1 of the concatenation and of width 10, their late decay "
            "rates, last distance of width 0.1. Random features: the concatenation arrives in shares "
            f"{at_end[0, 3]:.2f} (d = 1) and {at_end[1, 3]:.2f} (d = 2) of the seeds, width 0.1 in {at_end[0, 0]:.2f} "
            f"and {at_end[1, 0]:.2f}",
        ),
        Verdict(
            "KD-Fig4-wide",
            "reproduced" if (finals[1:3] < NEAR).all() or at_end[:, 1:3].min() > 0.9 else "not-reproduced",
            [float(finals[1]), float(finals[2]), float(at_end[0, 1]), float(at_end[1, 1])],
            "below 1, below 1, near 1, near 1",
            1.0,
            "last distances of widths 1 and 10 with exact kernels: width 1 has not moved by one rounding. With random "
            "features it arrives in these shares of the seeds (d = 1, 2): their kernel does not vanish far away. With "
            "the generated point at the origin nothing is rounded away: it propels itself there by time "
            f"{small[0]:.0f} for lambda 0.5 < g = 1, {small[1]:.0f} for lambda 2",
        ),
        Verdict(
            "KD-New-fig4mech",
            "heuristic" if max(gaps) < 0.1 and ratio < 0.2 and result["narrow_final"] == START else "open",
            [*gaps, ratio],
            [0.0, 0.0, 0.0],
            [0.1, 0.1, 0.2],
            "speed of the concatenation against the self-propelled wave's for lambda < g, against the magnified pull "
            "of width 10 for lambda > g; largest speed of width 10 alone over it for lambda < g. Widths 0.1 and 1 "
            "without 10 do not start",
        ),
    ]


def draw(result, fig):
    fig.set_size_inches(11, 3.9)
    left, middle, right = fig.subplots(1, 3)
    colours = ["#56B4E9", "#E69F00", "#009E73", "#D55E00"]
    names = ["σ = 0.1", "σ = 1", "σ = 10", "concatenated"]
    for k, (name, colour) in enumerate(zip(names, colours, strict=True)):
        time, distance = np.asarray(result[f"time_{k}"])[1:], np.asarray(result[f"distance_{k}"])[1:]
        style = "-" if k == 3 else (0, (4, 2 + 2 * k))
        left.loglog(time, np.maximum(distance, 1e-9), color=colour, ls=style, label=name)
    left.set(xlabel=r"time $k \eta_d$", ylabel="distance", ylim=(1e-7, 40), title="(a) exact kernels")
    left.legend(fontsize="small", loc="lower left")
    shares = np.asarray(result["random_shares"])
    for k, (name, colour) in enumerate(zip(names, colours, strict=True)):
        for dim, style in ((1, "-"), (2, "--")):
            middle.plot(
                result["random_time"], shares[dim - 1, k], color=colour, ls=style, label=name if dim == 1 else None
            )
    middle.set(
        xlabel=r"time $k \eta_d$", ylabel=f"share of {result['settings']['trials']} seeds", ylim=(-0.03, 1.03),
        title="(b) random features",
    )  # fmt: skip
    regs, speeds = (np.asarray(result[key]) for key in ("regs", "speeds"))
    limit = STEEPNESS**0.5
    fine = np.geomspace(regs.min(), limit * 0.9995, 60)
    right.loglog(fine, [wave_speed(reg) for reg in fine], "-", color="k", lw=1)
    above = np.geomspace(limit * 1.01, max(regs.max(), 1.5 * limit), 60)
    pull = np.interp(np.log(above), np.log(regs), np.log(speeds[:, 1]))
    right.loglog(above, np.exp(pull) / (1 - STEEPNESS / above**2), "-", color="k", lw=1)
    right.loglog(regs, speeds[:, 0], "o", ms=5, color=colours[3], label="concatenated")
    right.loglog(regs, speeds[:, 1], "s", ms=5, color=colours[2], label="σ = 10 alone")
    right.axvline(limit, color="0.4", ls=":")
    right.set(xlabel="λ", ylabel="speed", title="(c) who drives it", ylim=(1e-3, 3))
    right.legend(fontsize="small", loc="lower left")
