"""The effective GAN: particles coupled by a neural tangent kernel, against a trained discriminator (ED, eq. 21)."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, streams
from ..checks import Floats
from ..discriminators import FourierModes
from ..errors import ParameterError, ShapeError
from ..formulas.random import START
from ..targets import GaussianMixture
from .game import Game, Progress, given_start, trial_keys
from .play import Engine, Observer
from .run import Run

_WIDTHS = {"dense": 2048, "deep": 512, "fourier": None}
_IMPLIED = ("width", "n_data", "reg", "inner", "start_mean")  # follow from other settings where None
_SYMMETRY_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class EffectiveGAN(Game):
    r"""Particles X_a that climb the discriminator through the generator's neural tangent kernel.

    Each iteration takes `n_disc` steps of the discriminator's parameters phi down

    .. math::
        L_D = \frac1N \sum_a D(X_a) - \frac1M \sum_l D(x_l) + \frac\lambda2 \|\phi\|^2
            + c \frac\beta{N^2} \sum_{ab} \nabla D(X_a)^\top \Gamma_{ab} \nabla D(X_b)

    and then one of the particles,

    .. math::
        X_a \leftarrow X_a + \frac{\alpha_G}N \sum_b \Gamma_{ab} \nabla D(X_b), \qquad
        \Gamma_{ab} = g_1 \delta_{ab} + g_2 (1 - \delta_{ab}),

    with c = 1/2 for ``grad_reg_form="half"``, ED (27), and 1 for ``"full"``, ED (28).

    Parameters
    ----------
    target : GaussianMixture
        Where the data x_l come from.
    n_particles : int >= 1
        N.
    ntk_ratio : float in [-1/(N-1), 1]
        g2/g1, where the matrix of all Gamma_ab is positive semidefinite.
    normalisation : {"mean", "diagonal"}
        "mean": g1 + (N-1) g2 = N, so that a point-like cloud moves alike for every ratio (ED, app. A); "diagonal":
        g1 = N.
    gram : (N, N) array, optional
        A symmetric Gamma of any entries, instead of the two values.
    discriminator : {"dense", "deep", "fourier"}
        "dense": one hidden layer, D = sqrt(2 / width) sum_i a_i s(w_i . x + b_i), ED (23); "deep": `depth` hidden
        ReLU layers, Glorot start; "fourier": sum over `modes` of waves, each with its own rate, ED (C1).
    width : int >= 1, optional
        Units of a hidden layer.  None: 2048 for "dense", 512 for "deep".
    depth : int >= 1
        Hidden layers of "deep".
    activation : {"relu", "tanh", "erf"}
        s of "dense"; "deep" has ReLU.
    weight_variance, bias_variance : float >= 0
        Of the start of "dense": a, w and b.
    modes : FourierModes
        Frequencies and rates of "fourier".
    reg : float >= 0, optional
        lambda.  None: 2 / width, ED (24), and 1 for "fourier".
    lr_disc, lr_gen : float > 0
        alpha_D and alpha_G.
    n_disc : int >= 1
        Steps of the discriminator in an iteration.
    grad_reg : float >= 0
        beta; 0 for "fourier".
    grad_reg_form : {"half", "full"}
    order : {"alternating", "simultaneous"}
        Whether particles climb the discriminator after its steps (Algorithms 1 and 2) or before them.
    data : {"resampled", "fixed", "population"}
        New data for each step of the discriminator, one sample for the whole run, or exact means ("fourier" only).
    n_data : int >= 1, optional
        M.  None: N.
    inner : {"closed", "loop"}, optional
        How "fourier" makes its n_disc steps: in closed form, which data that do not change allow, or one by one.  None:
        in closed form where that is possible.
    optimiser : {"sgd", "rmsprop"}
        Of the discriminator ("dense" and "deep"); RMSProp as in PyTorch: decay 0.99, epsilon 1e-8.
    start_mean : (d,) array, optional
        Where the cloud starts.  None: all coordinates 1/sqrt(2).
    start_scale : float >= 0
        Its standard deviation [data length].

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eqs. (5)-(11), (20)-(29), Algorithms 1 and 2, apps. A and C.  Departures: Algorithm 2 is printed as an
    ascent and with a squared regulariser; here it descends, with lambda/2 sum w^2.  The source starts its cloud at
    (1/sqrt(2), 1/sqrt(2)) in section IV and at (sqrt(2), sqrt(2)) in app. A, and states no rate.

    Examples
    --------
    >>> import ganth
    >>> ring = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
    >>> game = ganth.EffectiveGAN(ring, n_particles=50, ntk_ratio=0.5, width=64, lr_disc=0.1, lr_gen=0.1, n_disc=5)
    >>> game.run(steps=10, seed=1).final.shape
    (50, 2)
    >>> [round(g, 6) for g in game.ntk_values]
    [1.960784, 0.980392]
    """

    target: GaussianMixture
    _: KW_ONLY
    n_particles: int = 200
    ntk_ratio: float = 0.0
    normalisation: str = "mean"
    gram: checks.Held = None
    discriminator: str = "dense"
    width: int | None = None
    depth: int = 4
    activation: str = "relu"
    weight_variance: float = 1.0
    bias_variance: float = 9.0
    modes: FourierModes = FourierModes()  # noqa: RUF009
    reg: float | None = None
    lr_disc: float
    lr_gen: float
    n_disc: int = 1
    grad_reg: float = 0.0
    grad_reg_form: str = "half"
    order: str = "alternating"
    data: str = "resampled"
    n_data: int | None = None
    inner: str | None = None
    optimiser: str = "sgd"
    start_mean: checks.Held = None
    start_scale: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.target, GaussianMixture):
            raise ParameterError(f"target must be a GaussianMixture, got {self.target!r}")
        kind = checks.choice("discriminator", self.discriminator, tuple(_WIDTHS))
        for name in ("n_particles", "depth", "n_disc"):
            self._hold(name, checks.integer(name, getattr(self, name), at_least=1))
        for name in ("lr_disc", "lr_gen"):
            self._hold(name, checks.number(name, getattr(self, name), above=0))
        for name in ("weight_variance", "bias_variance", "grad_reg", "start_scale"):
            self._hold(name, checks.number(name, getattr(self, name), at_least=0))
        for name, allowed in {
            "normalisation": ("mean", "diagonal"),
            "activation": ("relu", "tanh", "erf"),
            "grad_reg_form": ("half", "full"),
            "order": ("alternating", "simultaneous"),
            "data": ("resampled", "fixed", "population"),
            "optimiser": ("sgd", "rmsprop"),
        }.items():
            checks.choice(name, getattr(self, name), allowed)
        if kind != "fourier" or self.width is not None:
            self._hold("width", checks.integer("width", self._given_or_implied("width"), at_least=1))
        self._hold("n_data", checks.integer("n_data", self._given_or_implied("n_data"), at_least=1))
        self._hold("reg", checks.number("reg", self._given_or_implied("reg"), at_least=0))
        self._check_coupling()
        self._check_start()
        self._check_discriminator(kind)

    def _hold(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _implied(self, name: str) -> Any:
        """Return what None stands for, given the other settings."""
        fourier = self.discriminator == "fourier"
        if name == "width":
            return _WIDTHS[self.discriminator]
        if name == "n_data":
            return self.n_particles
        if name == "reg":
            return 1.0 if fourier else 2.0 / self.width  # type: ignore[operator]
        if name == "inner":
            return None if not fourier else "loop" if self.data == "resampled" else "closed"
        return np.full(self.target.means.shape[1], 1 / np.sqrt(2))

    def _given_or_implied(self, name: str) -> Any:
        value = getattr(self, name)
        return self._implied(name) if value is None else value

    def with_settings(self, **changes: Any) -> Self:
        """Return this game with some settings changed.

        Where width, n_data, reg, inner or start_mean has the value that None stands for, it follows the changes.

        >>> import ganth
        >>> ring = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
        >>> game = ganth.EffectiveGAN(ring, width=64, lr_disc=0.1, lr_gen=0.1)
        >>> game.reg, game.with_settings(width=256).reg
        (0.03125, 0.0078125)
        """
        following = {name: None for name in _IMPLIED if np.array_equal(getattr(self, name), self._implied(name))}
        return super().with_settings(**(following | changes))

    def _check_coupling(self) -> None:
        n, ratio = self.n_particles, checks.number("ntk_ratio", self.ntk_ratio)
        lowest = -1.0 / (n - 1) if n > 1 else 0.0
        # Rounding may leave 1 + (n - 1) lowest a little above 0.
        if not lowest <= ratio <= 1.0 or (n > 1 and self.normalisation == "mean" and ratio == lowest):
            raise ParameterError(
                f"ntk_ratio must be in [-1/(n_particles - 1), 1] (above the lower end for normalisation='mean'), "
                f"got {self.ntk_ratio!r}"
            )
        self._hold("ntk_ratio", ratio)
        if self.gram is None:
            return
        gram = checks.array("gram", self.gram, "(n_particles, n_particles)", 2).copy()
        if gram.shape != (n, n):
            raise ShapeError(f"gram must have shape ({n}, {n}), got {gram.shape}")
        if ratio != 0.0:
            raise ParameterError(f"ntk_ratio must be 0 where gram is given, got {self.ntk_ratio!r}")
        if np.abs(gram - gram.T).max() > _SYMMETRY_TOLERANCE * np.abs(gram).max():
            raise ParameterError("gram must be symmetric, got a matrix that is not")
        gram.flags.writeable = False
        self._hold("gram", gram)

    def _check_start(self) -> None:
        dim = self.target.means.shape[1]
        mean = checks.array("start_mean", self._given_or_implied("start_mean"), "(d,)", 1).copy()
        if mean.shape != (dim,):
            raise ShapeError(f"start_mean must have shape ({dim},), got {mean.shape}")
        mean.flags.writeable = False
        self._hold("start_mean", mean)

    def _check_discriminator(self, kind: str) -> None:
        if kind != "fourier":
            if self.inner is not None:
                raise ParameterError(f"inner must be None for discriminator={kind!r}, got {self.inner!r}")
            if self.data == "population":
                raise ParameterError(f"data must be 'resampled' or 'fixed' for discriminator={kind!r}: no exact means")
            return
        if not isinstance(self.modes, FourierModes):
            raise ParameterError(f"modes must be a FourierModes, got {self.modes!r}")
        for name, only in (("grad_reg", 0), ("optimiser", "sgd")):
            if getattr(self, name) != only:
                raise ParameterError(
                    f"{name} must be {only!r} for discriminator='fourier', got {getattr(self, name)!r}"
                )
        inner = checks.choice("inner", self._given_or_implied("inner"), ("closed", "loop"))
        if inner == "closed" and self.data == "resampled":
            raise ParameterError("inner must be 'loop' for data='resampled': data that change have no closed form")
        self._hold("inner", inner)

    @property
    def ntk_values(self) -> tuple[float, float]:
        """The diagonal value g1 and the other value g2 of Gamma; it raises `ParameterError` where a gram is given."""
        if self.gram is not None:
            raise ParameterError("gram must be None: a given Gram matrix has no two values")
        n, ratio = self.n_particles, self.ntk_ratio
        diagonal = n / (1.0 + (n - 1) * ratio) if self.normalisation == "mean" else float(n)
        return diagonal, diagonal * ratio

    def run(
        self,
        generated: ArrayLike | None = None,
        *,
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
        """Play `steps` iterations of `trials` independent trials and return their record.

        Parameters
        ----------
        generated : (n_particles, d) or (trials, n_particles, d) array, optional
            Start of the particles.  None: Gaussian around `start_mean`, for each trial its own.
        steps : int >= 0
            Iterations: `n_disc` steps of the discriminator and one of the particles.
        trials, first_trial : int
            Trials first_trial, ..., first_trial + trials - 1: each has its own random stream, whatever the others.
        seed : int in [0, 2**64) or numpy Generator
        record_every : int >= 1, optional
            Steps between records.  None keeps the first and the last.
        observer : function of (step, particles), optional
            Called with each record, particles (trials, n_particles, d).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64", "float32"}
            State and arithmetic; records are float64.
        progress : bool or function of (steps done, steps), optional
        threads : int, optional
            CPU threads; never changes a bit of the result.

        Returns
        -------
        Run

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
        key = checks.seed_key(seed)
        dim, n = self.target.means.shape[1], self.n_particles
        if generated is None:
            draws = [streams.normal(key, (n, dim), purpose=START, trial=trial) for trial in trial_keys(options)]
            start = self.start_mean + self.start_scale * np.stack(draws)
        else:
            start = given_start(generated, dim, options["trials"], n)
        masses = np.full(n, 1.0 / n)
        return self._play(start, masses, key, options, observer=observer, progress=progress, threads=threads)

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        call: dict[str, Any] = {
            "key": key,
            "trials": trial_keys(options),
            "dtype": options["dtype"],
            "threads": threads,
        }
        if self.discriminator == "dense":
            from .one_hidden import OneHiddenEngine

            return OneHiddenEngine(self, **call, backend=options["backend"])
        if self.discriminator == "deep":
            from .deep import DeepEngine

            return DeepEngine(self, **call, backend=options["backend"])
        from .fourier import FourierEngine

        return FourierEngine(self, **call, backend=options["backend"])


def coupled(game: EffectiveGAN, gradients: Floats) -> Floats:
    """Return (1/N) sum_b Gamma_ab gradient_b of gradients (..., N, d), ED (21): each particle's velocity over alpha_G.

    For the two values it is ((g1 - g2)/N) gradient_a + g2 times the mean gradient, ED (26).  Works in the type given.
    """
    real = gradients.dtype.type
    if game.gram is not None:
        return (game.gram.astype(gradients.dtype) / real(game.n_particles)) @ gradients
    diagonal, other = game.ntk_values
    local = real((diagonal - other) / game.n_particles)
    return local * gradients + real(other) * gradients.mean(axis=-2, keepdims=True)
