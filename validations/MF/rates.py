"""MF "Quantified convergence": the WGAN's particles against the WGAN-PDE from the same atoms, and the proof's step.

Shows the mean squared distance against N at dt = alpha/N and at fixed dt, the distance in time, and why the noise must
be a martingale.  The PDE's solution from N atoms is the same system with full expectations.  Writes rates.json,
rates.png.
"""

import numpy as np
import sympy as sp
from scipy import stats

import ganth
from ganth.claims import Verdict
from ganth.metrics import wasserstein2_many

TITLE = "WGAN particles and the WGAN-PDE: the rate"
CAPTION = (
    "K = L = 1, N = M, plain descent with one sample a step, clip 1, T = 2. (a) Mean squared distance to the PDE from "
    "the same atoms: with dt = α/N it falls like 1/N, at fixed dt = 1/16 it does not fall: the statement is O(dt). "
    "Bars: 95 %, over trials. (b) The distance in time for three N. (c) e ← (1 + dt)e + dt M: E|e|² at t = 1 is O(dt) "
    "for independent M of mean 0, and O(1) for M = 1: the inequality alone does not give the rate."
)
CLAIMS = ("MF-rate-N", "MF-New-rate-dt", "MF-proof", "MF-wellposed")
MINUTES = 0.3

PAIR = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.0625)
TIME, FIXED = 2.0, 1 / 16
# numbers of units; trials
SIZES = {"smoke": ((4, 8, 16, 32), 8), "quick": ((8, 16, 32, 64, 128), 64),
         "paper": ((8, 16, 32, 64, 128, 256, 512), 100)}  # fmt: skip


