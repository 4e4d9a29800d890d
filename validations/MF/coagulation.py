"""MF "Well Posedness": the critic's atoms flatten and coagulate at the wall; the toy with a threshold, sigmoid critics.

Shows atoms of the toy above and below the threshold, the time against theory, sigmoid critics that become one atom, and
one that grows wide again on a face.  Theory: theory.toy_wgan.  Writes coagulation.json, coagulation.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.theory import toy_wgan as theory

TITLE = "Coagulation of the critic at the boundary"
CAPTION = (
    "(a) Toy, γ = 1: slopes ω_j that start uniform on [−1, 1], F(θ₀) = 1.05 and 0.95 of 4/(3γ): one atom after the "
    "first swing, or a width for good. (b) Time until they are one: played (dots), integral (line), and the threshold. "
    "(c) 400 sigmoid atoms in [−c, c]³ against data at 1 and a generator at 3: ranges of α, β, γ shrink to 0 one after "
    "the other. (d) Atoms with neighbours 10⁻⁶ away: their width in β "
    "falls to 0 on the face β = c, and opens again when the generator is past the data, but they stay in a plane "
    "(black): a lost dimension does not return."
)
CLAIMS = ("MF-coagulation", "MF-New-coagulation", "MF-flatten", "MF-New-regrow", "MF-projection")
MINUTES = 0.15

CLIP, STEP, NEAR, NEAR_STEP = 0.5, 0.05, 1e-6, 0.005
# atoms of the toy; starts of (b); sigmoid atoms
SIZES = {"smoke": (201, 4, 60), "quick": (801, 9, 400), "paper": (4001, 25, 4000)}


def start_of(energy):
    """Return theta0 with F(theta0) = energy."""
    return float(ganth.ToyWGAN().turning_point(energy))


def toy_atoms(theta, atoms, time, gamma=1.0, step=2e-3, every=25, *, backend):
    """Return times and the atoms' places from uniform ones, theta0 = -theta."""
    toy = ganth.ToyWGAN("normal", gamma, 1.0, time_step=step, integrator="symplectic")
    spread = np.linspace(-1, 1, atoms)[None]
    run = toy.run(-theta, omega0=spread, steps=round(time / step), record_every=every, threads=1, backend=backend)
    return run.time, run.recorded["omega"][0]


def first_width_zero(theta, atoms, gamma, *, backend):
    """Return when the toy's atoms are one, to 0.01."""
    predicted = ganth.ToyWGAN("normal", gamma, 1.0).coagulation_time(theta)
    time, places = toy_atoms(theta, atoms, 1.3 * predicted + 0.1, gamma, every=5, backend=backend)
    one = np.flatnonzero(np.ptp(places, axis=1) == 0)
    return (float(time[one[0]]) if one.size else np.inf), predicted


def sigmoid_cloud(seed, atoms, *, backend):
    """Return times and ranges of alpha, beta, gamma of atoms with alpha, beta > 0 at start; later ranges and moves.

    Data 1, the generator one unit 6 s(0) = 3: the critic is 1000 times as fast, until `t0` and beyond; then, from
    where both are, as fast as the generator, so that the one atom leaves its corner.
    """
    settings = {"neurons": 1, "critic_neurons": atoms, "clip": CLIP, "batch": "full", "order": "simultaneous",
                "nodes": 2}  # fmt: skip
    game = ganth.MeanFieldWGAN([[1.0]], lr=STEP / 1000, n_critic=1000 * atoms, **settings)
    critic = CLIP * ganth.streams.uniform(seed, (atoms, 3), purpose=1)
    critic[:, 2] = 2 * critic[:, 2] - CLIP
    run = game.run([[6.0, 0.0, 0.0]], critic=critic, steps=1500, record_every=5, threads=1, backend=backend)
    places = run.recorded["critic"][0]
    free = ganth.MeanFieldWGAN([[1.0]], lr=STEP, n_critic=atoms, **settings)
    after = free.run(run.final, critic=places[-1], steps=6000, record_every=100, threads=1, backend=backend)
    later = after.recorded["critic"][0]
    travelled = np.abs(later[:, 0] - later[0, 0]).max()
    return STEP * run.steps, np.ptp(places, axis=1), np.ptp(later, axis=1).max(), travelled, places[-1, 0]


