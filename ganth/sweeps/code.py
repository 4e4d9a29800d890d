"""Which code a cell's numbers come from: the sources of its function, those of ganth, and versions of packages."""

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import pathlib
import platform
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import ParameterError
from .grid import Value, plain

_GANTH = pathlib.Path(__file__).resolve().parents[1]
_NO_INPUT = ("claims", "plotting", "sweeps", "cli.py", "cli_train.py", "__main__.py")
_PACKAGES = ("numba", "numpy", "scipy")
_INSTALLED = {"site-packages", "dist-packages"}
Code = dict[str, Any]


def code_of(fn: Callable[..., Any]) -> Code:
    """Return the name of `fn`, what it is bound to, hashes of the sources it stands on, and versions, for JSON.

    The sources are those of its module, of every module that this one imports, directly or not, save the standard
    library and installed packages, and of ganth.  Raises `ParameterError` where they cannot be told: a function that
    its module does not hold under its name (a lambda, a closure), or one that is in no file (a notebook).
    """
    fixed: dict[str, Value] = {}
    if isinstance(fn, functools.partial):
        if fn.args:
            raise ParameterError("fn must be bound by name: a partial with positional arguments has no key")
        fixed = {name: plain(f"fn's {name}", value) for name, value in sorted(fn.keywords.items())}
        fn = fn.func
    module, name = getattr(fn, "__module__", None), getattr(fn, "__qualname__", "")
    body = getattr(inspect.unwrap(fn), "__code__", None)
    path = pathlib.Path(body.co_filename if body else "")
    found = functools.reduce(lambda at, part: getattr(at, part, None), name.split("."), sys.modules.get(str(module)))
    if found is not fn or not path.is_file():
        raise ParameterError(
            f"fn must be a function that its module holds under its name, and the module a file, for cache_dir to tell "
            f"when its code has changed; got {fn!r}: move it into a module, and bind settings with functools.partial"
        )
    sources = dict(sorted(_sources(str(module), path, {})))
    return {
        "function": f"{module}.{name}",
        "fixed": fixed,
        "sources": sources | {"ganth": _hash_of_ganth()},
        "versions": _versions(),
    }


def known_code(fn: Callable[..., Any]) -> Code | None:
    """Return `code_of(fn)`, or None where it cannot be told."""
    with contextlib.suppress(ParameterError):
        return code_of(fn)
    return None


def differences(then: Code, now: Code) -> list[str]:
    """Return what has changed between two codes of one function, in words.

    >>> then = {"sources": {"model": "1"}, "versions": {"numpy": "2.0"}}
    >>> differences(then, {"sources": {"model": "2"}, "versions": {"numpy": "2.1"}})
    ['the code of model has changed', 'another version of numpy (2.1, was 2.0)']
    """
    changed = [name for name in {**then["sources"], **now["sources"]} if _differs("sources", name, then, now)]
    other = [name for name in {**then["versions"], **now["versions"]} if _differs("versions", name, then, now)]
    return [f"the code of {name} has changed" for name in changed] + [
        f"another version of {name} ({now['versions'].get(name)}, was {then['versions'].get(name)})" for name in other
    ]


def _differs(part: str, name: str, then: Code, now: Code) -> bool:
    return bool(then[part].get(name) != now[part].get(name))


def _sources(name: str, path: pathlib.Path, seen: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (name, hash) of a module and of the user's modules that it imports, directly or not."""
    text = path.read_bytes()
    seen[name] = hashlib.sha256(text).hexdigest()
    yield name, seen[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for dotted in _imported(text, package):
        parts = dotted.split(".")
        for count in range(1, len(parts) + 1):
            prefix = ".".join(parts[:count])
            spec = _spec(prefix)
            if spec is None or prefix.partition(".")[0] == _GANTH.name:
                break
            origin = pathlib.Path(spec.origin) if spec.has_location and spec.origin else None
            if origin and (_INSTALLED & set(origin.parts) or origin.suffix != ".py"):
                break
            if origin and prefix not in seen:
                yield from _sources(prefix, origin, seen)


def _imported(text: bytes, package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _spec(name: str) -> Any:
    """Return the spec of a module, or None for what is no module, not there, or in the standard library."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return None
    with contextlib.suppress(ImportError, AttributeError, ValueError):
        return importlib.util.find_spec(name)
    return None


def _hash_of_ganth() -> str:
    digest = hashlib.sha256()
    for path in sorted(_GANTH.rglob("*.py")):
        relative = path.relative_to(_GANTH)
        if relative.parts[0] not in _NO_INPUT:
            digest.update(relative.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
