"""EffectiveGAN against one hidden layer beside NumPy, PyTorch and JAX: the same data, steps and precision.

    python benchmarks/effective_gan.py [--cases NAME ...] [--rounds 7] [--seconds 0.3] [--out FILE]

200 particles, 200 fixed data points of a ring, 2048 units, 20 steps of the discriminator in an iteration.  How it is
measured: contest.py.  Numbers are microseconds per step of the discriminator: an iteration whole, over 20.  ganth is
timed whole, `game.run` from the call to the record; the others without what comes before their loop (arrays,
compilation, a first run).  The check plays a few iterations, and would notice one step of the discriminator less in
each, or a regulariser a tenth weaker.

The others differ in how the parameters' gradient is made.  autograd: of the loss as it is written.  products: by hand,
two matrix products with a matrix of all slopes between them.  sums: by hand, products written as sums, for a compiler
that can fuse them into one loop.  in blocks: of units, so that the slopes of one stay in the cache.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import contest
from contest import Play

POINTS, WIDTH, N_DISC, RATIO, SEED = 200, 2048, 20, 0.1, 1
RATES = {"lr_disc": 0.1, "lr_gen": 0.01}
GRAD_REG = 1.0
CHECK_STEPS, BLOCK = 10, 256
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}  # of how far the particles go


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case(contest.Case):
    """Which discriminator is trained."""

    activation: str = "relu"
    grad_reg: float = 0.0

    def about(self) -> str:
        return f"{self.activation}, gradient regulariser {self.grad_reg:g}"


SINGLE = ("float32",)
CASES = {
    "plain": Case(cores=2, target=6, dtypes=SINGLE),
    "regularised": Case(cores=2, target=5, dtypes=SINGLE, grad_reg=GRAD_REG),
    "tanh": Case(cores=2, dtypes=SINGLE, activation="tanh"),
    "plain, one core": Case(cores=1),
    "regularised, one core": Case(cores=1, dtypes=SINGLE, grad_reg=GRAD_REG),
    "tanh, one core": Case(cores=1, dtypes=SINGLE, activation="tanh"),
}


class Problem:
    """ganth's game, and the numbers and arrays that all contenders share."""

    def __init__(self, case: Case, dtype: str) -> None:
        import numpy as np

        import ganth

        self.case, self.dtype, self.np, self.parts = case, dtype, np, N_DISC
        self.game = ganth.EffectiveGAN(
            ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2),
            n_particles=POINTS,
            ntk_ratio=RATIO,
            width=WIDTH,
            activation=case.activation,
            n_disc=N_DISC,
            data="fixed",
            n_data=POINTS,
            grad_reg=case.grad_reg,
            **RATES,
        )
        begun = self.game.run(steps=0, seed=SEED)
        self.start, self.parameters = begun.final, begun.state["parameters"][0]  # (N, d); rows a, w_1, w_2, b
        self.data = self.game.target.sample(POINTS, SEED)
        self.scale, self.decay, self.relu = math.sqrt(2 / WIDTH), self.game.reg, case.activation == "relu"
        diagonal, other = self.game.ntk_values
        # (1/N) sum_b Gamma_ab g_b = near g_a + far (mean of g); the regulariser pulls X_a by this, see `slopes`.
        self.near, self.far, self.penalty = (diagonal - other) / POINTS, other, case.grad_reg

    def arrays(self) -> tuple[Any, ...]:
        """Return copies of particles, data and parameters, and the points' weights in the loss, in the working type."""
        weights = self.np.repeat([1 / POINTS, -1 / POINTS], POINTS)
        return tuple(self.np.array(a, self.dtype) for a in (self.start, self.data, self.parameters, weights))

    def own(self, **changes: Any) -> Play:
        """Return ganth's game with settings changed."""
        game = self.game.with_settings(**changes)
        return lambda steps: game.run(steps=steps, seed=SEED, dtype=self.dtype, threads=self.case.cores).final

    def off(self, found: Any, wanted: Any) -> float:
        """Return a mean over particles: one that rounding puts on the other side of a kink is not another game."""
        return float(abs(found - wanted).mean() / abs(wanted - self.start).mean()) / TOLERANCE[self.dtype]

    def near_misses(self) -> dict[str, Play]:
        weaker = {"a weaker regulariser": self.own(grad_reg=0.9 * self.penalty)} if self.penalty else {}
        return {"a step less in each iteration": self.own(n_disc=N_DISC - 1)} | weaker

    def coupled(self, gradients: Any) -> Any:
        """Return (1/N) sum_b Gamma_ab gradient_b."""
        return self.near * gradients + self.far * gradients.mean(0)


