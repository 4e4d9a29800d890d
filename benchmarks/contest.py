"""What the benchmarks share: ganth and others at the same work, on the same cores, in the same run.

Each case runs in a process of its own that is confined to its cores.  Every contender plays a short game first, and
must land where ganth does.  Then rounds A B C A B C ...; a number is the median of the rounds: CPU time on one core,
wall time on two.  A contender that is not installed is named and left out.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
THREADS = (*LIBRARIES, "NUMBA_NUM_THREADS")
# Settings of the environment that would favour one, and the allocator that PyTorch's temporaries want, for all.
CLEARED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "XLA_FLAGS", *THREADS)
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}
OWN = "ganth"
CLEAR = 10  # times what rounding may do: another game is at least so far off

Play = Callable[[int], Any]  # steps -> particles (..., n, d)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """What is played, on how many cores, and how many times faster than the best other ganth is to be, if said."""

    cores: int
    target: float | None = None
    dtypes: tuple[str, ...] = ("float32", "float64")

    def about(self) -> str:
        """Return what is played, in words."""
        return ""


class Problem(Protocol):
    """What all contenders of a case share."""

    case: Any
    dtype: str
    start: Any  # particles
    parts: int  # a step counts as so many: trials, or steps of the discriminator

    def off(self, found: Any, wanted: Any) -> float:
        """Return how far particles are from ganth's, over what rounding may do."""

    def near_misses(self) -> dict[str, Play]:
        """Return other games that the check must tell from this one."""


# The best of all peers, and of each library: the usual `rivals` of a contest.
BY_LIBRARY: dict[str, Callable[[str], bool]] = {
    "of all": lambda peer: True,
    "PyTorch eager": lambda peer: peer.startswith("PyTorch"),
    "torch.compile": lambda peer: peer.startswith("torch.compile"),
    "JAX": lambda peer: peer.startswith("JAX"),
}


