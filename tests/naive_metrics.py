"""The obvious loop for each metric of images and of samples.  Imports nothing of ganth."""

import numpy as np


def squared(x, y):
    return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def radii(points, k):
    """Squared distance of each point to its k-th nearest other one."""
    found = []
    for i, x in enumerate(points):
        found.append(sorted(squared(x, y) for j, y in enumerate(points) if j != i)[k - 1])
    return found


def precision_recall(real, fake, k, closed=False):
    def share(points, centres):
        around = radii(centres, k)
        inside = 0
        for x in points:
            gaps = [(squared(x, c), r) for c, r in zip(centres, around, strict=True)]
            inside += any(gap < r or (closed and gap == r) for gap, r in gaps)
        return inside / len(points)

    return share(fake, real), share(real, fake)


def mode_distances(images, labels):
    classes = max(labels) + 1
    means = []
    for k in range(classes):
        chosen = [
            np.asarray(image, dtype=float).ravel() for image, label in zip(images, labels, strict=True) if label == k
        ]
        means.append(sum(chosen) / len(chosen))
    return [[sum((a - b) ** 2 for a, b in zip(m, n, strict=True)) ** 0.5 for n in means] for m in means]


def mode_pairs(probabilities, threshold, definition):
    classes = len(probabilities[0])
    counts = [[0] * classes for _ in range(classes)]
    for p in probabilities:
        above = [i for i in range(classes) if p[i] > threshold]
        for i in above:
            for j in above:
                if i != j or definition == "section" or above == [i]:
                    counts[i][j] += 1
    return counts


def class_coverage(samples, classes, least):
    return sum(sum(s == k for s in samples) >= least * len(samples) / classes for k in range(classes))


def density_coverage(real, fake, k):
    """Return density and coverage by plain loops."""
    square = radii(real, k)
    held = sum(squared(y, x) < r for y in fake for x, r in zip(real, square, strict=True))
    covered = sum(min(squared(x, y) for y in fake) < r for x, r in zip(real, square, strict=True))
    return held / (k * len(fake)), covered / len(real)


def kid(real, fake, degree, scale, offset):
    """Return the unbiased squared MMD by plain loops."""

    def kernel(x, y):
        return (scale * sum(a * b for a, b in zip(x, y, strict=True)) + offset) ** degree

    n, m = len(real), len(fake)
    own = sum(kernel(x, y) for i, x in enumerate(real) for j, y in enumerate(real) if i != j) / (n * (n - 1))
    other = sum(kernel(x, y) for i, x in enumerate(fake) for j, y in enumerate(fake) if i != j) / (m * (m - 1))
    return own + other - 2 * sum(kernel(x, y) for x in real for y in fake) / (n * m)


def label_variance(images, labels, definition):
    found = []
    for k in range(max(labels) + 1):
        chosen = [np.asarray(i, dtype=float).ravel() for i, label in zip(images, labels, strict=True) if label == k]
        entries = [value for image in chosen for value in image]
        middle = sum(entries) / len(entries)
        mean = sum(chosen) / len(chosen)
        total = sum(squared(image, mean) for image in chosen) / len(chosen)
        of_all = sum((value - middle) ** 2 for value in entries) / len(entries)
        found.append({"entries": of_all, "within": total / len(mean), "total": total}[definition])
    return sum(found) / len(found)
