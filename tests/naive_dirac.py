"""The Dirac-GAN by the published update rules: Mescheder, Geiger and Nowozin 2018, and their code.

Their signs: D(x) = psi x is high on generated points, theta descends and psi ascends f(psi theta) + f(0), so that the
forces are v = (-psi f'(psi theta), theta f'(psi theta)).  Imports nothing of ganth.
"""

import numpy as np


def fp(t):
    """f'(t) of f(t) = -log(1 + exp(-t)); complex t passes."""
    return 1 / (1 + np.exp(t))


def gan(theta, psi):
    return -psi * fp(psi * theta), theta * fp(psi * theta)


def nsgan(theta, psi):
    return -psi * fp(-psi * theta), theta * fp(psi * theta)


def wgan(theta, psi):
    return -psi, theta


def wgan_gp(theta, psi, reg, target):
    return -psi, theta - reg * (np.abs(psi) - target) * np.sign(psi)


def penalised(field, reg):
    """R1, or R2, of strength reg: reg psi^2 / 2."""

    def forces(theta, psi):
        v1, v2 = field(theta, psi)
        return v1, v2 - reg * psi

    return forces


def consensus(field, reg):
    """v - reg J^T v, J^T v being the gradient of (v1^2 + v2^2) / 2, here by the complex step."""

    def half_square(theta, psi):
        v1, v2 = field(theta, psi)
        return (v1**2 + v2**2) / 2

    def forces(theta, psi):
        v1, v2 = field(theta, psi)
        h = 1e-30
        return (
            v1 - reg * half_square(theta + 1j * h, psi).imag / h,
            v2 - reg * half_square(theta, psi + 1j * h).imag / h,
        )

    return forces


def consensus_of_their_code(theta, psi, reg):
    """Their class GAN_Consensus: the terms with f'' are half of what the gradient of (v1^2 + v2^2) / 2 has."""
    s = fp(psi * theta)
    curvature = -fp(psi * theta) * fp(-psi * theta)  # f''
    v1 = -psi * s - reg * (theta * s**2 + 0.5 * psi * (psi**2 + theta**2) * s * curvature)
    v2 = theta * s - reg * (psi * s**2 + 0.5 * theta * (psi**2 + theta**2) * s * curvature)
    return v1, v2


def noisy(std, nonsaturating=False):
    """Instance noise on both points; means over the noise by a fine sum instead of their 1000 draws."""
    z = np.arange(-10, 10.01, 0.05)
    weights = 0.05 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    def forces(theta, psi):
        fake, true = theta + std * z, std * z
        sign = -1 if nonsaturating else 1
        v1 = -psi * fp(sign * psi * fake)
        v2 = fake * fp(psi * fake) - true * fp(-true * psi)
        return weights @ v1, weights @ v2

    return forces


def simultaneous(forces, theta, psi, steps, h_g, h_d, clip=np.inf):
    """trajectory_simgd: lists of theta and psi, the start first."""
    psi = np.clip(psi, -clip, clip)
    thetas, psis = [theta], [psi]
    for _ in range(steps):
        v1, v2 = forces(theta, psi)
        theta, psi = theta + h_g * v1, np.clip(psi + h_d * v2, -clip, clip)
        thetas.append(theta)
        psis.append(psi)
    return np.array(thetas), np.array(psis)


def alternating(forces, theta, psi, steps, h_g, h_d, dsteps=1, clip=np.inf):
    """trajectory_altgd: theta moves first, then psi dsteps times."""
    psi = np.clip(psi, -clip, clip)
    thetas, psis = [theta], [psi]
    for _ in range(steps):
        theta = theta + h_g * forces(theta, psi)[0]
        for _ in range(dsteps):
            psi = np.clip(psi + h_d * forces(theta, psi)[1], -clip, clip)
        thetas.append(theta)
        psis.append(psi)
    return np.array(thetas), np.array(psis)
