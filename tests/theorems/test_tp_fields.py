"""TP Definition 2.1, section 3, Theorem D.2 and Propositions D.1 to D.4, section 5.2 and Figures 2 and 15.

Theory: grad d*/d* = grad r/(r (1 + r)) = sigma(-log r) grad log r, r = p/q; K_h = K/h^n.
"""

import itertools
import math

import naive_fields as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from ganth import fields
from ganth.targets import GaussianMixture, UniformBox, kde
from ganth.theory import fields as theory

seeds = st.integers(0, 2**32)
SIGNS = list(itertools.product((1, -1), repeat=2))
TENTH = sp.Rational(1, 10)
CLUSTERED = GaussianMixture(SIGNS, 0.1)
FAR = GaussianMixture(3 * np.array(SIGNS), 0.1)
START, ONE, WIDE = (GaussianMixture([[m, m]], v) for m, v in ((0, 0.2), (1, 1.0), (3, 3.0)))
SQUARE = UniformBox([-2, -2], [2, 2])


def pair(seed, dim=2):
    rng = np.random.default_rng(seed)
    sides = [
        GaussianMixture(rng.normal(size=(k, dim)), rng.uniform(0.2, 2, size=k)) for k in rng.integers(1, 4, size=2)
    ]
    return *sides, rng.normal(size=(20, dim))


def ratio(x, target, generated):
    return np.exp(target.log_density(x) - generated.log_density(x))


def length(field):
    return np.linalg.norm(field, axis=-1)


def around(mode, radius, count=4000):
    """Return points spread evenly over a disc."""
    rng = np.random.default_rng(0)
    angle, reach = 2 * np.pi * rng.uniform(size=count), radius * np.sqrt(rng.uniform(size=count))
    return mode + np.column_stack([reach * np.cos(angle), reach * np.sin(angle)])


@given(h=st.floats(0.05, 3), dim=st.integers(1, 3))
def test_TP_Def2_1(h, dim):
    """The printed density has mass h^(n-1): at the middle it is h^(n-1) times a density."""
    assert [theory.kernel_mass(n, 1) for n in (1, 2, 3)] == [1, theory.bandwidth, theory.bandwidth**2]
    assert [theory.kernel_mass(n, n) for n in (1, 2, 3)] == [1, 1, 1]
    points = np.random.default_rng(0).normal(size=(3, dim))
    x = np.random.default_rng(1).normal(size=(4, dim))
    printed = [
        sum(
            math.pi ** (-dim / 2) * math.exp(-sum(((a - b) / h) ** 2 for a, b in zip(y, p, strict=True)))
            for p in points
        )
        / (3 * h)
        for y in x
    ]
    np.testing.assert_allclose(printed, h ** (dim - 1) * np.exp(kde(points, h).log_density(x)), rtol=1e-9, atol=1e-200)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_TP_Def2_1_limit(dim):
    data = 50.0 * np.eye(3)[:, :dim]
    for h in (1.0, 0.1, 0.01):
        x = kde(data, h).sample(20_000, 0)
        gap = ((x[:, None] - data) ** 2).sum(axis=2).min(axis=1)
        assert math.sqrt(gap.mean()) == pytest.approx(h * math.sqrt(dim / 2), rel=0.03)
        assert gap.min() > 0  # no mass on the data: total variation 1
    assert sp.limit(theory.kernel_mass(dim, sp.Integer(1)), theory.bandwidth, 0) == (1 if dim == 1 else 0)


@given(seed=seeds)
def test_TP_Eq_field(seed):
    assert theory.field_gap() == theory.stable_gap() == 0
    target, generated, x = pair(seed)
    r = ratio(x, target, generated)
    slope = r[:, None] * (target.score(x) - generated.score(x))
    np.testing.assert_allclose(
        fields.optimal(x, target, generated)[1], slope / (r * (1 + r))[:, None], rtol=1e-9, atol=1e-10
    )


