"""The derivatives of a cell's step, where the cell has written them down (rnnlab.nets.partials)."""

from __future__ import annotations

from rnnlab.nets import Cell
from rnnlab.nets.partials import Partials, StepPoint

__all__ = ["Partials", "StepPoint", "has_partials", "partials"]


def has_partials(cell: Cell) -> bool:
    """Tell whether the derivatives of a cell's steps are written down; those of a subclass are its own."""
    return type(cell).linearise is not Cell.linearise


def partials(cell: Cell, point: StepPoint) -> Partials:
    """Differentiate a step of a cell where it was made.

    Raises:
        TypeError: nothing is written down for this cell.
    """
    return cell.linearise(point)
