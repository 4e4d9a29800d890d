"""Divergences against mpmath and closed forms, gradients against differences, best fits, and what is refused."""

import math

import naive_divergences as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import ganth
from ganth.divergences.quadrature import integrate
from ganth.errors import ParameterError, ShapeError
from ganth.targets import GaussianMixture, PointMasses, UniformBox
from ganth.theory import divergences as theory

D = ganth.divergences
seeds = st.integers(0, 2**32)
F_NAMES = ("kl", "reverse_kl", "js", "ns", "ns_loss", "pearson", "hellinger", "total_variation")
SWITCH = {  # to ten digits, held to mpmath below
    "ns": (2.134202314840, 2.379547721159),
    "ns_loss": (2.196445134551, 2.482159527023),
    "reverse_kl": (2.412229718013, 2.800082217583),
    "js": (2.756840950675, 4.244711042590),
}
FULL = GaussianMixture([[0.0]], np.eye(1)[None])


def line(rng, spread=2.0):
    k = rng.integers(1, 4)
    return GaussianMixture(spread * rng.normal(size=(k, 1)), rng.uniform(0.7, 1.3, size=k), rng.dirichlet(np.ones(k)))


def moved(law, shift, wider):
    return GaussianMixture(law.means + shift, law.variances + wider, law.weights)


def parts(law):
    return law.means[:, 0], law.covariances[:, 0, 0], law.weights


@pytest.mark.parametrize("name", tuple(naive.DEFINITIONS))
@pytest.mark.parametrize("seed", [0, 1])
def test_a_divergence_is_what_mpmath_says(name, seed):
    rng = np.random.default_rng(seed)
    p, q = line(rng), line(rng)
    assert getattr(D, name)(p, q) == pytest.approx(
        float(naive.divergence(name, parts(p), parts(q))), rel=1e-11, abs=1e-12
    )


@given(seed=seeds)
@settings(max_examples=3)
def test_total_variation_and_w1_are_sums_over_a_grid(seed):
    rng = np.random.default_rng(seed)
    p, q = line(rng), line(rng)
    variation, distance = naive.distances(parts(p), parts(q))
    assert D.total_variation(p, q) == pytest.approx(variation, abs=1e-5)
    assert D.w1(p, q) == pytest.approx(distance, abs=1e-5)


@given(a=st.floats(-20, 20), v=st.floats(0.05, 20))
@settings(max_examples=10)
def test_two_gaussians_have_closed_forms(a, v):
    p, q = GaussianMixture([[0.0]], 1.0), GaussianMixture([[a]], v)
    assert D.kl(p, q) == pytest.approx(0.5 * (math.log(v) + (1 + a * a) / v - 1), rel=1e-11, abs=1e-11)
    assert D.reverse_kl(p, q) == pytest.approx(0.5 * (-math.log(v) + a * a + v - 1), rel=1e-11, abs=1e-11)
    closed = 2 - 2 * math.sqrt(2 * math.sqrt(v) / (1 + v)) * math.exp(-a * a / (4 * (1 + v)))
    assert D.hellinger(p, q) == pytest.approx(closed, abs=1e-11)
    assert D.w2(p, q) == pytest.approx(math.hypot(a, math.sqrt(v) - 1), abs=1e-9)
    if v == 1:
        assert D.w1(p, q) == pytest.approx(abs(a), abs=1e-11)


def test_far_laws_keep_their_digits():
    p, q = (GaussianMixture([[m]], 1.0) for m in (0.0, 100.0))
    assert D.kl(p, q) == pytest.approx(5000, rel=1e-12)
    assert D.js(p, q) == pytest.approx(math.log(2), abs=1e-13)
    assert D.ns(p, q) == pytest.approx(5000 - 2 * math.log(2), rel=1e-12)


@given(v=st.floats(0.1, 3), a=st.floats(-2, 2))
def test_pearson_is_infinite_where_the_model_is_too_narrow(v, a):
    p, q = GaussianMixture([[0.0]], 1.0), GaussianMixture([[a]], v)
    spread = 2 * v - 1
    if abs(spread) < 0.02:
        return
    wanted = v / math.sqrt(spread) * math.exp(min(a * a / spread, 700)) - 1 if spread > 0 else math.inf
    assert D.pearson(p, q) == pytest.approx(wanted, rel=1e-9)


