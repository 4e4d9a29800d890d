"""The Dirac-GAN: one particle against a slope (ED, app. E; Mescheder, Geiger and Nowozin 2018)."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..backend import parallel_region
from ..checks import Floats
from ..discriminators import Discriminator, LinearDiscriminator
from ..errors import ParameterError, ShapeError
from ..formulas import dirac as formulas
from . import oscillator
from .game import Game, Progress, given_start, trial_keys
from .play import Engine, Observer, State
from .run import Run

# Loss -> which forces, and their factor f'(0) at the equilibrium.
_LOSSES = {
    "linear": (formulas.LINEAR, 1.0),
    "wgan": (formulas.LINEAR, 1.0),
    "wgan_gp": (formulas.LINEAR, 1.0),
    "vanilla": (formulas.VANILLA, 0.5),
    "nsgan": (formulas.NONSATURATING, 0.5),
}
_BOUND = 0.3  # of clipping and of the gradient's norm, where none is given: that of the authors' code
_LONGEST_FLOW = 1e9  # times the fastest rate


@dataclass(frozen=True, eq=False)
class DiracGAN(Game):
    r"""A generator that puts all its mass at theta, true mass at 0, and a discriminator D(x) = phi x.

    .. math::
        \phi &\leftarrow \phi + \alpha_D \big(-\theta\, d(\phi \theta) - \beta \phi\big) \qquad n_{disc}\text{ times} \\
        \theta &\leftarrow \theta + \alpha_G\, \phi\, a(\phi \theta)

    with s the logistic function: a = d = 1 for ``loss="linear"``, a = d = s for "vanilla", a = s(-u), d = s(u) for
    "nsgan".  "wgan" is "linear" with phi clipped to [-clip, clip] after each of its steps; "wgan_gp" is "linear" with
    the penalty beta (abs(phi) - target_norm)^2 / 2 instead of beta phi^2 / 2.

    Parameters
    ----------
    grad_reg : float >= 0
        beta.  The penalties on the discriminator's slope at true (R1) and at generated points (R2) and ED (27) are all
        beta phi^2 / 2.
    loss : {"linear", "vanilla", "nsgan", "wgan", "wgan_gp"}
    lr_disc, lr_gen : float > 0
        alpha_D and alpha_G.
    n_disc : int >= 1
        Steps of phi in an iteration.
    order : {"simultaneous", "alternating", "continuous"}
        Whether theta takes the phi from before or from after its steps, or both flow: d phi / d tau =
        n_disc times its force and d theta / d tau = lr_gen / lr_disc times its own, by lr_disc an iteration.
    grad_reg_form : {"half", "full"}
        beta phi^2 / 2, ED (27), or beta phi^2, ED (28).
    clip : float > 0, optional
        For "wgan" only.  None: 0.3.
    target_norm : float >= 0, optional
        For "wgan_gp" only.  None: 0.3.
    noise : float >= 0
        Standard deviation of instance noise, Gaussian, on the true and the generated point; its mean force is exact
        (error 1e-14), nothing is drawn.  It does not change the linear losses.
    consensus : float >= 0
        gamma of consensus optimisation: -gamma J^T v is added, v the forces without penalty and J their Jacobian.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eqs. (E1), (E2); the other losses: L. Mescheder, A. Geiger, S. Nowozin, "Which training methods for GANs
    do actually converge?", ICML 2018, Definition 2.1 with eq. (1), f(t) = -log(1 + exp(-t)) or t, section 3, the
    penalties (9) and (10), and its authors' code GAN_stability, notebooks/diracgan; their psi is -phi here.
    Departures: alternating, they move theta first; here phi moves first, as in ED, Algorithm 1 (the same sequence,
    begun half an iteration apart).  Their code halves the term of J^T v that holds f''; here J^T v is whole, the
    gradient of v^2 / 2.  They draw the instance noise.  Cost: 10 to 50 ns an iteration and trial, 2 to 15
    us with noise; continuous, 0.03 us for "linear" and from 0.4 us on.

    Examples
    --------
    >>> import ganth
    >>> theta, phi = ganth.DiracGAN(2.0).solution(10.0, 1.0, 0.0)  # 11 exp(-10)
    >>> round(float(theta), 10)
    0.0004993992
    >>> ganth.DiracGAN().zeros(10.0).round(6)
    array([1.077954, 1.646166, 1.916916])
    >>> run = ganth.DiracGAN(0.5, lr_disc=0.01, lr_gen=0.01, order="alternating").run(steps=4000)
    >>> abs(float(run.final[0, 0])) < 1e-4
    True
    """

    grad_reg: float = 0.0
    _: KW_ONLY
    loss: str = "linear"
    lr_disc: float = 1.0
    lr_gen: float = 1.0
    n_disc: int = 1
    order: str = "simultaneous"
    grad_reg_form: str = "half"
    clip: float | None = None
    target_norm: float | None = None
    noise: float = 0.0
    consensus: float = 0.0

    def __post_init__(self) -> None:
        checks.choice("loss", self.loss, tuple(_LOSSES))
        checks.choice("order", self.order, ("simultaneous", "alternating", "continuous"))
        checks.choice("grad_reg_form", self.grad_reg_form, ("half", "full"))
        checked: dict[str, Any] = {"n_disc": checks.integer("n_disc", self.n_disc, at_least=1)}
        for name in ("lr_disc", "lr_gen"):
            checked[name] = checks.number(name, getattr(self, name), above=0)
        for name in ("grad_reg", "noise", "consensus"):
            checked[name] = checks.number(name, getattr(self, name), at_least=0)
        for name, loss in (("clip", "wgan"), ("target_norm", "wgan_gp")):
            value = getattr(self, name)
            if self.loss == loss:
                bound = {"above": 0.0} if name == "clip" else {"at_least": 0.0}
                checked[name] = checks.number(name, _BOUND if value is None else value, **bound)
            elif value is not None:
                raise ParameterError(f"{name} must be None for loss={self.loss!r}, got {value!r}")
        if checked["noise"] > 0 and checked["consensus"] > 0:
            raise ParameterError(f"consensus must be 0 where noise > 0, got {self.consensus!r}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def damping(self) -> float:
        """What the penalty multiplies phi by in its force: grad_reg, or twice that for the form "full"."""
        return self.grad_reg * self._form

    @property
    def _form(self) -> float:
        return 2.0 if self.grad_reg_form == "full" else 1.0

    def solution(self, t: ArrayLike, theta0: ArrayLike = 1.0, phi0: ArrayLike = 0.0) -> tuple[Any, Any]:
        r"""Return theta(t) and phi(t) of ED (E1), (E2), exactly: theta' = phi, phi' = -theta - beta phi.

        Continuous time, linear loss, unit rates; `order` does not matter.  From (1, 0), with w^2 = abs(beta^2/4 - 1),

        .. math::
            \theta(t) = e^{-\beta t/2} \Big(\cos w t + \frac\beta{2w} \sin w t\Big), \quad e^{-t} (1 + t), \quad
            e^{-\beta t/2} \Big(\cosh w t + \frac\beta{2w} \sinh w t\Big)

        for beta below, at and above 2; digits are lost neither near 2 nor for a large beta.

        Parameters
        ----------
        t, theta0, phi0 : float or array
            Times and starts; arrays are broadcast.

        Returns
        -------
        theta, phi : float64 scalar or array

        Raises
        ------
        ParameterError
            If the loss is not linear, a rate or n_disc is not 1, or consensus > 0.
        ShapeError
            If the arrays cannot be broadcast.
        """
        self._require_plain("solution")
        return oscillator.solution(t, theta0, phi0, self.damping)

    def spectrum(self) -> NDArray[np.complex128]:
        """Return the two eigenvalues (-beta +- sqrt(beta^2 - 4)) / 2 of ED (E1), (E2), complex, that with + first.

        Continuous time, linear loss, unit rates; `order` does not matter.  It raises `ParameterError` where `solution`
        does.
        """
        self._require_plain("spectrum")
        return oscillator.eigenvalues(self.damping)

    def zeros(self, t_final: float) -> Floats:
        r"""Return every penalty strength with theta(t_final) = 0 from (1, 0), ascending, whatever `grad_reg` is.

        With beta = 2 cos(e) the zeros are the roots of t_final sin(e) + e = k pi in (0, pi/2], k = 1, 2, ...: there are
        floor(t_final / pi + 1/2), all below 2; the largest is 2 - (pi / (t_final + 1))^2 + O(t_final^-4).

        Parameters
        ----------
        t_final : float >= 0

        Raises
        ------
        ParameterError
            As `solution`, and if t_final is not finite and >= 0.

        Examples
        --------
        >>> import ganth
        >>> ganth.DiracGAN().zeros(1.5), ganth.DiracGAN(3.0).zeros(2.0).round(6)
        (array([], dtype=float64), array([0.638045]))
        """
        self._require_plain("zeros")
        return oscillator.zeros(t_final) / self._form

    def multipliers(self) -> NDArray[np.complex128]:
        r"""Return the two eigenvalues of an iteration's linear map at (0, 0), complex, the larger modulus first.

        Any loss, rates and order.  With c = f'(0), 1 for linear losses and 1/2 for logistic ones, b = beta, plus
        noise^2 / 2 for logistic ones, and q = 1 - alpha_D b, phi becomes q^n phi - c theta (1 - q^n) / b in n = n_disc
        steps; continuous iterations are the exponential of the forces' Jacobian.

        Raises
        ------
        ParameterError
            For "wgan_gp" with target_norm > 0, whose force jumps at phi = 0.

        Examples
        --------
        >>> import ganth
        >>> abs(ganth.DiracGAN(lr_disc=0.1, lr_gen=0.1).multipliers()) ** 2  # 1 + lr_disc lr_gen
        array([1.01, 1.01])
        """
        if self.loss == "wgan_gp" and self.target_norm:
            raise ParameterError(f"target_norm must be 0 for a linear map to exist, got {self.target_norm!r}")
        slope = _LOSSES[self.loss][1]
        damping = self.damping + (self.noise**2 / 2 if slope < 1 else 0.0)
        inert = self.consensus * slope**2  # J0^T J0 is slope^2 times the identity
        theta, phi = np.array([-inert, slope]), np.array([-slope, -inert - damping])  # rows of the Jacobian
        if self.order == "continuous":
            from scipy.linalg import expm

            step = expm(np.array([self.lr_gen * theta, self.lr_disc * self.n_disc * phi]))
        else:
            climb, learn = np.eye(2), np.eye(2)
            climb[0] += self.lr_gen * theta
            learn[1] += self.lr_disc * phi
            learn = np.linalg.matrix_power(learn, self.n_disc)
            step = climb @ learn if self.order == "alternating" else climb + learn - np.eye(2)
        found = np.linalg.eigvals(step).astype(np.complex128)
        return found[np.argsort(-np.abs(found), kind="stable")]

    def run(
        self,
        generated: ArrayLike | None = None,
        *,
        phi0: ArrayLike = 0.0,
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
        """Play `steps` iterations of `trials` trials and return their record; `run.recorded["phi"]` holds phi.

        Parameters
        ----------
        generated : float, (1, 1) or (trials, 1, 1) array, optional
            Start of theta.  None: 1.
        phi0 : float or (trials,) array
            Start of phi; "wgan" clips it.
        steps : int >= 0
        trials, first_trial : int
            Nothing is drawn: trials differ in their starts alone.
        seed : int in [0, 2**64) or numpy Generator
            Kept in the record, without effect.
        record_every : int >= 1, optional
            Iterations between records.  None keeps the first and the last.
        observer : function of (step, particles), optional
            Called with each record, particles (trials, 1, 1).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64", "float32"}
            State and, but for "continuous", arithmetic; records are float64.
        progress : bool or function of (steps done, steps), optional
        threads : int, optional
            CPU threads; never changes a bit of the result.

        Returns
        -------
        Run
            particles (trials, records, 1, 1) hold theta, recorded["phi"] (trials, records) phi.

        Raises
        ------
        ParameterError, ShapeError
            For bad input, and for a flow that would take unreasonably long.
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
        phi = checks.array("phi0", phi0, "() or (trials,)", (0, 1))
        if phi.ndim and len(phi) != count:
            raise ShapeError(f"phi0 must be a number or have shape ({count},), one for each trial, got {phi.shape}")
        options["phi0"] = phi.tolist()
        key = checks.seed_key(seed)
        return self._play(theta, np.ones(1), key, options, observer=observer, progress=progress, threads=threads)

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        return DiracEngine(self, options, threads)

    def _require_plain(self, what: str) -> None:
        wanted = {"loss": "linear", "lr_disc": 1.0, "lr_gen": 1.0, "n_disc": 1, "consensus": 0.0}
        for name, value in wanted.items():
            if getattr(self, name) != value:
                raise ParameterError(f"{name} must be {value!r} for {what}, got {getattr(self, name)!r}")


