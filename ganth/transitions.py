"""Where a table of a metric crosses a level, and which law the line of crossings follows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks
from .checks import Floats
from .errors import ParameterError, ShapeError

_ABSCISSA: dict[str, Callable[[Floats], Floats]] = {"power": np.log, "exponential": np.array}
_ALPHA = 0.05  # all intervals are 95 % intervals


@dataclass(frozen=True, eq=False)
class Crossings:
    """Where each row of a table crosses a level: what `crossings` returns.

    Parameters
    ----------
    at : (rows,) array
        The crossing, in units of x; NaN where there is none on the grid.
    intervals : (rows, 2) array
        95 % over seeds; NaN for one seed, or where a table without one of the seeds does not cross.
    sides : (rows,) array of {"inside", "before", "beyond"}
        "before": the row is past the level at its first x already; "beyond": it is not at its last.
    replicates : (seeds, rows) array
        The crossings with one seed left out, for each seed; no rows for one seed.
    """

    at: Floats
    intervals: Floats
    sides: NDArray[np.str_]
    replicates: Floats


@dataclass(frozen=True)
class BoundaryFit:
    """A law fitted to points of a boundary: what `fit_boundary` returns.

    Parameters
    ----------
    law : {"power", "exponential"}
    slope, intercept : float
        log y = intercept + slope log x, or intercept + slope x.
    slope_interval : (float, float)
        95 %, from the residuals.
    seed_interval : (float, float)
        95 %, from leaving out each seed; NaN without replicates.
    residual_scale : float
        Standard deviation of log y about the law, points - 2 degrees of freedom.
    log_likelihood, aic : float
        Of log y, with Gaussian residuals of the most likely scale; three parameters.
    points : int
        How many were fitted: those with a finite y.
    """

    law: str
    slope: float
    intercept: float
    slope_interval: tuple[float, float]
    seed_interval: tuple[float, float]
    residual_scale: float
    log_likelihood: float
    aic: float
    points: int

    def at(self, x: ArrayLike) -> Floats:
        """Return the law's y at x > 0."""
        return np.exp(self.intercept + self.slope * _ABSCISSA[self.law](np.asarray(x, dtype=np.float64)))


@dataclass(frozen=True)
class LawComparison:
    """A power law and an exponential of the same boundary: what `compare_laws` returns.

    Parameters
    ----------
    power, exponential : BoundaryFit
    difference : float
        Log-likelihood of the power law minus that of the exponential; half the difference of their AIC, negated.
    interval : (float, float)
        95 %, from the spread of the points' differences (Vuong).
    seed_interval : (float, float)
        95 %, from leaving out each seed; NaN without replicates.
    p_power, p_exponential : float
        How probable so large a departure from the law, in the direction of the other, is where the law is true.
    favoured : {"power", "exponential", "neither", "undecided"}
        The law that is not rejected at 5 % where the other is; "neither": both are, "undecided": none is.
    """

    power: BoundaryFit
    exponential: BoundaryFit
    difference: float
    interval: tuple[float, float]
    seed_interval: tuple[float, float]
    p_power: float
    p_exponential: float
    favoured: str


