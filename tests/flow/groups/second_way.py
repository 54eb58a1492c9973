"""The cells once more, in plain PyTorch for one net, with a recurrent matrix of its own for every use.

Shares no code with rnnlab.nets and rnnlab.flow: what autograd gives of it is the second way to every quantity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from rnnlab.nets import Architecture
from tests.nets.settings import nonlinearity_of

SIGMAS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "identity": lambda a: a * 1.0,
}


@dataclass
class Unrolled:
    """What a forward pass leaves: `[layer][t]` with t from 0; copies and states are nodes of the graph."""

    architecture: Architecture
    weights: dict[str, Tensor]
    states: list[list[Tensor]] = field(default_factory=list)  # (B, N), h first
    inputs: list[list[Tensor]] = field(default_factory=list)  # (B, I) of each layer
    copies: list[list[Tensor]] = field(default_factory=list)  # the W_hh used at t
    activations: list[list[dict[str, Tensor]]] = field(default_factory=list)
    predictions: list[Tensor] = field(default_factory=list)  # (B, O) at each t


def unroll(architecture: Architecture, weights: dict[str, np.ndarray], inputs_BTI: np.ndarray) -> Unrolled:
    """Run one net."""
    run = Unrolled(architecture, {name: torch.from_numpy(one.astype(np.float64)) for name, one in weights.items()})
    below = [torch.from_numpy(inputs_BTI[:, t].astype(np.float64)) for t in range(inputs_BTI.shape[1])]
    for layer in range(architecture.layers):
        hidden = architecture.hidden_size
        size = 2 * hidden if architecture.cell.name == "lstm" else hidden
        state = torch.zeros(len(inputs_BTI), size, dtype=torch.float64, requires_grad=True)
        run.inputs.append(below)
        run.states.append([])
        run.copies.append([])
        run.activations.append([])
        for x in below:
            copy = run.weights[f"weight_hh_l{layer}"].clone().requires_grad_()
            state, activations = step(run, layer, x, state, copy)
            run.states[-1].append(state)
            run.copies[-1].append(copy)
            run.activations[-1].append(activations)
        below = [state[:, :hidden] for state in run.states[-1]]
    run.predictions = [h @ run.weights["readout_weight"].T + run.weights["readout_bias"] for h in below]
    return run


def step(
    run: Unrolled, layer: int, x_BI: Tensor, state_BN: Tensor, matrix_GH: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Make one step of one layer; gives the new state, and its gates (of an Elman net, its pre-activation)."""
    hidden = run.architecture.hidden_size
    w_ih, bias = run.weights[f"weight_ih_l{layer}"], run.weights[f"bias_l{layer}"]
    h = state_BN[:, :hidden]

    def rows(gate: int) -> Tensor:
        its = slice(gate * hidden, (gate + 1) * hidden)
        return x_BI @ w_ih[its].T + bias[its] + h @ matrix_GH[its].T

    if run.architecture.cell.name == "elman":
        a = rows(0)
        return SIGMAS[nonlinearity_of(run.architecture) or ""](a), {"a": a}
    if run.architecture.cell.name == "lstm":
        i, f, g, o = torch.sigmoid(rows(0)), torch.sigmoid(rows(1)), torch.tanh(rows(2)), torch.sigmoid(rows(3))
        c = f * state_BN[:, hidden:] + i * g
        return torch.cat([o * torch.tanh(c), c], dim=1), {"i": i, "f": f, "o": o}
    r, z = torch.sigmoid(rows(0)), torch.sigmoid(rows(1))
    its = slice(2 * hidden, 3 * hidden)
    carried = h @ matrix_GH[its].T + run.weights[f"bias_hn_l{layer}"]
    n = torch.tanh(x_BI @ w_ih[its].T + bias[its] + r * carried)
    return (1 - z) * n + z * h, {"r": r, "z": z}


def losses(run: Unrolled, targets_BTO: np.ndarray, last_timestep_only: bool) -> list[Tensor]:
    """Give the part of each sequence's squared error that stands at each timestep, (B,)."""
    steps = len(run.predictions)
    targets = torch.from_numpy(targets_BTO.astype(np.float64))
    errors = [(run.predictions[t] - targets[:, t]).square().mean(dim=1) for t in range(steps)]
    if last_timestep_only:
        return [0.0 * error for error in errors[:-1]] + errors[-1:]
    return [error / steps for error in errors]


def jacobians(run: Unrolled, layer: int, p: int) -> list[np.ndarray]:
    """Give the dense Jacobian of every step of one layer for one sequence, by autograd, (N, N) each."""
    matrix_GH = run.weights[f"weight_hh_l{layer}"]
    found = []
    for t, x in enumerate(run.inputs[layer]):
        before = run.states[layer][t - 1][p] if t else torch.zeros_like(run.states[layer][0][p])

        one = partial(_new_state, run, layer, x[p].detach(), matrix_GH)
        found.append(torch.autograd.functional.jacobian(one, before.detach()).numpy())
    return found


def _new_state(run: Unrolled, layer: int, x_I: Tensor, matrix_GH: Tensor, state_N: Tensor) -> Tensor:
    return step(run, layer, x_I[None], state_N[None], matrix_GH)[0][0]
