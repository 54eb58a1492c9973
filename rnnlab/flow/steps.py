"""Every step of a stack of nets, linearised where its trajectory passes: Jacobians of the full state in all their uses.

    J_t = ∂s_t / ∂s_{t-1},  s_t = h_t, or (h_t, c_t) of an LSTM, of one layer with its input held fixed

A gradient is pulled back through a step (Jᵀ v), tangents are pushed forward (J Q), and only where singular values are
wanted is J formed. S stack, T timesteps, B sequences, A states, G gates, H units, N = A H, I inputs of the layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rnnlab.flow.partials import partials
from rnnlab.nets import Architecture, run_layer
from rnnlab.nets.parameters import layer_weights
from rnnlab.nets.partials import Partials, StepPoint
from rnnlab.nets.unroll import stack_time


@dataclass(frozen=True)
class Pulled:
    """A gradient for a step's new state, pulled back through the step; rows stand for timesteps or sequences."""

    product: Tensor  # for W_hh h_{t-1}, (..., B, G H)
    state: Tensor  # for s_{t-1}, (..., B, A, H)
    drive: Tensor  # for W_ih x_t + b, (..., B, G H)


@dataclass(frozen=True)
class LayerSteps:
    """All steps of one layer on some sequences.

    Attributes:
        weight_ih_SGI: the matrix of its inputs.
        weight_hh_SGH: its recurrent matrix, (S, 0, H) of a cell without one.
        before_STBH: h_{t-1}.
        partials: the derivatives of each step, with the leading dimensions (S, T, B).
    """

    weight_ih_SGI: Tensor
    weight_hh_SGH: Tensor
    before_STBH: Tensor
    partials: Partials

    @property
    def timesteps(self) -> int:
        """T."""
        return self.before_STBH.shape[1]

    @property
    def states(self) -> int:
        """A, how many states there are of H units each."""
        return self.partials.by_product.shape[-3]

    @property
    def state_size(self) -> int:
        """N, the size of the full state."""
        return self.states * self.before_STBH.shape[-1]

    def narrow(self, snapshots: slice, sequences: slice) -> LayerSteps:
        """Take some nets and sequences, as views."""
        its = self.partials
        return LayerSteps(
            self.weight_ih_SGI[snapshots],
            self.weight_hh_SGH[snapshots],
            self.before_STBH[snapshots, :, sequences],
            replace(
                its,
                by_product=its.by_product[snapshots, :, sequences],
                by_drive=its.by_drive[snapshots, :, sequences],
                by_state=None if its.by_state is None else its.by_state[snapshots, :, sequences],
                gates={name: gate[snapshots, :, sequences] for name, gate in its.gates.items()},
            ),
        )

    def pull(self, gradient_STBAH: Tensor, times: slice) -> Pulled:
        """Pull gradients for the states after some steps back through these steps."""
        its = self.partials
        product_STBG = _weighted(gradient_STBAH, its.by_product[:, times])
        same = its.by_drive is its.by_product
        drive_STBG = product_STBG if same else _weighted(gradient_STBAH, its.by_drive[:, times])
        h_STBH = _rows_times(product_STBG, self.weight_hh_SGH)
        if its.by_state is None:
            return Pulled(product_STBG, h_STBH.unsqueeze(-2), drive_STBG)
        state_STBAH = (gradient_STBAH.unsqueeze(-2) * its.by_state[:, times]).sum(dim=-3)
        state_STBAH[..., 0, :] += h_STBH
        return Pulled(product_STBG, state_STBAH, drive_STBG)

    def to_input(self, drive_STBG: Tensor) -> Tensor:
        """Give the gradient for the layer's inputs, (S, T, B, I), from that for its drive."""
        return _rows_times(drive_STBG, self.weight_ih_SGI)

    def weight_gradient(self, pulled: Pulled, times: slice) -> Tensor:
        """Give the gradient for the recurrent matrix, summed over some steps and all sequences, (S, G H)."""
        rows_SRG, before_SRH = pulled.product.flatten(1, 2), self.before_STBH[:, times].flatten(1, 2)
        return torch.bmm(rows_SRG.mT, before_SRH).flatten(1)

    def push(self, tangents_SBNK: Tensor, t: int) -> Tensor:
        """Give J Q for tangents Q, (S, B, N, K), of the state before step t (from 0)."""
        its, units = self.partials, self.before_STBH.shape[-1]
        tangents_SBAHK = tangents_SBNK.unflatten(-2, (-1, units))
        products_SBGHK = (self.weight_hh_SGH.unsqueeze(1) @ tangents_SBAHK[:, :, 0]).unflatten(-2, (-1, units))
        pushed: Tensor = (its.by_product[:, t, ..., None] * products_SBGHK.unsqueeze(2)).sum(dim=3)
        if its.by_state is not None:
            pushed = pushed + (its.by_state[:, t, ..., None] * tangents_SBAHK.unsqueeze(2)).sum(dim=3)
        return pushed.flatten(-3, -2)

    def jacobian(self, t: int) -> Tensor:
        """Give J of step t (from 0), (S, B, N, N)."""
        snapshots, _, sequences, _ = self.before_STBH.shape
        identity_NN = torch.eye(self.state_size, dtype=self.before_STBH.dtype)
        return self.push(identity_NN.expand(snapshots, sequences, -1, -1), t)


def linear_steps(architecture: Architecture, weights: Mapping[str, Tensor], inputs_BTI: Tensor) -> list[LayerSteps]:
    """Run a stack of nets from h_0 = 0 and linearise every step of every layer.

    Args:
        architecture: the shape of the nets.
        weights: by name, each (S, *shape).
        inputs_BTI: the sequences, in the type of the weights; (S, B, T, I) where each net has its own.

    Raises:
        TypeError: the derivatives of the cell are not known (`Cell.linearise`).
    """
    cell, stack_size = architecture.cell, len(weights["readout_bias"])
    x_STBI = inputs_BTI.transpose(-3, -2).expand(stack_size, -1, -1, -1)
    steps = []
    with torch.no_grad():
        for layer in range(architecture.layers):
            its = layer_weights(weights, layer)
            after = run_layer(cell, its, x_STBI)
            drive = cell.drive(its, x_STBI)
            first = cell.begin(its, drive[:, 0])
            before = tuple(torch.stack(parts, dim=1) for parts in zip(first, *after[:-1], strict=False))
            none_S0H = before[0].new_zeros(stack_size, 0, architecture.hidden_size)
            matrix_SGH = cell.recurrent_matrix(its) if cell.has_recurrent_matrix else none_S0H
            product = _rows_times(before[0], matrix_SGH.mT)
            vectors = {name: weight[:, None, None, :] for name, weight in its.items() if weight.dim() == 2}
            derivatives = partials(cell, StepPoint(drive, product, before, vectors), its)
            steps.append(LayerSteps(its["weight_ih"], matrix_SGH, before[0], derivatives))
            x_STBI = stack_time(after)
    return steps


def _weighted(gradient: Tensor, by_gates: Tensor) -> Tensor:
    """Give Σ_a gradient_a ∂s_a/∂u_g, (..., G H)."""
    if by_gates.shape[-3] == 1:
        return (gradient * by_gates.squeeze(-3)).flatten(-2, -1)
    return (gradient.unsqueeze(-2) * by_gates).sum(dim=-3).flatten(-2, -1)


def _rows_times(rows: Tensor, matrix_SGH: Tensor) -> Tensor:
    """Multiply rows (S, ..., G) from the right with each net's matrix."""
    return torch.bmm(rows.flatten(1, -2), matrix_SGH).reshape(*rows.shape[:-1], matrix_SGH.shape[-1])
