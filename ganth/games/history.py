"""The kernel GAN against the exact kernel: a discriminator that is the sum of its whole history."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .. import kernels
from ..backend import parallel_region
from ..checks import Floats
from ..discriminators import KernelExpansion
from ..errors import ParameterError
from ..formulas import history as formula
from . import compression
from .compression import SPAN, Memory

if TYPE_CHECKING:
    from .kernel import KernelGAN
    from .play import State

_HORIZON = 1e6  # steps over which errors may add up where nothing is forgotten
_GENERAL = 4  # the code of a kernel that has no loops: its `gradient` is called
_LONGEST_RUN = 600.0  # s
# Costs measured on one core at 3 GHz with AVX-512: seconds for a pair of particle and kept position.
_PAIR_AXIS, _PAIR_GAUSSIAN, _PAIR_LAPLACE, _PAIR_RATIONAL = 0.25e-9, 0.9e-9, 1.5e-9, 2.4e-9
_PAIR_TANGENT, _PAIR_COEFFICIENT = 4.5e-9, 0.08e-9
_PAIR_GENERAL, _STEP_GENERAL, _STEP = 50e-9, 300e-6, 1e-6
_BLOCKS = 64  # trials that a GPU plays side by side at least, each as fast as a core
_LEAST_SLACK = 1e-14  # below it nothing is compressed, for positions are rounded
_RADIAL = (kernels.RBF, kernels.AnisotropicRBF, kernels.MultiScale, kernels.Laplace, kernels.RationalQuadratic)
_NODES_PER_RADIAN = 4.0  # of a particle's swing about a true point


class _Kernel(NamedTuple):
    """A kernel as the loops take it."""

    code: int
    axes: int  # coordinates it works in
    inverse_widths: Floats  # (d,) to its units of length
    terms: Floats  # numbers in its formula
    profile: Floats  # (2, coefficients) of the tangent kernel


class _Game(NamedTuple):
    """The settings as the loops take them."""

    true_masses: Floats
    masses: Floats
    reg: float
    lr_disc: float
    lr_gen: float
    alternating: int
    decays: Floats  # (SPAN + 1,) powers of the forgetting factor
    recent_weights: Floats  # (SPAN n,)
    span: int


def has_cuda_loops(kernel: object) -> bool:
    """Return whether there are CUDA loops for a kernel: for those of ganth that are not features."""
    return type(kernel) in (*_RADIAL, kernels.ReLUNTK)


class HistoryEngine:
    r"""Plays `KernelGAN` against the exact kernel.

    .. math::
        f^k = \sum_i p_i \frac{1 - \rho^k}{\lambda} K(\cdot, x_i)
        - \eta_d \sum_{l < k} \rho^{k-1-l} \sum_j q_j K(\cdot, \tilde x_j^l), \qquad \rho = 1 - \eta_d \lambda

    The history of smooth kernels is compressed (see `compression`) and forgotten positions are dropped.  Together they
    change f by at most tolerance K(x, x), and its gradient by tolerance K(x, x) / width, the smallest width, at every
    point of space and every step; and by what moving each position by 81 units of the working precision would change.
    (Where 1 / (lr_disc reg) exceeds 10^6 steps the bound grows with the steps beyond.)  Kernels with a kink, Laplace
    and ReLUNTK, and kernels that are not of ganth keep every position until it is forgotten.

    Source: KD, eqs. (5) and (9).
    """

    recorded: tuple[str, ...] = ()

    def __init__(
        self, game: "KernelGAN", *, key: int, trials: range, dtype: str, threads: int | None, backend: str = "cpu"
    ) -> None:
        from . import history_cpu

        self._game = game
        self._loops: Any = history_cpu
        self._dtype = np.dtype(dtype)
        self._threads = threads
        self._backend = backend
        self._trials = len(trials)
        self._decay = 1.0 - game.lr_disc * game.reg
        self._given = kernel = cast(kernels.Kernel, game.kernel)
        dim = game.true_points.shape[-1]
        kernel.diagonal(game.true_points.reshape(-1, dim))  # a kernel of another dimension says so here
        self._kernel = _describe(kernel, dim)
        self._tangent = self._kernel.code == formula.TANGENT
        self._smooth = self._kernel.code in (formula.GAUSSIAN, formula.RATIONAL_QUADRATIC)
        self._tables = compression.tables(self._decay if self._smooth else 0.0)

    def start(self, particles: Floats, masses: Floats) -> "State":
        """Return the state at step 0: the particles and a `compression.Memory`."""
        true_points = np.broadcast_to(
            self._game.true_points, (len(particles), *self._game.true_points.shape[-2:])
        ).copy()
        true_places = np.empty((len(particles), self._kernel.axes + self._tangent, true_points.shape[1]))
        self._locate(true_places, true_points)
        memory = compression.empty(true_places, particles.shape[1], self._kernel.axes, self._smooth)
        return {
            "particles": particles.astype(self._dtype),
            "masses": masses.astype(self._dtype),
            "step": np.array(0),
            "diverged_at": np.full(len(particles), -1),
            **memory._asdict(),
        }

    def _locate(self, places: Floats, points: Floats) -> None:
        if self._backend == "cuda" and self._tangent:  # to the last digit as the loops there locate particles
            from . import history_cuda

            history_cuda.locate(places, points, self._kernel)
            return
        self._loops.locate(places, points, self._kernel)

    def advance(self, state: "State", count: int) -> None:
        """Play `count` steps in place: span by span, for what is kept is compressed at multiples of SPAN."""
        game, rules = self._settings(state["masses"])
        first = int(state["step"])
        end = first + count
        memory = _memory(state)
        particles, diverged_at = state["particles"], state["diverged_at"]
        with parallel_region(self._threads):
            threads = self._loops.get_num_threads()
            while first < end:
                size = min(SPAN - first % SPAN, end - first)
                if self._backend == "cuda":
                    self._play_on_device(particles, diverged_at, first, size, game, memory)
                elif self._kernel.code == _GENERAL:
                    self._play_slowly(particles, diverged_at, first, size, game, memory)
                elif len(particles) == 1 and threads > 1:
                    self._loops.play_alone(0, particles, diverged_at, first, size, game, memory, self._kernel, threads)
                else:
                    self._loops.play_trials(particles, diverged_at, first, size, game, memory, self._kernel)
                first += size
                if first % SPAN == 0:
                    memory = compression.with_room(memory)
                    compression.keep(first, diverged_at, memory, rules, self._tables)
        state.update(memory._asdict())

    def discriminator(self, state: "State", trial: int) -> KernelExpansion:
        """Return the discriminator of a trial (its place in the state), as the loops see it."""
        diverged = int(state["diverged_at"][trial])
        step = int(state["step"]) if diverged < 0 else diverged - 1
        return self._expansion(trial, step, step % SPAN, self._settings(state["masses"])[0], _memory(state))

    def _expansion(self, t: int, step: int, age: int, game: _Game, memory: Memory) -> KernelExpansion:
        """Return f^step of a trial, `age` steps after the last block."""
        recent = age * game.masses.size
        size = memory.sizes[t, 1]
        fresh = memory.fresh[t, :, : game.true_masses.size + recent]
        places = np.concatenate([fresh, memory.nodes[t, :, :size]], axis=1)
        weights = [
            self._loops.true_factor(step, game.lr_disc, game.reg) * game.true_masses,
            -game.recent_weights[game.recent_weights.size - recent :],
            -game.decays[age] * memory.node_weights[t, :size],
        ]
        dim = self._kernel.inverse_widths.size
        positions = places[:dim] * places[-1] if self._tangent else places / self._kernel.inverse_widths[:, None]
        return KernelExpansion(self._given, np.ascontiguousarray(positions.T), np.concatenate(weights))

    def _settings(self, masses: Floats) -> tuple[_Game, compression.Rules]:
        game = self._game
        masses = masses.astype(np.float64)
        with np.errstate(over="ignore"):  # where lr_disc reg > 2
            powers = self._decay ** np.arange(SPAN + 1.0)
        recent_weights = game.lr_disc * np.outer(powers[-2::-1], masses).ravel()
        settings = _Game(
            true_masses=np.array(game.true_masses),
            masses=masses,
            reg=game.reg,
            lr_disc=game.lr_disc,
            lr_gen=game.lr_gen,
            alternating=int(game.order == "alternating"),
            decays=powers,
            recent_weights=recent_weights,
            span=SPAN,
        )
        # Half of the tolerance each for what is compressed and for what is dropped.
        most_steps = min(1 / (game.lr_disc * game.reg), _HORIZON) if game.reg > 0 else _HORIZON
        slack = 0.5 * game.tolerance / (game.lr_disc * masses.sum() * most_steps)
        terms = self._kernel.terms
        rational = self._kernel.code == formula.RATIONAL_QUADRATIC
        rules = compression.Rules(
            n_true=settings.true_masses.size,
            axes=self._kernel.axes,
            shares=game.lr_disc * masses,
            recent_weights=recent_weights,
            span_decay=float(powers[-1]),
            drop_age=_drop_age(abs(self._decay), 0.5 * game.tolerance, game.lr_disc * masses.sum()),
            slack=slack,
            trim=slack / 64,
            rounding=4.5 * float(np.finfo(self._dtype).eps),
            pole=1 / terms[0] if rational else np.inf,
            power=terms[1] if rational else np.inf,
        )
        return settings, rules

    def _play_on_device(
        self, particles: Any, diverged_at: Any, first: int, count: int, game: _Game, memory: Memory
    ) -> None:
        from . import history_cuda

        ends = range(first + game.alternating, first + game.alternating + count)
        factors = [self._loops.true_factor(step, game.lr_disc, game.reg) for step in ends]
        history_cuda.play_trials(particles, diverged_at, first, count, game, memory, self._kernel, factors)

    def _play_slowly(
        self, particles: Any, diverged_at: Any, first: int, count: int, game: _Game, memory: Memory
    ) -> None:
        """Play `count` steps, within one span, with a kernel that offers its verbs alone."""
        n = game.masses.size
        later = game.alternating
        for t in np.flatnonzero(diverged_at < 0).tolist():
            for step in range(first, first + count):
                age = step % SPAN
                place = game.true_masses.size + age * n
                memory.fresh[t, :, place : place + n] = particles[t].T
                force = self._expansion(t, step + later, age + later, game, memory).gradient(particles[t])
                with np.errstate(over="ignore", invalid="ignore"):
                    moved = (particles[t] + game.lr_gen * game.masses[:, None] * force).astype(particles.dtype)
                if not np.isfinite(moved).all():
                    diverged_at[t] = step + 1
                    break
                particles[t] = moved

    def check_length(self, steps: int, masses: Floats) -> None:
        """Raise `ParameterError` if the estimated time of `steps` steps from the start is over ten minutes."""
        game, rules = self._settings(masses)
        if (seconds := self._seconds(steps, game, rules)) <= _LONGEST_RUN:
            return
        most = 10 ** (math.log10(steps) * np.linspace(0, 1, 1001))
        fits = max(n for n in most if self._seconds(int(n), game, rules) <= _LONGEST_RUN)
        duration = f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
        if kernels.has_random_features(self._given):
            remedy = "use n_frequencies=1000 for random features"
        else:
            remedy = "use fewer steps or particles, or a larger reg, which forgets sooner"
        raise ParameterError(
            f"steps must be <= about {float(f'{fits:.2g}'):.0f} for the exact kernel, got {steps}: "
            f"the estimated time is {duration}; {remedy}"
        )

    def _seconds(self, steps: int, game: _Game, rules: compression.Rules) -> float:
        """Return the estimated time of a run from the start on one core, or on a GPU."""
        n, kernel = game.masses.size, self._kernel
        pair = _PAIR_AXIS * kernel.axes
        pair += {
            formula.GAUSSIAN: _PAIR_GAUSSIAN * kernel.terms.size,
            formula.LAPLACE: _PAIR_LAPLACE,
            formula.RATIONAL_QUADRATIC: _PAIR_RATIONAL,
            formula.TANGENT: _PAIR_TANGENT + _PAIR_COEFFICIENT * kernel.profile.shape[1],
            _GENERAL: _PAIR_GENERAL,
        }[kernel.code]
        kept = 1.0  # nodes for each position
        if len(self._tables.nodes) and rules.slack > _LEAST_SLACK:
            # The fastest swing of a particle in a step, in radians: the square root of the curvature of the game.
            stiffness = float(max(game.masses.sum(), game.true_masses.sum()) * game.masses.max())
            scales = 1.0 if rules.pole < np.inf else 2 * float(kernel.terms.sum())
            curvature = stiffness * scales * float(kernel.inverse_widths.max()) ** 2
            kept = min(1.0, _NODES_PER_RADIAN * math.sqrt(game.lr_disc * game.lr_gen * curvature))
        filling = min(steps, rules.drop_age)
        positions = steps * SPAN / 2 + kept * (filling * filling / 2 + (steps - filling) * filling)
        each = _STEP_GENERAL if kernel.code == _GENERAL else _STEP
        rounds = math.ceil(self._trials / _BLOCKS) if self._backend == "cuda" else self._trials
        return rounds * n * (n * positions * pair + steps * each)


def _memory(state: "State") -> Memory:
    return Memory(*(state[name] for name in Memory._fields))


def _drop_age(decay: float, tolerance: float, weight: float) -> int:
    """Return the age in steps beyond which a history of `weight` a step weighs less than `tolerance` in all."""
    if decay >= 1:
        return 2**62
    if decay == 0:
        return 1
    return max(1, math.ceil(math.log(tolerance * (1 - decay) / weight) / math.log(decay)))


def _describe(kernel: Any, dim: int) -> _Kernel:
    """Return a kernel as the loops take it."""
    code, axes = _GENERAL, dim
    widths, terms, profile = np.ones(dim), np.zeros(0), np.zeros((2, 0))
    if type(kernel) is kernels.RBF:
        code, widths, terms = formula.GAUSSIAN, np.full(dim, kernel.width), np.array([0.5])
    elif type(kernel) is kernels.AnisotropicRBF:
        code, widths, terms = formula.GAUSSIAN, np.array(kernel.widths), np.array([0.5])
    elif type(kernel) is kernels.MultiScale:
        smallest = min(kernel.widths)
        code, widths, terms = formula.GAUSSIAN, np.full(dim, smallest), 0.5 * (smallest / np.array(kernel.widths)) ** 2
    elif type(kernel) is kernels.Laplace:
        # In its own units, where differences of near positions are exact.
        code, terms = formula.LAPLACE, np.array([1 / kernel.width])
    elif type(kernel) is kernels.RationalQuadratic:
        code, widths = formula.RATIONAL_QUADRATIC, np.full(dim, kernel.width)
        terms = np.array([0.5 / kernel.mixing, kernel.mixing + 1.0])
    elif type(kernel) is kernels.ReLUNTK:
        code, axes, profile = formula.TANGENT, dim + kernel.bias, _profile(kernel.depth)
    return _Kernel(code, axes, 1.0 / widths, terms, profile)


def _profile(depth: int) -> Floats:
    """Return (2, coefficients): the tangent kernel on the unit circle and its derivative in the angle, as polynomials.

    They are in u = 2 angle / pi - 1, highest degree first; both functions are analytic beyond [-1, 1]: degree 31 holds
    them to 1e-13 up to depth 10.
    """
    for size in (32, 48, 64, 96):
        u = np.cos(np.pi * (np.arange(size) + 0.5) / size)
        angle = np.pi / 2 * (u + 1)
        circle = np.column_stack([np.cos(angle), np.sin(angle)])
        values = kernels.ReLUNTK(depth).gradient([[1.0, 0.0]], circle)[0] * [1.0, -1.0]
        series = np.polynomial.chebyshev.chebfit(u, values, size - 1)
        if np.abs(series[-4:]).max() < 1e-13 * np.abs(series).max():
            break
    return np.array([np.polynomial.chebyshev.cheb2poly(column)[::-1] for column in series.T])
