"""Image data sets: files in true and in broken formats, where they are looked for, downloads."""

import gzip
import hashlib
import os
import pathlib
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth import DataUnavailableError, ParameterError, ShapeError
from ganth.claims import runner
from ganth.claims.checkout import Validation
from ganth.targets import formats, images, places
from ganth.targets.images import ImageSet, load, resize, sample

ROOT = pathlib.Path(__file__).parents[1]
RECORD = 3073
SAMPLE = "33f5a6178868bfad1eb93be7fa31b609658d536625e64868eb8106a4c72f5cfd"  # sha256 of the unpacked images


def idx(array):
    """Return an array of bytes as an IDX file."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


def drawn(n, seed=0, classes=10):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(n, 28, 28)), rng.integers(0, classes, size=n)


def write(folder, stem, n=7, seed=0, *, gz=True, pixels=None, labels=None):
    """Write a pair of IDX files and return its bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    x, y = drawn(n, seed)
    x, y = (x if pixels is None else pixels), (y if labels is None else labels)
    for kind, array in (("images-idx3-ubyte", x), ("labels-idx1-ubyte", y)):
        (folder / f"{stem}{kind}{'.gz' if gz else ''}").write_bytes(gzip.compress(idx(array), 1) if gz else idx(array))
    return x, y


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """Hide the data of this machine."""
    monkeypatch.delenv("GANTH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))
    given = places.data_places

    def elsewhere():
        return [tmp_path / "no debian" if str(place).startswith("/usr") else place for place in given()]

    monkeypatch.setattr(places, "data_places", elsewhere)


def test_the_sample_is_two_thousand_digits():
    digits = sample()
    assert digits.images.shape == (2000, 28, 28, 1)
    assert digits.images.dtype == np.float32
    assert np.bincount(digits.labels).tolist() == [200] * 10
    assert len(set(digits.labels[:20].tolist())) > 5  # mixed
    assert (digits.images.min(), digits.images.max()) == (-1.0, 1.0)
    assert np.unique(digits.images.reshape(2000, -1), axis=0).shape[0] == 2000
    assert not digits.images.flags.writeable
    content = (pathlib.Path(images.__file__).parent / "digits" / "mnist-sample-images-idx3-ubyte.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(content)).hexdigest() == SAMPLE
    assert ganth.targets.images is images


def test_the_sample_at_another_size():
    assert sample(64).images.shape == (2000, 64, 64, 1)
    np.testing.assert_allclose(sample(64).images, resize(sample().images, 64), atol=1e-6)


@pytest.mark.parametrize("gz", [True, False])
@pytest.mark.parametrize(
    ("folder", "stem"),
    [("", "train-"), ("MNIST/raw", "train-"), ("", "mnist-train-"), ("mnist", "MNIST_train_"), ("", "mnist-")],
)
def test_idx_files_are_read_as_they_are(tmp_path, folder, stem, gz):
    x, y = write(tmp_path / folder, stem, gz=gz)
    write(tmp_path, "fashion-train-", seed=1)
    write(tmp_path / "FashionMNIST" / "raw", "train-", seed=2)
    found = load("mnist", tmp_path)
    np.testing.assert_array_equal(np.rint((found.images[..., 0] + 1) * 127.5), x)
    np.testing.assert_array_equal(found.labels, y)
    assert found.labels.dtype == np.int64
    assert found.classes == tuple("0123456789")
    assert found.name == "mnist"


def test_dots_in_names_and_splits(tmp_path):
    train, test = write(tmp_path, "train-", n=5, gz=False), write(tmp_path, "t10k-", n=3, seed=1)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("s-idx", "s.idx")))
    np.testing.assert_array_equal(load("mnist", tmp_path, split="test").labels, test[1])
    both = load("mnist", tmp_path, split="all")
    np.testing.assert_array_equal(both.labels, np.concatenate([train[1], test[1]]))
    assert len(load("mnist", tmp_path, split="all", limit=6)) == 6
    assert load("mnist", tmp_path, limit=2, size=5).images.shape == (2, 5, 5, 1)
    assert both.files == (
        "train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz",
    )  # fmt: skip
    (tmp_path / "t10k-images.idx3-ubyte.gz").unlink()
    with pytest.raises(ParameterError, match="must hold the training and the test set for split='all'"):
        load("mnist", tmp_path, split="all")