def crossings(x: ArrayLike, values: ArrayLike, level: float, *, direction: str) -> Crossings:
    """Return where each row of a table of seeds crosses a level.

    Parameters
    ----------
    x : (m,) array > 0
        Increasing; what varies along a row.
    values : (rows, m, seeds) or (rows, m) array
        The metric; NaN: no value there.
    level : float
    direction : {"rising", "falling"}
        How the metric goes along a row, but for noise.

    Returns
    -------
    Crossings

    Raises
    ------
    ParameterError, ShapeError
        If x does not increase or is not positive, values are infinite, or shapes disagree.

    Notes
    -----
    The rule: the mean over the seeds that have a value, made monotone by isotonic regression (weights: how many seeds),
    then linear interpolation in log x; where the monotone mean stays on the level, the middle of the stretch.  A row
    that does not cross within its grid is censored: it has a side, and no place.  Intervals: jackknife over seeds in
    log x, Student's t with seeds - 1 degrees of freedom; all rows of a seed leave together, so that seeds may share
    data between rows.  The place is known no better than the grid's step where the metric jumps.

    Examples
    --------
    >>> found = crossings([1, 10, 100], [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.1, 0.2]], 0.5, direction="rising")
    >>> found.at.round(3).tolist(), found.sides.tolist()
    ([31.623, 3.162, nan], ['inside', 'inside', 'beyond'])
    """
    x, table = _table(x, values)
    level = checks.number("level", level)
    sign = 1.0 if checks.choice("direction", direction, ("rising", "falling")) == "rising" else -1.0
    log_x, seeds = np.log(x), table.shape[2]

    def places(kept: Floats) -> Floats:
        return np.array([_crossing(log_x, sign * row, sign * level) for row in kept])

    whole = places(table)
    without = [places(np.delete(table, s, axis=2)) for s in range(seeds)] if seeds > 1 else []
    replicates = np.array(without).reshape(len(without), len(table))
    at, replicates = (np.where(np.isfinite(log), log, np.nan) for log in (whole, replicates))
    return Crossings(
        at=np.exp(at),
        intervals=np.exp(np.stack(_jackknife(at, replicates), axis=1)),
        sides=np.select([whole == -np.inf, whole == np.inf], ["before", "beyond"], "inside"),
        replicates=np.exp(replicates),
    )


def fit_boundary(x: ArrayLike, y: ArrayLike, *, law: str, replicates: ArrayLike | None = None) -> BoundaryFit:
    r"""Fit a law to points of a boundary by least squares in log y.

    .. math:: y = C x^s \ \text{("power")}, \qquad y = C e^{s x} \ \text{("exponential")}

    Parameters
    ----------
    x : (points,) array > 0
        Exact.
    y : (points,) array > 0
        Measured; NaN where there is no crossing: left out.
    law : {"power", "exponential"}
    replicates : (seeds, points) array, optional
        y with each seed left out, as in `Crossings`.

    Returns
    -------
    BoundaryFit

    Raises
    ------
    ParameterError, ShapeError
        For fewer than three points, or values that are not positive.

    Notes
    -----
    Source: ED, Figs. 5, 10, 11, 13-15, which fit by eye.  The interval of the residuals is exact for independent
    Gaussian residuals in log y; that of the seeds takes the law's own misfit as fixed, and uses the points that cross
    whichever seed is left out.  Censored points are left out, which bends a boundary that leaves its grid.

    Examples
    --------
    >>> fit = fit_boundary([1, 2, 4, 8], [3, 12, 48, 192], law="power")
    >>> round(fit.slope, 12), round(float(fit.at(3)), 9)
    (2.0, 27.0)
    """
    checks.choice("law", law, tuple(_ABSCISSA))
    x, y, drops = _boundary(x, y, replicates, at_least=3)
    return _fit(x, y, drops, law)


