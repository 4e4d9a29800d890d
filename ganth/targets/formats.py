"""Image files byte by byte: IDX (MNIST and its kin, plain or gzip) and the binary batches of CIFAR-10."""

import gzip
import pathlib
import zlib

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

Bytes = NDArray[np.uint8]
IDX_IMAGES, IDX_LABELS = 0x00000803, 0x00000801  # two zeros, 08 for unsigned bytes, the number of axes
_WHAT = {IDX_IMAGES: "images", IDX_LABELS: "labels"}
_GZIP = b"\x1f\x8b"
SIDE, CIFAR_SIDE, CIFAR_BATCH = 28, 32, 10_000
_CIFAR_RECORD = 1 + 3 * CIFAR_SIDE**2


def read(path: pathlib.Path) -> bytes:
    """Return the content of a file, unpacked if it is gzip (by its first bytes, whatever its name)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror or error}") from None
    return unpacked(str(path), content)


def unpacked(name: str, content: bytes) -> bytes:
    """Return what gzip packed, or `content` itself if it is not gzip; a name that says gzip must be true."""
    if not content.startswith(_GZIP):
        if name.endswith(".gz"):
            raise ParameterError(f"{name} must be gzip and start with the bytes 1f 8b, got {_start(content)}")
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ParameterError(
            f"{name} must be a whole gzip file, got {len(content)} bytes that do not unpack ({error}): "
            "truncated or damaged, fetch it again"
        ) from None


def idx(name: str, content: bytes, magic: int) -> Bytes:
    """Return the bytes of an IDX file of images, (n, 28, 28), or of labels, (n,); `name` is for messages.

    Raises `ParameterError` naming the file, what was expected and what was found.
    """
    axes = magic & 0xFF
    head = 4 + 4 * axes
    if len(content) < head:
        raise ParameterError(f"{name} must start with {head} bytes of IDX header, got a file of {len(content)} bytes")
    found, *shape = (int.from_bytes(content[at : at + 4], "big") for at in range(0, head, 4))
    if found != magic:
        said = f"{found:#010x} of IDX {_WHAT[found]}" if found in _WHAT else f"the bytes {_start(content)}"
        raise ParameterError(f"{name} must start with {magic:#010x}, IDX {_WHAT[magic]} of unsigned bytes, got {said}")
    if shape[0] < 1 or shape[1:] != [SIDE] * (axes - 1):
        wanted = ", ".join(["n >= 1", *[str(SIDE)] * (axes - 1)])
        raise ParameterError(f"{name} must hold {_WHAT[magic]} of shape ({wanted}), got {tuple(shape)}")
    size = head + int(np.prod(shape, dtype=object))
    if len(content) != size:
        state = "truncated" if len(content) < size else "more follows the last of them"
        raise ParameterError(
            f"{name} must have {size} bytes for its {shape[0]} {_WHAT[magic]}, got {len(content)}: {state}"
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def cifar(name: str, content: bytes) -> tuple[Bytes, Bytes]:
    """Return images (10000, 32, 32, 3) and labels (10000,) of one binary batch of CIFAR-10.

    A record is a label and the planes of red, green and blue, row by row.
    """
    size = CIFAR_BATCH * _CIFAR_RECORD
    if len(content) != size:
        raise ParameterError(
            f"{name} must have {size} bytes, {CIFAR_BATCH} records of {_CIFAR_RECORD}, got {len(content)}: "
            f"{'truncated' if len(content) < size else 'not a batch of CIFAR-10 in its binary version'}"
        )
    records = np.frombuffer(content, np.uint8).reshape(CIFAR_BATCH, _CIFAR_RECORD)
    return records[:, 1:].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE).transpose(0, 2, 3, 1), records[:, 0]


def check_labels(name: str, labels: Bytes, classes: int) -> None:
    """Raise unless all labels are in 0..classes-1."""
    if labels.max() >= classes:
        at = int(np.argmax(labels >= classes))
        raise ParameterError(f"{name} must hold labels in 0..{classes - 1}, got {labels[at]} at index {at}")


def _start(content: bytes) -> str:
    return content[:4].hex(" ") or "an empty file"
