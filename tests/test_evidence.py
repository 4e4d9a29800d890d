"""Evidence on disk: strict JSON, arrays beside it, never half written, never used once damaged."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ganth.claims import Evidence, Verdict
from ganth.claims import evidence as evidence_files
from ganth.errors import ParameterError
from ganth.files import write_atomically

numbers = st.one_of(st.floats(), st.integers(-(2**53), 2**53), st.booleans())
lists = st.one_of(
    arrays(np.float64, array_shapes(max_dims=3, max_side=4)),
    arrays(np.int64, array_shapes(max_dims=2, max_side=4)),
    st.lists(st.floats(), min_size=1),
)


def evidence_of(folder, result, **changes):
    measured, stored = evidence_files.store(result, folder, "demo")
    given_ = {"profile": "quick", "seed": 2**63, "backend": "cpu", "dtype": "float64", "settings": {}, "verdicts": ()}
    made = {"seconds": 0.5, "versions": {}, "inputs_hash": "0"}
    return Evidence(id="KD/demo", source="KD", measured=measured, arrays=stored, **(given_ | made | changes))


@given(result=st.dictionaries(st.text(min_size=1), st.one_of(numbers, lists), max_size=4))
def test_evidence_reads_back_as_it_was(tmp_path_factory, result):
    folder = tmp_path_factory.mktemp("evidence")
    evidence_of(folder, result).save(folder / "demo.json")
    found = Evidence.load(folder / "demo.json").result(folder)
    assert found.pop("settings") == {}
    assert set(found) == set(result)
    for name, value in result.items():
        np.testing.assert_array_equal(found[name], value)
        assert np.asarray(found[name]).dtype.kind == np.asarray(value).dtype.kind
        assert isinstance(found[name], np.ndarray) == isinstance(value, list | np.ndarray)


def test_evidence_is_strict_json_with_the_agreed_keys(tmp_path):
    verdicts = (Verdict("KD-Eq33", "holds", math.nan, (np.float64(1.0), -math.inf), None, "by hand"),)
    evidence_of(tmp_path, {"a": math.nan, "b": [1.0, math.inf]}, verdicts=verdicts).save(tmp_path / "demo.json")
    text = (tmp_path / "demo.json").read_text("utf-8")
    record = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    keys = "schema id source profile seed backend dtype settings measured arrays verdicts seconds versions inputs_hash"
    assert list(record) == keys.split()
    assert record["schema"] == 1
    assert record["measured"] == {"a": "nan", "b": [1.0, "inf"]}
    assert record["verdicts"][0]["measured"] == "nan"
    assert record["verdicts"][0]["expected"] == [1.0, "-inf"]
    assert Evidence.load(tmp_path / "demo.json").seed == 2**63


def test_large_arrays_lie_beside_the_evidence(tmp_path):
    small, large = np.arange(10_000.0), np.arange(10_001, dtype=np.int64)
    evidence = evidence_of(tmp_path, {"small": small, "large": large})
    assert evidence.measured["small"] == small.tolist()
    file, sha, shape = evidence.arrays["large"]
    assert (file, sha, shape) == ("demo.npz", evidence_files.sha256(tmp_path / "demo.npz"), (10_001,))
    found = evidence.result(tmp_path)
    np.testing.assert_array_equal(found["large"], large)
    assert found["large"].dtype == large.dtype


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_lost_or_changed_array_is_never_used(tmp_path, damage):
    evidence = evidence_of(tmp_path, {"large": np.zeros(10_001)})
    if damage == "change":
        evidence_files.store({"large": np.ones(10_001)}, tmp_path, "demo")
    else:
        (tmp_path / "demo.npz").unlink()
    with pytest.raises(ParameterError, match=r"KD/demo needs demo\.npz, which is missing or was changed"):
        evidence.result(tmp_path)


@pytest.mark.parametrize(
    ("value", "message"),
    [(1j, "must be real: store its .real and .imag"), ([[1], [1, 2]], "ragged"), ({"a": 1}, "must be a number")],
)
def test_a_result_that_cannot_be_stored_is_named(tmp_path, value, message):
    with pytest.raises(ParameterError, match=r"result\['z'\] .*" + message):
        evidence_files.store({"z": value}, tmp_path, "demo")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError("full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2}', '{"schema": 1, "id": 3}', '{"schema": 1, "a": NaN}'])
def test_damaged_evidence_is_named(tmp_path, text):
    path = tmp_path / "demo.json"
    path.write_text(text)
    with pytest.raises(ParameterError, match=r"demo\.json is not evidence that ganth wrote: "):
        Evidence.load(path)
