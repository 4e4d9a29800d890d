"""Finite networks by plain loops, and their tangent kernels from a Jacobian by complex steps.  Imports no ganth."""

import cmath
import math

import numpy as np

STEP = 1e-30


def relu(z):
    return z if z.real > 0 else 0.0


def erf(z):
    """erf and, in the imaginary part, its derivative times the step: exact for a complex step."""
    return complex(math.erf(z.real), z.imag * 2 / math.sqrt(math.pi) * math.exp(-(z.real**2)))


ACTIVATIONS = {"relu": relu, "erf": erf, "tanh": cmath.tanh}


def one_hidden(parameters, x, activation, width, outputs):
    """sqrt(2 / width) sum_k a_ik s(w_k . x + b_k) for parameters [w row by row with its b, then a row by row]."""
    s, d = ACTIVATIONS[activation], len(x)
    hidden = []
    for k in range(width):
        row = parameters[k * (d + 1) : (k + 1) * (d + 1)]
        hidden.append(s(sum(w * c for w, c in zip(row, [*x, 1.0], strict=True))))
    heads = parameters[width * (d + 1) :]
    return [
        math.sqrt(2 / width) * sum(a * h for a, h in zip(heads[i * width : (i + 1) * width], hidden, strict=True))
        for i in range(outputs)
    ]


def batch_normalised(parameters, batch, activation, width, outputs):
    """Outputs at all of a batch, one after the other; parameters w row by row, a row by row, gamma, beta."""
    s, d, n = ACTIVATIONS[activation], len(batch[0]), len(batch)
    rows = [parameters[k * d : (k + 1) * d] for k in range(width)]
    heads = [parameters[width * (d + i) : width * (d + i + 1)] for i in range(outputs)]
    scales, shifts = (parameters[width * (d + outputs + i) : width * (d + outputs + i + 1)] for i in range(2))
    hidden = []
    for row, scale, shift in zip(rows, scales, shifts, strict=True):
        signal = [sum(w * c for w, c in zip(row, x, strict=True)) for x in batch]
        mean = sum(signal) / n
        deviation = cmath.sqrt(sum((u - mean) ** 2 for u in signal) / n)
        hidden.append([s(scale * (u - mean) / deviation + shift) for u in signal])
    return [
        math.sqrt(2 / width) * sum(a * unit[p] for a, unit in zip(head, hidden, strict=True))
        for p in range(n)
        for head in heads
    ]


def deep(parameters, x, widths, mu, slope):
    """Pre-activation after the last hidden layer of appendix G; parameters layer by layer, W row by row, then b."""
    h, at = list(x), 0
    for layer, units in enumerate(widths):
        if layer:
            h = [slope * relu(complex(v)) for v in h]
        inputs = len(h)
        scale = math.sqrt((1 - mu**2) / inputs)
        weights = [parameters[at + i * inputs : at + (i + 1) * inputs] for i in range(units)]
        biases = parameters[at + units * inputs : at + units * (inputs + 1)]
        at += units * (inputs + 1)
        h = [
            mu * b + scale * sum(w * v for w, v in zip(row, h, strict=True))
            for row, b in zip(weights, biases, strict=True)
        ]
    return h


def jacobian(network, parameters, x):
    """d output_i / d parameter_k, one parameter at a time, (outputs, parameters)."""
    columns = []
    for k in range(len(parameters)):
        moved = [complex(p) for p in parameters]
        moved[k] += 1j * STEP
        columns.append([complex(v).imag / STEP for v in network(moved, x)])
    return np.array(columns).T


def ntk(network, parameters, xs, ys):
    """(n, m, outputs, outputs): sum over the parameters of the products of derivatives."""
    left, right = ([jacobian(network, parameters, p) for p in points] for points in (xs, ys))
    return np.array([[a @ b.T for b in right] for a in left])
