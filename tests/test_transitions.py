"""Crossings and laws of a boundary against plain loops, SciPy's regressions, and boundaries that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import ganth
from ganth.transitions import compare_laws, crossings, fit_boundary

GRID = np.array([0.02, 0.05, 0.08, 0.11, 0.2, 0.3, 0.45, 0.7])


def boundary(law, noise, rng, *, slope=1.5, x=GRID):
    y = np.exp(1.0 + slope * (np.log(x) if law == "power" else x))
    return y * np.exp(noise * rng.normal(size=len(x)))


def table(place, x, *, seeds=1, noise=0.0, rng=None, width=0.4):
    """Return a rising metric (rows, m, seeds) that is 1/2 at x = place of each row, moved in log x for each seed."""
    moved = noise * rng.normal(size=(len(place), 1, seeds)) if rng else np.zeros((1, 1, 1))
    return 1 / (1 + np.exp((np.log(place)[:, None, None] + moved - np.log(x)[:, None]) / width))


def pooled(mean, weights):
    """Return the rising least-squares fit by pooling neighbours that are out of order, one pair at a time."""
    blocks = [[value, weight, 1] for value, weight in zip(mean, weights, strict=True)]
    while (bad := next((i for i in range(len(blocks) - 1) if blocks[i][0] > blocks[i + 1][0]), None)) is not None:
        (a, u, n), (b, v, m) = blocks[bad], blocks.pop(bad + 1)
        blocks[bad] = [(a * u + b * v) / (u + v), u + v, n + m]
    return np.repeat([b[0] for b in blocks], [b[2] for b in blocks])


def crossing(x, row, level):
    """Return where the pooled mean of a rising row (m, seeds) passes the level, or NaN."""
    kept = [(place, [v for v in at if v == v]) for place, at in zip(x, row, strict=True)]
    kept = [(np.log(place), np.mean(known), len(known)) for place, known in kept if known]
    rise = pooled([mean for _, mean, _ in kept], [count for *_, count in kept])
    for (a, *_), (b, *_), low, high in zip(kept, kept[1:], rise, rise[1:], strict=False):
        if low < level < high:
            return np.exp(a + (b - a) * (level - low) / (high - low))
    return np.nan


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 4), m=st.integers(2, 9), seeds=st.integers(1, 4))
def test_a_plain_loop_agrees(seed, rows, m, seeds):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0.1, 10, m))
    values = rng.normal(size=(rows, m, seeds)) + 0.5 * np.arange(m)[:, None]
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, [0, -1], :] = np.nan_to_num(values[:, [0, -1], :])
    found = crossings(x, values, 0.7, direction="rising")
    expected = [crossing(x, row, 0.7) for row in values]
    np.testing.assert_allclose(found.at, expected, rtol=1e-12)
    assert (np.isnan(found.at) == (found.sides != "inside")).all()
    for s in range(seeds if seeds > 1 else 0):
        rest = [crossing(x, np.delete(row, s, axis=1), 0.7) for row in values]
        np.testing.assert_allclose(found.replicates[s], rest, rtol=1e-12)


def test_rising_and_falling_are_one_rule():
    values = np.random.default_rng(1).normal(size=(5, len(GRID), 3)) + np.arange(len(GRID))[:, None]
    up, down = crossings(GRID, values, 3.0, direction="rising"), crossings(GRID, -values, -3.0, direction="falling")
    np.testing.assert_array_equal(up.at, down.at)
    np.testing.assert_array_equal(up.intervals, down.intervals)


def test_a_row_without_a_crossing_says_on_which_side_it_ends():
    rows = [[0.0, 0.1, 0.2], [0.6, 0.7, 0.9], [0.2, 0.9, 0.1], [0.5, 0.5, 0.9]]
    found = crossings([1, 10, 100], rows, 0.5, direction="rising")
    # the third is out of order: its last two pool to exactly 1/2; the fourth stays on the level for a decade
    assert found.sides.tolist() == ["beyond", "before", "inside", "inside"]
    np.testing.assert_allclose(found.at, [np.nan, np.nan, 10**1.5, 10**0.5])
    assert np.isnan(found.intervals).all()
    assert found.replicates.shape == (0, 4)


def test_a_finer_grid_finds_the_true_place_to_second_order():
    place, errors = np.array([0.7, 1.3]), []
    for m in (17, 33, 65, 129):
        x = np.geomspace(0.1, 10, m)
        errors.append(
            np.abs(np.log(crossings(x, table(place, x), 0.3, direction="rising").at / (place * (3 / 7) ** 0.4)))
        )
    assert np.log2(np.array(errors)[0] / np.array(errors)[-1]).min() > 5  # three halvings


def test_intervals_of_crossings_cover_the_true_place():
    rng, hits = np.random.default_rng(2), []
    x, place = np.geomspace(0.05, 20, 12), np.geomspace(0.5, 2.0, 25)
    for _ in range(16):
        found = crossings(x, table(place, x, seeds=6, noise=0.3, rng=rng), 0.5, direction="rising")
        hits.append((found.intervals[:, 0] < place) & (place < found.intervals[:, 1]))
    assert np.mean(hits) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 400))


@pytest.mark.parametrize("law", ["power", "exponential"])
def test_a_fit_is_scipys_regression(law):
    y = boundary(law, 0.2, np.random.default_rng(3))
    fit = fit_boundary(GRID, y, law=law)
    u = np.log(GRID) if law == "power" else GRID
    oracle = stats.linregress(u, np.log(y))
    reach = stats.t.ppf(0.975, 6) * oracle.stderr
    residuals = np.log(y) - oracle.intercept - oracle.slope * u
    assert (fit.slope, fit.intercept) == pytest.approx((oracle.slope, oracle.intercept), rel=1e-11)
    assert fit.slope_interval == pytest.approx((oracle.slope - reach, oracle.slope + reach), rel=1e-11)
    assert fit.residual_scale == pytest.approx(np.sqrt((residuals**2).sum() / 6), rel=1e-11)
    likelihood = stats.norm.logpdf(residuals, scale=residuals.std()).sum()
    assert (fit.log_likelihood, fit.aic) == pytest.approx((likelihood, 6 - 2 * likelihood), rel=1e-11)
    assert np.log(fit.at(GRID)) == pytest.approx(oracle.intercept + oracle.slope * u, rel=1e-11)
    assert fit.points == 8
    assert np.isnan(fit.seed_interval).all()


def test_points_without_a_crossing_are_left_out():
    y = boundary("power", 0.2, np.random.default_rng(4))
    gap = np.where(GRID == 0.11, np.nan, y)
    kept = GRID != 0.11
    assert fit_boundary(GRID, gap, law="power").slope == fit_boundary(GRID[kept], y[kept], law="power").slope
    assert compare_laws(GRID, gap).difference == compare_laws(GRID[kept], y[kept]).difference


@pytest.mark.parametrize("law", ["power", "exponential"])
def test_intervals_of_slopes_cover_and_tests_keep_their_level(law):
    rng, n = np.random.default_rng(5), 1500
    covered, rejected, wrong = 0, 0, 0
    other = {"power": "exponential", "exponential": "power"}[law]
    for _ in range(n):
        y = boundary(law, 0.3, rng, slope=1.2)
        low, high = fit_boundary(GRID, y, law=law).slope_interval
        covered += low < 1.2 < high
        compared = compare_laws(GRID, y)
        rejected += getattr(compared, f"p_{law}") < 0.05
        wrong += compared.favoured == other
    error = 3.5 * np.sqrt(0.95 * 0.05 / n)
    assert covered / n == pytest.approx(0.95, abs=error)
    assert rejected / n == pytest.approx(0.05, abs=error)
    assert wrong / n < 0.05


@pytest.mark.parametrize("law", ["power", "exponential"])
def test_the_law_that_made_a_boundary_is_found(law):
    compared = compare_laws(GRID, boundary(law, 0.05, np.random.default_rng(6), slope=2.0))
    assert compared.favoured == law
    assert (compared.difference > 0) == (law == "power")
    assert compared.difference == pytest.approx((compared.exponential.aic - compared.power.aic) / 2, rel=1e-11)
    assert compared.interval[0] < compared.difference < compared.interval[1]


def test_a_boundary_of_neither_law_and_one_of_both():
    assert compare_laws(GRID, np.exp(3 * GRID + np.log(GRID)) * [1.01, 1, 1, 0.99, 1, 1.01, 1, 1]).favoured == "neither"
    assert compare_laws(GRID, [1, 2, 1, 2, 1, 2, 1, 2]).favoured == "undecided"
    exact = compare_laws(GRID, boundary("power", 0.0, np.random.default_rng(7)))
    assert exact.favoured == "power"
    assert exact.power.residual_scale < 1e-15


@given(seed=st.integers(0, 10_000), n=st.integers(4, 12))
def test_departures_are_f_tests_of_nested_regressions(seed, n):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0.1, 2, n))
    y = np.exp(rng.normal(size=n))
    compared = compare_laws(x, y)

    def squares(*columns):
        design = np.stack([np.ones(n), *columns], axis=1)
        return ((np.log(y) - design @ np.linalg.lstsq(design, np.log(y), rcond=None)[0]) ** 2).sum()

    both = squares(np.log(x), x)
    for p, one in ((compared.p_power, np.log(x)), (compared.p_exponential, x)):
        assert p == pytest.approx(stats.f.sf((squares(one) - both) / (both / (n - 3)), 1, n - 3), rel=1e-5, abs=1e-9)


def test_the_seed_interval_of_a_slope_covers_it():
    rng, hits = np.random.default_rng(8), 0
    x, place = np.geomspace(0.05, 20, 9), 3 * GRID**0.8
    for _ in range(300):
        found = crossings(x, table(place, x, seeds=5, noise=0.3, rng=rng), 0.5, direction="rising")
        low, high = fit_boundary(GRID, found.at, law="power", replicates=found.replicates).seed_interval
        hits += low < 0.8 < high
    assert hits / 300 == pytest.approx(0.95, abs=0.04)


def test_seed_intervals_use_the_points_that_always_cross():
    rng = np.random.default_rng(9)
    y = boundary("power", 0.1, rng)
    drops = y * np.exp(0.02 * rng.normal(size=(4, len(y))))
    gap = drops.copy()
    gap[2, 3] = np.nan
    kept = np.arange(len(y)) != 3
    slopes = [np.polyfit(np.log(GRID[kept]), np.log(d[kept]), 1)[0] for d in drops]
    fit = fit_boundary(GRID, y, law="power", replicates=gap)
    reach = stats.t.ppf(0.975, 3) * np.sqrt(3) * np.std(slopes)
    assert fit.seed_interval == pytest.approx((fit.slope - reach, fit.slope + reach), rel=1e-9)
    low, high = compare_laws(GRID, y, replicates=gap).seed_interval
    assert low < compare_laws(GRID, y).difference < high
    assert np.isnan(fit_boundary(GRID, y, law="power", replicates=np.full_like(drops, np.nan)).seed_interval).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crossings([1, 1], [[0, 1]], 0.5, direction="rising"), "x must hold at least two positive numbers"),
        (lambda: crossings([0, 1], [[0, 1]], 0.5, direction="rising"), "x must hold at least two positive numbers"),
        (lambda: crossings([1, 2], [[0, 1, 2]], 0.5, direction="rising"), r"values must have shape \(rows, 2\)"),
        (lambda: crossings([1, 2], [[0, np.inf]], 0.5, direction="rising"), "values must be finite, or NaN"),
        (lambda: crossings([1, 2], [[0, np.nan]], 0.5, direction="rising"), "at least two places with a value"),
        (lambda: crossings([1, 2], [[0, 1]], 0.5, direction="up"), "direction must be one of 'rising', 'falling'"),
        (lambda: fit_boundary([1, 2, 3], [1, 2, 3], law="log"), "law must be one of 'power', 'exponential'"),
        (lambda: fit_boundary([1, 2, 3], [1, 2, np.nan], law="power"), "at least 3 crossings at different x, got 2"),
        (lambda: fit_boundary([1, 2, 3], [1, 2, 0], law="power"), "y must be finite and > 0"),
        (lambda: fit_boundary([0, 2, 3], [1, 2, 3], law="power"), "x must be > 0"),
        (lambda: compare_laws([1, 2, 3], [1, 2, 3]), "at least 4 crossings"),
        (lambda: compare_laws([1, 2, 3, 4], [1, 2, 3]), "must agree"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises((ganth.ParameterError, ganth.ShapeError), match=message):
        call()
