"""Fields against 50 digits, plain loops, finite differences and their own conventions."""

import mpmath as mp
import naive_fields as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth import fields
from ganth.targets import GaussianMixture, UniformBox

seeds = st.integers(0, 2**32)
SQUARE = GaussianMixture([[1, 1], [1, -1], [-1, 1], [-1, -1]], 0.1)
START = GaussianMixture([[0, 0]], 0.2)
BOX = UniformBox([-2, -2], [2, 2])


def mixture(rng, dim, kind):
    k = rng.integers(1, 5)
    means = rng.normal(size=(k, dim)) * rng.choice([1, 5, 100])
    if kind == "full":
        factors = rng.normal(size=(k, dim, dim))
        variances = factors @ factors.transpose(0, 2, 1) + 0.01 * np.eye(dim)
        variances = (variances + variances.transpose(0, 2, 1)) / 2
    else:
        variances = rng.uniform(0.05, 3, size=k) if kind == "each" else rng.uniform(0.05, 3)
    return GaussianMixture(means, variances, rng.dirichlet(np.ones(k)))


def far_points(rng, target, n):
    """Return points 1 to 300 standard deviations away from a mode."""
    away = rng.normal(size=(n, target.means.shape[1]))
    away /= np.linalg.norm(away, axis=1)[:, None]
    widest = np.sqrt(np.linalg.eigvalsh(target.covariances)[:, -1].max())
    distances = widest * np.exp(rng.uniform(0, np.log(300), size=n))
    return target.means[rng.integers(len(target.means), size=n)] + distances[:, None] * away


def parts(target):
    return target.weights, target.means, target.covariances


@given(seed=seeds, dim=st.integers(1, 3), kind=st.sampled_from(["one", "each", "full"]), near=st.booleans())
def test_optimal_is_what_50_digits_say(seed, dim, kind, near):
    rng = np.random.default_rng(seed)
    target = mixture(rng, dim, kind)
    # Densities that nearly agree are the hard case: what is left of two large exponents.
    close = GaussianMixture(target.means + 1e-3 * rng.normal(size=target.means.shape), target.variances, target.weights)
    generated = close if near else mixture(rng, dim, kind)
    x = far_points(rng, target, 2)
    for i, (d, field, gap) in enumerate(zip(*fields.optimal(x, target, generated), strict=True)):
        true_d, true_field, true_gap, scale = naive.exact(x[i], parts(target), parts(generated))
        assert abs(mp.mpf(float(gap)) - true_gap) <= 1e-12 * max(1, abs(true_gap))
        if true_d > 1e-300:
            assert abs(mp.mpf(float(d)) / true_d - 1) <= 1e-12
        assert naive.norm([mp.mpf(float(a)) - b for a, b in zip(field, true_field, strict=True)]) <= 1e-12 * scale


@pytest.mark.parametrize("gap", [-1e6, -690.0, -1.0, 0.0, 40.0, 1e3])
def test_log_ratios_from_minus_a_million_to_a_thousand(gap):
    # Equal variances: log r is linear in x.
    target, generated = GaussianMixture([[2.0]], 0.5), GaussianMixture([[-2.0]], 0.5)
    (d,), ((field,),), (found,) = fields.optimal([[gap / 8]], target, generated)
    assert found == pytest.approx(gap, rel=1e-12, abs=1e-12)
    scores = 2 * (abs(gap / 8 - 2) + abs(gap / 8 + 2))
    wanted = 8 / (1 + np.exp(gap)) if gap < 700 else 0.0  # exp(-1000) is 0
    assert field == pytest.approx(wanted, rel=1e-12, abs=1e-12 * scores if gap < 700 else 0.0)
    assert d == pytest.approx(1 / (1 + np.exp(-gap)) if gap > -700 else 0.0, rel=1e-12, abs=0.0)


