"""One wording for every bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganth import BackendUnavailableError, ParameterError, ShapeError, backend, checks


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: checks.number("width", -1.0, above=0), ParameterError, r"width must be > 0, got -1\.0"),
        (lambda: checks.number("width", 0, above=0), ParameterError, "width must be > 0, got 0"),
        (lambda: checks.number("reg", -0.1, at_least=0), ParameterError, r"reg must be >= 0, got -0\.1"),
        (lambda: checks.number("reg", float("nan"), at_least=0), ParameterError, "reg must be >= 0, got nan"),
        (lambda: checks.number("reg", float("inf")), ParameterError, "reg must be finite, got inf"),
        (lambda: checks.number("reg", "a"), ParameterError, "reg must be a number, got 'a'"),
        (lambda: checks.integer("steps", 1.5, at_least=0), ParameterError, r"steps must be an integer >= 0, got 1\.5"),
        (lambda: checks.integer("steps", True, at_least=0), ParameterError, "steps must be an integer"),
        (
            lambda: checks.choice("order", "both", ("a", "b")),
            ParameterError,
            "order must be one of 'a', 'b', got 'both'",
        ),
        (lambda: checks.points("x", [1.0]), ShapeError, r"x must have shape \(n, d\), got \(1,\)"),
        (lambda: checks.points("x", np.zeros((0, 2))), ShapeError, "x must hold at least one point"),
        (lambda: checks.points("x", [["a"]]), ShapeError, "array of numbers"),
        (lambda: checks.points("x", [[1.0, 2.0]], dim=3), ShapeError, "points in 3 dimensions"),
        (lambda: checks.masses("q", [1.0, 0.0], 2), ParameterError, r"q must be > 0, got 0\.0 at index 1"),
        (lambda: checks.masses("q", [1.0], 2), ShapeError, r"q must have shape \(2,\)"),
        (lambda: checks.weights("w", [0.5, 0.4], 2), ParameterError, "w must sum to 1 within 1e-09"),
        (lambda: checks.widths("widths", []), ParameterError, "at least one width"),
        (lambda: checks.widths("widths", [1.0, 0.0]), ParameterError, r"widths\[1\] must be > 0"),
        (lambda: checks.widths("widths", 2.0), ParameterError, "must be a sequence of numbers"),
    ],
)
def test_the_message_names_argument_rule_and_value(call, error, message):
    with pytest.raises(error, match=message):
        call()


@given(n=st.integers(1, 5), dim=st.integers(1, 4))
def test_points_pass_unchanged_and_contiguous(n, dim):
    x = np.arange(n * dim, dtype=np.float32).reshape(dim, n).T
    got = checks.points("x", x)
    assert got.flags.c_contiguous
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, x)


def test_masses_default_to_equal_shares():
    assert checks.masses("q", None, 4).tolist() == [0.25] * 4


def test_a_generator_gives_one_key():
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    assert checks.seed_key(first) == int(second.integers(2**63))
    assert checks.seed_key(2**64 - 1) == 2**64 - 1


@pytest.mark.parametrize("value", [[1j], np.zeros(2, np.complex64)])
def test_complex_numbers_lose_no_part_silently(value):
    with pytest.raises(ShapeError, match=r"x must be a \(n,\) array of real numbers, got complex ones"):
        checks.array("x", value, "(n,)", 1)


def test_an_array_on_a_gpu_that_numba_cannot_reach_is_told():
    class Foreign:
        __cuda_array_interface__ = {"version": 3}  # noqa: RUF012

    if backend.resolve("auto") == "cuda":
        pytest.skip("there is a GPU")
    with pytest.raises(BackendUnavailableError):
        checks.array("x", Foreign(), "(n,)", 1)
