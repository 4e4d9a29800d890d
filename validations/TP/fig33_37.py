"""TP Figs. 33 to 37, app. G.7: the metric in four trials on CIFAR-10, and samples before, at and after the early stop.

Trains NSGAN at the settings that the figures of image training share; without the files the verdict stays open.
Writes fig33_37.json, fig33_37.png.
"""

import ganth
from ganth.claims import Verdict
from ganth.studies import RULES, WORDS, account, early_stops

TITLE = "The early stop on CIFAR-10: the metric, samples before and after"
CAPTION = (
    "All trials of each setting; crosses: stops by the printed rule. Metric with the three thresholds, Fréchet "
    "distance, roughness (1: as real images), classes covered; samples of the same latents at the start, at the best "
    "distance before the stop, at the stop, ten epochs on, and at the end (no stop: 3/4, 9/10, end). "
    "Quick: 28x28, 2,000 images or 200, epochs of 31 iterations; the source: 64x64, 50,000 images, epochs of 781."
)
CLAIMS = ("TP-Fig33-37-cifar",)
GROUP = "TP-images"
MINUTES = 0.1

DATA, FEW = "cifar-10", 4


def compute(profile, seed, backend, jobs):
    return early_stops(profile, DATA, seed=seed, jobs=jobs, backend=backend)


def check(result):
    seen, numbers, how = account(result, few=FEW)
    return [Verdict(CLAIMS[0], WORDS[seen], numbers, numbers and [1.0] * len(numbers), None, how)]


def draw(result, fig):
    ganth.plotting.early_stop(fig, result, RULES)
