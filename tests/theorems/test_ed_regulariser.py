"""ED section V: the gradient regulariser, its factor, its gradient, and the steps it allows."""

import naive_effective as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.theory import effective as theory

seeds = st.integers(0, 2**32)
RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)


def network(seed, width=5):
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(size=width), "w": rng.normal(size=(width, 2)), "b": 0.5 * rng.normal(size=width)}


def test_ED_Eq28():
    """(27) is beta |grad_theta <D>|^2 / 2; the double sum is the square itself, so that (28) is twice (27)."""
    assert theory.kinetic_gap(size=2, dim=1) == 0
    theta, x = sp.symbols("theta x", real=True)
    score, outputs = sp.sin(x), [theta, theta**2]
    mean = sum(score.subs(x, at) for at in outputs) / 2
    tangent = [sp.diff(at, theta) for at in outputs]
    local = [sp.diff(score, x).subs(x, at) for at in outputs]
    printed = sum(
        p * q * t * u for p, t in zip(local, tangent, strict=True) for q, u in zip(local, tangent, strict=True)
    )
    assert sp.simplify(printed / 4 / (sp.diff(mean, theta) ** 2 / 2)) == 2


@given(seed=seeds, n=st.integers(1, 7), ratio=st.floats(0, 1))
def test_ED_Eq29(seed, n, ratio):
    net, x = network(seed), np.random.default_rng(seed + 1).normal(size=(n, 2))
    gram, local = naive.gram_matrix(n, ratio), naive.gradient(net, "tanh", x)
    first, second = n / (1 + (n - 1) * ratio), n * ratio / (1 + (n - 1) * ratio)
    mean = local.mean(axis=0)
    rhs = 1.7 * (second * mean @ mean + (first - second) / n * (local**2).sum(axis=1).mean())
    assert naive.regulariser(net, "tanh", x, gram, 1.7, "full") == pytest.approx(rhs, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("activation", ["relu", "tanh", "erf"])
@given(seed=seeds)
def test_ED_New_reggrad(activation, seed):
    """The closed form against central differences; no second derivative, no gradient of the biases."""
    net, x = network(seed), np.random.default_rng(seed + 1).normal(size=(4, 2))
    gram = naive.gram_matrix(4, 0.3)
    common = (activation, x, x, 0.0, gram)  # data = particles: nothing else is left in the loss
    closed = naive.loss_gradient(net, *common, 1.0, "full")
    step = 1e-6
    for name, values in net.items():
        for place in np.ndindex(values.shape):
            ends = []
            for sign in (1, -1):
                moved = {key: value.copy() for key, value in net.items()}
                moved[name][place] += sign * step
                ends.append(naive.regulariser(moved, activation, x, gram, 1.0, "full"))
            margin = np.abs(x @ net["w"].T + net["b"]).min()  # differences must not cross a kink
            if activation != "relu" or margin > 1e-4:
                assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(closed[name][place], rel=1e-5, abs=1e-8)
    # Rounding is what the two means of the same points leave.
    assert (np.abs(closed["b"]).max() < 1e-13) == (activation == "relu")


def test_ED_New_reggrad_of_the_engine():
    game = ganth.EffectiveGAN(RING, n_particles=5, width=6, ntk_ratio=0.3, lr_disc=0.4, lr_gen=1e-9, bias_variance=0.5)
    plain, with_beta = (
        game.with_settings(grad_reg=beta).run(steps=1, seed=3, threads=1).discriminator_of(0) for beta in (0.0, 2.0)
    )
    np.testing.assert_array_equal(plain.biases, with_beta.biases)
    assert np.abs(plain.weights - with_beta.weights).max() > 1e-3


def descend(net, x, gram, rate, steps=3000):
    for _ in range(steps):
        slopes = naive.loss_gradient(net, "relu", x, x, 0.0, gram, 1.0, "full")
        net = {key: net[key] - rate * slopes[key] for key in net}
        if max(np.abs(value).max() for value in net.values()) > 1e4:
            return None
    return net


def curvature(net, x, gram):
    """Return the top eigenvalue of the second derivative of (28) by differences of its gradient."""
    places = [(name, place) for name, value in net.items() for place in np.ndindex(value.shape)]
    rows = []
    for name, place in places:
        ends = []
        for step in (1e-5, -1e-5):
            moved = {key: value.copy() for key, value in net.items()}
            moved[name][place] += step
            slopes = naive.loss_gradient(moved, "relu", x, x, 0.0, gram, 1.0, "full")
            ends.append(np.array([slopes[key][at] for key, at in places]))
        rows.append((ends[0] - ends[1]) / 2e-5)
    return np.linalg.eigvalsh(np.array(rows) / 2 + np.array(rows).T / 2).max()


def test_ED_New_regstep():
    """Steps far below 2 / curvature settle where alpha_D beta x curvature <= 2, and steps far above it blow up."""
    net, x = network(5, width=3), np.random.default_rng(6).normal(size=(3, 2))
    gram = naive.gram_matrix(3, 0.3)
    bound = 2 / curvature(net, x, gram)
    settled = descend(net, x, gram, 0.3 * bound, steps=400)
    assert settled is not None
    ends = [naive.regulariser(one, "relu", x, gram, 1.0, "full") for one in (net, settled)]
    assert ends[1] < ends[0]
    assert 0.3 * bound * curvature(settled, x, gram) < 2
    assert descend(net, x, gram, 1e3 * bound, steps=400) is None


def test_ED_Rem_smooth():
    """One descent step on (28) alone lowers the mean squared velocity that particles would have next."""
    net, x = network(1), np.random.default_rng(2).normal(size=(6, 2))
    gram = naive.gram_matrix(6, 0.2)
    before = naive.gradient(net, "tanh", x).mean(axis=0)
    slopes = naive.loss_gradient(net, "tanh", x, x, 0.0, gram, 1.0, "full")
    after = naive.gradient({key: net[key] - 1e-3 * slopes[key] for key in net}, "tanh", x).mean(axis=0)
    assert after @ after < before @ before
