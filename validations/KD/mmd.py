"""KD App. B, eqs. (30)-(41): the restricted MMD J, whose critical points are the equilibria, and what it is not.

Shows J for two points on a line, its second derivatives against KD's (38), and trained losses against (31).  Theory:
dJ/dx_j = -lambda q_j grad f*(x_j), and lambda Q + R = mu Hess J at every configuration.  Writes mmd.json, mmd.png.
"""

import numpy as np

import ganth
from ganth import stability
from ganth.claims import Verdict

TITLE = "The restricted MMD and its derivatives"
CAPTION = (
    "Left: J for two generated points of the true mass on a line through the true point (RBF, σ = 1): a saddle with "
    "both at the true point, minima with one on either side, and valleys in which one point holds the true point and "
    "the other escapes. Middle: a diagonal second derivative of J by finite differences, at random configurations, "
    "against (38) as printed and with q_j and the term q_j² ∂²K/∂x∂x′. Right: losses of a discriminator trained to "
    "convergence against MMD²/(2λ): (31) is the discriminator's loss, not the generator's."
)
CLAIMS = ("KD-Eq31", "KD-Eq33", "KD-Lem3", "KD-Eq38", "KD-Eq41", "KD-New-identity")
MINUTES = 0.05

INSTANCES = {"smoke": 10, "quick": 150, "paper": 1500}
TRAINED = {"smoke": 3, "quick": 20, "paper": 60}
KERNELS = (ganth.RBF(1.0), ganth.RBF(0.6), ganth.MultiScale((0.7, 2.0)), ganth.RationalQuadratic(1.0, 1.5))
SPACING = 1e-4  # of finite differences; their error is about 1e-8


def random_region(rng):
    """Return one to three generated points and a true point in the plane, under one of the kernels."""
    n = int(rng.integers(1, 4))
    return {
        "true_point": rng.normal(size=2),
        "true_mass": float(rng.uniform(0, 2)),
        "points": rng.normal(size=(n, 2)),
        "masses": rng.uniform(0.2, 2.0, n),
        "kernel": KERNELS[rng.integers(len(KERNELS))],
    }


def slopes(region):
    """Return lambda grad f* at each generated point, (n, d), summed from the kernel's sections (37b)."""
    kernel, points = region["kernel"], region["points"]
    attraction = region["true_mass"] * kernel.gradient(points, region["true_point"][None])[:, 0]
    return attraction - np.einsum("k,jka->ja", region["masses"], kernel.gradient(points, points))


def differences(function, points):
    """Return the derivatives of a function of (n, d) points along every coordinate, by central differences."""
    rows = []
    for index in np.ndindex(points.shape):
        shift = np.zeros_like(points)
        shift[index] = SPACING
        rows.append((function(points + shift) - function(points - shift)) / (2 * SPACING))
    return np.array(rows)


def derivative_errors(region, reg, mu):
    """Return the largest errors of J's gradient, of the identity and of (41), and the numbers of (38)."""
    masses, points, kernel = np.repeat(region["masses"], 2), region["points"], region["kernel"]

    def energy(x):
        return ganth.metrics.mmd2(region["true_point"][None], x, kernel, [region["true_mass"]], region["masses"]) / 2

    gradient, trained = differences(energy, points), slopes(region).ravel()
    hessian = differences(lambda x: stability.restricted_mmd(**region | {"points": x})[1].ravel(), points)
    damping, coupling = stability.quadratic_pencil(**region, reg=reg, lr_ratio=mu)
    printed = reg * np.diag(damping) / (mu * masses)  # -lambda H(x_j)
    own = masses**2 * np.einsum("jjaa->ja", kernel.cross_hessian(points, points)).ravel()
    return {
        "energy_gap": abs(energy(points) - stability.restricted_mmd(**region)[0]),
        "gradient_gap": np.abs(gradient + masses * trained).max(),
        "printed_41_gap": np.abs(gradient + trained).max(),
        "identity_gap": np.abs((reg * damping + coupling) / mu - hessian).max(),
        "measured_38": np.diag(hessian)[0],
        "printed_38": printed[0],
        "corrected_38": (masses * printed + own)[0],
    }


