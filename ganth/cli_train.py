"""The command `ganth train`: a GAN of convolutional networks on images, with sample sheets and the early stop."""

import argparse
import io
import math
import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .backend import resolve
from .checks import integer
from .errors import InterruptedRun
from .files import write_atomically

if TYPE_CHECKING:
    from .games import ImageGAN, Training
    from .targets.images import ImageSet

DATA = ("sample", "mnist", "fashion-mnist", "cifar-10")
_SHEET = 64  # images on a sheet
_FIRST_GUESS = 10  # iterations after which it says how long all will take
_SECONDS = 5.0  # between two lines


class Rules(NamedTuple):
    """What the rules of stopping take from data: the largest distance of label means, and h by both definitions."""

    scale: float
    bandwidth: float
    printed_bandwidth: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of `ganth train`."""
    add = parser.add_argument
    add("--data", choices=DATA, default="sample", help="default: sample, the 2,000 digits that come with ganth")
    add("--root", type=pathlib.Path, metavar="DIR", help="folder of the data set's files (default: $GANTH_DATA, ...)")
    add("--size", type=int, choices=(28, 64), default=28, help="side of an image in pixels (default: 28)")
    add("--limit", type=int, metavar="N", help="train on the first N images only")
    add("--epochs", type=int, default=100, help="default: 100; more than before goes on")
    add("--seed", type=int, default=0)
    add("--out", type=pathlib.Path, metavar="DIR", help="default: training-DATA")
    add("--width", type=int, default=32, help="channels of the networks at half of the size (default: 32)")
    add("--noise", type=float, default=0.0, help="standard deviation of noise in the discriminator (default: 0)")
    add("--batch", type=int, default=64)
    add("--backend", choices=("cpu", "cuda", "auto"), default="cpu")
    add("--lr", type=float, default=2e-4, help="rate of both networks (default: 2e-4)")
    add("--warmup", type=int, default=20, help="epochs before a rule may say stop (default: 20)")
    add("--every", type=int, default=5, metavar="N", help="epochs between sheets of samples (default: 5)")
    add("--keep", type=int, nargs="*", default=(), metavar="EPOCH", help="keep the generators of these epochs")


def train(arguments: argparse.Namespace) -> int:
    """Train as the command line says; print what happens, write it to a folder, and return the exit status."""
    from .targets import images

    arguments.backend = resolve(arguments.backend)
    every = integer("every", arguments.every, at_least=1)
    warmup = integer("warmup", arguments.warmup, at_least=0)
    out = arguments.out or pathlib.Path(f"training-{arguments.data}")
    if arguments.data == "sample":
        data = images.sample(None if arguments.size == 28 else arguments.size)
        if arguments.limit is not None:
            rows = slice(integer("limit", arguments.limit, at_least=1))
            data = images.ImageSet(data.images[rows], data.labels[rows], data.classes, data.name)
    else:
        data = images.load(arguments.data, arguments.root, size=arguments.size, limit=arguments.limit)
    game = _game(arguments, data)
    rules = _rules(data)
    _introduce(game, data, arguments, out, rules)
    (out / "samples").mkdir(parents=True, exist_ok=True)
    course = _Course(game.steps_per_epoch, arguments.epochs)

    def look(training: "Training") -> None:
        epoch = int(training.epochs[-1])
        if epoch % every == 0 or epoch == arguments.epochs:
            _draw_samples(training, out / "samples" / f"epoch-{epoch:04d}.png")
        course.epoch(training)

    try:
        training = game.train(
            arguments.epochs,
            seed=arguments.seed,
            folder=out,
            keep=arguments.keep,
            samples=_SHEET,
            backend=arguments.backend,
            observer=look,
            progress=course.iteration,
        )
    except InterruptedRun as stopped:
        _write(cast("Training", stopped.run), out, rules, warmup)
        raise
    _write(training, out, rules, warmup)
    return 0 if training.diverged_at < 0 else 1


def _game(arguments: argparse.Namespace, data: "ImageSet") -> "ImageGAN":
    from . import nn
    from .games import ImageGAN

    generator, discriminator = nn.dcgan(
        arguments.size, data.images.shape[-1], width=arguments.width, noise=arguments.noise
    )
    return ImageGAN(
        data.images,
        generator=generator,
        discriminator=discriminator,
        batch=arguments.batch,
        lr_disc=arguments.lr,
        lr_gen=arguments.lr,
        modes=len(data.classes),
    )


def _rules(data: "ImageSet") -> Rules:
    """Return the constants of labelled data.

    The variance is that of all numbers of a label's images, averaged over labels; TP, app. F.2, divides it by how many
    numbers an image has once more.
    """
    from .metrics import label_variance, mode_distances

    labels = np.unique(data.labels, return_inverse=True)[1]
    variance = label_variance(data.images, labels, "entries")
    entries = math.prod(data.images.shape[1:])
    h = math.sqrt(2.0 * variance)
    return Rules(float(mode_distances(data.images, labels).max()), h, math.sqrt(2.0 * variance / entries))


def _thresholds(training: "Training", rules: Rules) -> dict[str, float]:
    from .stopping import EarlyStopping, printed_threshold

    modes = int(training.settings["modes"])
    return {
        "printed": printed_threshold(rules.printed_bandwidth, rules.scale),
        "scale-invariant": EarlyStopping(bandwidth=rules.bandwidth, modes=modes, rule="scale-invariant").limit,
    }


def _introduce(
    game: "ImageGAN", data: "ImageSet", arguments: argparse.Namespace, out: pathlib.Path, rules: Rules
) -> None:
    side, channels = data.images.shape[2:]
    _say(f"data: {data.name}, {len(game.images)} images of {side}x{side}x{channels}, {len(data.classes)} classes")
    _say(
        f"networks: generator {game.generator.size} parameters, discriminator {game.discriminator.size}; "
        f"width {arguments.width}, noise {arguments.noise:g}"
    )
    _say(
        f"training: {arguments.epochs} epochs of {game.steps_per_epoch} iterations, batch {arguments.batch}, "
        f"rate {arguments.lr:g}, seed {arguments.seed}, backend {arguments.backend}"
    )
    _say(
        f"constants: label means at most k_s = {rules.scale:.4g} apart; h = {rules.bandwidth:.4g} by pixel, "
        f"{rules.printed_bandwidth:.4g} as TP divides it"
    )
    going_on = any(out.glob("checkpoint-*.npz"))
    _say(f"folder: {out.resolve()}{', which holds checkpoints: going on from there' if going_on else ''}")


class _Course:
    """What is printed while a training runs."""

    def __init__(self, per_epoch: int, epochs: int) -> None:
        self.per_epoch, self.epochs = per_epoch, epochs
        self.first: tuple[int, float] | None = None
        self.guessed, self.told_at = False, 0.0

    def iteration(self, done: int, total: int) -> None:
        """Note an iteration; once ten are done say how long all will take."""
        now = time.monotonic()
        if self.first is None:
            self.first = (done, now)
        elif not self.guessed and done - self.first[0] >= _FIRST_GUESS:
            self.guessed = True
            pace = (now - self.first[1]) / (done - self.first[0])
            _say(f"pace: about {pace * self.per_epoch:.1f} s an epoch, {_duration(pace * (total - done))} to go")

    def epoch(self, training: "Training") -> None:
        """Tell of an epoch, every few seconds and at the end."""
        epoch, now = int(training.epochs[-1]), time.monotonic()
        if epoch == 0 or (epoch < self.epochs and now - self.told_at < _SECONDS):
            return
        self.told_at, left = now, ""
        if self.first is not None and (done := epoch * self.per_epoch - self.first[0]) > 0:
            left = _duration((now - self.first[1]) / done * (self.epochs - epoch) * self.per_epoch) + " left"
        _say(
            f"epoch {epoch:4d}/{self.epochs}  metric {training.metric[-1]:8.3g}  "
            f"loss D {training.loss_disc[-1]:6.3f} G {training.loss_gen[-1]:6.3f}  "
            f"d at data {training.mean_real[-1]:.3f}, at samples {training.mean_fake[-1]:.3f}  {left}"
        )


def _write(training: "Training", out: pathlib.Path, rules: Rules, warmup: int) -> None:
    """Write the record and its picture, and say where they are."""
    stops = training.stops(
        bandwidth=rules.bandwidth, printed_bandwidth=rules.printed_bandwidth, scale=rules.scale, warmup=warmup
    )
    thresholds = _thresholds(training, rules)
    for name, level in thresholds.items():
        at = stops[name]
        told = f"stop at epoch {at}" if at is not None else "never says stop"
        _say(f"rule {name}: metric above {level:.4g} after epoch {warmup}: {told}")
    if training.diverged_at >= 0:
        _say(f"diverged at iteration {training.diverged_at}: the record ends with epoch {int(training.epochs[-1])}")
    _draw_trace(training, out / "metric.png", thresholds, stops)
    _say(f"samples: {out / 'samples'}; metric: {out / 'metric.png'}")
    _say(f"result: {training.save(out / 'training.npz')}, for ganth.Training.load")


def _draw_samples(training: "Training", path: pathlib.Path) -> None:
    from . import plotting

    def draw(fig: Any) -> None:
        fig.set_size_inches(4, 4)
        plotting.image_grid(fig.subplots(), training.generate(_SHEET))

    _picture(path, draw)


def _draw_trace(
    training: "Training", path: pathlib.Path, thresholds: dict[str, float], stops: dict[str, int | None]
) -> None:
    from . import plotting

    def draw(fig: Any) -> None:
        fig.set_size_inches(6.4, 6)
        top, bottom = fig.subplots(2, sharex=True)
        plotting.metric_trace(top, training.epochs, training.metric, thresholds, stops)
        top.set_xlabel("")
        bottom.plot(training.epochs, training.loss_disc, label="loss of D")
        bottom.plot(training.epochs, training.loss_gen, label="loss of G")
        bottom.set_xlabel("epoch")
        bottom.set_ylabel("mean over the epoch")
        bottom.legend()

    _picture(path, draw)


def _picture(path: pathlib.Path, draw: Callable[[Any], None]) -> None:
    """Draw a picture and put it in its place whole."""
    from . import plotting

    content = io.BytesIO()
    with plotting.style():
        fig = plotting.figure()
        draw(fig)
        plotting.save(fig, content)
    write_atomically(path, content.getbuffer())


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say(line: str) -> None:
    print(line, flush=True)
