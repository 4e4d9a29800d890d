"""The optimal discriminator and its field on a grid beside NumPy, PyTorch and JAX: the same numbers and precision.

    python benchmarks/fields.py [--cases NAME ...] [--rounds 7] [--seconds 0.3] [--out FILE]

2000 x 2000 points of a square, data of four modes of one variance, a Gaussian generator (TP, Figure 2): d* = p/(p + q),
grad d*/d* and log p/q, all through the logarithms of the densities.  How it is measured: contest.py.  Numbers are
microseconds per grid; ganth is called whole and fills arrays that it is given, as XLA and PyTorch's allocator reuse
theirs.  The check would notice a generator a hundredth wider.

The others are written twice.  whole: broadcast over points, components and axes, with the library's logsumexp, as one
writes it.  by component: one expression for each mode and axis, which a compiler can fuse into one loop.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import contest
from contest import Play

MODES = ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0))
VARIANCE, GENERATED_VARIANCE, HALF = 0.1, 0.2, 3.0
TOLERANCE = {"float32": 2e-4, "float64": 1e-10}
SHOWN = 4001  # every so many points are compared


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case(contest.Case):
    """How many points a side."""

    side: int = 2000

    def about(self) -> str:
        return f"{self.side} x {self.side} points, {len(MODES)} components and one"


CASES = {"one core": Case(cores=1, target=2), "two cores": Case(cores=2, target=2)}


class Problem:
    """The points, the densities, and ganth's field."""

    parts = 1

    def __init__(self, case: Case, dtype: str) -> None:
        import numpy as np

        import ganth

        self.case, self.dtype, self.np, self.fields = case, dtype, np, ganth.fields
        axis = np.linspace(-HALF, HALF, case.side)
        self.start = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(dtype)
        self.modes = np.array(MODES, dtype)
        self.target = ganth.targets.GaussianMixture(MODES, VARIANCE)

    def own(self, variance: float = GENERATED_VARIANCE) -> Play:
        """Return ganth's field for a generator of another variance."""
        import ganth

        n, empty = len(self.start), self.np.empty
        out = empty(n, self.dtype), empty((n, 2), self.dtype), empty(n, self.dtype)
        generated = ganth.targets.GaussianMixture([[0.0, 0.0]], variance)
        settings = {"dtype": self.dtype, "threads": self.case.cores, "out": out}

        def play(steps: int) -> Any:
            for _ in range(steps):
                found = self.fields.optimal(self.start, self.target, generated, **settings)
            return self.shown(found)

        return play

    def shown(self, found: Any) -> Any:
        """Return d*, field and log ratio of some points, (m, 4)."""
        d, field, log_ratio = found
        columns = [d[::SHOWN], field[::SHOWN, 0], field[::SHOWN, 1], log_ratio[::SHOWN]]
        return self.np.column_stack([self.np.asarray(column) for column in columns])

    def repeated(self, function: Callable[..., Any], *arrays: Any, done: Callable[[Any], Any] = lambda x: x) -> Play:
        """Return a play that calls a function of points and modes so many times."""

        def play(steps: int) -> Any:
            for _ in range(steps):
                found = done(function(*arrays))
            return self.shown(found)

        return play

    def off(self, found: Any, wanted: Any) -> float:
        return float((abs(found - wanted) / (1 + abs(wanted))).max()) / TOLERANCE[self.dtype]

    def near_misses(self) -> dict[str, Play]:
        return {"a wider generator": self.own(1.01 * GENERATED_VARIANCE)}


LOG_SCALE = math.log(0.25 / (2 * math.pi * VARIANCE))
GENERATED_SCALE = -math.log(2 * math.pi * GENERATED_VARIANCE)