@given(seed=seeds)
def test_TP_ThmD_2(seed):
    assert theory.field_limits() == (1, 1)
    target, generated, x = pair(seed)
    x = 4 * x
    field, (log_r, slope) = fields.optimal(x, target, generated)[1], fields.log_ratio(x, target, generated)
    r = np.exp(np.clip(log_r, -300, 300))
    low, high = log_r < -3, (log_r > 3) & (log_r < 300)
    assert (length(field - slope)[low] <= r[low] * length(slope)[low] * (1 + 1e-9) + 1e-12).all()
    inverse = slope / r[:, None]  # grad(-1/r)
    assert (length(field - inverse)[high] <= (length(inverse) / r)[high] * (1 + 1e-9) + 1e-12).all()


def squares(scale, start, variance):
    return [theory.squared((scale * a, scale * b), TENTH, start, variance) for a, b in SIGNS]


def check_squares(scale, start, variance, target, generated):
    """Hold the completed squares to SymPy and to the densities, and return them."""
    found = squares(scale, start, variance)
    assert {theory.squared_gap((scale * a, scale * b), TENTH, start, variance) for a, b in SIGNS} == {0}
    x = np.random.default_rng(0).uniform(-scale, scale, size=(30, 2))
    r, slope = np.zeros(30), np.zeros((30, 2))
    for front, rate, aim, constant in found:
        arm = x - np.array(aim, dtype=float)
        part = float(front) * np.exp(-float(rate) * (arm**2).sum(axis=1) + float(constant))
        r += part
        slope -= 2 * float(rate) * part[:, None] * arm
    np.testing.assert_allclose(r, ratio(x, target, generated), rtol=1e-10)
    np.testing.assert_allclose(
        slope / (r * (1 + r))[:, None], fields.optimal(x, target, generated)[1], rtol=1e-7, atol=1e-9
    )
    return found


def test_TP_PropD_1():
    found = check_squares(1, (0, 0), 2 * TENTH, CLUSTERED, START)
    assert {square[:2] for square in found} == {(sp.Rational(1, 2), sp.Rational(5, 2))}  # so grad r has -5/2
    assert [square[2] for square in found] == [(2 * a, 2 * b) for a, b in SIGNS]
    assert {square[3] for square in found} == {10}
    x = 0.5 + 1.5 * np.random.default_rng(0).uniform(size=(200, 2))
    slope = fields.log_ratio(x, CLUSTERED, START)[1]
    arm = 2 - x
    np.testing.assert_allclose((slope * arm).sum(axis=1) / length(slope) / length(arm), 1, atol=1e-6)


