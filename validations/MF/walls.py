"""MF toy with clipping: every large orbit joins one cycle, after a plateau on the wall that is exponentially long.

Shows two clipped orbits, their energy in time, and the time on the wall against where it was met.  Theory: on the wall
u(theta) moves at speed 1; the plateau is pi erfi(theta_hit/sqrt 2).  Writes walls.json, walls.png.
"""

import numpy as np
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.special import erfi

import ganth
from ganth.claims import Verdict

TITLE = "The clipped toy WGAN: wall cycle and plateau"
CAPTION = (
    "Gaussian prior, γ = 1, ω held in [−1, 1]. (a) Orbits from energies above 1/2 slide along the wall to θ = 0 and "
    "stay on the cycle of energy 1/(2γ) (black). (b) Their energy: constant, falling on the wall, then 1/2 for good. "
    "(c) Generated share at −1 for an orbit that meets the wall at −3.5: the generator sits on one mode for a long "
    "plateau. (d) Time on the wall: measured (dots) and π erfi(|θ_hit|/√2)."
)
CLAIMS = ("MF-New-wall-cycle", "MF-New-plateau")
MINUTES = 0.05

SHOWN = (0.8, 2.0, 4.0)
SIZES = {"smoke": (6, 20.0), "quick": (14, 60.0), "paper": (40, 200.0)}  # walls met; time watched afterwards


def played(theta, omega, time, steps, gamma=1.0, *, backend):
    """Return times, theta, omega and energy of a clipped run."""
    toy = ganth.ToyWGAN("normal", gamma, 1.0, time_step=time / steps)
    run = toy.run(theta, omega0=omega, steps=steps, record_every=1, threads=1, backend=backend)
    theta, omega = run.particles[0, :, 0, 0], run.recorded["omega"][0]
    return run.time, theta, omega, toy.energy(theta, omega)


def on_the_wall(hit, *, backend):
    """Return the time from (-hit, 1) on the wall, by bisection over played runs of one step: omega is still 1."""
    low, high = 0.0, 4.0 * float(ganth.ToyWGAN().coordinate(hit)) + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        _, theta, omega, _ = played(-hit, 1.0, middle, 1, backend=backend)
        low, high = (middle, high) if theta[-1] < 0 and omega[-1] == 1.0 else (low, middle)
    return (low + high) / 2


def integrated(hit):
    """Return the time that theta' = phi(theta) takes from -hit to 0, by SciPy."""

    def home(_, theta):
        return theta[0]

    home.terminal = True
    end = 2.0 * np.pi * erfi(hit / np.sqrt(2))
    found = solve_ivp(lambda _, theta: stats.norm.pdf(theta), (0, end), [-hit], "DOP853", events=home, rtol=1e-11,
                      atol=1e-13)  # fmt: skip
    return float(found.t_events[0][0])


def compute(profile, seed, backend, jobs):
    walls, after = SIZES[profile]
    hits = np.linspace(0.2, 5.0, walls)
    starts = ganth.streams.normal(seed, (8, 2)) * np.array([2.0, 1.0])
    toy, joined = ganth.ToyWGAN(clip=1.0), []
    for k, (theta, omega) in enumerate(starts):
        gamma = (1.0, 3.0)[k % 2]
        game = ganth.ToyWGAN("normal", gamma, 1.0)
        omega = float(np.clip(omega, -1, 1))
        start = float(game.energy(theta, omega))
        # A period at most to meet the wall, then the plateau.
        bound = float(game.period(start) + game.plateau(start))
        energy = played(theta, omega, bound + after, 4000, gamma, backend=backend)[3]
        late = energy[np.linspace(0, bound + after, 4001) > bound]
        joined.append([start / game.wall_energy, np.abs(late - min(start, game.wall_energy)).max()])
    result = {
        "settings": {"gamma": 1.0, "clip": 1.0, "after": after},
        "joined": np.array(joined),
        "hits": hits,
        "measured": np.array([on_the_wall(hit, backend=backend) for hit in hits]),
        "scipy": np.array([integrated(hit) for hit in hits]),
        "predicted": np.pi * erfi(hits / np.sqrt(2)),
        "games": np.array([float(toy.plateau(toy.energy(hit, 1.0))) for hit in hits]),
    }
    for energy in SHOWN:
        result[f"orbit_{energy}"] = np.array(
            played(-float(toy.turning_point(energy)), 0.0, 50.0, 1000, backend=backend)
        )
    result["collapse"] = np.array(played(-3.5, 1.0, 1700.0, 3400, backend=backend))[:2]
    result["cycle"] = np.array(
        played(-float(toy.turning_point(0.5)), 0.0, float(toy.period(0.5)), 200, backend=backend)
    )[1:3]
    return result


