"""MF "Toy Example", graphs: generator, critic and distance; the missing factor 2, the gradient that is 0, two atoms.

Theory: Psi = omega (1/2 - Phi), so that its maximum over [-1, 1] is |Phi - 1/2|, half of d_1.  Routes: SciPy's
Wasserstein distance, finite differences of drawn samples, a family of continuous generators.  Writes graphs.json,
graphs.png.
"""

import numpy as np
from scipy import integrate, stats

import ganth
from ganth.claims import Verdict

TITLE = "The toy WGAN: graphs, and what d₁ is"
CAPTION = (
    "(a) The step generator at three θ and the critic max(ωx, 0) at two ω. (b) d₁(g_θ#N, P*) = 2|Φ(θ) − 1/2| (dots: "
    "SciPy), and the printed maximum over ω ∈ [−1, 1], half of it. (c) Share of 10⁶ latents whose generated point "
    "moves when θ moves by h: 0 in the limit, while dΨ/dθ stays −ωφ(θ). (d) Continuous generators tanh(sz): mass "
    "between the atoms, and d₁ to them, fall like 1/s and never vanish."
)
CLAIMS = ("MF-toy-graphs", "MF-toy-d1", "MF-New-zero-gradient", "MF-New-two-atoms")
MINUTES = 0.05

LATENTS = {"smoke": 100_000, "quick": 1_000_000, "paper": 10_000_000}
THETA, OMEGA = 0.4, 0.8


def compute(profile, seed, backend, jobs):
    thetas = np.linspace(-3, 3, 61)
    share = stats.norm.cdf(thetas)
    slopes = np.linspace(-1, 1, 401)
    hinge = {x: np.maximum(slopes * x, 0) for x in (-1.0, 1.0)}
    best = [(p * hinge[-1.0] + (1 - p) * hinge[1.0] - (hinge[-1.0] + hinge[1.0]) / 2).max() for p in share]
    true = [stats.wasserstein_distance([-1, 1], [-1, 1], [p, 1 - p], [0.5, 0.5]) for p in share]
    z = ganth.streams.normal(seed, LATENTS[profile])
    steps = 10.0 ** -np.arange(1, 13)

    def critic(theta):
        return np.maximum(OMEGA * np.where(z < theta, -1.0, 1.0), 0)

    moved = [float((critic(THETA + h) != critic(THETA)).mean()) for h in steps]
    quotient = (np.diff(OMEGA * (0.5 - stats.norm.cdf([THETA - 1e-5, THETA + 1e-5]))) / 2e-5)[0]
    steepness = np.geomspace(1, 1000, 13)
    between = 2 * stats.norm.cdf(np.arctanh(0.5) / steepness) - 1
    distance = [2 * integrate.quad(lambda t, s=s: (1 - np.tanh(t)) * stats.norm.pdf(t / s) / s, 0, 40)[0]
                for s in steepness]  # fmt: skip
    return {
        "settings": {"theta": THETA, "omega": OMEGA, "latents": LATENTS[profile]},
        "thetas": thetas,
        "best": np.array(best),
        "distance": np.array(true),
        "ours": ganth.ToyWGAN().distance(thetas),
        "steps": steps,
        "moved": np.array(moved),
        "quotient": float(quotient),
        "density": float(stats.norm.pdf(THETA)),
        "steepness": steepness,
        "between": between,
        "atoms_distance": np.array(distance),
    }


