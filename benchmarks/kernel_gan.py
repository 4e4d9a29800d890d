"""KernelGAN with random features beside NumPy, PyTorch and JAX: the same steps, the same precision, the same run.

    python benchmarks/kernel_gan.py [--cases NAME ...] [--rounds 7] [--seconds 0.3] [--out results/kernel_gan.json]

Each case runs in a process of its own that is confined to its cores.  Every contender plays a short game first, and
must land where ganth does.  Then rounds A B C A B C ...; a number is the median of the rounds, in microseconds per
trial and step: CPU time on one core, wall time on two.  ganth is timed whole, `game.run` from the call to the record;
the others without what comes before their loop (arrays, compilation, a first run).  A contender that is not installed
is named and left out.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "kernel_gan.json"
FREQUENCIES, WIDTH, REG, RATE = 1000, 0.6, 0.01, 1e-3  # the paper's game
CHECK_STEPS, UNROLLED = 40, 10
UNROLLED_PEER = f"torch.compile, {UNROLLED} steps a call"
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}
# Settings of the environment that would favour one, and the allocator that PyTorch's temporaries want, for all.
CLEARED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}

Play = Callable[[int], Any]  # steps -> particles (trials, n, d)


@dataclasses.dataclass(frozen=True)
class Case:
    """What is played, on how many cores, and the ratio to be reached."""

    points: int
    dim: int
    trials: int
    cores: int
    target: float


CASES = {
    "one trial": Case(points=4, dim=2, trials=1, cores=1, target=12),
    "100 trials": Case(points=4, dim=2, trials=100, cores=2, target=10),
    "10 points": Case(points=10, dim=10, trials=1, cores=1, target=9),
}


class Problem:
    """The arrays that all contenders share, and ganth's game."""

    def __init__(self, case: Case, dtype: str) -> None:
        import numpy as np

        import ganth

        self.case, self.dtype, self.np = case, dtype, np
        rng = np.random.default_rng(1)
        true = rng.normal(size=(case.points, case.dim)) / np.sqrt(case.dim)
        self.start = rng.normal(size=(case.trials, case.points, case.dim)) / np.sqrt(case.dim)
        self.game = ganth.KernelGAN(
            true, kernel=ganth.RBF(WIDTH), n_frequencies=FREQUENCIES, reg=REG, lr_disc=RATE, lr_gen=RATE
        )
        maps = [
            ganth.RandomFeatures(self.game.kernel, FREQUENCIES, case.dim, 0, trial=trial)
            for trial in range(case.trials)
        ]
        self.amplitude, self.mass = maps[0].amplitude, 1 / case.points
        self.frequencies = np.array([m.frequencies for m in maps])  # (trials, R, d)
        self.target = np.array([self.game.true_masses @ m.features(true) for m in maps])  # (trials, 2 R)

    def arrays(self) -> tuple[Any, ...]:
        """Return start, frequencies^T (trials, d, R), and the target's cosine and sine parts, in the working type."""
        cosines, sines = self.np.split(self.target, 2, axis=1)
        arrays = (self.start, self.frequencies.swapaxes(1, 2), cosines, sines)
        return tuple(self.np.array(a, dtype=self.dtype, order="C") for a in arrays)


def ganth_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    def play(steps: int) -> Any:
        case = problem.case
        return problem.game.run(
            problem.start, steps=steps, trials=case.trials, dtype=problem.dtype, threads=case.cores
        ).particles[:, -1]

    yield "ganth", play


def numpy_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    np, mass, amplitude = problem.np, problem.mass, problem.amplitude
    kind = np.dtype(problem.dtype).type
    force_rate, reg_rate, learn = kind(RATE * mass * amplitude), kind(RATE * REG), kind(RATE)
    learned = kind(RATE * mass * amplitude)

    def advance(steps: int, x: Any, waves: Any, target_cos: Any, target_sin: Any) -> None:
        phase, spare = (np.empty((*x.shape[:-1], FREQUENCIES), x.dtype) for _ in range(2))
        cosine, sine = np.empty_like(phase), np.empty_like(phase)
        theta_cos, theta_sin = np.zeros_like(target_cos), np.zeros_like(target_sin)
        waves_t = np.ascontiguousarray(waves.swapaxes(-1, -2))
        for _ in range(steps):
            np.matmul(x, waves, out=phase)
            np.cos(phase, out=cosine)
            np.sin(phase, out=sine)
            np.multiply(cosine, theta_sin[..., None, :], out=phase)
            np.multiply(sine, theta_cos[..., None, :], out=spare)
            phase -= spare
            theta_cos += learn * target_cos - learned * cosine.sum(axis=-2) - reg_rate * theta_cos
            theta_sin += learn * target_sin - learned * sine.sum(axis=-2) - reg_rate * theta_sin
            x += force_rate * (phase @ waves_t)

    def one_by_one(steps: int) -> Any:
        x, *rest = problem.arrays()
        for trial in range(len(x)):
            advance(steps, x[trial], *(a[trial] for a in rest))
        return x

    def batched(steps: int) -> Any:
        x, *rest = problem.arrays()
        advance(steps, x, *rest)
        return x

    yield "NumPy", one_by_one
    if problem.case.trials > 1:
        yield "NumPy, batched", batched


