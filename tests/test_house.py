"""The rules of the house: who imports whom, what is documented, what is light, and what the evidence must name."""

import ast
import inspect
import json
import pathlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import ganth
from ganth.claims import Evidence, registry
from ganth.claims.checkout import validations

ROOT = pathlib.Path(__file__).parents[1]
HOUSE = ROOT / "ganth"
FIGURES = ROOT / "figures"
STDLIB = sys.stdlib_module_names
LONGEST_FILE = 400

# Room -> what it may import besides the standard library, numpy, errors and itself.
BASE = {"checks", "backend", "formulas", "streams"}
LEARNED = BASE | {"targets", "kernels"}
PLAYERS = LEARNED | {"discriminators", "generators", "nn"}
MAY_IMPORT = {
    "__init__": {
        "errors",
        "discriminators",
        "games",
        "kernels",
        "sweeps",
    },  # for type checkers; test_import_is_light holds the rest
    "__main__": {"cli"},
    "errors": set(),
    "checks": {"device"},
    "files": set(),
    "blas": set(),
    "backend": {"checks", "numba", "llvmlite"},
    "device": {"numba", "backend"},
    "gate": {"device", "backend", "files", "numba", "numba_cuda"},
    "roofline": {"device", "gate"},
    "formulas": {"math", "numba"},
    "lanes": {"numba", "llvmlite", "formulas"},
    "streams": {"checks", "formulas", "backend"},
    "targets": BASE | {"files", "scipy", "pooch"},
    "kernels": BASE | {"targets", "scipy"},
    "nn": BASE | {"blas", "device", "scipy", "files"},
    "discriminators": (PLAYERS - {"discriminators", "generators"}) | {"scipy"},
    "generators": (PLAYERS - {"discriminators", "generators"}) | {"scipy"},
    "fields": LEARNED | {"scipy"},
    "maps": LEARNED | {"scipy"},
    "steepness": LEARNED | {"maps", "scipy"},
    "divergences": LEARNED | {"maps", "scipy"},
    "metrics": LEARNED | {"scipy", "ot"},
    "games": PLAYERS | {"blas", "device", "files", "stopping", "scipy", "tqdm"},
    "stability": {"kernels", "checks", "formulas", "streams", "scipy"},
    "theory": {"sympy", "mpmath"},
    "plotting": {"matplotlib", "cycler", "PIL"},
    "ntk": LEARNED | {"generators", "scipy"},
    "sweeps": {"checks", "files", "joblib", "tqdm"},
    "classifiers": BASE | {"blas", "nn", "files", "scipy"},
    "observers": {"checks", "metrics"},
    "studies": BASE | {"classifiers", "games", "metrics", "nn", "observers", "stopping", "sweeps", "targets"},
    "transitions": {"checks", "scipy"},
    "stopping": set(),
    "claims": {"plotting", "files", "sweeps", "blas", "device"},
    "cli": {"cli_train", "claims", "checks", "backend", "gate", "roofline"},
    "cli_train": {"backend", "checks", "files", "games", "nn", "metrics", "targets", "stopping", "plotting"},
}
LOOPS = {"numba", "llvmlite", "formulas", "backend", "device", "lanes", "math", "numpy"}
NUMBA_TYPES = {"boolean", "float32", "float64", "int32", "int64", "uint8", "uint32", "uint64"}


def sources() -> list[pathlib.Path]:
    return sorted(HOUSE.rglob("*.py"))


def is_loops(path: pathlib.Path) -> bool:
    return path.stem.endswith(("_cpu", "_cuda"))


def room_of(path: pathlib.Path) -> str:
    """Return the room of a file or folder of ganth: its first name below ganth/; ganth/x_cpu.py belongs to x."""
    first = path.relative_to(HOUSE).parts[0].removesuffix(".py")
    return re.sub(r"_(cpu|cuda)$", "", first)


