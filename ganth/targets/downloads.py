"""Downloads of image data sets, only when they are asked for, each file held to its published checksum."""

import pathlib

from ..errors import DataUnavailableError
from .places import DATA_SETS


def fetch(name: str, folder: pathlib.Path) -> None:
    """Fetch the published files of a data set into `folder`, unless they are there whole.

    Raises `DataUnavailableError` where pooch is not installed, no mirror answers, or a checksum is wrong.
    """
    try:
        import pooch
    except ImportError:
        raise DataUnavailableError("download=True needs pooch: pip install 'ganth[data]'") from None
    known = DATA_SETS[name]
    for file, md5 in known.md5.items():
        unpack = pooch.Untar(extract_dir=".") if file.endswith(".tar.gz") else None
        failures = []
        for mirror in known.mirrors:
            try:
                pooch.retrieve(f"{mirror}{file}", f"md5:{md5}", fname=file, path=folder, processor=unpack)
                break
            except Exception as error:  # of a server, of the network, or a wrong checksum: all mean the next mirror
                failures.append(f"{mirror}{file}: {error}")
        else:
            raise DataUnavailableError(f"{file} of {name} cannot be fetched: {'; '.join(failures)}")
