"""The toy WGAN re-derived in SymPy and mpmath (MF, "Toy Example"): its ODE, what it conserves, and what it does not.

g(z) = -1 for z < theta, else 1; f(x) = max(omega x, 0); data -1 and 1, half each; Phi and phi the prior's law.
"""

import mpmath as mp
import sympy as sp

theta = sp.symbols("theta", real=True)
omega = sp.symbols("omega", real=True)
gamma, h = sp.symbols("gamma h", positive=True)
law = sp.Function("Phi")(theta)  # of any prior
normal = (1 + sp.erf(theta / sp.sqrt(2))) / 2
logistic = 1 / (1 + sp.exp(-theta))


def objective(prior: sp.Expr = law) -> sp.Expr:
    """Return Psi = E f(g(z)) - E f(X), from the two masses; it is the same expression for both signs of omega.

    >>> objective()
    omega*(1/2 - Phi(theta))
    """
    slope = sp.symbols("s", positive=True)
    found = omega * (sp.Rational(1, 2) - prior)
    for sign in (1, -1):
        critic = {x: sp.Max(sign * slope * x, 0) for x in (-1, 1)}
        value = prior * critic[-1] + (1 - prior) * critic[1] - (critic[-1] + critic[1]) / 2
        assert sp.expand(value.subs(slope, sign * omega) - found) == 0
    return found


def velocity(prior: sp.Expr = law) -> sp.Matrix:
    """Return (theta', omega'): descent of Psi in theta, gamma times its ascent in omega.

    >>> velocity()
    Matrix([
    [omega*Derivative(Phi(theta), theta)],
    [           gamma*(1/2 - Phi(theta))]])
    """
    value = objective(prior)
    return sp.Matrix([-sp.diff(value, theta), gamma * sp.diff(value, omega)])


def along(quantity: sp.Expr, prior: sp.Expr = law) -> sp.Expr:
    """Return the time derivative of a quantity of theta and omega."""
    return (sp.Matrix([quantity]).jacobian([theta, omega]) * velocity(prior))[0]


def slope_of_potential(prior: sp.Expr = law) -> sp.Expr:
    """Return F' = (Phi - 1/2)/phi.

    >>> sp.simplify(slope_of_potential(logistic).rewrite(sp.exp) - sp.sinh(theta).rewrite(sp.exp))
    0
    """
    return (prior - sp.Rational(1, 2)) / sp.diff(prior, theta)


def conserved_defect() -> sp.Expr:
    """Return the time derivative of F(theta) + omega^2/(2 gamma) for any prior: zero.

    >>> conserved_defect()
    0
    """
    potential = sp.Function("F")(theta)
    found = along(potential + omega**2 / (2 * gamma))
    return sp.simplify(found.subs(sp.diff(potential, theta), slope_of_potential()))


def printed_defect(prior: sp.Expr, factor: sp.Expr, terms: int = 6) -> sp.Expr:
    """Return d/dt (cosh(theta) + factor omega^2/gamma) over omega, as a series in theta; factor is 1 as printed.

    >>> printed_defect(logistic, sp.Rational(1, 2))
    0
    >>> printed_defect(logistic, sp.Integer(1), 2), printed_defect(normal, sp.Rational(1, 2), 4)
    (-theta/4, -sqrt(2)*theta**3/(12*sqrt(pi)))
    """
    found = along(sp.cosh(theta) + factor * omega**2 / gamma, prior) / omega
    return sp.simplify(sp.series(sp.expand(found), theta, 0, terms).removeO())


def potential_series(terms: int = 4) -> sp.Expr:
    """Return the first terms of F for the normal prior: sum of theta^(2k + 2) / ((2k + 2)(2k + 1)!!).

    >>> potential_series(3)
    theta**6/90 + theta**4/12 + theta**2/2
    """
    slope = sp.series(slope_of_potential(normal), theta, 0, 2 * terms).removeO()
    return sp.integrate(sp.expand(slope), theta)


def hypergeometric_series(terms: int = 4) -> sp.Expr:
    """Return the first terms of theta^2/2 2F2(1, 1; 3/2, 2; theta^2/2)."""
    half = sp.Rational(1, 2)
    parts = [
        sp.rf(1, k) ** 2 / (sp.rf(3 * half, k) * sp.rf(2, k) * sp.factorial(k)) * (theta**2 / 2) ** (k + 1)
        for k in range(terms)
    ]
    return sp.expand(sum(parts))


