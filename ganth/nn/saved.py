"""Networks on disk: settings, parameters and state in one npz file, written whole, without pickle."""

import io
import json
import os
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ShapeError
from ..files import DAMAGES, write_atomically
from .network import Network

_SCHEMA = 1


def save(
    path: str | os.PathLike[str], network: Network, parameters: NDArray[Any], state: NDArray[Any] | None = None
) -> pathlib.Path:
    """Write a network to an npz file, through a temporary file beside it, and return the path.

    Parameters
    ----------
    path : str or path
    network : Network
    parameters : (size,) array
        float32 or float64; kept as it is.
    state : (state_size,) array, optional
        None: none is kept, for networks that have none.

    Raises
    ------
    ShapeError
        Where the arrays are not those of the network.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from ganth import nn
    >>> net = nn.Network((nn.Linear(2),), inputs=(3,))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = nn.save(pathlib.Path(folder, "net.npz"), net, net.initial(seed=1))
    ...     again, parameters, state = nn.load(file)
    >>> again == net, bool((parameters == net.initial(seed=1)).all()), state.shape
    (True, True, (0,))
    """
    state = np.empty(0, parameters.dtype) if state is None else state
    network.split(parameters)
    network.split_state(state)
    content = io.BytesIO()
    about = json.dumps({"schema": _SCHEMA, "network": network.description()}, allow_nan=False)
    np.savez(content, about=np.array(about), parameters=parameters, state=state)
    return write_atomically(path, content.getbuffer())


def load(path: str | os.PathLike[str]) -> tuple[Network, NDArray[Any], NDArray[Any]]:
    """Return the network, the parameters and the state that `save` wrote.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    ParameterError
        Where the file is damaged, is no network's, or comes from a newer version.
    """
    content = io.BytesIO(pathlib.Path(path).read_bytes())
    try:
        with np.load(content, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            parameters, state = file["parameters"], file["state"]
        schema, description = int(about["schema"]), about["network"]
    except DAMAGES as error:
        raise ParameterError(f"{path} must be a file that ganth.nn.save wrote, got: {error}") from None
    if schema > _SCHEMA:
        raise ParameterError(f"{path} has schema {schema}, newer than {_SCHEMA}, the newest that this version reads")
    try:
        network = Network.from_description(description)
        network.split(parameters)
        network.split_state(state)
    except (ShapeError, KeyError, TypeError) as error:
        raise ParameterError(f"{path} must hold the arrays of its network, got: {error}") from None
    return network, parameters, state
