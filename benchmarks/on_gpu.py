"""ganth on a GPU beside ganth on the CPU: the same games and fields, in the same run.

    python benchmarks/on_gpu.py [--cases NAME ...]

Each case is played on both once at a small size, so that all loops are compiled, then timed whole, from the call to the
record.  Beside the seconds stands how far the two results are apart, over the largest number: long games part where
rounding grows.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Play = Callable[[str, bool], Any]  # backend, whether at the small size -> what both are compared by


def dirac(backend: str, small: bool) -> Any:
    """Play many trajectories of two numbers, a thread each."""
    import ganth

    game = ganth.DiracGAN(loss="vanilla", lr_disc=0.1, lr_gen=0.1)
    run = game.run([[1.0]], steps=20 if small else 1000, trials=3 if small else 1_000_000, backend=backend)
    return run.final


def features(backend: str, small: bool) -> Any:
    """Play KD Fig. 3 at one width: 100 trials, a block each."""
    import ganth

    game = ganth.KernelGAN(
        ganth.targets.PointMasses.ring(4).points,
        kernel=ganth.RBF(0.6), n_frequencies=9 if small else 1000, reg=0.01, lr_disc=1e-3, lr_gen=1e-3,
    )  # fmt: skip
    return game.run(steps=2 if small else 4000, trials=2 if small else 100, seed=1, backend=backend).final


def effective(backend: str, small: bool) -> Any:
    """Play cells of ED Fig. 5 together: a block each."""
    import ganth

    ring = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
    games = [
        ganth.EffectiveGAN(
            ring, n_particles=5 if small else 200, width=9 if small else 2048, ntk_ratio=ratio, n_disc=n_disc,
            lr_disc=0.1, lr_gen=0.1,
        )
        for ratio in (0.01, 0.1)
        for n_disc in ((1,) if small else range(1, 33))
    ]  # fmt: skip
    runs = ganth.play_together(games, steps=1 if small else 20, seeds=2, backend=backend, dtype="float32")
    return [run.final for run in runs]


def field(backend: str, small: bool) -> Any:
    """Evaluate the optimal field of two mixtures on a grid."""
    import numpy as np

    import ganth

    data, generated = (ganth.targets.GaussianMixture.ring(8, radius, 0.1) for radius in (2.0, 1.5))
    axis = np.linspace(-4, 4, 5 if small else 2000)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return ganth.fields.optimal(grid, data, generated, backend=backend)[1]


CASES: dict[str, Play] = {play.__name__: play for play in (dirac, features, effective, field)}


@dataclass(frozen=True)
class Result:
    """Seconds on both, and how far the results are apart."""

    name: str
    cpu: float
    gpu: float
    apart: float

    @property
    def ratio(self) -> float:
        """How many times faster the GPU is."""
        return self.cpu / self.gpu


def measure(name: str, *, small: bool = False) -> Result:
    """Play a case on both backends."""
    import numpy as np

    play, seconds, found = CASES[name], {}, {}
    for backend in ("cpu", "cuda"):
        play(backend, True)
        began = time.perf_counter()
        found[backend] = np.asarray(play(backend, small))
        seconds[backend] = time.perf_counter() - began
    apart = np.abs(found["cuda"] - found["cpu"]).max() / np.abs(found["cpu"]).max()
    return Result(name, seconds["cpu"], seconds["cuda"], float(apart))


def main() -> None:
    import ganth

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    arguments = parser.parse_args()
    try:
        ganth.backend.resolve("cuda")
    except ganth.BackendUnavailableError as error:
        raise SystemExit(str(error)) from None
    from ganth import device

    print(f"ganth on {device.name()} beside ganth on this CPU, all cores; about a minute a case")
    print(f"{'case':12} {'CPU [s]':>9} {'GPU [s]':>9} {'ratio':>7} {'apart':>9}")
    for name in arguments.cases:
        result = measure(name)
        print(f"{name:12} {result.cpu:9.3f} {result.gpu:9.3f} {result.ratio:7.1f} {result.apart:9.1e}", flush=True)


if __name__ == "__main__":
    main()
