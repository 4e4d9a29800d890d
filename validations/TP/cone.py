"""TP Assumption 5.1, section 5.2, appendix H: the cone discriminator, its slope, and how much a ball holds.

Shows |grad d|/d along the cone, what two overlapping cones say of one point, the mass of a Gaussian within 2, 3 and 4
standard deviations of its mean against the dimension, and the radius that holds 95 and 99 percent.
Theory: 1/(2 sqrt2 h - rho); balls are disjoint from 4 sqrt2 h on; P(n/2, r^2/2).  Writes cone.json, cone.png.
"""

import math

import mpmath
import numpy as np
import sympy as sp
from scipy import stats

import ganth
from ganth import stopping
from ganth.claims import Verdict
from ganth.targets import GaussianMixture
from ganth.theory import stopping as theory

TITLE = "The cone model of the discriminator, and what a ball of two standard deviations holds"
CAPTION = (
    "(a) h |∇d|/d of the cone: closed form (line) and differences in 1 to 100 dimensions (marks). It is half its "
    "reference value √2/2 at the centre and unbounded at the edge. (b) Largest difference of the two values that "
    "Assumption 5.1 gives to one point: 0 only from a separation of 4√2 h on; the printed condition is 2√2 h. "
    "(c) Share of an isotropic Gaussian within 2, 3, 4 standard deviations (σ = h/√2) of its mean: P(n/2, r²/2) "
    "(lines), samples (dots), the stated 95 and 99 percent (dashed). (d) Radius that holds 95 and 99 percent; the "
    "cone ends at 4 σ."
)
CLAIMS = ("TP-Ass5.1", "TP-S5.2-metric", "TP-S5.2-dimension", "TP-Num-95-99", "TP-New-cone-profile")
MINUTES = 0.1

BANDWIDTH = 0.7
EDGE = 2 * math.sqrt(2)  # all lengths over the bandwidth
AWAY = np.array([0.01, 0.2, 0.5, 0.8, 1.1, math.sqrt(2), 1.8, 2.1, 2.4, 2.6, 2.75, 2.8, 2.82])
SLOPE_DIMS = (1, 2, 3, 100)
SEPARATIONS = np.array([EDGE, 3.2, 3.8, 4.4, 5.0, 5.6, 2 * EDGE, 6.2])
OVERLAP_DIMS = (1, 2, 3)
DIMS = np.array([1, 2, 3, 5, 10, 20, 50, 100, 784, 4096, 12288])
RADII = (2.0, 3.0, 4.0)
SAMPLED = DIMS <= 100
COUNTS = {"smoke": 2000, "quick": 20_000, "paper": 200_000}
MODES = 8


def cone(x, mode, h):
    """Return d of Assumption 5.1 as one mode gives it, 0 beyond its ball."""
    away = np.linalg.norm(x - mode, axis=-1)
    return np.where(away < EDGE * h, 0.5 - math.sqrt(2) / (8 * h) * away, 0.0)


def slopes(dim, rng):
    """Return h |grad d|/d by central differences at the distances AWAY, in a random direction each."""
    toward = rng.normal(size=(len(AWAY), dim))
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    x, step = AWAY[:, None] * BANDWIDTH * toward, 1e-7
    shifts = step * np.eye(dim)
    gradient = (cone(x[:, None] + shifts, 0.0, BANDWIDTH) - cone(x[:, None] - shifts, 0.0, BANDWIDTH)) / (2 * step)
    value = cone(x, 0.0, BANDWIDTH)
    one_by_one = [stopping.metric(v[None], g[None], modes=1) for v, g in zip(value, gradient, strict=True)]
    return BANDWIDTH * np.array(one_by_one)


