"""TS section 14: the gap of the evidence lower bound is a reverse KL.

Latents of a few values, exactly; a Gaussian model with posterior known, by a grid.  Writes elbo.json, elbo.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.theory import divergences as theory

TITLE = "The gap of the evidence lower bound"
CAPTION = (
    "(a) log p(x) − ELBO against KL(q(z|x)‖p(z|x)) for random discrete latents. (b) x = z² + noise, observed x = 4: "
    "ELBO of "
    "N(m, 0.3²) by m and log p(x); the posterior has two modes. (c) That posterior and the best Gaussian: it holds "
    "one explanation."
)
CLAIMS = ("TS-S14-elbo",)
MINUTES = 0.01

CASES = {"smoke": 20, "quick": 200, "paper": 2000}
GRID = np.linspace(-6, 6, 4001)
OBSERVED, NOISE = 4.0, 1.0


def discrete(seed, count):
    """Return log p(x) - ELBO and KL(q || posterior) of random joint laws and guesses, (count, 2)."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(count):
        k = rng.integers(2, 7)
        joint, guess = rng.dirichlet(np.ones(k + 1))[:k], rng.dirichlet(np.ones(k))
        elbo = (guess * (np.log(joint) - np.log(guess))).sum()
        posterior = joint / joint.sum()
        rows.append([np.log(joint.sum()) - elbo, (guess * (np.log(guess) - np.log(posterior))).sum()])
    return np.array(rows)


def square():
    """Return log p(x), the posterior, and the ELBO and KL of N(m, s^2) on a grid of m and s."""
    cell = GRID[1] - GRID[0]
    log_joint = -0.5 * GRID**2 - 0.5 * ((OBSERVED - GRID**2) / NOISE) ** 2 - np.log(2 * np.pi * NOISE)
    evidence = float(np.log(np.exp(log_joint).sum() * cell))
    means, stds = np.linspace(-3.5, 3.5, 141), np.linspace(0.05, 2.5, 50)
    elbo = np.empty((len(means), len(stds)))
    for i, m in enumerate(means):
        log_q = -0.5 * ((GRID - m) / stds[:, None]) ** 2 - np.log(np.sqrt(2 * np.pi) * stds[:, None])
        elbo[i] = (np.exp(log_q) * (log_joint - log_q)).sum(axis=1) * cell
    i, j = np.unravel_index(elbo.argmax(), elbo.shape)
    return (
        evidence,
        np.exp(log_joint - evidence),
        means,
        elbo[:, 5],
        [float(means[i]), float(stds[j]), float(elbo.max())],
    )


def compute(profile, seed, backend, jobs):
    evidence, posterior, means, elbo, best = square()
    return {
        "settings": {"cases": CASES[profile], "observed": OBSERVED},
        "gaps": discrete(seed, CASES[profile]),
        "evidence": evidence,
        "posterior": posterior[::10],
        "means": means,
        "elbo": elbo,
        "best": best,
        "symbolic": str(theory.elbo_gap()),
    }


def check(result):
    gaps = np.asarray(result["gaps"], dtype=float)
    gap = float(np.abs(gaps[:, 0] - gaps[:, 1]).max())
    best = [float(v) for v in result["best"]]
    return [
        Verdict(
            "TS-S14-elbo",
            "holds" if str(result["symbolic"]) == "0" and gap < 1e-12 and best[2] < result["evidence"] else "open",
            [str(result["symbolic"]), gap, *best, float(result["evidence"])],
            ["0", 0.0, None, None, None, "> ELBO"],
            1e-12,
            f"SymPy, a latent of three values; {len(gaps)} random discrete laws; mean, std and ELBO of the best "
            f"Gaussian for a posterior "
            "of two modes near -2 and 2, and log p(x)",
        )
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    gaps, posterior, means, elbo = (np.asarray(result[k], dtype=float) for k in ("gaps", "posterior", "means", "elbo"))
    fig.set_size_inches(12, 3.4)
    same, bound, fit = fig.subplots(1, 3)
    ends = [0, gaps.max()]
    same.plot(ends, ends, color="0.5", lw=1)
    same.plot(gaps[:, 1], gaps[:, 0], ".", color=colours["blue"])
    same.set(xlabel="KL(q‖posterior)", ylabel="log p(x) − ELBO", title="(a) the gap")
    bound.plot(means, elbo, color=colours["vermillion"], label="ELBO")
    bound.axhline(float(result["evidence"]), color="black", lw=1, label="log p(x)")
    bound.set(xlabel="m", title="(b) two explanations", ylim=(-30, 0))
    bound.legend()
    x = GRID[::10]
    mean, std, _ = (float(v) for v in result["best"])
    fit.plot(x, posterior, color=colours["green"], label="posterior")
    fit.plot(
        x,
        np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi)),
        color=colours["vermillion"],
        label="best q",
    )
    fit.set(xlabel="z", ylabel="density", title="(c) one of them", xlim=(-4, 4))
    fit.legend()
