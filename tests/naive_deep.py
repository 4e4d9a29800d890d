"""The effective GAN against a deep ReLU network, one point, one unit and one pair of particles after the other (ED)."""

import numpy as np


def forward(layers, x):
    """Return D(x) of one point and what enters each layer: x and the outputs of the hidden layers."""
    inputs = [x]
    for weights, biases in layers[:-1]:
        inputs.append(np.array([max(0.0, w @ inputs[-1] + b) for w, b in zip(weights, biases, strict=True)]))
    return layers[-1][0][0] @ inputs[-1] + layers[-1][1][0], inputs


def derivative_in_units(layers, inputs):
    """Return dD/d(what enters each unit), layer by layer, and dD/dx, by the chain rule from the output down."""
    back, slope = [np.ones(1)], None
    for layer in range(len(layers) - 1, -1, -1):
        weights = layers[layer][0]
        slope = np.array([sum(back[0] * weights[:, i]) for i in range(weights.shape[1])])
        if layer > 0:
            back.insert(0, np.array([s if h > 0 else 0.0 for s, h in zip(slope, inputs[layer], strict=True)]))
    return back, slope


def gradient(layers, x):
    """Return grad D at one point."""
    return derivative_in_units(layers, forward(layers, x)[1])[1]


def velocities(layers, particles, gram):
    """Return (1/N) sum_b Gamma_ab grad D(X_b), ED (21)."""
    slopes = [gradient(layers, x) for x in particles]
    return np.array([sum(g * s for g, s in zip(row, slopes, strict=True)) / len(particles) for row in gram])


def gradient_in_parameters(layers, particles, data, gram, beta, form, reg):
    """Return the gradient of L_D, ED (5) with (27) or (28), as (weights, biases) of each layer.

    That of h . grad D(x), h held fixed: within its linear region D's slope along h is a product of matrices, and
    the derivative in one of them is what stands before it (the deltas) times what stands behind it (the tangent).
    """
    total = [(np.zeros_like(weights), np.zeros_like(biases)) for weights, biases in layers]
    for points, sign in ((particles, 1.0), (data, -1.0)):
        summed = [(np.zeros_like(weights), np.zeros_like(biases)) for weights, biases in layers]
        for x in points:
            inputs = forward(layers, x)[1]
            back, _ = derivative_in_units(layers, inputs)
            for (weights, biases), delta, entering in zip(summed, back, inputs, strict=True):
                weights += np.outer(delta, entering)
                biases += delta
        for into, part in zip(total, summed, strict=True):
            for a, b in zip(into, part, strict=True):
                a += sign * b / len(points)
    factor = {"half": 1.0, "full": 2.0}[form] * beta / len(particles)
    for x, pull in zip(particles, velocities(layers, particles, gram), strict=True):
        inputs = forward(layers, x)[1]
        back, _ = derivative_in_units(layers, inputs)
        tangent = factor * pull
        for layer, ((weights, _), delta) in enumerate(zip(total, back, strict=True)):
            weights += np.outer(delta, tangent)
            tangent = layers[layer][0] @ tangent
            if layer + 1 < len(layers):
                tangent = np.where(inputs[layer + 1] > 0, tangent, 0.0)
    return [(dw + reg * w, db + reg * b) for (dw, db), (w, b) in zip(total, layers, strict=True)]


def iterate(layers, squares, particles, batches, gram, game):
    """Return layers, squares and particles after one iteration against the data of `batches`, one per inner step."""
    old = velocities(layers, particles, gram)
    for data in batches:
        slope = gradient_in_parameters(layers, particles, data, gram, game.grad_reg, game.grad_reg_form, game.reg)
        if game.optimiser == "rmsprop":
            squares = [
                tuple(0.99 * v + 0.01 * g**2 for v, g in zip(vs, gs, strict=True))
                for vs, gs in zip(squares, slope, strict=True)
            ]
            slope = [
                tuple(g / (np.sqrt(v) + 1e-8) for v, g in zip(vs, gs, strict=True))
                for vs, gs in zip(squares, slope, strict=True)
            ]
        layers = [
            tuple(p - game.lr_disc * g for p, g in zip(ps, gs, strict=True))
            for ps, gs in zip(layers, slope, strict=True)
        ]
    pull = old if game.order == "simultaneous" else velocities(layers, particles, gram)
    return layers, squares, particles + game.lr_gen * pull