def whole(library: Any, logsumexp: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the field, broadcast over points, components and axes."""

    def field(x: Any, modes: Any) -> Any:
        y = x[:, None, :] - modes
        logs = LOG_SCALE - (y * y).sum(-1) / (2 * VARIANCE)
        log_p = logsumexp(logs)
        shares = library.exp(logs - log_p[:, None])
        score = -(shares[:, :, None] * y).sum(1) / VARIANCE
        log_ratio = log_p - (GENERATED_SCALE - (x * x).sum(-1) / (2 * GENERATED_VARIANCE))
        weight = 1 / (1 + library.exp(log_ratio))
        return 1 / (1 + library.exp(-log_ratio)), weight[:, None] * (score + x / GENERATED_VARIANCE), log_ratio

    return field


def by_component(library: Any) -> Callable[[Any, Any], Any]:
    """Return the field as one expression for each mode and axis."""

    def field(x: Any, modes: Any) -> Any:
        a, b = x[:, 0], x[:, 1]
        arms = [(a - modes[k, 0], b - modes[k, 1]) for k in range(len(MODES))]
        logs = [-(u * u + v * v) / (2 * VARIANCE) for u, v in arms]
        top = logs[0]
        for value in logs[1:]:
            top = library.maximum(top, value)
        shares = [library.exp(value - top) for value in logs]
        total = shares[0] + shares[1] + shares[2] + shares[3]
        log_p = LOG_SCALE + top + library.log(total)
        pulls = [sum(s * arm[axis] for s, arm in zip(shares, arms, strict=True)) / total for axis in range(2)]
        log_ratio = log_p - (GENERATED_SCALE - (a * a + b * b) / (2 * GENERATED_VARIANCE))
        weight = 1 / (1 + library.exp(log_ratio))
        columns = [weight * (c / GENERATED_VARIANCE - p / VARIANCE) for c, p in zip((a, b), pulls, strict=True)]
        return 1 / (1 + library.exp(-log_ratio)), library.stack(columns, 1), log_ratio

    return field


def ganth_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    yield "ganth", problem.own()


def numpy_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    np = problem.np

    def logsumexp(logs: Any) -> Any:
        top = logs.max(axis=1)
        return top + np.log(np.exp(logs - top[:, None]).sum(axis=1))

    with np.errstate(over="ignore"):
        yield "NumPy, whole", problem.repeated(whole(np, logsumexp), problem.start, problem.modes)
        yield "NumPy, by component", problem.repeated(by_component(np), problem.start, problem.modes)


def torch_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import torch

    torch.set_num_threads(problem.case.cores)
    arrays = torch.from_numpy(problem.start), torch.from_numpy(problem.modes)

    def inferring(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            with torch.inference_mode():
                return function(*arguments)

        return run

    forms = {"whole": whole(torch, lambda logs: torch.logsumexp(logs, 1)), "by component": by_component(torch)}
    for name, form in forms.items():
        yield f"PyTorch eager, {name}", problem.repeated(inferring(form), *arrays)
        yield f"torch.compile, {name}", problem.repeated(inferring(torch.compile(form)), *arrays)


def jax_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    arrays = jnp.asarray(problem.start), jnp.asarray(problem.modes)
    forms = {
        "whole": whole(jnp, lambda logs: jax.scipy.special.logsumexp(logs, axis=1)),
        "by component": by_component(jnp),
    }
    for name, form in forms.items():
        yield f"JAX, {name}", problem.repeated(jax.jit(form), *arrays, done=jax.block_until_ready)


CONTEST = contest.Contest(
    script=__file__,
    title="Optimal discriminator, field and log ratio on a grid: four components against one",
    unit="microseconds per grid",
    cases=CASES,
    problem=Problem,
    peers={"ganth": ganth_peer, "numpy": numpy_peers, "torch": torch_peers, "jax": jax_peers},
    check_steps=1,
    rivals={
        "torch.compile": lambda peer: peer.startswith("torch.compile"),
        "JAX as written": lambda peer: peer == "JAX, whole",
        "JAX": lambda peer: peer.startswith("JAX"),
        "NumPy as written": lambda peer: peer == "NumPy, whole",
        "NumPy": lambda peer: peer.startswith("NumPy"),
    },
)

if __name__ == "__main__":
    CONTEST.main(__doc__)
