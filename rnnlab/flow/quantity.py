"""Quantities: what a run folder holds, each declared once.

A **quantity** is an array: its name is the contract (what is recorded, exported, plotted and looked up in Python), its
axes have names, its symbol and unit stand on every figure and column. A **summary** is one number of a run: a column of
the index. A **group** is one file of `rnnlab/flow/groups/`: the quantities and summaries that are computed together,
which cells have them, and what they cost. Whatever shows, writes or explains quantities reads these declarations; a
new group is one new file there, and nothing elsewhere.

Nothing here imports numpy or PyTorch: `rnnlab ls` and `--help` read the declarations too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rnnlab.registry import Registry, UnknownNameError
from rnnlab.words import unknown_name

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem
    from rnnlab.nets import Cell

Arrays = Mapping[str, "np.ndarray"]


@dataclass(frozen=True)
class Sizes:
    """What the size and the cost of a group depend on: R records, L layers, T timesteps, H units, P parameters, ..."""

    records: int
    layers: int
    timesteps: int
    hidden_size: int
    parameters: int
    sequences: int
    batches: int


def _longest(sizes: Sizes) -> int:
    """Estimate the length of an axis that does not say: as many places as timesteps, or as units of an LSTM's state."""
    return max(sizes.timesteps, 2 * sizes.hidden_size)


@dataclass(frozen=True)
class Axis:
    """A direction of an array.

    Attributes:
        name: what it is called: `timestep`.
        letter: its length in the shapes of documentation: T.
        column: its column in exported tables: `timestep_from_1`.
        label: what it is called on a figure.
        first: the number of its first place, where it is counted.
        values: the array that holds its values, where it is not counted: `step` for records.
        length: estimates how many places it has.
        may_be_empty: whether it may have none: no batch is trained, no step leads from one timestep to another.
    """

    name: str
    letter: str
    column: str
    label: str
    first: int = 0
    values: str | None = None
    length: Callable[[Sizes], int] = _longest
    may_be_empty: bool = False


RECORD = Axis("record", "R", "update", "update", values="step", length=lambda sizes: sizes.records)
BATCH = Axis("batch", "batches", "batch_from_0", "batch", length=lambda sizes: sizes.batches, may_be_empty=True)
LAYER = Axis("layer", "L", "layer_from_0", "layer", length=lambda sizes: sizes.layers)
TIMESTEP = Axis("timestep", "T", "timestep_from_1", "timestep t", first=1, length=lambda sizes: sizes.timesteps)
LAG = Axis("lag", "K", "lag_from_0", "lag k", length=lambda sizes: sizes.timesteps)
RANK = Axis("rank", "H", "rank_from_1", "rank", first=1, length=lambda sizes: sizes.hidden_size)
PARAMETER = Axis(
    "parameter", "P", "parameter", "parameter", values="param_names", length=lambda sizes: sizes.parameters
)


@dataclass(frozen=True)
class Table:
    """The quantities of the same axes: one table of `rnnlab export`, one kind of panel.

    Attributes:
        name: what `--table` calls it.
        axes: of its quantities.
        meaning: what it holds, in a few words for the help; the names of its quantities where it does not say.
    """

    name: str
    axes: tuple[Axis, ...]
    meaning: str = ""


LOSS = Table("loss", (BATCH,), "training loss")
PROBE = Table("probe", (RECORD,), "probe loss")
FLOW = Table("flow", (RECORD, LAYER, TIMESTEP), "gradient and hidden norms")
SPECTRUM = Table("spectrum", (RECORD, LAYER, RANK), "eigenvalues, singular values (elman only)")
PARAMETERS = Table("parameters", (RECORD, PARAMETER), "gradient norm")

Scale = Literal["linear", "log", "signed-log", "complex"]

_WORDS = {"U": "text"}
_BYTES = {"f4": 4, "f8": 8, "c16": 16, "i8": 8, "U": 64}
"""The size of one number, or of one short name in numpy's four bytes a letter."""


def _every_cell(_cell: Cell) -> None:
    """Say that no cell lacks it."""


