"""Networks of image layers: outputs against plain loops, gradients against differences, bits, files, errors."""

import dataclasses
import threading
import tracemalloc

import naive_convolution as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganth import nn, streams
from ganth.errors import ParameterError, ShapeError
from ganth.formulas import winograd
from ganth.nn.team import Team

Conv, Up, Norm, Act, Linear, Reshape = nn.Conv, nn.ConvTranspose, nn.BatchNorm, nn.Activation, nn.Linear, nn.Reshape
NETWORKS = {
    "windows": nn.Network((Conv(3, 3, 1, 1), Act("tanh"), Norm(), Up(4, 3, 2, 0), Act("sigmoid")), (5, 6, 2)),
    "wide windows": nn.Network((Conv(18, 3, 1, 1), Act("tanh"), Up(2, 3, 1, 1)), (4, 5, 15)),
    "points": nn.Network((Conv(17), Act("tanh"), Conv(9, 6, 3, 2, bias=False), Norm(), Act("tanh")), (13, 16, 8)),
    "generator": nn.Network(
        (Linear(24), Reshape((2, 3, 4)), Norm(), Act("tanh"), Up(9), Norm(), Act("tanh"), Up(1), Act("tanh")), (5,)
    ),
    "units": nn.Network((Linear(70), Act("sigmoid"), Norm(), Act("tanh"), Act("sigmoid"), Linear(3)), (33,)),
    "deviation": nn.Network((Conv(3), Act("tanh"), nn.MinibatchStd(), Linear(2)), (6, 6, 1)),
    "noise": nn.Network((nn.Noise(0.3), Conv(3), Act("tanh"), nn.Noise(0.2), Linear(2)), (6, 6, 1)),
    "spectral": nn.Network(
        (Conv(5, spectral=True), Act("tanh"), Up(4, spectral=True), Linear(3, spectral=True)), (6, 6, 2)
    ),
}
DRAW = (5, 3, 1)


def numbers(seed, *shape):
    return streams.normal(seed, shape)


def smooth(net):
    """Return the network with tanh in the place of ReLU, whose kinks spoil differences."""
    parts = [Act("tanh") if isinstance(part, Act) else part for part in net.parts]
    return nn.Network(tuple(parts), net.inputs)


def hold_gradients(net, batch, training, settle=1):
    layers, parameters = net.bind(batch, "float64"), net.initial(3, start="torch")
    x, above, state = numbers(1, batch, *net.inputs), numbers(2, batch, *net.outputs), net.initial_state(3)
    for _ in range(settle):
        layers.forward(parameters, x, state=state, draw=DRAW)

    def loss(parameters, x):
        return (above * layers.forward(parameters, x, state=state.copy(), training=training, draw=DRAW)).sum()

    loss(parameters, x)
    gradient, below = np.ones(net.size), np.empty_like(x)
    layers.backward(parameters, above, gradient, below)
    gradient -= 1
    size = np.linalg.norm
    for k in range(2):
        along, aside, step = numbers(10 + k, net.size), numbers(20 + k, *x.shape), 1e-5
        slope = (loss(parameters + step * along, x) - loss(parameters - step * along, x)) / (2 * step)
        assert gradient @ along == pytest.approx(slope, rel=1e-6, abs=1e-6 * size(gradient))
        slope = (loss(parameters, x + step * aside) - loss(parameters, x - step * aside)) / (2 * step)
        assert (below * aside).sum() == pytest.approx(slope, rel=1e-6, abs=1e-6 * size(below))
    # and one parameter of each array, and one input, by itself
    for views, slopes in zip(net.split(parameters), net.split(gradient), strict=True):
        for name, view in views.items():
            at = np.unravel_index(view.size // 2, view.shape)
            kept, values = view[at], []
            for sign in (1, -1):
                view[at] = kept + sign * 1e-5
                values.append(loss(parameters, x))
            view[at] = kept
            slope = (values[0] - values[1]) / 2e-5
            assert slopes[name][at] == pytest.approx(slope, rel=1e-6, abs=1e-7 * size(gradient)), name


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_against_differences(name, training):
    # Spectral vectors are held fixed by the slopes: differences see them where they no longer move.
    hold_gradients(NETWORKS[name], 4, training, settle=400 if name == "spectral" else 1)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3)])