def compare_laws(x: ArrayLike, y: ArrayLike, *, replicates: ArrayLike | None = None) -> LawComparison:
    r"""Compare a power law with an exponential as laws of a boundary.

    Parameters
    ----------
    x : (points,) array > 0
        Exact.
    y : (points,) array > 0
        Measured; NaN where there is no crossing: left out.
    replicates : (seeds, points) array, optional
        y with each seed left out, as in `Crossings`.

    Returns
    -------
    LawComparison

    Raises
    ------
    ParameterError, ShapeError
        For fewer than four points, or values that are not positive.

    Notes
    -----
    Both laws have two parameters and one response, log y, so that their likelihoods compare as they are.  The decision
    is by a law that holds both, :math:`\log y = a + b \log x + c x`: the power law is rejected where c is not 0, the
    exponential where b is not 0, by t-tests with points - 3 degrees of freedom.  They are exact for independent
    Gaussian residuals, however few the points; Vuong's interval holds for many.

    Examples
    --------
    >>> x = np.array([0.05, 0.1, 0.2, 0.4, 0.8])
    >>> y = 3 * x**1.5 * np.exp([0.01, -0.01, 0.0, 0.01, -0.01])
    >>> compare_laws(x, y).favoured
    'power'
    """
    x, y, drops = _boundary(x, y, replicates, at_least=4)
    power, exponential = (_fit(x, y, drops, law) for law in _ABSCISSA)
    gains = _point_likelihoods(x, y, "power") - _point_likelihoods(x, y, "exponential")
    spread = np.sqrt(len(x)) * gains.std(ddof=1)
    difference = float(gains.sum())
    everywhere = np.isfinite(drops).all(axis=0)
    jackknifed = np.array([])
    if everywhere.sum() >= 4:
        kept = [(x[everywhere], drop[everywhere]) for drop in drops]
        jackknifed = np.array(
            [(_point_likelihoods(*k, "power") - _point_likelihoods(*k, "exponential")).sum() for k in kept]
        )
    p_power, p_exponential = _departures(x, y)
    rejected = (p_power < _ALPHA, p_exponential < _ALPHA)
    words = {(False, True): "power", (True, False): "exponential", (True, True): "neither"}
    return LawComparison(
        power=power,
        exponential=exponential,
        difference=difference,
        interval=_interval(difference, spread, len(x) - 1),
        seed_interval=_pair(_jackknife(np.array(difference), jackknifed)),
        p_power=p_power,
        p_exponential=p_exponential,
        favoured=words.get(rejected, "undecided"),
    )