@given(seed=seeds, low=st.floats(-3, 0.5), width=st.floats(0.2, 4))
def test_boxes_charge_what_lies_outside(seed, low, width):
    p, q = UniformBox([0.0], [1.0]), UniformBox([low], [low + width])
    both = max(0.0, min(1.0, low + width) - max(0.0, low))
    outside = low > 0 or low + width < 1
    assert (D.kl(p, q) == math.inf) == outside
    assert (D.reverse_kl(p, q) == math.inf) == (low < 0 or low + width > 1)
    assert D.total_variation(p, q) == pytest.approx(
        0.5 * (both * abs(1 - 1 / width) + (1 - both) + (1 - both / width)), abs=1e-12
    )
    if not outside:
        assert D.kl(p, q) == pytest.approx(math.log(width), abs=1e-12)


@given(seed=seeds)
def test_any_f_is_the_named_one(seed):
    rng = np.random.default_rng(seed)
    p, q = line(rng), line(rng)
    if rng.random() < 0.5:
        q = UniformBox([-1.0], [rng.uniform(0, 3)])
    pairs = {
        "hellinger": (lambda u: (np.sqrt(u) - 1) ** 2, 1.0, 1.0),
        "total_variation": (lambda u: 0.5 * np.abs(u - 1), 0.5, 0.5),
    }
    for name, (f, zero, infinity) in pairs.items():
        assert D.f_divergence(p, q, f, zero, infinity) == pytest.approx(getattr(D, name)(p, q), abs=1e-10)


def test_any_f_must_vanish_at_one():
    p = UniformBox([0.0], [1.0])
    with pytest.raises(ParameterError, match="f must be 0 at 1"):
        D.f_divergence(p, p, lambda u: u, 0.0, 1.0)


@pytest.mark.parametrize("name", F_NAMES)
def test_more_dimensions_by_quasi_monte_carlo(name):
    """Products: a plane pair that differs along one axis has the divergence of the line."""
    p, q = GaussianMixture([[0.0, 0.0]], 1.0), GaussianMixture([[0.7, 0.0]], 1.3)
    if name in ("kl", "reverse_kl"):
        wanted = {"kl": math.log(1.3) + (2 + 0.49) / 2.6 - 1, "reverse_kl": -math.log(1.3) + 0.245 + 0.3}[name]
    else:
        grid = np.linspace(-9, 9, 901)
        x = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        one = D.FUNCTIONALS[name]
        wanted = one.integrand(p.log_density(x), q.log_density(x)).sum() * 0.02**2
    value, error = D.estimate(name, p, q, seed=3)
    assert error < 2e-3
    assert abs(value - wanted) < 5 * error + 1e-5
    assert getattr(D, name)(p, q, seed=3) == value


def test_quasi_monte_carlo_sees_a_missed_box():
    p, q = UniformBox([0, 0], [1, 1]), UniformBox([0, 0], [0.5, 1])
    assert D.reverse_kl(p, q) == pytest.approx(math.log(2), abs=1e-3)
    assert D.kl(p, q) == math.inf


@given(seed=seeds)
@settings(max_examples=5)
def test_gradients_are_slopes(seed):
    rng = np.random.default_rng(seed)
    p, q = line(rng, 1.0), line(rng, 1.0)
    step = 1e-5
    for name in (*F_NAMES, "w1"):
        model = GaussianMixture(q.means, 1.5 * q.variances, q.weights) if name == "pearson" else q
        slopes, function = D.gradient(name, p, model), getattr(D, name)
        in_means, in_variances = (
            (function(p, moved(model, shift, wider)) - function(p, moved(model, -shift, -wider))) / (2 * step)
            for shift, wider in ((step, 0), (0, step))
        )
        assert slopes["means"].sum() == pytest.approx(in_means, rel=1e-6, abs=1e-7)
        assert slopes["variances"].sum() == pytest.approx(in_variances, rel=1e-6, abs=1e-7)


