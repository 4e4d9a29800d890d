"""The early-stopping rule: against plain loops, for every kind of array, and what it refuses."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganth.errors import BackendUnavailableError, ParameterError, ShapeError
from ganth.stopping import EarlyStopping, metric, printed_threshold, printed_thresholds

seeds = st.integers(0, 2**32)


def batch(seed, n=40, dim=3):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.9, n), rng.normal(size=(n, dim))


@given(seeds, st.integers(2, 50))
def test_the_metric_is_a_quantile_of_ratios(seed, modes):
    d, slopes = batch(seed)
    ratios = sorted(math.sqrt(sum(x * x for x in row)) / value for value, row in zip(d, slopes, strict=True))
    cuts = statistics.quantiles(ratios, n=modes, method="inclusive")
    assert metric(d, slopes, modes) == pytest.approx(cuts[-1], rel=1e-12)
    assert metric(d, slopes, 1) == pytest.approx(ratios[0])


@given(seeds, st.floats(-30, 30))
def test_logits_are_the_same_rule(seed, shift):
    d, slopes = batch(seed)
    v = np.log(d / (1 - d)) + shift
    d = 1 / (1 + np.exp(-v))
    assert metric(v, slopes, 8, logits=True) == pytest.approx(
        metric(d, slopes * (d * np.exp(-v) / (1 + np.exp(-v)))[:, None], 8), rel=1e-9
    )


def test_logits_where_d_is_zero_to_rounding():
    assert metric([-800.0, 800.0], np.ones((2, 1)), 1, logits=True) == 0.0
    assert metric([-800.0, -900.0], np.ones((2, 1)), 1, logits=True) == 1.0


class OnlyInterface:
    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__
        self.kept = array


class OnlyDLPack:
    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class OnGPU:
    __cuda_array_interface__ = {"shape": (2,), "version": 3}  # noqa: RUF012

    def __init__(self, array=None, fails=False):
        self.array, self.fails = array, fails

    def get(self):
        if self.fails:
            raise OSError("no device")
        return self.array


@pytest.mark.parametrize(
    "wrap", [OnlyInterface, OnlyDLPack, np.asarray, OnGPU, lambda a: a.astype(np.float64).tolist()]
)
def test_any_array_will_do(wrap):
    d, slopes = batch(1)
    assert metric(wrap(d), wrap(slopes), 8) == metric(d, slopes, 8)


def test_a_gpu_array_that_cannot_be_copied_is_a_clear_error():
    with pytest.raises(BackendUnavailableError, match="values is an array on a GPU that could not be copied"):
        metric(OnGPU(fails=True), np.ones((2, 1)), 2)
    bare = type("Bare", (), {"__cuda_array_interface__": {}})()
    with pytest.raises(BackendUnavailableError, match=r"without copy_to_host\(\), get\(\) or cpu\(\)"):
        metric(bare, np.ones((2, 1)), 2)


def test_tensors_of_pytorch_will_do():
    torch = pytest.importorskip("torch")
    d, slopes = batch(2)
    assert metric(torch.tensor(d)[:, None], torch.tensor(slopes), 8) == metric(d, slopes, 8)
    with pytest.raises(ParameterError, match="values must be an array of numbers that can be read here"):
        metric(torch.tensor(d, requires_grad=True), torch.tensor(slopes), 8)


def test_images_have_the_norm_of_all_their_axes():
    d, slopes = batch(3, dim=12)
    assert metric(d[:, None], slopes.reshape(-1, 3, 2, 2), 5) == pytest.approx(metric(d, slopes, 5), rel=1e-14)


@given(seeds, st.floats(0.01, 100), st.sampled_from(["printed", "scale-invariant"]))
def test_rescaled_data(seed, factor, rule):
    # x -> c x: gradients are divided by c, lengths multiplied.
    d, slopes = batch(seed)
    calls = [
        EarlyStopping(bandwidth=0.16, scale=2.0, modes=8, rule=rule),
        EarlyStopping(bandwidth=0.16 * factor, scale=2.0 * (factor if rule == "printed" else 1.0), modes=8, rule=rule),
    ]
    q = metric(d, slopes, 8)
    margins = [q / factor**power / call.limit for power, call in enumerate(calls)]
    if rule == "printed":
        assert margins[1] == pytest.approx(margins[0] / factor, rel=1e-9)
    else:
        assert margins[1] == pytest.approx(margins[0], rel=1e-9)


def test_both_rules_agree_on_the_mixture():
    h = math.sqrt(2 * 0.0125)
    printed, invariant = (
        EarlyStopping(bandwidth=h, scale=2.0, modes=8, rule=rule) for rule in ("printed", "scale-invariant")
    )
    assert printed.limit == pytest.approx(invariant.limit) == pytest.approx(math.sqrt(80))
    assert EarlyStopping(bandwidth=h, modes=8, rule="scale-invariant").limit == invariant.limit
    assert printed_threshold(h, 2.0) == printed.limit == printed_thresholds()["mixture"]


def test_it_stops_after_the_warmup_and_stays_stopped():
    stop = EarlyStopping(threshold=5.0, modes=8, warmup=3)
    said = [stop.observe(q) for q in (9, 9, 9, 4, 5.0, 5.1, 1)]
    assert said == [False, False, False, False, False, True, True]
    assert stop.stopped_at == 6
    assert stop.history == [9, 9, 9, 4, 5.0, 5.1, 1]


def test_bad_arguments_name_themselves():
    for call, message in (
        (lambda: EarlyStopping(modes=8), "bandwidth must be given for rule='printed' or a threshold"),
        (lambda: EarlyStopping(bandwidth=0.1, modes=8), "scale must be given with a bandwidth"),
        (lambda: EarlyStopping(threshold=0.0, modes=8), "threshold must be > 0, got 0.0"),
        (lambda: EarlyStopping(threshold=1.0, scale=1.0, modes=8), "scale must be None where a threshold is given"),
        (lambda: EarlyStopping(threshold=1.0, modes=8, rule="scale-invariant"), "bandwidth must be given"),
        (lambda: EarlyStopping(threshold=1.0, modes=0), "modes must be an integer >= 1, got 0"),
        (lambda: EarlyStopping(threshold=1.0, modes=8, warmup=-1), "warmup must be an integer >= 0, got -1"),
        (lambda: EarlyStopping(threshold=1.0, modes=8, rule="mine"), "rule must be one of"),
        (lambda: metric([0.5, 0.0], np.ones((2, 1)), 8), "values must be > 0, got 0.0 at index 1"),
        (lambda: metric([0.5, np.nan], np.ones((2, 1)), 8), "values must be finite, got nan"),
        (lambda: metric(["a"], np.ones((1, 1)), 8), "values must be an array of numbers"),
        (lambda: printed_threshold(-1.0, 2.0), r"bandwidth must be > 0, got -1.0"),
    ):
        with pytest.raises(ParameterError, match=message):
            call()
    for values, gradients in ((np.ones((2, 2)), np.ones((2, 1))), ([0.5], np.ones((2, 1))), ([0.5], [1.0])):
        with pytest.raises(ShapeError):
            metric(values, gradients, 8)
