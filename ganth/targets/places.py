"""Where the files of image data sets lie: names, folders, what belongs to which set, and downloads on request."""

import os
import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import DataUnavailableError, ParameterError
from ..files import data_places
from . import formats

Pair = tuple[pathlib.Path, ...]  # an IDX file of images and one of labels, or one batch of CIFAR-10
_SPLITS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
_STANDARD = {"train": "train", "test": "t10k"}  # how plain file names call the splits
_KIN = {"mnist", "fashionmnist", "fashion", "kmnist", "emnist", "qmnist"}  # whose plain files have the same names


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before its files are seen.

    `counts`: images of each label in the full training and test sets; `mirrors` and `md5`: where downloads come from
    and the checksums of the files as they are published.
    """

    classes: tuple[str, ...]
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    md5: dict[str, str]
    prefix: str = ""
    aliases: frozenset[str] = frozenset()
    counts: tuple[tuple[int, ...], ...] = ()


DATA_SETS = {
    "mnist": DataSet(
        classes=tuple("0123456789"),
        folders=("MNIST/raw", "MNIST", "mnist", "mnist/raw", "raw"),
        prefix=r"mnist",
        aliases=frozenset({"mnist"}),
        counts=(
            (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        ),
        mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        md5={  # as torchvision lists them (torchvision/datasets/mnist.py)
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion-mnist": DataSet(
        classes=(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ),
        folders=("FashionMNIST/raw", "FashionMNIST", "fashion-mnist", "fashion-mnist/raw", "fashion", "raw"),
        prefix=r"fashion(?:[-_]?mnist)?",
        aliases=frozenset({"fashionmnist", "fashion"}),
        counts=((6000,) * 10, (1000,) * 10),
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        md5={  # as its authors list them (README of zalandoresearch/fashion-mnist)
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    "cifar-10": DataSet(
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        folders=(
            "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin", "CIFAR10/cifar-10-batches-bin", "cifar-10",
            "CIFAR10",
        ),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        md5={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},  # as its author lists it on that page
    ),
}  # fmt: skip


def find(name: str, root: str | os.PathLike[str] | None, split: str, download: bool) -> list[Pair]:
    """Return the files of a split, from the first place that has them.

    Raises `DataUnavailableError` naming every place looked at, `ParameterError` for files that are there in part.
    """
    given, kept = data_places()[:-2], [place / name for place in data_places()[-2:]]
    places = [pathlib.Path(root)] if root is not None else [*given, *kept]
    if root is not None and not places[0].is_dir() and not download:
        raise DataUnavailableError(f"root must be a folder, got {os.fspath(root)!r}, which is none")
    notes: list[str] = []
    for place in places:
        if (files := _in_place(name, place, split, notes)) is not None:
            return files
    if download:
        from .downloads import fetch

        folder = places[-1] / name if root is not None else places[-1]
        fetch(name, folder)
        if (files := _in_place(name, folder, split, notes)) is not None:
            return files
    asked = "" if split == "all" else f"{split} split of "
    raise DataUnavailableError(
        f"no files of the {asked}{name}: looked in {', '.join(notes)}, for {_wanted(name)}. "
        f"Set root or $GANTH_DATA to the folder that holds them, or ask for download=True; "
        "ganth.targets.images.sample() needs no files"
    )


def _wanted(name: str) -> str:
    if name == "cifar-10":
        return "data_batch_1.bin to data_batch_5.bin and test_batch.bin, the binary version"
    short = name.removesuffix("-mnist")
    return f"train-images-idx3-ubyte and its kin, plain or .gz, or {short}-*-images-idx3-ubyte with its labels"


def _in_place(name: str, place: pathlib.Path, split: str, notes: list[str]) -> list[Pair] | None:
    look = _batches if name == "cifar-10" else _pairs
    why = ""
    for folder in (place, *(place / inner for inner in DATA_SETS[name].folders)):
        if folder.is_dir():
            found, note = look(name, folder, split)
            if found is not None:
                return found
            why = why or note
    notes.append(f"{place} ({why or ('nothing of it there' if place.is_dir() else 'no such folder')})")
    return None


def _batches(name: str, folder: pathlib.Path, split: str) -> tuple[list[Pair] | None, str]:
    wanted = [f"data_batch_{k}.bin" for k in range(1, 6)] if split != "test" else []
    wanted += ["test_batch.bin"] if split != "train" else []
    there = [folder / file for file in wanted if (folder / file).is_file()]
    if not there:
        python = any((folder / inner / "data_batch_1").is_file() for inner in ("", "cifar-10-batches-py"))
        return None, "the Python version, pickles, is there; ganth reads the binary version" if python else ""
    if len(there) < len(wanted):
        lost = [file for file in wanted if not (folder / file).is_file()]
        raise ParameterError(f"{folder} must hold all of {', '.join(wanted)}, got none of {', '.join(lost)}")
    return [(path,) for path in there], ""


def _pairs(name: str, folder: pathlib.Path, split: str) -> tuple[list[Pair] | None, str]:
    """Return the pairs of images and labels of a split in one folder, or None and what is there instead.

    File names that begin with the set's name come first, then plain ones, then a subset whose name tells no split.
    """
    why = ""
    named = list(_named(DATA_SETS[name].prefix, folder))
    found: list[Pair] = []
    for part in _SPLITS[split]:
        own = [pair for middle, pair in named if _split_of(middle) == part]
        plain = [] if _of_kin(name, folder) else list(_plain(_STANDARD[part], folder))
        for pair in own + plain:
            if note := _foreign(name, pair):
                why = why or note
            else:
                found.append(pair)
                break
    if len(found) == len(_SPLITS[split]):
        return found, ""
    if found:
        raise ParameterError(
            f"{folder} must hold the training and the test set for split='all', got {found[0][0].name}"
        )
    subsets = [pair for middle, pair in named if _split_of(middle) is None]
    if len(subsets) > 1:
        names = ", ".join(pair[0].name for pair in subsets)
        raise ParameterError(f"{folder} must hold one subset of {name} whose name tells no split, got {names}")
    if subsets and split == "test":
        return None, why or f"{subsets[0][0].name} does not say that it is a test set"
    return (subsets or None), why


def _named(prefix: str, folder: pathlib.Path) -> Iterator[tuple[str, Pair]]:
    """Yield what stands between the set's name and "images" in a file's name, and the pair."""
    pattern = re.compile(rf"{prefix}[-_.](?:(?P<middle>.*)[-_.])?images[-_.]idx3-ubyte(?:\.gz)?", re.IGNORECASE)
    seen = set()
    for path in sorted(folder.iterdir()):
        if (match := pattern.fullmatch(path.name)) and (middle := match["middle"] or "") not in seen:
            seen.add(middle)  # a plain file comes before its gzip
            yield middle, (path, _labels_of(path))


def _plain(stem: str, folder: pathlib.Path) -> Iterator[Pair]:
    for end in ("-images-idx3-ubyte", "-images.idx3-ubyte", "-images-idx3-ubyte.gz", "-images.idx3-ubyte.gz"):
        if (path := folder / f"{stem}{end}").is_file():
            yield path, _labels_of(path)
            return


def _labels_of(images: pathlib.Path) -> pathlib.Path:
    name = re.sub(r"images(?=[-_.]idx3)", "labels", images.name.removesuffix(".gz"), flags=re.IGNORECASE)
    name = name.replace("idx3", "idx1")
    for path in (images.with_name(name), images.with_name(f"{name}.gz")):
        if path.is_file():
            return path
    raise ParameterError(f"{images} must have its labels beside it, got neither {name} nor {name}.gz")


def _split_of(middle: str) -> str | None:
    words = re.split(r"[-_.]", middle.lower())
    return "train" if "train" in words else "test" if {"t10k", "test"} & set(words) else None


def _of_kin(name: str, folder: pathlib.Path) -> bool:
    """Return whether the folder, or the one above it, is named after another set with the same file names."""
    words = {re.sub("[-_]", "", part.name.lower()) for part in (folder.absolute(), folder.absolute().parent)}
    own = DATA_SETS[name].aliases
    return bool(words & (_KIN - own)) and not words & own


def _foreign(name: str, pair: Pair) -> str:
    """Return why a full set of labels is not this set's, or "": its labels have known counts."""
    images, path = pair
    labels = formats.idx(str(path), formats.read(path), formats.IDX_LABELS)
    full = {sum(counts): counts for counts in DATA_SETS[name].counts}
    if len(labels) in full and (got := tuple(np.bincount(labels, minlength=10).tolist())) != full[len(labels)]:
        return f"{images.name} is of another set: {got[0]} labels 0 of {len(labels)}, {full[len(labels)][0]} expected"
    return ""
