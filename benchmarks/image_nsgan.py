"""A step of a convolutional NSGAN, and the metric, beside PyTorch and JAX: the same step, on the same cores.

Run with ``python benchmarks/image_nsgan.py`` after ``pip install -e '.[bench]'``.  Images are 28 x 28 with one channel,
batch 64, networks those of ``ganth.nn.dcgan`` with 32 and 64 channels.  A step makes a batch of images, takes a step of
Adam of the discriminator on data and on them, and one of the generator on the same images.  "discriminator" is the
first half, with images that are there; "metric" is |grad d| / d at a batch of images.  All have the same start, data
and latents, and must show the same images (or numbers) after a few steps, to rounding in float32.

PyTorch runs eager, in its own order of axes and channels last, and compiled; Adam fused.  JAX compiles a step, or the
loop.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import contest
from contest import Play

CHECK_STEPS, TABLE = 3, 16
WIDTH, LATENTS, SLOPE, EPSILON = 32, 100, 0.2, 1e-5
RATE, BETAS = 2e-4, (0.5, 0.999)
TOLERANCE = {"step": 2e-3, "discriminator": 2e-3, "metric": 1e-4}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case(contest.Case):
    """What is done, and with how many images."""

    dtypes: tuple[str, ...] = ("float32",)
    what: str = "step"
    batch: int = 64

    def about(self) -> str:
        return f"{self.what}, 28 x 28, batch {self.batch}, {WIDTH} and {2 * WIDTH} channels"


CASES = {
    f"{what}, {name}": Case(cores=cores, what=what, target=target)
    for what, target in (("step", 1.3), ("discriminator", None), ("metric", None))
    for cores, name in ((1, "one core"), (2, "two cores"))
}


class Problem:
    """The networks at their start, and a table of data and latents."""

    def __init__(self, case: Case, dtype: str) -> None:
        import numpy as np

        import ganth
        from ganth.formulas.random import DATA, GENERATOR, LATENT, WEIGHTS

        self.case, self.dtype, self.np, self.parts = case, dtype, np, 1
        self.generator, self.discriminator = ganth.nn.dcgan(28, 1, width=WIDTH, latent_dim=LATENTS)
        self.starts = [
            net.initial(1, purpose=purpose, start="torch").astype(dtype)
            for net, purpose in ((self.generator, GENERATOR), (self.discriminator, WEIGHTS))
        ]
        digits = ganth.targets.images.sample().images
        chosen = ganth.streams.uniform(1, TABLE * case.batch, purpose=DATA) * len(digits)
        self.data = digits[chosen.astype(int)].reshape(TABLE, case.batch, 28, 28, 1)
        self.latents = ganth.streams.normal(1, (TABLE, case.batch, LATENTS), purpose=LATENT).astype(dtype)
        self.start = self.data[0]

    def own(self, rate: float = RATE) -> Play:
        """Return ganth's step."""
        import ganth

        np, case, (generator, discriminator) = self.np, self.case, (self.generator, self.discriminator)
        maker, judge = (net.bind(case.batch, self.dtype, threads=case.cores) for net in (generator, discriminator))
        adam = ganth.nn.Adam(beta1=BETAS[0], beta2=BETAS[1])
        images, below = np.empty_like(self.start), np.empty_like(self.start)
        slopes, logits = np.empty((2, case.batch, 1), self.dtype)
        ones, (gen_slopes, disc_slopes) = np.ones_like(logits), (np.empty_like(start) for start in self.starts)

        def sigmoid(v: Any) -> Any:
            return 1 / (1 + np.exp(-v))

        def play(steps: int) -> Any:
            gen, disc = (start.copy() for start in self.starts)
            gen_state, disc_state = (net.initial_state().astype(self.dtype) for net in (generator, discriminator))
            gen_moments, disc_moments = (adam.start(p.size, self.dtype) for p in (gen, disc))

            def look(shown: Any, target: float) -> None:
                judge.forward(disc, shown, logits, state=disc_state)
                np.subtract(sigmoid(logits), target, out=slopes)
                np.divide(slopes, case.batch, out=slopes)

            if case.what == "metric":
                for t in range(steps):
                    judge.forward(disc, self.data[t % TABLE], logits, state=disc_state)
                    judge.backward(disc, ones, below=below)
                    norms = np.sqrt(np.square(below).sum((1, 2, 3), keepdims=True)[:, 0, 0])
                    found = norms * sigmoid(-logits)
                return found
            if case.what == "discriminator":
                maker.forward(gen, self.latents[0], images, state=gen_state)
            for t in range(steps):
                if case.what == "step":
                    maker.forward(gen, self.latents[t % TABLE], images, state=gen_state)
                disc_slopes.fill(0)
                for shown, target in ((self.data[t % TABLE], 1), (images, 0)):
                    look(shown, target)
                    judge.backward(disc, slopes, disc_slopes)
                adam.step(disc, disc_slopes, disc_moments, rate=rate, step=t + 1)
                if case.what == "step":
                    look(images, 1)
                    judge.backward(disc, slopes, below=below)
                    gen_slopes.fill(0)
                    maker.backward(gen, below, gen_slopes)
                    adam.step(gen, gen_slopes, gen_moments, rate=rate, step=t + 1)
            if case.what == "discriminator":
                return judge.forward(disc, self.start, state=disc_state)
            return maker.forward(gen, self.latents[0], state=gen_state)

        return play

    def off(self, found: Any, wanted: Any) -> float:
        return float(abs(found - wanted).max() / abs(wanted).max()) / TOLERANCE[self.case.what]

    def near_misses(self) -> dict[str, Play]:
        if self.case.what == "metric":
            return {"data of another step": lambda steps: self.own()(steps + 1)}
        return {"another rate": self.own(1.5 * RATE)}


