"""A dense ReLU network against free particles: the naive step, finite differences, bits, and bad input."""

import naive_dense
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth import streams
from ganth.discriminators import DenseNetwork
from ganth.formulas.random import WEIGHTS

RNG = np.random.default_rng(1)
TRUE, GENERATED = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2))
P, Q = np.array([0.5, 0.0, 0.3]), np.array([0.7, 0.4])


def game(depth=2, width=16, **changes):
    settings = {"reg": 0.2, "lr_disc": 0.02, "lr_gen": 0.03, **changes}
    return ganth.KernelGAN(TRUE, P, kernel=ganth.DenseReLU(depth, width), **settings)


def same(left, right):
    return (
        np.array_equal(left.particles, right.particles)
        and np.array_equal(left.steps, right.steps)
        and np.array_equal(left.state["weights"], right.state["weights"])
    )


@given(
    depth=st.integers(1, 4),
    width=st.integers(1, 19),
    dim=st.integers(1, 3),
    n_true=st.integers(1, 9),
    n=st.integers(1, 9),
    reg=st.sampled_from([0.0, 0.4]),
    order=st.sampled_from(["simultaneous", "alternating"]),
    seed=st.integers(0, 2**32),
)
def test_steps_equal_the_naive_ones(depth, width, dim, n_true, n, reg, order, seed):
    rng = np.random.default_rng(seed)
    true, start = rng.normal(size=(n_true, dim)), rng.normal(size=(n, dim))
    p, q = rng.uniform(0, 1, n_true), rng.uniform(0.1, 1, n)
    network = ganth.DenseReLU(depth, width)
    gan = ganth.KernelGAN(true, p, kernel=network, reg=reg, lr_disc=0.02, lr_gen=0.03, order=order)
    run = gan.run(start, q, steps=4, seed=seed)
    layers, particles = network.initial(dim, seed).layers, start
    for _ in range(4):
        layers, particles = naive_dense.step(layers, particles, true, p, q, reg, 0.02, 0.03, order)
    np.testing.assert_allclose(run.final, particles, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(run.discriminator_of().layers, layers, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12, atol=1e-12)
    values, _ = naive_dense.forward(layers, true)
    np.testing.assert_allclose(run.discriminator(true), values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_step_climbs_the_finite_difference_gradient_of_the_loss(depth):
    gan = game(depth, 5)
    run = gan.run(GENERATED, Q, steps=1, seed=3)
    before, after = gan.kernel.initial(2, 3), run.discriminator_of()

    def loss(parameters):
        f = DenseNetwork(gan.kernel, 2, parameters)
        return P @ f(TRUE) - Q @ f(GENERATED) - gan.reg / 2 * parameters @ parameters

    size, h = gan.kernel.size(2), 1e-6
    slope = [(loss(before.parameters + e) - loss(before.parameters - e)) / (2 * h) for e in h * np.eye(size)]
    np.testing.assert_allclose((after.parameters - before.parameters) / gan.lr_disc, slope, atol=1e-8)


@pytest.mark.parametrize("depth", [1, 3])
def test_gradient_in_the_points_by_finite_differences(depth):
    network = ganth.DenseReLU(depth, 7).initial(3, seed=4)
    x, h = RNG.normal(size=(6, 3)), 1e-6
    slope = np.stack([(network(x + e) - network(x - e)) / (2 * h) for e in h * np.eye(3)], axis=1)
    np.testing.assert_allclose(network.gradient(x), slope, atol=1e-8)


def test_simultaneous_takes_the_old_network_and_alternating_the_new():
    old = ganth.DenseReLU(2, 16).initial(2, 3)
    run = game().run(GENERATED, Q, steps=1, seed=3)
    np.testing.assert_allclose(run.final, GENERATED + 0.03 * Q[:, None] * old.gradient(GENERATED), atol=1e-15)
    run = game(order="alternating").run(GENERATED, Q, steps=1, seed=3)
    new = run.discriminator_of()
    np.testing.assert_allclose(run.final, GENERATED + 0.03 * Q[:, None] * new.gradient(GENERATED), atol=1e-15)
    assert abs(new.gradient(GENERATED) - old.gradient(GENERATED)).max() > 1e-4


def test_true_points_can_differ_between_trials():
    many = RNG.normal(size=(3, 4, 2))
    common = {"kernel": ganth.DenseReLU(2, 9), "reg": 0.0, "lr_disc": 0.01, "lr_gen": 0.01}
    together = ganth.KernelGAN(many, **common).run(GENERATED, steps=5, trials=3)
    alone = ganth.KernelGAN(many[2], **common).run(GENERATED, steps=5, first_trial=2)
    assert np.array_equal(together.final[2], alone.final)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_do_not_depend_on_threads_trials_records_or_extension(dtype, tmp_path):
    gan = game(3, 21)
    call = {"steps": 40, "seed": 11, "trials": 3, "dtype": dtype}
    whole = gan.run(GENERATED, Q, **call, threads=1)
    assert same(whole, gan.run(GENERATED, Q, **call, threads=2))
    alone = gan.run(GENERATED, Q, **{**call, "trials": 1}, first_trial=2)
    assert np.array_equal(alone.particles[0], whole.particles[2])
    fine = gan.run(GENERATED, Q, **call, record_every=7)
    assert np.array_equal(fine.particles[:, -1], whole.particles[:, -1])
    part = gan.run(GENERATED, Q, **{**call, "steps": 13})
    assert same(whole, part.extend(27))
    assert same(whole, ganth.Run.load(part.save(tmp_path / "part")).extend(27))
    assert whole.state["weights"].dtype == whole.state["particles"].dtype == dtype


def test_float32_follows_float64_for_a_while():
    double = game(3, 40).run(GENERATED, Q, steps=50, seed=2)
    single = game(3, 40).run(GENERATED, Q, steps=50, seed=2, dtype="float32")
    gap = abs(single.final - double.final).max()
    assert 0 < gap < 1e-5
    assert abs(single.discriminator(TRUE) - double.discriminator(TRUE)).max() < 1e-5
    assert single.final.dtype == single.discriminator_of().parameters.dtype == np.float64


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_divergence_stops_a_trial_at_the_naive_step_and_leaves_the_others():
    starts = np.stack([GENERATED, np.full((2, 2), 1e-3)])
    still = ganth.KernelGAN(TRUE, P, kernel=ganth.DenseReLU(3, 6), reg=0.0, lr_disc=2.0, lr_gen=1e150)
    with pytest.warns(ganth.DivergenceWarning, match="diverged, the first at step"):
        run = still.run(starts, Q, steps=20, seed=5, trials=2, record_every=1)
    for trial in range(2):
        layers, particles, lost = still.kernel.initial(2, 5, trial=trial).layers, starts[trial], -1
        for step in range(1, 21):
            layers, moved = naive_dense.step(layers, particles, TRUE, P, Q, 0.0, 2.0, 1e150, "simultaneous")
            if not np.isfinite(moved).all():
                lost = step
                break
            particles = moved
        assert run.diverged_at[trial] == lost
        np.testing.assert_allclose(run.final[trial], particles, rtol=1e-9)
    assert (run.diverged_at > 0).any()
    with pytest.raises(ganth.DivergedError):
        run.raise_if_diverged()


def test_initial_is_uniform_by_layer_and_reproducible():
    architecture = ganth.DenseReLU(2, 50)
    network = architecture.initial(3, seed=8, trial=4)
    for layer, ((units, inputs), (weights, biases)) in enumerate(
        zip(architecture.shapes(3), network.layers, strict=True)
    ):
        drawn = streams.uniform(8, units * (inputs + 1), purpose=WEIGHTS, trial=4, step=layer)
        expected = (2 * drawn - 1) / np.sqrt(inputs)
        np.testing.assert_array_equal(np.append(weights.ravel(), biases), expected)
    inner = network.layers[1][0]
    assert abs(inner).max() <= 1 / np.sqrt(50)
    assert abs(inner.std() * np.sqrt(150) - 1) < 0.05
    assert not np.array_equal(inner, architecture.initial(3, seed=8, trial=5).layers[1][0])
    run = ganth.KernelGAN([[0.0, 1.0, 2.0]], kernel=architecture, reg=0, lr_disc=1, lr_gen=1).run(
        [[1.0, 1.0, 1.0]], steps=0, seed=8, first_trial=4
    )
    np.testing.assert_array_equal(run.discriminator_of().parameters, network.parameters)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "depth must be an integer >= 1, got 0"),
        ((1.5, 3), "depth must be an integer >= 1, got 1.5"),
        ((True, 3), "depth must be an integer >= 1, got True"),
        ((2, -4), "width must be an integer >= 1, got -4"),
        ((2, "wide"), "width must be an integer >= 1, got 'wide'"),
    ],
)
def test_bad_architectures(arguments, message):
    with pytest.raises(ganth.ParameterError) as caught:
        ganth.DenseReLU(*arguments)
    assert str(caught.value) == message


def test_bad_networks_and_points():
    network = ganth.DenseReLU(1, 2)
    with pytest.raises(ganth.ShapeError, match=r"parameters must have shape \(9,\) for DenseReLU\(depth=1, width=2\)"):
        DenseNetwork(network, 2, np.zeros(8))
    with pytest.raises(ganth.ShapeError, match="x must have points in 2 dimensions"):
        network.initial(2)([[1.0]])
    with pytest.raises(ganth.ParameterError, match="dim must be an integer >= 1, got 0"):
        network.initial(0)
    with pytest.raises(ganth.ParameterError, match="n_frequencies must be None for DenseReLU"):
        game(n_frequencies=10)


def test_a_diverged_network_says_so():
    wild = game(2, 8, reg=0.0, lr_disc=1e300, lr_gen=1e300)
    with pytest.warns(ganth.DivergenceWarning):
        run = wild.run(GENERATED, Q, steps=10)
    with pytest.raises(ganth.DivergedError, match="the network of trial 0 diverged at step"):
        run.discriminator([[0.0, 0.0]])
