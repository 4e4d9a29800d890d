"""KD section 4, theorem 2: collapse states of equal points, and which of them are stable.

Shows, for simplices of 2, 3 and 4 points, where a collapse state is a minimum of J and where the discriminator's
damping keeps it there, with the exact game's outcomes and growth rates on top.  Theory: with rho = 2N/(N+1) ln(N m),
r^2 = (N-1)/N rho; a minimum iff 0 < rho < 2; stable iff lambda > l_c g, l_c^2 = 1 - (1 + rho) e^-rho (d = N - 1) or
1 - e^-rho (d >= N), g = q sqrt(mu)/sigma.  Writes collapse.json, collapse.png.
"""

import math
from dataclasses import replace

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.stability import (
    collapse_equilibrium,
    collapse_modes,
    damping_threshold,
    local_minima,
    quadratic_pencil,
    restricted_mmd,
    spectrum,
)

TITLE = "Collapse states by number of points: stable, rotating, oscillating"
CAPTION = (
    "Top: states of N equal generated points around one true point, by the generated mass that they hold together "
    "(N q / p) and by lambda / g, g = q sqrt(mu)/sigma. The state exists right of N q = p and is a minimum of J up to "
    "N q = e^(1+1/N) p (hatched beyond). Line: closed-form threshold l_c; marks: the exact game from rest, kicked; it "
    "comes back (circle) or leaves (diamond on a line, triangle where it rotates). Bottom left: distance of the points "
    "of a pair, q = p, below and above l_c, kicked by a stray true mass. Bottom middle: their paths in the plane at "
    "0.6 l_c g: no rest, a rotation that does not end (o start, x end). Bottom right: the growth rates of single modes "
    "in the game against the closed-form roots. Settings: mu = 1, width 1, q = 1, eta_d = 0.05; one start each, the "
    "game is deterministic."
)
CLAIMS = ("KD-Thm2", "KD-Eq98", "KD-New-simplex", "KD-New-lamc", "KD-New-universal")
MINUTES = 0.2

# A pair of q = p: dimension, lambda / l_c g, stray true mass over p that kicks it.
PAIRS = [(1, 0.95, 1e-3), (1, 1.05, 1e-2), (2, 0.6, 1e-3), (2, 1.1, 1e-2)]
CASES = [(2, 1), (2, 2), (3, 2), (4, 3)]
SPREADS = {"smoke": [1.0], "quick": [0.4, 1.0, 1.6], "paper": [0.2, 0.5, 0.8, 1.1, 1.4, 1.7, 1.9]}
SHARES = {"smoke": [0.9, 1.1], "quick": [0.5, 0.85, 1.15, 1.5], "paper": [0.25, 0.5, 0.75, 0.9, 0.95, 1.05, 1.2, 2.0]}
RATED = 0.8  # from this share of the threshold on, growth is slow enough to be measured once f has settled
KICK, STRIDE = 1e-6, 20  # widths; steps between records, one unit of time 1/g
STRAY = 0.9 * np.array([0.48, 0.6, 0.64])  # where a stray true mass is put
RATE = 0.05  # eta_d = eta_g; g = 1
SEARCHES = {"smoke": 3, "quick": 30, "paper": 400}
RBF = ganth.RBF(1.0)
BLUE, ORANGE, GREEN = (ganth.plotting.PALETTE[name] for name in ("blue", "orange", "green"))
VERMILLION, PURPLE = (ganth.plotting.PALETTE[name] for name in ("vermillion", "purple"))


def mass_ratio(n, spread):
    """Return m = q / p of the simplex with |x_j - x_k|^2 = 2 spread."""
    return math.exp(spread * (n + 1) / (2 * n)) / n


def game_of(n, dim, spread, share, stray=0.0):
    """Return the exact game at reg = share of the threshold with q = 1, its points at rest, and reg.

    A stray true mass kicks them where wanted: an offset would not do, for turning all points excites nothing.
    """
    ratio = mass_ratio(n, spread)
    reg = share * damping_threshold(n, dim, ratio)
    true_points, masses = np.vstack([np.zeros(dim), STRAY[:dim]]), [1 / ratio, stray / ratio]
    rates = {"reg": reg, "lr_disc": RATE, "lr_gen": RATE, "tolerance": 1e-13}
    return ganth.KernelGAN(true_points, masses, kernel=RBF, **rates), collapse_equilibrium(n, dim, ratio)[1], reg