def check(result):
    thetas, best, true = (np.asarray(result[name]) for name in ("thetas", "best", "distance"))
    ours = float(np.abs(np.asarray(result["ours"]) - true).max())
    off = np.abs(thetas) > 0.05
    ratio = true[off] / best[off]
    moved = np.asarray(result["moved"])
    gap = abs(result["quotient"] + OMEGA * result["density"])
    between, distance, s = (np.asarray(result[name]) for name in ("between", "atoms_distance", "steepness"))
    power = float(np.polyfit(np.log(s[s > 5]), np.log(distance[s > 5]), 1)[0])
    even = float(np.abs(true - true[::-1]).max())
    return [
        Verdict(
            "MF-toy-graphs",
            "reproduced" if ours < 1e-12 and even < 1e-12 and true.argmin() == len(true) // 2 else "not-reproduced",
            [float(true.min()), float(true[-1]), even, ours], [0.0, "-> 1", 0.0, 0.0], [1e-12, None, 1e-12, 1e-12],
            "d_1 at theta = 0 and 3, its asymmetry, and our formula against SciPy; the source's pictures carry no "
            "values: ours are drawn from its formulas",
        ),
        Verdict(
            "MF-toy-d1", "false" if np.abs(ratio - 2).max() < 1e-9 else "open",
            [float(ratio.min()), float(ratio.max())], [1.0, 1.0], [1e-9, 1e-9],
            "SciPy's d_1 over the maximum of the printed right-hand side over 401 omega, least and largest over theta: "
            "the hinges are half of the 1-Lipschitz critics x and -x",
        ),
        Verdict(
            "MF-New-zero-gradient", "holds" if moved[-1] == 0 and gap < 1e-9 else "open",
            [moved[0], float(moved[-1]), result["quotient"]], [None, 0.0, -OMEGA * result["density"]],
            [None, 0.0, 1e-9],
            "share of latents whose f(g(z)) changes when theta moves by 0.1 and by 1e-12; slope of the expected Psi",
        ),
        Verdict(
            "MF-New-two-atoms",
            "holds" if between.min() > 0 and distance.min() > 0 and abs(power + 1) < 0.05 else "open",
            [float(between.min()), float(distance.min()), power], ["> 0", "> 0", -1.0], [0.0, 0.0, 0.05],
            "tanh(s z), s up to 1000: least mass of |g| < 1/2, least d_1 to the atoms, its power of s.  In general: "
            "the image of a connected space is connected, so that near both atoms means values between, on an open "
            "set, which has mass",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(10, 7.5)
    (players, distance), (moved, atoms) = fig.subplots(2, 2)
    for theta, hue, shift in ((-1, "blue", 0.03), (0, "orange", 0.0), (1, "vermillion", -0.03)):
        players.plot(
            [-3, theta, theta, 3], np.array([-1, -1, 1, 1]) + shift, color=palette[hue], label=f"g, θ = {theta}"
        )
    x = np.linspace(-3, 3, 61)
    for omega, style in ((0.6, "--"), (-0.6, ":")):
        players.plot(x, np.maximum(omega * x, 0), style, color="black", label=f"f, ω = {omega}")
    players.set(xlabel="z, or x", ylabel="g(z), or f(x)", title="(a) players", ylim=(-1.3, 2.9))
    players.legend(ncols=2, loc="upper left")
    distance.plot(result["thetas"], result["ours"], color=palette["blue"], label="2|Φ − 1/2|")
    distance.plot(result["thetas"][::4], result["distance"][::4], "o", color="black", ms=4, label="SciPy")
    distance.plot(result["thetas"], result["best"], "--", color=palette["vermillion"], label="printed maximum")
    distance.set(xlabel="θ", ylabel="distance", title="(b) d₁", ylim=(0, 1.25))
    distance.legend(ncols=3, loc="upper center")
    steps, share = np.asarray(result["steps"]), np.asarray(result["moved"])
    seen = share > 0
    moved.plot(steps[seen], share[seen], "o", color=palette["blue"], label="points that move")
    moved.plot(steps, result["density"] * steps, color="black", lw=0.8, label="φ(θ) h")
    moved.set(xscale="log", yscale="log", xlabel="h", ylabel="share", title="(c) sampled gradient")
    moved.legend()
    atoms.plot(result["steepness"], result["between"], "o-", color=palette["orange"], label="mass in |g| < 1/2")
    atoms.plot(result["steepness"], result["atoms_distance"], "s-", color=palette["blue"], label="d₁ to the atoms")
    atoms.set(xscale="log", yscale="log", xlabel="s", title="(d) continuous generators", ylabel="mass, or distance")
    atoms.legend()