class Written:
    """The step written by hand as expressions, for a library with NumPy's names.

    `units` adds up over all units what each device has of grad D.
    """

    def __init__(
        self,
        problem: Problem,
        library: Any,
        tanh: Callable[[Any], Any],
        units: Callable[[Any], Any] = lambda part: part,
    ) -> None:
        self.problem, self.library, self.tanh, self.units = problem, library, tanh, units

    def slope(self, signal: Any, times: Any) -> tuple[Any, Any]:
        """Return s (None for ReLU, where it follows from the sums), and s' times something."""
        if self.problem.relu:
            return None, self.library.where(signal > 0, times, 0.0)
        value = self.tanh(signal)
        return value, times * (1 - value * value)

    def pulled(self, x: Any, p: Any, field: Callable[..., Any]) -> Any:
        """Return X with N h added, which is how the regulariser enters the sums over particles of a ReLU unit."""
        problem = self.problem
        return x + problem.penalty * problem.coupled(field(p, x)) if problem.penalty else x

    def down(self, p: Any, value: Any, sums: Any) -> Any:
        """Return parameters after a step: given for each unit sum c s, and the rows of sum c s' (x, 1)."""
        problem, lr = self.problem, RATES["lr_disc"]
        value = (p[1:] * sums).sum(0) if problem.relu else value
        slopes = self.library.concatenate([value[None], p[:1] * sums])
        return (1 - lr * problem.decay) * p - lr * problem.scale * slopes

    def field_by_products(self, p: Any, x: Any) -> Any:
        _, slope = self.slope(x @ p[1:3] + p[3], self.library.ones_like(x[:1, :1]))
        return self.problem.scale * self.units(slope @ (p[0] * p[1:3]).T)

    def by_products(self, p: Any, x: Any, data: Any, weights: Any) -> Any:
        points = self.library.concatenate([x, data])
        pulls = self.library.concatenate([self.pulled(x, p, self.field_by_products), data])
        value, slope = self.slope(points @ p[1:3] + p[3], self.library.ones_like(x[:1, :1]))
        ones = self.library.ones_like(pulls[:, :1])
        sums = (weights[:, None] * self.library.concatenate([pulls, ones], 1)).T @ slope
        return self.down(p, None if value is None else weights @ value, sums)

    def field_by_sums(self, p: Any, x: Any) -> Any:
        a, w1, w2, b = p
        _, slope = self.slope(x[:, :1] * w1 + x[:, 1:] * w2 + b, a)
        return self.problem.scale * self.library.stack([(slope * w1).sum(1), (slope * w2).sum(1)], 1)

    def by_sums(self, p: Any, x: Any, data: Any, weights: Any) -> Any:
        """Units are the rows here: a sum over points is one over memory in order."""
        x1, x2 = self.library.concatenate([x, data]).T
        y1, y2 = self.library.concatenate([self.pulled(x, p, self.field_by_sums), data]).T
        value, slope = self.slope(p[1][:, None] * x1 + p[2][:, None] * x2 + p[3][:, None], weights)
        sums = self.library.stack([(slope * y1).sum(1), (slope * y2).sum(1), slope.sum(1)])
        return self.down(p, None if value is None else (weights * value).sum(1), sums)

    def move(self, p: Any, x: Any, field: Callable[..., Any]) -> Any:
        return x + RATES["lr_gen"] * self.problem.coupled(field(p, x))

    def loss(self, p: Any, x: Any, data: Any, field: Callable[..., Any]) -> Any:
        """Return the loss as it is written down; `field` differentiates D in x."""
        loss = self.value(p, x).mean() - self.value(p, data).mean() + self.problem.decay / 2 * (p * p).sum()
        if self.problem.penalty:
            gradients = field(p, x)
            coupled = self.problem.coupled(gradients)
            loss = loss + self.problem.penalty / (2 * POINTS) * (gradients * coupled).sum()
        return loss

    def value(self, p: Any, x: Any) -> Any:
        signal = x @ p[1:3] + p[3]
        hidden = self.library.maximum(signal, self.library.zeros_like(signal)) if self.problem.relu else None
        return self.problem.scale * ((self.library.tanh(signal) if hidden is None else hidden) @ p[0])


