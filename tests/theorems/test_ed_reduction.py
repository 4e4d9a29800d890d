"""ED eq. (26), new results: the reduction of a tight cluster, its limit for many particles, the transition's time.

Theory: the mean moves by grad D + O(s^2), deviations xi by eps Hess D xi + O(s^2), eps = (g1 - g2)/N; eps falls as 1/N
at fixed r = g2/g1 > 0; a cluster has split after a time T where eps times what T has gathered reaches a level.
"""

import naive_coupling as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.stability import local_weight
from ganth.theory import effective as theory

seeds = st.integers(0, 2**32)
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
FOURIER = {"discriminator": "fourier", "lr_disc": 1e-3, "lr_gen": 1e-3, "n_disc": 20, "data": "population"}


def random_waves(seed):
    """Return the gradient and the Hessian of a sum of plane waves in two dimensions."""
    rng = np.random.default_rng(seed)
    k, phases = rng.normal(size=(5, 2)), rng.uniform(0, 2 * np.pi, 5)
    gradient = lambda x: np.cos(x @ k.T + phases) @ k  # noqa: E731
    hessian = lambda x: -np.einsum("w,wi,wj->ij", np.sin(k @ x + phases), k, k)  # noqa: E731
    return gradient, hessian


def deviations(n, seed):
    drawn = np.random.default_rng(seed).normal(size=(n, 2))
    return drawn - drawn.mean(axis=0)


def test_ED_New_reduction():
    for dim, size in ((1, 2), (2, 2), (2, 3)):
        mean, rest = theory.reduction_gaps(size, dim)
        assert mean == sp.zeros(dim, 1)
        assert rest == sp.zeros(size, dim)


@given(seed=seeds, n=st.integers(2, 8), ratio=st.floats(0.0, 1.0))
def test_ED_New_reduction_leaves_second_order(seed, n, ratio):
    gradient, hessian = random_waves(seed)
    xi, at, eps = deviations(n, seed), np.random.default_rng(seed + 1).normal(size=2), local_weight(ratio, n)
    gram = naive.two_values(n, ratio, "mean")

    def rests(s):
        velocity = naive.velocities(gram, gradient(at + s * xi))
        mean = velocity.mean(axis=0)
        return mean - gradient(at[None])[0], velocity - mean - eps * s * xi @ hessian(at)

    bound = 200 * (np.abs(xi).max() + 1) ** 2
    for s in (1e-3, 1e-4):
        assert all(np.abs(rest).max() < bound * s**2 + 1e-11 for rest in rests(s))


@pytest.mark.parametrize("ratio", [0.0, 0.02, 0.1, 0.5])
def test_ED_New_reduction_against_a_discriminator_that_learns(ratio):
    """One path of the mean for every ratio, and log growth that is eps times a common number."""
    n, steps = 20, 60
    start = np.array([0.9, 0.2]) + 1e-6 * deviations(n, 1)
    game = ganth.EffectiveGAN(RING, n_particles=n, **FOURIER)
    rigid = game.with_settings(ntk_ratio=1.0).run(start, steps=steps, threads=1).final
    eps = local_weight(ratio, n)
    small = game.with_settings(ntk_ratio=local_weight(0.01, n)).run(start, steps=steps, threads=1).final
    run = game.with_settings(ntk_ratio=ratio).run(start, steps=steps, threads=1).final
    np.testing.assert_allclose(rigid - rigid.mean(axis=0), start - start.mean(axis=0), atol=1e-13)
    assert np.abs(run.mean(axis=0) - rigid.mean(axis=0)).max() < 1e-4
    assert np.abs(rigid.mean(axis=0) - start.mean(axis=0)).max() > 0.1
    # The map of the deviations is linear, exp(eps times a matrix) but for what does not commute.
    origin = np.linalg.lstsq(start - start.mean(axis=0), small - small.mean(axis=0), rcond=None)[0]
    found = np.linalg.lstsq(start - start.mean(axis=0), run - run.mean(axis=0), rcond=None)[0]
    common = np.log(np.linalg.det(origin)) / 0.01
    assert common > 5
    assert np.log(np.linalg.det(found)) == pytest.approx(eps * common, rel=0.12)


def test_ED_New_Nlimit():
    phi = sp.Symbol("phi", positive=True)
    weight = theory.local_weight().subs(theory.ratio, phi)
    assert sp.limit(weight, theory.n, sp.oo) == 0
    assert sp.simplify(sp.limit(theory.n * weight, theory.n, sp.oo) - (1 - phi) / phi) == 0
    assert theory.local_weight().subs(theory.ratio, 0) == 1  # r = 0 keeps its own gradient for every N


