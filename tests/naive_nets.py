"""Dense networks and the games of NSGAN in plain loops; gradients by central differences."""

import math

import numpy as np

START, DATA, NOISE, LATENT, BETWEEN = 0, 1, 5, 8, 9


def activation(kind, u, slope=0.2):
    if kind == "relu":
        return max(u, 0.0)
    if kind == "leaky":
        return u if u > 0 else slope * u
    return math.tanh(u) if kind == "tanh" else 1 / (1 + math.exp(-u))


def network(sizes, kind, parameters, x, slope=0.2):
    """Return the outputs of a dense network at one point."""
    at, values = 0, list(x)
    for layer in range(1, len(sizes)):
        inputs, units = sizes[layer - 1], sizes[layer]
        above = []
        for i in range(units):
            u = parameters[at + units * inputs + i]
            for k in range(inputs):
                u += parameters[at + i * inputs + k] * values[k]
            above.append(activation(kind, u, slope) if layer < len(sizes) - 1 else u)
        at, values = at + units * (inputs + 1), above
    return np.array(values)


def difference(function, x, step=1e-6):
    """Return the gradient of a function of an array by central differences."""
    out = np.empty(x.size)
    for i in range(x.size):
        up, down = x.copy(), x.copy()
        up.flat[i] += step
        down.flat[i] -= step
        out[i] = (function(up) - function(down)) / (2 * step)
    return out.reshape(x.shape)


def softplus(v):
    return max(v, 0.0) + math.log1p(math.exp(-abs(v)))


# What a discriminator pays at a real and at a generated point, and what the generator pays.
LOSSES = {
    "nsgan": (lambda v: softplus(-v), softplus, lambda v: softplus(-v)),
    "minimax": (lambda v: softplus(-v), softplus, lambda v: -softplus(v)),
    "lsgan": (lambda v: (v - 1) ** 2 / 2, lambda v: v**2 / 2, lambda v: (v - 1) ** 2 / 2),
    "wgan_gp": (lambda v: -v, lambda v: v, lambda v: -v),
}
# f-GANs from g_f and f*.
for _name, _output, _conjugate in (
    ("kl", lambda v: v, lambda t: math.exp(t - 1)),
    ("reverse_kl", lambda v: -math.exp(-v), lambda t: -1 - math.log(-t)),
    ("pearson", lambda v: v, lambda t: t * t / 4 + t),
    ("hellinger", lambda v: 1 - math.exp(-v), lambda t: t / (1 - t)),
    ("js", lambda v: math.log(2) - softplus(-v), lambda t: -math.log(2 - math.exp(t))),
    ("gan", lambda v: -softplus(-v), lambda t: -math.log(1 - math.exp(t))),
):
    LOSSES[_name] = (
        lambda v, g=_output: -g(v),
        lambda v, g=_output, f=_conjugate: f(g(v)),
        lambda v, g=_output: -g(v),
    )


def critic_loss(loss, sizes, kind, parameters, real, fake, penalty=0.0, penalised=None, between=True):
    """Return what a discriminator descends, with the penalty's gradients of D by central differences."""
    pay_real, pay_fake, _ = LOSSES[loss]

    def value(x):
        return network(sizes, kind, parameters, x)[0]

    total = sum(pay_real(value(x)) for x in real) / len(real) + sum(pay_fake(value(x)) for x in fake) / len(fake)
    for x in () if penalised is None else penalised:
        norm = np.linalg.norm(difference(value, x, 1e-5))
        total += penalty * ((norm - 1) ** 2 if between else norm**2 / 2) / len(penalised)
    return total


def teacher_loss(loss, gen_sizes, sizes, kind, gen, disc, latents):
    """Return what a generator descends."""
    pay = LOSSES[loss][2]
    points = [network(gen_sizes, kind, gen, z) for z in latents]
    return sum(pay(network(sizes, kind, disc, x)[0]) for x in points) / len(points)


def optimise(kind, slopes, rate):
    """Return where x = 0 goes with these slopes, step by step: PyTorch's formulas, one number."""
    x = mean = square = 0.0
    for t, g in enumerate(slopes, 1):
        if kind == "sgd":
            x -= rate * g
        elif kind == "momentum":
            mean = 0.9 * mean + g
            x -= rate * mean
        elif kind == "rmsprop":
            square = 0.99 * square + 0.01 * g * g
            x -= rate * g / (math.sqrt(square) + 1e-8)
        else:
            mean = 0.9 * mean + 0.1 * g
            square = 0.999 * square + 0.001 * g * g
            x -= rate / (1 - 0.9**t) * mean / (math.sqrt(square / (1 - 0.999**t)) + 1e-8)
    return x