@given(seed=seeds, dim=st.integers(1, 3), count=st.integers(1, 5))
def test_optimal_is_the_plain_loop(seed, dim, count):
    rng = np.random.default_rng(seed)
    sides = []
    for k in (count, 2):
        means, variances, weights = rng.normal(size=(k, dim)), rng.uniform(0.5, 2, size=k), rng.dirichlet(np.ones(k))
        sides.append((GaussianMixture(means, variances, weights), list(zip(weights, means, variances, strict=True))))
    x = rng.normal(size=(3, dim))
    found = fields.optimal(x, sides[0][0], sides[1][0])
    for i in range(3):
        for one, wanted in zip(found, naive.round_field(x[i], sides[0][1], sides[1][1]), strict=True):
            np.testing.assert_allclose(one[i], wanted, rtol=1e-10, atol=1e-12)


@given(seed=seeds, dim=st.sampled_from([1, 2, 3, 5]), n=st.sampled_from([1, 31, 32, 33, 257]))
def test_a_point_does_not_depend_on_its_neighbours(seed, dim, n):
    rng = np.random.default_rng(seed)
    target, generated = mixture(rng, dim, "each"), mixture(rng, dim, "each")
    x = np.concatenate([far_points(rng, target, n), target.sample(n, 1)])
    whole = fields.optimal(x, target, generated)
    order = rng.permutation(len(x))
    for one, again in zip(whole, fields.optimal(x[order], target, generated), strict=True):
        np.testing.assert_array_equal(one[order], again)


def test_chunks_and_threads_change_no_bit():
    x = START.sample(20_001, 3)
    whole = fields.optimal(x, SQUARE, START, threads=1)
    for threads in (None, 2):
        for one, again in zip(whole, fields.optimal(x, SQUARE, START, threads=threads), strict=True):
            np.testing.assert_array_equal(one, again)
    for one, again in zip(whole, fields.optimal(x[12_345:12_350], SQUARE, START), strict=True):
        np.testing.assert_array_equal(one[12_345:12_350], again)


@pytest.mark.parametrize("kind", ["one", "full"])
def test_very_far_out(kind):
    target = mixture(np.random.default_rng(3), 2, kind)
    for distance in (1e6, 1e9, 1e12, 1e40):
        x = np.array([[distance, -0.5 * distance]])
        d, field, gap = fields.optimal(x, target, START)
        _, true_field, true_gap, scale = naive.exact(x[0], parts(target), parts(START))
        assert float(gap[0]) == pytest.approx(float(true_gap), rel=1e-12)
        assert d[0] == (1.0 if true_gap > 0 else 0.0)
        assert naive.norm([mp.mpf(float(a)) - b for a, b in zip(field[0], true_field, strict=True)]) <= 1e-12 * scale


def test_a_full_covariance_that_is_round_is_the_round_one():
    full = GaussianMixture(SQUARE.means, np.array([0.1 * np.eye(2)] * 4))
    x = far_points(np.random.default_rng(0), SQUARE, 50)
    for one, again in zip(fields.optimal(x, SQUARE, START), fields.optimal(x, full, START), strict=True):
        np.testing.assert_allclose(one, again, rtol=1e-13)


def test_components_without_weight_are_left_out():
    more = GaussianMixture([*SQUARE.means, [0, 0]], 0.1, [0.25] * 4 + [0])
    x = START.sample(20, 0)
    for one, again in zip(fields.optimal(x, SQUARE, START), fields.optimal(x, more, START), strict=True):
        np.testing.assert_array_equal(one, again)


def test_the_field_is_the_gradient_of_log_d():
    x, step = np.array([[0.3, -0.8], [1.5, 0.2], [-2.0, 1.0]]), 1e-6
    field = fields.optimal(x, SQUARE, START)[1]
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        up, down = (np.log(fields.optimal(x + sign * shift, SQUARE, START)[0]) for sign in (1, -1))
        np.testing.assert_allclose(field[:, axis], (up - down) / (2 * step), rtol=1e-7, atol=1e-8)


