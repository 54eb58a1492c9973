"""The derivatives of one step of a cell, as the cell itself writes them (`Cell.linearise`).

Given the product u = W h_{t-1} with the recurrent matrix W, a step works unit by unit: unit j of the new state depends
on unit j of each gate's product, of each gate's drive and of each old state alone. Its Jacobian is therefore

    ∂s_a / ∂s_b = Σ_g diag(∂s_a/∂u_g) W_g [b = h] + diag(∂s_a/∂s_b at fixed u)

and a few vectors stand for whole matrices. a and b run over the A states of a cell (h, or h and c), g over its gates;
a cell without a recurrent matrix has no products, and only the second part. Shapes: leading dimensions such as
(S, T, B), then A states, G gates, H units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from rnnlab.nets.cells.base import State


@dataclass(frozen=True)
class Partials:
    """The derivatives of a step, unit by unit.

    Attributes:
        by_product: ∂s_a/∂u_g, (..., A, G, H); G is 0 without a recurrent matrix.
        by_drive: ∂s_a/∂drive_g, (..., A, G, H).
        by_state: ∂s_a/∂s_b at fixed products, (..., A, A, H); None where it is zero.
        gates: the values of the cell's gates by name, (..., H).
    """

    by_product: Tensor
    by_drive: Tensor
    by_state: Tensor | None
    gates: dict[str, Tensor]


@dataclass(frozen=True)
class StepPoint:
    """Where a step is differentiated.

    Attributes:
        drive: what comes from the input, (..., G H).
        product: W h_{t-1}, (..., G H).
        before: the state before the step, each (..., H).
        vectors: the layer's parameters that are vectors, by name, of shapes that broadcast to (..., H).
    """

    drive: Tensor
    product: Tensor
    before: State
    vectors: Mapping[str, Tensor]
