"""The gradient of each sequence's loss with respect to every state and parameter.

    dL_p/dh_t,  with L_p the loss of probe sequence p alone

Sequences do not see each other, so one backward pass from the sum of all L_p gives each sequence its own gradient,
with no hidden 1/B. The derivative is total: through every later timestep and every layer above. For an LSTM,
dL_p/dh_t holds c_t fixed, and dL_p/dc_t includes the path of c_t through h_t.

S stack (snapshots of one run, or nets), B sequences, T timesteps, L layers, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlab.nets import Architecture, State, run_net
from rnnlab.tasks.losses import SequenceLoss

Nodes = list[list[Tensor]]
"""One kind of state, or its gradients: `[layer][t]` is (S, B, H)."""


@dataclass(frozen=True)
class Flow:
    """What one backward pass through a stack gives; of the cells' states only an LSTM has any.

    States and gradients are kept as the pass left them, and joined where they are asked for: to measure a whole
    training, their norms are enough, and copying them would take as long as the arithmetic.
    """

    h: Nodes  # hidden states
    dL_dh: Nodes  # gradient of each sequence's own loss
    dL_dc: Nodes | None  # LSTM: the same for the cell states
    loss_SB: Tensor  # loss of each sequence
    parameter_gradients: dict[str, Tensor]  # of the mean loss, each (S, *shape)

    @property
    def h_SLTBH(self) -> Tensor:
        """Give the hidden states."""
        return _join(self.h)

    @property
    def dL_dh_SLTBH(self) -> Tensor:
        """Give the gradients for the hidden states."""
        return _join(self.dL_dh)

    @property
    def dL_dc_SLTBH(self) -> Tensor | None:
        """Give the gradients for the cell states."""
        return None if self.dL_dc is None else _join(self.dL_dc)


def gradient_flow(
    architecture: Architecture,
    weights: Mapping[str, Tensor],
    inputs_BTI: Tensor,
    targets: Tensor,
    sequence_loss: SequenceLoss,
) -> Flow:
    """Run a stack of nets forward and backward over the same sequences.

    Args:
        architecture: the shape of the nets.
        weights: by name, each (S, *shape).
        inputs_BTI: the sequences, in the type of the weights.
        targets: their targets, as the loss takes them.
        sequence_loss: the loss of each sequence.

    Returns:
        States, gradients and losses, in the type of the weights.
    """
    stack_size = weights["readout_bias"].shape[0]
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    x_SBTI = inputs_BTI.expand(stack_size, *inputs_BTI.shape)
    trajectory = run_net(architecture.cell, architecture.layers, leaves, x_SBTI)
    loss_SB = sequence_loss(trajectory.predictions_BTO, targets.expand(stack_size, *targets.shape))
    nodes = [node for layer in trajectory.states for state in layer for node in state]
    # zero for a state that nothing reads, such as an imaginary part at the last timestep
    gradients = torch.autograd.grad(loss_SB.sum(), [*nodes, *leaves.values()], materialize_grads=True)
    state_gradients = _regroup(trajectory.states, gradients[: len(nodes)])
    return Flow(
        h=[[state[0].detach() for state in layer] for layer in trajectory.states],
        dL_dh=_pick(state_gradients, 0),
        dL_dc=_pick(state_gradients, architecture.cell.states.index("c")) if "c" in architecture.cell.states else None,
        loss_SB=loss_SB.detach(),
        parameter_gradients={
            name: gradient / inputs_BTI.shape[0] for name, gradient in zip(leaves, gradients[len(nodes) :], strict=True)
        },
    )


def _regroup(states: list[list[State]], flat: tuple[Tensor, ...]) -> list[list[State]]:
    """Give the flat list the shape of `states`."""
    rest = iter(flat)
    return [[tuple(next(rest) for _ in state) for state in layer] for layer in states]


def _pick(states: list[list[State]], index: int) -> Nodes:
    """Take one kind of state."""
    return [[state[index] for state in layer] for layer in states]


def _join(nodes: Nodes) -> Tensor:
    """Join (S, B, H) at each layer and timestep to (S, L, T, B, H)."""
    flat = torch.stack([node for layer in nodes for node in layer], dim=1)
    return flat.reshape(len(flat), len(nodes), -1, *flat.shape[2:])
