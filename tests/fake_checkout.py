"""A checkout in a temporary folder, with validations of a few lines."""

import pathlib
import textwrap

HEAD = '''
"""A validation for tests."""
import numpy as np
from ganth.claims import Verdict
TITLE = "A <fake> validation"
CAPTION = "Look at the line."
CLAIMS = ("KD-Thm1b", "KD-Fig3a")
MINUTES = 0.1
'''
COMPUTE = """
def compute(profile, seed, backend, jobs):
    with open(__file__ + ".ran", "a") as ran:
        ran.write("x")
    return {"x": np.arange(3.0), "large": np.ones((101, 100)), "one": 1, "lost": float("inf"), "settings": {"reg": 0.5}}
"""
NO_CLAIMS = HEAD.replace('("KD-Thm1b", "KD-Fig3a")', "()")
NO_VERDICTS = """
def check(result):
    return []
"""
CHECK = """
def check(result):
    assert isinstance(result["x"], np.ndarray) and result["large"].shape == (101, 100) and result["lost"] == np.inf
    return [
        Verdict("KD-Fig3a", "reproduced", result["x"], None, None, "seen"),
        Verdict("KD-Thm1b", "false", np.float64(0.25), 0.5, 1e-9, "one point that stays"),
    ]
"""
DRAW = """
def draw(result, fig):
    fig.set_size_inches(3, 2)
    fig.subplots().plot(result["x"])
"""


def write(root: pathlib.Path, stem: str = "demo", key: str = "KD", **parts: str) -> pathlib.Path:
    """Write validations/<key>/<stem>.py, its parts (head, compute, check, draw) replaced as given; return its path."""
    (root / "ganth" / "claims").mkdir(parents=True, exist_ok=True)
    path = root / "validations" / key / f"{stem}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    standard = {"head": HEAD, "compute": COMPUTE, "check": CHECK, "draw": DRAW}
    path.write_text("".join(textwrap.dedent(part) for part in (standard | parts).values()), encoding="utf-8")
    return path


def times_run(path: pathlib.Path) -> int:
    """Return how often a standard validation was computed."""
    ran = path.with_name(f"{path.name}.ran")
    return len(ran.read_text()) if ran.exists() else 0
