"""ED section IV: Algorithm 1 with one hidden layer, its penalty, when it dies, and how fast it learns a frequency.

Shows the engine beside Algorithm 1 written by complex steps and a double sum, the share of the penalty in a step, the
decay and growth of networks on both sides of the threshold, and spectra of the infinite-width tangent kernel.  Theory:
|phi| moves at s h - lambda, h = sup over directions of the mean of a unit over particles minus data; spectrum of a
kernel with a kink (ReLU) and of a smooth one (tanh).  Writes one_hidden.json, one_hidden.png.
"""

import functools
from itertools import product

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.sweeps import each
from ganth.theory import one_hidden as theory

TITLE = "One hidden layer: Algorithm 1, its penalty, and a discriminator that dies (eqs. 23-24)"
CAPTION = (
    "(a) Largest gap of the engine to Algorithm 1 written anew, per activation. (b) Rate of |φ| with particles held "
    "fixed, against the mismatch h over √(2/H): below 1 every ReLU network dies, above 1 it grows (line: theory). "
    "(c) |φ| in runs with particles that move, one line a seed, and (d) the distance of the particles from the nearest "
    "mode: the network dies and the cloud stays where it is. (e) Eigenvalues of the tangent kernel on a line against "
    "the frequency of their functions: a power law for ReLU (straight in e), an exponential for tanh (straight in f)."
)
CLAIMS = ("ED-Alg1", "ED-Eq24", "ED-New-death", "ED-IVB-gamma")
MINUTES = 0.1

ACTIVATIONS = ("relu", "tanh", "erf")
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
DRAWS = {"smoke": 2, "quick": 8, "paper": 40}
SMALL = {"N": 7, "M": 9, "H": 5, "n_disc": 3, "alpha_D": 0.3, "alpha_G": 0.2, "iterations": 4, "g2/g1": 0.3}
DEATH = {"N": 40, "H": 64, "alpha_D": 1.6, "steps": 1500}
SHARES = np.array([0.5, 0.8, 0.95, 1.05, 1.2, 1.5])  # h over the threshold
LONG = {"N": 50, "M": 100, "H": 64, "alpha_D": 0.5, "alpha_G": 0.02, "n_disc": 5, "g2/g1": 0.0, "steps": 1000}
MARKS = 20
LINE = {"half_length": 3.0, "nodes": 160, "first": 4, "last": 40}
NETWORK = {"var_a": 1.0, "var_w": 1.0, "var_b": 9.0}


def rows_of(network):
    return np.vstack([network.output_weights, network.weights.T, network.biases])


def value(rows, activation, x):
    """Return D at x (m, d) of rows a, w_1, ..., w_d, b (d + 2, H), which may be complex."""
    from scipy.special import erf

    u = x @ rows[1:-1] + rows[-1]
    s = {"relu": lambda: u * (u.real > 0), "tanh": lambda: np.tanh(u), "erf": lambda: erf(u)}[activation]()
    return np.sqrt(2 / rows.shape[1]) * s @ rows[0]


def by_complex_steps(function, at):
    """Return the gradient of a function of an array, exact to rounding."""
    out = np.empty_like(at)
    for place in np.ndindex(at.shape):
        shifted = at.astype(complex)
        shifted[place] += 1e-30j
        out[place] = function(shifted).imag / 1e-30
    return out


def algorithm(rows, x, activation, seed, draw, game):
    """Return the network and the particles after some iterations of Algorithm 1, written from the paper."""
    n, r = SMALL["N"], SMALL["g2/g1"]
    first = n / (1 + (n - 1) * r)
    for iteration in range(SMALL["iterations"]):
        for inner in range(SMALL["n_disc"]):
            data = RING.sample(SMALL["M"], seed, trial=draw, step=iteration * SMALL["n_disc"] + inner)

            def loss(p, x=x, data=data):  # (24)
                mean = value(p, activation, x).mean() - value(p, activation, data).mean()
                return mean + (p**2).sum() / SMALL["H"]

            rows = rows - SMALL["alpha_D"] * by_complex_steps(loss, rows)  # (10)
        local = [by_complex_steps(lambda y, p=rows: value(p, activation, y[None])[0], one) for one in x]
        x = np.array(
            [
                x[a] + SMALL["alpha_G"] / n * sum((first if a == b else r * first) * local[b] for b in range(n))
                for a in range(n)
            ]
        )  # (21)
    return rows, x


