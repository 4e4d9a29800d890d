"""Random mixtures on the line, for tests that hold of all laws."""

import numpy as np

from ganth.targets import GaussianMixture


def law(rng):
    """Return a mixture of one to three modes."""
    k = rng.integers(1, 4)
    return GaussianMixture(2 * rng.normal(size=(k, 1)), rng.uniform(0.4, 1.5, size=k), rng.dirichlet(np.full(k, 2.0)))


def pair(seed):
    """Return two of them."""
    rng = np.random.default_rng(seed)
    return law(rng), law(rng)
