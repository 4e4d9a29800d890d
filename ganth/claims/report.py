"""figures/index.html: one self-contained page, errata first; made from the evidence and nothing else."""

import base64
import concurrent.futures
import hashlib
import importlib.resources
import pathlib
import re
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any

from ..files import write_atomically
from .checkout import Validation
from .evidence import Evidence
from .index import SOURCES, Claim, errata, notation, registry
from .ledger import decided
from .verdicts import MEANINGS, VERDICTS, Verdict

_COLUMNS = ("Claim", "Verdict", "Measured", "Expected", "Bound", "How", "Figure")
_LONGEST = 6
_WIDE = 1100  # pixels; beyond, a phone scrolls the picture sideways
Known = Mapping[str, tuple[str, Verdict]]


def write_report(found: Sequence[Validation], evidence: Mapping[str, Evidence], out: pathlib.Path) -> pathlib.Path:
    """Write `index.html` into `out`, with the pictures inside it, and return its path."""
    path = out / "index.html"
    write_atomically(path, page(found, evidence, out).encode())
    return path


def page(found: Sequence[Validation], evidence: Mapping[str, Evidence], out: pathlib.Path) -> str:
    """Return the page as text: the same evidence and pictures give the same text."""
    known = decided(evidence)
    by_source: dict[str, list[Claim]] = {key: [] for key in SOURCES}
    for claim in registry():
        by_source[claim.source].append(claim)
    begun = [key for key, claims in by_source.items() if any(claim.id in known for claim in claims)]
    links = [("errata", "Errata"), *((key, f"{key} claims") for key in begun), ("figures", "Figures")]
    folder = importlib.resources.files(__package__)
    with concurrent.futures.ThreadPoolExecutor() as threads:  # pictures are made smaller, side by side
        figures = list(threads.map(lambda v: _figure(v, evidence[v.id], out), [v for v in found if v.id in evidence]))
    return Template((folder / "report.html").read_text("utf-8")).substitute(
        css=(folder / "report.css").read_text("utf-8"),
        total=len(registry()),
        decided=sum(verdict.verdict != "open" for _, verdict in known.values()),
        counts=_counts(by_source, known),
        made=_made(evidence),
        nav=" ".join(f'<a href="#{target}">{text}</a>' for target, text in links),
        words=_words(),
        errata="\n".join(_errata(claims, known) for claims in by_source.values()).strip() or "<p>None yet.</p>",
        sources="\n".join(_source(key, claims, known) for key, claims in by_source.items()),
        figures="\n".join(figures) or "<p>None yet.</p>",
    )