def ganth_peer(problem: Problem) -> Iterator[tuple[str, Play]]:
    yield "ganth", problem.own()


def torch_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import torch

    case, nn = problem.case, torch.nn
    torch._dynamo.config.recompile_limit = 64  # it counts what all contenders share
    torch.set_num_threads(case.cores)
    softplus = nn.functional.softplus

    class Flat(nn.Module):
        """Flattens images in ganth's order of axes."""

        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)

    class Images(nn.Module):
        """The way back."""

        def forward(self, x: Any) -> Any:
            return x.unflatten(1, (7, 7, 2 * WIDTH)).permute(0, 3, 1, 2)

    def networks() -> list[Any]:
        generator = nn.Sequential(
            nn.Linear(LATENTS, 49 * 2 * WIDTH, bias=False), Images(), nn.BatchNorm2d(2 * WIDTH), nn.ReLU(),
            nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(),
            nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        discriminator = nn.Sequential(
            nn.Conv2d(1, WIDTH, 4, 2, 1), nn.LeakyReLU(SLOPE), nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * WIDTH), nn.LeakyReLU(SLOPE), Flat(), nn.Linear(49 * 2 * WIDTH, 1),
        )  # fmt: skip
        pairs = ((generator, problem.generator), (discriminator, problem.discriminator))
        for (module, net), start in zip(pairs, problem.starts, strict=True):
            own = [view for layer in net.split(start) for view in layer.values()]
            with torch.no_grad():
                for tensor, view in zip(module.parameters(), own, strict=True):
                    axes = (0, 3, 1, 2) if view.ndim == 4 else tuple(range(view.ndim))
                    tensor.copy_(torch.from_numpy(view.transpose(axes).copy()))
        return [generator, discriminator]

    def player(layout: Any, compiled: bool) -> Play:
        generator, discriminator = (module.to(memory_format=layout) for module in networks())
        starts = [{k: v.clone() for k, v in m.state_dict().items()} for m in (generator, discriminator)]
        gen, disc = (torch.compile(m) if compiled else m for m in (generator, discriminator))
        data = [torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout) for x in problem.data]
        latents = torch.from_numpy(problem.latents)

        def play(steps: int) -> Any:
            for module, start in zip((generator, discriminator), starts, strict=True):
                module.load_state_dict(start)
            fast = [
                torch.optim.Adam(m.parameters(), lr=RATE, betas=BETAS, fused=True) for m in (generator, discriminator)
            ]
            if case.what == "metric":
                for t in range(steps):
                    x = data[t % TABLE].detach().requires_grad_()
                    logits = disc(x)
                    (slopes,) = torch.autograd.grad(logits.sum(), x)
                    found = slopes.flatten(1).norm(dim=1, keepdim=True) * torch.sigmoid(-logits)
                return found.detach().numpy()
            with torch.no_grad():
                images = gen(latents[0])
            for t in range(steps):
                if case.what == "step":
                    images = gen(latents[t % TABLE])
                fast[1].zero_grad()
                (softplus(-disc(data[t % TABLE])).mean() + softplus(disc(images.detach())).mean()).backward()
                fast[1].step()
                if case.what == "step":
                    fast[0].zero_grad()
                    discriminator.requires_grad_(False)
                    softplus(-disc(images)).mean().backward()
                    discriminator.requires_grad_(True)
                    fast[0].step()
            with torch.no_grad():
                if case.what == "discriminator":
                    return disc(data[0]).numpy()
                return gen(latents[0]).permute(0, 2, 3, 1).numpy()

        return play

    for name, layout in (("", torch.contiguous_format), (", channels last", torch.channels_last)):
        yield f"PyTorch eager{name}", player(layout, compiled=False)
        yield f"torch.compile{name}", player(layout, compiled=True)


