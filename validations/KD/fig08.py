"""KD Fig. 8: one generated point against the tangent kernel of ReLU networks of growing depth.

Shows the distance to the true point, on its ray and across it, without and with a bias: early rates, late envelopes,
and the width of the kernel.  Theory: on the ray K is the kernel of one feature, and the game a damped oscillator of
frequency sqrt(L+1) and envelope e^{-lambda t/2}; across it K has a kink of slope -L(L+1)/2 pi, which pushes with a
constant force; the half-width tends to 7.910/L.
Source: KD, App. I, Fig. 8; Bietti and Mairal 2019 for the kernel.  Writes fig08.json, fig08.npz, fig08.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.theory import networks as theory

TITLE = "Convergence against the depth of a ReLU tangent kernel (Fig. 8)"
CAPTION = (
    "Distance to the true point for L hidden layers (start 0.1, λ = 0.1, rates 1e-3, masses 1; one run each, nothing "
    "is random). (a) No bias, true point at (1, 0), start on its ray; dashed: the envelope e^{-λt/2}, the same for all "
    "L. (b) With bias, true point at the origin: the kink at coincident points pushes harder with depth, and keeps a "
    "ripple that grows with depth. (c) First time at a fifth of the start; lines: closed forms ∝ 1/√(L+1) and "
    "1/√(L(L+1)). (d) Root-mean-square distance over the last quarter. (e) Angle at which the kernel has fallen to one "
    "half; dashed: the limit of deep networks."
)
CLAIMS = ("KD-Fig8", "KD-New-ntkkink", "KD-Rem-ntkwidth")
MINUTES = 0.2

REG, RATE, DISTANCE, NEAR = 0.1, 1e-3, 0.1, 0.02
DEPTHS = np.arange(1, 6)
PLACES = ("ray", "across", "bias")
STEPS = {"smoke": 5000, "quick": 10_000, "paper": 40_000}
WIDTH_DEPTHS = np.array([1, 2, 3, 4, 5, 7, 10, 20, 50, 100, 300, 1000])
EVERY = 5


def distances(depth, steps, *, backend):
    """Return the distance to the true point of the three starts, (3, records)."""
    # One thread: records as dense as these leave nothing for a second one to do.
    rates = {"reg": REG, "lr_disc": RATE, "lr_gen": RATE}
    true = np.array([[1.0, 0.0]])
    starts = np.array([[[1.0 + DISTANCE, 0.0]], [[np.cos(DISTANCE), np.sin(DISTANCE)]]])
    plain = ganth.KernelGAN(true, kernel=ganth.ReLUNTK(depth), **rates)
    runs = [plain.run(starts, steps=steps, trials=2, record_every=EVERY, threads=1, backend=backend).particles - true]
    biased = ganth.KernelGAN([[0.0, 0.0]], kernel=ganth.ReLUNTK(depth, bias=True), **rates)
    runs.append(biased.run([[DISTANCE, 0.0]], steps=steps, record_every=EVERY, threads=1, backend=backend).particles)
    return np.linalg.norm(np.concatenate(runs)[:, :, 0], axis=-1)


def oscillation(time, offset):
    """Return (frequency, decay rate) of a damped oscillation |offset| from its zeros and its peaks."""
    bottoms = 1 + np.flatnonzero((offset[1:-1] < offset[:-2]) & (offset[1:-1] <= offset[2:]))
    peaks = 1 + np.flatnonzero((offset[1:-1] > offset[:-2]) & (offset[1:-1] >= offset[2:]))
    if len(bottoms) < 2 or len(peaks) < 2:
        return np.nan, np.nan
    frequency = np.pi * (len(bottoms) - 1) / (time[bottoms[-1]] - time[bottoms[0]])
    return frequency, -np.polyfit(time[peaks], np.log(offset[peaks]), 1)[0]


def half_angle(depth):
    """Return the angle of two unit vectors at which the kernel has half its largest value."""
    from scipy.optimize import brentq

    kernel = ganth.ReLUNTK(int(depth))
    return brentq(
        lambda angle: kernel.gram([[1.0, 0.0]], [[np.cos(angle), np.sin(angle)]])[0, 0] / (depth + 1) - 0.5, 1e-6, np.pi
    )


def kink_jump(depth):
    """Return how much dK/dx jumps where x crosses the unit vector y, across its ray, from one side to the other."""
    step = 1e-6
    sides = np.array([[np.cos(step), np.sin(step)], [np.cos(step), -np.sin(step)]])
    above, below = ganth.ReLUNTK(int(depth)).gradient(sides, [[1.0, 0.0]])[:, 0, 1]
    return above - below


def compute(profile, seed, backend, jobs):
    steps = STEPS[profile]
    time = RATE * np.arange(0, steps + 1, EVERY)
    away = np.array([distances(int(depth), steps, backend=backend) for depth in DEPTHS])
    arrivals = np.array(
        [[time[np.argmax(one < NEAR)] if (one < NEAR).any() else np.nan for one in row] for row in away]
    )
    swings = np.array([oscillation(time, row[0]) for row in away])
    last = away[:, :, -away.shape[2] // 4 :]
    return {
        "settings": {
            "reg": REG, "lr_disc": RATE, "lr_gen": RATE, "distance": DISTANCE, "near": NEAR, "steps": steps,
            "depths": DEPTHS.tolist(), "places": list(PLACES),
        },
        "time": time,
        "away": away,
        "arrivals": arrivals,
        "frequency": swings[:, 0],
        "envelope_rate": swings[:, 1],
        "late": np.sqrt((last**2).mean(axis=2)),
        "jump": np.array([kink_jump(depth) for depth in DEPTHS]),
        "width_depths": WIDTH_DEPTHS,
        "half_angle": np.array([half_angle(depth) for depth in WIDTH_DEPTHS]),
        "deep_limit": float(theory.deep_half_width()),
    }  # fmt: skip


def kink_slope(depths):
    """Return the slope of the kernel at the kink, in closed form."""
    return -np.array([float(theory.kink().subs(theory.depth, int(depth))) for depth in depths])


def check(result):
    result = {key: np.asarray(value) if isinstance(value, list) else value for key, value in result.items()}
    arrivals, late = result["arrivals"], result["late"]
    faster = bool((np.diff(arrivals, axis=0) < 0).all())
    ripple = late[:, 2] / (kink_slope(DEPTHS) * RATE / REG)
    jump_gap = float(np.abs(result["jump"] / (-2 * kink_slope(DEPTHS)) - 1).max())
    frequency_gap = float(np.abs(result["frequency"] / np.sqrt(DEPTHS + 1.0) - 1).max())
    envelope = result["envelope_rate"] / (REG / 2)
    half = result["half_angle"]
    shrinks = bool((np.diff(half) < 0).all())
    deep = float(half[-1] * WIDTH_DEPTHS[-1] / result["deep_limit"])
    return [
        Verdict(
            "KD-Fig8",
            "reproduced" if faster else "not-reproduced",
            arrivals.T.ravel().tolist(),
            "falls with depth for each placement",
            0.0,
            "time at which the distance first is 0.02, depths 1 to 5: on the ray, across it (no bias), with bias. Only "
            f"early: across a kink the last quarter's distance grows with depth, from {late[0, 2]:.2g} to "
            f"{late[-1, 2]:.2g} with bias, {ripple.min():.2f} to {ripple.max():.2f} times L(L+1)/2pi lr/reg",
        ),
        Verdict(
            "KD-New-ntkkink",
            "holds" if jump_gap < 1e-3 and frequency_gap < 0.02 and np.abs(envelope - 1).max() < 0.1 else "open",
            [jump_gap, frequency_gap, float(envelope.min()), float(envelope.max())],
            [0.0, 0.0, 1.0, 1.0],
            [1e-3, 0.02, 0.1, 0.1],
            "jump of dK/dx across y against L(L+1)/pi; frequency on the ray against sqrt(L+1); least and largest "
            "envelope rate over lambda/2, depths 1 to 5. Only on the ray: across it a ripple stays",
        ),
        Verdict(
            "KD-Rem-ntkwidth",
            "holds" if shrinks and abs(deep - 1) < 0.01 else "false" if not shrinks else "open",
            [float(half[0]), float(half[3]), deep],
            ["falls with depth", "falls with depth", 1.0],
            0.01,
            "angle at which K is half of K(x, x) for 1 and for 4 hidden layers, and depth times angle over its limit "
            f"{result['deep_limit']:.3f} at 1000 layers; from 1 to 4 it falls by {100 * (1 - half[3] / half[0]):.0f} %",
        ),
    ]


def draw(result, fig):
    fig.set_size_inches(10.5, 6.2)
    top, bottom = fig.subfigures(2, 1, height_ratios=[1.15, 1])
    colours = ["#56B4E9", "#0072B2", "#009E73", "#E69F00", "#D55E00"]
    markers = ["o", "s", "^"]
    names = ["on the ray", "across it", "with bias"]
    time, away = np.asarray(result["time"]), np.asarray(result["away"])
    ray, kink = top.subplots(1, 2, sharey=True)
    bin_size = 10
    kept = len(time) // bin_size * bin_size
    for depth, colour, values in zip(DEPTHS, colours, away, strict=True):
        ray.semilogy(time, np.maximum(values[0], 1e-5), color=colour, lw=1, label=f"L = {depth}")
        binned = np.sqrt((values[2, :kept].reshape(-1, bin_size) ** 2).mean(axis=1))
        kink.semilogy(time[:kept].reshape(-1, bin_size).mean(axis=1), binned, color=colour, lw=1)
    ray.semilogy(time, DISTANCE * np.exp(-REG * time / 2), "k--", lw=1)
    ray.set(xlabel=r"time $k \eta_d$", ylabel="distance", title="(a) no bias, on the ray", ylim=(3e-4, 0.3))
    kink.set(xlabel=r"time $k \eta_d$", title=f"(b) with bias, mean over {bin_size * EVERY} steps")
    ray.legend(ncols=5, fontsize="small", loc="upper center", columnspacing=0.8, handlelength=1.2)

    early, late, width = bottom.subplots(1, 3)
    arrivals, rms = np.asarray(result["arrivals"]), np.asarray(result["late"])
    laws = [np.sqrt(DEPTHS + 1.0), np.sqrt(kink_slope(DEPTHS)), np.sqrt(kink_slope(DEPTHS))]
    for place, (marker, name, law) in enumerate(zip(markers, names, laws, strict=True)):
        colour = ["#0072B2", "#E69F00", "#D55E00"][place]
        early.loglog(DEPTHS, arrivals[:, place], marker, ms=5, color=colour, label=name)
        if place < 2:
            from_start = np.arccos(NEAR / DISTANCE) if place == 0 else np.sqrt(DISTANCE - NEAR)
            early.loglog(DEPTHS, from_start / law, "-", lw=1, color=colour)
        late.loglog(DEPTHS, rms[:, place], marker + "-", ms=5, lw=1, color=colour, label=name)
    early.set(xlabel="hidden layers L", ylabel="first time at 0.02", title="(c)")
    late.set(xlabel="hidden layers L", ylabel="late distance", title="(d)")
    for axis in (early, late):
        axis.set_xticks(DEPTHS, DEPTHS)
        axis.minorticks_off()
    early.set_yticks([0.2, 0.5, 1], ["0.2", "0.5", "1"])
    early.legend(fontsize="small")
    depths, half = np.asarray(result["width_depths"]), np.asarray(result["half_angle"])
    width.loglog(depths, half, "o", ms=4, color="#0072B2")
    width.loglog(depths[4:], result["deep_limit"] / depths[4:], "k--", lw=1, label=f"{result['deep_limit']:.2f} / L")
    width.set(xlabel="hidden layers L", ylabel="half-width (radians)", title="(e)")
    width.legend(fontsize="small")
