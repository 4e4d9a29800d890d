"""Digits of evidence: fewer where no verdict shows it, all of them where one does."""

import dataclasses

import numpy as np
import pytest

from ganth.claims import Evidence, Verdict
from ganth.claims.digits import KEPT, with_few_digits

DRAWN = (np.arange(1, 201) / 7).reshape(2, 100).tolist()


def evidence(**measured):
    return Evidence(
        id="KD/demo", source="KD", profile="quick", seed=0, backend="cpu", dtype="float64", settings={},
        measured=measured, arrays={}, verdicts=(), seconds=0.0, versions={}, inputs_hash="0",
    )  # fmt: skip


def test_lists_that_no_verdict_needs_to_the_last_digit_are_shortened():
    given = evidence(drawn=DRAWN, one=1 / 7, short=[1 / 7] * 99, whole=list(range(200)), lost=["nan", 1 / 7] * 50)
    found = with_few_digits(given, lambda known: [Verdict("KD-Eq33", "holds", known.measured["one"], 0.0, None, "x")])
    np.testing.assert_allclose(found.measured["drawn"], DRAWN, rtol=10.0 ** (1 - KEPT))
    assert max(len(repr(x)) for row in found.measured["drawn"] for x in row) <= KEPT + 2
    assert found.measured["lost"][:2] == ["nan", 0.1428571]
    for name in ("one", "short", "whole"):
        assert found.measured[name] == given.measured[name]
    assert dataclasses.replace(found, measured={}) == dataclasses.replace(given, measured={})


@pytest.mark.parametrize("what", ["word", "number", "text"])
def test_a_list_whose_last_digits_a_verdict_shows_is_left(what):
    exact = [x / 3 for x in range(200)]

    def decide(known):
        gap = max(abs(3 * x - i) for i, x in enumerate(known.measured["exact"]))
        word = ("holds" if gap < 1e-12 else "false") if what == "word" else "holds"
        number = gap if what == "number" else 0.0
        return [Verdict("KD-Eq33", word, number, 0.0, 1e-12, f"gap {gap:.0e}" if what == "text" else "x")]

    found = with_few_digits(evidence(exact=exact, drawn=DRAWN), decide)
    assert found.measured["exact"] == exact
    assert found.measured["drawn"] != DRAWN