@pytest.mark.parametrize("which", [0, 1])
def test_gradients_of_whole_networks_against_differences(size, channels, which):
    hold_gradients(smooth(nn.dcgan(size, channels, width=4, latent_dim=7)[which]), 3, training=True)


images = st.tuples(st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=30)
@given(
    images, st.sampled_from([1, 2, 3, 8, 11]), st.sampled_from([1, 5, 17]), st.integers(1, 5), st.integers(1, 3),
    st.integers(0, 2), st.booleans(), st.booleans(),
)  # fmt: skip
def test_convolutions_are_those_of_plain_loops(size, inputs, channels, kernel, stride, padding, bias, transposed):
    padding = min(padding, kernel - 1)
    kind, loop = (Up, naive.transposed_convolution) if transposed else (Conv, naive.convolution)
    part = kind(channels, kernel, stride, padding, bias=bias)
    try:
        net = nn.Network((part,), (*size, inputs))
    except ShapeError:
        leaves_nothing = (min(size) - 1) * stride + kernel - 2 * padding < 1
        assert leaves_nothing if transposed else min(size) + 2 * padding < kernel
        return
    parameters, x = numbers(1, net.size), numbers(2, 3, *net.inputs)
    own = net.split(parameters)[0]
    found = net.bind(3, "float64").forward(parameters, x)
    assert found.shape == (3, *net.outputs)
    wanted = loop(x, own["weights"], own.get("biases"), stride, padding)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-11)


