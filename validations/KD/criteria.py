"""KD theorem 1(c), (d) and App. C, eqs. (79)-(88): which constants decide the stability of one point.

Shows the criteria against the largest real part for random curvatures B = -d2K/dx2 and C = d2K/dxdx', as printed and
with the right constants, and the played counterexamples.  Theory: D(s) = s^2 I + s (lambda I + mu q excess B/lambda) +
mu q (excess B + q C), an oscillator.  Writes criteria.json, criteria.png.
"""

import numpy as np

import ganth
from ganth import stability
from ganth.claims import Verdict

TITLE = "Which constants decide for one point"
CAPTION = (
    "Top: criteria for stability, bottom: for instability, against the largest Re s of one point with less than its "
    "mass under it, kernels with random curvatures in the plane; stars: the counterexamples. Left as printed, (19), "
    "(85), (20); middle with (k₂, k₃) and (k₁, k₄); shaded: where a criterion errs. Right: counterexamples played "
    "with their exact kernels. An anisotropic RBF obeys (19) and swings out along its narrow axis; C small along an "
    "axis obeys (85) and leaves for another rest; B and C that do not commute obey (20) and come to rest."
)
CLAIMS = ("KD-Thm1c", "KD-Thm1d", "KD-Eq81-87", "KD-Eq83-84", "KD-Eq85-88", "KD-New-constants")
MINUTES = 0.08

INSTANCES = {"smoke": 200, "quick": 3000, "paper": 30_000}
STEPS = {"smoke": 1200, "quick": 1600, "paper": 3200}
STEP = 0.02
# (B, C, criterion, its constants): true mass 1/2, mass 1, lambda = mu = 1 throughout.
CASES = {
    "19": (np.diag([1.0, 4.0]), np.diag([1.0, 4.0]), (0, 2)),
    "85": (np.eye(2), np.diag([0.25, 4.0]), (1, 3)),
    "20": (np.diag([0.2, 2.2]), np.array([[2.1, 1.0], [1.0, 3.1]]), (1, 3)),
}


class Curved(ganth.kernels.Kernel):
    """(1 - x'Bx/2)(1 - y'By/2) + x'Cy: a kernel with any curvatures B and C at the origin."""

    def __init__(self, hill, slope):
        self.hill, self.slope = hill, slope

    def _cap(self, x):
        return 1 - np.einsum("na,ab,nb->n", x, self.hill, x) / 2

    def _gram(self, x, y):
        return np.outer(self._cap(x), self._cap(y)) + x @ self.slope @ y.T

    def _gradient(self, x, y):
        return -(x @ self.hill)[:, None] * self._cap(y)[:, None] + (y @ self.slope)[None]

    def _hessian(self, x, y):
        return -self.hill * np.broadcast_to(self._cap(y)[:, None, None], (len(x), len(y), 1, 1))

    def _cross_hessian(self, x, y):
        return (x @ self.hill)[:, None, :, None] * (y @ self.hill)[None, :, None, :] + self.slope

    def _diagonal(self, x):
        return self._cap(x) ** 2 + np.einsum("na,ab,nb->n", x, self.slope, x)


def constants(hill, slope):
    """Return (k1, k2, k3, k4), as sharp as Assumption 1 allows."""
    return np.concatenate([np.linalg.eigvalsh(hill)[[0, -1]], np.linalg.eigvalsh(slope)[[0, -1]]])


def criterion(k, which, p, q, reg, mu):
    """Return mu excess k_i q + min(lambda^2, mu q^2 k_j), the form of (19), (20), (85) and (88)."""
    return mu * (p - q) * k[which[0]] * q + min(reg**2, mu * q**2 * k[which[1]])


def roots(hill, slope, p, q, reg, mu):
    return stability.spectrum(np.zeros(2), p, np.zeros((1, 2)), [q], Curved(hill, slope), reg=reg, lr_ratio=mu)


def random_curvatures(rng):
    """Return B, C (not commuting, as a rule) and p, q, lambda, mu with p < q."""
    turns = [np.linalg.qr(rng.normal(size=(2, 2)))[0] for _ in range(2)]
    hill, slope = (t @ np.diag(np.exp(rng.uniform(-1.5, 1.5, 2))) @ t.T for t in turns)
    q, reg, mu = np.exp(rng.uniform(-1, 1, 3))
    return hill, slope, float(q * rng.uniform(0, 1)), float(q), float(reg), float(mu)