class DiracEngine:
    """Plays `DiracGAN`.  The state keeps, beside what every engine keeps, "phi" (trials,)."""

    recorded: tuple[str, ...] = ("phi",)

    def __init__(self, game: DiracGAN, options: dict[str, Any], threads: int | None) -> None:
        self.game, self.threads, self.phi0, self.backend = game, threads, options["phi0"], options["backend"]
        self.trials, self.dtype = trial_keys(options), np.dtype(options["dtype"])
        self.clip = math.inf if game.clip is None else game.clip

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        phi = np.broadcast_to(np.asarray(self.phi0, dtype=np.float64), len(self.trials))
        return {
            "particles": np.array(particles, self.dtype, order="C"),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(len(self.trials), -1, dtype=np.int64),
            "phi": np.clip(phi, -self.clip, self.clip).astype(self.dtype),
        }

    def check_length(self, steps: int, masses: Floats) -> None:
        """Raise `ParameterError` if a flow without closed form is so fast that its steps would be too many."""
        game = self.game
        fastest = 1.0 + game.damping + game.noise**2 + game.consensus
        turns = steps * fastest * max(game.lr_gen, game.lr_disc * game.n_disc)
        if game.order == "continuous" and game.loss != "linear" and turns > _LONGEST_FLOW:
            raise ParameterError(
                f"steps must be fewer for order='continuous': rates times steps are {turns:.1e}, "
                f"more than {_LONGEST_FLOW:.0e}"
            )

    def advance(self, state: State, count: int) -> None:
        """Play `count` iterations."""
        from .dirac_cpu import play_flow, play_steps

        game, flows = self.game, self.game.order == "continuous"
        real = np.dtype(np.float64).type if flows else self.dtype.type
        loss, settings = _LOSSES[game.loss][0], (game.damping, game.target_norm or 0.0, game.noise, game.consensus)
        law = (loss, *(real(value) for value in (*settings, self.clip)))
        shared = (state["particles"], state["phi"], state["diverged_at"], int(state["step"]), count, law)
        rates = real(game.lr_disc), real(game.lr_gen), game.n_disc, game.order == "alternating"
        flow = game.lr_gen / game.lr_disc, float(game.n_disc), game.lr_disc
        if self.backend == "cuda":
            from . import dirac_cuda

            return dirac_cuda.play_flow(*shared, *flow) if flows else dirac_cuda.play_steps(*shared, *rates)
        with parallel_region(self.threads):
            if flows:
                play_flow(*shared, *flow)
            else:
                play_steps(*shared, *rates)

    def discriminator(self, state: State, trial: int) -> Discriminator:
        """Return f(x) = phi x of a trial (its place in the state)."""
        return cast(Discriminator, LinearDiscriminator(float(state["phi"][trial])))