def _table(x: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    x = checks.array("x", x, "(m,)", 1)
    if len(x) < 2 or not (x > 0).all() or not (np.diff(x) > 0).all():
        raise ParameterError(f"x must hold at least two positive numbers that increase, got {x.tolist()}")
    table = np.asarray(values, dtype=np.float64)
    table = table[:, :, None] if table.ndim == 2 else table
    if table.ndim != 3 or table.shape[1] != len(x) or 0 in table.shape:
        raise ShapeError(f"values must have shape (rows, {len(x)}) or (rows, {len(x)}, seeds), got {np.shape(values)}")
    if np.isinf(table).any():
        raise ParameterError("values must be finite, or NaN where there is none, got an infinity")
    if (np.isfinite(table).any(axis=2).sum(axis=1) < 2).any():
        raise ParameterError("values must hold at least two places with a value in each row, got a row with fewer")
    return x, table


def _crossing(log_x: Floats, row: Floats, level: float) -> float:
    """Return log x where the monotone mean of a rising row (m, seeds) is at the level.

    -inf: it is above from the start; inf: it stays below; NaN: fewer than two places have a value.
    """
    from scipy.optimize import isotonic_regression

    counts = np.isfinite(row).sum(axis=1)
    filled = counts > 0
    if filled.sum() < 2:
        return np.nan
    counts, log_x = counts[filled], log_x[filled]
    rise = isotonic_regression(np.nansum(row, axis=1)[filled] / counts, weights=counts).x
    first, last = np.searchsorted(rise, level, "left"), np.searchsorted(rise, level, "right")
    if first < last:
        return float(log_x[first] + log_x[last - 1]) / 2
    if first == 0:
        return -np.inf
    if first == len(rise):
        return np.inf
    return float(np.interp(level, rise[first - 1 : first + 1], log_x[first - 1 : first + 1]))


def _boundary(
    x: ArrayLike, y: ArrayLike, replicates: ArrayLike | None, *, at_least: int
) -> tuple[Floats, Floats, Floats]:
    """Return x, log y and the logs of the replicates, of the points that cross."""
    x = checks.masses("x", x, np.size(x))
    y = np.asarray(y, dtype=np.float64)
    drops = np.empty((0, len(x))) if replicates is None else np.asarray(replicates, dtype=np.float64)
    if y.shape != x.shape or drops.ndim != 2 or drops.shape[1] != len(x):
        raise ShapeError(f"x, y (points,) and replicates (seeds, points) must agree, got {x.shape}, {y.shape}, "
                         f"{drops.shape}")  # fmt: skip
    for name, value in (("y", y), ("replicates", drops)):
        if (value <= 0).any() or np.isinf(value).any():
            raise ParameterError(f"{name} must be finite and > 0, or NaN where there is no crossing")
    crossing = ~np.isnan(y)
    if len(np.unique(x[crossing])) < at_least:
        raise ParameterError(f"y must hold at least {at_least} crossings at different x, got {int(crossing.sum())}")
    return x[crossing], np.log(y[crossing]), np.log(drops[:, crossing])


def _line(u: Floats, v: Floats) -> tuple[float, float]:
    """Return intercept and slope of the least-squares line v(u)."""
    away = u - u.mean()
    slope = float(away @ v / (away @ away))
    return float(v.mean() - slope * u.mean()), slope


def _fit(x: Floats, log_y: Floats, drops: Floats, law: str) -> BoundaryFit:
    u, n = _ABSCISSA[law](x), len(x)
    intercept, slope = _line(u, log_y)
    squares = float(((log_y - intercept - slope * u) ** 2).sum())
    scale = np.sqrt(squares / (n - 2))
    everywhere = np.isfinite(drops).all(axis=0)
    enough = everywhere.sum() >= 3
    slopes = [_line(u[everywhere], drop[everywhere])[1] for drop in drops] if enough else []
    log_likelihood = float(_point_likelihoods(x, log_y, law).sum())
    return BoundaryFit(
        law=law,
        slope=slope,
        intercept=intercept,
        slope_interval=_interval(slope, scale / np.sqrt(((u - u.mean()) ** 2).sum()), n - 2),
        seed_interval=_pair(_jackknife(np.array(slope), np.array(slopes))),
        residual_scale=float(scale),
        log_likelihood=log_likelihood,
        aic=6.0 - 2.0 * log_likelihood,
        points=n,
    )


def _point_likelihoods(x: Floats, log_y: Floats, law: str) -> Floats:
    """Return the log-likelihood of each point under the law that fits best."""
    u = _ABSCISSA[law](x)
    intercept, slope = _line(u, log_y)
    squares = (log_y - intercept - slope * u) ** 2
    variance = max(squares.mean(), _rounding(log_y))
    return -0.5 * (np.log(2.0 * np.pi * variance) + squares / variance)


def _departures(x: Floats, log_y: Floats) -> tuple[float, float]:
    """Return the p-values of c = 0 and of b = 0 in log y = a + b log x + c x."""
    from scipy.special import stdtr

    columns = np.stack([np.ones_like(x), np.log(x), x], axis=1)
    basis, factor = np.linalg.qr(columns)
    inverse = np.linalg.inv(factor)
    coefficients = inverse @ (basis.T @ log_y)
    freedom = len(x) - 3
    variance = ((log_y - columns @ coefficients) ** 2).sum() / freedom
    errors = np.sqrt(max(variance, _rounding(log_y)) * (inverse**2).sum(axis=1))
    p = 2.0 * stdtr(freedom, -np.abs(coefficients / errors))
    return float(p[2]), float(p[1])


def _rounding(log_y: Floats) -> float:
    """Return the least variance of residuals: where a law fits to the bit, what is left is rounding."""
    return float(np.finfo(float).eps * max(1.0, np.abs(log_y).max())) ** 2


def _interval(estimate: float, error: float, freedom: int) -> tuple[float, float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, 1.0 - _ALPHA / 2) * error)
    return estimate - reach, estimate + reach


def _jackknife(estimate: Floats, replicates: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the interval of an estimate from those with one seed left out, first axis."""
    from scipy.special import stdtrit

    seeds = len(replicates)
    if seeds < 2:
        return np.full(estimate.shape, np.nan), np.full(estimate.shape, np.nan)
    error = np.sqrt((seeds - 1) / seeds * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0))
    reach = stdtrit(seeds - 1, 1.0 - _ALPHA / 2) * error
    return estimate - reach, estimate + reach


def _pair(ends: tuple[Floats, Floats]) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])
