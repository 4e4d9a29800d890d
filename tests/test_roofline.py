"""Least times of kernels: by hand for kernels that do one thing."""

import math

import pytest

from ganth import roofline
from ganth.device import Kernel, Work
from ganth.gate import Row

H100 = roofline.GPUS["H100"]
FLOPS = H100.multiprocessors * H100.single * H100.clock
LAUNCH = 5e-6


def time_of(real="float32", *, resident=4, block=128, gpu=H100, **work):
    kernel = Kernel(
        lambda: None, (), block, 1, 0, "", "", Work("by hand", **{"blocks": 4 * 132, "arithmetic": 0.0} | work)
    )
    row = Row("games.x", real, gpu.architecture, 32, 0, 0, 0, resident)
    found = roofline.estimate(kernel, row, gpu)
    assert found is not None
    return found


def test_arithmetic_at_full_rate_takes_a_second():
    found = time_of(arithmetic=FLOPS)
    assert found.bound == "arithmetic"
    assert math.isclose(found.seconds, 1 + LAUNCH)
    assert math.isclose(time_of("float64", arithmetic=FLOPS).seconds, 2 + LAUNCH)


def test_few_warps_do_not_fill_a_multiprocessor():
    assert math.isclose(time_of(arithmetic=FLOPS, resident=1).seconds, 4 + LAUNCH)
    assert math.isclose(time_of(arithmetic=FLOPS, resident=1, block=512).seconds, 1 + LAUNCH)


def test_blocks_that_do_not_divide_evenly_are_waited_for():
    assert math.isclose(time_of(arithmetic=FLOPS, blocks=133, block=512).seconds, 2 * 132 / 133 + LAUNCH)


def test_the_longest_block_is_waited_for():
    even = time_of(arithmetic=FLOPS, block=512).seconds
    assert math.isclose(time_of(arithmetic=FLOPS, block=512, longest=3.0).seconds, even)
    assert math.isclose(time_of(arithmetic=FLOPS, block=512, longest=8.0).seconds, 2 * even - LAUNCH)


@pytest.mark.parametrize(
    ("work", "bound", "seconds"),
    [
        ({"special": 16 * 132 * H100.clock}, "special functions", 1.0),
        ({"shared": 32 * 132 * H100.clock}, "shared memory", 1.0),
        ({"traffic": H100.bandwidth}, "global memory", 1.0),
        ({"traffic": H100.bandwidth, "launches": 1000}, "global memory", 1.0 + 999 * LAUNCH),
    ],
)
def test_what_bounds_is_named(work, bound, seconds):
    found = time_of(**work)
    assert found.bound == bound
    assert math.isclose(found.seconds, seconds + LAUNCH)


def test_special_functions_in_double_are_arithmetic():
    found = time_of("float64", special=1e9)
    assert found.bound == "arithmetic"
    assert math.isclose(found.seconds, 30e9 / (FLOPS / 2) + LAUNCH)


def test_a_kernel_that_names_no_size_has_no_estimate():
    kernel = Kernel(lambda: None, (), 128, 1, 0, "")
    assert roofline.estimates([(kernel, Row("games.x", "float32", 90, 32, 0, 0, 0, 4))], H100) == []


def test_the_table_is_for_people():
    text = roofline.as_text([time_of(arithmetic=FLOPS)], H100)
    assert "not measured" in text
    assert text.splitlines()[-1].split() == ["games.x", "float32", "1", "s", "arithmetic", "by", "hand"]
