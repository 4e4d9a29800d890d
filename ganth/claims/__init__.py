"""What the sources claim, what the evidence says of it, and how the evidence is made (KD, ED, TP, TS, MF).

`registry()` lists every claim; a validation returns a `Verdict` for each it decides; the runner writes `Evidence`.
"""

from .evidence import Evidence
from .index import SOURCES, Claim, Erratum, errata, registry
from .verdicts import VERDICTS, Verdict

__all__ = ["SOURCES", "VERDICTS", "Claim", "Erratum", "Evidence", "Verdict", "errata", "registry"]