def neighbourhoods(seed, count, *, backend):
    """Return times, and of `count` atoms with three neighbours each: beta, its range, and how flat they lie.

    Flat: the least over the largest singular value of the three offsets, 1 at start.  First the generator is at 3, and
    the push on beta outwards; then at 0.2, where a swing past the data at 1 takes it, and the push inwards.
    """
    draws = ganth.streams.uniform(seed, (count, 3), purpose=1)
    base = np.column_stack([0.05 + 0.15 * draws[:, 0], CLIP - 0.02 * draws[:, 1] - 1e-4, 0.4 * draws[:, 2] - 0.2])
    offsets = np.concatenate([np.zeros((1, 3)), NEAR * np.eye(3)])
    critic = (base[:, None, :] + offsets).reshape(-1, 3)
    game = ganth.MeanFieldWGAN([[1.0]], neurons=1, critic_neurons=4 * count, lr=NEAR_STEP / 1000, clip=CLIP,
                               n_critic=4000 * count, batch="full", order="simultaneous", nodes=2)  # fmt: skip
    clouds = []
    for amplitude in (6.0, 0.4):
        run = game.run([[amplitude, 0.0, 0.0]], critic=critic, steps=260, record_every=10, threads=1, backend=backend)
        clouds.append(run.recorded["critic"][0])
        critic = clouds[-1][-1]
    places = np.concatenate([clouds[0], clouds[1][1:]]).reshape(-1, count, 4, 3)
    values = np.linalg.svd(places[:, :, 1:] - places[:, :, :1], compute_uv=False)
    flat = values[..., -1] / values[..., 0]
    beta = places[:, :, :, 1]
    return NEAR_STEP * 10 * np.arange(len(places)), beta[:, :, 0], np.ptp(beta, axis=2) / NEAR, flat


def projected_velocity(gap, *, backend):
    """Return the velocity of alpha at this distance from the wall c, over that of the push, in a step of 1e-9."""
    game = ganth.MeanFieldWGAN([[1.0]], neurons=1, lr=1e-9, clip=CLIP, batch="full", order="simultaneous", nodes=2)
    critic = np.array([[CLIP - gap, 0.25, 0.0]])
    run = game.run([[6.0, 0.0, 0.0]], critic=critic, steps=1, threads=1, backend=backend)
    push = game.velocities([[6.0, 0.0, 0.0]], critic)[1][0, 0]
    return float((run.recorded["critic"][0, 1] - critic)[0, 0] / (1e-9 * push))


def compute(profile, seed, backend, jobs):
    atoms, starts, sigmoid_atoms = SIZES[profile]
    threshold = float(theory.coagulation_threshold().subs(theory.gamma, 1))
    levels = np.r_[1.05, np.geomspace(1.2, 60, starts - 1)]
    # Where the played atoms stop becoming one: bisection on the energy, over the first swing.
    low, high = 0.5 * threshold, 2 * threshold
    for _ in range(7 if profile == "smoke" else 10):
        middle = (low + high) / 2
        _, places = toy_atoms(start_of(middle), 201, 14.0, step=5e-3, every=2800, backend=backend)
        low, high = (low, middle) if np.ptp(places[-1]) == 0 else (middle, high)
    time, ranges, later, travelled, corner = sigmoid_cloud(seed, sigmoid_atoms, backend=backend)
    near_time, beta, widths, flat = neighbourhoods(seed, 12, backend=backend)
    result = {
        "settings": {"gamma": 1.0, "clip": CLIP, "atoms": atoms, "sigmoid_atoms": sigmoid_atoms, "step": STEP},
        "threshold": threshold,
        "threshold_played": (low + high) / 2,
        "later_swings": str(theory.later_swings()),
        "levels": levels,
        "times": np.array(
            [first_width_zero(start_of(threshold * level), atoms, 1.0, backend=backend) for level in levels]
        ),
        "sigmoid_time": time,
        "sigmoid": ranges,
        "sigmoid_later": later,
        "travelled": travelled,
        "corner": corner,
        "near_time": near_time,
        "beta": beta,
        "near_widths": widths,
        "flat": flat,
        "gaps": np.array([1e-1, 1e-3, 1e-6, 0.0]),
        "projected": np.array([projected_velocity(gap, backend=backend) for gap in (1e-1, 1e-3, 1e-6, 0.0)]),
    }
    for name, level in (("above", 1.05), ("below", 0.95)):
        time, places = toy_atoms(start_of(threshold * level), 41, 60.0, backend=backend)
        result[f"time_{name}"], result[f"atoms_{name}"] = time, places
    return result


