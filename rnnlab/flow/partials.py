"""The derivatives of a cell's step: as the cell has written them down, or else as they can be derived."""

from __future__ import annotations

from rnnlab.nets import Cell, LayerWeights
from rnnlab.nets.partials import Partials, StepPoint

__all__ = ["Partials", "StepPoint", "has_partials", "partials"]


def has_partials(cell: Cell) -> bool:
    """Tell whether the derivatives of a cell's steps are known; those of a subclass are its own."""
    if _are_written_down(cell):
        return True
    from rnnlab.flow.deriving import can_derive  # only here, since it takes PyTorch

    return can_derive(cell)


def partials(cell: Cell, point: StepPoint, weights: LayerWeights) -> Partials:
    """Differentiate steps of a cell where they were made.

    Args:
        cell: the cell.
        point: the steps, with the leading dimensions (S, T, B).
        weights: of the layer, a leading S in each.

    Raises:
        TypeError: nothing is written down for this cell, and nothing can be derived.
    """
    if not _are_written_down(cell) and has_partials(cell):
        from rnnlab.flow.deriving import derive

        return derive(cell, point, weights)
    return cell.linearise(point)


def _are_written_down(cell: Cell) -> bool:
    return type(cell).linearise is not Cell.linearise