def check(result):
    level, gap = np.asarray(result["joined"]).T
    above = int((level > 1).sum())
    measured, predicted = np.asarray(result["measured"]), np.asarray(result["predicted"])
    error = float(np.abs(measured / predicted - 1).max())
    scipy_gap = float(np.abs(np.asarray(result["scipy"]) / predicted - 1).max())
    games = float(np.abs(np.asarray(result["games"]) / predicted - 1).max())
    hits = np.asarray(result["hits"])
    far = hits >= 2
    growth = float(np.polyfit(hits[far] ** 2 / 2, np.log(measured[far] * hits[far]), 1)[0])
    return [
        Verdict(
            "MF-New-wall-cycle", "holds" if above and gap.max() < 1e-11 else "open", [float(gap.max()), above],
            [0.0, "> 0"], [1e-11, None],
            "eight random starts, gamma = 1 and 3: largest gap of the energy to 1/(2 gamma), or to the start's where "
            f"that is less, at all times from a period and a plateau on for {result['settings']['after']:g}; how many "
            "began above",
        ),
        Verdict(
            "MF-New-plateau",
            "holds" if error < 1e-9 and scipy_gap < 1e-8 and games < 1e-12 and abs(growth - 1) < 0.15 else "open",
            [error, scipy_gap, games, growth, float(measured[-1])], [0.0, 0.0, 0.0, 1.0, float(predicted[-1])],
            [1e-9, 1e-8, 1e-12, 0.15, None],
            "time on the wall of played runs, relative to pi erfi(theta_hit/sqrt 2); that of SciPy's theta' = "
            "phi(theta); that of ToyWGAN.plateau; slope of log(theta_hit time) in theta_hit^2/2 from 2 on; the time "
            "at theta_hit = 5",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(10, 7.5)
    (plane, energy), (share, wall) = fig.subplots(2, 2)
    for value, hue in zip(SHOWN, ("blue", "orange", "vermillion"), strict=True):
        time, theta, omega, level = np.asarray(result[f"orbit_{value}"])
        plane.plot(theta, omega, color=palette[hue], label=f"from energy {value:g}")
        energy.plot(time, level, color=palette[hue], label=f"from energy {value:g}")
    plane.plot(*np.asarray(result["cycle"]), "--", color="black", label="cycle, energy 1/2")
    plane.set(xlabel="θ", ylabel="ω", ylim=(-1.15, 1.75), title="(a) orbits")
    plane.legend(loc="upper right", ncols=2)
    energy.axhline(0.5, color="black", lw=0.8, ls="--")
    energy.set(xlabel="time", ylabel="energy", title="(b) energy")
    energy.legend()
    time, theta = np.asarray(result["collapse"])
    share.plot(time, ganth.ToyWGAN().share(theta), color=palette["blue"])
    share.axhline(0.5, color="black", lw=0.8, ls="--")
    share.set(xlabel="time", ylabel="generated share at −1", title="(c) one mode, for long")
    hits = np.asarray(result["hits"])
    wall.plot(hits, result["predicted"], color=palette["orange"], label="π erfi(|θ|/√2)")
    wall.plot(hits, result["measured"], "o", color=palette["blue"], ms=5, mfc="none", label="measured")
    wall.set(yscale="log", xlabel="|θ| where the wall is met", ylabel="time on the wall", title="(d) plateau")
    wall.legend()
