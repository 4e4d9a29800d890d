"""What a sweep returns: one row for each cell and seed."""

import csv
import io
import os
import pathlib
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..errors import ParameterError
from ..files import write_atomically

_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """The rows of a sweep: in the order of the grid, its last name varying faster than the others, seeds fastest.

    ``len(table)`` is the number of rows, ``table[name]`` a column.

    Attributes
    ----------
    columns : dict of str to (rows,) array
        The grid's names, "seed", and the names of the numbers that the function returned ("value" for a bare number).
    axes : dict of str to array
        The values of each name of the grid, and of "seed", once.

    Examples
    --------
    >>> import numpy as np
    >>> table = Table(
    ...     {"x": np.array([1, 1, 2, 2]), "seed": np.array([0, 1, 0, 1]), "value": np.array([0.1, 0.2, 0.3, 0.4])},
    ...     {"x": np.array([1, 2]), "seed": np.array([0, 1])},
    ... )
    >>> table.grid("value").mean(axis=-1).round(3).tolist()
    [0.15, 0.35]
    >>> table
    Table of 4 rows: x (2) by seed (2)
    x  seed  value
    1  0     0.1
    1  1     0.2
    2  0     0.3
    2  1     0.4
    """

    columns: dict[str, NDArray[Any]]
    axes: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns["seed"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.columns:
            raise ParameterError(f"name must be one of {', '.join(map(repr, self.columns))}, got {name!r}")
        return self.columns[name]

    def __repr__(self) -> str:
        shape = " by ".join(f"{name} ({len(values)})" for name, values in self.axes.items())
        head = [*map(list, [self.columns, *self._texts(_SHOWN)])]
        widths = [max(map(len, column)) for column in zip(*head, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in head]
        rest = [f"... and {len(self) - _SHOWN} more"] if len(self) > _SHOWN else []
        return "\n".join([f"Table of {len(self)} rows: {shape}", *lines, *rest])

    def grid(self, name: str) -> NDArray[Any]:
        """Return a column with one axis for each of `axes`: (values of the first name, ..., seeds)."""
        return self[name].reshape([len(values) for values in self.axes.values()])

    def to_csv(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write the table to `path`, whole or not at all, and return the path.

        Numbers are written so that they read back as they were, and nothing else is: the same sweep gives the same
        bytes.
        """
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self._texts(len(self))])
        return write_atomically(path, text.getvalue().encode())

    def _texts(self, rows: int) -> list[tuple[str, ...]]:
        columns = ([str(value) for value in column[:rows].tolist()] for column in self.columns.values())
        return list(zip(*columns, strict=True))
