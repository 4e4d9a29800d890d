"""Evidence on disk: strict JSON, large arrays beside it, written atomically and read back with checks."""

import hashlib
import io
import json
import math
import os
import pathlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from ..files import write_atomically
from .verdicts import Verdict

SCHEMA = 1
_LARGEST_LIST = 10_000
_WORDS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
Result = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What one validation measured and decided; its fields are the keys of the JSON file.

    Attributes
    ----------
    id, source : str
        "KD/fig03" and "KD".
    profile, seed, backend, dtype : what it was computed with.
    settings : dict
        What the validation says of its own settings.
    measured : dict
        Numbers and lists of numbers by name; long lists to seven digits where no verdict needs more.
    arrays : dict
        Arrays of more than 10,000 numbers by name: [file beside the JSON file, its sha256, shape].
    verdicts : tuple of Verdict
    seconds : float
        Wall time of the computation.
    versions : dict
        Versions of Python and the packages.
    inputs_hash : str
        Hash of all the result depends on.
    gpu : dict, optional
        With ``backend="cuda"`` alone: "device", "launches" and, where there were some, "agreement" with the CPU.
    """

    id: str
    source: str
    profile: str
    seed: int
    backend: str
    dtype: str
    settings: dict[str, Any]
    measured: dict[str, Any]
    arrays: dict[str, tuple[str, str, tuple[int, ...]]]
    verdicts: tuple[Verdict, ...]
    seconds: float
    versions: dict[str, str]
    inputs_hash: str
    gpu: dict[str, Any] | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON file, atomically."""
        record = asdict(self)
        if self.gpu is None:
            del record["gpu"]
        write_atomically(path, to_json({"schema": SCHEMA, **record}).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Evidence":
        """Read a JSON file that `save` wrote.

        Raises `ParameterError` naming the file if it is damaged, of another schema, or not evidence at all.
        """
        try:
            record = json.loads(pathlib.Path(path).read_text("utf-8"), parse_constant=_no_constant)
            if record.pop("schema") != SCHEMA:
                raise ValueError(f"its schema is not {SCHEMA}")
            record.setdefault("gpu", None)
            if set(record) != (names := {field.name for field in fields(cls)}):
                raise ValueError(f"its keys differ from ours in {', '.join(sorted(set(record) ^ names))}")
            record["verdicts"] = tuple(Verdict(**verdict) for verdict in record["verdicts"])
            record["arrays"] = {k: (file, sha, tuple(shape)) for k, (file, sha, shape) in record["arrays"].items()}
            return cls(**record)
        except FileNotFoundError:
            raise
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ParameterError(f"{os.fspath(path)} is not evidence that ganth wrote: {error}") from None

    def result(self, folder: str | os.PathLike[str]) -> Result:
        """Return the result as `check` and `draw` see it: numbers, arrays, and "settings".

        Lists come back as arrays; large arrays are read from the files in `folder`.  Raises `ParameterError` if one of
        these is missing or is not the one that was written.
        """
        result: Result = {name: _restored(value) for name, value in self.measured.items()}
        if lost := self.missing(folder):
            raise ParameterError(f"{self.id} needs {lost}, which is missing or was changed; run it again")
        for file in {file for file, _, _ in self.arrays.values()}:
            with np.load(pathlib.Path(folder) / file, allow_pickle=False) as stored:
                result |= {name: stored[name] for name in stored.files if name in self.arrays}
        return result | {"settings": self.settings}

    def missing(self, folder: str | os.PathLike[str]) -> str | None:
        """Return the first file of arrays that is not in `folder` as it was written, or None."""
        for file, sha, _ in self.arrays.values():
            path = pathlib.Path(folder) / file
            if not path.is_file() or sha256(path) != sha:
                return file
        return None


def store(result: Mapping[str, Any], folder: pathlib.Path, stem: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return `measured` and `arrays` of a result; write its arrays of more than 10,000 numbers to `<stem>.npz`.

    Raises `ParameterError` naming the entry that is neither a number nor a rectangular list or array of them.
    """
    measured: dict[str, Any] = {}
    large: dict[str, NDArray[Any]] = {}
    for name, value in result.items():
        array = _as_array(name, value)
        if array.size > _LARGEST_LIST:
            large[name] = array
        else:
            measured[name] = plain(array)
    if not large:
        return measured, {}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **large)  # type: ignore[arg-type]
    path = folder / f"{stem}.npz"
    write_atomically(path, buffer.getvalue())
    sha = sha256(path)
    return measured, {name: (path.name, sha, array.shape) for name, array in large.items()}


def _as_array(name: str, value: Any) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ParameterError(f"result[{name!r}] must be rectangular, got a ragged list") from None
    if array.dtype.kind == "c":
        raise ParameterError(f"result[{name!r}] must be real: store its .real and .imag under two names")
    if array.dtype.kind not in "biufU":
        raise ParameterError(f"result[{name!r}] must be a number, or a list or array of numbers, got {value!r:.60}")
    return array


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: lists for arrays, "inf", "-inf" and "nan" for what is not finite."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def _restored(value: Any) -> Any:
    def numbers(entry: Any) -> Any:
        if isinstance(entry, list):
            return [numbers(part) for part in entry]
        return _WORDS.get(entry, entry) if isinstance(entry, str) else entry

    return np.asarray(numbers(value)) if isinstance(value, list) else numbers(value)


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not strict JSON")


def to_json(record: Mapping[str, Any]) -> str:
    """Return strict JSON with one line for each entry of a top-level list or dict, so that changes read well."""

    def compact(value: Any) -> str:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)

    lines = []
    for name, value in plain(record).items():
        if value and isinstance(value, dict):
            value = "{\n" + ",\n".join(f"    {compact(k)}: {compact(v)}" for k, v in value.items()) + "\n  }"
        elif value and isinstance(value, list) and isinstance(value[0], dict):
            value = "[\n" + ",\n".join(f"    {compact(entry)}" for entry in value) + "\n  ]"
        else:
            value = compact(value)
        lines.append(f"  {compact(name)}: {value}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