def clouds(neurons, lr, trials, seed, batch, jobs, refine=1, *, backend):
    """Return the units of both players, (trials, records, N, 6), and times."""
    game = ganth.MeanFieldWGAN(PAIR, neurons=neurons, lr=lr / refine, clip=1.0, batch=batch, order="simultaneous",
                               nodes=20)  # fmt: skip
    steps = round(TIME / game.time_step)
    run = game.run(
        steps=steps, trials=trials, record_every=max(1, steps // 8), seed=seed, threads=jobs, backend=backend
    )
    return run.time, np.concatenate([run.particles, run.recorded["critic"]], axis=-1)


def distances(neurons, lr, trials, seed, jobs, *, backend):
    """Return times and the mean squared distance of each trial at each, units of the same number coupled."""
    time, drawn = clouds(neurons, lr, trials, seed, 1, jobs, backend=backend)
    _, full = clouds(neurons, lr, trials, seed, "full", jobs, backend=backend)
    return time, np.square(drawn - full).sum(axis=-1).mean(axis=-1), drawn[:, -1], full[:, -1]


def recursion(step, martingale, draws):
    """Return E|e|^2 at time 1 of e <- (1 + dt) e + dt M, from 0."""
    e = np.zeros(len(draws))
    for k in range(round(1 / step)):
        e = (1 + step) * e + step * (draws[:, k] if martingale else 1.0)
    return float(np.mean(e**2))


def stability(seed, jobs, *, backend):
    """Return d_2(t)/(d_4 + d_2)(0) of perturbed starts, at t = 2, coupled: the largest of eight."""
    game = ganth.MeanFieldWGAN(PAIR, neurons=24, lr=0.75, clip=1.0, batch="full", order="simultaneous", nodes=20)
    steps, found = round(TIME / game.time_step), []
    base = game.run(steps=steps, trials=8, seed=seed, threads=jobs, backend=backend)
    shift = 0.05 * ganth.streams.normal(seed, (8, 24, 3), purpose=7)
    other = game.run(base.particles[:, 0] + shift, critic=np.clip(base.recorded["critic"][:, 0] + shift, -1, 1),
                     steps=steps, trials=8, seed=seed, threads=jobs, backend=backend)  # fmt: skip
    for a, b, c, d in zip(base.particles, other.particles, base.recorded["critic"], other.recorded["critic"],
                          strict=True):  # fmt: skip
        start = (np.linalg.norm(a[0] - b[0], axis=1) ** 4).mean() ** 0.25
        start += np.sqrt(np.square(c[0] - d[0]).sum(axis=1).mean())
        end = np.sqrt(np.square(a[-1] - b[-1]).sum(axis=1).mean())
        end += np.sqrt(np.square(c[-1] - d[-1]).sum(axis=1).mean())
        found.append(end / start)
    return float(max(found))


def compute(profile, seed, backend, jobs):
    units, trials = SIZES[profile]
    scaled, fixed, curves, optimal, fine = [], [], [], [], []
    for n in units:
        time, squares, drawn, full = distances(n, 1.0, trials, seed, jobs, backend=backend)
        scaled.append([squares[:, -1].mean(), 1.96 * squares[:, -1].std() / np.sqrt(trials)])
        optimal.append((wasserstein2_many(drawn, full, threads=jobs, backend=backend) ** 2).mean())
        curves.append(np.interp(np.linspace(0, TIME, 9), time, squares.mean(axis=0)))
        if n <= 32:
            few = max(2, trials // 4)
            finer = clouds(n, 1.0, few, seed, "full", jobs, refine=4, backend=backend)[1][:, -1]
            fine.append(np.square(full[:few] - finer).sum(axis=-1).mean())
        squares = distances(n, FIXED * n, trials, seed, jobs, backend=backend)[1]
        fixed.append([squares[:, -1].mean(), 1.96 * squares[:, -1].std() / np.sqrt(trials)])
    steps = 2.0 ** -np.arange(2, 9)
    noise = np.sign(ganth.streams.normal(seed, (4000, 256), purpose=8))
    dt, n = sp.symbols("dt n", positive=True)
    # Sum of (1 + dt)^2r dt^2.
    closed = dt**2 * ((1 + dt) ** (2 * n) - 1) / ((1 + dt) ** 2 - 1)
    limit = sp.limit(closed.subs(n, 1 / dt) / dt, dt, 0)
    return {
        "settings": {"time": TIME, "fixed_dt": FIXED, "trials": trials, "alpha": 1.0, "clip": 1.0},
        "units": np.array(units),
        "scaled": np.array(scaled),
        "fixed": np.array(fixed),
        "optimal": np.array(optimal),
        "curves": np.array(curves),
        "fine": np.array(fine),
        "steps": steps,
        "martingale": np.array([recursion(s, True, noise) for s in steps]),
        "constant": np.array([recursion(s, False, noise) for s in steps]),
        "limit": str(limit),
        "limit_value": float(limit),
        "stability": stability(seed, jobs, backend=backend),
    }


def power(x, y):
    """Return the power of x in y and its 95 % interval's half width."""
    fit = stats.linregress(np.log(x), np.log(y))
    return float(fit.slope), float(stats.t.ppf(0.975, len(x) - 2) * fit.stderr)


def check(result):
    units = np.asarray(result["units"])
    scaled, fixed = np.asarray(result["scaled"]), np.asarray(result["fixed"])
    fall, fall_error = power(units, scaled[:, 0])
    flat, flat_error = power(units, fixed[:, 0])
    optimal = np.asarray(result["optimal"])
    steps = np.asarray(result["steps"])
    martingale = power(steps, np.asarray(result["martingale"]))[0]
    constant = power(steps, np.asarray(result["constant"]))[0]
    factor = float(result["martingale"][-1] / steps[-1])
    fine = float((np.asarray(result["fine"]) / scaled[: len(result["fine"]), 0]).max())
    return [
        Verdict(
            "MF-rate-N", "holds" if fall < -0.75 and (optimal <= scaled[:, 0] + 1e-12).all() and fine < 0.5 else "open",
            [fall, fall_error, float((scaled[:, 0] * units).max()), fine],
            ["<= -1, within noise", None, "bounded", "small"],
            [0.25, None, None, 0.5],
            "power of N in E of the coupled squared distance at T = 2, dt = alpha/N, its 95 % half width; largest N "
            "times it; distance to the PDE solved with dt/4 over it.  The exact W2^2 is below the coupled distance in "
            "every case",
        ),
        Verdict(
            "MF-New-rate-dt", "holds" if abs(flat) < 0.25 and fall < -0.75 else "open",
            [flat, flat_error, fall], [0.0, None, -1.0], [0.25, None, 0.25],
            "power of N at fixed dt = 1/16, its 95 % half width, and the power at dt = alpha/N",
        ),
        Verdict(
            "MF-proof", "corrected" if abs(martingale - 1) < 0.1 and abs(constant) < 0.1
            and abs(factor / result["limit_value"] - 1) < 0.2 else "open",
            [martingale, constant, factor], [1.0, 1.0, result["limit_value"]], [0.1, 0.1, None],
            "power of dt in E|e|^2 of the recursion with independent signs, and with M = 1, which meets the printed "
            f"inequality too; E|e|^2/dt at dt = 1/256 against {result['limit']} (SymPy).  The noise must have "
            "conditional mean 0: then squares add up, and projections, which do not expand, do no harm",
        ),
        Verdict(
            "MF-wellposed", "open", result["stability"], None, None,
            "existence, uniqueness and a constant for all laws cannot be decided by simulation.  Seen: the largest "
            "d_2(2)/(d_4 + d_2)(0) of eight perturbed pairs of starts, units coupled",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(11.5, 4)
    rate, course, proof = fig.subplots(1, 3)
    units = np.asarray(result["units"])
    for name, label, hue in (("scaled", "dt = α/N", "blue"), ("fixed", "dt = 1/16", "orange")):
        mean, error = np.asarray(result[name]).T
        rate.errorbar(units, mean, error, fmt="o-", ms=4, capsize=3, color=palette[hue], label=label)
    first = np.asarray(result["scaled"])[0, 0]
    rate.plot(units, first * units[0] / units, "--", color="black", lw=0.8, label="∝ 1/N")
    rate.set(xscale="log", yscale="log", xlabel="N", ylabel="E d², coupled", title="(a) same atoms")
    rate.legend()
    time = np.linspace(0, result["settings"]["time"], 9)
    chosen = (0, len(units) // 2, len(units) - 1)
    for k, hue in zip(chosen, ("vermillion", "orange", "blue"), strict=True):
        course.plot(time, np.asarray(result["curves"])[k], "o-", ms=3, color=palette[hue], label=f"N = {units[k]}")
    course.set(xlabel="t", ylabel="E d², coupled", title="(b) in time", ylim=(0, None))
    course.legend()
    steps = np.asarray(result["steps"])
    proof.plot(steps, result["martingale"], "o-", ms=4, color=palette["blue"], label="independent, mean 0")
    proof.plot(steps, result["constant"], "s-", ms=4, color=palette["vermillion"], label="M = 1")
    proof.plot(steps, result["limit_value"] * steps, "--", color="black", lw=0.8, label="limit")
    proof.set(xscale="log", yscale="log", xlabel="dt", ylabel="E|e|²", title="(c) the proof's step")
    proof.legend()