def test_where_densities_vanish():
    x = [[1.9, 0.0], [2.1, 0.0]]
    d, field, gap = fields.optimal(x, SQUARE, BOX)  # q = 0 < p beyond the box
    assert (d[1], field[1].tolist(), gap[1]) == (1.0, [0.0, 0.0], np.inf)
    assert 0 < d[0] < 1
    assert np.isfinite(gap[0])
    np.testing.assert_allclose(field[0], (1 - d[0]) * SQUARE.score([x[0]])[0], rtol=1e-12)
    d, field, gap = fields.optimal(x, BOX, SQUARE)  # p = 0 < q
    assert (d[1], gap[1]) == (0.0, -np.inf)
    assert np.isnan(field[1]).all()
    assert np.isfinite(field[0]).all()
    with pytest.warns(RuntimeWarning, match="both densities vanish at 1 of 2 points") as warned:
        d, field, gap = fields.optimal(x, BOX, BOX)
    assert len(warned) == 1
    np.testing.assert_array_equal(d, [0.5, np.nan])
    np.testing.assert_array_equal(gap, [0.0, np.nan])
    np.testing.assert_array_equal(field, np.zeros((2, 2)))
    assert np.isfinite(fields.optimal([[2.0, -2.0]], SQUARE, BOX)[2]).all()  # the box is closed
    away = 2.0 + np.random.default_rng(0).uniform(0.01, 9, size=(200, 2))
    assert (fields.optimal(away, mixture(np.random.default_rng(1), 2, "full"), BOX)[0] == 1.0).all()


def test_float32_and_out():
    x = SQUARE.sample(500, 0)
    wanted = fields.optimal(x, SQUARE, START)
    found = fields.optimal(x, SQUARE, START, dtype="float32")
    for one, exact in zip(found, wanted, strict=True):
        assert one.dtype == np.float64
        np.testing.assert_allclose(one, exact, rtol=2e-5, atol=2e-5)
        assert np.abs(one - exact).max() > 1e-9  # it was float32
    for dtype in ("float32", "float64"):
        out = np.empty(500, dtype), np.empty((500, 2), dtype), np.empty(500, dtype)
        kept = fields.optimal(x.astype("float32"), SQUARE, START, dtype="float32", out=out)
        assert all(a is b for a, b in zip(kept, out, strict=True))
        for one, exact in zip(kept, wanted, strict=True):
            np.testing.assert_allclose(one, exact, rtol=5e-5, atol=5e-5)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (ganth.ParameterError, "x must be finite, got nan at index", lambda: ([[0.0, np.nan]], SQUARE, START)),
        (ganth.ParameterError, "x must be finite, got inf", lambda: (np.full((9000, 2), np.inf), SQUARE, START)),
        (ganth.ShapeError, "x must have points in 2 dimensions", lambda: (np.zeros((3, 1)), SQUARE, START)),
        (ganth.ShapeError, "must share their dimension", lambda: ([[0.0]], SQUARE, GaussianMixture([[0.0]], 1.0))),
        (ganth.ParameterError, "generated must be a GaussianMixture or a UniformBox", lambda: ([[0, 0]], SQUARE, 3)),
        (ganth.ParameterError, "variances must be > 0", lambda: ([[0.0]], GaussianMixture([[0.0]], -1.0), START)),
        (ganth.ParameterError, "weights must sum to 1", lambda: (0, GaussianMixture([[0.0], [1.0]], 1.0, [1, 1]), 0)),
    ],
)
def test_errors_say_what_is_wrong(error, match, call):
    with pytest.raises(error, match=match):
        fields.optimal(*call())


def test_other_errors():
    x = np.zeros((4, 2))
    with pytest.raises(ganth.ParameterError, match="dtype must be one of"):
        fields.optimal(x, SQUARE, START, dtype="int8")
    with pytest.raises(ganth.ShapeError, match=r"out\[1\] must be a C-contiguous array of shape \(4, 2\)"):
        fields.optimal(x, SQUARE, START, out=(np.empty(4), np.empty((2, 4)).T, np.empty(4)))
    with pytest.raises(ganth.ShapeError, match="out must be three arrays"):
        fields.optimal(x, SQUARE, START, out=(np.empty(4),))
    with pytest.raises(ganth.ParameterError, match="x must be within the range of float32"):
        fields.optimal([[1e300, 0.0]], SQUARE, START, dtype="float32")
    if ganth.backend.resolve("auto") == "cpu":
        with pytest.raises(ganth.BackendUnavailableError):
            fields.optimal(x, SQUARE, START, backend="cuda")
    with pytest.raises(ganth.ShapeError, match="f must return an array of the shape of r"):
        fields.suboptimal(x, SQUARE, START, lambda r: np.ones(3), np.zeros_like)
    with pytest.raises(ganth.ParameterError, match="divergence must be one of 'kl'"):
        fields.velocity(x, SQUARE, START, "tv")


