r"""The neural tangent kernel of an infinitely wide ReLU network, as a function of the angle between its inputs.

Bietti and Mairal 2019, "On the inductive bias of neural tangent kernels": with t_0 the angle of x and y,

    kappa_0(t) = (pi - t) / pi,    kappa_1(t) = (sin t + (pi - t) cos t) / pi,    cos t_l = kappa_1(t_{l-1}),
    N_0 = cos t_0,    N_l = N_{l-1} kappa_0(t_{l-1}) + cos t_l,    K(x, y) = |x| |y| N_depth.

In the cosine all of this has a square-root singularity at 1, in the angle none: the recursion runs on the angle, and
every difference that cancels at 0 or at pi is replaced by one that does not.  The supplement pi - t is an argument of
its own for the same reason.  No floating literal: pi is angle + supplement, and float32 in is float32 out.
"""

import math

from numba import njit


@njit
def angles(opposite, adjacent, pi):
    """Return (angle, pi - angle) in [0, pi] from a right triangle; the smaller of the two keeps all its digits."""
    acute = math.atan2(opposite, abs(adjacent))
    if adjacent >= 0:
        return acute, pi - acute
    return pi - acute, acute


@njit
def sine_excess(t):
    """Return sin t - t cos t for t in [0, pi]: to t = 1 by its series, sum of -(-1)^k t^(2k+1) 2k/(2k+1)!, k >= 1."""
    real = type(t)
    if t > 1:
        return math.sin(t) - t * math.cos(t)
    s = -t * t
    one = real(1)
    tail = one / real(518918400) + s * (one / real(93405312000) + s / real(22230464256000))
    tail = one / real(840) + s * (one / real(45360) + s * (one / real(3991680) + s * tail))
    return -t * s * (one / real(3) + s * (one / real(30) + s * tail))


@njit
def next_angle(t, rest, cosine, order):
    """Return t' = arccos kappa_1(t), its first and its second derivative in t, 0 above `order`.

    `rest` is pi - t and `cosine` is kappa_1(t) = s(rest) / pi, s = sine_excess; pi (1 - kappa_1) = 2 pi sin(t/2)^2 - s(t)
    does not cancel, and so gives t' its digits.
    The derivatives are kappa_0 sin t / sin t' = 1 - gap, where gap = (t sin t - s(t) cot((t + t') / 2)) / (pi sin t'),
    and (kappa_0 cos t - sin t / pi - (1 - gap)^2 cos t') / sin t', with the ones of its numerator taken out by hand.
    At t = 0 they are 1 and -2 / (3 pi).
    """
    real = type(t)
    one, two = real(1), real(2)
    pi = t + rest
    excess = sine_excess(t) / pi
    half_sine = math.sin(t / two)
    versine = two * half_sine * half_sine  # 1 - cos t
    next_versine = versine - excess
    following = two * math.atan2(math.sqrt(next_versine), math.sqrt(one + cosine))
    if order == 0:
        return following, one - one, one - one
    if excess == 0:
        return following, one, -two / (real(3) * pi)
    sine, next_sine = math.sin(min(t, rest)), math.sin(following)
    kappa_0 = rest / pi
    first = kappa_0 * sine / next_sine
    gap = (t * sine / pi - excess / math.tan((t + following) / two)) / next_sine
    second = (two - gap) * gap - (t + sine) / pi + first * first * next_versine - kappa_0 * versine
    return following, first, second / next_sine


@njit
def relu_ntk(angle, supplement, depth, order):
    """Return N_depth, its first and its second derivative in the angle, 0 above `order`; supplement = pi - angle."""
    pi = angle + supplement
    t, rest, sine, cosine = angle, supplement, math.sin(min(angle, supplement)), math.cos(angle)
    t_d, t_d2 = pi / pi, pi - pi
    value, d, d2 = cosine, -sine, -cosine
    for layer in range(depth):
        if layer > 0:
            t, first, second = next_angle(t, rest, cosine, order)
            rest = pi - t
            sine = math.sin(t)
            t_d2 = second * t_d * t_d + first * t_d2
            t_d = first * t_d
        kappa_0 = rest / pi
        if order > 0:
            kappa_0_d, kappa_0_d2 = -t_d / pi, -t_d2 / pi
            next_d = -kappa_0 * sine * t_d
            next_d2 = -(kappa_0_d * sine + kappa_0 * cosine * t_d) * t_d - kappa_0 * sine * t_d2
            d2 = d2 * kappa_0 + d * kappa_0_d + d * kappa_0_d + value * kappa_0_d2 + next_d2
            d = d * kappa_0 + value * kappa_0_d + next_d
        cosine = sine_excess(rest) / pi
        value = value * kappa_0 + cosine
    if order == 0:
        d = pi - pi
    if order < 2:
        d2 = pi - pi
    return value, d, d2