def steps_of(activation, seed, draw, *, backend):
    """Return gaps of the engine: parameters, particles, and (1/H) sum phi^2 as the share of the penalty in a step."""
    game = ganth.EffectiveGAN(
        RING, n_particles=SMALL["N"], n_data=SMALL["M"], width=SMALL["H"], n_disc=SMALL["n_disc"],
        ntk_ratio=SMALL["g2/g1"], lr_disc=SMALL["alpha_D"], lr_gen=SMALL["alpha_G"], activation=activation,
        bias_variance=0.5,
    )  # fmt: skip
    options = {"seed": seed, "first_trial": draw, "threads": 1}
    start = game.run(steps=0, **options, backend=backend)
    end = game.run(steps=SMALL["iterations"], **options, backend=backend)
    rows = rows_of(start.discriminator_of(0))
    wanted, x = algorithm(rows, start.final, activation, seed, draw, game)
    single = game.with_settings(n_disc=1)
    with_penalty = rows_of(single.run(steps=1, **options, backend=backend).discriminator_of(0))
    without = rows_of(single.with_settings(reg=0.0).run(steps=1, **options, backend=backend).discriminator_of(0))
    share = (without - with_penalty) / SMALL["alpha_D"]
    penalty = by_complex_steps(lambda p: (p**2).sum() / SMALL["H"], rows)
    return [
        np.abs(rows_of(end.discriminator_of(0)) - wanted).max() / np.abs(wanted).max(),
        np.abs(end.final - x).max() / np.abs(x).max(),
        np.abs(share - penalty).max() / np.abs(penalty).max(),
    ]


def largest_mismatch(x, data):
    """Return sup over unit v of |mean max(0, v . (x, 1)) over x minus that over the data|: grid, then ascent."""
    points = np.vstack([np.hstack([y, np.ones((len(y), 1))]) for y in (x, data)])
    masses = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(data), -1 / len(data))])
    count = 1500
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    angle = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - height**2)
    v = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)

    def moments(v):
        return ((v @ points.T > 0) * masses) @ points

    v = v[np.argsort(-np.abs((v * moments(v)).sum(axis=1)))[:40]]
    best = 0.0
    for _ in range(80):
        m = moments(v)
        h = (v * m).sum(axis=1, keepdims=True)
        best = max(best, float(np.abs(h).max()))
        v = v + 0.5 * np.sign(h) * m / np.linalg.norm(m, axis=1, keepdims=True)
        v /= np.linalg.norm(v, axis=1, keepdims=True)
    return best


def norm(run, trial=0):
    return float(np.linalg.norm(rows_of(run.discriminator_of(trial))))


