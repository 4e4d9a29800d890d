r"""The neural tangent kernel of an infinitely wide ReLU network, as a function of the angle between its inputs.

Bietti and Mairal 2019, "On the inductive bias of neural tangent kernels": with t_0 the angle of x and y,

    kappa_0(t) = (pi - t) / pi,    kappa_1(t) = (sin t + (pi - t) cos t) / pi,    cos t_l = kappa_1(t_{l-1}),
    N_0 = cos t_0,    N_l = N_{l-1} kappa_0(t_{l-1}) + cos t_l,    K(x, y) = |x| |y| N_depth.

In the cosine all of this has a square-root singularity at 1, in the angle none: the recursion runs on the angle, given
by its sine and cosine, and every difference that cancels at 0 or at pi is replaced by one that does not.  No floating
literal: float32 in is float32 out.

A network with one hidden layer, sqrt(2/width) sum_i a_i s(w_i . x + b_i), all of it Gaussian and trained, has

    K(x, y) = 2 (E[s(u) s(v)] + var_a E[s'(u) s'(v)] (x . y + 1)),

u and v Gaussian of covariance var_w x . y + var_b: `one_hidden` returns the two means.
"""

import math

from numba import njit

RELU, ERF = range(2)


@njit
def angle(sine, cosine):
    """Return the angle t in [0, pi] of this sine and cosine, and pi - t: each to its own digits."""
    pi = type(sine)(math.pi)
    acute = math.atan2(sine, abs(cosine))
    return (acute, pi - acute) if cosine > 0 else (pi - acute, acute)


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
def arc_cosine(rest, sine, cosine):
    """Return kappa_0 and kappa_1 at the angle pi - rest of this sine and cosine."""
    pi = type(rest)(math.pi)
    return rest / pi, sine_excess(rest, sine, -cosine) / pi


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
    t, rest = angle(sine, cosine)
    versine = sine * sine / (one + cosine) if cosine > 0 else one - cosine  # 1 - cos t
    t_d, t_d2 = one, zero
    value, d, d2 = cosine, zero, zero
    if order > 0:
        d = -sine
    if order > 1:
        d2 = -cosine
    for layer in range(depth):
        kappa_0, next_cosine = arc_cosine(rest, sine, cosine)
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


@njit
def second_derivatives(value, slope, bend, sine, cosine, cross):
    """Return the Hessian's parts on along x along, along x across, across x along, across x across, and on the rest.

    `along` is x / |x|, `across` the unit vector orthogonal to it in the plane of x and y.  The unit is 1 / |x|^2 in x
    alone, and 1 / (|x| |y|) where the Hessian is `cross`, in x and y.  sine = 0 only on a line, which has no rest.
    """
    rest = slope / sine if sine > 0 else slope
    if cross:
        return (
            value * cosine - slope * sine, value * sine + slope * cosine, bend * sine - slope * cosine,
            -(slope * sine + bend * cosine), -rest,
        )  # fmt: skip
    zero = type(value)(0)
    return zero, zero, zero, value + bend, value + rest * cosine


@njit
def deep_relu(cosine, hidden_layers, weight_share, bias_share, gain):
    """Return the tangent kernel, at inputs of this cosine, of a ReLU network whose layers mix weights and biases.

    Pre-activations have covariance S and tangent kernel N; gain is half the square of the activation's slope:

        S_1 = N_1 = bias_share + weight_share cosine,    N_{l+1} = S_{l+1} + weight_share gain kappa_0 N_l,
        S_{l+1} = bias_share + weight_share gain V_l kappa_1,    V_l = S_l at coincident inputs.

    The cosine S / V is carried as 1 - cosine, which keeps its digits where inputs coincide.
    """
    real = type(cosine)
    one, two, pi = real(1), real(2), real(math.pi)
    variance = bias_share + weight_share
    below, above = weight_share * (one - cosine) / variance, one + (bias_share + weight_share * cosine) / variance
    tangent = variance * (one - below)
    for _ in range(hidden_layers):
        sine, cosine = math.sqrt(below * above), one - below
        t, rest = angle(sine, cosine)
        kappa_0, _ = arc_cosine(rest, sine, cosine)
        carried = weight_share * gain * variance
        variance = bias_share + carried
        if variance == 0:  # halved until nothing was left: a thousand layers without biases
            return variance
        below = carried * (below - sine_excess(t, sine, cosine) / pi) / variance
        above = two - below
        tangent = variance * (one - below) + weight_share * gain * kappa_0 * tangent
    return tangent


@njit
def one_hidden(code, size_x, size_y, sine, cosine):
    """Return E[s(u) s(v)] and E[s'(u) s'(v)], u and v Gaussian of deviations `size` and correlation `cosine`.

    RELU: size_x size_y kappa_1 / 2 and kappa_0 / 2; 0 where a deviation is 0, for a unit at its kink counts as off.
    ERF: (2/pi) arctan(2 c / root), (4/pi) / root; c is the covariance, root^2 (1 + 2 size_x^2)(1 + 2 size_y^2) - 4 c^2.
    """
    real = type(sine)
    one, two = real(1), real(2)
    product = size_x * size_y
    if code == RELU:
        if product == 0:
            return real(0), real(0)
        _, rest = angle(sine, cosine)
        kappa_0, kappa_1 = arc_cosine(rest, sine, cosine)
        return product * kappa_1 / two, kappa_0 / two
    twice = two * product
    across = twice * sine
    root = math.sqrt(one + two * (size_x * size_x + size_y * size_y) + across * across)
    share = two / real(math.pi)
    return share * math.atan2(twice * cosine, root), two * share / root
