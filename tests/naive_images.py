"""Networks of linear layers and batch norm, and an iteration of a GAN of them, in plain loops."""

import math

import numpy as np

LATENT, DATA, START = 8, 1, 0


def softplus(v):
    return max(v, 0.0) + math.log1p(math.exp(-abs(v)))


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


# What D pays at data and at generated images, and what G pays.
LOSSES = {
    "nsgan": (lambda v: softplus(-v), softplus, lambda v: softplus(-v)),
    "minimax": (lambda v: softplus(-v), softplus, lambda v: -softplus(v)),
    "lsgan": (lambda v: (v - 1) ** 2 / 2, lambda v: v**2 / 2, lambda v: (v - 1) ** 2 / 2),
}


def network(layers, parameters, x):
    """Return what layers make of a batch x (n, inputs): ("linear", units), ("norm",), ("leaky",), ("tanh",)."""
    at, values = 0, [list(map(float, row)) for row in x]
    for kind, *settings in layers:
        n, inputs = len(values), len(values[0])
        if kind == "linear":
            units = settings[0]
            weights = np.asarray(parameters[at : at + units * inputs]).reshape(units, inputs)
            biases = parameters[at + units * inputs : at + units * (inputs + 1)]
            at += units * (inputs + 1)
            values = [
                [sum(w * v for w, v in zip(weights[i], row, strict=True)) + biases[i] for i in range(units)]
                for row in values
            ]
        elif kind == "norm":
            for k in range(inputs):
                mean = sum(row[k] for row in values) / n
                spread = math.sqrt(sum((row[k] - mean) ** 2 for row in values) / n + 1e-5)
                for row in values:
                    row[k] = parameters[at + k] * (row[k] - mean) / spread + parameters[at + inputs + k]
            at += 2 * inputs
        elif kind == "leaky":
            values = [[v if v > 0 else 0.2 * v for v in row] for row in values]
        else:
            values = [[math.tanh(v) for v in row] for row in values]
    assert at == len(parameters)
    return np.array(values)


def mean(pay, logits):
    return sum(pay(v) for v in logits.ravel()) / logits.size


def disc_loss(loss, layers, parameters, real, fake):
    pay_real, pay_fake, _ = LOSSES[loss]
    return mean(pay_real, network(layers, parameters, real)) + mean(pay_fake, network(layers, parameters, fake))


def gen_loss(loss, gen_layers, disc_layers, gen, disc, latents):
    return mean(LOSSES[loss][2], network(disc_layers, disc, network(gen_layers, gen, latents)))


def log_sum(layers, disc, images):
    """Return the sum of log d over a batch."""
    return sum(-softplus(-v) for v in network(layers, disc, images).ravel())


def difference(function, x, step=1e-6):
    """Return the gradient of a function of an array by central differences."""
    out = np.empty(x.size)
    for i in range(x.size):
        up, down = x.copy(), x.copy()
        up.flat[i] += step
        down.flat[i] -= step
        out[i] = (function(up) - function(down)) / (2 * step)
    return out.reshape(x.shape)