def torch_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import torch

    torch.set_num_threads(problem.case.cores)
    drop = (lambda a: a[0]) if problem.case.trials == 1 else (lambda a: a)
    x0, waves, target_cos, target_sin = (torch.from_numpy(drop(a)) for a in problem.arrays())
    waves_t = waves.transpose(-1, -2).contiguous()
    weight = problem.mass * problem.amplitude

    def step(x: Any, theta_cos: Any, theta_sin: Any) -> tuple[Any, Any, Any]:
        phase = x @ waves
        cosine, sine = torch.cos(phase), torch.sin(phase)
        force = (cosine * theta_sin[..., None, :] - sine * theta_cos[..., None, :]) @ waves_t
        return (
            x + RATE * weight * force,
            theta_cos + RATE * (target_cos - weight * cosine.sum(-2) - REG * theta_cos),
            theta_sin + RATE * (target_sin - weight * sine.sum(-2) - REG * theta_sin),
        )

    def several(x: Any, theta_cos: Any, theta_sin: Any) -> tuple[Any, Any, Any]:
        for _ in range(UNROLLED):
            x, theta_cos, theta_sin = step(x, theta_cos, theta_sin)
        return x, theta_cos, theta_sin

    def player(function: Callable[..., tuple[Any, Any, Any]], length: int) -> Play:
        def play(steps: int) -> Any:
            with torch.inference_mode():
                state = (x0, torch.zeros_like(target_cos), torch.zeros_like(target_sin))
                for _ in range(steps // length):
                    state = function(*state)
            return state[0].numpy().reshape(problem.start.shape)

        return play

    yield "PyTorch eager", player(step, 1)
    yield "torch.compile, a step a call", player(torch.compile(step), 1)
    yield UNROLLED_PEER, player(torch.compile(several), UNROLLED)


def jax_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    arrays = tuple(jnp.asarray(a) for a in problem.arrays())
    weight = problem.mass * problem.amplitude

    def step(x: Any, theta_cos: Any, theta_sin: Any, waves: Any, target_cos: Any, target_sin: Any) -> tuple[Any, ...]:
        phase = x @ waves
        cosine, sine = jnp.cos(phase), jnp.sin(phase)
        force = (cosine * theta_sin - sine * theta_cos) @ waves.T
        return (
            x + RATE * weight * force,
            theta_cos + RATE * (target_cos - weight * cosine.sum(0) - REG * theta_cos),
            theta_sin + RATE * (target_sin - weight * sine.sum(0) - REG * theta_sin),
        )

    def game(advance: Callable[..., tuple[Any, ...]], steps: int, x: Any, waves: Any, *target: Any) -> Any:
        state = (x, jnp.zeros_like(target[0]), jnp.zeros_like(target[1]))
        return jax.lax.fori_loop(0, steps, lambda _, s: advance(*s, waves, *target), state)[0]

    together = jax.jit(lambda steps: game(jax.vmap(step), steps, *arrays))
    apart = jax.jit(lambda steps: jax.lax.map(lambda trial: game(step, steps, *trial), arrays))
    yield "JAX, trial by trial" if problem.case.trials > 1 else "JAX", lambda steps: problem.np.array(apart(steps))
    if problem.case.trials > 1:
        yield "JAX, vmap", lambda steps: problem.np.array(together(steps))


PEERS = {"ganth": ganth_peer, "numpy": numpy_peers, "torch": torch_peers, "jax": jax_peers}


def contenders(problem: Problem) -> tuple[dict[str, Play], dict[str, str]]:
    """Return those that run here and land where ganth does, and why the others do not."""
    plays: dict[str, Play] = {}
    left_out: dict[str, str] = {}
    wanted = None
    for package, make in PEERS.items():
        try:
            importlib.metadata.version(package) if package != "ganth" else None
        except importlib.metadata.PackageNotFoundError:
            left_out[package] = "not installed"
            continue
        for name, play in make(problem):
            print(f"  {problem.dtype}: {name} ...", file=sys.stderr, flush=True)
            found = play(CHECK_STEPS)
            wanted = found if wanted is None else wanted
            error = float(abs(found - wanted).max())
            moved = float(abs(wanted - problem.start).max())
            if not error <= TOLERANCE[problem.dtype] * max(1.0, moved):
                raise SystemExit(f"{name} plays another game: off by {error:.2g} after {CHECK_STEPS} steps")
            plays[name] = play
    return plays, left_out


def measure(case: Case, dtype: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the microseconds per trial and step of every contender, round by round."""
    problem = Problem(case, dtype)
    plays, left_out = contenders(problem)
    clock = time.process_time if case.cores == 1 else time.perf_counter

    def timed(play: Play, steps: int) -> float:
        began = clock()
        play(steps)
        return clock() - began

    lengths = {}
    for name, play in plays.items():
        steps, spent = UNROLLED, 0.0
        while spent < seconds / 4:
            steps *= 2
            spent = timed(play, steps)
        lengths[name] = max(UNROLLED, round(steps * seconds / spent / UNROLLED) * UNROLLED)
    times: dict[str, list[float]] = {name: [] for name in plays}
    for _ in range(rounds):
        for name, play in plays.items():
            times[name].append(1e6 * timed(play, lengths[name]) / lengths[name] / case.trials)
    return {"microseconds": times, "steps": lengths, "left_out": left_out}


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


def work(name: str, rounds: int, seconds: float) -> None:
    """Measure one case in this process and print it as JSON."""
    case = CASES[name]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: case.cores]))
    results = {dtype: measure(case, dtype, rounds, seconds) for dtype in ("float32", "float64")}
    from ganth.games import features_cpu

    about = {"blas": blas_kernel(), "vector_bytes": features_cpu.BYTES}
    print(json.dumps({"results": results, "about": about}))


def median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def run_case(name: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Return what a process of its own measured."""
    cores = str(CASES[name].cores)
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {key: value for key, value in os.environ.items() if key not in CLEARED}
    environment |= dict.fromkeys(threads, cores) | MALLOC | {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, __file__, "--work", name, "--rounds", str(rounds), "--seconds", str(seconds)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def rows(name: str, measured: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for dtype, result in measured["results"].items():
        medians = {peer: median(times) for peer, times in result["microseconds"].items()}
        others = {peer: value for peer, value in medians.items() if peer != "ganth"}
        plain = {peer: value for peer, value in others.items() if peer != UNROLLED_PEER}
        best, best_plain = (min(found, key=found.__getitem__) for found in (others, plain))
        yield {
            "case": name,
            "dtype": dtype,
            **dataclasses.asdict(CASES[name]),
            "median_microseconds": {peer: round(value, 3) for peer, value in medians.items()},
            "range_microseconds": {
                peer: [round(min(times), 3), round(max(times), 3)] for peer, times in result["microseconds"].items()
            },
            "steps": result["steps"],
            "left_out": result["left_out"],
            "best_peer": best,
            "ratio": round(others[best] / medians["ganth"], 2),
            "best_peer_step_by_step": best_plain,
            "ratio_step_by_step": round(plain[best_plain] / medians["ganth"], 2),
        }


def table(found: list[dict[str, Any]], about: dict[str, Any]) -> str:
    lines = [
        f"KernelGAN, {FREQUENCIES} random frequencies, RBF({WIDTH}), reg {REG}, rates {RATE}, simultaneous",
        "; ".join(f"{key}: {value}" for key, value in about.items()),
        "microseconds per trial and step, median [lowest, highest]; ratio: against ganth",
    ]
    for row in found:
        clock = "CPU time" if row["cores"] == 1 else "wall time"
        lines.append(
            f"\n{row['case']}: {row['points']} points, d={row['dim']}, {row['trials']} trial(s), "
            f"{row['cores']} core(s), {clock}, {row['dtype']}"
        )
        own = row["median_microseconds"]["ganth"]
        for peer, value in sorted(row["median_microseconds"].items(), key=lambda pair: pair[1]):
            low, high = row["range_microseconds"][peer]
            lines.append(f"  {peer:32s} {value:9.3f}  [{low:.3f}, {high:.3f}]  {value / own:6.1f}x")
        for peer, reason in row["left_out"].items():
            lines.append(f"  {peer:32s} left out: {reason}")
        lines.append(f"  best other: {row['best_peer']}, {row['ratio']:.1f}x (target {row['target']:g}x)")
        lines.append(
            f"  best that is called step by step: {row['best_peer_step_by_step']}, {row['ratio_step_by_step']:.1f}x"
        )
    return "\n".join(lines) + "\n"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement (default 0.3)")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.rounds, options.seconds)
        return
    found: list[dict[str, Any]] = []
    about = machine()
    if hasattr(os, "getloadavg"):
        about["load before"] = round(os.getloadavg()[0], 1)
    for name in options.cases:
        print(f"{name} ...", file=sys.stderr, flush=True)
        measured = run_case(name, options.rounds, options.seconds)
        about |= measured["about"]
        found += rows(name, measured)
    about["cleared"] = [key for key in CLEARED if key in os.environ]
    text = table(found, about)
    print(text)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"schema": 1, "machine": about, "rows": found}, indent=1) + "\n", "utf-8")
    options.out.with_suffix(".txt").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