def disagreement(dim, apart, rng, count):
    """Return the largest difference of two cones' values in the points that both balls hold; 0 if there are none."""
    other = np.zeros(dim)
    other[0] = apart * BANDWIDTH
    along = np.zeros((count, dim))
    along[:, 0] = np.linspace(0, apart * BANDWIDTH, count)
    spread = np.concatenate([along, along + 0.3 * BANDWIDTH * rng.normal(size=(count, dim))])
    values = np.array([cone(spread, mode, BANDWIDTH) for mode in (np.zeros(dim), other)])
    both = (values > 0).all(axis=0)
    return float(np.abs(values[0] - values[1])[both].max(initial=0.0))


def sampled_masses(dim, seed, count):
    """Return the share of samples within each of RADII, and h q of the cone where p_g is that Gaussian."""
    x = GaussianMixture(np.zeros((1, dim)), BANDWIDTH**2 / 2).sample(count, seed)
    away = np.linalg.norm(x, axis=1) / BANDWIDTH
    shares = [(away * math.sqrt(2) <= radius).mean() for radius in RADII]
    with np.errstate(divide="ignore"):
        steep = np.where(away < EDGE, 1 / np.abs(EDGE - away), np.inf)
    return [*shares, float(np.quantile(steep, 1 - 1 / MODES, method="higher"))]


def compute(profile, seed, backend, jobs):
    count, rng = COUNTS[profile], np.random.default_rng(seed)
    exact = [[float(theory.ball_mass_number(int(dim), radius)) for radius in RADII] for dim in DIMS]
    return {
        "settings": {
            "bandwidth": BANDWIDTH, "samples": count, "modes": MODES, "away": AWAY.tolist(), "dims": DIMS.tolist(),
            "slope_dims": list(SLOPE_DIMS), "separations": SEPARATIONS.tolist(), "radii": list(RADII),
        },
        "symbolic_slopes": [str(theory.cone_slope(dim)) for dim in (1, 2, 3)],
        "symbolic_at": [str(theory.cone_slope_at(sp.Integer(k))) for k in (0, 2, 3)],
        "symbolic_edge": str(theory.cone_edge()),
        "symbolic_separation": [str(theory.least_separation()), str(theory.disagreement())],
        "symbolic_mass_gaps": [str(theory.ball_mass_gap(dim)) for dim in (1, 2, 3)],
        "slopes": np.array([slopes(dim, rng) for dim in SLOPE_DIMS]),
        "overlap": np.array([[disagreement(dim, s, rng, count) for s in SEPARATIONS] for dim in OVERLAP_DIMS]),
        "masses": np.array(exact),
        "oracle": np.array([[stats.chi.cdf(radius, dim) for radius in RADII] for dim in DIMS]),
        "sampled": np.array([sampled_masses(int(dim), seed, count) for dim in DIMS[SAMPLED]]),
        "holding": np.array([[float(theory.ball_radius(int(dim), share)) for share in (0.95, 0.99)] for dim in DIMS]),
        "log10_mass": [float(mpmath.log10(theory.ball_mass_number(int(dim), 4.0))) for dim in DIMS[-2:]],
    }  # fmt: skip


