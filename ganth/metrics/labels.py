"""Labelled images as modes: how far apart labels are, which a classifier sees mixed, which a generator covers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError

DEFINITIONS = ("section", "appendix")
VARIANCES = ("within", "entries", "total")
_SLACK = 1e-5  # of rounding, on probabilities


def mode_distances(images: ArrayLike, labels: ArrayLike) -> Floats:
    r"""Return the Frobenius distances of the mean images of all pairs of labels.

    .. math:: D_{ij} = \|\bar x_i - \bar x_j\|, \qquad \bar x_i \text{ the mean of the images with label } i

    Parameters
    ----------
    images : (n, ...) array
        Images, or points (n, d).
    labels : (n,) array of integers >= 0
        Each of 0..c-1 must occur, c - 1 the largest.

    Returns
    -------
    (c, c) float64 array
        Symmetric, with zeros on its diagonal [data length].

    Raises
    ------
    ParameterError, ShapeError
        For a label without images, labels that are no integers >= 0, non-finite images, shapes that disagree.

    Notes
    -----
    Source: TP, app. E and figs. 10 to 12, where means are over 10 images of a label.  Means of few images are further
    apart than those of all: n images of variance s^2 (total) a label add about 2 s^2/n to the squared distance.
    Cost: O(n) numbers read once, means in float64.

    Examples
    --------
    >>> mode_distances([[0.0, 0.0], [2.0, 0.0], [1.0, 4.0]], [0, 0, 1]).tolist()
    [[0.0, 4.0], [4.0, 0.0]]
    """
    flat, of, classes = _labelled(images, labels)
    means = np.array([flat[of == label].mean(axis=0, dtype=np.float64) for label in range(classes)])
    if not np.isfinite(means).all():
        label = int(np.argmin(np.isfinite(means).all(axis=1)))
        raise ParameterError(f"images must be finite, got others with label {label}")
    return np.array([np.linalg.norm(means - mean, axis=1) for mean in means])


def label_variance(images: ArrayLike, labels: ArrayLike, definition: str = "within") -> float:
    r"""Return the variance of the images of a label, averaged over labels.

    .. math:: \text{entries: } \operatorname{var}(\{x_{ap}\}), \qquad
        \text{within: } \operatorname{mean}_{a,p} (x_{ap} - \bar x_p)^2, \qquad
        \text{total: } \operatorname{mean}_a \|x_a - \bar x\|^2

    over the images a of the label and their entries p; all population variances.

    Parameters
    ----------
    images : (n, ...) array
        Images, or points (n, d).
    labels : (n,) array of integers >= 0
        Each of 0..c-1 must occur, c - 1 the largest.
    definition : {"within", "entries", "total"}
        "within" and "total" are about the label's mean image, per entry and whole; "entries" also counts how the mean
        image varies from entry to entry.

    Returns
    -------
    float >= 0
        sigma^2 for the bandwidth h = sqrt(2) sigma of TP's Algorithm 2 [squared data length].

    Raises
    ------
    ParameterError, ShapeError
        As `mode_distances`, and for another definition.

    Notes
    -----
    Source: TP, app. F.2: "entries", which it divides by the number of entries once more.  A mode that is a Gaussian
    has "within" as the variance of each of its entries.  Cost: O(n) numbers, one label at a time in float64.

    Examples
    --------
    >>> x, y = [[0.0, 4.0], [2.0, 4.0], [1.0, 1.0]], [0, 0, 1]
    >>> [label_variance(x, y, of) for of in ("within", "entries", "total")]
    [0.25, 1.375, 0.5]
    """
    checks.choice("definition", definition, VARIANCES)
    flat, of, classes = _labelled(images, labels)
    found = []
    for label in range(classes):
        chosen = flat[of == label].astype(np.float64)
        chosen -= chosen.mean(axis=None if definition == "entries" else 0)
        found.append(np.einsum("ij,ij->", chosen, chosen) / (len(chosen) if definition == "total" else chosen.size))
    if not np.isfinite(found).all():
        raise ParameterError(f"images must be finite, got others with label {int(np.argmin(np.isfinite(found)))}")
    return float(np.mean(found))


def mode_pairs(probabilities: ArrayLike, *, threshold: float = 0.01, definition: str = "section") -> NDArray[np.int64]:
    r"""Return how many samples a classifier sees between each pair of classes.

    Off the diagonal both definitions count the samples with :math:`p_i > \tau` and :math:`p_j > \tau`.  On it,
    "section" counts those with :math:`p_i > \tau`, and "appendix" those with no other class above
    :math:`\tau`.

    Parameters
    ----------
    probabilities : (n, c) array
        Of the classes, >= 0, that sum to 1 for each sample.
    threshold : float in [0, 1)
        The source's tau.
    definition : {"section", "appendix"}
        Of TP's section 6.1, or its appendix F.1.

    Returns
    -------
    (c, c) int64 array
        Symmetric.

    Raises
    ------
    ParameterError, ShapeError
        For probabilities that are negative or do not sum to 1 within 1e-5, a threshold outside [0, 1).

    Notes
    -----
    Source: TP, section 6.1 and app. F.1; figs. 6, 16, 17 show log(1 + count).  By "section" the diagonal is never less
    than any number in its row; by "appendix" it holds pure samples only, and a sample with all classes below the
    threshold, possible for a threshold >= 1/c, counts nowhere.  Cost: O(n c^2).

    Examples
    --------
    >>> p = [[0.9, 0.1, 0.0], [1.0, 0.0, 0.0]]
    >>> mode_pairs(p).tolist()
    [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    >>> mode_pairs(p, definition="appendix").tolist()
    [[1, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    p = _probabilities(probabilities)
    threshold = checks.number("threshold", threshold, at_least=0)
    if threshold >= 1:
        raise ParameterError(f"threshold must be < 1, got {threshold}")
    above = (p > threshold).astype(np.int64)
    pairs = above.T @ above
    if checks.choice("definition", definition, DEFINITIONS) == "appendix":
        np.fill_diagonal(pairs, above[above.sum(axis=1) == 1].sum(axis=0))
    return pairs


def class_coverage(samples: ArrayLike, classes: int | None = None, *, least: float = 0.25) -> int:
    r"""Return how many classes hold at least their part of the samples, `least` times 1/c.

    Parameters
    ----------
    samples : (n,) array of integers, or (n, c) array
        Classes of samples, or a classifier's probabilities, of which the largest decides (the first of equal ones).
    classes : int >= 1, optional
        c.  It must be given with the former.
    least : float > 0
        A quarter, as `NSGAN` counts the modes of a mixture.

    Returns
    -------
    int in 0..c

    Raises
    ------
    ParameterError, ShapeError
        For classes out of range, probabilities that do not sum to 1, no samples.

    Notes
    -----
    Source: TP, sections 5 and 6, which count the modes left by eye.  Cost: O(n c).

    Examples
    --------
    >>> class_coverage([0, 0, 0, 2], classes=4)
    2
    >>> class_coverage([[0.9, 0.1], [0.6, 0.4]])
    1
    """
    least = checks.number("least", least, above=0)
    found = np.asarray(samples)
    if found.ndim == 2:
        p = _probabilities(samples)
        if classes is not None and checks.integer("classes", classes, at_least=1) != p.shape[1]:
            raise ShapeError(f"samples must have shape (n, {classes}), got {p.shape}")
        found, classes = p.argmax(axis=1), p.shape[1]
    elif classes is None:
        raise ParameterError("classes must be given with samples of shape (n,), got None")
    else:
        classes = checks.integer("classes", classes, at_least=1)
        _check_labels(found, found.size, "samples")
        if found.max() >= classes:
            raise ParameterError(f"samples must be in 0..{classes - 1}, got {int(found.max())}")
    shares = np.bincount(found, minlength=classes) / len(found)
    return int((shares >= least / classes).sum())


def _labelled(images: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.integer], int]:
    """Return images as (n, entries), labels, and how many labels there are, each with images."""
    x, of = np.asarray(images), np.asarray(labels)
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "fiub":
        raise ShapeError(f"images must be numbers of shape (n, ...), n >= 1, got {x.dtype} of shape {x.shape}")
    _check_labels(of, len(x))
    counts = np.bincount(of)
    if not counts.all():
        raise ParameterError(f"labels must hold each of 0..{len(counts) - 1}, got none of {int(np.argmin(counts))}")
    return x.reshape(len(x), -1), of, len(counts)


def _check_labels(labels: NDArray[np.generic], count: int, name: str = "labels") -> None:
    if labels.ndim != 1 or len(labels) != count or count == 0 or labels.dtype.kind not in "iu":
        wanted = f"({count or 'n >= 1'},)"
        raise ShapeError(f"{name} must be integers of shape {wanted}, got {labels.dtype} of shape {labels.shape}")
    if (least := int(labels.min())) < 0:
        raise ParameterError(f"{name} must be >= 0, got {least}")


def _probabilities(value: ArrayLike) -> Floats:
    p = checks.points("probabilities", value)
    if (p < 0).any():
        raise ParameterError(f"probabilities must be >= 0, got {p.min()}")
    off = np.abs(p.sum(axis=1) - 1.0)
    if off.max() > _SLACK:
        at = int(off.argmax())
        raise ParameterError(f"probabilities must sum to 1 within {_SLACK:g}, got {p[at].sum()} for sample {at}")
    return p
