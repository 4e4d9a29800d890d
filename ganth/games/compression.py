r"""Compression of a history: a stretch of a particle's path is a smooth curve, and a sum along it a Gauss quadrature.

A block of consecutive positions x(t) of a particle enters the discriminator as sum_t w_t K(., x(t)), w_t the geometric
weights of forgetting.  The block is kept as a polynomial p in time, scaled to u in [-1, 1], and the sum is replaced by
the m-point Gauss rule of the discrete measure w: positive weights, exact for degree 2 m - 1 in time.  The newest two
blocks, if of one length, are joined to a block of twice the length wherever the bound below allows it.

*The bound.*  Let the unit of length be the kernel's width, and K(x, x) = 1.  A block of weight 1 errs in f and in its
gradient, at every point of space, by at most

.. math::
    \max_t |x(t) - p(t)| + \min_{r > 1} \frac{4 r^{1 - 2m}}{r - 1}
    M\Big(\Big|\sum_j |c_j| \frac{r^j - r^{-j}}{2}\Big|\Big).

The first term: first and second derivatives of these kernels are at most 1.  The second: a rule with positive weights
that is exact for degree 2 m - 1 errs by at most twice the distance of h(u) = grad K(y - p(u)) from the polynomials of
that degree, and by Bernstein's theorem this is at most 2 r^(1 - 2m) / (r - 1) times the maximum of |h| in the ellipse
with foci -1, 1 whose half-axes sum to r.  There Im p is at most the argument of M, c_j the Chebyshev coefficients of p,
and M(v) bounds |K| and |grad K| wherever the imaginary part of their argument has length v: (1 + v) exp(v^2 / 2) for
Gaussians, (1 + v) (1 - v^2 / 2 a)^(-a - 1) while v^2 < 2 a for the rational quadratic.  Kernels with a kink have no
such M: their history stays as it is.

The last digits of positions are rounded and lie on no smooth curve: far from the origin the first term is let grow to
81 units of the working precision times the position.
"""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks import Floats

SPAN = 64  # steps between two compressions, and positions in the shortest block
_NODES = 20  # of the largest rule
_COEFFICIENTS = 24  # of a curve; beyond, rounding spoils the fit to SPAN equidistant points
_LONGEST = 8.0  # a block spans at most so many memory times 1 / (lr_disc reg)
_MOST_LEVELS = 18
_RADII = 1 + np.geomspace(0.1, 1e8, 80)


class Memory(NamedTuple):
    """What is kept of the past: for each trial blocks of nodes, oldest first."""

    fresh: Floats  # (trials, rows, n_true + SPAN n): the true points, and the steps since the last block
    nodes: Floats  # (trials, rows, places)
    node_weights: Floats  # (trials, places)
    blocks: NDArray[np.int64]  # (trials, blocks, 3): level or -1 where not compressed, nodes, the step after its last
    curves: Floats  # (trials, blocks, coefficients, n axes)
    misfits: Floats  # (trials, blocks): the bound's first term
    sizes: NDArray[np.int64]  # (trials, 2): blocks and nodes in use


class Rules(NamedTuple):
    """How the past is kept."""

    n_true: int
    axes: int  # coordinates of the kernel; rows beyond them are not compressed
    shares: Floats  # (n,) weight of a particle's newest position
    recent_weights: Floats  # (SPAN n,) weights of a full span of steps, oldest first
    span_decay: float  # the forgetting factor of a span
    drop_age: int  # steps after which a position is dropped
    slack: float  # the bound for a block of weight 1
    trim: float  # what may be cut off a curve when it is made: a fraction, for this adds up at every level
    rounding: float  # more that may be cut off, relative to the positions: their last digits are no smooth curve
    pole: float  # 2 a of the rational quadratic, infinite for Gaussians
    power: float  # a + 1


class Tables(NamedTuple):
    """The linear maps of the compression, for one forgetting factor."""

    fit: Floats  # (coefficients, SPAN) least squares
    basis: Floats  # (SPAN, coefficients) Chebyshev polynomials at the steps of the shortest block
    join: Floats  # (2, coefficients, coefficients) from the curves of two halves to the whole
    halve: Floats  # (2, coefficients, coefficients) from the whole to its halves
    nodes: Floats  # (levels, nodes, nodes) [level, m - 1, :m] of the rules with m nodes, on [-1, 1]
    weights: Floats  # (levels, nodes, nodes)
    growth: Floats  # (radii, coefficients) (r^j - r^-j) / 2
    log_radius: Floats  # (radii,)
    log_lead: Floats  # (radii,) log(4 / (r - 1))


