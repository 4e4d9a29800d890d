"""How networks of image layers start: moments of the schemes, streams, and architectures."""

import math

import numpy as np
import pytest

from ganth import nn

NET = nn.Network(
    (nn.Conv(32, 4), nn.BatchNorm(), nn.ConvTranspose(48, 4), nn.Linear(40)), (8, 8, 24)
)  # fans: 384 and 512; 768 and 512 as PyTorch counts; 3072 and 40


def moments(start):
    return [
        (layer["weights"].std(), abs(layer["weights"]).max(), layer["biases"])
        for layer in NET.split(NET.initial(7, start=start))
        if "weights" in layer
    ]


FANS = ((24 * 16, 32 * 16), (48 * 16, 32 * 16), (8 * 8 * 48, 40))


@pytest.mark.parametrize(
    "start", ["xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "torch", "dcgan"]
)
def test_weights_have_the_moments_of_their_scheme(start):
    for (std, most, biases), (fan_in, fan_out) in zip(moments(start), FANS, strict=True):
        variance = {"xavier": 2 / (fan_in + fan_out), "kaiming": 2 / fan_in, "torch": 1 / (3 * fan_in), "dcgan": 4e-4}
        wanted = math.sqrt(variance[start.partition("_")[0]])
        assert std == pytest.approx(wanted, rel=0.02)
        if start.endswith("uniform") or start == "torch":
            assert 0.98 * math.sqrt(3) * wanted < most <= math.sqrt(3) * wanted
        else:
            assert most > 3 * wanted
        if start == "torch":
            assert 0.7 < abs(biases).max() * math.sqrt(fan_in) <= 1
        else:
            assert (biases == 0).all()


def test_scales_start_at_one_or_near():
    for start, deviation in (("dcgan", 0.02), ("torch", 0)):
        layer = NET.split(NET.initial(7, start=start))[1]
        assert layer["scale"].mean() == pytest.approx(1, abs=0.02)
        assert layer["scale"].std() == pytest.approx(deviation, rel=0.5)
        assert (layer["shift"] == 0).all()


def test_orthogonal_weights_have_orthonormal_rows_or_columns():
    for layer in NET.split(NET.initial(7, start="orthogonal")):
        if "weights" in layer:
            matrix = layer["weights"].reshape(len(layer["weights"]), -1)
            small = min(matrix.shape)
            gram = matrix @ matrix.T if len(matrix) == small else matrix.T @ matrix
            np.testing.assert_allclose(gram, np.eye(small), atol=1e-12)


def test_dirac_weights_hand_channels_on():
    net = nn.Network((nn.Conv(5, 3, 1, 1), nn.ConvTranspose(4, 3, 1, 1)), (6, 6, 3))
    x = np.random.default_rng(1).normal(size=(2, 6, 6, 3))
    found = net.bind(2, "float64").forward(net.initial(1, start="dirac"), x)
    np.testing.assert_allclose(found[..., :3], x, rtol=1e-14)
    assert (found[..., 3:] == 0).all()
    lines = nn.Network((nn.Linear(7),), (4,))
    assert (lines.split(lines.initial(1, start="dirac"))[0]["weights"] == np.eye(7, 4)).all()


def test_starts_are_told_by_seed_trial_and_purpose_alone():
    one = NET.initial(7)
    assert (one == NET.initial(7)).all()
    for other in (NET.initial(8), NET.initial(7, trial=1), NET.initial(7, purpose=7)):
        pairs = zip(NET.split(one), NET.split(other), strict=True)
        for mine, theirs in ((a["weights"].ravel(), b["weights"].ravel()) for a, b in pairs if "weights" in a):
            assert abs(np.corrcoef(mine, theirs)[0, 1]) < 0.03
    layers = [layer["weights"].ravel()[:10_000] for layer in NET.split(one) if "weights" in layer]
    assert abs(np.corrcoef(layers)[np.triu_indices(3, 1)]).max() < 0.05
    assert (NET.initial(np.random.default_rng(3)) == NET.initial(np.random.default_rng(3))).all()


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (28, 3), (64, 1), (64, 3)])
def test_architectures(size, channels):
    generator, discriminator = nn.dcgan(size, channels, width=4, latent_dim=9)
    assert generator.inputs == (9,)
    assert generator.outputs == discriminator.inputs == (size, size, channels)
    assert discriminator.outputs == (1,)
    noisy = nn.dcgan(size, channels, width=4, noise=0.1)[1]
    assert noisy.size == discriminator.size
    kinds = [type(part) for part in noisy.parts]
    weighty = [i for i, kind in enumerate(kinds) if kind in (nn.Conv, nn.Linear)]
    assert all(kinds[i - 1] is nn.Noise for i in weighty)
    spectral = nn.dcgan(size, channels, width=4, spectral=True)[1]
    assert not any(isinstance(part, nn.BatchNorm) for part in spectral.parts)
    assert all(part.spectral for part in spectral.parts if isinstance(part, nn.Conv | nn.Linear))
    seen = nn.dcgan(size, channels, width=4, minibatch_std=True)[1]
    assert seen.size == discriminator.size + seen.shapes[-2][0] * seen.shapes[-2][1]
