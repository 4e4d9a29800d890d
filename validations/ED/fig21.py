"""ED Fig. 21, appendix G: the ratio g2/g1 of a deep ReLU network between "order" and "chaos".

Shows the ratio of the tangent kernel at orthogonal and at coincident inputs against mu, the share of the biases, for
six hidden layers: the exact recursion for the two conventions of the ReLU, networks of finite width, and other depths.
Theory: S_{l+1} = mu^2 + (1 - mu^2) E[sigma sigma], Theta_{l+1} = S_{l+1} + (1 - mu^2) E[sigma' sigma'] Theta_l.
Writes fig21.json, fig21.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.ntk import TwoValues, deep_relu, empirical

TITLE = "Deep ReLU generators: g₂/g₁ against the share of the biases (Fig. 21)"
CAPTION = (
    "(a) Six hidden layers, inputs on the sphere of radius √256 in 256 dimensions: exact recursion at orthogonal over "
    "coincident inputs (lines) for σ = max(0, x) as printed and √2 max(0, x) as in the reference it follows; dots: "
    "networks of finite width (given in the panel; the source has 4096), all parameters trained, mean and 95 % "
    "interval over networks. (b) The same ratio against depth: 1/4 in the limit without biases, 1 for any share of "
    "them (dashed: standardised); nothing tends to 0, which chaos would need."
)
CLAIMS = ("ED-Fig21", "ED-AppG-chaos", "ED-New-deepconv")
MINUTES = 0.05

LAYERS, DIM = 6, 256
CONVENTIONS = ("plain", "standardised")
LABELS = {"plain": "max(0, x)", "standardised": "√2 max(0, x)"}
COLOURS = {"plain": "#0072B2", "standardised": "#D55E00"}
MUS = [0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0]
DEPTHS = [1, 2, 3, 6, 12, 25, 50, 100, 200, 500, 1000]
SHARES = [0.0, 0.1, 0.2, 0.5]
# width, networks, seeds, every so many of MUS
SIZES = {"smoke": (64, 4, 8, 4), "quick": (128, 10, 16, 1), "paper": (4096, 6, 50, 1)}


def ratio(mu, convention, layers=LAYERS):
    """Return g2/g1 at orthogonal inputs."""
    return float(deep_relu(0.0, layers, mu, convention) / deep_relu(1.0, layers, mu, convention))


def finite(mu, convention, width, networks, z, seed):
    """Return g2/g1 of networks of finite width, and of the exact kernel at the same seeds."""
    shape = ganth.generators.DeepReLU(DIM, width, LAYERS, mu=mu, convention=convention)
    drawn = [TwoValues.of_gram(empirical(shape.initial(seed, trial=k), z)[..., 0, 0]).ratio for k in range(networks)]
    exact = ganth.ntk.two_values(z, hidden_layers=LAYERS, mu=mu, convention=convention).ratio
    return [*drawn, exact]


def compute(profile, seed, backend, jobs):
    from joblib import Parallel, delayed

    width, networks, seeds, every = SIZES[profile]
    z = ganth.generators.sphere(seeds, DIM, seed, radius=DIM**0.5)
    mus = MUS[::every]
    cells = [(mu, convention) for convention in CONVENTIONS for mu in mus]
    found = Parallel(n_jobs=jobs, prefer="threads")(
        delayed(finite)(mu, convention, width, networks, z, seed) for mu, convention in cells
    )
    found = np.array(found).reshape(len(CONVENTIONS), len(mus), networks + 1)
    grid = np.linspace(0, 1, 501)
    curves = np.array([[ratio(mu, convention) for mu in grid] for convention in CONVENTIONS])
    depths = np.array(
        [[[ratio(mu, convention, depth) for depth in DEPTHS] for mu in SHARES] for convention in CONVENTIONS]
    )
    drawn, exact = found[..., :-1], found[..., -1]
    error = drawn.std(axis=-1, ddof=1) / np.sqrt(networks)
    spread = error > 0  # at mu = 1 every network is its last bias
    return {
        "settings": {"layers": LAYERS, "dim": DIM, "width": width, "networks": networks, "seeds": seeds},
        "mus": np.array(mus),
        "finite": drawn.mean(axis=-1),
        "finite_error": error,
        "finite_exact": exact,
        "pull": float(np.abs((drawn.mean(axis=-1) - exact)[spread] / error[spread]).max()),
        "off": float(np.abs(drawn.mean(axis=-1) - exact).max()),
        "grid": grid,
        "curves": curves,
        "depths": depths,
    }


def check(result):
    curves, depths = np.asarray(result["curves"]), np.asarray(result["depths"])
    rises = float(np.diff(curves, axis=1).min())
    ends = [float(curves[0, 0]), *curves[:, -1].tolist()]
    drawn = rises > -1e-15 and abs(ends[1] - 1) < 1e-14 and ends[0] < 0.5 and result["off"] < 0.05
    bare, shared = depths[:, 0, -1], depths[:, 1:, -1]
    ordered = shared.min() > 0.9 and np.abs(bare - 0.25).max() < 0.01 and depths.min() > 0.15
    gap = np.abs(curves[0] - curves[1])
    return [
        Verdict(
            "ED-Fig21",
            "reproduced" if drawn else "not-reproduced",
            [*ends, rises, result["off"]],
            [1 / 3, 1.0, 1.0, 0.0, 0.0],
            [0.17, 1e-14, 1e-14, 1e-15, 0.05],
            "ratio at mu = 0, at mu = 1 (plain, standardised), least step of the curves, and largest difference of "
            f"the mean of {result['settings']['networks']} networks of width {result['settings']['width']} from the "
            "recursion",
        ),
        Verdict(
            "ED-AppG-chaos",
            "corrected" if ordered and drawn else "holds" if depths.min() < 0.01 else "open",
            [ends[0], *bare.tolist(), float(shared.min())],
            [1 / 3, 0.25, 0.25, 1.0],
            [0.17, 0.01, 0.01, 0.1],
            f"ratio at six layers and mu = 0; at {DEPTHS[-1]} layers and mu = 0 (two conventions), and the least over "
            f"mu in {SHARES[1:]}: it does rise with mu, but no mu is chaotic, which means a ratio that falls to 0 with "
            "depth",
        ),
        Verdict(
            "ED-New-deepconv",
            "holds" if gap.max() > 0.1 and rises > -1e-15 else "false",
            [float(gap.max()), float(result["grid"][int(np.argmax(gap))]), rises],
            None,
            [0.1, None, -1e-15],
            "largest difference of the two curves of the same recursion, where it is, and least step of either",
        ),
    ]


def draw(result, fig):
    fig.set_size_inches(10, 4.0)
    left, right = fig.subplots(1, 2)
    settings = result["settings"]
    for k, convention in enumerate(CONVENTIONS):
        colour = COLOURS[convention]
        left.plot(result["grid"], np.asarray(result["curves"])[k], color=colour, label=LABELS[convention])
        left.errorbar(
            result["mus"],
            np.asarray(result["finite"])[k],
            yerr=1.96 * np.asarray(result["finite_error"])[k],
            fmt="os"[k],
            ms=4,
            capsize=2,
            color=colour,
            mfc="none",
        )
        for mu, curve, shade in zip(
            SHARES, np.asarray(result["depths"])[k], ("#000000", "#CC79A7", "#56B4E9", "#009E73"), strict=True
        ):
            label = f"μ = {mu:g}" if k == 0 else None
            right.semilogx(DEPTHS, curve, ("-", "--")[k], color=shade, label=label, marker="o", ms=3)
    left.set(xlabel="μ", ylabel="$g_2/g_1$", ylim=(0, 1.03), title="(a)")
    left.legend(
        loc="lower right", title=f"dots: {settings['networks']} networks of width {settings['width']} (source: 4096)"
    )
    right.axhline(0.25, color="0.4", ls=":")
    right.annotate("1/4", (900, 0.19), color="0.3", fontsize=9, ha="right")
    right.set(xlabel="hidden layers", ylabel="$g_2/g_1$", ylim=(0, 1.03), title="(b)")
    right.legend(loc="center right")