def rescaling_conditions() -> list[sp.Expr]:
    """Return what A cosh(a theta) + B omega^2 needs to be conserved under the normal prior, orders 1, 3 and 5.

    Any conserved quantity is a function of H, so its gradient is parallel to that of H: F'(theta) = c sinh(a theta),
    c = A a / (2 B gamma).  The first two conditions give a^2 = 2, the third a^4 = 8.
    """
    a, c = sp.symbols("a c", positive=True)
    gap = sp.series(slope_of_potential(normal) - c * sp.sinh(a * theta), theta, 0, 6).removeO()
    return [sp.expand(gap).coeff(theta, k) for k in (1, 3, 5)]


def rescalings() -> list[dict[sp.Symbol, sp.Expr]]:
    """Return the rescalings a, c > 0 that meet `rescaling_conditions`: none.

    >>> rescalings()
    []
    """
    conditions = rescaling_conditions()
    unknowns = sorted(set().union(*(one.free_symbols for one in conditions)), key=str)
    return sp.solve(conditions, unknowns, dict=True)


def smallest_period(prior: sp.Expr) -> sp.Expr:
    """Return the period of small orbits, 2 pi over the frequency of the linearised ODE.

    >>> smallest_period(normal), smallest_period(logistic)
    (2*sqrt(2)*pi**(3/2)/sqrt(gamma), 8*pi/sqrt(gamma))
    """
    linear = velocity(prior).jacobian([theta, omega]).subs({theta: 0, omega: 0})
    return sp.simplify(2 * sp.pi / sp.sqrt(linear.det()))


def gamma_scaling_defect() -> sp.Matrix:
    """Return what is left when omega = sqrt(gamma) v and time is divided by sqrt(gamma): zero, gamma is gone.

    So at fixed energy orbits are the same in (theta, v), and periods scale like gamma^(-1/2).
    """
    v = sp.symbols("v", real=True)
    flow = velocity().subs(omega, sp.sqrt(gamma) * v)
    scaled = sp.Matrix([flow[0] / sp.sqrt(gamma), flow[1] / gamma])
    return sp.simplify(scaled - velocity().subs({gamma: 1, omega: v}))


# ---- steps of size h --------------------------------------------------------------------------------------------


def energy_rate(rule: str) -> sp.Expr:
    """Return the change of F + omega^2/(2 gamma) in a step of a rule, over h^2: "explicit" or "alternating".

    What an alternating step adds to h^2 times the rate below is a difference along the orbit, without drift: see
    `alternating_remainder`.
    """
    potential = sp.Function("F")(theta)
    climb, learn = velocity()
    slope = slope_of_potential()
    new_omega = omega + h * learn
    new_theta = theta + h * climb.subs(omega, new_omega if rule == "alternating" else omega)
    step = sp.series(
        sum(sp.diff(potential, theta, k) * (new_theta - theta) ** k / sp.factorial(k) for k in (1, 2)), h, 0, 3
    )
    gain = step.removeO() + (new_omega**2 - omega**2) / (2 * gamma)
    for order in (2, 1):
        gain = gain.subs(sp.diff(potential, theta, order), sp.diff(slope, theta, order - 1))
    return sp.simplify(sp.expand(gain).coeff(h, 2))


def drift(rule: str) -> sp.Expr:
    """Return dE/dt over h, to be averaged over an orbit.

    Explicit: half of f^T Hess(E) f.  Alternating: half of -(Phi - 1/2) phi' omega^2, since in u it is the symplectic
    Euler rule, which keeps a modified energy, but for u'' (theta step)^2 / 2.
    """
    climb, learn = velocity()
    density = sp.diff(law, theta)
    if rule == "explicit":
        second = sp.diff(slope_of_potential(), theta)
        return sp.simplify((second * climb**2 + learn**2 / gamma) / 2)
    return -(law - sp.Rational(1, 2)) * sp.diff(density, theta) * omega**2 / 2


def alternating_remainder() -> sp.Expr:
    """Return the alternating rule's energy change over h^2, less `drift` and less half of d/dt ((Phi - 1/2) omega).

    Zero: a time derivative has mean zero over an orbit.
    """
    total = along((law - sp.Rational(1, 2)) * omega) / 2
    return sp.simplify(energy_rate("alternating") - drift("alternating") - total)