def trained_losses(rng, reg, *, backend):
    """Return (MMD^2/(2 lambda), discriminator's loss, generator's loss) after training against points held still."""
    region = random_region(rng)
    true, p, points, q, kernel = (region[name] for name in ("true_point", "true_mass", "points", "masses", "kernel"))
    game = ganth.KernelGAN(true[None], [p], kernel=kernel, reg=reg, lr_disc=0.5, lr_gen=1e-30)
    f = game.run(points, q, steps=200, threads=1, backend=backend).discriminator(np.vstack([true[None], points]))
    pairing = p * f[0] - q @ f[1:]  # lambda |theta*|^2
    half_mmd = ganth.metrics.mmd2(true[None], points, kernel, [p], q) / (2 * reg)
    return half_mmd, pairing - pairing / 2, -q @ f[1:]


def region_gap(rng):
    """Return |J - sum of the J_i| of two regions, 100 widths apart and one width apart."""
    gaps = []
    for distance in (100.0, 1.0):
        points = 0.3 * rng.normal(size=(2, 2, 2))
        centres = np.array([[0.0, 0.0], [distance, 0.0]])
        whole = stability.mmd_energy(
            centres, [1, 0.5], (points + centres[:, None]).reshape(4, 2), [1.0] * 4, KERNELS[0]
        )[0]
        parts = [
            stability.restricted_mmd([0, 0], m, cloud, [1.0] * 2, KERNELS[0])[0]
            for m, cloud in zip((1, 0.5), points, strict=True)
        ]
        gaps.append(abs(whole - sum(parts)))
    return gaps


def equilibrium_gap(*, backend):
    """Return the gradient of J where a run has brought two points to rest, and how far they went."""
    start = np.array([[0.4], [-0.3]])
    run = ganth.KernelGAN([[0.0]], [1.0], kernel=KERNELS[0], reg=1.0, lr_disc=0.1, lr_gen=0.1).run(
        start, [0.7, 1.0], steps=3000, threads=1, backend=backend
    )
    gradient = stability.restricted_mmd([0.0], 1.0, run.final, [0.7, 1.0], KERNELS[0])[1]
    return float(np.abs(gradient).max()), float(np.abs(run.final - start).max())


def unmatched_entries():
    """Return how many entries of lambda Q + R - mu Hess J fail to cancel in SymPy: two points, any three features."""
    import sympy as sp

    from ganth.theory import linearisation as theory

    reg, mu, p, q1, q2, *x = sp.symbols("lambda mu p q1 q2 x0:3", positive=True)
    features = [sp.Function(f"a{m}") for m in range(3)]
    kernel = theory.feature_kernel(lambda y: [a(*y) for a in features])
    region = theory.Configuration(kernel, ((x[0],),), (p,), ((x[1],), (x[2],)), (q1, q2))
    rest = reg * region.friction(reg, mu) + region.coupling(mu) - mu * region.hessian()
    return sum(sp.expand(entry.doit()) != 0 for entry in rest)


def compute(profile, seed, backend, jobs):
    rng = np.random.default_rng(seed)
    reg, mu = 0.3, 0.7
    measured = [derivative_errors(random_region(rng), reg, mu) for _ in range(INSTANCES[profile])]
    axis = np.linspace(-3.5, 3.5, 71 if profile == "smoke" else 141)
    line = axis[:, None]
    pull = KERNELS[0].gram(line, [[0.0]])  # p = q = 1: J = 3/2 - K(x1, 0) - K(x2, 0) + K(x1, x2)
    landscape = 1.5 - pull - pull.T + KERNELS[0].gram(line, line)
    apart, together = region_gap(rng)
    gradient, travel = equilibrium_gap(backend=backend)
    return {
        "settings": {"reg": reg, "lr_ratio": mu, "instances": len(measured), "spacing": SPACING},
        **{name: np.array([row[name] for row in measured]) for name in measured[0]},
        "losses": np.array([trained_losses(rng, reg, backend=backend) for _ in range(TRAINED[profile])]),
        "unmatched_entries": unmatched_entries(),
        "regions_apart": apart,
        "regions_together": together,
        "rest_gradient": gradient,
        "rest_travel": travel,
        "axis": axis,
        "landscape": landscape,
    }


