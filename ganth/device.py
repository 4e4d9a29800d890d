"""Kernels for a GPU: compiled when they are first launched, and listed for the compile gate.

Nothing here is imported before a caller asks for backend="cuda", or for the table of kernels.
"""

import contextlib
import contextvars
import functools
import importlib
import logging
import pathlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cuda

from .backend import OLD_DRIVER, resolve, simulated
from .errors import BackendUnavailableError, DeviceMemoryError, ShapeError

_GANTH = pathlib.Path(__file__).parent
SHARED = 48 * 1024  # bytes of shared memory that every block may have without asking for more
BLOCK = 128  # threads of a block where nothing else is said
_log = logging.getLogger("ganth")
_listed: list["Kernel"] = []
_launching = threading.Lock()
_launches = 0
_residence: contextvars.ContextVar["Residence | None"] = contextvars.ContextVar("residence", default=None)


@dataclass(frozen=True)
class Work:
    """What launches of a kernel do in all at a size that is named, for an estimate of its time (see `roofline`).

    Parameters
    ----------
    what : str
        The size, in words: "KD Fig. 3 in full".
    blocks : int
        Blocks of a launch.
    arithmetic : float
        Instructions of arithmetic, over all threads and launches: a fused multiply-add is one.
    special : float
        Exponentials, logarithms, roots, quotients, sines.
    shared : float
        Numbers read from and written to shared memory, over all threads.
    traffic : float
        Bytes to and from global memory, in float32.
    longest : float
        Of the block that has most to do, over the mean.
    launches : int
    independent : int
        Instructions of a thread that do not wait for one another.
    """

    what: str
    blocks: int
    arithmetic: float
    special: float = 0.0
    shared: float = 0.0
    traffic: float = 0.0
    longest: float = 1.0
    launches: int = 1
    independent: int = 1


