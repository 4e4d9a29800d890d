"""The record of a training of networks on images: what was measured, what was kept, and the networks at its end."""

from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..checks import Floats
from ..errors import DivergedError, ParameterError, ShapeError
from ..files import write_atomically
from ..nn import Network
from ..stopping import RULES, EarlyStopping
from .checkpoints import SCHEMA, pack, unpack
from .image_players import LEAST_SQUARES, Players, fixed_latents
from .play import State

if TYPE_CHECKING:
    from .images import ImageGAN

MEANS = ("loss_disc", "loss_gen", "mean_real", "mean_fake")
OBSERVED = "observed_"


@dataclass(frozen=True, eq=False, repr=False)
class Training:
    r"""What a training of an `ImageGAN` came to.

    Attributes
    ----------
    epochs : (records,) int64
        0, 1, ...: record 0 is the start.
    metric : (records,) float64
        The (1 - 1/modes) quantile of `field`: TP's Algorithm 2.
    field : (records, metric_samples) float64
        \|grad d\|/d at images generated from the same latents at every record: the push of Algorithm 1.  Where the
        images of a batch feel each other, with statistics="batch", it is \|grad sum log d\|, the sum over the batch.
    loss_disc, loss_gen, mean_real, mean_fake : (records,) float64
        Means over the iterations of an epoch of the losses and of d at data and at generated images, each taken where
        the iteration takes it; NaN at record 0.
    observed : dict of (records, ...) float64 arrays
        What the observer told.
    kept : (k,) int64
        Epochs whose generator is kept.
    samples : (k, samples, height, width, channels) float32
        What kept generators make of the same latents.
    diverged_at : int
        -1, or the first iteration after which a number is not finite; the record ends with the last whole epoch.
    seed, trial : int
        The 64-bit key, and the trial.
    settings : dict
        Of the game and the call, plain values.
    networks : dict of ganth.nn.Network
        "generator" and "discriminator".
    state : dict
        "generator" and "discriminator", their parameters at the end, and what goes with them.
    """

    epochs: NDArray[np.int64]
    field: Floats
    loss_disc: Floats
    loss_gen: Floats
    mean_real: Floats
    mean_fake: Floats
    observed: dict[str, Floats]
    kept: NDArray[np.int64]
    samples: NDArray[np.float32]
    diverged_at: int
    seed: int
    trial: int
    settings: dict[str, Any]
    networks: dict[str, Network]
    state: State
    kept_generators: tuple[NDArray[Any], NDArray[Any]]

    def __repr__(self) -> str:
        return (
            f"Training(epochs={int(self.epochs[-1])}, seed={self.seed}, trial={self.trial}, "
            f"kept={self.kept.tolist()}, diverged_at={self.diverged_at})"
        )

    @classmethod
    def of(
        cls,
        game: ImageGAN,
        settings: dict[str, Any],
        state: State,
        records: dict[str, list[Any]],
        diverged_at: int,
        players: Players | None = None,
    ) -> Training:
        """Return the record of a game that has come to `state`; `records` are lists, a value for each epoch.

        `players` are the game's networks, bound already.  None: they are bound once something is asked of them.
        """
        arrays = {name: np.array(values) for name, values in records.items()}
        networks = {"generator": game.generator, "discriminator": game.discriminator}
        state = {name: value.copy() for name, value in state.items()}
        made = cls._from(arrays, settings, networks, state, diverged_at)
        if players is not None:
            made.__dict__["_players"] = players  # where the cached property looks first
        return made

    @classmethod
    def _from(
        cls,
        arrays: dict[str, NDArray[Any]],
        settings: dict[str, Any],
        networks: dict[str, Network],
        state: State,
        diverged_at: int,
    ) -> Training:
        generator = networks["generator"]
        dtype = state["generator"].dtype
        return cls(
            epochs=np.arange(len(arrays["field"]), dtype=np.int64),
            field=arrays["field"],
            **{name: arrays[name] for name in MEANS},
            observed={k.removeprefix(OBSERVED): v for k, v in arrays.items() if k.startswith(OBSERVED)},
            kept=arrays.get("kept", np.empty(0, np.int64)),
            samples=arrays.get("samples", np.empty((0, int(settings["samples"]), *generator.outputs), np.float32)),
            diverged_at=diverged_at,
            seed=int(settings["seed"]),
            trial=int(settings["trial"]),
            settings=settings,
            networks=networks,
            state=state,
            kept_generators=(
                arrays.get("kept_generator", np.empty((0, generator.size), dtype)),
                arrays.get("kept_generator_state", np.empty((0, generator.state_size), dtype)),
            ),
        )

    @property
    def metric(self) -> Floats:
        """The (1 - 1/modes) quantile of the field at every record, (records,)."""
        return np.quantile(self.field, 1.0 - 1.0 / int(self.settings["modes"]), axis=1)

    def stops(
        self, *, bandwidth: float, printed_bandwidth: float | None = None, scale: float, warmup: int = 0
    ) -> dict[str, int | None]:
        """Return the epoch at which each rule of `ganth.stopping.RULES` says stop, or None where it never does.

        Parameters
        ----------
        bandwidth : float > 0
            h = sqrt(2) times the standard deviation of a mode [data length].
        printed_bandwidth : float > 0, optional
            What the printed rule takes for h.  None: the same.  (TP divides the variance by the number of pixels once
            more.)
        scale : float > 0
            k_s, the distance of modes, of the printed rule.
        warmup : int >= 0
            Epochs during which it never stops.

        Raises
        ------
        ParameterError
            Naming the argument, the rule and the value.

        Notes
        -----
        Source: TP, Algorithm 2.  See `ganth.stopping.EarlyStopping`.
        """
        found: dict[str, int | None] = {}
        for rule in RULES:
            printed = rule == "printed"
            stop = EarlyStopping(
                bandwidth=printed_bandwidth if printed and printed_bandwidth is not None else bandwidth,
                scale=scale if printed else None,
                modes=int(self.settings["modes"]),
                warmup=warmup,
                rule=rule,
            )
            for quantile in self.metric[1:]:
                stop.observe(quantile)
            found[rule] = stop.stopped_at
        return found

    def latents(self, count: int) -> Floats:
        """Return the first `count` of the latents that every record shows, (count, latent_dim)."""
        shape = (checks.integer("count", count, at_least=1), self.networks["generator"].inputs[0])
        return fixed_latents(self.seed, self.trial, shape)

    def generate(self, latents: ArrayLike | int, *, epoch: int | None = None) -> NDArray[Any]:
        """Return what the generator makes of latents, (n, height, width, channels) in the working precision.

        Parameters
        ----------
        latents : (n, latent_dim) array, or int >= 1
            A number n: the first n of those that every record shows.
        epoch : int, optional
            A kept epoch.  None: the end.

        Raises
        ------
        ParameterError, ShapeError
            Naming the argument, the rule and the value.

        Notes
        -----
        With statistics="batch" an image depends on those that share its batch: the first `batch` latents, the next ...
        """
        if isinstance(latents, int | np.integer):
            given = self.latents(int(latents))
        else:
            given = checks.points("latents", latents, dim=self.networks["generator"].inputs[0])
        return self._players.generate(self._at(epoch), given)

    def discriminator(self, images: ArrayLike) -> Floats:
        """Return d at images (n, height, width, channels), shape (n,); for least squares D itself."""
        from scipy.special import expit

        values = self._players.logits_of(self.state, self._fitting(images))
        return values if self._players.code == LEAST_SQUARES else np.asarray(expit(values))

    def steepness(self, images: ArrayLike) -> Floats:
        r"""Return what `field` holds, \|grad d\|/d, at images (n, height, width, channels) of the end, shape (n,)."""
        return self._players.field(self.state, self._fitting(images))

    def raise_if_diverged(self) -> Training:
        """Return self, or raise `DivergedError` naming the first iteration that left the finite numbers."""
        if self.diverged_at >= 0:
            raise DivergedError(f"trial {self.trial} diverged at iteration {self.diverged_at}")
        return self

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write the training to `path` (npz, versioned, no pickle), atomically; return the path."""
        target = pathlib.Path(path)
        if target.suffix != ".npz":
            target = target.with_name(target.name + ".npz")
        header = {
            "schema": SCHEMA,
            "settings": self.settings,
            "diverged_at": self.diverged_at,
            "networks": {name: network.description() for name, network in self.networks.items()},
        }
        arrays = {name: getattr(self, name) for name in ("field", "kept", "samples", *MEANS)}
        arrays |= {f"{OBSERVED}{name}": values for name, values in self.observed.items()}
        arrays |= {f"state_{name}": values for name, values in self.state.items()}
        arrays["kept_generator"], arrays["kept_generator_state"] = self.kept_generators
        return write_atomically(target, pack(header, arrays, compress=True))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Training:
        """Read a training that `save` wrote.

        Raises `ParameterError` naming the file if it is damaged, or was written by a newer ganth.
        """
        header, arrays = unpack(path, "a training", SCHEMA)
        networks = {name: Network.from_description(told) for name, told in header["networks"].items()}
        state = {name.removeprefix("state_"): v for name, v in arrays.items() if name.startswith("state_")}
        return cls._from(arrays, header["settings"], networks, state, int(header["diverged_at"]))

    @cached_property
    def _players(self) -> Players:
        told = self.settings
        return Players(
            self.networks["generator"],
            self.networks["discriminator"],
            batch=int(told["batch"]),
            dtype=told["dtype"],
            loss=told["loss"],
            statistics=told["statistics"],
        )

    def _at(self, epoch: int | None) -> State:
        if epoch is None:
            return self.state
        places = np.flatnonzero(self.kept == epoch)
        if not places.size:
            raise ParameterError(f"epoch must be None or one of those kept, {self.kept.tolist()}, got {epoch!r}")
        parameters, states = self.kept_generators
        return {"generator": parameters[places[0]], "generator_state": states[places[0]]}

    def _fitting(self, images: ArrayLike) -> NDArray[Any]:
        given, wanted = np.asarray(images), self.networks["generator"].outputs
        if given.ndim != 4 or given.shape[1:] != tuple(wanted) or len(given) == 0:
            raise ShapeError(f"images must have shape (n, {', '.join(map(str, wanted))}), n >= 1, got {given.shape}")
        return given
