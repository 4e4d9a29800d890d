"""The record of a run: what was kept, how it was made, and enough of the state to go on."""

from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DivergedError, ParameterError
from ..files import write_atomically
from . import settings as plain_settings
from .checkpoints import pack, unpack

SCHEMA = 2  # 2: `recorded`, and arrays of settings inside settings


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a game kept of its trials.

    Attributes
    ----------
    particles : (trials, records, n, d) float64
        Record 0 is the start, the last record is the last step.
    steps : (records,) int64
    diverged_at : (trials,) int64
        -1, or the first non-finite step; later records repeat the last finite state.
    masses : (n,) float64
        Generated masses.
    seed : int
        The 64-bit key.
    game : the game's settings, a frozen dataclass.
    options : dict
        The call: steps, trials, first_trial, record_every, dtype, backend.
    recorded : dict of (trials, records, ...) float64 arrays
        What the game's discriminator keeps at every record beside the particles; empty for most games.
    """

    particles: NDArray[np.float64]
    steps: NDArray[np.int64]
    diverged_at: NDArray[np.int64]
    masses: NDArray[np.float64]
    seed: int
    game: Any
    options: dict[str, Any]
    state: dict[str, NDArray[Any]] = field(repr=False)
    recorded: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def __repr__(self) -> str:
        trials, records, n, dim = self.particles.shape
        lost = int((self.diverged_at >= 0).sum())
        return (
            f"Run({type(self.game).__name__}, trials={trials}, steps={int(self.steps[-1])}, records={records}, "
            f"n={n}, d={dim}, seed={self.seed}, diverged={lost})"
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The game's settings and the call's options, as plain JSON values."""
        return {**plain_settings.plain(self.game), **self.options}

    @property
    def time(self) -> NDArray[np.float64]:
        """Training time of each record: steps * lr_disc."""
        return np.asarray(self.steps * self.game.lr_disc, dtype=np.float64)

    @property
    def final(self) -> NDArray[np.float64]:
        """The last particles: (trials, n, d), or (n, d) if there is one trial."""
        last = self.particles[:, -1]
        return last[0] if len(last) == 1 else last

    def discriminator(self, x: ArrayLike, *, trial: int = 0) -> NDArray[np.float64]:
        """Return the final discriminator of a trial at points x (m, d), shape (m,).

        `trial` counts the trials of this run from 0.  It raises `ParameterError` where there is no such trial.
        """
        return self.discriminator_of(trial)(x)

    def discriminator_of(self, trial: int = 0) -> Any:
        """Return the final discriminator of a trial as a function with `.gradient`."""
        trials = len(self.diverged_at)
        if not -trials <= trial < trials:
            raise ParameterError(f"trial must be in [0, {trials}), got {trial!r}")
        return self.game.engine(self).discriminator(self.state, trial % trials)

    def raise_if_diverged(self) -> Run:
        """Return self, or raise `DivergedError` naming the first step and trial that left the finite numbers."""
        lost = np.flatnonzero(self.diverged_at >= 0)
        if lost.size:
            trial = int(lost[np.argmin(self.diverged_at[lost])])
            raise DivergedError(
                f"trial {self.options['first_trial'] + trial} diverged at step {int(self.diverged_at[trial])} "
                f"({lost.size} of {len(self.diverged_at)} trials diverged)"
            )
        return self

    def extend(self, steps: int, *, progress: Any = None, observer: Any = None, threads: int | None = None) -> Run:
        """Return this run played `steps` further: bit for bit the run that one call would have made.

        Raises `ParameterError` unless steps is an integer >= 1.
        """
        return self.game.continue_run(self, steps, progress=progress, observer=observer, threads=threads)

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write the run to `path` (npz, versioned, no pickle), atomically; return the path."""
        target = pathlib.Path(path)
        if target.suffix != ".npz":
            target = target.with_name(target.name + ".npz")
        meta, arrays = plain_settings.describe(self.game)
        header = {"schema": SCHEMA, "seed": self.seed, "game": meta, "options": self.options}
        stored: dict[str, Any] = {f"game_{k}": v for k, v in arrays.items()}
        stored |= {f"state_{k}": v for k, v in self.state.items()}
        stored |= {f"recorded_{k}": v for k, v in self.recorded.items()}
        stored |= {
            "particles": self.particles,
            "steps": self.steps,
            "diverged_at": self.diverged_at,
            "masses": self.masses,
        }
        return write_atomically(target, pack(header, stored, compress=True))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Run:
        """Read a run that `save` wrote.

        Raises `ParameterError` naming the file if it is damaged, or was written by a newer ganth.
        """
        header, contents = unpack(path, "a run", SCHEMA)
        game = plain_settings.restore(header["game"], {k[5:]: v for k, v in contents.items() if k.startswith("game_")})
        return cls(
            particles=contents["particles"],
            steps=contents["steps"],
            diverged_at=contents["diverged_at"],
            masses=contents["masses"],
            seed=int(header["seed"]),
            game=game,
            options=header["options"],
            state={k[6:]: v for k, v in contents.items() if k.startswith("state_")},
            recorded={k[9:]: v for k, v in contents.items() if k.startswith("recorded_")},
        )
