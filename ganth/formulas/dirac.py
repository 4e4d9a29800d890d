"""The Dirac-GAN: its two forces for each loss, logistic means under Gaussian noise, and the flow of its linear form.

f(x) = phi x against one particle at theta, true point 0.  The working type comes in with theta: no floating literal.
"""

import math

from numba import njit

# Which loss `forces` takes; the loops take the code as an argument.
LINEAR, VANILLA, NONSATURATING = range(3)
_HALF_STEPS = 2  # nodes of a trapezoidal rule per unit
_GAUSSIAN_NODES, _LOGISTIC_NODES = 17, 76  # on either side: beyond, the weights are below 1e-16


@njit
def logistic(u):
    """Return 1 / (1 + exp(-u)), without overflow."""
    one = type(u)(1)
    small = math.exp(-abs(u))
    return (one if u >= 0 else small) / (one + small)


@njit
def logistic_d(u):
    """Return the derivative of `logistic`, exp(-u) / (1 + exp(-u))^2."""
    one = type(u)(1)
    small = math.exp(-abs(u))
    return small / ((one + small) * (one + small))


@njit
def noisy_logistic(u, spread):
    """Return the means of `logistic` and `logistic_d` of u + spread z, z standard normal, spread >= 0.

    There is no closed form.  A trapezoidal rule in steps of 1/2 converges like exp(-4 pi d), d the distance of the
    integrand's poles from the real line: pi / spread in z.  From spread 1 on it runs over a logistic variable l
    instead, P(l < u) = logistic(u), so that the mean is that of P(z < (u - l) / spread), and d = pi.  Error: 1e-14.
    """
    real = type(u)
    one, step = real(1), real(1) / real(_HALF_STEPS)
    root = math.sqrt(one + one)
    norm = one / (root * math.sqrt(real(math.pi)))
    mean, slope = real(0), real(0)
    if spread < one:
        for i in range(-_GAUSSIAN_NODES, _GAUSSIAN_NODES + 1):
            z = step * real(i)
            weight = step * norm * math.exp(-z * z / (one + one))
            mean += weight * logistic(u + spread * z)
            slope += weight * logistic_d(u + spread * z)
        return mean, slope
    for i in range(-_LOGISTIC_NODES, _LOGISTIC_NODES + 1):
        z = (u - step * real(i)) / spread
        weight = step * logistic_d(step * real(i))
        mean += weight * math.erfc(-z / root) / (one + one)
        slope += weight * norm * math.exp(-z * z / (one + one)) / spread
    return mean, slope


@njit
def forces(loss, theta, phi, damping, target, noise, consensus):
    """Return the forces on theta and on phi: v less its regularisers, d theta = phi a(u), d phi = -theta d(u).

    u = phi theta.  Linear: a = d = 1; vanilla: a = d = logistic(u); non-saturating: a = logistic(-u).  Regularisers:
    damping (|phi| - target)^2 / 2 on phi; consensus |v|^2 / 2 on both; instance noise of this standard deviation on the
    true and the generated point, which is exact (Stein's lemma turns the mean of x logistic into one of its slope).
    """
    real = type(theta)
    zero, one = real(0), real(1)
    u = phi * theta
    learn, climb, learn_d, climb_d, drag = one, one, zero, zero, zero
    if loss != LINEAR:
        if noise > zero:
            spread = noise * abs(phi)
            learn, slope = noisy_logistic(u, spread)
            drag = noise * noise * (slope + noisy_logistic(zero, spread)[1])
        else:
            learn, learn_d = logistic(u), logistic_d(u)
        climb, climb_d = learn, learn_d
        if loss == NONSATURATING:
            climb, climb_d = (one - learn if noise > zero else logistic(-u)), -learn_d
    on_theta, on_phi = phi * climb, -theta * learn - drag * phi
    if consensus > zero:
        mixed = phi * phi * climb * climb_d + theta * theta * learn * learn_d
        on_theta -= consensus * (theta * learn * learn + phi * mixed)
        on_phi -= consensus * (phi * climb * climb + theta * mixed)
    return on_theta, on_phi - damping * (phi - math.copysign(target, phi) if phi != zero else zero)


@njit
def exponents(damping):
    """Return -r+, -r- and the modulus w of a half of their difference, r the roots of s^2 + damping s + 1.

    Below damping 2 the roots are -damping/2 +- i w and both exponents are damping/2.  r+ does not cancel.
    """
    half = damping / type(damping)(2)
    one = type(damping)(1)
    square = (half - one) * (half + one)
    if square < 0:
        return half, half, math.sqrt(-square)
    root = math.sqrt(square)
    return one / (half + root), half + root, root


@njit
def damped_flow(t, theta, phi, damping):
    """Return theta(t), phi(t) of theta' = phi, phi' = -theta - damping phi, damping >= 0.

    Below 2: exp(-damping t / 2) (theta cos(w t) + (phi + damping theta / 2) sin(w t) / w).  From 2 on
    exp(r- t) theta + (phi - r- theta) s(t) and exp(r- t) phi - (theta - r+ phi) s(t), where
    s = (exp(r+ t) - exp(r- t)) / (r+ - r-).  Neither sin(w t) / w nor s loses digits as w -> 0, nor theta as damping
    grows.
    """
    one = type(t)(1)
    slow, fast, w = exponents(damping)
    x = w * t
    if damping < one + one:
        shrink, cosine = math.exp(-slow * t), math.cos(x)
        sine = t * (math.sin(x) / x if x != 0 else one)
        return (
            shrink * (theta * cosine + (phi + slow * theta) * sine),
            shrink * (phi * cosine - (theta + slow * phi) * sine),
        )
    x += x
    s = t * math.exp(-slow * t) * (-math.expm1(-x) / x if x != 0 else one)
    gone = math.exp(-fast * t)
    return gone * theta + (phi + fast * theta) * s, gone * phi - (theta + slow * phi) * s