def fate(share, seed, draw, *, backend):
    """Return (h over the threshold, measured log growth of |phi| a step, predicted) with particles held fixed."""
    threshold = np.sqrt(2 / DEATH["H"])
    data = RING.sample(DEATH["N"], seed, trial=draw, step=0)
    angle = 2 * np.pi * ganth.streams.uniform(seed, 1, trial=draw, step=4)[0]
    along = np.array([np.cos(angle), np.sin(angle)])
    low, high = 0.0, 4.0
    for _ in range(16):
        middle = (low + high) / 2
        below = largest_mismatch(data + middle * along, data) < share * threshold
        low, high = (middle, high) if below else (low, middle)
    cloud = data + low * along
    game = ganth.EffectiveGAN(
        RING, n_particles=DEATH["N"], n_data=DEATH["N"], width=DEATH["H"], lr_disc=DEATH["alpha_D"], lr_gen=1e-300,
        data="fixed",
    )  # fmt: skip
    half, whole = (
        game.run(cloud, steps=steps, seed=seed, first_trial=draw, threads=1, backend=backend)
        for steps in (DEATH["steps"] // 2, DEATH["steps"])
    )
    growth = np.log(norm(whole) / norm(half)) / (DEATH["steps"] - DEATH["steps"] // 2)
    reached = largest_mismatch(cloud, data) / threshold
    return [reached, growth, np.log1p(DEATH["alpha_D"] * 2 / DEATH["H"] * (reached - 1))]


def long_run(seed, draws, *, backend):
    """Return |phi|, distance to the nearest mode and h over the threshold at marks: (marks, trials) each."""
    game = ganth.EffectiveGAN(
        RING, n_particles=LONG["N"], n_data=LONG["M"], width=LONG["H"], lr_disc=LONG["alpha_D"],
        lr_gen=LONG["alpha_G"], n_disc=LONG["n_disc"], ntk_ratio=LONG["g2/g1"], data="fixed",
    )  # fmt: skip
    run = game.run(steps=0, trials=draws, seed=seed, threads=1, backend=backend)
    table = []
    for mark in range(MARKS + 1):
        if mark:
            run = run.extend(LONG["steps"] // MARKS, threads=1)
        ends = np.asarray(run.final).reshape(draws, LONG["N"], 2)
        away = ganth.metrics.nearest_mode_distance(ends, RING.means)
        table.append([[norm(run, trial) for trial in range(draws)], away])
    data = [RING.sample(LONG["M"], seed, trial=trial, step=0) for trial in range(draws)]
    left = [largest_mismatch(x, y) / np.sqrt(2 / LONG["H"]) for x, y in zip(ends, data, strict=True)]
    return np.array(table), np.array(left)


def spectrum(activation):
    """Return the eigenvalues of the tangent kernel on [-l, l], uniform weight, largest first, and zeros of each."""
    nodes, weights = np.polynomial.legendre.leggauss(LINE["nodes"])
    x, root = LINE["half_length"] * nodes[:, None], np.sqrt(LINE["half_length"] * weights)
    kernel = ganth.ntk.one_hidden(x, x, activation=activation, **NETWORK)
    values, vectors = np.linalg.eigh(root[:, None] * kernel * root)
    signs = np.sign(vectors[:, ::-1])
    return values[::-1], (signs[1:] != signs[:-1]).sum(axis=0)


def laws(values, zeros):
    """Return (exponent, half width, rate, half width, log likelihood of the power minus that of the exponential)."""
    from scipy.stats import linregress, t

    part = slice(LINE["first"], LINE["last"])
    k, log = np.pi * zeros[part] / (2 * LINE["half_length"]), np.log(values[part])
    fits = [linregress(np.log(k), log), linregress(k, log)]
    squares = [((log - f.intercept - f.slope * at) ** 2).sum() for f, at in zip(fits, (np.log(k), k), strict=True)]
    quantile = t.ppf(0.975, len(k) - 2)
    return [
        -fits[0].slope, quantile * fits[0].stderr, -fits[1].slope, quantile * fits[1].stderr,
        len(k) / 2 * np.log(squares[1] / squares[0]),
    ]  # fmt: skip


def compute(profile, seed, backend, jobs):
    draws = DRAWS[profile]
    cells = list(
        product(SHARES if profile != "smoke" else SHARES[[0, -1]], range(min(draws, 4) if profile != "smoke" else 1))
    )
    fates = each(
        functools.partial(fate, backend=backend),
        [(share, seed, draw) for share, draw in cells],
        executor=ganth.executor_for(backend),
        jobs=jobs,
    )
    long, left = long_run(seed, draws, backend=backend)
    spectra = [spectrum(name) for name in ACTIVATIONS]
    return {
        "settings": {"draws": draws, "small": SMALL, "death": DEATH, "long": LONG, "line": LINE, "network": NETWORK},
        "steps": np.array(
            [[steps_of(name, seed, draw, backend=backend) for draw in range(min(draws, 4))] for name in ACTIVATIONS]
        ),
        "penalty_weight": str(theory.penalty_weight()),
        "threshold": float(theory.death_threshold().subs(theory.width, DEATH["H"])),
        "fates": np.array(fates),
        "long": long,
        "left": left,
        "eigenvalues": np.array([values for values, _ in spectra]),
        "zeros": np.array([zeros for _, zeros in spectra]),
        "laws": np.array([laws(*one) for one in spectra]),
    }  # fmt: skip


def check(result):
    names = ("steps", "fates", "long", "left", "laws", "zeros")
    steps, fates, long, left, fits, zeros = (np.asarray(result[name], dtype=float) for name in names)
    share = fates[:, 0]
    decays = DEATH["alpha_D"] * 2 / DEATH["H"]
    off = np.abs(fates[:, 1] - fates[:, 2]) / decays
    sides = bool(((fates[:, 1] < 0) == (share < 1)).all())
    kept = abs(float(result["threshold"]) - np.sqrt(2 / DEATH["H"])) < 1e-12
    norms, away = long[:, 0], long[:, 1]
    dead = norms[-1] / norms[0] < 1e-3
    frozen = np.abs(away[-1] - away[-6]) < 1e-3 * away[-1]
    short = away[-1] > 5 * 0.02
    died = dead & frozen & short & (left < 1)
    oscillates = bool((np.diff(zeros[:, : LINE["last"]], axis=1) == 1).all())
    relu, tanh = fits[0], fits[1]
    return [
        Verdict(
            "ED-Alg1",
            "holds" if steps[..., :2].max() < 1e-11 else "open",
            [float(steps[..., 0].max()), float(steps[..., 1].max())],
            0.0,
            1e-11,
            f"network and particles after {SMALL['iterations']} iterations against gradients of (24) by complex steps "
            "and the double sum (21), relative; relu, tanh, erf",
        ),
        Verdict(
            "ED-Eq24",
            "holds" if steps[..., 2].max() < 1e-12 and result["penalty_weight"] == "2/H" else "open",
            float(steps[..., 2].max()),
            0.0,
            1e-12,
            "what lambda = 2/width changes in a step, over alpha_D, against the gradient of (1/width) sum phi^2",
        ),
        Verdict(
            "ED-New-death",
            "holds" if sides and kept and off.max() < 0.02 and died.any() else "open",
            [float(off.max()), float(died.mean()), float(np.median(away[-1])), float(left.max())],
            [0.0, "> 0", "> 0.1", "< 1"],
            [0.02, 0.0, 0.1, 1.0],
            f"rate of |phi| at fixed particles against s h - lambda, over lambda, h / sqrt(2/H) = {SHARES.tolist()} "
            "and above 1 it grows; long runs: share that die with particles at rest more than 5 sigma from the modes, "
            "median distance, largest h / sqrt(2/H) left.  h = sup_v |<max(0, v.(x,1))>_gen - <...>_data|, |v| = 1",
        ),
        Verdict(
            "ED-IVB-gamma",
            "holds" if oscillates and relu[4] > 5 and tanh[4] < -5 else "open",
            [*relu[[0, 1, 4]].tolist(), *tanh[[2, 3, 4]].tolist()],
            ["exponent", "95 %", "> 5", "rate", "95 %", "< -5"],
            [None, None, 5.0, None, None, -5.0],
            "spectrum of the infinite-width tangent kernel on [-3, 3]: ReLU exponent, tanh rate per k, and log "
            "likelihood of the power law minus that of the exponential; eigenfunction j has j zeros, k = pi j / 6, "
            f"j = {LINE['first']} to {LINE['last'] - 1}. The rates of linearised training by squared loss",
        ),
    ]


def draw(result, fig):
    colours = list(ganth.plotting.PALETTE.values())
    settings = result["settings"]
    fig.set_size_inches(11.5, 7.0)
    (one, two, three), (four, five, six) = fig.subplots(2, 3)
    steps = np.asarray(result["steps"], dtype=float)
    for place, rows in enumerate(steps):
        for part, (name, marker) in enumerate((("network", "o"), ("particles", "s"), ("penalty", "d"))):
            at = place + 0.2 * (part - 1) + np.linspace(-0.05, 0.05, len(rows))
            label = name if place == 0 else None
            one.semilogy(at, np.maximum(rows[:, part], 1e-17), marker, color=colours[part], ms=4, label=label)
    one.set_xticks(range(len(ACTIVATIONS)), ACTIVATIONS)
    one.set(ylabel="gap, relative", title="(a) engine and Algorithm 1", ylim=(5e-18, 1e-13))
    one.legend(fontsize=8)

    fates = np.asarray(result["fates"], dtype=float)
    decay = settings["death"]["alpha_D"] * 2 / settings["death"]["H"]
    fine = np.linspace(0.4, 1.6, 50)
    two.plot(fine, np.log1p(decay * (fine - 1)) / decay, color="0.4", lw=1, label="theory")
    two.plot(fates[:, 0], fates[:, 1] / decay, "o", ms=4, color=colours[0], label="runs")
    two.axhline(0, color="0.6", lw=0.8)
    two.set(xlabel=r"mismatch h / $\sqrt{2/H}$", ylabel=r"rate of $|\phi|$ / $(\alpha_D\lambda)$", title="(b) fate")
    two.legend()

    long = np.asarray(result["long"], dtype=float)
    times = np.linspace(0, settings["long"]["steps"], len(long))
    three.semilogy(times, long[:, 0], color=colours[0], lw=0.8)
    four.semilogy(times, long[:, 1], color=colours[3], lw=0.8)
    four.axhline(0.02 * np.sqrt(np.pi / 2), color="0.4", ls="--", lw=0.8, label="on the modes")
    three.set(xlabel="iteration", ylabel=r"$|\phi|$", title="(c) the network dies")
    four.set(xlabel="iteration", ylabel="distance to the nearest mode", title="(d) the particles freeze")
    four.legend(fontsize=8)

    part = slice(settings["line"]["first"], settings["line"]["last"])
    eigen, zeros = np.asarray(result["eigenvalues"], dtype=float), np.asarray(result["zeros"])
    for place, (name, fit) in enumerate(zip(ACTIVATIONS, np.asarray(result["laws"], dtype=float), strict=True)):
        k = np.pi * zeros[place, part] / (2 * settings["line"]["half_length"])
        law = f"{name}: $k^{{-{fit[0]:.2f}}}$" if fit[4] > 0 else f"{name}: $e^{{-{fit[2]:.2f}k}}$"
        for axis in (five, six):
            axis.semilogy(k, eigen[place, part], "osd"[place], ms=3, color=colours[place], label=law)
    five.set_xscale("log")
    five.xaxis.set_minor_formatter("")
    five.set(xlabel="k [1/length]", ylabel=r"eigenvalue $\gamma(k)$", title="(e) frequency principle")
    six.set(xlabel="k [1/length]", ylabel=r"eigenvalue $\gamma(k)$", title="(f) the same, k linear")
    for axis in (five, six):
        axis.legend(fontsize=8)
    d, f = settings["death"], settings["long"]
    fig.suptitle(
        f"(b): α_D = {d['alpha_D']:g}, N = {d['N']}, H = {d['H']}, λ = 2/H, particles fixed.  (c)-(d): "
        f"α_D = {f['alpha_D']:g}, α_G = {f['alpha_G']:g}, n_disc = {f['n_disc']}, N = {f['N']}, M = {f['M']} fixed, "
        f"H = {f['H']}, λ = 2/H, T = {f['steps']}, g₂/g₁ = {f['g2/g1']:g} (source: N = 200, H = 2048)",
        fontsize=8,
    )