def regrown(result):
    """Return, of atoms that meet the face beta = c and leave it: least width before, on and after, flatness after."""
    beta, widths, flat = (np.asarray(result[name]) for name in ("beta", "near_widths", "flat"))
    before, on, after, rank = [], [], [], []
    for atom in range(beta.shape[1]):
        held = np.flatnonzero((widths[:, atom] == 0) & (beta[:, atom] == CLIP))
        if held.size and held[-1] + 1 < len(beta):
            before.append(widths[0, atom])
            on.append(widths[held, atom].max())
            after.append(widths[held[-1] + 1 :, atom].max())
            rank.append(flat[held[-1] + 1 :, atom].max())
    return np.array([before, on, after, rank])


def check(result):
    measured, predicted = np.asarray(result["times"]).T
    gap = float(np.abs(measured - predicted).max())
    threshold, played = result["threshold"], result["threshold_played"]
    below = np.ptp(np.asarray(result["atoms_below"]), axis=1)
    above = np.ptp(np.asarray(result["atoms_above"]), axis=1)
    ranges, time = np.asarray(result["sigmoid"]), np.asarray(result["sigmoid_time"])
    wide = ranges.max(axis=1)
    one = np.flatnonzero(wide == 0)
    sigmoid_time = float(time[one[0]]) if one.size else float("inf")
    stays = float(wide[one[0] :].max()) if one.size else float("inf")
    before, on, after, rank = regrown(result)
    inside, at = np.asarray(result["projected"])[:-1], float(result["projected"][-1])
    jump = float(np.abs(inside - 1).max())
    toy_one = float(np.asarray(result["time_above"])[np.flatnonzero(above == 0)[0]]) if (above == 0).any() else np.inf
    coagulated = np.isfinite(sigmoid_time) and stays == result["sigmoid_later"] == 0 < result["travelled"]
    return [
        Verdict(
            "MF-coagulation", "holds" if coagulated and np.isfinite(toy_one) else "open",
            [toy_one, sigmoid_time, stays, float(result["sigmoid_later"]), float(result["travelled"])],
            ["finite", "finite", 0.0, 0.0, "> 0"], [None, None, 0.0, 0.0, 0.0],
            "t0 of the toy at 1.05 of the threshold; t0 of sigmoid atoms; largest range of their parameters from t0 "
            "on, and while the generator is as fast as the critic, in which time the one atom travels this far",
        ),
        Verdict(
            "MF-New-coagulation",
            "holds" if abs(played / threshold - 1) < 0.01 and gap < 0.05 and below[-1] > 1e-6
            and result["later_swings"] == "(w - 1)*(w + 3)/2" else "open",
            [played, gap, float(below[-1])], [threshold, 0.0, "> 0"], [0.01 * threshold, 0.05, 1e-6],
            "F(theta0) at which 201 played atoms stop becoming one on the first swing; gap to the integral for the "
            "time; width at 0.95 of the threshold after 60 units of time.  SymPy: a sweep from wall to wall would "
            f"change the energy by {result['later_swings']} < 0 for each atom at w < 1, so that later swings do not "
            f"do it",
        ),
        Verdict(
            "MF-flatten",
            "corrected" if len(rank) and rank.max() < 1e-4 and after.min() > 0.05 and (np.diff(below) < 1e-12).all()
            else "open",
            [float(rank.max()), float(after.min()), float(np.diff(below).max())], [0.0, "0 as stated", 0.0],
            [1e-4, 0.05, 1e-12],
            "after leaving the face: least over largest singular value of three neighbours' offsets (a lost dimension "
            "stays lost), but their width normal to it, in units of the start's, is no longer 0; in the toy, where all "
            "atoms move alike, the width never grows",
        ),
        Verdict(
            "MF-New-regrow",
            "holds" if len(rank) >= 3 and on.max() == 0 and after.min() > 0.05 and before.min() > 0.9 else "open",
            [len(rank), float(before.min()), float(on.max()), float(after.min()), float(rank.max())],
            [">= 3", 1.0, 0.0, "> 0", 0.0], [3, 0.1, 0.0, 0.05, 1e-4],
            "atoms with three neighbours 1e-6 away that meet the face beta = c and leave it: how many; width in beta "
            "at the start, on the face, and its largest afterwards, over 1e-6; flatness afterwards",
        ),
        Verdict(
            "MF-projection", "corrected" if jump < 1e-5 and at == 0 else "open", [jump, at, 3], [0.0, 0.0, 1],
            [1e-5, 0.0, None],
            "velocity of alpha over the push, less 1, at 0.1, 1e-3 and 1e-6 from the wall, and at the wall: it jumps, "
            "as stated; parameters of an atom, K + 2 = 3 for K = 1, not K: the map is Q x R^(K+2) -> R^(K+2)",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(10, 7.8)
    (swing, times), (sigmoid, near) = fig.subplots(2, 2)
    for name, hue in (("above", "blue"), ("below", "orange")):
        time, places = np.asarray(result[f"time_{name}"]), np.asarray(result[f"atoms_{name}"])
        shown = time <= 40
        swing.plot(time[shown], places[shown, ::5], color=palette[hue], lw=0.8)
        level = "1.05" if name == "above" else "0.95"
        swing.plot([], [], color=palette[hue], label=f"{level} · 4/(3γ)")
    swing.set(xlabel="time", ylabel="ω of the atoms", title="(a) toy", ylim=(-1.1, 1.45))
    swing.legend(loc="upper right", ncols=2)
    fine = np.geomspace(1.0005, 60, 200)
    toy = ganth.ToyWGAN("normal", 1.0, 1.0)
    times.plot(fine, [toy.coagulation_time(start_of(result["threshold"] * level)) for level in fine],
               color=palette["orange"], label="integral")  # fmt: skip
    times.plot(result["levels"], np.asarray(result["times"])[:, 0], "o", color=palette["blue"], label="played")
    times.axvline(result["threshold_played"] / result["threshold"], color="black", ls="--", lw=0.8,
                  label="played threshold")  # fmt: skip
    times.set(xscale="log", xlabel="F(θ₀) / (4/(3γ))", ylabel="time until one atom", title="(b) toy")
    times.legend()
    for row, name, hue in zip(np.asarray(result["sigmoid"]).T, "αβγ", ("blue", "orange", "vermillion"), strict=True):
        sigmoid.plot(result["sigmoid_time"], row, color=palette[hue], label=name)
    sigmoid.set(xlabel="critic's time", ylabel="range over the atoms", title="(c) sigmoid critic")
    sigmoid.legend()
    time, widths = np.asarray(result["near_time"]), np.asarray(result["near_widths"])
    near.plot(time, widths, color=palette["sky"], lw=0.8)
    near.plot([], [], color=palette["sky"], label="12 neighbourhoods")
    near.plot(time, np.asarray(result["flat"]).max(axis=1), color=palette["black"], lw=1, label="flatness, largest")
    near.set(yscale="symlog", xlabel="critic's time", ylabel="width in β / 10⁻⁶", title="(d) leaving a face")
    near.set_yscale("symlog", linthresh=1e-7)
    near.legend()
