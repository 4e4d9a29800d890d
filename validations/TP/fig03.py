"""TP Figure 3: g = Psi^-1 o Phi for mixtures on the line - means, variances, weights and numbers of modes varied.

Shows the four panels, g solved for directly and, as dots, by its inverse with the axes swapped (appendix J).
Theory: between separated modes g is steep, as exp(mu^2/2) for two; elsewhere its slope is about sigma.  Writes
fig03.json, fig03.png.
"""

from itertools import pairwise

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.maps import transport_1d
from ganth.targets import GaussianMixture

TITLE = "Maps from a normal law to mixtures"
CAPTION = (
    "g = Ψ⁻¹ ∘ Φ (lines) for mixtures on the line, one panel for each parameter varied; dots: the inverse Φ⁻¹ ∘ Ψ with "
    "axes swapped. The source gives no values; ours are in the legends. One steep segment between any two neighbouring "
    "modes."
)
CLAIMS = ("TP-Fig3-maps",)
MINUTES = 0.02

PANELS = {
    "means ±μ, σ = 1": [(f"μ = {mu}", [-mu, mu], 1.0, None) for mu in (2, 4, 6, 8)],
    "variances, means ±6": [(f"σ² = {v}", [-6, 6], v, None) for v in (0.25, 1, 4)],
    "weights, means ±6, σ = 1": [(f"α₁ = {w}", [-6, 6], 1.0, [w, 1 - w]) for w in (0.1, 0.3, 0.5, 0.9)],
    "numbers of modes, 6 apart, σ = 1": [
        (f"n = {n}", (6.0 * (np.arange(n) - (n - 1) / 2)).tolist(), 1.0, None) for n in (2, 3, 4, 5)
    ],
}
POINTS = {"smoke": 101, "quick": 401, "paper": 4001}


def compute(profile, seed, backend, jobs):
    x = np.linspace(-4, 4, POINTS[profile])
    curves, dots, errors, segments = {}, {}, [], []
    for panel, mixtures in PANELS.items():
        for label, means, variance, weights in mixtures:
            target = GaussianMixture(np.array(means, dtype=float)[:, None], variance, weights)
            g = transport_1d(target, threads=jobs)
            y = np.linspace(min(means) - 3 * np.sqrt(variance), max(means) + 3 * np.sqrt(variance), 41)
            back = g.inverse(y)
            curves[f"{panel}|{label}"] = g(x)
            dots[f"{panel}|{label}"] = np.array([back, y])
            at = g(back)
            slope = np.maximum(g.derivative(back), 1.0)
            # x is rounded: g may move by as much as its slope times that.
            errors.append(float((np.abs(at - y) / (1 + slope * 1e-3)).max()))
            peaks = g.peaks()[1]
            ordered = np.sort(means)
            segments.append([int(((peaks > a) & (peaks < b)).sum()) for a, b in pairwise(ordered)])
    return {
        "settings": {"points": POINTS[profile]},
        "x": x,
        **curves,
        **{f"dots|{name}": pair for name, pair in dots.items()},
        "errors": np.array(errors),
        "segments": np.array([[min(row), max(row)] for row in segments]),
    }


def check(result):
    error = float(np.max(result["errors"]))
    fewest, most = int(np.min(result["segments"])), int(np.max(result["segments"]))
    rising = min(float(np.diff(values).min()) for name, values in result.items() if "|" in name and name[:5] != "dots|")
    return [
        Verdict(
            "TP-Fig3-maps",
            "reproduced" if fewest == most == 1 and error < 1e-10 and rising > 0 else "not-reproduced",
            [fewest, most, error, rising],
            [1, 1, 0.0, "> 0"],
            [0, 0, 1e-10, 0.0],
            "least and largest number of peaks of g' between neighbouring modes, over all curves; g at g^-1(y) against "
            "y, in units of 1 + g'/1000; least step of g",
        )
    ]


def draw(result, fig):
    colours = list(ganth.plotting.PALETTE.values())
    fig.set_size_inches(9.5, 6.8)
    for axis, (panel, mixtures) in zip(fig.subplots(2, 2).flat, PANELS.items(), strict=True):
        for (label, *_), colour in zip(mixtures, colours, strict=False):
            axis.plot(result["x"], result[f"{panel}|{label}"], color=colour, lw=1.4, label=label)
            back, y = result[f"dots|{panel}|{label}"]
            axis.plot(back, y, ".", ms=4, color=colour)
        axis.set(xlabel="x", ylabel="g(x)", title=panel, xlim=(-4, 4))
        axis.legend(fontsize=8)