def measure(hill, slope, p, q, reg, mu, alpha):
    """Return the four criteria, the largest Re s, and what (81)-(87) say of one instance."""
    k = constants(hill, slope)
    values = [criterion(k, which, p, q, reg, mu) for which in ((0, 2), (1, 3), (1, 2), (0, 3))]
    s = roots(hill, slope, p, q, reg, mu)
    q1, q2 = mu * (q - p) * k[:2] * q / reg  # (80)
    r1, r2 = mu * q**2 * k[2:]  # (82)
    damping, coupling = reg * np.eye(2) - mu * (q - p) * q / reg * hill, mu * q**2 * slope
    matrix = (alpha + reg) * (alpha * np.eye(2) + damping - reg * np.eye(2)) + coupling
    least, size = np.linalg.eigvalsh(matrix)[0], np.abs(matrix).max()
    real = s.real[(np.abs(s.imag) < 1e-7 * np.abs(s).max()) & (s.real > 0)]
    bounding = np.roots([1.0, reg - q1, r2 - q1 * reg])
    positive = bool(((np.abs(bounding.imag) < 1e-9) & (bounding.real > 0)).any())
    return {
        "values": values,
        "right": s.real.max(),
        "bound_83_fails": least < (alpha + reg) * (alpha - q2) + r1 - 1e-9 * size,
        "bound_86_fails": least > (alpha + reg) * (alpha - q1) + r2 + 1e-9 * size,
        "met_84": reg > q2 and r1 > q2 * reg,
        "fails_84": reg > q2 and r1 > q2 * reg and (real.size > 0 or s.real.max() >= 0),
        "printed_87_wrong": positive != (reg > q1 or r1 > q1 * reg),
        "corrected_87_wrong": positive != (r2 < q1 * reg or (reg < q1 and (reg + q1) ** 2 >= 4 * r2)),
        "printed_81_wrong": not (mu * r1 <= np.linalg.eigvalsh(coupling)[0] * (1 + 1e-12)),
    }


def play(kernel, steps, *, backend):
    """Return the way of one point, mass 1 on a true mass of 1/2, lambda = mu = 1, from near rest."""
    game = ganth.KernelGAN([[0.0, 0.0]], [0.5], kernel=kernel, reg=1.0, lr_disc=STEP, lr_gen=STEP)
    return game.run([[0.03, 0.02]], [1.0], steps=steps, record_every=4, threads=1, backend=backend).particles[0, :, 0]


def compute(profile, seed, backend, jobs):
    rng = np.random.default_rng(seed)
    drawn = [measure(*random_curvatures(rng), float(np.exp(rng.uniform(-3, 2)))) for _ in range(INSTANCES[profile])]
    counted = {name: int(sum(row[name] for row in drawn)) for name in drawn[0] if name not in ("values", "right")}
    cases = [
        [
            criterion(constants(hill, slope), which, 0.5, 1.0, 1.0, 1.0),
            roots(hill, slope, 0.5, 1.0, 1.0, 1.0).real.max(),
        ]
        for hill, slope, which in CASES.values()
    ]
    steps = STEPS[profile]
    loose = criterion([1, 1, 0.01, 1], (0, 2), 0.5, 1.0, 1.0, 1.0)  # an RBF under a k3 that C does not attain
    return {
        "settings": {"lr_disc": STEP, "lr_gen": STEP, "steps": steps, "instances": len(drawn)},
        "values": np.array([row["values"] for row in drawn]),
        "right": np.array([row["right"] for row in drawn]),
        **counted,
        "cases": np.array(cases),
        "loose": [loose, float(roots(np.eye(2), np.eye(2), 0.5, 1.0, 1.0, 1.0).real.max())],
        "path_19": play(ganth.AnisotropicRBF((1.0, 0.5)), steps, backend=backend),
        "path_85": play(Curved(*CASES["85"][:2]), steps, backend=backend),
        "path_20": play(Curved(*CASES["20"][:2]), steps, backend=backend),
    }


def errors(result):
    """Return for printed (19), (85), (20), (88) and the two corrected criteria how often each errs."""
    values, right = np.asarray(result["values"]), np.asarray(result["right"])
    stable = [((values[:, i] > 1e-9) & (right > 1e-9)).sum() for i in (0, 1, 2)]
    unstable = [((values[:, i] < -1e-9) & (right < -1e-9)).sum() for i in (1, 0, 3)]
    return [int(count) for count in (*stable, *unstable)]


