"""Networks with one hidden layer as discriminators of the effective GAN (ED, sections IV and V)."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..backend import aligned, parallel_region
from ..checks import Floats
from ..discriminators import OneHidden
from ..errors import DivergedError
from .play import State

if TYPE_CHECKING:
    from .effective import EffectiveGAN

_REGULARISERS = {"half": 1.0, "full": 2.0}  # twice the factor before beta in the loss


class OneHiddenEngine:
    r"""Plays `EffectiveGAN` against D(x) = sqrt(2/H) sum_i a_i s(w_i . x + b_i), trained by back-propagation.

    With c_p = 1/N at particles and -1/M at data, and h_a = c beta / N^2 sum_b Gamma_ab grad D(X_b) held fixed (c = 1 or
    2), a step goes down the gradient of sum_p c_p D(x_p) + sum_a h_a . grad D(X_a) + lambda/2 |phi|^2, which is that of
    the loss.

    The state keeps, beside what every engine keeps, "parameters" (trials, d + 2, H): rows a, w_1, ..., w_d, b; and
    for RMSProp "squares", its running means, of the same shape.

    Notes
    -----
    Source: ED, Algorithm 1, eqs. (23), (24), (26), (28).
    """

    recorded: tuple[str, ...] = ()
    moves = True  # False, on CUDA alone: a particle is replaced by what it would move by

    def __init__(
        self, game: "EffectiveGAN", *, key: int, trials: range, dtype: str, threads: int | None, backend: str = "cpu"
    ) -> None:
        self.game, self.key, self.trials, self.dtype, self.threads = game, key, trials, np.dtype(dtype), threads
        self.backend = backend
        self._played: tuple[Any, ...] | None = None
        assert game.width is not None
        self.width, self.dim = game.width, game.target.means.shape[1]

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        game = self.game
        parameters = np.empty((len(self.trials), self.dim + 2, self.width), self.dtype)
        for rows, trial in zip(parameters, self.trials, strict=True):
            network = OneHidden.initial(
                self.dim,
                self.width,
                self.key,
                activation=game.activation,
                weight_variance=game.weight_variance,
                bias_variance=game.bias_variance,
                trial=trial,
            )
            rows[0], rows[1:-1], rows[-1] = network.output_weights, network.weights.T, network.biases
        state = {
            "particles": np.array(particles, self.dtype, order="C"),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(len(self.trials), -1, dtype=np.int64),
            "parameters": parameters,
        }
        if game.optimiser == "rmsprop":
            state["squares"] = np.zeros_like(parameters)
        return state

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length: the cost is linear in the steps."""

    @property
    def alike(self) -> tuple[Any, ...]:
        """What games have in common whose trials one launch can play."""
        game, target = self.game, self.game.target
        arrays = (target.weights, target.means, target.covariances, game.gram)
        return (
            type(self), self.dtype, self.width, game.activation, game.n_particles, game.n_data, game.order, game.data,
            game.optimiser, *(None if array is None else (array.shape, array.tobytes()) for array in arrays),
        )  # fmt: skip

    def advance(self, state: State, count: int) -> None:
        """Play `count` iterations."""
        if self.backend == "cuda":
            self.advance_together([self], state, count)
            return
        from .one_hidden_cpu import UNITS, play_alone, play_blocks, play_trials, room_of

        rules = self._rules()
        unit: Any = UNITS[self.game.activation](self.dtype.type(1))
        parameters = self._padded(state["parameters"])
        squares = (
            self._padded(state["squares"]) if "squares" in state else np.zeros((len(parameters), 0, 0), self.dtype)
        )
        start, first, axes = self.trials.start, int(state["step"]), tuple(range(self.dim))
        every = (state["particles"], parameters, squares)
        common = (np.uint64(self.key), start, first, count, unit, rules, axes)
        if self.threads == 1:
            play_alone(*every, state["diverged_at"], *common)
        elif len(self.trials) > 1:
            with parallel_region(self.threads):
                play_trials(*every, state["diverged_at"], *common)
        elif state["diverged_at"][0] < 0:
            one = tuple(array[0] for array in every)
            with parallel_region(self.threads):
                state["diverged_at"][0] = play_blocks(*one, *common, room_of(*one[:2], rules))
        state["parameters"][...] = parameters[..., : self.width]
        if "squares" in state:
            state["squares"][...] = squares[..., : self.width]

    def advance_together(self, engines: Sequence["OneHiddenEngine"], state: State, count: int) -> None:
        """Play `count` iterations, on a GPU, of the trials of engines that are `alike`, one engine after another."""
        from . import one_hidden_cuda

        if self._played is None:
            self._played = _players_of(engines), self._rules()
        players, rules = self._played
        one_hidden_cuda.play_trials(
            state["particles"], state["parameters"], state.get("squares", np.empty(0, self.dtype)),
            state["diverged_at"], players, int(state["step"]), count,
            one_hidden_cuda.CODES[self.game.activation], rules, self.moves,
        )  # fmt: skip

    def _rules(self) -> Any:
        """Return the settings as the loops take them."""
        from .one_hidden_cpu import Rules

        game, real, reg, n = self.game, self.dtype.type, self.game.reg, self.game.n_particles
        assert reg is not None
        assert game.n_data is not None
        diagonal, other = (0.0, 0.0) if game.gram is not None else game.ntk_values
        return Rules(
            scale=real(math.sqrt(2.0 / self.width)),
            lr_disc=real(game.lr_disc),
            reg=real(reg),
            lr_gen=real(game.lr_gen),
            penalty=real(_REGULARISERS[game.grad_reg_form] * game.grad_reg),
            local=real((diagonal - other) / n),
            other=real(other),
            gram=np.empty((0, 0), self.dtype) if game.gram is None else (game.gram / n).astype(self.dtype),
            n_disc=game.n_disc,
            n_data=game.n_data,
            simultaneous=game.order == "simultaneous",
            resampled=game.data == "resampled",
            cumulative=np.cumsum(game.target.weights),
            means=game.target.means,
            factors=np.linalg.cholesky(game.target.covariances),
        )

    def _padded(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of parameters (trials, d + 2, H) whose units fill whole vectors."""
        from .one_hidden_cpu import BYTES, PARTS

        lanes = PARTS * BYTES // self.dtype.itemsize
        padded = aligned((*rows.shape[:2], -(-self.width // lanes) * lanes), self.dtype)
        padded[..., : self.width] = rows
        return padded

    def discriminator(self, state: State, trial: int) -> OneHidden:
        """Return the network of a trial; raise `DivergedError` if its parameters left the finite numbers."""
        rows = state["parameters"][trial].astype(np.float64)
        if not np.isfinite(rows).all():
            raise DivergedError(
                f"the network of trial {self.trials[trial]} diverged at step {int(state['diverged_at'][trial])}"
            )
        return OneHidden(rows[0], rows[1:-1].T, rows[-1], self.game.activation)


def _players_of(engines: Sequence[OneHiddenEngine]) -> tuple[NDArray[Any], ...]:
    """Return what differs between the trials of engines, trial by trial: see one_hidden_cuda.play_trials."""
    keys, plays, rates = [], [], []
    for engine in engines:
        rules = engine._rules()
        for trial in engine.trials:
            keys.append(engine.key)
            plays.append((trial, rules.n_disc))
            rates.append((rules.lr_disc, rules.reg, rules.lr_gen, rules.penalty, rules.local, rules.other))
    return np.array(keys, np.uint64), np.array(plays, np.int64), np.array(rates, engines[0].dtype)
