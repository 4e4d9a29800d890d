"""Dense ReLU networks as discriminators of a kernel GAN (KD, figs. 6-7)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..backend import aligned, parallel_region
from ..checks import Floats
from ..discriminators import DenseNetwork, DenseReLU
from ..errors import DivergedError
from .deep import advance_there, uncoupled_rules
from .play import State

if TYPE_CHECKING:
    from .kernel import KernelGAN


class DenseEngine:
    r"""A dense ReLU network trained by back-propagation, against free particles, for a batch of trials.

    .. math::
        \theta^{k+1} &= (1 - \eta_d \lambda) \theta^k
            + \eta_d \nabla_\theta \Big(\sum_i p_i f(x_i) - \sum_j q_j f(\tilde x_j^k)\Big) \\
        \tilde x_j^{k+1} &= \tilde x_j^k + \eta_g q_j \nabla f(\tilde x_j^k)

    with f of theta^k on the last line for ``order="simultaneous"`` and of theta^{k+1} for ``order="alternating"``.
    theta holds all weights and biases, and all of them are regularised.  theta^0 is `DenseReLU.initial` of the run's
    seed and the trial, so f^0 is not zero.  A unit at its kink counts as off.

    The state keeps, beside what every engine keeps, "weights" (trials, size): the parameters in the order in which the
    loops fetch them, padded; `discriminator` returns them as a `DenseNetwork`.  On CUDA it keeps "parameters" (trials,
    size) as that orders them.

    Notes
    -----
    Source: KD, eqs. (3), (9), (11) and app. I.  Cost per step and trial: 3 products (5 when alternating) of
    (depth - 1) width^2 + (dim + 2) width weights with the points, which are taken eight at a time; a step of width 400
    and depth 4 at eight points takes about 0.4 ms in float64 and 0.2 ms in float32 on one core.  Memory: the weights of
    all trials, 8 bytes or 4 each.  No run is refused for its length.
    """

    recorded: tuple[str, ...] = ()

    def __init__(
        self, game: "KernelGAN", *, key: int, trials: range, dtype: str, threads: int | None, backend: str = "cpu"
    ) -> None:
        from .dense_cpu import BYTES

        assert isinstance(game.kernel, DenseReLU)
        self.game, self.key, self.trials, self.dtype, self.threads = game, key, trials, np.dtype(dtype), threads
        self.backend = backend
        self.network, self.dim = game.kernel, game.true_points.shape[-1]
        self.lanes = BYTES // self.dtype.itemsize
        self.units = -(-self.network.width // self.lanes) * self.lanes

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        state = {
            "particles": np.array(particles, self.dtype, order="C"),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(len(self.trials), -1, dtype=np.int64),
        }
        networks = (self.network.initial(self.dim, self.key, trial=trial) for trial in self.trials)
        if self.backend == "cuda":
            parameters = np.empty((len(self.trials), self.network.size(self.dim)), self.dtype)
            for row, network in zip(parameters, networks, strict=True):
                row[...] = network.parameters
            return state | {"parameters": parameters}
        size = (self.dim + 1 + (self.network.depth - 1) * (self.units + 1) + 1) * self.units + self.lanes
        weights = aligned((len(self.trials), size), self.dtype)
        for packed, network in zip(weights, networks, strict=True):
            self._pack(packed, network)
        return state | {"weights": weights}

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length: the cost is linear in the steps."""

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps."""
        if self.backend == "cuda":
            self._advance_there(state, count)
            return
        from .dense_cpu import GROUP, advance

        game, real = self.game, self.dtype.type
        state["weights"] = _placed(state["weights"])
        n_true, n = len(game.true_masses), len(state["masses"])
        coefficients = np.zeros(-(-(n_true + n) // GROUP) * GROUP)
        coefficients[:n_true] = game.lr_disc * game.true_masses
        coefficients[n_true : n_true + n] = -game.lr_disc * state["masses"].astype(np.float64)
        with parallel_region(self.threads):
            advance(
                state["particles"],
                state["weights"],
                state["diverged_at"],
                game.true_points.astype(self.dtype).reshape(-1, n_true, self.dim),
                coefficients.astype(self.dtype),
                int(state["step"]),
                count,
                self.network.depth,
                self.units,
                real(1.0 - game.lr_disc * game.reg),
                real(game.lr_gen / game.lr_disc),
                2 if game.order == "alternating" else 1,
            )

    def _advance_there(self, state: State, count: int) -> None:
        game = self.game
        # What the loss, the discriminator's to descend, weighs it with at generated and at true points.
        weights = game.lr_disc * np.concatenate([state["masses"].astype(np.float64), -game.true_masses])
        given = game.true_points.astype(self.dtype).reshape(-1, len(game.true_masses), self.dim)
        real = self.dtype.type
        advance_there(
            state, self.key, self.trials, count, self.network, weights.astype(self.dtype), given,
            uncoupled_rules(game, self.dtype), real(1), real(weights.sum()), False,
        )  # fmt: skip

    def discriminator(self, state: State, trial: int) -> DenseNetwork:
        """Return the network of a trial; raise `DivergedError` if its parameters left the finite numbers."""
        there = self.backend == "cuda"
        if not np.isfinite(state["parameters" if there else "weights"][trial]).all():
            raise DivergedError(
                f"the network of trial {self.trials[trial]} diverged at step {int(state['diverged_at'][trial])}"
            )
        if there:
            return DenseNetwork(self.network, self.dim, state["parameters"][trial])
        parts = []
        for (units, inputs), (weights, biases) in zip(
            self.network.shapes(self.dim), self._views(state["weights"][trial]), strict=True
        ):
            parts += [weights.reshape(len(weights), -1)[:units, :inputs].ravel(), biases[:units]]
        return DenseNetwork(self.network, self.dim, np.concatenate(parts))

    def _pack(self, packed: NDArray[Any], network: DenseNetwork) -> None:
        for (weights, biases), (into, into_biases) in zip(network.layers, self._views(packed), strict=True):
            padded = np.zeros((len(into), math.prod(into.shape[1:])))
            padded[: weights.shape[0], : weights.shape[1]] = weights
            into[...] = padded.reshape(into.shape)
            into_biases[: len(biases)] = biases

    def _views(self, packed: NDArray[Any]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Return (weights, biases) of each layer, padded: views (units, inputs), or (units, panels, lanes) inside."""
        units, lanes, dim = self.units, self.lanes, self.dim
        first, at = packed[: (dim + 1) * units].reshape(dim + 1, units), (dim + 1) * units
        views = [(first[:dim].T, first[dim])]
        for _ in range(self.network.depth - 1):
            middle = at + units * units
            panels = packed[at:middle].reshape(units // lanes, units, lanes)
            views.append((panels.transpose(1, 0, 2), packed[middle : middle + units]))
            at = middle + units
        return [*views, (packed[None, at : at + units], packed[at + units : at + units + 1])]


def _placed(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array`, or a copy of it that starts where the loops' vectors may."""
    from .dense_cpu import BYTES

    if array.ctypes.data % BYTES == 0:
        return array
    copy = aligned(array.shape, array.dtype)
    copy[...] = array
    return copy
