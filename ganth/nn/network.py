"""A network of layers in a row: its shapes, where each layer's numbers lie in flat arrays, and its random start."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import checks
from ..backend import resolve
from ..checks import Floats
from ..errors import ParameterError, ShapeError
from ..formulas.random import WEIGHTS
from . import parts as kinds
from .parts import Part, Shape
from .starts import START_NAMES, start_of, state_of

_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        kinds.Conv, kinds.ConvTranspose, kinds.Linear, kinds.Reshape, kinds.BatchNorm, kinds.Activation, kinds.Noise,
        kinds.MinibatchStd,
    )
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Network:
    """Layers in a row.

    Parameters
    ----------
    parts : sequence of Conv, ConvTranspose, Linear, Reshape, BatchNorm, Activation, Noise and MinibatchStd
        From the input to the output; one or more.
    inputs : tuple of int >= 1
        Shape of one input: (height, width, channels) or (units,).

    Raises
    ------
    ParameterError, ShapeError
        Naming the layer, the rule and the value.

    Notes
    -----
    Parameters are one flat array, layer by layer, in the order in which `split` names them; what is kept but not
    trained (running means and variances, spectral vectors) is another.  Images are (batch, height, width, channels).

    Examples
    --------
    >>> net = Network((kinds.Conv(32), kinds.Activation("leaky"), kinds.Linear(1)), inputs=(28, 28, 1))
    >>> net.outputs, net.size
    ((1,), 6817)
    >>> [sorted(layer) for layer in net.split(net.initial(seed=3))]
    [['biases', 'weights'], [], ['biases', 'weights']]
    """

    parts: tuple[Any, ...]
    inputs: Shape

    def __post_init__(self) -> None:
        if not isinstance(self.parts, Sequence):
            raise ParameterError(f"parts must be a sequence of layers, got {self.parts!r}")
        if not self.parts:
            raise ParameterError("parts must hold at least one layer, got none")
        for i, part in enumerate(self.parts):
            if not isinstance(part, tuple(_KINDS.values())):
                raise ParameterError(f"parts[{i}] must be one of {', '.join(_KINDS)}, got {part!r}")
        try:
            inputs = tuple(self.inputs)
        except TypeError:
            raise ParameterError(f"inputs must be a shape, got {self.inputs!r}") from None
        if not inputs:
            raise ParameterError("inputs must be a shape of one number or more, got ()")
        inputs = tuple(checks.integer(f"inputs[{i}]", n, at_least=1) for i, n in enumerate(inputs))
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "inputs", inputs)
        _ = self.shapes

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of one input, and of what each layer puts out."""
        found = [self.inputs]
        for i, part in enumerate(self.parts):
            try:
                found.append(part.outputs(found[-1]))
            except ShapeError as error:
                raise ShapeError(f"parts[{i}]: {error}") from None
        return tuple(found)

    @property
    def outputs(self) -> Shape:
        """The shape of one output."""
        return self.shapes[-1]

    @property
    def size(self) -> int:
        """The number of parameters."""
        return _count(self, "parameters")

    @property
    def state_size(self) -> int:
        """The number of what is kept but not trained."""
        return _count(self, "state")

    def split(self, parameters: NDArray[Any]) -> tuple[dict[str, NDArray[Any]], ...]:
        """Return views of flat parameters (size,), by name, for each layer.

        >>> net = Network((kinds.Linear(2), kinds.BatchNorm()), inputs=(3,))
        >>> [{name: view.shape for name, view in layer.items()} for layer in net.split(np.zeros(12))]
        [{'weights': (2, 3), 'biases': (2,)}, {'scale': (2,), 'shift': (2,)}]
        """
        return _views(self, "parameters", parameters)

    def split_state(self, state: NDArray[Any]) -> tuple[dict[str, NDArray[Any]], ...]:
        """Return views of a flat state (state_size,), by name, for each layer."""
        return _views(self, "state", state)

    def initial(
        self, seed: int | np.random.Generator = 0, *, trial: int = 0, purpose: int = WEIGHTS, start: str = "dcgan"
    ) -> Floats:
        r"""Return parameters at their random start, (size,).

        Parameters
        ----------
        seed : int in [0, 2**64) or numpy Generator
        trial : int >= 0
        purpose : int
            Of the random stream; layer l of those that have parameters draws from its steps 2 l and 2 l + 1, so that
            noise between layers changes nothing.
        start : str
            "dcgan": weights N(0, 0.02), as a standard deviation, scales N(1, 0.02), all else 0 (Radford et al. 2016).
            "torch": weights and biases uniform in :math:`(-1, 1)/\sqrt{f}`, f the fan in; scales 1.
            "xavier_normal", "xavier_uniform": variance :math:`2/(f + g)`, g the fan out.
            "kaiming_normal", "kaiming_uniform": variance :math:`2/f`.
            "orthogonal": the matrix of weights has orthonormal rows or columns, whichever are fewer.
            "dirac": a layer hands on the channels that it can, as they are.
            The last six have biases 0 and scales 1.

        Raises
        ------
        ParameterError
            Naming the argument, the rule and the value.

        Notes
        -----
        Fans are PyTorch's: for weights (channels, kernel, kernel, inputs) f = inputs kernel^2 and g = channels
        kernel^2; for a transposed convolution the two change places, which halves or doubles its outputs.

        Examples
        --------
        >>> net = Network((kinds.Conv(8, bias=False),), inputs=(28, 28, 1))
        >>> bool(abs(net.initial(seed=1).std() - 0.02) < 0.003)
        True
        """
        key = checks.seed_key(seed)
        checks.choice("start", start, START_NAMES)
        out = np.empty(self.size)
        own = [(part, views) for part, views in zip(self.parts, self.split(out), strict=True) if views]
        for layer, (part, views) in enumerate(own):
            start_of(part, views, start, key, trial=trial, purpose=purpose, layer=layer)
        return out

    def initial_state(self, seed: int | np.random.Generator = 0, *, trial: int = 0) -> Floats:
        """Return what is kept but not trained at its start, (state_size,).

        Running means are 0, variances 1.  A right spectral vector is a random direction and a left one 0, which marks
        that the first forward pass makes 15 power iterations, as PyTorch does for a new layer.
        """
        key = checks.seed_key(seed)
        out = np.empty(self.state_size)
        for layer, views in enumerate(filter(None, self.split_state(out))):
            state_of(views, key, trial=trial, layer=layer)
        return out

    def bind(
        self, batch: int, dtype: DTypeLike = "float32", *, threads: int | None = None, backend: str = "cpu"
    ) -> Any:
        """Return `NetworkLayers` for batches of a size that does not change: buffers are made once.

        Parameters
        ----------
        batch : int >= 1
        dtype : {"float32", "float64"}
        threads : int >= 1, optional
            That share the work; they change no bit.  None: as many as Numba has.
        backend : {"cpu", "cuda", "auto"}
            On a GPU what is returned takes arrays of the host, and arrays of the device, which stay there.

        Raises
        ------
        ParameterError, BackendUnavailableError
            Naming the argument, the rule and the value; or if the backend cannot run here.
        """
        from .chain import NetworkLayers
        from .device_chain import DeviceLayers

        kind = DeviceLayers if resolve(backend) == "cuda" else NetworkLayers
        return kind(self, batch=batch, dtype=dtype, threads=threads)

    def description(self) -> dict[str, Any]:
        """Return the settings as what JSON can hold; see `from_description`."""
        parts = [{"part": type(part).__name__, **dataclasses.asdict(part)} for part in self.parts]
        return {"parts": parts, "inputs": list(self.inputs)}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "Network":
        """Return the network that `description` told of.

        >>> net = Network((kinds.Linear(2), kinds.Activation("tanh")), inputs=(3,))
        >>> Network.from_description(net.description()) == net
        True
        """
        found: list[Part] = []
        for i, settings in enumerate(description["parts"]):
            settings = dict(settings)
            kind = checks.choice(f"parts[{i}].part", settings.pop("part"), tuple(_KINDS))
            found.append(_KINDS[kind](**settings))
        return cls(tuple(found), tuple(description["inputs"]))


def slices_of(network: Network, what: str) -> list[dict[str, slice]]:
    """Return by name, for each layer, where its "parameters" or its "state" lie in the flat array of them all."""
    found, at = [], 0
    for shapes in _shapes(network, what):
        slices = {}
        for name, shape in shapes.items():
            slices[name] = slice(at, at + math.prod(shape))
            at += math.prod(shape)
        found.append(slices)
    return found


def _shapes(network: Network, what: str) -> list[Mapping[str, Shape]]:
    return [getattr(part, what)(shape) for part, shape in zip(network.parts, network.shapes, strict=False)]


def _count(network: Network, what: str) -> int:
    return sum(math.prod(shape) for shapes in _shapes(network, what) for shape in shapes.values())


def _views(network: Network, what: str, flat: NDArray[Any]) -> tuple[dict[str, NDArray[Any]], ...]:
    size = _count(network, what)
    if flat.shape != (size,):
        raise ShapeError(f"{what} must have shape ({size},), got {flat.shape}")
    layers = zip(_shapes(network, what), slices_of(network, what), strict=True)
    return tuple(
        {name: flat[slices[name]].reshape(shape) for name, shape in shapes.items()} for shapes, slices in layers
    )
