"""TS section 10, A.4 and A.9: metrics and what they do not see."""

import math

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganth import metrics
from ganth.targets import GaussianMixture
from ganth.theory import divergences as theory

few = settings(max_examples=8)
RING = GaussianMixture.ring(8, 2.0, 0.02)


def kept(modes, count=240, step=0):
    return GaussianMixture(RING.means[:modes], 0.02).sample(count, 0, step=step)


@given(k=st.integers(1, 10), shift=st.integers(0, 9))
def test_TS_S10_is(k, shift):
    assert metrics.inception_score(np.eye(10)[(np.arange(k) + shift) % 10]) == pytest.approx(k)


@given(r=st.floats(1, 10))
@few
def test_TS_S10_fid(r):
    """Two modes and the Gaussian of their moments: distance 0, and JS is not."""
    import ganth

    p, q = GaussianMixture([[-r], [r]], 1.0), GaussianMixture([[0.0]], 1 + r * r)
    moments = []
    for law in (p, q):
        mean = law.weights @ law.means
        moments += [mean, [[law.weights @ (law.means[:, 0] ** 2 + law.variances) - mean[0] ** 2]]]
    assert metrics.frechet_distance(*moments) == pytest.approx(0, abs=1e-12)
    assert ganth.divergences.js(p, q) > 1e-3


def test_TS_S10_prd():
    real = kept(8)
    recalls = []
    for modes in (1, 4, 8):
        precision, recall = metrics.precision_recall(real, kept(modes, step=modes), 5)
        assert precision > 0.9
        recalls.append(recall)
    assert recalls == pytest.approx([1 / 8, 1 / 2, 1], abs=0.15)


def test_TS_S10_class_histogram():
    """Three of four modes of each class gone, and the histogram is even; a class gone shows."""
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 8, size=4000) // 4, rng.choice([0, 4], size=4000) // 4]
    counts = [np.bincount(x, minlength=2) for x in labels]
    assert metrics.class_histogram_distance(*counts) < 0.05
    assert metrics.class_histogram_distance([1, 1], [1, 0]) == 0.5


def test_TS_S10_latent():
    """A generator that ignores all but two of 32 latents and covers all modes."""
    z = np.random.default_rng(0).normal(size=(4000, 32))

    def generator(z):
        turn = (np.arctan2(z[:, 1], z[:, 0]) + math.pi) / (2 * math.pi)
        return RING.means[np.floor(8 * turn).astype(int) % 8]

    moved = z.copy()
    moved[:, 2:] += 1.0
    assert (generator(moved) == generator(z)).all()
    assert (RING.shares(generator(z)) > 1 / 16).all()


@given(tau=st.floats(0.01, 3))
@few
def test_TS_A4_pr_formulas(tau):
    from scipy.spatial.distance import cdist

    real, fake = kept(8, 60), kept(4, 50, step=1)
    gaps = cdist(fake, real)
    precision = sum(any(np.hypot(*(v - u)) <= tau for u in real) for v in fake) / len(fake)
    recall = sum(any(np.hypot(*(u - v)) <= tau for v in fake) for u in real) / len(real)
    assert ((gaps.min(1) <= tau).mean(), (gaps.min(0) <= tau).mean()) == (precision, recall)


@given(k=st.integers(1, 20))
def test_TS_A4_pr_curve(k):
    """Both grow with the radius, k-th neighbours' or any: a larger one is never worse, and there is no trade-off."""
    real, fake = kept(8, 60), kept(4, 50, step=1) + 0.2
    small, large = (metrics.precision_recall(real, fake, n) for n in (k, k + 5))
    assert large[0] >= small[0]
    assert large[1] >= small[1]
    precision, recall = metrics.prd(np.full(8, 1 / 8), (np.arange(8) < 4) / 4)
    assert (np.diff(precision) >= 0).all()
    assert (np.diff(recall) <= 0).all()


@given(seed=st.integers(0, 2**32), dim=st.integers(1, 5))
def test_TS_A4_fid(seed, dim):
    assert theory.bures_gap() == 0
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(2, dim))
    a, b = (m @ m.T + 0.1 * np.eye(dim) for m in rng.normal(size=(2, dim, dim)))
    wanted = ot.gaussian.bures_wasserstein_distance(*means, a, b) ** 2
    assert metrics.frechet_distance(means[0], a, means[1], b) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_TS_New_outlier():
    real, fake = kept(8), 0.01 * kept(1, step=3) + [2.9, 0.0]  # at the edge of the data
    more = np.concatenate([fake, [[-200.0, 0.0]]])
    assert metrics.precision_recall(real, fake, 1)[1] < 0.1
    assert metrics.precision_recall(real, more, 1)[1] == 1
    assert metrics.density_coverage(real, more, 1)[1] == metrics.density_coverage(real, fake, 1)[1]


@given(share=st.floats(1e-9, 0.09))
def test_TS_A9_histogram(share):
    real, fake = np.full(10, 0.1), np.full(10, (1 - share) / 9)
    fake[0] = share
    small = [metrics.class_histogram_distance(real, fake, name) for name in ("total_variation", "chi2")]
    assert max(small) < 0.2
    assert metrics.class_histogram_distance(real, fake, "chi2_reverse") >= (0.1 - share) ** 2 / share
    fake[0] = 0
    assert metrics.class_histogram_distance(real, fake, "chi2_reverse") == math.inf
