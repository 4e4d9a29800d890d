"""A discriminator with one hidden layer against coupled particles: the naive step, finite differences, bits."""

import naive_effective as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.discriminators import OneHidden
from ganth.targets import GaussianMixture

RNG = np.random.default_rng(3)
RING = GaussianMixture.ring(8, 2.0, 0.02**2)
ACTIVATIONS = ("relu", "tanh", "erf")
COMPILED = [(1, "relu"), (2, "relu"), (3, "relu"), (2, "tanh"), (3, "tanh"), (2, "erf")]  # one program each


def mixture(rng, dim, shape):
    """Three modes of unequal weight, their covariances given in one of the three ways."""
    factor = rng.normal(size=(3, dim, dim))
    variances = {
        "one": 0.3,
        "each": rng.uniform(0.1, 2, 3),
        "full": factor @ factor.transpose(0, 2, 1) + 0.1 * np.eye(dim),
    }
    return GaussianMixture(rng.normal(size=(3, dim)), variances[shape], [0.2, 0.5, 0.3])


def net_of(run):
    network = run.discriminator_of()
    return {"a": network.output_weights, "w": network.weights, "b": network.biases}


def play_naively(game, start, net, steps, seed, trial):
    """Return what naive_effective makes of a game's settings."""
    n = game.n_particles
    gram = naive.gram_matrix(n, game.ntk_ratio, game.normalisation) if game.gram is None else game.gram
    x, memory = start, None
    for t in range(steps):
        at = [t * game.n_disc + j if game.data == "resampled" else 0 for j in range(game.n_disc)]
        net, x, memory = naive.iterate(
            net,
            x,
            [game.target.sample(game.n_data, seed, trial=trial, step=step) for step in at],
            name=game.activation,
            reg=game.reg,
            gram=gram,
            lr_disc=game.lr_disc,
            lr_gen=game.lr_gen,
            order=game.order,
            beta=game.grad_reg,
            form=game.grad_reg_form,
            step=getattr(naive, game.optimiser),
            memory=memory,
        )
    return net, x


