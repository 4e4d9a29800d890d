"""MF "Neural Networks" to "WGAN as a PDE": the algorithm, its scheme, its time step, RMSProp, clipping, the PDE.

Shows what RMSProp and plain descent make of twice as many units, the steepness of clipped critics, and velocities
against slopes of first variations.  Routes: the played game, NumPy by the formulas, differences.  Writes scheme.json,
scheme.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.nn import SGD, RMSProp

TITLE = "The algorithm, its time step, and RMSProp"
CAPTION = (
    "K = L = 1. (a) How far one unit has gone, N units and every unit doubled, 2N, at the same rate α: plain descent "
    "(blue) goes half as far, its time step is α/N; RMSProp (orange) goes as far, its time step is α. (b) Largest "
    "slope of 2,000 clipped critics over the bound c²√K/4. (c) RMSProp at rest: the printed rule without ε divides 0 "
    "by 0 at a unit whose slope is 0, and with β = 0 by 0 everywhere; shares of finite steps."
)
CLAIMS = (
    "MF-exchangeability", "MF-algorithm", "MF-time-step", "MF-clip-lipschitz", "MF-rmsprop", "MF-discrete-scheme",
    "MF-wgan-pde", "MF-New-rmsprop-scale",
)  # fmt: skip
MINUTES = 0.05

PAIR = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.0625)
CRITICS = {"smoke": 200, "quick": 2000, "paper": 20000}
STEPS, RATE = 60, 0.02


def game(**settings):
    defaults = {"neurons": 6, "critic_neurons": 4, "lr": 0.3, "clip": 0.6, "batch": "full", "order": "simultaneous"}
    return ganth.MeanFieldWGAN(PAIR, **{**defaults, "nodes": 20, **settings})


def doubled(optimiser, *, backend):
    """Return the path of the first unit with N units, with each unit twice, and the largest gap of all units."""
    one = game(neurons=6, critic_neurons=4, lr=RATE, optimiser=optimiser)
    two = game(neurons=12, critic_neurons=8, lr=RATE, optimiser=optimiser)
    first = one.run(steps=STEPS, record_every=1, seed=2, threads=1, backend=backend)
    atoms, critic = (np.repeat(start, 2, axis=0) for start in (first.particles[0, 0], first.recorded["critic"][0, 0]))
    second = two.run(atoms, critic=critic, steps=STEPS, record_every=1, threads=1, backend=backend)
    paths = np.array([first.particles[0, :, 0], second.particles[0, :, 0]])
    lengths = np.abs(np.diff(paths, axis=1)).sum(axis=(1, 2))
    return paths, float(lengths[1] / lengths[0]), float(np.abs(first.final - second.final[::2]).max())


def psi(atoms, weights, critics, critic_weights, nodes):
    """Return Psi of two weighted laws of units, by the formulas."""
    z, wz, x, wx = nodes

    def s(u):
        return 1 / (1 + np.exp(-u))

    def f(points):
        return (critic_weights * critics[:, 0] * s(points[:, None] * critics[:, 1] + critics[:, 2])).sum(axis=1)

    g = (weights * atoms[:, 0] * s(z * atoms[:, 1] + atoms[:, 2])).sum(axis=1)
    return wz @ f(g) - wx @ f(x[:, 0])


def variation_slopes(atoms, critics, nodes, of_critic):
    """Return the gradient of Psi's first variation at the first unit of one of the laws, by differences of it."""

    def variation(unit):
        def moved(eps):
            cloud = np.vstack([critics if of_critic else atoms, unit[None]])
            mine = np.r_[np.full(len(cloud) - 1, (1 - eps) / (len(cloud) - 1)), eps]
            other = np.full(len(atoms if of_critic else critics), 1 / len(atoms if of_critic else critics))
            return psi(atoms, other, cloud, mine, nodes) if of_critic else psi(cloud, mine, critics, other, nodes)

        return (moved(1e-4) - moved(-1e-4)) / 2e-4

    base, out = (critics if of_critic else atoms)[0], np.zeros(3)
    for i in range(3):
        step = 1e-4 * np.eye(3)[i]
        out[i] = (variation(base + step) - variation(base - step)) / 2e-4
    return out


def printed_rmsprop(slopes, beta, rate=0.1):
    """Return the steps of the printed rule, M <- (1 - beta) M + beta slope^2 from 0, index corrected."""
    mean, steps = np.zeros(slopes.shape[1]), []
    for slope in slopes:
        mean = (1 - beta) * mean + beta * slope**2
        with np.errstate(all="ignore"):
            steps.append(-rate * slope / np.sqrt(mean))
    return np.array(steps)


