"""A deep network against coupled particles: the naive iteration, finite differences, bits, and bad input."""

import naive_deep
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth import blas, streams
from ganth.discriminators import DenseNetwork
from ganth.formulas.random import WEIGHTS

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)


def game(**changes):
    settings = {
        "discriminator": "deep", "n_particles": 7, "n_data": 9, "depth": 3, "width": 11, "ntk_ratio": 0.2, "n_disc": 2,
        "lr_disc": 0.05, "lr_gen": 0.3, "grad_reg": 0.4, "reg": 0.1, "start_scale": 0.5, **changes,
    }  # fmt: skip
    return ganth.EffectiveGAN(settings.pop("target", RING), **settings)


def gram(gan):
    if gan.gram is not None:
        return gan.gram
    diagonal, other = gan.ntk_values
    return np.full((gan.n_particles,) * 2, other) + (diagonal - other) * np.eye(gan.n_particles)


def batches(gan, seed, trial, step):
    steps = [0] * gan.n_disc if gan.data == "fixed" else range(step * gan.n_disc, (step + 1) * gan.n_disc)
    return [gan.target.sample(gan.n_data, seed, trial=trial, step=at) for at in steps]


def naive_run(gan, start, layers, steps, seed, trial=0):
    """Return layers and particles after some naive iterations, and the first step that is not finite or -1."""
    squares = [(np.zeros_like(w), np.zeros_like(b)) for w, b in layers]
    particles = start
    for step in range(steps):
        layers, squares, moved = naive_deep.iterate(
            layers, squares, particles, batches(gan, seed, trial, step), gram(gan), gan
        )
        if not (np.isfinite(moved).all() and all(np.isfinite(p).all() for pair in layers for p in pair)):
            return layers, particles, step + 1
        particles = moved
    return layers, particles, -1


def same(left, right):
    names = set(left.state) | set(right.state)
    return all(np.array_equal(left.state[name], right.state[name]) for name in names) and np.array_equal(
        left.particles, right.particles
    )


