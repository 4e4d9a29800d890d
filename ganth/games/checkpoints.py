"""Checkpoints of a training: whole files, the last two, and the newest good one of the same training."""

import io
import json
import os
import pathlib
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from ..files import DAMAGES, write_atomically

SCHEMA = 1
KEPT = 2
_DAMAGES: tuple[type[Exception], ...] = (OSError, *DAMAGES)
Arrays = dict[str, NDArray[Any]]


class DamagedFileError(ParameterError):
    """A file is not what was saved."""


def pack(header: dict[str, Any], arrays: Arrays, *, compress: bool = False) -> memoryview:
    """Return the bytes of an npz file of `arrays` and a JSON header, which names them."""
    buffer = io.BytesIO()
    text = json.dumps({**header, "arrays": sorted(arrays)}, sort_keys=True).encode()
    keep = np.savez_compressed if compress else np.savez
    keep(buffer, header=np.frombuffer(text, dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    return buffer.getbuffer()


def unpack(path: str | os.PathLike[str], what: str, newest: int) -> tuple[dict[str, Any], Arrays]:
    """Return what `pack` put into a file; raise `ParameterError` naming it where it is damaged or too new.

    The header's "schema" is at most `newest`, what this version of ganth writes.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(arrays.pop("header").tobytes())
        schema = int(header["schema"])
        if lost := set(header.pop("arrays", arrays)) ^ set(arrays):  # a name is in no checksum of the file
            raise ValueError(f"{', '.join(sorted(lost))} lost or not known")
    except FileNotFoundError:
        raise
    except _DAMAGES as error:
        raise DamagedFileError(f"path must be {what} that ganth saved, got {os.fspath(path)!r}: {error}") from None
    if schema > newest:
        raise ParameterError(
            f"path must hold {what} of schema <= {newest}, got schema {schema} in {os.fspath(path)!r}: "
            "it was written by a newer ganth"
        )
    return header, arrays


class Checkpoints:
    """The checkpoints of one training in a folder.

    `identity`, JSON values by name, is what makes it this training: a folder that holds another one is refused.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self.folder = pathlib.Path(folder)
        self.identity = json.loads(json.dumps(identity))

    def files(self) -> list[pathlib.Path]:
        """Return the checkpoints that there are, the newest first."""
        return sorted(self.folder.glob("checkpoint-*.npz"), reverse=True)

    def latest(self) -> tuple[dict[str, Any], Arrays] | None:
        """Return the header and the arrays of the newest good checkpoint, or None; a damaged one is warned of."""
        for part in self.folder.glob("checkpoint-*.part"):  # of a process killed while it wrote
            part.unlink(missing_ok=True)
        for path in self.files():
            try:
                header, arrays = unpack(path, "a checkpoint", SCHEMA)
            except DamagedFileError as error:
                warnings.warn(f"{error}; the one before it is used", RuntimeWarning, stacklevel=5)
                continue
            self._compare(header["identity"])
            return header, arrays
        return None

    def write(self, epoch: int, header: dict[str, Any], arrays: Arrays) -> None:
        """Write the checkpoint of an epoch, then forget all but the newest."""
        content = pack({"schema": SCHEMA, "identity": self.identity, "epoch": epoch, **header}, arrays)
        write_atomically(self.folder / f"checkpoint-{epoch:06d}.npz", content)
        for old in self.files()[KEPT:]:
            old.unlink(missing_ok=True)

    def _compare(self, other: dict[str, Any]) -> None:
        names = sorted({*self.identity, *other})
        differing = [name for name in names if self.identity.get(name) != other.get(name)]
        if differing:
            told = "; ".join(f"{name} is {other.get(name)!r}, not {self.identity.get(name)!r}" for name in differing)
            raise ParameterError(f"folder {os.fspath(self.folder)!r} holds another training: {told}")