def test_TP_PropD_2():
    assert theory.over_uniform(TENTH, sp.Integer(4)) == (20 / sp.pi, -200 / sp.pi)
    x = np.random.default_rng(0).uniform(-2, 2, size=(30, 2))
    arms = x[:, None] - np.array(SIGNS)
    parts = np.exp(-5 * (arms**2).sum(axis=2))
    r, slope = 20 / np.pi * parts.sum(axis=1), -200 / np.pi * np.einsum("nk,nki->ni", parts, arms)
    d, field, log_r = fields.optimal(x, CLUSTERED, SQUARE)
    np.testing.assert_allclose(log_r, np.log(r), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(field, slope / (r * (1 + r))[:, None], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(d, r / (1 + r), rtol=1e-10)
    # The printed indicator makes r = 0 outside, where it is infinite.
    assert fields.optimal([[2.5, 0.0]], CLUSTERED, SQUARE)[2][0] == np.inf


def test_TP_PropD_3():
    found = check_squares(1, (1, 1), sp.Integer(1), CLUSTERED, ONE)
    assert {square[:2] for square in found} == {(sp.Rational(5, 2), sp.Rational(9, 2))}  # so grad r has -45/2
    assert [square[2] for square in found] == [tuple(sp.Rational(10 * c - 1, 9) for c in pair) for pair in SIGNS]
    assert [square[3] for square in found] == [sp.Rational(5, 9) * ((a - 1) ** 2 + (b - 1) ** 2) for a, b in SIGNS]


def test_TP_PropD_4():
    found = check_squares(3, (3, 3), sp.Integer(3), FAR, WIDE)
    fronts = {(front, -2 * rate * front) for front, rate, *_ in found}
    assert fronts == {(sp.Rational(15, 2), -sp.Rational(145, 2))} != {(sp.Rational(15, 4), -sp.Rational(145, 4))}
    # At the covered mode r is p/q: (0.1/4 over 3) inverted, not half of it.
    assert ratio([[3.0, 3.0]], FAR, WIDE)[0] == pytest.approx(7.5, rel=1e-12)


def test_TP_PropD_4_prose():
    aims = {value for square in squares(3, (3, 3), sp.Integer(3)) for value in square[2]}
    assert aims == {sp.Integer(3), -sp.Rational(93, 29)}
    log_r = fields.log_ratio([[-3.0, -3.0], [3.0, 3.0], [8.0, 8.0], [-8.0, -8.0]], FAR, WIDE)[0]
    assert log_r[0] > 14
    assert log_r[1] == pytest.approx(math.log(7.5))
    assert (log_r[2:] < -50).all()  # 1 + r = 1 far from everything


def test_TP_S3_1_nearest():
    x = START.sample(20_000, 0)
    field = fields.optimal(x, CLUSTERED, START)[1]
    arms = CLUSTERED.means - x[:, None]
    distance = length(arms)
    way = arms[np.arange(len(x)), distance.argmin(axis=1)]
    assert ((field * way).sum(axis=1) > 0).mean() > 0.99  # where the particles are it is nearly so
    for mode in CLUSTERED.means:
        out = fields.optimal([mode, 1.3 * mode, 2 * mode], CLUSTERED, START)[1]
        assert out[0] @ mode > 0.1  # at the mode and beyond it the field points outwards,
        assert out[1] @ mode > 0
        assert length(out[2]) < 1e-15  # and far from the mode it is 0
    assert length(fields.optimal([[0.4, 0.4]], CLUSTERED, START)[1])[0] > 5  # nearer to its mode than (2, 2)


def test_TP_S3_1_cover_all():
    assert length(fields.optimal(CLUSTERED.means, CLUSTERED, SQUARE)[1]).max() < 1e-7
    x = SQUARE.sample(5000, 0)
    field = fields.optimal(x, CLUSTERED, SQUARE)[1]
    arms = CLUSTERED.means - x[:, None]
    nearest = length(arms).argmin(axis=1)
    way, distance = arms[np.arange(len(x)), nearest], length(arms).min(axis=1)
    cosine = (field * way).sum(axis=1) / (length(field) * distance)
    assert (cosine > 0).mean() > 0.999
    inner = np.abs(x).min(axis=1) > 0.5
    assert cosine[inner].min() > 0.99
    assert np.corrcoef(length(field), distance)[0, 1] > 0.8


def test_TP_S3_1_d_order():
    d = fields.optimal([[1, 1], [1, -1], [-1, 1], [-1, -1]], CLUSTERED, ONE)[0]
    assert d[0] < d[1] == d[2] < d[3]
    assert d[0] == pytest.approx(2.5 / 3.5, rel=1e-6)  # r = 5/2 there


def test_TP_S3_1_intensity():
    means = [length(fields.optimal(around(mode, 0.3), CLUSTERED, ONE)[1]).mean() for mode in SIGNS]
    assert means[0] > 3 * means[1] > 9 * means[3]
    assert length(fields.optimal([[1.0, 1.0]], CLUSTERED, ONE)[1])[0] < 1e-6  # only at the very centre it is least


def test_TP_S3_2_weakening():
    near = [
        [length(fields.optimal(around(scale * np.array(mode), 0.3), target, generated)[1]).mean() for mode in SIGNS]
        for scale, target, generated in ((1, CLUSTERED, ONE), (3, FAR, WIDE))
    ]
    share = np.divide(near[1], near[0])
    assert 0.3 < share[0] < 0.6
    assert (share[1:] < 0.01).all()
    # Beyond, it is stronger than with clustered modes, and brings particles to the unoccupied mode.
    x = np.array([[-1.5, -1.2], [-0.8, -4.0]])
    for _ in range(400):
        field = fields.optimal(x, FAR, WIDE)[1]
        x = x + 0.02 * field / np.maximum(1, 0.1 * length(field))[:, None]
    assert length(x + 3).max() < 1.5
    assert length(fields.optimal([[-1.2, -1.2]], FAR, WIDE)[1])[0] > 10


def test_TP_Fig2_fields():
    for target, generated in ((CLUSTERED, START), (CLUSTERED, SQUARE), (CLUSTERED, ONE), (FAR, WIDE)):
        half = 2 if target is CLUSTERED else 4
        x = np.random.default_rng(0).uniform(-half, half, size=(200, 2))
        d, field, _ = fields.optimal(x, target, generated)
        p, q = (np.exp(density.log_density(x)) for density in (target, generated))
        np.testing.assert_allclose(d, p / (p + q), rtol=1e-10)
        swapped = fields.optimal(x[:, ::-1], target, generated)  # the panels are symmetric about the diagonal
        np.testing.assert_allclose(swapped[0], d, rtol=1e-12)
        np.testing.assert_allclose(swapped[1][:, ::-1], field, rtol=1e-9, atol=1e-12)
    x = [0.3, -0.7]
    wanted = naive.round_field(x, [(0.25, m, 0.1) for m in SIGNS], [(1.0, (0, 0), 0.2)])
    for one, value in zip(fields.optimal([x], CLUSTERED, START), wanted, strict=True):
        np.testing.assert_allclose(one[0], value, rtol=1e-10)


@given(seed=seeds)
def test_TP_S5_2_optimal_d(seed):
    """At q = p the optimal discriminator is 1/2 in the modes and between them alike."""
    target, _, x = pair(seed)
    np.testing.assert_allclose(fields.optimal(10 * x, target, target)[0], 0.5, rtol=1e-15)
    narrow = GaussianMixture(target.means, 0.99 * target.variances, target.weights)
    assert fields.optimal(1000 + x, target, narrow)[0].min() > 0.99  # and 1, not 0, where data are scarce


@given(seed=seeds, size=st.floats(1e-3, 1))
def test_TP_New_half_bound(seed, size):
    rng = np.random.default_rng(seed)
    target = GaussianMixture(rng.normal(size=(2, 1)), 0.5)
    other = GaussianMixture(target.means + size * rng.normal(size=(2, 1)), 0.5)
    grid = np.linspace(-12, 12, 4001)[:, None]
    p, q = (np.exp(density.log_density(grid)) for density in (target, other))
    d = fields.optimal(grid, target, other)[0]
    excess = ((p + q) * np.maximum(d - 0.5, 0)).sum()
    assert excess == pytest.approx(np.abs(p - q).sum() / 4, rel=1e-6)
    assert d.max() > 0.5


def test_TP_Fig15_optimal_d():
    """Near 1/2 at the centres, falling to 0: of a generator with modes a little wider, and a little mass elsewhere."""
    data = GaussianMixture(SIGNS, 0.0125)
    generated = GaussianMixture([*SIGNS, (0, 0)], [0.0125 * 1.21] * 4 + [2.0], [0.225] * 4 + [0.1])
    away = np.linspace(0, 1, 60)
    d = fields.optimal(np.column_stack([1 + away, np.ones(60)]), data, generated)[0]
    assert abs(d[0] - 0.5) < 0.1
    assert (np.diff(d) < 0).all()
    assert d[-1] < 1e-3