@given(
    depth=st.integers(1, 4),
    width=st.integers(1, 12),
    n=st.integers(1, 8),
    n_data=st.integers(1, 8),
    n_disc=st.integers(1, 3),
    beta=st.sampled_from([0.0, 0.7]),
    form=st.sampled_from(["half", "full"]),
    order=st.sampled_from(["alternating", "simultaneous"]),
    data=st.sampled_from(["resampled", "fixed"]),
    normalisation=st.sampled_from(["mean", "diagonal"]),
    given_gram=st.booleans(),
    dim=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_iterations_equal_the_naive_ones(
    depth, width, n, n_data, n_disc, beta, form, order, data, normalisation, given_gram, dim, seed
):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    gan = game(
        target=ganth.targets.GaussianMixture(rng.normal(size=(3, dim)), 0.3), depth=depth, width=width, n_particles=n,
        n_data=n_data, n_disc=n_disc, grad_reg=beta, grad_reg_form=form, order=order, data=data,
        normalisation=normalisation, gram=root @ root.T if given_gram else None, ntk_ratio=0.0 if given_gram else 0.2,
        lr_disc=1e-3, lr_gen=0.02,
    )  # fmt: skip
    start = rng.normal(size=(n, dim))
    layers = gan.run(start, steps=0, seed=seed).discriminator_of().layers
    layers, particles, _ = naive_run(gan, start, layers, 3, seed)
    run = gan.run(start, steps=3, seed=seed)
    np.testing.assert_allclose(run.final.reshape(n, dim), particles, rtol=1e-10, atol=1e-10)
    for ours, theirs in zip(run.discriminator_of().layers, layers, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-10, atol=1e-10)
    single = gan.run(start, steps=3, seed=seed, dtype="float32")
    np.testing.assert_allclose(single.final.reshape(n, dim), particles, rtol=2e-4, atol=2e-4 * abs(particles).max())
    assert single.state["parameters"].dtype == single.state["particles"].dtype == np.float32


@pytest.mark.parametrize("depth", [1, 2])
def test_rmsprop_equals_the_naive_one(depth):
    # Points all around the origin: a unit that is on at all of them has a gradient of rounding errors, which RMSProp
    # divides by their own size.
    gan = game(optimiser="rmsprop", depth=depth, n_particles=40, n_data=40, start_mean=[0.0, 0.0], lr_disc=1e-3)
    start = gan.run(steps=0, seed=2)
    layers, particles, _ = naive_run(gan, start.final, start.discriminator_of().layers, 5, 2)
    run = gan.run(steps=5, seed=2)
    np.testing.assert_allclose(run.final, particles, rtol=1e-10)
    for ours, theirs in zip(run.discriminator_of().layers, layers, strict=True):
        np.testing.assert_allclose(np.append(*ours), np.append(*theirs), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("form", ["half", "full"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_step_descends_the_finite_difference_gradient_of_the_loss(form, depth):
    gan = game(grad_reg_form=form, depth=depth, width=9, n_disc=1, grad_reg=3.0)
    run = gan.run(steps=2, seed=3)  # wide enough: below a dead layer, zero biases put units on their kinks
    before, after = (one.discriminator_of() for one in (run, run.extend(1)))
    particles, data = run.final, gan.target.sample(9, 3, step=2)
    factor = {"half": 0.5, "full": 1.0}[form] * gan.grad_reg / gan.n_particles**2

    def loss(parameters):
        d = DenseNetwork(before.architecture, 2, parameters)
        slopes = d.gradient(particles)
        kinetic = np.einsum("ai,ab,bi", slopes, gram(gan), slopes)
        return d(particles).mean() - d(data).mean() + gan.reg / 2 * parameters @ parameters + factor * kinetic

    h = 1e-6
    steps = h * np.eye(len(before.parameters))
    slope = [(loss(before.parameters + e) - loss(before.parameters - e)) / (2 * h) for e in steps]
    measured = (before.parameters - after.parameters) / gan.lr_disc
    np.testing.assert_allclose(measured, slope, atol=1e-8)
    slopes = before.gradient(particles)
    assert factor * np.einsum("ai,ab,bi", slopes, gram(gan), slopes) > 1e-3  # the regulariser counts


def test_many_blocks_of_points_equal_the_whole_batch():
    gan = game(n_particles=600, n_data=300, n_disc=1, normalisation="diagonal", lr_gen=0.01)
    before, after = (gan.run(steps=steps, seed=5) for steps in (0, 1))
    network, particles, data = before.discriminator_of(), before.final, gan.target.sample(300, 5)
    after = after.discriminator_of()
    h, direction = 1e-4, after.parameters - network.parameters

    def loss(t):
        d = DenseNetwork(network.architecture, 2, network.parameters + t * direction)
        slopes = d.gradient(particles)
        diagonal, other = gan.ntk_values
        kinetic = other * slopes.mean(axis=0) @ slopes.mean(axis=0) + (diagonal - other) / 600 * (slopes**2).sum() / 600
        squared = d.parameters @ d.parameters
        return d(particles).mean() - d(data).mean() + gan.reg / 2 * squared + gan.grad_reg / 2 * kinetic

    slope = (loss(h) - loss(-h)) / (2 * h)
    assert slope == pytest.approx(-(direction @ direction) / gan.lr_disc, rel=1e-5)


@pytest.mark.parametrize(("dtype", "optimiser"), [("float64", "rmsprop"), ("float32", "sgd")])
def test_bits_do_not_depend_on_threads_trials_records_or_extension(dtype, optimiser, tmp_path):
    gan = game(n_particles=300, n_data=270, width=65, optimiser=optimiser, lr_disc=1e-3)
    call = {"steps": 6, "seed": 11, "trials": 3, "dtype": dtype}
    whole = gan.run(**call, threads=1)
    assert same(whole, gan.run(**call, threads=2))
    assert same(whole, gan.run(**call, threads=3))
    alone = gan.run(**{**call, "trials": 1}, first_trial=2)
    assert np.array_equal(alone.particles[0], whole.particles[2])
    fine = gan.run(**call, record_every=1)
    assert np.array_equal(fine.particles[:, -1], whole.particles[:, -1])
    part = gan.run(**{**call, "steps": 2})
    assert same(whole, part.extend(4))
    assert same(whole, ganth.Run.load(part.save(tmp_path / "part")).extend(4))
    assert whole.state["parameters"].dtype == dtype


def test_products_take_one_thread_inside_and_their_own_number_after():
    controls = blas._controls()
    if controls is None:
        pytest.skip("NumPy's matrix library cannot be told how many threads to take")
    tell, put = controls
    before = tell()
    put(2)
    try:
        with blas.one_thread() as most:
            assert (most, tell()) == (2, 1)
            with blas.one_thread() as most:  # another run, in another thread say
                assert (most, tell()) == (2, 1)
            assert tell() == 1
        assert tell() == 2
        with pytest.raises(ZeroDivisionError), blas.one_thread():
            raise ZeroDivisionError
        assert tell() == 2
    finally:
        put(before)


def test_a_library_without_controls_keeps_its_threads(monkeypatch):
    monkeypatch.setattr(blas, "_controls", lambda: None)
    with blas.one_thread() as most:
        assert most >= 1


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_divergence_stops_a_trial_at_the_naive_step_and_leaves_the_others():
    gan = game(lr_disc=3.0, lr_gen=1e80, reg=0.0, grad_reg=0.0, n_disc=1)
    starts = np.stack([gan.run(steps=0, seed=5).final, np.zeros((7, 2))])
    with pytest.warns(ganth.DivergenceWarning, match="diverged, the first at step"):
        run = gan.run(starts, steps=20, seed=5, trials=2, record_every=1)
    for trial in range(2):
        layers = gan.run(starts[trial], steps=0, seed=5, first_trial=trial).discriminator_of().layers
        _, particles, lost = naive_run(gan, starts[trial], layers, 20, 5, trial)
        assert run.diverged_at[trial] == lost
        np.testing.assert_allclose(run.particles[trial, -1], particles, rtol=1e-9)
    assert (run.diverged_at > 0).any()
    with pytest.raises(ganth.DivergedError, match="diverged at step"):
        run.raise_if_diverged()
    with pytest.raises(ganth.DivergedError, match="the network of trial"):
        run.discriminator_of(int(np.argmax(run.diverged_at > 0)))


def test_glorot_start_is_uniform_by_layer_without_biases():
    architecture = ganth.DenseReLU(2, 50)
    network = architecture.initial(3, seed=8, trial=4, start="glorot")
    for layer, ((units, inputs), (weights, biases)) in enumerate(
        zip(architecture.shapes(3), network.layers, strict=True)
    ):
        drawn = streams.uniform(8, units * inputs, purpose=WEIGHTS, trial=4, step=layer)
        np.testing.assert_array_equal(weights.ravel(), (2 * drawn - 1) * np.sqrt(6 / (inputs + units)))
        np.testing.assert_array_equal(biases, 0.0)
    inner = network.layers[1][0]
    assert inner.std() == pytest.approx(np.sqrt(2 / 100), rel=0.05)  # variance 2 / (inputs + units)
    run = game(depth=2, width=50).run(steps=0, seed=8, first_trial=4)
    expected = architecture.initial(2, seed=8, trial=4, start="glorot").parameters
    np.testing.assert_array_equal(run.discriminator_of().parameters, expected)
    with pytest.raises(ganth.ParameterError, match="start must be one of 'linear', 'glorot', got 'he'"):
        architecture.initial(2, start="he")


def test_the_output_bias_cancels_exactly():
    run = game(n_particles=3, n_data=7, optimiser="rmsprop").run(steps=5, seed=1)
    assert run.discriminator_of().layers[-1][1] == 0.0


def test_bad_threads():
    with pytest.raises(ganth.ParameterError, match="threads must be an integer >= 1, got 0"):
        game().run(steps=1, threads=0)
