"""Which studies the figures of image training share, by profile: settings fixed before their seeds were looked at."""

from typing import Any

from .. import checks
from .images import ImageStudy

_PROFILES = ("smoke", "quick", "paper")
_SMOKE = {
    "limit": 200, "epochs": 3, "epoch_steps": 3, "width": 4, "every": 1, "samples": 9, "watched": 32,
    "judge_epochs": 2, "judge_width": 4,
}  # fmt: skip
_QUICK = {"limit": 2000, "epochs": 70, "epoch_steps": 31, "width": 16, "every": 5, "samples": 16}
_PAPER = {"size": 64, "epochs": 100, "epoch_steps": 938, "width": 64, "every": 1, "samples": 16, "judge_width": 32}
_FAST = {"lr_disc": 1e-2, "lr_gen": 1e-2}
# TP prints no rates: 2e-4 is DCGAN's.  Fast ones go further in the same time; few images are soon known by heart.
_STUDIES: dict[str, dict[str, dict[str, Any]]] = {
    "smoke": {"slow": {}, "fast": _FAST, "small": {"given": 100, **_FAST}},
    "quick": {"slow": {}, "fast": {"epochs": 50, **_FAST}, "small": {"given": 200, **_FAST}},
    "paper": {"slow": {}, "fast": _FAST, "small": {"given": 2000, **_FAST}},
}


def three_phases(profile: str, data: str = "mnist") -> dict[str, ImageStudy]:
    """Return the studies of a profile: "slow", at DCGAN's rates, "fast", at fifty times these, "small", of few images.

    Parameters
    ----------
    profile : {"smoke", "quick", "paper"}
        "quick": 28 x 28 and 2,000 images, of MNIST those that come with ganth; "paper": 64 x 64, all images.
    data : {"mnist", "fashion-mnist", "cifar-10"}

    Raises
    ------
    ParameterError
        For another name.

    Examples
    --------
    >>> {name: study.lr_gen for name, study in three_phases("quick").items()}
    {'slow': 0.0002, 'fast': 0.01, 'small': 0.01}
    """
    checks.choice("profile", profile, _PROFILES)
    checks.choice("data", data, ("mnist", "fashion-mnist", "cifar-10"))
    told: dict[str, Any] = {"smoke": _SMOKE, "quick": _QUICK, "paper": _PAPER}[profile]
    name = "sample" if data == "mnist" and profile != "paper" else data
    return {study: ImageStudy(name, **{**told, **own}) for study, own in _STUDIES[profile].items()}
