"""The complex step through a cell's own `step`, for cells and nonlinearities that no equation is written down for here.

PyTorch's tensors take complex numbers where a function of them is analytic. Where it is not (relu, a maximum) they
refuse; where they take it and are no derivative all the same (an absolute value), a finite difference shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from rnnlab.audit.case import AuditCase, NotKnownError
from rnnlab.nets import Cell
from rnnlab.nets.parameters import layer_weights

_STEP = 1e-6
"""Of a central difference in float64: its error is about 1e-9 of the derivative, its rounding 1e-10 of the loss."""

_ALIKE = 1e-4
"""Far above both, and far below what a function that is not analytic is wrong by."""


class NotAnalyticError(NotKnownError):
    """A cell cannot be taken in complex numbers; the message says why."""

    def __init__(self, cell: Cell, reason: str) -> None:
        Exception.__init__(self, f"the step of '{cell.name}' cannot be taken in complex numbers: {reason}")


def forward_by_own_step(
    case: AuditCase, weights: Mapping[str, np.ndarray], nudge: Callable[[int, int], np.ndarray | float]
) -> np.ndarray:
    """Give complex predictions, (B, T, O).

    Args:
        case: the net and its sequences.
        weights: by name; one of them may be complex.
        nudge: gives what h of a layer and a timestep is nudged by.

    Raises:
        NotAnalyticError: an operation of the step does not take complex numbers.
    """
    cell = case.architecture.cell
    tensors = {name: torch.from_numpy(weight.astype(np.complex128)) for name, weight in weights.items()}
    x_TBI = torch.from_numpy(case.inputs_BTI.swapaxes(0, 1).astype(np.complex128))
    with torch.no_grad():
        for layer in range(case.architecture.layers):
            try:
                x_TBI = _run_layer(cell, layer_weights(tensors, layer), x_TBI, layer, nudge)
            except (RuntimeError, TypeError) as error:
                raise NotAnalyticError(cell, str(error).strip().partition("\n")[0]) from None
    top_TBH = x_TBI.numpy()
    return np.asarray(top_TBH @ weights["readout_weight"].T + weights["readout_bias"]).swapaxes(0, 1)


def _run_layer(
    cell: Cell,
    weights: Mapping[str, Tensor],
    x_TBI: Tensor,
    layer: int,
    nudge: Callable[[int, int], np.ndarray | float],
) -> Tensor:
    drives = cell.drive(weights, x_TBI).unbind(dim=-3)
    state = cell.begin(weights, drives[0])
    states = []
    for t, drive_BG in enumerate(drives):
        h_BH, *others = cell.step(drive_BG, state, weights)
        state = (h_BH + torch.as_tensor(nudge(layer, t)), *others)
        states.append(state[0])
    return torch.stack(states)


def check_analytic(cell: Cell, loss_at: Callable[[float], float], derivative: float) -> None:
    """Hold a derivative by complex step against a difference of losses.

    Args:
        cell: what it is of.
        loss_at: the loss at so many steps along the direction.
        derivative: along it.

    Raises:
        NotAnalyticError: they are not alike.
    """
    difference = (loss_at(_STEP) - loss_at(-_STEP)) / (2 * _STEP)
    if np.isfinite(difference) and abs(difference - derivative) > _ALIKE * max(abs(difference), abs(derivative), 1e-6):
        raise NotAnalyticError(cell, "it is not analytic (an absolute value, a real part)")
