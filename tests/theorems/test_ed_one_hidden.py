"""ED section IV: Algorithm 1 and a discriminator with one hidden layer."""

import naive_effective as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.theory import one_hidden as theory

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)


def as_dict(network):
    return {"a": network.output_weights, "w": network.weights, "b": network.biases}


@pytest.mark.parametrize("activation", ["relu", "tanh", "erf"])
def test_ED_Alg1(activation):
    settings = {"n_particles": 5, "n_data": 6, "width": 4, "n_disc": 2, "ntk_ratio": 0.4, "activation": activation}
    game = ganth.EffectiveGAN(RING, lr_disc=0.2, lr_gen=0.1, bias_variance=1.0, **settings)
    start, end = (game.run(steps=steps, seed=2, threads=1) for steps in (0, 3))
    net, x, gram = as_dict(start.discriminator_of(0)), start.final, naive.gram_matrix(5, 0.4)
    for t in range(3):
        samples = [RING.sample(6, 2, trial=0, step=2 * t + j) for j in range(2)]
        common = {"name": activation, "reg": 2 / 4, "gram": gram, "lr_disc": 0.2, "lr_gen": 0.1}
        net, x, _ = naive.iterate(net, x, samples, order="alternating", **common)
    np.testing.assert_allclose(end.final, x, rtol=1e-11)
    for name, wanted in net.items():
        np.testing.assert_allclose(as_dict(end.discriminator_of(0))[name], wanted, rtol=1e-10, atol=1e-13)


@given(width=st.integers(1, 64), seed=st.integers(0, 2**32))
def test_ED_Eq24(width, seed):
    assert theory.penalty_weight() == 2 / theory.width
    rng = np.random.default_rng(seed)
    net = {"a": rng.normal(size=width), "w": rng.normal(size=(width, 2)), "b": rng.normal(size=width)}
    x = rng.normal(size=(2, 2))
    reg = ganth.EffectiveGAN(RING, width=width, lr_disc=1.0, lr_gen=1.0).reg
    common = (net, "relu", x, x, reg, np.eye(2), 0.0, "half")  # equal clouds: only the penalty is left
    squares = sum((value**2).sum() for value in net.values())
    assert naive.loss(*common) == pytest.approx(squares / width, rel=1e-12)


def test_ED_New_death():
    rates = theory.growth_rates(2)
    s, m, decay = theory.scale, theory.mismatch, theory.decay
    assert rates == {-decay: 2, s * m - decay: 1, -s * m - decay: 1}
    assert sp.simplify(theory.death_threshold() - sp.sqrt(2 / theory.width)) == 0


@pytest.mark.parametrize(("share", "grows"), [(0.8, False), (1.25, True)])
def test_ED_New_death_of_one_unit(share, grows):
    """One particle and one datum that a unit sees: m = (x - y, 0), its unit (w, b) parallel to m sees x alone."""
    x, width = np.array([[1.0, 0.0]]), 2
    data = np.array([[-1.0, 0.0]])
    # sup over |v| = 1 of |max(0, v . (x, 1)) - max(0, v . (y, 1))| is |(x, 1)|, reached where v sees x only or nearly.
    angles = np.linspace(0, 2 * np.pi, 100_001)
    v = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mismatch = np.abs(np.maximum(0, v @ [1.0, 1.0]) - np.maximum(0, v @ [-1.0, 1.0])).max()
    decay = np.sqrt(2 / width) * mismatch / share
    rng = np.random.default_rng(0)
    net = {"a": rng.normal(size=width), "w": rng.normal(size=(width, 2)), "b": rng.normal(size=width)}
    norms = []
    for _ in range(2):
        for _ in range(2000):
            slopes = naive.loss_gradient(net, "relu", x, data, decay, np.eye(1), 0.0, "half")
            net = {key: net[key] - 0.02 * slopes[key] for key in net}
        norms.append(np.sqrt(sum((value**2).sum() for value in net.values())))
    rate = np.log(norms[1] / norms[0]) / 2000
    assert (rate > 0) == grows
    assert rate == pytest.approx(np.log1p(0.02 * decay * (share - 1)), rel=1e-3)


def test_ED_IVB_gamma():
    """Bent against log k the spectrum of tanh is, against k that of ReLU: local slopes at two places."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    x, root = 3 * nodes[:, None], np.sqrt(3 * weights)
    slopes = {}
    for name in ("relu", "tanh"):
        kernel = ganth.ntk.one_hidden(x, x, activation=name, var_a=1, var_w=1, var_b=9)
        values = np.log(np.linalg.eigvalsh(root[:, None] * kernel * root)[:-40:-1])
        slopes[name] = [
            ((values[low] - values[2 * low]) / np.log(2), (values[low] - values[2 * low]) / low) for low in (8, 16)
        ]
    powers, rates = np.array(slopes["relu"])[:, 0], np.array(slopes["tanh"])[:, 1]
    assert powers[1] == pytest.approx(powers[0], rel=0.15)
    assert rates[1] == pytest.approx(rates[0], rel=0.2)
    assert np.array(slopes["relu"])[1, 1] < 0.6 * np.array(slopes["relu"])[0, 1]
    assert np.array(slopes["tanh"])[1, 0] > 1.6 * np.array(slopes["tanh"])[0, 0]