@settings(max_examples=20)
@given(st.integers(1, 30), st.integers(1, 80), st.integers(1, 5), st.booleans())
def test_linear_layers_and_normalisation_are_those_of_plain_loops(inputs, units, batch, bias):
    net = nn.Network((Linear(units, bias=bias), Norm(0.3, 1e-3)), (inputs,))
    parameters, x = numbers(1, net.size), numbers(2, batch, inputs)
    state = np.concatenate([numbers(3, units), 1 + numbers(4, units) ** 2])
    first, second = net.split(parameters)
    made = naive.linear(x, first["weights"], first.get("biases"))
    layers, moving = net.bind(batch, "float64"), state.copy()
    own = (second["scale"], second["shift"], 1e-3)
    wanted, (mean, variance) = naive.normalised(made, *own)
    found = layers.forward(parameters, x, state=moving)
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7)  # a batch of one has no variance
    np.testing.assert_allclose(moving[:units], 0.7 * state[:units] + 0.3 * mean, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(moving[units:], 0.7 * state[units:] + 0.3 * variance, rtol=1e-11, atol=1e-12)
    wanted, _ = naive.normalised(made, *own, moments=(state[:units], state[units:]))
    kept = state.copy()
    found = layers.forward(parameters, x, state=kept, training=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
    assert (kept == state).all()


def test_a_deviation_is_that_of_plain_loops():
    x = numbers(1, 5, 3, 4, 2)
    net = nn.Network((nn.MinibatchStd(),), (3, 4, 2))
    np.testing.assert_allclose(net.bind(5, "float64").forward(np.empty(0), x), naive.deviated(x), rtol=1e-12)


@pytest.mark.parametrize("kind", ["relu", "leaky", "tanh", "sigmoid"])
@pytest.mark.parametrize("before", [(), (Norm(),), (Linear(1500),)])
def test_activations(kind, before):
    values = {
        "relu": lambda u: np.maximum(u, 0), "leaky": lambda u: np.where(u > 0, u, 0.1 * u), "tanh": np.tanh,
        "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    }  # fmt: skip
    net = nn.Network((*before, Act(kind, 0.1)), (1500,))
    x, parameters, state = 5 * numbers(1, 3, 1500), net.initial(1, start="torch"), net.initial_state()
    x_there = nn.Network(before, (1500,)).bind(3, "float64").forward(parameters, x, state=state) if before else x
    found = net.bind(3, "float64").forward(parameters, x, state=state)
    np.testing.assert_allclose(found, values[kind](x_there), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_is_float64_to_its_precision_and_threads_change_no_bit(name):
    net, made = NETWORKS[name], {}
    for dtype, threads in (("float64", 1), ("float32", 1), ("float32", 2), ("float32", 3)):
        layers = net.bind(9, dtype, threads=threads)
        parameters, state = net.initial(3, start="torch").astype(dtype), net.initial_state(3).astype(dtype)
        x, above = (numbers(k, 9, *shape).astype(dtype) for k, shape in enumerate((net.inputs, net.outputs)))
        gradient, below = np.zeros(net.size, dtype), np.empty_like(x)
        for _ in range(2):
            out = layers.forward(parameters, x, state=state, draw=DRAW)
            layers.backward(parameters, above, gradient, below)
        made[dtype, threads] = (out, gradient, below, state)
    for fine, one, *more in zip(*made.values(), strict=True):
        np.testing.assert_allclose(one, fine, rtol=1e-4, atol=2e-5 * max(1, abs(fine).max(initial=0)))
        assert all((one == other).all() for other in more)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*NETWORKS, "stand alone"])
def test_threads_are_told_how_many_parts_there_are(monkeypatch, name, dtype):
    seen, plain = [], Team.work

    def work(team, function, *arguments, parts=None):
        plain(team, function, *arguments, parts=parts)
        seen.append((function.__name__, team._taken[0] - 1, parts))  # alone, it has found once that none is left

    monkeypatch.setattr(Team, "work", work)
    net = NETWORKS.get(name) or nn.Network((Act("tanh"), nn.MinibatchStd()), (40, 30, 2))
    layers, parameters, x = net.bind(9, dtype, threads=1), net.initial(3).astype(dtype), numbers(1, 9, *net.inputs)
    x, state = x.astype(dtype), net.initial_state(3).astype(dtype)
    out = layers.forward(parameters, x, state=state, draw=DRAW)
    layers.backward(parameters, out, np.zeros_like(parameters), np.empty_like(x))
    assert seen
    assert [each for each in seen if each[1] != each[2]] == []


def test_passes_allocate_nothing_that_grows():
    generator, discriminator = nn.dcgan(28, width=8, noise=0.1)
    bound = []
    for net in (generator, discriminator):
        layers = net.bind(16, threads=2)
        parameters, state = (made.astype(np.float32) for made in (net.initial(1), net.initial_state(1)))
        x, out = (numbers(1, 16, *shape).astype(np.float32) for shape in (net.inputs, net.outputs))
        bound.append((layers, parameters, state, x, out, np.zeros_like(parameters), np.empty_like(x), nn.Adam()))

    def step(number):
        for layers, parameters, state, x, out, gradient, below, adam in bound:
            layers.forward(parameters, x, out, state=state, draw=(1, number, 0))
            layers.backward(parameters, out, gradient, below)
            adam.step(parameters, gradient, moments[id(layers)], rate=1e-3, step=number)

    moments = {id(each[0]): each[-1].start(each[0].size, np.float32) for each in bound}
    for number in (1, 2):
        step(number)
    tracemalloc.start()
    step(3)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    for number in range(4, 8):
        step(number)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2_000  # the smallest buffer between layers has 25,000 bytes
    assert peak - before < 8_000


def test_noise_is_drawn_anew_at_each_place_and_not_in_evaluation():
    net = nn.Network((nn.Noise(0.5), nn.Noise(0.5)), (3000,))
    layers, nothing, x = net.bind(4, "float64"), np.empty(0), np.zeros((4, 3000))
    one = layers.forward(nothing, x, draw=(1, 2, 3))
    assert (layers.forward(nothing, x, draw=(1, 2, 3)) == one).all()
    assert (layers.forward(nothing, x, training=False) == 0).all()
    assert one.std() == pytest.approx(np.sqrt(0.5), rel=0.03)  # two independent ones
    assert abs(one.mean()) < 0.02
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert abs(np.corrcoef(one.ravel(), layers.forward(nothing, x, draw=other).ravel())[0, 1]) < 0.03
    alone = nn.Network((nn.Noise(1.0),), (3000,)).bind(4, "float64").forward(nothing, x, draw=(1, 2, 3))
    wanted = streams.normal(1, 12_000, purpose=5, step=2, trial=3)
    np.testing.assert_allclose(alone.ravel(), wanted, rtol=1e-10, atol=1e-13)


def test_spectral_vectors_find_the_largest_singular_value():
    for part, inputs, turned in ((Conv(7, spectral=True), (8, 8, 3), False), (Up(6, spectral=True), (4, 4, 5), True)):
        net = nn.Network((dataclasses.replace(part, bias=False),), inputs)
        plain = nn.Network((dataclasses.replace(part, bias=False, spectral=False),), inputs)
        parameters, state, x = net.initial(1, start="torch"), net.initial_state(2), numbers(1, 2, *inputs)
        weights = net.split(parameters)[0]["weights"]
        matrix = weights.reshape(-1, weights.shape[-1]) if turned else weights.reshape(len(weights), -1)
        layers, wanted = net.bind(2, "float64"), plain.bind(2, "float64").forward(parameters, x)
        first = layers.forward(parameters, x, state=state.copy(), training=False)
        for _ in range(300):
            layers.forward(parameters, x, state=state)
        largest = np.linalg.norm(matrix, 2)
        kept = state.copy()
        np.testing.assert_allclose(layers.forward(parameters, x, state=state, training=False), wanted / largest)
        assert (state == kept).all()
        np.testing.assert_allclose(first, wanted / largest, rtol=0.05, atol=0.01)  # 15 iterations


@pytest.mark.parametrize("tile", [2, 3])
def test_tiles_are_short_products_and_keep_the_type(tile):
    d, (g0, g1) = numbers(1, tile + 1), numbers(2, 2)
    inputs, outputs = (getattr(winograd, f"{name}_of_{tile}").py_func for name in ("inputs", "outputs"))
    half = () if tile == 2 else (0.5,)
    products = [v * u for v, u in zip(inputs(*d, *half), winograd.taps.py_func(g0, g1), strict=False)]
    np.testing.assert_allclose(outputs(*products), [d[i] * g0 + d[i + 1] * g1 for i in range(tile)], rtol=1e-12)
    single, half = np.float32(0.3), tuple(map(np.float32, half))
    found = inputs(*[single] * (tile + 1), *half)
    assert {type(v) for v in (*found, *outputs(*found), *winograd.taps.py_func(single, single))} == {np.float32}
    backs = [getattr(winograd, f"{name}_of_{tile}_back").py_func for name in ("inputs", "outputs")]
    for forth, back, count, more in ((inputs, backs[0], tile + 1, half), (outputs, backs[1], len(found), ())):
        x, y = numbers(3, count), numbers(4, len(forth(*numbers(3, count), *more)))
        assert np.dot(forth(*x, *more), y) == pytest.approx(np.dot(x, back(*y, *more)), rel=1e-6)
    x, y = numbers(5, 2), numbers(6, 4)
    assert np.dot(winograd.taps.py_func(*x), y) == pytest.approx(np.dot(x, winograd.taps_back.py_func(*y)), rel=1e-12)


def test_networks_are_kept_in_files(tmp_path):
    _, net = nn.dcgan(28, width=2, noise=0.1, spectral=True, minibatch_std=True)
    parameters, state = net.initial(1).astype("float32"), net.initial_state(1).astype("float32")
    path = nn.save(tmp_path / "d.npz", net, parameters, state)
    again, found, kept = nn.load(path)
    assert again == net
    assert found.dtype == np.float32
    assert (found == parameters).all()
    assert (kept == state).all()
    assert [p.name for p in tmp_path.iterdir()] == ["d.npz"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ParameterError, match=r"must be a file that ganth.nn.save wrote"):
        nn.load(path)
    with pytest.raises(ShapeError, match="parameters must have shape"):
        nn.save(tmp_path / "e.npz", net, parameters[1:], state)
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "none.npz")


def test_damaged_files_are_told_wherever_the_damage_is(tmp_path):
    net = nn.Network((Linear(2),), (3,))
    path, told = nn.save(tmp_path / "net.npz", net, net.initial(1)), 0
    whole = path.read_bytes()
    for at in range(len(whole)):
        for value in (8, 255 - whole[at]):  # 8: packed, where the number of a method stands
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:  # zip files have bytes that nobody reads, dates say
                again, parameters, _ = nn.load(path)
            except ParameterError:
                told += 1
            else:
                assert again == net
                assert (parameters == net.initial(1)).all()
    assert told > len(whole)


def test_threads_hand_errors_on_and_work_where_another_team_is_busy():
    def job(worker, taken, seen, fails):
        seen.append(threading.current_thread().name)
        if worker == fails:
            raise ValueError(f"worker {worker}")

    team, seen = Team(2), []
    with pytest.raises(ValueError, match="worker 0"):
        team.work(job, seen, 0)

    def wait_for_helper(worker, taken, seen):
        if worker == 0:
            assert barrier.wait(timeout=10) >= 0
            Team(2).work(job, seen, None)  # the helper is taken: done here
        else:
            barrier.wait(timeout=10)
            raise OSError("of the helper")

    barrier, seen = threading.Barrier(2), []
    with pytest.raises(OSError, match="of the helper"):
        team.work(wait_for_helper, seen)
    assert len(seen) == 1


def test_arrays_that_cannot_be_written_to_are_read():
    net = NETWORKS["generator"]
    layers, state = net.bind(2, "float64"), net.initial_state(1)
    given = [net.initial(1), numbers(1, 2, 5), numbers(2, 2, *net.outputs)]
    made = []
    for writable in (True, False):
        for array in (*given, state):
            array.flags.writeable = writable
        gradient, below = np.zeros(net.size), np.empty_like(given[1])
        made.append((layers.forward(*given[:2], state=state, training=False), gradient, below))
        layers.backward(given[0], given[2], gradient, below)
    assert all((one == other).all() for one, other in zip(*made, strict=True))
    with pytest.raises(ShapeError, match="state must be an array that can be written to"):
        layers.forward(*given[:2], state=state)


def test_bad_arguments_name_themselves():
    for call, message in (
        (lambda: Conv(0), "channels must be an integer >= 1, got 0"),
        (lambda: Conv(3, 4, 2, 4), "padding must be < kernel = 4, got 4"),
        (lambda: Norm(epsilon=0), "epsilon must be > 0, got 0"),
        (lambda: Norm(momentum=2), "momentum must be <= 1, got 2"),
        (lambda: Act("gelu"), "kind must be one of"),
        (lambda: nn.Noise(-1), "std must be >= 0, got -1"),
        (lambda: Reshape((2, 0)), r"shape\[1\] must be an integer >= 1, got 0"),
        (lambda: nn.Network((), (3,)), "parts must hold at least one layer"),
        (lambda: nn.Network((Linear(2), "tanh"), (3,)), r"parts\[1\] must be one of Conv, "),
        (lambda: nn.Network((Linear(2),), ()), "inputs must be a shape"),
        (lambda: nn.dcgan(32), "size must be 28 or 64, got 32"),
        (lambda: nn.dcgan(28, 2), "channels must be 1 or 3, got 2"),
        (lambda: NETWORKS["generator"].initial(1, start="ones"), "start must be one of"),
        (lambda: NETWORKS["generator"].bind(0), "batch must be an integer >= 1, got 0"),
        (lambda: NETWORKS["points"].bind(2**60), "batch must be smaller: 1152921504606846976 samples of "),
        (lambda: NETWORKS["generator"].bind(2, threads=0), "threads must be an integer >= 1, got 0"),
        (lambda: NETWORKS["generator"].bind(2).forward(np.zeros(0), np.zeros(0)), "parameters must be"),
        (lambda: nn.Network((Linear(2), Conv(3)), (3,)), r"parts\[1\]: Conv needs images"),
        (lambda: nn.Network((Conv(3, 4, 2, 0),), (3, 9, 1)), r"parts\[0\]: Conv of kernel 4 and padding 0 does not"),
        (lambda: nn.Network((Reshape((2, 2)),), (3,)), r"parts\[0\]: Reshape to \(2, 2\) must keep the size"),
    ):
        with pytest.raises((ParameterError, ShapeError), match=message):
            call()
    net = NETWORKS["noise"]
    layers, parameters, x = net.bind(2), net.initial(1).astype("float32"), np.zeros((2, 6, 6, 1), "float32")
    with pytest.raises(ParameterError, match="draw must be given"):
        layers.forward(parameters, x)
    with pytest.raises(ParameterError, match="backward must come after a forward"):
        layers.backward(parameters, np.zeros((2, 2), "float32"))
    with pytest.raises(ShapeError, match=r"x must be a C-contiguous float32 array of shape \(2, 6, 6, 1\)"):
        layers.forward(parameters, np.zeros((2, 1, 6, 6), "float32"))
    net = NETWORKS["generator"]
    with pytest.raises(ParameterError, match="state must be given"):
        net.bind(2, "float64").forward(net.initial(1), np.zeros((2, 5)))
