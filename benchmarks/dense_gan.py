# ruff: noqa: E402 (the environment is set before NumPy is loaded)
"""A kernel GAN against a dense ReLU network: ganth beside NumPy, PyTorch and JAX, same work, same run, one core.

    python benchmarks/dense_gan.py [--depths 1 2 3 4] [--width 400] [--rounds 7] [--out FILE]

KD's figure 6: 4 + 4 points in 2 dimensions, no regulariser, rates 1e-2, simultaneous.  CPU seconds per step and trial,
medians of interleaved rounds.  Before it is timed, every peer plays 20 steps in float64 and must arrive where ganth
does.  Peers that are not installed are left out, and said so in the result.
"""

import os

import contest

contest.alone()
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import argparse
import ctypes
import importlib.util
import pathlib
import platform
import statistics
import time

import numpy as np

import ganth

N, RATE, SEED = 4, 1e-2, 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
RNG = np.random.default_rng(SEED)
TRUE, START = RNG.normal(size=(N, 2)) / np.sqrt(2), RNG.normal(size=(N, 2)) / np.sqrt(2)
WEIGHTS = np.concatenate([np.full(N, 1 / N), np.full(N, -1 / N)])


class Ganth:
    """The engine itself, without the record keeping of a run."""

    def __init__(self, depth, width, dtype, trials=1, threads=1):
        from ganth.games.dense import DenseEngine

        network = ganth.DenseReLU(depth, width)
        game = ganth.KernelGAN(TRUE, kernel=network, reg=0, lr_disc=RATE, lr_gen=RATE)
        self.engine = DenseEngine(game, key=SEED, trials=range(trials), dtype=dtype, threads=threads)
        self.state = self.engine.start(np.broadcast_to(START, (trials, N, 2)), np.full(N, 1 / N))

    def play(self, steps):
        self.engine.advance(self.state, steps)

    def particles(self):
        return self.state["particles"][0]


class NumPy:
    """Matrix products into arrays made once."""

    def __init__(self, depth, width, dtype):
        layers = ganth.DenseReLU(depth, width).initial(2, SEED).layers
        self.layers = [(w.astype(dtype), b.astype(dtype)) for w, b in layers]
        self.x = np.concatenate([TRUE, START]).astype(dtype)
        self.c = (RATE * WEIGHTS).astype(dtype)[:, None]
        self.hidden = [self.x, *(np.empty((2 * N, width), dtype) for _ in range(depth))]
        self.pulls = [np.empty_like(h) for h in self.hidden]
        self.changes = [np.empty_like(w) for w, _ in self.layers]

    def play(self, steps):
        for _ in range(steps):
            for (w, b), below, above in zip(self.layers, self.hidden, self.hidden[1:], strict=False):
                np.matmul(below, w.T, out=above)
                above += b
                np.maximum(above, 0, out=above)
            delta = self.c
            for k in range(len(self.layers) - 1, -1, -1):
                (w, b), pull = self.layers[k], self.pulls[k]
                np.matmul(delta, w, out=pull)
                np.matmul(delta.T, self.hidden[k], out=self.changes[k])
                w += self.changes[k]
                b += delta.sum(axis=0)
                if k:
                    pull *= self.hidden[k] > 0
                delta = pull
            self.x[N:] -= delta[N:]

    def particles(self):
        return self.x[N:]


class Torch:
    """Autograd and an update of all parameters in one call, as a user writes it."""

    def __init__(self, depth, width, dtype):
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        layers = ganth.DenseReLU(depth, width).initial(2, SEED).layers
        make = {"dtype": getattr(torch, dtype), "requires_grad": True}
        self.parameters = [torch.tensor(array, **make) for layer in layers for array in layer]
        self.x = torch.tensor(np.concatenate([TRUE, START]), **make)
        self.c = torch.tensor(WEIGHTS, dtype=self.x.dtype)
        self.step = self._step

    def _step(self):
        torch, h = self.torch, self.x
        *inner, weights, bias = self.parameters
        for w, b in zip(inner[::2], inner[1::2], strict=True):
            h = torch.relu(torch.nn.functional.linear(h, w, b))
        loss = self.c @ torch.nn.functional.linear(h, weights, bias)[:, 0]
        *slopes, force = torch.autograd.grad(loss, [*self.parameters, self.x])
        with torch.no_grad():
            torch._foreach_add_(self.parameters, slopes, alpha=RATE)
            self.x[N:] -= RATE * force[N:]

    def play(self, steps):
        for _ in range(steps):
            self.step()

    def particles(self):
        return self.x.detach().numpy()[N:]


class TorchCompile(Torch):
    """The same loss through torch.func.grad, compiled with its update."""

    def __init__(self, depth, width, dtype):
        super().__init__(depth, width, dtype)
        torch = self.torch
        self.parameters = [p.detach() for p in self.parameters]
        self.x = self.x.detach()

        def loss(parameters, x, c):
            *inner, weights, bias = parameters
            for w, b in zip(inner[::2], inner[1::2], strict=True):
                x = torch.relu(torch.nn.functional.linear(x, w, b))
            return c @ torch.nn.functional.linear(x, weights, bias)[:, 0]

        slope = torch.func.grad(loss, argnums=(0, 1))

        def step(parameters, x, c):
            slopes, force = slope(parameters, x, c)
            for p, s in zip(parameters, slopes, strict=True):
                p += RATE * s  # torch 2.13 compiles p.add_(s, alpha=RATE) after a product to p + s
            x[N:] -= RATE * force[N:]

        compiled = torch.compile(step, fullgraph=True)
        self.step = lambda: compiled(self.parameters, self.x, self.c)


