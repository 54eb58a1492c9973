"""The derivatives of a step that its cell has not written down, by autograd, where they are the vectors of `Partials`.

    s_t = f(a_t, s_{t-1}),  a_t = drive_t + W_hh h_{t-1},  f unit by unit

If the recurrent product enters with the drive alone, a step with W_hh = 0 and a in the drive's place is the same step;
and if it works unit by unit, one backward pass over the sum of its units gives every ∂s/∂a and ∂s/∂s_{t-1} at once.
Whether both hold is tried on a few numbers: most cells that are written as an equation are so, a GRU is not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor

from rnnlab.nets import Cell, LayerWeights, State
from rnnlab.nets.partials import Partials, StepPoint

_SEQUENCES, _INPUTS, _UNITS = 3, 2, 4
_ROUNDING = 1e-10  # relative, float64


@functools.lru_cache(maxsize=64)
def can_derive(cell: Cell) -> bool:
    """Tell whether `derive` gives the derivatives of a cell: tried, and not proved."""
    is_plain = type(cell).drive is Cell.drive and type(cell).recurrent_matrix is Cell.recurrent_matrix
    if not is_plain or cell.gate_names:  # gates have values, which no derivative tells
        return False
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    try:
        shapes = cell.parameter_shapes(_INPUTS, _UNITS)
        weights = {name: drawn(1, *shape) / sqrt(_UNITS) for name, shape in shapes.items()}
        drive_SBG = drawn(1, _SEQUENCES, cell.gates * _UNITS)
        before = tuple(drawn(1, _SEQUENCES, _UNITS) for _ in cell.states)
        return _is_tried(cell, weights, drive_SBG, before, drawn(_UNITS))
    except Exception:  # whatever it is that such a step does not do
        return False


def _is_tried(cell: Cell, weights: LayerWeights, drive_SBG: Tensor, before: State, factors_H: Tensor) -> bool:
    """Hold the step against that with a in the drive's place, and sums over units against weighted ones."""
    a_SBG = drive_SBG
    if cell.has_recurrent_matrix:
        a_SBG = drive_SBG + before[0] @ weights["weight_hh"].mT
    point = (a_SBG, *before)
    once = cell.step(drive_SBG, before, weights)
    again = cell.step(a_SBG, before, _without_recurrence(weights))
    if not all(map(_alike, once, again)):
        return False
    for state in range(len(before)):
        plain = _slopes(cell, weights, point, state, torch.ones_like(factors_H))
        weighted = _slopes(cell, weights, point, state, factors_H)
        for one, other in zip(plain, weighted, strict=True):
            if not _alike(one.unflatten(-1, (-1, _UNITS)) * factors_H, other.unflatten(-1, (-1, _UNITS))):
                return False
    return True


def _alike(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=_ROUNDING, atol=_ROUNDING)


def derive(cell: Cell, point: StepPoint, weights: LayerWeights) -> Partials:
    """Differentiate steps where they were made.

    Args:
        cell: one of which `can_derive` is true.
        point: the steps, with the leading dimensions (S, T, B).
        weights: of the layer, a leading S in each.
    """
    rows = [point.drive + point.product if cell.has_recurrent_matrix else point.drive, *point.before]
    leading, units = point.before[0].shape[:-1], point.before[0].shape[-1]
    flat = [each.flatten(1, -2) for each in rows]  # (S, T B, ...), as a step takes them
    one_H = point.before[0].new_ones(units)
    slopes = [_slopes(cell, weights, flat, state, one_H) for state in range(len(point.before))]
    by_drive = torch.stack([each[0].unflatten(-1, (-1, units)) for each in slopes], dim=-3)
    by_state = torch.stack([torch.stack(each[1:], dim=-2) for each in slopes], dim=-3)
    by_drive, by_state = (each.reshape(*leading, *each.shape[2:]) for each in (by_drive, by_state))
    by_product = by_drive if cell.has_recurrent_matrix else by_drive[..., :0, :]
    return Partials(by_product, by_drive, by_state if by_state.any() else None, {})


def _slopes(cell: Cell, weights: LayerWeights, point: Sequence[Tensor], state: int, factors_H: Tensor) -> list[Tensor]:
    """Give the derivatives of a state's weighted sum over units, by a and by each state before."""
    with torch.enable_grad():
        leaves = [each.detach().requires_grad_() for each in point]
        after = cell.step(leaves[0], tuple(leaves[1:]), _without_recurrence(weights))[state]
        if not after.requires_grad:
            return [torch.zeros_like(leaf) for leaf in leaves]
        found = torch.autograd.grad((after * factors_H).sum(), leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if slope is None else slope for leaf, slope in zip(leaves, found, strict=True)]


def _without_recurrence(weights: LayerWeights) -> dict[str, Tensor]:
    """Give the weights with zeros in the place of the matrices that the old state goes through."""
    detached = {name: weight.detach() for name, weight in weights.items()}
    return {
        name: torch.zeros_like(weight) if name.startswith("weight_hh") else weight for name, weight in detached.items()
    }
