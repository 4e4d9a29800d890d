"""A verdict: what evidence says of one claim."""

from dataclasses import dataclass
from typing import Any

from ..errors import ParameterError

MEANINGS = {
    "holds": "True as stated.",
    "corrected": "True after the change that is given.",
    "false": "Not true, or not true as printed.",
    "heuristic": "An explanation that simulations support and nothing here proves.",
    "reproduced": "A figure: our runs show what it shows.",
    "not-reproduced": "A figure: our runs show something else.",
    "open": "Not decided; the reason is given.",
}
VERDICTS = tuple(MEANINGS)
OF_FIGURES = ("reproduced", "not-reproduced")


@dataclass(frozen=True)
class Verdict:
    """What evidence says of one claim, with the number that shows it.

    Parameters
    ----------
    claim : str
        Id of a registered claim.
    verdict : {"holds", "corrected", "false", "heuristic", "reproduced", "not-reproduced", "open"}
        "reproduced" and "not-reproduced" are for figures; "open" gives its reason in `how`.
    measured, expected, bound : number, str, list or None
        What was found, what should be found, and the bound on their difference (or on `measured`).
    how : str
        By what means, in a line.

    Raises
    ------
    ParameterError
        If the word is not one of the above, or `claim` or `how` is empty.

    Examples
    --------
    >>> Verdict("KD-Eq131", "holds", 3e-16, 0.0, 1e-12, "gram matrices at 50 random pairs").verdict
    'holds'
    """

    claim: str
    verdict: str
    measured: Any
    expected: Any
    bound: Any
    how: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ParameterError(f"verdict must be one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        for name in ("claim", "how"):
            if not (isinstance(value := getattr(self, name), str) and value.strip()):
                raise ParameterError(f"{name} must be a text that is not empty, got {value!r}")
