"""TS section 11 and A.9: the listed remedies of mode collapse, one by one and combined, on a ring of eight modes.

Toy checks: ganth.RemedyGAN, each remedy at one strength fixed beforehand, at two pairs of rates: "collapsing" (the
generator's four times the discriminator's) and "balanced".  All seeds count.  Writes remedies.json, remedies.png.
"""

import functools

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.sweeps import each

TITLE = "Remedies of mode collapse on a ring of eight modes"
CAPTION = (
    "Modes covered (of 8) after training, one dot a seed and a bar for the mean, and the part of the samples within "
    "four standard deviations of a mode, for each remedy: (a), (b) with rates at which the plain game collapses "
    "(generator "
    "2e-3, discriminator 5e-4), (c), (d) with balanced ones (1e-3 both). The dashed line is the plain game. "
    "A few seeds on one toy: a direction, not a law."
)
CLAIMS = (
    "TS-S11-overlap", "TS-S11-sn-gp", "TS-S11-diversity", "TS-S11-smooth-generator", "TS-S11-capacity-curriculum",
    "TS-S11-combined",
)  # fmt: skip
MINUTES = 0.6

STEPS = {"smoke": 20, "quick": 600, "paper": 6000}
TRIALS = {"smoke": 2, "quick": 4, "paper": 16}
RATES = {"collapsing": {"lr_disc": 5e-4, "lr_gen": 2e-3}, "balanced": {"lr_disc": 1e-3, "lr_gen": 1e-3}}
REMEDIES = {
    "plain": {},
    "instance noise 0.3": {"instance_noise": 0.3},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "noisy labels 0.1": {"label_flips": 0.1},
    "spectral norm": {"spectral": True},
    "R1 penalty 1": {"grad_penalty": 1.0},
    "minibatch features": {"minibatch": "features"},
    "minibatch deviation": {"minibatch": "deviation"},
    "feature matching 1": {"feature_matching": 1.0},
    "dispersion 0.5": {"dispersion": 0.5},
    "top-k 1/2": {"top_k": 0.5},
    "path length 0.1": {"path_length": 0.1},
    "layer noise 0.2": {"layer_noise": 0.2},
    "narrow G (4 units)": {"width_gen": 4},
    "noise annealed 1 to 0": {"instance_noise": 1.0, "anneal": -1},
    "R1 + instance noise": {"grad_penalty": 1.0, "instance_noise": 0.3},
    "R1 + dispersion": {"grad_penalty": 1.0, "dispersion": 0.5},
    "R1 + noise + dispersion": {"grad_penalty": 1.0, "instance_noise": 0.3, "dispersion": 0.5},
}
GROUPS = {
    "TS-S11-overlap": ("instance noise 0.3", "label smoothing 0.1", "noisy labels 0.1"),
    "TS-S11-sn-gp": ("spectral norm", "R1 penalty 1"),
    "TS-S11-diversity": ("minibatch features", "minibatch deviation", "feature matching 1", "dispersion 0.5"),
    "TS-S11-smooth-generator": ("top-k 1/2", "path length 0.1", "layer noise 0.2"),
    "TS-S11-capacity-curriculum": ("narrow G (4 units)", "noise annealed 1 to 0"),
    "TS-S11-combined": ("R1 + instance noise", "R1 + dispersion", "R1 + noise + dispersion"),
}
SINGLES = tuple(name for claim, names in GROUPS.items() if claim != "TS-S11-combined" for name in names)