def our_rmsprop(slopes, decay, epsilon, rate=0.1):
    """Return the steps of ganth's RMSProp."""
    optimiser = RMSProp(decay=decay, epsilon=epsilon)
    kept, place, steps = optimiser.start(slopes.shape[1]), np.zeros(slopes.shape[1]), []
    for k, slope in enumerate(slopes, start=1):
        before = place.copy()
        optimiser.step(place, slope.copy(), kept, rate=rate, step=k)
        steps.append(place - before)
        place = np.nan_to_num(place)
    return np.array(steps)


def compute(profile, seed, backend, jobs):
    base = game()
    run = base.run(steps=1, seed=seed, threads=1, backend=backend)
    atoms, critic = run.particles[0, 0], run.recorded["critic"][0, 0]
    order = np.random.default_rng(seed).permutation(6)
    z = np.linspace(-2, 2, 9)[:, None]
    shuffled = np.abs(base.generator(atoms, z) - base.generator(atoms[order], z)).max()
    critic_shuffled = np.abs(base.critic(critic, z) - base.critic(critic[[2, 0, 3, 1]], z)).max()
    v, w = base.velocities(atoms, critic)
    scheme = np.abs(run.final - atoms - base.time_step * v).max()
    target = np.clip(critic + base.critic_speed * base.time_step * w, -0.6, 0.6)
    scheme = max(scheme, np.abs(run.recorded["critic"][0, 1] - target).max())
    nodes = base.expectations()
    pde = [np.abs(variation_slopes(atoms, critic, nodes, False) + v[0]).max(),
           np.abs(variation_slopes(atoms, critic, nodes, True) - w[0]).max()]  # fmt: skip
    # The printed signs: the critic ascends E f(x) - E f(g), the generator descends -E f(g): ours with alpha -> -alpha.
    mirrored = critic * np.array([-1.0, 1.0, 1.0])
    flipped = -base.velocities(atoms, mirrored)[0], -base.velocities(atoms, mirrored)[1]
    mirror = max(np.abs(flipped[0] - v).max(), np.abs(flipped[1] * [-1, 1, 1] - w).max())
    many = 0.6 * (2 * ganth.streams.uniform(seed, (CRITICS[profile], 3), purpose=5) - 1)
    many[0] = 0.6, 0.6, -0.3
    x = np.linspace(-40, 40, 4001)[:, None]
    steep = np.array([np.abs(base_gradient(one, x)).max() for one in many]) / base.lipschitz_bound
    slopes = ganth.streams.normal(seed, (30, 5), purpose=6)
    printed = printed_rmsprop(slopes, 0.1)
    resting = slopes.copy()
    resting[:3, 0] = 0.0
    finite = [np.isfinite(printed_rmsprop(resting, b)).mean() for b in (0.0, 0.1, 1.0)]
    plain, plain_ratio, plain_gap = doubled(SGD(), backend=backend)
    scaled, scaled_ratio, scaled_gap = doubled(RMSProp(decay=0.9, epsilon=0.0), backend=backend)
    return {
        "settings": {"rate": RATE, "steps": STEPS, "critics": CRITICS[profile], "clip": 0.6},
        "shuffled": float(max(shuffled, critic_shuffled)),
        "scheme": float(scheme),
        "pde": np.array(pde),
        "mirror": float(mirror),
        "dimensions": [3, 1 + 1 + 1, 2 + 2, 1 + 1 + 1],  # an atom for K = L = 1, printed; for K = 2, L = 1, printed
        "loop": [len(range(0, 5 + 1)), 5],  # t = 0, ..., n_critic, both ends taken
        "steep": steep,
        "printed_gap": float(np.abs(printed - our_rmsprop(slopes, 0.9, 0.0)).max()),
        "swapped_gap": float(np.abs(printed - our_rmsprop(slopes, 0.1, 0.0)).max()),
        "finite": np.array(finite),
        "scale_gap": float(np.abs(our_rmsprop(1e-3 * slopes, 0.9, 0.0) - printed).max()),
        "plain": plain,
        "scaled": scaled,
        "ratios": [plain_ratio, scaled_ratio],
        "gaps": [plain_gap, scaled_gap],
    }


def base_gradient(atom, x):
    """Return the slope of one critic's unit at x (m, 1)."""
    small = np.exp(-np.abs(x[:, 0] * atom[1] + atom[2]))
    return atom[0] * atom[1] * small / (1 + small) ** 2