def test_a_subset_that_tells_no_split_is_no_test_set(tmp_path):
    x, _ = write(tmp_path, "fashion-10k-")
    write(tmp_path, "mnist-10k-", seed=1)
    for split in ("train", "all"):
        np.testing.assert_array_equal(
            np.rint((load("fashion-mnist", tmp_path, split=split).images + 1) * 127.5)[..., 0], x
        )
    with pytest.raises(DataUnavailableError, match=r"fashion-10k-images-idx3-ubyte\.gz does not say that"):
        load("fashion-mnist", tmp_path, split="test")
    train, _ = write(tmp_path, "train-", seed=3)  # a split that is told comes first
    np.testing.assert_array_equal(np.rint((load("fashion-mnist", tmp_path).images + 1) * 127.5)[..., 0], train)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    write(tmp_path, "fashion-2k-")
    with pytest.raises(ParameterError, match="one subset of fashion-mnist whose name tells no split, got fashion-10k-"):
        load("fashion-mnist", tmp_path)


def full(counts):
    labels = np.repeat(np.arange(10), counts)
    return {"labels": labels, "pixels": np.zeros((len(labels), 28, 28), np.uint8)}


def test_plain_files_of_the_kin_are_told_apart(tmp_path, monkeypatch):
    of_mnist, of_fashion = (places.DATA_SETS[name].counts[1] for name in ("mnist", "fashion-mnist"))
    assert [sum(counts) for counts in places.DATA_SETS["mnist"].counts] == [60_000, 10_000]
    write(tmp_path / "a", "t10k-", **full(of_mnist))
    write(tmp_path / "b", "t10k-", **full(of_fashion))
    assert len(load("mnist", tmp_path / "a", split="test")) == len(load("fashion-mnist", tmp_path / "b", split="test"))
    with pytest.raises(
        DataUnavailableError, match=r"t10k-images-idx3-ubyte.gz is of another set: 980 labels 0 of 10000"
    ):
        load("fashion-mnist", tmp_path / "a", split="test")
    with pytest.raises(DataUnavailableError, match="is of another set: 1000 labels 0 of 10000, 980 expected"):
        load("mnist", tmp_path / "b", split="test")
    # A set of another name goes on to the next place.
    monkeypatch.setenv("GANTH_DATA", str(tmp_path / "a"))
    write(tmp_path / "no debian" / "fashion-mnist", "t10k-", n=4)
    assert len(load("fashion-mnist", split="test")) == 4
    # Folders named after a set hold no other.
    for kin in ("KMNIST", "FashionMNIST"):
        write(tmp_path / kin / "raw", "train-")
        for root in (tmp_path / kin, tmp_path / kin / "raw"):
            with pytest.raises(DataUnavailableError, match="no files of the train split of mnist"):
                load("mnist", root)
    assert len(load("fashion-mnist", tmp_path / "FashionMNIST")) == 7


def test_where_files_are_looked_for(tmp_path, monkeypatch):
    with pytest.raises(DataUnavailableError) as caught:
        load("fashion-mnist")
    for place in (tmp_path / "no debian" / "fashion-mnist", tmp_path / "no cache" / "ganth-data" / "fashion-mnist"):
        assert f"{place} (no such folder)" in str(caught.value)
    assert isinstance(caught.value, ParameterError)
    write(places.data_places()[-1] / "fashion-mnist", "train-", n=3)
    assert len(load("fashion-mnist")) == 3
    write(tmp_path / "mine", "fashion-train-", n=4)
    monkeypatch.setenv("GANTH_DATA", str(tmp_path / "mine"))
    assert len(load("fashion-mnist")) == 4
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataUnavailableError, match=r"empty \(nothing of it there\).*GANTH_DATA.*download=True"):
        load("fashion-mnist", tmp_path / "empty")  # a root that is given is the only place


