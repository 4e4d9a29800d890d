"""The command `ganth`: list, run, report, train, info, bench."""

import argparse
import ast
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence

from . import cli_train
from .checks import integer, seed_key
from .errors import BackendUnavailableError, ParameterError

_USAGE_ERROR = 2
_INTERRUPTED = 130
_NO_CHECKOUT = (
    "this folder is in no checkout of ganth: {what} live in the repository, not in the installed package; "
    "clone the repository with git and run `ganth {command}` inside it"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's) and return its exit status.

    0: all went well; 1: a validation or benchmark failed; 2: the command line asks for what is not there;
    130: interrupted, with what was finished kept.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except (ParameterError, BackendUnavailableError) as error:
        print(f"ganth: {error}", file=sys.stderr)
        return _USAGE_ERROR
    except KeyboardInterrupt:
        print("\ninterrupted: what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # `ganth list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    from .claims.runner import PROFILES

    parser = argparse.ArgumentParser(prog="ganth", description="GAN training theory that runs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    ids = {"nargs": "*", "metavar": "ID", "help": "a source (KD), a validation (KD/fig03), a claim or a group"}

    listing = commands.add_parser("list", help="list sources and validations, or claims with their verdicts")
    listing.add_argument("ids", **ids)  # type: ignore[arg-type]
    listing.set_defaults(command=_list)

    run = commands.add_parser("run", help="run validations; write figures, evidence and the report")
    run.add_argument("ids", **ids)  # type: ignore[arg-type]
    run.add_argument("--profile", choices=PROFILES, default="quick", help="size of the runs (default: quick)")
    run.add_argument("--backend", choices=("cpu", "cuda", "auto"), default="cpu")
    run.add_argument("--jobs", type=int, default=_cores(), help="processes or threads (default: one for each core)")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--out", type=pathlib.Path, help="default: figures/ of the checkout; smoke: a temporary folder")
    run.add_argument("--force", action="store_true", help="compute again what is up to date")
    run.set_defaults(command=_run)

    report = commands.add_parser("report", help="write claims.json and index.html from the evidence there is")
    report.add_argument("--out", type=pathlib.Path, help="folder of the evidence (default: figures/ of the checkout)")
    report.set_defaults(command=_report)

    train = commands.add_parser("train", help="train a GAN on images; the same command goes on where it stopped")
    cli_train.add_arguments(train)
    train.set_defaults(command=cli_train.train)

    info = commands.add_parser("info", help="versions, processor, threads, cache folder")
    info.add_argument("--kernels", action="store_true", help="what each CUDA kernel takes (needs no GPU)")
    info.add_argument(
        "--gpu", choices=("T4", "A100", "H100", "B200"), default="H100", help="whose times --kernels estimates"
    )
    info.set_defaults(command=_info)

    bench = commands.add_parser("bench", help="list the benchmarks of the checkout, or run some")
    bench.add_argument("names", nargs="*", metavar="NAME")
    bench.set_defaults(command=_bench)
    return parser


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _checkout(command: str, what: str) -> pathlib.Path:
    from .claims.checkout import find_checkout

    root = find_checkout()
    if root is None:
        raise ParameterError(_NO_CHECKOUT.format(what=what, command=command))
    return root


def _list(arguments: argparse.Namespace) -> int:
    from .claims import SOURCES, ledger, registry
    from .claims.checkout import find_checkout, unknown_id, validations

    root = find_checkout()
    found, broken = validations(root) if root else ([], {})
    known = {entry["id"]: entry for entry in ledger.load(root / "figures" / "claims.json")} if root else {}
    if not arguments.ids:
        for key, title in SOURCES.items():
            ids = [claim.id for claim in registry() if claim.source == key]
            settled = sum(known.get(name, {}).get("verdict", "open") != "open" for name in ids)
            print(f"{key}  {title}: {len(ids)} claims, {settled} decided")
        for one in found:
            print(f"{one.id:22} {one.minutes:4.1f} min  {one.title}  [{', '.join(one.claims)}]")
        for problem in broken.values():
            print(f"broken: {problem}")
        return 0
    wanted: set[str] = set()
    for name in arguments.ids:
        hits = {claim.id for claim in registry() if name in (claim.id, claim.source)}
        hits |= {claim for one in found if name in (one.id, one.group) for claim in one.claims}
        if not hits and not any(name == one.id for one in found):
            raise unknown_id(name, found)
        wanted |= hits
    for claim in registry():
        if claim.id in wanted:
            entry = known.get(claim.id, {})
            by = " ".join(entry.get("evidence", ()))
            print(f"{claim.id:22} {entry.get('verdict', 'open'):14} {claim.kind:10} {claim.where}  {by}".rstrip())
            print(textwrap.indent(textwrap.fill(claim.statement, 100), "    "))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from .backend import resolve
    from .claims import runner
    from .claims.checkout import select, validations

    root = _checkout("run", "validations")
    every, broken = validations(root)
    chosen = select(arguments.ids, every)
    out = arguments.out or (
        pathlib.Path(tempfile.mkdtemp(prefix="ganth-smoke-")) if arguments.profile == "smoke" else root / "figures"
    )
    job = runner.Job(
        out=out.resolve(),
        profile=arguments.profile,
        seed=seed_key(arguments.seed),
        backend=resolve(arguments.backend),
        jobs=integer("jobs", arguments.jobs, at_least=1),
    )
    problems = runner.run(chosen, every, job, force=arguments.force, say=lambda line: print(line, flush=True))
    problems += broken.values()
    for problem in problems:
        print(f"failed: {problem}", file=sys.stderr)
    print(f"report: {job.out / 'index.html'}")
    return 1 if problems else 0


def _report(arguments: argparse.Namespace) -> int:
    from .claims import runner
    from .claims.checkout import validations

    root = _checkout("report", "validations")
    every, broken = validations(root)
    out = (arguments.out or root / "figures").resolve()
    problems = [*runner.finish(every, out), *broken.values()]
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    print(f"report: {out / 'index.html'}")
    return 1 if problems else 0


def _info(arguments: argparse.Namespace) -> int:
    from .backend import cache_folder, resolve
    from .claims.making import versions

    if arguments.kernels:
        from . import gate, roofline

        gpu = roofline.GPUS[arguments.gpu]
        print("compiling all kernels: a minute or two, once", file=sys.stderr)
        rows = gate.table()
        print(gate.as_text(rows), roofline.as_text(roofline.estimates(rows, gpu), gpu), sep="\n\n")
        return 0
    for name, version in versions().items():
        print(f"{name:12} {version}")
    print(f"{'platform':12} {platform.platform()}")
    print(f"{'processor':12} {_processor()}")
    print(f"{'cores':12} {_cores()} (NUMBA_NUM_THREADS {os.environ.get('NUMBA_NUM_THREADS', 'not set')})")
    print(f"{'backends':12} cpu{', cuda' if resolve('auto') == 'cuda' else ''}")
    print(f"{'cache':12} {cache_folder() or 'none: no folder can be written'}")
    return 0


def _processor() -> str:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _bench(arguments: argparse.Namespace) -> int:
    root = _checkout("bench", "benchmarks")
    scripts = sorted((root / "benchmarks").glob("[!_]*.py"))
    # What benchmarks share cannot be run.
    files = {path.stem: path for path in scripts if '__name__ == "__main__"' in path.read_text("utf-8")}
    for name in arguments.names:
        if name not in files:
            raise ParameterError(f"unknown benchmark {name!r}; there are: {', '.join(files) or 'none'}")
    if not arguments.names:
        for name, path in files.items():
            about = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            print(f"{name:22} {about.partition(chr(10))[0]}")
        return 0
    results = [subprocess.run([sys.executable, str(files[name])], cwd=root, check=False) for name in arguments.names]
    return 1 if any(result.returncode for result in results) else 0
