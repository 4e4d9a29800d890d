"""TS sections 1.1, 5 and 11.2: strong and weak discriminators, and how long a collapse lasts.

RemedyGANs on the ring by discriminator steps and rate, minimax and non-saturating; a generator trained on one mode and
then shown all eight.  Toy checks.  Writes balance.json, balance.png.
"""

import functools

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.sweeps import each
from ganth.targets import GaussianMixture

TITLE = "Balance of the two players on a ring of eight modes, and whether a collapse lasts"
CAPTION = (
    "(a) Modes covered and (b) precision (part of samples within four standard deviations of a mode) by the strength "
    "of the "
    "discriminator, from a tenth of the generator's rate to four steps at four times its rate; non-saturating and "
    "minimax loss, "
    "one dot a seed. (c) Modes covered by a generator first trained on one mode only, then on all eight, by "
    "iteration, with a slow and a "
    "balanced discriminator."
)
CLAIMS = ("TS-S1-game", "TS-S5-persistent", "TS-S11-balance")
MINUTES = 0.25

STEPS = {"smoke": 15, "quick": 600, "paper": 6000}
TRIALS = {"smoke": 2, "quick": 4, "paper": 16}
STRENGTHS = {
    "rate/10": (1e-4, 1),
    "rate/2": (5e-4, 1),
    "equal": (1e-3, 1),
    "rate × 4": (4e-3, 1),
    "4 steps, × 4": (4e-3, 4),
}
LOSSES = ("nsgan", "minimax")
AFTER = {"slow D": (5e-4, 2e-3), "balanced": (1e-3, 1e-3)}
RING = GaussianMixture.ring(8, 2.0, 0.01)


def play(loss, strength, steps, trials, seed, *, backend):
    rate, count = STRENGTHS[strength]
    game = ganth.RemedyGAN(RING, loss=loss, lr_disc=rate, lr_gen=1e-3, n_disc=count)
    run = game.run(steps=steps, trials=trials, seed=seed, backend=backend)
    return np.array([run.recorded[name][:, -1] for name in ("modes", "precision")])


def persist(rates, steps, trials, seed, *, backend):
    """Return the modes covered by iteration after a start on one mode, (trials, records)."""
    single = ganth.RemedyGAN(GaussianMixture(RING.means[:1], 0.01), lr_disc=1e-3, lr_gen=1e-3)
    start = single.run(steps=steps, trials=trials, seed=seed, record_every=max(1, steps // 12), backend=backend)
    disc, gen = AFTER[rates]
    game = ganth.RemedyGAN(RING, lr_disc=disc, lr_gen=gen)
    later = game.continue_run(start, 2 * steps)
    at = int(np.flatnonzero(later.steps == steps)[0])
    first = (RING.shares(later.particles[:, at]) >= 1 / 32).sum(axis=-1)
    return np.concatenate([first[:, None], later.recorded["modes"][:, at + 1 :]], axis=1)


def compute(profile, seed, backend, jobs):
    steps, trials = STEPS[profile], TRIALS[profile]
    cells = [(loss, strength) for loss in LOSSES for strength in STRENGTHS]
    how = {"executor": ganth.executor_for(backend), "jobs": jobs}
    table = each(functools.partial(play, backend=backend), [(*cell, steps, trials, seed) for cell in cells], **how)
    after = each(functools.partial(persist, backend=backend), [(rates, steps, trials, seed) for rates in AFTER], **how)
    table = np.array(table).reshape(len(LOSSES), len(STRENGTHS), 2, trials)
    return {
        "settings": {"steps": steps, "trials": trials, "strengths": list(STRENGTHS)},
        "modes": table[:, :, 0],
        "precision": table[:, :, 1],
        "after": np.array(after),
    }


def check(result):
    modes, precision, after = (np.asarray(result[k], dtype=float) for k in ("modes", "precision", "after"))
    names = list(result["settings"]["strengths"])
    mean, sharp = modes.mean(axis=2), precision.mean(axis=2)
    seeds = f"{modes.shape[2]} seeds, {result['settings']['steps']} iterations"
    best = [names[int(k)] for k in mean.argmax(axis=1)]
    invited = [bool(row[-1] < row.max() - 0.5) for row in mean]
    low = [bool(row[0] < row.max() - 0.05) for row in sharp]
    lasting = after[:, :, -1].mean(axis=1)
    escaped = [int((row[:, -1] > 1).sum()) for row in after]
    return [
        Verdict(
            "TS-S1-game",
            "heuristic",
            [mean[0].tolist(), mean[1].tolist()],
            "fewer modes for the strongest discriminator",
            None,
            f"mean modes of 8 by strength of the discriminator ({', '.join(names)}), non-saturating and minimax; the "
            f"strongest lost "
            f"half a mode or more to the best: {invited[0]} and {invited[1]}; {seeds}",
        ),
        Verdict(
            "TS-S5-persistent",
            "heuristic",
            [lasting.tolist(), escaped],
            "1 where a collapse persists",
            None,
            "mean modes at the end, and seeds of more than one mode, for generators trained on one mode first, then "
            "on all with a slow "
            f"and with a balanced discriminator; {seeds}, then twice as many. Against the explanation: a trained "
            f"critic is not local, "
            "and what it says beyond the samples leads out",
        ),
        Verdict(
            "TS-S11-balance",
            "heuristic",
            [mean[0].tolist(), sharp[0].tolist()],
            "best in between; low precision for the weakest",
            None,
            f"mean modes and precision, non-saturating, by strength; most modes at: {best[0]} (minimax: {best[1]}); "
            f"the weakest is less "
            f"precise than the best: {low[0]}; the strongest covers less than the best: {invited[0]}; {seeds}",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    modes, precision, after = (np.asarray(result[k], dtype=float) for k in ("modes", "precision", "after"))
    names = list(result["settings"]["strengths"])
    fig.set_size_inches(12, 3.8)
    many, sharp, lasting = fig.subplots(1, 3)
    at = np.arange(len(names))
    for ax, table, label in ((many, modes, "modes covered of 8"), (sharp, precision, "precision")):
        for k, (hue, name) in enumerate((("blue", "non-saturating"), ("vermillion", "minimax"))):
            ax.plot(at, table[k].mean(axis=1), "-", color=colours[hue], label=name)
            for j, row in zip(at, table[k], strict=True):
                ax.plot(np.full(len(row), j + 0.12 * (2 * k - 1)), row, "o", ms=4, color=colours[hue], alpha=0.6)
        ax.set_xticks(at, names, rotation=25, fontsize=8)
        ax.set(ylabel=label)
        ax.legend(fontsize=8)
    many.set(title="(a) coverage", ylim=(-0.2, 8.4))
    sharp.set(title="(b) fidelity", ylim=(-0.02, 1.05))
    steps = 2 * result["settings"]["steps"] * np.linspace(0, 1, after.shape[2])
    for rows, hue, name in zip(after, ("orange", "green"), AFTER, strict=True):
        lasting.plot(steps, rows.mean(axis=0), color=colours[hue], lw=2, label=name)
        lasting.plot(steps, rows.T, color=colours[hue], lw=0.6, alpha=0.6)
    lasting.set(
        xlabel="iterations on all modes", ylabel="modes covered of 8", title="(c) after a collapse", ylim=(0, 8.4)
    )
    lasting.legend()