def jax_peers(problem: Problem) -> Iterator[tuple[str, Play]]:
    import jax
    import jax.numpy as jnp
    from jax import lax

    case = problem.case
    data, latents = jnp.asarray(problem.data), jnp.asarray(problem.latents)
    axes = ("NHWC", "HWIO", "NHWC")

    def conv(x: Any, w: Any) -> Any:
        return lax.conv_general_dilated(x, w, (2, 2), ((1, 1), (1, 1)), dimension_numbers=axes)

    def conv_transpose(x: Any, w: Any) -> Any:
        return lax.conv_general_dilated(x, w, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2), dimension_numbers=axes)

    def normalised(x: Any, scale: Any, shift: Any) -> Any:
        mean = x.mean((0, 1, 2))
        variance = jnp.square(x - mean).mean((0, 1, 2))
        return (x - mean) * (scale * lax.rsqrt(variance + EPSILON)) + shift

    def generate(p: Any, z: Any) -> Any:
        x = (z @ p["w0"]).reshape(-1, 7, 7, 2 * WIDTH)
        x = jax.nn.relu(normalised(x, p["g0"], p["s0"]))
        x = jax.nn.relu(normalised(conv_transpose(x, p["w1"]), p["g1"], p["s1"]))
        return jnp.tanh(conv_transpose(x, p["w2"]) + p["b2"])

    def judge(p: Any, x: Any) -> Any:
        x = jax.nn.leaky_relu(conv(x, p["w0"]) + p["b0"], SLOPE)
        x = jax.nn.leaky_relu(normalised(conv(x, p["w1"]), p["g1"], p["s1"]), SLOPE)
        return x.reshape(len(x), -1) @ p["w2"] + p["b2"]

    def convolution(w: Any) -> Any:
        return jnp.asarray(w.transpose(1, 2, 3, 0))

    def transposed(w: Any) -> Any:
        return jnp.asarray(w[:, ::-1, ::-1].transpose(1, 2, 0, 3))

    own = [net.split(p) for net, p in zip((problem.generator, problem.discriminator), problem.starts, strict=True)]
    first, norm, up, norm_up, last = (layer for layer in own[0] if layer)
    gen_start = {
        "w0": jnp.asarray(first["weights"].T), "g0": norm["scale"], "s0": norm["shift"],
        "w1": transposed(up["weights"]), "g1": norm_up["scale"], "s1": norm_up["shift"],
        "w2": transposed(last["weights"]), "b2": last["biases"],
    }  # fmt: skip
    below, above, norm_above, top = (layer for layer in own[1] if layer)
    disc_start = {
        "w0": convolution(below["weights"]), "b0": below["biases"], "w1": convolution(above["weights"]),
        "g1": norm_above["scale"], "s1": norm_above["shift"], "w2": jnp.asarray(top["weights"].T), "b2": top["biases"],
    }  # fmt: skip
    starts = jax.tree.map(jnp.asarray, (gen_start, disc_start))

    def adam(p: Any, slopes: Any, kept: Any, t: Any) -> Any:
        mean = jax.tree.map(lambda m, g: m + (1 - BETAS[0]) * (g - m), kept[0], slopes)
        square = jax.tree.map(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, kept[1], slopes)
        rate, root = RATE / (1 - BETAS[0] ** t), jnp.sqrt(1 - BETAS[1] ** t)
        return jax.tree.map(lambda x, m, v: x - rate * m / (jnp.sqrt(v) / root + 1e-8), p, mean, square), (mean, square)

    def paid(disc: Any, x: Any, images: Any) -> Any:
        return jax.nn.softplus(-judge(disc, x)).mean() + jax.nn.softplus(judge(disc, images)).mean()

    def step(t: Any, state: Any) -> Any:
        gen, disc, gen_kept, disc_kept, images = state
        x, z = data[t % TABLE], latents[t % TABLE]
        if case.what == "discriminator":
            disc, disc_kept = adam(disc, jax.grad(paid)(disc, x, images), disc_kept, t + 1.0)
            return gen, disc, gen_kept, disc_kept, images
        images, back = jax.vjp(lambda p: generate(p, z), gen)
        disc, disc_kept = adam(disc, jax.grad(paid)(disc, x, images), disc_kept, t + 1.0)
        slopes = jax.grad(lambda y: jax.nn.softplus(-judge(disc, y)).mean())(images)
        gen, gen_kept = adam(gen, back(slopes)[0], gen_kept, t + 1.0)
        return gen, disc, gen_kept, disc_kept, images

    def measure(t: Any, found: Any) -> Any:
        logits, back = jax.vjp(lambda x: judge(starts[1], x), data[t % TABLE])
        slopes = back(jnp.ones_like(logits))[0]
        norms = jnp.sqrt(jnp.square(slopes).sum((1, 2, 3), keepdims=True))[:, 0, 0]
        return norms * jax.nn.sigmoid(-logits)

    made = jax.jit(generate)(starts[0], latents[0])

    def begin() -> Any:
        if case.what == "metric":
            return jnp.zeros((case.batch, 1))
        return (*starts, *(tuple(jax.tree.map(jnp.zeros_like, p) for _ in range(2)) for p in starts), made)

    def show(state: Any) -> Any:
        if case.what == "metric":
            return state
        return judge(state[1], data[0]) if case.what == "discriminator" else generate(state[0], latents[0])

    one = measure if case.what == "metric" else step
    loop = jax.jit(lambda steps: show(lax.fori_loop(0, steps, one, begin())))
    alone, shown = jax.jit(one), jax.jit(show)

    def play(steps: int) -> Any:
        state = begin()
        for t in range(steps):
            state = alone(t, state)
        return problem.np.array(shown(state))

    yield "JAX, a step at a time", play
    yield "JAX, a loop", lambda steps: problem.np.array(loop(steps))


CONTEST = contest.Contest(
    script=__file__,
    title="Convolutional NSGAN on digits, one step of each network, Adam",
    unit="microseconds",
    cases=CASES,
    problem=Problem,
    peers={"ganth": ganth_peer, "torch": torch_peers, "jax": jax_peers},
    check_steps=CHECK_STEPS,
    rivals=contest.BY_LIBRARY,
)

if __name__ == "__main__":
    CONTEST.main(__doc__)