def leapfrog_energy() -> tuple[sp.Expr, sp.Expr]:
    """Return the energy that leapfrog keeps to order h^4, for u'' = -V'(u), and its change in a step over h^5.

    H + h^2 (V'' p^2 / 12 - V'^2 / 24): the change of H is bounded by h^2 and does not drift at that order.
    """
    p = sp.symbols("p", real=True)
    slopes = sp.symbols("V1:7", real=True)

    def force(at: sp.Expr) -> sp.Expr:
        return sum(slopes[k] * at**k / sp.factorial(k) for k in range(6))  # V'(u + at), Taylor's terms

    half = p - h / 2 * force(sp.Integer(0))
    moved = h * half
    after = half - h / 2 * force(moved)
    potential = sum(slopes[k] * moved ** (k + 1) / sp.factorial(k + 1) for k in range(6))

    def modified(momentum: sp.Expr, at: sp.Expr, value: sp.Expr) -> sp.Expr:
        bend = sum(slopes[k + 1] * at**k / sp.factorial(k) for k in range(5))
        return momentum**2 / 2 + value + h**2 * (bend * momentum**2 / 12 - force(at) ** 2 / 24)

    change = sp.expand(modified(after, moved, potential) - modified(p, sp.Integer(0), sp.Integer(0)))
    return modified(p, sp.Integer(0), sp.Symbol("V")), sp.simplify(sum(change.coeff(h, k) for k in range(5)))


# ---- walls and atoms ----------------------------------------------------------------------------------------------


def coagulation_threshold() -> sp.Expr:
    """Return the F(theta0) above which atoms uniform on [-1, 1] all meet the wall on the first swing.

    All move by D; the mean of min(U + D, 1) is D - D^2/4; F(theta0) - F(theta) = int_0^D (D - D^2/4) dD / gamma.

    >>> coagulation_threshold()
    4/(3*gamma)
    """
    moved, start = sp.symbols("D U", positive=True)
    mean = sp.integrate((start + moved) / 2, (start, -1, 1 - moved)) + moved / 2
    return sp.simplify(sp.integrate(sp.expand(mean), (moved, 0, 2)) / gamma)


def later_swings() -> sp.Expr:
    """Return int_0^2 max(w - s, -1) ds of an atom at w: (w - 1)(w + 3)/2, negative below w = 1.

    The energy that theta gains while all atoms are swept from the wall 1 to the wall -1 has this sign: theta turns
    before, and atoms that did not become one on the first swing never do.

    >>> later_swings()
    (w - 1)*(w + 3)/2
    """
    w, s = sp.symbols("w s", real=True)
    return sp.factor(sp.integrate(w - s, (s, 0, 1 + w)) - (1 - w))


# ---- digits ---------------------------------------------------------------------------------------------------------


def _potential(at: mp.mpf) -> mp.mpf:
    x = at * at / 2
    return x * mp.hyp2f2(1, 1, mp.mpf(3) / 2, 2, x)


def potential_digits(at: float | str, places: int = 30) -> mp.mpf:
    """Return F of the normal prior by its integral, to `places` digits."""
    with mp.workdps(places + 10):
        return mp.quad(lambda s: mp.erf(s / mp.sqrt(2)) / 2 / mp.npdf(s), mp.linspace(0, mp.mpf(at), 9))


def period_digits(energy: float | str, places: int = 25) -> mp.mpf:
    """Return the period of the normal toy at gamma = 1 to `places` digits: 4 int dtheta / (phi omega).

    >>> mp.nstr(period_digits("1e-20", 15) / (2 * mp.pi) ** mp.mpf("1.5"), 12)
    '1.0'
    """
    with mp.workdps(2 * places):
        e = mp.mpf(energy)
        guess = mp.sqrt(2 * e) if e < 1 else mp.sqrt(2 * mp.log(1 + 2 * e))
        turn = mp.findroot(lambda x: mp.log(_potential(x) / e), guess)
        # theta = turn sin(a) takes the root of the end away.
        value = mp.quad(
            lambda a: turn * mp.cos(a) / (mp.npdf(turn * mp.sin(a)) * mp.sqrt(2 * (e - _potential(turn * mp.sin(a))))),
            mp.linspace(0, mp.pi / 2, 5),
            method="gauss-legendre",  # whose nodes keep off the end, where 0/0 stands
        )
        return 4 * value
