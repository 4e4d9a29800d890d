"""The self-propelled isolated point (KD, section 5 and appendix F), re-derived in SymPy, its speed to any digits.

With f^{k+1} = rho f^k - lr_disc q K(., x^k), rho = 1 - lr_disc reg, and f^0 the trail of a point that has always moved
at speed v along u, f^k = -lr_disc q sum_{j>=1} rho^(j-1) K(., x^{k-j}).  The step lr_gen q grad f taken at x^k gives v
back iff

    v = -lr_gen lr_disc q^2 sum_{j>=1} rho^(j-1) phi'(j v)      f = f^k, simultaneous
    v = -lr_gen lr_disc q^2 sum_{j>=1} rho^j     phi'(j v)      f = f^{k+1}, alternating
"""

import mpmath as mp
import sympy as sp

mass, width, reg, lr_disc, lr_gen = sp.symbols("q sigma lambda eta_d eta_g", positive=True)
ratio, pace, drag, rho = sp.symbols("mu c a rho", positive=True)
multiplier = sp.symbols("z")
g = mass * sp.sqrt(lr_gen / lr_disc) / width
_x = sp.symbols("x", real=True)
_EXACT_BELOW = 0.1  # forgetting and pace, per step, below which Euler and Maclaurin's formula is summed


def push_at_rest(order: str) -> sp.Expr:
    """Return lim_{v->0} of the right side of the wave equation over v, an RBF kernel.

    phi'(j v) = -j v / width^2 + O(v^3), so that the sum is of j rho^(j-1), times rho if alternating.

    >>> push_at_rest("simultaneous")
    eta_g*q**2/(eta_d*lambda**2*sigma**2)
    """
    keep = 1 - lr_disc * reg
    total = sp.diff(1 / (1 - rho), rho).subs(rho, keep) * (keep if order == "alternating" else 1)
    slope = -sp.diff(sp.exp(-(_x**2) / (2 * width**2)), _x, 2).subs(_x, 0)
    return sp.simplify(lr_gen * lr_disc * mass**2 * slope * total)


def threshold(order: str) -> sp.Expr:
    """Return the reg at which the push of the history at rest is 1: below it the wave exists.

    >>> sp.simplify(threshold("simultaneous") / g)
    1
    """
    (found,) = (root for root in sp.solve(sp.Eq(push_at_rest(order), 1), reg) if _positive(root))
    return found


def _positive(root: sp.Expr) -> bool:
    return bool(root.subs({mass: 1, width: 1, lr_disc: sp.Rational(1, 10), lr_gen: sp.Rational(1, 10)}) > 0)


def multiplier_at_rest(order: str) -> sp.Expr:
    """Return the multiplier, other than 1 (translation), of an isolated point at rest in its own well.

    Displacements d^k obey d^{k+1} - d^k = C sum_{j>=1} rho^(j-1) (d^k - d^{k-j}), C = lr_gen lr_disc q^2 / width^2,
    times rho if alternating; d^k = z^k turns the sum into a geometric one.

    >>> sp.simplify(multiplier_at_rest("simultaneous").subs(reg, g))
    1
    """
    z, keep = multiplier, 1 - lr_disc * reg
    strength = lr_gen * lr_disc * mass**2 / width**2 * (keep if order == "alternating" else 1)
    total = 1 / (1 - keep) - 1 / (z - keep)  # sum rho^(j-1) - sum rho^(j-1) z^-j
    numerator, _ = sp.fraction(sp.together(z - 1 - strength * total))
    (other,) = (root for root in sp.solve(numerator, z) if sp.simplify(root - 1) != 0)
    return sp.simplify(other)


def mills(a: sp.Expr) -> sp.Expr:
    """Return int_0^oo exp(-a u - u^2/2) du, Mills' ratio of the normal distribution.

    >>> mills(sp.Integer(0))
    sqrt(2)*sqrt(pi)/2
    """
    return sp.sqrt(sp.pi / 2) * sp.exp(a**2 / 2) * sp.erfc(a / sp.sqrt(2))


