"""TS sections 3.1, 3.2, 5 and 12: what it costs to leave a mode out, under four divergences.

Truncated laws, exactly and by bounds over random mixtures; the slope of each objective as mass moves into the hole.
Writes missing.json, missing.png.
"""

import numpy as np
from scipy import integrate

import ganth
from ganth import divergences as div
from ganth.claims import Verdict
from ganth.targets import GaussianMixture, UniformBox
from ganth.theory import divergences as theory

TITLE = "The cost of a missing mode"
CAPTION = (
    "(a) A model that is the data without a part A of mass a: KL(q‖p) = −log(1 − a), the non-saturating loss is "
    "log(1 + 1/(1 − a)), both above their values at q = p (dashed); KL(p‖q) is infinite. (b) Models that vanish "
    "outside a "
    "box, random mixtures as data: both costs against the bounds of p(A). (c) Forward KL as the weight of one of two "
    "modes "
    "dies out, with a log a/ε + (1−a) log (1−a)/(1−ε). (d) Slope of each objective as mass moves from what is "
    "covered to A, at "
    "a = 1/2: all fall."
)
CLAIMS = ("TS-S5-missing-mode", "TS-S3.1-infinite", "TS-S3.2-free", "TS-S12-forward", "TS-New-missing-cost")
MINUTES = 0.02

MASSES = np.linspace(0.02, 0.95, 40)
PAIRS = {"smoke": 15, "quick": 120, "paper": 1000}
DYING = 10.0 ** -np.arange(1, 13)
NAMES = ("reverse_kl", "ns_loss", "ns", "js")


def truncated():
    """Return KL(q || p), the NS loss, KL(p || q) of the uniform laws on (0, 1) and (0, 1 - a), (n, 3)."""
    whole = UniformBox([0.0], [1.0])
    parts = [UniformBox([0.0], [1 - a]) for a in MASSES]
    return np.array([[div.reverse_kl(whole, q), div.ns_loss(whole, q), div.kl(whole, q)] for q in parts])


def random_models(seed, count):
    """Return p(A), KL(q || p), NS loss for random mixtures p and uniform q on a box, A outside, (n, 3)."""
    from ganth.divergences.laws import mass_outside

    rng, rows = np.random.default_rng(seed), []
    for _ in range(count):
        k = rng.integers(1, 4)
        p = GaussianMixture(2 * rng.normal(size=(k, 1)), rng.uniform(0.2, 2, size=k), rng.dirichlet(np.ones(k)))
        low = rng.normal() * 2
        q = UniformBox([low], [low + rng.uniform(0.3, 5)])
        rows.append([mass_outside(p, q), div.reverse_kl(p, q), div.ns_loss(p, q)])
    return np.array(rows)


def dying():
    """Return KL(p || q) as one mode of q dies out, and its closed form, (n, 2); modes 16 standard deviations apart."""
    p = GaussianMixture([[-8.0], [8.0]], 1.0)
    found = [div.kl(p, GaussianMixture([[-8.0], [8.0]], 1.0, [1 - e, e])) for e in DYING]
    return np.column_stack([found, 0.5 * np.log(0.5 / DYING) + 0.5 * np.log(0.5 / (1 - DYING))])


def slopes(step=1e-7):
    """Return the slope of each objective as mass moves into A: cells of mass 1/2 of p, q = (1 - e, e)."""
    rows = []
    for name in NAMES:
        f = div.FUNCTIONALS[name]
        p = np.log(np.array([0.5, 0.5]))

        def cost(e, f=f, p=p):
            return float(f.integrand(p, np.log(np.array([1 - e, e]))).sum())

        nothing = float(f.integrand(p[:1], np.zeros(1)).sum()) + f.at_infinity * 0.5
        rows.append((cost(step) - nothing) / step)
    return np.array(rows)


def compute(profile, seed, backend, jobs):
    zero = UniformBox([0.0], [1.0])
    point = integrate.quad(lambda x: -np.log(3 * x * x), 0, 1)[0]
    costs = theory.missing_costs()
    return {
        "settings": {"models": PAIRS[profile], "masses": MASSES.tolist()},
        "symbolic": [str(costs["reverse_kl"]), str(costs["ns_loss"]), *[str(v) for v in theory.limits("kl")],
                     str(theory.curvature("ns_loss")), str(theory.curvature("reverse_kl"))],
        "truncated": truncated(),
        "random": random_models(seed, PAIRS[profile]),
        "dying": dying(),
        "slopes": slopes(),
        "point": float(point),
        "hole": float(div.kl(zero, UniformBox([0.0], [0.999]))),
    }  # fmt: skip


