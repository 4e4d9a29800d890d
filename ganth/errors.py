"""The exceptions and the one warning that ganth raises."""


class ShapeError(ValueError):
    """An array has the wrong number of axes, or two arrays disagree on a shared one."""


class ParameterError(ValueError):
    """A setting breaks its rule: the message names the argument, the rule and the value."""


class DataUnavailableError(ParameterError):
    """Files of a data set are in none of the places looked at; the message names these and what to do."""


class BackendUnavailableError(RuntimeError):
    """The requested backend cannot run on this machine; the message says what to do."""


class DeviceMemoryError(MemoryError):
    """A GPU has no room for what a call needs there; the message says how much and what to do."""


class DivergedError(ArithmeticError):
    """A simulation left the finite numbers; the message names the step and the trial."""


class DivergenceWarning(RuntimeWarning):
    """At least one trial of a run left the finite numbers."""


class InterruptedRun(KeyboardInterrupt):
    """Ctrl-C during a run: `run` holds every record finished before it, and can be saved or extended."""

    def __init__(self, run: object) -> None:
        super().__init__("interrupted; the finished records are in this exception's .run")
        self.run = run


class SweepError(RuntimeError):
    """Cells of a sweep failed: the message names them, `table` holds the others, with NaN where one is missing."""

    def __init__(self, message: str, table: object) -> None:
        super().__init__(message)
        self.table = table
