"""RemedyGAN against differences and its own rules; minibatch features, operator norms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth import ParameterError, ShapeError, nn
from ganth.formulas.random import WEIGHTS
from ganth.games.stack import Spectral, Stack

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.01)
seeds = st.integers(0, 2**32)
REMEDIES = (
    {}, {"loss": "minimax"}, {"instance_noise": 0.3, "anneal": 5}, {"label_smoothing": 0.1}, {"label_flips": 0.2},
    {"grad_penalty": 1.0}, {"spectral": True}, {"minibatch": "features"}, {"minibatch": "deviation"},
    {"feature_matching": 1.0}, {"dispersion": 1.0}, {"path_length": 0.1}, {"top_k": 0.5}, {"layer_noise": 0.2},
    {"n_disc": 3}, {"spectral": True, "minibatch": "features", "grad_penalty": 1.0, "feature_matching": 0.5},
)  # fmt: skip


def small(**settings):
    return ganth.RemedyGAN(RING, width=6, width_gen=5, batch=8, n_samples=7, **settings)


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda r: "-".join(r) or "plain")
def test_same_seed_same_bits_whatever_the_trials_and_chunks(remedy):
    game = small(**remedy)
    run = game.run(steps=40, trials=3, seed=5, record_every=13)
    alone = game.run(steps=40, trials=1, first_trial=2, seed=5)
    np.testing.assert_array_equal(alone.final, run.final[2])
    again = game.run(steps=17, trials=3, seed=5).extend(23)
    assert (again.final == run.final).all()
    assert (run.final != run.particles[:, 0]).any()
    assert run.discriminator(np.zeros((3, 2))).shape == (3,)


@pytest.mark.parametrize(("rate", "remedy"), [(1e60, {}), (1e100, {"spectral": True})], ids=["plain", "spectral"])
def test_divergence_keeps_the_last_finite_state_whatever_the_chunks(rate, remedy):
    game = small(lr_gen=rate, lr_disc=rate, **remedy)
    with pytest.warns(ganth.DivergenceWarning):
        run = game.run(steps=30, trials=3, seed=5, record_every=1)
    assert (run.diverged_at > 1).all()
    assert np.isfinite(run.particles).all()
    with pytest.warns(ganth.DivergenceWarning):
        parts = game.run(steps=1, trials=3, seed=5).extend(1).extend(7).extend(21)
    for name, values in run.state.items():
        np.testing.assert_array_equal(parts.state[name], values)
    for path, lost in zip(run.particles, run.diverged_at, strict=True):
        assert (path[lost:] == path[lost - 1]).all()
        assert not remedy or (path[lost - 1] != path[0]).any()
    for name in ("generator_0", "discriminator_0"):
        assert np.isfinite(run.state[name]).all()


@pytest.mark.parametrize("remedy", REMEDIES[1:], ids="-".join)
def test_every_remedy_changes_the_run(remedy):
    plain, changed = (small(**r).run(steps=20, seed=1).final for r in ({}, remedy))
    assert np.abs(plain - changed).max() > 1e-9


@given(seed=seeds)
@settings(max_examples=5)
def test_slopes_of_a_stack_are_differences(seed):
    rng = np.random.default_rng(seed)
    stack = Stack((3, 5, 4, 1), seed, range(2), WEIGHTS)
    x, above, features, pulls = (rng.normal(size=s) for s in ((2, 6, 3), (2, 6, 1), (2, 6, 4), (2, 6, 3)))

    def loss():
        return float((above * stack.forward(x)).sum() + (features * stack.hidden[-1]).sum())

    def pulled():
        value = stack.forward(x)
        return float((pulls * stack.backward(np.ones_like(value))).sum())

    for function, slopes_of in (
        (loss, lambda s: stack.backward(above, s, feature_slopes=features)),
        (pulled, lambda s: stack.add_pulled(pulls, s)),
    ):
        function()
        slopes = stack.zeros()
        slopes_of(slopes)
        for p, s in zip(stack.parameters, slopes, strict=True):
            at = tuple(rng.integers(0, n) for n in p.shape)
            before, step = p[at], 1e-6
            p[at] = before + step
            up = function()
            p[at] = before - step
            down = function()
            p[at] = before
            assert (up - down) / (2 * step) == pytest.approx(s[at], abs=1e-5)


def test_spectral_weights_have_norm_one_and_their_slopes_are_differences():
    stack = Stack((3, 5, 1), 1, range(2), WEIGHTS)
    spectral = Spectral(stack)
    used = spectral.weights(stack.parameters, iterations=500)
    assert np.linalg.norm(used[0], ord=2, axis=(1, 2)) == pytest.approx(1, abs=1e-9)
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    slopes = stack.zeros()
    stack.backward(np.ones_like(stack.forward(x, used)), slopes)
    spectral.back(slopes, used)
    at, values, step = (1, 2, 3), [], 1e-5
    for side in (1, -1):
        moved = [p.copy() for p in stack.parameters]
        moved[0][at] += side * step
        values.append(stack.forward(x, Spectral(stack).weights(moved, iterations=2000)).sum())
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(slopes[0][at], abs=1e-6)


@pytest.mark.parametrize("kind", ["features", "deviation"])
def test_slopes_through_what_the_discriminator_is_told(kind):
    game = small(minibatch=kind)
    engine = game.engine(game.run(steps=1, seed=3))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 8, 2))
    above = rng.normal(size=engine._told(x).shape)
    slopes = engine._untold(x, above)
    step, at = 1e-6, (0, 3, 1)
    moved = np.zeros_like(x)
    moved[at] = step
    difference = ((engine._told(x + moved) - engine._told(x - moved)) * above).sum() / (2 * step)
    assert difference == pytest.approx(slopes[at], abs=1e-7)


@given(seed=seeds, batch=st.integers(2, 6))
@settings(max_examples=10)
def test_minibatch_features(seed, batch):
    rng = np.random.default_rng(seed)
    h, tensor, above = rng.normal(size=(batch, 3)), rng.normal(size=(3, 2, 2)), rng.normal(size=(batch, 2))
    plain = np.array(
        [
            [sum(np.exp(-np.abs(tensor[:, r].T @ (h[i] - h[j])).sum()) for j in range(batch)) for r in range(2)]
            for i in range(batch)
        ]
    )
    np.testing.assert_allclose(nn.minibatch_features(h, tensor), plain, rtol=1e-12)
    in_features, in_tensor = nn.minibatch_slopes(h, tensor, above)
    step = 1e-6
    for array, slopes in ((h, in_features), (tensor, in_tensor)):
        at = tuple(rng.integers(0, n) for n in array.shape)
        array[at] += step
        up = (nn.minibatch_features(h, tensor) * above).sum()
        array[at] -= 2 * step
        down = (nn.minibatch_features(h, tensor) * above).sum()
        array[at] += step
        assert (up - down) / (2 * step) == pytest.approx(slopes[at], abs=1e-6)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 1)])
def test_a_convolutions_norm_is_that_of_its_matrix(stride, padding):
    rng = np.random.default_rng(stride + padding)
    kernel = rng.normal(size=(2, 3, 3, 2))
    net = nn.Network((nn.Conv(2, 3, stride, padding, bias=False),), inputs=(5, 6, 2))
    layers = net.bind(batch=60, dtype="float64")
    matrix = layers.forward(kernel.ravel(), np.eye(60).reshape(60, 5, 6, 2)).reshape(60, -1)
    assert nn.convolution_norm(kernel, (5, 6), stride=stride, padding=padding) == pytest.approx(
        np.linalg.norm(matrix, ord=2), rel=1e-10
    )


def test_a_large_convolution_by_lanczos_is_near_its_fourier_norm():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(2, 3, 3, 2))
    spectrum = np.fft.fft2(kernel, s=(64, 64), axes=(1, 2)).transpose(1, 2, 0, 3)
    periodic = np.linalg.norm(spectrum, ord=2, axis=(2, 3)).max()
    found = nn.convolution_norm(kernel, (64, 64), padding=1)
    assert periodic * 0.99 < found <= periodic * (1 + 1e-3)


def test_power_iteration_never_exceeds_the_norm():
    rng = np.random.default_rng(0)
    for _ in range(20):
        w = rng.normal(size=(5, 7))
        found = [nn.power_iteration(w, n, seed=rng) for n in (1, 3, 400)]
        assert max(found) <= nn.spectral_norm(w) * (1 + 1e-12)
        assert found[-1] == pytest.approx(np.linalg.norm(w, ord=2), rel=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: small(label_flips=1.0), ParameterError, "label_flips must be < 1"),
        (lambda: ganth.RemedyGAN(RING, batch=7), ParameterError, "batch must be even"),
        (lambda: small(minibatch="std"), ParameterError, "minibatch must be one of"),
        (lambda: small(instance_noise=-1.0), ParameterError, "instance_noise must be >= 0"),
        (lambda: ganth.RemedyGAN([[0.0]]), ParameterError, "target must be a GaussianMixture"),
        (lambda: small().run([[0.0]], steps=1), ShapeError, "latent_dim = 2"),
        (lambda: nn.minibatch_features([[0.0]], np.ones((2, 1, 1))), ShapeError, "tensor must have shape"),
        (lambda: nn.convolution_norm(np.ones((1, 3, 3, 1)), (2, 2)), ParameterError, "size must hold the kernel"),
        (lambda: nn.spectral_norm([1.0]), ShapeError, "weights must have shape"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()
