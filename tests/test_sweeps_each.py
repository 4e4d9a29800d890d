"""A function at every item of a list."""

import numpy as np
import pytest
import sweep_cells

import ganth
from ganth.sweeps import each


class Backwards:
    def map(self, function, items):
        return reversed([function(*item) for item in reversed(items)])


@pytest.mark.parametrize("how", [{"jobs": 1}, {"jobs": 2}, {"executor": Backwards()}])
def test_results_are_in_the_order_of_items(how):
    items = ((np.arange(float(k)), k) for k in range(5))
    for k, found in enumerate(each(sweep_cells.scaled, items, **how)):
        np.testing.assert_array_equal(found, k * np.arange(float(k)))
    assert each(sweep_cells.scaled, [], **how) == []


def test_errors_reach_the_caller_and_bad_calls_are_told():
    with pytest.raises(TypeError):
        each(sweep_cells.scaled, [(1,)], jobs=1)
    with pytest.raises(ganth.ParameterError, match="executor must be 'local' or have a map, got 'dask'"):
        each(sweep_cells.scaled, [(1, 2)], executor="dask")
    with pytest.raises(ganth.ParameterError, match="jobs"):
        each(sweep_cells.scaled, [(1, 2)], jobs=0)
