"""The compile gate: every CUDA kernel to PTX and machine code without a GPU, and what it takes there.

No GPU and no driver is needed: PTX by Numba's compiler, machine code by the ``ptxas`` of the same toolkit.  What
``ptxas`` said is kept by the hash of the PTX, so that a second run is quick.
"""

import contextlib
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .backend import cache_folder
from .device import Kernel, kernels
from .errors import BackendUnavailableError
from .files import write_atomically

ARCHITECTURES = (75, 80, 90, 100)
NO_SPILLS = (80, 90)  # where no reason is one
# Of a multiprocessor: registers, bytes of shared memory, threads, blocks (CUDA C++ Programming Guide, table of compute
# capabilities); a block's registers come in units of 256 a warp.
_LIMITS = {
    75: (65_536, 64 * 1024, 1024, 16),
    80: (65_536, 164 * 1024, 2048, 32),
    90: (65_536, 228 * 1024, 2048, 32),
    100: (65_536, 228 * 1024, 2048, 32),
}
_RESERVED = 1024  # bytes of shared memory that the system takes of each block
_WARP, _UNIT = 32, 256
_SAID = {
    "registers": re.compile(r"Used (\d+) registers"),
    "frame": re.compile(r"(\d+) bytes stack frame"),
    "spilled": re.compile(r"(\d+) bytes spill stores"),
    "loaded": re.compile(r"(\d+) bytes spill loads"),
    "static": re.compile(r"(\d+) bytes smem"),
}


@dataclass(frozen=True)
class Row:
    """What a kernel takes for one signature and architecture: numbers of ``ptxas``, and how many blocks fit."""

    kernel: str
    real: str
    architecture: int
    registers: int
    shared: int
    frame: int
    spilled: int
    resident: int

    def complaints(self, kernel: Kernel) -> list[str]:
        """Return what of it breaks the kernel's word; nothing if nothing does."""
        found, excused = [], bool(kernel.spill) and self.architecture not in NO_SPILLS
        if self.spilled and not excused:
            found.append(f"{self.spilled} bytes of registers are spilled")
        if self.frame and not (kernel.frame or excused):
            found.append(f"{self.frame} bytes of local memory, and no reason is given")
        if self.resident < kernel.resident:
            found.append(f"{self.resident} blocks fit on a multiprocessor, where {kernel.resident} are to")
        return [f"{self.kernel} ({self.real}, sm_{self.architecture}): {words}" for words in found]


def table(
    chosen: Sequence[Kernel] | None = None, architectures: Sequence[int] = ARCHITECTURES
) -> list[tuple[Kernel, Row]]:
    """Compile kernels (None: all of ganth) for each of their signatures and each architecture.

    Raises `BackendUnavailableError` naming what is missing: numba-cuda, or ptxas.
    """
    ptxas = find_ptxas()
    return [
        (kernel, _row(kernel, signature, text, architecture, ptxas))
        for kernel in (kernels() if chosen is None else chosen)
        for signature in kernel.signatures
        for text in [ptx(kernel, signature)]
        for architecture in architectures
    ]


def ptx(kernel: Kernel, signature: tuple[Any, ...]) -> str:
    """Return the PTX of a kernel for one signature: of the oldest architecture, from which all later ones are made."""
    from numba import cuda

    oldest = divmod(min(ARCHITECTURES), 10)
    with _no_device(oldest):
        return str(cuda.compile_ptx(kernel.function, signature, cc=oldest)[0])


def find_ptxas() -> pathlib.Path:
    """Return the ptxas of the toolkit that Numba compiles with: of the wheels beside numba-cuda, or on the path."""
    try:
        import numba_cuda
    except ImportError:
        raise BackendUnavailableError("numba-cuda is not installed: pip install 'ganth[cuda13]'") from None
    packages = pathlib.Path(numba_cuda.__file__).parents[1]
    found = sorted(packages.glob("nvidia/*/bin/ptxas*"))
    if not found and (on_path := shutil.which("ptxas")):
        found = [pathlib.Path(on_path)]
    if not found:
        raise BackendUnavailableError(
            "there is no ptxas: pip install 'ganth[cuda13]', or put a CUDA toolkit on the path"
        )
    return found[-1]


def _row(kernel: Kernel, signature: tuple[Any, ...], text: str, architecture: int, ptxas: pathlib.Path) -> Row:
    said = _assembled(text, architecture, ptxas)
    registers, shared = said["registers"], said["static"] + kernel.shared
    return Row(
        kernel=kernel.name,
        real=min((name for name in map(_scalar, signature) if name.startswith("float")), default="-"),
        architecture=architecture,
        registers=registers,
        shared=shared,
        frame=said["frame"],
        spilled=said["spilled"] + said["loaded"],
        resident=resident(architecture, kernel.block, registers, shared),
    )


def _scalar(kind: Any) -> str:
    """Return the name of a Numba type, or of an array's numbers."""
    return str(getattr(kind, "dtype", kind))


def resident(architecture: int, block: int, registers: int, shared: int) -> int:
    """Return how many blocks of so many threads, registers a thread and bytes fit on a multiprocessor at once.

    >>> resident(90, 128, 64, 0), resident(90, 256, 32, 48 * 1024)
    (8, 4)
    """
    most_registers, most_shared, most_threads, most_blocks = _LIMITS[architecture]
    warps = -(-block // _WARP)
    taken = warps * -(-registers * _WARP // _UNIT) * _UNIT
    by = [most_blocks, most_threads // (warps * _WARP), most_registers // max(taken, 1)]
    return min([*by, most_shared // (shared + _RESERVED)])


def _assembled(text: str, architecture: int, ptxas: pathlib.Path) -> dict[str, int]:
    """Return what ptxas says of a PTX, from the cache where it has been asked before."""
    digest = hashlib.sha256(f"{ptxas} {architecture} {text}".encode()).hexdigest()
    folder = cache_folder()
    kept = None if folder is None else folder.parent / "ptxas" / f"{digest}.json"
    if kept is not None and kept.is_file():
        with contextlib.suppress(ValueError):
            return {name: int(value) for name, value in json.loads(kept.read_text()).items()}
    with tempfile.TemporaryDirectory() as room:
        source = pathlib.Path(room) / "kernel.ptx"
        source.write_text(text)
        done = subprocess.run(
            [ptxas, f"-arch=sm_{architecture}", "-v", "-o", source.with_suffix(".cubin"), source],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"ptxas refuses a kernel for sm_{architecture}: {done.stderr.strip()}")
    said = {name: max([0, *map(int, pattern.findall(done.stderr))]) for name, pattern in _SAID.items()}
    if kept is not None:
        kept.parent.mkdir(exist_ok=True)
        write_atomically(kept, json.dumps(said).encode())
    return said


@contextlib.contextmanager
def _no_device(capability: tuple[int, int]) -> Iterator[None]:
    """Let Numba compile calls from one function to another although there is no device to ask for its capability."""
    from numba.cuda import dispatcher

    class Device:
        compute_capability = capability

    before = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: Device
    try:
        yield
    finally:
        dispatcher.get_current_device = before


def as_text(rows: Sequence[tuple[Kernel, Row]]) -> str:
    """Return a table for people."""
    head = f"{'kernel':44} {'real':8} {'sm':>4} {'registers':>9} {'shared':>7} {'local':>6} {'spills':>6} {'blocks':>6}"
    lines = [
        f"{row.kernel:44} {row.real:8} {row.architecture:4} {row.registers:9} {row.shared:7} {row.frame:6} "
        f"{row.spilled:6} {row.resident:6}"
        for _, row in rows
    ]
    return "\n".join([head, *lines])