@dataclass(frozen=True, eq=False)
class Kernel:
    """A CUDA kernel with what the compile gate holds it to.

    Parameters
    ----------
    function : function
        Its source; `launch` compiles it for the types that it is given.
    signatures : tuple of tuples of numba types
        Those that it serves.
    block : int
        Threads of a block.
    resident : int
        Blocks that must fit on a multiprocessor at once.
    shared : int
        Bytes of shared memory that a block takes at the sizes it is made for, beside what the source declares.
    frame : str
        Why it may use local memory; "": it may not.
    spill : str
        Why registers may spill, on architectures other than sm_80 and sm_90 alone; "": they may not.
    work : Work, optional
        What it does at the size that its time is estimated for.
    wait : bool
        Whether a launch returns when it is done; else what follows on the device, or fetches an array, waits for it.
    """

    function: Callable[..., None]
    signatures: tuple[tuple[Any, ...], ...]
    block: int
    resident: int
    shared: int
    frame: str
    spill: str = ""
    work: Work | None = None
    wait: bool = True

    @property
    def name(self) -> str:
        """Room, file and function: "games.dirac_cuda.play_steps"."""
        return f"{self.function.__module__.removeprefix('ganth.')}.{self.function.__name__}"

    def launch(self, size: int, *arguments: Any, block: int | None = None, shared: int = 0) -> None:
        """Run with a thread for each of `size` items, in blocks of `block` threads; see `wait`."""
        threads = block or self.block
        self.launch_blocks(-(-size // threads), *arguments, block=threads, shared=shared)

    def launch_blocks(
        self, blocks: int, *arguments: Any, block: int | None = None, shared: int = 0, outside: str = ""
    ) -> None:
        """Run so many blocks; see `wait`.

        `outside` names what a block reads from global memory, as it does not fit shared memory: the log tells it once.
        """
        if blocks > 0:
            _tell(self.name, block or self.block, shared, outside)
            global _launches
            with _launching:  # one at a time: cells of a sweep have threads of their own
                _launches += 1
                try:
                    self._compiled[blocks, block or self.block, 0, shared](*arguments)
                    if self.wait:
                        cuda.synchronize()
                except Exception as error:
                    if "UNSUPPORTED_PTX_VERSION" not in str(error):
                        raise
                    raise BackendUnavailableError(f"the driver refuses what was compiled: {OLD_DRIVER}") from error

    @functools.cached_property
    def _compiled(self) -> Any:
        return cuda.jit(self.function)


def kernel(
    *signatures: tuple[Any, ...],
    block: int = BLOCK,
    resident: int = 4,
    shared: int = 0,
    frame: str = "",
    spill: str = "",
    work: Work | None = None,
    wait: bool = True,
) -> Callable[[Callable[..., None]], Kernel]:
    """Decorate the source of a CUDA kernel; see `Kernel`."""

    def listed(function: Callable[..., None]) -> Kernel:
        _listed.append(Kernel(function, signatures, block, resident, shared, frame, spill, work, wait))
        return _listed[-1]

    return listed


def kernels() -> list[Kernel]:
    """Return all kernels of ganth, sorted by name."""
    for path in sorted(_GANTH.rglob("*_cuda.py")):
        importlib.import_module(".".join([__package__, *path.relative_to(_GANTH).with_suffix("").parts]))
    return sorted(_listed, key=lambda one: one.name)


@functools.cache
def _tell(kernel: str, block: int, shared: int, outside: str) -> None:
    where = f"; in global memory: {outside}" if outside else ""
    _log.info("%s: blocks of %d threads, each %.1f KB of shared memory%s", kernel, block, shared / 1024, where)


def launches() -> int:
    """Return how many kernels this process has launched."""
    return _launches


def name() -> str:
    """Return the GPU's name and compute capability: "NVIDIA H100 80GB HBM3 (9.0)"."""
    if simulated():
        return "Numba's simulator"
    device = cuda.get_current_device()
    words = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    return f"{words} ({'.'.join(map(str, device.compute_capability))})"


def there(array: Any) -> Any:
    """Return a copy of an array on the device; raise `DeviceMemoryError` where it has no room there."""
    with _room_for(array.nbytes):
        return cuda.to_device(array)


def empty(shape: Any, dtype: Any) -> Any:
    """Return an array on the device whose numbers are not set; raise `DeviceMemoryError` where it has no room."""
    with _room_for(int(np.prod(shape)) * np.dtype(dtype).itemsize):
        return cuda.device_array(shape, dtype)


def held(array: Any) -> Any:
    """Return the array on the device that stands for one of the host until the `residence` around the call ends.

    It is copied there when it is first asked for; the host's is not to change from then on but by `back`.  Outside a
    residence this is `there`.
    """
    residence = _residence.get()
    return there(array) if residence is None else residence.held(array)


def back(*pairs: tuple[Any, Any]) -> None:
    """Copy arrays of the device into arrays of the host: pairs (device's, host's).

    One that is `held` stays where it is until the residence fetches it.
    """
    residence = _residence.get()
    for on_device, here in pairs:
        if residence is None or not residence.keeps(on_device, here):
            on_device.copy_to_host(here)


def here(name: str, foreign: Any) -> Any:
    """Return an array that lies on a GPU, whoever made it, as one of the host; `name` is the argument's.

    Raises `BackendUnavailableError` where Numba has no way to that GPU, `ShapeError` for an array with a mask.
    """
    resolve("cuda")
    try:
        return cuda.as_cuda_array(foreign).copy_to_host()
    except NotImplementedError as error:
        raise ShapeError(f"{name} must be an array without a mask, got {type(foreign).__name__}: {error}") from None


class Residence:
    """What a run keeps on the device between its launches, each array beside the host's that it stands for."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[Any, ...], tuple[Any, Any]] = {}  # the host's too, so that its address stays its own
        self._changed: set[tuple[Any, ...]] = set()

    def held(self, array: Any) -> Any:
        """See `device.held`."""
        place = _place(array)
        if place not in self._pairs:
            self._pairs[place] = (there(array), array)
        return self._pairs[place][0]

    def keeps(self, on_device: Any, here: Any) -> bool:
        """Return whether an array stays on the device, and note that it has changed there."""
        place = _place(here)
        if place not in self._pairs or self._pairs[place][0] is not on_device:
            return False
        self._changed.add(place)
        return True

    def fetch(self) -> None:
        """Copy what has changed to the host."""
        for place in self._changed:
            on_device, here = self._pairs[place]
            on_device.copy_to_host(here)
        self._changed.clear()


@contextlib.contextmanager
def residence() -> Iterator[Residence]:
    """Keep on the device what launches inside ask to be `held`."""
    token = _residence.set(Residence())
    try:
        yield _residence.get()  # type: ignore[misc]
    finally:
        _residence.reset(token)


def _place(array: Any) -> tuple[Any, ...]:
    return array.__array_interface__["data"][0], array.shape, array.dtype.str


@contextlib.contextmanager
def _room_for(size: int) -> Iterator[None]:
    """Say in words that so many bytes do not fit on the device."""
    try:
        yield
    except Exception as error:
        if "OUT_OF_MEMORY" not in str(error):
            raise
        raise DeviceMemoryError(
            f"the device has no room for {size / 2**20:.0f} MB more: use fewer trials in a call (first_trial goes on "
            "from there) or fewer points, or dtype='float32'"
        ) from error
