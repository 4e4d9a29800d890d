"""What stays on the device, and what is said where it has no room."""

import numpy as np
import pytest
from numba import cuda

import ganth
from ganth import device


def test_held_arrays_are_copied_there_once_and_come_back_when_fetched():
    here = np.arange(4.0)
    with device.residence() as residence:
        there = device.held(here)
        assert device.held(here) is there
        assert device.held(here.reshape(2, 2)) is not there
        there[0] = 7.0
        device.back((there, here))
        assert here[0] == 0.0
        residence.fetch()
        assert here[0] == 7.0
        there[0] = 8.0
        residence.fetch()
        assert here[0] == 7.0  # nobody said that it had changed
    assert device.held(here) is not there


def test_other_arrays_come_back_at_once():
    here = np.zeros(3)
    with device.residence():
        there = device.there(here)
        there[1] = 2.0
        device.back((there, here))
    assert here.tolist() == [0.0, 2.0, 0.0]


@pytest.mark.parametrize(("ask", "name"), [(lambda: device.there(np.zeros(2**18)), "to_device"),
                                           (lambda: device.empty((2**18,), np.float64), "device_array")])  # fmt: skip
def test_no_room_is_said_with_what_to_do(monkeypatch, ask, name):
    def full(*_, **__):
        raise RuntimeError("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY")

    monkeypatch.setattr(cuda, name, full)
    with pytest.raises(ganth.DeviceMemoryError, match="no room for 2 MB more: use fewer trials"):
        ask()


def test_a_run_copies_its_state_when_a_record_is_due_and_not_at_every_chunk(monkeypatch):
    fetched, launched = [], []
    fetch, back = device.Residence.fetch, device.back
    monkeypatch.setattr(device.Residence, "fetch", lambda self: (fetched.append(1), fetch(self)))
    monkeypatch.setattr("ganth.games.dirac_cuda.back", lambda *pairs: (launched.append(1), back(*pairs)))
    game = ganth.DiracGAN(loss="vanilla", lr_disc=0.1, lr_gen=0.1)
    call = {"steps": 100, "trials": 3, "record_every": 50}
    on_gpu, on_cpu = (game.run([[1.0]], backend=backend, **call) for backend in ("cuda", "cpu"))
    assert len(fetched) == 3
    assert len(launched) > 3
    np.testing.assert_allclose(on_gpu.particles, on_cpu.particles, rtol=1e-12)


class Foreign:
    """An array of another package on the GPU."""

    def __init__(self, array):
        self.array = array
        self.__cuda_array_interface__ = getattr(array, "__cuda_array_interface__", {"version": 3})


def foreign(monkeypatch, array):
    if ganth.backend.simulated():  # it knows no arrays of others
        monkeypatch.setattr(cuda, "as_cuda_array", lambda other: other.array, raising=False)
    return Foreign(array)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_arrays_of_other_packages_are_taken(monkeypatch, dtype):
    points = (10 * ganth.streams.normal(0, (6, 4))).astype(dtype)
    for here, there in (
        (points, cuda.to_device(points)),
        (points[:, ::2], cuda.to_device(points)[:, ::2]),  # with gaps
    ):
        other = foreign(monkeypatch, there)
        np.testing.assert_array_equal(ganth.checks.points("x", other), here.astype("float64"))
        np.testing.assert_array_equal(ganth.RBF(1.0).gram(other, other), ganth.RBF(1.0).gram(here, here))


def test_of_an_array_of_other_packages_the_same_is_asked(monkeypatch):
    bad = foreign(monkeypatch, cuda.to_device(np.array([[np.nan, 1.0]])))
    with pytest.raises(ganth.ParameterError, match=r"x must be finite, got nan at index \(0, 0\)"):
        ganth.checks.points("x", bad)
    if ganth.backend.simulated():
        monkeypatch.setattr(cuda, "as_cuda_array", lambda other: refuse())
        with pytest.raises(ganth.ShapeError, match="x must be an array without a mask, got Foreign"):
            ganth.checks.points("x", bad)


def refuse():
    raise NotImplementedError("Masked arrays are not supported")


def test_a_driver_older_than_the_toolkit_is_told():
    def old(*_):
        raise RuntimeError("[222] Call to cuLinkAddData results in CUDA_ERROR_UNSUPPORTED_PTX_VERSION")

    one = device.Kernel(lambda: None, (), 8, 1, 0, "")
    one.__dict__["_compiled"] = {(1, 8, 0, 0): old}
    with pytest.raises(ganth.BackendUnavailableError, match="update it, or pip install"):
        one.launch_blocks(1)


def test_the_log_tells_once_what_lies_in_global_memory(caplog):
    caplog.set_level("INFO", "ganth")
    one = device.Kernel(lambda: None, (), 8, 1, 0, "")
    one.__dict__["_compiled"] = {(1, 8, 0, 2048): lambda *_: None}
    for _ in range(2):
        one.launch_blocks(1, shared=2048, outside="parameters of this test")
    told = "blocks of 8 threads, each 2.0 KB of shared memory; in global memory: parameters of this test"
    assert [told in record.getMessage() for record in caplog.records] == [True]