def check(result):
    exact, random, dying, slope = (
        np.asarray(result[name], dtype=float) for name in ("truncated", "random", "dying", "slopes")
    )
    words = [str(w) for w in result["symbolic"]]
    gaps = [
        float(np.abs(exact[:, 0] + np.log1p(-MASSES)).max()),
        float(np.abs(exact[:, 1] - np.log(1 + 1 / (1 - MASSES))).max()),
    ]
    kept = random[:, 0] < 1
    missed = random[kept, 0]
    room = [
        float((random[kept, 1] + np.log1p(-missed)).min()),
        float((random[kept, 2] - np.log(1 + 1 / (1 - missed))).min()),
    ]
    rate = float(np.abs(dying[:, 0] - dying[:, 1]).max())
    infinite = str(result["truncated"][0][2]) == "inf" or np.isinf(exact[:, 2]).all()
    return [
        Verdict(
            "TS-S5-missing-mode",
            "false" if gaps[1] < 1e-10 and slope[1] < -0.5 else "open",
            [float(exact[np.argmin(np.abs(MASSES - 0.5)), 1]), float(np.log(2)), float(slope[1])],
            ["log 2", "log 2", 0.0],
            [None, None, 0.5],
            "the non-saturating loss with half of the data left out, against log 2 at q = p; its slope as mass moves "
            "into the "
            "hole: the integral over A is 0, but the mass that is not there makes q/p larger everywhere else",
        ),
        Verdict(
            "TS-S3.1-infinite",
            "corrected" if infinite and abs(result["point"] - (2 - np.log(3))) < 1e-9 and rate < 1e-6 else "open",
            [str(result["hole"]), float(result["point"]), float(dying[-1, 0])],
            ["inf", "inf", "> 0"],
            [None, None, None],
            "KL(p || q) where q misses a thousandth of p: infinite; where q = 3 x^2 vanishes at a point only: 2 - "
            "log 3. p-"
            "almost everywhere is meant. And finite is not covering: with a weight of 1e-12 for half of the data it "
            "is this",
        ),
        Verdict(
            "TS-S3.2-free",
            "false" if gaps[0] < 1e-10 and room[0] > -1e-9 and slope[0] < -0.5 else "open",
            [gaps[0], room[0], float(slope[0])],
            [0.0, ">= 0", 0.0],
            [1e-10, 1e-9, 0.5],
            "KL(q || p) less -log(1 - a) for the data without mass a, so that leaving out costs that much; least "
            "room above "
            "that bound, random models; slope as mass moves into the hole",
        ),
        Verdict(
            "TS-S12-forward",
            "holds" if infinite and rate < 1e-6 and (np.diff(dying[:, 0]) > 1).all() and words[3] == "oo" else "open",
            [words[3], rate, dying[[0, 5, 11], 0].tolist(), str(result["hole"])],
            ["oo", 0.0, "growing by 1/2 log 10 each", "inf"],
            1e-6,
            "lim f(u)/u in SymPy; gap of KL(p || q) to its closed form as a mode's weight falls to 1e-12; values at "
            "0.1, 1e-6, "
            "1e-12; at 0, boxes: it grows like a log 1/epsilon",
        ),
        Verdict(
            "TS-New-missing-cost",
            "holds" if max(gaps) < 1e-10 and min(room) > -1e-9 and words[0] == "-log(1 - a)" else "open",
            [*words[:2], *words[4:], *gaps, *room],
            ["-log(1 - a)", "log(1 + 1/(1 - a))", "> 0", "> 0", 0.0, 0.0, ">= 0", ">= 0"],
            1e-9,
            "Jensen: f(1 - a) and f'' in SymPy; equality for the data without A; least room above the bounds over "
            f"{int(kept.sum())} random models",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    exact, random, dying, slope = (
        np.asarray(result[name], dtype=float) for name in ("truncated", "random", "dying", "slopes")
    )
    fig.set_size_inches(12, 3.4)
    cost, bound, dies, slopes_ax = fig.subplots(1, 4)
    for column, (label, hue, least) in enumerate((("KL(q‖p)", "vermillion", 0.0), ("NS loss", "blue", np.log(2)))):
        cost.plot(MASSES, exact[:, column], "o", ms=3, color=colours[hue], label=label)
        cost.axhline(least, color=colours[hue], ls="--", lw=1)
    cost.plot(MASSES, -np.log1p(-MASSES), color=colours["vermillion"], lw=1)
    cost.plot(MASSES, np.log(1 + 1 / (1 - MASSES)), color=colours["blue"], lw=1)
    cost.set(xlabel="mass a left out", ylabel="cost", title="(a) the data without A")
    cost.legend()
    grid = np.linspace(0.001, 0.999, 200)
    bound.plot(random[:, 0], random[:, 1], ".", color=colours["vermillion"], label="KL(q‖p)")
    bound.plot(random[:, 0], random[:, 2], ".", color=colours["blue"], label="NS loss")
    bound.plot(grid, -np.log1p(-grid), color=colours["vermillion"], lw=1)
    bound.plot(grid, np.log(1 + 1 / (1 - grid)), color=colours["blue"], lw=1)
    bound.set(xlabel="p(A)", ylabel="cost", title="(b) random models", yscale="log", ylim=(1e-2, 1e3))
    bound.legend(fontsize=8)
    dies.semilogx(DYING, dying[:, 0], "o", ms=4, color=colours["green"], label="KL(p‖q)")
    dies.semilogx(DYING, dying[:, 1], color="black", lw=1)
    dies.set(xlabel="weight ε of a mode", ylabel="KL(p‖q)", title="(c) forward KL")
    labels = ("KL(q‖p)", "NS loss", "KL(q‖p) − 2 JS", "JS")
    slopes_ax.barh(np.arange(4)[::-1], slope, color=[colours[h] for h in ("vermillion", "blue", "orange", "sky")])
    slopes_ax.set_yticks(np.arange(4)[::-1], labels)
    slopes_ax.set(xlabel="slope in mass moved to A", title="(d) a way down")