@given(
    dim_activation=st.sampled_from(COMPILED),
    width=st.sampled_from([1, 3, 31, 64, 70]),
    n=st.integers(1, 9),
    n_data=st.integers(1, 9),
    order=st.sampled_from(["alternating", "simultaneous"]),
    optimiser=st.sampled_from(["sgd", "rmsprop"]),
    form=st.sampled_from(["half", "full"]),
    grad_reg=st.sampled_from([0.0, 3.0]),
    data=st.sampled_from(["resampled", "fixed"]),
    covariance=st.sampled_from(["one", "each", "full"]),
    coupling=st.sampled_from(["none", "mean", "diagonal", "gram"]),
    seed=st.integers(0, 2**32),
)
def test_steps_equal_the_naive_ones(
    dim_activation, width, n, n_data, order, optimiser, form, grad_reg, data, covariance, coupling, seed
):
    dim, activation = dim_activation
    rng = np.random.default_rng(seed)
    gram = rng.normal(size=(n, n))
    coupled = {
        "none": {},
        "mean": {"ntk_ratio": 0.3},
        "diagonal": {"ntk_ratio": 0.2, "normalisation": "diagonal"},
        "gram": {"gram": gram + gram.T},
    }[coupling]
    game = ganth.EffectiveGAN(
        mixture(rng, dim, covariance),
        n_particles=n,
        n_data=n_data,
        width=width,
        activation=activation,
        order=order,
        optimiser=optimiser,
        grad_reg_form=form,
        grad_reg=grad_reg,
        data=data,
        reg=0.1,
        lr_disc=0.03 if optimiser == "sgd" else 1e-3,
        lr_gen=0.2,
        n_disc=2,
        **coupled,
    )
    run = game.run(steps=2, seed=seed, first_trial=3, threads=1)
    net, x = play_naively(game, run.particles[0, 0], net_of(game.run(steps=0, seed=seed, first_trial=3)), 2, seed, 3)
    np.testing.assert_allclose(run.final, x, rtol=1e-10, atol=1e-10)
    for key, value in net_of(run).items():
        np.testing.assert_allclose(value, net[key], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("grad_reg", [0.0, 0.5])
def test_a_float32_step_is_the_float64_one_rounded(activation, grad_reg):
    game = ganth.EffectiveGAN(
        RING, width=512, ntk_ratio=0.1, activation=activation, grad_reg=grad_reg, lr_disc=0.1, lr_gen=0.1
    )
    double, single = (game.run(steps=1, seed=1, dtype=dtype, threads=1) for dtype in ("float64", "float32"))
    assert single.state["parameters"].dtype == single.state["particles"].dtype == np.float32
    np.testing.assert_allclose(single.final - single.particles[0, 0], double.final - double.particles[0, 0], rtol=2e-4)
    before = net_of(game.run(steps=0, seed=1))
    for key, value in net_of(double).items():
        change = value - before[key]
        assert abs(net_of(single)[key] - value).max() <= 2e-4 * abs(change).max()


@given(
    dim_activation=st.sampled_from(COMPILED),
    form=st.sampled_from(["half", "full"]),
    seed=st.integers(0, 2**32),
)
def test_a_step_goes_down_the_finite_difference_gradient_of_the_loss(dim_activation, form, seed):
    dim, activation = dim_activation
    rng = np.random.default_rng(seed)
    gram = rng.normal(size=(4, 4))
    gram = gram @ gram.T
    game = ganth.EffectiveGAN(
        mixture(rng, dim, "each"),
        n_particles=4,
        n_data=5,
        gram=gram,
        width=6,
        activation=activation,
        reg=0.2,
        grad_reg=2.0,
        grad_reg_form=form,
        lr_disc=1.0,
        lr_gen=0.1,
    )
    run, before = game.run(steps=1, seed=seed, threads=1), net_of(game.run(steps=0, seed=seed))
    x, data, h = run.particles[0, 0], game.target.sample(5, seed, step=0), 1e-6

    def loss(key, place, shift):
        net = {name: value.copy() for name, value in before.items()}
        net[key][place] += shift
        return naive.loss(net, activation, x, data, 0.2, gram, 2.0, form)

    for key, after in net_of(run).items():
        for place in np.ndindex(after.shape):
            slope = (loss(key, place, h) - loss(key, place, -h)) / (2 * h)
            assert before[key][place] - after[place] == pytest.approx(slope, rel=1e-7, abs=1e-7)


def test_simultaneous_climbs_the_old_discriminator_and_alternating_the_new():
    settings = {"width": 40, "ntk_ratio": 0.2, "n_particles": 20, "lr_disc": 0.3, "lr_gen": 0.1, "n_disc": 3}
    for order in ("simultaneous", "alternating"):
        game = ganth.EffectiveGAN(RING, order=order, **settings)
        run = game.run(steps=1, seed=2, threads=1)
        before, after = game.run(steps=0, seed=2).discriminator_of(), run.discriminator_of()
        used, other = (before, after) if order == "simultaneous" else (after, before)
        start = run.particles[0, 0]
        moved = 0.1 * ganth.games.effective.coupled(game, used.gradient(start))
        np.testing.assert_allclose(run.final - start, moved, atol=1e-14)
        assert abs(used.gradient(start) - other.gradient(start)).max() > 1e-3


def same(left, right):
    return np.array_equal(left.particles, right.particles) and all(
        np.array_equal(value, right.state[name]) for name, value in left.state.items()
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("changes", [{}, {"grad_reg": 0.5, "optimiser": "rmsprop", "lr_disc": 1e-3}])
def test_bits_do_not_depend_on_threads_trials_chunks_or_extension(dtype, changes, tmp_path):
    settings = {"width": 300, "ntk_ratio": 0.1, "n_particles": 37, "lr_disc": 0.1, "lr_gen": 0.1, "n_disc": 2}
    game = ganth.EffectiveGAN(RING, **(settings | changes))
    call = {"steps": 24, "seed": 11, "dtype": dtype}
    whole = game.run(**call, trials=3, threads=1)
    assert same(whole, game.run(**call, trials=3, threads=2))
    alone = game.run(**call, first_trial=2, threads=1)
    assert np.array_equal(alone.particles[0], whole.particles[2])
    assert same(alone, game.run(**call, first_trial=2, threads=2))
    fine = game.run(**call, trials=3, record_every=7, threads=1)
    assert np.array_equal(fine.particles[:, -1], whole.particles[:, -1])
    part = game.run(**{**call, "steps": 9}, trials=3, threads=1)
    assert same(whole, part.extend(15, threads=2))
    assert same(whole, ganth.Run.load(part.save(tmp_path / "part")).extend(15, threads=1))


def test_a_trial_that_diverges_keeps_its_last_finite_particles():
    game = ganth.EffectiveGAN(RING, width=32, n_particles=5, reg=1e6, lr_disc=1.0, lr_gen=1e-3)
    with pytest.warns(ganth.errors.DivergenceWarning, match="2 of 2 trials diverged"):
        run = game.run(steps=80, trials=2, record_every=1, threads=1)
    assert np.isfinite(run.particles).all()
    for trial, step in enumerate(run.diverged_at):
        assert step > 1
        moved = np.any(run.particles[trial, 1:] != run.particles[trial, :-1], axis=(1, 2))
        assert moved[: step - 1].all()
        assert not moved[step - 1 :].any()
    with pytest.raises(ganth.errors.DivergedError, match="diverged at step"):
        run.discriminator_of(1)
    assert np.array_equal(run.extend(3, threads=1).final, run.final)


@given(seed=st.integers(0, 2**32), dim=st.integers(1, 4), activation=st.sampled_from(ACTIVATIONS))
def test_the_network_is_its_sum_and_its_gradient_the_difference_quotient(seed, dim, activation):
    network = OneHidden.initial(dim, 11, seed, activation=activation, bias_variance=1.0)
    x, h = np.random.default_rng(seed).normal(size=(5, dim)), 1e-6
    net = {"a": network.output_weights, "w": network.weights, "b": network.biases}
    np.testing.assert_allclose(network(x), naive.value(net, activation, x), atol=1e-12)
    slope = np.stack([(network(x + e) - network(x - e)) / (2 * h) for e in h * np.eye(dim)], axis=1)
    np.testing.assert_allclose(network.gradient(x), slope, atol=1e-7)


def test_the_start_has_the_variances_asked_for():
    network = OneHidden.initial(2, 40_000, seed=5, weight_variance=0.25, bias_variance=4.0)
    for values, variance in ((network.output_weights, 0.25), (network.weights, 0.25), (network.biases, 4.0)):
        assert values.mean() == pytest.approx(0, abs=5 * np.sqrt(variance / values.size))
        assert values.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / values.size))
    other = OneHidden.initial(2, 40_000, seed=5, trial=1)
    assert abs(np.corrcoef(network.biases, other.biases)[0, 1]) < 0.03
    assert abs(np.corrcoef(network.biases, network.output_weights)[0, 1]) < 0.03


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"biases": [0.0, 0.0]}, ganth.ShapeError, r"biases must have shape \(1,\)"),
        ({"output_weights": [[1.0]]}, ganth.ShapeError, r"output_weights must have shape \(H,\)"),
        ({"weights": [[np.nan, 0.0]]}, ganth.ParameterError, "weights must be finite"),
        ({"activation": "sine"}, ganth.ParameterError, "activation must be one of"),
    ],
)
def test_bad_parameters_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        OneHidden(**({"output_weights": [1.0], "weights": [[1.0, 2.0]], "biases": [0.0]} | change))
