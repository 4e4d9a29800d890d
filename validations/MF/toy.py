"""MF "Toy Example": masses, the ODE, what it conserves and what it does not, and its periods for gamma = 1 and 10.

Shows both phase portraits with the level lines of the printed energy, the printed and the true energy along an orbit,
and the period.  Theory: SymPy and mpmath (theory.toy_wgan), the played game, SciPy.  Writes toy.json, toy.png.
"""

import numpy as np
import sympy as sp
from scipy import stats
from scipy.integrate import solve_ivp

import ganth
from ganth.claims import Verdict
from ganth.theory import toy_wgan as theory

TITLE = "The toy WGAN: periodic orbits and their conserved energy"
CAPTION = (
    "θ′ = φ(θ)ω, ω′ = γ(1/2 − Φ(θ)), Gaussian prior. (a), (b) γ = 1 and 10: played orbits (lines) are closed; the "
    "printed E = cosh θ + ω²/γ (dotted, through the same starts) is not constant on them. (c) Relative change of three "
    "energies along the orbit from (2, 0), γ = 1: as printed, with the factor 1/2, and F(θ) + ω²/(2γ), which stays to "
    "1e-13. (d) Period against energy: √γ T for γ = 1 and 10 is one curve; dots are mpmath, dashed (2π)^(3/2)."
)
CLAIMS = (
    "MF-toy-pushforward", "MF-toy-energy", "MF-toy-periodic", "MF-toy-orbits", "MF-New-energy", "MF-New-logistic",
    "MF-New-period",
)  # fmt: skip
MINUTES = 0.1

STARTS = {1: (0.5, 1.0, 1.5, 2.0, 2.5), 10: (0.5, 1.0, 1.5, 2.0, 2.5)}
# points of an orbit; energies of the period; of those, by mpmath
SIZES = {"smoke": (64, 9, 3), "quick": (256, 41, 9), "paper": (1024, 81, 41)}


def orbit(toy, theta, points, turns=1.0, *, backend):
    """Return theta and omega over whole turns from (theta, 0)."""
    period = float(toy.period(toy.energy(theta, 0.0)))
    steps = round(points * turns)
    run = toy.with_settings(time_step=period / points).run(
        theta, steps=steps, record_every=1, threads=1, backend=backend
    )
    return run.particles[0, :, 0, 0], run.recorded["omega"][0]


def changes(prior, points, *, backend):
    """Return the relative changes of the printed energy, that with 1/2, and the true one, over an orbit from (2, 0)."""
    toy = ganth.ToyWGAN(prior)
    theta, omega = orbit(toy, 2.0, points, backend=backend)
    energies = np.array([np.cosh(theta) + omega**2, np.cosh(theta) + omega**2 / 2, toy.energy(theta, omega)])
    return energies / energies[:, :1] - 1


def long_run(theta, *, backend):
    """Return the largest change of the energy over 1000 units of time, and that of SciPy's DOP853 over 100."""
    toy = ganth.ToyWGAN()
    run = toy.run(theta, steps=10_000, record_every=10, threads=1, backend=backend)
    energy = toy.energy(run.particles[0, :, 0, 0], run.recorded["omega"][0])
    found = solve_ivp(
        lambda _, s: [stats.norm.pdf(s[0]) * s[1], 0.5 - stats.norm.cdf(s[0])], (0, 100), [theta, 0.0], "DOP853",
        rtol=1e-12, atol=1e-13, t_eval=[50.0, 100.0],
    )  # fmt: skip
    other = np.array([run.particles[0, [50, 100], 0, 0], run.recorded["omega"][0, [50, 100]]])
    return float(np.ptp(energy)), float(np.abs(found.y - other).max())