@given(seed=seeds, n=st.integers(2, 40), ratio=st.floats(0.01, 1.0), scale=st.floats(0.1, 100.0))
def test_ED_New_Nlimit_bounds_how_fast_two_particles_part(seed, n, ratio, scale):
    gradients = scale * np.random.default_rng(seed).normal(size=(n, 2))
    velocity = naive.velocities(naive.two_values(n, ratio, "mean"), gradients)
    apart = np.linalg.norm(velocity[:, None] - velocity, axis=-1).max()
    largest = np.linalg.norm(gradients, axis=1).max()
    assert apart <= 2 * (1 - ratio) / (ratio * (n - 1)) * largest + 1e-9 * scale * n


def test_ED_New_Nlimit_against_discriminators_that_learn():
    """At r = 0.2 clouds of 20 to 320 particles of one spread change shape as 1/N, at one eps alike."""
    changes = {}
    kinds = {"fourier": FOURIER, "relu": {"width": 32, "lr_disc": 0.1, "lr_gen": 0.1, "n_data": 20}}
    for name, settings in kinds.items():
        for n in (20, 80, 320):
            for ratio in (0.2, local_weight(0.02, n)):
                game = ganth.EffectiveGAN(RING, n_particles=n, ntk_ratio=ratio, **settings)
                xi = np.tile(deviations(20, 5), (n // 20, 1))
                last = game.run([0.9, 0.2] + 0.1 * xi, steps=15, threads=1).final
                changes[name, n, ratio == 0.2] = np.sqrt(((last - last.mean(axis=0) - 0.1 * xi) ** 2).mean())
    for name in kinds:
        first, second, third = (changes[name, n, True] for n in (20, 80, 320))
        assert first > 3 * second > 9 * third > 0
        assert second / third == pytest.approx(local_weight(0.2, 80) / local_weight(0.2, 320), rel=0.2)
        alike = [changes[name, n, False] for n in (20, 80, 320)]
        assert max(alike) < 1.1 * min(alike)


def test_ED_New_Nlimit_of_seeds_drawn_anew():
    """A batch that does not hold two outputs moves them alike: a pool of seeds is as stiff as so many particles."""
    pool, batch, ratio, rate, steps = 50, 5, 0.3, 0.02, 2000
    rng = np.random.default_rng(0)
    first = batch / (1 + (batch - 1) * ratio)
    outputs = 1e-4 * deviations(pool, 3)[:, 0]
    start = outputs.copy()
    for _ in range(steps):
        chosen = rng.choice(pool, batch, replace=False)
        # (16) for every output of the pool, D with its minimum at their mean and Hessian 1
        gamma = np.full((pool, batch), ratio * first)
        gamma[chosen, np.arange(batch)] = first
        gradients = outputs[chosen] - outputs.mean()
        moved = rate * gamma @ gradients / batch
        outside = np.setdiff1d(np.arange(pool), chosen)
        assert np.ptp(moved[outside]) == 0
        outputs = outputs + moved
    # Each output is in B / P of the batches: on average the weight of its own gradient is (g1 - g2) / P.
    assert np.log(outputs.std() / start.std()) == pytest.approx(rate * steps * (1 - ratio) * first / pool, rel=0.1)


def test_ED_New_timeline():
    """If a cluster has split once eps T = c, the ratio at the transition rises from below with T, and to 1."""
    time, level = sp.symbols("T c", positive=True)
    at = theory.ratio_of_local_weight(level / time)
    assert sp.simplify(sp.diff(at, time) - level * theory.n / (level * (theory.n - 1) + time) ** 2) == 0
    assert sp.limit(at, time, sp.oo) == 1
    assert sp.simplify(at.subs(time, level)) == 0
    assert float(at.subs({time: 3000, level: 42, theory.n: 200})) == pytest.approx(local_weight(42 / 3000, 200))


def test_ED_New_timeline_of_a_discriminator_that_learns():
    """What has collapsed at T has split at 9T, and eps at the crossing falls nearly as 1/T, for two numbers N."""
    weights, times = np.geomspace(0.008, 0.5, 7), np.array([200, 600, 1800])
    crossings = {}
    for n in (15, 45):
        rows = []
        for weight in weights:
            game = ganth.EffectiveGAN(RING, n_particles=n, ntk_ratio=local_weight(weight, n), **FOURIER)
            run = game.run(steps=int(times[-1]), trials=4, seed=3, record_every=int(times[0]), threads=1)
            rows.append(ganth.metrics.mode_collapse(run.particles[:, times // times[0]], RING.means).mean(axis=0))
        found = ganth.transitions.crossings(weights, np.array(rows).T, np.log(8) / 2, direction="falling")
        assert found.sides.tolist() == ["inside"] * 3
        crossings[n] = found.at
        product = found.at * times
        assert product.max() < 2.5 * product.min()
        assert found.at[0] > 4 * found.at[2]
        assert (np.diff([local_weight(float(e), n) for e in found.at]) > 0.05).all()
    # eps, not the ratio, is common to both N.
    np.testing.assert_allclose(crossings[15] / crossings[45], 1, atol=0.4)
    assert local_weight(float(crossings[15][1]), 15) > 1.5 * local_weight(float(crossings[45][1]), 45)
