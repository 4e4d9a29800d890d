"""TP Proposition C.1: the cosine between the fields of a suboptimal and of the optimal discriminator.

Shows the sign of f - r f' beside the measured cosine for six f, and how near r = 0 the fields agree.  Theory: the
suboptimal field is (f - r f')/(r + f) grad log r, so the cosine is sign(f - r f'); it is 1 near r = 0 if f is C^2 there
and f(0) > 0.  Writes suboptimal.json, suboptimal.png.
"""

import numpy as np
import sympy as sp

import ganth
from ganth.claims import Verdict
from ganth.targets import GaussianMixture
from ganth.theory import fields as theory

TITLE = "The field of a suboptimal discriminator"
CAPTION = (
    "d = p/(p + f(r) q), for f that satisfy and break what Proposition C.1 assumes. (a) f − r f′ near r = 0. (b) "
    "Measured cosine between the two fields (dots) at random points of a mixture over a Gaussian: ±1, the sign of "
    "f − r f′; rows are shifted. (c) Length of the suboptimal field over the optimal one. (d) The field of f = r², "
    "which points away from the modes everywhere, over its discriminator."
)
CLAIMS = ("TP-PropC.1",)
MINUTES = 0.05

TARGET = GaussianMixture([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], 0.1)
GENERATED = GaussianMixture([[0.0, 0.0]], 0.2)
# f, f', in SymPy, and whether the proposition holds near r = 0 for it.
R = theory.r
CASES = {
    "1": (sp.Integer(1), True),
    "exp(−r)": (sp.exp(-R), True),
    "1 + r²": (1 + R**2, True),
    "1/2 + 3r": (sp.Rational(1, 2) + 3 * R, True),
    "r² (f(0) = 0)": (theory.BACKWARD, False),
    "1 + r sin(1/r²) (not C²)": (theory.WAVERING, False),
}
POINTS = {"smoke": 400, "quick": 5000, "paper": 100_000}
SMALL = np.geomspace(1e-3, 0.3, 4000)


def functions(f):
    """Return f and f' as functions of arrays."""
    pair = []
    for expression in (f, sp.diff(f, R)):
        found = sp.lambdify(R, expression, "numpy")
        pair.append(lambda r, found=found: np.broadcast_to(found(r), r.shape).astype(float))
    return pair


