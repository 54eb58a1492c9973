"""A net run over its sequences, with every state kept as a node of the graph, so that dL/dh_t can be asked for.

Shapes as in rnnlab.nets.cells; inside, time comes before batch: (T, B, I), or (S, T, B, I) for a stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlab.nets.cells import Cell, LayerWeights, State, project
from rnnlab.nets.parameters import layer_weights


@dataclass(frozen=True)
class Trajectory:
    """What a net did: `states[layer][t]` is (h,) or (h, c), each (B, H); predictions are (B, T, O)."""

    states: list[list[State]]
    predictions_BTO: Tensor


def run_layer(cell: Cell, weights: LayerWeights, x_TBI: Tensor, truncate: int | None = None) -> list[State]:
    """Run one layer from h_0 = 0 over all timesteps; gives the state after each.

    With `truncate` no gradient passes from the timesteps of one block of that length to those of the block before.
    """
    drives = cell.drive(weights, x_TBI).unbind(dim=-3)
    state = cell.begin(weights, drives[0])
    states = []
    for t, drive_BG in enumerate(drives):
        if truncate is not None and t and t % truncate == 0:
            state = tuple(part.detach() for part in state)
        state = cell.step(drive_BG, state, weights)
        states.append(state)
    return states


def stack_time(states: list[State]) -> Tensor:
    """Join the hidden states of a layer: (T, B, H)."""
    return torch.stack([state[0] for state in states], dim=-3)


def run_net(
    cell: Cell, layers: int, weights: Mapping[str, Tensor], x_BTI: Tensor, truncate: int | None = None
) -> Trajectory:
    """Run a net, or a stack of nets, over whole sequences.

    Args:
        cell: the step of every layer.
        layers: L.
        weights: by name, as rnnlab.nets.parameters lists them; a leading S in each for a stack.
        x_BTI: inputs, (B, T, I) or (S, B, T, I).
        truncate: the length of the blocks of timesteps between which no gradient passes; None for one block.

    Returns:
        The states of every layer and timestep, and the predictions, batch first.
    """
    x_TBI = x_BTI.transpose(-3, -2)
    states = []
    for layer in range(layers):
        states.append(run_layer(cell, layer_weights(weights, layer), x_TBI, truncate))
        x_TBI = stack_time(states[-1])
    predictions_TBO = project(x_TBI, weights["readout_weight"], weights["readout_bias"])
    return Trajectory(states, predictions_TBO.transpose(-3, -2))
