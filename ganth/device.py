"""Kernels for a GPU: compiled when they are first launched, and listed for the compile gate.

Nothing here is imported before a caller asks for backend="cuda", or for the table of kernels.
"""

import functools
import importlib
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba import cuda

_GANTH = pathlib.Path(__file__).parent
SHARED = 48 * 1024  # bytes of shared memory that every block may have without asking for more
BLOCK = 128  # threads of a block where nothing else is said
_listed: list["Kernel"] = []


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
    """

    function: Callable[..., None]
    signatures: tuple[tuple[Any, ...], ...]
    block: int
    resident: int
    shared: int
    frame: str

    @property
    def name(self) -> str:
        """Room, file and function: "games.dirac_cuda.play_steps"."""
        return f"{self.function.__module__.removeprefix('ganth.')}.{self.function.__name__}"

    def launch(self, size: int, *arguments: Any, block: int | None = None, shared: int = 0) -> None:
        """Run with a thread for each of `size` items, in blocks of `block` threads; return when it is done."""
        threads = block or self.block
        self.launch_blocks(-(-size // threads), *arguments, block=threads, shared=shared)

    def launch_blocks(self, blocks: int, *arguments: Any, block: int | None = None, shared: int = 0) -> None:
        """Run so many blocks; return when they are done."""
        if blocks > 0:
            self._compiled[blocks, block or self.block, 0, shared](*arguments)
            cuda.synchronize()

    @functools.cached_property
    def _compiled(self) -> Any:
        return cuda.jit(self.function)


def kernel(
    *signatures: tuple[Any, ...], block: int = BLOCK, resident: int = 4, shared: int = 0, frame: str = ""
) -> Callable[[Callable[..., None]], Kernel]:
    """Decorate the source of a CUDA kernel; see `Kernel`."""

    def listed(function: Callable[..., None]) -> Kernel:
        _listed.append(Kernel(function, signatures, block, resident, shared, frame))
        return _listed[-1]

    return listed


def kernels() -> list[Kernel]:
    """Return all kernels of ganth, sorted by name."""
    for path in sorted(_GANTH.rglob("*_cuda.py")):
        importlib.import_module(".".join([__package__, *path.relative_to(_GANTH).with_suffix("").parts]))
    return sorted(_listed, key=lambda one: one.name)


def there(array: Any) -> Any:
    """Return a copy of an array on the device."""
    return cuda.to_device(array)


def back(*pairs: tuple[Any, Any]) -> None:
    """Copy arrays of the device into arrays of the host: pairs (device's, host's)."""
    for on_device, here in pairs:
        on_device.copy_to_host(here)
