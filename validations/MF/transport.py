"""MF "Wasserstein" slides and data slide: couplings, Kantorovich's dual, d_1 between laws that miss each other, sizes.

Shows primal against dual of random point sets, three couplings of two laws, and d_1 beside JS and KL as two laws move
apart.  Routes: SciPy's linear programs and closed forms.  Writes transport.json, transport.png.
"""

import numpy as np
from scipy import stats
from scipy.optimize import linprog

import ganth
from ganth.claims import Verdict

TITLE = "The distance d₁: couplings and dual"
CAPTION = (
    "(a) E|X − Y| of N(0, 1) and N(t, 1) under three couplings: only the least one is d₁ = t; the independent one is "
    "2/√π for equal laws. (b) Infimum over couplings against supremum over 1-Lipschitz functions, two linear programs, "
    "for random weighted point sets in the plane. (c) Two parallel segments, t apart: d₁ = |t| has a slope at every t "
    "but 0, JS jumps from 0 to log 2 and KL to ∞."
)
CLAIMS = ("MF-d1-coupling", "MF-d1-duality", "MF-d1-nondegenerate", "MF-data-facts")
MINUTES = 0.05

PROBLEMS = {"smoke": 4, "quick": 30, "paper": 300}
# Of the data slide, and of the data set's authors: CelebA 202,599 pictures, CelebA-HQ 30,000 (Karras et al. 2018).
PRINTED_K, PRINTED_PICTURES, CELEBA, CELEBA_HQ, LATENT = 3_145_728, 200_000, 202_599, 30_000, 512


def infimum(x, y, p, q):
    """Return the infimum of the mean distance over couplings, by linear programming."""
    n, m = len(x), len(y)
    cost = np.linalg.norm(x[:, None] - y[None], axis=2)
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    return linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.r_[p, q], method="highs").fun


def supremum(x, y, p, q):
    """Return the supremum of E_p f - E_q f over 1-Lipschitz functions f, by linear programming."""
    count = len(x) + len(y)
    points, weights = np.vstack([x, y]), np.r_[p, -q]
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    i, j = np.nonzero(~np.eye(count, dtype=bool))
    steep = np.zeros((len(i), count))
    steep[np.arange(len(i)), i], steep[np.arange(len(i)), j] = 1, -1
    return -linprog(-weights, A_ub=steep, b_ub=gaps[i, j], bounds=[(-100, 100)] * count, method="highs").fun


def compute(profile, seed, backend, jobs):
    pairs = []
    for k in range(PROBLEMS[profile]):
        draws = ganth.streams.normal(seed, (16, 3), purpose=1, trial=k)
        x, y = draws[:7, :2], draws[7:, :2] + 0.5
        p, q = np.exp(draws[:7, 2]), np.exp(draws[7:, 2])
        laws = x, y, p / p.sum(), q / q.sum()
        pairs.append([infimum(*laws), supremum(*laws)])
    shifts = np.linspace(0, 2, 9)
    level = (np.arange(2000) + 0.5) / 2000
    normal = stats.norm.ppf(level)
    spread = np.sqrt(2.0)  # of the difference of two independent ones
    free = spread * np.sqrt(2 / np.pi) * np.exp(-(shifts**2) / 4) + shifts * (1 - 2 * stats.norm.cdf(-shifts / spread))
    couplings = [[t, np.abs(normal[::-1] - normal - t).mean(), np.abs(normal - (normal + t)).mean()] for t in shifts]
    apart = np.linspace(-1, 1, 21)
    heights = np.linspace(0, 1, 12)
    segments = []
    for t in apart:
        x, y = np.column_stack([np.zeros(12), heights]), np.column_stack([np.full(12, t), heights])
        segments.append(infimum(x, y, np.full(12, 1 / 12), np.full(12, 1 / 12)))
    return {
        "settings": {"problems": PROBLEMS[profile]},
        "programs": np.array(pairs),
        "couplings": np.column_stack([np.array(couplings), free]),
        "exact": np.array([stats.wasserstein_distance(normal, normal + t) for t in shifts]),
        "apart": apart,
        "segments": np.array(segments),
        "pixels": 1024 * 1024 * 3,
    }


def check(result):
    primal, dual = np.asarray(result["programs"]).T
    gap = float(np.abs(primal - dual).max())
    _, _, least, free = np.asarray(result["couplings"]).T
    best = float(np.abs(least - np.asarray(result["exact"])).max())
    apart, segments = np.asarray(result["apart"]), np.asarray(result["segments"])
    off = float(np.abs(segments - np.abs(apart)).max())
    return [
        Verdict(
            "MF-d1-coupling", "false" if free[0] > 1 and result["exact"][0] < 1e-12 and best < 1e-12 else "open",
            [float(free[0]), float(result["exact"][0]), best], ["0 if any coupling did", 0.0, 0.0],
            [None, 1e-12, 1e-12],
            "E|X - Y| of two equal normal laws, independent: 2/sqrt(pi); their d_1 by SciPy; gap of the monotone "
            "coupling to d_1 for nine shifts.  It takes the infimum over couplings",
        ),
        Verdict(
            "MF-d1-duality", "holds" if gap < 1e-9 else "open", gap, 0.0, 1e-9,
            "infimum over couplings less supremum over 1-Lipschitz functions, weighted point sets in the plane",
        ),
        Verdict(
            "MF-d1-nondegenerate", "holds" if off < 1e-9 else "open", [off, float(np.log(2))], [0.0, None],
            [1e-9, None],
            "d_1 of two parallel segments against their distance |t|, which has a slope at every t but 0; the "
            "Jensen-Shannon divergence is log 2 for every t but 0",
        ),
        Verdict(
            "MF-data-facts",
            "corrected" if result["pixels"] == PRINTED_K and CELEBA_HQ < PRINTED_PICTURES <= CELEBA else "open",
            [int(result["pixels"]), CELEBA_HQ, LATENT], [PRINTED_K, PRINTED_PICTURES, "dim supp P*"], [0, 0, None],
            "1024 x 1024 x 3; pictures of CelebA-HQ, by its authors (CelebA has 202,599); the generator's latent "
            "dimension, which bounds the dimension of the generated support and says nothing of the data's; size and "
            "GPU time are not checked here",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(11, 3.9)
    coupling, duality, segment = fig.subplots(1, 3)
    shifts, worst, least, free = np.asarray(result["couplings"]).T
    for row, name, hue in (
        (worst, "opposed", "vermillion"),
        (free, "independent", "orange"),
        (least, "monotone", "blue"),
    ):
        coupling.plot(shifts, row, "o-", ms=4, color=palette[hue], label=name)
    coupling.set(xlabel="shift t", ylabel="E|X − Y|", title="(a) couplings", ylim=(0, None))
    coupling.legend()
    primal, dual = np.asarray(result["programs"]).T
    duality.plot([0, primal.max()], [0, primal.max()], color="black", lw=0.8)
    duality.plot(primal, dual, "o", color=palette["blue"], mfc="none")
    duality.set(xlabel="infimum over couplings", ylabel="supremum over functions", title="(b) duality")
    segment.plot(result["apart"], result["segments"], "o-", ms=4, color=palette["blue"], label="d₁")
    away = np.asarray(result["apart"])
    segment.plot(away, np.where(np.abs(away) < 1e-12, 0, np.log(2)), "s", ms=4, color=palette["orange"], label="JS")
    segment.set(xlabel="t", ylabel="distance", title="(c) parallel segments")
    segment.legend()