def batch(seed, label=None):
    content = np.random.default_rng(seed).integers(0, 256, size=(10_000, RECORD), dtype=np.uint8)
    content[:, 0] = np.arange(10_000) % 10 if label is None else label
    return content


@pytest.fixture(scope="module")
def cifar_folder(tmp_path_factory):
    """Return a folder of CIFAR-10 in its true format: five links to one batch of noise, and another."""
    folder = tmp_path_factory.mktemp("cifar") / "cifar-10-batches-bin"
    folder.mkdir()
    first = batch(0)
    (folder / "data_batch_1.bin").write_bytes(first.tobytes())
    for k in range(2, 6):
        os.link(folder / "data_batch_1.bin", folder / f"data_batch_{k}.bin")
    (folder / "test_batch.bin").write_bytes(batch(1, label=3).tobytes())
    return folder, first


def test_cifar_batches(cifar_folder):
    folder, first = cifar_folder
    for root in (folder, folder.parent):
        found = load("cifar-10", root, limit=25)
        assert found.images.shape == (25, 32, 32, 3)
        for channel in range(3):
            plane = first[:25, 1 + 1024 * channel : 1 + 1024 * (channel + 1)].reshape(25, 32, 32)
            np.testing.assert_array_equal(np.rint((found.images[..., channel] + 1) * 127.5), plane)
        assert found.labels.tolist() == (np.arange(25) % 10).tolist()
    assert found.classes[3] == "cat"
    assert found.files == ("data_batch_1.bin",)
    assert set(load("cifar-10", folder, split="test", limit=10).labels.tolist()) == {3}
    more = load("cifar-10", folder, limit=10_002, size=8)
    assert more.images.shape == (10_002, 8, 8, 3)
    np.testing.assert_array_equal(more.images[10_000:], more.images[:2])


def test_broken_cifar_batches(tmp_path, cifar_folder):
    content = cifar_folder[1].tobytes()
    (tmp_path / "test_batch.bin").write_bytes(content[:-1])
    with pytest.raises(ParameterError, match=r"test_batch.bin must have 30730000 bytes.*got 30729999: truncated"):
        load("cifar-10", tmp_path, split="test")
    (tmp_path / "test_batch.bin").write_bytes(content + content[:RECORD])
    with pytest.raises(ParameterError, match="got 30733073: not a batch of CIFAR-10"):
        load("cifar-10", tmp_path, split="test")
    (tmp_path / "test_batch.bin").write_bytes(content[:RECORD] + b"\x0a" + content[RECORD + 1 :])
    with pytest.raises(ParameterError, match=r"test_batch.bin must hold labels in 0..9, got 10 at index 1"):
        load("cifar-10", tmp_path, split="test")
    (tmp_path / "data_batch_2.bin").write_bytes(b"")
    with pytest.raises(ParameterError, match=r"must hold all of .*got none of data_batch_1.bin, data_batch_3.bin"):
        load("cifar-10", tmp_path)
    (tmp_path / "py" / "cifar-10-batches-py").mkdir(parents=True)
    (tmp_path / "py" / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"")
    with pytest.raises(DataUnavailableError, match="the Python version, pickles, is there"):
        load("cifar-10", tmp_path / "py")


