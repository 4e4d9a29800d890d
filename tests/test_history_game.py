r"""The exact kernel with its history.

Theory: with rho = 1 - lr_disc reg the discriminator is a sum over the past,

    f^k = sum_i p_i K(., x_i) (1 - rho^k) / reg - lr_disc sum_{l < k} rho^(k-1-l) sum_j q_j K(., x_j^l),

so that a run's own path foretells each of its steps (no chaos between the two), a kernel made of features plays the
recursion of their parameters, and what compression and forgetting change is bounded everywhere in space.
"""

import math

import naive_history as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.formulas import exponentials
from ganth.games import compression, compression_cpu, history_cpu
from ganth.games.history import HistoryEngine

RNG = np.random.default_rng(7)
RING = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
KERNELS = {
    "rbf": (ganth.RBF(0.7), lambda x, y: naive.rbf(x - y, 0.7)),
    "multi-scale": (ganth.MultiScale([1.5, 0.5]), lambda x, y: naive.multi_scale(x - y, [1.5, 0.5])),
    "anisotropic": (ganth.AnisotropicRBF((0.5, 1.2)), lambda x, y: naive.anisotropic_rbf(x - y, (0.5, 1.2))),
    "rational": (ganth.RationalQuadratic(0.7, 0.6), lambda x, y: naive.rational_quadratic(x - y, 0.7, 0.6)),
    "laplace": (ganth.Laplace(0.8), lambda x, y: naive.laplace(x - y, 0.8)),
    "ntk": (ganth.ReLUNTK(1), lambda x, y: naive.relu_ntk(x, y, 1, False)),
    "deep ntk": (ganth.ReLUNTK(4, bias=True), lambda x, y: naive.relu_ntk(x, y, 4, True)),
}
SMOOTH = ["rbf", "multi-scale", "anisotropic", "rational"]
orders = st.sampled_from(["simultaneous", "alternating"])


def game(true_points, kernel, **changes):
    settings = {"reg": 0.3, "lr_disc": 0.1, "lr_gen": 0.1, **changes}
    return ganth.KernelGAN(true_points, kernel=kernel, **settings)


def rates(gan):
    return {"reg": gan.reg, "lr_disc": gan.lr_disc, "lr_gen": gan.lr_gen, "order": gan.order}


