"""A dense ReLU network against free particles, step by step, the obvious way."""

import numpy as np


def forward(layers, x):
    """Return f at points x (m, d) and the hidden layers' values."""
    hidden = [np.asarray(x, dtype=float)]
    for weights, biases in layers[:-1]:
        hidden.append(np.maximum(hidden[-1] @ weights.T + biases, 0.0))
    weights, biases = layers[-1]
    return hidden[-1] @ weights[0] + biases[0], hidden


def backward(layers, x, coefficients):
    """Return the gradients of sum_i coefficients_i f(x_i) in the parameters, layer by layer, and in the points."""
    _, hidden = forward(layers, x)
    gradients = [(coefficients[None] @ hidden[-1], np.array([coefficients.sum()]))]
    pull = np.outer(coefficients, layers[-1][0][0])
    for (weights, _), above, below in zip(layers[-2::-1], hidden[:0:-1], hidden[-2::-1], strict=True):
        delta = pull * (above > 0)
        gradients.insert(0, (delta.T @ below, delta.sum(axis=0)))
        pull = delta @ weights
    return gradients, pull


def step(layers, generated, true, p, q, reg, lr_disc, lr_gen, order):
    """Return layers and particles after one step."""
    x = np.concatenate([true, generated])
    gradients, pull = backward(layers, x, np.concatenate([p, -q]))
    after = [
        ((1 - lr_disc * reg) * w + lr_disc * dw, (1 - lr_disc * reg) * b + lr_disc * db)
        for (w, b), (dw, db) in zip(layers, gradients, strict=True)
    ]
    if order == "alternating":
        _, pull = backward(after, x, np.concatenate([p, -q]))
    return after, generated - lr_gen * pull[len(true) :]
