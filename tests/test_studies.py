"""Studies of image GANs: kept trainings bring the same numbers, and courses show what plain loops say."""

import dataclasses
import pathlib

import naive_observers as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganth import studies
from ganth.errors import ParameterError, ShapeError
from ganth.studies import images as door

TINY = dataclasses.replace(studies.three_phases("smoke")["fast"], epochs=2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "cache_folder", lambda: tmp_path)
    return tmp_path


def assert_same(one, other):
    for name in ("field", "loss_disc", "loss_gen", "kept", "samples"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.observed.keys() == other.observed.keys()
    for name, values in one.observed.items():
        np.testing.assert_array_equal(values, other.observed[name])


def test_kept_or_not_the_numbers_are_the_same(folder, monkeypatch):
    kept = TINY.train([0, 1], seed=3)
    for name in ("_train", "classifier"):  # nothing is trained or read again
        monkeypatch.setattr(door.ImageStudy, name, None)
    again = TINY.train(1, seed=3)
    monkeypatch.undo()
    monkeypatch.setattr(door, "cache_folder", lambda: None)
    taught, fit = [], door.Classifier.fit
    monkeypatch.setattr(door.Classifier, "fit", lambda *given, **told: taught.append(1) or fit(*given, **told))
    fresh = TINY.train([1, 0], seed=3)[::-1]
    assert len(taught) == 1
    for one, other in zip(kept, fresh, strict=True):
        assert_same(one, other)
    assert_same(again[0], fresh[0])
    assert (fresh[0].field != fresh[1].field).any()
    assert not list(folder.rglob("checkpoints*"))


def test_a_killed_training_goes_on(folder, monkeypatch):
    whole = TINY._train(0, 5, None)
    inner = door.ImageObserver.__call__

    def until_killed(self, training):
        if training.epochs[-1] == 2:
            raise KeyboardInterrupt
        return inner(self, training)

    monkeypatch.setattr(door.ImageObserver, "__call__", until_killed)
    with pytest.raises(KeyboardInterrupt):
        TINY.train(1, seed=5)
    monkeypatch.undo()
    monkeypatch.setattr(door, "cache_folder", lambda: folder)
    assert len(list(folder.rglob("checkpoint-*.npz"))) > 0
    seen = []
    monkeypatch.setattr(
        door.ImageObserver,
        "__call__",
        lambda self, training: seen.append(len(training.epochs)) or inner(self, training),
    )
    (resumed,) = TINY.train(1, seed=5)
    assert_same(resumed, whole)
    assert 1 not in seen  # epoch 0 is not seen again


def test_another_setting_or_seed_has_another_folder(folder):
    told = {TINY._folder("study", seed=0), TINY._folder("study", seed=1)}
    told |= {dataclasses.replace(TINY, lr_gen=0.5)._folder("study", seed=0)}
    assert len(told) == 3
    with pytest.raises(ParameterError, match="backend"):
        TINY.train(1, backend="gpu")
    judges = {TINY._folder("judge"), dataclasses.replace(TINY, lr_gen=0.5)._folder("judge")}
    assert len(judges) == 1
    for number in range(30):
        dataclasses.replace(TINY, epochs=number + 3)._folder("study")
    assert len(list(pathlib.Path(folder, "studies").iterdir())) == 24


def test_what_the_gan_gets_is_less_than_what_the_classifier_learns_from(folder):
    small = studies.three_phases("smoke")["small"]
    assert len(small.game().images) == 100
    assert len(small.images()) == 200
    units = small.units()
    assert units["bandwidth"] == pytest.approx(28 * units["printed_bandwidth"])
    assert studies.limits(units)["printed"] == pytest.approx(28 * studies.limits(units)["divided once"])
    assert set(small.trial()) >= {"accuracy", "mixed", "crowded", "frechet"}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    trials=st.integers(1, 3),
    records=st.integers(1, 30),
    warmup=st.integers(0, 6),
    spread=st.sampled_from([0.1, 1.0, 3.0]),
)
def test_courses_say_what_plain_loops_say(seed, trials, records, warmup, spread):
    rows = np.exp(spread * np.random.default_rng(seed).standard_normal((trials, records)))
    above, up = studies.first_above(rows, 1.5, warmup), studies.surge(rows)
    assert above.tolist() == [naive.first_above(row, 1.5, warmup) for row in rows]
    assert up.tolist() == [naive.surge(row, 3.0) for row in rows]


def made(**lines):
    """Return a result of one study and one trial, of 41 records, with lines changed."""
    whole = {
        "metric": np.r_[0.5, np.full(5, 1.0), np.full(35, 2.0)],
        "frechet": np.r_[80.0, 60.0, np.full(39, 5.0)],
        "coverage": np.full(41, 10.0),
        "largest": np.full(41, 0.2),
        "roughness": np.ones(41),
    }
    whole |= {name: np.asarray(values, float) for name, values in lines.items()}
    found = {f"one_{name}": values[None] for name, values in whole.items()}
    limit = 100.0
    stop = studies.first_above(found["one_metric"], limit, 5)
    settings = {"studies": ["one"]}
    return {**found, "one_stops": np.stack([stop] * 3), "limits": [limit] * 3, "settings": settings}


def test_the_account_is_seen_where_all_of_it_is_there_and_not_else():
    surging = np.r_[0.5, np.full(5, 1.0), np.full(14, 2.0), 200.0, np.full(20, 0.1)]
    rough = np.r_[np.ones(22), np.full(4, 2.0), np.ones(15)]
    few = np.r_[np.full(30, 10.0), np.ones(11)]
    whole = {"metric": surging, "roughness": rough, "coverage": few}
    result = made(**whole)
    assert all(values.all() for values in studies.decide(result, "one").values())
    assert studies.account(result)[0]
    lost = {"metric": "crosses", "roughness": "noisy", "coverage": "few"}
    for name, part in lost.items():
        without = made(**{key: value for key, value in whole.items() if key != name})
        assert not studies.decide(without, "one")[part][0]
        assert not studies.account(without)[0]
    assert not studies.decide(made(**whole, frechet=np.full(41, 60.0)), "one")["good"][0]
    assert not studies.decide(made(**{**whole, "coverage": np.ones(41)}), "one")["few"][0]  # never had more


def test_bad_input():
    with pytest.raises(ParameterError, match="data must be one of"):
        studies.ImageStudy("letters")
    with pytest.raises(ParameterError, match="size must be 28 or 64, got 32"):
        studies.ImageStudy(size=32)
    with pytest.raises(ParameterError, match="trainings must hold at least one"):
        studies.gathered([])
    with pytest.raises(ShapeError, match=r"metric must have shape \(trials, records\)"):
        studies.first_above(np.ones(3), 1.0)
    with pytest.raises(ShapeError, match=r"values must have shape \(trials, records\)"):
        studies.surge(np.ones(3))
    with pytest.raises(ParameterError, match="profile must be one of"):
        studies.three_phases("slow")
