"""How validations are run, and the hashes that tell whether a result still stands."""

import functools
import hashlib
import pathlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..files import data_places
from .checkout import Validation
from .evidence import sha256

PROFILES = ("smoke", "quick", "paper")
_GANTH = pathlib.Path(__file__).resolve().parents[1]
_NO_INPUT = ("claims", "plotting", "cli.py", "cli_train.py", "__main__.py")
_READS_DATA = "TP-images"  # the group that takes the image data sets whose files it finds
_DATA = ("*-ubyte*", "*_batch*")  # names of these files


@dataclass(frozen=True)
class Job:
    """How validations are run: profile, seed, backend, processes or threads, and the folder of the figures."""

    out: pathlib.Path
    profile: str = "quick"
    seed: int = 0
    backend: str = "cpu"
    jobs: int = 1

    def inputs_hash(self, validation: Validation) -> str:
        """Return a hash of all that the result depends on: the file, ganth's sources, profile, seed, backend."""
        digest = hashlib.sha256(validation.path.read_bytes())
        digest.update(f"{_hash_of_sources()} {self.profile} {self.seed} {self.backend}".encode())
        if validation.group == _READS_DATA:
            digest.update(_files_of_data().encode())
        return digest.hexdigest()

    def stamp(self, validation: Validation) -> str:
        """Return what tells figures made here, as they are now, from files that were edited or came with a clone."""
        files = [self.out / f"{validation.id}{suffix}" for suffix in (".json", ".png", ".gif")]
        made = (sha256(file) for file in files if file.suffix != ".gif" or file.is_file())
        return " ".join((*made, _hash_of_plotting()))

    def stamp_file(self, validation: Validation) -> pathlib.Path:
        """Return where the stamp of a validation is kept."""
        return self.out / ".partial" / f"{validation.id}.made"

    def work_folder(self, validation: Validation) -> pathlib.Path:
        """Return the folder of what is not yet complete."""
        return self.out / ".partial" / validation.id


def _hash_of(paths: Iterable[pathlib.Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(_GANTH).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _hash_of_sources() -> str:
    return _hash_of(path for path in _GANTH.rglob("*.py") if path.relative_to(_GANTH).parts[0] not in _NO_INPUT)


@functools.cache
def _hash_of_plotting() -> str:
    return _hash_of((_GANTH / "plotting").rglob("*.py"))


def _files_of_data() -> str:
    """Return names and sizes of the files where data sets lie: what waits for them is run again once they are there."""
    depths = ("", "*/", "*/*/")
    found = {path for place in data_places() for depth in depths for name in _DATA for path in place.glob(depth + name)}
    return " ".join(f"{path}:{path.stat().st_size}" for path in sorted(found) if path.is_file())