X, Y = drawn(6)
BREAKS = {
    "truncated": (idx(X)[:-1], idx(Y), r"images-idx3-ubyte must have 4720 bytes for its 6 images, got 4719: truncated"),
    "longer": (idx(X) + b"\0", idx(Y), r"got 4721: more follows"),
    "header": (b"\0\0", idx(Y), r"must start with 16 bytes of IDX header, got a file of 2 bytes"),
    "empty": (b"", idx(Y), r"must start with 16 bytes of IDX header, got a file of 0 bytes"),
    "foreign": (
        b"\x89PNG" + bytes(40),
        idx(Y),
        r"must start with 0x00000803, IDX images .*, got the bytes 89 50 4e 47",
    ),
    "swapped": (idx(Y) + bytes(9), idx(Y), r"must start with 0x00000803.*got 0x00000801 of IDX labels"),
    "sides": (idx(X[:, :27]), idx(Y), r"must hold images of shape \(n >= 1, 28, 28\), got \(6, 27, 28\)"),
    "none": (idx(X[:0]), idx(Y[:0]), r"must hold labels of shape \(n >= 1\), got \(0,\)"),
    "counts": (idx(X), idx(Y[:5]), r"labels-idx1-ubyte must hold a label for each of 6 images, got 5"),
    "labels": (idx(X), idx(Y + 5), r"labels-idx1-ubyte must hold labels in 0..9, got 1\d at index \d"),
}


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("kind", BREAKS)
def test_broken_idx_files_are_named(tmp_path, kind, gz):
    x, y, message = BREAKS[kind]
    message = message.replace("ubyte must", "ubyte(.gz)? must")
    end = ".gz" if gz else ""
    for name, content in (("train-images-idx3-ubyte", x), ("train-labels-idx1-ubyte", y)):
        (tmp_path / f"{name}{end}").write_bytes(gzip.compress(content) if gz else content)
    with pytest.raises(ParameterError, match=message) as caught:
        load("mnist", tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("part", ["images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"])
@given(data=st.data())
def test_damaged_gzip_is_named(tmp_path_factory, part, data):
    folder = tmp_path_factory.mktemp("damaged")
    write(folder, "train-", n=2)
    path = folder / f"train-{part}"
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(10, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(ParameterError, match=part):
        load("mnist", folder)


def test_gzip_is_known_by_its_bytes(tmp_path):
    write(tmp_path, "train-", gz=True)
    packed = tmp_path / "train-images-idx3-ubyte.gz"
    packed.rename(tmp_path / "train-images-idx3-ubyte")
    assert len(load("mnist", tmp_path)) == 7
    (tmp_path / "train-images-idx3-ubyte").unlink()
    packed.write_bytes(idx(X))
    with pytest.raises(
        ParameterError, match=r"images-idx3-ubyte.gz must be gzip and start with the bytes 1f 8b, got 00 "
    ):
        load("mnist", tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ParameterError, match="must have its labels beside it, got neither train-labels-idx1-ubyte nor"):
        load("mnist", tmp_path)
    with pytest.raises(ParameterError, match="cannot be read"):
        formats.read(tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: load("minst"), "name must be one of 'mnist', 'fashion-mnist', 'cifar-10', got 'minst'"),
        (lambda: load("mnist", split="valid"), "split must be one of 'train', 'test', 'all', got 'valid'"),
        (lambda: load("mnist", limit=0), "limit must be an integer >= 1, got 0"),
        (lambda: load("mnist", size=2.5), "size must be an integer >= 1, got 2.5"),
        (lambda: sample(0), "size must be an integer >= 1, got 0"),
        (lambda: resize(np.zeros((2, 2)), 4), r"images must have shape \(n, height, width, channels\)"),
        (lambda: resize(np.zeros((0, 2, 2, 1)), 4), r"none 0, got \(0, 2, 2, 1\)"),
        (lambda: ImageSet(np.full((1, 2, 2, 1), 1.5), [0], ("a",), "x"), r"values in \[-1, 1\], got 1.5 to 1.5"),
        (lambda: ImageSet(np.full((1, 2, 2, 1), np.nan), [0], ("a",), "x"), r"values in \[-1, 1\], got nan"),
        (lambda: ImageSet(np.zeros((1, 2, 2, 1)), [1], ("a",), "x"), r"labels must be in 0..0, got 1 to 1"),
        (lambda: ImageSet(np.zeros((1, 2, 2, 1)), [0.0], ("a",), "x"), "labels must be 1 integers"),
        (lambda: ImageSet(np.zeros((2, 2, 2)), [0, 0], ("a",), "x"), "images must have shape"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises((ParameterError, ShapeError), match=message):
        make()


def test_a_set_keeps_its_own_arrays():
    labels = np.zeros(1, np.int64)
    one = ImageSet(np.zeros((1, 2, 2, 1), np.float32), labels, ("a",), "x")
    labels[0] = 5
    assert one.labels.tolist() == [0]


def published(tmp_path, monkeypatch, *, spoil=False):
    """Put files on a server of file addresses, and their checksums into the table."""
    server = tmp_path / "server"
    write(server, "train-", n=3)
    write(server, "t10k-", n=2)
    md5 = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in sorted(server.iterdir())}
    if spoil:
        (server / "t10k-labels-idx1-ubyte.gz").write_bytes(b"something else")
    known = places.DATA_SETS["mnist"]
    mirrors = ("http://127.0.0.1:9/", server.as_uri() + "/")
    monkeypatch.setitem(
        places.DATA_SETS, "mnist", types.SimpleNamespace(**(vars(known) | {"md5": md5, "mirrors": mirrors}))
    )


class FakePooch(types.ModuleType):
    """What ganth uses of pooch, for addresses of files."""

    def Untar(self, extract_dir):
        return extract_dir

    def retrieve(self, url, known_hash, fname, path, processor):
        content = pathlib.Path(url.removeprefix("file://")).read_bytes()
        if known_hash != f"md5:{hashlib.md5(content).hexdigest()}":
            raise ValueError(f"MD5 hash of downloaded file ({fname}) does not match the known hash")
        path.mkdir(parents=True, exist_ok=True)
        (path / fname).write_bytes(content)


def test_a_download_is_asked_for_and_checked(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", FakePooch("pooch"))
    published(tmp_path, monkeypatch)
    with pytest.raises(DataUnavailableError):
        load("mnist")
    assert len(load("mnist", download=True)) == 3
    assert len(load("mnist", split="test")) == 2  # from the cache
    assert len(load("mnist", tmp_path / "new", download=True)) == 3
    published(tmp_path, monkeypatch, spoil=True)
    with pytest.raises(
        DataUnavailableError, match=r"t10k-labels-idx1-ubyte.gz of mnist cannot be fetched: .*does not match"
    ):
        load("mnist", tmp_path / "other", download=True)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataUnavailableError, match=r"download=True needs pooch: pip install 'ganth\[data\]'"):
        load("mnist", tmp_path / "another", download=True)


def test_published_checksums_are_whole():
    for known in places.DATA_SETS.values():
        assert all(len(md5) == 32 and int(md5, 16) for md5 in known.md5.values())
        assert all(mirror.endswith("/") for mirror in known.mirrors)
        assert len(set(known.md5.values())) == len(known.md5)


def test_what_waited_for_files_is_run_again(tmp_path, monkeypatch):
    job = runner.Job(out=tmp_path / "figures")
    reads, other = (Validation.read(ROOT / "validations" / "TP" / f"{stem}.py") for stem in ("fig10_12", "fig15"))
    before = job.inputs_hash(reads), job.inputs_hash(other)
    monkeypatch.setenv("GANTH_DATA", str(tmp_path))
    write(tmp_path / "MNIST" / "raw", "train-")
    assert job.inputs_hash(reads) != before[0]
    assert job.inputs_hash(other) == before[1]
    found = job.inputs_hash(reads)
    write(tmp_path / "MNIST" / "raw", "t10k-")
    assert job.inputs_hash(reads) != found
