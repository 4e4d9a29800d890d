"""Loops of optimisers, for the CPU."""

from ..backend import compiled
from ..formulas import optimisers
from ..lanes import descent
from ..lanes.descent import ADAM as ADAM
from ..lanes.descent import MOMENTUM as MOMENTUM
from ..lanes.descent import RMSPROP as RMSPROP
from ..lanes.descent import SGD as SGD

Rules = descent.Optimiser


@compiled(error_model="numpy")
def step(parameters, slopes, moments, rate, number, rules):
    """See optimisers."""
    descent.descend(parameters, slopes, moments, rate, number, rules)


@compiled(error_model="numpy")
def precondition(slopes, squares, rules):
    """See optimisers.RMSProp.precondition."""
    keep = type(rules.epsilon)(1) - rules.decay
    for row, means in zip(slopes, squares):  # noqa: B905  (Numba's zip has no strict)
        for i in range(row.size):
            row[i], means[i] = optimisers.rmsprop(row[i], means[i], rules.decay, keep, rules.epsilon)
