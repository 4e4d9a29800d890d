"""Algorithm 1 of ED, step by step, the obvious way: a discriminator with one hidden layer against coupled particles.

A network is a dict a (H,), w (H, d), b (H,).  Loops go over points; nothing here knows of ganth.
"""

import math

import numpy as np

_erf = np.vectorize(math.erf, otypes=[float])


def activation(name, u):
    """Return s(u) and its first two derivatives."""
    if name == "relu":
        return np.maximum(u, 0.0), (u > 0) * 1.0, 0.0 * u
    if name == "tanh":
        t = np.tanh(u)
        return t, 1 - t**2, -2 * t * (1 - t**2)
    slope = 2 / math.sqrt(math.pi) * np.exp(-(u**2))
    return _erf(u), slope, -2 * u * slope


def value(net, name, x):
    """Return D at points x (m, d)."""
    s, _, _ = activation(name, x @ net["w"].T + net["b"])
    return math.sqrt(2 / len(net["a"])) * s @ net["a"]


def gradient(net, name, x):
    """Return grad D at points x (m, d), (m, d)."""
    scale = math.sqrt(2 / len(net["a"]))
    rows = []
    for point in x:
        _, slope, _ = activation(name, net["w"] @ point + net["b"])
        rows.append(scale * (net["a"] * slope) @ net["w"])
    return np.array(rows)


def gram_matrix(n, ratio, normalisation="mean"):
    """Return the two-value Gamma of n particles, (n, n)."""
    diagonal = n / (1 + (n - 1) * ratio) if normalisation == "mean" else n
    return diagonal * (ratio * np.ones((n, n)) + (1 - ratio) * np.eye(n))


def velocity(gram, gradients):
    """Return (1/N) sum_b Gamma_ab gradient_b."""
    return gram @ gradients / len(gradients)


def regulariser(net, name, x, gram, beta, form):
    """Return c beta / N^2 sum_ab grad D(X_a) . Gamma_ab grad D(X_b): c = 1/2 for "half", 1 for "full"."""
    g = gradient(net, name, x)
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            total += gram[i, j] * (g[i] @ g[j])
    return {"half": 0.5, "full": 1.0}[form] * beta / len(x) ** 2 * total


def loss(net, name, x, data, reg, gram, beta, form):
    """Return L_D."""
    squares = sum((v**2).sum() for v in net.values())
    penalty = regulariser(net, name, x, gram, beta, form) if beta else 0.0
    return value(net, name, x).mean() - value(net, name, data).mean() + reg / 2 * squares + penalty


def loss_gradient(net, name, x, data, reg, gram, beta, form):
    """Return d L_D / d (a, w, b) as a dict like net."""
    a, w, b = net["a"], net["w"], net["b"]
    scale = math.sqrt(2 / len(a))
    out = {key: reg * v for key, v in net.items()}
    for points, coefficient in ((x, 1 / len(x)), (data, -1 / len(data))):
        for point in points:
            s, s1, _ = activation(name, w @ point + b)
            out["a"] = out["a"] + coefficient * scale * s
            out["w"] = out["w"] + coefficient * scale * np.outer(a * s1, point)
            out["b"] = out["b"] + coefficient * scale * a * s1
    if beta:
        factor = {"half": 1.0, "full": 2.0}[form] * beta / len(x) ** 2
        h = factor * gram @ gradient(net, name, x)
        for point, push in zip(x, h, strict=True):
            _, s1, s2 = activation(name, w @ point + b)
            along = w @ push
            out["a"] = out["a"] + scale * s1 * along
            out["w"] = out["w"] + scale * (np.outer(a * s1, push) + np.outer(a * s2 * along, point))
            out["b"] = out["b"] + scale * a * s2 * along
    return out


def sgd(net, slopes, lr, memory):
    """Return the network after a step down, and its memory (none)."""
    return {key: net[key] - lr * slopes[key] for key in net}, memory


def rmsprop(net, slopes, lr, memory):
    """Return the network after a step of PyTorch's RMSprop (alpha 0.99, eps 1e-8), and the mean squares."""
    memory = memory or {key: np.zeros_like(v) for key, v in net.items()}
    memory = {key: 0.99 * memory[key] + 0.01 * slopes[key] ** 2 for key in net}
    return {key: net[key] - lr * slopes[key] / (np.sqrt(memory[key]) + 1e-8) for key in net}, memory


def iterate(net, x, samples, *, name, reg, gram, lr_disc, lr_gen, order, beta=0.0, form="half", step=sgd, memory=None):
    """Return network, particles and the optimiser's memory after an iteration; samples[j] are data of its j-th step."""
    before = velocity(gram, gradient(net, name, x))
    for data in samples:
        net, memory = step(net, loss_gradient(net, name, x, data, reg, gram, beta, form), lr_disc, memory)
    after = velocity(gram, gradient(net, name, x))
    return net, x + lr_gen * (before if order == "simultaneous" else after), memory