def check(result):
    steep = np.asarray(result["steep"])
    finite = np.asarray(result["finite"])
    pde = np.asarray(result["pde"])
    plain, scaled = result["ratios"]
    own, _, plane, plane_printed = (int(n) for n in result["dimensions"])
    steps, wanted = (int(n) for n in result["loop"])
    return [
        Verdict(
            "MF-exchangeability", "corrected" if result["shuffled"] < 1e-14 else "open", result["shuffled"], 0.0, 1e-14,
            "change of both networks' values when their units are permuted; the critic's law is of omega_1, ..., "
            "omega_M",
        ),
        Verdict(
            "MF-algorithm", "corrected" if steps == wanted + 1 and result["mirror"] < 1e-14 else "open",
            [steps, result["mirror"]], [wanted, 0.0], [0, 1e-14],
            "passes of the loop t = 0, ..., n_critic for n_critic = 5: one too many; gap of the printed players' "
            "velocities, which see -Psi, to ours with alpha -> -alpha: the same game",
        ),
        Verdict(
            "MF-time-step", "corrected" if result["scheme"] < 1e-14 and abs(plain - 0.5) < 0.05 < abs(scaled - 0.5)
            else "open", [result["scheme"], plain, scaled], [0.0, 0.5, 0.5], [1e-14, 0.05, 0.05],
            "played step less alpha/N times the velocity (critic: n_critic N/M alpha/N), for plain descent; length of "
            "a unit's path with 2N units over that with N, at equal rate and number of steps: plain descent, and "
            "RMSProp, which the algorithm uses",
        ),
        Verdict(
            "MF-clip-lipschitz", "holds" if 0.999 < steep.max() <= 1 + 1e-12 else "open", float(steep.max()), "<= 1",
            1e-12, "largest slope of clipped critics over c^2 sqrt(K)/4, which the unit at a corner reaches",
        ),
        Verdict(
            "MF-rmsprop",
            "false" if result["printed_gap"] < 1e-12 < result["swapped_gap"] and finite[0] < 0.1 and finite[1] < 1
            else "open",
            [result["printed_gap"], result["swapped_gap"], *finite.tolist()], [0.0, 0.0, 1.0, 1.0, 1.0],
            [1e-12, 1e-12, 0.0, 0.0, 0.0],
            "as printed theta_{k+1} cancels and nothing moves; with the index corrected: gap to the usual RMSProp with "
            "decay 1 - beta and epsilon = 0, and with decay beta; shares of finite steps where one slope is 0 at "
            "first, beta = 0, 0.1, 1",
        ),
        Verdict(
            "MF-discrete-scheme", "corrected" if result["scheme"] < 1e-14 and plane != plane_printed else "open",
            [result["scheme"], plane, plane_printed], [0.0, plane, plane], [1e-14, 0, 0],
            "played step less the scheme's; parameters of a critic's unit for K = 2, L = 1, and the printed 1 + L + 1: "
            f"Q is in K + 2 dimensions (for K = L = 1 both are {own})",
        ),
        Verdict(
            "MF-wgan-pde", "holds" if pde.max() < 1e-6 else "open", pde.tolist(), [0.0, 0.0], [1e-6, 1e-6],
            "velocities of a unit of the generator and of the critic against minus and plus the gradients of Psi's "
            "first variations, by differences in the law and in the unit",
        ),
        Verdict(
            "MF-New-rmsprop-scale",
            "holds" if result["scale_gap"] < 1e-12 and result["gaps"][1] < 1e-9 and abs(scaled - 1) < 1e-6 else "open",
            [result["scale_gap"], result["gaps"][1], scaled], [0.0, 0.0, 1.0], [1e-12, 1e-9, 1e-6],
            "change of RMSProp's steps when slopes are multiplied by 1e-3; gap of all units, each doubled, after the "
            "run; quotient of path lengths",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(11, 3.9)
    path, steep, finite = fig.subplots(1, 3)
    for name, label, hue in (("plain", "descent", "blue"), ("scaled", "RMSProp", "orange")):
        one, two = np.asarray(result[name])
        one, two = (np.linalg.norm(way - way[0], axis=1)[1:] for way in (one, two))
        path.plot(one, color=palette[hue], label=f"{label}, N")
        path.plot(two, "--", color="black" if name == "scaled" else palette["sky"],
                  label=f"{label}, 2N")  # fmt: skip
    path.set(xlabel="step", ylabel="distance from the start", yscale="log", title="(a) one unit")
    path.legend()
    steep.hist(result["steep"], bins=40, color=palette["blue"])
    steep.axvline(1, color="black", ls="--")
    steep.set(xlabel="largest slope / bound", ylabel="critics", yscale="log", title="(b) clipped critics")
    finite.bar(["β = 0", "β = 0.1", "β = 1"], result["finite"], color=palette["orange"])
    finite.axhline(1, color="black", ls="--", lw=0.8)
    finite.set(ylabel="share of finite steps", ylim=(0, 1.1), title="(c) printed RMSProp")
