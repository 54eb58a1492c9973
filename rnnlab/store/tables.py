"""The arrays of runs as long tables, one row a number's place: read run after run, a block of rows at a time.

Which tables there are, and their columns, follows from the declared quantities (rnnlab.flow.quantity).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.flow.group import GROUPS
from rnnlab.flow.quantity import Axis, Quantity, Table
from rnnlab.store.arrays import read_arrays
from rnnlab.store.atomic import read_npz_shapes
from rnnlab.store.folders import RunEntry

if TYPE_CHECKING:
    import numpy as np

Row = tuple[Any, ...]

_BLOCK_ROWS = 8192
"""So many rows stand in memory at once: enough to hide overhead."""


@dataclass(frozen=True)
class RunTable:
    """One table of one run, not read yet.

    Attributes:
        folder: of the run.
        table: which.
        files: the quantities that it holds, by the file that they lie in, in declared order.
        config: of the run, as plain data.
    """

    folder: Path
    table: Table
    files: Mapping[str, tuple[Quantity, ...]]
    config: Mapping[str, Any]

    @property
    def columns(self) -> list[str]:
        """The names of the columns: first those of the axes."""
        quantities = [quantity for each in self.files.values() for quantity in each]
        axes = [axis.column for axis in self.table.axes]
        return [*axes, *(column for quantity in quantities for column in quantity.columns)]

    def read_blocks(self) -> Iterator[list[Row]]:
        """Read it, some rows at a time.

        Raises:
            DamagedRunError: a file is damaged.
        """
        parts = [_read(self.folder / file, self.config, self.table, each) for file, each in self.files.items()]
        places = [_union(axis, [part.places[axis.name] for part in parts]) for axis in self.table.axes]
        columns = [array for part in parts for array in part.spread_over(places)]
        rows_each = math.prod(map(len, places[1:]))
        some = max(1, _BLOCK_ROWS // max(1, rows_each))
        for start in range(0, len(places[0]), some):
            where = itertools.product(places[0][start : start + some], *places[1:])
            numbers = zip(*(each for array in columns for each in _as_lists(array[start : start + some])), strict=True)
            yield [(*place, *those) for place, those in zip(where, numbers, strict=True)]


def find_table(entry: RunEntry, table: Table) -> RunTable | None:
    """Give one table of a run, of which only the names and shapes of its arrays are read; None where it has no row.

    Raises:
        DamagedRunError: a file is damaged.
    """
    files = {}
    for group in GROUPS.values():
        wanted = [quantity for quantity in group.quantities if quantity.table == table and not quantity.is_axis]
        if wanted and group.file in entry.record.files:
            shapes = read_npz_shapes(entry.path / group.file, [quantity.name for quantity in wanted])
            files[group.file] = tuple(quantity for quantity in wanted if math.prod(shapes.get(quantity.name, (0,))))
    files = {name: quantities for name, quantities in files.items() if quantities}
    return RunTable(entry.path, table, files, entry.record.config) if files else None


@dataclass(frozen=True)
class _FileColumns:
    """The arrays of one file, and what stands at each place of their axes."""

    arrays: Sequence[np.ndarray]
    places: Mapping[str, list[Any]]

    def spread_over(self, places: Sequence[list[Any]]) -> Sequence[np.ndarray]:
        """Give the arrays for all those places, None where there is nothing; for its own places as they are."""
        import numpy as np

        if list(self.places.values()) == places:
            return self.arrays
        indices = np.ix_(
            *([every.index(one) for one in own] for own, every in zip(self.places.values(), places, strict=True))
        )
        spread = []
        for array in self.arrays:
            spread.append(np.full(list(map(len, places)), None, dtype=object))
            spread[-1][indices] = array
        return spread


def _read(path: Path, config: Mapping[str, Any], table: Table, quantities: Sequence[Quantity]) -> _FileColumns:
    listed = [axis.values for axis in table.axes if axis.values]
    arrays = read_arrays(path, config, [*listed, *(quantity.name for quantity in quantities)])
    shape = arrays[quantities[0].name].shape
    places = {
        axis.name: arrays[axis.values].tolist() if axis.values else list(range(axis.first, axis.first + size))
        for axis, size in zip(table.axes, shape, strict=True)
    }
    return _FileColumns([arrays[quantity.name] for quantity in quantities], places)


def _union(axis: Axis, lists: Iterable[list[Any]]) -> list[Any]:
    """Give what stands anywhere; numbers in order."""
    found = dict.fromkeys(itertools.chain.from_iterable(lists))
    return sorted(found) if axis.values is None or all(isinstance(each, int) for each in found) else list(found)


def _as_lists(array: np.ndarray) -> list[list[Any]]:
    """Give the numbers of a column; of a complex one, the real part, the imaginary part and the magnitude."""
    values = array.ravel().tolist()
    if array.dtype.kind != "c":
        return [values]
    return [[value.real for value in values], [value.imag for value in values], [abs(value) for value in values]]
