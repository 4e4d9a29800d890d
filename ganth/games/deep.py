"""A deep ReLU network as the discriminator of the effective GAN (ED, figs. 3, 4 and 8)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..backend import aligned, parallel_region
from ..checks import Floats
from ..discriminators import DenseNetwork, DenseReLU
from ..errors import DivergedError
from ..nn import SGD, Dense, RMSProp
from .play import State

if TYPE_CHECKING:
    from .effective import EffectiveGAN

_SHARES, _BLOCKS = 8, 4  # most shares, least blocks of one: it has a gradient of its own to fill and to read


class DeepEngine:
    r"""Plays `EffectiveGAN` against `depth` hidden ReLU layers of `width` units with a Glorot start, trial by trial.

    A discriminator step needs the gradient in the parameters phi of

    .. math:: \frac1N \sum_a D(X_a) - \frac1M \sum_l D(x_l) + \sum_a h_a \cdot \nabla D(X_a),
        \qquad h_a = \frac{2 c \beta}{N^2} \sum_b \Gamma_{ab} \nabla D(X_b) \text{ held fixed,}

    which is that of the loss, as the gradient regulariser is a quadratic form.  ReLU layers are linear between kinks,
    so that the last sum is what the tangents t_0 = N h_a, t_l = 1[u_l > 0] W_l t_{l-1} add to the layers' outputs
    h_l: with the deltas of D, N dL/dW_l = sum_a delta_l (h_{l-1} + t_{l-1})^T over generated points.  The regulariser
    costs one more forward pass and no second back-propagation.  A unit at its kink counts as off.

    The state keeps, beside what every engine keeps, "parameters" (trials, size), as `DenseNetwork` orders them, and for
    RMSProp "squares" (trials, size), the running mean of squared gradients.

    Notes
    -----
    Source: ED, eqs. (5)-(11), (21), (27)-(29), Algorithm 1, note [30].  Cost of a discriminator step: 3 products
    (regularised: 4 for the generated points) of (depth - 1) width^2 weights with N + M points, padded to blocks of 64
    (float64: 32); on one core 0.1 ms for 4 layers of 64 units at 50 + 50 points in float32.  Memory: (2 depth + 2)
    width numbers a point, and at most nine times the parameters.  Blocks lie in eight shares whose gradients are added
    in order, so that `threads` (None: as many as Numba has) does not change a bit.
    """

    recorded: tuple[str, ...] = ()
    moves = True  # False, on CUDA alone: a particle is replaced by what it would move by

    def __init__(
        self, game: "EffectiveGAN", *, key: int, trials: range, dtype: str, threads: int | None, backend: str = "cpu"
    ) -> None:
        assert game.width is not None
        self.backend = backend
        self.game, self.key, self.trials, self.dtype = game, key, trials, np.dtype(dtype)
        self.threads = None if threads is None else checks.integer("threads", threads, at_least=1)
        self.network, self.dim = DenseReLU(game.depth, game.width), game.target.means.shape[1]
        assert game.n_data is not None
        self._n_data = game.n_data
        self._memory: Any = None

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        networks = [self.network.initial(self.dim, self.key, trial=trial, start="glorot") for trial in self.trials]
        state = {
            "particles": np.array(particles, self.dtype, order="C"),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(len(self.trials), -1, dtype=np.int64),
            "parameters": np.stack([network.parameters for network in networks]).astype(self.dtype),
        }
        if self.game.optimiser == "rmsprop":
            state["squares"] = np.zeros_like(state["parameters"])
        return state

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length: the cost is linear in the steps."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps."""
        if self.backend == "cuda":
            self._advance_there(state, count)
            return
        from .deep_cpu import Network, play_alone, play_shares

        rules, network = self._rules(), Network(*self._layers())
        desk = self._desk(network)
        optimiser = (RMSProp() if self.game.optimiser == "rmsprop" else SGD()).rules(self.dtype)
        if self.game.data == "fixed":
            data = (self.game.target.sample(self._n_data, self.key, trial=trial) for trial in self.trials)
        for k, trial in enumerate(self.trials):
            if self.game.data == "fixed":
                desk.data[...] = next(data)
            if state["diverged_at"][k] >= 0:
                continue
            squares = state["squares"][k : k + 1] if "squares" in state else np.empty((0, 0), self.dtype)
            call = (
                state["particles"][k], state["parameters"][k], squares, np.uint64(self.key), np.uint64(trial),
                int(state["step"]), count, network, rules, optimiser, desk,
            )  # fmt: skip
            if self.threads == 1 or len(desk.gradients) == 1:
                lost = play_alone(*call)
            else:
                with parallel_region(self.threads):
                    lost = play_shares(*call)
            if lost >= 0:
                state["diverged_at"][k] = lost

    def _advance_there(self, state: State, count: int) -> None:
        n, n_data = self.game.n_particles, self._n_data
        weights = np.repeat(np.array([1.0 / n, -1.0 / n_data], self.dtype), (n, n_data))
        drawn = np.empty((1, 0, self.dim), self.dtype)
        real = self.dtype.type
        advance_there(
            state, self.key, self.trials, count, self.network, weights, drawn, self._rules(), real(n), real(0), True,
            moves=self.moves,
        )  # fmt: skip

    def discriminator(self, state: State, trial: int) -> DenseNetwork:
        """Return the network of a trial; raise `DivergedError` if its parameters left the finite numbers."""
        parameters = state["parameters"][trial]
        if not np.isfinite(parameters).all():
            raise DivergedError(
                f"the network of trial {self.trials[trial]} diverged at step {int(state['diverged_at'][trial])}"
            )
        return DenseNetwork(self.network, self.dim, parameters)

    def _layers(self) -> tuple[Any, ...]:
        return Dense((self.network.width,) * self.network.depth).rules(self.dim, 1, self.dtype)

    def _rules(self) -> Any:
        from .deep_cpu import Rules

        game, real = self.game, self.dtype.type
        diagonal, other = (0.0, 0.0) if game.gram is not None else game.ntk_values
        n, forms = game.n_particles, {"half": 1.0, "full": 2.0}
        return Rules(
            lr_disc=real(game.lr_disc),
            lr_gen=real(game.lr_gen),
            reg=real(game.reg or 0.0),
            penalty=real(forms[game.grad_reg_form] * game.grad_reg),
            local=real((diagonal - other) / n),
            other=real(other),
            gram=np.empty((0, 0), self.dtype) if game.gram is None else (game.gram.T / n).astype(self.dtype, order="C"),
            n_disc=game.n_disc,
            alternating=game.order == "alternating",
            resampled=game.data == "resampled",
            cumulative=np.cumsum(game.target.weights),
            means=game.target.means,
            factors=np.linalg.cholesky(game.target.covariances),
        )

    def _desk(self, network: Any) -> Any:
        """Return the memory that a trial is played in, which is kept."""
        from .deep_cpu import BYTES, Desk, lengths

        if self._memory is not None:
            return self._memory
        n, n_data, dim = self.game.n_particles, self._n_data, self.dim
        wide, total, turned, tile, zeros = lengths(network, np.empty(1, self.dtype))
        blocks = -(-n // wide) + -(-n_data // wide)
        shares, size = max(1, min(_SHARES, blocks // _BLOCKS)), self.network.size(dim)

        def rows(*shape: int) -> NDArray[Any]:
            lanes = BYTES // self.dtype.itemsize
            return aligned((*shape[:-1], -(-shape[-1] // lanes) * lanes), self.dtype)

        half = (n_data * dim + 1) // 2
        self._memory = Desk(
            hidden=rows(blocks, total),
            deltas=rows(blocks, total),
            second=rows(shares, 3, total if self.game.grad_reg > 0 else 0),
            turned=rows(shares, turned),
            tile=rows(shares, tile),
            zeros=rows(zeros),
            gradients=rows(shares, size),
            total=rows(size)[:size],
            data=np.empty((n_data, dim), self.dtype),
            slopes=np.empty((dim, n), self.dtype),
            pulls=np.empty((dim, n), self.dtype),
            velocities=np.empty((dim, n), self.dtype),
            even=np.empty(half),
            odd=np.empty(half),
            modes=np.empty((2, (n_data + 1) // 2), np.int64),
        )
        return self._memory


def advance_there(
    state: State,
    key: int,
    trials: range,
    count: int,
    network: DenseReLU,
    weights: NDArray[Any],
    given: NDArray[Any],
    rules: Any,
    gain: Any,
    bias_slope: Any,
    strict: bool,
    *,
    moves: bool = True,
) -> None:
    """Play `count` steps of a game against a dense network on CUDA; see deep_cuda.play_trials for what it is told."""
    from .deep_cuda import play_trials

    play_trials(
        state["particles"], state["parameters"], state.get("squares", np.empty((0, 0), weights.dtype)),
        state["diverged_at"], np.uint64(key), trials.start, int(state["step"]), count,
        network.depth, network.width, weights, given, rules, gain, bias_slope, strict, moves,
    )  # fmt: skip


def uncoupled_rules(game: Any, dtype: Any) -> Any:
    """Return what `advance_there` takes as rules for a game of the kernel GAN: particles climb on their own.

    Its weights are to have the discriminator's rate in them, as those of dense_cpu have.
    """
    from .deep_cpu import Rules

    real, none = dtype.type, np.empty((0, 0))
    return Rules(
        lr_disc=real(1),
        lr_gen=real(game.lr_gen / game.lr_disc),
        reg=real(game.lr_disc * game.reg),
        penalty=real(0),
        local=real(1),
        other=real(0),
        gram=none.astype(dtype),
        n_disc=1,
        alternating=game.order == "alternating",
        resampled=False,
        cumulative=none[0:0].ravel(),
        means=none,
        factors=none[:, :, None],
    )
