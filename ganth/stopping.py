r"""Early stopping of a GAN by its discriminator's slope, TP's Algorithm 2, for any discriminator.

It needs nothing of ganth but NumPy: whatever trains, it is fed with the discriminator's values and input gradients at a
batch of generated points, and says stop or go.  In a PyTorch loop::

    stop = ganth.stopping.EarlyStopping(bandwidth=0.158, scale=2.0, modes=8, warmup=50)
    for epoch in range(400):
        train_one_epoch(generator, discriminator)
        fake = generator(torch.randn(256, 3)).detach().requires_grad_()
        logits = discriminator(fake)
        (slopes,) = torch.autograd.grad(logits.sum(), fake)
        if stop.update(logits.detach(), slopes, logits=True):
            break
        torch.save(generator.state_dict(), f"epoch-{epoch}.pt")
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BackendUnavailableError, ParameterError, ShapeError

__all__ = ["RULES", "EarlyStopping", "RecallStopping", "metric", "printed_threshold", "printed_thresholds"]

RULES = ("printed", "scale-invariant")
_INVARIANT_SCALE = 2.0
# App. F.2: k_s, variance as it is divided, and the numbers it is divided by.
_PRINTED = {
    "mixture": (2.0, 0.0125, 1),
    "mnist": (33.7, 0.33, 64 * 64),
    "fashion-mnist": (48.1, 0.33, 64 * 64),
    "cifar-10": (38.0, 0.23, 64 * 64 * 3),
}


def printed_threshold(bandwidth: float, scale: float) -> float:
    r"""Return TP's threshold, scale sqrt(2) / (2 bandwidth).

    Parameters
    ----------
    bandwidth : float > 0
        h = sqrt(2) times the standard deviation of a mode [data length].
    scale : float > 0
        k_s, the distance of modes, taken as a number.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Examples
    --------
    >>> round(printed_threshold(math.sqrt(2 * 0.0125), 2.0), 2)
    8.94
    """
    return _above_zero("scale", scale) * math.sqrt(2.0) / (2.0 * _above_zero("bandwidth", bandwidth))


def printed_thresholds() -> dict[str, float]:
    """Return the thresholds of TP's app. F.2, from its distances of modes and its variances, by data set.

    >>> {name: round(value, 1) for name, value in printed_thresholds().items()}
    {'mixture': 8.9, 'mnist': 1877.3, 'fashion-mnist': 2679.4, 'cifar-10': 4391.7}
    """
    return {
        name: printed_threshold(math.sqrt(2.0 * variance / entries), scale)
        for name, (scale, variance, entries) in _PRINTED.items()
    }


def metric(values: Any, gradients: Any, modes: int, *, logits: bool = False) -> float:
    r"""Return the (1 - 1/modes) quantile over a batch of \|grad d\| / d.

    Parameters
    ----------
    values : (m,) or (m, 1) array
        d at m generated points, > 0; with ``logits``, v where d = sigmoid(v).
    gradients : (m, ...) array
        grad d, or with ``logits`` grad v, in the points; its norm is over all axes but the first.
    modes : int >= 1
        Of the data.  1 gives the smallest value in the batch.
    logits : bool
        It keeps \|grad d\| / d = sigmoid(-v) \|grad v\| exact where d is 0 to rounding.

    Raises
    ------
    ParameterError, ShapeError
        For values <= 0, non-finite numbers, or shapes that disagree.
    BackendUnavailableError
        For an array on a GPU that gives no copy of itself.

    Examples
    --------
    >>> metric([0.5, 0.25], [[0.3, 0.4], [0.0, 1.0]], modes=2)  # the median of 1 and 4
    2.5
    """
    modes = _integer("modes", modes, 1)
    d, slopes = _host("values", values), _host("gradients", gradients)
    if d.ndim == 2 and d.shape[1] == 1:
        d = d[:, 0]
    if d.ndim != 1 or len(d) == 0:
        raise ShapeError(f"values must have shape (m,) or (m, 1), m >= 1, got {d.shape}")
    if slopes.ndim < 2 or len(slopes) != len(d):
        raise ShapeError(f"gradients must have shape (m, ...) with m = {len(d)} as values, got {slopes.shape}")
    for name, array in (("values", d), ("gradients", slopes)):
        if not np.isfinite(array).all():
            raise ParameterError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    norms = np.linalg.norm(slopes.reshape(len(d), -1), axis=1)
    if logits:
        with np.errstate(over="ignore"):
            ratio = norms * np.where(d > 0, np.exp(-np.abs(d)), 1.0) / (1.0 + np.exp(-np.abs(d)))
    else:
        if not (d > 0).all():
            at = int(np.argmin(d))
            raise ParameterError(f"values must be > 0, got {d[at]} at index {at}; pass logits=True and logits instead")
        ratio = norms / d
    return float(np.quantile(ratio, 1.0 - 1.0 / modes))


class EarlyStopping:
    r"""Says stop once the metric q, the (1 - 1/modes) quantile of \|grad d\|/d over a batch, has crossed a threshold.

    Parameters
    ----------
    threshold : float > 0, optional
        What q must exceed; with the scale-invariant rule what bandwidth times q must.  None: from bandwidth and scale.
    bandwidth : float > 0, optional
        h = sqrt(2) times the standard deviation of a mode [data length].
    scale : float > 0, optional
        "printed": k_s, the distance of modes, as a number; "scale-invariant": a multiple of the cone model's slope
        at two standard deviations (None: 2, its slope at three).
    modes : int >= 1
        Of the data; it must be given.
    warmup : int >= 0
        Calls during which it never stops: of `update`, be they epochs or iterations (TP has both).
    rule : {"printed", "scale-invariant"}
        "printed": q > scale sqrt(2) / (2 h).  "scale-invariant": h q > scale sqrt(2) / 2.  For modes at distance 2, as
        TP's mixture has, scale = 2 gives both the same threshold; if the data are multiplied by c, q becomes q/c, the
        printed threshold stays what it is, and the other follows.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: TP, Algorithm 2, secs. 5.2 and 5.3, app. F.2.  It is a heuristic: TP's own mixture has runs that cross the
    threshold and lose no mode, and others that lose modes below it.

    Attributes
    ----------
    history : list of float
        q of every call.
    stopped_at : int or None
        The first call, counted from 1, that said stop; from then on `update` says stop.

    Examples
    --------
    >>> stop = EarlyStopping(bandwidth=0.158, scale=2.0, modes=8, warmup=1)
    >>> calm, steep = (np.full((16, 3), g) for g in (0.1, 9.0))
    >>> d = np.full(16, 0.5)
    >>> [stop.update(d, slopes) for slopes in (steep, calm, steep, calm)]
    [False, False, True, True]
    >>> stop.stopped_at
    3
    """

    def __init__(
        self,
        threshold: float | None = None,
        bandwidth: float | None = None,
        scale: float | None = None,
        modes: int | None = None,
        warmup: int = 0,
        rule: str = "printed",
    ) -> None:
        if rule not in RULES:
            raise ParameterError(f"rule must be one of {', '.join(map(repr, RULES))}, got {rule!r}")
        self.modes, self.warmup = _integer("modes", modes, 1), _integer("warmup", warmup, 0)
        invariant = rule == "scale-invariant"
        if bandwidth is None and (invariant or threshold is None):
            raise ParameterError(f"bandwidth must be given for rule={rule!r}{'' if invariant else ' or a threshold'}")
        self.bandwidth = None if bandwidth is None else _above_zero("bandwidth", bandwidth)
        if threshold is None:
            if invariant:
                threshold = _above_zero("scale", _INVARIANT_SCALE if scale is None else scale) * math.sqrt(2.0) / 2.0
            elif scale is None:
                raise ParameterError("scale must be given with a bandwidth for rule='printed', got None")
            else:
                assert self.bandwidth is not None
                threshold = printed_threshold(self.bandwidth, scale)
        elif scale is not None:
            raise ParameterError(f"scale must be None where a threshold is given, got {scale!r}")
        self.threshold = _above_zero("threshold", threshold)
        self.rule = rule
        self.history: list[float] = []
        self.stopped_at: int | None = None

    @property
    def limit(self) -> float:
        """What q must exceed, whatever the rule [1 / data length]."""
        return self.threshold / self.bandwidth if self.rule == "scale-invariant" and self.bandwidth else self.threshold

    def update(self, values: Any, gradients: Any, *, logits: bool = False) -> bool:
        """Return whether to stop, after one more batch; see `metric` for the arguments and what it raises."""
        return self.observe(metric(values, gradients, self.modes, logits=logits))

    def observe(self, quantile: float) -> bool:
        """Return whether to stop, after one more value of the metric that was measured elsewhere.

        >>> stop = EarlyStopping(threshold=8.9, modes=8)
        >>> [stop.observe(q) for q in (3.0, 9.0, 1.0)]
        [False, True, True]
        """
        self.history.append(float(quantile))
        if self.stopped_at is None and len(self.history) > self.warmup and quantile > self.limit:
            self.stopped_at = len(self.history)
        return self.stopped_at is not None


class RecallStopping:
    """Says stop once recall has stayed below its best for a while, and remembers when it was best.

    Parameters
    ----------
    patience : int >= 1
        Calls in a row with a recall at least `drop` below the best before it says stop.
    drop : float >= 0
        What is less is noise.
    warmup : int >= 0
        Calls during which it never stops.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: TS, A.9.  Any number in [0, 1] that falls as modes are lost will do: `ganth.metrics.precision_recall`'s
    recall, the coverage of `density_coverage`, or 1 - `class_histogram_distance` with total variation.  Recall alone
    is high for noise that covers everything: watch precision beside it.

    Attributes
    ----------
    history : list of float
    best_at : int or None
        The first call, counted from 1, with the highest recall: the model to keep.
    stopped_at : int or None
        The first call that said stop; from then on `observe` says stop.

    Examples
    --------
    >>> stop = RecallStopping(patience=2, drop=0.1)
    >>> [stop.observe(recall) for recall in (0.3, 0.9, 0.85, 0.5, 0.4, 0.9)]
    [False, False, False, False, True, True]
    >>> stop.best_at, stop.stopped_at
    (2, 5)
    """

    def __init__(self, patience: int = 5, drop: float = 0.05, warmup: int = 0) -> None:
        self.patience, self.warmup = _integer("patience", patience, 1), _integer("warmup", warmup, 0)
        if not (isinstance(drop, int | float | np.floating) and 0 <= drop < math.inf):
            raise ParameterError(f"drop must be >= 0, got {drop!r}")
        self.drop = float(drop)
        self.history: list[float] = []
        self.best_at: int | None = None
        self.stopped_at: int | None = None
        self._low = 0

    def observe(self, recall: float) -> bool:
        """Return whether to stop, after one more value in [0, 1]; others, NaN too, raise `ParameterError`."""
        value = float(recall)
        if not 0 <= value <= 1:
            raise ParameterError(f"recall must be in [0, 1], got {recall!r}")
        self.history.append(value)
        best = -1.0 if self.best_at is None else self.history[self.best_at - 1]
        if value > best:
            self.best_at, best = len(self.history), value
        self._low = self._low + 1 if value <= best - self.drop and value < best else 0
        if self.stopped_at is None and len(self.history) > self.warmup and self._low >= self.patience:
            self.stopped_at = len(self.history)
        return self.stopped_at is not None


def _integer(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ParameterError(f"{name} must be an integer >= {least}, got {value!r}")
    return int(value)


def _above_zero(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be a number, got {value!r}") from None
    if not (number > 0 and math.isfinite(number)):
        raise ParameterError(f"{name} must be > 0, got {value!r}")
    return number


def _host(name: str, value: Any) -> NDArray[np.float64]:
    """Return anything array-like as a float64 array in the computer's own memory."""
    if not isinstance(value, np.ndarray):
        try:
            on_gpu = getattr(value, "__cuda_array_interface__", None) is not None
        except RuntimeError as error:  # PyTorch: a tensor on a GPU that requires a gradient
            raise ParameterError(f"{name} must be detached from its graph, got a tensor that is not: {error}") from None
        if on_gpu:
            value = _copied(name, value)
    try:
        if not hasattr(value, "__array_interface__") and hasattr(value, "__dlpack__"):
            value = np.from_dlpack(value)
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise ParameterError(f"{name} must be an array of numbers that can be read here: {error}") from None


def _copied(name: str, value: Any) -> Any:
    """Return a copy in the computer's own memory, by the way that the array's own library offers."""
    for way in ("copy_to_host", "get", "cpu"):  # Numba; CuPy; PyTorch
        if callable(found := getattr(value, way, None)):
            try:
                return found()
            except Exception as error:
                raise BackendUnavailableError(
                    f"{name} is an array on a GPU that could not be copied from it: {error}; pass a copy on the CPU"
                ) from error
    raise BackendUnavailableError(
        f"{name} is an array on a GPU without copy_to_host(), get() or cpu(); pass a copy on the CPU"
    )