def check(result):
    words = {k: np.asarray(v).tolist() for k, v in result.items() if np.asarray(v).dtype.kind in "UO"}
    found = np.asarray(result["slopes"], dtype=float)
    profile_gap = float(np.abs(found * (EDGE - AWAY) - 1).max())
    reference = found[:, list(AWAY).index(math.sqrt(2))]
    overlap = np.asarray(result["overlap"], dtype=float)
    closed = np.maximum(1 - math.sqrt(2) / 8 * SEPARATIONS, 0.0)
    overlap_gap = float(np.abs(overlap - closed).max())
    disjoint = float(overlap[:, SEPARATIONS >= 2 * EDGE].max())
    masses, oracle = (np.asarray(result[name], dtype=float) for name in ("masses", "oracle"))
    sampled = np.asarray(result["sampled"], dtype=float)
    count = result["settings"]["samples"]
    error = 4 * np.sqrt(masses[SAMPLED] * (1 - masses[SAMPLED]) / count) + 2 / count
    sampled_right = bool((np.abs(sampled[:, :3] - masses[SAMPLED]) <= error).all())
    mass_gap = float(np.abs(masses - oracle).max())
    right_masses = sampled_right and mass_gap < 1e-12 and words["symbolic_mass_gaps"] == ["0"] * 3
    closed_slope = "1/(2*sqrt(2)*h - rho)"
    same_slope = words["symbolic_slopes"] == [closed_slope] * 3
    at_100 = int(np.flatnonzero(DIMS == 100)[0])
    steepness = {int(dim): value for dim, value in zip(DIMS[SAMPLED], sampled[:, 3], strict=True)}
    holding = np.asarray(result["holding"], dtype=float)
    return [
        Verdict(
            "TP-Ass5.1",
            "corrected"
            if words["symbolic_separation"][0] == "4*sqrt(2)*h" and overlap_gap < 2e-3 and disjoint == 0.0
            else "open",
            [float(overlap[:, 0].max()), disjoint, overlap_gap, *words["symbolic_separation"]],
            [0.0, 0.0, 0.0, "2*sqrt(2)*h", None],
            [0.0, 0.0, 2e-3, None, None],
            "largest difference of the two values of d at one point, for modes 2 sqrt2 h apart and for 4 sqrt2 h and "
            "more, n = 1, 2, 3; largest gap to 1 - sqrt2 S/(8 h); least separation without one, in SymPy",
        ),
        Verdict(
            "TP-S5.2-metric",
            "holds" if same_slope and np.abs(reference * math.sqrt(2) - 1).max() < 1e-5 else "open",
            [words["symbolic_at"][1], *reference.tolist()],
            ["sqrt(2)/(2*h)", *[math.sqrt(0.5)] * len(reference)],
            1e-5,
            f"SymPy; h |grad d|/d by differences at sqrt2 h from the mode, n = {', '.join(map(str, SLOPE_DIMS))}",
        ),
        Verdict(
            "TP-S5.2-dimension",
            "false" if right_masses and masses[at_100, 2] < 1e-3 and not math.isfinite(steepness[100]) else "open",
            [*masses[at_100].tolist(), *result["log10_mass"], steepness[1], steepness[3], str(steepness[100])],
            [0.95, 0.99, 1.0, 0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5), str(math.sqrt(0.5))],
            [None] * 8,
            "mass of a mode within sqrt2 h, 3 sigma and the cone's edge 2 sqrt2 h = 4 sigma for n = 100; log10 of the "
            "last for n = 4096 and 12288; h q, q the 7/8 quantile of |grad d|/d over p_g = p_data, for n = 1, 3, 100. "
            "The number is the same in all dimensions, but from n = 20 or so on most samples lie where d = 0 and the "
            "slope over d is 0/0 (inf)",
        ),
        Verdict(
            "TP-Num-95-99",
            "false" if right_masses and masses[2, 0] < 0.75 and masses[4, 1] < 0.5 else "open",
            [masses[:5, 0].tolist(), masses[:5, 1].tolist(), mass_gap, holding[2].tolist(), holding[-2].tolist()],
            [[0.95] * 5, [0.99] * 5, 0.0, [2.0, 3.0], [2.0, 3.0]],
            [0.005, 0.005, 1e-12, None, None],
            f"mass within 2 and within 3 standard deviations for n = {', '.join(map(str, DIMS[:5]))} (mpmath; largest "
            f"gap to scipy.stats.chi; {count} samples within 4 standard errors); radius of 95 and of 99 percent for "
            "n = 3 and 4096. True for n = 1 only, 99 also for n = 2",
        ),
        Verdict(
            "TP-New-cone-profile",
            "holds"
            if same_slope
            and profile_gap < 1e-3
            and words["symbolic_at"] == ["sqrt(2)/(4*h)", "sqrt(2)/(2*h)", "sqrt(2)/h"]
            and words["symbolic_edge"] == "oo"
            and disjoint == 0.0
            else "open",
            [
                words["symbolic_slopes"][2], *words["symbolic_at"], words["symbolic_edge"], profile_gap,
                float(found[0, 0]), float(found[0, -1]),
            ],
            [closed_slope, "sqrt(2)/(4*h)", "sqrt(2)/(2*h)", "sqrt(2)/h", "oo", 0.0, None, None],
            [None, None, None, None, None, 1e-3, None, None],
            "SymPy in three dimensions, at 0, 2 and 3 standard deviations, and the limit at the edge; largest relative "
            "gap of differences to it; h |grad d|/d measured at 0.01 h and at 2.82 h",
        ),
    ]  # fmt: skip


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(11, 7.6)
    (slope, overlap), (mass, holding) = fig.subplots(2, 2)
    away = EDGE - np.geomspace(EDGE, 0.007, 400)
    slope.semilogy(away, 1 / (EDGE - away), color="black", lw=1, label="1/(2√2 − ρ/h)")
    for dim, row, mark, hue in zip(SLOPE_DIMS, np.asarray(result["slopes"]), "os^x", ("blue", "orange", "green",
                                   "vermillion"), strict=True):  # fmt: skip
        slope.semilogy(AWAY, row, mark, ms=5, mfc="none", color=colours[hue], label=f"n = {dim}")
    slope.axhline(math.sqrt(0.5), color=colours["purple"], ls="--", lw=1)
    slope.text(0.05, 0.75, "√2/2", color=colours["purple"])
    slope.axvline(EDGE, color="black", ls=":", lw=1)
    slope.set(xlabel="distance from the mode ρ / h", ylabel="h |∇d| / d", title="(a) slope along the cone")
    slope.legend(loc="upper left", bbox_to_anchor=(0.0, 0.97))
    grid = np.linspace(EDGE, 6.3, 200)
    overlap.plot(grid, np.maximum(1 - math.sqrt(2) / 8 * grid, 0), color="black", lw=1, label="1 − √2 S/(8h)")
    for dim, row, mark, hue in zip(OVERLAP_DIMS, np.asarray(result["overlap"]), "os^", ("blue", "orange", "green"),
                                   strict=True):  # fmt: skip
        overlap.plot(SEPARATIONS, row, mark, ms=12 - 3 * dim, mfc="none", color=colours[hue], label=f"n = {dim}")
    for at, label in ((EDGE, "2√2 (printed)"), (2 * EDGE, "4√2")):
        overlap.axvline(at, color=colours["purple"], ls="--", lw=1)
        overlap.text(at + 0.05, 0.03, label, color=colours["purple"])
    overlap.set(xlabel="separation S / h", ylabel="largest difference of d", title="(b) one point, two values")
    overlap.legend(loc="upper right", bbox_to_anchor=(0.78, 1.0))
    fine = np.unique(np.round(np.geomspace(1, 12288, 120)).astype(int))
    sampled = np.asarray(result["sampled"], dtype=float)
    for column, (radius, hue) in enumerate(zip(RADII, ("blue", "orange", "green"), strict=True)):
        mass.semilogx(fine, stats.chi.cdf(radius, fine), color=colours[hue], label=f"{radius:g} σ")
        mass.semilogx(DIMS[SAMPLED], sampled[:, column], "o", ms=4, color=colours[hue])
        if radius < 4:
            mass.axhline((0.95, 0.99)[column], color=colours[hue], ls="--", lw=1)
    mass.set(
        xlabel="dimension n", ylabel="share of a mode", title="(c) within r standard deviations", ylim=(-0.02, 1.03)
    )
    mass.legend(loc="center right")
    for column, (share, hue) in enumerate(((95, "blue"), (99, "orange"))):
        holding.loglog(DIMS, np.asarray(result["holding"])[:, column], "o-", ms=4, color=colours[hue],
                       label=f"{share} percent")  # fmt: skip
    holding.loglog(fine, np.sqrt(fine), color="black", lw=1, ls=":", label="√n")
    holding.axhline(4, color=colours["purple"], ls="--", lw=1, label="edge of the cone")
    holding.set(xlabel="dimension n", ylabel="radius / σ", title="(d) radius that holds most samples")
    holding.legend()
