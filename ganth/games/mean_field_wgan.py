"""The WGAN of two one-hidden-layer sigmoid networks with clipping, and its mean-field limit (MF)."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, streams
from ..backend import parallel_region
from ..checks import Floats
from ..discriminators import Discriminator
from ..errors import ParameterError, ShapeError
from ..formulas.random import START, WEIGHTS
from ..nn import SGD, Adam, RMSProp
from ..targets import GaussianMixture, PointMasses
from . import mean_field
from .game import Game, Progress, given_start, trial_keys
from .play import Engine, Observer, State
from .run import Run

_MOST_NODES = 20_000


@dataclass(frozen=True, eq=False)
class MeanFieldWGAN(Game):
    r"""A generator of N and a critic of M sigmoid units, both means over their units, the critic's parameters clipped.

    .. math::
        g(z)_k = \frac1N \sum_i a_{ik}\, s(b_{ik} \cdot z + c_{ik}), \qquad
        f(x) = \frac1M \sum_j \alpha_j\, s(\beta_j \cdot x + \gamma_j), \qquad
        \Psi = E f(g(Z)) - E f(X),

    z standard normal in R^L, x in R^K.  In an iteration the critic takes `n_critic` steps up Psi, each projected to
    [-clip, clip]^(K + 2), and the generator one down.  With gradient descent, rate alpha, atom i of the generator moves
    by dt = alpha/N times a velocity, atom j of the critic by n_critic N/M dt times one: Euler's rule for the
    WGAN-PDE of the laws of the atoms, its expectations replaced by a batch, or taken in full.

    Parameters
    ----------
    target : GaussianMixture (one variance for each mode), PointMasses of mass 1, or (n, K) array of equal masses
        The law of x.
    neurons, critic_neurons : int >= 1
        N and M.  critic_neurons None: N.
    latent_dim : int >= 1
        L.
    lr : float > 0
        alpha, of both players.
    n_critic : int >= 1
        Steps of the critic in an iteration.
    clip : float > 0, optional
        c.  None: no projection.
    batch : int >= 1 or "full"
        Latents and data of a step; "full": the expectations, by Gauss and Hermite's rule, so that nothing is drawn.
    order : {"alternating", "simultaneous"}
        The algorithm, a fresh batch for each step; or the scheme, both from the old values and one batch, the critic's
        step n_critic times as long.
    optimiser : ganth.nn.SGD, ganth.nn.RMSProp or ganth.nn.Adam
        Of both.  RMSProp(decay=1 - beta, epsilon=0) is the source's, whose beta is the weight of the new square.
    nodes : int >= 2
        Of the quadrature, in each dimension.

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: MF, "Algorithm" and "W-GAN as a discretization".  The particles of a run are the generator's atoms (N, D),
    D = K (L + 2): a, b, c for each coordinate; ``run.recorded["critic"]`` (trials, records, M, K + 2) holds the
    critic's: alpha, beta, gamma.  Unless given, generator's atoms start standard normal, the critic's uniform on
    [-clip, clip] (None: [-1, 1]).  Cost: about 10 ns a unit and point.

    Examples
    --------
    >>> import ganth
    >>> pair = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.04)
    >>> game = ganth.MeanFieldWGAN(pair, neurons=50, lr=0.5, clip=0.5)
    >>> run = game.run(steps=200, trials=2, seed=1)
    >>> run.particles.shape, run.recorded["critic"].shape, round(float(run.time[-1]), 6)
    ((2, 2, 50, 3), (2, 2, 50, 3), 2.0)
    """

    target: Any
    _: KW_ONLY
    neurons: int = 100
    critic_neurons: int | None = None
    latent_dim: int = 1
    lr: float
    n_critic: int = 1
    clip: float | None = None
    batch: int | str = 1
    order: str = "alternating"
    optimiser: SGD | RMSProp | Adam = SGD()  # noqa: RUF009
    nodes: int = 40

    def __post_init__(self) -> None:
        target = self.target
        if not isinstance(target, GaussianMixture | PointMasses):
            points = checks.points("target", target)
            target = PointMasses(points, np.full(len(points), 1.0 / len(points)))
        if isinstance(target, GaussianMixture) and target.variances.ndim == 3:
            raise ShapeError(f"target must have one variance for each mode, got shape {target.variances.shape}")
        if isinstance(target, PointMasses):
            checks.weights("target", target.masses, len(target.points))
        checks.choice("order", self.order, ("alternating", "simultaneous"))
        if self.batch != "full":
            object.__setattr__(self, "batch", checks.integer("batch", self.batch, at_least=1))
        if not isinstance(self.optimiser, SGD | RMSProp | Adam):
            raise ParameterError(f"optimiser must be SGD, RMSProp or Adam of ganth.nn, got {self.optimiser!r}")
        checked: dict[str, Any] = {"target": target, "lr": checks.number("lr", self.lr, above=0)}
        for name, least in (("neurons", 1), ("latent_dim", 1), ("n_critic", 1), ("nodes", 2)):
            checked[name] = checks.integer(name, getattr(self, name), at_least=least)
        units = checked["neurons"] if self.critic_neurons is None else self.critic_neurons
        checked["critic_neurons"] = checks.integer("critic_neurons", units, at_least=1)
        if self.clip is not None:
            checked["clip"] = checks.number("clip", self.clip, above=0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.batch == "full" and self.nodes ** max(self.latent_dim, self._blurred_dim) > _MOST_NODES:
            raise ParameterError(f"nodes must give at most {_MOST_NODES} nodes for batch='full', got {self.nodes}")

    @property
    def dim(self) -> int:
        """K, the dimension of the data."""
        points = self.target.means if isinstance(self.target, GaussianMixture) else self.target.points
        return int(points.shape[1])

    @property
    def _blurred_dim(self) -> int:
        return self.dim if isinstance(self.target, GaussianMixture) else 0

    @property
    def time_step(self) -> float:
        """dt = lr/N, the time of an iteration of gradient descent."""
        return self.lr / self.neurons

    @property
    def lr_disc(self) -> float:
        """`time_step`, as `Run.time` asks for it."""
        return self.time_step

    @property
    def critic_speed(self) -> float:
        """gamma_c = n_critic N/M, the critic's speed in the WGAN-PDE."""
        return self.n_critic * self.neurons / cast(int, self.critic_neurons)

    @property
    def lipschitz_bound(self) -> float:
        """clip^2 sqrt(K)/4: no critic within the clip is steeper."""
        return math.inf if self.clip is None else self.clip**2 * math.sqrt(self.dim) / 4.0

    def generator(self, atoms: ArrayLike, z: ArrayLike) -> Floats:
        """Return g at latents z (m, L) for generator's atoms (N, D), shape (m, K)."""
        atoms = checks.points("atoms", atoms, dim=self.dim * (self.latent_dim + 2))
        return mean_field.generator(atoms, checks.points("z", z, dim=self.latent_dim), self.dim)

    def critic(self, atoms: ArrayLike, x: ArrayLike) -> Floats:
        """Return f at points x (m, K) for critic's atoms (M, K + 2), shape (m,)."""
        return SigmoidCritic(checks.points("atoms", atoms, dim=self.dim + 2))(x)

    def objective(self, atoms: ArrayLike, critic: ArrayLike) -> float:
        """Return Psi = E f(g(Z)) - E f(X), by the quadrature, for generator's atoms (N, D) and critic's (M, K + 2)."""
        z, wz, x, wx = self.expectations()
        return float(wz @ self.critic(critic, self.generator(atoms, z)) - wx @ self.critic(critic, x))

    def velocities(self, atoms: ArrayLike, critic: ArrayLike) -> tuple[Floats, Floats]:
        """Return the mean-field velocities, -N dPsi/dtheta_i and M dPsi/domega_j, shapes (N, D) and (M, K + 2).

        The critic's is before projection and without `critic_speed`.
        """
        atoms = checks.points("atoms", atoms, dim=self.dim * (self.latent_dim + 2))
        critics = checks.points("critic", critic, dim=self.dim + 2)
        z, wz, x, wx = self.expectations()
        g = mean_field.generator(atoms, z, self.dim)
        climb = mean_field.critic_slopes(critics, g, wz) - mean_field.critic_slopes(critics, x, wx)
        return -mean_field.generator_slopes(atoms, z, wz, SigmoidCritic(critics).gradient(g)), climb

    def expectations(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the quadrature's latents (m, L), their weights (m,), its data (q, K) and theirs (q,)."""
        z, wz = mean_field.normal_nodes(self.nodes, self.latent_dim)
        if isinstance(self.target, PointMasses):
            return z, wz, self.target.points, self.target.masses
        node, weight = mean_field.normal_nodes(self.nodes, self.dim)
        means, spreads = self.target.means, np.sqrt(np.broadcast_to(self.target.variances, len(self.target.means)))
        x = means[:, None, :] + spreads[:, None, None] * node
        return z, wz, x.reshape(-1, self.dim), (self.target.weights[:, None] * weight).ravel()

    def run(
        self,
        generated: ArrayLike | None = None,
        *,
        critic: ArrayLike | None = None,
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
        """Play `steps` iterations of `trials` trials and return their record.

        Parameters
        ----------
        generated : (N, D) or (trials, N, D) array, optional
            Start of the generator's atoms.  None: drawn.
        critic : (M, K + 2) or (trials, M, K + 2) array, optional
            Start of the critic's atoms; they are clipped.  None: drawn.
        steps : int >= 0
        trials, first_trial : int
            Trial t draws from its own stream, whatever the others are.
        seed : int in [0, 2**64) or numpy Generator
        record_every : int >= 1, optional
            Iterations between records.  None keeps the first and the last.
        observer : function of (step, particles), optional
            Called with each record, particles (trials, N, D).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64"}
        progress : bool or function of (steps done, steps), optional
        threads : int, optional
            CPU threads; never changes a bit of the result.

        Returns
        -------
        Run
            particles (trials, records, N, D), recorded["critic"] (trials, records, M, K + 2).

        Raises
        ------
        ParameterError, ShapeError
            For bad input.
        BackendUnavailableError
            If the backend cannot run here.
        InterruptedRun
            On Ctrl-C: its `.run` holds the finished records.
        """
        checks.choice("dtype", dtype, ("float64",))
        options = self._options(
            steps=steps,
            trials=trials,
            first_trial=first_trial,
            record_every=record_every,
            backend=backend,
            dtype=dtype,
        )
        count, key = options["trials"], checks.seed_key(seed)
        n, dim = self.neurons, self.dim * (self.latent_dim + 2)
        if generated is None:
            drawn = [streams.normal(key, (n, dim), purpose=WEIGHTS, trial=t) for t in trial_keys(options)]
            start = np.stack(drawn)
        else:
            start = given_start(generated, dim, count, n)
        options["critic"] = None
        if critic is not None:
            atoms, m = checks.points("critic", critic, dim=self.dim + 2, trials=True), self.critic_neurons
            if atoms.shape[-2] != m or (atoms.ndim == 3 and len(atoms) != count):
                raise ShapeError(f"critic must have shape ({m}, {self.dim + 2}) or (trials, ...), got {atoms.shape}")
            options["critic"] = atoms.tolist()
        masses = np.full(n, 1.0 / n)
        return self._play(start, masses, key, options, observer=observer, progress=progress, threads=threads)

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        return MeanFieldEngine(
            self, key, options["critic"], trials=trial_keys(options), threads=threads, backend=options["backend"]
        )


@dataclass(frozen=True)
class SigmoidCritic:
    """The function f(x) = mean of alpha_j s(beta_j . x + gamma_j).

    Parameters
    ----------
    atoms : (M, K + 2) array
        alpha, beta (K,), gamma of each unit.

    Examples
    --------
    >>> SigmoidCritic(np.array([[4.0, 1.0, 0.0]]))([[0.0]])
    array([2.])
    """

    atoms: Floats

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (m, K), shape (m,)."""
        x = checks.points("x", x, dim=self.atoms.shape[1] - 2)
        return mean_field.generator(self.atoms, x, 1)[:, 0]

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of f at points x (m, K), shape (m, K)."""
        x = checks.points("x", x, dim=self.atoms.shape[1] - 2)
        slope = mean_field.sigmoid(x @ self.atoms[:, 1:-1].T + self.atoms[:, -1])[1] * self.atoms[:, 0]
        return np.asarray(slope @ self.atoms[:, 1:-1] / len(self.atoms))


class MeanFieldEngine:
    """Plays `MeanFieldWGAN`.

    The state keeps, beside what every engine keeps, "critic" (trials, M, K + 2) and what the optimisers keep of the
    atoms, "moments" and "critic_moments" (trials, moments, size).
    """

    recorded: tuple[str, ...] = ("critic",)

    def __init__(
        self, game: MeanFieldWGAN, key: int, critic: Any, *, trials: range, threads: int | None, backend: str = "cpu"
    ) -> None:
        self.game, self.key, self.critic, self.trials, self.threads = game, key, critic, trials, threads
        self.backend = backend

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        game, count = self.game, len(self.trials)
        shape = (cast(int, game.critic_neurons), game.dim + 2)
        if self.critic is None:
            drawn = [streams.uniform(self.key, shape, purpose=START, trial=trial) for trial in self.trials]
            atoms = (1.0 if game.clip is None else game.clip) * (2.0 * np.stack(drawn) - 1.0)
        else:
            atoms = np.array(np.broadcast_to(np.asarray(self.critic), (count, *shape)))
        if game.clip is not None:
            atoms = np.clip(atoms, -game.clip, game.clip)
        moments = game.optimiser.moments
        return {
            "particles": np.array(particles, order="C"),
            "masses": masses,
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(count, -1, dtype=np.int64),
            "critic": atoms,
            "moments": np.zeros((count, moments, particles[0].size)),
            "critic_moments": np.zeros((count, moments, atoms[0].size)),
        }

    def check_length(self, steps: int, masses: Floats) -> None:
        """Every number of steps is allowed."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` iterations."""
        from .mean_field_wgan_cpu import rules

        game = self.game
        if isinstance(game.target, GaussianMixture):
            modes, shares = game.target.means, game.target.weights
            spreads = np.sqrt(np.broadcast_to(game.target.variances, len(modes)))
        else:
            modes, shares, spreads = game.target.points, game.target.masses, np.zeros(len(game.target.points))
        batch = 0 if game.batch == "full" else game.batch
        empty = (np.empty((0, game.latent_dim)), np.empty(0), np.empty((0, game.dim)), np.empty(0))
        settings = rules(
            batch=batch,
            simultaneous=game.order == "simultaneous",
            n_critic=game.n_critic,
            rate=game.lr,
            clip=math.inf if game.clip is None else game.clip,
            optimiser=game.optimiser.rules("float64"),
            modes=np.array(modes),
            spreads=np.array(spreads),
            shares=np.cumsum(shares),
            nodes=empty if batch else game.expectations(),
        )
        call = (
            state["particles"], state["critic"], state["moments"], state["critic_moments"], state["diverged_at"],
            int(state["step"]), count, settings, np.uint64(self.key), self.trials[0],
        )  # fmt: skip
        if self.backend == "cuda":
            from . import mean_field_wgan_cuda

            mean_field_wgan_cuda.play(*call)
            return
        from .mean_field_wgan_cpu import play

        with parallel_region(self.threads):
            play(*call)

    def discriminator(self, state: State, trial: int) -> Discriminator:
        """Return the critic of a trial (its place in the state)."""
        return cast(Discriminator, SigmoidCritic(state["critic"][trial].copy()))
