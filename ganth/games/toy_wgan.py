"""The toy WGAN: a generator with one threshold against a critic with one slope, and its conserved energy (MF)."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..backend import parallel_region
from ..checks import Floats
from ..discriminators import Discriminator, HingeCritic
from ..errors import ParameterError, ShapeError
from ..formulas import toy_wgan as formulas
from .game import Game, Progress, given_start, trial_keys
from .play import Engine, Observer, State
from .run import Run

# The code of a prior, and its density at 0.
_PRIORS = {
    "normal": (formulas.NORMAL, 1.0 / math.sqrt(2.0 * math.pi)),
    "logistic": (formulas.LOGISTIC, 0.25),
    "laplace": (formulas.LAPLACE, 0.5),
    "cauchy": (formulas.CAUCHY, 1.0 / math.pi),
}
_INTEGRATORS = ("explicit", "alternating", "symplectic", "reference")  # in the order of the loops' codes
_NODES = 40  # of Gauss and Legendre, in each piece of an orbit


@dataclass(frozen=True, eq=False)
class ToyWGAN(Game):
    r"""A generator g(z) = -1 for z < theta, else 1, and a critic f(x) = max(omega x, 0); data at -1 and 1, half each.

    With Phi and phi the distribution and density of z, Psi = E f(g(z)) - E f(X) = omega (1/2 - Phi(theta)), and
    descent in theta, ascent in omega at speed gamma are

    .. math:: \theta' = \varphi(\theta)\, \omega, \qquad \omega' = \gamma \big(\tfrac12 - \Phi(\theta)\big),
        \qquad E = F(\theta) + \frac{\omega^2}{2\gamma}, \quad F' = \frac{\Phi - 1/2}{\varphi}, \quad F(0) = 0 :

    E is conserved.  In u(theta), u' = 1/phi, for the normal law pi erfi(theta/sqrt 2), it is Newton's law: u' = omega.

    Parameters
    ----------
    prior : {"normal", "logistic", "laplace", "cauchy"}
        Law of z, of scale 1.
    gamma : float > 0
        Speed of the critic.
    clip : float > 0, optional
        omega is held in [-clip, clip].  None: it is free.
    time_step : float > 0
        Time of a step.
    integrator : {"reference", "explicit", "alternating", "symplectic"}
        "explicit": both from the old values.  "alternating": omega first, then theta from the new one.  "symplectic":
        leapfrog in (u, omega).  "reference": extrapolation of order 16 to rounding, put back on its level of E after
        each step; exact on the wall.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: MF, "Toy Example"; there E is printed as cosh(theta) + omega^2/gamma.  cosh(theta) - 1 + omega^2/(2 gamma)
    is right for the logistic prior; the normal one has F = theta^2/2 2F2(1, 1; 3/2, 2; theta^2/2).  The critic may have
    several atoms omega_j, f = mean max(omega_j x, 0): then theta' = phi mean(omega), and each omega_j moves alike.
    Cost: 20 ns a step, "symplectic" 1 us, "reference" 2 to 20 us.

    Examples
    --------
    >>> import ganth
    >>> toy = ganth.ToyWGAN("normal", 1.0)
    >>> print(round(toy.period(1e-8) / (2 * np.pi) ** 1.5, 6), round(toy.period(1.0), 6))
    1.0 19.333453
    >>> run = toy.run(1.0, steps=10_000)  # of 0.1 each
    >>> bool(abs(toy.energy(run.final[0, 0], run.recorded["omega"][0, -1]) - toy.energy(1.0, 0.0)) < 1e-12)
    True
    """

    prior: str = "normal"
    gamma: float = 1.0
    clip: float | None = None
    _: KW_ONLY
    time_step: float = 0.1
    integrator: str = "reference"

    def __post_init__(self) -> None:
        checks.choice("prior", self.prior, tuple(_PRIORS))
        checks.choice("integrator", self.integrator, _INTEGRATORS)
        for name in ("gamma", "time_step"):
            object.__setattr__(self, name, checks.number(name, getattr(self, name), above=0))
        if self.clip is not None:
            object.__setattr__(self, "clip", checks.number("clip", self.clip, above=0))

    @property
    def lr_disc(self) -> float:
        """The time of a step, as `Run.time` asks for it."""
        return self.time_step

    @property
    def code(self) -> int:
        """The prior's code in `formulas.toy_wgan`."""
        return _PRIORS[self.prior][0]

    def share(self, theta: ArrayLike) -> Any:
        """Return Phi(theta), the generated mass at -1; what is left is at 1.

        >>> float(ToyWGAN("logistic").share(0.0))
        0.5
        """
        return 0.5 + self._values("excesses", "theta", theta)

    def distance(self, theta: ArrayLike) -> Any:
        """Return the Wasserstein-1 distance of generated to true mass, 2 abs(Phi(theta) - 1/2)."""
        return 2.0 * np.abs(self._values("excesses", "theta", theta))

    def coordinate(self, theta: ArrayLike) -> Any:
        """Return u(theta) = int_0^theta 1/phi: with omega held it grows by omega in a unit of time."""
        return self._values("coordinates_of", "theta", theta)

    def energy(self, theta: ArrayLike, omega: ArrayLike) -> Any:
        """Return the conserved F(theta) + omega^2 / (2 gamma), F(0) = 0; arrays are broadcast.

        F is a sum of positive terms or free of cancellation; it overflows to inf beyond theta = 37 (normal), 709.

        >>> print(round(ToyWGAN("logistic", 2.0).energy(1.0, 1.0) - np.cosh(1.0) + 1, 12))
        0.25
        """
        slope = checks.array("omega", omega, "any", tuple(range(32)))
        return (self._values("potentials", "theta", theta) + slope**2 / (2.0 * self.gamma))[()]

    def turning_point(self, energy: ArrayLike) -> Any:
        """Return the largest theta of the orbit of an energy >= 0, F(theta) = energy."""
        return self._values("turning_points", "energy", self._checked("energy", energy))

    def period(self, energy: ArrayLike) -> Any:
        r"""Return the period of the orbit of an energy >= 0, without clipping.

        With F(theta) = E sin^2 a, a from 0 to pi/2, it is

        .. math:: T = 4 \sqrt{\frac{2E}{\gamma}} \int_0^{\pi/2} \frac{\sin a\ da}{\Phi(\theta) - 1/2},
            \qquad T \to \frac{2\pi}{\varphi(0) \sqrt\gamma} \quad (E \to 0),

        by Gauss and Legendre's rule in pieces that double from 1/sqrt(E) on; error 1e-13.

        >>> print(round(ToyWGAN("logistic").period(0.0) / np.pi, 12))  # 2 / phi(0)
        8.0
        """
        energies = self._checked("energy", energy)
        found = [4.0 * self._orbit(float(one))[2].sum() for one in energies.ravel()]
        return np.array(found).reshape(energies.shape)[()]

    def drift(self, energy: ArrayLike) -> Any:
        r"""Return dE/dt of the integrator, the mean over an orbit of this energy, to first order in the time step h.

        .. math:: \text{explicit: } \frac h2 \big\langle (\varphi^2 - (\Phi - \tfrac12) \varphi')\, \omega^2 +
            \gamma (\Phi - \tfrac12)^2 \big\rangle, \qquad
            \text{alternating: } \frac h2 \big\langle -(\Phi - \tfrac12)\, \varphi'\, \omega^2 \big\rangle,

        both > 0, outwards; zero for "symplectic" and "reference".
        """
        from .toy_wgan_cpu import drifts

        energies = self._checked("energy", energy)
        found = np.zeros(energies.size)
        if self.integrator in ("explicit", "alternating"):
            kind = _INTEGRATORS.index(self.integrator)
            for i, one in enumerate(energies.ravel()):
                theta, square, time = self._orbit(float(one))
                mean = np.empty(len(theta))
                drifts(mean, self.code, self.gamma, theta, square, kind)
                found[i] = self.time_step * (mean @ time) / time.sum()
        return found.reshape(energies.shape)[()]

    @property
    def wall_energy(self) -> float:
        """clip^2 / (2 gamma): that of the largest orbit inside the walls, which all orbits beyond it join."""
        return math.inf if self.clip is None else self.clip**2 / (2.0 * self.gamma)

    def plateau(self, energy: ArrayLike) -> Any:
        r"""Return the time for which an orbit of this energy stays on the wall omega = +-clip, 0 below `wall_energy`.

        It meets the wall at theta_hit, F(theta_hit) = E - clip^2/(2 gamma), and leaves it at theta = 0: the time is
        u(theta_hit)/clip, for the normal law :math:`\pi\, \mathrm{erfi}(\theta_{hit}/\sqrt2) / clip`.

        >>> print(round(ToyWGAN(clip=1.0).plateau(8.0), 4))
        18.0548
        """
        self._need_clip("plateau")
        above = np.maximum(self._checked("energy", energy) - self.wall_energy, 0.0)
        return self.coordinate(self.turning_point(above)) / self.clip

    def coagulation_time(self, theta0: float) -> float:
        r"""Return when the critic's atoms, uniform on [-clip, clip] at start, become one, or inf: it must be at once.

        All move by the same D until they meet the wall, their mean is D - D^2/(4 clip), and
        F(theta) = F(theta0) - (D^2/2 - D^3/(12 clip))/gamma: D reaches 2 clip iff F(theta0) > 4 clip^2/(3 gamma).

        >>> ToyWGAN(clip=1.0).coagulation_time(1.2)
        inf
        """
        self._need_clip("coagulation_time")
        clip = cast(float, self.clip)
        start = float(self.energy(checks.number("theta0", theta0), 0.0))
        node, weight = np.polynomial.legendre.leggauss(4 * _NODES)
        # Near the threshold the end takes longest: D = 2 clip (1 - s^2), s from 1 to 0.
        s = 0.5 * (node + 1.0)
        moved = 2.0 * clip * (1.0 - s**2)
        left = start - (moved**2 / 2.0 - moved**3 / (12.0 * clip)) / self.gamma
        if start <= 4.0 * clip**2 / (3.0 * self.gamma):
            return math.inf
        push = self.gamma * self._values("excesses", "theta", self.turning_point(left))
        return float(np.sum(0.5 * weight * 4.0 * clip * s / push))

    def run(
        self,
        generated: ArrayLike | None = None,
        *,
        omega0: ArrayLike = 0.0,
        steps: int,
        trials: int = 1,
        first_trial: int = 0,
        seed: int | np.random.Generator = 0,
        record_every: int | None = None,
        observer: Observer | None = None,
        backend: str = "cpu",
        dtype: str = "float64",
        progress: Progress = None,
        threads: int | None = None,
    ) -> Run:
        """Play `steps` steps of `trials` trials and return their record; `run.recorded["omega"]` holds omega.

        Parameters
        ----------
        generated : float, (1, 1) or (trials, 1, 1) array, optional
            Start of theta.  None: 1.
        omega0 : float, (trials,) or (trials, m) array
            Start of omega; with m, of the m atoms of each trial's critic (not for "reference").  It is clipped.
        steps : int >= 0
        trials, first_trial : int
            Nothing is drawn: trials differ in their starts alone.
        seed : int in [0, 2**64) or numpy Generator
            Kept in the record, without effect.
        record_every : int >= 1, optional
            Steps between records.  None keeps the first and the last.
        observer : function of (step, particles), optional
            Called with each record, particles (trials, 1, 1).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64", "float32"}
            Of the state; arithmetic and records are float64.
        progress : bool or function of (steps done, steps), optional
        threads : int, optional
            CPU threads; never changes a bit of the result.

        Returns
        -------
        Run
            particles (trials, records, 1, 1) hold theta, recorded["omega"] (trials, records) or (trials, records, m).

        Raises
        ------
        ParameterError, ShapeError
            For bad input.
        BackendUnavailableError
            If the backend cannot run here.
        InterruptedRun
            On Ctrl-C: its `.run` holds the finished records.
        """
        options = self._options(
            steps=steps,
            trials=trials,
            first_trial=first_trial,
            record_every=record_every,
            backend=backend,
            dtype=dtype,
        )
        count = options["trials"]
        start = 1.0 if generated is None else generated
        theta = given_start(np.full((1, 1), start) if np.ndim(start) == 0 else start, 1, count, 1)
        omega = checks.array("omega0", omega0, "(), (trials,) or (trials, m)", (0, 1, 2))
        if omega.ndim and (len(omega) != count or omega.size == 0):
            raise ShapeError(f"omega0 must be a number or have shape ({count},) or ({count}, m), got {omega.shape}")
        if omega.ndim == 2 and self.integrator == "reference":
            raise ParameterError("integrator must not be 'reference' for a critic of several atoms")
        options["omega0"] = omega.tolist()
        key = checks.seed_key(seed)
        return self._play(theta, np.ones(1), key, options, observer=observer, progress=progress, threads=threads)

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        return ToyEngine(self, options, threads)

    def _values(self, loop: str, name: str, value: ArrayLike) -> Any:
        from . import toy_wgan_cpu

        given = checks.array(name, value, "any", tuple(range(32)))
        out = np.empty(given.size)
        getattr(toy_wgan_cpu, loop)(out, self.code, given.ravel())
        return out.reshape(given.shape)[()]

    def _checked(self, name: str, value: ArrayLike) -> Floats:
        given = checks.array(name, value, "any", tuple(range(32)))
        if (given < 0).any():
            raise ParameterError(f"{name} must be >= 0, got {float(given.min())}")
        return given

    def _need_clip(self, what: str) -> None:
        if self.clip is None:
            raise ParameterError(f"clip must be a number > 0 for {what}, got None")

    def _orbit(self, energy: float) -> tuple[Floats, Floats, Floats]:
        """Return theta, omega^2 and times of the nodes of a quarter of an orbit."""
        if energy == 0.0:
            quarter = math.pi / 2.0 / math.sqrt(self.gamma) / _PRIORS[self.prior][1]
            return np.zeros(1), np.zeros(1), np.array([quarter])
        node, weight = np.polynomial.legendre.leggauss(_NODES)
        ends = [0.0, min(math.pi / 2.0, max(1.0, energy) ** -0.5)]
        while ends[-1] < math.pi / 2.0:
            ends.append(min(math.pi / 2.0, 2.0 * ends[-1]))
        half = np.diff(ends)[:, None] / 2.0
        angle = (np.array(ends[:-1])[:, None] + half * (node + 1.0)).ravel()
        theta = self.turning_point(energy * np.sin(angle) ** 2)
        pace = math.sqrt(2.0 * energy / self.gamma) * np.sin(angle) / self._values("excesses", "theta", theta)
        return theta, 2.0 * self.gamma * energy * np.cos(angle) ** 2, (half * weight).ravel() * pace


