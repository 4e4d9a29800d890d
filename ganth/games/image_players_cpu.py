"""Loops of image_players, for the CPU."""

from ..backend import compiled
from ..formulas import losses

REAL, FAKE, TEACH, SHOW = range(4)  # what logits are judged for
KINDS = {"real": REAL, "fake": FAKE, "teach": TEACH, "show": SHOW}


@compiled
def judge(slopes, logits, code, kind):
    """Set slopes of a batch's loss in its logits; return the loss, and the mean of sigmoid(logit).

    For SHOW: the slopes of sum log d, for losses of a probability.
    """
    size = logits.size
    paid, share = 0.0, 0.0
    for i in range(size):
        v = logits[i]
        if kind == REAL:
            paid += losses.real(code, v)
            slopes[i] = losses.real_slope(code, v) / type(v)(size)
        elif kind == FAKE:
            paid += losses.fake(code, v)
            slopes[i] = losses.fake_slope(code, v) / type(v)(size)
        elif kind == TEACH:
            paid += losses.generated(code, v)
            slopes[i] = losses.generated_slope(code, v) / type(v)(size)
        else:
            slopes[i] = losses.steepness(code, v)
        share += losses.sigmoid(v)
    return paid / size, share / size
