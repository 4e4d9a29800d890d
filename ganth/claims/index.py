"""The register of claims: what the sources state, with fixed ids, and the corrections of what does not hold."""

import csv
import functools
import importlib.resources
import tomllib
from dataclasses import dataclass

from ..errors import ParameterError

SOURCES = {
    "KD": "Becker, Pandit, Rangan, Fletcher 2022: instability and local minima with kernel discriminators",
    "ED": "Durr, Mroueh, Tu, Wang 2022: effective dynamics of GANs",
    "TP": "Anonymous: three phases of GAN training, fitting, refining and collapsing",
    "TS": "Bandyopadhyay 2025: short notes on GAN training stability",
    "MF": "Delgadino 2024: dynamics and mode collapse (slides)",
}
KINDS = ("theorem", "lemma", "corollary", "equation", "algorithm", "remark", "number", "figure", "new")


@dataclass(frozen=True)
class Claim:
    """One statement of a source, or one of ours about it (kind "new").

    Attributes
    ----------
    id : str
        Fixed name, "KD-Thm1a"; what stands before the first dash is the source's key.
    where : str
        Section, equation or figure of the source.
    kind : str
        One of theorem, lemma, corollary, equation, algorithm, remark, number, figure, new.
    statement : str
    """

    id: str
    where: str
    kind: str
    statement: str

    @property
    def source(self) -> str:
        """The key of the source, "KD"."""
        return self.id.partition("-")[0]


@dataclass(frozen=True)
class Erratum:
    """What a source prints and what is right instead, as short text."""

    printed: str
    corrected: str


@functools.cache
def _claims() -> tuple[Claim, ...]:
    folder = importlib.resources.files(__package__) / "registry"
    claims = []
    for key in SOURCES:
        # Statements hold quotes and apostrophes as they are: the files have no quoting rules.
        rows = csv.reader(
            (folder / f"{key}.tsv").read_text("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE
        )
        if (head := next(rows)) != ["id", "where", "kind", "statement"]:
            raise ParameterError(f"registry/{key}.tsv must start with id, where, kind, statement, got {head}")
        claims += [Claim(*row) for row in rows]
    return tuple(claims)


def registry() -> list[Claim]:
    """Return every claim of every source, in the order of the sources.

    >>> claims = registry()
    >>> len(claims), claims[0].id, claims[0].source
    (395, 'KD-Eq4-9', 'KD')
    """
    return list(_claims())


@functools.cache
def _errata_file(key: str) -> tuple[str, dict[str, Erratum]]:
    path = importlib.resources.files(__package__) / "errata" / f"{key}.toml"
    if not path.is_file():
        return "", {}
    entries = tomllib.loads(path.read_text("utf-8"))
    notation = entries.pop("notation")
    if strangers := sorted(set(entries) - {claim.id for claim in _claims() if claim.source == key}):
        raise ParameterError(f"errata/{key}.toml must name claims of {key}, got {', '.join(strangers)}")
    return notation, {name: Erratum(**entry) for name, entry in entries.items()}


def errata() -> dict[str, Erratum]:
    """Return the corrections on file, by claim id; one is used only where evidence says corrected or false.

    >>> print(errata()["KD-Eq133"].corrected)
    √(1/R)[cos(wᵢᵀx), sin(wᵢᵀx)]: aᵀa → exp(−|x−x′|²/2σ²), K(x,x) = 1
    """
    return {name: erratum for key in SOURCES for name, erratum in _errata_file(key)[1].items()}


def notation(key: str) -> str:
    """Return the letters that the corrections of a source use, in a line; "" where there are none.

    >>> notation("KD").split(",")[0]
    'p true mass'
    """
    return _errata_file(key)[0]
