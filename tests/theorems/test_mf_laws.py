"""MF, relative entropy, d_1, rates, coagulation: closed forms, linear programs, drawn clouds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.optimize import linprog

import ganth
from ganth.metrics import wasserstein2_many

PAIR = ganth.targets.GaussianMixture([[-1.0], [1.0]], 0.0625)
shifts = st.floats(0.2, 2)


def mean(function, centre):
    return integrate.quad(lambda x: function(x) * stats.norm.pdf(x - centre), centre - 12, centre + 12, limit=200)[0]


def test_MF_data_facts():
    """1024 x 1024 x 3 is right; CelebA-HQ has 30,000 pictures; a latent dimension bounds the generated support."""
    assert 1024 * 1024 * 3 == 3_145_728
    one = ganth.MeanFieldWGAN(np.zeros((1, 3)), neurons=40, latent_dim=1, lr=1.0, batch=1)
    step = 1e-4
    tangent = one.generator(one.run(steps=0, seed=1).final, [[0.0], [step], [2 * step]])
    assert np.linalg.matrix_rank(np.diff(tangent, axis=0) / step, tol=1e-2) == 1


@given(shifts)
def test_MF_relative_entropy(m):
    """Finite where absolutely continuous; where not, the dual has no bound."""
    assert mean(lambda x: m * x - m * m / 2, m) == pytest.approx(m * m / 2, abs=1e-9)
    q, p = (ganth.targets.UniformBox([0.0], [width]) for width in (2.0, 1.0))
    assert ganth.divergences.kl(q, p) == math.inf
    x, y = q.sample(1000, 1), p.sample(1000, 2)
    for level in (10.0, 100.0):  # f = level on (1, 2), else 0
        assert (level * (x > 1)).mean() - math.log(np.exp(level * (y > 1)).mean()) > 0.4 * level


@given(shifts, st.floats(-2, 2), st.floats(-2, 2))
def test_MF_duality(m, a, b):
    """False as printed: with e^f under P* no critic exceeds KL, log q/p reaches it, and constants do not matter."""

    def dual(f):
        return mean(f, m) - math.log(mean(lambda x: math.exp(f(x)), 0.0))

    kl = m * m / 2
    assert dual(lambda x: a * math.tanh(b * x)) <= kl + 1e-9
    assert dual(lambda x: m * x - kl) == pytest.approx(kl, abs=1e-8)
    assert dual(lambda x: m * x + 5) == pytest.approx(kl, abs=1e-8)
    # Printed, the last term has g for f: adding 5 to f adds 5, and the supremum is infinite.
    assert mean(lambda x: m * x - kl + 5, m) - mean(lambda x: m * x - kl, m) == pytest.approx(5, abs=1e-8)


@given(shifts, st.integers(0, 10**6))
def test_MF_batch_one(m, seed):
    """False: a batch of one gives E_q f - E_p f, twice KL at log q/p; larger ones lie between."""
    kl = m * m / 2
    log_ratio = m * ganth.streams.normal(seed, 60_000) - kl
    single = kl - log_ratio.mean()
    many = kl - np.log(np.exp(log_ratio).reshape(-1, 100).mean(axis=1)).mean()
    assert single == pytest.approx(2 * kl, abs=5 * m / math.sqrt(60_000))
    assert kl - 0.15 < many < single


@given(st.floats(0, 2))
def test_MF_d1_coupling(shift):
    """False: independence is a coupling, and not the least."""
    x = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    independent = np.abs(x[:, None] - x[None] - shift).mean()
    assert stats.wasserstein_distance(x, x + shift) == pytest.approx(shift, abs=1e-12)
    assert independent > shift + 0.05


@given(st.integers(0, 10**6))
def test_MF_d1_duality(seed):
    """On the line: the integral of |F - G| is the supremum over 1-Lipschitz functions."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.normal(size=8))
    p, q = rng.dirichlet(np.ones(8)), rng.dirichlet(np.ones(8))
    steep = np.vstack([np.diff(np.eye(8), axis=0), -np.diff(np.eye(8), axis=0)])
    dual = -linprog(-(p - q), A_ub=steep, b_ub=np.r_[np.diff(x), np.diff(x)], bounds=[(-99, 99)] * 8).fun
    assert stats.wasserstein_distance(x, x, p, q) == pytest.approx(dual, abs=1e-8)


@given(st.floats(-3, 3))
def test_MF_d1_nondegenerate(t):
    """Two point masses t apart: d_1 = |t|, though they share no mass."""
    assert stats.wasserstein_distance([0.0], [t]) == pytest.approx(abs(t), abs=1e-15)


def coupled(n, lr, trials, batch):
    """Return E of the coupled squared distance at T = 1 between one-sample steps and full expectations."""
    runs = []
    for kind in (batch, "full"):
        game = ganth.MeanFieldWGAN(PAIR, neurons=n, lr=lr, clip=1.0, batch=kind, order="simultaneous", nodes=8)
        run = game.run(steps=round(1 / game.time_step), trials=trials, seed=3)
        runs.append(np.concatenate([run.particles[:, -1], run.recorded["critic"][:, -1]], axis=-1))
    return float(np.square(runs[0] - runs[1]).sum(axis=-1).mean())


def test_MF_rate_N():
    """With dt = 1/N eight times the units make about an eighth of the squared distance."""
    few, many = coupled(8, 1.0, 40, 1), coupled(64, 1.0, 40, 1)
    assert 4 < few / many < 16


def test_MF_New_rate_dt():
    """At fixed dt they make no difference; a smaller dt does."""
    few, many = coupled(4, 4 / 16, 40, 1), coupled(32, 32 / 16, 40, 1)
    assert 0.5 < few / many < 2
    assert coupled(4, 4 / 64, 40, 1) < 0.5 * few


