"""ED Fig. 20, appendix G: a wide generator trained by RMSProp, what moves its outputs, and when its kernel stays put.

Shows outputs and tangent kernels along a run, the same network under plain gradient steps, the kernel that RMSProp puts
in the place of the tangent kernel, and how the kernel's change falls with the width.  Theory: X' - X = (alpha_G / N)
Gamma grad D for plain steps, J P J^T for Gamma under RMSProp, P = 1 / (sqrt(v) + 1e-8); Gamma in closed form.
Writes fig20.json, fig20.npz, fig20.png.
"""

import functools
import math

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.generators import WideGenerator
from ganth.metrics import mode_collapse, nearest_mode_distance
from ganth.ntk import TwoValues, empirical, one_hidden
from ganth.sweeps import each

TITLE = "A wide generator under RMSProp: outputs converge, but not by its tangent kernel (Fig. 20)"
CAPTION = (
    "ReLU generator of App. G at the width given (the source has 2¹⁶), 200 seeds on the unit sphere in 256 dimensions, "
    "ReLU discriminator. Top: outputs at three iterations of one run under RMSProp. Below: its tangent kernel at all "
    "pairs of seeds, medians dashed, closed form dotted. Right: (g) the mode-collapse metric under RMSProp, for plain "
    "steps, and for particles under plain steps with Γ's two values (median and range; dotted: (1/2) log 8). (h) g₂/g₁ "
    "of the tangent kernel and of the kernel J P Jᵀ by which RMSProp moves the outputs (40 seeds). (i) Relative change "
    "of Γ over a run against the width: 32 seeds, 10 iterations, H = 128, α_G = 0.02 (plain), 0.001 (RMSProp); lines: "
    "fitted powers."
)
CLAIMS = ("ED-Fig20", "ED-Rem-lazy", "ED-New-rmsprop", "ED-New-tension", "ED-Num-AppG")
MINUTES = 0.2

DIM, SEEDS, LEVEL = 256, 200, math.log(8) / 2
APP_G = {"var_a": 2.25, "var_w": 0.046, "var_b": 0.0}
FIG2 = {"relu": {"var_a": 0.42, "var_w": 0.42, "var_b": 1.17}, "erf": {"var_a": 1.18, "var_w": 1.18, "var_b": 11.67}}
QUOTED = {"relu": (4.5, 1.1), "erf": (10.6, 5.2)}
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LR_DISC, N_DISC, HIDDEN = 0.3, 5, 512
RATES = {"rmsprop": 1e-3, "sgd": 0.1}
LAZY = {
    "plain, ReLU": ("sgd", "relu", 0.02),
    "plain, Tanh": ("sgd", "tanh", 0.02),
    "RMSProp, ReLU": ("rmsprop", "relu", 1e-3),
}
LAZY_STEPS, LAZY_SEEDS = 10, 32
KERNEL_SEEDS = 40
STUDENT = {2: 12.7, 8: 2.36, 12: 2.2}  # 97.5 % points of Student's t for trials - 1 degrees of freedom
# width, iterations, trials, widths of (i), trials of (i), iterations at which the kernel of (h) is taken
SIZES = {
    "smoke": (128, 4, 2, [32, 128], 2, [1, 2, 4]),
    "quick": (2048, 200, 4, [64, 256, 1024, 4096], 8, [1, 3, 10, 30, 100, 200]),
    "paper": (2**16, 400, 4, [64, 256, 1024, 4096, 16384], 12, [1, 3, 10, 30, 100, 200, 400]),
}


def game(optimiser, width, *, activation="relu", seeds=SEEDS, hidden=HIDDEN, rate=None):
    """Return the game of appendix G at some width, activation and optimiser."""
    rules = ganth.EffectiveGAN(
        RING, n_particles=seeds, width=hidden, lr_disc=LR_DISC, lr_gen=rate or RATES[optimiser], n_disc=N_DISC
    )
    return ganth.FiniteWidthGAN(rules, WideGenerator(DIM, width, activation=activation, **APP_G), optimiser=optimiser)


