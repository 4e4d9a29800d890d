"""TP Figs. 23 to 27, app. G.5: the metric in four trials on MNIST, and samples before, at and after the early stop.

Trains NSGAN at the settings that the figures of image training share.  Writes fig23_27.json, fig23_27.png.
"""

import ganth
from ganth.claims import Verdict
from ganth.studies import RULES, WORDS, account, early_stops

TITLE = "The early stop on MNIST: the metric, samples before and after"
CAPTION = (
    "All trials of each setting; crosses: stops by the printed rule. Metric with the three thresholds, Fréchet "
    "distance, roughness (1: as real images), classes covered; samples of the same latents at the start, at the best "
    "distance before the stop, at the stop, ten epochs on, and at the end (no stop: 3/4, 9/10, end). "
    "Quick: 28x28, 2,000 digits or 200, epochs of 31 iterations; the source: 64x64, 60,000 images, epochs of 938."
)
CLAIMS = ("TP-Fig23-27-mnist",)
GROUP = "TP-images"
MINUTES = 0.1

DATA, FEW = "mnist", 1


def compute(profile, seed, backend, jobs):
    return early_stops(profile, DATA, seed=seed, jobs=jobs, backend=backend)


def check(result):
    seen, numbers, how = account(result, few=FEW)
    return [Verdict(CLAIMS[0], WORDS[seen], numbers, numbers and [1.0] * len(numbers), None, how)]


def draw(result, fig):
    ganth.plotting.early_stop(fig, result, RULES)