def test_MF_proof():
    """Independent noise of mean 0 gives O(dt); a constant meets the printed inequality and gives O(1)."""
    noise = np.sign(ganth.streams.normal(1, (4000, 128)))
    sizes = {}
    for dt in (1 / 16, 1 / 128):
        e, constant = np.zeros(4000), 0.0
        for k in range(round(1 / dt)):
            e = (1 + dt) * e + dt * noise[:, k]
            constant = (1 + dt) * constant + dt
        sizes[dt] = (np.mean(e**2), constant**2)
    assert sizes[1 / 16][0] / sizes[1 / 128][0] == pytest.approx(8, rel=0.2)
    assert sizes[1 / 128][1] > 2
    assert sizes[1 / 128][0] / (1 / 128) == pytest.approx((math.e**2 - 1) / 2, rel=0.15)


def test_MF_wellposed():
    """Open: no simulation decides it.  A perturbed start stays near for a while."""
    game = ganth.MeanFieldWGAN(PAIR, neurons=8, lr=0.5, clip=1.0, batch="full", nodes=8)
    base = game.run(steps=32, seed=1)
    shift = 1e-4 * ganth.streams.normal(2, (8, 3))
    other = game.run(base.particles[0, 0] + shift, critic=base.recorded["critic"][0, 0], steps=32)
    assert np.abs(other.final - base.final).max() < 10 * np.abs(shift).max()


def test_MF_rate_iid():
    """The corollary's exponent 1/d is valid for independent clouds."""
    for d, n in ((3, 32), (5, 32)):
        few, many = (mean_square(n * k, d) for k in (1, 4))
        assert math.log(few / many) / math.log(4) > 1 / d


def mean_square(n, d):
    clouds = np.stack([ganth.streams.normal(9, (n, d), trial=t) for t in range(16)])
    return float((wasserstein2_many(clouds[::2], clouds[1::2]) ** 2).mean())


def test_MF_curse():
    """The exponent falls with the dimension."""
    powers = [math.log(mean_square(32, d) / mean_square(128, d)) / math.log(4) for d in (2, 5, 12)]
    assert powers[0] > powers[1] > powers[2]


def test_MF_New_sharp_rate():
    """Near 2/d beyond d = 4, not 1/d."""
    d = 8
    power = math.log(mean_square(32, d) / mean_square(256, d)) / math.log(8)
    assert abs(power - 2 / d) < abs(power - 1 / d)


def sigmoid_run(atoms, steps, n_critic):
    """Return the critic's atoms over time, data at 1, a slow generator at 3."""
    game = ganth.MeanFieldWGAN([[1.0]], neurons=1, critic_neurons=atoms, lr=5e-5, n_critic=n_critic * atoms, clip=0.5,
                               batch="full", order="simultaneous", nodes=2)  # fmt: skip
    critic = 0.5 * ganth.streams.uniform(4, (atoms, 3))
    return game.run([[6.0, 0.0, 0.0]], critic=critic, steps=steps, record_every=10).recorded["critic"][0]


def test_MF_coagulation():
    """Sigmoid atoms become one in finite time, and stay one, bit for bit."""
    places = sigmoid_run(20, 1500, 1000)
    width = np.ptp(places, axis=1).max(axis=1)
    first = np.flatnonzero(width == 0)[0]
    assert 0 < first < len(width) - 1
    assert (width[first:] == 0).all()


def test_MF_flatten():
    """Corrected: atoms that coincide never part, so that a lost dimension is lost; in the toy no width grows."""
    game = ganth.MeanFieldWGAN(PAIR, neurons=4, critic_neurons=4, lr=0.5, clip=0.5, batch=1)
    critic = np.array([[0.5, 0.2, -0.1]] * 2 + [[0.1, 0.3, 0.5]] * 2)
    places = game.run(steps=500, critic=critic, seed=1, record_every=10).recorded["critic"][0]
    assert (places[:, 0] == places[:, 1]).all()
    assert (places[:, 2] == places[:, 3]).all()
    toy = ganth.ToyWGAN(clip=1.0, time_step=0.02, integrator="symplectic")
    omega = toy.run(1.2, omega0=[[-0.7, 0.1, 0.9]], steps=3000, record_every=10).recorded["omega"][0]
    assert (np.diff(np.ptp(omega, axis=1)) < 1e-12).all()


def test_MF_New_regrow():
    """Two atoms on a face beta = c part in beta when the push turns: the width normal to it grows from 0."""
    game = ganth.MeanFieldWGAN([[3.0]], neurons=1, critic_neurons=2, lr=1e-4, n_critic=1000, clip=0.5, batch="full",
                               order="simultaneous", nodes=2)  # fmt: skip
    critic = np.array([[0.3, 0.5, -0.5], [0.3, 0.5, 0.5]])
    up = game.run([[2.0, 0.0, 0.0]], critic=critic * [-1, 1, 1], steps=1).recorded["critic"][0, -1]
    assert np.ptp(up[:, 1]) == 0  # pushed against the face they lie on
    down = game.run([[2.0, 0.0, 0.0]], critic=critic, steps=1).recorded["critic"][0, -1]
    assert np.ptp(down[:, 1]) > 1e-4


def test_MF_collapse_pictures():
    """Open: the slide names neither network nor data.  Modes of a ring are counted as its validation counts them."""
    ring = ganth.targets.GaussianMixture.ring(8, radius=2.0, variance=4e-4)
    assert (ring.shares(np.repeat(ring.means[:3], 10, axis=0)) > 0.25 / 8).sum() == 3