def points(seed, count):
    """Return points where r runs over all sizes: samples of both densities and of the way between."""
    near = np.concatenate([GENERATED.sample(count // 2, seed), TARGET.sample(count // 2, seed)])
    return near[np.abs(near).max(axis=1) < 1.8]


def compute(profile, seed, backend, jobs):
    x = points(seed, POINTS[profile])
    log_r, slope = ganth.fields.log_ratio(x, TARGET, GENERATED, backend=backend)
    kept = (log_r > -12) & (log_r < 5) & (np.linalg.norm(slope, axis=1) > 1e-6)
    x, log_r = x[kept], log_r[kept]
    optimal = ganth.fields.optimal(x, TARGET, GENERATED, backend=backend)[1]
    rows, balance, numeric = [], [], []
    for f, _ in CASES.values():
        value, derivative = functions(f)
        field = ganth.fields.suboptimal(x, TARGET, GENERATED, value, derivative, backend=backend)[1]
        length = np.linalg.norm(field, axis=1)
        whole = np.linalg.norm(optimal, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine = (field * optimal).sum(axis=1) / (length * whole)
        r = np.exp(log_r)
        sign = np.sign(value(r) - r * derivative(r))
        rows.append([cosine, sign, length / whole])
        balance.append(value(SMALL) - SMALL * derivative(SMALL))
        # The field against differences of log d, at a few points: the formula itself.
        slow = np.flatnonzero(log_r > -1)[:50]  # sin(1/r²) turns too fast below
        some, step = x[slow], 1e-6
        gap = 0.0
        for axis in np.eye(2):
            up, down = (
                np.log(
                    ganth.fields.suboptimal(
                        some + s * step * axis, TARGET, GENERATED, value, derivative, backend=backend
                    )[0]
                )
                for s in (1, -1)
            )
            gap = max(gap, float(np.median(np.abs((up - down) / (2 * step) - field[slow] @ axis))))
        numeric.append(gap)
    axis = np.linspace(-2, 2, 17)
    coarse = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    fine_axis = np.linspace(-2, 2, 81)
    fine = np.stack(np.meshgrid(fine_axis, fine_axis), axis=-1).reshape(-1, 2)
    backward = functions(theory.BACKWARD)
    return {
        "settings": {"points": len(x), "cases": list(CASES), "small": [float(SMALL[0]), float(SMALL[-1])]},
        "log_r": log_r,
        "rows": np.array(rows),
        "balance": np.array(balance),
        "numeric": np.array(numeric),
        "arrows": ganth.fields.suboptimal(coarse, TARGET, GENERATED, *backward, backend=backend)[1],
        "d": ganth.fields.suboptimal(fine, TARGET, GENERATED, *backward, backend=backend)[0].reshape(81, 81),
        "sym_taylor": [str(theory.taylor_rest(f)) for f in (1 + R**2, sp.exp(-R), sp.cos(R))],
        "sym_backward": [str(sp.factor(theory.cosine_sign(theory.BACKWARD)))],
    }


def check(result):
    rows, balance = np.asarray(result["rows"], dtype=float), np.asarray(result["balance"], dtype=float)
    cosine, sign, _ = rows.transpose(1, 0, 2)
    known = np.isfinite(cosine)
    gap = float(np.abs(cosine - sign)[known].max())
    good = np.array([right for _, right in CASES.values()])
    low = SMALL < 0.03
    agree = [float((row[low] > 0).mean()) for row in balance]
    changes = int((np.diff(np.sign(balance[-1][low])) != 0).sum())
    taylor, backward = (np.asarray(result[f"sym_{name}"]).tolist() for name in ("taylor", "backward"))
    shown = (
        gap < 1e-6 and min(np.array(agree)[good]) == 1 and max(np.array(agree)[~good]) < 0.9 and taylor == ["1"] * 3
        and float(np.max(result["numeric"])) < 1e-4
    )  # fmt: skip
    return [
        Verdict(
            "TP-PropC.1",
            "corrected" if shown else "open",
            [gap, float(np.max(result["numeric"])), *agree, *backward, changes, *taylor],
            [0.0, 0.0, *[1.0] * len(CASES), "> 0", 0, "-1", "-1", "-1"],
            [1e-6, 1e-4] + [0.0] * len(CASES) + [None] * 5,
            f"largest gap of the cosine to sign(f - r f') at {int(known.sum())} points; of the field to differences of "
            f"log d; share of r in [{SMALL[0]:g}, 0.03] with cosine 1, for f = {'; '.join(CASES)}; f - r f' of the "
            "fifth; changes of sign of the sixth; (f(0) - (f - r f'))/(r^2 f''(0)/2) as r -> 0 for 1 + r^2, exp(-r), "
            "cos r: the Taylor term has a minus",
        )
    ]


def draw(result, fig):
    colours = list(ganth.plotting.PALETTE.values())
    fig.set_size_inches(11, 7.6)
    (near, signs), (lengths, plane) = fig.subplots(2, 2)
    log_r, rows = np.asarray(result["log_r"]), np.asarray(result["rows"], dtype=float)
    order = np.argsort(log_r)
    for k, (name, hue) in enumerate(zip(CASES, colours, strict=False)):
        wild = name == list(CASES)[-1]
        shown = SMALL > 0.02
        near.plot(SMALL[shown], np.asarray(result["balance"])[k][shown], color=hue, lw=0.5 if wild else 1.5,
                  alpha=0.6 if wild else 1, zorder=1 if wild else 2, label=f"f = {name}")  # fmt: skip
        signs.plot(log_r, 3.0 * k + rows[k, 0], ".", ms=2, color=hue)
        lengths.semilogy(log_r[order], np.maximum(rows[k, 2][order], 1e-6), ".", ms=2, color=hue)
    near.axhline(0, color="black", lw=0.8)
    near.set(xscale="log", xlim=(0.019, 0.32), xlabel="r", ylabel="f − r f′", ylim=(-3.1, 3.1), title="(a) near r = 0")
    near.set_xticks([0.02, 0.05, 0.1, 0.2, 0.3], ["0.02", "0.05", "0.1", "0.2", "0.3"])
    near.minorticks_off()
    near.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2)
    signs.set_yticks([3.0 * k + s for k in range(len(CASES)) for s in (-1, 1)], ["−1", "1"] * len(CASES))
    signs.set(xlabel="log r", ylabel="cosine", title="(b) measured cosine")
    lengths.set(xlabel="log r", ylabel="length, suboptimal / optimal", title="(c) length of the field")
    axis = np.linspace(-2, 2, 81)
    ganth.plotting.heatmap(plane, axis, axis, result["d"], label="d for f = r²", limits=(0, 1))
    axis = np.linspace(-2, 2, 17)
    coarse = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    arrows = np.asarray(result["arrows"], dtype=float)
    unit = arrows / np.maximum(np.linalg.norm(arrows, axis=1), 1e-300)[:, None]
    plane.quiver(*coarse.T, *unit.T, color="#D55E00", scale=24, width=0.005, pivot="mid")
    plane.plot(*TARGET.means.T, "x", color="white", ms=8, mew=2)
    plane.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title="(d) f = r²: away from the modes")
