"""Files that are there whole or not at all."""

import os
import pathlib
import secrets


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