def wander(n, dim, spread, share, steps=None, stray=1e-6, every=4, *, backend):
    """Play from rest with a stray mass; return the run."""
    game, points, reg = game_of(n, dim, spread, share, stray)
    return game.run(
        points, np.ones(n), steps=steps or math.ceil(40 / (reg * RATE)), record_every=every, backend=backend
    )


def measured_root(n, dim, spread, share, *, backend):
    """Return the root of a motion's own growth in the game: breathing on a line, else a rotation.

    The points rest until f has settled, then they alone are kicked along the motion.  Breathing has a pair of roots,
    y_{k+2} = a y_{k+1} + b y_k; a rotation has 0 and one other, so that the differences of y are geometric.
    """
    game, points, reg = game_of(n, dim, spread, share)
    settled = STRIDE * math.ceil(25 / (reg * RATE * STRIDE))
    rest = game.run(points, np.ones(n), steps=settled, record_every=STRIDE, backend=backend)
    turn = np.zeros((dim, dim))
    turn[0, -1], turn[-1, 0] = 1.0, -1.0
    motion = points @ turn if dim > 1 else points
    motion = motion / np.linalg.norm(motion)
    kicked = replace(rest, state={**rest.state, "particles": rest.state["particles"] + KICK * motion})
    run = kicked.extend(20 * STRIDE)
    y = np.tensordot(run.particles[0, run.steps > rest.steps[-1]] - points, motion, axes=2)
    if dim == 1:
        rows = np.column_stack([y[1:-1], y[:-2]])
        (a, b), *_ = np.linalg.lstsq(rows, y[2:], rcond=None)
        z = np.roots([1.0, -a, -b])[0]
    else:
        d = np.diff(y)[:8]
        z = d[1:] @ d[:-1] / (d[:-1] @ d[:-1])
    root = (complex(z) ** (1.0 / STRIDE) - 1) / RATE
    return complex(root.real, abs(root.imag))


def expected_root(n, dim, spread, reg):
    """Return the closed form of the root that is measured."""
    name = "breathing" if dim == 1 else "rotation across" if dim >= n else "rotation"
    (mode,) = (mode for mode in collapse_modes(n, dim, mass_ratio(n, spread)) if mode.name == name)
    root = max(mode.roots(reg), key=abs)
    return complex(root.real, abs(root.imag))


def outcomes(profile, *, backend):
    """Return rows (case, captured mass, reg / g, Re and Im of the root expected and measured, left, share)."""
    rows = []
    for case, (n, dim) in enumerate(CASES):
        for spread in SPREADS[profile]:
            for share in SHARES[profile]:
                reg = share * damping_threshold(n, dim, mass_ratio(n, spread))
                exact = expected_root(n, dim, spread, reg)
                if share > RATED:
                    found = measured_root(n, dim, spread, share, backend=backend)
                    away = found.real > 0
                else:
                    found = complex(math.nan, math.nan)
                    run = wander(n, dim, spread, share, backend=backend)
                    away = (
                        np.abs(run.particles[0, -1] - run.particles[0, 0]).max() > 1e-3
                    )  # a thousand times the stray mass
                captured = n * mass_ratio(n, spread)
                rows.append([case, captured, reg, exact.real, exact.imag, found.real, found.imag, away, share])
    return np.array(rows, dtype=float)


