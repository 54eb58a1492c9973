"""Recurrent modules written out by hand, a sequence at a time: what `watch` must agree with.

Nothing here is batched, packed or fused: each sequence of a batch is run alone, from the equations in PyTorch's
documentation, and its own loss is differentiated alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn


@dataclass
class HandState:
    """The states of one sequence, by layer and direction: h_t and c_t in the order of time."""

    outputs: list[Tensor]
    h: dict[tuple[int, int], list[Tensor]] = field(default_factory=dict)
    c: dict[tuple[int, int], list[Tensor]] = field(default_factory=dict)

    def last(self, states: dict[tuple[int, int], list[Tensor]]) -> list[Tensor]:
        """Give the state after the last step of each layer and direction."""
        return [each[0] if direction else each[-1] for (_, direction), each in states.items()]


Parameters = Callable[[str], Tensor | None]


def step_by_hand(kind: str, x_I: Tensor, h_H: Tensor, c_H: Tensor, get: Parameters) -> tuple[Tensor, Tensor]:
    """Make one step of one sequence, gate by gate."""
    hidden = c_H.shape[0]

    def gate(number: int) -> tuple[Tensor, Tensor]:
        rows = slice(number * hidden, (number + 1) * hidden)
        parts = []
        for name, vector in (("ih", x_I), ("hh", h_H)):
            weight, bias = get(f"weight_{name}"), get(f"bias_{name}")
            assert weight is not None
            parts.append(weight[rows] @ vector + (0 if bias is None else bias[rows]))
        return parts[0], parts[1]

    def add(number: int) -> Tensor:
        from_x, from_h = gate(number)
        return from_x + from_h

    if kind in {"tanh", "relu"}:
        a_H = add(0)
        return (torch.tanh(a_H) if kind == "tanh" else torch.where(a_H > 0, a_H, 0.0)), c_H
    if kind == "GRU":
        r_H, z_H = (torch.special.expit(add(number)) for number in (0, 1))
        from_x, from_h = gate(2)
        n_H = torch.tanh(from_x + r_H * from_h)
        return (1 - z_H) * n_H + z_H * h_H, c_H
    i_H, f_H, o_H = (torch.special.expit(add(number)) for number in (0, 1, 3))
    c_H = f_H * c_H + i_H * torch.tanh(add(2))
    c_H.retain_grad()
    h_H = o_H * torch.tanh(c_H)
    projection = get("weight_hr")
    return (h_H if projection is None else projection @ h_H), c_H


def kind_of(module: nn.Module) -> str:
    """Name the equations of a module or cell: `tanh`, `relu`, `LSTM`, `GRU`."""
    name = type(module).__name__.removesuffix("Cell")
    return str(module.nonlinearity) if name == "RNN" else name


def _parameter(module: nn.Module, suffix: str, name: str) -> Tensor | None:
    found: Tensor | None = getattr(module, name + suffix, None)
    return found


def run_by_hand(module: nn.RNNBase, x_TI: Tensor, h_0: Tensor, c_0: Tensor) -> HandState:
    """Run one sequence through all layers and directions; the states before are (L D, H)."""
    state, below = HandState([]), list(x_TI)
    directions = 2 if module.bidirectional else 1
    for layer in range(module.num_layers):
        for direction in range(directions):
            suffix = f"_l{layer}{'_reverse' if direction else ''}"
            h_H, c_H = h_0[layer * directions + direction], c_0[layer * directions + direction]
            steps: list[tuple[Tensor, Tensor]] = []
            for x_I in reversed(below) if direction else below:
                h_H, c_H = step_by_hand(kind_of(module), x_I, h_H, c_H, partial(_parameter, module, suffix))
                h_H.retain_grad()
                steps.append((h_H, c_H))
            steps = steps[::-1] if direction else steps
            state.h[layer, direction] = [h for h, _ in steps]
            state.c[layer, direction] = [c for _, c in steps]
        below = [
            torch.cat([state.h[layer, direction][t] for direction in range(directions)]) for t in range(len(below))
        ]
    state.outputs = below
    return state


def gradients(states: dict[tuple[int, int], list[Tensor]]) -> Tensor:
    """Give the gradients that came to states, (L D, T, H); zero where none came."""
    rows = [
        torch.stack([torch.zeros_like(state) if state.grad is None else state.grad for state in each])
        for each in states.values()
    ]
    return torch.stack(rows)