def check(result):
    wrong_19, wrong_85, wrong_stable, wrong_20, wrong_88, wrong_unstable = errors(result)
    (c19, right19), (c85, right85), (c20, right20) = np.asarray(result["cases"])
    distance = {name: np.linalg.norm(result[f"path_{name}"], axis=1) for name in CASES}
    leaves = {name: way[-len(way) // 4 :].max() > 3 * way[0] for name, way in distance.items()}
    rests = distance["20"][-len(distance["20"]) // 4 :].max() < 0.3 * distance["20"][0]
    loose, loose_right = np.asarray(result["loose"])
    n = len(np.asarray(result["right"]))
    return [
        Verdict(
            "KD-Thm1c",
            "false" if c19 > 0 and right19 > 0 and leaves["19"] else "open",
            [float(c19), float(right19)],
            ["> 0", "< 0"],
            0.0,
            "(19) and the largest Re s of an anisotropic RBF, widths 1 and 1/2, p = 1/2, q = lambda = mu = 1; "
            f"played, it leaves; of {n} random kernels {wrong_19} obey (19) and are unstable",
        ),
        Verdict(
            "KD-Thm1d",
            "false" if c20 < 0 and right20 < 0 and rests else "open",
            [float(c20), float(right20)],
            ["< 0", "> 0"],
            0.0,
            "(20) and the largest Re s of a kernel whose B and C do not commute; played, it comes to rest; of "
            f"{n} random kernels {wrong_20} obey (20) and are stable",
        ),
        Verdict(
            "KD-Eq81-87",
            "false" if result["printed_87_wrong"] > 0 and result["corrected_87_wrong"] == 0 else "open",
            [int(result["printed_87_wrong"]), int(result["corrected_87_wrong"])],
            [0, 0],
            0,
            f"of {n} random kernels, those where (87) misses whether (86) has a positive root, printed and corrected; "
            f"R lies outside mu [r1, ...] in {int(result['printed_81_wrong'])}; (86) itself fails in "
            f"{int(result['bound_86_fails'])}",
        ),
        Verdict(
            "KD-Eq83-84",
            "holds" if result["bound_83_fails"] == 0 and result["fails_84"] == 0 < result["met_84"] else "open",
            [int(result["bound_83_fails"]), int(result["fails_84"])],
            [0, 0],
            0,
            f"failures of (83) at a random alpha; of (84) among the {int(result['met_84'])} random kernels that obey "
            "it",
        ),
        Verdict(
            "KD-Eq85-88",
            "false" if c85 > 0 and right85 > 0 and leaves["85"] and loose < 0 and loose_right < 0 else "open",
            [float(c85), float(right85)],
            ["> 0", "< 0"],
            0.0,
            f"(85) and the largest Re s where C is small along one axis; {wrong_85} of {n} random kernels err so; "
            f"(88) errs in {wrong_88} with k3 attained, but calls an RBF unstable that has Re s = {loose_right:.2f} "
            "if k3 = 0.01",
        ),
        Verdict(
            "KD-New-constants",
            "holds" if wrong_stable == wrong_unstable == 0 < wrong_19 + wrong_85 else "open",
            [wrong_stable, wrong_unstable],
            [0, 0],
            0,
            f"of {n} random kernels, those that (k2, k3) calls stable and (k1, k4) unstable in error; the printed "
            f"constants err in {wrong_19} (19), {wrong_85} (85) and {wrong_20} (20)",
        ),
    ]


def draw(result, fig):
    colours = ganth.plotting.PALETTE
    fig.set_size_inches(11.5, 7.2)
    panels = fig.subplots(2, 3)
    values, right = np.asarray(result["values"]), np.asarray(result["right"])
    cases = dict(zip(CASES, np.asarray(result["cases"]), strict=True))
    shown = slice(0, 1500)
    layout = (
        (panels[0, 0], ((0, "blue", "(19): k₁, k₃"), (1, "sky", "(85): k₂, k₄")), ("19", "85"), +1),
        (panels[0, 1], ((2, "green", "k₂, k₃"),), (), +1),
        (panels[1, 0], ((1, "sky", "(20): k₂, k₄"),), ("20",), -1),
        (panels[1, 1], ((3, "green", "k₁, k₄"),), (), -1),
    )
    for axis, kinds, stars, sign in layout:
        corner = [(0, 0), (3, 0), (3, 4), (0, 4)] if sign > 0 else [(0, 0), (-3, 0), (-3, -4), (0, -4)]
        axis.fill(*zip(*corner, strict=True), color=colours["vermillion"], alpha=0.12, lw=0)
        for column, name, label in kinds:
            axis.plot(values[shown, column], right[shown], ".", color=colours[name], ms=3, label=label)
        for name in stars:
            axis.plot(*cases[name], "*", color=colours["vermillion"], mec="black", ms=13)
        axis.axhline(0, color="black", lw=0.8)
        axis.axvline(0, color="black", lw=0.8)
        verb = "stability" if sign > 0 else "instability"
        axis.set(xlim=(-3, 3), ylim=(-1.5, 3), xlabel=f"criterion for {verb}", ylabel="largest Re s")
        axis.legend(loc="upper left" if sign < 0 else "upper right", markerscale=3, frameon=True)

    swing, lengths = panels[0, 2], panels[1, 2]
    way = np.asarray(result["path_19"])
    time = 4 * STEP * np.arange(len(way))
    swing.plot(time, way[:, 1], color=colours["blue"], label="along the width 1/2")
    swing.plot(time, way[:, 0], color=colours["orange"], label="along the width 1")
    swing.set(xlabel="time (steps · η_d)", ylabel="x̃", ylim=(-0.5, 0.7), title="against (19)")
    swing.legend(loc="upper right", ncols=2, columnspacing=1.0)
    for name, colour in (("19", "blue"), ("85", "orange"), ("20", "green")):
        length = np.linalg.norm(result[f"path_{name}"], axis=1)
        lengths.semilogy(4 * STEP * np.arange(len(length)), length, color=colours[colour], label=f"against ({name})")
    lengths.set(xlabel="time (steps · η_d)", ylabel="distance from the true point", ylim=(1e-4, 30))
    lengths.legend(loc="upper right")
