"""Evidence with no more digits than its verdicts and figures show: the files are read, and kept, by people."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from .evidence import Evidence, plain
from .verdicts import Verdict

KEPT = 7  # digits of a number in a long list
_LONG = 100
_SHOWN = 6  # digits of a verdict's numbers
Decide = Callable[[Evidence], Sequence[Verdict]]


def with_few_digits(evidence: Evidence, decide: Decide) -> Evidence:
    """Return the evidence, long lists of numbers to KEPT digits where that changes no verdict as it is shown.

    All of them are tried together, then one after the other.  Other numbers are left as they are.
    """
    names = [name for name, value in evidence.measured.items() if isinstance(value, list) and _size(value) >= _LONG]
    if not names:
        return evidence
    wanted = _shown(decide(evidence))
    tried = _shortened(evidence, names)
    if _shown(decide(tried)) == wanted:
        return tried
    for name in names:
        tried = _shortened(evidence, [name])
        if _shown(decide(tried)) == wanted:
            evidence = tried
    return evidence


def _size(value: Any) -> int:
    return sum(map(_size, value)) if isinstance(value, list) else 1


def _shortened(evidence: Evidence, names: Sequence[str]) -> Evidence:
    return replace(
        evidence, measured=evidence.measured | {name: _rounded(evidence.measured[name], KEPT) for name in names}
    )


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return [_rounded(entry, digits) for entry in value]
    if isinstance(value, dict):
        return {name: _rounded(entry, digits) for name, entry in value.items()}
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def _shown(verdicts: Sequence[Verdict]) -> list[Any]:
    """Return all that a verdict says, its numbers to the digits that a reader is shown."""
    return [
        (one.claim, one.verdict, _rounded(plain([one.measured, one.expected, one.bound]), _SHOWN), one.how)
        for one in verdicts
    ]
