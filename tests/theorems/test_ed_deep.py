"""ED figs. 3, 4 and 8: four hidden ReLU layers against particles, in small games and in exact statements."""

import warnings

import numpy as np
import pytest

import ganth
from ganth.metrics import mode_collapse, nearest_mode_distance

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
NONE_EMPTY = np.log(8 / 7)


def game(**changes):
    settings = {
        "discriminator": "deep", "depth": 4, "width": 64, "n_particles": 100, "start_mean": [0.0, 0.0],
        "start_scale": 0.5, "lr_disc": 0.01, "lr_gen": 3.0, "reg": 2 / 512, **changes,
    }  # fmt: skip
    return ganth.EffectiveGAN(RING, **settings)


def coupled_as(many, ratio, n):
    """Return the Gram matrix that gives n particles the two numbers of (26) that `many` have at g2/g1 = ratio."""
    g1 = many / (1 + (many - 1) * ratio)
    return n * (1 - ratio) * g1 / many * np.eye(n) + ratio * g1


def played(one, steps, **call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ganth.DivergenceWarning)
        return one.run(steps=steps, record_every=max(steps // 100, 1), dtype="float32", threads=1, **call)


def late(run, measure):
    return float(measure(run.particles[0, -10:], RING.means).mean())


def spread(particles):
    return np.sqrt(particles.var(axis=-2).sum(axis=-1))


def modes_visited(run):
    centres = run.particles[0].mean(axis=1)
    far = np.linalg.norm(centres, axis=1) > 1
    return set(np.linalg.norm(centres[far, None] - RING.means, axis=-1).argmin(axis=1))


def test_ED_Fig3():
    run = played(game(), 600)
    assert spread(run.particles[0, 17]) > 1.5 * spread(run.particles[0, 0])  # split by step 100
    assert late(run, mode_collapse) < NONE_EMPTY
    assert late(run, nearest_mode_distance) < 0.3 * nearest_mode_distance(run.particles[0, 0], RING.means)


def test_ED_Fig4():
    run = played(game(gram=coupled_as(2000, 0.2, 100)), 600)
    ratio = spread(run.particles[0]) / spread(run.particles[0, 0])
    assert run.diverged_at[0] == -1
    assert 0.6 < ratio.min() <= ratio.max() < 1.5
    assert len(modes_visited(run)) >= 6
    assert late(run, mode_collapse) > 0.5 * np.log(8)


def test_ED_Rem_indef():
    # g2/g1 = 1/5 does not keep a cluster together for ever: few particles have a larger (g1 - g2)/N, and split ...
    few = played(game(n_particles=50, ntk_ratio=0.2, reg=0.03), 3000, seed=0, first_trial=3)
    assert late(few, mode_collapse) < NONE_EMPTY
    assert spread(few.particles[0, -1]) > 2.5 * spread(few.particles[0, 0])
    # ... and with the coupling of 2000 and no weight decay the chase grows until it overflows.
    many = played(game(n_particles=50, gram=coupled_as(2000, 0.2, 50), reg=0.0), 4000)
    assert many.diverged_at[0] > 500


def test_few_particles_can_be_coupled_as_many_are():
    # (26): only (g1 - g2)/N and g2 enter.  Twice the same cloud, coupled as the larger one, moves as it does.
    small = game(n_particles=6, n_data=12, gram=coupled_as(12, 0.2, 6), grad_reg=2.0)
    large = small.with_settings(n_particles=12, n_data=12, gram=None, ntk_ratio=0.2)
    start = RING.sample(6, 3) + 0.3
    one = small.run(start, steps=6, seed=4).final
    two = large.run(np.concatenate([start, start]), steps=6, seed=4).final
    np.testing.assert_allclose(two, np.concatenate([one, one]), rtol=1e-9)


def test_ED_Rem_fig4norm():
    # g1 = N at (alpha_G, beta) is g1 + (N-1) g2 = N at both times 1 + (N-1) r: only rates tell the two apart.
    n, ratio = 30, 0.2
    scale = 1 + (n - 1) * ratio
    diagonal = game(n_particles=n, ntk_ratio=ratio, normalisation="diagonal", lr_gen=0.02, grad_reg=0.03)
    mean = diagonal.with_settings(normalisation="mean", lr_gen=0.02 * scale, grad_reg=0.03 * scale)
    np.testing.assert_allclose(
        diagonal.run(steps=20, seed=1).final, mean.run(steps=20, seed=1).final, rtol=1e-8, atol=1e-8
    )
    # With beta = 100 at N = 2000 the factor 400.8 makes the discriminator overflow at once.
    assert 1 + (2000 - 1) * ratio == pytest.approx(400.8)
    eps, shared = 0.8, 400.0  # of g1 = 2000, g2 = 400
    gram = 100 * eps * np.eye(100) + shared
    for lr_gen in (0.003, 0.03):
        run = played(game(gram=gram, lr_gen=lr_gen, grad_reg=100.0, grad_reg_form="full"), 20)
        assert 0 < run.diverged_at[0] < 10
    run = played(game(gram=coupled_as(2000, ratio, 100), grad_reg=100.0, grad_reg_form="full"), 20)
    assert run.diverged_at[0] == -1


def test_ED_Fig8():
    coupling = {"gram": coupled_as(2000, 0.2, 100), "grad_reg_form": "full"}
    cured, collapsed = (played(game(**coupling, grad_reg=beta), 700) for beta in (100.0, 0.0))
    assert late(cured, mode_collapse) < NONE_EMPTY
    assert late(cured, nearest_mode_distance) < 0.5 * nearest_mode_distance(cured.particles[0, 0], RING.means)
    assert late(collapsed, mode_collapse) > 3 * NONE_EMPTY


def test_ED_Num_beta100():
    # The same beta = 100: cures at one rate of the discriminator, overflows at another.
    coupling = {"gram": coupled_as(2000, 0.2, 100), "grad_reg_form": "full", "grad_reg": 100.0}
    assert late(played(game(**coupling), 500), mode_collapse) < NONE_EMPTY
    assert 0 < played(game(**coupling, lr_disc=1.0), 500).diverged_at[0] < 10


def test_a_small_deep_discriminator_dies_whatever_the_particles_do():
    # D is homogeneous of degree depth + 1 in its weights where biases are 0: the loss's gradient falls as |phi|^depth,
    # faster than lambda phi, so that phi = 0 attracts.
    one = game(width=16, reg=0.0, lr_disc=1.0, n_disc=1, lr_gen=1e-12)
    run = one.run(steps=0, seed=2)
    sizes = []
    for factor in (1.0, 0.1):
        state = {**run.state, "parameters": factor * run.state["parameters"]}
        engine = one.engine(run)
        moved = {name: value.copy() for name, value in state.items()}
        engine.advance(moved, 1)
        weights = [np.linalg.norm(w) for w, _ in _layers(one, moved["parameters"][0] - state["parameters"][0])]
        sizes.append(np.array(weights))
    np.testing.assert_allclose(sizes[1] / sizes[0], 0.1**4, rtol=1e-9)


def _layers(one, parameters):
    return ganth.DenseReLU(one.depth, one.width).split(parameters, 2)