def simplex_residuals():
    """Return the largest |gradient|, |eigenvalue - closed form| and |m where the softest mode turns - e^(1+1/N)/N|."""
    rest = stiffness = turning = 0.0
    for n in range(2, 7):
        for dim in (n - 1, n):
            for spread in (0.3, 1.0, 1.7, 2.5):
                ratio = mass_ratio(n, spread)
                _, points, _ = collapse_equilibrium(n, dim, ratio)
                _, gradient, hessian = restricted_mmd(np.zeros(dim), 1 / ratio, points, np.ones(n), RBF)
                modes = collapse_modes(n, dim, ratio)
                exact = np.sort(np.repeat([mode.stiffness for mode in modes], [mode.count for mode in modes]))
                rest = max(rest, float(np.abs(gradient).max()))
                found = np.linalg.eigvalsh(hessian.reshape(n * dim, n * dim))
                stiffness = max(stiffness, float(np.abs(found - exact).max()))
        low, high = 1.05 / n, 3.0 / n * math.e
        for _ in range(50):
            ratio = 0.5 * (low + high)
            _, points, _ = collapse_equilibrium(n, n - 1, ratio)
            hessian = restricted_mmd(np.zeros(n - 1), 1 / ratio, points, np.ones(n), RBF)[2]
            softest = np.linalg.eigvalsh(hessian.reshape(n * (n - 1), -1))[0]
            low, high = (ratio, high) if softest > -1e-13 else (low, ratio)
        turning = max(turning, abs(low * n / math.exp(1 + 1 / n) - 1))
    return [rest, stiffness, turning]


def search_gap():
    """Return the largest distance of a searched minimum's radii from the simplex's, in widths."""
    worst = 0.0
    for n, dim in [(2, 1), (2, 3), (3, 2)]:
        (state,) = local_minima(np.zeros(dim), 1.0, [0.8] * n, RBF, starts=10, spread=1.0).minima
        radius = collapse_equilibrium(n, dim, 0.8)[0]
        worst = max(worst, float(np.abs(np.linalg.norm(state.points, axis=1) - radius).max()))
    return worst


def curvature_signs():
    """Return the largest eigenvalue of -H (times lambda sigma^2 / q) over simplices that are minima."""
    largest = -math.inf
    for n in range(2, 7):
        for spread in np.linspace(0.05, 1.95, 20):
            ratio = mass_ratio(n, spread)
            _, points, _ = collapse_equilibrium(n, n - 1, ratio)
            at = {"reg": 1.0, "lr_ratio": 1.0}
            friction, _ = quadratic_pencil(np.zeros(n - 1), 1 / ratio, points, np.ones(n), RBF, **at)
            largest = max(largest, float(np.linalg.eigvalsh(friction)[-1]))
    return largest


def universal(count, seed):
    """Return, over searched minima of unequal masses in d = 2, 3: the largest Re s / g at reg = 1.001 g max, and the
    smallest leading root at reg = 0.02 g max of those with a point off the true point; and how many of each.
    """
    above, below, states = -math.inf, math.inf, 0
    rng = np.random.default_rng(seed)
    for trial in range(count):
        dim = int(rng.integers(2, 4))
        masses = rng.dirichlet(np.full(rng.integers(2, 4), 8.0)) * rng.uniform(1.1, 2.5)
        g = masses.max()
        for state in local_minima(np.zeros(dim), 1.0, masses, RBF, starts=3, seed=trial).minima:
            at = (np.zeros(dim), 1.0, state.points, masses, RBF)
            above = max(above, float(spectrum(*at, reg=1.001 * g, lr_ratio=1.0)[0].real) / g)
            if np.abs(state.points).max() > 0.05:
                roots = spectrum(*at, reg=0.02 * g, lr_ratio=1.0)
                below, states = min(below, float(roots[0].real) / g), states + 1
    return [above, below, states]


def compute(profile, seed, backend, jobs):
    gaps, balanced = [], 4 / 3 * math.log(2)  # q = p
    for dim, share, stray in PAIRS:
        run = wander(2, dim, balanced, share, 3000, stray, every=10, backend=backend)
        gaps.append(np.linalg.norm(run.particles[0, :, 0] - run.particles[0, :, 1], axis=1))
    circling = wander(2, 2, balanced, 0.6, 3000, 1e-3, backend=backend)
    pair = collapse_equilibrium(2, 2, 1.0)[1]
    unstable = spectrum([0.0, 0.0], 1.0, pair, [1.0, 1.0], RBF, reg=0.1, lr_ratio=1.0)[0].real
    none = [len(local_minima(np.zeros(2), 1.0, q, RBF, starts=30).minima) for q in ([2.3, 2.3], [1.0] * 4)]
    return {
        "settings": {"width": 1.0, "lr_ratio": 1.0, "lr_disc_g": RATE, "kick": KICK, "starts": 1},
        "outcomes": outcomes(profile, backend=backend),
        "gap_time": run.time,
        "gaps": np.array(gaps),
        "path": circling.particles[0].round(4),
        "residuals": simplex_residuals(),
        "search_gap": search_gap(),
        "largest_curvature": curvature_signs(),
        "universal": universal(SEARCHES[profile], seed),
        "unstable_root": float(unstable),
        "minima_found": none,
    }


