"""figures/claims.json: every registered claim with what the evidence says of it."""

import json
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import ParameterError
from ..files import write_atomically
from .checkout import Validation
from .evidence import Evidence, plain, to_json
from .index import errata, registry
from .verdicts import Verdict

SCHEMA = 1
_NOT_YET = Verdict("-", "open", None, None, None, "no validation decides it yet")


def gather(found: Iterable[Validation], out: pathlib.Path) -> tuple[dict[str, Evidence], list[str]]:
    """Return the evidence in `out` by id, in the order of the validations, and what is wrong with it, a line each."""
    evidence, problems = {}, []
    for validation in found:
        try:
            one = Evidence.load(out / f"{validation.id}.json")
            if one.id != validation.id:
                raise ParameterError(f"{validation.id}.json is evidence of {one.id}")
        except FileNotFoundError:
            continue
        except ParameterError as error:
            problems.append(str(error))
        else:
            # A claim that has moved to another validation is decided by that one alone.
            kept = tuple(verdict for verdict in one.verdicts if verdict.claim in validation.claims)
            evidence[one.id] = replace(one, verdicts=kept)
    return evidence, problems


def decided(evidence: Mapping[str, Evidence]) -> dict[str, tuple[str, Verdict]]:
    """Return (evidence id, verdict) by claim id."""
    return {verdict.claim: (one.id, verdict) for one in evidence.values() for verdict in one.verdicts}


def records(evidence: Mapping[str, Evidence]) -> list[dict[str, Any]]:
    """Return one record for each registered claim; a claim without evidence is open, with that reason."""
    known, corrections = decided(evidence), errata()
    lines = []
    for claim in registry():
        by, verdict = known.get(claim.id, (None, _NOT_YET))
        wrong = verdict.verdict in ("corrected", "false") and claim.id in corrections
        lines.append(
            {
                "id": claim.id,
                "source": claim.source,
                "where": claim.where,
                "kind": claim.kind,
                "statement": claim.statement,
                "verdict": verdict.verdict,
                "evidence": [by] if by else [],
                "measured": plain(verdict.measured),
                "expected": plain(verdict.expected),
                "corrected_statement": corrections[claim.id].corrected if wrong else None,
                "reason": verdict.how if verdict.verdict == "open" else None,
            }
        )
    return lines


def save(lines: list[dict[str, Any]], out: pathlib.Path) -> pathlib.Path:
    """Write `claims.json` into `out` and return its path."""
    path = out / "claims.json"
    write_atomically(path, to_json({"schema": SCHEMA, "claims": lines}).encode())
    return path


def load(path: pathlib.Path) -> list[dict[str, Any]]:
    """Return the records of a `claims.json`; none where there is no file.

    Raises `ParameterError` naming the file if it is damaged or of another schema.
    """
    try:
        stored = json.loads(path.read_text("utf-8"))
        if stored["schema"] != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        return list(stored["claims"])
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"{path.name} is not a register that ganth wrote: {error}") from None
