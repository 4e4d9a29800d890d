"""A deep ReLU network as the discriminator of the effective GAN (ED, figs. 3, 4 and 8)."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import blas, checks
from ..checks import Floats
from ..discriminators import DenseNetwork, DenseReLU
from ..errors import DivergedError
from ..nn import RMSProp
from .effective import EffectiveGAN, coupled
from .play import State

_POINTS = 256  # of a block: its hidden units stay in the cache, its products are long enough
Layers = tuple[tuple[NDArray[Any], NDArray[Any]], ...]


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
    (regularised: 4 for the generated points) of (depth - 1) width^2 weights with N + M points, in NumPy's matrix
    library; 4 layers of 512 units at 2000 + 2000 points take 19 GFLOP.  Memory: (2 depth + 2) width numbers a point
    and the parameters once for each 256 points.  Points are taken in blocks of 256 whose gradients are added in order,
    and each product is made on one thread, so that `threads` (None: as many as the matrix library would take) does not
    change a bit.
    """

    recorded: tuple[str, ...] = ()

    def __init__(self, game: EffectiveGAN, *, key: int, trials: range, dtype: str, threads: int | None) -> None:
        assert game.width is not None
        self.game, self.key, self.trials, self.dtype = game, key, trials, np.dtype(dtype)
        self.threads = None if threads is None else checks.integer("threads", threads, at_least=1)
        self.network, self.dim = DenseReLU(game.depth, game.width), game.target.means.shape[1]
        self._room: _Room | None = None

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
        if self._room is None:
            self._room = _Room(self)
        with blas.one_thread() as most:
            workers = min(most if self.threads is None else self.threads, len(self._room.blocks))
            with ThreadPoolExecutor(workers) if workers > 1 else nullcontext() as pool:
                for trial in range(len(self.trials)):
                    self._room.play(state, trial, count, pool)

    def discriminator(self, state: State, trial: int) -> DenseNetwork:
        """Return the network of a trial; raise `DivergedError` if its parameters left the finite numbers."""
        parameters = state["parameters"][trial]
        if not np.isfinite(parameters).all():
            raise DivergedError(
                f"the network of trial {self.trials[trial]} diverged at step {int(state['diverged_at'][trial])}"
            )
        return DenseNetwork(self.network, self.dim, parameters)


class _Room:
    """The buffers of one trial at a time, and the steps made in them."""

    def __init__(self, engine: DeepEngine) -> None:
        self.engine, game = engine, engine.game
        assert game.n_data is not None
        self.particles, self.gradients, self.tangents, self.moved = (
            np.empty((game.n_particles, engine.dim), engine.dtype) for _ in range(4)
        )
        self.data = np.empty((game.n_data, engine.dim), engine.dtype)
        self.total, self.scratch = (np.empty(engine.network.size(engine.dim), engine.dtype) for _ in range(2))
        tangents = self.tangents if game.grad_reg > 0 else None
        self.generated = [
            _Block(engine, rows, self.particles, self.gradients, tangents) for rows in _rows(game.n_particles)
        ]
        self.true = [_Block(engine, rows, self.data) for rows in _rows(game.n_data)]
        self.blocks = self.generated + self.true

    def play(self, state: State, trial: int, count: int, pool: Executor | None) -> None:
        """Play `count` steps of a trial, or those until it diverges."""
        game, real = self.engine.game, self.engine.dtype.type
        particles, parameters = state["particles"][trial], state["parameters"][trial]
        squares = state["squares"][trial] if "squares" in state else None
        layers = self.engine.network.split(parameters, self.engine.dim)
        rate = real(game.lr_gen)
        if game.data == "fixed":
            self._draw(trial, 0)
        with np.errstate(all="ignore"):
            for step in range(int(state["step"]), int(state["step"]) + count):
                if state["diverged_at"][trial] >= 0:
                    return
                self.particles[...] = particles
                for inner in range(game.n_disc):
                    if game.data == "resampled":
                        self._draw(trial, step * game.n_disc + inner)
                    _each(self.blocks, lambda block: block.differentiate(layers), pool)
                    if inner == 0 and game.order == "simultaneous":
                        np.multiply(coupled(game, self.gradients), rate, out=self.moved)
                    self._learn(layers, parameters, squares, pool)
                if game.order == "alternating":
                    _each(self.generated, lambda block: block.differentiate(layers), pool)
                    np.multiply(coupled(game, self.gradients), rate, out=self.moved)
                self.moved += particles
                if not (np.isfinite(self.moved).all() and np.isfinite(parameters).all()):
                    state["diverged_at"][trial] = step + 1
                    return
                particles[...] = self.moved

    def _draw(self, trial: int, step: int) -> None:
        engine = self.engine
        drawn = engine.game.target.sample(len(self.data), engine.key, trial=engine.trials[trial], step=step)
        self.data[...] = drawn

    def _learn(
        self, layers: Layers, parameters: NDArray[Any], squares: NDArray[Any] | None, pool: Executor | None
    ) -> None:
        """Take a step of the discriminator, whose blocks have been differentiated."""
        game, real = self.engine.game, self.engine.dtype.type
        if game.grad_reg > 0:
            weight = game.grad_reg * (2.0 if game.grad_reg_form == "full" else 1.0)  # 2 c beta
            np.multiply(coupled(game, self.gradients), real(weight), out=self.tangents)
        _each(self.blocks, lambda block: block.collect(layers), pool)
        total, scratch = self.total, self.scratch
        total[...] = 0.0
        for blocks, share in ((self.generated, 1.0 / game.n_particles), (self.true, -1.0 / len(self.data))):
            for block in blocks:
                total += np.multiply(block.gradient, real(share), out=scratch)
        total[-1] = 0.0  # the output's bias: generated and true points cancel, but for rounding
        total += np.multiply(parameters, real(game.reg), out=scratch)
        if squares is not None:
            RMSProp().precondition(total, squares)
        total *= real(game.lr_disc)
        parameters -= total


