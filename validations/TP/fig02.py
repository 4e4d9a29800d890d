"""TP Figure 2: the field grad d*/d* and the optimal discriminator in four models, and what sections 3.1 and 3.2 say.

Shows arrows over d* for clustered modes (at the start, covered, one mode covered) and for modes far apart; and the
measured alignment with the nearest mode and length of the field.  Theory: d* = p/(p + q), and the field is
sigma(-log r) grad log r: it pulls where r < 1 and fades where r >> 1.  Writes fig02.json, fig02.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.targets import GaussianMixture, UniformBox

TITLE = "The field of the optimal discriminator in four models"
CAPTION = (
    "Top: d* (colour) and the field ∇d*/d* (arrows; unit length, the longer fields the darker) for modes of variance "
    "0.1 at the crosses. (a) The generator is N(0, 0.2 I); star: (2, 2), where the pull of the first quadrant's mode "
    "aims (Proposition D.1). (b) Uniform on the square. (c) N((1, 1), I). (d) Modes at (±3, ±3), the "
    "generator N((3, 3), 3 I). Below each: length of the field against the distance to the nearest mode, at samples "
    "of the generator (blue) and over the whole panel (grey). (e) Mean length of the field within a distance of each "
    "mode: the crowded mode has the strongest field on average, not the weakest, until one is very close. (f) Mean "
    "length on circles around a mode: model 2 fades inside, near unoccupied modes above all, not beyond."
)
CLAIMS = (
    "TP-Fig2-fields", "TP-S3.1-nearest", "TP-S3.1-cover-all", "TP-S3.1-d-order", "TP-S3.1-intensity",
    "TP-S3.2-weakening",
)  # fmt: skip
MINUTES = 0.1

CORNERS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
CLUSTERED, FAR = GaussianMixture(CORNERS, 0.1), GaussianMixture(3 * CORNERS, 0.1)
MODELS = {
    "start": (CLUSTERED, GaussianMixture([[0.0, 0.0]], 0.2), 2.0),
    "covered": (CLUSTERED, UniformBox([-2.0, -2.0], [2.0, 2.0]), 2.0),
    "one mode": (CLUSTERED, GaussianMixture([[1.0, 1.0]], 1.0), 2.0),
    "far modes": (FAR, GaussianMixture([[3.0, 3.0]], 3.0), 4.5),
}
SIZES = {"smoke": (61, 500), "quick": (201, 20_000), "paper": (801, 200_000)}
SHOWN = 17  # arrows a side
REACH = np.array([0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0])
CIRCLES = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5])
OUT = np.array([[1.3, 1.3], [1.6, 1.6], [2.0, 2.0]])


def grid(half, count):
    axis = np.linspace(-half, half, count)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def towards(x, modes):
    """Return the distance to the nearest mode (n,) and the unit vector to it (n, 2)."""
    arms = modes - x[:, None]
    distance = np.linalg.norm(arms, axis=2)
    nearest = distance.argmin(axis=1)
    at = np.arange(len(x))
    return distance[at, nearest], arms[at, nearest] / np.maximum(distance[at, nearest], 1e-300)[:, None]


def pulls(x, target, generated, *, backend):
    """Return distance to the nearest mode, length of the field, and its cosine with the way there, (3, n)."""
    field = ganth.fields.optimal(x, target, generated, backend=backend)[1]
    distance, way = towards(x, target.means)
    length = np.linalg.norm(field, axis=1)
    cosine = (field * way).sum(axis=1) / np.maximum(length, 1e-300)
    return np.array([distance, length, cosine])


def summary(found):
    """Return the share that goes towards the nearest mode, the median cosine, and the correlation with distance."""
    distance, length, cosine = found
    some = (length > 0) & (distance > 0)
    return [
        float((cosine[some] > 0).mean()),
        float(np.median(cosine[some])),
        float(np.corrcoef(distance[some], length[some])[0, 1]),
    ]


def near(model, radii, *, ring, backend):
    """Return the mean length of the field in discs, or on circles, around each mode, (modes, radii)."""
    target, generated, _ = MODELS[model]
    angle = 2 * np.pi * (np.arange(64) + 0.5) / 64
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    parts = np.array([1.0]) if ring else np.sqrt((np.arange(32) + 0.5) / 32)  # equal areas
    rows = []
    for mode in target.means:
        for radius in radii:
            x = mode + radius * (parts[:, None, None] * unit).reshape(-1, 2)
            rows.append(np.linalg.norm(ganth.fields.optimal(x, target, generated, backend=backend)[1], axis=1).mean())
    return np.array(rows).reshape(len(target.means), len(radii))


def compute(profile, seed, backend, jobs):
    count, samples = SIZES[profile]
    result = {"settings": {"grid": count, "samples": samples, "variance": 0.1, "shown": SHOWN, "reach": REACH.tolist(),
                           "circles": CIRCLES.tolist(), "half": [half for *_, half in MODELS.values()]}}  # fmt: skip
    some = np.random.default_rng(seed).permutation(count**2)[:400]
    for name, (target, generated, half) in MODELS.items():
        key = name.replace(" ", "_")
        x = grid(half, count)
        result[f"d_{key}"] = ganth.fields.optimal(x, target, generated, backend=backend)[0].reshape(count, count)
        coarse = grid(half * (1 - 1 / SHOWN), SHOWN)
        result[f"arrows_{key}"] = ganth.fields.optimal(coarse, target, generated, backend=backend)[1]
        drawn, everywhere = (
            pulls(generated.sample(samples, seed), target, generated, backend=backend),
            pulls(x, target, generated, backend=backend),
        )
        result[f"drawn_{key}"], result[f"everywhere_{key}"] = summary(drawn), summary(everywhere)
        result[f"dots_{key}"] = np.concatenate([drawn[:2, :400], everywhere[:2, some]], 1)
        d, field, log_ratio = ganth.fields.optimal(target.means, target, generated, backend=backend)
        result[f"modes_{key}"] = np.column_stack([d, field, log_ratio])
        result[f"discs_{key}"], result[f"rings_{key}"] = (
            near(name, REACH, ring=False, backend=backend),
            near(name, CIRCLES, ring=True, backend=backend),
        )
    target, generated, _ = MODELS["start"]
    result["outside"] = np.column_stack([OUT, ganth.fields.optimal(OUT, target, generated, backend=backend)[1]])
    far, drawn, _ = MODELS["far modes"]
    cloud = drawn.sample(samples, seed)
    # Particles that follow the field, the generator's density held where it is.
    for _ in range(40 if profile == "smoke" else 400):
        step = ganth.fields.optimal(cloud, far, drawn, backend=backend)[1]
        cloud = cloud + 0.02 * step / np.maximum(1.0, 0.1 * np.linalg.norm(step, axis=1))[:, None]
    first = drawn.sample(samples, seed)
    result["reached"] = [
        [float((of == k).mean()), float((towards(cloud[of == k], far.means[k : k + 1])[0] < 1).mean())]
        for of in [np.linalg.norm(first[:, None] - far.means, axis=2).argmin(axis=1)]
        for k in range(4)
        if (of == k).any()
    ]
    return result


def check(result):
    of = {name: np.asarray(value, dtype=float) for name, value in result.items() if name != "settings"}
    start, whole = of["drawn_start"], of["everywhere_start"]
    at_mode, out = of["modes_start"][0], of["outside"]
    outward = float(at_mode[1:3] @ [1, 1]) / np.sqrt(2)
    at_two = float(np.linalg.norm(out[2, 2:]))
    covered, still = of["everywhere_covered"], float(np.abs(of["modes_covered"][:, 1:3]).max())
    d = of["modes_one_mode"][:, 0]
    discs, far = of["discs_one_mode"], of["discs_far_modes"]
    third = int(np.flatnonzero(REACH == 0.3)[0])
    crowded, lonely = float(discs[0, third]), float(discs[1:, third].max())
    weaker = far[:, third] / discs[:, third]
    rings = of["rings_far_modes"] / of["rings_one_mode"]
    beyond = float(of["rings_far_modes"][3, -1] / of["rings_far_modes"][3, 3])
    reached = of["reached"]
    shapes = d[0] < d[1] == d[2] < d[3] and start[0] > 0.95 and covered[1] > 0.99 and weaker.max() < 0.6
    return [
        Verdict(
            "TP-Fig2-fields",
            "reproduced" if shapes else "not-reproduced",
            [float(start[0]), float(covered[1]), *d.tolist(), *weaker.tolist()],
            ["most", 1.0, "rising with the distance from (1, 1)", None, None, None, "< 1 at every mode"],
            None,
            "share of the generator's samples drawn towards the nearest mode at the start; median "
            "cosine with the way there when covered; d* at the modes (1, 1), (1, -1), (-1, 1), (-1, -1) with one mode "
            "covered; mean field within 0.3 of the modes, far modes over clustered",
        ),
        Verdict(
            "TP-S3.1-nearest",
            "false" if whole[0] < 0.9 and outward > 0.01 and at_two < 1e-3 else "holds",
            [float(start[0]), float(start[2]), float(whole[0]), outward, at_two],
            [1.0, "> 0", 1.0, 0.0, "the longest: (2, 2) is sqrt 2 from its mode"],
            [None, None, 0.1, 0.01, 1e-3],
            "samples of N(0, 0.2 I): share drawn towards the nearest mode, correlation of length and distance; share "
            "of the panel drawn towards it; the field at the mode (1, 1) along (1, 1), outwards; its length at (2, 2)",
        ),
        Verdict(
            "TP-S3.1-cover-all",
            "holds" if still < 1e-6 and covered[0] > 0.99 and covered[2] > 0.8 else "false",
            [still, *covered.tolist()],
            [0.0, 1.0, 1.0, "> 0"],
            [1e-6, 0.01, None, None],
            "largest component of the field at the modes; over the square, share drawn towards the nearest mode, "
            "median cosine, correlation of length and distance",
        ),
        Verdict(
            "TP-S3.1-d-order",
            "holds" if d[0] < d[1] and d[0] < d[2] and d[3] > max(d[1], d[2]) else "false",
            d.tolist(),
            "lowest at (1, 1), highest at (-1, -1)",
            0.0,
            "d* at (1, 1), (1, -1), (-1, 1), (-1, -1)",
        ),
        Verdict(
            "TP-S3.1-intensity",
            "false" if crowded > 2 * lonely else "holds",
            discs[:, third].tolist(),
            "least at the crowded mode, the first",
            0.0,
            "mean length of the field within 0.3 of (1, 1), (1, -1), (-1, 1), (-1, -1); at their very centres it is "
            f"{', '.join(f'{v:.3g}' for v in np.linalg.norm(of['modes_one_mode'][:, 1:3], axis=1))}",
        ),
        Verdict(
            "TP-S3.2-weakening",
            "corrected" if weaker.max() < 0.6 and beyond > 10 and reached[1:, 1].min() > 0.9 else "open",
            [*weaker.tolist(), beyond, float(rings[3, -1]), *reached[1:, 1].tolist()],
            ["< 1"] * 4 + [None, None] + ["few"] * 3,
            [0.6] * 4 + [10, None] + [0.9] * 3,
            "mean field within 0.3 of each mode over that with clustered modes; at 2.5 from (-3, -3) over that at 0.3; "
            "at 2.5, over clustered modes; share of the particles nearest to each unoccupied mode at the start that "
            f"come within 1 of it in the frozen field (they are {100 * reached[1:, 0].sum():.1f} % of all)",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(13, 9.6)
    top, bottom = fig.subfigures(2, 1, height_ratios=[1.75, 1])
    axes = top.subplots(2, 4, height_ratios=[1.35, 1])
    count, shown = result["settings"]["grid"], result["settings"]["shown"]
    titles = ("(a) start: N(0, 0.2 I)", "(b) covered: uniform", "(c) one mode: N((1, 1), I)", "(d) far: N((3, 3), 3 I)")
    for panel, below, (name, (target, _, half)), title in zip(*axes, MODELS.items(), titles, strict=True):
        key = name.replace(" ", "_")
        axis = np.linspace(-half, half, count)
        mesh = ganth.plotting.heatmap(panel, axis, axis, result[f"d_{key}"], limits=(0, 1))
        coarse, arrows = grid(half * (1 - 1 / shown), shown), np.asarray(result[f"arrows_{key}"], dtype=float)
        length = np.linalg.norm(arrows, axis=1)
        unit = arrows / np.maximum(length, 1e-300)[:, None]
        panel.quiver(*coarse.T, *unit.T, np.log10(np.maximum(length, 1e-3)), cmap="Reds", clim=(-5, 1.5), scale=24,
                     width=0.006, pivot="mid")  # fmt: skip
        panel.plot(*target.means.T, "x", color="black", ms=8, mew=2)
        if name == "start":
            panel.plot(1.97, 1.97, "*", color=colours["green"], ms=11, mec="white", mew=0.6, clip_on=False)
        panel.set(title=title, aspect="equal", xlim=(-half, half), ylim=(-half, half), xlabel="$x_1$")
        dots = np.asarray(result[f"dots_{key}"], dtype=float)
        middle = dots.shape[1] // 2
        below.plot(*dots[:, middle:], ".", ms=3, color="0.65", label="whole panel")
        below.plot(*dots[:, :middle], ".", ms=3, color=colours["blue"], label="samples")
        below.set(xlabel="distance to the nearest mode", ylim=(0, None))
    axes[0, 0].set_ylabel("$x_2$")
    axes[1, 0].set_ylabel(r"$\|\nabla d^*/d^*\|$")
    axes[1, 0].legend(fontsize=8)
    top.colorbar(mesh, ax=axes[0], label="d*", shrink=0.9, pad=0.01)
    discs, rings = bottom.subplots(1, 2)
    names = ("(1, 1), crowded", "(1, −1), (−1, 1)", "(−1, −1)")
    for row, label, colour in zip((0, 1, 3), names, ("vermillion", "orange", "blue"), strict=True):
        discs.plot(REACH, np.asarray(result["discs_one_mode"])[row], "o-", ms=4, color=colours[colour], label=label)
    discs.set(
        xlabel="within this distance of the mode", ylabel="mean length of the field", title="(e) one mode covered"
    )
    discs.legend()
    for model, style in (("one_mode", "--"), ("far_modes", "-")):
        for row, colour in ((0, "vermillion"), (1, "orange"), (3, "blue")):
            rings.plot(
                CIRCLES, np.maximum(np.asarray(result[f"rings_{model}"])[row], 1e-7), style, color=colours[colour]
            )
    for style, label in (("--", "clustered, N((1, 1), I)"), ("-", "far apart, N((3, 3), 3 I)")):
        rings.plot([], [], style, color="black", label=label)
    for colour, label in (("vermillion", "crowded mode"), ("orange", "side modes"), ("blue", "opposite mode")):
        rings.plot([], [], color=colours[colour], label=label)
    rings.set(yscale="log", xlabel="distance to the mode", ylabel="mean length of the field", title="(f) two scales")
    rings.set_ylim(1e-7, 30)
    rings.legend(fontsize=8, ncols=2)
