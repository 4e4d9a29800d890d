"""A generator network of finite width against a trained discriminator (ED, section III and appendix G)."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import blas, checks
from ..checks import Floats
from ..discriminators import Discriminator
from ..errors import DivergedError, ParameterError, ShapeError
from ..generators import WideGenerator, WideNetwork, sphere
from ..generators.wide import Propagation
from ..nn import RMSProp
from .effective import EffectiveGAN
from .game import Game, Progress, trial_keys
from .play import Engine, Observer, State
from .run import Run


@dataclass(frozen=True, eq=False)
class FiniteWidthGAN(Game):
    r"""The game of `EffectiveGAN`, its particles being outputs X_a = G(z_a) of a network at fixed seeds.

    The discriminator's steps are the same; the particles' step is one of the generator's parameters,

    .. math::
        \theta \leftarrow \theta + \alpha_G P\, \frac1N \sum_a \nabla_\theta G(z_a)^\top \nabla D(X_a),

    with P = 1 for ``optimiser="sgd"``: then X_a moves by (alpha_G / N) sum_b Gamma_ab grad D(X_b) + O(alpha_G^2), Gamma
    the network's tangent kernel.  For ``optimiser="rmsprop"`` P divides each slope by the root of the running mean of
    its square: the kernel is another one, which changes as the run goes on.

    Parameters
    ----------
    effective : EffectiveGAN
        Target, discriminator, rates, order and number of particles N, one for each seed.  Its ntk_ratio, grad_reg and
        gram must be left alone, for the network has a kernel of its own; the start of its cloud is not used.
    generator : WideGenerator
        With as many outputs as the target has dimensions.
    seeds : (N, dim) array, optional
        z_a.  None: uniform on the unit sphere, for each trial its own.
    optimiser : {"sgd", "rmsprop"}
        Of the generator; RMSProp as in PyTorch: decay 0.99, epsilon 1e-8.

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eqs. (10), (11), (16) and appendix G (width 2^16, 200 seeds in 256 dimensions, RMSProp at 1e-3; no
    other rate is stated).  Cost of an iteration beyond the discriminator's: two products of N width (dim + 1 + outputs)
    numbers in NumPy's matrix library, on one thread, so that the number of threads changes no bit.

    Examples
    --------
    >>> import ganth
    >>> ring = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
    >>> rules = ganth.EffectiveGAN(ring, n_particles=20, width=64, lr_disc=0.1, lr_gen=0.1, n_disc=5)
    >>> game = ganth.FiniteWidthGAN(rules, ganth.generators.WideGenerator(32, 128))
    >>> run = game.run(steps=10, seed=1)
    >>> network = game.network(run)
    >>> bool(abs(network(game.seeds_of(run)) - run.final).max() < 1e-12)
    True
    """

    effective: EffectiveGAN
    generator: WideGenerator
    _: KW_ONLY
    seeds: checks.Held = None
    optimiser: str = "sgd"

    def __post_init__(self) -> None:
        if not isinstance(self.effective, EffectiveGAN):
            raise ParameterError(f"effective must be an EffectiveGAN, got {self.effective!r}")
        if not isinstance(self.generator, WideGenerator):
            raise ParameterError(f"generator must be a WideGenerator, got {self.generator!r}")
        checks.choice("optimiser", self.optimiser, ("sgd", "rmsprop"))
        if self.effective.gram is not None:
            raise ParameterError("effective.gram must be None: the generator has a tangent kernel of its own")
        for name in ("ntk_ratio", "grad_reg"):
            if (value := getattr(self.effective, name)) != 0:
                raise ParameterError(f"effective.{name} must be 0 for a generator of finite width, got {value!r}")
        dim = self.effective.target.means.shape[1]
        if self.generator.outputs != dim:
            raise ParameterError(f"generator must have the target's {dim} outputs, got {self.generator.outputs}")
        if self.seeds is not None:
            seeds = checks.points("seeds", self.seeds, dim=self.generator.dim).copy()
            if len(seeds) != self.effective.n_particles:
                raise ShapeError(
                    f"seeds must hold n_particles = {self.effective.n_particles} seeds, got shape {seeds.shape}"
                )
            seeds.flags.writeable = False
            object.__setattr__(self, "seeds", seeds)

    @property
    def lr_disc(self) -> float:
        """The discriminator's rate, in which a run counts its time."""
        return self.effective.lr_disc

    def run(
        self,
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
        """Play `steps` iterations of `trials` independent trials and return their record; particles are the outputs.

        Parameters
        ----------
        steps : int >= 0
            Iterations: `n_disc` steps of the discriminator and one of the generator.
        trials, first_trial : int
            Trials first_trial, ..., first_trial + trials - 1: each has its own random stream, whatever the others.
        seed : int in [0, 2**64) or numpy Generator
        record_every : int >= 1, optional
            Steps between records.  None keeps the first and the last.
        observer : function of (step, particles), optional
            Called with each record, particles (trials, N, d).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64", "float32"}
            State and arithmetic; records are float64.
        progress : bool or function of (steps done, steps), optional
        threads : int, optional
            CPU threads of the discriminator; never changes a bit of the result.

        Returns
        -------
        Run

        Raises
        ------
        ParameterError
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
        start = np.stack(
            [self.generator.initial(key, trial=trial)(self._seeds(key, trial)) for trial in trial_keys(options)]
        )
        masses = np.full(self.effective.n_particles, 1.0 / self.effective.n_particles)
        return self._play(start, masses, key, options, observer=observer, progress=progress, threads=threads)

    def network(self, run: Run, trial: int = 0) -> WideNetwork:
        """Return the generator of a trial at the end of a run of this game.

        Parameters
        ----------
        run : Run
        trial : int
            Counts the trials of the run from 0.

        Raises
        ------
        ParameterError
            Where its parameters are not finite, for the run has diverged.
        """
        return WideNetwork(self.generator, run.state["generator"][trial])

    def seeds_of(self, run: Run, trial: int = 0) -> Floats:
        """Return the seeds (N, dim) of a trial of a run of this game, counted from 0."""
        return self._seeds(run.seed, trial_keys(run.options)[trial])

    def _seeds(self, key: int, trial: int) -> Floats:
        if self.seeds is not None:
            return self.seeds
        return sphere(self.effective.n_particles, self.generator.dim, key, trial=trial)

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        return FiniteWidthEngine(self, key, options, threads)


class FiniteWidthEngine:
    """Plays `FiniteWidthGAN`: the engine of its effective game, whose particles it moves itself.

    The state is that engine's, and "generator" (trials, size), the parameters as `WideNetwork` orders them, and for
    RMSProp "generator_squares", the running means of their squared slopes.  On CUDA a step is a few launches, so that a
    network may keep a whole GPU busy: see finite_width_cuda.
    """

    recorded: tuple[str, ...] = ()

    def __init__(self, game: FiniteWidthGAN, key: int, options: dict[str, Any], threads: int | None) -> None:
        self.game, self.key, self.trials = game, key, trial_keys(options)
        self.dtype = np.dtype(options["dtype"])
        n = game.effective.n_particles
        self.backend: str = options["backend"]
        self._there: tuple[Any, ...] | None = None
        if self.backend == "cuda":
            # Of particles that climb alone at this rate it leaves (1/N) grad D in their place.
            inner: Any = game.effective.with_settings(lr_gen=1.0 / n)._engine(key, options, threads)
            inner.moves = False
        else:
            # Of this kernel, particles stand still while the discriminator learns.
            inner = game.effective.with_settings(gram=np.zeros((n, n)))._engine(key, options, threads)
        self.inner: Engine = inner
        self._rooms: list[Propagation] = []

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        generator = self.game.generator
        parameters = np.empty((len(self.trials), generator.size), self.dtype)
        for values, trial in zip(parameters, self.trials, strict=True):
            values[...] = generator.initial(self.key, trial=trial).parameters
        state = self.inner.start(particles, masses) | {"generator": parameters}
        if self.game.optimiser == "rmsprop":
            state["generator_squares"] = np.zeros_like(parameters)
        return state

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length that the discriminator's engine accepts."""
        self.inner.check_length(steps, masses)

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps."""
        if self.backend == "cuda":
            self._advance_there(state, count)
            return
        generator, alternating = self.game.generator, self.game.effective.order == "alternating"
        if not self._rooms:
            self._rooms = [
                Propagation(generator, self.game._seeds(self.key, trial), self.dtype) for trial in self.trials
            ]
        with blas.one_thread(), np.errstate(all="ignore"):
            for room, parameters in zip(self._rooms, state["generator"], strict=True):
                room.forward(*generator.split(parameters))
        first = int(state["step"])
        for step in range(first, first + count):
            pulls = None if alternating else self._pulls(state, step)
            moment = {**state, "step": np.array(step)}
            self.inner.advance(moment, 1)
            del moment["step"]
            state.update(moment)
            pulls = self._pulls(state, step) if pulls is None else pulls
            with blas.one_thread(), np.errstate(all="ignore"):
                for trial, pull in enumerate(pulls):
                    if pull is not None and state["diverged_at"][trial] < 0:
                        self._climb(state, trial, pull, step)

    def _advance_there(self, state: State, count: int) -> None:
        from .finite_width_cuda import CODES, Climb

        generator, alternating, real = self.game.generator, self.game.effective.order == "alternating", self.dtype.type
        if self._there is None:
            trials = self.trials if self.game.seeds is None else self.trials[:1]
            seeds = np.stack([self.game._seeds(self.key, trial) for trial in trials])
            lifted = np.concatenate([seeds, np.ones((*seeds.shape[:2], 1))], axis=2).astype(self.dtype)
            self._there = np.array(state["particles"]), lifted
        pulls, lifted = self._there
        climb = Climb(
            state["particles"], pulls, state["generator"], state.get("generator_squares"), state["diverged_at"],
            lifted, generator.width, CODES[generator.activation], real(math.sqrt(2.0 / generator.width)),
            real(self.game.effective.lr_gen),
        )  # fmt: skip
        learnt = state["weights" if "weights" in state else "parameters"]
        first = int(state["step"])
        for step in range(first, first + count):
            if not alternating:
                climb.look(learnt, step)
            self.inner.advance({**state, "particles": pulls, "step": np.array(step)}, 1)
            if alternating:
                climb.look(learnt, step)
            climb.step(step)

    def discriminator(self, state: State, trial: int) -> Discriminator:
        """Return the discriminator of a trial (its place in the state)."""
        return self.inner.discriminator(state, trial)

    def _pulls(self, state: State, step: int) -> list[NDArray[Any] | None]:
        """Return (1/N) grad D at the particles of each trial, (N, d); None, noted, where D is not finite."""
        pulls: list[NDArray[Any] | None] = []
        for trial, particles in enumerate(state["particles"]):
            pull = None
            if state["diverged_at"][trial] < 0:
                try:
                    gradient = self.inner.discriminator(state, trial).gradient(particles)
                    pull = (gradient / len(particles)).astype(self.dtype)
                except DivergedError:
                    state["diverged_at"][trial] = step + 1
            pulls.append(pull)
        return pulls

    def _climb(self, state: State, trial: int, pull: NDArray[Any], step: int) -> None:
        """Take a step of a trial's generator, and its particles with it."""
        split, room = self.game.generator.split, self._rooms[trial]
        hidden, heads = split(state["generator"][trial])
        squares = split(state["generator_squares"][trial]) if "generator_squares" in state else None
        rate = self.dtype.type(self.game.effective.lr_gen)
        room.outputs[...] = 0
        for units in room.blocks():
            slopes = room.backward_block(units, heads, pull)
            places: tuple[Any, Any] = np.s_[units], np.s_[:, units]
            for k, place in enumerate(places):
                if squares is not None:
                    RMSProp().precondition(slopes[k], squares[k][place])
                slopes[k][...] *= rate
                (hidden, heads)[k][place] += slopes[k]
            room.forward_block(units, hidden, heads)
        if np.isfinite(room.outputs).all():
            state["particles"][trial] = room.outputs.T
        else:
            state["diverged_at"][trial] = step + 1
