"""A backward pass that keeps apart where each gradient comes from.

    dL/dh_t = direct_t + back_t

direct: through this timestep's own readout, and below the top layer through the layer above at t;
back: through s_{t+1} of the same layer. Each is taken by its own formula, never as a difference, and a power of two is
taken out of each sequence at each step, so that no gradient is ever lost. S stack, T timesteps, B sequences, H units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlab.flow.scaling import added, log_of, normalised, normalised_again, scaled
from rnnlab.flow.steps import LayerSteps
from rnnlab.nets.norms import norm

Scaled = tuple[Tensor, Tensor]
"""Numbers and the exponent of the power of two that belongs to them (rnnlab.flow.scaling)."""


@dataclass(frozen=True)
class Split:
    """The two parts of dL_p/dh_t of one layer, and logarithms along the way back, -inf for a true zero."""

    direct_STBH: Tensor
    back_STBH: Tensor
    log_h_STB: Tensor  # ln ‖dL/dh_t‖, also where that norm is no float64
    log_total_STB: Tensor  # ln of the norm of dL/ds_t, s_t the full state
    log_product_STB: Tensor  # ln ‖dL/da_t‖, a_t the pre-activations: of an Elman net D v
    log_back_STB: Tensor  # ln of the norm of what passes to s_{t-1}: of an Elman net Wᵀ D v


def split_gradients(layers: Sequence[LayerSteps], readout_SOH: Tensor, losses_STBO: Tensor) -> list[Split]:
    """Carry the gradient of each sequence's own loss back through time, layer by layer.

    Args:
        layers: the linearised steps.
        readout_SOH: the readout's matrix.
        losses_STBO: the gradient of the loss for the predictions.
    """
    found: list[Split] = []
    direct = normalised(losses_STBO @ readout_SOH.unsqueeze(1), (-1,))
    for steps in reversed(layers):
        split, direct = _of_layer(steps, direct)
        found.append(split)
    return found[::-1]


def _of_layer(steps: LayerSteps, direct: Scaled) -> tuple[Split, Scaled]:
    """Give one layer's parts, and what it hands down: the direct part of the layer below."""
    stack_size, timesteps, sequences, units = steps.before_STBH.shape
    back = normalised(direct[0].new_zeros((stack_size, sequences, steps.states, units)), (-2, -1))
    backs, totals, pulls = [], [], []
    for t in reversed(range(timesteps)):
        backs.append(back)
        total, exponent = normalised_again(*added(_as_state(direct, t, steps.states), back), (-2, -1))
        pulled = steps.pull(total.unsqueeze(1), slice(t, t + 1))
        back = normalised_again(pulled.state[:, 0], exponent, (-2, -1))
        totals.append((total, exponent))
        pulls.append(pulled)
    total, exponent = _join(totals)
    backward, product, drive = (
        torch.cat([getattr(pulled, part) for pulled in reversed(pulls)], dim=1)
        for part in ("state", "product", "drive")
    )
    exponent_STB = exponent[..., 0, 0]
    split = Split(
        direct_STBH=scaled(*direct),
        back_STBH=scaled(*_join(backs))[..., 0, :],
        log_h_STB=log_of(norm(total[..., 0, :]), exponent_STB),
        log_total_STB=log_of(norm(total.flatten(-2)), exponent_STB),
        log_product_STB=log_of(norm(product), exponent_STB),
        log_back_STB=log_of(norm(backward.flatten(-2)), exponent_STB),
    )
    return split, normalised_again(steps.to_input(drive), exponent[..., 0], (-1,))


def _as_state(direct: Scaled, t: int, states: int) -> Scaled:
    """Give the direct part at one timestep as a gradient for the full state, (S, B, A, H)."""
    values_SBH, exponent_SB1 = direct[0][:, t], direct[1][:, t]
    others = values_SBH.new_zeros((*values_SBH.shape[:-1], states - 1, values_SBH.shape[-1]))
    return torch.cat([values_SBH.unsqueeze(-2), others], dim=-2), exponent_SB1.unsqueeze(-1)


def _join(by_time: Sequence[Scaled]) -> Scaled:
    """Stack over time what was found from the last timestep to the first."""
    values, exponents = zip(*reversed(by_time), strict=True)
    return torch.stack(values, dim=1), torch.stack(exponents, dim=1)
