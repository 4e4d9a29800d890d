"""Files that are there whole or not at all, and where data sets are looked for."""

import os
import pathlib
import secrets
import struct
import zipfile
import zlib

# What reading a damaged npz file from memory may raise: zipfile has a RuntimeError for what looks encrypted or packed
# in an unknown way, a lone array makes a TypeError.  No OSError: a file that is not there is not damaged.
DAMAGES: tuple[type[Exception], ...] = (
    ValueError, TypeError, KeyError, EOFError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def data_places() -> list[pathlib.Path]:
    """Return the folders where data sets are looked for: that of GANTH_DATA, Debian's, and the cache of downloads.

    >>> data_places()[-1].name
    'ganth-data'
    """
    given = os.environ.get("GANTH_DATA")
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    # Not the folder of compiled code, which is emptied of what is old.
    return [*([pathlib.Path(given)] if given else []), pathlib.Path("/usr/share/datasets"), home / "ganth-data"]


def write_atomically(path: str | os.PathLike[str], content: bytes | memoryview) -> pathlib.Path:
    """Write `content` to `path` through a temporary file beside it, and return the path.

    A reader, or a process killed in between, sees the old file or the new one, never a part.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(pathlib.Path(folder, "new", "note.txt"), b"all of it").read_bytes()
    b'all of it'
    """
    target = pathlib.Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target
