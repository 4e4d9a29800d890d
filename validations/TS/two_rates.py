"""TS appendix A.8: what two rates do to a bilinear game, a damped one, and a GAN in the plane.

Spectral radii of the bilinear game by ratio of rates, simulated and in SymPy; the Dirac-GAN with a penalty; RemedyGANs
by ratio.  Writes two_rates.json, two_rates.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.targets import GaussianMixture
from ganth.theory import divergences as theory

TITLE = "Two time scales: nothing for the bilinear game"
CAPTION = (
    "(a) min max θφ, simultaneous steps: growth per step by the ratio of rates, measured (dots) and √(1 + η_D η_G) "
    "(lines), for "
    "three products. (b) Distance from the saddle at η_D η_G = 10⁻⁴ for ratios 1, 4, 100: the same growth. (c) With "
    "a penalty (R1, β = 1) "
    "the spectral radius does depend on the ratio: below 1 at all six, least at 4. (d) RemedyGANs on the ring: modes "
    "covered by "
    "η_D/η_G at one product, one dot a seed."
)
CLAIMS = ("TS-A8-ttur", "TS-New-bilinear-ratio")
MINUTES = 0.06

RATIOS = np.array([0.04, 0.25, 1.0, 4.0, 25.0, 100.0])
PRODUCTS = np.array([1e-4, 1e-2, 0.25])
ROUNDS = 2000
STEPS = {"smoke": 15, "quick": 400, "paper": 6000}
TRIALS = {"smoke": 2, "quick": 4, "paper": 16}
GAME_RATIOS = (0.25, 1.0, 4.0)


def bilinear(ratio, product, rounds):
    """Return theta^2 weighted so that it is invariant in continuous time, by step: the log of the growing radius."""
    disc, gen = np.sqrt(product * ratio), np.sqrt(product / ratio)
    theta, phi, path = 1.0, 0.0, []
    for _ in range(rounds):
        path.append(0.5 * np.log(theta**2 / gen + phi**2 / disc))
        theta, phi = theta - gen * phi, phi + disc * theta
    return np.array(path) - path[0]


def compute(profile, seed, backend, jobs):
    growth = np.array([[np.exp((bilinear(r, p, 200)[-1]) / 199) for r in RATIOS] for p in PRODUCTS])
    game = np.array(
        [
            [abs(ganth.DiracGAN(lr_disc=np.sqrt(p * r), lr_gen=np.sqrt(p / r)).multipliers()[0]) for r in RATIOS]
            for p in PRODUCTS
        ]
    )
    damped = np.array(
        [abs(ganth.DiracGAN(1.0, lr_disc=0.1 * np.sqrt(r), lr_gen=0.1 / np.sqrt(r)).multipliers()[0]) for r in RATIOS]
    )
    ring, modes = GaussianMixture.ring(8, 2.0, 0.01), []
    for r in GAME_RATIOS:
        remedy = ganth.RemedyGAN(ring, lr_disc=1e-3 * np.sqrt(r), lr_gen=1e-3 / np.sqrt(r))
        run = remedy.run(steps=STEPS[profile], trials=TRIALS[profile], seed=seed, backend=backend)
        modes.append([run.recorded["modes"][:, -1], run.recorded["precision"][:, -1]])
    return {
        "settings": {"ratios": RATIOS.tolist(), "products": PRODUCTS.tolist(), "steps": STEPS[profile]},
        "growth": growth,
        "game": game,
        "damped": damped,
        "paths": np.array([bilinear(r, 1e-4, ROUNDS) for r in (1.0, 4.0, 100.0)])[:, ::20],
        "modes": np.array(modes),
        "symbolic": [str(v) for v in (*theory.bilinear_moduli(), *theory.bilinear_flow())],
    }


def check(result):
    growth, game, damped, modes = (np.asarray(result[k], dtype=float) for k in ("growth", "game", "damped", "modes"))
    words = [str(w) for w in result["symbolic"]]
    wanted = np.sqrt(1 + PRODUCTS)[:, None]
    gaps = float(np.abs(growth / wanted - 1).max()), float(np.abs(game / wanted - 1).max())
    never = bool((game > 1).all())
    return [
        Verdict(
            "TS-A8-ttur",
            "false" if never and gaps[1] < 1e-9 and words[2:] == ["0", "0"] and damped.max() < 1 else "open",
            [gaps[1], *words[2:], damped.tolist(), modes[:, 0].mean(axis=1).tolist()],
            [0.0, "not 0", "not 0", "all < 1", None],
            [1e-9, None, None, None, None],
            f"bilinear game: spectral radius over sqrt(1 + eta_D eta_G) less 1 for ratios {RATIOS.tolist()}: no "
            f"ratio stabilises it; "
            "real parts of the flow's eigenvalues, SymPy; with R1 the radius by ratio: it is the damping that "
            f"stabilises, at each of them and most at {RATIOS[damped.argmin()]:g}; modes of 8 "
            f"covered by games on the ring with ratios {list(GAME_RATIOS)}. Two-time-scale theorems need a "
            f"discriminator that is stable "
            "for a fixed generator, and a ratio that tends to 0",
        ),
        Verdict(
            "TS-New-bilinear-ratio",
            "holds" if words[:2] == ["eta_D*eta_G + 1"] * 2 and max(gaps) < 1e-9 else "open",
            [*words[:2], *gaps],
            ["eta_D*eta_G + 1", "eta_D*eta_G + 1", 0.0, 0.0],
            1e-9,
            f"SymPy: squared moduli; growth per step of {len(RATIOS) * len(PRODUCTS)} simulated games over sqrt(1 + "
            f"eta_D eta_G) less "
            "1, and ganth.DiracGAN's multipliers",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    growth, damped, paths, modes = (np.asarray(result[k], dtype=float) for k in ("growth", "damped", "paths", "modes"))
    fig.set_size_inches(12, 3.4)
    one, two, three, four = fig.subplots(1, 4)
    for row, product, hue in zip(growth, PRODUCTS, ("blue", "orange", "vermillion"), strict=True):
        one.loglog(RATIOS, row - 1, "o", ms=5, color=colours[hue], label=f"η_D η_G = {product:g}")
        one.axhline(np.sqrt(1 + product) - 1, color=colours[hue], lw=1)
    one.set(xlabel="η_D/η_G", ylabel="growth per step − 1", title="(a) bilinear game", ylim=(1e-5, 3))
    one.legend(fontsize=8)
    for path, hue, style, label in zip(
        paths, ("blue", "orange", "vermillion"), ("-", "--", ":"), ("1", "4", "100"), strict=True
    ):
        two.plot(20 * np.arange(len(path)), path, style, color=colours[hue], lw=2, label=f"ratio {label}")
    two.set(xlabel="step", ylabel="log radius", title="(b) the same spiral")
    two.legend()
    three.semilogx(RATIOS, damped, "o-", color=colours["green"])
    three.axhline(1, color="black", lw=0.8)
    three.set(xlabel="η_D/η_G", ylabel="spectral radius", title="(c) with R1")
    for k, row in enumerate(modes[:, 0]):
        four.bar(k, row.mean(), color=colours["sky"], alpha=0.5)
        four.plot(k + np.linspace(-0.2, 0.2, len(row)), row, "o", ms=4, color=colours["blue"])
    four.set_xticks(range(len(GAME_RATIOS)), [f"{r:g}" for r in GAME_RATIOS])
    four.set(xlabel="η_D/η_G", ylabel="modes covered of 8", title="(d) on the ring", ylim=(0, 8.3))
