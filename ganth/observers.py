"""What an image training is watched with: a classifier's view of generated images (TP, secs. 6.1, 6.2)."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks
from .checks import Floats
from .errors import ParameterError, ShapeError
from .metrics import class_coverage, frechet_distance, mode_pairs, precision_recall

if TYPE_CHECKING:

    class Judge(Protocol):
        """A classifier: `ganth.classifiers.Classifier`, or anything with its three names."""

        @property
        def classes(self) -> int: ...

        def features(self, images: ArrayLike) -> Floats: ...

        def probabilities(self, images: ArrayLike) -> Floats: ...


__all__ = ["ImageObserver", "roughness"]

_MANY = 3  # app. F.1: "seldom do more than three"


def roughness(images: ArrayLike) -> float:
    r"""Return the mean step between neighbouring pixels.

    .. math:: \tfrac12 \big( E |x_{i+1,j} - x_{ij}| + E |x_{i,j+1} - x_{ij}| \big)

    Parameters
    ----------
    images : (n, height, width, channels) array
        At least 2 x 2 pixels.

    Returns
    -------
    float >= 0
        In the unit of a pixel.  Strokes have little of it, noise much: images of independent pixels, +-1, have 1.

    Raises
    ------
    ShapeError
        For another number of axes, no images, or images of a single row or column.

    Notes
    -----
    It is what "the samples turn to noise" (TP, figs. 23 to 27) is measured by.  Cost: O(n) numbers read twice.

    Examples
    --------
    >>> roughness([[[[0.0], [1.0]], [[0.0], [1.0]]]])
    0.5
    """
    x = np.asarray(images, dtype=np.float32)
    if x.ndim != 4 or 0 in x.shape or min(x.shape[1:3]) < 2:
        raise ShapeError(f"images must have shape (n, height, width, channels), 2 x 2 or more, got {x.shape}")
    down, across = (np.abs(np.diff(x, axis=axis)).mean(dtype=np.float64) for axis in (1, 2))
    return float(down + across) / 2


class ImageObserver:
    r"""Tells what a classifier sees in the images of a training; for ``ImageGAN.train(observer=...)``.

    Parameters
    ----------
    classifier : ganth.classifiers.Classifier
        Of c classes; or anything that has its ``classes``, ``features`` and ``probabilities``.
    real : (n, height, width, channels) array in [-1, 1]
        What generated images are held against; n > neighbours.
    count : int > neighbours
        Generated images, of the same latents every time.
    neighbours : int >= 1
        k of precision and recall, which take the first `count` real images.
    threshold : float in [0, 1)
        TP's tau, above which a probability counts.

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    A call returns a dict of

    - "classes" (c,): images by most probable class; "coverage": classes that hold a quarter of their part or more
      (see `ganth.metrics.class_coverage`); "largest": the share of the class with most;
    - "pairs_section", "pairs_appendix" (c, c): see `ganth.metrics.mode_pairs`;
    - "mixed", "crowded": shares of images of which two probabilities or more, more than three, exceed the threshold;
    - "frechet": the Fréchet distance to all real images in the classifier's features, a FID that says whose features
      it took; of few images it is too large, at every epoch alike;
    - "precision", "recall": see `ganth.metrics.precision_recall`, in the same features;
    - "roughness": see `roughness`, divided by that of the real images.

    Where images are not finite the training ends, so that none reach this.  Source: TP, sec. 6, apps. F.1 and G.8.
    Cost: a generator's and a classifier's look at `count` images, and O(count^2) distances of features.

    Examples
    --------
    >>> import ganth
    >>> digits = ganth.targets.images.sample()
    >>> judge = ganth.classifiers.Classifier.fit(digits.images[:200], digits.labels[:200], epochs=1, width=4)
    >>> watch = ImageObserver(judge, digits.images[:200], count=64)
    >>> told = watch.look(digits.images[200:264])
    >>> told["classes"].sum().item(), told["pairs_section"].shape, 0.5 < told["roughness"] < 2
    (64, (10, 10), True)
    """

    def __init__(
        self, classifier: "Judge", real: ArrayLike, *, count: int = 256, neighbours: int = 3, threshold: float = 0.01
    ) -> None:
        self.classifier = classifier
        self.neighbours = checks.integer("neighbours", neighbours, at_least=1)
        self.count = checks.integer("count", count, at_least=2)
        self.threshold = checks.number("threshold", threshold, at_least=0)
        if self.threshold >= 1:
            raise ParameterError(f"threshold must be < 1, got {self.threshold}")
        features = classifier.features(real)
        for name, number in (("count", self.count), ("the number of real images", len(features))):
            if number <= self.neighbours:
                raise ParameterError(f"{name} must be > neighbours = {self.neighbours}, got {number}")
        self._real = features[: self.count]
        self._moments = _moments(features)
        self._roughness = roughness(real)
        if self._roughness == 0:
            raise ParameterError("real must hold images that are not of one colour, got none")

    def __call__(self, training: Any) -> dict[str, Any]:
        """Return what is seen in `count` images of a `ganth.Training`."""
        return self.look(training.generate(self.count))

    def look(self, images: ArrayLike) -> dict[str, Any]:
        """Return what is seen in images (m, height, width, channels), m > neighbours."""
        features = self.classifier.features(images)
        if len(features) <= self.neighbours:
            raise ParameterError(f"images must be > neighbours = {self.neighbours} in number, got {len(features)}")
        p = self.classifier.probabilities(images)
        above = (p > self.threshold).sum(axis=1)
        classes = np.bincount(p.argmax(axis=1), minlength=self.classifier.classes)
        precision, recall = precision_recall(self._real, features, self.neighbours)
        return {
            "classes": classes,
            "coverage": class_coverage(p),
            "largest": float(classes.max() / len(p)),
            "pairs_section": mode_pairs(p, threshold=self.threshold),
            "pairs_appendix": mode_pairs(p, threshold=self.threshold, definition="appendix"),
            "mixed": float((above > 1).mean()),
            "crowded": float((above > _MANY).mean()),
            "frechet": frechet_distance(*_moments(features), *self._moments),
            "precision": precision,
            "recall": recall,
            "roughness": roughness(images) / self._roughness,
        }


def _moments(features: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean (d,) and the covariance (d, d) of features (n, d)."""
    return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))
