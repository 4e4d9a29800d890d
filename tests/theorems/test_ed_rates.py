"""What settings decide that ED leaves open: weight decay, and the start of the cloud."""

import numpy as np

import ganth

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)


def discriminator_norm(decay, steps):
    game = ganth.EffectiveGAN(RING, n_particles=60, width=128, reg=decay / 128, lr_disc=0.1, lr_gen=1e-9, n_disc=5)
    weights = game.run(steps=steps, seed=2, threads=1).discriminator_of()
    parts = (weights.output_weights, weights.weights, weights.biases)
    return np.sqrt(sum((part**2).sum() for part in parts))


def test_ED_New_lambda():
    """Against a cloud that stays, weights without decay grow without bound; a larger decay keeps them smaller."""
    free = [discriminator_norm(0.0, steps) for steps in (40, 80, 160)]
    assert free[0] < free[1] < free[2]
    norms = [discriminator_norm(decay, 160) for decay in (0.0, 2.0, 8.0, 32.0)]
    assert norms == sorted(norms, reverse=True)
    assert norms[3] < 0.1 * norms[0]


def test_ED_Num_start():
    """Both starts that the source prints lie on the diagonal, one on the modes' circle and one inside it."""
    near, far = np.full(2, 1 / np.sqrt(2)), np.full(2, np.sqrt(2))
    assert np.isclose(np.linalg.norm(far), 2.0)
    assert np.isclose(np.linalg.norm(near), 1.0)
    assert np.abs(RING.means - far).sum(axis=1).min() < 1e-12  # it is a mode
    game = ganth.EffectiveGAN(RING, lr_disc=0.1, lr_gen=0.1)
    assert np.allclose(game.start_mean, near)
    for mean in (near, far):
        start = game.with_settings(start_mean=mean).run(steps=0, seed=1).final
        assert np.abs(start.mean(axis=0) - mean).max() < 4 * 0.1 / np.sqrt(200)
