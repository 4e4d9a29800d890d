"""The register, the evidence on disk, and the runner: no number reaches a figure or a verdict but through the file."""

import fake_checkout
import pytest
from PIL import Image

from ganth.claims import SOURCES, VERDICTS, Evidence, Verdict, errata, ledger, registry, runner
from ganth.claims import checkout as checkouts
from ganth.claims import job as jobs
from ganth.claims.index import KINDS, notation
from ganth.errors import ParameterError

COUNTS = {"KD": 90, "ED": 90, "TP": 95, "TS": 70, "MF": 50}


@pytest.fixture
def fake(tmp_path):
    path = fake_checkout.write(tmp_path)
    return path, runner.Job(out=tmp_path / "figures", profile="smoke")


def run(root, job, **options):
    every, broken = checkouts.validations(root)
    lines = []
    problems = runner.run(every, every, job, say=lines.append, **options)
    return problems + list(broken.values()), "\n".join(lines)


def root_of(path):
    return path.parents[2]


# The register


def test_registry_holds_every_claim_once():
    claims = registry()
    assert len({claim.id for claim in claims}) == len(claims) == 395
    assert {key: sum(claim.source == key for claim in claims) for key in SOURCES} == COUNTS
    assert {claim.kind for claim in claims} == set(KINDS)
    assert all(claim.where and claim.statement for claim in claims)


def test_registry_cannot_be_changed_through_what_it_returns():
    registry().clear()
    assert len(registry()) == 395
    with pytest.raises(AttributeError):
        registry()[0].id = "other"


def test_errata_differ_from_what_is_printed():
    for name, erratum in errata().items():
        assert erratum.printed != erratum.corrected, name
        assert max(len(erratum.printed), len(erratum.corrected)) < 260, name
    assert all(map(notation, ("KD", "ED", "TP", "TS", "MF")))


def test_verdict_words_are_checked():
    assert Verdict("KD-Eq33", "holds", 0.0, 0.0, None, "by hand").bound is None
    assert len(VERDICTS) == 7
    with pytest.raises(ParameterError, match=r"verdict must be one of holds, .* got 'true'"):
        Verdict("KD-Eq33", "true", 0.0, 0.0, None, "by hand")
    with pytest.raises(ParameterError, match="how must be a text that is not empty, got ''"):
        Verdict("KD-Eq33", "open", None, None, None, "")