def kernel_values(played, run, seeds):
    """Return Gamma of the first output at the first seeds of a run, (seeds, seeds)."""
    return empirical(played.network(run), played.seeds_of(run)[:seeds])[..., 0, 0]


def metric_path(optimiser, width, steps, trial, seed, *, backend):
    """Return metric and distance to the nearest mode at 21 records of one trial, (2, records)."""
    played = game(optimiser, width)
    options = {"first_trial": trial, "seed": seed, "record_every": max(steps // 20, 1), "threads": 1}
    path = played.run(steps=steps, dtype="float32", **options, backend=backend).particles[0]
    return np.array([mode_collapse(path, RING.means), nearest_mode_distance(path, RING.means)])


def effective_path(width, steps, trial, seed, *, backend):
    """Return the same of particles from the same start, under plain steps with the two values of Gamma."""
    played = game("sgd", width)
    start = played.run(steps=0, first_trial=trial, seed=seed, backend=backend).final
    g1, g2 = one_hidden(np.eye(2)[:1], np.eye(2), **APP_G)[0]
    gram = g2 + (g1 - g2) * np.eye(SEEDS)
    path = played.effective.with_settings(gram=gram).run(
        start, steps=steps, first_trial=trial, seed=seed, record_every=max(steps // 20, 1), threads=1, backend=backend
    ).particles[0]  # fmt: skip
    return np.array([mode_collapse(path, RING.means), nearest_mode_distance(path, RING.means)])


def slices(width, steps, marks, seed, *, backend):
    """Return outputs and kernels at three iterations of one RMSProp run, and both ratios g2/g1 at all marks."""
    played = game("rmsprop", width)
    run = played.run(steps=0, seed=seed, dtype="float32", threads=1, backend=backend)
    outputs, kernels, ratios = [run.final], [kernel_values(played, run, SEEDS)], []
    for mark in marks:
        run = run.extend(mark - int(run.steps[-1]), threads=1)
        z = played.seeds_of(run)[:KERNEL_SEEDS]
        scales = 1 / (np.sqrt(run.state["generator_squares"][0].astype(float)) + 1e-8)
        moving = TwoValues.of_gram(empirical(played.network(run), z, preconditioner=scales)[..., 0, 0])
        ratios.append([TwoValues.of_gram(kernel_values(played, run, KERNEL_SEEDS)).ratio, moving.ratio])
        if mark in (marks[len(marks) // 2], marks[-1]):
            outputs.append(run.final)
            kernels.append(kernel_values(played, run, SEEDS))
    return np.array(outputs), np.array(kernels), np.array(ratios)


def one_step(width, after, seed, *, backend):
    """Return how far a step of RMSProp is from J P J^T grad D and, at its best scale, from Gamma grad D (relative)."""
    played = game("rmsprop", width, activation="tanh", seeds=KERNEL_SEEDS, hidden=128, rate=1e-5)
    before = played.run(steps=after, seed=seed, threads=1, backend=backend)
    then = before.extend(1, threads=1)
    z, network = played.seeds_of(before), played.network(before)
    pull = then.discriminator_of().gradient(before.final) / KERNEL_SEEDS
    scales = 1 / (np.sqrt(then.state["generator_squares"][0]) + 1e-8)
    moved = (then.final - before.final).ravel()
    by = [
        np.einsum("abij,bj->ai", kernel, pull).ravel()
        for kernel in (empirical(network, z, preconditioner=scales), empirical(network, z))
    ]
    left = moved - 1e-5 * by[0], moved - by[1] * (moved @ by[1]) / (by[1] @ by[1])
    return [float(np.linalg.norm(part) / np.linalg.norm(moved)) for part in left]


def change(kind, width, trial, seed, *, backend):
    """Return the relative change of Gamma over a short run, and the outputs' mean way."""
    optimiser, activation, rate = LAZY[kind]
    played = game(optimiser, width, activation=activation, seeds=LAZY_SEEDS, hidden=128, rate=rate)
    first = played.run(steps=0, first_trial=trial, seed=seed, threads=1, backend=backend)
    last = first.extend(LAZY_STEPS, threads=1)
    before, after = (empirical(played.network(run), played.seeds_of(run)) for run in (first, last))
    way = np.linalg.norm(last.final - first.final, axis=1).mean()
    return [float(np.linalg.norm(after - before) / np.linalg.norm(before)), float(way)]


def played(kind, *arguments, backend):
    """Return what one of the functions above returns."""
    return kind(*arguments, backend=backend)


def compute(profile, seed, backend, jobs):
    width, steps, trials, widths, lazy_trials, marks = SIZES[profile]
    cells = [(kind, wide, trial) for kind in LAZY for wide in widths for trial in range(lazy_trials)]
    tasks = [(slices, width, steps, marks, seed)]
    tasks += [(metric_path, "rmsprop", width, steps, trial, seed) for trial in range(trials)]
    tasks += [(metric_path, "sgd", width, steps, trial, seed) for trial in range(trials)]
    tasks += [(effective_path, width, steps, trial, seed) for trial in range(trials)]
    tasks += [(one_step, min(width, 512), after, seed) for after in (0, 3, 10)]
    tasks += [(change, kind, wide, trial, seed) for kind, wide, trial in cells]
    (outputs, kernels, ratios), *rest = each(
        functools.partial(played, backend=backend), tasks, executor=ganth.executor_for(backend), jobs=jobs
    )
    paths = np.array(rest[: 3 * trials]).reshape(3, trials, 2, -1)
    changes = np.array(rest[3 * trials + 3 :]).reshape(len(LAZY), len(widths), lazy_trials, 2)
    logs = np.log(widths) - np.log(widths).mean()
    powers = np.einsum("w,kwt->kt", logs, np.log(changes[..., 0])) / (logs**2).sum()
    half = STUDENT[lazy_trials] * powers.std(axis=1, ddof=1) / math.sqrt(lazy_trials)
    finite = np.array([
        [
            TwoValues.of_gram(
                empirical(
                    WideGenerator(DIM, 2048, outputs=1, activation=name, **APP_G).initial(seed, trial=trial),
                    ganth.generators.sphere(50, DIM, seed),
                )[..., 0, 0]
            )[:2]
            for trial in range(8)
        ]
        for name in QUOTED
    ])  # fmt: skip
    unit = np.eye(2)
    exact = [one_hidden(unit[:1], unit, activation=name, **APP_G)[0] for name in QUOTED]
    return {
        "settings": {
            "dim": DIM, "seeds": SEEDS, "width": width, "steps": steps, "trials": trials, "app_g": APP_G,
            "lr_disc": LR_DISC, "n_disc": N_DISC, "hidden": HIDDEN, "reg": 2 / HIDDEN, "lr_gen": RATES, "fig2": FIG2,
            "lazy_steps": LAZY_STEPS, "lazy_seeds": LAZY_SEEDS, "dtype": "float32",
        },
        "outputs": outputs,
        "kernels": kernels,
        "at": np.array([0, marks[len(marks) // 2], marks[-1]]),
        "marks": np.array(marks),
        "ratios": ratios,
        "metric": paths[:, :, 0],
        "distance": paths[:, :, 1],
        "one_step": np.array(rest[3 * trials : 3 * trials + 3]),
        "widths": np.array(widths),
        "changes": changes[..., 0],
        "ways": changes[..., 1],
        "powers": powers.mean(axis=1),
        "powers_half": half,
        "exact": np.array(exact),
        "finite": finite,
        "fig2_ratios": np.array([
            float(np.divide(*one_hidden(unit[:1], unit, activation=name, **FIG2[name])[0][::-1])) for name in QUOTED
        ]),
    }  # fmt: skip


def peaks(kernel):
    """Return the medians of a kernel's values at coincident and at distinct seeds."""
    kernel = np.asarray(kernel)
    return np.array([np.median(np.diag(kernel)), np.median(kernel[~np.eye(len(kernel), dtype=bool)])])


def check(result):
    metric, distance = np.asarray(result["metric"]), np.asarray(result["distance"])
    end, away = np.median(metric[..., -1], axis=1), np.median(distance[..., -1], axis=1)
    first, last = peaks(result["kernels"][0]), peaks(result["kernels"][-1])
    drift = np.abs(last / first - 1)
    converged = end[0] < 0.05 and away[0] < 0.15
    powers, half = np.asarray(result["powers"]), np.asarray(result["powers_half"])
    lazy = (powers[:2] + half[:2] < -0.5).all()
    stays = powers[2] + half[2] > -0.5 < powers[2]
    ratios, law = np.asarray(result["ratios"]), np.asarray(result["one_step"])
    exact, finite, quotes = np.asarray(result["exact"]), np.asarray(result["finite"]), np.array(list(QUOTED.values()))
    error = finite.std(axis=1, ddof=1) / math.sqrt(finite.shape[1])
    pull = np.abs((finite.mean(axis=1) - exact) / error).max()
    own = [*(exact[:, 1] / exact[:, 0]).tolist(), *result["fig2_ratios"]]
    late = np.median(metric[1:, :, metric.shape[-1] // 2 :], axis=(1, 2))
    return [
        Verdict(
            "ED-Fig20",
            "reproduced" if converged and drift.max() < 0.2 else "not-reproduced",
            [float(end[0]), float(away[0]), *drift.tolist()],
            [0.0, 0.025, 0.0, 0.0],
            [0.05, 0.15, 0.2, 0.2],
            f"RMSProp, width {result['settings']['width']}, {metric.shape[1]} seeds: last metric and distance to the "
            "nearest mode (medians), relative motion of both medians of the kernel's values",
        ),
        Verdict(
            "ED-Rem-lazy",
            "corrected" if lazy and stays else "holds" if lazy else "open",
            [*powers.tolist(), *half.tolist()],
            [-0.75, -1.0, 0.0],
            [-0.5, -0.5, -0.5],
            "power of the width in the relative change of Gamma over a run, and 95 % half-widths: plain steps, ReLU "
            "and Tanh, at a fixed time; RMSProp at a fixed rate, where it hardly falls. Expected for plain steps: "
            "-1 for a smooth activation, -3/4 for the kinks of ReLU that are crossed",
        ),
        Verdict(
            "ED-New-rmsprop",
            "holds" if law[:, 0].max() < 0.05 and law[:, 1].min() > 0.3 and ratios[:, 1].max() < 0.05 else "false",
            [*law[:, 0].tolist(), *law[:, 1].tolist(), float(ratios[:, 1].max())],
            [0.0] * 3 + [None] * 3 + [0.0],
            [0.05] * 3 + [0.3] * 3 + [0.05],
            "what a step after 0, 3 and 10 leaves of J P J^T grad D, and of Gamma grad D at its best scale (relative); "
            f"largest g2/g1 of J P J^T along the run, where Gamma's is {ratios[:, 0].min():.2f} or more",
        ),
        Verdict(
            "ED-New-tension",
            "holds" if min(own) > 0.2 and converged and late.min() > LEVEL else "false",
            [*own, float(end[0]), *late.tolist()],
            [None] * 4 + [0.0, math.log(8), math.log(8)],
            [0.2] * 4 + [0.05, LEVEL, LEVEL],
            "g2/g1 of ReLU and Erf in App. G and in Fig. 2; last metric under RMSProp; median metric in the second "
            "half of plain steps, network and particles with Gamma's two values: those collapse. RMSProp's kernel has "
            "next to no g2, so the run is no exception to Fig. 4",
        ),
        Verdict(
            "ED-Num-AppG",
            "holds" if (np.abs(exact - quotes) < 0.05).all() and pull < 4 else "false",
            [*exact.ravel().tolist(), float(pull)],
            [*quotes.ravel().tolist(), 0.0],
            [0.05] * 4 + [4.0],
            "(g1, g2) of ReLU and of Erf in closed form; networks of width 2048 around it, in standard errors",
        ),
    ]


def draw(result, fig):
    fig.set_size_inches(14, 7.2)
    grid = fig.add_gridspec(6, 5, width_ratios=[1, 1, 1, 0.02, 1.35])
    settings, colours = result["settings"], ("#0072B2", "#D55E00", "#009E73")
    fig.suptitle(
        f"generator of width {settings['width']} (source: $2^{{16}}$), N = M = {SEEDS}, $α_D$ = {LR_DISC}, "
        f"$n_{{disc}}$ = {N_DISC}, H = {HIDDEN}, λ = 2/H, β = 0, $α_G$ = {RATES['rmsprop']} (RMSProp), {RATES['sgd']} "
        "(plain)",
        fontsize=10,
    )
    for k, at in enumerate(result["at"]):
        top = fig.add_subplot(grid[:3, k])
        top.plot(*RING.means.T, "o", color="k", ms=8, mfc="none")
        top.plot(*np.asarray(result["outputs"])[k].T, "o", color="#0072B2", ms=2.5, alpha=0.6)
        top.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", title=f"({'abc'[k]}) iteration {at}", xlabel="$x_1$")
        below = fig.add_subplot(grid[3:, k])
        kernel = np.asarray(result["kernels"])[k]
        below.hist(kernel[np.triu_indices(len(kernel))], np.linspace(0, 6, 121), color="#56B4E9")
        for value, closed in zip(peaks(kernel), result["exact"][0], strict=True):
            below.axvline(value, color="k", ls="--", lw=1)
            below.axvline(closed, color="#D55E00", ls=":", lw=1)
        below.set_yscale("symlog", linthresh=10)
        below.set(xlabel="Γ", ylim=(0, None), title=f"({'def'[k]})")
        if k == 0:
            top.set_ylabel("$x_2$")
            below.set_ylabel("pairs of seeds")

    metric = fig.add_subplot(grid[:2, 4])
    names = ("RMSProp", "plain steps", "two values, plain")
    paths = np.asarray(result["metric"])
    steps = np.linspace(0, settings["steps"], paths.shape[-1])
    for path, name, colour in zip(paths, names, colours, strict=True):
        metric.plot(steps, np.median(path, axis=0), color=colour, label=name)
        metric.fill_between(steps, path.min(axis=0), path.max(axis=0), color=colour, alpha=0.15, lw=0)
    metric.axhline(LEVEL, color="k", ls=":", lw=1)
    metric.set(xlabel="iteration", ylabel="metric (22)", ylim=(-0.05, 3.2), title="(g)")
    metric.set_title(f"{settings['trials']} seeds", loc="right", fontsize=9)
    metric.legend(fontsize=7, ncols=3, loc="upper center", columnspacing=1, handlelength=1)

    ratio = fig.add_subplot(grid[2:4, 4])
    ratios = np.abs(np.asarray(result["ratios"]))
    ratio.loglog(result["marks"], ratios[:, 0], "s-", color="#D55E00", ms=4, label="tangent kernel Γ")
    ratio.loglog(result["marks"], ratios[:, 1], "o-", color="#0072B2", ms=4, label="RMSProp's J P Jᵀ (modulus)")
    ratio.axhline(0.2, color="k", ls=":", lw=1)
    ratio.set(xlabel="iteration", ylabel="$g_2/g_1$", ylim=(1e-4, 1), title="(h)")
    ratio.legend(fontsize=7, loc="center right")

    lazy = fig.add_subplot(grid[4:, 4])
    widths, changes = np.asarray(result["widths"], dtype=float), np.asarray(result["changes"])
    for k, (name, colour) in enumerate(zip(LAZY, ("#D55E00", "#009E73", "#0072B2"), strict=True)):
        lazy.loglog(widths, changes[k], "o", color=colour, ms=3, mfc="none")
        power, half = result["powers"][k], result["powers_half"][k]
        middle = np.exp(np.log(changes[k]).mean() + power * (np.log(widths) - np.log(widths).mean()))
        lazy.loglog(widths, middle, color=colour, lw=1, label=f"{name}: {power:.2f} ± {half:.2f}")
    lazy.set(xlabel="width", ylabel="change of Γ", ylim=(1e-6, 3), title="(i)")
    lazy.legend(fontsize=7, loc="lower left")