def number(value: Any) -> str:
    """Return a measured, expected or bounding value as a reader wants it: six digits, lists cut short.

    >>> number(0.1 + 0.2), number([1, 2.5]), number(None), number("< 1e-9")
    ('0.3', '1, 2.5', '', '< 1e-9')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        cut = f", … ({len(value)} in all)" if len(value) > _LONGEST else ""
        return ", ".join(number(entry) for entry in value[:_LONGEST]) + cut
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number(entry)}" for name, entry in value.items())
    return str(value)


def _badge(word: str) -> str:
    return f'<span class="verdict {word}">{word}</span>'


def _again(name: str) -> str:
    return f'<a href="#{_anchor(name)}">{escape(name)}</a>'


def _anchor(name: str) -> str:
    return f"fig-{escape(name.replace('/', '-'))}"


def _counts(by_source: Mapping[str, list[Claim]], known: Known) -> str:
    words = {key: [_word(claim, known) for claim in claims] for key, claims in by_source.items()}
    head = "".join(f'<th scope="col">{key}</th>' for key in words)
    rows = [(_badge(verdict), [listed.count(verdict) for listed in words.values()]) for verdict in VERDICTS]
    rows.append(("all", [len(listed) for listed in words.values()]))
    body = ""
    for name, counts in rows:
        cells = "".join(f"<td>{count or ''}</td>" for count in counts)
        body += f'<tr><th scope="row">{name}</th>{cells}</tr>\n'
    return f'<table class="counts"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'


def _word(claim: Claim, known: Known) -> str:
    return known[claim.id][1].verdict if claim.id in known else "open"


def _words() -> str:
    lines = "".join(f"<dt>{_badge(word)}</dt><dd>{meaning}</dd>" for word, meaning in MEANINGS.items())
    return f"<details><summary>What the words mean</summary><dl>{lines}</dl></details>"


def _made(evidence: Mapping[str, Evidence]) -> str:
    if not evidence:
        return "No validation has been run yet: <code>ganth run</code>."
    parts = []
    for name in ("profile", "seed", "backend", "dtype"):
        values = {str(getattr(one, name)) for one in evidence.values()}
        parts.append(f"{name} {', '.join(sorted(values))}")
    if devices := {one.gpu["device"] for one in evidence.values() if one.gpu}:
        parts.append(f"GPU {', '.join(sorted(devices))}")
    packages: dict[str, set[str]] = {}
    for one in evidence.values():
        for name, version in one.versions.items():
            packages.setdefault(name, set()).add(version)
    parts += [f"{name} {', '.join(sorted(values))}" for name, values in packages.items()]
    return f"Made with {escape('; '.join(parts))}."


def _errata(claims: Sequence[Claim], known: Known) -> str:
    wrong = [claim for claim in claims if _word(claim, known) in ("corrected", "false")]
    if not wrong:
        return ""
    key = wrong[0].source
    articles = "\n".join(_erratum(claim, *known[claim.id]) for claim in wrong)
    return f'<h3>{key}</h3><p class="where">{_formula(notation(key))}</p>\n{articles}'


def _erratum(claim: Claim, by: str, verdict: Verdict) -> str:
    erratum = errata().get(claim.id)
    rows = [("Printed", _formula(erratum.printed if erratum else claim.statement), "")]
    if erratum:
        rows.append(("Correct", _formula(erratum.corrected), "right"))
    rows += [
        ("Shown by", f"{_numbers(verdict)}{escape(verdict.how)}", ""),
        ("Again", f'<code>ganth run {escape(by)}</code> <a href="#{_anchor(by)}">its figure</a>', ""),
    ]
    body = "".join(f'<dt>{name}</dt><dd class="{kind}">{text}</dd>' for name, text, kind in rows)
    link = f'<a href="#{escape(claim.id)}">{escape(claim.id)}</a>'
    head = f'{link} {_badge(verdict.verdict)} <span class="where">{escape(claim.where)}</span>'
    return f'<article id="erratum-{escape(claim.id)}"><h4>{head}</h4><dl>{body}</dl></article>'


def _numbers(verdict: Verdict) -> str:
    values = (("measured", verdict.measured), ("expected", verdict.expected), ("bound", verdict.bound))
    told = "; ".join(f"{name} {number(value)}" for name, value in values if number(value))
    return f"<strong>{escape(told)}</strong><br>" if told else ""


def _formula(text: str) -> str:
    """Return text as HTML, with η_d, Σ_{j≥0} and e^(1+x) as subscripts and superscripts."""
    html = re.sub(r"_\{([^}]*)\}|_([A-Za-z]+)", r"<sub>\1\2</sub>", escape(text))
    return re.sub(r"\^\(([^)]*)\)", r"<sup>\1</sup>", html)


def _source(key: str, claims: Sequence[Claim], known: Known) -> str:
    title = f"{key}: {escape(SOURCES[key])}"
    if not any(claim.id in known for claim in claims):
        lines = "".join(
            f"<li>{escape(claim.id)} <span class='statement'>{escape(claim.statement)}</span></li>" for claim in claims
        )
        return f"<details><summary>{title}: {len(claims)} claims, none decided yet</summary><ul>{lines}</ul></details>"
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    rows = "\n".join(_row(claim, *known.get(claim.id, ("", None))) for claim in claims)
    table = f'<table class="claims"><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>'
    return f'<section id="{key}"><h2>{title}</h2>\n{table}</section>'


def _row(claim: Claim, by: str, verdict: Verdict | None) -> str:
    name = f'<strong>{escape(claim.id)}</strong> <span class="where">{escape(claim.where)}</span>'
    if verdict is None:
        values: tuple[str, ...] = ("", "", "", "no validation decides it yet", "")
    else:
        texts = (verdict.measured, verdict.expected, verdict.bound, verdict.how)
        values = (*(escape(number(text)) for text in texts), _again(by))
    cells = "".join(
        f'<td data-label="{label}">{value}</td>' if value else "<td></td>"
        for label, value in zip(_COLUMNS[2:], values, strict=True)
    )
    word = _badge(verdict.verdict if verdict else "open")
    statement = f'<div class="statement">{escape(claim.statement)}</div>'
    return f'<tr id="{escape(claim.id)}"><td>{name}{statement}</td><td>{word}</td>{cells}</tr>'


def _compact(png: bytes, kept: pathlib.Path) -> tuple[str, bytes]:
    """Return media type and data of a picture for the page; WebP is kept in `kept`-<hash>.webp for the next page."""
    from ..plotting.sheet import PAGE_QUALITY, PAGE_WIDTH, compact

    digest = hashlib.sha256(png + f"{PAGE_WIDTH} {PAGE_QUALITY}".encode())
    path = kept.with_name(f"{kept.name}-{digest.hexdigest()[:16]}.webp")
    if path.is_file():
        return "image/webp", path.read_bytes()
    media, data = compact(png)
    if media == "image/webp":
        for old in kept.parent.glob(f"{kept.name}-*.webp"):
            old.unlink()
        write_atomically(path, data)
    return media, data


def _figure(validation: Validation, evidence: Evidence, out: pathlib.Path) -> str:
    picture = out / f"{validation.id}.png"
    image = "<p>Its picture is missing: run it again.</p>"
    if picture.is_file():
        data = picture.read_bytes()
        wide = " wide" if int.from_bytes(data[16:20], "big") > _WIDE else ""
        media, small = _compact(data, out / ".partial" / validation.id)
        source = f"data:{media};base64,{base64.b64encode(small).decode()}"
        image = f'<div class="picture{wide}"><img alt="{escape(validation.title)}" src="{source}"></div>'
    moving = out / f"{validation.id}.gif"
    if moving.is_file():
        source = f"data:image/gif;base64,{base64.b64encode(moving.read_bytes()).decode()}"
        image += f'<div class="picture"><img alt="{escape(validation.title)}, animated" src="{source}"></div>'
    settings = [f"profile {evidence.profile}", f"seed {evidence.seed}", evidence.dtype]
    settings += [f"{name} {number(value)}" for name, value in evidence.settings.items() if name != "dtype"]
    decides = ", ".join(f'<a href="#{escape(claim)}">{escape(claim)}</a>' for claim in validation.claims)
    return (
        f'<figure id="{_anchor(validation.id)}"><h3>{escape(validation.title)}</h3>{image}'
        f"<figcaption>{escape(validation.caption)}<br><small>{escape('; '.join(settings))}.<br>"
        f"Decides {decides or 'no claim'}. <code>ganth run {escape(validation.id)}</code></small></figcaption></figure>"
    )
