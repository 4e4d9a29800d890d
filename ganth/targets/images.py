"""Image data sets: MNIST, Fashion-MNIST and CIFAR-10 from their files, 2,000 packaged digits, and bilinear resizing."""

import functools
import importlib.resources
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError
from . import formats
from .places import DATA_SETS, find

__all__ = ["ImageSet", "load", "resize", "sample"]

Images = NDArray[np.float32]
_BLOCK = 2048  # images that are converted at a time
_SLACK = 1e-5  # of rounding, on values in [-1, 1]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with labels.

    Parameters
    ----------
    images : (n, height, width, channels) array
        Values in [-1, 1]; kept as float32, C-contiguous, not to be written to.
    labels : (n,) array of integers
        In 0..len(classes)-1; kept as int64.
    classes : tuple of str
        Name of each label.
    name : str
        Of the data set.
    files : tuple of str
        Names of the files the images were read from.

    Raises
    ------
    ParameterError, ShapeError
        For values outside [-1, 1], labels out of range, or shapes that disagree.

    Examples
    --------
    >>> one = ImageSet(np.zeros((1, 2, 2, 1)), [0], ("grey",), "one")
    >>> len(one), one.images.dtype, one.labels.dtype
    (1, dtype('float32'), dtype('int64'))
    """

    images: checks.Held
    labels: checks.Held
    classes: tuple[str, ...]
    name: str
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images = np.ascontiguousarray(self.images, dtype=np.float32)
        labels = np.array(self.labels)
        if images.ndim != 4 or 0 in images.shape:
            raise ShapeError(f"images must have shape (n, height, width, channels), none 0, got {images.shape}")
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise ShapeError(
                f"labels must be {len(images)} integers, one for each image, got {labels.dtype} of shape {labels.shape}"
            )
        low, high = images.min(), images.max()
        if not (low >= -1 - _SLACK and high <= 1 + _SLACK):
            raise ParameterError(f"images must have values in [-1, 1], got {low} to {high}")
        if labels.min() < 0 or labels.max() >= len(self.classes):
            raise ParameterError(f"labels must be in 0..{len(self.classes) - 1}, got {labels.min()} to {labels.max()}")
        images, labels = images.view(), labels.astype(np.int64)
        images.flags.writeable = labels.flags.writeable = False
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.images)


def load(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    split: str = "train",
    size: int | None = None,
    limit: int | None = None,
    download: bool = False,
) -> ImageSet:
    """Return MNIST, Fashion-MNIST or CIFAR-10 from the files they are published in.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist", "cifar-10"}
    root : path, optional
        Folder that holds the files, or folders of torchvision's names with them (``MNIST/raw``).  Only this one is
        looked at.  None: the folder in the environment variable GANTH_DATA, Debian's
        ``/usr/share/datasets/fashion-mnist``, then the cache of downloads.
    split : {"train", "test", "all"}
        "all": the training set, then the test set.
    size : int >= 1, optional
        Side to which images are resized (see `resize`).  None: 28, and 32 for CIFAR-10.
    limit : int >= 1, optional
        At most so many images, the first in the order of the files.
    download : bool
        If the files are in none of these places, fetch them into `root`, or into the cache: needs pooch
        (``pip install 'ganth[data]'``) and holds every file to its published checksum.

    Returns
    -------
    ImageSet
        Images (n, side, side, 1) or (n, side, side, 3) in [-1, 1], that is byte / 127.5 - 1.

    Raises
    ------
    DataUnavailableError
        If the files are nowhere; it names each place, and what to do.
    ParameterError
        For a file that is truncated, damaged, or of something else: it names the file, what was expected and found.

    Notes
    -----
    IDX files may be gzip or plain: ``train-images-idx3-ubyte.gz``, ``t10k-images.idx3-ubyte`` ...; or their name begins
    with the set's, ``mnist-train-images-idx3-ubyte``.  Where it tells no split, ``fashion-10k-images-idx3-ubyte.gz``,
    it is a subset that answers for "train" and "all", never for "test".  Plain names are the same for MNIST and
    Fashion-MNIST: full sets are told apart by how often each label occurs, and a folder named after one of them is not
    searched for the other.  Source of the preprocessing: TP, app. E.  Cost: 4 bytes a value, 188 MB for 60,000 images
    of 28 x 28 and 980 MB of 64 x 64; 1 s to unpack and convert the former.

    Examples
    --------
    >>> load("mnist", "nowhere-at-all")
    Traceback (most recent call last):
    ganth.errors.DataUnavailableError: root must be a folder, got 'nowhere-at-all', which is none
    """
    checks.choice("name", name, tuple(DATA_SETS))
    checks.choice("split", split, ("train", "test", "all"))
    left = checks.integer("limit", limit, at_least=1) if limit is not None else None
    if size is not None:
        size = checks.integer("size", size, at_least=1)
    parts, labels, files = [], [], []
    for pair in find(name, root, split, download):
        if left == 0:
            break
        raw, found = _read(name, pair)
        parts.append(raw[:left])
        labels.append(found[:left])
        files += [path.name for path in pair]
        left = None if left is None else left - len(parts[-1])
    return ImageSet(_converted(parts, size), np.concatenate(labels), DATA_SETS[name].classes, name, tuple(files))


@functools.cache
def sample(size: int | None = None) -> ImageSet:
    """Return the 2,000 digits of MNIST that come with ganth, 200 of each, which need no download.

    Parameters
    ----------
    size : int >= 1, optional
        Side to which they are resized (see `resize`).  None: 28.

    Returns
    -------
    ImageSet
        In a mixed order.

    Raises
    ------
    ParameterError
        For a size that is not an integer >= 1.

    Notes
    -----
    They are the first 200 of each digit in a file of 10,000, in the order of that file.  MNIST is by Yann LeCun and
    Corinna Cortes, under the licence CC BY-SA 3.0, which lies beside the files in ``ganth/targets/digits``.

    Examples
    --------
    >>> digits = sample()
    >>> digits.images.shape, np.bincount(digits.labels).tolist() == [200] * 10
    ((2000, 28, 28, 1), True)
    """
    if size is not None:
        size = checks.integer("size", size, at_least=1)
    folder = importlib.resources.files(__package__) / "digits"
    arrays = []
    for file, magic in (("images-idx3-ubyte.gz", formats.IDX_IMAGES), ("labels-idx1-ubyte.gz", formats.IDX_LABELS)):
        name = f"mnist-sample-{file}"
        arrays.append(formats.idx(name, formats.unpacked(name, (folder / name).read_bytes()), magic))
    images, labels = arrays
    return ImageSet(_converted([images[..., None]], size), labels, DATA_SETS["mnist"].classes, "mnist-sample")


def resize(images: ArrayLike, size: int) -> NDArray[np.floating]:
    r"""Return images at another size, bilinearly, with the centres of pixels at half integers.

    Pixel i of `size` lies at :math:`u = (i + 1/2) h/\text{size} - 1/2` of the h old ones and has weights
    :math:`\max(0, 1 - |u - k|/s)`, normalised, s = max(1, h/size); columns alike.

    Parameters
    ----------
    images : (n, height, width, channels) array
        float32 stays float32, everything else becomes float64.
    size : int >= 1
        New height and width.

    Returns
    -------
    (n, size, size, channels) array

    Raises
    ------
    ParameterError, ShapeError
        For another number of axes, an empty array, or a size that is not an integer >= 1.

    Notes
    -----
    To larger sizes it is PyTorch's ``interpolate(mode="bilinear", align_corners=False)``; to any size it is what
    Pillow's ``Image.resize`` with BILINEAR makes of an image of floats, and so torchvision's ``Resize``, but for the
    latter's rounding to whole grey levels of images of bytes.  Source: TP, app. E, which resizes to 64 x 64.
    Cost: two products of matrices.

    Examples
    --------
    >>> resize(np.array([[0.0, 1.0]]).reshape(1, 1, 2, 1), 4)[0, 0, :, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    x = np.asarray(images)
    if x.dtype != np.float32:
        x = np.asarray(x, dtype=np.float64)
    if x.ndim != 4 or 0 in x.shape:
        raise ShapeError(f"images must have shape (n, height, width, channels), none 0, got {x.shape}")
    size = checks.integer("size", size, at_least=1)
    n, height, width, channels = x.shape
    rows, columns = (_weights(side, size).astype(x.dtype) for side in (height, width))
    tall = (rows @ x.reshape(n, height, width * channels)).reshape(n, size, width, channels)
    out = np.empty((n, size, size, channels), x.dtype)
    for channel in range(channels):
        out[..., channel] = tall[..., channel] @ columns.T
    return out


def _weights(old: int, new: int) -> NDArray[np.float64]:
    scale = old / new
    centres = (np.arange(new) + 0.5) * scale - 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(centres[:, None] - np.arange(old)) / max(1.0, scale))
    return weights / weights.sum(axis=1, keepdims=True)