def test_gradients_in_the_plane():
    rng = np.random.default_rng(0)
    p = GaussianMixture(rng.normal(size=(2, 2)), 1.0)
    q = GaussianMixture(rng.normal(size=(2, 2)), [1.2, 1.5], [0.3, 0.7])
    step, which = 1e-4, np.array([[1.0, 0.0], [0.0, 0.0]])
    slopes = D.gradient("js", p, q)
    up, down = (D.js(p, GaussianMixture(q.means + s * which, q.variances, q.weights)) for s in (step, -step))
    assert slopes["means"][0, 0] == pytest.approx((up - down) / (2 * step), abs=2e-3)


@given(seed=seeds)
@settings(max_examples=4)
def test_mmd_of_mixtures_is_that_of_samples(seed):
    rng = np.random.default_rng(seed)
    p, q = (GaussianMixture(rng.normal(size=(2, 2)), 0.3) for _ in range(2))
    for kernel in (ganth.RBF(0.8), ganth.MultiScale((0.5, 2.0))):
        x, y = p.sample(300, 1), q.sample(300, 2)
        assert D.mmd(p, q, kernel) == pytest.approx(math.sqrt(ganth.metrics.mmd2(x, y, kernel)), abs=0.12)
        assert D.mmd(p, p, kernel) < 1e-7


def test_w2_is_bures_in_more_dimensions():
    rng = np.random.default_rng(1)
    a, b = (m @ m.T + np.eye(3) for m in rng.normal(size=(2, 3, 3)))
    p, q = (GaussianMixture(rng.normal(size=(1, 3)), c[None]) for c in (a, b))
    import ot

    assert D.w2(p, q) == pytest.approx(ot.gaussian.bures_wasserstein_distance(p.means[0], q.means[0], a, b), rel=1e-9)


def test_w2_across_a_deep_valley():
    p, q = GaussianMixture([[-8.0], [8.0]], 1.0), GaussianMixture([[0.0]], 65.0)
    u = (np.arange(20_000) + 0.5) / 2e4
    to = ganth.maps.Transport(p)
    from scipy.special import ndtri

    assert D.w2(p, q) == pytest.approx(
        float(np.sqrt(((to.quantile(u) - math.sqrt(65) * ndtri(u)) ** 2).mean())), rel=2e-4
    )


@pytest.mark.parametrize("r", [0.0, 0.5, 2.0, 7.0])
@pytest.mark.parametrize("objective", D.OBJECTIVES)
def test_a_fit_is_stationary_and_the_first_is_the_best(objective, r):
    fits = D.best_gaussian(objective, r)
    values = [fit[2] for fit in fits]
    assert values == sorted(values)
    assert fits[0][3]
    p = GaussianMixture([[-r], [r]], 1.0)
    function = getattr(D, objective)

    def cost(x):
        return function(p, GaussianMixture([[x[0]]], x[1] ** 2))

    for mean, std, value, least in fits:
        assert cost((mean, std)) == pytest.approx(value, abs=1e-9)
        around = [cost((mean + 1e-3 * a, std + 1e-3 * b)) for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))]
        assert min(around) > value - 1e-12 or not least
        assert np.abs(np.diff(around)[[0, 2]]).max() < 2e-5
    start = (r, 1.0) if objective not in ("kl", "w1", "w2") else (0.3, 1.0 + r)
    found = optimize.minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-10})
    assert found.fun >= values[0] - 1e-8


@pytest.mark.parametrize("objective", tuple(SWITCH))
def test_switch_points_to_ten_digits(objective):
    found = D.switch_points(objective)
    assert tuple(found.values()) == pytest.approx(SWITCH[objective], abs=2e-11)
    # A second witness: at the transition mpmath finds both fits stationary and of one value, and beyond it not.
    fits = [fit for fit in D.best_gaussian(objective, found["transition"]) if fit[3]]
    assert len(fits) == 2
    for mean, std, *_ in fits:
        assert max(abs(s) for s in theory.fit_slopes(objective, found["transition"], mean, std)) < 1e-12
    values = [theory.fit_value(objective, found["transition"], mean, std) for mean, std, *_ in fits]
    assert abs(values[0] - values[1]) < 1e-11
    below, above = (len(D.best_gaussian(objective, found["saddle_node"] + s)) for s in (-1e-4, 1e-4))
    assert (below, above) == (1, 3)


