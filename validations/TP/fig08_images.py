"""TP Fig. 8, columns 2 to 4: samples before and after the early stop on MNIST, Fashion-MNIST and CIFAR-10.

Shows the first trial of each data set whose files are here, at the settings that the figures of image training share.
Writes fig08_images.json, fig08_images.png.
"""

import numpy as np

import ganth
from ganth.claims import Verdict
from ganth.studies import account, early_stops

TITLE = "Samples before and after the early stop, by data set"
CAPTION = (
    "First trial of each setting and data set, the same latents: start, best Fréchet distance before the stop by the "
    "printed rule, the stop, ten epochs on, end (no stop: 3/4, 9/10, end). Quick: 28x28, 2,000 images or 200, "
    "epochs of 31 iterations; the source: 64x64, all images, epochs of 938. A data set without files is left out."
)
CLAIMS = ("TP-Fig8-images",)
GROUP = "TP-images"
MINUTES = 0.1

FEW = {"mnist": 1, "fashion-mnist": 4, "cifar-10": 4}  # modes that the source is left with


def compute(profile, seed, backend, jobs):
    found = {"settings": {"dtype": "float32", "data": [], "studies": []}}
    for data, few in FEW.items():
        one = early_stops(profile, data, seed=seed, jobs=jobs, backend=backend)
        if "missing" in one:
            found[f"missing_{data}"] = one["missing"]
            continue
        found["settings"]["data"].append(data)
        found["settings"]["studies"] = one["settings"]["studies"]
        seen, numbers, how = account(one, few=few)
        found |= {f"seen_{data}": seen, f"numbers_{data}": numbers, f"how_{data}": how}
        for name in one["settings"]["studies"]:
            found |= {f"{data}_{name}_{key}": one[f"{name}_{key}"][0] for key in ("images", "epochs")}
    return found


def check(result):
    here = result["settings"]["data"]
    seen = [result[f"seen_{data}"] for data in here]
    gone = [result[f"missing_{data}"] for data in FEW if f"missing_{data}" in result]
    word = "not-reproduced" if not all(seen) else "open" if gone else "reproduced"
    numbers = [number for data in here for number in result[f"numbers_{data}"]]
    how = "; ".join([*(f"{data}: {result[f'how_{data}']}" for data in here), *gone])
    return [Verdict("TP-Fig8-images", word, numbers, [1.0] * len(numbers), None, how)]


def draw(result, fig):
    rows = [(data, name) for data in result["settings"]["data"] for name in result["settings"]["studies"]]
    fig.set_size_inches(9.0, 1.9 * len(rows))
    axes = fig.subplots(len(rows), 5, squeeze=False)
    for row, (data, name) in zip(axes, rows, strict=True):
        images, epochs = (np.asarray(result[f"{data}_{name}_{key}"], float) for key in ("images", "epochs"))
        for ax, sample, epoch in zip(row, images, epochs, strict=True):
            ganth.plotting.image_grid(ax, sample / 127.5 - 1.0, columns=3)
            ax.set_title(f"{data}, {name}: epoch {epoch:.0f}", fontsize=8)
