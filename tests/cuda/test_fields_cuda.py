"""Fields of two densities on CUDA against the CPU loops, through the public door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ganth
from ganth import fields
from ganth.fields import ratio_cuda
from ganth.targets import GaussianMixture, UniformBox

BOUND = {"float64": 1e-12, "float32": 2e-5}
SQUARE = GaussianMixture([[1, 1], [1, -1], [-1, 1], [-1, -1]], 0.1)
START = GaussianMixture([[0, 0]], 0.2)
BOX = UniformBox([-2, -2], [2, 2])
X = 3 * ganth.streams.normal(1, (7, 2))


pytestmark = pytest.mark.usefixtures("one_rounding")


def density(rng, dim, kind):
    count = rng.integers(1, 4)
    means = rng.normal(size=(count, dim)) * rng.choice([1.0, 5.0])
    if kind == "box":
        return UniformBox(means[0] - rng.uniform(1, 9, dim), means[0] + rng.uniform(1, 9, dim))
    if kind == "full":
        factors = rng.normal(size=(count, dim, dim))
        products = factors @ factors.transpose(0, 2, 1)
        return GaussianMixture(means, (products + products.transpose(0, 2, 1)) / 2 + 0.05 * np.eye(dim))
    return GaussianMixture(means, rng.uniform(0.05, 3, size=count), rng.dirichlet(np.ones(count)))


def pulls(x, *densities):
    """Return |grad log p| + |grad log q|, (n, 1): what rounding in a field is measured by."""
    flat = UniformBox(np.full(x.shape[1], -1e6), np.full(x.shape[1], 1e6))
    slopes = [fields.log_ratio(x, one, flat)[1] for one in densities if isinstance(one, GaussianMixture)]
    return 1 + sum((np.linalg.norm(slope, axis=1)[:, None] for slope in slopes), np.zeros((len(x), 1)))


def compare(on_gpu, on_cpu, scale, bound):
    for found, wanted, unit in zip(on_gpu, on_cpu, (1.0, scale, 1.0), strict=True):
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        np.testing.assert_array_equal(found[np.isinf(wanted)], wanted[np.isinf(wanted)])
        known = np.isfinite(wanted)
        error = np.abs(found - wanted, where=known, out=np.zeros_like(wanted))
        assert (error[known] <= (bound * (unit + np.abs(wanted)))[known]).all(), error.max()


@given(
    dim=st.integers(1, 4), kinds=st.tuples(*[st.sampled_from(["round", "full", "box"])] * 2), n=st.integers(1, 9),
    far=st.sampled_from([1.0, 30.0, 1e4]), dtype=st.sampled_from(sorted(BOUND)), seed=st.integers(0, 10**6),
)  # fmt: skip
@settings(max_examples=10)
@pytest.mark.filterwarnings("ignore:both densities vanish")
def test_fields_are_those_of_the_cpu(dim, kinds, n, far, dtype, seed):
    rng = np.random.default_rng(seed)
    target, generated = (density(rng, dim, kind) for kind in kinds)
    x = far * rng.normal(size=(n, dim)).astype(dtype)
    on_cpu, on_gpu = (fields.optimal(x, target, generated, dtype=dtype, backend=backend) for backend in ("cpu", "cuda"))
    compare(on_gpu, on_cpu, pulls(x, target, generated), BOUND[dtype])
    again = fields.optimal(x, target, generated, dtype=dtype, backend="cuda")
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(on_gpu, again, strict=True))


def test_exponents_that_cancel_keep_their_digits():
    """Densities that nearly agree, 1e5 standard deviations out: log p and log q are 1e10, their difference is 100."""
    x = np.array([[1e5, 3e4], [-9.9e4, 1.7]])
    for variances in (1.0, [[[1.3, 0.4], [0.4, 0.8]]]):
        near, close = (GaussianMixture([[shift, 0.1]], variances) for shift in (0.0, 1e-3))
        on_cpu, on_gpu = (fields.log_ratio(x, near, close, backend=backend)[0] for backend in ("cpu", "cuda"))
        assert ((np.abs(on_cpu) > 50) & (np.abs(on_cpu) < 200)).all()
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 4])
def test_tiles_change_no_bit(monkeypatch, dim):
    rng = np.random.default_rng(dim)
    target, generated, x = density(rng, dim, "full"), density(rng, dim, "round"), rng.normal(size=(11, dim))
    whole = fields.optimal(x, target, generated, backend="cuda")
    monkeypatch.setattr(ratio_cuda, "ROOM", 400)
    assert 1 < ratio_cuda.tile(dim, 8, 6) < 11
    for found, wanted in zip(fields.optimal(x, target, generated, backend="cuda"), whole, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert ratio_cuda.tile(dim, 8, 10**12) == 1


def test_results_go_where_they_are_wanted():
    for dtype in ("float32", "float64"):
        out = np.empty(7, dtype), np.empty((7, 2), dtype), np.empty(7, dtype)
        kept = fields.optimal(X, SQUARE, START, dtype="float32", out=out, backend="cuda")
        assert all(a is b for a, b in zip(kept, out, strict=True))
        compare(kept, fields.optimal(X, SQUARE, START, dtype="float32"), pulls(X, SQUARE, START), 2e-5)


def test_what_is_made_of_the_ratio():
    f, f_prime = (lambda r: 1 + r**2), (lambda r: 2 * r)
    on_cpu, on_gpu = (fields.suboptimal(X, SQUARE, BOX, f, f_prime, backend=one) for one in ("cpu", "cuda"))
    compare(on_gpu, on_cpu, pulls(X, SQUARE), 1e-12)
    on_cpu, on_gpu = (fields.velocity(X, SQUARE, START, "js", backend=one) for one in ("cpu", "cuda"))
    assert (np.abs(on_gpu - on_cpu) <= 1e-12 * pulls(X, SQUARE, START)).all()


def test_errors_are_those_of_the_cpu():
    with pytest.raises(ganth.ParameterError, match="x must be finite, got nan at index"):
        fields.optimal([[0.0, 0.0], [0.0, np.nan]], SQUARE, START, backend="cuda")
    with pytest.raises(ganth.ParameterError, match="x must be within the range of float32"):
        fields.optimal([[1e300, 0.0]], SQUARE, START, dtype="float32", backend="cuda")
