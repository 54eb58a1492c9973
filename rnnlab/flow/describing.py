"""What is declared, for people: every array and every number of a run, for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rnnlab.flow.group import GROUPS
from rnnlab.flow.quantity import Quantity

if TYPE_CHECKING:
    from rnnlab.nets import Cell


class QuantityDescription(NamedTuple):
    """One array of a run folder.

    Attributes:
        name: of the array.
        group: what it is measured with.
        file: where it lies in a run folder.
        shape: and type: (R,L,T) f8.
        axes: their names.
        symbol: how figures write it.
        column: what its column in exported tables begins with, its unit last; empty for what is an axis itself.
        unit: of the column.
        meaning: in a sentence without a full stop.
        equation: in plain letters.
        source: a paper or a textbook.
        cells: those that have it.
    """

    name: str
    group: str
    file: str
    shape: str
    axes: tuple[str, ...]
    symbol: str
    column: str
    unit: str
    meaning: str
    equation: str
    source: str
    cells: tuple[str, ...]


class NumberDescription(NamedTuple):
    """One summary number of a run: its column in the index, the group, what figures call it, its unit, its meaning."""

    name: str
    group: str
    words: str
    unit: str
    meaning: str


def describe_quantities() -> list[QuantityDescription]:
    """Describe every array that there can be in a run folder, in order."""
    from rnnlab.nets import CELLS

    cells = {name: cell() for name, cell in CELLS.items()}
    return [_describe(group, quantity, cells) for group in GROUPS for quantity in GROUPS[group].quantities]


def _describe(group: str, quantity: Quantity, cells: Mapping[str, Cell]) -> QuantityDescription:
    return QuantityDescription(
        name=quantity.name,
        group=group,
        file=GROUPS[group].file,
        shape=quantity.shape,
        axes=tuple(axis.name for axis in quantity.axes),
        symbol=quantity.symbol,
        column="" if quantity.is_axis else quantity.column,
        unit=quantity.unit,
        meaning=quantity.meaning,
        equation=quantity.equation,
        source=quantity.source,
        cells=tuple(name for name, cell in cells.items() if quantity.why_absent(cell) is None),
    )


def describe_numbers() -> list[NumberDescription]:
    """Describe every number of a run's summary, in the order of the index."""
    return [
        NumberDescription(summary.name, group, summary.words, summary.unit, summary.meaning)
        for group in GROUPS
        for summary in GROUPS[group].summaries
    ]
