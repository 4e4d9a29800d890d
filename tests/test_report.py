"""The report: errata first, everything escaped, nothing fetched, the same text each time."""

import io
import re
from html.parser import HTMLParser

import fake_checkout
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, features

from ganth import plotting
from ganth.claims import SOURCES, Evidence, Verdict, errata, registry, report
from ganth.claims.checkout import Validation
from ganth.claims.report import number, page

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + (1440).to_bytes(4, "big") + b"\0" * 20
VOID = {"meta", "img", "br"}


@pytest.fixture
def made(tmp_path):
    validation = Validation.read(fake_checkout.write(tmp_path))
    evidence = Evidence(
        id="KD/demo",
        source="KD",
        profile="quick",
        seed=3,
        backend="cpu",
        dtype="float64",
        settings={"reg": 0.01, "widths": [0.1, 1.0]},
        measured={},
        arrays={},
        verdicts=(
            Verdict("KD-Thm1b", "false", 0.25, "inf", 1e-9, "a <b>single</b> point & nothing else"),
            Verdict("KD-Fig3a", "reproduced", list(range(20)), None, None, "seen"),
            Verdict("KD-Thm1c", "corrected", None, None, None, "by hand"),
            Verdict("KD-Eq133", "holds", 2.0, 2.0, 0.0, "by hand"),
        ),
        seconds=1.0,
        versions={"python": "3.11.0", "numpy": "2.0"},
        inputs_hash="0",
        gpu={"device": "NVIDIA <X>", "launches": 3},
    )
    (tmp_path / "KD").mkdir()
    (tmp_path / "KD" / "demo.png").write_bytes(PNG)
    return page([validation], {"KD/demo": evidence}, tmp_path)


class Tags(HTMLParser):
    """Check that tags close, and collect ids and references."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_well_formed_and_self_contained(made):
    tags = Tags()
    tags.feed(made)
    assert tags.open == []
    assert len(set(tags.ids)) == len(tags.ids)
    assert not tags.tags & {"script", "link", "iframe"}
    inside = [link[1:] for link in tags.links if link.startswith("#")]
    assert set(inside) <= set(tags.ids)
    assert all(link.startswith(("#", "data:image/png;base64,", "data:image/webp;base64,")) for link in tags.links)
    assert "$" not in re.sub(r"base64,[^\"]*", "", made)


def test_errata_come_first_with_formula_number_and_command(made):
    order = [made.index(mark) for mark in ('id="errata"', 'id="KD"', "<details><summary>ED", 'id="figures"')]
    assert order == sorted(order)
    block = made[made.index('id="erratum-KD-Thm1b"') : made.index('id="erratum-KD-Thm1c"')]
    assert errata()["KD-Thm1b"].printed.split("⇒")[0].replace("<", "&lt;") in block
    assert errata()["KD-Thm1b"].corrected.split("⇒")[0].replace("<", "&lt;") in block
    assert "measured 0.25; expected inf; bound 1e-09" in block
    assert "<code>ganth run KD/demo</code>" in block


def test_a_correction_needs_a_verdict(made):
    assert 'id="erratum-KD-Eq133"' not in made
    assert errata()["KD-Eq133"].corrected not in made


def test_every_claim_is_on_the_page(made):
    for claim in registry():
        assert claim.id in made
    for key in set(SOURCES) - {"KD"}:
        assert re.search(rf"<summary>{key}: [^<]*: \d+ claims, none decided yet</summary>", made)


def test_text_is_escaped(made):
    assert "<b>single</b>" not in made
    assert "a &lt;b&gt;single&lt;/b&gt; point &amp; nothing else" in made
    assert "A &lt;fake&gt; validation" in made


def test_counts_and_settings_are_told(made):
    assert "4 have one, the others are open" in re.sub(r"\s+", " ", made)
    assert (
        "Made with profile quick; seed 3; backend cpu; dtype float64; GPU NVIDIA &lt;X&gt;; python 3.11.0; numpy 2.0."
        in made
    )
    assert "reg 0.01; widths 0.1, 1" in made
    assert 'class="picture wide"' in made


def test_no_evidence_is_a_page_too(tmp_path):
    text = page([], {}, tmp_path)
    assert "No validation has been run yet" in text
    assert text == page([], {}, tmp_path)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (12, "12"),
        (True, "yes"),
        ("nan", "nan"),
        (list(range(9)), "0, 1, 2, 3, 4, 5, … (9 in all)"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize("inches", [6, 12])
def test_pictures_on_the_page_show_what_those_beside_it_do(tmp_path, inches):
    fig = Figure(figsize=(inches, 2))
    i = np.arange(4000.0)
    fig.subplots().scatter(i % 97, np.sin(i), s=60, c=i % 31, alpha=0.5)
    plotting.save(fig, tmp_path / "line.png")
    png = (tmp_path / "line.png").read_bytes()
    media, data = plotting.compact(png)
    assert media == ("image/webp" if features.check("webp") else "image/png")
    found, wanted = (Image.open(io.BytesIO(one)).convert("RGB") for one in (data, png))
    assert found.width == min(wanted.width, 1000)
    assert found.height == pytest.approx(wanted.height * found.width / wanted.width, abs=1)
    error = np.abs(np.asarray(found, float) - np.asarray(wanted.resize(found.size, Image.Resampling.LANCZOS), float))
    assert error.mean() < 8
    assert plotting.compact(png) == (media, data)
    assert len(data) <= len(png)
    assert plotting.compact(PNG) == ("image/png", PNG)  # what cannot be read is left as it is


@pytest.mark.skipif(not features.check("webp"), reason="Pillow was built without WebP: pages carry the PNG itself")
def test_pictures_of_the_page_are_made_once(tmp_path, monkeypatch):
    png = tmp_path / "KD" / "demo.png"
    png.parent.mkdir()
    fig = Figure(figsize=(3, 2))
    plotting.save(fig, png)
    kept = tmp_path / ".partial" / "KD" / "demo"
    first = report._compact(png.read_bytes(), kept)
    with monkeypatch.context() as held:
        held.setattr(plotting.sheet, "compact", lambda png: pytest.fail("made again"))
        assert report._compact(png.read_bytes(), kept) == first
    monkeypatch.setattr(plotting.sheet, "PAGE_QUALITY", 5)
    assert len(report._compact(png.read_bytes(), kept)[1]) < len(first[1])
    assert len(list(kept.parent.glob("*.webp"))) == 1
