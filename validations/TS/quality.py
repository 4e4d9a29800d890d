"""TS section 10 and A.4: the Inception Score and the Frechet distance, and what they do not see.

Scores of generators that keep k of ten classes; the Frechet distance of a one-Gaussian fit to two modes, and against
POT.  Writes quality.json, quality.png.
"""

import numpy as np
import ot

import ganth
from ganth import divergences as div
from ganth import metrics, streams
from ganth.claims import Verdict
from ganth.targets import GaussianMixture
from ganth.theory import divergences as theory

TITLE = "Inception Score and Fréchet distance do not count modes"
CAPTION = (
    "(a) Inception Score of a generator that makes k of ten classes, evenly and surely, by k: it cannot say which, nor "
    "whether the data have more. (b) The Gaussian of the forward-KL fit beside two modes, r = 3: moments agree, the "
    "Fréchet "
    "distance is 0. (c) Fréchet distance of the fit from samples, over the variance, and JS, by r: what the former "
    "has is "
    "noise of sampling. (d) ganth's Fréchet distance against POT's Bures distance squared, covariances of full and of "
    "deficient rank."
)
CLAIMS = ("TS-S10-is", "TS-S10-fid", "TS-A4-fid")
MINUTES = 0.02

SEPARATIONS = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 6.0])
SAMPLES = {"smoke": 300, "quick": 2000, "paper": 10_000}
PAIRS = {"smoke": 6, "quick": 40, "paper": 200}


def frechet_pairs(seed, count):
    """Return ganth's and POT's squared distance for random Gaussians, and for rank-deficient ones a closed form."""
    rng, rows = np.random.default_rng(seed), []
    for k in range(count):
        dim = int(rng.integers(1, 7))
        means = rng.normal(size=(2, dim))
        if k % 2:  # both live on one axis: W2 of two Gaussians on a line, plus the distance of the means
            axis, widths = np.linalg.qr(rng.normal(size=(dim, dim)))[0][:, :1], rng.uniform(0.2, 2, size=2)
            covariances = [w * w * axis @ axis.T for w in widths]
            wanted = ((means[0] - means[1]) ** 2).sum() + (widths[0] - widths[1]) ** 2
        else:
            covariances = [m @ m.T + 0.1 * np.eye(dim) for m in rng.normal(size=(2, dim, dim))]
            wanted = ot.gaussian.bures_wasserstein_distance(means[0], means[1], *covariances) ** 2
        rows.append([metrics.frechet_distance(means[0], covariances[0], means[1], covariances[1]), wanted, k % 2])
    return np.array(rows, dtype=float)


def moments(law):
    """Return mean and covariance of a mixture on the line."""
    mean = law.weights @ law.means
    return mean, [[law.weights @ (law.means[:, 0] ** 2 + law.variances) - mean[0] ** 2]]


def compute(profile, seed, backend, jobs):
    scores = []
    for k in range(1, 11):
        scores.append([metrics.inception_score(np.eye(10)[np.tile(np.arange(k) + shift, 20) % 10]) for shift in (0, 3)])
    rows = []
    for i, r in enumerate(SEPARATIONS):
        p, q = GaussianMixture([[-r], [r]], 1.0), GaussianMixture([[0.0]], 1 + r * r)
        x = p.sample(SAMPLES[profile], seed, step=2 * i)
        y = np.sqrt(1 + r * r) * streams.normal(seed, (SAMPLES[profile], 1), step=2 * i + 1)
        exact = metrics.frechet_distance(*moments(p), *moments(q))
        sampled = metrics.frechet_distance(x.mean(0), np.cov(x.T).reshape(1, 1), y.mean(0), np.cov(y.T).reshape(1, 1))
        rows.append([exact, sampled / (1 + r * r), div.js(p, q), metrics.kid(x / r, y / r)])
    return {
        "settings": {"samples": SAMPLES[profile], "pairs": PAIRS[profile]},
        "scores": np.array(scores),
        "fit": np.array(rows),
        "frechet": frechet_pairs(seed, PAIRS[profile]),
        "symbolic": str(theory.bures_gap()),
    }