@pytest.mark.parametrize("objective", ["kl", "w1", "w2"])
def test_some_objectives_never_switch(objective):
    assert D.switch_points(objective) == {"saddle_node": None, "transition": None}
    for r in (1.0, 4.0, 12.0):
        ((mean, std, _, least),) = D.best_gaussian(objective, r)
        assert mean == 0
        assert std > 1
        assert least


def test_noise():
    p, q = (D.noised(PointMasses([[x]]), 0.5) for x in (0.0, 1.3))
    value, slope = D.js_of_points(1.3, 0.5)
    assert value == pytest.approx(D.js(p, q), abs=1e-13)
    assert slope == pytest.approx(
        (D.js_of_points(1.3 + 1e-5, 0.5)[0] - D.js_of_points(1.3 - 1e-5, 0.5)[0]) / 2e-5, abs=1e-9
    )
    assert D.noised(GaussianMixture([[0.0, 1.0]], np.eye(2)[None]), 2.0).variances[0, 0, 0] == 5
    assert D.js_of_points(2.0, 0.0)[0] == math.log(2)


@given(seed=seeds)
@settings(max_examples=10)
def test_a_critic_held_fixed_gives_the_gradient_of_a_divergence(seed):
    rng = np.random.default_rng(seed)
    p, q = line(rng), line(rng)
    for loss, name, factor in (("minimax", "js", 2.0), ("ns", "ns", 1.0), ("wgan", "w1", 1.0)):
        walked, slopes = D.pathwise_gradient(loss, p, q), D.gradient(name, p, q)
        for key in ("means", "variances"):
            np.testing.assert_allclose(walked[key], factor * slopes[key], atol=1e-10)


def test_fisher_of_two_gaussians():
    p, q = GaussianMixture([[0.0]], 1.0), GaussianMixture([[1.0]], 2.0)
    assert D.fisher(p, q) == pytest.approx(0.25 + 0.25, abs=1e-12)  # E (x - (x - 1)/2)^2


def test_quadrature_of_a_kink_and_a_spike():
    assert integrate(lambda x: np.abs(x - 1 / 3), np.array([0.0, 1.0])) == pytest.approx(5 / 18, abs=1e-13)
    assert integrate(lambda x: 1 / (1e-6 + x * x), np.array([-1.0, 2.0])) == pytest.approx(
        1e3 * (math.atan(1e3) + math.atan(2e3)), rel=1e-12
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p: D.kl(p, 3), ParameterError, "q must be a GaussianMixture"),
        (lambda p: D.kl(p, UniformBox([0, 0], [1, 1])), ShapeError, "share their dimension"),
        (lambda p: D.estimate("jsd", p, p), ParameterError, "name must be one of"),
        (lambda p: D.best_gaussian("pearson", 1.0), ParameterError, "objective must be one of"),
        (lambda p: D.best_gaussian("kl", -1.0), ParameterError, "separation must be >= 0"),
        (lambda p: D.gradient("kl", p, UniformBox([0.0], [1.0])), ParameterError, "q must be a GaussianMixture"),
        (lambda p: D.mmd(p, p, ganth.Laplace(1.0)), ParameterError, "kernel must be"),
        (lambda p: D.noised(PointMasses([[0.0]]), 0.0), ParameterError, "noise must be > 0"),
        (lambda p: D.pathwise_gradient("gan", p, p), ParameterError, "loss must be one of"),
        (lambda p: D.fisher(UniformBox([0.0], [1.0]), p), ParameterError, "p must be a GaussianMixture"),
        (lambda p: D.fisher(p, UniformBox([0.0], [1.0])), ParameterError, "q must be a GaussianMixture"),
        (lambda p: D.likelihood_gradient(p, UniformBox([0.0], [1.0]), "data"), ParameterError, "q must be a Gauss"),
        (lambda p: D.likelihood_gradient(p, FULL, "model"), ParameterError, "got full covariances"),
        (lambda p: D.w1(UniformBox([0, 0], [1, 1]), UniformBox([0, 0], [1, 1])), ShapeError, "on the line"),
        (lambda p: GaussianMixture([[0.0]], 1.0, [0.5]), ParameterError, "weights must sum to 1"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call(GaussianMixture([[0.0]], 1.0))
