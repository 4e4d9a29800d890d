"""KernelGAN with random features beside NumPy, PyTorch and JAX: the same steps, the same precision, the same run.

    python benchmarks/kernel_gan.py [--cases NAME ...] [--rounds 7] [--seconds 0.3] [--out results/kernel_gan.json]

How it is measured: contest.py.  Numbers are microseconds per trial and step.  ganth is timed whole, `game.run` from
the call to the record; the others without what comes before their loop (arrays, compilation, a first run).
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import contest
from contest import Play

FREQUENCIES, WIDTH, REG, RATE = 1000, 0.6, 0.01, 1e-3  # the paper's game
CHECK_STEPS, UNROLLED = 400, 10
UNROLLED_PEER = f"torch.compile, {UNROLLED} steps a call"
TOLERANCE = {"float32": 4e-6, "float64": 1e-11}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case(contest.Case):
    """How large the game is."""

    points: int
    dim: int
    trials: int

    def about(self) -> str:
        return f"{self.points} points, d={self.dim}, {self.trials} trial(s)"


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

        self.case, self.dtype, self.np, self.parts = case, dtype, np, case.trials
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

    def own(self, **changes: Any) -> Play:
        """Return ganth's game with settings changed."""
        game, case = self.game.with_settings(**changes), self.case
        options = {"trials": case.trials, "dtype": self.dtype, "threads": case.cores}
        return lambda steps: game.run(self.start, steps=steps, **options).particles[:, -1]

    def off(self, found: Any, wanted: Any) -> float:
        allowed = TOLERANCE[self.dtype] * max(1.0, float(abs(wanted - self.start).max()))
        return float(abs(found - wanted).max()) / allowed

    def near_misses(self) -> dict[str, Play]:
        return {"a faster discriminator": self.own(lr_disc=1.1 * RATE)}


def ganth_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    yield "ganth", problem.own()


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


CONTEST = contest.Contest(
    script=__file__,
    title=f"KernelGAN, {FREQUENCIES} random frequencies, RBF({WIDTH}), reg {REG}, rates {RATE}, simultaneous",
    unit="microseconds per trial and step",
    cases=CASES,
    problem=Problem,
    peers={"ganth": ganth_peer, "numpy": numpy_peers, "torch": torch_peers, "jax": jax_peers},
    check_steps=CHECK_STEPS,
    multiple=UNROLLED,
    rivals={"other": lambda name: True, "that is called step by step": lambda name: name != UNROLLED_PEER},
)

if __name__ == "__main__":
    CONTEST.main(__doc__)
