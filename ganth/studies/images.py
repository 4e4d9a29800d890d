"""A study: a data set, a classifier, and trainings of an image GAN that several figures share, kept on disk (TP)."""

import functools
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterable
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

import numpy as np

from .. import checks
from ..backend import cache_folder, resolve
from ..classifiers import Classifier
from ..errors import ParameterError
from ..games import ImageGAN, Training
from ..metrics import label_variance, mode_distances
from ..nn import Adam, dcgan
from ..observers import ImageObserver
from ..sweeps import sweep
from ..sweeps.code import code_of
from ..targets import images as data_sets

__all__ = ["ImageStudy"]

_KEPT = 24  # folders of a study or a classifier
_AGAINST = 10_000  # real images, at most, that generated ones are held against
_HELD_OUT = 0.2  # of the data, on which a classifier is tried


@dataclass(frozen=True)
class ImageStudy:
    r"""A data set, a classifier of it, and the training of a GAN of DCGAN's kind that the classifier watches.

    Parameters
    ----------
    data : {"sample", "mnist", "fashion-mnist", "cifar-10"}
        "sample": the packaged digits.
    size : {28, 64}
        Side of the images.
    limit : int >= 1, optional
        At most so many images, the first in the order of the files.
    root : str, optional
        Where files are; see `ganth.targets.images.load`.
    given : int >= 1, optional
        The GAN gets the first so many of these images, the classifier all.  None: all.
    epochs : int >= 1
    epoch_steps : int >= 1, optional
        See `ganth.ImageGAN`, as for all that follow here.
    width : int >= 1
        See `ganth.nn.dcgan`.
    noise : float >= 0
        The same.
    batch : int >= 1
    lr_disc, lr_gen : float > 0
    beta1 : float in [0, 1)
        Of both Adams.
    n_disc : int >= 1
    start : str
    every : int >= 1
        Epochs between kept generators and samples; the last is kept too.
    samples : int >= 1
        Images kept then.
    watched : int >= 4
        Generated images that the classifier sees every epoch.
    judge_epochs, judge_width : int >= 1
        Of the classifier, which learns from four fifths of the data and is tried on the rest.

    Raises
    ------
    ParameterError
        Where data or size are none of these; the rest is checked where it is used.

    Notes
    -----
    Source: TP, sec. 6, apps. F and G.  All of it is plain values, so that worker processes build the rest from them.
    """

    data: str = "sample"
    _: KW_ONLY
    size: int = 28
    limit: int | None = None
    root: str | None = None
    given: int | None = None
    epochs: int = 100
    epoch_steps: int | None = None
    width: int = 16
    noise: float = 0.0
    batch: int = 64
    lr_disc: float = 2e-4
    lr_gen: float = 2e-4
    beta1: float = 0.5
    n_disc: int = 1
    start: str = "dcgan"
    every: int = 5
    samples: int = 64
    watched: int = 256
    judge_epochs: int = 20
    judge_width: int = 16

    def __post_init__(self) -> None:
        checks.choice("data", self.data, ("sample", "mnist", "fashion-mnist", "cifar-10"))
        if self.size not in (28, 64):
            raise ParameterError(f"size must be 28 or 64, got {self.size!r}")

    def images(self) -> data_sets.ImageSet:
        """Return the data; raises `DataUnavailableError` where files are nowhere."""
        return _images(self.data, self.size, self.limit, self.root, os.environ.get("GANTH_DATA"))

    def classifier(self) -> Classifier:
        """Return the classifier, which is kept on disk once it is trained."""
        folder = self._folder("judge")
        path = None if folder is None else folder / "classifier.npz"
        if path is not None and path.is_file():
            return Classifier.load(path)
        taught = self.images()
        first = slice(_held_out(len(taught)), None)
        made = Classifier.fit(
            taught.images[first],
            taught.labels[first],
            classes=len(taught.classes),
            epochs=self.judge_epochs,
            width=self.judge_width,
        )
        if path is not None:
            made.save(path)
        return made

    def trial(self) -> dict[str, Any]:
        """Return what the classifier makes of real images: what generated ones can be held against.

        Returns
        -------
        dict
            "accuracy", on the fifth of the data that it has not learned from; and there what
            `ganth.observers.ImageObserver` tells of them, as of generated images.
        """
        judge, real = self.classifier(), self.images()
        held = _held_out(len(real))
        seen = self.observer(judge).look(real.images[: min(held, self.watched)])
        return {"accuracy": judge.accuracy(real.images[:held], real.labels[:held]), **seen}

    def observer(self, classifier: Classifier | None = None) -> ImageObserver:
        """Return the observer of a training.

        Parameters
        ----------
        classifier : ganth.classifiers.Classifier, optional
            None: that of the study.
        """
        real = self.images().images[:_AGAINST]
        return ImageObserver(classifier or self.classifier(), real, count=self.watched)

    def game(self) -> ImageGAN:
        """Return the game."""
        given = self.images().images[: self.given]
        generator, discriminator = dcgan(self.size, given.shape[-1], width=self.width, noise=self.noise)
        return ImageGAN(
            given,
            generator=generator,
            discriminator=discriminator,
            batch=self.batch,
            lr_disc=self.lr_disc,
            lr_gen=self.lr_gen,
            optimiser_disc=Adam(beta1=self.beta1),
            optimiser_gen=Adam(beta1=self.beta1),
            n_disc=self.n_disc,
            start=self.start,
            epoch_steps=self.epoch_steps,
            metric_samples=self.watched,
        )

    def units(self) -> dict[str, float]:
        r"""Return what thresholds of the early stop are made of, from the data.

        Returns
        -------
        dict
            "distance": k_s, the largest distance of two means of labels; "variance": the population variance of all
            numbers of a label's images, averaged over labels; "bandwidth": :math:`h = \sqrt{2 \cdot variance}`;
            "printed_bandwidth": the same of the variance divided by the number of pixels once more, as TP has it.

        Notes
        -----
        Source: TP, app. F.2.  See `ganth.Training.stops`.
        """
        real = self.images()
        variance = label_variance(real.images, real.labels, "entries")
        entries = int(np.prod(real.images.shape[1:]))
        return {
            "distance": float(mode_distances(real.images, real.labels).max()),
            "variance": variance,
            "bandwidth": float(np.sqrt(2 * variance)),
            "printed_bandwidth": float(np.sqrt(2 * variance / entries)),
        }

    def train(
        self, trials: int | Iterable[int], *, seed: int = 0, jobs: int = 1, backend: str = "cpu"
    ) -> list[Training]:
        """Return the trainings of trials, from disk where they are there.

        Parameters
        ----------
        trials : int >= 1 or ints
            A number n: 0, ..., n - 1.
        seed : int in [0, 2**64)
        jobs : int >= 1
            Processes; each runs one thread.  On a GPU trials follow one another, and what is left to the CPU has `jobs`
            threads.
        backend : {"cpu", "cuda", "auto"}
            See `ganth.ImageGAN.train`.

        Notes
        -----
        Numbers depend neither on `jobs` nor on what is kept.  Trainings are kept in `ganth.backend.cache_folder`, by
        a hash of all settings, of ganth's sources and of versions; the newest 24 studies stay.  One that was killed
        goes on from its last checkpoint.  Without such a folder nothing is kept.
        """
        asked = range(checks.integer("trials", trials, at_least=1)) if isinstance(trials, int) else trials
        numbers = [checks.integer("trials", trial, at_least=0) for trial in asked]
        key = checks.seed_key(seed)
        checks.integer("jobs", jobs, at_least=1)
        on_gpu = resolve(backend) == "cuda"
        folder = self._folder("study", seed=key, **({"backend": "cuda"} if on_gpu else {}))
        how: dict[str, Any] = {"backend": backend, "threads": jobs if on_gpu else 1}
        if folder is None:
            judge = self.classifier()
            return [self._train(trial, key, None, judge, **how) for trial in numbers]
        there = {trial: folder / f"trial-{trial}.npz" for trial in numbers}
        if missing := [trial for trial, path in there.items() if not path.is_file()]:
            self.classifier()  # once, not in every worker
            told = json.dumps(asdict(self))
            one = functools.partial(_train_into, study=told, key=str(key), folder=os.fspath(folder), **how)
            sweep(one, {}, seeds=missing, jobs=1 if on_gpu else min(jobs, len(missing)))
        return [Training.load(there[trial]) for trial in numbers]

    def _train(
        self,
        trial: int,
        key: int,
        folder: pathlib.Path | None,
        judge: Classifier | None = None,
        *,
        backend: str = "cpu",
        threads: int = 1,
    ) -> Training:
        return self.game().train(
            self.epochs,
            seed=key,
            trial=trial,
            folder=folder,
            checkpoint_every=max(1, self.epochs // 10),
            keep=sorted({*range(0, self.epochs + 1, self.every), self.epochs}),
            samples=self.samples,
            observer=self.observer(judge),
            backend=backend,
            threads=threads,
        )

    def _folder(self, kind: str, **more: Any) -> pathlib.Path | None:
        """Return where a classifier or trainings of these settings and this code are kept; forget the oldest places."""
        parent = cache_folder()
        if parent is None:
            return None
        told = asdict(self)
        if kind == "judge":
            names = ("data", "size", "limit", "root", "judge_epochs", "judge_width")
            told = {name: told[name] for name in names}
        if self.data != "sample":
            told["pixels"] = _hash(self.data, self.size, self.limit, self.root, os.environ.get("GANTH_DATA"))
        code = code_of(_train_into)
        text = json.dumps([kind, told, more, code["sources"], code["versions"]], sort_keys=True)
        folder = parent / "studies" / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        by_age = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        return folder


def _train_into(study: str, key: str, folder: str, seed: int, backend: str, threads: int) -> float:
    """Train one trial, `seed`, into a folder; return the epochs that were whole."""
    place = pathlib.Path(folder)
    checkpoints = place / f"checkpoints-{seed}"
    done = ImageStudy(**json.loads(study))._train(seed, int(key), checkpoints, backend=backend, threads=threads)
    done.save(place / f"trial-{seed}.npz")
    shutil.rmtree(checkpoints, ignore_errors=True)
    return float(done.epochs[-1])


@functools.lru_cache(maxsize=2)
def _images(data: str, size: int, limit: int | None, root: str | None, variable: str | None) -> data_sets.ImageSet:
    """Return a data set; `variable`, of the environment, may lead to other files when it changes."""
    if data != "sample":
        return data_sets.load(data, root, split="train", size=size, limit=limit)
    whole = data_sets.sample(None if size == 28 else size)
    if limit is None or limit >= len(whole):
        return whole
    return data_sets.ImageSet(whole.images[:limit], whole.labels[:limit], whole.classes, whole.name)


@functools.lru_cache(maxsize=2)
def _hash(data: str, size: int, limit: int | None, root: str | None, variable: str | None) -> str:
    given = _images(data, size, limit, root, variable)
    return hashlib.sha256(given.images.tobytes() + given.labels.tobytes()).hexdigest()


def _held_out(count: int) -> int:
    return max(1, int(_HELD_OUT * count))