def imports(path: pathlib.Path) -> Iterator[tuple[pathlib.Path | str, set[str], bool]]:
    """Yield what a file imports (a path within ganth or a package's name), which names, and whether in a function."""
    tree = ast.parse(path.read_text("utf-8"))
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], set(), id(node) in inner
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            yield node.module.partition(".")[0], {alias.name for alias in node.names}, id(node) in inner
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1]
            base = folder.joinpath(*(node.module or "").split(".")) if node.module else folder
            for alias in node.names:
                module = base / alias.name
                found = module if module.with_suffix(".py").is_file() or module.is_dir() else base
                yield found, {alias.name}, id(node) in inner


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in sources()} <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_room_imports_what_its_row_allows(path):
    room = room_of(path)
    allowed = LOOPS if is_loops(path) else MAY_IMPORT[room] | {"errors"}
    for target, names, _ in imports(path):
        if isinstance(target, str):
            assert target != "ganth", f"{path.name} must import its siblings relatively"
            free = target in STDLIB and room != "formulas"
            free |= target == "numpy" and room not in ("formulas", "theory")
            assert free or target in allowed, f"{room} must not import {target}"
            if room == "formulas" and target == "numba":
                assert names <= {"njit"} | NUMBA_TYPES, f"formulas must not take {names} from numba"
        elif target == HOUSE:
            assert (room, names) == ("claims", {"__version__"}), f"{room} must not import ganth itself"
        elif not (target.parent == path.parent and is_loops(target)):  # loops have a test of their own
            other = room_of(target)
            assert other in allowed or (other == room and not is_loops(path)), f"{room} must not import {other}"


@pytest.mark.parametrize("path", [p for p in sources() if is_loops(p)], ids=lambda path: str(path.relative_to(HOUSE)))
def test_loops_are_imported_by_their_door_alone_and_inside_functions(path):
    door = re.sub(r"_(cpu|cuda)$", "", path.stem)
    for other in sources():
        for target, _, inside in imports(other):
            if target == path.with_suffix(""):
                assert other == path.with_name(f"{door}.py"), f"{other.name} must not import {path.name}"
                assert inside, f"{other.name} must import {path.name} inside a function"


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("validations/*/*.py")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_validations_do_not_import_each_other(path):
    stems = {other.stem for other in ROOT.glob("validations/*/*.py")}
    for target, _, _ in imports(path):
        assert isinstance(target, str), "a validation is loaded by its path: import ganth absolutely"
        assert target not in stems | {"validations", "tests"}


def public_objects() -> dict[str, object]:
    """Return the functions and classes that a user reaches from ganth and its rooms, by name."""
    rooms = [
        getattr(ganth, name) for name in ganth._ROOMS if (HOUSE / name).exists() or (HOUSE / f"{name}.py").exists()
    ]
    topics = pkgutil.iter_modules([str(HOUSE / "theory")])
    rooms += [getattr(ganth.theory, topic.name) for topic in topics] + [ganth.targets.images]
    found: dict[str, object] = {f"ganth.{name}": getattr(ganth, name) for name in ganth._NAMES}
    found["ganth.citation"] = ganth.citation
    for room in rooms:
        for name in getattr(room, "__all__", None) or dir(room):
            thing = getattr(room, name)
            ours = str(getattr(thing, "__module__", "")).startswith("ganth.")
            if not name.startswith("_") and ours and (inspect.isfunction(thing) or inspect.isclass(thing)):
                found[f"{thing.__module__}.{name}"] = thing
    return found


def documented_parameters(text: str) -> list[str] | None:
    """Return the names that the section Parameters documents, or None where there is no such section."""
    lines = text.splitlines()
    heads = [i for i in range(len(lines) - 1) if lines[i] and re.fullmatch(r"-+", lines[i + 1])]
    start = next((i for i in heads if lines[i] == "Parameters"), None)
    if start is None:
        return None
    end = next((i for i in heads if i > start), len(lines))
    entries = [line.partition(" : ")[0] for line in lines[start + 2 : end] if line and not line[0].isspace()]
    return [name.strip().lstrip("*").rstrip(":") for entry in entries for name in entry.split(",")]


