"""Quantities: what a run folder holds, each declared once.

A **quantity** is an array: its name is the contract (what is recorded, exported, plotted and looked up in Python), its
axes have names, its symbol and unit stand on every figure and column. A **summary** is one number of a run: a column of
the index. A **group** is one file of `rnnlab/flow/groups/`: the quantities and summaries that are computed together,
which cells have them, and what they cost. Whatever shows, writes or explains quantities reads these declarations; a
new group is one new file there, and nothing elsewhere.

Nothing here imports numpy or PyTorch: `rnnlab ls` and `--help` read the declarations too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rnnlab.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem
    from rnnlab.nets import Cell

Arrays = Mapping[str, "np.ndarray"]


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
    """

    name: str
    letter: str
    column: str
    label: str
    first: int = 0
    values: str | None = None


RECORD = Axis("record", "R", "update", "update", values="step")
BATCH = Axis("batch", "N", "batch_from_0", "batch")
LAYER = Axis("layer", "L", "layer_from_0", "layer")
TIMESTEP = Axis("timestep", "T", "timestep_from_1", "timestep t", first=1)
RANK = Axis("rank", "H", "rank_from_1", "rank", first=1)
PARAMETER = Axis("parameter", "P", "parameter", "parameter", values="param_names")


@dataclass(frozen=True)
class Table:
    """The quantities of the same axes: one table of `rnnlab export`, one kind of panel."""

    name: str
    axes: tuple[Axis, ...]


LOSS = Table("loss", (BATCH,))
PROBE = Table("probe", (RECORD,))
FLOW = Table("flow", (RECORD, LAYER, TIMESTEP))
SPECTRUM = Table("spectrum", (RECORD, LAYER, RANK))
PARAMETERS = Table("parameters", (RECORD, PARAMETER))

Scale = Literal["linear", "log", "signed-log", "complex"]


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
        return self.table.axes

    @property
    def column(self) -> str:
        """The name of its column in an exported table."""
        return f"{self.name}_{self.unit}" if self.unit else self.name


@dataclass(frozen=True)
class Summary:
    """One number of a run: a column of the index.

    Attributes:
        name: of the column: `final_gradient_slope`.
        words: what an axis of a figure calls it.
        meaning: what it is, in one sentence without a full stop.
        take: gives the number from the arrays and the floors of a run; None where there is none.
        unit: what stands behind the words in brackets, where the number has a unit.
        short: the heading in a terminal's table; empty for a number that only --json and --csv show.
        middle: the value at which it changes its meaning: neither vanishing nor exploding.
    """

    name: str
    words: str
    meaning: str
    take: Callable[[Arrays, Mapping[str, float]], float | None]
    unit: str = ""
    short: str = ""
    middle: float | None = None


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


class Group(ABC):
    """Quantities that are computed together: one file of `rnnlab/flow/groups/`.

    Attributes:
        name: what messages call it.
        place: where it stands in lists.
    """

    name: ClassVar[str]
    place: ClassVar[int] = 100
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


GROUPS: Registry[Group] = Registry("group of quantities", "rnnlab.flow.groups")
"""Every group, `base` first."""


def iterate_quantities() -> Iterator[Quantity]:
    """Give every quantity of every group, in order."""
    return (quantity for group in GROUPS.values() for quantity in group.quantities)


def iterate_summaries() -> Iterator[Summary]:
    """Give every summary number of every group, in the order of the index."""
    return (summary for group in GROUPS.values() for summary in group.summaries)