class ToyEngine:
    """Plays `ToyWGAN`.  The state keeps, beside what every engine keeps, "omega" (trials,) or (trials, m) and "u"."""

    recorded: tuple[str, ...] = ("omega",)

    def __init__(self, game: ToyWGAN, options: dict[str, Any], threads: int | None) -> None:
        self.game, self.threads, self.omega0, self.backend = game, threads, options["omega0"], options["backend"]
        self.trials, self.dtype = trial_keys(options), np.dtype(options["dtype"])
        self.clip = math.inf if game.clip is None else game.clip

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        omega = np.asarray(self.omega0, dtype=np.float64)
        omega = omega if omega.ndim else np.broadcast_to(omega, len(self.trials))
        return {
            "particles": np.array(particles, self.dtype, order="C"),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(len(self.trials), -1, dtype=np.int64),
            "omega": np.clip(omega, -self.clip, self.clip).astype(self.dtype),
            "u": self.game.coordinate(particles[:, 0, 0]),
        }

    def check_length(self, steps: int, masses: Floats) -> None:
        """Every number of steps is allowed."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps."""
        game = self.game
        law = (game.code, game.gamma, self.clip)
        omegas = state["omega"].reshape(len(self.trials), -1)
        call = (
            state["particles"], state["u"], omegas, state["diverged_at"], int(state["step"]), count,
            law, _INTEGRATORS.index(game.integrator), game.time_step,
        )  # fmt: skip
        if self.backend == "cuda":
            from . import toy_wgan_cuda

            toy_wgan_cuda.play(*call)
            return
        from .toy_wgan_cpu import play

        with parallel_region(self.threads):
            play(*call)

    def discriminator(self, state: State, trial: int) -> Discriminator:
        """Return the critic of a trial (its place in the state)."""
        return cast(Discriminator, HingeCritic(np.atleast_1d(np.float64(state["omega"][trial]))))
