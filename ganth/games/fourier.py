"""The effective GAN against waves that each learn at their own rate (ED, app. C, Algorithm 2)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..backend import aligned, parallel_region
from ..checks import Floats
from ..discriminators import FourierWaves
from ..errors import DivergedError, ParameterError
from .play import State

if TYPE_CHECKING:
    from .effective import EffectiveGAN


class FourierEngine:
    r"""Plays `EffectiveGAN` against `FourierModes`, for a batch of trials.

    .. math::
        w_k &\leftarrow w_k - \alpha_D \gamma(k) \big(\langle \varphi_k \rangle_\text{gen}
            - \langle \varphi_k \rangle_\text{data} + \lambda w_k\big) \quad n_\text{disc} \text{ times} \\
        X_a &\leftarrow X_a + \frac{\alpha_G}N \sum_b \Gamma_{ab} \nabla D(X_b), \qquad D = \sum_k w_k \varphi_k

    for the sine and the cosine of every k of the grid; w starts at 0.  Where the data do not change, n steps are one:

    .. math::
        w_n = q^n w_0 - \frac{1 - q^n}\lambda \big(\langle \varphi_k \rangle_\text{gen}
            - \langle \varphi_k \rangle_\text{data}\big), \qquad q = 1 - \alpha_D \gamma(k) \lambda.

    The state keeps, beside what every engine keeps, "weights" (trials, 2 P, ...): those of `FourierWaves`.  In these
    2^d signs of k are one product, so that each is pulled 2^d times as hard and forgotten as fast.

    Raises
    ------
    ParameterError
        If the target is not in one or two dimensions.

    Notes
    -----
    Source: ED, app. C, Algorithm 2, which is printed as an ascent of a squared regulariser.  Cost per iteration and
    trial: 3 (2 P)^2 N fused multiply-adds, a vector of them at a time, and for new data (2 P)^2 n_data n_disc more.
    For P = 25 and N = 200 that is about 85 us on one core in float64 and 55 us in float32.  No run is refused for its
    length.
    """

    recorded: tuple[str, ...] = ()
    moves = True  # False, on CUDA alone: a particle is replaced by what it would move by

    def __init__(
        self, game: "EffectiveGAN", *, key: int, trials: range, dtype: str, threads: int | None, backend: str = "cpu"
    ) -> None:
        self.game, self.key, self.trials, self.dtype, self.threads = game, key, trials, np.dtype(dtype), threads
        self.backend = backend
        self.dim = game.target.means.shape[1]
        if self.dim > 2:
            raise ParameterError(f"target must have dimension 1 or 2 for discriminator='fourier', got {self.dim}")
        self._tables: tuple[Any, ...] | None = None

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        trials = len(self.trials)
        return {
            "particles": np.array(particles, self.dtype, order="C"),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(trials, -1, dtype=np.int64),
            "weights": np.zeros((trials, *(2 * self.game.modes.per_axis,) * self.dim), self.dtype),
        }

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length: the cost is linear in the steps."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps."""
        game = self.game
        if self._tables is None:
            self._tables = self._data(), game.modes.axis.astype(self.dtype), *self._learning()
        waves = 2 * game.modes.per_axis
        call: tuple[Any, ...] = (
            state["particles"],
            state["weights"].reshape(len(self.trials), waves, -1),
            state["diverged_at"],
            *self._tables,
            self._coupling(),
            self._mixture(),
            game.n_data if game.data == "resampled" else 0,
            np.uint64(self.key),
            self.trials[0],
            int(state["step"]),
            count,
            1 if game.inner == "closed" else game.n_disc,
            game.order == "alternating",
        )
        if self.backend == "cuda":
            from . import fourier_cuda

            fourier_cuda.advance(*(*call, self.moves))
            return
        from .fourier_cpu import advance

        with parallel_region(self.threads):
            advance(*call)

    def discriminator(self, state: State, trial: int) -> FourierWaves:
        """Return the discriminator of a trial (its place in the state).

        Raises `DivergedError` if it is not finite: it may overflow a step before its particles do.
        """
        weights = state["weights"][trial].astype(np.float64)
        if not np.isfinite(weights).all():
            raise DivergedError(
                f"the discriminator of trial {self.trials[trial]} is not finite: "
                f"the trial diverged at step {int(state['diverged_at'][trial])}"
            )
        return FourierWaves(self.game.modes, weights)

    def _learning(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what the weights forget, and how hard the data pull, in one step or in n_disc of them."""
        game = self.game
        assert game.reg is not None
        rates = game.lr_disc * game.modes.rates(self.dim)
        forget, gain = rates * game.reg, rates
        if game.inner == "closed":
            # 1 - q^n, to full precision where it is small.
            slow = forget < 0.5
            whole = 1 - (1 - np.where(slow, 0, forget)) ** game.n_disc
            forget = np.where(slow, -np.expm1(game.n_disc * np.log1p(-np.where(slow, forget, 0))), whole)
            gain = forget / game.reg if game.reg > 0 else rates * game.n_disc
        return self._padded(forget), self._padded(2**self.dim * gain)

    def _data(self) -> NDArray[Any]:
        """Return the means over the data, (1 or trials, size): zeros where they are drawn anew at each step."""
        game = self.game
        if game.data == "fixed":
            assert game.n_data is not None
            samples = (game.target.sample(game.n_data, self.key, trial=trial) for trial in self.trials)
            means = [self._padded(game.modes.mean(sample)) for sample in samples]
        elif game.data == "population":
            means = [self._padded(game.modes.expectation(game.target))]
        else:
            means = [self._padded(np.zeros_like(game.modes.rates(self.dim)))]
        return np.stack(means)

    def _padded(self, table: Floats) -> NDArray[Any]:
        """Return a table as the loops read it: a row (on the CPU, of whole vectors) for each wave of the first axis."""
        table = table.reshape(len(table), -1)
        if self.backend == "cuda":
            return table.ravel().astype(self.dtype)
        from .fourier_cpu import BYTES

        lanes = BYTES // self.dtype.itemsize
        padded = aligned((len(table), -(-table.shape[1] // lanes) * lanes), self.dtype)
        padded[:, : table.shape[1]] = table
        return padded.ravel()

    def _coupling(self) -> tuple[Any, ...]:
        """Return (gram / n or nothing, (g1 - g2) / n, g2, the rate): see `effective.coupled`."""
        game, real = self.game, self.dtype.type
        if game.gram is not None:
            return (game.gram / game.n_particles).astype(self.dtype), real(0), real(0), real(game.lr_gen)
        diagonal, other = game.ntk_values
        local = real((diagonal - other) / game.n_particles)
        return np.empty((0, 0), self.dtype), local, real(other), real(game.lr_gen)

    def _mixture(self) -> tuple[Any, ...]:
        """Return what the loops draw new data from: means, Cholesky factors, cumulative weights."""
        target = self.game.target
        return target.means, np.linalg.cholesky(target.covariances), np.cumsum(target.weights)
