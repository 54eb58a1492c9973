"""The Jacobians of single steps: what one timestep, or one layer, does to a gradient that passes through it.

    J_t = ∂s_t / ∂s_{t-1} (through time),   ∂s_t / ∂x_t (from the layer below, or from the inputs)

with s_t the whole state, h_t or for an LSTM (h_t, c_t). Their spectral norm bounds how much one step can stretch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from rnnlab.nets import Architecture, Cell, LayerWeights, State, run_layer
from rnnlab.nets.parameters import layer_weights
from rnnlab.nets.unroll import stack_time


@dataclass(frozen=True)
class JacobianNorms:
    """Spectral norms, the mean over sequences, each (L, T)."""

    through_time_LT: Tensor
    from_below_LT: Tensor


def jacobian_norms(architecture: Architecture, weights: Mapping[str, Tensor], inputs_BTI: Tensor) -> JacobianNorms:
    """Measure every step of one net on some sequences.

    Args:
        architecture: the shape of the net.
        weights: of a single net, by name.
        inputs_BTI: the sequences.
    """
    cell, x_TBI = architecture.cell, inputs_BTI.transpose(0, 1)
    through_time, from_below = [], []
    for layer in range(architecture.layers):
        its = layer_weights(weights, layer)
        states = run_layer(cell, its, x_TBI)
        zero = tuple(torch.zeros_like(part) for part in states[0])
        norms = [_step_norms(cell, its, x_BI, before) for x_BI, before in zip(x_TBI, [zero, *states[:-1]], strict=True)]
        through_time.append(torch.stack([norm for norm, _ in norms]))
        from_below.append(torch.stack([norm for _, norm in norms]))
        x_TBI = stack_time(states)
    return JacobianNorms(torch.stack(through_time), torch.stack(from_below))


def _step_norms(cell: Cell, weights: LayerWeights, x_BI: Tensor, before: State) -> tuple[Tensor, Tensor]:
    """Give the mean norms of ∂s_t/∂s_{t-1} and ∂s_t/∂x_t."""
    joined_BN = torch.cat(before, dim=-1)
    sizes = [part.shape[-1] for part in before]

    def step(joined_N: Tensor, x_I: Tensor) -> Tensor:
        drive_BG = cell.drive(weights, x_I[None, None])[0]
        state = tuple(part[None] for part in joined_N.split(sizes))
        return torch.cat(cell.step(drive_BG, state, weights), dim=-1)[0]

    by_state, by_input = vmap(jacrev(step, argnums=(0, 1)))(joined_BN, x_BI)
    return _mean_norm(by_state), _mean_norm(by_input)


def _mean_norm(jacobians_BNM: Tensor) -> Tensor:
    largest_B: Tensor = torch.linalg.svdvals(jacobians_BNM)[:, 0]
    return largest_B.mean()