@dataclass(frozen=True)
class Quantity:
    """An array of a run folder.

    Attributes:
        name: of the array.
        symbol: how figures and terminals write it: ||dL/dh_t||.
        table: its axes, and the table that it is exported in.
        meaning: what it is, in one sentence without a full stop: a row of the documentation's table.
        unit: the end of its column's name in exported tables: `l2`, `ln`; empty where the name says it.
        column_name: what its column is called in place of its name: `eigenvalue` for `eigenvalues`.
        scale: how it is drawn.
        log_from: with scale `log`: drawn linearly where its values span less than this factor.
        dtype: numpy's name of its type.
        is_axis: whether it holds the values of an axis (`step`), and so is no column of its own.
        zero_is_minus_infinity: whether -inf stands for a true zero, and is no overflow.
        why_absent: says in a sentence why a cell has no such quantity; None where it has.
        equation: in the notation of the documentation.
        source: a paper or a textbook.
    """

    name: str
    symbol: str
    table: Table
    meaning: str
    unit: str = ""
    column_name: str = ""
    scale: Scale = "linear"
    log_from: float = 0.0
    dtype: str = "f8"
    is_axis: bool = False
    zero_is_minus_infinity: bool = False
    why_absent: Callable[[Cell], str | None] = _every_cell
    equation: str = ""
    source: str = ""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its directions, in the order of the array's."""
        return tuple(axis for axis in self.table.axes if not self.is_axis or axis.values == self.name)

    @property
    def column(self) -> str:
        """The name of its column in an exported table."""
        return "_".join(filter(None, (self.column_name or self.name, self.unit)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all its columns: a complex number has three."""
        if self.dtype.startswith("c"):
            return tuple(f"{self.column}_{part}" for part in ("real", "imaginary", "magnitude"))
        return (self.column,)

    @property
    def shape(self) -> str:
        """Its shape and type as documentation writes them: (R,L,T) f8."""
        letters = ",".join(axis.letter for axis in self.axes)
        return f"({letters}{',' if len(self.axes) == 1 else ''}) {_WORDS.get(self.dtype, self.dtype)}"

    def bytes(self, sizes: Sizes) -> int:
        """Estimate its size in memory and in the run folder."""
        return math.prod((_BYTES[self.dtype], *(axis.length(sizes) for axis in self.axes)))


@dataclass(frozen=True)
class Summary:
    """One number of a run: a column of the index.

    Attributes:
        name: of the column: `final_gradient_slope`.
        words: what an axis of a figure calls it.
        meaning: what it is, in one sentence without a full stop.
        take: gives the number from the arrays and the floors of a run; None, or not finite, where there is none.
        needs: the array that it is taken from: a run without it lacks the number.
        record: the record that it is of, 0 or -1; None where it is of the whole run.
        unit: what stands behind the words in brackets, where the number has a unit.
        short: the heading in a terminal's table; empty for a number that only --json and --csv show.
        middle: the value at which it changes its meaning: neither vanishing nor exploding.
        explodes: on which side of the middle gradients explode.
        headline: whether the figures of a study show it unasked.
    """

    name: str
    words: str
    meaning: str
    take: Callable[[Arrays, Mapping[str, float]], float | None]
    needs: str = ""
    record: Literal[0, -1] | None = None
    unit: str = ""
    short: str = ""
    middle: float | None = None
    explodes: Literal["above", "below"] = "above"
    headline: bool = False


class Group(ABC):
    """Quantities that are computed together: one file of `rnnlab/flow/groups/`.

    Attributes:
        name: what messages call it.
        place: where it stands in lists.
        by_default: whether it is measured of every run, unasked.
        of_training: whether it needs what training itself tells, and not the weights of records alone.
    """

    name: ClassVar[str]
    place: ClassVar[int] = 100
    by_default: ClassVar[bool] = True
    of_training: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]]
    summaries: ClassVar[tuple[Summary, ...]] = ()

    @property
    def file(self) -> str:
        """The file of a run folder that holds its arrays."""
        return f"{self.name}.npz"

    @abstractmethod
    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Measure some records of a run: arrays by name, records first, those that the cell has."""

    @abstractmethod
    def training_steps(self, sizes: Sizes) -> float:
        """Estimate what computing costs, in updates of the same net."""

    def records(self, count: int, _timesteps: int) -> Sequence[int]:
        """Choose which of so many records are measured, the first among them, rising: here all.

        Who measures gives `compute` the weights of these alone, and writes their `step` into the group's file. A group
        whose cost grows faster than T may choose fewer of long sequences.
        """
        return range(count)

    def underflows(self, _problem: Problem) -> bool:
        """Tell whether a number fell below the range of float64 where it should not have."""
        return False

    def bytes(self, sizes: Sizes) -> int:
        """Estimate the size of its arrays in memory and in the run folder."""
        return sum(quantity.bytes(sizes) for quantity in self.quantities)

    def summarise(self, arrays: Arrays, floors: Mapping[str, float]) -> dict[str, float | None]:
        """Give its summary numbers, first those of the whole run, then by record; None for what is not finite."""
        import numpy as np

        by_record = sorted(self.summaries, key=lambda summary: (None, 0, -1).index(summary.record))
        with np.errstate(all="ignore"):  # what has exploded has no ratio, and that is no warning
            found = {
                each.name: each.take(arrays, floors) for each in by_record if not each.needs or each.needs in arrays
            }
        return {
            name: None if value is None or not math.isfinite(value) else float(value) for name, value in found.items()
        }


GROUPS: Registry[Group] = Registry("group of quantities", "rnnlab.flow.groups")
"""Every group, `base` first."""


def default_groups() -> dict[str, Group]:
    """Give the groups that are measured of every run, by name."""
    return {name: group for name, group in GROUPS.items() if group.by_default}


ALL = "all"
"""Stands for every group, where groups are named."""


def named_groups(names: str | Sequence[str]) -> list[str]:
    """Take a list of groups apart: text with commas between the names, or a list of them; `all` stands for every one.

    Raises:
        ValueError: there is no such group; the message lists what there is, and names the nearest.
    """
    each = [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else list(names)
    known = addable_groups()
    if not each:
        raise ValueError(f"this names no group of quantities; valid: {', '.join([*known, ALL])}")
    for name in each:
        if name not in known and name != ALL:
            raise ValueError(unknown_name("group of quantities", name, [*known, ALL]))
    return list(known) if ALL in each else [name for name in known if name in each]


def wanted_groups(quantities: str | None) -> dict[str, Group]:
    """Give the groups that a run records, by name: those of every run, and those that `record.quantities` names."""
    named = set() if quantities is None else set(named_groups(quantities))
    return {name: group for name, group in GROUPS.items() if group.by_default or name in named}


def missing_groups(quantities: str | None, files: Collection[str]) -> list[str]:
    """Name the groups that `record.quantities` names and a run with these files has not got.

    What every run records now, and one of an older version lacks, is none of them: nobody has asked for it.
    """
    names = [] if quantities is None else named_groups(quantities)
    return [name for name in names if GROUPS[name].file not in files]


def addable_groups() -> dict[str, Group]:
    """Give the groups that a finished run can gain, by name: all but the first, which every run has."""
    return dict(list(GROUPS.items())[1:])


def iterate_quantities() -> Iterator[Quantity]:
    """Give every quantity of every group, in order."""
    return (quantity for group in GROUPS.values() for quantity in group.quantities)


def iterate_summaries() -> Iterator[Summary]:
    """Give every summary number of every group, in the order of the index."""
    return (summary for group in GROUPS.values() for summary in group.summaries)


def find_quantity(name: str) -> Quantity:
    """Give a quantity by its name.

    Raises:
        UnknownNameError: there is none; the message lists what there is.
    """
    named = {quantity.name: quantity for quantity in iterate_quantities()}
    if name not in named:
        raise UnknownNameError(f"there is no quantity '{name}'; valid: {', '.join(named)}")
    return named[name]


def find_file(name: str) -> str | None:
    """Give the file of a run folder that holds a quantity; None where it is declared nowhere."""
    return next((group.file for group in GROUPS.values() if any(each.name == name for each in group.quantities)), None)


def declared_tables() -> dict[str, Table]:
    """Give the tables of all quantities by name, in order."""
    return {quantity.table.name: quantity.table for quantity in iterate_quantities()}
