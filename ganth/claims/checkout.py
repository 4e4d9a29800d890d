"""The validations of a checkout: found by path, described without being run, selected by ID."""

import ast
import difflib
import importlib.util
import pathlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from ..errors import ParameterError
from .index import SOURCES, registry

_CONSTANTS: dict[str, type | tuple[type, ...]] = {
    "TITLE": str,
    "CAPTION": str,
    "CLAIMS": tuple,
    "MINUTES": (int, float),
}
_FUNCTIONS = ("compute", "check", "draw")


@dataclass(frozen=True)
class Validation:
    """One file `validations/<KEY>/<stem>.py`, as its constants describe it.

    Attributes
    ----------
    id : str
        "KD/fig03".
    path : pathlib.Path
    title, caption : str
    claims : tuple of str
        Ids of the claims it decides.
    minutes : float
        Estimate for the quick profile on two cores.
    group : str
        A further ID by which it is selected ("TP-images"), or "".
    """

    id: str
    path: pathlib.Path
    title: str
    caption: str
    claims: tuple[str, ...]
    minutes: float
    group: str = ""

    @property
    def source(self) -> str:
        """The key of the source, "KD"."""
        return self.id.partition("/")[0]

    @classmethod
    def read(cls, path: pathlib.Path) -> "Validation":
        """Return what the file at `path` says of itself; nothing of it is run.

        Raises `ParameterError` naming what is missing, of the wrong type, or not a literal.
        """
        name = f"{path.parent.name}/{path.stem}"
        try:
            body = ast.parse(path.read_text("utf-8")).body
        except SyntaxError as error:
            raise ParameterError(f"{name} does not parse: {error}") from None
        found: dict[str, object] = {"GROUP": ""}
        for node in body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id in (*_CONSTANTS, "GROUP"):
                    try:
                        found[target.id] = ast.literal_eval(node.value)
                    except ValueError:
                        raise ParameterError(f"{name}: {target.id} must be a literal") from None
        for constant, kind in _CONSTANTS.items():
            if not isinstance(found.get(constant), kind):
                raise ParameterError(f"{name}: {constant} must be there as {kind}, got {found.get(constant)!r}")
        functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
        if lost := [function for function in _FUNCTIONS if function not in functions]:
            raise ParameterError(f"{name}: {', '.join(lost)} must be there as functions")
        unknown = sorted(set(found["CLAIMS"]) - {claim.id for claim in registry()})  # type: ignore[call-overload]
        if unknown:
            raise ParameterError(f"{name}: CLAIMS must be registered ids, got {', '.join(unknown)}")
        return cls(name, path, *(found[key] for key in (*_CONSTANTS, "GROUP")))  # type: ignore[arg-type]

    def load(self) -> ModuleType:
        """Import the file by its path, afresh.

        Its name in `sys.modules` is the one that worker processes find from the checkout's root.
        """
        name = f"validations.{self.source}.{self.path.stem}"
        root = str(self.path.parents[2])
        if root not in sys.path:
            sys.path.append(root)
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def find_checkout(start: pathlib.Path | None = None) -> pathlib.Path | None:
    """Return the folder at or above `start` (default: the current one) that holds ganth/ and validations/, or None."""
    here = (start or pathlib.Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "validations").is_dir() and (folder / "ganth" / "claims").is_dir():
            return folder
    return None


def validations(root: pathlib.Path) -> tuple[list[Validation], dict[str, str]]:
    """Return the validations of a checkout in the order of the sources, and what is wrong with the others, by id.

    A claim is decided once: a second file that lists it is among the others.
    """
    found: list[Validation] = []
    broken: dict[str, str] = {}
    owners: dict[str, str] = {}
    for key in SOURCES:
        for path in sorted((root / "validations" / key).glob("[!_]*.py")):
            try:
                one = Validation.read(path)
                if twice := [claim for claim in one.claims if claim in owners]:
                    raise ParameterError(f"{one.id} lists {twice[0]}, which {owners[twice[0]]} decides")
            except ParameterError as error:
                broken[f"{key}/{path.stem}"] = str(error)
            else:
                found.append(one)
                owners |= dict.fromkeys(one.claims, one.id)
    return found, broken


def select(ids: Sequence[str], found: Sequence[Validation]) -> list[Validation]:
    """Return the validations that the IDs name: a source key, a stem, a claim or a group; none names them all.

    Raises `ParameterError` for an unknown ID, with near matches, and for a claim or source without a validation.
    """
    if not ids:
        return list(found)
    chosen: set[str] = set()
    for name in ids:
        hits = {v.id for v in found if name in (v.id, v.source, v.group) or name in v.claims}
        if not hits and name in SOURCES:
            raise ParameterError(f"{name} has no validation yet")
        if not hits and any(name == claim.id for claim in registry()):
            raise ParameterError(f"no validation decides {name} yet")
        if not hits:
            raise unknown_id(name, found)
        chosen |= hits
    return [v for v in found if v.id in chosen]


def unknown_id(name: str, found: Sequence[Validation]) -> ParameterError:
    """Return the error for an ID that names nothing, with the nearest ones."""
    known = [
        *SOURCES,
        *(claim.id for claim in registry()),
        *(v.id for v in found),
        *{v.group for v in found if v.group},
    ]
    folded = {entry.casefold(): entry for entry in known}
    near = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=4, cutoff=0.6)]
    hint = f"; near it: {', '.join(near)}" if near else ""
    return ParameterError(f"unknown ID {name!r}{hint}; `ganth list` shows them all")
