"""When a training has collapsed, beside a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ganth.errors import ShapeError
from ganth.studies import collapse


def plain(coverage, classes):
    had = False
    for epoch in range(len(coverage) - 2):
        had = had or coverage[epoch] >= 0.6 * classes
        if had and all(coverage[epoch + k] <= 0.3 * classes for k in range(3)):
            return epoch
    return -1


@settings(deadline=None)
@given(
    coverage=arrays.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.integers(0, 10)),
    classes=st.sampled_from([3, 10]),
)
def test_a_collapse_lasts_and_has_something_to_lose(coverage, classes):
    assert collapse(coverage, classes).tolist() == [plain(row.tolist(), classes) for row in coverage]


def test_what_has_ended_has_not_collapsed():
    assert collapse([[10, 10, np.nan, np.nan, np.nan]]).tolist() == [-1]
    with pytest.raises(ShapeError, match=r"coverage must have shape \(trials, records\), got \(3,\)"):
        collapse([1, 2, 3])
