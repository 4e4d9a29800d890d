"""TP Algorithm 1, Theorem 2.1: NSGAN in network form and in particle form.

Plays both forms for many steps from the same start.  Theory: the particle gradient is s times the network gradient, so
that rate eta with step s is rate s eta; one gradient step a batch.  Writes particle_form.json, particle_form.png.
"""

import numpy as np

import ganth
from ganth import nn
from ganth.claims import Verdict

TITLE = "NSGAN as a particle model: the same game, with the step in the rate"
CAPTION = (
    "Largest difference of the generators' weights between network and particle form (rates η and η/s), five seeds a "
    "line; it stays at rounding and grows only as the dynamics amplify rounding. Dashed: the printed equivalence with "
    "the same rate in both forms, s = 0.7."
)
CLAIMS = ("TP-Thm2.1",)
MINUTES = 0.05

CUBE = ganth.targets.GaussianMixture.cube(3, 0.0125)
RATE, STEPS = 0.05, (0.1, 0.7, 5.0)
LENGTH = {"smoke": 60, "quick": 1000, "paper": 4000}
TRIALS = {"smoke": 2, "quick": 5, "paper": 20}


def generators(form, profile, seed, jobs, *, rate, step=1.0, backend):
    """Return the generators' weights (trials, records, size)."""
    network = nn.Dense((32, 32), activation="tanh")
    game = ganth.NSGAN(
        CUBE, generator=network, discriminator=network, batch=64, lr_disc=RATE, lr_gen=rate, form=form,
        particle_step=step, n_samples=8,
    )  # fmt: skip
    every = LENGTH[profile] // 20
    run = game.run(steps=every, trials=TRIALS[profile], seed=seed, threads=jobs, backend=backend)
    rows = [run.state["generator"]]
    for _ in range(19):
        run = run.extend(every, threads=jobs)
        rows.append(run.state["generator"])
    return np.array(rows).swapaxes(0, 1)


def compute(profile, seed, backend, jobs):
    network = generators("network", profile, seed, jobs, rate=RATE, backend=backend)
    gaps = [
        np.abs(generators("particle", profile, seed, jobs, rate=RATE / s, step=s, backend=backend) - network).max(
            axis=2
        )
        for s in STEPS
    ]
    same = np.abs(generators("particle", profile, seed, jobs, rate=RATE, step=0.7, backend=backend) - network).max(
        axis=2
    )
    every = LENGTH[profile] // 20
    return {
        "settings": {"steps": list(STEPS), "rate": RATE, "every": every, "trials": TRIALS[profile]},
        "iterations": every * np.arange(1, 21), "gaps": np.array(gaps), "same_rate": same,
        "moved": np.abs(network[:, -1] - network[:, 0]).max(axis=1),
    }  # fmt: skip


def check(result):
    gaps, same = np.asarray(result["gaps"]), np.asarray(result["same_rate"])
    moved = np.asarray(result["moved"])
    early, late, other = gaps[..., 0].max(), gaps[..., -1].max(), same[..., -1].min()
    return [
        Verdict(
            "TP-Thm2.1",
            "corrected" if early < 1e-12 and late < 1e-6 and other > 1e-3 else "open",
            [early.item(), late.item(), other.item(), moved.min().item()],
            [0.0, 0.0, 0.0, "> 0"],
            [1e-12, 1e-6, 1e-3, None],
            "largest difference of the generators' weights after the first and the last record with rates eta and "
            "eta/s, s = 0.1, 0.7, 5; smallest with the same rate in both forms; how far the weights moved",
        )
    ]


def draw(result, fig):
    colours = list(ganth.plotting.PALETTE.values())
    fig.set_size_inches(7.0, 4.2)
    ax = fig.subplots()
    for s, gap, colour in zip(result["settings"]["steps"], np.asarray(result["gaps"]), colours, strict=False):
        for k, row in enumerate(gap):
            ax.semilogy(result["iterations"], row, color=colour, lw=1, label=None if k else f"s = {s:g}, rate η/s")
    for k, row in enumerate(np.asarray(result["same_rate"])):
        ax.semilogy(result["iterations"], row, "--", color="0.3", lw=1, label=None if k else "s = 0.7, rate η")
    ax.set(xlabel="iteration", ylabel="largest difference of weights", title="particle form against network form")
    ax.legend()
