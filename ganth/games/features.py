"""The kernel GAN against random Fourier features: a discriminator that is linear in fixed waves."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..backend import aligned, parallel_region
from ..checks import Floats
from ..discriminators import LinearFeatures
from ..errors import DivergedError
from ..kernels import Kernel, RandomFeatures
from .play import State

if TYPE_CHECKING:
    from .kernel import KernelGAN


class FeaturesEngine:
    r"""Plays `KernelGAN` against random features, each trial with its own.

    .. math::
        \theta^{k+1} &= \theta^k + \eta_d \Big(\sum_i p_i a(x_i) - \sum_j q_j a(\tilde x_j^k) - \lambda \theta^k\Big) \\
        \tilde x_j^{k+1} &= \tilde x_j^k + \eta_g q_j \nabla a(\tilde x_j^k)^T \theta

    with theta^k on the last line for ``order="simultaneous"`` and theta^{k+1} for ``order="alternating"``; theta^0 = 0.
    The map a of trial t is that of `RandomFeatures(..., seed=key, trial=t)`.

    The state keeps, beside what every engine keeps, "coefficients" (trials, 2 R): theta times the map's amplitude, so
    that f is their sum with plain cosines and sines.

    Notes
    -----
    Source: KD, eqs. (4), (9) and (130)-(133).  Cost per step and trial: about n R (2 d + 20) fused multiply-adds, a
    vector of them at a time; memory: R (d + 4) numbers a trial.  No run is refused for its length.
    """

    recorded: tuple[str, ...] = ()

    def __init__(
        self, game: "KernelGAN", *, key: int, trials: range, dtype: str, threads: int | None, backend: str = "cpu"
    ) -> None:
        self.game, self.key, self.trials, self.dtype, self.threads = game, key, trials, np.dtype(dtype), threads
        self.backend = backend
        self.map = self._map(0)
        self._room: tuple[NDArray[Any] | None, ...] | None = None
        self._laws: tuple[NDArray[Any], ...] | None = None

    def start(self, particles: Floats, masses: Floats) -> State:
        """Return the state at step 0."""
        return {
            "particles": np.array(particles, self.dtype, order="C"),
            "masses": masses.astype(self.dtype),
            "step": np.array(0, dtype=np.int64),
            "diverged_at": np.full(len(self.trials), -1, dtype=np.int64),
            "coefficients": np.zeros((len(self.trials), 2 * len(self.map.frequencies)), self.dtype),
        }

    def check_length(self, steps: int, masses: Floats) -> None:
        """Accept any length: the cost is linear in the steps."""

    @property
    def alike(self) -> tuple[Any, ...]:
        """What games have in common whose trials one launch can play."""
        return type(self), self.dtype, self.map.frequencies.shape, self.game.order

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps."""
        if self.backend == "cuda":
            self.advance_together([self], state, count)
            return
        from . import features_cpu

        masses = state["masses"].astype(np.float64)
        if self._room is None:
            self._room = (self._tables(masses), *self._scratch(masses.size))
        played = (state["particles"], state["diverged_at"], state["coefficients"], int(state["step"]), count)
        law = self._law(masses)
        if len(self.trials) == 1 or self.threads == 1:
            features_cpu.play_alone(*played, *self._room, *law)
            return
        with parallel_region(self.threads):
            features_cpu.play_trials(*played, *self._room, *law)

    def advance_together(self, engines: Sequence["FeaturesEngine"], state: State, count: int) -> None:
        """Play `count` steps, on a GPU, of the trials of engines that are `alike`, one engine after another."""
        from . import features_cuda

        if self._laws is None:
            self._laws = _laws_of(engines, state["masses"])
        tables, shares, rates = self._laws
        features_cuda.play_trials(
            state["particles"], state["diverged_at"], state["coefficients"], int(state["step"]), count,
            tables, self.game.order == "alternating", shares, rates,
        )  # fmt: skip

    def _law(self, masses: Floats) -> tuple[NDArray[Any] | None, NDArray[Any], Any, Any]:
        """Return weights (None: equal ones), gains, reg and scale as the loops take them."""
        game, real = self.game, self.dtype.type
        weights = self._rate * masses
        equal = bool((weights == weights[0]).all())
        return (
            None if equal else weights.astype(self.dtype),
            (2 * math.pi * game.lr_gen * masses).astype(self.dtype),
            real(game.lr_disc * game.reg),
            real(weights[0] if equal else 1.0),
        )

    def discriminator(self, state: State, trial: int) -> LinearFeatures:
        """Return the discriminator of a trial (its place in the state).

        Raises `DivergedError` if it is not finite: it may overflow a step before its particles do.
        """
        features = self._map(trial)
        coefficients = state["coefficients"][trial].astype(np.float64)
        if not np.isfinite(coefficients).all():
            raise DivergedError(
                f"the discriminator of trial {self.trials[trial]} is not finite: "
                f"the trial diverged at step {int(state['diverged_at'][trial])}"
            )
        return LinearFeatures(features, coefficients / features.amplitude)

    @property
    def _rate(self) -> float:
        """What a unit of mass adds to a coefficient in a step."""
        return self.game.lr_disc * self.map.amplitude**2

    def _map(self, trial: int) -> RandomFeatures:
        game = self.game
        assert game.n_frequencies is not None
        assert isinstance(game.kernel, Kernel)
        return RandomFeatures(
            game.kernel,
            game.n_frequencies,
            game.true_points.shape[-1],
            self.key,
            feature_norm=game.feature_norm,
            trial=self.trials[trial],
        )

    def _tables(self, masses: Floats) -> NDArray[Any]:
        """Return what the loops read, trial by trial: see features_cpu."""
        from .features_cpu import BYTES, PARTS, fill

        game, dim = self.game, self.map.dim
        width = BYTES * PARTS // self.dtype.itemsize
        tiles = -(-len(self.map.frequencies) // width)
        tables = aligned((len(self.trials), tiles * (4 + dim) * width), self.dtype)
        points = np.broadcast_to(game.true_points, (len(tables), *game.true_points.shape[-2:]))
        for t, table in enumerate(tables):
            frequencies = (self._map(t).frequencies / (2 * math.pi)).astype(self.dtype)
            fill(table, frequencies, points[t], game.true_masses, self._rate, masses.sum())
        return tables

    def _rows(self, tables: NDArray[Any]) -> NDArray[Any]:
        """Return tables without their tiles and coefficients: see features_cuda."""
        from .features_cpu import BYTES, PARTS

        trials, count, rows = len(tables), len(self.map.frequencies), 4 + self.map.dim
        tiles = tables.reshape(trials, -1, rows, BYTES * PARTS // self.dtype.itemsize)
        whole = tiles.transpose(0, 2, 1, 3).reshape(trials, rows, -1)
        return np.ascontiguousarray(whole[:, 2:, :count]).reshape(trials, -1)

    def _scratch(self, particles: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return room for each trial's forces and, if the generator waits for the discriminator, its waves."""
        from .features_cpu import BYTES, PARTS

        vectors = particles * BYTES // self.dtype.itemsize
        forces = aligned((len(self.trials), vectors * self.map.dim), self.dtype)
        if self.game.order == "simultaneous":
            return forces, None
        return forces, aligned((len(self.trials), vectors * 2 * PARTS), self.dtype)


def _laws_of(engines: Sequence[FeaturesEngine], masses: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return tables, shares and rates of the trials of engines: see features_cuda.play_trials."""
    tables, shares, rates = [], [], []
    in_double = masses.astype(np.float64)
    for engine in engines:
        weights, gains, reg, scale = engine._law(in_double)
        tables.append(engine._rows(engine._tables(in_double)))
        shares += len(engine.trials) * [(np.ones_like(masses) if weights is None else weights, gains)]
        rates += len(engine.trials) * [(reg, scale)]
    return np.concatenate(tables), np.array(shares, masses.dtype), np.array(rates, masses.dtype)
