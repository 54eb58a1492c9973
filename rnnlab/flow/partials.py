"""The derivatives of one step of each cell, written as their equations.

Given the product u = W_hh h_{t-1}, a step of every cell here works unit by unit: unit j of the new state depends on
unit j of each gate's product, of each gate's drive and of the old state alone. Its Jacobian is therefore

    ∂s_a / ∂s_b = Σ_g diag(∂s_a/∂u_g) W_g [b = h] + diag(∂s_a/∂s_b at fixed u)

and a few vectors stand for whole matrices. a and b run over the A states of a cell (h, or h and c), g over its gates.
Shapes: leading dimensions such as (S, T, B), then A states, G gates, H units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnlab.nets import GRU, LSTM, Elman

if TYPE_CHECKING:
    from torch import Tensor

    from rnnlab.nets import Cell, State


@dataclass(frozen=True)
class Partials:
    """The derivatives of a step, unit by unit.

    Attributes:
        by_product: ∂s_a/∂u_g, (..., A, G, H).
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
        product: W_hh h_{t-1}, (..., G H).
        before: the state before the step, each (..., H).
        bias_hn: the bias inside of the reset product of a GRU, of a shape that broadcasts to (..., H).
    """

    drive: Tensor
    product: Tensor
    before: State
    bias_hn: Tensor | None


def gate_names(cell: Cell) -> tuple[str, ...]:
    """Name the gates of a cell, those that `Partials.gates` has."""
    return _GATE_NAMES.get(type(cell), ())


def keeping_gate(cell: Cell) -> str | None:
    """Name the gate that says how much of the old state is kept; None for a cell without one."""
    return _KEEPING_GATES.get(type(cell))


def has_partials(cell: Cell) -> bool:
    """Tell whether the derivatives of a cell's steps are written down; those of a subclass are its own."""
    return type(cell) in _PARTIALS


def partials(cell: Cell, point: StepPoint) -> Partials:
    """Differentiate a step of a cell where it was made.

    Raises:
        TypeError: nothing is written down for this cell.
    """
    if not has_partials(cell):
        raise TypeError(f"no derivatives are written down for the cell {type(cell).__name__}")
    return _PARTIALS[type(cell)](cell, point)


def _elman(cell: Elman, point: StepPoint) -> Partials:
    """With a = drive + u: h' = σ(a), ∂h'/∂a = σ'(a)."""
    import torch

    with torch.enable_grad():
        a = (point.drive + point.product).requires_grad_()
        (slope,) = torch.autograd.grad(cell.function(a).sum(), a)
    by_product = slope[..., None, None, :]
    return Partials(by_product, by_product, None, {})


def _lstm(_cell: LSTM, point: StepPoint) -> Partials:
    """With c' = f c + i g: h' = o tanh c'."""
    import torch

    a_i, a_f, a_g, a_o = (point.drive + point.product).chunk(4, dim=-1)
    i, f, g, o, c = a_i.sigmoid(), a_f.sigmoid(), a_g.tanh(), a_o.sigmoid(), point.before[1]
    tanh_c = (f * c + i * g).tanh()
    h_by_c = o * (1 - tanh_c.square())
    zero = torch.zeros_like(c)
    c_by_gates = torch.stack([g * i * (1 - i), c * f * (1 - f), i * (1 - g.square()), zero], dim=-2)
    h_by_gates = h_by_c.unsqueeze(-2) * c_by_gates
    h_by_gates[..., 3, :] = tanh_c * o * (1 - o)
    by_product = torch.stack([h_by_gates, c_by_gates], dim=-3)
    by_state = torch.stack([torch.stack([zero, h_by_c * f], dim=-2), torch.stack([zero, f], dim=-2)], dim=-3)
    return Partials(by_product, by_product, by_state, {"i": i, "f": f, "o": o})


def _gru(_cell: GRU, point: StepPoint) -> Partials:
    """With n = tanh(drive_n + r m), m = u_n + b_hn: h' = (1 - z) n + z h."""
    import torch

    assert point.bias_hn is not None
    (drive_r, drive_z, drive_n), (u_r, u_z, u_n) = point.drive.chunk(3, dim=-1), point.product.chunk(3, dim=-1)
    r, z, m, h = (drive_r + u_r).sigmoid(), (drive_z + u_z).sigmoid(), u_n + point.bias_hn, point.before[0]
    n = (drive_n + r * m).tanh()
    by_n = (1 - z) * (1 - n.square())
    by_r, by_z = by_n * m * r * (1 - r), (h - n) * z * (1 - z)
    by_product = torch.stack([by_r, by_z, by_n * r], dim=-2).unsqueeze(-3)
    by_drive = torch.stack([by_r, by_z, by_n], dim=-2).unsqueeze(-3)
    return Partials(by_product, by_drive, z[..., None, None, :], {"r": r, "z": z})


_PARTIALS: dict[type, Callable[[Any, StepPoint], Partials]] = {Elman: _elman, LSTM: _lstm, GRU: _gru}

_GATE_NAMES: dict[type, tuple[str, ...]] = {LSTM: ("i", "f", "o"), GRU: ("r", "z")}

_KEEPING_GATES: dict[type, str] = {LSTM: "f", GRU: "z"}