class _Block:
    """Some rows of the points, what each layer makes of them, and the sum of D's gradients in the parameters."""

    def __init__(
        self,
        engine: DeepEngine,
        rows: slice,
        points: NDArray[Any],
        gradients: NDArray[Any] | None = None,
        tangents: NDArray[Any] | None = None,
    ) -> None:
        self.points = points[rows]
        self.gradients = None if gradients is None else gradients[rows]
        self.tangents = None if tangents is None else tangents[rows]
        units, depth = (len(self.points), engine.network.width), engine.network.depth
        self.hidden = [np.empty_like(self.points), *(np.empty(units, engine.dtype) for _ in range(depth))]
        self.deltas = [np.empty(units, engine.dtype) for _ in range(depth)]
        self.on = np.empty(units, bool)
        self.carried = [np.empty(units, engine.dtype) for _ in range(0 if tangents is None else 2)]
        self.gradient = np.empty(engine.network.size(engine.dim), engine.dtype)
        self.parts = engine.network.split(self.gradient, engine.dim)

    def differentiate(self, layers: Layers) -> None:
        """Go forward, then back with the deltas dD/du_l, to the gradient of D at the points where it is asked for."""
        hidden, deltas, on = self.hidden, self.deltas, self.on
        with np.errstate(all="ignore"):  # a thread of a pool has settings of its own
            hidden[0][...] = self.points
            for (weights, biases), below, above in zip(layers[:-1], hidden, hidden[1:], strict=False):
                np.matmul(below, weights.T, out=above)
                above += biases
                np.maximum(above, 0.0, out=above)
            np.multiply(np.greater(hidden[-1], 0.0, out=on), layers[-1][0], out=deltas[-1])
            for layer in range(len(deltas) - 1, 0, -1):
                np.matmul(deltas[layer], layers[layer][0], out=deltas[layer - 1])
                deltas[layer - 1] *= np.greater(hidden[layer], 0.0, out=on)
            if self.gradients is not None:
                np.matmul(deltas[0], layers[0][0], out=self.gradients)

    def collect(self, layers: Layers) -> None:
        """Leave in `gradient` the sum of D's gradients, and of t . grad D's where there are tangents t.

        Tangents are added to the layers' outputs, which have no further use.
        """
        hidden, deltas, on = self.hidden, self.deltas, self.on
        with np.errstate(all="ignore"):
            if self.tangents is not None:
                tangent = self.tangents
                for layer in range(len(deltas)):
                    above = self.carried[layer % 2]
                    np.matmul(tangent, layers[layer][0].T, out=above)
                    above *= np.greater(hidden[layer + 1], 0.0, out=on)
                    hidden[layer] += tangent
                    tangent = above
                hidden[-1] += tangent
            for (weights, biases), below, delta in zip(self.parts[:-1], hidden, deltas, strict=False):
                np.matmul(delta.T, below, out=weights)
                np.sum(delta, axis=0, out=biases)
            weights, bias = self.parts[-1]
            np.sum(hidden[-1], axis=0, out=weights[0])
            bias[...] = len(self.points)


def _rows(points: int) -> list[slice]:
    return [slice(at, min(at + _POINTS, points)) for at in range(0, points, _POINTS)]


def _each(blocks: list[_Block], do: Callable[[_Block], None], pool: Executor | None) -> None:
    """Do something to all blocks, on the threads of a pool where there is one."""
    if pool is None:
        for block in blocks:
            do(block)
    else:
        list(pool.map(do, blocks))
