"""Precision and recall of 10,000 generated points of 64 numbers beside prdc, NumPy and PyTorch: the same two numbers.

    python benchmarks/precision_recall.py [--cases NAME ...] [--rounds 7] [--seconds 0.3] [--out FILE]

Two clouds of normal points, k = 5, open balls.  How it is measured: contest.py.  Numbers are microseconds a call.
The check wants the same fractions to a ten-thousandth of a point, and would notice k = 6.

prdc is called as it is; it holds three matrices of n x n distances at once (2.4 GB).  NumPy and PyTorch are written in
tiles of a thousand rows, as who runs out of memory would: distances by a product of matrices and squared norms
(NumPy), by cdist (PyTorch), radii by partition and by kthvalue.
"""

import contextlib
import dataclasses
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import contest
from contest import Play

K, TILE = 5, 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case(contest.Case):
    """How many points of how many numbers."""

    points: int = 10_000
    numbers: int = 64

    def about(self) -> str:
        return f"{self.points} and {self.points} points of {self.numbers} numbers, k = {K}"


CASES = {
    "one core": Case(cores=1, target=5, dtypes=("float64",)),
    "two cores": Case(cores=2, target=5, dtypes=("float64",)),
}


class Problem:
    """Real and generated points, and ganth's two numbers."""

    parts = 1

    def __init__(self, case: Case, dtype: str) -> None:
        import numpy as np

        self.case, self.dtype, self.np = case, dtype, np
        rng = np.random.default_rng(0)
        self.start = rng.normal(size=(case.points, case.numbers))  # the real ones
        self.fake = 0.9 * rng.normal(size=(case.points, case.numbers)) + 0.1

    def repeated(self, function: Callable[[Any, Any], Any], real: Any = None, fake: Any = None) -> Play:
        """Return a play that calls a function of both sets so many times."""
        real, fake = (self.start, self.fake) if real is None else (real, fake)

        def play(steps: int) -> Any:
            for _ in range(steps):
                found = function(real, fake)
            return self.np.array([float(part) for part in found])

        return play

    def own(self, k: int = K) -> Play:
        """Return ganth's, for another k."""
        from ganth.metrics import precision_recall

        return self.repeated(lambda real, fake: precision_recall(real, fake, k, threads=self.case.cores))

    def off(self, found: Any, wanted: Any) -> float:
        return float(abs(found - wanted).max()) * self.case.points / 1e-4

    def near_misses(self) -> dict[str, Play]:
        return {"k = 6": self.own(K + 1)}


def ganth_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    yield "ganth", problem.own()


def prdc_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    from prdc import compute_prdc

    def both(real: Any, fake: Any) -> Any:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():  # it prints, and its joblib warns
            warnings.simplefilter("ignore")
            found = compute_prdc(real, fake, K)
        return found["precision"], found["recall"]

    yield "prdc", problem.repeated(both)


def numpy_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    np = problem.np

    def squares(x: Any, y: Any) -> Any:
        found = x @ y.T
        found *= -2.0
        found += (x * x).sum(axis=1)[:, None]
        found += (y * y).sum(axis=1)
        return found

    def radii(x: Any) -> Any:
        tiles = (squares(x[at : at + TILE], x) for at in range(0, len(x), TILE))
        return np.concatenate([np.partition(tile, K, axis=1)[:, K] for tile in tiles])

    def share(x: Any, y: Any, balls: Any) -> float:
        tiles = (squares(x[at : at + TILE], y) for at in range(0, len(x), TILE))
        return float(np.mean([(tile < balls).any(axis=1).mean() for tile in tiles]))

    yield "NumPy, tiled", problem.repeated(lambda x, y: (share(y, x, radii(x)), share(x, y, radii(y))))


def torch_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    import torch

    torch.set_num_threads(problem.case.cores)

    def radii(x: Any) -> Any:
        return torch.cat([torch.cdist(tile, x).kthvalue(K + 1, dim=1).values for tile in x.split(TILE)])

    def share(x: Any, y: Any, balls: Any) -> Any:
        return torch.cat([(torch.cdist(tile, y) < balls).any(dim=1) for tile in x.split(TILE)]).double().mean()

    def both(x: Any, y: Any) -> Any:
        with torch.inference_mode():
            return share(y, x, radii(x)), share(x, y, radii(y))

    yield "PyTorch, tiled", problem.repeated(both, torch.from_numpy(problem.start), torch.from_numpy(problem.fake))


CONTEST = contest.Contest(
    script=__file__,
    title="Precision and recall by balls to the fifth neighbour",
    unit="microseconds a call",
    cases=CASES,
    problem=Problem,
    peers={"ganth": ganth_peer, "prdc": prdc_peer, "numpy": numpy_peer, "torch": torch_peer},
    check_steps=1,
    rivals={
        "prdc": lambda peer: peer == "prdc",
        "of all others": lambda peer: True,
    },
)

if __name__ == "__main__":
    CONTEST.main(__doc__)
