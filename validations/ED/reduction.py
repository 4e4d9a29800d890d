"""ED eq. (26), a new result: the exact reduction of a tight cluster, and what a large number of particles leaves.

Shows the mean and the spread of tight clusters against trained discriminators, for several r = g2/g1, beside the
prediction from the Hessian that one nearly rigid run has met; and how differences freeze as N grows at fixed r.
Theory: the mean moves by alpha_G grad D + O(s^2) whatever r; deviations by alpha_G eps Hess D + O(s^2), s the spread,
eps = (g1 - g2)/N = (1 - r)/(1 + (N - 1) r), which tends to 0 as 1/N for r > 0.  Writes reduction.json, reduction.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.games.effective import coupled
from ganth.stability import local_weight

TITLE = "The exact reduction of a tight cluster, and its limit for many particles"
CAPTION = (
    "(a) What the velocities of a cluster under a trained Fourier discriminator have beyond the reduction, against the "
    "cluster's spread s: second order for the mean and the deviations, third order once their s² terms are taken off. "
    "(b) Distance of the mean's path from that of a nearly rigid cluster (ε = 0.001), four starts, as long as the "
    "cluster is tight. (c) Log growth of the spread (lines) and its prediction (dots) from the Hessian of D that this "
    "rigid run met. (d) Measured against predicted log growth, smooth discriminators while the spread is "
    "below 0.03; ReLU networks, whose Hessian sits on kinks, only nearly. (e) Change of X_a − X_b against N: at fixed "
    "r > 0 it vanishes as 1/N for every discriminator, at fixed ε it does not depend on N. (f) Seeds drawn anew each "
    "step from a pool: the pool takes the place of N."
)
CLAIMS = ("ED-New-reduction", "ED-New-Nlimit")
MINUTES = 0.05

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
N, RIGID = 50, 1e-3
WEIGHTS = (0.3, 0.1, 0.03, 0.01)
STARTS = np.array([[1.0, 0.1], [0.3, 0.4], [-1.4, 0.6], [-0.1, -0.2]])
DATA = {"n_data": 50}
KINDS = {
    "Fourier": {
        "discriminator": "fourier", "n_disc": 20, "lr_disc": 1e-3, "lr_gen": 1e-3, "data": "population", "reg": 1.0,
    },
    "tanh": {"width": 128, "activation": "tanh", "n_disc": 5, "lr_disc": 0.1, "lr_gen": 0.1, "reg": 2 / 128, **DATA},
    "ReLU": {"width": 128, "activation": "relu", "n_disc": 5, "lr_disc": 0.1, "lr_gen": 0.1, "reg": 2 / 128, **DATA},
}  # fmt: skip
SPREADS = {"Fourier": 1e-3, "tanh": 1e-3, "ReLU": 1e-2}
STEPS = {"smoke": 60, "quick": 400, "paper": 400}
SMOOTH_STEPS = {"Fourier": 1.0, "tanh": 0.4, "ReLU": 0.4}  # of those
SIZES = {"smoke": [100, 200, 400], "quick": [25, 50, 100, 200, 400, 800], "paper": [25, 50, 100, 200, 400, 800, 1600]}
FIXED_RATIO, FIXED_WEIGHT, SIZE_STEPS = 0.1, 0.02, 20
TIGHT = 0.03
POOLS = (20, 50, 100, 200, 400)
BATCH = 10


def shape(n, seed):
    """Return n deviations with mean 0 and covariance 1 exactly, (n, 2)."""
    drawn = ganth.streams.normal(seed, (n, 2), step=n)
    drawn -= drawn.mean(axis=0)
    return drawn @ np.linalg.inv(np.linalg.cholesky(drawn.T @ drawn / n)).T


def play(kind, weight, steps, seed, jobs, *, n=N, spread=None, every=1, starts=STARTS, backend):
    """Return particles (starts, records, n, 2) of clusters at the given starts: trial t has its own data throughout."""
    game = ganth.EffectiveGAN(RING, n_particles=n, ntk_ratio=local_weight(weight, n), **KINDS[kind])
    cluster = (SPREADS[kind] if spread is None else spread) * shape(n, seed)
    return game.run(
        starts[:, None] + cluster,
        steps=steps,
        trials=len(starts),
        seed=seed,
        record_every=every,
        threads=jobs,
        backend=backend,
    ).particles


def met_hessian(particles, weight, rate):
    """Return the Hessian of D that each step met, (starts, steps, 2, 2), from how the deviations moved.

    They obey d_xi = rate eps H xi: H by least squares over the particles.
    """
    deviations = particles - particles.mean(axis=2, keepdims=True)
    before, moved = deviations[:, :-1], np.diff(deviations, axis=1)
    crossed = np.einsum("tkai,tkaj->tkij", moved, before)
    return crossed @ np.linalg.inv(np.einsum("tkai,tkaj->tkij", before, before)) / (rate * weight)


def predicted_growth(hessians, weight, rate):
    """Return log of the spread over its start, (starts, steps), for a round cluster that meets these Hessians."""
    growth = np.broadcast_to(np.eye(2), (len(hessians), 2, 2))
    logs = []
    for hessian in hessians.transpose(1, 0, 2, 3):
        growth = growth + rate * weight * hessian @ growth
        logs.append(0.5 * np.log((growth**2).sum(axis=(1, 2)) / 2))
    return np.array(logs).T


def spread_of(particles):
    return np.sqrt(particles.var(axis=2).sum(axis=-1) / 2)


def reduction(kind, profile, seed, jobs, *, backend):
    """Return (weights, 4, starts, steps): spread, log growth measured and predicted, distance of the means."""
    rate = KINDS[kind]["lr_gen"]
    steps = round(STEPS[profile] * SMOOTH_STEPS[kind])
    rigid = play(kind, RIGID, steps, seed, jobs, backend=backend)
    hessians = met_hessian(rigid, RIGID, rate)
    rows = []
    for weight in WEIGHTS:
        particles = play(kind, weight, steps, seed, jobs, backend=backend)
        spread = spread_of(particles)
        measured = np.log(spread[:, 1:] / spread[:, :1])
        gap = np.linalg.norm(particles.mean(axis=2) - rigid.mean(axis=2), axis=-1)[:, 1:]
        rows.append([spread[:, 1:], measured, predicted_growth(hessians, weight, rate), gap])
    return np.array(rows)


def one_step(seed, *, backend):
    """Return (spreads, 5): s, then the rests of mean and deviations beyond first and beyond second order in s."""
    kind = KINDS["Fourier"]
    game = ganth.EffectiveGAN(RING, n_particles=N, ntk_ratio=0.3, **kind)
    run = game.run(steps=60, seed=seed, backend=backend)
    discriminator = run.discriminator_of()
    at, xi, step = run.final.mean(axis=0), shape(N, seed), 1e-4
    weight = local_weight(0.3, N)

    def slope(x):
        return discriminator.gradient(np.atleast_2d(x))

    axes = step * np.eye(2)
    hessian = (slope(at + axes) - slope(at - axes)).T / (2 * step)
    bend = np.empty((2, 2, 2))  # D_ijk
    for j in range(2):
        for k in range(2):
            corners = [slope(at + p * axes[j] + q * axes[k])[0] * p * q for p in (1, -1) for q in (1, -1)]
            bend[:, j, k] = np.sum(corners, axis=0) / (4 * step**2)
    second = np.einsum("ijk,aj,ak->ai", bend, xi, xi) / 2
    rows = []
    for s in np.geomspace(1e-3, 0.1, 9):
        velocity = coupled(game, slope(at + s * xi))
        mean = velocity.mean(axis=0)
        rest_mean = mean - slope(at)[0]
        rest = velocity - mean - weight * s * xi @ hessian
        finer_mean = rest_mean - s**2 * second.mean(axis=0)
        finer = rest - weight * s**2 * (second - second.mean(axis=0))
        rows.append([s, *(np.abs(r).max() for r in (rest_mean, finer_mean, rest / weight, finer / weight))])
    return np.array(rows)


def change(kind, n, weight, seed, jobs, *, backend):
    """Return the root-mean-square change of X_a - X_b over that at the start, clusters of spread 0.1, of each start."""
    particles = play(kind, weight, SIZE_STEPS, seed, jobs, n=n, spread=0.1, every=SIZE_STEPS, backend=backend)
    first, last = (particles[:, k] - particles[:, k].mean(axis=1, keepdims=True) for k in (0, -1))
    return np.sqrt(((last - first) ** 2).sum(axis=(1, 2)) / (first**2).sum(axis=(1, 2)))


def resampled_growth(pool, ratio, seed, steps=4000, rate=0.01):
    """Return the pool, log growth of the spread of its outputs around a minimum of D, seeds drawn anew, and its mean.

    A batch of BATCH moves every output by g2 <grad D>, and its own members by (g1 - g2) grad D / BATCH more.
    """
    first = BATCH / (1 + (BATCH - 1) * ratio)
    outputs = 1e-4 * shape(pool, seed)[:, 0]
    start = outputs.std()
    keys = ganth.streams.uniform(seed, (steps, pool), step=pool)
    for key in keys:
        batch = np.argpartition(key, BATCH)[:BATCH]
        local = np.zeros(pool)
        local[batch] = (1 - ratio) * first / BATCH * (outputs[batch] - outputs.mean())  # Hess D = 1 around the pool
        outputs = outputs + rate * local
    return [pool, np.log(outputs.std() / start), rate * steps * (1 - ratio) * first / pool]


def compute(profile, seed, backend, jobs):
    sizes = SIZES[profile]
    reduced = {kind: reduction(kind, profile, seed, jobs, backend=backend) for kind in KINDS}
    every = max(1, STEPS[profile] // 40)
    return {
        "settings": {
            "N": N, "weights": list(WEIGHTS), "rigid": RIGID, "spreads": SPREADS, "steps": STEPS[profile],
            "every": every, "starts": STARTS.tolist(), "fixed_r": FIXED_RATIO, "fixed_eps": FIXED_WEIGHT,
            "size_steps": SIZE_STEPS, "batch": BATCH,
            **{kind: {k: v for k, v in rules.items() if k != "discriminator"} for kind, rules in KINDS.items()},
        },
        "one_step": one_step(seed, backend=backend),
        **{f"reduced_{kind}": rows[..., every - 1 :: every] for kind, rows in reduced.items()},
        "sizes": np.array(sizes),
        "at_fixed_ratio": np.array(
            [[change(k, n, local_weight(FIXED_RATIO, n), seed, jobs, backend=backend) for n in sizes] for k in KINDS]
        ),
        "at_fixed_weight": np.array(
            [[change(k, n, FIXED_WEIGHT, seed, jobs, backend=backend) for n in sizes] for k in KINDS]
        ),
        "resampled": np.array([resampled_growth(pool, FIXED_RATIO, seed) for pool in POOLS]),
    }  # fmt: skip


def tight(rows):
    """Return measured and predicted log growth, and distance of the means over the spread, while it is below TIGHT."""
    spread, measured, predicted, gap = np.moveaxis(np.asarray(rows, dtype=float), 1, 0)
    kept = spread < TIGHT
    return measured[kept], predicted[kept], (gap / spread)[kept]


def check(result):
    result = {name: np.asarray(value, dtype=float) for name, value in result.items() if name != "settings"}
    s, *rests = result["one_step"].T
    small = s < 0.02
    orders = [float(np.polyfit(np.log(s[small]), np.log(rest[small]), 1)[0]) for rest in rests]
    errors, gaps = {}, {}
    for kind in KINDS:
        measured, predicted, gap = tight(result[f"reduced_{kind}"])
        errors[kind] = float(np.abs(measured - predicted).max() / predicted.max())
        gaps[kind] = float(gap.max())
    smooth = max(errors["Fourier"], errors["tanh"])
    good_orders = np.abs(np.subtract(orders[::2], 2)).max() < 0.1 and min(orders[1::2]) > 2.8
    sizes = result["sizes"]
    falling, level = (np.median(result[name], axis=2) for name in ("at_fixed_ratio", "at_fixed_weight"))
    many = sizes >= 100
    slopes = np.polyfit(np.log(sizes[many]), np.log(falling[:, many]).T, 1)[0]
    flat = float((level[:, many].max(axis=1) / level[:, many].min(axis=1)).max())
    pools = result["resampled"]
    pool_gap = float(np.abs(pools[:, 1] / pools[:, 2] - 1).max())
    return [
        Verdict(
            "ED-New-reduction",
            "holds" if good_orders and smooth < 0.02 and max(gaps["Fourier"], gaps["tanh"]) < 1 else "open",
            [*orders, errors["Fourier"], errors["tanh"], errors["ReLU"]],
            [2, ">= 3", 2, ">= 3", 0.0, 0.0, None],
            [0.1, 0.2, 0.1, 0.2, 0.02, 0.02, None],
            "orders in the spread of what one step has beyond the reduction, and beyond its second order (mean, then "
            f"deviations); largest error of log growth predicted for eps = {WEIGHTS} from one run at eps = {RIGID}, "
            f"over the largest growth, while the spread is below {TIGHT}: Fourier, tanh, and ReLU with kinks for a "
            "Hessian",
        ),
        Verdict(
            "ED-New-Nlimit",
            "holds" if np.abs(slopes + 1).max() < 0.15 and flat < 1.3 and pool_gap < 0.15 else "open",
            [*slopes.tolist(), flat, pool_gap],
            [-1.0, -1.0, -1.0, 1.0, 0.0],
            [0.15, 0.15, 0.15, 0.3, 0.15],
            f"power of N with which the change of X_a - X_b in {SIZE_STEPS} steps falls at r = {FIXED_RATIO}, N = 100 "
            f"to {int(sizes[-1])} (Fourier, tanh, ReLU; medians of {len(STARTS)} starts); its largest over least at "
            f"fixed eps = {FIXED_WEIGHT}; log growth with re-sampled seeds over (g1 - g2)/pool, minus 1. As eps < "
            "(1 - r)/(r (N - 1)), nothing is left for N to infinity, whatever D",
        ),
    ]


def draw(result, fig):
    colours = list(ganth.plotting.PALETTE.values())
    settings = result["settings"]
    fig.set_size_inches(11.5, 7.0)
    (step, mean, growth), (scatter, sizes_axis, pool) = fig.subplots(2, 3)
    s, *rests = np.asarray(result["one_step"]).T
    labels = ("mean, beyond ∇D", "mean, beyond s²", "deviations / ε, beyond s", "deviations / ε, beyond s²")
    for rest, label, colour, marker in zip(rests, labels, np.repeat(colours[:2], 2), "oxox", strict=True):
        step.loglog(s, rest, marker=marker, ms=4, lw=1, color=colour, label=label)
    step.set(xlabel="spread s", ylabel="rest of a velocity", title="(a) one step")
    step.legend(fontsize=7.5)

    rows = np.asarray(result["reduced_Fourier"], dtype=float)
    time = settings["every"] * np.arange(1, rows.shape[-1] + 1)
    for weight, (spread, measured, predicted, gap), colour in zip(settings["weights"], rows, colours, strict=False):
        for start in range(len(spread)):
            kept = spread[start] < TIGHT
            mean.semilogy(time[kept], np.maximum(gap[start][kept], 1e-9), color=colour, lw=1)
            growth.plot(time[kept], measured[start][kept], color=colour, lw=0.8)
            growth.plot(time[kept][::4], predicted[start][kept][::4], ".", ms=5, color=colour)
        mean.plot([], [], color=colour, label=f"ε = {weight:g}")
    mean.axhline(settings["spreads"]["Fourier"], color="0.4", ls=":", label="spread at the start")
    mean.set(xlabel="iteration", ylabel="distance of the means", title="(b) the mean, Fourier discriminator")
    growth.set(xlabel="iteration", ylabel="log growth of the spread", title="(c) the spread, Fourier discriminator")
    mean.legend(fontsize=8)

    for kind, colour, marker in zip(KINDS, (colours[0], colours[2], colours[3]), "o^x", strict=True):
        measured, predicted, _ = tight(result[f"reduced_{kind}"])
        scatter.plot(predicted, measured, marker, ms=3, lw=0, color=colour, label=kind)
    limit = 4.2
    scatter.plot([0, limit], [0, limit], color="black", lw=0.8)
    scatter.set(xlabel="predicted log growth", ylabel="measured", title="(d) prediction from one rigid run")
    scatter.set(xlim=(0, limit), ylim=(0, limit))
    scatter.legend()

    sizes = np.asarray(result["sizes"])
    for kind, falling, level, colour, marker in zip(
        KINDS,
        np.median(result["at_fixed_ratio"], axis=2),
        np.median(result["at_fixed_weight"], axis=2),
        (colours[0], colours[2], colours[3]),
        "o^x",
        strict=True,
    ):
        sizes_axis.loglog(sizes, falling, marker=marker, ms=4, color=colour, label=f"{kind}, r = {FIXED_RATIO}")
        sizes_axis.loglog(sizes, level, "--", marker=marker, ms=4, color=colour)
    sizes_axis.loglog([], [], "--", color="0.3", label=f"ε = {FIXED_WEIGHT}")
    eps = np.array([local_weight(FIXED_RATIO, int(n)) for n in sizes])
    sizes_axis.loglog(sizes, 4 * eps, ":", color="black", label="∝ ε(N)")
    sizes_axis.set(xlabel="particles N", ylabel=r"relative change of $X_a - X_b$", title="(e) many particles")
    sizes_axis.set_xticks(sizes, [f"{n:g}" for n in sizes])
    sizes_axis.minorticks_off()
    sizes_axis.legend(fontsize=7.5)

    pools = np.asarray(result["resampled"])
    pool.loglog(pools[:, 0], pools[:, 1], "o", color=colours[0], label=f"batches of {BATCH}, r = {FIXED_RATIO}")
    pool.loglog(pools[:, 0], pools[:, 2], color="black", lw=1, label="(g₁ − g₂)/pool × time")
    pool.set_xticks(POOLS, [str(size) for size in POOLS])
    pool.minorticks_off()
    pool.set(xlabel="pool of seeds", ylabel="log growth of the spread", title="(f) re-sampled seeds, Hess D = 1")
    pool.legend(fontsize=8)
    fourier, dense = settings["Fourier"], settings["tanh"]
    fig.suptitle(
        rf"Fourier: $\alpha_D$ = {fourier['lr_disc']:g}, $\alpha_G$ = {fourier['lr_gen']:g}, $\lambda$ = "
        rf"{fourier['reg']:g}, $n_{{disc}}$ = {fourier['n_disc']}, exact means."
        + f"\ntanh, ReLU: H = {dense['width']}, "
        rf"$\alpha_D$ = {dense['lr_disc']:g}, $\alpha_G$ = {dense['lr_gen']:g}, $\lambda$ = 2/H, $n_{{disc}}$ = "
        f"{dense['n_disc']}, {dense['n_data']} data a step.  N = {settings['N']} in (a)-(d); T = {settings['steps']} "
        f"in (b), (c), {settings['size_steps']} in (e)",
        fontsize=9,
    )