@pytest.mark.parametrize(
    ("name", "thing"), public_objects().items(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_public_docstrings_are_complete(name, thing):
    text = thing.__doc__  # not inherited: each thing says what it is
    assert text, f"{name} needs a docstring"
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return
    members = [(name, thing)]
    if inspect.isclass(thing):
        methods = inspect.getmembers(thing, lambda member: inspect.isfunction(member) or inspect.ismethod(member))
        members += [(f"{name}.{key}", method) for key, method in methods if not key.startswith("_")]
    for full_name, member in members:
        text = inspect.getdoc(member)
        assert text, f"{full_name} needs a docstring"
        documented = documented_parameters(text)
        if documented is not None:
            real = [parameter for parameter in inspect.signature(member).parameters if parameter != "self"]
            assert sorted(documented) == sorted(real), f"{full_name} documents {documented}, takes {real}"


@pytest.mark.parametrize("statement", ["import ganth", "import ganth; ganth.claims.registry(); ganth.cli"])
def test_import_is_light(statement):
    heavy = ("numba", "scipy", "matplotlib", "sympy", "ot", "joblib", "tqdm")
    code = f"import sys; {statement}; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def texts() -> list[pathlib.Path]:
    """Return the text files that are committed, or meant to be."""
    folders = ("ganth", "tests", "validations", "benchmarks", "figures", ".ci")
    kinds = {".py", ".md", ".toml", ".cfg", ".json", ".html", ".css", ".tsv", ".ipynb", ".cff", ".yml", ""}
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]  # a worktree's points outside
    found += [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    hidden = {".partial", "__pycache__", ".ipynb_checkpoints"}
    return [path for path in found if path.suffix in kinds and not hidden & set(path.relative_to(ROOT).parts)]


def test_no_file_is_long():
    long = {
        str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in texts() if path.suffix == ".py"
    }
    assert {name: count for name, count in long.items() if count > LONGEST_FILE} == {}


def test_no_text_names_a_path_of_one_machine():
    pattern = re.compile(r"(?<![\w.:/-])/(?:work|tmp|home|root|Users|mnt)/\w[^\s\"']*")
    found = {str(path.relative_to(ROOT)): pattern.findall(path.read_text("utf-8", "replace")) for path in texts()}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_committed_register_names_every_claim():
    path = FIGURES / "claims.json"
    if not path.is_file():
        pytest.skip("no figures have been made in this checkout yet: `make figures`")
    entries = {entry["id"]: entry for entry in json.loads(path.read_text("utf-8"))["claims"]}
    assert set(entries) == {claim.id for claim in registry()}
    for name, entry in entries.items():
        assert entry["verdict"] != "open" or entry["reason"], f"{name} is open without a reason"
        assert entry["evidence"], f"no evidence decides {name}"
        wrong = entry["verdict"] in ("corrected", "false")
        assert bool(entry["corrected_statement"]) == wrong, f"{name} needs an entry in errata/{entry['source']}.toml"


def test_committed_evidence_is_whole_and_small():
    found, _ = validations(ROOT)
    stems = {one.id for one in found}
    for path in FIGURES.glob("*/*.json"):
        evidence = Evidence.load(path)
        assert evidence.id == f"{path.parent.name}/{path.stem}"
        assert evidence.id in stems, f"{evidence.id} has no validation"
        assert path.with_suffix(".png").is_file(), f"{evidence.id} has no picture"
    kept = [path for path in FIGURES.rglob("*") if path.suffix in (".png", ".gif", ".json", ".html")]
    assert all(path.stat().st_size <= 4e5 for path in kept if path.suffix == ".gif")
    assert sum(path.stat().st_size for path in kept) <= 20e6


def test_each_claim_is_decided_by_one_validation():
    found, broken = validations(ROOT)
    assert broken == {}
    owners = [claim for one in found for claim in one.claims]
    assert len(set(owners)) == len(owners)


def test_each_claim_has_a_test_named_after_it():
    tests = ROOT / "tests" / "theorems"
    names = set(
        re.findall(r"^def (test_\w+)", "\n".join(p.read_text("utf-8") for p in tests.glob("*.py")), re.MULTILINE)
    )
    wanted = {f"test_{re.sub(r'[-.]', '_', claim.id)}" for claim in registry()}
    assert sorted(wanted - names) == []