def _read(name: str, pair: tuple[os.PathLike[str], ...]) -> tuple[formats.Bytes, formats.Bytes]:
    """Return the bytes of images (n, height, width, channels) and the labels of one pair of files, or one batch."""
    paths, contents = [str(path) for path in pair], [formats.read(path) for path in pair]  # type: ignore[arg-type]
    if name == "cifar-10":
        images, labels = formats.cifar(paths[0], contents[0])
    else:
        images = formats.idx(paths[0], contents[0], formats.IDX_IMAGES)[..., None]
        labels = formats.idx(paths[1], contents[1], formats.IDX_LABELS)
        if len(images) != len(labels):
            raise ParameterError(f"{paths[1]} must hold a label for each of {len(images)} images, got {len(labels)}")
    formats.check_labels(paths[-1], labels, len(DATA_SETS[name].classes))
    return images, labels


def _converted(parts: list[formats.Bytes], size: int | None) -> Images:
    """Return bytes as float32 in [-1, 1], resized, a block at a time."""
    shape = parts[0].shape[1:] if size is None else (size, size, parts[0].shape[-1])
    out = np.empty((sum(map(len, parts)), *shape), np.float32)
    at = 0
    for part in parts:
        for first in range(0, len(part), _BLOCK):
            block = part[first : first + _BLOCK].astype(np.float32)
            block /= 127.5
            block -= 1.0
            place = out[at : at + len(block)]
            place[...] = block if size is None else np.clip(resize(block, size), -1.0, 1.0)
            at += len(block)
    return out