def push_of_trail() -> sp.Expr:
    """Return int_0^oo u exp(-a u - u^2/2) du, a = reg width / c: in units of mu q^2 the c^2 of small rates.

    For small rates v = lr_disc c, and the wave equation is c^2 = mu q^2 (1 - a mills(a)): the limit reg -> 0 has a -> 0
    and c = q sqrt(mu) whatever the width.  SymPy does the integral.

    >>> sp.simplify(push_of_trail() - (1 - drag * mills(drag)))
    0
    """
    u = sp.symbols("u", positive=True)
    return sp.simplify(sp.integrate(u * sp.exp(-drag * u - u**2 / 2), (u, 0, sp.oo)))


def reg_ratio_of_drag() -> sp.Expr:
    """Return (reg / g)^2 = a^2 (1 - a mills(a)) along the wave of small rates, which rises from 0 to 1 with a.

    >>> sp.limit(reg_ratio_of_drag(), drag, 0)
    0
    """
    return drag**2 * (1 - drag * mills(drag))


def trail(terms: int, shift: int, phi: sp.Function | None = None) -> sp.Expr:
    """Return KD's (117) along the line, -eta_d sum_{j<terms} rho^j phi(x - (shift - 1 - j) v), times the mass.

    >>> trail(1, 1)
    -eta_d*q*phi(x)
    """
    phi = sp.Function("phi") if phi is None else phi
    speed = sp.symbols("v", positive=True)
    return -lr_disc * mass * sp.Add(*(rho**j * phi(_x - (shift - 1 - j) * speed) for j in range(terms)))


def speed(
    mass: float, width: float, *, reg: float, lr_disc: float, lr_gen: float, order: str, digits: int = 40
) -> mp.mpf | None:
    """Return the wave's speed for an RBF kernel to about `digits` digits, or None where it does not exist.

    >>> mp.nstr(speed(1.0, 1.0, reg=0.5, lr_disc=0.5, lr_gen=0.5, order="alternating"), 12)
    '0.292609828397'
    """
    with mp.workdps(3 * digits):
        keep = 1 - mp.mpf(lr_disc) * mp.mpf(reg)
        strength = mp.mpf(lr_gen) * mp.mpf(lr_disc) * mp.mpf(mass) ** 2 / mp.mpf(width) ** 2
        strength *= keep if order == "alternating" else 1
        if reg > 0 and strength <= (1 - keep) ** 2:
            return None

        def imbalance(log_pace: mp.mpf) -> mp.mpf:
            return strength * _history(keep, mp.exp(log_pace)) - 1

        low = high = mp.log(mp.sqrt(strength))
        while imbalance(low) < 0:
            low -= 1
        while imbalance(high) > 0:
            high += 1
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if imbalance(middle) > 0 else (low, middle)
        return mp.exp(mp.findroot(imbalance, (low, high), tol=mp.mpf(10) ** (-2 * digits))) * mp.mpf(width)


def _history(keep: mp.mpf, pace: mp.mpf) -> mp.mpf:
    """Return sum_{j>=1} keep^(j-1) j exp(-j^2 pace^2 / 2), `keep` in (0, 1], to the working precision."""
    forget = -mp.log(keep)
    if max(forget, pace) >= _EXACT_BELOW:
        total, term, j = mp.mpf(0), mp.mpf(1), 0
        while j < 3 or term > total * mp.eps:
            j += 1
            term = j * mp.exp(-(j - 1) * forget - (j * pace) ** 2 / 2)
            total += term
        return total
    a = forget / pace
    integral = (1 - a * mp.sqrt(mp.pi / 2) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2))) / pace**2
    # Taylor coefficients of exp(-forget x - pace^2 x^2 / 2): (n + 1) t_{n+1} = -forget t_n - pace^2 t_{n-1}.
    taylor = [mp.mpf(1), -forget]
    while len(taylor) < 160:
        n = len(taylor) - 1
        taylor.append(-(forget * taylor[n] + pace**2 * taylor[n - 1]) / (n + 1))
    corrections = [mp.bernoulli(2 * k) / (2 * k) * taylor[2 * k - 2] for k in range(1, 80)]
    return (integral - mp.fsum(corrections)) / keep