def in_place(problem: Problem, library: Any, made: Callable[[Any], Any], block: int) -> Play:
    """Return the game by products into arrays made once, for NumPy and PyTorch; units in blocks."""
    torch = library.__name__ == "torch"
    # tanh u = 2 sigmoid(2 u) - 1: PyTorch's tanh takes six times as long.  The points' weights add up to 0.
    before, twice, after = (2, 2, 4) if torch and not problem.relu else (1, 1, 1)
    lr, scale, n = RATES["lr_disc"], problem.scale, POINTS

    def bend(signal: Any) -> None:
        if problem.relu:
            signal.gt_(0) if torch else library.greater(signal, 0, out=signal)
        else:
            signal.sigmoid_() if torch else library.tanh(signal, out=signal)

    def straighten(signal: Any) -> None:
        if torch and not problem.relu:
            library.addcmul(signal, signal, signal, value=-1, out=signal)
        elif not problem.relu:
            signal *= signal
            library.subtract(1, signal, out=signal)

    def field(parts: list[Any], points: Any, rooms: list[Any]) -> Any:
        total = 0
        for p, room in zip(parts, rooms, strict=True):
            library.matmul(points, before * p[1:], out=room)
            bend(room)
            straighten(room)
            total = total + room[:n] @ (p[0] * p[1:3]).T
        return (scale * after) * total

    def learn(p: Any, points: Any, pulls: Any, weights: Any, room: Any, ready: bool) -> None:
        if not ready:
            library.matmul(points, before * p[1:], out=room)
            bend(room)
        value = None if problem.relu else twice * (weights @ room)
        straighten(room)
        sums = after * (pulls @ room)
        value = (p[1:] * sums).sum(0) if problem.relu else value
        push = (lr * scale) * p[0]
        p *= 1 - lr * problem.decay
        p[0] -= (lr * scale) * value
        p[1:] -= push * sums

    def play(steps: int) -> Any:
        x, data, p, weights = (made(a) for a in problem.arrays())
        ones = x[:1, :1] * 0 + 1
        points = library.concatenate([library.concatenate([x, data]), library.concatenate([ones] * 2 * n)], 1)
        pulls = library.concatenate([weights[None] * points.T[k : k + 1] for k in range(3)])
        parts = [p[:, k : k + block] * 1 for k in range(0, WIDTH, block)]
        shared = None if problem.penalty else library.empty_like(points[:, :1] * parts[0][:1])
        rooms = [library.empty_like(points[:, :1] * part[:1]) if shared is None else shared for part in parts]
        for _ in range(steps):
            pulls[:2, :n] = points[:n, :2].T / n
            for _ in range(N_DISC):
                if problem.penalty:
                    h = problem.penalty * problem.coupled(field(parts, points, rooms))
                    pulls[:2, :n] = (points[:n, :2] + h).T / n
                for part, room in zip(parts, rooms, strict=True):
                    learn(part, points, pulls, weights, room, problem.penalty > 0)
            points[:n, :2] += RATES["lr_gen"] * problem.coupled(field(parts, points[:n], [r[:n] for r in rooms]))
        return problem.np.asarray(points[:n, :2]).copy()

    return play


def ganth_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    yield "ganth", problem.own()


def numpy_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    yield "NumPy, products", in_place(problem, problem.np, lambda array: array, WIDTH)
    yield "NumPy, products in blocks", in_place(problem, problem.np, lambda array: array, BLOCK)


