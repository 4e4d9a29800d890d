"""TP section 3.2: what keeps particles from an unoccupied mode when modes are far apart.

Shows the length of the optimal discriminator's field in the void between the modes, for modes at +-3 and at +-1, where
the field across the axis between two modes changes its sign, and where particles drawn from p_g end up if the field is
held.  Theory: on the line of two modes d log r/dx = (m tanh(m x/v) - x)/v + (x - a)/w.
Writes watershed.json, watershed.png.
"""

import itertools

import numpy as np
from scipy import optimize, stats

import ganth
from ganth.claims import Verdict
from ganth.targets import GaussianMixture
from ganth.theory import stopping as theory

TITLE = "Far modes: a watershed, not a weak field"
CAPTION = (
    "(a) Mean length of the field in the void, where p_data < p_g and no mode is within 3 standard deviations, against "
    "the distance to the nearest mode over half the distance of modes: modes at ±3 with p_g = N((3, 3), 3 I), modes at "
    "±1 with p_g = N((1, 1), I). (b) Field across x₁ = 0 at several x₂, far modes: it changes sign there, and on both "
    "sides drives away from the line. (c) Where particles drawn from p_g end in the held field of the far modes; "
    "colour: mode of their quadrant. (d) Share of p_g in each quadrant (bars) and share that ends at its mode (dots)."
)
CLAIMS = ("TP-New-watershed",)
MINUTES = 0.1

SIGNS = np.array(list(itertools.product((1.0, -1.0), repeat=2)))
VARIANCE = 0.1
MODELS = {
    "far": (3.0, GaussianMixture(3 * SIGNS, VARIANCE), GaussianMixture([[3.0, 3.0]], 3.0)),
    "clustered": (1.0, GaussianMixture(SIGNS, VARIANCE), GaussianMixture([[1.0, 1.0]], 1.0)),
}
BINS = np.linspace(0.0, 1.45, 30)
HEIGHTS = np.array([3.0, 1.5, 0.0, -1.5, -3.0])
COUNTS = {"smoke": (61, 400), "quick": (201, 1200), "paper": (601, 20_000)}
DT, STEPS = 0.02, 600


def void(name, count, *, backend):
    """Return distance to the nearest mode over half the modes' distance, and field length, in the void of a model."""
    half, target, generated = MODELS[name]
    axis = np.linspace(-half, half, count)
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    away = np.linalg.norm(x[:, None] - target.means, axis=2).min(axis=1)
    _, field, log_r = ganth.fields.optimal(x, target, generated, backend=backend)
    kept = (away > 3 * VARIANCE**0.5) & (log_r < 0)
    return np.column_stack([away / half, np.linalg.norm(field, axis=1)])[kept]


def crossing(name, height):
    """Return where the field's first component changes sign between two modes, at x2 = height."""
    half, target, generated = MODELS[name]

    def across(at):
        return float(ganth.fields.optimal([[at, height]], target, generated)[1][0, 0])

    return optimize.brentq(across, -half / 3, half / 3, xtol=1e-13)


def travel(name, seed, count, *, backend):
    """Return starts and ends of particles drawn from p_g, which the field moves; steps are at most 0.1 long."""
    _, target, generated = MODELS[name]
    start = generated.sample(count, seed)
    x = start.copy()
    for _ in range(STEPS):
        field = ganth.fields.optimal(x, target, generated, backend=backend)[1]
        x += field * np.minimum(DT, 0.1 / np.maximum(np.linalg.norm(field, axis=1), 1e-300))[:, None]
    return start, x


def compute(profile, seed, backend, jobs):
    count, particles = COUNTS[profile]
    near = np.linspace(-0.3, 0.3, 121)
    result = {
        "settings": {"grid": count, "particles": particles, "step": DT, "steps": STEPS, "heights": HEIGHTS.tolist()},
        "symbolic_watershed": [float(theory.watershed(3, 0.1, 3, 3)), float(theory.watershed(1, 0.1, 1, 1))],
        "crossings": np.array([crossing("far", height) for height in HEIGHTS]),
        "crossing_clustered": crossing("clustered", 1.0),
        "across": np.array(
            [
                ganth.fields.optimal(
                    np.column_stack([near, np.full(len(near), height)]), *MODELS["far"][1:], backend=backend
                )[1][:, 0]
                for height in HEIGHTS
            ]
        ),
    }
    for name in MODELS:
        rows = void(name, count, backend=backend)
        at = np.digitize(rows[:, 0], BINS)
        result[f"void_{name}"] = np.array(
            [rows[at == b, 1].mean() if (at == b).any() else np.nan for b in range(1, len(BINS))]
        )
        result[f"void_lengths_{name}"] = np.quantile(rows[:, 1], [0.1, 0.5, 0.9])
        result[f"void_mean_{name}"] = float(rows[:, 1].mean())
        start, end = travel(name, seed, particles, backend=backend)
        result[f"start_{name}"], result[f"end_{name}"] = start, end
    return result


def quadrant(x):
    return (x[:, 0] < 0) * 2 + (x[:, 1] < 0)  # in the order of SIGNS