def compute(profile, seed, backend, jobs):
    points, energies, digits = SIZES[profile]
    grid = np.geomspace(1e-6, 1e4, energies)
    chosen = grid[np.linspace(0, energies - 1, digits).round().astype(int)]
    result = {
        "settings": {"prior": "normal", "gammas": [1, 10], "points": points},
        "objective": str(theory.objective()),
        "conserved_defect": str(theory.conserved_defect()),
        "printed_defect": str(theory.printed_defect(theory.normal, sp.Integer(1), 4)),
        "halved_defect": str(theory.printed_defect(theory.normal, sp.Rational(1, 2), 4)),
        "logistic_defect": str(theory.printed_defect(theory.logistic, sp.Rational(1, 2))),
        "logistic_printed_defect": str(theory.printed_defect(theory.logistic, sp.Integer(1), 2)),
        "series_gap": str(sp.expand(theory.potential_series(6) - theory.hypergeometric_series(6))),
        "rescalings": len(theory.rescalings()),
        "scaling_defect": str(list(theory.gamma_scaling_defect())),
        "smallest_period": str(theory.smallest_period(theory.normal)),
        "changes": changes("normal", points, backend=backend),
        "logistic_changes": changes("logistic", points, backend=backend),
        "long": np.array([long_run(theta, backend=backend) for theta in (0.3, 1.0, 2.0)]),
        "energies": grid,
        "periods": np.array([ganth.ToyWGAN("normal", g).period(grid) for g in (1.0, 10.0)]),
        "chosen": chosen,
        "period_digits": np.array([float(theory.period_digits(repr(float(e)), 16)) for e in chosen]),
    }
    closing = []
    for gamma, starts in STARTS.items():
        toy = ganth.ToyWGAN("normal", float(gamma))
        paths = np.array([orbit(toy, theta, points, backend=backend) for theta in starts])
        result[f"orbits_{gamma}"] = paths
        closing.append(np.abs(paths[:, :, -1] - paths[:, :, 0]).max())
    result["closing"] = np.array(closing)
    draws = ganth.streams.normal(seed, 200_000)
    thetas = np.array([-1.5, -0.3, 0.0, 0.7, 2.0])
    shares = np.array([(draws < theta).mean() for theta in thetas])
    result["shares"] = np.array([thetas, shares, ganth.ToyWGAN().share(thetas), stats.norm.cdf(thetas)])
    return result


def check(result):
    _, drawn, ours, scipys = np.asarray(result["shares"])
    spread = np.sqrt(scipys * (1 - scipys) / 200_000)
    off = float((np.abs(drawn - scipys) / spread).max())
    exact = float(np.abs(ours - scipys).max())
    printed, halved, true = np.abs(result["changes"]).max(axis=1)
    logistic_printed, logistic_halved, _ = np.abs(result["logistic_changes"]).max(axis=1)
    closing = np.asarray(result["closing"])
    drift, scipy_gap = np.asarray(result["long"]).max(axis=0)
    periods, grid = np.asarray(result["periods"]), np.asarray(result["energies"])
    places = np.searchsorted(grid, result["chosen"])
    gap = float(np.abs(periods[0, places] / np.asarray(result["period_digits"]) - 1).max())
    scaling = float(np.abs(periods[0] / periods[1] / np.sqrt(10) - 1).max())
    small = float(periods[0, 0] / (2 * np.pi) ** 1.5 - 1)
    derived = result["conserved_defect"] == "0" and result["objective"] == "omega*(1/2 - Phi(theta))"
    unsaved = result["printed_defect"] != "0" and result["halved_defect"] != "0"
    shape = max(np.ptp(np.asarray(result[f"orbits_{g}"])[:, 0] - np.asarray(result["orbits_1"])[:, 0]) for g in (1, 10))
    return [
        Verdict(
            "MF-toy-pushforward", "holds" if exact < 1e-14 and off < 5 else "open", [exact, off], [0.0, 0.0],
            [1e-14, 5.0],
            "generated mass at -1 against SciPy's Phi at five theta; share of 200,000 drawn z below theta, in standard "
            "errors",
        ),
        Verdict(
            "MF-toy-energy", "false" if unsaved and printed > 0.1 and true < 1e-12 else "open",
            [float(printed), float(halved), float(true)], [0.0, 0.0, 0.0], [1e-12, 1e-12, 1e-12],
            f"d/dt of the printed energy over omega is {result['printed_defect']} + ..., with omega^2/(2 gamma) "
            f"{result['halved_defect']} + ... (SymPy); largest relative change over an orbit from (2, 0), gamma = 1: "
            "as printed, with 1/2, and F + omega^2/(2 gamma)",
        ),
        Verdict(
            "MF-toy-periodic", "holds" if derived and closing.max() < 1e-9 and drift < 1e-12 else "open",
            [closing.tolist(), float(drift), float(scipy_gap)], [0.0, 0.0, 0.0], [1e-9, 1e-12, 1e-8],
            "gap of ten orbits after one period, gamma = 1 and 10; change of the energy over 1000 units of time; gap "
            "to SciPy's DOP853 at t = 50 and 100.  F has bounded level lines around its only minimum: SymPy's "
            "conserved F",
        ),
        Verdict(
            "MF-toy-orbits", "reproduced" if closing.max() < 1e-9 and shape < 1e-9 else "not-reproduced",
            [closing.tolist(), float(shape)], [0.0, 0.0], [1e-9, 1e-9],
            "gap of the orbits of both portraits after one period; gap in theta of the two portraits at equal phase: "
            "they are one family, omega scales by sqrt(gamma)",
        ),
        Verdict(
            "MF-New-energy",
            "holds" if derived and result["series_gap"] == "0" and result["rescalings"] == 0 and true < 1e-12
            else "open",
            [float(true), int(result["rescalings"])], [0.0, 0], [1e-12, 0],
            f"d/dt (F + omega^2/(2 gamma)) = {result['conserved_defect']} for any prior, and F less theta^2/2 2F2 is "
            f"{result['series_gap']} to theta^12 (SymPy); relative change over an orbit; number of rescalings (a, c) "
            "for which F' = c sinh(a theta) to order 5",
        ),
        Verdict(
            "MF-New-logistic",
            "holds" if result["logistic_defect"] == "0" and result["logistic_printed_defect"] != "0"
            and logistic_halved < 1e-12 < 0.1 < logistic_printed else "open",
            [float(logistic_halved), float(logistic_printed)], [0.0, "> 0"], [1e-12, 0.1],
            f"d/dt over omega is {result['logistic_defect']} with 1/(2 gamma), {result['logistic_printed_defect']} + "
            "... with 1/gamma (SymPy); relative changes over a played orbit from (2, 0)",
        ),
        Verdict(
            "MF-New-period",
            "holds" if gap < 1e-12 and scaling < 1e-12 and abs(small) < 1e-5
            and result["scaling_defect"] == "[0, 0]" else "open",
            [gap, scaling, small], [0.0, 0.0, 0.0], [1e-12, 1e-12, 1e-5],
            "quadrature against mpmath, energies 1e-6 to 1e4; T(gamma = 1)/T(10) against sqrt(10); T at energy 1e-6 "
            f"over (2 pi)^(3/2), less 1; limit {result['smallest_period']} (SymPy)",
        ),
    ]  # fmt: skip


