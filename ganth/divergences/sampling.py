"""Quasi-random points of the balanced mixture of two laws."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .. import checks, streams
from ..formulas.random import DATA
from ..targets import UniformBox
from .laws import Law

Floats = NDArray[np.float64]
POINTS = 1 << 14
SHIFTS = 16


def balanced(p: Law, q: Law, dim: int, seed: int | np.random.Generator, points: int) -> Iterator[Floats]:
    """Yield 16 sets of points of (p + q)/2, each Sobol's sequence under a random shift of its own, (n, dim)."""
    from scipy.stats import qmc

    key = checks.seed_key(seed)
    count = max(1, -(-checks.integer("points", points, at_least=SHIFTS) // SHIFTS))
    power = (count - 1).bit_length()
    sobol = qmc.Sobol(dim + 1, scramble=False).random_base2(power)
    for shift in range(SHIFTS):
        moved = np.mod(sobol + streams.uniform(key, dim + 1, purpose=DATA, trial=shift), 1.0)
        first = moved[:, 0] < 0.5
        which = np.where(first, 2.0 * moved[:, 0], 2.0 * moved[:, 0] - 1.0)
        x = np.empty((len(moved), dim))
        for law, chosen in ((p, first), (q, ~first)):
            x[chosen] = _pushed(law, which[chosen], moved[chosen, 1:])
        yield x


def _pushed(law: Law, which: Floats, u: Floats) -> Floats:
    """Return the points of a law that uniform numbers name: the mode by the first, its point by the others."""
    from scipy.special import ndtri

    if isinstance(law, UniformBox):
        return law.low + (law.high - law.low) * u
    cumulative = np.cumsum(law.weights)
    mode = np.minimum(np.searchsorted(cumulative, which * cumulative[-1], side="right"), len(law.weights) - 1)
    z = ndtri(np.clip(u, 2.0**-60, 1.0 - 2.0**-53))
    factors = np.linalg.cholesky(law.covariances)
    return law.means[mode] + np.einsum("nab,nb->na", factors[mode], z)
