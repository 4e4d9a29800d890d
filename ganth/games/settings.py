"""Settings of a game as plain values and arrays, and back: what a saved run carries."""

import dataclasses
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

_HOMES = ("games", "kernels", "discriminators", "generators", "targets", "nn")
Arrays = dict[str, NDArray[Any]]


def describe(settings: Any, prefix: str = "") -> tuple[dict[str, Any], Arrays]:
    """Return (JSON values, arrays) of a settings dataclass; an array is named in the first, kept in the second.

    An array of a dataclass inside it is named "outer.inner"; `prefix` is what its names begin with.
    """
    values: dict[str, Any] = {"type": type(settings).__name__}
    arrays: Arrays = {}
    for entry in dataclasses.fields(settings):
        value, name = getattr(settings, entry.name), f"{prefix}{entry.name}"
        if dataclasses.is_dataclass(value):
            values[entry.name], inner = describe(value, f"{name}.")
            arrays |= inner
        elif isinstance(value, np.ndarray):
            values[entry.name] = {"array": name}
            arrays[name] = value
        else:
            values[entry.name] = list(value) if isinstance(value, tuple) else value
    return values, arrays


def restore(values: dict[str, Any], arrays: Arrays) -> Any:
    """Return the settings that `describe` took apart; unknown types raise `ParameterError`."""
    kind = _find(values["type"])
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name == "type":
            continue
        if isinstance(value, dict):
            fields[name] = arrays[value["array"]] if "array" in value else restore(value, arrays)
        else:
            fields[name] = value
    return kind(**fields)


def plain(settings: Any) -> dict[str, Any]:
    """Return the settings as JSON values, arrays as nested lists."""
    values, arrays = describe(settings)

    def listed(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "array" in value:
            return arrays[value["array"]].tolist()
        return {name: listed(inner) for name, inner in value.items()}

    return {name: listed(value) for name, value in values.items()}


def _find(name: str) -> Any:
    for home in _HOMES:
        found = getattr(importlib.import_module(f"...{home}", __name__), name, None)
        if dataclasses.is_dataclass(found) and isinstance(found, type):
            return found
    raise ParameterError(f"settings must name a game, a kernel, a target or a discriminator of ganth, got {name!r}")
