"""The obvious loop for what an observer of image trainings tells, and for what courses show."""

import numpy as np
from naive_metrics import class_coverage, mode_pairs, precision_recall
from scipy.linalg import sqrtm


def roughness(images):
    down, across = [], []
    for image in images:
        height, width, channels = image.shape
        for i in range(height):
            for j in range(width):
                for c in range(channels):
                    if i + 1 < height:
                        down.append(abs(float(image[i + 1, j, c]) - float(image[i, j, c])))
                    if j + 1 < width:
                        across.append(abs(float(image[i, j + 1, c]) - float(image[i, j, c])))
    return 0.5 * (sum(down) / len(down) + sum(across) / len(across))


def moments(features):
    n = len(features)
    mean = sum(features) / n
    return mean, sum(np.outer(f - mean, f - mean) for f in features) / (n - 1)


def frechet(x, y):
    (m, a), (n, b) = moments(x), moments(y)
    return float(((m - n) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real))


def told(p, features, real_features, images, real, neighbours, threshold):
    classes = p.shape[1]
    top = [max(range(classes), key=lambda k: row[k]) for row in p]
    above = [sum(value > threshold for value in row) for row in p]
    precision, recall = precision_recall(real_features[: len(features)], features, neighbours)
    return {
        "classes": [top.count(k) for k in range(classes)],
        "coverage": class_coverage(top, classes, 0.25),
        "largest": max(top.count(k) for k in range(classes)) / len(p),
        "pairs_section": mode_pairs(p, threshold, "section"),
        "pairs_appendix": mode_pairs(p, threshold, "appendix"),
        "mixed": sum(a > 1 for a in above) / len(p),
        "crowded": sum(a > 3 for a in above) / len(p),
        "frechet": frechet(features, real_features),
        "precision": precision,
        "recall": recall,
        "roughness": roughness(images) / roughness(real),
    }


def first_above(row, limit, warmup):
    for epoch in range(warmup + 1, len(row)):
        if row[epoch] > limit:
            return epoch
    return -1


def surge(row, least):
    for epoch in range(4, len(row)):
        before = sorted(row[max(1, epoch - 10) : epoch])
        middle = len(before) // 2
        median = before[middle] if len(before) % 2 else (before[middle - 1] + before[middle]) / 2
        if row[epoch] > least * median:
            return epoch
    return -1
