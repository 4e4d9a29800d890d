"""GANs of dense networks on a mixture: the non-saturating one and its kin, in network and in particle form (TP)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..backend import thread_count
from ..checks import Floats
from ..errors import DivergedError, ParameterError
from ..formulas.losses import HELLINGER, KL, LEAST_SQUARES, MINIMAX, PEARSON, REVERSE_KL, WASSERSTEIN
from ..formulas.losses import NSGAN as NON_SATURATING
from ..formulas.random import GENERATOR, WEIGHTS
from ..nn import SGD, Adam, Dense, DenseFunction, RMSProp
from ..targets import GaussianMixture
from .game import Game, Progress, latents_start, trial_keys
from .play import Engine, Observer, State
from .run import Run

# The f-GANs "js" and "gan" have the slopes of "nsgan".
_LOSSES = {
    "nsgan": NON_SATURATING, "minimax": MINIMAX, "lsgan": LEAST_SQUARES, "wgan_gp": WASSERSTEIN, "kl": KL,
    "reverse_kl": REVERSE_KL, "pearson": PEARSON, "hellinger": HELLINGER, "js": NON_SATURATING, "gan": NON_SATURATING,
}  # fmt: skip
_PENALTIES = {"none": 0, "between": 1, "data": 2}
_LEARNED = ("generator", "discriminator", "generator_moments", "discriminator_moments")


@dataclass(frozen=True, eq=False)
class NSGAN(Game):
    r"""A generator G and a discriminator D, dense networks, trained in turn on fresh samples of a mixture.

    With d = sigmoid(D), an iteration takes `n_disc` steps of the discriminator down

    .. math:: -E_x \log d(x) - E_z \log(1 - d(G(z))), \qquad z \sim N(0, I),

    and then one of the generator down :math:`-E_z \log d(G(z))`; other losses change the two.

    Parameters
    ----------
    target : GaussianMixture
        Where the data x come from.
    generator, discriminator : ganth.nn.Dense
        The networks; they start like PyTorch's linear layers.
    latent_dim : int >= 1, optional
        Of z.  None: that of the target.
    batch : int >= 1
        Data, and generated points, of a step.
    loss : {"nsgan", "minimax", "lsgan", "wgan_gp", "kl", "reverse_kl", "pearson", "hellinger", "js", "gan"}
        "minimax": the generator goes down E log(1 - d).  "lsgan": targets 1 and 0, halved squares.  "wgan_gp": D
        itself, with a penalty.  The others are f-GANs with g_f(D) and f* of Nowozin et al., the generator going down
        -E g_f(D) (TP, app. I); "js" and "gan" have the steps of "nsgan".
    lr_disc, lr_gen : float > 0
        Rates.
    optimiser_disc, optimiser_gen : ganth.nn.SGD, ganth.nn.RMSProp or ganth.nn.Adam
    n_disc : int >= 1
        Steps of the discriminator in an iteration.
    form : {"network", "particle"}
        "particle" is TP's Algorithm 1: each generated point moves by particle_step/2 times minus the slope of its loss
        (for "nsgan" grad d/(2 d)), is frozen, and the generator goes down the mean squared distance to it, one step a
        batch.  That is the gradient of "network" times particle_step.
    particle_step : float > 0
        s of Algorithm 1.
    noise : float >= 0
        Standard deviation of Gaussian noise added to what each hidden layer of D hands on, in training only.
    grad_penalty : float >= 0, optional
        Weight of the penalty: None is 10 for "wgan_gp", else 0.
    grad_penalty_at : {"between", "data"}, optional
        "between": mean (\|grad D\| - 1)^2 at points between data and generated ones; "data": R1, half the mean of
        \|grad D\|^2 at data.  None: "between" for "wgan_gp", else "data".
    n_samples : int >= 1
        Generated points of a record: the same latents at every record.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: TP, secs. 2.2, 5.2, apps. F.2, G.9 and I.  Recorded beside the particles, in ``run.recorded``: "field"
    (trials, records, n), \|grad d\|/d at the particles for losses of a probability, else the speed \|dloss/dx\|;
    "metric" (trials, records), its (1 - 1/m) quantile, m the modes of the target (Algorithm 2); "modes" (trials,
    records), the modes that hold at least a quarter of their share of the particles (`GaussianMixture.shares`).
    A step of 2 x 64 units and batch 128 takes 13 MFLOP.  Trials run side by side on threads.

    Examples
    --------
    >>> import ganth
    >>> game = ganth.NSGAN(ganth.targets.GaussianMixture.cube(3, 0.0125), batch=64, lr_disc=0.05, lr_gen=0.05)
    >>> run = game.run(steps=20, trials=2, record_every=10, seed=1)
    >>> run.particles.shape, run.recorded["metric"].shape
    ((2, 3, 512, 3), (2, 3))
    """

    target: GaussianMixture
    _: KW_ONLY
    generator: Dense = Dense((64, 64))  # noqa: RUF009
    discriminator: Dense = Dense((64, 64))  # noqa: RUF009
    latent_dim: int | None = None
    batch: int = 128
    loss: str = "nsgan"
    lr_disc: float
    lr_gen: float
    optimiser_disc: SGD | RMSProp | Adam = SGD()  # noqa: RUF009
    optimiser_gen: SGD | RMSProp | Adam = SGD()  # noqa: RUF009
    n_disc: int = 1
    form: str = "network"
    particle_step: float = 1.0
    noise: float = 0.0
    grad_penalty: float | None = None
    grad_penalty_at: str | None = None
    n_samples: int = 512

    def __post_init__(self) -> None:
        if not isinstance(self.target, GaussianMixture):
            raise ParameterError(f"target must be a GaussianMixture, got {self.target!r}")
        for name, kind, words in (
            ("generator", Dense, "a ganth.nn.Dense"),
            ("discriminator", Dense, "a ganth.nn.Dense"),
            ("optimiser_disc", SGD | RMSProp | Adam, "a ganth.nn.SGD, RMSProp or Adam"),
            ("optimiser_gen", SGD | RMSProp | Adam, "a ganth.nn.SGD, RMSProp or Adam"),
        ):
            if not isinstance(getattr(self, name), kind):
                raise ParameterError(f"{name} must be {words}, got {getattr(self, name)!r}")
        checks.choice("loss", self.loss, tuple(_LOSSES))
        checks.choice("form", self.form, ("network", "particle"))
        if self.grad_penalty_at is not None:
            checks.choice("grad_penalty_at", self.grad_penalty_at, ("between", "data"))
        for name in ("latent_dim", "batch", "n_disc", "n_samples"):
            if getattr(self, name) is None:
                continue
            object.__setattr__(self, name, checks.integer(name, getattr(self, name), at_least=1))
        for name in ("lr_disc", "lr_gen", "particle_step"):
            object.__setattr__(self, name, checks.number(name, getattr(self, name), above=0))
        for name in ("noise", "grad_penalty"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checks.number(name, getattr(self, name), at_least=0))

    @property
    def latents(self) -> int:
        """The dimension of z."""
        return self.target.means.shape[1] if self.latent_dim is None else self.latent_dim

    @property
    def penalty(self) -> tuple[float, str]:
        """The weight of the penalty on grad D, and where it is taken: "none", "between" or "data"."""
        wasserstein = self.loss == "wgan_gp"
        weight = (10.0 if wasserstein else 0.0) if self.grad_penalty is None else self.grad_penalty
        return weight, (self.grad_penalty_at or ("between" if wasserstein else "data")) if weight > 0 else "none"

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
        """Play `steps` iterations for `trials` pairs of networks and return the record.

        Parameters
        ----------
        generated : (n, latent_dim) array, optional
            Latents of the points that are recorded.  None: n_samples standard normal ones, the same for all trials.
        steps : int >= 0
        trials : int >= 1
            Trial t has its own start, data and latents; trial t of 100 is trial t of 5.
        first_trial : int >= 0
        seed : int in [0, 2**64) or numpy Generator
        record_every : int >= 1, optional
            An epoch.  None: keep the first and the last step only.
        observer : callable, optional
            Called as observer(step, particles) for each record, particles (trials, n, d).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64", "float32"}
            Working precision; records are float64.
        progress : bool or callable, optional
            True for a bar, or a function of (steps done, steps in all).
        threads : int >= 1, optional
            Trials side by side.  None: as many as Numba has.

        Returns
        -------
        Run

        Raises
        ------
        ParameterError, ShapeError
            Naming the argument, the rule and the value.
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
        start, masses = latents_start(
            generated, n_samples=self.n_samples, latent_dim=self.latents, key=key, trials=options["trials"]
        )
        return self._play(
            start,
            masses,
            key,
            options,
            observer=observer,
            progress=progress,
            threads=threads,
            particles_start=False,
        )

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        call = {"dtype": options["dtype"], "threads": threads, "backend": options["backend"]}
        return NetworkEngine(self, key=key, trials=trial_keys(options), **call)

    def generator_of(self, run: Run, trial: int = 0) -> DenseFunction:
        """Return the generator of a trial of `run` as a function of latents (m, latent_dim)."""
        engine = self._engine(run.seed, run.options, None)
        assert isinstance(engine, NetworkEngine)
        return engine.generator(run.state, trial)


