"""The cells: one step of each, written as its equation.

A name ends in its shape. S stack (several nets trained or measured at once), T timesteps, B sequences, I inputs,
H hidden units, G = gates x H. One definition serves a single net, whose weights are (G, H) and states (B, H), and
a stack, (S, G, H) and (S, B, H): a leading S may stand before every shape written here.

The part that comes from the input, `drive_BG = x_BI weight_ih_GIᵀ + bias_G`, does not depend on the state, so it is
taken for all timesteps at once (rnnlab.nets.unroll) and handed to the step.

Sources: Elman 1990; Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; Cho et al. 2014 with
the reset gate behind the recurrent product, as in cuDNN and PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

State = tuple[Tensor, ...]
"""What a cell carries from step to step: (h_BH,), and for an LSTM (h_BH, c_BH)."""


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer; a leading S where nets are stacked."""

    weight_ih: Tensor  # (G, I)
    weight_hh: Tensor  # (G, H)
    bias: Tensor  # (G)
    bias_hn: Tensor | None = None  # (H), GRU only: inside the reset product


class Cell(Protocol):
    """One step of a recurrent net."""

    gates: ClassVar[int]
    state_size: ClassVar[int]
    states: ClassVar[tuple[str, ...]]
    governing_matrix: ClassVar[str | None]
    """The weight whose powers govern its gradients, where there is a single one."""
    why_no_matrix: ClassVar[str]

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give the state after one more timestep."""


def identity(x: Tensor) -> Tensor:
    """Leave x as it is: the nonlinearity of a linear net."""
    return x


NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "identity": identity,
}


@dataclass(frozen=True)
class Elman:
    """h_t = σ(W_hh h_{t-1} + W_ih x_t + b), with any callable σ."""

    gates: ClassVar[int] = 1
    state_size: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    governing_matrix: ClassVar[str | None] = "weight_hh"
    why_no_matrix: ClassVar[str] = ""
    nonlinearity: Callable[[Tensor], Tensor] = torch.tanh

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t,)."""
        (h_BH,) = state
        return (self.nonlinearity(add_product(drive_BG, h_BH, weights.weight_hh)),)


@dataclass(frozen=True)
class LSTM:
    """Long short-term memory; gates in PyTorch's order, input, forget, candidate, output.

    i, f, o = sigmoid(...), g = tanh(...) of W_hh h_{t-1} + W_ih x_t + b;
    c_t = f c_{t-1} + i g;  h_t = o tanh(c_t).
    """

    gates: ClassVar[int] = 4
    state_size: ClassVar[int] = 2
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    governing_matrix: ClassVar[str | None] = None
    why_no_matrix: ClassVar[str] = "no single matrix governs an LSTM"

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t, c_t)."""
        h_BH, c_BH = state
        i_BH, f_BH, g_BH, o_BH = add_product(drive_BG, h_BH, weights.weight_hh).chunk(4, dim=-1)
        c_BH = torch.sigmoid(f_BH) * c_BH + torch.sigmoid(i_BH) * torch.tanh(g_BH)
        return torch.sigmoid(o_BH) * torch.tanh(c_BH), c_BH


@dataclass(frozen=True)
class GRU:
    """Gated recurrent unit; gates in PyTorch's order, reset, update, candidate.

    r, z = sigmoid(W_hh h_{t-1} + W_ih x_t + b);  n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn));
    h_t = (1 - z) n + z h_{t-1}.
    """

    gates: ClassVar[int] = 3
    state_size: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    governing_matrix: ClassVar[str | None] = None
    why_no_matrix: ClassVar[str] = "no single matrix governs a GRU"

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t,)."""
        (h_BH,) = state
        assert weights.bias_hn is not None
        hidden_size = h_BH.shape[-1]
        gates_BG = h_BH @ weights.weight_hh.mT
        drive_rz, drive_n = drive_BG.split((2 * hidden_size, hidden_size), dim=-1)
        gates_rz, gates_n = gates_BG.split((2 * hidden_size, hidden_size), dim=-1)
        r_BH, z_BH = torch.sigmoid(drive_rz + gates_rz).chunk(2, dim=-1)
        n_BH = torch.tanh(drive_n + r_BH * (gates_n + weights.bias_hn.unsqueeze(-2)))
        return (n_BH + z_BH * (h_BH - n_BH),)


def make_cell(name: str, nonlinearity: str | None = None) -> Cell:
    """Give the cell `elman`, `lstm` or `gru`; the nonlinearity is an Elman net's: tanh, relu or identity."""
    if name == "elman":
        return Elman(NONLINEARITIES[nonlinearity or "tanh"])
    return LSTM() if name == "lstm" else GRU()


def add_product(base_BG: Tensor, x_BI: Tensor, weight_GI: Tensor) -> Tensor:
    """Give base + x weightᵀ in one operation: for nets this small its overhead is what counts."""
    product = torch.addmm if x_BI.dim() == 2 else torch.baddbmm
    return product(base_BG, x_BI, weight_GI.mT)