def torch_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import torch

    torch.set_num_threads(problem.case.cores)
    # Twice as fast as torch.tanh once it is compiled.
    hand = Written(problem, torch, lambda u: 1 - 2 / (torch.exp(2 * u) + 1))
    plain = Written(problem, torch, torch.tanh)

    def player(step: Callable[..., Any], move: Callable[..., Any]) -> Play:
        def play(steps: int) -> Any:
            x, data, p, weights = (torch.from_numpy(a) for a in problem.arrays())
            for _ in range(steps):
                for _ in range(N_DISC):
                    p = step(p, x, data, weights)
                x = move(p, x)
            return x.numpy()

        return play

    def without_gradients(play: Play) -> Play:
        return torch.inference_mode()(play)

    def field(p: Any, x: Any) -> Any:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(plain.value(p, x).sum(), x, create_graph=p.requires_grad)[0]

    def eager(p: Any, x: Any, data: Any, weights: Any) -> Any:
        p = p.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(plain.loss(p, x, data, field), p)
        return p.detach() - RATES["lr_disc"] * slopes

    slope_in_x = torch.func.grad(lambda x, p: plain.value(p, x).sum())
    slope_in_p = torch.func.grad(lambda p, x, data: plain.loss(p, x, data, lambda p, x: slope_in_x(x, p)))

    def functional(p: Any, x: Any, data: Any, weights: Any) -> Any:
        return p - RATES["lr_disc"] * slope_in_p(p, x, data)

    def iteration(p: Any, x: Any, data: Any, weights: Any) -> tuple[Any, Any]:
        for _ in range(N_DISC):
            p = hand.by_sums(p, x, data, weights)
        return p, hand.move(p, x, hand.field_by_sums)

    def at_once(steps: int) -> Any:
        x, data, p, weights = (torch.from_numpy(a) for a in problem.arrays())
        for _ in range(steps):
            p, x = whole(p, x, data, weights)
        return x.numpy()

    def move(way: Callable[..., Any]) -> Callable[..., Any]:
        return lambda p, x: hand.move(p, x, way)

    compiled = torch.compile(move(hand.field_by_sums))
    yield "PyTorch eager, autograd", player(eager, lambda p, x: plain.move(p, x, field))
    for name, block in (("products", WIDTH), ("products in blocks", BLOCK)):
        yield f"PyTorch eager, {name}", without_gradients(in_place(problem, torch, torch.from_numpy, block))
    yield "torch.compile, autograd", player(torch.compile(functional), torch.compile(lambda p, x: compiled(p, x)))
    yield "torch.compile, products", without_gradients(player(torch.compile(hand.by_products), compiled))
    yield "torch.compile, sums", without_gradients(player(torch.compile(hand.by_sums), compiled))
    whole = torch.compile(iteration)
    yield f"torch.compile, sums, {N_DISC} steps a call", without_gradients(at_once)


def jax_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    cores = problem.case.cores
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={cores}"
    import jax
    import jax.numpy as jnp
    from jax.sharding import PartitionSpec

    jax.config.update("jax_enable_x64", True)
    hand = Written(problem, jnp, jnp.tanh)
    shared = Written(problem, jnp, jnp.tanh, units=lambda part: jax.lax.psum(part, "units"))

    def field(p: Any, x: Any) -> Any:
        return jax.grad(lambda x: hand.value(p, x).sum())(x)

    def descend(p: Any, x: Any, data: Any, weights: Any) -> Any:
        return p - RATES["lr_disc"] * jax.grad(hand.loss)(p, x, data, field)

    def game(step: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Any]:
        def iterate(_: Any, state: Any) -> Any:
            p, x, data, weights = state
            p = jax.lax.fori_loop(0, N_DISC, lambda _, p: step(p, x, data, weights), p)
            return p, hand.move(p, x, slope), data, weights

        return lambda steps, *state: jax.lax.fori_loop(0, steps, iterate, state)[1]

    def player(advance: Callable[..., Any]) -> Play:
        run, (x, data, p, weights) = jax.jit(advance), (jnp.asarray(a) for a in problem.arrays())
        return lambda steps: problem.np.array(run(steps, p, x, data, weights))

    yield "JAX, autograd", player(game(descend, field))
    yield "JAX, products", player(game(hand.by_products, hand.field_by_products))
    if cores > 1:
        mesh = jax.make_mesh((cores,), ("units",), axis_types=(jax.sharding.AxisType.Auto,))
        whole, parted = PartitionSpec(), PartitionSpec(None, "units")
        advance = jax.shard_map(
            game(shared.by_products, shared.field_by_products),
            mesh=mesh,
            in_specs=(whole, parted, whole, whole, whole),
            out_specs=whole,
            check_vma=False,
        )
        yield f"JAX, products, units on {cores} devices", player(advance)


CONTEST = contest.Contest(
    script=__file__,
    title=f"EffectiveGAN, {POINTS} particles and fixed data points, d=2, {WIDTH} units, {N_DISC} steps an iteration",
    unit="microseconds per step of the discriminator",
    cases=CASES,
    problem=Problem,
    peers={"ganth": ganth_peer, "numpy": numpy_peers, "torch": torch_peers, "jax": jax_peers},
    check_steps=CHECK_STEPS,
    rivals={
        "of PyTorch and JAX": lambda name: "NumPy" not in name,
        "of PyTorch and JAX by autograd": lambda name: "autograd" in name,
        "of all others": lambda name: True,
    },
)

if __name__ == "__main__":
    CONTEST.main(__doc__)
