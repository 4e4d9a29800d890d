"""The log ratio of two densities and what follows from it, on many points at once."""

import math
import warnings
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import backend as machine
from .. import checks
from ..errors import ParameterError, ShapeError
from ..targets import GaussianMixture, UniformBox

Density = GaussianMixture | UniformBox
Triple = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
# The largest error of an exponent that is formed plainly; larger exponents take twice the precision.
_PLAIN_ERROR = {"float64": 4e-13, "float32": 1e-5}


def evaluate(
    x: ArrayLike,
    target: Density,
    generated: Density,
    *,
    backend: str,
    dtype: str,
    threads: int | None,
    out: Triple | None = None,
    bare: bool = False,
) -> Triple:
    """Return d* (n,), the field grad d*/d* or, where `bare`, grad log r (n, d), and log r (n,), checked and whole."""
    where = machine.resolve(backend)
    checks.choice("dtype", dtype, ("float64", "float32"))
    for name, density in (("target", target), ("generated", generated)):
        if not isinstance(density, GaussianMixture | UniformBox):
            raise ParameterError(f"{name} must be a GaussianMixture or a UniformBox, got {density!r}")
    dim = _dim(target)
    if _dim(generated) != dim:
        raise ShapeError(f"target and generated must share their dimension d, got {dim} and {_dim(generated)}")
    points = _points(x, dim, dtype)
    kept = _outputs(out, len(points), dim, dtype)
    tables = [_table(density, dtype) for density in (target, generated)]
    limit = np.dtype(dtype).type(_PLAIN_ERROR[dtype] / (np.finfo(dtype).eps / 2 * (dim + 4)))
    if where == "cuda":
        from . import ratio_cuda

        finite = np.empty(1, np.bool_)
        ratio_cuda.evaluate(kept[0], kept[1], kept[2], finite, points, *tables[0], *tables[1], limit, bare)
    else:
        from . import ratio_cpu

        finite = np.empty(-(-len(points) // ratio_cpu.CHUNK), np.bool_)
        with machine.parallel_region(threads):
            ratio_cpu.evaluate(kept[0], kept[1], kept[2], finite, points, *tables[0], *tables[1], limit, bare)
    if not finite.all():
        checks.points("x", x)
        raise ParameterError(f"x must be within the range of {dtype}, got {float(np.abs(points).max())}")
    if isinstance(target, UniformBox):
        _where_target_vanishes(kept, points, target, generated)
    return kept


def _where_target_vanishes(kept: Triple, points: NDArray[Any], target: UniformBox, generated: Density) -> None:
    """Set what the conventions want where the target's density is 0; one warning where both are."""
    outside = ~((points >= target.low) & (points <= target.high)).all(axis=1)
    neither = outside & ~np.isfinite(generated.log_density(points)) if isinstance(generated, UniformBox) else None
    kept[1][outside] = np.nan
    if neither is not None and neither.any():
        kept[0][neither], kept[1][neither], kept[2][neither] = np.nan, 0.0, np.nan
        warnings.warn(
            f"both densities vanish at {int(neither.sum())} of {len(points)} points: d* and log ratio are NaN there",
            RuntimeWarning,
            stacklevel=4,
        )


def _dim(density: Density) -> int:
    return density.means.shape[1] if isinstance(density, GaussianMixture) else len(density.low)


def _points(x: ArrayLike, dim: int, dtype: str) -> NDArray[Any]:
    """Return x as (n, d), a copy only if it must be; whether it is finite is seen where it is read."""
    kinds = (np.float64, np.float32) if dtype == "float32" else (np.float64,)
    if isinstance(x, np.ndarray) and x.dtype in kinds and x.flags.c_contiguous and x.ndim == 2 and 0 not in x.shape:
        if x.shape[1] != dim:
            raise ShapeError(f"x must have points in {dim} dimensions, got shape {x.shape}")
        return x
    return checks.points("x", x, dim=dim)


def _outputs(out: Triple | None, n: int, dim: int, dtype: str) -> Triple:
    shapes = ((n,), (n, dim), (n,))
    if out is None:
        return np.empty(shapes[0]), np.empty(shapes[1]), np.empty(shapes[2])
    kinds = {np.dtype(np.float64), np.dtype(dtype)}
    if not isinstance(out, Sequence) or len(out) != 3:
        raise ShapeError(f"out must be three arrays, of shapes {shapes}, got {out!r}")
    for i, (array, shape) in enumerate(zip(out, shapes, strict=True)):
        if not isinstance(array, np.ndarray) or array.shape != shape or not array.flags.c_contiguous:
            raise ShapeError(f"out[{i}] must be a C-contiguous array of shape {shape}, got {np.shape(array)}")
        if array.dtype not in kinds or array.dtype != out[0].dtype:
            raise ParameterError(f"out must be three arrays of float64 or all of the working dtype, got {array.dtype}")
    return out[0], out[1], out[2]


def _table(density: Density, dtype: str) -> tuple[NDArray[Any], int, int]:
    """Return the table of a density, how many components it has, and its kind; see ratio_cpu."""
    from . import ratio_cpu

    kind = np.dtype(dtype).type
    if isinstance(density, UniformBox):
        volume = float(np.log(density.high - density.low).sum())
        return np.array([-volume, *density.low, *density.high], dtype), 1, ratio_cpu.BOX
    rows = []
    dim = density.means.shape[1]
    covariances = density.covariances
    whole = density.variances.ndim == 3
    for weight, mean, covariance in zip(density.weights, density.means, covariances, strict=True):
        if weight == 0.0:
            continue
        if whole:
            precisions, shear = _triangular(covariance)
        else:
            precisions, shear = [1 / Fraction(float(covariance[0, 0]))] * dim, []
        log_det = -sum(_log(p) for p in precisions)
        halved = [_split(p / 2, kind) for p in precisions]
        sheared = [_split(s, kind) for s in shear] or [(0.0, 0.0)] * dim**2
        numbers = [math.log(weight) - 0.5 * (dim * math.log(2.0 * math.pi) + log_det), *mean]
        for pairs in (halved, sheared):
            numbers += [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
        rows.append(numbers)
    return np.array(rows, dtype).ravel(), len(rows), ratio_cpu.SHEARED if whole else ratio_cpu.ROUND


def _log(value: Fraction) -> float:
    """Return the log of a fraction whose parts may be larger than any float."""
    return math.log(value.numerator) - math.log(value.denominator) if not 0.5 < value < 2 else math.log(value)


def _split(value: Fraction, kind: Any) -> tuple[float, float]:
    """Return a number as rounded to a type, and the rest."""
    near = float(kind(float(value)))
    return near, float(value - Fraction(near))


def _triangular(covariance: NDArray[np.float64]) -> tuple[list[Fraction], list[Fraction]]:
    """Return D (d,) and L^T, row by row, of C^-1 = L D L^T, L with a diagonal of ones: exactly, as fractions."""
    dim = len(covariance)
    exact = [
        [(Fraction(float(a)) + Fraction(float(b))) / 2 for a, b in zip(*rows, strict=True)]
        for rows in zip(covariance, covariance.T, strict=True)
    ]
    inverse = [row + [Fraction(i == j) for j in range(dim)] for i, row in enumerate(exact)]
    for i in range(dim):  # positive definite: no pivoting
        inverse[i] = [value / inverse[i][i] for value in inverse[i]]
        for j in range(dim):
            if j != i:
                inverse[j] = [b - inverse[j][i] * a for a, b in zip(inverse[i], inverse[j], strict=True)]
    precision = [row[dim:] for row in inverse]
    scales: list[Fraction] = []
    lower = [[Fraction(i == j) for j in range(dim)] for i in range(dim)]
    for i in range(dim):
        scales.append(precision[i][i] - sum(lower[i][k] ** 2 * scales[k] for k in range(i)))
        for j in range(i + 1, dim):
            known = sum(lower[j][k] * lower[i][k] * scales[k] for k in range(i))
            lower[j][i] = (precision[j][i] - known) / scales[i]
    return scales, [lower[j][i] for i in range(dim) for j in range(dim)]
