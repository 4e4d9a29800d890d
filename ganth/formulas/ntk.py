r"""The neural tangent kernel of an infinitely wide ReLU network, as a function of the angle between its inputs.

Bietti and Mairal 2019, "On the inductive bias of neural tangent kernels": with t_0 the angle of x and y,

    kappa_0(t) = (pi - t) / pi,    kappa_1(t) = (sin t + (pi - t) cos t) / pi,    cos t_l = kappa_1(t_{l-1}),
    N_0 = cos t_0,    N_l = N_{l-1} kappa_0(t_{l-1}) + cos t_l,    K(x, y) = |x| |y| N_depth.

In the cosine all of this has a square-root singularity at 1, in the angle none: the recursion runs on the angle, given
by its sine and cosine, and every difference that cancels at 0 or at pi is replaced by one that does not.  No floating
literal: float32 in is float32 out.
"""

import math

from numba import njit


@njit
def sine_excess(t, sine, cosine):
    """Return sin t - t cos t for t in [0, pi]: to t = 1 by its series, the sum of (-1)^(k+1) t^(2k+1) 2k/(2k+1)!."""
    if t > 1:
        return sine - t * cosine
    real = type(t)
    one = real(1)
    s = -t * t
    tail = one / real(518918400) + s * (one / real(93405312000) + s / real(22230464256000))
    tail = one / real(840) + s * (one / real(45360) + s * (one / real(3991680) + s * tail))
    return -t * s * (one / real(3) + s * (one / real(30) + s * tail))


@njit
def next_angle_d2(t, rest, following):
    """Return the second derivative of t' = arccos kappa_1(t), `following`, in t; rest = pi - t.  At 0: -2 / (3 pi).

    It is (kappa_0 cos t - sin t / pi - (1 - gap)^2 cos t') / sin t', 1 - gap = kappa_0 sin t / sin t' being the first
    and gap = (t sin t - (sin t - t cos t) cot((t + t') / 2)) / (pi sin t').  The ones are cancelled by hand.
    """
    real = type(t)
    two, pi = real(2), t + rest
    sine, next_sine = math.sin(min(t, rest)), math.sin(following)
    excess = sine_excess(t, sine, math.cos(t)) / pi
    if excess == 0:
        return -two / (real(3) * pi)
    half, next_half = math.sin(t / two), math.sin(following / two)
    kappa_0 = rest / pi
    first = kappa_0 * sine / next_sine
    gap = (t * sine / pi - excess / math.tan((t + following) / two)) / next_sine
    versines = two * (first * first * next_half * next_half - kappa_0 * half * half)
    return ((two - gap) * gap - (t + sine) / pi + versines) / next_sine


@njit
def relu_ntk(sine, cosine, depth, order):
    """Return N_depth, its first and its second derivative in the angle, 0 above `order`; sine and cosine are its own.

    With s(t) = sin t - t cos t: pi kappa_1 = s(pi - t), and pi (1 - kappa_1) = pi (1 - cos t) - s(t) does not cancel,
    so that sin t', and with it t', keeps its digits.
    """
    real = type(sine)
    zero, one, pi = real(0), real(1), real(math.pi)
    acute = math.atan2(sine, abs(cosine))
    t, rest = (acute, pi - acute) if cosine > 0 else (pi - acute, acute)
    versine = sine * sine / (one + cosine) if cosine > 0 else one - cosine  # 1 - cos t
    t_d, t_d2 = one, zero
    value, d, d2 = cosine, zero, zero
    if order > 0:
        d = -sine
    if order > 1:
        d2 = -cosine
    for layer in range(depth):
        kappa_0 = rest / pi
        next_cosine = sine_excess(rest, sine, -cosine) / pi
        if order > 1:
            curvature = (sine * t_d * t_d) / pi - kappa_0 * (cosine * t_d * t_d + sine * t_d2)  # of next_cosine
            d2 = d2 * kappa_0 - (d * t_d + d * t_d + value * t_d2) / pi + curvature
        if order > 0:
            d = d * kappa_0 - value * t_d / pi - kappa_0 * sine * t_d
        value = value * kappa_0 + next_cosine
        if layer + 1 == depth:
            break
        versine -= sine_excess(t, sine, cosine) / pi
        next_sine = math.sqrt(versine * (one + next_cosine))
        following = math.atan2(next_sine, next_cosine)
        if order > 0:
            first = kappa_0 * sine / next_sine if next_sine > 0 else one
            if order > 1:
                t_d2 = next_angle_d2(t, rest, following) * t_d * t_d + first * t_d2
            t_d *= first
        t, rest, sine, cosine = following, pi - following, next_sine, next_cosine
    return value, d, d2
