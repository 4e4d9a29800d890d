"""NSGAN's iteration on the 3-D cube mixture beside PyTorch and JAX: the same networks, losses, rates and precision.

    python benchmarks/nsgan.py [--cases NAME ...] [--rounds 7] [--seconds 0.3] [--out FILE]

One step of the discriminator, one of the generator, plain SGD, at the paper's sizes (2 x 64 units and batch 128, 3 x 64
leaky units and batch 256).  How it is measured: contest.py.  Numbers are microseconds per trial and iteration; ganth is
called whole, `game.run`, and draws its data and latents anew; the others take them from a table that is made before
they are timed (64 iterations of it, over and over, but for the check), which favours them.  The check would notice
another rate of the generator.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import contest
from contest import Play

CHECK_STEPS, TABLE = 20, 64
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}
SLOPE, SAMPLES = 0.2, 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case(contest.Case):
    """The networks, the batch, and how many trials."""

    hidden: int = 2
    batch: int = 128
    rate: float = 0.05
    trials: int = 1

    def about(self) -> str:
        kind = "ReLU" if self.hidden == 2 else "leaky"
        return f"{self.hidden} x 64 {kind} units, batch {self.batch}, {self.trials} trial(s)"


LARGE = {"hidden": 3, "batch": 256, "rate": 0.07}
CASES = {
    "2 x 64, one core": Case(cores=1),
    "2 x 64, 20 trials": Case(cores=2, target=3, trials=20),
    "3 x 64, one core": Case(cores=1, **LARGE),
    "3 x 64, 20 trials": Case(cores=2, target=3, trials=20, **LARGE),
}


class Problem:
    """The game, and what the others need: starts, and a table of data and latents."""

    def __init__(self, case: Case, dtype: str) -> None:
        import numpy as np

        import ganth
        from ganth.formulas.random import LATENT, START

        self.case, self.dtype, self.np, self.parts = case, dtype, np, case.trials
        cube = ganth.targets.GaussianMixture.cube(3, 0.0125)
        kind = "relu" if case.hidden == 2 else "leaky"
        self.network = ganth.nn.Dense((64,) * case.hidden, activation=kind, slope=SLOPE)
        networks = {"generator": self.network, "discriminator": self.network}
        self.game = ganth.NSGAN(
            cube, **networks, lr_disc=case.rate, lr_gen=case.rate, batch=case.batch, n_samples=SAMPLES
        )
        begin = self.game.run(steps=0, trials=case.trials, dtype=dtype)
        self.start = begin.particles[:, 0]
        self.networks = {
            name: [
                [tuple(map(np.copy, pair)) for pair in self.network.split(row, 3, outputs)] for row in begin.state[name]
            ]
            for name, outputs in (("generator", 3), ("discriminator", 1))
        }
        self.shown = ganth.streams.normal(0, (SAMPLES, 3), purpose=START).astype(dtype)
        shape = (case.batch, 3)
        self.data = np.array(
            [[cube.sample(case.batch, 0, trial=k, step=t) for t in range(TABLE)] for k in range(case.trials)], dtype
        )
        self.latents = np.array(
            [
                [ganth.streams.normal(0, shape, purpose=LATENT, trial=k, step=t) for t in range(2 * TABLE)]
                for k in range(case.trials)
            ],
            dtype,
        )

    def own(self, **changes: float) -> Play:
        """Return ganth's game with some settings changed."""
        game = self.game.with_settings(**changes)

        def play(steps: int) -> Any:
            run = game.run(steps=steps, trials=self.case.trials, dtype=self.dtype, threads=self.case.cores)
            return run.particles[:, -1]

        return play

    def off(self, found: Any, wanted: Any) -> float:
        return float(abs(found - wanted).max()) / TOLERANCE[self.dtype]

    def near_misses(self) -> dict[str, Play]:
        return {"another rate": self.own(lr_gen=1.2 * self.case.rate)}


