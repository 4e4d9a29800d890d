"""Every validation of this checkout, in its smoke profile: it runs, decides what it lists, and draws."""

import pathlib

import pytest

from ganth.claims import making, runner
from ganth.claims.checkout import validations

FOUND, BROKEN = validations(pathlib.Path(__file__).parents[1])


def test_every_validation_is_well_formed():
    assert BROKEN == {}


@pytest.mark.parametrize("validation", FOUND, ids=lambda validation: validation.id)
def test_smoke(validation, tmp_path):
    evidence = making.make(validation, runner.Job(out=tmp_path, profile="smoke"))
    assert [verdict.claim for verdict in evidence.verdicts] == list(validation.claims)
    assert (tmp_path / f"{validation.id}.json").is_file()
    assert (tmp_path / f"{validation.id}.png").stat().st_size > 1000