def check(result):
    largest = {
        name: float(np.max(result[name])) for name in ("energy_gap", "gradient_gap", "printed_41_gap", "identity_gap")
    }
    measured, printed, corrected = (np.asarray(result[f"{name}_38"]) for name in ("measured", "printed", "corrected"))
    printed_38, corrected_38 = float(np.abs(printed - measured).max()), float(np.abs(corrected - measured).max())
    half_mmd, discriminator, generator = np.asarray(result["losses"]).T
    loss_gap, printed_31 = float(np.abs(discriminator - half_mmd).max()), float(np.abs(generator - half_mmd).max())
    equivalence = largest["gradient_gap"] < 1e-6 and result["rest_gradient"] < 1e-9 < 0.1 < result["rest_travel"]
    return [
        Verdict(
            "KD-Eq31",
            ("false" if printed_31 > 0.1 else "holds") if loss_gap < 1e-9 else "open",
            printed_31,
            0.0,
            1e-9,
            f"trained generator loss less MMD^2/(2 lambda); the discriminator's loss is that to {loss_gap:.1e}",
        ),
        Verdict(
            "KD-Eq33",
            "holds"
            if largest["energy_gap"] < 1e-12 and result["regions_apart"] < 1e-12 < result["regions_together"]
            else "open",
            largest["energy_gap"],
            0.0,
            1e-12,
            f"2 J against the squared MMD; J less the sum of the J_i is {result['regions_apart']:.1e} for regions 100 "
            f"widths apart, {result['regions_together']:.2g} for one width",
        ),
        Verdict(
            "KD-Lem3",
            ("corrected" if printed_38 > 0.1 else "holds") if equivalence else "open",
            [largest["gradient_gap"], float(result["rest_gradient"]), printed_38],
            [0.0, 0.0, 0.0],
            [1e-6, 1e-9, 1e-6],
            "dJ/dx_j + lambda q_j grad f*(x_j); gradient of J where a run has come to rest; error of (38)",
        ),
        Verdict(
            "KD-Eq38",
            ("false" if printed_38 > 0.1 else "holds") if corrected_38 < 1e-6 else "open",
            printed_38,
            0.0,
            1e-6,
            f"printed less measured second derivative of J; with q_j and q_j^2 d2K/dxdx' it is {corrected_38:.1e}",
        ),
        Verdict(
            "KD-Eq41",
            ("false" if largest["printed_41_gap"] > 0.1 else "holds") if largest["gradient_gap"] < 1e-6 else "open",
            largest["printed_41_gap"],
            0.0,
            1e-6,
            f"printed less measured dJ/dx_j; with the factor q_j it is {largest['gradient_gap']:.1e}",
        ),
        Verdict(
            "KD-New-identity",
            "holds" if largest["identity_gap"] < 1e-6 and result["unmatched_entries"] == 0 else "open",
            [largest["identity_gap"], int(result["unmatched_entries"])],
            0.0,
            1e-6,
            "lambda Q + R less mu Hess J by finite differences; entries that fail to cancel in SymPy for any features",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(11.5, 3.7)
    left, middle, right = fig.subplots(1, 3)
    axis, landscape = np.asarray(result["axis"]), np.asarray(result["landscape"])
    ganth.plotting.heatmap(left, axis, axis, landscape, label="J")
    left.contour(axis, axis, landscape, levels=np.linspace(0.28, 0.6, 9), colors="white", linewidths=0.6)
    half = float(np.sqrt(2 * np.log(2) / 3))
    left.plot([half, -half], [-half, half], "o", color=colours["orange"], mec="black", label="minimum")
    left.plot([0], [0], "x", color=colours["vermillion"], mew=2, label="saddle")
    left.set(xlabel=r"$\tilde x_1$ / σ", ylabel=r"$\tilde x_2$ / σ", aspect="equal")
    left.legend(loc="upper right", frameon=True)

    measured = np.asarray(result["measured_38"])
    middle.axline((0, 0), slope=1, color="0.5", lw=0.8)
    middle.plot(measured, result["printed_38"], "x", color=colours["vermillion"], ms=4, label="(38) as printed")
    middle.plot(measured, result["corrected_38"], "o", color=colours["blue"], ms=4, mfc="none", label="corrected")
    middle.set(xlabel=r"$\partial^2 J/\partial \tilde x_{j}^2$ measured", ylabel="formula")
    middle.legend()

    half_mmd, discriminator, generator = np.asarray(result["losses"]).T
    right.axline((0, 0), slope=1, color="0.5", lw=0.8)
    right.plot(half_mmd, generator, "x", color=colours["vermillion"], label=r"generator's loss, (31)")
    right.plot(half_mmd, discriminator, "o", color=colours["blue"], mfc="none", label="discriminator's loss")
    right.set(xlabel=r"MMD$^2/(2\lambda)$", ylabel="trained loss")
    right.legend()