def test_a_run_leaves_evidence_figure_register_and_report(fake):
    path, job = fake
    problems, _ = run(root_of(path), job)
    assert problems == []
    evidence = Evidence.load(job.out / "KD" / "demo.json")
    assert (evidence.id, evidence.source, evidence.profile) == ("KD/demo", "KD", "smoke")
    assert evidence.settings == {"reg": 0.5}
    assert set(evidence.measured) == {"x", "one", "lost"}
    assert evidence.arrays["large"][2] == (101, 100)
    assert [verdict.claim for verdict in evidence.verdicts] == ["KD-Thm1b", "KD-Fig3a"]
    assert {"python", "ganth", "numpy"} <= set(evidence.versions)
    assert (job.out / "KD" / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert (job.out / "index.html").is_file()
    found = {entry["id"]: entry for entry in ledger.load(job.out / "claims.json")}
    assert set(found) == {claim.id for claim in registry()}
    keys = "id source where kind statement verdict evidence measured expected corrected_statement reason"
    assert list(found["KD-Thm1b"]) == keys.split()
    assert found["KD-Thm1b"]["corrected_statement"] == errata()["KD-Thm1b"].corrected
    assert found["KD-Thm1b"]["evidence"] == ["KD/demo"]
    assert found["KD-Fig3a"]["corrected_statement"] is None
    assert found["KD-Eq33"]["verdict"] == "open"
    assert found["KD-Eq33"]["reason"]


def test_what_is_up_to_date_is_not_computed_again(fake):
    path, job = fake
    run(root_of(path), job)
    before = (job.out / "KD" / "demo.png").read_bytes()
    _, told = run(root_of(path), job)
    assert fake_checkout.times_run(path) == 1
    assert "KD/demo: up to date" in told
    run(root_of(path), job, force=True)
    assert fake_checkout.times_run(path) == 2
    assert (job.out / "KD" / "demo.png").read_bytes() == before


@pytest.mark.parametrize("what", ["file", "profile", "seed", "edited", "npz", "clone", "damaged", "foreign"])
def test_changed_inputs_or_evidence_are_computed_again(fake, what):
    path, job = fake
    run(root_of(path), job)
    evidence = job.out / "KD" / "demo.json"
    if what == "file":
        path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")
    elif what == "profile":
        job = runner.Job(out=job.out, profile="quick")
    elif what == "seed":
        job = runner.Job(out=job.out, profile="smoke", seed=1)
    elif what == "edited":
        evidence.write_text(evidence.read_text("utf-8").replace("0.25", "0.5"), encoding="utf-8")
    elif what == "npz":
        (job.out / "KD" / "demo.npz").unlink()
    elif what == "clone":
        (job.out / ".partial" / "KD" / "demo.made").unlink()
    elif what == "damaged":
        evidence.write_text("{", encoding="utf-8")
    else:
        evidence.write_text(evidence.read_text("utf-8").replace('"KD/demo"', '"KD/other"'), encoding="utf-8")
    problems, told = run(root_of(path), job)
    assert problems == []
    assert fake_checkout.times_run(path) == 2
    aside = job.out / "KD" / "demo.json.damaged"
    assert aside.exists() == (what in ("damaged", "foreign"))
    assert ("set aside as demo.json.damaged" in told) == aside.exists()
    assert Evidence.load(evidence).verdicts[0].measured == 0.25


def test_a_lost_picture_is_drawn_from_the_evidence(fake):
    path, job = fake
    run(root_of(path), job)
    picture = job.out / "KD" / "demo.png"
    before = picture.read_bytes()
    picture.unlink()
    run(root_of(path), job)
    assert picture.read_bytes() == before
    assert fake_checkout.times_run(path) == 1


def test_frames_become_an_animation_that_goes_with_the_figure(fake):
    path, job = fake
    fake_checkout.write(
        root_of(path),
        draw=fake_checkout.DRAW
        + """
def frames(result, fig):
    (line,) = fig.subplots().plot(result["x"])
    for k in range(3):
        line.set_ydata(result["x"] * k)
        yield
""",
    )
    run(root_of(path), job)
    moving = job.out / "KD" / "demo.gif"
    before = moving.read_bytes()
    with Image.open(moving) as picture:
        assert (picture.format, picture.n_frames) == ("GIF", 3)
    assert "data:image/gif;base64" in (job.out / "index.html").read_text()
    moving.unlink()
    run(root_of(path), job)
    assert moving.read_bytes() == before
    assert fake_checkout.times_run(path) == 1
    fake_checkout.write(root_of(path))
    run(root_of(path), job)
    assert not moving.exists()


def test_one_failure_is_named_and_the_others_go_on(fake):
    path, job = fake
    head = fake_checkout.NO_CLAIMS
    fake_checkout.write(
        root_of(path), "aaa", head=head, compute="def compute(*_):\n    raise ZeroDivisionError('no')\n"
    )
    problems, told = run(root_of(path), job)
    assert problems == ["KD/aaa: ZeroDivisionError: no"]
    assert "Traceback" in told
    assert not (job.out / "KD" / "aaa.json").exists()
    assert (job.out / "KD" / "demo.json").exists()


def test_a_failure_leaves_the_old_evidence(fake):
    path, job = fake
    run(root_of(path), job)
    before = (job.out / "KD" / "demo.json").read_bytes()
    fake_checkout.write(root_of(path), draw="def draw(result, fig):\n    raise ValueError('no ink')\n")
    problems, _ = run(root_of(path), job)
    assert problems == ["KD/demo: ValueError: no ink"]
    assert (job.out / "KD" / "demo.json").read_bytes() == before


def test_an_interrupt_keeps_what_is_finished(fake):
    path, job = fake
    head = fake_checkout.NO_CLAIMS
    parts = {"head": head, "check": fake_checkout.NO_VERDICTS}
    stop = "def compute(*_):\n    raise KeyboardInterrupt\n"
    fake_checkout.write(root_of(path), "late", compute=stop, **parts)
    with pytest.raises(KeyboardInterrupt):
        run(root_of(path), job)
    assert {entry["id"]: entry["verdict"] for entry in ledger.load(job.out / "claims.json")}["KD-Thm1b"] == "false"
    fake_checkout.write(root_of(path), "late", **parts)
    problems, _ = run(root_of(path), job)
    assert problems == []
    assert fake_checkout.times_run(path) == 1


def test_what_a_killed_run_left_does_no_harm(fake):
    path, job = fake
    left = job.out / ".partial" / "KD" / "demo" / ".demo.json.half"
    left.parent.mkdir(parents=True)
    left.write_text("{")
    problems, _ = run(root_of(path), job)
    assert problems == []
    assert not left.exists()


@pytest.mark.parametrize(
    ("verdicts", "message"),
    [
        ([], "KD-Thm1b, KD-Fig3a listed in CLAIMS but not decided"),
        (["KD-Thm9"], "KD-Thm9 is no registered claim"),
        (["KD-Eq33"], "KD-Eq33 is decided but not listed in CLAIMS"),
        (["KD-Thm1b", "KD-Thm1b"], "KD-Thm1b is decided twice"),
    ],
)
def test_verdicts_must_be_those_that_are_listed(fake, verdicts, message):
    path, job = fake
    made = ", ".join(f"Verdict({claim!r}, 'open', None, None, None, 'why')" for claim in verdicts)
    fake_checkout.write(root_of(path), check=f"def check(result):\n    return [{made}]\n")
    problems, _ = run(root_of(path), job)
    assert problems == [f"KD/demo: ParameterError: {message}"]


def test_only_figures_are_reproduced(fake):
    path, job = fake
    check = "def check(result):\n    return [Verdict('KD-Thm1b', 'reproduced', None, None, None, 'seen')]\n"
    fake_checkout.write(root_of(path), check=check)
    problems, _ = run(root_of(path), job)
    assert problems == ["KD/demo: ParameterError: KD-Thm1b is a theorem: reproduced is for figures"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"head": "TITLE = 'a'\n"}, "KD/demo: CAPTION must be there"),
        ({"head": fake_checkout.HEAD.replace("0.1", "1 / 0.1")}, "KD/demo: MINUTES must be a literal"),
        ({"head": fake_checkout.HEAD.replace("KD-Thm1b", "KD-Thm9")}, "CLAIMS must be registered ids, got KD-Thm9"),
        ({"draw": ""}, "KD/demo: draw must be there"),
        ({"draw": "def ("}, "KD/demo does not parse"),
    ],
)
def test_a_malformed_validation_is_named_and_not_run(tmp_path, parts, message):
    fake_checkout.write(tmp_path, **parts)
    found, broken = checkouts.validations(tmp_path)
    assert found == []
    assert message in broken["KD/demo"]


