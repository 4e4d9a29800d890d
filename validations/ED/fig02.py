"""ED Fig. 2, note [28]: tangent kernels of two wide generators over 50 seeds, and how far two numbers make them one.

Shows the kernel's values at all pairs of seeds for a ReLU and an Erf network, finite and of infinite width, which
ratios g2/g1 each activation can have at all, and a cloud of particles under the whole kernel of each and under the two
numbers alone.  Theory: Gamma = 2 (E[s s] + var_a E[s' s'] (x . y + 1)) in closed form; for ReLU g2/g1 >= 1/4.
Writes fig02.json, fig02.npz, fig02.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.ntk import TwoValues, empirical, one_hidden, two_values

TITLE = "Two numbers for a tangent kernel: ReLU and Erf (Fig. 2)"
CAPTION = (
    "(a) The tangent kernel at all pairs of 50 seeds on the unit sphere in 100 dimensions, one network of width 2048 "
    "each (filled), and of infinite width (lines, half as high); dotted: closed form at angles π/2 and 0. (b) Ratios "
    "g₂/g₁ that each activation can have with orthogonal seeds, over all variances of a, w and b: 4000 draws, log-"
    "uniform in [10⁻⁴, 10⁴], one in four with var_b = 0; circles: the two networks of (a). ReLU has no ratio below "
    "1/4. (c) 50 particles under the whole kernel of either network and under the two numbers (mean of the ReLU "
    "network's): mean distance from the cloud's middle; ReLU discriminator, H = 256, N = M = 50, n_disc = 5, α_D = "
    "0.3, α_G = 0.1, λ = 2/H; median and range of the seeds."
)
CLAIMS = ("ED-Fig2", "ED-Fn28", "ED-Rem-universal")
MINUTES = 0.05

DIM, SEEDS, WIDTH = 100, 50, 2048
NETWORKS = {
    "relu": {"activation": "relu", "var_a": 0.42, "var_w": 0.42, "var_b": 1.17},
    "erf": {"activation": "erf", "var_a": 1.18, "var_w": 1.18, "var_b": 11.67},
}
NAMES = {"relu": "ReLU", "erf": "Erf"}
COLOURS = {"relu": "#0072B2", "erf": "#D55E00"}
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
# networks for each activation, draws of variances, trials and iterations of the cloud
SIZES = {"smoke": (8, 200, 2, 20), "quick": (20, 4000, 8, 60), "paper": (100, 40_000, 32, 300)}


def ratios(activation, draws, seed):
    """Return g2/g1 at orthogonal unit seeds for random variances."""
    exponents = ganth.streams.uniform(seed, (draws, 3)) * 8 - 4
    variances = 10.0**exponents
    variances[::4, 2] = 0.0
    unit, found = np.eye(2), []
    for var_a, var_w, var_b in variances:
        one, two = one_hidden(unit[:1], unit, activation=activation, var_a=var_a, var_w=var_w, var_b=var_b)[0]
        found.append(two / one)
    return np.array(found)


def spreads(grams, trials, steps, seed, threads, *, backend):
    """Return the mean distance of particles from their middle under each kernel, (trials, records) by its name."""
    game = ganth.EffectiveGAN(RING, n_particles=SEEDS, width=256, lr_disc=0.3, lr_gen=0.1, n_disc=5)
    games = [game.with_settings(gram=gram) for gram in grams.values()]
    call = {"steps": steps, "trials": trials, "seeds": seed, "record_every": steps // 20, "threads": threads}
    paths = [run.particles for run in ganth.play_together(games, **call, backend=backend)]
    away = [np.linalg.norm(x - x.mean(axis=2, keepdims=True), axis=-1).mean(axis=2) for x in paths]
    return dict(zip(grams, away, strict=True))


def compute(profile, seed, backend, jobs):
    networks, draws, trials, steps = SIZES[profile]
    z = ganth.generators.sphere(SEEDS, DIM, seed)
    result = {
        "settings": {
            "dim": DIM, "seeds": SEEDS, "width": WIDTH, "networks": NETWORKS, "trained_networks": networks,
            "draws": draws, "trials": trials, "steps": steps, "lr_disc": 0.3, "lr_gen": 0.1, "n_disc": 5, "hidden": 256,
        },
    }  # fmt: skip
    pairs = np.triu_indices(SEEDS)
    grams = {}
    for name, network in NETWORKS.items():
        shape = ganth.generators.WideGenerator(DIM, WIDTH, outputs=1, **network)
        drawn = np.array([empirical(shape.initial(seed, trial=k), z)[..., 0, 0] for k in range(networks)])
        grams[name] = one_hidden(z, z, **network)
        result[f"{name}_values"] = drawn[0][pairs]
        result[f"{name}_exact"] = grams[name][pairs]
        result[f"{name}_finite"] = np.array([TwoValues.of_gram(gram) for gram in drawn])
        result[f"{name}_seeds"] = list(TwoValues.of_gram(grams[name]))
        result[f"{name}_sphere"] = list(two_values(DIM, **network))
        error = drawn.std(axis=0, ddof=1) / np.sqrt(networks)
        result[f"{name}_pull"] = float(np.sqrt((((drawn.mean(axis=0) - grams[name]) / error) ** 2).mean()))
        result[f"{name}_ratios"] = ratios(network["activation"], draws, seed)
    values = TwoValues.of_gram(grams["relu"])
    grams["two"] = np.full((SEEDS, SEEDS), values.g2) + (values.g1 - values.g2) * np.eye(SEEDS)
    clouds = spreads(grams, trials, steps, seed, jobs, backend=backend)
    swapped = one_hidden(z, z, **(NETWORKS["erf"] | {k: NETWORKS["relu"][k] for k in ("var_a", "var_w", "var_b")}))
    return result | {
        "clouds": np.array([clouds[name] for name in ("relu", "erf", "two")]),
        "cloud_gaps": [
            float(np.abs(np.log(np.median(clouds[name], axis=0) / np.median(clouds["two"], axis=0))).max())
            for name in NETWORKS
        ],
        "erf_with_relu_variances": list(TwoValues.of_gram(swapped)),
    }


def check(result):
    finite = {name: np.asarray(result[f"{name}_finite"]) for name in NETWORKS}
    exact = {name: TwoValues(*result[f"{name}_sphere"]) for name in NETWORKS}
    apart = {
        name: (values[:, 0] - values[:, 1]) / np.hypot(values[:, 2], values[:, 3]) for name, values in finite.items()
    }
    means = {name: values[:, :2].mean(axis=0) for name, values in finite.items()}
    alike = np.abs(means["erf"] / means["relu"] - 1)
    figure = min(gap.min() for gap in apart.values()) > 5 and alike.max() < 0.1
    closed = np.abs(np.array(exact["erf"][:2]) / exact["relu"][:2] - 1)
    pulls = [result[f"{name}_pull"] for name in NETWORKS]
    relu, erf = (np.asarray(result[f"{name}_ratios"]) for name in NETWORKS)
    swapped = TwoValues(*result["erf_with_relu_variances"])
    off = max(abs(swapped.g1 / exact["relu"].g1 - 1), abs(swapped.g2 / exact["relu"].g2 - 1))
    tuned = off > 3 * closed.max() and relu.min() >= 0.25 - 1e-12 and erf.min() < 0.01
    return [
        Verdict(
            "ED-Fig2",
            "reproduced" if figure else "not-reproduced",
            [*means["relu"].tolist(), *means["erf"].tolist()],
            [exact["relu"].g1, exact["relu"].g2, exact["erf"].g1, exact["erf"].g2],
            0.1,
            f"mean g1, g2 of {len(finite['relu'])} networks of width {WIDTH} each: the peaks lie at least "
            f"{min(gap.min() for gap in apart.values()):.1f} of their spreads apart, those of Erf within "
            f"{alike.max():.1%} of those of ReLU",
        ),
        Verdict(
            "ED-Fn28",
            "holds" if closed.max() < 0.05 and max(pulls) < 1.5 else "false",
            closed.tolist(),
            [0.0, 0.0],
            0.05,
            "relative differences of g1 and of g2 between Erf and ReLU in closed form (a, w and b trained); networks "
            f"scatter around it with {pulls[0]:.2f} and {pulls[1]:.2f} standard errors root mean square",
        ),
        Verdict(
            "ED-Rem-universal",
            "corrected" if tuned and max(result["cloud_gaps"]) < 0.3 else "holds" if not tuned else "open",
            [off, float(relu.min()), float(erf.min()), *result["cloud_gaps"]],
            [0.0, 0.25, 0.0, 0.0, 0.0],
            [3 * float(closed.max()), 1e-12, 0.01, 0.3, 0.3],
            "with the ReLU network's variances Erf's values are off by the first number: two variances were tuned to "
            "match two values; least g2/g1 over all variances: ReLU 1/4, Erf 0, so not every pair is to be had; the "
            "clouds' spreads under either whole kernel stay within the last numbers (log) of that under two values",
        ),
    ]


def draw(result, fig):
    fig.set_size_inches(12, 4.0)
    left, middle, right = fig.subplots(1, 3, width_ratios=[1.3, 1, 1])
    bins = np.linspace(1.2, 3.0, 91)
    for name, label in NAMES.items():
        values = np.asarray(result[f"{name}_values"])
        left.hist(values, bins, color=COLOURS[name], alpha=0.4, label=f"{label}, width {WIDTH}")
        exact = np.asarray(result[f"{name}_exact"])
        left.hist(
            exact,
            bins,
            histtype="step",
            weights=np.full(exact.size, 0.5),
            color=COLOURS[name],
            label=f"{label}, infinite",
        )
        for value in result[f"{name}_sphere"][:2]:
            left.axvline(value, color=COLOURS[name], ls=":", lw=1)
    left.set(xlabel="tangent kernel Γ", ylabel="pairs of seeds", xlim=(1.2, 3.4), title="(a)")
    left.set_yscale("symlog", linthresh=10)
    left.legend(fontsize="small", loc="upper right")
    settings = result["settings"]

    bins = np.linspace(0, 1, 41)
    for name, label in NAMES.items():
        middle.hist(
            np.asarray(result[f"{name}_ratios"]), bins, histtype="step", lw=1.5, color=COLOURS[name], label=label
        )
        g1, g2 = result[f"{name}_sphere"][:2]
        middle.plot(g2 / g1, 2.0 if name == "relu" else 3.5, "o", color=COLOURS[name], mec="k")
    middle.axvline(0.25, color="k", ls="--", lw=0.8)
    middle.set_yscale("log")
    middle.set(xlabel="$g_2/g_1$ at orthogonal seeds", ylabel=f"draws of {settings['draws']}", title="(b)")
    middle.legend(fontsize="small", loc="upper center")

    clouds = np.asarray(result["clouds"])
    steps = np.linspace(0, settings["steps"], clouds.shape[-1])
    for cloud, label, colour, style in zip(
        clouds, ("ReLU kernel", "Erf kernel", "two values"), (*COLOURS.values(), "k"), ("-", "-", "--"), strict=True
    ):
        right.plot(steps, np.median(cloud, axis=0), style, color=colour, label=label)
        right.fill_between(steps, cloud.min(axis=0), cloud.max(axis=0), color=colour, alpha=0.12, lw=0)
    right.set(xlabel="iteration", ylabel="distance from the cloud's middle", title="(c)")
    right.set_title(f"{clouds.shape[1]} seeds", loc="right", fontsize=9)
    rates = f"N = {SEEDS}, $n_{{disc}}$ = 5\n$α_D$ = 0.3, $α_G$ = 0.1\nλ = 2/H, H = 256, β = 0"
    right.text(0.98, 0.02, rates, transform=right.transAxes, fontsize=8, ha="right", va="bottom")
    right.legend(fontsize="small", loc="upper left")
