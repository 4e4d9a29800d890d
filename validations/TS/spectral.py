"""TS appendix A.3 (2): what dividing by a spectral norm controls.

Products of norms against measured steepness of random networks; reshaped norms against operator norms of convolutions;
power iterations against the norm.  Writes spectral.json, spectral.png.
"""

import numpy as np

import ganth
from ganth import nn
from ganth.claims import Verdict

TITLE = "Spectral normalisation: an upper bound, of a reshaped kernel, from below"
CAPTION = (
    "(a) Leaky ReLU networks whose layers have norm 1: the steepest slope among many points, by depth; the bound is 1. "
    "(b) Operator norm of convolutions over the norm of the reshaped kernel, which spectral normalisation divides "
    "by: random "
    "kernels, and a box of ones, which stays almost three times too steep. (c) Power iteration over the norm: from "
    "below, so "
    "that a layer divided by it has a norm above 1."
)
CLAIMS = ("TS-A3-spectral",)
MINUTES = 0.03

NETWORKS = {"smoke": 3, "quick": 12, "paper": 60}
KERNELS = {"smoke": 4, "quick": 16, "paper": 100}
DEPTHS = (1, 2, 3, 4, 6)
WIDTH, SIZE = 32, (12, 12)
ITERATIONS = np.array([1, 2, 3, 5, 10, 20, 50])


def steepest(depth, seed):
    """Return the largest slope of a network of unit-norm layers over 2000 random points."""
    rng = np.random.default_rng(seed)
    architecture = nn.Dense((WIDTH,) * depth, activation="leaky")
    parameters = np.zeros(architecture.size(2, 1))
    for weights, _ in architecture.split(parameters, 2, 1):
        drawn = rng.normal(size=weights.shape)
        weights[:] = drawn / nn.spectral_norm(drawn)
    f = nn.DenseFunction(architecture, 2, 1, parameters)
    return float(np.linalg.norm(f.gradient(3 * rng.normal(size=(2000, 2))), axis=1).max())


def compute(profile, seed, backend, jobs):
    rng = np.random.default_rng(seed)
    ratios = []
    for _ in range(KERNELS[profile]):
        kernel = rng.normal(size=(3, 3, 3, 2))
        ratios.append(nn.convolution_norm(kernel, SIZE, padding=1) / nn.spectral_norm(kernel))
    smooth = np.ones((1, 3, 3, 1))
    iterated = []
    for _ in range(KERNELS[profile]):
        w = rng.normal(size=(WIDTH, WIDTH))
        iterated.append([nn.power_iteration(w, int(n), seed=rng) / nn.spectral_norm(w) for n in ITERATIONS])
    return {
        "settings": {"networks": NETWORKS[profile], "kernels": KERNELS[profile], "width": WIDTH},
        "steepest": np.array([[steepest(d, seed + 100 * d + k) for k in range(NETWORKS[profile])] for d in DEPTHS]),
        "ratios": np.array(ratios),
        "box": [nn.spectral_norm(smooth), nn.convolution_norm(smooth, SIZE, padding=1)],
        "iterated": np.array(iterated),
    }


def check(result):
    steepest, ratios, iterated = (np.asarray(result[k], dtype=float) for k in ("steepest", "ratios", "iterated"))
    box = [float(v) for v in result["box"]]
    bound = steepest.max() <= 1 + 1e-9
    return [
        Verdict(
            "TS-A3-spectral",
            "corrected"
            if bound and np.median(steepest[-1]) < 0.5 and box[1] > 2.5 * box[0] and iterated[:, 0].max() < 1
            else "open",
            [float(steepest.max()), float(np.median(steepest[-1])), float(np.median(ratios)), *box,
             float(np.median(iterated[:, 0]))],
            ["<= 1", 1.0, 1.0, "equal", "", 1.0],
            None,
            f"steepest slope of networks of unit-norm layers (bound: 1), its median with {DEPTHS[-1]} hidden layers: "
            f"a bound from "
            "above, not the constant; convolutions: operator norm over the reshaped kernel's, median of random 3 x 3 "
            "kernels, and "
            "both norms of a box; one power iteration over the norm, median",
        )
    ]  # fmt: skip


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    steepest, ratios, iterated = (np.asarray(result[k], dtype=float) for k in ("steepest", "ratios", "iterated"))
    box = [float(v) for v in result["box"]]
    fig.set_size_inches(12, 3.4)
    depth, convolution, power = fig.subplots(1, 3)
    for d, row in zip(DEPTHS, steepest, strict=True):
        depth.semilogy(np.full(len(row), d), row, "o", ms=4, color=colours["blue"], alpha=0.6)
    depth.axhline(1, color="black", lw=1)
    depth.set(xlabel="hidden layers", ylabel="steepest slope", title="(a) layers of norm 1")
    convolution.hist(ratios, bins=12, color=colours["sky"])
    convolution.axvline(box[1] / box[0], color=colours["vermillion"], label="box of ones")
    convolution.axvline(1, color="black", lw=1, label="divided by")
    convolution.set(xlabel="operator norm / reshaped norm", ylabel="kernels", title="(b) convolutions")
    convolution.legend(loc="upper center")
    ganth.plotting.quantile_band(
        power, ITERATIONS, *np.quantile(iterated, [0.5, 0.0, 1.0], axis=0), color="green", label="median and range"
    )
    power.axhline(1, color="black", lw=1)
    power.set(xlabel="iterations", ylabel="power iteration / norm", title="(c) from below", xscale="log")
    power.legend()