@given(
    name=st.sampled_from(sorted(KERNELS)),
    order=orders,
    reg=st.sampled_from([0.0, 0.3, 5.0, 10.0, 13.0]),
    n=st.integers(1, 3),
    n_true=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_every_step_follows_from_the_path_before_it(name, order, reg, n, n_true, seed):
    # lr_disc reg = 1 forgets all but the newest step, 1.3 makes the weights alternate.
    kernel, gradient = KERNELS[name]
    rng = np.random.default_rng(seed)
    true, p, q = rng.normal(size=(n_true, 2)), rng.uniform(0, 1, n_true), rng.uniform(0.1, 1, n)
    gan = game(true, kernel, true_masses=p, reg=reg, order=order)
    path = gan.run(rng.normal(size=(n, 2)), q, steps=9, record_every=1).particles[0]
    for k in range(9):
        foretold = naive.step(gradient, path[: k + 1], true, p, q, **rates(gan))
        np.testing.assert_allclose(path[k + 1], foretold, rtol=0, atol=1e-11)


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@pytest.mark.parametrize("name", SMOOTH)
def test_a_run_equals_the_plain_loop(name, order):
    kernel, gradient = KERNELS[name]
    true, start = RNG.normal(size=(2, 2)), RNG.normal(size=(2, 2))
    p, q = np.array([0.7, 0.2]), np.array([0.5, 0.6])
    gan = game(true, kernel, true_masses=p, order=order)
    path = gan.run(start, q, steps=70, record_every=1).particles[0]
    np.testing.assert_allclose(path, naive.play(gradient, start, 70, true, p, q, **rates(gan)), rtol=0, atol=1e-11)


@pytest.mark.parametrize("dim", [1, 3, 6])
def test_any_dimension_and_more_sources_than_a_tile(dim):
    true, start = RNG.normal(size=(history_cpu.TILE + 5, dim)), RNG.normal(size=(2, dim))
    gan = game(true, ganth.RBF(1.3))
    path = gan.run(start, steps=4, record_every=1).particles[0]
    p = np.full(len(true), 1 / len(true))
    for k in (2, 3):
        foretold = naive.step(lambda x, y: naive.rbf(x - y, 1.3), path[: k + 1], true, p, [0.5, 0.5], **rates(gan))
        np.testing.assert_allclose(path[k + 1], foretold, rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_features_as_an_exact_kernel_play_the_recursion_of_their_parameters(order):
    features = ganth.RandomFeatures(ganth.RBF(0.8), 30, 2, 5)
    start = RNG.normal(size=(2, 2))
    exact = game(RING, features, order=order).run(start, steps=150, record_every=1, seed=5)
    linear = game(RING, ganth.RBF(0.8), n_frequencies=30, order=order).run(start, steps=150, record_every=1, seed=5)
    np.testing.assert_allclose(exact.particles, linear.particles, rtol=0, atol=1e-11)
    x = RNG.normal(size=(5, 2))
    np.testing.assert_allclose(exact.discriminator(x), linear.discriminator(x), rtol=0, atol=1e-11)


def exact_sum(run, x):
    """f and its gradient at x from the whole recorded path."""
    gan, path = run.game, run.particles[0]
    fade = (1 - gan.lr_disc * gan.reg) ** np.arange(len(path) - 2, -1, -1.0)
    centers = np.concatenate([gan.true_points, path[:-1].reshape(-1, path.shape[-1])])
    weights = gan.lr_disc * np.concatenate([fade.sum() * gan.true_masses, -np.outer(fade, run.masses).ravel()])
    gradients = gan.kernel.gradient(x, centers)
    return gan.kernel.gram(x, centers) @ weights, np.einsum("nma,m->na", gradients, weights)


PATHS = {
    "converging": ([[0.0, 0.0]], [[0.4, 0.1]], {"reg": 1.5}, 1.0),
    "oscillating": ([[0.0]], [[0.5]], {"reg": 0.01}, 1.0),
    "never forgetting": ([[0.0]], [[0.5]], {"reg": 0.0}, 1.0),
    "moving wave": ([[0.0, 0.0]], [[0.8, 0.3]], {"reg": 0.1}, 0.3),
    "far away": ([[50.0, 0.0]], [[50.8, 0.3]], {"reg": 0.05}, 0.3),
    "four points": (RING, RNG.normal(size=(4, 2)), {"reg": 0.05, "order": "alternating"}, 0.6),
}


@pytest.mark.parametrize("tolerance", [1e-10, 1e-6])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("family", ["rbf", "multi-scale", "rational"])
def test_compression_errs_less_than_its_bound_everywhere(family, path, tolerance):
    true, start, changes, width = PATHS[path]
    kernel = {
        "rbf": ganth.RBF(width),
        "multi-scale": ganth.MultiScale([3 * width, width]),
        "rational": ganth.RationalQuadratic(width, 0.7),
    }[family]
    gan = game(true, kernel, lr_disc=0.01, lr_gen=0.01, tolerance=tolerance, **changes)
    run = gan.run(start, steps=3000, record_every=1)
    places = run.particles[0].reshape(-1, run.particles.shape[-1])
    x = places[RNG.integers(len(places), size=120)]
    x = x + RNG.normal(size=x.shape) * width * RNG.choice([0.0, 0.3, 2.0], size=(120, 1))
    value, gradient = exact_sum(run, x)
    f = run.discriminator_of()
    size = kernel.diagonal(x[:1])[0]
    # Positions of the path are rounded: 81 units of precision each, over the weight of the history.
    rounding = 81 * np.finfo(float).eps * np.abs(places).max() / width * -f.weights[len(true) :].sum()
    assert np.abs(f(x) - value).max() <= (tolerance + rounding) * size
    assert np.linalg.norm(f.gradient(x) - gradient, axis=1).max() <= (tolerance + rounding) * size / width
    assert run.state["sizes"][0, 1] < len(places) / 4


@pytest.mark.parametrize("path", ["oscillating", "far away", "four points"])
def test_curves_are_as_near_to_the_path_as_they_say(path):
    true, start, changes, width = PATHS[path]
    run = game(true, ganth.RBF(width), lr_disc=0.01, lr_gen=0.01, tolerance=1e-7, **changes).run(
        start, steps=3000, record_every=1
    )
    state, places = run.state, run.particles[0] / width
    _, n, dim = places.shape
    levels = set()
    for block in range(state["sizes"][0, 0]):
        level, _, end = state["blocks"][0, block]
        if level >= 0:
            levels.add(int(level))
            size = compression.SPAN * 2**level
            u = (2 * np.arange(size) + 1) / size - 1
            curve = np.polynomial.chebyshev.chebval(u, state["curves"][0, block]).T.reshape(size, n, dim)
            misfit = np.linalg.norm(curve - places[end - size : end], axis=2).max()
            assert misfit <= state["misfits"][0, block] + 4 * np.finfo(float).eps * np.abs(places).max()
    assert len(levels) > 2


def random_curve(seed, size):
    rng = np.random.default_rng(seed)
    coefficients = len(compression.tables(1.0).fit)
    return rng.normal(size=(coefficients, 2)) * size * 0.3 ** np.arange(coefficients)[:, None]


@given(seed=st.integers(0, 2**32), size=st.floats(0.01, 2), nodes=st.integers(1, 12), rational=st.booleans())
def test_a_rule_along_a_curve_errs_less_than_its_bound(seed, size, nodes, rational):
    kernel = ganth.RationalQuadratic(1.0, 0.7) if rational else ganth.RBF(1.0)
    tables, level, curve = compression.tables(0.999), 2, random_curve(seed, size)
    steps = compression.SPAN * 2**level
    weights = 0.999 ** np.arange(steps - 1, -1, -1.0)
    along = [
        np.polynomial.chebyshev.chebval(u, curve).T
        for u in ((2 * np.arange(steps) + 1) / steps - 1, tables.nodes[level, nodes - 1, :nodes])
    ]
    x = along[0][::5] + np.random.default_rng(seed).normal(size=(len(along[0][::5]), 2))
    exact = np.einsum("nma,m->na", kernel.gradient(x, along[0]), weights)
    short = np.einsum("nma,m->na", kernel.gradient(x, along[1]), tables.weights[level, nodes - 1, :nodes])
    log_size = (lambda v: naive.rational_log_size(v, 0.7)) if rational else naive.gaussian_log_size
    bound = naive.quadrature_bound(curve, nodes, log_size)
    assert np.linalg.norm(exact - short, axis=1).max() <= (bound + 1e-14) * weights.sum()


@given(seed=st.integers(0, 2**32), size=st.floats(0.01, 1), rational=st.booleans())
def test_the_loops_take_the_fewest_nodes_that_the_bound_allows(seed, size, rational):
    kernel = ganth.RationalQuadratic(1.0, 0.7) if rational else ganth.RBF(1.0)
    engine = HistoryEngine(game([[0.0, 0.0]], kernel), key=0, trials=range(1), dtype="float64", threads=1)
    _, rules = engine._settings(np.ones(1))
    curve, tables = random_curve(seed, size), compression.tables(1.0)
    log_size = (lambda v: naive.rational_log_size(v, 0.7)) if rational else naive.gaussian_log_size
    allowed = [m for m in range(1, 21) if naive.quadrature_bound(curve, m, log_size) <= rules.slack / 2]
    fewest = allowed[0] if allowed else 21
    assert fewest <= compression_cpu._fewest_nodes(curve, 0, rules, tables) <= fewest + 1


def test_compression_follows_a_wave_over_hundreds_of_widths():
    gan = game([[0.0, 0.0]], ganth.RBF(0.3), true_masses=[0.1], reg=0.01, lr_disc=1e-3, lr_gen=1e-3)
    run = gan.run([[0.1, 0.03]], steps=100_000)
    assert np.linalg.norm(run.final) > 60
    assert run.state["sizes"][0, 1] < 2000


def test_a_tiny_tolerance_keeps_every_position():
    start = RNG.normal(size=(2, 2))
    run = game(RING, ganth.RBF(0.7), tolerance=1e-300).run(start, steps=200, record_every=1)
    kept = run.state["nodes"][0, :, :384].T * 0.7
    np.testing.assert_allclose(kept, run.particles[0, :192].reshape(-1, 2), rtol=1e-15)


@pytest.mark.parametrize("name", ["rbf", "laplace"])
def test_forgotten_positions_are_dropped_within_the_tolerance(name):
    gan = game(RING, KERNELS[name][0], reg=2.0, tolerance=1e-8)
    run = gan.run(RNG.normal(size=(2, 2)), steps=1500, record_every=1)
    oldest = run.state["blocks"][0, 0, 2]
    assert 1300 < oldest < 1500
    x = RNG.normal(size=(50, 2))
    assert np.abs(run.discriminator(x) - exact_sum(run, x)[0]).max() <= 1e-8


@pytest.mark.parametrize("decay", [1.0, 1 - 1e-5, 0.99])
def test_rules_integrate_polynomials_against_the_discrete_weights(decay):
    tables = compression.tables(decay)
    values = np.polynomial.chebyshev.chebvander
    for level in (0, 1, 3):
        size = compression.SPAN * 2**level
        weights = decay ** np.arange(size - 1, -1, -1.0)
        moments = weights @ values((2 * np.arange(size) + 1) / size - 1, 13)
        nodes, rule = tables.nodes[level, 6, :7], tables.weights[level, 6, :7]
        assert (rule > 0).all()
        np.testing.assert_allclose(rule @ values(nodes, 13), moments, rtol=0, atol=1e-13 * weights.sum())


def test_no_rules_where_the_past_is_short_or_the_weights_alternate():
    assert all(len(compression.tables(decay).nodes) == 0 for decay in (0.5, 0.0, -0.3, 1.1))


@pytest.mark.parametrize("kernel", [ganth.RBF(0.6), ganth.Laplace(0.6), ganth.ReLUNTK(2)])
def test_threads_trials_and_splits_change_no_bit(kernel):
    true, start = RNG.normal(size=(2, 3, 2)), RNG.normal(size=(2, 8, 2))
    rest = {"steps": 1100, "record_every": 100}
    settings = {"reg": 0.05, "lr_disc": 0.01, "lr_gen": 0.01, "tolerance": 1e-300}
    together = game(true, kernel, **settings).run(start, trials=2, threads=2, **rest)
    alone = [game(true[1], kernel, **settings).run(start[1], threads=threads, **rest) for threads in (1, 2)]
    assert np.array_equal(together.particles[1], alone[0].particles[0])
    assert np.array_equal(alone[0].particles, alone[1].particles)
    split = game(true[1], kernel, **settings).run(start[1], steps=137, record_every=100).extend(963)
    assert np.array_equal(split.particles, alone[0].particles)


def test_extending_a_saved_compressed_run_changes_no_bit(tmp_path):
    start = RNG.normal(size=(4, 2))
    gan = game(RING, ganth.RBF(0.6), reg=0.05, lr_disc=0.01, lr_gen=0.01)
    whole = gan.run(start, steps=3000, record_every=500)
    half = ganth.Run.load(gan.run(start, steps=1111, record_every=500).save(tmp_path / "half"))
    longer = half.extend(1889)
    assert np.array_equal(longer.particles, whole.particles)
    x = RNG.normal(size=(5, 2))
    assert np.array_equal(longer.discriminator(x), whole.discriminator(x))


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@pytest.mark.parametrize("kernel", [ganth.RBF(1.0), ganth.RandomFeatures(ganth.RBF(1.0), 10, 1, 0)])
def test_a_diverging_trial_stops_alone_and_keeps_its_last_finite_state(kernel, order):
    gan = game([[0.0]], kernel, true_masses=[1000.0], lr_gen=1e307, order=order)
    with pytest.warns(ganth.DivergenceWarning, match="1 of 2 trials diverged"):
        run = gan.run([[[0.0]], [[1.0]]], steps=3, trials=2, record_every=1)
    when = 1 if order == "alternating" else 2
    assert run.diverged_at.tolist() == [-1, when]
    assert (run.particles[:, :, 0, 0] == [[0.0], [1.0]]).all()
    past = (when - 1) * 0.1 * (1000 * kernel.gram([[1.0]], [[0.0]])[0, 0] - kernel.diagonal([[1.0]])[0])
    assert math.isclose(run.discriminator([[1.0]], trial=1)[0], past, abs_tol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_a_tangent_kernel_run_diverges_only_beyond_the_largest_number(bias):
    gan = game([[0.5, 0.0]], ganth.ReLUNTK(2, bias=bias), reg=0.0, lr_disc=10.0, lr_gen=1e3)
    with pytest.warns(ganth.DivergenceWarning):
        run = gan.run([[1.0, 0.2]], steps=400)
    assert np.isfinite(run.particles).all()
    assert np.abs(run.final).max() > 1e290


def test_coincident_parallel_and_zero_points_pull_as_the_kernel_says():
    for bias in (False, True):
        kernel = ganth.ReLUNTK(2, bias=bias)
        true = np.array([[0.3, 0.4], [0.6, 0.8], [-0.3, -0.4], [0.0, 0.0]])
        start = np.array([[0.3, 0.4], [0.0, 0.0]])
        p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 0.6])
        run = game(true, kernel, true_masses=p, order="alternating").run(start, q, steps=1)
        f = ganth.discriminators.KernelExpansion(kernel, np.vstack([true, start]), 0.1 * np.append(p, -q))
        np.testing.assert_allclose(run.final, start + 0.1 * q[:, None] * f.gradient(start), rtol=0, atol=1e-11)


def test_float32_positions_and_a_history_that_is_still_compressed():
    start = RNG.normal(size=(4, 2))
    gan = game(RING, ganth.RBF(0.6), reg=0.5, lr_disc=0.01, lr_gen=0.01)
    double, single = (gan.run(start, steps=2000, dtype=dtype) for dtype in ("float64", "float32"))
    assert single.state["particles"].dtype == np.float32
    assert np.abs(single.final - double.final).max() < 1e-4
    assert single.state["sizes"][0, 1] < 2000


def test_the_paper_s_tangent_kernel_run_stays_near_its_true_point():
    gan = game([[1.0, 0.0]], ganth.ReLUNTK(3), reg=0.1, lr_disc=1e-3, lr_gen=1e-3)
    path = gan.run([[1.0, 0.1]], steps=6000, record_every=50).particles[0, :, 0]
    distance = np.linalg.norm(path - [1.0, 0.0], axis=1)
    assert distance.max() < 0.15
    assert distance.min() < 0.02


def test_a_long_run_is_refused_with_its_time_and_a_way_out():
    start = np.ones((20, 2))
    message = r"steps must be <= about \d+ for the exact kernel, got 50000000: the estimated time is \d+ hours; use "
    with pytest.raises(ganth.ParameterError, match=message + r"n_frequencies=1000 for random features"):
        game(RING, ganth.RBF(0.1), reg=1e-3, lr_disc=1e-3).run(start, steps=50_000_000)
    for kernel in (ganth.ReLUNTK(3), ganth.RationalQuadratic(0.1, 1.0)):
        with pytest.raises(ganth.ParameterError, match=message + "fewer steps or particles, or a larger reg"):
            game(RING, kernel, reg=1e-3, lr_disc=1e-3).run(start, steps=50_000_000)
    run = game(RING, ganth.Laplace(1.0), reg=0.0).run(start, steps=2)
    with pytest.raises(ganth.ParameterError, match="got 10000002: the estimated time is"):
        run.extend(10_000_000)


def test_a_kernel_of_another_dimension_is_refused():
    with pytest.raises(ganth.ShapeError):
        game([[0.0]], ganth.AnisotropicRBF((1.0, 2.0))).run([[1.0]], steps=1)


def test_exponentials_are_those_of_libm():
    x = np.concatenate([-(10.0 ** RNG.uniform(-18, 2.85, 2000)), [0.0, -707.9]])
    np.testing.assert_allclose([history_cpu.exp(v) for v in x], np.exp(x), rtol=1e-15)
    assert history_cpu.exp(-709.0) == 0.0
    x = np.concatenate([10.0 ** RNG.uniform(-18, 20, 2000), [0.0]])
    np.testing.assert_allclose([history_cpu.log1p(v) for v in x], np.log1p(x), rtol=1e-15)
    x = RNG.uniform(0, math.sqrt(0.5), 2000)
    np.testing.assert_allclose([exponentials.arcsine(v) for v in x], np.arcsin(x), rtol=1e-15)
