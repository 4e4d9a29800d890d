"""The loop of a training: epochs, records, checkpoints, divergence, interruption."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DivergenceWarning, InterruptedRun, ParameterError, ShapeError
from .checkpoints import Arrays, Checkpoints
from .game import Progress
from .image_engine import DeviceImageEngine, ImageEngine
from .image_players import Players
from .play import State, deferred_interrupt, reporting, staying
from .training import MEANS, OBSERVED, Training

if TYPE_CHECKING:
    from .images import ImageGAN

Observer = Callable[[Training], dict[str, Any] | None]
_STATE = "state_"


@dataclass(frozen=True)
class Call:
    """The checked arguments of `ImageGAN.train`."""

    epochs: int
    key: int
    trial: int
    dtype: str
    folder: str | os.PathLike[str] | None
    checkpoint_every: int
    keep: tuple[int, ...]
    samples: int
    threads: int | None
    backend: str


def train(game: "ImageGAN", call: Call, *, observer: Observer | None, progress: Progress) -> Training:
    """See `ImageGAN.train`."""
    loop = _Loop(game, call, observer)
    per_epoch = game.steps_per_epoch
    report, close = reporting(progress, per_epoch * call.epochs)
    report(int(loop.state["step"]))
    try:
        with deferred_interrupt() as pressed, np.errstate(all="ignore"), staying(call.backend) as fetch:
            while loop.epoch < call.epochs and loop.diverged_at < 0 and not pressed:
                means = np.zeros(len(MEANS))
                for _ in range(per_epoch):
                    told = loop.engine.advance(loop.state)
                    if told is None or pressed:
                        break
                    means += told
                    report(int(loop.state["step"]))
                if not pressed:
                    fetch()
                    loop.end_epoch(None if told is None else means / per_epoch)
            loop.write()
    finally:
        close()
    training = loop.training()
    if loop.diverged_at >= 0:
        warnings.warn(
            f"trial {call.trial} diverged at iteration {loop.diverged_at}, in epoch {loop.epoch + 1}; "
            f"the record ends with epoch {loop.epoch}",
            DivergenceWarning,
            stacklevel=3,
        )
    if pressed:
        raise InterruptedRun(training)
    return training


class _Loop:
    """What a training has come to: `state` now, `whole` at the end of the last whole epoch, and the records."""

    def __init__(self, game: "ImageGAN", call: Call, observer: Observer | None) -> None:
        self.game, self.call, self.observer = game, call, observer
        engine = ImageEngine if call.backend == "cpu" else DeviceImageEngine
        self.engine = engine(game, key=call.key, trial=call.trial, dtype=call.dtype, threads=call.threads)
        self.identity = {
            **game.settings,
            "seed": call.key,
            "trial": call.trial,
            "dtype": call.dtype,
            "samples": call.samples,
        }
        if call.backend != "cpu":  # a record of the CPU says nothing of it
            self.identity["backend"] = call.backend
        self.records: dict[str, list[Any]] = {}
        self.diverged_at, self.written = -1, -1
        self.store = None if call.folder is None else Checkpoints(call.folder, self.identity)
        found = None if self.store is None else self.store.latest()
        if found is None:
            self.epoch, self.state = 0, self.engine.start()
            self.whole = _copy(self.state)
            self._record(np.full(len(MEANS), np.nan), self.engine.measure(self.state))
        else:
            self._go_on(*found)

    def _go_on(self, header: dict[str, Any], arrays: Arrays) -> None:
        self.epoch = self.written = int(header["epoch"])
        self.state = {k.removeprefix(_STATE): v for k, v in arrays.items() if k.startswith(_STATE)}
        self.whole = _copy(self.state)
        self.records = {k: list(v) for k, v in arrays.items() if not k.startswith(_STATE)}
        if self.epoch > self.call.epochs:
            raise ParameterError(f"epochs must be >= {self.epoch}, which folder holds, got {self.call.epochs}")
        kept = set(map(int, self.records.get("kept", ())))
        passed = [epoch for epoch in self.call.keep if epoch <= self.epoch and epoch not in kept]
        if passed:
            raise ParameterError(f"keep must hold no epoch that the training in folder has passed, got {passed}")

    def end_epoch(self, means: Any) -> None:
        """Record an epoch that is over, unless numbers have left the finite ones (`means` is None)."""
        field = None if means is None else self.engine.measure(self.state)
        finite = field is not None and np.isfinite(field).all()
        if not (finite and all(np.isfinite(value).all() for value in self.state.values())):
            self.diverged_at = int(self.state["step"])
            return
        self.epoch += 1
        for name, value in self.state.items():
            np.copyto(self.whole[name], value)
        self._record(means, field)
        if self.epoch % self.call.checkpoint_every == 0:
            self.write()

    def _record(self, means: Any, field: Any) -> None:
        new = {"field": field, **dict(zip(MEANS, means, strict=True))}
        self._add(new)
        if self.epoch in self.call.keep:
            made = self.engine.players.generate(self.state, self.engine.latents(self.call.samples))
            self._add({"kept": np.int64(self.epoch), "samples": made.astype(np.float32)})
            self._add({f"kept_{name}": self.state[name].copy() for name in ("generator", "generator_state")})
        if self.observer is not None:
            found = self.observer(self.training(self.engine.players)) or {}
            told = {f"{OBSERVED}{name}": np.asarray(value, np.float64) for name, value in found.items()}
            before = {k: v[0].shape for k, v in self.records.items() if k.startswith(OBSERVED)}
            if self.epoch > 0 and before != {k: v.shape for k, v in told.items()}:
                raise ShapeError(
                    f"observer must return the same names and shapes at every epoch, got {found} after {before}"
                )
            self._add(told)

    def _add(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self.records.setdefault(name, []).append(value)

    def write(self) -> None:
        """Write a checkpoint of the last whole epoch, unless there is one."""
        if self.store is not None and self.written < self.epoch:
            arrays = {f"{_STATE}{k}": v for k, v in self.whole.items()}
            self.store.write(self.epoch, {}, arrays | {k: np.array(v) for k, v in self.records.items()})
            self.written = self.epoch

    def training(self, players: Players | None = None) -> Training:
        """Return the record of the whole epochs; with `players` it binds no networks of its own."""
        return Training.of(self.game, self.identity, self.whole, self.records, self.diverged_at, players)


def _copy(state: State) -> State:
    return {name: value.copy() for name, value in state.items()}