def draw(result, fig):
    palette = ganth.plotting.PALETTE
    fig.set_size_inches(10, 8)
    (one, ten), (change, period) = fig.subplots(2, 2)
    for ax, gamma, name in ((one, 1, "a"), (ten, 10, "b")):
        paths = np.asarray(result[f"orbits_{gamma}"])
        for k, (theta, omega) in enumerate(paths):
            ax.plot(theta, omega, color=palette["blue"], label="" if k else "played")
            level = np.cosh(theta[0])
            x = np.linspace(-theta[0], theta[0], 200)
            y = np.sqrt(np.maximum(gamma * (level - np.cosh(x)), 0))
            ax.plot(np.r_[x, x[::-1]], np.r_[y, -y[::-1]], ":", color=palette["vermillion"], lw=1,
                    label="" if k else "printed energy")  # fmt: skip
        ax.plot(0, 0, "+", color="black")
        high = 1.35 * paths[-1, 1].max()
        ax.set(xlabel="θ", ylabel="ω", ylim=(-high / 1.25, high), title=f"({name}) γ = {gamma}")
        ax.legend(loc="upper center", ncols=2)
    turn = np.linspace(0, 1, np.shape(result["changes"])[1])
    labels = ("cosh θ + ω²/γ", "cosh θ + ω²/(2γ)", "F + ω²/(2γ)")
    for row, label, hue in zip(np.abs(result["changes"]), labels, ("vermillion", "orange", "blue"), strict=True):
        change.plot(turn, np.maximum(row, 1e-17), color=palette[hue], label=label)
    change.set(yscale="log", ylim=(1e-17, 30), xlabel="time / period", ylabel="relative change", title="(c) energies")
    change.legend(loc="center left", bbox_to_anchor=(0.06, 0.5))
    grid, periods = np.asarray(result["energies"]), np.asarray(result["periods"])
    period.plot(grid, periods[0], color=palette["blue"], label="γ = 1")
    period.plot(grid, np.sqrt(10) * periods[1], "--", color=palette["orange"], label="γ = 10")
    period.plot(result["chosen"], result["period_digits"], "o", color="black", ms=4, label="mpmath, γ = 1")
    period.axhline((2 * np.pi) ** 1.5, color="black", lw=0.8, ls="--")
    period.set(xscale="log", yscale="log", xlabel="energy", ylabel="√γ period", title="(d) period")
    period.legend()
