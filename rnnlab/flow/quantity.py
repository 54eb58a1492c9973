"""Quantities: what a run folder holds, each declared once.

A **quantity** is an array: its name is the contract (what is recorded, exported, plotted and looked up in Python), its
axes have names, its symbol and unit stand on every figure and column. A **summary** is one number of a run: a column of
the index. Both belong to a group, which computes them (rnnlab.flow.group). Whatever shows, writes or explains
quantities reads these declarations; a new group is one new file of `rnnlab/flow/groups/`, and nothing elsewhere.

Nothing here imports numpy or PyTorch: `rnnlab ls` and `--help` read the declarations too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

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