class Judgement:
    """What a trained discriminator says of points: d = sigmoid(D) for losses of a probability, else D itself."""

    def __init__(self, network: DenseFunction, *, probability: bool) -> None:
        self.network, self.probability = network, probability

    def __call__(self, x: ArrayLike) -> Floats:
        """Return d at points x (m, d), shape (m,)."""
        from scipy.special import expit

        value = self.network(x)[:, 0]
        return np.asarray(expit(value)) if self.probability else value

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of d at points x (m, d), shape (m, d)."""
        from scipy.special import expit

        slope, value = self.network.gradient(x), self.network(x)
        return slope * expit(value) * expit(-value) if self.probability else slope

    def field(self, x: ArrayLike) -> Floats:
        """Return grad d / d at points x (m, d), shape (m, d), also where d is 0 to rounding; for D: its gradient."""
        from scipy.special import expit

        slope = self.network.gradient(x)
        return slope * expit(-self.network(x)) if self.probability else slope


class NetworkEngine:
    """Plays `NSGAN`, each trial on a thread of its own, or all at once on CUDA.

    The state keeps, beside what every engine keeps, "latents" (trials, n, latent_dim), the networks' parameters
    "generator" and "discriminator" (trials, size), and what their optimisers keep, "generator_moments" and
    "discriminator_moments" (trials, moments, size).
    """

    recorded: tuple[str, ...] = ("metric", "modes", "field")

    def __init__(
        self, game: NSGAN, *, key: int, trials: range, dtype: str, threads: int | None, backend: str = "cpu"
    ) -> None:
        self.game, self.key, self.trials, self.dtype, self.backend = game, key, trials, np.dtype(dtype), backend
        self.threads = None if threads is None else checks.integer("threads", threads, at_least=1)
        self.dim = game.target.means.shape[1]

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0; `particles` are the latents of those that are recorded."""
        game, trials = self.game, len(self.trials)
        state: State = {
            "particles": np.empty((*particles.shape[:2], self.dim), self.dtype),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(trials, -1, dtype=np.int64),
            "latents": np.array(particles, self.dtype, order="C"),
            "metric": np.empty(trials),
            "modes": np.empty(trials),
            "field": np.empty(particles.shape[:2]),
        }
        for name, network, sizes, purpose, optimiser in (
            ("generator", game.generator, (game.latents, self.dim), GENERATOR, game.optimiser_gen),
            ("discriminator", game.discriminator, (self.dim, 1), WEIGHTS, game.optimiser_disc),
        ):
            inputs, outputs = sizes
            drawn = [network.initial(inputs, outputs, self.key, trial=k, purpose=purpose) for k in self.trials]
            state[name] = np.array(drawn, self.dtype)
            state[f"{name}_moments"] = np.zeros((trials, optimiser.moments, len(drawn[0])), self.dtype)
        self.advance(state, 0)
        return state

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length: the cost is linear in the steps."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` iterations, and bring what is recorded up to date."""
        trials = len(self.trials)
        workers = min(thread_count() if self.threads is None else self.threads, trials)
        if self.backend == "cuda":
            self._play_all(state, count)
        elif workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda k: self._play(state, k, count), range(trials)))
        else:
            for k in range(trials):
                self._play(state, k, count)
        modes = self.game.target.weights
        for k in range(trials):
            state["metric"][k] = np.quantile(state["field"][k], 1.0 - 1.0 / len(modes))
            state["modes"][k] = (self.game.target.shares(state["particles"][k]) >= modes / 4).sum()

    def _play(self, state: State, k: int, count: int) -> None:
        from .nsgan_cpu import Network, Show, play

        if state["diverged_at"][k] >= 0 and count > 0:
            return
        networks, optimisers, rules = self._rules()
        show = Show(state["latents"][k], state["particles"][k], state["field"][k])
        lost = play(
            *(state[name][k] for name in _LEARNED),
            *(np.uint64(self.key), np.uint64(self.trials[k]), int(state["step"]), count),
            tuple(Network(*network) for network in networks),
            *(optimisers, rules, show),
        )
        if lost >= 0:
            state["diverged_at"][k] = lost

    def _play_all(self, state: State, count: int) -> None:
        from .nsgan_cuda import play_trials

        arguments: tuple[Any, ...] = (
            *(state[name] for name in ("particles", "field", "latents", "diverged_at", *_LEARNED)),
            np.uint64(self.key), self.trials.start, int(state["step"]), count, *self._rules(),
        )  # fmt: skip
        play_trials(*arguments)

    def _rules(self) -> tuple[Any, Any, Any]:
        """Return the networks, their optimisers and the rules of the game, as loops take them."""
        from .nsgan_cpu import Rules

        game, real = self.game, self.dtype.type
        penalty, penalty_at = game.penalty
        rules = Rules(
            loss=_LOSSES[game.loss],
            lr_disc=real(game.lr_disc),
            lr_gen=real(game.lr_gen),
            n_disc=game.n_disc,
            batch=game.batch,
            noise=real(game.noise),
            particle=real(game.particle_step if game.form == "particle" else 0.0),
            penalty=real(penalty),
            penalty_at=_PENALTIES[penalty_at],
            cumulative=np.cumsum(game.target.weights),
            means=game.target.means,
            factors=np.linalg.cholesky(game.target.covariances),
        )
        networks = (
            game.generator.rules(game.latents, self.dim, self.dtype),
            game.discriminator.rules(self.dim, 1, self.dtype),
        )
        return networks, (game.optimiser_gen.rules(self.dtype), game.optimiser_disc.rules(self.dtype)), rules

    def discriminator(self, state: State, trial: int) -> Judgement:
        """Return the discriminator of a trial."""
        network = DenseFunction(self.game.discriminator, self.dim, 1, self._finite(state, "discriminator", trial))
        return Judgement(network, probability=_LOSSES[self.game.loss] <= MINIMAX)

    def generator(self, state: State, trial: int) -> DenseFunction:
        """Return the generator of a trial."""
        parameters = self._finite(state, "generator", trial)
        return DenseFunction(self.game.generator, self.game.latents, self.dim, parameters)

    def _finite(self, state: State, name: str, trial: int) -> NDArray[Any]:
        parameters = state[name][trial].astype(np.float64)
        if not np.isfinite(parameters).all():
            raise DivergedError(f"the {name} of trial {self.trials[trial]} is not finite")
        return parameters