def ganth_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    yield "ganth", problem.own()


def torch_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import torch

    case, functional = problem.case, torch.nn.functional
    torch.set_num_threads(case.cores)
    data, latents, shown = (torch.from_numpy(a) for a in (problem.data, problem.latents, problem.shown))

    def value(layers: Any, x: Any) -> Any:
        for weights, biases in layers[:-1]:
            x = functional.leaky_relu(functional.linear(x, weights, biases), SLOPE if case.hidden == 3 else 0.0)
        return functional.linear(x, *layers[-1])

    def descended(loss: Any, layers: Any) -> Any:
        flat = [p for pair in layers for p in pair]
        slopes = torch.autograd.grad(loss, flat)
        with torch.no_grad():
            moved = [p - case.rate * g for p, g in zip(flat, slopes, strict=True)]
        return [(a.requires_grad_(), b.requires_grad_()) for a, b in zip(moved[::2], moved[1::2], strict=True)]

    def iterate(gen: Any, disc: Any, x: Any, first: Any, second: Any) -> Any:
        with torch.no_grad():
            fake = value(gen, first)
        disc = descended(judged(disc, x, fake), disc)
        return descended(taught(gen, disc, second), gen), disc

    def judged(disc: Any, x: Any, fake: Any) -> Any:
        return functional.softplus(-value(disc, x)).mean() + functional.softplus(value(disc, fake)).mean()

    def taught(gen: Any, disc: Any, z: Any) -> Any:
        return functional.softplus(-value(disc, value(gen, z))).mean()

    def transformed(gen: Any, disc: Any, x: Any, first: Any, second: Any) -> Any:
        """Return what `iterate` does, in a form that is compiled whole."""

        def moved(layers: Any, slopes: Any) -> Any:
            return [
                tuple(p - case.rate * g for p, g in zip(*pair, strict=True))
                for pair in zip(layers, slopes, strict=True)
            ]

        disc = moved(disc, torch.func.grad(judged)(disc, x, value(gen, first)))
        return moved(gen, torch.func.grad(taught)(gen, disc, second)), disc

    compiled = torch.compile(transformed)

    def inferring(gen: Any, disc: Any, k: int, steps: int) -> Any:
        gen, disc = ([tuple(p.detach() for p in pair) for pair in layers] for layers in (gen, disc))
        with torch.no_grad():
            return functions(compiled)(gen, disc, k, steps)

    def modules(gen: Any, disc: Any, k: int, steps: int) -> Any:
        """Play with modules and optimisers, as one writes it."""

        def build(layers: Any) -> Any:
            parts = []
            for weights, biases in layers:
                linear = torch.nn.Linear(weights.shape[1], weights.shape[0], dtype=weights.dtype)
                linear.weight.data.copy_(weights)
                linear.bias.data.copy_(biases)
                parts += [linear, torch.nn.LeakyReLU(SLOPE) if case.hidden == 3 else torch.nn.ReLU()]
            return torch.nn.Sequential(*parts[:-1])

        nets = [build(gen), build(disc)]
        fast = [torch.optim.SGD(net.parameters(), lr=case.rate) for net in nets]
        for t in range(steps):
            x, (first, second) = data[k, t % TABLE], latents[k, 2 * (t % TABLE) : 2 * (t % TABLE) + 2]
            with torch.no_grad():
                fake = nets[0](first)
            fast[1].zero_grad()
            (functional.softplus(-nets[1](x)).mean() + functional.softplus(nets[1](fake)).mean()).backward()
            fast[1].step()
            fast[0].zero_grad()
            functional.softplus(-nets[1](nets[0](second))).mean().backward()
            fast[0].step()
        return nets[0](shown)

    def player(one: Callable[..., Any]) -> Play:
        def play(steps: int) -> Any:
            found = []
            for k in range(case.trials):
                gen, disc = (
                    [
                        (torch.from_numpy(w.copy()).requires_grad_(), torch.from_numpy(b.copy()).requires_grad_())
                        for w, b in problem.networks[name][k]
                    ]
                    for name in ("generator", "discriminator")
                )
                found.append(one(gen, disc, k, steps).detach().numpy())
            return problem.np.array(found)

        return play

    def functions(step: Callable[..., Any]) -> Callable[..., Any]:
        def one(gen: Any, disc: Any, k: int, steps: int) -> Any:
            for t in range(steps):
                pair = latents[k, 2 * (t % TABLE) : 2 * (t % TABLE) + 2]
                gen, disc = step(gen, disc, data[k, t % TABLE], *pair)
            return value(gen, shown)

        return one

    yield "PyTorch eager", player(lambda gen, disc, k, steps: _without_graph(modules, gen, disc, k, steps))
    yield "PyTorch eager, functions", player(functions(iterate))
    yield "torch.compile, functions", player(inferring)


