"""GANs of convolutional networks on images: settings, and a training that survives being killed (TP)."""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..backend import resolve
from ..errors import ParameterError, ShapeError
from ..nn import SGD, Adam, Network, RMSProp, dcgan
from ..nn.starts import START_NAMES
from .game import Progress
from .image_players import LOSSES, STATISTICS, Players
from .training import Training

_SIZES = (28, 64)
_SLACK = 1e-5  # of rounding, on values in [-1, 1]


@dataclass(frozen=True, eq=False)
class ImageGAN:
    r"""A convolutional generator G and discriminator D, trained in turn on images.

    With d = sigmoid(D), an iteration takes `n_disc` steps of the discriminator, each on a batch of data and one of
    generated images, down

    .. math:: -E_x \log d(x) - E_z \log(1 - d(G(z))), \qquad z \sim N(0, I),

    and then one of the generator down :math:`-E_z \log d(G(z))` at the images that D has just seen.

    Parameters
    ----------
    images : (n, height, width, channels) array in [-1, 1], or ganth.targets.images.ImageSet
        The data, kept in float32; n >= batch.
    generator, discriminator : ganth.nn.Network, optional
        From (latent_dim,) to the shape of an image, and from there to one number.  None: those that `ganth.nn.dcgan`
        makes for images of 28x28 or 64x64.
    latent_dim : int >= 1
        Of z.
    batch : int >= 1
        Images, and generated images, of a step.
    loss : {"nsgan", "minimax", "lsgan"}
        "minimax": the generator goes down E log(1 - d).  "lsgan": targets 1 and 0, halved squares.
    lr_disc, lr_gen : float > 0
        Rates.
    optimiser_disc, optimiser_gen : ganth.nn.SGD, ganth.nn.RMSProp or ganth.nn.Adam
    n_disc : int >= 1
        Steps of the discriminator in an iteration.
    start : str
        How weights start; see `ganth.nn.Network.initial`.
    modes : int >= 1
        Of the data: the metric is the (1 - 1/modes) quantile.
    metric_samples : int >= 1
        Generated images at which the metric is taken, from the same latents at every epoch.
    epoch_steps : int >= 1, optional
        Iterations of an epoch.  None: once through the data.
    statistics : {"batch", "running"}
        By what batch norm divides where images are shown, samples drawn and the metric taken: by those of the batch at
        hand, as in training and in PyTorch's DCGAN example, or by running means.

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: TP, secs. 2.2, 6, apps. F and G; networks and rates are those of DCGAN (Radford, Metz, Chintala 2016), whose
    TP's are variants.  Data are gone through in a new random order each time; what is left over of a pass and fills no
    batch is left out of it.  Cost of an iteration at 28x28, width 32, batch 64: see ``benchmarks/image_nsgan.py``.

    Examples
    --------
    >>> import ganth
    >>> digits = ganth.targets.images.sample().images[:64]
    >>> generator, discriminator = ganth.nn.dcgan(28, 1, width=4, latent_dim=8)
    >>> game = ganth.ImageGAN(digits, generator=generator, discriminator=discriminator, latent_dim=8, batch=16)
    >>> training = game.train(2, seed=1, keep=(2,), samples=4)
    >>> training.epochs.tolist(), training.metric.shape, training.samples.shape
    ([0, 1, 2], (3,), (1, 4, 28, 28, 1))
    """

    images: Any
    _: KW_ONLY
    generator: Network = None  # type: ignore[assignment]  # given to all once checked
    discriminator: Network = None  # type: ignore[assignment]
    latent_dim: int = 100
    batch: int = 64
    loss: str = "nsgan"
    lr_disc: float = 2e-4
    lr_gen: float = 2e-4
    optimiser_disc: SGD | RMSProp | Adam = Adam(beta1=0.5)  # noqa: RUF009
    optimiser_gen: SGD | RMSProp | Adam = Adam(beta1=0.5)  # noqa: RUF009
    n_disc: int = 1
    start: str = "dcgan"
    modes: int = 10
    metric_samples: int = 256
    epoch_steps: int | None = None
    statistics: str = "batch"

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "images", _images(getattr(self.images, "images", self.images)))
        for name in ("latent_dim", "batch", "n_disc", "modes", "metric_samples", "epoch_steps"):
            if name != "epoch_steps" or self.epoch_steps is not None:
                put(self, name, checks.integer(name, getattr(self, name), at_least=1))
        for name in ("lr_disc", "lr_gen"):
            put(self, name, checks.number(name, getattr(self, name), above=0))
        checks.choice("loss", self.loss, tuple(LOSSES))
        checks.choice("statistics", self.statistics, STATISTICS)
        checks.choice("start", self.start, START_NAMES)
        if self.batch > len(self.images):
            raise ParameterError(f"batch must be <= the number of images, {len(self.images)}, got {self.batch}")
        for name in ("optimiser_disc", "optimiser_gen"):
            if not isinstance(getattr(self, name), SGD | RMSProp | Adam):
                raise ParameterError(f"{name} must be a ganth.nn.SGD, RMSProp or Adam, got {getattr(self, name)!r}")
        self._put_networks()

    def _put_networks(self) -> None:
        height, width, channels = self.images.shape[1:]
        if self.generator is None or self.discriminator is None:
            if height != width or height not in _SIZES or channels not in (1, 3):
                raise ParameterError(
                    "generator and discriminator must be given for images other than 28x28 and 64x64 of 1 or 3 "
                    f"channels, got {height}x{width}x{channels}"
                )
            made = dcgan(height, channels, latent_dim=self.latent_dim)
            for name, network in zip(("generator", "discriminator"), made, strict=True):
                if getattr(self, name) is None:
                    object.__setattr__(self, name, network)
        for name, inputs, outputs in (
            ("generator", (self.latent_dim,), self.images.shape[1:]),
            ("discriminator", self.images.shape[1:], None),
        ):
            network = getattr(self, name)
            if not isinstance(network, Network):
                raise ParameterError(f"{name} must be a ganth.nn.Network, got {network!r}")
            if tuple(network.inputs) != inputs:
                raise ShapeError(f"{name} must take inputs of shape {inputs}, got {network.inputs}")
            if outputs is not None and tuple(network.outputs) != outputs:
                raise ShapeError(f"{name} must give images of shape {outputs}, got {network.outputs}")
            if outputs is None and int(np.prod(network.outputs)) != 1:
                raise ShapeError(f"{name} must give one number, got outputs of shape {network.outputs}")

    @property
    def steps_per_epoch(self) -> int:
        """The iterations of an epoch."""
        return self.epoch_steps or max(1, len(self.images) // self.batch // self.n_disc)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as plain JSON values: of the images their shape and hash, of networks what they are made of."""
        told: dict[str, Any] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            plain = value is None or isinstance(value, int | float | str)
            told[entry.name] = value if plain else repr(value)
        told["images"] = f"{self.images.shape} sha256 {hashlib.sha256(self.images).hexdigest()}"
        return told

    def players(self, dtype: str = "float32", threads: int | None = None, backend: str = "cpu") -> Players:
        """Return both networks bound to the size of a batch, for loops on `threads` threads (None: all) or a GPU."""
        return Players(
            self.generator,
            self.discriminator,
            batch=self.batch,
            dtype=dtype,
            loss=self.loss,
            statistics=self.statistics,
            threads=threads,
            backend=backend,
        )

    def train(
        self,
        epochs: int,
        *,
        seed: int | np.random.Generator = 0,
        trial: int = 0,
        folder: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        keep: Iterable[int] = (),
        samples: int = 64,
        observer: Callable[[Training], dict[str, Any] | None] | None = None,
        backend: str = "cpu",
        dtype: str = "float32",
        progress: Progress = None,
        threads: int | None = None,
    ) -> Training:
        """Train for `epochs` and return the record.

        Parameters
        ----------
        epochs : int >= 0
        seed : int in [0, 2**64) or numpy Generator
        trial : int >= 0
            Another trial has another start, other latents and another order of the data.
        folder : path, optional
            Where checkpoints go.  A call finds the last good one of the same training there and goes on from it, bit
            for bit as if it had never been stopped; more epochs than before are welcome.
        checkpoint_every : int >= 1
            Epochs between checkpoints.
        keep : ints in [0, epochs]
            Epochs whose generator, and images that it makes of `samples` latents, are kept.
        samples : int >= 1
        observer : callable, optional
            Called after each epoch (and at epoch 0) with the training so far; what it returns, a dict of numbers or
            arrays, the same names and shapes every time, is recorded in ``training.observed``.
        backend : {"cpu", "cuda", "auto"}
            On a GPU networks, moments and data stay there; a folder's training goes on where it began, CPU or GPU.
        dtype : {"float32", "float64"}
            Working precision; records are float64.
        progress : bool or callable, optional
            True for a bar, or a function of (iterations done, iterations in all).
        threads : int >= 1, optional
            None: as many as Numba has.  Bits do not depend on it.

        Returns
        -------
        Training
            If numbers leave the finite ones it ends with the last epoch that was whole; `diverged_at` is the iteration.

        Raises
        ------
        ParameterError
            Naming the argument, the rule and the value; also where `folder` holds another training.
        BackendUnavailableError
            If the backend cannot run here.
        InterruptedRun
            On Ctrl-C: its `.run` is the training up to the last whole epoch.
        """
        from .training_loop import Call, train

        backend = resolve(backend)
        epochs = checks.integer("epochs", epochs, at_least=0)
        wanted = tuple(sorted({checks.integer("keep", epoch, at_least=0) for epoch in keep}))
        if wanted and wanted[-1] > epochs:
            raise ParameterError(f"keep must be <= epochs = {epochs}, got {wanted[-1]}")
        call = Call(
            epochs=epochs,
            key=checks.seed_key(seed),
            trial=checks.integer("trial", trial, at_least=0),
            dtype=checks.choice("dtype", dtype, ("float32", "float64")),
            folder=folder,
            checkpoint_every=checks.integer("checkpoint_every", checkpoint_every, at_least=1),
            keep=wanted,
            samples=checks.integer("samples", samples, at_least=1),
            threads=None if threads is None else checks.integer("threads", threads, at_least=1),
            backend=backend,
        )
        return train(self, call, observer=observer, progress=progress)


def _images(value: Any) -> NDArray[np.float32]:
    """Return images as a read-only, C-contiguous float32 array of finite numbers in [-1, 1]."""
    try:
        images = np.ascontiguousarray(value, np.float32)
    except (TypeError, ValueError):
        raise ShapeError(
            f"images must be an (n, height, width, channels) array of numbers, got {type(value).__name__}"
        ) from None
    if images.ndim != 4 or 0 in images.shape:
        raise ShapeError(f"images must have shape (n, height, width, channels), got {images.shape}")
    low, high = float(images.min()), float(images.max())
    if not (low >= -1 - _SLACK and high <= 1 + _SLACK):  # also where one is NaN
        raise ParameterError(f"images must be in [-1, 1], got values from {low!r} to {high!r}")
    images = images.view()
    images.flags.writeable = False
    return images
