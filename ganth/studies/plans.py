"""Which studies the figures of image training share, by profile: settings fixed before their seeds were looked at."""

from .. import checks
from .images import ImageStudy

_PROFILES = ("smoke", "quick", "paper")
_SMOKE = {
    "limit": 200, "epochs": 3, "epoch_steps": 3, "width": 4, "every": 1, "samples": 9, "watched": 32,
    "judge_epochs": 2, "judge_width": 4,
}  # fmt: skip
_QUICK = {"epochs": 100, "width": 16, "every": 5, "samples": 36}
# TP prints no rates; 2e-4 is DCGAN's, which it says it follows.
_PAPER = {"size": 64, "epochs": 100, "width": 64, "every": 1, "samples": 64, "judge_width": 32}
# The source's rates, and rates at which trainings of a few minutes can leave what they have learned.
_RATES = {"slow": {"lr_disc": 2e-4, "lr_gen": 2e-4}, "fast": {"lr_disc": 1e-2, "lr_gen": 1e-2}}


def three_phases(profile: str, data: str = "mnist") -> dict[str, ImageStudy]:
    """Return the studies of a profile by name, "slow" and "fast": the source's rates, and fifty times these.

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
    {'slow': 0.0002, 'fast': 0.01}
    """
    checks.choice("profile", profile, _PROFILES)
    checks.choice("data", data, ("mnist", "fashion-mnist", "cifar-10"))
    told = {"smoke": _SMOKE, "quick": _QUICK, "paper": _PAPER}[profile]
    if profile != "paper":
        told = {"limit": 2000, **told}
        data = "sample" if data == "mnist" else data
    return {name: ImageStudy(data, **{**told, **rates}) for name, rates in _RATES.items()}  # type: ignore[arg-type]