def _without_graph(play: Callable[..., Any], gen: Any, disc: Any, k: int, steps: int) -> Any:
    """Hand starts over without the graph that functions would ask for."""
    return play([(w.detach(), b.detach()) for w, b in gen], [(w.detach(), b.detach()) for w, b in disc], k, steps)


def jax_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    case = problem.case
    data, latents, shown = (jnp.asarray(a) for a in (problem.data, problem.latents, problem.shown))

    def value(layers: Any, x: Any) -> Any:
        for weights, biases in layers[:-1]:
            u = x @ weights.T + biases
            x = jax.nn.leaky_relu(u, SLOPE) if case.hidden == 3 else jax.nn.relu(u)
        return x @ layers[-1][0].T + layers[-1][1]

    def judged(disc: Any, x: Any, fake: Any) -> Any:
        return jax.nn.softplus(-value(disc, x)).mean() + jax.nn.softplus(value(disc, fake)).mean()

    def taught(gen: Any, disc: Any, z: Any) -> Any:
        return jax.nn.softplus(-value(disc, value(gen, z))).mean()

    def descend(layers: Any, slopes: Any) -> Any:
        return jax.tree.map(lambda p, g: p - case.rate * g, layers, slopes)

    def game(steps: Any, gen: Any, disc: Any, x: Any, z: Any) -> Any:
        def step(t: Any, state: Any) -> Any:
            gen, disc = state
            disc = descend(disc, jax.grad(judged)(disc, x[t % TABLE], value(gen, z[2 * t % (2 * TABLE)])))
            return descend(gen, jax.grad(taught)(gen, disc, z[(2 * t + 1) % (2 * TABLE)])), disc

        return value(jax.lax.fori_loop(0, steps, step, (gen, disc))[0], shown)

    def stacked(name: str) -> Any:
        return jax.tree.map(lambda *rows: jnp.stack(rows), *problem.networks[name])

    arrays = stacked("generator"), stacked("discriminator"), data, latents
    one = jax.jit(game)

    def apart(steps: int) -> Any:
        rows = [one(steps, *jax.tree.map(lambda a, k=k: a[k], arrays)) for k in range(case.trials)]
        return problem.np.array(rows)

    yield "JAX, trial by trial" if case.trials > 1 else "JAX", apart
    if case.trials > 1:
        together = jax.jit(jax.vmap(game, in_axes=(None, 0, 0, 0, 0)))
        yield "JAX, vmap", lambda steps: problem.np.array(together(steps, *arrays))


CONTEST = contest.Contest(
    script=__file__,
    title="NSGAN on the cube mixture, one step of each network an iteration, SGD",
    unit="microseconds per trial and iteration",
    cases=CASES,
    problem=Problem,
    peers={"ganth": ganth_peer, "torch": torch_peers, "jax": jax_peers},
    check_steps=CHECK_STEPS,
    rivals=contest.BY_LIBRARY,
)

if __name__ == "__main__":
    CONTEST.main(__doc__)