def test_two_validations_of_one_claim_are_an_error(fake):
    path, _ = fake
    fake_checkout.write(root_of(path), "second")
    found, broken = checkouts.validations(root_of(path))
    assert [one.id for one in found] == ["KD/demo"]
    assert broken == {"KD/second": "KD/second lists KD-Thm1b, which KD/demo decides"}


def test_ids_select_by_source_stem_claim_and_group(tmp_path):
    fake_checkout.write(tmp_path)
    fake_checkout.write(tmp_path, "images", "TP", head=fake_checkout.NO_CLAIMS + 'GROUP = "TP-images"\n')
    found, _ = checkouts.validations(tmp_path)

    def chosen(*ids):
        return [one.id for one in checkouts.select(ids, found)]

    assert chosen() == chosen("TP", "KD") == ["KD/demo", "TP/images"]
    assert chosen("KD-Fig3a", "KD/demo") == ["KD/demo"]
    assert chosen("TP-images") == ["TP/images"]
    with pytest.raises(ParameterError, match=r"unknown ID 'KD/dmo'; near it: KD/demo"):
        chosen("KD/dmo")
    with pytest.raises(ParameterError, match=r"unknown ID 'kd-thm1B'; near it: KD-Thm1b"):
        chosen("kd-thm1B")
    with pytest.raises(ParameterError, match="no validation decides KD-Eq33 yet"):
        chosen("KD-Eq33")
    with pytest.raises(ParameterError, match="ED has no validation yet"):
        chosen("ED")


def test_the_hash_sees_every_source_that_computes(fake, monkeypatch, tmp_path):
    path, job = fake
    validation = checkouts.Validation.read(path)
    copy = tmp_path / "copy"
    for name in ("kernels/a.py", "claims/a.py", "plotting/a.py", "cli_train.py"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("1")
    monkeypatch.setattr(jobs, "_GANTH", copy)

    def hash_now():
        jobs._hash_of_sources.cache_clear()
        return job.inputs_hash(validation)

    try:
        first = hash_now()
        (copy / "claims/a.py").write_text("2")
        (copy / "plotting/a.py").write_text("2")
        (copy / "cli_train.py").write_text("2")
        assert hash_now() == first
        (copy / "kernels/a.py").write_text("2")
        assert hash_now() != first
    finally:
        jobs._hash_of_sources.cache_clear()