def check(result):
    scores, fit, frechet = (np.asarray(result[k], dtype=float) for k in ("scores", "fit", "frechet"))
    gap = float((np.abs(frechet[:, 0] - frechet[:, 1]) / (1 + frechet[:, 1])).max())
    return [
        Verdict(
            "TS-S10-is",
            "holds" if np.abs(scores - np.arange(1, 11)[:, None]).max() < 1e-9 else "open",
            [scores[6].tolist(), float(scores[9, 0])],
            [[7.0, 7.0], 10.0],
            1e-9,
            "score of seven of ten classes, once these and once others, of at most 10: it is high for a part, is the "
            "same for "
            "any part, and never looks at the data",
        ),
        Verdict(
            "TS-S10-fid",
            "holds" if np.abs(fit[:, 0]).max() < 1e-12 and fit[-1, 2] > 0.2 else "open",
            [float(np.abs(fit[:, 0]).max()), fit[-1, 1:].tolist()],
            [0.0, [0.0, "> 0", None]],
            [1e-12, None],
            "largest Frechet distance of two modes and the one Gaussian that fits their moments; at r = 6 the same "
            "from samples "
            "(over the variance), and JS: two modes or none between them, it does not tell",
        ),
        Verdict(
            "TS-A4-fid",
            "holds" if str(result["symbolic"]) == "0" and gap < 1e-9 else "open",
            [str(result["symbolic"]), gap],
            ["0", 0.0],
            1e-9,
            f"SymPy on the line: E (T_1 - T_2)^2; ganth against POT's Bures distance squared and, for covariances of "
            f"rank 1, against W2 "
            f"on their common axis, {len(frechet)} random pairs, relative to 1 + value",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    scores, fit, frechet = (np.asarray(result[k], dtype=float) for k in ("scores", "fit", "frechet"))
    fig.set_size_inches(12, 3.4)
    score, shape, distance, oracle = fig.subplots(1, 4)
    score.plot(np.arange(1, 11), scores[:, 0], "o", color=colours["blue"], label="classes 0 … k − 1")
    score.plot(np.arange(1, 11), scores[:, 1], "x", color=colours["vermillion"], label="others")
    score.set(xlabel="classes kept k", ylabel="Inception Score", title="(a) any k classes")
    score.legend()
    x = np.linspace(-10, 10, 400)
    for law, hue, label in (
        (GaussianMixture([[-3.0], [3.0]], 1.0), "green", "two modes"),
        (GaussianMixture([[0.0]], 10.0), "vermillion", "fit"),
    ):
        shape.plot(x, np.exp(law.log_density(x[:, None])), color=colours[hue], label=label)
    shape.set(xlabel="x/σ", ylabel="density", title="(b) Fréchet distance 0", ylim=(0, 0.27))
    shape.legend()
    distance.semilogy(
        SEPARATIONS, np.maximum(fit[:, 1], 1e-6), "o-", ms=4, color=colours["blue"], label="Fréchet/var, samples"
    )
    distance.semilogy(SEPARATIONS, fit[:, 2], "s-", ms=4, color=colours["green"], label="JS")
    distance.set(xlabel="r = μ/σ", title="(c) what sees two modes")
    distance.legend(fontsize=8)
    ends = [1e-2, frechet[:, 1].max()]
    oracle.loglog(ends, ends, color="0.5", lw=1)
    full = frechet[:, 2] == 0
    oracle.plot(frechet[full, 1], frechet[full, 0], "o", ms=4, color=colours["blue"], label="full rank")
    oracle.plot(frechet[~full, 1], frechet[~full, 0], "x", ms=4, color=colours["vermillion"], label="rank 1")
    oracle.set(xlabel="oracle", ylabel="ganth", title="(d) Fréchet distance")
    oracle.legend()
