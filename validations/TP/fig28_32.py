"""TP Figs. 28 to 32, app. G.6: the metric in four trials on Fashion-MNIST, samples before and after the early stop.

Trains NSGAN at the settings that the figures of image training share; without the files the verdict stays open.
Writes fig28_32.json, fig28_32.png.
"""

import ganth
from ganth.claims import Verdict
from ganth.studies import RULES, WORDS, account, early_stops

TITLE = "The early stop on Fashion-MNIST: the metric, samples before and after"
CAPTION = (
    "All trials of each setting; crosses: stops by the printed rule. Metric with the three thresholds, Fréchet "
    "distance, roughness (1: as real images), classes covered; samples of the same latents at the start, at the best "
    "distance before the stop, at the stop, ten epochs on, and at the end (no stop: 3/4, 9/10, end). "
    "Quick: 28x28, 2,000 images or 200, epochs of 31 iterations; the source: 64x64, 60,000 images, epochs of 938."
)
CLAIMS = ("TP-Fig28-32-fashion",)
GROUP = "TP-images"
MINUTES = 0.1

DATA, FEW = "fashion-mnist", 4


def compute(profile, seed, backend, jobs):
    return early_stops(profile, DATA, seed=seed, jobs=jobs, backend=backend)


def check(result):
    seen, numbers, how = account(result, few=FEW)
    return [Verdict(CLAIMS[0], WORDS[seen], numbers, numbers and [1.0] * len(numbers), None, how)]


def draw(result, fig):
    ganth.plotting.early_stop(fig, result, RULES)