class JAX:
    """All steps in one compiled loop."""

    def __init__(self, depth, width, dtype):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        layers = ganth.DenseReLU(depth, width).initial(2, SEED).layers
        cast = [(jnp.asarray(w, dtype), jnp.asarray(b, dtype)) for w, b in layers]
        x = jnp.asarray(np.concatenate([TRUE, START]), dtype)
        c, mask = jnp.asarray(WEIGHTS, dtype), jnp.asarray(np.repeat([0, 1], N)[:, None], dtype)

        def loss(layers, x):
            *inner, (weights, bias) = layers
            for w, b in inner:
                x = jax.nn.relu(x @ w.T + b)
            return c @ (x @ weights[0] + bias)

        def step(_, state):
            layers, x = state
            slopes, force = jax.grad(loss, argnums=(0, 1))(layers, x)
            layers = jax.tree.map(lambda p, s: p + jnp.asarray(RATE, dtype) * s, layers, slopes)
            return layers, x - jnp.asarray(RATE, dtype) * mask * force

        self.state = (cast, x)
        loop = jax.jit(lambda state, steps: jax.lax.fori_loop(0, steps, step, state), donate_argnums=0)
        self.loop = lambda steps: jax.block_until_ready(loop(self.state, steps))

    def play(self, steps):
        self.state = self.loop(steps)

    def particles(self):
        return np.asarray(self.state[1])[N:]


PEERS = {"ganth": Ganth, "numpy": NumPy, "torch": Torch, "torch.compile": TorchCompile, "jax": JAX}


def usable():
    """Return the peers that are installed."""
    return {name: peer for name, peer in PEERS.items() if importlib.util.find_spec(name.split(".")[0])}


def agree(peers, depth, width):
    """Raise unless all peers play the same game."""
    ends = {}
    for name, peer in peers.items():
        player = peer(depth, width, "float64")
        player.play(20)
        ends[name] = player.particles().copy()
        if not np.allclose(ends[name], ends["ganth"], rtol=0, atol=1e-12):
            raise SystemExit(f"{name} plays another game than ganth: {abs(ends[name] - ends['ganth']).max()}")


def seconds_per_step(player, seconds=0.15):
    """Return a function that times enough steps to fill `seconds`, in CPU seconds a step."""
    player.play(3)
    began = time.process_time()
    player.play(10)
    steps = max(10, int(10 * seconds / max(time.process_time() - began, 1e-5)))

    def measure():
        began = time.process_time()
        player.play(steps)
        return (time.process_time() - began) / steps

    return measure


def case(peers, depth, width, dtype, rounds):
    """Return the microseconds a step of each peer, and the ratios to ganth."""
    timers = {name: seconds_per_step(peer(depth, width, dtype)) for name, peer in peers.items()}
    timers["ganth, 4 trials on 2 threads"] = seconds_per_step(Ganth(depth, width, dtype, trials=4, threads=2), 0.3)
    times = {name: [] for name in timers}
    for _ in range(rounds):
        for name, measure in timers.items():
            times[name].append(measure() / (4 if "trials" in name else 1))
    micro = {name: round(1e6 * statistics.median(values), 2) for name, values in times.items()}
    ratios = {name: round(micro[name] / micro["ganth"], 2) for name in peers}
    print(f"depth {depth} {dtype}: " + ", ".join(f"{name} {value:g} us" for name, value in micro.items()), flush=True)
    return {"depth": depth, "dtype": dtype, "cpu_us_per_trial_step": micro, "times_ganth": ratios}


def keep_pages():
    """Tell glibc's malloc to keep freed pages, which halves the time of those who allocate in every step."""
    if platform.system() == "Linux":
        libc = ctypes.CDLL(None)
        return bool(libc.mallopt(M_TRIM_THRESHOLD, 2**30) and libc.mallopt(M_MMAP_THRESHOLD, 2**30))
    return False


def main():
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--width", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=pathlib.Path, default=contest.RESULTS / "dense_gan.json")
    options = parser.parse_args()
    kept, peers = keep_pages(), usable()
    agree(peers, 2, options.width)
    cases = [
        case(peers, depth, options.width, dtype, options.rounds)
        for dtype in ("float64", "float32")
        for depth in options.depths
    ]
    result = {
        "benchmark": "dense_gan",
        "settings": {"width": options.width, "points": 2 * N, "dim": 2, "rates": RATE, "rounds": options.rounds},
        "left_out": sorted(set(PEERS) - set(peers)),
        "malloc_keeps_pages": kept,
        "machine": contest.machine(),
        "cases": cases,
    }
    contest.write(options.out, result)


if __name__ == "__main__":
    main()