def check(result):
    rows = np.asarray(result["outcomes"])
    exact, found, away, share = rows[:, 3] + 1j * rows[:, 4], rows[:, 5] + 1j * rows[:, 6], rows[:, 7], rows[:, 8]
    rated = share > RATED
    root_gap = float(np.abs(found - exact)[rated].max())
    sides = int(((found.real > 0) == (share < 1))[rated].sum() + (away[~rated] == (share[~rated] < 1)).sum())
    kinds = bool((np.abs(found.imag[rated & (rows[:, 0] == 0) & (share < 1)]) > 1e-2).all())
    kinds &= bool((np.abs(found.imag[rated & (rows[:, 0] > 0) & (share < 1)]) < 1e-3).all())
    rest, stiffness, turning = np.asarray(result["residuals"])
    above, below, states = np.asarray(result["universal"])
    broken = result["unstable_root"] > 0.1 and not np.any(result["minima_found"])
    return [
        Verdict(
            "KD-Thm2",
            "false" if broken else "open",
            [result["unstable_root"], *map(int, result["minima_found"])],
            "root < 0, minima > 0",
            0,
            "three failures, d = 2: growth rate over g of the only minimum for q = p, lambda = 0.1 g; bounded "
            "minima found from 30 starts for two points of q = 2.3 p and for four of q = p (N_max = 5)",
        ),
        Verdict(
            "KD-Eq98",
            "false" if result["largest_curvature"] < 0 else "open",
            result["largest_curvature"],
            ">= 0",
            0.0,
            "largest eigenvalue of Q lambda sigma^2 / (mu q^2) over 100 simplices that are minima, N = 2 to 6: all "
            "negative",
        ),
        Verdict(
            "KD-New-simplex",
            "holds" if max(rest, stiffness) < 1e-12 and max(turning, result["search_gap"]) < 1e-9 else "open",
            [float(stiffness), float(turning), result["search_gap"]],
            0.0,
            [1e-12, 1e-9, 1e-9],
            "closed-form eigenvalues against Hess J, N = 2 to 6; m where an eigenvalue turns over e^(1+1/N)/N; "
            "radius against a multistart search",
        ),
        Verdict(
            "KD-New-lamc",
            "holds" if root_gap < 5e-3 and sides == len(rows) and kinds else "open",
            root_gap,
            0.0,
            5e-3,
            f"growth rates of the exact game against the closed-form roots, over g; {sides} of {len(rows)} games "
            "fall on the right side of l_c; complex on a line, real in the plane and in space",
        ),
        Verdict(
            "KD-New-universal",
            "holds" if above < 1e-7 and below > 0 and states > 0 else "open",
            [float(above), float(below)],
            "<= 0 and > 0",
            1e-7,
            f"largest Re s / g at lambda = 1.001 g max, smallest leading root / g at 0.02 g max, over {int(states)} "
            "minima of unequal masses in d = 2, 3",
        ),
    ]