def play(rates, remedy, steps, trials, seed, *, backend):
    """Return the modes covered and the precision of each trial, (2, trials)."""
    settings = {**RATES[rates], **REMEDIES[remedy]}
    if settings.get("anneal"):
        settings["anneal"] = max(1, 4 * steps // 5)
    ring = ganth.targets.GaussianMixture.ring(8, 2.0, 0.01)
    run = ganth.RemedyGAN(ring, **settings).run(steps=steps, trials=trials, seed=seed, backend=backend)
    return np.array([run.recorded[name][:, -1] for name in ("modes", "precision")])


def compute(profile, seed, backend, jobs):
    steps, trials = STEPS[profile], TRIALS[profile]
    cells = [(rates, remedy) for rates in RATES for remedy in REMEDIES]
    found = each(
        functools.partial(play, backend=backend),
        [(*cell, steps, trials, seed) for cell in cells],
        executor=ganth.executor_for(backend),
        jobs=jobs,
    )
    results = np.array(found).reshape(len(RATES), len(REMEDIES), 2, trials)
    return {
        "settings": {"steps": steps, "trials": trials, "remedies": list(REMEDIES), "rates": list(RATES)},
        "modes": results[:, :, 0],
        "precision": results[:, :, 1],
    }


def check(result):
    modes, precision = (np.asarray(result[name], dtype=float) for name in ("modes", "precision"))
    names = list(result["settings"]["remedies"])
    mean = dict(zip(names, modes.mean(axis=2).T, strict=True))
    sharp = dict(zip(names, precision.mean(axis=2).T, strict=True))
    plain = mean["plain"]
    seeds = f"{modes.shape[2]} seeds, {result['settings']['steps']} iterations"
    verdicts = []
    for claim, group in GROUPS.items():
        gains = [[round(float(g), 2) for g in mean[name] - plain] for name in group]
        words = ", ".join(f"{name} {mean[name][0]:.2f} and {mean[name][1]:.2f}" for name in group)
        if claim == "TS-S11-combined":
            best = max(SINGLES, key=lambda name: mean[name][0])
            more = (
                f"; the best single remedy, {best}, {mean[best][0]:.2f} and {mean[best][1]:.2f}; precision "
                + ", ".join(f"{sharp[name][0]:.2f} and {sharp[name][1]:.2f}" for name in group)
            )
            helped = max(mean[name][0] for name in group) > mean[best][0]
            more += f": the combinations {'beat' if helped else 'do not beat'} it at collapsing rates"
        else:
            up = [name for name, gain in zip(group, gains, strict=True) if gain[0] > 0]
            down = [name for name, gain in zip(group, gains, strict=True) if min(gain) < 0]
            more = f"; more modes at collapsing rates: {', '.join(up) or 'none'}; "
            more += f"fewer at either: {', '.join(down) or 'none'}"
        verdicts.append(
            Verdict(
                claim,
                "heuristic",
                gains,
                "> 0 where the plain game collapses",
                None,
                f"mean gain in modes over the plain game ({plain[0]:.2f} and {plain[1]:.2f} of 8) at collapsing and at "
                f"balanced rates; {words}{more}; {seeds}",
            )
        )
    return verdicts


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    names = list(result["settings"]["remedies"])
    at = np.arange(len(names))[::-1]
    hue = {}
    for colour, group in zip(("blue", "orange", "green", "purple", "sky", "vermillion"), GROUPS.values(), strict=True):
        hue |= dict.fromkeys(group, colours[colour])
    fig.set_size_inches(12, 6.6)
    axes = fig.subplots(1, 4, sharey=True)
    for k, rates in enumerate(result["settings"]["rates"]):
        for j, (key, label) in enumerate((("modes", "modes covered"), ("precision", "precision"))):
            ax, values = axes[2 * k + j], np.asarray(result[key], dtype=float)[k]
            for place, name, row in zip(at, names, values, strict=True):
                colour = hue.get(name, "0.4")
                ax.barh(place, row.mean(), color=colour, alpha=0.35, height=0.7)
                spread = np.linspace(-0.22, 0.22, len(row))
                ax.plot(row, place + spread, ".", color=colour, ms=5)
            ax.axvline(values[0].mean(), color="0.3", ls="--", lw=1)
            ax.set(
                xlabel=label, title=f"({'abcd'[2 * k + j]}) {rates} rates", xlim=(0, 8.3 if key == "modes" else 1.02)
            )
    axes[0].set_yticks(at, names, fontsize=8)
