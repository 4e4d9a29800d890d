"""MF toy ODE: how the energy drifts under explicit, alternating and symplectic steps, against theory.

Shows the energy over time for each rule, the measured drift over the derived one against the step, and the error of
leapfrog.  Theory: theory.toy_wgan derives both drifts and leapfrog's modified energy; the game measures them.  Writes
integrators.json, integrators.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.theory import toy_wgan as theory

TITLE = "The toy WGAN: energy drift of the integrators"
CAPTION = (
    "Gaussian prior, γ = 1. (a) Energy from (θ, ω) = (1, 0), steps of 0.1. Explicit and alternating steps spiral "
    "outwards, leapfrog in u = π erfi(θ/√2) does not. (b) dE/dt over an orbit of energy 1/2, measured over derived, "
    "against the step: both tend to 1. (c) Largest energy error of leapfrog over 20 and 200 periods: of the order h², "
    "and no larger in ten times the time. (d) Derived drift against the energy, per unit of h."
)
CLAIMS = ("MF-New-integrators",)
MINUTES = 0.1

RULES = ("explicit", "alternating", "symplectic", "reference")
ENERGY = 0.5
# steps of (a); step sizes; periods of (c)
SIZES = {"smoke": (1000, (0.4, 0.2, 0.1), (5, 20)), "quick": (4000, (0.4, 0.2, 0.1, 0.05, 0.025), (20, 200)),
         "paper": (20000, (0.4, 0.2, 0.1, 0.05, 0.025, 0.0125), (20, 2000))}  # fmt: skip


def energies(rule, step, steps, theta=1.0, every=1, *, backend):
    """Return time and energy of a run from (theta, 0)."""
    toy = ganth.ToyWGAN(integrator=rule, time_step=step)
    run = toy.run(theta, steps=steps, record_every=every, threads=1, backend=backend)
    return run.time, toy.energy(run.particles[0, :, 0, 0], run.recorded["omega"][0])


def slope(rule, step, *, backend):
    """Return dE/dt over whole periods from an orbit of ENERGY, and the derived one."""
    toy = ganth.ToyWGAN(integrator=rule, time_step=step)
    time, energy = energies(
        rule, step, round(2 * float(toy.period(ENERGY)) / step), float(toy.turning_point(ENERGY)), backend=backend
    )
    # Over n periods to the first order: E grows, and the drift with it, so that the derived one is at the mean energy.
    return (energy[-1] - energy[0]) / time[-1], float(toy.drift((energy[-1] + energy[0]) / 2))


def compute(profile, seed, backend, jobs):
    steps, sizes, (short, long) = SIZES[profile]
    every = max(1, steps // 1000)
    period = float(ganth.ToyWGAN().period(ENERGY))
    theta = float(ganth.ToyWGAN().turning_point(ENERGY))
    errors = []
    for step in sizes:
        _, energy = energies("symplectic", step, round(long * period / step), theta, backend=backend)
        error = np.abs(energy - ENERGY)
        errors.append([error[: round(short * period / step)].max(), error.max()])
    courses = {rule: energies(rule, 0.1, steps, every=every, backend=backend) for rule in RULES}
    grid = np.geomspace(1e-3, 30, 40)
    return {
        "settings": {"gamma": 1.0, "energy": ENERGY, "short": short, "long": long},
        "symbolic": " ".join(str(x) for x in (theory.alternating_remainder(), theory.leapfrog_energy()[1])),
        "explicit_symbolic": str((theory.energy_rate("explicit") - theory.drift("explicit")).simplify()),
        "time": courses["reference"][0],
        "courses": np.array([courses[rule][1] for rule in RULES]),
        "sizes": np.array(sizes),
        "slopes": np.array([[slope(rule, step, backend=backend) for step in sizes] for rule in RULES[:2]]),
        "errors": np.array(errors),
        "grid": grid,
        "drifts": np.array([ganth.ToyWGAN(integrator=r, time_step=1.0).drift(grid) for r in RULES[:2]]),
    }


def check(result):
    slopes, sizes, errors = np.asarray(result["slopes"]), np.asarray(result["sizes"]), np.asarray(result["errors"])
    ratio = slopes[:, :, 0] / slopes[:, :, 1]
    last = ratio[:, -1]
    power = float(np.polyfit(np.log(sizes), np.log(errors[:, 0]), 1)[0])
    grown = float((errors[:, 1] / errors[:, 0]).max())
    outward = float(np.asarray(result["drifts"]).min())
    derived = result["symbolic"] == "0 0" and result["explicit_symbolic"] == "0"
    good = derived and np.abs(last - 1).max() < 0.05 and outward > 0 and abs(power - 2) < 0.1 and grown < 1.05
    return [
        Verdict(
            "MF-New-integrators", "holds" if good else "open", [*last.tolist(), outward, power, grown],
            [1.0, 1.0, "> 0", 2.0, 1.0], [0.05, 0.05, 0.0, 0.1, 0.05],
            "dE/dt of explicit and alternating steps over the derived drift at the smallest step; least derived drift, "
            "energies 1e-3 to 30; power of h in leapfrog's largest energy error; that error over "
            f"{result['settings']['long']} periods to that over {result['settings']['short']}.  SymPy: both drifts, "
            "and the energy that leapfrog keeps to order 4",
        )
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    hues = dict(zip(RULES, ("vermillion", "orange", "blue", "black"), strict=True))
    fig.set_size_inches(10, 7.5)
    (course, ratio), (error, drift) = fig.subplots(2, 2)
    for rule, energy in zip(RULES, np.asarray(result["courses"]), strict=True):
        style = "--" if rule == "reference" else "-"
        course.plot(result["time"], energy, style, color=palette[hues[rule]], label=rule)
    course.set(xlabel="time", ylabel="energy", title="(a) steps of 0.1", yscale="log")
    course.legend()
    slopes = np.asarray(result["slopes"])
    for rule, row, mark in zip(RULES, slopes, "os", strict=False):
        ratio.plot(result["sizes"], row[:, 0] / row[:, 1], f"{mark}-", color=palette[hues[rule]], label=rule)
    ratio.axhline(1, color="black", lw=0.8)
    ratio.set(xscale="log", xlabel="step h", ylabel="measured / derived drift", title="(b) drift at energy 1/2")
    ratio.legend()
    errors, sizes = np.asarray(result["errors"]), np.asarray(result["sizes"])
    names = (result["settings"]["short"], result["settings"]["long"])
    for row, name, mark, hue in zip(errors.T, names, "ox", ("blue", "orange"), strict=True):
        error.plot(sizes, row, mark, color=palette[hue], ms=7, mfc="none", label=f"{name} periods")
    error.plot(sizes, errors[0, 0] * (sizes / sizes[0]) ** 2, color="black", lw=0.8, label="∝ h²")
    error.set(xscale="log", yscale="log", xlabel="step h", ylabel="largest |E − 1/2|", title="(c) leapfrog")
    error.legend()
    for rule, row in zip(RULES, np.asarray(result["drifts"]), strict=False):
        drift.plot(result["grid"], row, color=palette[hues[rule]], label=rule)
    drift.set(xscale="log", yscale="log", xlabel="energy", ylabel="drift / h", title="(d) derived drift")
    drift.legend()