def draw(result, fig):
    fig.set_size_inches(10.5, 6.4)
    upper, lower = fig.subfigures(2, 1, height_ratios=[1.1, 1])
    rows = np.asarray(result["outcomes"])
    for case, ax in enumerate(upper.subplots(1, len(CASES), sharey=True)):
        draw_states(ax, *CASES[case], rows[rows[:, 0] == case])
        if case == 0:
            ax.set_ylabel(r"$\lambda / g$")
    line, plane, rate = lower.subplots(1, 3)

    for (dim, share, _), gap, colour in zip(PAIRS, result["gaps"], (ORANGE, BLUE, VERMILLION, GREEN), strict=True):
        line.plot(result["gap_time"], gap, color=colour, lw=1.2, label=f"d = {dim}, {share:g}")
    line.set(xlabel="time × g", ylabel="distance of the two points [widths]", xlim=(0, 150), ylim=(0, 2.5))
    line.legend(title=r"$\lambda / l_c g$", ncols=2, loc="lower left")

    path = np.asarray(result["path"])
    for point, colour in enumerate((VERMILLION, PURPLE)):
        plane.plot(path[:, point, 0], path[:, point, 1], color=colour, lw=0.8)
        plane.plot(*path[0, point], "o", color=colour, ms=5, mec="black")
        plane.plot(*path[-1, point], "x", color=colour, ms=8, mew=2)
    plane.plot(0, 0, "*", color=GREEN, ms=12)
    plane.text(0, -0.22, "true point", ha="center", color=GREEN, fontsize=9)
    plane.text(0.6, 0.0, "start", ha="right", va="center", fontsize=9)
    plane.set(xlabel="x [widths]", ylabel="y [widths]")
    plane.set_aspect("equal", adjustable="datalim")

    rated = rows[:, 8] > RATED
    for case, ((n, dim), mark) in enumerate(zip(CASES, "Do^s", strict=True)):
        chosen = rows[rated & (rows[:, 0] == case)]
        rate.plot(chosen[:, 3], chosen[:, 5], mark, ms=6 - case / 2, alpha=0.8, label=f"N = {n}, d = {dim}")
    low, high = rate.get_xlim()
    rate.plot([low, high], [low, high], color="0.5", lw=1, zorder=0)
    rate.set(xlabel="closed form Re s / g", ylabel="exact game Re s / g")
    rate.legend(loc="upper left")


def draw_states(ax, n, dim, rows):
    """Draw one panel of the upper row: regions, the threshold, and the games."""
    last = math.exp(1 + 1 / n)
    captured = np.linspace(1 + 1e-6, last * (1 - 1e-9), 300)
    edge = np.array([damping_threshold(n, dim, c / n) for c in captured])
    ax.fill_between(captured, edge, 1.4, color=BLUE, alpha=0.15, lw=0)
    if dim == 1:
        # the pair's softest mode has complex roots while l_c^2 / l - l < 2 sqrt(k), k = (2 - rho) e^-rho
        rho = 4 / 3 * np.log(captured)
        half = np.sqrt((2 - rho) * np.exp(-rho))
        node = np.sqrt(half**2 + edge**2) - half
        ax.fill_between(captured, node, edge, color=ORANGE, alpha=0.3, lw=0)
        ax.fill_between(captured, 0, node, color="0.5", alpha=0.3, lw=0)
        ax.text(2.6, 0.05, "runs apart", color="0.3", ha="center", fontsize=8.5)
        ax.text(2.72, 0.46, "oscillates", color="#8a5a00", ha="center", fontsize=8.5)
    else:
        ax.fill_between(captured, 0, edge, color=VERMILLION, alpha=0.22, lw=0)
        ax.text(1 + 0.55 * (last - 1), 0.08, "rotates", color=VERMILLION, ha="center", fontsize=8.5)
    ax.axvspan(last, 5, facecolor="none", edgecolor="0.7", hatch="///", lw=0)
    ax.plot(captured, edge, color="black")
    ax.text(1 + 0.5 * (last - 1), 1.25, "stable", color=BLUE, ha="center", fontsize=8.5)
    for _, x, y, _, _, _, _, away, _ in rows:
        mark, colour = ("o", BLUE) if not away else ("D", ORANGE) if dim == 1 else ("^", VERMILLION)
        ax.plot(x, y, mark, color=colour, ms=5, mec="black", mew=0.5, zorder=4)
    room = f"d = {dim}" if dim == n - 1 else f"d ≥ {dim}"
    ax.set(title=f"N = {n}, {room}", xlabel="captured mass N q / p", xlim=(0.9, 4.8), ylim=(0, 1.4))