def test_the_suboptimal_discriminator_with_f_of_one_is_the_optimal_one():
    x = far_points(np.random.default_rng(1), SQUARE, 30)
    for one, again in zip(
        fields.suboptimal(x, SQUARE, START, np.ones_like, np.zeros_like), fields.optimal(x, SQUARE, START), strict=True
    ):
        np.testing.assert_allclose(one, again, rtol=1e-9, atol=1e-300)


def test_the_suboptimal_field_is_the_gradient_of_log_d():
    x, step = np.array([[0.3, -0.8], [1.0, 1.1], [-0.6, 1.0]]), 1e-6
    of = lambda x: fields.suboptimal(x, SQUARE, START, lambda r: 1 + r**1.5, lambda r: 1.5 * r**0.5)  # noqa: E731
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        slope = (np.log(of(x + shift)[0]) - np.log(of(x - shift)[0])) / (2 * step)
        np.testing.assert_allclose(of(x)[1][:, axis], slope, rtol=1e-6, atol=1e-8)


def test_the_suboptimal_conventions():
    x = [[1.9, 0.0], [2.1, 0.0]]
    d, field, gap = fields.suboptimal(x, SQUARE, BOX, np.ones_like, np.zeros_like)
    assert (d[1], field[1].tolist(), gap[1]) == (1.0, [0.0, 0.0], np.inf)


@pytest.mark.parametrize("name", list(fields.FLOWS))
def test_a_velocity_descends_its_divergence(name):
    """Moving particles by a small step changes the divergence by - int q |v|^2, to first order (one dimension)."""
    target, generated = GaussianMixture([[-0.4], [0.8]], [0.8, 1.0]), GaussianMixture([[0.3]], 0.9)
    grid = np.linspace(-9, 9, 6001)[:, None]
    cell, step = grid[1, 0] - grid[0, 0], 1e-4
    flow = fields.FLOWS[name]
    speed = fields.velocity(grid, target, generated, name)[:, 0]
    q, p = (np.exp(density.log_density(grid)) for density in (generated, target))
    moved = q - step * np.gradient(q * speed, cell, edge_order=2)

    def value(density):
        kept = (density > 1e-12) & (p > 1e-12)
        from ganth.fields.flows import _INTEGRANDS

        return _INTEGRANDS[flow.descends](np.log(p[kept]), np.log(density[kept])).sum() * cell

    inside = q > 1e-12
    expected = -step * (q * speed**2)[inside].sum() * cell
    assert value(moved) - value(q) == pytest.approx(expected, rel=2e-3)
    assert expected < -1e-7


def test_divergences_have_their_closed_forms():
    grid = np.linspace(-14, 14, 5601)[:, None]
    target, generated = GaussianMixture([[0.0]], 1.0), GaussianMixture([[1.0]], 1.0)
    of = {name: fields.divergence(name, grid, 0.005, target, generated) for name in ("kl", "reverse-kl", "hellinger")}
    assert of["kl"] == pytest.approx(0.5, rel=1e-9)
    assert of["reverse-kl"] == pytest.approx(0.5, rel=1e-9)
    assert of["hellinger"] == pytest.approx(2 - 2 * np.exp(-1 / 8), rel=1e-9)
    assert fields.divergence("pearson", grid, 0.005, target, generated) == pytest.approx(np.e - 1, rel=1e-9)
    assert fields.divergence("half-neyman", grid, 0.005, target, generated) == pytest.approx((np.e - 1) / 2, rel=1e-9)
    shannon = fields.divergence("js", grid, 0.005, target, generated)
    nsgan = fields.divergence("nsgan", grid, 0.005, target, generated)
    assert nsgan == pytest.approx(of["reverse-kl"] - shannon, rel=1e-9)
    assert fields.divergence("gan", grid, 0.005, target, generated) == pytest.approx(shannon - 2 * np.log(2), rel=1e-9)
    same = [fields.divergence(name, grid, 0.005, target, target) for name in ("nsgan", "three-halves", "twice-kl")]
    np.testing.assert_allclose(same, 0, atol=1e-12)
