"""Files that are there whole or not at all."""

import os
import pathlib
import tempfile


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
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        pathlib.Path(temporary).unlink(missing_ok=True)
        raise
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