@dataclasses.dataclass(frozen=True)
class Contest:
    """Cases, contenders and how they are told about.

    `peers` go from a package to what yields its contenders, ganth first.  `rivals` are groups of contenders, each with
    the names' test: ganth is compared with the best of each group, and the target is for the first.  Contenders are
    called for multiples of `multiple` steps, and for `check_steps` when they are compared.
    """

    script: str
    title: str
    unit: str
    cases: Mapping[str, Case]
    problem: Callable[[Any, str], Problem]
    peers: Mapping[str, Callable[[Any], Iterator[tuple[str, Play]]]]
    check_steps: int
    rivals: Mapping[str, Callable[[str], bool]]
    multiple: int = 1

    def contenders(self, problem: Problem) -> tuple[dict[str, Play], dict[str, str]]:
        """Return those that run here and land where ganth does, and why the others do not."""
        plays: dict[str, Play] = {}
        left_out: dict[str, str] = {}
        wanted = None
        for package, make in self.peers.items():
            try:
                importlib.metadata.version(package) if package != OWN else None
            except importlib.metadata.PackageNotFoundError:
                left_out[package] = "not installed"
                continue
            for name, play in make(problem):
                print(f"  {problem.dtype}: {name} ...", file=sys.stderr, flush=True)
                found = play(self.check_steps)
                if wanted is None:
                    wanted = found
                    for other, miss in problem.near_misses().items():
                        if not (off := problem.off(miss(self.check_steps), wanted)) > CLEAR:
                            raise SystemExit(f"the check would not notice {other}: off by {off:.2g} times the allowed")
                if not (off := problem.off(found, wanted)) <= 1:
                    raise SystemExit(f"{name} plays another game: off by {off:.2g} times the allowed")
                plays[name] = play
        return plays, left_out

    def measure(self, case: Case, dtype: str, rounds: int, seconds: float) -> dict[str, Any]:
        """Return the microseconds of every contender, round by round."""
        problem = self.problem(case, dtype)
        plays, left_out = self.contenders(problem)
        clock = time.process_time if case.cores == 1 else time.perf_counter

        def timed(name: str, steps: int) -> float:
            began = clock()
            found = plays[name](steps)
            spent = clock() - began
            if not float(abs(found).max()) < float("inf"):
                raise SystemExit(f"{name} diverges within {steps} steps")
            return spent

        lengths = {}
        for name in plays:
            steps, spent = self.multiple, 0.0
            while spent < seconds / 4:
                steps *= 2
                spent = timed(name, steps)
            lengths[name] = max(1, round(steps * seconds / spent / self.multiple)) * self.multiple
        times: dict[str, list[float]] = {name: [] for name in plays}
        for _ in range(rounds):
            for name, steps in lengths.items():
                times[name].append(1e6 * timed(name, steps) / steps / problem.parts)
        return {"microseconds": times, "steps": lengths, "left_out": left_out}

    def work(self, name: str, rounds: int, seconds: float) -> None:
        """Measure one case in this process and print it as JSON."""
        case = self.cases[name]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: case.cores]))
        results = {dtype: self.measure(case, dtype, rounds, seconds) for dtype in case.dtypes}
        from ganth.lanes.wide import BYTES

        print(json.dumps({"results": results, "about": {"blas": blas_kernel(), "vector_bytes": BYTES}}))

    def run_case(self, name: str, rounds: int, seconds: float) -> dict[str, Any]:
        """Return what a process of its own measured."""
        environment = {key: value for key, value in os.environ.items() if key not in CLEARED}
        environment |= dict.fromkeys(THREADS, str(self.cases[name].cores)) | MALLOC
        environment |= {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "3000"}
        command = [sys.executable, self.script, "--work", name, "--rounds", str(rounds), "--seconds", str(seconds)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def rows(self, name: str, measured: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a row of the table for each precision."""
        settings = dataclasses.asdict(self.cases[name])
        del settings["dtypes"]
        for dtype, result in measured["results"].items():
            medians = {peer: statistics.median(times) for peer, times in result["microseconds"].items()}
            best = {}
            for group, belongs in self.rivals.items():
                rivals = {peer: value for peer, value in medians.items() if peer != OWN and belongs(peer)}
                if rivals:
                    peer = min(rivals, key=rivals.__getitem__)
                    best[group] = {"peer": peer, "ratio": round(rivals[peer] / medians[OWN], 2)}
            yield {
                "case": name,
                "dtype": dtype,
                **settings,
                "median_microseconds": {peer: round(value, 3) for peer, value in medians.items()},
                "range_microseconds": {
                    peer: [round(min(times), 3), round(max(times), 3)] for peer, times in result["microseconds"].items()
                },
                "steps": result["steps"],
                "left_out": result["left_out"],
                "best": best,
            }

    def table(self, found: list[dict[str, Any]], about: dict[str, Any]) -> str:
        """Return the text of a result."""
        lines = [
            self.title,
            "; ".join(f"{key}: {value}" for key, value in about.items()),
            f"{self.unit}, median [lowest, highest]; ratio: against ganth",
        ]
        for row in found:
            clock = "CPU time" if row["cores"] == 1 else "wall time"
            about_case = self.cases[row["case"]].about()
            lines.append(f"\n{row['case']}: {about_case}, {row['cores']} core(s), {clock}, {row['dtype']}")
            own = row["median_microseconds"][OWN]
            for peer, value in sorted(row["median_microseconds"].items(), key=lambda pair: pair[1]):
                low, high = row["range_microseconds"][peer]
                lines.append(f"  {peer:36s} {value:9.3f}  [{low:.3f}, {high:.3f}]  {value / own:6.1f}x")
            for peer, reason in row["left_out"].items():
                lines.append(f"  {peer:36s} left out: {reason}")
            target = "no target" if row["target"] is None else f"target {row['target']:g}x"
            for group, best in row["best"].items():
                asked = f" ({target})" if group == next(iter(self.rivals)) else ""
                lines.append(f"  best {group}: {best['peer']}, {best['ratio']:.1f}x{asked}")
        return "\n".join(lines) + "\n"

    def main(self, about: str) -> None:
        """Read the command line, measure, print, and write JSON and text."""
        script = pathlib.Path(self.script)
        parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--cases", nargs="+", choices=self.cases, default=list(self.cases))
        parser.add_argument("--rounds", type=int, default=7)
        parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement (default 0.3)")
        parser.add_argument("--out", type=pathlib.Path, default=RESULTS / f"{script.stem}.json")
        parser.add_argument("--work", help=argparse.SUPPRESS)
        options = parser.parse_args()
        if options.work:
            self.work(options.work, options.rounds, options.seconds)
            return
        found: list[dict[str, Any]] = []
        told = machine()
        if hasattr(os, "getloadavg"):
            told["load before"] = round(os.getloadavg()[0], 1)
        for name in options.cases:
            print(f"{name} ...", file=sys.stderr, flush=True)
            measured = self.run_case(name, options.rounds, options.seconds)
            told |= measured["about"]
            found += self.rows(name, measured)
        told["cleared"] = [key for key in CLEARED if key in os.environ]
        text = self.table(found, told)
        print(text)
        write(options.out, {"schema": 2, "machine": told, "rows": found})
        options.out.with_suffix(".txt").write_text(text, "utf-8")


def write(path: pathlib.Path, result: dict[str, Any]) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def alone() -> None:
    """Give the libraries of this process one thread, before NumPy is loaded, and no setting that slows one down."""
    for name in CLEARED:
        os.environ.pop(name, None)
    os.environ.update(dict.fromkeys(LIBRARIES, "1"))


def machine() -> dict[str, Any]:
    """Return the kind of CPU and the versions."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = {"python": platform.python_version()}
    for package in ("numpy", "numba", "llvmlite", "torch", "jax"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "none"
    return {"cpu": models[0] if models else platform.processor(), "cores": os.cpu_count(), **versions}


def blas_kernel() -> str:
    """Return the kernel that NumPy's OpenBLAS chose, where it can be asked."""
    import ctypes

    maps = pathlib.Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    for path in sorted({line.split()[-1] for line in lines if "openblas" in line and "numpy" in line}):
        name = getattr(ctypes.CDLL(path), "scipy_openblas_get_corename64_", None)
        if name is not None:
            name.restype = ctypes.c_char_p
            return str(name().decode())
    return "unknown"
