"""KD, section 7: what the paper's own runs (Figs. 2 and 3) show, on few seeds.

Settings are the paper's: lambda = 0.01, both rates 1e-3, 1000 frequencies, 40,000 steps; the figures show more seeds.
"""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth

REG, RATE, STEPS = 0.01, 1e-3, 40_000
RING = ganth.targets.PointMasses.ring(4).points


@functools.cache
def planar(width, trials=12, steps=STEPS):
    game = ganth.KernelGAN(RING, kernel=ganth.RBF(width), n_frequencies=1000, reg=REG, lr_disc=RATE, lr_gen=RATE)
    return game.run(steps=steps, trials=trials, seed=0, record_every=200)


@functools.cache
def spherical(width, trials=4):
    points = np.array([ganth.targets.PointMasses.random_sphere(10, 10, 0, trial=t).points for t in range(trials)])
    game = ganth.KernelGAN(points, kernel=ganth.RBF(width), n_frequencies=1000, reg=REG, lr_disc=RATE, lr_gen=RATE)
    return points, game.run(steps=STEPS, trials=trials, seed=0)


def ratios(run, points):
    before, after = (ganth.metrics.wasserstein2_many(run.particles[:, k], points) for k in (0, -1))
    return after / before


def nearest(cloud):
    return np.linalg.norm(cloud[..., :, None, :] - RING, axis=-1).min(axis=-1)


def test_KD_Fig2ac():
    """Narrow: many points travel and end far from every true point.  Wide: paths far longer than their net distance."""
    narrow, wide = planar(0.1), planar(3.0)
    lost = nearest(narrow.particles[:, -1]) > 0.1
    net = np.linalg.norm(narrow.particles[:, -1] - narrow.particles[:, 0], axis=-1)
    assert lost.mean() > 0.25
    assert np.median(net[lost]) > 0.5
    length = np.linalg.norm(np.diff(wide.particles, axis=1), axis=-1).sum(axis=(1, 2))
    assert np.median(length / np.linalg.norm(wide.particles[:, -1] - wide.particles[:, 0], axis=-1).sum(axis=1)) > 2


def test_KD_Fig2b():
    """At width 0.6 some seeds end with two points near one true point; they orbit it, as no pair can rest there."""
    run = planar(0.6)
    inside = np.linalg.norm(run.particles[:, -1, :, None] - RING, axis=-1) < 0.6
    shared = (inside.sum(axis=1) >= 2).any(axis=1) & (inside.sum(axis=1) == 0).any(axis=1)
    assert 0 < shared.sum() < len(shared)
    threshold = ganth.stability.damping_threshold(2, 2, 1.0) * 0.25 / 0.6
    assert threshold / 10 > REG
    trial = int(np.argmax(shared))
    place = int(np.argmax(inside[trial].sum(axis=0)))
    pair = np.flatnonzero(inside[trial][:, place])
    assert np.ptp(run.particles[trial, -50:, pair], axis=1).max() > 0.1


def test_KD_Fig3a():
    """The median W2 ratio is above 1 at a small width, least at a medium one, and larger again at a large one."""
    small, medium, large = (np.median(ratios(planar(w), RING)) for w in (0.2, 1.2, 10.0))
    assert small > 1 > large > medium + 0.05
    small, medium, large = (np.median(ratios(run, points)) for points, run in map(spherical, (0.2, 0.8, 10.0)))
    assert small > 1 > large > medium + 0.1


def test_KD_Fig3b():
    """Far points are many at small widths and none at large ones; for d = 10 they are few again at the smallest."""
    far = [ganth.metrics.diverging_fraction(planar(w).final, 2.0).mean() for w in (0.2, 10.0)]
    assert far[0] > far[1] + 0.1
    far = [ganth.metrics.diverging_fraction(spherical(w)[1].final, 2.0).mean() for w in (0.05, 0.3, 10.0)]
    assert far[1] > max(far[0], far[2]) + 0.1
    start = ganth.metrics.diverging_fraction(planar(0.2, trials=2000, steps=0).final, 2.0).mean()
    assert start == pytest.approx(np.exp(-4), rel=0.2)  # a planar start lies outside radius 2 with chance e^-4


@given(angle=st.floats(0, 6.28), radius=st.floats(2.0001, 50.0))
def test_KD_Num_div2(angle, radius):
    """Norm > 2 means more than 1 from every true point on the unit sphere; at small widths such points stay outside."""
    point = radius * np.array([[np.cos(angle), np.sin(angle)]])
    assert nearest(point)[0] > 1
    assert np.linalg.norm(point - 1.0001 * point / radius) > 0.9
    run = planar(0.3)
    outside = np.linalg.norm(run.particles[:, 150], axis=-1) > 2
    assert outside.sum() >= 3
    assert (np.linalg.norm(run.final[outside], axis=-1) > 2).mean() > 0.8


def test_KD_Rem_rff10():
    """At width 0.05, d = 10, the exact kernel's wave takes a pushed point beyond radius 2; random features hold it."""
    speed = ganth.stability.divergence_speed(
        ganth.RBF(0.05), 0.1, reg=REG, lr_disc=RATE, lr_gen=RATE, order="simultaneous"
    )
    assert speed * STEPS > 2
    push = np.zeros((1, 10))
    push[0, 0] = 0.05
    game = ganth.KernelGAN(push, [1e-6], kernel=ganth.RBF(0.05), reg=REG, lr_disc=RATE, lr_gen=RATE)
    exact = game.run(np.zeros((1, 10)), [0.1], steps=9000, record_every=1000)
    travelled = np.linalg.norm(exact.particles[0, -1] - exact.particles[0, -2])
    assert travelled / 1000 == pytest.approx(speed, rel=0.05)
    run = spherical(0.05)[1]
    assert np.linalg.norm(run.final - run.particles[:, 0], axis=-1).mean() < speed * STEPS / 3


def test_KD_New_bimodal():
    """At width 0.6, d = 2, final ratios are near 0 or large, with little between: the median describes neither."""
    got = ratios(planar(0.6, trials=24), RING)
    assert (got < 0.1).mean() > 0.15
    assert (got > 0.3).mean() > 0.15
    assert ((got > 0.1) & (got < 0.3)).mean() < 0.2


def test_KD_New_extradamp():
    """Good seeds contract below 0.1, where e^{-lambda t/2} allows 0.82 - as a run from next to the target does."""
    assert np.exp(-REG * RATE * STEPS / 2) > 0.8
    assert ratios(planar(0.6), RING).min() < 0.1
    game = planar(0.6).game
    start = RING + 0.01 * ganth.streams.normal(3, (4, 2))
    near = game.run(start, steps=STEPS, record_every=100).particles[0]
    spread = np.linalg.norm(near - RING, axis=(1, 2))
    assert spread[-100:].max() / spread[:100].max() > 0.4
