"""Layers of image networks in plain loops, samples first and channels last."""

import math

import numpy as np


def convolution(x, weights, biases, stride, padding):
    """Return the convolution of images (n, height, width, inputs) with weights (channels, kernel, kernel, inputs)."""
    n, height, width, inputs = x.shape
    channels, kernel = weights.shape[:2]
    rows, columns = ((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
    out = np.zeros((n, rows, columns, channels))
    for i in range(rows):
        for j in range(columns):
            for a in range(kernel):
                for b in range(kernel):
                    y, z = stride * i + a - padding, stride * j + b - padding
                    if 0 <= y < height and 0 <= z < width:
                        for k in range(inputs):
                            out[:, i, j] += x[:, y, z, k, None] * weights[:, a, b, k]
    return out + (0 if biases is None else biases)


def transposed_convolution(x, weights, biases, stride, padding):
    """Return what images (n, height, width, inputs) become with weights (inputs, kernel, kernel, channels)."""
    n, height, width, inputs = x.shape
    kernel, channels = weights.shape[1], weights.shape[3]
    rows, columns = ((size - 1) * stride - 2 * padding + kernel for size in (height, width))
    out = np.zeros((n, rows, columns, channels))
    for i in range(height):
        for j in range(width):
            for a in range(kernel):
                for b in range(kernel):
                    y, z = stride * i + a - padding, stride * j + b - padding
                    if 0 <= y < rows and 0 <= z < columns:
                        for k in range(inputs):
                            out[:, y, z] += x[:, i, j, k, None] * weights[k, a, b]
    return out + (0 if biases is None else biases)


def linear(x, weights, biases):
    """Return W x + b of samples, flattened."""
    flat = x.reshape(len(x), -1)
    out = [[sum(w * v for w, v in zip(row, sample, strict=True)) for row in weights] for sample in flat]
    return np.array(out) + (0 if biases is None else biases)


def normalised(x, scale, shift, epsilon, moments=None):
    """Return batch normalisation with given (mean, variance) or the batch's, and the batch's, unbiased."""
    flat = x.reshape(-1, x.shape[-1])
    means = [math.fsum(column) / len(column) for column in flat.T]
    squares = [math.fsum((v - m) ** 2 for v in column) for column, m in zip(flat.T, means, strict=True)]
    biased = [s / len(flat) for s in squares]
    mean, variance = (means, biased) if moments is None else moments
    out = np.empty(x.shape)
    for c in range(x.shape[-1]):
        out[..., c] = (x[..., c] - mean[c]) / math.sqrt(variance[c] + epsilon) * scale[c] + shift[c]
    return out, (np.array(means), np.array(squares) / max(len(flat) - 1, 1))


def deviated(x):
    """Return x with one more channel: the mean over the features of the deviation over the batch."""
    flat = x.reshape(len(x), -1)
    deviations = []
    for column in flat.T:
        mean = sum(column) / len(column)
        deviations.append(math.sqrt(sum((v - mean) ** 2 for v in column) / len(column) + 1e-8))
    more = np.full((*x.shape[:-1], 1), sum(deviations) / len(deviations))
    return np.concatenate([x, more], axis=-1)
