"""MF "Mode Collapse": pictures of a GAN at iterations 1, 100K, 500K and 1000K; here, a dense GAN on eight Gaussians.

The slide names neither network nor data, so that its pictures cannot be made again; what can be shown is a GAN that
collapses, counted.  Writes collapse_pictures.json, collapse_pictures.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.nn import Adam, Dense

TITLE = "Mode collapse, counted"
CAPTION = (
    "A dense non-saturating GAN on eight Gaussians on a circle (crosses): samples at four iterations, and the modes "
    "that hold at least a quarter of their share, for every seed: few, one after the other. The source shows pictures "
    "of faces at iterations 1, 100K, 500K, 1000K of a network it does not name; this is not that run."
)
CLAIMS = ("MF-collapse-pictures",)
MINUTES = 0.25

# iterations; seeds; units
SIZES = {"smoke": (30, 1, 16), "quick": (3000, 2, 32), "paper": (60_000, 8, 64)}
RING = ganth.targets.GaussianMixture.ring(8, radius=2.0, variance=0.02**2)


def compute(profile, seed, backend, jobs):
    steps, trials, width = SIZES[profile]
    game = ganth.NSGAN(
        RING, generator=Dense((width, width)), discriminator=Dense((width, width)), batch=64, lr_disc=2e-3, lr_gen=2e-3,
        optimiser_disc=Adam(), optimiser_gen=Adam(), n_samples=256,
    )  # fmt: skip
    run = game.run(
        steps=steps, trials=trials, seed=seed, record_every=max(1, steps // 30), threads=jobs, backend=backend
    )
    shown = np.searchsorted(run.steps, [0, steps // 10, steps // 2, steps])
    return {
        "settings": {"iterations": steps, "seeds": trials, "width": width, "batch": 64},
        "steps": run.steps,
        "modes": run.recorded["modes"],
        "shown": run.steps[shown],
        "samples": run.particles[0, shown],
        "diverged": run.diverged_at,
    }


def check(result):
    modes = np.asarray(result["modes"])
    return [
        Verdict(
            "MF-collapse-pictures", "open", modes[:, -1].tolist(), 8, None,
            "the slide's network, data and code are not named, so its pictures cannot be made again; modes held at the "
            f"end, of eight, by a dense GAN after {result['settings']['iterations']} iterations, for each seed",
        )
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(11, 6)
    grid = fig.add_gridspec(2, 4)
    for k, (step, points) in enumerate(zip(result["shown"], np.asarray(result["samples"]), strict=True)):
        ax = fig.add_subplot(grid[0, k])
        ax.plot(*RING.means.T, "x", color="black", ms=7)
        ax.plot(*np.clip(points, -3, 3).T, ".", ms=3, color=palette["vermillion"])
        ax.set(title=f"iteration {step}", xlim=(-3.1, 3.1), ylim=(-3.1, 3.1), aspect="equal", xlabel="x₁")
        if k == 0:
            ax.set_ylabel("x₂")
    ax = fig.add_subplot(grid[1, :])
    for k, row in enumerate(np.asarray(result["modes"])):
        ax.plot(result["steps"], row, "o-", ms=3, label=f"seed {k}")
    ax.set(xlabel="iteration", ylabel="modes held", ylim=(-0.3, 8.3), title="modes, of eight")
    ax.legend()