def arrivals(result, name):
    """Return, per quadrant, the share of p_g that starts there and of those the share within 3 sigma of its mode."""
    half = MODELS[name][0]
    start, end = (np.asarray(result[f"{key}_{name}"], dtype=float) for key in ("start", "end"))
    home = quadrant(start)
    reached = np.linalg.norm(end - half * SIGNS[home], axis=1) < 3 * VARIANCE**0.5
    shares = [[(home == q).mean(), reached[home == q].mean() if (home == q).any() else np.nan] for q in range(4)]
    return np.array(shares), start, end, home


def check(result):
    far, near = (np.asarray(result[f"void_lengths_{name}"], dtype=float) for name in ("far", "clustered"))
    shares, start, end, home = arrivals(result, "far")
    stayed = float((quadrant(end) == home).mean())
    crossed = np.abs(start[quadrant(end) != home]).min(axis=1).max(initial=0.0)
    crossings = np.asarray(result["crossings"], dtype=float)
    symbolic = float(result["symbolic_watershed"][0])
    unoccupied = stats.norm.cdf(3 / 3**0.5)
    wanted = 1 - unoccupied**2
    missed = float(1 - shares[0, 0])
    error = 4 * (wanted * (1 - wanted) / len(start)) ** 0.5
    holds = (
        (far > near).all()
        and np.abs(crossings - symbolic).max() < 1e-9
        and abs(symbolic) < 0.01
        and abs(missed - wanted) < error
        and crossed < 0.05
        and np.nanmin(shares[1:, 1]) > 0.9
    )
    return [
        Verdict(
            "TP-New-watershed",
            "holds" if holds else "open",
            [
                float(result["void_mean_far"]), float(result["void_mean_clustered"]), *far.tolist(), *near.tolist(),
                *crossings[[0, -1]].tolist(), symbolic, stayed, float(crossed), missed, float(np.nanmin(shares[1:, 1])),
            ],
            [None, None, None, None, None, None, None, None, symbolic, symbolic, 0.0, 1.0, 0.0, wanted, 1.0],
            [None, None, None, None, None, None, None, None, 1e-9, 1e-9, 0.01, None, 0.05, error, 0.1],
            "length of the field in the void for far and for clustered modes: means, then 10, 50 and 90 percent "
            "quantiles of each (far must be longer in all three); x1 at which the field's first component changes its "
            "sign at x2 = 3 and -3, and from the closed form; share of particles that end in the quadrant they start "
            "in, and from how near the line the others came; share of p_g beyond the watersheds, expected 1 - "
            "Phi(sqrt3)^2; least share of those quadrants' particles that reach their mode",
        )
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(11, 8.2)
    (length, across), (plane, bars) = fig.subplots(2, 2)
    middles = (BINS[1:] + BINS[:-1]) / 2
    for name, hue in (("far", "blue"), ("clustered", "orange")):
        label = "far, modes at ±3" if name == "far" else "clustered, modes at ±1"
        length.plot(middles, np.asarray(result[f"void_{name}"], dtype=float), "o-", ms=4, color=palette[hue],
                        label=label)  # fmt: skip
    length.set(xlabel="distance to the nearest mode / half the distance of modes", ylabel="mean |∇d*/d*|",
               title="(a) the field in the void", ylim=(0, None))  # fmt: skip
    length.legend()
    near = np.linspace(-0.3, 0.3, 121)
    for height, row, hue, style in zip(HEIGHTS, np.asarray(result["across"], dtype=float),
                                       ("blue", "orange", "green", "vermillion", "purple"),
                                       ("-", "--", "-", "--", ":"), strict=True):  # fmt: skip
        across.plot(near, row, color=palette[hue], ls=style, label=f"$x_2$ = {height:g}")
    across.axhline(0, color="black", lw=0.8)
    across.axvline(0, color="black", lw=0.8)
    across.set(xlabel="$x_1$", ylabel="first component of the field", title="(b) across the line between two modes")
    across.legend()
    hues = ("blue", "orange", "green", "vermillion")
    shares, start, end, home = arrivals(result, "far")
    for q, hue in enumerate(hues):
        plane.plot(*start[home == q][:400].T, ".", ms=3, color=palette[hue], alpha=0.5)
        plane.plot(*end[home == q][:400].T, "x", ms=5, color=palette[hue])
    plane.plot([], [], ".", color="black", label="start")
    plane.plot([], [], "x", color="black", label="end")
    plane.axhline(0, color="black", lw=0.8)
    plane.axvline(0, color="black", lw=0.8)
    plane.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title="(c) particles of p_g in the far modes' field")
    plane.legend(loc="lower right")
    names = [f"({3 * a:g}, {3 * b:g})" for a, b in SIGNS]
    bars.bar(names, shares[:, 0], color=[palette[hue] for hue in hues], alpha=0.6)
    bars.plot(names, shares[:, 1], "o", color="black", label="of those, at its mode in the end")
    bars.set(yscale="log", ylim=(3e-4, 6), xlabel="quadrant of the mode at", ylabel="share", title="(d) shares of p_g")
    bars.legend(loc="upper right")