@functools.cache
def tables(decay: float) -> Tables:
    """Return the tables for weights that shrink by `decay` a step; without levels where the memory is too short."""
    n = _COEFFICIENTS

    def values(u: Floats) -> Floats:
        return np.polynomial.chebyshev.chebvander(u, n - 1).astype(np.float64)

    steps = (2 * np.arange(SPAN) + 1.0) / SPAN - 1.0
    basis = values(steps)
    u = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    interpolate = values(u).T * (2.0 / n)
    interpolate[0] /= 2
    left = (u < 0)[:, None]
    join = [interpolate @ np.where(left, values(2 * u + 1), 0.0), interpolate @ np.where(left, 0.0, values(2 * u - 1))]
    halve = [interpolate @ values((u - 1) / 2), interpolate @ values((u + 1) / 2)]
    degrees = np.arange(n, dtype=float)
    nodes, weights = _rules(steps, decay)
    return Tables(
        fit=np.asarray(np.linalg.pinv(basis), dtype=np.float64),
        basis=basis,
        join=np.stack(join),
        halve=np.stack(halve),
        nodes=nodes,
        weights=weights,
        growth=(_RADII[:, None] ** degrees - _RADII[:, None] ** -degrees) / 2,
        log_radius=np.log(_RADII),
        log_lead=np.log(4 / (_RADII - 1)),
    )


def _rules(steps: Floats, decay: float) -> tuple[Floats, Floats]:
    """Return nodes and weights (levels, nodes, nodes) of the Gauss rules for SPAN, 2 SPAN, 4 SPAN ... steps."""
    forgotten = -SPAN * np.log(decay) if 0 < decay <= 1 else np.inf
    levels = 0 if forgotten > _LONGEST else int(min(_MOST_LEVELS, np.log2(_LONGEST / max(forgotten, 1e-9)) + 1))
    nodes = np.zeros((levels, _NODES, _NODES))
    weights = np.zeros_like(nodes)
    places, masses = steps, decay ** np.arange(SPAN - 1, -1, -1.0)
    for level in range(levels):
        alpha, beta = _jacobi(places, masses)
        for m in range(1, _NODES + 1):
            off = beta[: m - 1]
            roots, vectors = np.linalg.eigh(np.diag(alpha[:m]) + np.diag(off, 1) + np.diag(off, -1))
            nodes[level, m - 1, :m] = roots
            weights[level, m - 1, :m] = masses.sum() * vectors[0] ** 2
        # Two largest rules side by side have the moments that the rules of the next level need.
        places = np.concatenate([(nodes[level, -1] - 1) / 2, (nodes[level, -1] + 1) / 2])
        masses = np.concatenate([weights[level, -1] * np.exp(-forgotten * 2.0**level), weights[level, -1]])
    return nodes, weights


def _jacobi(places: Floats, masses: Floats) -> tuple[Floats, Floats]:
    """Return diagonal and off-diagonal of the Jacobi matrix of a discrete measure, by Lanczos's recurrence."""
    alpha, beta = np.zeros(_NODES), np.zeros(_NODES)
    basis = np.zeros((_NODES + 1, len(places)))
    basis[0] = np.sqrt(masses / masses.sum())
    for k in range(_NODES):
        residual = places * basis[k]
        alpha[k] = residual @ basis[k]
        for _ in range(2):  # once more, for orthogonality to the last digit
            residual = residual - basis[: k + 1].T @ (basis[: k + 1] @ residual)
        beta[k] = np.linalg.norm(residual)
        basis[k + 1] = residual / beta[k]
    return alpha, beta


def empty(true_places: Floats, n: int, axes: int, smooth: bool) -> Memory:
    """Return a memory of no past, for true points (trials, rows, n_true) and n particles."""
    trials, rows, _ = true_places.shape
    return Memory(
        fresh=np.concatenate([true_places, np.zeros((trials, rows, SPAN * n))], axis=2),
        nodes=np.zeros((trials, rows, 0)),
        node_weights=np.zeros((trials, 0)),
        blocks=np.zeros((trials, 0, 3), np.int64),
        curves=np.zeros((trials, 0, _COEFFICIENTS if smooth else 0, n * axes)),
        misfits=np.zeros((trials, 0)),
        sizes=np.zeros((trials, 2), np.int64),
    )


def keep(step: int, diverged_at: NDArray[np.int64], memory: Memory, rules: Rules, tables: Tables) -> None:
    """Turn a full span of recent steps into a block, join blocks while the bound allows it, drop the forgotten ones."""
    from . import compression_cpu

    compression_cpu.keep(step, diverged_at, memory, rules, tables)


def with_room(memory: Memory) -> Memory:
    """Return the memory with room for one more block: its arrays, or longer ones."""
    blocks, places = (int(size) for size in memory.sizes.max(axis=0))
    longer = {}
    for name, axis, needed in (
        ("blocks", 1, blocks + 1),
        ("curves", 1, blocks + 1),
        ("misfits", 1, blocks + 1),
        ("nodes", 2, places + memory.fresh.shape[2]),
        ("node_weights", 1, places + memory.fresh.shape[2]),
    ):
        old = getattr(memory, name)
        if needed > old.shape[axis]:
            shape = list(old.shape)
            shape[axis] = max(needed, 2 * old.shape[axis])
            longer[name] = np.zeros(shape, old.dtype)
            longer[name][(slice(None),) * axis + (slice(old.shape[axis]),)] = old
    return memory._replace(**longer)
