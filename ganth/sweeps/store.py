"""The finished cells of a sweep on disk: one small file each, there whole or not at all, checked when it is read."""

import contextlib
import hashlib
import json
import logging
import math
import os
import pathlib
from typing import Any

from ..files import write_atomically
from .code import Code, differences
from .grid import Cell

_SCHEMA = 1
_NON_FINITE = ("nan", "inf", "-inf")
Numbers = dict[str, int | float]
_log = logging.getLogger("ganth")


class Store:
    """A folder of cells, each in a file named by a hash of its function and parameters.

    The file holds the whole key beside the numbers, so that a cell whose code has changed is known as such, and so is
    a file that is damaged or belongs elsewhere.  Any number of processes may read and write the folder at once: a
    file is replaced whole, and both bring the same numbers.
    """

    def __init__(self, folder: str | os.PathLike[str], code: Code) -> None:
        self.folder = pathlib.Path(folder)
        self.code = code

    def path(self, cell: Cell) -> pathlib.Path:
        """Return where a cell is kept."""
        name = hashlib.sha256(_dump(self._place(cell))).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.json"

    def read(self, cell: Cell) -> tuple[Numbers | None, str]:
        """Return the numbers of a cell, or None and why it is to be computed."""
        path = self.path(cell)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None, "new"
        try:
            entry = _load(content)
            numbers = {name: float(x) if x in _NON_FINITE else x for name, x in entry["numbers"].items()}
            if _dump({name: entry[name] for name in ("function", "fixed", "cell")}) != _dump(self._place(cell)):
                raise ValueError("it belongs to another cell")
            changed = differences(entry, self.code)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            aside = path.with_suffix(".damaged")
            _log.warning("%s is set aside as %s: %s", path, aside.name, error)
            with contextlib.suppress(FileNotFoundError):  # another process was first
                os.replace(path, aside)
            return None, "its file is damaged"
        return (None, ", ".join(changed)) if changed else (numbers, "")

    def write(self, cell: Cell, numbers: Numbers) -> None:
        """Keep the numbers of a cell."""
        entry = self._place(cell) | {
            "schema": _SCHEMA,
            "sources": self.code["sources"],
            "versions": self.code["versions"],
            "numbers": {name: x if isinstance(x, int) or math.isfinite(x) else repr(x) for name, x in numbers.items()},
        }
        write_atomically(self.path(cell), _dump(entry | {"checksum": _checksum(entry)}))

    def _place(self, cell: Cell) -> dict[str, Any]:
        return {"function": self.code["function"], "fixed": self.code["fixed"], "cell": dict(sorted(cell.items()))}


def _dump(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode()


def _checksum(entry: dict[str, Any]) -> str:
    return hashlib.sha256(_dump(entry)).hexdigest()


def _load(content: bytes) -> dict[str, Any]:
    """Return the entry that `content` holds, to the byte; ValueError says what is wrong with it."""
    try:
        entry = json.loads(content)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(entry, dict) or entry.get("schema") != _SCHEMA:
        raise ValueError("it is no cell of this version")
    checksum = entry.pop("checksum", None)
    if checksum != _checksum(entry) or content != _dump(entry | {"checksum": checksum}):
        raise ValueError("its checksum does not match")
    return entry
