"""The kernel game against random features (a plain first version; the fast loop takes its place)."""

from typing import Any

import numpy as np

from ..backend import parallel_region
from ..discriminators import LinearFeatures
from ..kernels import RandomFeatures
from .play import State


class FeaturesEngine:
    """KernelGAN's discriminator as parameters of random features."""

    def __init__(self, game: Any, *, key: int, trials: range, dtype: str, threads: int | None) -> None:
        self.game, self.key, self.trials, self.dtype, self.threads = game, key, trials, dtype, threads

    def _features(self, trial: int) -> RandomFeatures:
        game = self.game
        return RandomFeatures(
            game.kernel, game.n_frequencies, game.true_points.shape[-1], self.key,
            feature_norm=game.feature_norm, trial=self.trials[trial],
        )  # fmt: skip

    def check_length(self, steps: int) -> None:
        """Any length is allowed: the cost is linear."""

    def start(self, particles: Any, masses: Any) -> State:
        """Return the state at step 0."""
        game, trials = self.game, len(self.trials)
        maps = [self._features(t) for t in range(trials)]
        true = np.broadcast_to(game.true_points, (trials, *game.true_points.shape[-2:]))
        targets = np.array([game.true_masses @ m.features(x) for m, x in zip(maps, true, strict=True)])
        return {
            "particles": particles.astype(self.dtype),
            "masses": masses.astype(self.dtype),
            "frequencies": np.array([m.frequencies for m in maps]).astype(self.dtype),
            "theta": np.zeros_like(targets, dtype=self.dtype),
            "target": targets.astype(self.dtype),
            "amplitude": np.array(maps[0].amplitude, dtype=self.dtype),
            "step": np.array(0),
            "diverged_at": np.full(trials, -1, dtype=np.int64),
        }

    def advance(self, state: State, count: int) -> None:
        """Play `count` steps in place."""
        from . import features_cpu

        kind, game = state["particles"].dtype.type, self.game
        with parallel_region(self.threads):
            features_cpu.play(
                state["particles"], state["diverged_at"], state["theta"], state["frequencies"], state["target"],
                state["masses"], kind(state["amplitude"]), kind(game.reg), kind(game.lr_disc), kind(game.lr_gen),
                game.order == "alternating", int(state["step"]), count,
            )  # fmt: skip

    def discriminator(self, state: State, trial: int) -> LinearFeatures:
        """Return the discriminator of a trial."""
        return LinearFeatures(self._features(trial), state["theta"][trial].astype(np.float64))
